/* SPDX-License-Identifier: MIT */
#include "stream/record.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/wallclock.h"
#include "json/parse.h"
#include "json/span.h"
#include "json/write.h"

#define LIT(b, s) buf_add(b, s, sizeof (s) - 1)
#define ERROR_HEAD "{\"errorType\":\""
#define ERROR_TAIL ",\"_sml\":\"error\"}"
#define CONTROL_HEAD "{\"_sml\":"

const char *const record_error_types[ERROR_TYPES + 1] = {
	"PARSE_ERROR", "INVALID_DATA", "MISSING_FEATURE", "LATE_DATA", "TOO_LONG", "RESERVED", "REMOTE_ERROR", "POISON", NULL
};

bool record_looks_like_error(const char *line, size_t len)
{
	const size_t head = sizeof ERROR_HEAD - 1, tail = sizeof ERROR_TAIL - 1;

	return len >= head + tail && line[2] == 'e' && !memcmp(line, ERROR_HEAD, head) &&
	    !memcmp(line + len - tail, ERROR_TAIL, tail);
}

bool record_ends_like_error(const char *line, size_t len)
{
	const size_t tail = sizeof ERROR_TAIL - 1;

	return len >= tail && !memcmp(line + len - tail, ERROR_TAIL, tail);
}

void record_init(struct record *r, const char *line, size_t len, const struct fields *fields, struct arena *arena)
{
	r->line = line;
	r->len = len;
	r->kind = record_looks_like_error(line, len) ? RECORD_ERROR : RECORD_DATA;
	r->error = ERROR_TYPES;
	r->empty = false;
	r->n_added = r->room = 0;
	r->present = 0;
	r->partition = PARTITION_NONE;
	r->values = NULL;
	r->fields = fields;
	r->arena = arena;
	r->origin = NULL;
	r->refusal = NULL;
	r->failed_by = NULL;
}

/* True: the line is one JSON object, whose values are read now. */
static bool read_values(struct record *r, struct json_error *e)
{
	const void *root = json_parse(r->arena, r->line, r->len, e);

	if (!root)
		return false;
	r->empty = json_is_empty(root);
	r->values = arena_get(r->arena, (r->fields->n_slots + 1) * sizeof *r->values);
	json_read(root, r->fields, r->arena, r->values, &r->present);
	fields_meet(r->fields, r->values);
	return true;
}

const struct value *record_values(struct record *r)
{
	struct json_error e;

	if (!r->values && r->kind == RECORD_DATA && !read_values(r, &e))
		record_fail_with(r, PARSE_ERROR, "byte", (int64_t)e.byte, "not JSON at byte %zu: %s", e.byte, e.what);
	return r->values;
}

const struct value *record_peek(struct record *r)
{
	struct json_error ignored;

	if (!r->values && r->kind == RECORD_DATA)
		read_values(r, &ignored);
	return r->values;
}

void *record_space(struct record *r, size_t n)
{
	return arena_get(r->arena, n);
}

void record_add(struct record *r, const struct added *added, struct value v)
{
	record_add_rendered(r, added, v, NULL, 0);
}

void record_add_rendered(struct record *r, const struct added *added, struct value v, const char *json, size_t len)
{
	for (uint16_t i = 0; i < r->n_added; i++)
		if (r->added[i].added == added) {
			memmove(&r->added[i], &r->added[i + 1], (size_t)(--r->n_added - i) * sizeof *r->added);
			break;
		}
	if (r->n_added == r->room) {
		const uint16_t room = r->room ? (uint16_t)(r->room * 2) : 6;
		struct pending *more = arena_get(r->arena, room * sizeof *more);
		if (r->n_added)
			memcpy(more, r->added, r->n_added * sizeof *more);
		r->added = more;
		r->room = room;
	}
	r->added[r->n_added++] = (struct pending){ added, v, json, (uint32_t)len };
	json_read_member(added, v, r->arena, r->values);
}

void record_reline(struct record *r, const char *line, size_t len)
{
	r->line = line;
	r->len = len;
	r->n_added = 0;
	r->present = 0;
	r->values = NULL;
}

/* ---- writing ---- */

static void add_members(struct buf *b, const struct record *r, bool empty)
{
	for (uint16_t i = 0; i < r->n_added; i++) {
		const struct name *name = &r->added[i].added->name;
		char *p = buf_reserve(b, name->json_len + 1);
		*p = ',';
		if (i || !empty)
			p++;
		memcpy(p, name->json, name->json_len);
		b->len = (size_t)(p - b->data) + name->json_len;
		if (r->added[i].json)
			buf_add(b, r->added[i].json, r->added[i].json_len);
		else
			json_write_value(b, r->added[i].value);
	}
}

/* Splices the added members in before the last brace of the line. */
static void splice(struct buf *b, const struct record *r)
{
	size_t brace = r->len;

	if (!r->n_added) {
		buf_add(b, r->line, r->len);
		return;
	}
	while (r->line[--brace] != '}')
		;
	buf_add(b, r->line, brace);
	add_members(b, r, r->empty);
	buf_add(b, r->line + brace, r->len - brace);
}

struct cut { const struct record *record; const char *const *names; size_t kept; };

static bool is_dropped(void *self, const char *text, const struct span *s)
{
	struct cut *c = self;

	for (uint16_t i = 0; i < c->record->n_added; i++) {
		const struct added *a = c->record->added[i].added;
		if (c->record->present >> a->index & 1 && span_is(text, s, a->name.text, a->name.len))
			return true;
	}
	for (const char *const *name = c->names; name && *name; name++)
		if (span_is(text, s, *name, strlen(*name)))
			return true;
	c->kept++;
	return false;
}

static bool replaces(const struct record *r)
{
	for (uint16_t i = 0; i < r->n_added; i++)
		if (r->present >> r->added[i].added->index & 1)
			return true;
	return false;
}

/* Where what stood before a member `_sml` has gone, the line from `start` on would pass for a control record: a space is put in. */
static void keep_data(struct buf *b, size_t start)
{
	const size_t head = sizeof CONTROL_HEAD - 1;

	if (b->len - start < head || memcmp(b->data + start, CONTROL_HEAD, head))
		return;
	buf_reserve(b, 1);
	memmove(b->data + start + 2, b->data + start + 1, b->len - start - 1);
	b->data[start + 1] = ' ';
	b->len++;
}

/* The line without what is replaced; behind the last brace stands what stood there: white space, seldom. */
static void write_replaced(const struct record *r, struct buf *b)
{
	struct cut c = { r, NULL, 0 };
	struct buf tail = BUF_INIT;
	const size_t start = b->len;

	span_cut(b, r->line, r->len, is_dropped, &c);
	keep_data(b, start);
	while (b->data[--b->len] != '}')
		buf_add_byte(&tail, b->data[b->len]);
	add_members(b, r, c.kept == 0);
	buf_add_byte(b, '}');
	while (tail.len)
		buf_add_byte(b, tail.data[--tail.len]);
	buf_release(&tail);
}

static void write_line(const struct record *r, struct buf *b)
{
	if (r->present && r->n_added && replaces(r))
		write_replaced(r, b);
	else
		splice(b, r);
}

void record_write(const struct record *r, struct buf *b)
{
	write_line(r, b);
	buf_add_byte(b, '\n');
}

size_t record_run(struct record *const *r, size_t n)
{
	size_t i = 1;

	while (i < n && !r[i - 1]->n_added && r[i]->partition == r[0]->partition && r[i]->line == r[i - 1]->line + r[i - 1]->len + 1 && r[i]->line[-1] == '\n')
		i++;
	return i - (i > 1 && r[i - 1]->n_added);
}

void record_write_without(const struct record *r, struct buf *b, const char *const *drop)
{
	struct cut c = { r, drop, 0 };

	span_cut(b, r->line, r->len, is_dropped, &c);
}

/* ---- error records ---- */

static void add_text(struct buf *b, const char *name, const char *text, size_t len)
{
	json_write_name(b, name);
	json_write_string(b, text, len);
}

static void add_integer(struct buf *b, const char *name, int64_t n)
{
	json_write_name(b, name);
	json_write_integer(b, n);
}

/* What was cut or quoted in the middle of a character loses the rest of it. */
static void keep_characters(char *text)
{
	size_t kept = 0, len;

	for (const char *s = text, *end = text + strlen(text); s < end; s += len ? len : 1) {
		len = json_character(s, (size_t)(end - s));
		memmove(text + kept, s, len);
		kept += len;
	}
	text[kept] = '\0';
}

/* What a line that is no JSON may be. */
static int look_of(const char *text, size_t len, uint64_t number)
{
	if (!len)
		return TALLY_JSON;
	if ((*text == '{' || *text == '[') && (len == 1 || (len == 2 && text[1] == '\r')))
		return TALLY_PRETTY;
	if (number != 1 || memchr(text, '{', len) || memchr(text, '[', len))
		return TALLY_JSON;
	return memchr(text, ',', len) || memchr(text, ';', len) || memchr(text, '\t', len) ? TALLY_CSV : TALLY_JSON;
}

static void count(struct record *r, enum error_type type, const char *message, const struct buf *raw)
{
	struct tally *t = r->at.tally;

	if (!t)
		return;
	t->errors[type]++;
	if (t->n_errors++ && (r->at.source != t->first_source || r->at.line >= t->first_line))
		return;
	t->first_source = r->at.source;
	t->first_line = r->at.line;
	snprintf(t->first, sizeof t->first, "%s:%llu: %s", r->at.source, (unsigned long long)r->at.line, message);
	t->looks_like = type == PARSE_ERROR ? look_of(raw->data, raw->len, r->at.line) : TALLY_JSON;
}

void record_join_tally(struct tally *to, struct tally *from)
{
	to->records += from->records;
	to->passed += from->passed;
	for (int type = 0; type < ERROR_TYPES; type++)
		to->errors[type] += from->errors[type];
	if (from->n_errors && !to->n_errors) {
		memcpy(to->first, from->first, sizeof to->first);
		to->first_source = from->first_source;
		to->first_line = from->first_line;
		to->looks_like = from->looks_like;
	}
	to->n_errors += from->n_errors;
	from->records = from->passed = from->n_errors = 0;
	memset(from->errors, 0, sizeof from->errors);
}

static void fail(struct record *r, enum error_type type, const char *member, int64_t n, const char *fmt, va_list ap)
{
	struct buf raw = BUF_INIT, out = BUF_INIT;
	char text[1024];

	vsnprintf(text, sizeof text, fmt, ap);
	keep_characters(text);
	write_line(r, &raw);
	count(r, type, text, &raw);
	LIT(&out, ERROR_HEAD);
	buf_add_text(&out, record_error_types[type]);
	LIT(&out, "\"");
	add_text(&out, "errorMessage", text, strlen(text));
	if (json_is_utf8(raw.data, raw.len))
		add_text(&out, "rawData", raw.data, raw.len);
	else {
		json_write_name(&out, "rawBase64");
		buf_add_byte(&out, '"');
		json_write_base64(&out, raw.data, raw.len);
		buf_add_byte(&out, '"');
	}
	add_integer(&out, "timestamp", wallclock_stamp_ms());
	add_text(&out, "stage", r->at.stage, strlen(r->at.stage));
	json_write_name(&out, "source");
	json_write_text(&out, r->at.source, strlen(r->at.source));
	add_integer(&out, "line", (int64_t)r->at.line);
	if (member)
		add_integer(&out, member, n);
	LIT(&out, ERROR_TAIL);
	const struct place at = r->at;
	const struct origin *origin = r->origin;
	const int32_t partition = r->partition;
	record_init(r, arena_copy(r->arena, out.data, out.len), out.len, r->fields, r->arena);
	r->at = at;
	r->origin = origin;
	r->partition = partition;
	r->error = type;
	r->failed_by = at.tally;
	buf_release(&raw);
	buf_release(&out);
}

void record_fail(struct record *r, enum error_type type, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fail(r, type, NULL, 0, fmt, ap);
	va_end(ap);
}

void record_fail_with(struct record *r, enum error_type type, const char *member, int64_t n, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fail(r, type, member, n, fmt, ap);
	va_end(ap);
}

const char *record_error_name(const struct record *r, size_t *len)
{
	const char *from = r->line + sizeof ERROR_HEAD - 1;
	const char *end = memchr(from, '"', r->len - (sizeof ERROR_HEAD - 1));

	*len = end ? (size_t)(end - from) : 0;
	return from;
}

/* What an error record's members may be, in order; a question mark: may be absent. */
static const struct { const char *name; enum value_type type; bool optional; } error_members[] = {
	{ "errorType", VALUE_STRING, false }, { "errorMessage", VALUE_STRING, false },
	{ "rawData", VALUE_STRING, true }, { "rawBase64", VALUE_STRING, true },
	{ "timestamp", VALUE_INTEGER, false }, { "stage", VALUE_STRING, false }, { "source", VALUE_STRING, false },
	{ "line", VALUE_INTEGER, false }, { "byte", VALUE_INTEGER, true }, { "latenessMs", VALUE_INTEGER, true },
	{ "length", VALUE_INTEGER, true }, { "_sml", VALUE_STRING, false },
};

#define ERROR_MEMBERS (sizeof error_members / sizeof *error_members)

static bool is_known_type(struct value v)
{
	for (int i = 0; i < ERROR_TYPES; i++)
		if (v.len == strlen(record_error_types[i]) && !memcmp(v.text, record_error_types[i], v.len))
			return true;
	return false;
}

/* The members of a true error record; false: it is none. */
static bool error_read(const char *line, size_t len, struct arena *arena, struct value member[ERROR_MEMBERS])
{
	struct json_error e;
	struct json_walk w;
	struct value name, v;
	const void *root = record_looks_like_error(line, len) ? json_parse(arena, line, len, &e) : NULL;
	size_t at = 0;

	memset(member, 0, ERROR_MEMBERS * sizeof *member);
	if (!root)
		return false;
	json_walk(&w, (struct value){ .type = VALUE_TREE, .tree = root });
	while (json_walk_next(&w, arena, &name, &v)) {
		while (at < ERROR_MEMBERS && (name.len != strlen(error_members[at].name) ||
		    memcmp(name.text, error_members[at].name, name.len)))
			if (!error_members[at++].optional)
				return false;
		if (at == ERROR_MEMBERS || v.type != error_members[at].type)
			return false;
		member[at++] = v;
	}
	/* Data in which a line ends are none that a stage has met: sent again, they would be two records. */
	if (member[2].type == VALUE_STRING && memchr(member[2].text, '\n', member[2].len))
		return false;
	return at == ERROR_MEMBERS && is_known_type(member[0]) && (member[2].type == VALUE_STRING) != (member[3].type == VALUE_STRING);
}

bool record_is_error(const char *line, size_t len, struct arena *arena)
{
	struct value member[ERROR_MEMBERS];

	return error_read(line, len, arena, member);
}

int record_original(const char *line, size_t len, struct buf *out, struct error *why)
{
	struct value member[ERROR_MEMBERS];
	struct arena arena = ARENA_INIT;
	const size_t before = out->len;
	int result = 1;

	if (!record_ends_like_error(line, len))
		return 0;
	if (!error_read(line, len, &arena, member))
		result = error_set(why, "ends like an error record and is none");
	else if (member[2].type == VALUE_STRING)
		buf_add(out, member[2].text, member[2].len);
	else if (json_read_base64(out, member[3].text, member[3].len) < 0)
		result = error_set(why, "rawBase64 is not base64");
	if (result > 0 && member[10].type == VALUE_INTEGER && member[10].integer != (int64_t)(out->len - before)) {
		out->len = before;
		result = error_set(why, "only the beginning of the original is in the record");
	}
	if (result > 0 && out->len > before && memchr(out->data + before, '\n', out->len - before)) {
		out->len = before;
		result = error_set(why, "its original is more than one line");
	}
	arena_release(&arena);
	return result;
}

/* ---- records that live on ---- */

struct record *record_keep(const struct record *r)
{
	struct buf line = BUF_INIT;
	const char *text = r->line;
	size_t len = r->len;

	/* Added members become part of the line: what a stage on a pipe would have read. */
	if (r->n_added) {
		write_line(r, &line);
		text = line.data;
		len = line.len;
	}
	struct record *kept = alloc_bytes(sizeof *kept + len);
	char *own = memcpy(kept + 1, text, len);
	record_init(kept, own, len, r->fields, NULL);
	kept->added = NULL;
	kept->kind = r->kind;
	kept->error = r->error;
	kept->partition = r->partition;
	kept->at = r->at;
	kept->failed_by = r->failed_by;
	buf_release(&line);
	return kept;
}

void record_wake(struct record *r, struct arena *arena)
{
	r->arena = arena;
	/* What an earlier batch's arena held is gone. */
	r->values = NULL;
	r->n_added = r->room = 0;
	r->present = 0;
}

void record_free(struct record *r)
{
	free(r);
}
