/* SPDX-License-Identifier: MIT */
/*
 * watermark.h - how far event time has come: the newest time seen, less `hold`.
 *
 * It moves with the data alone, in order of arrival, and never goes back (Akidau et al., "The Dataflow model", VLDB 2015);
 * where `idle` is set also with the clock, in silence.  An event that is too far ahead is refused, and a second in a row is
 * believed.  Knows times, no records and no clock.
 */
#ifndef FEATURE_WATERMARK_H
#define FEATURE_WATERMARK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/snapshot.h"
#include "feature/timing.h"

/* Where time had been for a partition before it came to this shard, ns. */
struct watermark_floor { int32_t partition; int64_t at; };

struct watermark {
	int64_t newest;		/* event time, ns; EVENTTIME_NONE: no event yet */
	int64_t at;		/* the watermark, ns; EVENTTIME_NONE: none */
	bool doubts;		/* the last event was too far ahead */
	uint64_t late;		/* late events, of this run */
	int64_t latest;		/* and how far the latest was behind the watermark, ns */
	int64_t floor;		/* of the partition of the event at hand; EVENTTIME_NONE: it has none */
	struct watermark_floor *floors;	/* heap */
	size_t n_floors;
	bool is_own;		/* it has been restored as it was, not from others */
};

#define WATERMARK_INIT { .newest = EVENTTIME_NONE, .at = EVENTTIME_NONE, .floor = EVENTTIME_NONE }

void watermark_release(struct watermark *);

enum watermark_verdict { WATERMARK_IN_TIME, WATERMARK_LATE, WATERMARK_AHEAD };

/* What an event at hand is late against. */
static inline int64_t watermark_of_event(const struct watermark *w)
{
	return w->floor > w->at ? w->floor : w->at;
}

/* The events that follow are of this partition. */
void watermark_turn_to(struct watermark *, int32_t partition);

/* An event comes; it moves the watermark by watermark_move. */
enum watermark_verdict watermark_judge(struct watermark *, const struct timing *, int64_t time);
void watermark_move(struct watermark *, const struct timing *, int64_t time);

/* It goes forward for another reason than data. */
void watermark_advance(struct watermark *, int64_t to);

/*
 * Rows of a snapshot: its own, and the floors of partitions.  Where there are such of partitions alone, they are of shards that were
 * divided: time is then where the one was that had come least far, so that nothing of it is late, and what was late for another one
 * stays so.
 */
void watermark_save(const struct watermark *, struct snapshot_writer *);
int watermark_load(struct watermark *, const struct snapshot_reader *, struct error *why);
void watermark_dump(const struct watermark *, struct buf *);	/* a line of NDJSON */

#endif
