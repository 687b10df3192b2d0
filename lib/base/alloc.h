/* SPDX-License-Identifier: MIT */
/*
 * alloc.h - allocation that cannot fail.
 *
 * When memory runs out these print "out of memory" and end the process with status 1: no caller has a better answer.
 * What they return is freed with free(3).
 */
#ifndef BASE_ALLOC_H
#define BASE_ALLOC_H

#include <stddef.h>

void *alloc_bytes(size_t n);				/* not cleared */
void *alloc_aligned(size_t n);				/* at a cache line, 64 bytes, as vectors want it; not cleared */
void *alloc_zeroed(size_t count, size_t size);
void *alloc_again(void *, size_t count, size_t size);	/* realloc; the product is checked */
char *alloc_text(const char *);				/* a copy */
char *alloc_span(const char *, size_t n);		/* n bytes and a NUL */
char *alloc_format(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
