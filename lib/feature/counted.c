/* SPDX-License-Identifier: MIT */
/* What keepers of counted values share, and those of `over all` and of sessions: pots. */
#include "feature/counted.h"

#include <stdlib.h>
#include <string.h>

#include "feature/distinct.h"
#include "feature/form.h"
#include "feature/quantile.h"
#include "feature/sessions.h"
#include "feature/topk.h"
#include "json/write.h"

#define UNUSED(x) ((void)(x))

/* ---- shared ---- */

int counted_take(const struct aggregate *a, const struct expr_call *c, const void *state, struct value *x, struct arena *arena, struct error *why)
{
	UNUSED(c), UNUSED(state);
	return a->counted->take(x, arena, why);
}

struct counted_question counted_ask(const struct aggregate *a, const struct moment *m, int64_t time)
{
	struct counted_question q = { m->x, time, a->counted->usual, m->arena, m->over };
	struct value v;

	if (m->call && m->call->n_args == 2 && expr_is_constant(m->call->args[1], &v))
		q.constant = value_double(v);
	return q;
}

struct value counted_of_nothing(const struct counted_in *in, const struct counted_question *q)
{
	const struct counted *row = in->row;
	const size_t common = in->common ? 0 : row->common;
	char *zeros = memset(arena_get(q->arena, common + row->pot), 0, common + row->pot);
	const struct counted_in empty = { row, common ? zeros : in->common, in->pool, NULL };

	return row->pot_read(&empty, zeros + common, q);
}

void counted_save_common(struct counted_in *in, struct buf *b)
{
	in->saving = in->row->save_common ? in->row->save_common(in, b) : NULL;
}

void counted_saved(struct counted_in *in)
{
	free(in->saving);
	in->saving = NULL;
}

static void load_common(const struct counted_in *in, struct snapshot_bytes *bytes)
{
	if (in->row->load_common)
		in->row->load_common(in, bytes);
}

static void release_common(const struct counted_in *in)
{
	if (in->row->release_common)
		in->row->release_common(in);
}

static bool is_whole(const struct counted_in *in)
{
	return !in->row->is_whole || in->row->is_whole(in);
}

/* Of a pot and what is common, with so many different values. */
static size_t values_bytes(const struct counted *row, size_t n)
{
	n = n < row->usual_values ? n : row->usual_values;
	return (row->common_bytes ? row->common_bytes(n) : 0) + row->pot_bytes(n);
}

/* ---- over all ---- */

/* Behind it what is common, and the pot. */
struct whole { uint64_t n; uint64_t more[]; };

static struct counted_in in_whole(const struct aggregate *a, const struct whole *w, struct pool *pool)
{
	return (struct counted_in){ a->counted, (void *)w->more, pool, NULL };
}

static void *pot_of(const struct aggregate *a, const struct whole *w)
{
	return (char *)w->more + a->counted->common;
}

static struct value whole_read(const struct aggregate *a, const struct expr_call *c, const void *state, const struct moment *m)
{
	const struct whole *w = state;
	const struct counted_in in = in_whole(a, w, m->pool);
	const struct counted_question q = counted_ask(a, m, (int64_t)w->n);

	UNUSED(c);
	return a->counted->pot_read(&in, pot_of(a, w), &q);
}

static void whole_add(const struct aggregate *a, const struct expr_call *c, void *state, const struct moment *m, struct pool *pool)
{
	struct whole *w = state;
	const struct counted_in in = in_whole(a, w, pool);

	UNUSED(c);
	a->counted->pot_add(&in, pot_of(a, w), *m->x, (int64_t)w->n++, NULL, 0);
}

static void whole_release(const struct aggregate *a, const struct expr_call *c, void *state, struct pool *pool)
{
	struct whole *w = state;
	const struct counted_in in = in_whole(a, w, pool);

	UNUSED(c);
	a->counted->pot_release(&in, pot_of(a, w));
	release_common(&in);
	w->n = 0;
}

static void whole_save(const struct aggregate *a, const struct expr_call *c, const void *state, struct buf *b)
{
	const struct whole *w = state;
	struct counted_in in = in_whole(a, w, NULL);

	UNUSED(c);
	snapshot_put_varint(b, w->n);
	counted_save_common(&in, b);
	a->counted->pot_save(&in, pot_of(a, w), b);
	counted_saved(&in);
}

static void whole_load(const struct aggregate *a, const struct expr_call *c, void *state, struct snapshot_bytes *bytes, struct pool *pool)
{
	struct whole *w = state;
	const struct counted_in in = in_whole(a, w, pool);

	UNUSED(c);
	w->n = snapshot_get_varint(bytes);
	load_common(&in, bytes);
	a->counted->pot_load(&in, pot_of(a, w), bytes);
	if (!w->n || w->n > INT64_MAX / 2 || !is_whole(&in))
		bytes->torn = true;
}

static void whole_dump(const struct aggregate *a, const struct expr_call *c, const void *state, struct buf *b)
{
	const struct whole *w = state;
	struct arena arena = ARENA_INIT;
	const struct moment m = { .arena = &arena };

	json_write_name(b, "n");
	json_write_integer(b, (int64_t)w->n);
	json_write_name(b, "value");
	json_write_value(b, whole_read(a, c, state, &m));
	arena_release(&arena);
}

static size_t whole_grown(const struct aggregate *a, const struct expr_call *c, size_t n)
{
	UNUSED(c);
	return values_bytes(a->counted, n);
}

static size_t whole_bound(const struct aggregate *a, const struct expr_call *c)
{
	return whole_grown(a, c, SIZE_MAX);
}

#define WHOLE(what, size) { what, sizeof(struct whole) + (size), counted_take, whole_read, whole_add, whole_release, whole_save, whole_load, \
	whole_dump, whole_bound, NULL, whole_grown }

const struct keeper counted_all_quantile = WHOLE("counts by bins of 2 %, those of values over six powers of ten", sizeof(struct quantile));
const struct keeper counted_all_distinct = WHOLE("up to 1,024 hashes, beyond that a HyperLogLog (0.81 %)", sizeof(struct distinct));
const struct keeper counted_all_topk = WHOLE("up to 1,024 values and their counts", TOPK_WHOLE);

/* ---- sessions ---- */

struct visits {
	struct sessions all;
	void *common;
};

static struct counted_in in_visits(const struct aggregate *a, const struct visits *v, struct pool *pool)
{
	return (struct counted_in){ a->counted, v->common, pool, NULL };
}

static void add_value(const void *self, void *pot, const struct moment *m, struct pool *pool)
{
	const struct counted_in *in = self;

	UNUSED(pool);
	in->row->pot_add(in, pot, *m->x, m->time, NULL, 0);
}

static void drop_visit(const void *self, void *pot, struct pool *pool)
{
	const struct counted_in *in = self;

	UNUSED(pool);
	in->row->pot_release(in, pot);
}

static void join_visits(const void *self, void *pot, void *later, struct pool *pool)
{
	const struct counted_in *in = self;

	in->row->pot_join(in, pot, later);
	drop_visit(self, later, pool);
}

static void save_visit(const void *self, const void *pot, struct buf *b)
{
	const struct counted_in *in = self;

	in->row->pot_save(in, pot, b);
}

static void load_visit(const void *self, void *pot, struct snapshot_bytes *bytes, struct pool *pool)
{
	const struct counted_in *in = self;

	UNUSED(pool);
	in->row->pot_load(in, pot, bytes);
}

static struct sessions_kind visits_kind(const struct counted_in *in)
{
	return (struct sessions_kind){ in, (uint32_t)in->row->pot, add_value, join_visits, drop_visit, save_visit, load_visit };
}

/* An event between two sessions sees both. */
static struct value read_both(const struct counted_in *in, const void *one, const void *other, const struct counted_question *q)
{
	void *both = memset(arena_get(q->arena, in->row->pot), 0, in->row->pot);

	in->row->pot_join(in, both, one);
	in->row->pot_join(in, both, other);
	const struct value v = in->row->pot_read(in, both, q);
	in->row->pot_release(in, both);
	return v;
}

static struct value session_read(const struct aggregate *a, const struct expr_call *c, const void *state, const struct moment *m)
{
	const struct visits *v = state;
	const struct counted_in in = in_visits(a, v, m->pool);
	const struct counted_question q = counted_ask(a, m, m->time);
	const struct sessions_kind kind = visits_kind(&in);
	const struct sessions_span span = sessions_span(&v->all, &kind, c, m);

	if (span.to > span.from + 1)
		return read_both(&in, sessions_at(&v->all, &kind, span.from)->comes_to, sessions_at(&v->all, &kind, span.from + 1)->comes_to, &q);
	return span.to > span.from ? a->counted->pot_read(&in, sessions_at(&v->all, &kind, span.from)->comes_to, &q) : counted_of_nothing(&in, &q);
}

static void *new_common(const struct counted *row, struct pool *pool)
{
	return row->common ? memset(pool_get(pool, row->common), 0, row->common) : NULL;
}

static void session_release(const struct aggregate *a, const struct expr_call *c, void *state, struct pool *pool)
{
	struct visits *v = state;
	const struct counted_in in = in_visits(a, v, pool);
	const struct sessions_kind kind = visits_kind(&in);

	UNUSED(c);
	sessions_release(&v->all, &kind, pool);
	if (v->common)
		release_common(&in);
	pool_put(pool, v->common, a->counted->common);
	v->common = NULL;
}

/* The present event, with a value or without. */
static void session_add(const struct aggregate *a, const struct expr_call *c, void *state, const struct moment *m, struct pool *pool)
{
	struct visits *v = state;

	if (!v->common)
		v->common = new_common(a->counted, pool);
	const struct counted_in in = in_visits(a, v, pool);
	const struct sessions_kind kind = visits_kind(&in);
	sessions_add(&v->all, &kind, c, m, pool);
	if (!v->all.n)
		session_release(a, c, v, pool);
}

static void session_save(const struct aggregate *a, const struct expr_call *c, const void *state, struct buf *b)
{
	const struct visits *v = state;
	struct counted_in in = in_visits(a, v, NULL);
	const struct sessions_kind kind = visits_kind(&in);

	UNUSED(c);
	counted_save_common(&in, b);
	sessions_save(&v->all, &kind, b);
	counted_saved(&in);
}

static void session_load(const struct aggregate *a, const struct expr_call *c, void *state, struct snapshot_bytes *bytes, struct pool *pool)
{
	struct visits *v = state;

	UNUSED(c);
	v->common = new_common(a->counted, pool);
	const struct counted_in in = in_visits(a, v, pool);
	const struct sessions_kind kind = visits_kind(&in);
	load_common(&in, bytes);
	if (bytes->torn)
		return;
	sessions_load(&v->all, &kind, bytes, pool);
	if (!is_whole(&in))
		bytes->torn = true;
}

static void session_dump(const struct aggregate *a, const struct expr_call *c, const void *state, struct buf *b)
{
	const struct visits *v = state;
	const struct counted_in in = in_visits(a, v, NULL);
	struct arena arena = ARENA_INIT;
	const struct moment m = { .arena = &arena };
	const struct counted_question q = counted_ask(a, &m, 0);
	const struct sessions_kind kind = visits_kind(&in);

	UNUSED(c);
	json_write_name(b, "sessions");
	buf_add_byte(b, '[');
	for (size_t i = 0; i < v->all.n; i++) {
		struct session *one = sessions_at(&v->all, &kind, i);
		buf_add_text(b, i ? ",{" : "{");
		form_put_time(b, "first", one->first);
		form_put_time(b, "last", one->last);
		json_write_name(b, "value");
		json_write_value(b, a->counted->pot_read(&in, one->comes_to, &q));
		buf_add_byte(b, '}');
	}
	buf_add_byte(b, ']');
	arena_release(&arena);
}

static size_t session_grown(const struct aggregate *a, const struct expr_call *c, size_t n)
{
	const struct counted *row = a->counted;

	UNUSED(c);
	return pool_size(sizeof(struct session) + row->pot) + pool_size(row->common) + values_bytes(row, n);
}

static size_t session_bound(const struct aggregate *a, const struct expr_call *c)
{
	return session_grown(a, c, SIZE_MAX);
}

const struct keeper counted_session_keeper = {
	"the values of the session, counted", sizeof(struct visits), counted_take, session_read, session_add, session_release,
	session_save, session_load, session_dump, session_bound, NULL, session_grown,
};
