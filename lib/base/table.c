/* SPDX-License-Identifier: MIT */
#include "base/table.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/hash.h"

/* The slot of the key, or the free one where it belongs. */
static size_t slot_of(const struct table *t, const void *key, size_t len, uint64_t hash)
{
	size_t i = hash & (t->n_slots - 1);

	for (; t->slots[i]; i = (i + 1) & (t->n_slots - 1)) {
		const struct table_row *r = &t->rows[t->slots[i] - 1];
		if (r->hash == hash && r->len == len && (!len || !memcmp(r->key, key, len)))
			break;
	}
	return i;
}

struct table_row *table_find(const struct table *t, const void *key, size_t len)
{
	if (!t->n_slots)
		return NULL;
	const size_t i = slot_of(t, key, len, hash_bytes(key, len));
	return t->slots[i] ? &t->rows[t->slots[i] - 1] : NULL;
}

static void grow(struct table *t)
{
	t->n_slots = t->n_slots ? t->n_slots * 2 : 16;
	free(t->slots);
	t->slots = alloc_zeroed(t->n_slots, sizeof *t->slots);
	for (size_t r = 0; r < t->n; r++) {
		size_t i = t->rows[r].hash & (t->n_slots - 1);
		while (t->slots[i])
			i = (i + 1) & (t->n_slots - 1);
		t->slots[i] = (uint32_t)r + 1;
	}
}

struct table_row *table_add(struct table *t, const void *key, size_t len)
{
	const uint64_t hash = hash_bytes(key, len);

	if (2 * (t->n + 1) > t->n_slots)
		grow(t);
	const size_t i = slot_of(t, key, len, hash);
	if (!t->slots[i]) {
		if (t->n == t->room)
			t->rows = alloc_again(t->rows, t->room = t->room ? t->room * 2 : 16, sizeof *t->rows);
		t->rows[t->n] = (struct table_row){ .hash = hash, .key = alloc_span(key, len), .len = len };
		t->slots[i] = (uint32_t)++t->n;
	}
	return &t->rows[t->slots[i] - 1];
}

void table_clear(struct table *t)
{
	for (size_t i = 0; i < t->n; i++)
		free(t->rows[i].key);
	t->n = 0;
	if (t->n_slots)
		memset(t->slots, 0, t->n_slots * sizeof *t->slots);
}

void table_release(struct table *t)
{
	table_clear(t);
	free(t->rows);
	free(t->slots);
	*t = TABLE_INIT;
}
