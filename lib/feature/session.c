/* SPDX-License-Identifier: MIT */
/* Sessions: partials in order of time, none within a gap of the next. */
#include "feature/window.h"

#include <string.h>

#include "feature/form.h"
#include "json/write.h"

#define UNUSED(x) ((void)(x))

struct session { int64_t first, last; uint64_t partial[]; };

struct sessions {
	char *list;
	uint32_t n, room;
	int64_t newest;
	struct form form;
};

static size_t session_size(const struct fold_shape *s)
{
	return sizeof(struct session) + fold_partial_size(s);
}

static struct session *session_at(const struct fold_shape *s, const struct sessions *all, size_t i)
{
	return (struct session *)(void *)(all->list + i * session_size(s));
}

/* What an event at `time` belongs to: sessions [from, to) of those that it can still join, two at most. */
struct span { size_t from, to; };

static struct span span_of(const struct fold_shape *s, const struct expr_call *c, const struct sessions *all, int64_t time, int64_t gone)
{
	struct span span = { all->n, all->n };

	for (; span.from; span.from--) {
		const struct session *one = session_at(s, all, span.from - 1);
		if (one->last < form_minus(time, c->width) || one->last < gone)
			break;
		if (form_minus(one->first, c->width) > time)
			span.to = span.from - 1;
	}
	return span;
}

/* Up to when a session must have lasted to be joined by an event that is still in time. */
static int64_t session_gone(const struct expr_call *c, const struct sessions *all, const struct moment *m)
{
	return form_minus(form_minus(form_mark(all->n ? &all->newest : NULL, m), c->width), c->late);
}

static struct value session_read(const struct aggregate *a, const struct expr_call *c, const void *state, const struct moment *m)
{
	const struct sessions *all = state;
	const struct fold_shape s = form_shape(a, c, all->n || !m->x ? all->form : form_of(a, *m->x));
	const struct span span = span_of(&s, c, all, m->time, session_gone(c, all, m));
	void *partial = form_nothing(&s, m->arena);
	size_t i = span.from;

	/* What comes before goes before. */
	for (; i < span.to && session_at(&s, all, i)->first <= m->time; i++)
		s.fold->combine(&s, partial, session_at(&s, all, i)->partial);
	if (m->x)
		form_add(&s, partial, m);
	for (; i < span.to; i++)
		s.fold->combine(&s, partial, session_at(&s, all, i)->partial);
	return s.fold->value(&s, partial, a->variant, m->arena);
}

static void keep_sessions(struct sessions *all, const struct fold_shape *s, uint32_t n, struct pool *pool)
{
	uint32_t room = all->room ? all->room : 1;

	while (room < n)
		room *= 2;
	if (room == all->room)
		return;
	all->list = pool_resize(pool, all->list, all->room * session_size(s), room * session_size(s));
	all->room = room;
}

/* Sessions [from, to) go; what they own has gone before. */
static void cut_sessions(struct sessions *all, const struct fold_shape *s, size_t from, size_t to)
{
	memmove(session_at(s, all, from), session_at(s, all, to), (all->n - to) * session_size(s));
	all->n -= (uint32_t)(to - from);
}

static void drop_sessions(struct sessions *all, const struct fold_shape *s, int64_t gone, struct pool *pool)
{
	size_t n = 0;

	while (n < all->n && session_at(s, all, n)->last < gone)
		fold_drop_partial(s, session_at(s, all, n++)->partial, pool);
	if (n)
		cut_sessions(all, s, 0, n);
}

static void session_release(const struct aggregate *a, const struct expr_call *c, void *state, struct pool *pool)
{
	struct sessions *all = state;
	const struct fold_shape s = form_shape(a, c, all->form);

	for (size_t i = 0; i < all->n; i++)
		fold_drop_partial(&s, session_at(&s, all, i)->partial, pool);
	pool_put(pool, all->list, all->room * session_size(&s));
	*all = (struct sessions){0};
}

static void session_add(const struct aggregate *a, const struct expr_call *c, void *state, const struct moment *m, struct pool *pool)
{
	struct sessions *all = state;
	const struct form form = all->n ? all->form : form_of(a, *m->x);
	const struct fold_shape s = form_shape(a, c, form);
	const int64_t gone = session_gone(c, all, m);
	const struct span span = span_of(&s, c, all, m->time, gone);

	if (m->time < gone && span.from == span.to) {
		/* A session of its own that nobody can join any more. */
		drop_sessions(all, &s, gone, pool);
		if (!all->n)
			session_release(a, c, all, pool);
		return;
	}
	all->newest = form_newest(all->n ? &all->newest : NULL, m);
	all->form = form;
	if (span.from == span.to) {
		keep_sessions(all, &s, all->n + 1, pool);
		struct session *fresh = session_at(&s, all, span.from);
		memmove((char *)fresh + session_size(&s), fresh, (all->n - span.from) * session_size(&s));
		memset(fresh, 0, session_size(&s));
		fresh->first = fresh->last = m->time;
		all->n++;
	}
	struct session *one = session_at(&s, all, span.from);
	one->first = one->first < m->time ? one->first : m->time;
	one->last = one->last > m->time ? one->last : m->time;
	form_keep(&s, one->partial, m, pool);
	if (span.to > span.from + 1) {
		struct session *next = session_at(&s, all, span.from + 1);
		one->last = next->last;
		fold_keep_partial(&s, one->partial, next->partial, pool);
		cut_sessions(all, &s, span.from + 1, span.from + 2);
	}
	drop_sessions(all, &s, gone, pool);
}

static int session_take(const struct aggregate *a, const struct expr_call *c, const void *state, struct value *x, struct arena *arena,
    struct error *why)
{
	const struct sessions *all = state;
	const struct fold_shape s = form_shape(a, c, all->n ? all->form : form_of(a, *x));
	struct value kept = {0};

	UNUSED(arena);
	if (all->n && s.fold->entry == FOLD_VALUE)
		kept = fold_partial_value(&s, session_at(&s, all, 0)->partial);
	else if (all->n && s.fold->takes_arrays)
		kept = form_like(&s);
	return fold_check(&s, kept, *x, why);
}

static void session_save(const struct aggregate *a, const struct expr_call *c, const void *state, struct buf *b)
{
	const struct sessions *all = state;
	const struct fold_shape s = form_shape(a, c, all->form);

	form_save(b, all->form);
	snapshot_put_signed(b, all->newest);
	snapshot_put_varint(b, all->n);
	for (size_t i = 0; i < all->n; i++) {
		snapshot_put_signed(b, session_at(&s, all, i)->first);
		snapshot_put_signed(b, session_at(&s, all, i)->last);
		fold_save_partial(&s, session_at(&s, all, i)->partial, b);
	}
}

static void session_load(const struct aggregate *a, const struct expr_call *c, void *state, struct snapshot_bytes *in, struct pool *pool)
{
	struct sessions *all = state;

	all->form = form_load(in);
	all->newest = snapshot_get_signed(in);
	const struct fold_shape s = form_shape(a, c, all->form);
	const uint64_t n = snapshot_get_varint(in);
	if (n > (uint64_t)(in->end - in->p) || (s.is_array && !s.fold->takes_arrays))
		in->torn = true;
	for (uint64_t i = 0; i < n && !in->torn; i++) {
		keep_sessions(all, &s, all->n + 1, pool);
		struct session *one = session_at(&s, all, all->n);
		memset(one, 0, session_size(&s));
		one->first = snapshot_get_signed(in);
		one->last = snapshot_get_signed(in);
		if (one->last < one->first || (all->n && one->first <= session_at(&s, all, all->n - 1)->last))
			in->torn = true;
		fold_load_partial(&s, one->partial, in, pool);
		all->n++;
	}
	if (!all->n || session_at(&s, all, all->n - 1)->last != all->newest)
		in->torn = true;
}

static void session_dump(const struct aggregate *a, const struct expr_call *c, const void *state, struct buf *b)
{
	const struct sessions *all = state;
	const struct fold_shape s = form_shape(a, c, all->form);
	struct arena arena = ARENA_INIT;

	json_write_name(b, "sessions");
	buf_add_byte(b, '[');
	for (size_t i = 0; i < all->n; i++) {
		const struct session *one = session_at(&s, all, i);
		buf_add_text(b, i ? ",{" : "{");
		form_put_time(b, "first", one->first);
		form_put_time(b, "last", one->last);
		form_put_value(b, &s, one->partial, a->variant, &arena);
		buf_add_byte(b, '}');
	}
	buf_add_byte(b, ']');
	arena_release(&arena);
}

static size_t session_bound(const struct aggregate *a, const struct expr_call *c)
{
	const struct fold_shape s = form_shape(a, c, (struct form){ 1, false });

	return pool_size(session_size(&s));
}

const struct keeper session_keeper = {
	"what the session comes to", sizeof(struct sessions), session_take, session_read, session_add, session_release,
	session_save, session_load, session_dump, session_bound, NULL, NULL,
};
