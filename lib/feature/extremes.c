/* SPDX-License-Identifier: MIT */
#include "feature/extremes.h"

#include "base/arena.h"
#include "feature/held.h"
#include "json/write.h"

static inline struct extreme *queue_at(const struct extremes *e, uint32_t i)
{
	return &e->queue[(e->head + i) & (e->room - 1)];
}

struct value extremes_read(const struct extremes *e, uint32_t last, int sign, const struct value *x)
{
	const uint64_t n = e->n + (x ? 1 : 0), first = n > last ? n - last : 0;
	struct value best = {0};

	/* One value comes at a time, so at most one has gone since the last was added. */
	for (uint32_t i = 0; i < e->used; i++)
		if (queue_at(e, i)->at >= first) {
			best = queue_at(e, i)->value;
			break;
		}
	if (x && (best.type == VALUE_MISSING || value_compare(*x, best) * sign > 0))
		best = *x;
	return best;
}

static void queue_grow(struct extremes *e, struct pool *pool)
{
	const uint32_t room = e->room ? e->room * 2 : 4;
	struct extreme *queue = pool_get(pool, room * sizeof *queue);

	for (uint32_t i = 0; i < e->used; i++)
		queue[i] = *queue_at(e, i);
	pool_put(pool, e->queue, e->room * sizeof *queue);
	e->queue = queue;
	e->head = 0;
	e->room = room;
}

static void push(struct extremes *e, uint64_t at, struct value x, struct pool *pool)
{
	if (e->used == e->room)
		queue_grow(e, pool);
	struct extreme *new = queue_at(e, e->used++);
	*new = (struct extreme){ .at = at };
	held_set(&new->value, x, pool);
}

void extremes_add(struct extremes *e, uint32_t last, int sign, struct value x, struct pool *pool)
{
	while (e->used && queue_at(e, 0)->at + last <= e->n) {
		held_release(&queue_at(e, 0)->value, pool);
		e->head = (e->head + 1) & (e->room - 1);
		e->used--;
	}
	while (e->used && value_compare(queue_at(e, e->used - 1)->value, x) * sign <= 0)
		held_release(&queue_at(e, --e->used)->value, pool);
	push(e, e->n++, x, pool);
}

void extremes_release(struct extremes *e, struct pool *pool)
{
	for (uint32_t i = 0; i < e->used; i++)
		held_release(&queue_at(e, i)->value, pool);
	pool_put(pool, e->queue, e->room * sizeof *e->queue);
	*e = (struct extremes){0};
}

void extremes_save(const struct extremes *e, struct buf *b)
{
	snapshot_put_varint(b, e->n);
	snapshot_put_varint(b, e->used);
	for (uint32_t i = 0; i < e->used; i++) {
		snapshot_put_varint(b, e->n - queue_at(e, i)->at);
		held_save(b, queue_at(e, i)->value);
	}
}

void extremes_load(struct extremes *e, uint32_t last, struct snapshot_bytes *in, struct pool *pool)
{
	struct arena arena = ARENA_INIT;
	const uint64_t n = snapshot_get_varint(in), used = snapshot_get_varint(in);

	if (used > last || used > n)
		in->torn = true;
	for (uint64_t i = 0; i < used && !in->torn; i++) {
		const uint64_t ago = snapshot_get_varint(in);
		const struct value v = held_load(in, &arena);
		if (!ago || ago > n || (v.type != VALUE_STRING && !value_is_number(v)))
			in->torn = true;
		else
			push(e, n - ago, v, pool);
	}
	e->n = n;
	arena_release(&arena);
}

void extremes_dump(const struct extremes *e, struct buf *b)
{
	json_write_name(b, "n");
	json_write_integer(b, (int64_t)e->n);
	json_write_name(b, "candidates");
	buf_add_byte(b, '[');
	for (uint32_t i = 0; i < e->used; i++) {
		if (i)
			buf_add_byte(b, ',');
		json_write_value(b, queue_at(e, i)->value);
	}
	buf_add_byte(b, ']');
}
