/* SPDX-License-Identifier: MIT */
/*
 * A scale has all limits of an input, in order, whichever way what is missing goes; the search in it is the same for all columns.  It
 * begins in a cell: the range of the limits is cut into cells of one width, most of which hold a few limits, and where the limits of a cell
 * begin is known.  What is in an earlier cell is less, what is in a later one more, however the cell's number is rounded.
 */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O3,no-trapping-math,no-math-errno")
#if defined(__x86_64__) && defined(__gnu_linux__) && !defined(__SANITIZE_THREAD__)
#define FAST __attribute__((target_clones("avx2", "default")))
#endif
#endif
#ifndef FAST
#define FAST
#endif

#include "model/trees-bins.h"

#include <math.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "model/trees-key.h"

#define FLIGHT 4		/* searches at once: each step of one waits for the one before */
#define CELLS_FROM 8		/* limits: of fewer, one cell has all */
#define CELLS_MAX 4096
#define LOWEST INT8_MIN
#define MISSING INT64_MIN	/* in place of a key: below those of numbers */

/* What is missing to it. */
enum kind { NAN_MISSING, ZERO_MISSING, NONE_MISSING };

struct column { uint32_t from; bool missing_to_yes; };

struct scale {
	uint32_t input;
	enum kind kind;
	uint32_t first, n;		/* of its limits; behind them INT64_MAX as far as a search may look */
	uint32_t half;			/* the greatest power of two that is not above the limits of the fullest cell */
	uint32_t first_cell, cells;
	double low, per;		/* cells per unit */
	uint32_t column, columns;	/* of `yes` first, if there are both */
	bool has_yes, has_no;
};

struct bins {
	enum trees_arithmetic arithmetic;
	int64_t *limits;
	uint32_t *cells;		/* where the limits of each begin, from the scale's first on */
	struct scale *scales;
	struct column *columns;
	size_t n_scales, n_columns, n_cells;
};

/* ---- making them ---- */

static enum kind kind_of(enum trees_missing missing)
{
	return missing == TREES_NAN_ZERO ? NONE_MISSING : missing == TREES_NAN_YES || missing == TREES_NAN_NO ? NAN_MISSING : ZERO_MISSING;
}

/* By scale, then by limit. */
static int compare(const void *a, const void *b)
{
	const struct bins_test *s = a, *t = b;
	const enum kind k = kind_of(s->missing), l = kind_of(t->missing);

	if (s->input != t->input)
		return s->input < t->input ? -1 : 1;
	if (k != l)
		return k < l ? -1 : 1;
	return (s->limit > t->limit) - (s->limit < t->limit);
}

static bool is_of(const struct scale *s, const struct bins_test *t)
{
	return s->input == t->input && s->kind == kind_of(t->missing);
}

static uint32_t chunks(const struct scale *s)
{
	return (s->n + BINS_LIMITS - 1) / BINS_LIMITS;
}

static double number_of(int64_t key)
{
	double x;

	key ^= key >> 63 & INT64_MAX;
	memcpy(&x, &key, sizeof x);
	return x;
}

static inline int32_t cell_of(double low, double per, int32_t last, double x)
{
	const double cell = (x - low) * per, from = cell > 0 ? cell : 0;

	return (int32_t)(from < last ? from : last);
}

/* The limit of "at most infinity" is no number any more. */
static uint32_t cell_of_limit(const struct scale *s, int64_t limit)
{
	const int32_t last = (int32_t)s->cells - 1;

	return (uint32_t)(limit > trees_key(INFINITY) ? last : cell_of(s->low, s->per, last, number_of(limit)));
}

static void cut(struct scale *s, const int64_t *limits)
{
	const double high = number_of(limits[s->n - 1]);

	s->cells = 1;
	s->low = number_of(limits[0]);
	s->per = 0;
	if (s->n < CELLS_FROM || !isfinite(high) || !isfinite(s->low) || !isfinite(high - s->low))
		return;
	while (s->cells < 2 * s->n && s->cells < CELLS_MAX)
		s->cells *= 2;
	s->per = s->cells / (high - s->low);
	if (!isfinite(s->per))
		s->cells = 1;
}

static void fill_cells(struct bins *b, struct scale *s)
{
	const int64_t *limits = b->limits + s->first;
	uint32_t at = 0, most = 1;

	cut(s, limits);
	s->first_cell = (uint32_t)b->n_cells;
	for (uint32_t c = 0; c < s->cells; c++) {
		const uint32_t begin = at;
		b->cells[b->n_cells++] = at;
		while (at < s->n && cell_of_limit(s, limits[at]) <= c)
			at++;
		most = at - begin > most ? at - begin : most;
	}
	for (s->half = 1; 2 * s->half <= most;)
		s->half *= 2;
}

static void end_scale(struct bins *b, struct scale *s, size_t *used)
{
	fill_cells(b, s);
	for (*used = s->first + s->n; *used < s->first + s->n + 2 * s->half;)
		b->limits[(*used)++] = INT64_MAX;
	s->column = (uint32_t)b->n_columns;
	for (int no = 0; no < 2; no++)
		for (uint32_t k = 0; (no ? s->has_no : s->has_yes) && k < chunks(s); k++)
			b->columns[b->n_columns++] = (struct column){ k * BINS_LIMITS, !no };
	s->columns = (uint32_t)b->n_columns - s->column;
}

struct bins *trees_bins_new(enum trees_arithmetic arithmetic, const struct bins_test *tests, size_t n)
{
	struct bins *b = alloc_zeroed(1, sizeof *b);
	struct bins_test *sorted = alloc_bytes((n + 1) * sizeof *sorted);
	size_t used = 0;

	memcpy(sorted, tests, n * sizeof *sorted);
	qsort(sorted, n, sizeof *sorted, compare);
	b->arithmetic = arithmetic;
	b->limits = alloc_bytes((3 * n + 1) * sizeof *b->limits);
	b->cells = alloc_bytes((4 * n + 1) * sizeof *b->cells);
	b->scales = alloc_bytes((n + 1) * sizeof *b->scales);
	b->columns = alloc_bytes((2 * n + 1) * sizeof *b->columns);
	for (size_t i = 0; i < n; i++) {
		const struct bins_test *t = &sorted[i];
		struct scale *s = b->n_scales ? &b->scales[b->n_scales - 1] : NULL;
		if (!s || !is_of(s, t)) {
			if (s)
				end_scale(b, s, &used);
			s = &b->scales[b->n_scales++];
			*s = (struct scale){ .input = t->input, .kind = kind_of(t->missing), .first = (uint32_t)used };
		}
		s->has_yes |= trees_missing_goes_to_yes(t->missing);
		s->has_no |= !trees_missing_goes_to_yes(t->missing);
		if (!s->n || b->limits[s->first + s->n - 1] != t->limit)
			b->limits[s->first + s->n++] = t->limit;
	}
	if (b->n_scales)
		end_scale(b, &b->scales[b->n_scales - 1], &used);
	free(sorted);
	return b;
}

void trees_bins_free(struct bins *b)
{
	if (!b)
		return;
	free(b->limits);
	free(b->cells);
	free(b->scales);
	free(b->columns);
	free(b);
}

size_t trees_bins_columns(const struct bins *b)
{
	return b->n_columns;
}

/* ---- where a test and a value stand ---- */

/* How many of the limits a key reaches; half: a power of two, more than half of them. */
static inline uint32_t search(const int64_t *limits, uint32_t half, int64_t key)
{
	uint32_t at = 0;

	for (; half; half /= 2)
		at += limits[at + half - 1] <= key ? half : 0;
	return at;
}

static uint32_t reached_by(const struct bins *b, const struct scale *s, uint32_t cell, int64_t key)
{
	const uint32_t begin = b->cells[s->first_cell + cell];

	return begin + search(b->limits + s->first + begin, s->half, key);
}

static const struct scale *scale_of(const struct bins *b, const struct bins_test *t)
{
	size_t low = 0, high = b->n_scales;

	while (high - low > 1) {
		const size_t middle = (low + high) / 2;
		const struct scale *s = &b->scales[middle];
		if (s->input < t->input || (s->input == t->input && s->kind <= kind_of(t->missing)))
			low = middle;
		else
			high = middle;
	}
	return &b->scales[low];
}

struct bins_place trees_bins_find(const struct bins *b, const struct bins_test *t)
{
	const struct scale *s = scale_of(b, t);
	const uint32_t reached = reached_by(b, s, cell_of_limit(s, t->limit), t->limit), chunk = (reached - 1) / BINS_LIMITS;
	const uint32_t behind = s->has_yes && !trees_missing_goes_to_yes(t->missing) ? chunks(s) : 0;

	return (struct bins_place){ s->column + behind + chunk, (int8_t)((int)(reached - chunk * BINS_LIMITS) + LOWEST) };
}

FAST static void lay_keys(const double *restrict x, bool to_float, enum kind kind, size_t rows, int64_t *restrict keys)
{
	const double zero = trees_zero(kind == ZERO_MISSING ? TREES_ZERO_YES : TREES_NAN_YES);

	for (size_t r = 0; r < rows; r++) {
		const double v = to_float ? (double)(float)x[r] : x[r];
		const int64_t key = trees_key(v);
		keys[r] = ((v != v) | (fabs(v) <= zero)) ? MISSING : key;
	}
}

FAST static void lay_cells(const double *restrict x, bool to_float, double low, double per, int32_t last, size_t rows, int32_t *restrict cells)
{
	for (size_t r = 0; r < rows; r++)
		cells[r] = cell_of(low, per, last, to_float ? (double)(float)x[r] : x[r]);
}

/* out: the cells at first. */
static void reach(const struct bins *b, const struct scale *s, const int64_t *keys, size_t rows, int32_t *out)
{
	const int64_t *limits = b->limits + s->first;
	const uint32_t *cells = b->cells + s->first_cell;

	for (size_t r = 0; r < rows; r += FLIGHT) {
		uint32_t at[FLIGHT];
		for (size_t j = 0; j < FLIGHT; j++)
			at[j] = cells[out[r + j]];
		for (uint32_t half = s->half; half; half /= 2)
			for (size_t j = 0; j < FLIGHT; j++)
				at[j] += limits[at[j] + half - 1] <= keys[r + j] ? half : 0;
		memcpy(out + r, at, sizeof at);
	}
}

FAST static void lay_column(int32_t from, int32_t missing, const int64_t *restrict keys, const int32_t *restrict reached, size_t rows,
    int8_t *restrict out)
{
	for (size_t r = 0; r < rows; r++) {
		const int32_t above = reached[r] - from, bin = above < 0 ? 0 : above > BINS_LIMITS ? BINS_LIMITS : above;
		out[r] = (int8_t)((keys[r] == MISSING ? missing : bin) + LOWEST);
	}
}

void trees_bins_sort(const struct bins *b, const double *x, size_t inputs, size_t rows, size_t stride, int8_t *out)
{
	double of_input[BINS_ROWS];
	int64_t keys[BINS_ROWS + FLIGHT];
	int32_t reached[BINS_ROWS + FLIGHT];

	for (const struct scale *s = b->scales; s < b->scales + b->n_scales; s++) {
		for (size_t r = 0; r < rows; r++)
			of_input[r] = x[r * inputs + s->input];
		for (size_t r = 0; s->kind == NONE_MISSING && r < rows; r++)
			of_input[r] = of_input[r] == of_input[r] ? of_input[r] : 0;
		const bool to_float = b->arithmetic == TREES_FLOAT;
		lay_keys(of_input, to_float, s->kind, rows, keys);
		lay_cells(of_input, to_float, s->low, s->per, (int32_t)s->cells - 1, rows, reached);
		memset(keys + rows, 0, FLIGHT * sizeof *keys);
		memset(reached + rows, 0, FLIGHT * sizeof *reached);
		reach(b, s, keys, rows, reached);
		for (uint32_t k = s->column; k < s->column + s->columns; k++) {
			const struct column *c = &b->columns[k];
			lay_column((int32_t)c->from, c->missing_to_yes ? 0 : BINS_LIMITS, keys, reached, rows, out + k * stride);
		}
	}
}
