/* SPDX-License-Identifier: MIT */
#include "model/metrics.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

#define ROW(name, binary, regression) { #name, offsetof(struct quality, name), binary, regression }

const struct metrics_row metrics_rows[] = {
	ROW(loss, 1, 1), ROW(auc, 1, 0), ROW(accuracy, 1, 0), ROW(brier, 1, 0), ROW(calibration, 1, 0),
	ROW(rmse, 0, 1), ROW(r2, 0, 1), ROW(constant, 1, 1), ROW(constant_loss, 1, 1),
	{ NULL, 0, 0, 0 }
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
 * Sorts by score: LSD radix sort on the bits of the double, turned so that unsigned order is numeric order; five digits of 13
 * bits.  A digit that is the same everywhere is skipped.
 */
#define DIGIT 13

static uint64_t key(double x)
{
	uint64_t u;

	x += 0.0;	/* -0 is 0 */
	memcpy(&u, &x, sizeof u);
	return u >> 63 ? ~u : u | UINT64_C(1) << 63;
}

static int compare(const void *a, const void *b)
{
	const double x = ((const struct scored *)a)->score, y = ((const struct scored *)b)->score;
	return (x > y) - (x < y);
}

static void sort(struct scored *rows, size_t n)
{
	if (n < 4096) {
		qsort(rows, n, sizeof *rows, compare);
		return;
	}
	struct scored *other = alloc_bytes(n * sizeof *other), *from = rows, *to = other;
	size_t *start = alloc_bytes(((size_t)1 << DIGIT) * sizeof *start);
	for (unsigned shift = 0; shift < 64; shift += DIGIT) {
		const uint64_t mask = ((uint64_t)1 << DIGIT) - 1;
		memset(start, 0, ((size_t)1 << DIGIT) * sizeof *start);
		for (size_t i = 0; i < n; i++)
			start[key(from[i].score) >> shift & mask]++;
		if (start[key(from[0].score) >> shift & mask] == n)
			continue;
		for (size_t i = 0, at = 0; i <= mask; i++) {
			const size_t count = start[i];
			start[i] = at;
			at += count;
		}
		for (size_t i = 0; i < n; i++)
			to[start[key(from[i].score) >> shift & mask]++] = from[i];
		struct scored *swap = from;
		from = to;
		to = swap;
	}
	if (from != rows)
		memcpy(rows, from, n * sizeof *rows);
	free(other);
	free(start);
}

/* The share of pairs of a positive and a negative row in the right order (Mann and Whitney's U), weights multiplied. */
static double auc(const struct scored *r, size_t n, double positives, double negatives)
{
	struct sum below = {0}, pairs = {0};

	for (size_t i = 0; i < n;) {
		struct sum up = {0}, down = {0};
		size_t k = i;
		for (; k < n && r[k].score == r[i].score; k++)
			add(r[k].answer > 0 ? &up : &down, r[k].weight);
		add(&pairs, total(up) * (total(below) + total(down) / 2));
		add(&below, total(down));
		i = k;
	}
	return positives > 0 && negatives > 0 ? total(pairs) / (positives * negatives) : NAN;
}

static double held(double p)
{
	return p < 0x1p-52 ? 0x1p-52 : p > 1 - 0x1p-52 ? 1 - 0x1p-52 : p;
}

void metrics_binary(struct scored *r, size_t n, double threshold, struct quality *q)
{
	struct sum weights = {0}, positives = {0}, probabilities = {0}, loss = {0}, squares = {0}, right = {0};

	for (size_t i = 0; i < n; i++) {
		const double p = r[i].score, y = r[i].answer, s = r[i].weight;
		add(&weights, s);
		add(&probabilities, s * p);
		if (y > 0)
			add(&positives, s);
		add(&loss, -s * log(y > 0 ? held(p) : 1 - held(p)));
		add(&squares, s * (p - y) * (p - y));
		if ((p >= threshold) == (y > 0))
			add(&right, s);
	}
	const double all = total(weights), up = total(positives), share = up / all;
	*q = (struct quality){
		.rows = n, .loss = total(loss) / all, .accuracy = total(right) / all, .brier = total(squares) / all,
		.calibration = total(probabilities) / up, .rmse = NAN, .r2 = NAN, .constant = share,
		/* x log x is 0 at 0 */
		.constant_loss = all > 0 ? -(share > 0 ? share * log(share) : 0) - (share < 1 ? (1 - share) * log(1 - share) : 0) : NAN,
	};
	sort(r, n);
	q->auc = auc(r, n, up, all - up);
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
		.rows = n, .loss = total(squares) / all / 2, .constant = mean, .constant_loss = total(spread) / all / 2,
		.auc = NAN, .accuracy = NAN, .brier = NAN, .calibration = NAN,
		.rmse = sqrt(total(squares) / all), .r2 = 1 - total(squares) / total(spread),
	};
}
