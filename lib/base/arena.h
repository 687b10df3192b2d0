/* SPDX-License-Identifier: MIT */
/*
 * arena.h - memory that is dropped whole: of a batch of records, of a compiled tree.
 *
 * Pieces are 16-byte aligned and not cleared.  16 bytes behind each piece may be read (not written), so that names are
 * compared by whole words.  All zero (ARENA_INIT) is empty.  Running out of memory ends the process (alloc.h).
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stddef.h>

struct arena {
	char *block;
	size_t used, size;
	struct spill *spills;	/* what did not fit; the block grows by it at the next clear */
	size_t spilled;
};

#define ARENA_INIT ((struct arena){0})

#define ARENA_ALIGN 16
#define ARENA_SLACK 16			/* readable bytes behind each piece */

void *arena_more(struct arena *, size_t n);	/* what arena_get does where the block has no room */

static inline size_t arena_aligned(size_t n)
{
	return ((n ? n : 1) + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);
}

static inline void *arena_get(struct arena *a, size_t n)
{
	n = arena_aligned(n);
	if (a->size - a->used < n + ARENA_SLACK)
		return arena_more(a, n);
	void *p = a->block + a->used;
	a->used += n;
	return p;
}

char *arena_copy(struct arena *, const void *, size_t n);	/* with a NUL behind it */

/* Grows or shrinks a piece of `old` bytes, in place where it was the last; else a copy. */
void *arena_resize(struct arena *, void *piece, size_t old, size_t n);

/* Gives back what lies behind `end`, a place in the piece handed out last; a no-op where that one is outside the block. */
void arena_trim(struct arena *, void *end);

void arena_clear(struct arena *);	/* drops all pieces, keeps the memory, at most ARENA_KEEP of it */
void arena_release(struct arena *);

#endif
