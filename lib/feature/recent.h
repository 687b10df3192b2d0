/* SPDX-License-Identifier: MIT */
/*
 * recent.h - the newest `most` of some values in order of time, of equal times in order of arrival: a sorted ring.
 *
 * What comes in order costs O(1), what comes out of order as many steps as there are newer ones.  All zero is empty; `most`
 * (from 1 on) is the same in every call on it.  Reading changes nothing.
 */
#ifndef FEATURE_RECENT_H
#define FEATURE_RECENT_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/snapshot.h"
#include "base/value.h"
#include "feature/pool.h"

struct recent_value { int64_t time; struct value value; };

struct recent {
	struct recent_value *ring;	/* `used` from `head` on, of `room`, the oldest first */
	uint32_t head, used, room;
};

/* One of them: 0 is the newest, ago < used. */
const struct recent_value *recent_at(const struct recent *, uint32_t ago);

/* A copy of a value that held.h can hold; one that is older than `most` others is dropped. */
void recent_add(struct recent *, uint32_t most, int64_t time, struct value, struct pool *pool);
/* Takes all of `later`, none of which is older than any here; it is empty then. */
void recent_join(struct recent *, uint32_t most, struct recent *later, struct pool *pool);
void recent_release(struct recent *, struct pool *pool);

void recent_save(const struct recent *, struct buf *);
/* Into an empty one; what is too long, out of order or no scalar is torn. */
void recent_load(struct recent *, uint32_t most, struct snapshot_bytes *, struct pool *pool);

size_t recent_bound(uint32_t most);	/* bytes in the pool, texts apart */

#endif
