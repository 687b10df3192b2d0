/* SPDX-License-Identifier: MIT */
#include "feature/watermark.h"

#include <string.h>

#include "base/eventtime.h"
#include "json/write.h"

enum watermark_verdict watermark_judge(struct watermark *w, const struct timing *t, int64_t time)
{
	if (t->ahead && w->newest != EVENTTIME_NONE && time > eventtime_plus(w->newest, t->ahead) && !w->doubts) {
		w->doubts = true;
		return WATERMARK_AHEAD;
	}
	w->doubts = false;
	/* Held events leave in order: one behind the watermark is behind what has left. */
	if (w->at == EVENTTIME_NONE || time >= eventtime_minus(w->at, t->hold ? 0 : t->late))
		return WATERMARK_IN_TIME;
	w->late++;
	if (eventtime_minus(w->at, time) > w->latest)
		w->latest = eventtime_minus(w->at, time);
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

void watermark_save(const struct watermark *w, struct buf *b)
{
	snapshot_put_signed(b, w->newest);
	snapshot_put_signed(b, w->at);
	snapshot_put_varint(b, w->doubts);
}

void watermark_load(struct watermark *w, struct snapshot_bytes *in)
{
	w->newest = snapshot_get_signed(in);
	w->at = snapshot_get_signed(in);
	w->doubts = snapshot_get_varint(in) == 1;
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
