/* SPDX-License-Identifier: MIT */
#include "model/objective.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"


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

/* to += X'QX of the block, tile by tile, X being the chosen columns and a last one of ones; qx is room for h->n tiles. */
static void block_curvature(const struct dataset_block *block, const double *q, const struct hessian *h, double *to, double *qx)
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
						to[(j + i) * side + k + m] += out[i][m];
			}
	}
	dots(block, q, h->columns, n, to + n * side);
	to[n * side + n] += kernel_sum(q);
}

/* ---- one block ---- */

/* The loss of a block; z: margins, which become probabilities (softmax); r, q: residuals and curvatures of one output (else). */
static double block_loss(const struct objective *o, const struct dataset_block *block, const double *w, double *z, double *r, double *q)
{
	const size_t outputs = objective_outputs(o);

	for (size_t k = 0; k < outputs; k++)
		margins(o->data, block, w + k * (o->data->columns + 1), z + k * KERNEL_ROWS);
	if (o->loss == LOSS_SOFTMAX)
		return kernel_softmax(z, outputs, block->answer, block->weight);
	return o->loss == LOSS_LOGISTIC ? kernel_logistic(z, block->answer, block->weight, r, q)
	    : kernel_squared(z, block->answer, block->weight, r, q);
}

static void block_gradient(const struct objective *o, const struct dataset_block *block, const double *p, double *r, double *gradient)
{
	const size_t d = o->data->columns;

	for (size_t k = 0; k < objective_outputs(o); k++, gradient += d + 1) {
		if (o->loss == LOSS_SOFTMAX)
			kernel_softmax_residual(p + k * KERNEL_ROWS, k, block->answer, block->weight, r);
		dots(block, r, NULL, d, gradient);
		gradient[d] += kernel_sum(r);
	}
}

/* Pairs of outputs (k, m), m <= k, are numbered row by row; each has a part of H, which is symmetric in itself. */
static size_t pairs_of(const struct objective *o)
{
	return objective_outputs(o) * (objective_outputs(o) + 1) / 2;
}

static void block_hessian(const struct objective *o, const struct dataset_block *block, const double *p, double *q,
    const struct hessian *h, double *parts, double *qx)
{
	const size_t part = (h->n + 1) * (h->n + 1);

	if (o->loss != LOSS_SOFTMAX) {
		block_curvature(block, q, h, parts, qx);
		return;
	}
	for (size_t k = 0; k < o->labels; k++)
		for (size_t m = 0; m <= k; m++, parts += part) {
			kernel_softmax_curvature(p + k * KERNEL_ROWS, p + m * KERNEL_ROWS, k == m, block->weight, q);
			block_curvature(block, q, h, parts, qx);
		}
}

/* ---- all rows ---- */

/* The pairs' parts, of each the lower triangle, to the lower triangle of H. */
static void assemble(const double *parts, size_t outputs, size_t side, double *h)
{
	const size_t row = outputs * side;

	for (size_t k = 0; k < outputs; k++)
		for (size_t m = 0; m <= k; m++, parts += side * side)
			for (size_t i = 0; i < side; i++)
				for (size_t j = 0; j < (m < k ? side : i + 1); j++)
					h[(k * side + i) * row + m * side + j] = j <= i ? parts[i * side + j] : parts[j * side + i];
}

/* Whether a column (`columns`: the biases) may move in all outputs together, for nothing. */
static bool drifts(const struct objective *o, size_t column)
{
	return o->loss == LOSS_SOFTMAX && (column == o->data->columns || o->anchors_weights);
}

static double sum_over_outputs(const struct objective *o, const double *w, size_t column)
{
	double sum = 0;

	for (size_t k = 0; k < o->labels; k++)
		sum += w[k * (o->data->columns + 1) + column];
	return sum;
}

/* out += the penalties' second derivatives times v, which at w is their gradient. */
static void add_penalties(const struct objective *o, const double *v, double *out)
{
	const size_t d = o->data->columns;

	for (size_t k = 0; k < objective_outputs(o); k++)
		for (size_t j = 0; j < d; j++)
			out[k * (d + 1) + j] += o->l2 * v[k * (d + 1) + j];
	for (size_t j = 0; j <= d; j++)
		if (drifts(o, j)) {
			const double sum = sum_over_outputs(o, v, j);
			for (size_t k = 0; k < o->labels; k++)
				out[k * (d + 1) + j] += o->anchor * sum;
		}
}

static double penalties(const struct objective *o, const double *w)
{
	const size_t d = o->data->columns;
	double value = 0;

	for (size_t k = 0; k < objective_outputs(o); k++)
		for (size_t j = 0; j < d; j++)
			value += o->l2 / 2 * w[k * (d + 1) + j] * w[k * (d + 1) + j];
	for (size_t j = 0; j <= d; j++)
		if (drifts(o, j)) {
			const double sum = sum_over_outputs(o, w, j);
			value += o->anchor / 2 * sum * sum;
		}
	return value;
}

static void add_penalties_to_hessian(const struct objective *o, const struct hessian *h)
{
	const size_t side = h->n + 1, outputs = objective_outputs(o), row = outputs * side;

	for (size_t k = 0; k < outputs; k++)
		for (size_t i = 0; i < side; i++) {
			if (i < h->n)
				h->a[(k * side + i) * (row + 1)] += o->l2;
			for (size_t m = 0; m <= k && drifts(o, i < h->n ? h->columns[i] : o->data->columns); m++)
				h->a[(k * side + i) * row + m * side + i] += o->anchor;
		}
}

/* What a walk through the rows needs, but for its results. */
struct room {
	double *z, *r, *q;		/* of a block: margins or probabilities, of each output; residuals; curvatures */
	double *gradient, *parts;	/* of a shard */
	double *qx;
	size_t parts_size;
};

static struct room room_new(const struct objective *o, const struct hessian *h)
{
	const size_t z = objective_outputs(o) * KERNEL_ROWS, parts = h ? pairs_of(o) * (h->n + 1) * (h->n + 1) : 0;
	double *rows = alloc_aligned((z + 2 * KERNEL_ROWS) * sizeof *rows);

	return (struct room){
		.z = rows, .r = rows + z, .q = rows + z + KERNEL_ROWS,
		.gradient = alloc_bytes(objective_size(o) * sizeof(double)), .parts = alloc_bytes(parts * sizeof(double)),
		.qx = alloc_bytes((h ? h->n + 1 : 0) * KERNEL_TILE * sizeof(double)), .parts_size = parts,
	};
}

static void room_release(struct room *room)
{
	free(room->z);
	free(room->gradient);
	free(room->parts);
	free(room->qx);
}

/* Adds what one shard has to the gradient, the parts of H (NULL: none) and, returned, the loss. */
static double shard_value(const struct objective *o, size_t first, const double *w, double *gradient, const struct hessian *h,
    double *parts, double *curvature, struct room *room)
{
	const size_t block_size = objective_outputs(o) * KERNEL_ROWS;
	double value = 0;

	memset(room->gradient, 0, objective_size(o) * sizeof *room->gradient);
	memset(room->parts, 0, room->parts_size * sizeof *room->parts);
	for (size_t b = first; b < first + OBJECTIVE_SHARD && b < o->data->n_blocks; b++) {
		const struct dataset_block *block = &o->data->blocks[b];
		double *kept = curvature ? curvature + b * block_size : NULL;
		double *z = kept && o->loss == LOSS_SOFTMAX ? kept : room->z, *q = kept && o->loss != LOSS_SOFTMAX ? kept : room->q;
		value += block_loss(o, block, w, z, room->r, q);
		if (gradient)
			block_gradient(o, block, z, room->r, room->gradient);
		if (h)
			block_hessian(o, block, z, q, h, room->parts, room->qx);
	}
	if (gradient)
		add(gradient, room->gradient, objective_size(o));
	if (h)
		add(parts, room->parts, room->parts_size);
	return value;
}

double objective_value(const struct objective *o, const double *w, double *gradient, struct hessian *h, double *curvature)
{
	struct room room = room_new(o, h);
	double *parts = alloc_zeroed(room.parts_size, sizeof *parts), value = 0;

	if (gradient)
		memset(gradient, 0, objective_size(o) * sizeof *gradient);
	for (size_t first = 0; first < o->data->n_blocks; first += OBJECTIVE_SHARD)
		value += shard_value(o, first, w, gradient, h, parts, curvature, &room);
	if (gradient)
		add_penalties(o, w, gradient);
	if (h) {
		assemble(parts, objective_outputs(o), h->n + 1, h->a);
		add_penalties_to_hessian(o, h);
	}
	free(parts);
	room_release(&room);
	return value + penalties(o, w);
}

void objective_product(const struct objective *o, const double *curvature, const double *v, double *out)
{
	const struct dataset *ds = o->data;
	const size_t outputs = objective_outputs(o), size = objective_size(o), d = ds->columns;
	double *part = alloc_bytes(size * sizeof *part);
	double *u = alloc_aligned(2 * outputs * KERNEL_ROWS * sizeof *u), *r = u + outputs * KERNEL_ROWS;

	memset(out, 0, size * sizeof *out);
	for (size_t first = 0; first < ds->n_blocks; first += OBJECTIVE_SHARD) {
		memset(part, 0, size * sizeof *part);
		for (size_t b = first; b < first + OBJECTIVE_SHARD && b < ds->n_blocks; b++) {
			for (size_t k = 0; k < outputs; k++)
				margins(ds, &ds->blocks[b], v + k * (d + 1), u + k * KERNEL_ROWS);
			if (o->loss == LOSS_SOFTMAX)
				kernel_softmax_product(curvature + b * outputs * KERNEL_ROWS, outputs, ds->blocks[b].weight, u, r);
			else
				kernel_times(r, curvature + b * KERNEL_ROWS, u);
			for (size_t k = 0; k < outputs; k++) {
				dots(&ds->blocks[b], r + k * KERNEL_ROWS, NULL, d, part + k * (d + 1));
				part[k * (d + 1) + d] += kernel_sum(r + k * KERNEL_ROWS);
			}
		}
		add(out, part, size);
	}
	add_penalties(o, v, out);
	free(part);
	free(u);
}

void objective_diagonal(const struct objective *o, const double *curvature, double *out)
{
	const struct dataset *ds = o->data;
	const size_t d = ds->columns, outputs = objective_outputs(o);
	double *own = alloc_aligned(2 * KERNEL_ROWS * sizeof *own), *qx = own + KERNEL_ROWS;

	for (size_t i = 0; i < objective_size(o); i++)
		out[i] = (i % (d + 1) < d ? o->l2 : 0) + (drifts(o, i % (d + 1)) ? o->anchor : 0);
	for (size_t b = 0; b < ds->n_blocks; b++)
		for (size_t k = 0; k < outputs; k++) {
			const double *q = curvature + (b * outputs + k) * KERNEL_ROWS;
			if (o->loss == LOSS_SOFTMAX) {
				kernel_softmax_curvature(q, q, true, ds->blocks[b].weight, own);
				q = own;
			}
			for (size_t j = 0; j < d; j++) {
				kernel_times(qx, q, ds->blocks[b].column[j]);
				out[k * (d + 1) + j] += kernel_dot(qx, ds->blocks[b].column[j]);
			}
			out[k * (d + 1) + d] += kernel_sum(q);
		}
	free(own);
}

static bool row_is_right(const struct objective *o, const double *z, double answer)
{
	const size_t own = (size_t)answer;

	if (o->loss != LOSS_SOFTMAX)
		return answer > 0 ? *z > 0 : *z < 0;
	for (size_t k = 0; k < o->labels; k++)
		if (k != own && !(z[own * KERNEL_ROWS] > z[k * KERNEL_ROWS]))
			return false;
	return true;
}

bool objective_separates(const struct objective *o, const double *w)
{
	const size_t outputs = objective_outputs(o), d = o->data->columns;
	double *z = alloc_aligned(outputs * KERNEL_ROWS * sizeof *z);
	bool all = true;

	for (size_t b = 0; all && b < o->data->n_blocks; b++) {
		const struct dataset_block *block = &o->data->blocks[b];
		for (size_t k = 0; k < outputs; k++)
			margins(o->data, block, w + k * (d + 1), z + k * KERNEL_ROWS);
		for (size_t i = 0; all && i < KERNEL_ROWS; i++)
			all = !(block->weight[i] > 0) || row_is_right(o, z + i, block->answer[i]);
	}
	free(z);
	return all;
}
