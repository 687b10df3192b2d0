/* SPDX-License-Identifier: MIT */
/*
 * gate.h - a condition on figures of quality, in the expression language: auc >= 0.8 and rows > 1000.
 *
 * Figures are called as in metrics_rows, and `rows`.  A figure alone is of the records' own predictions; shadow.NAME.auc is of a shadow,
 * GROUP.auc of a group, GROUP.shadow.NAME.auc of a shadow in a group.  A figure that is not defined is null.
 */
#ifndef FEATURE_GATE_H
#define FEATURE_GATE_H

#include "base/arena.h"
#include "base/error.h"
#include "model/metrics.h"

struct gate;

/* What there may be besides figures alone. */
enum gate_names { GATE_FIGURES = 0, GATE_SHADOWS = 1, GATE_GROUPS = 2 };

/* Lives in the arena.  NULL: the text is wrong; `source` names it in the message. */
struct gate *gate_compile(struct arena *, const char *text, const char *source, unsigned names, struct error *why);

/* 0; -1: it names a figure that models of this kind do not have. */
int gate_check(const struct gate *, enum metrics_kind, struct error *why);

/* Finds the figures of a group and a shadow, each NULL where none is named; NULL: there is no such (why). */
struct gate_figures {
	const struct quality *(*find)(void *self, const char *group, const char *shadow, struct error *why);
	void *self;
};

/* 1: it holds; 0: it does not, and `why` shows the figures it names; -1: it cannot be evaluated. */
int gate_test(const struct gate *, const struct gate_figures *, struct error *why);

#endif
