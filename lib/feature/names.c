/* SPDX-License-Identifier: MIT */
#include "feature/names.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/hash.h"
#include "feature/held.h"

uint64_t names_hash(struct value v)
{
	struct buf text = BUF_INIT;

	value_show(v, &text);
	const uint64_t hash = hash_bytes(text.data, text.len);
	buf_release(&text);
	return hash;
}

static uint32_t mask_of(const struct names *n)
{
	return n->room * 2 - 1;
}

/* Its place in the table, or the free one where it belongs. */
static uint32_t place_of(const struct names *n, uint64_t hash)
{
	uint32_t i = (uint32_t)hash & mask_of(n);

	while (n->table[i] && n->kept[n->table[i] - 1].hash != hash)
		i = (i + 1) & mask_of(n);
	return i;
}

uint32_t names_find(const struct names *n, uint64_t hash)
{
	return n->room ? n->table[place_of(n, hash)] - 1 : NAMES_NONE;
}

static void grow(struct names *n, struct pool *pool)
{
	const uint32_t old = n->room, room = old ? old * 2 : 4;

	n->kept = pool_resize(pool, n->kept, old * sizeof *n->kept, room * sizeof *n->kept);
	pool_put(pool, n->table, old * 2 * sizeof *n->table);
	n->table = memset(pool_get(pool, room * 2 * sizeof *n->table), 0, room * 2 * sizeof *n->table);
	n->room = room;
	for (uint32_t i = 0; i < n->n; i++)
		n->table[place_of(n, n->kept[i].hash)] = i + 1;
}

static uint32_t give_number(struct names *n, struct pool *pool)
{
	if (n->spare) {
		const uint32_t number = n->spare - 1;
		n->spare = n->kept[number].spare;
		return number;
	}
	if (n->n == n->room)
		grow(n, pool);
	return n->n++;
}

uint32_t names_hold(struct names *n, struct value v, uint64_t hash, struct pool *pool)
{
	uint32_t number = names_find(n, hash);

	if (number == NAMES_NONE) {
		number = give_number(n, pool);
		n->kept[number] = (struct name_kept){ .hash = hash };
		held_set(&n->kept[number].value, v, pool);
		n->table[place_of(n, hash)] = number + 1;
	}
	n->kept[number].held++;
	return number;
}

/* Frees a place and closes the gap (Knuth, TAOCP 3, 6.4, algorithm R). */
static void take_out(struct names *n, uint32_t hole)
{
	const uint32_t mask = mask_of(n);

	for (uint32_t i = (hole + 1) & mask; n->table[i]; i = (i + 1) & mask) {
		const uint32_t home = (uint32_t)n->kept[n->table[i] - 1].hash & mask;
		if (((i - home) & mask) >= ((i - hole) & mask)) {
			n->table[hole] = n->table[i];
			hole = i;
		}
	}
	n->table[hole] = 0;
}

void names_drop(struct names *n, uint32_t number, struct pool *pool)
{
	struct name_kept *k = &n->kept[number];

	if (--k->held)
		return;
	take_out(n, place_of(n, k->hash));
	held_release(&k->value, pool);
	k->spare = n->spare;
	n->spare = number + 1;
}

/* ---- saved: how many, then their values ---- */

struct ordered { uint64_t hash; uint32_t number; };

static int by_hash(const void *a, const void *b)
{
	const struct ordered *x = a, *y = b;

	return (x->hash > y->hash) - (x->hash < y->hash);
}

void names_save(const struct names *n, struct buf *b, uint32_t *order)
{
	struct ordered *all = alloc_bytes((n->n + 1) * sizeof *all);
	uint32_t used = 0;

	for (uint32_t i = 0; i < n->n; i++)
		if (n->kept[i].held)
			all[used++] = (struct ordered){ n->kept[i].hash, i };
	qsort(all, used, sizeof *all, by_hash);
	snapshot_put_varint(b, used);
	for (uint32_t i = 0; i < used; i++) {
		held_save(b, n->kept[all[i].number].value);
		order[all[i].number] = i;
	}
	free(all);
}

void names_load(struct names *n, struct snapshot_bytes *in, struct pool *pool)
{
	const uint64_t used = snapshot_get_varint(in);
	struct arena arena = ARENA_INIT;

	for (uint64_t i = 0; i < used && !in->torn; i++) {
		const struct value v = held_load(in, &arena);
		const uint64_t hash = names_hash(v);
		const bool is_plain = v.type != VALUE_DOUBLE || value_number(v.number).type == VALUE_DOUBLE;
		if (v.type < VALUE_BOOL || v.type > VALUE_STRING || !is_plain || (i && hash <= n->kept[i - 1].hash))
			in->torn = true;
		if (in->torn)
			break;
		const uint32_t number = names_hold(n, v, hash, pool);
		n->kept[number].held = 0;
	}
	arena_release(&arena);
}

bool names_hold_number(struct names *n, uint64_t number)
{
	if (number >= n->n)
		return false;
	n->kept[number].held++;
	return true;
}

bool names_are_held(const struct names *n)
{
	for (uint32_t i = 0; i < n->n; i++)
		if (!n->kept[i].held)
			return false;
	return true;
}

void names_release(struct names *n, struct pool *pool)
{
	for (uint32_t i = 0; i < n->n; i++)
		held_release(&n->kept[i].value, pool);
	pool_put(pool, n->kept, n->room * sizeof *n->kept);
	pool_put(pool, n->table, n->room * 2 * sizeof *n->table);
	*n = (struct names){0};
}

size_t names_bytes(size_t n)
{
	size_t room = 4;

	while (room < n)
		room *= 2;
	return pool_size(room * sizeof(struct name_kept)) + pool_size(room * 2 * sizeof(uint32_t));
}
