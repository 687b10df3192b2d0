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
#include "feature/tables.h"
#include "json/fields.h"
#include "stream/record.h"

struct engine;

/* Borrows the spec, which was compiled for the same fields; max_keys as for state_new. */
struct engine *engine_new(const struct spec *, struct fields *, uint64_t max_keys, struct error *why);
void engine_free(struct engine *);

/* Of its lookups. */
struct tables *engine_tables(struct engine *);

/* A record on its way in. */
struct event {
	struct record *record;	/* NULL: none, the watermark alone goes on */
	int64_t time;		/* ns; EVENTTIME_NONE where the spec needs none */
	int64_t watermark;	/* as of this event, ns; never goes back */
	bool is_apart;		/* its features are computed, nothing is kept of it */
	bool is_row;		/* of the stream's rows, and no event: it leaves only as an error record */
	bool is_gone;		/* set by the engine: it does not leave */
	bool is_met;		/* watermark and is_apart stand here already; else `meet` says what they are */
};

/* What the engine asks and tells while it takes events: results that are not 0 end the run. */
struct engine_peer {
	void *self;
	bool (*meet)(void *self, struct event *);		/* at its turn; false: it has become an error record */
	void (*taken)(void *self, const struct event *);	/* it has come through: it leaves its traces now */
	int (*put)(void *self, struct record *);		/* a record that is not an event itself */
	struct arena *arena;					/* of what such records are made of */
	const struct place *at;					/* what they have as theirs */
};

/*
 * Error records are left alone; a record that fails becomes one.  At most BATCH_MAX.  Under `emit windows` error records and
 * windows are put out, and the events nowhere; else the events are changed in place.
 */
int engine_events(struct engine *, struct event *, size_t n, const struct engine_peer *);	/* -1 also where the state is astray */

/* Every window closes. */
int engine_close(struct engine *, const struct engine_peer *);

/* When the next window ends, ns of event time; INT64_MAX: none is open.  And the greatest end that has been; EVENTTIME_NONE: none. */
int64_t engine_due(const struct engine *);
int64_t engine_closed(const struct engine *);

uint64_t engine_windows(const struct engine *);		/* given out */

/* After a restore. */
void engine_resume(struct engine *, int64_t watermark);

/* A feature or rule that was null because a window holds too many different values to be counted; each once.  NULL: no more. */
const struct spec_step *engine_over(struct engine *);

/* What hour() and the like were given. */
const struct expr_dates *engine_dates(const struct engine *);

/* To look at, save, or restore before the first record. */
struct state *engine_state(struct engine *);

#endif
