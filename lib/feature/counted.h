/* SPDX-License-Identifier: MIT */
/*
 * counted.h - aggregates that count how often each value is there: quantile, distinct and topk, one row each; and their
 * keepers, one per kind of window.
 *
 * Counts are integers, so a value is taken out of them as exactly as it was put in.  Of a sliding window and of `last N` a
 * timeline keeps the values and a sum of them moves with the window (cursor.h).  A pane, a session and `over all` are a
 * pot each: a sum that no single value leaves, small, and rough where it holds too many different values.
 *
 * Which events count for an event is said in window.h.
 */
#ifndef FEATURE_COUNTED_H
#define FEATURE_COUNTED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/snapshot.h"
#include "base/value.h"
#include "feature/aggregate.h"
#include "feature/pool.h"
#include "feature/timeline.h"

#define COUNTED_MAX 1024	/* different values of distinct and topk that are counted exactly */

/* The end of a stretch at which a value comes or goes. */
enum counted_end { COUNTED_FRONT, COUNTED_BACK, COUNTED_WITHIN };

/* A state of a key: what the functions of a row work in. */
struct counted_in {
	const struct counted *row;
	void *common;		/* what all values of the state have in common */
	struct pool *pool;
	void *saving;		/* what save_common gave; NULL: nothing is saved */
};

/* What a sum is of. */
struct counted_stretch {
	const struct timeline *line;
	const struct timeline_kind *kind;
	int64_t after, until;
	bool has_pots;		/* entries are pots, not values */
};

/* One that is read: the present value is one more; NULL: it does not count. */
struct counted_question {
	const struct value *x;
	int64_t time;
	double constant;	/* the call's second argument */
	struct arena *arena;
	bool *over;		/* to be set where there are too many different values */
};

/*
 * All zero is empty, of common, pot and sum.  A value is one that `take` has let in; an entry stands for it in a timeline.
 * Functions may be NULL where it is said.
 */
struct counted {
	size_t common, pot, sum;	/* bytes; common 0: there is none */
	double least, most;		/* the range of the call's constant, which only reading needs: it is no part of the state */
	double usual;			/* the constant where a call leaves it out: a state's text */
	bool takes_whole;		/* the constant is a whole number */
	const char *range;		/* in words; NULL: there is no constant */
	uint32_t last_max;		/* of `over last N`; 0: that of all windows */

	int (*take)(struct value *x, struct arena *, struct error *why);
	/* With the next four NULL: nothing is in common.  What save_common gives is the caller's to free. */
	void *(*save_common)(const struct counted_in *, struct buf *);
	void (*load_common)(const struct counted_in *, struct snapshot_bytes *);
	bool (*is_whole)(const struct counted_in *);		/* when all has been loaded: nothing was in vain */
	void (*release_common)(const struct counted_in *);

	uint64_t (*make)(const struct counted_in *, struct value x);
	void (*unmake)(const struct counted_in *, uint64_t entry);		/* NULL: it owns nothing */
	void (*save)(const struct counted_in *, uint64_t entry, struct buf *);
	uint64_t (*load)(const struct counted_in *, struct snapshot_bytes *);

	/* Neighbours in the timeline, from the oldest on, into a sum (sign 1) or out of it (-1). */
	void (*move)(const struct counted_in *, void *sum, const int64_t *times, const uint64_t *entries, size_t n, int sign, enum counted_end);
	void (*move_pot)(const struct counted_in *, void *sum, const void *pot, int sign, enum counted_end);	/* NULL: no pot comes out again */
	bool (*is_over)(const void *sum);		/* holds more different values than a sum of values may; NULL: never */
	struct value (*read)(const struct counted_in *, void *sum, const struct counted_stretch *, const struct counted_question *);
	void (*release)(const struct counted_in *, void *sum);

	/* A value into a pot, and into the sums that the pot has been moved into (where move_pot is NULL: pots). */
	void (*pot_add)(const struct counted_in *, void *pot, struct value x, int64_t time, void *const sums[], size_t n_sums);
	void (*pot_join)(const struct counted_in *, void *pot, const void *other);
	struct value (*pot_read)(const struct counted_in *, void *pot, const struct counted_question *);
	void (*pot_save)(const struct counted_in *, const void *pot, struct buf *);
	void (*pot_load)(const struct counted_in *, void *pot, struct snapshot_bytes *);
	void (*pot_release)(const struct counted_in *, void *pot);

	/* Bytes in the pool, texts apart, of so many different values; common_bytes NULL: none. */
	size_t (*common_bytes)(size_t n), (*pot_bytes)(size_t n), (*sum_bytes)(size_t n);
	size_t (*sum_now)(const struct counted_in *);	/* of one more sum beside others; NULL: little */
	size_t usual_values;		/* so many different ones are reckoned with */
};

extern const struct keeper counted_line_keeper, counted_line_pane_keeper, counted_session_keeper;
extern const struct keeper counted_all_quantile, counted_all_distinct, counted_all_topk;

/* ---- what the keepers share ---- */

int counted_take(const struct aggregate *, const struct expr_call *, const void *state, struct value *x, struct arena *, struct error *why);

struct counted_question counted_ask(const struct aggregate *, const struct moment *, int64_t time);

/* What a pot of nothing says; `in` may have nothing in common yet. */
struct value counted_of_nothing(const struct counted_in *, const struct counted_question *);

/* With what is common before it. */
void counted_save_common(struct counted_in *, struct buf *);		/* then counted_saved */
void counted_saved(struct counted_in *);

#endif
