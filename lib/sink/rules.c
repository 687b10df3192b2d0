/* SPDX-License-Identifier: MIT */
#include "sink/rules.h"

#include <string.h>

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

static int resolve(void *self, const struct fieldpath *path, struct expr_ref *ref, struct error *why)
{
	struct fields *fields = self;

	(void)why;
	*ref = (struct expr_ref){ .where = EXPR_SLOT, .index = fields_read(fields, path), .steps = path->n };
	return 0;
}

static int compile(struct rules *rs, struct rule *r, struct fields *fields, struct error *why)
{
	const struct expr_names names = { .self = fields, .resolve = resolve, .unit = rs->unit };
	const struct expr_place place = { .source = "rule" };

	r->expr = expr_compile_condition(&rs->arena, r->condition, r->condition_len, &place, &names, why);
	return r->expr ? 0 : -1;
}

static int parse_rule(struct rules *rs, struct rule *r, const char *text, struct fields *scratch, struct error *why)
{
	const char *eq = split(text);

	if (!eq || eq == text)
		return error_set(why, "rule \"%s\": a rule is CONDITION=DEST", text);
	if (!eq[1])
		return error_set(why, "rule \"%s\": no destination behind the =", text);
	if (!strncmp(eq + 1, "redis:", 6))
		return error_set(why, "rule \"%s\": this build has no redis destination", text);
	r->condition_len = (size_t)(eq - text);
	r->condition = arena_copy(&rs->arena, text, r->condition_len);
	r->dest = arena_copy(&rs->arena, eq + 1, strlen(eq + 1));
	r->kind = kind_of(r->condition, r->condition_len);
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

int rules_bind(struct rules *rs, struct fields *fields, struct error *why)
{
	rs->label_slot = fields_read_name(fields, "classification");
	for (size_t i = 0; i < rs->n; i++)
		if (rs->rule[i].kind == RULE_EXPRESSION && compile(rs, &rs->rule[i], fields, why))
			return -1;
	return 0;
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
		return v->type == VALUE_STRING && v->len == r->condition_len && !memcmp(v->text, r->condition, v->len);
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

	if (rs->reads)
		record_values(record);
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
