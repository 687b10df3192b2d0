/* SPDX-License-Identifier: MIT */
#include "feature/cursor.h"

#include <string.h>

#include "feature/form.h"

#define MANY 32			/* late cursors for what is a little late, and as many for the rest of the span */
#define MOST_BYTES (64u << 20)	/* of their sums, where these grow with what the state holds */
#define ENOUGH 65536		/* entries that one late cursor passes before there are many */

/* ---- which one ---- */

static size_t bytes_of(uint32_t n, size_t sum)
{
	return n * (sizeof(struct cursor) + sum);
}

static void make_cursors(struct cursors *all, const struct cursor_line *l, uint32_t n)
{
	const struct cursors old = *all;

	all->one = memset(pool_get(l->in->pool, bytes_of(n, l->sum)), 0, bytes_of(n, l->sum));
	all->n = n;
	for (uint32_t i = 0; i < n; i++) {
		char *sum = (char *)(all->one + n) + i * l->sum;
		if (i < old.n) {
			all->one[i] = old.one[i];
			memcpy(sum, old.one[i].sum, l->sum);
		}
		all->one[i].sum = sum;
	}
	pool_put(l->in->pool, old.one, bytes_of(old.n, l->sum));
}

/* Of each sort: each of them passes every entry, so of few entries there are few. */
static uint32_t late_ones(const struct cursor_line *l)
{
	const size_t bytes = l->in->row->sum_now ? l->in->row->sum_now(l->in) : 0;
	uint32_t n = 1;

	while (n < MANY && (l->pane ? n < l->line->n : n * n * 64 < l->line->n) && 4 * n * bytes <= MOST_BYTES)
		n *= 2;
	return n;
}

/*
 * A little late: by panes, or by n parts of the n-th part of the span.  Panes go by their number, so that a new one takes the
 * place of one that is no more a little late.
 */
static uint32_t late_one(const struct cursor_line *l, uint32_t n, int64_t newest, int64_t until)
{
	const uint64_t lag = (uint64_t)newest - (uint64_t)until, part = (uint64_t)l->span / n + 1;
	const uint64_t step = l->pane ? (uint64_t)l->pane : part / n + 1;

	if (lag / step < n)
		return 1 + (uint32_t)((l->pane ? (uint64_t)until / step : lag / step) % n);
	return 1 + n + (uint32_t)(lag / part < n ? lag / part : n - 1);
}

struct cursor *cursor_choose(struct cursors *all, const struct cursor_line *l, int64_t until)
{
	if (!all->n)
		make_cursors(all, l, 1);
	if (!all->one[0].is_set || until >= all->one[0].until)
		return &all->one[0];
	const uint32_t n = all->passed < ENOUGH ? 1 : late_ones(l);
	if (all->n < 1 + 2 * n)
		make_cursors(all, l, 1 + 2 * n);
	return &all->one[late_one(l, all->n / 2, all->one[0].until, until)];
}

void cursor_passed(struct cursors *all, const struct cursor *c, uint32_t n)
{
	if (c != all->one && all->passed < ENOUGH)
		all->passed += n;
}

void cursor_release(struct cursors *all, const struct cursor_line *l)
{
	pool_put(l->in->pool, all->one, bytes_of(all->n, l->sum));
	*all = (struct cursors){0};
}

size_t cursor_bytes(size_t sum)
{
	return pool_size(bytes_of(1, sum));
}

/* ---- moves ---- */

struct passing {
	struct cursor *c;
	const struct cursor_line *l;
	int sign;
	enum counted_end end;
	int64_t time;		/* of the oldest that has passed; at first where the cursor stood */
	uint32_t n;		/* that have passed */
};

static void pass(struct passing *p, const int64_t *times, void *entries, size_t n)
{
	const struct counted_in *in = p->l->in;

	p->n += (uint32_t)n * (p->l->has_pots ? CURSOR_POT : 1);
	if (!p->l->has_pots) {
		in->row->move(in, p->c->sum, times, entries, n, p->sign, p->end);
		return;
	}
	for (size_t j = 0; j < n; j++) {
		const size_t i = p->sign > 0 && p->end == COUNTED_FRONT ? n - 1 - j : j;
		in->row->move_pot(in, p->c->sum, (char *)entries + i * p->l->kind->entry, p->sign, p->end);
	}
}

static bool is_over(const struct cursor *c, const struct cursor_line *l)
{
	return !l->has_pots && l->in->row->is_over && l->in->row->is_over(c->sum);
}

/* Entries of one time go together: a stretch begins behind a time. */
static bool take_oldest(void *self, int64_t time, void *entry)
{
	struct passing *p = self;

	if (time != p->c->after && !is_over(p->c, p->l))
		return false;
	pass(p, &time, entry, 1);
	p->c->after = time;
	return true;
}

static void shorten(struct cursor *c, const struct cursor_line *l, int64_t until)
{
	struct passing p = { c, l, -1, COUNTED_FRONT, c->after, 0 };

	if (!is_over(c, l) || c->after >= until)
		return;
	timeline_walk(l->line, l->kind, c->after, until, false, take_oldest, &p);
	c->is_short = true;
}

static bool take_run(void *self, const int64_t *times, void *entries, size_t n)
{
	pass(self, times, entries, n);
	return true;
}

/* Of the last time there may be more to come. */
static bool put_run(void *self, const int64_t *times, void *entries, size_t n)
{
	struct passing *p = self;

	pass(p, times, entries, n);
	shorten(p->c, p->l, times[n - 1] - 1);
	return true;
}

/* Where it is too much, the rest of the oldest time and no more. */
static bool put_older_run(void *self, const int64_t *times, void *entries, size_t n)
{
	struct passing *p = self;
	size_t from = 0;

	if (is_over(p->c, p->l))
		for (from = n; from && times[from - 1] == p->time; from--)
			;
	if (from == n)
		return false;
	pass(p, times + from, (char *)entries + from * p->l->kind->entry, n - from);
	p->time = times[from];
	return true;
}

static uint32_t walk(struct cursor *c, const struct cursor_line *l, int64_t after, int64_t until, int sign, enum counted_end end)
{
	struct passing p = { c, l, sign, end, after, 0 };

	if (after < until)
		timeline_runs(l->line, l->kind, after, until, false, sign > 0 ? put_run : take_run, &p);
	return p.n;
}

/* Back to `after`, or to where more would be too much. */
static uint32_t lengthen(struct cursor *c, const struct cursor_line *l, int64_t after)
{
	struct passing p = { c, l, 1, COUNTED_FRONT, c->after, 0 };
	const int64_t until = c->after;

	timeline_runs(l->line, l->kind, after, until, true, put_older_run, &p);
	c->after = is_over(c, l) ? p.time - 1 : after;
	shorten(c, l, until);
	return p.n;
}

static uint32_t leave(struct cursor *c, const struct cursor_line *l, int64_t gone)
{
	if (!c->is_set || gone <= c->after)
		return 0;
	const uint32_t n = walk(c, l, c->after, gone < c->until ? gone : c->until, -1, COUNTED_FRONT);
	c->after = gone;
	c->until = c->until > gone ? c->until : gone;
	c->is_short = false;
	return n;
}

void cursor_move(struct cursors *all, struct cursor *c, const struct cursor_line *l, int64_t after, int64_t until)
{
	uint32_t n = 0;

	/* What was too much stays too much when more comes to it. */
	if (c->is_short && after < c->after && c->until <= until)
		return;
	if (!c->is_set) {
		c->after = c->until = until;
		c->is_set = true;
	}
	n += leave(c, l, after);
	if (until < c->until) {
		n += walk(c, l, until > c->after ? until : c->after, c->until, -1, COUNTED_BACK);
		c->after = c->after < until ? c->after : until;
		c->is_short = false;
	} else
		n += walk(c, l, c->until, until, 1, COUNTED_BACK);
	c->until = until;
	shorten(c, l, until);
	if (after < c->after && !c->is_short)
		n += lengthen(c, l, after);
	c->is_short &= after < c->after;
	cursor_passed(all, c, n);
}

void cursor_add(struct cursors *all, const struct cursor_line *l, int64_t time, uint64_t entry)
{
	for (uint32_t i = 0; i < all->n; i++)
		if (cursor_holds(&all->one[i], time)) {
			l->in->row->move(l->in, all->one[i].sum, &time, &entry, 1, 1, COUNTED_WITHIN);
			shorten(&all->one[i], l, all->one[i].until);
		}
}

void cursor_leave(struct cursors *all, const struct cursor_line *l, int64_t gone)
{
	for (uint32_t i = 0; i < all->n; i++)
		leave(&all->one[i], l, gone);
}
