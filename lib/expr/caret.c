/* SPDX-License-Identifier: MIT */
#include "expr/caret.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* With these the line and the caret leave half of a struct error to the sentence. */
#define CELLS_MAX 76
#define BYTES_MAX 120
#define SOURCE_MAX 100

size_t caret_character(const char *text, const char *end, uint32_t *code)
{
	const unsigned char *p = (const unsigned char *)text;
	size_t room = (size_t)(end - text), n;
	uint32_t c, least;

	if (p[0] < 0x80) {
		*code = p[0];
		return 1;
	}
	if ((p[0] & 0xe0) == 0xc0)
		n = 2, c = p[0] & 0x1f, least = 0x80;
	else if ((p[0] & 0xf0) == 0xe0)
		n = 3, c = p[0] & 0x0f, least = 0x800;
	else if ((p[0] & 0xf8) == 0xf0)
		n = 4, c = p[0] & 0x07, least = 0x10000;
	else
		return 0;
	if (n > room)
		return 0;
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3f);
	}
	if (c < least || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 0;
	*code = c;
	return n;
}

/* Columns of a terminal, without wcwidth, which would depend on the locale. */
static unsigned cells_of(uint32_t c)
{
	static const struct { uint32_t first, last; unsigned cells; } ranges[] = {
		{ 0x300, 0x36f, 0 }, { 0x1100, 0x115f, 2 }, { 0x200b, 0x200f, 0 }, { 0x2e80, 0xa4cf, 2 },
		{ 0xac00, 0xd7a3, 2 }, { 0xf900, 0xfaff, 2 }, { 0xfe00, 0xfe0f, 0 }, { 0xfe30, 0xfe6f, 2 },
		{ 0xff00, 0xff60, 2 }, { 0xffe0, 0xffe6, 2 }, { 0x1f300, 0x1f64f, 2 }, { 0x1f900, 0x1f9ff, 2 },
		{ 0x20000, 0x3fffd, 2 },
	};

	for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
		if (c >= ranges[i].first && c <= ranges[i].last)
			return ranges[i].cells;
	return 1;
}

/* A character as it can be shown: what is malformed or would move the cursor is a question mark. */
static size_t shown(const char *p, const char *end, const char **bytes, size_t *n_bytes, unsigned *cells)
{
	uint32_t code;
	size_t n = caret_character(p, end, &code);

	if (n == 0 || (code < 0x20 && code != '\t') || (code >= 0x7f && code < 0xa0)) {
		*bytes = "?";
		*n_bytes = 1;
		*cells = 1;
		return n ? n : 1;
	}
	*bytes = p;
	*n_bytes = n;
	*cells = cells_of(code);
	return n;
}

/* The part of a line that is shown, and the white space before the caret. */
struct picture {
	char line[BYTES_MAX + 8], space[CELLS_MAX + 8];
	size_t line_len, space_len;
};

static void draw(struct picture *pic, const char *line, size_t len, size_t at)
{
	const char *end = line + len, *bytes;
	unsigned total = 0, before = 0, from = 0, cell = 0, cells;
	size_t n_bytes;

	memset(pic, 0, sizeof *pic);
	for (const char *p = line; p < end;) {
		if (p < line + at)
			before = total;
		p += shown(p, end, &bytes, &n_bytes, &cells);
		total += cells;
		if (p <= line + at)
			before = total;
	}
	if (total > CELLS_MAX && before > CELLS_MAX * 2 / 3)
		from = before - CELLS_MAX * 2 / 3;
	if (from) {
		memcpy(pic->line, "...", pic->line_len = 3);
		memcpy(pic->space, "   ", pic->space_len = 3);
	}
	for (const char *p = line; p < end;) {
		const char *here = p;

		p += shown(p, end, &bytes, &n_bytes, &cells);
		cell += cells;
		if (cell <= from)
			continue;
		if (cell - from > CELLS_MAX || pic->line_len + n_bytes > BYTES_MAX) {
			memcpy(pic->line + pic->line_len, "...", 3);
			pic->line_len += 3;
			break;
		}
		memcpy(pic->line + pic->line_len, bytes, n_bytes);
		pic->line_len += n_bytes;
		if (here < line + at)
			for (unsigned i = 0; i < cells; i++)
				pic->space[pic->space_len++] = *bytes == '\t' ? '\t' : ' ';
	}
}

int caret_set(struct error *why, const struct origin *o, size_t at, const char *fmt, ...)
{
	const struct expr_place *place = o->place;
	const char *source = place && place->source ? place->source : "expression";
	const char *line = o->text;
	size_t len = o->len, n, room;
	unsigned number = place ? place->line : 0, column = 0;
	char head[SOURCE_MAX + 64], sentence[sizeof why->text];
	struct picture pic;
	va_list ap;

	if (at > len)
		at = len;
	if (place && place->line_text) {
		line = place->line_text;
		len = strlen(line);
		at += place->column ? place->column - 1 : 0;
		if (at > len)
			at = len;
	} else {
		/* Of a text of several lines the one that holds the place. */
		size_t start = 0;

		for (size_t i = 0; i < at; i++) {
			if (line[i] == '\n') {
				start = i + 1;
				number += number ? 1 : 0;
			}
		}
		line += start;
		len -= start;
		at -= start;
		if (start == 0 && place && place->column)
			column = place->column - 1;
		const char *lf = len ? memchr(line, '\n', len) : NULL;
		if (lf)
			len = (size_t)(lf - line);
	}
	while (len && (line[len - 1] == '\n' || line[len - 1] == '\r'))
		len--;
	if (at > len)
		at = len;
	for (const char *p = line; p <= line + at; column++) {
		uint32_t code;
		size_t step = p < line + len ? caret_character(p, line + len, &code) : 1;

		p += step ? step : 1;
	}
	draw(&pic, line, len, at);

	n = strlen(source);
	const char *cut = n > SOURCE_MAX ? "..." : "";
	if (n > SOURCE_MAX)
		source += n - SOURCE_MAX;
	if (number)
		snprintf(head, sizeof head, "%s%s:%u:%u: ", cut, source, number, column);
	else
		snprintf(head, sizeof head, "%s%s: ", cut, source);

	va_start(ap, fmt);
	vsnprintf(sentence, sizeof sentence, fmt, ap);
	va_end(ap);
	room = sizeof why->text - strlen(head) - pic.line_len - pic.space_len - sizeof "\n\n^";
	if (strlen(sentence) > room) {
		room -= 3;
		while (room && ((unsigned char)sentence[room] & 0xc0) == 0x80)
			room--;
		memcpy(sentence + room, "...", 4);
	}
	return error_set(why, "%s%s\n%.*s\n%.*s^", head, sentence, (int)pic.line_len, pic.line, (int)pic.space_len,
	    pic.space);
}
