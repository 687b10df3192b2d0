/* SPDX-License-Identifier: MIT */
/*
 * aggregate.h - what depends on other records: one row per aggregate, prev, delta and elapsed among them.
 *
 * A row names a keeper per window: what is kept, how it is read with the present value as one more, how the value is
 * then added.  Reading changes no value, so that a record which fails later on leaves no trace.  Rows of the same
 * keeper share a state where the rest of the call is the same (sum and mean; with and without `exclude current`).
 *
 * Knows no keys and no records.  A state is `size` bytes, empty when they are zero; what it holds besides lies in
 * the pool, and release gives it back.
 */
#ifndef FEATURE_AGGREGATE_H
#define FEATURE_AGGREGATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/snapshot.h"
#include "base/value.h"
#include "expr/expr.h"
#include "feature/pool.h"

/* The present event as a state sees it. */
struct moment {
	const struct value *x;	/* as `take` left it; NULL: it does not count here */
	int64_t time;		/* event time, ns */
	struct arena *arena;	/* of the record */
	int64_t watermark;	/* under `emit windows`: what ended before it, less c->late, is gone; INT64_MIN: the state's own events say so */
	const struct expr_call *call;	/* that is read: of those that share the state, this one */
	struct pool *pool;	/* where reading may remember what it has found out; no value depends on it */
	bool *over;		/* set where the window holds too many different values to be counted; NULL: nobody asks */
};

struct aggregate;
struct counted;
struct fold;

struct keeper {
	const char *what;	/* for --explain: "the sum and its error" */
	size_t size;		/* bytes in a key's row */
	/* Whether a value (not null) can be added, and what stands for it: 0; -1: "needs a number".  NULL: any. */
	int (*take)(const struct aggregate *, const struct expr_call *, const void *state, struct value *x, struct arena *,
	    struct error *why);
	struct value (*read)(const struct aggregate *, const struct expr_call *, const void *state, const struct moment *);
	/* Of a session also an event without a value (m->x NULL), with which it goes on. */
	void (*add)(const struct aggregate *, const struct expr_call *, void *state, const struct moment *, struct pool *pool);
	void (*release)(const struct aggregate *, const struct expr_call *, void *state, struct pool *pool);	/* NULL: it has nothing in the pool */
	void (*save)(const struct aggregate *, const struct expr_call *, const void *state, struct buf *);
	/* From empty; what does not fit is torn. */
	void (*load)(const struct aggregate *, const struct expr_call *, void *state, struct snapshot_bytes *, struct pool *pool);
	void (*dump)(const struct aggregate *, const struct expr_call *, const void *state, struct buf *);	/* members of a JSON object */
	size_t (*bound)(const struct aggregate *, const struct expr_call *);	/* bytes in the pool at most, texts and arrays apart */
	/* Asks for what an event of about this time reads of the pool: step 0: what the state names, step 1: what that names.  NULL: nothing. */
	void (*fetch)(const struct aggregate *, const struct expr_call *, const void *state, int64_t time, int step);
	/* Bytes in the pool with so many values, texts apart, where that tells more than `bound` (of a sliding window, which is without
	 * one: all of it); NULL: it does not. */
	size_t (*grown)(const struct aggregate *, const struct expr_call *, size_t n);
};

struct aggregate {
	struct expr_call_kind kind;
	const char *signature, *help;	/* one line each, as in sml-expr(7) */
	const struct keeper *all, *last;	/* NULL, NULL: not in this version; last NULL: takes no `over last` */
	const struct fold *fold;	/* of windows in event time; NULL, as `counted` is: takes none */
	const char *shares;	/* whose state it is: "sum" for mean; NULL: its own */
	int variant;		/* tells rows of one keeper apart */
	bool sees_null;		/* prev and delta: the previous event's value may be null */
	bool needs_time;
	const struct counted *counted;	/* of windows in event time, in place of a fold */
};

extern const struct aggregate aggregate_rows[];		/* ends with a NULL name */

const struct aggregate *aggregate_find(const char *name, size_t len);

/* The row of no function: which windows are open, for `emit windows`. */
const struct aggregate *aggregate_opened(void);

/* 0; -1 with a sentence: an aggregate or window that is not in this version; -1 - i: its argument i (from 1) is out of range. */
int aggregate_check(const struct aggregate *, const struct expr_call *, struct error *why);

/* How many of a call's arguments belong to its state: the first ones. */
size_t aggregate_state_args(const struct aggregate *, const struct expr_call *);

/* Whose state a call has. */
const struct keeper *aggregate_keeper(const struct aggregate *, const struct expr_call *);

/* Whether it needs the event time. */
bool aggregate_needs_time(const struct aggregate *, const struct expr_call *);

#endif
