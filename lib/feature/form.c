/* SPDX-License-Identifier: MIT */
#include "feature/form.h"

#include <string.h>

#include "json/write.h"

int64_t form_half_life(const struct expr_call *c)
{
	struct value v;

	return expr_is_constant(c->args[c->n_args - 1], &v) ? v.integer : 0;
}

void form_keep(const struct fold_shape *s, void *partial, const struct moment *m, struct pool *pool)
{
	struct value room;

	fold_keep(s, partial, m->time, form_lift(s, m, &room), pool);
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
