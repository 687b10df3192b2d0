/* SPDX-License-Identifier: MIT */
/*
 * kafka.h - what consumer and producer share: where the brokers are, properties, names of topics, the broker's words.
 *
 * kafka/ alone includes rdkafka.h.  Knows no records.
 */
#ifndef KAFKA_KAFKA_H
#define KAFKA_KAFKA_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/error.h"

#define KAFKA_DEFAULT_BROKERS "localhost:19092"
#define KAFKA_CONNECT_MS 6000		/* how long the first answer of a broker is waited for */

/* As the options -b, -F and -X give it; borrowed for the life of the client. */
struct kafka_options {
	const char *brokers;			/* -b; NULL: $KAFKA_BOOTSTRAP_SERVERS, else the default */
	const char *config_file;		/* -F: lines "name=value", '#' begins a comment; NULL: none */
	const char *const *properties;		/* -X: "name=value", over those of the file */
	size_t n_properties;
};

/* Of an operand or destination: TOPIC, //HOST:PORT,HOST:PORT/TOPIC. */
struct kafka_address {
	char *brokers;				/* NULL: as the options say */
	char *topic;
};

/* `text` is what follows "kafka:".  0; -1: no topic, or a name that Kafka does not allow.  kafka_address_release frees. */
int kafka_address_parse(struct kafka_address *, const char *text, struct error *why);
void kafka_address_release(struct kafka_address *);

/* "librdkafka 2.0.2" LF: for command.h's parts. */
void kafka_parts(struct buf *);

#endif
