/* SPDX-License-Identifier: MIT */
/*
 * client.h - from options to a client of librdkafka, inside kafka/ alone.
 *
 * Names librdkafka's structures and includes nothing of it.
 */
#ifndef KAFKA_CLIENT_H
#define KAFKA_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "kafka/kafka.h"

struct rd_kafka_s;
struct rd_kafka_conf_s;
struct rd_kafka_topic_s;
struct loop;

/* Which brokers, and for errors who said so, and the list as long as is good to read. */
struct kafka_brokers { const char *list, *from; char shown[128]; };

/* `brokers`: of an address; NULL: as the options say. */
struct kafka_brokers kafka_brokers_of(const struct kafka_options *, const char *brokers);

/* A property and its value.  `fixed`: why it is not the user's to set; NULL: it is. */
struct kafka_property { const char *name, *value, *fixed; bool may_be_unknown; };

/*
 * The tool's properties (ended by a NULL name), over them the file's and the options'.  NULL with a sentence: librdkafka's words, or an unreadable file.
 */
struct rd_kafka_conf_s *kafka_conf(const struct kafka_options *, struct kafka_brokers, const struct kafka_property *,
    struct error *why);

/* Takes the configuration over.  NULL: properties that do not go together, in librdkafka's words. */
struct rd_kafka_s *kafka_client(bool produces, struct rd_kafka_conf_s *, struct error *why);

/* Whether it is a no that stays one: a wrong password, what the user may not do, what the brokers cannot. */
bool kafka_is_refusal(int code);

/* Behind a sentence the right that is missing, of a topic `of_topic`; else "". */
#define KAFKA_READ " (the user needs Read on the topic)"
#define KAFKA_WRITE " (the user needs Write on the topic)"
const char *kafka_missing_right(int code, const char *of_topic);

/* What a client has last said was wrong, in its error callback; len 0: nothing. */
struct kafka_complaint { struct buf text; bool is_refusal; };

void kafka_complain(struct kafka_complaint *, int code, const char *text);

/*
 * A topic that exists, and how many partitions it has; waits KAFKA_CONNECT_MS for a broker that answers, for one that refuses
 * less.  None is created, unless allow.auto.create.topics says so.  The complaint is its client's; is_refusal is set by the answer on
 * the topic, too.
 * The loop, where the caller runs in its thread, lets signals in: a stop ends the wait; else NULL.
 * NULL: no broker answers, there is no such topic, or it may not be seen; or a stop was asked for.
 */
struct rd_kafka_topic_s *kafka_topic_find(struct rd_kafka_s *, const char *name, struct kafka_brokers, struct loop *,
    struct kafka_complaint *, int32_t *partitions, struct error *why);

#endif
