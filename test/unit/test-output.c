/* SPDX-License-Identifier: MIT */
#include "stream/output.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "stream/filter.h"
#include "tap.h"

static struct loop loop;
static struct error why;

static size_t drain(int fd, char *to, size_t size)
{
	size_t n = 0;

	for (struct pollfd p = { fd, POLLIN, 0 }; poll(&p, 1, 0) > 0;) {
		const ssize_t got = read(fd, to + n, size - n);
		if (got <= 0)
			break;
		n += (size_t)got;
	}
	return n;
}

static void fill(struct output *o, char *copy, size_t *n, size_t more)
{
	for (size_t i = 0; i < more; i++) {
		const char c = (char)('a' + (*n * 7 + *n / 26) % 26);
		copy[(*n)++] = c;
		buf_add_byte(&o->buf, c);
	}
}

/* A reader that takes now and then: nothing is lost, doubled or reordered, and nothing blocks. */
static void in_pieces(int from, int to, const char *what)
{
	static char sent[4 << 20], got[4 << 20];
	size_t n_sent = 0, n_got = 0;
	struct output o;

	ok(!output_open(&o, to, what, &loop, &why), "%s: open", what);
	for (int i = 0; i < 60; i++) {
		fill(&o, sent, &n_sent, 50021);
		if (output_try(&o, &why))
			break;
		if (i % 3 == 0)
			n_got += drain(from, got + n_got, i % 2 ? sizeof got - n_got : 30000);
	}
	ok(o.buf.size < 8u << 20, "... what has been written is not kept");
	while (output_left(&o) && !output_try(&o, &why))
		n_got += drain(from, got + n_got, sizeof got - n_got);
	ok(!output_close(&o, &why), "... close");
	n_got += drain(from, got + n_got, sizeof got - n_got);
	ok(n_got == n_sent && !memcmp(sent, got, n_sent), "... %zu bytes arrive as they were", n_sent);
	is_int(o.written, n_sent, "... and are counted");
	is_int(loop.n_outputs, 0, "... and the loop knows it no more");
	close(from);
}

static void private_pipe(void)
{
	int ends[2];
	struct output o;

	ok(!pipe(ends), "a pipe");
	const int shared = dup(ends[1]);
	ok(!output_open(&o, ends[1], "pipe", &loop, &why) && o.nonblocking, "is non-blocking for us");
	ok(!(fcntl(shared, F_GETFL) & O_NONBLOCK), "... and for nobody else");
	output_close(&o, &why);
	close(shared);
	close(ends[0]);

	/* 3<>fifo: whoever holds both ends waits for a reader. */
	char name[] = "/tmp/sml-fifo-XXXXXX";
	ok(mkdtemp(name) != NULL, "a folder");
	char path[64];
	snprintf(path, sizeof path, "%s/p", name);
	ok(!mkfifo(path, 0600), "a named pipe");
	ok(!output_open(&o, open(path, O_RDWR), "fifo", &loop, &why), "opened for both");
	buf_add_text(&o.buf, "x\n");
	ok(!output_flush(&o, &why) && !output_check(&o, &why), "is not closed for want of a reader");
	output_close(&o, &why);
	unlink(path);
	rmdir(name);
}

static void closed(void)
{
	int ends[2];
	struct output o;

	signal(SIGPIPE, SIG_IGN);
	ok(!pipe(ends) && !output_open(&o, ends[1], "side", &loop, &why), "an output");
	close(ends[0]);
	ok(output_check(&o, &why) < 0 && strstr(why.text, "side: its reader has closed it"), "whose reader has gone is seen without writing");
	ok(o.failed && output_try(&o, &why) < 0, "and stays failed");
	ok(!output_close(&o, &why), "closing it is no second failure");

	ok(!pipe(ends) && !output_open(&o, ends[1], "side", &loop, &why), "another one");
	o.drops = true;
	close(ends[0]);
	buf_add_text(&o.buf, "a\nb\nc\n");
	ok(!output_try(&o, &why) && o.closed, "with --on-closed=drop that is no failure");
	is_int(o.lost, 3, "and its lines are counted");
	buf_add_text(&o.buf, "d\n");
	ok(!output_flush(&o, &why) && !output_left(&o), "later ones go nowhere");
	ok(!output_close(&o, &why), "close");

	ok(!output_open(&o, open("/dev/full", O_WRONLY), "full", &loop, &why), "a full disk");
	buf_add_text(&o.buf, "x");
	ok(output_flush(&o, &why) < 0 && strstr(why.text, "full: No space left on device"), "is a failure: %s", why.text);
	output_close(&o, &why);
}

static void closed_stdout(void)
{
	int ends[2], status;

	fflush(stdout);
	const pid_t pid = fork();
	if (!pid) {
		struct output o;
		if (pipe(ends) || dup2(ends[1], 1) != 1)
			_exit(1);
		close(ends[1]);
		close(ends[0]);
		if (output_open(&o, 1, "stdout", &loop, &why))
			_exit(2);
		output_check(&o, &why);
		_exit(3);
	}
	ok(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status) && WTERMSIG(status) == SIGPIPE,
	    "a closed stdout ends the process as by SIGPIPE, even where that is ignored");
}

int main(void)
{
	int ends[2];

	loop_init(&loop);
	ok(!pipe(ends), "a pipe");
	in_pieces(ends[0], ends[1], "pipe");
	ok(!socketpair(AF_UNIX, SOCK_STREAM, 0, ends), "sockets");
	in_pieces(ends[0], ends[1], "socket");
	private_pipe();
	closed();
	closed_stdout();
	loop_release(&loop);
	return done();
}
