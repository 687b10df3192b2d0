/* SPDX-License-Identifier: MIT */
/*
 * ubjson.h - Universal Binary JSON (draft 12, https://ubjson.org) to JSON text.
 *
 * All types, and containers with a type or a count, as XGBoost writes them.  A float becomes the shortest text that reads back as the same
 * double; what is not finite becomes null.  Text is taken as it is: the parser of the JSON checks it.  What a count claims must be in the
 * input, so that the result is at most ten times as long as the input.
 */
#ifndef JSON_UBJSON_H
#define JSON_UBJSON_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/error.h"

/* Whether n bytes begin as an object of UBJSON does and none of JSON can. */
bool ubjson_is(const char *, size_t n);

/* Appends the JSON.  0, or -1: "at byte 17: what". */
int ubjson_to_json(const char *, size_t n, struct buf *, struct error *why);

#endif
