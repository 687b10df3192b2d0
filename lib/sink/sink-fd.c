/* SPDX-License-Identifier: MIT */
#include "sink/sink-fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/number.h"

struct fd_sink {
	struct output output;
	char name[32];
};

static bool fd_is(const char *dest)
{
	return *dest && strspn(dest, "0123456789") == strlen(dest);
}

/* Where a descriptor leads, for -v: the file's name, "pipe:[123]", "/dev/pts/0". */
static void describe(int fd, char *out, size_t size)
{
	char path[32];

	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	const ssize_t n = readlink(path, out, size - 1);
	out[n > 0 ? n : 0] = '\0';
}

static int fd_open(struct sink *s, const char *dest, const struct sink_options *o, struct error *why)
{
	int64_t fd;

	if (number_parse_integer(dest, &fd, why) || fd < 0 || fd > 1023)
		return error_set(why, "%s: a descriptor is a number from 0 to 1023", s->dest), -2;
	const int flags = fcntl((int)fd, F_GETFL);
	if (flags < 0)
		return error_set(why, "descriptor %d is not open; the shell opens it with: %d>>out%d.jsonl", (int)fd, (int)fd, (int)fd), -2;
	if ((flags & O_ACCMODE) == O_RDONLY)
		return error_set(why, "descriptor %d is open for reading only", (int)fd), -2;
	if (fd_same_file((int)fd, STDIN_FILENO))
		return error_set(why, "descriptor %d: the input is the output as well", (int)fd);
	/* Messages still need descriptor 2 when this one is closed, and as blocking as it was. */
	const int own = fd == 2 ? fcntl(2, F_DUPFD_CLOEXEC, 3) : (int)fd;
	if (own < 0)
		return error_set(why, "descriptor %d: %s", (int)fd, strerror(errno));
	struct fd_sink *f = alloc_zeroed(1, sizeof *f);
	snprintf(f->name, sizeof f->name, "descriptor %d", (int)fd);
	if (output_open(&f->output, own, f->name, o->loop, why)) {
		if (own != (int)fd)
			close(own);
		free(f);
		return -1;
	}
	f->output.drops = o->drops_on_close;
	describe((int)fd, s->leads_to, sizeof s->leads_to);
	s->self = f;
	return 0;
}

static int fd_put(struct sink *s, const struct parcel *p, struct error *why)
{
	struct fd_sink *f = s->self;

	if (f->output.closed) {
		s->dropped++;
		return 0;
	}
	char *to = buf_reserve(&f->output.buf, p->len + 1);
	memcpy(to, p->line, p->len);
	to[p->len] = '\n';
	f->output.buf.len += p->len + 1;
	return output_added(&f->output, why);
}

static int fd_close(struct sink *s, bool clean, struct error *why)
{
	struct fd_sink *f = s->self;
	int result = 0;

	if (clean)
		result = output_close(&f->output, why);
	else
		output_abandon(&f->output);
	s->dropped += f->output.lost;
	free(f);
	return result;
}

const struct sink_kind sink_fd = {
	.scheme = "fd:", .help = "N, fd:N: an open descriptor", .is = fd_is, .open = fd_open, .put = fd_put, .close = fd_close,
};
