/* SPDX-License-Identifier: MIT */
/*
 * distinct.h - how many different values: of everything, or of the last N.
 *
 * Values are known by the 64-bit hash of their canonical text.  Up to DISTINCT_EXACT of them are counted exactly (two of 1,024
 * share a hash with a probability of 3e-14).  Beyond that "of everything" becomes a HyperLogLog of 2^14 registers (Flajolet,
 * Fusy, Gandouet, Meunier 2007), read by Ertl's estimator (arXiv:1702.01284, algorithm 6), which needs neither linear counting for
 * small numbers nor a table of corrections: the standard error is 0.81 %.  16 KiB either way.
 *
 * The last N, N <= DISTINCT_EXACT, are exact: each is counted, and the one that leaves is counted down.
 *
 * All zero is empty.  Reading changes nothing.
 */
#ifndef FEATURE_DISTINCT_H
#define FEATURE_DISTINCT_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/snapshot.h"
#include "feature/pool.h"

#define DISTINCT_EXACT 1024

/* Of everything. */
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
void distinct_release(struct distinct *, struct pool *pool);
void distinct_save(const struct distinct *, struct buf *);
void distinct_load(struct distinct *, struct snapshot_bytes *, struct pool *pool);
void distinct_dump(const struct distinct *, struct buf *);

struct counted { uint64_t hash; uint32_t count; };	/* count 0: free */

/* Of the last N. */
struct distinct_last {
	uint64_t n;		/* values taken in */
	uint64_t *ring;		/* hashes, value i in place i mod N */
	struct counted *table;
	uint32_t room;		/* of the ring; the table has the next power of two above twice that */
	uint32_t different;
};

uint64_t distinct_last_read(const struct distinct_last *, uint32_t last, const uint64_t *hash);
void distinct_last_add(struct distinct_last *, uint32_t last, uint64_t hash, struct pool *pool);
void distinct_last_release(struct distinct_last *, struct pool *pool);
void distinct_last_save(const struct distinct_last *, uint32_t last, struct buf *);
void distinct_last_load(struct distinct_last *, uint32_t last, struct snapshot_bytes *, struct pool *pool);
void distinct_last_dump(const struct distinct_last *, struct buf *);

/* Bytes in the pool at most; last 0: of everything. */
size_t distinct_bound(uint32_t last);

#endif
