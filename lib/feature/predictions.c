/* SPDX-License-Identifier: MIT */
#include "feature/predictions.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "feature/gather.h"
#include "json/parse.h"
#include "stream/record.h"

static struct prediction_source *add_source(struct predictions *p, char *name)
{
	if (p->n == p->room)
		p->sources = alloc_again(p->sources, p->room = p->room ? p->room * 2 : 4, sizeof *p->sources);
	p->sources[p->n] = (struct prediction_source){ .name = name };
	return &p->sources[p->n++];
}

void predictions_start(struct predictions *p, struct fields *fields)
{
	p->by_slot = p->by.n ? fields_read(fields, &p->by) : -1;
	p->probability_slot = fields_read_name(fields, "probability");
	p->probabilities_slot = fields_read_name(fields, "probabilities");
	p->prediction_slot = fields_read_name(fields, "prediction");
	p->classification_slot = fields_read_name(fields, "classification");
	p->shadow_slot = fields_read_name(fields, "shadow");
	p->groups.many = true;
	add_source(p, NULL);
}

void predictions_release(struct predictions *p)
{
	for (size_t i = 0; i < p->n; i++) {
		free(p->sources[i].name);
		judged_release(&p->sources[i].judged);
	}
	free(p->sources);
	labels_release(&p->groups);
	arena_release(&p->arena);
}

const struct prediction_source *predictions_find(const struct predictions *p, const char *name)
{
	if (!name)
		return p->sources;
	for (size_t i = 1; i < p->n; i++)
		if (!strcmp(p->sources[i].name, name))
			return &p->sources[i];
	return NULL;
}

/* ---- what a record says ---- */

struct said {
	size_t source;
	enum metrics_kind kind;
	struct value score, classification;
	const struct value *names;		/* of several labels: as many names and probabilities */
	const double *p;
	size_t n;
};

/* The members of a record, or of one of its shadows. */
struct members { struct value probability, probabilities, prediction, classification; };

/* "probability", or "shadow.NAME.probability"; lives as long as the record. */
static const char *place_of(struct predictions *p, size_t source, const char *member)
{
	const char *name = p->sources[source].name;
	char *text, *copy;

	if (!name)
		return member;
	text = alloc_format("shadow.%.100s.%s", name, member);
	copy = arena_copy(&p->arena, text, strlen(text));
	free(text);
	return copy;
}

static bool is_probability(struct value v)
{
	return value_is_number(v) && value_double(v) >= 0 && value_double(v) <= 1;
}

/* Several probabilities.  False: the record has become an error record. */
static bool read_probabilities(struct predictions *p, struct record *r, struct value object, struct said *s)
{
	struct value *names = arena_get(&p->arena, LABELS_MOST * sizeof *names), name, value;
	double *out = arena_get(&p->arena, LABELS_MOST * sizeof *out);
	const char *place = place_of(p, s->source, "probabilities");
	struct json_walk walk;

	json_walk(&walk, object);
	for (; json_walk_next(&walk, &p->arena, &name, &value); s->n++) {
		if (s->n == LABELS_MOST || memchr(name.text, 0, name.len)) {
			record_fail(r, INVALID_DATA, "%s: %s", place, s->n == LABELS_MOST ? "too many labels" : "a label with a NUL");
			return false;
		}
		if (!is_probability(value)) {
			record_fail(r, INVALID_DATA, "%s: %.*s is %s", place, (int)(name.len < 100 ? name.len : 100), name.text,
			    value_is_number(value) ? "not from 0 to 1" : value_kind(value));
			return false;
		}
		names[s->n] = name;
		out[s->n] = value_double(value);
	}
	s->names = names;
	s->p = out;
	if (!s->n)
		record_fail(r, INVALID_DATA, "%s is empty", place);
	return s->n > 0;
}

static bool read_score(struct predictions *p, struct record *r, const struct members *m, struct said *s)
{
	s->score = s->kind == METRICS_BINARY ? m->probability : m->prediction;
	if (s->kind == METRICS_REGRESSION ? value_is_number(s->score) : is_probability(s->score))
		return true;
	record_fail(r, INVALID_DATA, "%s is %s", place_of(p, s->source, s->kind == METRICS_BINARY ? "probability" : "prediction"),
	    value_is_number(s->score) ? "not from 0 to 1" : value_kind(s->score));
	return false;
}

/* 1: *s; 0: nothing that goes with the rows before; -1: the record has become an error record. */
static int read_members(struct predictions *p, struct record *r, const struct members *m, struct said *s)
{
	const struct judged *j = &p->sources[s->source].judged;

	if (!value_is_null(m->probabilities))
		s->kind = METRICS_LABELS;
	else if (!value_is_null(m->probability))
		s->kind = METRICS_BINARY;
	else if (!value_is_null(m->prediction))
		s->kind = METRICS_REGRESSION;
	else
		return 0;
	if (j->n && s->kind != j->kind)
		return 0;
	s->classification = m->classification;
	if (s->kind != METRICS_LABELS)
		return read_score(p, r, m, s) ? 1 : -1;
	if (m->probabilities.type == VALUE_TREE || m->probabilities.type == VALUE_OBJECT)
		return read_probabilities(p, r, m->probabilities, s) ? 1 : -1;
	record_fail(r, INVALID_DATA, "%s is %s", place_of(p, s->source, "probabilities"), value_kind(m->probabilities));
	return -1;
}

/* The index of a shadow, which may be new. */
static size_t source_of(struct predictions *p, struct value name)
{
	for (size_t i = 1; i < p->n; i++)
		if (strlen(p->sources[i].name) == name.len && !memcmp(p->sources[i].name, name.text, name.len))
			return i;
	add_source(p, alloc_span(name.text, name.len));
	return p->n - 1;
}

/* What the shadows say, behind `n` of said, which has room for all; the new n, or SIZE_MAX: the record has become an error record. */
static size_t read_shadows(struct predictions *p, struct record *r, struct value shadow, struct said *said, size_t n)
{
	struct value name, value;
	struct json_walk walk;

	json_walk(&walk, shadow);
	while (json_walk_next(&walk, &p->arena, &name, &value)) {
		if (memchr(name.text, 0, name.len))
			continue;
		struct said s = { .source = source_of(p, name) };
		if (s.source > PREDICTIONS_MOST) {
			record_fail(r, INVALID_DATA, "shadow: more than %d different names", PREDICTIONS_MOST);
			p->n--;
			free(p->sources[p->n].name);
			return SIZE_MAX;
		}
		const struct members m = {
			json_get(value, "probability", &p->arena), json_get(value, "probabilities", &p->arena),
			json_get(value, "prediction", &p->arena), json_get(value, "classification", &p->arena)
		};
		const int result = read_members(p, r, &m, &s);
		if (result < 0)
			return SIZE_MAX;
		for (size_t i = 0; result && i < n; i++)
			if (said[i].source == s.source)		/* a name that stands twice: the last one wins */
				said[i] = said[--n];
		if (result)
			said[n++] = s;
	}
	return n;
}

/* ---- adding ---- */

/* The group of a record in *group.  1; 0: it has become an error record; -1: too many groups. */
static int group_of(struct predictions *p, struct record *r, const struct value *v, int *group, struct error *why)
{
	*group = JUDGED_ALL;
	if (p->by_slot < 0)
		return 1;
	const struct value value = v[p->by_slot];
	if (value_is_null(value)) {
		p->ungrouped++;
		return 1;
	}
	if (!gather_is_label(r, "by", p->by_text, value, false))
		return 0;
	*group = labels_find(&p->groups, value);
	if (*group < 0 && p->groups.n == JUDGED_GROUPS)
		return error_set(why, "--by %s: more than %d different values", p->by_text, JUDGED_GROUPS);
	*group = *group < 0 ? labels_add(&p->groups, value, why) : *group;
	return *group < 0 ? -1 : 1;
}

static int add(struct prediction_source *source, const struct said *s, int group, struct value label, double weight, struct error *why)
{
	struct judged *j = &source->judged;

	if (!j->n)
		j->kind = s->kind;
	if (s->kind == METRICS_LABELS)
		return judged_add_labels(j, group, s->names, s->p, s->n, label, s->classification, weight, why);
	if (s->kind == METRICS_BINARY)
		return judged_add(j, group, value_double(s->score), label, s->classification, weight, why);
	judged_add_value(j, group, value_double(s->score), label.type == VALUE_BOOL ? label.truth : value_double(label), weight);
	return 0;
}

/* All that the record says; the number, or SIZE_MAX: it has become an error record. */
static size_t read_all(struct predictions *p, struct record *r, const struct value *v, struct value label, struct said *said)
{
	const struct members own = {
		v[p->probability_slot], v[p->probabilities_slot], v[p->prediction_slot], v[p->classification_slot]
	};

	arena_clear(&p->arena);
	said[0] = (struct said){ .source = 0 };
	const int has_own = read_members(p, r, &own, &said[0]);
	const size_t n = has_own < 0 ? SIZE_MAX : read_shadows(p, r, v[p->shadow_slot], said, (size_t)has_own);
	for (size_t i = 0; n != SIZE_MAX && i < n; i++)
		if (!gather_is_label(r, "label", p->label_text, label, said[i].kind == METRICS_REGRESSION))
			return SIZE_MAX;
	return n;
}

int predictions_add(struct predictions *p, struct record *r, const struct value *v, struct value label, double weight, struct error *why)
{
	struct said said[PREDICTIONS_MOST + 2];
	const size_t n = read_all(p, r, v, label, said);
	int group, result;

	if (n == SIZE_MAX)
		return 0;
	if (n && (result = group_of(p, r, v, &group, why)) <= 0)
		return result;
	for (size_t i = 0; i < p->n; i++)
		p->sources[i].absent++;
	for (size_t i = 0; i < n; i++) {
		p->sources[said[i].source].absent--;
		if (add(&p->sources[said[i].source], &said[i], group, label, weight, why))
			return error_prefix(why, "label %s", p->label_text);
	}
	return n > 0;
}
