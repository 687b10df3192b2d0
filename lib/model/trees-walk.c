/* SPDX-License-Identifier: MIT */
/*
 * Many rows: where each goes in the first levels of a tree is told for SLICE_ROWS rows at once (trees-slice.h), and most trees are no
 * deeper.  From there on, and of few rows from the root on, rows walk one step at a time.
 *
 * A step of a walk is i = next[i] + (key > limit[i]): no branch that could be guessed wrong.  Three things make it possible.
 *
 * Keys: a number becomes an integer of the same order, with room below and above for what is missing.  A column is an input with one
 * treatment of what is missing, so that a node need not know of it: where missing goes to `yes` its key is the lowest, where it goes
 * to `no` above all limits.  x < t is key <= key(t) - 1.
 *
 * Leaves lead to themselves: each walk of a tree may take as many steps as the tree is deep.  Of a deep tree most walks end long
 * before, so there the walks in flight are looked at after each step.
 *
 * FLIGHT walks at once: a step waits for memory and for the comparison, eight that do not depend on each other fill the time.  They
 * are eight rows in one tree, which stays in the cache for a block of rows; of few rows, one row in eight trees.
 *
 * Trees with sets of categories are walked one by one, with branches.
 */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O3,no-trapping-math,no-math-errno")
#if defined(__x86_64__) && defined(__gnu_linux__) && !defined(__SANITIZE_THREAD__)
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
#include "model/trees-bins.h"
#include "model/trees-key.h"
#include "model/trees-slice.h"
#include "model/trees-store.h"

enum {
	FLIGHT = 8,
	ROWS = 2 * SLICE_ROWS,		/* of a block, at most */
	FEW = 16,			/* rows: fewer are not worth a slice */
	BLOCK = 64 << 10,		/* bytes of keys, where SLICE_ROWS rows of them are not more */
	SHALLOW = 8			/* splits up to which a walk is not looked at before its end */
};

#define INLINE static inline __attribute__((always_inline))

#define LEAF INT64_MAX			/* a limit that no key is above */
#define SET (INT64_C(0x7ff8) << 48)	/* a limit: above the keys of numbers; the set's number is added */
#define MISSING_LOW INT64_MIN		/* keys of columns */
#define MISSING_HIGH (SET - 1)
#define NO_CATEGORY INT64_MAX
#define NOTHING INT64_MIN		/* no limit of a number */

/* Of a node; its limit stands apart, so that the two take one address each and fit the processor's scaling. */
struct link {
	uint32_t column;		/* bytes from a row's first key to that of the node's column */
	uint32_t next;			/* the node for `yes`; behind it that for `no` */
};

/* Of a tree: what the code of a row is an index into, from `first` on. */
struct top { struct slice slice; uint32_t first; };

struct set { size_t first, n_words; bool missing; };

struct column {
	uint32_t input;
	uint8_t missing;
	bool category;
	uint32_t twin;			/* 1 + the column before this one that differs in where NaN goes alone; 0: none */
};

struct trees_walk {
	int64_t *limits;		/* per node */
	struct link *links;		/* per node */
	double *values;			/* per node: of a leaf the value, or of EACH_OUTPUT the first of them in trees.values */
	uint32_t *roots, n_nodes;
	struct top *tops;		/* per tree; of one with sets nothing */
	struct slice_node *tests;	/* of the tops */
	uint32_t *ends;			/* of the tops: the node that a code leads to ... */
	double *leaves;			/* ... and its value */
	slice_codes *codes;		/* NULL: all rows walk from the roots on */
	struct bins *bins;		/* the tops' keys */
	struct set *sets;
	struct column *columns;
	size_t n_sets, n_columns, rows;	/* rows: of a block, a multiple of SLICE_ROWS */
	bool walks;			/* rows walk, whatever their number */
};

/* ---- keys ---- */

/* XGBoost takes what is below 0 for no category, LightGBM cuts first. */
INLINE int64_t category_of(enum trees_arithmetic arithmetic, double x)
{
	const double least = arithmetic == TREES_FLOAT ? 0 : nextafter(-1, 0);

	return x >= least && x < 0x1p31 ? (int64_t)x : NO_CATEGORY;
}

static int64_t missing_key(enum trees_missing missing)
{
	return trees_missing_goes_to_yes(missing) ? MISSING_LOW : missing == TREES_NAN_ZERO ? trees_key(0) : MISSING_HIGH;
}

static void lay_numbers(const struct trees *t, const struct column *c, const double *x, size_t rows, int64_t *restrict keys)
{
	const double zero = trees_zero(c->missing);
	const int64_t missing = missing_key(c->missing);

	for (size_t r = 0; r < rows; r++, x += t->inputs) {
		const double v = trees_rounded(t->arithmetic, *x);
		keys[r] = v != v || fabs(v) <= zero ? missing : trees_key(v);
	}
}

static void lay_categories(const struct trees *t, const struct column *c, const double *x, size_t rows, int64_t *restrict keys)
{
	for (size_t r = 0; r < rows; r++, x += t->inputs) {
		const double v = trees_rounded(t->arithmetic, *x);
		keys[r] = v == v ? category_of(t->arithmetic, v) : c->missing == TREES_NAN_ZERO ? 0 : SET;
	}
}

FAST static void lay_twin(const int64_t *restrict twin, int64_t theirs, int64_t ours, size_t rows, int64_t *restrict keys)
{
	for (size_t r = 0; r < rows; r++)
		keys[r] = twin[r] == theirs ? ours : twin[r];
}

static void lay_out(const struct trees *t, const double *x, size_t rows, int64_t *keys)
{
	const struct trees_walk *w = t->walk;

	for (size_t i = 0; i < w->n_columns; i++) {
		const struct column *c = &w->columns[i];
		int64_t *to = keys + i * w->rows;
		if (c->category)
			lay_categories(t, c, x + c->input, rows, to);
		else if (c->twin)
			lay_twin(keys + (c->twin - 1) * w->rows, missing_key(w->columns[c->twin - 1].missing), missing_key(c->missing), rows, to);
		else
			lay_numbers(t, c, x + c->input, rows, to);
	}
}

/* ---- walks ---- */

INLINE int64_t key_at(const int64_t *keys, uint32_t bytes)
{
	return *(const int64_t *)(const void *)((const char *)keys + bytes);
}

/* FLIGHT steps.  lane: how far apart the keys of walks are: 1 for rows, 0 for trees. */
INLINE void step(const struct trees_walk *w, const int64_t *keys, size_t lane, uint32_t at[FLIGHT])
{
	const int64_t *limits = w->limits;
	const struct link *links = w->links;

	for (size_t j = 0; j < FLIGHT; j++) {
		const uint32_t i = at[j];
		at[j] = links[i].next + (key_at(keys + j * lane, links[i].column) > limits[i]);
	}
}

INLINE void walk(const struct trees_walk *w, const int64_t *keys, size_t lane, uint32_t at[FLIGHT], uint32_t depth)
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

static bool in_set(const struct trees *t, const struct set *s, int64_t key)
{
	const uint64_t category = (uint64_t)key;

	if (key == SET)
		return s->missing;
	return category / 32 < s->n_words && t->words[s->first + category / 32] >> category % 32 & 1;
}

static uint32_t walk_sets(const struct trees *t, const int64_t *keys, uint32_t at)
{
	const struct trees_walk *w = t->walk;

	for (;;) {
		const struct link *l = &w->links[at];
		const int64_t limit = w->limits[at], key = key_at(keys, l->column);
		if (limit < SET)
			at = l->next + (key > limit);
		else if (limit != LEAF)
			at = l->next + !in_set(t, &w->sets[limit - SET], key);
		else
			return at;
	}
}

/* The keys of rows, from the first on: where they walk, and bins. */
struct keys { const int64_t *walk; const int8_t *bins; };

/* The values of the leaves that the first `rows` rows of a slice come to in one tree. */
static void walk_slice(const struct trees *t, size_t i, const struct keys *keys, size_t rows, double values[SLICE_ROWS])
{
	const struct trees_walk *w = t->walk;
	const struct trees_tree *tree = &t->trees[i];
	const struct top *top = &w->tops[i];
	const uint32_t *ends = w->ends + top->first;
	const double *leaves = w->leaves + top->first;
	uint8_t codes[SLICE_ROWS];

	if (tree->has_sets) {
		for (size_t r = 0; r < rows; r++)
			values[r] = w->values[walk_sets(t, keys->walk + r, w->roots[i])];
		return;
	}
	w->codes(&top->slice, keys->bins, codes);
	if (tree->depth <= SLICE_LEVELS) {
		for (size_t r = 0; r < SLICE_ROWS; r += 4) {
			values[r] = leaves[codes[r]];
			values[r + 1] = leaves[codes[r + 1]];
			values[r + 2] = leaves[codes[r + 2]];
			values[r + 3] = leaves[codes[r + 3]];
		}
		return;
	}
	for (size_t r = 0; r < rows; r += FLIGHT) {
		uint32_t at[FLIGHT];
		for (size_t j = 0; j < FLIGHT; j++)
			at[j] = ends[codes[r + j]];
		walk(w, keys->walk + r, 1, at, tree->depth - SLICE_LEVELS);
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
static void add_trees(const struct trees *t, const int64_t *keys, double *sums)
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

static void add_slices(const struct trees *t, const struct keys *keys, size_t rows, double *sums)
{
	double values[ROWS] = {0};

	for (size_t i = 0; rows && i < t->n; i++) {
		for (size_t r = 0; r < rows; r += SLICE_ROWS) {
			const struct keys here = { keys->walk + r, keys->bins + r };
			walk_slice(t, i, &here, rows - r < SLICE_ROWS ? rows - r : SLICE_ROWS, values + r);
		}
		add(t, &t->trees[i], values, rows, sums);
	}
}

static void copy_out(const struct trees *t, const double *sums, size_t rows, double *z)
{
	for (size_t r = 0; r < rows; r++)
		for (size_t k = 0; k < t->outputs; k++) {
			const double sum = sums[k * t->walk->rows + r];
			*z++ = t->divisor == 1 ? sum : trees_rounded(t->arithmetic, sum / t->divisor);
		}
}

/* What rows are worked on with: one piece of memory. */
struct desk { int64_t *walk; int8_t *bins; double *sums; };

static struct desk desk_new(const struct trees *t, size_t rows)
{
	const struct trees_walk *w = t->walk;
	const size_t walk = w->n_columns * w->rows * sizeof(int64_t), sums = t->outputs * w->rows * sizeof(double);
	const size_t bins = w->codes && rows >= FEW ? trees_bins_columns(w->bins) * w->rows : 0;
	char *memory = alloc_aligned(walk + sums + bins + 1);
	const struct desk d = { (int64_t *)(void *)memory, (int8_t *)memory + walk + sums, (double *)(void *)(memory + walk) };

	/* Rows that are not there go somewhere, too. */
	if (bins && rows % SLICE_ROWS) {
		memset(d.walk, 0, w->walks ? walk : 0);
		memset(d.bins, 0, bins);
	}
	return d;
}

static void score(const struct trees *t, const double *x, size_t rows, const struct desk *d)
{
	const struct trees_walk *w = t->walk;
	const size_t rest = rows % SLICE_ROWS, single = !w->codes ? rows : rest < FEW ? rest : 0, sliced = rows - single;
	const struct keys keys = { d->walk, d->bins };

	if (w->walks || single)
		lay_out(t, x, rows, d->walk);
	if (sliced)
		trees_bins_sort(w->bins, x, t->inputs, sliced, w->rows, d->bins);
	for (size_t k = 0; k < t->outputs; k++)
		for (size_t r = 0; r < rows; r++)
			d->sums[k * w->rows + r] = t->base[k];
	add_slices(t, &keys, sliced, d->sums);
	for (size_t r = sliced; r < rows; r++)
		add_trees(t, d->walk + r, d->sums + r);
}

void trees_walk_margins(const struct trees *t, const double *x, size_t rows, double *z)
{
	const struct trees_walk *w = t->walk;
	const struct desk d = desk_new(t, rows);

	while (rows) {
		const size_t n = rows < w->rows ? rows : w->rows;
		score(t, x, n, &d);
		copy_out(t, d.sums, n, z);
		x += n * t->inputs;
		z += n * t->outputs;
		rows -= n;
	}
	free(d.walk);
}

/* ---- layout ---- */

struct layout {
	const struct trees *t;
	struct trees_walk *w;
	uint32_t *columns;		/* per input and treatment: the column + 1; 0: none yet */
	struct bins_test *asked;	/* per test of the tops; limit NOTHING: below a leaf */
	uint32_t n_tests, n_ends;
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

static int64_t limit_of(struct layout *l, const struct trees_kept *k)
{
	if (k->test == TREES_ONE_OF) {
		l->w->sets[l->w->n_sets] = (struct set){ k->at, k->n_words, k->missing == TREES_NAN_YES || k->missing == TREES_ZERO_YES };
		return SET + (int64_t)l->w->n_sets++;
	}
	return trees_key(k->threshold) - (k->test == TREES_BELOW);
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

static uint32_t levels_of(const struct trees_tree *tree)
{
	return tree->depth < SLICE_LEVELS ? tree->depth : SLICE_LEVELS;
}

/* A leaf above the last level has its own below it, whatever is asked there. */
static void lay_top(struct layout *l, size_t i, const uint32_t *place)
{
	struct trees_walk *w = l->w;
	const struct trees_tree *tree = &l->t->trees[i];
	const struct trees_kept *kept = l->t->nodes + tree->first;
	const uint32_t levels = levels_of(tree), n = (1u << levels) - 1;
	uint32_t at[SLICE_NODES + SLICE_ENDS];

	w->tops[i] = (struct top){ { w->tests + l->n_tests, levels }, l->n_ends };
	at[0] = 0;
	for (uint32_t j = 0; j < n; j++) {
		const struct trees_kept *k = &kept[at[j]];
		const bool is_leaf = k->test == TREES_LEAF;
		at[2 * j + 1] = is_leaf ? at[j] : at[j] + 1;
		at[2 * j + 2] = is_leaf ? at[j] : k->no;
		l->asked[l->n_tests++] = is_leaf ? (struct bins_test){ .limit = NOTHING } :
			(struct bins_test){ trees_key(k->threshold) + (k->test == TREES_AT_MOST), k->input, k->missing };
	}
	for (uint32_t j = n; j < 2 * n + 1; j++) {
		w->ends[l->n_ends] = place[at[j]];
		w->leaves[l->n_ends++] = kept[at[j]].test == TREES_LEAF ? w->values[place[at[j]]] : 0;
	}
}

/* The limits of the tops become bins. */
static void lay_bins(struct layout *l)
{
	struct trees_walk *w = l->w;
	struct bins_test *asked = alloc_bytes((l->n_tests + 1) * sizeof *asked);
	size_t n = 0;

	for (size_t i = 0; i < l->n_tests; i++)
		if (l->asked[i].limit != NOTHING)
			asked[n++] = l->asked[i];
	w->bins = trees_bins_new(l->t->arithmetic, asked, n);
	free(asked);
	for (size_t i = 0; i < l->n_tests; i++) {
		const bool real = l->asked[i].limit != NOTHING;
		const struct bins_place at = real ? trees_bins_find(w->bins, &l->asked[i]) : (struct bins_place){ 0, 0 };
		w->tests[i] = (struct slice_node){ at.column * (uint32_t)w->rows, at.limit };
	}
}

static size_t block_rows(size_t columns)
{
	const size_t fit = BLOCK / sizeof(int64_t) / (columns + 1), whole = fit - fit % SLICE_ROWS;

	return whole < SLICE_ROWS ? SLICE_ROWS : whole > ROWS ? ROWS : whole;
}

/* Room for what is laid out. */
static uint32_t *reserve(const struct trees *t, struct trees_walk *w, struct layout *l)
{
	size_t sets = 0, tests = 0, ends = 0;
	uint32_t most = 0;

	for (size_t i = 0; i < t->n; i++) {
		const struct trees_tree *tree = &t->trees[i];
		most = tree->n > most ? tree->n : most;
		tests += ((size_t)1 << levels_of(tree)) - 1;
		ends += (size_t)1 << levels_of(tree);
	}
	for (size_t i = 0; i < t->n_nodes; i++)
		sets += t->nodes[i].test == TREES_ONE_OF;
	w->limits = alloc_bytes((t->n_nodes + 1) * sizeof *w->limits);
	w->links = alloc_bytes((t->n_nodes + 1) * sizeof *w->links);
	w->values = alloc_zeroed(t->n_nodes + 1, sizeof *w->values);
	w->roots = alloc_bytes((t->n + 1) * sizeof *w->roots);
	w->tops = alloc_zeroed(t->n + 1, sizeof *w->tops);
	w->tests = alloc_bytes((tests + 1) * sizeof *w->tests);
	l->asked = alloc_bytes((tests + 1) * sizeof *l->asked);
	w->ends = alloc_bytes((ends + 1) * sizeof *w->ends);
	w->leaves = alloc_bytes((ends + 1) * sizeof *w->leaves);
	w->sets = alloc_bytes((sets + 1) * sizeof *w->sets);
	w->columns = alloc_bytes((t->inputs * TREATMENTS + 1) * sizeof *w->columns);
	return alloc_bytes(((size_t)most + 1) * sizeof(uint32_t));
}

struct trees_walk *trees_walk_new(const struct trees *t)
{
	struct trees_walk *w = alloc_zeroed(1, sizeof *w);
	struct layout l = { .t = t, .w = w, .columns = alloc_zeroed(t->inputs * TREATMENTS + 1, sizeof *l.columns) };
	uint32_t *place = reserve(t, w, &l);
	size_t n_ways;

	const struct slice_way *ways = trees_slice_ways(&n_ways);
	w->codes = n_ways ? ways->codes : NULL;
	for (size_t i = 0; i < t->n; i++) {
		const struct trees_tree *tree = &t->trees[i];
		w->roots[i] = w->n_nodes;
		lay_tree(&l, tree, place);
		if (!tree->has_sets)
			lay_top(&l, i, place);
		w->walks |= tree->has_sets || tree->depth > SLICE_LEVELS;
	}
	w->rows = block_rows(w->n_columns);
	for (size_t i = 0; i < t->n_nodes; i++)
		w->links[i].column *= (uint32_t)(w->rows * sizeof(int64_t));
	lay_bins(&l);
	free(l.asked);
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
	free(w->tests);
	trees_bins_free(w->bins);
	free(w->ends);
	free(w->leaves);
	free(w->sets);
	free(w->columns);
	free(w);
}
