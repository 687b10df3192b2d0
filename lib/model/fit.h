/* SPDX-License-Identifier: MIT */
/*
 * fit.h - a data set to a model: learns the scaling and runs a solver, or learns trees; fills in what the model remembers.
 *
 * Knows no records.  The data set is scaled in place and then of use for fit_scores only.
 */
#ifndef MODEL_FIT_H
#define MODEL_FIT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/error.h"
#include "model/boost.h"
#include "model/cart.h"
#include "model/dataset.h"
#include "model/metrics.h"
#include "model/model.h"
#include "model/solver.h"

struct fit {
	double l1, l2;
	bool balanced;			/* each class has the same weight in all (of labels) */
	struct cart cart;		/* of trees; fit_model sets its labels */
	struct boost boost;
	struct solver_watch watch;
	void (*watch_part)(void *self, size_t output);	/* one-vs-rest: told before each label's steps, with watch.self; NULL */
};

/* The scores of rows. */
struct fit_scores {
	size_t rows;
	struct scored *one;		/* of a model with one output, else NULL */
	struct scored_labels many;
};

void fit_scores_release(struct fit_scores *);

/* What training found; free `columns`, release `scores` and `file`. */
struct fit_report {
	struct column_figures *columns;	/* per input */
	struct fit_scores scores;
	const char *solver;		/* of trees NULL */
	struct buf file;		/* of gbt: the text of the model's file; else empty */
};

/*
 * The model has its kind, labels and schema (one input per column, with its rule for missing values); answers are 1 for the
 * positive label and 0, indices of labels where there is an output for each, or values.  Fills in means, scales, weights, bias, bins,
 * threshold 0.5, the training's steps, l1 and l2, and the id; or trees (MODEL_TREE; MODEL_XGBOOST: the model becomes what its file says).
 * 0, or -1: there is no minimum, or it is not reached; no tree can be learned.
 */
int fit_model(struct model *, struct dataset *, const struct fit *, struct fit_report *, struct error *why);

/* The same scaling for other rows. */
void fit_scale(const struct model *, struct dataset *);

/* The scores of scaled rows, equal to what model_scores gives for the values they were. */
void fit_score(const struct model *, const struct dataset *, struct fit_scores *out);

void fit_judge(const struct model *, const struct fit_scores *, struct quality *);

/* Of rows that were held out: what the training rows alone would predict is the mark for them too, as they have not been seen. */
void fit_judge_held_out(const struct model *, const struct fit_scores *, const struct fit_scores *training, const struct quality *trained,
    struct quality *);

#endif
