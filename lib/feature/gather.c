/* SPDX-License-Identifier: MIT */
#include "feature/gather.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/hash.h"
#include "base/number.h"
#include "base/suggest.h"
#include "feature/encode.h"
#include "json/parse.h"
#include "stream/record.h"

#define NAMES_MOST 1000		/* of the first record, for hints */

/* ---- starting ---- */

/* What the toolkit adds is no property of the event. */
static const char *const own_members[] = {
	"classification", "probability", "probabilities", "prediction", "model", "variant", "shadow", "contributions", "decision_path", "_kafka", "_in", NULL
};

/* The member of `features` or of the record that a path begins with. */
static const char *first_name(const struct fieldpath *path)
{
	const struct step *s = path->steps;

	if (path->n > 1 && s[0].kind == STEP_NAME && !strcmp(s[0].name, "features") && s[1].kind == STEP_NAME)
		s++;
	return path->n && s->kind == STEP_NAME ? s->name : NULL;
}

static struct encoder *start_growing(struct gather *g, struct fields *fields)
{
	const struct encode_leave paths[] = {
		{ first_name(&g->label), NULL }, { first_name(&g->weight), NULL }, { first_name(&g->time), "the time" }
	};
	struct encode_leave leave[16];
	size_t n = 0;

	for (size_t i = 0; own_members[i]; i++)
		leave[n++] = (struct encode_leave){ own_members[i], "of an earlier stage" };
	for (size_t i = 0; i < 3; i++)
		if (paths[i].name)
			leave[n++] = paths[i];
	return encode_new_growing(&g->model->schema, g->missing, g->missing_number, fields, leave, n);
}

/* While reading, a missing value stays one; what stands for it is seen to when all are there. */
static struct encoder *start_known(struct gather *g, struct fields *fields)
{
	for (size_t i = 0; i < g->model->schema.n; i++)
		g->model->schema.inputs[i].missing = g->missing == MISSING_ERROR ? MISSING_ERROR : MISSING_KEEP;
	return encode_new(&g->model->schema, fields);
}

void gather_start(struct gather *g, struct model *m, struct fields *fields)
{
	g->model = m;
	g->from = g->to = EVENTTIME_NONE;
	g->label_slot = fields_read(fields, &g->label);
	g->weight_slot = g->weight.n ? fields_read(fields, &g->weight) : -1;
	g->time_slot = fields_read(fields, &g->time);
	g->features_slot = fields_read_name(fields, "features");
	g->record_slot = fields_read(fields, &(struct fieldpath){ NULL, 0 });
	if (m) {
		g->encoder = g->grows ? start_growing(g, fields) : start_known(g, fields);
		return;
	}
	g->predictions.label_text = g->label_text;
	predictions_start(&g->predictions, fields);
}

void gather_release(struct gather *g)
{
	encode_free(g->encoder);
	labels_release(&g->labels);
	dataset_release(&g->rows);
	dataset_release(&g->held_out);
	predictions_release(&g->predictions);
	buf_release(&g->line);
	arena_release(&g->arena);
}

/* ---- hints: a name that was typed, and those of the first record ---- */

static void note_names(struct gather *g, const struct value *v)
{
	const struct value objects[] = { v[g->features_slot], v[g->record_slot] };
	struct json_walk walk;
	struct value name, value;
	size_t n = 0;

	g->names = arena_get(&g->arena, (NAMES_MOST + 1) * sizeof *g->names);
	for (size_t i = 0; i < 2; i++) {
		json_walk(&walk, objects[i]);
		while (n < NAMES_MOST && json_walk_next(&walk, &g->arena, &name, &value))
			if (!memchr(name.text, 0, name.len))
				g->names[n++] = arena_copy(&g->arena, name.text, name.len);
		g->n_of_features = i ? g->n_of_features : n;
	}
	g->names[n] = NULL;
}

/* The first `len` bytes of the text are the name: of an input "color=red" or "f[0]" a part. */
static const char *near_name(const struct gather *g, const char *text, size_t len)
{
	for (size_t i = 0; g->names && g->names[i]; i++)
		if (strlen(g->names[i]) == len && !memcmp(g->names[i], text, len))
			return NULL;	/* it is there, and has no value */
	return g->names ? suggest_nearest(text, len, g->names) : NULL;
}

/* An input that no record has. */
static void hint_input(const struct gather *g, const char *name, struct buf *b)
{
	const size_t len = strcspn(name, "=[");
	const char *near = near_name(g, name, len);

	if (!strncmp(name, "features.", 9) && name[9])
		buf_format(b, " (did you mean \"%s\"? names come without \"features.\")", name + 9);
	else if (strchr(name, '.'))
		buf_add_text(b, " (it is a name, and no path: sml-features makes a feature of a path)");
	else if (near)
		buf_format(b, " (did you mean \"%s%s\"?)", near, name + len);
}

/* ---- records ---- */

/* The record's weight, below 0: it has become an error record. */
static double weight_of(const struct gather *g, struct record *r, const struct value *v)
{
	if (g->weight_slot < 0)
		return 1;
	const struct value w = v[g->weight_slot];
	if (value_is_number(w) && value_double(w) >= 0)
		return value_double(w);
	record_fail(r, INVALID_DATA, "weight: %s is %s, not a number, 0 or greater", g->weight_text,
	    value_is_number(w) ? "below 0" : value_kind(w));
	return -1;
}

bool gather_is_label(struct record *r, const char *what, const char *path, struct value v, bool regression)
{
	if (value_is_number(v) || v.type == VALUE_BOOL || (!regression && v.type == VALUE_STRING && !memchr(v.text, 0, v.len)))
		return true;
	record_fail(r, INVALID_DATA, "%s: %s is %s, not %s", what, path, !regression && v.type == VALUE_STRING ? "a string with a NUL" :
	    value_kind(v), regression ? "a number" : "a string, a number or a boolean");
	return false;
}

static double number_of(struct value v)
{
	return v.type == VALUE_BOOL ? v.truth : value_double(v);
}

static int label_too_many(const struct gather *g, const struct record *r, struct value label, struct error *why)
{
	const struct error reason = *why;

	if (!g->labels.many)
		error_set(why, "%s; --kind softmax learns more%s", reason.text, value_is_number(label) ? ", --kind linear a number" : "");
	return error_prefix(why, "%s:%llu: label %s", r->at.source, (unsigned long long)r->at.line, g->label_text);
}

/* By the hash of the line, as a pipe would carry it: the same rows in every run, on every machine, and in a chain. */
static bool is_held_out(struct gather *g, const struct record *r)
{
	if (!(g->holdout > 0))
		return false;
	buf_clear(&g->line);
	record_write(r, &g->line);
	return (double)hash_bytes(g->line.data, g->line.len - 1) < g->holdout / 100 * 0x1p64;
}

static void note_time(struct gather *g, struct value v)
{
	struct error ignored;
	int64_t at;

	if (value_is_null(v) || eventtime_from(v, g->time_unit, &at, &ignored))
		return;
	g->from = g->from == EVENTTIME_NONE || at < g->from ? at : g->from;
	g->to = g->to == EVENTTIME_NONE || at > g->to ? at : g->to;
}

/* A string under a plain name: one of its values could be an input. */
static void hint_category(const struct encode_fault *fault, struct buf *b)
{
	const struct value v = fault->value;
	struct error ignored;
	double number;

	if (v.type != VALUE_STRING || !v.len || v.len > 40 || fault->path_len != strlen(fault->name) || strpbrk(fault->name, "=["))
		return;
	for (uint32_t i = 0; i < v.len; i++)
		if ((unsigned char)v.text[i] < ' ' || v.text[i] == ',')
			return;
	char *text = alloc_span(v.text, v.len);
	if (number_parse_double(text, &number, &ignored))
		buf_format(b, " (did you mean \"%s=%s\"?)", fault->name, text);
	free(text);
}

static void refuse(const struct gather *g, struct record *r, const struct encode_fault *fault, enum encode_result result)
{
	struct buf text = BUF_INIT;

	encode_explain(fault, result, &text);
	if (!g->grows && result == ENCODE_MISSING)
		hint_input(g, fault->name, &text);
	else if (!g->grows)
		hint_category(fault, &text);
	record_fail(r, result == ENCODE_MISSING ? MISSING_FEATURE : INVALID_DATA, "%s", buf_text(&text));
	buf_release(&text);
}

static int gather_example(struct gather *g, struct record *r, const struct value *v, double weight, struct error *why)
{
	const struct value label = v[g->label_slot];
	struct encode_fault fault;
	const double *x;
	double answer;
	const enum encode_result result = encode_row(g->encoder, v, &x, &fault);

	if (result != ENCODE_DONE) {
		refuse(g, r, &fault, result);
		return 0;
	}
	if (g->regression) {
		answer = number_of(label);
	} else {
		const int i = labels_add(&g->labels, label, why);
		if (i < 0)
			return label_too_many(g, r, label, why);
		answer = i;
	}
	struct dataset *to = is_held_out(g, r) ? &g->held_out : &g->rows;
	while (to->columns < g->model->schema.n)
		dataset_add_column(to);
	dataset_add(to, x, answer, weight);
	note_time(g, v[g->time_slot]);
	g->used++;
	return 0;
}

static int gather_prediction(struct gather *g, struct record *r, const struct value *v, struct error *why)
{
	const struct value label = v[g->label_slot];
	const double weight = weight_of(g, r, v);
	const int result = weight < 0 ? 0 : predictions_add(&g->predictions, r, v, label, weight, why);

	if (result < 0)
		return error_prefix(why, "%s:%llu", r->at.source, (unsigned long long)r->at.line);
	g->used += result > 0;
	return 0;
}

int gather_record(struct gather *g, struct record *r, const struct value *v, struct error *why)
{
	double weight;

	if (!g->names)
		note_names(g, v);
	if (value_is_null(v[g->label_slot])) {
		g->unlabelled++;
		return 0;
	}
	g->labelled++;
	if (!g->model)
		return gather_prediction(g, r, v, why);
	if (!gather_is_label(r, "label", g->label_text, v[g->label_slot], g->regression) || (weight = weight_of(g, r, v)) < 0)
		return 0;
	return gather_example(g, r, v, weight, why);
}

/* ---- the end ---- */

static void leave_out(struct buf *b, const char *name, const char *reason)
{
	buf_format(b, "%s%s (%s)", b->len ? ", " : "", name, reason);
}

static int no_value(const struct gather *g, const char *name, struct error *why)
{
	struct buf hint = BUF_INIT;

	hint_input(g, name, &hint);
	error_set(why, "feature %s: no row has a value%s", name, hint.len ? buf_text(&hint) : strchr(name, ' ') ?
	    " (between names stand commas)" : "");
	buf_release(&hint);
	return -1;
}

/* Of inputs that were met, not named: those without values go, and of top-level members those that look like ids. */
static void settle_inputs(struct gather *g, struct buf *left_out)
{
	const bool ids = encode_is_top_level(g->encoder);
	struct schema *s = &g->model->schema;
	struct encode_leave leave;
	size_t at = 0;

	while (encode_left_out(g->encoder, &at, &leave))
		leave_out(left_out, leave.name, leave.reason);
	for (size_t j = s->n; j--;) {
		const bool any = dataset_any(&g->rows, j), is_id = any && ids && dataset_is_id(&g->rows, j);
		if (any && !is_id)
			continue;
		leave_out(left_out, s->inputs[j].name, is_id ? "a different integer in each row" : "no value in the training rows");
		schema_drop(s, j);
		dataset_drop(&g->rows, j);
		dataset_drop(&g->held_out, j);
	}
	size_t *order = alloc_bytes((s->n + 1) * sizeof *order);
	schema_sort(s, order);
	dataset_sort(&g->rows, order);
	dataset_sort(&g->held_out, order);
	free(order);
}

/* The labels in their order, place[i] being that of label i, and the answers so; -1: no training row has one of them. */
static int take_labels(struct gather *g, const int *place, struct error *why)
{
	struct model *m = g->model;
	const size_t n = (size_t)g->labels.n;
	uint64_t *rows = alloc_zeroed(n, sizeof *rows);
	size_t absent = n, found = 0, present = 0;

	m->labels = alloc_zeroed(n, sizeof *m->labels);
	m->n_labels = n;
	for (size_t i = 0; i < n; i++)
		m->labels[place[i]] = alloc_text(g->labels.label[i].text);
	dataset_recode(&g->rows, place);
	dataset_recode(&g->held_out, place);
	for (size_t i = 0; i < g->rows.rows; i++)
		rows[(size_t)dataset_answer(&g->rows, i)]++;
	for (size_t k = 0; k < n; k++) {
		*(rows[k] ? &present : &absent) = k;
		found += rows[k] > 0;
	}
	m->training.positives = rows[1];
	free(rows);
	if (found == 1)
		return error_set(why, "one class only: every row that is not held out is \"%.200s\"", m->labels[present]);
	return absent == n ? 0 : error_set(why, "every row with the label \"%.200s\" is held out", m->labels[absent]);
}

static int settle_labels(struct gather *g, const char *wanted, struct error *why)
{
	static const int orders[2][2] = { { 1, 0 }, { 0, 1 } };
	const int positive = labels_positive(&g->labels, wanted, why);

	if (positive < 0)
		return -1;
	g->model->positive = 1;
	return take_labels(g, orders[positive], why);
}

static int sort_labels(struct gather *g, const char *wanted, struct error *why)
{
	if (g->labels.n < 2)
		return labels_positive(&g->labels, NULL, why);
	if (wanted)
		return error_set(why, "--positive %.100s: of %d labels each has its probability", wanted, g->labels.n);
	int *place = alloc_bytes((size_t)g->labels.n * sizeof *place);
	labels_sort(&g->labels, place);
	const int result = take_labels(g, place, why);
	free(place);
	return result;
}

int gather_nothing(const struct gather *g, struct error *why)
{
	if (g->held_out.rows)
		return error_set(why, "every record with a label is held out");
	if (g->predictions.n && g->predictions.sources->absent)
		return error_set(why, "no record with a label (-y %s) has a probability or a prediction, as sml-classify adds them",
		    g->label_text);
	if (g->labelled)
		return error_set(why, "not one of the records with a label (-y %s) can be used", g->label_text);
	if (!g->unlabelled)
		return error_set(why, "no record to %s (-y %s)", g->model ? "learn from" : "judge", g->label_text);
	for (size_t i = 0; i < g->n_of_features; i++)
		if (!strcmp(g->names[i], g->label_text))
			return error_set(why, "no record has a label (-y %s; did you mean \"features.%s\"?)", g->label_text, g->label_text);
	const char *near = near_name(g, g->label_text, strlen(g->label_text));
	return near ? error_set(why, "no record has a label (-y %s; did you mean \"%s\"?)", g->label_text, near) :
	    error_set(why, "no record has a label (-y %s)", g->label_text);
}

int gather_finish(struct gather *g, const char *wanted, struct buf *left_out, struct error *why)
{
	struct schema *s = &g->model->schema;

	if (!g->rows.rows)
		return gather_nothing(g, why);
	while (g->rows.columns < s->n)
		dataset_add_column(&g->rows);
	while (g->held_out.columns < s->n)
		dataset_add_column(&g->held_out);
	dataset_seal(&g->rows);
	dataset_seal(&g->held_out);
	const bool per_label = model_is_per_label(g->model->kind, (size_t)g->labels.n);
	if (!g->regression && (per_label ? sort_labels(g, wanted, why) : settle_labels(g, wanted, why)))
		return -1;
	if (g->grows)
		settle_inputs(g, left_out);
	for (size_t j = 0; j < s->n; j++) {
		if (!dataset_any(&g->rows, j))
			return no_value(g, s->inputs[j].name, why);
		s->inputs[j].missing = g->missing;
		s->inputs[j].number = g->missing_number;
	}
	return s->n ? 0 : error_set(why, "no feature to learn from: no number in `features` or in the records%s%s",
	    left_out->len ? "; left out: " : "", left_out->len ? buf_text(left_out) : "");
}
