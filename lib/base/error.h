/* SPDX-License-Identifier: MIT */
/*
 * error.h - why a call failed: one sentence that names the object and quotes the input.
 *
 * Owns nothing and works without memory.  Knows no program name, prints nothing and ends without a newline:
 * cmd/ adds the name.  `why` is always the last parameter and is touched only on failure.
 */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include <stdarg.h>

struct error {
	char text[512];		/* cut off when longer */
};

/* Always -1, so that a failing function can `return error_set(why, ...)`. */
int error_set(struct error *why, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int error_setv(struct error *why, const char *fmt, va_list ap);

/* Puts "prefix: " before the text: context is added outwards.  -1. */
int error_prefix(struct error *why, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The compiler knows the -1 too: what is set unless a call fails is not "maybe uninitialized" behind a check of it. */
static inline int error_result(void)
{
	return -1;
}
#define error_set(...) (error_set(__VA_ARGS__), error_result())
#define error_setv(why, fmt, ap) (error_setv(why, fmt, ap), error_result())
#define error_prefix(...) (error_prefix(__VA_ARGS__), error_result())

#endif
