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
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/number.h"
#include "base/wallclock.h"
#include "kafka/reading.h"

#define QUEUE_KBYTES "131072"
#define QUEUE_MESSAGES "1000000"
#define AT_ONCE 10000			/* messages that may be skipped before signals are looked at */
#define LAG_NS NS_PER_S
#define CLOSE_NS (5 * NS_PER_S)
#define PASSED 1000			/* messages in a row from behind the overlap: no single one has the wrong time */
#define DOWN_NS (60 * NS_PER_S)		/* a bounded run gives up when no broker has been reachable for so long */
#define MISSING_NS (10 * NS_PER_S)	/* a topic that brokers do not know is asked for again after that */

/* ---- errors and notes ---- */

void consumer_tell(const struct consumer *c, bool important, const char *fmt, ...)
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

void consumer_fail(struct consumer *c, const struct error *why)
{
	if (!c->failed)
		c->why = *why;
	c->failed = true;
}

void consumer_refuse(const struct consumer *c)
{
	if (c->o->checkpointed)
		c->o->loop->verdict = EXIT_USAGE;
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
		error_set(&why, "Kafka at %s: %s", c->brokers.shown, words);
		consumer_fail(c, &why);
		return;
	}
	if (code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) {
		if (!c->down_since && c->begun) {
			c->down_since = wallclock_monotonic();
			consumer_tell(c, true, "no broker is reachable any more (%s); going on when one is",
			    c->complaint.text.len ? buf_text(&c->complaint.text) : text);
		}
		if (c->complaint.text.len)
			return;
	}
	kafka_complain(&c->complaint, code, text);
}

static void is_up(struct consumer *c)
{
	if (!c->down_since)
		return;
	c->down_since = 0;
	consumer_tell(c, true, "a broker is reachable again");
}

/* ---- partitions ---- */

static struct partition *partition_new(struct consumer *c, struct topic *t, int32_t id)
{
	struct partition *p = alloc_zeroed(1, sizeof *p);

	*p = (struct partition){ .topic = t->name, .id = id, .place = alloc_format("kafka:%s[%d]", t->name, (int)id),
	    .stored = OFFSETS_NONE, .start = OFFSETS_NONE, .watch.skip_before_ms = INT64_MIN, .committed = OFFSETS_NONE, .end = INT64_MAX };
	c->parts = alloc_again(c->parts, c->n_parts + 1, sizeof *c->parts);
	c->parts[c->n_parts++] = p;
	if (id >= t->n) {
		t->parts = alloc_again(t->parts, (size_t)id + 1, sizeof *t->parts);
		memset(t->parts + t->n, 0, (size_t)(id + 1 - t->n) * sizeof *t->parts);
		t->n = id + 1;
	}
	return t->parts[id] = p;
}

struct partition *consumer_find(const struct consumer *c, const char *topic, int32_t id)
{
	for (size_t i = 0; i < c->o->n_topics; i++)
		if (!strcmp(c->topics[i].name, topic))
			return id < c->topics[i].n ? c->topics[i].parts[id] : NULL;
	return NULL;
}

struct partition *consumer_find_or_new(struct consumer *c, const char *topic, int32_t id)
{
	struct partition *p = consumer_find(c, topic, id);

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
	return consumer_find(c, rd_kafka_topic_name(m->rkt), m->partition);
}

/* Nothing more of it is given. */
void consumer_finish(struct consumer *c, struct partition *p, int64_t end)
{
	rd_kafka_topic_partition_list_t *list;

	if (p->over)
		return;
	p->over = true;
	p->end = end;
	p->watch.watched = false;
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

/* ---- making one ---- */

static rd_kafka_conf_t *configure(const struct consumer_options *o, struct kafka_brokers brokers, struct error *why)
{
	static const char in_order[] = "offsets are committed when records have been written";
	const bool is_exact = o->checkpointed;
	const struct kafka_property own[] = {
		{ "client.id", "sml-replay", NULL, false },
		/* Without -G it names nobody: the group is never joined. */
		{ "group.id", o->group ? o->group : "sml-replay", "-G is", false },
		{ "enable.auto.commit", "false", in_order, false },
		{ "enable.auto.offset.store", "false", in_order, false },
		{ "enable.partition.eof", "true", "-e needs it", false },
		/* Every start is given as a number; one that is gone is the user's to know. */
		{ "auto.offset.reset", "error", is_exact ? "under a checkpoint a gap is refused, or allowed by --allow-gap" : NULL, false },
		{ "isolation.level", "read_committed", is_exact ? "under a checkpoint what has been committed is read, and nothing else" : NULL, false },
		{ "allow.auto.create.topics", "false", NULL, false },
		{ "queued.min.messages", QUEUE_MESSAGES, NULL, false },
		{ "queued.max.messages.kbytes", QUEUE_KBYTES, NULL, false },
		{ "fetch.message.max.bytes", "4194304", NULL, false },
		{ "fetch.queue.backoff.ms", "10", NULL, true },
		/* How late the end of a partition may be seen behind transaction markers. */
		{ "fetch.wait.max.ms", o->exits ? "100" : "500", NULL, false },
		/* A broker that hangs is waited for so long before its partitions are looked for elsewhere. */
		{ "socket.timeout.ms", "10000", NULL, false },
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
	return !o->partitions && (!o->shards || (unsigned)id % o->shards == o->shard);
}

static int find_topic(struct consumer *c, struct topic *t, struct error *why)
{
	int32_t n;

	if (!(t->handle = kafka_topic_find(c->rk, t->name, c->brokers, NULL, &c->complaint, &n, why))) {
		if (c->complaint.is_refusal)
			consumer_refuse(c);
		return -1;
	}
	for (size_t i = 0; i < c->o->n_partitions; i++)
		if (c->o->partitions[i] >= n) {
			c->o->loop->verdict = EXIT_USAGE;
			return error_set(why, "kafka:%s: there is no partition %d: it has %d, from 0", t->name, (int)c->o->partitions[i], (int)n);
		}
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

	c->source = (struct source){ .next = consumer_next, .alive = consumer_alive, .close = consumer_close, .tell = position_tell,
	    .seek = position_seek, .fd = -1, .until = INT64_MAX };
	c->o = o;
	c->brokers = kafka_brokers_of(&o->kafka, o->brokers);
	c->topics = alloc_zeroed(o->n_topics, sizeof *c->topics);
	if (!(conf = configure(o, c->brokers, why)))
		goto failed;
	rd_kafka_conf_set_opaque(conf, c);
	rd_kafka_conf_set_error_cb(conf, on_error);
	rd_kafka_conf_set_rebalance_cb(conf, group_on_rebalance);
	rd_kafka_conf_set_offset_commit_cb(conf, group_on_commit);
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
	if (o->shards && !c->n_parts)
		consumer_tell(c, true, "shard %u/%u has nothing to do: there are fewer partitions than shards", o->shard, o->shards);
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

bool consumer_may_wait(const struct consumer *c)
{
	return c->o->loop->source && !c->begun;
}

bool consumer_was_cut(const struct consumer *c)
{
	return c->cut;
}

int consumer_resolve(struct consumer *c, struct handover *h, struct error *why)
{
	if (start_resolve(c, h, why))
		return -1;
	c->resolved = true;
	return 0;
}

bool consumer_has_begun(const struct consumer *c)
{
	return c->begun;
}

bool consumer_is_resolved(const struct consumer *c)
{
	return c->resolved;
}

void consumer_expect(const struct consumer *c, struct handover *h)
{
	for (size_t i = 0; i < c->o->n_topics; i++)
		handover_expect(h, c->topics[i].name, c->topics[i].n);
}

/* ---- messages to records ---- */

static void stray_add(struct stray *s, uint64_t n, const struct partition *p, int64_t offset, int64_t ms)
{
	if (!s->n)
		*s = (struct stray){ 0, p, offset, ms };
	s->n += n;
}

/* What has seemed to be behind the files' end has older ones behind it, `skipped` or not. */
static void note_ahead(struct consumer *c, struct partition *p, bool skipped)
{
	if (p->watch.n_ahead) {
		stray_add(&c->found.ahead, p->watch.n_ahead, p, p->watch.ahead_offset, p->watch.ahead_ms);
		p->watch.was_ahead = true;
	}
	p->watch.n_ahead = 0;
	c->found.n_skipped += skipped && p->watch.was_ahead;
}

static bool is_held(const struct consumer *c, const rd_kafka_message_t *m)
{
	return c->handover && m->payload && handover_holds(c->handover, m->payload, m->len);
}

/* The hand-over, of one message: how far it has come, and whether the files may hold it. */
static bool watch(struct consumer *c, struct partition *p, const rd_kafka_message_t *m, int64_t ms, bool skipped)
{
	const bool is_before = p->watch.skip_before_ms != INT64_MIN && p->skip_to != OFFSETS_NONE;
	const bool is_late = ms > c->watched_until_ms;

	if (!p->watch.compares)
		return false;
	if (skipped)
		note_ahead(c, p, true);
	else if (is_late && c->files_ahead && is_held(c, m))
		return true;
	else if (is_late || (is_before && !is_held(c, m))) {
		if (!p->watch.n_ahead++) {
			p->watch.ahead_offset = m->offset;
			p->watch.ahead_ms = ms;
		}
		if (p->watch.n_ahead >= PASSED && !is_before)
			p->watch.compares = p->watch.watched = false;
	} else if (ms >= c->watched_from_ms)
		note_ahead(c, p, false);
	return !is_late;
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
		consumer_finish(c, p, m->offset < p->end ? m->offset : p->end);
		return false;
	}
	p->taken = m->offset + 1;
	c->source.done++;
	c->counts.records++;
	if (p->skip_to != OFFSETS_NONE && m->offset >= p->skip_to)
		p->watch.skip_before_ms = INT64_MIN;
	const bool is_last = p->taken >= p->end;
	const bool skipped = p->watch.skip_before_ms != INT64_MIN && timestamp != -1 && timestamp < p->watch.skip_before_ms;
	const bool tombstone = !m->payload, blank = !tombstone && message_is_blank(m);
	const bool compares = watch(c, p, m, timestamp, skipped);
	if (p->watch.watched && p->taken >= p->watched_to)
		p->watch.watched = false;
	if (!skipped) {
		if (p->skip_to == OFFSETS_NONE)
			p->watch.skip_before_ms = INT64_MIN;
		c->counts.tombstones += tombstone;
		c->counts.blanks += blank;
	}
	if (skipped || tombstone || blank) {
		if (is_last)
			consumer_finish(c, p, p->end);
		return false;
	}
	message_record(c, &c->record[n], m, p, timestamp);
	c->entry[n] = (struct entry){ m, p, p->generation, compares, compares && timestamp != -1 && timestamp < c->watched_from_ms };
	if (is_last)
		consumer_finish(c, p, p->end);
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
			p->watch.watched = false;
		if (p->taken >= p->end)
			consumer_finish(c, p, p->end);
		return;
	case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
	case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
		error_set(&why, "%s: offset %lld is gone: the topic was cut while it was read (%s).  %s goes on where it begins now",
		    p ? p->place : "Kafka", p ? (long long)p->taken : -1LL, rd_kafka_message_errstr(m),
		    c->o->checkpointed ? "--allow-gap" : "-X auto.offset.reset=earliest");
		consumer_refuse(c);
		consumer_fail(c, &why);
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
		error_set(&why, "%s: %s%s", p ? p->place : c->brokers.shown, rd_kafka_message_errstr(m), kafka_missing_right(m->err, KAFKA_READ));
		if (kafka_is_refusal(m->err))
			consumer_refuse(c);
		consumer_fail(c, &why);
		return;
	default:
		consumer_tell(c, false, "%s: %s", p ? p->place : c->brokers.shown, rd_kafka_message_errstr(m));
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
			consumer_fail(c, &why);
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
			consumer_fail(c, &lost);
		}
		rd_kafka_message_destroy(m);
	}
	if (c->begun) {
		note_lag(c, now);
		look_for_topics(c, now);
		if (c->o->exits && c->down_since && now - c->down_since > DOWN_NS) {
			error_set(&lost, "no broker has been reachable at %s for a minute: %.*s", c->brokers.shown, (int)c->complaint.text.len,
			    c->complaint.text.len ? c->complaint.text.data : "");
			consumer_fail(c, &lost);
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
	for (size_t i = 0; i < c->n_parts; i++) {
		c->parts[i]->passed = c->parts[i]->taken;
		if (c->o->checkpointed)
			c->parts[i]->watch_passed = c->parts[i]->watch;
	}
	c->found_passed = c->found;
}

/* Once no record can be one of the files', what is remembered of them goes. */
static void forget_files(struct consumer *c)
{
	bool is_over = c->handover && !c->watches;

	for (size_t i = 0; is_over && i < c->n_parts; i++)
		is_over = !c->parts[i]->watch.compares;
	if (!is_over)
		return;
	handover_forget(c->handover);
	c->handover = NULL;
}

static int consumer_next(struct source *source, struct record **out, struct error *why)
{
	struct consumer *c = (struct consumer *)source;
	const size_t most = source->most ? source->most : BATCH_MAX;
	bool drained = false;
	uint64_t ignored;
	size_t n = 0;

	release_batch(c);
	all_passed(c);
	forget_files(c);
	source->until = INT64_MAX;
	if (!c->begun && start_reading(c, why))
		return c->cut ? SOURCE_WAIT : SOURCE_FAILED;
	for (;;) {
		rd_kafka_message_t *m;
		for (int looked = 0; n < most && (m = rd_kafka_consume_queue(c->queue, 0)); looked++) {
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
	const struct entry *e = &c->entry[i];

	if (!e->compares || !c->handover)
		return false;
	if (!handover_drops(c->handover, line, len)) {
		if (e->is_old)
			stray_add(&c->found.old, 1, e->part, e->message->offset, rd_kafka_message_timestamp(e->message, NULL));
		return false;
	}
	c->counts.duplicates++;
	c->found.n_dropped++;
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
	consumer_finish(c, p, offset);
}

bool consumer_ended(const struct consumer *c, size_t i)
{
	return c->entry[i].part->over && c->entry[i].message->offset >= c->entry[i].part->end;
}

void consumer_commit(struct consumer *c)
{
	group_commit(c);
}

int consumer_commit_last(struct consumer *c, struct error *why)
{
	return group_commit_now(c, true, why);
}

/* ---- reports ---- */

struct consumer_counts consumer_counts(const struct consumer *c)
{
	return c->counts;
}

static void show_stray(struct buf *out, const char *before, const char *what, const struct stray *s)
{
	char number[NUMBER_SHOW_MAX], time[EVENTTIME_SHOW_MAX];

	if (!s->n)
		return;
	eventtime_show(offsets_ns(s->ms), time);
	buf_format(out, "%s%s %s (first: %s, offset %lld, %s)", before, number_group(s->n, number), what, s->part->place,
	    (long long)s->offset, time);
}

bool consumer_report(struct consumer *c, bool at_end, struct buf *out)
{
	const struct findings *f = &c->found;
	char number[NUMBER_SHOW_MAX];

	if (!c->watches || (!c->has_assignment && !at_end))
		return false;
	for (size_t i = 0; !at_end && i < c->n_parts; i++)
		if (c->parts[i]->watch.watched)
			return false;
	c->watches = false;
	buf_format(out, "hand-over: gap %s, %s duplicate%s suppressed", *c->gap ? c->gap : "0 s",
	    number_group(f->n_dropped, number), number_s(f->n_dropped));
	if (f->n_skipped)
		buf_format(out, ", %s older message%s skipped", number_group(f->n_skipped, number), number_s(f->n_skipped));
	show_stray(out, "; perhaps doubled: ", "ahead of time", &f->ahead);
	show_stray(out, f->ahead.n ? ", " : "; perhaps doubled: ", "from before the overlap", &f->old);
	return true;
}

/* ---- under a checkpoint ---- */

bool consumer_save(const struct consumer *c, struct snapshot_writer *w)
{
	return position_save(c, w);
}

int consumer_restore(struct consumer *c, struct handover *h, const struct snapshot_reader *row, struct error *why)
{
	return position_restore(c, h, row, why);
}

/* ---- the end ---- */

static void leave_group(struct consumer *c)
{
	if (c->busy) {		/* left to the end of the process */
		c->rk = NULL;
		return;
	}
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
			start_give_back(c, c->parts[i]);
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
	buf_release(&c->complaint.text);
	free(c);
}
