/* SPDX-License-Identifier: MIT */
/*
 * sml-train - gather labelled records, run a solver, save a model, report; or, with --evaluate, judge predictions.
 *
 * Knows neither the model's file format nor a solver's maths.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/hash.h"
#include "base/number.h"
#include "cli/command.h"
#include "cli/version.h"
#include "feature/encode.h"
#include "feature/gate.h"
#include "model/fit.h"
#include "model/judged.h"
#include "model/labels.h"
#include "model/modelfile.h"
#include "model/report.h"
#include "stream/stats.h"

struct train {
	struct common common;
	const char *label_path, *model_path, *positive, *weight_path, *missing_text, *holdout_text, *require_text;
	struct opt_list features;
	int kind, class_weight;
	double l1, l2;
	bool evaluate;

	/* understood */
	struct arena arena;
	struct fieldpath label, weight, time;
	enum missing missing;
	double missing_number, holdout;		/* percent */
	const struct gate *require;

	/* while reading */
	struct loop *loop;
	struct encoder *encoder;
	int label_slot, weight_slot, time_slot, probability_slot, prediction_slot, classification_slot;
	struct model model;
	struct labels labels;
	struct dataset rows, held_out;
	uint64_t unlabelled, unpredicted;
	int64_t from, to;			/* event times; EVENTTIME_NONE: none */
	struct buf line;

	struct judged judged;			/* of --evaluate */
};

enum { UNSET = -1 };

/* ---- setting up ---- */

static void train_defaults(void *tool)
{
	struct train *t = tool;

	t->kind = t->class_weight = UNSET;
	t->l1 = t->l2 = UNSET;
	t->from = t->to = EVENTTIME_NONE;
}

static int parse_path(struct train *t, const char *option, const char *text, struct fieldpath *path, struct error *why)
{
	return text && fieldpath_parse(path, text, &t->arena, why) ? error_prefix(why, "%s", option) : 0;
}

static int parse_holdout(struct train *t, struct error *why)
{
	struct error ignored;
	const size_t len = t->holdout_text ? strlen(t->holdout_text) : 0;

	if (!len)
		return t->holdout_text ? command_misuse(&t->common, why, "--holdout: empty") : 0;
	if (t->holdout_text[len - 1] == '%' &&
	    !number_parse_double(arena_copy(&t->arena, t->holdout_text, len - 1), &t->holdout, &ignored) &&
	    t->holdout > 0 && t->holdout < 100)
		return 0;
	return command_misuse(&t->common, why, "--holdout: \"%s\" is not a percentage between 0%% and 100%%, as 20%%", t->holdout_text);
}

static bool is_name(const struct fieldpath *path, const char *name)
{
	const struct step *last = path->n ? &path->steps[path->n - 1] : NULL;
	const bool own = path->n == 1 || (path->n == 2 && path->steps[0].kind == STEP_NAME && !strcmp(path->steps[0].name, "features"));

	return own && last->kind == STEP_NAME && !strcmp(last->name, name);
}

/* What -x names, in its order. */
static int parse_features(struct train *t, struct error *why)
{
	for (size_t i = 0; i < t->features.n; i++)
		if (schema_parse_list(&t->model.schema, t->features.items[i], t->missing, t->missing_number, why))
			return error_prefix(why, "-x");
	for (size_t i = 0; i < t->model.schema.n; i++)
		if (is_name(&t->label, t->model.schema.inputs[i].name))
			return error_set(why, "-x: \"%s\" is the label", t->model.schema.inputs[i].name);
	return 0;
}

/* A model that cannot be written is found before the data are read. */
static int check_model_path(const char *path, struct error *why)
{
	struct stat st;
	char *folder = alloc_text(path), *slash = strrchr(folder, '/');
	int result = 0;

	if (slash)
		slash[slash == folder] = '\0';
	if (!stat(path, &st) && !S_ISREG(st.st_mode))
		result = error_set(why, "-m: %s is no regular file", path);
	else if (stat(slash ? folder : ".", &st))
		result = error_set(why, "-m: %s: %s", slash ? folder : ".", strerror(errno));
	else if (access(slash ? folder : ".", W_OK))
		result = error_set(why, "-m: %s: cannot be written to: %s", slash ? folder : ".", strerror(errno));
	free(folder);
	return result;
}

static int check_use(struct train *t, struct error *why)
{
	if (!t->label_path)
		return command_misuse(&t->common, why, "the label is missing: -y PATH");
	if (t->evaluate) {
		const char *idle = t->model_path ? "-m" : t->features.n ? "-x" : t->missing_text ? "--missing" : t->kind != UNSET ? "--kind" :
		    t->l1 != UNSET ? "--l1" : t->l2 != UNSET ? "--l2" : t->class_weight != UNSET ? "--class-weight" :
		    t->holdout_text ? "--holdout" : NULL;
		return idle ? command_misuse(&t->common, why, "%s: --evaluate trains nothing", idle) : 0;
	}
	if (!t->model_path)
		return command_misuse(&t->common, why, "the model is missing: -m FILE");
	if (t->kind == MODEL_LINEAR && t->positive)
		return command_misuse(&t->common, why, "--positive: a linear model has no labels");
	if (t->kind == MODEL_LINEAR && t->class_weight == 1)
		return command_misuse(&t->common, why, "--class-weight: a linear model has no classes");
	return strcmp(t->model_path, "-") ? check_model_path(t->model_path, why) : 0;
}

static int train_setup(void *tool, struct setup *setup, struct error *why)
{
	struct train *t = tool;

	(void)setup;
	if (check_use(t, why) || parse_path(t, "-y", t->label_path, &t->label, why) ||
	    parse_path(t, "--weight", t->weight_path, &t->weight, why) || parse_path(t, "-T", t->common.time_path, &t->time, why) ||
	    parse_holdout(t, why) ||
	    (t->require_text && !(t->require = gate_compile(&t->arena, t->require_text, "--require", why))))
		return -1;
	if (schema_parse_missing(t->missing_text ? t->missing_text : "mean", &t->missing, &t->missing_number, why))
		return error_prefix(why, "--missing");
	t->kind = t->kind == UNSET ? MODEL_LOGISTIC : t->kind;
	t->l1 = t->l1 == UNSET ? 0 : t->l1;
	t->l2 = t->l2 == UNSET ? 1 : t->l2;
	t->model.kind = (enum model_kind)t->kind;
	return parse_features(t, why);
}

/* ---- reading ---- */

/* What the toolkit adds is no property of the event. */
static const char *const own_members[] = {
	"classification", "probability", "prediction", "model", "_kafka", "_in", NULL
};

static void start_growing(struct train *t, struct fields *fields)
{
	struct encode_leave leave[16];
	const struct fieldpath *paths[] = { &t->label, &t->weight, &t->time };
	static const char *const reasons[] = { NULL, NULL, "the time" };
	size_t n = 0;

	for (size_t i = 0; own_members[i]; i++)
		leave[n++] = (struct encode_leave){ own_members[i], "of an earlier stage" };
	for (size_t i = 0; i < 3; i++) {
		const struct step *last = paths[i]->n ? &paths[i]->steps[paths[i]->n - 1] : NULL;
		if (last && last->kind == STEP_NAME && is_name(paths[i], last->name))
			leave[n++] = (struct encode_leave){ last->name, reasons[i] };
	}
	t->encoder = encode_new_growing(&t->model.schema, t->missing, t->missing_number, fields, leave, n);
}

/* While reading, a missing value stays one; what stands for it is seen to when all are there. */
static void start_known(struct train *t, struct fields *fields)
{
	for (size_t i = 0; i < t->model.schema.n; i++) {
		struct input *in = &t->model.schema.inputs[i];
		in->missing = t->missing == MISSING_ERROR ? MISSING_ERROR : MISSING_KEEP;
		dataset_add_column(&t->rows);
		dataset_add_column(&t->held_out);
	}
	t->encoder = encode_new(&t->model.schema, fields);
}

static int train_start(void *tool, struct loop *loop, struct error *why)
{
	struct train *t = tool;
	struct fields *fields = &loop->fields;

	(void)why;
	t->loop = loop;
	t->label_slot = fields_read(fields, &t->label);
	t->weight_slot = t->weight.n ? fields_read(fields, &t->weight) : -1;
	t->time_slot = fields_read(fields, &t->time);
	if (t->evaluate) {
		t->probability_slot = fields_read_name(fields, "probability");
		t->prediction_slot = fields_read_name(fields, "prediction");
		t->classification_slot = fields_read_name(fields, "classification");
	} else if (t->features.n) {
		start_known(t, fields);
	} else {
		start_growing(t, fields);
	}
	return 0;
}

/* Ends the run with the status of a failed check, and leaves the old model. */
static int stopped(struct train *t)
{
	t->loop->verdict = EXIT_STOPPED;
	return -1;
}

/* The record's weight, below 0: it has become an error record. */
static double weight_of(const struct train *t, struct record *r, const struct value *v)
{
	if (t->weight_slot < 0)
		return 1;
	const struct value w = v[t->weight_slot];
	if (value_is_number(w) && value_double(w) >= 0)
		return value_double(w);
	record_fail(r, INVALID_DATA, "--weight: %s is %s, not a number, 0 or greater", t->weight_path,
	    value_is_number(w) ? "below 0" : value_kind(w));
	return -1;
}

static bool is_label(const struct train *t, struct record *r, struct value label, bool regression)
{
	if (value_is_number(label) || label.type == VALUE_BOOL || (!regression && label.type == VALUE_STRING))
		return true;
	record_fail(r, INVALID_DATA, "label: %s is %s, not %s", t->label_path, value_kind(label),
	    regression ? "a number" : "a string, a number or a boolean");
	return false;
}

/* A third label ends the run. */
static int stopped_at(struct train *t, const struct record *r, struct error *why)
{
	error_prefix(why, "%s:%llu: label %s", r->at.source, (unsigned long long)r->at.line, t->label_path);
	return stopped(t);
}

static double number_of(struct value v)
{
	return v.type == VALUE_BOOL ? v.truth : value_double(v);
}

/* By the line as it came: the same records are held out in every run, on every machine, and in a chain. */
static bool is_held_out(struct train *t, const struct record *r)
{
	if (!(t->holdout > 0))
		return false;
	buf_clear(&t->line);
	record_write(r, &t->line);
	return (double)hash_bytes(t->line.data, t->line.len - 1) < t->holdout / 100 * 0x1p64;
}

static void note_time(struct train *t, const struct value *v)
{
	struct error ignored;
	int64_t at;

	if (value_is_null(v[t->time_slot]) || eventtime_from(v[t->time_slot], t->common.time_unit, &at, &ignored))
		return;
	t->from = t->from == EVENTTIME_NONE || at < t->from ? at : t->from;
	t->to = t->to == EVENTTIME_NONE || at > t->to ? at : t->to;
}

static int train_record(struct train *t, struct record *r, const struct value *v, struct error *why)
{
	const struct value label = v[t->label_slot];
	const bool regression = t->kind == MODEL_LINEAR;
	struct encode_fault fault;
	enum encode_result result;
	const double *x;
	double weight, answer;

	if (value_is_null(label)) {
		t->unlabelled++;
		return 0;
	}
	if (!is_label(t, r, label, regression) || (weight = weight_of(t, r, v)) < 0)
		return 0;
	if ((result = encode_row(t->encoder, v, &x, &fault)) != ENCODE_DONE) {
		struct buf text = BUF_INIT;
		encode_explain(&fault, result, &text);
		record_fail(r, result == ENCODE_MISSING ? MISSING_FEATURE : INVALID_DATA, "%s", buf_text(&text));
		buf_release(&text);
		return 0;
	}
	if (regression) {
		answer = number_of(label);
	} else {
		const int i = labels_add(&t->labels, label, why);
		if (i < 0)
			return stopped_at(t, r, why);
		answer = i;
	}
	struct dataset *to = is_held_out(t, r) ? &t->held_out : &t->rows;
	while (to->columns < t->model.schema.n)
		dataset_add_column(to);
	dataset_add(to, x, answer, weight);
	note_time(t, v);
	return 0;
}

static int evaluate_record(struct train *t, struct record *r, const struct value *v, struct error *why)
{
	const struct value label = v[t->label_slot], probability = v[t->probability_slot], prediction = v[t->prediction_slot];
	struct judged *j = &t->judged;
	double weight;

	if (value_is_null(label)) {
		t->unlabelled++;
		return 0;
	}
	if (!j->n)
		j->regression = value_is_null(probability) && !value_is_null(prediction);
	const struct value score = j->regression ? prediction : probability;
	if (value_is_null(score)) {
		t->unpredicted++;
		return 0;
	}
	if (!value_is_number(score) || (!j->regression && !(value_double(score) >= 0 && value_double(score) <= 1))) {
		record_fail(r, INVALID_DATA, "%s is %s", j->regression ? "prediction" : "probability",
		    value_is_number(score) ? "not from 0 to 1" : value_kind(score));
		return 0;
	}
	if (!is_label(t, r, label, j->regression) || (weight = weight_of(t, r, v)) < 0)
		return 0;
	if (j->regression)
		judged_add_value(j, value_double(score), number_of(label), weight);
	else if (judged_add(j, value_double(score), label, v[t->classification_slot], weight, why))
		return stopped_at(t, r, why);
	return 0;
}

static int train_records(void *tool, struct record **r, size_t n, struct next *next, struct error *why)
{
	struct train *t = tool;

	for (size_t i = 0; i < n; i++) {
		const struct value *v = record_values(r[i]);
		if (v && (t->evaluate ? evaluate_record : train_record)(t, r[i], v, why))
			return -1;
	}
	return next_pass(next, r, n, why);
}

/* ---- judging ---- */

static int check_require(struct train *t, const struct quality *q, struct error *why)
{
	return !t->require || gate_test(t->require, q, why) > 0 ? 0 : stopped(t);
}

/* "12 records without a label" and the like. */
static void note_skipped(const struct train *t)
{
	char n[NUMBER_SHOW_MAX];

	if (t->unlabelled)
		command_note(&t->common, "%s records without a label were skipped", number_group(t->unlabelled, n));
	if (t->unpredicted)
		command_note(&t->common, "%s records without a %s were skipped", number_group(t->unpredicted, n),
		    t->judged.regression ? "prediction" : "probability");
}

static int finish_evaluation(struct train *t, struct error *why)
{
	struct buf b = BUF_INIT;
	struct quality q;
	const char *positive;

	note_skipped(t);
	if (judged_quality(&t->judged, t->positive, &q, &positive, why))
		return stopped(t);
	report_json(&b, positive, &q);
	fwrite(b.data, 1, b.len, stdout);	/* command.c looks at stdout's state */
	buf_release(&b);
	return check_require(t, &q, why);
}

/* ---- training ---- */

/* Of a growing schema: inputs without values go, and of top-level members those that look like ids. */
static void settle_features(struct train *t, struct buf *left_out)
{
	const bool ids = encode_is_top_level(t->encoder);
	struct schema *s = &t->model.schema;
	struct encode_leave leave;
	size_t at = 0;

	while (encode_left_out(t->encoder, &at, &leave))
		buf_format(left_out, "%s%s (%s)", left_out->len ? ", " : "", leave.name, leave.reason);
	for (size_t j = s->n; j--;) {
		const bool any = dataset_any(&t->rows, j), is_id = any && ids && dataset_is_id(&t->rows, j);
		if (any && !is_id)
			continue;
		if (is_id)
			buf_format(left_out, "%s%s (a different integer in each row)", left_out->len ? ", " : "", s->inputs[j].name);
		schema_drop(s, j);
		dataset_drop(&t->rows, j);
		dataset_drop(&t->held_out, j);
	}
	size_t *order = alloc_bytes((s->n + 1) * sizeof *order);
	schema_sort(s, order);
	dataset_sort(&t->rows, order);
	dataset_sort(&t->held_out, order);
	free(order);
}

/* Everything that a model needs is there; else -1 and why. */
static int settle(struct train *t, struct buf *left_out, struct error *why)
{
	struct schema *s = &t->model.schema;

	if (!t->rows.rows && t->held_out.rows)
		return error_set(why, "every record with a label is held out");
	if (!t->rows.rows)
		return error_set(why, t->unlabelled ? "no record has a label (-y %s)" : "no record to learn from (-y %s)", t->label_path);
	if (t->kind == MODEL_LOGISTIC) {
		const int positive = labels_positive(&t->labels, t->positive, why);
		size_t n = 0;
		if (positive < 0)
			return -1;
		if (!positive) {
			dataset_turn(&t->rows);
			dataset_turn(&t->held_out);
		}
		t->model.labels[0] = alloc_text(t->labels.label[!positive].text);
		t->model.labels[1] = alloc_text(t->labels.label[positive].text);
		t->model.positive = 1;
		for (size_t i = 0; i < t->rows.rows; i++)
			n += dataset_answer(&t->rows, i) > 0;
		if (!n || n == t->rows.rows)
			return error_set(why, "one class only: every row that is not held out is \"%s\"", t->model.labels[n > 0]);
		t->model.training.positives = n;
	}
	while (t->rows.columns < s->n)
		dataset_add_column(&t->rows);
	while (t->held_out.columns < s->n)
		dataset_add_column(&t->held_out);
	dataset_seal(&t->rows);
	dataset_seal(&t->held_out);
	if (!t->features.n)
		settle_features(t, left_out);
	for (size_t j = 0; j < s->n; j++) {
		if (!dataset_any(&t->rows, j))
			return error_set(why, "feature %s: no row has a value", s->inputs[j].name);
		s->inputs[j].missing = t->missing;
		s->inputs[j].number = t->missing_number;
	}
	return s->n ? 0 : error_set(why, "no feature to learn from: no number in `features` or in the records%s%s",
	    left_out->len ? "; left out: " : "", left_out->len ? buf_text(left_out) : "");
}

/* A table on stderr; the text is used up. */
static void print(const struct train *t, struct buf *b)
{
	if (!t->common.quiet && b->len)
		fwrite(b->data, 1, b->len, stderr);
	buf_release(b);
	*b = BUF_INIT;
}

static void show_step(void *self, const struct problem *p, unsigned step, double objective, double gradient)
{
	struct buf b = BUF_INIT;

	if (!step)
		report_head(&b);
	report_step(&b, p, step, objective, gradient);
	print(self, &b);
}

/* What was taken, before the table. */
static void show_data(const struct train *t, const struct buf *left_out)
{
	struct buf b = BUF_INIT;
	char n[NUMBER_SHOW_MAX];

	buf_add_text(&b, "features:");
	for (size_t j = 0; j < t->model.schema.n; j++)
		buf_format(&b, " %s%s", t->model.schema.inputs[j].name, j + 1 < t->model.schema.n ? "," : "");
	command_note(&t->common, "%s", buf_text(&b));
	buf_release(&b);
	if (left_out->len)
		command_note(&t->common, "left out: %.*s", (int)left_out->len, left_out->data);
	if (t->kind == MODEL_LOGISTIC)
		for (int i = 0; i < 2; i++) {
			const struct label *l = &t->labels.label[i];
			command_note(&t->common, "label %s: %s rows%s", l->text, number_group(l->rows, n),
			    strcmp(l->text, t->model.labels[1]) ? "" : " (positive)");
		}
	note_skipped(t);
}

/* What the data were like: missing values, constants. */
static void show_figures(const struct train *t, const struct fit_report *report)
{
	struct buf constant = BUF_INIT, missing = BUF_INIT;

	for (size_t j = 0; j < t->model.schema.n; j++) {
		const struct column_figures *f = &report->columns[j];
		const char *name = t->model.schema.inputs[j].name;
		if (!(f->deviation > 0))
			buf_format(&constant, "%s%s", constant.len ? ", " : "", name);
		if (f->n < t->rows.rows)
			buf_format(&missing, "%s%s %.3g%%", missing.len ? ", " : "", name,
			    100 * (1 - (double)f->n / (double)t->rows.rows));
	}
	if (missing.len)
		command_note(&t->common, "missing values (%s stands for them): %s",
		    t->missing == MISSING_MEAN ? "the mean" : t->missing_text, buf_text(&missing));
	if (constant.len)
		command_note(&t->common, "constant, contributes nothing: %s", buf_text(&constant));
	buf_release(&constant);
	buf_release(&missing);
}

static void judge(const struct train *t, const struct scored *rows, size_t n, struct quality *q)
{
	if (t->kind == MODEL_LOGISTIC)
		metrics_binary(rows, n, t->model.threshold, q);
	else
		metrics_regression(rows, n, q);
}

static void judge_held_out(struct train *t, struct quality *q)
{
	struct scored *rows = alloc_bytes((t->held_out.rows + 1) * sizeof *rows);

	fit_scale(&t->model, &t->held_out);
	fit_scores(&t->model, &t->held_out, rows);
	judge(t, rows, t->held_out.rows, q);
	free(rows);
}

static void remember(struct train *t, const struct quality *q, const struct quality *held, char from[EVENTTIME_SHOW_MAX],
    char to[EVENTTIME_SHOW_MAX])
{
	struct model_training *m = &t->model.training;

	m->known = true;
	m->tool = "sml-train " SML_VERSION;
	m->rows = q->rows;
	m->loss = q->loss;
	m->auc = q->auc;
	m->accuracy = q->accuracy;
	if (t->from != EVENTTIME_NONE) {
		eventtime_show(t->from, from);
		eventtime_show(t->to, to);
		m->from = from;
		m->to = to;
	}
	m->holdout = t->holdout;
	if (held) {
		m->holdout_rows = held->rows;
		m->holdout_loss = held->loss;
		m->holdout_auc = held->auc;
		m->holdout_accuracy = held->accuracy;
	}
}

static int save(struct train *t, struct error *why)
{
	struct buf b = BUF_INIT;

	if (strcmp(t->model_path, "-"))
		return modelfile_save(&t->model, t->model_path, why);
	modelfile_show(&t->model, &b, true);
	fwrite(b.data, 1, b.len, stdout);
	buf_release(&b);
	return 0;
}

static int finish_training(struct train *t, struct error *why)
{
	const struct fit fit = { t->l1, t->l2, t->class_weight == 1, { show_step, t } };
	char from[EVENTTIME_SHOW_MAX], to[EVENTTIME_SHOW_MAX];
	struct fit_report report = {0};
	struct quality q, held;
	struct buf text = BUF_INIT;
	int result;

	result = settle(t, &text, why);
	if (!result)
		show_data(t, &text);
	buf_release(&text);
	text = BUF_INIT;
	if (result)
		return stopped(t);
	result = fit_model(&t->model, &t->rows, &fit, &report, why);
	if (!result)
		show_figures(t, &report);
	free(report.columns);
	if (result)
		return stopped(t);
	judge(t, report.scores, t->rows.rows, &q);
	free(report.scores);
	if (t->held_out.rows)
		judge_held_out(t, &held);
	report_quality(&text, t->kind == MODEL_LINEAR, &q, t->held_out.rows ? &held : NULL);
	print(t, &text);
	if (check_require(t, t->held_out.rows ? &held : &q, why))
		return -1;
	remember(t, &q, t->held_out.rows ? &held : NULL, from, to);
	if (save(t, why))
		return -1;
	command_tell(&t->common, "%s: model %s, solver %s, %u steps", t->model_path, t->model.id, report.solver, t->model.training.steps);
	return 0;
}

static int train_finish(void *tool, enum end how, struct next *next, struct error *why)
{
	struct train *t = tool;

	(void)next;
	if (how == END_LOST)
		return 0;
	return t->evaluate ? finish_evaluation(t, why) : finish_training(t, why);
}

static void train_metrics(void *tool, struct metrics *m)
{
	const struct train *t = tool;

	stats_add(m, "rows_total", "counter", "Records with a label that were used.", NULL,
	    (double)(t->rows.rows + t->held_out.rows + t->judged.n));
	stats_add(m, "unlabelled_total", "counter", "Records without a label.", NULL, (double)t->unlabelled);
}

static void train_release(void *tool)
{
	struct train *t = tool;

	encode_free(t->encoder);
	model_release(&t->model);
	labels_release(&t->labels);
	dataset_release(&t->rows);
	dataset_release(&t->held_out);
	judged_release(&t->judged);
	buf_release(&t->line);
	arena_release(&t->arena);
}

static const char *const examples[] = {
	"sml-train -y label -m model.json features.jsonl",
	"sml-train -y label -x total,items[0],color=red --holdout 20% -m model.json features.jsonl",
	"sml-classify -m model.json test.jsonl | sml-train -y label --evaluate --require 'auc >= 0.8'",
	NULL
};

static const char *const daily[] = {
	"label", "model", "features", "kind", "positive", "l2", "missing", "holdout", "evaluate", "require", "quiet", "help", NULL
};

static const struct opt options[] = {
	OPT_TEXT('y', "label", "PATH", struct train, label_path, "the label; records without one are skipped"),
	OPT_MODEL(struct train, model_path),
	OPT_LIST('x', "features", "LIST", struct train, features, "inputs: total,items[0],color=red (all numbers)"),
	OPT_CHOICE(0, "kind", "logistic|linear", struct train, kind, "what is learned (logistic)"),
	OPT_TEXT(0, "positive", "LABEL", struct train, positive, "the label whose probability is learned (1, true, else the rarer)"),
	OPT_TEXT(0, "weight", "PATH", struct train, weight_path, "what each record counts (1)"),
	OPT_TEXT(0, "missing", "mean|error|VALUE", struct train, missing_text, "what stands for a missing value (mean)"),
	OPT_NUMBER(0, "l2", "LAMBDA", struct train, l2, 0, 1e300, "add LAMBDA/2 times the sum of squared weights (1)"),
	OPT_NUMBER(0, "l1", "LAMBDA", struct train, l1, 0, 1e300, "add LAMBDA times the sum of absolute weights (0)"),
	OPT_CHOICE(0, "class-weight", "none|balanced", struct train, class_weight, "balanced: each class counts the same in all"),
	OPT_TEXT(0, "holdout", "N%", struct train, holdout_text, "keep N% of the records for judging, by their hash"),
	OPT_FLAG(0, "evaluate", struct train, evaluate, "train nothing: judge probability or prediction by the label"),
	OPT_TEXT(0, "require", "EXPR", struct train, require_text, "what the figures must satisfy, else no model and exit 3"),
	COMMON_OPTIONS(struct train),
	OPT_END
};

extern const struct command train_command;

const struct command train_command = {
	.name = "sml-train",
	.purpose = "learn a model from labelled records, or judge its predictions",
	.usage = "-y PATH -m FILE [options] [FILE...]\n-y PATH --evaluate [options] [FILE...]",
	.examples = examples,
	.daily = daily,
	.options = options,
	.size = sizeof(struct train),
	.defaults = train_defaults,
	.setup = train_setup,
	.tool = {
		.name = "train", .start = train_start, .records = train_records, .finish = train_finish, .metrics = train_metrics,
	},
	.writes_no_records = true,
	.release = train_release,
};
