/* SPDX-License-Identifier: MIT */
#include "stream/filter.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/wallclock.h"
#include "tap.h"

/* What happened, in order: one word each. */
static struct buf events;

static void note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static void note(const char *fmt, ...)
{
	char text[64];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	if (events.len)
		buf_add_byte(&events, ' ');
	buf_add_text(&events, text);
}

/* ---- a source that follows a script ---- */

/* Digits: so many records.  w: wait a millisecond, W: for ever, f: fails, c and b: a control line, .: ends, *: 32 records without end */
struct script {
	struct source source;
	const char *at;
	struct fields *fields;
	struct arena arena;
	struct record record[BATCH_MAX];
	struct control control;
	uint64_t line;
};

static struct record *script_record(struct script *s, size_t i, const char *line)
{
	struct record *r = &s->record[i];

	record_init(r, line, strlen(line), s->fields, &s->arena);
	r->at = (struct place){ .source = "stdin", .line = ++s->line };
	return r;
}

static int script_next(struct source *source, struct record **r, struct error *why)
{
	struct script *s = (struct script *)source;
	char text[32];
	int n;

	arena_clear(&s->arena);
	s->source.until = INT64_MAX;
	switch (*s->at) {
	case '.':
	case '\0':
		return SOURCE_END;
	case 'f':
		return error_set(why, "the source fails");
	case 'w':
		s->at++;
		s->source.until = wallclock_monotonic() + NS_PER_MS;
		return SOURCE_WAIT;
	case 'W':
		s->at++;
		return SOURCE_WAIT;
	case 'b':
	case 'c':
		s->control = (struct control){ *s->at == 'b' ? CONTROL_BEGIN : CONTROL_OTHER, script_record(s, 0, "{\"_sml\":\"x\"}") };
		s->source.control = &s->control;
		s->at++;
		return SOURCE_CONTROL;
	}
	n = *s->at == '*' ? BATCH_MAX : *s->at++ - '0';
	for (int i = 0; i < n; i++) {
		snprintf(text, sizeof text, "{\"n\":%llu}", (unsigned long long)s->line + 1);
		r[i] = script_record(s, (size_t)i, arena_copy(&s->arena, text, strlen(text)));
	}
	return n;
}

/* ---- a tool that notes what it is asked ---- */

struct tool {
	const char *name;
	int start, records, finish, commit, reload;	/* what they return, `records` from the second batch on */
	uint64_t bad_every;			/* each record of such a number fails */
	uint64_t seen, batches;
	int64_t due;
	int fd, raises;
	bool quiet, allows;
	struct loop *loop;
	enum exit_status verdict;
};

static int tool_start(void *self, struct loop *l, struct error *why)
{
	struct tool *t = self;

	t->loop = l;
	note("%sstart", t->name);
	return t->start < 0 ? error_set(why, "start fails") : t->start;
}

static int tool_records(void *self, struct record **r, size_t n, struct next *next, struct error *why)
{
	struct tool *t = self;

	if (!t->quiet)
		note("%s%zu", t->name, n);
	for (size_t i = 0; i < n; i++)
		if (t->bad_every && ++t->seen % t->bad_every == 0 && r[i]->kind == RECORD_DATA)
			record_fail(r[i], INVALID_DATA, "bad");
	if (t->raises && t->batches == 0)
		raise(t->raises);
	if (t->batches++ && t->records) {
		t->loop->verdict = t->verdict;
		return t->records < 0 ? error_set(why, "records fail") : t->records;
	}
	if (t->allows) {
		const size_t allowed = loop_allow(loop_stage(t->loop, t), r, n);
		const int result = next_pass(next, r, allowed, why);
		return result ? result : allowed < n;
	}
	return next_pass(next, r, n, why);
}

static int64_t tool_deadline(void *self)
{
	return ((struct tool *)self)->due;
}

static int tool_tick(void *self, int64_t now, struct next *next, struct error *why)
{
	struct tool *t = self;

	(void)next;
	(void)why;
	note(now >= t->due ? "tick" : "early");
	t->due = INT64_MAX;
	return 0;
}

static size_t tool_watch(void *self, struct pollfd *fds, size_t max)
{
	struct tool *t = self;

	if (t->fd <= 0 || !max)
		return 0;
	fds[0] = (struct pollfd){ t->fd, POLLIN, 0 };
	return 1;
}

static int tool_ready(void *self, struct next *next, struct error *why)
{
	struct tool *t = self;
	char c;

	(void)next;
	(void)why;
	note("ready%zd", read(t->fd, &c, 1));
	return 1;
}

static int tool_flush(void *self, struct error *why)
{
	struct tool *t = self;
	char word[16];

	(void)why;
	/* A wait flushes each time it looks again. */
	snprintf(word, sizeof word, "%sflush", t->name);
	const size_t n = strlen(word);
	if (!t->quiet && (events.len < n || memcmp(events.data + events.len - n, word, n)))
		note("%s", word);
	return 0;
}

static int tool_reload(void *self, struct error *why)
{
	(void)self;
	(void)why;
	note("reload");
	return 1;
}

static int tool_finish(void *self, enum end how, struct next *next, struct error *why)
{
	struct tool *t = self;

	(void)next;
	note("%sfinish%d", t->name, (int)how);
	return t->finish < 0 ? error_set(why, "finish fails") : t->finish;
}

static int tool_commit(void *self, enum end how, struct error *why)
{
	struct tool *t = self;

	(void)how;
	note("%scommit", t->name);
	return t->commit < 0 ? error_set(why, "commit fails") : t->commit;
}

static const struct filter_tool hooks = {
	.name = "test", .start = tool_start, .records = tool_records, .deadline = tool_deadline, .tick = tool_tick,
	.watch = tool_watch, .ready = tool_ready, .flush = tool_flush, .reload = tool_reload, .finish = tool_finish,
	.commit = tool_commit,
};

/* ---- an end of the chain that counts ---- */

struct sink { struct next next; uint64_t records, errors, last_line, out_of_order; bool notes; };

static int sink_pass(struct next *next, struct record **r, size_t n, struct error *why)
{
	struct sink *s = (struct sink *)next;

	(void)why;
	if (s->notes)
		note(">%zu", n);
	for (size_t i = 0; i < n; i++) {
		s->records++;
		s->errors += r[i]->kind == RECORD_ERROR;
		s->out_of_order += r[i]->at.line <= s->last_line;
		s->last_line = r[i]->at.line;
	}
	return 0;
}

/* ---- a run ---- */

#define TOOL(N) { .name = N, .due = INT64_MAX }

static struct sink out;
static struct error said;
static struct loop loop;
static bool drains;

static int run(const char *steps, struct tool *tools, size_t n, struct policy policy)
{
	struct stage stages[4] = { 0 };
	struct script s = { .source = { .next = script_next, .fd = -1, .lag = -1, .drains = drains }, .at = steps, .fields = &loop.fields };

	loop_init(&loop);
	buf_clear(&events);
	out = (struct sink){ .next = { sink_pass, NULL }, .notes = !tools[0].quiet };
	for (size_t i = 0; i < n; i++) {
		stages[i].tool = &hooks;
		stages[i].self = &tools[i];
		stages[i].policy = policy;
	}
	const int status = (int)filter_run(&loop, &s.source, stages, n, &out.next, &said);
	arena_release(&s.arena);
	loop_release(&loop);
	return status;
}

static int run_one(const char *steps, struct tool t)
{
	return run(steps, &t, 1, (struct policy)POLICY_INIT);
}

static void hooks_in_order(void)
{
	is_int(run_one("2w3.", (struct tool)TOOL("")), EXIT_DONE, "a plain run ends with 0");
	is_str(buf_text(&events), "start 2 >2 flush 3 >3 finish0 commit", "flushed before the wait, finished and committed once");
	is_int(run_one(".", (struct tool)TOOL("")), EXIT_DONE, "an empty input");
	is_str(buf_text(&events), "start finish0 commit", "... is finished too");
	struct tool two[] = { TOOL("a"), TOOL("b") };
	run("1.", two, 2, (struct policy)POLICY_INIT);
	is_str(buf_text(&events), "astart bstart a1 b1 >1 afinish0 bfinish0 bcommit acommit",
	    "finish in the order of the chain, commit from its end");
}

static void failures(void)
{
	struct tool t = TOOL("");

	is_int(run_one("2f", t), EXIT_FAILED, "a source that fails");
	is_str(said.text, "the source fails", "says so");
	is_str(buf_text(&events), "start 2 >2", "and nothing is finished");
	t.records = -1;
	is_int(run_one("111.", t), EXIT_FAILED, "records that fail");
	is_str(buf_text(&events), "start 1 >1 1", "end the run, unfinished");
	t.records = 1;
	is_int(run_one("111.", t), EXIT_DONE, "enough is a good end");
	is_str(buf_text(&events), "start 1 >1 1 finish1 commit", "finished as stopped");
	t.verdict = EXIT_STOPPED;
	is_int(run_one("111.", t), EXIT_STOPPED, "enough with a status of the tool's own");
	is_str(buf_text(&events), "start 1 >1 1 finish1", "is finished, and nothing is committed");
	t = (struct tool){ .name = "", .start = -1, .due = INT64_MAX };
	is_int(run_one("1.", t), EXIT_FAILED, "a start that fails");
	is_str(buf_text(&events), "start", "ends there");
	t.start = 1;
	is_int(run_one("1.", t), EXIT_DONE, "a start that has enough");
	is_str(buf_text(&events), "start", "reads nothing");
	t = (struct tool){ .name = "", .finish = -1, .due = INT64_MAX };
	is_int(run_one("1.", t), EXIT_FAILED, "a finish that fails");
	is_str(buf_text(&events), "start 1 >1 finish0", "commits nothing");
	t = (struct tool){ .name = "", .commit = -1, .due = INT64_MAX };
	is_int(run_one("1.", t), EXIT_FAILED, "a commit that fails");
	is_str(said.text, "commit fails", "... is a failure");
}

static void time_and_descriptors(void)
{
	struct tool t = TOOL("");
	int ends[2];

	t.due = wallclock_monotonic() + 20 * NS_PER_MS;
	const int64_t due = t.due;
	/* The source would wait for ever: the tick ends the wait, the closed pipe the run. */
	ok(!pipe(ends), "a pipe");
	run_one("1W.", t);
	ok(wallclock_monotonic() >= due, "a wait lasts until the tick is due");
	is_str(buf_text(&events), "start 1 >1 flush finish0 commit", "... which the end of the input forgoes");
	t.due = 0;
	run_one("1w1.", t);
	is_str(buf_text(&events), "start 1 >1 tick flush 1 >1 finish0 commit", "a tick between batches");
	t = (struct tool)TOOL("");
	t.fd = ends[0];
	ok(write(ends[1], "x", 1) == 1, "something to read");
	is_int(run_one("1W*", t), EXIT_DONE, "a descriptor of the tool's ends the wait");
	is_str(buf_text(&events), "start 1 >1 flush ready1 finish1 commit", "and the tool hears of it");
	ok(write(ends[1], "x", 1) == 1, "again");
	t.quiet = true;
	is_int(run_one("*", t), EXIT_DONE, "also where the source is never idle");
	ok(strstr(buf_text(&events), "ready1"), "a busy loop hears it");
	close(ends[0]);
	close(ends[1]);
}

/* ---- policies ---- */

static void gates(void)
{
	struct policy stop = POLICY_INIT, two = POLICY_INIT, percent = POLICY_INIT;
	struct tool t = TOOL(""), tools[2] = { TOOL("a"), TOOL("b") };
	char many[1000];

	stop.stop = true;
	two.max_errors = 2;
	percent.max_errors_percent = 10;
	t.bad_every = 5;
	is_int(run("9.", &t, 1, stop), EXIT_STOPPED, "--on-bad=stop");
	is_int(out.records, 4, "lets out what came before");
	is_str(said.text, "stdin:5: bad (--on-bad=stop)", "and says where");
	ok(!strstr(buf_text(&events), "finish"), "nothing is finished");
	t.seen = 0;
	is_int(run("92.", &t, 1, two), EXIT_DONE, "--max-errors 2 and two errors");
	is_int(out.errors, 2, "... are let out");
	t.seen = 0;
	is_int(run("9999.", &t, 1, two), EXIT_STOPPED, "--max-errors 2 and more");
	is_int(out.records, 14, "... ends before the third");
	ok(strstr(said.text, "3 of 15 records are error records, over --max-errors"), "... whatever the batch: %s", said.text);
	t.seen = 0;
	t.allows = true;
	is_int(run("92.", &t, 1, two), EXIT_DONE, "a tool that asks loop_allow itself is not counted twice");
	t.seen = 0;
	is_int(run("9999.", &t, 1, two), EXIT_STOPPED, "... and stops");
	is_int(out.records, 14, "... at the same place");
	t.allows = false;

	memset(many, '8', 200);
	strcpy(many + 200, ".");
	t = (struct tool){ .name = "", .due = INT64_MAX, .bad_every = 5, .quiet = true };
	is_int(run(many, &t, 1, percent), EXIT_STOPPED, "20%% errors, 10%% allowed");
	is_int(out.records, 999, "judged after 1,000 records");
	t.seen = 0;
	is_int(run("99.", &t, 1, percent), EXIT_STOPPED, "... and at the end");
	is_int(out.records, 18, "... when all is out");
	t = (struct tool){ .name = "", .due = INT64_MAX, .bad_every = 11, .quiet = true };
	is_int(run(many, &t, 1, percent), EXIT_DONE, "9%% errors, 10%% allowed");
	is_int(out.records, 1600, "all are let out");

	/* Each stage answers for its own. */
	tools[0].bad_every = 4;
	tools[1].bad_every = 0;
	is_int(run("9.", tools, 2, two), EXIT_DONE, "a chain: two errors of the first stage are not the second's");
	tools[0].bad_every = 3;
	is_int(run("9.", tools, 2, stop), EXIT_STOPPED, "a chain stops at the first stage's gate");
	is_int(out.records, 2, "... with what came before");
	tools[0] = tools[1] = (struct tool)TOOL("b");
	tools[1].bad_every = 3;
	is_int(run("9.", tools, 2, stop), EXIT_STOPPED, "... and at the second's");
	is_int(out.records, 2, "... likewise");
	is_str(said.text, "stdin:3: bad (--on-bad=stop)", "with its message");
}

static void controls(void)
{
	struct tool t = TOOL("");

	is_int(run_one("b1.", t), EXIT_USAGE, "a begin record first: somebody else's pipeline");
	ok(strstr(said.text, "begin record"), "says so: %s", said.text);
	is_int(run_one("1bc1.", t), EXIT_DONE, "control lines behind records are data");
	is_int(out.errors, 2, "that is refused");
	is_int(out.records, 4, "in its place");
}

/* ---- signals: in a child, as they are the process's ---- */

/* The child's exit status, or minus the signal. */
static int in_child(int (*what)(void))
{
	int status;

	fflush(stdout);
	const pid_t pid = fork();
	if (!pid)
		_exit(what());
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return -1000;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static int stops_at_once(void)
{
	struct tool t = TOOL("");

	t.raises = SIGTERM;
	drains = false;
	return run_one("1w999.", t) ? 100 : (int)out.records;
}

static int drains_pipe(void)
{
	struct tool t = TOOL("");

	t.raises = SIGTERM;
	drains = true;
	return run_one("1w9w9w9.", t) ? 100 : (int)out.records;
}

static int drains_silence(void)
{
	struct tool t = TOOL("");
	const int64_t from = wallclock_monotonic();

	t.raises = SIGINT;
	drains = true;
	if (run_one("1W3WWWWWWWW", t) || out.records != 4)
		return 100;
	const int64_t ms = (wallclock_monotonic() - from) / NS_PER_MS;
	return ms >= 900 && ms < 3000 && strstr(buf_text(&events), "finish1") ? 0 : 101;
}

static int ends_busy(void)
{
	struct tool t = TOOL("");

	t.quiet = true;
	t.raises = SIGTERM;
	drains = false;
	return run_one("*", t);
}

static int second_signal(void)
{
	const struct timespec later = { 0, 150 * NS_PER_MS };
	struct tool t = TOOL("");

	t.raises = SIGTERM;
	drains = true;
	if (!fork()) {
		nanosleep(&later, NULL);
		kill(getppid(), SIGINT);
		_exit(0);
	}
	return run_one("1WWWWWWWWWWWWWWWWW", t);
}

static int same_signal_twice(void)
{
	struct tool t = TOOL("");

	t.raises = SIGTERM;
	drains = true;
	if (!fork()) {
		nanosleep(&(struct timespec){ 0, 20 * NS_PER_MS }, NULL);
		kill(getppid(), SIGTERM);
		_exit(0);
	}
	return run_one("1WWWWWWWWWWWWWWWWW", t);
}

static int hangs_up(void)
{
	struct tool t = TOOL("");

	/* Not a terminal: SIGHUP reloads. */
	dup2(open("/dev/null", O_WRONLY), 2);
	t.raises = SIGHUP;
	return run_one("1W9.", t) || strcmp(buf_text(&events), "start 1 >1 flush 9 >9 reload finish1 commit") ? 100 : 0;
}

static void signals(void)
{
	is_int(in_child(stops_at_once), 1, "SIGTERM: a source of its own stops");
	is_int(in_child(drains_pipe), 28, "a filter on a pipe reads on to its end");
	is_int(in_child(drains_silence), 0, "... or until a second of silence");
	is_int(in_child(ends_busy), 0, "a loop that is never idle sees signals");
	is_int(in_child(second_signal), -SIGINT, "a second signal, of either kind, ends at once");
	is_int(in_child(same_signal_twice), 0, "... but not the same one sent twice in a row");
	is_int(in_child(hangs_up), 0, "SIGHUP reloads between batches where stderr is no terminal");
}

/* ---- a blocked output ---- */

struct drainer { struct service service; int fd, runs; size_t bytes; const struct output *output; const struct script *script; };

static void drainer_run(struct service *service, int64_t now)
{
	struct drainer *d = (struct drainer *)service;
	static char bytes[1 << 20];
	ssize_t n;

	if (now == INT64_MAX)
		return;
	d->runs++;
	service->due = now + 2 * NS_PER_MS;
	if ((output_left(d->output) >= OUTPUT_LIMIT || !*d->script->at) && (n = read(d->fd, bytes, sizeof bytes)) > 0)
		d->bytes += (size_t)n;
}

/* The pipe has no other reader than a service: would it not run while the output is blocked, this would hang. */
static void blocked(void)
{
	struct stage stage = { .tool = &hooks, .policy = POLICY_INIT };
	struct script s = { .source = { .next = script_next, .fd = -1, .lag = -1 }, .fields = &loop.fields };
	struct tool t = TOOL("");
	struct output o;
	struct output_next last;
	int ends[2];
	char steps[9001];

	memset(steps, '8', 9000);
	steps[9000] = '\0';
	s.at = steps;
	t.quiet = true;
	stage.self = &t;
	loop_init(&loop);
	ok(!pipe(ends) && fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0, "a pipe");
	struct drainer d = { { drainer_run, 0, NULL }, ends[0], 0, 0, &o, &s };
	loop_add_service(&loop, &d.service);
	ok(!output_open(&o, ends[1], "pipe", &loop, &said), "an output on it");
	filter_output_init(&last, &o);
	is_int(filter_run(&loop, &s.source, &stage, 1, &last.next, &said), EXIT_DONE, "a blocked output waits");
	const uint64_t written = o.written;
	ok(!output_close(&o, &said), "and closes");
	for (char rest[65536];;) {
		const ssize_t n = read(ends[0], rest, sizeof rest);
		if (n <= 0)
			break;
		d.bytes += (size_t)n;
	}
	is_int(d.bytes, written, "all of it arrives");
	ok(d.runs >= 2, "services run meanwhile");
	ok(loop.blocked_out > 0, "and the time is known");
	close(ends[0]);
	arena_release(&s.arena);
	loop_release(&loop);
}

/* One output fails, the other gets what was meant for it. */
static void one_fails(void)
{
	struct output full, good;
	int ends[2];
	char bytes[16];

	loop_init(&loop);
	ok(!pipe(ends), "a pipe");
	ok(!output_open(&full, open("/dev/full", O_WRONLY), "full", &loop, &said) && !output_open(&good, ends[1], "good", &loop, &said),
	    "two outputs");
	buf_add_text(&good.buf, "whole\n");
	buf_add_text(&full.buf, "x");
	ok(output_flush(&full, &said) < 0 && strstr(said.text, "full: No space left"), "one fails: %s", said.text);
	struct tool t = TOOL("");
	t.start = 0;
	struct stage stage = { .tool = &hooks, .self = &t, .policy = POLICY_INIT };
	struct script s = { .source = { .next = script_next, .fd = -1, .lag = -1 }, .at = "f", .fields = &loop.fields };
	is_int(filter_run(&loop, &s.source, &stage, 1, NULL, &said), EXIT_FAILED, "the run fails");
	is_str(said.text, "the source fails", "with the first failure");
	is_int(read(ends[0], bytes, sizeof bytes), 6, "what the other one holds is written");
	output_close(&good, &said);
	output_close(&full, &said);
	close(ends[0]);
	loop_release(&loop);
}

static void order(void)
{
	struct tool tools[3] = { TOOL("a"), TOOL("b"), TOOL("c") };
	char steps[2000];

	for (size_t i = 0; i < sizeof steps - 1; i++)
		steps[i] = i % 11 == 10 ? 'w' : (char)('1' + i % 9);
	steps[sizeof steps - 1] = '\0';
	for (int i = 0; i < 3; i++)
		tools[i].quiet = true;
	tools[1].bad_every = 7;
	is_int(run(steps, tools, 3, (struct policy)POLICY_INIT), EXIT_DONE, "three stages");
	ok(out.records > 5000 && !out.out_of_order, "order out is order in");
	ok(out.errors > 0, "error records among them");
}

int main(void)
{
	hooks_in_order();
	failures();
	time_and_descriptors();
	gates();
	controls();
	signals();
	blocked();
	one_fails();
	order();
	buf_release(&events);
	return done();
}
