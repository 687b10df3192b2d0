/* SPDX-License-Identifier: MIT */
/*
 * reading.h - the consumer's parts to one another, inside kafka/ alone: consumer.c is the source, start.c where partitions begin,
 * group.c what is committed and what a group hands out, message.c what a message becomes.
 */
#ifndef KAFKA_READING_H
#define KAFKA_READING_H

#include <librdkafka/rdkafka.h>

#include "base/snapshot.h"
#include "kafka/client.h"
#include "kafka/consumer.h"
#include "kafka/offsets.h"
#include "stream/filter.h"

struct topic {
	const char *name;
	rd_kafka_topic_t *handle;
	struct partition **parts;
	int32_t n;
};

/* What a record of the batch came from. */
struct entry {
	rd_kafka_message_t *message;
	struct partition *part;
	uint32_t generation;
	bool compares;			/* the files may hold it */
	bool is_old;			/* older than where the hand-over begins, and given all the same */
};

/* Messages of which the hand-over's report has a word, and the first one. */
struct stray { uint64_t n; const struct partition *part; int64_t offset, ms; };

struct findings {
	struct stray ahead, old;	/* ahead of time, with older ones behind; from before the overlap, behind the seam */
	uint64_t n_skipped;		/* behind those ahead of time */
	uint64_t n_dropped;
};

struct consumer {
	struct source source;
	const struct consumer_options *o;
	struct kafka_brokers brokers;
	rd_kafka_t *rk;
	rd_kafka_queue_t *queue, *events;
	struct topic *topics;
	struct partition **parts;	/* all of all topics */
	size_t n_parts;
	struct arena arena;
	struct record record[BATCH_MAX];
	struct entry entry[BATCH_MAX];
	size_t n_batch;
	bool begun, has_assignment, closing;
	bool resolved, sought;		/* where partitions begin is known; by a checkpoint's position */
	bool cut;			/* a stop has ended a question to the brokers before its answer */
	bool busy;			/* the client is: a thread that nobody waits for uses it */
	size_t n_assigned, n_over;
	uint32_t generation;
	struct handover *handover;	/* NULL: none, or done with */
	int64_t watched_from_ms, watched_until_ms;	/* of messages: a record outside is not one of the files', or too old to tell */
	struct findings found, found_passed;	/* as of what has been taken, and passed */
	bool watches, by_offset;
	bool files_ahead;		/* the files hold records ahead of time, so messages that are may be theirs */
	char gap[64];
	struct consumer_counts counts;
	struct kafka_complaint complaint;
	int64_t down_since, missing_since, lag_at;	/* monotonic ns; 0: not */
	bool failed;
	struct error why;
};

/* ---- consumer.c ---- */

void consumer_tell(const struct consumer *, bool important, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* The next `next` or `alive` fails; the first reason wins.  For callbacks, which can't. */
void consumer_fail(struct consumer *, const struct error *why);

/* Where a retry can't help: under a checkpoint nobody is to try again by himself. */
void consumer_refuse(const struct consumer *);

struct partition *consumer_find(const struct consumer *, const char *topic, int32_t id);	/* NULL: not one of ours */
struct partition *consumer_find_or_new(struct consumer *, const char *topic, int32_t id);

/* Whether the loop runs and this is no callback: then it may be waited in. */
bool consumer_may_wait(const struct consumer *);

/* Nothing of the partition from offset `end` on is given. */
void consumer_finish(struct consumer *, struct partition *, int64_t end);

/* ---- start.c ---- */

/* Decides `start` of all partitions: consumer_resolve. */
int start_resolve(struct consumer *, struct handover *, struct error *why);

/* Where `start` is no more, only the user can say that it does not matter.  `whose` offset it is, for the message. */
int start_inside(const struct consumer *, struct partition *, const char *whose, struct error *why);

/* Partitions whose `start` is known, about to be assigned: asks for their range and has their messages come to the queue. */
int start_take_over(struct consumer *, struct partition *const *, size_t n, struct error *why);
void start_give_back(struct consumer *, struct partition *);
void start_finish_empty(struct consumer *);	/* those of which there is nothing to wait for */

/* Live reading begins: assigns partitions, or joins the group. */
int start_reading(struct consumer *, struct error *why);

/* ---- group.c ---- */

/* Offsets of what has been passed and written: sent off, or with the answer waited for, but not for ever.  settled: every stage
 * has sent what it was given, as is so for group_commit. */
void group_commit(struct consumer *);
int group_commit_now(struct consumer *, bool settled, struct error *why);

/* Callbacks of librdkafka. */
void group_on_commit(rd_kafka_t *, rd_kafka_resp_err_t, rd_kafka_topic_partition_list_t *, void *);
void group_on_rebalance(rd_kafka_t *, rd_kafka_resp_err_t, rd_kafka_topic_partition_list_t *, void *);

/* ---- position.c: of a checkpoint ---- */

/* The next offset of each partition, {"k":TOPIC,"p":0,"o":"5012"}; nothing where it is not known yet. */
int position_tell(struct source *, struct buf *, struct error *why);

/* Goes on there, whatever the options say of a beginning; -2: these are other topics or partitions. */
int position_seek(struct source *, const char *json, size_t n, struct error *why);

/* What the hand-over goes by, as rows of a section "topics"; false: it is done with, and nothing is written. */
bool position_save(const struct consumer *, struct snapshot_writer *);
int position_restore(struct consumer *, struct handover *, const struct snapshot_reader *, struct error *why);

/* ---- message.c ---- */

bool message_is_blank(const rd_kafka_message_t *);
void message_record(struct consumer *, struct record *, const rd_kafka_message_t *, const struct partition *, int64_t timestamp_ms);

#endif
