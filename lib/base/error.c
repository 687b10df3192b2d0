/* SPDX-License-Identifier: MIT */
#include "base/error.h"

#include <stdio.h>
#include <string.h>

int (error_setv)(struct error *why, const char *fmt, va_list ap)
{
	char text[sizeof why->text];	/* an argument may be why->text itself */

	vsnprintf(text, sizeof text, fmt, ap);
	memcpy(why->text, text, sizeof text);
	return -1;
}

int (error_set)(struct error *why, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	error_setv(why, fmt, ap);
	va_end(ap);
	return -1;
}

int (error_prefix)(struct error *why, const char *fmt, ...)
{
	char text[sizeof why->text];
	size_t n;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	n = strlen(text);
	for (const char *s = ": "; *s && n < sizeof text - 1;)
		text[n++] = *s++;
	for (const char *s = why->text; *s && n < sizeof text - 1;)
		text[n++] = *s++;
	text[n] = '\0';
	memcpy(why->text, text, n + 1);
	return -1;
}
