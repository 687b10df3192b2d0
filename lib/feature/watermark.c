/* SPDX-License-Identifier: MIT */
#include "feature/watermark.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/eventtime.h"
#include "json/write.h"

enum watermark_verdict watermark_judge(struct watermark *w, const struct timing *t, int64_t time)
{
	if (t->ahead && w->newest != EVENTTIME_NONE && time > eventtime_plus(w->newest, t->ahead) && !w->doubts) {
		w->doubts = true;
		return WATERMARK_AHEAD;
	}
	w->doubts = false;
	const int64_t at = watermark_of_event(w);
	/* Held events leave in order: one behind the watermark is behind what has left. */
	if (at == EVENTTIME_NONE || time >= eventtime_minus(at, t->hold ? 0 : t->late))
		return WATERMARK_IN_TIME;
	w->late++;
	if (eventtime_minus(at, time) > w->latest)
		w->latest = eventtime_minus(at, time);
	return WATERMARK_LATE;
}

void watermark_move(struct watermark *w, const struct timing *t, int64_t time)
{
	if (time <= w->newest)
		return;
	w->newest = time;
	watermark_advance(w, eventtime_minus(time, t->hold));
}

void watermark_advance(struct watermark *w, int64_t to)
{
	w->at = to > w->at ? to : w->at;
}

void watermark_release(struct watermark *w)
{
	free(w->floors);
	w->floors = NULL;
}

/* ---- partitions ---- */

static struct watermark_floor *floor_of(const struct watermark *w, int32_t partition)
{
	for (size_t i = 0; i < w->n_floors; i++)
		if (w->floors[i].partition == partition)
			return &w->floors[i];
	return NULL;
}

void watermark_turn_to(struct watermark *w, int32_t partition)
{
	const struct watermark_floor *floor = floor_of(w, partition);

	w->floor = floor ? floor->at : EVENTTIME_NONE;
}

static void raise_floor(struct watermark *w, int32_t partition, int64_t at)
{
	struct watermark_floor *floor = floor_of(w, partition);

	if (!floor) {
		w->floors = alloc_again(w->floors, w->n_floors + 1, sizeof *w->floors);
		floor = &w->floors[w->n_floors++];
		*floor = (struct watermark_floor){ partition, at };
	}
	floor->at = at > floor->at ? at : floor->at;
}

/* ---- saved and restored ---- */

static void save_row(struct snapshot_writer *out, int32_t partition, int64_t newest, int64_t at, bool doubts)
{
	struct buf key = BUF_INIT, value = BUF_INIT;

	if (partition != PARTITION_NONE)
		snapshot_put_varint(&key, (uint64_t)partition);
	snapshot_put_signed(&value, newest);
	snapshot_put_signed(&value, at);
	snapshot_put_varint(&value, doubts);
	snapshot_row_of(out, partition, key.data, key.len, value.data, value.len);
	buf_release(&key);
	buf_release(&value);
}

void watermark_save(const struct watermark *w, struct snapshot_writer *out)
{
	save_row(out, PARTITION_NONE, w->newest, w->at, w->doubts);
	for (size_t i = 0; i < w->n_floors; i++)
		if (w->floors[i].at > w->at)
			save_row(out, w->floors[i].partition, w->newest, w->floors[i].at, false);
}

int watermark_load(struct watermark *w, const struct snapshot_reader *in, struct error *why)
{
	struct snapshot_bytes bytes = { (const unsigned char *)in->value, (const unsigned char *)in->value + in->value_len, false };
	const int64_t newest = snapshot_get_signed(&bytes), at = snapshot_get_signed(&bytes);
	const bool doubts = snapshot_get_varint(&bytes) == 1, is_first = w->newest == EVENTTIME_NONE;

	if (bytes.torn || bytes.p != bytes.end)
		return error_set(why, "watermark: damaged");
	if (in->partition != PARTITION_NONE)
		raise_floor(w, in->partition, at);
	if (in->partition == PARTITION_NONE) {
		w->newest = newest;
		w->at = at;
		w->doubts = doubts;
		w->is_own = true;
	} else if (!w->is_own) {
		w->newest = newest > w->newest ? newest : w->newest;
		w->at = is_first || at < w->at ? at : w->at;
	}
	return 0;
}

static void put_time(struct buf *b, const char *name, int64_t time)
{
	char text[EVENTTIME_SHOW_MAX];

	json_write_name(b, name);
	if (time == EVENTTIME_NONE) {
		buf_add_text(b, "null");
		return;
	}
	eventtime_show(time, text);
	json_write_string(b, text, strlen(text));
}

void watermark_dump(const struct watermark *w, struct buf *b)
{
	buf_add_byte(b, '{');
	put_time(b, "watermark", w->at);
	put_time(b, "newest", w->newest);
	buf_add_text(b, "}\n");
}
