/* SPDX-License-Identifier: MIT */
/*
 * bundle.h - sliding windows of one key that share a timeline: an entry holds an event once, whatever looks at it.
 *
 * Members are states that stretch_keeper would keep one by one.  Windows of the same width are folded together, in one way (see
 * timeline.h); the timeline holds what the widest needs.  What a member gives is what its own timeline would give: only folds
 * are bundled of which any order of adding is as good (fold.h), so that no member depends on what else is in the bundle.
 *
 * A row shares as long as each of its events counts for all members, with numbers.  One with a null or a text for some of
 * them takes the row apart: from then on each member has a stretch of its own, with its own idea of what is newest.  When as many events
 * as the widest window holds have counted for all, the stretches are joined again.  Both follow from the events alone.
 *
 * Each member is saved by itself, as its stretch would be, so that it outlives the others when a spec changes.
 *
 * Knows no keys and no specs.  A row's state is bundle_size bytes, empty when they are zero.
 */
#ifndef FEATURE_BUNDLE_H
#define FEATURE_BUNDLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "feature/aggregate.h"
#include "feature/fold.h"
#include "feature/timeline.h"

#define BUNDLE_MAX 32		/* members; a state beside it stands in the next bundle */

struct bundle_member {
	/* By who makes the bundle. */
	const struct aggregate *aggregate;
	const struct expr_call *call;
	const char *name;		/* among the members; they are ordered by width, then by this */
	int source;			/* the slot of the record that its values are; -1: they come from elsewhere */
	bool takes;			/* it has an argument, whose nulls it does not see */
	unsigned state;			/* the maker's own */
	/* By bundle_new. */
	struct fold_shape shape, placed;	/* of values by themselves, and as they lie in entries and partials */
	uint32_t at, size;		/* of its partial, in that of its way */
	uint32_t entry;			/* where in an entry its value is */
	bool has_value, is_whole;	/* it has one; as a struct value, not as a double */
	const struct bundle_way *way;
};

/* The members of one width. */
struct bundle_way {
	const struct bundle *bundle;
	const struct bundle_member *members;
	size_t n;
	struct timeline_kind kind;
};

struct bundle {
	struct bundle_member *members;	/* the first is of the widest window */
	struct bundle_way *ways;
	size_t n, n_ways;
	struct timeline_kind kind;
	bool is_plain;			/* all values are slots of the record */
	unsigned number, keys;		/* the maker's own */
	size_t offset;
};

/* The present event: what windows hold is folded when the first member of each way is read. */
struct bundle_event {
	bool is_met, is_common;		/* it has been looked at; it counts for all members, with numbers, in a row that shares */
	bool is_given;			/* the maker's own */
	uint64_t before, with;		/* ways folded without the event and with it: a bit each */
	const void *row;		/* where it is common */
	uint64_t room[];		/* an entry, and partials of both */
};

/* Where a way's partial is in it. */
static inline char *bundle_slice(const struct bundle_way *w, bool is_with, struct bundle_event *e)
{
	return (char *)e->room + w->kind.entry + (is_with ? w->kind.partial : 0) + w->kind.at;
}

/* Whether a state can be a member. */
bool bundle_takes(const struct aggregate *, const struct expr_call *);

/* Borrows the members, at most BUNDLE_MAX, and puts them in order. */
struct bundle *bundle_new(struct arena *, struct bundle_member *, size_t n);

size_t bundle_size(const struct bundle *);		/* in a key's row */
size_t bundle_event_size(const struct bundle *);
size_t bundle_grown(const struct bundle *, size_t n);	/* bytes in the pool with so many events */

/* As the keeper's, of a member; the rest is in bundle-row.h. */
int bundle_take(const struct bundle *, const struct bundle_member *, const void *row, struct value *x, struct arena *, struct error *why);
struct value bundle_read(const struct bundle *, const struct bundle_member *, const struct aggregate *, const void *row,
    const struct moment *, struct bundle_event *);

/* An event with the value for each member; NULL: it does not count for that.  At least one it counts for. */
void bundle_add(const struct bundle *, void *row, const struct value *const *values, const struct moment *, struct pool *);

/*
 * The short way, nearly always: all values are numbers of the record.  bundle_meet says whether it can be gone (is_common); then
 * each member is read (is_with: the event counts), and all are added at once.
 */
void bundle_meet(const struct bundle *, const void *row, const struct value *slots, struct bundle_event *);
void bundle_fold(const struct bundle_way *, const struct moment *, bool is_with, struct bundle_event *);
static inline struct value bundle_value(const struct bundle_member *m, const struct aggregate *a, const struct moment *now, bool is_with,
    struct bundle_event *e)
{
	const struct bundle_way *w = m->way;

	if (!((is_with ? e->with : e->before) >> w->kind.way & 1))
		bundle_fold(w, now, is_with, e);
	return m->shape.fold->value(&m->shape, bundle_slice(w, is_with, e) + m->at, a->variant, now->arena);
}

void bundle_add_met(const struct bundle *, void *row, const struct moment *, const struct bundle_event *, struct pool *);

void bundle_fetch(const struct bundle *, const void *row, int64_t time, int step);

#endif
