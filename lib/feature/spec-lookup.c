/* SPDX-License-Identifier: MIT */
#include "feature/spec-lookup.h"

#include <string.h>

#include "feature/reading.h"
#include "json/write.h"

#define FORM "lookup NAME from FILE on PATH [= PATH] [required]"
#define FORM_ROWS "lookup NAME from rows where CONDITION on PATH [= PATH] [required]"

/* ---- the line ---- */

/* Behind the closing quote of the text that begins here, or the end of the line. */
static size_t quote_end(const struct line *l, size_t at)
{
	const char quote = l->text[at++];

	for (; at < l->len && l->text[at] != quote; at++)
		if (l->text[at] == '\\')
			at++;
	return at < l->len ? at + 1 : l->len;
}

static int read_quoted(struct reading *r, struct spec_lookup *lk)
{
	const struct expr_place place = line_place(r->line, r->at);
	const size_t end = quote_end(r->line, r->at);
	const struct expr *e = expr_compile(r->arena, r->line->text + r->at, end - r->at, &place, NULL, r->why);
	struct value v;

	if (!e)
		return -1;
	if (!expr_is_constant(e, &v) || v.type != VALUE_STRING || memchr(v.text, '\0', v.len))
		return reading_expected(r, "the name of a file");
	lk->file = arena_copy(r->arena, v.text, v.len);
	r->at = end;
	return 0;
}

/* Rows of the stream, or the name of a file. */
static int read_source(struct reading *r, struct spec_lookup *lk, struct spec_lookup_parts *parts)
{
	const struct line *l = r->line;

	if (reading_at_end(r))
		return reading_expected(r, "a file");
	const size_t from = r->at;
	if (reading_word(r, "rows")) {
		r->form = FORM_ROWS;
		return reading_word(r, "where") ? reading_condition(r, "on", &parts->where) : reading_expected(r, "where CONDITION");
	}
	if (l->text[from] == '"' || l->text[from] == '\'') {
		if (read_quoted(r, lk) < 0)
			return -1;
	} else {
		while (r->at < l->len && !line_is_space(l->text[r->at]))
			r->at++;
		lk->file = arena_copy(r->arena, l->text + from, r->at - from);
		if (strstr(lk->file, "://"))
			return LINE_REFUSE(l, from, r->why, "lookup from a store or server is not in this version: name a file");
	}
	if (!strcmp(lk->file, "-"))
		return LINE_REFUSE(l, from, r->why, "the events come from stdin: a lookup names a file");
	if (!*lk->file)
		return LINE_REFUSE(l, from, r->why, "a file's name is not empty");
	return 0;
}

int spec_lookup_parse(struct spec_lookup *lk, const struct line *l, struct arena *arena, struct spec_lookup_parts *parts, struct error *why)
{
	struct reading r = { l, FORM, arena, l->body, why };

	*parts = (struct spec_lookup_parts){ { 0, 0 }, { 0, 0 } };
	lk->name = reading_name(&r, "lookup");
	if (!lk->name)
		return -1;
	if (!reading_word(&r, "from"))
		return reading_expected(&r, "from FILE");
	if (read_source(&r, lk, parts) < 0)
		return -1;
	if (!reading_word(&r, "on"))
		return reading_expected(&r, "on PATH");
	if (reading_paths(&r, &parts->on, &lk->row_path, &lk->row_text) < 0)
		return -1;
	lk->is_required = reading_word(&r, "required");
	if (!reading_at_end(&r))
		return lk->is_required ? LINE_REFUSE(l, r.at, why, "nothing can stand behind required")
		    : LINE_REFUSE(l, r.at, why, "behind the path can stand required alone: %s", r.form);
	fields_init(&lk->fields);
	lk->fields.reader = lk;
	return 0;
}

/* ---- names ---- */

struct spec_lookup *spec_lookup_named(const struct spec *s, const char *name, size_t len)
{
	for (size_t i = 0; i < s->n_lookups; i++)
		if (strlen(s->lookups[i].name) == len && !memcmp(s->lookups[i].name, name, len))
			return &s->lookups[i];
	return NULL;
}

struct spec_lookup *spec_lookup_of(const struct spec *s, const struct fieldpath *path)
{
	const struct step *first = path->steps;

	return first->kind == STEP_NAME ? spec_lookup_named(s, first->name, first->len) : NULL;
}

int spec_lookup_resolve(struct spec *s, struct spec_lookup *lk, const struct fieldpath *path, struct expr_ref *ref, struct error *why)
{
	const struct fieldpath inside = { path->steps + 1, path->n - 1 };

	if (path->n == 1)
		return error_set(why, "\"%s\" is a row of %s: %s.MEMBER is a value of it, null where there is no row", lk->name,
		    lk->file ? lk->file : "the stream", lk->name);
	if (inside.steps->kind != STEP_NAME)
		return error_set(why, "a row of the lookup \"%s\" is an object: %s.MEMBER is a value of it", lk->name, lk->name);
	const size_t slot = (size_t)fields_read(&lk->fields, &inside);
	fields_expect(&lk->fields, (int)slot, &inside);
	if (slot == lk->n_values) {
		/* Doubles at powers of two; what it leaves in the arena is small. */
		if (!(slot & (slot - 1))) {
			const size_t room = slot ? slot * 2 : 1;
			lk->locals = arena_resize(&s->arena, lk->locals, slot * sizeof *lk->locals, room * sizeof *lk->locals);
			lk->paths = arena_resize(&s->arena, lk->paths, slot * sizeof *lk->paths, room * sizeof *lk->paths);
		}
		struct buf text = BUF_INIT;
		fieldpath_show(&inside, &text);
		lk->paths[slot] = arena_copy(&s->arena, text.data, text.len);
		buf_release(&text);
		lk->locals[lk->n_values++] = (int)s->n_locals++;
	}
	*ref = (struct expr_ref){ EXPR_LOCAL, lk->locals[slot], path->n, false };
	return 0;
}

const struct spec_lookup *spec_lookup_owning(const struct spec *s, int local)
{
	for (size_t i = 0; i < s->n_lookups; i++)
		for (size_t j = 0; j < s->lookups[i].n_values; j++)
			if (s->lookups[i].locals[j] == local)
				return &s->lookups[i];
	return NULL;
}

void spec_lookup_finish(struct spec *s)
{
	for (size_t i = 0; i < s->n_lookups; i++)
		s->lookups[i].key_slot = fields_read(&s->lookups[i].fields, &s->lookups[i].row_path);
}

/* ---- shown ---- */

/* Whether a file's name may stand without quotes. */
static bool is_bare(const char *file)
{
	if (!strcmp(file, "rows"))
		return false;
	for (const char *p = file; *p; p++)
		if ((unsigned char)*p <= ' ' || strchr("\"'#\\", *p))
			return false;
	return !strstr(file, "://");
}

/* Of rows of the stream which they are; a file is a file. */
static void show_rows(const struct spec_lookup *lk, struct buf *b)
{
	if (!lk->rows)
		return;
	buf_add_text(b, " from rows where ");
	expr_show(lk->rows, b, NULL, NULL);
}

static void show_paths(const struct spec_lookup *lk, struct buf *b)
{
	buf_format(b, " on %s", lk->on.text);
	if (strcmp(lk->on.text, lk->row_text))
		buf_format(b, " = %s", lk->row_text);
}

const char *spec_lookup_relation(const struct spec_lookup *lk, struct arena *arena)
{
	struct buf b = BUF_INIT;

	buf_add_text(&b, lk->name);
	show_rows(lk, &b);
	show_paths(lk, &b);
	const char *text = arena_copy(arena, b.data, b.len);
	buf_release(&b);
	return text;
}

void spec_lookup_show(const struct spec_lookup *lk, struct buf *b)
{
	buf_add_text(b, lk->name);
	show_rows(lk, b);
	if (lk->file)
		buf_add_text(b, " from ");
	if (lk->file && is_bare(lk->file))
		buf_add_text(b, lk->file);
	else if (lk->file)
		json_write_string(b, lk->file, strlen(lk->file));
	show_paths(lk, b);
	if (lk->is_required)
		buf_add_text(b, " required");
}
