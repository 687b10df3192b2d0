/* SPDX-License-Identifier: MIT */
/*
 * objective.h - the smooth part of what training minimises, its gradient and its curvature.
 *
 *	F(w, b) = sum_i s_i l(z_i, y_i) + l2/2 sum_kj w_kj^2,   z_ik = b_k + sum_j w_kj x_ij
 *
 * over rows i with answer y_i and weight s_i (of the row times that of its class); x standardised.  Biases are free.  There is one output
 * (k), and of softmax, the multinomial logit, one per label:
 *
 *	l(z, y) = log sum_k e^z_k - z_y,   dl/dz_k = p_k - [k = y],   d2l/dz_k dz_m = p_k ([k = m] - p_m),   p_k = e^z_k / sum_m e^z_m
 *
 * (Böhning, "Multinomial logistic regression algorithm", Annals of the Institute of Statistical Mathematics 44, 1992; Bishop, "Pattern
 * Recognition and Machine Learning", 2006, 4.3.4).  A number added to every z_k changes no probability, so all biases may move together,
 * and without any penalty all weights of an input; the term
 *
 *	anchor/2 sum_j (sum_k w_kj)^2
 *
 * over those that may holds their sum at 0, where it is 0 itself: it leaves the minimum alone and makes it the only one.
 *
 * Parameters are an array, output by output `columns` weights and the bias.  Sums run over shards of OBJECTIVE_SHARD blocks, each by
 * itself, and the shards' sums are added in order: who computes shards at the same time changes no bit.
 */
#ifndef MODEL_OBJECTIVE_H
#define MODEL_OBJECTIVE_H

#include <stdbool.h>
#include <stddef.h>

#include "model/dataset.h"

#define OBJECTIVE_SHARD 64

enum loss { LOSS_LOGISTIC, LOSS_SQUARED, LOSS_SOFTMAX };

struct objective {
	enum loss loss;
	const struct dataset *data;	/* sealed, scaled, no NaN */
	double l2;
	/* softmax: */
	size_t labels;			/* answers are below it */
	double anchor;			/* above 0, best of the size of the curvature: the sum of s / labels^2 */
	bool anchors_weights;		/* there is no penalty, here or elsewhere */
};

static inline size_t objective_outputs(const struct objective *o)
{
	return o->loss == LOSS_SOFTMAX ? o->labels : 1;
}

/* The number of parameters. */
static inline size_t objective_size(const struct objective *o)
{
	return objective_outputs(o) * (o->data->columns + 1);
}

/* Numbers that objective_value gives of the rows' curvature. */
static inline size_t objective_curvature_size(const struct objective *o)
{
	return o->data->n_blocks * objective_outputs(o) * KERNEL_ROWS;
}

/* The second derivatives by the chosen columns and, last, the bias, output by output: (outputs (n + 1))^2 numbers, the lower
 * triangle filled. */
struct hessian {
	const size_t *columns;
	size_t n;
	double *a;
};

/* F; the gradient, the Hessian and what says the curvature of each row (s l'', or the probabilities) where not NULL. */
double objective_value(const struct objective *, const double *w, double *gradient, struct hessian *, double *curvature);

/* out = H v for the curvatures given, without forming H. */
void objective_product(const struct objective *, const double *curvature, const double *v, double *out);

/* The diagonal of H. */
void objective_diagonal(const struct objective *, const double *curvature, double *out);

/* Whether every row with a weight lies on its own side of the boundary: then, without a penalty, there is no minimum. */
bool objective_separates(const struct objective *, const double *w);

#endif
