/* SPDX-License-Identifier: MIT */
/*
 * consumer.h - topics as a source.
 *
 * Knows brokers, partitions, offsets and groups; of records no more than their bytes.  Never waits in `next`, but for two things
 * that are bounded: asking the brokers for offsets when live reading begins (a stop ends that), and when partitions are handed out.
 *
 * While its reader is blocked, `alive` serves the group and nothing is taken: what has been fetched waits in a queue
 * of QUEUE_KBYTES at most, so a membership outlives any wait.
 *
 * In a group, offsets are committed of records that have been passed (consumer_passed) and written: when consumer_commit
 * asks, when a partition is taken away, and at a clean end.
 */
#ifndef KAFKA_CONSUMER_H
#define KAFKA_CONSUMER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "json/fields.h"
#include "kafka/handover.h"
#include "kafka/kafka.h"
#include "stream/intake.h"
#include "stream/source.h"

struct loop;
struct consumer;

enum consumer_from {
	CONSUMER_BEGINNING,
	CONSUMER_END,
	CONSUMER_STORED,	/* the group's; where it has none: the end, or what auto.offset.reset says */
	CONSUMER_HANDOVER,	/* where the files end */
	CONSUMER_OFFSET,	/* n */
	CONSUMER_LAST,		/* the last n of each partition */
	CONSUMER_TIME,		/* the first of time_ms or later */
};

struct consumer_options {
	struct kafka_options kafka;
	const char *brokers;			/* of the operands' address; NULL: of the options */
	const char *const *topics;
	size_t n_topics;
	const char *group;			/* NULL: none */
	const int32_t *partitions;		/* NULL: all, and in a group those that it hands out */
	size_t n_partitions;
	unsigned shard, shards;			/* those whose number mod `shards` is `shard` alone, and records tell theirs; shards 0: all */
	enum consumer_from from;
	bool from_given;			/* by -o: holds even where the group has stored something */
	int64_t n, time_ms;
	int64_t until_ms;			/* a message of that time or later ends its partition; INT64_MAX: none does */
	bool exits;				/* at the end offsets as they are when live reading begins */
	bool allows_gap;
	bool wants_origin;
	bool checkpointed;			/* its position is a checkpoint's: what cannot be read on from there is refused (status 2) */
	const struct fields *fields;
	struct intake intake;
	struct loop *loop;			/* whose outputs have to be empty before a commit */
	void (*tell)(void *self, bool important, const char *text);	/* a line for people */
	void *self;
};

/* Properties alone, before anything is connected to: librdkafka's words, or that one is not to be set. */
int consumer_check(const struct consumer_options *, struct error *why);

/* Connects and finds the topics: waits KAFKA_CONNECT_MS at most.  Options are borrowed for the consumer's life. */
struct consumer *consumer_new(const struct consumer_options *, struct error *why);

/* As a source; its close ends the consumer. */
struct source *consumer_source(struct consumer *);

/* Whether the group has stored an offset of any partition.  1, 0 or -1. */
int consumer_stored(struct consumer *, struct error *why);

void consumer_expect(const struct consumer *, struct handover *);	/* handover_expect of all topics */

/*
 * Decides where each partition begins.  CONSUMER_HANDOVER: by the hand-over, which is borrowed for the consumer's life; a
 * topic that no longer reaches back is a failure unless a gap is allowed.
 */
int consumer_resolve(struct consumer *, struct handover *, struct error *why);

/* Whether live reading has begun, and whether it is known where each partition begins (resolved, or sought). */
bool consumer_has_begun(const struct consumer *);
bool consumer_is_resolved(const struct consumer *);

/* Whether a stop has ended a question to the brokers before its answer: what has failed for it is no failure. */
bool consumer_was_cut(const struct consumer *);

/* ---- of the batch that the source has given last ---- */

/* Whether record i is one that the files held: then it goes no further. */
bool consumer_drops(struct consumer *, size_t i, const char *line, size_t len);

/* The first n records of the batch have been passed on (or dropped). */
void consumer_passed(struct consumer *, size_t n);

/* Record i and what comes after it in its partition are not wanted (--until). */
void consumer_end_partition(struct consumer *, size_t i);
bool consumer_ended(const struct consumer *, size_t i);		/* whether record i is one of those */

/* ---- offsets ---- */

/* Of what has been passed, once loop_settle has seen it out.  Not waiting: failures are told.  Waiting: the last one, 0 or -1. */
void consumer_commit(struct consumer *);
int consumer_commit_last(struct consumer *, struct error *why);

/* Leaves the group and the brokers, at once and without a commit; only its close may follow.  For an end that comes without one:
 * a member that just disappears keeps its partitions from the others until its session has run out. */
void consumer_leave(struct consumer *);

/* ---- under a checkpoint ---- */

/*
 * What the hand-over goes by until the overlap has passed, beside the offsets that the source tells: sections of a snapshot, "topics"
 * and "held"; false: there is nothing.  A row of these restores it, into a hand-over that has read nothing and is borrowed
 * from then on; after the seek.
 */
struct snapshot_writer;
struct snapshot_reader;
bool consumer_save(const struct consumer *, struct snapshot_writer *);
int consumer_restore(struct consumer *, struct handover *, const struct snapshot_reader *, struct error *why);

/* ---- what to say ---- */

struct consumer_counts { uint64_t records, tombstones, blanks, duplicates, commits; };
struct consumer_counts consumer_counts(const struct consumer *);

/* "hand-over: gap 0 s, 17 duplicates suppressed", and what came with a wrong time, once the overlap has been passed in all partitions, or with at_end whatever
 * is left; once.  False: not now. */
bool consumer_report(struct consumer *, bool at_end, struct buf *);

#endif
