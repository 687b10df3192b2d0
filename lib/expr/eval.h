/* SPDX-License-Identifier: MIT */
/*
 * eval.h - a tree and a scope to a value.  Knows no text but in messages, which are made only when something fails.
 *
 * Numbers in arithmetic go from node to node as doubles; only what leaves it becomes a value.
 */
#ifndef EXPR_EVAL_H
#define EXPR_EVAL_H

#include "expr/tree.h"

struct eval {
	const struct expr_scope *scope;
	struct error *why;
	const struct expr *blamed;	/* after EVAL_OTHER: what is no number */
	struct value seen;		/* and its value */
};

/* The type of what eval_value returns after a failure: `why` is set, nothing else of it means anything. */
#define EVAL_FAILED ((enum value_type)0xff)

struct value eval_value(struct eval *, const struct expr *);

/* EVAL_NUMBER and *x; EVAL_OTHER: the caller calls eval_wrong_number with itself. */
enum { EVAL_NUMBER, EVAL_NULL, EVAL_ERROR, EVAL_OTHER };
int eval_number(struct eval *, const struct expr *, double *x);
int eval_wrong_number(struct eval *, const struct expr *parent);	/* EVAL_ERROR */

/* The number of a parent's kid: EVAL_NUMBER, EVAL_NULL or EVAL_ERROR. */
static inline int eval_operand(struct eval *c, const struct expr *parent, const struct expr *kid, double *x)
{
	int s = eval_number(c, kid, x);

	return s == EVAL_OTHER ? eval_wrong_number(c, parent) : s;
}

/* "KID is a string ("abc"), PARENT needs NEED". */
struct value eval_wrong(struct eval *, const struct expr *parent, const struct expr *kid, struct value, const char *need);
struct value eval_failure(struct eval *, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static inline bool eval_failed(struct value v)
{
	return v.type == EVAL_FAILED;
}

/* Two operands of `parent` that are no nulls, as the operator < sees them; false: failed. */
bool eval_order(struct eval *, const struct expr *parent, struct value, struct value, int *order);

/* The constants of `x in [...]`. */
struct in_set {
	const struct value *values;	/* in the order of eval_set_order */
	size_t n;
	bool has_null;			/* null stands among them */
	bool has_unknown;		/* so does something whose value is null, as 1 / 0 */
};

int eval_set_order(struct value, struct value);

/* 0 and a value, or -1. */
int eval_tree(const struct expr *, const struct expr_scope *, struct value *, struct error *why);

#endif
