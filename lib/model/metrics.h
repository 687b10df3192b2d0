/* SPDX-License-Identifier: MIT */
/*
 * metrics.h - predictions and answers to figures of quality.
 *
 * Equal to scikit-learn's log_loss, roc_auc_score, accuracy_score, brier_score_loss, mean_squared_error and r2_score with
 * sample_weight.  Knows no models and no records.  What is not defined (the AUC of one class) is NaN.
 */
#ifndef MODEL_METRICS_H
#define MODEL_METRICS_H

#include <stddef.h>

struct scored {
	double score;		/* a probability, or a prediction */
	double answer;		/* 0 or 1, or the value */
	double weight;
};

/* The same of several labels, whose scores are probabilities that add up to 1. */
struct scored_labels {
	size_t rows, labels;
	double *p;		/* `labels` of each row */
	double *answer;		/* of each row the index of its label */
	double *weight;
};

void metrics_labels_release(struct scored_labels *);

/* The first of the largest. */
size_t metrics_largest(const double *p, size_t labels);

enum metrics_kind { METRICS_BINARY, METRICS_LABELS, METRICS_REGRESSION, METRICS_KINDS };

struct quality {
	enum metrics_kind kind;
	size_t rows;
	double loss;		/* mean log loss, probabilities held to [2^-52, 1 - 2^-52]; of regression: mean of half the squared error */
	double constant;	/* the best constant prediction: the share of positives, of the commonest label; the mean */
	double constant_loss;	/* its loss on these rows; of labels that of their shares */
	double auc;		/* area under the ROC curve, ties count half; of labels the mean of each against the rest */
	double accuracy;	/* share on the right side of the threshold; whose label has the largest probability */
	double brier;		/* mean (p - y)^2; of labels the mean of the sum of these over the labels */
	double calibration;	/* sum of probabilities / number of positives: 1 is perfect */
	double rmse, r2;	/* of regression */
};

void metrics_binary(const struct scored *, size_t n, double threshold, struct quality *);
void metrics_labels(const struct scored_labels *, struct quality *);
void metrics_regression(const struct scored *, size_t n, struct quality *);

/* The labels' shares of the weight: the best constant probabilities. */
void metrics_shares(const struct scored_labels *, double *shares);

/* Of rows that were held out: their own best constant gives way to that of the training rows. */
void metrics_constant_binary(struct quality *, double constant);
void metrics_constant_labels(struct quality *, const struct scored_labels *, const double *shares);
void metrics_constant_regression(struct quality *, double constant);

/* A row per figure but `rows`, in the order in which they are printed, with its title in a table; NULL: not of such a model. */
struct metrics_row {
	const char *name, *title[METRICS_KINDS];
	size_t offset;
};
extern const struct metrics_row metrics_rows[];	/* ends with a NULL name */

static inline double metrics_get(const struct quality *q, const struct metrics_row *row)
{
	return *(const double *)((const char *)q + row->offset);
}

#endif
