/* SPDX-License-Identifier: MIT */
/*
 * sml-train - gather labelled records, run a solver, save a model, report; or, with --evaluate, judge predictions.
 *
 * Knows neither the model's file format nor a solver's maths.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/number.h"
#include "cli/command.h"
#include "cli/version.h"
#include "feature/gate.h"
#include "feature/gather.h"
#include "model/fit.h"
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

	struct arena arena;
	const struct gate *require;
	struct gather gather;
	struct model model;
	struct loop *loop;
	bool has_head;		/* of the table of steps */
};

enum { UNSET = -1 };

/* ---- setting up ---- */

static void train_defaults(void *tool)
{
	struct train *t = tool;

	t->kind = t->class_weight = UNSET;
	t->l1 = t->l2 = UNSET;
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
	    !number_parse_double(arena_copy(&t->arena, t->holdout_text, len - 1), &t->gather.holdout, &ignored) &&
	    t->gather.holdout > 0 && t->gather.holdout < 100)
		return 0;
	return command_misuse(&t->common, why, "--holdout: \"%s\" is not a percentage between 0%% and 100%%, as 20%%", t->holdout_text);
}

/* What -x names, in its order. */
static int parse_features(struct train *t, struct error *why)
{
	const struct fieldpath *label = &t->gather.label;

	for (size_t i = 0; i < t->features.n; i++)
		if (schema_parse_list(&t->model.schema, t->features.items[i], t->gather.missing, t->gather.missing_number, why))
			return error_prefix(why, "-x");
	for (size_t i = 0; i < t->model.schema.n; i++) {
		const char *name = t->model.schema.inputs[i].name;
		if (!strcmp(name, t->label_path) || (label->n == 1 && label->steps[0].kind == STEP_NAME && !strcmp(name, label->steps[0].name)))
			return error_set(why, "-x: \"%s\" is the label", name);
	}
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
	if (t->kind > MODEL_LOGISTIC && t->positive)
		return command_misuse(&t->common, why, t->kind == MODEL_LINEAR ? "--positive: a linear model has no labels" :
		    "--positive: a %s model has the probability of each label", model_kind_names[t->kind]);
	if (t->kind == MODEL_SOFTMAX && t->l1 > 0)
		return command_misuse(&t->common, why, "--l1: softmax is learned with --l2 alone; one-vs-rest takes both");
	if (t->kind == MODEL_LINEAR && t->class_weight == 1)
		return command_misuse(&t->common, why, "--class-weight: a linear model has no classes");
	return strcmp(t->model_path, "-") ? check_model_path(t->model_path, why) : 0;
}

static int train_setup(void *tool, struct setup *setup, struct error *why)
{
	struct train *t = tool;
	struct gather *g = &t->gather;

	(void)setup;
	if (check_use(t, why) || parse_path(t, "-y", t->label_path, &g->label, why) ||
	    parse_path(t, "--weight", t->weight_path, &g->weight, why) || parse_path(t, "-T", t->common.time_path, &g->time, why) ||
	    parse_holdout(t, why) ||
	    (t->require_text && !(t->require = gate_compile(&t->arena, t->require_text, "--require", why))))
		return -1;
	if (schema_parse_missing(t->missing_text ? t->missing_text : "mean", &g->missing, &g->missing_number, why))
		return error_prefix(why, "--missing");
	t->l1 = t->l1 == UNSET ? 0 : t->l1;
	t->l2 = t->l2 == UNSET ? 1 : t->l2;
	t->model.kind = t->kind == UNSET ? MODEL_LOGISTIC : (enum model_kind)t->kind;
	g->label_text = t->label_path;
	g->weight_text = t->weight_path;
	g->time_unit = t->common.time_unit;
	g->regression = t->model.kind == MODEL_LINEAR;
	g->labels.many = t->model.kind == MODEL_SOFTMAX || t->model.kind == MODEL_ONE_VS_REST;
	/* What is judged by --evaluate shows only in the data. */
	if (t->require && !t->evaluate && gate_check(t->require, g->regression ? METRICS_REGRESSION :
	    g->labels.many ? METRICS_LABELS : METRICS_BINARY, why))
		return -1;
	g->grows = !t->features.n;
	return parse_features(t, why);
}

/* ---- reading ---- */

static int train_start(void *tool, struct loop *loop, struct error *why)
{
	struct train *t = tool;

	(void)why;
	t->loop = loop;
	gather_start(&t->gather, t->evaluate ? NULL : &t->model, &loop->fields);
	return 0;
}

/* Ends the run with the status of a failed check, and leaves the old model. */
static int stopped(struct train *t)
{
	t->loop->verdict = EXIT_STOPPED;
	return -1;
}

static int train_records(void *tool, struct record **r, size_t n, struct next *next, struct error *why)
{
	struct train *t = tool;

	for (size_t i = 0; i < n; i++) {
		const struct value *v = record_values(r[i]);
		if (v && gather_record(&t->gather, r[i], v, why))
			return stopped(t);
	}
	return next_pass(next, r, n, why);
}

/* ---- judging ---- */

static int check_require(struct train *t, const struct quality *q, struct error *why)
{
	return !t->require || gate_test(t->require, q, why) > 0 ? 0 : stopped(t);
}

static void note_skipped(const struct train *t)
{
	const struct gather *g = &t->gather;
	char n[NUMBER_SHOW_MAX];

	if (g->unlabelled)
		command_note(&t->common, "skipped, without a label: %s", number_group(g->unlabelled, n));
	if (g->unpredicted)
		command_note(&t->common, "skipped, without a %s: %s", g->judged.regression ? "prediction" : "probability",
		    number_group(g->unpredicted, n));
}

static int finish_evaluation(struct train *t, struct error *why)
{
	struct buf b = BUF_INIT;
	struct quality q;
	const char *positive;

	note_skipped(t);
	if (!t->gather.judged.n ? gather_nothing(&t->gather, why) :
	    judged_quality(&t->gather.judged, t->positive, &q, &positive, why))
		return stopped(t);
	if (q.auc < 0.5)
		command_note(&t->common, "auc %g is below 0.5: is \"%.100s\" the positive label? (--positive)", floor(q.auc * 1000) / 1000, positive);
	report_json(&b, positive, &q);
	fwrite(b.data, 1, b.len, stdout);	/* command.c looks at stdout's state */
	buf_release(&b);
	return check_require(t, &q, why);
}

/* ---- training ---- */

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
	struct train *t = self;
	struct buf b = BUF_INIT;

	if (!t->has_head)
		report_head(&b);
	t->has_head = true;
	report_step(&b, p, step, objective, gradient);
	print(t, &b);
}

static void show_part(void *self, size_t output)
{
	struct train *t = self;
	struct buf b = BUF_INIT;

	if (!t->has_head)
		report_head(&b);
	t->has_head = true;
	report_part(&b, t->model.labels[output]);
	print(t, &b);
}

static void show_labels(const struct train *t)
{
	const struct labels *labels = &t->gather.labels;
	int *place = alloc_bytes((size_t)labels->n * sizeof *place);
	char n[NUMBER_SHOW_MAX];

	labels_sort(labels, place);
	for (int k = 0; k < labels->n; k++)
		for (int i = 0; i < labels->n; i++)
			if (place[i] == k) {
				const struct label *l = &labels->label[i];
				command_note(&t->common, "label %s: %s row%s%s", l->text, number_group(l->rows, n), number_s(l->rows),
				    t->model.kind == MODEL_LOGISTIC && !strcmp(l->text, t->model.labels[1]) ? " (positive)" : "");
			}
	free(place);
}

/* What was taken, before the table. */
static void show_data(const struct train *t, const struct buf *left_out)
{
	struct buf b = BUF_INIT;

	buf_add_text(&b, "features:");
	for (size_t j = 0; j < t->model.schema.n; j++)
		buf_format(&b, " %s%s", t->model.schema.inputs[j].name, j + 1 < t->model.schema.n ? "," : "");
	command_note(&t->common, "%s", buf_text(&b));
	buf_release(&b);
	if (left_out->len)
		command_note(&t->common, "left out: %.*s", (int)left_out->len, left_out->data);
	show_labels(t);
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
		if (f->n < t->gather.rows.rows)
			buf_format(&missing, "%s%s %.3g%%", missing.len ? ", " : "", name,
			    100 * (1 - (double)f->n / (double)t->gather.rows.rows));
	}
	if (missing.len)
		command_note(&t->common, "missing values (%s stands for them): %s",
		    t->gather.missing == MISSING_MEAN ? "the mean" : t->missing_text, buf_text(&missing));
	if (constant.len)
		command_note(&t->common, "constant, contributes nothing: %s", buf_text(&constant));
	buf_release(&constant);
	buf_release(&missing);
}

static void judge_held_out(struct train *t, const struct fit_scores *training, const struct quality *trained, struct quality *q)
{
	struct fit_scores scores;

	fit_scale(&t->model, &t->gather.held_out);
	fit_score(&t->model, &t->gather.held_out, &scores);
	fit_judge_held_out(&t->model, &scores, training, trained, q);
	fit_scores_release(&scores);
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
	if (t->gather.from != EVENTTIME_NONE) {
		eventtime_show(t->gather.from, from);
		eventtime_show(t->gather.to, to);
		m->from = from;
		m->to = to;
	}
	m->holdout = t->gather.holdout;
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
	struct gather *g = &t->gather;
	const struct fit fit = { t->l1, t->l2, t->class_weight == 1, { show_step, t }, show_part };
	char from[EVENTTIME_SHOW_MAX], to[EVENTTIME_SHOW_MAX];
	struct fit_report report = {0};
	struct quality q, held;
	struct buf text = BUF_INIT;
	int result;

	/* Half a fit is no model: a signal now ends the process, and leaves the old one. */
	loop_end_at_once(true);
	result = gather_finish(g, t->positive, &text, why);
	if (!result)
		show_data(t, &text);
	buf_release(&text);
	text = BUF_INIT;
	if (result)
		return stopped(t);
	result = fit_model(&t->model, &g->rows, &fit, &report, why);
	if (!result)
		show_figures(t, &report);
	free(report.columns);
	if (result)
		return stopped(t);
	dataset_release(&g->rows);	/* judging needs its memory, and not the rows */
	fit_judge(&t->model, &report.scores, &q);
	if (g->held_out.rows)
		judge_held_out(t, &report.scores, &q, &held);
	fit_scores_release(&report.scores);
	report_quality(&text, &q, g->held_out.rows ? &held : NULL);
	print(t, &text);
	if (check_require(t, g->held_out.rows ? &held : &q, why))
		return -1;
	remember(t, &q, g->held_out.rows ? &held : NULL, from, to);
	loop_end_at_once(false);
	if (save(t, why))
		return -1;
	command_tell(&t->common, "%s: model %s, solver %s, %u step%s", t->model_path, t->model.id, report.solver, t->model.training.steps,
	    number_s(t->model.training.steps));
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

	stats_add(m, "rows_total", "counter", "Records with a label that were used.", NULL, (double)t->gather.used);
	stats_add(m, "unlabelled_total", "counter", "Records without a label.", NULL, (double)t->gather.unlabelled);
}

static void train_release(void *tool)
{
	struct train *t = tool;

	gather_release(&t->gather);
	model_release(&t->model);
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
	OPT_CHOICE(0, "kind", "logistic|linear|softmax|one-vs-rest", struct train, kind, "what is learned (logistic)"),
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
