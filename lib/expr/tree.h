/* SPDX-License-Identifier: MIT */
/*
 * tree.h - what an expression is, between the files of expr/: parse makes it, check completes it, eval reads it.
 *
 * A node says twice what it is: `form` as it was written, for expr_show, and `op` as it is computed, which differs where
 * a subtree was folded into a constant or has a faster way.  Nodes live in the arena that they were compiled into.
 */
#ifndef EXPR_TREE_H
#define EXPR_TREE_H

#include "expr/expr.h"

enum op {
	OP_CONSTANT,
	OP_DURATION,	/* form: a constant in ns, written 10m */
	OP_WORD,	/* form: a unit of time, not evaluated */
	OP_LIST,	/* [1, 5, 10] as an argument, not evaluated */
	OP_PATH,	/* form; computed as one of the next three */
	OP_SLOT,
	OP_LOCAL,
	OP_DEEP,	/* a slot or local and further steps into its value */
	OP_CALL,
	OP_LOOK,	/* (...)[0] */
	OP_NEGATE,
	OP_ADD,
	OP_SUBTRACT,
	OP_MULTIPLY,
	OP_DIVIDE,
	OP_REMAINDER,
	OP_LESS,
	OP_LESS_EQUAL,
	OP_GREATER,
	OP_GREATER_EQUAL,
	OP_EQUAL,
	OP_NOT_EQUAL,
	OP_IS_NULL,	/* == null */
	OP_NOT_NULL,	/* != null */
	OP_IN,		/* kids[0] in [the others] */
	OP_IN_SET,	/* all of them constants */
	OP_NOT,
	OP_AND,		/* two kids or more */
	OP_OR,
	OP_FUNCTION,	/* form; computed as this (its row's `run`) or one of the next three */
	OP_MATH,
	OP_IF,
	OP_COALESCE,
};

/* The types that a value may have, as far as the text tells. */
enum {
	TYPE_NULL = 1,
	TYPE_BOOL = 2,
	TYPE_NUMBER = 4,
	TYPE_STRING = 8,
	TYPE_ARRAY = 16,
	TYPE_OBJECT = 32,
	TYPE_ANY = 63,
};

struct expr {
	unsigned char op, form;
	unsigned char types;
	bool uses_calls;
	bool in_local;			/* OP_DEEP */
	unsigned short height;		/* of the tree below; 1: a leaf */
	int index;			/* of the slot, local or call; OP_IS_NULL, OP_NOT_NULL: the kid to look at */
	unsigned n;			/* kids */
	struct expr **kids;
	double number;			/* OP_CONSTANT of a number */
	struct value value;		/* OP_CONSTANT, OP_WORD */
	const struct builtin *function;
	const void *data;		/* of the function, made from its constant arguments; OP_IN_SET: struct in_set */
	struct fieldpath path;		/* OP_PATH; OP_LOOK: the steps */
	size_t resolved;		/* OP_DEEP: steps that the index stands for */
	struct expr_call *call;
	size_t at;			/* the byte of the text that a caret points at */
};

#endif
