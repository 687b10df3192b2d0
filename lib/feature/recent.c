/* SPDX-License-Identifier: MIT */
#include "feature/recent.h"

#include "base/arena.h"
#include "feature/held.h"

#define FIRST_ROOM 4

static struct recent_value *place(const struct recent *r, uint32_t i)
{
	i += r->head;
	return &r->ring[i < r->room ? i : i - r->room];
}

const struct recent_value *recent_at(const struct recent *r, uint32_t ago)
{
	return place(r, r->used - 1 - ago);
}

static void grow(struct recent *r, uint32_t most, struct pool *pool)
{
	uint32_t room = r->room ? r->room * 2 : FIRST_ROOM;

	room = room < most ? room : most;
	/* A ring that is not full has lost none yet, so that it begins at 0. */
	r->ring = pool_resize(pool, r->ring, r->room * sizeof *r->ring, room * sizeof *r->ring);
	r->room = room;
}

static void drop_oldest(struct recent *r, struct pool *pool)
{
	held_release(&place(r, 0)->value, pool);
	r->head = r->head + 1 < r->room ? r->head + 1 : 0;
	r->used--;
}

void recent_add(struct recent *r, uint32_t most, int64_t time, struct value v, struct pool *pool)
{
	uint32_t i;

	if (r->used == most && time < place(r, 0)->time)
		return;
	if (r->used == most)
		drop_oldest(r, pool);
	else if (r->used == r->room)
		grow(r, most, pool);
	for (i = r->used++; i && place(r, i - 1)->time > time; i--)
		*place(r, i) = *place(r, i - 1);
	*place(r, i) = (struct recent_value){ .time = time };
	held_set(&place(r, i)->value, v, pool);
}

void recent_join(struct recent *r, uint32_t most, struct recent *later, struct pool *pool)
{
	for (uint32_t i = 0; i < later->used; i++) {
		if (r->used == most)
			drop_oldest(r, pool);
		else if (r->used == r->room)
			grow(r, most, pool);
		*place(r, r->used++) = *place(later, i);
	}
	later->used = 0;
	recent_release(later, pool);
}

void recent_release(struct recent *r, struct pool *pool)
{
	for (uint32_t i = 0; i < r->used; i++)
		held_release(&place(r, i)->value, pool);
	pool_put(pool, r->ring, r->room * sizeof *r->ring);
	*r = (struct recent){0};
}

void recent_save(const struct recent *r, struct buf *b)
{
	int64_t time = INT64_MIN;

	snapshot_put_varint(b, r->used);
	for (uint32_t i = 0; i < r->used; i++) {
		const struct recent_value *one = place(r, i);
		/* Unsigned: from one end of time to the other. */
		snapshot_put_varint(b, (uint64_t)one->time - (uint64_t)time);
		time = one->time;
		held_save(b, one->value);
	}
}

void recent_load(struct recent *r, uint32_t most, struct snapshot_bytes *in, struct pool *pool)
{
	struct arena arena = ARENA_INIT;
	const uint64_t n = snapshot_get_varint(in);
	int64_t time = INT64_MIN;

	if (n > most)
		in->torn = true;
	for (uint64_t i = 0; i < n && !in->torn; i++) {
		const uint64_t step = snapshot_get_varint(in);
		const struct value v = held_load(in, &arena);
		if (step > (uint64_t)INT64_MAX - (uint64_t)time || value_is_null(v) || v.type > VALUE_STRING)
			in->torn = true;
		if (in->torn)
			break;
		time = (int64_t)((uint64_t)time + step);
		recent_add(r, most, time, v, pool);
	}
	arena_release(&arena);
}

size_t recent_bound(uint32_t most)
{
	return pool_size(most * sizeof(struct recent_value));
}
