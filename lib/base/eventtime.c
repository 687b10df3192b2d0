/* SPDX-License-Identifier: MIT */
#include "base/eventtime.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/number.h"

#define SECOND INT64_C(1000000000)
#define DAY (86400 * SECOND)
#define RANGE "1677-09-21 to 2262-04-11"

static const struct { const char *name; int64_t ns; } units[] = {
	[TIME_S] = { "s", SECOND }, [TIME_MS] = { "ms", 1000000 }, [TIME_US] = { "us", 1000 }, [TIME_NS] = { "ns", 1 },
	[TIME_RFC3339] = { "rfc3339", 0 },
};

int eventtime_unit_parse(const char *text, enum time_unit *unit, struct error *why)
{
	for (size_t i = 0; i < sizeof units / sizeof *units; i++)
		if (!strcmp(text, units[i].name)) {
			*unit = (enum time_unit)i;
			return 0;
		}
	return error_set(why, "\"%s\" is no unit of time: s ms us ns rfc3339", text);
}

const char *eventtime_unit_show(enum time_unit unit)
{
	return units[unit].name;
}

int eventtime_split(const char *text, size_t *path_len, enum time_unit *unit, struct error *why)
{
	/* A colon inside a quoted name is behind its quote. */
	const char *quote = strrchr(text, '"'), *colon = strrchr(quote ? quote : text, ':');

	*unit = TIME_MS;
	*path_len = colon ? (size_t)(colon - text) : strlen(text);
	if (!*path_len)
		return error_set(why, "\"%s\" names no path: PATH[:UNIT]", text);
	return colon ? eventtime_unit_parse(colon + 1, unit, why) : 0;
}

/* ---- the calendar (proleptic Gregorian; days_from_civil after Howard Hinnant, "chrono-compatible low-level date algorithms") ---- */

static int64_t days_of(int64_t y, int m, int d)
{
	y -= m <= 2;
	const int64_t era = (y >= 0 ? y : y - 399) / 400;
	const int64_t year = y - era * 400, day = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
	return era * 146097 + year * 365 + year / 4 - year / 100 + day - 719468;
}

static void civil_of(int64_t days, int64_t *y, int *m, int *d)
{
	days += 719468;
	const int64_t era = (days >= 0 ? days : days - 146096) / 146097, day = days - era * 146097;
	const int64_t year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
	const int64_t of_year = day - (365 * year + year / 4 - year / 100), month = (5 * of_year + 2) / 153;
	*d = (int)(of_year - (153 * month + 2) / 5 + 1);
	*m = (int)(month < 10 ? month + 3 : month - 9);
	*y = year + era * 400 + (*m <= 2);
}

static bool digits(const char **s, int n, int *out)
{
	*out = 0;
	for (; n--; (*s)++) {
		if (**s < '0' || **s > '9')
			return false;
		*out = *out * 10 + (**s - '0');
	}
	return true;
}

static bool expect(const char **s, char c)
{
	return *(*s)++ == c;
}

static int days_in(int y, int m)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	return days[m - 1] + (m == 2 && y % 4 == 0 && (y % 100 || y % 400 == 0));
}

/* "Z", "+02:00"; in minutes. */
static bool read_zone(const char **s, int *minutes)
{
	int h, m;
	const char sign = *(*s)++;

	*minutes = 0;
	if (sign == 'Z' || sign == 'z')
		return true;
	if ((sign != '+' && sign != '-') || !digits(s, 2, &h) || !expect(s, ':') || !digits(s, 2, &m) || h > 23 || m > 59)
		return false;
	*minutes = (h * 60 + m) * (sign == '-' ? -1 : 1);
	return true;
}

enum reading { READ_OK, READ_NO_TIME, READ_OUT_OF_RANGE };

/*
 * RFC 3339.  A machine writes all of it; what a person types (`typed`) may be a date, its midnight in UTC, or lack the
 * offset, and is then UTC.  Decimals beyond the ninth are cut off.
 */
static enum reading read_rfc3339(const char *s, bool typed, int64_t *ns)
{
	int y, mo, d, h = 0, mi = 0, sec = 0, fraction = 0, zone = 0;

	if (!digits(&s, 4, &y) || !expect(&s, '-') || !digits(&s, 2, &mo) || !expect(&s, '-') || !digits(&s, 2, &d))
		return READ_NO_TIME;
	if (mo < 1 || mo > 12 || d < 1 || d > days_in(y, mo))
		return READ_NO_TIME;
	if (*s || !typed) {
		if (*s != 'T' && *s != 't' && *s != ' ')
			return READ_NO_TIME;
		s++;
		if (!digits(&s, 2, &h) || !expect(&s, ':') || !digits(&s, 2, &mi) || !expect(&s, ':') || !digits(&s, 2, &sec))
			return READ_NO_TIME;
		if (h > 23 || mi > 59 || sec > 60)
			return READ_NO_TIME;
		if (*s == '.') {
			int unit = 100000000;
			if (*++s < '0' || *s > '9')
				return READ_NO_TIME;
			for (; *s >= '0' && *s <= '9'; s++, unit /= 10)
				fraction += (*s - '0') * unit;
		}
		if ((*s || !typed) && !read_zone(&s, &zone))
			return READ_NO_TIME;
		if (*s)
			return READ_NO_TIME;
	}
	const int64_t minutes = (days_of(y, mo, d) * 24 + h) * 60 + mi - zone;
	/* A leap second is the last of a day in UTC; it counts as the next one's start. */
	if (sec == 60 && (minutes + 1) % 1440)
		return READ_NO_TIME;
	const __int128 t = (__int128)(minutes * 60 + sec) * SECOND + fraction;
	if (t <= INT64_MIN || t > INT64_MAX)
		return READ_OUT_OF_RANGE;
	*ns = (int64_t)t;
	return READ_OK;
}

/* ---- values ---- */

static int out_of_range(struct value v, enum time_unit unit, struct error *why)
{
	struct buf text = BUF_INIT;

	value_show(v, &text);
	error_set(why, "%.60s %s is outside of %s", buf_text(&text), units[unit].name, RANGE);
	buf_release(&text);
	return -1;
}

static int from_text(struct value v, int64_t *ns, struct error *why)
{
	char text[64];

	if (v.type != VALUE_STRING)
		return error_set(why, "is %s, not an RFC 3339 time", value_kind(v));
	const size_t len = v.len < sizeof text ? v.len : sizeof text - 1;
	if (len)
		memcpy(text, v.text, len);
	text[len] = '\0';
	switch (strlen(text) == v.len ? read_rfc3339(text, false, ns) : READ_NO_TIME) {
	case READ_OK:
		return 0;
	case READ_OUT_OF_RANGE:
		return error_set(why, "\"%s\" is outside of %s", text, RANGE);
	default:
		return error_set(why, "\"%s\" is not an RFC 3339 time such as 2024-07-03T07:20:34Z", text);
	}
}

static int fit(__int128 t, int64_t *ns)
{
	if (t <= INT64_MIN || t > INT64_MAX)
		return -1;
	*ns = (int64_t)t;
	return 0;
}

/* n * unit / 10^decimals to the nearest. */
static int fit_decimal(__int128 n, int64_t unit, int decimals, int64_t *ns)
{
	__int128 divisor = 1;

	n *= unit;
	if (decimals > 30)
		return fit(0, ns);
	for (int i = 0; i < decimals; i++)
		divisor *= 10;
	const __int128 half = n < 0 ? -(divisor / 2) : divisor / 2;
	return fit((n + half) / divisor, ns);
}

/*
 * What a double's shortest decimal says: 1719991234.567 s are 567 ms and not 566.999912 ms.  Below 2^52 units of the last
 * decimal there is at most one decimal of that length that reads as this double, so dividing proves it; else its text
 * is read.
 */
static int from_double(double x, int64_t unit, int64_t *ns)
{
	char text[NUMBER_SHOW_MAX], *s = text;
	double power = 1;
	__int128 n = 0;
	int decimals = 0;

	if (!(fabs(x) * (double)unit < 9.3e18))
		return -1;
	for (int k = 0; k <= 9 && fabs(x) * power < 0x1p52; k++, power *= 10) {
		const int64_t whole = llround(x * power);
		if ((double)whole / power == x)
			return fit_decimal(whole, unit, k, ns);
	}
	number_show(x, text);
	const bool negative = *s == '-';
	bool after = false;
	for (s += negative; *s && *s != 'e'; s++) {
		if (*s == '.') {
			after = true;
			continue;
		}
		n = n * 10 + (*s - '0');
		decimals += after;
	}
	/* Below 1e21 an exponent is negative. */
	if (*s == 'e')
		decimals -= (int)strtol(s + 1, NULL, 10);
	return fit_decimal(negative ? -n : n, unit, decimals, ns);
}

int eventtime_from(struct value v, enum time_unit unit, int64_t *ns, struct error *why)
{
	if (unit == TIME_RFC3339)
		return from_text(v, ns, why);
	switch (v.type) {
	case VALUE_INTEGER:
		return fit((__int128)v.integer * units[unit].ns, ns) ? out_of_range(v, unit, why) : 0;
	case VALUE_DOUBLE:
		return from_double(v.number, units[unit].ns, ns) ? out_of_range(v, unit, why) : 0;
	case VALUE_UNSIGNED:
	case VALUE_HUGE:
		return out_of_range(v, unit, why);
	default:
		return error_set(why, "is %s, not a time in %s", value_kind(v), units[unit].name);
	}
}

struct value eventtime_to(int64_t ns, enum time_unit unit, char out[EVENTTIME_SHOW_MAX])
{
	if (unit == TIME_RFC3339) {
		eventtime_show(ns, out);
		return value_text(out, strlen(out));
	}
	if (ns % units[unit].ns == 0)
		return value_integer(ns / units[unit].ns);
	/* As a decimal is read: the nearest double, rounded once. */
	const uint64_t size = ns < 0 ? -(uint64_t)ns : (uint64_t)ns, one = (uint64_t)units[unit].ns;
	const int decimals = unit == TIME_S ? 9 : unit == TIME_MS ? 6 : 3;
	snprintf(out, EVENTTIME_SHOW_MAX, "%s%llu.%0*llu", ns < 0 ? "-" : "", (unsigned long long)(size / one), decimals,
	    (unsigned long long)(size % one));
	return value_number(strtod(out, NULL));
}

void eventtime_show(int64_t ns, char out[EVENTTIME_SHOW_MAX])
{
	const int64_t days = ns / DAY - (ns % DAY < 0), rest = ns % DAY + (ns % DAY < 0 ? DAY : 0);
	int64_t y;
	int m, d, n;

	civil_of(days, &y, &m, &d);
	n = snprintf(out, EVENTTIME_SHOW_MAX, "%04d-%02d-%02dT%02d:%02d:%02d", (int)y, m, d, (int)(rest / (3600 * SECOND)),
	    (int)(rest / (60 * SECOND) % 60), (int)(rest / SECOND % 60));
	if (rest % SECOND) {
		n += snprintf(out + n, (size_t)(EVENTTIME_SHOW_MAX - n), ".%09d", (int)(rest % SECOND));
		while (out[n - 1] == '0')
			n--;
	}
	snprintf(out + n, (size_t)(EVENTTIME_SHOW_MAX - n), "Z");
}

/* ---- durations ---- */

static const struct { const char *name; int64_t ns; } spans[] = {
	{ "w", 7 * DAY }, { "d", DAY }, { "h", 3600 * SECOND }, { "ms", 1000000 }, { "m", 60 * SECOND }, { "s", SECOND },
	{ "us", 1000 }, { "ns", 1 },
};

int eventtime_duration_parse(const char *text, int64_t *ns, struct error *why)
{
	const char *s = text;
	int64_t sum = 0, last = INT64_MAX;

	if (!strcmp(text, "0")) {
		*ns = 0;
		return 0;
	}
	do {
		int64_t n = 0, part;
		size_t i;
		if (*s < '0' || *s > '9')
			return error_set(why, "\"%s\" is not a duration: 250ms 30s 10m 1h30m 7d", text);
		for (; *s >= '0' && *s <= '9'; s++)
			if (__builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, *s - '0', &n))
				return error_set(why, "\"%s\" is too long a duration", text);
		for (i = 0; i < sizeof spans / sizeof *spans; i++)
			if (!strncmp(s, spans[i].name, strlen(spans[i].name)))
				break;
		/* Larger units come first, each once: 30m1h is a slip. */
		if (i == sizeof spans / sizeof *spans || spans[i].ns >= last)
			return error_set(why, "\"%s\" is not a duration: 250ms 30s 10m 1h30m 7d", text);
		last = spans[i].ns;
		s += strlen(spans[i].name);
		if (__builtin_mul_overflow(n, spans[i].ns, &part) || __builtin_add_overflow(sum, part, &sum))
			return error_set(why, "\"%s\" is too long a duration", text);
	} while (*s);
	*ns = sum;
	return 0;
}

void eventtime_duration_show(int64_t ns, char out[EVENTTIME_SHOW_MAX])
{
	static const struct { const char *name; uint64_t ns; } shown[] = {
		{ "d", DAY }, { "h", 3600 * SECOND }, { "m", 60 * SECOND }, { "s", SECOND }, { "ms", 1000000 }, { "us", 1000 }, { "ns", 1 },
	};
	uint64_t rest = ns < 0 ? -(uint64_t)ns : (uint64_t)ns;
	int n = snprintf(out, EVENTTIME_SHOW_MAX, "%s", !ns ? "0" : ns < 0 ? "-" : "");
	for (size_t i = 0; i < sizeof shown / sizeof *shown && n < EVENTTIME_SHOW_MAX; i++)
		if (rest / shown[i].ns) {
			n += snprintf(out + n, (size_t)(EVENTTIME_SHOW_MAX - n), "%llu%s", (unsigned long long)(rest / shown[i].ns), shown[i].name);
			rest %= shown[i].ns;
		}
}

/* ---- points in time as a person types them ---- */

int eventtime_parse(const char *text, enum time_unit unit, int64_t now_ns, int64_t *ns, struct error *why)
{
	struct error ignored;
	int64_t n;
	double x;

	if (text[0] == '-' && text[1] && text[strlen(text) - 1] >= 'a') {
		if (eventtime_duration_parse(text + 1, &n, why))
			return error_prefix(why, "\"%s\" is not a time before now", text);
		if (fit((__int128)now_ns - n, ns))
			return error_set(why, "\"%s\" is outside of %s", text, RANGE);
		return 0;
	}
	if (!strcmp(text, "now")) {
		*ns = now_ns;
		return 0;
	}
	switch (read_rfc3339(text, true, ns)) {
	case READ_OK:
		return 0;
	case READ_OUT_OF_RANGE:
		return error_set(why, "\"%s\" is outside of %s", text, RANGE);
	case READ_NO_TIME:
		break;
	}
	if (unit == TIME_RFC3339)
		unit = TIME_MS;
	if (!number_parse_integer(text, &n, &ignored))
		return eventtime_from(value_integer(n), unit, ns, why);
	if (!number_parse_double(text, &x, &ignored))
		return eventtime_from(value_number(x), unit, ns, why);
	return error_set(why, "\"%s\" is not a time: 2024-07-03T07:20:34Z, 2024-07-03, a number in %s, or -1h", text,
	    eventtime_unit_show(unit));
}

int64_t eventtime_floor(int64_t t, int64_t width, int64_t offset)
{
	int64_t from_offset, start;
	__int128 rest;

	if (!__builtin_sub_overflow(t, offset, &from_offset))	/* a 128-bit division takes ten times as long */
		rest = from_offset % width;
	else
		rest = ((__int128)t - offset) % width;
	if (rest < 0)
		rest += width;
	/* The first pane is cut off by the range. */
	return __builtin_sub_overflow(t, (int64_t)rest, &start) || start == EVENTTIME_NONE ? -INT64_MAX : start;
}
