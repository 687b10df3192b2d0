/* SPDX-License-Identifier: MIT */
/*
 * A failed transaction says no more than that its state is wrong: the cause is the producer's, in its first failed delivery or its
 * fatal error.  Nothing is aborted to go on: what cannot be retried ends the process.
 */
#include "kafka/transaction.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/number.h"
#include "base/value.h"
#include "base/wallclock.h"
#include "json/parse.h"
#include "kafka/sending.h"
#include "stream/filter.h"

#define STEP_MS 500			/* so long a stop may have to wait */
#define PATIENCE_NS (60 * NS_PER_S)
#define ABORT_MS 2000
#define POINT "sml1 "

struct kafka_transaction {
	struct transaction base;
	struct producer *producer;
	struct kafka_transaction_options o;
	rd_kafka_consumer_group_metadata_t *group, *places;	/* places: of the topics that are read; NULL: the same */
	char *cluster;			/* its id; NULL: it has none */
	bool is_begun;
};

/* ---- errors ---- */

static int failed(const struct kafka_transaction *t, const char *what, rd_kafka_resp_err_t code, const char *words, struct error *why)
{
	struct producer *p = t->producer;

	rd_kafka_poll(p->rk, 0);
	if (p->failed) {
		error_set(why, "%s", p->why.text);
		return p->is_final ? -2 : -1;
	}
	if (rd_kafka_fatal_error(p->rk, NULL, 0))
		return producer_explain_fatal(p, why) ? -2 : -1;
	error_set(why, "Kafka at %s: %s: %s: %s%s", p->brokers.shown, t->base.at.name, what, words, kafka_missing_right(code, KAFKA_READ));
	return kafka_is_refusal(code) ? -2 : -1;
}

/* 0: it was done; 1: again; -1, -2. */
static int answer(const struct kafka_transaction *t, const char *what, rd_kafka_error_t *e, struct error *why)
{
	int result = 1;

	if (!e)
		return 0;
	if (!rd_kafka_error_is_retriable(e) || t->producer->failed)
		result = failed(t, what, rd_kafka_error_code(e), rd_kafka_error_string(e), why);
	rd_kafka_error_destroy(e);
	return result;
}

/* Whether another try is due; else why not. */
static bool may_go_on(const struct kafka_transaction *t, const char *what, int64_t until, struct error *why)
{
	const struct buf *reason = &t->producer->complaint.text;

	if (loop_look(t->o.loop))
		error_set(why, "Kafka at %s: stopped while %s", t->producer->brokers.shown, what);
	else if (wallclock_monotonic() >= until)
		error_set(why, "Kafka at %s: no answer in a minute while %s%s%.*s", t->producer->brokers.shown, what, reason->len ? ": " : "",
		    (int)reason->len, reason->len ? reason->data : "");
	else
		return true;
	return false;
}

/* ---- what has been committed ---- */

static int read_point(const struct kafka_transaction *t, const rd_kafka_topic_partition_t *slot, struct commit_point *at, struct error *why)
{
	char text[64] = "";
	uint64_t epoch;
	int end = 0;

	*at = (struct commit_point){0};
	if (slot->offset < 0)
		return 0;
	if (slot->metadata_size < sizeof text)
		memcpy(text, slot->metadata_size ? slot->metadata : "", slot->metadata_size);	/* not terminated there */
	if (sscanf(text, POINT "%" SCNu64 " %16[0-9a-f]%n", &epoch, at->run, &end) == 2 && !text[end] && epoch == (uint64_t)slot->offset) {
		at->epoch = epoch;
		return 0;
	}
	error_set(why, "group %s has an offset on kafka:%s[0] that is none of a checkpoint: another program commits for this group "
	    "(--pipeline gives this one a name of its own)", t->base.at.name, t->base.at.topic);
	return -2;
}

static rd_kafka_t *group_client(const struct kafka_transaction *t, bool stable, struct error *why)
{
	const struct kafka_property own[] = {
		{ "client.id", "sml-route", NULL, false },
		{ "group.id", t->base.at.name, "--pipeline is", false },
		{ "enable.auto.commit", "false", NULL, false },
		/* Committed: an offset of a transaction that is being ended is waited for. */
		{ "isolation.level", stable ? "read_committed" : "read_uncommitted", NULL, false },
		{ "socket.nagle.disable", "true", NULL, false },
		{ "log.connection.close", "false", NULL, false },
		{ 0 }
	};
	/* A producer's properties are none of a consumer's: librdkafka takes them and says so in its log alone. */
	rd_kafka_conf_t *conf = kafka_conf(t->o.kafka, t->producer->brokers, own, why);
	rd_kafka_t *rk = conf ? kafka_client(false, conf, why) : NULL;

	if (rk)
		rd_kafka_poll_set_consumer(rk);
	return rk;
}

static int ask(const struct kafka_transaction *t, rd_kafka_t *rk, struct commit_point *at, struct error *why)
{
	const int64_t until = wallclock_monotonic() + PATIENCE_NS;
	rd_kafka_topic_partition_list_t *slot = rd_kafka_topic_partition_list_new(1);
	int result = 1;

	rd_kafka_topic_partition_list_add(slot, t->base.at.topic, 0);
	while (result == 1) {
		rd_kafka_message_t *event = rd_kafka_consumer_poll(rk, 0);
		rd_kafka_resp_err_t e = rd_kafka_committed(rk, slot, STEP_MS);
		if (!e)
			e = slot->elems[0].err;
		if (event) {
			if (kafka_is_refusal(event->err))
				e = event->err;
			rd_kafka_message_destroy(event);
		}
		if (!e)
			result = read_point(t, &slot->elems[0], at, why);
		else if (kafka_is_refusal(e)) {
			error_set(why, "Kafka at %s: %s: %s%s", t->producer->brokers.shown, t->base.at.name, rd_kafka_err2str(e),
			    kafka_missing_right(e, KAFKA_READ));
			result = -2;
		} else if (!may_go_on(t, "the group's offset was asked for", until, why))
			result = -1;
	}
	rd_kafka_topic_partition_list_destroy(slot);
	return result;
}

static int read_committed(const struct kafka_transaction *t, bool stable, struct commit_point *at, struct error *why)
{
	rd_kafka_t *rk = group_client(t, stable, why);
	const int result = rk ? ask(t, rk, at, why) : -2;

	if (rk)
		rd_kafka_destroy(rk);
	return result;
}

static int kafka_transaction_look(struct transaction *base, struct commit_point *at, struct error *why)
{
	return read_committed((struct kafka_transaction *)base, false, at, why);
}

/* ---- the transactions ---- */

static int begin(struct kafka_transaction *t, struct error *why)
{
	const int result = answer(t, "a transaction was begun", rd_kafka_begin_transaction(t->producer->rk), why);

	t->is_begun = !result;
	return result;
}

static int kafka_transaction_fence(struct transaction *base, struct commit_point *at, struct error *why)
{
	struct kafka_transaction *t = (struct kafka_transaction *)base;
	const int64_t until = wallclock_monotonic() + PATIENCE_NS;
	int result;

	while ((result = answer(t, "transactions were begun", rd_kafka_init_transactions(t->producer->rk, STEP_MS), why)) == 1) {
		rd_kafka_poll(t->producer->rk, 0);
		if (!may_go_on(t, "transactions were begun", until, why))
			return -1;
	}
	if (!result)
		result = read_committed(t, true, at, why);
	return result ? result : begin(t, why);
}

static void add_offset(rd_kafka_topic_partition_list_t *list, const char *topic, int32_t partition, int64_t offset, const struct commit_point *at)
{
	rd_kafka_topic_partition_t *p = rd_kafka_topic_partition_list_add(list, topic, partition);
	char *text = alloc_format(POINT "%" PRIu64 " %s", at->epoch, at->run);

	p->offset = offset;
	p->metadata = text;		/* the list's now */
	p->metadata_size = strlen(text);
}

static bool is_ours(const struct kafka_transaction *t, struct value cluster)
{
	return cluster.type == VALUE_STRING && cluster.len == strlen(t->cluster) && !memcmp(cluster.text, t->cluster, cluster.len);
}

/* Of the topics that are read, where they are on this cluster; but not in place of the point. */
static void add_places(const struct kafka_transaction *t, rd_kafka_topic_partition_list_t *list, const struct commit_point *at, const char *src,
    size_t len)
{
	struct arena arena = ARENA_INIT;
	struct error ignored;
	struct value all;
	int64_t next;

	if (t->cluster && !json_document(&arena, src, len, &all, &ignored)) {
		all = json_items(all, &arena);
		for (uint32_t i = 0; all.type == VALUE_ARRAY && i < all.len; i++) {
			const struct value name = json_get(all.items[i], "k", &arena), id = json_get(all.items[i], "p", &arena),
				offset = json_get(all.items[i], "o", &arena), cluster = json_get(all.items[i], "cluster", &arena);
			if (name.type != VALUE_STRING || id.type != VALUE_INTEGER || offset.type != VALUE_STRING || !is_ours(t, cluster))
				continue;
			const char *topic = arena_copy(&arena, name.text, name.len);
			if (!number_parse_integer(arena_copy(&arena, offset.text, offset.len), &next, &ignored) &&
			    (t->places || id.integer || strcmp(topic, t->base.at.topic)))
				add_offset(list, topic, (int32_t)id.integer, next, at);
		}
	}
	arena_release(&arena);
}

static int send_list(struct kafka_transaction *t, rd_kafka_topic_partition_list_t *list, rd_kafka_consumer_group_metadata_t *group,
    struct error *why)
{
	int result = 0;

	while (list->cnt && (result = answer(t, "a commit was named", rd_kafka_send_offsets_to_transaction(t->producer->rk, list, group, STEP_MS),
	    why)) == 1)
		loop_look(t->o.loop);
	rd_kafka_topic_partition_list_destroy(list);
	return result;
}

static int send_offsets(struct kafka_transaction *t, const struct commit_point *at, const char *src, size_t len, struct error *why)
{
	rd_kafka_topic_partition_list_t *slot = rd_kafka_topic_partition_list_new(1),
		*places = t->places ? rd_kafka_topic_partition_list_new(1) : slot;

	add_offset(slot, t->base.at.topic, 0, (int64_t)at->epoch, at);
	add_places(t, places, at, src, len);
	const int result = send_list(t, slot, t->group, why);
	if (places == slot)
		return result;
	if (!result)
		return send_list(t, places, t->places, why);
	rd_kafka_topic_partition_list_destroy(places);
	return result;
}

static int kafka_transaction_commit(struct transaction *base, const struct commit_point *at, const char *src, size_t len, struct error *why)
{
	struct kafka_transaction *t = (struct kafka_transaction *)base;
	int result = send_offsets(t, at, src, len, why);
	struct error later;

	if (result)
		return result;
	while ((result = answer(t, "a transaction was committed", rd_kafka_commit_transaction(t->producer->rk, STEP_MS), why)) == 1)
		loop_look(t->o.loop);	/* a second signal ends the process */
	if (result)
		return result;
	t->producer->open_since = 0;
	/* What fails from here on is the next one's failure: this is committed. */
	rd_kafka_poll(t->producer->rk, 0);
	if (!t->producer->failed && (result = begin(t, &later)))
		producer_fail(t->producer, result == -2, &later);
	return 0;
}

/* ---- life ---- */

struct transaction *kafka_transaction_new(struct producer *p, const struct kafka_transaction_options *o, int *result, struct error *why)
{
	struct kafka_transaction *t = alloc_zeroed(1, sizeof *t);

	t->base = (struct transaction){ { alloc_text(o->at.name), alloc_text(o->at.topic) }, kafka_transaction_look, kafka_transaction_fence,
		kafka_transaction_commit };
	t->producer = p;
	t->o = *o;
	t->group = rd_kafka_consumer_group_metadata_new(t->base.at.name);
	t->places = strcmp(o->group, o->at.name) ? rd_kafka_consumer_group_metadata_new(o->group) : NULL;
	*result = producer_topic(p, t->base.at.topic, NULL, o->loop, why) ? 0 : producer_is_final(p) ? -2 : -1;
	if (!*result) {
		t->cluster = rd_kafka_clusterid(p->rk, 0);
		return &t->base;
	}
	kafka_transaction_free(&t->base);
	return NULL;
}

void kafka_transaction_free(struct transaction *base)
{
	struct kafka_transaction *t = (struct kafka_transaction *)base;

	if (!t)
		return;
	if (t->is_begun && t->producer->open_since && !rd_kafka_fatal_error(t->producer->rk, NULL, 0)) {
		rd_kafka_error_t *e = rd_kafka_abort_transaction(t->producer->rk, ABORT_MS);
		if (e)
			rd_kafka_error_destroy(e);	/* then it ends by its time-out, or at the next start */
	}
	rd_kafka_consumer_group_metadata_destroy(t->group);
	if (t->places)
		rd_kafka_consumer_group_metadata_destroy(t->places);
	if (t->cluster)
		rd_kafka_mem_free(t->producer->rk, t->cluster);
	free(t->base.at.name);
	free(t->base.at.topic);
	free(t);
}
