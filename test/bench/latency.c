/* SPDX-License-Identifier: MIT */
/*
 * latency - how long a line takes through a pipeline.
 *
 *	latency RATE COUNT EVENTS COMMAND
 *
 * Feeds lines of EVENTS (objects) to `sh -c COMMAND` at RATE a second, each with a member "_t" that says when it was sent,
 * and reads what comes out until all have come.  Prints p50, p99 and p99.9 in microseconds.
 */
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int to_child[2], from_child[2];
static double rate;
static long count;
static FILE *events;
static int64_t *took;
static long n_took;

static int64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static void *feed(void *unused)
{
	const int64_t from = now();
	char *line = NULL, out[1 << 16];
	size_t size = 0;

	(void)unused;
	for (long i = 0; i < count; i++) {
		ssize_t len = getline(&line, &size, events);
		if (len < 0) {
			rewind(events);
			len = getline(&line, &size, events);
		}
		while (len && line[len - 1] != '}')
			len--;
		const int64_t due = from + (int64_t)((double)i * 1e9 / rate);
		while (now() < due)
			clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &(struct timespec){ due / 1000000000, due % 1000000000 }, NULL);
		const int n = snprintf(out, sizeof out, "%.*s,\"_t\":%lld}\n", (int)len - 1, line, (long long)now());
		if (write(to_child[1], out, (size_t)n) != n)
			break;
	}
	close(to_child[1]);
	free(line);
	return NULL;
}

static int by_time(const void *a, const void *b)
{
	const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
	pthread_t feeder;
	char *line = NULL;
	size_t size = 0;
	int status;

	if (argc != 5 || !(events = fopen(argv[3], "r")) || pipe(to_child) || pipe(from_child)) {
		fprintf(stderr, "usage: latency RATE COUNT EVENTS COMMAND\n");
		return 2;
	}
	rate = strtod(argv[1], NULL);
	count = strtol(argv[2], NULL, 10);
	took = calloc((size_t)count, sizeof *took);
	const pid_t child = fork();
	if (!child) {
		dup2(to_child[0], 0);
		dup2(from_child[1], 1);
		for (int i = 0; i < 2; i++)
			close(to_child[i]), close(from_child[i]);
		execl("/bin/sh", "sh", "-c", argv[4], (char *)NULL);
		_exit(127);
	}
	close(to_child[0]);
	close(from_child[1]);
	pthread_create(&feeder, NULL, feed, NULL);
	FILE *in = fdopen(from_child[0], "r");
	while (n_took < count && getline(&line, &size, in) > 0) {
		const char *stamp = strstr(line, "\"_t\":");
		if (stamp)
			took[n_took++] = now() - strtoll(stamp + 5, NULL, 10);
	}
	pthread_join(feeder, NULL);
	waitpid(child, &status, 0);
	if (n_took != count)
		fprintf(stderr, "latency: %ld of %ld lines came out\n", n_took, count);
	qsort(took, (size_t)n_took, sizeof *took, by_time);
	if (n_took)
		printf("%.0f %.0f %.0f\n", took[n_took / 2] / 1e3, took[n_took * 99 / 100] / 1e3, took[n_took * 999 / 1000] / 1e3);
	free(line);
	return n_took != count;
}
