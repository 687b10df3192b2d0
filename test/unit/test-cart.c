/* SPDX-License-Identifier: MIT */
/* Each node of a learned tree, judged by the definitions alone: every row is looked at for every split that could have been. */
#include "model/cart.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/prng.h"
#include "tap.h"

enum { ROWS = 60, INPUTS = 3, LABELS_MOST = 3 };

static struct prng prng;

struct data {
	double x[ROWS][INPUTS], y[ROWS], weight[ROWS];
	struct cart cart;
};

struct judge {
	const struct data *d;
	const struct trees *trees;
	bool splits, leaves, sides, covers;	/* what held everywhere */
};

/* ---- the definitions ---- */

/* Weight times Gini's index, or the squared error, of the rows that `in` names. */
static double impurity(const struct data *d, const bool in[ROWS])
{
	double weight = 0, sum = 0, of[LABELS_MOST] = {0}, result = 0;

	for (int i = 0; i < ROWS; i++)
		if (in[i]) {
			weight += d->weight[i];
			sum += d->weight[i] * d->y[i];
			if (d->cart.labels)
				of[(int)d->y[i]] += d->weight[i];
		}
	if (d->cart.labels) {
		result = weight;
		for (int k = 0; k < LABELS_MOST; k++)
			result -= of[k] * of[k] / weight;
	} else {
		for (int i = 0; i < ROWS; i++)
			if (in[i])
				result += d->weight[i] * (d->y[i] - sum / weight) * (d->y[i] - sum / weight);
	}
	return result;
}

static int count(const bool in[ROWS])
{
	int n = 0;

	for (int i = 0; i < ROWS; i++)
		n += in[i];
	return n;
}

/* What is left of impurity, INFINITY: a side is too small. */
static double after(const struct data *d, const bool in[ROWS], int input, double t, bool missing_yes, bool yes[ROWS], bool no[ROWS])
{
	for (int i = 0; i < ROWS; i++) {
		const double x = d->x[i][input];
		const bool is_yes = isnan(x) ? missing_yes : x <= t;
		yes[i] = in[i] && is_yes;
		no[i] = in[i] && !is_yes;
	}
	if (!count(yes) || !count(no) || (size_t)count(yes) < d->cart.min_leaf || (size_t)count(no) < d->cart.min_leaf)
		return INFINITY;
	return impurity(d, yes) + impurity(d, no);
}

static double best_of(const struct data *d, const bool in[ROWS])
{
	double best = INFINITY;
	bool yes[ROWS], no[ROWS];

	for (int j = 0; j < INPUTS; j++)
		for (int side = 0; side < 2; side++)
			for (int i = 0; i <= ROWS; i++)
				if (i == ROWS || (in[i] && !isnan(d->x[i][j])))
					best = fmin(best, after(d, in, j, i == ROWS ? TREES_PRESENT : d->x[i][j], side, yes, no));
	return best;
}

static bool is_midway(const struct data *d, const bool in[ROWS], int input, double t)
{
	double below = -INFINITY, above = INFINITY;

	for (int i = 0; i < ROWS; i++)
		if (in[i] && d->x[i][input] <= t)
			below = fmax(below, d->x[i][input]);
		else if (in[i] && d->x[i][input] > t)
			above = fmin(above, d->x[i][input]);
	return above == INFINITY ? t == TREES_PRESENT : t == (below + above) / 2;
}

/* ---- the nodes of a tree ---- */

static bool is_close(double a, double b)
{
	return a == b || fabs(a - b) <= 1e-9 * (1 + fabs(b));
}

static void judge_leaf(struct judge *j, const struct trees_node *node, const bool in[ROWS], unsigned depth)
{
	const struct data *d = j->d;
	const size_t labels = d->cart.labels, outputs = labels > 2 ? labels : 1;
	double weight = 0, sum[LABELS_MOST] = {0};
	bool pure = true, first = true;
	double one = 0;

	for (int i = 0; i < ROWS; i++)
		if (in[i]) {
			weight += d->weight[i];
			if (labels > 2)
				sum[(int)d->y[i]] += d->weight[i];
			else
				sum[0] += d->weight[i] * d->y[i];
			one = first ? d->y[i] : one;
			pure &= d->y[i] == one;
			first = false;
		}
	for (size_t k = 0; k < outputs; k++)
		j->leaves &= is_close(node->values[k], sum[k] / weight);
	/* A split that lowers nothing may have been taken back. */
	j->leaves &= pure || depth == d->cart.max_depth || best_of(d, in) > impurity(d, in) - 1e-9;
}

static void judge_node(struct judge *j, uint32_t at, const bool in[ROWS], unsigned depth)
{
	const struct data *d = j->d;
	struct trees_node node;
	bool yes[ROWS], no[ROWS];
	double weight = 0;
	int missing = 0;

	trees_node(j->trees, 0, at, &node);
	for (int i = 0; i < ROWS; i++)
		weight += in[i] ? d->weight[i] : 0;
	j->covers &= is_close(node.cover, weight);
	if (node.test == TREES_LEAF) {
		judge_leaf(j, &node, in, depth);
		return;
	}
	const int input = (int)node.input;
	const bool missing_yes = node.missing == TREES_NAN_YES;
	j->splits &= depth < d->cart.max_depth && is_midway(d, in, input, node.threshold) &&
	    is_close(after(d, in, input, node.threshold, missing_yes, yes, no), best_of(d, in));
	for (int i = 0; i < ROWS; i++)
		missing += in[i] && isnan(d->x[i][input]);
	j->sides &= missing || missing_yes == (count(yes) > count(no));
	judge_node(j, node.yes, yes, depth + 1);
	judge_node(j, node.no, no, depth + 1);
}

/* ---- cases ---- */

static struct dataset dataset_of(const struct data *d)
{
	struct dataset ds = DATASET_INIT;

	for (int j = 0; j < INPUTS; j++)
		dataset_add_column(&ds);
	for (int i = 0; i < ROWS; i++)
		dataset_add(&ds, d->x[i], d->y[i], d->weight[i]);
	dataset_seal(&ds);
	return ds;
}

/* Few different values, so that there are ties; some missing, and some weights 0. */
static void draw(struct data *d, bool weights)
{
	for (int i = 0; i < ROWS; i++) {
		for (int j = 0; j < INPUTS; j++)
			d->x[i][j] = j && !prng_below(&prng, 4) ? NAN : (double)prng_below(&prng, j ? 12 : 40) / 4 - 1;
		d->y[i] = (double)prng_below(&prng, d->cart.labels ? d->cart.labels : 50);
		d->weight[i] = weights ? (double)prng_below(&prng, 5) / 2 : 1;
	}
}

static void random_cases(void)
{
	static const size_t labels[] = { 0, 2, 3 };

	for (int c = 0; c < 60; c++) {
		struct data d = { .cart = { 1 + (unsigned)c % 5, 1 + (size_t)c % 7, labels[c % 3] } };
		struct error why;
		bool in[ROWS];
		draw(&d, c & 1);
		struct dataset ds = dataset_of(&d);
		struct trees *f = cart_learn(&ds, &d.cart, &why);
		struct judge j = { &d, f, true, true, true, true };
		for (int i = 0; i < ROWS; i++)
			in[i] = d.weight[i] > 0;
		judge_node(&j, 0, in, 0);
		ok(j.splits, "case %d: no split would have left less impurity, and each is midway between values", c);
		ok(j.leaves, "... leaves have the mean of their rows, and could not be split to an end");
		ok(j.sides, "... what no row lacked goes where most rows went");
		ok(j.covers, "... nodes have the weight of their rows");
		trees_free(f);
		dataset_release(&ds);
	}
}

static struct trees *learn(const double *x, const double *y, size_t n, struct cart cart)
{
	struct dataset ds = DATASET_INIT;
	struct error why;

	dataset_add_column(&ds);
	for (size_t i = 0; i < n; i++)
		dataset_add(&ds, &x[i], y[i], 1);
	dataset_seal(&ds);
	struct trees *f = cart_learn(&ds, &cart, &why);
	dataset_release(&ds);
	return f;
}

static struct trees_node node_of(const struct trees *t, size_t i)
{
	struct trees_node node;

	trees_node(t, 0, i, &node);
	return node;
}

static void by_hand(void)
{
	const double next = nextafter(1, 2), x[] = { 1, next, 3, NAN }, same[] = { 7, 7, 7, 7 }, huge[] = { 1e308, -1e308, -1e308, -1e308 };
	const double far[] = { 1.7e12, 1.7e12, 1.7e12 + 1, 1.7e12 + 1 }, sizes[] = { 0.1, 0.2, 0.3, 0.3 };
	const double known[] = { 1, 1, NAN, NAN }, labels[] = { 1, 1, 0, 0 };
	struct trees *t = learn(x, same, 4, (struct cart){ 9, 1, 0 });

	is_int(trees_nodes(t, 0), 1, "equal answers are a leaf");
	is_double(node_of(t, 0).values[0], 7, "... which says them");
	trees_free(t);
	t = learn(x, huge, 4, (struct cart){ 9, 1, 0 });
	is_double(node_of(t, 0).threshold, 1, "between neighbouring doubles the threshold is the lower one");
	is_double(node_of(t, 1).values[0], 1e308, "large answers do not overflow");
	is_double(node_of(t, 2).values[0], -1e308, "... on either side");
	trees_free(t);
	t = learn(x, huge, 4, (struct cart){ 9, 3, 0 });
	is_near(node_of(t, 0).values[0] / 1e308, -0.5, 1e-15, "... nor does their mean");
	trees_free(t);
	t = learn(sizes, far, 4, (struct cart){ 9, 1, 0 });
	is_near(node_of(t, 0).threshold, 0.25, 1e-15, "answers far from 0 are told apart");
	ok(node_of(t, 1).values[0] == 1.7e12 && node_of(t, 2).values[0] == 1.7e12 + 1, "... and kept to the last digit");
	trees_free(t);
	t = learn(known, labels, 4, (struct cart){ 9, 1, 2 });
	is_double(node_of(t, 0).threshold, TREES_PRESENT, "whether there is a value can be the question");
	trees_free(t);
}

static void nothing(void)
{
	struct dataset ds = DATASET_INIT;
	const double x = 1;
	struct error why;

	dataset_add_column(&ds);
	dataset_add(&ds, &x, 1, 0);
	dataset_seal(&ds);
	ok(!cart_learn(&ds, &(struct cart){ 3, 1, 2 }, &why), "no weight");
	is_str(why.text, "no row has a weight above 0", "... is told");
	dataset_release(&ds);
}

int main(void)
{
	prng_init(&prng, 5);
	random_cases();
	by_hand();
	nothing();
	return done();
}
