/* SPDX-License-Identifier: MIT */
/*
 * solver.h - the methods that find the weights: one row each.
 *
 * All minimise F(w, b) + l1 sum_j |w_j| (objective.h) until the weights stand still, far below 1e-6.  Knows no
 * files and prints nothing: whoever wants to watch gives a function.
 */
#ifndef MODEL_SOLVER_H
#define MODEL_SOLVER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "model/objective.h"

struct problem;

/* Told before each step: how many steps came before, the objective, the largest component of the gradient (with l1: the
 * distance of 0 from the subgradients). */
struct solver_watch {
	void (*step)(void *self, const struct problem *, unsigned iteration, double objective, double gradient);
	void *self;
};

struct problem {
	struct objective objective;
	double l1;
	struct solver_watch watch;	/* step NULL: nobody watches */
};

struct solver {
	const char *name;
	const char *minimises;		/* and how, in a line */
	bool (*fits)(const struct problem *);
	/* w: objective_size numbers, the start and then the result.  Steps taken, or -1: no minimum, or not reached. */
	int (*solve)(const struct problem *, double *w, struct error *why);
};

#define SOLVER_DENSE 64			/* weights up to which the Hessian is formed and factored whole, */
#define SOLVER_DENSE_FREE 512		/* and without a penalty, where it may be singular and must be seen to be */
#define SOLVER_SAMPLE 64		/* blocks whose minimum is the start, where there are four times as many */
#define SOLVER_STEPS 200
#define SOLVER_STILL 1e-8		/* a step so small (against 1 + the largest weight) is the last */

extern const struct solver solver_newton, solver_newton_cg, solver_proximal;
extern const struct solver *const solver_table[];	/* ends with NULL */

/* The first that fits. */
const struct solver *solver_find(const struct problem *);

/* From the best constant, or of many rows from the minimum over a sample of them; steps taken (on all rows) or -1. */
int solver_run(const struct problem *, double *w, struct error *why);

/* ---- what the methods share ---- */

/*
 * Goes from w by `step`, halved until F + penalty falls by at least 1e-4 of what its slope promises (Armijo).  `value` and
 * `slope` are of the start; gradient and the rest are of where it ends (w).  The new objective; NaN: no step does.
 */
double solver_search(const struct problem *, double *w, const double *step, double value, double slope, double *gradient,
    struct hessian *, double *curvature);

/*
 * Whether a step of this size is the last.  Newton's steps shrink as c times their square: when the last two predict that the next
 * will be still, it need not be computed.  `before`: the step before, 0: none.
 */
bool solver_is_last(double size, double before, double largest);

double solver_largest(const double *x, size_t n);
double solver_penalty(const struct problem *, const double *w);		/* l1 sum |w_j| */
void solver_tell(const struct problem *, unsigned iteration, double objective, double gradient);

/* -1 and why. */
int solver_unbounded(const struct problem *, const double *w, struct error *why);
int solver_unfinished(unsigned steps, double gradient, struct error *why);

#endif
