/* SPDX-License-Identifier: MIT */
/* Windows that are a stretch of a timeline: of values by time or by number, of panes by time. */
#include "feature/window.h"

#include <string.h>

#include "base/eventtime.h"
#include "feature/form.h"
#include "feature/timeline.h"
#include "json/write.h"

#define UNUSED(x) ((void)(x))

/* The timeline's mark says what its values are; of the last N its times are numbers, from 1. */
struct stretch {
	struct timeline line;
	int64_t newest[];	/* of panes: the newest event time */
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

/* Only where there are entries: the newest event time; of the last N the newest one's number. */
static const int64_t *newest_in(const struct expr_call *c, const struct stretch *st)
{
	return !st->line.n ? NULL : has_panes(c) ? st->newest : &st->line.newest;
}

static const struct timeline_entries panes = { add_panes, combine, drop_pane, save_pane, load_pane };
static const struct timeline_entries timed = { add_timed, combine, drop_timed, save_timed, load_timed };
static const struct timeline_entries plain = { add_entries, combine, drop_entry, save_entry, load_entry };

/* Of a tumbling window there is one pane to read, so it needs no partials above. */
static inline struct timeline_kind kind_of(const struct fold_shape *s, const struct expr_call *c)
{
	const uint32_t partial = (uint32_t)fold_partial_size(s), entry = (uint32_t)fold_entry_size(s);

	if (has_panes(c))
		return (struct timeline_kind){ .of = &panes, .self = s, .entry = partial, .partial = c->window == WINDOW_PANES ? partial : 0 };
	if (has_times(s, c))
		return (struct timeline_kind){ .of = &timed, .self = s, .entry = entry + (uint32_t)sizeof(int64_t), .partial = partial };
	return (struct timeline_kind){ .of = &plain, .self = s, .entry = entry, .partial = partial };
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

static int64_t last_number(const struct stretch *st)
{
	return st->line.n ? st->line.newest : 0;
}

static struct stretch_reach reach_of(const struct expr_call *c, const struct stretch *st, const struct moment *m)
{
	if (c->window == WINDOW_LAST)
		return (struct stretch_reach){ last_number(st) + (m->x ? 1 : 0) - c->last, INT64_MAX };
	return stretch_reach(c, newest_in(c, st), m);
}

/* ---- what the values are: as a form says, and whether they are strings that have an order ---- */

#define MARK_STRINGS (1u << 17)		/* above the elements of an array + 1; 0: numbers */

static uint32_t mark_of(const struct aggregate *a, struct value x)
{
	const struct form f = form_of(a, x);

	return a->fold->is_ordered && x.type == VALUE_STRING ? MARK_STRINGS : f.is_array ? f.dims + 1 : 0;
}

static inline struct form form_in(uint32_t mark)
{
	return mark & ~MARK_STRINGS ? (struct form){ mark - 1, true } : (struct form){ 1, false };
}

/* Of a state's values; of one that has none, of x. */
static inline uint32_t mark_with(const struct aggregate *a, const struct stretch *st, const struct value *x)
{
	return st->line.n || !x ? st->line.mark : mark_of(a, *x);
}

#define SMALL_PARTIAL 48	/* bytes; larger ones are of arrays */

static struct value stretch_read(const struct aggregate *a, const struct expr_call *c, const void *state, const struct moment *m)
{
	const struct stretch *st = state;
	const struct fold_shape s = form_shape(a, c, form_in(mark_with(a, st, m->x)));
	const struct stretch_reach r = reach_of(c, st, m);
	uint64_t small[SMALL_PARTIAL / 8] = {0};
	void *partial = fold_partial_size(&s) <= sizeof small ? small : form_nothing(&s, m->arena);

	if (st->line.n && st->line.newest > r.after) {
		const struct timeline_kind kind = kind_of(&s, c);
		timeline_fold(&st->line, &kind, r.after, r.until, partial);
	}
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
    int64_t at, int64_t gone, const struct moment *m, struct pool *pool)
{
	struct { int64_t time; struct value value; } small;
	char *entry = kind->entry <= sizeof small ? (char *)&small : arena_get(m->arena, kind->entry), *value = entry;

	if (has_times(s, c)) {
		*(int64_t *)(void *)entry = m->time;
		value += sizeof(int64_t);
	}
	fold_lift(s, value, *m->x);
	fold_own(s, value, pool);
	timeline_slide(&st->line, kind, at, entry, gone, pool);
}

static void stretch_release(const struct aggregate *a, const struct expr_call *c, void *state, struct pool *pool)
{
	struct stretch *st = state;
	const struct fold_shape s = form_shape(a, c, form_in(st->line.mark));
	const struct timeline_kind kind = kind_of(&s, c);

	timeline_release(&st->line, &kind, pool);
	*st = (struct stretch){0};
}

static void stretch_add(const struct aggregate *a, const struct expr_call *c, void *state, const struct moment *m, struct pool *pool)
{
	struct stretch *st = state;
	const uint32_t values = mark_with(a, st, m->x);
	const struct fold_shape s = form_shape(a, c, form_in(values));
	const struct timeline_kind kind = kind_of(&s, c);

	const int64_t mark = c->window == WINDOW_LAST ? last_number(st) + 1 : form_mark(newest_in(c, st), m);
	const int64_t gone = gone_by(c, mark), at = c->window == WINDOW_LAST ? mark : stretch_place(c, m->time);
	if (at <= gone)		/* it counts for nobody any more */
		timeline_drop(&st->line, &kind, gone, pool);
	else if (has_panes(c)) {
		st->newest[0] = form_newest(newest_in(c, st), m);
		add_to_pane(&s, &kind, st, at, m, pool);
		timeline_drop(&st->line, &kind, gone, pool);
	} else
		add_to_line(&s, c, &kind, st, at, gone, m, pool);
	if (st->line.n)
		st->line.mark = values;
	else
		stretch_release(a, c, st, pool);
}

/* A value like those that are kept, for messages about one that is not; missing: none is. */
static struct value sample(const struct fold_shape *s, const struct stretch *st)
{
	if (!st->line.n || !(s->fold->is_ordered || s->fold->takes_arrays))
		return (struct value){0};
	return st->line.mark & MARK_STRINGS ? (struct value){ .type = VALUE_STRING } : form_like(s);
}

static int stretch_take(const struct aggregate *a, const struct expr_call *c, const void *state, struct value *x, struct arena *arena,
    struct error *why)
{
	const struct stretch *st = state;

	UNUSED(arena);
	if (!st->line.mark && value_is_number(*x))	/* what every fold takes, behind numbers or nothing */
		return 0;
	const struct fold_shape s = form_shape(a, c, form_in(mark_with(a, st, x)));
	return fold_check(&s, sample(&s, st), *x, why);
}

/* code 0: as the values look. */
void stretch_save_as(const struct aggregate *a, const struct expr_call *c, const void *state, uint64_t code, struct buf *b)
{
	const struct stretch *st = state;
	const struct form form = form_in(st->line.mark);
	const struct fold_shape s = form_shape(a, c, form);
	const struct timeline_kind kind = kind_of(&s, c);

	if (form.is_array)
		form_save(b, form);
	else
		snapshot_put_varint(b, code);
	snapshot_put_signed(b, st->line.n ? *newest_in(c, st) : 0);
	timeline_save(&st->line, &kind, b);
}

static void stretch_save(const struct aggregate *a, const struct expr_call *c, const void *state, struct buf *b)
{
	stretch_save_as(a, c, state, 0, b);
}

static struct form load_form(const struct expr_call *c, struct snapshot_bytes *in)
{
	struct snapshot_bytes ahead = *in;

	if (c->window != WINDOW_SLIDING || snapshot_get_varint(&ahead) < STRETCH_SHARED || ahead.torn)
		return form_load(in);
	*in = ahead;
	return (struct form){ 1, false };
}

static bool are_strings(const struct fold_shape *s, const struct timeline_kind *kind, const struct expr_call *c, const struct stretch *st)
{
	if (!s->fold->is_ordered || !st->line.n)
		return false;
	const void *entry = timeline_last(&st->line, kind);
	return (has_panes(c) ? fold_partial_value(s, entry) : *(const struct value *)entry).type == VALUE_STRING;
}

static void stretch_load(const struct aggregate *a, const struct expr_call *c, void *state, struct snapshot_bytes *in, struct pool *pool)
{
	struct stretch *st = state;
	const struct form form = load_form(c, in);
	const int64_t newest = snapshot_get_signed(in);
	const struct fold_shape s = form_shape(a, c, form);
	const struct timeline_kind kind = kind_of(&s, c);

	if (s.is_array && !s.fold->takes_arrays)
		in->torn = true;
	if (in->torn)
		return;
	timeline_load(&st->line, &kind, in, pool);
	if (in->torn)
		return;
	/* Numbers are from 1 on, and have room to go on. */
	if (c->window == WINDOW_LAST && (newest < st->line.n || newest > INT64_MAX / 2))
		in->torn = true;
	else if (!st->line.n || st->line.newest != stretch_place(c, newest))
		in->torn = true;
	if (has_panes(c))
		st->newest[0] = newest;
	st->line.mark = form.is_array ? form.dims + 1 : are_strings(&s, &kind, c, st) ? MARK_STRINGS : 0;
}

static void stretch_dump(const struct aggregate *a, const struct expr_call *c, const void *state, struct buf *b)
{
	const struct stretch *st = state;
	const struct fold_shape s = form_shape(a, c, form_in(st->line.mark));
	const struct timeline_kind kind = kind_of(&s, c);
	const int64_t newest = st->line.n ? *newest_in(c, st) : 0;
	struct arena arena = ARENA_INIT;
	void *partial = form_nothing(&s, &arena);

	json_write_name(b, has_panes(c) ? "panes" : "n");
	json_write_integer(b, st->line.n);
	if (c->window != WINDOW_LAST)
		form_put_time(b, "newest", newest);
	/* The newest window: older ones are kept for late events, and panes of a tumbling window cannot be folded together. */
	timeline_fold(&st->line, &kind, c->window == WINDOW_LAST ? newest - c->last : before(c, stretch_place(c, newest)), INT64_MAX, partial);
	form_put_value(b, &s, partial, a->variant, &arena);
	arena_release(&arena);
}

static size_t stretch_bound(const struct aggregate *a, const struct expr_call *c)
{
	const struct fold_shape s = form_shape(a, c, (struct form){ 1, false });
	const struct timeline_kind kind = kind_of(&s, c);

	return c->window == WINDOW_SLIDING ? 0 : timeline_bound(&kind, c->window == WINDOW_LAST ? c->last : window_panes(c));
}

static void stretch_fetch(const struct aggregate *a, const struct expr_call *c, const void *state, int64_t time, int step)
{
	const struct stretch *st = state;

	if (st->line.n <= 1 || (step && !st->line.height))
		return;
	const struct fold_shape s = form_shape(a, c, form_in(st->line.mark));
	const struct timeline_kind kind = kind_of(&s, c);
	if (step)
		timeline_fetch_leaves(&st->line, kind.entry, before(c, stretch_place(c, time)));
	else
		timeline_fetch(&st->line, kind.entry);
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
	"what each pane comes to, and partials of them", sizeof(struct stretch) + sizeof(int64_t), stretch_take, stretch_read, stretch_add, stretch_release,
	stretch_save, stretch_load, stretch_dump, stretch_bound, stretch_fetch, NULL,
};
