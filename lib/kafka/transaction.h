/* SPDX-License-Identifier: MIT */
/*
 * transaction.h - all that a producer sends as one Kafka transaction after another.
 *
 * With each goes an offset of the consumer group of the transaction's name, on partition 0 of one topic: the epoch, with the
 * metadata "sml1 EPOCH RUN".  It becomes visible with the messages (KIP-98, KIP-447), so it says what has been committed.
 * The group never has a member.  Offsets of topics that the pipeline reads on the same cluster go with it, to this group or to one
 * that several transactions have in common, for tools that tell how far behind a group is:
 * {"k":TOPIC,"p":PARTITION,"o":"OFFSET","cluster":ID}; nobody else reads them.
 *
 * Waits in all its functions: for brokers at most a minute, but in `commit`, which the brokers may hold up for longer (a leader's
 * election); a stop asked for ends the waiting before the commit is begun, never in it.
 */
#ifndef KAFKA_TRANSACTION_H
#define KAFKA_TRANSACTION_H

#include "kafka/producer.h"
#include "stream/transaction.h"

struct loop;

struct kafka_transaction_options {
	const struct kafka_options *kafka;	/* borrowed, as brokers */
	const char *brokers;			/* of the destination's address; NULL: of the options */
	struct transaction_place at;		/* copied */
	const char *group;			/* of the topics that are read; as the transaction is called, or another.  Borrowed for the call */
	struct loop *loop;
};

/* Of a producer that was made with this name, and outlives it.  Finds the topic.  NULL: -1 or -2 in *result. */
struct transaction *kafka_transaction_new(struct producer *, const struct kafka_transaction_options *, int *result, struct error *why);

/* What is open is given up, so that its readers need not wait for it.  NULL is fine. */
void kafka_transaction_free(struct transaction *);

#endif
