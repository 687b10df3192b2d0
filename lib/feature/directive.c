/* SPDX-License-Identifier: MIT */
#include "feature/directive.h"

#include <string.h>

#include "base/suggest.h"
#include "feature/spec-join.h"
#include "feature/spec-lookup.h"

struct directive {
	const char *name;
	int (*read)(struct compiler *, const struct line *);
	bool may_repeat;
	const char *time_user;		/* NULL: it needs no time */
};

static int read_key(struct compiler *c, const struct line *l)
{
	struct spec_keys *keys = &c->spec->keys[0];
	struct spec_part *parts = NULL;
	size_t n = 0, at = l->body, room = 0;

	for (;; at++) {
		at = line_skip(l, at, l->len);
		size_t end = line_path_end(l, at, ","), last = end;
		while (last > at && line_is_space(l->text[last - 1]))
			last--;
		if (last == at)
			return REFUSE(c, l, at, "a path should stand here: key PATH, PATH...");
		const size_t next = line_skip(l, line_path_end(l, at, ", \t"), last);
		if (next < last && line_is_word(l->text[next]))
			return REFUSE(c, l, next, "a comma should stand here: key PATH, PATH...");
		if (n == room) {
			const size_t more = room ? room * 2 : 2;
			parts = arena_resize(&c->spec->arena, parts, room * sizeof *parts, more * sizeof *parts);
			room = more;
		}
		if (compiler_part(c, l, at, last, &parts[n]) < 0)
			return -1;
		for (size_t i = 0; i < n; i++)
			if (parts[i].slot == parts[n].slot)
				return REFUSE(c, l, at, "%s stands twice in the key", parts[n].text);
		n++;
		at = end;
		if (at == l->len)
			break;
	}
	keys->parts = parts;
	keys->n = n;
	keys->text = compiler_list(c, parts, n, "");
	return 0;
}

static int read_time(struct compiler *c, const struct line *l)
{
	struct spec *s = c->spec;
	const size_t end = line_path_end(l, l->body, " \t:");
	size_t unit, unit_end = l->len;
	char text[16];
	struct error why;

	if (end == l->body)
		return REFUSE(c, l, end, "a path should stand here: time PATH [s|ms|us|ns|rfc3339]");
	if (compiler_part(c, l, l->body, end, &s->time) < 0)
		return -1;
	unit = line_skip(l, end, l->len);
	if (unit < l->len && l->text[unit] == ':')
		unit = line_skip(l, unit + 1, l->len);
	else if (unit == l->len)
		return 0;
	while (unit_end > unit && line_is_space(l->text[unit_end - 1]))
		unit_end--;
	const size_t n = unit_end - unit < sizeof text ? unit_end - unit : sizeof text - 1;
	memcpy(text, l->text + unit, n);
	text[n] = '\0';
	return eventtime_unit_parse(text, &s->unit, &why) < 0 ? REFUSE(c, l, unit, "%s", why.text) : 0;
}

static int read_emit(struct compiler *c, const struct line *l)
{
	const char *word = l->text + l->body;
	const size_t end = line_word_end(l, l->body), len = end - l->body, rest = line_skip(l, end, l->len);

	if (len == 7 && !memcmp(word, "windows", 7)) {
		struct error why;
		size_t at;
		c->spec->emit = EMIT_WINDOWS;
		if (timing_read_trigger(&c->spec->timing, l->text + rest, l->len - rest, &at, &why) < 0)
			return REFUSE(c, l, rest + at, "%s", why.text);
		if (c->spec->timing.every && !c->spec->time_user)
			c->spec->time_user = "the emit line";
		return 0;
	}
	if (rest < l->len)
		return REFUSE(c, l, rest, "nothing can stand behind emit events or emit features");
	if (len == 6 && !memcmp(word, "events", 6))
		c->spec->emit = EMIT_EVENTS;
	else if (len == 8 && !memcmp(word, "features", 8))
		c->spec->emit = EMIT_FEATURES;
	else
		return REFUSE(c, l, l->body, "behind emit stands events, features or windows");
	return 0;
}

static int read_timing(struct compiler *c, const struct line *l)
{
	struct error why;
	size_t at;

	if (timing_read(&c->spec->timing, l->directive->name, l->text + l->body, l->len - l->body, &at, &why) < 0)
		return REFUSE(c, l, l->body + at, "%s", why.text);
	return 0;
}

/* Read before the others, for their names hold in all of them. */
static int read_lookup(struct compiler *c, const struct line *l)
{
	(void)c, (void)l;
	return 0;
}

static int read_join(struct compiler *c, const struct line *l)
{
	struct spec *s = c->spec;
	struct spec_join_parts parts;
	struct buf b = BUF_INIT;

	GROW(c, s->joins, s->n_joins);
	struct spec_join *j = &s->joins[s->n_joins];
	*j = (struct spec_join){ .where = compiler_where(c, l) };
	if (spec_join_parse(j, l, &s->arena, &parts, c->why) < 0 || compiler_part(c, l, parts.on.from, parts.on.to, &j->on) < 0)
		return -1;
	for (size_t i = 0; i < s->n_joins; i++)
		if (!strcmp(s->joins[i].name, j->name))
			return REFUSE(c, l, l->body, "join \"%.100s\" stands twice (first in %s)", j->name, s->joins[i].where);
	if (spec_lookup_named(s, j->name, strlen(j->name)))
		return REFUSE(c, l, l->body, "\"%.100s\" is a lookup: give the join another name", j->name);
	j->partner_slot = fields_read(c->fields, &j->partner_path);
	j->partners = compiler_condition(c, l, parts.where);
	if (!j->partners)
		return -1;
	spec_join_show(j, &b);
	j->text = arena_copy(&s->arena, b.data, b.len);
	buf_release(&b);
	s->n_joins++;
	return 0;
}

/* Compiled in order with the definitions. */
static int read_require(struct compiler *c, const struct line *l)
{
	(void)c, (void)l;
	return 0;
}

static const struct directive directives[] = {
	{ "key", read_key, false, NULL },
	{ "time", read_time, false, "the time line" },
	{ "require", read_require, true, NULL },
	{ "emit", read_emit, false, NULL },
	{ "late", read_timing, false, "the late line" },
	{ "hold", read_timing, false, "the hold line" },
	{ "ahead", read_timing, false, "the ahead line" },
	{ "idle", read_timing, false, "the idle line" },
	{ "ttl", read_timing, false, "the ttl line" },
	{ "lookup", read_lookup, true, NULL },
	{ "join", read_join, true, "the join line" },
};

#define N_DIRECTIVES (sizeof directives / sizeof *directives)

const struct directive *directive_named(const char *name, size_t len)
{
	for (size_t i = 0; i < N_DIRECTIVES; i++)
		if (strlen(directives[i].name) == len && !memcmp(directives[i].name, name, len))
			return &directives[i];
	return NULL;
}

static const char *all_directives(struct compiler *c)
{
	struct buf b = BUF_INIT;

	for (size_t i = 0; i < N_DIRECTIVES; i++)
		buf_format(&b, "%s%s", i ? " " : "", directives[i].name);
	const char *names = arena_copy(&c->spec->arena, b.data, b.len);
	buf_release(&b);
	return names;
}

static int unknown_line(struct compiler *c, const struct line *l)
{
	const char *names[N_DIRECTIVES + 1], *near;
	const char *text = l->text + l->word;

	for (size_t i = 0; i < N_DIRECTIVES; i++)
		names[i] = directives[i].name;
	names[N_DIRECTIVES] = NULL;
	if (!l->word_len && text[0] >= '0' && text[0] <= '9')
		return REFUSE(c, l, l->word, "a feature's name does not begin with a digit");
	if (text[0] == '{')
		return REFUSE(c, l, l->word, "this is a record: the spec is the first operand, or given by -f or -d");
	if (!l->word_len)
		return REFUSE(c, l, l->word, "a line is NAME = EXPRESSION or a directive: %s", all_directives(c));
	const size_t behind = l->word + l->word_len;
	const struct directive *meant = directive_named(text, l->word_len);
	if (meant)
		return REFUSE(c, l, behind, "a blank should stand behind the directive %s", meant->name);
	if (behind < l->len && !line_is_space(l->text[behind]))
		return REFUSE(c, l, behind, "a feature's name is made of letters, digits and _");
	near = suggest_nearest(text, l->word_len, names);
	if (near)
		return REFUSE(c, l, l->word, "unknown directive \"%.*s\" (did you mean \"%s\"?)",
		    (int)(l->word_len > 40 ? 40 : l->word_len), text, near);
	return REFUSE(c, l, l->word, "\"%.*s\" is no directive (%s), and a definition is NAME = EXPRESSION",
	    (int)(l->word_len > 40 ? 40 : l->word_len), text, all_directives(c));
}

/* The first line with the directive that is read so; NULL: none. */
static const struct line *first_line(const struct compiler *c, int (*read)(struct compiler *, const struct line *))
{
	for (size_t i = 0; i < N_DIRECTIVES; i++)
		if (directives[i].read == read && c->seen[i])
			return c->seen[i];
	return NULL;
}

static int once(struct compiler *c, const struct line *l)
{
	const struct line **seen = &c->seen[l->directive - directives];

	if (*seen && !l->directive->may_repeat)
		return REFUSE(c, l, l->word, "%s stands twice (first in %s)", l->directive->name, compiler_where(c, *seen));
	if (!c->spec->time_user || l->directive->read == read_time)
		c->spec->time_user = l->directive->time_user;
	*seen = l;
	return 0;
}

static bool is_lookup(const struct line *l)
{
	return l->directive && l->directive->read == read_lookup && l->place.line;
}

static int name_lookup(struct compiler *c, const struct line *l, struct spec_lookup_parts *parts)
{
	struct spec *s = c->spec;
	struct spec_lookup *lk = &s->lookups[s->n_lookups];

	*lk = (struct spec_lookup){ .where = compiler_where(c, l) };
	if (spec_lookup_parse(lk, l, &s->arena, parts, c->why) < 0)
		return -1;
	const struct spec_lookup *first = spec_lookup_named(s, lk->name, strlen(lk->name));
	s->n_lookups++;
	return first ? REFUSE(c, l, l->body, "lookup \"%.100s\" stands twice (first in %s)", lk->name, first->where) : 0;
}

static int read_lookups(struct compiler *c)
{
	struct spec *s = c->spec;
	size_t n = 0, at = 0;

	for (size_t i = 0; i < c->n_lines; i++)
		n += is_lookup(&c->lines[i]);
	struct spec_lookup_parts *parts = arena_get(&s->arena, (n + 1) * sizeof *parts);
	s->lookups = arena_get(&s->arena, (n + 1) * sizeof *s->lookups);
	for (size_t i = 0; i < c->n_lines; i++)
		if (is_lookup(&c->lines[i]) && name_lookup(c, &c->lines[i], &parts[s->n_lookups]) < 0)
			return -1;
	/* Conditions may look at hours. */
	for (size_t i = 0; i < c->n_lines; i++)
		if (c->lines[i].directive && c->lines[i].directive->read == read_time && (once(c, &c->lines[i]) < 0 || read_time(c, &c->lines[i]) < 0))
			return -1;
	for (size_t i = 0; i < c->n_lines; i++)
		if (is_lookup(&c->lines[i])) {
			struct spec_lookup *lk = &s->lookups[at];
			if (compiler_part(c, &c->lines[i], parts[at].on.from, parts[at].on.to, &lk->on) < 0)
				return -1;
			if (!lk->file && !(lk->rows = compiler_condition(c, &c->lines[i], parts[at].where)))
				return -1;
			lk->text = spec_lookup_relation(lk, &s->arena);
			at++;
		}
	return 0;
}

static int read_lines_of(struct compiler *c)
{
	if (read_lookups(c) < 0)
		return -1;
	for (size_t i = 0; i < c->n_lines; i++) {
		const struct line *l = &c->lines[i];
		if (l->is_definition)
			continue;
		if (!l->place.line)
			return REFUSE(c, l, l->word, "a definition is NAME = EXPRESSION");
		if (!l->directive)
			return unknown_line(c, l);
		if (l->directive->read != read_time && (once(c, l) < 0 || l->directive->read(c, l) < 0))
			return -1;
	}
	return 0;
}

/* -k stands for a `key` line. */
static int read_key_option(struct compiler *c)
{
	const char *text = c->options->key;

	if (!text)
		return 0;
	const struct line *first = first_line(c, read_key);
	if (first)
		return error_set(c->why, "the key is given twice: -k %s, and %s", text, compiler_where(c, first));
	struct line l = { .text = text, .len = strlen(text), .place = { .source = "-k", .line_text = text, .column = 1 } };
	return read_key(c, &l);
}

static int set_time(struct compiler *c)
{
	struct spec *s = c->spec;

	if (!first_line(c, read_time)) {
		s->unit = c->options->time_unit;
		if (fieldpath_parse(&s->time.path, c->options->time_path, &s->arena, c->why) < 0)
			return error_prefix(c->why, "--time");
		if (compiler_is_many(&s->time.path))
			return error_set(c->why, "--time: \"%s\": [*] stands for many values, here must be one", c->options->time_path);
		s->time.text = compiler_path(c, &s->time.path);
		s->time.slot = -1;
	}
	if (!s->time_user)
		s->time_user = c->options->time_user;
	s->needs_time = s->time_user;
	s->looks_back = s->n_joins || s->timing.hold || s->timing.late || s->timing.policy != LATE_UPDATE;
	return 0;
}


bool directive_is_require(const struct line *l)
{
	return l->directive && l->directive->read == read_require;
}

const char *directive_name(const struct directive *d)
{
	return d->name;
}

int directive_read(struct compiler *c)
{
	c->seen = arena_get(&c->spec->arena, N_DIRECTIVES * sizeof *c->seen);
	memset(c->seen, 0, N_DIRECTIVES * sizeof *c->seen);
	return read_lines_of(c) < 0 || read_key_option(c) < 0 || set_time(c) < 0 ? -1 : 0;
}
