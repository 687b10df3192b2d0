/* SPDX-License-Identifier: MIT */
#include "feature/spec.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/suggest.h"
#include "expr/caret.h"
#include "feature/line.h"
#include "feature/spec-join.h"
#include "feature/spec-lookup.h"
#include "json/write.h"

struct compiler {
	struct spec *spec;
	struct fields *fields;
	const struct spec_options *options;
	struct line *lines;
	size_t n_lines, room;
	const struct line **seen;	/* of each directive, where it stands first */
	struct expr_call_kind *kinds;
	struct spec_shown *shown;	/* the paths of the present expression */
	size_t n_shown, shown_room;
	unsigned *used;			/* its states */
	size_t n_used;
	struct error *why;
};

struct directive {
	const char *name;
	int (*read)(struct compiler *, const struct line *);
	bool may_repeat;
	const char *time_user;		/* NULL: it needs no time */
	const char *refusal;
};

/* ---- lines ---- */

/* A message with the line and a caret under byte `at` of it. */
#define REFUSE(c, l, at, ...) LINE_REFUSE(l, at, (c)->why, __VA_ARGS__)

static const char *where_it_stands(struct compiler *c, const struct line *l)
{
	struct buf b = BUF_INIT;

	if (l->place.line)
		buf_format(&b, "%s:%u", l->place.source, l->place.line);
	else
		buf_format(&b, "%s '%.*s'", l->place.source, (int)(l->len > 60 ? 60 : l->len), l->text);
	const char *text = arena_copy(&c->spec->arena, b.data, b.len);
	buf_release(&b);
	return text;
}

#define GROW(c, array, n) grow_array(c, (void **)&(array), (n), sizeof *(array))

/* Room for one more; the arrays double at powers of two, what they leave in the arena is small. */
static void grow_array(struct compiler *c, void **array, size_t n, size_t size)
{
	if (n & (n - 1))
		return;
	void *more = arena_get(&c->spec->arena, (n ? n * 2 : 1) * size);
	if (n)
		memcpy(more, *array, n * size);
	*array = more;
}

/* ---- paths ---- */

static const char *show_path(struct compiler *c, const struct fieldpath *path)
{
	struct buf b = BUF_INIT;

	fieldpath_show(path, &b);
	const char *text = arena_copy(&c->spec->arena, b.data, b.len);
	buf_release(&b);
	return text;
}

/* Names outside expressions are members of the record, never features. */
static int resolve_member(void *self, const struct fieldpath *path, struct expr_ref *ref, struct error *why)
{
	struct compiler *c = self;

	(void)why;
	*ref = (struct expr_ref){ EXPR_SLOT, fields_read(c->fields, path), path->n, false };
	fields_expect(c->fields, ref->index, path);
	return 0;
}

static bool has_all_step(const struct fieldpath *path)
{
	for (size_t i = 0; i < path->n; i++)
		if (path->steps[i].kind == STEP_ALL)
			return true;
	return false;
}

static int read_part(struct compiler *c, const struct line *l, size_t from, size_t to, struct spec_part *part)
{
	const struct expr_place place = line_place(l, from);
	const struct expr_names names = { .self = c, .resolve = resolve_member };
	const struct fieldpath *path;

	part->expr = expr_compile_path(&c->spec->arena, l->text + from, to - from, &place, &names, c->why);
	if (!part->expr || !expr_is_path(part->expr, &path))
		return -1;
	if (has_all_step(path))
		return REFUSE(c, l, from, "[*] stands for many values, here must be one");
	if (spec_lookup_of(c->spec, path))
		return REFUSE(c, l, from, "\"%s\" is a lookup, here must be a member of the record", spec_lookup_of(c->spec, path)->name);
	part->path = *path;
	part->text = show_path(c, path);
	part->slot = fields_read(c->fields, path);
	return 0;
}

/* ---- directives ---- */

static const char *join_parts(struct compiler *c, const struct spec_part *parts, size_t n, const char *head)
{
	struct buf b = BUF_INIT;

	buf_add_text(&b, head);
	for (size_t i = 0; i < n; i++)
		buf_format(&b, "%s%s", i ? ", " : "", parts[i].text);
	const char *text = arena_copy(&c->spec->arena, b.data ? b.data : "", b.len);
	buf_release(&b);
	return text;
}

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
		if (read_part(c, l, at, last, &parts[n]) < 0)
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
	keys->text = join_parts(c, parts, n, "");
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
	if (read_part(c, l, l->body, end, &s->time) < 0)
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

/* A condition on members of records alone. */
static const struct expr *read_condition(struct compiler *c, const struct line *l, struct reading_part part)
{
	const struct expr_place place = line_place(l, part.from);
	const struct expr_names names = { .self = c, .resolve = resolve_member, .unit = c->spec->unit };

	return expr_compile_condition(&c->spec->arena, l->text + part.from, part.to - part.from, &place, &names, c->why);
}

static int read_join(struct compiler *c, const struct line *l)
{
	struct spec *s = c->spec;
	struct spec_join_parts parts;
	struct buf b = BUF_INIT;

	GROW(c, s->joins, s->n_joins);
	struct spec_join *j = &s->joins[s->n_joins];
	*j = (struct spec_join){ .where = where_it_stands(c, l) };
	if (spec_join_parse(j, l, &s->arena, &parts, c->why) < 0 || read_part(c, l, parts.on.from, parts.on.to, &j->on) < 0)
		return -1;
	for (size_t i = 0; i < s->n_joins; i++)
		if (!strcmp(s->joins[i].name, j->name))
			return REFUSE(c, l, l->body, "join \"%.100s\" stands twice (first in %s)", j->name, s->joins[i].where);
	if (spec_lookup_named(s, j->name, strlen(j->name)))
		return REFUSE(c, l, l->body, "\"%.100s\" is a lookup: give the join another name", j->name);
	j->partner_slot = fields_read(c->fields, &j->partner_path);
	j->partners = read_condition(c, l, parts.where);
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
	{ "key", read_key, false, NULL, NULL },
	{ "time", read_time, false, "the time line", NULL },
	{ "require", read_require, true, NULL, NULL },
	{ "emit", read_emit, false, NULL, NULL },
	{ "late", read_timing, false, "the late line", NULL },
	{ "hold", read_timing, false, "the hold line", NULL },
	{ "ahead", read_timing, false, "the ahead line", NULL },
	{ "idle", read_timing, false, "the idle line", NULL },
	{ "ttl", read_timing, false, "the ttl line", NULL },
	{ "lookup", read_lookup, true, NULL, NULL },
	{ "join", read_join, true, "the join line", NULL },
};

#define N_DIRECTIVES (sizeof directives / sizeof *directives)

static const struct directive *directive_named(const char *name, size_t len)
{
	for (size_t i = 0; i < N_DIRECTIVES; i++)
		if (strlen(directives[i].name) == len && !memcmp(directives[i].name, name, len))
			return &directives[i];
	return NULL;
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
		return REFUSE(c, l, l->word, "a line is NAME = EXPRESSION or a directive (key, time, require, emit, lookup)");
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
	return REFUSE(c, l, l->word, "\"%.*s\" is no directive, and a definition is NAME = EXPRESSION",
	    (int)(l->word_len > 40 ? 40 : l->word_len), text);
}

/* ---- first pass: what the lines are ---- */

static void add_line(struct compiler *c, struct line l)
{
	if (l.word == l.len)
		return;
	if (l.is_apart && !l.is_definition)
		l.directive = directive_named(l.text + l.word, l.word_len);
	if (c->n_lines == c->room) {
		const size_t more = c->room ? c->room * 2 : 32;
		c->lines = arena_resize(&c->spec->arena, c->lines, c->room * sizeof l, more * sizeof l);
		c->room = more;
	}
	c->lines[c->n_lines++] = l;
}

static int read_lines(struct compiler *c, const struct spec_text *t)
{
	const char *at = t->text, *end = t->text + t->len;
	unsigned number = 1;

	if (t->len >= 3 && !memcmp(at, "\xef\xbb\xbf", 3))
		at += 3;
	for (; at < end; number++) {
		const char *lf = memchr(at, '\n', (size_t)(end - at));
		const size_t len = (size_t)((lf ? lf : end) - at);
		const char *line = arena_copy(&c->spec->arena, at, len);
		if (memchr(line, '\0', len))
			return error_set(c->why, "%s:%u: a NUL byte: this is no text", t->source, number);
		if (t->is_option && lf)
			return error_set(c->why, "%s: one definition, not several lines", t->source);
		add_line(c, line_of(line, len, t->source, t->is_option ? 0 : number));
		at += len + 1;
	}
	return 0;
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
		return REFUSE(c, l, l->word, "%s stands twice (first in %s)", l->directive->name, where_it_stands(c, *seen));
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

	*lk = (struct spec_lookup){ .where = where_it_stands(c, l) };
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
			if (read_part(c, &c->lines[i], parts[at].on.from, parts[at].on.to, &lk->on) < 0)
				return -1;
			if (!lk->file && !(lk->rows = read_condition(c, &c->lines[i], parts[at].where)))
				return -1;
			lk->text = spec_lookup_relation(lk, &s->arena);
			at++;
		}
	return 0;
}

static int read_directives(struct compiler *c)
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
		if (!l->directive->read)
			return REFUSE(c, l, l->word, "%s", l->directive->refusal);
		if (l->directive->read != read_time && (once(c, l) < 0 || l->directive->read(c, l) < 0))
			return -1;
	}
	return 0;
}

/* ---- second pass: names, calls and states ---- */

/* The local that it is, or -1. */
static int feature_named(const struct spec *s, const char *name, size_t len)
{
	for (size_t i = 0; i < s->n_features; i++)
		if (s->features[i].name.len == len && !memcmp(s->features[i].name.text, name, len))
			return s->features[i].local;
	return -1;
}

static const struct expr *feature_expr(void *self, int index)
{
	const struct spec *s = self;

	for (size_t i = 0; i < s->n_steps; i++)
		if (!s->steps[i].is_require && s->steps[i].local == index)
			return s->steps[i].expr;
	return NULL;
}

static int local_of(const struct compiler *c, const struct fieldpath *path)
{
	return path->steps[0].kind == STEP_NAME ? feature_named(c->spec, path->steps[0].name, path->steps[0].len) : -1;
}

static int resolve(void *self, const struct fieldpath *path, struct expr_ref *ref, struct error *why)
{
	struct compiler *c = self;
	const int local = local_of(c, path);
	struct spec_lookup *lk = spec_lookup_of(c->spec, path);

	if (local >= 0 && path->n > 1 && path->steps[1].kind == STEP_NAME)
		return error_set(why, "\"%s\" is the feature above, and a feature has no members: give it another name", path->steps[0].name);
	if (lk) {
		if (spec_lookup_resolve(c->spec, lk, path, ref, why) < 0)
			return -1;
	} else if (local < 0)
		resolve_member(self, path, ref, why);
	else
		*ref = (struct expr_ref){ EXPR_LOCAL, local, 1, expr_uses_calls(feature_expr(c->spec, local)) };
	for (size_t i = 0; i < c->n_shown; i++)
		if (c->shown[i].ref.where == ref->where && c->shown[i].ref.index == ref->index)
			return 0;
	if (ref->steps == path->n) {
		if (c->n_shown == c->shown_room) {
			const size_t more = c->shown_room ? c->shown_room * 2 : 8;
			c->shown = arena_resize(&c->spec->arena, c->shown, c->shown_room * sizeof *c->shown, more * sizeof *c->shown);
			c->shown_room = more;
		}
		c->shown[c->n_shown++] = (struct spec_shown){ show_path(c, path), *ref };
	}
	return 0;
}

/* The slot that an expression is, or -1. */
static int slot_of(struct compiler *c, const struct expr *e)
{
	const struct fieldpath *path;

	return expr_is_path(e, &path) && local_of(c, path) < 0 && !spec_lookup_of(c->spec, path) ? fields_read(c->fields, path) : -1;
}

static const char *show_expr(struct compiler *c, const struct expr *e, bool inlined)
{
	struct buf b = BUF_INIT;

	expr_show(e, &b, inlined ? feature_expr : NULL, c->spec);
	const char *text = arena_copy(&c->spec->arena, b.data ? b.data : "", b.len);
	buf_release(&b);
	return text;
}

/* The keys that a call's states are found by. */
static int keys_of(struct compiler *c, const struct expr_call *call, struct error *why)
{
	struct spec *s = c->spec;

	if (!call->n_by)
		return 0;
	struct spec_part *parts = arena_get(&s->arena, call->n_by * sizeof *parts);
	bool is_early = true;
	for (size_t i = 0; i < call->n_by; i++) {
		const struct fieldpath *path;
		if (!expr_is_path(call->by[i], &path))
			return error_set(why, "by takes paths and earlier features: give (%s) a name and say by NAME", show_expr(c, call->by[i], true));
		if (has_all_step(path))
			return error_set(why, "by: [*] stands for many values, here must be one");
		parts[i] = (struct spec_part){ show_expr(c, call->by[i], true), *path, call->by[i], slot_of(c, call->by[i]) };
		is_early &= parts[i].slot >= 0;
	}
	const char *text = join_parts(c, parts, call->n_by, "by ");
	for (size_t i = 1; i < s->n_keys; i++)
		if (!strcmp(s->keys[i].text, text))
			return (int)i;
	GROW(c, s->keys, s->n_keys);
	s->keys[s->n_keys] = (struct spec_keys){ .parts = parts, .n = call->n_by, .text = text, .is_by = true, .is_early = is_early };
	return (int)s->n_keys++;
}

/* A canonical text in the making, and the lookups that stand in it. */
struct identifying { const struct spec *spec; struct buf text, lookups; };

static const struct expr *note_local(void *self, int index)
{
	struct identifying *in = self;
	const struct spec_lookup *lk = spec_lookup_owning(in->spec, index);

	if (!lk)
		return feature_expr((void *)in->spec, index);
	const size_t from = in->lookups.len;
	buf_format(&in->lookups, "\nlookup %s", lk->text);
	if (memmem(in->lookups.data, from, in->lookups.data + from, in->lookups.len - from))
		in->lookups.len = from;
	return NULL;
}

/* What makes it the same state in another spec. */
static const char *identity_of(struct compiler *c, const char *text, const struct buf *lookups)
{
	const struct spec *s = c->spec;
	struct buf b = BUF_INIT;

	buf_add_text(&b, text);
	buf_add(&b, lookups->data, lookups->len);
	if (s->keys[0].n)
		buf_format(&b, "\nkey %s", s->keys[0].text);
	buf_format(&b, "\ntime %s:%s", s->time.text, eventtime_unit_show(s->unit));
	const char *identity = arena_copy(&c->spec->arena, b.data, b.len);
	buf_release(&b);
	return identity;
}

static unsigned state_of(struct compiler *c, const struct aggregate *a, const struct expr_call *call, unsigned keys)
{
	struct spec *s = c->spec;
	const struct aggregate *owner = a->shares ? aggregate_find(a->shares, strlen(a->shares)) : a;
	struct expr_call *plain = arena_get(&s->arena, sizeof *plain);
	struct identifying in = { s, BUF_INIT, BUF_INIT };

	*plain = *call;
	plain->kind = &owner->kind;
	plain->exclude_current = false;
	plain->late = s->timing.late;
	expr_show_call(plain, &in.text, note_local, &in);
	const char *text = arena_copy(&s->arena, in.text.data, in.text.len);
	const char *identity = identity_of(c, text, &in.lookups);
	buf_release(&in.text);
	buf_release(&in.lookups);
	for (size_t i = 0; i < s->n_states; i++)
		if (s->states[i].keys == keys && !strcmp(s->states[i].identity, identity))
			return (unsigned)i;
	GROW(c, s->states, s->n_states);
	struct spec_state *state = &s->states[s->n_states];
	*state = (struct spec_state){ .aggregate = owner, .keeper = aggregate_keeper(owner, call), .call = plain, .text = text,
		.identity = identity, .keys = keys, .offset = s->keys[keys].state_size, .window = -1, .arg_slot = -1 };
	if (call->n_args) {
		state->arg = call->args[0];
		state->arg_slot = slot_of(c, state->arg);
		state->arg_text = show_expr(c, state->arg, false);
	}
	s->keys[keys].state_size += (state->keeper->size + 7) / 8 * 8;
	s->keys[keys].n_states++;
	return (unsigned)s->n_states++;
}

static void note_use(struct compiler *c, unsigned state)
{
	for (size_t i = 0; i < c->n_used; i++)
		if (c->used[i] == state)
			return;
	GROW(c, c->used, c->n_used);
	c->used[c->n_used++] = state;
}

static int add_call(void *self, const struct expr_call *call, struct error *why)
{
	struct compiler *c = self;
	struct spec *s = c->spec;
	const struct aggregate *a = aggregate_find(call->kind->name, strlen(call->kind->name));

	if (aggregate_check(a, call, why) < 0)
		return -1;
	const int keys = keys_of(c, call, why);
	if (keys < 0)
		return -1;
	const size_t n_states = s->n_states;
	const unsigned state = state_of(c, a, call, (unsigned)keys);
	note_use(c, state);
	for (size_t i = 0; i < s->n_calls; i++)
		if (s->calls[i].state == state && s->calls[i].aggregate == a &&
		    s->calls[i].call->exclude_current == call->exclude_current)
			return (int)i;
	s->looks_back |= aggregate_needs_time(a, call);
	if (aggregate_needs_time(a, call) && !s->needs_time) {
		s->needs_time = true;
		s->time_user = a->signature;
	}
	GROW(c, s->calls, s->n_calls);
	s->calls[s->n_calls] = (struct spec_call){ a, call, state, s->n_states > n_states, WINDOW_NONE };
	return (int)s->n_calls++;
}

/* ---- emit windows: which windows features are of ---- */

/* What a call has to be to be given out with a window. */
static int check_closing(const struct spec_call *sc, struct error *why)
{
	const struct expr_call *call = sc->call;

	if (call->half_life)
		return error_set(why, "decay knows no windows that close: see emit events");
	if (call->exclude_current)
		return error_set(why, "exclude current is of an event: a window is given out when all its events are there");
	if (call->window == WINDOW_SLIDING)
		return error_set(why, "a sliding window never closes: emit windows takes over D every P, over tumbling D, over session G, over all");
	if (call->window == WINDOW_LAST)
		return error_set(why, "over last N never closes: emit windows takes over D every P, over tumbling D, over session G, over all");
	return 0;
}

static int window_of_call(struct compiler *c, struct spec_call *sc)
{
	struct spec *s = c->spec;
	const unsigned keys = s->states[sc->state].keys;
	const struct aggregate *row = aggregate_opened();
	struct expr_call *clauses = arena_get(&s->arena, sizeof *clauses);
	const size_t n_states = s->n_states;

	*clauses = *sc->call;
	clauses->kind = &row->kind;
	clauses->args = NULL;
	clauses->n_args = 0;
	/* A grid is a grid; where sessions end follows from which events count. */
	if (clauses->window != WINDOW_SESSION)
		clauses->where = NULL;
	const unsigned state = state_of(c, row, clauses, keys);
	if (s->n_states == n_states)
		return s->states[state].window;
	GROW(c, s->windows, s->n_windows);
	s->windows[s->n_windows] = (struct spec_window){ s->states[state].call, keys, state };
	s->states[state].window = (int)s->n_windows;
	GROW(c, s->calls, s->n_calls);
	s->calls[s->n_calls++] = (struct spec_call){ row, s->states[state].call, state, true, WINDOW_NONE };
	return (int)s->n_windows++;
}

struct window_of { struct compiler *c; int window; int failed; struct error why; };

static void join_window(struct window_of *w, int window)
{
	if (window == WINDOW_NONE || w->window == window || w->failed)
		return;
	if (w->window != WINDOW_NONE) {
		w->failed = error_set(&w->why, window == WINDOW_RECORD || w->window == WINDOW_RECORD ?
		    "it is of a window and of a record: what is of records stands inside aggregates" :
		    "it is of two different windows, and a record is given out for each");
		return;
	}
	w->window = window;
}

static void see_source(void *self, enum expr_source source, int index)
{
	struct window_of *w = self;
	struct spec *s = w->c->spec;

	/* What prev() and the like give is of the event. */
	if (source == EXPR_OF_SLOT || (source == EXPR_OF_CALL && !(s->calls[index].aggregate->kind.flags & EXPR_CALL_WINDOW)))
		join_window(w, WINDOW_RECORD);
	else if (source == EXPR_OF_CALL) {
		if (!w->failed && !(w->failed = check_closing(&s->calls[index], &w->why))) {
			const int window = window_of_call(w->c, &s->calls[index]);
			s->calls[index].window = window;
			join_window(w, window);
		}
	} else if (spec_lookup_owning(s, index))
		join_window(w, WINDOW_RECORD);
	else
		for (size_t i = 0; i < s->n_steps; i++)
			if (!s->steps[i].is_require && s->steps[i].local == index)
				join_window(w, s->steps[i].window);
}

static int find_window(struct compiler *c, const struct line *l, struct spec_step *step)
{
	struct window_of w = { c, WINDOW_NONE, 0, { "" } };

	step->window = WINDOW_NONE;
	if (c->spec->emit != EMIT_WINDOWS || step->is_require)
		return 0;
	expr_sources(step->expr, see_source, &w);
	step->window = w.window;
	return w.failed ? REFUSE(c, l, l->body, "%s", w.why.text) : 0;
}

static int add_step(struct compiler *c, const struct line *l)
{
	struct spec *s = c->spec;
	const struct expr_place place = line_place(l, l->body);
	const struct expr_names names = { .self = c, .resolve = resolve, .call = add_call, .calls = c->kinds, .unit = s->unit };
	struct spec_step step = { .is_require = !l->is_definition, .slot = -1, .local = -1, .where = where_it_stands(c, l) };

	if (l->is_definition) {
		const char *name = l->text + l->word;
		const int earlier = feature_named(s, name, l->word_len);
		if (expr_is_reserved(name, l->word_len))
			return REFUSE(c, l, l->word, "\"%.*s\" is a word of the language and no name for a feature", (int)l->word_len, name);
		const struct directive *meant = directive_named(name, l->word_len);
		if (meant && meant->read)
			return REFUSE(c, l, l->word, "\"%s\" is a directive, written without \"=\", and no name for a feature", meant->name);
		const struct spec_lookup *lk = spec_lookup_named(s, name, l->word_len);
		if (lk)
			return REFUSE(c, l, l->word, "\"%.100s\" is the lookup of %s, and no name for a feature", lk->name, lk->where);
		if (earlier >= 0) {
			const struct spec_step *first = s->steps;
			while (first->local != earlier)
				first++;
			return REFUSE(c, l, l->word, "feature \"%.*s\" is defined twice (first in %s)", (int)(l->word_len > 100 ? 100 :
			    l->word_len), name, first->where);
		}
		if (s->n_features == SPEC_FEATURES_MAX)
			return REFUSE(c, l, l->word, "more than %d features", SPEC_FEATURES_MAX);
	}
	c->shown = NULL;
	c->n_shown = c->shown_room = 0;
	c->used = NULL;
	c->n_used = 0;
	step.expr = (step.is_require ? expr_compile_condition : expr_compile)(&s->arena, l->text + l->body, l->len - l->body, &place,
	    &names, c->why);
	if (!step.expr)
		return -1;
	step.slot = slot_of(c, step.expr);
	if (find_window(c, l, &step) < 0)
		return -1;
	step.calls_end = s->n_calls;
	step.states = c->used;
	step.n_states = c->n_used;
	if (step.is_require) {
		step.text = arena_copy(&s->arena, l->text + l->body, l->len - l->body);
		step.shown = c->shown;
		step.n_shown = c->n_shown;
	} else {
		step.text = arena_copy(&s->arena, l->text + l->word, l->word_len);
		step.local = (int)s->n_locals++;
		GROW(c, s->features, s->n_features);
		s->features[s->n_features++] = (struct spec_feature){ json_name(&s->arena, step.text, l->word_len), step.local };
	}
	GROW(c, s->steps, s->n_steps);
	s->steps[s->n_steps++] = step;
	return 0;
}

/* ---- the whole ---- */

/* -k stands for a `key` line. */
static int read_key_option(struct compiler *c)
{
	const char *text = c->options->key;

	if (!text)
		return 0;
	const struct line *first = first_line(c, read_key);
	if (first)
		return error_set(c->why, "the key is given twice: -k %s, and %s", text, where_it_stands(c, first));
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
		if (has_all_step(&s->time.path))
			return error_set(c->why, "--time: \"%s\": [*] stands for many values, here must be one", c->options->time_path);
		s->time.text = show_path(c, &s->time.path);
		s->time.slot = -1;
	}
	if (!s->time_user)
		s->time_user = c->options->time_user;
	s->needs_time = s->time_user;
	s->looks_back = s->n_joins || s->timing.hold || s->timing.late || s->timing.policy != LATE_UPDATE;
	return 0;
}

static void list_kinds(struct compiler *c)
{
	size_t n = 0;

	while (aggregate_rows[n].kind.name)
		n++;
	c->kinds = arena_get(&c->spec->arena, (n + 1) * sizeof *c->kinds);
	for (size_t i = 0, k = 0; i <= n; i++)
		if (&aggregate_rows[i] != aggregate_opened())
			c->kinds[k++] = aggregate_rows[i].kind;
}

/* How long a key matters whose windows close. */
static int64_t lasting(const struct spec *s)
{
	int64_t most = 0;

	if (s->emit != EMIT_WINDOWS)
		return 0;
	for (size_t i = 0; i < s->n_states; i++) {
		const struct expr_call *call = s->states[i].call;
		if (call->window != WINDOW_PANES && call->window != WINDOW_TUMBLING && call->window != WINDOW_SESSION)
			return 0;
		most = call->width > most ? call->width : most;
	}
	return eventtime_plus(most, eventtime_plus(s->timing.late, 1));
}

static int compile(struct compiler *c, const struct spec_text *texts, size_t n)
{
	struct spec *s = c->spec;

	for (size_t i = 0; i < n; i++)
		if (read_lines(c, &texts[i]) < 0)
			return -1;
	GROW(c, s->keys, 0);
	s->keys[0] = (struct spec_keys){ .text = "", .is_early = true };
	s->n_keys = 1;
	s->unit = TIME_MS;
	c->seen = arena_get(&s->arena, N_DIRECTIVES * sizeof *c->seen);
	memset(c->seen, 0, N_DIRECTIVES * sizeof *c->seen);
	if (read_directives(c) < 0 || read_key_option(c) < 0 || set_time(c) < 0)
		return -1;
	list_kinds(c);
	for (size_t i = 0; i < c->n_lines; i++)
		if ((c->lines[i].is_definition || c->lines[i].directive->read == read_require) && add_step(c, &c->lines[i]) < 0)
			return -1;
	if (!s->n_features)
		return error_set(c->why, "%s: no feature is defined (NAME = EXPRESSION)", n ? texts[0].source : "the spec");
	if (s->emit == EMIT_WINDOWS && !s->n_windows)
		return error_set(c->why, "%s: emit windows, and no feature is of a window, as count() over tumbling 1h is", texts[0].source);
	s->lasts = lasting(s);
	spec_lookup_finish(s);
	/* Read where it is needed: otherwise a record may come without. */
	if (s->needs_time || s->emit == EMIT_FEATURES)
		s->time.slot = fields_read(c->fields, &s->time.path);
	return 0;
}

struct spec *spec_compile(const struct spec_text *texts, size_t n, const struct spec_options *options, struct fields *fields,
    struct error *why)
{
	struct spec *s = alloc_zeroed(1, sizeof *s);
	struct compiler c = { .spec = s, .fields = fields, .options = options, .why = why };

	if (compile(&c, texts, n) < 0) {
		spec_free(s);
		return NULL;
	}
	return s;
}

void spec_free(struct spec *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->n_lookups; i++)
		fields_release(&s->lookups[i].fields);
	arena_release(&s->arena);
	free(s);
}
