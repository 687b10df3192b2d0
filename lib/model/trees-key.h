/* SPDX-License-Identifier: MIT */
/*
 * trees-key.h - numbers as integers of the same order, which compare in one step and leave room below and above for what is missing.
 */
#ifndef MODEL_TREES_KEY_H
#define MODEL_TREES_KEY_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "model/trees-store.h"

/* Not NaN.  Adding 0 makes -0 the same as 0. */
static inline int64_t trees_key(double x)
{
	int64_t i;

	x += 0.0;
	memcpy(&i, &x, sizeof i);
	return i ^ (i >> 63 & INT64_MAX);
}

static inline double trees_rounded(enum trees_arithmetic arithmetic, double x)
{
	return arithmetic == TREES_FLOAT ? (double)(float)x : x;
}

/* What is not farther than this from 0 is missing, besides NaN. */
static inline double trees_zero(enum trees_missing missing)
{
	return missing == TREES_ZERO_YES || missing == TREES_ZERO_NO ? TREES_ZERO : -1;
}

static inline bool trees_missing_goes_to_yes(enum trees_missing missing)
{
	return missing == TREES_NAN_YES || missing == TREES_ZERO_YES;
}

#endif
