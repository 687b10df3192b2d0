/* SPDX-License-Identifier: MIT */
/*
 * These loops gain two to four times by vectors.  The pragma turns them on whatever CFLAGS say (no rounding or
 * order of sums changes: nothing here is fast-math), and on x86-64 a second version for AVX2 is chosen at start.
 */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O3,no-trapping-math,no-math-errno")
#if defined(__x86_64__) && defined(__gnu_linux__) && !defined(__SANITIZE_THREAD__)	/* which cannot start where versions are chosen */
#define FAST __attribute__((target_clones("avx2", "default")))
#endif
#endif
#ifndef FAST
#define FAST
#endif

#include "model/kernel.h"

#include "model/exp.h"

#define ALIGNED __attribute__((aligned(64)))
#define LANES 8
#define FOR_ROWS for (int i = 0; i < KERNEL_ROWS; i++)

static inline double total(const double s[LANES])
{
	return ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]));
}

FAST void kernel_add(double *restrict y, double a, const double *restrict x)
{
	FOR_ROWS
		y[i] += a * x[i];
}

FAST void kernel_times(double *restrict y, const double *restrict a, const double *restrict x)
{
	FOR_ROWS
		y[i] = a[i] * x[i];
}

FAST double kernel_sum(const double *restrict x)
{
	double s[LANES] = {0};
	for (int i = 0; i < KERNEL_ROWS; i += LANES)
		for (int k = 0; k < LANES; k++)
			s[k] += x[i + k];
	return total(s);
}

FAST double kernel_dot(const double *restrict a, const double *restrict b)
{
	double s[LANES] = {0};
	for (int i = 0; i < KERNEL_ROWS; i += LANES)
		for (int k = 0; k < LANES; k++)
			s[k] += a[i + k] * b[i + k];
	return total(s);
}

/* The same sums as four calls of kernel_dot, with `a` loaded once. */
FAST void kernel_dot4(const double *restrict a, const double *const b[4], double out[4])
{
	const double *restrict b0 = b[0], *restrict b1 = b[1], *restrict b2 = b[2], *restrict b3 = b[3];
	double s0[LANES] = {0}, s1[LANES] = {0}, s2[LANES] = {0}, s3[LANES] = {0};

	for (int i = 0; i < KERNEL_ROWS; i += LANES) {
		for (int k = 0; k < LANES; k++)
			s0[k] += a[i + k] * b0[i + k];
		for (int k = 0; k < LANES; k++)
			s1[k] += a[i + k] * b1[i + k];
		for (int k = 0; k < LANES; k++)
			s2[k] += a[i + k] * b2[i + k];
		for (int k = 0; k < LANES; k++)
			s3[k] += a[i + k] * b3[i + k];
	}
	out[0] = total(s0);
	out[1] = total(s1);
	out[2] = total(s2);
	out[3] = total(s3);
}

FAST void kernel_outer(const double *const a[2], const double *const b[4], double out[2][4])
{
	enum { FEW = 4 };	/* lanes: eight sums of them fill the registers */
	const double *restrict a0 = a[0], *restrict a1 = a[1];
	double s[8][FEW] = {{0}};

	for (int i = 0; i < KERNEL_TILE; i += FEW)
		for (int m = 0; m < 4; m++)
			for (int k = 0; k < FEW; k++) {
				s[m][k] += a0[i + k] * b[m][i + k];
				s[4 + m][k] += a1[i + k] * b[m][i + k];
			}
	for (int m = 0; m < 4; m++) {
		out[0][m] += (s[m][0] + s[m][2]) + (s[m][1] + s[m][3]);
		out[1][m] += (s[4 + m][0] + s[4 + m][2]) + (s[4 + m][1] + s[4 + m][3]);
	}
}

FAST void kernel_moments(const double *restrict x, struct kernel_moments *m)
{
	double n[LANES] = {0}, sum[LANES] = {0}, min[LANES], max[LANES];

	for (int k = 0; k < LANES; k++) {
		min[k] = m->min;
		max[k] = m->max;
	}
	for (int i = 0; i < KERNEL_ROWS; i += LANES)
		for (int k = 0; k < LANES; k++) {
			const double v = x[i + k];
			n[k] += v == v ? 1 : 0;
			sum[k] += v == v ? v : 0;
			min[k] = v < min[k] ? v : min[k];
			max[k] = v > max[k] ? v : max[k];
		}
	m->n += total(n);
	m->sum += total(sum);
	for (int k = 0; k < LANES; k++) {
		m->min = min[k] < m->min ? min[k] : m->min;
		m->max = max[k] > m->max ? max[k] : m->max;
	}
}

FAST void kernel_spread(const double *restrict x, double mean, double unit, double *sum, double *squares)
{
	double s[LANES] = {0}, s2[LANES] = {0};

	for (int i = 0; i < KERNEL_ROWS; i += LANES)
		for (int k = 0; k < LANES; k++) {
			const double d = x[i + k] == x[i + k] ? (x[i + k] - mean) * unit : 0;
			s[k] += d;
			s2[k] += d * d;
		}
	*sum += total(s);
	*squares += total(s2);
}

FAST void kernel_scale(double *restrict x, double mean, double scale)
{
	FOR_ROWS
		x[i] = x[i] == x[i] ? (x[i] - mean) / scale : 0;
}

FAST void kernel_sigmoid(double *restrict z, size_t n)
{
	for (size_t i = 0; i < n; i++)
		z[i] = exp_sigmoid(z[i]);
}

FAST double kernel_logistic(const double *restrict z, const double *restrict y, const double *restrict s,
    double *restrict residual, double *restrict curvature)
{
	double loss[KERNEL_ROWS] ALIGNED;

	FOR_ROWS {
		/* e = e^-|z| never overflows, and neither p nor p (1 - p) loses digits in the tails. */
		const double up = z[i] > 0 ? z[i] : 0, e = exp_of(z[i] > 0 ? -z[i] : z[i]);
		const double t = 1 + e, p = (z[i] > 0 ? 1 : e) / t;
		residual[i] = s[i] * (p - y[i]);
		curvature[i] = s[i] * (e / (t * t));
		loss[i] = s[i] * (up - y[i] * z[i] + exp_log1p(e));
	}
	return kernel_sum(loss);
}

FAST double kernel_squared(const double *restrict z, const double *restrict y, const double *restrict s,
    double *restrict residual, double *restrict curvature)
{
	FOR_ROWS {
		residual[i] = s[i] * (z[i] - y[i]);
		curvature[i] = s[i];
	}
	double loss[KERNEL_ROWS] ALIGNED;
	FOR_ROWS
		loss[i] = residual[i] * (z[i] - y[i]) * 0.5;
	return kernel_sum(loss);
}

/* The largest term of the sum is 1: what is left of it is added without it, so that a small loss keeps its digits. */
FAST static double softmax_loss(double *restrict z, size_t outputs, const double *restrict largest, const double *restrict own,
    const double *restrict s)
{
	double rest[KERNEL_ROWS] ALIGNED = {0}, ones[KERNEL_ROWS] ALIGNED, loss[KERNEL_ROWS] ALIGNED;

	FOR_ROWS
		ones[i] = 1;
	for (size_t k = 0; k < outputs; k++, z += KERNEL_ROWS)
		FOR_ROWS {
			z[i] = exp_of(z[i] - largest[i]);
			const double first = z[i] == 1 ? ones[i] : 0;
			ones[i] -= first;
			rest[i] += z[i] - first;
		}
	z -= outputs * KERNEL_ROWS;
	FOR_ROWS
		loss[i] = s[i] * (largest[i] - own[i] + exp_log1p_any(rest[i]));
	for (size_t k = 0; k < outputs; k++, z += KERNEL_ROWS)
		FOR_ROWS
			z[i] /= 1 + rest[i];
	return kernel_sum(loss);
}

FAST double kernel_softmax(double *restrict z, size_t outputs, const double *restrict y, const double *restrict s)
{
	double largest[KERNEL_ROWS] ALIGNED, own[KERNEL_ROWS] ALIGNED;

	FOR_ROWS
		largest[i] = own[i] = z[i];
	for (size_t k = 1; k < outputs; k++)
		FOR_ROWS {
			const double margin = z[k * KERNEL_ROWS + (size_t)i];
			largest[i] = margin > largest[i] ? margin : largest[i];
			own[i] = y[i] == (double)k ? margin : own[i];
		}
	return softmax_loss(z, outputs, largest, own, s);
}

FAST void kernel_softmax_residual(const double *restrict p, size_t k, const double *restrict y, const double *restrict s,
    double *restrict residual)
{
	const double output = (double)k;

	FOR_ROWS
		residual[i] = s[i] * (p[i] - (y[i] == output ? 1 : 0));
}

FAST void kernel_softmax_curvature(const double *p_k, const double *p_m, bool same, const double *restrict s, double *restrict curvature)
{
	const double one = same ? 1 : 0;

	FOR_ROWS
		curvature[i] = s[i] * (p_k[i] * (one - p_m[i]));
}

FAST void kernel_softmax_product(const double *restrict p, size_t outputs, const double *restrict s, const double *restrict u,
    double *restrict r)
{
	double mean[KERNEL_ROWS] ALIGNED = {0};

	for (size_t k = 0; k < outputs; k++)
		for (size_t i = 0; i < KERNEL_ROWS; i++)
			mean[i] += p[k * KERNEL_ROWS + i] * u[k * KERNEL_ROWS + i];
	for (size_t k = 0; k < outputs; k++)
		for (size_t i = 0; i < KERNEL_ROWS; i++)
			r[k * KERNEL_ROWS + i] = s[i] * (p[k * KERNEL_ROWS + i] * (u[k * KERNEL_ROWS + i] - mean[i]));
}
