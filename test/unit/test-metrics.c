/* SPDX-License-Identifier: MIT */
/* Figures of small cases are computed by hand or by counting; agreement with scikit-learn is checked in train.bats. */
#include "model/metrics.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/prng.h"
#include "model/radix.h"
#include "tap.h"

static struct prng prng;

static void by_hand(void)
{
	struct scored r[] = { { 0.1, 0, 1 }, { 0.4, 0, 1 }, { 0.35, 1, 1 }, { 0.8, 1, 1 } };
	struct quality q;

	metrics_binary(r, 4, 0.5, &q);
	is_int(q.rows, 4, "rows");
	is_double(q.auc, 0.75, "AUC: three of four pairs are in order");
	is_near(q.loss, -(log(0.9) + log(0.6) + log(0.35) + log(0.8)) / 4, 1e-15, "log loss");
	is_double(q.accuracy, 0.75, "accuracy");
	is_near(q.brier, (0.01 + 0.16 + 0.65 * 0.65 + 0.04) / 4, 1e-15, "Brier score");
	is_near(q.calibration, 1.65 / 2, 1e-15, "calibration");
	is_double(q.constant, 0.5, "the best constant");
	is_near(q.constant_loss, log(2), 1e-15, "its loss");
}

static void special(void)
{
	struct scored tied[] = { { 0.5, 0, 1 }, { 0.5, 1, 1 }, { 0.5, 1, 1 }, { 0.5, 0, 1 } };
	struct scored sure[] = { { 0, 1, 1 }, { 1, 0, 1 } };
	struct scored one[] = { { 0.7, 1, 1 }, { 0.9, 1, 1 } };
	struct scored weighted[] = { { 0.1, 0, 2 }, { 0.4, 0, 1 }, { 0.35, 1, 3 }, { 0.8, 1, 0 } };
	struct scored zeros[] = { { -0.0, 0, 1 }, { 0.0, 1, 1 } };
	struct quality q;

	metrics_binary(tied, 4, 0.5, &q);
	is_double(q.auc, 0.5, "ties count half");
	is_double(q.accuracy, 0.5, "at the threshold is positive");
	metrics_binary(sure, 2, 0.5, &q);
	is_near(q.loss, -log(0x1p-52), 1e-12, "certain and wrong costs -log of 2^-52");
	is_double(q.auc, 0, "all in the wrong order");
	metrics_binary(one, 2, 0.5, &q);
	ok(isnan(q.auc), "one class has no AUC");
	is_double(q.constant_loss, 0, "a constant is right about one class");
	metrics_binary(weighted, 4, 0.5, &q);
	is_near(q.auc, 2.0 / 3, 1e-15, "weights count as rows");
	is_near(q.brier, (2 * 0.01 + 0.16 + 3 * 0.65 * 0.65) / 6, 1e-15, "in sums too");
	metrics_binary(zeros, 2, 0.5, &q);
	is_double(q.auc, 0.5, "-0 and 0 are tied");
	metrics_binary(one, 0, 0.5, &q);
	ok(isnan(q.loss) && isnan(q.auc) && isnan(q.constant_loss), "no rows: nothing is defined");
}

static void labels(void)
{
	double p[] = { 0.7, 0.2, 0.1, 0.3, 0.3, 0.4, 0.1, 0.8, 0.1, 0.5, 0.25, 0.25 }, answer[] = { 0, 1, 1, 2 }, weight[] = { 1, 2, 1, 1 };
	const struct scored_labels r = { 4, 3, p, answer, weight };
	double shares[3];
	struct quality q;

	metrics_labels(&r, &q);
	is_int(q.rows, 4, "labels: rows");
	is_near(q.loss, -(log(0.7) + 2 * log(0.3) + log(0.8) + log(0.25)) / 5, 1e-15, "log loss");
	is_near(q.accuracy, 2.0 / 5, 1e-15, "accuracy");
	is_near(q.brier, (0.14 + 2 * 0.74 + 0.06 + 0.875) / 5, 1e-15, "Brier score");
	/* Pairs in order: of label 0 all, of 1 six of six weights but those with p 0.3 above 0.25 and 0.2, of 2 one of four and two ties. */
	is_near(q.auc, (1 + 1 + 2.0 / 4) / 3, 1e-15, "AUC, the mean over the labels");
	is_double(q.constant, 0.6, "the share of the commonest");
	is_near(q.constant_loss, -(log(0.2) + 3 * log(0.6) + log(0.2)) / 5, 1e-15, "loss of the shares");
	ok(isnan(q.calibration) && isnan(q.r2), "what is of others is not defined");
	metrics_shares(&r, shares);
	ok(shares[0] == 0.2 && shares[1] == 0.6 && shares[2] == 0.2, "shares");
	metrics_constant_labels(&q, &r, (const double[]){ 0.5, 0.25, 0.25 });
	is_double(q.constant, 0.5, "of other rows");
	is_near(q.constant_loss, -(log(0.5) + 4 * log(0.25)) / 5, 1e-15, "judged on these");
	answer[3] = 0;
	metrics_labels(&r, &q);
	ok(isnan(q.auc), "of a label without rows there is no AUC");
	answer[0] = answer[3] = 1;
	metrics_labels(&r, &q);
	ok(q.constant == 1 && q.constant_loss == 0, "a constant is right about one label");
	metrics_labels(&(struct scored_labels){ 0, 3, p, answer, weight }, &q);
	ok(isnan(q.loss) && isnan(q.auc) && isnan(q.constant_loss), "no rows: nothing is defined");
}

static void regression(void)
{
	struct scored r[] = { { 2.5, 3, 1 }, { 0, -0.5, 1 }, { 2, 2, 1 }, { 8, 7, 1 } };
	struct quality q;

	metrics_regression(r, 4, &q);
	is_near(q.loss, 0.1875, 1e-15, "half the mean squared error");
	is_near(q.rmse, sqrt(0.375), 1e-15, "RMSE");
	is_near(q.r2, 0.94860813704496794, 1e-15, "R2");
	is_double(q.constant, 2.875, "the mean");
}

/* The constant of other rows, judged on these, is a prediction like any other. */
static void constants(void)
{
	struct scored r[] = { { 0.1, 0, 1 }, { 0.4, 0, 2 }, { 0.35, 1, 3 } }, c[3];
	struct scored y[] = { { 2.5, 3, 1 }, { 0, -0.5, 2 }, { 2, 2, 3 } };
	static const double shares[] = { 0.3, 0.5, 0, 1 };
	struct quality q, same;

	for (size_t i = 0; i < sizeof shares / sizeof *shares; i++) {
		for (int k = 0; k < 3; k++)
			c[k] = (struct scored){ shares[i], r[k].answer, r[k].weight };
		metrics_binary(c, 3, 0.5, &same);
		metrics_binary(r, 3, 0.5, &q);
		metrics_constant_binary(&q, shares[i]);
		is_double(q.constant, shares[i], "the constant %g", shares[i]);
		is_near(q.constant_loss, same.loss, 1e-12, "and its loss");
	}
	for (int k = 0; k < 3; k++)
		c[k] = (struct scored){ -1.25, y[k].answer, y[k].weight };
	metrics_regression(c, 3, &same);
	metrics_regression(y, 3, &q);
	metrics_constant_regression(&q, -1.25);
	is_double(q.constant, -1.25, "of regression");
	is_near(q.constant_loss, same.loss, 1e-14, "and its loss");
}

/* AUC by its definition: all pairs. */
static double pairs(const struct scored *r, size_t n)
{
	double in_order = 0, all = 0;

	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < n; k++)
			if (r[i].answer > 0 && !(r[k].answer > 0)) {
				const double w = r[i].weight * r[k].weight;
				all += w;
				in_order += r[i].score > r[k].score ? w : r[i].score == r[k].score ? w / 2 : 0;
			}
	return in_order / all;
}

static void random_cases(void)
{
	enum { N = 3000 };
	struct scored *r = alloc_bytes(N * sizeof *r);
	struct radix_row *s = alloc_bytes(N * sizeof *s);
	struct quality q;
	bool sorted = true;

	for (int i = 0; i < N; i++)
		r[i] = (struct scored){ (double)prng_below(&prng, 200) / 200, prng_unit(&prng) < 0.3, prng_unit(&prng) };
	metrics_binary(r, N, 0.5, &q);
	is_near(q.auc, pairs(r, N), 1e-12, "AUC is that of all pairs");
	for (int i = 0; i < N; i++)
		s[i] = (struct radix_row){ (prng_unit(&prng) - 0.5) * pow(10, (double)prng_below(&prng, 600) - 300), i };
	s[0].key = INFINITY;
	s[1].key = -INFINITY;
	s[2].key = 0x1p-1074;
	radix_sort(s, N);
	for (int i = 1; i < N; i++)
		sorted &= s[i - 1].key <= s[i].key;
	ok(sorted, "the radix sort sorts");
	free(r);
	free(s);
}

static void names(void)
{
	size_t n = 0;

	while (metrics_rows[n].name)
		n++;
	is_int(n, 9, "figures");
	is_str(metrics_rows[1].name, "auc", "by name");
	is_double(metrics_get(&(struct quality){ .auc = 0.7 }, &metrics_rows[1]), 0.7, "and value");
}

int main(void)
{
	prng_init(&prng, 1);
	by_hand();
	special();
	labels();
	regression();
	constants();
	random_cases();
	names();
	return done();
}
