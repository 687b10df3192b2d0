/* SPDX-License-Identifier: MIT */
/*
 * window.h - which values still count: one row per kind of window.
 *
 * A window of this version is of everything or of the last N, in order of arrival.  Windows in time have their rows in the
 * table and are refused there.  A state in the last N numbers its values from 0: value i lies in place i mod N of a ring
 * that grows until it holds N.
 *
 * `held_ring` keeps the last N values themselves, `extremes` those of them that can still become the least or the greatest (a
 * monotone queue: O(1) per value, amortised).  All zero is empty.  Reading changes nothing.
 */
#ifndef FEATURE_WINDOW_H
#define FEATURE_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/snapshot.h"
#include "base/value.h"
#include "expr/expr.h"
#include "feature/pool.h"

#define WINDOW_LAST_MAX 1048576

/* 0; -1: a window or decay that is not in this version, or N out of range. */
int window_check(const struct expr_call *, struct error *why);

struct held_ring {
	uint64_t n;		/* values taken in */
	struct value *values;
	uint32_t room;
};

/* The oldest of the last N, with one more to come or not; missing: none. */
struct value held_ring_oldest(const struct held_ring *, uint32_t last, bool one_more);
void held_ring_add(struct held_ring *, uint32_t last, struct value, struct pool *pool);
void held_ring_release(struct held_ring *, uint32_t last, struct pool *pool);
void held_ring_save(const struct held_ring *, uint32_t last, struct buf *);
void held_ring_load(struct held_ring *, uint32_t last, struct snapshot_bytes *, struct pool *pool);
void held_ring_dump(const struct held_ring *, uint32_t last, struct buf *);

struct extreme { uint64_t at; struct value value; };

struct extremes {
	uint64_t n;		/* values taken in */
	struct extreme *queue;	/* `used` from `head` on, a ring of `room` */
	uint32_t head, used, room;
};

/* The greatest (sign 1) or least (sign -1) of the last N, with one more value where it is not NULL; missing: none. */
struct value extremes_read(const struct extremes *, uint32_t last, int sign, const struct value *x);
void extremes_add(struct extremes *, uint32_t last, int sign, struct value, struct pool *pool);
void extremes_release(struct extremes *, struct pool *pool);
void extremes_save(const struct extremes *, struct buf *);
void extremes_load(struct extremes *, uint32_t last, struct snapshot_bytes *, struct pool *pool);
void extremes_dump(const struct extremes *, struct buf *);

#endif
