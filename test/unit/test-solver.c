/* SPDX-License-Identifier: MIT */
/*
 * A minimum is known by its conditions: the gradient is 0, and with l1 its distance from the subgradients.  They are computed
 * here row by row with libm, apart from the code under test.
 */
#include "model/solver.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/prng.h"
#include "model/cholesky.h"
#include "tap.h"

static struct prng prng;

static double normal(void)
{
	const double u = 1 - prng_unit(&prng), v = prng_unit(&prng);
	return sqrt(-2 * log(u)) * cos(2 * M_PI * v);
}

enum { LOGISTIC, LINEAR, SOFTMAX };

/* Rows of three labels, from margins of which two are random; the last answer's are 0. */
static double label_of(const double *x, size_t d)
{
	double z[] = { -0.4, 0.3, 0 };
	for (size_t j = 0; j < d; j++) {
		z[0] += x[j] * (j % 2 ? 0.8 : -0.3) / (1 + (double)j);
		z[1] += x[j] * (j % 3 ? 1 : 0.2) / (1 + (double)j);
	}
	const double e[] = { exp(z[0]), exp(z[1]), 1 }, u = prng_unit(&prng) * (e[0] + e[1] + e[2]);
	return u < e[0] ? 0 : u < e[0] + e[1] ? 1 : 2;
}

/* n rows of d standardised columns, the third (if any) nearly a copy of the first; weights from 0.5 to 2 where asked. */
static struct dataset make(size_t n, size_t d, int kind, bool weighted)
{
	struct dataset ds = DATASET_INIT;
	double *x = alloc_bytes(d * sizeof *x);

	for (size_t j = 0; j < d; j++)
		dataset_add_column(&ds);
	for (size_t i = 0; i < n; i++) {
		double z = -0.7;
		for (size_t j = 0; j < d; j++) {
			x[j] = j == 2 ? x[0] + 0.01 * normal() : normal();
			z += x[j] * (j % 3 == 1 ? 0 : 1.5 / (1 + (double)j));
		}
		const double y = kind == SOFTMAX ? label_of(x, d) : kind == LINEAR ? z + normal() : prng_unit(&prng) < 1 / (1 + exp(-z));
		dataset_add(&ds, x, y, weighted ? 0.5 + 1.5 * prng_unit(&prng) : 1);
	}
	dataset_seal(&ds);
	for (size_t j = 0; j < d; j++) {
		struct column_figures f;
		dataset_figures(&ds, j, &f);
		dataset_scale(&ds, j, f.mean, f.deviation);
	}
	free(x);
	return ds;
}

static size_t zeros(const double *w, size_t d)
{
	size_t n = 0;
	for (size_t j = 0; j < d; j++)
		n += w[j] == 0;
	return n;
}

/* The largest distance of 0 from the (sub)gradient at w, per row. */
static double distance(const struct problem *p, const double *w)
{
	const struct dataset *ds = p->objective.data;
	double *g = alloc_zeroed(ds->columns + 1, sizeof *g), worst = 0;

	for (size_t i = 0; i < ds->rows; i++) {
		const double s = ds->blocks[i / KERNEL_ROWS].weight[i % KERNEL_ROWS];
		double z = w[ds->columns];
		for (size_t j = 0; j < ds->columns; j++)
			z += w[j] * dataset_value(ds, i, j);
		const double r = s * ((p->objective.loss == LOSS_LOGISTIC ? 1 / (1 + exp(-z)) : z) - dataset_answer(ds, i));
		for (size_t j = 0; j < ds->columns; j++)
			g[j] += r * dataset_value(ds, i, j);
		g[ds->columns] += r;
	}
	for (size_t j = 0; j <= ds->columns; j++) {
		double v = g[j] + (j < ds->columns ? p->objective.l2 * w[j] : 0);
		if (j < ds->columns && p->l1 > 0)
			v = w[j] > 0 ? v + p->l1 : w[j] < 0 ? v - p->l1 : fmax(0, fabs(v) - p->l1);
		worst = fmax(worst, fabs(v));
	}
	free(g);
	return worst / (double)ds->rows;
}

/* The same of several labels. */
static double distance_of_labels(const struct problem *p, const double *w)
{
	const struct dataset *ds = p->objective.data;
	const size_t d = ds->columns, labels = p->objective.labels, n = labels * (d + 1);
	double *g = alloc_zeroed(n, sizeof *g), worst = 0, z[4];

	for (size_t i = 0; i < ds->rows; i++) {
		double sum = 0;
		for (size_t k = 0; k < labels; k++) {
			z[k] = w[k * (d + 1) + d];
			for (size_t j = 0; j < d; j++)
				z[k] += w[k * (d + 1) + j] * dataset_value(ds, i, j);
			sum += exp(z[k]);
		}
		for (size_t k = 0; k < labels; k++) {
			const double r = ds->blocks[i / KERNEL_ROWS].weight[i % KERNEL_ROWS] * (exp(z[k]) / sum - (dataset_answer(ds, i) == (double)k));
			for (size_t j = 0; j < d; j++)
				g[k * (d + 1) + j] += r * dataset_value(ds, i, j);
			g[k * (d + 1) + d] += r;
		}
	}
	for (size_t i = 0; i < n; i++) {
		const bool bias = i % (d + 1) == d;
		double v = g[i] + (bias ? 0 : p->objective.l2 * w[i]);
		if (!bias && p->l1 > 0)
			v = w[i] > 0 ? v + p->l1 : w[i] < 0 ? v - p->l1 : fmax(0, fabs(v) - p->l1);
		worst = fmax(worst, fabs(v));
	}
	free(g);
	return worst / (double)ds->rows;
}

static void labels(void)
{
	static const struct { size_t n, d, labels; double l2, l1; const char *solver; } cases[] = {
		{ 500, 3, 3, 1, 0, "newton" }, { 3000, 15, 3, 0.01, 0, "newton" }, { 2000, 5, 3, 0, 0, "newton" },
		{ 900, 40, 3, 1, 0, "newton-cg" }, { 300, 200, 3, 0.5, 0, "newton-cg" }, { 300000, 3, 3, 1, 0, "newton" },
		{ 263000, 22, 3, 2, 0, "newton-cg" }, { 800, 12, 3, 0, 20, "proximal-newton" }, { 800, 12, 3, 1, 5, "proximal-newton" },
		{ 800, 12, 2, 0, 5, "proximal-newton" }, { 800, 12, 4, 0, 3, "proximal-newton" }, { 300, 200, 3, 0, 3, "proximal-newton" },
		{ 300, 30, 3, 0, 0.01, "proximal-newton" }, { 300000, 3, 3, 0, 100, "proximal-newton" },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		for (int weighted = 0; weighted < 2; weighted++) {
			const size_t labels = cases[i].labels;
			struct dataset ds = make(cases[i].n, cases[i].d, labels == 2 ? LOGISTIC : SOFTMAX, weighted);
			const struct problem p = {
				.objective = { .loss = LOSS_SOFTMAX, .data = &ds, .l2 = cases[i].l2, .labels = labels }, .l1 = cases[i].l1
			};
			double *w = alloc_bytes(objective_size(&p.objective) * sizeof *w), sum = 0;
			struct error why = { "" };
			if (labels == 4)		/* of one, another */
				for (size_t r = 0; r < ds.rows; r += 1 + r % 3)
					ds.blocks[r / KERNEL_ROWS].answer[r % KERNEL_ROWS] = dataset_value(&ds, r, 0) + normal() > 0 ? 3 : 2;
			const int steps = solver_run(&p, w, &why);
			is_str(solver_find(&p)->name, cases[i].solver, "%zu labels, %zu x %zu: the method", labels, cases[i].n, cases[i].d);
			ok(steps > 0, "finds a minimum%s%s", steps > 0 ? "" : ": ", steps > 0 ? "" : why.text);
			const double off = distance_of_labels(&p, w);
			ok(off <= 1e-9, "and the conditions hold there: %.2g off (l2 %g, l1 %g%s)", off, cases[i].l2, cases[i].l1,
			    weighted ? ", weighted" : "");
			for (size_t j = cases[i].l1 > 0 ? ds.columns : 0; j <= ds.columns; j++) {
				double over = 0;
				for (size_t k = 0; k < labels; k++)
					over += w[k * (ds.columns + 1) + j];
				sum = fmax(sum, fabs(over));
			}
			ok(sum < 1e-9, "over the labels %s add up to 0: %.2g", cases[i].l1 > 0 ? "biases" : "weights and biases", sum);
			if (cases[i].l1 >= 5)
				ok(zeros(w, objective_size(&p.objective)) > 0, "l1 makes zeros");
			free(w);
			dataset_release(&ds);
		}
}

/* Two labels under softmax are a logistic model whose penalty is half. */
static void two_labels(void)
{
	struct dataset ds = make(1500, 4, LOGISTIC, true);
	double a[10], b[5], worst = 0;
	struct error why;

	solver_run(&(struct problem){ .objective = { .loss = LOSS_SOFTMAX, .data = &ds, .l2 = 0.8, .labels = 2 } }, a, &why);
	solver_run(&(struct problem){ .objective = { .loss = LOSS_LOGISTIC, .data = &ds, .l2 = 0.4 } }, b, &why);
	for (int j = 0; j < 5; j++)
		worst = fmax(worst, fabs(a[5 + j] - a[j] - b[j]));
	ok(worst < 1e-9, "two labels: the difference of the outputs is logistic: %.2g", worst);
	dataset_release(&ds);
}

static void conditions(void)
{
	static const struct { size_t n, d; int kind; double l2, l1; const char *solver; } cases[] = {
		{ 500, 3, LOGISTIC, 1, 0, "newton" }, { 3000, 20, LOGISTIC, 0.01, 0, "newton" },
		{ 2000, 10, LOGISTIC, 0, 0, "newton" }, { 1025, 5, LINEAR, 0, 0, "newton" }, { 700, 30, LINEAR, 10, 0, "newton" },
		{ 900, 80, LOGISTIC, 1, 0, "newton-cg" }, { 900, 100, LINEAR, 1, 0, "newton-cg" }, { 300, 400, LOGISTIC, 0.5, 0, "newton-cg" },
		{ 800, 12, LOGISTIC, 0, 20, "proximal-newton" }, { 800, 12, LOGISTIC, 1, 5, "proximal-newton" },
		{ 500, 40, LINEAR, 0, 30, "proximal-newton" }, { 400, 600, LOGISTIC, 0, 3, "proximal-newton" },
		{ 800, 12, LINEAR, 0, 1e6, "proximal-newton" }, { 50, 12, LOGISTIC, 0, 0.001, "proximal-newton" },
		{ 300000, 3, LOGISTIC, 1, 0, "newton" }, { 300000, 3, LOGISTIC, 0, 100, "proximal-newton" },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		for (int weighted = 0; weighted < 2; weighted++) {
			struct dataset ds = make(cases[i].n, cases[i].d, cases[i].kind, weighted);
			const struct problem p = { { .loss = cases[i].kind == LINEAR ? LOSS_SQUARED : LOSS_LOGISTIC, .data = &ds, .l2 = cases[i].l2 }, cases[i].l1, { 0 } };
			double *w = alloc_bytes((ds.columns + 1) * sizeof *w);
			struct error why = { "" };
			const int steps = solver_run(&p, w, &why);
			is_str(solver_find(&p)->name, cases[i].solver, "%zu x %zu: the method", cases[i].n, cases[i].d);
			ok(steps > 0, "finds a minimum%s%s", steps > 0 ? "" : ": ", steps > 0 ? "" : why.text);
			const double off = distance(&p, w);
			ok(off <= 1e-9, "and the conditions hold there: %.2g off (l2 %g, l1 %g%s)", off, cases[i].l2, cases[i].l1,
			    weighted ? ", weighted" : "");
			if (cases[i].l1 >= 1e6)
				is_int(zeros(w, ds.columns), ds.columns, "a large l1 leaves the bias alone");
			else if (cases[i].l1 >= 3 && cases[i].l2 == 0 && cases[i].d > 5)
				ok(zeros(w, ds.columns) > 0, "l1 makes zeros: %zu of %zu", zeros(w, ds.columns), ds.columns);
			free(w);
			dataset_release(&ds);
		}
}

/* Every method that fits finds the same weights, and the same bits again. */
static void agreement(void)
{
	struct dataset ds = make(2000, 15, LOGISTIC, true);
	const struct problem p = { { .loss = LOSS_LOGISTIC, .data = &ds, .l2 = 0.3 }, 0, { 0 } }, tiny = { { .loss = LOSS_LOGISTIC, .data = &ds, .l2 = 0.3 }, 1e-9, { 0 } };
	double a[16], b[16], c[16], again[16], worst_b = 0, worst_c = 0;
	struct error why;

	memset(b, 0, sizeof b);
	solver_run(&p, a, &why);
	solver_run(&p, again, &why);
	ok(!memcmp(a, again, sizeof a), "the same bits in a second run");
	ok(solver_newton_cg.solve(&p, b, &why) > 0, "conjugate gradients fit too");
	ok(solver_run(&tiny, c, &why) > 0, "and a tiny l1");
	for (int j = 0; j < 16; j++) {
		worst_b = fmax(worst_b, fabs(a[j] - b[j]));
		worst_c = fmax(worst_c, fabs(a[j] - c[j]));
	}
	ok(worst_b < 1e-8, "conjugate gradients agree: %.2g", worst_b);
	ok(worst_c < 1e-7, "a tiny l1 agrees: %.2g", worst_c);
	dataset_release(&ds);
}

/* Least squares of a line through points, by hand. */
static void line(void)
{
	static const double x[] = { -1.5, -0.5, 0.5, 1.5 }, y[] = { 1, 2, 2, 5 };
	struct dataset ds = DATASET_INIT;
	double w[2];
	struct error why;

	dataset_add_column(&ds);
	for (int i = 0; i < 4; i++)
		dataset_add(&ds, &x[i], y[i], 1);
	dataset_seal(&ds);
	dataset_scale(&ds, 0, 0, 1);
	is_int(solver_run(&(struct problem){ { .loss = LOSS_SQUARED, .data = &ds, .l2 = 0 }, 0, { 0 } }, w, &why), 2, "one step and one to see it");
	is_near(w[0], 1.2, 1e-15, "slope");
	is_near(w[1], 2.5, 1e-15, "intercept");
	solver_run(&(struct problem){ { .loss = LOSS_SQUARED, .data = &ds, .l2 = 5 }, 0, { 0 } }, w, &why);
	is_near(w[0], 0.6, 1e-15, "ridge: slope 6 / (5 + 5)");
	solver_run(&(struct problem){ { .loss = LOSS_SQUARED, .data = &ds, .l2 = 0 }, 2, { 0 } }, w, &why);
	is_near(w[0], 0.8, 1e-12, "lasso: slope (6 - 2) / 5");
	dataset_release(&ds);
}

static struct dataset separable(bool wholly)
{
	struct dataset ds = DATASET_INIT;

	dataset_add_column(&ds);
	dataset_add_column(&ds);
	for (int i = 0; i < 200; i++) {
		const double side = i & 1, x[] = { wholly ? side * 2 - 1 + 0.1 * normal() : side && i % 10 == 1, normal() };
		dataset_add(&ds, x, side, 1);
	}
	dataset_seal(&ds);
	for (size_t j = 0; j < 2; j++) {
		struct column_figures f;
		dataset_figures(&ds, j, &f);
		dataset_scale(&ds, j, f.mean, f.deviation);
	}
	return ds;
}

static void no_minimum(void)
{
	for (int wholly = 0; wholly < 2; wholly++) {
		struct dataset ds = separable(wholly);
		double w[3];
		struct error why = { "" };
		const char *which = wholly ? "separable" : "separable in part";
		struct problem p = { { .loss = LOSS_LOGISTIC, .data = &ds, .l2 = 0 }, 0, { 0 } };
		is_int(solver_run(&p, w, &why), -1, "%s, no penalty: no minimum", which);
		ok(strstr(why.text, "grow without bound") && strstr(why.text, "--l2"), "... it says so: %s", why.text);
		memset(w, 0, sizeof w);
		is_int(solver_newton_cg.solve(&p, w, &why), -1, "%s, by conjugate gradients", which);
		p.objective.l2 = 1e-6;
		ok(solver_run(&p, w, &why) > 0 && distance(&p, w) < 1e-9, "%s, l2 of 1e-6: a minimum", which);
		p.objective.l2 = 0;
		p.l1 = 1e-3;
		ok(solver_run(&p, w, &why) > 0 && distance(&p, w) < 1e-9, "%s, l1 of 1e-3: a minimum", which);
		dataset_release(&ds);
	}
}

/* Three labels that can be told apart, wholly or one of them from the others. */
static void no_minimum_of_labels(void)
{
	for (int wholly = 0; wholly < 2; wholly++) {
		struct dataset ds = DATASET_INIT;
		double w[9];
		struct error why = { "" };
		struct problem p = { .objective = { .loss = LOSS_SOFTMAX, .data = &ds, .labels = 3 } };
		dataset_add_column(&ds);
		dataset_add_column(&ds);
		for (int i = 0; i < 300; i++) {
			const int label = i % 3;
			const double x[] = { wholly ? label == 1 ? 3 : 0 : label == 1 && i % 10 == 1, wholly && label == 2 ? 3 : normal() * 0.2 };
			dataset_add(&ds, x, label, 1);
		}
		dataset_seal(&ds);
		for (size_t j = 0; j < 2; j++)
			dataset_scale(&ds, j, 0, 1);
		is_int(solver_run(&p, w, &why), -1, "three labels, separable%s: no minimum", wholly ? "" : " in part");
		ok(strstr(why.text, "grow without bound") != NULL, "... it says so: %s", why.text);
		p.objective.anchor = 30;
		p.objective.anchors_weights = true;
		memset(w, 0, sizeof w);
		is_int(solver_newton_cg.solve(&p, w, &why), -1, "by conjugate gradients too");
		p.l1 = 1e-3;
		ok(solver_run(&p, w, &why) > 0 && distance_of_labels(&p, w) < 1e-9, "l1 of 1e-3: a minimum");
		p.l1 = 0;
		p.objective.l2 = 1e-6;
		ok(solver_run(&p, w, &why) > 0 && distance_of_labels(&p, w) < 1e-9, "l2 of 1e-6: a minimum");
		for (int i = 0; i < 300; i += 3)
			ds.blocks[0].weight[i] = 0;
		is_int(solver_run(&p, w, &why), -1, "a label without weight");
		ok(strstr(why.text, "a label without") != NULL, "... it says so: %s", why.text);
		dataset_release(&ds);
	}
}

static void odd_columns(void)
{
	struct dataset ds = DATASET_INIT;
	double w[4];
	struct error why = { "" };

	for (int j = 0; j < 3; j++)
		dataset_add_column(&ds);
	for (int i = 0; i < 500; i++) {
		const double u = normal(), x[] = { u, 0, -2 * u };
		dataset_add(&ds, x, prng_unit(&prng) < 1 / (1 + exp(-u)), 1);
	}
	dataset_seal(&ds);
	for (size_t j = 0; j < 3; j++) {
		struct column_figures f;
		dataset_figures(&ds, j, &f);
		dataset_scale(&ds, j, f.mean, f.deviation);
	}
	struct problem p = { { .loss = LOSS_LOGISTIC, .data = &ds, .l2 = 0 }, 0, { 0 } };
	ok(solver_run(&p, w, &why) > 0, "a copy and a constant, no penalty: a minimum%s", why.text);
	ok(distance(&p, w) < 1e-9, "it is one");
	ok(w[1] == 0 && w[2] == 0, "the constant and the later copy have no weight");
	p.objective.l2 = 1;
	ok(solver_run(&p, w, &why) > 0, "with l2");
	is_near(w[0], -w[2], 1e-9, "copies share the weight");
	for (size_t b = 0; b < ds.n_blocks; b++)
		memset(ds.blocks[b].answer, 0, KERNEL_ROWS * sizeof(double));
	is_int(solver_run(&p, w, &why), -1, "one class");
	ok(strstr(why.text, "one class") != NULL, "it says so: %s", why.text);
	dataset_release(&ds);
}

static void factors(void)
{
	double a[] = { 4, 0, 0, 2, 5, 0, 4, 2, 4 }, b[] = { 8, 9, 8 };
	bool left_out[3] = { false };

	is_int(cholesky_factor(a, 3, left_out), 1, "a row that depends on another is found");
	ok(!left_out[0] && !left_out[1] && left_out[2], "it is the later one");
	cholesky_solve(a, 3, left_out, b);
	is_near(b[0], 22.0 / 16, 1e-15, "x1");
	is_near(b[1], 20.0 / 16, 1e-15, "x2");
	is_double(b[2], 0, "x3 is left out");
}

struct seen { unsigned steps; double objective; bool falls; };

static void see(void *self, const struct problem *p, unsigned step, double objective, double gradient)
{
	struct seen *s = self;

	(void)p;
	(void)gradient;
	s->falls &= step == s->steps && (!step || objective <= s->objective);
	s->steps = step + 1;
	s->objective = objective;
}

static void watching(void)
{
	struct dataset ds = make(500, 4, LOGISTIC, false);
	double w[5];
	struct error why;

	for (int l1 = 0; l1 < 2; l1++) {
		struct seen s = { .falls = true };
		solver_run(&(struct problem){ { .loss = LOSS_LOGISTIC, .data = &ds, .l2 = 1 }, l1, { see, &s } }, w, &why);
		ok(s.steps > 2 && s.falls, "each step is told, and the objective falls");
	}
	dataset_release(&ds);
}

int main(void)
{
	prng_init(&prng, 1);
	conditions();
	agreement();
	line();
	no_minimum();
	labels();
	two_labels();
	no_minimum_of_labels();
	odd_columns();
	factors();
	watching();
	return done();
}
