/* SPDX-License-Identifier: MIT */
/* Counted values in windows that are a stretch of a timeline: of values by time or by number, of pots by pane. */
#include "feature/counted.h"

#include <string.h>

#include "base/eventtime.h"
#include "feature/cursor.h"
#include "feature/form.h"
#include "feature/window.h"
#include "json/write.h"

#define UNUSED(x) ((void)(x))

/* What lies beside the timeline; behind it what is common. */
struct desk {
	struct cursors cursors;
	struct timeline blocks;		/* of rows whose pots do not come out of a sum: panes joined, several in one */
	uint64_t common[];
};

struct line {
	struct timeline line;
	int64_t newest;			/* event time; of the last N the number of the newest, from 1 */
	struct desk *desk;
};

/* A state at work. */
struct work {
	struct counted_in in;
	struct timeline_kind kind;
	bool has_pots;
};

/* ---- entries ---- */

static void drop_one(const void *self, void *entry, struct pool *pool)
{
	const struct counted_in *in = self;

	UNUSED(pool);
	in->row->unmake(in, *(uint64_t *)entry);
}

static void save_one(const void *self, const void *entry, struct buf *b)
{
	const struct counted_in *in = self;

	in->row->save(in, *(const uint64_t *)entry, b);
}

static void load_one(const void *self, void *entry, struct snapshot_bytes *bytes, struct pool *pool)
{
	const struct counted_in *in = self;

	UNUSED(pool);
	*(uint64_t *)entry = in->row->load(in, bytes);
}

static void drop_pot(const void *self, void *entry, struct pool *pool)
{
	const struct counted_in *in = self;

	UNUSED(pool);
	in->row->pot_release(in, entry);
}

static void save_pot(const void *self, const void *entry, struct buf *b)
{
	const struct counted_in *in = self;

	in->row->pot_save(in, entry, b);
}

static void load_pot(const void *self, void *entry, struct snapshot_bytes *bytes, struct pool *pool)
{
	const struct counted_in *in = self;

	UNUSED(pool);
	in->row->pot_load(in, entry, bytes);
}

/* Nothing is folded, so there are no partials. */
static const struct timeline_entries plain = { NULL, NULL, NULL, save_one, load_one };
static const struct timeline_entries owning = { NULL, NULL, drop_one, save_one, load_one };
static const struct timeline_entries pots = { NULL, NULL, drop_pot, save_pot, load_pot };

static bool has_panes(const struct expr_call *c)
{
	return c->window == WINDOW_PANES || c->window == WINDOW_TUMBLING;
}

/* Up to where entries count for no event that is still in time; of `last N` they are numbers. */
static int64_t gone_by(const struct expr_call *c, int64_t newest)
{
	return c->window == WINDOW_LAST ? newest - c->last : stretch_gone(c, newest);
}

static struct stretch_reach reach_of(const struct expr_call *c, const struct line *st, const struct moment *m)
{
	if (c->window == WINDOW_LAST)
		return (struct stretch_reach){ st->newest + (m->x ? 1 : 0) - c->last, INT64_MAX };
	return stretch_reach(c, st->line.n ? &st->newest : NULL, m);
}

static void set_up(struct work *w, const struct aggregate *a, const struct expr_call *c, const struct line *st, struct pool *pool)
{
	const struct counted *row = a->counted;

	w->in = (struct counted_in){ row, row->common && st->desk ? st->desk->common : NULL, pool, NULL };
	w->has_pots = has_panes(c);
	w->kind = (struct timeline_kind){ .of = w->has_pots ? &pots : row->unmake ? &owning : &plain, .self = &w->in,
		.entry = w->has_pots ? (uint32_t)row->pot : (uint32_t)sizeof(uint64_t) };
}

/* Whether the sum of a window is made of its panes anew, and is a pot. */
static bool is_gathered(const struct counted *row, const struct expr_call *c)
{
	return c->window == WINDOW_PANES && !row->move_pot;
}

static size_t sum_size(const struct counted *row, const struct expr_call *c)
{
	return is_gathered(row, c) ? row->pot : row->sum;
}

static struct cursor_line cursor_line(const struct work *w, const struct expr_call *c, const struct line *st)
{
	return (struct cursor_line){ &w->in, &st->line, &w->kind, sum_size(w->in.row, c), w->has_pots,
		c->window == WINDOW_LAST ? 0 : eventtime_plus(c->width, c->late), c->window == WINDOW_PANES ? c->every : 0 };
}

static size_t desk_size(const struct counted *row)
{
	return sizeof(struct desk) + row->common;
}

static void make_desk(struct line *st, const struct counted *row, struct pool *pool)
{
	st->desk = memset(pool_get(pool, desk_size(row)), 0, desk_size(row));
}

/* ---- panes that are gathered: blocks of them are joined once, so that a window is a few dozen ---- */

#define BLOCKED_FROM 16		/* panes of a window */

/* Panes in a block: about as many as a window has blocks, so that it is made of the fewest parts. */
static int64_t block_panes(const struct expr_call *c)
{
	int64_t n = 1;

	if (c->width / c->every >= BLOCKED_FROM)
		while (n * n * 2 < c->width / c->every)
			n *= 2;
	return n;
}

static int64_t block_of(const struct expr_call *c, int64_t pane)
{
	return eventtime_floor(pane, block_panes(c) * c->every, c->offset);
}

struct gathering {
	const struct work *w;
	struct cursor *c;
	const struct expr_call *call;
	const struct line *st;
	int64_t after;
	uint32_t n;
};

static bool join_pot(void *self, int64_t time, void *entry)
{
	struct gathering *g = self;

	UNUSED(time);
	g->n++;
	g->w->in.row->pot_join(&g->w->in, g->c->sum, entry);
	return true;
}

/* A block that lies in the stretch, and the panes between it and the one before. */
static bool join_block(void *self, int64_t time, void *entry)
{
	struct gathering *g = self;

	if (time > g->after)
		timeline_walk(&g->st->line, &g->w->kind, g->after, time - 1, false, join_pot, g);
	join_pot(g, time, entry);
	g->after = time + (block_panes(g->call) - 1) * g->call->every;
	return true;
}

static void gather(const struct work *w, const struct expr_call *c, const struct line *st, struct cursor *cursor, struct stretch_reach r)
{
	struct gathering g = { w, cursor, c, st, r.after, 0 };

	if (cursor->is_set && cursor->after == r.after && cursor->until == r.until)
		return;
	w->in.row->pot_release(&w->in, cursor->sum);
	if (block_panes(c) > 1)
		timeline_walk(&st->desk->blocks, &w->kind, r.after, eventtime_minus(r.until, (block_panes(c) - 1) * c->every), false, join_block, &g);
	if (g.after < r.until)
		timeline_walk(&st->line, &w->kind, g.after, r.until, false, join_pot, &g);
	cursor->after = r.after;
	cursor->until = r.until;
	cursor->is_set = true;
	cursor_passed(&st->desk->cursors, cursor, g.n * CURSOR_POT);
}
/* ---- read ---- */

static struct value read_pane(const struct work *w, const struct line *st, int64_t pane, const struct counted_question *q)
{
	void *pot = timeline_find(&st->line, &w->kind, pane);

	return pot ? w->in.row->pot_read(&w->in, pot, q) : counted_of_nothing(&w->in, q);
}

static struct value read_cursor(const struct work *w, const struct cursor_line *l, struct cursors *all, struct cursor *cursor,
    struct stretch_reach r, const struct counted_question *q)
{
	const struct counted_stretch stretch = { l->line, l->kind, r.after, r.until, l->has_pots };

	cursor_move(all, cursor, l, r.after, r.until);
	if (!cursor->is_short)
		return w->in.row->read(&w->in, cursor->sum, &stretch, q);
	if (q->over)
		*q->over = true;
	return value_null();
}

static struct value line_read(const struct aggregate *a, const struct expr_call *c, const void *state, const struct moment *m)
{
	const struct line *st = state;
	const struct stretch_reach r = reach_of(c, st, m);
	const struct counted_question q = counted_ask(a, m, c->window == WINDOW_LAST ? st->newest + 1 : m->time);
	struct work w;

	set_up(&w, a, c, st, m->pool);
	if (!st->line.n || r.after >= r.until)
		return counted_of_nothing(&w.in, &q);
	if (c->window == WINDOW_TUMBLING)
		return read_pane(&w, st, r.until, &q);
	const struct cursor_line l = cursor_line(&w, c, st);
	struct cursor *cursor = cursor_choose(&st->desk->cursors, &l, r.until);
	if (!is_gathered(a->counted, c))
		return read_cursor(&w, &l, &st->desk->cursors, cursor, r, &q);
	gather(&w, c, st, cursor, r);
	return a->counted->pot_read(&w.in, cursor->sum, &q);
}

/* ---- add ---- */

static void *pot_at(struct timeline *line, const struct work *w, int64_t pane, struct arena *arena)
{
	void *pot = timeline_find(line, &w->kind, pane);

	if (pot)
		return pot;
	timeline_add(line, &w->kind, pane, memset(arena_get(arena, w->in.row->pot), 0, w->in.row->pot), w->in.pool);
	return timeline_find(line, &w->kind, pane);
}

static void add_to_pane(const struct work *w, const struct expr_call *c, struct line *st, int64_t pane, const struct moment *m)
{
	const struct counted *row = w->in.row;
	const struct cursors *all = &st->desk->cursors;
	void **sums = arena_get(m->arena, all->n * sizeof *sums);
	size_t n = 0;

	for (size_t i = 0; i < all->n; i++)
		if (cursor_holds(&all->one[i], pane))
			sums[n++] = all->one[i].sum;
	row->pot_add(&w->in, pot_at(&st->line, w, pane, m->arena), *m->x, m->time, sums, n);
	if (is_gathered(row, c) && block_panes(c) > 1)
		row->pot_add(&w->in, pot_at(&st->desk->blocks, w, block_of(c, pane), m->arena), *m->x, m->time, NULL, 0);
}

static void add_one(const struct work *w, const struct cursor_line *l, struct line *st, int64_t at, const struct moment *m)
{
	const uint64_t entry = w->in.row->make(&w->in, *m->x);

	timeline_add(&st->line, &w->kind, at, &entry, w->in.pool);
	cursor_add(&st->desk->cursors, l, at, entry);
}

static void line_add(const struct aggregate *a, const struct expr_call *c, void *state, const struct moment *m, struct pool *pool)
{
	struct line *st = state;
	struct work w;

	const int64_t *newest = st->line.n ? &st->newest : NULL;
	const int64_t mark = c->window == WINDOW_LAST ? st->newest + 1 : form_mark(newest, m), gone = gone_by(c, mark);
	const int64_t at = c->window == WINDOW_LAST ? mark : stretch_place(c, m->time);
	if (at <= gone)
		return;		/* it counts for nobody any more */
	st->newest = c->window == WINDOW_LAST ? mark : form_newest(newest, m);
	if (!st->desk)
		make_desk(st, a->counted, pool);
	set_up(&w, a, c, st, pool);
	const struct cursor_line l = cursor_line(&w, c, st);
	/* First what goes: the new value may get its room. */
	if (!is_gathered(a->counted, c))
		cursor_leave(&st->desk->cursors, &l, gone);
	timeline_drop(&st->line, &w.kind, gone, pool);
	timeline_drop(&st->desk->blocks, &w.kind, gone, pool);
	if (w.has_pots)
		add_to_pane(&w, c, st, at, m);
	else
		add_one(&w, &l, st, at, m);
}

/* ---- kept ---- */

static void line_release(const struct aggregate *a, const struct expr_call *c, void *state, struct pool *pool)
{
	struct line *st = state;
	struct work w;

	set_up(&w, a, c, st, pool);
	timeline_release(&st->line, &w.kind, pool);
	if (st->desk) {
		const struct cursor_line l = cursor_line(&w, c, st);
		struct cursors *all = &st->desk->cursors;
		timeline_release(&st->desk->blocks, &w.kind, pool);
		for (size_t i = 0; i < all->n; i++)
			(is_gathered(a->counted, c) ? a->counted->pot_release : a->counted->release)(&w.in, all->one[i].sum);
		cursor_release(all, &l);
		if (w.in.common)
			a->counted->release_common(&w.in);
		pool_put(pool, st->desk, desk_size(a->counted));
	}
	*st = (struct line){0};
}

static void line_save(const struct aggregate *a, const struct expr_call *c, const void *state, struct buf *b)
{
	const struct line *st = state;
	struct work w;

	set_up(&w, a, c, st, NULL);
	snapshot_put_signed(b, st->newest);
	counted_save_common(&w.in, b);
	timeline_save(&st->line, &w.kind, b);
	counted_saved(&w.in);
}

struct blocking { const struct work *w; const struct expr_call *c; struct desk *desk; struct arena arena; };

static bool join_into_block(void *self, int64_t time, void *entry)
{
	struct blocking *b = self;

	b->w->in.row->pot_join(&b->w->in, pot_at(&b->desk->blocks, b->w, block_of(b->c, time), &b->arena), entry);
	return true;
}

static void make_blocks(const struct work *w, const struct expr_call *c, const struct line *st)
{
	struct blocking b = { w, c, st->desk, ARENA_INIT };

	timeline_walk(&st->line, &w->kind, INT64_MIN, INT64_MAX, false, join_into_block, &b);
	arena_release(&b.arena);
}

/* As stretches of folds are. */
static bool fits(const struct expr_call *c, const struct line *st)
{
	if (!st->line.n)
		return false;
	if (c->window == WINDOW_LAST && (st->newest < st->line.n || st->newest > INT64_MAX / 2))
		return false;
	return st->line.newest == (c->window == WINDOW_LAST ? st->newest : stretch_place(c, st->newest));
}

static void line_load(const struct aggregate *a, const struct expr_call *c, void *state, struct snapshot_bytes *bytes, struct pool *pool)
{
	struct line *st = state;
	struct work w;

	st->newest = snapshot_get_signed(bytes);
	make_desk(st, a->counted, pool);
	set_up(&w, a, c, st, pool);
	if (w.in.common)
		a->counted->load_common(&w.in, bytes);
	if (bytes->torn)
		return;
	timeline_load(&st->line, &w.kind, bytes, pool);
	if (bytes->torn || !fits(c, st) || (w.in.common && !a->counted->is_whole(&w.in)))
		bytes->torn = true;
	else if (is_gathered(a->counted, c) && block_panes(c) > 1)
		make_blocks(&w, c, st);
}

/* ---- shown ---- */

struct joining { const struct counted_in *in; void *pot; };

static bool join_all(void *self, int64_t time, void *entry)
{
	const struct joining *j = self;

	UNUSED(time);
	j->in->row->pot_join(j->in, j->pot, entry);
	return true;
}

/* By what is made for it alone: the pool is a passing one. */
static struct value value_of_all(const struct work *w, const struct aggregate *a, const struct expr_call *c, const struct line *st, struct arena *arena)
{
	const struct moment m = { .arena = arena };
	const struct counted_question q = counted_ask(a, &m, 0);
	const struct stretch_reach all = { gone_by(c, st->newest), INT64_MAX };
	const struct cursor_line l = cursor_line(w, c, st);
	struct cursors cursors = {0};

	if (!w->has_pots)
		return read_cursor(w, &l, &cursors, cursor_choose(&cursors, &l, all.until), all, &q);
	struct joining j = { &w->in, memset(arena_get(arena, w->in.row->pot), 0, w->in.row->pot) };
	timeline_walk(&st->line, &w->kind, all.after, all.until, false, join_all, &j);
	const struct value v = w->in.row->pot_read(&w->in, j.pot, &q);
	w->in.row->pot_release(&w->in, j.pot);
	return v;
}

static void line_dump(const struct aggregate *a, const struct expr_call *c, const void *state, struct buf *b)
{
	const struct line *st = state;
	struct arena arena = ARENA_INIT;
	struct pool pool = POOL_INIT;
	struct work w;

	set_up(&w, a, c, st, &pool);
	json_write_name(b, w.has_pots ? "panes" : "n");
	json_write_integer(b, st->line.n);
	if (c->window != WINDOW_LAST)
		form_put_time(b, "newest", st->newest);
	json_write_name(b, "value");
	json_write_value(b, value_of_all(&w, a, c, st, &arena));
	pool_release(&pool);
	arena_release(&arena);
}

static void line_fetch(const struct aggregate *a, const struct expr_call *c, const void *state, int64_t time, int step)
{
	const struct line *st = state;

	const size_t entry = has_panes(c) ? a->counted->pot : sizeof(uint64_t);

	if (step)
		timeline_fetch_leaves(&st->line, entry, time);
	else {
		timeline_fetch(&st->line, entry);
		pool_fetch(st->desk, desk_size(a->counted));
	}
}

/* ---- bytes: of so many different values ---- */

#define TIMELINE_LEAF 16

static size_t at_most(size_t n, size_t most)
{
	return n < most ? n : most;
}

static size_t desk_bytes(const struct counted *row, size_t n)
{
	return pool_size(desk_size(row)) + (row->common_bytes ? row->common_bytes(n) : 0);
}

static size_t line_grown(const struct aggregate *a, const struct expr_call *c, size_t n)
{
	const struct counted *row = a->counted;
	const size_t values = c->window == WINDOW_LAST ? at_most(n, c->last) : n;
	/* What has left the last N stays in the timeline, and so in what is common, until there is a leaf of it. */
	const size_t different = at_most(values + (values < n && row->common ? TIMELINE_LEAF : 0), row->usual_values);
	struct work w;

	set_up(&w, a, c, &(struct line){0}, NULL);
	/* The first of them is in no sum: there was nothing to be read before it. */
	return desk_bytes(row, different) + (n > 1 ? cursor_bytes(sum_size(row, c)) + row->sum_bytes(different) : 0) + timeline_bound(&w.kind, values);
}

static size_t line_bound(const struct aggregate *a, const struct expr_call *c)
{
	return c->window == WINDOW_LAST ? line_grown(a, c, c->last + 1) : 0;
}

/* In each pane, none of them in another one. */
static size_t pane_grown(const struct aggregate *a, const struct expr_call *c, size_t n)
{
	const struct counted *row = a->counted;
	const size_t panes = window_panes(c);
	const size_t blocks = is_gathered(row, c) && block_panes(c) > 1 ? panes / (size_t)block_panes(c) + 1 : 0;
	const size_t different = at_most(n, row->usual_values);
	const size_t in_all = row->common_bytes ? different * panes : at_most(different * panes, row->usual_values);	/* names of each pane */
	struct work w;

	set_up(&w, a, c, &(struct line){0}, NULL);
	const size_t sum = c->window == WINDOW_TUMBLING ? 0 : cursor_bytes(sum_size(row, c)) +
	    (is_gathered(row, c) ? row->pot_bytes(in_all) : row->sum_bytes(in_all));
	return desk_bytes(row, in_all) + sum + timeline_bound(&w.kind, panes) + (blocks ? timeline_bound(&w.kind, blocks) : 0) +
	    (panes + blocks) * row->pot_bytes(different);
}

static size_t pane_bound(const struct aggregate *a, const struct expr_call *c)
{
	return pane_grown(a, c, a->counted->usual_values);
}

const struct keeper counted_line_keeper = {
	"the values of the window, and how often each is there", sizeof(struct line), counted_take, line_read, line_add, line_release,
	line_save, line_load, line_dump, line_bound, line_fetch, line_grown,
};

const struct keeper counted_line_pane_keeper = {
	"the values of each pane, counted", sizeof(struct line), counted_take, line_read, line_add, line_release,
	line_save, line_load, line_dump, pane_bound, line_fetch, pane_grown,
};
