/* SPDX-License-Identifier: MIT */
#include "base/suggest.h"

#include <stdbool.h>
#include <string.h>

#define LONGEST 40

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

static bool same(char a, char b)
{
	const char letter = (char)(a | 0x20);

	return a == b || ((a ^ b) == 0x20 && letter >= 'a' && letter <= 'z');
}

/* Insertions, deletions, changes and swaps of neighbours (optimal string alignment). */
static size_t distance(const char *a, size_t n, const char *b, size_t m)
{
	size_t row[3][LONGEST + 1], *before = row[0], *last = row[1], *now = row[2];

	for (size_t j = 0; j <= m; j++)
		last[j] = j;
	for (size_t i = 1; i <= n; i++) {
		now[0] = i;
		for (size_t j = 1; j <= m; j++) {
			now[j] = least(least(last[j], now[j - 1]) + 1, last[j - 1] + !same(a[i - 1], b[j - 1]));
			if (i > 1 && j > 1 && same(a[i - 1], b[j - 2]) && same(a[i - 2], b[j - 1]))
				now[j] = least(now[j], before[j - 2] + 1);
		}
		size_t *free_row = before;
		before = last;
		last = now;
		now = free_row;
	}
	return last[m];
}

const char *suggest_nearest(const char *text, size_t len, const char *const *names)
{
	const char *best = NULL;
	size_t nearest = (len < 3 ? 1 : len / 3) + 1;

	if (len > LONGEST || len < 2)
		return NULL;
	for (; *names; names++) {
		const size_t n = strlen(*names);
		const size_t d = n > LONGEST ? nearest : distance(text, len, *names, n);
		if (d < nearest && d < n) {
			nearest = d;
			best = *names;
		}
	}
	return best;
}
