/* SPDX-License-Identifier: MIT */
/*
 * form.h - how the values of one state look, and what keepers of folds have in common.
 *
 * The first value of a state says whether its values are numbers or arrays of so many; what comes later has to be alike.
 * Knows folds, calls and moments; no windows.
 */
#ifndef FEATURE_FORM_H
#define FEATURE_FORM_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/eventtime.h"
#include "feature/aggregate.h"
#include "feature/fold.h"

struct form { uint32_t dims; bool is_array; };	/* of numbers: 1, false */

static inline struct form form_of(const struct aggregate *a, struct value x)
{
	return x.type == VALUE_ARRAY && a->fold->takes_arrays ? (struct form){ x.len, true } : (struct form){ 1, false };
}

struct value form_like(const struct fold_shape *);	/* a value of it, for messages about others */

/* The last argument as a duration, ns. */
int64_t form_half_life(const struct expr_call *);

/* An aggregate's fold over values of a form. */
static inline struct fold_shape form_shape(const struct aggregate *a, const struct expr_call *c, struct form f)
{
	struct fold_shape s = { .fold = a->fold, .dims = f.dims || f.is_array ? f.dims : 1, .is_array = f.is_array };

	if (a->fold->keeps_time) {
		s.half_life = c->kind->flags & EXPR_CALL_DURATION ? form_half_life(c) : 0;
		s.width = c->window == WINDOW_SESSION ? 0 : c->width;
	}
	return s;
}

/* A partial of nothing in the arena; the present value (m->x) added to one, and to one that lasts. */
static inline void *form_nothing(const struct fold_shape *s, struct arena *arena)
{
	return memset(arena_get(arena, fold_partial_size(s)), 0, fold_partial_size(s));
}

/* The present value as an entry, in `room` unless it is an array. */
static inline void *form_lift(const struct fold_shape *s, const struct moment *m, struct value *room)
{
	void *entry = s->is_array ? arena_get(m->arena, fold_entry_size(s)) : room;

	fold_lift(s, entry, *m->x);
	return entry;
}

static inline void form_add(const struct fold_shape *s, void *partial, const struct moment *m)
{
	struct value room;

	s->fold->add(s, partial, &m->time, form_lift(s, m, &room), 1);
}

void form_keep(const struct fold_shape *, void *partial, const struct moment *m, struct pool *);

/* The newest event time with the present event; newest NULL: there was none. */
static inline int64_t form_newest(const int64_t *newest, const struct moment *m)
{
	return newest && *newest > m->time ? *newest : m->time;
}

/* What the past is kept behind: the newest event time, or the watermark where that decides. */
static inline int64_t form_mark(const int64_t *newest, const struct moment *m)
{
	const int64_t at = form_newest(newest, m);

	return at > m->watermark ? at : m->watermark;
}

void form_save(struct buf *, struct form);
struct form form_load(struct snapshot_bytes *);

/* Members of a JSON object. */
void form_put_time(struct buf *, const char *name, int64_t time);
void form_put_value(struct buf *, const struct fold_shape *, const void *partial, int variant, struct arena *);

#endif
