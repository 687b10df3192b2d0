/* SPDX-License-Identifier: MIT */
/*
 * write.h - values to JSON text, appended to a buf.
 *
 * Numbers as ECMAScript's Number::toString (3, 0.1, 1e+21), the shortest text that round-trips; not finite: null.
 * Strings: the escapes that RFC 8259 demands, \b \f \n \r \t by letter, everything else as it is.
 */
#ifndef JSON_WRITE_H
#define JSON_WRITE_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/value.h"

void json_write_value(struct buf *, struct value);
void json_write_double(struct buf *, double);		/* 3.0 prints 3 */
void json_write_integer(struct buf *, int64_t);
void json_write_string(struct buf *, const char *, size_t n);
/* Of any bytes (the name of a file, a message that was cut): each that is of no well-formed character is a '?'. */
void json_write_text(struct buf *, const char *, size_t n);

/* Building documents: `"name":` with the comma that the place needs ('{' or '[' just written: none). */
void json_write_name(struct buf *, const char *name);
void json_write_comma(struct buf *);			/* before an array's item; none after '[' */

/* A name rendered once, in the arena. */
struct name json_name(struct arena *, const char *text, size_t len);

/* Whether n bytes are well-formed UTF-8 (surrogates and overlong forms are not). */
int json_is_utf8(const char *, size_t n);
/* Bytes of the character that n bytes begin with; 0: they begin with none. */
size_t json_character(const char *, size_t n);

/* RFC 4648 base64, no line breaks; decode returns the length or -1. */
void json_write_base64(struct buf *, const void *, size_t n);
long json_read_base64(struct buf *, const char *, size_t n);

#endif
