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

/* Error records are left alone; a record that fails becomes one. At most BATCH_MAX. */
void engine_events(struct engine *, const struct event *, size_t n);

/* What hour() and the like were given. */
const struct expr_dates *engine_dates(const struct engine *);

/* To look at, save, or restore before the first record. */
struct state *engine_state(struct engine *);

#endif
