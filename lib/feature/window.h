/* SPDX-License-Identifier: MIT */
/*
 * window.h - what of a key's past counts for an event: keepers of folds, one per kind of window.
 *
 * Sliding windows and `last N` are stretches of a timeline of values, by event time or by number; panes and tumbling
 * windows are stretches of a timeline of partials, one per pane (stretch.c).  Sessions are partials in order (session.c).
 * `decay` is one sum that fades (decay.c), `over all` one partial.
 *
 * How long the past is kept follows from the key's own events in this state alone: what can count for an event that is
 * not older than the newest one.  An older event sees what is left, and is kept where it can still count.
 * Panes, tumbling windows and sessions are seen as far as they have come: an event out of order also sees what is newer
 * in its own pane, window or session.
 */
#ifndef FEATURE_WINDOW_H
#define FEATURE_WINDOW_H

#include "base/error.h"
#include "expr/expr.h"
#include "feature/aggregate.h"
#include "feature/fold.h"

#define WINDOW_LAST_MAX 1048576

extern const struct keeper window_whole, stretch_keeper, stretch_pane_keeper, session_keeper, decay_keeper;

/* Sliding windows, panes and tumbling windows: where an event stands in a timeline, at its time or its pane's. */
int64_t stretch_place(const struct expr_call *, int64_t time);

/* (after, until] of the timeline: what counts for an event.  `newest`: of the state's events; NULL: it has none. */
struct stretch_reach { int64_t after, until; };
struct stretch_reach stretch_reach(const struct expr_call *, const int64_t *newest, const struct moment *);

/* Up to where entries count for no event that is still in time. */
int64_t stretch_gone(const struct expr_call *, int64_t newest);

/*
 * The state of a sliding window begins with its timeline and is no more; its entries are those of the fold.  Saved it begins with how its
 * values look (form.h), or, of numbers, with what a bundle wants to know of it (bundle.h).
 */
#define STRETCH_SHARED (FOLD_DIMS_MAX + 2)		/* beyond all forms: its timeline was a bundle's */
#define STRETCH_COMMON (STRETCH_SHARED + 1)		/* and this much more: so many of its events in a row were all members' */
void stretch_save_as(const struct aggregate *, const struct expr_call *, const void *state, uint64_t code, struct buf *);

/* Panes, or tumbling windows, that are kept at most. */
size_t window_panes(const struct expr_call *);

/* 0; -1: N out of range. */
int window_check(const struct expr_call *, struct error *why);

#endif
