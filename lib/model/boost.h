/* SPDX-License-Identifier: MIT */
/*
 * boost.h - a data set to gradient boosted trees, by XGBoost's library.
 *
 * T. Chen, C. Guestrin, "XGBoost: A Scalable Tree Boosting System", 2016.  The library (libxgboost.so.0 or libxgboost.so, or what
 * $SML_LIBXGBOOST names) is loaded when the first call wants it; building needs nothing of it.  It counts in float.  What it does not know
 * by itself it is told, so that its versions start alike: histograms, one thread, and the mean of the answers to begin with; equal
 * runs of one version give equal files.
 */
#ifndef MODEL_BOOST_H
#define MODEL_BOOST_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "model/dataset.h"
#include "model/schema.h"

struct boost {
	unsigned rounds, max_depth;
	double learning_rate;		/* eta */
	double l1, l2;			/* alpha, lambda: penalties on what leaves say */
	double min_leaf;		/* min_child_weight: second derivatives of the loss in a leaf, at least; of numbers they are rows */
	double subsample;		/* the share of rows that each round looks at */
	unsigned seed;			/* ... and which */
};

/* -1: there is no library; the sentence says what to do. */
int boost_check(struct error *why);

/*
 * The text of a model file of XGBoost (JSON), which names inputs and labels.  Answers are indices of labels, or with n_labels 0 numbers.
 * -1: no library, no row with a weight, a value that is no float, or what it complains of.
 */
int boost_learn(const struct dataset *, const struct schema *, char *const *labels, size_t n_labels, const struct boost *, struct buf *text,
    struct error *why);

#endif
