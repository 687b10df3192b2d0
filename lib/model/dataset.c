/* SPDX-License-Identifier: MIT */
#include "model/dataset.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/alloc.h"
#include "model/radix.h"

#define SLAB_FIRST ((size_t)64 << 10)
#define SLAB_LARGE ((size_t)8 << 20)	/* in pages of 2 MiB, where the kernel gives them: fewer faults */
#define LARGE_PAGE ((size_t)2 << 20)

/* Rows of one column, aligned for vectors; they live as long as the data set. */
static double *rows_new(struct dataset *ds)
{
	/* A cache line apart from a power of two, else the same row of all columns would compete for the same lines. */
	const size_t bytes = KERNEL_ROWS * sizeof(double) + 64;

	if (ds->n_free < bytes) {
		size_t size = SLAB_FIRST;
		for (size_t i = 0; i < ds->n_slabs && size < SLAB_LARGE; i++)
			size *= 2;
		const size_t align = size >= SLAB_LARGE ? LARGE_PAGE : 64;
		ds->slabs = alloc_again(ds->slabs, ds->n_slabs + 1, sizeof *ds->slabs);
		char *slab = ds->slabs[ds->n_slabs++] = alloc_bytes(size + align);
		ds->free = (char *)(((uintptr_t)slab + align - 1) & ~(uintptr_t)(align - 1));
		ds->n_free = size;
		if (align == LARGE_PAGE)
			madvise(ds->free, size, MADV_HUGEPAGE);	/* advice alone */
	}
	double *rows = (double *)ds->free;
	ds->free += bytes;
	ds->n_free -= bytes;
	return rows;
}

static void rows_fill(double *rows, size_t from, size_t to, double value)
{
	for (size_t i = from; i < to; i++)
		rows[i] = value;
}

void dataset_release(struct dataset *ds)
{
	for (size_t b = 0; b < ds->n_blocks; b++)
		free(ds->blocks[b].column);
	for (size_t i = 0; i < ds->n_slabs; i++)
		free(ds->slabs[i]);
	free(ds->slabs);
	free(ds->blocks);
	*ds = DATASET_INIT;
}

/* Every column of the block is there; the first n rows of a new one are missing. */
static void block_widen(struct dataset *ds, struct dataset_block *block, size_t n)
{
	if (block->n_columns == ds->columns)
		return;
	block->column = alloc_again(block->column, ds->columns, sizeof *block->column);
	while (block->n_columns < ds->columns) {
		double *rows = block->column[block->n_columns++] = rows_new(ds);
		rows_fill(rows, 0, n, NAN);
	}
}

size_t dataset_add_column(struct dataset *ds)
{
	ds->columns++;
	if (ds->rows < ds->n_blocks * KERNEL_ROWS)
		block_widen(ds, &ds->blocks[ds->n_blocks - 1], ds->rows % KERNEL_ROWS);
	return ds->columns - 1;
}

void dataset_add(struct dataset *ds, const double *x, double answer, double weight)
{
	const size_t i = ds->rows % KERNEL_ROWS;

	if (!i) {
		if (ds->n_blocks == ds->room)
			ds->blocks = alloc_again(ds->blocks, ds->room = ds->room ? ds->room * 2 : 16, sizeof *ds->blocks);
		ds->blocks[ds->n_blocks] = (struct dataset_block){ .answer = rows_new(ds), .weight = rows_new(ds) };
		block_widen(ds, &ds->blocks[ds->n_blocks++], 0);
	}
	struct dataset_block *block = &ds->blocks[ds->n_blocks - 1];
	block->answer[i] = answer;
	block->weight[i] = weight;
	for (size_t j = 0; j < ds->columns; j++)
		block->column[j][i] = x[j];
	ds->rows++;
}

void dataset_seal(struct dataset *ds)
{
	for (size_t b = 0; b < ds->n_blocks; b++) {
		struct dataset_block *block = &ds->blocks[b];
		const size_t n = dataset_rows(ds, b);
		block_widen(ds, block, n);
		rows_fill(block->answer, n, KERNEL_ROWS, 0);
		rows_fill(block->weight, n, KERNEL_ROWS, 0);
		for (size_t j = 0; j < ds->columns; j++)
			rows_fill(block->column[j], n, KERNEL_ROWS, NAN);
	}
}

/* Two passes: squares of distances from the mean, with the mean's own rounding taken out (Chan, Golub and LeVeque, "Algorithms
 * for computing the sample variance", 1983, eq. 1.7).  Behind the last row a column holds NaN, as where a value is missing. */
void dataset_figures(const struct dataset *ds, size_t column, struct column_figures *f)
{
	struct kernel_moments m = { .min = INFINITY, .max = -INFINITY };
	double rest = 0, squares = 0;
	int exponent;

	for (size_t b = 0; b < ds->n_blocks; b++)
		kernel_moments(ds->blocks[b].column[column], &m);
	*f = (struct column_figures){ .n = (size_t)m.n, .min = m.min, .max = m.max, .mean = m.min };
	if (!f->n || m.min == m.max)
		return;
	f->mean = m.sum / m.n;
	if (!isfinite(f->mean)) {	/* the sum overflows, the mean does not */
		f->mean = 0;
		for (size_t r = 0; r < ds->rows; r++)
			if (!isnan(dataset_value(ds, r, column)))
				f->mean += dataset_value(ds, r, column) / m.n;
	}
	/* In units of the range, a power of two: no square overflows or vanishes, no digit changes. */
	frexp(m.max / 2 - m.min / 2, &exponent);
	for (size_t b = 0; b < ds->n_blocks; b++)
		kernel_spread(ds->blocks[b].column[column], f->mean, ldexp(1, -exponent), &rest, &squares);
	f->deviation = ldexp(sqrt((squares - rest * rest / m.n) / m.n), exponent);
}

bool dataset_any(const struct dataset *ds, size_t column)
{
	size_t r = 0;

	while (r < ds->rows && isnan(dataset_value(ds, r, column)))
		r++;
	return r < ds->rows;
}

bool dataset_is_id(const struct dataset *ds, size_t column)
{
	size_t room = 64;
	double *seen;
	bool different = ds->rows > 0;

	for (size_t r = 0; r < ds->rows; r++)
		if (!(dataset_value(ds, r, column) == floor(dataset_value(ds, r, column))))
			return false;
	while (room < ds->rows * 2)
		room *= 2;
	seen = alloc_bytes(room * sizeof *seen);
	for (size_t i = 0; i < room; i++)
		seen[i] = NAN;
	for (size_t r = 0; r < ds->rows && different; r++) {
		const double x = dataset_value(ds, r, column) + 0.0;
		uint64_t h;
		memcpy(&h, &x, sizeof h);
		h = (h ^ h >> 32) * UINT64_C(0x9e3779b97f4a7c15);
		size_t at = (h ^ h >> 29) & (room - 1);
		while (!isnan(seen[at]) && seen[at] != x)
			at = (at + 1) & (room - 1);
		different = isnan(seen[at]);
		seen[at] = x;
	}
	free(seen);
	return different;
}

bool dataset_edges_of(const double *values, size_t n, double edges[DATASET_EDGES])
{
	struct radix_row *rows = alloc_bytes((n + 1) * sizeof *rows);

	for (size_t i = 0; i < n; i++)
		rows[i] = (struct radix_row){ values[i], 0 };
	radix_sort(rows, n);
	for (size_t k = 1; n && k <= DATASET_EDGES; k++)
		edges[k - 1] = rows[(k * n + DATASET_EDGES - 1) / DATASET_EDGES - 1].key + 0.0;
	free(rows);
	return n > 0;
}

bool dataset_edges(const struct dataset *ds, size_t column, double edges[DATASET_EDGES])
{
	const size_t most = ds->rows < DATASET_SAMPLE ? ds->rows : DATASET_SAMPLE;
	double *values = alloc_bytes((most ? most : 1) * sizeof *values);
	size_t n = 0;

	for (size_t i = 0; i < most; i++) {
		const double x = dataset_value(ds, ds->rows > most ? (size_t)((double)i * ((double)ds->rows / (double)most)) : i, column);
		if (!isnan(x))
			values[n++] = x;
	}
	const bool any = dataset_edges_of(values, n, edges);
	free(values);
	return any;
}

void dataset_fill(struct dataset *ds, size_t column, double missing)
{
	for (size_t b = 0; b < ds->n_blocks; b++) {
		double *x = ds->blocks[b].column[column];
		for (size_t i = 0, n = dataset_rows(ds, b); i < n; i++)
			if (isnan(x[i]))
				x[i] = missing;
	}
}

void dataset_scale(struct dataset *ds, size_t column, double mean, double scale)
{
	for (size_t b = 0; b < ds->n_blocks; b++) {
		double *x = ds->blocks[b].column[column];
		if (scale > 0)
			kernel_scale(x, mean, scale);
		else
			memset(x, 0, KERNEL_ROWS * sizeof *x);
	}
}

void dataset_recode(struct dataset *ds, const int *place)
{
	for (size_t b = 0; b < ds->n_blocks; b++)
		for (size_t i = 0, n = dataset_rows(ds, b); i < n; i++)
			ds->blocks[b].answer[i] = place[(int)ds->blocks[b].answer[i]];
}

void dataset_drop(struct dataset *ds, size_t column)
{
	for (size_t b = 0; b < ds->n_blocks; b++) {
		struct dataset_block *block = &ds->blocks[b];
		memmove(&block->column[column], &block->column[column + 1], (--block->n_columns - column) * sizeof *block->column);
	}
	ds->columns--;
}

void dataset_sort(struct dataset *ds, const size_t *order)
{
	double **sorted = alloc_bytes((ds->columns + 1) * sizeof *sorted);

	for (size_t b = 0; ds->columns && b < ds->n_blocks; b++) {
		double **column = ds->blocks[b].column;
		for (size_t j = 0; j < ds->columns; j++)
			sorted[j] = column[order[j]];
		memcpy(column, sorted, ds->columns * sizeof *sorted);
	}
	free(sorted);
}
