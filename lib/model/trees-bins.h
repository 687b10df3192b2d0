/* SPDX-License-Identifier: MIT */
/*
 * trees-bins.h - the values of an input by which of its limits they reach: a byte says it.
 *
 * All that trees ask of an input divides its values into bins: bin b holds what is at or above b of the limits.  A column has the bins of
 * BINS_LIMITS limits, as bytes from -128 on; an input with more limits, or with several treatments of what is missing, has several
 * columns.  What is missing is in the lowest bin where it goes to `yes`, in the highest where it goes to `no`.  (Histograms of LightGBM
 * and XGBoost do so in training: of most models an input has no more than 255 limits.)
 */
#ifndef MODEL_TREES_BINS_H
#define MODEL_TREES_BINS_H

#include <stddef.h>
#include <stdint.h>

#include "model/trees.h"

enum { BINS_LIMITS = 255 };

/* A test: key(x) < limit goes to `yes` (trees-key.h). */
struct bins_test { int64_t limit; uint32_t input; enum trees_missing missing; };

struct bins;

struct bins *trees_bins_new(enum trees_arithmetic, const struct bins_test *, size_t n);
void trees_bins_free(struct bins *);

size_t trees_bins_columns(const struct bins *);

/* Of a test that trees_bins_new was given: the column, and the byte that its bins for `yes` are below. */
struct bins_place { uint32_t column; int8_t limit; };
struct bins_place trees_bins_find(const struct bins *, const struct bins_test *);

/* `rows` vectors of `inputs` numbers, up to BINS_ROWS; the bytes of a column stand together, columns `stride` bytes apart. */
enum { BINS_ROWS = 128 };
void trees_bins_sort(const struct bins *, const double *x, size_t inputs, size_t rows, size_t stride, int8_t *out);

#endif
