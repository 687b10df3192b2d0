/* SPDX-License-Identifier: MIT */
/*
 * engine.h - a compiled spec at work: events in, features added.
 *
 * A batch goes in steps, so that memory is fetched while other records are looked at: keys are read and hashed, their
 * rows prefetched, then what the rows hold elsewhere; then record by record features are computed and, only when all of
 * a record's expressions have succeeded, its values added to the states.  So an error record leaves no trace, and a
 * later record of the batch sees what an earlier one added.
 *
 * Knows no options, files or messages to people.
 */
#ifndef FEATURE_ENGINE_H
#define FEATURE_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "feature/spec.h"
#include "feature/state.h"
#include "json/fields.h"
#include "stream/record.h"

struct engine;

/* Borrows the spec, which was compiled for the same fields; max_keys as for state_new. */
struct engine *engine_new(const struct spec *, struct fields *, uint64_t max_keys, struct error *why);
void engine_free(struct engine *);

/* A record on its way in. */
struct event {
	struct record *record;
	int64_t time;		/* ns; EVENTTIME_NONE where the spec needs none */
	int64_t watermark;	/* as of this event, ns; never goes back */
	bool is_apart;		/* its features are computed, nothing is kept of it */
};

/* Where records go that are not the events themselves: 0, or what ends the run. */
struct engine_out {
	int (*put)(void *self, struct record *);
	void *self;
	struct arena *arena;		/* of what these records are made of */
	const struct place *at;		/* what they have as theirs */
};

/*
 * Error records are left alone; a record that fails becomes one.  At most BATCH_MAX.  Under `emit windows` error records and
 * windows go to `out`, and the events nowhere; else the events are changed in place and `out` is not looked at.
 */
int engine_events(struct engine *, const struct event *, size_t n, const struct engine_out *);

/* Every window closes. */
int engine_close(struct engine *, const struct engine_out *);

/* When the next window ends, ns of event time; INT64_MAX: none is open.  And the greatest end that has been; EVENTTIME_NONE: none. */
int64_t engine_due(const struct engine *);
int64_t engine_closed(const struct engine *);

uint64_t engine_windows(const struct engine *);		/* given out */

/* After a restore. */
void engine_resume(struct engine *, int64_t watermark);

/* What hour() and the like were given. */
const struct expr_dates *engine_dates(const struct engine *);

/* To look at, save, or restore before the first record. */
struct state *engine_state(struct engine *);

#endif
