/* SPDX-License-Identifier: MIT */
#include "feature/form.h"

#include <string.h>

#include "base/eventtime.h"
#include "json/write.h"

struct form form_of(const struct aggregate *a, struct value x)
{
	return x.type == VALUE_ARRAY && a->fold->takes_arrays ? (struct form){ x.len, true } : (struct form){ 1, false };
}

struct fold_shape form_shape(const struct aggregate *a, const struct expr_call *c, struct form f)
{
	struct fold_shape s = { a->fold, f.dims ? f.dims : f.is_array ? 0 : 1, f.is_array, 0, c->width };
	struct value v;

	if (c->kind->flags & EXPR_CALL_DURATION && expr_is_constant(c->args[c->n_args - 1], &v))
		s.half_life = v.integer;
	if (c->window == WINDOW_SESSION)
		s.width = 0;
	return s;
}

void *form_nothing(const struct fold_shape *s, struct arena *arena)
{
	const size_t size = fold_partial_size(s);

	return memset(arena_get(arena, size), 0, size);
}

void form_add(const struct fold_shape *s, void *partial, const struct moment *m)
{
	void *entry = arena_get(m->arena, fold_entry_size(s) + 1);

	fold_lift(s, entry, *m->x);
	s->fold->add(s, partial, &m->time, entry, 1);
}

void form_keep(const struct fold_shape *s, void *partial, const struct moment *m, struct pool *pool)
{
	void *entry = arena_get(m->arena, fold_entry_size(s) + 1);

	fold_lift(s, entry, *m->x);
	fold_keep(s, partial, m->time, entry, pool);
}

int64_t form_minus(int64_t a, int64_t b)
{
	return eventtime_minus(a, b);
}

int64_t form_plus(int64_t a, int64_t b)
{
	int64_t c;

	return __builtin_add_overflow(a, b, &c) ? b > 0 ? INT64_MAX : INT64_MIN : c;
}

int64_t form_newest(const int64_t *newest, const struct moment *m)
{
	return newest && *newest > m->time ? *newest : m->time;
}

int64_t form_mark(const int64_t *newest, const struct moment *m)
{
	const int64_t at = form_newest(newest, m);

	return at > m->watermark ? at : m->watermark;
}

/* Of arrays their elements + 1, of numbers 0. */
void form_save(struct buf *b, struct form f)
{
	snapshot_put_varint(b, f.is_array ? (uint64_t)f.dims + 1 : 0);
}

struct form form_load(struct snapshot_bytes *in)
{
	const uint64_t n = snapshot_get_varint(in);

	if (n > FOLD_DIMS_MAX + 1)
		in->torn = true;
	return in->torn || !n ? (struct form){ 1, false } : (struct form){ (uint32_t)n - 1, true };
}

struct value form_like(const struct fold_shape *s)
{
	return s->is_array ? (struct value){ .type = VALUE_ARRAY, .len = s->dims } : value_integer(0);
}

void form_put_time(struct buf *b, const char *name, int64_t time)
{
	char text[EVENTTIME_SHOW_MAX];

	eventtime_show(time, text);
	json_write_name(b, name);
	json_write_string(b, text, strlen(text));
}

void form_put_value(struct buf *b, const struct fold_shape *s, const void *partial, int variant, struct arena *arena)
{
	json_write_name(b, "value");
	json_write_value(b, s->fold->value(s, partial, variant, arena));
}
