/* SPDX-License-Identifier: MIT */
/* What is prefetched of timelines. */
#include "feature/timeline-node.h"

/* Bytes that are prefetched: the processor foresees the rest by itself. */
#define FETCHED_BRANCH 192
#define FETCHED_FINGER 136
#define FETCHED_FINGERS 512		/* of several ways */
#define FETCHED_LEAF 320

void timeline_fetch(const struct timeline *t, size_t entry)
{
	if (t->n <= 1)
		return;
	if (!t->height)
		pool_fetch(t->root, sizeof *t->root + t->n * (sizeof(int64_t) + entry));
	else if (t->fingers)
		pool_fetch(t->fingers, FETCHED_FINGER);
	else
		pool_fetch(t->root, FETCHED_BRANCH);
}

/* Where a leaf ends that has been folded up to place `seen`: as a rule two entries have come since, and one will. */
static void fetch_end(const struct timeline_node *leaf, size_t entry, size_t seen)
{
	const char *entries = (const char *)(leaf->times + FAN);

	__builtin_prefetch(leaf, 1);
	__builtin_prefetch(leaf->times + seen, 1);
	pool_fetch(entries + seen * entry, 3 * entry);
}

/* The leaf in which a stretch begins, where the finger does not know what it comes to. */
static void fetch_oldest(const struct timeline *t, const struct timeline_finger *f, size_t entry, int64_t after)
{
	if (f->oldest != t->fingers->newest && !(f->is_known && after >= f->from && after < f->until))
		pool_fetch(f->oldest, sizeof *f->oldest + FAN * (sizeof(int64_t) + entry));
}

void timeline_fetch_leaves(const struct timeline *t, size_t entry, int64_t after)
{
	if (!t->height)
		return;
	if (!t->fingers) {
		pool_fetch(*child_at(t->root, 0), FETCHED_LEAF);
		pool_fetch(last_leaf(t), FETCHED_LEAF);
		return;
	}
	const struct timeline_finger *f = t->fingers->each;
	fetch_end(t->fingers->newest, entry, f->n_tail);
	fetch_oldest(t, f, entry, after);
}

void timeline_fetch_ways(const struct timeline *t, const struct timeline_kind *k)
{
	if (t->n > 1 && t->fingers)
		pool_fetch(t->fingers, fingers_bytes(k) < FETCHED_FINGERS ? fingers_bytes(k) : FETCHED_FINGERS);
	else
		timeline_fetch(t, k->entry);
}

void timeline_fetch_way(const struct timeline *t, const struct timeline_kind *k, int64_t after)
{
	if (!t->height || !t->fingers)
		return;
	const struct timeline_finger *f = finger_of(t, k);
	if (!k->way)
		fetch_end(t->fingers->newest, k->entry, f->n_tail);
	fetch_oldest(t, f, k->entry, after);
}
