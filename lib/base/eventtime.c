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

/* "Z", "+02:00"; in seconds. */
static bool read_zone(const char **s, int64_t *seconds)
{
	int h, m;
	const char sign = *(*s)++;

	*seconds = 0;
	if (sign == 'Z' || sign == 'z')
		return true;
	if ((sign != '+' && sign != '-') || !digits(s, 2, &h) || !expect(s, ':') || !digits(s, 2, &m) || h > 23 || m > 59)
		return false;
	*seconds = (h * 60 + m) * 60 * (sign == '-' ? -1 : 1);
	return true;
}

/* RFC 3339; a date alone is its midnight in UTC, a time without an offset is UTC. */
static bool read_rfc3339(const char *s, int64_t *ns)
{
	int y, mo, d, h = 0, mi = 0, sec = 0, fraction = 0;
	int64_t zone = 0;
	__int128 t;

	if (!digits(&s, 4, &y) || !expect(&s, '-') || !digits(&s, 2, &mo) || !expect(&s, '-') || !digits(&s, 2, &d))
		return false;
	if (mo < 1 || mo > 12 || d < 1 || d > days_in(y, mo))
		return false;
	if (*s) {
		if (*s != 'T' && *s != 't' && *s != ' ')
			return false;
		s++;
		if (!digits(&s, 2, &h) || !expect(&s, ':') || !digits(&s, 2, &mi) || !expect(&s, ':') || !digits(&s, 2, &sec))
			return false;
		if (h > 23 || mi > 59 || sec > 60)	/* 60: a leap second, counted as the next one's start */
			return false;
		if (*s == '.') {
			int unit = 100000000;
			if (*++s < '0' || *s > '9')
				return false;
			for (; *s >= '0' && *s <= '9'; s++, unit /= 10)
				fraction += (*s - '0') * unit;
		}
		if (*s && !read_zone(&s, &zone))
			return false;
		if (*s)
			return false;
	}
	t = ((__int128)days_of(y, mo, d) * 86400 + h * 3600 + mi * 60 + sec - zone) * SECOND + fraction;
	if (t <= INT64_MIN || t > INT64_MAX)
		return false;
	*ns = (int64_t)t;
	return true;
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

int eventtime_from(struct value v, enum time_unit unit, int64_t *ns, struct error *why)
{
	char text[64];

	if (unit == TIME_RFC3339) {
		if (v.type != VALUE_STRING)
			return error_set(why, "is %s, not an RFC 3339 time", value_kind(v));
		snprintf(text, sizeof text, "%.*s", v.len < 60 ? (int)v.len : 60, v.text);
		if (v.len >= 60 || strlen(text) != v.len || strlen(text) < 11 || !read_rfc3339(text, ns))
			return error_set(why, "\"%s\" is not an RFC 3339 time such as 2024-07-03T07:20:34Z", text);
		return 0;
	}
	switch (v.type) {
	case VALUE_INTEGER:
		if (__builtin_mul_overflow(v.integer, units[unit].ns, ns) || *ns == EVENTTIME_NONE)
			return out_of_range(v, unit, why);
		return 0;
	case VALUE_DOUBLE: {
		/* The whole part exactly, the fraction to the nearest microsecond where a double cannot hold more. */
		const double whole = floor(v.number), part = v.number - whole;
		if (!(fabs(whole) < 9.3e18 / (double)units[unit].ns))
			return out_of_range(v, unit, why);
		int64_t fraction = llround(part * (double)units[unit].ns);
		if (unit == TIME_S && fabs(whole) >= 0x1p22)
			fraction = llround(part * 1e6) * 1000;
		if (__builtin_mul_overflow((int64_t)whole, units[unit].ns, ns) || __builtin_add_overflow(*ns, fraction, ns))
			return out_of_range(v, unit, why);
		return 0;
	}
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
	const int64_t whole = ns / units[unit].ns, rest = ns % units[unit].ns;
	return rest ? value_number((double)whole + (double)rest / (double)units[unit].ns) : value_integer(whole);
}

void eventtime_show(int64_t ns, char out[EVENTTIME_SHOW_MAX])
{
	const int64_t days = eventtime_floor(ns, DAY, 0) / DAY, rest = ns - days * DAY;
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
	static const struct { const char *name; int64_t ns; } shown[] = {
		{ "d", DAY }, { "h", 3600 * SECOND }, { "m", 60 * SECOND }, { "s", SECOND }, { "ms", 1000000 }, { "us", 1000 }, { "ns", 1 },
	};
	int n = 0;

	if (!ns)
		n = snprintf(out, EVENTTIME_SHOW_MAX, "0");
	for (size_t i = 0; i < sizeof shown / sizeof *shown && n < EVENTTIME_SHOW_MAX; i++)
		if (ns / shown[i].ns) {
			n += snprintf(out + n, (size_t)(EVENTTIME_SHOW_MAX - n), "%lld%s", (long long)(ns / shown[i].ns), shown[i].name);
			ns %= shown[i].ns;
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
			return -1;
		*ns = now_ns - n;
		return 0;
	}
	if (!strcmp(text, "now")) {
		*ns = now_ns;
		return 0;
	}
	if (read_rfc3339(text, ns))
		return 0;
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
	__int128 rest = ((__int128)t - offset) % width;

	if (rest < 0)
		rest += width;
	return (int64_t)((__int128)t - rest);
}
