/* SPDX-License-Identifier: MIT */
#include "feature/key.h"

#include "base/hash.h"
#include "json/write.h"

bool key_is(struct value v)
{
	return v.type == VALUE_STRING || v.type == VALUE_BOOL || value_is_number(v);
}

/* As value_show writes it; strings without escapes and integers, that is nearly all, in one go. */
static const char *canonical(struct value v, struct arena *arena, struct buf *scratch, uint32_t *len)
{
	if (v.type == VALUE_STRING) {
		char *text = arena_get(arena, v.len + 2);
		bool is_plain = true;
		text[0] = '"';
		for (uint32_t i = 0; i < v.len; i++) {
			const unsigned char c = (unsigned char)v.text[i];
			is_plain &= (c >= 0x20) & (c != '"') & (c != '\\');
			text[i + 1] = (char)c;
		}
		text[v.len + 1] = '"';
		*len = v.len + 2;
		if (is_plain)
			return text;
	}
	buf_clear(scratch);
	if (v.type == VALUE_INTEGER)
		json_write_integer(scratch, v.integer);
	else
		value_show(v, scratch);
	*len = (uint32_t)scratch->len;
	return arena_copy(arena, scratch->data, scratch->len);
}

struct key key_of(const struct value *parts, size_t n, struct arena *arena, struct buf *scratch)
{
	struct key key = { "", 0, 0 };

	if (n == 1)
		key.bytes = canonical(parts[0], arena, scratch, &key.len);
	else if (n) {
		buf_clear(scratch);
		for (size_t i = 0; i < n; i++) {
			buf_add_byte(scratch, i ? ',' : '[');
			value_show(parts[i], scratch);
		}
		buf_add_byte(scratch, ']');
		key.len = (uint32_t)scratch->len;
		key.bytes = arena_copy(arena, scratch->data, scratch->len);
	}
	key.hash = hash_bytes(key.bytes, key.len);
	return key;
}
