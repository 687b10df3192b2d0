/* SPDX-License-Identifier: MIT */
/*
 * Newton's method where the matrix of second derivatives is too large to form: H d = -g is solved by conjugate gradients,
 * which need products H v only, each one walk through the rows.  Preconditioned by H's diagonal, and only as
 * exactly as the step deserves: |r| <= min(0.1, sqrt(|g| / |g0|)) |g|, which keeps convergence faster than
 * linear.  Dembo and Steihaug, "Truncated-Newton algorithms for large-scale unconstrained optimization", Mathematical
 * Programming 26 (1983); Lin, Weng and Keerthi, "Trust region Newton method for logistic regression", JMLR 9 (2008).
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "model/solver.h"

static bool fits(const struct problem *p)
{
	return !(p->l1 > 0);
}

static double dot(const double *a, const double *b, size_t n)
{
	double sum = 0;
	for (size_t i = 0; i < n; i++)
		sum += a[i] * b[i];
	return sum;
}

struct work { double *g, *step, *r, *z, *v, *hv, *diagonal, *curvature; };

/* step = about -H^-1 g. */
static void conjugate(const struct objective *o, struct work *k, size_t n, double tolerance)
{
	double rz, size;

	objective_diagonal(o, k->curvature, k->diagonal);
	for (size_t j = 0; j < n; j++) {
		k->step[j] = 0;
		k->r[j] = -k->g[j];
		if (!(k->diagonal[j] > 0))
			k->diagonal[j] = 1;
		k->v[j] = k->z[j] = k->r[j] / k->diagonal[j];
	}
	rz = dot(k->r, k->z, n);
	size = sqrt(dot(k->g, k->g, n));
	for (size_t i = 0; i < 2 * n && sqrt(dot(k->r, k->r, n)) > tolerance * size; i++) {
		objective_product(o, k->curvature, k->v, k->hv);
		const double bend = dot(k->v, k->hv, n);
		if (!(bend > 0))
			break;
		const double a = rz / bend;
		for (size_t j = 0; j < n; j++) {
			k->step[j] += a * k->v[j];
			k->r[j] -= a * k->hv[j];
			k->z[j] = k->r[j] / k->diagonal[j];
		}
		const double next = dot(k->r, k->z, n), b = next / rz;
		rz = next;
		for (size_t j = 0; j < n; j++)
			k->v[j] = k->z[j] + b * k->v[j];
	}
}

static int solve(const struct problem *p, double *w, struct error *why)
{
	const struct objective *o = &p->objective;
	const size_t n = objective_size(o);
	double *const memory = alloc_bytes((7 * n + objective_curvature_size(o)) * sizeof *memory);
	struct work k = { memory, memory + n, memory + 2 * n, memory + 3 * n, memory + 4 * n, memory + 5 * n, memory + 6 * n,
	    memory + 7 * n };
	double value, first, weights = 0;
	int taken = 0, result = -1;

	for (size_t b = 0; b < o->data->n_blocks; b++)
		weights += kernel_sum(o->data->blocks[b].weight);
	value = objective_value(o, w, k.g, NULL, k.curvature);
	first = sqrt(dot(k.g, k.g, n));
	for (;; taken++) {
		solver_tell(p, (unsigned)taken, value, solver_largest(k.g, n));
		if (taken == SOLVER_STEPS) {
			solver_unfinished(SOLVER_STEPS, solver_largest(k.g, n), why);
			break;
		}
		conjugate(o, &k, n, fmin(0.1, sqrt(sqrt(dot(k.g, k.g, n)) / (first > 0 ? first : 1))));
		const double size = solver_largest(k.step, n), slope = dot(k.g, k.step, n);
		const double largest = 1 + solver_largest(w, n), steepest = solver_largest(k.g, n);
		/* F bends by l2 at least: |g| / l2 bounds the distance, which a step cut short might not show.  Below `noise` the
		 * gradient is the rounding of its sum, of |r x| over the rows. */
		const double noise = 1e-15 * (o->loss != LOSS_SQUARED ? weights : sqrt(2 * value * weights)) + 1e-14 * first;
		const bool flat = steepest <= noise;
		if (flat || (size <= SOLVER_STILL * largest && (!(o->l2 > 0) || steepest <= SOLVER_STILL * o->l2 * largest))) {
			if (flat && !(o->l2 > 0) && size > SOLVER_STILL * largest) {
				solver_unbounded(p, w, why);
				break;
			}
			for (size_t j = 0; j < n; j++)
				w[j] += k.step[j];
			result = taken + 1;
			break;
		}
		value = solver_search(p, w, k.step, value, slope, k.g, NULL, k.curvature);
		if (!isfinite(value)) {
			solver_unfinished((unsigned)taken, solver_largest(k.g, n), why);
			break;
		}
		if (o->loss != LOSS_SQUARED && !(o->l2 > 0) && objective_separates(o, w)) {
			solver_unbounded(p, w, why);
			break;
		}
	}
	free(memory);
	return result;
}

const struct solver solver_newton_cg = {
	"newton-cg", "loss + l2/2 |w|^2, by Newton's method with conjugate gradients", fits, solve
};
