/* SPDX-License-Identifier: MIT */
/*
 * savefile.h - replace a file whole: a temporary beside it, fsync, rename, fsync of the folder.
 *
 * Whoever reads the path sees the old file or the new one.  A failure or savefile_cancel leaves the old one and no
 * temporary.  The new file keeps the mode of the old, else 0666 less the umask.  Symbolic links are followed: the file
 * they name is replaced.
 */
#ifndef BASE_SAVEFILE_H
#define BASE_SAVEFILE_H

#include <stddef.h>

#include "base/error.h"

int savefile_write(const char *path, const void *bytes, size_t n, struct error *why);

/* The whole of a file; free(3) it.  NULL with a sentence: missing, a directory, over `max` bytes, unreadable. */
char *savefile_read(const char *path, size_t max, size_t *n, struct error *why);

/*
 * An advisory lock on path + ".lock" for the life of the process (flock).  The descriptor, or -1: "PATH is in use by process 123".
 * Crash-safe: the lock goes with the process.
 */
int savefile_lock(const char *path, struct error *why);

#endif
