/* SPDX-License-Identifier: MIT */
#include "feature/window.h"

#include "base/eventtime.h"
#include "feature/held.h"
#include "json/write.h"

/* ---- the kinds ---- */

struct window_row {
	enum window_kind kind;
	const char *refusal;	/* NULL: in this version; then the window as written */
	const char *words;
};

static const struct window_row rows[] = {
	{ WINDOW_ALL, NULL, "" },
	{ WINDOW_LAST, NULL, "" },
	{ WINDOW_SLIDING, "windows in time", "over" },
	{ WINDOW_PANES, "windows in time", "over" },
	{ WINDOW_TUMBLING, "tumbling windows", "over tumbling" },
	{ WINDOW_SESSION, "session windows", "over session" },
};

static const char instead[] = "over all and over last N are";

int window_check(const struct expr_call *c, struct error *why)
{
	char width[EVENTTIME_SHOW_MAX], every[EVENTTIME_SHOW_MAX] = "";

	if (c->every)
		eventtime_duration_show(c->every, every);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (rows[i].kind == c->window && rows[i].refusal) {
			eventtime_duration_show(c->width, width);
			return error_set(why, "%s (%s %s%s%s) are not in this version: %s", rows[i].refusal, rows[i].words, width,
			    *every ? " every " : "", every, instead);
		}
	if (c->half_life) {
		eventtime_duration_show(c->half_life, width);
		return error_set(why, "decay (decay %s) is not in this version: %s", width, instead);
	}
	if (c->window == WINDOW_LAST && (!c->last || c->last > WINDOW_LAST_MAX))
		return error_set(why, "over last takes 1 to %d events, not %u", WINDOW_LAST_MAX, c->last);
	return 0;
}

/* ---- the last N values ---- */

/* Places for `used` values and one more: follows from `used` alone. */
static uint32_t room_for(uint64_t used, uint32_t last)
{
	uint64_t room = 4;

	while (room <= used)
		room *= 2;
	return room < last ? (uint32_t)room : last;
}

static uint32_t ring_used(const struct held_ring *r, uint32_t last)
{
	return r->n < last ? (uint32_t)r->n : last;
}

static void ring_grow(struct held_ring *r, uint32_t last, struct pool *pool)
{
	const uint32_t room = room_for(ring_used(r, last), last);

	if (room <= r->room)
		return;
	r->values = pool_resize(pool, r->values, r->room * sizeof *r->values, room * sizeof *r->values);
	for (uint32_t i = r->room; i < room; i++)
		r->values[i] = (struct value){0};
	r->room = room;
}

struct value held_ring_oldest(const struct held_ring *r, uint32_t last, bool one_more)
{
	const uint64_t first = r->n + one_more > last ? r->n + one_more - last : 0;

	return first < r->n ? r->values[first % last] : (struct value){0};
}

void held_ring_add(struct held_ring *r, uint32_t last, struct value v, struct pool *pool)
{
	ring_grow(r, last, pool);
	held_set(&r->values[r->n++ % last], v, pool);
}

void held_ring_release(struct held_ring *r, uint32_t last, struct pool *pool)
{
	for (uint32_t i = 0; i < ring_used(r, last); i++)
		held_release(&r->values[i], pool);
	pool_put(pool, r->values, r->room * sizeof *r->values);
	*r = (struct held_ring){0};
}

void held_ring_save(const struct held_ring *r, uint32_t last, struct buf *b)
{
	snapshot_put_varint(b, r->n);
	for (uint32_t i = 0; i < ring_used(r, last); i++)
		held_save(b, r->values[i]);
}

void held_ring_load(struct held_ring *r, uint32_t last, struct snapshot_bytes *in, struct pool *pool)
{
	struct arena arena = ARENA_INIT;
	const uint64_t n = snapshot_get_varint(in);
	const uint64_t used = n < last ? n : last;

	if (used > (uint64_t)(in->end - in->p))
		in->torn = true;
	/* A ring is filled in the order of its places, then told how many it has seen. */
	for (uint64_t i = 0; i < used && !in->torn; i++)
		held_ring_add(r, last, held_load(in, &arena), pool);
	if (!in->torn)
		r->n = n;
	arena_release(&arena);
}

void held_ring_dump(const struct held_ring *r, uint32_t last, struct buf *b)
{
	const uint32_t used = ring_used(r, last);

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

/* ---- the greatest or least of the last N ---- */

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
