/* SPDX-License-Identifier: MIT */
/*
 * trees.h - binary decision trees over a vector, and the sum of what their leaves say.
 *
 * A vector holds doubles, NaN where a value is missing.  Each tree adds its leaf's value to one output, or one value to each output
 * (leaves of shares); the margin of an output is its base plus these, in the order of the trees.  Under TREES_FLOAT values are rounded to
 * float before they are compared, and sums are kept in float, as XGBoost does; under TREES_DOUBLE in double.
 * Knows no files, no labels and no records.
 */
#ifndef MODEL_TREES_H
#define MODEL_TREES_H

#include <float.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "model/schema.h"

enum trees_arithmetic { TREES_DOUBLE, TREES_FLOAT };

/* What a split asks of its input; a value for which it holds goes to `yes`. */
enum trees_test {
	TREES_LEAF,
	TREES_AT_MOST,		/* x <= threshold */
	TREES_BELOW,		/* x < threshold */
	TREES_ONE_OF		/* x, cut to an integer, is one of the categories; none if below 0: before it is cut under FLOAT, after under DOUBLE */
};

/* What is missing, and where it goes.  To ONE_OF 0 is a category. */
enum trees_missing {
	TREES_NAN_YES, TREES_NAN_NO,	/* NaN */
	TREES_ZERO_YES, TREES_ZERO_NO,	/* NaN, and what is not farther from 0 than 1e-35 */
	TREES_NAN_ZERO			/* nothing: NaN is taken for 0 */
};

/* A node as files state it; children are indices in the same tree, its root is node 0. */
struct trees_node {
	enum trees_test test;
	enum trees_missing missing;
	uint32_t input, yes, no;
	double threshold;
	const uint32_t *categories;	/* of ONE_OF: a set of bits, from category 0 on; borrowed for the call */
	size_t n_words;			/* 32 categories each */
	double cover;			/* the rows, or their weight, that came here in training: 0 or greater; for contributions */
	const double *values;		/* of a leaf: one, or one per output; borrowed for the call */
};

#define TREES_EACH_OUTPUT SIZE_MAX

/* The threshold of an AT_MOST that asks whether there is a value at all: all are. */
#define TREES_PRESENT DBL_MAX

struct trees;

/* base: `outputs` numbers, copied; TREES_FLOAT rounds them, as it rounds thresholds and leaves. */
struct trees *trees_new(enum trees_arithmetic, size_t inputs, size_t outputs, const double *base);
void trees_free(struct trees *);

/* One more tree, for one output or for each.  A node that is never reached is left out (XGBoost keeps those it has pruned).  -1: it is no tree
 * (a node that is reached twice, an index out of range, a number that is not finite), and these are only good for trees_free; the sentence
 * names tree and node as they are numbered here. */
int trees_add(struct trees *, size_t output, const struct trees_node *, size_t n, struct error *why);

/* The last call before any of the following: sums, base included, are divided by `divisor` (the number of trees for a mean; 1 else), and
 * what scoring needs is laid out. */
void trees_finish(struct trees *, double divisor);

/* `rows` vectors, one behind the other: `outputs` margins each. */
void trees_margins(const struct trees *, const double *x, size_t rows, double *z);

/*
 * What each input adds to the margin of one output on the way from the roots to the leaves: at each split the expected value (of the leaves
 * below, weighted by their cover) changes, and the change is the input's (A. Saabas, "Interpreting random forests", 2014; XGBoost's
 * approx_contribs).  The bias is what is expected at the roots, base included.  bias + parts is the margin, but for rounding.
 */
void trees_contributions(const struct trees *, const double *x, size_t output, double *parts, double *bias);

/* The split that a vector meets in tree t, from the root on; false: it is in its leaf.  *at: 0 at first. */
struct trees_step { size_t input; enum trees_test test; double threshold; bool yes, missing; };
bool trees_path(const struct trees *, const double *x, size_t t, uint32_t *at, struct trees_step *);

/* What was added, in preorder: `yes` of a split is the node behind it.  What it borrows lives as long as the trees. */
size_t trees_nodes(const struct trees *, size_t i);
void trees_node(const struct trees *, size_t i, size_t node, struct trees_node *out);

bool trees_uses(const struct trees *, size_t input);
size_t trees_count(const struct trees *);
size_t trees_depth(const struct trees *);	/* of the deepest: splits from its root to a leaf */

/* A text that two sets of trees have in common only if they score alike. */
void trees_identify(const struct trees *, struct buf *);

/* For people: how many trees, how deep; of few nodes all of them, indented. */
void trees_show(const struct trees *, const struct schema *, struct buf *);

#endif
