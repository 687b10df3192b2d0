/* SPDX-License-Identifier: MIT */
/* parse.h - tokens to a tree: syntax, names of functions, how many arguments.  Knows neither paths nor types nor data. */
#ifndef EXPR_PARSE_H
#define EXPR_PARSE_H

#include "expr/caret.h"
#include "expr/tree.h"

/* NULL with the whole message.  `calls` may be NULL. */
struct expr *parse_expression(struct arena *, const struct origin *, const struct expr_call_kind *calls, struct error *why);
struct expr *parse_path(struct arena *, const struct origin *, struct error *why);

#endif
