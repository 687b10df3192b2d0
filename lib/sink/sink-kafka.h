/* SPDX-License-Identifier: MIT */
/* sink-kafka.h - a topic: kafka:TOPIC, kafka://host:port,host:port/TOPIC; idempotent, acknowledged by all replicas. */
#ifndef SINK_SINK_KAFKA_H
#define SINK_SINK_KAFKA_H

#include "sink/sink.h"

extern const struct sink_kind sink_kafka;

bool sink_kafka_is(const char *dest);

/* The topic that such a destination names, to be freed; NULL: it is no name of one. */
char *sink_kafka_topic(const char *dest);

/*
 * Before any sink is opened: what goes to topics will be of one transaction, on the cluster of this destination, whose points stand
 * where it says; offsets of topics that are read go to the group.  0, -1, -2: usage.
 */
int sink_kafka_transact(const char *dest, const struct sink_options *, const struct transaction_place *, const char *group, struct error *why);

#endif
