/* SPDX-License-Identifier: MIT */
/*
 * Bins against each test asked by itself, and slices, in each way that the processor has, against one row after the other.
 */
#include "model/trees-bins.h"
#include "model/trees-slice.h"

#include <float.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/prng.h"
#include "model/trees-key.h"
#include "tap.h"

enum { INPUTS = 3, STRIDE = 192 };

/* ---- bins ---- */

/* Near each other, far apart, and what is special. */
static double draw(struct prng *p, int spread)
{
	static const double special[] = { 0, -0.0, 1e-35, -1e-36, 1, -1, DBL_MAX, -DBL_MAX, DBL_MIN, 5e-324, INFINITY, -INFINITY, 0.1f };

	if (!prng_below(p, 12))
		return special[prng_below(p, sizeof special / sizeof *special)];
	const double x = (double)prng_below(p, 2000) / 100 - 10;
	return spread == 0 ? x : spread == 1 ? x * pow(10, (double)prng_below(p, 300) - 150) : floor(x);
}

static bool goes_to_yes(const struct bins_test *t, enum trees_arithmetic arithmetic, double x)
{
	const double v = trees_rounded(arithmetic, x);

	if (t->missing == TREES_NAN_ZERO)
		return trees_key(v == v ? v : 0) < t->limit;
	if (v != v || fabs(v) <= trees_zero(t->missing))
		return trees_missing_goes_to_yes(t->missing);
	return trees_key(v) < t->limit;
}

static void bins(struct prng *p, size_t n, int spread, enum trees_arithmetic arithmetic)
{
	struct bins_test *tests = alloc_bytes((n + 1) * sizeof *tests);
	double x[BINS_ROWS * INPUTS];
	size_t wrong = 0, seen = 0;

	for (size_t i = 0; i < n; i++)
		tests[i] = (struct bins_test){ trees_key(trees_rounded(arithmetic, draw(p, spread))) + (int64_t)prng_below(p, 2),
			(uint32_t)prng_below(p, INPUTS), (enum trees_missing)prng_below(p, 5) };
	struct bins *b = trees_bins_new(arithmetic, tests, n);
	int8_t *keys = alloc_bytes((trees_bins_columns(b) + 1) * STRIDE);
	for (size_t rows = 1; rows <= BINS_ROWS; rows = rows * 2 + 1) {
		for (size_t i = 0; i < rows * INPUTS; i++)
			x[i] = prng_below(p, 10) ? draw(p, spread) : NAN;
		trees_bins_sort(b, x, INPUTS, rows, STRIDE, keys);
		for (size_t i = 0; i < n; i++) {
			const struct bins_place at = trees_bins_find(b, &tests[i]);
			for (size_t r = 0; r < rows; r++, seen++)
				wrong += (keys[at.column * STRIDE + r] < at.limit) != goes_to_yes(&tests[i], arithmetic, x[r * INPUTS + tests[i].input]);
		}
	}
	ok(!wrong && (seen || !n), "%zu limits, spread %d, arithmetic %d: %zu answers in %zu columns, wrong: %zu", n, spread, (int)arithmetic, seen,
	    trees_bins_columns(b), wrong);
	trees_bins_free(b);
	free(tests);
	free(keys);
}

/* ---- slices ---- */

static uint8_t walk(const struct slice *s, const int8_t *keys, size_t row)
{
	uint32_t i = 0;

	for (uint32_t l = 0; l < s->levels; l++)
		i = 2 * i + 1 + !(keys[s->nodes[i].column + row] < s->nodes[i].limit);
	return (uint8_t)(i - ((1u << s->levels) - 1));
}

static void slices(struct prng *p, const struct slice_way *way, uint32_t levels)
{
	enum { COLUMNS = 7 };
	struct slice_node nodes[SLICE_NODES];
	const struct slice s = { nodes, levels };
	int8_t keys[COLUMNS * SLICE_ROWS];
	uint8_t codes[SLICE_ROWS];
	size_t wrong = 0;

	for (int round = 0; round < 200; round++) {
		for (size_t i = 0; i < sizeof keys; i++)
			keys[i] = (int8_t)((int)prng_below(p, 256) - 128);
		for (size_t i = 0; i < SLICE_NODES; i++)
			nodes[i] = (struct slice_node){ (uint32_t)prng_below(p, COLUMNS) * SLICE_ROWS, (int8_t)((int)prng_below(p, 256) - 128) };
		way->codes(&s, keys, codes);
		for (size_t r = 0; r < SLICE_ROWS; r++)
			wrong += codes[r] != walk(&s, keys, r);
	}
	is_int(wrong, 0, "%s, %u levels: codes as one row walks", way->name, levels);
}

int main(void)
{
	struct prng p;
	size_t n;
	const struct slice_way *ways = trees_slice_ways(&n);

	prng_init(&p, 5);
	for (int spread = 0; spread < 3; spread++)
		for (int arithmetic = 0; arithmetic < 2; arithmetic++)
			for (size_t limits = 0; limits < 12000; limits = limits * 3 + 1)
				bins(&p, limits, spread, (enum trees_arithmetic)arithmetic);
	for (size_t w = 0; w < n; w++)
		for (uint32_t levels = 0; levels <= SLICE_LEVELS; levels++)
			slices(&p, &ways[w], levels);
	return done();
}
