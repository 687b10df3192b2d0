/* SPDX-License-Identifier: MIT */
/*
 * forest.h - one or more trees as their file states them: what kinds tree and forest are written from, and read into.
 *
 * Scoring uses struct trees (model/trees.h), which is made of it; this keeps the order of the nodes and every member of the file.
 * Leaves hold shares of labels (one number, that of the positive label, or one per label) or predictions.
 */
#ifndef MODEL_FOREST_H
#define MODEL_FOREST_H

#include <stddef.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "model/schema.h"
#include "model/trees.h"

struct forest {
	size_t outputs;			/* values in a leaf */
	struct forest_tree {
		struct trees_node *nodes;
		size_t n, room;
	} *trees;
	size_t n;
	struct arena arena;		/* values and categories of the nodes */
};

struct forest *forest_new(size_t outputs);
void forest_free(struct forest *);

/* One more tree, without nodes. */
struct forest_tree *forest_add_tree(struct forest *);

/* One more node of a tree: its index.  What it borrows is copied. */
uint32_t forest_add_node(struct forest *, struct forest_tree *, const struct trees_node *);

/* Takes the last nodes away: n remain. */
void forest_cut(struct forest_tree *, size_t n);

/* Whether every known value goes to `yes`, and what is missing to `no`: written as "present". */
bool forest_asks_presence(const struct trees_node *);

/* The same trees for scoring, the mean of their leaves; NULL: one is no tree, `why` names its place. */
struct trees *forest_compile(const struct forest *, size_t inputs, struct error *why);

/* Appends a JSON array of the questions that a vector meets in the first tree, as it answers them: ["total > 120.5","history <= 3"]. */
void forest_path(const struct forest *, const struct schema *, const double *x, struct buf *);

#endif
