/* SPDX-License-Identifier: MIT */
#include "kafka/reading.h"

#include <string.h>

bool message_is_blank(const rd_kafka_message_t *m)
{
	const char *p = m->payload, *end = p + m->len;

	while (p < end && (*p == ' ' || *p == '\t' || *p == '\r' || *p == '\n'))
		p++;
	return p == end;
}

/* One line: what a message has of line ends becomes spaces. */
static const char *one_line(struct consumer *c, const char *text, size_t n)
{
	char *copy;

	if (!memchr(text, '\n', n) && !memchr(text, '\r', n))
		return text;
	copy = arena_copy(&c->arena, text, n);
	for (size_t i = 0; i < n; i++)
		if (copy[i] == '\n' || copy[i] == '\r')
			copy[i] = ' ';
	return copy;
}

static const struct origin *origin_of(struct consumer *c, const rd_kafka_message_t *m, const struct partition *p, int64_t timestamp)
{
	struct origin *o = arena_get(&c->arena, sizeof *o);
	struct origin_header *header;
	rd_kafka_headers_t *headers;

	*o = (struct origin){ .topic = p->topic, .partition = p->id, .offset = m->offset, .timestamp_ms = timestamp, .key = m->key,
	    .key_len = m->key_len };
	if (rd_kafka_message_headers(m, &headers))
		return o;
	o->n_headers = rd_kafka_header_cnt(headers);
	o->headers = header = arena_get(&c->arena, (o->n_headers + 1) * sizeof *header);
	for (size_t i = 0; i < o->n_headers; i++)
		rd_kafka_header_get_all(headers, i, &header[i].name, &header[i].value, &header[i].len);
	return o;
}

void message_record(struct consumer *c, struct record *r, const rd_kafka_message_t *m, const struct partition *p,
    int64_t timestamp)
{
	const char *line = one_line(c, m->payload, m->len);

	record_init(r, line, m->len, c->o->fields, &c->arena);
	r->at = (struct place){ .source = p->place, .line = (uint64_t)m->offset };
	if (c->o->wants_origin)
		r->origin = origin_of(c, m, p, timestamp);
	if (m->len > c->o->intake.max_line && m->len > intake_limit(&c->o->intake, line, m->len))
		intake_too_long(r, line, m->len < INTAKE_KEPT ? m->len : INTAKE_KEPT, m->len);
	else
		intake_record(r, &c->o->intake);
	if (c->o->shards)
		r->partition = p->id;
}
