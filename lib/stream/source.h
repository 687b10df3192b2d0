/* SPDX-License-Identifier: MIT */
/*
 * source.h - what the loop pulls from: files, a consumer, a test.
 */
#ifndef STREAM_SOURCE_H
#define STREAM_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"

struct record;

#define BATCH_MAX 64	/* records: single ones cost a third more, more than 64 leave the cache */

enum { SOURCE_END = 0, SOURCE_FAILED = -1, SOURCE_WAIT = -2, SOURCE_CONTROL = -3 };

enum control_kind { CONTROL_BEGIN, CONTROL_BARRIER, CONTROL_END, CONTROL_ABORT, CONTROL_OTHER };

/* A line that begins {"_sml": - it is the loop's to decide what it means. */
struct control {
	enum control_kind kind;
	struct record *record;		/* the line, should it be data after all */
};

struct source {
	/*
	 * Up to BATCH_MAX records that are at hand, never waits: how many, or one of the above.  SOURCE_WAIT: nothing before
	 * fd is readable or the time is `until`.  SOURCE_CONTROL: `control` stands here and every record before it
	 * has been given.  What it gave lives until the next call.
	 */
	int (*next)(struct source *, struct record **, struct error *why);
	/* Called in every wait, however long the output is blocked: keeps a group membership.  NULL: nothing to keep. */
	int (*alive)(struct source *, struct error *why);
	void (*close)(struct source *);
	/*
	 * Under a checkpoint: what has been given so far, as items of a JSON array, and going on from there before the first record
	 * (-2: a retry cannot help).  NULL: this source cannot say.
	 */
	int (*tell)(struct source *, struct buf *, struct error *why);
	int (*seek)(struct source *, const char *json, size_t n, struct error *why);
	int fd;				/* -1: none */
	int64_t until;			/* monotonic ns; INT64_MAX: no time */
	const struct control *control;
	/* for progress: bytes (files) or records (topics) read and in all; total 0: not known */
	uint64_t done, total;
	int64_t lag;			/* records behind the end of a topic; -1: does not apply */
	size_t most;			/* records of a batch; 0: BATCH_MAX.  1: a position between any two of them is whole */
	bool holds;			/* under a checkpoint: the last batch has not been passed on yet, `tell` leaves it out */
	bool drains;			/* at a stop, read on to the end of a pipe; false: a source of its own stops at once */
};

#endif
