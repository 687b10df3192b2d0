/* SPDX-License-Identifier: MIT */
#include "base/value.h"

#include "base/arena.h"
#include "base/buf.h"
#include "base/number.h"

/* Of an integer and a double, exactly: the double is cut to an integer where it is one, else it lies between two. */
static int compare_integer(__int128 n, double x)
{
	if (x >= 0x1p65)
		return -1;
	if (x <= -0x1p65)
		return 1;
	const __int128 whole = (__int128)x;
	if (n != whole)
		return n < whole ? -1 : 1;
	const double part = x - (double)whole;
	return part > 0 ? -1 : part < 0;
}

static __int128 integer_of(struct value v)
{
	return v.type == VALUE_INTEGER ? (__int128)v.integer : (__int128)v.uinteger;
}

static int compare_numbers(struct value a, struct value b)
{
	if (a.type != VALUE_DOUBLE && b.type != VALUE_DOUBLE) {
		const __int128 x = integer_of(a), y = integer_of(b);
		return (x > y) - (x < y);
	}
	if (a.type != VALUE_DOUBLE)
		return compare_integer(integer_of(a), b.number);
	if (b.type != VALUE_DOUBLE)
		return -compare_integer(integer_of(b), a.number);
	return (a.number > b.number) - (a.number < b.number);
}

int value_compare(struct value a, struct value b)
{
	if (value_is_number(a))
		return compare_numbers(a, b);
	const uint32_t n = a.len < b.len ? a.len : b.len;
	const int order = n ? memcmp(a.text, b.text, n) : 0;
	return order ? (order > 0) - (order < 0) : (a.len > b.len) - (a.len < b.len);
}

bool value_equal(struct value a, struct value b)
{
	if (value_is_null(a) || value_is_null(b))
		return value_is_null(a) && value_is_null(b);
	if (value_is_number(a) || value_is_number(b))
		return value_is_number(a) && value_is_number(b) && !compare_numbers(a, b);
	if (a.type != b.type)
		return false;
	switch (a.type) {
	case VALUE_BOOL:
		return a.truth == b.truth;
	case VALUE_STRING:
	case VALUE_HUGE:
		return a.len == b.len && (!a.len || !memcmp(a.text, b.text, a.len));
	case VALUE_ARRAY:
		if (a.len != b.len)
			return false;
		for (uint32_t i = 0; i < a.len; i++)
			if (!value_equal(a.items[i], b.items[i]))
				return false;
		return true;
	default:
		return false;
	}
}

const char *value_kind(struct value v)
{
	switch (v.type) {
	case VALUE_MISSING: return "missing";
	case VALUE_NULL: return "null";
	case VALUE_BOOL: return "a boolean";
	case VALUE_STRING: return "a string";
	case VALUE_ARRAY: return "an array";
	case VALUE_OBJECT:
	case VALUE_TREE: return "an object";
	case VALUE_HUGE: return "a number beyond the range of a double";
	default: return "a number";
	}
}

static void show_string(struct value v, struct buf *b)
{
	buf_add_byte(b, '"');
	for (uint32_t i = 0; i < v.len; i++) {
		const unsigned char c = (unsigned char)v.text[i];
		if (c == '"' || c == '\\')
			buf_add(b, (char[]){ '\\', (char)c }, 2);
		else if (c < 0x20)
			buf_format(b, "\\u%04x", c);
		else
			buf_add_byte(b, (char)c);
	}
	buf_add_byte(b, '"');
}

static void show_integer(uint64_t n, bool negative, struct buf *b)
{
	char text[24], *p = text + sizeof text;

	do
		*--p = (char)('0' + n % 10);
	while (n /= 10);
	if (negative)
		*--p = '-';
	buf_add(b, p, (size_t)(text + sizeof text - p));
}

void value_show(struct value v, struct buf *b)
{
	char text[NUMBER_SHOW_MAX];

	/* A double may be an integer whose shortest text is another integer: 2^63 is 9223372036854776000. */
	if (v.type == VALUE_DOUBLE)
		v = value_number(v.number);

	switch (v.type) {
	case VALUE_MISSING:
	case VALUE_NULL: buf_add_text(b, "null"); break;
	case VALUE_BOOL: buf_add_text(b, v.truth ? "true" : "false"); break;
	case VALUE_INTEGER: show_integer(v.integer < 0 ? -(uint64_t)v.integer : (uint64_t)v.integer, v.integer < 0, b); break;
	case VALUE_UNSIGNED: show_integer(v.uinteger, false, b); break;
	case VALUE_DOUBLE: buf_add(b, text, number_show(v.number, text)); break;
	case VALUE_STRING: show_string(v, b); break;
	case VALUE_HUGE: buf_add(b, v.text, v.len); break;
	case VALUE_ARRAY:
		buf_add_byte(b, '[');
		for (uint32_t i = 0; i < v.len; i++) {
			if (i)
				buf_add_byte(b, ',');
			value_show(v.items[i], b);
		}
		buf_add_byte(b, ']');
		break;
	case VALUE_OBJECT:
	case VALUE_TREE: buf_add_text(b, "{...}"); break;
	}
}

void value_show_short(struct value v, struct buf *b)
{
	if (v.type == VALUE_STRING && v.len > 60) {
		v.len = 60;
		while (v.len && ((unsigned char)v.text[v.len] & 0xc0) == 0x80)
			v.len--;
		value_show(v, b);
		buf_add_text(b, "...");
	} else if (v.type >= VALUE_BOOL && v.type <= VALUE_STRING)
		value_show(v, b);
}

struct value value_copy(struct value v, struct arena *arena)
{
	struct value *items;
	struct member *members;

	if (v.type == VALUE_STRING || v.type == VALUE_HUGE)
		v.text = arena_copy(arena, v.text, v.len);
	else if (v.type == VALUE_ARRAY) {
		items = arena_get(arena, (v.len ? v.len : 1) * sizeof *items);
		for (uint32_t i = 0; i < v.len; i++)
			items[i] = value_copy(v.items[i], arena);
		v.items = items;
	} else if (v.type == VALUE_OBJECT) {
		members = arena_get(arena, (v.len ? v.len : 1) * sizeof *members);
		for (uint32_t i = 0; i < v.len; i++)
			members[i] = (struct member){ v.members[i].name, value_copy(v.members[i].value, arena) };
		v.members = members;
	}
	return v;
}
