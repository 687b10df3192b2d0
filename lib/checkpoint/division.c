/* SPDX-License-Identifier: MIT */
#include "checkpoint/division.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/wallclock.h"
#include "checkpoint/directory.h"
#include "checkpoint/fence.h"
#include "checkpoint/shards.h"
#include "checkpoint/written.h"

#define TURN_WAIT (60 * NS_PER_S)	/* for other shards that begin */
#define LOCK_WAIT (5 * NS_PER_S)	/* for one that is about to end */

/* A retry cannot help. */
static int usage(int result)
{
	return result ? -2 : 0;
}

static char *suffix_of(unsigned generation, unsigned index)
{
	return alloc_format("-%u.%u", generation, index);
}

/* The shard's transaction, where its place is known. */
static int fence_shard(const struct checkpoint_options *o, struct loop *l, const char *folder, const struct shards_generation *g, unsigned index,
    bool is_known, struct transaction **out, struct error *why)
{
	char *suffix = suffix_of(g->number, index);
	struct fence_known known = { suffix, is_known, { NULL, g->by.topic } };

	if (g->by.name)
		known.by.name = alloc_format("%s%s", g->by.name, suffix);
	const int result = fence_begin(o, folder, l, &known, out, why);
	free(known.by.name);
	free(suffix);
	return result;
}

/* A shard of the generation that ends: dead, cut off, and nothing of it left but what it has committed.  Its lock, to be held on; -1, -2. */
static int settle(const struct checkpoint_options *o, struct loop *l, const struct shards_generation *g, unsigned index, int *lock,
    struct error *why)
{
	char *folder = shards_folder(o->dir, g->number, index);
	struct transaction *unused;
	int result = 0;

	*lock = -1;
	if (access(folder, F_OK))
		goto out;	/* it has never been started */
	*lock = directory_lock(folder, "COMMIT", LOCK_WAIT, why);
	if (*lock < 0)
		result = *lock == -2 ? error_prefix(why, "shard %u/%u is at work, and it cannot be divided by %u meanwhile", index, g->n, o->shard.of) : -1;
	if (!result)
		result = fence_shard(o, l, folder, g, index, true, &unused, why);
	if (!result) {
		struct written *w = written_new(folder, true);
		result = written_take_back(w, why);
		written_free(w);
	}
out:
	free(folder);
	return result;
}

static int settle_all(const struct checkpoint_options *o, struct loop *l, const struct shards_generation *g, int *locks, struct error *why)
{
	int result = 0;

	for (unsigned i = 0; i < g->n; i++)
		locks[i] = -1;
	for (unsigned i = 0; !result && i < g->n; i++)
		result = settle(o, l, g, i, &locks[i], why);
	return result;
}

/* The name without its suffix. */
static struct transaction_place common_place(const struct transaction *t, const char *suffix, struct arena *arena)
{
	if (!t)
		return (struct transaction_place){0};
	return (struct transaction_place){ arena_copy(arena, t->at.name, strlen(t->at.name) - strlen(suffix)),
		arena_copy(arena, t->at.topic, strlen(t->at.topic)) };
}

static int lock_folder(const struct checkpoint_options *o, const struct shards_generation *g, struct division *d, struct error *why)
{
	d->folder = shards_folder(o->dir, g->number, o->shard.index);
	d->generation = g->number;
	if (directory_make(d->folder, why))
		return -2;
	d->lock = directory_lock(d->folder, "COMMIT", LOCK_WAIT, why);
	return d->lock >= 0 ? 0 : d->lock;
}

/* Under SHARDS.lock, which goes when this returns or earlier. */
static int join(const struct checkpoint_options *o, struct loop *l, const struct shards_generation *g, int *turn, struct division *d,
    struct error *why)
{
	const int result = lock_folder(o, g, d, why);

	close(*turn);
	*turn = -1;
	return result ? result : fence_shard(o, l, d->folder, g, o->shard.index, true, &d->transaction, why);
}

static void tell_division(const struct loop *l, const char *dir, unsigned was, unsigned is)
{
	char *text = alloc_format("%s: %u shard%s, %u before: their state is divided anew", dir, is, is == 1 ? "" : "s", was);

	if (l->on_note)
		l->on_note(l, NULL, text);
	free(text);
}

static int divide(const struct checkpoint_options *o, struct loop *l, struct shards *s, struct arena *arena, struct division *d,
    struct error *why)
{
	const struct shards_generation *last = shards_newest(s);
	struct shards_generation *all = arena_get(arena, (s->n + 1) * sizeof *all), *g = &all[s->n];
	int *locks = alloc_zeroed(last ? last->n : 1, sizeof *locks);
	int result = last ? settle_all(o, l, last, locks, why) : 0;

	memcpy(all, s->n ? s->all : all, s->n * sizeof *all);
	*g = (struct shards_generation){ last ? last->number + 1 : 1, o->shard.of, last ? last->by : (struct transaction_place){0} };
	if (!result)
		result = lock_folder(o, g, d, why);
	if (!result)
		result = fence_shard(o, l, d->folder, g, o->shard.index, last, &d->transaction, why);
	if (!result) {
		char *suffix = suffix_of(g->number, o->shard.index);
		g->by = common_place(d->transaction, suffix, arena);
		free(suffix);
		result = shards_write(o->dir, &(struct shards){ all, s->n + 1 }, why);
	}
	if (last && !result)
		tell_division(l, o->dir, last->n, o->shard.of);
	for (unsigned i = 0; last && i < last->n; i++)
		if (locks[i] >= 0)
			close(locks[i]);
	free(locks);
	return result;
}

int division_begin(const struct checkpoint_options *o, struct loop *l, struct division *d, struct error *why)
{
	struct shards s;
	struct arena arena = ARENA_INIT;
	int turn = directory_lock(o->dir, "SHARDS", TURN_WAIT, why), result;

	*d = (struct division){ .lock = -1 };
	if (turn < 0)
		return error_prefix(why, "another shard has been about to begin for a minute");
	result = usage(shards_read(o->dir, &s, &arena, why));
	if (!result && !s.n && directory_mark(o->dir))
		result = usage(error_set(why, "%s: is the checkpoint of a pipeline without --shard: its state is not filed by partition", o->dir));
	if (!result)
		result = s.n && shards_newest(&s)->n == o->shard.of ? join(o, l, shards_newest(&s), &turn, d, why) :
		    divide(o, l, &s, &arena, d, why);
	if (turn >= 0)
		close(turn);
	arena_release(&arena);
	return result;
}

int division_find(const char *dir, struct checkpoint_shard shard, struct division *d, struct error *why)
{
	struct shards s;
	struct arena arena = ARENA_INIT;
	const bool is_busy = directory_holder(dir, "SHARDS") != 0;
	int result = shards_read(dir, &s, &arena, why);

	*d = (struct division){ .lock = -1 };
	if (!result && s.n && shards_newest(&s)->n == shard.of) {
		d->generation = shards_newest(&s)->number;
		d->folder = shards_folder(dir, d->generation, shard.index);
		result = directory_authority(d->folder, why);
	}
	arena_release(&arena);
	return result || !is_busy ? result : 2;
}

int division_check(struct checkpoint_shard s, const struct control_line *begin, struct error *why)
{
	const struct control_text theirs = begin->shard;
	char own[24] = "";

	if (s.of)
		snprintf(own, sizeof own, "%u/%u", s.index, s.of);
	if (control_same(theirs, (struct control_text){ own, strlen(own) }))
		return 0;
	return error_set(why, "the stream is %s%.*s, and this stage is of %s%s (--shard, or $SML_SHARD, is the same for all)",
	    theirs.len ? "of shard " : "not divided", (int)theirs.len, theirs.len ? theirs.text : "", s.of ? "shard " : "no shard", own);
}
