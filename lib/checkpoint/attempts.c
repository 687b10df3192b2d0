/* SPDX-License-Identifier: MIT */
#include "checkpoint/attempts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/savefile.h"
#include "json/parse.h"
#include "json/write.h"
#include "stream/transaction.h"

#define FIRST_LINES 1024	/* lines of a source in the first epoch of a careful run without suspects; twice as many in each next one */
#define LAST_LINES (1u << 20)	/* an epoch as large as that is as any other */
#define NARROWED 32		/* suspects are sent in so many epochs */
#define FORGOTTEN (1u << 20)	/* records in a row that are no suspects: these do not come any more */
#define FILE_MAX (16u << 20)

/* Lines of a source, both ends included. */
struct span {
	char *source;
	uint64_t from, to;
	uint64_t deaths;		/* of a single line: runs that died with it alone under way */
	uint64_t at;			/* of what is sent: the last line that was */
};
struct spans { struct span *items; size_t n; };

/* What the file holds. */
struct noted {
	uint64_t records, deaths;
	char run[COMMIT_RUN];		/* "": none is at it, or one has been taken out */
	struct spans suspects, sent;
};

struct attempts {
	const char *dir;
	char run[COMMIT_RUN];
	uint64_t most;
	struct noted now;
	bool has_file;
	bool all;			/* careful without suspects: every record is one */
	uint64_t limit;			/* ... and an epoch has so many lines of a source */
	bool proven;			/* an epoch of this run has come through */
	uint64_t n_others;		/* records behind the last suspect */
	bool others_open;		/* some of them are in the open epoch */
};

/* ---- spans ---- */

static void add_span(struct spans *s, const char *source, size_t len, uint64_t from, uint64_t to, uint64_t deaths)
{
	s->items = alloc_again(s->items, s->n + 1, sizeof *s->items);
	s->items[s->n++] = (struct span){ alloc_span(source, len), from, to, deaths, from };
}

static void remove_span(struct spans *s, size_t i)
{
	free(s->items[i].source);
	memmove(&s->items[i], &s->items[i + 1], (--s->n - i) * sizeof *s->items);
}

static void clear_spans(struct spans *s)
{
	while (s->n)
		remove_span(s, s->n - 1);
	free(s->items);
	s->items = NULL;
}

static struct span *find_span(const struct spans *s, const char *source, uint64_t line)
{
	for (size_t i = 0; i < s->n; i++)
		if (line >= s->items[i].from && line <= s->items[i].to && !strcmp(s->items[i].source, source))
			return &s->items[i];
	return NULL;
}

static bool is_single(const struct span *s)
{
	return s->from == s->to;
}

/* The source has come to a line and goes on behind it: what is left of the spans. */
static void pass_line(struct spans *s, const char *source, uint64_t line)
{
	for (size_t i = s->n; i-- > 0;) {
		struct span *span = &s->items[i];
		if (span->from > line || strcmp(span->source, source))
			continue;
		if (span->to <= line)
			remove_span(s, i);
		else
			span->from = line + 1;
	}
}

/* ---- the file ---- */

static char *path_of(const char *dir)
{
	return alloc_format("%s/attempts", dir);
}

static void release(struct noted *n)
{
	clear_spans(&n->suspects);
	clear_spans(&n->sent);
}

static uint64_t number_at(struct value object, const char *name, struct arena *arena)
{
	const struct value v = json_get(object, name, arena);
	char text[24] = {0};

	if (v.type == VALUE_INTEGER && v.integer >= 0)
		return (uint64_t)v.integer;
	if (v.type == VALUE_STRING && v.len < sizeof text)
		memcpy(text, v.text, v.len);
	return strtoull(text, NULL, 10);
}

static void read_spans(struct value object, const char *name, struct spans *s, struct arena *arena)
{
	const struct value all = json_items(json_get(object, name, arena), arena);

	for (uint32_t i = 0; all.type == VALUE_ARRAY && i < all.len; i++) {
		const struct value source = json_get(all.items[i], "source", arena);
		const uint64_t from = number_at(all.items[i], "from", arena), to = number_at(all.items[i], "to", arena);
		if (source.type == VALUE_STRING && from <= to)
			add_span(s, source.text, source.len, from, to, number_at(all.items[i], "deaths", arena));
	}
}

static void read_run(struct value v, char run[COMMIT_RUN])
{
	if (v.type == VALUE_STRING && v.len < COMMIT_RUN)
		memcpy(run, v.text, v.len);
}

/* What is not there, or cannot be understood, says nothing.  False: there is no file. */
static bool read_noted(const char *dir, struct noted *n)
{
	char *path = path_of(dir);
	struct arena arena = ARENA_INIT;
	struct value object;
	struct error ignored;
	size_t len;
	char *text = savefile_read(path, FILE_MAX, &len, &ignored);

	*n = (struct noted){0};
	if (text && !json_document(&arena, text, len, &object, &ignored)) {
		n->records = number_at(object, "records", &arena);
		n->deaths = number_at(object, "deaths", &arena);
		read_run(json_get(object, "run", &arena), n->run);
		read_spans(object, "suspects", &n->suspects, &arena);
		read_spans(object, "sent", &n->sent, &arena);
	}
	free(text);
	free(path);
	arena_release(&arena);
	return text != NULL;
}

static void write_spans(struct buf *b, const char *name, const struct spans *s)
{
	json_write_name(b, name);
	buf_add_byte(b, '[');
	for (size_t i = 0; i < s->n; i++) {
		const struct span *span = &s->items[i];
		json_write_comma(b);
		buf_add_text(b, "{\"source\":");
		json_write_string(b, span->source, strlen(span->source));
		buf_format(b, ",\"from\":\"%llu\",\"to\":\"%llu\"", (unsigned long long)span->from, (unsigned long long)span->to);
		if (span->deaths)
			buf_format(b, ",\"deaths\":%llu", (unsigned long long)span->deaths);
		buf_add_byte(b, '}');
	}
	buf_add_byte(b, ']');
}

static int write_noted(const char *dir, const struct noted *n, struct error *why)
{
	char *path = path_of(dir);
	struct buf b = BUF_INIT;

	buf_format(&b, "{\"records\":%llu,\"deaths\":%llu", (unsigned long long)n->records, (unsigned long long)n->deaths);
	if (*n->run) {
		json_write_name(&b, "run");
		json_write_string(&b, n->run, strlen(n->run));
	}
	write_spans(&b, "suspects", &n->suspects);
	write_spans(&b, "sent", &n->sent);
	buf_add_text(&b, "}\n");
	const int result = savefile_write(path, b.data, b.len, why);
	buf_release(&b);
	free(path);
	return result;
}

static void remove_file(const char *dir)
{
	char *path = path_of(dir);

	unlink(path);
	free(path);
}

/* ---- what the last run has left ---- */

/* It was at these when it died. */
static void accuse(struct noted *n)
{
	for (size_t i = 0; i < n->sent.n; i++) {
		const struct span *s = &n->sent.items[i], *before = find_span(&n->suspects, s->source, s->from);
		const uint64_t deaths = !is_single(s) ? 0 : before && is_single(before) ? before->deaths + 1 : 1;
		pass_line(&n->suspects, s->source, s->to);
		add_span(&n->suspects, s->source, strlen(s->source), s->from, s->to, deaths);
	}
}

static void acquit(struct noted *n)
{
	for (size_t i = 0; i < n->sent.n; i++)
		pass_line(&n->suspects, n->sent.items[i].source, n->sent.items[i].to);
}

/* Where there is no room to write it is forgotten. */
static void take_out(const char *dir, const char *run, bool committed)
{
	struct noted n;
	struct error ignored;

	if (read_noted(dir, &n) && *n.run && !strcmp(n.run, run)) {
		if (committed)
			acquit(&n);
		n.deaths = committed ? 0 : n.deaths;
		*n.run = '\0';
		clear_spans(&n.sent);
		if ((!n.deaths && !n.suspects.n) || write_noted(dir, &n, &ignored))
			remove_file(dir);
	}
	release(&n);
}

void attempts_explain(const char *dir, const char *run)
{
	take_out(dir, run, false);
}

void attempts_end(const char *dir, const char *run)
{
	take_out(dir, run, true);
}

static void judge_last(struct attempts *a, uint64_t records)
{
	struct noted *n = &a->now;
	const bool died = *n->run && n->records == records;

	if (n->records != records) {
		acquit(n);
		n->deaths = 0;
	} else if (died && n->sent.n) {
		accuse(n);
		n->deaths = 0;
	} else if (died)
		n->deaths++;
	clear_spans(&n->sent);
	n->records = records;
	*n->run = '\0';
	/* What kills is not where it was looked for. */
	a->all = n->deaths >= a->most;
	if (a->all)
		clear_spans(&n->suspects);
}

int attempts_begin(struct attempts *a, uint64_t records, const char *run, struct error *why)
{
	snprintf(a->run, sizeof a->run, "%s", run);
	a->limit = FIRST_LINES;
	if (a->most && read_noted(a->dir, &a->now))
		judge_last(a, records);
	a->now.records = records;
	a->has_file = a->now.deaths || a->now.suspects.n;
	if (a->has_file)
		return write_noted(a->dir, &a->now, why);
	remove_file(a->dir);
	return 0;
}

/* ---- this run ---- */

bool attempts_is_careful(const struct attempts *a)
{
	return a->all || a->now.suspects.n;
}

static const struct span *sent_of(const struct attempts *a, const char *source)
{
	for (size_t i = 0; i < a->now.sent.n; i++)
		if (!strcmp(a->now.sent.items[i].source, source))
			return &a->now.sent.items[i];
	return NULL;
}

enum attempts_verdict attempts_judge(const struct attempts *a, const char *source, uint64_t line)
{
	if (!attempts_is_careful(a) || find_span(&a->now.sent, source, line))
		return ATTEMPTS_SEND;
	const struct span *suspect = find_span(&a->now.suspects, source, line);
	if (!a->proven || (a->all ? sent_of(a, source) != NULL : a->now.sent.n || (suspect && a->others_open)))
		return ATTEMPTS_BARRIER;
	const uint64_t deaths = attempts_deaths(a, source, line);
	return deaths < a->most ? ATTEMPTS_SEND : deaths < 2 * a->most ? ATTEMPTS_POISON : ATTEMPTS_DEADLY;
}

uint64_t attempts_deaths(const struct attempts *a, const char *source, uint64_t line)
{
	const struct span *suspect = find_span(&a->now.suspects, source, line);

	return suspect && is_single(suspect) ? suspect->deaths : 0;
}

/* The lines that this epoch may have, from this one on. */
static void open_span(struct attempts *a, const char *source, uint64_t line, const struct span *suspect)
{
	uint64_t n = a->limit;

	if (suspect) {
		const uint64_t len = suspect->to - suspect->from + 1, left = suspect->to - line + 1;
		n = len > NARROWED ? len / NARROWED : 1;
		n = n < left ? n : left;
	}
	add_span(&a->now.sent, source, strlen(source), line, line + n - 1, 0);
}

int attempts_send(struct attempts *a, const char *source, uint64_t line, struct error *why)
{
	const struct span *suspect = a->all ? NULL : find_span(&a->now.suspects, source, line);
	bool is_new = !*a->now.run;

	if (!a->most)
		return 0;
	if (a->all || suspect) {
		a->n_others = 0;
		if (!find_span(&a->now.sent, source, line)) {
			open_span(a, source, line, suspect);
			is_new = true;
		}
		find_span(&a->now.sent, source, line)->at = line;
	} else {
		a->n_others++;
		a->others_open = true;
	}
	if (!is_new)
		return 0;
	memcpy(a->now.run, a->run, sizeof a->run);
	a->has_file = true;
	return write_noted(a->dir, &a->now, why);
}

void attempts_committed(struct attempts *a, uint64_t records)
{
	struct noted *n = &a->now;
	const bool goes_on = records != n->records;

	a->proven = true;
	a->others_open = false;
	for (size_t i = 0; i < n->sent.n; i++)
		pass_line(&n->suspects, n->sent.items[i].source, n->sent.items[i].at);
	if (n->sent.n && a->all)
		a->all = (a->limit *= 2) < LAST_LINES;
	clear_spans(&n->sent);
	if (a->n_others > FORGOTTEN)
		clear_spans(&n->suspects);
	if (!goes_on)
		return;
	n->records = records;
	n->deaths = 0;
	if (a->has_file && !attempts_is_careful(a)) {
		remove_file(a->dir);
		a->has_file = false;
	}
}

int attempts_exhaust(struct attempts *a, struct error *why)
{
	struct spans *s = &a->now.suspects;
	const bool any = s->n;

	for (size_t i = s->n; i-- > 0;) {
		const struct span *sent = find_span(&a->now.sent, s->items[i].source, s->items[i].from);
		if (!sent)
			remove_span(s, i);
		else if (s->items[i].to > sent->to)
			s->items[i].to = sent->to;
	}
	return any ? write_noted(a->dir, &a->now, why) : 0;
}

/* ---- life ---- */

struct attempts *attempts_new(const char *dir, uint64_t most)
{
	struct attempts *a = alloc_zeroed(1, sizeof *a);

	a->dir = dir;
	a->most = most;
	return a;
}

void attempts_free(struct attempts *a)
{
	if (!a)
		return;
	release(&a->now);
	free(a);
}
