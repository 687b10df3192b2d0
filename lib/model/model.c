/* SPDX-License-Identifier: MIT */
#include "model/model.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/hash.h"
#include "base/number.h"
#include "json/write.h"
#include "model/exp.h"
#include "model/trees.h"

const char *const model_kind_names[MODEL_KINDS + 1] = {
	"logistic", "linear", "softmax", "one-vs-rest", "tree", "forest", "xgboost", "lightgbm", NULL
};

void model_release(struct model *m)
{
	if (!m)
		return;
	schema_release(&m->schema);
	for (size_t i = 0; m->labels && i < m->n_labels; i++)
		free(m->labels[i]);
	free(m->labels);
	free(m->weights);
	free(m->bias);
	trees_free(m->trees);
	free(m->bins);
	free(m->score_bins);
	free(m->has_bins);
	*m = (struct model){0};
}

bool model_is_per_label(enum model_kind kind, size_t n_labels)
{
	return n_labels > 2 || kind == MODEL_SOFTMAX || kind == MODEL_ONE_VS_REST;
}

void model_shape(struct model *m)
{
	static const enum model_link links[] = {
		[MODEL_LOGISTIC] = LINK_SIGMOID, [MODEL_LINEAR] = LINK_IDENTITY, [MODEL_SOFTMAX] = LINK_SOFTMAX,
		[MODEL_ONE_VS_REST] = LINK_SHARED_SIGMOIDS, [MODEL_TREE] = LINK_IDENTITY, [MODEL_FOREST] = LINK_IDENTITY
	};

	m->outputs = model_is_per_label(m->kind, m->n_labels) ? m->n_labels : 1;
	m->link = links[m->kind];
	m->link_scale = 1;
	if (m->kind == MODEL_TREE || m->kind == MODEL_FOREST)
		return;
	m->weights = alloc_zeroed(m->outputs * m->schema.n + 1, sizeof *m->weights);
	m->bias = alloc_zeroed(m->outputs + 1, sizeof *m->bias);
}

/* ---- identity ---- */

static void add_number(struct buf *b, double x)
{
	json_write_double(b, x);
	buf_add_byte(b, '\n');
}

/* NULL: a label that is not known yet. */
static void add_text(struct buf *b, const char *text)
{
	if (!text)
		text = "";
	json_write_string(b, text, strlen(text));
	buf_add_byte(b, '\n');
}

static void add_missing(struct buf *b, const struct input *in)
{
	if (in->missing == MISSING_NUMBER)
		add_number(b, in->number);
	else
		add_text(b, in->missing == MISSING_MEAN ? "mean" : in->missing == MISSING_KEEP ? "branch" : "error");
}

static void add_labels(const struct model *m, struct buf *b)
{
	if (m->n_labels == 2 && m->outputs == 1) {
		add_text(b, m->labels[!m->positive]);
		add_text(b, m->labels[m->positive]);
		add_number(b, m->threshold);
	} else {
		for (size_t i = 0; i < m->n_labels; i++)
			add_text(b, m->labels[i]);
	}
}

/* A line per value, in a fixed order: no two models that score differently have the same text. */
void model_identify(struct model *m)
{
	struct buf b = BUF_INIT;

	add_text(&b, model_kind_names[m->kind]);
	add_labels(m, &b);
	for (size_t j = 0; j < m->schema.n; j++) {
		const struct input *in = &m->schema.inputs[j];
		add_text(&b, in->name);
		add_number(&b, in->mean);
		add_number(&b, in->scale);
		for (size_t k = 0; m->weights && k < m->outputs; k++)
			add_number(&b, m->weights[k * m->schema.n + j]);
		add_missing(&b, in);
		for (size_t i = 0; i < in->n_categories; i++)
			add_text(&b, in->categories[i]);
		if (in->numbers)
			add_text(&b, "numbers");
	}
	for (size_t k = 0; m->bias && k < m->outputs; k++)
		add_number(&b, m->bias[k]);
	if (m->trees) {
		buf_format(&b, "%d\n", m->link);
		add_number(&b, m->link_scale);
		trees_identify(m->trees, &b);
	}
	snprintf(m->id, sizeof m->id, "%016llx", (unsigned long long)hash_bytes(b.data, b.len));
	buf_release(&b);
}

bool model_uses(const struct model *m, size_t j)
{
	if (m->trees)
		return trees_uses(m->trees, j);
	for (size_t k = 0; m->schema.inputs[j].scale > 0 && k < m->outputs; k++)
		if (m->weights[k * m->schema.n + j] != 0)
			return true;
	return false;
}

/* ---- margins ---- */

static inline double term(const struct input *in, double weight, double x)
{
	return in->scale > 0 ? weight * ((x - in->mean) / in->scale) : 0;
}

void model_margins(const struct model *m, const double *x, size_t rows, double *z)
{
	const size_t n = m->schema.n;

	if (m->trees) {
		trees_margins(m->trees, x, rows, z);
		return;
	}
	for (size_t i = 0; i < rows; i++, x += n)
		for (size_t k = 0; k < m->outputs; k++) {
			double sum = m->bias[k];
			for (size_t j = 0; j < n; j++)
				sum += term(&m->schema.inputs[j], m->weights[k * n + j], x[j]);
			*z++ = sum;
		}
}

void model_contributions(const struct model *m, const double *x, size_t output, double *parts, double *bias)
{
	const size_t n = m->schema.n;

	if (m->trees) {
		trees_contributions(m->trees, x, output, parts, bias);
		return;
	}
	for (size_t j = 0; j < n; j++)
		parts[j] = term(&m->schema.inputs[j], m->weights[output * n + j], x[j]);
	*bias = m->bias[output];
}

/* ---- links ---- */

/* z - max keeps e^z finite; Goodfellow, Bengio and Courville, "Deep Learning", 4.1. */
static void softmax(double *z, size_t n)
{
	double largest = z[0], sum = 0;

	for (size_t k = 1; k < n; k++)
		largest = z[k] > largest ? z[k] : largest;
	for (size_t k = 0; k < n; k++)
		sum += z[k] = exp_of(z[k] - largest);
	for (size_t k = 0; k < n; k++)
		z[k] /= sum;
}

static void share(double *p, size_t n)
{
	double sum = 0;

	for (size_t k = 0; k < n; k++)
		sum += p[k];
	for (size_t k = 0; k < n; k++)
		p[k] = sum > 0 ? p[k] / sum : 1 / (double)n;
}

static double link_of(enum model_link link, double z)
{
	switch (link) {
	case LINK_EXP:
		return exp_of(z);
	case LINK_LOG1P_EXP:
		return z > 0 ? z + exp_log1p(exp_of(-z)) : exp_log1p(exp_of(z));
	case LINK_SIGNED_SQUARE:
		return z * fabs(z);
	case LINK_STEP:
		return z > 0;
	default:
		return z;
	}
}

void model_scores(const struct model *m, double *z, size_t rows)
{
	const size_t n = m->outputs, all = rows * n;
	const bool sigmoids = m->link == LINK_SIGMOID || m->link == LINK_SIGMOIDS || m->link == LINK_SHARED_SIGMOIDS;

	if (m->link == LINK_IDENTITY)
		return;
	if (m->link == LINK_SOFTMAX) {
		for (size_t i = 0; i < rows; i++)
			softmax(z + i * n, n);
		return;
	}
	if (!sigmoids) {
		for (size_t i = 0; i < all; i++)
			z[i] = link_of(m->link, z[i]);
		return;
	}
	for (size_t i = 0; m->link_scale != 1 && i < all; i++)
		z[i] *= m->link_scale;
	kernel_sigmoid(z, all);
	for (size_t i = 0; m->link == LINK_SHARED_SIGMOIDS && i < rows; i++)
		share(z + i * n, n);
}

size_t model_label(const struct model *m, const double *scores)
{
	size_t best = 0;

	if (m->outputs == 1)
		return (size_t)(scores[0] >= m->threshold ? m->positive : !m->positive);
	for (size_t k = 1; k < m->outputs; k++)
		if (scores[k] > scores[best])
			best = k;
	return best;
}
