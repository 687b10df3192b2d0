/* SPDX-License-Identifier: MIT */
#include "feature/ring.h"

#include "base/arena.h"
#include "feature/held.h"
#include "json/write.h"

/* Places for `used` values and one more: follows from `used` alone. */
static uint32_t room_for(uint64_t used, uint32_t last)
{
	uint64_t room = 4;

	while (room <= used)
		room *= 2;
	return room < last ? (uint32_t)room : last;
}

static uint32_t in_use(const struct ring *r, uint32_t last)
{
	return r->n < last ? (uint32_t)r->n : last;
}

static void grow(struct ring *r, uint32_t last, struct pool *pool)
{
	const uint32_t room = room_for(in_use(r, last), last);

	if (room <= r->room)
		return;
	r->values = pool_resize(pool, r->values, r->room * sizeof *r->values, room * sizeof *r->values);
	for (uint32_t i = r->room; i < room; i++)
		r->values[i] = (struct value){0};
	r->room = room;
}

struct value ring_oldest(const struct ring *r, uint32_t last, bool one_more)
{
	const uint64_t first = r->n + one_more > last ? r->n + one_more - last : 0;

	return first < r->n ? r->values[first % last] : (struct value){0};
}

struct value ring_newest(const struct ring *r, uint32_t last, uint32_t ago)
{
	return ago < in_use(r, last) ? r->values[(r->n - 1 - ago) % last] : (struct value){0};
}

void ring_add(struct ring *r, uint32_t last, struct value v, struct pool *pool)
{
	grow(r, last, pool);
	held_set(&r->values[r->n++ % last], v, pool);
}

void ring_release(struct ring *r, uint32_t last, struct pool *pool)
{
	for (uint32_t i = 0; i < in_use(r, last); i++)
		held_release(&r->values[i], pool);
	pool_put(pool, r->values, r->room * sizeof *r->values);
	*r = (struct ring){0};
}

void ring_save(const struct ring *r, uint32_t last, struct buf *b)
{
	snapshot_put_varint(b, r->n);
	for (uint32_t i = 0; i < in_use(r, last); i++)
		held_save(b, r->values[i]);
}

void ring_load(struct ring *r, uint32_t last, struct snapshot_bytes *in, struct pool *pool)
{
	struct arena arena = ARENA_INIT;
	const uint64_t n = snapshot_get_varint(in);
	const uint64_t used = n < last ? n : last;

	if (used > (uint64_t)(in->end - in->p))
		in->torn = true;
	/* A ring is filled in the order of its places, then told how many it has seen. */
	for (uint64_t i = 0; i < used && !in->torn; i++)
		ring_add(r, last, held_load(in, &arena), pool);
	if (!in->torn)
		r->n = n;
	arena_release(&arena);
}

void ring_dump(const struct ring *r, uint32_t last, struct buf *b)
{
	const uint32_t used = in_use(r, last);

	json_write_name(b, "n");
	json_write_integer(b, (int64_t)r->n);
	json_write_name(b, "values");
	buf_add_byte(b, '[');
	for (uint32_t i = 0; i < used; i++) {
		if (i)
			buf_add_byte(b, ',');
		json_write_value(b, r->values[(r->n - used + i) % last]);
	}
	buf_add_byte(b, ']');
}
