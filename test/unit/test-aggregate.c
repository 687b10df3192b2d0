/* SPDX-License-Identifier: MIT */
/*
 * Every aggregate over random values, beside a plain computation over a list of them: read ahead, added, saved and loaded
 * on the way, released.
 */
#include <stdlib.h>

#include "base/alloc.h"
#include "base/hash.h"
#include "base/prng.h"
#include "feature/aggregate.h"
#include "feature/distinct.h"
#include "feature/sums.h"
#include "tap.h"

#define VALUES 3000

struct list { struct value v[VALUES]; size_t n; };

static struct prng dice;

/* ---- the plain computation ---- */

/* Exact enough: sums of at most 3,000 values in 64 more bits than a double has. */
static double plain_sum(const struct value *v, size_t n)
{
	__float128 sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += (__float128)value_double(v[i]);
	return (double)sum;
}

static size_t plain_distinct(const struct value *v, size_t n)
{
	size_t different = 0;

	for (size_t i = 0; i < n; i++) {
		size_t j = 0;
		while (j < i && !value_equal(v[i], v[j]))
			j++;
		different += j == i;
	}
	return different;
}

static int by_value(const void *a, const void *b)
{
	return value_compare(*(const struct value *)a, *(const struct value *)b);
}

/* Of rank floor((n - 1) / 2). */
static struct value plain_median(const struct value *v, size_t n)
{
	struct value *sorted = memcpy(alloc_bytes(n * sizeof *v), v, n * sizeof *v);

	qsort(sorted, n, sizeof *sorted, by_value);
	const struct value median = sorted[(n - 1) / 2];
	free(sorted);
	return median;
}

/* The ten most frequent ones, of equal ones the first; good until the next call. */
static struct value plain_top(const struct value *v, size_t n)
{
	static struct value rows[10], cells[10][2];
	static size_t counts[VALUES];
	uint32_t k = 0;

	for (size_t i = 0; i < n; i++) {
		size_t j = 0;
		counts[i] = 0;
		while (!value_equal(v[i], v[j]))
			j++;
		counts[j]++;
	}
	for (; k < 10; k++) {
		size_t best = 0;
		for (size_t i = 0; i < n; i++)
			best = counts[i] > counts[best] ? i : best;
		if (!n || !counts[best])
			break;
		cells[k][0] = v[best];
		cells[k][1] = value_integer((int64_t)counts[best]);
		counts[best] = 0;
		rows[k] = (struct value){ .type = VALUE_ARRAY, .len = 2, .items = cells[k] };
	}
	return k ? (struct value){ .type = VALUE_ARRAY, .len = k, .items = rows } : value_null();
}

static struct value expected(const char *name, const struct value *v, size_t n)
{
	struct value best = n ? v[0] : value_null();
	const int sign = !strcmp(name, "max") ? 1 : -1;

	if (!strcmp(name, "count"))
		return value_integer((int64_t)n);
	if (!strcmp(name, "sum"))
		return value_number(plain_sum(v, n));
	if (!strcmp(name, "mean"))
		return n ? value_number(plain_sum(v, n) / (double)n) : value_null();
	if (!strcmp(name, "distinct"))
		return value_integer((int64_t)plain_distinct(v, n));
	if (!strcmp(name, "quantile"))
		return n ? plain_median(v, n) : value_null();
	if (!strcmp(name, "topk"))
		return plain_top(v, n);
	if (!strcmp(name, "last"))
		return n ? v[n - 1] : value_null();
	if (!strcmp(name, "first"))
		return best;
	for (size_t i = 1; i < n; i++)
		if (value_compare(v[i], best) * sign > 0)
			best = v[i];
	return best;
}

/*
 * Equal, or numbers within 1e-12, and within what two doubles cannot hold beside numbers so large.  What no two doubles hold
 * is not compared: it is when the largest have left.
 */
static bool agree(const char *name, struct value a, struct value b, const struct value *v, size_t n)
{
	double largest = 0;

	if (!strcmp(name, "quantile") && value_is_number(a) && value_is_number(b))
		return fabs(value_double(a) - value_double(b)) <= 0.01 * (1 + 1e-11) * fabs(value_double(b));
	if (!value_is_number(a) || !value_is_number(b))
		return value_equal(a, b);
	const double x = value_double(a), y = value_double(b);
	for (size_t i = 0; i < n; i++)
		if (value_is_number(v[i]))
			largest = fmax(largest, fabs(value_double(v[i])));
	return x == y || fabs(x - y) <= 1e-12 * fabs(y) + 1e-28 * largest * (double)n || largest > 1e100;
}

/* ---- one aggregate ---- */

static size_t left;		/* in the pool of the last subject, when it was released */

struct subject {
	const struct aggregate *a;
	struct expr_call call;
	const struct keeper *k;
	void *state;
	struct pool pool;
	struct arena arena;
};

static void subject_init(struct subject *s, const char *name, uint32_t last)
{
	*s = (struct subject){ .a = aggregate_find(name, strlen(name)) };
	s->call = (struct expr_call){ .kind = &s->a->kind, .window = last ? WINDOW_LAST : WINDOW_ALL, .last = last };
	s->k = aggregate_keeper(s->a, &s->call);
	s->state = alloc_zeroed(1, s->k->size);
}

static void subject_release(struct subject *s)
{
	if (s->k->release)
		s->k->release(s->a, &s->call, s->state, &s->pool);
	free(s->state);
	arena_release(&s->arena);
	left = s->pool.bytes;
	pool_release(&s->pool);
}

static struct value read_at(struct subject *s, const struct value *x, int64_t time)
{
	const struct moment m = { x, time, &s->arena, INT64_MIN, &s->call, &s->pool, NULL };
	const struct value v = s->k->read(s->a, &s->call, s->state, &m);

	return v.type == VALUE_MISSING ? value_null() : v;
}

static void add_at(struct subject *s, struct value x, int64_t time)
{
	const struct moment m = { &x, time, &s->arena, INT64_MIN, &s->call, &s->pool, NULL };

	s->k->add(s->a, &s->call, s->state, &m, &s->pool);
}

static struct value subject_read(struct subject *s, const struct value *x)
{
	return read_at(s, x, 0);
}

static void subject_add(struct subject *s, struct value x)
{
	add_at(s, x, 0);
}

static int subject_take(struct subject *s, struct value *x, struct error *why)
{
	return s->k->take ? s->k->take(s->a, &s->call, s->state, x, &s->arena, why) : 0;
}

/* Saved, loaded into an empty state, saved again: the same bytes; the loaded one goes on. */
static bool subject_reload(struct subject *s)
{
	struct buf one = BUF_INIT, two = BUF_INIT;
	void *again = alloc_zeroed(1, s->k->size);
	struct pool pool = POOL_INIT;

	s->k->save(s->a, &s->call, s->state, &one);
	struct snapshot_bytes in = { (const unsigned char *)one.data, (const unsigned char *)one.data + one.len, false };
	s->k->load(s->a, &s->call, again, &in, &pool);
	s->k->save(s->a, &s->call, again, &two);
	const bool same = !in.torn && in.p == in.end && one.len == two.len && !memcmp(one.data, two.data, one.len);
	if (s->k->release)
		s->k->release(s->a, &s->call, s->state, &s->pool);
	const bool clean = s->pool.bytes == 0;
	pool_release(&s->pool);
	free(s->state);
	s->state = again;
	s->pool = pool;
	buf_release(&one);
	buf_release(&two);
	return same && clean;
}

enum { SMALL, WILD, TEXTS };

static struct value random_value(int kind)
{
	static const char *const texts[] = { "", "a", "ab", "b", "zebra", "\xc3\xa9" };

	if (kind == TEXTS) {
		const char *text = texts[prng_below(&dice, 6)];
		return value_text(text, strlen(text));
	}
	if (kind == SMALL || prng_below(&dice, 4))
		return value_number((double)(int64_t)prng_below(&dice, 2001) / 100 - 10);
	/* What comes and goes. */
	return value_number((prng_below(&dice, 2) ? 1e16 : -1e16) * (prng_below(&dice, 100) ? 1 : 1e100));
}

/* Reads ahead, adds, compares with the plain computation; sometimes saved and loaded. */
static void run(const char *name, uint32_t last, int kind, size_t n)
{
	static struct list l;
	struct subject s;
	bool values = true, ahead = true, reloads = true, exact_bytes = true;
	size_t bad = 0;

	l.n = 0;
	subject_init(&s, name, last);
	for (size_t i = 0; i < n; i++) {
		const struct value x = random_value(kind);
		struct value taken = x;
		struct error why;
		if (subject_take(&s, &taken, &why) < 0)
			values = false;
		l.v[l.n++] = x;
		const size_t from = last && l.n > last ? l.n - last : 0;
		const struct value before = subject_read(&s, NULL), with = subject_read(&s, &taken);
		reloads &= value_equal(before, subject_read(&s, NULL));
		subject_add(&s, taken);
		const struct value after = subject_read(&s, NULL);
		ahead &= value_equal(with, after);
		if (!agree(name, after, expected(name, l.v + from, l.n - from), l.v + from, l.n - from) && values) {
			values = false;
			bad = i;
		}
		if (!prng_below(&dice, 50))
			exact_bytes &= subject_reload(&s);
		arena_clear(&s.arena);
	}
	ok(values, "%s over %u, values of kind %d: as computed plainly (%zu)", name, last, kind, bad);
	ok(ahead, "%s over %u: read ahead it is what it becomes", name, last);
	ok(reloads, "%s over %u: reading changes nothing", name, last);
	ok(exact_bytes, "%s over %u: saved and loaded: the same bytes, and none is lost", name, last);
	subject_release(&s);
	is_int(left, 0, "%s over %u: all is released", name, last);
}

static void test_all(void)
{
	static const char *const names[] = { "count", "sum", "mean", "min", "max", "first", "last", "distinct", "quantile", "topk" };
	static const uint32_t lasts[] = { 0, 1, 2, 10, 16, 17, 255, 300, 1000 };

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		for (size_t j = 0; j < sizeof lasts / sizeof *lasts; j++) {
			const bool is_slow = !strcmp(names[i], "distinct") || !strcmp(names[i], "topk");
			const bool is_of_numbers = !strcmp(names[i], "sum") || !strcmp(names[i], "mean") || !strcmp(names[i], "quantile");
			run(names[i], lasts[j], SMALL, is_slow ? 500 : 1500);
			if (!is_of_numbers)
				run(names[i], lasts[j], TEXTS, 400);
			else
				run(names[i], lasts[j], WILD, 1500);
		}
}

/* ---- sums ---- */

static void test_sums(void)
{
	struct subject s;

	subject_init(&s, "sum", 3);
	subject_add(&s, value_number(1e16));
	subject_add(&s, value_number(1));
	subject_add(&s, value_number(-1e16));
	is_double(value_double(subject_read(&s, NULL)), 1, "1e16 + 1 - 1e16 is 1");
	subject_add(&s, value_number(0.1));
	subject_add(&s, value_number(0.2));
	subject_add(&s, value_number(0.3));
	is_double(value_double(subject_read(&s, NULL)), 0.6, "and leaves nothing behind");
	subject_release(&s);

	subject_init(&s, "sum", 2);
	subject_add(&s, value_number(1.7e308));
	subject_add(&s, value_number(1.7e308));
	ok(value_is_null(subject_read(&s, NULL)), "a sum that is not finite is null");
	subject_add(&s, value_number(1));
	subject_add(&s, value_number(2));
	is_double(value_double(subject_read(&s, NULL)), 3, "until its numbers have left");
	subject_release(&s);
}

static struct value vector(struct value *items, double a, double b)
{
	items[0] = value_number(a);
	items[1] = value_number(b);
	return (struct value){ .type = VALUE_ARRAY, .len = 2, .items = items };
}

static void is_vector(struct value v, double a, double b, const char *what)
{
	ok(v.type == VALUE_ARRAY && v.len == 2 && value_double(v.items[0]) == a && value_double(v.items[1]) == b, "%s", what);
}

static void test_arrays(void)
{
	struct value items[3], x;
	struct subject s;
	struct error why;

	for (uint32_t last = 0; last <= 2; last += 2) {
		subject_init(&s, "mean", last);
		x = vector(items, 1, 10);
		ok(!subject_take(&s, &x, &why), "an array");
		is_vector(subject_read(&s, &x), 1, 10, "the first is the mean");
		subject_add(&s, x);
		x = vector(items, 3, 20);
		is_vector(subject_read(&s, &x), 2, 15, "element by element");
		subject_add(&s, x);
		ok(subject_reload(&s), "saved and loaded");
		is_vector(subject_read(&s, NULL), 2, 15, "element by element, loaded");
		subject_add(&s, vector(items, 5, 30));
		is_vector(subject_read(&s, NULL), last ? 4 : 3, last ? 25 : 20, "the window moves");
		x.len = 1;
		ok(subject_take(&s, &x, &why) < 0, "another length is refused");
		is_str(why.text, "needs an array of 2 numbers as before", "with a sentence");
		x = value_integer(3);
		ok(subject_take(&s, &x, &why) < 0, "a number is refused");
		is_str(why.text, "needs an array of 2 numbers as before", "with a sentence");
		x = vector(items, 1, 1);
		items[1] = value_null();
		ok(subject_take(&s, &x, &why) < 0, "null inside is refused");
		is_str(why.text, "needs an array of numbers", "with a sentence");
		subject_release(&s);
		is_int(left, 0, "all is released");
	}
	subject_init(&s, "sum", 0);
	subject_add(&s, value_integer(1));
	x = vector(items, 1, 1);
	ok(subject_take(&s, &x, &why) < 0, "an array after a number is refused");
	is_str(why.text, "needs a number as before", "with a sentence");
	subject_release(&s);
}

/* ---- min and max ---- */

static void test_order(void)
{
	struct value x = value_text("a", 1), big = value_integer(INT64_MAX);
	struct subject s;
	struct error why;

	for (uint32_t last = 0; last <= 3; last += 3) {
		subject_init(&s, "max", last);
		subject_add(&s, value_integer(3));
		ok(subject_take(&s, &x, &why) < 0, "a string after a number is refused");
		is_str(why.text, "needs a number as before", "with a sentence");
		subject_add(&s, big);
		subject_add(&s, value_number(9.2e18));
		is_int(subject_read(&s, NULL).integer, INT64_MAX, "integers are kept exactly");
		subject_release(&s);
	}
	subject_init(&s, "min", 0);
	x = value_bool(true);
	ok(subject_take(&s, &x, &why) < 0, "a boolean is refused");
	is_str(why.text, "needs a number or a string", "with a sentence");
	subject_release(&s);
}

/* ---- distinct ---- */

static void test_sketch(void)
{
	/* The standard error is 1.04 / sqrt(2^14); six times that is out of reach of chance. */
	const double allowed = 6 * 1.04 / 128;
	struct distinct d = { .n = 0 };
	struct pool pool = POOL_INIT;
	bool ahead = true, exact = true, near = true;
	double squares = 0;
	int readings = 0;

	for (uint64_t i = 1; i <= 2000000; i++) {
		const uint64_t hash = hash_bytes(&i, sizeof i);
		uint64_t with = 0;
		const bool look = i <= 5000 || !(i % 1009);
		if (look)
			with = distinct_read(&d, &hash);
		distinct_add(&d, hash, &pool);
		if (!look)
			continue;
		const uint64_t n = distinct_read(&d, NULL);
		ahead &= with == n;
		if (i <= DISTINCT_EXACT)
			exact &= n == i;
		else {
			const double error = ((double)n - (double)i) / (double)i;
			near &= fabs(error) < allowed;
			squares += error * error;
			readings++;
		}
	}
	ok(exact, "distinct is exact to %d", DISTINCT_EXACT);
	ok(ahead, "read ahead it is what it becomes, also where the sketch begins");
	ok(near, "to 2,000,000 within %.2f %%", allowed * 100);
	printf("# root mean square error %.3f %%\n", 100 * sqrt(squares / readings));
	const size_t most = distinct_counted.pot_bytes(DISTINCT_EXACT);
	ok(pool.bytes <= most, "%zu bytes, at most %zu", pool.bytes, most);

	struct buf one = BUF_INIT, two = BUF_INIT;
	struct distinct again = { .n = 0 };
	distinct_save(&d, &one);
	struct snapshot_bytes in = { (const unsigned char *)one.data, (const unsigned char *)one.data + one.len, false };
	distinct_load(&again, &in, &pool);
	distinct_save(&again, &two);
	ok(!in.torn && one.len == two.len && !memcmp(one.data, two.data, one.len), "the sketch is saved and loaded");
	is_int(distinct_read(&again, NULL), distinct_read(&d, NULL), "and counts the same");
	buf_release(&one);
	buf_release(&two);
	distinct_release(&d, &pool);
	distinct_release(&again, &pool);
	is_int(pool.bytes, 0, "all is released");
	pool_release(&pool);
}

/* Many sketches at small counts, where the estimator must not be biased. */
static void test_bias(void)
{
	static const uint64_t sizes[] = { 1100, 5000, 20000, 40000, 60000 };

	for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
		double mean = 0;
		for (uint64_t seed = 0; seed < 40; seed++) {
			struct distinct d = { .n = 0 };
			struct pool pool = POOL_INIT;
			for (uint64_t i = 0; i < sizes[k]; i++) {
				const uint64_t both[2] = { seed, i };
				distinct_add(&d, hash_bytes(both, sizeof both), &pool);
			}
			mean += (double)distinct_read(&d, NULL) / (double)sizes[k] / 40;
			pool_release(&pool);
		}
		is_near(mean, 1, 0.006, "no bias at %d", (int)sizes[k]);
	}
}

/* ---- prev, delta, elapsed ---- */

static void test_previous(void)
{
	struct value x = value_integer(5), y = value_number(2.5), none = value_null();
	struct subject s;

	subject_init(&s, "delta", 0);
	ok(value_is_null(subject_read(&s, &x)), "the first has no difference");
	subject_add(&s, x);
	is_double(value_double(subject_read(&s, &y)), -2.5, "the second has one");
	subject_add(&s, none);
	ok(subject_reload(&s), "saved and loaded");
	ok(value_is_null(subject_read(&s, &y)), "none to a null");
	subject_release(&s);

	subject_init(&s, "prev", 0);
	ok(value_is_null(subject_read(&s, &x)), "the first has no previous");
	subject_add(&s, value_text("page", 4));
	ok(subject_reload(&s), "saved and loaded");
	ok(value_equal(subject_read(&s, &x), value_text("page", 4)), "prev carries any value");
	struct value items[2] = { value_text("a", 1), value_integer(INT64_MIN) };
	subject_add(&s, (struct value){ .type = VALUE_ARRAY, .len = 2, .items = items });
	ok(subject_reload(&s), "an array is saved and loaded");
	ok(value_equal(subject_read(&s, &x), (struct value){ .type = VALUE_ARRAY, .len = 2, .items = items }), "and is the same");
	subject_release(&s);
	is_int(left, 0, "all is released");

	subject_init(&s, "elapsed", 0);
	ok(value_is_null(read_at(&s, &none, 0)), "the first has no time before it");
	add_at(&s, none, 1719991234567000000);
	is_double(value_double(read_at(&s, &none, 1719991236067000000)), 1.5, "seconds, with fractions");
	is_int(read_at(&s, &none, 1719991233567000000).integer, -1, "an earlier one: negative");
	add_at(&s, none, -5000000000);
	ok(subject_reload(&s), "saved and loaded");
	is_int(read_at(&s, &none, 0).integer, 5, "before 1970");
	add_at(&s, none, INT64_MIN + 1);
	is_near(value_double(read_at(&s, &none, INT64_MAX)), 18446744073.7, 1e-9, "the whole range");
	subject_release(&s);
}

/* ---- damage ---- */

/* A state cut off anywhere is torn, never read beyond its end. */
static void test_torn(void)
{
	static const char *const names[] = { "count", "sum", "mean", "min", "first", "last", "distinct", "quantile", "topk", "prev", "delta" };
	bool torn = true;

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		for (uint32_t last = 0; last <= 5; last += 5) {
			struct subject s;
			struct buf b = BUF_INIT;
			if (last && !aggregate_find(names[i], strlen(names[i]))->last)
				continue;
			subject_init(&s, names[i], last);
			for (int j = 0; j < 7; j++) {
				struct value x = value_number(j * 1.5);
				struct error why;
				subject_take(&s, &x, &why);
				subject_add(&s, x);
			}
			s.k->save(s.a, &s.call, s.state, &b);
			for (size_t cut = 0; cut < b.len; cut++) {
				unsigned char *part = memcpy(alloc_bytes(cut + 1), b.data, cut);
				struct snapshot_bytes in = { part, part + cut, false };
				void *state = alloc_zeroed(1, s.k->size);
				struct pool pool = POOL_INIT;
				s.k->load(s.a, &s.call, state, &in, &pool);
				torn &= in.torn;
				pool_release(&pool);
				free(state);
				free(part);
			}
			buf_release(&b);
			subject_release(&s);
		}
	ok(torn, "a state that is cut off is refused");
}

/* The numbers of the last N are counted from 1: a file that says otherwise would overflow them. */
static void test_numbers(void)
{
	static const int64_t newest[] = { INT64_MAX, INT64_MIN + 1, 0, 1 };

	for (size_t i = 0; i < sizeof newest / sizeof *newest; i++) {
		struct subject s;
		struct buf b = BUF_INIT;
		subject_init(&s, "var", 3);
		snapshot_put_varint(&b, 0);			/* numbers */
		snapshot_put_signed(&b, newest[i]);
		snapshot_put_varint(&b, 1);			/* an entry, in a leaf of one */
		snapshot_put_varint(&b, 0);
		snapshot_put_varint(&b, 1);
		snapshot_put_varint(&b, (uint64_t)newest[i] - (uint64_t)INT64_MIN);
		snapshot_put_double(&b, 1.5);
		struct snapshot_bytes in = { (const unsigned char *)b.data, (const unsigned char *)b.data + b.len, false };
		s.k->load(s.a, &s.call, s.state, &in, &s.pool);
		ok(in.torn == (newest[i] != 1), "the newest is number %lld: %s", (long long)newest[i], in.torn ? "refused" : "taken");
		buf_release(&b);
		subject_release(&s);
		ok(left == 0, "and nothing is left in the pool");
	}
}

int main(void)
{
	prng_init(&dice, 1);
	test_all();
	test_sums();
	test_arrays();
	test_order();
	test_sketch();
	test_bias();
	test_previous();
	test_torn();
	test_numbers();
	return done();
}
