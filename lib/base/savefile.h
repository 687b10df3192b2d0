/* SPDX-License-Identifier: MIT */
/*
 * savefile.h - replace a file whole: a temporary beside it, fsync, rename, fsync of the folder.
 *
 * Whoever reads the path sees the old file or the new one, also if the process or the machine stops in between.  A
 * failure leaves the old one (the new one where only the folder could not be synced) and no temporary; a process that is
 * killed may leave one, PATH.sml.tmp, which goes at the next write.  The new file keeps the mode of the old (and, where
 * that is allowed, its owner), else it has 0666 less the umask; a file that may not be written is not replaced either.
 * Symbolic links are followed: the file they name is replaced.
 */
#ifndef BASE_SAVEFILE_H
#define BASE_SAVEFILE_H

#include <stddef.h>

#include "base/error.h"

int savefile_write(const char *path, const void *bytes, size_t n, struct error *why);

/* For what is written anew all the time and no loss (metrics): nothing is synced, a link is replaced, the mode is new. */
int savefile_refresh(const char *path, const void *bytes, size_t n, struct error *why);

/* The whole of a file and a NUL not counted in n; free(3) it.  NULL with a sentence: missing, a directory, over `max` bytes, unreadable. */
char *savefile_read(const char *path, size_t max, size_t *n, struct error *why);

/*
 * An advisory lock on path + ".lock" for the life of the process (flock).  The descriptor, or -1: "PATH is in use by
 * process 123"; -2: the system has no room for one just now.  The lock goes with the process, however it ends; closing the
 * descriptor gives it back.
 */
int savefile_lock(const char *path, struct error *why);

#endif
