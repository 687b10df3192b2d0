/* SPDX-License-Identifier: MIT */
/*
 * record.h - a line, its values, the members added to it so far, and what became of it.
 *
 * Knows no I/O and no tool.  A record and all it borrows live until the batch it came in is done; record_keep makes one
 * that lives on.  The line's bytes are never changed: added members are spliced in when it is written.
 */
#ifndef STREAM_RECORD_H
#define STREAM_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/partition.h"
#include "base/value.h"
#include "json/fields.h"

enum error_type {
	PARSE_ERROR,		/* not one JSON object */
	INVALID_DATA,		/* a `require` failed, or a value has the wrong type */
	MISSING_FEATURE,
	LATE_DATA,
	TOO_LONG,
	RESERVED,		/* would forge a control or an error record */
	REMOTE_ERROR,
	POISON,			/* kills whoever works on it */
	ERROR_TYPES
};

extern const char *const record_error_types[ERROR_TYPES + 1];	/* ends with NULL */

/* What a stage has met; record_fail counts here. */
struct tally {
	uint64_t records, passed;		/* taken in; of them error records of earlier stages */
	uint64_t errors[ERROR_TYPES], n_errors;	/* made by this stage */
	char first[1536];			/* "stdin:17: not JSON at byte 4: ..." */
	const char *first_source;		/* where that was: a tool may look at a batch's records in any order */
	uint64_t first_line;
	enum { TALLY_JSON, TALLY_PRETTY, TALLY_CSV } looks_like;	/* the first bad line: '{' or '[' alone; line 1 with commas and no braces */
};

/* Adds what has been counted apart, of records behind those counted so far; `from` begins anew. */
void record_join_tally(struct tally *to, struct tally *from);

/* Where a stage met the record.  Each stage counts for itself, so that a pipe and a chain agree. */
struct place {
	const char *stage;		/* "features" */
	const char *source;		/* "stdin", a file's name, "kafka:topic[3]" */
	uint64_t line;			/* from 1; of a later stage: records; of a topic: the offset */
	struct tally *tally;
};

/* Where in a topic a record came from (--meta). */
struct origin {
	const char *topic;
	int32_t partition;
	int64_t offset, timestamp_ms;		/* timestamp -1: none */
	const char *key;			/* NULL: none */
	size_t key_len;
	const struct origin_header { const char *name; const void *value; size_t len; } *headers;	/* value NULL: null */
	size_t n_headers;
};

enum record_kind {
	RECORD_DATA,
	RECORD_ERROR,		/* an error record: every stage passes it on untouched */
	RECORD_REFUSED,		/* as the source gives it: the first stage makes an error record of it (refusal) */
};

struct refusal { enum error_type type; const char *message; size_t full_len; };	/* full_len: of a line cut off */

struct pending {
	const struct added *added;
	struct value value;
	const char *json;		/* the value's text, rendered beforehand; NULL: written from the value */
	uint32_t json_len;
};

struct record {
	const char *line;		/* the bytes as they came, without LF */
	size_t len;
	enum record_kind kind;
	enum error_type error;		/* of an error record made in this process */
	bool empty;			/* {}: the first member added needs no comma */
	uint16_t n_added, room;
	struct pending *added;		/* in order; they shadow members of the line */
	uint64_t present;		/* bits of added members that the line has itself */
	int32_t partition;		/* of the topics, under --shard: state is filed by it; PARTITION_NONE: not told */
	struct value *values;		/* NULL until somebody asks */
	const struct fields *fields;
	struct arena *arena;
	struct place at;
	const struct origin *origin;	/* NULL: not from a topic */
	const struct refusal *refusal;
	const struct tally *failed_by;	/* the stage that made the error record; NULL: it came as one */
};

/* Sees what kind of line it is; called by sources.  The line must stay until the batch is done. */
void record_init(struct record *, const char *line, size_t len, const struct fields *, struct arena *);

/*
 * Values by slot, read once for all stages; members added show here at once.  NULL: the record is, or has just become,
 * an error record: leave it alone.
 */
const struct value *record_values(struct record *);

/* The same for a source, which can't make an error record of it: NULL also where the line is not one JSON object, and stays. */
const struct value *record_peek(struct record *);

/* Adds a member behind all others; one added earlier or standing in the line under that name goes.  The value must live as
 * long as the record.  Only after record_values. */
void record_add(struct record *, const struct added *, struct value);

/* The same for a constant such as a label, whose text is rendered once (json_write_value) and not per record. */
void record_add_rendered(struct record *, const struct added *, struct value, const char *json, size_t len);

/* Space with the record's lifetime. */
void *record_space(struct record *, size_t n);

/* Turns it into an error record in place; what was added becomes part of rawData.  INVALID_DATA messages name feature or
 * rule, path and value. */
void record_fail(struct record *, enum error_type, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* The same with one more member, an integer: "byte", "latenessMs". */
void record_fail_with(struct record *, enum error_type, const char *member, int64_t n, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));

/* Another line in its place (--nest, --select, emit features): one JSON object, borrowed for the record's life. */
void record_reline(struct record *, const char *line, size_t len);

/* The line with its added members spliced in, and LF. */
void record_write(const struct record *, struct buf *);

/* How many of n records, the first included, stand in memory as they would be written: one line behind the other, LF between, nothing
 * added, of one partition. */
size_t record_run(struct record *const *, size_t n);

/* The bytes of members added and of the line's own without those in `drop` - for --nest.  No LF. */
void record_write_without(const struct record *, struct buf *, const char *const *drop);

/* The name of an error record's type ("PARSE_ERROR", also one that this version does not know); its length in *len. */
const char *record_error_name(const struct record *, size_t *len);

/* A copy that lives on (heap, one piece), and back into a batch's arena: hold, join, remote calls. */
struct record *record_keep(const struct record *);
#define RECORD_KEPT_BYTES (sizeof(struct record) + 16)	/* what it takes besides its line */
void record_wake(struct record *r, struct arena *);
void record_free(struct record *r);

/*
 * --retry: the original line of an error record, appended to `out`.  1; 0: not an error record; -1 with `why`: it
 * pretends to be one, or only the beginning of the original is in it (TOO_LONG).
 */
int record_original(const char *line, size_t len, struct buf *out, struct error *why);

/* Whether a line begins and ends as an error record does, or just ends so. */
bool record_looks_like_error(const char *line, size_t len);
bool record_ends_like_error(const char *line, size_t len);

/* Whether the line is an error record: its members are these and no others. Costs a parse; for sml-replay. */
bool record_is_error(const char *line, size_t len, struct arena *);

#endif
