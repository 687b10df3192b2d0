/* SPDX-License-Identifier: MIT */
/*
 * hold.h - events that wait for those before them: a queue in order of event time, of equal times in order of arrival.
 *
 * A binary heap of records that live on (record_keep).  What it takes is its own until hold_take gives it to the caller.
 */
#ifndef FEATURE_HOLD_H
#define FEATURE_HOLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/snapshot.h"
#include "stream/record.h"

struct held_event { int64_t time; uint64_t number; struct record *record; };

struct hold {
	struct held_event *heap;
	size_t n, room;
	uint64_t numbers;		/* given out, in order of arrival */
	size_t bytes;			/* of their lines */
	bool tracks;
	uint64_t saved;			/* numbers from here on have not been saved */
	struct buf gone;		/* numbers that have, and have left: uint64_t */
	char **sources;			/* names that restored records have as theirs */
	size_t n_sources;
};

void hold_release(struct hold *);

/* Takes a copy of the record. */
void hold_put(struct hold *, int64_t time, const struct record *);

/* Bytes of an event that waits, besides its line. */
size_t hold_cost(void);

/* The oldest time; INT64_MAX: nothing is held. */
int64_t hold_oldest(const struct hold *);

/* The oldest event; its record is to be freed by record_free.  Only where something is held. */
struct held_event hold_take(struct hold *);

/* A row for each, in the order in which they would leave; they are numbered anew. */
void hold_save(struct hold *, struct snapshot_writer *);
void hold_track(struct hold *);		/* from here on; then those that have come or left since, or since the last call */
void hold_save_changes(struct hold *, struct snapshot_writer *);

/* A row that hold_save has written; `at` and `fields` are the stage's. 0 or -1. */
int hold_load(struct hold *, const struct snapshot_reader *, const struct place *at, const struct fields *, struct error *why);

/* Such a row as a line of NDJSON. */
int hold_dump(const struct snapshot_reader *, struct buf *out, struct error *why);

#endif
