/* SPDX-License-Identifier: MIT */
#include "feature/hold.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/eventtime.h"
#include "json/write.h"

void hold_release(struct hold *h)
{
	for (size_t i = 0; i < h->n; i++)
		record_free(h->heap[i].record);
	for (size_t i = 0; i < h->n_sources; i++)
		free(h->sources[i]);
	free(h->sources);
	free(h->heap);
	buf_release(&h->gone);
	*h = (struct hold){0};
}

static bool goes_before(const struct held_event *a, const struct held_event *b)
{
	return a->time != b->time ? a->time < b->time : a->number < b->number;
}

static void push(struct hold *h, struct held_event e)
{
	size_t i = h->n++;

	if (i == h->room)
		h->heap = alloc_again(h->heap, h->room = h->room ? h->room * 2 : 64, sizeof *h->heap);
	for (; i && goes_before(&e, &h->heap[(i - 1) / 2]); i = (i - 1) / 2)
		h->heap[i] = h->heap[(i - 1) / 2];
	h->heap[i] = e;
	h->bytes += e.record->len;
}

void hold_put(struct hold *h, int64_t time, const struct record *r)
{
	push(h, (struct held_event){ time, h->numbers++, record_keep(r) });
}

size_t hold_cost(void)
{
	/* The heap has half its room to spare. */
	return RECORD_KEPT_BYTES + sizeof(struct held_event) * 3 / 2;
}

int64_t hold_oldest(const struct hold *h)
{
	return h->n ? h->heap[0].time : INT64_MAX;
}

struct held_event hold_take(struct hold *h)
{
	const struct held_event first = h->heap[0], last = h->heap[--h->n];
	size_t i = 0;

	for (size_t kid; (kid = 2 * i + 1) < h->n; i = kid) {
		if (kid + 1 < h->n && goes_before(&h->heap[kid + 1], &h->heap[kid]))
			kid++;
		if (!goes_before(&h->heap[kid], &last))
			break;
		h->heap[i] = h->heap[kid];
	}
	if (h->n)
		h->heap[i] = last;
	h->bytes -= first.record->len;
	if (h->tracks && first.number < h->saved)
		buf_add(&h->gone, &first.number, sizeof first.number);
	return first;
}

static int in_order(const void *a, const void *b)
{
	return goes_before(a, b) ? -1 : 1;
}

static void save_from(const struct hold *h, uint64_t number, struct snapshot_writer *w)
{
	struct buf key = BUF_INIT, value = BUF_INIT;

	for (size_t i = 0; i < h->n; i++) {
		const struct record *r = h->heap[i].record;
		if (h->heap[i].number < number)
			continue;
		buf_clear(&key);
		buf_clear(&value);
		snapshot_put_varint(&key, h->heap[i].number);
		snapshot_put_signed(&value, h->heap[i].time);
		snapshot_put_text(&value, r->at.source, strlen(r->at.source));
		snapshot_put_varint(&value, r->at.line);
		snapshot_put_text(&value, r->line, r->len);
		snapshot_row_of(w, r->partition, key.data, key.len, value.data, value.len);
	}
	buf_release(&key);
	buf_release(&value);
}

void hold_save(struct hold *h, struct snapshot_writer *w)
{
	/* What is in order is a heap, too. */
	if (h->n)
		qsort(h->heap, h->n, sizeof *h->heap, in_order);
	for (size_t i = 0; i < h->n; i++)
		h->heap[i].number = i;
	h->numbers = h->n;
	save_from(h, 0, w);
}

void hold_track(struct hold *h)
{
	h->tracks = true;
	h->saved = h->numbers;
	buf_clear(&h->gone);
}

void hold_save_changes(struct hold *h, struct snapshot_writer *w)
{
	struct buf key = BUF_INIT;
	uint64_t number;

	save_from(h, h->saved, w);
	for (size_t i = 0; i < h->gone.len; i += sizeof number) {
		memcpy(&number, h->gone.data + i, sizeof number);
		buf_clear(&key);
		snapshot_put_varint(&key, number);
		snapshot_gone(w, key.data, key.len);
	}
	buf_release(&key);
	hold_track(h);
}

/* Few names, for many records. */
static const char *source_named(struct hold *h, const char *name, size_t len)
{
	for (size_t i = 0; i < h->n_sources; i++)
		if (strlen(h->sources[i]) == len && !memcmp(h->sources[i], name, len))
			return h->sources[i];
	h->sources = alloc_again(h->sources, h->n_sources + 1, sizeof *h->sources);
	return h->sources[h->n_sources++] = alloc_span(name, len);
}

struct held_row { uint64_t number; int64_t time; const char *source, *line; size_t source_len, len; uint64_t line_number; };

static int read_row(const struct snapshot_reader *in, struct held_row *row, struct error *why)
{
	struct snapshot_bytes bytes = { (const unsigned char *)in->value, (const unsigned char *)in->value + in->value_len, false };
	struct snapshot_bytes key = { (const unsigned char *)in->key, (const unsigned char *)in->key + in->key_len, false };

	row->number = snapshot_get_varint(&key);
	row->time = snapshot_get_signed(&bytes);
	row->source = snapshot_get_text(&bytes, &row->source_len);
	row->line_number = snapshot_get_varint(&bytes);
	row->line = snapshot_get_text(&bytes, &row->len);
	if (bytes.torn || key.torn || bytes.p != bytes.end || row->time == EVENTTIME_NONE || memchr(row->line, '\n', row->len))
		return error_set(why, "held events: damaged");
	return 0;
}

int hold_load(struct hold *h, const struct snapshot_reader *in, const struct place *at, const struct fields *fields, struct error *why)
{
	struct held_row row;
	struct record r;

	if (read_row(in, &row, why) < 0)
		return -1;
	record_init(&r, row.line, row.len, fields, NULL);
	if (r.kind != RECORD_DATA)
		return error_set(why, "held events: one is no record");
	r.at = *at;
	r.at.source = source_named(h, row.source, row.source_len);
	r.at.line = row.line_number;
	r.partition = in->partition;
	push(h, (struct held_event){ row.time, row.number, record_keep(&r) });
	if (row.number >= h->numbers)
		h->numbers = row.number + 1;
	return 0;
}

int hold_dump(const struct snapshot_reader *in, struct buf *out, struct error *why)
{
	struct held_row row;
	char time[EVENTTIME_SHOW_MAX];

	if (read_row(in, &row, why) < 0)
		return -1;
	eventtime_show(row.time, time);
	buf_add_text(out, "{\"held\":");
	buf_add(out, row.line, row.len);
	json_write_name(out, "time");
	json_write_string(out, time, strlen(time));
	buf_add_text(out, "}\n");
	return 0;
}
