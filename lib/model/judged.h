/* SPDX-License-Identifier: MIT */
/*
 * judged.h - predictions that came with records, beside the records' labels: --evaluate.
 *
 * Knows no records.  All rows are of one kind: the probability of one of two labels, the probabilities of several, or predictions of
 * values.  A row may belong to a group, which is judged by itself.
 */
#ifndef MODEL_JUDGED_H
#define MODEL_JUDGED_H

#include <stddef.h>

#include "base/error.h"
#include "model/labels.h"
#include "model/metrics.h"

struct judged_row;

struct judged {
	enum metrics_kind kind;		/* set by the caller before the first row */
	struct labels labels;
	struct judged_row *rows;
	size_t n, room;
	double *p;			/* of rows with several probabilities */
	size_t n_p, room_p;
};

#define JUDGED_ALL (-1)			/* as a group: every row; of a row: no group */
#define JUDGED_GROUPS LABELS_MOST

void judged_release(struct judged *);

/* A probability, its label and the record's classification (MISSING: none). -1: the label is a third one, or none by its type. */
int judged_add(struct judged *, int group, double probability, struct value label, struct value classification, double weight,
    struct error *why);

/* The probabilities of n labels, by name (texts); a label that is none of them has the probability 0.  -1: too many labels. */
int judged_add_labels(struct judged *, int group, const struct value *names, const double *p, size_t n, struct value label,
    struct value classification, double weight, struct error *why);

void judged_add_value(struct judged *, int group, double prediction, double answer, double weight);

/*
 * The figures of a group's rows; *name: the label that the probabilities are of (borrowed), NULL but for two labels.  `wanted` says
 * which it is; NULL: the one that goes with the higher probabilities where `classification` tells (among all rows), else as in
 * training.  Accuracy is that of `classification` where it is one of the labels.  -1: no rows, or the positive label cannot be told.
 */
int judged_quality(const struct judged *, int group, const char *wanted, struct quality *, const char **name, struct error *why);

#endif
