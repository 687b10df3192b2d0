/* SPDX-License-Identifier: MIT */
#include "model/solver.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/number.h"

/* To add a method: its file, its row here. */
const struct solver *const solver_table[] = { &solver_newton, &solver_newton_cg, &solver_proximal, NULL };

const struct solver *solver_find(const struct problem *p)
{
	for (size_t i = 0; solver_table[i]; i++)
		if (solver_table[i]->fits(p))
			return solver_table[i];
	return NULL;
}

/* The best constant: the mean, or the log-odds of the rows' weights. */
static double best_bias(const struct objective *o)
{
	double weights = 0, answers = 0;

	for (size_t b = 0; b < o->data->n_blocks; b++) {
		weights += kernel_sum(o->data->blocks[b].weight);
		answers += kernel_dot(o->data->blocks[b].weight, o->data->blocks[b].answer);
	}
	return o->loss == LOSS_LOGISTIC ? log(answers / (weights - answers)) : answers / weights;
}

/* Every n-th whole block; the pointers are borrowed. */
static struct dataset sample_of(const struct dataset *ds)
{
	struct dataset some = { .rows = SOLVER_SAMPLE * KERNEL_ROWS, .columns = ds->columns, .n_blocks = SOLVER_SAMPLE };

	some.blocks = alloc_bytes(SOLVER_SAMPLE * sizeof *some.blocks);
	for (size_t b = 0; b < SOLVER_SAMPLE; b++)
		some.blocks[b] = ds->blocks[b * (ds->n_blocks - 1) / SOLVER_SAMPLE];
	return some;
}

/* The minimum over a sample, its penalties in proportion: two or three steps from the one over all rows. */
static void start_from_sample(const struct problem *p, const struct solver *s, double *w)
{
	const size_t d = p->objective.data->columns;
	struct dataset some = sample_of(p->objective.data);
	struct problem part = *p;
	struct error ignored;
	double *v = alloc_zeroed(d + 1, sizeof *v);

	part.objective.data = &some;
	const double share = (double)some.n_blocks / (double)p->objective.data->n_blocks;
	part.objective.l2 *= share;
	part.l1 *= share;
	v[d] = best_bias(&part.objective);
	if (isfinite(v[d]) && s->solve(&part, v, &ignored) >= 0)
		memcpy(w, v, (d + 1) * sizeof *w);
	free(v);
	free(some.blocks);
}

int solver_run(const struct problem *p, double *w, struct error *why)
{
	const struct solver *s = solver_find(p);
	const struct dataset *ds = p->objective.data;

	memset(w, 0, ds->columns * sizeof *w);
	w[ds->columns] = best_bias(&p->objective);
	if (!isfinite(w[ds->columns]))
		return error_set(why, "the rows' weights leave one class, or none");
	if (ds->n_blocks >= 4 * SOLVER_SAMPLE)
		start_from_sample(p, s, w);
	return s->solve(p, w, why);
}

bool solver_is_last(double size, double before, double largest)
{
	const double next = before > 0 ? size / before * (size / before) * size : INFINITY;

	return size <= SOLVER_STILL * largest || (size <= 1e-3 * largest && next <= SOLVER_STILL / 100 * largest);
}

double solver_largest(const double *x, size_t n)
{
	double largest = 0;

	for (size_t i = 0; i < n; i++)
		if (!(fabs(x[i]) <= largest))	/* NaN too */
			largest = fabs(x[i]);
	return largest;
}

double solver_penalty(const struct problem *p, const double *w)
{
	double sum = 0;

	for (size_t j = 0; p->l1 > 0 && j < p->objective.data->columns; j++)
		sum += fabs(w[j]);
	return p->l1 > 0 ? p->l1 * sum : 0;
}

void solver_tell(const struct problem *p, unsigned iteration, double objective, double gradient)
{
	if (p->watch.step)
		p->watch.step(p->watch.self, p, iteration, objective, gradient);
}

double solver_search(const struct problem *p, double *w, const double *step, double value, double slope, double *gradient,
    struct hessian *h, double *curvature)
{
	const size_t n = p->objective.data->columns + 1;
	double *start = alloc_bytes(n * sizeof *start), now = NAN;

	memcpy(start, w, n * sizeof *start);
	for (double t = 1; t > 1e-12; t /= 2) {
		for (size_t j = 0; j < n; j++)
			w[j] = start[j] + t * step[j];
		now = objective_value(&p->objective, w, gradient, h, curvature) + solver_penalty(p, w);
		/* Where the promise is below what the sum's rounding hides, the step is believed. */
		if (now <= value + 1e-4 * t * slope || (isfinite(now) && -slope <= 1e-12 * fabs(value)))
			break;
		now = NAN;
	}
	free(start);
	return now;
}

int solver_unbounded(const double *w, size_t n, struct error *why)
{
	char largest[NUMBER_SHOW_MAX];

	number_show(floor(solver_largest(w, n) * 100) / 100, largest);
	return error_set(why, "some rows can be told apart without error, so that without a penalty the weights grow without bound "
	    "(%s so far): give --l2 or --l1 above 0", largest);
}

int solver_unfinished(unsigned steps, double gradient, struct error *why)
{
	return error_set(why, "no convergence in %u steps (gradient %.3g): give a greater --l2", steps, gradient);
}
