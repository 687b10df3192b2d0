/* SPDX-License-Identifier: MIT */
/*
 * gate.h - a condition on figures of quality, in the expression language: auc >= 0.8 and rows > 1000.
 *
 * Names are those of metrics_rows, and `rows`.  A figure that is not defined is null.
 */
#ifndef FEATURE_GATE_H
#define FEATURE_GATE_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/error.h"
#include "model/metrics.h"

struct gate;

/* Lives in the arena.  NULL: the text is wrong; `source` names it in the message. */
struct gate *gate_compile(struct arena *, const char *text, const char *source, struct error *why);

/* 0; -1: it names a figure that models of this kind do not have. */
int gate_check(const struct gate *, enum metrics_kind, struct error *why);

/* 1: it holds; 0: it does not, and `why` shows the figures it names; -1: it cannot be evaluated. */
int gate_test(const struct gate *, const struct quality *, struct error *why);

#endif
