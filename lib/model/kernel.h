/* SPDX-License-Identifier: MIT */
/*
 * kernel.h - the inner loops of training, each over one block of KERNEL_ROWS rows.
 *
 * Arrays are aligned to 64 bytes and whole: a block that is not full has weight 0 in the rest.  Sums run in eight
 * lanes that are added in a fixed order, so that the width of the machine's vectors changes no bit.  Knows no
 * objective and no data set.
 */
#ifndef MODEL_KERNEL_H
#define MODEL_KERNEL_H

#include <stdbool.h>
#include <stddef.h>

#define KERNEL_ROWS 1024

/* y += a x */
void kernel_add(double *restrict y, double a, const double *restrict x);
/* y = a x, element by element */
void kernel_times(double *restrict y, const double *restrict a, const double *restrict x);
double kernel_sum(const double *restrict x);
double kernel_dot(const double *restrict a, const double *restrict b);
/* a . b[0..3] */
void kernel_dot4(const double *restrict a, const double *const b[4], double out[4]);
/* out[i][k] += a[i] . b[k], over KERNEL_TILE rows only: so many rows of some hundreds of columns stay in the cache */
#define KERNEL_TILE 128
void kernel_outer(const double *const a[2], const double *const b[4], double out[2][4]);

/* Of the values that are not NaN: how many, sum, smallest, largest are added to those given. */
struct kernel_moments { double n, sum, min, max; };
void kernel_moments(const double *restrict x, struct kernel_moments *);
/* Of the same: the sums of d and of d^2, d = (x - mean) * unit. */
void kernel_spread(const double *restrict x, double mean, double unit, double *sum, double *squares);
/* x = (x - mean) / scale, 0 for NaN */
void kernel_scale(double *restrict x, double mean, double scale);

/* z = 1 / (1 + e^-z), of n numbers */
void kernel_sigmoid(double *restrict z, size_t n);

/*
 * Of margins z, answers y and row weights s: the residual s dl/dz, the curvature s d2l/dz2 and the sum of s l.  Logistic:
 * l = log(1 + e^z) - y z, y is 0 or 1.  Squared: l = (z - y)^2 / 2.
 */
double kernel_logistic(const double *restrict z, const double *restrict y, const double *restrict s,
    double *restrict residual, double *restrict curvature);
double kernel_squared(const double *restrict z, const double *restrict y, const double *restrict s,
    double *restrict residual, double *restrict curvature);

/*
 * Of `outputs` margins per row, KERNEL_ROWS of one output behind those of another: the probabilities p_k = e^z_k / sum_m e^z_m, in
 * their place, and the sum of s l, l = log sum_m e^z_m - z_y, where y is the index of an output.
 */
double kernel_softmax(double *restrict z, size_t outputs, const double *restrict y, const double *restrict s);
/* s dl/dz_k = s (p_k - [y = k]) */
void kernel_softmax_residual(const double *restrict p, size_t k, const double *restrict y, const double *restrict s,
    double *restrict residual);
/* s d2l/dz_k dz_m = s p_k ([k = m] - p_m) */
void kernel_softmax_curvature(const double *p_k, const double *p_m, bool same, const double *restrict s, double *restrict curvature);
/* r_k = sum_m of that times u_m = s p_k (u_k - sum_m p_m u_m); p, u and r as z above */
void kernel_softmax_product(const double *restrict p, size_t outputs, const double *restrict s, const double *restrict u,
    double *restrict r);

#endif
