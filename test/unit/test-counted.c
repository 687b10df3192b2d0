/* SPDX-License-Identifier: MIT */
/* What counts values: bins of doubles of every size, sketches joined, the most frequent ones of many, beside plain lists. */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/prng.h"
#include "feature/distinct.h"
#include "feature/quantile.h"
#include "feature/topk-pot.h"
#include "tap.h"

static struct prng dice;

/* ---- quantile ---- */

/* Any finite double, all exponents alike. */
static double random_double(void)
{
	double x;

	do {
		const uint64_t bits = prng_next(&dice);
		memcpy(&x, &bits, sizeof x);
	} while (!isfinite(x));
	return x;
}

static bool is_close(double got, double x)
{
	return fabs(got - x) <= 0.01 * (1 + 1e-11) * fabs(x) + DBL_TRUE_MIN;
}

static void test_bins(void)
{
	static const double edges[] = { 0, -0.0, 1, -1, DBL_MAX, -DBL_MAX, DBL_MIN, DBL_TRUE_MIN, -DBL_TRUE_MIN, 1e16, 0x1p63, 0.1 };
	bool near = true, ordered = true;

	for (size_t i = 0; i < sizeof edges / sizeof *edges; i++)
		near &= is_close(quantile_of_bin(quantile_bin(edges[i])), edges[i]);
	ok(near, "the ends of the doubles, zeros and powers are within 1 %%");
	near = true;
	for (int i = 0; i < 300000; i++) {
		const double x = random_double(), y = random_double();
		near &= is_close(quantile_of_bin(quantile_bin(x)), x);
		ordered &= x < y ? quantile_bin(x) <= quantile_bin(y) : quantile_bin(x) >= quantile_bin(y);
	}
	ok(near, "so are doubles of every size");
	ok(ordered, "bins are in their order");
	/* Both sides of the borders between bins. */
	near = true;
	for (int i = -2000; i < 2000; i++) {
		const double border = exp(i * log(1.01 / 0.99));
		for (int side = -1; side <= 1; side++) {
			const double x = side ? nextafter(border, side * INFINITY) : border;
			near &= is_close(quantile_of_bin(quantile_bin(x)), x);
		}
	}
	ok(near, "and what lies at a border");
}

static int by_number(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double random_number(int kind)
{
	switch (kind) {
	case 0: return (double)prng_below(&dice, 1000) / 100 - 5;			/* close together: an array */
	case 1: return random_double();							/* far apart: a list */
	default: return prng_below(&dice, 50) ? (double)prng_below(&dice, 2000) : random_double();	/* to and fro */
	}
}

#define KEPT 400

/* A window of numbers that come and go. */
static void test_ranks(int kind)
{
	double window[KEPT], sorted[KEPT + 1];
	struct quantile s = { .n = 0 };
	struct pool pool = POOL_INIT;
	bool right = true, saved = true;
	size_t n = 0;

	for (int i = 0; i < 4000; i++) {
		const double x = random_number(kind), q = (double)prng_below(&dice, 101) / 100;
		const int32_t bin = quantile_bin(x);
		memcpy(sorted, window, n * sizeof *sorted);
		qsort(sorted, n, sizeof *sorted, by_number);
		if (n)
			right &= is_close(quantile_read(&s, q, NULL), sorted[(size_t)(q * (double)(n - 1))]);
		sorted[n] = x;
		qsort(sorted, n + 1, sizeof *sorted, by_number);
		right &= is_close(quantile_read(&s, q, &bin), sorted[(size_t)(q * (double)n)]);
		if (n == KEPT || (n && !prng_below(&dice, 3))) {
			const size_t k = prng_below(&dice, n);
			quantile_add(&s, quantile_bin(window[k]), -1, &pool);
			window[k] = window[--n];
		}
		quantile_add(&s, bin, 1, &pool);
		window[n++] = x;
		if (prng_below(&dice, 200))
			continue;
		struct buf one = BUF_INIT, two = BUF_INIT;
		struct quantile again = { .n = 0 };
		quantile_save(&s, &one);
		struct snapshot_bytes in = { (const unsigned char *)one.data, (const unsigned char *)one.data + one.len, false };
		quantile_load(&again, &in, &pool);
		quantile_save(&again, &two);
		saved &= !in.torn && in.p == in.end && again.n == s.n && one.len == two.len && !memcmp(one.data, two.data, one.len);
		quantile_release(&again, &pool);
		buf_release(&one);
		buf_release(&two);
	}
	ok(right, "numbers of kind %d: every quantile is within 1 %% of the number of its rank", kind);
	ok(saved, "numbers of kind %d: saved and loaded they are the same bytes", kind);
	quantile_release(&s, &pool);
	is_int(pool.bytes, 0, "all is released");
	pool_release(&pool);
}

/* ---- distinct ---- */

/* What two of different sizes come to is what one of all is. */
static void test_join(void)
{
	static const int sizes[] = { 0, 1, 1000, 1500, 5000 };
	struct pool pool = POOL_INIT;
	bool same = true;

	for (int i = 0; i < 5; i++)
		for (int j = 0; j < 5; j++) {
			struct distinct a = { .n = 0 }, b = { .n = 0 }, all = { .n = 0 };
			struct buf one = BUF_INIT, two = BUF_INIT;
			for (int k = 0; k < sizes[i] + sizes[j]; k++) {
				/* Half of the second are in the first. */
				const int value = k < sizes[i] ? k : (k - sizes[i]) + sizes[i] / 2;
				const uint64_t hash = hash_bytes(&value, sizeof value);
				distinct_add(k < sizes[i] ? &a : &b, hash, &pool);
				distinct_add(&all, hash, &pool);
			}
			distinct_join(&a, &b, &pool);
			distinct_save(&a, &one);
			distinct_save(&all, &two);
			same &= one.len == two.len && !memcmp(one.data, two.data, one.len) && distinct_read(&a, NULL) == distinct_read(&all, NULL);
			distinct_release(&a, &pool);
			distinct_release(&b, &pool);
			distinct_release(&all, &pool);
			buf_release(&one);
			buf_release(&two);
		}
	ok(same, "sets and sketches joined are what one of all values is");
	is_int(pool.bytes, 0, "all is released");
	pool_release(&pool);
}

/* ---- topk ---- */

#define NAMES 20000

/* Names with a long tail; counts beside what the pot says. */
static void test_pot(void)
{
	static uint64_t counts[NAMES];
	struct topk_pot p = { .hand = 0 };
	struct pool pool = POOL_INIT;
	uint64_t n = 0;
	bool bounded = true, listed = true;

	for (uint32_t arrival = 0; arrival < 300000; arrival++) {
		const double u = prng_unit(&dice);
		const uint32_t name = (uint32_t)(pow(NAMES, u) - 1);
		struct topk_item one = { 1, 0, arrival, name };
		struct topk_item *at = topk_pot_find(&p, name);
		if (at)
			topk_pot_count(&p, at, &one);
		else if (p.n < COUNTED_MAX)
			topk_pot_append(&p, &one, &pool);
		else
			topk_pot_replace(&p, &one);
		counts[name]++;
		n++;
		const struct topk_best *best = topk_pot_best(&p, 10, &pool);
		for (size_t i = 0; i < 10 && i < best->n; i++)
			listed &= topk_pot_find(&p, best->items[i].name)->count == best->items[i].count;
		if (arrival % 10007)
			continue;
		size_t better = 0;
		for (uint32_t i = 0; i < p.n; i++) {
			const struct topk_item *item = &p.items[i];
			bounded &= item->count >= counts[item->name] && item->count <= counts[item->name] + n / COUNTED_MAX;
			better += best->n >= 10 && topk_best_goes_before(item, &best->items[9]);
		}
		listed &= best->n < 10 || better == 9;
	}
	ok(bounded, "no count is too small, and none by more than 1/1,024 of all too large");
	ok(listed, "the most frequent ones are kept up to date");
	topk_pot_release(&p, &pool);
	is_int(pool.bytes, 0, "all is released");
	pool_release(&pool);
}

/* Counts that go up and down, in a list of the first few. */
static void test_best(uint64_t most)
{
	static struct topk_item all[300];
	struct pool pool = POOL_INIT;
	struct topk_best *b = topk_best_new(5, &pool);
	bool right = true;
	size_t remade = 0;

	for (uint32_t i = 0; i < 300; i++)
		all[i] = (struct topk_item){ 1 + prng_below(&dice, most < 30 ? most : 30), (int64_t)prng_below(&dice, 20), i, i };
	for (uint32_t step = 0; step < 100000; step++) {
		struct topk_item *one = &all[prng_below(&dice, 300)];
		const bool goes = one->count >= most || (one->count > 1 && prng_below(&dice, 2));
		uint32_t dropped;
		one->count += goes ? UINT64_MAX : 1;
		const size_t i = b->is_valid ? topk_best_find(b, one->name) : b->n;
		if (b->is_valid && i < b->n)
			topk_best_change(b, i, one);
		else if (b->is_valid && !goes)
			topk_best_raise(b, one, true, &dropped);
		if (!topk_best_knows(b, 5, 300)) {
			remade++;
			topk_best_begin(b);
			for (uint32_t k = 0; k < 300; k++)
				topk_best_tell(b, &all[k]);
		}
		struct topk_item first[5];
		size_t n = 0;
		for (uint32_t k = 0; k < 300; k++)
			topk_best_insert(first, &n, 5, &all[k]);
		for (size_t k = 0; k < 5; k++)
			right &= first[k].name == b->items[k].name && first[k].count == b->items[k].count;
	}
	ok(right, "counts up to %d: the first five are what a look at all of them finds", (int)most);
	printf("# the list was made %zu times in 100,000\n", remade);
	topk_best_free(b, &pool);
	pool_release(&pool);
}

int main(void)
{
	prng_init(&dice, 7);
	test_bins();
	for (int kind = 0; kind < 3; kind++)
		test_ranks(kind);
	test_join();
	test_pot();
	test_best(5);
	test_best(1000);
	return done();
}
