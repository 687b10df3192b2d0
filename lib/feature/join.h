/* SPDX-License-Identifier: MIT */
/*
 * join.h - records that wait for a partner: another record of the stream with the same key, near in event time.
 *
 * A symmetric hash join in event time (Wilschut and Apers, PDIS 1991; an interval join as in Flink), of which one side is kept
 * as it is: a record takes the newest partner that came before it and is at most `within` away in event time, or else the
 * first such that comes, or none once the watermark is beyond its time and `within`.  A partner serves any number of records.
 *
 * Knows keys, times and lines; no spec's features and no output.  Times and durations are ns.
 */
#ifndef FEATURE_JOIN_H
#define FEATURE_JOIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/snapshot.h"
#include "feature/key.h"
#include "json/fields.h"
#include "stream/record.h"

struct join;

/* `late`: how far behind the watermark a record may come and still find its partner. */
struct join *join_new(int64_t within, int64_t late);
void join_free(struct join *);

/* A record's partner: its line, borrowed until the next call; line NULL: there is none. */
struct partner { const char *line; size_t len; };

/* Of the key's records; PARTITION_NONE: there are none. */
int32_t join_partition(const struct join *, const struct key *);

/* A record that has waited; it is the callee's (record_free).  0, or what ends the run. */
typedef int join_out(void *self, struct record *, int64_t time, const struct partner *);

/* A record comes: true, it has a partner; false, a copy of it waits. */
bool join_record(struct join *, const struct key *, int64_t time, const struct record *, struct partner *);

/* A partner comes, and those that have waited for it leave, in order of arrival. */
int join_partner(struct join *, const struct key *, int64_t time, const struct record *, join_out *, void *self);

/* Those leave that wait in vain, in order of event time; INT64_MAX: all. */
int join_expire(struct join *, int64_t watermark, join_out *, void *self);

/* The watermark beyond which somebody leaves; INT64_MAX: nobody waits. */
int64_t join_due(const struct join *);

struct join_figures { uint64_t matched, unmatched, waiting; size_t bytes; };
void join_figures(const struct join *, struct join_figures *);
void join_miss(struct join *);		/* a record without a key: counted */

/* Bytes of a key besides its row, and besides their lines of a record that waits and of a partner. */
struct join_costs { size_t key, waiting, partner; };
struct join_costs join_costs(void);

/* After a restore. */
void join_resume(struct join *, int64_t watermark);

bool join_is_empty(const struct join *);

/* A row for each key, in order of keys. */
void join_save(const struct join *, struct snapshot_writer *);
void join_track(struct join *);		/* from here on; then the rows that have changed or gone since, or since the last call */
void join_save_changes(struct join *, struct snapshot_writer *);
/* Such a row; `at` and `fields` are of waiting records, but for source and line.  0 or -1. */
int join_load(struct join *, const struct snapshot_reader *, const struct place *at, const struct fields *, struct error *why);
int join_dump(const struct snapshot_reader *, struct buf *out, struct error *why);	/* a line of NDJSON */

#endif
