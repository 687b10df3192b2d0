/* SPDX-License-Identifier: MIT */
/*
 * model.h - weights and a schema; scores a vector.
 *
 * A vector is `schema.n` finite doubles in the schema's order, as feature/encode makes them.  The score is the margin
 * b + sum_j w_j (x_j - mean_j) / scale_j, added in this order: training and scoring compute the same bits.
 */
#ifndef MODEL_MODEL_H
#define MODEL_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "model/dataset.h"
#include "model/kernel.h"
#include "model/schema.h"

enum model_kind { MODEL_LOGISTIC, MODEL_LINEAR, MODEL_KINDS };

extern const char *const model_kind_names[MODEL_KINDS + 1];	/* ends with NULL */

#define MODEL_ID_LEN 16

/* What a model remembers of its training; decides no score. */
struct model_training {
	bool known;
	const char *tool;		/* "sml-train 0.1.0"; borrowed */
	uint64_t rows, positives;
	double loss, auc, accuracy;	/* NaN: does not apply */
	double l1, l2;
	bool balanced;
	unsigned steps;
	const char *from, *to;		/* event times, RFC 3339; NULL: none; borrowed */
	double holdout;			/* percent; 0: none */
	uint64_t holdout_rows;
	double holdout_loss, holdout_auc, holdout_accuracy;
};

struct model {
	enum model_kind kind;
	struct schema schema;
	double *weights, bias;		/* one per input */
	char *labels[2];		/* logistic: negative, positive as the file has them; else NULL */
	int positive;			/* index into labels */
	double threshold;		/* positive at this probability or above */
	double (*bins)[DATASET_EDGES], *score_bins;	/* per input; NULL: none */
	bool *has_bins;			/* per input: a value was there */
	struct model_training training;
	char id[MODEL_ID_LEN + 1];	/* of what decides scores and labels, in hex; model_identify */
};

void model_release(struct model *);

/* Sets id: hash_bytes of the canonical text of kind, labels, positive, threshold, features and bias. */
void model_identify(struct model *);

static inline double model_term(const struct model *m, const double *x, size_t j)
{
	const struct input *in = &m->schema.inputs[j];

	return in->scale > 0 ? m->weights[j] * ((x[j] - in->mean) / in->scale) : 0;
}

static inline double model_margin(const struct model *m, const double *x)
{
	double z = m->bias;

	for (size_t j = 0; j < m->schema.n; j++)
		z += model_term(m, x, j);
	return z;
}

/* Margins to scores: probabilities of the positive label, or predictions. */
static inline void model_scores(const struct model *m, double *z, size_t n)
{
	if (m->kind == MODEL_LOGISTIC)
		kernel_sigmoid(z, n);
}

/* What it computes, in words and formulas, for people. */
void model_show(const struct model *, struct buf *);

#endif
