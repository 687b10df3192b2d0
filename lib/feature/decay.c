/* SPDX-License-Identifier: MIT */
/* decay: what all events weigh, and their weighted sum, at the time of the newest. */
#include "feature/window.h"

#include <string.h>

#include "feature/form.h"
#include "feature/pair.h"
#include "json/write.h"

#define UNUSED(x) ((void)(x))

struct fading {
	uint64_t n;
	int64_t newest;
	struct form form;
	union { double one[3], *many; };	/* the weight, then a pair for each element */
};

static double *numbers_of(struct fading *f)
{
	return f->form.is_array ? f->many : f->one;
}

static size_t fading_size(struct form form)
{
	return (1 + 2 * (size_t)form.dims) * sizeof(double);
}

/* What is kept as of `time`, with one more value where there is one.  `out` may be what is kept. */
static void fade(const struct expr_call *c, struct fading *f, struct form form, const struct moment *m, double *out)
{
	const double *in = f->n ? numbers_of(f) : NULL;
	const double old = in ? fold_decay(eventtime_minus(m->time, f->newest), c->half_life) : 0;
	const double fresh = !m->x ? 0 : in ? fold_decay(eventtime_minus(f->newest, m->time), c->half_life) : 1;

	out[0] = (in ? in[0] * old : 0) + fresh;
	for (size_t k = 0; k < form.dims; k++) {
		struct pair sum = { in ? in[1 + 2 * k] * old : 0, in ? in[2 + 2 * k] * old : 0 };
		if (m->x && (value_is_number(*m->x) || m->x->type == VALUE_ARRAY))
			sum = pair_add(sum, fresh * value_double(m->x->type == VALUE_ARRAY ? m->x->items[k] : *m->x), 0);
		out[1 + 2 * k] = sum.hi;
		out[2 + 2 * k] = sum.lo;
	}
}

static struct value faded_value(const struct aggregate *a, struct form form, const double *numbers, struct arena *arena)
{
	const double divisor = a->variant == FOLD_MEAN ? numbers[0] : 1;
	struct value one, *items = &one;

	if (a->fold == &fold_count)
		return value_number(numbers[0]);
	if (form.is_array)
		items = arena_get(arena, (form.dims ? form.dims : 1) * sizeof *items);
	for (size_t k = 0; k < form.dims; k++)
		items[k] = value_number((numbers[1 + 2 * k] + numbers[2 + 2 * k]) / divisor);
	return form.is_array ? (struct value){ .type = VALUE_ARRAY, .len = form.dims, .items = items } : one;
}

static struct form fading_form(const struct aggregate *a, const struct fading *f, const struct value *x)
{
	return f->n || !x || a->fold == &fold_count ? f->n ? f->form : (struct form){ 1, false } : form_of(a, *x);
}

static struct value fading_read(const struct aggregate *a, const struct expr_call *c, const void *state, const struct moment *m)
{
	struct fading f = *(const struct fading *)state;
	const struct form form = fading_form(a, &f, m->x);

	if (!f.n && !m->x)
		return a->variant == FOLD_MEAN ? value_null() : value_integer(0);
	double *numbers = arena_get(m->arena, fading_size(form));
	fade(c, &f, form, m, numbers);
	return faded_value(a, form, numbers, m->arena);
}

static void fading_add(const struct aggregate *a, const struct expr_call *c, void *state, const struct moment *m, struct pool *pool)
{
	struct fading *f = state;
	const struct form form = fading_form(a, f, m->x);

	if (!f->n && form.is_array)
		f->many = pool_get(pool, fading_size(form));
	f->form = form;
	fade(c, f, form, m, numbers_of(f));
	f->newest = form_newest(f->n ? &f->newest : NULL, m);
	f->n++;
}

static int fading_take(const struct aggregate *a, const struct expr_call *c, const void *state, struct value *x, struct arena *arena,
    struct error *why)
{
	const struct fading *f = state;
	const struct fold_shape s = form_shape(a, c, f->form);

	UNUSED(arena);
	return fold_check(&s, f->n ? form_like(&s) : (struct value){0}, *x, why);
}

static void fading_release(const struct aggregate *a, const struct expr_call *c, void *state, struct pool *pool)
{
	struct fading *f = state;

	UNUSED(a), UNUSED(c);
	if (f->n && f->form.is_array)
		pool_put(pool, f->many, fading_size(f->form));
	*f = (struct fading){0};
}

static void fading_save(const struct aggregate *a, const struct expr_call *c, const void *state, struct buf *b)
{
	struct fading f = *(const struct fading *)state;

	UNUSED(a), UNUSED(c);
	snapshot_put_varint(b, f.n);
	snapshot_put_signed(b, f.newest);
	form_save(b, f.form);
	for (size_t i = 0; i < fading_size(f.form) / sizeof(double); i++)
		snapshot_put_double(b, numbers_of(&f)[i]);
}

static void fading_load(const struct aggregate *a, const struct expr_call *c, void *state, struct snapshot_bytes *in, struct pool *pool)
{
	struct fading *f = state, loaded = { .n = snapshot_get_varint(in) };

	UNUSED(c);
	loaded.newest = snapshot_get_signed(in);
	loaded.form = form_load(in);
	if (in->torn || !loaded.n || (loaded.form.is_array && !a->fold->takes_arrays) ||
	    fading_size(loaded.form) != (size_t)(in->end - in->p)) {
		in->torn = true;
		return;
	}
	*f = loaded;
	if (f->form.is_array)
		f->many = pool_get(pool, fading_size(f->form));
	for (size_t i = 0; i < fading_size(f->form) / sizeof(double); i++)
		numbers_of(f)[i] = snapshot_get_double(in);
}

static void fading_dump(const struct aggregate *a, const struct expr_call *c, const void *state, struct buf *b)
{
	struct fading f = *(const struct fading *)state;
	struct arena arena = ARENA_INIT;

	UNUSED(c);
	json_write_name(b, "n");
	json_write_integer(b, (int64_t)f.n);
	form_put_time(b, "newest", f.newest);
	json_write_name(b, "weight");
	json_write_value(b, value_number(numbers_of(&f)[0]));
	json_write_name(b, "value");
	json_write_value(b, faded_value(a, f.form, numbers_of(&f), &arena));
	arena_release(&arena);
}

static size_t no_bound(const struct aggregate *a, const struct expr_call *c)
{
	UNUSED(a), UNUSED(c);
	return 0;
}

const struct keeper decay_keeper = {
	"a weight and a weighted sum", sizeof(struct fading), fading_take, fading_read, fading_add, fading_release,
	fading_save, fading_load, fading_dump, no_bound, NULL, NULL,
};
