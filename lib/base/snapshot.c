/* SPDX-License-Identifier: MIT */
#include "base/snapshot.h"

#include <string.h>

#include "base/crc32c.h"

#define MAGIC "sml-state\n"
#define TAIL 13		/* the end mark, length and CRC */

enum { MARK_SECTION = 1, MARK_ROW = 2, MARK_END = 3, MARK_GONE = 4, MARK_ANEW = 5, MARK_ROW_OF = 6 };

/* ---- writing ---- */

static void put_fixed(struct buf *b, uint64_t x, int bytes)
{
	for (int i = 0; i < bytes; i++)
		buf_add_byte(b, (char)(x >> 8 * i));
}

void snapshot_put_varint(struct buf *b, uint64_t x)
{
	for (; x >= 0x80; x >>= 7)
		buf_add_byte(b, (char)(x | 0x80));
	buf_add_byte(b, (char)x);
}

void snapshot_put_signed(struct buf *b, int64_t x)
{
	snapshot_put_varint(b, (uint64_t)x << 1 ^ (x < 0 ? UINT64_MAX : 0));
}

void snapshot_put_double(struct buf *b, double x)
{
	uint64_t bits;

	memcpy(&bits, &x, 8);
	put_fixed(b, bits, 8);
}

void snapshot_put_text(struct buf *b, const void *text, size_t n)
{
	snapshot_put_varint(b, n);
	buf_add(b, text, n);
}

void snapshot_begin(struct snapshot_writer *w, const char *made_by)
{
	w->bytes = BUF_INIT;
	buf_add_text(&w->bytes, MAGIC);
	put_fixed(&w->bytes, SNAPSHOT_VERSION, 4);
	snapshot_put_text(&w->bytes, made_by, strlen(made_by));
}

static void put_marked(struct buf *b, int mark, const void *text, size_t len)
{
	buf_add_byte(b, (char)mark);
	snapshot_put_text(b, text, len);
}

void snapshot_section(struct snapshot_writer *w, const char *name, size_t len)
{
	put_marked(&w->bytes, MARK_SECTION, name, len);
}

void snapshot_section_anew(struct snapshot_writer *w, const char *name, size_t len)
{
	put_marked(&w->bytes, MARK_ANEW, name, len);
}

void snapshot_row(struct snapshot_writer *w, const void *key, size_t key_len, const void *value, size_t len)
{
	put_marked(&w->bytes, MARK_ROW, key, key_len);
	snapshot_put_text(&w->bytes, value, len);
}

void snapshot_row_of(struct snapshot_writer *w, int32_t partition, const void *key, size_t key_len, const void *value, size_t len)
{
	if (partition == PARTITION_NONE) {
		snapshot_row(w, key, key_len, value, len);
		return;
	}
	buf_add_byte(&w->bytes, MARK_ROW_OF);
	snapshot_put_varint(&w->bytes, (uint64_t)partition);
	snapshot_put_text(&w->bytes, key, key_len);
	snapshot_put_text(&w->bytes, value, len);
}

void snapshot_gone(struct snapshot_writer *w, const void *key, size_t key_len)
{
	put_marked(&w->bytes, MARK_GONE, key, key_len);
}

void snapshot_end(struct snapshot_writer *w)
{
	const size_t len = w->bytes.len;
	const uint32_t crc = crc32c_add(0, w->bytes.data, len);

	buf_add_byte(&w->bytes, MARK_END);
	put_fixed(&w->bytes, len, 8);
	put_fixed(&w->bytes, crc, 4);
}

/* ---- reading ---- */

static uint64_t get_fixed(const unsigned char *p, int bytes)
{
	uint64_t x = 0;

	for (int i = 0; i < bytes; i++)
		x |= (uint64_t)p[i] << 8 * i;
	return x;
}

uint64_t snapshot_get_varint(struct snapshot_bytes *b)
{
	uint64_t x = 0;

	for (int shift = 0; shift < 64; shift += 7) {
		if (b->p == b->end)
			break;
		const unsigned char c = *b->p++;
		if (shift == 63 && c > 1)
			break;
		x |= (uint64_t)(c & 0x7f) << shift;
		if (c < 0x80)
			return x;
	}
	b->torn = true;
	return 0;
}

int64_t snapshot_get_signed(struct snapshot_bytes *b)
{
	const uint64_t x = snapshot_get_varint(b);

	return (int64_t)(x >> 1 ^ (x & 1 ? UINT64_MAX : 0));
}

double snapshot_get_double(struct snapshot_bytes *b)
{
	double x = 0;

	if (b->end - b->p < 8) {
		b->torn = true;
		return 0;
	}
	const uint64_t bits = get_fixed(b->p, 8);
	memcpy(&x, &bits, 8);
	b->p += 8;
	return x;
}

const char *snapshot_get_text(struct snapshot_bytes *b, size_t *n)
{
	const uint64_t len = snapshot_get_varint(b);
	const char *text = (const char *)b->p;

	*n = 0;
	if (b->torn || len > (uint64_t)(b->end - b->p)) {
		b->torn = true;
		return "";
	}
	*n = (size_t)len;
	b->p += len;
	return text;
}

int snapshot_open(struct snapshot_reader *r, const void *bytes, size_t n, struct error *why)
{
	const unsigned char *p = bytes;
	const size_t magic = sizeof MAGIC - 1;

	*r = (struct snapshot_reader){0};
	if (n < magic || memcmp(p, MAGIC, magic))
		return error_set(why, "is not a state file");
	if (n < magic + 4 + TAIL)
		return error_set(why, "is cut short: %zu bytes", n);
	const uint64_t version = get_fixed(p + magic, 4);
	if (version < SNAPSHOT_OLDEST || version > SNAPSHOT_VERSION)
		return error_set(why, "has format version %llu, this sml reads %d to %d", (unsigned long long)version, SNAPSHOT_OLDEST, SNAPSHOT_VERSION);
	const unsigned char *tail = p + n - TAIL;
	if (*tail != MARK_END || get_fixed(tail + 1, 8) != n - TAIL)
		return error_set(why, "is damaged: its end is missing or it was written to after");
	if (get_fixed(tail + 9, 4) != crc32c_add(0, p, n - TAIL))
		return error_set(why, "is damaged: its checksum is wrong");
	r->rest = (struct snapshot_bytes){ p + magic + 4, tail, false };
	r->made_by = snapshot_get_text(&r->rest, &r->made_by_len);
	return r->rest.torn ? error_set(why, "is damaged: its head does not make sense") : 0;
}

int snapshot_next(struct snapshot_reader *r, struct error *why)
{
	struct snapshot_bytes *b = &r->rest;

	if (b->p == b->end && !b->torn)
		return SNAPSHOT_END;
	const int mark = b->torn ? 0 : *b->p++;
	const bool is_section = mark == MARK_SECTION || (mark == MARK_ANEW && r->is_changes);
	if (is_section) {
		r->section = snapshot_get_text(b, &r->section_len);
		r->is_anew = mark == MARK_ANEW;
	} else if (r->section && (mark == MARK_ROW || mark == MARK_ROW_OF || (mark == MARK_GONE && r->is_changes))) {
		r->partition = mark == MARK_ROW_OF ? (int32_t)snapshot_get_varint(b) : PARTITION_NONE;
		r->key = snapshot_get_text(b, &r->key_len);
		if (mark != MARK_GONE)
			r->value = snapshot_get_text(b, &r->value_len);
	} else
		b->torn = true;
	if (b->torn)
		return error_set(why, "is damaged: a section does not make sense");
	return is_section ? SNAPSHOT_SECTION : mark == MARK_GONE ? SNAPSHOT_GONE : SNAPSHOT_ROW;
}

static void take_row(struct snapshot_writer *w, const struct snapshot_reader *in, const int32_t *partitions, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (in->partition == PARTITION_NONE || in->partition == partitions[i])
			snapshot_row_of(w, partitions[i], in->key, in->key_len, in->value, in->value_len);
}

int snapshot_take(struct snapshot_writer *w, const void *bytes, size_t n, const int32_t *partitions, size_t n_partitions, struct error *why)
{
	struct snapshot_reader in;
	int item;

	if (snapshot_open(&in, bytes, n, why) < 0)
		return -1;
	while ((item = snapshot_next(&in, why)) != SNAPSHOT_END)
		if (item < 0)
			return -1;
		else if (item == SNAPSHOT_SECTION)
			snapshot_section(w, in.section, in.section_len);
		else
			take_row(w, &in, partitions, n_partitions);
	return 0;
}
