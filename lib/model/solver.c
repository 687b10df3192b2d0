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

/* The weight of all rows. */
static double weight_of(const struct objective *o)
{
	double sum = 0;

	for (size_t b = 0; b < o->data->n_blocks; b++)
		sum += kernel_sum(o->data->blocks[b].weight);
	return sum;
}

/* Logarithms of the labels' shares of the weight, their mean taken away. */
static void label_biases(const struct objective *o, double *w)
{
	const size_t step = o->data->columns + 1, last = o->data->columns;
	double mean = 0;

	for (size_t k = 0; k < o->labels; k++)
		w[k * step + last] = 0;
	for (size_t b = 0; b < o->data->n_blocks; b++)
		for (size_t i = 0; i < KERNEL_ROWS; i++)
			w[(size_t)o->data->blocks[b].answer[i] * step + last] += o->data->blocks[b].weight[i];
	for (size_t k = 0; k < o->labels; k++)
		mean += (w[k * step + last] = log(w[k * step + last])) / (double)o->labels;
	for (size_t k = 0; k < o->labels; k++)
		w[k * step + last] -= mean;
}

/* The best constant: the mean, or the log-odds of the rows' weights.  False: of some label there is no weight. */
static bool best_biases(const struct objective *o, double *w)
{
	const double weights = weight_of(o);
	double answers = 0, *bias = &w[o->data->columns];

	memset(w, 0, objective_size(o) * sizeof *w);
	if (o->loss == LOSS_SOFTMAX) {
		label_biases(o, w);
		return isfinite(solver_largest(w, objective_size(o)));
	}
	for (size_t b = 0; b < o->data->n_blocks; b++)
		answers += kernel_dot(o->data->blocks[b].weight, o->data->blocks[b].answer);
	*bias = o->loss == LOSS_LOGISTIC ? log(answers / (weights - answers)) : answers / weights;
	return isfinite(*bias);
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
	const size_t n = objective_size(&p->objective);
	struct dataset some = sample_of(p->objective.data);
	struct problem part = *p;
	struct error ignored;
	double *v = alloc_bytes(n * sizeof *v);

	part.objective.data = &some;
	const double share = (double)some.n_blocks / (double)p->objective.data->n_blocks;
	part.objective.l2 *= share;
	part.objective.anchor *= share;
	part.l1 *= share;
	if (best_biases(&part.objective, v) && s->solve(&part, v, &ignored) >= 0)
		memcpy(w, v, n * sizeof *w);
	free(v);
	free(some.blocks);
}

int solver_run(const struct problem *given, double *w, struct error *why)
{
	struct problem p = *given;
	const struct solver *s = solver_find(&p);

	if (p.objective.loss == LOSS_SOFTMAX) {
		p.objective.anchor = weight_of(&p.objective) / (double)(p.objective.labels * p.objective.labels);
		p.objective.anchors_weights = !(p.l1 > 0) && !(p.objective.l2 > 0);
	}
	if (!best_biases(&p.objective, w))
		return error_set(why, p.objective.loss == LOSS_SOFTMAX ? "the rows' weights leave a label without any" :
		    "the rows' weights leave one class, or none");
	if (p.objective.data->n_blocks >= 4 * SOLVER_SAMPLE)
		start_from_sample(&p, s, w);
	return s->solve(&p, w, why);
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
	const size_t d = p->objective.data->columns;
	double sum = 0;

	for (size_t k = 0; p->l1 > 0 && k < objective_outputs(&p->objective); k++)
		for (size_t j = 0; j < d; j++)
			sum += fabs(w[k * (d + 1) + j]);
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
	const size_t n = objective_size(&p->objective);
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

int solver_unbounded(const struct problem *p, const double *w, struct error *why)
{
	const size_t d = p->objective.data->columns;
	char shown[NUMBER_SHOW_MAX];
	double largest = 0;

	for (size_t k = 0; k < objective_outputs(&p->objective); k++)
		largest = fmax(largest, solver_largest(w + k * (d + 1), d));
	number_show(floor(largest * 100) / 100, shown);
	return error_set(why, "some rows can be told apart without error, so that without a penalty the weights grow without bound "
	    "(%s so far): give --l2 or --l1 above 0", shown);
}

int solver_unfinished(unsigned steps, double gradient, struct error *why)
{
	return error_set(why, "no convergence in %u steps (gradient %.3g): give a greater --l2", steps, gradient);
}
