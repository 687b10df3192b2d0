/* SPDX-License-Identifier: MIT */
#include "model/dataset.h"

#include <stdint.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/prng.h"
#include "tap.h"

static struct prng prng;

static struct dataset of(const double *x, size_t n)
{
	struct dataset ds = DATASET_INIT;

	dataset_add_column(&ds);
	for (size_t i = 0; i < n; i++)
		dataset_add(&ds, &x[i], 0, 1);
	dataset_seal(&ds);
	return ds;
}

/* Against sums in long double. */
static void figures(void)
{
	static const struct { const char *what; double offset, spread; } cases[] = {
		{ "around 0", 0, 1 }, { "far from 0", 1.7e12, 300 }, { "tiny", 0, 1e-300 }, { "huge", 0, 1e300 }, { "of equal sign, huge", 1.5e308, 1e307 },
	};
	enum { N = 5000 };
	double *x = alloc_bytes(N * sizeof *x);

	for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
		long double sum = 0, squares = 0;
		struct column_figures f;
		size_t n = 0;
		for (int i = 0; i < N; i++) {
			x[i] = i % 9 ? cases[c].offset + cases[c].spread * (prng_unit(&prng) - 0.5) : NAN;
			if (!isnan(x[i])) {
				sum += x[i];
				n++;
			}
		}
		const long double mean = sum / n;
		for (int i = 0; i < N; i++)
			squares += isnan(x[i]) ? 0 : (x[i] - mean) / cases[c].spread * ((x[i] - mean) / cases[c].spread);
		struct dataset ds = of(x, N);
		dataset_figures(&ds, 0, &f);
		is_int(f.n, n, "%s: values", cases[c].what);
		if (has_wide_double()) {
			is_near(f.mean / cases[c].spread, (double)(mean / cases[c].spread), 1e-13, "the mean");
			is_near(f.deviation / cases[c].spread, (double)sqrtl(squares / n), 1e-12, "the deviation");
		} else {
			skip_check("long double is no wider than double here");
		}
		dataset_release(&ds);
	}
	for (int i = 0; i < N; i++)
		x[i] = 0.1;
	struct dataset ds = of(x, N);
	struct column_figures f;
	dataset_figures(&ds, 0, &f);
	ok(f.mean == 0.1 && f.deviation == 0, "a constant is exactly one");
	dataset_scale(&ds, 0, f.mean, f.deviation);
	is_double(dataset_value(&ds, 7, 0), 0, "and scaled to 0");
	dataset_release(&ds);
	free(x);
}

/* Columns that begin late, rows in many blocks, columns dropped and sorted. */
static void columns(void)
{
	struct dataset ds = DATASET_INIT;
	bool right = true, aligned = true;

	for (int i = 0; i < 3000; i++) {
		if (i == 0 || i == 500 || i == 2048)
			dataset_add_column(&ds);
		const double x[] = { i, i + 0.5, -i };
		dataset_add(&ds, x, i & 1, i);
	}
	dataset_seal(&ds);
	is_int(ds.n_blocks, 3, "blocks");
	is_int(dataset_rows(&ds, 2), 3000 - 2048, "rows of the last");
	for (int i = 0; i < 3000; i++) {
		right &= dataset_value(&ds, (size_t)i, 0) == i && dataset_answer(&ds, (size_t)i) == (i & 1);
		right &= i < 500 ? isnan(dataset_value(&ds, (size_t)i, 1)) : dataset_value(&ds, (size_t)i, 1) == i + 0.5;
		right &= i < 2048 ? isnan(dataset_value(&ds, (size_t)i, 2)) : dataset_value(&ds, (size_t)i, 2) == -i;
	}
	ok(right, "values stand where they were put, and are missing before a column began");
	for (size_t b = 0; b < 3; b++)
		for (size_t j = 0; j < 3; j++)
			aligned &= !((uintptr_t)ds.blocks[b].column[j] % 64);
	ok(aligned, "aligned for vectors");
	ok(ds.blocks[2].weight[KERNEL_ROWS - 1] == 0 && isnan(ds.blocks[2].column[0][KERNEL_ROWS - 1]), "behind the last row: weight 0, missing");
	ok(dataset_any(&ds, 2), "a column with values");
	dataset_sort(&ds, (const size_t[]){ 2, 0, 1 });
	is_double(dataset_value(&ds, 2999, 0), -2999, "sorted");
	dataset_drop(&ds, 1);
	is_double(dataset_value(&ds, 2999, 1), 2999.5, "dropped");
	dataset_fill(&ds, 1, 7);
	is_double(dataset_value(&ds, 0, 1), 7, "filled");
	dataset_recode(&ds, (const int[]){ 4, 2 });
	ok(dataset_answer(&ds, 0) == 4 && dataset_answer(&ds, 1) == 2, "recoded");
	dataset_release(&ds);
}

static void ids(void)
{
	double x[3000];
	struct dataset ds;

	for (int i = 0; i < 3000; i++)
		x[i] = (i * 7919) % 3000;
	ds = of(x, 3000);
	ok(dataset_is_id(&ds, 0), "different integers");
	dataset_release(&ds);
	x[2999] = x[5];
	ds = of(x, 3000);
	ok(!dataset_is_id(&ds, 0), "one twice");
	dataset_release(&ds);
	x[2999] = 3000.5;
	ds = of(x, 3000);
	ok(!dataset_is_id(&ds, 0), "one is no integer");
	dataset_release(&ds);
	x[2999] = NAN;
	ds = of(x, 3000);
	ok(!dataset_is_id(&ds, 0), "one is missing");
	dataset_release(&ds);
	ds = of(x, 0);
	ok(!dataset_is_id(&ds, 0) && !dataset_any(&ds, 0), "no rows");
	dataset_release(&ds);
}

static void edges(void)
{
	double x[8], e[DATASET_EDGES];
	struct dataset ds = DATASET_INIT;

	for (int i = 0; i < 7; i++)
		x[i] = (i * 3) % 7;
	ds = of(x, 7);
	ok(dataset_edges(&ds, 0, e), "seven values");
	static const double expected[] = { 0, 1, 2, 2, 3, 4, 4, 5, 6, 6 };
	ok(!memcmp(e, expected, sizeof e), "edge k: at least k tenths are not above it");
	dataset_release(&ds);
	x[0] = NAN;
	ds = of(x, 1);
	ok(!dataset_edges(&ds, 0, e), "none");
	dataset_release(&ds);
	dataset_add_column(&ds);
	for (int i = 0; i < 200000; i++) {
		const double v = i;
		dataset_add(&ds, &v, 0, 1);
	}
	dataset_seal(&ds);
	ok(dataset_edges(&ds, 0, e) && fabs(e[4] - 100000) < 10 && fabs(e[9] - 200000) < 10, "of many rows a sample: %g, %g", e[4], e[9]);
	dataset_release(&ds);
}

int main(void)
{
	prng_init(&prng, 1);
	figures();
	columns();
	ids();
	edges();
	return done();
}
