/* SPDX-License-Identifier: MIT */
/*
 * cholesky.h - A = L L' of a symmetric matrix that may be singular, and A x = b.
 *
 * Row by row (Golub and Van Loan, "Matrix Computations", 4.2).  A row whose pivot is CHOLESKY_DEPENDENT of its diagonal or
 * less depends on the rows before it: it is left out, and its unknown is 0.
 */
#ifndef MODEL_CHOLESKY_H
#define MODEL_CHOLESKY_H

#include <stdbool.h>
#include <stddef.h>

#define CHOLESKY_DEPENDENT 1e-13

/* In place, the lower triangle of n * n numbers.  left_out[i] says which rows were left out (those that are set at entry are in
 * any case); how many more than at entry. */
size_t cholesky_factor(double *a, size_t n, bool *left_out);

/* b becomes x. */
void cholesky_solve(const double *factor, size_t n, const bool *left_out, double *b);

#endif
