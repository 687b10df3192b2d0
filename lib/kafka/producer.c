/* SPDX-License-Identifier: MIT */
#include "kafka/producer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/wallclock.h"
#include "kafka/sending.h"

#define LINGER_MS "1"		/* a batch is what has gathered while the one before was sent */
#define QUEUE_KBYTES "65536"

struct producer_topic {
	rd_kafka_topic_t *topic;
	char *name;
	void *owner;
	struct producer_topic *next;
};

#define PROPERTIES \
	{ "client.id", "sml-route", NULL, false }, \
	{ "enable.idempotence", "true", NULL, false }, \
	{ "acks", "all", NULL, false }, \
	/* A name typed wrong is to be an error, not a topic; producers create them unless told. */ \
	{ "allow.auto.create.topics", "false", NULL, false }, \
	{ "partitioner", "murmur2_random", NULL, false }, \
	{ "linger.ms", LINGER_MS, NULL, false }, \
	{ "queue.buffering.max.kbytes", QUEUE_KBYTES, NULL, false }, \
	{ "socket.nagle.disable", "true", NULL, false }, \
	{ "log.connection.close", "false", NULL, false }, \
	{ "reconnect.backoff.max.ms", "2000", NULL, false }

static const struct kafka_property plain[] = { PROPERTIES, { 0 } };

void producer_fail(struct producer *p, bool is_final, const struct error *why)
{
	if (p->failed)
		return;
	p->failed = true;
	p->is_final = is_final;
	p->why = *why;
}

static int answer(const struct producer *p, struct error *why)
{
	return p->failed ? error_set(why, "%s", p->why.text) : 0;
}

/* ---- a transaction that has failed ---- */

static bool is_first_of_name(const struct producer *p, const struct producer_topic *t)
{
	const struct producer_topic *first = p->topics;

	while (strcmp(first->name, t->name) != 0)
		first = first->next;
	return first == t;
}

/* Of all topics: which one it was is not told. */
static void add_names(const struct producer *p, struct buf *text)
{
	for (const struct producer_topic *t = p->topics; t; t = t->next)
		if (is_first_of_name(p, t))
			buf_format(text, "%s %s", t == p->topics ? "" : ",", t->name);
	buf_add_text(text, ")");
}

static void explain_abort(const struct producer *p, const rd_kafka_error_t *e, struct error *why)
{
	const rd_kafka_resp_err_t code = rd_kafka_error_code(e);
	struct buf text = BUF_INIT;

	buf_format(&text, "Kafka at %s: %s%s", p->brokers.shown, rd_kafka_error_string(e),
	    kafka_missing_right(code, " (the user needs Write on each topic:"));
	if (code == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED)
		add_names(p, &text);
	error_set(why, "%s", buf_text(&text));
	buf_release(&text);
}

/*
 * What the client has given a transaction up for it keeps, and answers with it whatever it is asked for next; and nothing else comes of
 * asking for another transaction while there is this one.  Without effect where it has not been given up.
 */
static void fail_with_transaction(struct producer *p)
{
	rd_kafka_error_t *e = p->transacts ? rd_kafka_begin_transaction(p->rk) : NULL;
	struct error why;

	if (e && rd_kafka_error_txn_requires_abort(e)) {
		explain_abort(p, e, &why);
		producer_fail(p, kafka_is_refusal(rd_kafka_error_code(e)), &why);
	} else if (e && rd_kafka_error_is_fatal(e)) {
		const bool is_final = producer_explain_fatal(p, &why);
		producer_fail(p, is_final, &why);
	}
	if (e)
		rd_kafka_error_destroy(e);
}

/* ---- callbacks, from rd_kafka_poll and rd_kafka_flush alone ---- */

static void on_report(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque)
{
	struct producer *p = opaque;
	struct producer_topic *t = m->_private;
	const char *words = m->err ? rd_kafka_err2str(m->err) : NULL;
	const struct buf *reason = &p->complaint.text;
	struct error why;

	(void)rk;
	if (!m->err || p->failed)
		return;
	if (m->err == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE && p->too_large) {
		if (p->too_large(t->owner, m->payload, m->len, words, &why))
			producer_fail(p, p->transacts, &why);
		return;
	}
	if (m->err == RD_KAFKA_RESP_ERR__PURGE_QUEUE || m->err == RD_KAFKA_RESP_ERR__PURGE_INFLIGHT)
		fail_with_transaction(p);
	error_set(&why, "kafka:%s: a message of %zu bytes was not delivered: %s%s%.*s%s", t->name, m->len, words, reason->len ? ": " : "",
	    (int)reason->len, reason->len ? reason->data : "", kafka_missing_right(m->err, KAFKA_WRITE));
	producer_fail(p, kafka_is_refusal(m->err) && p->transacts, &why);
}

static void on_error(rd_kafka_t *rk, int code, const char *text, void *opaque)
{
	struct producer *p = opaque;
	struct error why;

	(void)rk;
	if (code == RD_KAFKA_RESP_ERR__FATAL) {
		const bool is_final = producer_explain_fatal(p, &why);
		producer_fail(p, is_final, &why);
		return;
	}
	/* "all brokers are down" says less than what came before it. */
	if (code != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN || !p->complaint.text.len)
		kafka_complain(&p->complaint, code, text);
}

/* ---- making one ---- */

bool producer_explain_fatal(const struct producer *p, struct error *why)
{
	char words[512], timeout[16] = "";
	size_t len = sizeof timeout;
	const rd_kafka_resp_err_t code = rd_kafka_fatal_error(p->rk, words, sizeof words);

	if (code != RD_KAFKA_RESP_ERR__FENCED || !p->transacts) {
		error_set(why, "Kafka at %s: %s%s", p->brokers.shown, words, kafka_missing_right(code, KAFKA_WRITE));
		return p->transacts && kafka_is_refusal(code);
	}
	/* The broker says the same of a transaction that took too long: only its age tells them apart. */
	rd_kafka_conf_get(rd_kafka_conf(p->rk), "transaction.timeout.ms", timeout, &len);
	if (p->open_since && wallclock_monotonic() - p->open_since >= strtoll(timeout, NULL, 10) * NS_PER_MS) {
		error_set(why, "Kafka at %s: the transaction was open for longer than transaction.timeout.ms (%s): this process, or a stage "
		    "before it, has stood still", p->brokers.shown, timeout);
		return false;
	}
	error_set(why, "Kafka at %s: another process commits under this name now: two pipelines need two names (--pipeline)", p->brokers.shown);
	return true;
}

/* `transaction`: its name; NULL: none. */
static rd_kafka_conf_t *configure(const struct kafka_options *o, struct kafka_brokers brokers, const char *transaction, struct error *why)
{
	static const char whole[] = "a transaction needs it as it is";
	const struct kafka_property transacting[] = {
		PROPERTIES,
		{ "transactional.id", transaction, "--pipeline is", false },
		{ "enable.idempotence", "true", whole, false },
		{ "acks", "all", whole, false },
		{ "request.required.acks", "all", whole, false },
		/* How soon epochs may follow one another, and how long a broker that hangs is waited for. */
		{ "retry.backoff.ms", "20", NULL, false },
		{ "socket.timeout.ms", "5000", NULL, false },
		{ "request.timeout.ms", "5000", NULL, false },
		{ "socket.connection.setup.timeout.ms", "3000", NULL, false },
		{ 0 }
	};

	return kafka_conf(o, brokers, transaction ? transacting : plain, why);
}

struct producer *producer_new(const struct kafka_options *o, const char *brokers, const char *transaction, producer_too_large *too_large,
    bool *usage, struct error *why)
{
	struct producer *p = alloc_zeroed(1, sizeof *p);
	const uint64_t one = 1;
	rd_kafka_conf_t *conf;

	*usage = false;
	p->options = o;
	p->fd = -1;
	p->address = brokers ? alloc_text(brokers) : NULL;
	p->brokers = kafka_brokers_of(o, p->address);
	p->too_large = too_large;
	p->transacts = transaction != NULL;
	conf = configure(o, p->brokers, transaction, why);
	if (conf) {
		rd_kafka_conf_set_dr_msg_cb(conf, on_report);
		rd_kafka_conf_set_error_cb(conf, on_error);
		rd_kafka_conf_set_opaque(conf, p);
		p->rk = kafka_client(true, conf, why);
	}
	if (!p->rk) {
		*usage = true;
		producer_free(p);
		return NULL;
	}
	if ((p->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) < 0) {
		error_set(why, "eventfd: %s", strerror(errno));
		producer_free(p);
		return NULL;
	}
	p->queue = rd_kafka_queue_get_main(p->rk);
	rd_kafka_queue_io_event_enable(p->queue, p->fd, &one, sizeof one);
	return p;
}

bool producer_serves(const struct producer *p, const struct kafka_options *o, const char *brokers)
{
	return p->options == o && !strcmp(kafka_brokers_of(o, brokers).list, p->brokers.list);
}

struct producer_topic *producer_topic(struct producer *p, const char *name, void *owner, struct loop *loop, struct error *why)
{
	struct producer_topic *t;
	rd_kafka_topic_t *topic;
	int32_t partitions;

	for (t = p->topics; t; t = t->next)
		if (!strcmp(t->name, name) && t->owner == owner)
			return t;
	if (!(topic = kafka_topic_find(p->rk, name, p->brokers, loop, &p->complaint, &partitions, why))) {
		producer_fail(p, p->transacts && p->complaint.is_refusal, why);
		return NULL;
	}
	buf_clear(&p->complaint.text);
	t = alloc_zeroed(1, sizeof *t);
	*t = (struct producer_topic){ topic, alloc_text(name), owner, p->topics };
	p->topics = t;
	return t;
}

/* ---- sending ---- */

int producer_send(struct producer *p, struct producer_topic *t, const void *key, size_t key_len, const void *bytes, size_t len,
    int64_t timestamp_ms, struct error *why)
{
	rd_kafka_resp_err_t e;

	if (p->failed)
		return answer(p, why);
	/* A key of no bytes is a key, and librdkafka takes NULL for none. */
	e = rd_kafka_producev(p->rk, RD_KAFKA_V_RKT(t->topic), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
	    RD_KAFKA_V_KEY(key_len || !key ? key : "", key_len), RD_KAFKA_V_VALUE((void *)(uintptr_t)bytes, len),
	    RD_KAFKA_V_TIMESTAMP(timestamp_ms > 0 ? timestamp_ms : 0), RD_KAFKA_V_OPAQUE(t), RD_KAFKA_V_END);
	switch (e) {
	case RD_KAFKA_RESP_ERR_NO_ERROR:
		if (p->transacts && !p->open_since)
			p->open_since = wallclock_monotonic();
		return PRODUCER_SENT;
	case RD_KAFKA_RESP_ERR__QUEUE_FULL:
		return PRODUCER_FULL;
	case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
		error_set(why, "kafka:%s: a message of %zu bytes is over message.max.bytes (see -X)", t->name, len);
		return PRODUCER_TOO_LARGE;
	default:
		rd_kafka_poll(p->rk, 0);
		fail_with_transaction(p);
		error_set(why, "kafka:%s: %s", t->name, rd_kafka_err2str(e));
		producer_fail(p, p->transacts && kafka_is_refusal(e), why);
		return answer(p, why);
	}
}

int producer_poll(struct producer *p, struct error *why)
{
	uint64_t ignored;

	/* Emptied before the queue: what comes between shows again. */
	if (read(p->fd, &ignored, sizeof ignored) < 0 && errno != EAGAIN && errno != EINTR)
		return error_set(why, "eventfd: %s", strerror(errno));
	rd_kafka_poll(p->rk, 0);
	return answer(p, why);
}

int producer_flush(struct producer *p, int timeout_ms, struct error *why)
{
	const bool done = !rd_kafka_flush(p->rk, timeout_ms);

	if (p->failed)
		return answer(p, why);
	return !done;
}

bool producer_is_final(const struct producer *p)
{
	return p->failed && p->is_final;
}

int producer_fd(const struct producer *p)
{
	return p->fd;
}

void producer_free(struct producer *p)
{
	struct producer_topic *t;

	if (!p)
		return;
	if (p->queue) {
		rd_kafka_queue_io_event_enable(p->queue, -1, NULL, 0);
		rd_kafka_queue_destroy(p->queue);
	}
	if (p->rk) {
		/* Reports of what is dropped concern nobody any more.  It is waited for: librdkafka 2.0 frees a text twice where the
		 * answer to a request tells it during rd_kafka_destroy() that the transaction was fenced off. */
		p->failed = true;
		rd_kafka_purge(p->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
	}
	while ((t = p->topics)) {
		p->topics = t->next;
		rd_kafka_topic_destroy(t->topic);
		free(t->name);
		free(t);
	}
	if (p->rk)
		rd_kafka_destroy(p->rk);
	if (p->fd >= 0)
		close(p->fd);
	buf_release(&p->complaint.text);
	free(p->address);
	free(p);
}
