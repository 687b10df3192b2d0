/* SPDX-License-Identifier: MIT */
#include "base/value.h"

#include "base/arena.h"
#include "base/buf.h"
#include "base/prng.h"
#include "tap.h"

#define TEXT(s) value_text(s, sizeof s - 1)

static struct value unsigned_value(uint64_t n)
{
	return (struct value){ .type = VALUE_UNSIGNED, .uinteger = n };
}

/* As a parser might make it: a double that value_number would have made an integer. */
static struct value raw_double(double x)
{
	return (struct value){ .type = VALUE_DOUBLE, .number = x };
}

static struct value array(const struct value *items, uint32_t n)
{
	return (struct value){ .type = VALUE_ARRAY, .len = n, .items = items };
}

static const char *shown(struct value v)
{
	static struct buf b;

	buf_clear(&b);
	value_show(v, &b);
	return buf_text(&b);
}

static void test_number(void)
{
	struct value v = value_number(3.0);

	ok(v.type == VALUE_INTEGER && v.integer == 3, "3.0 is an integer");
	v = value_number(-0.0);
	ok(v.type == VALUE_INTEGER && v.integer == 0, "-0 is 0");
	ok(value_number(NAN).type == VALUE_NULL && value_number(INFINITY).type == VALUE_NULL, "NaN and infinity are null");
	ok(value_number(-INFINITY).type == VALUE_NULL, "so is -infinity");
	ok(value_number(0.5).type == VALUE_DOUBLE, "0.5");
	v = value_number(-0x1p63);
	ok(v.type == VALUE_INTEGER && v.integer == INT64_MIN, "-2^63");
	v = value_number(0x1p63);
	ok(v.type == VALUE_UNSIGNED && v.uinteger == (uint64_t)1 << 63, "2^63");
	v = value_number(0x1p64);
	ok(v.type == VALUE_DOUBLE && v.number == 0x1p64, "2^64");
	is_double(value_double(unsigned_value(UINT64_MAX)), 0x1p64, "as a double");
}

/* In ascending order; equal ones side by side with the same rank. */
static void test_order(void)
{
	const struct { struct value v; int rank; } list[] = {
		{ raw_double(-1e300), 0 }, { raw_double(-0x1.0000000000001p63), 1 }, { value_integer(INT64_MIN), 2 }, { raw_double(-0x1p63), 2 },
		{ value_integer(INT64_MIN + 1), 3 }, { value_integer(-(INT64_C(1) << 53) - 1), 4 }, { raw_double(-0x1p53), 5 },
		{ value_integer(-(INT64_C(1) << 53)), 5 }, { value_integer(-2), 6 }, { raw_double(-1.5), 7 }, { value_integer(-1), 8 },
		{ raw_double(-1), 8 }, { raw_double(-0.5), 9 }, { raw_double(-5e-324), 10 }, { value_integer(0), 11 }, { raw_double(-0.0), 11 },
		{ raw_double(0), 11 }, { raw_double(5e-324), 12 }, { raw_double(0.5), 13 }, { value_integer(1), 14 }, { raw_double(1.5), 15 },
		{ value_integer(2), 16 }, { raw_double(0x1p53), 17 }, { value_integer(INT64_C(1) << 53), 17 },
		{ value_integer((INT64_C(1) << 53) + 1), 18 }, { raw_double(0x1p53 + 2), 19 }, { value_integer(INT64_MAX), 20 },
		{ raw_double(0x1p63), 21 }, { unsigned_value((uint64_t)1 << 63), 21 }, { unsigned_value(((uint64_t)1 << 63) + 1), 22 },
		{ unsigned_value(UINT64_MAX), 23 }, { raw_double(0x1p64), 24 }, { raw_double(0x1p65), 25 }, { raw_double(1e300), 26 },
	};
	const size_t n = sizeof list / sizeof *list;

	for (size_t i = 0; i < n; i++) {
		bool right = true;
		struct buf mine = BUF_INIT;
		value_show(list[i].v, &mine);
		for (size_t k = 0; k < n; k++) {
			const int order = (list[i].rank > list[k].rank) - (list[i].rank < list[k].rank);
			right = right && value_compare(list[i].v, list[k].v) == order && value_equal(list[i].v, list[k].v) == !order;
			right = right && !strcmp(buf_text(&mine), shown(list[k].v)) == !order;
		}
		ok(right, "%s beside all others: order, equality, text", buf_text(&mine));
		buf_release(&mine);
	}
}

/* Against 128-bit arithmetic, for integers near doubles of every size. */
static void test_random_order(void)
{
	struct prng p;
	int wrong = 0;

	prng_init(&p, 9);
	for (int i = 0; i < 200000; i++) {
		const int64_t n = (int64_t)prng_next(&p) >> prng_below(&p, 64);
		const double x = (double)n + (double)((int64_t)prng_below(&p, 5) - 2) * (prng_below(&p, 2) ? 1 : 0.5);
		const __int128 twice = (__int128)(x * 2), both = (__int128)n * 2;	/* x*2 is a whole number here */
		const int order = (both > twice) - (both < twice);
		wrong += value_compare(value_integer(n), raw_double(x)) != order || value_compare(raw_double(x), value_integer(n)) != -order;
	}
	is_int(wrong, 0, "integers and doubles compare exactly");
}

static void test_equal(void)
{
	const struct value one = value_integer(1), items[] = { one, TEXT("a"), value_null() };
	const struct value others[] = { raw_double(1), TEXT("a"), { .type = VALUE_MISSING } };
	const struct value huge = { .type = VALUE_HUGE, .len = 5, .text = "1e400" };
	const struct value object = { .type = VALUE_OBJECT }, tree = { .type = VALUE_TREE, .tree = items };

	ok(value_equal(value_null(), (struct value){0}), "null equals missing");
	ok(!value_equal(value_null(), value_bool(false)) && !value_equal(value_integer(0), value_null()), "null equals nothing else");
	ok(!value_equal(TEXT("1"), one), "\"1\" is not 1");
	ok(!value_equal(value_bool(true), one) && value_equal(value_bool(true), value_bool(true)), "true");
	ok(!value_equal(value_bool(true), value_bool(false)), "true is not false");
	ok(value_equal(TEXT("ab"), TEXT("ab")) && !value_equal(TEXT("ab"), TEXT("abc")), "texts");
	ok(value_equal(value_text(NULL, 0), TEXT("")), "empty texts");
	ok(value_equal(array(items, 3), array(others, 3)), "arrays by their items");
	ok(!value_equal(array(items, 3), array(items, 2)) && !value_equal(array(items, 2), array(items, 3)), "arrays of other lengths");
	ok(value_equal(array(NULL, 0), array(items, 0)), "empty arrays");
	ok(value_equal(huge, huge) && !value_equal(huge, one), "numbers that no double holds");
	ok(!value_equal(object, object) && !value_equal(tree, tree), "objects equal nothing");
	is_int(value_compare(TEXT("a"), TEXT("b")), -1, "a before b");
	is_int(value_compare(TEXT("ab"), TEXT("a")), 1, "ab behind a");
	is_int(value_compare(TEXT("\xc3\xa9"), TEXT("z")), 1, "by unsigned bytes");
	is_int(value_compare(TEXT(""), value_text(NULL, 0)), 0, "empty texts");
}

static void test_show(void)
{
	const struct value items[] = { value_integer(1), TEXT("a\"\\\n\x01\x7f\xc3\xa9"), value_bool(true), value_null() };

	is_str(shown(value_integer(INT64_MIN)), "-9223372036854775808", "the smallest integer");
	is_str(shown(unsigned_value(UINT64_MAX)), "18446744073709551615", "the largest");
	is_str(shown(raw_double(42.0)), "42", "42.0 and 42 are one key");
	is_str(shown(TEXT("42")), "\"42\"", "\"42\" is another");
	is_str(shown(raw_double(0.1)), "0.1", "0.1");
	is_str(shown(raw_double(0x1p63)), "9223372036854775808", "2^63 in full");
	is_str(shown((struct value){0}), "null", "missing");
	is_str(shown(array(items, 4)), "[1,\"a\\\"\\\\\\u000a\\u0001\x7f\xc3\xa9\",true,null]", "an array");
	is_str(shown(array(NULL, 0)), "[]", "an empty array");
	is_str(shown((struct value){ .type = VALUE_HUGE, .len = 5, .text = "1e400" }), "1e400", "huge");
	is_str(shown((struct value){ .type = VALUE_OBJECT }), "{...}", "an object");
	is_str(value_kind(raw_double(1)), "a number", "kind of a number");
	is_str(value_kind(TEXT("")), "a string", "kind of a string");
	is_str(value_kind((struct value){0}), "missing", "kind of nothing");
	is_str(value_kind(value_bool(true)), "a boolean", "kind of a boolean");
}

static void test_copy(void)
{
	static const struct name name = NAME("inner");
	struct arena arena = ARENA_INIT;
	char text[] = "text";
	struct value inner[] = { value_text(text, 4), value_integer(7) };
	struct member members[] = { { &name, array(inner, 2) } };
	struct value outer[] = { array(inner, 2), { .type = VALUE_OBJECT, .len = 1, .members = members } };
	const struct value copy = value_copy(array(outer, 2), &arena);

	is_bytes(name.json, name.json_len, "\"inner\":", "a name as printed");
	memcpy(text, "gone", 4);
	inner[1] = members[0].value = outer[0] = value_null();
	ok(copy.len == 2 && copy.items[0].len == 2 && copy.items[0].items[1].integer == 7, "items copied");
	is_bytes(copy.items[0].items[0].text, copy.items[0].items[0].len, "text", "text copied");
	ok(copy.items[1].members[0].name == &name, "names borrowed");
	is_bytes(copy.items[1].members[0].value.items[0].text, 4, "text", "members copied");
	ok(value_copy(array(NULL, 0), &arena).len == 0, "an empty array");
	arena_release(&arena);
}

int main(void)
{
	is_int(sizeof(struct value), 16, "16 bytes");
	test_number();
	test_order();
	test_random_order();
	test_equal();
	test_show();
	test_copy();
	return done();
}
