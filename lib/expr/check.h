/* SPDX-License-Identifier: MIT */
/*
 * check.h - a parsed tree made ready: paths resolved, calls announced, types compared, constants folded.
 *
 * Knows no records.  What is known to fail whatever the data is refused here.
 */
#ifndef EXPR_CHECK_H
#define EXPR_CHECK_H

#include "expr/caret.h"
#include "expr/tree.h"

/* 0, or -1 with the whole message.  `names` may be NULL. */
int check_tree(struct expr *, struct arena *, const struct origin *, const struct expr_names *, struct error *why);

#endif
