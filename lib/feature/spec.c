/* SPDX-License-Identifier: MIT */
#include "feature/spec.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "feature/compiler.h"
#include "feature/directive.h"
#include "feature/spec-lookup.h"
#include "feature/spec-state.h"
#include "feature/spec-window.h"
#include "json/write.h"

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

/* ---- second pass: names and steps ---- */

static int resolve(void *self, const struct fieldpath *path, struct expr_ref *ref, struct error *why)
{
	struct compiler *c = self;
	const int local = compiler_local(c, path);
	struct spec_lookup *lk = spec_lookup_of(c->spec, path);

	if (local >= 0 && path->n > 1 && path->steps[1].kind == STEP_NAME)
		return error_set(why, "\"%s\" is the feature above, and a feature has no members: give it another name", path->steps[0].name);
	if (lk) {
		if (spec_lookup_resolve(c->spec, lk, path, ref, why) < 0)
			return -1;
	} else if (local < 0)
		compiler_member(self, path, ref, why);
	else
		*ref = (struct expr_ref){ EXPR_LOCAL, local, 1, expr_uses_calls(compiler_feature(c->spec, local)) };
	for (size_t i = 0; i < c->n_shown; i++)
		if (c->shown[i].ref.where == ref->where && c->shown[i].ref.index == ref->index)
			return 0;
	if (ref->steps == path->n) {
		if (c->n_shown == c->shown_room) {
			const size_t more = c->shown_room ? c->shown_room * 2 : 8;
			c->shown = arena_resize(&c->spec->arena, c->shown, c->shown_room * sizeof *c->shown, more * sizeof *c->shown);
			c->shown_room = more;
		}
		c->shown[c->n_shown++] = (struct spec_shown){ compiler_path(c, path), *ref };
	}
	return 0;
}

static int add_step(struct compiler *c, const struct line *l)
{
	struct spec *s = c->spec;
	const struct expr_place place = line_place(l, l->body);
	const struct expr_names names = { .self = c, .resolve = resolve, .call = spec_state_call, .calls = c->kinds, .unit = s->unit };
	int call;
	struct spec_step step = { .is_require = !l->is_definition, .slot = -1, .local = -1, .where = compiler_where(c, l) };

	if (l->is_definition) {
		const char *name = l->text + l->word;
		const int earlier = compiler_named(s, name, l->word_len);
		if (expr_is_reserved(name, l->word_len))
			return REFUSE(c, l, l->word, "\"%.*s\" is a word of the language and no name for a feature", (int)l->word_len, name);
		const struct directive *meant = directive_named(name, l->word_len);
		if (meant)
			return REFUSE(c, l, l->word, "\"%s\" is a directive, written without \"=\", and no name for a feature", directive_name(meant));
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
	step.slot = compiler_slot(c, step.expr);
	if (spec_window_find(c, l, &step) < 0)
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
		if (expr_is_call(step.expr, &call) && s->calls[call].local < 0) {
			s->calls[call].local = step.local;
			step.is_call = true;
		}
		GROW(c, s->features, s->n_features);
		s->features[s->n_features++] = (struct spec_feature){ json_name(&s->arena, step.text, l->word_len), step.local };
	}
	GROW(c, s->steps, s->n_steps);
	s->steps[s->n_steps++] = step;
	return 0;
}

/* ---- the whole ---- */

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

static bool has_part(const struct spec_keys *k, const char *text)
{
	for (size_t i = 0; i < k->n; i++)
		if (!strcmp(k->parts[i].text, text))
			return true;
	return false;
}

/* What is found by the key lies in the key's partition, or nothing says so. */
static int check_partitions(const struct compiler *c)
{
	static const char rule[] = "under --shard state is found by the key, or by the key and more, as records are divided by it";
	const struct spec *s = c->spec;
	const struct spec_keys *own = &s->keys[0];

	for (size_t i = 0; i < s->n_keys; i++) {
		const struct spec_keys *k = &s->keys[i];
		if (k->n_states && !k->n)
			return error_set(c->why, "the spec has no key: %s (key PATH, or -k)", rule);
		for (size_t j = 0; k->n_states && j < own->n; j++)
			if (!has_part(k, own->parts[j].text))
				return error_set(c->why, "%s, and the key is %s: %s", k->text, own->text, rule);
		if (k->n_states && !own->n)
			return error_set(c->why, "%s, and the spec has no key: %s", k->text, rule);
	}
	for (size_t i = 0; i < s->n_lookups; i++)
		if (s->lookups[i].rows && (own->n != 1 || strcmp(own->parts[0].text, s->lookups[i].on.text) != 0))
			return error_set(c->why, "%s: lookup %s on %s: %s", s->lookups[i].where, s->lookups[i].name, s->lookups[i].on.text, rule);
	for (size_t i = 0; i < s->n_joins; i++)
		if (own->n != 1 || strcmp(own->parts[0].text, s->joins[i].on.text) != 0)
			return error_set(c->why, "%s: join %s on %s: %s", s->joins[i].where, s->joins[i].name, s->joins[i].on.text, rule);
	return 0;
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
	s->by_partition = c->options->by_partition;
	if (directive_read(c) < 0)
		return -1;
	list_kinds(c);
	for (size_t i = 0; i < c->n_lines; i++)
		if ((c->lines[i].is_definition || directive_is_require(&c->lines[i])) && add_step(c, &c->lines[i]) < 0)
			return -1;
	if (!s->n_features)
		return error_set(c->why, "%s: no feature is defined (NAME = EXPRESSION)", n ? texts[0].source : "the spec");
	if (s->emit == EMIT_WINDOWS && !s->n_windows)
		return error_set(c->why, "%s: emit windows, and no feature is of a window, as count() over tumbling 1h is", texts[0].source);
	if (s->by_partition && check_partitions(c) < 0)
		return -1;
	spec_state_arrange(c);
	s->lasts = spec_window_lasts(s);
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
