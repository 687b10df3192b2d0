/* SPDX-License-Identifier: MIT */
/*
 * The newest values: a sorted ring beside a plain list; the keepers of sequence(): their bound, what is torn, and that all is
 * given back.  What comes out of each window: test/helper/windows-oracle.py.
 */
#include <stdlib.h>

#include "base/alloc.h"
#include "base/prng.h"
#include "feature/recent.h"
#include "feature/spec.h"
#include "tap.h"

#define SECOND INT64_C(1000000000)

static struct prng dice;

/* ---- recent ---- */

#define ADDED 400

struct list { struct recent_value v[2 * ADDED]; size_t n; };

static void list_add(struct list *l, int64_t time, struct value v)
{
	size_t i = l->n++;

	for (; i && l->v[i - 1].time > time; i--)
		l->v[i] = l->v[i - 1];
	l->v[i] = (struct recent_value){ time, v };
}

static bool is_end_of(const struct recent *r, uint32_t most, const struct list *l)
{
	if (r->used != (l->n < most ? l->n : most))
		return false;
	for (uint32_t ago = 0; ago < r->used; ago++) {
		const struct recent_value *got = recent_at(r, ago), *want = &l->v[l->n - 1 - ago];
		if (got->time != want->time || !value_equal(got->value, want->value))
			return false;
	}
	return true;
}

static struct value some_value(void)
{
	static const char text[] = "a text to take a piece of";

	switch (prng_below(&dice, 3)) {
	case 0:
		return value_text(text, (size_t)prng_below(&dice, sizeof text));
	case 1:
		return value_bool(prng_below(&dice, 2));
	default:
		return value_integer((int64_t)prng_next(&dice));
	}
}

static void fill(struct recent *r, uint32_t most, struct list *l, int64_t time, struct pool *pool, bool *same)
{
	for (size_t i = 0; i < ADDED; i++) {
		const struct value v = some_value();
		time += (int64_t)prng_below(&dice, 3);
		const int64_t at = time - (prng_below(&dice, 4) ? 0 : (int64_t)prng_below(&dice, 20));
		recent_add(r, most, at, v, pool);
		list_add(l, at, v);
		*same &= is_end_of(r, most, l);
	}
}

static bool is_reloaded(const struct recent *r, uint32_t most, const struct list *l)
{
	struct buf first = BUF_INIT, second = BUF_INIT;
	struct pool pool = POOL_INIT;
	struct recent copy = {0};
	bool same = true;

	recent_save(r, &first);
	for (size_t n = 0; n < first.len; n++) {
		struct snapshot_bytes cut = { (unsigned char *)first.data, (unsigned char *)first.data + n, false };
		recent_load(&copy, most, &cut, &pool);
		same &= cut.torn;
		recent_release(&copy, &pool);
	}
	struct snapshot_bytes in = { (unsigned char *)first.data, (unsigned char *)first.data + first.len, false };
	recent_load(&copy, most, &in, &pool);
	recent_save(&copy, &second);
	same &= !in.torn && in.p == in.end && is_end_of(&copy, most, l) && first.len == second.len &&
	    !memcmp(first.data, second.data, first.len);
	recent_release(&copy, &pool);
	same &= !pool.bytes;
	pool_release(&pool);
	buf_release(&first);
	buf_release(&second);
	return same;
}

static void test_recent(uint32_t most)
{
	struct list *l = alloc_zeroed(1, sizeof *l), *later = alloc_zeroed(1, sizeof *later);
	struct recent r = {0}, next = {0};
	struct pool pool = POOL_INIT;
	bool same = true;

	fill(&r, most, l, INT64_MIN + 1000, &pool, &same);
	ok(same, "the newest %u of values in and out of order", most);
	ok(is_reloaded(&r, most, l), "the newest %u: saved and loaded, and torn wherever they are cut", most);
	fill(&next, most, later, INT64_MAX - 10000, &pool, &same);
	recent_join(&r, most, &next, &pool);
	for (size_t i = 0; i < later->n; i++)
		l->v[l->n++] = later->v[i];
	ok(is_end_of(&r, most, l) && !next.used, "the newest %u of two", most);
	ok(is_reloaded(&r, most, l), "from one end of time to the other");
	recent_release(&r, &pool);
	is_int(pool.bytes, 0, "all is released");
	pool_release(&pool);
	free(l);
	free(later);
}

/* ---- the keepers ---- */

struct subject {
	struct fields fields;
	struct spec *spec;
	const struct spec_state *st;
	void *state;
	struct pool pool;
	struct arena arena;
};

static void begin(struct subject *s, const char *call)
{
	const struct spec_options options = { .time_path = "t", .time_unit = TIME_S };
	char line[128];
	struct error why = { "" };

	snprintf(line, sizeof line, "f = %s\n", call);
	const struct spec_text text = { "x", line, strlen(line), false };
	*s = (struct subject){0};
	fields_init(&s->fields);
	s->spec = spec_compile(&text, 1, &options, &s->fields, &why);
	if (!ok(s->spec != NULL, "%s%s%s", call, *why.text ? ": " : "", why.text))
		exit(1);
	s->st = &s->spec->states[0];
	s->state = alloc_zeroed(1, s->st->keeper->size);
}

static void end(struct subject *s)
{
	s->st->keeper->release(s->st->aggregate, s->st->call, s->state, &s->pool);
	is_int(s->pool.bytes, 0, "all is released");
	free(s->state);
	arena_release(&s->arena);
	pool_release(&s->pool);
	spec_free(s->spec);
	fields_release(&s->fields);
}

static void add(struct subject *s, int64_t time, struct value x)
{
	const struct moment m = { &x, time, &s->arena, INT64_MIN, NULL, NULL, NULL };

	s->st->keeper->add(s->st->aggregate, s->st->call, s->state, &m, &s->pool);
	arena_clear(&s->arena);
}

/* Numbers, ten a second for ten minutes: what --explain says is what is kept, within a fifth. */
static void test_bound(const char *call, size_t kept)
{
	struct subject s;

	begin(&s, call);
	const struct keeper *k = s.st->keeper;
	for (int64_t i = 0; i < 6000; i++)
		add(&s, i * SECOND / 10, value_integer(i));
	const size_t said = k->bound(s.st->aggregate, s.st->call) + (k->grown ? k->grown(s.st->aggregate, s.st->call, kept) : 0);
	ok(s.pool.bytes <= said + said / 5 && s.pool.bytes >= said - said / 5, "%s: %zu bytes, said to be %zu", call, s.pool.bytes, said);
	end(&s);
}

/* A saved state is refused wherever it is cut, and where a value is none that could have been added. */
static void test_torn(const char *call)
{
	struct buf saved = BUF_INIT;
	struct subject s, other;
	bool torn = true;

	begin(&s, call);
	for (int64_t i = 0; i < 40; i++)
		add(&s, (i - (i % 7 ? 0 : 3)) * SECOND, i % 3 ? value_integer(i) : value_text("xyz", 3));
	s.st->keeper->save(s.st->aggregate, s.st->call, s.state, &saved);
	for (size_t n = 0; n <= saved.len; n++) {
		struct snapshot_bytes in = { (unsigned char *)saved.data, (unsigned char *)saved.data + n, false };
		void *state = alloc_zeroed(1, s.st->keeper->size);
		struct pool pool = POOL_INIT;
		s.st->keeper->load(s.st->aggregate, s.st->call, state, &in, &pool);
		torn &= n < saved.len ? in.torn : !in.torn;
		pool_release(&pool);
		free(state);
	}
	ok(torn, "%s: torn wherever it is cut", call);
	begin(&other, call);
	char *text = memmem(saved.data, saved.len, "s\003xyz", 5);
	text[0] = 'a', text[1] = 3, text[2] = text[3] = text[4] = 't';
	struct snapshot_bytes in = { (unsigned char *)saved.data, (unsigned char *)saved.data + saved.len, false };
	other.st->keeper->load(other.st->aggregate, other.st->call, other.state, &in, &other.pool);
	ok(in.torn, "%s: an array is none of its values", call);
	pool_release(&other.pool);
	free(other.state);
	spec_free(other.spec);
	fields_release(&other.fields);
	end(&s);
	buf_release(&saved);
}

int main(void)
{
	static const char *const windows[] = { "", " over last 3", " over 20s", " over 1m every 5s", " over tumbling 30s", " over session 2s" };

	prng_init(&dice, 7);
	for (uint32_t most = 1; most <= 1024; most = most * 3 + 1)
		test_recent(most);
	test_bound("sequence(x, 100)", 0);
	test_bound("sequence(x, 1024) over last 5", 0);
	test_bound("sequence(x, 10) over 1m", 600);
	test_bound("sequence(x, 50) over 5m every 5s", 0);
	test_bound("sequence(x, 3) over 5m every 5s", 0);
	test_bound("sequence(x, 600) over tumbling 1h", 0);
	test_bound("sequence(x, 1024) over session 1h", 0);
	for (size_t i = 0; i < sizeof windows / sizeof *windows; i++) {
		char call[64];
		snprintf(call, sizeof call, "sequence(x, 12)%s", windows[i]);
		test_torn(call);
	}
	return done();
}
