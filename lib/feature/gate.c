/* SPDX-License-Identifier: MIT */
#include "feature/gate.h"

#include <string.h>

#include "base/buf.h"
#include "base/suggest.h"
#include "expr/expr.h"
#include "json/write.h"

#define FIGURES 16	/* room for those of metrics_rows, and rows */

struct gate {
	struct arena *arena;
	const char *text, *source;
	const struct expr *expr;
	bool named[FIGURES];
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

static int resolve(void *self, const struct fieldpath *path, struct expr_ref *ref, struct error *why)
{
	struct gate *g = self;
	const char *names[FIGURES + 1] = { NULL }, *name = path->steps[0].name, *near;

	for (size_t i = 0; (names[i] = figure_name(i)); i++)
		if (path->n == 1 && !strcmp(names[i], name)) {
			*ref = (struct expr_ref){ .where = EXPR_LOCAL, .index = (int)i, .steps = 1 };
			g->named[i] = true;
			return 0;
		}
	if ((near = suggest_nearest(name, strlen(name), names)))
		return error_set(why, "no figure is called \"%s\" (did you mean \"%s\"?)", name, near);
	return error_set(why, "no figure is called \"%s\": they are rows loss auc accuracy brier calibration rmse r2 constant constant_loss",
	    name);
}

struct gate *gate_compile(struct arena *arena, const char *text, const char *source, struct error *why)
{
	struct gate *g = arena_get(arena, sizeof *g);
	const struct expr_place place = { .source = source };
	const struct expr_names names = { .self = g, .resolve = resolve };

	*g = (struct gate){ .arena = arena, .text = text, .source = source };
	g->expr = expr_compile(arena, text, strlen(text), &place, &names, why);
	if (!g->expr)
		return NULL;
	/* All figures are numbers: what some will do with it can be tried before there are any. */
	struct value figures[FIGURES], result;
	const struct expr_scope scope = { .locals = figures, .arena = arena };
	for (size_t i = 0; i < FIGURES; i++)
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
	for (size_t i = 0; metrics_rows[i].name; i++)
		if (g->named[i] && !metrics_rows[i].title[kind])
			return error_set(why, "%s '%s': %s is a figure of %s models", g->source, g->text, metrics_rows[i].name,
			    metrics_rows[i].title[METRICS_BINARY] ? "logistic" : "linear");
	return 0;
}

int gate_test(const struct gate *g, const struct quality *q, struct error *why)
{
	struct value figures[FIGURES];
	const struct expr_scope scope = { .locals = figures, .arena = g->arena };
	struct buf shown = BUF_INIT;
	int holds;

	for (size_t i = 0; figure_name(i); i++) {
		figures[i] = figure(q, i);
		if (!g->named[i])
			continue;
		buf_format(&shown, "%s%s is ", shown.len ? ", " : "", figure_name(i));
		json_write_value(&shown, figures[i]);
	}
	holds = expr_test(g->expr, &scope, why);
	if (holds < 0)
		error_prefix(why, "%s", g->source);
	else if (!holds)
		error_set(why, "%s '%s' does not hold: %s", g->source, g->text, shown.len ? buf_text(&shown) : "it is false");
	buf_release(&shown);
	return holds;
}
