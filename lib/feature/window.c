/* SPDX-License-Identifier: MIT */
#include "feature/window.h"

#include <string.h>

#include "base/number.h"
#include "feature/form.h"

#define UNUSED(x) ((void)(x))

size_t window_panes(const struct expr_call *c)
{
	const int64_t pane = c->window == WINDOW_PANES ? c->every : c->width;

	return (size_t)(c->width / pane) + (size_t)(c->late / pane) + (c->late % pane != 0);
}

int window_check(const struct expr_call *c, struct error *why)
{
	char most[NUMBER_SHOW_MAX];

	if (c->window == WINDOW_LAST && (!c->last || c->last > WINDOW_LAST_MAX))
		return error_set(why, "over last takes 1 to %s events, not %u", number_group(WINDOW_LAST_MAX, most), c->last);
	return 0;
}

/* ---- over all: one partial, of numbers ---- */

#define WHOLE_SIZE 40	/* the largest of them: ewma */

static struct value whole_read(const struct aggregate *a, const struct expr_call *c, const void *state, const struct moment *m)
{
	const struct fold_shape s = form_shape(a, c, (struct form){ 1, false });
	void *partial = form_nothing(&s, m->arena);

	memcpy(partial, state, fold_partial_size(&s));
	if (m->x)
		form_add(&s, partial, m);
	return s.fold->value(&s, partial, a->variant, m->arena);
}

static void whole_add(const struct aggregate *a, const struct expr_call *c, void *state, const struct moment *m, struct pool *pool)
{
	const struct fold_shape s = form_shape(a, c, (struct form){ 1, false });

	form_keep(&s, state, m, pool);
}

static int whole_take(const struct aggregate *a, const struct expr_call *c, const void *state, struct value *x, struct arena *arena,
    struct error *why)
{
	const struct fold_shape s = form_shape(a, c, (struct form){ 1, false });

	UNUSED(state), UNUSED(arena);
	return fold_check(&s, (struct value){0}, *x, why);
}

static void whole_save(const struct aggregate *a, const struct expr_call *c, const void *state, struct buf *b)
{
	const struct fold_shape s = form_shape(a, c, (struct form){ 1, false });

	fold_save_partial(&s, state, b);
}

static void whole_load(const struct aggregate *a, const struct expr_call *c, void *state, struct snapshot_bytes *in, struct pool *pool)
{
	const struct fold_shape s = form_shape(a, c, (struct form){ 1, false });

	fold_load_partial(&s, state, in, pool);
}

static void whole_dump(const struct aggregate *a, const struct expr_call *c, const void *state, struct buf *b)
{
	const struct fold_shape s = form_shape(a, c, (struct form){ 1, false });
	struct arena arena = ARENA_INIT;

	form_put_value(b, &s, state, a->variant, &arena);
	arena_release(&arena);
}

static size_t nothing_beside(const struct aggregate *a, const struct expr_call *c)
{
	UNUSED(a), UNUSED(c);
	return 0;
}

const struct keeper window_whole = {
	"what all values come to", WHOLE_SIZE, whole_take, whole_read, whole_add, NULL, whole_save, whole_load, whole_dump, nothing_beside, NULL, NULL,
};
