/* SPDX-License-Identifier: MIT */
/*
 * mock-broker - librdkafka's mock cluster as a program: a Kafka for tests and the demo that needs no Java.
 *
 *	mock-broker [--brokers N] [--topic NAME:PARTITIONS]... [--seconds S] [--help]
 *
 * Prints the bootstrap list (host:port,...) on stdout, one line, when the topics are there.  Ends with 0 on SIGTERM or
 * SIGINT, when its standard input (a pipe or a terminal) ends, when its parent ends, and after S seconds (1800).
 * Lines on standard input: "down N" makes broker N unreachable, "up N" brings it back, "slow N MS" has it answer so much later;
 * brokers count from 1.
 *
 * What the mock cluster of librdkafka 2.0 is not: it looks up no times (any time gives the end), keeps at most 5 MiB or
 * 100,000 messages of a partition (the oldest go), makes a topic of 4 partitions of every unknown name, creates no
 * topics on request, writes no transaction markers and forgets everything at its end.
 */
#include <err.h>
#include <errno.h>
#include <getopt.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define TOPICS_MAX 64

static volatile sig_atomic_t stopped;

static void stop(int sig)
{
	(void)sig;
	stopped = 1;
}

static long whole(const char *text, const char *what, long least, long most)
{
	char *end;

	errno = 0;
	long n = strtol(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || n < least || n > most)
		errx(2, "%s: \"%s\" is no number from %ld to %ld", what, text, least, most);
	return n;
}

/* A shell gives /dev/null to what it starts in the background; that is at its end from the start and says nothing. */
static bool can_end(int fd)
{
	struct stat st;

	return isatty(fd) || (fstat(fd, &st) == 0 && (S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode)));
}

static void obey(rd_kafka_mock_cluster_t *cluster, const char *line, int brokers)
{
	rd_kafka_resp_err_t e = RD_KAFKA_RESP_ERR_NO_ERROR;
	char verb[8], more;
	int broker, ms;
	int n = sscanf(line, "%7s %d %d %c", verb, &broker, &ms, &more);

	if (n < 2 || broker < 1 || broker > brokers)
		warnx("\"%s\": there is no such broker", line);
	else if (n == 2 && strcmp(verb, "down") == 0)
		e = rd_kafka_mock_broker_set_down(cluster, broker);
	else if (n == 2 && strcmp(verb, "up") == 0)
		e = rd_kafka_mock_broker_set_up(cluster, broker);
	else if (n == 3 && strcmp(verb, "slow") == 0)
		e = rd_kafka_mock_broker_set_rtt(cluster, broker, ms);
	else
		warnx("\"%s\" is neither \"down N\" nor \"up N\" nor \"slow N MS\"", line);
	if (e)
		warnx("%s: %s", line, rd_kafka_err2str(e));
}

static void serve(rd_kafka_mock_cluster_t *cluster, int brokers, long seconds)
{
	struct pollfd in = { .fd = can_end(0) ? 0 : -1, .events = POLLIN };
	char line[64];
	size_t len = 0;

	/* A second at a time: a signal that arrives just before poll() waits no longer than that. */
	for (time_t end = time(NULL) + seconds; !stopped && time(NULL) < end;) {
		char c;

		if (poll(&in, 1, 1000) <= 0)
			continue;
		ssize_t n = read(0, &c, 1);
		if (n == 0 || (n < 0 && errno != EINTR))
			return;
		if (n < 0)
			continue;
		if (c != '\n' && len < sizeof(line) - 1) {
			line[len++] = c;
			continue;
		}
		line[len] = '\0';
		len = 0;
		obey(cluster, line, brokers);
	}
}

static const char usage[] =
	"usage: mock-broker [--brokers N] [--topic NAME:PARTITIONS]... [--seconds S]\n"
	"A Kafka of librdkafka's mock cluster: prints its bootstrap list, serves until its input or S seconds (1800) end.\n"
	"Input: \"down N\" makes broker N unreachable, \"up N\" brings it back, \"slow N MS\" has it answer so much later.\n";

static const struct option long_options[] = {
	{ "brokers", required_argument, NULL, 'b' }, { "topic", required_argument, NULL, 't' },
	{ "seconds", required_argument, NULL, 's' }, { "help", no_argument, NULL, 'h' }, { NULL, 0, NULL, 0 },
};

int main(int argc, char **argv)
{
	const char *topics[TOPICS_MAX];
	int n_topics = 0, brokers = 1, c;
	long seconds = 1800;
	pid_t parent = getppid();
	struct sigaction on_stop = { .sa_handler = stop };

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		return 1;
	while ((c = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		switch (c) {
		case 'b':
			brokers = (int)whole(optarg, "--brokers", 1, 100);
			break;
		case 't':
			if (n_topics == TOPICS_MAX)
				errx(2, "more than %d topics", TOPICS_MAX);
			topics[n_topics++] = optarg;
			break;
		case 's':
			seconds = whole(optarg, "--seconds", 1, 86400);
			break;
		case 'h':
			return fputs(usage, stdout) < 0 || fflush(stdout) != 0;
		default:
			fputs(usage, stderr);
			return 2;
		}
	}
	if (optind < argc)
		errx(2, "\"%s\": no operand is expected", argv[optind]);
	sigaction(SIGTERM, &on_stop, NULL);
	sigaction(SIGINT, &on_stop, NULL);

	char why[512];
	/* The mock cluster lives in the threads of a client that does nothing else. */
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	/* Below warnings: it would warn of having no brokers to connect to. */
	rd_kafka_conf_set(conf, "log_level", "4", why, sizeof(why));
	rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof(why));
	if (!rk)
		errx(1, "%s", why);
	rd_kafka_mock_cluster_t *cluster = rd_kafka_mock_cluster_new(rk, brokers);
	if (!cluster)
		errx(1, "no mock cluster");
	for (int i = 0; i < n_topics; i++) {
		const char *colon = strrchr(topics[i], ':');
		if (!colon || colon == topics[i])
			errx(2, "--topic \"%s\" is not NAME:PARTITIONS", topics[i]);

		char *name = strndup(topics[i], (size_t)(colon - topics[i]));
		int partitions = (int)whole(colon + 1, "partitions", 1, 1000);
		/* One replica where there is one broker. */
		rd_kafka_resp_err_t e = name ? rd_kafka_mock_topic_create(cluster, name, partitions, 1)
					     : RD_KAFKA_RESP_ERR__FAIL;
		if (e)
			errx(1, "topic %s: %s", topics[i], rd_kafka_err2str(e));
		free(name);
	}
	if (printf("%s\n", rd_kafka_mock_cluster_bootstraps(cluster)) < 0 || fflush(stdout) != 0)
		err(1, "stdout");
	serve(cluster, brokers, seconds);
	rd_kafka_mock_cluster_destroy(cluster);
	rd_kafka_destroy(rk);
	return 0;
}
