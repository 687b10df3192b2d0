/* SPDX-License-Identifier: MIT */
/*
 * fd.h - what a descriptor is given, whole; what it leads to.
 */
#ifndef BASE_FD_H
#define BASE_FD_H

#include <stdbool.h>
#include <stddef.h>

/* All n bytes, through short writes and signals.  0, or -1 and errno; for descriptors that block. */
int fd_write(int fd, const void *bytes, size_t n);

/* Whether both lead to one regular file: who reads the one and writes the other never comes to its end. */
bool fd_same_file(int a, int b);

/* Whether both lead to one pipe or socket: each would read what the other then misses. */
bool fd_same_pipe(int a, int b);

#endif
