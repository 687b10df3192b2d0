/* SPDX-License-Identifier: MIT */
/*
 * A step of a walk is i = next[i] + (key > limit[i]): no branch that could be guessed wrong.  Three things make it possible.
 *
 * Keys: a number becomes an unsigned integer of the same order, with room below and above for what is missing.  A column is an
 * input with one treatment of what is missing, so that a node need not know of it: where missing goes to `yes` its key is 0, where
 * it goes to `no` above all limits.  x < t is key <= key(t) - 1.
 *
 * Leaves lead to themselves: each walk of a tree may take as many steps as the tree is deep.  Of a deep tree most walks end long
 * before, so there the walks in flight are looked at after each step.
 *
 * FLIGHT walks at once: a step waits for memory and for the comparison, eight that do not depend on each other fill the time.  They
 * are eight rows in one tree, which stays in the cache for a block of rows; of fewer rows, one row in eight trees.
 *
 * Trees with sets of categories are walked one by one, with branches.
 */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O3,no-trapping-math,no-math-errno")
#endif

#include "model/trees-walk.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "model/trees-store.h"

enum {
	FLIGHT = 8,
	ROWS = 64,			/* of a block, at most */
	BLOCK = 64 << 10,		/* bytes of keys, where FLIGHT rows of them are not more */
	SHALLOW = 8			/* splits up to which a walk is not looked at before its end */
};

#define INLINE static inline __attribute__((always_inline))

#define LEAF UINT64_MAX			/* a limit that no key is above */
#define SET (UINT64_C(0xfff8) << 48)	/* a limit: above the keys of numbers; the set's number is added */
#define MISSING_LOW UINT64_C(0)		/* keys of columns */
#define MISSING_HIGH (SET - 1)
#define NO_CATEGORY UINT64_MAX

struct node {
	uint64_t limit;
	uint32_t column, next;		/* column: its first key in a block; next: the node for `yes`; behind it that for `no` */
};

struct set { size_t first, n_words; bool missing; };

struct column { uint32_t input; uint8_t missing; bool category; };

struct trees_walk {
	struct node *nodes;
	double *values;			/* per node: of a leaf the value, or of EACH_OUTPUT the first of them in trees.values */
	uint32_t *roots, n_nodes;
	struct set *sets;
	struct column *columns;
	size_t n_sets, n_columns, rows;	/* rows: of a block */
};

/* ---- keys ---- */

/* Adding 0 makes -0 the same as 0. */
INLINE uint64_t key_of(double x)
{
	uint64_t u;

	x += 0.0;
	memcpy(&u, &x, sizeof u);
	return u >> 63 ? ~u : u | UINT64_C(1) << 63;
}

INLINE double rounded(const struct trees *t, double x)
{
	return t->arithmetic == TREES_FLOAT ? (double)(float)x : x;
}

/* XGBoost takes what is below 0 for no category, LightGBM cuts first. */
INLINE uint64_t category_of(enum trees_arithmetic arithmetic, double x)
{
	const double least = arithmetic == TREES_FLOAT ? 0 : nextafter(-1, 0);

	return x >= least && x < 0x1p31 ? (uint64_t)(int64_t)x : NO_CATEGORY;
}

static void lay_out(const struct trees *t, const double *x, size_t rows, uint64_t *keys)
{
	const struct trees_walk *w = t->walk;

	for (size_t c = 0; c < w->n_columns; c++, keys += w->rows) {
		const struct column *column = &w->columns[c];
		const enum trees_missing missing = column->missing;
		const double *from = x + column->input, zero = missing == TREES_ZERO_YES || missing == TREES_ZERO_NO ? TREES_ZERO : -1;
		const uint64_t low_high = missing == TREES_NAN_YES || missing == TREES_ZERO_YES ? MISSING_LOW :
		    missing == TREES_NAN_ZERO ? key_of(0) : MISSING_HIGH;
		for (size_t r = 0; r < rows; r++, from += t->inputs) {
			const double v = rounded(t, *from);
			if (column->category)
				keys[r] = v == v ? category_of(t->arithmetic, v) : missing == TREES_NAN_ZERO ? 0 : SET;
			else
				keys[r] = v != v || fabs(v) <= zero ? low_high : key_of(v);
		}
	}
}

/* ---- walks ---- */

/* FLIGHT steps.  lane: how far apart the keys of walks are: 1 for rows, 0 for trees. */
INLINE void step(const struct node *nodes, const uint64_t *keys, size_t lane, uint32_t at[FLIGHT])
{
	for (size_t j = 0; j < FLIGHT; j++) {
		const struct node *n = &nodes[at[j]];
		at[j] = n->next + (keys[n->column + j * lane] > n->limit);
	}
}

INLINE void walk(const struct node *nodes, const uint64_t *keys, size_t lane, uint32_t at[FLIGHT], uint32_t depth)
{
	if (depth <= SHALLOW) {
		for (uint32_t d = 0; d < depth; d += 2) {
			step(nodes, keys, lane, at);
			step(nodes, keys, lane, at);
		}
		return;
	}
	for (uint32_t moved = 1; moved;) {
		uint32_t before[FLIGHT];
		step(nodes, keys, lane, at);
		memcpy(before, at, sizeof before);
		step(nodes, keys, lane, at);
		moved = 0;
		for (size_t j = 0; j < FLIGHT; j++)
			moved |= at[j] ^ before[j];
	}
}

static bool in_set(const struct trees *t, const struct set *s, uint64_t key)
{
	if (key == SET)
		return s->missing;
	return key / 32 < s->n_words && t->words[s->first + key / 32] >> key % 32 & 1;
}

static uint32_t walk_sets(const struct trees *t, const uint64_t *keys, uint32_t at)
{
	const struct trees_walk *w = t->walk;

	for (;;) {
		const struct node *n = &w->nodes[at];
		const uint64_t key = keys[n->column];
		if (n->limit < SET)
			at = n->next + (key > n->limit);
		else if (n->limit != LEAF)
			at = n->next + !in_set(t, &w->sets[n->limit - SET], key);
		else
			return at;
	}
}

/* ---- sums ---- */

INLINE double plus(enum trees_arithmetic arithmetic, double a, double b)
{
	return arithmetic == TREES_FLOAT ? (double)((float)a + (float)b) : a + b;
}

INLINE void add(const struct trees *t, const struct trees_tree *tree, uint32_t leaf, double *z)
{
	const double value = t->walk->values[leaf];

	if (tree->output != TREES_EACH_OUTPUT) {
		z[tree->output] = plus(t->arithmetic, z[tree->output], value);
		return;
	}
	const double *values = t->values + (size_t)value;
	for (size_t k = 0; k < t->outputs; k++)
		z[k] = plus(t->arithmetic, z[k], values[k]);
}

/* One tree, `rows` rows: a multiple of FLIGHT. */
static void add_tree(const struct trees *t, size_t i, const uint64_t *keys, size_t rows, double *z)
{
	const struct trees_walk *w = t->walk;
	const struct trees_tree *tree = &t->trees[i];
	const size_t outputs = t->outputs;
	uint32_t at[FLIGHT];

	for (size_t r = 0; r < rows; r += FLIGHT, z += FLIGHT * outputs) {
		for (size_t j = 0; j < FLIGHT; j++)
			at[j] = w->roots[i];
		if (tree->has_sets)
			for (size_t j = 0; j < FLIGHT; j++)
				at[j] = walk_sets(t, keys + r + j, at[j]);
		else
			walk(w->nodes, keys + r, 1, at, tree->depth);
		for (size_t j = 0; j < FLIGHT; j++)
			add(t, tree, at[j], z + j * outputs);
	}
}

/* All trees, one row. */
static void add_trees(const struct trees *t, const uint64_t *keys, double *z)
{
	const struct trees_walk *w = t->walk;

	for (size_t i = 0; i < t->n;) {
		uint32_t at[FLIGHT], depth = 0;
		size_t n = 0;
		if (t->trees[i].has_sets) {
			add(t, &t->trees[i], walk_sets(t, keys, w->roots[i]), z);
			i++;
			continue;
		}
		for (; n < FLIGHT && i + n < t->n && !t->trees[i + n].has_sets; n++) {
			at[n] = w->roots[i + n];
			depth = t->trees[i + n].depth > depth ? t->trees[i + n].depth : depth;
		}
		for (size_t j = n; j < FLIGHT; j++)
			at[j] = at[0];
		walk(w->nodes, keys, 0, at, depth);
		for (size_t j = 0; j < n; j++)
			add(t, &t->trees[i + j], at[j], z);
		i += n;
	}
}

void trees_walk_margins(const struct trees *t, const double *x, size_t rows, double *z)
{
	const struct trees_walk *w = t->walk;
	uint64_t *keys = alloc_bytes((w->n_columns + 1) * w->rows * sizeof *keys);

	for (size_t r = 0; r < rows; r++)
		memcpy(z + r * t->outputs, t->base, t->outputs * sizeof *z);
	while (rows) {
		const size_t n = rows < w->rows ? rows : w->rows, whole = n - n % FLIGHT;
		lay_out(t, x, n, keys);
		for (size_t i = 0; whole && i < t->n; i++)
			add_tree(t, i, keys, whole, z);
		for (size_t r = whole; r < n; r++)
			add_trees(t, keys + r, z + r * t->outputs);
		if (t->divisor != 1)
			for (size_t k = 0; k < n * t->outputs; k++)
				z[k] = rounded(t, z[k] / t->divisor);
		x += n * t->inputs;
		z += n * t->outputs;
		rows -= n;
	}
	free(keys);
}

/* ---- layout ---- */

struct layout {
	const struct trees *t;
	struct trees_walk *w;
	uint32_t *columns;		/* per input and treatment: the column + 1; 0: none yet */
};

enum { TREATMENTS = 2 * (TREES_NAN_ZERO + 1) };

static uint32_t column_of(struct layout *l, const struct trees_kept *k)
{
	const bool category = k->test == TREES_ONE_OF;
	/* Where a category is missing the set itself says where it goes. */
	const uint8_t missing = category && k->missing != TREES_NAN_ZERO ? TREES_NAN_NO : k->missing;
	uint32_t *known = &l->columns[(size_t)k->input * TREATMENTS + missing * 2u + category];

	if (!*known) {
		l->w->columns[l->w->n_columns++] = (struct column){ k->input, missing, category };
		*known = (uint32_t)l->w->n_columns;
	}
	return *known - 1;
}

static uint64_t limit_of(struct layout *l, const struct trees_kept *k)
{
	if (k->test == TREES_ONE_OF) {
		l->w->sets[l->w->n_sets] = (struct set){ k->at, k->n_words, k->missing == TREES_NAN_YES || k->missing == TREES_ZERO_YES };
		return SET + l->w->n_sets++;
	}
	return key_of(k->threshold) - (k->test == TREES_BELOW);
}

/* In the order of levels as far as a parent's two children stand together; `place` of each kept node. */
static void lay_tree(struct layout *l, const struct trees_tree *tree, uint32_t *place)
{
	const struct trees_kept *kept = l->t->nodes + tree->first;
	struct trees_walk *w = l->w;

	place[0] = w->n_nodes++;
	for (uint32_t i = 0; i < tree->n; i++) {
		const struct trees_kept *k = &kept[i];
		struct node *n = &w->nodes[place[i]];
		if (k->test == TREES_LEAF) {
			*n = (struct node){ LEAF, 0, place[i] };
			w->values[place[i]] = tree->output == TREES_EACH_OUTPUT ? (double)k->at : l->t->values[k->at];
		} else {
			*n = (struct node){ limit_of(l, k), column_of(l, k), w->n_nodes };
			place[i + 1] = w->n_nodes;
			place[k->no] = w->n_nodes + 1;
			w->n_nodes += 2;
		}
	}
}

static size_t block_rows(size_t columns)
{
	const size_t fit = BLOCK / sizeof(uint64_t) / (columns + 1);
	const size_t whole = fit - fit % FLIGHT;

	return whole < FLIGHT ? FLIGHT : whole > ROWS ? ROWS : whole;
}

struct trees_walk *trees_walk_new(const struct trees *t)
{
	struct trees_walk *w = alloc_zeroed(1, sizeof *w);
	struct layout l = { t, w, alloc_zeroed(t->inputs * TREATMENTS + 1, sizeof *l.columns) };
	uint32_t most = 0;
	size_t sets = 0;

	for (size_t i = 0; i < t->n; i++)
		most = t->trees[i].n > most ? t->trees[i].n : most;
	for (size_t i = 0; i < t->n_nodes; i++)
		sets += t->nodes[i].test == TREES_ONE_OF;
	w->nodes = alloc_bytes((t->n_nodes + 1) * sizeof *w->nodes);
	w->values = alloc_bytes((t->n_nodes + 1) * sizeof *w->values);
	w->roots = alloc_bytes((t->n + 1) * sizeof *w->roots);
	w->sets = alloc_bytes((sets + 1) * sizeof *w->sets);
	w->columns = alloc_bytes((t->inputs * TREATMENTS + 1) * sizeof *w->columns);
	uint32_t *place = alloc_bytes(((size_t)most + 1) * sizeof *place);
	for (size_t i = 0; i < t->n; i++) {
		w->roots[i] = w->n_nodes;
		lay_tree(&l, &t->trees[i], place);
	}
	w->rows = block_rows(w->n_columns);
	for (size_t i = 0; i < t->n_nodes; i++)
		w->nodes[i].column *= (uint32_t)w->rows;
	free(place);
	free(l.columns);
	return w;
}

void trees_walk_free(struct trees_walk *w)
{
	if (!w)
		return;
	free(w->nodes);
	free(w->values);
	free(w->roots);
	free(w->sets);
	free(w->columns);
	free(w);
}
