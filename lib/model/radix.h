/* SPDX-License-Identifier: MIT */
/*
 * radix.h - sorts many numbers, fast.
 *
 * LSD radix sort on the bits of the double, turned so that unsigned order is numeric order (-0 counts as 0); a digit
 * that is the same everywhere is skipped.  Stable.  Not for NaN.
 */
#ifndef MODEL_RADIX_H
#define MODEL_RADIX_H

#include <stddef.h>

struct radix_row { double key, value; };

void radix_sort(struct radix_row *, size_t n);

#endif
