/* SPDX-License-Identifier: MIT */
/*
 * offsets.h - where partitions begin and end: questions to the brokers, inside kafka/ alone.
 *
 * Each question waits, KAFKA_CONNECT_MS at most, and fails with a sentence that names the topic; where a stop cuts the wait short the
 * consumer is `cut`.
 */
#ifndef KAFKA_OFFSETS_H
#define KAFKA_OFFSETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "kafka/handover.h"

struct rd_kafka_s;

#define OFFSETS_NONE INT64_C(-1)

/* What the hand-over makes of a partition's messages, as far as they have come. */
struct watching {
	int64_t skip_before_ms;		/* what is older is skipped, from `start` on; INT64_MIN: nothing is */
	bool watched, compares;
	/* messages that may be ahead of time, which shows when older ones follow: how many, and the first one */
	bool was_ahead;			/* one of them was */
	uint64_t n_ahead;
	int64_t ahead_offset, ahead_ms;
};

struct partition {
	const char *topic;
	int32_t id;
	char *place;			/* "kafka:topic[3]" */
	int64_t low, high;		/* first offset, and the one behind the last, when last asked */
	int64_t stored;			/* the group's; OFFSETS_NONE */
	int64_t start;
	int64_t skip_to;		/* what is skipped is, as far as this offset; OFFSETS_NONE: until a message is of that time or later */
	bool is_new;			/* has come since the topic was first seen */
	bool restored;			/* `start` and what is watched are a checkpoint's */
	/* while it is read, see consumer.c */
	bool assigned, started, over;
	bool resumes;			/* goes on at `taken`, as if it had never been away */
	int64_t taken, passed, written, committed, end, watched_to;
	struct watching watch, watch_passed;	/* as of `taken`, and as of `passed` */
	uint32_t generation;
	struct rd_kafka_queue_s *queue;
};

/* Sets low and high. */
int offsets_range(struct rd_kafka_s *, struct partition *const *, size_t n, struct error *why);

/* The first offset with that time or a later one; OFFSETS_NONE: there is none, or the broker can't tell. */
int offsets_at(struct rd_kafka_s *, struct partition *const *, size_t n, int64_t ms, int64_t *offsets, struct error *why);

/* Sets stored. */
int offsets_stored(struct rd_kafka_s *, struct partition *const *, size_t n, struct error *why);

/* `start` at that time: by asking, or, where the broker can't tell, from the beginning and skipping.  low and high are set. */
int offsets_start_at(struct rd_kafka_s *, struct partition *const *, size_t n, int64_t ms, struct error *why);

/*
 * `start` where the files end, and what is to be skipped from there.  *gap: the time between them and the first message, or of offsets, "3600 s" or "20 messages";
 * empty: there is none.  -1 also for a gap that is not allowed, naming it and the ways on.
 */
int offsets_hand_over(struct rd_kafka_s *, struct partition *const *, size_t n, struct handover *, bool allows_gap,
    char gap[64], struct error *why);

/* A message's time in ns; one that is beyond them is the last one. */
int64_t offsets_ns(int64_t ms);

/* "kafka:purchases[0]: offset 120 is gone: ...": for a start below `low` or above `high`. */
int offsets_outside(const struct partition *, int64_t offset, const char *whose, struct error *why);

#endif
