/* SPDX-License-Identifier: MIT */
#include "feature/rows.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/hash.h"
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
	bool is_divided;		/* behind the pointer stands the partition */
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

/* ---- partitions ---- */

struct placed { struct row *row; int32_t partition; };

void rows_divide(struct rows *t)
{
	keyed_free(t->keyed);
	t->keyed = keyed_new(sizeof(struct placed), 0, NULL, NULL);
	t->is_divided = true;
}

static int32_t partition_of(const struct rows *t, struct keyed_row *r)
{
	return t->is_divided ? ((const struct placed *)keyed_state(r))->partition : PARTITION_NONE;
}

void rows_set_partition(struct rows *t, const struct key *key, int32_t partition)
{
	((struct placed *)keyed_state(keyed_find(t->keyed, key->bytes, key->len, key->hash)))->partition = partition;
}

int32_t rows_partition(const struct rows *t, const struct key *key)
{
	struct keyed_row *r = keyed_find(t->keyed, key->bytes, key->len, key->hash);

	return r ? partition_of(t, r) : PARTITION_NONE;
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

static bool put_packed(struct rows *t, const struct key *key, const void *bytes, size_t len)
{
	struct keyed_row *r = keyed_find(t->keyed, key->bytes, key->len, key->hash);
	const bool is_there = r;

	if (!r)
		r = keyed_add(t->keyed, key->bytes, key->len, key->hash, 0);
	keyed_touch(t->keyed, r);
	struct row **place = place_of(r);
	if (*place)
		pool_put(&t->pool, *place, sizeof **place + (*place)->len);
	*place = pool_get(&t->pool, sizeof **place + len);
	(*place)->len = (uint32_t)len;
	memcpy((*place)->bytes, bytes, len);
	return is_there;
}

bool rows_put(struct rows *t, const struct key *key, const struct value *values)
{
	buf_clear(&t->packed);
	for (size_t i = 0; i < t->n; i++)
		pack(&t->packed, values[i]);
	return put_packed(t, key, buf_text(&t->packed), t->packed.len);
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

/* ---- saved and restored ---- */

static void save(const struct rows *t, struct keyed_row *const *all, size_t n, struct snapshot_writer *w)
{
	for (size_t i = 0; i < n; i++) {
		const struct row *row = *place_of(all[i]);
		snapshot_row_of(w, partition_of(t, all[i]), keyed_key(all[i]), all[i]->len, row->bytes, row->len);
	}
}

void rows_save(const struct rows *t, struct snapshot_writer *w)
{
	size_t n;
	struct keyed_row **all = keyed_sorted(t->keyed, &n);

	save(t, all, n, w);
	free(all);
}

void rows_track(struct rows *t)
{
	keyed_track(t->keyed);
}

void rows_save_changes(struct rows *t, struct snapshot_writer *w)
{
	const struct keyed_changes changes = keyed_changes(t->keyed);	/* none goes */

	save(t, changes.rows, changes.n, w);
}

/* How many values; they are written to `out` as an array's items where that is not NULL. */
static size_t walk(struct snapshot_bytes *in, struct buf *out)
{
	struct arena arena = ARENA_INIT;
	size_t n = 0;

	for (; in->p < in->end && !in->torn; n++) {
		const bool is_json = *in->p == JSON;
		const struct value v = unpack(in, &arena);
		if (is_json && v.type == VALUE_MISSING)
			in->torn = true;
		if (out && !in->torn) {
			json_write_comma(out);
			json_write_value(out, v.type == VALUE_MISSING ? value_null() : v);
		}
	}
	arena_release(&arena);
	return n;
}

static struct snapshot_bytes bytes_of(const struct snapshot_reader *in)
{
	return (struct snapshot_bytes){ (const unsigned char *)in->value, (const unsigned char *)in->value + in->value_len, false };
}

int rows_load(struct rows *t, const struct snapshot_reader *in, struct error *why)
{
	const struct key key = { in->key, hash_bytes(in->key, in->key_len), (uint32_t)in->key_len };
	struct snapshot_bytes bytes = bytes_of(in);

	if (walk(&bytes, NULL) != t->n || bytes.torn || put_packed(t, &key, in->value, in->value_len))
		return error_set(why, "rows: damaged for key %.*s", (int)(in->key_len < 60 ? in->key_len : 60), in->key);
	if (t->is_divided)
		rows_set_partition(t, &key, in->partition);
	return 0;
}

int rows_dump(const struct snapshot_reader *in, struct buf *out, struct error *why)
{
	const char *lf = memchr(in->section, '\n', in->section_len);
	struct snapshot_bytes bytes = bytes_of(in);

	buf_add_byte(out, '{');
	json_write_name(out, "rows");
	json_write_string(out, in->section + 5, (lf ? (size_t)(lf - in->section) : in->section_len) - 5);
	json_write_name(out, "key");
	buf_add(out, in->key, in->key_len);
	json_write_name(out, "values");
	buf_add_byte(out, '[');
	walk(&bytes, out);
	buf_add_text(out, "]}\n");
	return bytes.torn ? error_set(why, "rows: damaged") : 0;
}

uint64_t rows_count(const struct rows *t)
{
	return keyed_count(t->keyed);
}

size_t rows_bytes(const struct rows *t)
{
	return keyed_bytes(t->keyed) + t->pool.bytes;
}
