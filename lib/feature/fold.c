/* SPDX-License-Identifier: MIT */
#include "feature/fold.h"

#include <math.h>
#include <string.h>

#include "base/number.h"
#include "feature/held.h"
#include "feature/pair.h"
#include "json/write.h"
#include "model/exp.h"

#define UNUSED(x) ((void)(x))

static inline size_t entry_step(const struct fold_shape *s, size_t size)
{
	return s->entries_apart ? s->entries_apart : size;
}

static inline size_t partial_step(const struct fold_shape *s, size_t size)
{
	return s->partials_apart ? s->partials_apart : size;
}

/* ---- count ---- */

static void count_add(const struct fold_shape *s, void *partial, const int64_t *times, const void *entries, size_t n)
{
	UNUSED(s), UNUSED(times), UNUSED(entries);
	*(uint64_t *)partial += n;
}

static void count_combine(const struct fold_shape *s, void *partial, const void *later, size_t n)
{
	const size_t step = partial_step(s, sizeof(uint64_t));

	for (const char *counts = later; n--; counts += step)
		*(uint64_t *)partial += *(const uint64_t *)(const void *)counts;
}

static struct value count_value(const struct fold_shape *s, const void *partial, int variant, struct arena *arena)
{
	UNUSED(s), UNUSED(variant), UNUSED(arena);
	return value_integer((int64_t)*(const uint64_t *)partial);
}

const struct fold fold_count = { "a number", "n", sizeof(uint64_t), 0, FOLD_NOTHING, false, false, false, true, count_add, count_combine, count_value };

/* ---- sum and mean ---- */

struct sum { uint64_t n; struct pair pairs[]; };

/* Numbers, that is nearly all, have loops of their own: dims is a constant there. */
static inline void add_numbers(struct sum *sum, const double *x, size_t n, size_t dims)
{
	sum->n += n;
	for (size_t k = 0; k < dims; k++) {
		struct pair p = sum->pairs[k];
		for (size_t i = 0; i < n; i++)
			p = pair_add(p, x[i * dims + k], 0);
		sum->pairs[k] = p;
	}
}

static inline void add_sums(struct sum *sum, const char *later, size_t n, size_t dims, size_t size)
{
	for (size_t k = 0; k < dims; k++) {
		struct pair p = sum->pairs[k];
		for (size_t i = 0; i < n; i++) {
			const struct pair more = ((const struct sum *)(const void *)(later + i * size))->pairs[k];
			p = pair_add(p, more.hi, more.lo);
		}
		sum->pairs[k] = p;
	}
	for (size_t i = 0; i < n; i++)
		sum->n += ((const struct sum *)(const void *)(later + i * size))->n;
}

static void sum_add(const struct fold_shape *s, void *partial, const int64_t *times, const void *entries, size_t n)
{
	UNUSED(times);
	if (s->is_array)
		add_numbers(partial, entries, n, s->dims);
	else
		add_numbers(partial, entries, n, 1);
}

static void sum_combine(const struct fold_shape *s, void *partial, const void *later, size_t n)
{
	if (s->is_array)
		add_sums(partial, later, n, s->dims, fold_partial_size(s));
	else
		add_sums(partial, later, n, 1, fold_partial_size(s));
}

static struct value sum_value(const struct fold_shape *s, const void *partial, int variant, struct arena *arena)
{
	const struct sum *sum = partial;
	const double divisor = variant == FOLD_MEAN ? (double)sum->n : 1;

	if (!sum->n)
		return variant == FOLD_MEAN ? value_null() : value_integer(0);
	if (!s->is_array)
		return value_number(pair_value(sum->pairs[0]) / divisor);
	struct value *items = arena_get(arena, (s->dims ? s->dims : 1) * sizeof *items);
	for (uint32_t k = 0; k < s->dims; k++)
		items[k] = value_number(pair_value(sum->pairs[k]) / divisor);
	return (struct value){ .type = VALUE_ARRAY, .len = s->dims, .items = items };
}

/* Numbers that lie apart. */
static void sum_add_apart(const struct fold_shape *s, void *partial, const int64_t *times, const void *entries, size_t n)
{
	struct sum *sum = partial;
	const size_t step = s->entries_apart;
	struct pair p = sum->pairs[0];

	UNUSED(times);
	sum->n += n;
	if (s->is_whole)
		for (const char *e = entries; n--; e += step)
			p = pair_add(p, value_double(*(const struct value *)(const void *)e), 0);
	else
		for (const char *e = entries; n--; e += step)
			p = pair_add(p, *(const double *)(const void *)e, 0);
	sum->pairs[0] = p;
}

static void sum_combine_apart(const struct fold_shape *s, void *partial, const void *later, size_t n)
{
	add_sums(partial, later, n, 1, s->partials_apart);
}

const struct fold fold_sum = {
	"how many, their sum and its rounding error", "ne", sizeof(struct sum), sizeof(struct pair), FOLD_NUMBERS, true, false, false, true, sum_add, sum_combine, sum_value,
};
const struct fold fold_sum_apart = {
	"", "ne", sizeof(struct sum), sizeof(struct pair), FOLD_NUMBERS, false, false, false, true, sum_add_apart, sum_combine_apart, sum_value,
};

/* ---- var and stddev ---- */

struct spread { uint64_t n; double mean, squares; };	/* squares: of the distances from the mean */

static void spread_add(const struct fold_shape *s, void *partial, const int64_t *times, const void *entries, size_t n)
{
	struct spread *sp = partial;
	const double *x = entries;

	UNUSED(s), UNUSED(times);
	for (size_t i = 0; i < n; i++) {
		const double away = x[i] - sp->mean;
		sp->mean += away / (double)++sp->n;
		sp->squares += away * (x[i] - sp->mean);
	}
}

static void spread_join(struct spread *a, const struct spread *b)
{
	const uint64_t n = a->n + b->n;

	if (!b->n)
		return;
	const double away = b->mean - a->mean, share = (double)b->n / (double)n;
	a->squares += b->squares + away * away * ((double)a->n * share);
	a->mean = a->n ? a->mean + away * share : b->mean;
	a->n = n;
}

static void spread_combine(const struct fold_shape *s, void *partial, const void *later, size_t n)
{
	UNUSED(s);
	for (size_t i = 0; i < n; i++)
		spread_join(partial, (const struct spread *)later + i);
}

static struct value spread_value(const struct fold_shape *s, const void *partial, int variant, struct arena *arena)
{
	const struct spread *sp = partial;

	UNUSED(s), UNUSED(arena);
	if (!sp->n)
		return value_null();
	const double var = sp->squares / (double)sp->n;
	return value_number(variant == FOLD_STDDEV ? sqrt(var) : var);
}

const struct fold fold_spread = {
	"how many, their mean and squared distances from it", "ndd", sizeof(struct spread), 0, FOLD_NUMBERS, false, false, false, false,
	spread_add, spread_combine, spread_value,
};

/* ---- range ---- */

struct range { uint64_t n; double least, greatest; };

static void range_add(const struct fold_shape *s, void *partial, const int64_t *times, const void *entries, size_t n)
{
	const size_t step = entry_step(s, sizeof(double));
	struct range *r = partial;

	UNUSED(times);
	for (const char *e = entries; n--; e += step, r->n++) {
		const double x = s->is_whole ? value_double(*(const struct value *)(const void *)e) : *(const double *)(const void *)e;
		r->least = r->n && r->least <= x ? r->least : x;
		r->greatest = r->n && r->greatest >= x ? r->greatest : x;
	}
}

static void range_combine(const struct fold_shape *s, void *partial, const void *later, size_t n)
{
	const size_t step = partial_step(s, sizeof(struct range));
	struct range *a = partial;

	for (const char *at = later; n--; at += step) {
		const struct range *b = (const struct range *)(const void *)at;
		if (!b->n)
			continue;
		a->least = a->n && a->least <= b->least ? a->least : b->least;
		a->greatest = a->n && a->greatest >= b->greatest ? a->greatest : b->greatest;
		a->n += b->n;
	}
}

static struct value range_value(const struct fold_shape *s, const void *partial, int variant, struct arena *arena)
{
	const struct range *r = partial;

	UNUSED(s), UNUSED(variant), UNUSED(arena);
	return r->n ? value_number(r->greatest - r->least) : value_null();
}

const struct fold fold_range = {
	"the least and the greatest number", "ndd", sizeof(struct range), 0, FOLD_NUMBERS, false, false, false, true, range_add, range_combine, range_value,
};

/* ---- one of the values: min, max ---- */

/* Numbers of one type, nearly all, without a call. */
static inline int compare(struct value a, struct value b)
{
	if (a.type == VALUE_DOUBLE && b.type == VALUE_DOUBLE)
		return (a.number > b.number) - (a.number < b.number);
	if (a.type == VALUE_INTEGER && b.type == VALUE_INTEGER)
		return (a.integer > b.integer) - (a.integer < b.integer);
	return value_compare(a, b);
}

static inline void choose(struct value *kept, struct value x, int sign)
{
	if (kept->type == VALUE_MISSING || compare(x, *kept) * sign > 0)
		*kept = x;
}

static inline void add_best(const struct fold_shape *s, void *partial, const char *entries, size_t n, int sign)
{
	const size_t step = entry_step(s, sizeof(struct value));

	for (; n--; entries += step)
		choose(partial, *(const struct value *)(const void *)entries, sign);
}

static inline void combine_best(const struct fold_shape *s, void *partial, const char *later, size_t n, int sign)
{
	const size_t step = partial_step(s, sizeof(struct value));

	for (; n--; later += step) {
		const struct value *x = (const struct value *)(const void *)later;
		if (x->type != VALUE_MISSING)
			choose(partial, *x, sign);
	}
}

static void least_add(const struct fold_shape *s, void *partial, const int64_t *times, const void *entries, size_t n)
{
	UNUSED(times);
	add_best(s, partial, entries, n, -1);
}

static void least_combine(const struct fold_shape *s, void *partial, const void *later, size_t n)
{
	combine_best(s, partial, later, n, -1);
}

static void greatest_add(const struct fold_shape *s, void *partial, const int64_t *times, const void *entries, size_t n)
{
	UNUSED(times);
	add_best(s, partial, entries, n, 1);
}

static void greatest_combine(const struct fold_shape *s, void *partial, const void *later, size_t n)
{
	combine_best(s, partial, later, n, 1);
}

static struct value best_value(const struct fold_shape *s, const void *partial, int variant, struct arena *arena)
{
	UNUSED(s), UNUSED(variant);
	return held_get(*(const struct value *)partial, arena);
}

const struct fold fold_least = { "one value", "v", sizeof(struct value), 0, FOLD_VALUE, false, true, false, true, least_add, least_combine, best_value };
const struct fold fold_greatest = { "one value", "v", sizeof(struct value), 0, FOLD_VALUE, false, true, false, true, greatest_add, greatest_combine, best_value };

/* ---- first, last: by time, of equal times by arrival ---- */

struct end { int64_t time; struct value value; };

static void first_one(struct end *e, int64_t time, struct value x)
{
	if (e->value.type == VALUE_MISSING || time < e->time)
		*e = (struct end){ time, x };
}

static void last_one(struct end *e, int64_t time, struct value x)
{
	if (e->value.type == VALUE_MISSING || time >= e->time)
		*e = (struct end){ time, x };
}

static void first_add(const struct fold_shape *s, void *partial, const int64_t *times, const void *entries, size_t n)
{
	UNUSED(s);
	for (size_t i = 0; i < n; i++)
		first_one(partial, times[i], ((const struct value *)entries)[i]);
}

static void first_combine(const struct fold_shape *s, void *partial, const void *later, size_t n)
{
	UNUSED(s);
	for (const struct end *e = later; n--; e++)
		if (e->value.type != VALUE_MISSING)
			first_one(partial, e->time, e->value);
}

static void last_add(const struct fold_shape *s, void *partial, const int64_t *times, const void *entries, size_t n)
{
	UNUSED(s);
	for (size_t i = 0; i < n; i++)
		last_one(partial, times[i], ((const struct value *)entries)[i]);
}

static void last_combine(const struct fold_shape *s, void *partial, const void *later, size_t n)
{
	UNUSED(s);
	for (const struct end *e = later; n--; e++)
		if (e->value.type != VALUE_MISSING)
			last_one(partial, e->time, e->value);
}

static struct value end_value(const struct fold_shape *s, const void *partial, int variant, struct arena *arena)
{
	UNUSED(s), UNUSED(variant);
	return held_get(((const struct end *)partial)->value, arena);
}

const struct fold fold_first = { "a value and its time", "tv", sizeof(struct end), 0, FOLD_VALUE, false, false, false, false, first_add, first_combine, end_value };
const struct fold fold_last = { "a value and its time", "tv", sizeof(struct end), 0, FOLD_VALUE, false, false, false, false, last_add, last_combine, end_value };

/* ---- rate ---- */

struct rate { uint64_t n; int64_t first, last; };

static void rate_add(const struct fold_shape *s, void *partial, const int64_t *times, const void *entries, size_t n)
{
	struct rate *r = partial;

	UNUSED(s), UNUSED(entries);
	for (size_t i = 0; i < n; i++, r->n++) {
		r->first = r->n && r->first <= times[i] ? r->first : times[i];
		r->last = r->n && r->last >= times[i] ? r->last : times[i];
	}
}

static void rate_combine(const struct fold_shape *s, void *partial, const void *later, size_t n)
{
	const size_t step = partial_step(s, sizeof(struct rate));
	struct rate *a = partial;

	for (const char *at = later; n--; at += step) {
		const struct rate *b = (const struct rate *)(const void *)at;
		if (!b->n)
			continue;
		a->first = a->n && a->first <= b->first ? a->first : b->first;
		a->last = a->n && a->last >= b->last ? a->last : b->last;
		a->n += b->n;
	}
}

/* From one event to the next where no width is given: n events make n - 1 steps. */
static struct value rate_value(const struct fold_shape *s, const void *partial, int variant, struct arena *arena)
{
	const struct rate *r = partial;

	UNUSED(variant), UNUSED(arena);
	if (s->width)
		return value_number((double)r->n / ((double)s->width / 1e9));
	if (r->n < 2 || r->first == r->last)
		return value_null();
	return value_number((double)(r->n - 1) / ((double)((uint64_t)r->last - (uint64_t)r->first) / 1e9));
}

const struct fold fold_rate = {
	"how many, from when to when", "ntt", sizeof(struct rate), 0, FOLD_NOTHING, false, false, true, true, rate_add, rate_combine, rate_value,
};

/* ---- ewma ---- */

/*
 * Of n values the first, x, and what the others add: from x they lead to decay(last - first) x + rest.  Behind others the first is
 * one of those that add.  Nothing is ever taken off, so that a large value that counts for little costs no digits.
 */
struct ewma { uint64_t n; int64_t first, last; double x, rest; };

double fold_decay(int64_t ns, int64_t half_life)
{
	if (ns <= 0)
		return 1;
	const int64_t whole = ns / half_life;
	if (whole > 1100)
		return 0;
	const double part = exp_of(-0x1.62e42fefa39efp-1 * ((double)(ns % half_life) / (double)half_life));
	/* The same, without a call, where nothing is subnormal. */
	return whole < 1000 ? part * exp_from_bits((uint64_t)(1023 - whole) << 52) : ldexp(part, (int)-whole);
}

static int64_t later_by(int64_t a, int64_t b)
{
	int64_t ns;

	return __builtin_sub_overflow(b, a, &ns) ? b > a ? INT64_MAX : 0 : ns;
}

static void ewma_join(const struct fold_shape *s, struct ewma *a, const struct ewma *b)
{
	if (!b->n)
		return;
	if (!a->n) {
		*a = *b;
		return;
	}
	const double gap = fold_decay(later_by(a->last, b->first), s->half_life);
	const double through = fold_decay(later_by(b->first, b->last), s->half_life);
	a->rest = a->rest * (gap * through) + (1 - gap) * b->x * through + b->rest;
	a->last = b->last > a->last ? b->last : a->last;
	a->n += b->n;
}

static void ewma_combine(const struct fold_shape *s, void *partial, const void *later, size_t n)
{
	for (size_t i = 0; i < n; i++)
		ewma_join(s, partial, (const struct ewma *)later + i);
}

static void ewma_add(const struct fold_shape *s, void *partial, const int64_t *times, const void *entries, size_t n)
{
	const double *x = entries;

	for (size_t i = 0; i < n; i++) {
		const struct ewma one = { 1, times[i], times[i], x[i], 0 };
		ewma_join(s, partial, &one);
	}
}

static struct value ewma_value(const struct fold_shape *s, const void *partial, int variant, struct arena *arena)
{
	const struct ewma *e = partial;

	UNUSED(variant), UNUSED(arena);
	return e->n ? value_number(fold_decay(later_by(e->first, e->last), s->half_life) * e->x + e->rest) : value_null();
}

const struct fold fold_ewma = {
	"the average, and when it was it", "nttdd", sizeof(struct ewma), 0, FOLD_NUMBERS, false, false, true, false, ewma_add, ewma_combine, ewma_value,
};

/* ---- entries ---- */

int fold_check(const struct fold_shape *s, struct value kept, struct value x, struct error *why)
{
	if (s->fold->entry == FOLD_NOTHING)
		return 0;
	if (s->fold->is_ordered) {
		if (value_is_number(kept) && !value_is_number(x))
			return error_set(why, "needs a number as before");
		if (kept.type == VALUE_STRING && x.type != VALUE_STRING)
			return error_set(why, "needs a string as before");
		return value_is_number(x) || x.type == VALUE_STRING ? 0 : error_set(why, "needs a number or a string");
	}
	if (s->fold->entry == FOLD_VALUE)
		return held_fits(x) ? 0 : error_set(why, "can keep numbers, strings, booleans and arrays of these");
	if (!s->fold->takes_arrays)
		return value_is_number(x) ? 0 : error_set(why, "needs a number");
	if (x.type != VALUE_ARRAY) {
		if (!value_is_number(x))
			return error_set(why, "needs a number");
		return kept.type == VALUE_ARRAY ? error_set(why, "needs an array of %u number%s as before", kept.len, number_s(kept.len)) : 0;
	}
	if (x.len > FOLD_DIMS_MAX)
		return error_set(why, "takes arrays of at most %d numbers", FOLD_DIMS_MAX);
	if (value_is_number(kept))
		return error_set(why, "needs a number as before");
	if (kept.type == VALUE_ARRAY && kept.len != x.len)
		return error_set(why, "needs an array of %u number%s as before", kept.len, number_s(kept.len));
	for (uint32_t i = 0; i < x.len; i++)
		if (!value_is_number(x.items[i]))
			return error_set(why, "needs an array of numbers");
	return 0;
}

void fold_own_value(void *entry, struct pool *pool)
{
	const struct value x = *(struct value *)entry;

	*(struct value *)entry = (struct value){0};
	held_set(entry, x, pool);
}

void fold_drop(const struct fold_shape *s, void *entry, struct pool *pool)
{
	if (s->fold->entry == FOLD_VALUE)
		held_release(entry, pool);
}

void fold_save(const struct fold_shape *s, const void *entry, struct buf *b)
{
	if (s->fold->entry == FOLD_VALUE)
		held_save(b, *(const struct value *)entry);
	else if (s->fold->entry == FOLD_NUMBERS)
		for (uint32_t k = 0; k < s->dims; k++)
			snapshot_put_double(b, ((const double *)entry)[k]);
}

static void load_value(struct value *at, struct snapshot_bytes *in, struct pool *pool)
{
	struct arena arena = ARENA_INIT;

	held_set(at, held_load(in, &arena), pool);
	arena_release(&arena);
}

void fold_load(const struct fold_shape *s, void *entry, struct snapshot_bytes *in, struct pool *pool)
{
	if (s->fold->entry == FOLD_VALUE)
		load_value(entry, in, pool);
	else if (s->fold->entry == FOLD_NUMBERS)
		for (uint32_t k = 0; k < s->dims; k++)
			((double *)entry)[k] = snapshot_get_double(in);
}

/* ---- partials, by their layout ---- */

union word { uint64_t n; int64_t time; double number; };

/* How many words a part of the layout has. */
static size_t words_of(const struct fold_shape *s, char part)
{
	return part == 'v' ? sizeof(struct value) / sizeof(union word) : part == 'e' ? 2 * (size_t)s->dims : 1;
}

bool fold_is_nothing(const struct fold_shape *s, const void *partial)
{
	const uint64_t *word = partial;

	if (word[0])	/* as a rule it says enough */
		return false;
	const size_t words = fold_partial_size(s) / sizeof *word;
	for (size_t i = 1; i < words; i++)
		if (word[i])
			return false;
	return true;
}

/* The value in a partial of values. */
static struct value *value_in(const struct fold_shape *s, void *partial)
{
	return (struct value *)(void *)((union word *)partial + (strchr(s->fold->layout, 'v') - s->fold->layout));
}

struct value fold_partial_value(const struct fold_shape *s, const void *partial)
{
	return *value_in(s, (void *)(uintptr_t)partial);
}

static bool is_same_value(const struct value *a, const struct value *b)
{
	return a->type == b->type && a->len == b->len && a->uinteger == b->uinteger;
}

/* A partial of FOLD_VALUE. */
struct chosen { union word words[4]; };

void fold_keep(const struct fold_shape *s, void *partial, int64_t time, const void *entry, struct pool *pool)
{
	struct chosen now;

	if (s->fold->entry != FOLD_VALUE) {
		s->fold->add(s, partial, &time, entry, 1);
		return;
	}
	const size_t size = fold_partial_size(s);
	struct value *kept = value_in(s, partial);
	memcpy(&now, partial, size);
	s->fold->add(s, &now, &time, entry, 1);
	const struct value chosen = *value_in(s, &now);
	if (!is_same_value(kept, &chosen)) {
		*value_in(s, &now) = *kept;
		held_set(value_in(s, &now), chosen, pool);
	}
	memcpy(partial, &now, size);	/* of the same value the time may be another */
}

void fold_keep_partial(const struct fold_shape *s, void *partial, void *later, struct pool *pool)
{
	if (s->fold->entry != FOLD_VALUE) {
		s->fold->combine(s, partial, later, 1);
		return;
	}
	struct value before = *value_in(s, partial), *other = value_in(s, later);
	s->fold->combine(s, partial, later, 1);
	/* One of the two is chosen, the other goes. */
	if (is_same_value(value_in(s, partial), &before))
		held_release(other, pool);
	else
		held_release(&before, pool);
}

void fold_drop_partial(const struct fold_shape *s, void *partial, struct pool *pool)
{
	if (s->fold->entry == FOLD_VALUE)
		held_release(value_in(s, partial), pool);
}

void fold_save_partial(const struct fold_shape *s, const void *partial, struct buf *b)
{
	const union word *w = partial;

	for (const char *p = s->fold->layout; *p; w += words_of(s, *p++))
		switch (*p) {
		case 'n':
			snapshot_put_varint(b, w->n);
			break;
		case 't':
			snapshot_put_signed(b, w->time);
			break;
		case 'v':
			held_save(b, *(const struct value *)(const void *)w);
			break;
		default:
			for (size_t i = 0; i < words_of(s, *p); i++)
				snapshot_put_double(b, w[i].number);
		}
}

void fold_load_partial(const struct fold_shape *s, void *partial, struct snapshot_bytes *in, struct pool *pool)
{
	union word *w = partial;

	for (const char *p = s->fold->layout; *p; w += words_of(s, *p++))
		switch (*p) {
		case 'n':
			w->n = snapshot_get_varint(in);
			break;
		case 't':
			w->time = snapshot_get_signed(in);
			break;
		case 'v':
			load_value((struct value *)(void *)w, in, pool);
			break;
		default:
			for (size_t i = 0; i < words_of(s, *p); i++)
				w[i].number = snapshot_get_double(in);
		}
}
