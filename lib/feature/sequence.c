/* SPDX-License-Identifier: MIT */
#include "feature/sequence.h"

#include "feature/form.h"
#include "feature/held.h"
#include "feature/recent.h"
#include "feature/ring.h"
#include "feature/sessions.h"
#include "feature/timeline.h"
#include "feature/window.h"
#include "json/write.h"

#define UNUSED(x) ((void)(x))

/* How many values are read: of the last N not more than N. */
static uint32_t most_of(const struct expr_call *c)
{
	struct value n;

	expr_is_constant(c->args[1], &n);
	return c->window == WINDOW_LAST && c->last < n.integer ? c->last : (uint32_t)n.integer;
}

static int scalar_take(const struct aggregate *a, const struct expr_call *c, const void *state, struct value *x, struct arena *arena,
    struct error *why)
{
	UNUSED(a), UNUSED(c), UNUSED(state), UNUSED(arena);
	return x->type <= VALUE_STRING ? 0 : error_set(why, "needs a number, a string or a boolean");
}

/* ---- what is read, gathered from the newest to the oldest ---- */

struct gathered {
	struct value newest[EXPR_COUNT_MAX];	/* borrowed */
	uint32_t n, most;
	const struct value *own;	/* the present event's value, until it has been given; NULL: none */
	int64_t time;			/* its time */
};

static void give(struct gathered *g, struct value v)
{
	if (g->n < g->most)
		g->newest[g->n++] = v;
}

static void give_own(struct gathered *g)
{
	if (g->own)
		give(g, *g->own);
	g->own = NULL;
}

/* The present event comes behind those of its time.  False: no more are wanted. */
static bool give_timed(struct gathered *g, int64_t time, struct value v)
{
	if (time <= g->time)
		give_own(g);
	give(g, v);
	return g->n < g->most;
}

static bool give_recent(struct gathered *g, const struct recent *r)
{
	for (uint32_t ago = 0; ago < r->used; ago++)
		if (!give_timed(g, recent_at(r, ago)->time, recent_at(r, ago)->value))
			return false;
	return true;
}

static void gather(struct gathered *g, const struct expr_call *c, const struct moment *m)
{
	g->n = 0;
	g->most = most_of(c);
	g->own = m->x;
	g->time = m->time;
}

/* The oldest first; missing: none. */
static struct value in_order(const struct gathered *g, struct arena *arena)
{
	if (!g->n)
		return (struct value){0};
	struct value *items = arena_get(arena, g->n * sizeof *items);
	for (uint32_t i = 0; i < g->n; i++)
		items[i] = held_get(g->newest[g->n - 1 - i], arena);
	return (struct value){ .type = VALUE_ARRAY, .len = g->n, .items = items };
}

static void dump_values(struct buf *b, const struct gathered *g)
{
	json_write_name(b, "values");
	buf_add_byte(b, '[');
	for (uint32_t i = g->n; i--;) {
		json_write_value(b, g->newest[i]);
		if (i)
			buf_add_byte(b, ',');
	}
	buf_add_byte(b, ']');
}

/* The time of no event: behind all others. */
static const struct moment at_the_end = { NULL, INT64_MAX, NULL, INT64_MIN, NULL, NULL, NULL };

/* ---- over all, over last N: in order of arrival ---- */

static struct value ring_read(const struct aggregate *a, const struct expr_call *c, const void *state, const struct moment *m)
{
	const struct ring *r = state;
	struct gathered g;
	uint32_t ago = 0;

	UNUSED(a);
	gather(&g, c, m);
	give_own(&g);
	for (struct value v; g.n < g.most && (v = ring_newest(r, g.most, ago)).type != VALUE_MISSING; ago++)
		give(&g, v);
	return in_order(&g, m->arena);
}

static void sequence_ring_add(const struct aggregate *a, const struct expr_call *c, void *state, const struct moment *m, struct pool *pool)
{
	UNUSED(a);
	ring_add(state, most_of(c), *m->x, pool);
}

static void sequence_ring_release(const struct aggregate *a, const struct expr_call *c, void *state, struct pool *pool)
{
	UNUSED(a);
	ring_release(state, most_of(c), pool);
}

static void sequence_ring_save(const struct aggregate *a, const struct expr_call *c, const void *state, struct buf *b)
{
	UNUSED(a);
	ring_save(state, most_of(c), b);
}

static void sequence_ring_load(const struct aggregate *a, const struct expr_call *c, void *state, struct snapshot_bytes *in,
    struct pool *pool)
{
	const struct ring *r = state;
	const uint32_t most = most_of(c);

	UNUSED(a);
	ring_load(state, most, in, pool);
	if (in->torn)
		return;
	if (!r->n || r->n > INT64_MAX)
		in->torn = true;
	for (uint32_t ago = 0; ago < r->n && ago < most; ago++) {
		const struct value v = ring_newest(r, most, ago);
		if (value_is_null(v) || v.type > VALUE_STRING)
			in->torn = true;
	}
}

static void sequence_ring_dump(const struct aggregate *a, const struct expr_call *c, const void *state, struct buf *b)
{
	UNUSED(a);
	ring_dump(state, most_of(c), b);
}

static size_t sequence_ring_bound(const struct aggregate *a, const struct expr_call *c)
{
	UNUSED(a);
	return pool_size(most_of(c) * sizeof(struct value));
}

const struct keeper sequence_keeper = {
	"the newest values", sizeof(struct ring), scalar_take, ring_read, sequence_ring_add, sequence_ring_release,
	sequence_ring_save, sequence_ring_load, sequence_ring_dump, sequence_ring_bound, NULL, NULL,
};

/* ---- sliding windows, panes, tumbling windows: a timeline of values, or of the newest of each pane ---- */

struct line {
	struct timeline line;
	int64_t newest;		/* event time */
};

static void drop_value(const void *self, void *entry, struct pool *pool)
{
	UNUSED(self);
	held_release(entry, pool);
}

static void save_value(const void *self, const void *entry, struct buf *b)
{
	UNUSED(self);
	held_save(b, *(const struct value *)entry);
}

static void load_value(const void *self, void *entry, struct snapshot_bytes *in, struct pool *pool)
{
	struct arena arena = ARENA_INIT;
	const struct value v = held_load(in, &arena);

	UNUSED(self);
	if (value_is_null(v) || v.type > VALUE_STRING)
		in->torn = true;
	else
		held_set(entry, v, pool);
	arena_release(&arena);
}

static void drop_recent(const void *self, void *entry, struct pool *pool)
{
	UNUSED(self);
	recent_release(entry, pool);
}

static void save_recent(const void *self, const void *entry, struct buf *b)
{
	UNUSED(self);
	recent_save(entry, b);
}

static void load_recent(const void *self, void *entry, struct snapshot_bytes *in, struct pool *pool)
{
	recent_load(entry, most_of(self), in, pool);
}

static bool is_sliding(const struct expr_call *c)
{
	return c->window == WINDOW_SLIDING;
}

/* Nothing is folded, so there are no partials. */
static const struct timeline_entries values = { NULL, NULL, drop_value, save_value, load_value };
static const struct timeline_entries recents = { NULL, NULL, drop_recent, save_recent, load_recent };

static struct timeline_kind line_kind(const struct expr_call *c)
{
	if (is_sliding(c))
		return (struct timeline_kind){ .of = &values, .self = c, .entry = sizeof(struct value) };
	return (struct timeline_kind){ .of = &recents, .self = c, .entry = sizeof(struct recent) };
}

static bool see_value(void *self, int64_t time, void *entry)
{
	return give_timed(self, time, *(const struct value *)entry);
}

static bool see_pane(void *self, int64_t time, void *entry)
{
	UNUSED(time);
	return give_recent(self, entry);
}

static void gather_line(struct gathered *g, const struct expr_call *c, const struct line *l, struct stretch_reach r)
{
	const struct timeline_kind kind = line_kind(c);

	timeline_walk(&l->line, &kind, r.after, r.until, true, is_sliding(c) ? see_value : see_pane, g);
	give_own(g);
}

static struct value line_read(const struct aggregate *a, const struct expr_call *c, const void *state, const struct moment *m)
{
	const struct line *l = state;
	struct gathered g;

	UNUSED(a);
	gather(&g, c, m);
	gather_line(&g, c, l, stretch_reach(c, l->line.n ? &l->newest : NULL, m));
	return in_order(&g, m->arena);
}

static void add_to_pane(const struct expr_call *c, struct line *l, const struct timeline_kind *kind, const struct moment *m,
    struct pool *pool)
{
	const int64_t pane = stretch_place(c, m->time);
	struct recent *r = timeline_find(&l->line, kind, pane), fresh = {0};

	recent_add(r ? r : &fresh, most_of(c), m->time, *m->x, pool);
	if (!r)
		timeline_add(&l->line, kind, pane, &fresh, pool);
}

static bool empty_pane(void *self, int64_t time, void *entry)
{
	UNUSED(time);
	recent_release(entry, self);
	return true;
}

static void line_release(const struct aggregate *a, const struct expr_call *c, void *state, struct pool *pool)
{
	const struct timeline_kind kind = line_kind(c);
	struct line *l = state;

	UNUSED(a);
	timeline_release(&l->line, &kind, pool);
	*l = (struct line){0};
}

static void line_add(const struct aggregate *a, const struct expr_call *c, void *state, const struct moment *m, struct pool *pool)
{
	struct line *l = state;
	const struct timeline_kind kind = line_kind(c);
	const int64_t *newest = l->line.n ? &l->newest : NULL;
	const int64_t gone = stretch_gone(c, form_mark(newest, m));
	const bool goes_on = !newest || m->watermark > INT64_MIN || gone > stretch_gone(c, *newest);
	struct value held = {0};

	/* Else it counts for nobody any more. */
	if (stretch_place(c, m->time) > gone) {
		l->newest = form_newest(newest, m);
		if (is_sliding(c)) {
			held_set(&held, *m->x, pool);
			timeline_add(&l->line, &kind, m->time, &held, pool);
		} else
			add_to_pane(c, l, &kind, m, pool);
	}
	/* A timeline drops a leaf at a time: what old panes hold would be much. */
	if (goes_on && !is_sliding(c))
		timeline_walk(&l->line, &kind, INT64_MIN, gone, false, empty_pane, pool);
	timeline_drop(&l->line, &kind, gone, pool);
	if (!l->line.n)
		line_release(a, c, l, pool);
}

static void line_save(const struct aggregate *a, const struct expr_call *c, const void *state, struct buf *b)
{
	const struct timeline_kind kind = line_kind(c);
	const struct line *l = state;

	UNUSED(a);
	snapshot_put_signed(b, l->newest);
	timeline_save(&l->line, &kind, b);
}

struct checked { const struct expr_call *c; bool is_whole; };

/* Whether all that a pane holds is of it; one that has been emptied holds nothing. */
static bool check_pane(void *self, int64_t time, void *entry)
{
	struct checked *k = self;
	const struct recent *r = entry;

	k->is_whole = !r->used ||
	    (stretch_place(k->c, recent_at(r, 0)->time) == time && stretch_place(k->c, recent_at(r, r->used - 1)->time) == time);
	return k->is_whole;
}

static void line_load(const struct aggregate *a, const struct expr_call *c, void *state, struct snapshot_bytes *in, struct pool *pool)
{
	const struct timeline_kind kind = line_kind(c);
	struct line *l = state;

	UNUSED(a);
	l->newest = snapshot_get_signed(in);
	timeline_load(&l->line, &kind, in, pool);
	if (in->torn)
		return;
	struct checked checked = { c, true };
	if (!is_sliding(c))
		timeline_walk(&l->line, &kind, INT64_MIN, INT64_MAX, true, check_pane, &checked);
	if (!checked.is_whole || !l->line.n || l->line.newest != stretch_place(c, l->newest))
		in->torn = true;
}

static void line_dump(const struct aggregate *a, const struct expr_call *c, const void *state, struct buf *b)
{
	const struct line *l = state;
	struct gathered g;

	UNUSED(a);
	json_write_name(b, is_sliding(c) ? "n" : "panes");
	json_write_integer(b, l->line.n);
	form_put_time(b, "newest", l->newest);
	gather(&g, c, &at_the_end);
	gather_line(&g, c, l, (struct stretch_reach){ INT64_MIN, INT64_MAX });
	dump_values(b, &g);
}

static size_t line_bound(const struct aggregate *a, const struct expr_call *c)
{
	const struct timeline_kind kind = line_kind(c);
	const size_t panes = window_panes(c);

	UNUSED(a);
	return is_sliding(c) ? 0 : timeline_bound(&kind, panes) + panes * recent_bound(most_of(c));
}

static size_t sliding_grown(const struct aggregate *a, const struct expr_call *c, size_t n)
{
	const struct timeline_kind kind = line_kind(c);

	UNUSED(a);
	return timeline_bound(&kind, n);
}

static const struct keeper sliding_keeper = {
	"the values of the window", sizeof(struct line), scalar_take, line_read, line_add, line_release,
	line_save, line_load, line_dump, line_bound, NULL, sliding_grown,
};

static const struct keeper pane_keeper = {
	"the newest values of each pane", sizeof(struct line), scalar_take, line_read, line_add, line_release,
	line_save, line_load, line_dump, line_bound, NULL, NULL,
};

/* ---- sessions ---- */

static void add_to_session(const void *self, void *one, const struct moment *m, struct pool *pool)
{
	recent_add(one, most_of(self), m->time, *m->x, pool);
}

static void join_sessions(const void *self, void *one, void *later, struct pool *pool)
{
	recent_join(one, most_of(self), later, pool);
}

static struct sessions_kind session_kind(const struct expr_call *c)
{
	return (struct sessions_kind){ c, sizeof(struct recent), add_to_session, join_sessions, drop_recent, save_recent, load_recent };
}

static struct value session_read(const struct aggregate *a, const struct expr_call *c, const void *state, const struct moment *m)
{
	const struct sessions_kind kind = session_kind(c);
	const struct sessions *all = state;
	const struct sessions_span span = sessions_span(all, &kind, c, m);
	struct gathered g;

	UNUSED(a);
	gather(&g, c, m);
	for (size_t i = span.to; i > span.from; i--)
		if (!give_recent(&g, (const struct recent *)(const void *)sessions_at(all, &kind, i - 1)->comes_to))
			break;
	give_own(&g);
	return in_order(&g, m->arena);
}

static void session_add(const struct aggregate *a, const struct expr_call *c, void *state, const struct moment *m, struct pool *pool)
{
	const struct sessions_kind kind = session_kind(c);

	UNUSED(a);
	sessions_add(state, &kind, c, m, pool);
}

static void session_release(const struct aggregate *a, const struct expr_call *c, void *state, struct pool *pool)
{
	const struct sessions_kind kind = session_kind(c);

	UNUSED(a);
	sessions_release(state, &kind, pool);
}

static void session_save(const struct aggregate *a, const struct expr_call *c, const void *state, struct buf *b)
{
	const struct sessions_kind kind = session_kind(c);

	UNUSED(a);
	sessions_save(state, &kind, b);
}

static void session_load(const struct aggregate *a, const struct expr_call *c, void *state, struct snapshot_bytes *in, struct pool *pool)
{
	const struct sessions_kind kind = session_kind(c);
	const struct sessions *all = state;

	UNUSED(a);
	sessions_load(state, &kind, in, pool);
	for (size_t i = 0; i < all->n && !in->torn; i++) {
		const struct session *one = sessions_at(all, &kind, i);
		const struct recent *r = (const struct recent *)(const void *)one->comes_to;
		if (r->used && (recent_at(r, 0)->time > one->last || recent_at(r, r->used - 1)->time < one->first))
			in->torn = true;
	}
}

static void session_dump(const struct aggregate *a, const struct expr_call *c, const void *state, struct buf *b)
{
	const struct sessions_kind kind = session_kind(c);
	const struct sessions *all = state;
	struct gathered g;

	UNUSED(a);
	json_write_name(b, "sessions");
	buf_add_byte(b, '[');
	for (size_t i = 0; i < all->n; i++) {
		const struct session *one = sessions_at(all, &kind, i);
		buf_add_text(b, i ? ",{" : "{");
		form_put_time(b, "first", one->first);
		form_put_time(b, "last", one->last);
		gather(&g, c, &at_the_end);
		give_recent(&g, (const struct recent *)(const void *)one->comes_to);
		dump_values(b, &g);
		buf_add_byte(b, '}');
	}
	buf_add_byte(b, ']');
}

static size_t session_bound(const struct aggregate *a, const struct expr_call *c)
{
	const struct sessions_kind kind = session_kind(c);

	UNUSED(a);
	return sessions_bound(&kind) + recent_bound(most_of(c));
}

static const struct keeper sessions_keeper = {
	"the newest values of the session", sizeof(struct sessions), scalar_take, session_read, session_add, session_release,
	session_save, session_load, session_dump, session_bound, NULL, NULL,
};

const struct keeper *sequence_keeper_of(const struct expr_call *c)
{
	switch (c->window) {
	case WINDOW_SLIDING:
		return &sliding_keeper;
	case WINDOW_PANES:
	case WINDOW_TUMBLING:
		return &pane_keeper;
	case WINDOW_SESSION:
		return &sessions_keeper;
	default:
		return &sequence_keeper;
	}
}
