/* SPDX-License-Identifier: MIT */
#include "model/radix.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

enum { BITS = 11, DIGITS = 6, VALUES = 1 << BITS };

static inline uint64_t order_of(double x)
{
	uint64_t u;

	x += 0.0;
	memcpy(&u, &x, sizeof u);
	return u ^ ((uint64_t)-(int64_t)(u >> 63) | UINT64_C(1) << 63);
}

static inline size_t digit(uint64_t u, int d)
{
	return u >> (d * BITS) & (VALUES - 1);
}

void radix_sort(struct radix_row *rows, size_t n)
{
	size_t (*start)[VALUES];
	struct radix_row *other, *from = rows, *to;

	if (n < 2)
		return;
	start = alloc_zeroed(DIGITS, sizeof *start);
	to = other = alloc_bytes(n * sizeof *other);
	for (size_t i = 0; i < n; i++) {
		const uint64_t u = order_of(rows[i].key);
		for (int d = 0; d < DIGITS; d++)
			start[d][digit(u, d)]++;
	}
	for (int d = 0; d < DIGITS; d++) {
		size_t at = 0;
		if (start[d][digit(order_of(from[0].key), d)] == n)
			continue;
		for (size_t v = 0; v < VALUES; v++) {
			const size_t count = start[d][v];
			start[d][v] = at;
			at += count;
		}
		for (size_t i = 0; i < n; i++)
			to[start[d][digit(order_of(from[i].key), d)]++] = from[i];
		struct radix_row *swap = from;
		from = to;
		to = swap;
	}
	if (from != rows)
		memcpy(rows, from, n * sizeof *rows);
	free(other);
	free(start);
}
