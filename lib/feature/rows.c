/* SPDX-License-Identifier: MIT */
#include "feature/rows.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/snapshot.h"
#include "feature/held.h"
#include "feature/keyed.h"
#include "feature/pool.h"
#include "json/parse.h"
#include "json/write.h"

/* Packed values: as held_save writes them, and what cannot be held behind a letter of its own. */
struct row { uint32_t len; unsigned char bytes[]; };

#define HUGE_NUMBER 'h'		/* its text */
#define JSON 'j'		/* the text of an object, or of an array with objects or arrays in it */

struct rows {
	size_t n;
	struct keyed *keyed;		/* its state: a pointer to the row */
	struct pool pool;
	struct buf packed;
};

struct rows *rows_new(size_t n)
{
	struct rows *t = alloc_zeroed(1, sizeof *t);

	t->n = n;
	t->keyed = keyed_new(sizeof(struct row *), 0, NULL, NULL);
	return t;
}

void rows_free(struct rows *t)
{
	if (!t)
		return;
	keyed_free(t->keyed);
	pool_release(&t->pool);
	buf_release(&t->packed);
	free(t);
}

/* ---- packed ---- */

static void pack(struct buf *b, struct value v)
{
	if (held_fits(v)) {
		held_save(b, v);
		return;
	}
	if (v.type == VALUE_HUGE) {
		buf_add_byte(b, HUGE_NUMBER);
		snapshot_put_text(b, v.text, v.len);
		return;
	}
	struct buf text = BUF_INIT;
	json_write_value(&text, v);
	buf_add_byte(b, JSON);
	snapshot_put_text(b, text.data, text.len);
	buf_release(&text);
}

static struct value unpack(struct snapshot_bytes *in, struct arena *arena)
{
	struct error ignored;
	struct value v;
	size_t len;

	if (*in->p != HUGE_NUMBER && *in->p != JSON)
		return held_load(in, arena);
	const bool is_json = *in->p++ == JSON;
	const char *text = snapshot_get_text(in, &len);
	if (!is_json)
		return (struct value){ .type = VALUE_HUGE, .len = (uint32_t)len, .text = text };
	return json_document(arena, text, len, &v, &ignored) < 0 ? (struct value){0} : v;
}

/* ---- the table ---- */

static struct row **place_of(struct keyed_row *r)
{
	return keyed_state(r);
}

bool rows_put(struct rows *t, const struct key *key, const struct value *values)
{
	struct keyed_row *r = keyed_find(t->keyed, key->bytes, key->len, key->hash);
	const bool is_there = r;

	if (!r)
		r = keyed_add(t->keyed, key->bytes, key->len, key->hash, 0);
	struct row **place = place_of(r);
	if (*place)
		pool_put(&t->pool, *place, sizeof **place + (*place)->len);
	buf_clear(&t->packed);
	for (size_t i = 0; i < t->n; i++)
		pack(&t->packed, values[i]);
	*place = pool_get(&t->pool, sizeof **place + t->packed.len);
	(*place)->len = (uint32_t)t->packed.len;
	memcpy((*place)->bytes, buf_text(&t->packed), t->packed.len);
	return is_there;
}

void rows_prefetch(const struct rows *t, const struct key *key)
{
	keyed_prefetch(t->keyed, key->hash);
}

void rows_prefetch_row(const struct rows *t, const struct key *key)
{
	keyed_prefetch_row(t->keyed, key->hash);
}

const struct row *rows_find(const struct rows *t, const struct key *key)
{
	struct keyed_row *r = keyed_find(t->keyed, key->bytes, key->len, key->hash);

	if (!r)
		return NULL;
	const struct row *row = *place_of(r);
	__builtin_prefetch(row);
	return row;
}

void rows_read(const struct rows *t, const struct row *row, struct arena *arena, struct value *out, const int *where)
{
	struct snapshot_bytes in = { row->bytes, row->bytes + row->len, false };

	for (size_t i = 0; i < t->n; i++)
		out[where[i]] = unpack(&in, arena);
}

uint64_t rows_count(const struct rows *t)
{
	return keyed_count(t->keyed);
}

size_t rows_bytes(const struct rows *t)
{
	return keyed_bytes(t->keyed) + t->pool.bytes;
}
