/* SPDX-License-Identifier: MIT */
/*
 * rows.h - a table that records are joined with: rows found by key, of each the values that somebody wants.
 *
 * A row is packed: its values one behind the other, in a few bytes more than their JSON text, and unpacked when a record
 * finds it.  That costs a sixth of parsing the line again, and less memory than keeping it.
 *
 * Knows keys and values; no files, no paths and no records.
 */
#ifndef FEATURE_ROWS_H
#define FEATURE_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/partition.h"
#include "base/snapshot.h"
#include "base/value.h"
#include "feature/key.h"

struct rows;
struct row;

/* Of rows of n values each. */
struct rows *rows_new(size_t n);
void rows_free(struct rows *);

/* Of a stream that is divided: before the first row; and of which partition a key's row is, PARTITION_NONE where there is none. */
void rows_divide(struct rows *);
void rows_set_partition(struct rows *, const struct key *, int32_t partition);
int32_t rows_partition(const struct rows *, const struct key *);

/* Copies the key and n values of any type.  A row with that key is replaced: true. */
bool rows_put(struct rows *, const struct key *, const struct value *);

/* A batch first prefetches the places of its keys, then the rows, then looks them up; NULL: no row has that key. */
void rows_prefetch(const struct rows *, const struct key *);
void rows_prefetch_row(const struct rows *, const struct key *);
const struct row *rows_find(const struct rows *, const struct key *);

/* Value i into out[where[i]].  Texts borrow from the row, until it is replaced or the table freed; all else lives in the arena. */
void rows_read(const struct rows *, const struct row *, struct arena *, struct value *out, const int *where);

/* A row of a snapshot for each row, in order of keys; what does not fit is an error.  And as a line of NDJSON. */
void rows_save(const struct rows *, struct snapshot_writer *);
void rows_track(struct rows *);		/* from here on; then the rows that have changed since, or since the last call */
void rows_save_changes(struct rows *, struct snapshot_writer *);
int rows_load(struct rows *, const struct snapshot_reader *, struct error *why);
int rows_dump(const struct snapshot_reader *, struct buf *out, struct error *why);

uint64_t rows_count(const struct rows *);
size_t rows_bytes(const struct rows *);

#endif
