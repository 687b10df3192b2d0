/* SPDX-License-Identifier: MIT */
#include "cli/command.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/fd.h"
#include "base/fieldpath.h"
#include "base/number.h"
#include "base/suggest.h"
#include "base/wallclock.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/control.h"
#include "cli/progress.h"
#include "cli/version.h"
#include "stream/inputs.h"
#include "stream/stats.h"

#define MAX_LINE (UINT64_C(16) << 20)
#define SHARDS_MAX 10000
#define MAX_LINE_LIMIT (UINT64_C(1) << 30)	/* lengths of values are 32 bits */

/* One stage of the run: a command with its own options and operands. */
struct part {
	const struct command *command;
	void *tool;		/* its context; begins with a struct common */
	int argc;
	char **argv;		/* argv[0] is what the tool is called */
	struct setup setup;
};

static struct common *common_of(const struct part *p)
{
	return p->tool;
}

/* ---- messages ---- */

static void say(const char *name, const char *fmt, va_list ap)
{
	struct buf line = BUF_INIT;
	va_list again;
	char *text;

	va_copy(again, ap);
	if (vasprintf(&text, fmt, ap) < 0) {	/* that may be what is to be said */
		dprintf(STDERR_FILENO, "%s: ", name);
		vdprintf(STDERR_FILENO, fmt, again);
		dprintf(STDERR_FILENO, "\n");
	} else {
		buf_format(&line, "%s: %s\n", name, text);
		/* One write: stages of a pipe share the terminal. */
		if (fd_write(STDERR_FILENO, line.data, line.len))
			errno = 0;
		buf_release(&line);
		free(text);
	}
	va_end(again);
}

static void complain(const char *name, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The first line of what was said last, for stages behind this one. */
static char last_said[256];

static void complain(const char *name, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(last_said, sizeof last_said, fmt, ap);
	last_said[strcspn(last_said, "\n")] = '\0';
	va_end(ap);
	va_start(ap, fmt);
	say(name, fmt, ap);
	va_end(ap);
}

void command_note(const struct common *c, const char *fmt, ...)
{
	va_list ap;

	if (c->quiet)
		return;
	va_start(ap, fmt);
	say(c->command->name, fmt, ap);
	va_end(ap);
}

void command_tell(const struct common *c, const char *fmt, ...)
{
	va_list ap;

	if (!c->verbose || c->quiet)
		return;
	va_start(ap, fmt);
	say(c->command->name, fmt, ap);
	va_end(ap);
}

int command_misuse(const struct common *c, struct error *why, const char *fmt, ...)
{
	struct error what;
	va_list ap;

	va_start(ap, fmt);
	error_setv(&what, fmt, ap);
	va_end(ap);
	return error_set(why, "%s (see %s --help)", what.text, c->command->name);
}

void command_parts(const struct command *c, struct buf *out)
{
	buf_format(out, "built with: yyjson%s\n", reader_codecs());
	if (c->parts)
		c->parts(out);
}

/* ---- the common options ---- */

static int max_errors_parse(const char *text, struct policy *policy, struct error *why)
{
	size_t len = strlen(text);
	bool percent = len && text[len - 1] == '%';
	char *digits = alloc_span(text, percent ? len - 1 : len);
	struct error ignored;
	int64_t n = -1;
	double share = -1;
	int result = 0;

	if (percent ? number_parse_double(digits, &share, &ignored) || !(share >= 0 && share <= 100) :
	    number_parse_integer(digits, &n, &ignored) || n < 0)
		result = error_set(why, "--max-errors: \"%s\" is neither a number of records nor a percentage from 0%% to 100%%", text);
	else if (percent)
		policy->max_errors_percent = share;
	else
		policy->max_errors = (uint64_t)n;
	free(digits);
	return result;
}

static int time_parse(struct common *c, struct error *why)
{
	const char *from_environment = getenv("SML_TIME"), *origin = "--time", *text = c->time_text;
	struct arena arena = ARENA_INIT;
	struct fieldpath path;
	size_t len;
	char *copy;
	int result;

	if (!text && from_environment && *from_environment) {
		origin = "$SML_TIME";
		text = from_environment;
	}
	c->time_given = text != NULL;
	if (!text)
		text = "timestamp";
	if (eventtime_split(text, &len, &c->time_unit, why))
		return error_prefix(why, "%s", origin);
	copy = alloc_span(text, len);
	c->time_path = copy;
	result = fieldpath_parse(&path, copy, &arena, why);
	arena_release(&arena);
	return result ? error_prefix(why, "%s", origin) : 0;
}

/* A file that cannot be kept is found before the run, not after it. */
static int metrics_check(const char *path, struct error *why)
{
	const char *slash = strrchr(path, '/');
	char *folder = slash == path ? alloc_text("/") : slash ? alloc_span(path, (size_t)(slash - path)) : alloc_text(".");
	struct stat st;
	int result = 0;

	/* It is replaced by rename: not /dev/null. */
	if (!*path || (!stat(path, &st) && !S_ISREG(st.st_mode)))
		result = error_set(why, "--metrics: \"%s\" is no regular file", path);
	else if (stat(folder, &st))
		result = error_set(why, "--metrics: %s: %s", folder, strerror(errno));
	else if (!S_ISDIR(st.st_mode))
		result = error_set(why, "--metrics: %s is no folder", folder);
	else if (access(folder, W_OK | X_OK))
		result = error_set(why, "--metrics: %s: %s", folder, strerror(errno));
	free(folder);
	return result;
}

/* "0/3".  Without a checkpoint the environment's is a label of metrics alone. */
static int shard_parse(struct common *c, struct error *why)
{
	const char *set = getenv("SML_SHARD"), *text = c->shard_text, *origin = "--shard";
	struct checkpoint_shard s = {0};
	int end = 0;

	if (text && !c->checkpoint)
		return error_set(why, "--shard: divides a pipeline under a checkpoint, and there is none (--checkpoint DIR)");
	if (!text && c->checkpoint && set && *set) {
		text = set;
		origin = "$SML_SHARD";
	}
	if (!text)
		return 0;
	if (text[strspn(text, "0123456789/")] || sscanf(text, "%5u/%5u%n", &s.index, &s.of, &end) != 2 || text[end] || s.index >= s.of ||
	    s.of > SHARDS_MAX)
		return error_set(why, "%s: \"%s\" is no shard: I/N, from 0/N to the last one, as 0/3 1/3 2/3", origin, text);
	c->shard = s;
	return 0;
}

static int common_finish(struct common *c, struct error *why)
{
	c->policy = (struct policy)POLICY_INIT;
	c->policy.stop = c->on_bad == 1;
	c->policy.max_line = c->max_line;
	if (c->max_errors_text && max_errors_parse(c->max_errors_text, &c->policy, why))
		return -1;
	if (c->command->checkpoints && !c->checkpoint && getenv("SML_CHECKPOINT") && *getenv("SML_CHECKPOINT"))
		c->checkpoint = getenv("SML_CHECKPOINT");
	if (c->max_line > MAX_LINE_LIMIT)
		return error_set(why, "--max-line: more than 1G");
	if (shard_parse(c, why) || time_parse(c, why))
		return -1;
	return c->metrics_path ? metrics_check(c->metrics_path, why) : 0;
}

/* ---- setting up ---- */

/* 0, or the status to exit with; it has been said why. */
static int part_parse(struct part *p)
{
	const struct command *c = p->command;
	struct error why;
	struct common *common;
	int operands;

	p->tool = alloc_zeroed(1, c->size);
	common = common_of(p);
	common->command = c;
	common->max_line = MAX_LINE;
	common->jobs = 1;
	if (c->defaults)
		c->defaults(p->tool);
	options_parse(c, p->tool, p->argc, p->argv, &operands);
	p->setup.argc = p->argc - operands;
	p->setup.argv = p->argv + operands;
	p->setup.inputs = (const char *const *)p->setup.argv;
	p->setup.n_inputs = (size_t)p->setup.argc;
	if (common_finish(common, &why)) {
		complain(c->name, "%s (see %s --help)", why.text, c->name);
		return EXIT_USAGE;
	}
	return 0;
}

static void part_release(struct part *p)
{
	if (!p->tool)
		return;
	if (p->command->release)
		p->command->release(p->tool);
	options_release(p->command, p->tool);
	free((char *)common_of(p)->time_path);
	free(p->tool);
}

/* "features" of "sml-features": what it is called in a chain. */
static const char *short_name(const struct command *c)
{
	return c->tool.name;
}

/*
 * All stages are set up even when one has only been asked to show something, so that a mistake in a later one is found.
 * *done: one has.
 */
static int parts_setup(struct part *parts, size_t n, bool *done, int *status)
{
	struct error why;

	for (size_t i = 0; i < n; i++) {
		struct part *p = &parts[i];
		const struct command *c = p->command;
		int got = 0;

		p->setup.inner = i > 0;
		if (c->setup)
			got = c->setup(p->tool, &p->setup, &why);
		if (got < 0) {
			complain(c->name, "%s", why.text);
			*status = EXIT_USAGE;
			return -1;
		}
		if (got > 0) {
			*done = true;
			if ((int)p->setup.status > *status)
				*status = (int)p->setup.status;
		}
		if (i > 0 && p->setup.n_inputs) {
			complain("sml", "%s: input operand \"%s\": its input is the stage before it", short_name(c), p->setup.inputs[0]);
			*status = EXIT_USAGE;
			return -1;
		}
		if (i > 0 && common_of(p)->jobs > 1) {
			complain("sml", "%s: -j: only the first tool of a chain can work in several threads; on a pipe "
			    "(| sml %s -j %lld) any can", short_name(c), short_name(c), (long long)common_of(p)->jobs);
			*status = EXIT_USAGE;
			return -1;
		}
	}
	return 0;
}

/* A descriptor that is closed must not become some file that is opened next: writing to it has to fail. */
static void hold_descriptors(void)
{
	for (int fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF && open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) != fd) {
			complain(program_invocation_short_name, "/dev/null: %s", strerror(errno));
			exit(EXIT_FAILED);
		}
}

static void note_terminal(const struct part *first)
{
	const struct setup *s = &first->setup;
	const char *const *operands = first->command->source ? (const char *const *)s->argv : s->inputs;
	size_t n = first->command->source ? (size_t)s->argc : s->n_inputs;
	bool reads_stdin = n == 0;

	for (size_t i = 0; i < n; i++)
		if (!strcmp(operands[i], "-"))
			reads_stdin = true;
	if (reads_stdin && isatty(STDIN_FILENO))
		command_note(first->tool, "reading from the terminal; Ctrl-D ends the input");
}

/* ---- metrics ---- */

struct metrics_service {
	struct service service;
	const struct common *common;
	const struct loop *loop;
	const struct stage *stage;
	bool failed;
};

static void metrics_run(struct service *service, int64_t now)
{
	struct metrics_service *m = (struct metrics_service *)service;
	struct error why;

	/* The last call comes at the end of time. */
	service->due = now == INT64_MAX ? now : now + NS_PER_S;
	if (!stats_write(m->common->metrics_path, m->loop, m->stage, &why)) {
		m->failed = false;
	} else if (!m->failed) {
		m->failed = true;
		complain(m->common->command->name, "--metrics: %s", why.text);
	}
}

/* ---- a checkpoint ---- */

/* Its name in control records: of ASCII letters, digits, _ and -. */
static int check_stage(const char *name, struct error *why)
{
	if (!*name || strlen(name) > 64 || name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")])
		return error_set(why, "--stage: \"%s\" is no name: letters, digits, _ and -, 64 at most", name);
	return 0;
}

/* The stage that has failed before its stream began, as stages behind it hear of it; NULL: they have heard, or nobody is there. */
static const char *unheard;

/* Options end the process where they are parsed. */
static void tell_unheard(int status, void *unused)
{
	struct buf line = BUF_INIT;
	struct stat st;

	(void)unused;
	if (!status || !unheard || fstat(STDOUT_FILENO, &st) || !S_ISFIFO(st.st_mode))
		return;
	control_write_abort(&line, status, unheard, *last_said ? last_said : "it could not begin");
	buf_add_byte(&line, '\n');
	if (fd_write(STDOUT_FILENO, line.data, line.len))
		errno = 0;	/* whoever stood there has gone, too */
	buf_release(&line);
}

static bool asks_for_checkpoint(int argc, char **argv)
{
	const char *set = getenv("SML_CHECKPOINT");
	bool asks = set && *set;

	for (int i = 1; i < argc; i++)
		asks |= (!strcmp(argv[i], "--checkpoint") && i + 1 < argc) || (!strncmp(argv[i], "--checkpoint=", 13) && argv[i][13]);
	return asks;
}

static void listen_for_failure(const struct command *last, int argc, char **argv)
{
	if (last->checkpoints && !last->is_sink && asks_for_checkpoint(argc, argv)) {
		unheard = last->tool.name;
		on_exit(tell_unheard, NULL);
	}
}

/* All stages of a process are under the same checkpoint, or none is.  1: under one, 0: none is, -1. */
static int checkpoint_check(const struct part *parts, size_t n, const char **names, struct error *why)
{
	const struct command *first = parts[0].command;
	const char *dir = common_of(&parts[0])->checkpoint;

	for (size_t i = 0; i < n; i++) {
		const struct common *c = common_of(&parts[i]);
		names[i] = c->stage ? c->stage : short_name(c->command);
		if (c->stage && check_stage(c->stage, why))
			return -1;
		if (!dir != !c->checkpoint || (dir && strcmp(dir, c->checkpoint)))
			return error_set(why, "%s: all stages of a process are under one checkpoint: say it to each, or in $SML_CHECKPOINT",
			    short_name(c->command));
		if (c->stage && !dir)
			return error_set(why, "--stage: names a stage in a checkpoint, and there is none (--checkpoint DIR)");
		if (c->shard.index != common_of(&parts[0])->shard.index || c->shard.of != common_of(&parts[0])->shard.of)
			return error_set(why, "%s: all stages of a process are of one shard: say it to each, or in $SML_SHARD", short_name(c->command));
		for (size_t k = 0; dir && k < i; k++)
			if (!strcmp(names[k], names[i]))
				return error_set(why, "two stages of the checkpoint are called %s: --stage NAME tells them apart", names[i]);
	}
	if (dir && !first->source && parts[0].setup.n_inputs)
		return error_set(why, "%s: under a checkpoint the files are read by sml-replay: it knows how to go on with them",
		    parts[0].setup.inputs[0]);
	return dir != NULL;
}

/* ---- running ---- */

static void note_of_loop(const struct loop *l, const struct stage *s, const char *text)
{
	command_note((s ? s : &l->stages[l->n_stages - 1])->self, "%s", text);
}

static int run(struct part *parts, size_t n)
{
	const struct part *first = &parts[0], *final = &parts[n - 1];
	struct stage *stages = alloc_zeroed(n, sizeof *stages);
	struct metrics_service *metrics = alloc_zeroed(n, sizeof *metrics);
	struct progress *progress = NULL;
	struct source *source = NULL;
	struct output output = {0};
	struct output_next last;
	struct checkpoint *checkpoint = NULL;
	const char **names = alloc_zeroed(n, sizeof *names);
	struct loop loop;
	struct error why, later;
	int status = EXIT_FAILED;

	loop_init(&loop);
	for (size_t i = 0; i < n; i++) {
		stages[i].tool = &parts[i].command->tool;
		stages[i].self = parts[i].tool;
		stages[i].policy = common_of(&parts[i])->policy;
		stages[i].jobs = (unsigned)common_of(&parts[i])->jobs;
	}
	loop.stages = stages;
	loop.n_stages = n;
	loop.on_usr1 = progress_line;
	loop.on_note = note_of_loop;
	note_terminal(first);
	if (first->command->source) {
		source = first->command->source(first->tool, &loop, &first->setup, &why);
	} else {
		struct lines_options lines = { .fields = &loop.fields, .intake = { .max_line = common_of(first)->max_line,
			.takes_control = common_of(first)->checkpoint }, .whole = common_of(first)->checkpoint };

		source = inputs_new(first->setup.inputs, first->setup.n_inputs, &lines, &why);
	}
	if (!source) {
		complain(first->command->name, "%s", why.text);
		status = loop.verdict ? (int)loop.verdict : EXIT_FAILED;
		goto out;
	}
	const int is_checkpointed = checkpoint_check(parts, n, names, &why);
	if (is_checkpointed) {
		checkpoint = checkpoint_new(&(struct checkpoint_options){ common_of(first)->checkpoint, common_of(first)->shard, names, &output,
		    common_of(first)->interval_ns, (uint64_t)common_of(first)->attempts, common_of(first)->on_poison, first->command->source != NULL,
		    final->command->is_sink, final->command->transaction, final->tool });
		loop.protocol = checkpoint_protocol(checkpoint);
		if (is_checkpointed < 0 || loop.protocol->prepare(loop.protocol, &loop, &why)) {
			complain(final->command->name, "%s", why.text);
			status = is_checkpointed < 0 || loop.verdict ? EXIT_USAGE : EXIT_FAILED;
			goto out;
		}
	}
	if (!final->command->writes_no_records) {
		if (output_open(&output, STDOUT_FILENO, "stdout", &loop, &why)) {
			complain(final->command->name, "%s", why.text);
			status = loop.verdict ? (int)loop.verdict : EXIT_FAILED;
			goto out;
		}
		filter_output_init(&last, &output);
	}
	for (size_t i = 0; i < n; i++)
		if (common_of(&parts[i])->metrics_path) {
			metrics[i] = (struct metrics_service){ .service.run = metrics_run, .common = parts[i].tool, .loop = &loop,
				.stage = &stages[i] };
			loop_add_service(&loop, &metrics[i].service);
		}
	progress = progress_new(&loop, first->tool);
	if (checkpoint)
		unheard = NULL;		/* from here on the protocol tells */
	status = (int)filter_run(&loop, source, stages, n, final->command->writes_no_records ? NULL : &last.next, &why);
	if (loop.refused_begin && output.is_open && output.is_pipe) {
		control_write_abort(&output.buf, status, loop.failed_in->tool->name, "it was started without a checkpoint");
		buf_add_byte(&output.buf, '\n');
	}
	if (output.is_open && output_close(&output, status == EXIT_DONE ? &why : &later) && status == EXIT_DONE)
		status = EXIT_FAILED;
	progress_end(progress);
	if (status != EXIT_DONE && why.text[0]) {
		/* The name that a pipe would have said; what happens to stdout happens to the last one. */
		const struct stage *s = loop.stopped_by ? loop.stopped_by : loop.failed_in ? loop.failed_in : &stages[n - 1];
		complain(parts[s - stages].command->name, "%s", why.text);
	}
	for (size_t i = 0; i < n; i++)
		progress_summary(&loop, &stages[i], parts[i].tool);
out:
	if (source)
		source->close(source);
	checkpoint_free(checkpoint);
	loop_release(&loop);
	free(names);
	free(stages);
	free(metrics);
	return status;
}

static int run_parts(const char *name, struct part *parts, size_t n)
{
	int status = 0;
	bool done = n == 0;

	for (size_t i = 0; i < n && !status; i++)
		status = part_parse(&parts[i]);
	if (!status && !parts_setup(parts, n, &done, &status) && !done)
		status = run(parts, n);
	/* What --explain or a report printed; records have been seen to by the loop, which has closed their stdout. */
	const bool reported = done || parts[n - 1].command->writes_no_records;
	if (reported && (fflush(stdout) || ferror(stdout) || close(STDOUT_FILENO)) && status == EXIT_DONE) {
		complain(n ? parts[n - 1].command->name : name, "stdout: %s", strerror(errno));
		status = EXIT_FAILED;
	}
	for (size_t i = 0; i < n; i++)
		part_release(&parts[i]);
	return status;
}

int command_main(const struct command *c, int argc, char **argv)
{
	struct part part = { .command = c, .argc = argc, .argv = argv };

	hold_descriptors();
	listen_for_failure(c, argc, argv);
	return run_parts(c->name, &part, 1);
}

/* ---- the chain ---- */

/* What sml itself is to the option table; its purpose lists the tools. */
struct chain { bool list_tools; };

static const struct opt chain_options[] = {
	OPT_FLAG(0, "list-tools", struct chain, list_tools, "the tools, for completion"),
	OPT_END
};

static const char *const chain_daily[] = { "help", "version", NULL };

static const char *const chain_examples[] = {
	"sml features purchases.features history.jsonl then train -y label -m model.json",
	"sml replay history.jsonl then features purchases.features then classify -m model.json",
	"sml classify -m model.json features.jsonl then route HIGH_VALUE=3 3>>vip.jsonl",
	NULL
};

static char *chain_purpose(const struct command *const *commands)
{
	struct buf text = BUF_INIT;

	buf_add_text(&text, "run stages of a pipeline in one process\n");
	for (size_t i = 0; commands[i]; i++)
		buf_format(&text, "\n  %-10s%s", short_name(commands[i]), commands[i]->purpose);
	buf_add_text(&text, "\n\nEach has the options of sml-TOOL (sml TOOL --help); a later one reads what the one before it writes.");
	buf_add_byte(&text, 0);
	return text.data;
}

/* sml is built with what any of its tools is built with. */
static const struct command *const *chain_commands;

static void chain_parts(struct buf *out)
{
	struct buf more = BUF_INIT;

	for (size_t i = 0; chain_commands[i]; i++) {
		if (!chain_commands[i]->parts)
			continue;
		buf_clear(&more);
		chain_commands[i]->parts(&more);
		if (!memmem(out->data, out->len, more.data, more.len))
			buf_add(out, more.data, more.len);
	}
	buf_release(&more);
}

static const struct command *chain_find(const struct command *const *commands, const char *name)
{
	for (size_t i = 0; commands[i]; i++)
		if (!strcmp(short_name(commands[i]), name))
			return commands[i];
	return NULL;
}

static const char *chain_nearest(const struct command *const *commands, const char *name)
{
	const char **names, *near;
	size_t n = 0;

	while (commands[n])
		n++;
	names = alloc_zeroed(n + 1, sizeof *names);
	for (size_t i = 0; i < n; i++)
		names[i] = short_name(commands[i]);
	near = suggest_nearest(name, strlen(name), names);
	free(names);
	return near;
}

static int chain_misuse(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static int chain_misuse(const char *fmt, ...)
{
	struct error what;
	va_list ap;

	va_start(ap, fmt);
	error_setv(&what, fmt, ap);
	va_end(ap);
	complain("sml", "%s (see sml --help)", what.text);
	return EXIT_USAGE;
}

/* "than classify": a word that is nearly `then`, before a tool, and no file. */
static bool is_near_then(const struct command *const *commands, const char *word, const char *behind)
{
	static const char *const then[] = { "then", NULL };

	return behind && suggest_nearest(word, strlen(word), then) && access(word, F_OK) &&
	    (chain_find(commands, behind) || (chain_nearest(commands, behind) && access(behind, F_OK)));
}

/* Cuts the arguments at `then`; argv[from] is the first tool.  0 or the exit status. */
static int chain_cut(const struct command *const *commands, int argc, char **argv, int from, struct part *parts, size_t *n)
{
	for (int i = from; i <= argc; i++) {
		struct part *p = &parts[*n];
		const char *near;

		if (i == argc || !strcmp(argv[i], "then"))
			return chain_misuse(*n ? "a tool is missing behind \"then\"" : "a tool is missing before \"then\"");
		p->command = chain_find(commands, argv[i]);
		if (!p->command) {
			near = chain_nearest(commands, argv[i]);
			if (near)
				return chain_misuse("no tool is called \"%s\" (did you mean \"%s\"?)", argv[i], near);
			return chain_misuse("no tool is called \"%s\"", argv[i]);
		}
		p->argv = &argv[i];
		while (++i < argc && strcmp(argv[i], "then"))
			if (is_near_then(commands, argv[i], argv[i + 1]))
				return chain_misuse("\"%s\": did you mean \"then\"?", argv[i]);
		p->argc = (int)(&argv[i] - p->argv);
		(*n)++;
	}
	for (size_t i = 0; i < *n; i++) {
		if (i > 0 && parts[i].command->source)
			return chain_misuse("%s reads a source of its own: it can only stand first", short_name(parts[i].command));
		if (i + 1 < *n && parts[i].command->writes_no_records)
			return chain_misuse("%s writes no records: nothing can stand behind it", short_name(parts[i].command));
	}
	return 0;
}

int command_chain(const struct command *const *commands, int argc, char **argv)
{
	struct command self = {
		.name = "sml",
		.usage = "TOOL [options] [operand...] [then TOOL [options] [operand...]]...",
		.examples = chain_examples,
		.daily = chain_daily,
		.options = chain_options,
		.tool = { .name = "sml" },
		.parts = chain_parts,
	};
	struct chain chain = {0};
	struct part *parts;
	size_t n = 0;
	int own = 1, operands, status;
	char *purpose;

	hold_descriptors();
	chain_commands = commands;
	/* None of sml's own options has an argument: they end where a tool's name stands. */
	while (own < argc && argv[own][0] == '-')
		own++;
	self.purpose = purpose = chain_purpose(commands);
	options_parse(&self, &chain, own, argv, &operands);
	free(purpose);
	if (chain.list_tools) {
		for (size_t i = 0; commands[i]; i++)
			printf("%s\t%s\n", short_name(commands[i]), commands[i]->purpose);
		return run_parts("sml", NULL, 0);
	}
	if (own == argc)
		return chain_misuse("a tool is missing");
	parts = alloc_zeroed((size_t)argc, sizeof *parts);
	status = chain_cut(commands, argc, argv, own, parts, &n);
	if (!status && n)
		listen_for_failure(parts[n - 1].command, argc, argv);
	if (!status)
		status = run_parts("sml", parts, n);
	free(parts);
	return status;
}
