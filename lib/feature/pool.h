/* SPDX-License-Identifier: MIT */
/*
 * pool.h - memory of many small states: pieces by size class, given back one by one, dropped whole.
 *
 * A state's rings, sets and texts come from here: less than malloc's overhead a piece, no work per piece at the end, and the
 * bytes in use are known.  The owner of a piece remembers its size.  Pieces are 16-byte aligned and not cleared.
 */
#ifndef FEATURE_POOL_H
#define FEATURE_POOL_H

#include <stddef.h>

#define POOL_CLASSES 96

struct pool {
	char *block;			/* new pieces are cut from its end */
	size_t left;
	struct pool_block *blocks;
	struct pool_free *free[POOL_CLASSES];
	struct pool_large *large;	/* pieces with a heap block of their own */
	size_t bytes;			/* in pieces that are in use */
	size_t n_blocks;
};

#define POOL_INIT ((struct pool){0})

void *pool_get(struct pool *, size_t n);		/* n 0: NULL */
/* A piece of `old` bytes (NULL: 0) becomes one of n bytes; what fits is kept. */
void *pool_resize(struct pool *, void *, size_t old, size_t n);
void pool_put(struct pool *, void *, size_t n);		/* NULL is fine */
void pool_release(struct pool *);

size_t pool_size(size_t n);		/* what a piece of n bytes takes */

/* Asks for the cache lines of a piece's first n bytes, which are to be read and written soon. */
static inline void pool_fetch(const void *piece, size_t n)
{
	for (size_t i = 0; piece && i < n; i += 64)
		__builtin_prefetch((const char *)piece + i, 1);
}

/*
 * Zeroed pages straight from the system, backed by large ones where it has some to give; not `large`: but the first 2 MiB.
 * pool_pages_free takes them back.
 */
void *pool_pages(size_t n, int large);
void pool_pages_free(void *, size_t n);

#endif
