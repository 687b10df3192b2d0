/* SPDX-License-Identifier: MIT */
/*
 * timeline-node.h - the nodes of timelines: for timeline.c, which makes them, and timeline-fold.c, which reads them.
 */
#ifndef FEATURE_TIMELINE_NODE_H
#define FEATURE_TIMELINE_NODE_H

#include <string.h>

#include "feature/timeline.h"

#define FAN 16

/* Behind it in one piece: a leaf's times and entries, `room` of each; a branch's children and their partials, FAN of each. */
struct timeline_node {
	uint16_t n, room;
	/* of a branch: the oldest time below each child */
	int64_t times[];
};

static inline size_t leaf_bytes(const struct timeline_kind *k, size_t room)
{
	return sizeof(struct timeline_node) + room * (sizeof(int64_t) + k->entry);
}

static inline size_t branch_bytes(const struct timeline_kind *k)
{
	return sizeof(struct timeline_node) + FAN * (sizeof(int64_t) + sizeof(void *) + k->partial);
}

static inline char *entry_at(const struct timeline_kind *k, struct timeline_node *leaf, size_t i)
{
	return (char *)(leaf->times + leaf->room) + i * k->entry;
}

/* Most are a number or a value: without a call. */
static inline void copy_entry(const struct timeline_kind *k, void *to, const void *from)
{
	if (k->entry == 8)
		memcpy(to, from, 8);
	else if (k->entry == 16)
		memcpy(to, from, 16);
	else if (k->entry)
		memcpy(to, from, k->entry);
}

static inline struct timeline_node **child_at(struct timeline_node *branch, size_t i)
{
	return (struct timeline_node **)(void *)(branch->times + FAN) + i;
}

static inline char *partial_at(const struct timeline_kind *k, struct timeline_node *branch, size_t i)
{
	return (char *)child_at(branch, FAN) + i * k->partial;
}

static inline bool fits_inline(const struct timeline_kind *k)
{
	return k->entry <= TIMELINE_INLINE || k->has_room;
}

/* Whether the one entry lies in the timeline itself; with more, or a larger one, there is a root. */
static inline bool is_only(const struct timeline *t, const struct timeline_kind *k)
{
	return t->n == 1 && fits_inline(k);
}

static inline bool has_root(const struct timeline *t, const struct timeline_kind *k)
{
	return t->n && !is_only(t, k);
}

/* Going down to it. */
static inline struct timeline_node *last_leaf(const struct timeline *t)
{
	struct timeline_node *node = t->root;

	for (unsigned height = t->height; height; height--)
		node = *child_at(node, node->n - 1u);
	return node;
}

/* How many of a node's times are at most `time`: without branches that nobody can foresee. */
static inline size_t rank(const struct timeline_node *node, int64_t time)
{
	const int64_t *from = node->times;
	size_t n = node->n;

	if (!n || from[n - 1] <= time)
		return n;
	for (; n > 1; n -= n / 2)
		from += from[n / 2 - 1] <= time ? n / 2 : 0;
	return (size_t)(from - node->times) + (*from <= time);
}

/*
 * What the last stretch up to the newest entry came to, so that the next one, which as a rule begins behind the same entry
 * or at least in the same leaf, need not be folded anew.  It follows from the timeline: it is never saved.
 */
struct timeline_finger {
	bool is_known, is_any;		/* of the middle; any: something lies there */
	uint16_t n_tail;		/* entries of the newest leaf that the tail comes to */
	int64_t from, until;		/* the body holds for stretches that begin after a time in [from, until) */
	int64_t end;			/* the middle for those that begin in the oldest leaf, that is before this */
	struct timeline_node *oldest;	/* NULL: they begin before all */
};

/* Of each way of folding one; behind them of each: the body, all before the newest leaf; the tail, that leaf; the middle, the body
 * without the oldest leaf. */
struct timeline_fingers {
	struct timeline_node *newest;	/* the last leaf; always known */
	int64_t second;			/* the time at which the second leaf begins, once that has been looked for; INT64_MIN: unknown */
	struct timeline_finger each[];
};

static inline uint32_t n_ways(const struct timeline_kind *k)
{
	return k->ways ? k->ways : 1;
}

/* Bytes of a partial that this way folds. */
static inline size_t slice_bytes(const struct timeline_kind *k)
{
	return k->ways ? k->slice : k->partial;
}

static inline size_t fingers_bytes(const struct timeline_kind *k)
{
	return sizeof(struct timeline_fingers) + n_ways(k) * sizeof(struct timeline_finger) + 3 * (size_t)k->partial;
}

static inline struct timeline_finger *finger_of(const struct timeline *t, const struct timeline_kind *k)
{
	return &t->fingers->each[k->way];
}

static inline char *finger_body(const struct timeline *t, const struct timeline_kind *k)
{
	return (char *)&t->fingers->each[n_ways(k)] + 3 * (size_t)k->at;
}

static inline char *finger_tail(const struct timeline *t, const struct timeline_kind *k)
{
	return finger_body(t, k) + slice_bytes(k);
}

static inline char *finger_middle(const struct timeline *t, const struct timeline_kind *k)
{
	return finger_body(t, k) + 2 * slice_bytes(k);
}

static inline struct timeline_node *newest_leaf(const struct timeline *t)
{
	return t->fingers ? t->fingers->newest : last_leaf(t);
}

#endif
