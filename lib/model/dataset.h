/* SPDX-License-Identifier: MIT */
/*
 * dataset.h - rows of numbers with an answer and a weight, kept in memory.
 *
 * Blocks of KERNEL_ROWS rows, each column of a block in one piece, as the inner loops want it: 8 bytes per row and
 * column, and 16 per row.  A column may begin to exist after the first rows; it is missing (NaN) before.  Knows no
 * names, no files and no model.
 */
#ifndef MODEL_DATASET_H
#define MODEL_DATASET_H

#include <stdbool.h>
#include <stddef.h>

#include "model/kernel.h"

struct dataset_block {
	double *answer, *weight;	/* KERNEL_ROWS of each; weight 0 behind the last row */
	double **column;		/* NULL until dataset_seal: no value yet */
	size_t n_columns;		/* pointers in `column` */
};

struct dataset {
	size_t rows, columns;
	struct dataset_block *blocks;
	size_t n_blocks, room;
	void **slabs;			/* the memory of all rows */
	size_t n_slabs;
	char *free;			/* in the last slab */
	size_t n_free;
};

#define DATASET_INIT ((struct dataset){0})

void dataset_release(struct dataset *);

/* One more column: its index. */
size_t dataset_add_column(struct dataset *);

/* A row: `columns` values, NaN for missing. */
void dataset_add(struct dataset *, const double *x, double answer, double weight);

/* After the last row: every column of every block is there, with NaN where nothing was.  No more rows or columns then. */
void dataset_seal(struct dataset *);

/* Rows of block b. */
static inline size_t dataset_rows(const struct dataset *ds, size_t b)
{
	return b + 1 < ds->n_blocks ? KERNEL_ROWS : ds->rows - b * KERNEL_ROWS;
}

static inline double dataset_value(const struct dataset *ds, size_t row, size_t column)
{
	return ds->blocks[row / KERNEL_ROWS].column[column][row % KERNEL_ROWS];
}

static inline double dataset_answer(const struct dataset *ds, size_t row)
{
	return ds->blocks[row / KERNEL_ROWS].answer[row % KERNEL_ROWS];
}

/* What a column holds. */
struct column_figures {
	size_t n;			/* values; the other rows are missing */
	double mean, deviation;		/* population figures; deviation 0: constant */
	double min, max;
};

void dataset_figures(const struct dataset *, size_t column, struct column_figures *);

/* Whether any row has a value. */
bool dataset_any(const struct dataset *, size_t column);

/* Whether every row has a whole number and no two have the same: an id. */
bool dataset_is_id(const struct dataset *, size_t column);

/*
 * The upper edges of ten bins of equal count: edge k is the smallest value that at least k tenths of the values do not exceed.
 * Of more than DATASET_SAMPLE rows, of that many at equal distances.  False: no values.
 */
#define DATASET_EDGES 10
#define DATASET_SAMPLE 65536
bool dataset_edges(const struct dataset *, size_t column, double edges[DATASET_EDGES]);
bool dataset_edges_of(const double *values, size_t n, double edges[DATASET_EDGES]);

/* (x - mean) / scale in place, 0 where x is missing or scale is 0. */
void dataset_scale(struct dataset *, size_t column, double mean, double scale);
void dataset_fill(struct dataset *, size_t column, double missing);	/* stands for missing values */

/* Answers that are indices become others: place[answer]. */
void dataset_recode(struct dataset *, const int *place);

void dataset_drop(struct dataset *, size_t column);
void dataset_sort(struct dataset *, const size_t *order);		/* order[new place] = old place */

#endif
