/* SPDX-License-Identifier: MIT */
/*
 * Proximal Newton for F(w, b) + l1 sum |w_j|: around w, F is replaced by its quadratic model, and
 *
 *	min_d  g'd + d'H d / 2 + l1 sum |w_j + d_j|
 *
 * is solved by coordinate descent; then a line search on the true objective.  Friedman, Hastie and Tibshirani,
 * "Regularization paths for generalized linear models via coordinate descent", Journal of Statistical Software 33 (2010); Yuan, Ho
 * and Lin, "An improved GLMNET for L1-regularized logistic regression", JMLR 13 (2012).
 *
 * Only a working set of columns takes part: those with a weight in any output, and of those whose derivative at 0 exceeds l1 the NEW
 * worst per step; H is formed over them alone.  Coordinate descent finds which weights are zero and the signs of the others soon,
 * and their values slowly: so after each round the linear equations of that guess are solved, and when
 * the answer has those signs and satisfies the others' bounds, it is the minimum.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "model/cholesky.h"
#include "model/solver.h"

#define NEW 256			/* weights whose columns join the working set per step */
#define SWEEPS 32		/* of coordinate descent between two guesses */
#define ROUNDS 400
#define SLACK 1e-9		/* of l1: how far a derivative may lie outside */

struct work {
	size_t d, outputs;	/* columns; the bias is d */
	double *g;
	size_t *set, n;		/* the working set */
	size_t all;		/* parameters in it: output by output n weights and a bias */
	double *h;		/* all^2, both triangles */
	double *u, *hd;		/* new weights; H d */
	double *step, *factor, *right;
	size_t *support;
	bool *left_out;
	struct violation { double size; size_t column; } *worst;
};

static bool is_bias(const struct work *k, size_t i)
{
	return i % (k->n + 1) == k->n;
}

/* Where parameter i of the working set stands among all. */
static size_t place(const struct work *k, size_t i)
{
	return i / (k->n + 1) * (k->d + 1) + (is_bias(k, i) ? k->d : k->set[i % (k->n + 1)]);
}

static bool fits(const struct problem *p)
{
	return p->l1 > 0;
}

/* How far 0 is from the subgradient of coordinate j. */
static double violation(double g, double w, double l1)
{
	if (w != 0)
		return fabs(g + (w > 0 ? l1 : -l1));
	return fabs(g) > l1 ? fabs(g) - l1 : 0;
}

static int by_size(const void *a, const void *b)
{
	const struct violation *x = a, *y = b;
	return x->size != y->size ? (x->size < y->size) - (x->size > y->size) : (x->column > y->column) - (x->column < y->column);
}

static int by_column(const void *a, const void *b)
{
	const size_t x = *(const size_t *)a, y = *(const size_t *)b;
	return (x > y) - (x < y);
}

/* The largest violation of a column in any output; *used: one has a weight. */
static double column_violation(const struct work *k, const double *w, size_t j, double l1, bool *used)
{
	double largest = 0;

	*used = false;
	for (size_t i = j; i < k->outputs * (k->d + 1); i += k->d + 1) {
		largest = fmax(largest, violation(k->g[i], w[i], l1));
		*used |= w[i] != 0;
	}
	return largest;
}

/* The working set; the largest violation anywhere. */
static double choose(struct work *k, const double *w, double l1)
{
	double largest = 0;
	size_t found = 0;

	for (size_t o = 0; o < k->outputs; o++)
		largest = fmax(largest, fabs(k->g[o * (k->d + 1) + k->d]));
	k->n = 0;
	for (size_t j = 0; j < k->d; j++) {
		bool used;
		const double v = column_violation(k, w, j, l1, &used);
		largest = v > largest ? v : largest;
		if (used)
			k->set[k->n++] = j;
		else if (v > SLACK * l1)
			k->worst[found++] = (struct violation){ v, j };
	}
	qsort(k->worst, found, sizeof *k->worst, by_size);
	for (size_t i = 0; i < found && i * k->outputs < NEW; i++)
		k->set[k->n++] = k->worst[i].column;
	qsort(k->set, k->n, sizeof *k->set, by_column);
	k->all = k->outputs * (k->n + 1);
	return largest;
}

static double shrink(double x, double by)
{
	return x > by ? x - by : x < -by ? x + by : 0;
}

/* One walk over the coordinates; the largest change. */
static double sweep(struct work *k, double l1)
{
	double largest = 0;

	for (size_t i = 0; i < k->all; i++) {
		const double bend = k->h[i * k->all + i];
		if (!(bend > 0))
			continue;
		const double slope = k->g[place(k, i)] + k->hd[i], before = k->u[i];
		const double after = is_bias(k, i) ? before - slope / bend : shrink(bend * before - slope, l1) / bend;
		if (after == before)
			continue;
		k->u[i] = after;
		for (size_t m = 0; m < k->all; m++)
			k->hd[m] += k->h[i * k->all + m] * (after - before);
		largest = fabs(after - before) > largest ? fabs(after - before) : largest;
	}
	return largest;
}

/* H d afresh. */
static void products(struct work *k, const double *w)
{
	for (size_t i = 0; i < k->all; i++) {
		double sum = 0;
		for (size_t m = 0; m < k->all; m++)
			sum += k->h[i * k->all + m] * (k->u[m] - w[place(k, m)]);
		k->hd[i] = sum;
	}
}

static bool is_zero(const struct work *k, size_t i)
{
	return !is_bias(k, i) && k->u[i] == 0;
}

/* The linear equations of the guess below: the support, and its d in `right`.  False: they have no one solution. */
static bool solve_support(struct work *k, const double *w, double l1, size_t *n)
{
	size_t s = 0;

	for (size_t i = 0; i < k->all; i++)
		if (!is_zero(k, i))
			k->support[s++] = i;
	for (size_t a = 0; a < s; a++) {
		const size_t i = k->support[a];
		double right = -k->g[place(k, i)] - (is_bias(k, i) ? 0 : k->u[i] > 0 ? l1 : -l1);
		for (size_t m = 0; m < k->all; m++)
			if (is_zero(k, m))
				right += k->h[i * k->all + m] * w[place(k, m)];
		k->right[a] = right;
		for (size_t b = 0; b <= a; b++)
			k->factor[a * s + b] = k->h[i * k->all + k->support[b]];
	}
	memset(k->left_out, 0, s * sizeof *k->left_out);
	/* Of an even number of labels, where an input has a weight for each, half of them above 0, all may move together: one stays. */
	if (cholesky_factor(k->factor, s, k->left_out) && k->outputs % 2)
		return false;
	cholesky_solve(k->factor, s, k->left_out, k->right);
	*n = s;
	return true;
}

/*
 * The minimum if exactly these weights are not zero and have these signs: for i in the support,
 * g_i + (H d)_i + l1 sign(u_i) = 0, where d_j = -w_j outside.  True: it is the minimum, and in u.
 */
static bool guess(struct work *k, const double *w, double l1)
{
	size_t s;

	if (!solve_support(k, w, l1, &s))
		return false;
	for (size_t a = 0; a < s; a++) {
		const size_t i = k->support[a];
		const double to = w[place(k, i)] + k->right[a];
		if (!is_bias(k, i) && !((to > 0) == (k->u[i] > 0) && to != 0))
			return false;
	}
	/* The signs hold; are the zeros right? */
	for (size_t i = 0; i < k->all; i++) {
		if (!is_zero(k, i))
			continue;
		double slope = k->g[place(k, i)];
		for (size_t m = 0; m < k->all; m++)
			if (is_zero(k, m))
				slope -= k->h[i * k->all + m] * w[place(k, m)];
		for (size_t b = 0; b < s; b++)
			slope += k->h[i * k->all + k->support[b]] * k->right[b];
		if (fabs(slope) > l1 * (1 + SLACK / 2))
			return false;
	}
	for (size_t a = 0; a < s; a++)
		k->u[k->support[a]] = w[place(k, k->support[a])] + k->right[a];
	return true;
}

/* u: the weights of the working set that minimise the model. */
static void descend(struct work *k, const double *w, double l1)
{
	for (size_t i = 0; i < k->all; i++) {
		k->u[i] = w[place(k, i)];
		k->hd[i] = 0;
	}
	for (unsigned round = 0; round < ROUNDS; round++) {
		double change = 0;
		for (unsigned i = 0; i < SWEEPS; i++) {
			change = sweep(k, l1);
			if (change <= 1e-13 * (1 + solver_largest(k->u, k->all)))
				break;
		}
		if (guess(k, w, l1) || change <= 1e-13 * (1 + solver_largest(k->u, k->all)))
			return;
		products(k, w);
	}
}

/* H over the working set, both triangles; the gradient, too. */
static void form(struct work *k, const struct objective *o, const double *w)
{
	k->h = alloc_again(k->h, k->all * k->all, sizeof *k->h);
	k->factor = alloc_again(k->factor, k->all * k->all, sizeof *k->factor);
	objective_value(o, w, k->g, &(struct hessian){ k->set, k->n, k->h }, NULL);
	for (size_t i = 0; i < k->all; i++)
		for (size_t m = 0; m < i; m++)
			k->h[m * k->all + i] = k->h[i * k->all + m];
}

/* The step to u; its slope, and its largest component in *size. */
static double take_step(struct work *k, const double *w, double l1, double *size)
{
	double slope = 0;

	memset(k->step, 0, k->outputs * (k->d + 1) * sizeof *k->step);
	*size = 0;
	for (size_t i = 0; i < k->all; i++) {
		const size_t j = place(k, i);
		k->step[j] = k->u[i] - w[j];
		slope += k->g[j] * k->step[j] + (is_bias(k, i) ? 0 : l1 * (fabs(k->u[i]) - fabs(w[j])));
		*size = fabs(k->step[j]) > *size ? fabs(k->step[j]) : *size;
	}
	return slope;
}

/* Whether the weights that are zero may be. */
static bool zeros_hold(const struct work *k, const double *w, double l1)
{
	for (size_t i = 0; i < k->outputs * (k->d + 1); i++)
		if (i % (k->d + 1) < k->d && w[i] == 0 && violation(k->g[i], 0, l1) > 2 * SLACK * l1)
			return false;
	return true;
}

static int solve(const struct problem *p, double *w, struct error *why)
{
	const struct objective *o = &p->objective;
	const size_t d = o->data->columns, full = objective_size(o);
	struct work k = {
		.d = d, .outputs = objective_outputs(o), .g = alloc_bytes(full * sizeof *k.g), .set = alloc_bytes((d + 1) * sizeof *k.set),
		.u = alloc_bytes(full * sizeof *k.u), .hd = alloc_bytes(full * sizeof *k.hd),
		.step = alloc_bytes(full * sizeof *k.step), .right = alloc_bytes(full * sizeof *k.right),
		.support = alloc_bytes(full * sizeof *k.support), .left_out = alloc_bytes(full * sizeof *k.left_out),
		.worst = alloc_bytes((d + 1) * sizeof *k.worst),
	};
	double value = objective_value(o, w, k.g, NULL, NULL) + solver_penalty(p, w), size;
	int taken = 0, result = -1;

	for (;; taken++) {
		const double outside = choose(&k, w, p->l1);
		solver_tell(p, (unsigned)taken, value, outside);
		if (taken == SOLVER_STEPS) {
			solver_unfinished(SOLVER_STEPS, outside, why);
			break;
		}
		form(&k, o, w);
		descend(&k, w, p->l1);
		const double slope = take_step(&k, w, p->l1, &size);
		const bool still = size <= SOLVER_STILL * (1 + solver_largest(w, full));
		value = solver_search(p, w, k.step, value, slope, k.g, NULL, NULL);
		if (!isfinite(value)) {
			solver_unfinished((unsigned)taken, outside, why);
			break;
		}
		/* w + (u - w) may miss the 0 that u is. */
		for (size_t i = 0; i < k.all; i++) {
			const size_t j = place(&k, i);
			if (is_zero(&k, i) && fabs(w[j]) <= 1e-15 * (1 + fabs(k.step[j])))
				w[j] = 0;
		}
		if (still && zeros_hold(&k, w, p->l1)) {
			result = taken + 1;
			break;
		}
	}
	free(k.g);
	free(k.set);
	free(k.h);
	free(k.u);
	free(k.hd);
	free(k.step);
	free(k.factor);
	free(k.right);
	free(k.support);
	free(k.left_out);
	free(k.worst);
	return result;
}

const struct solver solver_proximal = {
	"proximal-newton", "loss + l2/2 |w|^2 + l1 |w|, by proximal Newton with coordinate descent", fits, solve
};
