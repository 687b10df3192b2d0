/* SPDX-License-Identifier: MIT */
/*
 * fold.h - aggregates whose value over a stretch of an event's past follows from a partial of fixed size: one row each.
 *
 * Lift, combine, lower (Tangwongsan, Hirzel, Schneider and Wu, "General incremental sliding-window aggregation", VLDB
 * 2015): an entry is what is kept of one value, a partial what entries come to, and a value is read off a partial.
 * Entries and partials are added in order of time; to a partial that has swallowed its entries (of a pane, a session)
 * also out of it.  Nothing is ever taken away from a partial.
 *
 * Sums are kept as a double and its rounding error (pair.h).  Variances after Welford (Technometrics 4, 1962) and Chan,
 * Golub and LeVeque (Stanford STAN-CS-79-773, 1979).  Of ewma a stretch is an affine map of what came before it.
 *
 * Knows no windows and no keys.
 */
#ifndef FEATURE_FOLD_H
#define FEATURE_FOLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/snapshot.h"
#include "base/value.h"
#include "feature/pool.h"

#define FOLD_DIMS_MAX 65536	/* elements of an array */

enum fold_entry {
	FOLD_NOTHING,		/* that there was one */
	FOLD_NUMBERS,		/* a double, or one for each element of an array */
	FOLD_VALUE,		/* the value; texts and arrays in the pool */
};

struct fold_shape;

struct fold {
	const char *what;	/* of a partial, for --explain */
	const char *layout;	/* of a partial, 8 bytes a letter: n a count, t a time, d a double, v (16) a value, e two doubles an element */
	uint32_t fixed, each;	/* bytes of a partial: of itself and for each element, as the layout says */
	enum fold_entry entry;
	bool takes_arrays;	/* of numbers, element by element */
	bool is_ordered;	/* takes numbers or strings, not both */
	bool keeps_time;	/* when an event was matters, not only in which order they came */
	/* Of numbers, as a rule, and they come to the same in whatever way they are put together (but for sums of numbers of which no
	 * two doubles hold the sum): windows may share a timeline, whose shape depends on all of them. */
	bool bundles;
	void (*add)(const struct fold_shape *, void *partial, const int64_t *times, const void *entries, size_t n);
	void (*combine)(const struct fold_shape *, void *partial, const void *later, size_t n);	/* `later`: n partials in a row */
	struct value (*value)(const struct fold_shape *, const void *partial, int variant, struct arena *);
};

enum fold_sum { FOLD_SUM, FOLD_MEAN };
enum fold_spread { FOLD_VAR, FOLD_STDDEV };

extern const struct fold fold_count, fold_sum, fold_spread, fold_least, fold_greatest, fold_range, fold_first, fold_last, fold_rate,
    fold_ewma;
extern const struct fold fold_sum_apart;	/* fold_sum of numbers that lie apart */

/* A fold as one state has it. */
struct fold_shape {
	const struct fold *fold;
	uint32_t dims;		/* elements; 1 for what is no array */
	bool is_array;
	/* Of a fold that keeps times. */
	int64_t half_life;	/* of ewma, ns */
	int64_t width;		/* of the window that rate() divides by, ns; 0: it divides by the time between the events */
	/* Of numbers that `bundles`: bytes from one entry to the next, one partial to the next; 0: they are neighbours. */
	uint32_t entries_apart, partials_apart;
	bool is_whole;		/* of FOLD_NUMBERS: entries are numbers as struct value has them */
};

static inline size_t fold_entry_size(const struct fold_shape *s)
{
	return s->fold->entry == FOLD_NUMBERS ? s->dims * sizeof(double) : s->fold->entry == FOLD_VALUE ? sizeof(struct value) : 0;
}

static inline size_t fold_partial_size(const struct fold_shape *s)
{
	return s->fold->fixed + s->fold->each * (size_t)s->dims;
}

/* What half-lives leave of 1 after so many ns: 2^-(ns / half_life), by model/exp.h; 1 for ns < 0. */
double fold_decay(int64_t ns, int64_t half_life);

/* Whether a value can be added.  `kept`: one that was (missing: none).  0 or -1: "needs ...". */
int fold_check(const struct fold_shape *, struct value kept, struct value x, struct error *why);

/* An entry that borrows what the value borrows; then made to own it. */
static inline void fold_lift(const struct fold_shape *s, void *entry, struct value x)
{
	if (s->fold->entry == FOLD_VALUE)
		*(struct value *)entry = x;
	else if (s->is_array)
		for (uint32_t k = 0; k < s->dims; k++)
			((double *)entry)[k] = value_double(x.items[k]);
	else if (s->fold->entry == FOLD_NUMBERS)
		*(double *)entry = value_double(x);
}

void fold_own_value(void *entry, struct pool *);

static inline void fold_own(const struct fold_shape *s, void *entry, struct pool *pool)
{
	if (s->fold->entry == FOLD_VALUE && ((const struct value *)entry)->type >= VALUE_STRING)
		fold_own_value(entry, pool);
}

void fold_drop(const struct fold_shape *, void *entry, struct pool *);
void fold_save(const struct fold_shape *, const void *entry, struct buf *);
void fold_load(const struct fold_shape *, void *entry, struct snapshot_bytes *, struct pool *);

bool fold_is_nothing(const struct fold_shape *, const void *partial);	/* no entry has been added */

/* A partial that lasts owns its value. */
void fold_keep(const struct fold_shape *, void *partial, int64_t time, const void *entry, struct pool *);
void fold_keep_partial(const struct fold_shape *, void *partial, void *later, struct pool *);	/* what `later` owned is gone */
struct value fold_partial_value(const struct fold_shape *, const void *partial);	/* of FOLD_VALUE: borrowed */
void fold_drop_partial(const struct fold_shape *, void *partial, struct pool *);
void fold_save_partial(const struct fold_shape *, const void *partial, struct buf *);
void fold_load_partial(const struct fold_shape *, void *partial, struct snapshot_bytes *, struct pool *);	/* all zero before */

#endif
