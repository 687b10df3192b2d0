/* SPDX-License-Identifier: MIT */
/*
 * sending.h - the producer's parts to one another, inside kafka/ alone: producer.c sends, transaction.c commits what was sent.
 */
#ifndef KAFKA_SENDING_H
#define KAFKA_SENDING_H

#include <librdkafka/rdkafka.h>

#include "kafka/client.h"
#include "kafka/producer.h"

struct producer {
	rd_kafka_t *rk;
	rd_kafka_queue_t *queue;
	const struct kafka_options *options;
	char *address;			/* brokers, owned */
	struct kafka_brokers brokers;
	producer_too_large *too_large;
	struct producer_topic *topics;
	struct kafka_complaint complaint;
	bool failed;
	bool is_final;			/* ... and a retry cannot help */
	struct error why;
	int fd;
	bool transacts;
	int64_t open_since;		/* monotonic ns: the transaction's first message; 0: there is none */
};

/* From now on it fails; the first reason wins. */
void producer_fail(struct producer *, bool is_final, const struct error *why);

/* What has ended the client for good, in words; a transaction that was fenced off is explained by its age.  Whether a retry cannot help. */
bool producer_explain_fatal(const struct producer *, struct error *why);

#endif
