/* SPDX-License-Identifier: MIT */
#include "stream/stats.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/number.h"
#include "base/savefile.h"
#include "stream/filter.h"

#define LATENCY_FIRST 4		/* buckets shown: 16 us ... */
#define LATENCY_LAST 26		/* ... to 67 s */

void stats_label(struct buf *out, const char *name, const char *value)
{
	if (out->len)
		buf_add_byte(out, ',');
	buf_format(out, "%s=\"", name);
	for (; *value; value++)
		switch (*value) {
		case '\\':
			buf_add_text(out, "\\\\");
			break;
		case '"':
			buf_add_text(out, "\\\"");
			break;
		case '\n':
			buf_add_text(out, "\\n");
			break;
		default:
			buf_add_byte(out, *value);
		}
	buf_add_byte(out, '"');
}

static void add_value(struct buf *out, double x)
{
	char text[NUMBER_SHOW_MAX];

	if (isnan(x)) {
		buf_add_text(out, "NaN");
	} else if (isinf(x)) {
		buf_add_text(out, x > 0 ? "+Inf" : "-Inf");
	} else {
		number_show(x, text);
		buf_add_text(out, text);
	}
}

/* The samples of one name are one group: where it ends, or 0 if there is none yet. */
static size_t group_end(const struct buf *text, const char *heading, size_t len)
{
	const char *at = text->len ? memmem(text->data, text->len, heading, len) : NULL, *next;

	if (!at)
		return 0;
	next = memmem(at + 1, text->len - (size_t)(at + 1 - text->data), "# HELP ", 7);
	return next ? (size_t)(next - text->data) : text->len;
}

static void insert(struct buf *text, size_t at, const struct buf *piece)
{
	char *room = buf_reserve(text, piece->len);

	(void)room;
	memmove(text->data + at + piece->len, text->data + at, text->len - at);
	memcpy(text->data + at, piece->data, piece->len);
	text->len += piece->len;
}

/* One sample; `suffix` is behind the name of the group ("_bucket"). */
static void add(struct metrics *m, const char *name, const char *suffix, const char *kind, const char *help, const char *extra,
    double value)
{
	struct buf heading = BUF_INIT, piece = BUF_INIT;
	size_t end;

	buf_format(&heading, "# HELP sml_%s_%s ", m->tool, name);
	end = group_end(&m->text, heading.data, heading.len);
	if (!end) {
		buf_format(&piece, "# HELP sml_%s_%s %s\n# TYPE sml_%s_%s %s\n", m->tool, name, help, m->tool, name, kind);
		end = m->text.len;
	}
	buf_format(&piece, "sml_%s_%s%s{%s%s%s} ", m->tool, name, suffix, m->labels, extra && *extra ? "," : "", extra ? extra : "");
	add_value(&piece, value);
	buf_add_byte(&piece, '\n');
	insert(&m->text, end, &piece);
	buf_release(&heading);
	buf_release(&piece);
}

void stats_add(struct metrics *m, const char *name, const char *kind, const char *help, const char *extra, double value)
{
	add(m, name, "", kind, help, extra, value);
}

static void add_latency(struct metrics *m, const struct loop *l)
{
	static const char name[] = "latency_seconds", help[] = "From reading a record to handing it on.";
	uint64_t so_far = 0;
	char extra[NUMBER_SHOW_MAX + 8], bound[NUMBER_SHOW_MAX];

	/* latency[k]: less than 2^k us */
	for (int k = 0; k < 64; k++) {
		so_far += l->latency[k];
		if (k < LATENCY_FIRST || k > LATENCY_LAST)
			continue;
		number_show(ldexp(1, k) / 1e6, bound);
		snprintf(extra, sizeof extra, "le=\"%s\"", bound);
		add(m, name, "_bucket", "histogram", help, extra, (double)so_far);
	}
	add(m, name, "_bucket", "histogram", help, "le=\"+Inf\"", (double)so_far);
	add(m, name, "_sum", "histogram", help, NULL, (double)l->latency_ns / 1e9);
	add(m, name, "_count", "histogram", help, NULL, (double)so_far);
}

static void add_commits(struct metrics *m, const struct protocol *p)
{
	stats_add(m, "checkpoint_epoch", "gauge", "The epoch that was committed last.", NULL, p->epoch ? (double)(p->epoch - 1) : 0);
	stats_add(m, "checkpoint_commits_total", "counter", "Commits of this run.", NULL, (double)p->n_commits);
	stats_add(m, "checkpoint_commit_seconds_total", "counter", "Time spent committing.", NULL, (double)p->commit_ns / 1e9);
	stats_add(m, "checkpoint_last_commit_timestamp_seconds", "gauge", "When the last commit of this run was.", NULL, (double)p->committed_at / 1e9);
}

void stats_render(struct metrics *m, const struct loop *l, const struct stage *s)
{
	const bool is_first = s == l->stages;
	char extra[64];

	stats_add(m, "records_total", "counter", "Records taken in.", NULL, (double)s->tally.records);
	for (int type = 0; type < ERROR_TYPES; type++) {
		snprintf(extra, sizeof extra, "type=\"%s\"", record_error_types[type]);
		stats_add(m, "errors_total", "counter", "Error records made by this stage.", extra, (double)s->tally.errors[type]);
	}
	stats_add(m, "errors_passed_total", "counter", "Error records of earlier stages, passed on.", NULL, (double)s->tally.passed);
	stats_add(m, "input_blocked_seconds_total", "counter", "Time spent waiting for input.", NULL, (double)l->blocked_in / 1e9);
	stats_add(m, "output_blocked_seconds_total", "counter", "Time spent waiting for a reader (backpressure).", NULL,
	    (double)l->blocked_out / 1e9);
	stats_add(m, "output_bytes_total", "counter", "Bytes written by the process.", NULL, (double)l->bytes_out);
	if (is_first && l->source && l->source->lag >= 0)
		stats_add(m, "lag_records", "gauge", "Records behind the end of the topic.", NULL, (double)l->source->lag);
	add_latency(m, l);
	if (l->protocol && l->protocol->commits && s == &l->stages[l->n_stages - 1])
		add_commits(m, l->protocol);
	if (s->tool->metrics)
		s->tool->metrics(s->self, m);
}

int stats_write(const char *path, const struct loop *l, const struct stage *s, struct error *why)
{
	const char *pipeline = getenv("SML_PIPELINE"), *shard = getenv("SML_SHARD");
	struct metrics m = { .text = BUF_INIT, .tool = s->tool->name };
	struct buf labels = BUF_INIT;

	if (pipeline && *pipeline)
		stats_label(&labels, "pipeline", pipeline);
	stats_label(&labels, "stage", s->tool->name);
	if (shard && *shard)
		stats_label(&labels, "shard", shard);
	m.labels = buf_text(&labels);
	stats_render(&m, l, s);
	const int result = savefile_refresh(path, m.text.data, m.text.len, why);
	buf_release(&m.text);
	buf_release(&labels);
	return result;
}
