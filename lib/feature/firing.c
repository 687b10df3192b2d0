/* SPDX-License-Identifier: MIT */
#include "feature/firing.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/eventtime.h"
#include "base/hash.h"

/* A window, by what orders windows; rows may go meanwhile, so that they are known by their keys. */
struct due {
	int64_t at;
	uint64_t head;		/* the key's first eight bytes, as a number */
	uint32_t window, len;
	char *key;
};

struct queue { struct due *heap; size_t n, room; };

struct firing {
	const struct spec *spec;
	struct state *state;
	firing_out *out;
	void *self;
	struct queue ends;		/* what ends, or is to be forgotten */
	struct queue changed;		/* rows with windows that have changed since the last trigger of time; no heap */
	int64_t watermark;
	int64_t last_end;		/* of the windows that have closed */
};

/* ---- queues ---- */

static uint64_t head_of(const char *key, size_t len)
{
	uint64_t head = 0;

	for (size_t i = 0; i < 8; i++)
		head = head << 8 | (i < len ? (unsigned char)key[i] : 0);
	return head;
}

static int compare(const void *a, const void *b)
{
	const struct due *x = a, *y = b;

	if (x->at != y->at)
		return x->at < y->at ? -1 : 1;
	if (x->head != y->head)
		return x->head < y->head ? -1 : 1;
	const int order = memcmp(x->key, y->key, x->len < y->len ? x->len : y->len);
	if (order || x->len != y->len)
		return order ? order : x->len < y->len ? -1 : 1;
	return (x->window > y->window) - (x->window < y->window);
}

static struct due due_of(const struct firing *f, const struct spec_window *w, const struct keyed_row *row, int64_t at)
{
	struct due d = { at, head_of(keyed_key(row), row->len), (uint32_t)(w - f->spec->windows), row->len, NULL };

	d.key = memcpy(pool_get(&f->state->pool, d.len + 1), keyed_key(row), d.len);
	return d;
}

static void drop_due(struct firing *f, struct due d)
{
	pool_put(&f->state->pool, d.key, d.len + 1);
}

static size_t add_last(struct queue *q, struct due d)
{
	if (q->n == q->room)
		q->heap = alloc_again(q->heap, q->room = q->room ? q->room * 2 : 64, sizeof *q->heap);
	q->heap[q->n] = d;
	return q->n++;
}

static void push(struct queue *q, struct due d)
{
	size_t i = add_last(q, d);

	for (; i && compare(&d, &q->heap[(i - 1) / 2]) < 0; i = (i - 1) / 2)
		q->heap[i] = q->heap[(i - 1) / 2];
	q->heap[i] = d;
}

static struct due pop(struct queue *q)
{
	const struct due first = q->heap[0], last = q->heap[--q->n];
	size_t i = 0;

	for (size_t kid; (kid = 2 * i + 1) < q->n; i = kid) {
		if (kid + 1 < q->n && compare(&q->heap[kid + 1], &q->heap[kid]) < 0)
			kid++;
		if (compare(&q->heap[kid], &last) >= 0)
			break;
		q->heap[i] = q->heap[kid];
	}
	if (q->n)
		q->heap[i] = last;
	return first;
}

static void release(struct firing *f, struct queue *q)
{
	while (q->n)
		drop_due(f, q->heap[--q->n]);
	free(q->heap);
}

/* ---- rows ---- */

static struct opened *opened_of(const struct firing *f, const struct spec_window *w, struct keyed_row *row)
{
	return (struct opened *)(void *)((char *)keyed_state(row) + f->spec->states[w->state].offset);
}

/* NULL: the key has been dropped. */
static struct keyed_row *row_of(const struct firing *f, const struct due *d)
{
	const struct spec_window *w = &f->spec->windows[d->window];

	return keyed_find(f->state->tables[w->keys].keyed, d->key, d->len, hash_bytes(d->key, d->len));
}

/* The next look at a window: its end, and once it has been given out the end of its lateness. */
static int64_t next_look(const struct firing *f, const struct open_window *o)
{
	return !o->is_changed && o->end != INT64_MAX ? eventtime_plus(o->end, f->spec->timing.late) : o->end;
}

static void plan(struct firing *f, const struct spec_window *w, const struct keyed_row *row, struct open_window *o)
{
	o->due = next_look(f, o);
	push(&f->ends, due_of(f, w, row, o->due));
}

static int give_out(struct firing *f, const struct spec_window *w, struct keyed_row *row, struct open_window *o, bool is_open)
{
	const int result = f->out(f->self, w, row, o, is_open);

	keyed_touch(f->state->tables[w->keys].keyed, row);
	o->is_fresh = false;
	if (!is_open) {
		o->is_changed = false;
		o->revision++;
	}
	return result;
}

/* ---- time moves ---- */

/* A window whose time has come: given out if it has changed, forgotten if nothing can change it. */
static int look_at(struct firing *f, const struct due *d, int64_t watermark)
{
	const struct spec_window *w = &f->spec->windows[d->window];
	struct keyed_row *row = row_of(f, d);
	struct opened *all = row ? opened_of(f, w, row) : NULL;
	struct open_window *o = all ? all->list : NULL;
	int result = 0;

	while (o && o < all->list + all->n && o->due != d->at)
		o++;
	if (!o || o == all->list + all->n)
		return 0;
	if (o->end <= d->at && o->is_changed) {
		result = give_out(f, w, row, o, false);
		if (o->end != INT64_MAX && o->end > f->last_end)
			f->last_end = o->end;
	}
	if (o->end != INT64_MAX && eventtime_plus(o->end, f->spec->timing.late) <= watermark && !o->is_changed) {
		keyed_touch(f->state->tables[w->keys].keyed, row);
		opened_forget(all, o, &f->state->pool);
	} else if (o->end != INT64_MAX || d->at != INT64_MAX)
		plan(f, w, row, o);
	else
		o->due = INT64_MIN;
	return result;
}

static int close_until(struct firing *f, int64_t watermark)
{
	int result = 0;

	while (!result && f->ends.n && f->ends.heap[0].at <= watermark) {
		const struct due d = pop(&f->ends);
		result = look_at(f, &d, watermark);
		drop_due(f, d);
	}
	return result;
}

/* Every open window that has changed, in order. */
static int trigger(struct firing *f, int64_t watermark)
{
	struct queue found = {0};
	int result = 0;

	for (size_t i = 0; i < f->changed.n; i++) {
		const struct due *d = &f->changed.heap[i];
		const struct spec_window *w = &f->spec->windows[d->window];
		struct keyed_row *row = row_of(f, d);
		struct opened *all = row ? opened_of(f, w, row) : NULL;
		for (uint32_t k = 0; all && k < all->n; k++) {
			all->list[k].is_listed = false;
			if (all->list[k].is_fresh && all->list[k].end > watermark)
				add_last(&found, due_of(f, w, row, all->list[k].end));
		}
		drop_due(f, *d);
	}
	f->changed.n = 0;
	if (found.n)
		qsort(found.heap, found.n, sizeof *found.heap, compare);
	for (size_t i = 0; i < found.n && !result; i++) {
		const struct spec_window *w = &f->spec->windows[found.heap[i].window];
		struct keyed_row *row = row_of(f, &found.heap[i]);
		struct opened *all = row ? opened_of(f, w, row) : NULL;
		for (uint32_t k = 0; all && k < all->n && !result; k++)
			if (all->list[k].is_fresh && all->list[k].end == found.heap[i].at)
				result = give_out(f, w, row, &all->list[k], true);
	}
	release(f, &found);
	return result;
}

int firing_advance(struct firing *f, int64_t watermark)
{
	const int64_t every = f->spec->timing.every;
	int result = 0;

	if (every && f->changed.n && f->watermark != EVENTTIME_NONE && watermark != INT64_MAX) {
		const int64_t next = eventtime_plus(eventtime_floor(f->watermark, every, 0), every);
		if (next <= watermark && !(result = close_until(f, next)))
			result = trigger(f, next);
	}
	if (watermark > f->watermark)
		f->watermark = watermark;
	return result ? result : close_until(f, watermark);
}

int64_t firing_due(const struct firing *f)
{
	return f->ends.n ? f->ends.heap[0].at : INT64_MAX;
}

int64_t firing_last(const struct firing *f)
{
	return f->last_end;
}

/* ---- events come ---- */

/* For the next trigger of time. */
static void list(struct firing *f, const struct spec_window *w, const struct keyed_row *row, struct opened *all)
{
	add_last(&f->changed, due_of(f, w, row, 0));
	for (uint32_t i = 0; i < all->n; i++)
		all->list[i].is_listed = true;
}

int firing_note(struct firing *f, const struct spec_window *w, struct keyed_row *row, int64_t time, int64_t watermark)
{
	const struct timing *t = &f->spec->timing;
	struct opened *all = opened_of(f, w, row);
	bool is_news = false;
	int result = 0;

	opened_note(all, w->call, time, eventtime_minus(watermark, t->late), &f->state->pool);
	for (uint32_t i = 0; i < all->n && !result; i++) {
		struct open_window *o = &all->list[i];
		if (o->end <= watermark && o->is_changed)	/* it has closed: what comes now is a revision */
			result = give_out(f, w, row, o, false);
		else if (o->is_fresh && t->every_events && o->events % t->every_events == 0)
			result = give_out(f, w, row, o, true);
		is_news |= o->is_fresh && !o->is_listed;
		if (o->due == INT64_MIN || o->due > next_look(f, o))
			plan(f, w, row, o);
	}
	if (t->every && is_news)
		list(f, w, row, all);
	return result;
}

/* ---- set up ---- */

struct firing *firing_new(const struct spec *s, struct state *state, firing_out *out, void *self)
{
	struct firing *f = alloc_zeroed(1, sizeof *f);

	*f = (struct firing){ .spec = s, .state = state, .out = out, .self = self, .watermark = EVENTTIME_NONE,
		.last_end = EVENTTIME_NONE };
	return f;
}

void firing_free(struct firing *f)
{
	if (!f)
		return;
	release(f, &f->ends);
	release(f, &f->changed);
	free(f);
}

void firing_restore(struct firing *f, int64_t watermark)
{
	f->watermark = watermark;
	for (size_t i = 0; i < f->spec->n_windows; i++) {
		const struct spec_window *w = &f->spec->windows[i];
		size_t n;
		struct keyed_row **rows = keyed_sorted(f->state->tables[w->keys].keyed, &n);
		for (size_t j = 0; j < n; j++) {
			struct opened *all = opened_of(f, w, rows[j]);
			bool is_news = false;
			for (uint32_t k = 0; k < all->n; k++) {
				is_news |= all->list[k].is_fresh;
				plan(f, w, rows[j], &all->list[k]);
			}
			if (is_news && f->spec->timing.every)
				list(f, w, rows[j], all);
		}
		free(rows);
	}
}
