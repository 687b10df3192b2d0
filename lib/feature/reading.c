/* SPDX-License-Identifier: MIT */
#include "feature/reading.h"

#include <string.h>

#include "base/eventtime.h"

int reading_expected(struct reading *r, const char *what)
{
	return LINE_REFUSE(r->line, r->at, r->why, "%s should stand here: %s", what, r->form);
}

bool reading_at_end(struct reading *r)
{
	r->at = line_skip(r->line, r->at, r->line->len);
	return r->at == r->line->len;
}

static bool stands_at(const struct line *l, size_t at, const char *word)
{
	const size_t len = strlen(word), end = at + len;

	return l->len - at >= len && !memcmp(l->text + at, word, len) && (end == l->len || line_is_space(l->text[end]));
}

bool reading_word(struct reading *r, const char *word)
{
	if (reading_at_end(r) || !stands_at(r->line, r->at, word))
		return false;
	r->at += strlen(word);
	return true;
}

const char *reading_name(struct reading *r, const char *of)
{
	const char *name = r->line->text + r->at;
	const size_t len = line_word_end(r->line, r->at) - r->at;

	if (!len || (*name >= '0' && *name <= '9'))
		reading_expected(r, "a name");
	else if (expr_is_reserved(name, len))
		LINE_REFUSE(r->line, r->at, r->why, "\"%.*s\" is a word of the language and no name for a %s", (int)len, name, of);
	else {
		const char *own = arena_copy(r->arena, name, len);
		r->at += len;
		if (r->at == r->line->len || line_is_space(r->line->text[r->at]))
			return own;
		LINE_REFUSE(r->line, r->at, r->why, "a %s's name is made of letters, digits and _", of);
	}
	return NULL;
}

int reading_duration(struct reading *r, int64_t *ns)
{
	struct error wrong;
	char text[32];

	if (reading_at_end(r))
		return reading_expected(r, "a duration");
	size_t end = r->at;
	while (end < r->line->len && !line_is_space(r->line->text[end]))
		end++;
	const size_t n = end - r->at < sizeof text ? end - r->at : sizeof text - 1;
	memcpy(text, r->line->text + r->at, n);
	text[n] = '\0';
	if (eventtime_duration_parse(text, ns, &wrong) < 0)
		return LINE_REFUSE(r->line, r->at, r->why, "%s", wrong.text);
	if (!*ns)
		return LINE_REFUSE(r->line, r->at, r->why, "a duration above 0 should stand here");
	r->at = end;
	return 0;
}

static int resolve_nothing(void *self, const struct fieldpath *path, struct expr_ref *ref, struct error *why)
{
	(void)self, (void)why;
	*ref = (struct expr_ref){ EXPR_SLOT, 0, path->n, false };
	return 0;
}

/* A path that begins here: where it stands. */
static int find_path(struct reading *r, struct reading_part *on)
{
	if (reading_at_end(r))
		return reading_expected(r, "a path");
	*on = (struct reading_part){ r->at, line_path_end(r->line, r->at, " \t=,") };
	if (on->from == on->to)
		return reading_expected(r, "a path");
	r->at = on->to;
	return 0;
}

int reading_paths(struct reading *r, struct reading_part *on, struct fieldpath *other, const char **text)
{
	const struct expr_names names = { .resolve = resolve_nothing };
	const struct fieldpath *path;
	struct reading_part second;
	struct buf b = BUF_INIT;

	if (find_path(r, on) < 0)
		return -1;
	second = *on;
	if (!reading_at_end(r) && r->line->text[r->at] == '=') {
		r->at++;
		if (find_path(r, &second) < 0)
			return -1;
	}
	const struct expr_place place = line_place(r->line, second.from);
	const struct expr *e = expr_compile_path(r->arena, r->line->text + second.from, second.to - second.from, &place, &names, r->why);
	if (!e || !expr_is_path(e, &path))
		return -1;
	for (size_t i = 0; i < path->n; i++)
		if (path->steps[i].kind == STEP_ALL)
			return LINE_REFUSE(r->line, second.from, r->why, "[*] stands for many values, here must be one");
	fieldpath_show(path, &b);
	*other = *path;
	*text = arena_copy(r->arena, b.data, b.len);
	buf_release(&b);
	return 0;
}

/* The last place from `at` where the word stands by itself; the end of the line: nowhere. */
static size_t last_word(const struct line *l, size_t at, const char *word)
{
	size_t found = l->len;
	int depth = 0;
	char quote = 0;

	for (size_t i = at; i < l->len; i++) {
		const char c = l->text[i];
		if (quote) {
			if (c == '\\')
				i++;
			else if (c == quote)
				quote = 0;
		} else if (c == '"' || c == '\'')
			quote = c;
		else if (c == '(' || c == '[')
			depth++;
		else if (c == ')' || c == ']')
			depth--;
		else if (!depth && i > at && line_is_space(l->text[i - 1]) && stands_at(l, i, word))
			found = i;
	}
	return found;
}

int reading_condition(struct reading *r, const char *word, struct reading_part *part)
{
	if (reading_at_end(r))
		return reading_expected(r, "a condition");
	const size_t end = word ? last_word(r->line, r->at, word) : r->line->len;
	*part = (struct reading_part){ r->at, end };
	while (part->to > part->from && line_is_space(r->line->text[part->to - 1]))
		part->to--;
	if (part->from == part->to)
		return reading_expected(r, "a condition");
	r->at = end;
	return 0;
}
