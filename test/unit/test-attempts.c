/* SPDX-License-Identifier: MIT */
/* Runs that read three sources in an order that is never the same, and die of some records: each is found, and no other one. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/prng.h"
#include "checkpoint/attempts.h"
#include "test/unit/tap.h"

#define SOURCES 3
#define LINES 3000
#define ATTEMPTS 3

static const char *const names[SOURCES] = { "a \"b\".jsonl", "kafka:t[0]", "kafka:t[1]" };

/* What a checkpoint would hold, and what a run has read. */
struct place { uint64_t line[SOURCES], records; };

struct world {
	const char *dir;
	struct prng random;
	bool poison[SOURCES][LINES + 1], letter[SOURCES][LINES + 1];
	struct place committed, read;
	uint64_t n_kills;		/* of runs that somebody ends, with records under way */
	uint64_t normal;		/* records of an epoch, where nothing is looked for */
	size_t n_runs;
};

static void commit(struct world *w, struct attempts *a)
{
	w->committed = w->read;
	attempts_committed(a, w->committed.records);
}

/* False: the run has died. */
static bool send(struct world *w, struct attempts *a, size_t s)
{
	const uint64_t line = w->read.line[s] + 1;
	enum attempts_verdict verdict;
	struct error why;

	while ((verdict = attempts_judge(a, names[s], line)) == ATTEMPTS_BARRIER)
		commit(w, a);
	if (attempts_send(a, names[s], line, &why))
		return false;
	if (w->poison[s][line] && verdict != ATTEMPTS_POISON)
		return false;
	w->letter[s][line] = verdict == ATTEMPTS_POISON;
	w->read.line[s]++;
	w->read.records++;
	return true;
}

/* True: it has come to the end. */
static bool run(struct world *w)
{
	struct attempts *a = attempts_new(w->dir, ATTEMPTS);
	char name[24];
	struct error why;
	size_t s = prng_below(&w->random, SOURCES);
	uint64_t left = w->n_kills ? 1 + prng_below(&w->random, 900) : UINT64_MAX;
	bool alive;

	snprintf(name, sizeof name, "%zu", ++w->n_runs);
	w->read = w->committed;
	alive = !attempts_begin(a, w->committed.records, name, &why);
	w->n_kills -= w->n_kills > 0;
	while (alive && w->read.records < SOURCES * LINES) {
		if (w->read.line[s] == LINES || prng_below(&w->random, 50) == 0)
			s = prng_below(&w->random, SOURCES);
		else if (--left == 0) {
			alive = false;
			if (prng_below(&w->random, 2))
				w->committed = w->read;		/* and nobody has told the source */
		}
		else if ((alive = send(w, a, s)) && w->read.records % w->normal == 0 && !attempts_is_careful(a))
			commit(w, a);
	}
	if (alive && !attempts_exhaust(a, &why)) {
		commit(w, a);
		attempts_end(w->dir, name);
	}
	attempts_free(a);
	return alive;
}

static void test_found(const char *dir, size_t n_poison, uint64_t n_kills, uint64_t normal)
{
	struct world *w = alloc_zeroed(1, sizeof *w);
	char path[64];
	size_t missed = 0, wrong = 0;

	*w = (struct world){ .dir = dir, .n_kills = n_kills, .normal = normal };
	prng_init(&w->random, n_poison * 7 + n_kills);
	for (size_t i = 0; i < n_poison; i++)
		w->poison[prng_below(&w->random, SOURCES)][1 + prng_below(&w->random, LINES)] = true;
	while (!run(w) && w->n_runs < 10000)
		;
	for (size_t s = 0; s < SOURCES; s++)
		for (size_t i = 1; i <= LINES; i++) {
			missed += w->poison[s][i] && !w->letter[s][i];
			wrong += !w->poison[s][i] && w->letter[s][i];
		}
	ok(!missed && !wrong && w->committed.records == SOURCES * LINES, "%zu poison records, %llu kills, epochs of %llu: %zu runs, %zu missed, %zu wrong",
	    n_poison, (unsigned long long)n_kills, (unsigned long long)normal, w->n_runs, missed, wrong);
	ok(w->n_runs <= 30 * n_poison + n_kills + 1, "in no more runs than that takes");
	snprintf(path, sizeof path, "%s/attempts", dir);
	ok(access(path, F_OK), "and nothing is left of it");
	free(w);
}

int main(void)
{
	char name[] = "/tmp/test-attempts.XXXXXX";
	const char *dir = mkdtemp(name);

	test_found(dir, 0, 0, 1000);
	test_found(dir, 0, 30, 1000);
	test_found(dir, 1, 0, 1000000);
	test_found(dir, 1, 0, 100);
	test_found(dir, 5, 0, 3000);
	test_found(dir, 12, 20, 3000);
	rmdir(dir);
	return done();
}
