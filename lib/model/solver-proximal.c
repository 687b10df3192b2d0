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
 * Only a working set of columns takes part: those with a weight, and of those whose derivative at 0 exceeds l1 the NEW worst
 * per step; H is formed over them alone.  Coordinate descent finds which weights are zero and the signs of the others soon,
 * and their values slowly: so after each round the linear equations of that guess are solved, and when
 * the answer has those signs and satisfies the others' bounds, it is the minimum.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "model/cholesky.h"
#include "model/solver.h"

#define NEW 256			/* columns that join the working set per step */
#define SWEEPS 32		/* of coordinate descent between two guesses */
#define ROUNDS 400
#define SLACK 1e-9		/* of l1: how far a derivative may lie outside */

struct work {
	size_t d;		/* columns; the bias is d */
	double *g;
	size_t *set, n;		/* the working set; in H the bias is n */
	double *h;		/* (n + 1)^2, both triangles */
	double *u, *hd;		/* new weights; H d */
	double *step, *factor, *right;
	size_t *support;
	bool *left_out;
	struct violation { double size; size_t column; } *worst;
};

static bool fits(const struct problem *p)
{
	return p->l1 > 0 && objective_outputs(&p->objective) == 1;
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

/* The working set; the largest violation anywhere. */
static double choose(struct work *k, const double *w, double l1)
{
	double largest = fabs(k->g[k->d]);
	size_t found = 0;

	k->n = 0;
	for (size_t j = 0; j < k->d; j++) {
		const double v = violation(k->g[j], w[j], l1);
		largest = v > largest ? v : largest;
		if (w[j] != 0)
			k->set[k->n++] = j;
		else if (v > SLACK * l1)
			k->worst[found++] = (struct violation){ v, j };
	}
	qsort(k->worst, found, sizeof *k->worst, by_size);
	for (size_t i = 0; i < found && i < NEW; i++)
		k->set[k->n++] = k->worst[i].column;
	qsort(k->set, k->n, sizeof *k->set, by_column);
	return largest;
}

static double shrink(double x, double by)
{
	return x > by ? x - by : x < -by ? x + by : 0;
}

/* One walk over the coordinates; the largest change. */
static double sweep(struct work *k, double l1)
{
	const size_t n = k->n, side = n + 1;
	double largest = 0;

	for (size_t i = 0; i <= n; i++) {
		const double bend = k->h[i * side + i];
		const size_t j = i < n ? k->set[i] : k->d;
		if (!(bend > 0))
			continue;
		const double slope = k->g[j] + k->hd[i], before = k->u[i];
		const double after = i < n ? shrink(bend * before - slope, l1) / bend : before - slope / bend;
		if (after == before)
			continue;
		k->u[i] = after;
		for (size_t m = 0; m <= n; m++)
			k->hd[m] += k->h[i * side + m] * (after - before);
		largest = fabs(after - before) > largest ? fabs(after - before) : largest;
	}
	return largest;
}

/* H d afresh. */
static void products(struct work *k, const double *w)
{
	const size_t side = k->n + 1;

	for (size_t i = 0; i < side; i++) {
		double sum = 0;
		for (size_t m = 0; m < side; m++)
			sum += k->h[i * side + m] * (k->u[m] - w[m < k->n ? k->set[m] : k->d]);
		k->hd[i] = sum;
	}
}

/*
 * The minimum if exactly these weights are not zero and have these signs: for i in the support,
 * g_i + (H d)_i + l1 sign(u_i) = 0, where d_j = -w_j outside.  True: it is the minimum, and in u.
 */
static bool guess(struct work *k, const double *w, double l1)
{
	const size_t n = k->n, side = n + 1;
	size_t s = 0;

	for (size_t i = 0; i < n; i++)
		if (k->u[i] != 0)
			k->support[s++] = i;
	k->support[s++] = n;
	for (size_t a = 0; a < s; a++) {
		const size_t i = k->support[a];
		double right = -k->g[i < n ? k->set[i] : k->d] - (i == n ? 0 : k->u[i] > 0 ? l1 : -l1);
		for (size_t m = 0; m < n; m++)
			if (k->u[m] == 0)
				right += k->h[i * side + m] * w[k->set[m]];
		k->right[a] = right;
		for (size_t b = 0; b <= a; b++)
			k->factor[a * s + b] = k->h[i * side + k->support[b]];
	}
	memset(k->left_out, 0, s * sizeof *k->left_out);
	if (cholesky_factor(k->factor, s, k->left_out))
		return false;
	cholesky_solve(k->factor, s, k->left_out, k->right);
	for (size_t a = 0; a + 1 < s; a++) {
		const size_t i = k->support[a];
		if (!((w[k->set[i]] + k->right[a] > 0) == (k->u[i] > 0) && w[k->set[i]] + k->right[a] != 0))
			return false;
	}
	/* The signs hold; are the zeros right? */
	for (size_t i = 0; i < n; i++) {
		if (k->u[i] != 0)
			continue;
		double slope = k->g[k->set[i]];
		for (size_t m = 0; m < n; m++)
			if (k->u[m] == 0)
				slope -= k->h[i * side + m] * w[k->set[m]];
		for (size_t b = 0; b < s; b++)
			slope += k->h[i * side + k->support[b]] * k->right[b];
		if (fabs(slope) > l1 * (1 + SLACK / 2))
			return false;
	}
	for (size_t a = 0; a < s; a++) {
		const size_t i = k->support[a];
		k->u[i] = w[i < n ? k->set[i] : k->d] + k->right[a];
	}
	return true;
}

/* u: the weights of the working set that minimise the model. */
static void descend(struct work *k, const double *w, double l1)
{
	const size_t n = k->n;

	for (size_t i = 0; i <= n; i++) {
		k->u[i] = w[i < n ? k->set[i] : k->d];
		k->hd[i] = 0;
	}
	for (unsigned round = 0; round < ROUNDS; round++) {
		double change = 0;
		for (unsigned i = 0; i < SWEEPS; i++) {
			change = sweep(k, l1);
			if (change <= 1e-13 * (1 + solver_largest(k->u, n + 1)))
				break;
		}
		if (guess(k, w, l1) || change <= 1e-13 * (1 + solver_largest(k->u, n + 1)))
			return;
		products(k, w);
	}
}

static int solve(const struct problem *p, double *w, struct error *why)
{
	const struct objective *o = &p->objective;
	const size_t d = o->data->columns, full = d + 1;
	struct work k = {
		.d = d, .g = alloc_bytes(full * sizeof *k.g), .set = alloc_bytes(full * sizeof *k.set),
		.u = alloc_bytes(full * sizeof *k.u), .hd = alloc_bytes(full * sizeof *k.hd),
		.step = alloc_bytes(full * sizeof *k.step), .right = alloc_bytes(full * sizeof *k.right),
		.support = alloc_bytes(full * sizeof *k.support), .left_out = alloc_bytes(full * sizeof *k.left_out),
		.worst = alloc_bytes(full * sizeof *k.worst),
	};
	double value = objective_value(o, w, k.g, NULL, NULL) + solver_penalty(p, w);
	int taken = 0, result = -1;

	for (;; taken++) {
		const double outside = choose(&k, w, p->l1);
		const size_t side = k.n + 1;
		solver_tell(p, (unsigned)taken, value, outside);
		if (taken == SOLVER_STEPS) {
			solver_unfinished(SOLVER_STEPS, outside, why);
			break;
		}
		k.h = alloc_again(k.h, side * side, sizeof *k.h);
		k.factor = alloc_again(k.factor, side * side, sizeof *k.factor);
		objective_value(o, w, k.g, &(struct hessian){ k.set, k.n, k.h }, NULL);
		for (size_t i = 0; i < side; i++)
			for (size_t m = 0; m < i; m++)
				k.h[m * side + i] = k.h[i * side + m];
		descend(&k, w, p->l1);

		memset(k.step, 0, full * sizeof *k.step);
		double slope = 0, size = 0;
		for (size_t i = 0; i < side; i++) {
			const size_t j = i < k.n ? k.set[i] : d;
			k.step[j] = k.u[i] - w[j];
			slope += k.g[j] * k.step[j] + (i < k.n ? p->l1 * (fabs(k.u[i]) - fabs(w[j])) : 0);
			size = fabs(k.step[j]) > size ? fabs(k.step[j]) : size;
		}
		const bool still = size <= SOLVER_STILL * (1 + solver_largest(w, full));
		value = solver_search(p, w, k.step, value, slope, k.g, NULL, NULL);
		if (!isfinite(value)) {
			solver_unfinished((unsigned)taken, outside, why);
			break;
		}
		/* w + (u - w) may miss the 0 that u is. */
		for (size_t i = 0; i < k.n; i++)
			if (k.u[i] == 0 && fabs(w[k.set[i]]) <= 1e-15 * (1 + fabs(k.step[k.set[i]])))
				w[k.set[i]] = 0;
		bool closed = still;
		for (size_t j = 0; j < d && closed; j++)
			closed = w[j] != 0 || violation(k.g[j], 0, p->l1) <= 2 * SLACK * p->l1;
		if (closed) {
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
