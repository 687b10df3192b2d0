/* SPDX-License-Identifier: MIT */
#include "json/span.h"

#include "base/prng.h"
#include "json/parse.h"
#include "json/write.h"
#include "tap.h"

static bool drop_named(void *name, const char *text, const struct span *s)
{
	return span_is(text, s, name, strlen(name));
}

static const char *without(const char *name, const char *text)
{
	static struct buf b;

	buf_clear(&b);
	span_cut(&b, text, strlen(text), drop_named, (void *)name);
	return buf_text(&b);
}

/* Random objects with known names: what is left parses, and holds just the others in order. */
static void random_objects(void)
{
	static const char *const names[] = { "a", "b", "features", "\\u0061", "x\\\"y", "\xc3\xa9" };
	static const char *const values[] = { "1", "\"}\"", "{\"a\":[1,{\"b\":2}]}", "[]", "null", "-1.5e3", "\"\\\\\"", "[\"]\",{}]" };
	static const char *const spaces[] = { "", " ", "\t", "  " };
	struct prng random;
	struct arena arena = ARENA_INIT;
	int wrong = 0;

	prng_init(&random, 3);
	for (int i = 0; i < 20000; i++) {
		struct buf text = BUF_INIT, found = BUF_INIT, expected = BUF_INIT;
		const size_t n = prng_below(&random, 6);
		struct json_error e;
		struct value name, v;
		struct json_walk w;

		arena_clear(&arena);
		buf_add_text(&text, "{");
		for (size_t k = 0; k < n; k++) {
			const size_t which = prng_below(&random, 6), value = prng_below(&random, 8);
			buf_format(&text, "%s%s\"%s\"%s:%s%s%s", k ? "," : "", spaces[prng_below(&random, 4)], names[which],
			    spaces[prng_below(&random, 4)], spaces[prng_below(&random, 4)], values[value], spaces[prng_below(&random, 4)]);
		}
		buf_add_text(&text, "}");
		const char *cut = without("a", buf_text(&text));
		const void *root = json_parse(&arena, cut, strlen(cut), &e);
		json_walk(&w, (struct value){ .type = VALUE_TREE, .tree = root });
		while (root && json_walk_next(&w, &arena, &name, &v)) {
			json_write_string(&found, name.text, name.len);
			buf_add_byte(&found, '=');
			json_write_value(&found, v);
			buf_add_byte(&found, ';');
		}
		/* the same walk over the kept members, put together without a cut */
		json_walk(&w, (struct value){ .type = VALUE_TREE, .tree = json_parse(&arena, text.data, text.len, &e) });
		while (json_walk_next(&w, &arena, &name, &v)) {
			if (name.len == 1 && *name.text == 'a')
				continue;
			json_write_string(&expected, name.text, name.len);
			buf_add_byte(&expected, '=');
			json_write_value(&expected, v);
			buf_add_byte(&expected, ';');
		}
		if (!root || strcmp(buf_text(&found), buf_text(&expected)))
			if (wrong++ < 5)
				printf("# %s -> %s\n", buf_text(&text), cut);
		buf_release(&text);
		buf_release(&found);
		buf_release(&expected);
	}
	is_int(wrong, 0, "20,000 random objects: what is left is what should be");
	arena_release(&arena);
}

int main(void)
{
	is_str(without("a", "{\"a\":1,\"b\":2,\"c\":3}"), "{\"b\":2,\"c\":3}", "the first");
	is_str(without("b", "{\"a\":1,\"b\":2,\"c\":3}"), "{\"a\":1,\"c\":3}", "in the middle");
	is_str(without("c", "{\"a\":1,\"b\":2,\"c\":3}"), "{\"a\":1,\"b\":2}", "the last");
	is_str(without("a", "{\"a\":1}"), "{}", "the only one");
	is_str(without("a", " { \"a\" : 1 , \"b\" : 2 } "), " {\"b\" : 2 } ", "with spaces");
	is_str(without("a", "{\"a\":1,\"a\":2,\"b\":3,\"a\":4}"), "{\"b\":3}", "all that have the name");
	is_str(without("a", "{\"\\u0061\":1,\"b\":{\"a\":1}}"), "{\"b\":{\"a\":1}}", "escaped, and not those inside");
	is_str(without("\xf0\x9f\x98\x80", "{\"\\ud83d\\ude00\":1,\"b\":2}"), "{\"b\":2}", "a pair of surrogates");
	is_str(without("z", "{\"a\":1 ,\t\"b\":2}\r"), "{\"a\":1 ,\t\"b\":2}\r", "nothing to cut: the bytes as they came");
	random_objects();
	return done();
}
