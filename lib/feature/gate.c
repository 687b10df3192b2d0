/* SPDX-License-Identifier: MIT */
#include "feature/gate.h"

#include <string.h>

#include "base/buf.h"
#include "base/suggest.h"
#include "expr/expr.h"
#include "json/write.h"

#define FIGURES 16	/* room for those of metrics_rows, and rows */
#define NAMED 64	/* different figures that one condition may name */

/* A figure that the text names. */
struct named {
	const char *group, *shadow;		/* NULL: none */
	size_t figure;
	struct fieldpath path;
};

struct gate {
	struct arena *arena;
	const char *text, *source;
	unsigned names;
	const struct expr *expr;
	struct named named[NAMED];
	size_t n;
};

/* The name of a figure; the one behind metrics_rows is "rows", then NULL. */
static const char *figure_name(size_t i)
{
	size_t n = 0;

	while (metrics_rows[n].name)
		n++;
	return i < n ? metrics_rows[i].name : i == n ? "rows" : NULL;
}

static struct value figure(const struct quality *q, size_t i)
{
	return metrics_rows[i].name ? value_number(metrics_get(q, &metrics_rows[i])) : value_integer((int64_t)q->rows);
}

static int find_figure(const char *name, size_t *figure, struct error *why)
{
	const char *names[FIGURES + 1] = { NULL }, *near;

	for (*figure = 0; (names[*figure] = figure_name(*figure)); ++*figure)
		if (!strcmp(names[*figure], name))
			return 0;
	if ((near = suggest_nearest(name, strlen(name), names)))
		return error_set(why, "no figure is called \"%s\" (did you mean \"%s\"?)", name, near);
	return error_set(why, "no figure is called \"%s\": they are rows loss auc accuracy brier calibration rmse r2 constant constant_loss",
	    name);
}

/* FIGURE, GROUP.FIGURE, shadow.NAME.FIGURE or GROUP.shadow.NAME.FIGURE: their number of names tells them apart. */
static int read_path(const struct gate *g, const struct fieldpath *path, struct named *out, struct error *why)
{
	const struct step *s = path->steps;

	*out = (struct named){ .path = *path };
	for (size_t i = 0; i < path->n; i++)
		if (s[i].kind != STEP_NAME)
			return error_set(why, "a figure has names alone: auc, B.auc, shadow.new.auc, B.shadow.new.auc");
	if (path->n > 4 || (path->n > 2 && strcmp(s[path->n - 3].name, "shadow") != 0))
		return error_set(why, "a figure is one of auc, B.auc, shadow.new.auc, B.shadow.new.auc");
	if (path->n % 2 == 0)
		out->group = s[0].name;
	if (path->n > 2)
		out->shadow = s[path->n - 2].name;
	if (find_figure(s[path->n - 1].name, &out->figure, why))
		return -1;
	if (out->shadow && !(g->names & GATE_SHADOWS))
		return error_set(why, "--evaluate judges shadows");
	if (out->group && !(g->names & GATE_GROUPS))
		return error_set(why, "\"%s\" is a group, and --evaluate --by makes them", out->group);
	return 0;
}

static int resolve(void *self, const struct fieldpath *path, struct expr_ref *ref, struct error *why)
{
	struct gate *g = self;
	size_t i = 0;

	while (i < g->n && !fieldpath_equal(&g->named[i].path, path))
		i++;
	if (i == NAMED)
		return error_set(why, "more than %d figures", NAMED);
	if (i == g->n && read_path(g, path, &g->named[g->n++], why))
		return -1;
	*ref = (struct expr_ref){ .where = EXPR_LOCAL, .index = (int)i, .steps = path->n };
	return 0;
}

struct gate *gate_compile(struct arena *arena, const char *text, const char *source, unsigned names, struct error *why)
{
	struct gate *g = arena_get(arena, sizeof *g);
	const struct expr_place place = { .source = source };
	const struct expr_names resolver = { .self = g, .resolve = resolve };

	*g = (struct gate){ .arena = arena, .text = text, .source = source, .names = names };
	g->expr = expr_compile(arena, text, strlen(text), &place, &resolver, why);
	if (!g->expr)
		return NULL;
	/* All figures are numbers: what some will do with it can be tried before there are any. */
	struct value figures[NAMED], result;
	const struct expr_scope scope = { .locals = figures, .arena = arena };
	for (size_t i = 0; i < g->n; i++)
		figures[i] = value_number(0.5);
	if (expr_eval(g->expr, &scope, &result, why) < 0) {
		error_prefix(why, "%s '%s'", source, text);
		return NULL;
	}
	if (result.type != VALUE_BOOL) {
		error_set(why, "%s '%s' is no condition, such as 'auc >= 0.8': it gives %s", source, text, value_kind(result));
		return NULL;
	}
	return g;
}

int gate_check(const struct gate *g, enum metrics_kind kind, struct error *why)
{
	for (size_t i = 0; i < g->n; i++) {
		const struct metrics_row *row = &metrics_rows[g->named[i].figure];
		if (row->name && !row->title[kind])
			return error_set(why, "%s '%s': %s is a figure of %s models", g->source, g->text, row->name,
			    row->title[METRICS_BINARY] ? "logistic" : "linear");
	}
	return 0;
}

/* The figures named, and in words what they are. */
static int find_figures(const struct gate *g, const struct gate_figures *from, struct value *figures, struct buf *shown, struct error *why)
{
	for (size_t i = 0; i < g->n; i++) {
		const struct named *n = &g->named[i];
		const struct quality *q = from->find(from->self, n->group, n->shadow, why);
		if (!q)
			return -1;
		figures[i] = figure(q, n->figure);
		buf_add_text(shown, shown->len ? ", " : "");
		fieldpath_show(&n->path, shown);
		buf_add_text(shown, " is ");
		json_write_value(shown, figures[i]);
	}
	return 0;
}

int gate_test(const struct gate *g, const struct gate_figures *from, struct error *why)
{
	struct value figures[NAMED];
	const struct expr_scope scope = { .locals = figures, .arena = g->arena };
	struct buf shown = BUF_INIT;
	int holds = find_figures(g, from, figures, &shown, why);

	if (!holds)
		holds = expr_test(g->expr, &scope, why);
	if (holds < 0)
		error_prefix(why, "%s '%s'", g->source, g->text);
	else if (!holds)
		error_set(why, "%s '%s' does not hold: %s", g->source, g->text, shown.len ? buf_text(&shown) : "it is false");
	buf_release(&shown);
	return holds;
}
