/* SPDX-License-Identifier: MIT */
#include "checkpoint/control.h"

#include <string.h>

#include "json/parse.h"
#include "json/span.h"
#include "json/write.h"

/* ---- reading ---- */

static struct control_text text_of(struct value object, const char *name, struct arena *arena)
{
	const struct value v = json_get(object, name, arena);

	return v.type == VALUE_STRING ? (struct control_text){ v.text, v.len } : (struct control_text){0};
}

/* The value of a member as it stands. */
static struct control_text raw_of(const char *text, size_t len, const char *name)
{
	struct span_walk walk;
	struct span span;

	span_walk(&walk, text, len);
	while (span_walk_next(&walk, &span))
		if (span_is(text, &span, name, strlen(name)))
			return (struct control_text){ text + span.value, span.end - span.value };
	return (struct control_text){0};
}

int control_read(struct control_line *c, const char *line, size_t len, struct arena *arena, struct error *why)
{
	struct value object;

	*c = (struct control_line){0};
	if (json_document(arena, line, len, &object, why))
		return -1;
	const struct value version = json_get(object, "v", arena), epoch = json_get(object, "e", arena),
		status = json_get(object, "exit", arena), last = json_get(object, "last", arena),
		lost = json_get(object, "lost", arena), generation = json_get(object, "generation", arena);
	c->kind = text_of(object, "_sml", arena);
	c->run = text_of(object, "run", arena);
	c->erun = text_of(object, "erun", arena);
	c->via = text_of(object, "via", arena);
	c->stage = text_of(object, "stage", arena);
	c->why = text_of(object, "why", arena);
	c->src = raw_of(line, len, "src");
	c->st = raw_of(line, len, "st");
	c->parts = raw_of(line, len, "parts");
	c->shard = text_of(object, "shard", arena);
	c->generation = generation.type == VALUE_INTEGER && generation.integer > 0 ? (uint64_t)generation.integer : 0;
	c->epoch = epoch.type == VALUE_INTEGER && epoch.integer >= 0 ? (uint64_t)epoch.integer : 0;
	c->exit = status.type == VALUE_INTEGER ? status.integer : 1;
	c->is_last = last.type == VALUE_BOOL && last.truth;
	c->is_lost = lost.type == VALUE_BOOL && lost.truth;
	if (!c->kind.text)
		return error_set(why, "it does not say what it is");
	if (version.type != VALUE_MISSING && (version.type != VALUE_INTEGER || version.integer != CONTROL_VERSION))
		return error_set(why, "it is of another version of the protocol than %d: the stages are of different versions of sml", CONTROL_VERSION);
	return 0;
}

static struct commit_point point(uint64_t epoch, struct control_text run)
{
	struct commit_point p = { .epoch = epoch };

	if (run.len)
		memcpy(p.run, run.text, run.len < sizeof p.run ? run.len : sizeof p.run - 1);
	return p;
}

struct commit_point control_point(const struct control_line *c)
{
	return point(c->epoch, c->run);
}

struct commit_point control_began(const struct control_line *c)
{
	return point(c->epoch, c->erun);
}

struct control_text control_state(const struct control_line *c, const char *stage)
{
	return c->st.text ? raw_of(c->st.text, c->st.len, stage) : (struct control_text){0};
}

bool control_part(const struct control_line *c, size_t i, struct control_part *part, struct arena *arena)
{
	struct span_walk walk;
	struct span span;
	struct value object;
	struct error ignored;

	if (!c->parts.text)
		return false;
	span_walk(&walk, c->parts.text, c->parts.len);
	for (size_t k = 0; span_walk_next(&walk, &span); k++) {
		const char *text = c->parts.text + span.value;
		const size_t len = span.end - span.value;
		if (k < i)
			continue;
		if (json_document(arena, text, len, &object, &ignored))
			return false;
		*part = (struct control_part){ { c->parts.text + span.name, span.name_end - span.name }, text_of(object, "via", arena),
			{ .st = raw_of(text, len, "st") }, raw_of(text, len, "p") };
		return true;
	}
	return false;
}

/* ---- passing on ---- */

void control_pass(struct buf *b, const char *line, size_t len, const char *stage, const struct buf *state)
{
	struct span_walk walk;
	struct span span;
	size_t from = 0;

	span_walk(&walk, line, len);
	while (span_walk_next(&walk, &span)) {
		const bool is_via = span_is(line, &span, "via", 3), is_st = span_is(line, &span, "st", 2) && state->len;
		if (!is_via && !is_st)
			continue;
		buf_add(b, line + from, span.end - 1 - from);	/* up to the quote or brace that closes it */
		if (is_via) {
			if (span.end - span.value > 2)
				buf_add_byte(b, ',');
			buf_add_text(b, stage);
		} else {
			json_write_name(b, stage);
			buf_add(b, state->data, state->len);
		}
		from = span.end - 1;
	}
	buf_add(b, line + from, len - from);
}

/* ---- writing ---- */

static void begin_line(struct buf *b, const char *kind)
{
	buf_add_text(b, "{\"_sml\":\"");
	buf_add_text(b, kind);
	buf_add_byte(b, '"');
}

static void add_string(struct buf *b, const char *name, const char *text, size_t len)
{
	json_write_name(b, name);
	json_write_string(b, text, len);
}

static void add_number(struct buf *b, const char *name, int64_t n)
{
	json_write_name(b, name);
	json_write_integer(b, n);
}

static void add_run(struct buf *b, const char *run, size_t len, uint64_t epoch)
{
	add_string(b, "run", run, len);
	add_number(b, "e", (int64_t)epoch);
}

void control_write_begin(struct buf *b, const struct control_begin *c)
{
	begin_line(b, "begin");
	add_number(b, "v", CONTROL_VERSION);
	add_run(b, c->run, strlen(c->run), c->epoch);
	if (c->committed_run)
		add_string(b, "erun", c->committed_run, strlen(c->committed_run));
	if (c->shard.of) {
		buf_format(b, ",\"shard\":\"%u/%u\",\"generation\":%u", c->shard.index, c->shard.of, c->generation);
		if (c->parts->len) {
			json_write_name(b, "parts");
			buf_add_byte(b, '{');
			buf_add(b, c->parts->data, c->parts->len);
			buf_add_byte(b, '}');
		}
	}
	add_string(b, "via", "", 0);
	json_write_name(b, "st");
	if (c->st.text)
		buf_add(b, c->st.text, c->st.len);
	else
		buf_add_text(b, "{}");
	buf_add_byte(b, '}');
}

void control_write_barrier(struct buf *b, const struct control_barrier *c)
{
	begin_line(b, "barrier");
	add_number(b, "v", CONTROL_VERSION);
	add_run(b, c->run, strlen(c->run), c->epoch);
	add_number(b, "t", c->time_ms);
	if (c->is_last)
		buf_add_text(b, ",\"last\":true");
	json_write_name(b, "src");
	buf_add(b, c->positions->data, c->positions->len);
	add_string(b, "via", "", 0);
	buf_add_text(b, ",\"st\":{}}");
}

void control_write_end(struct buf *b, const char *run, uint64_t epoch)
{
	begin_line(b, "end");
	add_run(b, run, strlen(run), epoch);
	buf_add_byte(b, '}');
}

void control_write_commit(struct buf *b, const char *run, size_t run_len, uint64_t epoch)
{
	begin_line(b, "commit");
	add_run(b, run, run_len, epoch);
	buf_add_byte(b, '}');
}

/* Without its last brace. */
static void begin_abort(struct buf *b, int status, const char *stage, const char *why)
{
	begin_line(b, "abort");
	add_number(b, "exit", status);
	add_string(b, "stage", stage, strlen(stage));
	json_write_name(b, "why");
	json_write_text(b, why, strlen(why));
}

void control_write_abort(struct buf *b, int status, const char *stage, const char *why)
{
	begin_abort(b, status, stage, why);
	buf_add_byte(b, '}');
}

void control_write_lost(struct buf *b, int status, const char *stage, const char *why)
{
	begin_abort(b, status, stage, why);
	buf_add_text(b, ",\"lost\":true}");
}
