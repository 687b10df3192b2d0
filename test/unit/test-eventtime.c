/* SPDX-License-Identifier: MIT */
#include "base/eventtime.h"

#include <time.h>

#include "base/number.h"
#include "base/prng.h"
#include "tap.h"

#define S INT64_C(1000000000)

static struct value number(const char *text)
{
	struct error why;
	double x = 0;
	int64_t n;

	if (!number_parse_integer(text, &n, &why))
		return value_integer(n);
	number_parse_double(text, &x, &why);
	return value_number(x);
}

static void from(const char *text, enum time_unit unit, int64_t expected)
{
	struct error why = { "" };
	int64_t ns = 1;

	if (ok(!eventtime_from(number(text), unit, &ns, &why), "%s %s %s", text, eventtime_unit_show(unit), why.text))
		is_int(ns, expected, "its ns");
}

static void from_fails(struct value v, enum time_unit unit, const char *message)
{
	struct error why = { "" };
	int64_t ns = 1;

	ok(eventtime_from(v, unit, &ns, &why) == -1, "refused as %s", eventtime_unit_show(unit));
	is_str(why.text, message, "message");
}

static void test_from(void)
{
	from("1719991234", TIME_S, 1719991234 * S);
	from("1719991234567", TIME_MS, INT64_C(1719991234567000000));
	from("1719991234567890", TIME_US, INT64_C(1719991234567890000));
	from("1719991234567890123", TIME_NS, INT64_C(1719991234567890123));
	from("0", TIME_MS, 0);
	from("-1", TIME_MS, -1000000);

	from("1719991234.567", TIME_S, INT64_C(1719991234567000000));
	from("1719991234.567891", TIME_S, INT64_C(1719991234567891000));
	from("1719991234.1234567", TIME_S, INT64_C(1719991234123456700));
	from("-1719991234.567", TIME_S, INT64_C(-1719991234567000000));
	from("1719991234567.891", TIME_MS, INT64_C(1719991234567891000));
	from("1719991234567.5", TIME_MS, INT64_C(1719991234567500000));
	from("1719991234567890.2", TIME_US, INT64_C(1719991234567890200));
	from("0.1", TIME_S, 100000000);
	from("0.000000001", TIME_S, 1);
	from("0.0000000014", TIME_S, 1);
	from("0.0000000015", TIME_S, 2);
	from("-0.0000000015", TIME_S, -2);
	from("1e-320", TIME_S, 0);
	from("123456.123456789", TIME_S, INT64_C(123456123456789));
	from("5.5", TIME_NS, 6);
	from("0.4", TIME_NS, 0);
	from("1e9", TIME_S, 1000000000 * S);
	from("9223372036.854774", TIME_S, INT64_C(9223372036854774000));
	from("9223372036854775807", TIME_NS, INT64_MAX);
	from("-9223372036854775807", TIME_NS, -INT64_MAX);

	from_fails(number("9223372037"), TIME_S, "9223372037 s is outside of 1677-09-21 to 2262-04-11");
	from_fails(number("1719991234567000"), TIME_MS, "1719991234567000 ms is outside of 1677-09-21 to 2262-04-11");
	from_fails(number("-9223372036854775808"), TIME_NS, "-9223372036854775808 ns is outside of 1677-09-21 to 2262-04-11");
	from_fails(number("1e300"), TIME_S, "1e+300 s is outside of 1677-09-21 to 2262-04-11");
	from_fails(number("-9300000000.5"), TIME_S, "-9300000000.5 s is outside of 1677-09-21 to 2262-04-11");
	from_fails((struct value){ .type = VALUE_UNSIGNED, .uinteger = UINT64_MAX }, TIME_NS,
	    "18446744073709551615 ns is outside of 1677-09-21 to 2262-04-11");
	from_fails(value_text("5", 1), TIME_MS, "is a string, not a time in ms");
	from_fails(value_null(), TIME_S, "is null, not a time in s");
	from_fails((struct value){0}, TIME_S, "is missing, not a time in s");
	from_fails(value_integer(5), TIME_RFC3339, "is a number, not an RFC 3339 time");
	from_fails(value_text("2024-07-03", 10), TIME_RFC3339, "\"2024-07-03\" is not an RFC 3339 time such as 2024-07-03T07:20:34Z");
	from_fails(value_text("2024-07-03T07:20:34", 19), TIME_RFC3339,
	    "\"2024-07-03T07:20:34\" is not an RFC 3339 time such as 2024-07-03T07:20:34Z");
	from_fails(value_text("2024-07-03T07:20:34Z\0", 21), TIME_RFC3339,
	    "\"2024-07-03T07:20:34Z\" is not an RFC 3339 time such as 2024-07-03T07:20:34Z");
	from_fails(value_text("1677-09-20T00:00:00Z", 20), TIME_RFC3339, "\"1677-09-20T00:00:00Z\" is outside of 1677-09-21 to 2262-04-11");
	from_fails(value_text("", 0), TIME_RFC3339, "\"\" is not an RFC 3339 time such as 2024-07-03T07:20:34Z");
}

/* A decimal of at most nine places that a double can tell from its neighbours comes out as it was written. */
static void test_decimals(void)
{
	char text[40];
	struct error why;
	struct prng p;
	int wrong = 0;

	prng_init(&p, 4);
	for (int i = 0; i < 200000; i++) {
		const int places = (int)prng_below(&p, 7);
		const int64_t whole = (int64_t)(prng_next(&p) % 4000000000) - 2000000000;
		int64_t power = 1, ns, part;
		for (int k = 0; k < places; k++)
			power *= 10;
		part = (int64_t)prng_below(&p, (uint64_t)power);
		snprintf(text, sizeof text, "%s%" PRId64 ".%0*" PRId64, whole < 0 ? "-" : "", whole < 0 ? -whole : whole, places ? places : 1, part);
		const int64_t size = (whole < 0 ? -whole : whole) * S + part * (S / power);
		wrong += eventtime_from(number(text), TIME_S, &ns, &why) || ns != (whole < 0 ? -size : size);
	}
	is_int(wrong, 0, "random decimals of seconds are exact");
}

static void test_to(void)
{
	char out[EVENTTIME_SHOW_MAX];
	struct prng p;
	int wrong = 0;

	is_int(eventtime_to(1500000000, TIME_MS, out).integer, 1500, "1.5 s in ms");
	is_double(value_double(eventtime_to(1500000000, TIME_S, out)), 1.5, "in s");
	is_double(value_double(eventtime_to(INT64_C(1719991234567000000), TIME_S, out)), 1719991234.567, "a time in s");
	is_double(value_double(eventtime_to(-500000000, TIME_S, out)), -0.5, "before 1970");
	is_int(eventtime_to(INT64_MAX, TIME_NS, out).integer, INT64_MAX, "the last ns");
	const struct value text = eventtime_to(INT64_C(1719991234567000000), TIME_RFC3339, out);
	is_bytes(text.text, text.len, "2024-07-03T07:20:34.567Z", "as text");
	prng_init(&p, 8);
	for (int i = 0; i < 100000; i++) {
		const int64_t us = (int64_t)(prng_next(&p) % UINT64_C(4000000000000000)) - INT64_C(2000000000000000);
		struct error why;
		int64_t ns;
		wrong += eventtime_from(eventtime_to(us * 1000, TIME_S, out), TIME_S, &ns, &why) || ns != us * 1000;
		wrong += eventtime_from(eventtime_to(us * 1000, TIME_MS, out), TIME_MS, &ns, &why) || ns != us * 1000;
	}
	is_int(wrong, 0, "microseconds survive seconds and milliseconds");
}

static void shows(int64_t ns, const char *text)
{
	char out[EVENTTIME_SHOW_MAX];

	eventtime_show(ns, out);
	is_str(out, text, "show %" PRId64, ns);
}

static void test_show(void)
{
	char out[EVENTTIME_SHOW_MAX], plain[EVENTTIME_SHOW_MAX];
	struct error why;
	struct prng p;
	int wrong = 0, lost = 0;

	shows(0, "1970-01-01T00:00:00Z");
	shows(-1, "1969-12-31T23:59:59.999999999Z");
	shows(1500000000, "1970-01-01T00:00:01.5Z");
	shows(INT64_MAX, "2262-04-11T23:47:16.854775807Z");
	shows(-INT64_MAX, "1677-09-21T00:12:43.145224193Z");
	shows(INT64_C(951827696) * S, "2000-02-29T12:34:56Z");
	prng_init(&p, 6);
	for (int i = 0; i < 200000; i++) {
		const int64_t ns = (int64_t)prng_next(&p);
		const time_t t = ns / S - (ns % S < 0);
		const int64_t rest = ns - t * S;
		struct tm tm;
		int64_t back;
		if (ns == EVENTTIME_NONE)
			continue;
		gmtime_r(&t, &tm);
		const size_t n = strftime(plain, sizeof plain, "%Y-%m-%dT%H:%M:%S", &tm);
		eventtime_show(ns, out);
		wrong += strncmp(out, plain, n) != 0 || rest < 0;
		snprintf(plain + n, sizeof plain - n, ".%09" PRId64 "Z", rest);
		lost += eventtime_parse(out, TIME_MS, 0, &back, &why) || back != ns;
		lost += eventtime_parse(plain, TIME_MS, 0, &back, &why) || back != ns;
	}
	is_int(wrong, 0, "random times show as the C library's");
	is_int(lost, 0, "and come back");
}

static void parses(const char *text, int64_t expected)
{
	struct error why = { "" };
	int64_t ns = 1;

	if (ok(!eventtime_parse(text, TIME_MS, 1000 * S, &ns, &why), "%s %s", text, why.text))
		is_int(ns, expected, "its ns");
}

static void test_parse(void)
{
	struct error why;
	struct prng p;
	int wrong = 0;
	int64_t ns;

	parses("2024-07-03", 1719964800 * S);
	parses("2024-07-03T07:20:34Z", 1719991234 * S);
	parses("2024-07-03T07:20:34", 1719991234 * S);
	parses("2024-07-03 07:20:34z", 1719991234 * S);
	parses("2024-07-03t09:20:34+02:00", 1719991234 * S);
	parses("2024-07-03T01:50:34-05:30", 1719991234 * S);
	parses("2024-07-03T07:20:34.5Z", 1719991234 * S + S / 2);
	parses("2024-07-03T07:20:34.123456789999Z", 1719991234 * S + 123456789);
	parses("2016-12-31T23:59:60Z", 1483228800 * S);
	parses("2017-01-01T00:59:60+01:00", 1483228800 * S);
	parses("2024-02-29", 1709164800 * S);
	parses("1500", 1500000000);
	parses("1500.5", 1500500000);
	parses("-1500", -1500000000);
	parses("-1h", (1000 - 3600) * S);
	parses("-1m30s", 910 * S);
	parses("now", 1000 * S);
	ok(!eventtime_parse("5", TIME_S, 0, &ns, &why) && ns == 5 * S, "in the unit that is given");
	ok(!eventtime_parse("5", TIME_RFC3339, 0, &ns, &why) && ns == 5000000, "ms where that is text");

	for (const char *const *s = (const char *const[]){ "", "tomorrow", "2024", "2024-7-3", "2024-13-01", "2024-00-01", "2024-02-30",
	    "2023-02-29", "1900-02-29", "2024-04-31", "2024-07-00", "2024-07-03T", "2024-07-03T07:20", "2024-07-03T24:00:00Z",
	    "2024-07-03T07:60:00Z", "2024-07-03T07:20:61Z", "2024-07-03T07:20:60Z", "2024-07-03T07:20:34.Z", "2024-07-03T07:20:34+2:00",
	    "2024-07-03T07:20:34+0200", "2024-07-03T07:20:34+24:00", "2024-07-03T07:20:34+02:60", "2024-07-03T07:20:34ZZ",
	    "2024-07-03T07:20:34 Z", "2024-07-03x", "+1h", "1h", "-1x", "-h", "1e", " 5", NULL }; *s; s++)
		if (!strcmp(*s, "2024"))
			ok(!eventtime_parse(*s, TIME_MS, 0, &ns, &why) && ns == INT64_C(2024000000), "2024 is a number");
		else
			ok(eventtime_parse(*s, TIME_MS, 0, &ns, &why) == -1 && strstr(why.text, *s), "no time: \"%s\"", *s);
	eventtime_parse("tomorrow", TIME_S, 0, &ns, &why);
	is_str(why.text, "\"tomorrow\" is not a time: 2024-07-03T07:20:34Z, 2024-07-03, a number in s, or -1h", "message");
	eventtime_parse("2262-04-12", TIME_S, 0, &ns, &why);
	is_str(why.text, "\"2262-04-12\" is outside of 1677-09-21 to 2262-04-11", "message of a range");
	ok(eventtime_parse("0000-01-01", TIME_S, 0, &ns, &why) == -1 && eventtime_parse("9999-12-31T23:59:59Z", TIME_S, 0, &ns, &why) == -1,
	    "years beyond the range");
	ok(eventtime_parse("-200w", TIME_S, -INT64_MAX, &ns, &why) == -1 && strstr(why.text, "outside"), "before the range");
	ok(eventtime_parse("99999999999999999999", TIME_MS, 0, &ns, &why) == -1 && strstr(why.text, "outside"), "a large number");

	prng_init(&p, 10);
	for (int i = 0; i < 100000; i++) {
		struct tm tm = {
			.tm_year = (int)prng_below(&p, 580) - 220, .tm_mon = (int)prng_below(&p, 12), .tm_mday = 1 + (int)prng_below(&p, 28),
			.tm_hour = (int)prng_below(&p, 24), .tm_min = (int)prng_below(&p, 60), .tm_sec = (int)prng_below(&p, 60),
		};
		const int zone = (int)prng_below(&p, 2 * 1439 + 1) - 1439;
		const int size = zone < 0 ? -zone : zone;
		char text[80];
		snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02d%c%02d:%02d", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour,
		    tm.tm_min, tm.tm_sec, zone < 0 ? '-' : '+', size / 60, size % 60);
		const int64_t expected = timegm(&tm) - zone * 60;
		const struct value v = value_text(text, strlen(text));
		wrong += eventtime_from(v, TIME_RFC3339, &ns, &why) || ns != expected * S;
	}
	is_int(wrong, 0, "random RFC 3339 times as the C library has them");
}

static void test_durations(void)
{
	static const struct { const char *text; int64_t ns; const char *shown; } good[] = {
		{ "0", 0, "0" }, { "0s", 0, "0" }, { "250ms", 250000000, "250ms" }, { "30s", 30 * S, "30s" }, { "10m", 600 * S, "10m" },
		{ "1h30m", 5400 * S, "1h30m" }, { "7d", 604800 * S, "7d" }, { "2w", 1209600 * S, "14d" }, { "90m", 5400 * S, "1h30m" },
		{ "1d1ns", 86400 * S + 1, "1d1ns" }, { "5us", 5000, "5us" }, { "1500ms", 1500000000, "1s500ms" },
		{ "9223372036854775807ns", INT64_MAX, "106751d23h47m16s854ms775us807ns" },
	};
	char out[EVENTTIME_SHOW_MAX];
	struct error why;
	struct prng p;
	int64_t ns;
	int wrong = 0;

	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		ok(!eventtime_duration_parse(good[i].text, &ns, &why) && ns == good[i].ns, "duration %s", good[i].text);
		eventtime_duration_show(good[i].ns, out);
		is_str(out, good[i].shown, "shown");
	}
	for (const char *const *s = (const char *const[]){ "", "s", "5", "-5s", "+5s", "1.5h", "1 h", "1h 30m", "30m1h", "1h1h", "1y", "10min",
	    "1h30", "1H", "00", "9223372036854775808ns", "106752d", "99999999999999999999s", "106751d24h", NULL }; *s; s++)
		ok(eventtime_duration_parse(*s, &ns, &why) == -1 && strstr(why.text, *s), "no duration: \"%s\"", *s);
	eventtime_duration_parse("5", &ns, &why);
	is_str(why.text, "\"5\" is not a duration: 250ms 30s 10m 1h30m 7d", "message");
	eventtime_duration_parse("106752d", &ns, &why);
	is_str(why.text, "\"106752d\" is too long a duration", "message of a range");
	prng_init(&p, 12);
	for (int i = 0; i < 100000; i++) {
		const int64_t some = (int64_t)(prng_next(&p) >> (1 + prng_below(&p, 62)));
		eventtime_duration_show(some, out);
		wrong += eventtime_duration_parse(out, &ns, &why) || ns != some;
	}
	is_int(wrong, 0, "random durations come back from their text");
}

static void test_units(void)
{
	static const struct { const char *text; int len; enum time_unit unit; } good[] = {
		{ "timestamp", 9, TIME_MS }, { "timestamp:ms", 9, TIME_MS }, { "meta.at:s", 7, TIME_S }, { "t:rfc3339", 1, TIME_RFC3339 },
		{ "a[\"x:y\"]:ns", 8, TIME_NS }, { "a[\"x:y\"]", 8, TIME_MS }, { "t:us", 1, TIME_US },
	};
	enum time_unit unit;
	struct error why;
	size_t len;

	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		ok(!eventtime_split(good[i].text, &len, &unit, &why) && len == (size_t)good[i].len && unit == good[i].unit, "split %s", good[i].text);
	ok(eventtime_split("t:hours", &len, &unit, &why) == -1, "no unit");
	is_str(why.text, "\"hours\" is no unit of time: s ms us ns rfc3339", "message");
	ok(eventtime_split("t:", &len, &unit, &why) == -1 && eventtime_split(":ms", &len, &unit, &why) == -1 &&
	    eventtime_split("", &len, &unit, &why) == -1, "something is missing");
}

static void test_floor(void)
{
	struct prng p;
	int wrong = 0;

	is_int(eventtime_floor(25, 10, 0), 20, "25 in tens");
	is_int(eventtime_floor(20, 10, 0), 20, "20 in tens");
	is_int(eventtime_floor(-1, 10, 0), -10, "-1 in tens");
	is_int(eventtime_floor(-10, 10, 0), -10, "-10 in tens");
	is_int(eventtime_floor(25, 10, 7), 17, "25 in tens from 7 on");
	is_int(eventtime_floor(-25, 10, -3), -33, "-25 in tens from -3 on");
	is_int(eventtime_floor(-INT64_MAX, 86400 * S, 0), -INT64_MAX, "the first pane is cut off");
	is_int(eventtime_floor(INT64_MAX, 10, -INT64_MAX), INT64_MAX - 4, "an offset far away");
	prng_init(&p, 14);
	for (int i = 0; i < 100000; i++) {
		const int64_t t = (int64_t)prng_next(&p) / 4, width = 1 + (int64_t)prng_below(&p, UINT64_C(1) << prng_below(&p, 60));
		const int64_t offset = (int64_t)prng_next(&p) / 8, start = eventtime_floor(t, width, offset);
		wrong += start > t || t - start >= width || (start - offset) % width != 0;
	}
	is_int(wrong, 0, "random panes hold their times");
}

int main(void)
{
	test_from();
	test_decimals();
	test_to();
	test_show();
	test_parse();
	test_durations();
	test_units();
	test_floor();
	return done();
}
