/* SPDX-License-Identifier: MIT */
/* sink-kafka.h - a topic: kafka:TOPIC, kafka://host:port,host:port/TOPIC; idempotent, acknowledged by all replicas. */
#ifndef SINK_SINK_KAFKA_H
#define SINK_SINK_KAFKA_H

#include "sink/sink.h"

extern const struct sink_kind sink_kafka;

#endif
