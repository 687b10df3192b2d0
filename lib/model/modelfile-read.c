/* SPDX-License-Identifier: MIT */
#include "model/modelfile-read.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "json/parse.h"
#include "json/write.h"
#include "model/modelfile.h"
#include "model/modelfile-trees.h"

#define KINDS "logistic, linear, softmax, one-vs-rest, tree, forest"

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

/* One number, or of more than one output an array of as many: name and plural. */
static int read_per_output(const struct model *m, struct value object, const char *names[2], const char *prefix, double *out, size_t step,
    struct arena *arena, struct error *why)
{
	char place[80];

	if (m->outputs == 1)
		return read_any(object, names[0], prefix, out, arena, why);
	const struct value v = json_items(json_get(object, names[1], arena), arena);
	if (v.type != VALUE_ARRAY || v.len != m->outputs)
		return error_set(why, "%s%s: %s", prefix, names[1], v.type == VALUE_MISSING ? "is missing" : "must be an array of a number per label");
	for (uint32_t k = 0; k < v.len; k++) {
		snprintf(place, sizeof place, "%s%s[%u]", prefix, names[1], k);
		if (read_number(v.items[k], place, -INFINITY, INFINITY, "", &out[k * step], why))
			return -1;
	}
	return 0;
}

static int read_feature(struct model *m, struct value f, size_t i, size_t n, struct arena *arena, struct error *why)
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
	if (modelfile_trees_are(m->kind))
		return modelfile_trees_read_input(&m->schema, at, f, prefix, arena, why);
	in = &m->schema.inputs[at];	/* adding may have moved them */
	if (read_any(f, "mean", prefix, &in->mean, arena, why))
		return -1;
	strncat(prefix, "scale", 6);
	if (read_number(json_get(f, "scale", arena), prefix, 0, INFINITY, ", 0 or greater", &in->scale, why))
		return -1;
	prefix[strlen(prefix) - 5] = '\0';
	if (read_per_output(m, f, (const char *[]){ "weight", "weights" }, prefix, &m->weights[i], n, arena, why))
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

static int read_positive(struct model *m, struct value root, struct arena *arena, struct error *why)
{
	const struct value threshold = json_get(root, "threshold", arena);
	char *positive;

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

static int read_labels(struct model *m, struct value root, struct arena *arena, struct error *why)
{
	const struct value labels = json_items(json_get(root, "labels", arena), arena);
	const bool trees = modelfile_trees_are(m->kind), two = m->kind == MODEL_LOGISTIC || (trees && labels.type == VALUE_ARRAY && labels.len == 2);
	char place[40];

	if (labels.type == VALUE_MISSING)
		return trees ? 0 : error_set(why, "labels: is missing");
	if (labels.type != VALUE_ARRAY || labels.len < 2 || (two && labels.len != 2))
		return error_set(why, "labels: must be an array of two strings%s", two ? "" : " or more");
	m->labels = alloc_zeroed(labels.len, sizeof *m->labels);
	for (; m->n_labels < labels.len; m->n_labels++) {
		char **label = &m->labels[m->n_labels];
		snprintf(place, sizeof place, "labels[%zu]", m->n_labels);
		if (read_label(labels.items[m->n_labels], place, label, why))
			return -1;
		for (size_t i = 0; i < m->n_labels; i++)
			if (!strcmp(m->labels[i], *label)) {
				error_set(why, "labels[%zu]: \"%.100s\" is labels[%zu] too", m->n_labels, *label, i);
				free(*label);
				return -1;
			}
	}
	return two ? read_positive(m, root, arena, why) : 0;
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
		return error_set(why, "kind: %s (" KINDS ")", kind.type == VALUE_MISSING ? "is missing" : "must be a string");
	for (int i = 0; i <= MODEL_FOREST; i++)
		if (kind.len == strlen(model_kind_names[i]) && !memcmp(kind.text, model_kind_names[i], kind.len)) {
			m->kind = (enum model_kind)i;
			return 0;
		}
	return error_set(why, "kind: \"%.*s\" is none of " KINDS, (int)(kind.len < 100 ? kind.len : 100), kind.text);
}

int modelfile_read(struct model *m, struct value root, struct arena *arena, struct error *why)
{
	if (read_kind(m, root, arena, why) || (m->kind != MODEL_LINEAR && read_labels(m, root, arena, why)))
		return -1;
	const struct value features = json_items(json_get(root, "features", arena), arena);
	if (features.type != VALUE_ARRAY)
		return error_set(why, "features: %s", features.type == VALUE_MISSING ? "is missing" : "must be an array");
	m->schema.n = features.len;
	model_shape(m);
	m->schema.n = 0;
	for (uint32_t i = 0; i < features.len; i++)
		if (read_feature(m, features.items[i], i, features.len, arena, why))
			return -1;
	if (modelfile_trees_are(m->kind))
		return modelfile_trees_read(m, root, arena, why);
	return read_per_output(m, root, (const char *[]){ "bias", "biases" }, "", m->bias, 1, arena, why);
}
