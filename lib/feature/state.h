/* SPDX-License-Identifier: MIT */
/*
 * state.h - all that a spec keeps: a table of rows per key set, and the pool that the rows' states draw on.
 *
 * The one form in which it outlives the process is a snapshot: a section per key set with the newest time per key, a
 * section per state named by its identity, a row per (source partition, key).  The same state gives the same bytes,
 * whatever was evicted, saved or loaded on the way.
 *
 * Knows specs and keys; no records and no files.
 */
#ifndef FEATURE_STATE_H
#define FEATURE_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/snapshot.h"
#include "feature/key.h"
#include "feature/keyed.h"
#include "feature/pool.h"
#include "feature/spec.h"

/* Something besides keys: a section of its own. */
struct state_part {
	const char *name;		/* borrowed */
	void *self;
	bool (*is_empty)(const void *self);
	void (*save)(void *self, struct snapshot_writer *);		/* its rows */
	/* From here on, and the rows that have changed or gone since, or since the last call; NULL: all of it has. */
	void (*track)(void *self);
	void (*save_changes)(void *self, struct snapshot_writer *);
	int (*load)(void *self, const struct snapshot_reader *, struct error *why);	/* a row */
};

struct state {
	const struct spec *spec;
	struct state_part *parts;
	size_t n_parts;
	struct state_table *tables;	/* one per key set of the spec */
	struct pool pool;
	bool is_astray;			/* a record has come in another partition than its key's state: nothing may be added any more */
	struct error astray;		/* ... which one */
};

struct state_table {
	struct state *state;
	unsigned index;
	struct keyed *keyed;		/* NULL: no state has these keys */
};

/* Borrows the spec.  max_keys 0: no bound (of the spec's keys, and of each `by`). */
struct state *state_new(const struct spec *, uint64_t max_keys);
void state_free(struct state *);

void state_add_part(struct state *, const struct state_part *);

/* Of a row, where the spec is by partition. */
static inline int32_t *state_partition(struct keyed_row *r)
{
	return keyed_state(r);
}

/* Whether a record in partition `here` has met state of its key that is of another: then the state is astray. */
bool state_is_elsewhere(struct state *, const struct key *, int32_t at, int32_t here);

struct state_figures { uint64_t keys, evicted, expired; size_t bytes; };
void state_figures(const struct state *, struct state_figures *);

void state_save(const struct state *, struct snapshot_writer *);

/* From here on changes are noted; then, as changes of a snapshot (snapshot.h), what has changed since, or since the last call. */
void state_track(struct state *);
void state_save_changes(struct state *, struct snapshot_writer *);

/* What a restore found besides: lists of texts, ", " between them. */
struct state_news {
	struct buf fresh, dropped;
	size_t n_fresh, n_dropped;
	bool is_related;		/* some of it has a key and a time of the spec's */
	struct buf theirs;		/* of the last that is dropped: "key user, time ts:ms" */
};

/* All items of an opened snapshot, into an empty state.  `news` may be NULL; its bufs are the caller's. */
int state_restore(struct state *, struct snapshot_reader *, struct state_news *, struct error *why);

/*
 * A snapshot as NDJSON, an object per state and key: {"definition":...,"features":[...],"key":...,"state":{...}}, and
 * {"keys":...,"key":...,"time":...} per key.  With a spec, only what it uses, with its features' names.
 */
int state_dump(struct snapshot_reader *, const struct spec *, struct buf *out, struct error *why);

#endif
