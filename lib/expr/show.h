/* SPDX-License-Identifier: MIT */
/* show.h - a tree as canonical text, with as few parentheses as give the same tree back. */
#ifndef EXPR_SHOW_H
#define EXPR_SHOW_H

#include "base/buf.h"
#include "expr/tree.h"

#define SHOW_SHORT 80

void show_tree(const struct expr *, struct buf *, const struct expr *(*local)(void *, int), void *self);
void show_call(const struct expr_call *, struct buf *, const struct expr *(*local)(void *, int), void *self);
void show_path(const struct fieldpath *, struct buf *);

/* For messages: cut to a bearable length.  Returns out. */
const char *show_short(const struct expr *, char out[SHOW_SHORT]);
const char *show_operator(const struct expr *, char out[SHOW_SHORT]);	/* "+", "round()" */

/* A scalar in parentheses behind a space, " (\"abc\")"; nothing for arrays and objects. */
const char *show_value(struct value, char out[SHOW_SHORT]);

#endif
