/* SPDX-License-Identifier: MIT */
/*
 * engine.h - a compiled spec at work: records in, features added, state per key kept, saved and restored.
 *
 * A batch goes in three steps, so that memory is fetched while other records are looked at: keys are read and hashed, their
 * rows prefetched, then record by record features are computed and, only when all of a record's expressions have
 * succeeded, its values added to the states: an error record leaves no trace, and a later record of the batch sees
 * what an earlier one added.
 *
 * Knows no options, files or messages to people.
 */
#ifndef FEATURE_ENGINE_H
#define FEATURE_ENGINE_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/snapshot.h"
#include "feature/spec.h"
#include "json/fields.h"
#include "stream/record.h"

struct engine;

/* Borrows the spec, which was compiled for the same fields.  max_keys 0: no bound (of keys, and of each `by`). */
struct engine *engine_new(const struct spec *, struct fields *, uint64_t max_keys, struct error *why);
void engine_free(struct engine *);

/* Error records are left alone; a record that fails becomes one. At most BATCH_MAX. */
void engine_records(struct engine *, struct record **, size_t n);

struct engine_figures { uint64_t keys, evicted; size_t bytes; };
void engine_figures(const struct engine *, struct engine_figures *);

/* Sections of a snapshot: one per key set with the newest time per key, one per state.  The same state, the same bytes. */
void engine_save(struct engine *, struct snapshot_writer *);

/* What a restore found besides: lists of texts, ", " between them. */
struct engine_news { struct buf fresh, dropped; size_t n_fresh, n_dropped; };

/* All items of an opened snapshot, into an engine that has seen no record.  `news` may be NULL; its bufs are the caller's. */
int engine_restore(struct engine *, struct snapshot_reader *, struct engine_news *, struct error *why);

/*
 * A snapshot as NDJSON, an object per state and key: {"definition":…,"features":[…],"key":…,"time":…,"state":{…}}.  With
 * a spec, only what it uses, with its features' names.
 */
int engine_dump(struct snapshot_reader *, const struct spec *, struct buf *out, struct error *why);

#endif
