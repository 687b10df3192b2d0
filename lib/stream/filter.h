/* SPDX-License-Identifier: MIT */
/*
 * filter.h - the loop: pull, hand over in batches, flush before each wait, tick, stop, finish.
 *
 * Knows any chain of stages and no tool.  A tool supplies hooks and its own context; it is never entered twice.  A stage
 * doesn't know whether its neighbour is a pipe or another stage in the same process: it adds members to records and
 * passes the batch on.
 *
 * Guarantees: output is flushed before every wait and before a successful return; `finish` is called exactly once at end
 * or stop, in chain order, never after a failure; the first failure wins; order out is order in.
 */
#ifndef STREAM_FILTER_H
#define STREAM_FILTER_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "json/fields.h"
#include "stream/output.h"
#include "stream/record.h"
#include "stream/source.h"

/* The exit status of a tool, described in sml(7). */
enum exit_status {
	EXIT_DONE = 0,
	EXIT_FAILED = 1,	/* while running: I/O, broker, output; a retry may help */
	EXIT_USAGE = 2,		/* options, spec, rules, model; a retry cannot help */
	EXIT_STOPPED = 3,	/* by --max-errors, --on-bad=stop or a failed check */
};

enum end {
	END_CLEAN,	/* the input ended */
	END_STOPPED,	/* a signal, or enough (-c) */
	END_LOST,	/* under a checkpoint: the input ended without an `end` line */
};

struct loop;
struct parallel;
struct snapshot_writer;
struct snapshot_reader;
struct metrics;

/* What stands behind a stage: an output or the next stage. */
struct next {
	int (*pass)(struct next *, struct record **, size_t n, struct error *why);
	/* Lines as they are to be written, of records whose partition is not told; what is in `lines` then is of no use.  NULL: it takes
	 * records alone. */
	int (*take)(struct next *, struct buf *lines, struct error *why);
};

/* Hands on n records; when it returns, the neighbour has done with them. 0, 1 ("enough") or -1. */
static inline int next_pass(struct next *next, struct record **r, size_t n, struct error *why)
{
	return n ? next->pass(next, r, n, why) : 0;
}

/*
 * Each hook returns 0, 1 ("enough": -c, a failed check; the run ends well, finish is called) or -1 with `why`.
 * A tool supplies what it needs; most need `start` and `records`.
 */
struct filter_tool {
	const char *name;	/* "features": in error records and metrics */
	/* once, before the first record: registers fields, opens outputs on the loop */
	int (*start)(void *tool, struct loop *, struct error *why);
	/* 1 to BATCH_MAX records in order, error records among them (left alone and passed on); the array is scratch */
	int (*records)(void *tool, struct record **, size_t n, struct next *, struct error *why);
	int64_t (*deadline)(void *tool);	/* monotonic ns when tick is due; INT64_MAX: never */
	int (*tick)(void *tool, int64_t now, struct next *, struct error *why);
	size_t (*watch)(void *tool, struct pollfd *, size_t max);	/* own descriptors: a server, a store */
	int (*ready)(void *tool, struct next *, struct error *why);	/* one of them is */
	int (*flush)(void *tool, struct error *why);	/* before every wait: a producer; must not wait itself */
	int (*drain)(void *tool, bool last, struct next *, struct error *why);	/* at a barrier, before the state; last: no data follows */
	int (*save)(void *tool, struct snapshot_writer *, struct error *why);
	/* Changes since the last save or save_changes, or the restore where that was 0; NULL: it can tell none. */
	int (*save_changes)(void *tool, struct snapshot_writer *, struct error *why);
	/* 0, 1: what it has now is not all of what was saved, or more (the command line is another), -1. */
	int (*restore)(void *tool, struct snapshot_reader *, struct error *why);
	bool divides;				/* rows of its state say of which partition they are: who goes on with some of these takes them over */
	int (*reload)(void *tool, struct error *why);	/* SIGHUP, between batches */
	/*
	 * -j, of a first stage that supplies these (stream/parallel.h).  split: what `work` may change, owned by the tool.  work: all that
	 * `records` does but to pass on; in another thread, beside records, flush, watch and metrics, never beside other hooks.  join: what
	 * work has counted becomes the tool's, in the order of the records.
	 */
	void *(*split)(void *tool);
	void (*work)(void *part, struct record **, size_t n);
	void (*join)(void *tool, void *part);
	int (*finish)(void *tool, enum end how, struct next *, struct error *why);	/* the last records */
	/* Waits for what has been sent elsewhere (topics): where a policy stops the run, and by loop_settle. */
	int (*settle)(void *tool, struct error *why);
	/* Behind every finish, when all outputs are written and closed, and only where the status will be 0: states, models, offsets. */
	int (*commit)(void *tool, enum end how, struct error *why);
	void (*metrics)(void *tool, struct metrics *);	/* its own samples; also on an idle stream */
	void (*summary)(void *tool, struct buf *);	/* lines for -v at the end, each with LF */
};

/* What a stage does about bad records. */
struct policy {
	bool stop;			/* --on-bad=stop */
	uint64_t max_errors;		/* UINT64_MAX: any number */
	double max_errors_percent;	/* of records, judged after 1,000 and at the end; below 0: no limit */
	uint64_t max_line;		/* bytes; a chain holds a stage to what a pipe would carry */
};

#define POLICY_INIT { .stop = false, .max_errors = UINT64_MAX, .max_errors_percent = -1, .max_line = 16u << 20 }

struct stage {
	struct next next;		/* first: what the stage before passes to */
	const struct filter_tool *tool;
	void *self;
	struct policy policy;
	struct tally tally;
	unsigned jobs;			/* -j: threads; 0, 1: the loop's alone */
	uint64_t before;		/* records of earlier runs of a checkpoint: lines are counted on */
	uint64_t gated, let_out;	/* records that the gate has seen; of them error records of its own */
	bool allows_itself;		/* by loop_allow: the gate counts nothing again */
	struct next *behind;		/* the gate, where a policy may stop the run; else the neighbour */
	struct gate { struct next next; struct next *behind; struct stage *stage; } gate;
	struct loop *loop;
};

/* Something that goes on during waits and never touches records: metrics, progress. */
struct service {
	void (*run)(struct service *, int64_t now);
	int64_t due;			/* monotonic ns; run sets the next */
	struct service *next;
};

/*
 * Who reads, makes and passes on control records under a checkpoint; without one they are data, or a mistake.  A hook returns
 * 0 or -1 with `why`, and chooses the status by loop->verdict; control and end also 1 where a policy ends the run.
 */
struct protocol {
	int (*prepare)(struct protocol *, struct loop *, struct error *why);	/* before any output is opened */
	int (*start)(struct protocol *, struct error *why);			/* when all have */
	int (*control)(struct protocol *, const struct control *, struct error *why);
	int (*first)(struct protocol *, struct error *why);	/* data where `begin` has not come yet */
	int64_t (*due)(struct protocol *);			/* monotonic ns when tick is due */
	int (*tick)(struct protocol *, int64_t now, struct error *why);
	int (*end)(struct protocol *, enum end *how, struct error *why);	/* no more data comes */
	/* The last thing where a run has failed: what stands behind hears why. */
	void (*abort)(struct protocol *, enum exit_status, const struct stage *, const char *why);
	int (*opened)(struct protocol *, struct output *, struct error *why);
	int (*writing)(struct protocol *, struct output *, struct error *why);	/* its first bytes, before they are */
	int (*closing)(struct protocol *, struct output *, struct error *why);	/* all of it has been written */
	/*
	 * A tool's file beside its state, for what is large and seldom another one.  put: in `save`; durable when it returns, and named by
	 * this barrier and all that follow, in place of the one before.  get: in `restore`, what the checkpoint names; free(3), with the
	 * path it was read from, borrowed until the next put; NULL with `why`: it cannot be had.
	 */
	int (*put)(struct protocol *, const void *tool, const void *bytes, size_t n, struct error *why);
	char *(*get)(struct protocol *, const void *tool, const char **path, size_t *n, struct error *why);
	/* Of a source: before it sends a record.  1: a stop was asked for, and it is not sent.  May make it an error record. */
	int (*sends)(struct protocol *, struct record *, struct error *why);
	bool careful;						/* ... it asks of each, one a batch; else of the first of a batch */
	bool has_begun;						/* data may pass */
	bool counts;						/* not a source: records are counted from the stream's beginning */
	const char *run;					/* once it has: the run, and the epoch that is open */
	uint64_t epoch;
	/* Of a sink: commits of this run, what all and the longest of them took, and when the last one was (clock). */
	bool commits;
	uint64_t n_commits;
	int64_t commit_ns, longest_commit_ns, committed_at;
};

struct wait_for {
	struct source *source;		/* readable, or its time; NULL: not waited for */
	struct output *room;		/* has room again; NULL: not waited for */
	struct output *empty;		/* is all written */
	int fd;				/* a tool's own descriptor is readable; 0: none */
};

struct loop {
	struct fields fields;		/* what all stages read and add */
	struct source *source;
	struct stage *stages;
	size_t n_stages;
	struct parallel *parallel;	/* the first stage's work is divided; NULL: it is not */
	struct output **outputs;	/* flushed before each wait */
	size_t n_outputs, outputs_room;
	struct pollfd *polled;		/* what loop_wait waits for */
	size_t polled_room;
	struct service *services;
	struct protocol *protocol;	/* NULL: no checkpoint */
	bool refuses_control;		/* sml-replay: {"_sml": in its input is data (RESERVED), never control */
	bool refused_begin;		/* the stream is under a checkpoint, and this process is not */
	bool stopping;			/* a signal has come */
	bool failed;			/* a hook or the source has: outputs alone are still served */
	enum exit_status verdict;	/* a status that a hook has chosen for its "enough" or failure; 0: the usual one */
	struct stage *stopped_by;	/* whose policy ended the run; NULL: none's */
	struct stage *running;		/* whose hook is being called: outputs opened now are its own; NULL: none's */
	struct stage *failed_in;	/* the stage that failed: a pipe would have said its name; NULL: none */
	int64_t batch_at;		/* monotonic ns at which the present batch was read */
	uint64_t bytes_in, bytes_out;
	int64_t started_at, blocked_in, blocked_out;	/* monotonic ns; ns spent waiting for input, for output */
	uint64_t latency[64];		/* histogram by power of two of us, from read to handed over, per record */
	uint64_t latency_ns;		/* their sum */
	void (*on_usr1)(struct loop *);	/* one line of progress; NULL: none */
	/* A line for the user, of a stage (NULL: the last one); NULL: nobody is told. */
	void (*on_note)(const struct loop *, const struct stage *, const char *text);
	bool reload_asked;
	int64_t flushed_at;		/* when a busy loop last flushed; 0: it has waited since */
	int64_t looked_at;		/* when signals were last let in beside a wait */
};

void loop_init(struct loop *);
void loop_release(struct loop *);

/*
 * The one wait: flushes the tools and every output, then waits for the source, room, a stage's descriptors, the time
 * `until` (monotonic ns), a signal; goes on writing outputs and running services meanwhile, never a tool: so it may
 * be called in the middle of a pass (pacing).  0 when something is there or a signal came, -1 also when a reader closed.
 */
int loop_wait(struct loop *, const struct wait_for *, int64_t until, struct error *why);

/* Waits until a time whatever comes, for pacing, and makes barriers meanwhile; 1: a stop was asked for. */
int loop_sleep(struct loop *, int64_t until, struct error *why);

/* For work that waits for somebody else than the loop knows (a broker's answer): lets signals in; true: a stop was asked for. */
bool loop_look(struct loop *);

/* For work that takes long and leaves nothing if it is not finished (training).  True: from here on the first stop ends the
 * process at once, as a second one does anyway; false: as before. */
void loop_end_at_once(bool);

void loop_add_service(struct loop *, struct service *);

/* Between batches: waits until everything passed on so far has left, topics included; before offsets are committed. */
int loop_settle(struct loop *, struct error *why);

/* Their last call, with `now` INT64_MAX: at the end of the run, or when the process is about to end with its reader. */
void loop_end_services(struct loop *);

/* How many of a batch the stage may let out: all, or those before the record that ends the run (then `verdict` is set and
 * the caller writes these and returns 1).  For tools that write records themselves; next_pass does it for others. */
size_t loop_allow(struct stage *, struct record **, size_t n);

/* Whether a policy ends the run, now that all records have been counted; says so in the loop. */
bool loop_judge(struct loop *);

/* Of n records handed on now: when they were read, monotonic ns. */
void loop_note_latency(struct loop *, int64_t read_at, size_t n);

/* The stage that a tool runs as. */
struct stage *loop_stage(struct loop *, const void *tool);

/* Runs the source through the stages into `last` (NULL: records end in the last stage).  The exit status; `why` says
 * why it is not 0 (empty where the tool has said it). */
enum exit_status filter_run(struct loop *, struct source *, struct stage *, size_t n, struct next *last, struct error *why);

/* An output as the end of a chain. */
struct output_next {
	struct next next;
	struct output *output;
	int32_t partition;		/* what the reader knows: a record of another one has a line before it that tells */
};
void filter_output_init(struct output_next *, struct output *);

#endif
