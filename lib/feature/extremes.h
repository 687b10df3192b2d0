/* SPDX-License-Identifier: MIT */
/*
 * extremes.h - the greatest or least of the last N, from those of them that can still become it: a monotone queue, O(1) per
 * value, amortised.
 *
 * All zero is empty.  Reading changes nothing.
 */
#ifndef FEATURE_EXTREMES_H
#define FEATURE_EXTREMES_H

#include <stdint.h>

#include "base/buf.h"
#include "base/snapshot.h"
#include "base/value.h"
#include "feature/pool.h"

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
