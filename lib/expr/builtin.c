/* SPDX-License-Identifier: MIT */
#include "expr/builtin.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/number.h"
#include "expr/show.h"

/* Arithmetic mean radius of the Earth in metres (IUGG 1980: (2a + b) / 3 of GRS 80). */
#define EARTH_RADIUS 6371008.8

static const struct value failed = { .type = EVAL_FAILED };

/* A computed number, or what eval_operand said instead. */
static struct value number_result(int state, double x)
{
	return state == EVAL_NUMBER ? value_number(x) : state == EVAL_NULL ? value_null() : failed;
}

/* A text argument: 1, 0 for null, -1 after a failure. */
static int text_of(struct eval *c, const struct expr *e, unsigned i, struct value *v)
{
	*v = eval_value(c, e->kids[i]);
	if (v->type == VALUE_STRING)
		return 1;
	if (value_is_null(*v))
		return 0;
	if (!eval_failed(*v))
		eval_wrong(c, e, e->kids[i], *v, "a string");
	return -1;
}

static int array_of(struct eval *c, const struct expr *e, unsigned i, struct value *v)
{
	*v = eval_value(c, e->kids[i]);
	if (v->type == VALUE_ARRAY)
		return 1;
	if (value_is_null(*v))
		return 0;
	if (!eval_failed(*v))
		eval_wrong(c, e, e->kids[i], *v, "an array");
	return -1;
}

#define OR_RETURN(state) do { int state_ = (state); if (state_ <= 0) return state_ ? failed : value_null(); } while (0)

/* ---- numbers ---- */

static double sign(double x)
{
	return (x > 0) - (x < 0);
}

static struct value run_pow(struct eval *c, const struct expr *e)
{
	double x = 0, y = 0;
	int s = eval_operand(c, e, e->kids[0], &x), t;

	if (s == EVAL_ERROR)
		return failed;
	t = eval_operand(c, e, e->kids[1], &y);
	return t == EVAL_ERROR ? failed : number_result(s | t, pow(x, y));
}

/* The argument that comes first in `sign` times ascending order, carried as it is. */
static struct value extreme(struct eval *c, const struct expr *e, int direction)
{
	struct value best = { .type = VALUE_MISSING }, v;
	bool unknown = false;
	int order;

	for (unsigned i = 0; i < e->n; i++) {
		v = eval_value(c, e->kids[i]);
		if (eval_failed(v))
			return failed;
		if (value_is_null(v)) {
			unknown = true;
			continue;
		}
		if (!value_is_number(v) && v.type != VALUE_STRING)
			return eval_wrong(c, e, e->kids[i], v, "a number or a string");
		if (best.type == VALUE_MISSING) {
			best = v;
			continue;
		}
		if (value_is_number(v) != value_is_number(best))
			return eval_wrong(c, e, e->kids[i], v, value_is_number(best) ? "a number" : "a string");
		if (!eval_order(c, e, v, best, &order))
			return failed;
		if (order * direction < 0)
			best = v;
	}
	return unknown ? value_null() : best;
}

static struct value run_least(struct eval *c, const struct expr *e)
{
	return extreme(c, e, 1);
}

static struct value run_greatest(struct eval *c, const struct expr *e)
{
	return extreme(c, e, -1);
}

static struct value run_clip(struct eval *c, const struct expr *e)
{
	struct value v[3];
	bool unknown = false;

	for (unsigned i = 0; i < 3; i++) {
		v[i] = eval_value(c, e->kids[i]);
		if (eval_failed(v[i]))
			return failed;
		if (value_is_null(v[i]))
			unknown = true;
		else if (!value_is_number(v[i]))
			return eval_wrong(c, e, e->kids[i], v[i], "a number");
	}
	if (unknown)
		return value_null();
	if (value_compare(v[0], v[1]) < 0)
		v[0] = v[1];
	return value_compare(v[0], v[2]) > 0 ? v[2] : v[0];
}

static int prepare_clip(struct expr *e, struct arena *arena, enum time_unit unit, const struct expr **blamed,
    struct error *why)
{
	const struct expr *low = e->kids[1], *high = e->kids[2];

	(void)arena, (void)unit;
	if (low->types != TYPE_NUMBER || high->types != TYPE_NUMBER || low->op != OP_CONSTANT || high->op != OP_CONSTANT ||
	    value_compare(low->value, high->value) <= 0)
		return 0;
	*blamed = low;
	return error_set(why, "the lower bound is above the upper one: clip(x, lo, hi)");
}

static struct value run_haversine(struct eval *c, const struct expr *e)
{
	const double degree = M_PI / 180;
	double v[4], a, b;
	int state = EVAL_NUMBER;

	for (unsigned i = 0; i < 4; i++) {
		int s = eval_operand(c, e, e->kids[i], &v[i]);

		if (s == EVAL_ERROR)
			return failed;
		state |= s;
	}
	if (state != EVAL_NUMBER)
		return value_null();
	a = sin((v[2] - v[0]) * degree / 2);
	b = sin((v[3] - v[1]) * degree / 2);
	a = a * a + cos(v[0] * degree) * cos(v[2] * degree) * b * b;
	/* Rounding may lift what is 1 between antipodes. */
	return value_number(2 * EARTH_RADIUS * asin(sqrt(a < 1 ? a : 1)));
}

/* ---- categories ---- */

/* How many of the bounds are at most x. */
struct bounds {
	size_t n;
	double v[];
};

static int prepare_bucket(struct expr *e, struct arena *arena, enum time_unit unit, const struct expr **blamed,
    struct error *why)
{
	const struct expr *list = e->kids[1];
	struct bounds *b = arena_get(arena, sizeof *b + list->n * sizeof *b->v);

	(void)unit;
	b->n = list->n;
	for (unsigned i = 0; i < list->n; i++) {
		*blamed = list->kids[i];
		if (list->kids[i]->types != TYPE_NUMBER)
			return error_set(why, "bounds are numbers: %s", e->function->row.signature);
		b->v[i] = list->kids[i]->number;
		if (i && b->v[i] <= b->v[i - 1])
			return error_set(why, "bounds must ascend: %s", e->function->row.signature);
	}
	e->data = b;
	return 0;
}

static struct value run_bucket(struct eval *c, const struct expr *e)
{
	const struct bounds *b = e->data;
	size_t low = 0, high = b->n;
	double x;
	int s = eval_operand(c, e, e->kids[0], &x);

	if (s != EVAL_NUMBER)
		return number_result(s, 0);
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (b->v[middle] <= x)
			low = middle + 1;
		else
			high = middle;
	}
	return value_integer((int64_t)low);
}

/* The arrays that come out are windows on one row of zeros with a 1 in it: nothing is made per record. */
struct category {
	struct value key;
	size_t index;		/* as listed */
};

struct categories {
	size_t n;
	const struct category *sorted;	/* by eval_set_order */
	const struct value *row;	/* row[n - 1] is 1; n more behind it are 0 */
};

static int category_order(const void *a, const void *b)
{
	return eval_set_order(((const struct category *)a)->key, ((const struct category *)b)->key);
}

static int prepare_onehot(struct expr *e, struct arena *arena, enum time_unit unit, const struct expr **blamed,
    struct error *why)
{
	const struct expr *list = e->kids[1];
	struct categories *k = arena_get(arena, sizeof *k);
	struct category *sorted = arena_get(arena, list->n * sizeof *sorted);
	struct value *row = arena_get(arena, 2 * list->n * sizeof *row);

	(void)unit;
	for (unsigned i = 0; i < list->n; i++) {
		*blamed = list->kids[i];
		sorted[i] = (struct category){ list->kids[i]->value, i };
		if (list->kids[i]->types & (TYPE_NULL | TYPE_ARRAY | TYPE_OBJECT))
			return error_set(why, "categories are numbers, strings, true or false");
		row[2 * i] = row[2 * i + 1] = value_integer(0);
	}
	row[list->n - 1] = value_integer(1);
	qsort(sorted, list->n, sizeof *sorted, category_order);
	for (unsigned i = 1; i < list->n; i++) {
		size_t first = sorted[i - 1].index, second = sorted[i].index;

		*blamed = list->kids[first > second ? first : second];
		if (category_order(&sorted[i - 1], &sorted[i]) == 0)
			return error_set(why, "this category stands here a second time");
	}
	*k = (struct categories){ list->n, sorted, row };
	e->data = k;
	return 0;
}

static struct value run_onehot(struct eval *c, const struct expr *e)
{
	const struct categories *k = e->data;
	struct category sought = { .key = eval_value(c, e->kids[0]) };
	const struct category *hit = NULL;

	if (eval_failed(sought.key) || value_is_null(sought.key))
		return sought.key;
	if (sought.key.type >= VALUE_ARRAY)
		return eval_wrong(c, e, e->kids[0], sought.key, "a number, a string or a boolean");
	if (k->n > 8)
		hit = bsearch(&sought, k->sorted, k->n, sizeof sought, category_order);
	for (size_t i = 0; k->n <= 8 && !hit && i < k->n; i++)
		if (value_equal(sought.key, k->sorted[i].key))
			hit = &k->sorted[i];
	return (struct value){ .type = VALUE_ARRAY, .len = (uint32_t)k->n,
	    .items = hit ? k->row + (k->n - 1 - hit->index) : k->row + k->n };
}

static int prepare_hash(struct expr *e, struct arena *arena, enum time_unit unit, const struct expr **blamed,
    struct error *why)
{
	const struct expr *buckets = e->kids[1];

	(void)arena, (void)unit;
	if (buckets->value.type == VALUE_INTEGER && buckets->value.integer >= 1 && buckets->value.integer <= INT32_MAX)
		return 0;
	*blamed = buckets;
	return error_set(why, "buckets are a whole number from 1 to %d: hash(x, buckets)", (int)INT32_MAX);
}

/* In memory that is large enough from the start, so that nothing is allocated but from the arena. */
static uint64_t hash_scalar(struct value v, struct arena *arena)
{
	size_t room = v.type == VALUE_STRING ? 6 * (size_t)v.len + 8 : NUMBER_SHOW_MAX + 8;
	char small[512];
	struct buf b = { .data = room <= sizeof small ? small : arena_get(arena, room), .size = room };
	uint64_t hash;

	value_show(v, &b);
	hash = hash_bytes(b.data, b.len);
	if (b.data != small)
		arena_trim(arena, b.data);
	return hash;
}

static struct value run_hash(struct eval *c, const struct expr *e)
{
	struct value v = eval_value(c, e->kids[0]);

	if (eval_failed(v) || value_is_null(v))
		return v;
	if (v.type >= VALUE_ARRAY)
		return eval_wrong(c, e, e->kids[0], v, "a number, a string or a boolean");
	return value_integer((int64_t)(hash_scalar(v, c->scope->arena) % (uint64_t)e->kids[1]->value.integer));
}

/* ---- time ---- */

struct zone {
	enum time_unit unit;
	int64_t offset_s;
};

/* "+02:00": 0 and seconds, or -1. */
static int parse_offset(struct value v, int64_t *seconds)
{
	const char *p = v.text;
	int hours, minutes;

	if (v.type != VALUE_STRING || v.len != 6 || (p[0] != '+' && p[0] != '-') || p[3] != ':')
		return -1;
	for (int i = 1; i < 6; i++)
		if (i != 3 && (p[i] < '0' || p[i] > '9'))
			return -1;
	hours = (p[1] - '0') * 10 + p[2] - '0';
	minutes = (p[4] - '0') * 10 + p[5] - '0';
	if (hours > 23 || minutes > 59)
		return -1;
	*seconds = (p[0] == '-' ? -1 : 1) * (hours * 3600 + minutes * 60);
	return 0;
}

static struct expr *leaf(struct arena *arena, const struct expr *like, enum op op, struct value v)
{
	struct expr *e = arena_get(arena, sizeof *e);

	memset(e, 0, sizeof *e);
	e->op = op;
	e->form = (unsigned char)op;
	e->types = TYPE_STRING;
	e->value = v;
	e->at = like->at;
	e->height = 1;
	return e;
}

/*
 * hour(x), hour(x, s), hour(x, "+02:00"), hour(x, s, "+02:00"): written out with its unit, without an offset of zero, so
 * that what means the same is shown the same.
 */
static int prepare_time(struct expr *e, struct arena *arena, enum time_unit unit, const struct expr **blamed,
    struct error *why)
{
	struct zone *z = arena_get(arena, sizeof *z);
	struct expr **kids = arena_get(arena, 3 * sizeof *kids);
	struct error ignored;
	const char *word;

	*z = (struct zone){ unit, 0 };
	for (unsigned i = 1; i < e->n; i++) {
		const struct expr *kid = e->kids[i];

		*blamed = kid;
		if (kid->form == OP_PATH && i == 1) {
			if (kid->path.n != 1 || eventtime_unit_parse(kid->path.steps[0].name, &z->unit, &ignored) < 0)
				return error_set(why, "an argument here is a unit of time: s, ms, us, ns or rfc3339");
		} else if (kid->op != OP_CONSTANT || parse_offset(kid->value, &z->offset_s) < 0 || i + 1 < e->n) {
			return error_set(why, "an argument here is a%s: %s", i == 1 && e->n == 3 ? " unit of time" :
			    "n offset from UTC such as \"+02:00\"", e->function->row.signature);
		}
	}
	word = eventtime_unit_show(z->unit);
	kids[0] = e->kids[0];
	kids[1] = leaf(arena, e, OP_WORD, value_text(word, strlen(word)));
	if (z->offset_s)
		kids[2] = leaf(arena, e, OP_CONSTANT, e->kids[e->n - 1]->value);
	e->kids = kids;
	e->n = z->offset_s ? 3 : 2;
	e->data = z;
	return 0;
}

static int64_t floor_divide(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

/* Seconds since the epoch on the clock of the place: 1, 0 for null, -1 after a failure. */
static int utc_seconds(struct eval *c, const struct expr *e, int64_t *seconds)
{
	const struct zone *z = e->data;
	struct value v = eval_value(c, e->kids[0]);
	int64_t ns = 0;
	struct error why;
	char text[SHOW_SHORT];

	if (eval_failed(v))
		return -1;
	if (value_is_null(v))
		return 0;
	/* The usual case; the range is that of eventtime.h. */
	if (v.type == VALUE_INTEGER && z->unit == TIME_MS && v.integer > -9223372036854 && v.integer < 9223372036854) {
		*seconds = floor_divide(v.integer, 1000);
		return 1;
	}
	if (z->unit == TIME_RFC3339 ? v.type != VALUE_STRING : !value_is_number(v)) {
		snprintf(text, sizeof text, "a time in %s", eventtime_unit_show(z->unit));
		eval_wrong(c, e, e->kids[0], v, z->unit == TIME_RFC3339 ? "an RFC 3339 time" : text);
		return -1;
	}
	if (eventtime_from(v, z->unit, &ns, &why) < 0) {
		eval_failure(c, "%s: %s", show_short(e->kids[0], text), why.text);
		return -1;
	}
	*seconds = floor_divide(ns, 1000000000);
	return 1;
}

static int local_seconds(struct eval *c, const struct expr *e, int64_t *seconds)
{
	const struct zone *z = e->data;
	struct expr_dates *dates = c->scope->dates;
	const int result = utc_seconds(c, e, seconds);

	if (result <= 0)
		return result;
	if (dates) {
		dates->newest = dates->n && dates->newest > *seconds ? dates->newest : *seconds;
		dates->n++;
	}
	*seconds += z->offset_s;
	return 1;
}

static struct value run_hour(struct eval *c, const struct expr *e)
{
	int64_t s;

	OR_RETURN(local_seconds(c, e, &s));
	return value_integer(floor_divide(s, 3600) - 24 * floor_divide(s, 86400));
}

static struct value run_weekday(struct eval *c, const struct expr *e)
{
	int64_t s, days;

	OR_RETURN(local_seconds(c, e, &s));
	/* 1970-01-01 was a Thursday. */
	days = floor_divide(s, 86400) + 3;
	return value_integer(days - 7 * floor_divide(days, 7) + 1);
}

/*
 * Days since the epoch to a civil date, after Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms",
 * civil_from_days: years begin in March, so that the leap day is the last one.
 */
static void civil(int64_t days, int *month, int *day)
{
	int64_t z = days + 719468, era = floor_divide(z, 146097);
	int of_era = (int)(z - era * 146097);
	int year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	int of_year = of_era - (365 * year + year / 4 - year / 100), march = (5 * of_year + 2) / 153;

	*day = of_year - (153 * march + 2) / 5 + 1;
	*month = march < 10 ? march + 3 : march - 9;
}

static struct value run_day(struct eval *c, const struct expr *e)
{
	int64_t s;
	int month, day;

	OR_RETURN(local_seconds(c, e, &s));
	civil(floor_divide(s, 86400), &month, &day);
	return value_integer(day);
}

static struct value run_month(struct eval *c, const struct expr *e)
{
	int64_t s;
	int month, day;

	OR_RETURN(local_seconds(c, e, &s));
	civil(floor_divide(s, 86400), &month, &day);
	return value_integer(month);
}

/* ---- texts ---- */

static struct value run_length(struct eval *c, const struct expr *e)
{
	struct value v;
	int64_t n = 0;

	OR_RETURN(text_of(c, e, 0, &v));
	for (uint32_t i = 0; i < v.len; i++)
		n += ((unsigned char)v.text[i] & 0xc0) != 0x80;
	return value_integer(n);
}

/* ASCII alone: what the case of other letters is depends on the language, and nothing here may depend on a locale. */
static struct value change_case(struct eval *c, const struct expr *e, char first, char last)
{
	struct value v;
	uint32_t i = 0;
	char *out;

	OR_RETURN(text_of(c, e, 0, &v));
	while (i < v.len && (v.text[i] < first || v.text[i] > last))
		i++;
	if (i == v.len)
		return v;
	out = arena_copy(c->scope->arena, v.text, v.len);
	for (; i < v.len; i++)
		if (out[i] >= first && out[i] <= last)
			out[i] ^= 0x20;
	return value_text(out, v.len);
}

static struct value run_lower(struct eval *c, const struct expr *e)
{
	return change_case(c, e, 'A', 'Z');
}

static struct value run_upper(struct eval *c, const struct expr *e)
{
	return change_case(c, e, 'a', 'z');
}

static struct value run_contains(struct eval *c, const struct expr *e)
{
	struct value whole = eval_value(c, e->kids[0]), part;

	if (eval_failed(whole))
		return failed;
	if (whole.type == VALUE_ARRAY) {
		part = eval_value(c, e->kids[1]);
		if (eval_failed(part) || value_is_null(part))
			return part;
		for (uint32_t i = 0; i < whole.len; i++)
			if (value_equal(whole.items[i], part))
				return value_bool(true);
		return value_bool(false);
	}
	if (whole.type != VALUE_STRING && !value_is_null(whole))
		return eval_wrong(c, e, e->kids[0], whole, "a string or an array");
	if (value_is_null(whole)) {
		part = eval_value(c, e->kids[1]);
		return eval_failed(part) ? failed : value_null();
	}
	OR_RETURN(text_of(c, e, 1, &part));
	return value_bool(part.len == 0 || memmem(whole.text, whole.len, part.text, part.len));
}

static int prepare_split(struct expr *e, struct arena *arena, enum time_unit unit, const struct expr **blamed,
    struct error *why)
{
	(void)arena, (void)unit;
	*blamed = e->kids[1];
	if (e->kids[1]->types == TYPE_STRING && e->kids[1]->value.len)
		return 0;
	return error_set(why, "the separator is a string of one character or more: split(text, separator)");
}

static struct value run_split(struct eval *c, const struct expr *e)
{
	struct value v, sep = e->kids[1]->value, *items;
	const char *p, *end, *hit;
	size_t n = 1;

	OR_RETURN(text_of(c, e, 0, &v));
	end = v.text + v.len;
	for (p = v.text; (hit = memmem(p, (size_t)(end - p), sep.text, sep.len)); p = hit + sep.len)
		n++;
	items = arena_get(c->scope->arena, n * sizeof *items);
	n = 0;
	for (p = v.text; (hit = memmem(p, (size_t)(end - p), sep.text, sep.len)); p = hit + sep.len)
		items[n++] = value_text(p, (size_t)(hit - p));
	items[n++] = value_text(p, (size_t)(end - p));
	return (struct value){ .type = VALUE_ARRAY, .len = (uint32_t)n, .items = items };
}

/* ---- arrays ---- */

static struct value run_len(struct eval *c, const struct expr *e)
{
	struct value v;

	OR_RETURN(array_of(c, e, 0, &v));
	return value_integer(v.len);
}

static struct value run_total(struct eval *c, const struct expr *e)
{
	char text[SHOW_SHORT], item[SHOW_SHORT];
	struct value v;
	double sum = 0;

	OR_RETURN(array_of(c, e, 0, &v));
	for (uint32_t i = 0; i < v.len; i++) {
		struct value x = v.items[i];

		if (value_is_number(x))
			sum += value_double(x);
		else if (!value_is_null(x))
			return eval_failure(c, "item %u of %s is %s%s, total() needs a number", (unsigned)i,
			    show_short(e->kids[0], text), value_kind(x), show_value(x, item));
	}
	return value_number(sum);
}

/* Equal for equal values; arrays by their length alone. */
static uint64_t hash_item(struct value v)
{
	double x;

	switch (v.type) {
	case VALUE_INTEGER:
	case VALUE_UNSIGNED:
	case VALUE_DOUBLE:
		x = value_double(v) + 0.0;	/* -0 is 0 */
		return hash_bytes(&x, sizeof x);
	case VALUE_STRING:
	case VALUE_HUGE:
		return hash_bytes(v.text, v.len);
	case VALUE_BOOL:
		return v.truth;
	default:
		return v.len;
	}
}

static struct value run_unique(struct eval *c, const struct expr *e)
{
	struct value v;
	int64_t n = 0;

	OR_RETURN(array_of(c, e, 0, &v));
	if (v.len <= 16) {
		for (uint32_t i = 0; i < v.len; i++) {
			uint32_t j = 0;

			while (j < i && !value_equal(v.items[i], v.items[j]))
				j++;
			n += j == i && !value_is_null(v.items[i]);
		}
		return value_integer(n);
	}
	/* A table of indices + 1, at most half full. */
	size_t slots = 32;
	while (slots < 2 * (size_t)v.len)
		slots *= 2;
	uint32_t *table = arena_get(c->scope->arena, slots * sizeof *table);
	memset(table, 0, slots * sizeof *table);
	for (uint32_t i = 0; i < v.len; i++) {
		size_t at = hash_item(v.items[i]) & (slots - 1);

		if (value_is_null(v.items[i]))
			continue;
		while (table[at] && !value_equal(v.items[i], v.items[table[at] - 1]))
			at = (at + 1) & (slots - 1);
		n += !table[at];
		if (!table[at])
			table[at] = i + 1;
	}
	arena_trim(c->scope->arena, table);
	return value_integer(n);
}

/* ---- the table ---- */

#define NUMBER (TYPE_NUMBER | TYPE_NULL)
#define STRING (TYPE_STRING | TYPE_NULL)
#define MATH(fn) .min_args = 1, .max_args = 1, .params = "n", .result = NUMBER, .op = OP_MATH, .math = (fn)
#define RUN(fn) .op = OP_FUNCTION, .run = (fn)
#define TIME(fn) .min_args = 1, .max_args = 3, .params = "vuz", .result = NUMBER, RUN(fn), .prepare = prepare_time

static const struct builtin rows[] = {
	{ .row = { "if", "if(c, a, b)", "a where the condition c is true, else b" },
	  .min_args = 3, .max_args = 3, .params = "cvv", .op = OP_IF },
	{ .row = { "coalesce", "coalesce(a, b, ...)", "the first argument that is not null" },
	  .min_args = 1, .max_args = -1, .params = "v", .op = OP_COALESCE },
	{ .row = { "abs", "abs(x)", "x without its sign" }, MATH(fabs) },
	{ .row = { "sign", "sign(x)", "-1, 0 or 1" }, MATH(sign) },
	{ .row = { "floor", "floor(x)", "the greatest whole number that is at most x" }, MATH(floor) },
	{ .row = { "ceil", "ceil(x)", "the least whole number that is at least x" }, MATH(ceil) },
	{ .row = { "round", "round(x)", "the nearest whole number, halves away from 0" }, MATH(round) },
	{ .row = { "sqrt", "sqrt(x)", "square root" }, MATH(sqrt) },
	{ .row = { "exp", "exp(x)", "e to the power of x" }, MATH(exp) },
	{ .row = { "log", "log(x)", "natural logarithm" }, MATH(log) },
	{ .row = { "log1p", "log1p(x)", "natural logarithm of 1 + x, exact near 0" }, MATH(log1p) },
	{ .row = { "pow", "pow(x, y)", "x to the power of y" },
	  .min_args = 2, .max_args = 2, .params = "n", .result = NUMBER, RUN(run_pow) },
	{ .row = { "clip", "clip(x, lo, hi)", "x, but at least lo and at most hi" },
	  .min_args = 3, .max_args = 3, .params = "n", .result = NUMBER, RUN(run_clip), .prepare = prepare_clip },
	{ .row = { "least", "least(a, b, ...)", "the least of some numbers or strings" },
	  .min_args = 1, .max_args = -1, .params = "o", RUN(run_least) },
	{ .row = { "greatest", "greatest(a, b, ...)", "the greatest of some numbers or strings" },
	  .min_args = 1, .max_args = -1, .params = "o", RUN(run_greatest) },
	{ .row = { "hour", "hour(time, unit, offset)", "0 to 23" }, TIME(run_hour) },
	{ .row = { "weekday", "weekday(time, unit, offset)", "1 (Monday) to 7 (Sunday)" }, TIME(run_weekday) },
	{ .row = { "day", "day(time, unit, offset)", "day of the month, 1 to 31" }, TIME(run_day) },
	{ .row = { "month", "month(time, unit, offset)", "1 to 12" }, TIME(run_month) },
	{ .row = { "length", "length(text)", "how many characters" },
	  .min_args = 1, .max_args = 1, .params = "s", .result = NUMBER, RUN(run_length) },
	{ .row = { "lower", "lower(text)", "with a to z for A to Z" },
	  .min_args = 1, .max_args = 1, .params = "s", .result = STRING, RUN(run_lower) },
	{ .row = { "upper", "upper(text)", "with A to Z for a to z" },
	  .min_args = 1, .max_args = 1, .params = "s", .result = STRING, RUN(run_upper) },
	{ .row = { "contains", "contains(whole, part)", "whether a string holds another, or an array a value" },
	  .min_args = 2, .max_args = 2, .params = "v", .result = TYPE_BOOL | TYPE_NULL, RUN(run_contains) },
	{ .row = { "split", "split(text, separator)", "an array of the parts between separators" },
	  .min_args = 2, .max_args = 2, .params = "sk", .result = TYPE_ARRAY | TYPE_NULL, RUN(run_split),
	  .prepare = prepare_split },
	{ .row = { "len", "len(array)", "how many items" },
	  .min_args = 1, .max_args = 1, .params = "a", .result = NUMBER, RUN(run_len) },
	{ .row = { "unique", "unique(array)", "how many different items" },
	  .min_args = 1, .max_args = 1, .params = "a", .result = NUMBER, RUN(run_unique) },
	{ .row = { "total", "total(array)", "the sum of the items" },
	  .min_args = 1, .max_args = 1, .params = "a", .result = NUMBER, RUN(run_total) },
	{ .row = { "hash", "hash(x, buckets)", "a bucket for x, 0 to buckets - 1" },
	  .min_args = 2, .max_args = 2, .params = "vk", .result = NUMBER, RUN(run_hash), .prepare = prepare_hash },
	{ .row = { "bucket", "bucket(x, [1, 5, 10])", "how many of the ascending bounds are at most x" },
	  .min_args = 2, .max_args = 2, .params = "nl", .result = NUMBER, RUN(run_bucket), .prepare = prepare_bucket },
	{ .row = { "onehot", "onehot(x, [\"a\", \"b\"])", "an array of 0, with a 1 where x stands in the list" },
	  .min_args = 2, .max_args = 2, .params = "vl", .result = TYPE_ARRAY | TYPE_NULL, RUN(run_onehot),
	  .prepare = prepare_onehot },
	{ .row = { "haversine", "haversine(lat1, lon1, lat2, lon2)", "metres between two places given in degrees" },
	  .min_args = 4, .max_args = 4, .params = "n", .result = NUMBER, RUN(run_haversine) },
	{ .row = { NULL, NULL, NULL } },
};

const struct builtin *builtin_rows(void)
{
	return rows;
}

const struct builtin *builtin_find(const char *name, size_t len)
{
	for (const struct builtin *f = rows; f->row.name; f++)
		if (strlen(f->row.name) == len && memcmp(f->row.name, name, len) == 0)
			return f;
	return NULL;
}

char builtin_param(const struct builtin *f, size_t i)
{
	size_t n = strlen(f->params);

	return f->params[i < n ? i : n - 1];
}
