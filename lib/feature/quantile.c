/* SPDX-License-Identifier: MIT */
#include "feature/quantile.h"

#include <float.h>
#include <string.h>

#include "model/exp.h"

#define UNUSED(x) ((void)(x))

#define LN_G 0.020000666706669524	/* of 1.01 / 0.99 */
#define LN_MIDDLE (-0.010050335853501442)	/* of 2 / (g + 1) = 0.99 */
#define LN_2 0.6931471805599453
#define ONE 37300			/* the bin of 1: doubles go from 37,222 below it to 35,489 above */
#define BIN_MAX (ONE + 35500)

#define COUNT_MAX (UINT64_C(1) << 48)	/* of one bin in a saved state: sums of them have room */

#define DENSE_FROM 64			/* bins that an array is thought of for */
#define CLOSE 4				/* bins of an array for each one of a list that becomes it */
#define FAR 16				/* for each one that it has, before it becomes a list again */

/* ---- numbers and bins ---- */

/* Of a number above 0. */
static double ln(double x)
{
	double e = -1023;

	if (x < DBL_MIN) {
		x *= 0x1p54;
		e -= 54;
	}
	const uint64_t bits = exp_to_bits(x);
	e += (double)(bits >> 52);
	return e * LN_2 + exp_log1p(exp_from_bits((bits & UINT64_C(0xfffffffffffff)) | UINT64_C(1023) << 52) - 1);
}

int32_t quantile_bin(double x)
{
	if (x == 0)
		return 0;
	const double at = ln(x < 0 ? -x : x) / LN_G;
	int32_t i = (int32_t)at;
	i += i < at;
	return x < 0 ? -(i + ONE) : i + ONE;
}

double quantile_of_bin(int32_t bin)
{
	if (!bin)
		return 0;
	const double x = exp_of(((bin < 0 ? -bin : bin) - ONE) * LN_G + LN_MIDDLE), top = x > DBL_MAX ? DBL_MAX : x;
	return bin < 0 ? -top : top;
}

/* ---- the bins ---- */

static int32_t bin_at(const struct quantile *s, uint32_t i)
{
	return s->bins ? s->bins[i] : s->base + (int32_t)i;
}

static bool is_array(const struct quantile *s)
{
	return !s->bins && s->used;
}

static uint32_t present(const struct quantile *s)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < s->used; i++)
		n += s->counts[i] > 0;
	return n;
}

static void release_bins(struct quantile *s, struct pool *pool)
{
	pool_put(pool, s->counts, s->room * sizeof *s->counts);
	if (s->bins)
		pool_put(pool, s->bins, s->room * sizeof *s->bins);
}

/* From bin `from` to bin `to`, all that there are. */
static void become_array(struct quantile *s, int32_t from, int32_t to, struct pool *pool)
{
	const uint32_t room = (uint32_t)(to - from) + 1;
	uint64_t *counts = memset(pool_get(pool, room * sizeof *counts), 0, room * sizeof *counts);

	for (uint32_t i = 0; i < s->used; i++)
		counts[bin_at(s, i) - from] = s->counts[i];
	release_bins(s, pool);
	*s = (struct quantile){ s->n, counts, NULL, from, room, room };
}

static void become_list(struct quantile *s, struct pool *pool)
{
	struct quantile list = { .n = s->n, .room = present(s) + 1 };

	list.counts = pool_get(pool, list.room * sizeof *list.counts);
	list.bins = pool_get(pool, list.room * sizeof *list.bins);
	for (uint32_t i = 0; i < s->used; i++)
		if (s->counts[i]) {
			list.counts[list.used] = s->counts[i];
			list.bins[list.used++] = bin_at(s, i);
		}
	release_bins(s, pool);
	*s = list;
}

/* An array that lacks the bin gets wider, or becomes a list. */
static void reach_bin(struct quantile *s, int32_t bin, struct pool *pool)
{
	const int32_t top = s->base + (int32_t)s->used - 1, span = bin < s->base ? top - bin : bin - s->base;
	int32_t from = bin < s->base ? bin - span / 4 : s->base, to = bin > top ? bin + span / 4 : top;

	from = from < -BIN_MAX ? -BIN_MAX : from;
	to = to > BIN_MAX ? BIN_MAX : to;
	if ((uint32_t)span / FAR > present(s))
		become_list(s, pool);
	else
		become_array(s, from, to, pool);
}

/* Of a list: the place of a bin, or where it belongs. */
static uint32_t place_of(const struct quantile *s, int32_t bin)
{
	uint32_t from = 0;

	for (uint32_t n = s->used, half; n > 1; n -= half) {
		half = n / 2;
		from = s->bins[from + half - 1] < bin ? from + half : from;
	}
	return from + (from < s->used && s->bins[from] < bin);
}

static void open_place(struct quantile *s, uint32_t i, struct pool *pool)
{
	if (s->used == s->room) {
		const uint32_t room = s->room ? s->room * 2 : 4;
		s->counts = pool_resize(pool, s->counts, s->room * sizeof *s->counts, room * sizeof *s->counts);
		s->bins = pool_resize(pool, s->bins, s->room * sizeof *s->bins, room * sizeof *s->bins);
		s->room = room;
	}
	memmove(s->counts + i + 1, s->counts + i, (s->used - i) * sizeof *s->counts);
	memmove(s->bins + i + 1, s->bins + i, (s->used - i) * sizeof *s->bins);
	s->used++;
}

static void close_place(struct quantile *s, uint32_t i)
{
	s->used--;
	memmove(s->counts + i, s->counts + i + 1, (s->used - i) * sizeof *s->counts);
	memmove(s->bins + i, s->bins + i + 1, (s->used - i) * sizeof *s->bins);
}

static void add_to_list(struct quantile *s, int32_t bin, int64_t count, struct pool *pool)
{
	const uint32_t i = place_of(s, bin);

	if (i < s->used && s->bins[i] == bin) {
		s->counts[i] += (uint64_t)count;
		if (!s->counts[i])
			close_place(s, i);
		return;
	}
	open_place(s, i, pool);
	s->counts[i] = (uint64_t)count;
	s->bins[i] = bin;
	if (s->used >= DENSE_FROM && (uint32_t)(s->bins[s->used - 1] - s->bins[0]) / CLOSE < s->used)
		become_array(s, s->bins[0], s->bins[s->used - 1], pool);
}

void quantile_add(struct quantile *s, int32_t bin, int64_t count, struct pool *pool)
{
	s->n += (uint64_t)count;
	if (is_array(s) && (bin < s->base || (uint32_t)(bin - s->base) >= s->used))
		reach_bin(s, bin, pool);
	if (is_array(s))
		s->counts[bin - s->base] += (uint64_t)count;
	else
		add_to_list(s, bin, count, pool);
}

void quantile_release(struct quantile *s, struct pool *pool)
{
	release_bins(s, pool);
	*s = (struct quantile){0};
}

/* ---- ranks ---- */

#define STEP 8

/* The place that holds rank r < n, and in *end how many values it and those before it hold; counted from the nearer end. */
static uint32_t place_of_rank(const struct quantile *s, uint64_t r, uint64_t *end)
{
	uint64_t sum = 0;
	uint32_t i = 0;

	if (r > s->n / 2) {
		for (sum = s->n, i = s->used - 1; i && sum - s->counts[i] > r; i--)
			sum -= s->counts[i];
		*end = sum;
		return i;
	}
	for (; i + STEP <= s->used; i += STEP) {
		uint64_t step = 0;
		for (uint32_t j = 0; j < STEP; j++)
			step += s->counts[i + j];
		if (sum + step > r)
			break;
		sum += step;
	}
	while ((sum += s->counts[i]) <= r && i + 1 < s->used)
		i++;
	*end = sum;
	return i;
}

double quantile_read(const struct quantile *s, double q, const int32_t *one_more)
{
	const uint64_t n = s->n + (one_more ? 1 : 0), r = (uint64_t)(q * (double)(n - 1));
	uint64_t end;

	if (!one_more)
		return quantile_of_bin(bin_at(s, place_of_rank(s, r < n ? r : n - 1, &end)));
	/* Between the ranks r - 1 and r of the others, or the nearer of these. */
	int32_t low = INT32_MIN, high = INT32_MAX;
	if (s->n) {
		uint32_t i = place_of_rank(s, r ? r - 1 : 0, &end);
		low = r ? bin_at(s, i) : low;
		for (; end <= r && i + 1 < s->used; end += s->counts[i])
			i++;
		high = end > r ? bin_at(s, i) : high;
	}
	const int32_t x = *one_more;
	return quantile_of_bin(x < low ? low : x > high ? high : x);
}

/* ---- saved: how many bins, then of each the step from the one before it and its count ---- */

void quantile_save(const struct quantile *s, struct buf *b)
{
	int32_t before = 0;

	snapshot_put_varint(b, present(s));
	for (uint32_t i = 0; i < s->used; i++)
		if (s->counts[i]) {
			snapshot_put_signed(b, bin_at(s, i) - before);
			snapshot_put_varint(b, s->counts[i]);
			before = bin_at(s, i);
		}
}

void quantile_load(struct quantile *s, struct snapshot_bytes *in, struct pool *pool)
{
	const uint64_t n = snapshot_get_varint(in);
	int64_t bin = 0;

	for (uint64_t i = 0; i < n && !in->torn; i++) {
		const int64_t step = snapshot_get_signed(in);
		const uint64_t count = snapshot_get_varint(in);
		if (step < -BIN_MAX || step > 2 * BIN_MAX || (i && step <= 0) || !count || count > COUNT_MAX)
			in->torn = true;
		bin += in->torn ? 0 : step;
		if (bin < -BIN_MAX || bin > BIN_MAX)
			in->torn = true;
		if (!in->torn)
			quantile_add(s, (int32_t)bin, (int64_t)count, pool);
	}
}

/* ---- the row: a value stands as its bin, a sum is a pot ---- */

static int take(struct value *x, struct arena *arena, struct error *why)
{
	UNUSED(arena);
	if (!value_is_number(*x))
		return error_set(why, "needs a number");
	*x = value_integer(quantile_bin(value_double(*x)));
	return 0;
}

static uint64_t make(const struct counted_in *in, struct value x)
{
	UNUSED(in);
	return (uint64_t)x.integer;
}

static void save_one(const struct counted_in *in, uint64_t entry, struct buf *b)
{
	UNUSED(in);
	snapshot_put_signed(b, (int64_t)entry);
}

static uint64_t load_one(const struct counted_in *in, struct snapshot_bytes *bytes)
{
	const int64_t bin = snapshot_get_signed(bytes);

	UNUSED(in);
	if (bin < -BIN_MAX || bin > BIN_MAX)
		bytes->torn = true;
	return bytes->torn ? 0 : (uint64_t)bin;
}

static void move(const struct counted_in *in, void *sum, const int64_t *times, const uint64_t *entries, size_t n, int sign, enum counted_end end)
{
	UNUSED(times), UNUSED(end);
	for (size_t i = 0; i < n; i++)
		quantile_add(sum, (int32_t)(int64_t)entries[i], sign, in->pool);
}

static void move_pot(const struct counted_in *in, void *sum, const void *pot, int sign, enum counted_end end)
{
	const struct quantile *other = pot;

	UNUSED(end);
	for (uint32_t i = 0; i < other->used; i++)
		if (other->counts[i])
			quantile_add(sum, bin_at(other, i), sign * (int64_t)other->counts[i], in->pool);
}

static struct value read_pot(const struct counted_in *in, void *pot, const struct counted_question *q)
{
	const int32_t x = q->x ? (int32_t)q->x->integer : 0;

	UNUSED(in);
	return ((const struct quantile *)pot)->n || q->x ? value_number(quantile_read(pot, q->constant, q->x ? &x : NULL)) : value_null();
}

static struct value read_sum(const struct counted_in *in, void *sum, const struct counted_stretch *stretch, const struct counted_question *q)
{
	UNUSED(stretch);
	return read_pot(in, sum, q);
}

static void add_to_pot(const struct counted_in *in, void *pot, struct value x, int64_t time, void *const sums[], size_t n_sums)
{
	UNUSED(time);
	quantile_add(pot, (int32_t)x.integer, 1, in->pool);
	for (size_t i = 0; i < n_sums; i++)
		quantile_add(sums[i], (int32_t)x.integer, 1, in->pool);
}

static void join(const struct counted_in *in, void *pot, const void *other)
{
	move_pot(in, pot, other, 1, COUNTED_WITHIN);
}

static void release(const struct counted_in *in, void *pot)
{
	quantile_release(pot, in->pool);
}

static void save_pot(const struct counted_in *in, const void *pot, struct buf *b)
{
	UNUSED(in);
	quantile_save(pot, b);
}

static void load_pot(const struct counted_in *in, void *pot, struct snapshot_bytes *bytes)
{
	quantile_load(pot, bytes, in->pool);
}

#define USUAL (6 * 116)		/* bins of six powers of ten */

/* As a list, or as the array that all of them become. */
static size_t bytes(size_t n)
{
	const size_t array = pool_size(USUAL * 5 / 4 * sizeof(uint64_t));
	size_t room = 4;

	while (room < n)
		room *= 2;
	const size_t list = pool_size(room * sizeof(uint64_t)) + pool_size(room * sizeof(int32_t));
	return list < array ? list : array;
}

const struct counted quantile_counted = {
	.pot = sizeof(struct quantile), .sum = sizeof(struct quantile), .most = 1, .usual = 0.5, .range = "q is a number from 0 to 1", .take = take, .make = make, .save = save_one,
	.load = load_one, .move = move, .move_pot = move_pot, .read = read_sum, .release = release, .pot_add = add_to_pot, .pot_join = join,
	.pot_read = read_pot, .pot_save = save_pot, .pot_load = load_pot, .pot_release = release, .pot_bytes = bytes, .sum_bytes = bytes,
	.usual_values = USUAL,
};
