/* SPDX-License-Identifier: MIT */
/*
 * output.h - a buffered descriptor that a loop flushes before it waits.
 *
 * Knows bytes.  Never blocks where the kernel lets it: what does not fit waits in loop_wait.  Errors are sticky.
 */
#ifndef STREAM_OUTPUT_H
#define STREAM_OUTPUT_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"

struct loop;
struct stage;

#define OUTPUT_LIMIT (128 * 1024)	/* bytes buffered before a write */

struct output {
	int fd;
	const char *name;		/* for messages: "stdout", "descriptor 3", "vip.jsonl" */
	struct buf buf;
	size_t done;			/* bytes of buf already written */
	uint64_t written;		/* bytes in all */
	bool nonblocking, is_pipe, is_stdout, is_open;
	bool failed;			/* sticky: nothing more is written */
	bool drops;			/* --on-closed=drop: a reader that closed is no failure */
	bool closed;			/* ... and has closed */
	uint64_t lost;			/* lines that were in the buffer then */
	struct loop *loop;
	struct stage *owner;		/* whose hook has opened it; NULL: it stands behind the last stage */
};

/* Takes over fd and registers with the loop.  0 or -1. */
int output_open(struct output *, int fd, const char *name, struct loop *, struct error *why);

/*
 * Writes what the kernel takes now; what it does not take stays.  0, or -1: failed (a closed stdout ends the process as by SIGPIPE).
 * Where a regular file is appended to and its last line has no LF (a full disk leaves such a one), that comes first, so that
 * the next record is not glued to it; loop->on_note says so.
 */
int output_try(struct output *, struct error *why);

/* Whether the reader has closed, without writing. */
int output_check(struct output *, struct error *why);

/* Room for more: writes, and waits while OUTPUT_LIMIT or more is left. */
int output_room(struct output *, struct error *why);

/* Everything out: waits as long as it takes.  Then fsync is the caller's. */
int output_flush(struct output *, struct error *why);

/* Flushes, closes, unregisters; a failed close is a failure. */
int output_close(struct output *, struct error *why);

/* Closes without a word, when the loop is gone: what is in the buffer is lost. */
void output_abandon(struct output *);

/* What the loop's wait looks for. */
struct pollfd output_poll(const struct output *);

static inline size_t output_left(const struct output *o)
{
	return o->buf.len - o->done;
}

/* After appending to o->buf. */
static inline int output_added(struct output *o, struct error *why)
{
	return output_left(o) >= OUTPUT_LIMIT ? output_room(o, why) : 0;
}

/* Makes a pipe non-blocking for this process alone, by opening /proc/self/fd/N again.  False: not possible. */
bool output_private(int fd, int mode);

#endif
