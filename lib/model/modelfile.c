/* SPDX-License-Identifier: MIT */
#include "model/modelfile.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/number.h"
#include "base/savefile.h"
#include "json/parse.h"
#include "json/write.h"
#include "model/modelfile-read.h"
#include "model/xgboost.h"

#define BESIDE ".inputs.json"
#define MODELFILE_BESIDE_MAX (16u << 20)	/* bytes */

/* ---- reading ---- */

static int read_root(const char *text, size_t len, struct arena *arena, struct value *root, struct error *why)
{
	struct error reason;
	size_t blank = 0;

	while (blank < len && memchr(" \t\r\n", text[blank], 4))
		blank++;
	if (blank == len)
		return error_set(why, "is no model: it is empty");
	return json_document(arena, text, len, root, &reason) ? error_set(why, "is no model: not JSON at %s", reason.text) : 0;
}

static int read_object(struct model *m, struct value root, struct arena *arena, struct error *why)
{
	if (root.type != VALUE_TREE || json_is_array(root))
		return error_set(why, "is no model: it is not a JSON object");
	if (json_get(root, "learner", arena).type != VALUE_MISSING)
		return xgboost_read(m, root, arena, why);
	return modelfile_read(m, root, arena, why);
}

/* ---- names that a file lacks ---- */

int modelfile_list_parse(struct modelfile_list *l, const char *text, struct error *why)
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

static void release_list(struct modelfile_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->items[i]);
	free(l->items);
	*l = (struct modelfile_list){0};
}

void modelfile_names_release(struct modelfile_names *names)
{
	release_list(&names->inputs);
	release_list(&names->labels);
}

/* `what`: "input" or "label".  0 where the list fits. */
static int check_list(const struct modelfile_list *l, size_t n, const char *what, struct error *why)
{
	if (!l->n)
		return error_set(why, "has no names of its %zu %ss: give --%ss LIST, in the model's order", n, what, what);
	if (l->n != n)
		return error_set(why, "has %zu %s%s, and %zu %s named", n, what, number_s(n), l->n, l->n == 1 ? "is" : "are");
	return 0;
}

static int name_inputs(struct model *m, struct modelfile_list *l, struct error *why)
{
	if (!m->schema.n || *m->schema.inputs[0].name)
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

static int name_labels(struct model *m, struct modelfile_list *l, struct error *why)
{
	if (!m->n_labels || m->labels[0])
		return 0;
	if (check_list(l, m->n_labels, "label", why))
		return -1;
	for (size_t i = 0; i < l->n; i++)
		m->labels[i] = alloc_text(l->items[i]);
	l->taken = true;
	return 0;
}

static int read_list(struct modelfile_list *l, struct value object, const char *name, struct arena *arena, struct error *why)
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

/* fraud.inputs.json of fraud.ubj. */
static char *path_beside(const char *path)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path, *dot = strrchr(name, '.');

	return alloc_format("%.*s" BESIDE, (int)(dot && dot > name ? dot - path : (long)strlen(path)), path);
}

/* What the file beside a model says; where there is none, nothing. */
static int read_beside(const char *model, struct modelfile_names *names, struct error *why)
{
	struct arena arena = ARENA_INIT;
	struct value root;
	char *path = path_beside(model), *text = NULL;
	size_t len;
	int result = 0;

	if (!access(path, F_OK)) {
		text = savefile_read(path, MODELFILE_BESIDE_MAX, &len, why);
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

/* ---- any file ---- */

static int read_any(struct model *m, const char *text, size_t len, struct arena *arena, char stated[64], struct error *why)
{
	struct value root, id;

	if (read_root(text, len, arena, &root, why) || read_object(m, root, arena, why))
		return -1;
	id = json_get(root, "id", arena);
	if (id.type == VALUE_STRING)
		snprintf(stated, 64, "%.*s", (int)(id.len < 63 ? id.len : 63), id.text);
	return 0;
}

struct model *modelfile_parse(const char *text, size_t len, struct modelfile_names *names, char stated[64], struct error *why)
{
	struct modelfile_names none = {0};
	struct arena arena = ARENA_INIT;
	struct model *m = alloc_zeroed(1, sizeof *m);

	names = names ? names : &none;
	stated[0] = '\0';
	const int result = read_any(m, text, len, &arena, stated, why) || name_inputs(m, &names->inputs, why) ||
	    name_labels(m, &names->labels, why);
	arena_release(&arena);
	if (result) {
		model_release(m);
		free(m);
		return NULL;
	}
	model_identify(m);
	if (!strcmp(stated, m->id))
		stated[0] = '\0';
	return m;
}

struct model *modelfile_load(const char *path, struct modelfile_names *names, char stated[64], char **text, size_t *len, struct error *why)
{
	struct modelfile_names beside = {0}, given = names ? *names : (struct modelfile_names){0};
	struct model *m = NULL;

	*text = savefile_read(path, MODELFILE_MAX, len, why);
	if (!*text)
		return NULL;
	if (!read_beside(path, &beside, why)) {
		given.inputs = given.inputs.n ? given.inputs : beside.inputs;
		given.labels = given.labels.n ? given.labels : beside.labels;
		m = modelfile_parse(*text, *len, &given, stated, why);
		if (!m)
			error_prefix(why, "%s", path);
		else if (names) {
			names->inputs.taken |= names->inputs.n && given.inputs.taken;
			names->labels.taken |= names->labels.n && given.labels.taken;
		}
	}
	modelfile_names_release(&beside);
	return m;
}

static bool ends_with(const char *name, const char *end)
{
	const size_t len = strlen(name), n = strlen(end);

	return len > n && !strcmp(name + len - n, end);
}

bool modelfile_is_named(const char *name)
{
	return *name != '.' && (ends_with(name, ".json") || ends_with(name, ".ubj") || ends_with(name, ".txt")) && !ends_with(name, BESIDE);
}

/* ---- writing ---- */

static void member_number(struct buf *b, const char *name, double x)
{
	json_write_name(b, name);
	json_write_double(b, x);
}

static void member_text(struct buf *b, const char *name, const char *text)
{
	json_write_name(b, name);
	json_write_string(b, text, strlen(text));
}

static void edges(struct buf *b, const double *e)
{
	buf_add_byte(b, '[');
	for (int k = 0; k < DATASET_EDGES; k++) {
		json_write_comma(b);
		json_write_double(b, e[k]);
	}
	buf_add_byte(b, ']');
}

static void show_bins(const struct model *m, struct buf *b, const char *lf)
{
	buf_format(b, ",%s\"bins\":{\"features\":{", lf);
	for (size_t i = 0; i < m->schema.n; i++) {
		if (!m->has_bins[i])
			continue;
		json_write_name(b, m->schema.inputs[i].name);
		edges(b, m->bins[i]);
	}
	buf_format(b, "},%s\"score\":", lf);
	edges(b, m->score_bins);
	buf_add_byte(b, '}');
}

static void show_quality(struct buf *b, double loss, double auc, double accuracy)
{
	member_number(b, "loss", loss);
	if (!isnan(auc))
		member_number(b, "auc", auc);
	if (!isnan(accuracy))
		member_number(b, "accuracy", accuracy);
}

static void show_training(const struct model *m, struct buf *b, const char *lf)
{
	const struct model_training *t = &m->training;

	buf_format(b, ",%s\"training\":{", lf);
	member_text(b, "tool", t->tool);
	member_number(b, "rows", (double)t->rows);
	if (m->n_labels == 2)
		member_number(b, "positives", (double)t->positives);
	show_quality(b, t->loss, t->auc, t->accuracy);
	member_number(b, "l1", t->l1);
	member_number(b, "l2", t->l2);
	if (t->balanced)
		member_text(b, "class_weight", "balanced");
	member_number(b, "steps", t->steps);
	if (t->from) {
		member_text(b, "from", t->from);
		member_text(b, "to", t->to);
	}
	if (t->holdout > 0) {
		json_write_name(b, "holdout");
		buf_add_byte(b, '{');
		member_number(b, "percent", t->holdout);
		member_number(b, "rows", (double)t->holdout_rows);
		if (t->holdout_rows)
			show_quality(b, t->holdout_loss, t->holdout_auc, t->holdout_accuracy);
		buf_add_byte(b, '}');
	}
	buf_add_byte(b, '}');
}

static void show_labels(const struct model *m, struct buf *b, const char *lf)
{
	buf_format(b, ",%s\"labels\":[", lf);
	for (size_t i = 0; i < m->n_labels; i++) {
		json_write_comma(b);
		json_write_string(b, m->labels[i], strlen(m->labels[i]));
	}
	buf_add_byte(b, ']');
	if (m->outputs > 1)
		return;
	member_text(b, "positive", m->labels[m->positive]);
	member_number(b, "threshold", m->threshold);
}

/* A number, or of more than one output an array. */
static void per_output(const struct model *m, struct buf *b, const double *x, size_t step)
{
	if (m->outputs == 1) {
		json_write_double(b, *x);
		return;
	}
	buf_add_byte(b, '[');
	for (size_t k = 0; k < m->outputs; k++) {
		json_write_comma(b);
		json_write_double(b, x[k * step]);
	}
	buf_add_byte(b, ']');
}

static void show_feature(const struct model *m, size_t j, struct buf *b)
{
	const struct input *in = &m->schema.inputs[j];

	member_text(b, "name", in->name);
	member_number(b, "mean", in->mean);
	member_number(b, "scale", in->scale);
	json_write_name(b, m->outputs > 1 ? "weights" : "weight");
	per_output(m, b, &m->weights[j], m->schema.n);
	if (in->missing == MISSING_NUMBER)
		member_number(b, "missing", in->number);
	else
		member_text(b, "missing", in->missing == MISSING_MEAN ? "mean" : "error");
}

void modelfile_show(const struct model *m, struct buf *b, bool one_line)
{
	const char *lf = one_line ? "" : "\n ";

	buf_add_byte(b, '{');
	member_number(b, "format", MODELFILE_FORMAT);
	member_text(b, "kind", model_kind_names[m->kind]);
	member_text(b, "id", m->id);
	if (m->n_labels)
		show_labels(m, b, lf);
	buf_format(b, ",%s\"features\":[", lf);
	for (size_t j = 0; j < m->schema.n; j++) {
		json_write_comma(b);
		buf_format(b, "%s%s{", lf, one_line ? "" : " ");
		show_feature(m, j, b);
		buf_add_byte(b, '}');
	}
	buf_format(b, "],%s\"%s\":", lf, m->outputs > 1 ? "biases" : "bias");
	per_output(m, b, m->bias, 1);
	if (m->bins)
		show_bins(m, b, lf);
	if (m->training.known)
		show_training(m, b, lf);
	buf_add_text(b, "}\n");
}

int modelfile_save(const struct model *m, const char *path, struct error *why)
{
	struct buf b = BUF_INIT;
	int result;

	modelfile_show(m, &b, false);
	result = savefile_write(path, b.data, b.len, why);
	buf_release(&b);
	return result;
}
