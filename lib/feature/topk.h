/* SPDX-License-Identifier: MIT */
/*
 * topk.h - which values are there most often, and how often.
 *
 * A value is known by the 64-bit hash of its canonical text and is kept once per state (names); everything else speaks of it by
 * number.  Of values that come and go (a sum) each has its count and its first place.  The most frequent ones are looked for when they are
 * asked for and kept up to date until a value goes; when the first of several equal values goes, the next one is looked for at the
 * same time, from the front of the stretch on.  So an event costs a few steps for each different value at most, and a few steps where
 * values only come.
 *
 * Of values that only come (a pot) up to COUNTED_MAX are counted exactly; then a new one takes the place of the least and
 * goes on from its count (Space-Saving: Metwally, Agrawal and El Abbadi, ICDT 2005): a count is never too small, and at most
 * 1/1,024 of all values too large.  Of two pots put together the largest counts stay (Agarwal et al., "Mergeable summaries",
 * PODS 2012): 1/1,024 of all values either way.
 *
 * Most frequent first; of equal counts the one seen first.
 */
#ifndef FEATURE_TOPK_H
#define FEATURE_TOPK_H

#include "feature/counted.h"

#define TOPK_MAX 100
#define TOPK_WHOLE 88		/* bytes of what is common and of a pot */

extern const struct counted topk_counted;

#endif
