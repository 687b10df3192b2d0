/* SPDX-License-Identifier: MIT */
/*
 * distinct.h - how many different values there are.
 *
 * Values are known by the 64-bit hash of their canonical text.  Up to DISTINCT_EXACT of them are counted exactly (two of 1,024
 * share a hash with a probability of 3e-14).
 *
 * Of values that only come (a pot: everything, a pane, a session) the hashes are kept; beyond the limit they become a HyperLogLog
 * of 2^14 registers (Flajolet, Fusy, Gandouet, Meunier 2007), read by Ertl's estimator (arXiv:1702.01284, algorithm 6), which needs
 * neither linear counting for small numbers nor a table of corrections: the standard error is 0.81 %.  16 KiB either way.  Two of
 * them joined are what one of all their values would be, whatever came first.
 *
 * Of values that come and go (a sum) each hash is kept with its count.
 *
 * All zero is empty.
 */
#ifndef FEATURE_DISTINCT_H
#define FEATURE_DISTINCT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/snapshot.h"
#include "feature/counted.h"
#include "feature/pool.h"

#define DISTINCT_EXACT COUNTED_MAX

/* Of values that only come. */
struct distinct {
	uint32_t n;		/* different hashes, while they are kept */
	uint32_t room;		/* of the table, a power of two; 0 with a sketch: it is one */
	union {
		uint64_t *hashes;
		struct sketch *sketch;
	};
};

/* With one more value where `hash` is not NULL. */
uint64_t distinct_read(const struct distinct *, const uint64_t *hash);
void distinct_add(struct distinct *, uint64_t hash, struct pool *pool);
void distinct_join(struct distinct *, const struct distinct *other, struct pool *pool);
void distinct_release(struct distinct *, struct pool *pool);
void distinct_save(const struct distinct *, struct buf *);
void distinct_load(struct distinct *, struct snapshot_bytes *, struct pool *pool);

/* Of values that come and go. */
struct distinct_count { uint64_t hash; uint32_t count; };	/* count 0: free */

struct distinct_counts {
	struct distinct_count *table;
	uint32_t room;		/* a power of two, or 0 */
	uint32_t different;
};

bool distinct_counts_has(const struct distinct_counts *, uint64_t hash);
void distinct_counts_up(struct distinct_counts *, uint64_t hash, struct pool *pool);
void distinct_counts_down(struct distinct_counts *, uint64_t hash);	/* one that is there */
void distinct_counts_release(struct distinct_counts *, struct pool *pool);

extern const struct counted distinct_counted;

#endif
