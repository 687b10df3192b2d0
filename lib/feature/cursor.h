/* SPDX-License-Identifier: MIT */
/*
 * cursor.h - the sum of a stretch of a timeline, which moves: what leaves it is taken out, what it reaches is put in.
 *
 * Counts are integers: the sum of a stretch is the same whatever way the cursor has come, so that a cursor may move when
 * something is read, and need not be saved.  A move costs a step for each entry that it passes.
 *
 * The first cursor is for what is asked as of the newest events so far; so it goes forward with them, and passes each once.
 * What comes late has others: at first one; when that has gone far enough to pay for it more, each for what is about as
 * late, so that it goes forward with these events, or to and fro a little.
 *
 * Where a sum may hold no more than so many different values, it is of the latest part of the stretch that has no more.
 */
#ifndef FEATURE_CURSOR_H
#define FEATURE_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "feature/counted.h"
#include "feature/timeline.h"

struct cursor {
	int64_t after, until;	/* the sum is of (after, until] */
	bool is_set;
	bool is_short;		/* any more before it would be too many different values */
	void *sum;		/* all zero at first */
};

struct cursors {
	struct cursor *one;	/* n of them, and behind them their sums, in one piece of the pool */
	uint32_t n;
	uint32_t passed;	/* entries, by those that are late */
};

#define CURSOR_POT 64		/* entries that a pot counts for */

/* In what cursors move. */
struct cursor_line {
	const struct counted_in *in;
	const struct timeline *line;
	const struct timeline_kind *kind;
	size_t sum;		/* bytes of a sum */
	bool has_pots;
	int64_t span, pane;	/* of times that are kept, and of a pane; 0: nothing comes late, there are no panes */
};

/* The one for what is asked as of `until`. */
struct cursor *cursor_choose(struct cursors *, const struct cursor_line *, int64_t until);

/* A cursor has passed so many entries, not moved by cursor_move. */
void cursor_passed(struct cursors *, const struct cursor *, uint32_t n);

/* is_short then says that the stretch reaches back further than the sum. */
void cursor_move(struct cursors *, struct cursor *, const struct cursor_line *, int64_t after, int64_t until);

/* Whether an entry at `time` is in the sum. */
static inline bool cursor_holds(const struct cursor *c, int64_t time)
{
	return c->is_set && c->after < time && time <= c->until;
}

/* An entry that is now in the timeline: into the sums that hold its time. */
void cursor_add(struct cursors *, const struct cursor_line *, int64_t time, uint64_t entry);

/* Entries up to `gone` are about to leave the timeline. */
void cursor_leave(struct cursors *, const struct cursor_line *, int64_t gone);

/* Their piece; what the sums own has gone before. */
void cursor_release(struct cursors *, const struct cursor_line *);

/* Bytes in the pool of the first one, what its sum owns apart. */
size_t cursor_bytes(size_t sum);

#endif
