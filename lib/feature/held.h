/* SPDX-License-Identifier: MIT */
/*
 * held.h - a value that outlives its record: the copy that a key's state owns.
 *
 * All zero is "nothing".  A text or an array lives in one piece of the pool.  Objects, arrays inside arrays and numbers that
 * no double holds cannot be held.
 */
#ifndef FEATURE_HELD_H
#define FEATURE_HELD_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/snapshot.h"
#include "base/value.h"
#include "feature/pool.h"

bool held_fits(struct value);

/* A copy of a value that fits replaces what was held; v must not be part of *at. */
void held_set(struct value *at, struct value v, struct pool *pool);
void held_release(struct value *at, struct pool *pool);

/* What is held, in the arena: it may be used when the state has moved on. */
static inline struct value held_get(struct value at, struct arena *arena)
{
	return at.type < VALUE_STRING ? at : value_copy(at, arena);
}

void held_save(struct buf *, struct value);
/* The value borrows from the bytes and, where it is an array, lives in the arena. */
struct value held_load(struct snapshot_bytes *, struct arena *);

#endif
