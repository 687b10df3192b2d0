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
 * The first TOP levels of a tree have few nodes: of a block of rows all of them are compared, by vectors, and what they say together is
 * the number of the node to go on from.
 *
 * Trees with sets of categories are walked one by one, with branches.
 */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O3,no-trapping-math,no-math-errno")
#if defined(__x86_64__) && defined(__gnu_linux__)
#define FAST __attribute__((target_clones("avx2", "default")))
#endif
#endif
#ifndef FAST
#define FAST
#endif

#include "model/trees-walk.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "model/trees-store.h"

enum {
	FLIGHT = 8,
	ROWS = 128,			/* of a block, at most */
	BLOCK = 64 << 10,		/* bytes of keys, where FLIGHT rows of them are not more */
	SHALLOW = 8,			/* splits up to which a walk is not looked at before its end */
	TOP = 3, TOP_NODES = 7, TOP_ENDS = 8
};

#define INLINE static inline __attribute__((always_inline))

#define LEAF UINT64_MAX			/* a limit that no key is above */
#define SET (UINT64_C(0xfff8) << 48)	/* a limit: above the keys of numbers; the set's number is added */
#define MISSING_LOW UINT64_C(0)		/* keys of columns */
#define MISSING_HIGH (SET - 1)
#define NO_CATEGORY UINT64_MAX

/* Of a node; its limit stands apart, so that the two take one address each and fit the processor's scaling. */
struct link {
	uint32_t column;		/* bytes from a row's first key to that of the node's column */
	uint32_t next;			/* the node for `yes`; behind it that for `no` */
};

/* Nodes in the order of levels; below a leaf stands the leaf again. */
struct top {
	uint64_t limits[TOP_NODES];
	uint32_t columns[TOP_NODES], ends[TOP_ENDS];
};

struct set { size_t first, n_words; bool missing; };

struct column {
	uint32_t input;
	uint8_t missing;
	bool category;
	uint32_t twin;			/* 1 + the column before this one that differs in where NaN goes alone; 0: none */
};

struct trees_walk {
	uint64_t *limits;		/* per node */
	struct link *links;		/* per node */
	double *values;			/* per node: of a leaf the value, or of EACH_OUTPUT the first of them in trees.values */
	uint32_t *roots, n_nodes;
	struct top *tops;		/* per tree */
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

static uint64_t missing_key(enum trees_missing missing)
{
	return missing == TREES_NAN_YES || missing == TREES_ZERO_YES ? MISSING_LOW : missing == TREES_NAN_ZERO ? key_of(0) : MISSING_HIGH;
}

static void lay_numbers(const struct trees *t, const struct column *c, const double *x, size_t rows, uint64_t *restrict keys)
{
	const double zero = c->missing == TREES_ZERO_YES || c->missing == TREES_ZERO_NO ? TREES_ZERO : -1;
	const uint64_t missing = missing_key(c->missing);

	for (size_t r = 0; r < rows; r++, x += t->inputs) {
		const double v = rounded(t, *x);
		keys[r] = v != v || fabs(v) <= zero ? missing : key_of(v);
	}
}

static void lay_categories(const struct trees *t, const struct column *c, const double *x, size_t rows, uint64_t *restrict keys)
{
	for (size_t r = 0; r < rows; r++, x += t->inputs) {
		const double v = rounded(t, *x);
		keys[r] = v == v ? category_of(t->arithmetic, v) : c->missing == TREES_NAN_ZERO ? 0 : SET;
	}
}

FAST static void lay_twin(const uint64_t *restrict twin, uint64_t theirs, uint64_t ours, size_t rows, uint64_t *restrict keys)
{
	for (size_t r = 0; r < rows; r++)
		keys[r] = twin[r] == theirs ? ours : twin[r];
}

static void lay_out(const struct trees *t, const double *x, size_t rows, uint64_t *keys)
{
	const struct trees_walk *w = t->walk;

	for (size_t i = 0; i < w->n_columns; i++) {
		const struct column *c = &w->columns[i];
		uint64_t *to = keys + i * w->rows;
		if (c->category)
			lay_categories(t, c, x + c->input, rows, to);
		else if (c->twin)
			lay_twin(keys + (c->twin - 1) * w->rows, missing_key(w->columns[c->twin - 1].missing), missing_key(c->missing), rows, to);
		else
			lay_numbers(t, c, x + c->input, rows, to);
	}
}

/* ---- walks ---- */

INLINE uint64_t key_at(const uint64_t *keys, uint32_t bytes)
{
	return *(const uint64_t *)(const void *)((const char *)keys + bytes);
}

/* FLIGHT steps.  lane: how far apart the keys of walks are: 1 for rows, 0 for trees. */
INLINE void step(const struct trees_walk *w, const uint64_t *keys, size_t lane, uint32_t at[FLIGHT])
{
	const uint64_t *limits = w->limits;
	const struct link *links = w->links;

	for (size_t j = 0; j < FLIGHT; j++) {
		const uint32_t i = at[j];
		at[j] = links[i].next + (key_at(keys + j * lane, links[i].column) > limits[i]);
	}
}

/* Where each of `rows` rows goes on below the top of a tree. */
FAST static void enter(const struct top *top, const uint64_t *keys, size_t rows, uint64_t *restrict ends)
{
	const uint64_t *k[TOP_NODES], *l = top->limits;

	for (int i = 0; i < TOP_NODES; i++)
		k[i] = (const uint64_t *)(const void *)((const char *)keys + top->columns[i]);
	for (size_t r = 0; r < rows; r++) {
		const uint64_t a = k[0][r] > l[0], b0 = k[1][r] > l[1], b1 = k[2][r] > l[2];
		const uint64_t c0 = k[3][r] > l[3], c1 = k[4][r] > l[4], c2 = k[5][r] > l[5], c3 = k[6][r] > l[6];
		const uint64_t b = a ? b1 : b0, low = b0 ? c1 : c0, high = b1 ? c3 : c2;
		ends[r] = 4 * a + 2 * b + (a ? high : low);
	}
}

INLINE void walk(const struct trees_walk *w, const uint64_t *keys, size_t lane, uint32_t at[FLIGHT], uint32_t depth)
{
	if (depth <= SHALLOW) {
		for (; depth > 1; depth -= 2) {
			step(w, keys, lane, at);
			step(w, keys, lane, at);
		}
		if (depth)
			step(w, keys, lane, at);
		return;
	}
	for (uint32_t moved = 1; moved;) {
		uint32_t before[FLIGHT];
		step(w, keys, lane, at);
		memcpy(before, at, sizeof before);
		step(w, keys, lane, at);
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
		const struct link *l = &w->links[at];
		const uint64_t limit = w->limits[at], key = key_at(keys, l->column);
		if (limit < SET)
			at = l->next + (key > limit);
		else if (limit != LEAF)
			at = l->next + !in_set(t, &w->sets[limit - SET], key);
		else
			return at;
	}
}

/* The values of the leaves that rows come to in one tree; their number is a multiple of FLIGHT. */
static void walk_tree(const struct trees *t, size_t i, const uint64_t *keys, size_t rows, double values[ROWS])
{
	const struct trees_walk *w = t->walk;
	const struct trees_tree *tree = &t->trees[i];
	uint64_t ends[ROWS];

	if (tree->has_sets) {
		for (size_t r = 0; r < rows; r++)
			values[r] = w->values[walk_sets(t, keys + r, w->roots[i])];
		return;
	}
	enter(&w->tops[i], keys, rows, ends);
	for (size_t r = 0; r < rows; r += FLIGHT) {
		uint32_t at[FLIGHT];
		for (size_t j = 0; j < FLIGHT; j++)
			at[j] = w->tops[i].ends[ends[r + j]];
		walk(w, keys + r, 1, at, tree->depth > TOP ? tree->depth - TOP : 0);
		for (size_t j = 0; j < FLIGHT; j++)
			values[r + j] = w->values[at[j]];
	}
}

/* ---- sums: of a block, output by output ---- */

/* Of two floats the double sum, rounded, is their float sum: a double has more than twice the bits (S. Figueroa, 1995). */
INLINE double plus(enum trees_arithmetic arithmetic, double a, double b)
{
	return arithmetic == TREES_FLOAT ? (double)(float)(a + b) : a + b;
}

FAST static void plus_all(enum trees_arithmetic arithmetic, double *restrict sums, const double *restrict values, size_t rows)
{
	if (arithmetic == TREES_FLOAT)
		for (size_t r = 0; r < rows; r++)
			sums[r] = plus(TREES_FLOAT, sums[r], values[r]);
	else
		for (size_t r = 0; r < rows; r++)
			sums[r] = plus(TREES_DOUBLE, sums[r], values[r]);
}

/* values: of a tree for each output, where in trees.values the first stands. */
static void add(const struct trees *t, const struct trees_tree *tree, const double *values, size_t rows, double *sums)
{
	double each[ROWS];

	if (tree->output != TREES_EACH_OUTPUT) {
		plus_all(t->arithmetic, sums + tree->output * t->walk->rows, values, rows);
		return;
	}
	for (size_t k = 0; k < t->outputs; k++) {
		for (size_t r = 0; r < rows; r++)
			each[r] = t->values[(size_t)values[r] + k];
		plus_all(t->arithmetic, sums + k * t->walk->rows, each, rows);
	}
}

/* The same of one row. */
INLINE void add_value(const struct trees *t, const struct trees_tree *tree, double value, double *sums)
{
	const size_t apart = t->walk->rows;

	if (tree->output != TREES_EACH_OUTPUT)
		sums[tree->output * apart] = plus(t->arithmetic, sums[tree->output * apart], value);
	else
		for (size_t k = 0; k < t->outputs; k++)
			sums[k * apart] = plus(t->arithmetic, sums[k * apart], t->values[(size_t)value + k]);
}

/* All trees, one row. */
static void add_trees(const struct trees *t, const uint64_t *keys, double *sums)
{
	const struct trees_walk *w = t->walk;

	for (size_t i = 0; i < t->n;) {
		uint32_t at[FLIGHT], depth = 0;
		size_t n = 0;
		if (t->trees[i].has_sets) {
			add_value(t, &t->trees[i], w->values[walk_sets(t, keys, w->roots[i])], sums);
			i++;
			continue;
		}
		for (; n < FLIGHT && i + n < t->n && !t->trees[i + n].has_sets; n++) {
			at[n] = w->roots[i + n];
			depth = t->trees[i + n].depth > depth ? t->trees[i + n].depth : depth;
		}
		for (size_t j = n; j < FLIGHT; j++)
			at[j] = at[0];
		walk(w, keys, 0, at, depth);
		for (size_t j = 0; j < n; j++)
			add_value(t, &t->trees[i + j], w->values[at[j]], sums);
		i += n;
	}
}

static void score(const struct trees *t, const uint64_t *keys, size_t rows, double *sums)
{
	const size_t whole = rows - rows % FLIGHT;
	double values[ROWS];

	for (size_t k = 0; k < t->outputs; k++)
		for (size_t r = 0; r < rows; r++)
			sums[k * t->walk->rows + r] = t->base[k];
	for (size_t i = 0; whole && i < t->n; i++) {
		walk_tree(t, i, keys, whole, values);
		add(t, &t->trees[i], values, whole, sums);
	}
	for (size_t r = whole; r < rows; r++)
		add_trees(t, keys + r, sums + r);
}

static void copy_out(const struct trees *t, const double *sums, size_t rows, double *z)
{
	for (size_t r = 0; r < rows; r++)
		for (size_t k = 0; k < t->outputs; k++) {
			const double sum = sums[k * t->walk->rows + r];
			*z++ = t->divisor == 1 ? sum : rounded(t, sum / t->divisor);
		}
}

void trees_walk_margins(const struct trees *t, const double *x, size_t rows, double *z)
{
	const struct trees_walk *w = t->walk;
	uint64_t *keys = alloc_bytes((w->n_columns + 1) * w->rows * sizeof *keys);
	double *sums = alloc_bytes(t->outputs * w->rows * sizeof *sums);

	while (rows) {
		const size_t n = rows < w->rows ? rows : w->rows;
		lay_out(t, x, n, keys);
		score(t, keys, n, sums);
		copy_out(t, sums, n, z);
		x += n * t->inputs;
		z += n * t->outputs;
		rows -= n;
	}
	free(keys);
	free(sums);
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
	uint32_t *of = &l->columns[(size_t)k->input * TREATMENTS], *known = &of[missing * 2u + category];

	if (!*known) {
		const uint32_t twin = category ? 0 : missing == TREES_NAN_YES ? of[TREES_NAN_NO * 2u] : missing == TREES_NAN_NO ? of[TREES_NAN_YES * 2u] : 0;
		l->w->columns[l->w->n_columns++] = (struct column){ k->input, missing, category, twin };
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
		const uint32_t at = place[i];
		if (k->test == TREES_LEAF) {
			w->limits[at] = LEAF;
			w->links[at] = (struct link){ 0, at };
			w->values[at] = tree->output == TREES_EACH_OUTPUT ? (double)k->at : l->t->values[k->at];
		} else {
			w->limits[at] = limit_of(l, k);
			w->links[at] = (struct link){ column_of(l, k), w->n_nodes };
			place[i + 1] = w->n_nodes;
			place[k->no] = w->n_nodes + 1;
			w->n_nodes += 2;
		}
	}
}

static void lay_top(struct trees_walk *w, size_t i)
{
	struct top *top = &w->tops[i];
	uint32_t at[TOP_NODES + TOP_ENDS];

	at[0] = w->roots[i];
	for (int k = 0; k < TOP_NODES; k++) {
		const uint32_t node = at[k], leaf = w->limits[node] == LEAF;
		top->limits[k] = w->limits[node];
		top->columns[k] = w->links[node].column;
		at[2 * k + 1] = w->links[node].next;
		at[2 * k + 2] = w->links[node].next + !leaf;
	}
	memcpy(top->ends, at + TOP_NODES, sizeof top->ends);
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
	w->limits = alloc_bytes((t->n_nodes + 1) * sizeof *w->limits);
	w->links = alloc_bytes((t->n_nodes + 1) * sizeof *w->links);
	w->values = alloc_bytes((t->n_nodes + 1) * sizeof *w->values);
	w->roots = alloc_bytes((t->n + 1) * sizeof *w->roots);
	w->tops = alloc_bytes((t->n + 1) * sizeof *w->tops);
	w->sets = alloc_bytes((sets + 1) * sizeof *w->sets);
	w->columns = alloc_bytes((t->inputs * TREATMENTS + 1) * sizeof *w->columns);
	uint32_t *place = alloc_bytes(((size_t)most + 1) * sizeof *place);
	for (size_t i = 0; i < t->n; i++) {
		w->roots[i] = w->n_nodes;
		lay_tree(&l, &t->trees[i], place);
	}
	w->rows = block_rows(w->n_columns);
	for (size_t i = 0; i < t->n_nodes; i++)
		w->links[i].column *= (uint32_t)(w->rows * sizeof(uint64_t));
	for (size_t i = 0; i < t->n; i++)
		lay_top(w, i);
	free(place);
	free(l.columns);
	return w;
}

void trees_walk_free(struct trees_walk *w)
{
	if (!w)
		return;
	free(w->limits);
	free(w->links);
	free(w->values);
	free(w->roots);
	free(w->tops);
	free(w->sets);
	free(w->columns);
	free(w);
}
