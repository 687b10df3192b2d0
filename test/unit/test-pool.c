/* SPDX-License-Identifier: MIT */
/* Pieces of all sizes, given back and taken again: none overlaps another, what is in use is counted. */
#include <stdlib.h>

#include "base/prng.h"
#include "feature/pool.h"
#include "tap.h"

#define PIECES 400

struct piece { unsigned char *at; size_t n; unsigned char mark; };

static bool is_whole(const struct piece *p)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->at[i] != p->mark)
			return false;
	return true;
}

static size_t random_size(struct prng *dice)
{
	return (size_t)prng_below(dice, UINT64_C(1) << prng_below(dice, 18)) + 1;
}

static void test_random(void)
{
	struct piece pieces[PIECES] = {0};
	struct pool pool = POOL_INIT;
	struct prng dice;
	bool whole = true, aligned = true, counted = true;
	size_t in_use = 0;

	prng_init(&dice, 11);
	for (int step = 0; step < 40000; step++) {
		struct piece *p = &pieces[prng_below(&dice, PIECES)];
		whole &= is_whole(p);
		const size_t n = random_size(&dice), kept = p->n < n ? p->n : n;
		if (!p->at)
			p->at = pool_get(&pool, n);
		else if (prng_below(&dice, 2)) {
			p->at = pool_resize(&pool, p->at, p->n, n);
			for (size_t i = 0; i < kept; i++)
				whole &= p->at[i] == p->mark;
			in_use -= pool_size(p->n);
		} else {
			pool_put(&pool, p->at, p->n);
			in_use -= pool_size(p->n);
			*p = (struct piece){0};
			counted &= pool.bytes == in_use;
			continue;
		}
		p->n = n;
		in_use += pool_size(n);
		p->mark = (unsigned char)step;
		memset(p->at, p->mark, n);
		aligned &= (uintptr_t)p->at % 16 == 0;
		counted &= pool.bytes == in_use;
	}
	ok(whole, "pieces keep what is written into them");
	ok(aligned, "pieces are aligned");
	ok(counted, "bytes in use are known");
	pool_release(&pool);
	is_int(pool.bytes, 0, "released whole");
}

static void test_classes(void)
{
	bool fits = true, near = true, rising = true;
	size_t before = 0;

	for (size_t n = 1; n < 100000; n++) {
		const size_t size = pool_size(n);
		fits &= size >= n;
		near &= size <= n + 15 || size <= n + n / 4;
		rising &= size >= before;
		before = size;
	}
	ok(fits && rising, "a piece is as large as asked for");
	ok(near, "and at most a quarter larger");
	is_int(pool_size(0), 0, "nothing takes nothing");
	struct pool pool = POOL_INIT;
	ok(!pool_get(&pool, 0), "and is NULL");
	pool_put(&pool, NULL, 0);
	pool_put(&pool, NULL, 8);
	ok(!pool_resize(&pool, NULL, 0, 0), "also when resized");
	pool_release(&pool);
}

static void test_again(void)
{
	struct pool pool = POOL_INIT;
	const size_t before = pool.n_blocks;

	for (int i = 0; i < 1000000; i++)
		pool_put(&pool, pool_get(&pool, 100), 100);
	ok(pool.n_blocks <= before + 1, "what is given back is used again");
	pool_release(&pool);
}

int main(void)
{
	test_random();
	test_classes();
	test_again();
	return done();
}
