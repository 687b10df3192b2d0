/* SPDX-License-Identifier: MIT */
#include "feature/pool.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/alloc.h"

#define PIECE_MAX 32768
/* Where a sanitizer watches, every piece is a heap block of its own; it takes as much as without one. */
#ifdef __SANITIZE_ADDRESS__
#define IS_LARGE(n) true
#else
#define IS_LARGE(n) ((n) > PIECE_MAX)
#endif

#define LARGE_PAGE ((size_t)2 * 1024 * 1024)
#define FIRST_BLOCK (64 * 1024)
#define BLOCK (2 * 1024 * 1024)
#define LINEAR_LOG 10
#define LINEAR (1 << LINEAR_LOG)	/* classes in steps of 16 to here, above that four to a doubling */

struct pool_block { struct pool_block *next; size_t size; };
struct pool_free { struct pool_free *next; };
struct pool_large { struct pool_large *next, *prev; };

/* Mapped so that it begins where a large page can; what was mapped for that is given back. */
static char *map_aligned(size_t n)
{
	char *p = mmap(NULL, n + LARGE_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return p;
	const size_t before = -(uintptr_t)p & (LARGE_PAGE - 1);
	if (before)
		munmap(p, before);
	munmap(p + before + n, LARGE_PAGE - before);
	return p + before;
}

void *pool_pages(size_t n, int large)
{
	const size_t small = large ? 0 : LARGE_PAGE;
	char *p = n < LARGE_PAGE ? mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) : map_aligned(n);

	if (p == MAP_FAILED)
		return alloc_zeroed(SIZE_MAX / 2, 1);	/* which says that memory has run out */
	/* A key's row, its place and its heap each lie on another page: with small pages most look-ups would walk the page table. */
	if (n > small)
		madvise(p + small, n - small, MADV_HUGEPAGE);
	return p;
}

void pool_pages_free(void *p, size_t n)
{
	if (p)
		munmap(p, n);
}

/* Its class, and *n rounded up to the size of that. */
static unsigned class_of(size_t *n)
{
	if (*n <= LINEAR) {
		*n = (*n + 15) & ~(size_t)15;
		return (unsigned)(*n / 16 - 1);
	}
	const unsigned log = 63 - (unsigned)__builtin_clzll(*n - 1);	/* 2^log < n <= 2^(log + 1) */
	const size_t step = (size_t)1 << (log - 2);
	*n = (*n + step - 1) / step * step;
	return LINEAR / 16 + (log - LINEAR_LOG) * 4 + (unsigned)(*n / step - 5);
}

size_t pool_size(size_t n)
{
	if (n && n <= PIECE_MAX)
		class_of(&n);
	return n;
}

static void *get_large(struct pool *p, size_t n)
{
	struct pool_large *l = alloc_bytes(sizeof *l + n);

	*l = (struct pool_large){ p->large, NULL };
	if (l->next)
		l->next->prev = l;
	p->large = l;
	p->bytes += pool_size(n);
	return l + 1;
}

static void put_large(struct pool *p, void *piece, size_t n)
{
	struct pool_large *l = (struct pool_large *)piece - 1;

	*(l->prev ? &l->prev->next : &p->large) = l->next;
	if (l->next)
		l->next->prev = l->prev;
	p->bytes -= pool_size(n);
	free(l);
}

static void new_block(struct pool *p)
{
	const size_t size = p->n_blocks++ ? BLOCK : FIRST_BLOCK;
	struct pool_block *b = pool_pages(size, size == BLOCK);

	*b = (struct pool_block){ p->blocks, size };
	p->blocks = b;
	p->block = (char *)(b + 1);
	p->left = size - sizeof *b;
}

void *pool_get(struct pool *p, size_t n)
{
	if (!n)
		return NULL;
	if (IS_LARGE(n))
		return get_large(p, n);
	struct pool_free **list = &p->free[class_of(&n)];
	p->bytes += n;
	if (*list) {
		struct pool_free *piece = *list;
		*list = piece->next;
		return piece;
	}
	if (p->left < n)
		new_block(p);
	p->left -= n;
	return p->block + p->left;
}

void pool_put(struct pool *p, void *piece, size_t n)
{
	if (!piece || !n)
		return;
	if (IS_LARGE(n)) {
		put_large(p, piece, n);
		return;
	}
	struct pool_free **list = &p->free[class_of(&n)];
	*(struct pool_free *)piece = (struct pool_free){ *list };
	*list = piece;
	p->bytes -= n;
}

void *pool_resize(struct pool *p, void *piece, size_t old, size_t n)
{
	size_t a = old, b = n;

	if (piece && old && n && !IS_LARGE(old) && !IS_LARGE(n) && class_of(&a) == class_of(&b))
		return piece;
	void *new = pool_get(p, n);
	if (piece && old && n)
		memcpy(new, piece, old < n ? old : n);
	pool_put(p, piece, old);
	return new;
}

void pool_release(struct pool *p)
{
	for (struct pool_block *b = p->blocks, *next; b; b = next) {
		next = b->next;
		pool_pages_free(b, b->size);
	}
	for (struct pool_large *l = p->large, *next; l; l = next) {
		next = l->next;
		free(l);
	}
	*p = POOL_INIT;
}
