/* SPDX-License-Identifier: MIT */
/*
 * timing.h - what a spec says about event time: how late and how early an event may be, how long things wait and last.
 *
 * All durations are ns; 0: the directive is not there.
 */
#ifndef FEATURE_TIMING_H
#define FEATURE_TIMING_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum late_policy { LATE_UPDATE, LATE_DROP, LATE_ERROR };

struct timing {
	int64_t late;		/* behind the watermark without being late */
	enum late_policy policy;
	int64_t hold;		/* how long events wait for those before them */
	int64_t ahead;		/* beyond the newest without being doubted */
	int64_t idle;		/* silence after which the watermark goes with the clock */
	int64_t ttl;		/* behind the watermark, after which a key's state goes */
	int64_t every;		/* `emit windows every 10s`, of event time */
	uint64_t every_events;	/* `emit windows every 100 events` */
};

/* What stands behind one of the words late, hold, ahead, idle, ttl.  0; -1: wrong at byte *at of the text. */
int timing_read(struct timing *, const char *word, const char *text, size_t len, size_t *at, struct error *why);

/* What stands behind `emit windows`: nothing, "every 10s" or "every 100 events". */
int timing_read_trigger(struct timing *, const char *text, size_t len, size_t *at, struct error *why);

#endif
