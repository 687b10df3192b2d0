/* SPDX-License-Identifier: MIT */
/*
 * names.h - values that a state holds many times, kept once: a number for each, as long as somebody holds it.
 *
 * A value is known by the 64-bit hash of its canonical text.  Numbers are small, and used again.  All zero is empty.
 */
#ifndef FEATURE_NAMES_H
#define FEATURE_NAMES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/snapshot.h"
#include "base/value.h"
#include "feature/pool.h"

#define NAMES_NONE UINT32_MAX

/* One of them; its value's text lies in the pool. */
struct name_kept {
	struct value value;
	uint64_t hash;
	uint32_t held;		/* by how many; 0: the number is free */
	uint32_t spare;		/* the next free number + 1 */
};

struct names {
	struct name_kept *kept;	/* by number */
	uint32_t *table;	/* by hash, 2 * room: numbers + 1; 0: free */
	uint32_t n, room;	/* numbers that were given, and room for: a power of two, or 0 */
	uint32_t spare;		/* the first free one of them, + 1; 0: none */
};

uint64_t names_hash(struct value);

/* NAMES_NONE: nobody holds it. */
uint32_t names_find(const struct names *, uint64_t hash);
/* One more holds the value, a scalar; names_drop ends that. */
uint32_t names_hold(struct names *, struct value, uint64_t hash, struct pool *);
bool names_hold_number(struct names *, uint64_t number);	/* false: there is no such number */
void names_drop(struct names *, uint32_t number, struct pool *);

/*
 * Saved in the order of their hashes: which number each has makes no difference.  order[number] becomes its place in the
 * file, which is its number when it has been loaded; then nobody holds it yet.
 */
void names_save(const struct names *, struct buf *, uint32_t *order);
void names_load(struct names *, struct snapshot_bytes *, struct pool *);
bool names_are_held(const struct names *);				/* all of them */
void names_release(struct names *, struct pool *);

size_t names_bytes(size_t n);	/* of so many in the pool, texts apart */

#endif
