/* SPDX-License-Identifier: MIT */
/*
 * field.h - the compiled set of fields, shared by fields.c and parse.c.
 *
 * Named steps form a tree of members; from the first [0] or [*] on, the rest of a path is a tail that is followed by a
 * general walk when the value before it has been met.
 */
#ifndef JSON_FIELD_H
#define JSON_FIELD_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "json/fields.h"

struct tail {
	const struct step *steps;
	size_t n;
	int slot;
	struct tail *next;
};

struct field {
	const char *name;		/* with 16 readable bytes behind it: compared by words */
	uint32_t len;
	uint32_t index;			/* among those below the same one, in the order they were asked for */
	uint64_t head, tail;		/* of the name */
	int slot;			/* -1: only what is below is wanted */
	int added;			/* index of the added member of that name, -1: none */
	struct tail *tails;
	struct field **below;
	size_t n_below;
	/*
	 * What is below, by a hash of a name's first 8 bytes and length: open addressing in a table at most a quarter full, so
	 * that most names that nobody wants end in an empty row at once.
	 */
	struct field_row { uint64_t head, tail; const struct field *field; } *rows;
	unsigned shift;			/* 64 - log2(rows) */
};

/* A name's first 8 bytes, the rest zero when it is shorter.  16 bytes behind the name may be read (arena.h). */
static inline uint64_t field_head(const char *name, size_t len)
{
	uint64_t x;

	memcpy(&x, name, 8);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return len >= 8 ? x : x & ((UINT64_C(1) << 8 * len) - 1);
#else
	return len >= 8 ? x : len ? x >> (64 - 8 * len) : 0;
#endif
}

/* The next 8 bytes in the same way; 0 where there are none. */
static inline uint64_t field_tail(const char *name, size_t len)
{
	return len > 8 ? field_head(name + 8, len - 8) : 0;
}

static inline size_t field_hash(uint64_t head, size_t len, unsigned shift)
{
	return (size_t)((head + len) * UINT64_C(0x9e3779b97f4a7c15) >> shift);
}

/* The part of `f` of that name; plain comparison. */
struct field *fields_named(const struct field *f, const char *name, size_t len);

#endif
