/* SPDX-License-Identifier: MIT */
/*
 * fit.h - a data set to a model: learns the scaling, runs a solver, fills in what the model remembers.
 *
 * Knows no records and no files.  The data set is scaled in place and then of use for fit_scores only.
 */
#ifndef MODEL_FIT_H
#define MODEL_FIT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "model/dataset.h"
#include "model/metrics.h"
#include "model/model.h"
#include "model/solver.h"

struct fit {
	double l1, l2;
	bool balanced;			/* each class has the same weight in all (logistic) */
	struct solver_watch watch;
};

/* What training found; free `columns` and `scores`. */
struct fit_report {
	struct column_figures *columns;	/* per input */
	struct scored *scores;		/* per row */
	const char *solver;
};

/*
 * The model has its kind, labels and schema (one input per column, with its rule for missing values); answers are 1 for the
 * positive label and 0, or values.  Fills in means, scales, weights, bias, bins, threshold 0.5, the training's steps, l1 and l2, and the id.
 * 0, or -1: there is no minimum, or it is not reached.
 */
int fit_model(struct model *, struct dataset *, const struct fit *, struct fit_report *, struct error *why);

/* The same scaling for other rows. */
void fit_scale(const struct model *, struct dataset *);

/* The scores of scaled rows, equal to what model_scores gives for the values they were; out: `rows` of them. */
void fit_scores(const struct model *, const struct dataset *, struct scored *out);

#endif
