/* SPDX-License-Identifier: MIT */
#include "base/fieldpath.h"

#include "base/arena.h"
#include "base/buf.h"
#include "base/prng.h"
#include "tap.h"

static struct arena arena;

static const char *shown(const struct fieldpath *path)
{
	static struct buf b;

	buf_clear(&b);
	fieldpath_show(path, &b);
	return buf_text(&b);
}

static void good(const char *text, const char *canonical, size_t steps)
{
	struct fieldpath path, again;
	struct error why = { "" };

	if (!ok(!fieldpath_parse(&path, text, &arena, &why), "parse %s %s", text, why.text))
		return;
	is_int(path.n, steps, "steps of %s", text);
	is_str(shown(&path), canonical, "show %s", text);
	ok(!fieldpath_parse(&again, canonical, &arena, &why) && fieldpath_equal(&path, &again), "%s again", canonical);
}

static void bad(const char *text)
{
	struct fieldpath path;
	struct error why = { "" };

	ok(fieldpath_parse(&path, text, &arena, &why) == -1 && strstr(why.text, text), "no path: %s", text);
}

static void test_parse(void)
{
	struct fieldpath path;
	struct error why;

	good("user", "user", 1);
	good("_a1.B2", "_a1.B2", 2);
	good("user.ids[0]", "user.ids[0]", 3);
	good("items[*].category", "items[*].category", 3);
	good("features[\"a.b\"]", "features[\"a.b\"]", 2);
	good("[\"user\"].id", "user.id", 2);
	good("[\"\"]", "[\"\"]", 1);
	good("a[\"user-id\"][12][*]", "a[\"user-id\"][12][*]", 4);
	good("[\"\\u00e9\\n\\\"\\\\\\/\"]", "[\"\xc3\xa9\\u000a\\\"\\\\/\"]", 1);
	good("[\"\\ud83d\\ude00\"]", "[\"\xf0\x9f\x98\x80\"]", 1);
	good("[\"]\"]", "[\"]\"]", 1);
	good("a[999999999]", "a[999999999]", 2);
	good("a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p", "a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p", 16);
	fieldpath_parse(&path, "[\"a\\u0000b\"].x[3]", &arena, &why);
	ok(path.steps[0].kind == STEP_NAME && path.steps[0].len == 3 && !memcmp(path.steps[0].name, "a\0b", 4), "a NUL in a name");
	ok(path.steps[2].kind == STEP_INDEX && path.steps[2].index == 3, "an index");
	is_str(path.steps[1].name, "x", "names are terminated");

	for (const char *const *s = (const char *const[]){ "", ".", "a.", ".a", "a..b", "a b", "a-b", "1a", "a.1", "[0]", "[*]", "[0].a", "a[",
	    "a[]", "a[-1]", "a[1", "a[1.5]", "a[ 1]", "a[1234567890]", "a[\"x]", "a[\"x\"", "a[\"x\\\"]", "a[\"\\x\"]", "a[\"\\u12\"]",
	    "a[\"\\ud83d\"]", "a[\"\\ude00\"]", "a[\"\\ud83d\\u0041\"]", "a[x]", "a[*", "a[**]", "\xc3\xa9", "a,b", "a]", "a.[0]",
	    "a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q", NULL }; *s; s++)
		bad(*s);
	fieldpath_parse(&path, "a..b", &arena, &why);
	ok(strstr(why.text, "\"a..b\" is not a path"), "message: %s", why.text);
}

static void test_equal(void)
{
	static const char *const texts[] = { "a", "b", "a.b", "a[0]", "a[1]", "a[*]", "a[\"0\"]", "a[\"*\"]", "ab" };
	const size_t n = sizeof texts / sizeof *texts;
	struct fieldpath paths[9], of;
	struct error why;
	bool right = true;

	for (size_t i = 0; i < n; i++)
		fieldpath_parse(&paths[i], texts[i], &arena, &why);
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < n; k++)
			right = right && fieldpath_equal(&paths[i], &paths[k]) == (i == k);
	ok(right, "paths equal themselves alone");
	of = fieldpath_of(&arena, "features", "a.b", NULL);
	is_str(shown(&of), "features[\"a.b\"]", "of literal names");
	of = fieldpath_of(&arena, "a", "b", NULL);
	ok(fieldpath_equal(&of, &paths[2]), "as parsed");
}

/* Whatever the names are, the text leads back to them. */
static void test_round_trip(void)
{
	struct prng p;
	int wrong = 0;

	prng_init(&p, 3);
	for (int i = 0; i < 20000; i++) {
		char names[2][12];
		struct fieldpath path, again;
		struct error why;
		for (int k = 0; k < 2; k++) {
			const size_t len = prng_below(&p, 10);
			for (size_t j = 0; j < len; j++)
				names[k][j] = (char)(prng_below(&p, 4) ? "\"\\]['.ab/u0n"[prng_below(&p, 12)] : 1 + (int)prng_below(&p, 127));
			names[k][len] = '\0';
		}
		path = fieldpath_of(&arena, names[0], names[1], NULL);
		wrong += fieldpath_parse(&again, shown(&path), &arena, &why) || !fieldpath_equal(&path, &again);
		arena_clear(&arena);
	}
	is_int(wrong, 0, "random names come back from their text");
}

int main(void)
{
	test_parse();
	test_equal();
	test_round_trip();
	arena_release(&arena);
	return done();
}
