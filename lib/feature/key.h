/* SPDX-License-Identifier: MIT */
/*
 * key.h - what things are found by: the JSON type and canonical text of a value, and its hash.
 *
 * 42 and 42.0 are one key, "42" is another.  Knows values; no records and no tables.
 */
#ifndef FEATURE_KEY_H
#define FEATURE_KEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/value.h"

struct key {
	const char *bytes;
	uint64_t hash;
	uint32_t len;
};

/* A string, a number or a boolean. */
bool key_is(struct value);

/* Of one value its text as value_show writes it, of several the JSON array of them, of none "".  The bytes live in the arena;
 * `scratch` is written over. */
struct key key_of(const struct value *parts, size_t n, struct arena *, struct buf *scratch);

#endif
