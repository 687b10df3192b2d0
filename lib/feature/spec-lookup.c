/* SPDX-License-Identifier: MIT */
#include "feature/spec-lookup.h"

#include <string.h>

#include "json/write.h"

#define FORM "lookup NAME from FILE on PATH [= PATH] [required]"

/* ---- the line ---- */

/* A line that is read from left to right. */
struct reading {
	const struct line *line;
	struct arena *arena;
	size_t at;
	struct error *why;
};

#define EXPECTED(r, what) LINE_REFUSE((r)->line, (r)->at, (r)->why, "%s should stand here: %s", (what), FORM)

static bool at_end(struct reading *r)
{
	r->at = line_skip(r->line, r->at, r->line->len);
	return r->at == r->line->len;
}

/* Whether this word comes next, which is then behind. */
static bool take_word(struct reading *r, const char *word)
{
	const size_t len = strlen(word);

	if (at_end(r) || line_word_end(r->line, r->at) - r->at != len || memcmp(r->line->text + r->at, word, len))
		return false;
	r->at += len;
	return true;
}

static int read_name(struct reading *r, struct spec_lookup *lk)
{
	const char *name = r->line->text + r->at;
	const size_t len = line_word_end(r->line, r->at) - r->at;

	if (!len || (*name >= '0' && *name <= '9'))
		return EXPECTED(r, "a name");
	if (expr_is_reserved(name, len))
		return LINE_REFUSE(r->line, r->at, r->why, "\"%.*s\" is a word of the language and no name for a lookup", (int)len, name);
	lk->name = arena_copy(r->arena, name, len);
	r->at += len;
	if (r->at < r->line->len && !line_is_space(r->line->text[r->at]))
		return LINE_REFUSE(r->line, r->at, r->why, "a lookup's name is made of letters, digits and _");
	return 0;
}

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
		return EXPECTED(r, "the name of a file");
	lk->file = arena_copy(r->arena, v.text, v.len);
	r->at = end;
	return 0;
}

static int read_file(struct reading *r, struct spec_lookup *lk)
{
	const struct line *l = r->line;

	if (at_end(r))
		return EXPECTED(r, "a file");
	const size_t from = r->at;
	if (l->text[from] == '"' || l->text[from] == '\'') {
		if (read_quoted(r, lk) < 0)
			return -1;
	} else {
		while (r->at < l->len && !line_is_space(l->text[r->at]))
			r->at++;
		lk->file = arena_copy(r->arena, l->text + from, r->at - from);
		if (!strcmp(lk->file, "rows"))
			return LINE_REFUSE(l, from, r->why, "lookup from rows of the stream is not in this version; a file of that name is \"rows\"");
		if (strstr(lk->file, "://"))
			return LINE_REFUSE(l, from, r->why, "lookup from a store or server is not in this version: name a file");
	}
	if (!strcmp(lk->file, "-"))
		return LINE_REFUSE(l, from, r->why, "the events come from stdin: a lookup names a file");
	if (!*lk->file)
		return LINE_REFUSE(l, from, r->why, "a file's name is not empty");
	return 0;
}

static int resolve_nothing(void *self, const struct fieldpath *path, struct expr_ref *ref, struct error *why)
{
	(void)self, (void)why;
	*ref = (struct expr_ref){ EXPR_SLOT, 0, path->n, false };
	return 0;
}

/* A path that begins here: where it stands. */
static int find_path(struct reading *r, struct spec_lookup_on *on)
{
	if (at_end(r))
		return EXPECTED(r, "a path");
	*on = (struct spec_lookup_on){ r->at, line_path_end(r->line, r->at, " \t=,") };
	if (on->from == on->to)
		return EXPECTED(r, "a path");
	r->at = on->to;
	return 0;
}

static int read_row_path(struct reading *r, struct spec_lookup *lk, struct spec_lookup_on on)
{
	const struct expr_place place = line_place(r->line, on.from);
	const struct expr_names names = { .resolve = resolve_nothing };
	const struct expr *e = expr_compile_path(r->arena, r->line->text + on.from, on.to - on.from, &place, &names, r->why);
	const struct fieldpath *path;
	struct buf b = BUF_INIT;

	if (!e || !expr_is_path(e, &path))
		return -1;
	for (size_t i = 0; i < path->n; i++)
		if (path->steps[i].kind == STEP_ALL)
			return LINE_REFUSE(r->line, on.from, r->why, "[*] stands for many values, here must be one");
	fieldpath_show(path, &b);
	lk->row_path = *path;
	lk->row_text = arena_copy(r->arena, b.data, b.len);
	buf_release(&b);
	return 0;
}

static int read_paths(struct reading *r, struct spec_lookup *lk, struct spec_lookup_on *on)
{
	struct spec_lookup_on row;

	if (find_path(r, on) < 0)
		return -1;
	row = *on;
	if (!at_end(r) && r->line->text[r->at] == '=') {
		r->at++;
		if (find_path(r, &row) < 0)
			return -1;
	}
	return read_row_path(r, lk, row);
}

int spec_lookup_parse(struct spec_lookup *lk, const struct line *l, struct arena *arena, struct spec_lookup_on *on, struct error *why)
{
	struct reading r = { l, arena, l->body, why };

	if (read_name(&r, lk) < 0)
		return -1;
	if (!take_word(&r, "from"))
		return EXPECTED(&r, "from FILE");
	if (read_file(&r, lk) < 0)
		return -1;
	if (!take_word(&r, "on"))
		return EXPECTED(&r, "on PATH");
	if (read_paths(&r, lk, on) < 0)
		return -1;
	lk->is_required = take_word(&r, "required");
	if (!at_end(&r))
		return lk->is_required ? LINE_REFUSE(l, r.at, why, "nothing can stand behind required")
		    : LINE_REFUSE(l, r.at, why, "behind the path can stand required alone: " FORM);
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
		return error_set(why, "\"%s\" is a row of %s: %s.MEMBER is a value of it, null where there is no row", lk->name, lk->file, lk->name);
	if (inside.steps->kind != STEP_NAME)
		return error_set(why, "a row of the lookup \"%s\" is an object: %s.MEMBER is a value of it", lk->name, lk->name);
	const size_t slot = (size_t)fields_read(&lk->fields, &inside);
	fields_expect(&lk->fields, (int)slot, &inside);
	if (slot == lk->n_values) {
		/* Doubles at powers of two; what it leaves in the arena is small. */
		if (!(slot & (slot - 1))) {
			int *more = arena_get(&s->arena, (slot ? slot * 2 : 1) * sizeof *more);
			if (slot)
				memcpy(more, lk->locals, slot * sizeof *more);
			lk->locals = more;
		}
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
	show_paths(lk, &b);
	const char *text = arena_copy(arena, b.data, b.len);
	buf_release(&b);
	return text;
}

void spec_lookup_show(const struct spec_lookup *lk, struct buf *b)
{
	buf_format(b, "%s from ", lk->name);
	if (is_bare(lk->file))
		buf_add_text(b, lk->file);
	else
		json_write_string(b, lk->file, strlen(lk->file));
	show_paths(lk, b);
	if (lk->is_required)
		buf_add_text(b, " required");
}
