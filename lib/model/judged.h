/* SPDX-License-Identifier: MIT */
/*
 * judged.h - predictions that came with records, beside the records' labels: --evaluate.
 *
 * Knows no records.  Fixed by the first row: probabilities and labels, or predictions and values.
 */
#ifndef MODEL_JUDGED_H
#define MODEL_JUDGED_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "model/labels.h"
#include "model/metrics.h"

struct judged_row;

struct judged {
	struct labels labels;
	struct judged_row *rows;
	size_t n, room;
	bool regression;
};

void judged_release(struct judged *);

/* A probability, its label and the record's classification (MISSING: none). -1: the label is a third one, or none by its type. */
int judged_add(struct judged *, double probability, struct value label, struct value classification, double weight, struct error *why);
void judged_add_value(struct judged *, double prediction, double answer, double weight);

/*
 * The figures; *name: the label that the probabilities are of (borrowed), NULL in regression.  `wanted` says which it is; NULL: the one
 * that goes with the higher probabilities where `classification` tells, else as in training.  Accuracy is that of
 * `classification` where it is one of the labels.  -1: no rows, or the positive label cannot be told.
 */
int judged_quality(const struct judged *, const char *wanted, struct quality *, const char **name, struct error *why);

#endif
