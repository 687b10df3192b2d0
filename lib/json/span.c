/* SPDX-License-Identifier: MIT */
#include "json/span.h"

#include <stdint.h>
#include <string.h>

static size_t space(const char *t, size_t i, size_t len)
{
	while (i < len && (t[i] == ' ' || t[i] == '\t' || t[i] == '\r' || t[i] == '\n'))
		i++;
	return i;
}

/* Whether one of 8 bytes is a quote or a backslash: a test of whole words. */
static inline bool ends8(const char *s)
{
	uint64_t x;
	memcpy(&x, s, 8);
	const uint64_t ones = UINT64_C(0x0101010101010101), quote = x ^ ones * '"', back = x ^ ones * '\\';
	return (((quote - ones) & ~quote) | ((back - ones) & ~back)) & ones << 7;
}

/* From the opening quote to behind the closing one. */
static size_t string_end(const char *t, size_t i, size_t len)
{
	for (i++; i < len; i++) {
		while (len - i >= 8 && !ends8(t + i))
			i += 8;
		if (i >= len || t[i] == '"')
			break;
		if (t[i] == '\\')
			i++;
	}
	return i < len ? i + 1 : len;
}

static inline bool ends_scalar(char c)
{
	return c == ',' || c == '}' || c == ']' || c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* From a value's first byte to behind its last. */
static size_t value_end(const char *t, size_t i, size_t len)
{
	size_t depth = 0;

	do {
		if (i >= len)
			return len;
		switch (t[i]) {
		case '"':
			i = string_end(t, i, len);
			break;
		case '{':
		case '[':
			depth++;
			i++;
			break;
		case '}':
		case ']':
			depth--;
			i++;
			break;
		default:
			if (depth)
				i++;
			else
				while (i < len && !ends_scalar(t[i]))
					i++;
		}
	} while (depth);
	return i;
}

void span_walk(struct span_walk *w, const char *text, size_t len)
{
	*w = (struct span_walk){ text, len, space(text, 0, len) };
	if (w->at < len)
		w->at++;	/* the brace */
}

bool span_walk_next(struct span_walk *w, struct span *s)
{
	size_t i = space(w->text, w->at, w->len);

	if (i < w->len && w->text[i] == ',')
		i = space(w->text, i + 1, w->len);
	if (i >= w->len || w->text[i] != '"')
		return false;
	s->start = i;
	s->name = i + 1;
	i = string_end(w->text, i, w->len);
	s->name_end = i - 1;
	i = space(w->text, i, w->len);
	s->value = space(w->text, i + 1, w->len);	/* behind the colon */
	s->end = w->at = value_end(w->text, s->value, w->len);
	return true;
}

static int hex4(const char *s)
{
	int x = 0;
	for (int i = 0; i < 4; i++)
		x = x << 4 | (s[i] <= '9' ? s[i] - '0' : (s[i] | 32) - 'a' + 10);
	return x;
}

static size_t utf8(uint32_t c, char *out)
{
	if (c < 0x80)
		return out[0] = (char)c, 1;
	if (c < 0x800)
		return out[0] = (char)(0xc0 | c >> 6), out[1] = (char)(0x80 | (c & 63)), 2;
	if (c < 0x10000)
		return out[0] = (char)(0xe0 | c >> 12), out[1] = (char)(0x80 | (c >> 6 & 63)), out[2] = (char)(0x80 | (c & 63)), 3;
	return out[0] = (char)(0xf0 | c >> 18), out[1] = (char)(0x80 | (c >> 12 & 63)), out[2] = (char)(0x80 | (c >> 6 & 63)),
	    out[3] = (char)(0x80 | (c & 63)), 4;
}

static bool is_escaped(const char *text, const struct span *s)
{
	return memchr(text + s->name, '\\', s->name_end - s->name);
}

bool span_is(const char *text, const struct span *s, const char *name, size_t len)
{
	if (!is_escaped(text, s))
		return s->name_end - s->name == len && !memcmp(text + s->name, name, len);
	static const char letters[] = "b\bf\fn\nr\rt\t";
	size_t at = 0;

	for (size_t i = s->name; i < s->name_end;) {
		char bytes[4] = { text[i] };
		size_t n = 1;
		if (text[i] != '\\')
			i++;
		else if (text[i + 1] == 'u') {
			uint32_t c = (uint32_t)hex4(text + i + 2);
			i += 6;
			if (c >= 0xd800 && c < 0xdc00) {
				c = 0x10000 + ((c - 0xd800) << 10) + ((uint32_t)hex4(text + i + 2) - 0xdc00);
				i += 6;
			}
			n = utf8(c, bytes);
		} else {
			const char *letter = strchr(letters, text[i + 1]);
			bytes[0] = letter && (letter - letters) % 2 == 0 ? letter[1] : text[i + 1];
			i += 2;
		}
		if (len - at < n || memcmp(name + at, bytes, n))
			return false;
		at += n;
	}
	return at == len;
}

void span_cut(struct buf *b, const char *text, size_t len, bool (*drop)(void *, const char *, const struct span *), void *self)
{
	struct span_walk w;
	struct span s;
	size_t from = 0;	/* what has been copied */
	bool first = true;	/* no member kept so far */

	span_walk(&w, text, len);
	for (size_t before = w.at; span_walk_next(&w, &s); before = s.end) {
		if (!drop(self, text, &s)) {
			if (first && from)		/* the comma that stood before it goes */
				from = s.start;
			first = false;
			continue;
		}
		/* Goes with the comma before it; the first one's comma is behind it, and goes when the next one is met. */
		if (from < before)
			buf_add(b, text + from, before - from);
		from = s.end;
	}
	buf_add(b, text + from, len - from);
}
