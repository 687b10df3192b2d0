/* SPDX-License-Identifier: MIT */
/*
 * One block, filled from its start.  What does not fit is allocated apart (a spill) and the block is made larger by that
 * much when it is next cleared: after the first batches there are no allocations at all.
 */
#include "base/arena.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

#define ARENA_START (64 * 1024)
#define ARENA_KEEP (4 * 1024 * 1024)	/* what one huge record made it grow to is given back */

struct spill {
	struct spill *older;
	_Alignas(ARENA_ALIGN) char bytes[];
};

static void *spill(struct arena *a, size_t n)
{
	struct spill *s = alloc_bytes(sizeof *s + n + ARENA_SLACK);

	memset(s->bytes + n, 0, ARENA_SLACK);
	s->older = a->spills;
	a->spills = s;
	a->spilled += n + ARENA_SLACK;
	return s->bytes;
}

void *arena_more(struct arena *a, size_t n)
{
	if (a->block || n > ARENA_START - ARENA_SLACK)
		return spill(a, n);
	a->block = alloc_zeroed(1, a->size = ARENA_START);
	a->used = n;
	return a->block;
}

char *arena_copy(struct arena *a, const void *bytes, size_t n)
{
	char *p = arena_get(a, n + 1);

	if (n)
		memcpy(p, bytes, n);
	p[n] = '\0';
	return p;
}

void *arena_resize(struct arena *a, void *piece, size_t old, size_t n)
{
	const size_t at = (size_t)((uintptr_t)piece - (uintptr_t)a->block);

	/* The last piece grows and shrinks where it is. */
	if (a->block && at < a->used && at + arena_aligned(old) == a->used && n <= SIZE_MAX / 2 &&
	    a->size - at >= arena_aligned(n) + ARENA_SLACK) {
		a->used = at + arena_aligned(n);
		return piece;
	}
	if (n <= old)
		return piece;
	/* What grows far beyond the block is the newest spill again and again: realloc moves pages, not bytes. */
	if (a->spills && piece == a->spills->bytes) {
		n = arena_aligned(n);
		a->spills = alloc_again(a->spills, sizeof *a->spills + n + ARENA_SLACK, 1);
		memset(a->spills->bytes + n, 0, ARENA_SLACK);
		a->spilled += n - arena_aligned(old);
		return a->spills->bytes;
	}
	void *copy = arena_get(a, n);
	if (old)
		memcpy(copy, piece, old);
	return copy;
}

void arena_trim(struct arena *a, void *end)
{
	const size_t at = (size_t)((uintptr_t)end - (uintptr_t)a->block);

	if (a->block && at < a->used)
		a->used = arena_aligned(at);
}

static void drop_spills(struct arena *a)
{
	for (struct spill *s; (s = a->spills); free(s))
		a->spills = s->older;
	a->spilled = 0;
}

void arena_clear(struct arena *a)
{
	size_t size = a->size + 2 * a->spilled;

	if (!a->block && !a->spills)
		return;
	size = size > ARENA_KEEP ? ARENA_KEEP : size < ARENA_START ? ARENA_START : size;
	drop_spills(a);
	if (size != a->size) {
		free(a->block);
		a->block = alloc_zeroed(1, a->size = size);
	}
	a->used = 0;
}

void arena_release(struct arena *a)
{
	drop_spills(a);
	free(a->block);
	*a = ARENA_INIT;
}
