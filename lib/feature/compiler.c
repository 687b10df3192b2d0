/* SPDX-License-Identifier: MIT */
#include "feature/compiler.h"

#include <string.h>

#include "feature/spec-lookup.h"

const char *compiler_where(struct compiler *c, const struct line *l)
{
	struct buf b = BUF_INIT;

	if (l->place.line)
		buf_format(&b, "%s:%u", l->place.source, l->place.line);
	else
		buf_format(&b, "%s '%.*s'", l->place.source, (int)(l->len > 60 ? 60 : l->len), l->text);
	const char *text = arena_copy(&c->spec->arena, b.data, b.len);
	buf_release(&b);
	return text;
}

/* Room for one more; the arrays double at powers of two, what they leave in the arena is small. */
void compiler_grow(struct compiler *c, void **array, size_t n, size_t size)
{
	if (n & (n - 1))
		return;
	void *more = arena_get(&c->spec->arena, (n ? n * 2 : 1) * size);
	if (n)
		memcpy(more, *array, n * size);
	*array = more;
}

const char *compiler_path(struct compiler *c, const struct fieldpath *path)
{
	struct buf b = BUF_INIT;

	fieldpath_show(path, &b);
	const char *text = arena_copy(&c->spec->arena, b.data, b.len);
	buf_release(&b);
	return text;
}

/* Names outside expressions are members of the record, never features. */
int compiler_member(void *self, const struct fieldpath *path, struct expr_ref *ref, struct error *why)
{
	struct compiler *c = self;

	(void)why;
	*ref = (struct expr_ref){ EXPR_SLOT, fields_read(c->fields, path), path->n, false };
	fields_expect(c->fields, ref->index, path);
	return 0;
}

bool compiler_is_many(const struct fieldpath *path)
{
	for (size_t i = 0; i < path->n; i++)
		if (path->steps[i].kind == STEP_ALL)
			return true;
	return false;
}

int compiler_part(struct compiler *c, const struct line *l, size_t from, size_t to, struct spec_part *part)
{
	const struct expr_place place = line_place(l, from);
	const struct expr_names names = { .self = c, .resolve = compiler_member };
	const struct fieldpath *path;

	part->expr = expr_compile_path(&c->spec->arena, l->text + from, to - from, &place, &names, c->why);
	if (!part->expr || !expr_is_path(part->expr, &path))
		return -1;
	if (compiler_is_many(path))
		return REFUSE(c, l, from, "[*] stands for many values, here must be one");
	if (spec_lookup_of(c->spec, path))
		return REFUSE(c, l, from, "\"%s\" is a lookup, here must be a member of the record", spec_lookup_of(c->spec, path)->name);
	part->path = *path;
	part->text = compiler_path(c, path);
	part->slot = fields_read(c->fields, path);
	return 0;
}

/* A condition on members of records alone. */
const struct expr *compiler_condition(struct compiler *c, const struct line *l, struct reading_part part)
{
	const struct expr_place place = line_place(l, part.from);
	const struct expr_names names = { .self = c, .resolve = compiler_member, .unit = c->spec->unit };

	return expr_compile_condition(&c->spec->arena, l->text + part.from, part.to - part.from, &place, &names, c->why);
}

const char *compiler_list(struct compiler *c, const struct spec_part *parts, size_t n, const char *head)
{
	struct buf b = BUF_INIT;

	buf_add_text(&b, head);
	for (size_t i = 0; i < n; i++)
		buf_format(&b, "%s%s", i ? ", " : "", parts[i].text);
	const char *text = arena_copy(&c->spec->arena, b.data ? b.data : "", b.len);
	buf_release(&b);
	return text;
}

/* The local that it is, or -1. */
int compiler_named(const struct spec *s, const char *name, size_t len)
{
	for (size_t i = 0; i < s->n_features; i++)
		if (s->features[i].name.len == len && !memcmp(s->features[i].name.text, name, len))
			return s->features[i].local;
	return -1;
}

const struct expr *compiler_feature(void *self, int index)
{
	const struct spec *s = self;

	for (size_t i = 0; i < s->n_steps; i++)
		if (!s->steps[i].is_require && s->steps[i].local == index)
			return s->steps[i].expr;
	return NULL;
}

int compiler_local(const struct compiler *c, const struct fieldpath *path)
{
	return path->steps[0].kind == STEP_NAME ? compiler_named(c->spec, path->steps[0].name, path->steps[0].len) : -1;
}

/* The slot that an expression is, or -1. */
int compiler_slot(struct compiler *c, const struct expr *e)
{
	const struct fieldpath *path;

	return expr_is_path(e, &path) && compiler_local(c, path) < 0 && !spec_lookup_of(c->spec, path) ? fields_read(c->fields, path) : -1;
}

const char *compiler_show(struct compiler *c, const struct expr *e, bool inlined)
{
	struct buf b = BUF_INIT;

	expr_show(e, &b, inlined ? compiler_feature : NULL, c->spec);
	const char *text = arena_copy(&c->spec->arena, b.data ? b.data : "", b.len);
	buf_release(&b);
	return text;
}
