/* SPDX-License-Identifier: MIT */
#include "feature/opened.h"

#include <string.h>

#include "base/eventtime.h"
#include "feature/form.h"
#include "feature/window.h"
#include "json/write.h"

#define UNUSED(x) ((void)(x))
#define DUE_BYTES 64		/* of an open window in the order of their ends (firing.c) */

/* ---- events come ---- */

static struct open_window *insert(struct opened *o, uint32_t at, struct open_window w, struct pool *pool)
{
	if (o->n == o->room) {
		const uint32_t room = o->room ? o->room * 2 : 1;
		o->list = pool_resize(pool, o->list, o->room * sizeof w, room * sizeof w);
		o->room = room;
	}
	memmove(&o->list[at + 1], &o->list[at], (o->n - at) * sizeof w);
	o->list[at] = w;
	o->n++;
	return &o->list[at];
}

static void take_in(struct open_window *w, int64_t time)
{
	w->newest = time > w->newest ? time : w->newest;
	w->events++;
	w->is_changed = w->is_fresh = true;
}

/* Of the windows with these ends the first that is not there is put in. */
static void note_fixed(struct opened *o, int64_t start, int64_t end, int64_t time, struct pool *pool)
{
	uint32_t at = o->n;

	while (at && o->list[at - 1].end > end)
		at--;
	if (at && o->list[at - 1].end == end)
		take_in(&o->list[at - 1], time);
	else
		take_in(insert(o, at, (struct open_window){ start, end, time, INT64_MIN, 0, 0, false, false, false }, pool), time);
}

static int64_t session_end(const struct expr_call *c, int64_t newest)
{
	return eventtime_plus(eventtime_plus(newest, c->width), 1);
}

/* Sessions that the event joins become one with it. */
static void note_session(struct opened *o, const struct expr_call *c, int64_t time, int64_t closed, struct pool *pool)
{
	uint32_t from = o->n, to;

	while (from && o->list[from - 1].end > time)
		from--;
	for (to = from; to < o->n && eventtime_minus(o->list[to].start, c->width) <= time; to++)
		;
	if (from == to) {
		if (session_end(c, time) > closed)
			take_in(insert(o, from, (struct open_window){ time, session_end(c, time), time, INT64_MIN, 0, 0, false, false, false }, pool), time);
		return;
	}
	struct open_window *w = &o->list[from];
	for (uint32_t i = from + 1; i < to; i++) {
		const struct open_window *next = &o->list[i];
		w->newest = next->newest;
		w->due = next->due > w->due ? next->due : w->due;
		w->events += next->events;
		w->revision = next->revision > w->revision ? next->revision : w->revision;
	}
	memmove(w + 1, &o->list[to], (o->n - to) * sizeof *w);
	o->n -= to - from - 1;
	w->start = time < w->start ? time : w->start;
	take_in(w, time);
	w->end = session_end(c, w->newest);
}

void opened_note(struct opened *o, const struct expr_call *c, int64_t time, int64_t closed, struct pool *pool)
{
	switch (c->window) {
	case WINDOW_ALL:
		note_fixed(o, INT64_MIN, INT64_MAX, time, pool);
		break;
	case WINDOW_SESSION:
		note_session(o, c, time, closed, pool);
		break;
	default: {
		const int64_t step = c->window == WINDOW_PANES ? c->every : c->width;
		const int64_t pane = eventtime_floor(time, step, c->offset);
		for (int64_t past = 0; past < c->width; past += step) {
			const int64_t end = eventtime_plus(pane, step + past);
			if (end > closed)
				note_fixed(o, eventtime_minus(end, c->width), end, time, pool);
		}
	}
	}
}

void opened_forget(struct opened *o, struct open_window *w, struct pool *pool)
{
	const size_t at = (size_t)(w - o->list);

	memmove(w, w + 1, (--o->n - at) * sizeof *w);
	if (o->n)
		return;
	/* What is empty is all zero. */
	pool_put(pool, o->list, o->room * sizeof *w);
	*o = (struct opened){0};
}

int64_t opened_end(const struct expr_call *c, const struct open_window *w)
{
	return c->window == WINDOW_SESSION ? eventtime_plus(w->newest, c->width) : w->end;
}

/* ---- the keeper ---- */

static struct value opened_read(const struct aggregate *a, const struct expr_call *c, const void *state, const struct moment *m)
{
	UNUSED(a), UNUSED(c), UNUSED(state), UNUSED(m);
	return value_null();
}

static void opened_add(const struct aggregate *a, const struct expr_call *c, void *state, const struct moment *m, struct pool *pool)
{
	UNUSED(a);
	opened_note(state, c, m->time, INT64_MIN, pool);
}

static void opened_release(const struct aggregate *a, const struct expr_call *c, void *state, struct pool *pool)
{
	struct opened *o = state;

	UNUSED(a), UNUSED(c);
	pool_put(pool, o->list, o->room * sizeof *o->list);
	*o = (struct opened){0};
}

static void opened_save(const struct aggregate *a, const struct expr_call *c, const void *state, struct buf *b)
{
	const struct opened *o = state;

	UNUSED(a), UNUSED(c);
	snapshot_put_varint(b, o->n);
	for (uint32_t i = 0; i < o->n; i++) {
		const struct open_window *w = &o->list[i];
		snapshot_put_signed(b, w->start);
		snapshot_put_signed(b, w->end);
		snapshot_put_signed(b, w->newest);
		snapshot_put_varint(b, w->events);
		snapshot_put_varint(b, (uint64_t)w->revision << 2 | (uint64_t)w->is_fresh << 1 | w->is_changed);
	}
}

static void opened_load(const struct aggregate *a, const struct expr_call *c, void *state, struct snapshot_bytes *in, struct pool *pool)
{
	struct opened *o = state;

	UNUSED(a), UNUSED(c);
	const uint64_t n = snapshot_get_varint(in);
	for (uint64_t i = 0; i < n && !in->torn; i++) {
		struct open_window w = { .start = snapshot_get_signed(in), .end = snapshot_get_signed(in), .newest = snapshot_get_signed(in),
			.due = INT64_MIN, .events = snapshot_get_varint(in) };
		const uint64_t rest = snapshot_get_varint(in);
		w.revision = (uint32_t)(rest >> 2);
		w.is_fresh = rest >> 1 & 1;
		w.is_changed = rest & 1;
		if (in->torn || w.start >= w.end || w.newest < w.start || w.newest >= w.end || rest >> 34 ||
		    (o->n && o->list[o->n - 1].end >= w.end))
			in->torn = true;
		else
			insert(o, o->n, w, pool);
	}
}

static void opened_dump(const struct aggregate *a, const struct expr_call *c, const void *state, struct buf *b)
{
	const struct opened *o = state;

	UNUSED(a);
	json_write_name(b, "windows");
	buf_add_byte(b, '[');
	for (uint32_t i = 0; i < o->n; i++) {
		json_write_comma(b);
		buf_add_byte(b, '{');
		if (c->window != WINDOW_ALL) {
			form_put_time(b, "start", o->list[i].start);
			form_put_time(b, "end", opened_end(c, &o->list[i]));
		}
		json_write_name(b, "events");
		json_write_integer(b, (int64_t)o->list[i].events);
		json_write_name(b, "revision");
		json_write_integer(b, o->list[i].revision);
		buf_add_byte(b, '}');
	}
	buf_add_byte(b, ']');
}

static size_t opened_bound(const struct aggregate *a, const struct expr_call *c)
{
	const size_t most = c->window == WINDOW_PANES || c->window == WINDOW_TUMBLING ? window_panes(c) : 1;
	size_t room = 1;

	UNUSED(a);
	while (room < most)
		room *= 2;
	return pool_size(room * sizeof(struct open_window)) + most * DUE_BYTES;
}

const struct keeper opened_keeper = {
	"which windows hold events", sizeof(struct opened), NULL, opened_read, opened_add, opened_release, opened_save, opened_load, opened_dump,
	opened_bound, NULL, NULL,
};
