/* SPDX-License-Identifier: MIT */
#include "feature/line.h"

#include <string.h>

bool line_is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

bool line_is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

size_t line_skip(const struct line *l, size_t at, size_t end)
{
	while (at < end && line_is_space(l->text[at]))
		at++;
	return at;
}

size_t line_word_end(const struct line *l, size_t at)
{
	while (at < l->len && line_is_word(l->text[at]))
		at++;
	return at;
}

size_t line_path_end(const struct line *l, size_t at, const char *ends)
{
	bool is_quoted = false, is_bracketed = false;

	for (; at < l->len; at++) {
		const char ch = l->text[at];
		if (is_quoted && ch == '\\')
			at++;
		else if (ch == '"')
			is_quoted = !is_quoted;
		else if (!is_quoted && (ch == '[' || ch == ']'))
			is_bracketed = ch == '[';
		else if (!is_quoted && !is_bracketed && strchr(ends, ch))
			break;
	}
	return at < l->len ? at : l->len;
}

struct expr_place line_place(const struct line *l, size_t at)
{
	struct expr_place place = l->place;

	place.line_text = l->text;
	place.column = (unsigned)at + 1;
	return place;
}

static bool is_assigned(const struct line *l)
{
	return l->word_len && l->body < l->len && l->text[l->body] == '=' && !(l->body + 1 < l->len && l->text[l->body + 1] == '=');
}

struct line line_of(const char *text, size_t len, const char *source, unsigned number)
{
	struct line l = { .text = text, .len = expr_comment(text, len),
		.place = { .source = source, .line = number, .line_text = text, .column = 1 } };

	while (l.len && line_is_space(text[l.len - 1]))
		l.len--;
	l.word = line_skip(&l, 0, l.len);
	if (l.word < l.len && !(text[l.word] >= '0' && text[l.word] <= '9'))
		l.word_len = line_word_end(&l, l.word) - l.word;
	l.body = line_skip(&l, l.word + l.word_len, l.len);
	l.is_apart = l.body > l.word + l.word_len || l.body == l.len;
	l.is_definition = is_assigned(&l);
	if (l.is_definition)
		l.body = line_skip(&l, l.body + 1, l.len);
	return l;
}
