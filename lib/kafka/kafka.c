/* SPDX-License-Identifier: MIT */
#include "kafka/kafka.h"

#include <ctype.h>
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/number.h"
#include "base/savefile.h"
#include "base/wallclock.h"
#include "kafka/client.h"
#include "stream/filter.h"

#define FILE_MAX (1 << 20)
#define TOPIC_MAX 249
#define BROKERS_SHOWN 2
#define BROKERS_LEN 100
#define RETRY_NS (100 * NS_PER_MS)
#define LOOK_MS 100		/* for so long a signal may have to wait, first ... */
#define LOOK_MAX_MS 1000	/* ... and at most: an answer from far away takes its time */
#define REFUSED_NS NS_PER_S	/* a broker that has just started may not know its users yet */
#define SCRAM_FROM 0x020601ff	/* older ones cannot log in to Kafka 4 by SCRAM */

void kafka_parts(struct buf *out)
{
	buf_format(out, "librdkafka %s\n", rd_kafka_version_str());
}

bool kafka_is_refusal(int code)
{
	return code == RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED || code == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED ||
		code == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED || code == RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED ||
		code == RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED || code == RD_KAFKA_RESP_ERR__AUTHENTICATION ||
		code == RD_KAFKA_RESP_ERR_INVALID_TRANSACTION_TIMEOUT || code == RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE;
}

const char *kafka_missing_right(int code, const char *of_topic)
{
	switch (code) {
	case RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
		return " (the user needs Write and Describe on the transactional id)";
	case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
		return " (the user needs Read on the group)";
	case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:	/* a producer that may write to no topic at all */
		return KAFKA_WRITE;
	case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
		return of_topic;
	default:
		return "";
	}
}

void kafka_complain(struct kafka_complaint *c, int code, const char *text)
{
	buf_clear(&c->text);
	buf_add_text(&c->text, text);
	/* Of what can go wrong with TLS, only the words tell what stays so: a handshake that fails at once is none of TLS's
	 * errors to librdkafka, but one of the connection. */
	c->is_refusal = kafka_is_refusal(code) || strstr(text, "certificate verify failed");
}

/* ---- addresses ---- */

static int check_topic(const char *name, const char *text, struct error *why)
{
	const size_t len = strlen(name);

	if (!len)
		return error_set(why, "\"kafka:%s\" names no topic", text);
	if (len > TOPIC_MAX || !strcmp(name, ".") || !strcmp(name, "..") ||
	    strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") != len)
		return error_set(why, "\"kafka:%s\": \"%s\" is no name of a topic (letters, digits, . _ -, up to 249)", text, name);
	return 0;
}

int kafka_address_parse(struct kafka_address *a, const char *text, struct error *why)
{
	const char *topic = text, *slash;

	*a = (struct kafka_address){0};
	if (!strncmp(text, "//", 2)) {
		slash = strchr(text + 2, '/');
		if (!slash || slash == text + 2)
			return error_set(why, "\"kafka:%s\" is not kafka://HOST:PORT,.../TOPIC", text);
		topic = slash + 1;
		if (check_topic(topic, text, why))
			return -1;
		a->brokers = alloc_span(text + 2, (size_t)(slash - text) - 2);
	} else if (check_topic(topic, text, why))
		return -1;
	a->topic = alloc_text(topic);
	return 0;
}

void kafka_address_release(struct kafka_address *a)
{
	free(a->brokers);
	free(a->topic);
	*a = (struct kafka_address){0};
}

/* "a:1,b:1 and 22 more". */
static void show_brokers(struct kafka_brokers *b)
{
	const char *end = b->list, *comma = b->list;
	size_t n = 1;

	for (; (comma = strchr(comma, ',')); comma++)
		if (++n == BROKERS_SHOWN + 1)
			end = comma;
	if (n > BROKERS_SHOWN + 1)
		snprintf(b->shown, sizeof b->shown, "%.*s and %zu more", (int)(end - b->list < BROKERS_LEN ? end - b->list : BROKERS_LEN), b->list,
		    n - BROKERS_SHOWN);
	else
		snprintf(b->shown, sizeof b->shown, "%s", b->list);
}

struct kafka_brokers kafka_brokers_of(const struct kafka_options *o, const char *brokers)
{
	const char *environment = getenv("KAFKA_BOOTSTRAP_SERVERS");
	struct kafka_brokers b = { .list = KAFKA_DEFAULT_BROKERS, .from = "the default: neither -b nor $KAFKA_BOOTSTRAP_SERVERS is set" };

	if (brokers)
		b = (struct kafka_brokers){ .list = brokers, .from = "from the address" };
	else if (o->brokers)
		b = (struct kafka_brokers){ .list = o->brokers, .from = "from -b" };
	else if (environment && *environment)
		b = (struct kafka_brokers){ .list = environment, .from = "from $KAFKA_BOOTSTRAP_SERVERS" };
	show_brokers(&b);
	return b;
}

/* HOST:PORT, HOST, [::1]:PORT, PROTOCOL://HOST:PORT; of an address without brackets the colons are its own. */
static int check_broker(const char *text, struct error *why)
{
	const char *scheme = strstr(text, "://"), *host = scheme ? scheme + 3 : text, *bracket = strchr(host, ']');
	const char *colon = strrchr(bracket ? bracket : host, ':');
	struct error ignored;
	int64_t port;

	if (!*host || colon == host || *host == '/')
		return error_set(why, "\"%s\" names no host", text);
	if (strpbrk(host, " \t/"))
		return error_set(why, "\"%s\" is not HOST:PORT", text);
	if (!colon || (!bracket && strchr(host, ':') != colon))
		return 0;
	if (strspn(colon + 1, "0123456789") != strlen(colon + 1) || number_parse_integer(colon + 1, &port, &ignored) || port < 1 || port > 65535)
		return error_set(why, "\"%s\" is not HOST:PORT: a port is a number from 1 to 65535", text);
	return 0;
}

/* librdkafka takes what is no port for 0. */
static int check_brokers(struct kafka_brokers brokers, struct error *why)
{
	char *list = alloc_text(brokers.list), *rest = list, *item;
	int result = 0;

	while (!result && (item = strsep(&rest, ","))) {
		while (isspace((unsigned char)*item))
			item++;
		for (size_t len = strlen(item); len && isspace((unsigned char)item[len - 1]);)
			item[--len] = '\0';
		if (check_broker(item, why))
			result = error_prefix(why, "brokers (%s)", brokers.from);
	}
	free(list);
	return result;
}

/* ---- properties ---- */

/* A value may be a password: messages have the name alone. */
static int set(rd_kafka_conf_t *conf, const struct kafka_property *own, const char *name, const char *value, struct error *why)
{
	char words[512];

	if (!strcmp(name, "bootstrap.servers") || !strcmp(name, "metadata.broker.list"))
		return error_set(why, "%s is not to be set: -b is", name);
	for (; own->name; own++)
		if (own->fixed && !strcmp(own->name, name))
			return error_set(why, "%s is not to be set: %s", name, own->fixed);
	if (rd_kafka_conf_set(conf, name, value, words, sizeof words) != RD_KAFKA_CONF_OK)
		return error_set(why, "%s", words);
	return 0;
}

/* "name=value"; cut in place. */
static int set_pair(rd_kafka_conf_t *conf, const struct kafka_property *own, char *pair, struct error *why)
{
	char *value = strchr(pair, '='), *end;

	if (!value || value == pair)
		return error_set(why, "\"%.*s\" is not PROPERTY=VALUE", (int)strcspn(pair, "="), pair);
	for (end = value; end > pair && isspace((unsigned char)end[-1]);)
		end--;
	*end = '\0';
	for (value++; isspace((unsigned char)*value);)
		value++;
	return set(conf, own, pair, value, why);
}

static int set_from_file(rd_kafka_conf_t *conf, const struct kafka_property *own, const char *path, struct error *why)
{
	size_t n;
	char *bytes = savefile_read(path, FILE_MAX, &n, why), *rest = bytes, *line;
	int result = 0;

	if (!bytes)
		return error_prefix(why, "-F");
	for (unsigned number = 1; !result && (line = strsep(&rest, "\n")); number++) {
		for (size_t len = strlen(line); len && isspace((unsigned char)line[len - 1]);)
			line[--len] = '\0';
		while (isspace((unsigned char)*line))
			line++;
		if (*line && *line != '#' && set_pair(conf, own, line, why))
			result = error_prefix(why, "%s:%u", path, number);
	}
	free(bytes);
	return result;
}

static int set_all(rd_kafka_conf_t *conf, const struct kafka_options *o, const struct kafka_property *own, struct error *why)
{
	int result = 0;

	if (o->config_file && set_from_file(conf, own, o->config_file, why))
		return -1;
	for (size_t i = 0; !result && i < o->n_properties; i++) {
		char *pair = alloc_text(o->properties[i]);
		if (set_pair(conf, own, pair, why))
			result = error_prefix(why, "-X");
		free(pair);
	}
	return result;
}

/* Logs go nowhere: what matters comes as errors too.  With `debug` they were asked for. */
static void no_log(const rd_kafka_t *rk, int level, const char *where, const char *text)
{
	(void)rk;
	(void)level;
	(void)where;
	(void)text;
}

static bool is_set(rd_kafka_conf_t *conf, const char *name)
{
	char value[16];
	size_t n = sizeof value;

	return rd_kafka_conf_get(conf, name, value, &n) == RD_KAFKA_CONF_OK && n > 1;
}

rd_kafka_conf_t *kafka_conf(const struct kafka_options *o, struct kafka_brokers brokers, const struct kafka_property *own,
    struct error *why)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	char words[512];
	int result = check_brokers(brokers, why);

	for (const struct kafka_property *p = own; !result && p->name; p++)
		if (rd_kafka_conf_set(conf, p->name, p->value, words, sizeof words) != RD_KAFKA_CONF_OK && !p->may_be_unknown)
			result = error_set(why, "%s", words);
	if (!result && rd_kafka_conf_set(conf, "bootstrap.servers", brokers.list, words, sizeof words) != RD_KAFKA_CONF_OK)
		result = error_set(why, "%s (%s): %s", brokers.shown, brokers.from, words);
	if (!result)
		result = set_all(conf, o, own, why);
	if (result) {
		rd_kafka_conf_destroy(conf);
		return NULL;
	}
	if (!is_set(conf, "debug"))
		rd_kafka_conf_set_log_cb(conf, no_log);
	return conf;
}

rd_kafka_t *kafka_client(bool produces, rd_kafka_conf_t *conf, struct error *why)
{
	char words[512];
	rd_kafka_t *rk = rd_kafka_new(produces ? RD_KAFKA_PRODUCER : RD_KAFKA_CONSUMER, conf, words, sizeof words);

	if (!rk) {
		rd_kafka_conf_destroy(conf);
		error_set(why, "%s", words);
	}
	return rk;
}

/* ---- the first answer ---- */

static void explain_silence(struct kafka_brokers brokers, const struct kafka_complaint *c, struct error *why)
{
	const struct buf *reason = &c->text;
	const char *hint = "";

	if (reason->len && memmem(reason->data, reason->len, "SCRAM", 5) && rd_kafka_version() < SCRAM_FROM)
		hint = " (SCRAM with Kafka 4 needs librdkafka 2.6.1 or newer)";
	error_set(why, "%s at %s (%s)%s%.*s%s", c->is_refusal ? "no access to Kafka" : "no broker answers", brokers.shown, brokers.from,
	    reason->len ? ": " : "", (int)reason->len, reason->len ? reason->data : "", hint);
}

static bool creates_topics(rd_kafka_t *rk)
{
	char value[8];
	size_t n = sizeof value;

	return rd_kafka_conf_get(rd_kafka_conf(rk), "allow.auto.create.topics", value, &n) == RD_KAFKA_CONF_OK && !strcmp(value, "true");
}

/* What one answer says of the topic asked for: no error and its partitions, or why not. */
static rd_kafka_resp_err_t look_up(const struct rd_kafka_metadata *found, int32_t *partitions)
{
	if (found->topic_cnt != 1)
		return RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
	*partitions = found->topics[0].partition_cnt;
	return *partitions || found->topics[0].err ? found->topics[0].err : RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE;
}

/* Asks until there is an answer.  0, -1: none, 1: a stop was asked for meanwhile; *e: what it says of the topic. */
static int ask(rd_kafka_t *rk, rd_kafka_topic_t *topic, struct loop *loop, const struct kafka_complaint *c, int32_t *partitions,
    rd_kafka_resp_err_t *e)
{
	int64_t until = wallclock_monotonic() + KAFKA_CONNECT_MS * NS_PER_MS;
	const struct rd_kafka_metadata *found;

	for (int64_t most = LOOK_MS;; most = 2 * most < LOOK_MAX_MS ? 2 * most : LOOK_MAX_MS) {
		const int64_t now = wallclock_monotonic();
		if (c->is_refusal && until > now + REFUSED_NS)
			until = now + REFUSED_NS;
		const int64_t left = (until - now) / NS_PER_MS;
		const bool is_last = left <= (int64_t)(RETRY_NS / NS_PER_MS);
		const rd_kafka_resp_err_t failure = rd_kafka_metadata(rk, 0, topic, &found, is_last ? 100 : (int)(left < most ? left : most));

		rd_kafka_poll(rk, 0);		/* the reason */
		if (!failure) {
			*e = look_up(found, partitions);
			rd_kafka_metadata_destroy(found);
			/* Of a topic that has just been made, leaders may not be known yet. */
			if (*e != RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE &&
			    (*e != RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART || !creates_topics(rk)))
				return 0;
		}
		if (is_last)
			return failure ? -1 : 0;
		if (loop && loop_look(loop))
			return 1;
		wallclock_sleep_until(wallclock_monotonic() + RETRY_NS);
	}
}

rd_kafka_topic_t *kafka_topic_find(rd_kafka_t *rk, const char *name, struct kafka_brokers brokers, struct loop *loop,
    struct kafka_complaint *c, int32_t *partitions, struct error *why)
{
	rd_kafka_topic_t *topic = rd_kafka_topic_new(rk, name, NULL);
	rd_kafka_resp_err_t e = RD_KAFKA_RESP_ERR_NO_ERROR;

	if (!topic) {
		error_set(why, "kafka:%s: %s", name, rd_kafka_err2str(rd_kafka_last_error()));
		return NULL;
	}
	const int answer = ask(rk, topic, loop, c, partitions, &e);
	if (answer >= 0)
		c->is_refusal = !answer && kafka_is_refusal(e);
	if (answer > 0)
		error_set(why, "kafka:%s: stopped before a broker answered at %s", name, brokers.shown);
	else if (answer)
		explain_silence(brokers, c, why);
	else if (e == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
		error_set(why, "kafka:%s: there is no such topic at %s (%s)", name, brokers.shown, brokers.from);
	else if (e)
		error_set(why, "kafka:%s: %s%s", name, rd_kafka_err2str(e),
		    kafka_missing_right(e, rd_kafka_type(rk) == RD_KAFKA_PRODUCER ? KAFKA_WRITE : KAFKA_READ));
	else
		return topic;
	rd_kafka_topic_destroy(topic);
	return NULL;
}
