/* SPDX-License-Identifier: MIT */
/*
 * command.h - what a tool is to the command line, and the one way to run it: alone or in a chain.
 *
 * The binaries' main is one line: command_main; sml's is command_chain.  Knows options and streams, no tool.
 */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/eventtime.h"
#include "checkpoint/checkpoint.h"
#include "cli/options.h"
#include "stream/filter.h"

/* The options every tool has; the first member of each tool's context. */
struct common {
	bool quiet, verbose, no_progress;
	int on_bad;				/* 0 route, 1 stop */
	const char *max_errors_text, *time_text, *metrics_path;
	const char *checkpoint, *stage;		/* of tools that take part in one; checkpoint: also $SML_CHECKPOINT */
	const char *shard_text;			/* also $SML_SHARD */
	int64_t interval_ns, attempts;		/* sml-replay: between barriers; runs that may die at one place */
	int on_poison;				/* sml-replay: 0 stop, 1 route */
	uint64_t max_line;
	int64_t jobs;				/* of tools that share their work among threads */
	/* filled in after parsing: */
	struct checkpoint_shard shard;
	struct policy policy;
	const char *time_path;			/* of -T, else $SML_TIME, else "timestamp" */
	enum time_unit time_unit;
	bool time_given;			/* by -T or $SML_TIME */
	const struct command *command;
};

#define COMMON_OPTIONS(S) \
	OPT_CHOICE(0, "on-bad", "route|stop", S, common.on_bad, "a bad line becomes an error record, or stops the run (3)"), \
	OPT_TEXT(0, "max-errors", "N|N%", S, common.max_errors_text, "stop (3) at more than N error records, or N% of the records"), \
	OPT_BYTES(0, "max-line", "BYTES", S, common.max_line, "a longer line is TOO_LONG (16M)"), \
	OPT_TEXT('T', "time", "PATH[:UNIT]", S, common.time_text, "event time: s ms us ns rfc3339 (timestamp:ms, or $SML_TIME)"), \
	OPT_TEXT(0, "metrics", "FILE", S, common.metrics_path, "keep a Prometheus textfile"), \
	OPT_FLAG(0, "no-progress", S, common.no_progress, "no bar on the terminal"), \
	OPT_FLAG('q', "quiet", S, common.quiet, "no summary lines"), \
	OPT_FLAG('v', "verbose", S, common.verbose, "a summary, and what was understood")
#define JOBS_MAX 256	/* threads */

/* Of tools that take part in a checkpoint. */
#define CHECKPOINT_OPTIONS(S) \
	OPT_TEXT(0, "checkpoint", "DIR", S, common.checkpoint, "exactly once, by the checkpoint in DIR ($SML_CHECKPOINT)"), \
	OPT_TEXT(0, "shard", "I/N", S, common.shard_text, "part I, from 0, of a pipeline that runs N times ($SML_SHARD)"), \
	OPT_TEXT(0, "stage", "NAME", S, common.stage, "its name in the checkpoint, where a tool stands twice in a pipe")

/* -h --help[=all], -V --version and --list-options are options.c's own, in every table. */

/* Options that some tools share: one row, so that a name means one thing. */
#define OPT_CHECK(S, m)		OPT_FLAG(0, "check", S, m, "parse what was given and stop")
#define OPT_EXPLAIN(S, m)	OPT_FLAG(0, "explain", S, m, "print what was understood and stop")
#define OPT_MODEL_HELP		"the model: sml-classify reads it, sml-train writes it"
#define OPT_MODEL(S, m)		OPT_TEXT('m', "model", "FILE", S, m, OPT_MODEL_HELP)
#define OPT_BROKERS(S, m)	OPT_TEXT('b', "brokers", "LIST", S, m, "Kafka brokers ($KAFKA_BOOTSTRAP_SERVERS, else localhost:19092)")
#define OPT_PROPERTY(S, m)	OPT_LIST('X', "property", "PROP=VALUE", S, m, "a librdkafka property")
#define OPT_CONFIG(S, m)	OPT_TEXT('F', "config", "FILE", S, m, "a file of librdkafka properties")

/* What setup gives back about operands. */
struct setup {
	int argc;
	char **argv;			/* the operands */
	bool inner;			/* a later stage of a chain: its input is the stage before */
	const char *const *inputs;	/* out: the operands that are input files; at first all of them are */
	size_t n_inputs;
	enum exit_status status;	/* out, when setup returns 1 */
};

struct command {
	const char *name;		/* "sml-classify" */
	const char *purpose;		/* as .Nd of its page */
	const char *usage;		/* "-m MODEL [options] [FILE...]"; several forms: LF between them */
	const char *const *examples;	/* three lines, NULL at the end */
	const char *const *daily;	/* long names on the first screen of help, NULL at the end */
	const struct opt *options;
	size_t size;			/* of its context, which begins with struct common; zeroed */
	void (*defaults)(void *tool);	/* before options; NULL: all zero */
	/* After options: compiles specs, loads models, opens nothing that another process could notice.  0 go on; 1 it was --check,
	 * --explain or the like, done; -1 with `why`: exit 2. */
	int (*setup)(void *tool, struct setup *, struct error *why);
	/* A source of its own (sml-replay); NULL: the operands. */
	struct source *(*source)(void *tool, struct loop *, const struct setup *, struct error *why);
	struct filter_tool tool;
	bool writes_no_records;		/* sml-train: stdout is not a stream */
	bool checkpoints;		/* it takes part in a checkpoint */
	bool is_sink;			/* ... as the last stage, which commits */
	/* Of a sink, before it opens its outputs: where another system than the directory commits; checkpoint.h. */
	checkpoint_transaction *transaction;
	void (*release)(void *tool);	/* of what setup made, also of a half of it */
	void (*parts)(struct buf *);	/* for --version: what else it is built with, "librdkafka 2.0.2" LF; NULL: nothing */
};

/* The exit status of the process.  Prints what went wrong, with the tool's name. */
int command_main(const struct command *, int argc, char **argv);

/* sml A ... then B ...: the stages of `commands` (NULL at the end) in one process. */
int command_chain(const struct command *const *commands, int argc, char **argv);

/* "sml-features: text" on stderr, unless -q. */
void command_note(const struct common *, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The same under -v alone. */
void command_tell(const struct common *, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* In setup: a mistake in what was typed rather than in a file; adds "(see sml-x --help)".  -1. */
int command_misuse(const struct common *, struct error *why, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* What it is built with, a line each, for --version. */
void command_parts(const struct command *, struct buf *);

#endif
