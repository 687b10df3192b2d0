/* SPDX-License-Identifier: MIT */
/*
 * A ring of blocks, each of some batches, with three marks that only move forward:
 *
 *	passed ......... begun ......... filled
 *	   being worked on    to be begun     the block that batches are added to
 *
 * Whoever is free, the loop's thread included, begins the next block.  A block has its own part of the tool, so that what is counted
 * can be joined in the order of the records, whichever thread has counted it.
 */
#include "stream/parallel.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/buf.h"
#include "stream/filter.h"
#include "stream/record.h"
#include "stream/source.h"

#define BATCHES 8			/* of a block: some hundred microseconds of work, against a few to wake a thread */
#define BLOCK_BYTES (32 * 1024)		/* ... or so many of lines: blocks stay in the cache */
#define BLOCKS_EACH 2			/* per thread: one to work on, and one that waits for it or to be passed on */
#define BLOCKS_MORE 4			/* for a while in which another process has its processor */
#define KEEP_BYTES (1024 * 1024)	/* what a long line has made larger than this is given back */

struct batch {
	struct record record[BATCH_MAX];
	struct line { size_t len; uint64_t number; } line[BATCH_MAX];
	bool alike;			/* but for these its records are as the first, which alone has been copied */
	size_t n, bytes;		/* bytes: of its lines in the block's */
	int64_t read_at;		/* monotonic ns */
	struct tally tally;
};

struct block {
	struct batch batch[BATCHES];
	size_t n;
	struct buf lines, rendered;	/* of its records, one behind the other, each with LF */
	struct arena arena;		/* of records that are passed on with their values */
	void *part;			/* of the tool */
	bool done;
	bool divided;			/* of some record the partition is told */
};

struct worker {
	struct parallel *parallel;
	pthread_t thread;
	struct arena arena;		/* of a batch whose records are rendered */
	struct record record[BATCH_MAX];	/* of one of which nothing but its lines will be asked */
};

struct parallel {
	struct stage *stage;
	bool renders;
	struct block *ring;
	size_t n_blocks;
	uint64_t passed;
	uint64_t records;		/* taken and not passed on */
	bool ended;			/* what is left is dropped */
	struct worker *workers;		/* the first is the loop's thread */
	size_t n_workers;
	pthread_mutex_t lock;		/* of what follows, and of `done` */
	pthread_cond_t has_work, has_finished;
	uint64_t begun, filled;
	bool waits;			/* the loop's thread does, for has_finished */
	bool leave;
};

static struct block *block_at(struct parallel *p, uint64_t number)
{
	return &p->ring[number % p->n_blocks];
}

/* ---- work, by any thread ---- */

static void render(struct record *r, struct buf *out)
{
	const size_t start = out->len;

	record_write(r, out);
	record_reline(r, NULL, out->len - start - 1);
}

/* Whether it will be passed on as its lines alone.  Then its records are no more than read: another thread has written them. */
static bool is_lines(const struct parallel *p, const struct block *b)
{
	return p->renders && !b->divided && p->stage->behind->take;
}

static void work_on_batch(struct parallel *p, struct block *b, struct batch *batch, struct worker *w, const char *line)
{
	struct arena *arena = p->renders ? &w->arena : &b->arena;
	struct record *to = is_lines(p, b) ? w->record : batch->record, *r[BATCH_MAX];
	const struct record first = batch->record[0];

	for (size_t i = 0; i < batch->n; i++) {
		r[i] = &to[i];
		to[i] = batch->alike ? first : batch->record[i];
		to[i].at.line = batch->line[i].number;
		to[i].arena = arena;
		record_reline(r[i], line, batch->line[i].len);
		line += batch->line[i].len + 1;
	}
	p->stage->tool->work(b->part, r, batch->n);
	if (!p->renders)
		return;
	for (size_t i = 0; i < batch->n; i++)
		render(r[i], &b->rendered);
	arena_clear(arena);
}

static void work_on(struct parallel *p, struct block *b, struct worker *w)
{
	const char *line = b->lines.data;

	for (size_t k = 0; k < b->n; k++) {
		struct batch *batch = &b->batch[k];
		work_on_batch(p, b, batch, w, line);
		line += batch->bytes;
	}
}

/* Under the lock, which is open while the work is done. */
static void work_on_next(struct parallel *p, struct worker *w)
{
	struct block *b = block_at(p, p->begun++);

	pthread_mutex_unlock(&p->lock);
	work_on(p, b, w);
	pthread_mutex_lock(&p->lock);
	b->done = true;
}

static void *work(void *self)
{
	struct worker *w = self;
	struct parallel *p = w->parallel;

	pthread_mutex_lock(&p->lock);
	while (!p->leave) {
		if (p->begun == p->filled) {
			pthread_cond_wait(&p->has_work, &p->lock);
			continue;
		}
		work_on_next(p, w);
		if (p->waits)
			pthread_cond_signal(&p->has_finished);
	}
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

/* ---- the loop's thread ---- */

static void reset(struct block *b)
{
	b->n = 0;
	b->done = b->divided = false;
	buf_clear(&b->lines);
	buf_clear(&b->rendered);
	if (b->lines.size > KEEP_BYTES)
		buf_release(&b->lines);
	if (b->rendered.size > KEEP_BYTES)
		buf_release(&b->rendered);
	arena_clear(&b->arena);
}

static void finish(struct parallel *p, const struct block *b)
{
	pthread_mutex_lock(&p->lock);
	while (!b->done)
		if (p->begun < p->filled) {
			work_on_next(p, p->workers);
		} else {
			p->waits = true;
			pthread_cond_wait(&p->has_finished, &p->lock);
			p->waits = false;
		}
	pthread_mutex_unlock(&p->lock);
}

static int pass_batch(struct parallel *p, struct batch *batch, struct error *why)
{
	struct stage *s = p->stage;
	struct record *r[BATCH_MAX];

	for (size_t i = 0; i < batch->n; i++) {
		r[i] = &batch->record[i];
		if (r[i]->failed_by == &batch->tally)
			r[i]->failed_by = &s->tally;
	}
	record_join_tally(&s->tally, &batch->tally);
	p->records -= batch->n;
	const int result = next_pass(s->behind, r, batch->n, why);
	loop_note_latency(s->loop, batch->read_at, batch->n);
	return result;
}

/* What was rendered stands where the buffer is now. */
static void place_lines(struct block *b, const char *at)
{
	for (size_t k = 0; k < b->n; k++)
		for (size_t i = 0; i < b->batch[k].n; i++) {
			b->batch[k].record[i].line = at;
			at += b->batch[k].record[i].len + 1;
		}
}

static int pass_batches(struct parallel *p, struct block *b, struct error *why)
{
	int result = 0;

	if (p->renders)
		place_lines(b, b->rendered.data);
	for (size_t k = 0; !result && k < b->n; k++)
		result = pass_batch(p, &b->batch[k], why);
	return result;
}

/* As one piece: another thread has its bytes in its cache, and this one need not look at them. */
static int pass_lines(struct parallel *p, struct block *b, struct error *why)
{
	struct stage *s = p->stage;

	for (size_t k = 0; k < b->n; k++) {
		record_join_tally(&s->tally, &b->batch[k].tally);
		p->records -= b->batch[k].n;
	}
	const int result = s->behind->take(s->behind, &b->rendered, why);
	for (size_t k = 0; k < b->n; k++)
		loop_note_latency(s->loop, b->batch[k].read_at, b->batch[k].n);
	return result;
}

static int pass_oldest(struct parallel *p, struct error *why)
{
	struct block *b = block_at(p, p->passed);

	finish(p, b);
	p->stage->tool->join(p->stage->self, b->part);
	const int result = is_lines(p, b) ? pass_lines(p, b, why) : pass_batches(p, b, why);
	p->ended = result != 0;
	reset(b);
	p->passed++;
	return result;
}

/* The block that batches are added to is full, or somebody waits for it. */
static void hand_over(struct parallel *p, bool wakes)
{
	pthread_mutex_lock(&p->lock);
	p->filled++;
	if (wakes)
		pthread_cond_signal(&p->has_work);
	pthread_mutex_unlock(&p->lock);
}

static bool is_ready(struct parallel *p)
{
	pthread_mutex_lock(&p->lock);
	const bool ready = p->passed < p->filled && block_at(p, p->passed)->done;
	pthread_mutex_unlock(&p->lock);
	return ready;
}

struct tally *parallel_tally(struct parallel *p, uint64_t *before)
{
	struct block *b = block_at(p, p->filled);

	*before = p->stage->tally.records + p->records;
	return &b->batch[b->n].tally;
}

static void copy_lines(struct record *const *r, size_t n, struct buf *lines)
{
	for (size_t i = 0, run; i < n; i += run) {
		const char *from = r[i]->line;
		run = record_run(r + i, n - i);
		buf_add(lines, from, (size_t)(r[i + run - 1]->line - from) + r[i + run - 1]->len);
		buf_add_byte(lines, '\n');
	}
}

static bool is_alike(const struct record *a, const struct record *b)
{
	return a->kind == b->kind && a->error == b->error && a->empty == b->empty && a->partition == b->partition && a->fields == b->fields &&
		a->at.source == b->at.source && a->origin == b->origin && a->refusal == b->refusal && a->failed_by == b->failed_by;
}

/* What the source and the loop have said of it. */
static void copy_record(struct record *to, const struct record *from)
{
	*to = *from;
	to->added = NULL;
	to->room = 0;
}

static void copy_batch(struct batch *batch, struct record *const *r, size_t n)
{
	batch->n = n;
	batch->alike = true;
	for (size_t i = 0; i < n; i++) {
		batch->line[i] = (struct line){ r[i]->len, r[i]->at.line };
		batch->alike = batch->alike && is_alike(r[0], r[i]);
	}
	for (size_t i = 0; i < (batch->alike ? 1 : n); i++)
		copy_record(&batch->record[i], r[i]);
}

int parallel_take(struct parallel *p, struct record **r, size_t n, struct error *why)
{
	struct block *b = block_at(p, p->filled);
	struct batch *batch = &b->batch[b->n++];
	int result = 0;

	copy_batch(batch, r, n);
	for (size_t i = 0; i < n; i++)
		b->divided |= r[i]->partition != PARTITION_NONE;
	const size_t before = b->lines.len;
	copy_lines(r, n, &b->lines);
	batch->bytes = b->lines.len - before;
	batch->read_at = p->stage->loop->batch_at;
	p->records += n;
	if (b->n < BATCHES && b->lines.len < BLOCK_BYTES)
		return 0;
	hand_over(p, true);
	while (!result && (p->filled - p->passed == p->n_blocks || is_ready(p)))
		result = pass_oldest(p, why);
	return result;
}

bool parallel_holds(const struct parallel *p)
{
	return p->records && !p->ended;
}

int parallel_step(struct parallel *p, struct error *why)
{
	/* What is all there is at hand wakes nobody: this thread is about to wait for it. */
	if (block_at(p, p->filled)->n)
		hand_over(p, p->filled > p->passed);
	return pass_oldest(p, why);
}

int parallel_rest(struct parallel *p, struct error *why)
{
	int result = 0;

	while (!result && parallel_holds(p))
		result = parallel_step(p, why);
	return result;
}

/* ---- beginning and end ---- */

struct parallel *parallel_new(struct stage *s, unsigned jobs, bool renders, struct error *why)
{
	struct parallel *p = alloc_zeroed(1, sizeof *p);
	sigset_t all, before;
	int failure = 0;

	p->stage = s;
	p->renders = renders;
	p->n_blocks = (size_t)jobs * BLOCKS_EACH + BLOCKS_MORE;
	p->ring = alloc_zeroed(p->n_blocks, sizeof *p->ring);
	for (size_t i = 0; i < p->n_blocks; i++)
		p->ring[i].part = s->tool->split(s->self);
	p->workers = alloc_zeroed(jobs, sizeof *p->workers);
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->has_work, NULL);
	pthread_cond_init(&p->has_finished, NULL);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	for (p->n_workers = 1; !failure && p->n_workers < jobs; p->n_workers += !failure) {
		struct worker *w = &p->workers[p->n_workers];
		w->parallel = p;
		failure = pthread_create(&w->thread, NULL, work, w);
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (!failure)
		return p;
	error_set(why, "thread %zu of %u (-j) cannot be started: %s", p->n_workers + 1, jobs, strerror(failure));
	parallel_free(p);
	return NULL;
}

void parallel_free(struct parallel *p)
{
	if (!p)
		return;
	pthread_mutex_lock(&p->lock);
	p->leave = true;
	pthread_cond_broadcast(&p->has_work);
	pthread_mutex_unlock(&p->lock);
	for (size_t i = 0; i < p->n_workers; i++) {
		if (i)
			pthread_join(p->workers[i].thread, NULL);
		arena_release(&p->workers[i].arena);
	}
	for (size_t i = 0; i < p->n_blocks; i++) {
		buf_release(&p->ring[i].lines);
		buf_release(&p->ring[i].rendered);
		arena_release(&p->ring[i].arena);
	}
	pthread_cond_destroy(&p->has_finished);
	pthread_cond_destroy(&p->has_work);
	pthread_mutex_destroy(&p->lock);
	free(p->workers);
	free(p->ring);
	free(p);
}
