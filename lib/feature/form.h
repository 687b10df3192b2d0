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

#include "feature/aggregate.h"
#include "feature/fold.h"

struct form { uint32_t dims; bool is_array; };	/* of numbers: 1, false */

struct form form_of(const struct aggregate *, struct value);
struct value form_like(const struct fold_shape *);	/* a value of it, for messages about others */

/* An aggregate's fold over values of a form. */
struct fold_shape form_shape(const struct aggregate *, const struct expr_call *, struct form);

/* A partial of nothing in the arena; the present value (m->x) added to one, and to one that lasts. */
void *form_nothing(const struct fold_shape *, struct arena *);
void form_add(const struct fold_shape *, void *partial, const struct moment *m);
void form_keep(const struct fold_shape *, void *partial, const struct moment *m, struct pool *);

/* a - b and a + b for times and durations; what lies beyond the range of times is its end. */
int64_t form_minus(int64_t a, int64_t b);
int64_t form_plus(int64_t a, int64_t b);

/* The newest event time with the present event; newest NULL: there was none. */
int64_t form_newest(const int64_t *newest, const struct moment *m);

/* What the past is kept behind: the newest event time, or the watermark where that decides. */
int64_t form_mark(const int64_t *newest, const struct moment *m);

void form_save(struct buf *, struct form);
struct form form_load(struct snapshot_bytes *);

/* Members of a JSON object. */
void form_put_time(struct buf *, const char *name, int64_t time);
void form_put_value(struct buf *, const struct fold_shape *, const void *partial, int variant, struct arena *);

#endif
