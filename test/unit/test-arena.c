/* SPDX-License-Identifier: MIT */
#include "base/arena.h"

#include "base/prng.h"
#include "tap.h"

enum { PIECES = 300 };

static bool is_aligned(const void *p)
{
	return (uintptr_t)p % 16 == 0;
}

static bool is_filled(const unsigned char *p, size_t n, int c)
{
	for (size_t i = 0; i < n; i++)
		if (p[i] != c)
			return false;
	return true;
}

/* Random pieces, some resized, each full of its own byte: none may touch another. */
static void test_pieces(void)
{
	struct arena a = ARENA_INIT;
	struct prng p;
	bool whole = true, aligned = true;

	prng_init(&p, 5);
	for (int round = 0; round < 60; round++) {
		unsigned char *pieces[PIECES];
		size_t sizes[PIECES];
		__attribute__((unused)) volatile unsigned char behind = 0;

		for (int i = 0; i < PIECES; i++) {
			sizes[i] = prng_below(&p, prng_below(&p, 20) ? 200 : 100000);
			pieces[i] = arena_get(&a, sizes[i]);
			aligned = aligned && is_aligned(pieces[i]);
			memset(pieces[i], i & 255, sizes[i]);
			if (!prng_below(&p, 3)) {
				const int k = prng_below(&p, 2) ? i : (int)prng_below(&p, (uint64_t)i + 1);
				const size_t n = prng_below(&p, 2 * sizes[k] + 50);
				const size_t kept = n < sizes[k] ? n : sizes[k];
				pieces[k] = arena_resize(&a, pieces[k], sizes[k], n);
				whole = whole && is_filled(pieces[k], kept, k & 255);
				aligned = aligned && is_aligned(pieces[k]);
				memset(pieces[k], k & 255, n);
				sizes[k] = n;
			}
			for (int k = 0; k < 16; k++)
				behind ^= pieces[i][sizes[i] + (size_t)k];
		}
		for (int i = 0; i < PIECES; i++)
			whole = whole && is_filled(pieces[i], sizes[i], i & 255);
		arena_clear(&a);
	}
	ok(whole, "pieces keep their bytes");
	ok(aligned, "pieces are aligned");
	ok(!a.spills, "no spills after a clear");
	arena_release(&a);
}

static void test_kept(void)
{
	struct arena a = ARENA_INIT;
	char *p;

	arena_clear(&a);
	ok(!a.block, "clearing what is empty allocates nothing");
	arena_get(&a, 1000000);
	arena_clear(&a);
	ok(a.size >= 1000000, "the block grows by what did not fit");
	p = a.block;
	for (int i = 0; i < 10; i++) {
		arena_get(&a, 900000);
		ok(!a.spills && a.block == p, "round %d needs no allocation", i);
		arena_clear(&a);
	}
	arena_get(&a, 64 << 20);
	arena_clear(&a);
	ok(a.size <= 4 << 20 && !a.spills, "what one huge piece took is given back");
	p = a.block;
	arena_get(&a, 64 << 20);
	arena_clear(&a);
	ok(a.block == p, "and the block stays where it is");
	arena_release(&a);
	ok(!a.block && !a.size, "release leaves it empty");
}

static void test_last(void)
{
	struct arena a = ARENA_INIT;
	char *first = arena_get(&a, 100), *last, *more;
	size_t used = a.used;

	last = arena_get(&a, 1000);
	memcpy(last, "kept", 5);
	ok(arena_resize(&a, last, 1000, 5000) == last, "the last piece grows in place");
	ok(arena_resize(&a, last, 5000, 10) == last && a.used == used + 16, "and shrinks");
	more = arena_resize(&a, first, 100, 200);
	ok(more != first, "another is copied");
	ok(arena_resize(&a, first, 100, 50) == first, "unless it shrinks");
	is_str(last, "kept", "nothing overwritten");

	used = a.used;
	last = arena_get(&a, 3000);
	arena_trim(&a, last + 20);
	is_int(a.used, used + 32, "trim");
	more = arena_get(&a, 1 << 20);
	used = a.used;
	arena_trim(&a, more + 5);
	is_int(a.used, used, "trim outside of the block does nothing");
	is_str(arena_copy(&a, "text!", 4), "text", "copy");
	is_str(arena_copy(&a, NULL, 0), "", "copy of nothing");

	/* As a parser's list grows: by doubling, far beyond the block. */
	size_t n = 16;
	unsigned char *list = arena_get(&a, n);
	bool whole = true;
	memset(list, 1, n);
	for (; n < 32 << 20; n *= 2) {
		list = arena_resize(&a, list, n, 2 * n);
		whole = whole && is_filled(list, n, 1) && is_aligned(list);
		memset(list + n, 1, n);
	}
	ok(whole, "a list that doubles keeps its bytes");
	ok(a.spilled < 80 << 20, "and leaves few copies behind");
	ok(arena_resize(&a, NULL, 0, 40) != NULL, "from nothing");
	arena_release(&a);
}

int main(void)
{
	test_pieces();
	test_kept();
	test_last();
	return done();
}
