/* SPDX-License-Identifier: MIT */
/* Windows that are a stretch of a timeline: of values by time or by number, of panes by time. */
#include "feature/window.h"

#include <string.h>

#include "base/eventtime.h"
#include "feature/form.h"
#include "feature/timeline.h"
#include "json/write.h"

#define UNUSED(x) ((void)(x))

struct stretch {
	struct timeline line;
	int64_t newest;		/* event time; of the last N the number of the newest, from 1 */
	struct form form;
};

/* An entry's time where its place in the timeline is a number and the fold must know when it was. */
static bool has_times(const struct fold_shape *s, const struct expr_call *c)
{
	return c->window == WINDOW_LAST && s->fold->keeps_time;
}

static void add_timed(const void *self, void *partial, const int64_t *times, const void *entries, size_t n)
{
	const struct fold_shape *s = self;
	const size_t size = sizeof(int64_t) + fold_entry_size(s);

	UNUSED(times);
	for (const char *e = entries; n--; e += size)
		s->fold->add(s, partial, (const int64_t *)(const void *)e, e + sizeof(int64_t), 1);
}

static void add_entries(const void *self, void *partial, const int64_t *times, const void *entries, size_t n)
{
	const struct fold_shape *s = self;

	s->fold->add(s, partial, times, entries, n);
}

static void add_panes(const void *self, void *partial, const int64_t *times, const void *entries, size_t n)
{
	const struct fold_shape *s = self;

	UNUSED(times);
	s->fold->combine(s, partial, entries, n);
}

static void combine(const void *self, void *partial, const void *later, size_t n)
{
	const struct fold_shape *s = self;

	s->fold->combine(s, partial, later, n);
}

static void drop_entry(const void *self, void *entry, struct pool *pool)
{
	fold_drop(self, entry, pool);
}

static void drop_timed(const void *self, void *entry, struct pool *pool)
{
	fold_drop(self, (char *)entry + sizeof(int64_t), pool);
}

static void drop_pane(const void *self, void *entry, struct pool *pool)
{
	fold_drop_partial(self, entry, pool);
}

static void save_entry(const void *self, const void *entry, struct buf *b)
{
	fold_save(self, entry, b);
}

static void load_entry(const void *self, void *entry, struct snapshot_bytes *in, struct pool *pool)
{
	fold_load(self, entry, in, pool);
}

static void save_timed(const void *self, const void *entry, struct buf *b)
{
	snapshot_put_signed(b, *(const int64_t *)entry);
	fold_save(self, (const char *)entry + sizeof(int64_t), b);
}

static void load_timed(const void *self, void *entry, struct snapshot_bytes *in, struct pool *pool)
{
	*(int64_t *)entry = snapshot_get_signed(in);
	fold_load(self, (char *)entry + sizeof(int64_t), in, pool);
}

static void save_pane(const void *self, const void *entry, struct buf *b)
{
	fold_save_partial(self, entry, b);
}

static void load_pane(const void *self, void *entry, struct snapshot_bytes *in, struct pool *pool)
{
	fold_load_partial(self, entry, in, pool);
}

static bool has_panes(const struct expr_call *c)
{
	return c->window == WINDOW_PANES || c->window == WINDOW_TUMBLING;
}

static const struct timeline_entries panes = { add_panes, combine, drop_pane, save_pane, load_pane };
static const struct timeline_entries timed = { add_timed, combine, drop_timed, save_timed, load_timed };
static const struct timeline_entries plain = { add_entries, combine, drop_entry, save_entry, load_entry };

/* Of a tumbling window there is one pane to read, so it needs no partials above. */
static inline struct timeline_kind kind_of(const struct fold_shape *s, const struct expr_call *c)
{
	const uint32_t partial = (uint32_t)fold_partial_size(s), entry = (uint32_t)fold_entry_size(s);

	if (has_panes(c))
		return (struct timeline_kind){ &panes, s, partial, c->window == WINDOW_PANES ? partial : 0 };
	if (has_times(s, c))
		return (struct timeline_kind){ &timed, s, entry + (uint32_t)sizeof(int64_t), partial };
	return (struct timeline_kind){ &plain, s, entry, partial };
}

int64_t stretch_place(const struct expr_call *c, int64_t time)
{
	return has_panes(c) ? eventtime_floor(time, c->window == WINDOW_PANES ? c->every : c->width, c->offset) : time;
}

/* Up to where entries are of no window that ends with this place. */
static int64_t before(const struct expr_call *c, int64_t place)
{
	return has_panes(c) ? eventtime_minus(eventtime_minus(place, c->window == WINDOW_PANES ? c->width - c->every : 0), 1) : eventtime_minus(place, c->width);
}

int64_t stretch_gone(const struct expr_call *c, int64_t newest)
{
	return before(c, stretch_place(c, eventtime_minus(newest, c->late)));
}

struct stretch_reach stretch_reach(const struct expr_call *c, const int64_t *newest, const struct moment *m)
{
	const int64_t mark = eventtime_minus(form_mark(newest, m), c->late), place = stretch_place(c, m->time);

	return (struct stretch_reach){ before(c, mark > m->time ? stretch_place(c, mark) : place), place };
}

static int64_t gone_by(const struct expr_call *c, int64_t newest)
{
	return c->window == WINDOW_LAST ? newest - c->last : stretch_gone(c, newest);
}

static struct stretch_reach reach_of(const struct expr_call *c, const struct stretch *st, const struct moment *m)
{
	if (c->window == WINDOW_LAST)
		return (struct stretch_reach){ st->newest + (m->x ? 1 : 0) - c->last, INT64_MAX };
	return stretch_reach(c, st->line.n ? &st->newest : NULL, m);
}

/* The form of a state's values; of one that has none, of x. */
static struct form form_with(const struct aggregate *a, const struct stretch *st, const struct value *x)
{
	return st->line.n || !x ? st->form : form_of(a, *x);
}

static struct value stretch_read(const struct aggregate *a, const struct expr_call *c, const void *state, const struct moment *m)
{
	const struct stretch *st = state;
	const struct fold_shape s = form_shape(a, c, form_with(a, st, m->x));
	const struct timeline_kind kind = kind_of(&s, c);
	const struct stretch_reach r = reach_of(c, st, m);
	void *partial = form_nothing(&s, m->arena);

	if (st->line.n)
		timeline_fold(&st->line, &kind, r.after, r.until, partial);
	if (m->x)
		form_add(&s, partial, m);
	return s.fold->value(&s, partial, a->variant, m->arena);
}

static void add_to_pane(const struct fold_shape *s, const struct timeline_kind *kind, struct stretch *st, int64_t pane,
    const struct moment *m, struct pool *pool)
{
	void *partial = timeline_find(&st->line, kind, pane);

	if (partial) {
		form_keep(s, partial, m, pool);
		timeline_touch(&st->line, kind, pane);
		return;
	}
	partial = form_nothing(s, m->arena);
	form_keep(s, partial, m, pool);
	timeline_add(&st->line, kind, pane, partial, pool);
}

static void add_to_line(const struct fold_shape *s, const struct expr_call *c, const struct timeline_kind *kind, struct stretch *st,
    const struct moment *m, struct pool *pool)
{
	char *entry = arena_get(m->arena, kind->entry + 1), *value = entry;

	if (has_times(s, c)) {
		*(int64_t *)(void *)entry = m->time;
		value += sizeof(int64_t);
	}
	fold_lift(s, value, *m->x);
	fold_own(s, value, pool);
	timeline_add(&st->line, kind, c->window == WINDOW_LAST ? st->newest : m->time, entry, pool);
}

static void stretch_release(const struct aggregate *a, const struct expr_call *c, void *state, struct pool *pool)
{
	struct stretch *st = state;
	const struct fold_shape s = form_shape(a, c, st->form);
	const struct timeline_kind kind = kind_of(&s, c);

	timeline_release(&st->line, &kind, pool);
	*st = (struct stretch){0};
}

static void stretch_add(const struct aggregate *a, const struct expr_call *c, void *state, const struct moment *m, struct pool *pool)
{
	struct stretch *st = state;
	const struct form form = form_with(a, st, m->x);
	const struct fold_shape s = form_shape(a, c, form);
	const struct timeline_kind kind = kind_of(&s, c);

	const int64_t mark = c->window == WINDOW_LAST ? st->newest + 1 : form_mark(st->line.n ? &st->newest : NULL, m);
	const int64_t gone = gone_by(c, mark), at = c->window == WINDOW_LAST ? mark : stretch_place(c, m->time);
	/* Else it counts for nobody any more. */
	if (at > gone) {
		st->newest = c->window == WINDOW_LAST ? mark : form_newest(st->line.n ? &st->newest : NULL, m);
		st->form = form;
		if (has_panes(c))
			add_to_pane(&s, &kind, st, at, m, pool);
		else
			add_to_line(&s, c, &kind, st, m, pool);
	}
	timeline_drop(&st->line, &kind, gone, pool);
	if (!st->line.n)
		stretch_release(a, c, st, pool);
}

/* A value like those that are kept, for messages about one that is not; missing: none is. */
static struct value sample(const struct fold_shape *s, const struct expr_call *c, const struct stretch *st)
{
	if (!st->line.n || !(s->fold->is_ordered || s->fold->takes_arrays))
		return (struct value){0};
	if (s->fold->entry == FOLD_NUMBERS)
		return form_like(s);
	const struct timeline_kind kind = kind_of(s, c);
	const void *entry = timeline_last(&st->line, &kind);
	return has_panes(c) ? fold_partial_value(s, entry) : *(const struct value *)entry;
}

static int stretch_take(const struct aggregate *a, const struct expr_call *c, const void *state, struct value *x, struct arena *arena,
    struct error *why)
{
	const struct stretch *st = state;
	const struct fold_shape s = form_shape(a, c, form_with(a, st, x));

	UNUSED(arena);
	return fold_check(&s, sample(&s, c, st), *x, why);
}

static void stretch_save(const struct aggregate *a, const struct expr_call *c, const void *state, struct buf *b)
{
	const struct stretch *st = state;
	const struct fold_shape s = form_shape(a, c, st->form);
	const struct timeline_kind kind = kind_of(&s, c);

	form_save(b, st->form);
	snapshot_put_signed(b, st->newest);
	timeline_save(&st->line, &kind, b);
}

static void stretch_load(const struct aggregate *a, const struct expr_call *c, void *state, struct snapshot_bytes *in, struct pool *pool)
{
	struct stretch *st = state;

	st->form = form_load(in);
	st->newest = snapshot_get_signed(in);
	const struct fold_shape s = form_shape(a, c, st->form);
	const struct timeline_kind kind = kind_of(&s, c);
	if (s.is_array && !s.fold->takes_arrays)
		in->torn = true;
	if (in->torn)
		return;
	timeline_load(&st->line, &kind, in, pool);
	if (in->torn)
		return;
	/* Numbers are from 1 on, and have room to go on. */
	if (c->window == WINDOW_LAST && (st->newest < st->line.n || st->newest > INT64_MAX / 2))
		in->torn = true;
	else if (!st->line.n || timeline_newest(&st->line, &kind) != stretch_place(c, st->newest))
		in->torn = true;
}

static void stretch_dump(const struct aggregate *a, const struct expr_call *c, const void *state, struct buf *b)
{
	const struct stretch *st = state;
	const struct fold_shape s = form_shape(a, c, st->form);
	const struct timeline_kind kind = kind_of(&s, c);
	struct arena arena = ARENA_INIT;
	void *partial = form_nothing(&s, &arena);

	json_write_name(b, has_panes(c) ? "panes" : "n");
	json_write_integer(b, st->line.n);
	if (c->window != WINDOW_LAST)
		form_put_time(b, "newest", st->newest);
	/* The newest window: older ones are kept for late events, and panes of a tumbling window cannot be folded together. */
	timeline_fold(&st->line, &kind, c->window == WINDOW_LAST ? st->newest - c->last : before(c, stretch_place(c, st->newest)), INT64_MAX, partial);
	form_put_value(b, &s, partial, a->variant, &arena);
	arena_release(&arena);
}

static size_t stretch_bound(const struct aggregate *a, const struct expr_call *c)
{
	const struct fold_shape s = form_shape(a, c, (struct form){ 1, false });
	const struct timeline_kind kind = kind_of(&s, c);

	return c->window == WINDOW_SLIDING ? 0 : timeline_bound(&kind, c->window == WINDOW_LAST ? c->last : window_panes(c));
}

static void stretch_fetch(const struct aggregate *a, const struct expr_call *c, const void *state, int step)
{
	const struct stretch *st = state;

	UNUSED(a), UNUSED(c);
	(step ? timeline_fetch_leaves : timeline_fetch)(&st->line);
}

static size_t stretch_grown(const struct aggregate *a, const struct expr_call *c, size_t n)
{
	const struct fold_shape s = form_shape(a, c, (struct form){ 1, false });
	const struct timeline_kind kind = kind_of(&s, c);

	return timeline_bound(&kind, c->window == WINDOW_LAST && n > c->last ? c->last : n);
}

const struct keeper stretch_keeper = {
	"the values of the window, and partials of them", sizeof(struct stretch), stretch_take, stretch_read, stretch_add, stretch_release,
	stretch_save, stretch_load, stretch_dump, stretch_bound, stretch_fetch, stretch_grown,
};

const struct keeper stretch_pane_keeper = {
	"what each pane comes to, and partials of them", sizeof(struct stretch), stretch_take, stretch_read, stretch_add, stretch_release,
	stretch_save, stretch_load, stretch_dump, stretch_bound, stretch_fetch, NULL,
};
