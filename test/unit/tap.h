/* SPDX-License-Identifier: MIT */
/*
 * tap.h - what a unit test is written with: checks that print TAP on stdout.
 *
 *	#include "base/buf.h"
 *	#include "tap.h"
 *
 *	int main(void)
 *	{
 *		ok(1 + 1 == 2, "one and one");
 *		is_int(strlen("abc"), 3, "length of %s", "abc");
 *		return done();
 *	}
 *
 * One program per module, one test-*.c each.  Each check is a line "ok 3 - name" or "not ok 3 - name", with what was
 * got and what was expected behind the latter; returns whether it held.  done() prints the plan, so a program that dies
 * half-way is seen to have died, and gives main its status.  Checks evaluate their arguments once.
 */
#ifndef TAP_H
#define TAP_H

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static int tap_run, tap_failed;

__attribute__((unused, format(printf, 4, 5)))
static bool tap_ok(bool holds, const char *file, int line, const char *fmt, ...)
{
	va_list args;

	printf("%sok %d - ", holds ? "" : "not ", ++tap_run);
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	putchar('\n');
	if (!holds) {
		tap_failed++;
		printf("# failed at %s:%d\n", file, line);
	}
	fflush(stdout);		/* what follows may crash */
	return holds;
}

__attribute__((unused)) static void tap_show(const char *what, const char *text, size_t len)
{
	printf("#   %s: ", what);
	if (!text)
		fputs("NULL", stdout);
	else {
		putchar('"');
		for (size_t i = 0; i < len; i++) {
			unsigned char c = (unsigned char)text[i];
			if (c == '\n')
				fputs("\\n", stdout);
			else if (c < 0x20 || c == 0x7f)
				printf("\\x%02x", c);
			else
				putchar(c);
		}
		putchar('"');
	}
	putchar('\n');
	fflush(stdout);
}

__attribute__((unused)) static bool tap_same_double(double a, double b)
{
	return isnan(a) || isnan(b) ? isnan(a) && isnan(b) : a == b && signbit(a) == signbit(b);
}

__attribute__((unused)) static bool tap_same_text(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

#define ok(COND, ...) tap_ok((COND), __FILE__, __LINE__, __VA_ARGS__)

/* Equal texts; NULL equals NULL alone. */
#define is_str(GOT, EXPECTED, ...) __extension__ ({ \
	const char *tap_g = (GOT), *tap_e = (EXPECTED); \
	bool tap_h = tap_ok(tap_same_text(tap_g, tap_e), __FILE__, __LINE__, __VA_ARGS__); \
	if (!tap_h) { \
		tap_show("got     ", tap_g, tap_g ? strlen(tap_g) : 0); \
		tap_show("expected", tap_e, tap_e ? strlen(tap_e) : 0); \
	} \
	tap_h; \
})

/* Equal bytes; EXPECTED is a literal or a NUL-terminated text. */
#define is_bytes(GOT, LEN, EXPECTED, ...) __extension__ ({ \
	const char *tap_g = (GOT), *tap_e = (EXPECTED); \
	size_t tap_n = (LEN), tap_m = strlen(tap_e); \
	bool tap_h = tap_ok(tap_n == tap_m && !memcmp(tap_g, tap_e, tap_n), __FILE__, __LINE__, __VA_ARGS__); \
	if (!tap_h) { \
		tap_show("got     ", tap_g, tap_n); \
		tap_show("expected", tap_e, tap_m); \
	} \
	tap_h; \
})

/* Equal as int64_t. */
#define is_int(GOT, EXPECTED, ...) __extension__ ({ \
	int64_t tap_g = (int64_t)(GOT), tap_e = (int64_t)(EXPECTED); \
	bool tap_h = tap_ok(tap_g == tap_e, __FILE__, __LINE__, __VA_ARGS__); \
	if (!tap_h) \
		printf("#   got      %" PRId64 "\n#   expected %" PRId64 "\n", tap_g, tap_e); \
	tap_h; \
})

/* The same bits, but any NaN equals any NaN; -0 is not 0. */
#define is_double(GOT, EXPECTED, ...) __extension__ ({ \
	double tap_g = (GOT), tap_e = (EXPECTED); \
	bool tap_h = tap_ok(tap_same_double(tap_g, tap_e), __FILE__, __LINE__, __VA_ARGS__); \
	if (!tap_h) \
		printf("#   got      %.17g\n#   expected %.17g\n", tap_g, tap_e); \
	tap_h; \
})

/* No further apart than TOLERANCE, relative to EXPECTED where that is beyond 1. */
#define is_near(GOT, EXPECTED, TOLERANCE, ...) __extension__ ({ \
	double tap_g = (GOT), tap_e = (EXPECTED), tap_t = (TOLERANCE); \
	bool tap_h = tap_ok(fabs(tap_g - tap_e) <= tap_t * fmax(1, fabs(tap_e)), __FILE__, __LINE__, __VA_ARGS__); \
	if (!tap_h) \
		printf("#   got      %.17g\n#   expected %.17g within %g\n", tap_g, tap_e, tap_t); \
	tap_h; \
})

/* A test that can't run here: counts as held, and says why. */
#define skip_check(...) tap_ok(true, __FILE__, __LINE__, "# skip " __VA_ARGS__)

/* Whether long double is an oracle for double: on some machines, and under valgrind, it is no wider. */
__attribute__((unused)) static bool has_wide_double(void)
{
	volatile long double one = 1;

	return one + 0x1p-60L != one;
}

__attribute__((unused)) static int done(void)
{
	printf("1..%d\n", tap_run);
	if (!tap_run)
		puts("# no check was made");
	return fflush(stdout) || tap_failed || !tap_run;
}

#endif
