/* SPDX-License-Identifier: MIT */
#include "feature/held.h"

#include <string.h>

static bool scalar_fits(struct value v)
{
	return v.type <= VALUE_STRING;
}

bool held_fits(struct value v)
{
	if (v.type != VALUE_ARRAY)
		return scalar_fits(v);
	for (uint32_t i = 0; i < v.len; i++)
		if (!scalar_fits(v.items[i]))
			return false;
	return true;
}

/* Bytes in the pool: a text, or items with their texts behind them. */
static size_t heap_of(struct value v)
{
	size_t n = v.len;

	if (v.type < VALUE_STRING)
		return 0;
	if (v.type == VALUE_ARRAY) {
		n *= sizeof *v.items;
		for (uint32_t i = 0; i < v.len; i++)
			if (v.items[i].type == VALUE_STRING)
				n += v.items[i].len;
	}
	return n ? n : 1;
}

void held_release(struct value *at, struct pool *pool)
{
	if (at->type >= VALUE_STRING)
		pool_put(pool, (void *)at->text, heap_of(*at));
	*at = (struct value){0};
}

void held_set(struct value *at, struct value v, struct pool *pool)
{
	held_release(at, pool);
	*at = v;
	if (v.type < VALUE_STRING)
		return;
	char *block = pool_get(pool, heap_of(v));
	at->text = block;
	if (v.type == VALUE_STRING) {
		memcpy(block, v.text, v.len);
		return;
	}
	struct value *items = (struct value *)(void *)block;
	char *text = block + v.len * sizeof *items;
	for (uint32_t i = 0; i < v.len; i++) {
		items[i] = v.items[i];
		if (items[i].type == VALUE_STRING) {
			memcpy(text, v.items[i].text, items[i].len);
			items[i].text = text;
			text += items[i].len;
		}
	}
}

/* In a saved state a letter tells the type: the numbers of the enumeration may change. */
void held_save(struct buf *b, struct value v)
{
	switch (v.type) {
	case VALUE_NULL: buf_add_byte(b, 'n'); break;
	case VALUE_BOOL: buf_add_byte(b, v.truth ? 't' : 'f'); break;
	case VALUE_INTEGER:
		buf_add_byte(b, 'i');
		snapshot_put_signed(b, v.integer);
		break;
	case VALUE_UNSIGNED:
		buf_add_byte(b, 'u');
		snapshot_put_varint(b, v.uinteger);
		break;
	case VALUE_DOUBLE:
		buf_add_byte(b, 'd');
		snapshot_put_double(b, v.number);
		break;
	case VALUE_STRING:
		buf_add_byte(b, 's');
		snapshot_put_text(b, v.text, v.len);
		break;
	case VALUE_ARRAY:
		buf_add_byte(b, 'a');
		snapshot_put_varint(b, v.len);
		for (uint32_t i = 0; i < v.len; i++)
			held_save(b, v.items[i]);
		break;
	default: buf_add_byte(b, '-'); break;
	}
}

static char get_letter(struct snapshot_bytes *s)
{
	if (s->p == s->end) {
		s->torn = true;
		return '-';
	}
	return (char)*s->p++;
}

static struct value load_scalar(struct snapshot_bytes *s, char letter)
{
	size_t len;

	switch (letter) {
	case '-': return (struct value){0};
	case 'n': return value_null();
	case 't': return value_bool(true);
	case 'f': return value_bool(false);
	case 'i': return value_integer(snapshot_get_signed(s));
	case 'u': return (struct value){ .type = VALUE_UNSIGNED, .uinteger = snapshot_get_varint(s) };
	case 'd': return (struct value){ .type = VALUE_DOUBLE, .number = snapshot_get_double(s) };
	case 's': {
		const char *text = snapshot_get_text(s, &len);
		return s->torn ? (struct value){0} : value_text(text, len);
	}
	}
	s->torn = true;
	return (struct value){0};
}

struct value held_load(struct snapshot_bytes *s, struct arena *arena)
{
	const char letter = get_letter(s);

	if (letter != 'a')
		return load_scalar(s, letter);
	const uint64_t n = snapshot_get_varint(s);
	if (s->torn || n > (uint64_t)(s->end - s->p)) {		/* an item takes a byte at least */
		s->torn = true;
		return (struct value){0};
	}
	struct value *items = arena_get(arena, (n ? n : 1) * sizeof *items);
	for (uint64_t i = 0; i < n; i++)
		items[i] = load_scalar(s, get_letter(s));
	return (struct value){ .type = VALUE_ARRAY, .len = (uint32_t)n, .items = items };
}
