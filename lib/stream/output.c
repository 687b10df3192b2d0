/* SPDX-License-Identifier: MIT */
#include "stream/output.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "stream/filter.h"

#define PIPE_BYTES (256 * 1024)

bool output_private(int fd, int mode)
{
	struct stat st;
	char path[32];

	/* O_NONBLOCK on the description itself would hit the shell and everybody else who shares it. */
	if (fstat(fd, &st) || !S_ISFIFO(st.st_mode))
		return false;
	/* 3<>fifo keeps a pipe open by holding both ends: so must we. */
	if ((fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDWR)
		mode = O_RDWR;
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	const int own = TEMP_FAILURE_RETRY(open(path, mode | O_NONBLOCK | O_CLOEXEC));
	if (own < 0)
		return false;
	const bool done = TEMP_FAILURE_RETRY(dup2(own, fd)) == fd;
	close(own);
	return done;
}

int output_open(struct output *o, int fd, const char *name, struct loop *l, struct error *why)
{
	struct stat st;

	*o = (struct output){ .fd = fd, .name = name, .loop = l, .owner = l->running, .is_open = true, .is_stdout = fd == 1 };
	if (fstat(fd, &st))
		return error_set(why, "%s: %s", name, strerror(errno));
	o->is_pipe = S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode);
	if (S_ISFIFO(st.st_mode))
		fcntl(fd, F_SETPIPE_SZ, PIPE_BYTES);	/* where it is allowed */
	o->nonblocking = output_private(fd, O_WRONLY);
	if (l->n_outputs == l->outputs_room)
		l->outputs = alloc_again(l->outputs, l->outputs_room = l->outputs_room * 2 + 8, sizeof *l->outputs);
	l->outputs[l->n_outputs++] = o;
	if (l->protocol && l->protocol->opened(l->protocol, o, why)) {
		l->n_outputs--;
		o->is_open = false;
		return -1;
	}
	return 0;
}

/* A reader that closed stdout ends the process as by SIGPIPE, without a word. */
static int reader_closed(struct output *o, struct error *why)
{
	if (o->is_stdout) {
		sigset_t pipe;
		loop_end_services(o->loop);
		signal(SIGPIPE, SIG_DFL);
		sigemptyset(&pipe);
		sigaddset(&pipe, SIGPIPE);
		sigprocmask(SIG_UNBLOCK, &pipe, NULL);
		raise(SIGPIPE);
	}
	if (o->drops) {
		o->closed = true;
		for (size_t i = o->done; i < o->buf.len; i++)
			o->lost += o->buf.data[i] == '\n';
		o->buf.len = o->done = 0;
		return 0;
	}
	o->failed = true;
	return error_set(why, "%s: its reader has closed it", o->name);
}

/* poll says nothing useful about a regular file; a terminal that somebody made non-blocking may be full. */
struct pollfd output_poll(const struct output *o)
{
	const bool left = output_left(o) > 0;

	return (struct pollfd){ !o->closed && !o->failed && (o->is_pipe || left) ? o->fd : -1, left ? POLLOUT : 0, 0 };
}

int output_check(struct output *o, struct error *why)
{
	struct pollfd p = { o->fd, 0, 0 };

	if (!o->is_pipe || o->closed || poll(&p, 1, 0) <= 0 || !(p.revents & (POLLERR | POLLHUP)))
		return 0;
	return reader_closed(o, why);
}

/* What a long line has left behind is not kept. */
static void settle(struct output *o)
{
	if (o->done) {
		o->buf.len -= o->done;
		memmove(o->buf.data, o->buf.data + o->done, o->buf.len);
		o->done = 0;
	}
	if (!o->buf.len && o->buf.size > 16 * OUTPUT_LIMIT)
		buf_release(&o->buf);
}

/* Whether what is written next stands behind a line without an end.  A file that cannot be read cannot be asked. */
static bool is_behind_torn_line(int fd)
{
	const int flags = fcntl(fd, F_GETFL);
	char path[32], last = '\n';
	struct stat st;

	if (flags < 0 || fstat(fd, &st) || !S_ISREG(st.st_mode) || !st.st_size)
		return false;
	if (!(flags & O_APPEND) && lseek(fd, 0, SEEK_CUR) != st.st_size)
		return false;
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	const int own = TEMP_FAILURE_RETRY(open(path, O_RDONLY | O_CLOEXEC));
	if (own < 0)
		return false;
	const bool torn = TEMP_FAILURE_RETRY(pread(own, &last, 1, st.st_size - 1)) == 1 && last != '\n';
	close(own);
	return torn;
}

/* Before the first byte, and not when it is opened: a run that writes nothing leaves the file alone. */
static int end_torn_line(struct output *o, struct error *why)
{
	char note[PATH_MAX + 64];

	if (!is_behind_torn_line(o->fd))
		return 0;
	if (TEMP_FAILURE_RETRY(write(o->fd, "\n", 1)) != 1) {
		o->failed = true;
		return error_set(why, "%s: %s", o->name, strerror(errno));
	}
	o->written++;
	o->loop->bytes_out++;
	snprintf(note, sizeof note, "%s: its last line has no end: it gets one", o->name);
	if (o->loop->on_note)
		o->loop->on_note(o->loop, o->owner, note);
	return 0;
}

int output_try(struct output *o, struct error *why)
{
	if (o->failed)
		return error_set(why, "%s: an earlier write failed", o->name);
	if (o->closed)
		o->buf.len = o->done = 0;
	if (!o->written && output_left(o) && o->loop->protocol && o->loop->protocol->writing(o->loop->protocol, o, why)) {
		o->failed = true;
		return -1;
	}
	if (!o->written && !o->is_pipe && output_left(o) && end_torn_line(o, why))
		return -1;
	while (o->done < o->buf.len) {
		size_t n = o->buf.len - o->done;
		if (o->is_pipe && !o->nonblocking) {
			/* The description is shared and blocks: no more than is sure to fit. */
			struct pollfd p = { o->fd, POLLOUT, 0 };
			if (TEMP_FAILURE_RETRY(poll(&p, 1, 0)) <= 0)
				return 0;
			n = n < PIPE_BUF ? n : PIPE_BUF;
		}
		const ssize_t written = write(o->fd, o->buf.data + o->done, n);
		if (written >= 0) {
			o->done += (size_t)written;
			o->written += (uint64_t)written;
			o->loop->bytes_out += (uint64_t)written;
		} else if (errno == EAGAIN) {
			if (o->done >= OUTPUT_LIMIT)
				settle(o);
			return 0;
		}
		else if (errno == EPIPE)
			return reader_closed(o, why);
		else if (errno != EINTR) {
			o->failed = true;
			return error_set(why, "%s: %s", o->name, strerror(errno));
		}
	}
	o->buf.len = o->done = 0;
	return 0;
}

int output_room(struct output *o, struct error *why)
{
	if (output_try(o, why))
		return -1;
	while (output_left(o) >= OUTPUT_LIMIT)		/* a signal ends a wait early */
		if (loop_wait(o->loop, &(struct wait_for){ .room = o }, INT64_MAX, why))
			return -1;
	settle(o);
	return 0;
}

int output_flush(struct output *o, struct error *why)
{
	if (output_try(o, why))
		return -1;
	while (output_left(o))
		if (loop_wait(o->loop, &(struct wait_for){ .empty = o }, INT64_MAX, why))
			return -1;
	settle(o);
	return 0;
}

int output_close(struct output *o, struct error *why)
{
	struct loop *l = o->loop;
	int result = 0;

	if (!o->is_open)
		return 0;
	if (!o->failed)
		result = output_flush(o, why);
	if (!result && l->protocol)
		result = l->protocol->closing(l->protocol, o, why);
	o->is_open = false;
	for (size_t i = 0; i < l->n_outputs; i++)
		if (l->outputs[i] == o) {
			memmove(&l->outputs[i], &l->outputs[i + 1], (--l->n_outputs - i) * sizeof *l->outputs);
			break;
		}
	buf_release(&o->buf);
	if (close(o->fd) && !result && !o->closed)
		result = error_set(why, "%s: %s", o->name, strerror(errno));
	return result;
}

void output_abandon(struct output *o)
{
	if (!o->is_open)
		return;
	o->is_open = false;
	buf_release(&o->buf);
	close(o->fd);
}
