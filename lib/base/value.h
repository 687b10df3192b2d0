/* SPDX-License-Identifier: MIT */
/*
 * value.h - a value as records hold and expressions compute it.
 *
 * 16 bytes, passed by value.  Text, elements and members are borrowed: a value lives as long as the record's batch or
 * the arena it was made in.  Knows not where it came from: a VALUE_TREE is an object of the input that only the JSON
 * module can look into.
 *
 * A number of the input keeps what its text says: integers exactly (INTEGER, or UNSIGNED above INT64_MAX), others as the
 * nearest double.  A computed number is made by value_number, which gives what parsing its printed text would give
 * (3.0 is the integer 3, -0 is 0, NaN and infinities are null): so a pipe and a chain of stages agree.
 */
#ifndef BASE_VALUE_H
#define BASE_VALUE_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum value_type {
	VALUE_MISSING,		/* no such member: prints as null, compares as null */
	VALUE_NULL,
	VALUE_BOOL,
	VALUE_INTEGER,
	VALUE_UNSIGNED,		/* above INT64_MAX */
	VALUE_DOUBLE,		/* finite, never an integer that INTEGER or UNSIGNED holds when made by value_number */
	VALUE_STRING,		/* UTF-8, not terminated */
	VALUE_ARRAY,		/* `len` items */
	VALUE_OBJECT,		/* made by a stage: `len` members */
	VALUE_TREE,		/* an object of the input, or an array inside an array, as parsed (json/parse.h) */
	VALUE_HUGE,		/* a number of the input that no double holds: `len` bytes of text */
};

struct value {
	enum value_type type;
	uint32_t len;
	union {
		bool truth;
		int64_t integer;
		uint64_t uinteger;
		double number;
		const char *text;
		const struct value *items;
		const struct member *members;
		const void *tree;
	};
};

/* A member name, rendered once: as it is compared and as it is printed ("name": with quotes, escapes and colon). */
struct name {
	const char *text, *json;
	uint32_t len, json_len;
};

struct member {
	const struct name *name;
	struct value value;
};

#define NAME(s) { s, "\"" s "\":", sizeof(s) - 1, sizeof(s) + 2 }

static inline struct value value_null(void)
{
	return (struct value){ .type = VALUE_NULL };
}

static inline struct value value_bool(bool truth)
{
	return (struct value){ .type = VALUE_BOOL, .truth = truth };
}

static inline struct value value_integer(int64_t n)
{
	return (struct value){ .type = VALUE_INTEGER, .integer = n };
}

static inline struct value value_text(const char *text, size_t len)
{
	return (struct value){ .type = VALUE_STRING, .len = (uint32_t)len, .text = text };
}

static inline struct value value_number(double x)
{
	if (x >= -0x1p63 && x < 0x1p63) {
		const int64_t n = (int64_t)x;
		return x == (double)n ? value_integer(n) : (struct value){ .type = VALUE_DOUBLE, .number = x };
	}
	if (x >= 0x1p63 && x < 0x1p64)
		return (struct value){ .type = VALUE_UNSIGNED, .uinteger = (uint64_t)x };
	if (!(x - x == 0))	/* NaN, infinite */
		return value_null();
	return (struct value){ .type = VALUE_DOUBLE, .number = x };
}

static inline bool value_is_null(struct value v)
{
	return v.type <= VALUE_NULL;
}

/* INTEGER, UNSIGNED or DOUBLE; a VALUE_HUGE is none. */
static inline bool value_is_number(struct value v)
{
	return v.type >= VALUE_INTEGER && v.type <= VALUE_DOUBLE;
}

/* Of a value that is a number. */
static inline double value_double(struct value v)
{
	return v.type == VALUE_INTEGER ? (double)v.integer : v.type == VALUE_UNSIGNED ? (double)v.uinteger : v.number;
}

/*
 * Numbers exactly (2^53+1 differs from 2^53), strings by bytes, arrays by their items, across types false; null equals
 * null and missing.  Objects equal nothing: what is in a VALUE_TREE is not known here.
 */
bool value_equal(struct value, struct value);

/* -1, 0, 1 of two numbers (exactly) or two strings (by bytes). */
int value_compare(struct value, struct value);

/* What kind it is, in the words of messages: "a number", "a string", "null"... */
const char *value_kind(struct value);

struct buf;
struct arena;

/*
 * Canonical text, for keys and messages: type and value, equal exactly where value_equal says so.  Integers up to 2^64
 * in full, other numbers as number_show, strings in double quotes with \" \\ and \u00XX escapes, true, false, null;
 * an object, which is no key, shows as {...}.
 */
void value_show(struct value, struct buf *);

/* The same for a message: a long text is cut, of what has no short text there is none. */
void value_show_short(struct value, struct buf *);

/* A copy whose text, items and members live in the arena (names are borrowed); a VALUE_TREE is not copied (json_keep does that). */
struct value value_copy(struct value, struct arena *);

#endif
