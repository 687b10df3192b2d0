/* SPDX-License-Identifier: MIT */
#include "json/write.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <yyjson.h>

#include "base/alloc.h"
#include "base/number.h"

static const char two_digits[] =
    "0001020304050607080910111213141516171819202122232425262728293031323334353637383940414243444546474849"
    "5051525354555657585960616263646566676869707172737475767778798081828384858687888990919293949596979899";

/* The digits of a number, ending before `p`: where they begin. */
static char *put_digits(char *p, uint64_t u)
{
	for (; u >= 100; u /= 100)
		memcpy(p -= 2, two_digits + u % 100 * 2, 2);
	if (u >= 10)
		return memcpy(p - 2, two_digits + u * 2, 2);
	*--p = (char)('0' + u);
	return p;
}

void json_write_integer(struct buf *b, int64_t n)
{
	char text[24], *end = text + sizeof text, *p = put_digits(end, n < 0 ? -(uint64_t)n : (uint64_t)n);

	if (n < 0)
		*--p = '-';
	buf_add(b, p, (size_t)(end - p));
}

static void write_unsigned(struct buf *b, uint64_t u)
{
	if (u > INT64_MAX) {
		json_write_integer(b, (int64_t)(u / 10));
		u %= 10;
	}
	json_write_integer(b, (int64_t)u);
}

/*
 * A number of at most four decimals: where k/10000 is the double, k is its shortest text, since decimals of up to 15
 * digits map to different doubles.  Prices and their sums are of this kind.
 */
static bool write_decimal(struct buf *b, double x)
{
	const double scaled = x * 1e4;
	if (!(fabs(scaled) < 1e15 && fabs(scaled) >= 1))
		return false;
	const int64_t k = llrint(scaled);
	/* Most doubles are told apart without the division: a product is wrong by a rounding at most. */
	if (fabs(scaled - (double)k) > fabs(scaled) * 0x1p-50 || (double)k / 1e4 != x)
		return false;
	const uint64_t u = k < 0 ? -(uint64_t)k : (uint64_t)k, part = u % 10000;
	char text[24], *end = text + sizeof text;
	memcpy(end - 2, two_digits + part % 100 * 2, 2);
	memcpy(end - 4, two_digits + part / 100 * 2, 2);
	end[-5] = '.';
	char *p = put_digits(end - 5, u / 10000);
	if (k < 0)
		*--p = '-';
	while (end[-1] == '0')
		end--;
	end -= end[-1] == '.';
	buf_add(b, p, (size_t)(end - p));
	return true;
}

void json_write_double(struct buf *b, double x)
{
	char pool[1024], *text, *e;
	yyjson_alc alc;
	yyjson_val v;
	size_t len;

	if (!isfinite(x)) {
		buf_add(b, "null", 4);
		return;
	}
	if (x == 0) {
		buf_add_byte(b, '0');
		return;
	}
	if (write_decimal(b, x))
		return;
	memset(&v, 0, sizeof v);
	unsafe_yyjson_set_real(&v, x);
	yyjson_alc_pool_init(&alc, pool, sizeof pool);
	text = yyjson_val_write_opts(&v, 0, &alc, &len, NULL);
	/* yyjson writes 3.0 and 1e21 where ECMAScript has 3 and 1e+21. */
	if (len > 2 && text[len - 2] == '.' && text[len - 1] == '0')
		len -= 2;
	e = fabs(x) >= 1e20 ? memchr(text, 'e', len) : NULL;
	if (e) {
		buf_add(b, text, (size_t)(e - text) + 1);
		buf_add_byte(b, '+');
		buf_add(b, e + 1, len - (size_t)(e + 1 - text));
	} else
		buf_add(b, text, len);
}

/* Bytes of 8 that must be escaped: below 0x20, '"' or a backslash; a well-known test of whole words. */
static inline bool plain8(const char *s)
{
	uint64_t x;
	memcpy(&x, s, 8);
	const uint64_t ones = UINT64_C(0x0101010101010101), high = ones << 7;
	const uint64_t quote = x ^ ones * '"', back = x ^ ones * '\\';
	return !((((x - ones * 0x20) & ~x) | ((quote - ones) & ~quote) | ((back - ones) & ~back)) & high);
}

static void write_escape(struct buf *b, unsigned char c)
{
	static const char letters[] = "btn?fr";		/* from 8 on; 11 has none */
	static const char hex[] = "0123456789abcdef";

	if (c == '"' || c == '\\')
		buf_add(b, (char[]){ '\\', (char)c }, 2);
	else if (c >= 8 && c <= 13 && c != 11)
		buf_add(b, (char[]){ '\\', letters[c - 8] }, 2);
	else
		buf_add(b, (char[]){ '\\', 'u', '0', '0', hex[c >> 4], hex[c & 15] }, 6);
}

void json_write_string(struct buf *b, const char *s, size_t n)
{
	const char *end = n ? s + n : s, *from = s;	/* of nothing s may be NULL */

	buf_reserve(b, n + 2);
	buf_add_byte(b, '"');
	while (s < end) {
		if (end - s >= 8 && plain8(s)) {
			s += 8;
			continue;
		}
		const unsigned char c = (unsigned char)*s;
		if (c < 0x20 || c == '"' || c == '\\') {
			buf_add(b, from, (size_t)(s - from));
			write_escape(b, c);
			from = s + 1;
		}
		s++;
	}
	buf_add(b, from, (size_t)(end - from));
	buf_add_byte(b, '"');
}

void json_write_text(struct buf *b, const char *s, size_t n)
{
	struct buf clean = BUF_INIT;
	size_t len;

	if (json_is_utf8(s, n)) {
		json_write_string(b, s, n);
		return;
	}
	for (; n; s += len, n -= len) {
		len = json_character(s, n);
		buf_add(&clean, len ? s : "?", len ? len : 1);
		len += !len;
	}
	json_write_string(b, clean.data, clean.len);
	buf_release(&clean);
}

void json_write_comma(struct buf *b)
{
	if (b->len && b->data[b->len - 1] != '{' && b->data[b->len - 1] != '[')
		buf_add_byte(b, ',');
}

void json_write_name(struct buf *b, const char *name)
{
	json_write_comma(b);
	json_write_string(b, name, strlen(name));
	buf_add_byte(b, ':');
}

struct name json_name(struct arena *arena, const char *text, size_t len)
{
	struct buf b = BUF_INIT;

	json_write_string(&b, text, len);
	buf_add_byte(&b, ':');
	const struct name name = { arena_copy(arena, text, len), arena_copy(arena, b.data, b.len), (uint32_t)len, (uint32_t)b.len };
	buf_release(&b);
	return name;
}

/* ---- trees, without recursion: they may be as deep as a line is long ---- */

struct open { yyjson_val *at; size_t left; bool is_object; };

/* An integer beyond 64 bits is the nearest double, as everywhere; what no double holds is its text. */
static void write_raw(struct buf *b, const char *text, size_t len)
{
	char *copy = alloc_span(text, len);
	struct error ignored;
	double x;

	if (number_parse_double(copy, &x, &ignored))
		buf_add(b, text, len);
	else
		json_write_value(b, value_number(x));
	free(copy);
}

static void write_scalar(struct buf *b, yyjson_val *v)
{
	switch (unsafe_yyjson_get_tag(v)) {
	case YYJSON_TYPE_BOOL | YYJSON_SUBTYPE_TRUE: buf_add(b, "true", 4); return;
	case YYJSON_TYPE_BOOL | YYJSON_SUBTYPE_FALSE: buf_add(b, "false", 5); return;
	case YYJSON_TYPE_NUM | YYJSON_SUBTYPE_UINT: write_unsigned(b, v->uni.u64); return;
	case YYJSON_TYPE_NUM | YYJSON_SUBTYPE_SINT: json_write_integer(b, v->uni.i64); return;
	case YYJSON_TYPE_NUM | YYJSON_SUBTYPE_REAL: json_write_double(b, v->uni.f64); return;
	}
	if (yyjson_is_str(v))
		json_write_string(b, unsafe_yyjson_get_str(v), unsafe_yyjson_get_len(v));
	else if (yyjson_is_raw(v))
		write_raw(b, unsafe_yyjson_get_raw(v), unsafe_yyjson_get_len(v));
	else
		buf_add(b, "null", 4);
}

static void write_tree(struct buf *b, yyjson_val *v)
{
	struct open *stack = NULL;
	size_t depth = 0, room = 0;

	for (;;) {
		if (yyjson_is_ctn(v)) {
			if (depth == room)
				stack = alloc_again(stack, room = room ? room * 2 : 16, sizeof *stack);
			stack[depth++] = (struct open){ unsafe_yyjson_get_first(v), unsafe_yyjson_get_len(v), yyjson_is_obj(v) };
			buf_add_byte(b, yyjson_is_obj(v) ? '{' : '[');
		} else
			write_scalar(b, v);
		while (depth && !stack[depth - 1].left)
			buf_add_byte(b, stack[--depth].is_object ? '}' : ']');
		if (!depth)
			break;
		struct open *o = &stack[depth - 1];
		json_write_comma(b);
		o->left--;
		v = o->at;
		if (o->is_object) {
			json_write_string(b, unsafe_yyjson_get_str(v), unsafe_yyjson_get_len(v));
			buf_add_byte(b, ':');
			v++;
		}
		o->at = unsafe_yyjson_get_next(v);
	}
	free(stack);
}

void json_write_value(struct buf *b, struct value v)
{
	switch (v.type) {
	case VALUE_MISSING:
	case VALUE_NULL: buf_add(b, "null", 4); break;
	case VALUE_BOOL: buf_add(b, v.truth ? "true" : "false", v.truth ? 4 : 5); break;
	case VALUE_INTEGER: json_write_integer(b, v.integer); break;
	case VALUE_UNSIGNED: write_unsigned(b, v.uinteger); break;
	case VALUE_DOUBLE: json_write_double(b, v.number); break;
	case VALUE_STRING: json_write_string(b, v.text, v.len); break;
	case VALUE_HUGE: buf_add(b, v.text, v.len); break;
	case VALUE_TREE: write_tree(b, (yyjson_val *)v.tree); break;
	case VALUE_ARRAY:
		buf_add_byte(b, '[');
		for (uint32_t i = 0; i < v.len; i++) {
			if (i)
				buf_add_byte(b, ',');
			json_write_value(b, v.items[i]);
		}
		buf_add_byte(b, ']');
		break;
	case VALUE_OBJECT:
		buf_add_byte(b, '{');
		for (uint32_t i = 0; i < v.len; i++) {
			if (i)
				buf_add_byte(b, ',');
			buf_add(b, v.members[i].name->json, v.members[i].name->json_len);
			json_write_value(b, v.members[i].value);
		}
		buf_add_byte(b, '}');
		break;
	}
}

/* ---- bytes ---- */

static inline size_t character(const unsigned char *s, size_t n)
{
	const unsigned char c = n ? *s : 0xff;

	if (c < 0x80)
		return 1;
	/* The second byte's range tells overlong forms, surrogates and what lies beyond U+10FFFF. */
	const size_t len = c >= 0xc2 && c <= 0xdf ? 2 : c >= 0xe0 && c <= 0xef ? 3 : c >= 0xf0 && c <= 0xf4 ? 4 : 0;
	if (!len || n < len)
		return 0;
	const unsigned char low = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80, high = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
	if (s[1] < low || s[1] > high)
		return 0;
	for (size_t i = 2; i < len; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	return len;
}

size_t json_character(const char *text, size_t n)
{
	return character((const unsigned char *)text, n);
}

int json_is_utf8(const char *text, size_t n)
{
	const unsigned char *s = (const unsigned char *)text, *end = n ? s + n : s;	/* of nothing text may be NULL */

	while (s < end) {
		uint64_t word;
		if (end - s >= 8 && (memcpy(&word, s, 8), !(word & UINT64_C(0x8080808080808080)))) {
			s += 8;
			continue;
		}
		const size_t len = character(s, (size_t)(end - s));
		if (!len)
			return 0;
		s += len;
	}
	return 1;
}

static const char base64_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void json_write_base64(struct buf *b, const void *bytes, size_t n)
{
	const unsigned char *s = bytes;

	for (; n; s += 3, n -= 3) {
		const size_t k = n < 3 ? n : 3;
		const uint32_t x = (uint32_t)s[0] << 16 | (k > 1 ? (uint32_t)s[1] << 8 : 0) | (k > 2 ? s[2] : 0);
		char out[4] = { base64_digits[x >> 18], base64_digits[x >> 12 & 63], '=', '=' };
		if (k > 1)
			out[2] = base64_digits[x >> 6 & 63];
		if (k > 2)
			out[3] = base64_digits[x & 63];
		buf_add(b, out, 4);
		if (k < 3)
			return;
	}
}

long json_read_base64(struct buf *b, const char *s, size_t n)
{
	const size_t before = b->len;

	if (n % 4)
		return -1;
	for (; n; s += 4, n -= 4) {
		const int pad = n == 4 ? (s[3] == '=') + (s[3] == '=' && s[2] == '=') : 0;
		uint32_t x = 0;
		for (int i = 0; i < 4 - pad; i++) {
			const char *digit = s[i] ? memchr(base64_digits, s[i], 64) : NULL;
			if (!digit)
				return -1;
			x |= (uint32_t)(digit - base64_digits) << (18 - 6 * i);
		}
		if ((pad && x & 0xff) || (pad == 2 && x & 0xffff))
			return -1;	/* bits that no encoder sets */
		buf_add(b, (char[]){ (char)(x >> 16), (char)(x >> 8), (char)x }, (size_t)(3 - pad));
	}
	return (long)(b->len - before);
}
