/* SPDX-License-Identifier: MIT */
#include "base/fieldpath.h"

#include <stdarg.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/value.h"

static bool is_name_start(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_name_byte(char c)
{
	return is_name_start(c) || (c >= '0' && c <= '9');
}

static int hex(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static int hex4(const char *s)
{
	int x = 0;

	for (int i = 0; i < 4; i++) {
		if (hex(s[i]) < 0)
			return -1;
		x = x << 4 | hex(s[i]);
	}
	return x;
}

static void add_utf8(struct buf *b, unsigned c)
{
	if (c < 0x80)
		buf_add_byte(b, (char)c);
	else if (c < 0x800)
		buf_add(b, (char[]){ (char)(0xc0 | c >> 6), (char)(0x80 | (c & 63)) }, 2);
	else if (c < 0x10000)
		buf_add(b, (char[]){ (char)(0xe0 | c >> 12), (char)(0x80 | (c >> 6 & 63)), (char)(0x80 | (c & 63)) }, 3);
	else
		buf_add(b, (char[]){ (char)(0xf0 | c >> 18), (char)(0x80 | (c >> 12 & 63)), (char)(0x80 | (c >> 6 & 63)),
		    (char)(0x80 | (c & 63)) }, 4);
}

/* \uXXXX behind the backslash, a pair of surrogates included; where the escape ends, or NULL. */
static const char *unescape_unicode(const char *s, struct buf *b)
{
	int c = hex4(s + 1);

	if (c < 0 || (c >= 0xdc00 && c < 0xe000))
		return NULL;
	s += 5;
	if (c >= 0xd800 && c < 0xdc00) {
		const int low = s[0] == '\\' && s[1] == 'u' ? hex4(s + 2) : -1;
		if (low < 0xdc00 || low >= 0xe000)
			return NULL;
		c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
		s += 6;
	}
	add_utf8(b, (unsigned)c);
	return s;
}

/* A JSON string from its quote on; where it ends, or NULL. */
static const char *unquote(const char *s, struct buf *b)
{
	static const char letters[] = "b\bf\fn\nr\rt\t\"\"\\\\//";

	for (s++; *s && *s != '"';) {
		if (*s != '\\') {
			buf_add_byte(b, *s++);
			continue;
		}
		const char *letter = s[1] ? strchr(letters, s[1]) : NULL;
		if (s[1] == 'u')
			s = unescape_unicode(s + 1, b);
		else if (letter && (letter - letters) % 2 == 0) {	/* pairs: the letter and what it means */
			buf_add_byte(b, letter[1]);
			s += 2;
		} else
			return NULL;
		if (!s)
			return NULL;
	}
	return *s ? s + 1 : NULL;
}

static struct step name_step(struct arena *arena, const char *name, size_t len)
{
	return (struct step){ .kind = STEP_NAME, .name = arena_copy(arena, name, len), .len = (uint32_t)len };
}

/* [0], [*] or ["any name"]; where it ends, or NULL. */
static const char *bracket(const char *s, struct step *step, struct arena *arena)
{
	s++;
	if (*s == '*') {
		*step = (struct step){ .kind = STEP_ALL };
		s++;
	} else if (*s == '"') {
		struct buf name = BUF_INIT;
		s = unquote(s, &name);
		if (s)
			*step = name_step(arena, name.data, name.len);
		buf_release(&name);
	} else {
		uint32_t index = 0;
		const char *from = s;
		for (; *s >= '0' && *s <= '9' && s - from < 9; s++)
			index = index * 10 + (uint32_t)(*s - '0');
		if (s == from)
			return NULL;
		*step = (struct step){ .kind = STEP_INDEX, .index = index };
	}
	return s && *s == ']' ? s + 1 : NULL;
}

int fieldpath_parse(struct fieldpath *path, const char *text, struct arena *arena, struct error *why)
{
	struct step steps[FIELDPATH_STEPS];
	const char *s = text;
	size_t n = 0;

	while (*s || !n) {
		if (n == FIELDPATH_STEPS)
			return error_set(why, "\"%s\" is a path of more than %d steps", text, FIELDPATH_STEPS);
		if (*s == '[')
			s = bracket(s, &steps[n], arena);
		else {
			if (n && *s++ != '.')
				s = NULL;
			const char *from = s;
			if (s && is_name_start(*s)) {
				while (is_name_byte(*s))
					s++;
				steps[n] = name_step(arena, from, (size_t)(s - from));
			} else
				s = NULL;
		}
		if (!s || (!n && steps[0].kind != STEP_NAME))
			return error_set(why, "\"%s\" is not a path: name, user.id, items[0].price, items[*].price, [\"any name\"]", text);
		n++;
	}
	struct step *copy = arena_get(arena, n * sizeof *copy);
	memcpy(copy, steps, n * sizeof *copy);
	*path = (struct fieldpath){ copy, n };
	return 0;
}

struct fieldpath fieldpath_of(struct arena *arena, const char *name, ...)
{
	struct step steps[FIELDPATH_STEPS];
	size_t n = 0;
	va_list ap;

	va_start(ap, name);
	for (; name && n < FIELDPATH_STEPS; name = va_arg(ap, const char *))
		steps[n++] = name_step(arena, name, strlen(name));
	va_end(ap);
	struct step *copy = arena_get(arena, (n ? n : 1) * sizeof *copy);
	memcpy(copy, steps, n * sizeof *copy);
	return (struct fieldpath){ copy, n };
}

static bool is_bare(const struct step *s)
{
	if (!s->len || !is_name_start(s->name[0]))
		return false;
	for (uint32_t i = 1; i < s->len; i++)
		if (!is_name_byte(s->name[i]))
			return false;
	return true;
}

void fieldpath_show(const struct fieldpath *path, struct buf *b)
{
	for (size_t i = 0; i < path->n; i++) {
		const struct step *s = &path->steps[i];
		if (s->kind == STEP_ALL)
			buf_add_text(b, "[*]");
		else if (s->kind == STEP_INDEX)
			buf_format(b, "[%u]", s->index);
		else if (is_bare(s)) {
			if (i)
				buf_add_byte(b, '.');
			buf_add(b, s->name, s->len);
		} else {
			buf_add_byte(b, '[');
			value_show(value_text(s->name, s->len), b);
			buf_add_byte(b, ']');
		}
	}
}

bool fieldpath_equal(const struct fieldpath *a, const struct fieldpath *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++) {
		const struct step *x = &a->steps[i], *y = &b->steps[i];
		if (x->kind != y->kind || (x->kind == STEP_INDEX && x->index != y->index) ||
		    (x->kind == STEP_NAME && (x->len != y->len || memcmp(x->name, y->name, x->len))))
			return false;
	}
	return true;
}
