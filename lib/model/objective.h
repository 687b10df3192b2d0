/* SPDX-License-Identifier: MIT */
/*
 * objective.h - the smooth part of what training minimises, its gradient and its curvature.
 *
 *	F(w, b) = sum_i s_i l(z_i, y_i) + l2/2 sum_j w_j^2,   z_i = b + sum_j w_j x_ij
 *
 * over rows i with answer y_i and weight s_i (of the row times that of its class); x standardised.  The bias is free.
 * Parameters are an array of columns + 1 numbers, the bias last.  Sums run over shards of OBJECTIVE_SHARD blocks, each by
 * itself, and the shards' sums are added in order: who computes shards at the same time changes no bit.
 */
#ifndef MODEL_OBJECTIVE_H
#define MODEL_OBJECTIVE_H

#include <stddef.h>

#include "model/dataset.h"

#define OBJECTIVE_SHARD 64

enum loss { LOSS_LOGISTIC, LOSS_SQUARED };

struct objective {
	enum loss loss;
	const struct dataset *data;	/* sealed, scaled, no NaN */
	double l2;
};

/* The second derivatives by the chosen columns and, last, the bias: (n + 1)^2 numbers, the lower triangle filled. */
struct hessian {
	const size_t *columns;
	size_t n;
	double *a;
};

/* F; the gradient (columns + 1) and the Hessian where not NULL; the curvature s l'' of each row (n_blocks * KERNEL_ROWS) where not NULL. */
double objective_value(const struct objective *, const double *w, double *gradient, struct hessian *, double *curvature);

/* out = H v for the curvatures given, without forming H. */
void objective_product(const struct objective *, const double *curvature, const double *v, double *out);

/* The diagonal of H, the bias last. */
void objective_diagonal(const struct objective *, const double *curvature, double *out);

/* 1 when every row with a weight lies on its own side of the boundary: then, without a penalty, there is no minimum. */
int objective_separates(const struct objective *, const double *w);

#endif
