/* SPDX-License-Identifier: MIT */
/*
 * seam.h - where in a partition the files end, although messages may have wrong timestamps; inside kafka/ alone.
 *
 * A broker looks up the first message of a time or later, and one message that is ahead of time (a producer's clock) stands
 * far before the one that is meant.  Read from there, the topic would give once more what the files hold.  So a few messages
 * are looked at before anything is sent.  Nothing is skipped for its time alone: what is skipped stands in its partition
 * before a message that the files' end holds.
 */
#ifndef KAFKA_SEAM_H
#define KAFKA_SEAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "kafka/handover.h"

struct rd_kafka_s;
struct partition;

#define GLIMPSE_MAX 16

/* The first messages of a partition from an offset on. */
struct glimpse {
	const struct partition *part;
	int64_t from;
	size_t n;		/* fewer than were asked for: there are no more */
	bool over;
	struct { int64_t offset, ms; bool held; } seen[GLIMPSE_MAX];	/* ms -1: no time.  held: see seam_look */
};

/*
 * Reads up to `want` messages behind `from` of each; the client must have nothing assigned.  Waits KAFKA_CONNECT_MS at most.
 * `held`, where there is a hand-over: the files' end holds it, and it is of that time.
 */
int seam_look(struct rd_kafka_s *, struct glimpse *, size_t n, size_t want, struct handover *, struct error *why);

/* How many of them are of this time or later; what has no time counts. */
size_t seam_count_from(const struct glimpse *, int64_t ms);

/*
 * Where `start` has been found by time: sets skip_before_ms and skip_to of partitions in which a message ahead of time stands
 * before older ones that the files hold.
 */
int seam_find(struct rd_kafka_s *, struct partition *const *, size_t n, struct handover *, struct error *why);

#endif
