/* SPDX-License-Identifier: MIT */
#include "feature/sessions.h"

#include <string.h>

#include "feature/form.h"

static size_t size_of(const struct sessions_kind *k)
{
	return sizeof(struct session) + k->size;
}

struct session *sessions_at(const struct sessions *all, const struct sessions_kind *k, size_t i)
{
	return (struct session *)(void *)((all->room ? all->list : (char *)all->only) + i * size_of(k));
}

static int64_t newest(const struct sessions *all, const struct sessions_kind *k)
{
	return sessions_at(all, k, all->n - 1u)->last;
}

/* Up to when a session must have lasted to be joined by an event that is still in time. */
static int64_t gone_by(const struct sessions *all, const struct sessions_kind *k, const struct expr_call *c, const struct moment *m)
{
	const int64_t at = all->n ? newest(all, k) : m->time;

	return eventtime_minus(eventtime_minus(form_mark(&at, m), c->width), c->late);
}

struct sessions_span sessions_span(const struct sessions *all, const struct sessions_kind *k, const struct expr_call *c,
    const struct moment *m)
{
	const int64_t gone = gone_by(all, k, c, m);
	struct sessions_span span = { all->n, all->n };

	for (; span.from; span.from--) {
		const struct session *one = sessions_at(all, k, span.from - 1);
		if (one->last < eventtime_minus(m->time, c->width) || one->last < gone)
			break;
		if (eventtime_minus(one->first, c->width) > m->time)
			span.to = span.from - 1;
	}
	return span;
}

static bool fits(const struct sessions_kind *k)
{
	return k->size <= SESSIONS_INLINE;
}

static void keep(struct sessions *all, const struct sessions_kind *k, uint32_t n, struct pool *pool)
{
	uint32_t room = all->room ? all->room : 1;

	if (n <= all->room || (n == 1 && fits(k)))
		return;
	while (room < n)
		room *= 2;
	char *list = pool_get(pool, room * size_of(k));
	memcpy(list, sessions_at(all, k, 0), all->n * size_of(k));
	pool_put(pool, all->room ? all->list : NULL, all->room * size_of(k));
	all->list = list;
	all->room = room;
}

/* One is left of more: it needs no list. */
static void settle(struct sessions *all, const struct sessions_kind *k, struct pool *pool)
{
	if (all->n > 1 || !all->room || !fits(k))
		return;
	char *list = all->list;
	memcpy(all->only, list, size_of(k));
	pool_put(pool, list, all->room * size_of(k));
	all->room = 0;
}

/* Sessions [from, to) go; what they own has gone before. */
static void cut(struct sessions *all, const struct sessions_kind *k, size_t from, size_t to)
{
	memmove(sessions_at(all, k, from), sessions_at(all, k, to), (all->n - to) * size_of(k));
	all->n -= (uint32_t)(to - from);
}

static void drop_gone(struct sessions *all, const struct sessions_kind *k, int64_t gone, struct pool *pool)
{
	size_t n = 0;

	while (n < all->n && sessions_at(all, k, n)->last < gone)
		k->drop(k->self, sessions_at(all, k, n++)->comes_to, pool);
	if (n)
		cut(all, k, 0, n);
}

/* An empty one at place i. */
static struct session *open(struct sessions *all, const struct sessions_kind *k, size_t i, int64_t time, struct pool *pool)
{
	keep(all, k, all->n + 1, pool);
	struct session *fresh = sessions_at(all, k, i);
	memmove((char *)fresh + size_of(k), fresh, (all->n - i) * size_of(k));
	memset(fresh, 0, size_of(k));
	fresh->first = fresh->last = time;
	all->n++;
	return fresh;
}

void sessions_add(struct sessions *all, const struct sessions_kind *k, const struct expr_call *c, const struct moment *m, struct pool *pool)
{
	const int64_t gone = gone_by(all, k, c, m);

	drop_gone(all, k, gone, pool);
	const struct sessions_span span = sessions_span(all, k, c, m);
	if (m->time < gone && span.from == span.to) {
		/* A session of its own that nobody can join any more. */
		if (!all->n)
			sessions_release(all, k, pool);
		else
			settle(all, k, pool);
		return;
	}
	if (span.from == span.to)
		open(all, k, span.from, m->time, pool);
	struct session *one = sessions_at(all, k, span.from);
	one->first = one->first < m->time ? one->first : m->time;
	one->last = one->last > m->time ? one->last : m->time;
	if (m->x)
		k->add(k->self, one->comes_to, m, pool);
	if (span.to > span.from + 1) {
		struct session *next = sessions_at(all, k, span.from + 1);
		one->last = next->last;
		k->join(k->self, one->comes_to, next->comes_to, pool);
		cut(all, k, span.from + 1, span.from + 2);
	}
	settle(all, k, pool);
}

void sessions_turn(struct sessions *all, const struct sessions_kind *from, const struct sessions_kind *to, struct pool *pool)
{
	struct sessions turned = {0};

	if (!all->n || size_of(from) == size_of(to))
		return;
	keep(&turned, to, all->n, pool);
	for (size_t i = 0; i < all->n; i++)
		open(&turned, to, i, sessions_at(all, from, i)->first, pool)->last = sessions_at(all, from, i)->last;
	sessions_release(all, from, pool);
	*all = turned;
}

void sessions_release(struct sessions *all, const struct sessions_kind *k, struct pool *pool)
{
	for (size_t i = 0; i < all->n; i++)
		k->drop(k->self, sessions_at(all, k, i)->comes_to, pool);
	if (all->room)
		pool_put(pool, all->list, all->room * size_of(k));
	*all = (struct sessions){0};
}

void sessions_save(const struct sessions *all, const struct sessions_kind *k, struct buf *b)
{
	snapshot_put_signed(b, newest(all, k));
	snapshot_put_varint(b, all->n);
	for (size_t i = 0; i < all->n; i++) {
		const struct session *one = sessions_at(all, k, i);
		snapshot_put_signed(b, one->first);
		snapshot_put_signed(b, one->last);
		k->save(k->self, one->comes_to, b);
	}
}

void sessions_load(struct sessions *all, const struct sessions_kind *k, struct snapshot_bytes *in, struct pool *pool)
{
	const int64_t end = snapshot_get_signed(in);
	const uint64_t n = snapshot_get_varint(in);
	if (n > (uint64_t)(in->end - in->p))
		in->torn = true;
	for (uint64_t i = 0; i < n && !in->torn; i++) {
		keep(all, k, all->n + 1, pool);
		struct session *one = sessions_at(all, k, all->n);
		memset(one, 0, size_of(k));
		one->first = snapshot_get_signed(in);
		one->last = snapshot_get_signed(in);
		if (one->last < one->first || (all->n && one->first <= sessions_at(all, k, all->n - 1)->last))
			in->torn = true;
		k->load(k->self, one->comes_to, in, pool);
		all->n++;
	}
	if (!all->n || sessions_at(all, k, all->n - 1)->last != end)
		in->torn = true;
}

size_t sessions_bound(const struct sessions_kind *k)
{
	return fits(k) ? 0 : pool_size(size_of(k));
}

void sessions_fetch(const struct sessions *all)
{
	if (all->room)
		pool_fetch(all->list, sizeof(struct session));
}
