/* SPDX-License-Identifier: MIT */
#include "model/fit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "model/modelfile.h"
#include "model/trees.h"

/* What columns hold, without what is missing; a number that stands for it counts as data. */
static void learn_columns(struct model *m, struct dataset *ds, struct fit_report *report)
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
	}
}

/* Multiplies weights so that all classes weigh the same, their sum as before; the weights as they were, to be freed. */
static double *balance(struct dataset *ds, size_t classes)
{
	double *before = alloc_bytes((ds->n_blocks ? ds->n_blocks : 1) * KERNEL_ROWS * sizeof *before);
	double *sum = alloc_zeroed(classes, sizeof *sum), all = 0;

	for (size_t b = 0; b < ds->n_blocks; b++)
		for (size_t i = 0; i < KERNEL_ROWS; i++) {
			before[b * KERNEL_ROWS + i] = ds->blocks[b].weight[i];
			sum[(size_t)ds->blocks[b].answer[i]] += ds->blocks[b].weight[i];
		}
	for (size_t k = 0; k < classes; k++)
		all += sum[k];
	for (size_t b = 0; b < ds->n_blocks; b++)
		for (size_t i = 0; i < KERNEL_ROWS; i++)
			ds->blocks[b].weight[i] *= all / ((double)classes * sum[(size_t)ds->blocks[b].answer[i]]);
	free(sum);
	return before;
}

static void unbalance(struct dataset *ds, double *before)
{
	for (size_t b = 0; before && b < ds->n_blocks; b++)
		memcpy(ds->blocks[b].weight, before + b * KERNEL_ROWS, KERNEL_ROWS * sizeof *before);
	free(before);
}

static double score_of(const struct fit_scores *s, size_t row)
{
	if (s->one)
		return s->one[row].score;
	const double *p = s->many.p + row * s->many.labels;
	return p[metrics_largest(p, s->many.labels)];
}

static void learn_score_bins(struct model *m, const struct fit_scores *s)
{
	const size_t rows = s->rows, most = rows < DATASET_SAMPLE ? rows : DATASET_SAMPLE;
	double *values = alloc_bytes(most * sizeof *values);

	for (size_t i = 0; i < most; i++)
		values[i] = score_of(s, rows > most ? (size_t)((double)i * ((double)rows / (double)most)) : i);
	m->score_bins = alloc_zeroed(DATASET_EDGES, sizeof *m->score_bins);
	dataset_edges_of(values, most, m->score_bins);
	free(values);
}

/* ---- solving ---- */

/* The weights w of one problem; its steps or -1. */
static int solve(const struct model *m, enum loss loss, struct dataset *ds, const struct fit *f, double *w, struct fit_report *report,
    struct error *why)
{
	const struct problem problem = {
		{ .loss = loss, .data = ds, .l2 = f->l2, .labels = m->n_labels }, f->l1, f->watch
	};
	double *before = f->balanced && loss != LOSS_SQUARED ? balance(ds, loss == LOSS_SOFTMAX ? m->n_labels : 2) : NULL;

	report->solver = solver_find(&problem)->name;
	const int steps = solver_run(&problem, w, why);
	unbalance(ds, before);
	return steps;
}

/* Answers that are indices, kept while each label in turn is 1 and the rest 0. */
static double *take_answers(const struct dataset *ds)
{
	double *answers = alloc_bytes((ds->n_blocks ? ds->n_blocks : 1) * KERNEL_ROWS * sizeof *answers);

	for (size_t b = 0; b < ds->n_blocks; b++)
		memcpy(answers + b * KERNEL_ROWS, ds->blocks[b].answer, KERNEL_ROWS * sizeof *answers);
	return answers;
}

static void set_answers(struct dataset *ds, const double *answers, size_t label)
{
	for (size_t b = 0; b < ds->n_blocks; b++)
		for (size_t i = 0; i < KERNEL_ROWS; i++)
			ds->blocks[b].answer[i] = answers[b * KERNEL_ROWS + i] == (double)label;
}

/* A logistic model of each label against the rest. */
static int solve_each(const struct model *m, struct dataset *ds, const struct fit *f, double *w, struct fit_report *report,
    struct error *why)
{
	double *answers = take_answers(ds);
	int steps = 0, taken = 0;

	for (size_t k = 0; taken >= 0 && k < m->n_labels; k++) {
		if (f->watch_part)
			f->watch_part(f->watch.self, k);
		set_answers(ds, answers, k);
		taken = solve(m, LOSS_LOGISTIC, ds, f, w + k * (m->schema.n + 1), report, why);
		if (taken < 0)
			error_prefix(why, "label %.100s against the rest", m->labels[k]);
		steps += taken;
	}
	for (size_t b = 0; b < ds->n_blocks; b++)
		memcpy(ds->blocks[b].answer, answers + b * KERNEL_ROWS, KERNEL_ROWS * sizeof *answers);
	free(answers);
	return taken < 0 ? -1 : steps;
}

static int solve_kind(const struct model *m, struct dataset *ds, const struct fit *f, double *w, struct fit_report *report,
    struct error *why)
{
	static const enum loss losses[] = {
		[MODEL_LOGISTIC] = LOSS_LOGISTIC, [MODEL_LINEAR] = LOSS_SQUARED, [MODEL_SOFTMAX] = LOSS_SOFTMAX
	};

	return m->kind == MODEL_ONE_VS_REST ? solve_each(m, ds, f, w, report, why) : solve(m, losses[m->kind], ds, f, w, report, why);
}

/* -0 prints as 0: what is written must be what was used. */
static void take_weights(struct model *m, const double *w)
{
	const size_t n = m->schema.n;

	for (size_t k = 0; k < m->outputs; k++)
		for (size_t j = 0; j <= n; j++, w++)
			*(j < n ? &m->weights[k * n + j] : &m->bias[k]) = *w == 0 ? 0 : *w;
}

static int learn_weights(struct model *m, struct dataset *ds, const struct fit *f, struct fit_report *report, struct error *why)
{
	const size_t outputs = model_is_per_label(m->kind, m->n_labels) ? m->n_labels : 1;
	double *w = alloc_bytes(outputs * (m->schema.n + 1) * sizeof *w);

	for (size_t j = 0; j < m->schema.n; j++) {
		struct input *in = &m->schema.inputs[j];
		in->mean = report->columns[j].mean;
		in->scale = report->columns[j].deviation;
		dataset_scale(ds, j, in->mean, in->scale);
	}
	const int steps = solve_kind(m, ds, f, w, report, why);
	if (steps >= 0) {
		model_shape(m);
		take_weights(m, w);
		m->training.steps = (unsigned)steps;
		m->training.l1 = f->l1;
		m->training.l2 = f->l2;
	}
	free(w);
	return steps < 0 ? -1 : 0;
}

/* ---- trees ---- */

/* The mean is a number that a tree's file can state. */
static void fill_means(struct model *m, struct dataset *ds, const struct fit_report *report)
{
	for (size_t j = 0; j < m->schema.n; j++) {
		struct input *in = &m->schema.inputs[j];
		if (in->missing != MISSING_MEAN)
			continue;
		in->missing = MISSING_NUMBER;
		in->number = report->columns[j].mean;
		dataset_fill(ds, j, in->number);
	}
}

static int learn_tree(struct model *m, struct dataset *ds, const struct fit *f, const struct fit_report *report, struct error *why)
{
	struct cart cart = f->cart;

	fill_means(m, ds, report);
	cart.labels = m->n_labels;
	m->trees = cart_learn(ds, &cart, why);
	if (!m->trees)
		return -1;
	model_shape(m);
	m->training.max_depth = cart.max_depth;
	m->training.min_leaf = cart.min_leaf;
	return 0;
}

/* The model is what scoring will read from the file. */
static int learn_boosted(struct model *m, struct dataset *ds, const struct fit *f, struct fit_report *report, struct error *why)
{
	const struct model_training training = m->training;
	char stated[64];

	if (boost_learn(ds, &m->schema, m->labels, m->n_labels, &f->boost, &report->file, why))
		return -1;
	struct model *read = modelfile_parse(report->file.data, report->file.len, NULL, stated, why);
	if (!read)
		return error_prefix(why, "what XGBoost wrote");
	model_release(m);
	*m = *read;
	free(read);
	m->training = training;
	return 0;
}

/* ---- all kinds ---- */

int fit_model(struct model *m, struct dataset *ds, const struct fit *f, struct fit_report *report, struct error *why)
{
	const bool trees = m->kind == MODEL_TREE || m->kind == MODEL_XGBOOST;
	int result;

	learn_columns(m, ds, report);
	if (trees) {
		double *before = f->balanced && m->n_labels ? balance(ds, m->n_labels) : NULL;
		result = m->kind == MODEL_TREE ? learn_tree(m, ds, f, report, why) : learn_boosted(m, ds, f, report, why);
		unbalance(ds, before);
	} else {
		result = learn_weights(m, ds, f, report, why);
	}
	if (result)
		return -1;
	m->threshold = 0.5;
	m->training.balanced = f->balanced && m->n_labels;
	fit_score(m, ds, &report->scores);
	if (m->bins)
		learn_score_bins(m, &report->scores);
	model_identify(m);
	return 0;
}

void fit_scale(const struct model *m, struct dataset *ds)
{
	for (size_t j = 0; j < m->schema.n; j++) {
		const struct input *in = &m->schema.inputs[j];
		if (in->missing == MISSING_NUMBER)
			dataset_fill(ds, j, in->number);
		if (m->weights)
			dataset_scale(ds, j, in->mean, in->scale);
	}
}

/* ---- scoring ---- */

static void block_margins(const struct model *m, const struct dataset_block *block, size_t output, double *z)
{
	for (size_t i = 0; i < KERNEL_ROWS; i++)
		z[i] = m->bias[output];
	for (size_t j = 0; j < m->schema.n; j++)
		kernel_add(z, m->weights[output * m->schema.n + j], block->column[j]);
}

/* Of the block's rows, outputs side by side. */
static void block_tree_margins(const struct model *m, const struct dataset_block *block, size_t rows, double *z)
{
	const size_t n = m->schema.n;
	double *x = alloc_bytes((rows * n + 1) * sizeof *x);

	for (size_t j = 0; j < n; j++)
		for (size_t i = 0; i < rows; i++)
			x[i * n + j] = block->column[j][i];
	model_margins(m, x, rows, z);
	free(x);
}

static void score_one(const struct model *m, const struct dataset *ds, struct scored *out)
{
	for (size_t b = 0; b < ds->n_blocks; b++) {
		const struct dataset_block *block = &ds->blocks[b];
		double z[KERNEL_ROWS] __attribute__((aligned(64)));
		if (m->trees)
			block_tree_margins(m, block, KERNEL_ROWS, z);
		else
			block_margins(m, block, 0, z);
		model_scores(m, z, KERNEL_ROWS);
		for (size_t i = 0, n = dataset_rows(ds, b); i < n; i++)
			*out++ = (struct scored){ z[i], block->answer[i], block->weight[i] };
	}
}

static void score_labels(const struct model *m, const struct dataset *ds, struct scored_labels *out)
{
	for (size_t b = 0; b < ds->n_blocks; b++) {
		const struct dataset_block *block = &ds->blocks[b];
		const size_t first = b * KERNEL_ROWS, n = dataset_rows(ds, b);
		double z[KERNEL_ROWS] __attribute__((aligned(64)));
		if (m->trees)
			block_tree_margins(m, block, n, &out->p[first * m->outputs]);
		for (size_t k = 0; m->weights && k < m->outputs; k++) {
			block_margins(m, block, k, z);
			for (size_t i = 0; i < n; i++)
				out->p[(first + i) * m->outputs + k] = z[i];
		}
		memcpy(out->answer + first, block->answer, n * sizeof *out->answer);
		memcpy(out->weight + first, block->weight, n * sizeof *out->weight);
	}
	model_scores(m, out->p, ds->rows);
}

void fit_score(const struct model *m, const struct dataset *ds, struct fit_scores *out)
{
	*out = (struct fit_scores){ .rows = ds->rows };
	if (m->outputs == 1) {
		out->one = alloc_bytes(ds->rows * sizeof *out->one);
		score_one(m, ds, out->one);
		return;
	}
	out->many = (struct scored_labels){
		ds->rows, m->outputs, alloc_bytes(ds->rows * m->outputs * sizeof(double)), alloc_bytes(ds->rows * sizeof(double)),
		alloc_bytes(ds->rows * sizeof(double))
	};
	score_labels(m, ds, &out->many);
}

void fit_scores_release(struct fit_scores *s)
{
	free(s->one);
	metrics_labels_release(&s->many);
	*s = (struct fit_scores){0};
}

void fit_judge(const struct model *m, const struct fit_scores *s, struct quality *q)
{
	if (!s->one)
		metrics_labels(&s->many, q);
	else if (m->n_labels)
		metrics_binary(s->one, s->rows, m->threshold, q);
	else
		metrics_regression(s->one, s->rows, q);
}

void fit_judge_held_out(const struct model *m, const struct fit_scores *s, const struct fit_scores *training, const struct quality *trained,
    struct quality *q)
{
	fit_judge(m, s, q);
	if (s->one) {
		(m->n_labels ? metrics_constant_binary : metrics_constant_regression)(q, trained->constant);
		return;
	}
	double *shares = alloc_bytes(m->n_labels * sizeof *shares);
	metrics_shares(&training->many, shares);
	metrics_constant_labels(q, &s->many, shares);
	free(shares);
}
