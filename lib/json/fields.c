/* SPDX-License-Identifier: MIT */
#include "json/fields.h"

#include <string.h>

#include "base/buf.h"
#include "json/field.h"
#include "json/write.h"

static struct field *field_new(struct fields *fs, const char *name, size_t len)
{
	struct field *f = arena_get(&fs->arena, sizeof *f);
	*f = (struct field){ .name = arena_copy(&fs->arena, name, len), .len = (uint32_t)len, .slot = -1, .added = -1 };
	f->head = field_head(f->name, len);
	f->tail = field_tail(f->name, len);
	return f;
}

void fields_init(struct fields *fs)
{
	*fs = (struct fields){ .arena = ARENA_INIT };
	fs->root = field_new(fs, "", 0);
	fs->expects = arena_get(&fs->arena, sizeof *fs->expects);
	*fs->expects = (struct expectations){ NULL, 0 };
}

void fields_release(struct fields *fs)
{
	arena_release(&fs->arena);
	*fs = (struct fields){0};
}

struct field *fields_named(const struct field *f, const char *name, size_t len)
{
	for (size_t i = 0; i < f->n_below; i++)
		if (f->below[i]->len == len && !memcmp(f->below[i]->name, name, len))
			return f->below[i];
	return NULL;
}

/* Built anew for each name: there are few, and all are known before the first record. */
static void index_below(struct fields *fs, struct field *f, size_t n)
{
	size_t n_rows = 8;

	f->shift = 61;
	for (; n_rows < 4 * n; n_rows *= 2)
		f->shift--;
	f->rows = arena_get(&fs->arena, n_rows * sizeof *f->rows);
	memset(f->rows, 0, n_rows * sizeof *f->rows);
	for (size_t i = 0; i < n; i++) {
		const struct field *b = f->below[i];
		size_t at = field_hash(b->head, b->len, f->shift);
		while (f->rows[at].field)
			at = (at + 1) & (n_rows - 1);
		f->rows[at] = (struct field_row){ b->head, b->tail, b };
	}
}

static struct field *field_below(struct fields *fs, struct field *f, const char *name, size_t len)
{
	struct field *found = fields_named(f, name, len);
	if (found)
		return found;
	/* The array doubles at powers of two; what it leaves behind in the arena is small and set-up only. */
	if (!(f->n_below & (f->n_below - 1))) {
		struct field **more = arena_get(&fs->arena, (f->n_below ? f->n_below * 2 : 1) * sizeof *more);
		if (f->n_below)
			memcpy(more, f->below, f->n_below * sizeof *more);
		f->below = more;
	}
	f->below[f->n_below] = field_new(fs, name, len);
	f->below[f->n_below]->index = (uint32_t)f->n_below;
	index_below(fs, f, ++f->n_below);
	return f->below[f->n_below - 1];
}

static int tail_slot(struct fields *fs, struct field *f, const struct step *steps, size_t n)
{
	const struct fieldpath wanted = { steps, n };

	for (struct tail *t = f->tails; t; t = t->next)
		if (fieldpath_equal(&(struct fieldpath){ t->steps, t->n }, &wanted))
			return t->slot;
	struct tail *t = arena_get(&fs->arena, sizeof *t);
	struct step *copy = arena_get(&fs->arena, n * sizeof *copy);
	for (size_t i = 0; i < n; i++) {
		copy[i] = steps[i];
		if (steps[i].kind == STEP_NAME)
			copy[i].name = arena_copy(&fs->arena, steps[i].name, steps[i].len);
	}
	*t = (struct tail){ copy, n, (int)fs->n_slots++, f->tails };
	f->tails = t;
	return t->slot;
}

int fields_read(struct fields *fs, const struct fieldpath *path)
{
	struct field *f = fs->root;

	for (size_t i = 0; i < path->n; i++) {
		const struct step *s = &path->steps[i];
		if (s->kind != STEP_NAME)
			return tail_slot(fs, f, s, path->n - i);
		f = field_below(fs, f, s->name, s->len);
	}
	if (f->slot < 0)
		f->slot = (int)fs->n_slots++;
	return f->slot;
}

int fields_read_name(struct fields *fs, const char *name)
{
	const struct step step = { .kind = STEP_NAME, .name = name, .len = (uint32_t)strlen(name) };
	return fields_read(fs, &(struct fieldpath){ &step, 1 });
}

void fields_expect(struct fields *fs, int slot, const struct fieldpath *path)
{
	struct expectation **end = &fs->expects->first;
	struct buf text = BUF_INIT;

	if (!fs->reader || slot < 0)
		return;
	for (; *end; end = &(*end)->next)
		if ((*end)->slot == slot && (*end)->reader == fs->reader)
			return;
	fieldpath_show(path, &text);
	*end = arena_get(&fs->arena, sizeof **end);
	**end = (struct expectation){ arena_copy(&fs->arena, text.data, text.len), fs->reader, slot, false, NULL };
	fs->expects->n_unmet++;
	buf_release(&text);
}

void fields_meet_each(const struct fields *fs, const struct value *slots)
{
	for (struct expectation *e = fs->expects->first; e; e = e->next)
		if (slots[e->slot].type != VALUE_MISSING && !e->met && !atomic_exchange(&e->met, true))
			fs->expects->n_unmet--;
}

const struct added *fields_add(struct fields *fs, const char *name)
{
	const size_t len = strlen(name);

	for (unsigned i = 0; i < fs->n_added; i++)
		if (fs->added[i]->name.len == len && !memcmp(fs->added[i]->name.text, name, len))
			return fs->added[i];
	if (fs->n_added == FIELDS_ADDED_MAX)
		return NULL;
	struct added *a = arena_get(&fs->arena, sizeof *a);
	struct field *f = field_below(fs, fs->root, name, len);
	*a = (struct added){ json_name(&fs->arena, name, len), f, fs->n_added };
	f->added = (int)fs->n_added;
	return fs->added[fs->n_added++] = a;
}
