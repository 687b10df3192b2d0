/* SPDX-License-Identifier: MIT */
/*
 * flow.h - records through a spec in event time: what comes late or too early, what is held back, and then the engine.
 *
 * Records that need not wait leave in the order in which they came; held ones in order of event time, when the watermark has
 * reached them (watermark.h).  Knows no options, files or messages to people.
 */
#ifndef FEATURE_FLOW_H
#define FEATURE_FLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "expr/expr.h"
#include "feature/engine.h"
#include "feature/join.h"
#include "feature/spec.h"
#include "feature/state.h"
#include "json/fields.h"
#include "stream/filter.h"

struct flow;

/* Borrows the spec, which was compiled for the same fields; max_keys as for state_new. */
struct flow *flow_new(const struct spec *, struct fields *, uint64_t max_keys, struct error *why);
void flow_free(struct flow *);

/* 1 to BATCH_MAX records; what is to leave goes to `next`, by next_pass, whose results these return. */
int flow_records(struct flow *, struct record **, size_t n, struct next *, struct error *why);

/* When flow_tick is due, monotonic ns: the watermark goes with the clock.  INT64_MAX: never. */
int64_t flow_deadline(const struct flow *);
int flow_tick(struct flow *, int64_t now, struct next *, struct error *why);

/* No event comes any more: what waits need not. */
int flow_close(struct flow *, struct next *, struct error *why);

/* What records have as their place that are not from outside: windows, and what is restored but its source and line. */
void flow_place(struct flow *, const struct place *);

/* To look at and to save; to be restored by flow_restore (as state_restore) before the first record. */
struct state *flow_state(struct flow *);
int flow_restore(struct flow *, struct snapshot_reader *, struct state_news *, struct error *why);

/* Of its lookups. */
struct tables *flow_tables(const struct flow *);

/* Of the spec's join i. */
void flow_join_figures(const struct flow *, size_t i, struct join_figures *);

struct flow_figures {
	uint64_t timed;		/* records whose time was read */
	uint64_t untimed;	/* records that had to have one, and had none that is valid */
	int64_t newest;		/* of these; EVENTTIME_NONE: there was none */
	int64_t watermark;	/* EVENTTIME_NONE: there is none */
	uint64_t late;		/* events, of this run */
	int64_t latest;		/* how far the latest was behind the watermark, ns */
	uint64_t windows;	/* given out */
	uint64_t held;		/* just now */
	size_t held_bytes;
};
void flow_figures(const struct flow *, struct flow_figures *);

/* As engine_over. */
const struct spec_step *flow_over(struct flow *);

/* What hour() and the like were given. */
const struct expr_dates *flow_dates(const struct flow *);

#endif
