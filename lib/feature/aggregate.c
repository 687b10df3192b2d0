/* SPDX-License-Identifier: MIT */
#include "feature/aggregate.h"

#include <math.h>
#include <string.h>

#include "base/number.h"
#include "feature/counted.h"
#include "feature/distinct.h"
#include "feature/extremes.h"
#include "feature/fold.h"
#include "feature/held.h"
#include "feature/opened.h"
#include "feature/quantile.h"
#include "feature/ring.h"
#include "feature/sequence.h"
#include "feature/sums.h"
#include "feature/topk.h"
#include "feature/window.h"
#include "json/write.h"

#define UNUSED(x) ((void)(x))

enum { LEAST = -1, GREATEST = 1 };

static size_t no_heap(const struct aggregate *a, const struct expr_call *c)
{
	UNUSED(a), UNUSED(c);
	return 0;
}

/* ---- count ---- */

static struct value count_read(const struct aggregate *a, const struct expr_call *c, const void *state, const struct moment *m)
{
	const uint64_t n = *(const uint64_t *)state + (m->x ? 1 : 0);

	UNUSED(a);
	return value_integer(c->window == WINDOW_LAST && n > c->last ? (int64_t)c->last : (int64_t)n);
}

static void count_add(const struct aggregate *a, const struct expr_call *c, void *state, const struct moment *m, struct pool *pool)
{
	UNUSED(a), UNUSED(c), UNUSED(m), UNUSED(pool);
	++*(uint64_t *)state;
}

static void count_save(const struct aggregate *a, const struct expr_call *c, const void *state, struct buf *b)
{
	UNUSED(a), UNUSED(c);
	snapshot_put_varint(b, *(const uint64_t *)state);
}

static void count_load(const struct aggregate *a, const struct expr_call *c, void *state, struct snapshot_bytes *in, struct pool *pool)
{
	UNUSED(a), UNUSED(c), UNUSED(pool);
	*(uint64_t *)state = snapshot_get_varint(in);
}

static void count_dump(const struct aggregate *a, const struct expr_call *c, const void *state, struct buf *b)
{
	UNUSED(a), UNUSED(c);
	json_write_name(b, "n");
	json_write_integer(b, (int64_t)*(const uint64_t *)state);
}

static const struct keeper count_keeper = {
	"a number", sizeof(uint64_t), NULL, count_read, count_add, NULL, count_save, count_load, count_dump, no_heap, NULL, NULL,
};

/* ---- sum and mean ---- */

static int sum_take(const struct aggregate *a, const struct expr_call *c, const void *state, struct value *x,
    struct arena *arena, struct error *why)
{
	UNUSED(a), UNUSED(c), UNUSED(arena);
	return sums_check(state, *x, why);
}

static struct value sum_read(const struct aggregate *a, const struct expr_call *c, const void *state, const struct moment *m)
{
	return sums_read(state, c->last, a->variant == FOLD_MEAN, m->x, m->arena);
}

static void sum_add(const struct aggregate *a, const struct expr_call *c, void *state, const struct moment *m, struct pool *pool)
{
	UNUSED(a);
	sums_add(state, c->last, *m->x, pool);
}

static void sum_release(const struct aggregate *a, const struct expr_call *c, void *state, struct pool *pool)
{
	UNUSED(a);
	sums_release(state, c->last, pool);
}

static void sum_save(const struct aggregate *a, const struct expr_call *c, const void *state, struct buf *b)
{
	UNUSED(a);
	sums_save(state, c->last, b);
}

static void sum_load(const struct aggregate *a, const struct expr_call *c, void *state, struct snapshot_bytes *in, struct pool *pool)
{
	UNUSED(a);
	sums_load(state, c->last, in, pool);
}

static void sum_dump(const struct aggregate *a, const struct expr_call *c, const void *state, struct buf *b)
{
	UNUSED(a);
	sums_dump(state, c->last, b);
}

static size_t sum_bound(const struct aggregate *a, const struct expr_call *c)
{
	UNUSED(a);
	return c->last ? sums_bound(c->last) : 0;
}

static void last_sum_fetch(const struct aggregate *a, const struct expr_call *c, const void *state, int64_t time, int step)
{
	const void *heap = step ? NULL : sums_heap(state, c->last);

	UNUSED(a), UNUSED(time);
	if (heap)
		pool_fetch(heap, 128);
}

static const struct keeper sum_keeper = {
	"how many, their sum and its rounding error", sizeof(struct sums), sum_take, sum_read, sum_add, sum_release, sum_save,
	sum_load, sum_dump, sum_bound, NULL, NULL,
};

static const struct keeper last_sum_keeper = {
	"the last N numbers and partial sums", sizeof(struct sums), sum_take, sum_read, sum_add, sum_release, sum_save,
	sum_load, sum_dump, sum_bound, last_sum_fetch, NULL,
};

/* ---- one value: min, max, first, last, prev ---- */

/* Numbers among numbers, strings among strings. */
static int ordered_take(struct value kept, struct value x, struct error *why)
{
	if (value_is_number(kept) && !value_is_number(x))
		return error_set(why, "needs a number as before");
	if (kept.type == VALUE_STRING && x.type != VALUE_STRING)
		return error_set(why, "needs a string as before");
	if (!value_is_number(x) && x.type != VALUE_STRING)
		return error_set(why, "needs a number or a string");
	return 0;
}

static int best_take(const struct aggregate *a, const struct expr_call *c, const void *state, struct value *x,
    struct arena *arena, struct error *why)
{
	UNUSED(a), UNUSED(c), UNUSED(arena);
	return ordered_take(*(const struct value *)state, *x, why);
}

static bool is_better(const struct aggregate *a, struct value x, struct value kept)
{
	return kept.type == VALUE_MISSING || value_compare(x, kept) * a->variant > 0;
}

static struct value best_read(const struct aggregate *a, const struct expr_call *c, const void *state, const struct moment *m)
{
	const struct value kept = *(const struct value *)state;

	UNUSED(c);
	return m->x && is_better(a, *m->x, kept) ? *m->x : held_get(kept, m->arena);
}

static void best_add(const struct aggregate *a, const struct expr_call *c, void *state, const struct moment *m, struct pool *pool)
{
	UNUSED(c);
	if (is_better(a, *m->x, *(struct value *)state))
		held_set(state, *m->x, pool);
}

static int any_take(const struct aggregate *a, const struct expr_call *c, const void *state, struct value *x,
    struct arena *arena, struct error *why)
{
	UNUSED(a), UNUSED(c), UNUSED(state), UNUSED(arena);
	return held_fits(*x) ? 0 : error_set(why, "can keep numbers, strings, booleans and arrays of these");
}

static struct value first_read(const struct aggregate *a, const struct expr_call *c, const void *state, const struct moment *m)
{
	const struct value kept = *(const struct value *)state;

	UNUSED(a), UNUSED(c);
	return kept.type == VALUE_MISSING && m->x ? *m->x : held_get(kept, m->arena);
}

static void first_add(const struct aggregate *a, const struct expr_call *c, void *state, const struct moment *m, struct pool *pool)
{
	UNUSED(a), UNUSED(c);
	if (((struct value *)state)->type == VALUE_MISSING)
		held_set(state, *m->x, pool);
}

static struct value newest_read(const struct aggregate *a, const struct expr_call *c, const void *state, const struct moment *m)
{
	UNUSED(a), UNUSED(c);
	return m->x ? *m->x : held_get(*(const struct value *)state, m->arena);
}

static struct value prev_read(const struct aggregate *a, const struct expr_call *c, const void *state, const struct moment *m)
{
	UNUSED(a), UNUSED(c);
	return held_get(*(const struct value *)state, m->arena);
}

static void newest_add(const struct aggregate *a, const struct expr_call *c, void *state, const struct moment *m, struct pool *pool)
{
	UNUSED(a), UNUSED(c);
	held_set(state, *m->x, pool);
}

static void value_release(const struct aggregate *a, const struct expr_call *c, void *state, struct pool *pool)
{
	UNUSED(a), UNUSED(c);
	held_release(state, pool);
}

static void value_save(const struct aggregate *a, const struct expr_call *c, const void *state, struct buf *b)
{
	UNUSED(a), UNUSED(c);
	held_save(b, *(const struct value *)state);
}

static void value_load(const struct aggregate *a, const struct expr_call *c, void *state, struct snapshot_bytes *in, struct pool *pool)
{
	struct arena arena = ARENA_INIT;

	UNUSED(a), UNUSED(c);
	held_set(state, held_load(in, &arena), pool);
	arena_release(&arena);
}

static void value_dump(const struct aggregate *a, const struct expr_call *c, const void *state, struct buf *b)
{
	UNUSED(a), UNUSED(c);
	json_write_name(b, "value");
	json_write_value(b, *(const struct value *)state);
}

#define ONE_VALUE(what, take, read, add) \
	{ what, sizeof(struct value), take, read, add, value_release, value_save, value_load, value_dump, no_heap, NULL, NULL }

static const struct keeper best_keeper = ONE_VALUE("one value", best_take, best_read, best_add);
static const struct keeper first_keeper = ONE_VALUE("one value", any_take, first_read, first_add);
static const struct keeper newest_keeper = ONE_VALUE("one value", any_take, newest_read, newest_add);
static const struct keeper prev_keeper = ONE_VALUE("one value", any_take, prev_read, newest_add);

/* ---- min and max of the last N ---- */

static int extremes_take(const struct aggregate *a, const struct expr_call *c, const void *state, struct value *x,
    struct arena *arena, struct error *why)
{
	const struct extremes *e = state;

	UNUSED(a), UNUSED(c), UNUSED(arena);
	return ordered_take(e->used ? e->queue[e->head].value : (struct value){0}, *x, why);
}

static struct value last_best_read(const struct aggregate *a, const struct expr_call *c, const void *state,
    const struct moment *m)
{
	return held_get(extremes_read(state, c->last, a->variant, m->x), m->arena);
}

static void last_best_add(const struct aggregate *a, const struct expr_call *c, void *state, const struct moment *m,
    struct pool *pool)
{
	extremes_add(state, c->last, a->variant, *m->x, pool);
}

static void last_best_release(const struct aggregate *a, const struct expr_call *c, void *state, struct pool *pool)
{
	UNUSED(a), UNUSED(c);
	extremes_release(state, pool);
}

static void last_best_save(const struct aggregate *a, const struct expr_call *c, const void *state, struct buf *b)
{
	UNUSED(a), UNUSED(c);
	extremes_save(state, b);
}

static void last_best_load(const struct aggregate *a, const struct expr_call *c, void *state, struct snapshot_bytes *in, struct pool *pool)
{
	UNUSED(a);
	extremes_load(state, c->last, in, pool);
}

static void last_best_dump(const struct aggregate *a, const struct expr_call *c, const void *state, struct buf *b)
{
	UNUSED(a), UNUSED(c);
	extremes_dump(state, b);
}

static size_t last_best_bound(const struct aggregate *a, const struct expr_call *c)
{
	size_t room = 4;

	UNUSED(a);
	while (room < c->last)
		room *= 2;
	return pool_size(room * sizeof(struct extreme));
}

static void last_best_fetch(const struct aggregate *a, const struct expr_call *c, const void *state, int64_t time, int step)
{
	const struct extremes *e = state;

	UNUSED(a), UNUSED(c), UNUSED(time);
	if (e->room && !step)
		pool_fetch(&e->queue[e->head], 128);
}

static const struct keeper last_best_keeper = {
	"those of the last N that can still be it", sizeof(struct extremes), extremes_take, last_best_read, last_best_add,
	last_best_release, last_best_save, last_best_load, last_best_dump, last_best_bound, last_best_fetch, NULL,
};

/* ---- first of the last N ---- */

static struct value last_first_read(const struct aggregate *a, const struct expr_call *c, const void *state,
    const struct moment *m)
{
	const struct value v = ring_oldest(state, c->last, m->x);

	UNUSED(a);
	return v.type == VALUE_MISSING && m->x ? *m->x : held_get(v, m->arena);
}

static void last_first_add(const struct aggregate *a, const struct expr_call *c, void *state, const struct moment *m,
    struct pool *pool)
{
	UNUSED(a);
	ring_add(state, c->last, *m->x, pool);
}

static void last_first_release(const struct aggregate *a, const struct expr_call *c, void *state, struct pool *pool)
{
	UNUSED(a);
	ring_release(state, c->last, pool);
}

static void last_first_save(const struct aggregate *a, const struct expr_call *c, const void *state, struct buf *b)
{
	UNUSED(a);
	ring_save(state, c->last, b);
}

static void last_first_load(const struct aggregate *a, const struct expr_call *c, void *state, struct snapshot_bytes *in, struct pool *pool)
{
	UNUSED(a);
	ring_load(state, c->last, in, pool);
}

static void last_first_dump(const struct aggregate *a, const struct expr_call *c, const void *state, struct buf *b)
{
	UNUSED(a);
	ring_dump(state, c->last, b);
}

static size_t last_first_bound(const struct aggregate *a, const struct expr_call *c)
{
	UNUSED(a);
	return pool_size(c->last * sizeof(struct value));
}

static const struct keeper last_first_keeper = {
	"the last N values", sizeof(struct ring), any_take, last_first_read, last_first_add, last_first_release,
	last_first_save, last_first_load, last_first_dump, last_first_bound, NULL, NULL,
};

/* ---- delta ---- */

enum { DELTA_NONE, DELTA_NULL, DELTA_NUMBER };

struct delta { uint64_t has; double x; };

static int delta_take(const struct aggregate *a, const struct expr_call *c, const void *state, struct value *x,
    struct arena *arena, struct error *why)
{
	UNUSED(a), UNUSED(c), UNUSED(state), UNUSED(arena);
	return value_is_null(*x) || value_is_number(*x) ? 0 : error_set(why, "needs a number");
}

/* An event that does not count has no difference. */
static struct value delta_read(const struct aggregate *a, const struct expr_call *c, const void *state, const struct moment *m)
{
	const struct delta *d = state;

	UNUSED(a), UNUSED(c);
	if (d->has != DELTA_NUMBER || !m->x || value_is_null(*m->x))
		return value_null();
	return value_number(value_double(*m->x) - d->x);
}

static void delta_add(const struct aggregate *a, const struct expr_call *c, void *state, const struct moment *m, struct pool *pool)
{
	UNUSED(a), UNUSED(c), UNUSED(pool);
	*(struct delta *)state = value_is_null(*m->x) ? (struct delta){ DELTA_NULL, 0 }
	    : (struct delta){ DELTA_NUMBER, value_double(*m->x) };
}

static void delta_save(const struct aggregate *a, const struct expr_call *c, const void *state, struct buf *b)
{
	const struct delta *d = state;

	UNUSED(a), UNUSED(c);
	snapshot_put_varint(b, d->has);
	if (d->has == DELTA_NUMBER)
		snapshot_put_double(b, d->x);
}

static void delta_load(const struct aggregate *a, const struct expr_call *c, void *state, struct snapshot_bytes *in, struct pool *pool)
{
	struct delta *d = state;

	UNUSED(a), UNUSED(c), UNUSED(pool);
	d->has = snapshot_get_varint(in);
	if (d->has > DELTA_NUMBER)
		in->torn = true;
	else if (d->has == DELTA_NUMBER)
		d->x = snapshot_get_double(in);
}

static void delta_dump(const struct aggregate *a, const struct expr_call *c, const void *state, struct buf *b)
{
	const struct delta *d = state;

	UNUSED(a), UNUSED(c);
	json_write_name(b, "value");
	json_write_value(b, d->has == DELTA_NUMBER ? value_number(d->x) : value_null());
}

static const struct keeper delta_keeper = {
	"a number", sizeof(struct delta), delta_take, delta_read, delta_add, NULL, delta_save, delta_load, delta_dump, no_heap, NULL, NULL,
};

/* ---- elapsed: a time with its sign bit turned, so that zero bytes are EVENTTIME_NONE ---- */

static int64_t time_kept(const void *state)
{
	return (int64_t)(*(const uint64_t *)state ^ UINT64_C(1) << 63);
}

static struct value elapsed_read(const struct aggregate *a, const struct expr_call *c, const void *state, const struct moment *m)
{
	int64_t ns;

	UNUSED(a), UNUSED(c);
	if (!*(const uint64_t *)state)
		return value_null();
	if (__builtin_sub_overflow(m->time, time_kept(state), &ns))
		return value_number(((double)m->time - (double)time_kept(state)) / 1e9);
	return value_number((double)ns / 1e9);
}

static void elapsed_add(const struct aggregate *a, const struct expr_call *c, void *state, const struct moment *m, struct pool *pool)
{
	UNUSED(a), UNUSED(c), UNUSED(pool);
	*(uint64_t *)state = (uint64_t)m->time ^ UINT64_C(1) << 63;
}

static void elapsed_save(const struct aggregate *a, const struct expr_call *c, const void *state, struct buf *b)
{
	UNUSED(a), UNUSED(c);
	snapshot_put_signed(b, time_kept(state));
}

static void elapsed_load(const struct aggregate *a, const struct expr_call *c, void *state, struct snapshot_bytes *in, struct pool *pool)
{
	UNUSED(a), UNUSED(c), UNUSED(pool);
	*(uint64_t *)state = (uint64_t)snapshot_get_signed(in) ^ UINT64_C(1) << 63;
}

static void elapsed_dump(const struct aggregate *a, const struct expr_call *c, const void *state, struct buf *b)
{
	char text[EVENTTIME_SHOW_MAX];

	UNUSED(a), UNUSED(c);
	eventtime_show(time_kept(state), text);
	json_write_name(b, "time");
	json_write_string(b, text, strlen(text));
}

static const struct keeper elapsed_keeper = {
	"a time", sizeof(uint64_t), NULL, elapsed_read, elapsed_add, NULL, elapsed_save, elapsed_load, elapsed_dump, no_heap, NULL, NULL,
};

/* ---- the rows ---- */

#define WINDOWED (EXPR_CALL_WINDOW | EXPR_CALL_EXCLUDE | EXPR_CALL_WHERE | EXPR_CALL_BY)
#define DECAYING (WINDOWED | EXPR_CALL_DECAY)
#define PREVIOUS (EXPR_CALL_WHERE | EXPR_CALL_BY)

const struct aggregate aggregate_rows[] = {
	{ { "count", 0, 1, DECAYING | EXPR_CALL_IS_NUMBER }, "count([x])", "how many events, or how many whose x is not null",
	    &count_keeper, &count_keeper, &fold_count, NULL, 0, false, false, NULL },
	{ { "sum", 1, 1, DECAYING | EXPR_CALL_NUMBERS }, "sum(x)", "of numbers, or of arrays of numbers element by element; of nothing 0",
	    &sum_keeper, &last_sum_keeper, &fold_sum, NULL, FOLD_SUM, false, false, NULL },
	{ { "mean", 1, 1, DECAYING | EXPR_CALL_NUMBERS }, "mean(x)", "of numbers, or of arrays of numbers element by element",
	    &sum_keeper, &last_sum_keeper, &fold_sum, "sum", FOLD_MEAN, false, false, NULL },
	{ { "min", 1, 1, WINDOWED }, "min(x)", "the least of numbers or of strings",
	    &best_keeper, &last_best_keeper, &fold_least, NULL, LEAST, false, false, NULL },
	{ { "max", 1, 1, WINDOWED }, "max(x)", "the greatest of numbers or of strings",
	    &best_keeper, &last_best_keeper, &fold_greatest, NULL, GREATEST, false, false, NULL },
	{ { "range", 1, 1, WINDOWED | EXPR_CALL_NUMBERS | EXPR_CALL_IS_NUMBER }, "range(x)", "the greatest number less the least",
	    &window_whole, &stretch_keeper, &fold_range, NULL, 0, false, false, NULL },
	{ { "var", 1, 1, WINDOWED | EXPR_CALL_NUMBERS | EXPR_CALL_IS_NUMBER }, "var(x)", "the variance of numbers (population)",
	    &window_whole, &stretch_keeper, &fold_spread, NULL, FOLD_VAR, false, false, NULL },
	{ { "stddev", 1, 1, WINDOWED | EXPR_CALL_NUMBERS | EXPR_CALL_IS_NUMBER }, "stddev(x)", "the standard deviation of numbers (population)",
	    &window_whole, &stretch_keeper, &fold_spread, "var", FOLD_STDDEV, false, false, NULL },
	{ { "ewma", 2, 2, WINDOWED | EXPR_CALL_NUMBERS | EXPR_CALL_IS_NUMBER | EXPR_CALL_DURATION }, "ewma(x, half-life)",
	    "a moving average that forgets half of the past in each half-life", &window_whole, &stretch_keeper, &fold_ewma, NULL, 0,
	    false, true, NULL },
	{ { "rate", 0, 0, WINDOWED | EXPR_CALL_IS_NUMBER }, "rate()", "events per second",
	    &window_whole, &stretch_keeper, &fold_rate, NULL, 0, false, true, NULL },
	{ { "first", 1, 1, WINDOWED }, "first(x)", "the oldest value",
	    &first_keeper, &last_first_keeper, &fold_first, NULL, 0, false, false, NULL },
	{ { "last", 1, 1, WINDOWED }, "last(x)", "the newest value",
	    &newest_keeper, &newest_keeper, &fold_last, NULL, 0, false, false, NULL },
	{ { "distinct", 1, 1, WINDOWED | EXPR_CALL_IS_NUMBER }, "distinct(x)", "how many different values; above 1,024 an estimate (0.81 %)",
	    &counted_all_distinct, &counted_line_keeper, NULL, NULL, 0, false, false, &distinct_counted },
	{ { "quantile", 2, 2, WINDOWED | EXPR_CALL_NUMBERS | EXPR_CALL_CONSTANT | EXPR_CALL_IS_NUMBER }, "quantile(x, q)",
	    "the value that a share q of the numbers lies below, to 1 %", &counted_all_quantile, &counted_line_keeper, NULL, NULL, 0,
	    false, false, &quantile_counted },
	{ { "topk", 2, 2, WINDOWED | EXPR_CALL_CONSTANT }, "topk(x, k)", "the k most frequent values, each with how often it is there",
	    &counted_all_topk, &counted_line_keeper, NULL, NULL, 0, false, false, &topk_counted },
	{ { "sequence", 2, 2, WINDOWED | EXPR_CALL_SCALARS | EXPR_CALL_COUNT | EXPR_CALL_IS_ARRAY }, "sequence(x, n)",
	    "the newest n values, the oldest of them first", &sequence_keeper, &sequence_keeper, NULL, NULL, 0, false, false, NULL },
	{ { "prev", 1, 1, PREVIOUS }, "prev(x)", "x of the key's previous event",
	    &prev_keeper, NULL, NULL, NULL, 0, true, false, NULL },
	{ { "delta", 1, 1, PREVIOUS | EXPR_CALL_NUMBERS | EXPR_CALL_IS_NUMBER }, "delta(x)", "x less x of the key's previous event",
	    &delta_keeper, NULL, NULL, NULL, 0, true, false, NULL },
	{ { "elapsed", 0, 0, PREVIOUS | EXPR_CALL_IS_NUMBER }, "elapsed()", "seconds since the key's previous event, in event time",
	    &elapsed_keeper, NULL, NULL, NULL, 0, false, true, NULL },
	{ { "windows", 0, 0, EXPR_CALL_WINDOW | EXPR_CALL_BY | EXPR_CALL_WHERE }, NULL, NULL,
	    &opened_keeper, NULL, NULL, NULL, 0, false, false, NULL },
	{ .kind = { NULL, 0, 0, 0 } }
};

const struct aggregate *aggregate_opened(void)
{
	const struct aggregate *a = aggregate_rows;

	while (a->all != &opened_keeper)
		a++;
	return a;
}

/* What is no fold and has windows in time all the same: the keeper of any window. */
static const struct keeper *own_keeper(const struct aggregate *a, const struct expr_call *c)
{
	return a->all == &sequence_keeper ? sequence_keeper_of(c) : a->all == &opened_keeper ? a->all : NULL;
}

const struct keeper *aggregate_keeper(const struct aggregate *a, const struct expr_call *c)
{
	const struct keeper *own = own_keeper(a, c);

	if (own)
		return own;
	switch (c->window) {
	case WINDOW_LAST:
		return a->last;
	case WINDOW_SLIDING:
		return a->counted ? &counted_line_keeper : &stretch_keeper;
	case WINDOW_PANES:
	case WINDOW_TUMBLING:
		return a->counted ? &counted_line_pane_keeper : &stretch_pane_keeper;
	case WINDOW_SESSION:
		return a->counted ? &counted_session_keeper : &session_keeper;
	default:
		return c->half_life ? &decay_keeper : a->all;
	}
}

static bool is_in_time(const struct expr_call *c)
{
	return c->half_life || (c->window != WINDOW_ALL && c->window != WINDOW_LAST);
}

bool aggregate_needs_time(const struct aggregate *a, const struct expr_call *c)
{
	return a->needs_time || is_in_time(c);
}

const struct aggregate *aggregate_find(const char *name, size_t len)
{
	for (const struct aggregate *a = aggregate_rows; a->kind.name; a++)
		if (strlen(a->kind.name) == len && !memcmp(a->kind.name, name, len))
			return a;
	return NULL;
}

size_t aggregate_state_args(const struct aggregate *a, const struct expr_call *c)
{
	return a->kind.flags & EXPR_CALL_CONSTANT ? 1 : c->n_args;
}

static int check_counted(const struct aggregate *a, const struct expr_call *c, struct error *why)
{
	const struct counted *row = a->counted;
	char text[NUMBER_SHOW_MAX];
	struct value v;

	if (c->window == WINDOW_LAST && row->last_max && c->last > row->last_max)
		return error_set(why, "%s() takes at most %s events, not over last %u", a->kind.name, number_group(row->last_max, text), c->last);
	if (!row->range || c->n_args < 2 || !expr_is_constant(c->args[1], &v))
		return 0;
	const double x = value_double(v);
	if (x >= row->least && x <= row->most && (!row->takes_whole || x == floor(x)))
		return 0;
	text[number_show(x, text)] = '\0';
	error_set(why, "%s: %s, not %s", a->signature, row->range, text);
	return -3;
}

int aggregate_check(const struct aggregate *a, const struct expr_call *c, struct error *why)
{
	if (!a->all)
		return error_set(why, "%s() is not in this version", a->kind.name);
	if (window_check(c, why) < 0)
		return -1;
	return a->counted ? check_counted(a, c, why) : 0;
}
