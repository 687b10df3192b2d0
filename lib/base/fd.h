/* SPDX-License-Identifier: MIT */
/*
 * fd.h - what a descriptor is given, whole.
 */
#ifndef BASE_FD_H
#define BASE_FD_H

#include <stddef.h>

/* All n bytes, through short writes and signals.  0, or -1 and errno; for descriptors that block. */
int fd_write(int fd, const void *bytes, size_t n);

#endif
