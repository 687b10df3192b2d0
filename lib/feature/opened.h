/* SPDX-License-Identifier: MIT */
/*
 * opened.h - which windows of a key hold events: those that have not closed, and those that may be given out once more.
 *
 * A keeper like any other, so that what is open is saved, evicted and shown with the rest of a key's state; but events come
 * in by opened_note, which knows the watermark.  Times are ns.
 */
#ifndef FEATURE_OPENED_H
#define FEATURE_OPENED_H

#include <stdbool.h>
#include <stdint.h>

#include "feature/aggregate.h"

struct open_window {
	int64_t start, end;		/* [start, end); `over all`: INT64_MIN, INT64_MAX */
	int64_t newest;			/* of its events */
	int64_t due;			/* when it is looked at again (firing.h); INT64_MIN: not planned yet.  Not saved */
	uint64_t events;
	uint32_t revision;		/* of the next one given out after its end; 0: none has been */
	bool is_changed;		/* since it was given out at or after its end */
	bool is_fresh;			/* since it was given out at all */
	bool is_listed;			/* for the next trigger of time.  Not saved */
};

struct opened {			/* in order of their ends */
	struct open_window *list;
	uint32_t n, room;
};

extern const struct keeper opened_keeper;

/* An event in each window that holds its time and ends after `closed`; those that end before are left alone. */
void opened_note(struct opened *, const struct expr_call *, int64_t time, int64_t closed, struct pool *);

/* The window is given out no more. */
void opened_forget(struct opened *, struct open_window *, struct pool *);

/* What a person is told of as its end: a session ends with its gap, which is still part of it. */
int64_t opened_end(const struct expr_call *, const struct open_window *);

#endif
