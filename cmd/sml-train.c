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
#include "base/savefile.h"
#include "cli/command.h"
#include "cli/version.h"
#include "feature/evaluation.h"
#include "feature/gate.h"
#include "feature/gather.h"
#include "model/fit.h"
#include "model/modelfile.h"
#include "model/report.h"
#include "model/trees.h"
#include "stream/stats.h"

struct train {
	struct common common;
	const char *label_path, *model_path, *positive, *weight_path, *missing_text, *holdout_text, *require_text, *by_text;
	struct opt_list features;
	int kind, class_weight;
	double l1, l2, learning_rate, subsample;
	int64_t max_depth, min_leaf, rounds, seed;
	bool evaluate, regression;

	struct arena arena;
	const struct gate *require;
	struct gather gather;
	struct model model;
	struct loop *loop;
	bool has_head;		/* of the table of steps */
};

enum { UNSET = -1 };

/* The words of --kind, in its order, and what they are. */
#define KINDS "logistic|linear|softmax|one-vs-rest|tree|gbt"
static const enum model_kind kinds[] = { MODEL_LOGISTIC, MODEL_LINEAR, MODEL_SOFTMAX, MODEL_ONE_VS_REST, MODEL_TREE, MODEL_XGBOOST };

/* ---- setting up ---- */

static void train_defaults(void *tool)
{
	struct train *t = tool;

	t->kind = t->class_weight = UNSET;
	t->l1 = t->l2 = t->learning_rate = t->subsample = UNSET;
	t->max_depth = t->min_leaf = t->rounds = t->seed = UNSET;
}

static bool learns_trees(const struct train *t)
{
	return t->model.kind == MODEL_TREE || t->model.kind == MODEL_XGBOOST;
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

static int check_evaluation(struct train *t, struct error *why)
{
	const struct { const char *name; bool given; } idle[] = {
		{ "-m", t->model_path }, { "-x", t->features.n }, { "--missing", t->missing_text }, { "--kind", t->kind != UNSET },
		{ "--l1", t->l1 != UNSET }, { "--l2", t->l2 != UNSET }, { "--class-weight", t->class_weight != UNSET },
		{ "--regression", t->regression }, { "--max-depth", t->max_depth != UNSET }, { "--min-leaf", t->min_leaf != UNSET },
		{ "--rounds", t->rounds != UNSET }, { "--learning-rate", t->learning_rate != UNSET },
		{ "--subsample", t->subsample != UNSET }, { "--seed", t->seed != UNSET }, { "--holdout", t->holdout_text }
	};

	for (size_t i = 0; i < sizeof idle / sizeof *idle; i++)
		if (idle[i].given)
			return command_misuse(&t->common, why, "%s: --evaluate trains nothing", idle[i].name);
	return 0;
}

static bool ends_with(const char *name, const char *end)
{
	const size_t n = strlen(name), m = strlen(end);

	return n >= m && !strcmp(name + n - m, end);
}

/* Options that are of some kinds alone. */
static int check_kind(struct train *t, struct error *why)
{
	const enum model_kind kind = t->model.kind;
	const bool trees = learns_trees(t), gbt = kind == MODEL_XGBOOST;
	const struct { const char *name; bool given, fits; const char *is_of; } rules[] = {
		{ "--regression", t->regression, trees || kind == MODEL_LINEAR, "numbers are learned by linear, tree and gbt" },
		{ "--max-depth", t->max_depth != UNSET, trees, "is of tree and gbt" },
		{ "--min-leaf", t->min_leaf != UNSET, trees, "is of tree and gbt" },
		{ "--rounds", t->rounds != UNSET, gbt, "is of gbt" }, { "--learning-rate", t->learning_rate != UNSET, gbt, "is of gbt" },
		{ "--subsample", t->subsample != UNSET, gbt, "is of gbt" }, { "--seed", t->seed != UNSET, gbt, "is of gbt" },
		{ "--l1", t->l1 != UNSET, kind != MODEL_TREE, "a tree is learned without a penalty" },
		{ "--l2", t->l2 != UNSET, kind != MODEL_TREE, "a tree is learned without a penalty" },
		{ "--missing", t->gather.missing == MISSING_KEEP, trees, "branch is of tree and gbt" },
		{ "--missing", t->gather.missing != MISSING_KEEP, !gbt, "of gbt it is branch" },
		{ "-m", ends_with(t->model_path, ".ubj"), !gbt, "the file of gbt is JSON, which XGBoost does not read by this name: call it .json" },
		{ "--positive", t->positive, kind != MODEL_LINEAR, "a linear model has no labels" },
		{ "--class-weight", t->class_weight == 1, kind != MODEL_LINEAR, "a linear model has no classes" },
		{ "--positive", t->positive, !t->regression, "numbers have no labels" },
		{ "--class-weight", t->class_weight == 1, !t->regression, "numbers have no classes" },
	};

	for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
		if (rules[i].given && !rules[i].fits)
			return command_misuse(&t->common, why, "%s: %s", rules[i].name, rules[i].is_of);
	return t->positive && (kind == MODEL_SOFTMAX || kind == MODEL_ONE_VS_REST) ?
	    command_misuse(&t->common, why, "--positive: a %s model has the probability of each label", model_kind_names[kind]) : 0;
}

static int check_training(struct train *t, struct error *why)
{
	if (!t->model_path)
		return command_misuse(&t->common, why, "the model is missing: -m FILE");
	t->model.kind = t->kind == UNSET ? MODEL_LOGISTIC : kinds[t->kind];
	if (schema_parse_missing(t->missing_text ? t->missing_text : learns_trees(t) ? "branch" : "mean", &t->gather.missing,
	    &t->gather.missing_number, why))
		return error_prefix(why, "--missing");
	if (check_kind(t, why))
		return -1;
	if (t->model.kind == MODEL_XGBOOST && boost_check(why))
		return error_prefix(why, "--kind gbt");
	return strcmp(t->model_path, "-") ? check_model_path(t->model_path, why) : 0;
}

static int check_use(struct train *t, struct error *why)
{
	if (!t->label_path)
		return command_misuse(&t->common, why, "the label is missing: -y PATH");
	if (t->by_text && !t->evaluate)
		return command_misuse(&t->common, why, "--by: --evaluate judges by groups");
	return t->evaluate ? check_evaluation(t, why) : check_training(t, why);
}

/* The kind of figures, as far as it is known before the labels are. */
static enum metrics_kind figures_of(const struct train *t)
{
	return t->gather.regression ? METRICS_REGRESSION :
	    model_is_per_label(t->model.kind, (size_t)t->gather.labels.n) ? METRICS_LABELS : METRICS_BINARY;
}

static int train_setup(void *tool, struct setup *setup, struct error *why)
{
	struct train *t = tool;
	struct gather *g = &t->gather;

	(void)setup;
	if (check_use(t, why) || parse_path(t, "-y", t->label_path, &g->label, why) ||
	    parse_path(t, "--by", t->by_text, &g->predictions.by, why) ||
	    parse_path(t, "--weight", t->weight_path, &g->weight, why) || parse_path(t, "-T", t->common.time_path, &g->time, why) ||
	    parse_holdout(t, why) ||
	    (t->require_text && !(t->require = gate_compile(&t->arena, t->require_text, "--require",
	    t->by_text ? GATE_SHADOWS | GATE_GROUPS : t->evaluate ? GATE_SHADOWS : GATE_FIGURES, why))))
		return -1;
	g->label_text = t->label_path;
	g->weight_text = t->weight_path;
	g->predictions.by_text = t->by_text;
	g->time_unit = t->common.time_unit;
	g->regression = t->model.kind == MODEL_LINEAR || t->regression;
	g->labels.many = learns_trees(t) || model_is_per_label(t->model.kind, 2);
	/* What is judged by --evaluate shows only in the data. */
	if (t->require && !t->evaluate && gate_check(t->require, figures_of(t), why))
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

static int check_require(struct train *t, const struct gate_figures *figures, struct error *why)
{
	return !t->require || gate_test(t->require, figures, why) > 0 ? 0 : stopped(t);
}

static void note_skipped(const struct train *t)
{
	static const char *const what[METRICS_KINDS] = { "a probability", "probabilities", "a prediction" };
	const struct gather *g = &t->gather;
	char n[NUMBER_SHOW_MAX];

	if (g->unlabelled)
		command_note(&t->common, "skipped, without a label: %s", number_group(g->unlabelled, n));
	for (size_t i = 0; i < g->predictions.n; i++) {
		const struct prediction_source *s = &g->predictions.sources[i];
		if (s->absent)
			command_note(&t->common, "%s%s%sskipped, without %s: %s", s->name ? "shadow " : "", s->name ? s->name : "",
			    s->name ? ": " : "", what[s->judged.kind], number_group(s->absent, n));
	}
	if (g->predictions.ungrouped)
		command_note(&t->common, "in no group, without %s: %s", t->by_text, number_group(g->predictions.ungrouped, n));
}

static void note_turned(const struct train *t, const struct evaluation *e)
{
	const char *positive;
	double auc;

	for (size_t i = 0; i < e->predictions->n; i++) {
		const char *name = e->predictions->sources[i].name;
		if (evaluation_seems_turned(e, i, &auc, &positive))
			command_note(&t->common, "%s%s%sauc %g is below 0.5: is \"%.100s\" the positive label? (--positive)",
			    name ? "shadow " : "", name ? name : "", name ? ": " : "", floor(auc * 1000) / 1000, positive);
	}
}

static int finish_evaluation(struct train *t, struct error *why)
{
	struct evaluation e = {0};
	struct buf b = BUF_INIT;
	int result;

	note_skipped(t);
	result = t->gather.predictions.sources->judged.n ? evaluation_judge(&e, &t->gather.predictions, t->positive, why) :
	    gather_nothing(&t->gather, why);
	if (result) {
		stopped(t);
	} else {
		note_turned(t, &e);
		evaluation_report(&e, &b);
		fwrite(b.data, 1, b.len, stdout);	/* command.c looks at stdout's state */
		result = check_require(t, &(struct gate_figures){ evaluation_find, &e }, why);
	}
	buf_release(&b);
	evaluation_release(&e);
	return result;
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
				    !model_is_per_label(t->model.kind, t->model.n_labels) && !strcmp(l->text, t->model.labels[1]) ? " (positive)" : "");
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
	if (missing.len && t->gather.missing == MISSING_KEEP)
		command_note(&t->common, "missing values (splits say where they go): %s", buf_text(&missing));
	else if (missing.len)
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

/* The file is the text that XGBoost wrote, or the model's own. */
static int save(struct train *t, struct buf *file, struct error *why)
{
	const bool to_stdout = !strcmp(t->model_path, "-");

	if (!file->len)
		modelfile_show(&t->model, file, to_stdout);
	else
		buf_add_byte(file, '\n');
	if (!to_stdout)
		return savefile_write(t->model_path, file->data, file->len, why);
	fwrite(file->data, 1, file->len, stdout);
	return 0;
}

static const struct quality *only_quality(void *self, const char *group, const char *shadow, struct error *why)
{
	(void)group;
	(void)shadow;
	(void)why;
	return self;
}

static void tell_result(const struct train *t, const struct fit_report *report)
{
	const struct model *m = &t->model;

	if (m->trees)
		command_tell(&t->common, "%s: model %s, %zu tree%s, at most %zu split%s deep", t->model_path, m->id, trees_count(m->trees),
		    number_s(trees_count(m->trees)), trees_depth(m->trees), number_s(trees_depth(m->trees)));
	else
		command_tell(&t->common, "%s: model %s, solver %s, %u step%s", t->model_path, m->id, report->solver, m->training.steps,
		    number_s(m->training.steps));
}

static struct fit fit_of(struct train *t)
{
	const double l1 = t->l1 == UNSET ? 0 : t->l1, l2 = t->l2 == UNSET ? 1 : t->l2;
	const unsigned max_depth = t->max_depth == UNSET ? 6 : (unsigned)t->max_depth;

	return (struct fit){
		.l1 = l1, .l2 = l2, .balanced = t->class_weight == 1, .watch = { show_step, t }, .watch_part = show_part,
		.cart = { .max_depth = max_depth, .min_leaf = t->min_leaf == UNSET ? 10 : (size_t)t->min_leaf },
		.boost = {
			.rounds = t->rounds == UNSET ? 100 : (unsigned)t->rounds, .max_depth = max_depth, .l1 = l1, .l2 = l2,
			.learning_rate = t->learning_rate == UNSET ? 0.3 : t->learning_rate, .min_leaf = t->min_leaf == UNSET ? 1 : (double)t->min_leaf,
			.subsample = t->subsample == UNSET ? 1 : t->subsample, .seed = t->seed == UNSET ? 0 : (unsigned)t->seed
		}
	};
}

/* The figures, the condition on them, and the file. */
static int finish_model(struct train *t, struct fit_report *report, struct error *why)
{
	struct gather *g = &t->gather;
	char from[EVENTTIME_SHOW_MAX], to[EVENTTIME_SHOW_MAX];
	struct quality q, held;
	struct buf text = BUF_INIT;

	dataset_release(&g->rows);	/* judging needs its memory, and not the rows */
	fit_judge(&t->model, &report->scores, &q);
	if (g->held_out.rows)
		judge_held_out(t, &report->scores, &q, &held);
	report_quality(&text, &q, g->held_out.rows ? &held : NULL);
	print(t, &text);
	if (check_require(t, &(struct gate_figures){ only_quality, g->held_out.rows ? &held : &q }, why))
		return -1;
	remember(t, &q, g->held_out.rows ? &held : NULL, from, to);
	loop_end_at_once(false);
	if (save(t, &report->file, why))
		return -1;
	tell_result(t, report);
	return 0;
}

static int take_data(struct train *t, struct error *why)
{
	struct buf left_out = BUF_INIT;
	const int result = gather_finish(&t->gather, t->positive, &left_out, why);

	if (!result)
		show_data(t, &left_out);
	buf_release(&left_out);
	return result || (t->require && gate_check(t->require, figures_of(t), why)) ? -1 : 0;
}

static int finish_training(struct train *t, struct error *why)
{
	const struct fit fit = fit_of(t);
	struct fit_report report = {0};
	int result;

	/* Half a fit is no model: a signal now ends the process, and leaves the old one. */
	loop_end_at_once(true);
	if (take_data(t, why))
		return stopped(t);
	result = fit_model(&t->model, &t->gather.rows, &fit, &report, why);
	if (!result)
		show_figures(t, &report);
	free(report.columns);
	result = result ? stopped(t) : finish_model(t, &report, why);
	fit_scores_release(&report.scores);
	buf_release(&report.file);
	return result;
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
	"sml-train -y label -x total,items[0],color=red --kind tree --holdout 20% -m tree.json features.jsonl",
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
	OPT_CHOICE(0, "kind", KINDS, struct train, kind, "what is learned (logistic)"),
	OPT_TEXT(0, "positive", "LABEL", struct train, positive, "the label whose probability is learned (1, true, else the rarer)"),
	OPT_TEXT(0, "weight", "PATH", struct train, weight_path, "what each record counts (1)"),
	OPT_TEXT(0, "missing", "mean|error|branch|VALUE", struct train, missing_text, "what stands for a missing value (mean; of trees branch)"),
	OPT_NUMBER(0, "l2", "LAMBDA", struct train, l2, 0, 1e300, "add LAMBDA/2 times the sum of squared weights (1)"),
	OPT_NUMBER(0, "l1", "LAMBDA", struct train, l1, 0, 1e300, "add LAMBDA times the sum of absolute weights (0)"),
	OPT_CHOICE(0, "class-weight", "none|balanced", struct train, class_weight, "balanced: each class counts the same in all"),
	OPT_FLAG(0, "regression", struct train, regression, "tree and gbt: the label is a number"),
	OPT_INTEGER(0, "max-depth", "N", struct train, max_depth, 1, 60, "tree and gbt: splits from the root to a leaf, at most (6)"),
	OPT_INTEGER(0, "min-leaf", "N", struct train, min_leaf, 1, INT32_MAX, "tree: rows in a leaf, at least (10); gbt: min_child_weight (1)"),
	OPT_INTEGER(0, "rounds", "N", struct train, rounds, 1, 100000, "gbt: trees for each output (100)"),
	OPT_NUMBER(0, "learning-rate", "R", struct train, learning_rate, 1e-9, 1, "gbt: what is taken of each tree (0.3)"),
	OPT_NUMBER(0, "subsample", "SHARE", struct train, subsample, 1e-9, 1, "gbt: the share of rows that each tree sees (1)"),
	OPT_INTEGER(0, "seed", "N", struct train, seed, 0, INT32_MAX, "gbt: which rows --subsample takes (0)"),
	OPT_TEXT(0, "holdout", "N%", struct train, holdout_text, "keep N% of the records for judging, by their hash"),
	OPT_FLAG(0, "evaluate", struct train, evaluate, "train nothing: judge probability or prediction by the label"),
	OPT_TEXT(0, "by", "PATH", struct train, by_text, "with --evaluate: judge also each value at PATH, as a variant, by itself"),
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
