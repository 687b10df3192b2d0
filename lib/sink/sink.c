/* SPDX-License-Identifier: MIT */
#include "sink/sink.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/suggest.h"
#include "kafka/producer.h"
#include "kafka/transaction.h"
#include "sink/sink-fd.h"
#include "sink/sink-file.h"
#include "sink/sink-kafka.h"
#include "sink/sink-null.h"
#include "sink/sink-replace.h"

/* To add a kind: sink-x.c and its row here. */
const struct sink_kind *const sink_kinds[] = {
	&sink_null, &sink_fd, &sink_kafka, &sink_replace, &sink_file, NULL
};

static bool has_scheme(const char *dest, const char *scheme)
{
	return !strncmp(dest, scheme, strlen(scheme));
}

/* The file, pipe or socket behind a descriptor or path; false: it is none of these, or is not there yet. */
static bool look(const char *dest, struct stat *st)
{
	char *end;

	if (has_scheme(dest, "kafka:") || has_scheme(dest, "replace:") || !strcmp(dest, "null"))
		return false;
	if (!strcmp(dest, "-"))
		dest = "1";
	if (has_scheme(dest, "fd:"))
		dest += 3;
	else if (has_scheme(dest, "file:"))
		return !stat(dest + 5, st);
	const long fd = strtol(dest, &end, 10);
	if (*end || end == dest)
		return !stat(dest, st);
	const int flags = fcntl((int)fd, F_GETFL);
	return flags >= 0 && (flags & O_ACCMODE) != O_RDONLY && !fstat((int)fd, st);
}

bool sink_same(const char *a, const char *b)
{
	struct stat x, y;

	return !strcmp(a, b) || (look(a, &x) && look(b, &y) && x.st_dev == y.st_dev && x.st_ino == y.st_ino);
}

bool sink_is_stdout(const char *dest)
{
	return !strcmp(dest, "1") || !strcmp(dest, "fd:1") || sink_same(dest, "-");
}

/* The kind that takes a destination; *rest: what stands behind its scheme. */
static const struct sink_kind *kind_of(const char *dest, const char **rest)
{
	for (const struct sink_kind *const *k = sink_kinds; *k; k++) {
		const size_t n = strlen((*k)->scheme);
		const bool by_scheme = n && has_scheme(dest, (*k)->scheme);
		*rest = dest + (by_scheme ? n : 0);
		if (by_scheme || ((*k)->is && (*k)->is(dest)))
			return *k;
	}
	return NULL;
}

/* "kafak:alerts" would be the name of a file, and so would "http://host/path". */
static int refuse_scheme(const char *dest, struct error *why)
{
	const size_t len = strspn(dest, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789");
	const char *names[8] = { "null" }, *near;
	char name[7][16];
	int n = 1;

	if (dest[len] != ':')
		return 0;
	for (const struct sink_kind *const *k = sink_kinds; *k && n < 7; k++)
		if (*(*k)->scheme) {
			snprintf(name[n], sizeof name[n], "%.*s", (int)strlen((*k)->scheme) - 1, (*k)->scheme);
			names[n] = name[n];
			n++;
		}
	if ((near = suggest_nearest(dest, len, names)))
		return error_set(why, "did you mean \"%s%s\"?  file:%s writes a file of that name", near, strcmp(near, "null") ? ":" : "",
		    dest);
	if (!strncmp(dest + len, "://", 3))
		return error_set(why, "there is no scheme \"%.*s\"; file:%s writes a file of that name", (int)len, dest, dest);
	return 0;
}

int sink_check(const char *dest, struct error *why)
{
	const char *rest;
	const struct sink_kind *k = kind_of(dest, &rest);

	if (k == &sink_file && rest == dest && refuse_scheme(dest, why))
		return -1;
	return k && k->check ? k->check(rest, why) : 0;
}

int sink_open(struct sink *s, const char *dest, const struct sink_options *o, bool *usage, struct error *why)
{
	struct error ignored;

	*s = (struct sink){ .dest = dest, .loop = o->loop, .fd = -1 };
	*usage = true;
	const char *rest;
	const struct sink_kind *k = kind_of(dest, &rest);
	if (!k)
		return error_set(why, "\"%s\" is no destination", dest);
	s->kind = k;
	s->wants_time = k->wants_time;
	s->wants_key = k->wants_key;
	const int result = k->open(s, rest, o, why);
	*usage = result == -2;
	if (result)
		sink_close(s, false, &ignored);
	return result ? -1 : 0;
}

int sink_flush(struct sink *s, struct error *why)
{
	return s->kind && s->kind->flush ? s->kind->flush(s, why) : 0;
}

int sink_settle(struct sink *s, struct error *why)
{
	return s->kind && s->kind->settle ? s->kind->settle(s, why) : 0;
}

static void add_span(struct buf *b, const void *bytes, size_t len)
{
	buf_add(b, &len, sizeof len);
	buf_add(b, bytes, len);
}

void sink_return_add(struct sink *s, const char *message, const void *line, size_t len)
{
	add_span(&s->returned, message, strlen(message));
	add_span(&s->returned, line, len);
}

static const char *take_span(const struct sink *s, size_t *at, size_t *len)
{
	memcpy(len, s->returned.data + *at, sizeof *len);
	const char *bytes = s->returned.data + *at + sizeof *len;
	*at += sizeof *len + *len;
	return bytes;
}

int sink_returned(struct sink *s, struct sink_return *r)
{
	if (r->at == s->returned.len) {
		buf_clear(&s->returned);
		r->at = 0;
		return 0;
	}
	r->message = take_span(s, &r->at, &r->message_len);
	r->line = take_span(s, &r->at, &r->len);
	return 1;
}

void sink_pool_release(struct sink_pool *pool)
{
	kafka_transaction_free(pool->transaction);
	pool->transaction = NULL;
	for (size_t i = 0; i < pool->n; i++)
		producer_free(pool->producers[i]);
	pool->n = 0;
}

int sink_close(struct sink *s, bool clean, struct error *why)
{
	const int result = s->kind && s->self ? s->kind->close(s, clean, why) : 0;

	s->self = NULL;
	buf_release(&s->returned);
	return result;
}
