/* SPDX-License-Identifier: MIT */
/*
 * compiler.h - a spec while it is compiled: what its lines, directives and definitions share.
 *
 * For the files that compile specs (spec, directive, spec-state, spec-window) alone.  Texts live in the spec's arena.
 */
#ifndef FEATURE_COMPILER_H
#define FEATURE_COMPILER_H

#include <stdbool.h>
#include <stddef.h>

#include "feature/line.h"
#include "feature/reading.h"
#include "feature/spec.h"

struct compiler {
	struct spec *spec;
	struct fields *fields;
	const struct spec_options *options;
	struct line *lines;
	size_t n_lines, room;
	const struct line **seen;	/* of each directive, where it stands first */
	struct expr_call_kind *kinds;
	struct spec_shown *shown;	/* the paths of the present expression */
	size_t n_shown, shown_room;
	unsigned *used;			/* its states */
	size_t n_used;
	struct error *why;
};

/* A message with the line and a caret under byte `at` of it. */
#define REFUSE(c, l, at, ...) LINE_REFUSE(l, at, (c)->why, __VA_ARGS__)

/* Room for one more in an array of n: it doubles at powers of two, what that leaves in the arena is small. */
#define GROW(c, array, n) compiler_grow(c, (void **)&(array), (n), sizeof *(array))
void compiler_grow(struct compiler *, void **array, size_t n, size_t size);

/* "purchases.features:3", or "-d 'x = 1'". */
const char *compiler_where(struct compiler *, const struct line *);

/* A path as text; whether it has a [*]. */
const char *compiler_path(struct compiler *, const struct fieldpath *);
bool compiler_is_many(const struct fieldpath *);

/* A path of the record that stands there in the line.  0 or -1. */
int compiler_part(struct compiler *, const struct line *, size_t from, size_t to, struct spec_part *);

/* Behind `head` the texts of n parts, ", " between them. */
const char *compiler_list(struct compiler *, const struct spec_part *, size_t n, const char *head);

/* As expr_names.resolve: a member of the record, never a feature.  And a condition on such alone; NULL: refused. */
int compiler_member(void *self, const struct fieldpath *, struct expr_ref *, struct error *why);
const struct expr *compiler_condition(struct compiler *, const struct line *, struct reading_part);

/* The local that a feature's name is, or that a path begins with; -1.  And as the `local` of expr_show: its expression. */
int compiler_named(const struct spec *, const char *name, size_t len);
int compiler_local(const struct compiler *, const struct fieldpath *);
const struct expr *compiler_feature(void *self, int index);	/* self: the spec */

/* The slot that an expression is, or -1; its text, with earlier features inlined or not. */
int compiler_slot(struct compiler *, const struct expr *);
const char *compiler_show(struct compiler *, const struct expr *, bool inlined);

#endif
