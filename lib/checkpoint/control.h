/* SPDX-License-Identifier: MIT */
/*
 * control.h - the control records of a stream under a checkpoint: one line of JSON each, which begins {"_sml": exactly.
 *
 *	{"_sml":"begin","v":1,"run":"18f3...","e":41,"erun":"18f2...","via":"replay","st":{...}}
 *		of a shard also "shard":"0/3","generation":2, and, where it goes on for others, "parts":{"1.2":{"p":[0,4],"via":...,"st":{...}},...}
 *	{"_sml":"from","p":3}
 *	{"_sml":"barrier","v":1,"run":"18f3...","e":42,"t":1719914112000,"src":[...],"via":"replay,features","st":{...}}
 *	{"_sml":"end","run":"18f3...","e":42}
 *	{"_sml":"abort","exit":2,"stage":"replay","why":"..."}, and "lost":true where a stage before has died without one
 *	{"_sml":"commit","run":"18f3...","e":42}
 *
 * Unknown members are ignored and passed on.  What a stage adds (its name in `via`, its state in `st`) is written into the line as
 * it came: nothing else of it changes.  Knows lines; no files, no stages at work.
 */
#ifndef CHECKPOINT_CONTROL_H
#define CHECKPOINT_CONTROL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "stream/transaction.h"

#define CONTROL_VERSION 1

/* A part of a pipeline that runs several times: `index`, from 0, of so many; of 0: it runs once. */
struct checkpoint_shard { unsigned index, of; };

struct control_text { const char *text; size_t len; };	/* not terminated; text NULL: the member is not there */

/* A record taken apart.  What it points to lives in the arena or in the line. */
struct control_line {
	struct control_text kind, run, erun, via, stage, why;
	struct control_text shard;		/* of `begin`, as the next two */
	struct control_text src, st, parts;	/* JSON as it stands */
	uint64_t epoch, generation;
	int64_t exit;				/* of abort */
	bool is_last;				/* of a barrier: no more data comes, windows may close */
	bool is_lost;				/* of abort: by a stage whose input had just ended, so that nobody knows the cause */
};

/* -1: not such a record, or of a version that is not known. */
int control_read(struct control_line *, const char *line, size_t len, struct arena *, struct error *why);

static inline bool control_is(const struct control_line *c, const char *kind)
{
	return c->kind.len == strlen(kind) && !memcmp(c->kind.text, kind, c->kind.len);
}

static inline bool control_same(struct control_text a, struct control_text b)
{
	return a.len == b.len && (!a.len || !memcmp(a.text, b.text, a.len));
}

/* Of a barrier, or what `begin` goes on from; of a run too long to be one of ours, its beginning. */
struct commit_point control_point(const struct control_line *);
struct commit_point control_began(const struct control_line *);

/* The state of a stage in `st`: JSON as it stands; text NULL: there is none. */
struct control_text control_state(const struct control_line *, const char *stage);

/* What one shard of an older generation had of this one's partitions: part i of `parts`; false: there are no more. */
struct control_part {
	struct control_text folder, via;	/* "1.2" */
	struct control_line states;		/* its `st` */
	struct control_text partitions;		/* JSON as it stands */
};
bool control_part(const struct control_line *, size_t i, struct control_part *, struct arena *);

/* The line with a stage's name at the end of `via` and, where state is not empty, its state in `st`. */
void control_pass(struct buf *, const char *line, size_t len, const char *stage, const struct buf *state);

struct control_begin {
	const char *run, *committed_run;
	uint64_t epoch;
	struct control_text st;
	struct checkpoint_shard shard;
	unsigned generation;
	const struct buf *parts;		/* of an object, without its brackets */
};
void control_write_begin(struct buf *, const struct control_begin *);

struct control_barrier { const char *run; uint64_t epoch; int64_t time_ms; bool is_last; const struct buf *positions; };
void control_write_barrier(struct buf *, const struct control_barrier *);

void control_write_end(struct buf *, const char *run, uint64_t epoch);
void control_write_commit(struct buf *, const char *run, size_t run_len, uint64_t epoch);
/* `why` may be any bytes. */
void control_write_abort(struct buf *, int status, const char *stage, const char *why);
void control_write_lost(struct buf *, int status, const char *stage, const char *why);

#endif
