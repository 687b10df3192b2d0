/* SPDX-License-Identifier: MIT */
/*
 * sml-classify - load a model; add score and label to each record; take a new model while running.
 *
 * Knows neither how a record becomes a vector nor the model's maths.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/number.h"
#include "base/snapshot.h"
#include "base/wallclock.h"
#include "cli/command.h"
#include "feature/encode.h"
#include "json/write.h"
#include "model/bands.h"
#include "model/live.h"
#include "model/modelfile.h"
#include "stream/nest.h"
#include "stream/stats.h"

#define LOOK_NS (200 * NS_PER_MS)	/* between two looks at the model's file */
#define TOLERANCE 1e-9			/* of --verify */
#define MISSING_FROM 100		/* records: of a few, each may well lack an input */
#define MISSING_SERIES 100		/* inputs: a model of more has one sum among its metrics */
#define NAMES_MAX 300			/* bytes of names in one message */

/* A text that many records get, rendered once. */
struct constant { struct value value; const char *json; size_t len; };

/* An input in messages; what is weighed with 0 does not count: nobody need give it. */
struct input_shown { const char *name; bool counts; };

struct classify {
	struct common common;
	const char *model_path, *bands_text, *nest_name;
	double threshold;			/* below 0: the model's */
	bool contributions, verify, check, explain;

	struct arena arena;
	struct bands bands;			/* n 0: none */
	struct nest nest;

	struct loop *loop;
	struct live *live;
	int64_t next_look;

	/* of the model in use */
	const struct model *model;
	struct encoder *encoder;
	struct constant id, *names;		/* names: of the bands; or negative, positive */
	double positive_from;
	struct input_shown *inputs;		/* in `rendered`: they outlive the model */
	size_t n_inputs;
	bool misfit_told;
	char kept[MODEL_ID_LEN + 1];		/* the model whose file the checkpoint has; "": none's */
	struct arena rendered;
	struct name *terms;			/* of contributions */

	const struct added *classification, *probability, *prediction, *model_member, *contributions_member;
	int probability_slot, prediction_slot;

	/* of --verify */
	uint64_t verified, absent, different;
	double worst;
	char worst_place[256];
};

static void warn(const struct classify *c, const char *text, const char *rest)
{
	dprintf(STDERR_FILENO, "%s: %s%s\n", c->common.command->name, text, rest);
}

/* ---- setting up ---- */

static void classify_defaults(void *tool)
{
	struct classify *c = tool;

	c->threshold = -1;
}

/* What the options demand of any model. */
static int suits(void *tool, const struct model *m, struct error *why)
{
	const struct classify *c = tool;

	if (m->kind == MODEL_LINEAR && (c->bands.n || c->threshold >= 0))
		return error_set(why, "is a linear model, which has no probability for %s", c->bands.n ? "--bands" : "-t");
	return 0;
}

static void explain(const struct classify *c)
{
	struct buf b = BUF_INIT;
	char p[NUMBER_SHOW_MAX];

	model_show(live_model(c->live), &b);
	if (c->bands.n || c->threshold >= 0)
		buf_add_text(&b, "options\n");
	for (size_t i = 0; i < c->bands.n; i++) {
		number_show(c->bands.bands[i].from, p);
		buf_format(&b, "  classification = %.*s if probability >= %s\n", (int)c->bands.bands[i].name.len, c->bands.bands[i].name.text, p);
	}
	if (c->threshold >= 0) {
		number_show(c->threshold, p);
		buf_format(&b, "  -t: the threshold is %s\n", p);
	}
	fwrite(b.data, 1, b.len, stdout);	/* command.c looks at stdout's state */
	buf_release(&b);
}

static void tell_model(const struct classify *c)
{
	const struct model *m = live_model(c->live);

	command_tell(&c->common, "%s: model %s (%s, %zu input%s)", live_path(c->live), m->id, model_kind_names[m->kind], m->schema.n,
	    number_s(m->schema.n));
	if (*live_stated(c->live))
		command_tell(&c->common, "%s: its id says %s; what it holds is %s", live_path(c->live), live_stated(c->live), m->id);
}

static int classify_setup(void *tool, struct setup *setup, struct error *why)
{
	struct classify *c = tool;

	if (!c->model_path)
		return command_misuse(&c->common, why, "the model is missing: -m FILE");
	if (c->bands_text && c->threshold >= 0)
		return command_misuse(&c->common, why, "-t and --bands: one of them decides");
	if (c->bands_text && bands_parse(&c->bands, c->bands_text, &c->arena, why))
		return error_prefix(why, "--bands");
	if (c->nest_name && nest_init(&c->nest, c->nest_name, &c->arena, why))
		return error_prefix(why, "--nest");
	c->live = live_open(c->model_path, suits, c, why);
	if (!c->live)
		return -1;
	if (why->text[0])
		warn(c, why->text, "; an older version is used");
	tell_model(c);
	setup->status = EXIT_DONE;
	if (c->explain)
		explain(c);
	return c->check || c->explain;
}

/* ---- values that are missing ---- */

/* Names in one message, and how many are beyond what it holds. */
struct names { struct buf text; size_t more; };

static bool add_name(struct names *l, const char *quote, const char *name)
{
	if (l->text.len >= NAMES_MAX) {
		l->more++;
		return false;
	}
	buf_format(&l->text, "%s%s%.100s%s", l->text.len ? ", " : "", quote, name, quote);
	return true;
}

static const char *end_names(struct names *l)
{
	if (l->more)
		buf_format(&l->text, " and %zu more", l->more);
	return buf_text(&l->text);
}

/* A model that was made for other records scores all of them alike: of `n` records from the first on, told once. */
static void tell_misfit(struct classify *c, uint64_t n)
{
	struct names wanted = { .more = 0 };
	char shown[NUMBER_SHOW_MAX], records[64] = "the only record";

	if (c->misfit_told)
		return;
	c->misfit_told = true;
	for (size_t i = 0; i < c->n_inputs; i++)
		if (c->inputs[i].counts)
			add_name(&wanted, "\"", c->inputs[i].name);
	if (n > 1)
		snprintf(records, sizeof records, "any of the first %s records", number_group(n, shown));
	if (wanted.text.len)
		command_note(&c->common, "no input of the model (%s) is in %s: "
		    "does sml-features come before, with the spec of the training?", end_names(&wanted), records);
	buf_release(&wanted.text);
}

/* What the records that the model has scored lacked. */
static void tell_missing(struct classify *c)
{
	const struct encode_missing *m = encode_missing(c->encoder);
	struct names never = { .more = 0 }, some = { .more = 0 };
	char n[NUMBER_SHOW_MAX];

	if (m->rows && m->blank == m->rows)
		tell_misfit(c, m->rows);
	for (size_t i = 0; i < c->n_inputs; i++) {
		if (!m->inputs[i])
			continue;
		if (m->rows >= MISSING_FROM && m->blank < m->rows && m->inputs[i] == m->rows && c->inputs[i].counts)
			add_name(&never, "\"", c->inputs[i].name);
		if (add_name(&some, "", c->inputs[i].name))
			buf_format(&some.text, " %s", number_group(m->inputs[i], n));
	}
	if (never.text.len)
		command_note(&c->common, "none of %s records has a value for %s", number_group(m->rows, n), end_names(&never));
	if (some.text.len)
		command_tell(&c->common, "missing values in %s record%s: %s", number_group(m->rows, n), number_s(m->rows),
		    end_names(&some));
	buf_release(&never.text);
	buf_release(&some.text);
}

/* ---- the model in use ---- */

static struct constant constant(struct classify *c, struct value text)
{
	struct buf b = BUF_INIT;
	struct constant k = { .value = text };

	json_write_value(&b, text);
	k.json = arena_copy(&c->rendered, b.data, b.len);
	k.len = b.len;
	buf_release(&b);
	return k;
}

static struct constant constant_of(struct classify *c, const char *text)
{
	return constant(c, value_text(text, strlen(text)));
}

/* Between batches: records of the next one find what the model reads. */
static void use_model(struct classify *c)
{
	const struct model *m = c->model = live_model(c->live);

	if (c->encoder)
		tell_missing(c);
	encode_free(c->encoder);
	c->encoder = encode_new(&m->schema, &c->loop->fields);
	arena_release(&c->rendered);
	c->misfit_told = false;
	c->n_inputs = m->schema.n;
	c->inputs = arena_get(&c->rendered, (m->schema.n + 1) * sizeof *c->inputs);
	for (size_t i = 0; i < m->schema.n; i++) {
		const struct input *in = &m->schema.inputs[i];
		c->inputs[i] = (struct input_shown){ arena_copy(&c->rendered, in->name, strlen(in->name)), model_uses(m, i) };
	}
	c->id = constant_of(c, m->id);
	c->names = arena_get(&c->rendered, (c->bands.n + 2) * sizeof *c->names);
	for (size_t i = 0; i < c->bands.n; i++)
		c->names[i] = constant(c, c->bands.bands[i].name);
	if (m->kind == MODEL_LOGISTIC && !c->bands.n) {
		c->names[0] = constant_of(c, m->labels[!m->positive]);
		c->names[1] = constant_of(c, m->labels[m->positive]);
		c->positive_from = c->threshold >= 0 ? c->threshold : m->threshold;
	}
	if (!c->contributions)
		return;
	c->terms = arena_get(&c->rendered, (m->schema.n + 1) * sizeof *c->terms);
	for (size_t i = 0; i < m->schema.n; i++)
		c->terms[i] = json_name(&c->rendered, m->schema.inputs[i].name, strlen(m->schema.inputs[i].name));
	c->terms[m->schema.n] = json_name(&c->rendered, "bias", 4);
}

static void take(struct classify *c)
{
	if (!live_take(c->live))
		return;
	use_model(c);
	tell_model(c);
}

/* Under a checkpoint what is found waits for the next barrier, so that an epoch is of one model. */
static void look(struct classify *c)
{
	const struct model *goes_on;
	struct error why;
	char rest[64];

	live_look(c->live, &why);
	if (why.text[0]) {
		goes_on = live_next(c->live) ? live_next(c->live) : live_model(c->live);
		snprintf(rest, sizeof rest, "; model %s goes on", goes_on->id);
		warn(c, why.text, rest);
	}
	if (!c->loop->protocol)
		take(c);
}

static int classify_start(void *tool, struct loop *loop, struct error *why)
{
	struct classify *c = tool;

	c->loop = loop;
	c->classification = fields_add(&loop->fields, "classification");
	c->probability = fields_add(&loop->fields, "probability");
	c->prediction = fields_add(&loop->fields, "prediction");
	c->model_member = fields_add(&loop->fields, "model");
	c->contributions_member = c->contributions ? fields_add(&loop->fields, "contributions") : NULL;
	if (!c->classification || !c->probability || !c->prediction || !c->model_member ||
	    (c->contributions && !c->contributions_member))
		return error_set(why, "too many different members are added in one chain");
	if (c->verify) {
		c->probability_slot = fields_read_name(&loop->fields, "probability");
		c->prediction_slot = fields_read_name(&loop->fields, "prediction");
	}
	use_model(c);
	c->next_look = wallclock_monotonic() + LOOK_NS;
	return 0;
}

static int64_t classify_deadline(void *tool)
{
	return ((struct classify *)tool)->next_look;
}

static int classify_tick(void *tool, int64_t now, struct next *next, struct error *why)
{
	struct classify *c = tool;

	(void)next;
	(void)why;
	c->next_look = now + LOOK_NS;
	look(c);
	return 0;
}

static int classify_reload(void *tool, struct error *why)
{
	(void)why;
	look(tool);
	return 0;
}

/* ---- under a checkpoint ---- */

static int keep(struct classify *c, struct error *why)
{
	struct protocol *p = c->loop->protocol;
	struct buf text = BUF_INIT;

	modelfile_show(c->model, &text, false);
	const int result = p->put(p, c, text.data, text.len, why);
	buf_release(&text);
	if (!result)
		memcpy(c->kept, c->model->id, sizeof c->kept);
	return result;
}

/* The state is which model scores what follows: one that waited begins here. */
static int classify_save(void *tool, struct snapshot_writer *w, struct error *why)
{
	struct classify *c = tool;

	take(c);
	if (strcmp(c->kept, c->model->id) && keep(c, why))
		return -1;
	snapshot_section(w, "model", 5);
	snapshot_row(w, "id", 2, c->model->id, MODEL_ID_LEN);
	return 0;
}

static int read_id(struct snapshot_reader *reader, char id[MODEL_ID_LEN + 1], struct error *why)
{
	int item;

	id[0] = '\0';
	while ((item = snapshot_next(reader, why)) != SNAPSHOT_END) {
		if (item < 0)
			return -1;
		if (item != SNAPSHOT_ROW || reader->key_len != 2 || memcmp(reader->key, "id", 2) || reader->value_len != MODEL_ID_LEN)
			continue;
		memcpy(id, reader->value, MODEL_ID_LEN);
		id[MODEL_ID_LEN] = '\0';
	}
	return *id ? 0 : error_set(why, "names no model");
}

/* Another model than -m's goes on until the next barrier.  The same one needs no file: where it cannot be read it is written again. */
static int classify_restore(void *tool, struct snapshot_reader *reader, struct error *why)
{
	struct classify *c = tool;
	struct protocol *p = c->loop->protocol;
	struct error reason;
	const char *path;
	char id[MODEL_ID_LEN + 1];
	size_t n;

	if (read_id(reader, id, why))
		return -1;
	const bool is_same = !strcmp(id, c->model->id);
	char *text = p->get(p, c, &path, &n, &reason);
	if (text)
		memcpy(c->kept, id, sizeof id);
	int result = 0;
	if (!is_same)
		result = text ? live_resume(c->live, path, text, n, &reason) : -1;
	free(text);
	if (result)
		return error_set(why, "model %s: %s", id, reason.text);
	if (is_same)
		return 0;
	use_model(c);
	tell_model(c);
	if (strcmp(live_next(c->live)->id, c->model->id))
		command_note(&c->common, "goes on with model %s until the next commit, then with %s", c->model->id, live_next(c->live)->id);
	return 0;
}

/* ---- records ---- */

static void verify(struct classify *c, const struct record *r, struct value came, double score)
{
	char a[NUMBER_SHOW_MAX] = "no number", b[NUMBER_SHOW_MAX];

	if (value_is_null(came)) {
		c->absent++;
		return;
	}
	c->verified++;
	const double distance = value_is_number(came) ? fabs(value_double(came) - score) : INFINITY;
	if (!(distance > TOLERANCE))
		return;
	c->different++;
	if (distance <= c->worst)
		return;
	c->worst = distance;
	if (value_is_number(came))
		number_show(value_double(came), a);
	number_show(score, b);
	snprintf(c->worst_place, sizeof c->worst_place, "%s:%llu: %s came, %s computed", r->at.source,
	    (unsigned long long)r->at.line, a, b);
}

/* feature -> w z, and bias: their sum is the margin. */
static struct value contributions(const struct classify *c, struct record *r, const double *x)
{
	const size_t n = c->model->schema.n;
	struct member *m = record_space(r, (n + 1) * sizeof *m);
	double *parts = record_space(r, (n + 1) * sizeof *parts);

	model_contributions(c->model, x, 0, parts, &parts[n]);
	for (size_t j = 0; j <= n; j++)
		m[j] = (struct member){ &c->terms[j], value_number(parts[j]) };
	return (struct value){ .type = VALUE_OBJECT, .len = (uint32_t)n + 1, .members = m };
}

static void refuse(struct record *r, const struct encode_fault *fault, enum encode_result result)
{
	struct buf text = BUF_INIT;

	encode_explain(fault, result, &text);
	record_fail(r, result == ENCODE_MISSING ? MISSING_FEATURE : INVALID_DATA, "%s", buf_text(&text));
	buf_release(&text);
}

/* Records of a batch that are scored together. */
struct pending_scores {
	size_t n;
	struct record *record[BATCH_MAX];
	double score[BATCH_MAX];	/* margins at first */
	struct value contributions[BATCH_MAX];
};

/* Adds a record whose inputs are there. */
static void take_in(struct classify *c, struct pending_scores *p, struct record *r)
{
	const struct value *v = record_values(r);
	struct encode_fault fault;
	const double *x;
	enum encode_result result;

	if (!v)
		return;
	if ((result = encode_row(c->encoder, v, &x, &fault)) != ENCODE_DONE) {
		refuse(r, &fault, result);
		return;
	}
	p->record[p->n] = r;
	model_margins(c->model, x, 1, &p->score[p->n]);
	if (c->contributions)
		p->contributions[p->n] = contributions(c, r, x);
	p->n++;
}

static void add_constant(struct record *r, const struct added *member, const struct constant *k)
{
	record_add_rendered(r, member, k->value, k->json, k->len);
}

static void give_out(struct classify *c, struct record *r, double score, struct value parts)
{
	const bool logistic = c->model->kind == MODEL_LOGISTIC;

	if (!isfinite(score)) {
		record_fail(r, INVALID_DATA, "the score is no finite number: the inputs are too large for the model");
		return;
	}
	if (c->verify)
		verify(c, r, record_values(r)[logistic ? c->probability_slot : c->prediction_slot], score);
	if (logistic) {
		add_constant(r, c->classification, &c->names[c->bands.n ? bands_find(&c->bands, score) : score >= c->positive_from]);
		record_add(r, c->probability, value_number(score));
	} else {
		record_add(r, c->prediction, value_number(score));
	}
	add_constant(r, c->model_member, &c->id);
	if (c->contributions)
		record_add(r, c->contributions_member, parts);
	if (c->nest_name)
		nest_record(&c->nest, r);
}

static int classify_records(void *tool, struct record **r, size_t n, struct next *next, struct error *why)
{
	struct classify *c = tool;
	struct pending_scores p;

	p.n = 0;
	for (size_t i = 0; i < n; i++)
		take_in(c, &p, r[i]);
	model_scores(c->model, p.score, p.n);
	for (size_t i = 0; i < p.n; i++)
		give_out(c, p.record[i], p.score[i], p.contributions[i]);
	if (encode_missing(c->encoder)->blank >= MISSING_FROM)
		tell_misfit(c, MISSING_FROM);
	return next_pass(next, r, n, why);
}

static int classify_finish(void *tool, enum end how, struct next *next, struct error *why)
{
	struct classify *c = tool;
	char n[NUMBER_SHOW_MAX], m[NUMBER_SHOW_MAX], text[512];

	(void)how;
	(void)next;
	(void)why;
	tell_missing(c);
	if (!c->verify)
		return 0;
	if (c->absent)
		command_note(&c->common, "--verify: records that came without a score: %s", number_group(c->absent, n));
	if (!c->different) {
		command_note(&c->common, "--verify: scores that agree to 1e-9: %s", number_group(c->verified, n));
		return 0;
	}
	snprintf(text, sizeof text, "--verify: scores that differ by more than 1e-9: %s of %s (the worst: %s)", number_group(c->different, n),
	    number_group(c->verified, m), c->worst_place);
	warn(c, text, "");
	c->loop->verdict = EXIT_STOPPED;
	return 0;
}

/* Each input from 0 on, so that the first missing value is an increase; of very many, one sum. */
static void missing_metrics(const struct classify *c, struct metrics *m)
{
	static const char name[] = "missing_total", help[] = "Missing values of inputs, since the model in use began.";
	const struct encode_missing *missing = encode_missing(c->encoder);
	struct buf label = BUF_INIT;

	if (!c->n_inputs || c->n_inputs > MISSING_SERIES)
		stats_add(m, name, "counter", help, NULL, (double)missing->values);
	else
		for (size_t i = 0; i < c->n_inputs; i++) {
			buf_clear(&label);
			stats_label(&label, "input", c->inputs[i].name);
			stats_add(m, name, "counter", help, buf_text(&label), (double)missing->inputs[i]);
		}
	buf_release(&label);
}

static void classify_metrics(void *tool, struct metrics *m)
{
	const struct classify *c = tool;
	char id[MODEL_ID_LEN + 8];

	snprintf(id, sizeof id, "id=\"%s\"", live_model(c->live)->id);
	stats_add(m, "model", "gauge", "The model in use.", id, 1);
	stats_add(m, "models_loaded_total", "counter", "Models taken into use.", NULL, (double)live_loaded(c->live));
	stats_add(m, "models_refused_total", "counter", "Models that were not valid.", NULL, (double)live_refused(c->live));
	missing_metrics(c, m);
}

static void classify_release(void *tool)
{
	struct classify *c = tool;

	encode_free(c->encoder);
	live_close(c->live);
	nest_release(&c->nest);
	arena_release(&c->rendered);
	arena_release(&c->arena);
}

static const char *const examples[] = {
	"sml-classify -m model.json features.jsonl",
	"sml-features purchases.features events.jsonl | sml-classify -m model.json | sml-route HIGH_VALUE=3 3>>vip.jsonl",
	"sml-classify -m models/ --bands 'HIGH=0.9,MEDIUM=0.5,LOW=0' features.jsonl",
	NULL
};

static const char *const daily[] = {
	"model", "threshold", "bands", "nest", "contributions", "verify", "explain", "quiet", "help", NULL
};

static const struct opt options[] = {
	OPT_MODEL(struct classify, model_path),
	OPT_NUMBER('t', "threshold", "P", struct classify, threshold, 0, 1, "positive at probability P or above (the model's)"),
	OPT_TEXT(0, "bands", "NAME=P,...", struct classify, bands_text, "name ranges of probability instead: HIGH=0.9,LOW=0"),
	OPT_TEXT(0, "nest", "NAME", struct classify, nest_name, "put the event into a member NAME, the results beside it"),
	OPT_FLAG(0, "contributions", struct classify, contributions, "add what each input contributes"),
	OPT_FLAG(0, "verify", struct classify, verify, "exit 3 when a score that a record brings is another"),
	OPT_CHECK(struct classify, check),
	OPT_EXPLAIN(struct classify, explain),
	CHECKPOINT_OPTIONS(struct classify),
	COMMON_OPTIONS(struct classify),
	OPT_END
};

extern const struct command classify_command;

const struct command classify_command = {
	.name = "sml-classify",
	.purpose = "score records with a model",
	.usage = "-m FILE [options] [FILE...]",
	.examples = examples,
	.daily = daily,
	.options = options,
	.size = sizeof(struct classify),
	.checkpoints = true,
	.defaults = classify_defaults,
	.setup = classify_setup,
	.tool = {
		.name = "classify", .start = classify_start, .records = classify_records, .deadline = classify_deadline,
		.tick = classify_tick, .reload = classify_reload, .save = classify_save, .restore = classify_restore,
		.finish = classify_finish, .metrics = classify_metrics,
	},
	.release = classify_release,
};
