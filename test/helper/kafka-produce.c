/* SPDX-License-Identifier: MIT */
/*
 * kafka-produce - lines of standard input become messages; for tests, which also need topics, markers and tombstones.
 *
 *	kafka-produce -b BROKERS -t TOPIC [-p PARTITION] [-X PROP=VALUE]...
 *		[--key-field NAME] [--timestamp-field NAME] [--header NAME=VALUE]...
 *		[--rate N] [--transaction | --abort] [--create PARTITIONS [--config K=V]...] [--trim OFFSET] < lines
 *	kafka-produce -b BROKERS -t TOPIC [-p PARTITION] --tombstone KEY...
 *
 * Ends with 0 when every message was delivered, else with 1 and the first reason.  In this order:
 * --create       makes the topic first, with --config's settings, and waits until it can be written to
 * --tombstone    sends KEY without a value and reads no lines; may be repeated
 * --key-field, --timestamp-field
 *                find the first "NAME": in the line, without parsing; the key is a string member, the time an integer
 *                in ms.  A line without that key has none; one without a time gets that of the line before
 * --transaction  one transaction around the whole run, committed: a marker stands behind the messages; --abort: aborted
 * --trim         deletes the messages before OFFSET of -p (0): the low watermark moves
 *
 * Keys go to the partitions to which Java's client sends them, unless -X partitioner= says otherwise.
 */
#include <err.h>
#include <errno.h>
#include <getopt.h>
#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LIST_MAX 64
#define TIMEOUT_MS 30000

struct list { const char *item[LIST_MAX]; size_t n; };

struct job {
	const char *brokers, *topic, *key_field, *time_field;
	int32_t partition;
	long rate, create;
	int64_t trim;
	bool transaction, abort;
	struct list props, configs, headers, tombstones;
};

/* Counted by the delivery report. */
static long failed;
static char first_failure[256];

static void delivered(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque)
{
	(void)rk;
	(void)opaque;
	if (message->err && failed++ == 0)
		snprintf(first_failure, sizeof(first_failure), "%s", rd_kafka_err2str(message->err));
}

static void add(struct list *list, const char *text)
{
	if (list->n == LIST_MAX)
		errx(2, "\"%s\": more than %d of a kind", text, LIST_MAX);
	list->item[list->n++] = text;
}

/* NAME=VALUE: a copy of NAME, and where VALUE begins. */
static char *name_of(const char *pair, const char **value)
{
	const char *equals = strchr(pair, '=');
	if (!equals || equals == pair)
		errx(2, "\"%s\" is not NAME=VALUE", pair);

	char *name = strndup(pair, (size_t)(equals - pair));
	if (!name)
		err(1, NULL);
	*value = equals + 1;
	return name;
}

static void check(rd_kafka_error_t *error, const char *what)
{
	if (error)
		errx(1, "%s: %s", what, rd_kafka_error_string(error));
}

static rd_kafka_t *connect_to(const struct job *job)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	char why[512], id[64];
	const char *value;

	snprintf(id, sizeof(id), "kafka-produce-%d", (int)getpid());
	const char *const set[][2] = {
		{ "bootstrap.servers", job->brokers },
		{ "partitioner", "murmur2_random" },
		{ "enable.idempotence", job->transaction || job->abort ? "true" : "false" },
		{ "transactional.id", job->transaction || job->abort ? id : "" },
		{ "message.timeout.ms", "30000" },
		/* What is retried is no news, and what fails is said below. */
		{ "log_level", "2" },
	};
	for (size_t i = 0; i < sizeof(set) / sizeof(*set); i++) {
		if (*set[i][1] && rd_kafka_conf_set(conf, set[i][0], set[i][1], why, sizeof(why)) != RD_KAFKA_CONF_OK)
			errx(2, "%s", why);
	}
	for (size_t i = 0; i < job->props.n; i++) {
		char *name = name_of(job->props.item[i], &value);
		if (rd_kafka_conf_set(conf, name, value, why, sizeof(why)) != RD_KAFKA_CONF_OK)
			errx(2, "%s", why);
		free(name);
	}
	rd_kafka_conf_set_dr_msg_cb(conf, delivered);

	rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof(why));
	if (!rk)
		errx(2, "%s", why);
	return rk;
}

/* ---- the topic ---- */

/* Waits for the result of an admin request. */
static rd_kafka_event_t *result_of(rd_kafka_queue_t *queue, const char *what)
{
	rd_kafka_event_t *event = rd_kafka_queue_poll(queue, TIMEOUT_MS);

	if (!event)
		errx(1, "%s: no answer", what);
	if (rd_kafka_event_error(event))
		errx(1, "%s: %s", what, rd_kafka_event_error_string(event));
	return event;
}

static bool has_leaders(rd_kafka_t *rk, const struct job *job)
{
	rd_kafka_topic_t *topic = rd_kafka_topic_new(rk, job->topic, NULL);
	const struct rd_kafka_metadata *metadata;
	bool all = false;

	if (rd_kafka_metadata(rk, 0, topic, &metadata, TIMEOUT_MS) == RD_KAFKA_RESP_ERR_NO_ERROR) {
		const struct rd_kafka_metadata_topic *t = metadata->topics;
		all = metadata->topic_cnt == 1 && t->partition_cnt == job->create;
		for (int i = 0; all && i < t->partition_cnt; i++)
			all = t->partitions[i].leader >= 0;
		rd_kafka_metadata_destroy(metadata);
	}
	rd_kafka_topic_destroy(topic);
	return all;
}

static void create_topic(rd_kafka_t *rk, const struct job *job)
{
	char why[512];
	rd_kafka_NewTopic_t *topic = rd_kafka_NewTopic_new(job->topic, (int)job->create, -1, why, sizeof(why));
	if (!topic)
		errx(2, "%s", why);
	for (size_t i = 0; i < job->configs.n; i++) {
		const char *value;
		char *name = name_of(job->configs.item[i], &value);
		rd_kafka_NewTopic_set_config(topic, name, value);
		free(name);
	}

	rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
	rd_kafka_CreateTopics(rk, &topic, 1, NULL, queue);
	rd_kafka_event_t *event = result_of(queue, job->topic);
	size_t n;
	const rd_kafka_topic_result_t **results =
			rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &n);
	if (n != 1 || rd_kafka_topic_result_error(results[0]))
		errx(1, "%s", n == 1 ? rd_kafka_topic_result_error_string(results[0]) : "topic was not created");
	rd_kafka_event_destroy(event);
	rd_kafka_queue_destroy(queue);
	rd_kafka_NewTopic_destroy(topic);

	for (int tries = 0; !has_leaders(rk, job); tries++) {
		if (tries == 300)
			errx(1, "%s: created, but it has no leaders", job->topic);
		usleep(100000);
	}
}

static void trim_partition(rd_kafka_t *rk, const struct job *job)
{
	rd_kafka_topic_partition_list_t *before = rd_kafka_topic_partition_list_new(1);
	int32_t partition = job->partition < 0 ? 0 : job->partition;

	rd_kafka_topic_partition_list_add(before, job->topic, partition)->offset = job->trim;
	rd_kafka_DeleteRecords_t *request = rd_kafka_DeleteRecords_new(before);
	rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
	rd_kafka_DeleteRecords(rk, &request, 1, NULL, queue);
	rd_kafka_event_t *event = result_of(queue, "--trim");
	const rd_kafka_topic_partition_list_t *offsets =
			rd_kafka_DeleteRecords_result_offsets(rd_kafka_event_DeleteRecords_result(event));
	if (offsets->cnt != 1 || offsets->elems[0].err)
		errx(1, "--trim: %s", offsets->cnt == 1 ? rd_kafka_err2str(offsets->elems[0].err) : "no result");
	rd_kafka_event_destroy(event);
	rd_kafka_queue_destroy(queue);
	rd_kafka_DeleteRecords_destroy(request);
	rd_kafka_topic_partition_list_destroy(before);
}

/* ---- messages ---- */

/* What stands behind "NAME": in the line; NULL: nothing does. */
static const char *member(const char *line, const char *name)
{
	size_t len = strlen(name);

	for (const char *at = line; (at = strstr(at, name)); at++) {
		if (at > line && at[-1] == '"' && strncmp(at + len, "\":", 2) == 0)
			return at + len + 2 + strspn(at + len + 2, " ");
	}
	return NULL;
}

/* key NULL: none.  value NULL: a tombstone.  time 0: now. */
static void produce(rd_kafka_t *rk, const struct job *job, const char *key, size_t key_len, const char *value, size_t len,
		    int64_t time)
{
	rd_kafka_headers_t *headers = NULL;
	rd_kafka_resp_err_t e;

	if (job->headers.n > 0)
		headers = rd_kafka_headers_new(job->headers.n);
	for (size_t i = 0; i < job->headers.n; i++) {
		const char *text;
		char *name = name_of(job->headers.item[i], &text);
		rd_kafka_header_add(headers, name, -1, text, -1);
		free(name);
	}
	for (;;) {
		e = rd_kafka_producev(rk, RD_KAFKA_V_TOPIC(job->topic), RD_KAFKA_V_PARTITION(job->partition),
				      RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_KEY(key, key_len),
				      RD_KAFKA_V_VALUE((void *)value, len), RD_KAFKA_V_TIMESTAMP(time),
				      RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_END);
		if (e != RD_KAFKA_RESP_ERR__QUEUE_FULL)
			break;
		rd_kafka_poll(rk, 100);
	}
	if (e)
		errx(1, "%s: %s", job->topic, rd_kafka_err2str(e));
	rd_kafka_poll(rk, 0);
}

static void pace(const struct timespec *start, long sent, long rate)
{
	struct timespec due = { .tv_sec = start->tv_sec + sent / rate };
	long ns = start->tv_nsec + sent % rate * (1000000000 / rate);

	due.tv_sec += ns / 1000000000;
	due.tv_nsec = ns % 1000000000;
	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL);
}

static void produce_lines(rd_kafka_t *rk, const struct job *job)
{
	struct timespec start;
	char *line = NULL;
	size_t room = 0;
	ssize_t len;
	int64_t time = 0;

	clock_gettime(CLOCK_MONOTONIC, &start);
	for (long sent = 0; (len = getline(&line, &room, stdin)) > 0; sent++) {
		const char *key = NULL, *text;
		size_t key_len = 0;

		if (line[len - 1] == '\n')
			line[--len] = '\0';
		if (job->key_field && (text = member(line, job->key_field)) && *text == '"') {
			key = text + 1;
			key_len = strcspn(key, "\"");
		}
		if (job->time_field && (text = member(line, job->time_field)) && strspn(text, "0123456789") > 0)
			time = strtoll(text, NULL, 10);
		if (job->rate > 0)
			pace(&start, sent, job->rate);
		/* A value of no bytes is not the same as no value. */
		produce(rk, job, key, key_len, line, (size_t)len, time);
	}
	if (ferror(stdin))
		err(1, "stdin");
	free(line);
}

static int run(const struct job *job)
{
	rd_kafka_t *rk = connect_to(job);
	bool transaction = job->transaction || job->abort;

	if (job->create > 0)
		create_topic(rk, job);
	if (transaction) {
		check(rd_kafka_init_transactions(rk, TIMEOUT_MS), "init_transactions");
		check(rd_kafka_begin_transaction(rk), "begin_transaction");
	}
	for (size_t i = 0; i < job->tombstones.n; i++)
		produce(rk, job, job->tombstones.item[i], strlen(job->tombstones.item[i]), NULL, 0, 0);
	if (job->tombstones.n == 0)
		produce_lines(rk, job);
	/* An abort drops what is still in the queue: what a test wants to see aborted has to be in the log first. */
	while (rd_kafka_outq_len(rk) > 0)
		rd_kafka_flush(rk, 1000);
	if (job->transaction)
		check(rd_kafka_commit_transaction(rk, TIMEOUT_MS), "commit_transaction");
	else if (job->abort)
		check(rd_kafka_abort_transaction(rk, TIMEOUT_MS), "abort_transaction");
	if (job->trim >= 0)
		trim_partition(rk, job);
	rd_kafka_destroy(rk);
	if (failed > 0)
		warnx("%ld messages were not delivered, the first: %s", failed, first_failure);
	return failed > 0;
}

/* ---- options ---- */

static long whole(const char *text, const char *what, long least)
{
	char *end;

	errno = 0;
	long n = strtol(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || n < least)
		errx(2, "%s: \"%s\" is no number from %ld", what, text, least);
	return n;
}

enum { KEY_FIELD = 256, TIME_FIELD, HEADER, RATE, TRANSACTION, ABORT, CREATE, CONFIG, TRIM, TOMBSTONE };

static const struct option long_options[] = {
	{ "key-field", required_argument, NULL, KEY_FIELD }, { "timestamp-field", required_argument, NULL, TIME_FIELD },
	{ "header", required_argument, NULL, HEADER }, { "rate", required_argument, NULL, RATE },
	{ "transaction", no_argument, NULL, TRANSACTION }, { "abort", no_argument, NULL, ABORT },
	{ "create", required_argument, NULL, CREATE }, { "config", required_argument, NULL, CONFIG },
	{ "trim", required_argument, NULL, TRIM }, { "tombstone", required_argument, NULL, TOMBSTONE },
	{ NULL, 0, NULL, 0 },
};

int main(int argc, char **argv)
{
	struct job job = { .partition = RD_KAFKA_PARTITION_UA, .trim = -1 };
	int c;

	while ((c = getopt_long(argc, argv, "b:t:p:X:", long_options, NULL)) != -1) {
		switch (c) {
		case 'b': job.brokers = optarg; break;
		case 't': job.topic = optarg; break;
		case 'p': job.partition = (int32_t)whole(optarg, "-p", 0); break;
		case 'X': add(&job.props, optarg); break;
		case KEY_FIELD: job.key_field = optarg; break;
		case TIME_FIELD: job.time_field = optarg; break;
		case HEADER: add(&job.headers, optarg); break;
		case RATE: job.rate = whole(optarg, "--rate", 1); break;
		case TRANSACTION: job.transaction = true; break;
		case ABORT: job.abort = true; break;
		case CREATE: job.create = whole(optarg, "--create", 1); break;
		case CONFIG: add(&job.configs, optarg); break;
		case TRIM: job.trim = whole(optarg, "--trim", 0); break;
		case TOMBSTONE: add(&job.tombstones, optarg); break;
		default: return 2;
		}
	}
	if (!job.brokers || !job.topic || optind < argc)
		errx(2, "-b BROKERS and -t TOPIC are needed, operands are not");
	if (job.transaction && job.abort)
		errx(2, "--transaction commits, --abort doesn't: one of them");
	return run(&job);
}
