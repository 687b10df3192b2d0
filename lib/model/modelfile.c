/* SPDX-License-Identifier: MIT */
#include "model/modelfile.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/savefile.h"
#include "json/parse.h"
#include "json/ubjson.h"
#include "json/write.h"
#include "model/lightgbm.h"
#include "model/modelfile-read.h"
#include "model/modelfile-trees.h"
#include "model/xgboost.h"

/* ---- reading ---- */

/* What people take for a model's file, by how it begins; NULL: anything else. */
static const char *foreign(const char *bytes, size_t len)
{
	/* pickle.dump's protocols 2 to 5; joblib's are the same, or packed. */
	if (len > 2 && bytes[0] == '\x80' && bytes[1] >= 2 && bytes[1] <= 5)
		return "a pickle, which nothing but Python reads";
	if (len > 4 && !memcmp(bytes, "binf", 4))
		return "XGBoost's old binary format, which newer versions of it do not read either";
	return NULL;
}

static int read_root(const char *text, size_t len, struct arena *arena, struct value *root, struct error *why)
{
	const char *what = foreign(text, len);
	struct error reason;
	size_t blank = 0;

	if (what)
		return error_set(why, "is no model: it is %s; how to save one that is read: sml-model(5), FILES OF OTHER LIBRARIES", what);

	while (blank < len && memchr(" \t\r\n", text[blank], 4))
		blank++;
	if (blank == len)
		return error_set(why, "is no model: it is empty");
	if (!json_document(arena, text, len, root, &reason))
		return 0;
	struct error ignored;
	arena_clear(arena);
	/* XGBoost writes NaN. */
	if (!json_document_nan(arena, text, len, root, &ignored) && json_get(*root, "learner", arena).type != VALUE_MISSING)
		return 0;
	return error_set(why, "is no model: not JSON at %s", reason.text);
}

/* UBJSON is JSON in another spelling; XGBoost's. */
static int read_ubjson(const char *bytes, size_t len, struct arena *arena, struct value *root, struct error *why)
{
	struct buf text = BUF_INIT;
	struct error reason;
	int result = 0;

	if (ubjson_to_json(bytes, len, &text, &reason))
		result = error_set(why, "is no model: not UBJSON %s", reason.text);
	else if (json_document(arena, text.data, text.len, root, &reason))
		result = error_set(why, "is no model: its UBJSON is not JSON at %s", reason.text);
	buf_release(&text);
	return result;
}

static int read_object(struct model *m, struct value root, struct arena *arena, struct error *why)
{
	if (root.type != VALUE_TREE || json_is_array(root))
		return error_set(why, "is no model: it is not a JSON object");
	if (json_get(root, "learner", arena).type != VALUE_MISSING)
		return xgboost_read(m, root, arena, why);
	return modelfile_read(m, root, arena, why);
}

static int read_any(struct model *m, const char *text, size_t len, struct arena *arena, char stated[64], struct error *why)
{
	struct value root, id;

	if (lightgbm_is(text, len))
		return lightgbm_read(m, text, len, arena, why);
	if ((ubjson_is(text, len) ? read_ubjson(text, len, arena, &root, why) : read_root(text, len, arena, &root, why)) ||
	    read_object(m, root, arena, why))
		return -1;
	id = json_get(root, "id", arena);
	if (id.type == VALUE_STRING)
		snprintf(stated, 64, "%.*s", (int)(id.len < 63 ? id.len : 63), id.text);
	return 0;
}

struct model *modelfile_parse(const char *text, size_t len, struct naming *names, char stated[64], struct error *why)
{
	struct arena arena = ARENA_INIT;
	struct model *m = alloc_zeroed(1, sizeof *m);

	stated[0] = '\0';
	const int result = read_any(m, text, len, &arena, stated, why) || (names && naming_apply(names, m, why));
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

struct model *modelfile_load(const char *path, struct naming *names, char stated[64], char **text, size_t *len, struct error *why)
{
	struct naming beside = {0}, given = names ? *names : (struct naming){0};
	struct model *m = NULL;

	*text = savefile_read(path, MODELFILE_MAX, len, why);
	if (!*text)
		return NULL;
	if (!names || !naming_beside(path, &beside, why)) {
		given.inputs = given.inputs.n ? given.inputs : beside.inputs;
		given.labels = given.labels.n ? given.labels : beside.labels;
		m = modelfile_parse(*text, *len, names ? &given : NULL, stated, why);
		if (!m)
			error_prefix(why, "%s", path);
		else if (names) {
			names->inputs.taken |= names->inputs.n && given.inputs.taken;
			names->labels.taken |= names->labels.n && given.labels.taken;
		}
	}
	naming_release(&beside);
	return m;
}

static bool ends_with(const char *name, const char *end)
{
	const size_t len = strlen(name), n = strlen(end);

	return len > n && !strcmp(name + len - n, end);
}

bool modelfile_is_named(const char *name)
{
	return *name != '.' && (ends_with(name, ".json") || ends_with(name, ".ubj") || ends_with(name, ".txt")) && !ends_with(name, NAMING_BESIDE);
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
	if (m->n_labels && m->outputs == 1)
		member_number(b, "positives", (double)t->positives);
	show_quality(b, t->loss, t->auc, t->accuracy);
	if (m->trees) {
		member_number(b, "max_depth", t->max_depth);
		member_number(b, "min_leaf", (double)t->min_leaf);
	} else {
		member_number(b, "l1", t->l1);
		member_number(b, "l2", t->l2);
	}
	if (t->balanced)
		member_text(b, "class_weight", "balanced");
	if (!m->trees)
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
	if (m->trees) {
		modelfile_trees_show_input(in, b);
		return;
	}
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
	buf_add_byte(b, ']');
	if (m->trees) {
		modelfile_trees_show(m, b, lf);
	} else {
		buf_format(b, ",%s\"%s\":", lf, m->outputs > 1 ? "biases" : "bias");
		per_output(m, b, m->bias, 1);
	}
	if (m->bins)
		show_bins(m, b, lf);
	if (m->training.known)
		show_training(m, b, lf);
	buf_add_text(b, "}\n");
}
