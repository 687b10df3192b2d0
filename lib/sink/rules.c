/* SPDX-License-Identifier: MIT */
#include "sink/rules.h"

#include <string.h>

#include "base/number.h"
#include "base/suggest.h"

static const char *const schemes[] = { "fd:", "file:", "kafka:", "replace:", NULL };

static bool has_scheme(const char *dest)
{
	for (const char *const *s = schemes; *s; s++)
		if (!strncmp(dest, *s, strlen(*s)))
			return true;
	return false;
}

/* The '=' between condition and destination; NULL: there is none. */
static const char *split(const char *text)
{
	const char *last = strrchr(text, '='), *found = NULL;

	for (const char *eq = strchr(text, '='); eq; eq = strchr(eq + 1, '='))
		if (has_scheme(eq + 1))
			found = eq;
	return found ? found : last;
}

static enum rule_kind kind_of(const char *condition, size_t len)
{
	if (len == 1 && *condition == '*')
		return RULE_ANY;
	if (len == 5 && !memcmp(condition, "error", 5))
		return RULE_ERROR;
	for (int i = 0; i < ERROR_TYPES; i++)
		if (len == strlen(record_error_types[i]) && !memcmp(condition, record_error_types[i], len))
			return RULE_ERROR_TYPE;
	return expr_is_bare_word(condition, len) ? RULE_LABEL : RULE_EXPRESSION;
}

/* "ERROR", "errors", "parse_error": a label that nobody has, or one that happens to be near.  A first letter in common is asked for. */
static const char *near_error_word(const char *condition, size_t len)
{
	const char *words[ERROR_TYPES + 2] = { "error" }, *near;

	for (int i = 0; i < ERROR_TYPES; i++)
		words[i + 1] = record_error_types[i];
	near = suggest_nearest(condition, len, words);
	return near && !((*near ^ *condition) & ~0x20) ? near : NULL;
}

static int resolve(void *self, const struct fieldpath *path, struct expr_ref *ref, struct error *why)
{
	struct fields *fields = self;

	(void)why;
	*ref = (struct expr_ref){ .where = EXPR_SLOT, .index = fields_read(fields, path), .steps = path->n };
	fields_expect(fields, ref->index, path);
	return 0;
}

static int compile(struct rules *rs, struct rule *r, struct fields *fields, struct error *why)
{
	const struct expr_names names = { .self = fields, .resolve = resolve, .unit = rs->unit };
	const struct expr_place place = { .source = "rule" };

	r->expr = expr_compile_condition(&rs->arena, r->condition, r->condition_len, &place, &names, why);
	return r->expr ? 0 : -1;
}

/* A word without an '=': one half of a rule, or a file as other tools have it. */
static int refuse_half(const char *text, struct error *why)
{
	const bool is_descriptor = *text && strspn(text, "0123456789") == strlen(text);
	const char *colon = strrchr(text, ':');

	if (is_descriptor || !strcmp(text, "-") || has_scheme(text))
		return error_set(why, "rule \"%s\": a rule is CONDITION=DEST (did you mean \"*=%s\"?)", text, text);
	if (strpbrk(text, "./") && !strpbrk(text, " <>!()\"'"))
		return error_set(why, "rule \"%s\": a rule is CONDITION=DEST; \"*=%s\" writes to it, <%s reads it", text, text, text);
	if (colon && colon > text && colon[1] && !strchr(text, ' '))
		return error_set(why, "rule \"%s\": a rule is CONDITION=DEST (did you mean \"%.*s=%s\"?)", text, (int)(colon - text), text,
		    colon + 1);
	return error_set(why, "rule \"%s\": a rule is CONDITION=DEST (did you mean \"%s=FILE\"?)", text, *text ? text : "*");
}

/* The last '=' is of "==", ">=", "<=" or "!=", with which no condition can end. */
static int refuse_operator(const char *text, const char *eq, struct error *why)
{
	if (eq[-1] == '=' && !strchr(text, ' '))
		return error_set(why, "rule \"%s\": == belongs to a condition (did you mean \"%.*s%s\" or \"%s=FILE\"?)", text,
		    (int)(eq - 1 - text), text, eq, text);
	return error_set(why, "rule \"%s\": a rule is CONDITION=DEST (did you mean \"%s=FILE\"?)", text, text);
}

static int parse_rule(struct rules *rs, struct rule *r, const char *text, struct fields *scratch, struct error *why)
{
	const char *eq = split(text);

	if (!eq)
		return refuse_half(text, why);
	if (!eq[1])
		return error_set(why, "rule \"%s\": no destination behind the =", text);
	if (eq == text)
		return error_set(why, "rule \"%s\": no condition before the = (did you mean \"*%s\"?)", text, text);
	if (strchr("=<>!", eq[-1]) && !has_scheme(eq + 1))
		return refuse_operator(text, eq, why);
	if (!strncmp(eq + 1, "redis:", 6))
		return error_set(why, "rule \"%s\": this build has no redis destination", text);
	r->condition_len = (size_t)(eq - text);
	r->condition = arena_copy(&rs->arena, text, r->condition_len);
	r->dest = arena_copy(&rs->arena, eq + 1, strlen(eq + 1));
	r->kind = kind_of(r->condition, r->condition_len);
	if (r->kind == RULE_LABEL && strpbrk(r->condition, ".["))
		return error_set(why, "rule \"%s\": is %s a path or a label?  '(%s)=%s' takes records where it is true, "
		    "'classification == \"%s\"=%s' those of that label", text, r->condition, r->condition, r->dest, r->condition, r->dest);
	if (r->kind == RULE_LABEL)
		r->near = near_error_word(r->condition, r->condition_len);
	if (r->kind == RULE_LABEL || r->kind == RULE_EXPRESSION)
		rs->reads = true;
	return r->kind == RULE_EXPRESSION ? compile(rs, r, scratch, why) : 0;
}

int rules_parse(struct rules *rs, char *const *texts, size_t n, enum time_unit unit, struct error *why)
{
	struct fields scratch;
	int result = 0;

	if (n > RULES_MAX)
		return error_set(why, "%zu rules: at most %d", n, RULES_MAX);
	*rs = (struct rules){ .n = n, .unit = unit };
	rs->rule = arena_get(&rs->arena, (n ? n : 1) * sizeof *rs->rule);
	memset(rs->rule, 0, (n ? n : 1) * sizeof *rs->rule);
	fields_init(&scratch);
	for (size_t i = 0; !result && i < n; i++)
		result = parse_rule(rs, &rs->rule[i], texts[i], &scratch, why);
	fields_release(&scratch);
	return result;
}

/* Whether `a` takes every record that `b` could. */
static bool covers(const struct rule *a, const struct rule *b)
{
	return a->kind == RULE_ANY || (a->kind == RULE_ERROR && b->kind == RULE_ERROR_TYPE) ||
	    (a->condition_len == b->condition_len && !memcmp(a->condition, b->condition, a->condition_len));
}

int rules_reachable(const struct rules *rs, struct error *why)
{
	for (size_t i = 1; i < rs->n; i++)
		for (size_t k = 0; k < i; k++) {
			const struct rule *a = &rs->rule[k], *b = &rs->rule[i];
			if (covers(a, b))
				return error_set(why, "rule \"%s=%s\" is never reached: \"%s=%s\" before it takes %s; %s--all sends a record to both",
				    b->condition, b->dest, a->condition, a->dest,
				    a->kind == RULE_ANY ? "every record, error records too" : "all that it would",
				    a->condition_len == b->condition_len ? "" : "turn them round, or ");
		}
	return 0;
}

int rules_bind(struct rules *rs, struct fields *fields, struct error *why)
{
	const struct step label = { .kind = STEP_NAME, .name = "classification", .len = sizeof "classification" - 1 };
	const struct fieldpath path = { &label, 1 };

	rs->label_slot = fields_read(fields, &path);
	rs->met = arena_get(&rs->arena, sizeof *rs->met);
	*rs->met = (struct rules_met){0};
	for (size_t i = 0; i < rs->n; i++)
		if (rs->rule[i].kind == RULE_LABEL) {
			fields_expect(fields, rs->label_slot, &path);
			rs->met->n_label_rules++;
			rs->met->n_unmet++;
		} else if (rs->rule[i].kind == RULE_EXPRESSION && compile(rs, &rs->rule[i], fields, why))
			return -1;
	return 0;
}

static bool is_label(const struct rule *r, const struct value *v)
{
	return v->len == r->condition_len && !memcmp(v->text, r->condition, v->len);
}

/* While some rule's label has not come, the labels that have are remembered: one of them may be what was meant. */
static void meet_label(const struct rules *rs, const struct value *v)
{
	struct rules_met *m = rs->met;

	if (v->type != VALUE_STRING)
		return;
	m->n_classified++;
	if (!m->n_unmet)
		return;
	for (size_t i = 0; i < rs->n; i++)
		if (rs->rule[i].kind == RULE_LABEL && !m->met[i] && is_label(&rs->rule[i], v)) {
			m->met[i] = true;
			m->n_unmet--;
		}
	if (m->n_labels == RULES_LABELS || !v->len || v->len > RULES_LABEL_LEN)
		return;
	for (size_t i = 0; i < m->n_labels; i++)
		if (!strncmp(m->label[i], v->text, v->len) && !m->label[i][v->len])
			return;
	memcpy(m->label[m->n_labels++], v->text, v->len);
}

bool rules_unheld(const struct rules *rs, const struct rule *r, struct error *why)
{
	const struct rules_met *m = rs->met;
	const char *labels[RULES_LABELS + 1] = {0}, *near;
	char number[NUMBER_SHOW_MAX];

	if (r->kind != RULE_LABEL || r->matched || m->n_classified < RULES_UNHELD_FROM)
		return false;
	number_group(m->n_classified, number);
	for (size_t i = 0; i < m->n_labels; i++)
		labels[i] = m->label[i];
	if (m->met[r - rs->rule])
		(void)error_set(why, "matched none of %s records (rules before it took those of that label)", number);
	else if ((near = suggest_nearest(r->condition, r->condition_len, labels)))
		(void)error_set(why, "matched none of %s records (did you mean \"%s\"?)", number, near);
	else
		(void)error_set(why, "matched none of %s records", number);
	return true;
}

static bool error_holds(const struct rule *r, const struct record *record)
{
	size_t len;
	const char *name;

	if (r->kind == RULE_ANY || r->kind == RULE_ERROR)
		return true;
	if (r->kind != RULE_ERROR_TYPE)
		return false;
	name = record_error_name(record, &len);
	return len == r->condition_len && !memcmp(name, r->condition, len);
}

static int holds(const struct rules *rs, const struct rule *r, struct record *record, struct error *why)
{
	const struct value *v;

	switch (r->kind) {
	case RULE_ANY:
		return 1;
	case RULE_LABEL:
		v = &record->values[rs->label_slot];
		return v->type == VALUE_STRING && is_label(r, v);
	case RULE_EXPRESSION:
		return expr_test(r->expr, &(struct expr_scope){ .slots = record->values, .arena = record->arena }, why);
	default:
		return 0;
	}
}

uint64_t rules_match(const struct rules *rs, struct record *record, bool all)
{
	uint64_t matched = 0;
	struct error why;

	if (rs->reads && record_values(record) && rs->met->n_label_rules)
		meet_label(rs, &record->values[rs->label_slot]);
	for (size_t i = 0; i < rs->n && (all || !matched); i++) {
		const struct rule *r = &rs->rule[i];
		if (record->kind == RECORD_ERROR) {
			matched |= (uint64_t)error_holds(r, record) << i;
			continue;
		}
		const int held = holds(rs, r, record, &why);
		if (held < 0) {
			record_fail(record, INVALID_DATA, "rule %s: %s", r->condition, why.text);
			return rules_match(rs, record, all);
		}
		matched |= (uint64_t)held << i;
	}
	return matched;
}

void rules_release(struct rules *rs)
{
	arena_release(&rs->arena);
	*rs = (struct rules){0};
}
