/* SPDX-License-Identifier: MIT */
#include "base/number.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/hash.h"
#include "base/prng.h"
#include "tap.h"

/* What Number::toString of a JavaScript engine gives. */
static const struct { const char *text, *shown; } shows[] = {
	{ "0", "0" }, { "-0", "0" }, { "1", "1" }, { "-1", "-1" }, { "3.0", "3" }, { "0.1", "0.1" }, { "0.2", "0.2" },
	{ "0.30000000000000004", "0.30000000000000004" }, { "1e21", "1e+21" }, { "1e20", "100000000000000000000" },
	{ "123456789012345680000", "123456789012345680000" }, { "999999999999999900000", "999999999999999900000" },
	{ "1e-6", "0.000001" }, { "1e-7", "1e-7" }, { "0.000001234", "0.000001234" }, { "1.234e-7", "1.234e-7" },
	{ "5e-324", "5e-324" }, { "2.2250738585072014e-308", "2.2250738585072014e-308" },
	{ "2.225073858507201e-308", "2.225073858507201e-308" },
	{ "1.7976931348623157e308", "1.7976931348623157e+308" }, { "9007199254740991", "9007199254740991" },
	{ "9007199254740992", "9007199254740992" }, { "9007199254740993", "9007199254740992" },
	{ "9007199254740994", "9007199254740994" }, { "4503599627370496.5", "4503599627370496" },
	{ "4503599627370497.5", "4503599627370498" }, { "1.1", "1.1" }, { "100", "100" }, { "1e2", "100" },
	{ "1.5e300", "1.5e+300" }, { "1e23", "1e+23" }, { "9.5e-5", "0.000095" }, { "1e22", "1e+22" },
	{ "5e-5", "0.00005" }, { "123456.789", "123456.789" }, { "0.5", "0.5" },
	{ "1719991234.567", "1719991234.567" }, { "1719991234.1234567", "1719991234.1234567" },
	{ "5.684341886080802e-14", "5.684341886080802e-14" }, { "9.5367431640625e-7", "9.5367431640625e-7" },
	{ "2e-323", "2e-323" }, { "3e-323", "3e-323" }, { "4.9406564584124654e-324", "5e-324" },
	{ "1.2e-322", "1.2e-322" }, { "8.41e21", "8.41e+21" }, { "2.0919495182368195e19", "20919495182368195000" },
	{ "9223372036854775807", "9223372036854776000" }, { "9223372036854775808", "9223372036854776000" },
	{ "18446744073709551615", "18446744073709552000" }, { "18446744073709551616", "18446744073709552000" },
	{ "-1.5e-9", "-1.5e-9" }, { "-1e21", "-1e+21" }, { "-123.456", "-123.456" }, { "0.1e-6", "1e-7" },
	{ "1e-5", "0.00001" }, { "12e-7", "0.0000012" }, { "4.35", "4.35" }, { "0.045", "0.045" },
	{ "2.675", "2.675" }, { "1.005", "1.005" }, { "1e15", "1000000000000000" }, { "1e16", "10000000000000000" },
	{ "1e17", "100000000000000000" }, { "123e-20", "1.23e-18" }, { "299792458", "299792458" },
	{ "6.02214076e23", "6.02214076e+23" }, { "6.62607015e-34", "6.62607015e-34" },
	{ "3.141592653589793", "3.141592653589793" }, { "2.718281828459045", "2.718281828459045" },
	{ "1.7976931348623155e308", "1.7976931348623155e+308" }, { "0.000001", "0.000001" }, { "0.0000001", "1e-7" },
	{ "100000000000000000000", "100000000000000000000" }, { "1000000000000000000000", "1e+21" },
};

static double of_bits(uint64_t bits)
{
	double x;

	memcpy(&x, &bits, 8);
	return x;
}

static uint64_t bits_of(double x)
{
	uint64_t bits;

	memcpy(&bits, &x, 8);
	return bits;
}

static void add_shown(struct buf *b, double x)
{
	char text[NUMBER_SHOW_MAX];
	const size_t n = number_show(x, text);

	buf_add(b, text, n);
	buf_add_byte(b, '\n');
}

static void test_show(void)
{
	char text[NUMBER_SHOW_MAX];
	struct buf all = BUF_INIT;
	struct prng p;

	for (size_t i = 0; i < sizeof shows / sizeof *shows; i++) {
		const size_t n = number_show(strtod(shows[i].text, NULL), text);
		is_bytes(text, n, shows[i].shown, "show %s", shows[i].text);
	}
	number_show(NAN, text);
	is_str(text, "null", "show NaN");
	number_show(-INFINITY, text);
	is_str(text, "null", "show -infinity");

	/* Every power of two with its neighbours, then random bits: the hash of what a JavaScript engine prints for them. */
	for (int k = -1074; k < 1024; k++) {
		const double x = ldexp(1, k);
		add_shown(&all, x);
		add_shown(&all, of_bits(bits_of(x) + 1));
		add_shown(&all, of_bits(bits_of(x) - 1));
	}
	prng_init(&p, 7);
	for (int i = 0; i < 50000; i++)
		add_shown(&all, of_bits(prng_next(&p)));
	ok(hash_bytes(all.data, all.len) == UINT64_C(0xcb642571f564737c), "56294 numbers show as in JavaScript");
	buf_release(&all);
}

static void test_round_trip(void)
{
	char text[NUMBER_SHOW_MAX];
	struct error why;
	struct prng p;
	int wrong = 0;

	prng_init(&p, 1);
	for (int i = 0; i < 200000; i++) {
		const double x = of_bits(prng_next(&p));
		double back;
		if (!isfinite(x))
			continue;
		if (number_show(x, text) != strlen(text) || number_parse_double(text, &back, &why) || back != x)
			wrong++;
	}
	is_int(wrong, 0, "random bits come back from their text");
}

static void parse_fails(const char *text)
{
	struct error why = { "" };
	double x = 7;

	ok(number_parse_double(text, &x, &why) == -1 && x == 7 && strstr(why.text, text), "no number: \"%s\"", text);
}

static void test_parse(void)
{
	static const char *const bad[] = {
		"", " ", " 1", "1 ", "+1", ".5", "1.", "01", "-", "--1", "1e", "1e+", "0x10", "1,5", "1_000", "inf", "nan", "NaN",
		"Infinity", "1e400", "-1e400", "1.5.2", "1f", "00", "-01", "1e5.5", "١",
	};
	struct error why;
	double x;
	int64_t n;

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		parse_fails(bad[i]);
	ok(!number_parse_double("-0.5e-3", &x, &why) && x == -0.5e-3, "-0.5e-3");
	ok(!number_parse_double("0", &x, &why) && x == 0, "0");
	ok(!number_parse_double("1E+2", &x, &why) && x == 100, "1E+2");
	ok(!number_parse_double("1e-400", &x, &why) && x == 0, "1e-400 is 0");
	number_parse_double("abc", &x, &why);
	is_str(why.text, "\"abc\" is not a number", "message");
	number_parse_double("1e999", &x, &why);
	is_str(why.text, "\"1e999\" is beyond the range of a double", "message of a range");

	ok(!number_parse_integer("9223372036854775807", &n, &why) && n == INT64_MAX, "the largest integer");
	ok(!number_parse_integer("-9223372036854775808", &n, &why) && n == INT64_MIN, "the smallest integer");
	ok(!number_parse_integer("0", &n, &why) && n == 0, "integer 0");
	ok(number_parse_integer("9223372036854775808", &n, &why) == -1, "one more");
	is_str(why.text, "\"9223372036854775808\" is beyond the range of a 64-bit integer", "message");
	for (const char *const *s = (const char *const[]){ "", "-", "1.0", "1e3", "+5", " 5", "5 ", "05", "0x5", "five", NULL }; *s; s++)
		ok(number_parse_integer(*s, &n, &why) == -1, "no integer: \"%s\"", *s);
}

static void test_bytes(void)
{
	static const struct { const char *text; uint64_t n; } good[] = {
		{ "0", 0 }, { "65536", 65536 }, { "64K", 65536 }, { "16M", 16 << 20 }, { "1G", 1 << 30 }, { "2KiB", 2048 },
		{ "1MiB", 1 << 20 }, { "18446744073709551615", UINT64_MAX },
	};
	static const char *const bad[] = { "", "K", "1k", "-1", "1.5M", "1 M", "1MiBs", "1X", "18446744073709551616", "17179869184G" };
	struct error why;
	uint64_t n;

	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		ok(!number_parse_bytes(good[i].text, &n, &why) && n == good[i].n, "%s bytes", good[i].text);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		ok(number_parse_bytes(bad[i], &n, &why) == -1 && strstr(why.text, bad[i]), "no size: \"%s\"", bad[i]);
}

int main(void)
{
	char text[NUMBER_SHOW_MAX];

	test_show();
	test_round_trip();
	test_parse();
	test_bytes();
	is_str(number_group(0, text), "0", "group 0");
	is_str(number_group(999, text), "999", "group 999");
	is_str(number_group(1000, text), "1,000", "group 1000");
	is_str(number_group(1234567, text), "1,234,567", "group 1234567");
	is_str(number_group(UINT64_MAX, text), "18,446,744,073,709,551,615", "group 2^64-1");
	is_str(number_s(0), "s", "0 records");
	is_str(number_s(1), "", "1 record");
	is_str(number_s(2), "s", "2 records");
	return done();
}
