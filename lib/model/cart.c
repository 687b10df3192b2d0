/* SPDX-License-Identifier: MIT */
/*
 * Each input is sorted once.  A node is a range of all these orders, the same one in each, in which rows that lack the input stand
 * last; a split parts the range of every order in two, stably, so that nothing is sorted again (M. Mehta, R. Agrawal, J. Rissanen,
 * "SLIQ: A Fast Scalable Classifier for Data Mining", 1996).
 */
#include "model/cart.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "model/radix.h"

/* A row in the order of an input, and the rank of its value among the different ones. */
struct entry { uint32_t rank, row; };

#define RANK_MISSING UINT32_MAX

/* Of rows: by label, or of their answers, times their weights. */
struct sums {
	size_t rows;
	double weight, answers;
	double squares;		/* of labels[] */
	double *labels;
};

struct range { size_t from, to; };

struct split {
	double purity;
	size_t input, n_yes;	/* known rows that go to `yes`, the first of their order */
	double threshold;
	bool missing_yes;
};

struct learner {
	const struct dataset *ds;
	struct cart cart;
	size_t rows;		/* in each order */
	struct entry **orders, *spare;
	uint32_t *label;	/* per row of the data set, as the following */
	double *answer;		/* the distance from their mean, times a power of two: no digit is lost, no square overflows */
	double *weight;		/* NULL: each 1 */
	bool *goes_yes;
	struct sums all, yes, no;
	size_t outputs;
	struct trees_node *nodes;
	double *values;		/* `outputs` per node, of leaves */
	size_t n_nodes, room;
};

/* ---- sums ---- */

static void sums_clear(const struct learner *l, struct sums *s)
{
	*s = (struct sums){ .labels = s->labels };
	memset(s->labels, 0, l->cart.labels * sizeof *s->labels);
}

static inline __attribute__((always_inline)) void sums_add(struct sums *s, const struct learner *l, const double *weight, bool labels,
    uint32_t row)
{
	const double w = weight ? weight[row] : 1;

	s->rows++;
	s->weight += w;
	if (labels) {
		double *of = &s->labels[l->label[row]];
		s->squares += w * (2 * *of + w);
		*of += w;
	} else {
		s->answers += w * l->answer[row];
	}
}

static inline __attribute__((always_inline)) void sums_take(struct sums *s, const struct learner *l, const double *weight, bool labels,
    uint32_t row)
{
	const double w = weight ? weight[row] : 1;

	s->rows--;
	s->weight -= w;
	if (labels) {
		double *of = &s->labels[l->label[row]];
		s->squares -= w * (2 * *of - w);
		*of -= w;
	} else {
		s->answers -= w * l->answer[row];
	}
}

/* What a side's impurity, times its weight, is less than a constant of the node. */
static inline double purity(const struct sums *s, bool labels)
{
	return (labels ? s->squares : s->answers * s->answers) / s->weight;
}

static void sum_all(struct learner *l, struct range r)
{
	sums_clear(l, &l->all);
	for (size_t i = r.from; i < r.to; i++)
		sums_add(&l->all, l, l->weight, l->cart.labels > 0, l->orders[0][i].row);
}

/* ---- the best split of a range ---- */

/* Midway between neighbours, and never as much as the greater one. */
static double midway(double a, double b)
{
	const double t = a / 2 + b / 2;
	return t >= a && t < b ? t : a;
}

/* All rows on the side `no`, but missing ones where they go to `yes`. */
static void start_scan(struct learner *l, const struct entry *missing, size_t n_missing, bool missing_yes)
{
	const bool labels = l->cart.labels > 0;
	double *own = l->no.labels;

	sums_clear(l, &l->yes);
	l->no = l->all;
	l->no.labels = memcpy(own, l->all.labels, l->cart.labels * sizeof *own);
	for (size_t i = 0; missing_yes && i < n_missing; i++) {
		sums_add(&l->yes, l, l->weight, labels, missing[i].row);
		sums_take(&l->no, l, l->weight, labels, missing[i].row);
	}
}

/* One known row after the other goes over to `yes`; each place between different values is a split.  The best one's n_yes, 0: none
 * is better than *best. */
static inline __attribute__((always_inline)) size_t scan_with(struct learner *l, const double *weight, bool labels, const struct entry *e,
    size_t n, double *best)
{
	const size_t least = l->cart.min_leaf;
	struct sums yes = l->yes, no = l->no;
	size_t found = 0;

	for (size_t i = 0; i + 1 < n; i++) {
		sums_add(&yes, l, weight, labels, e[i].row);
		sums_take(&no, l, weight, labels, e[i].row);
		if (no.rows < least)
			break;
		if (e[i].rank == e[i + 1].rank || yes.rows < least)
			continue;
		const double reached = purity(&yes, labels) + purity(&no, labels);
		if (reached > *best) {
			*best = reached;
			found = i + 1;
		}
	}
	return found;
}

static size_t scan(struct learner *l, const struct entry *e, size_t n, double *best)
{
	if (l->cart.labels)
		return l->weight ? scan_with(l, l->weight, true, e, n, best) : scan_with(l, NULL, true, e, n, best);
	return l->weight ? scan_with(l, l->weight, false, e, n, best) : scan_with(l, NULL, false, e, n, best);
}

static void try_thresholds(struct learner *l, size_t input, const struct entry *e, size_t n, size_t n_missing, bool missing_yes,
    struct split *best)
{
	start_scan(l, e + n, n_missing, missing_yes);
	const size_t n_yes = scan(l, e, n, &best->purity);
	if (!n_yes)
		return;
	best->input = input;
	best->n_yes = n_yes;
	best->threshold = midway(dataset_value(l->ds, e[n_yes - 1].row, input), dataset_value(l->ds, e[n_yes].row, input));
	best->missing_yes = n_missing ? missing_yes : n_yes > n - n_yes;
}

/* Known rows here, missing ones there. */
static void try_presence(struct learner *l, size_t input, const struct entry *e, size_t n, size_t n_missing, struct split *best)
{
	const bool labels = l->cart.labels > 0;

	if (n < l->cart.min_leaf || n_missing < l->cart.min_leaf)
		return;
	start_scan(l, e + n, n_missing, true);
	const double reached = purity(&l->yes, labels) + purity(&l->no, labels);
	if (reached > best->purity)
		*best = (struct split){ reached, input, n, TREES_PRESENT, false };
}

static bool find_split(struct learner *l, struct range r, struct split *best)
{
	*best = (struct split){ .purity = -INFINITY };
	for (size_t j = 0; j < l->ds->columns; j++) {
		const struct entry *e = l->orders[j] + r.from;
		size_t n = r.to - r.from, n_missing = 0;
		for (; n && e[n - 1].rank == RANK_MISSING; n--)
			n_missing++;
		try_thresholds(l, j, e, n, n_missing, false, best);
		if (n_missing) {
			try_thresholds(l, j, e, n, n_missing, true, best);
			try_presence(l, j, e, n, n_missing, best);
		}
	}
	return best->n_yes > 0;
}

/* ---- nodes ---- */

/* Marks where each row goes; how many go to `yes`. */
static size_t mark(struct learner *l, struct range r, const struct split *split)
{
	const struct entry *e = l->orders[split->input] + r.from;
	size_t n_yes = 0;

	for (size_t i = 0; i < r.to - r.from; i++) {
		const bool yes = e[i].rank == RANK_MISSING ? split->missing_yes : i < split->n_yes;
		l->goes_yes[e[i].row] = yes;
		n_yes += yes;
	}
	return n_yes;
}

/* Rows that go to `yes` come first, in their order. */
static void part(struct learner *l, struct entry *e, size_t n)
{
	size_t n_yes = 0, n_no = 0;

	for (size_t i = 0; i < n; i++) {
		const struct entry entry = e[i];
		const bool yes = l->goes_yes[entry.row];
		e[n_yes] = entry;
		l->spare[n_no] = entry;
		n_yes += yes;
		n_no += !yes;
	}
	memcpy(e + n_yes, l->spare, n_no * sizeof *e);
}

static bool is_pure(const struct learner *l, struct range r)
{
	const struct entry *e = l->orders[0];
	size_t i = r.from + 1;

	if (l->cart.labels)
		while (i < r.to && l->label[e[i].row] == l->label[e[r.from].row])
			i++;
	else
		while (i < r.to && l->answer[e[i].row] == l->answer[e[r.from].row])
			i++;
	return i == r.to;
}

/* The mean of the answers themselves: of equal ones it is that answer.  In halves, which do not overflow. */
static double mean_of(const struct learner *l, struct range r)
{
	const double first = dataset_answer(l->ds, l->orders[0][r.from].row) / 2;
	double sum = 0;

	for (size_t i = r.from; i < r.to; i++) {
		const uint32_t row = l->orders[0][i].row;
		sum += (l->weight ? l->weight[row] : 1) / l->all.weight * (dataset_answer(l->ds, row) / 2 - first);
	}
	return 2 * (first + sum);
}

static uint32_t add_node(struct learner *l, struct trees_node node)
{
	if (l->n_nodes == l->room) {
		l->room = l->room ? l->room * 2 : 64;
		l->nodes = alloc_again(l->nodes, l->room, sizeof *l->nodes);
		l->values = alloc_again(l->values, l->room * l->outputs, sizeof *l->values);
	}
	node.cover = l->all.weight;
	l->nodes[l->n_nodes] = node;
	return (uint32_t)l->n_nodes++;
}

static uint32_t add_leaf(struct learner *l, struct range r)
{
	const uint32_t at = add_node(l, (struct trees_node){ .test = TREES_LEAF });
	double *values = l->values + at * l->outputs;

	if (!l->cart.labels)
		values[0] = mean_of(l, r);
	else if (l->outputs == 1)
		values[0] = l->all.labels[1] / l->all.weight;
	for (size_t k = 0; l->outputs > 1 && k < l->outputs; k++)
		values[k] = l->all.labels[k] / l->all.weight;
	return at;
}

static bool are_equal_leaves(const struct learner *l, uint32_t a, uint32_t b)
{
	return l->nodes[a].test == TREES_LEAF && l->nodes[b].test == TREES_LEAF &&
	    !memcmp(l->values + a * l->outputs, l->values + b * l->outputs, l->outputs * sizeof *l->values);
}

static uint32_t grow(struct learner *, struct range, unsigned depth);

static uint32_t add_split(struct learner *l, struct range r, unsigned depth, const struct split *split)
{
	const uint32_t at = add_node(l, (struct trees_node){
		.test = TREES_AT_MOST, .missing = split->missing_yes ? TREES_NAN_YES : TREES_NAN_NO, .input = (uint32_t)split->input,
		.threshold = split->threshold
	});
	const size_t middle = r.from + mark(l, r, split);
	/* Leaves are found by the first order alone. */
	const size_t orders = depth + 1 < l->cart.max_depth ? l->ds->columns : 1;

	for (size_t j = 0; j < orders; j++)
		part(l, l->orders[j] + r.from, r.to - r.from);
	const uint32_t yes = grow(l, (struct range){ r.from, middle }, depth + 1), no = grow(l, (struct range){ middle, r.to }, depth + 1);
	l->nodes[at].yes = yes;
	l->nodes[at].no = no;
	return at;
}

/* The range becomes a node and what is below it. */
static uint32_t grow(struct learner *l, struct range r, unsigned depth)
{
	struct split split;

	sum_all(l, r);
	if (depth == l->cart.max_depth || l->all.rows / 2 < l->cart.min_leaf || is_pure(l, r) || !find_split(l, r, &split))
		return add_leaf(l, r);
	const uint32_t at = add_split(l, r, depth, &split);
	if (!are_equal_leaves(l, l->nodes[at].yes, l->nodes[at].no))
		return at;
	l->n_nodes = at;
	sum_all(l, r);
	return add_leaf(l, r);
}

/* ---- before the first node ---- */

static void sort_input(struct learner *l, size_t input, struct radix_row *rows)
{
	struct entry *order = l->orders[input] = alloc_bytes((l->rows + 1) * sizeof *order);
	size_t n = 0, missing = l->rows;
	uint32_t rank = 0;

	for (size_t i = 0; i < l->ds->rows; i++) {
		const double x = dataset_value(l->ds, i, input);
		if (l->weight && !(l->weight[i] > 0))
			continue;
		if (isnan(x))
			order[--missing] = (struct entry){ RANK_MISSING, (uint32_t)i };
		else
			rows[n++] = (struct radix_row){ x, (double)i };
	}
	radix_sort(rows, n);
	for (size_t i = 0; i < n; i++) {
		rank += i && rows[i].key != rows[i - 1].key;
		order[i] = (struct entry){ rank, (uint32_t)rows[i].value };
	}
}

/* Weights that are all 1 need not be looked at. */
static void take_weights(struct learner *l)
{
	size_t ones = 0;

	l->rows = 0;
	for (size_t i = 0; i < l->ds->rows; i++) {
		l->weight[i] = l->ds->blocks[i / KERNEL_ROWS].weight[i % KERNEL_ROWS];
		l->rows += l->weight[i] > 0;
		ones += l->weight[i] == 1;
	}
	if (ones == l->ds->rows) {
		free(l->weight);
		l->weight = NULL;
	}
}

static void take_answers(struct learner *l)
{
	struct column_figures f = { .min = INFINITY, .max = -INFINITY };
	int exponent;

	for (size_t i = 0; i < l->ds->rows; i++) {
		const double y = dataset_answer(l->ds, i);
		if (l->cart.labels)
			l->label[i] = (uint32_t)y;
		f.min = fmin(f.min, y);
		f.max = fmax(f.max, y);
		f.mean += y / (double)l->ds->rows;
	}
	frexp(f.max / 2 - f.min / 2, &exponent);
	for (size_t i = 0; !l->cart.labels && i < l->ds->rows; i++)
		l->answer[i] = ldexp(dataset_answer(l->ds, i) / 2 - f.mean / 2, -exponent);
}

static void learner_start(struct learner *l)
{
	const size_t n = l->ds->rows + 1, labels = l->cart.labels + 1;
	struct radix_row *rows = alloc_bytes(n * sizeof *rows);

	for (size_t j = 0; j < l->ds->columns; j++)
		sort_input(l, j, rows);
	free(rows);
	l->spare = alloc_bytes(n * sizeof *l->spare);
	l->goes_yes = alloc_bytes(n * sizeof *l->goes_yes);
	if (l->cart.labels)
		l->label = alloc_bytes(n * sizeof *l->label);
	else
		l->answer = alloc_bytes(n * sizeof *l->answer);
	take_answers(l);
	l->all.labels = alloc_zeroed(labels, sizeof *l->all.labels);
	l->yes.labels = alloc_zeroed(labels, sizeof *l->yes.labels);
	l->no.labels = alloc_zeroed(labels, sizeof *l->no.labels);
}

static void learner_release(struct learner *l)
{
	for (size_t j = 0; l->orders && j < l->ds->columns; j++)
		free(l->orders[j]);
	free(l->orders);
	free(l->spare);
	free(l->goes_yes);
	free(l->label);
	free(l->answer);
	free(l->weight);
	free(l->all.labels);
	free(l->yes.labels);
	free(l->no.labels);
	free(l->nodes);
	free(l->values);
}

static struct trees *finish(const struct learner *l, struct error *why)
{
	double *base = alloc_zeroed(l->outputs, sizeof *base);
	struct trees *trees = trees_new(TREES_DOUBLE, l->ds->columns, l->outputs, base);

	free(base);
	for (size_t i = 0; i < l->n_nodes; i++)
		l->nodes[i].values = l->values + i * l->outputs;
	if (trees_add(trees, TREES_EACH_OUTPUT, l->nodes, l->n_nodes, why)) {
		trees_free(trees);
		return NULL;
	}
	trees_finish(trees, 1);
	return trees;
}

struct trees *cart_learn(const struct dataset *ds, const struct cart *cart, struct error *why)
{
	struct learner l = { .ds = ds, .cart = *cart, .outputs = cart->labels > 2 ? cart->labels : 1 };
	struct trees *trees = NULL;

	if (ds->rows >= UINT32_MAX) {
		error_set(why, "%zu rows are too many for a tree", ds->rows);
		return NULL;
	}
	l.weight = alloc_bytes((ds->rows + 1) * sizeof *l.weight);
	take_weights(&l);
	if (l.rows) {
		l.orders = alloc_zeroed(ds->columns + 1, sizeof *l.orders);
		learner_start(&l);
		grow(&l, (struct range){ 0, l.rows }, 0);
		trees = finish(&l, why);
	} else {
		error_set(why, "no row has a weight above 0");
	}
	learner_release(&l);
	return trees;
}
