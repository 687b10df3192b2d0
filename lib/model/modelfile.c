/* SPDX-License-Identifier: MIT */
#include "model/modelfile.h"

#include <math.h>
#include <stdio.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/savefile.h"
#include "json/parse.h"
#include "json/write.h"

/* ---- reading ---- */

/* The number at a place, which must be finite; `least` -INFINITY: any. */
static int read_number(struct value v, const char *place, double least, double most, const char *range, double *out,
    struct error *why)
{
	if (v.type == VALUE_MISSING)
		return error_set(why, "%s: is missing", place);
	if (!value_is_number(v) || !(value_double(v) >= least && value_double(v) <= most))
		return error_set(why, "%s: must be a finite number%s", place, range);
	*out = value_double(v);
	return 0;
}

static int read_any(struct value object, const char *name, const char *prefix, double *out, struct arena *arena, struct error *why)
{
	char place[64];

	snprintf(place, sizeof place, "%s%s", prefix, name);
	return read_number(json_get(object, name, arena), place, -INFINITY, INFINITY, "", out, why);
}

static int read_missing(struct value v, const char *prefix, struct input *in, struct error *why)
{
	in->missing = MISSING_ERROR;
	in->number = 0;
	if (v.type == VALUE_MISSING || (v.type == VALUE_STRING && v.len == 5 && !memcmp(v.text, "error", 5)))
		return 0;
	if (v.type == VALUE_STRING && v.len == 4 && !memcmp(v.text, "mean", 4))
		in->missing = MISSING_MEAN;
	else if (value_is_number(v)) {
		in->missing = MISSING_NUMBER;
		in->number = value_double(v);
	} else
		return error_set(why, "%smissing: must be \"mean\", \"error\" or a finite number", prefix);
	return 0;
}

static int read_feature(struct model *m, struct value f, size_t i, struct arena *arena, struct error *why)
{
	char prefix[40];
	struct value name;
	struct input *in;

	snprintf(prefix, sizeof prefix, "features[%zu]", i);
	if (f.type != VALUE_TREE || json_is_array(f))
		return error_set(why, "%s: must be an object", prefix);
	strncat(prefix, ".", 2);
	name = json_get(f, "name", arena);
	if (name.type != VALUE_STRING || !name.len || memchr(name.text, 0, name.len))
		return error_set(why, "%sname: %s", prefix, name.type == VALUE_MISSING ? "is missing" :
		    "must be a string (not empty, without NUL)");
	const size_t same = schema_find(&m->schema, name.text, name.len);
	if (same < m->schema.n)
		return error_set(why, "%sname: \"%.100s\" is features[%zu].name too", prefix, m->schema.inputs[same].name, same);
	const size_t at = schema_add(&m->schema, name.text, name.len, MISSING_ERROR, 0);
	in = &m->schema.inputs[at];	/* adding may have moved them */
	if (read_any(f, "mean", prefix, &in->mean, arena, why))
		return -1;
	strncat(prefix, "scale", 6);
	if (read_number(json_get(f, "scale", arena), prefix, 0, INFINITY, ", 0 or greater", &in->scale, why))
		return -1;
	prefix[strlen(prefix) - 5] = '\0';
	if (read_any(f, "weight", prefix, &m->weights[i], arena, why))
		return -1;
	return read_missing(json_get(f, "missing", arena), prefix, in, why);
}

static int read_label(struct value v, const char *place, char **out, struct error *why)
{
	if (v.type != VALUE_STRING || memchr(v.text, 0, v.len))
		return error_set(why, "%s: %s", place, v.type == VALUE_MISSING ? "is missing" : "must be a string (without NUL)");
	*out = alloc_span(v.text, v.len);
	return 0;
}

static int read_labels(struct model *m, struct value root, struct arena *arena, struct error *why)
{
	const struct value labels = json_items(json_get(root, "labels", arena), arena);
	const struct value threshold = json_get(root, "threshold", arena);
	char *positive;

	if (labels.type == VALUE_MISSING)
		return error_set(why, "labels: is missing");
	if (labels.type != VALUE_ARRAY || labels.len != 2)
		return error_set(why, "labels: must be an array of two strings");
	if (read_label(labels.items[0], "labels[0]", &m->labels[0], why) || read_label(labels.items[1], "labels[1]", &m->labels[1], why))
		return -1;
	if (!strcmp(m->labels[0], m->labels[1]))
		return error_set(why, "labels: are both \"%.100s\"", m->labels[0]);
	if (read_label(json_get(root, "positive", arena), "positive", &positive, why))
		return -1;
	m->positive = !strcmp(positive, m->labels[1]);
	const bool known = m->positive || !strcmp(positive, m->labels[0]);
	if (!known)
		error_set(why, "positive: \"%.100s\" is none of the labels", positive);
	free(positive);
	if (!known)
		return -1;
	m->threshold = 0.5;
	return threshold.type == VALUE_MISSING ? 0 :
	    read_number(threshold, "threshold", 0, 1, " from 0 to 1", &m->threshold, why);
}

static int read_kind(struct model *m, struct value root, struct arena *arena, struct error *why)
{
	const struct value format = json_get(root, "format", arena), kind = json_get(root, "kind", arena);

	if (format.type == VALUE_MISSING)
		return error_set(why, "is no model: it has no member format (see sml-model(5))");
	if (!value_is_number(format) || value_double(format) != MODELFILE_FORMAT) {
		struct buf b = BUF_INIT;
		json_write_value(&b, format);
		error_set(why, "format: is %.40s, this version reads %d", buf_text(&b), MODELFILE_FORMAT);
		buf_release(&b);
		return -1;
	}
	if (kind.type != VALUE_STRING)
		return error_set(why, "kind: %s (logistic, linear)", kind.type == VALUE_MISSING ? "is missing" : "must be a string");
	for (int i = 0; model_kind_names[i]; i++)
		if (kind.len == strlen(model_kind_names[i]) && !memcmp(kind.text, model_kind_names[i], kind.len)) {
			m->kind = (enum model_kind)i;
			return 0;
		}
	return error_set(why, "kind: \"%.*s\" is none of logistic, linear", (int)(kind.len < 100 ? kind.len : 100), kind.text);
}

static int read_model(struct model *m, struct value root, struct arena *arena, struct error *why)
{
	if (root.type != VALUE_TREE || json_is_array(root))
		return error_set(why, "is no model: it is not a JSON object");
	if (read_kind(m, root, arena, why) || (m->kind == MODEL_LOGISTIC && read_labels(m, root, arena, why)))
		return -1;
	const struct value features = json_items(json_get(root, "features", arena), arena);
	if (features.type != VALUE_ARRAY)
		return error_set(why, "features: %s", features.type == VALUE_MISSING ? "is missing" : "must be an array");
	m->weights = alloc_zeroed(features.len + 1, sizeof *m->weights);
	for (uint32_t i = 0; i < features.len; i++)
		if (read_feature(m, features.items[i], i, arena, why))
			return -1;
	return read_any(root, "bias", "", &m->bias, arena, why);
}

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

struct model *modelfile_parse(const char *text, size_t len, char stated[64], struct error *why)
{
	struct arena arena = ARENA_INIT;
	struct model *m = alloc_zeroed(1, sizeof *m);
	struct value root, id;

	stated[0] = '\0';
	if (read_root(text, len, &arena, &root, why) || read_model(m, root, &arena, why)) {
		arena_release(&arena);
		model_release(m);
		free(m);
		return NULL;
	}
	model_identify(m);
	id = json_get(root, "id", &arena);
	if (id.type == VALUE_STRING && (id.len != MODEL_ID_LEN || memcmp(id.text, m->id, id.len)))
		snprintf(stated, 64, "%.*s", (int)(id.len < 63 ? id.len : 63), id.text);
	arena_release(&arena);
	return m;
}

struct model *modelfile_load(const char *path, char stated[64], bool *read, struct error *why)
{
	size_t len;
	char *text = savefile_read(path, MODELFILE_MAX, &len, why);
	struct model *m;

	*read = text != NULL;
	if (!text)
		return NULL;
	m = modelfile_parse(text, len, stated, why);
	free(text);
	if (!m)
		error_prefix(why, "%s", path);
	return m;
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
	if (m->kind == MODEL_LOGISTIC)
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

void modelfile_show(const struct model *m, struct buf *b, bool one_line)
{
	const char *lf = one_line ? "" : "\n ";

	buf_add_byte(b, '{');
	member_number(b, "format", MODELFILE_FORMAT);
	member_text(b, "kind", model_kind_names[m->kind]);
	member_text(b, "id", m->id);
	if (m->kind == MODEL_LOGISTIC) {
		buf_format(b, ",%s\"labels\":[", lf);
		for (int i = 0; i < 2; i++) {
			json_write_comma(b);
			json_write_string(b, m->labels[i], strlen(m->labels[i]));
		}
		buf_add_byte(b, ']');
		member_text(b, "positive", m->labels[m->positive]);
		member_number(b, "threshold", m->threshold);
	}
	buf_format(b, ",%s\"features\":[", lf);
	for (size_t i = 0; i < m->schema.n; i++) {
		const struct input *in = &m->schema.inputs[i];
		json_write_comma(b);
		buf_format(b, "%s%s{", lf, one_line ? "" : " ");
		member_text(b, "name", in->name);
		member_number(b, "mean", in->mean);
		member_number(b, "scale", in->scale);
		member_number(b, "weight", m->weights[i]);
		if (in->missing == MISSING_NUMBER)
			member_number(b, "missing", in->number);
		else
			member_text(b, "missing", in->missing == MISSING_MEAN ? "mean" : "error");
		buf_add_byte(b, '}');
	}
	buf_format(b, "],%s\"bias\":", lf);
	json_write_double(b, m->bias);
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
