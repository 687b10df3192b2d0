/* SPDX-License-Identifier: MIT */
#include "model/cholesky.h"

#include <math.h>

/* Four sums in a fixed order. */
static double dot(const double *a, const double *b, size_t n)
{
	double s[4] = {0};
	size_t k = 0;

	for (; k + 4 <= n; k += 4)
		for (size_t i = 0; i < 4; i++)
			s[i] += a[k + i] * b[k + i];
	for (; k < n; k++)
		s[0] += a[k] * b[k];
	return (s[0] + s[2]) + (s[1] + s[3]);
}

size_t cholesky_factor(double *a, size_t n, bool *left_out)
{
	size_t found = 0;

	for (size_t i = 0; i < n; i++) {
		double *row = a + i * n;
		const double diagonal = row[i];
		for (size_t j = 0; j < i; j++)
			row[j] = left_out[j] ? 0 : (row[j] - dot(row, a + j * n, j)) / a[j * n + j];
		const double pivot = diagonal - dot(row, row, i);
		if (!left_out[i] && !(pivot > CHOLESKY_DEPENDENT * diagonal)) {
			left_out[i] = true;
			found++;
		}
		if (left_out[i]) {
			for (size_t j = 0; j < i; j++)
				row[j] = 0;
			row[i] = 1;
		} else {
			row[i] = sqrt(pivot);
		}
	}
	return found;
}

void cholesky_solve(const double *factor, size_t n, const bool *left_out, double *b)
{
	for (size_t i = 0; i < n; i++)
		b[i] = left_out[i] ? 0 : (b[i] - dot(factor + i * n, b, i)) / factor[i * n + i];
	for (size_t i = n; i--;) {
		if (left_out[i])
			continue;
		b[i] /= factor[i * n + i];
		for (size_t j = 0; j < i; j++)
			b[j] -= factor[i * n + j] * b[i];
	}
}
