/* SPDX-License-Identifier: MIT */
/*
 * ring.h - the last N values themselves: value i, counted from 0, lies in place i mod N of a ring that grows until it holds N.
 *
 * All zero is empty.  Reading changes nothing.
 */
#ifndef FEATURE_RING_H
#define FEATURE_RING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/snapshot.h"
#include "base/value.h"
#include "feature/pool.h"

struct ring {
	uint64_t n;		/* values taken in */
	struct value *values;
	uint32_t room;
};

/* The oldest of the last N, with one more to come or not; missing: none. */
struct value ring_oldest(const struct ring *, uint32_t last, bool one_more);
/* One of the last N: ago 0 is the newest; missing: there is none. */
struct value ring_newest(const struct ring *, uint32_t last, uint32_t ago);
void ring_add(struct ring *, uint32_t last, struct value, struct pool *pool);
void ring_release(struct ring *, uint32_t last, struct pool *pool);
void ring_save(const struct ring *, uint32_t last, struct buf *);
void ring_load(struct ring *, uint32_t last, struct snapshot_bytes *, struct pool *pool);
void ring_dump(const struct ring *, uint32_t last, struct buf *);

#endif
