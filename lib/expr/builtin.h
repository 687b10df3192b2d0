/* SPDX-License-Identifier: MIT */
/*
 * builtin.h - the functions, one row each.  Knows no syntax.
 *
 * A row says what the checker must know (how many arguments of what kind, what comes out) and what the evaluator does.
 */
#ifndef EXPR_BUILTIN_H
#define EXPR_BUILTIN_H

#include "expr/eval.h"
#include "expr/tree.h"

struct builtin {
	struct expr_function_row row;
	int min_args, max_args;		/* max_args -1: any number */
	/*
	 * A letter for each parameter, the last one for all that follow: n number, s string, a array, c condition,
	 * o number or string, v any value; and of the text: l list of constants, k constant, u unit of time, z offset
	 * from UTC.
	 */
	const char *params;
	unsigned char result;		/* TYPE_ bits; 0: those of the arguments but a condition */
	unsigned char op;
	double (*math)(double);		/* OP_MATH */
	struct value (*run)(struct eval *, const struct expr *);	/* OP_FUNCTION */
	/*
	 * Makes `data` of the constant arguments, once.  -1: a sentence and, in *blamed, the argument it is about.
	 * `unit`: of times that name none.
	 */
	int (*prepare)(struct expr *, struct arena *, enum time_unit unit, const struct expr **blamed, struct error *why);
};

const struct builtin *builtin_find(const char *name, size_t len);	/* NULL: none */
const struct builtin *builtin_rows(void);				/* ends with a NULL name */
char builtin_param(const struct builtin *, size_t i);

#endif
