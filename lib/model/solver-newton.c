/* SPDX-License-Identifier: MIT */
/*
 * Newton's method (iteratively reweighted least squares), where H is small enough to form:
 *
 *	H d = -g,   w += t d
 *
 * with g the gradient and H the matrix of second derivatives of F, factored by Cholesky, and t = 1 but where F would not
 * fall.  Hastie, Tibshirani and Friedman, "The Elements of Statistical Learning", 2nd ed., 4.4.1.  Squared loss is quadratic: one
 * step reaches the minimum, a second takes away rounding.
 *
 * Without a penalty H may be singular.  At the start, where all rows have nearly the same curvature, that says that
 * columns depend on each other: the later one gets no weight.  Later it says that rows which can be told apart without
 * error have lost their curvature: F has no minimum.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "model/cholesky.h"
#include "model/solver.h"

static bool fits(const struct problem *p)
{
	const size_t weights = objective_outputs(&p->objective) * p->objective.data->columns;

	return !(p->l1 > 0) && weights <= (p->objective.l2 > 0 ? SOLVER_DENSE : SOLVER_DENSE_FREE);
}

static double dot(const double *a, const double *b, size_t n)
{
	double sum = 0;
	for (size_t i = 0; i < n; i++)
		sum += a[i] * b[i];
	return sum;
}

static int solve(const struct problem *p, double *w, struct error *why)
{
	const struct objective *o = &p->objective;
	const size_t d = o->data->columns, n = objective_size(o);
	double *g = alloc_bytes(n * sizeof *g), *step = alloc_bytes(n * sizeof *step);
	size_t *columns = alloc_bytes((d + 1) * sizeof *columns);
	bool *left_out = alloc_zeroed(n, sizeof *left_out);
	struct hessian h = { .columns = columns, .n = d, .a = alloc_bytes(n * n * sizeof *h.a) };
	double value, before = 0;
	int taken = 0, result = -1;

	for (size_t j = 0; j < d; j++)
		columns[j] = j;
	value = objective_value(o, w, g, &h, NULL);
	for (;; taken++) {
		solver_tell(p, (unsigned)taken, value, solver_largest(g, n));
		if (taken == SOLVER_STEPS) {
			solver_unfinished(SOLVER_STEPS, solver_largest(g, n), why);
			break;
		}
		if (cholesky_factor(h.a, n, left_out) && taken && !(o->l2 > 0)) {
			solver_unbounded(p, w, why);
			break;
		}
		for (size_t j = 0; j < n; j++)
			step[j] = -g[j];
		cholesky_solve(h.a, n, left_out, step);
		const double size = solver_largest(step, n), slope = dot(g, step, n);
		if (solver_is_last(size, before, 1 + solver_largest(w, n))) {
			for (size_t j = 0; j < n; j++)
				w[j] += step[j];
			result = taken + 1;
			break;
		}
		before = size;
		value = solver_search(p, w, step, value, slope, g, &h, NULL);
		if (!isfinite(value)) {
			solver_unfinished((unsigned)taken, solver_largest(g, n), why);
			break;
		}
		if (o->loss != LOSS_SQUARED && !(o->l2 > 0) && objective_separates(o, w)) {
			solver_unbounded(p, w, why);
			break;
		}
	}
	free(g);
	free(step);
	free(columns);
	free(left_out);
	free(h.a);
	return result;
}

const struct solver solver_newton = {
	"newton", "loss + l2/2 |w|^2, by Newton's method with a Cholesky factor", fits, solve
};
