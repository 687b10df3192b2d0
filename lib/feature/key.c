/* SPDX-License-Identifier: MIT */
#include "feature/key.h"

#include <string.h>

#include "base/hash.h"
#include "json/write.h"

bool key_is(struct value v)
{
	return v.type == VALUE_STRING || v.type == VALUE_BOOL || value_is_number(v);
}

#define EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

/* Whether JSON writes eight bytes as they are.  Bits of bytes that are below another (Warren, "Hacker's Delight", 2nd ed., 6-1). */
static inline bool are_plain(uint64_t w)
{
	const uint64_t quote = w ^ EACH('"'), escape = w ^ EACH('\\');

	return !((((w - EACH(0x20)) & ~w) | ((quote - EACH(1)) & ~quote) | ((escape - EACH(1)) & ~escape)) & EACH(0x80));
}

static inline bool is_plain_text(const char *text, size_t n)
{
	uint64_t w = EACH(' ');

	for (; n > 8; text += 8, n -= 8) {
		memcpy(&w, text, 8);
		if (!are_plain(w))
			return false;
	}
	w = EACH(' ');
	for (size_t i = 0; i < n; i++)
		w = w << 8 | (unsigned char)text[i];
	return are_plain(w);
}

/* As value_show writes it; strings without escapes and integers, that is nearly all, in one go. */
static const char *canonical(struct value v, struct arena *arena, struct buf *scratch, uint32_t *len)
{
	if (v.type == VALUE_STRING) {
		*len = v.len + 2;
		if (is_plain_text(v.text, v.len)) {
			char *text = arena_get(arena, *len);
			text[0] = '"';
			memcpy(text + 1, v.text, v.len);
			text[v.len + 1] = '"';
			return text;
		}
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
