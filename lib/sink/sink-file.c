/* SPDX-License-Identifier: MIT */
/*
 * A path may hold fields of event time: {date} is %Y-%m-%d, {hour} is %H, and strftime's fields as they are.  Then one
 * file per rendered name is open at a time per slot of a small cache, the one used longest ago makes room.
 */
#include "sink/sink-file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/eventtime.h"
#include "base/fd.h"
#include "base/suggest.h"
#include "base/wallclock.h"

#define FILES_OPEN 8

struct one_file {
	struct output output;
	char *path;		/* NULL: free */
	uint64_t used;
};

struct file_sink {
	char *pattern;		/* strftime's */
	bool is_pattern;
	bool truncates;
	char **seen;		/* with --truncate: names started anew in this run */
	size_t n_seen;
	struct one_file file[FILES_OPEN];
	struct one_file *last;
	int64_t last_from, last_until;	/* seconds for which last's name holds */
	uint64_t clock;
};

static bool file_is(const char *dest)
{
	return *dest != '\0';
}

static bool was_seen(struct file_sink *f, const char *path)
{
	for (size_t i = 0; i < f->n_seen; i++)
		if (!strcmp(f->seen[i], path))
			return true;
	f->seen = alloc_again(f->seen, f->n_seen + 1, sizeof *f->seen);
	f->seen[f->n_seen++] = alloc_text(path);
	return false;
}

static bool is_regular(int fd)
{
	struct stat st;

	return !fstat(fd, &st) && S_ISREG(st.st_mode);
}

static int open_file(struct sink *s, struct one_file *one, const char *path, struct error *why)
{
	struct file_sink *f = s->self;
	const bool anew = f->truncates && !was_seen(f, path);
	const int fd = TEMP_FAILURE_RETRY(open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_APPEND, 0666));

	if (fd < 0)
		return error_set(why, "%s: %s", path, strerror(errno));
	if (fd_same_file(fd, STDIN_FILENO)) {
		close(fd);
		return error_set(why, "%s: the input is the output as well", path);
	}
	if (anew && is_regular(fd) && TEMP_FAILURE_RETRY(ftruncate(fd, 0))) {
		error_set(why, "%s: %s", path, strerror(errno));
		close(fd);
		return -1;
	}
	one->path = alloc_text(path);
	if (output_open(&one->output, fd, one->path, s->loop, why)) {
		close(fd);
		free(one->path);
		one->path = NULL;
		return -1;
	}
	return 0;
}

static int close_file(struct one_file *one, struct error *why)
{
	const int result = output_close(&one->output, why);

	free(one->path);
	one->path = NULL;
	return result;
}

/* "{date}" and "{hour}" are spelled out; what strftime would not know passes through it unchanged. */
static char *pattern_of(const char *dest, bool *is_pattern)
{
	struct buf b = BUF_INIT;
	char *pattern;

	*is_pattern = false;
	for (const char *p = dest; *p;) {
		if (!strncmp(p, "{date}", 6) || !strncmp(p, "{hour}", 6)) {
			buf_add_text(&b, p[1] == 'd' ? "%Y-%m-%d" : "%H");
			*is_pattern = true;
			p += 6;
		} else {
			if (*p == '%')
				*is_pattern = true;
			buf_add_byte(&b, *p++);
		}
	}
	pattern = alloc_span(b.data, b.len);
	buf_release(&b);
	return pattern;
}

/* {dte} would stay as it is, in the name of one file for all days. */
static int file_check(const char *dest, struct error *why)
{
	static const char *const fields[] = { "date", "hour", NULL };

	for (const char *p = dest; (p = strchr(p, '{')); p++) {
		const size_t len = strspn(p + 1, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
		if (!len || p[1 + len] != '}')
			continue;
		const char *near = suggest_nearest(p + 1, len, fields);
		if (near && strlen(near) == len && !strncmp(p + 1, near, len))
			continue;
		return near ? error_set(why, "there is no {%.*s} (did you mean {%s}?)", (int)len, p + 1, near)
		    : error_set(why, "there is no {%.*s}: a path has {date}, {hour} and the fields of strftime, as %%M", (int)len, p + 1);
	}
	return 0;
}

static int file_open(struct sink *s, const char *dest, const struct sink_options *o, struct error *why)
{
	struct file_sink *f;
	struct stat st;

	if (!*dest)
		return error_set(why, "%s: no file is named", s->dest), -2;
	f = alloc_zeroed(1, sizeof *f);
	s->self = f;
	f->pattern = pattern_of(dest, &f->is_pattern);
	f->truncates = o->truncates;
	s->wants_time = f->is_pattern;
	snprintf(s->leads_to, sizeof s->leads_to, "%s", dest);
	if (f->is_pattern)
		return 0;
	if (!stat(dest, &st) && S_ISDIR(st.st_mode)) {
		error_set(why, "%s: is a directory", dest);
		return -2;
	}
	f->last = &f->file[0];
	return open_file(s, f->last, dest, why);
}

/* The file for this time: usually the last one. */
static struct one_file *file_for(struct sink *s, int64_t event_time, struct error *why)
{
	struct file_sink *f = s->self;
	const time_t seconds = (time_t)eventtime_floor(event_time, NS_PER_S, 0) / NS_PER_S;
	char path[4096];
	struct tm tm;
	struct one_file *oldest = &f->file[0];

	if (f->last && seconds >= f->last_from && seconds < f->last_until)
		return f->last;
	if (!gmtime_r(&seconds, &tm) || !strftime(path, sizeof path, f->pattern, &tm)) {
		error_set(why, "%s: its name at this event time is empty or too long", s->dest);
		return NULL;
	}
	f->last_from = seconds;		/* no field is finer than a second */
	f->last_until = seconds + 1;
	for (struct one_file *one = f->file; one < f->file + FILES_OPEN; one++) {
		if (one->path && !strcmp(one->path, path)) {
			f->last = one;
			one->used = ++f->clock;
			return one;
		}
		if (one->used < oldest->used)
			oldest = one;
	}
	if (oldest->path && close_file(oldest, why))
		return NULL;
	if (open_file(s, oldest, path, why))
		return NULL;
	oldest->used = ++f->clock;
	return f->last = oldest;
}

static int file_put(struct sink *s, const struct parcel *p, struct error *why)
{
	struct file_sink *f = s->self;
	struct one_file *one = f->last;

	if (f->is_pattern) {
		/* An error record may have no event time: it goes with the time of its arrival. */
		const int64_t at = p->event_time != EVENTTIME_NONE ? p->event_time : wallclock_now();
		if (!(one = file_for(s, at, why)))
			return -1;
	}
	char *to = buf_reserve(&one->output.buf, p->len + 1);
	memcpy(to, p->line, p->len);
	to[p->len] = '\n';
	one->output.buf.len += p->len + 1;
	return output_added(&one->output, why);
}

static int file_close(struct sink *s, bool clean, struct error *why)
{
	struct file_sink *f = s->self;
	struct error later;
	int result = 0;

	for (struct one_file *one = f->file; one < f->file + FILES_OPEN; one++)
		if (one->path && clean && close_file(one, result ? &later : why)) {
			result = -1;
		} else if (one->path) {
			output_abandon(&one->output);
			free(one->path);
		}
	for (size_t i = 0; i < f->n_seen; i++)
		free(f->seen[i]);
	free(f->seen);
	free(f->pattern);
	free(f);
	return result;
}

const struct sink_kind sink_file = {
	.scheme = "file:", .help = "PATH, file:PATH: appended to; {date} {hour} and strftime's fields of event time",
	.is = file_is, .check = file_check, .open = file_open, .put = file_put, .close = file_close,
};
