/* SPDX-License-Identifier: MIT */
#include "checkpoint/compaction.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "checkpoint/directory.h"

struct compaction {
	char *dir, *name;
	struct chain chain;
	pthread_t thread;
	atomic_bool stop, done;
	int result;
	struct error why;
	size_t len;
};

static void *run(void *self)
{
	struct compaction *c = self;
	struct buf snapshot;

	c->result = chain_load(c->dir, &c->chain, &c->stop, &snapshot, &c->why);
	if (!c->result && !atomic_load(&c->stop))
		c->result = directory_put_state(c->dir, c->name, snapshot.data, snapshot.len, &c->why);
	c->len = snapshot.len;
	buf_release(&snapshot);
	atomic_store(&c->done, true);
	return NULL;
}

static void free_compaction(struct compaction *c)
{
	chain_clear(&c->chain);
	free(c->dir);
	free(c->name);
	free(c);
}

struct compaction *compaction_start(const char *dir, const struct chain *chain, const char *name, struct error *why)
{
	struct compaction *c = alloc_zeroed(1, sizeof *c);
	sigset_t all, before;

	c->dir = alloc_text(dir);
	c->name = alloc_text(name);
	for (size_t i = 0; i < chain->n; i++)
		chain_add(&c->chain, chain->files[i].name, chain->files[i].len);
	/* Signals are the loop's. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	const int failed = pthread_create(&c->thread, NULL, run, c);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (!failed)
		return c;
	error_set(why, "no thread: %s", strerror(failed));
	free_compaction(c);
	return NULL;
}

bool compaction_is_done(const struct compaction *c)
{
	return atomic_load(&c->done);
}

size_t compaction_covers(const struct compaction *c)
{
	return c->chain.n;
}

int compaction_finish(struct compaction *c, size_t *len, struct error *why)
{
	pthread_join(c->thread, NULL);
	const int result = c->result;

	*len = c->len;
	if (result)
		*why = c->why;
	free_compaction(c);
	return result;
}

void compaction_cancel(struct compaction *c)
{
	if (!c)
		return;
	atomic_store(&c->stop, true);
	pthread_join(c->thread, NULL);
	free_compaction(c);
}
