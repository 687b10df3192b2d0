/* SPDX-License-Identifier: MIT */
/*
 * evaluation.h - figures of the records' own predictions and of the shadows, of all records and of each group.
 */
#ifndef FEATURE_EVALUATION_H
#define FEATURE_EVALUATION_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/error.h"
#include "feature/predictions.h"
#include "model/metrics.h"

struct evaluation {
	const struct predictions *predictions;	/* borrowed */
	int *order;				/* of groups: their indices in order of their names */
	struct quality *qualities;		/* of each source: of all records, then of each group; rows 0: there are none */
	const char **positive;			/* of the same, NULL: not of two labels; borrowed */
};

/* `wanted`: the positive label, or NULL, see judged.h.  -1: it cannot be told; release it then, too. */
int evaluation_judge(struct evaluation *, const struct predictions *, const char *wanted, struct error *why);
void evaluation_release(struct evaluation *);

/* A line of JSON each: all records first, then the groups. */
void evaluation_report(const struct evaluation *, struct buf *);

/* Figures for a gate (feature/gate.h); self is the evaluation. */
const struct quality *evaluation_find(void *self, const char *group, const char *shadow, struct error *why);

/* Of a source and all records: whether they seem to be of the other label; *positive is that which they were taken for. */
bool evaluation_seems_turned(const struct evaluation *, size_t source, double *auc, const char **positive);

#endif
