/* SPDX-License-Identifier: MIT */
/*
 * Messages and events come by two queues.  Partitions are forwarded to `queue`, from which only `next` takes; the client's own
 * consumer queue has what is left: rebalances, errors, results of commits.  It is served in every wait, so that a group keeps
 * its member although no message is taken; librdkafka stops fetching when `queue` holds what it may.
 *
 * Offsets of a partition, in order: `committed`; `written`, when outputs were last seen empty; `passed`, when a batch was done;
 * `taken`, what `next` has come to.
 *
 * The batch calls of librdkafka are not used: before 2.1 they give messages of partitions that have been taken away.
 */
#include "kafka/consumer.h"

#include <errno.h>
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/number.h"
#include "base/wallclock.h"
#include "kafka/client.h"
#include "kafka/offsets.h"
#include "stream/filter.h"

#define QUEUE_KBYTES "131072"
#define QUEUE_MESSAGES "1000000"
#define AT_ONCE 10000			/* messages that may be skipped before signals are looked at */
#define LAG_NS NS_PER_S
#define COMMIT_MS 10000
#define CLOSE_NS (5 * NS_PER_S)
#define DOWN_NS (60 * NS_PER_S)		/* a bounded run gives up when no broker has been reachable for so long */
#define MISSING_NS (10 * NS_PER_S)	/* a topic that brokers do not know is asked for again after that */

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
	size_t n_assigned, n_over;
	uint32_t generation;
	struct handover *handover;	/* NULL: none, or done with */
	int64_t watched_until_ms;	/* of messages: behind it no record is one of the files' */
	bool watches, by_offset;
	char gap[64];
	struct consumer_counts counts;
	struct buf reason;		/* what the client last complained of */
	int64_t down_since, missing_since, lag_at;	/* monotonic ns; 0: not */
	bool failed;
	struct error why;
};

/* ---- errors and notes ---- */

static void tell(const struct consumer *c, bool important, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

static void tell(const struct consumer *c, bool important, const char *fmt, ...)
{
	struct error text;
	va_list ap;

	if (!c->o->tell)
		return;
	va_start(ap, fmt);
	error_setv(&text, fmt, ap);
	va_end(ap);
	c->o->tell(c->o->self, important, text.text);
}

static void fail(struct consumer *c, const struct error *why)
{
	if (!c->failed)
		c->why = *why;
	c->failed = true;
}

static int answer(const struct consumer *c, struct error *why)
{
	return c->failed ? error_set(why, "%s", c->why.text) : 0;
}

static void on_error(rd_kafka_t *rk, int code, const char *text, void *opaque)
{
	struct consumer *c = opaque;
	char words[512];
	struct error why;

	if (code == RD_KAFKA_RESP_ERR__FATAL) {
		rd_kafka_fatal_error(rk, words, sizeof words);
		error_set(&why, "Kafka at %s: %s", c->brokers.list, words);
		fail(c, &why);
		return;
	}
	if (code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) {
		if (!c->down_since && c->begun) {
			c->down_since = wallclock_monotonic();
			tell(c, true, "no broker is reachable any more (%.*s); going on when one is", (int)c->reason.len,
			    c->reason.len ? c->reason.data : "");
		}
		if (c->reason.len)
			return;
	}
	buf_clear(&c->reason);
	buf_add_text(&c->reason, text);
}

static void is_up(struct consumer *c)
{
	if (!c->down_since)
		return;
	c->down_since = 0;
	tell(c, true, "a broker is reachable again");
}

/* ---- partitions ---- */

static struct partition *partition_new(struct consumer *c, struct topic *t, int32_t id)
{
	struct partition *p = alloc_zeroed(1, sizeof *p);

	*p = (struct partition){ .topic = t->name, .id = id, .place = alloc_format("kafka:%s[%d]", t->name, (int)id),
	    .stored = OFFSETS_NONE, .start = OFFSETS_NONE, .skip_before_ms = INT64_MIN, .committed = OFFSETS_NONE, .end = INT64_MAX };
	c->parts = alloc_again(c->parts, c->n_parts + 1, sizeof *c->parts);
	c->parts[c->n_parts++] = p;
	if (id >= t->n) {
		t->parts = alloc_again(t->parts, (size_t)id + 1, sizeof *t->parts);
		memset(t->parts + t->n, 0, (size_t)(id + 1 - t->n) * sizeof *t->parts);
		t->n = id + 1;
	}
	return t->parts[id] = p;
}

static struct partition *find(const struct consumer *c, const char *topic, int32_t id)
{
	for (size_t i = 0; i < c->o->n_topics; i++)
		if (!strcmp(c->topics[i].name, topic))
			return id < c->topics[i].n ? c->topics[i].parts[id] : NULL;
	return NULL;
}

static struct partition *find_or_new(struct consumer *c, const char *topic, int32_t id)
{
	struct partition *p = find(c, topic, id);

	for (size_t i = 0; !p && i < c->o->n_topics; i++)
		if (!strcmp(c->topics[i].name, topic)) {
			p = partition_new(c, &c->topics[i], id);
			p->is_new = true;
		}
	return p;
}

static struct partition *partition_of(const struct consumer *c, const rd_kafka_message_t *m)
{
	for (size_t i = 0; i < c->o->n_topics; i++)
		if (c->topics[i].handle == m->rkt)
			return m->partition < c->topics[i].n ? c->topics[i].parts[m->partition] : NULL;
	return find(c, rd_kafka_topic_name(m->rkt), m->partition);
}

/* Nothing more of it is given. */
static void finish_partition(struct consumer *c, struct partition *p, int64_t end)
{
	rd_kafka_topic_partition_list_t *list;

	if (p->over)
		return;
	p->over = true;
	p->end = end;
	p->watched = false;
	if (p->taken > end)
		p->taken = end;
	if (p->passed > end)
		p->passed = end;
	if (!p->assigned)
		return;
	c->n_over++;
	list = rd_kafka_topic_partition_list_new(1);
	rd_kafka_topic_partition_list_add(list, p->topic, p->id);
	rd_kafka_pause_partitions(c->rk, list);
	rd_kafka_topic_partition_list_destroy(list);
}

/* ---- commits ---- */

static bool all_written(const struct consumer *c)
{
	const struct loop *l = c->o->loop;

	for (size_t i = 0; i < l->n_outputs; i++)
		if (output_left(l->outputs[i]))
			return false;
	return true;
}

static void note_written(struct consumer *c)
{
	if (!all_written(c))
		return;
	for (size_t i = 0; i < c->n_parts; i++)
		c->parts[i]->written = c->parts[i]->passed;
}

/* What is to be committed of these partitions; NULL: nothing. */
static rd_kafka_topic_partition_list_t *uncommitted(struct consumer *c)
{
	rd_kafka_topic_partition_list_t *list = NULL;

	if (!c->o->group)
		return NULL;
	note_written(c);
	for (size_t i = 0; i < c->n_parts; i++) {
		const struct partition *p = c->parts[i];
		if (!p->assigned || p->written == p->committed)
			continue;
		if (!list)
			list = rd_kafka_topic_partition_list_new(1);
		rd_kafka_topic_partition_list_add(list, p->topic, p->id)->offset = p->written;
	}
	return list;
}

static void note_committed(struct consumer *c, const rd_kafka_topic_partition_list_t *list)
{
	for (int i = 0; i < list->cnt; i++) {
		struct partition *p = find(c, list->elems[i].topic, list->elems[i].partition);
		if (p && !list->elems[i].err)
			p->committed = list->elems[i].offset;
	}
	c->counts.commits++;
}

static void on_commit(rd_kafka_t *rk, rd_kafka_resp_err_t e, rd_kafka_topic_partition_list_t *list, void *opaque)
{
	struct consumer *c = opaque;

	(void)rk;
	if (!e)
		note_committed(c, list);
	else if (e != RD_KAFKA_RESP_ERR__NO_OFFSET && !c->closing)
		tell(c, true, "offsets of group %s were not committed: %s", c->o->group, rd_kafka_err2str(e));
}

void consumer_commit(struct consumer *c)
{
	rd_kafka_topic_partition_list_t *list = uncommitted(c);

	if (!list)
		return;
	if (rd_kafka_commit(c->rk, list, 1))
		tell(c, true, "offsets of group %s were not committed", c->o->group);
	rd_kafka_topic_partition_list_destroy(list);
}

/* Waits for the answer, but not for ever, as a plain rd_kafka_commit would without a coordinator. */
static int commit_now(struct consumer *c, struct error *why)
{
	rd_kafka_topic_partition_list_t *list = uncommitted(c);
	rd_kafka_queue_t *answers;
	rd_kafka_event_t *event;
	rd_kafka_resp_err_t e;

	if (!list)
		return 0;
	answers = rd_kafka_queue_new(c->rk);
	e = rd_kafka_commit_queue(c->rk, list, answers, NULL, NULL);
	event = e ? NULL : rd_kafka_queue_poll(answers, COMMIT_MS);
	if (!e)
		e = event ? rd_kafka_event_error(event) : RD_KAFKA_RESP_ERR__TIMED_OUT;
	if (!e)
		note_committed(c, rd_kafka_event_topic_partition_list(event));
	if (event)
		rd_kafka_event_destroy(event);
	rd_kafka_queue_destroy(answers);
	rd_kafka_topic_partition_list_destroy(list);
	return e && e != RD_KAFKA_RESP_ERR__NO_OFFSET ?
	    error_set(why, "offsets of group %s were not committed: %s", c->o->group, rd_kafka_err2str(e)) : 0;
}

int consumer_commit_last(struct consumer *c, struct error *why)
{
	return commit_now(c, why);
}

/* ---- beginning to read ---- */

static bool begins_at_low(const struct consumer *c)
{
	char value[32];
	size_t n = sizeof value;

	return rd_kafka_conf_get(rd_kafka_conf(c->rk), "auto.offset.reset", value, &n) == RD_KAFKA_CONF_OK &&
	    (!strcmp(value, "earliest") || !strcmp(value, "beginning") || !strcmp(value, "smallest"));
}

/* Where a stored offset, or the one of the start, is no more: only the user can say that it does not matter. */
static int keep_inside(struct consumer *c, struct partition *p, const char *whose, struct error *why)
{
	if (p->start >= p->low && p->start <= p->high)
		return 0;
	if (!c->o->allows_gap)
		return offsets_outside(p, p->start, whose, why);
	p->start = p->low;
	return 0;
}

/* `start` of partitions where nothing but the group's offsets counts. */
static int start_stored(struct consumer *c, struct partition *const *p, size_t n, struct error *why)
{
	size_t n_stored = 0;

	if (offsets_stored(c->rk, p, n, why) || offsets_range(c->rk, p, n, why))
		return -1;
	for (size_t i = 0; i < n; i++)
		n_stored += p[i]->stored != OFFSETS_NONE;
	for (size_t i = 0; i < n; i++) {
		p[i]->skip_before_ms = INT64_MIN;
		if (p[i]->stored != OFFSETS_NONE) {
			p[i]->start = p[i]->committed = p[i]->stored;
			if (keep_inside(c, p[i], "the group's offset", why))
				return -1;
		} else
			/* Beside partitions with an offset this one is new: all of it is. */
			p[i]->start = n_stored || begins_at_low(c) ? p[i]->low : p[i]->high;
	}
	if (!n_stored)
		tell(c, true, "group %s has stored no offsets yet: begins at the %s%s", c->o->group, begins_at_low(c) ? "beginning" : "end",
		    begins_at_low(c) ? "" : " (-X auto.offset.reset=earliest: at the beginning)");
	return 0;
}

static void show_start(const struct consumer *c)
{
	for (size_t i = 0; i < c->n_parts; i++) {
		const struct partition *p = c->parts[i];
		char skip[EVENTTIME_SHOW_MAX] = "";
		if (p->skip_before_ms != INT64_MIN)
			eventtime_show(p->skip_before_ms * NS_PER_MS, skip);
		tell(c, false, "%s: offsets %lld to %lld, begins at %lld%s%s", p->place, (long long)p->low, (long long)p->high,
		    (long long)p->start, *skip ? ", skipping what is older than " : "", skip);
	}
}

int consumer_resolve(struct consumer *c, struct handover *h, struct error *why)
{
	const struct consumer_options *o = c->o;
	int result = 0;

	switch (o->from) {
	case CONSUMER_STORED:
		result = start_stored(c, c->parts, c->n_parts, why);
		break;
	case CONSUMER_HANDOVER:
		result = offsets_hand_over(c->rk, c->parts, c->n_parts, h, o->allows_gap, c->gap, why);
		c->by_offset = handover_by_offset(h);
		if (handover_time(h) != EVENTTIME_NONE) {
			c->watches = true;
			c->handover = c->by_offset ? NULL : h;
			c->watched_until_ms = eventtime_floor(handover_end(h), NS_PER_MS, 0) / NS_PER_MS;
		}
		break;
	case CONSUMER_TIME:
		if (!(result = offsets_range(c->rk, c->parts, c->n_parts, why)))
			result = offsets_start_at(c->rk, c->parts, c->n_parts, o->time_ms, why);
		break;
	default:
		result = offsets_range(c->rk, c->parts, c->n_parts, why);
		for (size_t i = 0; !result && i < c->n_parts; i++) {
			struct partition *p = c->parts[i];
			p->start = o->from == CONSUMER_BEGINNING ? p->low : o->from == CONSUMER_END ? p->high :
			    o->from == CONSUMER_OFFSET ? o->n : p->high - o->n < p->low ? p->low : p->high - o->n;
			result = keep_inside(c, p, "-o", why);
		}
	}
	if (!result)
		show_start(c);
	return result;
}

static rd_kafka_topic_partition_list_t *start_list(struct partition *const *p, size_t n)
{
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)n);

	for (size_t i = 0; i < n; i++)
		rd_kafka_topic_partition_list_add(list, p[i]->topic, p[i]->id)->offset = p[i]->start;
	return list;
}

/* Partitions whose `start` is known, about to be assigned.  Asks for their range. */
static int take_over(struct consumer *c, struct partition *const *p, size_t n, struct error *why)
{
	if (offsets_range(c->rk, p, n, why))
		return -1;
	c->generation++;
	for (size_t i = 0; i < n; i++) {
		struct partition *q = p[i];
		/* Retention may have gone on since `start` was found. */
		if (q->start < q->low && c->o->from == CONSUMER_BEGINNING && !q->started)
			q->start = q->low;
		if (keep_inside(c, q, "the offset to begin at,", why))
			return -1;
		q->assigned = true;
		q->over = false;
		q->generation = c->generation;
		q->taken = q->passed = q->written = q->start;
		q->end = c->o->exits && !q->started ? q->high : c->o->exits ? q->end : INT64_MAX;
		q->watched = q->compares = c->watches && !q->started;
		q->watched_to = q->high;
		q->started = true;
		if (q->watched_to <= q->start || c->by_offset)
			q->watched = false;
		q->queue = rd_kafka_queue_get_partition(c->rk, q->topic, q->id);
		rd_kafka_queue_forward(q->queue, c->queue);
		c->source.total += c->o->exits ? (uint64_t)(q->high - q->start) : 0;
		c->n_assigned++;
	}
	c->has_assignment = true;
	return 0;
}

/* Those of which there is nothing to wait for. */
static void finish_empty(struct consumer *c)
{
	for (size_t i = 0; i < c->n_parts; i++)
		if (c->parts[i]->assigned && c->parts[i]->taken >= c->parts[i]->end)
			finish_partition(c, c->parts[i], c->parts[i]->end);
}

static void give_back(struct consumer *c, struct partition *p)
{
	if (!p->assigned)
		return;
	p->assigned = p->watched = p->compares = false;
	c->n_assigned--;
	c->n_over -= p->over;
	rd_kafka_queue_destroy(p->queue);
	p->queue = NULL;
}

static int begin(struct consumer *c, struct error *why)
{
	rd_kafka_topic_partition_list_t *list;
	rd_kafka_resp_err_t e;

	c->begun = true;
	if (c->o->group && !c->o->partitions) {
		list = rd_kafka_topic_partition_list_new((int)c->o->n_topics);
		for (size_t i = 0; i < c->o->n_topics; i++)
			rd_kafka_topic_partition_list_add(list, c->topics[i].name, RD_KAFKA_PARTITION_UA);
		e = rd_kafka_subscribe(c->rk, list);
	} else {
		if (take_over(c, c->parts, c->n_parts, why))
			return -1;
		list = start_list(c->parts, c->n_parts);
		e = rd_kafka_assign(c->rk, list);
		finish_empty(c);
	}
	rd_kafka_topic_partition_list_destroy(list);
	return e ? error_set(why, "Kafka at %s: %s", c->brokers.list, rd_kafka_err2str(e)) : 0;
}

/* ---- what the group hands out and takes back ---- */

/* Where partitions begin that the group hands out. */
static int group_starts(struct consumer *c, struct partition *const *p, size_t n, struct error *why)
{
	if (offsets_stored(c->rk, p, n, why) || offsets_range(c->rk, p, n, why))
		return -1;
	for (size_t i = 0; i < n; i++) {
		struct partition *q = p[i];
		const bool as_resolved = !q->started && !q->is_new && q->start != OFFSETS_NONE;
		if (as_resolved && (c->o->from_given || q->stored == OFFSETS_NONE))
			continue;
		if (q->stored != OFFSETS_NONE)
			q->start = q->committed = q->stored;
		else if (q->started)
			q->start = q->written;
		else
			q->start = q->low;
		q->skip_before_ms = INT64_MIN;
		if (keep_inside(c, q, "the group's offset", why))
			return -1;
	}
	return 0;
}

static void hand_out(struct consumer *c, rd_kafka_topic_partition_list_t *list)
{
	struct partition **p = alloc_zeroed((size_t)list->cnt + 1, sizeof *p);
	size_t n = 0;
	struct error why;

	for (int i = 0; i < list->cnt; i++)
		if ((p[n] = find_or_new(c, list->elems[i].topic, list->elems[i].partition)) && !p[n]->assigned)
			n++;
	if (group_starts(c, p, n, &why) || take_over(c, p, n, &why))
		fail(c, &why);
	for (int i = 0; i < list->cnt; i++) {
		const struct partition *q = find(c, list->elems[i].topic, list->elems[i].partition);
		list->elems[i].offset = q ? q->taken : RD_KAFKA_OFFSET_STORED;
	}
	free(p);
}

static void take_back(struct consumer *c, const rd_kafka_topic_partition_list_t *list)
{
	struct error why;

	if (!c->closing && !rd_kafka_assignment_lost(c->rk) && commit_now(c, &why))
		tell(c, true, "%s", why.text);
	for (int i = 0; i < list->cnt; i++) {
		struct partition *p = find(c, list->elems[i].topic, list->elems[i].partition);
		if (p)
			give_back(c, p);
	}
}

static void on_rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t what, rd_kafka_topic_partition_list_t *list, void *opaque)
{
	struct consumer *c = opaque;
	const bool by_steps = !strcmp(rd_kafka_rebalance_protocol(rk), "COOPERATIVE");
	rd_kafka_error_t *e = NULL;

	if (what == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
		hand_out(c, list);
		if (by_steps)
			e = rd_kafka_incremental_assign(rk, list);
		else
			rd_kafka_assign(rk, list);
		finish_empty(c);
		tell(c, false, "group %s: %d partitions handed out, %zu in all", c->o->group, list->cnt, c->n_assigned);
	} else {
		take_back(c, list);
		if (by_steps)
			e = rd_kafka_incremental_unassign(rk, list);
		else
			rd_kafka_assign(rk, NULL);
		if (!c->closing)
			tell(c, false, "group %s: %d partitions taken back%s", c->o->group, list->cnt,
			    rd_kafka_assignment_lost(rk) ? ", the membership was lost" : "");
	}
	if (e) {
		tell(c, true, "group %s: %s", c->o->group, rd_kafka_error_string(e));
		rd_kafka_error_destroy(e);
	}
}

/* ---- making one ---- */

static rd_kafka_conf_t *configure(const struct consumer_options *o, struct kafka_brokers brokers, struct error *why)
{
	static const char in_order[] = "offsets are committed when records have been written";
	const struct kafka_property own[] = {
		{ "client.id", "sml-replay", NULL, false },
		/* Without -G it names nobody: the group is never joined. */
		{ "group.id", o->group ? o->group : "sml-replay", "-G is", false },
		{ "enable.auto.commit", "false", in_order, false },
		{ "enable.auto.offset.store", "false", in_order, false },
		{ "enable.partition.eof", "true", "-e needs it", false },
		/* Every start is given as a number; one that is gone is the user's to know. */
		{ "auto.offset.reset", "error", NULL, false },
		{ "allow.auto.create.topics", "false", NULL, false },
		{ "queued.min.messages", QUEUE_MESSAGES, NULL, false },
		{ "queued.max.messages.kbytes", QUEUE_KBYTES, NULL, false },
		{ "fetch.message.max.bytes", "4194304", NULL, false },
		{ "fetch.queue.backoff.ms", "10", NULL, true },
		/* How late the end of a partition may be seen behind transaction markers. */
		{ "fetch.wait.max.ms", o->exits ? "100" : "500", NULL, false },
		{ "socket.nagle.disable", "true", NULL, false },
		{ "log.connection.close", "false", NULL, false },
		{ "reconnect.backoff.max.ms", "2000", NULL, false },
		{ 0 }
	};

	return kafka_conf(&o->kafka, brokers, own, why);
}

int consumer_check(const struct consumer_options *o, struct error *why)
{
	rd_kafka_conf_t *conf = configure(o, kafka_brokers_of(&o->kafka, o->brokers), why);
	rd_kafka_t *rk;

	if (!conf)
		return -1;
	if (!o->kafka.n_properties && !o->kafka.config_file) {
		rd_kafka_conf_destroy(conf);
		return 0;
	}
	/* Whether properties go together shows only in a client. */
	if (!(rk = kafka_client(false, conf, why)))
		return -1;
	rd_kafka_destroy(rk);
	return 0;
}

static bool is_wanted(const struct consumer_options *o, int32_t id)
{
	for (size_t i = 0; i < o->n_partitions; i++)
		if (o->partitions[i] == id)
			return true;
	return !o->partitions;
}

static int find_topic(struct consumer *c, struct topic *t, struct error *why)
{
	const struct rd_kafka_metadata *found;
	int32_t n;

	if (!(t->handle = rd_kafka_topic_new(c->rk, t->name, NULL)))
		return error_set(why, "kafka:%s: %s", t->name, rd_kafka_err2str(rd_kafka_last_error()));
	if (kafka_topic_find(c->rk, t->handle, c->brokers, &c->reason, &found, why))
		return -1;
	n = found->topics[0].partition_cnt;
	rd_kafka_metadata_destroy(found);
	for (size_t i = 0; i < c->o->n_partitions; i++)
		if (c->o->partitions[i] >= n)
			return error_set(why, "kafka:%s: there is no partition %d: it has %d, from 0", t->name, (int)c->o->partitions[i], (int)n);
	for (int32_t i = n; i-- > 0;)
		if (is_wanted(c->o, i))
			partition_new(c, t, i);
	return 0;
}

static int consumer_next(struct source *, struct record **, struct error *);
static int consumer_alive(struct source *, struct error *);
static void consumer_close(struct source *);

struct consumer *consumer_new(const struct consumer_options *o, struct error *why)
{
	struct consumer *c = alloc_zeroed(1, sizeof *c);
	const uint64_t one = 1;
	rd_kafka_conf_t *conf;

	c->source = (struct source){ .next = consumer_next, .alive = consumer_alive, .close = consumer_close, .fd = -1,
	    .until = INT64_MAX };
	c->o = o;
	c->brokers = kafka_brokers_of(&o->kafka, o->brokers);
	c->topics = alloc_zeroed(o->n_topics, sizeof *c->topics);
	if (!(conf = configure(o, c->brokers, why)))
		goto failed;
	rd_kafka_conf_set_opaque(conf, c);
	rd_kafka_conf_set_error_cb(conf, on_error);
	rd_kafka_conf_set_rebalance_cb(conf, on_rebalance);
	rd_kafka_conf_set_offset_commit_cb(conf, on_commit);
	if (!(c->rk = kafka_client(false, conf, why)))
		goto failed;
	for (size_t i = 0; i < o->n_topics; i++) {
		c->topics[i].name = o->topics[i];
		if (find_topic(c, &c->topics[i], why))
			goto failed;
	}
	/* Added from the last of each topic, so that its table was made once. */
	for (size_t i = 0, n = 0; i < o->n_topics; i++)
		for (int32_t k = 0; k < c->topics[i].n; k++)
			if (c->topics[i].parts[k])
				c->parts[n++] = c->topics[i].parts[k];
	rd_kafka_poll_set_consumer(c->rk);
	if ((c->source.fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) < 0) {
		error_set(why, "eventfd: %s", strerror(errno));
		goto failed;
	}
	c->queue = rd_kafka_queue_new(c->rk);
	c->events = rd_kafka_queue_get_consumer(c->rk);
	rd_kafka_queue_io_event_enable(c->queue, c->source.fd, &one, sizeof one);
	rd_kafka_queue_io_event_enable(c->events, c->source.fd, &one, sizeof one);
	return c;
failed:
	consumer_close(&c->source);
	return NULL;
}

struct source *consumer_source(struct consumer *c)
{
	return &c->source;
}

int consumer_stored(struct consumer *c, struct error *why)
{
	if (!c->o->group)
		return 0;
	if (offsets_stored(c->rk, c->parts, c->n_parts, why))
		return -1;
	for (size_t i = 0; i < c->n_parts; i++)
		if (c->parts[i]->stored != OFFSETS_NONE)
			return 1;
	return 0;
}

void consumer_expect(const struct consumer *c, struct handover *h)
{
	for (size_t i = 0; i < c->o->n_topics; i++)
		handover_expect(h, c->topics[i].name, c->topics[i].n);
}

/* ---- messages to records ---- */

static bool is_blank(const char *p, size_t n)
{
	while (n && (*p == ' ' || *p == '\t' || *p == '\r' || *p == '\n')) {
		p++;
		n--;
	}
	return !n;
}

/* One line: what a message has of line ends becomes spaces. */
static const char *one_line(struct consumer *c, const char *text, size_t n)
{
	char *copy;

	if (!memchr(text, '\n', n) && !memchr(text, '\r', n))
		return text;
	copy = arena_copy(&c->arena, text, n);
	for (size_t i = 0; i < n; i++)
		if (copy[i] == '\n' || copy[i] == '\r')
			copy[i] = ' ';
	return copy;
}

static const struct origin *origin_of(struct consumer *c, const rd_kafka_message_t *m, const struct partition *p, int64_t timestamp)
{
	struct origin *o = arena_get(&c->arena, sizeof *o);
	struct origin_header *header;
	rd_kafka_headers_t *headers;

	*o = (struct origin){ .topic = p->topic, .partition = p->id, .offset = m->offset, .timestamp_ms = timestamp, .key = m->key,
	    .key_len = m->key_len };
	if (rd_kafka_message_headers(m, &headers))
		return o;
	o->n_headers = rd_kafka_header_cnt(headers);
	o->headers = header = arena_get(&c->arena, (o->n_headers + 1) * sizeof *header);
	for (size_t i = 0; i < o->n_headers; i++)
		rd_kafka_header_get_all(headers, i, &header[i].name, &header[i].value, &header[i].len);
	return o;
}

static void make_record(struct consumer *c, struct record *r, const rd_kafka_message_t *m, const struct partition *p,
    int64_t timestamp)
{
	const char *line = one_line(c, m->payload, m->len);

	record_init(r, line, m->len, c->o->fields, &c->arena);
	r->at = (struct place){ .source = p->place, .line = (uint64_t)m->offset };
	if (c->o->wants_origin)
		r->origin = origin_of(c, m, p, timestamp);
	if (m->len > c->o->intake.max_line && m->len > intake_limit(&c->o->intake, line, m->len))
		intake_too_long(r, line, m->len < INTAKE_KEPT ? m->len : INTAKE_KEPT, m->len);
	else
		intake_record(r, &c->o->intake);
}

/* Whether the message becomes record n of the batch. */
static bool take(struct consumer *c, rd_kafka_message_t *m, size_t n)
{
	struct partition *p = partition_of(c, m);
	int64_t timestamp;

	if (!p || !p->assigned || p->over || m->offset < p->taken)
		return false;
	is_up(c);
	timestamp = rd_kafka_message_timestamp(m, NULL);
	if (m->offset >= p->end || (timestamp >= c->o->until_ms && timestamp != -1)) {
		finish_partition(c, p, m->offset < p->end ? m->offset : p->end);
		return false;
	}
	p->taken = m->offset + 1;
	c->source.done++;
	c->counts.records++;
	if (p->compares && timestamp > c->watched_until_ms)
		p->compares = p->watched = false;
	const bool compares = p->compares;
	if (p->watched && p->taken >= p->watched_to)
		p->watched = false;
	const bool is_last = p->taken >= p->end;
	const bool skipped = p->skip_before_ms != INT64_MIN && timestamp != -1 && timestamp < p->skip_before_ms;
	const bool tombstone = !m->payload, blank = !tombstone && is_blank(m->payload, m->len);
	if (!skipped) {
		p->skip_before_ms = INT64_MIN;
		c->counts.tombstones += tombstone;
		c->counts.blanks += blank;
	}
	if (skipped || tombstone || blank) {
		if (is_last)
			finish_partition(c, p, p->end);
		return false;
	}
	make_record(c, &c->record[n], m, p, timestamp);
	c->entry[n] = (struct entry){ m, p, p->generation, compares };
	if (is_last)
		finish_partition(c, p, p->end);
	return true;
}

/* An event of a partition. */
static void hear(struct consumer *c, const rd_kafka_message_t *m)
{
	struct partition *p = m->rkt ? partition_of(c, m) : NULL;
	struct error why;

	switch (m->err) {
	case RD_KAFKA_RESP_ERR__PARTITION_EOF:
		is_up(c);
		if (!p || !p->assigned || p->over)
			return;
		/* Behind the last message there may be markers of transactions, or what a compaction has left. */
		if (m->offset > p->taken)
			p->taken = m->offset;
		if (p->taken >= p->watched_to)
			p->watched = false;
		if (p->taken >= p->end)
			finish_partition(c, p, p->end);
		return;
	case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
	case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
		error_set(&why, "%s: offset %lld is gone: the topic was cut while it was read (%s).  -X auto.offset.reset=earliest goes on "
		    "where it begins now", p ? p->place : "Kafka", p ? (long long)p->taken : -1LL, rd_kafka_message_errstr(m));
		fail(c, &why);
		return;
	case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
	case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
	case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
		/* Also said by a broker that has just started. */
		if (!c->missing_since)
			c->missing_since = wallclock_monotonic();
		return;
	case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
		if (!c->o->group)
			return;		/* of a group that is not joined */
		/* fallthrough */
	case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
	case RD_KAFKA_RESP_ERR__FATAL:
		error_set(&why, "%s: %s", p ? p->place : c->brokers.list, rd_kafka_message_errstr(m));
		fail(c, &why);
		return;
	default:
		tell(c, false, "%s: %s", p ? p->place : c->brokers.list, rd_kafka_message_errstr(m));
	}
}

/* ---- the source ---- */

static void look_for_topics(struct consumer *c, int64_t now)
{
	const struct rd_kafka_metadata *found;
	struct error why;

	if (!c->missing_since || now - c->missing_since < MISSING_NS)
		return;
	c->missing_since = 0;
	for (size_t i = 0; i < c->o->n_topics; i++) {
		if (rd_kafka_metadata(c->rk, 0, c->topics[i].handle, &found, 1000))
			return;
		const rd_kafka_resp_err_t e = found->topic_cnt ? found->topics[0].err : RD_KAFKA_RESP_ERR_NO_ERROR;
		rd_kafka_metadata_destroy(found);
		if (e == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) {
			error_set(&why, "kafka:%s: the topic is gone", c->topics[i].name);
			fail(c, &why);
		}
	}
}

static void note_lag(struct consumer *c, int64_t now)
{
	int64_t sum = 0, low, high;

	if (now - c->lag_at < LAG_NS)
		return;
	c->lag_at = now;
	for (size_t i = 0; i < c->n_parts; i++) {
		const struct partition *p = c->parts[i];
		if (p->assigned && !rd_kafka_get_watermark_offsets(c->rk, p->topic, p->id, &low, &high) && high > p->taken)
			sum += high - p->taken;
	}
	c->source.lag = sum;
}

/* Everything but messages. */
static int consumer_alive(struct source *source, struct error *why)
{
	struct consumer *c = (struct consumer *)source;
	const int64_t now = wallclock_monotonic();
	rd_kafka_message_t *m;
	struct error lost;

	while ((m = rd_kafka_consumer_poll(c->rk, 0))) {
		if (m->err)
			hear(c, m);
		else {
			error_set(&lost, "%s[%d]: offset %lld came by the wrong queue", rd_kafka_topic_name(m->rkt), (int)m->partition,
			    (long long)m->offset);
			fail(c, &lost);
		}
		rd_kafka_message_destroy(m);
	}
	if (c->begun) {
		note_lag(c, now);
		look_for_topics(c, now);
		if (c->o->exits && c->down_since && now - c->down_since > DOWN_NS) {
			error_set(&lost, "no broker has been reachable at %s for a minute: %.*s", c->brokers.list, (int)c->reason.len,
			    c->reason.len ? c->reason.data : "");
			fail(c, &lost);
		}
	}
	return answer(c, why);
}

static void release_batch(struct consumer *c)
{
	for (size_t i = 0; i < c->n_batch; i++)
		rd_kafka_message_destroy(c->entry[i].message);
	c->n_batch = 0;
	arena_clear(&c->arena);
}

static void all_passed(struct consumer *c)
{
	for (size_t i = 0; i < c->n_parts; i++)
		c->parts[i]->passed = c->parts[i]->taken;
}

static int consumer_next(struct source *source, struct record **out, struct error *why)
{
	struct consumer *c = (struct consumer *)source;
	bool drained = false;
	uint64_t ignored;
	size_t n = 0;

	release_batch(c);
	all_passed(c);
	source->until = INT64_MAX;
	if (!c->begun && begin(c, why))
		return SOURCE_FAILED;
	for (;;) {
		rd_kafka_message_t *m;
		for (int looked = 0; n < BATCH_MAX && (m = rd_kafka_consume_queue(c->queue, 0)); looked++) {
			if (!m->err && take(c, m, n)) {
				out[n] = &c->record[n];
				n++;
				continue;
			}
			if (m->err)
				hear(c, m);
			rd_kafka_message_destroy(m);
			if (looked > AT_ONCE) {
				source->until = 0;
				break;
			}
		}
		c->n_batch = n;
		if (c->failed)
			return answer(c, why);
		if (n)
			return (int)n;
		all_passed(c);
		if (c->has_assignment && c->n_over == c->n_assigned && (c->n_assigned || c->o->exits))
			return SOURCE_END;
		if (drained || source->until == 0)
			return SOURCE_WAIT;
		/* Emptied before the last look: what comes later shows again. */
		if (read(source->fd, &ignored, sizeof ignored) < 0 && errno != EAGAIN && errno != EINTR)
			return error_set(why, "eventfd: %s", strerror(errno));
		if (consumer_alive(source, why))
			return SOURCE_FAILED;
		drained = true;
	}
}

/* ---- the batch ---- */

bool consumer_drops(struct consumer *c, size_t i, const char *line, size_t len)
{
	if (!c->entry[i].compares || !c->handover || !handover_drops(c->handover, line, len))
		return false;
	c->counts.duplicates++;
	return true;
}

void consumer_passed(struct consumer *c, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct partition *p = c->entry[i].part;
		const int64_t next = c->entry[i].message->offset + 1;
		if (p->assigned && p->generation == c->entry[i].generation && next <= p->end)
			p->passed = next;
	}
	if (n == c->n_batch)
		all_passed(c);
}

void consumer_end_partition(struct consumer *c, size_t i)
{
	struct partition *p = c->entry[i].part;
	const int64_t offset = c->entry[i].message->offset;

	if (!p->assigned || p->generation != c->entry[i].generation)
		return;
	/* It may have come to its end already, behind this record. */
	if (p->over && p->end > offset) {
		p->end = offset;
		p->taken = offset;
		if (p->passed > offset)
			p->passed = offset;
	}
	finish_partition(c, p, offset);
}

bool consumer_ended(const struct consumer *c, size_t i)
{
	return c->entry[i].part->over && c->entry[i].message->offset >= c->entry[i].part->end;
}

/* ---- reports ---- */

struct consumer_counts consumer_counts(const struct consumer *c)
{
	return c->counts;
}

bool consumer_report(struct consumer *c, bool at_end, struct buf *out)
{
	char number[NUMBER_SHOW_MAX];

	if (!c->watches || (!c->has_assignment && !at_end))
		return false;
	for (size_t i = 0; !at_end && i < c->n_parts; i++)
		if (c->parts[i]->watched)
			return false;
	c->watches = false;
	buf_format(out, "hand-over: gap %s, %s duplicates suppressed", *c->gap ? c->gap : "0 s", number_group(c->counts.duplicates, number));
	return true;
}

/* ---- the end ---- */

static void leave_group(struct consumer *c)
{
	const int64_t until = wallclock_monotonic() + CLOSE_NS;
	rd_kafka_queue_t *last = rd_kafka_queue_new(c->rk);
	rd_kafka_error_t *e = rd_kafka_consumer_close_queue(c->rk, last);

	/* Callbacks are served, messages that were still on their way dropped. */
	while (!e && !rd_kafka_consumer_closed(c->rk) && wallclock_monotonic() < until) {
		rd_kafka_message_t *m = rd_kafka_consume_queue(last, 10);
		if (m)
			rd_kafka_message_destroy(m);
	}
	rd_kafka_queue_destroy(last);
	if (e)
		rd_kafka_error_destroy(e);
	/* What hangs is left to the end of the process. */
	else if (rd_kafka_consumer_closed(c->rk))
		rd_kafka_destroy(c->rk);
	c->rk = NULL;
}

void consumer_leave(struct consumer *c)
{
	if (!c->rk)
		return;
	c->closing = true;
	release_batch(c);
	for (size_t i = 0; i < c->n_parts; i++)
		if (c->parts[i]->queue)
			give_back(c, c->parts[i]);
	if (c->queue) {
		rd_kafka_queue_io_event_enable(c->queue, -1, NULL, 0);
		rd_kafka_queue_io_event_enable(c->events, -1, NULL, 0);
		rd_kafka_queue_destroy(c->queue);
		rd_kafka_queue_destroy(c->events);
		c->queue = c->events = NULL;
	}
	for (size_t i = 0; i < c->o->n_topics; i++)
		if (c->topics[i].handle)
			rd_kafka_topic_destroy(c->topics[i].handle);
	leave_group(c);
}

static void consumer_close(struct source *source)
{
	struct consumer *c = (struct consumer *)source;

	consumer_leave(c);
	arena_release(&c->arena);
	for (size_t i = 0; i < c->n_parts; i++) {
		free(c->parts[i]->place);
		free(c->parts[i]);
	}
	for (size_t i = 0; i < c->o->n_topics; i++)
		free(c->topics[i].parts);
	free(c->parts);
	free(c->topics);
	if (source->fd >= 0)
		close(source->fd);
	buf_release(&c->reason);
	free(c);
}
