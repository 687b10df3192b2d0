/* SPDX-License-Identifier: MIT */
#include "sink/sink-kafka.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/eventtime.h"
#include "base/wallclock.h"
#include "kafka/producer.h"
#include "kafka/transaction.h"

#define SCHEME "kafka:"
#define FULL_WAIT_NS (50 * NS_PER_MS)	/* a report wakes the wait earlier */
#define SETTLE_MS 200
#define AHEAD_MS (30 * 60 * 1000)	/* brokers refuse what is an hour ahead of their clock, and all of its batch */

struct kafka_sink {
	struct kafka_address address;
	struct producer *producer;	/* the pool's */
	struct producer_topic *topic;
	bool returns;			/* --oversize=error */
	bool transacts;
	int64_t latest_ms;		/* the time of the last record that had one; -1: none had */
	int64_t now_ms;			/* when it was last asked for */
	struct buf key;
};

/* The broker's word on one message's size, given to the topic's sink. */
static int came_back(void *owner, const void *bytes, size_t len, const char *message, struct error *why)
{
	struct sink *s = owner;
	const struct kafka_sink *k = s->self;

	/* What a broker refuses has spoilt its transaction: it cannot become another record of the same. */
	if (!k->returns || k->transacts)
		return error_set(why, "%s: a record of %zu bytes: %s", s->dest, len, message);
	sink_return_add(s, message, bytes, len);
	return 0;
}

static struct producer *producer_for(const struct sink_options *o, const char *brokers, bool *usage, struct error *why)
{
	struct sink_pool *pool = o->pool;

	for (size_t i = 0; i < pool->n; i++)
		if (producer_serves(pool->producers[i], o->kafka, brokers))
			return pool->producers[i];
	if (pool->transaction) {
		*usage = true;
		error_set(why, "kafka: destinations on two clusters, and a transaction is of one: under a checkpoint use one");
		return NULL;
	}
	if (pool->n == SINK_PRODUCERS) {
		*usage = true;
		error_set(why, "kafka: destinations on more than %d clusters", SINK_PRODUCERS);
		return NULL;
	}
	struct producer *p = producer_new(o->kafka, brokers, NULL, came_back, usage, why);
	if (p)
		pool->producers[pool->n++] = p;
	return p;
}

bool sink_kafka_is(const char *dest)
{
	return !strncmp(dest, SCHEME, strlen(SCHEME));
}

char *sink_kafka_topic(const char *dest)
{
	struct kafka_address address;
	struct error ignored;

	if (kafka_address_parse(&address, dest + strlen(SCHEME), &ignored))
		return NULL;
	free(address.brokers);
	return address.topic;
}

int sink_kafka_transact(const char *dest, const struct sink_options *o, const struct transaction_place *at, const char *group, struct error *why)
{
	struct sink_pool *pool = o->pool;
	struct kafka_address address;
	bool usage = false;
	int result = -2;

	if (kafka_address_parse(&address, dest + strlen(SCHEME), why))
		return -2;
	struct producer *p = producer_new(o->kafka, address.brokers, at->name, came_back, &usage, why);
	if (p) {
		pool->producers[pool->n++] = p;
		pool->transaction = kafka_transaction_new(p, &(struct kafka_transaction_options){ o->kafka, address.brokers, *at, group, o->loop }, &result, why);
	} else if (!usage)
		result = -1;
	kafka_address_release(&address);
	return result;
}

static int kafka_open(struct sink *s, const char *dest, const struct sink_options *o, struct error *why)
{
	struct kafka_sink *k = alloc_zeroed(1, sizeof *k);
	bool usage = false;

	s->self = k;
	k->returns = o->oversize_is_error;
	k->transacts = o->pool->transaction != NULL;
	k->latest_ms = -1;
	if (kafka_address_parse(&k->address, dest, why))
		return -2;
	if (!(k->producer = producer_for(o, k->address.brokers, &usage, why)))
		return usage ? -2 : -1;
	if (!(k->topic = producer_topic(k->producer, k->address.topic, s, s->loop, why)))
		return producer_is_final(k->producer) ? -2 : -1;
	s->fd = producer_fd(k->producer);
	snprintf(s->leads_to, sizeof s->leads_to, "topic %s", k->address.topic);
	return 0;
}

/* A string's bytes, the canonical text of anything else; none for a missing member. */
static const void *key_of(struct kafka_sink *k, struct value v, size_t *len)
{
	*len = v.len;
	if (value_is_null(v))
		return NULL;
	if (v.type == VALUE_STRING)
		return v.text;
	buf_clear(&k->key);
	value_show(v, &k->key);
	*len = k->key.len;
	return k->key.data;
}

/*
 * A message's time.  A record without one goes with the one before it: "now" would stand far ahead of history, and mislead who
 * looks up times.  So does one whose time lies ahead of the clock.  -1: now.
 */
static int64_t stamp(struct sink *s, int64_t event_time)
{
	struct kafka_sink *k = s->self;

	if (event_time == EVENTTIME_NONE)
		return k->latest_ms;
	const int64_t ms = eventtime_floor(event_time, NS_PER_MS, 0) / NS_PER_MS;
	if (ms > k->now_ms + AHEAD_MS)
		k->now_ms = wallclock_now() / NS_PER_MS;
	if (ms > k->now_ms + AHEAD_MS)
		s->ahead++;
	else
		k->latest_ms = ms < 1 ? 1 : ms;		/* what is earlier is no time to Kafka */
	return k->latest_ms;
}

static int failed(struct sink *s)
{
	const struct kafka_sink *k = s->self;

	if (producer_is_final(k->producer))
		s->loop->verdict = EXIT_USAGE;
	return -1;
}

static int kafka_put(struct sink *s, const struct parcel *p, struct error *why)
{
	struct kafka_sink *k = s->self;
	size_t key_len;
	const void *key = key_of(k, p->key, &key_len);
	const int64_t ms = stamp(s, p->event_time);

	for (;;) {
		const int answer = producer_send(k->producer, k->topic, key, key_len, p->line, p->len, ms, why);
		if (answer == PRODUCER_SENT)
			return 0;
		if (answer == PRODUCER_TOO_LARGE && k->returns) {
			sink_return_add(s, why->text, p->line, p->len);
			return 0;
		}
		if (answer != PRODUCER_FULL)
			return failed(s);
		/* Backpressure: its reports are taken in the wait, by flush. */
		if (loop_wait(s->loop, &(struct wait_for){ .fd = s->fd }, wallclock_monotonic() + FULL_WAIT_NS, why))
			return -1;
	}
}

static int kafka_flush(struct sink *s, struct error *why)
{
	struct kafka_sink *k = s->self;

	return k && k->topic && producer_poll(k->producer, why) ? failed(s) : 0;
}

static int kafka_settle(struct sink *s, struct error *why)
{
	struct kafka_sink *k = s->self;
	int left;

	while ((left = producer_flush(k->producer, SETTLE_MS, why)) > 0)
		if (loop_wait(s->loop, &(struct wait_for){0}, 0, why))
			return -1;
	return left ? failed(s) : 0;
}

static int kafka_close(struct sink *s, bool clean, struct error *why)
{
	struct kafka_sink *k = s->self;
	const int result = clean ? kafka_settle(s, why) : 0;

	kafka_address_release(&k->address);
	buf_release(&k->key);
	free(k);
	return result;
}

const struct sink_kind sink_kafka = {
	.scheme = SCHEME, .help = "kafka:TOPIC, kafka://HOST:PORT/TOPIC: idempotent, acknowledged by all replicas",
	.open = kafka_open, .put = kafka_put, .flush = kafka_flush, .settle = kafka_settle, .close = kafka_close,
	.wants_time = true, .wants_key = true,
};
