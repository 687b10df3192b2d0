/* SPDX-License-Identifier: MIT */
/*
 * window.h - which values still count: one row per kind of window.
 *
 * A window of this version is of everything or of the last N, in order of arrival (ring, extremes, sums and distinct keep
 * them).  Windows in time have their rows in the table and are refused there.
 */
#ifndef FEATURE_WINDOW_H
#define FEATURE_WINDOW_H

#include "base/error.h"
#include "expr/expr.h"

#define WINDOW_LAST_MAX 1048576

/* 0; -1: a window or decay that is not in this version, or N out of range. */
int window_check(const struct expr_call *, struct error *why);

#endif
