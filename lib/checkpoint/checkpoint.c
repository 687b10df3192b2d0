/* SPDX-License-Identifier: MIT */
#include "checkpoint/checkpoint.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/number.h"
#include "base/wallclock.h"
#include "checkpoint/attempts.h"
#include "checkpoint/control.h"
#include "checkpoint/directory.h"
#include "checkpoint/division.h"
#include "checkpoint/fence.h"
#include "checkpoint/shards.h"
#include "checkpoint/states.h"
#include "checkpoint/written.h"
#include "json/parse.h"
#include "json/write.h"

#define LOCK_WAIT (5 * NS_PER_S)	/* for a sink that is about to end */
#define SINK_WAIT (10 * NS_PER_S)	/* for the sink to come up */
#define BROKER_WAIT (90 * NS_PER_S)	/* for one that is there, and waits for brokers itself */
#define STOPPED_WAIT (2 * NS_PER_S)	/* ... when a stop has been asked for: that is no failure, it ends a stream that has begun */
#define TRY_NS (10 * NS_PER_MS)
#define IDLE_NS (60 * NS_PER_S)		/* between barriers where nothing is read */
#define EPOCH_BYTES (8u << 20)		/* of input: then a barrier at once */
#define LOOK_NS (5 * NS_PER_MS)		/* between looks whether it has been committed */
#define PATIENCE (NS_PER_S / 5)		/* for a commit, before a look whether there is anybody to make it */
#define AT_WORK 4			/* between barriers at least so many times what they take, until they are committed ... */
#define REST_MAX_NS (20 * NS_PER_S)	/* ... but not so long that transactions would time out */
#define TIDY_NS NS_PER_S

struct checkpoint {
	struct protocol protocol;
	struct checkpoint_options o;		/* dir: the shard's folder, once that is known */
	const char *root;			/* the directory of all shards */
	char *folder;
	unsigned generation;
	bool tidies;				/* there may be older generations ... */
	int64_t tidy_due;			/* ... and then is the next look, monotonic ns */
	struct loop *loop;
	struct arena arena, line_arena;
	char run[COMMIT_RUN];
	uint64_t epoch;				/* of the last barrier, or what was begun with */
	struct buf via;				/* as `begin` left this process */
	struct states *states;
	struct written *written;		/* a sink's files; NULL: it is none */
	struct transaction *transaction;	/* a sink's, which is its commit; NULL: none */
	int lock;
	bool ended, aborted, lost;		/* lost: a stage before has died without a word */
	struct attempts *attempts;		/* a source's; NULL: it is none */
	int64_t due, barrier_at;		/* a source's */
	int64_t took;				/* from the barrier to its commit, of the last one; 0: there was none */
	bool is_due;				/* a barrier, also where nothing has been read */
	bool is_open;				/* the last barrier has not been committed yet, as far as the source has seen */
	uint64_t mark;				/* of the commit before it */
	int64_t hurries;			/* from when on much input alone is reason enough for one */
	uint64_t done, records;			/* input bytes and records at the last barrier */
	size_t batch;				/* its records, where it need not be careful */
	struct buf line, next_line;
};

static struct checkpoint *of(struct protocol *p)
{
	return (struct checkpoint *)p;
}

/* What tells -2 from -1. */
static int by(struct checkpoint *c, int result)
{
	if (result == -2)
		c->loop->verdict = EXIT_USAGE;
	return result ? -1 : 0;
}

static int usage(struct checkpoint *c, int result)
{
	if (result)
		c->loop->verdict = EXIT_USAGE;
	return result ? -1 : 0;
}

/* The shard's part of the directory, where the pipeline is divided. */
static void take_folder(struct checkpoint *c, char *folder, unsigned generation)
{
	free(c->folder);
	c->folder = folder;
	c->o.dir = folder;
	states_stand_in(c->states, folder);
	c->generation = generation;
}

/* ---- lines ---- */

/* Behind all data so far, and out at once. */
static int send(struct checkpoint *c, const struct buf *line, struct error *why)
{
	struct output *o = c->o.output;

	buf_add(&o->buf, line->data, line->len);
	buf_add_byte(&o->buf, '\n');
	return output_try(o, why);
}

/* What the last stage of this process has left of a line goes on, or stays with a sink. */
static int forward(struct checkpoint *c, struct error *why)
{
	return c->o.is_sink ? 0 : send(c, &c->line, why);
}

/* A stage's name, and its state, into the line under way. */
static void pass_stage(struct checkpoint *c, size_t i, const struct buf *state)
{
	const struct buf now = c->line;

	buf_clear(&c->next_line);
	control_pass(&c->next_line, now.data, now.len, c->o.stages[i], state);
	c->line = c->next_line;
	c->next_line = now;
}

static int read_line(struct checkpoint *c, struct control_line *out, struct error *why)
{
	arena_clear(&c->line_arena);
	return control_read(out, c->line.data, c->line.len, &c->line_arena, why) ? error_prefix(why, "a control record") : 0;
}

static void note_via(struct checkpoint *c, const struct control_line *l)
{
	buf_clear(&c->via);
	buf_add(&c->via, l->via.text, l->via.len);
}

/* ---- states ---- */

static int restore_stage(struct checkpoint *c, size_t i, const struct control_line *l, struct error *why)
{
	const struct control_text json = control_state(l, c->o.stages[i]);

	if (l->parts.text)
		return states_restore_parts(c->states, i, &c->loop->stages[i], c->root, l, why);
	return json.text ? states_restore(c->states, i, &c->loop->stages[i], json, why) : 0;
}

static int save_stage(struct checkpoint *c, size_t i, const struct control_line *l, struct error *why)
{
	struct stage *s = &c->loop->stages[i];
	const struct commit_point at = control_point(l);
	struct buf json = BUF_INIT;

	if (s->tool->drain && s->tool->drain(s->self, l->is_last, s->behind, why) < 0)
		return -1;
	const int result = states_save(c->states, i, s, &at, &json, why);
	if (!result)
		pass_stage(c, i, &json);
	buf_release(&json);
	return result;
}

static size_t stage_of(const struct checkpoint *c, const void *tool)
{
	return (size_t)(loop_stage(c->loop, tool) - c->loop->stages);
}

static int put(struct protocol *p, const void *tool, const void *bytes, size_t n, struct error *why)
{
	struct checkpoint *c = of(p);
	struct commit_point at = { .epoch = p->epoch };

	memcpy(at.run, c->run, sizeof at.run);
	return states_put(c->states, stage_of(c, tool), &at, bytes, n, why);
}

static char *get(struct protocol *p, const void *tool, const char **path, size_t *n, struct error *why)
{
	const struct checkpoint *c = of(p);

	return states_get(c->states, stage_of(c, tool), path, n, why);
}

/* ---- the sink ---- */

/* Its folder, the lock of it, and the transaction by which it commits. */
static int enter(struct checkpoint *c, struct error *why)
{
	const struct fence_known nothing = { .suffix = "" };

	if (c->o.shard.of) {
		struct division d;
		const int result = division_begin(&c->o, c->loop, &d, why);
		take_folder(c, d.folder, d.generation);
		c->lock = d.lock;
		c->transaction = d.transaction;
		return by(c, result);
	}
	if (shards_exist(c->o.dir))
		return usage(c, error_set(why, "%s: is the checkpoint of a pipeline that is divided: say which part this is (--shard I/N, or $SML_SHARD)",
		    c->o.dir));
	c->lock = directory_lock(c->o.dir, "COMMIT", LOCK_WAIT, why);
	return by(c, c->lock < 0 ? c->lock : fence_begin(&c->o, c->o.dir, c->loop, &nothing, &c->transaction, why));
}

static int prepare(struct protocol *p, struct loop *l, struct error *why)
{
	struct checkpoint *c = of(p);

	c->loop = l;
	c->states = states_new(c->o.dir, c->o.stages, l->n_stages);
	if (usage(c, directory_make(c->o.dir, why)))
		return -1;
	if (!c->o.is_sink)
		return 0;
	if (enter(c, why))
		return -1;
	c->written = written_new(c->o.dir, c->o.shard.of);
	return by(c, written_take_back(c->written, why)) ? -1 : directory_say_authority(c->o.dir, why);
}

static int opened(struct protocol *p, struct output *o, struct error *why)
{
	struct checkpoint *c = of(p);
	struct stat st;

	if (fstat(o->fd, &st) || !S_ISREG(st.st_mode))
		return 0;
	if (!c->o.is_sink)
		return usage(c, error_set(why, "%s: is a file: under a checkpoint the last stage, which writes files, is sml-route", o->name));
	return by(c, written_opened(c->written, o, why));
}

static int writing(struct protocol *p, struct output *o, struct error *why)
{
	struct checkpoint *c = of(p);

	if (c->written && c->o.shard.of && usage(c, shards_claim(c->root, c->generation, c->o.shard, o->fd, o->name, why)))
		return -1;
	return c->written ? by(c, written_begins(c->written, o, why)) : 0;
}

static int closing(struct protocol *p, struct output *o, struct error *why)
{
	struct checkpoint *c = of(p);

	return c->written ? by(c, written_closes(c->written, o, why)) : 0;
}

/* A reader of a pipe has had the records already: what it has been given is now final. */
static int tell_commit(struct checkpoint *c, const struct control_line *l, struct error *why)
{
	struct buf line = BUF_INIT;
	int result = 0;

	control_write_commit(&line, l->run.text, l->run.len, l->epoch);
	buf_add_byte(&line, '\n');
	for (size_t i = 0; !result && i < c->loop->n_outputs; i++) {
		struct output *o = c->loop->outputs[i];
		if (!o->is_pipe || o->closed || !(o->written || output_left(o)))
			continue;
		buf_add(&o->buf, line.data, line.len);
		result = output_try(o, why);
	}
	buf_release(&line);
	return result;
}

static void note_commit(struct protocol *p, int64_t took)
{
	p->n_commits++;
	p->commit_ns += took;
	if (took > p->longest_commit_ns)
		p->longest_commit_ns = took;
	p->committed_at = wallclock_now();
}

static void tidy(struct checkpoint *c)
{
	const int64_t now = wallclock_monotonic();

	if (!c->tidies || now < c->tidy_due)
		return;
	c->tidies = !shards_tidy(c->root);
	c->tidy_due = now + TIDY_NS;
}

static int commit(struct checkpoint *c, const struct control_line *l, struct error *why)
{
	const int64_t began = wallclock_monotonic();
	const struct commit_point at = control_point(l);

	if (loop_settle(c->loop, why))
		return -1;
	if (by(c, written_commit(c->written, c->transaction, l, c->line.data, c->line.len, why)))
		return -1;
	note_commit(&c->protocol, wallclock_monotonic() - began);
	directory_prune(c->o.dir, &at, c->line.data, c->line.len);
	tidy(c);
	return tell_commit(c, l, why);
}

/* The source has read the same commit as the sink: nobody has committed in between. */
static int verify_begin(struct checkpoint *c, const struct control_line *l, struct error *why)
{
	struct directory_commit now;
	struct control_line last = {0};
	struct arena arena = ARENA_INIT;
	int result = directory_read(c->o.dir, &now, &arena, why);

	if (!result && now.barrier.text)
		result = control_read(&last, now.barrier.text, now.barrier.len, &arena, why);
	if (!result && !commit_point_same(control_began(l), now.at))
		result = error_set(why, "%s: epoch %llu has been committed, the source began behind epoch %llu: another run has gone on meanwhile",
		    c->o.dir, (unsigned long long)now.at.epoch, (unsigned long long)l->epoch);
	struct control_text via = last.via;
	struct control_part part;
	if (!result && control_part(l, 0, &part, &arena))
		via = part.via;
	if (!result && via.text && !control_same(via, l->via))
		result = usage(c, error_set(why, "%s: is the checkpoint of %.*s, and these stages are %.*s", c->o.dir, (int)via.len, via.text,
		    (int)l->via.len, l->via.text));
	arena_release(&arena);
	return result;
}

static int verify_barrier(struct checkpoint *c, const struct control_line *l, struct error *why)
{
	if (l->run.len != strlen(c->run) || memcmp(l->run.text, c->run, l->run.len))
		return error_set(why, "a barrier of another run than the one that began");
	if (l->epoch != c->epoch + 1)
		return usage(c, error_set(why, "barrier %llu comes behind barrier %llu: something between the stages drops or reorders "
		    "control records", (unsigned long long)l->epoch, (unsigned long long)c->epoch));
	if (l->via.len != c->via.len || memcmp(l->via.text, c->via.data, l->via.len))
		return usage(c, error_set(why, "a barrier came through %.*s, the beginning through %s: something between the stages drops "
		    "or changes control records", (int)l->via.len, l->via.text, buf_text(&c->via)));
	return 0;
}

/* ---- control records ---- */

/* Whether a list of names has this one. */
static bool is_in(struct control_text list, const char *name)
{
	const size_t n = strlen(name);

	for (const char *at = list.text, *end = at + list.len; at && at < end;) {
		const char *comma = memchr(at, ',', (size_t)(end - at));
		const size_t len = (size_t)((comma ? comma : end) - at);
		if (len == n && !memcmp(at, name, n))
			return true;
		at += len + 1;
	}
	return false;
}

/* All stages are of one shard, and as it is divided now. */
static int check_shard(struct checkpoint *c, const struct control_line *l, struct error *why)
{
	const struct checkpoint_shard s = c->o.shard;

	if (usage(c, division_check(s, l, why)))
		return -1;
	if (s.of && c->o.is_sink && l->generation != c->generation)
		return error_set(why, "%s: has been divided anew since the source began", c->root);
	if (s.of && !c->folder)
		take_folder(c, shards_folder(c->root, (unsigned)l->generation, s.index), (unsigned)l->generation);
	return 0;
}

static int pass_begin(struct checkpoint *c, struct error *why)
{
	const struct buf nothing = BUF_INIT;
	struct control_line l;

	if (read_line(c, &l, why))
		return -1;
	if (!l.run.len || l.run.len >= sizeof c->run)
		return error_set(why, "a begin record without a run");
	memcpy(c->run, l.run.text, l.run.len);
	c->run[l.run.len] = '\0';
	c->epoch = l.epoch;
	if (check_shard(c, &l, why))
		return -1;
	for (size_t i = 0; i < c->loop->n_stages; i++) {
		if (read_line(c, &l, why))
			return -1;
		if (is_in(l.via, c->o.stages[i]))
			return usage(c, error_set(why, "two stages of the checkpoint are called %s: --stage NAME tells them apart", c->o.stages[i]));
		if (usage(c, restore_stage(c, i, &l, why)))
			return -1;
		pass_stage(c, i, &nothing);
	}
	if (read_line(c, &l, why) || (c->o.is_sink && verify_begin(c, &l, why)))
		return -1;
	note_via(c, &l);
	c->protocol.has_begun = true;
	c->protocol.run = c->run;
	c->protocol.epoch = c->epoch + 1;
	return forward(c, why);
}

/* 1: a policy ends the run, and this epoch is not committed. */
static int pass_barrier(struct checkpoint *c, struct error *why)
{
	struct control_line l;

	for (size_t i = 0; i < c->loop->n_stages; i++)
		if (read_line(c, &l, why) || save_stage(c, i, &l, why))
			return -1;
	if (read_line(c, &l, why) || (c->o.is_sink && verify_barrier(c, &l, why)))
		return -1;
	if (l.is_last && loop_judge(c->loop))
		return 1;
	c->epoch = l.epoch;
	c->protocol.epoch = l.epoch + 1;
	if (c->o.is_sink ? commit(c, &l, why) : forward(c, why))
		return -1;
	return 0;
}

static int pass_end(struct checkpoint *c, struct error *why)
{
	struct control_line l;

	if (read_line(c, &l, why))
		return -1;
	if (l.epoch != c->epoch)
		return usage(c, error_set(why, "the stream ends behind barrier %llu, and the last one here was %llu: something between the stages "
		    "drops control records", (unsigned long long)l.epoch, (unsigned long long)c->epoch));
	c->ended = true;
	if (c->o.is_sink)
		attempts_end(c->o.dir, c->run);
	return forward(c, why);
}

/* The cause has been told by the stage that it is of: its status goes on. */
static int pass_abort(struct checkpoint *c, struct error *why)
{
	struct control_line l;

	if (read_line(c, &l, why))
		return -1;
	c->aborted = true;
	c->lost = l.is_lost;
	c->loop->verdict = l.exit == EXIT_USAGE || l.exit == EXIT_STOPPED ? (enum exit_status)l.exit : EXIT_FAILED;
	error_set(why, "stopped by %.*s: %.*s", (int)l.stage.len, l.stage.text, (int)l.why.len, l.why.text);
	if (!c->o.is_sink) {
		struct error ignored;
		send(c, &c->line, &ignored);
	}
	return -1;
}

static int control(struct protocol *p, const struct control *control, struct error *why)
{
	struct checkpoint *c = of(p);
	const struct record *r = control->record;

	buf_clear(&c->line);
	buf_add(&c->line, r->line, r->len);
	if (!p->has_begun && control->kind != CONTROL_BEGIN && control->kind != CONTROL_ABORT)
		return p->first(p, why);
	switch (control->kind) {
	case CONTROL_BEGIN:
		return p->has_begun ? error_set(why, "a second begin record") : pass_begin(c, why);
	case CONTROL_BARRIER:
		return pass_barrier(c, why);
	case CONTROL_END:
		return pass_end(c, why);
	case CONTROL_ABORT:
		return pass_abort(c, why);
	case CONTROL_OTHER:
		break;
	}
	return forward(c, why);
}

static int first(struct protocol *p, struct error *why)
{
	return usage(of(p), error_set(why, "the first line is no begin record: this stage runs under a checkpoint, and the one before it "
	    "does not (--checkpoint DIR, or $SML_CHECKPOINT)"));
}

/* ---- the source ---- */

/* As directory_authority. */
static int find_sink(struct checkpoint *c, struct error *why)
{
	struct division d;

	if (!c->o.shard.of)
		return directory_authority(c->o.dir, why);
	const int there = division_find(c->root, c->o.shard, &d, why);
	if (d.folder)
		take_folder(c, d.folder, d.generation);
	return usage(c, there < 0) ? -1 : there;
}

static int wait_for_sink(struct checkpoint *c, struct error *why)
{
	const int64_t began = wallclock_monotonic();
	int64_t stopped = INT64_MAX;

	while (!c->o.is_sink) {
		const int there = find_sink(c, why);
		if (there < 0 || there == 1)
			return there < 0 ? -1 : 0;
		const int64_t now = wallclock_monotonic(), wait = there ? BROKER_WAIT : SINK_WAIT;
		if (loop_look(c->loop) && stopped == INT64_MAX)
			stopped = now;
		if (stopped != INT64_MAX && now >= stopped + STOPPED_WAIT)
			return error_set(why, "stopped while it waited for sml-route");
		if (now >= began + wait)
			return error_set(why, "%s: no sml-route with this checkpoint has come up in %d s", c->o.dir, (int)(wait / NS_PER_S));
		if (stopped != INT64_MAX)
			wallclock_sleep_until(now + TRY_NS);
		else if (loop_sleep(c->loop, now + TRY_NS, why) && !c->loop->stopping)
			return -1;
	}
	return 0;
}

static void make_run(char run[COMMIT_RUN])
{
	uint64_t nonce = 0;

	if (getrandom(&nonce, sizeof nonce, 0) != sizeof nonce)
		nonce = (uint64_t)wallclock_now() ^ (uint64_t)getpid() << 40;
	snprintf(run, COMMIT_RUN, "%016llx", (unsigned long long)nonce);
}

static int write_positions(struct checkpoint *c, struct buf *b, struct error *why)
{
	struct source *source = c->loop->source;

	buf_clear(b);
	buf_add_byte(b, '[');
	if (!source->tell)
		return usage(c, error_set(why, "this input cannot be read again from where it was: under a checkpoint the first stage is sml-replay"));
	const int result = source->tell(source, b, why);
	buf_add_byte(b, ']');
	return by(c, result);
}

/* Single records are asked for where each may have a barrier before it. */
static void take_care(struct checkpoint *c)
{
	c->protocol.careful = attempts_is_careful(c->attempts);
	c->loop->source->most = c->protocol.careful ? 1 : c->batch;
}

static int begin(struct checkpoint *c, struct error *why)
{
	struct source *source = c->loop->source;
	struct directory_commit committed;
	struct control_line last = {0};
	struct buf positions = BUF_INIT, places = BUF_INIT, parts = BUF_INIT;
	char run[COMMIT_RUN];
	char *erun = NULL;
	int result;

	if (wait_for_sink(c, why) || usage(c, directory_read(c->o.dir, &committed, &c->arena, why)))
		return -1;
	if (committed.barrier.text && control_read(&last, committed.barrier.text, committed.barrier.len, &c->arena, why))
		return usage(c, error_prefix(why, "%s/COMMIT", c->o.dir));
	if ((result = write_positions(c, &positions, why)) == 0 && last.src.text)
		result = by(c, source->seek(source, last.src.text, last.src.len, why));
	else if (!result && c->o.shard.of && (result = usage(c, shards_compose(c->root, c->o.shard, &places, &parts, why))) == 0 && places.len > 2)
		result = by(c, source->seek(source, places.data, places.len, why));
	buf_release(&positions);
	buf_release(&places);
	if (result)
		goto out;
	make_run(run);
	erun = last.run.text ? alloc_span(last.run.text, last.run.len) : NULL;
	buf_clear(&c->line);
	control_write_begin(&c->line, &(struct control_begin){ run, erun, last.epoch, last.st, c->o.shard, c->generation, &parts });
	free(erun);
	c->due = wallclock_monotonic() + c->o.interval_ns;
	c->barrier_at = wallclock_monotonic();
	c->done = source->done;
	/* A shard is known to go on by itself once it has committed: soon. */
	c->is_due = c->o.shard.of && !last.src.text;
	result = pass_begin(c, why);
	if (!result) {
		c->attempts = attempts_new(c->o.dir, c->o.attempts);
		result = attempts_begin(c->attempts, c->loop->stages->before, c->run, why);
	}
	if (!result) {
		c->batch = source->most;
		take_care(c);
	}
out:
	buf_release(&parts);
	return result;
}

static int make_barrier(struct checkpoint *c, bool is_last, struct error *why)
{
	struct buf positions = BUF_INIT;
	int result = write_positions(c, &positions, why);

	c->mark = directory_mark(c->o.dir);
	c->barrier_at = wallclock_monotonic();
	if (!result) {
		buf_clear(&c->line);
		control_write_barrier(&c->line, &(struct control_barrier){ c->run, c->epoch + 1, wallclock_now() / NS_PER_MS, is_last, &positions });
		result = pass_barrier(c, why);
	}
	buf_release(&positions);
	c->done = c->loop->source->done;
	c->records = c->loop->stages->tally.records;
	c->is_due = false;
	c->is_open = true;
	c->due = 0;
	return result;
}

/*
 * The next barrier waits for the commit of the last one, and then so long that barriers are the smaller part of the work: by the
 * shorter of the last two, as one that waited for a broker says nothing of the next.
 */
static void look_for_commit(struct checkpoint *c, int64_t now)
{
	if (directory_mark(c->o.dir) == c->mark) {
		c->due = now + LOOK_NS;
		return;
	}
	const int64_t took = now - c->barrier_at, usual = c->took && c->took < took ? c->took : took;
	const int64_t rest = AT_WORK * usual < REST_MAX_NS ? AT_WORK * usual : REST_MAX_NS;
	c->took = took;
	c->is_open = false;
	c->due = rest > c->o.interval_ns ? now + rest : c->barrier_at + c->o.interval_ns;
	c->hurries = now + rest;
	attempts_committed(c->attempts, c->loop->stages->before + c->records);
	take_care(c);
}

/*
 * 1: a stop was asked for meanwhile.  Nothing is written, so that no broken pipe would tell of a death behind a filter between the
 * stages: the lock does.
 */
static int wait_for_commit(struct checkpoint *c, struct error *why)
{
	int result = 0;

	while (!result && c->is_open) {
		const int64_t now = wallclock_monotonic();
		look_for_commit(c, now);
		if (c->is_open && now >= c->barrier_at + PATIENCE && directory_authority(c->o.dir, why) == 0) {
			c->lost = true;
			return error_set(why, "sml-route has ended before it has committed what is under way");
		}
		if (c->is_open)
			result = loop_sleep(c->loop, now + LOOK_NS, why);
	}
	return result;
}

/* A record that kills goes on as an error record, or no further. */
static int see_to_poison(struct checkpoint *c, struct record *r, bool routes, struct error *why)
{
	const uint64_t n = attempts_deaths(c->attempts, r->at.source, r->at.line);

	if (routes) {
		record_fail(r, POISON, "the pipeline has died %llu time%s with this record alone under way", (unsigned long long)n, number_s(n));
		return 0;
	}
	c->loop->verdict = EXIT_STOPPED;
	return error_set(why, "%s:%llu: the pipeline has died %llu time%s with this record alone under way%s", r->at.source,
	    (unsigned long long)r->at.line, (unsigned long long)n, number_s(n), c->o.routes_poison ?
	    ", of late as an error record: --attempts 0 goes on trying" :
	    ": --on-poison=route sends it to the dead letters, --attempts 0 tries it again");
}

static int sends(struct protocol *p, struct record *r, struct error *why)
{
	struct checkpoint *c = of(p);
	const char *source = r->at.source;
	enum attempts_verdict verdict;
	int result = p->careful ? wait_for_commit(c, why) : 0;

	while (!result && (verdict = attempts_judge(c->attempts, source, r->at.line)) == ATTEMPTS_BARRIER)
		if ((result = make_barrier(c, false, why)) == 0)
			result = wait_for_commit(c, why);
	if (!result && verdict != ATTEMPTS_SEND)
		result = see_to_poison(c, r, c->o.routes_poison && verdict == ATTEMPTS_POISON, why);
	return result ? result : attempts_send(c->attempts, source, r->at.line, why);
}

static int start(struct protocol *p, struct error *why)
{
	struct checkpoint *c = of(p);

	return c->o.is_source ? begin(c, why) : 0;
}

static int64_t due(struct protocol *p)
{
	const struct checkpoint *c = of(p);

	if (!c->o.is_source || !p->has_begun)
		return INT64_MAX;
	return !c->is_open && c->loop->source->done - c->done >= EPOCH_BYTES ? c->hurries : c->due;
}

static int tick(struct protocol *p, int64_t now, struct error *why)
{
	struct checkpoint *c = of(p);

	if (c->is_open) {
		look_for_commit(c, now);
		return 0;
	}
	if (!c->is_due && c->loop->stages->tally.records == c->records && now - c->barrier_at < IDLE_NS) {
		c->due = now + c->o.interval_ns;
		return 0;
	}
	return make_barrier(c, false, why);
}

static int end(struct protocol *p, enum end *how, struct error *why)
{
	struct checkpoint *c = of(p);

	if (c->o.is_source) {
		if (*how == END_CLEAN && attempts_exhaust(c->attempts, why))
			return -1;
		const int result = make_barrier(c, true, why);
		if (result)
			return result;
		buf_clear(&c->line);
		control_write_end(&c->line, c->run, c->epoch);
		return pass_end(c, why);
	}
	if (c->ended) {
		*how = END_CLEAN;
		return 0;
	}
	*how = END_LOST;
	if (c->loop->stopping)
		return error_set(why, "stopped, while the stages before it go on");
	c->lost = true;
	return error_set(why, "the input ended without an end record: a stage before this one has died");
}

static void abort_stream(struct protocol *p, enum exit_status status, const struct stage *s, const char *why)
{
	struct checkpoint *c = of(p);
	struct buf line = BUF_INIT;
	struct error ignored;
	size_t i = s ? (size_t)(s - c->loop->stages) : 0;

	if ((c->o.is_source || c->o.is_sink) && !c->lost)
		attempts_explain(c->o.dir, c->run);
	if (c->o.is_sink || c->aborted || c->ended || !c->o.output->is_open)
		return;
	(c->lost ? control_write_lost : control_write_abort)(&line, (int)status, c->o.stages[i], why);
	send(c, &line, &ignored);
	buf_release(&line);
}

/* ---- life ---- */

struct checkpoint *checkpoint_new(const struct checkpoint_options *o)
{
	struct checkpoint *c = alloc_zeroed(1, sizeof *c);

	c->o = *o;
	c->root = o->dir;
	c->tidies = o->shard.of;
	c->lock = -1;
	c->protocol = (struct protocol){ .prepare = prepare, .start = start, .control = control, .first = first, .due = due, .tick = tick,
		.end = end, .abort = abort_stream, .opened = opened, .writing = writing, .closing = closing, .put = put, .get = get,
		.sends = sends, .counts = !o->is_source, .commits = o->is_sink };
	return c;
}

struct protocol *checkpoint_protocol(struct checkpoint *c)
{
	return &c->protocol;
}

void checkpoint_free(struct checkpoint *c)
{
	if (!c)
		return;
	written_free(c->written);
	attempts_free(c->attempts);
	if (c->lock >= 0)
		close(c->lock);
	free(c->folder);
	states_free(c->states);
	buf_release(&c->via);
	buf_release(&c->line);
	buf_release(&c->next_line);
	arena_release(&c->arena);
	arena_release(&c->line_arena);
	free(c);
}
