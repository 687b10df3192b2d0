/* SPDX-License-Identifier: MIT */
#include "base/alloc.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *must(void *p)
{
	if (!p) {
		fprintf(stderr, "%s: out of memory\n", program_invocation_short_name);
		exit(1);
	}
	return p;
}

void *alloc_bytes(size_t n)
{
	return must(malloc(n ? n : 1));
}

void *alloc_aligned(size_t n)
{
	const size_t line = 64;

	return must(aligned_alloc(line, (n / line + 1) * line));
}

void *alloc_zeroed(size_t count, size_t size)
{
	return must(calloc(count ? count : 1, size ? size : 1));
}

void *alloc_again(void *p, size_t count, size_t size)
{
	size_t n;

	if (__builtin_mul_overflow(count, size, &n))
		must(NULL);
	return must(realloc(p, n ? n : 1));
}

char *alloc_text(const char *text)
{
	return must(strdup(text));
}

char *alloc_span(const char *text, size_t n)
{
	char *copy = alloc_bytes(n + 1);

	if (n)
		memcpy(copy, text, n);
	copy[n] = '\0';
	return copy;
}

char *alloc_format(const char *fmt, ...)
{
	char *text;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	return must(text);
}
