/* SPDX-License-Identifier: MIT */
/*
 * quantile.h - how many values fall into each of many bins: DDSketch (Masson, Rim and Lee, "DDSketch: a fast and
 * fully-mergeable quantile sketch with relative-error guarantees", PVLDB 12, 2019).
 *
 * A bin holds the numbers of one sign from g^(i-1) to g^i, g = 1.01 / 0.99, and stands for 2 g^i / (g + 1), which is at most
 * 1 % away from each of them; 0 has a bin of its own.  The q-quantile of n values is the one of rank floor(q (n - 1)), ranks
 * from 0.  Logarithms and powers are those of model/exp.h, so that the bins are the same on every machine.  (Below 1e-320,
 * where doubles have few digits left, the result is the nearest one.)
 *
 * Bins are kept where there is a value: 116 for each power of ten that the values span, 73,000 for all doubles of a sign, so
 * they need no bound and nothing is ever merged away.  They are a sorted list; where they lie close together, an array from
 * the least to the greatest.  Which of the two makes no difference to what is read or saved.
 *
 * All zero is empty.
 */
#ifndef FEATURE_QUANTILE_H
#define FEATURE_QUANTILE_H

#include <stdint.h>

#include "base/buf.h"
#include "base/snapshot.h"
#include "feature/counted.h"
#include "feature/pool.h"

struct quantile {
	uint64_t n;		/* values */
	uint64_t *counts;
	int32_t *bins;		/* whose counts they are, in order; NULL: bin `base` and those behind it, some of them empty */
	int32_t base;
	uint32_t used, room;
};

/* Bins are in the order of their numbers; that of 0 is 0. */
int32_t quantile_bin(double x);
double quantile_of_bin(int32_t bin);

/* count < 0 takes away what has been added. */
void quantile_add(struct quantile *, int32_t bin, int64_t count, struct pool *);
/* With one more where it is not NULL; there must be a value. */
double quantile_read(const struct quantile *, double q, const int32_t *one_more);
void quantile_release(struct quantile *, struct pool *);
void quantile_save(const struct quantile *, struct buf *);
void quantile_load(struct quantile *, struct snapshot_bytes *, struct pool *);

extern const struct counted quantile_counted;

#endif
