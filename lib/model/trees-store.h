/* SPDX-License-Identifier: MIT */
/*
 * trees-store.h - how trees.c keeps trees, for the files that walk them.
 *
 * Nodes stand in preorder, a node's `yes` right behind it: an order that does not depend on how a file numbers them, in
 * which every child comes after its parent, so that no depth costs stack.
 */
#ifndef MODEL_TREES_STORE_H
#define MODEL_TREES_STORE_H

#include "model/trees.h"

struct trees_kept {
	double threshold, cover;
	uint32_t input, no;		/* no: an index in the tree */
	uint32_t at, n_words;		/* of a leaf: its first value; of ONE_OF: its first word, and how many */
	uint8_t test, missing;		/* enum trees_test, enum trees_missing */
};

struct trees_tree {
	size_t first;			/* node */
	size_t output;			/* or TREES_EACH_OUTPUT */
	size_t expected;		/* where its expected values begin: of each node one, or one per output */
	uint32_t n, depth;
	bool has_sets;			/* ONE_OF among its nodes */
};

struct trees {
	enum trees_arithmetic arithmetic;
	size_t inputs, outputs;
	double *base, divisor;
	struct trees_tree *trees;
	struct trees_kept *nodes;
	uint32_t *words;
	double *values, *expected;
	size_t n, room, n_nodes, nodes_room, n_words, words_room, n_values, values_room;
	bool *used;			/* per input */
	struct trees_walk *walk;	/* trees-walk.h */
};

#define TREES_ZERO 1e-35f		/* what is not farther from 0 counts as zero where zero is missing: LightGBM's kZeroThreshold */

static inline size_t trees_width(const struct trees *t, const struct trees_tree *tree)
{
	return tree->output == TREES_EACH_OUTPUT ? t->outputs : 1;
}

#endif
