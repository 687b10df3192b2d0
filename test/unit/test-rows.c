/* SPDX-License-Identifier: MIT */
/* A table of rows beside a plain list: values of every type go in and come out, rows are replaced, nothing leaks. */
#include <stdlib.h>

#include "base/prng.h"
#include "feature/rows.h"
#include "json/parse.h"
#include "json/write.h"
#include "tap.h"

#define VALUES 3
#define KEYS 500

static struct arena arena;
static struct prng dice;

static const char *const texts[] = {
	"null", "true", "false", "0", "-1", "9223372036854775807", "18446744073709551615", "0.1", "-1e-300", "1e999", "\"\"", "\"a\"",
	"\"\\u0000\\n\"", "[]", "[1,2.5,\"x\",null,false]", "[[1],[2,[]]]", "[{\"a\":[1,{\"b\":2}]},3]", "{\"a\":{\"b\":[1]}}", "{}", "[1e999]",
	"\"a text of which the length takes more than a byte: 01234567890123456789012345678901234567890123456789012345678901234567890123456789\"",
};

static struct value value_of(const char *text)
{
	struct error why;
	struct value v;

	return json_document(&arena, text, strlen(text), &v, &why) < 0 ? value_null() : v;
}

static bool same(struct value a, struct value b)
{
	struct buf x = BUF_INIT, y = BUF_INIT;

	json_write_value(&x, a);
	json_write_value(&y, b);
	const bool is_same = a.type == b.type && x.len == y.len && !memcmp(x.data, y.data, x.len);
	buf_release(&x);
	buf_release(&y);
	return is_same;
}

static struct buf scratch;

static struct key key_number(uint64_t n)
{
	char text[64];
	/* Some stand in their row, some are too long for it. */
	const int len = snprintf(text, sizeof text, n % 2 ? "%llu" : "a key that is too long: %llu", (unsigned long long)n);
	const struct value v = n % 3 ? value_text(text, (size_t)len) : value_integer((int64_t)n);

	return key_of(&v, 1, &arena, &scratch);
}

static void test_values(void)
{
	struct rows *t = rows_new(1);
	const int first = 0;

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		const struct key key = key_number(i);
		const struct value v = value_of(texts[i]);
		struct value got;
		rows_put(t, &key, &v);
		rows_read(t, rows_find(t, &key), &arena, &got, &first);
		ok(same(v, got), "%.40s", texts[i]);
	}
	const struct key key = key_number(1000);
	struct value missing = {0}, got;
	rows_put(t, &key, &missing);
	rows_read(t, rows_find(t, &key), &arena, &got, &first);
	ok(got.type == VALUE_MISSING, "what is missing stays so");
	rows_free(t);
}

static void test_table(void)
{
	static unsigned plain[KEYS][VALUES];
	static bool is_there[KEYS];
	static const int where[VALUES] = { 4, 0, 2 };
	struct rows *t = rows_new(VALUES);
	struct value in[VALUES], out[5];
	uint64_t n = 0;
	bool told = true, sound = true;

	for (int i = 0; i < 20000; i++) {
		const uint64_t k = prng_below(&dice, KEYS);
		const struct key key = key_number(k);
		for (size_t j = 0; j < VALUES; j++) {
			plain[k][j] = (unsigned)prng_below(&dice, sizeof texts / sizeof *texts);
			in[j] = value_of(texts[plain[k][j]]);
		}
		told &= rows_put(t, &key, in) == is_there[k];
		n += !is_there[k];
		is_there[k] = true;
		arena_clear(&arena);
	}
	ok(told, "told which rows were there");
	is_int(rows_count(t), n, "rows");
	for (uint64_t k = 0; k < KEYS; k++) {
		const struct key key = key_number(k);
		rows_prefetch(t, &key);
		rows_prefetch_row(t, &key);
		const struct row *row = rows_find(t, &key);
		sound &= is_there[k] == (row != NULL);
		if (!row)
			continue;
		rows_read(t, row, &arena, out, where);
		for (size_t j = 0; j < VALUES; j++)
			sound &= same(value_of(texts[plain[k][j]]), out[where[j]]);
	}
	ok(sound, "the last row of each key is found, whole, where it was asked for");
	const struct key other = key_number(KEYS + 7);
	ok(!rows_find(t, &other), "another key is not");
	rows_free(t);
	rows_free(NULL);
}

static void test_bytes(void)
{
	struct rows *t = rows_new(1);
	const struct value v = value_text("0123456789", 10);
	const struct key key = key_number(1);

	rows_put(t, &key, &v);
	const size_t bytes = rows_bytes(t);
	for (int i = 0; i < 100000; i++)
		rows_put(t, &key, &v);
	is_int(rows_bytes(t), bytes, "a row that is replaced leaves nothing");
	rows_free(t);
	t = rows_new(0);
	rows_put(t, &key, NULL);
	ok(rows_find(t, &key) != NULL, "rows of no values are there, too");
	rows_free(t);
}

int main(void)
{
	prng_init(&dice, 11);
	test_values();
	test_table();
	test_bytes();
	buf_release(&scratch);
	arena_release(&arena);
	return done();
}
