/* SPDX-License-Identifier: MIT */
/*
 * chain.h - the files that a large state of a stage is made of: a snapshot, and behind it logs of what has changed since.
 *
 *	STAGE.EPOCH-RUN.snap	a snapshot (base/snapshot.h): all of the state at that barrier
 *	STAGE.EPOCH-RUN.log	changes of it, an entry per barrier: u64 length (little-endian), a snapshot of changes
 *
 * A log belongs to one run, which adds to its end; the barrier says how much of it counts.  So what a process adds that
 * was cut off, or that died in the middle, is never read.  compaction.h makes a chain short again.
 */
#ifndef CHECKPOINT_CHAIN_H
#define CHECKPOINT_CHAIN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/value.h"

struct chain_file { char *name; size_t len; };

/* Empty when it is zero. */
struct chain { struct chain_file *files; size_t n; };

void chain_add(struct chain *, const char *name, size_t len);
void chain_clear(struct chain *);
size_t chain_logged(const struct chain *);	/* bytes of its logs */

/* [{"f":...,"len":...},...]; reading says false: it is none. */
void chain_write(const struct chain *, struct buf *);
bool chain_read(struct chain *, struct value json, struct arena *);

/* The state, complete; buf_release it.  `stop` as for snapshot_merge.  -1. */
int chain_load(const char *dir, const struct chain *, const atomic_bool *stop, struct buf *snapshot, struct error *why);

#endif
