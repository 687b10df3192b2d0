/* SPDX-License-Identifier: MIT */
/*
 * model.h - what maps a vector to labels or a number, whatever file it came from.
 *
 * A vector is `schema.n` doubles in the schema's order, as feature/encode makes them; finite, but NaN where the schema keeps what
 * is missing (trees send it down their own branch).  A model computes margins from it, `outputs` of them: weighted sums
 *
 *	z_k = b_k + sum_j w_kj (x_j - mean_j) / scale_j
 *
 * added in this order, so that training and scoring compute the same bits; or sums over trees (model/trees.h).  Its link makes scores
 * of the margins of one row: probabilities or a prediction.
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

struct trees;

enum model_kind {
	MODEL_LOGISTIC, MODEL_LINEAR, MODEL_SOFTMAX, MODEL_ONE_VS_REST,
	MODEL_TREE, MODEL_FOREST,		/* own files with trees: leaves hold shares of labels, or predictions */
	MODEL_XGBOOST, MODEL_LIGHTGBM,		/* the libraries' own files */
	MODEL_KINDS
};

extern const char *const model_kind_names[MODEL_KINDS + 1];	/* ends with NULL */

enum model_link {
	LINK_IDENTITY,		/* predictions, margins that are asked for; shares of labels */
	LINK_SIGMOID,		/* 1 / (1 + e^-sz), s the link's scale */
	LINK_SIGMOIDS,		/* the same of each output, whatever they add up to */
	LINK_SHARED_SIGMOIDS,	/* ... divided by their sum */
	LINK_SOFTMAX,
	LINK_EXP,
	LINK_LOG1P_EXP,
	LINK_SIGNED_SQUARE,	/* z |z| */
	LINK_STEP		/* 1 for z > 0, else 0 */
};

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
	unsigned max_depth;		/* of a tree, as the next */
	size_t min_leaf;
	const char *from, *to;		/* event times, RFC 3339; NULL: none; borrowed */
	double holdout;			/* percent; 0: none */
	uint64_t holdout_rows;
	double holdout_loss, holdout_auc, holdout_accuracy;
};

struct model {
	enum model_kind kind;
	struct schema schema;
	size_t n_labels;		/* 0: it predicts a number */
	char **labels;			/* of more than two, in the order of the outputs */
	int positive;			/* of two labels: the index of that whose probability the one output is */
	double threshold;		/* of two labels: positive at this probability or above */
	size_t outputs;			/* margins and scores of a row: 1, or one per label where there are more than two */
	enum model_link link;
	double link_scale;
	double *weights, *bias;		/* outputs * schema.n, output by output; outputs; NULL: trees */
	struct trees *trees;		/* NULL: weights */
	double (*bins)[DATASET_EDGES], *score_bins;	/* per input; NULL: none */
	bool *has_bins;			/* per input: a value was there */
	struct model_training training;
	char id[MODEL_ID_LEN + 1];	/* of what decides scores and labels, in hex; model_identify */
};

void model_release(struct model *);

/* Whether a kind has an output for each label, and not one for the positive label of two. */
bool model_is_per_label(enum model_kind, size_t n_labels);

/* What the kind says of outputs and link, where labels and schema are there: for kinds of own files.  Weights, if it has some, are then 0. */
void model_shape(struct model *);

/* Sets id: hash_bytes of the canonical text of all that decides scores and labels. */
void model_identify(struct model *);

/* Whether an input can change any score. */
bool model_uses(const struct model *, size_t input);

/* Of vectors one behind the other: `outputs` margins each. */
void model_margins(const struct model *, const double *x, size_t rows, double *z);

/* Margins to scores, in place: probabilities of the positive label or of each label, or predictions. */
void model_scores(const struct model *, double *z, size_t rows);

/* The label of the scores of a row: the first of the largest; of two labels what the threshold says. */
size_t model_label(const struct model *, const double *scores);

/* What each input adds to the margin of one output: schema.n numbers and the bias, whose sum is the margin (model/trees.h says
 * what that is of trees). */
void model_contributions(const struct model *, const double *x, size_t output, double *parts, double *bias);

/*
 * Of one tree: appends the next question that a vector meets in it, as it answers it ("total > 120.5", "history is missing").  *at: 0 at
 * first.  False, and nothing is appended: there is no other one, or the model is not a single tree.
 */
bool model_path(const struct model *, const double *x, uint32_t *at, struct buf *text);

/* What it computes, in words and formulas, for people. */
void model_show(const struct model *, struct buf *);

#endif
