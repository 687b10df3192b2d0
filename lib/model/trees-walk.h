/* SPDX-License-Identifier: MIT */
/*
 * trees-walk.h - trees laid out for scoring many vectors, and few, fast.
 */
#ifndef MODEL_TREES_WALK_H
#define MODEL_TREES_WALK_H

#include <stddef.h>

struct trees;
struct trees_walk;

struct trees_walk *trees_walk_new(const struct trees *);
void trees_walk_free(struct trees_walk *);

/* trees_margins of trees whose walk is there. */
void trees_walk_margins(const struct trees *, const double *x, size_t rows, double *z);

#endif
