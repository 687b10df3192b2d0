/* SPDX-License-Identifier: MIT */
#include "feature/panel.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/number.h"
#include "feature/key.h"
#include "json/write.h"

/* ---- beginning ---- */

static int add_members(struct panel *panel, struct fields *fields)
{
	for (size_t i = 0; i < SCORER_MEMBERS; i++) {
		const char *name = scorer_member_names[i];
		panel->names_said[i] = json_name(&panel->arena, name, strlen(name));
		if ((i == SCORER_CONTRIBUTIONS || i == SCORER_PATH) && !panel->options.contributions)
			continue;
		if (!(panel->members[i] = fields_add(fields, name)))
			return -1;
	}
	if (panel->split.n && !(panel->variant = fields_add(fields, "variant")))
		return -1;
	return panel->n > panel->n_scoring && !(panel->shadow = fields_add(fields, "shadow")) ? -1 : 0;
}

int panel_start(struct panel *panel, struct fields *fields)
{
	if (add_members(panel, fields))
		return -1;
	if (panel->verifies) {
		panel->probability_slot = fields_read_name(fields, "probability");
		panel->prediction_slot = fields_read_name(fields, "prediction");
	}
	if (panel->split.n) {
		panel->split_slot = fields_read(fields, &panel->split_by);
		fields_expect(fields, panel->split_slot, &panel->split_by);
	}
	return 0;
}

double panel_tolerance(const struct panel *panel)
{
	for (size_t i = 0; i < panel->n_scoring; i++)
		if (panel->roles[i].scorer.model->kind == MODEL_XGBOOST)
			return 1e-6;
	return 1e-9;
}

void panel_release(struct panel *panel)
{
	for (size_t i = 0; i < panel->n; i++)
		scorer_release(&panel->roles[i].scorer);
	free(panel->roles);
	split_release(&panel->split);
	arena_release(&panel->arena);
}

void panel_part_init(struct panel_part *p, const struct panel *panel)
{
	*p = (struct panel_part){ .panel = panel, .benches = alloc_zeroed(panel->n, sizeof *p->benches) };
	if (panel->nest)
		p->nest.name = panel->nest->name;
}

void panel_part_release(struct panel_part *p)
{
	for (size_t i = 0; p->benches && i < p->panel->n; i++)
		scorer_bench_release(&p->benches[i]);
	free(p->benches);
	nest_release(&p->nest);
	buf_release(&p->scratch);
}

/* ---- records ---- */

static void verify(struct panel_verified *seen, const struct record *r, struct value came, double score, double tolerance)
{
	char a[NUMBER_SHOW_MAX] = "no number", b[NUMBER_SHOW_MAX];

	if (value_is_null(came)) {
		seen->absent++;
		return;
	}
	seen->n++;
	const double distance = value_is_number(came) ? fabs(value_double(came) - score) : INFINITY;
	if (!(distance > tolerance))
		return;
	seen->different++;
	if (distance <= seen->worst)
		return;
	seen->worst = distance;
	if (value_is_number(came))
		number_show(value_double(came), a);
	number_show(score, b);
	snprintf(seen->worst_place, sizeof seen->worst_place, "%s:%llu: %s came, %s computed", r->at.source,
	    (unsigned long long)r->at.line, a, b);
}

static enum error_type type_of(enum encode_result result)
{
	return result == ENCODE_MISSING ? MISSING_FEATURE : INVALID_DATA;
}

static const char too_large[] = "the score is no finite number: the inputs are too large for the model";
enum { NOBODY = -1 };

/* The role that scores a record; NOBODY: its key is none, and it has become an error record. */
static long role_of(struct panel_part *p, struct record *r, const struct value *v)
{
	const struct panel *panel = p->panel;

	if (!panel->split.n)
		return 0;
	const struct value key = v[panel->split_slot];
	if (key_is(key))
		return (long)split_find(&panel->split, key, &p->scratch);
	if (value_is_null(key))
		record_fail(r, MISSING_FEATURE, "--split-by %s: there is no value", panel->split_text);
	else
		record_fail(r, INVALID_DATA, "--split-by %s: is %s, not a string, a number or a boolean", panel->split_text, value_kind(key));
	return NOBODY;
}

static void take_in(struct panel_part *p, struct record *r)
{
	const struct panel *panel = p->panel;
	const struct value *v = record_values(r);
	const long i = v ? role_of(p, r, v) : NOBODY;
	struct encode_fault fault;

	if (i == NOBODY)
		return;
	const enum encode_result result = scorer_take(&p->benches[i], &panel->roles[i].scorer, r, v, &fault);
	if (result == ENCODE_DONE)
		return;
	buf_clear(&p->scratch);
	encode_explain(&fault, result, &p->scratch);
	record_fail(r, type_of(result), "%s", buf_text(&p->scratch));
}

static void add(struct record *r, const struct added *member, const struct scorer_text *said)
{
	if (said->json)
		record_add_rendered(r, member, said->value, said->json, said->len);
	else
		record_add(r, member, said->value);
}

/* What a role has found of the i-th record on its bench. */
static void give_out(struct panel_part *p, const struct scorer_bench *b, const struct panel_role *role, size_t i)
{
	const struct panel *panel = p->panel;
	const struct scorer *s = &role->scorer;
	struct scorer_said said[SCORER_MEMBERS];
	struct record *r = b->records[i];

	if (!scorer_is_finite(b, s, i)) {
		record_fail(r, INVALID_DATA, "%s", too_large);
		return;
	}
	if (panel->verifies)
		verify(&p->verified, r, record_values(r)[s->model->n_labels ? panel->probability_slot : panel->prediction_slot], scorer_value(b, s, i),
		    panel_tolerance(panel));
	const size_t n = scorer_say(b, s, i, said);
	for (size_t k = 0; k < n; k++)
		add(r, panel->members[said[k].member], &said[k].text);
	if (panel->split.n)
		add(r, panel->variant, &role->text);
}

/* ---- shadows ---- */

static const struct name error_names[] = { NAME("errorType"), NAME("errorMessage") };

static struct value object_of(struct record *r, const struct member *members, size_t n)
{
	struct member *m = record_space(r, n * sizeof *m);

	memcpy(m, members, n * sizeof *m);
	return (struct value){ .type = VALUE_OBJECT, .len = (uint32_t)n, .members = m };
}

/* A shadow that cannot score says so, and the record is none the worse. */
static struct value shadow_error(struct record *r, enum error_type type, const char *text, size_t len)
{
	const char *name = record_error_types[type];
	char *copy = record_space(r, len + 1);
	const struct member members[] = {
		{ &error_names[0], value_text(name, strlen(name)) }, { &error_names[1], value_text(memcpy(copy, text, len), len) }
	};

	return object_of(r, members, 2);
}

static struct value shadow_verdict(const struct panel *panel, const struct scorer_bench *b, const struct scorer *s, size_t i)
{
	struct scorer_said said[SCORER_MEMBERS];
	struct member members[SCORER_MEMBERS];

	if (!scorer_is_finite(b, s, i))
		return shadow_error(b->records[i], INVALID_DATA, too_large, strlen(too_large));
	const size_t n = scorer_say(b, s, i, said);
	for (size_t k = 0; k < n; k++)
		members[k] = (struct member){ &panel->names_said[said[k].member], said[k].text.value };
	return object_of(b->records[i], members, n);
}

/* What the k-th role, a shadow, says of each of the records; `out` is as they are, `step` apart. */
static void shadow_batch(struct panel_part *p, size_t k, struct record **r, size_t n, struct value *out, size_t step)
{
	const struct scorer *s = &p->panel->roles[k].scorer;
	struct scorer_bench *b = &p->benches[k];
	struct encode_fault fault;
	size_t place[BATCH_MAX];

	b->n = 0;
	for (size_t i = 0; i < n; i++) {
		const enum encode_result result = scorer_take(b, s, r[i], record_values(r[i]), &fault);
		if (result == ENCODE_DONE) {
			place[b->n - 1] = i;
			continue;
		}
		buf_clear(&p->scratch);
		encode_explain(&fault, result, &p->scratch);
		out[i * step] = shadow_error(r[i], type_of(result), p->scratch.data, p->scratch.len);
	}
	scorer_score(b, s);
	for (size_t i = 0; i < b->n; i++)
		out[place[i] * step] = shadow_verdict(p->panel, b, s, i);
}

/* They score the records that have been scored. */
static void cast_shadows(struct panel_part *p, struct record **r, size_t n)
{
	const struct panel *panel = p->panel;
	const size_t first = panel->n_scoring, n_shadows = panel->n - first;
	struct record *scored[BATCH_MAX];
	size_t n_scored = 0;

	for (size_t i = 0; i < n; i++)
		if (r[i]->kind == RECORD_DATA)
			scored[n_scored++] = r[i];
	if (!n_scored)
		return;
	struct value *said = record_space(scored[0], n_scored * n_shadows * sizeof *said);
	for (size_t k = 0; k < n_shadows; k++)
		shadow_batch(p, first + k, scored, n_scored, said + k, n_shadows);
	for (size_t i = 0; i < n_scored; i++) {
		struct member *m = record_space(scored[i], n_shadows * sizeof *m);
		for (size_t k = 0; k < n_shadows; k++)
			m[k] = (struct member){ &panel->roles[first + k].name, said[i * n_shadows + k] };
		record_add(scored[i], panel->shadow, (struct value){ .type = VALUE_OBJECT, .len = (uint32_t)n_shadows, .members = m });
	}
}

void panel_work(void *part, struct record **r, size_t n)
{
	struct panel_part *p = part;
	const struct panel *panel = p->panel;

	for (size_t k = 0; k < panel->n_scoring; k++)
		p->benches[k].n = 0;
	for (size_t i = 0; i < n; i++)
		take_in(p, r[i]);
	for (size_t k = 0; k < panel->n_scoring; k++) {
		scorer_score(&p->benches[k], &panel->roles[k].scorer);
		for (size_t i = 0; i < p->benches[k].n; i++)
			give_out(p, &p->benches[k], &panel->roles[k], i);
	}
	if (panel->shadow)
		cast_shadows(p, r, n);
	for (size_t i = 0; panel->nest && i < n; i++)
		if (r[i]->kind == RECORD_DATA)
			nest_record(&p->nest, r[i]);
}

/* ---- parts ---- */

static void join_verified(struct panel_verified *to, struct panel_verified *from)
{
	to->n += from->n;
	to->absent += from->absent;
	to->different += from->different;
	if (from->worst > to->worst) {
		to->worst = from->worst;
		memcpy(to->worst_place, from->worst_place, sizeof to->worst_place);
	}
	from->n = from->absent = from->different = 0;
	from->worst = 0;
}

void panel_part_join(struct panel_part *to, struct panel_part *from)
{
	for (size_t i = 0; i < to->panel->n; i++)
		encode_join(to->benches[i].encoder, from->benches[i].encoder);
	join_verified(&to->verified, &from->verified);
}
