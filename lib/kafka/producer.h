/* SPDX-License-Identifier: MIT */
/*
 * producer.h - messages to topics: sent in order, acknowledged by all replicas, or reported as failed.
 *
 * One producer serves all topics of one list of brokers.  Idempotent (enable.idempotence, acks=all): a retry after a broken
 * connection neither doubles nor reorders.  Keys find their partition as with the Java client (murmur2_random).
 * Nothing here waits but producer_new, producer_topic (both bounded by KAFKA_CONNECT_MS) and producer_flush.
 * Delivery reports are taken in producer_poll and producer_flush, and nowhere else.
 * A failed delivery is sticky: from then on producer_poll, producer_flush and producer_send fail.
 */
#ifndef KAFKA_PRODUCER_H
#define KAFKA_PRODUCER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "kafka/kafka.h"

struct producer;
struct producer_topic;
struct loop;

enum {
	PRODUCER_FAILED = -1,		/* with `why` */
	PRODUCER_SENT = 0,		/* queued: the report comes later */
	PRODUCER_FULL = 1,		/* no room: wait for producer_fd, poll, try again */
	PRODUCER_TOO_LARGE = 2,		/* over message.max.bytes, with `why`; nothing was queued, nothing else is wrong */
};

/*
 * A message that was queued and that the broker then refused as too large, with the broker's words.  Called from producer_poll and
 * producer_flush; `owner` is the topic's.  0: seen to; -1 with `why`: the producer has failed.
 */
typedef int producer_too_large(void *owner, const void *bytes, size_t len, const char *message, struct error *why);

/*
 * `brokers` is that of the destination's address, NULL: of the options.  NULL: a property that librdkafka does not take, with
 * its words, or an unreadable -F file; *usage says that a retry can't help (exit 2).
 * `too_large` NULL: such a report is a failure as any other.  `transaction`: the name of one that what is sent belongs to
 * (transaction.h); NULL: none.
 */
struct producer *producer_new(const struct kafka_options *, const char *brokers, const char *transaction, producer_too_large *too_large,
    bool *usage, struct error *why);

/* Whether the producer serves these brokers (as producer_new takes them): then the topic can be one of its own. */
bool producer_serves(const struct producer *, const struct kafka_options *, const char *brokers);

/* A topic by name, the same handle for the same name and owner.  NULL: no broker answers (which address, and where it
 * came from), a stop was asked for meanwhile, or there is no such topic: none is created.  Belongs to the producer. */
struct producer_topic *producer_topic(struct producer *, const char *name, void *owner, struct loop *, struct error *why);

/* Copies key and bytes.  `key` NULL: none, any partition.  timestamp_ms <= 0: now.  One of the values above. */
int producer_send(struct producer *, struct producer_topic *, const void *key, size_t key_len, const void *bytes, size_t len,
    int64_t timestamp_ms, struct error *why);

/* Takes the reports that are there.  0 or -1: "kafka:alerts: a message of 812 bytes was not delivered: Local: Message timed out". */
int producer_poll(struct producer *, struct error *why);

/* Waits until all is delivered, at most so long.  0 all is, 1 not yet, -1 failed. */
int producer_flush(struct producer *, int timeout_ms, struct error *why);

/* Whether it has failed so that a retry cannot help. */
bool producer_is_final(const struct producer *);

/* Readable when there are reports for producer_poll. */
int producer_fd(const struct producer *);

/* Drops what has not been delivered.  NULL is fine. */
void producer_free(struct producer *);

#endif
