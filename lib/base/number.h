/* SPDX-License-Identifier: MIT */
/*
 * number.h - text to numbers and back: strict, without locale, round-trip exact.
 *
 * "Strict": the whole text is the number, no white space, no plus sign, no hexadecimal.
 */
#ifndef BASE_NUMBER_H
#define BASE_NUMBER_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define NUMBER_SHOW_MAX 32

/* 0, or -1 with a sentence that quotes the text.  number_parse_double takes JSON's number grammar, finite values. */
int number_parse_double(const char *text, double *out, struct error *why);
int number_parse_integer(const char *text, int64_t *out, struct error *why);

/* Bytes with an optional unit of 1024: 64K 16M 1G (KiB, MiB, GiB too). */
int number_parse_bytes(const char *text, uint64_t *out, struct error *why);

/*
 * As ECMAScript's Number::toString (ECMA-262, 6.1.6.1.20): the shortest digits that round-trip; 3, 0.1, 1e+21, 5e-324.
 * NaN and infinities: "null".  Returns the length; out has a NUL.  Not for the record path: json/write.h has the fast one.
 */
size_t number_show(double, char out[NUMBER_SHOW_MAX]);

/* 1234567 -> "1,234,567" for messages to people.  Returns out. */
char *number_group(uint64_t, char out[NUMBER_SHOW_MAX]);

/* What a noun behind that number ends in: "" for 1, else "s". */
const char *number_s(uint64_t);

#endif
