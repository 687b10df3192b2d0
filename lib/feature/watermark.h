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

struct watermark {
	int64_t newest;		/* event time, ns; EVENTTIME_NONE: no event yet */
	int64_t at;		/* the watermark, ns; EVENTTIME_NONE: none */
	bool doubts;		/* the last event was too far ahead */
	uint64_t late;		/* late events, of this run */
	int64_t latest;		/* and how far the latest was behind the watermark, ns */
};

#define WATERMARK_INIT { EVENTTIME_NONE, EVENTTIME_NONE, false, 0, 0 }

enum watermark_verdict { WATERMARK_IN_TIME, WATERMARK_LATE, WATERMARK_AHEAD };

/* An event comes; it moves the watermark by watermark_move. */
enum watermark_verdict watermark_judge(struct watermark *, const struct timing *, int64_t time);
void watermark_move(struct watermark *, const struct timing *, int64_t time);

/* It goes forward for another reason than data. */
void watermark_advance(struct watermark *, int64_t to);

void watermark_save(const struct watermark *, struct buf *);
void watermark_load(struct watermark *, struct snapshot_bytes *);
void watermark_dump(const struct watermark *, struct buf *);	/* a line of NDJSON */

#endif
