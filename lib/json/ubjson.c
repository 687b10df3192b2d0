/* SPDX-License-Identifier: MIT */
#include "json/ubjson.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "base/number.h"
#include "json/write.h"

#define DEPTH 512

/* A container that is open. */
struct level {
	bool object, counted;
	char type;			/* of all values; 0: each has its own */
	uint64_t left;			/* of counted */
};

struct reading {
	const unsigned char *bytes;
	size_t n, at;
	struct buf *out;
	struct error *why;
	struct level levels[DEPTH];
	size_t depth;
};

static int complain(const struct reading *r, const char *what)
{
	return error_set(r->why, "at byte %zu: %s", r->at + 1, what);
}

/* The next byte that is no padding. */
static int next(struct reading *r, char *type)
{
	while (r->at < r->n && r->bytes[r->at] == 'N')
		r->at++;
	if (r->at == r->n)
		return complain(r, "it ends too early");
	*type = (char)r->bytes[r->at++];
	return 0;
}

static bool follows(struct reading *r, char what)
{
	if (r->at == r->n || r->bytes[r->at] != (unsigned char)what)
		return false;
	r->at++;
	return true;
}

/* Big-endian. */
static int bits(struct reading *r, size_t bytes, uint64_t *out)
{
	if (bytes > r->n - r->at)
		return complain(r, "it ends too early");
	*out = 0;
	for (size_t i = 0; i < bytes; i++)
		*out = *out << 8 | r->bytes[r->at++];
	return 0;
}

static size_t size_of(char type)
{
	switch (type) {
	case 'i': case 'U':
		return 1;
	case 'I':
		return 2;
	case 'l': case 'd':
		return 4;
	case 'L': case 'D':
		return 8;
	default:
		return 0;
	}
}

static int64_t extend(uint64_t u, size_t bytes)
{
	const unsigned shift = (unsigned)(64 - 8 * bytes);

	return (int64_t)(u << shift) >> shift;
}

static int integer(struct reading *r, char type, int64_t *out)
{
	uint64_t u;

	if (!size_of(type) || type == 'd' || type == 'D')
		return complain(r, "an integer was expected");
	if (bits(r, size_of(type), &u))
		return -1;
	*out = type == 'U' ? (int64_t)u : extend(u, size_of(type));
	return 0;
}

static int length(struct reading *r, uint64_t *out)
{
	char type;
	int64_t n;

	if (next(r, &type) || integer(r, type, &n))
		return -1;
	if (n < 0)
		return complain(r, "a length is below 0");
	*out = (uint64_t)n;
	return 0;
}

static int text(struct reading *r, const char **out, size_t *len)
{
	uint64_t n;

	if (length(r, &n))
		return -1;
	if (n > r->n - r->at)
		return complain(r, "a string is longer than the file");
	*out = (const char *)r->bytes + r->at;
	*len = (size_t)n;
	r->at += *len;
	return 0;
}

static int number(struct reading *r, char type)
{
	uint64_t u;
	int64_t n;
	double x;
	float f;

	if (type != 'd' && type != 'D') {
		if (integer(r, type, &n))
			return -1;
		json_write_integer(r->out, n);
		return 0;
	}
	if (bits(r, size_of(type), &u))
		return -1;
	const uint32_t half = (uint32_t)u;
	memcpy(&f, &half, sizeof f);
	memcpy(&x, &u, sizeof x);
	json_write_double(r->out, type == 'd' ? (double)f : x);	/* not finite: null */
	return 0;
}

/* A number as text, whose grammar is JSON's. */
static int high_precision(struct reading *r)
{
	static const char allowed[] = "+-.0123456789eE";
	const char *digits;
	size_t len, good = 0;

	if (text(r, &digits, &len))
		return -1;
	while (good < len && memchr(allowed, digits[good], sizeof allowed - 1))
		good++;
	if (!len || good < len)
		return complain(r, "a number of high precision is none");
	buf_add(r->out, digits, len);
	return 0;
}

static int string(struct reading *r, char type)
{
	const char *chars = (const char *)r->bytes + r->at;
	size_t len = 1;

	if (type == 'S') {
		if (text(r, &chars, &len))
			return -1;
	} else if (r->at == r->n)
		return complain(r, "it ends too early");
	else
		r->at++;
	json_write_string(r->out, chars, len);
	return 0;
}

/*
 * A value of a type without bytes could be claimed any number of times: only types with bytes are taken, and no more of them than bytes
 * are left.
 */
static int open_container(struct reading *r, bool object)
{
	struct level *l = &r->levels[r->depth];
	bool typed;

	if (r->depth == DEPTH)
		return complain(r, "it is nested too deep");
	*l = (struct level){ .object = object };
	typed = follows(r, '$');
	if (typed) {
		if (next(r, &l->type))
			return -1;
		if (!size_of(l->type) && !memchr("SHC[{", l->type, 5))
			return complain(r, "a container's type is none that is read");
	}
	l->counted = follows(r, '#');
	if (typed && !l->counted)
		return complain(r, "a container has a type and no count");
	if (l->counted && length(r, &l->left))
		return -1;
	const size_t least = l->type && size_of(l->type) ? size_of(l->type) : 1;
	if (l->left > (r->n - r->at) / least)
		return complain(r, "a container claims more than the file has");
	r->depth++;
	buf_add_byte(r->out, object ? '{' : '[');
	return 0;
}

static int value(struct reading *r, char type)
{
	switch (type) {
	case 'Z':
		buf_add_text(r->out, "null");
		return 0;
	case 'T':
		buf_add_text(r->out, "true");
		return 0;
	case 'F':
		buf_add_text(r->out, "false");
		return 0;
	case 'S': case 'C':
		return string(r, type);
	case 'H':
		return high_precision(r);
	case '[': case '{':
		return open_container(r, type == '{');
	default:
		return size_of(type) ? number(r, type) : (r->at--, complain(r, "a value of no type that is known"));
	}
}

/* Whether the innermost container ends here; its end is then written. */
static bool ends(struct reading *r)
{
	const struct level *l = &r->levels[r->depth - 1];

	while (!l->counted && follows(r, 'N'))
		;
	if (l->counted ? l->left > 0 : !follows(r, l->object ? '}' : ']'))
		return false;
	buf_add_byte(r->out, l->object ? '}' : ']');
	r->depth--;
	return true;
}

static int member(struct reading *r)
{
	struct level *l = &r->levels[r->depth - 1];
	const char *name;
	size_t len;
	char type = l->type;

	json_write_comma(r->out);
	if (l->object) {
		if (text(r, &name, &len))
			return -1;
		json_write_string(r->out, name, len);
		buf_add_byte(r->out, ':');
	}
	l->left -= l->counted;
	return !type && next(r, &type) ? -1 : value(r, type);
}

bool ubjson_is(const char *bytes, size_t n)
{
	return n > 1 && bytes[0] == '{' && memchr("iUIlL#$N", bytes[1], 8);
}

int ubjson_to_json(const char *bytes, size_t n, struct buf *out, struct error *why)
{
	struct reading r = { .bytes = (const unsigned char *)bytes, .n = n, .out = out, .why = why };
	char type;

	if (next(&r, &type) || value(&r, type))
		return -1;
	while (r.depth)
		if (!ends(&r) && member(&r))
			return -1;
	while (follows(&r, 'N'))
		;
	return r.at == n ? 0 : complain(&r, "it goes on behind its end");
}
