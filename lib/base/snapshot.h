/* SPDX-License-Identifier: MIT */
/*
 * snapshot.h - the one format of saved state: the file of --state, and a stage's part of a checkpoint.
 *
 * A header (magic, version, what made it), sections, each with a name, rows of (key bytes, value bytes), and at the end
 * CRC-32C and length over all: damage or a torn write is refused, never half-read.  All integers are little-endian;
 * lengths are unsigned LEB128.  Knows bytes only.
 *
 *	"sml-state" LF, u32 version, text made_by
 *		2: what a sliding window keeps may say that others share it
 *	section*:  0x01, text name, row*: 0x02, key, value; 0x06, varint partition, key, value
 *	end:       0x03, u64 length of what came before, u32 crc32c of what came before
 *
 * What has changed since another snapshot has the same form and may say, too:
 *	0x04, key          in a section: that row has gone
 *	0x05, text name    a section that stands for itself: none of its earlier rows are left
 */
#ifndef BASE_SNAPSHOT_H
#define BASE_SNAPSHOT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/partition.h"

#define SNAPSHOT_VERSION 2
#define SNAPSHOT_OLDEST 1	/* that is read */

struct snapshot_writer { struct buf bytes; };

void snapshot_begin(struct snapshot_writer *, const char *made_by);
void snapshot_section(struct snapshot_writer *, const char *name, size_t len);
void snapshot_row(struct snapshot_writer *, const void *key, size_t key_len, const void *value, size_t len);
/* The same of a row that is filed under a partition; PARTITION_NONE: it is not. */
void snapshot_row_of(struct snapshot_writer *, int32_t partition, const void *key, size_t key_len, const void *value, size_t len);
/* Of changes. */
void snapshot_section_anew(struct snapshot_writer *, const char *name, size_t len);
void snapshot_gone(struct snapshot_writer *, const void *key, size_t key_len);
void snapshot_end(struct snapshot_writer *);	/* then `bytes` is the snapshot; buf_release it */

/* Bytes of rows: fixed and variable integers, doubles, text; a reader that runs past the end sets `torn`. */
void snapshot_put_varint(struct buf *, uint64_t);
void snapshot_put_signed(struct buf *, int64_t);	/* zigzag */
void snapshot_put_double(struct buf *, double);		/* its bits: NaN payload and -0 kept */
void snapshot_put_text(struct buf *, const void *, size_t n);

struct snapshot_bytes { const unsigned char *p, *end; bool torn; };

uint64_t snapshot_get_varint(struct snapshot_bytes *);
int64_t snapshot_get_signed(struct snapshot_bytes *);
double snapshot_get_double(struct snapshot_bytes *);
const char *snapshot_get_text(struct snapshot_bytes *, size_t *n);

struct snapshot_reader {
	struct snapshot_bytes rest;
	const char *made_by, *section, *key, *value;	/* borrowed from the bytes given; not terminated */
	size_t made_by_len, section_len, key_len, value_len;
	int32_t partition;				/* of the row */
	bool is_changes;	/* to be set by who reads changes: elsewhere these items are damage */
	bool is_anew;		/* the section is */
};

enum snapshot_item { SNAPSHOT_SECTION, SNAPSHOT_ROW, SNAPSHOT_GONE, SNAPSHOT_END };

/* Checks all of it (magic, version, length, CRC) before the first item.  0 or -1. */
int snapshot_open(struct snapshot_reader *, const void *bytes, size_t n, struct error *why);
/* The next item, its fields in the reader; SNAPSHOT_END at the end; -1: malformed. */
int snapshot_next(struct snapshot_reader *, struct error *why);

/* Adds the sections of a snapshot, and of its rows those of these partitions; what is of none becomes a row of each. */
int snapshot_take(struct snapshot_writer *, const void *bytes, size_t n, const int32_t *partitions, size_t n_partitions, struct error *why);
/*
 * A snapshot and changes of it, the oldest first, as one snapshot: the newest row of each key of a section counts.  Sections come in
 * the order in which they first stand there, rows in none.  `stop` (NULL: never) may be set by another thread: then it is -1
 * soon.  The parts are borrowed; the result is complete, buf_release it also where it failed.
 */
struct snapshot_part { const void *bytes; size_t len; };
int snapshot_merge(const struct snapshot_part *, size_t n, const atomic_bool *stop, struct snapshot_writer *, struct error *why);

#endif
