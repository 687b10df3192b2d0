/* SPDX-License-Identifier: MIT */
/*
 * handover.h - what the end of the files says about where live reading begins, and which live records they held already.
 *
 * Knows lines of JSON, files and event times; no brokers, no loop.  The files' time is the greatest event time at their end,
 * but for single ones that the others contradict (of the year 2100, of 1970).  Live reading begins an `overlap` before it, and
 * of the records there at most as many equal ones are dropped as the files held in their last two overlaps: messages may be
 * stamped by so much later than their events, or stand so much out of order.  Lines dumped with --meta say by their offsets
 * exactly where it begins.
 *
 * Regular files are read from their end, before their first line is sent (handover_read, in the order of the operands); where
 * one of the inputs can't be, the lines of all are noted as they pass (handover_note).  Disorder of up to one `overlap` is
 * seen through.
 */
#ifndef KAFKA_HANDOVER_H
#define KAFKA_HANDOVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/eventtime.h"
#include "base/fieldpath.h"

struct handover;

struct handover_options {
	const struct fieldpath *time;		/* -T; borrowed, as the next one */
	enum time_unit unit;
	int64_t overlap_ns;
	const struct fieldpath *same_by;	/* equal records have equal values here; NULL: equal bytes */
	size_t max_line;
	int64_t stdin_from;			/* standard input, where it is a file: the byte at which it was given */
};

struct handover *handover_new(const struct handover_options *);
void handover_free(struct handover *);

/* A topic that live reading is about, and how many partitions it has. */
void handover_expect(struct handover *, const char *topic, int32_t partitions);

/* The last lines of a file, "-" for stdin; its position does not change.  1: it can't be read ahead (a pipe): its lines
 * have to be noted.  0 or -1. */
int handover_read(struct handover *, const char *path, struct error *why);

/* The next line of an input that can't be read ahead. */
void handover_note(struct handover *, const char *line, size_t len);

/* After all lines, and before the rest. */
void handover_settle(struct handover *);

bool handover_is_empty(const struct handover *);	/* no line at all */
int64_t handover_time(const struct handover *);		/* ns; EVENTTIME_NONE: no line has one */
int64_t handover_begin(const struct handover *);	/* an `overlap` before it; where the last line stands alone, before the one before that */
int64_t handover_end(const struct handover *);		/* an `overlap` after it */

/* How many lines at the files' end are later than that, so that nobody goes by them; *time: of one of them, ns. */
uint64_t handover_ahead(const struct handover *, int64_t *time);

/*
 * Whether the last line came from one of the topics: then they say where to begin, and no records are compared.
 * handover_offset: the first one that they do not hold, -1: they hold none of that partition.
 */
bool handover_by_offset(const struct handover *);
int64_t handover_offset(const struct handover *, const char *topic, int32_t partition);

/* Whether the end of the files holds such a record: then what stands before it in its partition is older than their end. */
bool handover_holds(struct handover *, const char *line, size_t len);

/* Whether a live record is one that the files held; each of theirs counts once. */
bool handover_drops(struct handover *, const char *line, size_t len);

/* Under a checkpoint: what may still be dropped, as a section "held", and a row of it into a hand-over that has read nothing. */
struct snapshot_writer;
struct snapshot_reader;
void handover_save(const struct handover *, struct snapshot_writer *);
int handover_restore(struct handover *, const struct snapshot_reader *, struct error *why);

/* Frees what is remembered of records: from now on none is dropped. */
void handover_forget(struct handover *);

#endif
