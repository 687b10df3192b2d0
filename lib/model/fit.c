/* SPDX-License-Identifier: MIT */
#include "model/fit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

/* Means and scales of what is there; a number that stands for missing values counts as data. */
static void learn_scaling(struct model *m, struct dataset *ds, struct fit_report *report)
{
	report->columns = alloc_zeroed(m->schema.n + 1, sizeof *report->columns);
	m->bins = alloc_zeroed(m->schema.n + 1, sizeof *m->bins);
	m->has_bins = alloc_zeroed(m->schema.n + 1, sizeof *m->has_bins);
	for (size_t j = 0; j < m->schema.n; j++) {
		struct input *in = &m->schema.inputs[j];
		struct column_figures *f = &report->columns[j];
		m->has_bins[j] = dataset_edges(ds, j, m->bins[j]);
		dataset_figures(ds, j, f);
		const size_t found = f->n;
		if (in->missing == MISSING_NUMBER && found < ds->rows) {
			dataset_fill(ds, j, in->number);
			dataset_figures(ds, j, f);
			f->n = found;
		}
		in->mean = f->mean;
		in->scale = f->deviation;
	}
}

/* Multiplies weights so that both classes weigh the same, their sum as before; the weights as they were, to be freed. */
static double *balance(struct dataset *ds)
{
	double *before = alloc_bytes((ds->n_blocks ? ds->n_blocks : 1) * KERNEL_ROWS * sizeof *before), sum[2] = {0};

	for (size_t b = 0; b < ds->n_blocks; b++)
		for (size_t i = 0; i < KERNEL_ROWS; i++) {
			before[b * KERNEL_ROWS + i] = ds->blocks[b].weight[i];
			sum[ds->blocks[b].answer[i] > 0] += ds->blocks[b].weight[i];
		}
	const double all = sum[0] + sum[1];
	for (size_t b = 0; b < ds->n_blocks; b++)
		for (size_t i = 0; i < KERNEL_ROWS; i++)
			ds->blocks[b].weight[i] *= all / (2 * sum[ds->blocks[b].answer[i] > 0]);
	return before;
}

static void unbalance(struct dataset *ds, double *before)
{
	for (size_t b = 0; before && b < ds->n_blocks; b++)
		memcpy(ds->blocks[b].weight, before + b * KERNEL_ROWS, KERNEL_ROWS * sizeof *before);
	free(before);
}

static void learn_score_bins(struct model *m, const struct scored *scores, size_t rows)
{
	const size_t most = rows < DATASET_SAMPLE ? rows : DATASET_SAMPLE;
	double *values = alloc_bytes(most * sizeof *values);

	for (size_t i = 0; i < most; i++)
		values[i] = scores[rows > most ? (size_t)((double)i * ((double)rows / (double)most)) : i].score;
	m->score_bins = alloc_zeroed(DATASET_EDGES, sizeof *m->score_bins);
	dataset_edges_of(values, most, m->score_bins);
	free(values);
}

int fit_model(struct model *m, struct dataset *ds, const struct fit *f, struct fit_report *report, struct error *why)
{
	const struct problem problem = {
		{ m->kind == MODEL_LOGISTIC ? LOSS_LOGISTIC : LOSS_SQUARED, ds, f->l2 }, f->l1, f->watch
	};
	double *w = alloc_bytes((m->schema.n + 1) * sizeof *w), *before = NULL;
	int steps;

	learn_scaling(m, ds, report);
	for (size_t j = 0; j < m->schema.n; j++)
		dataset_scale(ds, j, m->schema.inputs[j].mean, m->schema.inputs[j].scale);
	if (f->balanced && m->kind == MODEL_LOGISTIC)
		before = balance(ds);
	report->solver = solver_find(&problem)->name;
	steps = solver_run(&problem, w, why);
	unbalance(ds, before);
	if (steps >= 0) {
		model_shape(m);
		/* -0 prints as 0: what is written must be what was used. */
		for (size_t j = 0; j <= m->schema.n; j++)
			*(j < m->schema.n ? &m->weights[j] : m->bias) = w[j] == 0 ? 0 : w[j];
		m->threshold = 0.5;
		m->training.steps = (unsigned)steps;
		m->training.l1 = f->l1;
		m->training.l2 = f->l2;
		m->training.balanced = before != NULL;
		report->scores = alloc_bytes(ds->rows * sizeof *report->scores);
		fit_scores(m, ds, report->scores);
		learn_score_bins(m, report->scores, ds->rows);
		model_identify(m);
	}
	free(w);
	return steps < 0 ? -1 : 0;
}

void fit_scale(const struct model *m, struct dataset *ds)
{
	for (size_t j = 0; j < m->schema.n; j++) {
		const struct input *in = &m->schema.inputs[j];
		if (in->missing == MISSING_NUMBER)
			dataset_fill(ds, j, in->number);
		dataset_scale(ds, j, in->mean, in->scale);
	}
}

void fit_scores(const struct model *m, const struct dataset *ds, struct scored *out)
{
	for (size_t b = 0; b < ds->n_blocks; b++) {
		const struct dataset_block *block = &ds->blocks[b];
		double z[KERNEL_ROWS] __attribute__((aligned(64)));
		for (size_t i = 0; i < KERNEL_ROWS; i++)
			z[i] = m->bias[0];
		for (size_t j = 0; j < m->schema.n; j++)
			kernel_add(z, m->weights[j], block->column[j]);
		if (m->kind == MODEL_LOGISTIC)
			kernel_sigmoid(z, KERNEL_ROWS);
		for (size_t i = 0, n = dataset_rows(ds, b); i < n; i++)
			*out++ = (struct scored){ z[i], block->answer[i], block->weight[i] };
	}
}
