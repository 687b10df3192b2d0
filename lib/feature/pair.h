/* SPDX-License-Identifier: MIT */
/*
 * pair.h - a sum of doubles and the error that it has made: two-sum after Knuth (TAOCP 2, 4.2.2, theorem B), collected as by
 * Neumaier (ZAMM 54, 1974).  1 survives 1e16 that comes and goes.
 */
#ifndef FEATURE_PAIR_H
#define FEATURE_PAIR_H

struct pair { double hi, lo; };	/* the value is hi + lo; all zero: of nothing */

static inline struct pair pair_add(struct pair a, double hi, double lo)
{
	const double s = a.hi + hi, t = s - a.hi;

	return (struct pair){ s, a.lo + (lo + ((a.hi - (s - t)) + (hi - t))) };
}

/* An overflow leaves NaN behind in the error; the result is null either way. */
static inline double pair_value(struct pair p)
{
	return p.hi + p.lo;
}

#endif
