/* SPDX-License-Identifier: MIT */
#include "feature/encode.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/prng.h"
#include "json/parse.h"
#include "json/write.h"
#include "tap.h"

static struct arena arena;
static struct buf shown;

/* The slots of a line. */
static const struct value *slots_of(const struct fields *fs, const char *text)
{
	struct json_error e;
	struct value *v = arena_get(&arena, (fs->n_slots + 1) * sizeof *v);
	uint64_t present;
	const void *root = json_parse(&arena, text, strlen(text), &e);

	if (!root) {
		printf("# not JSON: %s\n", text);
		abort();
	}
	json_read(root, fs, &arena, v, &present);
	return v;
}

/* "1 NaN 3", or what is wrong. */
static const char *row(struct encoder *e, const struct schema *s, const struct fields *fs, const char *text)
{
	struct encode_fault fault;
	const double *x;
	const enum encode_result result = encode_row(e, slots_of(fs, text), &x, &fault);

	buf_clear(&shown);
	if (result != ENCODE_DONE)
		encode_explain(&fault, result, &shown);
	for (size_t j = 0; result == ENCODE_DONE && j < s->n; j++)
		buf_format(&shown, "%s%g", j ? " " : "", x[j]);
	return buf_text(&shown);
}

static void known(void)
{
	static const struct { const char *text, *expected; } cases[] = {
		{ "{\"features\":{\"a\":1,\"b\":2.5},\"a\":9}", "1 2.5 -7 3 1" },
		{ "{\"a\":1,\"b\":2}", "1 2 -7 3 1" },
		{ "{\"features\":{\"b\":true},\"a\":false}", "0 1 -7 3 1" },
		{ "{\"features\":{\"a\":18446744073709551615,\"b\":-0.5}}", "1.84467e+19 -0.5 -7 3 1" },
		{ "{\"features\":{\"a\":1,\"b\":2,\"v\":[5,6,7.5]}}", "1 2 6 3 1" },
		{ "{\"features\":{\"a\":1,\"b\":2},\"v\":[5,true]}", "1 2 1 3 1" },
		{ "{\"a\":1,\"b\":2,\"v\":[5]}", "1 2 -7 3 1" }, { "{\"a\":1,\"b\":2,\"v\":[5,null]}", "1 2 -7 3 1" },
		{ "{\"a\":1,\"b\":2,\"v\":null,\"colour\":null}", "1 2 -7 3 1" },
		{ "{\"a\":1,\"b\":2,\"v[1]\":8,\"v\":[5,6]}", "1 2 8 3 1" },
		{ "{\"a\":1,\"b\":2,\"colour\":\"red\"}", "1 2 -7 1 1" }, { "{\"a\":1,\"b\":2,\"colour\":\"redder\"}", "1 2 -7 0 1" },
		{ "{\"a\":1,\"b\":2,\"features\":{\"colour\":\"blue\"},\"colour\":\"red\"}", "1 2 -7 0 1" },
		{ "{\"a\":1,\"b\":2,\"features\":{\"colour=red\":0.5},\"colour\":\"red\"}", "1 2 -7 0.5 1" },
		{ "{\"a\":1,\"b\":2,\"c.d\":4,\"c\":{\"d\":5}}", "1 2 -7 3 4" },
		{ "{\"a\":1,\"b\":2,\"a\":3}", "3 2 -7 3 1" },
		{ "{\"b\":2}", "feature a is missing" }, { "{\"features\":{\"a\":null},\"a\":1}", "feature a is missing" },
		{ "{\"features\":{\"a\":\"1\"}}", "feature a: features.a is a string (\"1\"), not a number" },
		{ "{\"a\":{}}", "feature a: a is an object, not a number" }, { "{\"a\":[1]}", "feature a: a is an array, not a number" },
		{ "{\"a\":1e400}", "feature a: a is a number beyond the range of a double (1e400), not a number" },
		{ "{\"a\":1,\"v\":3}", "feature v[1]: v is a number (3), not an array" },
		{ "{\"a\":1,\"v\":[1,\"x\"]}", "feature v[1]: v[1] is a string (\"x\"), not a number" },
		{ "{\"a\":1,\"features\":{\"colour\":true}}", "feature colour=red: features.colour is a boolean (true), not a string" },
		{ "{\"features\":3,\"a\":1,\"b\":2}", "1 2 -7 3 1" },
	};
	struct fields fs;
	struct schema s = SCHEMA_INIT;

	schema_add(&s, "a", 1, MISSING_ERROR, 0);
	schema_add(&s, "b", 1, MISSING_MEAN, 0);
	schema_add(&s, "v[1]", 4, MISSING_NUMBER, -7);
	schema_add(&s, "colour=red", 10, MISSING_MEAN, 0);
	schema_add(&s, "c.d", 3, MISSING_MEAN, 0);
	s.inputs[1].mean = 2;
	s.inputs[3].mean = 3;
	s.inputs[4].mean = 1;
	fields_init(&fs);
	struct encoder *e = encode_new(&s, &fs);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		is_str(row(e, &s, &fs, cases[i].text), cases[i].expected, "%s", cases[i].text);
	/* Another model later: more slots for the records after it. */
	struct schema t = SCHEMA_INIT;
	schema_add(&t, "z", 1, MISSING_KEEP, 0);
	schema_add(&t, "a", 1, MISSING_KEEP, 0);
	struct encoder *f = encode_new(&t, &fs);
	is_str(row(f, &t, &fs, "{\"a\":1,\"features\":{\"z\":2}}"), "2 1", "a second encoder on the same fields");
	is_str(row(f, &t, &fs, "{\"a\":1}"), "nan 1", "missing is kept where training asks");
	encode_free(e);
	encode_free(f);
	schema_release(&s);
	schema_release(&t);
	fields_release(&fs);
}

static const char *names(const struct schema *s)
{
	buf_clear(&shown);
	for (size_t j = 0; j < s->n; j++)
		buf_format(&shown, "%s%s", j ? " " : "", s->inputs[j].name);
	return buf_text(&shown);
}

static const char *left_out(const struct encoder *e)
{
	struct encode_leave l;
	size_t i = 0;

	buf_clear(&shown);
	while (encode_left_out(e, &i, &l))
		buf_format(&shown, "%s%s (%s)", shown.len ? ", " : "", l.name, l.reason);
	return buf_text(&shown);
}

static const struct encode_leave leave[] = { { "label", NULL }, { "at", "the time" } };

static void categories(void)
{
	const struct value colors[] = { value_text("red", 3), value_text("blue", 4) }, sizes[] = { value_number(36), value_number(0.5) };
	struct schema s = SCHEMA_INIT;
	struct fields fs;

	schema_add(&s, "color", 5, MISSING_KEEP, 0);
	schema_add(&s, "size", 4, MISSING_KEEP, 0);
	schema_set_categories(&s, 0, colors, 2);
	schema_set_categories(&s, 1, sizes, 2);
	fields_init(&fs);
	struct encoder *e = encode_new(&s, &fs);
	is_str(row(e, &s, &fs, "{\"color\":\"blue\",\"size\":0.5}"), "1 1", "a text and a number are numbers of their likes");
	is_str(row(e, &s, &fs, "{\"color\":\"green\",\"size\":1}"), "nan nan", "others are missing");
	is_str(row(e, &s, &fs, "{\"color\":1,\"size\":\"36\"}"), "1 0", "a number is the number of a text's category; a text is looked up among numbers, too");
	is_str(row(e, &s, &fs, "{\"color\":[],\"size\":36}"), "feature color: color is an array, not a number or a string", "neither");
	encode_free(e);
	fields_release(&fs);
	schema_release(&s);
}

static void growing(void)
{
	struct fields fs;
	struct schema s = SCHEMA_INIT;

	fields_init(&fs);
	struct encoder *e = encode_new_growing(&s, MISSING_MEAN, 0, &fs, leave, 2);
	is_str(row(e, &s, &fs, "{\"id\":1,\"features\":{\"a\":1,\"label\":1,\"s\":\"x\",\"n\":null,\"v\":[1,null],\"w\":[\"p\"],\"o\":{}}}"),
	    "1 1 nan", "the first record");
	is_str(names(&s), "a v[0] v[1]", "numbers and arrays of numbers of `features`");
	is_str(row(e, &s, &fs, "{\"features\":{\"v\":[4,5,6],\"n\":2,\"a\":true}}"), "1 4 5 6 2", "new inputs, in another order");
	is_str(names(&s), "a v[0] v[1] v[2] n", "... behind the others");
	is_str(row(e, &s, &fs, "{\"features\":{}}"), "nan nan nan nan nan", "nothing");
	is_str(row(e, &s, &fs, "{\"a\":3,\"b\":4,\"features\":{\"n\":null},\"n\":7}"), "3 nan nan nan nan", "known names outside `features`; null stays");
	is_str(row(e, &s, &fs, "{\"a\":3,\"v\":[1]}"), "3 1 nan nan nan", "no `features`");
	is_str(row(e, &s, &fs, "{\"features\":{\"a\":1,\"a\":2}}"), "2 nan nan nan nan", "of equal names the last");
	is_str(row(e, &s, &fs, "{\"features\":{\"a\":\"x\",\"v\":7,\"a\":2,\"v\":[8]}}"), "2 8 nan nan nan", "... whatever the others are");
	is_str(row(e, &s, &fs, "{\"features\":{\"new\":1,\"v\":[1,2,3,4],\"odd\":\"x\",\"a\":[]}}"), "feature a: features.a is an array, not a number",
	    "a fault behind what is new");
	is_str(names(&s), "a v[0] v[1] v[2] n", "... has taught it nothing");
	is_str(row(e, &s, &fs, "{\"features\":{\"a\":\"x\"}}"), "feature a: features.a is a string (\"x\"), not a number", "a number that is a string");
	is_str(row(e, &s, &fs, "{\"features\":{\"v\":3}}"), "feature v: features.v is a number (3), not an array", "an array that is a number");
	is_str(row(e, &s, &fs, "{\"features\":{\"v\":[1,\"x\"]}}"), "feature v[1]: features.v is a string (\"x\"), not an array of numbers", "an item that is a string");
	is_str(row(e, &s, &fs, "{\"features\":{\"s\":5,\"a\":1}}"), "1 nan nan nan nan", "what was a string first is no input");
	is_str(left_out(e), "s (a string), w (an array, but not of numbers), o (an object)", "what was left out");
	ok(!encode_is_top_level(e), "from `features`");
	encode_free(e);
	schema_release(&s);
	fields_release(&fs);

	fields_init(&fs);
	e = encode_new_growing(&s, MISSING_MEAN, 0, &fs, leave, 2);
	is_str(row(e, &s, &fs, "{\"a\":1,\"at\":5,\"label\":0,\"v\":[1],\"b\":false,\"\":1}"), "1 0", "top level");
	is_str(row(e, &s, &fs, "{\"features\":{\"a\":7,\"z\":1},\"a\":1,\"c\":2}"), "7 nan 2", "`features` later comes first, and adds none");
	is_str(names(&s), "a b c", "the names");
	is_str(left_out(e), "at (the time), v (an array),  (not a name that a model can hold)", "the rest");
	ok(encode_is_top_level(e), "from the record itself");
	encode_free(e);
	schema_release(&s);
	fields_release(&fs);

	fields_init(&fs);
	e = encode_new_growing(&s, MISSING_ERROR, 0, &fs, NULL, 0);
	is_str(row(e, &s, &fs, "{\"features\":{\"a\":1,\"b\":2}}"), "1 2", "nothing may be missing: the first record has the inputs");
	is_str(row(e, &s, &fs, "{\"features\":{\"b\":2,\"c\":3}}"), "feature a is missing", "a later one lacks one");
	is_str(row(e, &s, &fs, "{\"features\":{\"c\":1,\"b\":2,\"a\":3}}"), "3 2", "and adds none");
	is_str(left_out(e), "c (not in the first record)", "it says so");
	encode_free(e);
	schema_release(&s);
	fields_release(&fs);
}

/* "rows blank: a b", what a known schema has missed. */
static const char *missed(const struct encoder *e, size_t n)
{
	const struct encode_missing *m = encode_missing(e);
	uint64_t sum = 0;

	buf_clear(&shown);
	buf_format(&shown, "%llu %llu:", (unsigned long long)m->rows, (unsigned long long)m->blank);
	for (size_t i = 0; i < n; i++) {
		buf_format(&shown, " %llu", (unsigned long long)m->inputs[i]);
		sum += m->inputs[i];
	}
	is_int(m->values, sum, "the sum");
	return buf_text(&shown);
}

static void missing(void)
{
	static const char *const lines[] = {
		"{}", "{\"features\":{\"a\":null},\"v\":[1],\"e\":1}", "{\"c\":\"x\"}", "{}", "{\"a\":1,\"v\":[1,2],\"c\":\"y\"}"
	};
	struct fields fs;
	struct schema s = SCHEMA_INIT;

	schema_add(&s, "a", 1, MISSING_MEAN, 0);
	schema_add(&s, "v[1]", 4, MISSING_NUMBER, 5);
	schema_add(&s, "c=y", 3, MISSING_KEEP, 0);
	fields_init(&fs);
	struct encoder *e = encode_new(&s, &fs);
	is_str(missed(e, 3), "0 0: 0 0 0", "no record, nothing missed");
	row(e, &s, &fs, lines[0]);
	row(e, &s, &fs, lines[1]);
	is_str(missed(e, 3), "2 2: 2 2 2", "absent, null, beyond the end");
	is_str(row(e, &s, &fs, "{\"v\":\"x\"}"), "feature v[1]: v is a string (\"x\"), not an array", "a faulty record");
	is_str(missed(e, 3), "2 2: 2 2 2", "... does not count");
	for (int i = 2; i < 5; i++)
		row(e, &s, &fs, lines[i]);
	is_str(missed(e, 3), "5 2: 4 4 3", "a category that is another is there; blank are those before the first that is not");
	encode_free(e);
	schema_release(&s);
	fields_release(&fs);

	fields_init(&fs);
	schema_add(&s, "a", 1, MISSING_ERROR, 0);
	e = encode_new(&s, &fs);
	row(e, &s, &fs, "{}");
	is_str(missed(e, 1), "0 0: 0", "what is refused is not counted");
	encode_free(e);
	schema_release(&s);
	e = encode_new(&s, &fs);
	row(e, &s, &fs, "{}");
	is_str(missed(e, 0), "1 0:", "a schema without inputs lacks none");
	encode_free(e);
	fields_release(&fs);
}

/* A member that never has a value is told of too, unless only faulty records have it. */
static void without_values(void)
{
	struct fields fs;
	struct schema s = SCHEMA_INIT;

	fields_init(&fs);
	struct encoder *e = encode_new_growing(&s, MISSING_MEAN, 0, &fs, leave, 2);
	row(e, &s, &fs, "{\"features\":{\"a\":1,\"n\":null,\"late\":null,\"v\":[],\"label\":null}}");
	row(e, &s, &fs, "{\"features\":{\"a\":\"x\",\"other\":null}}");
	row(e, &s, &fs, "{\"features\":{\"a\":2,\"late\":3,\"v\":[null],\"text\":null}}");
	row(e, &s, &fs, "{\"features\":{\"text\":\"x\"}}");
	is_str(names(&s), "a late", "inputs");
	is_str(left_out(e), "n (null in every record), v (empty in every record), text (a string)", "and what has no value");
	encode_free(e);
	schema_release(&s);
	fields_release(&fs);
}

static struct prng prng;

static void random_value(struct buf *b)
{
	switch (prng_below(&prng, 8)) {
	case 0: buf_add_text(b, "null"); break;
	case 1: buf_add_text(b, prng_below(&prng, 2) ? "true" : "false"); break;
	default: json_write_double(b, (double)prng_below(&prng, 2000) / 8 - 100); break;
	}
}

/* Members in a random order, some absent, some arrays. */
static void random_object(struct buf *b)
{
	static const char *const all[] = { "a", "bb", "c[0]", "d=x", "v", "w", "long name" };
	bool used[7] = { false };

	for (size_t n = prng_below(&prng, 8); n--;) {
		const size_t i = prng_below(&prng, 7);
		if (used[i])
			continue;
		used[i] = true;
		json_write_name(b, all[i]);
		if (i != 4 && i != 5) {
			random_value(b);
			continue;
		}
		buf_add_byte(b, '[');
		for (size_t k = prng_below(&prng, 4); k--;) {
			json_write_comma(b);
			random_value(b);
		}
		buf_add_byte(b, ']');
	}
}

/*
 * The two ways in agree: what a growing encoder gives for a record is what one for the schema that came of it gives.
 */
static void agreement(void)
{
	enum { N = 400 };
	bool all = true;

	for (int round = 0; round < 20; round++) {
		char *lines[N];
		struct fields fs, gs;
		struct schema s = SCHEMA_INIT;
		fields_init(&fs);
		fields_init(&gs);
		for (int i = 0; i < N; i++) {
			struct buf b = BUF_INIT;
			buf_add_text(&b, "{");
			if (i % 5 || !i) {
				buf_add_text(&b, "\"features\":{");
				random_object(&b);
				buf_add_byte(&b, '}');
			}
			if (i % 3)
				random_object(&b);
			buf_add_byte(&b, '}');
			lines[i] = alloc_text(buf_text(&b));
			buf_release(&b);
		}
		struct encoder *grown = encode_new_growing(&s, MISSING_MEAN, 0, &fs, NULL, 0);
		for (int i = 0; i < N; i++)
			row(grown, &s, &fs, lines[i]);
		for (size_t j = 0; j < s.n; j++)
			s.inputs[j].missing = MISSING_KEEP;
		struct encoder *fixed = encode_new(&s, &gs);
		for (int i = 0; i < N; i++) {
			char *a = alloc_text(row(grown, &s, &fs, lines[i]));
			const char *b = row(fixed, &s, &gs, lines[i]);
			if (strcmp(a, b)) {
				printf("# %s\n#  grown %s\n#  fixed %s\n", lines[i], a, b);
				all = false;
			}
			free(a);
			arena_clear(&arena);
		}
		for (int i = 0; i < N; i++)
			free(lines[i]);
		encode_free(grown);
		encode_free(fixed);
		schema_release(&s);
		fields_release(&fs);
		fields_release(&gs);
	}
	ok(all, "a growing schema and the one that came of it read records alike");
}

int main(void)
{
	prng_init(&prng, 3);
	known();
	categories();
	missing();
	growing();
	without_values();
	agreement();
	buf_release(&shown);
	arena_release(&arena);
	return done();
}
