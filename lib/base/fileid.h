/* SPDX-License-Identifier: MIT */
/*
 * fileid.h - which content a path stands for, as far as stat tells: whether a file has been replaced or written to.
 *
 * A file is looked at before it is read, so that a change in between is seen at the next look.
 */
#ifndef BASE_FILEID_H
#define BASE_FILEID_H

#include <stdbool.h>
#include <sys/stat.h>

#include "base/error.h"

struct fileid { dev_t device; ino_t inode; off_t size; struct timespec changed; };

/* Follows links.  0, or -1 with errno and "PATH: No such file or directory". */
int fileid_get(struct fileid *, const char *path, struct error *why);

bool fileid_equal(const struct fileid *, const struct fileid *);

#endif
