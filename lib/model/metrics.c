/* SPDX-License-Identifier: MIT */
#include "model/metrics.h"

#include <math.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "model/radix.h"

#define FIGURE(name, binary, labels, regression) { #name, { binary, labels, regression }, offsetof(struct quality, name) }

const struct metrics_row metrics_rows[] = {
	FIGURE(loss, "loss (log loss)", "loss (log loss)", "loss (half MSE)"),
	FIGURE(auc, "auc", "auc (mean)", NULL),
	FIGURE(accuracy, "accuracy", "accuracy", NULL),
	FIGURE(brier, "brier", "brier", NULL),
	FIGURE(calibration, "calibration", NULL, NULL),
	FIGURE(rmse, NULL, NULL, "rmse"),
	FIGURE(r2, NULL, NULL, "r2"),
	FIGURE(constant, "best constant", "best constant", "best constant"),
	FIGURE(constant_loss, "best constant loss", "best constant loss", "best constant loss"),
	{ NULL, { NULL }, 0 }
};

/* A sum whose rounding does not grow with n (Neumaier, ZAMM 54, 1974): figures of a million rows agree to 1e-12. */
struct sum { double s, rest; };

static inline void add(struct sum *a, double x)
{
	const double t = a->s + x;

	a->rest += fabs(a->s) >= fabs(x) ? (a->s - t) + x : (x - t) + a->s;
	a->s = t;
}

static inline double total(struct sum a)
{
	return a.s + a.rest;
}

/*
 * The share of pairs of a positive and a negative row in the right order, a tie counting half (Mann and Whitney's U), weights
 * multiplied.  A row is its score and its weight, with the sign of its class.
 */
static double auc(const struct scored *rows, size_t n, double positives, double negatives)
{
	struct radix_row *r = alloc_bytes((n + 1) * sizeof *r);
	struct sum below = {0}, pairs = {0};

	for (size_t i = 0; i < n; i++)
		r[i] = (struct radix_row){ rows[i].score, rows[i].answer > 0 ? rows[i].weight : -rows[i].weight };
	radix_sort(r, n);
	for (size_t i = 0; i < n;) {
		double up = 0, down = 0;
		size_t k = i;
		for (; k < n && r[k].key == r[i].key; k++)
			*(r[k].value > 0 ? &up : &down) += fabs(r[k].value);
		add(&pairs, up * (total(below) + down / 2));
		add(&below, down);
		i = k;
	}
	free(r);
	return positives > 0 && negatives > 0 ? total(pairs) / (positives * negatives) : NAN;
}

static double held(double p)
{
	return p < 0x1p-52 ? 0x1p-52 : p > 1 - 0x1p-52 ? 1 - 0x1p-52 : p;
}

#define CHUNK 64		/* rows added plainly before their sum is added with care */

void metrics_binary(const struct scored *r, size_t n, double threshold, struct quality *q)
{
	struct sum weights = {0}, positives = {0}, probabilities = {0}, loss = {0}, squares = {0}, right = {0};

	for (size_t first = 0; first < n; first += CHUNK) {
		const size_t end = first + CHUNK < n ? first + CHUNK : n;
		double w = 0, up = 0, pr = 0, lo = 0, sq = 0, ri = 0;
		for (size_t i = first; i < end; i++) {
			const double p = r[i].score, y = r[i].answer, s = r[i].weight;
			w += s;
			pr += s * p;
			up += y > 0 ? s : 0;
			lo -= s * log(y > 0 ? held(p) : 1 - held(p));
			sq += s * (p - y) * (p - y);
			ri += (p >= threshold) == (y > 0) ? s : 0;
		}
		add(&weights, w);
		add(&positives, up);
		add(&probabilities, pr);
		add(&loss, lo);
		add(&squares, sq);
		add(&right, ri);
	}
	const double all = total(weights), up = total(positives), share = up / all;
	*q = (struct quality){
		.kind = METRICS_BINARY, .rows = n, .loss = total(loss) / all, .accuracy = total(right) / all, .brier = total(squares) / all,
		.calibration = total(probabilities) / up, .rmse = NAN, .r2 = NAN, .constant = share,
		/* x log x is 0 at 0 */
		.constant_loss = all > 0 ? 0 - (share > 0 ? share * log(share) : 0) - (share < 1 ? (1 - share) * log(1 - share) : 0) : NAN,
	};
	q->auc = auc(r, n, up, all - up);
}

void metrics_constant_binary(struct quality *q, double constant)
{
	const double share = q->constant, p = held(constant);

	q->constant = constant;
	q->constant_loss = -share * log(p) - (1 - share) * log(1 - p);
}

void metrics_constant_regression(struct quality *q, double constant)
{
	const double away = q->constant - constant;

	/* The spread about any point is that about the mean and the distance of the two. */
	q->constant = constant;
	q->constant_loss += away * away / 2;
}

void metrics_regression(const struct scored *r, size_t n, struct quality *q)
{
	struct sum weights = {0}, answers = {0}, squares = {0}, spread = {0};

	for (size_t i = 0; i < n; i++) {
		add(&weights, r[i].weight);
		add(&answers, r[i].weight * r[i].answer);
	}
	const double all = total(weights), mean = total(answers) / all;
	for (size_t i = 0; i < n; i++) {
		const double e = r[i].score - r[i].answer, d = r[i].answer - mean;
		add(&squares, r[i].weight * e * e);
		add(&spread, r[i].weight * d * d);
	}
	*q = (struct quality){
		.kind = METRICS_REGRESSION, .rows = n, .loss = total(squares) / all / 2,
		.constant = mean, .constant_loss = total(spread) / all / 2,
		.auc = NAN, .accuracy = NAN, .brier = NAN, .calibration = NAN,
		.rmse = sqrt(total(squares) / all), .r2 = 1 - total(squares) / total(spread),
	};
}

/* ---- several labels ---- */

void metrics_labels_release(struct scored_labels *r)
{
	free(r->p);
	free(r->answer);
	free(r->weight);
	*r = (struct scored_labels){0};
}

size_t metrics_largest(const double *p, size_t labels)
{
	size_t best = 0;

	for (size_t k = 1; k < labels; k++)
		if (p[k] > p[best])
			best = k;
	return best;
}

void metrics_shares(const struct scored_labels *r, double *shares)
{
	struct sum *sums = alloc_zeroed(r->labels, sizeof *sums), all = {0};

	for (size_t i = 0; i < r->rows; i++) {
		add(&sums[(size_t)r->answer[i]], r->weight[i]);
		add(&all, r->weight[i]);
	}
	for (size_t k = 0; k < r->labels; k++)
		shares[k] = total(sums[k]) / total(all);
	free(sums);
}

void metrics_constant_labels(struct quality *q, const struct scored_labels *r, const double *shares)
{
	struct sum loss = {0}, all = {0};

	for (size_t i = 0; i < r->rows; i++) {
		add(&loss, -r->weight[i] * log(held(shares[(size_t)r->answer[i]])));
		add(&all, r->weight[i]);
	}
	q->constant = shares[metrics_largest(shares, r->labels)];
	q->constant_loss = total(loss) / total(all);
}

/* The mean over the labels of the AUC of each against the rest, as macro-averaged "ovr" of scikit-learn. */
static double mean_auc(const struct scored_labels *r, const double *shares)
{
	struct scored *own = alloc_bytes((r->rows + 1) * sizeof *own);
	double all = 0, sum = 0;

	for (size_t i = 0; i < r->rows; i++)
		all += r->weight[i];
	for (size_t k = 0; k < r->labels; k++) {
		for (size_t i = 0; i < r->rows; i++)
			own[i] = (struct scored){ r->p[i * r->labels + k], r->answer[i] == (double)k, r->weight[i] };
		sum += auc(own, r->rows, shares[k] * all, (1 - shares[k]) * all);
	}
	free(own);
	return sum / (double)r->labels;
}

/* The loss of the shares themselves: their entropy; x log x is 0 at 0. */
static double entropy(const double *shares, size_t labels)
{
	double sum = 0;

	for (size_t k = 0; k < labels; k++)
		sum -= shares[k] > 0 ? shares[k] * log(shares[k]) : 0;
	return sum;
}

static double distance(const double *p, size_t labels, size_t answer)
{
	double sum = 0;

	for (size_t k = 0; k < labels; k++)
		sum += (p[k] - (k == answer)) * (p[k] - (k == answer));
	return sum;
}

void metrics_labels(const struct scored_labels *r, struct quality *q)
{
	struct sum weights = {0}, loss = {0}, squares = {0}, right = {0};
	double *shares = alloc_bytes(r->labels * sizeof *shares);

	for (size_t i = 0; i < r->rows; i++) {
		const double *p = r->p + i * r->labels, s = r->weight[i];
		const size_t own = (size_t)r->answer[i];
		add(&weights, s);
		add(&loss, -s * log(held(p[own])));
		add(&squares, s * distance(p, r->labels, own));
		add(&right, metrics_largest(p, r->labels) == own ? s : 0);
	}
	metrics_shares(r, shares);
	*q = (struct quality){
		.kind = METRICS_LABELS, .rows = r->rows, .loss = total(loss) / total(weights), .accuracy = total(right) / total(weights),
		.brier = total(squares) / total(weights), .auc = mean_auc(r, shares), .calibration = NAN, .rmse = NAN, .r2 = NAN,
		.constant = shares[metrics_largest(shares, r->labels)], .constant_loss = total(weights) > 0 ? entropy(shares, r->labels) : NAN,
	};
	free(shares);
}
