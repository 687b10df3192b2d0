/* SPDX-License-Identifier: MIT */
#include "sink/sink.h"

#include <string.h>

#include "kafka/producer.h"
#include "sink/sink-fd.h"
#include "sink/sink-file.h"
#include "sink/sink-kafka.h"
#include "sink/sink-null.h"
#include "sink/sink-replace.h"

/* To add a kind: sink-x.c and its row here. */
const struct sink_kind *const sink_kinds[] = {
	&sink_null, &sink_fd, &sink_kafka, &sink_replace, &sink_file, NULL
};

bool sink_is_stdout(const char *dest)
{
	return !strcmp(dest, "-") || !strcmp(dest, "1") || !strcmp(dest, "fd:1");
}

int sink_open(struct sink *s, const char *dest, const struct sink_options *o, bool *usage, struct error *why)
{
	*s = (struct sink){ .dest = dest, .loop = o->loop, .fd = -1 };
	*usage = true;
	for (const struct sink_kind *const *k = sink_kinds; *k; k++) {
		const size_t n = strlen((*k)->scheme);
		const bool by_scheme = n && !strncmp(dest, (*k)->scheme, n);
		if (!by_scheme && !((*k)->is && (*k)->is(dest)))
			continue;
		s->kind = *k;
		s->wants_time = (*k)->wants_time;
		s->wants_key = (*k)->wants_key;
		const int result = (*k)->open(s, dest + (by_scheme ? n : 0), o, why);
		*usage = result == -2;
		return result ? -1 : 0;
	}
	return error_set(why, "\"%s\" is no destination", dest);
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
