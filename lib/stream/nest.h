/* SPDX-License-Identifier: MIT */
/*
 * nest.h - a record's event put into a member of its own, what the toolkit added beside it (--nest).
 *
 *	{"totalValue":9,"features":{...},"probability":0.7}  ->  {"NAME":{"totalValue":9},"probability":0.7,"features":{...}}
 *
 * Every byte of the event and of the members stays as it came.
 */
#ifndef STREAM_NEST_H
#define STREAM_NEST_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/value.h"

struct record;

struct nest {
	struct name name;
	struct buf text, nested;
};

/* The name lives in the arena.  -1: empty, not UTF-8, or a member that stays outside. */
int nest_init(struct nest *, const char *name, struct arena *, struct error *why);
void nest_release(struct nest *);

/* After the last record_add.  Not for error records. */
void nest_record(struct nest *, struct record *);

#endif
