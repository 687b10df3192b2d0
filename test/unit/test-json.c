/* SPDX-License-Identifier: MIT */
#include "json/parse.h"

#include <stdlib.h>

#include "base/number.h"
#include "base/prng.h"
#include "json/write.h"
#include "tap.h"

static struct arena arena;

static const char *shown(struct value v)
{
	static struct buf b;

	buf_clear(&b);
	json_write_value(&b, v);
	return v.type == VALUE_MISSING ? "missing" : buf_text(&b);
}

static int slot(struct fields *fs, const char *text)
{
	struct fieldpath path;
	struct error why;

	if (fieldpath_parse(&path, text, &arena, &why)) {
		printf("# %s\n", why.text);
		abort();
	}
	return fields_read(fs, &path);
}

/* What a path finds in a document; NULL: it is not one object. */
static const char *at(const char *path, const char *text)
{
	struct fields fs;
	struct json_error e;
	struct value v[4];
	uint64_t present;

	fields_init(&fs);
	const int i = slot(&fs, path);
	const void *root = json_parse(&arena, text, strlen(text), &e);
	if (root)
		json_read(root, &fs, &arena, v, &present);
	const char *result = root ? shown(v[i]) : NULL;
	fields_release(&fs);
	return result;
}

static void paths(void)
{
	is_str(at("a", "{\"a\":1}"), "1", "a member");
	is_str(at("b", "{\"a\":1}"), "missing", "no such member");
	is_str(at("a.b", "{\"a\":{\"b\":[1,\"x\",null,true]}}"), "[1,\"x\",null,true]", "an array below");
	is_str(at("a.b", "{\"a\":3}"), "missing", "a member of a number");
	is_str(at("a", "{\"a\":1,\"a\":2}"), "2", "of equal names the last");
	is_str(at("a.b", "{\"a\":{\"b\":1},\"a\":{\"c\":2}}"), "missing", "also for the object around a path");
	is_str(at("a.b", "{\"a\":{\"b\":1},\"a\":7}"), "missing", "... when the last is no object");
	is_str(at("a", "{\"\\u0061\":5}"), "5", "an escaped name");
	is_str(at("[\"a.b\"]", "{\"a.b\":5}"), "5", "a quoted name");
	is_str(at("a[1]", "{\"a\":[1,2]}"), "2", "an item");
	is_str(at("a[2]", "{\"a\":[1,2]}"), "missing", "no such item");
	is_str(at("a[0][1]", "{\"a\":[[1,2]]}"), "2", "an item of an item");
	is_str(at("a[0]", "{\"a\":[[1,[2]],3]}"), "[1,[2]]", "an array in an array");
	is_str(at("i[*].c", "{\"i\":[{\"c\":1},{\"d\":2},{\"c\":\"x\"}]}"), "[1,null,\"x\"]", "of every item");
	is_str(at("i[*].c[*]", "{\"i\":[{\"c\":[1,2]},{\"c\":[]},{\"c\":[3]}]}"), "[1,2,3]", "twice gives one flat array");
	is_str(at("i[*]", "{\"i\":[]}"), "[]", "of none");
	is_str(at("i[*]", "{\"i\":3}"), "missing", "of what is no array");
	is_str(at("a", "{\"a\":{\"x\":[1.0,1e2,{\"y\":-0}]}}"), "{\"x\":[1,100,{\"y\":0}]}", "a tree prints its numbers as values do");
	is_str(at("a", "{\"a\":[[1.0,[2.50]]]}"), "[[1,[2.5]]]", "arrays in arrays");
}

static void numbers(void)
{
	is_str(at("a", "{\"a\":9007199254740993}"), "9007199254740993", "an integer beyond 2^53");
	is_str(at("a", "{\"a\":18446744073709551615}"), "18446744073709551615", "the largest uint64");
	is_str(at("a", "{\"a\":18446744073709551616}"), "18446744073709552000", "beyond: the nearest double");
	is_str(at("a", "{\"a\":-9223372036854775808}"), "-9223372036854775808", "the smallest int64");
	is_str(at("a", "{\"a\":-9223372036854775809}"), "-9223372036854775808", "beyond: the nearest double, which it is");
	is_str(at("a", "{\"a\":1e400}"), "1e400", "what no double holds stays text");
	is_str(at("a", "{\"a\":3.0}"), "3", "3.0 is the integer");
	is_str(at("a", "{\"a\":-0.0}"), "0", "-0 is zero");
	is_str(at("a", "{\"a\":1e21}"), "1e+21", "as ECMAScript prints it");
	is_str(at("a", "{\"a\":1e-7}"), "1e-7", "and small");
}

static void refused(void)
{
	static const char *const texts[] = {
		"", "x", "1", "[1]", "\"a\"", "{", "{\"a\":}", "{\"a\":1,}", "{\"a\":01}", "{\"a\":+1}", "{\"a\":1}{", "{\"a\":1} x",
		"{'a':1}", "{\"a\":NaN}", "{\"a\":Infinity}", "{\"a\":\"\x01\"}", "{\"a\":\"\xff\"}", "{\"a\":\"\\ud800\"}",
		"{\"a\":\"\\udc00\\ud800\"}", "{\"a\":\"\\x\"}", "{\"a\":tru}", "{\"a\":1 \"b\":2}", "{\"a\":.5}", "{\"a\":5.}", "{a:1}",
		"{\"a\":\"\xed\xa0\x80\"}", "{\"a\":\"\xc0\x80\"}", "{} // c", "/* c */{}",
	};
	struct json_error e;

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		arena_clear(&arena);
		ok(!json_parse(&arena, texts[i], strlen(texts[i]), &e), "refused: %s", texts[i]);
		ok(e.byte >= 1 && e.byte <= strlen(texts[i]) + 1 && e.what[0], "... at byte %zu: %s", e.byte, e.what);
	}
	ok(!json_parse(&arena, "{\"a\":\0}", 7, &e), "refused: NUL");
}

static void deep(void)
{
	const size_t n = 100000;
	struct buf b = BUF_INIT, out = BUF_INIT;

	buf_add_text(&b, "{\"a\":");
	for (size_t i = 0; i < n; i++)
		buf_add_byte(&b, '[');
	for (size_t i = 0; i < n; i++)
		buf_add_byte(&b, ']');
	buf_add_byte(&b, '}');
	is_str(at("b", buf_text(&b)), "missing", "100,000 levels are passed over");
	const char *a = at("a", buf_text(&b));
	ok(strlen(a) == 2 * n, "and written");
	buf_release(&b);
	buf_release(&out);
}

/* The oracle: strtod and number_show, which is slow and plain. */
static void doubles(void)
{
	struct prng random;
	struct buf b = BUF_INIT;
	int wrong = 0;

	prng_init(&random, 1);
	for (int i = 0; i < 300000; i++) {
		char plain[NUMBER_SHOW_MAX];
		uint64_t bits = prng_next(&random);
		double x;
		if (i % 3 == 0)
			x = (double)(int64_t)(bits % 2000000000) / 10000 - 50000;
		else if (i % 3 == 1)
			x = prng_unit(&random) * 1000;
		else
			memcpy(&x, &bits, 8);
		if (x - x != 0)
			continue;
		buf_clear(&b);
		json_write_double(&b, x);
		number_show(x, plain);
		if (strtod(buf_text(&b), NULL) != x || strlen(plain) != strlen(buf_text(&b)))
			if (wrong++ < 5)
				printf("# %.17g: %s, plain %s\n", x, buf_text(&b), plain);
	}
	is_int(wrong, 0, "300,000 doubles round-trip as short as can be");
	buf_release(&b);
}

static void strings(void)
{
	struct buf b = BUF_INIT, back = BUF_INIT;
	struct error why;
	struct value v;

	json_write_string(&b, "a\"\\\b\f\n\r\t\x01\x1f/\xc3\xa9", 13);
	is_str(buf_text(&b), "\"a\\\"\\\\\\b\\f\\n\\r\\t\\u0001\\u001f/\xc3\xa9\"", "escapes");
	ok(!json_document(&arena, b.data, b.len, &v, &why) && v.len == 13, "and back");
	for (size_t n = 0; n < 70; n++) {
		char bytes[70] = "", text[200];
		for (size_t i = 0; i < n; i++)
			bytes[i] = (char)(i * 37 + n);
		buf_clear(&b);
		buf_clear(&back);
		json_write_base64(&b, bytes, n);
		snprintf(text, sizeof text, "%s", buf_text(&b));
		if (json_read_base64(&back, text, strlen(text)) != (long)n || (n && memcmp(back.data, bytes, n)))
			ok(false, "base64 of %zu bytes", n);
	}
	buf_clear(&b);
	json_write_base64(&b, "Man", 3);
	json_write_base64(&b, "Ma", 2);
	is_str(buf_text(&b), "TWFuTWE=", "base64 as in RFC 4648");
	is_int(json_read_base64(&back, "TWF", 3), -1, "not a multiple of four");
	is_int(json_read_base64(&back, "TWF=TWFu", 8), -1, "padding inside");
	is_int(json_read_base64(&back, "TW!u", 4), -1, "no digit");
	ok(json_is_utf8("\xf0\x9f\x98\x80 a", 6) && !json_is_utf8("\xf0\x9f\x98", 3) && !json_is_utf8("\xf5\x80\x80\x80", 4), "UTF-8");
	buf_release(&b);
	buf_release(&back);
}

/* What may not be UTF-8: names of files, messages that were cut. */
static void any_bytes(void)
{
	static const struct { const char *bytes, *json; } texts[] = {
		{ "", "\"\"" },
		{ "caf\xc3\xa9 \xf0\x9f\x98\x80 \"a\"", "\"caf\xc3\xa9 \xf0\x9f\x98\x80 \\\"a\\\"\"" },
		{ "caf\xe9.jsonl \xc3\xa9", "\"caf?.jsonl \xc3\xa9\"" },
		{ "cut \xf0\x9f\x98", "\"cut ???\"" },
		{ "\x80\xed\xa0\x80\xc0\xaf\xf5\n", "\"???" "????" "\\n\"" },
		{ "\xe2\x82\xc3\xa9\xa9", "\"??\xc3\xa9?\"" },
	};
	struct buf b = BUF_INIT;

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		buf_clear(&b);
		json_write_text(&b, texts[i].bytes, strlen(texts[i].bytes));
		is_str(buf_text(&b), texts[i].json, "any bytes are a string: %s", texts[i].json);
	}
	is_int((long)json_character("\xc3\xa9x", 3), 2, "a character");
	is_int((long)json_character("\xc3\xa9", 1), 0, "the beginning of one");
	is_int((long)json_character("", 0), 0, "of nothing");
	buf_release(&b);
}

/* A member that a stage adds is read as its printed text would be. */
static void added(void)
{
	static const struct name inner[] = { NAME("x"), NAME("list"), NAME("text") };
	struct value list[] = { value_number(1.5), value_number(0.0 / 0.0), value_integer(3) };
	const struct member members[] = {
		{ &inner[0], value_number(3.0) }, { &inner[1], { .type = VALUE_ARRAY, .len = 3, .items = list } }, { &inner[2], value_text("t", 1) },
	};
	const struct value object = { .type = VALUE_OBJECT, .len = 3, .members = members };
	struct fields fs;
	struct value v[8] = {0};
	struct json_error e;
	uint64_t present;
	char direct[3][64];

	fields_init(&fs);
	const struct added *a = fields_add(&fs, "features");
	const int slots[] = { slot(&fs, "features.x"), slot(&fs, "features.list[1]"), slot(&fs, "features.text") };
	ok(a == fields_add(&fs, "features") && slots[0] == slot(&fs, "features.x"), "the same name has the same handle and slot");
	json_read_member(a, object, &arena, v);
	for (int i = 0; i < 3; i++)
		snprintf(direct[i], 64, "%s", shown(v[slots[i]]));
	struct buf text = BUF_INIT;
	buf_add_text(&text, "{\"features\":{\"old\":1},\"features\":");
	json_write_value(&text, object);
	buf_add_byte(&text, '}');
	json_read(json_parse(&arena, text.data, text.len, &e), &fs, &arena, v, &present);
	for (int i = 0; i < 3; i++)
		is_str(shown(v[slots[i]]), direct[i], "slot %d as parsed", i);
	is_int(present, 1, "the line has the member itself");
	json_read_member(a, value_null(), &arena, v);
	is_str(shown(v[slots[0]]), "missing", "a new value forgets what was below the old one");
	buf_release(&text);
	fields_release(&fs);
}

int main(void)
{
	paths();
	numbers();
	refused();
	deep();
	doubles();
	strings();
	any_bytes();
	added();
	arena_release(&arena);
	return done();
}
