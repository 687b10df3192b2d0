/* SPDX-License-Identifier: MIT */
#include "feature/sums.h"

#include "base/number.h"
#include "feature/pair.h"
#include "json/write.h"

#define FAN 16

/* ---- values ---- */

int sums_check(const struct sums *s, struct value x, struct error *why)
{
	if (x.type != VALUE_ARRAY) {
		if (!value_is_number(x))
			return error_set(why, "needs a number");
		if (s->n && s->is_array)
			return error_set(why, "needs an array of %u number%s as before", s->dims, number_s(s->dims));
		return 0;
	}
	if (x.len > SUMS_DIMS_MAX)
		return error_set(why, "takes arrays of at most %d numbers", SUMS_DIMS_MAX);
	if (s->n && !s->is_array)
		return error_set(why, "needs a number as before");
	if (s->n && s->dims != x.len)
		return error_set(why, "needs an array of %u number%s as before", s->dims, number_s(s->dims));
	for (uint32_t i = 0; i < x.len; i++)
		if (!value_is_number(x.items[i]))
			return error_set(why, "needs an array of numbers");
	return 0;
}

static inline double element(struct value x, uint32_t k)
{
	return value_double(x.type == VALUE_ARRAY ? x.items[k] : x);
}

/* ---- the ring: `room` places of `dims` numbers; then, level by level, nodes of `dims` pairs ---- */

/* Nodes above `n` places or nodes; the top level has at most FAN, which are summed when they are read. */
static inline size_t nodes_above(size_t n)
{
	return n > FAN ? (n + FAN - 1) / FAN : 0;
}

static size_t doubles_for(size_t room, size_t dims)
{
	size_t n = room * dims;

	for (size_t level = nodes_above(room); level; level = nodes_above(level))
		n += level * dims * 2;
	return n;
}

size_t sums_bound(uint32_t last)
{
	return pool_size((last ? doubles_for(last, 1) : 2) * sizeof(double));
}

/* Places [from, to) of one element added to a sum, `step` doubles apart; nodes [from, to), 2 * step apart. */
static struct pair add_places(struct pair sum, const double *x, size_t step, size_t from, size_t to)
{
	for (x += from * step; from < to; from++, x += step)
		sum = pair_add(sum, *x, 0);
	return sum;
}

static struct pair add_nodes(struct pair sum, const double *x, size_t step, size_t from, size_t to)
{
	for (x += from * step * 2; from < to; from++, x += step * 2)
		sum = pair_add(sum, x[0], x[1]);
	return sum;
}

/* Sum of a block: places or nodes [from, to) of a level, that at `at` replaced by `by` (at >= to: none). */
static struct pair block_sum(const double *level, bool leaves, size_t dims, size_t k, size_t from, size_t to, size_t at,
    struct pair by)
{
	struct pair (*add)(struct pair, const double *, size_t, size_t, size_t) = leaves ? add_places : add_nodes;
	const double *x = level + (leaves ? k : 2 * k);
	struct pair sum = { 0, 0 };

	if (at >= to)
		return add(sum, x, dims, from, to);
	sum = add(sum, x, dims, from, at);
	sum = pair_add(sum, by.hi, by.lo);
	return add(sum, x, dims, at + 1, to);
}

/* Element k over `used` places, the one at `at` replaced by x. */
static double ring_sum(const struct sums *s, size_t k, size_t used, size_t at, double x)
{
	const double *level = s->many;
	size_t size = s->room;
	struct pair by = { x, 0 };
	bool leaves = true;

	for (size_t above; (above = nodes_above(size)); size = above) {
		if (at < used) {
			const size_t from = at / FAN * FAN, to = from + FAN < used ? from + FAN : used;
			by = block_sum(level, leaves, s->dims, k, from, to, at, by);
			at /= FAN;
		} else
			at = SIZE_MAX;
		level += size * s->dims * (leaves ? 1 : 2);
		leaves = false;
		used = (used + FAN - 1) / FAN;
	}
	return pair_value(block_sum(level, leaves, s->dims, k, 0, used, at, by));
}

/* Brings the nodes above places [first, final] up to date. */
static void ring_update(struct sums *s, size_t used, size_t first, size_t final)
{
	double *level = s->many;
	size_t size = s->room;
	bool leaves = true;

	for (size_t above; (above = nodes_above(size)); size = above) {
		double *next = level + size * s->dims * (leaves ? 1 : 2);
		first /= FAN;
		final /= FAN;
		for (size_t node = first; node <= final; node++) {
			const size_t from = node * FAN, to = from + FAN < used ? from + FAN : used;
			for (size_t k = 0; k < s->dims; k++) {
				const struct pair sum = block_sum(level, leaves, s->dims, k, from, to, SIZE_MAX, (struct pair){ 0, 0 });
				next[(node * s->dims + k) * 2] = sum.hi;
				next[(node * s->dims + k) * 2 + 1] = sum.lo;
			}
		}
		level = next;
		leaves = false;
		used = (used + FAN - 1) / FAN;
	}
}

static size_t ring_used(const struct sums *s, uint32_t last)
{
	return s->n < last ? (size_t)s->n : last;
}

/* Room follows from how many there are, and leaves one place for the next, so that reading need not grow. */
static size_t room_for(size_t used, uint32_t last)
{
	size_t room = 4;

	while (room <= used)
		room *= 2;
	return room < last ? room : last;
}

/* Until the ring is full nothing has wrapped, so places stay where they are; the nodes are the caller's to fill. */
static void ring_grow(struct sums *s, size_t used, uint32_t last, struct pool *pool)
{
	const size_t room = room_for(used, last);

	s->many = pool_resize(pool, s->many, doubles_for(s->room, s->dims) * sizeof(double), doubles_for(room, s->dims) * sizeof(double));
	s->room = (uint32_t)room;
}

/* ---- reading and adding ---- */

static double sum_of_all(const struct sums *s, uint32_t k, const struct value *x)
{
	struct pair sum = { 0, 0 };

	if (s->n)
		sum = s->is_array ? (struct pair){ s->many[k * 2], s->many[k * 2 + 1] } : (struct pair){ s->one[0], s->one[1] };
	if (x)
		sum = pair_add(sum, element(*x, k), 0);
	return pair_value(sum);
}

struct value sums_read(const struct sums *s, uint32_t last, bool mean, const struct value *x, struct arena *arena)
{
	const uint64_t n = s->n + (x ? 1 : 0);
	const bool is_array = s->n ? s->is_array : x && x->type == VALUE_ARRAY;
	const size_t used = last && n > last ? last : (size_t)n, at = last && x ? (size_t)(s->n % last) : SIZE_MAX;
	const double divisor = mean ? (double)used : 1;
	const uint32_t dims = !is_array ? 1 : s->n ? s->dims : x->len;
	struct value one, *items = &one;

	if (!n)
		return mean ? value_null() : value_integer(0);
	if (is_array)
		items = arena_get(arena, (dims ? dims : 1) * sizeof *items);
	for (uint32_t k = 0; k < dims; k++) {
		const double sum = !last || !s->n ? sum_of_all(s, k, x) : ring_sum(s, k, used, at, x ? element(*x, k) : 0);
		items[k] = value_number(sum / divisor);
	}
	return is_array ? (struct value){ .type = VALUE_ARRAY, .len = dims, .items = items } : one;
}

const void *sums_heap(const struct sums *s, uint32_t last)
{
	return s->n ? s->many + s->n % last / FAN * FAN * s->dims : NULL;
}

/* From empty, for `used` places. */
static void start(struct sums *s, uint32_t dims, bool is_array, size_t used, uint32_t last, struct pool *pool)
{
	s->dims = dims;
	s->is_array = is_array & 1;
	if (last) {
		s->many = NULL;
		ring_grow(s, used, last, pool);
	} else if (is_array) {
		s->many = pool_get(pool, dims * 2 * sizeof(double));
		for (uint32_t i = 0; i < dims * 2; i++)
			s->many[i] = 0;
	}
}

void sums_add(struct sums *s, uint32_t last, struct value x, struct pool *pool)
{
	if (!s->n)
		start(s, x.type == VALUE_ARRAY ? x.len : 1, x.type == VALUE_ARRAY, 0, last, pool);
	if (!last) {
		double *at = s->is_array ? s->many : s->one;
		for (uint32_t k = 0; k < s->dims; k++, at += 2) {
			const struct pair sum = pair_add((struct pair){ at[0], at[1] }, element(x, k), 0);
			at[0] = sum.hi;
			at[1] = sum.lo;
		}
		s->n++;
		return;
	}
	const size_t place = (size_t)(s->n % last);
	for (uint32_t k = 0; k < s->dims; k++)
		s->many[place * s->dims + k] = element(x, k);
	s->n++;
	const size_t used = ring_used(s, last);
	if (used == s->room && used < last) {
		ring_grow(s, used, last, pool);
		ring_update(s, used, 0, used - 1);
	} else
		ring_update(s, used, place, place);
}

void sums_release(struct sums *s, uint32_t last, struct pool *pool)
{
	if (s->n && (last || s->is_array))
		pool_put(pool, s->many, (last ? doubles_for(s->room, s->dims) : (size_t)s->dims * 2) * sizeof(double));
	*s = (struct sums){0};
}

/* ---- saved: n, shape, then the pairs or the places in their order ---- */

static size_t numbers_kept(const struct sums *s, uint32_t last)
{
	return last ? ring_used(s, last) * s->dims : (size_t)s->dims * 2;
}

void sums_save(const struct sums *s, uint32_t last, struct buf *b)
{
	const double *at = last || s->is_array ? s->many : s->one;

	snapshot_put_varint(b, s->n);
	snapshot_put_varint(b, s->is_array ? (uint64_t)s->dims + 1 : 0);
	for (size_t i = 0, n = numbers_kept(s, last); i < n; i++)
		snapshot_put_double(b, at[i]);
}

void sums_load(struct sums *s, uint32_t last, struct snapshot_bytes *in, struct pool *pool)
{
	const uint64_t n = snapshot_get_varint(in), shape = snapshot_get_varint(in);
	const uint64_t dims = shape ? shape - 1 : 1;

	if (in->torn || !n || dims > SUMS_DIMS_MAX ||
	    (last && n < last ? n : last ? last : 2) * dims * sizeof(double) != (uint64_t)(in->end - in->p)) {
		in->torn = true;
		return;
	}
	start(s, (uint32_t)dims, shape > 0, n < last ? n : last, last, pool);
	s->n = n;
	double *at = last || s->is_array ? s->many : s->one;
	for (size_t i = 0, kept = numbers_kept(s, last); i < kept; i++)
		at[i] = snapshot_get_double(in);
	if (last)
		ring_update(s, ring_used(s, last), 0, ring_used(s, last) - 1);
}

static void dump_numbers(struct buf *b, const struct sums *s, const double *at)
{
	if (s->is_array)
		buf_add_byte(b, '[');
	for (uint32_t k = 0; k < s->dims; k++) {
		if (k)
			buf_add_byte(b, ',');
		json_write_value(b, value_number(at[k]));
	}
	if (s->is_array)
		buf_add_byte(b, ']');
}

void sums_dump(const struct sums *s, uint32_t last, struct buf *b)
{
	struct arena arena = ARENA_INIT;

	json_write_name(b, "n");
	json_write_integer(b, (int64_t)s->n);
	json_write_name(b, "sum");
	json_write_value(b, sums_read(s, last, false, NULL, &arena));
	if (last) {
		const size_t used = ring_used(s, last), first = s->n > last ? (size_t)(s->n % last) : 0;
		json_write_name(b, "values");
		buf_add_byte(b, '[');
		for (size_t i = 0; i < used; i++) {
			if (i)
				buf_add_byte(b, ',');
			dump_numbers(b, s, s->many + (first + i) % used * s->dims);
		}
		buf_add_byte(b, ']');
	}
	arena_release(&arena);
}
