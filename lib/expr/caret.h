/* SPDX-License-Identifier: MIT */
/* caret.h - messages that show the line and point at the place.  Knows text and columns, not the language. */
#ifndef EXPR_CARET_H
#define EXPR_CARET_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "expr/expr.h"

struct origin {
	const char *text;
	size_t len;
	const struct expr_place *place;		/* may be NULL */
};

/*
 * "SOURCE:LINE:COLUMN: sentence", the line, and a caret under byte `at` of the text.  Tabs are kept, wide and combining
 * characters count as terminals show them; a long line is cut around the caret.  -1.
 */
int caret_set(struct error *why, const struct origin *, size_t at, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* One character of UTF-8 at text < end: its length in bytes; 0: malformed. */
size_t caret_character(const char *text, const char *end, uint32_t *code);

#endif
