/* SPDX-License-Identifier: MIT */
#include "base/number.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* JSON's grammar of a number (RFC 8259, section 6), all of the text. */
static bool is_number(const char *s)
{
	if (*s == '-')
		s++;
	if (*s == '0')
		s++;
	else if (is_digit(*s))
		while (is_digit(*s))
			s++;
	else
		return false;
	if (*s == '.') {
		if (!is_digit(*++s))
			return false;
		while (is_digit(*s))
			s++;
	}
	if (*s == 'e' || *s == 'E') {
		s++;
		if (*s == '+' || *s == '-')
			s++;
		if (!is_digit(*s))
			return false;
		while (is_digit(*s))
			s++;
	}
	return !*s;
}

int number_parse_double(const char *text, double *out, struct error *why)
{
	if (!is_number(text))
		return error_set(why, "\"%s\" is not a number", text);
	const double x = strtod(text, NULL);
	if (!isfinite(x))
		return error_set(why, "\"%s\" is beyond the range of a double", text);
	*out = x;
	return 0;
}

int number_parse_integer(const char *text, int64_t *out, struct error *why)
{
	const char *digits = text + (*text == '-');

	if (!is_digit(*digits) || strspn(digits, "0123456789") != strlen(digits) || (*digits == '0' && digits[1]))
		return error_set(why, "\"%s\" is not a whole number", text);
	errno = 0;
	const long long n = strtoll(text, NULL, 10);
	if (errno)
		return error_set(why, "\"%s\" is beyond the range of a 64-bit integer", text);
	*out = n;
	return 0;
}

int number_parse_bytes(const char *text, uint64_t *out, struct error *why)
{
	static const char units[] = "KMGT";
	uint64_t n = 0;
	const char *s = text;

	if (!is_digit(*s))
		return error_set(why, "\"%s\" is not a size: 65536, 64K, 16M, 1G", text);
	for (; is_digit(*s); s++)
		if (__builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, (uint64_t)(*s - '0'), &n))
			return error_set(why, "\"%s\" is too large a size", text);
	const char *unit = *s ? strchr(units, *s) : NULL;
	if (*s && !unit)
		return error_set(why, "\"%s\" is not a size: 65536, 64K, 16M, 1G", text);
	if (unit) {
		s++;
		if (!strcmp(s, "iB") || !strcmp(s, "B"))
			s += strlen(s);
		for (const char *u = units; u <= unit; u++)
			if (__builtin_mul_overflow(n, 1024, &n))
				return error_set(why, "\"%s\" is too large a size", text);
	}
	if (*s)
		return error_set(why, "\"%s\" is not a size: 65536, 64K, 16M, 1G", text);
	*out = n;
	return 0;
}

static bool is_power_of_two(double x)
{
	int exponent;

	return frexp(x, &exponent) == 0.5;
}

/* The next decimal of as many digits; false where that would need a carry into another exponent. */
static bool step_up(char *text)
{
	char *p = strchr(text, 'e');

	while (p-- > text)
		if (*p == '9')
			*p = '0';
		else if (*p != '.') {
			++*p;
			return true;
		}
	return false;
}

/* The fewest digits that give the number back, and the place of the decimal point: 0.digits * 10^point. */
static int shortest(double x, char digits[20], int *point)
{
	char text[40];
	int n = 0;

	/* 15 digits always tell two decimals apart; below the normal range fewer may do. */
	for (int precision = x < 0x1p-1022 ? 0 : 14; precision < 17; precision++) {
		snprintf(text, sizeof text, "%.*e", precision, x);
		if (strtod(text, NULL) == x)
			break;
		/* Above a power of two the next double is twice as far as below: the second nearest text may do. */
		if (is_power_of_two(x) && step_up(text) && strtod(text, NULL) == x)
			break;
	}
	for (const char *s = text; *s && *s != 'e'; s++)
		if (is_digit(*s))
			digits[n++] = *s;
	while (n > 1 && digits[n - 1] == '0')
		n--;
	*point = (int)strtol(strchr(text, 'e') + 1, NULL, 10) + 1;
	return n;
}

size_t number_show(double x, char out[NUMBER_SHOW_MAX])
{
	char digits[20];
	char *p = out;
	int point, n;

	if (!isfinite(x))
		return (size_t)snprintf(out, NUMBER_SHOW_MAX, "null");
	if (x == 0)
		return (size_t)snprintf(out, NUMBER_SHOW_MAX, "0");
	if (x < 0)
		*p++ = '-';
	n = shortest(fabs(x), digits, &point);
	if (point > 21 || point <= -6) {
		*p++ = digits[0];
		if (n > 1) {
			*p++ = '.';
			memcpy(p, digits + 1, (size_t)n - 1);
			p += n - 1;
		}
		p += snprintf(p, 8, "e%+d", point - 1);
	} else if (point <= 0) {
		*p++ = '0';
		*p++ = '.';
		for (; point < 0; point++)
			*p++ = '0';
		memcpy(p, digits, (size_t)n);
		p += n;
	} else {
		for (int i = 0; i < n || i < point; i++) {
			if (i == point)
				*p++ = '.';
			*p++ = i < n ? digits[i] : '0';
		}
	}
	*p = '\0';
	return (size_t)(p - out);
}

char *number_group(uint64_t n, char out[NUMBER_SHOW_MAX])
{
	char plain[NUMBER_SHOW_MAX];
	const int len = snprintf(plain, sizeof plain, "%llu", (unsigned long long)n);
	char *p = out;

	for (int i = 0; i < len; i++) {
		if (i && (len - i) % 3 == 0)
			*p++ = ',';
		*p++ = plain[i];
	}
	*p = '\0';
	return out;
}

const char *number_s(uint64_t n)
{
	return n == 1 ? "" : "s";
}
