/* SPDX-License-Identifier: MIT */
/*
 * sums.h - sums of numbers, or element by element of arrays of numbers: of everything, or of the last N.
 *
 * Every sum is kept as a double and the error it has made (two-sum after Knuth, TAOCP 2, 4.2.2, theorem B; collected as by
 * Neumaier 1974), so 1 survives 1e16 that comes and goes.  The last N are a ring with a tree of partial sums over it, sixteen to a
 * node: nothing is ever subtracted, a value equals a fresh computation over its events, and both reading with one more
 * number and adding it cost O(log N).  Reading changes nothing: the tree follows from the numbers in the ring alone,
 * so a state that was saved and loaded goes on to the same bits.
 *
 * Knows no events.  All zero is empty.
 */
#ifndef FEATURE_SUMS_H
#define FEATURE_SUMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/snapshot.h"
#include "base/value.h"
#include "feature/pool.h"

#define SUMS_DIMS_MAX 65536	/* elements of an array */

struct sums {
	uint64_t n;		/* values taken in */
	uint32_t dims : 31;	/* 1 for numbers */
	uint32_t is_array : 1;
	uint32_t room;		/* places of the ring; 0 for sums of everything */
	union {
		double one[2];	/* of everything, dims 1: the sum, its error */
		double *many;	/* of everything: dims such pairs; of the last N: places, then nodes */
	};
};

/* Whether a value can be added: a number, or an array of numbers of the length met before. 0 or -1: "is ...". */
int sums_check(const struct sums *, struct value, struct error *why);

/* The sum (or the mean) with `x` as one more, or without where x is NULL; `last` 0: of everything.  Of nothing: 0 (null). */
struct value sums_read(const struct sums *, uint32_t last, bool mean, const struct value *x, struct arena *);

/* Where reading the last N looks first; NULL: nowhere. */
const void *sums_heap(const struct sums *, uint32_t last);

/* A value that was checked. */
void sums_add(struct sums *, uint32_t last, struct value, struct pool *pool);
void sums_release(struct sums *, uint32_t last, struct pool *pool);

void sums_save(const struct sums *, uint32_t last, struct buf *);
void sums_load(struct sums *, uint32_t last, struct snapshot_bytes *, struct pool *pool);	/* into an empty one */
void sums_dump(const struct sums *, uint32_t last, struct buf *);	/* members of a JSON object */

/* Bytes in the pool at most, per element. */
size_t sums_bound(uint32_t last);

#endif
