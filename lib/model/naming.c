/* SPDX-License-Identifier: MIT */
#include "model/naming.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/number.h"
#include "base/savefile.h"
#include "json/parse.h"

#define BESIDE_MAX (16u << 20)		/* bytes */

int naming_parse_list(struct naming_list *l, const char *text, struct error *why)
{
	struct schema s = SCHEMA_INIT;
	const int result = schema_parse_list(&s, text, MISSING_KEEP, 0, why);

	if (!result) {
		l->items = alloc_bytes(s.n * sizeof *l->items);
		for (l->n = 0; l->n < s.n; l->n++)
			l->items[l->n] = alloc_text(s.inputs[l->n].name);
	}
	schema_release(&s);
	return result;
}

static void release_list(struct naming_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->items[i]);
	free(l->items);
	*l = (struct naming_list){0};
}

void naming_release(struct naming *names)
{
	release_list(&names->inputs);
	release_list(&names->labels);
}

static int unnamed(size_t n, const char *what, struct error *why)
{
	return error_set(why, "has no names of its %zu %ss: give --%ss LIST, in the model's order", n, what, what);
}

/* `what`: "input" or "label".  0 where the list fits. */
static int check_list(const struct naming_list *l, size_t n, const char *what, struct error *why)
{
	return l->n == n ? 0 : error_set(why, "has %zu %s%s, and --%ss, or the file beside it, names %zu", n, what, number_s(n), what, l->n);
}

/* Whether a file says nothing of its inputs' names; LightGBM then makes some up: Column_0, Column_1... */
static bool is_nameless(const struct model *m)
{
	char made_up[40];

	if (m->kind != MODEL_LIGHTGBM)
		return m->schema.n && !*m->schema.inputs[0].name;
	for (size_t j = 0; j < m->schema.n; j++) {
		snprintf(made_up, sizeof made_up, "Column_%zu", j);
		if (strcmp(m->schema.inputs[j].name, made_up))
			return false;
	}
	return m->schema.n;
}

/* Names that are given go before those of a library's file. */
static bool takes_names(const struct model *m)
{
	return m->kind == MODEL_XGBOOST || m->kind == MODEL_LIGHTGBM;
}

static int name_inputs(struct model *m, struct naming_list *l, struct error *why)
{
	if (!l->n)
		return is_nameless(m) ? unnamed(m->schema.n, "input", why) : 0;
	if (!takes_names(m))
		return 0;
	if (check_list(l, m->schema.n, "input", why))
		return -1;
	for (size_t j = 0; j < l->n; j++) {
		free(m->schema.inputs[j].name);
		m->schema.inputs[j].name = alloc_text(l->items[j]);
	}
	l->taken = true;
	return 0;
}

static int name_labels(struct model *m, struct naming_list *l, struct error *why)
{
	if (!l->n)
		return m->n_labels && !m->labels[0] ? unnamed(m->n_labels, "label", why) : 0;
	if (!takes_names(m) || !m->n_labels)
		return 0;
	if (check_list(l, m->n_labels, "label", why))
		return -1;
	for (size_t i = 0; i < l->n; i++) {
		free(m->labels[i]);
		m->labels[i] = alloc_text(l->items[i]);
	}
	l->taken = true;
	return 0;
}

int naming_apply(struct naming *names, struct model *m, struct error *why)
{
	return name_inputs(m, &names->inputs, why) || name_labels(m, &names->labels, why) ? -1 : 0;
}

static int read_list(struct naming_list *l, struct value object, const char *name, struct arena *arena, struct error *why)
{
	const struct value v = json_items(json_get(object, name, arena), arena);

	if (v.type == VALUE_MISSING)
		return 0;
	if (v.type != VALUE_ARRAY)
		return error_set(why, "%s: must be an array of strings", name);
	l->items = alloc_zeroed(v.len + 1, sizeof *l->items);
	for (; l->n < v.len; l->n++) {
		const struct value item = v.items[l->n];
		if (item.type != VALUE_STRING || !item.len || memchr(item.text, 0, item.len))
			return error_set(why, "%s[%zu]: must be a string (not empty, without NUL)", name, l->n);
		l->items[l->n] = alloc_span(item.text, item.len);
		for (size_t i = 0; i < l->n; i++)
			if (!strcmp(l->items[i], l->items[l->n])) {
				free(l->items[l->n]);
				return error_set(why, "%s[%zu]: \"%.100s\" is %s[%zu] too", name, l->n, l->items[i], name, i);
			}
	}
	return 0;
}

char *naming_path(const char *model)
{
	const char *slash = strrchr(model, '/'), *name = slash ? slash + 1 : model, *dot = strrchr(name, '.');

	return alloc_format("%.*s" NAMING_BESIDE, (int)(dot && dot > name ? dot - model : (long)strlen(model)), model);
}

int naming_beside(const char *model, struct naming *names, struct error *why)
{
	struct arena arena = ARENA_INIT;
	struct value root;
	char *path = naming_path(model), *text = NULL;
	size_t len;
	int result = 0;

	if (!access(path, F_OK)) {
		text = savefile_read(path, BESIDE_MAX, &len, why);
		result = text ? 0 : -1;
		if (!result && (json_document(&arena, text, len, &root, why) || read_list(&names->inputs, root, "inputs", &arena, why) ||
		    read_list(&names->labels, root, "labels", &arena, why)))
			result = error_prefix(why, "%s", path);
	}
	arena_release(&arena);
	free(text);
	free(path);
	return result;
}
