/* SPDX-License-Identifier: MIT */
#include "feature/bundle.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "feature/bundle-row.h"
#include "feature/form.h"
#include "feature/window.h"

/* ---- what entries and partials are ---- */

static inline void add_run(const struct bundle_way *w, char *partial, const int64_t *times, const char *entries, size_t n)
{
	for (const struct bundle_member *m = w->members, *end = m + w->n; m < end; m++)
		m->placed.fold->add(&m->placed, partial + m->at, times, entries + m->entry, n);
}

static void add_way(const void *self, void *partial, const int64_t *times, const void *entries, size_t n)
{
	add_run(self, partial, times, entries, n);
}

static void combine_way(const void *self, void *partial, const void *later, size_t n)
{
	const struct bundle_way *w = self;

	for (const struct bundle_member *m = w->members, *end = m + w->n; m < end; m++)
		m->placed.fold->combine(&m->placed, (char *)partial + m->at, (const char *)later + m->at, n);
}

static void add_all(const void *self, void *partial, const int64_t *times, const void *entries, size_t n)
{
	const struct bundle *b = self;

	for (size_t i = 0; i < b->n_ways; i++)
		add_way(&b->ways[i], (char *)partial + b->ways[i].kind.at, times, entries, n);
}

static void combine_all(const void *self, void *partial, const void *later, size_t n)
{
	const struct bundle *b = self;

	for (size_t i = 0; i < b->n_ways; i++)
		combine_way(&b->ways[i], (char *)partial + b->ways[i].kind.at, (const char *)later + b->ways[i].kind.at, n);
}

static const struct timeline_entries way_entries = { add_way, combine_way, NULL, NULL, NULL };
static const struct timeline_entries all_entries = { add_all, combine_all, NULL, bundle_row_save_entry, bundle_row_load_entry };

/* ---- made ---- */

bool bundle_takes(const struct aggregate *a, const struct expr_call *c)
{
	return c->window == WINDOW_SLIDING && !c->where && a->fold && a->fold->bundles;
}

static int by_width(const void *a, const void *b)
{
	const struct bundle_member *x = a, *y = b;

	if (x->call->width != y->call->width)
		return x->call->width > y->call->width ? -1 : 1;
	return strcmp(x->name, y->name);
}

static bool is_same_source(const struct bundle_member *a, const struct bundle_member *b)
{
	return a == b || (a->has_value && b->has_value && a->source >= 0 && a->source == b->source);
}

/* Where the values of members stand in an entry, each once: as they are if a member wants that, else as a double. */
static uint32_t place_values(struct bundle_member *m, size_t n)
{
	uint32_t size = 0;

	for (size_t i = 0; i < n; i++) {
		size_t first = 0;
		if (!m[i].has_value)
			continue;
		while (!is_same_source(&m[first], &m[i]))
			first++;
		if (first < i) {
			m[i].entry = m[first].entry;
			m[i].is_whole = m[first].is_whole;
			continue;
		}
		for (size_t j = i; j < n; j++)
			m[i].is_whole |= is_same_source(&m[i], &m[j]) && m[j].shape.fold->entry == FOLD_VALUE;
		m[i].entry = size;
		size += m[i].is_whole ? sizeof(struct value) : sizeof(double);
	}
	return size;
}

struct bundle *bundle_new(struct arena *arena, struct bundle_member *m, size_t n)
{
	struct bundle *b = arena_get(arena, sizeof *b);
	struct bundle_way *ways = arena_get(arena, n * sizeof *ways);
	uint32_t partial = 0;

	qsort(m, n, sizeof *m, by_width);
	*b = (struct bundle){ .members = m, .ways = ways, .n = n, .is_plain = true };
	for (size_t i = 0; i < n; i++) {
		m[i].shape = form_shape(m[i].aggregate, m[i].call, (struct form){ 1, false });
		m[i].has_value = m[i].shape.fold->entry != FOLD_NOTHING;
		m[i].size = (uint32_t)fold_partial_size(&m[i].shape);
		b->is_plain &= m[i].source >= 0 || !m[i].takes;
		if (!i || m[i].call->width != m[i - 1].call->width)
			ways[b->n_ways++] = (struct bundle_way){ .bundle = b, .members = &m[i], .kind.at = partial };
		struct bundle_way *w = &ways[b->n_ways - 1];
		m[i].way = w;
		m[i].at = w->kind.slice;
		w->n++;
		w->kind.slice += m[i].size;
		partial += m[i].size;
	}
	b->kind = (struct timeline_kind){ .of = &all_entries, .self = b, .entry = place_values(m, n), .partial = partial, .has_room = true,
		.ways = (uint32_t)b->n_ways };
	for (size_t i = 0; i < n; i++) {
		m[i].placed = m[i].shape;
		if (m[i].placed.fold == &fold_sum)
			m[i].placed.fold = &fold_sum_apart;
		m[i].placed.entries_apart = b->kind.entry;
		m[i].placed.partials_apart = partial;
		m[i].placed.is_whole = m[i].is_whole;
	}
	for (uint32_t i = 0; i < b->n_ways; i++) {
		const struct timeline_kind part = ways[i].kind;
		ways[i].kind = b->kind;
		ways[i].kind.of = &way_entries;
		ways[i].kind.self = &ways[i];
		ways[i].kind.way = i;
		ways[i].kind.at = part.at;
		ways[i].kind.slice = part.slice;
	}
	return b;
}

size_t bundle_size(const struct bundle *b)
{
	return sizeof(struct timeline) + (b->kind.entry > TIMELINE_INLINE ? b->kind.entry - TIMELINE_INLINE : 0);
}

size_t bundle_event_size(const struct bundle *b)
{
	return sizeof(struct bundle_event) + b->kind.entry + 2 * (size_t)b->kind.partial;
}

size_t bundle_grown(const struct bundle *b, size_t n)
{
	return timeline_bound(&b->kind, n);
}

/* ---- events ---- */

int bundle_take(const struct bundle *b, const struct bundle_member *m, const void *row, struct value *x, struct arena *arena,
    struct error *why)
{
	const struct timeline *t = row;
	/* Of a stretch of numbers that much is looked at. */
	static const struct timeline numbers = { .n = 1 }, nothing;

	if (!t->mark && value_is_number(*x))
		return 0;
	const void *state = t->mark ? bundle_row_part(b, m, row) : t->n ? &numbers : &nothing;
	return stretch_keeper.take(m->aggregate, m->call, state, x, arena, why);
}

#define PARTIAL_MAX 48		/* bytes of the largest */

/* As stretch_reach, of a sliding window. */
static inline struct stretch_reach reach_of(const struct expr_call *c, const struct timeline *t, const struct moment *now)
{
	const int64_t mark = t->n ? eventtime_minus(form_mark(&t->newest, now), c->late) : now->time;

	return (struct stretch_reach){ eventtime_minus(mark > now->time ? mark : now->time, c->width), now->time };
}

/* What the windows of a way hold before the present event, and with it. */
static void fold_way(const struct bundle_way *w, const struct timeline *t, const struct moment *now, bool is_with, struct bundle_event *e)
{
	char *slice = bundle_slice(w, is_with, e);
	const struct stretch_reach r = reach_of(w->members->call, t, now);

	memset(slice, 0, w->kind.slice);
	if (t->n && t->newest > r.after)
		timeline_fold(t, &w->kind, r.after, r.until, slice);
	if (is_with)
		add_run(w, slice, &now->time, (const char *)e->room, 1);
	*(is_with ? &e->with : &e->before) |= UINT64_C(1) << w->kind.way;
}

void bundle_fold(const struct bundle_way *w, const struct moment *now, bool is_with, struct bundle_event *e)
{
	fold_way(w, e->row, now, is_with, e);
}

struct value bundle_read(const struct bundle *b, const struct bundle_member *m, const struct aggregate *a, const void *row,
    const struct moment *now, struct bundle_event *e)
{
	static const struct timeline nothing;
	const struct timeline *t = row;
	uint64_t partial[PARTIAL_MAX / 8];

	if (t->mark)
		return stretch_keeper.read(a, m->call, bundle_row_part(b, m, row), now);
	if (now->x && m->has_value && !value_is_number(*now->x))	/* taken where there is nothing yet */
		return stretch_keeper.read(a, m->call, &nothing, now);
	if (!(e->before >> m->way->kind.way & 1))
		fold_way(m->way, t, now, false, e);
	memcpy(partial, bundle_slice(m->way, false, e) + m->at, m->size);
	if (now->x)
		form_add(&m->shape, partial, now);
	return m->shape.fold->value(&m->shape, partial, a->variant, now->arena);
}

void bundle_meet(const struct bundle *b, const void *row, const struct value *slots, struct bundle_event *e)
{
	e->is_met = true;
	e->is_common = false;
	if (!b->is_plain || ((const struct timeline *)row)->mark)
		return;
	for (const struct bundle_member *m = b->members, *end = m + b->n; m < end; m++) {
		if (!m->takes)
			continue;
		const struct value x = slots[m->source];
		if (m->has_value ? !value_is_number(x) : value_is_null(x) || x.type == VALUE_HUGE)
			return;
		if (m->has_value)
			bundle_row_put(m, (char *)e->room, x);
	}
	e->is_common = true;
	e->with = 0;
	e->row = row;
}

static void add_entry(const struct bundle *b, struct timeline *t, const void *entry, const struct moment *now, struct pool *pool)
{
	const int64_t gone = stretch_gone(b->members->call, form_mark(t->n ? &t->newest : NULL, now));

	if (now->time <= gone)		/* it counts for nobody any more */
		timeline_drop(t, &b->kind, gone, pool);
	else
		timeline_slide(t, &b->kind, now->time, entry, gone, pool);
}

void bundle_add_met(const struct bundle *b, void *row, const struct moment *now, const struct bundle_event *e, struct pool *pool)
{
	add_entry(b, row, e->room, now, pool);
}

/* Whether an event counts for all members, with numbers. */
static bool is_common(const struct bundle *b, const struct value *const *values)
{
	for (size_t i = 0; i < b->n; i++)
		if (!values[i] || (b->members[i].has_value && !value_is_number(*values[i])))
			return false;
	return true;
}

void bundle_add(const struct bundle *b, void *row, const struct value *const *values, const struct moment *now, struct pool *pool)
{
	struct value entry[BUNDLE_MAX];
	const bool common = is_common(b, values);

	if (((const struct timeline *)row)->mark || !common) {
		bundle_row_add(b, row, values, now, common, pool);
		return;
	}
	for (size_t i = 0; i < b->n; i++)
		if (b->members[i].has_value)
			bundle_row_put(&b->members[i], (char *)entry, *values[i]);
	add_entry(b, row, entry, now, pool);
}

void bundle_fetch(const struct bundle *b, const void *row, int64_t time, int step)
{
	const struct timeline *t = row;

	if (t->mark)
		bundle_row_fetch(b, row, time, step);
	else if (t->n <= 1)
		return;
	else if (!step)
		timeline_fetch_ways(t, &b->kind);
	else if (t->height)
		for (size_t i = 0; i < b->n_ways; i++)
			timeline_fetch_way(t, &b->ways[i].kind, stretch_gone(b->ways[i].members->call, time));
}
