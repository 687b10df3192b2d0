/* SPDX-License-Identifier: MIT */
#include "model/objective.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

#define ALIGNED __attribute__((aligned(64)))

static void margins(const struct dataset *ds, const struct dataset_block *block, const double *w, double *z)
{
	for (size_t i = 0; i < KERNEL_ROWS; i++)
		z[i] = w[ds->columns];
	for (size_t j = 0; j < ds->columns; j++)
		if (w[j] != 0)
			kernel_add(z, w[j], block->column[j]);
}

/* out[k] += a . x_columns[k]; NULL: all columns in order. */
static void dots(const struct dataset_block *block, const double *a, const size_t *columns, size_t n, double *out)
{
	size_t k = 0;

	for (; k + 4 <= n; k += 4) {
		const double *b[4];
		double d[4];
		for (size_t i = 0; i < 4; i++)
			b[i] = block->column[columns ? columns[k + i] : k + i];
		kernel_dot4(a, b, d);
		for (size_t i = 0; i < 4; i++)
			out[k + i] += d[i];
	}
	for (; k < n; k++)
		out[k] += kernel_dot(a, block->column[columns ? columns[k] : k]);
}

static void add(double *to, const double *from, size_t n)
{
	for (size_t i = 0; i < n; i++)
		to[i] += from[i];
}

/* Adds X'QX of the block, tile by tile; qx is room for h->n tiles. */
static void block_curvature(const struct dataset_block *block, const double *q, const struct hessian *h, double *qx)
{
	const size_t n = h->n, side = n + 1;

	for (size_t from = 0; from < KERNEL_ROWS; from += KERNEL_TILE) {
		for (size_t j = 0; j < n; j++)
			for (size_t i = 0; i < KERNEL_TILE; i++)
				qx[j * KERNEL_TILE + i] = q[from + i] * block->column[h->columns[j]][from + i];
		/* Two rows and four columns of the lower triangle at a time; what sticks out repeats the last and is dropped. */
		for (size_t j = 0; j < n; j += 2)
			for (size_t k = 0; k <= j + 1 && k < n; k += 4) {
				const double *a[2], *b[4];
				double out[2][4] = {{0}};
				for (size_t i = 0; i < 2; i++)
					a[i] = qx + (j + i < n ? j + i : n - 1) * KERNEL_TILE;
				for (size_t i = 0; i < 4; i++)
					b[i] = block->column[h->columns[k + i < n ? k + i : n - 1]] + from;
				kernel_outer(a, b, out);
				for (size_t i = 0; i < 2 && j + i < n; i++)
					for (size_t m = 0; m < 4 && k + m <= j + i; m++)
						h->a[(j + i) * side + k + m] += out[i][m];
			}
	}
	dots(block, q, h->columns, n, h->a + n * side);
	h->a[n * side + n] += kernel_sum(q);
}

static double block_value(const struct objective *o, size_t b, const double *w, double *gradient, const struct hessian *h,
    double *qx, double *curvature)
{
	const struct dataset *ds = o->data;
	const struct dataset_block *block = &ds->blocks[b];
	double z[KERNEL_ROWS] ALIGNED, r[KERNEL_ROWS] ALIGNED, own[KERNEL_ROWS] ALIGNED;
	double *q = curvature ? curvature + b * KERNEL_ROWS : own;
	double value;

	margins(ds, block, w, z);
	value = o->loss == LOSS_LOGISTIC ? kernel_logistic(z, block->answer, block->weight, r, q)
	    : kernel_squared(z, block->answer, block->weight, r, q);
	if (gradient) {
		dots(block, r, NULL, ds->columns, gradient);
		gradient[ds->columns] += kernel_sum(r);
	}
	if (h)
		block_curvature(block, q, h, qx);
	return value;
}

double objective_value(const struct objective *o, const double *w, double *gradient, struct hessian *h, double *curvature)
{
	const size_t d = o->data->columns, side = h ? h->n + 1 : 0;
	struct hessian part = h ? *h : (struct hessian){0};
	double *g = alloc_bytes((d + 1) * sizeof *g), *qx = NULL, value = 0;

	if (gradient)
		memset(gradient, 0, (d + 1) * sizeof *gradient);
	if (h) {
		memset(h->a, 0, side * side * sizeof *h->a);
		part.a = alloc_bytes(side * side * sizeof *part.a);
		qx = alloc_bytes(side * KERNEL_TILE * sizeof *qx);
	}
	for (size_t first = 0; first < o->data->n_blocks; first += OBJECTIVE_SHARD) {
		double shard = 0;
		memset(g, 0, (d + 1) * sizeof *g);
		if (h)
			memset(part.a, 0, side * side * sizeof *part.a);
		for (size_t b = first; b < first + OBJECTIVE_SHARD && b < o->data->n_blocks; b++)
			shard += block_value(o, b, w, gradient ? g : NULL, h ? &part : NULL, qx, curvature);
		value += shard;
		if (gradient)
			add(gradient, g, d + 1);
		if (h)
			add(h->a, part.a, side * side);
	}
	for (size_t j = 0; j < d; j++) {
		value += o->l2 / 2 * w[j] * w[j];
		if (gradient)
			gradient[j] += o->l2 * w[j];
	}
	for (size_t j = 0; h && j < h->n; j++)
		h->a[j * side + j] += o->l2;
	free(g);
	free(qx);
	free(part.a);
	return value;
}

void objective_product(const struct objective *o, const double *curvature, const double *v, double *out)
{
	const struct dataset *ds = o->data;
	double *part = alloc_bytes((ds->columns + 1) * sizeof *part);

	memset(out, 0, (ds->columns + 1) * sizeof *out);
	for (size_t first = 0; first < ds->n_blocks; first += OBJECTIVE_SHARD) {
		memset(part, 0, (ds->columns + 1) * sizeof *part);
		for (size_t b = first; b < first + OBJECTIVE_SHARD && b < ds->n_blocks; b++) {
			double z[KERNEL_ROWS] ALIGNED, qz[KERNEL_ROWS] ALIGNED;
			margins(ds, &ds->blocks[b], v, z);
			kernel_times(qz, curvature + b * KERNEL_ROWS, z);
			dots(&ds->blocks[b], qz, NULL, ds->columns, part);
			part[ds->columns] += kernel_sum(qz);
		}
		add(out, part, ds->columns + 1);
	}
	for (size_t j = 0; j < ds->columns; j++)
		out[j] += o->l2 * v[j];
	free(part);
}

void objective_diagonal(const struct objective *o, const double *curvature, double *out)
{
	const struct dataset *ds = o->data;

	for (size_t j = 0; j <= ds->columns; j++)
		out[j] = j < ds->columns ? o->l2 : 0;
	for (size_t b = 0; b < ds->n_blocks; b++) {
		const double *q = curvature + b * KERNEL_ROWS;
		for (size_t j = 0; j < ds->columns; j++) {
			double qx[KERNEL_ROWS] ALIGNED;
			kernel_times(qx, q, ds->blocks[b].column[j]);
			out[j] += kernel_dot(qx, ds->blocks[b].column[j]);
		}
		out[ds->columns] += kernel_sum(q);
	}
}

int objective_separates(const struct objective *o, const double *w)
{
	for (size_t b = 0; b < o->data->n_blocks; b++) {
		const struct dataset_block *block = &o->data->blocks[b];
		double z[KERNEL_ROWS] ALIGNED;
		margins(o->data, block, w, z);
		for (size_t i = 0; i < KERNEL_ROWS; i++)
			if (block->weight[i] > 0 && !(block->answer[i] > 0 ? z[i] > 0 : z[i] < 0))
				return 0;
	}
	return 1;
}
