/* SPDX-License-Identifier: MIT */
/*
 * timeline.h - what a window in event time is made of: entries in order of time, and what any stretch of them comes to.
 *
 * A B+ tree whose inner nodes keep a partial aggregate per closed child; children on the way to the newest entry have
 * none, so that adding at the end touches one leaf.  After Tangwongsan, Hirzel and Schneider, "Optimal and general
 * out-of-order sliding-window aggregation", VLDB 2019; their fingers are here what the last stretch up to the newest
 * entry came to between its two leaves.  Adding at the end, dropping at the front and folding up to the newest entry cost
 * O(1) amortised, adding in the middle and folding any other stretch O(log n).
 * Nothing is ever subtracted: a stretch is added up from its entries and partials, in order of time, so what a value
 * that has gone had swallowed comes back.
 *
 * Windows of several widths may share one timeline (Krishnamurthy, Wu and Franklin, "On-the-fly sharing for streamed
 * aggregation", SIGMOD 2006): it is folded in several ways, each of which looks at a slice of the partials and has a finger
 * of its own.
 *
 * A partial follows from the entries below it and the shape of the tree alone, and a saved timeline keeps its shape:
 * loaded, it goes on to the same bits.
 *
 * All zero is empty.  Reading changes nothing that can be seen.  Entries of one time stand in the order in which they came.
 * Knows times (int64, any unit) and sizes, not what entries mean.
 */
#ifndef FEATURE_TIMELINE_H
#define FEATURE_TIMELINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/snapshot.h"
#include "feature/pool.h"

/* What entries are. */
struct timeline_entries {
	/* Adds n entries, or n partials of later ones, in a row, to a partial, which is all zero where it is of nothing. */
	void (*add)(const void *self, void *partial, const int64_t *times, const void *entries, size_t n);
	void (*combine)(const void *self, void *partial, const void *later, size_t n);
	void (*drop)(const void *self, void *entry, struct pool *);	/* what the entry owns; NULL: nothing */
	void (*save)(const void *self, const void *entry, struct buf *);
	void (*load)(const void *self, void *entry, struct snapshot_bytes *, struct pool *);	/* entry is all zero */
};

/* Of one timeline; the same in every call on it. */
struct timeline_kind {
	const struct timeline_entries *of;
	const void *self;		/* handed to its functions */
	uint32_t entry, partial;	/* bytes of each, multiples of 8; 0: there are none */
	bool has_room;			/* its owner has room for an entry of any size where the one entry lies */
	/*
	 * Folded in several ways, each by a kind of its own, which differs in `self` and in what follows: this is way number `way`
	 * and looks at `slice` bytes `at` these of a partial.  Its functions get just that.  Entries are not changed but before
	 * timeline_refresh.  ways 0: in one way, whole.
	 */
	uint32_t ways, way, at, slice;
};

struct timeline_node;
struct timeline_fingers;

#define TIMELINE_INLINE 16

struct timeline {
	uint32_t n;			/* entries */
	uint32_t height : 8;		/* 0: the root is a leaf */
	uint32_t mark : 24;		/* its owner's, to say what its entries are */
	int64_t newest;			/* the newest time, where n > 0 */
	union {
		struct { struct timeline_node *root; struct timeline_fingers *fingers; };	/* NULL: of a leaf, or without partials */
		uint64_t only[TIMELINE_INLINE / 8];	/* the one entry, where it is no larger: most keys have no more in their windows */
	};
};

/* A copy of an entry, behind those of the same time. */
void timeline_add(struct timeline *, const struct timeline_kind *, int64_t time, const void *entry, struct pool *);
/* The newest entry of just this time, to be changed; NULL: there is none.  Then timeline_touch: the partials that stand on it. */
void *timeline_find(const struct timeline *, const struct timeline_kind *, int64_t time);
void timeline_touch(struct timeline *, const struct timeline_kind *, int64_t time);

/* What the stretch (after, until] comes to, into a partial of nothing (a slice of one). */
void timeline_fold(const struct timeline *, const struct timeline_kind *, int64_t after, int64_t until, void *partial);

/* Entries of the stretch, one by one, from the oldest or the newest, until `see` returns false. */
typedef bool timeline_see(void *self, int64_t time, void *entry);
void timeline_walk(const struct timeline *, const struct timeline_kind *, int64_t after, int64_t until, bool newest_first,
    timeline_see *see, void *self);

/* The same in runs of neighbours, each from its oldest to its newest. */
typedef bool timeline_see_run(void *self, const int64_t *times, void *entries, size_t n);
void timeline_runs(const struct timeline *, const struct timeline_kind *, int64_t after, int64_t until, bool newest_first,
    timeline_see_run *see, void *self);

/* Entries up to `until` may go: they do so a leaf at a time, and are not to be asked for again. */
void timeline_drop(struct timeline *, const struct timeline_kind *, int64_t until, struct pool *);
/* Adds an entry that is later than `gone`, then drops up to that. */
void timeline_slide(struct timeline *, const struct timeline_kind *, int64_t time, const void *entry, int64_t gone, struct pool *);
void timeline_release(struct timeline *, const struct timeline_kind *, struct pool *);

void timeline_save(const struct timeline *, const struct timeline_kind *, struct buf *);
/* Into an empty one; what does not fit is torn, and stays empty. */
void timeline_load(struct timeline *, const struct timeline_kind *, struct snapshot_bytes *, struct pool *);

/* Entries have been changed: all partials anew. */
void timeline_refresh(struct timeline *, const struct timeline_kind *);

/* The newest entry; only where n > 0. */
const void *timeline_last(const struct timeline *, const struct timeline_kind *);

/* Prefetches what adding looks at, and folding what is after a time: first the root, and when that is there the leaves at both ends. */
void timeline_fetch(const struct timeline *, size_t entry);	/* bytes of each */
void timeline_fetch_leaves(const struct timeline *, size_t entry, int64_t after);

/* The same, of a timeline that is folded in several ways: the fingers, then what folding after a time by this one looks at. */
void timeline_fetch_ways(const struct timeline *, const struct timeline_kind *);
void timeline_fetch_way(const struct timeline *, const struct timeline_kind *, int64_t after);

/* Bytes in the pool of so many entries, come in order. */
size_t timeline_bound(const struct timeline_kind *, size_t n);

#endif
