/* SPDX-License-Identifier: MIT */
/* Windows that are sessions, each of which comes to a partial. */
#include "feature/window.h"

#include "feature/form.h"
#include "feature/sessions.h"
#include "json/write.h"

#define UNUSED(x) ((void)(x))

struct session_state {
	struct sessions all;
	struct form form;
};

static void add_value(const void *self, void *partial, const struct moment *m, struct pool *pool)
{
	form_keep(self, partial, m, pool);
}

static void join(const void *self, void *partial, void *later, struct pool *pool)
{
	if (!fold_is_nothing(self, later))
		fold_keep_partial(self, partial, later, pool);
}

static void drop(const void *self, void *partial, struct pool *pool)
{
	fold_drop_partial(self, partial, pool);
}

static void save(const void *self, const void *partial, struct buf *b)
{
	fold_save_partial(self, partial, b);
}

static void load(const void *self, void *partial, struct snapshot_bytes *in, struct pool *pool)
{
	fold_load_partial(self, partial, in, pool);
}

static struct sessions_kind kind_of(const struct fold_shape *s)
{
	return (struct sessions_kind){ s, (uint32_t)fold_partial_size(s), add_value, join, drop, save, load };
}

static struct fold_shape shape_of(const struct aggregate *a, const struct expr_call *c, const struct session_state *st)
{
	return form_shape(a, c, st->form);
}

/* What a session comes to that has a value; NULL: none has one. */
static const void *any_value(const struct sessions *all, const struct sessions_kind *kind)
{
	for (size_t i = 0; i < all->n; i++) {
		const void *partial = sessions_at(all, kind, i)->comes_to;
		if (!fold_is_nothing(kind->self, partial))
			return partial;
	}
	return NULL;
}

static struct value session_read(const struct aggregate *a, const struct expr_call *c, const void *state, const struct moment *m)
{
	const struct session_state *st = state;
	const struct fold_shape kept = shape_of(a, c, st);
	const struct sessions_kind kind = kind_of(&kept);
	const bool any = any_value(&st->all, &kind);
	const struct fold_shape s = any || !m->x ? kept : form_shape(a, c, form_of(a, *m->x));
	const struct sessions_span span = any ? sessions_span(&st->all, &kind, c, m) : (struct sessions_span){0};
	void *partial = form_nothing(&s, m->arena);
	bool is_in = !m->x;

	for (size_t i = span.from; i < span.to; i++) {
		const struct session *one = sessions_at(&st->all, &kind, i);
		/* What comes before goes before. */
		if (!is_in && one->first > m->time) {
			form_add(&s, partial, m);
			is_in = true;
		}
		if (!fold_is_nothing(&s, one->comes_to))
			s.fold->combine(&s, partial, one->comes_to, 1);
	}
	if (!is_in)
		form_add(&s, partial, m);
	return s.fold->value(&s, partial, a->variant, m->arena);
}

/* The present event, with a value or without. */
static void session_add(const struct aggregate *a, const struct expr_call *c, void *state, const struct moment *m, struct pool *pool)
{
	struct session_state *st = state;
	const struct fold_shape kept = shape_of(a, c, st);
	const struct sessions_kind before = kind_of(&kept);

	if (!m->x || any_value(&st->all, &before))
		sessions_add(&st->all, &before, c, m, pool);
	else {
		st->form = form_of(a, *m->x);
		const struct fold_shape s = shape_of(a, c, st);
		const struct sessions_kind kind = kind_of(&s);
		sessions_turn(&st->all, &before, &kind, pool);
		sessions_add(&st->all, &kind, c, m, pool);
	}
	if (!st->all.n)
		st->form = (struct form){0};
}

static int session_take(const struct aggregate *a, const struct expr_call *c, const void *state, struct value *x, struct arena *arena,
    struct error *why)
{
	const struct session_state *st = state;
	const struct fold_shape kept = shape_of(a, c, st);
	const struct sessions_kind kind = kind_of(&kept);
	const void *partial = any_value(&st->all, &kind);
	const struct fold_shape s = partial ? kept : form_shape(a, c, form_of(a, *x));

	UNUSED(arena);
	if (partial && s.fold->entry == FOLD_VALUE)
		return fold_check(&s, fold_partial_value(&s, partial), *x, why);
	return fold_check(&s, partial && s.fold->takes_arrays ? form_like(&s) : (struct value){0}, *x, why);
}

static void session_release(const struct aggregate *a, const struct expr_call *c, void *state, struct pool *pool)
{
	struct session_state *st = state;
	const struct fold_shape s = form_shape(a, c, st->form);
	const struct sessions_kind kind = kind_of(&s);

	sessions_release(&st->all, &kind, pool);
}

static void session_save(const struct aggregate *a, const struct expr_call *c, const void *state, struct buf *b)
{
	const struct session_state *st = state;
	const struct fold_shape s = form_shape(a, c, st->form);
	const struct sessions_kind kind = kind_of(&s);

	form_save(b, st->form);
	sessions_save(&st->all, &kind, b);
}

static void session_load(const struct aggregate *a, const struct expr_call *c, void *state, struct snapshot_bytes *in, struct pool *pool)
{
	struct session_state *st = state;

	st->form = form_load(in);
	const struct fold_shape s = form_shape(a, c, st->form);
	const struct sessions_kind kind = kind_of(&s);
	if (s.is_array && !s.fold->takes_arrays)
		in->torn = true;
	if (!in->torn)
		sessions_load(&st->all, &kind, in, pool);
}

static void session_dump(const struct aggregate *a, const struct expr_call *c, const void *state, struct buf *b)
{
	const struct session_state *st = state;
	const struct fold_shape s = form_shape(a, c, st->form);
	const struct sessions_kind kind = kind_of(&s);
	struct arena arena = ARENA_INIT;

	json_write_name(b, "sessions");
	buf_add_byte(b, '[');
	for (size_t i = 0; i < st->all.n; i++) {
		const struct session *one = sessions_at(&st->all, &kind, i);
		buf_add_text(b, i ? ",{" : "{");
		form_put_time(b, "first", one->first);
		form_put_time(b, "last", one->last);
		form_put_value(b, &s, one->comes_to, a->variant, &arena);
		buf_add_byte(b, '}');
	}
	buf_add_byte(b, ']');
	arena_release(&arena);
}

static size_t session_bound(const struct aggregate *a, const struct expr_call *c)
{
	const struct fold_shape s = form_shape(a, c, (struct form){ 1, false });
	const struct sessions_kind kind = kind_of(&s);

	return sessions_bound(&kind);
}

static void session_fetch(const struct aggregate *a, const struct expr_call *c, const void *state, int64_t time, int step)
{
	UNUSED(a), UNUSED(c), UNUSED(time);
	if (!step)
		sessions_fetch(&((const struct session_state *)state)->all);
}

const struct keeper session_keeper = {
	"what the session comes to", sizeof(struct session_state), session_take, session_read, session_add, session_release,
	session_save, session_load, session_dump, session_bound, session_fetch, NULL,
};
