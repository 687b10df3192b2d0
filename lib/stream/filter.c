/* SPDX-License-Identifier: MIT */
#include "stream/filter.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/wallclock.h"
#include "stream/intake.h"
#include "stream/parallel.h"

#define BUSY_NS NS_PER_MS		/* a loop that is never idle looks at signals and flushes this often */
#define QUIET_NS NS_PER_S		/* a stopped filter has drained its pipe after this much silence */
#define DRAIN_NS (10 * NS_PER_S)	/* ... and in any case after this long */
#define SMALL_LINE (64 * 1024)		/* a --max-line below this is held against each line as it would be written */
#define JUDGED_FROM 1000		/* records before --max-errors N% is judged */
#define SAME_STOP_NS (100 * NS_PER_MS)	/* timeout(1) sends its signal twice */
#define WATCHED 64		/* descriptors that a stage may watch */

/* ---- signals: flags, looked at in waits only ---- */

static volatile sig_atomic_t stop_asked, hangup_asked, usr1_asked;
static volatile int64_t stop_asked_at;
static sigset_t open_signals;		/* as they were: open during a wait */
static bool hangup_stops;
static volatile sig_atomic_t ends_at_once;

static void on_signal(int sig)
{
	if (sig == SIGUSR1)
		usr1_asked = 1;
	else if (sig == SIGHUP && !hangup_stops)
		hangup_asked = 1;
	else if (!stop_asked && !ends_at_once) {
		stop_asked_at = wallclock_monotonic();
		stop_asked = 1;
	} else if (!stop_asked || wallclock_monotonic() - stop_asked_at > SAME_STOP_NS) {
		signal(sig, SIG_DFL);	/* the second one, whichever it is, ends the process at once */
		raise(sig);
	}
}

static void catch_signals(void)
{
	sigset_t ours;

	const struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
	struct sigaction old;
	sigemptyset(&ours);
	sigaddset(&ours, SIGINT);
	sigaddset(&ours, SIGTERM);
	sigaddset(&ours, SIGHUP);
	sigaddset(&ours, SIGUSR1);
	sigprocmask(SIG_BLOCK, &ours, &open_signals);
	sigdelset(&open_signals, SIGINT);
	sigdelset(&open_signals, SIGTERM);
	sigdelset(&open_signals, SIGHUP);
	sigdelset(&open_signals, SIGUSR1);
	sigaction(SIGTERM, &action, NULL);
	/* A background job of a shell without job control, and nohup, ignore these on purpose. */
	if (!sigaction(SIGINT, NULL, &old) && old.sa_handler != SIG_IGN)
		sigaction(SIGINT, &action, NULL);
	/* Asked now: a terminal that has hung up is none any more. */
	hangup_stops = isatty(2);
	if (!sigaction(SIGHUP, NULL, &old) && old.sa_handler != SIG_IGN)
		sigaction(SIGHUP, &action, NULL);
	sigaction(SIGUSR1, &action, NULL);
	signal(SIGPIPE, SIG_IGN);	/* output.c sees EPIPE and knows whose it is */
}

static void see_signals(struct loop *l)
{
	if (hangup_asked)
		l->reload_asked = true;
	hangup_asked = 0;
	if (stop_asked && !l->stopping) {
		l->stopping = true;
		sigprocmask(SIG_SETMASK, &open_signals, NULL);	/* a second one is heard wherever we are */
	}
	if (usr1_asked && l->on_usr1)
		l->on_usr1(l);
	usr1_asked = 0;
}

/* ppoll lets no signal in where a descriptor is ready, and with a fast neighbour one always is. */
static void look_for_signals(struct loop *l, int64_t now)
{
	l->looked_at = now;
	if (ppoll(NULL, 0, &(struct timespec){0}, &open_signals) < 0)
		see_signals(l);
}

/* ---- the wait ---- */

void loop_init(struct loop *l)
{
	*l = (struct loop){ .started_at = wallclock_monotonic() };
	fields_init(&l->fields);
}

void loop_release(struct loop *l)
{
	fields_release(&l->fields);
	free(l->outputs);
	free(l->polled);
	l->outputs = NULL;
	l->polled = NULL;
}

void loop_add_service(struct loop *l, struct service *s)
{
	s->next = l->services;
	l->services = s;
}

static int64_t run_services(struct loop *l, int64_t now)
{
	int64_t due = INT64_MAX;

	for (struct service *s = l->services; s; s = s->next) {
		if (s->due <= now)
			s->run(s, now);
		if (s->due < due)
			due = s->due;
	}
	return due;
}

void loop_end_services(struct loop *l)
{
	run_services(l, INT64_MAX);
}

/* ---- whose failure it is ---- */

/* The first failure is the cause; in a chain of passes the innermost stage sees it first. */
static int blame(struct loop *l, struct stage *s, int result)
{
	if (result < 0 && !l->failed_in)
		l->failed_in = s;
	return result;
}

static int blame_output(struct loop *l, const struct output *o, int result)
{
	return blame(l, o->owner ? o->owner : l->n_stages ? &l->stages[l->n_stages - 1] : NULL, result);
}

static int flush_all(struct loop *l, struct error *why)
{
	for (size_t i = 0; !l->failed && i < l->n_stages; i++)
		if (l->stages[i].tool->flush && blame(l, &l->stages[i], l->stages[i].tool->flush(l->stages[i].self, why)))
			return -1;
	for (size_t i = 0; i < l->n_outputs; i++)
		if (!l->outputs[i]->failed && blame_output(l, l->outputs[i], output_try(l->outputs[i], why)))
			return -1;
	return 0;
}

static struct pollfd *room_to_poll(struct loop *l)
{
	const size_t most = l->n_outputs + l->n_stages * WATCHED + 2;

	if (most > l->polled_room)
		l->polled = alloc_again(l->polled, l->polled_room = most, sizeof *l->polled);
	return l->polled;
}

static bool has_what_it_wants(const struct wait_for *w)
{
	return (w->room && (output_left(w->room) < OUTPUT_LIMIT || w->room->failed)) ||
	    (w->empty && (!output_left(w->empty) || w->empty->failed));
}

int loop_wait(struct loop *l, const struct wait_for *w, int64_t until, struct error *why)
{
	struct source *source = w->source;
	int64_t from = wallclock_monotonic(), *blocked = w->room || w->empty ? &l->blocked_out : &l->blocked_in;
	int result = 0;

	if (source && source->until < until)
		until = source->until;
	for (bool looked = false;; looked = true) {
		size_t n = 0, watched;
		if (flush_all(l, why))
			return -1;
		if (has_what_it_wants(w))
			break;
		const int64_t now = wallclock_monotonic();
		*blocked += now - from;		/* metrics of a stream that is idle move as well */
		from = now;
		int64_t due = run_services(l, now);
		if (!l->failed && l->source && l->source->alive && blame(l, l->stages, l->source->alive(l->source, why)))
			return -1;
		if (now >= until && looked)	/* a signal is seen even where there is no time to wait */
			break;
		struct pollfd *fds = room_to_poll(l);
		fds[n++] = (struct pollfd){ source ? source->fd : -1, POLLIN, 0 };
		const size_t first = n;
		for (size_t i = 0; i < l->n_outputs; i++)
			fds[n++] = output_poll(l->outputs[i]);
		watched = n;
		for (size_t i = 0; source && i < l->n_stages; i++)
			if (l->stages[i].tool->watch)
				n += l->stages[i].tool->watch(l->stages[i].self, fds + n, WATCHED);
		if (w->fd > 0)
			fds[n++] = (struct pollfd){ w->fd, POLLIN, 0 };
		due = due < until ? due : until;
		if (l->source && l->source->alive && due > now + NS_PER_S)
			due = now + NS_PER_S;
		struct timespec left = {0}, *limit = NULL;
		if (due != INT64_MAX) {
			if (due > now)
				left = (struct timespec){ (due - now) / NS_PER_S, (due - now) % NS_PER_S };
			limit = &left;
		}
		/* Signals are open in here only, so none is lost between the look at the flag and the wait. */
		const int ready = ppoll(fds, n, limit, &open_signals);
		l->flushed_at = 0;
		if (ready < 0 && errno != EINTR) {
			result = error_set(why, "poll: %s", strerror(errno));
			break;
		}
		if (ready < 0) {
			see_signals(l);
			if (!w->room && !w->empty)
				break;
			continue;
		}
		if (ready > 0 && now - l->looked_at >= BUSY_NS)
			look_for_signals(l, now);
		for (size_t i = 0; i < l->n_outputs; i++)
			if (fds[first + i].revents & (POLLERR | POLLHUP | POLLNVAL) &&
			    blame_output(l, l->outputs[i], output_check(l->outputs[i], why)))
				return -1;
		if (fds[0].revents)
			break;
		for (size_t i = watched; i < n; i++)
			if (fds[i].revents)
				goto out;
	}
out:
	*blocked += wallclock_monotonic() - from;
	return result;
}

bool loop_look(struct loop *l)
{
	look_for_signals(l, wallclock_monotonic());
	if (stop_asked)
		see_signals(l);		/* it came while signals were open */
	return l->stopping;
}

void loop_end_at_once(bool yes)
{
	ends_at_once = yes;
}

int loop_sleep(struct loop *l, int64_t until, struct error *why)
{
	struct protocol *p = l->protocol && l->protocol->has_begun ? l->protocol : NULL;

	for (int64_t now; !l->stopping && (now = wallclock_monotonic()) < until;) {
		const int64_t due = p ? p->due(p) : INT64_MAX;
		if (due <= now ? p->tick(p, now, why) : loop_wait(l, &(struct wait_for){0}, due < until ? due : until, why))
			return -1;
	}
	return l->stopping;
}

/* ---- stages ---- */

static uint64_t errors_allowed(const struct policy *p)
{
	return p->stop ? 0 : p->max_errors;
}

static bool has_limit(const struct policy *p)
{
	return errors_allowed(p) != UINT64_MAX || p->max_errors_percent >= 0;
}

/* Record by record, so that where a run ends does not depend on the size of batches. */
static size_t allow(struct stage *s, struct record **r, size_t n)
{
	const struct policy *p = &s->policy;
	const uint64_t allowed = errors_allowed(p);

	if (!has_limit(p))
		return n;
	for (size_t i = 0; i < n; i++) {
		s->gated++;
		s->let_out += r[i]->failed_by == &s->tally;
		if (s->let_out > allowed || (p->max_errors_percent >= 0 && s->gated >= JUDGED_FROM &&
		    (double)s->let_out * 100 > p->max_errors_percent * (double)s->gated)) {
			s->loop->verdict = EXIT_STOPPED;
			s->loop->stopped_by = s;
			return i;
		}
	}
	return n;
}

size_t loop_allow(struct stage *s, struct record **r, size_t n)
{
	s->allows_itself = true;
	return allow(s, r, n);
}

static int gate_pass(struct next *next, struct record **r, size_t n, struct error *why)
{
	struct gate *g = (struct gate *)next;
	const size_t allowed = g->stage->allows_itself ? n : allow(g->stage, r, n);
	const int result = g->behind ? next_pass(g->behind, r, allowed, why) : 0;

	return result ? result : allowed < n;
}

struct stage *loop_stage(struct loop *l, const void *tool)
{
	for (size_t i = 0; i < l->n_stages; i++)
		if (l->stages[i].self == tool)
			return &l->stages[i];
	return NULL;
}

/* What a pipe between two stages would do to a line: a limit on its length. */
static void hold_to_limit(struct stage *s, struct record *r)
{
	struct buf line = BUF_INIT;

	record_write(r, &line);
	const size_t len = line.len - 1, limit = r->kind == RECORD_ERROR ? 8 * s->policy.max_line : s->policy.max_line;
	if (len > limit)
		intake_too_long(r, line.data, len < INTAKE_KEPT ? len : INTAKE_KEPT, len);
	buf_release(&line);
}

static void make_error(struct stage *s, struct record *r)
{
	const struct refusal *why = r->refusal;

	r->kind = RECORD_DATA;
	if (why->type == TOO_LONG)
		record_fail_with(r, TOO_LONG, "length", (int64_t)why->full_len, "%zu bytes, over the limit of %llu (--max-line)",
		    why->full_len, (unsigned long long)s->policy.max_line);
	else
		record_fail(r, why->type, "%s", why->message);
}

static int stage_pass(struct next *next, struct record **r, size_t n, struct error *why)
{
	struct stage *s = (struct stage *)next;
	const bool is_first = s == s->loop->stages, counts = s->loop->protocol && s->loop->protocol->counts;
	const char *name = s->tool->name;
	struct parallel *parallel = is_first ? s->loop->parallel : NULL;
	uint64_t before = 0;
	struct tally *tally = parallel ? parallel_tally(parallel, &before) : &s->tally;

	before += s->before;
	for (size_t i = 0; i < n; i++) {
		struct place *at = &r[i]->at;
		at->stage = name;
		at->tally = tally;
		tally->records++;
		if (!is_first || counts) {	/* the first stage takes the source's count, the others count as on a pipe */
			at->source = "stdin";
			at->line = before + tally->records;
		}
		if (!is_first) {
			/* Half is for the members added: where lines may be large, these are small. */
			if (r[i]->len > s->policy.max_line / 2 || s->policy.max_line < SMALL_LINE)
				hold_to_limit(s, r[i]);
			if (r[i]->values)	/* with what the stages before have added */
				fields_meet(&s->loop->fields, r[i]->values);
		}
		if (r[i]->kind == RECORD_REFUSED)
			make_error(s, r[i]);
		else if (r[i]->kind == RECORD_ERROR && r[i]->failed_by != &s->tally)
			tally->passed++;
	}
	struct stage *caller = s->loop->running;
	s->loop->running = s;
	const int result = parallel ? parallel_take(parallel, r, n, why) : s->tool->records(s->self, r, n, s->behind, why);
	s->loop->running = caller;
	return blame(s->loop, s, result);
}

/* What threads have taken in is passed on: one block of it, or all. */
static int pass_taken(struct loop *l, int (*pass)(struct parallel *, struct error *), struct error *why)
{
	struct stage *caller = l->running;

	if (!l->parallel)
		return 0;
	l->running = l->stages;
	const int result = blame(l, l->stages, pass(l->parallel, why));
	l->running = caller;
	return result;
}

/* Before a hook that the tool's threads must not work beside. */
static int rest(struct loop *l, struct error *why)
{
	return pass_taken(l, parallel_rest, why);
}

static bool too_many_errors(struct stage *s, bool at_end)
{
	const struct policy *p = &s->policy;
	const struct tally *t = &s->tally;

	if (p->max_errors_percent < 0 || (!at_end && t->records < JUDGED_FROM))
		return false;
	return (double)t->n_errors * 100 > p->max_errors_percent * (double)t->records;
}

static int judge(struct loop *l, bool at_end)
{
	for (size_t i = 0; i < l->n_stages; i++)
		if (too_many_errors(&l->stages[i], at_end) ||
		    (at_end && l->stages[i].tally.n_errors > errors_allowed(&l->stages[i].policy))) {
			l->verdict = EXIT_STOPPED;
			l->stopped_by = &l->stages[i];
			return 1;
		}
	return 0;
}

bool loop_judge(struct loop *l)
{
	return l->stopped_by || judge(l, true);
}

static void explain_stop(const struct loop *l, struct error *why)
{
	const struct stage *s = l->stopped_by;

	if (!s)
		return;		/* the tool has said why */
	if (s->policy.stop)
		error_set(why, "%s (--on-bad=stop)", s->tally.first);
	else
		error_set(why, "%llu of %llu records are error records, over --max-errors (first: %s)",
		    (unsigned long long)(s->gated ? s->let_out : s->tally.n_errors),
		    (unsigned long long)(s->gated ? s->gated : s->tally.records), s->tally.first);
}

/* ---- the loop ---- */

static int64_t next_deadline(const struct loop *l)
{
	int64_t due = INT64_MAX, at;

	for (size_t i = 0; i < l->n_stages; i++)
		if (l->stages[i].tool->deadline && (at = l->stages[i].tool->deadline(l->stages[i].self)) < due)
			due = at;
	return due;
}

static int ticks(struct loop *l, int64_t now, struct error *why)
{
	int result = rest(l, why);

	for (size_t i = 0; !result && i < l->n_stages; i++) {
		struct stage *s = &l->stages[i];
		l->running = s;
		if (s->tool->deadline && s->tool->deadline(s->self) <= now)
			result = blame(l, s, s->tool->tick(s->self, now, s->behind, why));
	}
	return result;
}

/* Descriptors that tools watch themselves: a server's answers, a store's. */
static int hear_watched(struct loop *l, struct error *why)
{
	struct pollfd fds[WATCHED];
	int result = 0;

	for (size_t i = 0; !result && i < l->n_stages; i++) {
		struct stage *s = &l->stages[i];
		const size_t n = s->tool->watch ? s->tool->watch(s->self, fds, WATCHED) : 0;
		l->running = s;
		if (n && poll(fds, n, 0) > 0)
			result = blame(l, s, s->tool->ready(s->self, s->behind, why));
	}
	return result;
}

static int reload(struct loop *l, struct error *why)
{
	int result = rest(l, why);

	l->reload_asked = false;
	for (size_t i = 0; !result && i < l->n_stages; i++)
		if (l->stages[i].tool->reload)
			result = blame(l, &l->stages[i], l->stages[i].tool->reload(l->stages[i].self, why));
	return result;
}

/* A loop that is never idle still looks at signals and services, and keeps no output back for long. */
static int busy(struct loop *l, int64_t now, struct error *why)
{
	if (!l->flushed_at)
		l->flushed_at = now;
	if (now - l->flushed_at < BUSY_NS)
		return 0;
	l->flushed_at = now;
	look_for_signals(l, now);
	run_services(l, now);
	if (l->source->alive && blame(l, l->stages, l->source->alive(l->source, why)))
		return -1;
	return flush_all(l, why) ? -1 : hear_watched(l, why);
}

static void note_latency(struct loop *l, int64_t read_at, int64_t now, size_t n)
{
	const uint64_t us = (uint64_t)(now - read_at) / 1000;
	l->latency[us ? 64 - __builtin_clzll(us) : 0] += n;
	l->latency_ns += (uint64_t)(now - read_at) * n;
}

void loop_note_latency(struct loop *l, int64_t read_at, size_t n)
{
	note_latency(l, read_at, wallclock_monotonic(), n);
}

/* A control line without a checkpoint: somebody else's pipeline, or data that must not pass for control. */
static int control_line(struct loop *l, struct source *source, struct error *why)
{
	static const struct refusal reserved = { RESERVED, "begins as a control record does", 0 };
	struct record *r = source->control->record;
	const int result = rest(l, why);

	if (result)
		return result;
	if (l->protocol)
		return blame(l, l->stages, l->protocol->control(l->protocol, source->control, why));
	const enum control_kind kind = source->control->kind;
	if ((kind == CONTROL_BEGIN || kind == CONTROL_ABORT) && !l->stages[0].tally.records) {
		l->verdict = EXIT_USAGE;
		l->refused_begin = true;
		error_set(why, "%s: the first line is %s record: this is a stream under a checkpoint, and this tool "
		    "was started without one", r->at.source, kind == CONTROL_BEGIN ? "a begin" : "an abort");
		return blame(l, l->stages, -1);
	}
	r->kind = RECORD_REFUSED;
	r->refusal = &reserved;
	return l->stages[0].next.pass(&l->stages[0].next, &r, 1, why);
}

/* What has been taken in before the source failed is none of its failure, and comes first. */
static int source_failed(struct loop *l, struct error *why)
{
	struct error earlier;
	const int result = rest(l, &earlier);

	if (result)
		*why = earlier;
	return result ? result : blame(l, l->stages, -1);
}

/* Until the source ends (0), enough is said (1) or something fails (-1). */
static int pull(struct loop *l, struct source *source, enum end *how, struct error *why)
{
	struct record *batch[BATCH_MAX];
	int64_t give_up = INT64_MAX, quiet = INT64_MAX;
	int got, result = 0;

	*how = END_CLEAN;
	while ((got = source->next(source, batch, why)) != SOURCE_END) {
		if (got == SOURCE_FAILED)
			return source_failed(l, why);
		int64_t now = wallclock_monotonic();
		if (got > 0) {
			if (l->protocol && !l->protocol->has_begun)
				return blame(l, l->stages, l->protocol->first(l->protocol, why));
			l->batch_at = now;
			result = l->stages[0].next.pass(&l->stages[0].next, batch, (size_t)got, why);
			now = wallclock_monotonic();
			if (!l->parallel)
				note_latency(l, l->batch_at, now, (size_t)got);
		} else if (got == SOURCE_CONTROL)
			result = control_line(l, source, why);
		if (!result)
			result = judge(l, false);
		int64_t due = next_deadline(l);
		if (!result && due <= now)
			result = ticks(l, now, why);
		if (!result && l->protocol && l->protocol->due(l->protocol) <= now && !(result = rest(l, why)))
			result = l->protocol->tick(l->protocol, now, why);
		if (!result && l->reload_asked)
			result = reload(l, why);
		if (!result && got != SOURCE_WAIT)
			result = busy(l, now, why);
		if (result)
			break;
		if (l->stopping) {
			if (!source->drains) {
				*how = END_STOPPED;
				return 0;
			}
			if (give_up == INT64_MAX)
				give_up = now + DRAIN_NS;
			if (got != SOURCE_WAIT || quiet == INT64_MAX)
				quiet = now + QUIET_NS;
			if (now >= give_up || now >= quiet) {
				*how = END_STOPPED;
				return 0;
			}
		}
		if (got == SOURCE_WAIT && l->parallel && parallel_holds(l->parallel)) {
			if ((result = pass_taken(l, parallel_step, why)))
				break;
		} else if (got == SOURCE_WAIT) {
			due = next_deadline(l);
			if (l->protocol && l->protocol->due(l->protocol) < due)
				due = l->protocol->due(l->protocol);
			due = due < quiet ? due : quiet;
			due = due < give_up ? due : give_up;
			if (loop_wait(l, &(struct wait_for){ .source = source }, due, why))
				return -1;
			if (l->stopping && !source->drains) {
				*how = END_STOPPED;
				return 0;
			}
			if ((result = hear_watched(l, why)))
				break;
		}
	}
	return result;
}

static int run(struct loop *l, struct source *source, enum end *how, struct error *why)
{
	int result = pull(l, source, how, why);

	if (result >= 0) {
		const int rested = rest(l, why);
		result = rested ? rested : result;
	}
	parallel_free(l->parallel);
	l->parallel = NULL;
	if (result == 1)
		*how = END_STOPPED;
	return result;
}

static void set_up(struct loop *l, struct source *source, struct stage *stages, size_t n, struct next *last)
{
	l->source = source;
	l->stages = stages;
	l->n_stages = n;
	for (size_t i = 0; i < n; i++) {
		struct stage *s = &stages[i];
		struct next *neighbour = i + 1 < n ? &stages[i + 1].next : last;
		s->next.pass = stage_pass;
		s->loop = l;
		s->gate = (struct gate){ { gate_pass, NULL }, neighbour, s };
		s->behind = !neighbour || has_limit(&s->policy) ? &s->gate.next : neighbour;
	}
}

/* Everything out; the first failure wins. */
static int flush_outputs(struct loop *l, int result, struct error *why)
{
	struct error later;

	l->failed = result < 0;
	for (size_t i = 0; i < l->n_outputs; i++)
		if (!l->outputs[i]->failed && blame_output(l, l->outputs[i], output_flush(l->outputs[i], result < 0 ? &later : why)))
			result = -1;
	return result;
}

static int finish(struct loop *l, enum end how, struct error *why)
{
	sigprocmask(SIG_SETMASK, &open_signals, NULL);	/* it may take long, and a second signal must end it */
	for (size_t i = 0; i < l->n_stages; i++) {
		struct stage *s = &l->stages[i];
		l->running = s;
		if (s->tool->finish && blame(l, s, s->tool->finish(s->self, how, s->behind, why)) < 0)
			return -1;
		/* Errors among the last records count as well. */
		if (loop_judge(l))
			break;
	}
	return 0;
}

/* A run that a policy stops keeps what it has let out. */
static int settle(struct loop *l, struct error *why)
{
	struct error failure;

	for (size_t i = 0; i < l->n_stages; i++)
		if (l->stages[i].tool->settle && blame(l, &l->stages[i], l->stages[i].tool->settle(l->stages[i].self, &failure))) {
			*why = failure;
			l->stopped_by = NULL;
			l->verdict = EXIT_FAILED;
			return -1;
		}
	return 0;
}

int loop_settle(struct loop *l, struct error *why)
{
	for (size_t i = 0; i < l->n_stages; i++)
		if (l->stages[i].tool->settle && blame(l, &l->stages[i], l->stages[i].tool->settle(l->stages[i].self, why)))
			return -1;
	for (size_t i = 0; i < l->n_outputs; i++)
		if (blame_output(l, l->outputs[i], output_flush(l->outputs[i], why)))
			return -1;
	return 0;
}

/* A full disk may be told of only then. */
static int close_outputs(struct loop *l, struct error *why)
{
	while (l->n_outputs) {
		struct output *o = l->outputs[0];
		if (blame_output(l, o, output_close(o, why)))
			return -1;
	}
	return 0;
}

/* The last stage first: what was read from is given up only when all that follows from it is safe. */
static int commit(struct loop *l, enum end how, struct error *why)
{
	for (size_t i = l->n_stages; i-- > 0;)
		if (l->stages[i].tool->commit && blame(l, &l->stages[i], l->stages[i].tool->commit(l->stages[i].self, how, why)) < 0)
			return -1;
	return 0;
}

enum exit_status filter_run(struct loop *l, struct source *source, struct stage *stages, size_t n, struct next *last,
    struct error *why)
{
	enum end how = END_CLEAN;
	int result = 0;

	why->text[0] = '\0';
	set_up(l, source, stages, n, last);
	catch_signals();
	for (size_t i = 0; !result && i < n; i++) {
		l->running = &stages[i];
		l->fields.reader = &stages[i];
		if (stages[i].tool->start)
			result = blame(l, &stages[i], stages[i].tool->start(stages[i].self, l, why));
	}
	l->running = NULL;
	if (!result && l->protocol)
		result = l->protocol->start(l->protocol, why);
	if (!result && stages[0].jobs > 1 && !(l->parallel = parallel_new(&stages[0], stages[0].jobs, n == 1 && last, why)))
		result = blame(l, &stages[0], -1);
	if (result) {
		const enum exit_status status = result > 0 || l->verdict ? l->verdict : EXIT_FAILED;
		if (l->protocol)
			l->protocol->abort(l->protocol, status, l->failed_in, why->text);
		return status;
	}
	result = run(l, source, &how, why);
	if (result >= 0 && l->protocol && !l->stopped_by)
		result = l->protocol->end(l->protocol, &how, why);
	/* A stop by policy is no good end: nothing is finished, no state saved, no model written. */
	if (result >= 0 && !loop_judge(l))
		result = finish(l, how, why);
	if (result >= 0 && l->stopped_by) {
		explain_stop(l, why);
		result = settle(l, why);
	}
	if (l->protocol && (result < 0 || l->verdict || l->stopped_by))
		l->protocol->abort(l->protocol, l->verdict ? l->verdict : EXIT_FAILED, l->failed_in, why->text);
	result = flush_outputs(l, result, why);
	if (result >= 0 && !l->verdict && !(result = close_outputs(l, why)))
		result = commit(l, how, why);
	loop_end_services(l);
	if (result < 0)
		return l->verdict ? l->verdict : EXIT_FAILED;
	return l->verdict;
}

/* ---- an output at the end of a chain ---- */

static void tell_partition(struct output_next *n, int32_t partition)
{
	n->partition = partition;
	buf_format(&n->output->buf, INTAKE_CONTROL "\"from\",\"p\":%d}\n", (int)partition);
}

static int output_next_pass(struct next *next, struct record **r, size_t n, struct error *why)
{
	struct output_next *last = (struct output_next *)next;
	struct output *o = last->output;

	for (size_t i = 0, run; i < n; i += run) {
		if (r[i]->partition != last->partition)
			tell_partition(last, r[i]->partition);
		run = record_run(r + i, n - i);
		if (run > 1)
			buf_add(&o->buf, r[i]->line, (size_t)(r[i + run - 1]->line - r[i]->line));
		record_write(r[i + run - 1], &o->buf);
		if (output_added(o, why))
			return -1;
	}
	return 0;
}

static int output_next_take(struct next *next, struct buf *lines, struct error *why)
{
	struct output_next *last = (struct output_next *)next;
	struct output *o = last->output;

	if (last->partition != PARTITION_NONE)
		tell_partition(last, PARTITION_NONE);
	if (output_left(o) && output_try(o, why))
		return -1;
	if (output_left(o)) {
		buf_add(&o->buf, lines->data, lines->len);
	} else {
		const struct buf empty = o->buf;
		o->buf = *lines;
		*lines = empty;
	}
	return output_added(o, why);
}

void filter_output_init(struct output_next *n, struct output *o)
{
	*n = (struct output_next){ { output_next_pass, output_next_take }, o, PARTITION_NONE };
}
