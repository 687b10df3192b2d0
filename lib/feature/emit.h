/* SPDX-License-Identifier: MIT */
/*
 * emit.h - the line that `emit features` makes of a record: members of key and time, nested as they were, and the features.
 *
 * Knows paths and values; no keys and no state.
 */
#ifndef FEATURE_EMIT_H
#define FEATURE_EMIT_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/value.h"
#include "feature/spec.h"

/* A member or an item: an object or an array of others, or at a leaf the value of a slot. */
struct emit_part {
	struct step step;
	const struct name *name;	/* NULL: an item */
	int slot;			/* -1: parts below */
	struct emit_part *below, *next;
};

/* The whole, from a spec's key and time; in the arena. -1: paths that cannot stand in one object. */
int emit_plan(struct emit_part *, const struct spec *, struct arena *, struct error *why);

/* An object of what is there of these values, and `object` under its name. */
void emit_write(const struct emit_part *, const struct value *slots, const struct name *, struct value object, struct buf *);

#endif
