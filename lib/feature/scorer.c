/* SPDX-License-Identifier: MIT */
#include "feature/scorer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "json/write.h"
#include "model/trees.h"

const char *const scorer_member_names[SCORER_MEMBERS] = {
	"classification", "probability", "probabilities", "prediction", "model", "contributions", "decision_path"
};

int scorer_suits(const struct scorer_options *o, const struct model *m, struct error *why)
{
	const char *option = o->bands->n ? "--bands" : o->threshold >= 0 ? "-t" : NULL;

	if (option && !m->n_labels)
		return error_set(why, "predicts a number: there is no probability for %s", option);
	if (option && m->outputs > 1)
		return error_set(why, "gives each of %zu labels a probability: %s is for one", m->n_labels, option);
	return 0;
}

/* ---- what is rendered once ---- */

static struct scorer_text render(struct scorer *s, struct value text)
{
	struct buf b = BUF_INIT;
	struct scorer_text t = { .value = text };

	json_write_value(&b, text);
	t.json = arena_copy(&s->rendered, b.data, b.len);
	t.len = b.len;
	buf_release(&b);
	return t;
}

static struct scorer_text render_text(struct scorer *s, const char *text)
{
	return render(s, value_text(text, strlen(text)));
}

static void render_labels(struct scorer *s)
{
	const struct bands *bands = s->options->bands;
	const struct model *m = s->model;
	const size_t n = bands->n ? bands->n : m->n_labels;

	s->labels = arena_get(&s->rendered, (n + 1) * sizeof *s->labels);
	for (size_t i = 0; i < n; i++)
		s->labels[i] = bands->n ? render(s, bands->bands[i].name) : render_text(s, m->labels[i]);
	s->label_names = arena_get(&s->rendered, (m->n_labels + 1) * sizeof *s->label_names);
	for (size_t i = 0; i < m->n_labels; i++)
		s->label_names[i] = json_name(&s->rendered, m->labels[i], strlen(m->labels[i]));
}

static void render_inputs(struct scorer *s)
{
	const struct schema *schema = &s->model->schema;

	s->n_inputs = schema->n;
	s->inputs = arena_get(&s->rendered, (schema->n + 1) * sizeof *s->inputs);
	s->terms = arena_get(&s->rendered, (schema->n + 1) * sizeof *s->terms);
	for (size_t j = 0; j < schema->n; j++) {
		const char *name = schema->inputs[j].name;
		s->inputs[j] = (struct scorer_input){ arena_copy(&s->rendered, name, strlen(name)), model_uses(s->model, j) };
		s->terms[j] = json_name(&s->rendered, name, strlen(name));
	}
	s->terms[schema->n] = json_name(&s->rendered, "bias", 4);
}

void scorer_use(struct scorer *s)
{
	s->model = live_model(s->live);
	arena_release(&s->rendered);
	s->id = render_text(s, s->model->id);
	render_labels(s);
	render_inputs(s);
}

void scorer_release(struct scorer *s)
{
	live_close(s->live);
	arena_release(&s->rendered);
}

/* ---- a bench ---- */

void scorer_bench_start(struct scorer_bench *b, const struct scorer *s, struct encoder *encoder)
{
	const struct model *m = s->model;

	scorer_bench_release(b);
	b->encoder = encoder;
	b->x = alloc_bytes((m->schema.n + 1) * BATCH_MAX * sizeof *b->x);
	b->scores = alloc_bytes(m->outputs * BATCH_MAX * sizeof *b->scores);
}

void scorer_bench_release(struct scorer_bench *b)
{
	encode_free(b->encoder);
	free(b->x);
	free(b->scores);
	*b = (struct scorer_bench){0};
}

enum encode_result scorer_take(struct scorer_bench *b, const struct scorer *s, struct record *r, const struct value *slots,
    struct encode_fault *fault)
{
	const size_t n = s->model->schema.n;
	const double *x;
	const enum encode_result result = encode_row(b->encoder, slots, &x, fault);

	if (result != ENCODE_DONE)
		return result;
	memcpy(b->x + b->n * n, x, n * sizeof *x);
	b->records[b->n++] = r;
	return ENCODE_DONE;
}

void scorer_score(struct scorer_bench *b, const struct scorer *s)
{
	if (!b->n)
		return;
	model_margins(s->model, b->x, b->n, b->scores);
	model_scores(s->model, b->scores, b->n);
}

/* ---- what is said of a record ---- */

static const double *scores_of(const struct scorer_bench *b, const struct scorer *s, size_t i)
{
	return b->scores + i * s->model->outputs;
}

bool scorer_is_finite(const struct scorer_bench *b, const struct scorer *s, size_t i)
{
	for (size_t k = 0; k < s->model->outputs; k++)
		if (!isfinite(scores_of(b, s, i)[k]))
			return false;
	return true;
}

double scorer_value(const struct scorer_bench *b, const struct scorer *s, size_t i)
{
	const double *scores = scores_of(b, s, i);

	return s->model->outputs == 1 ? scores[0] : scores[model_label(s->model, scores)];
}

/* Of bands the band; the index into `labels` in any case. */
static size_t label_of(const struct scorer *s, const double *scores)
{
	const struct scorer_options *o = s->options;

	if (o->bands->n)
		return bands_find(o->bands, scores[0]);
	if (o->threshold >= 0)
		return (size_t)(scores[0] >= o->threshold ? s->model->positive : !s->model->positive);
	return model_label(s->model, scores);
}

static struct value object(struct record *r, const struct name *names, const double *x, size_t n)
{
	struct member *m = record_space(r, (n + 1) * sizeof *m);

	for (size_t i = 0; i < n; i++)
		m[i] = (struct member){ &names[i], value_number(x[i]) };
	return (struct value){ .type = VALUE_OBJECT, .len = (uint32_t)n, .members = m };
}

/* To the margin of the positive label, of the one that is given, or of the prediction: with the bias they add up to it. */
static struct value contributions(const struct scorer *s, struct record *r, const double *x, size_t output)
{
	const size_t n = s->model->schema.n;
	double *parts = record_space(r, (n + 1) * sizeof *parts);

	model_contributions(s->model, x, output, parts, &parts[n]);
	return object(r, s->terms, parts, n + 1);
}

/* The questions of a single tree, as the vector answers them. */
static struct value path(const struct scorer *s, struct record *r, const double *x)
{
	struct value *items = record_space(r, (trees_depth(s->model->trees) + 1) * sizeof *items);
	struct buf text = BUF_INIT;
	uint32_t at = 0, n = 0;

	for (; model_path(s->model, x, &at, &text); buf_clear(&text)) {
		char *copy = record_space(r, text.len + 1);
		items[n++] = value_text(memcpy(copy, text.data, text.len), text.len);
	}
	buf_release(&text);
	return (struct value){ .type = VALUE_ARRAY, .len = n, .items = items };
}

static struct scorer_text number(double x)
{
	return (struct scorer_text){ .value = value_number(x) };
}

size_t scorer_say(const struct scorer_bench *b, const struct scorer *s, size_t i, struct scorer_said said[SCORER_MEMBERS])
{
	const struct model *m = s->model;
	const double *scores = scores_of(b, s, i);
	struct record *r = b->records[i];
	const size_t output = m->outputs > 1 ? model_label(m, scores) : 0;
	size_t n = 0;

	if (m->n_labels) {
		said[n++] = (struct scorer_said){ SCORER_CLASSIFICATION, s->labels[label_of(s, scores)] };
		said[n++] = (struct scorer_said){ SCORER_PROBABILITY, number(scores[output]) };
	} else {
		said[n++] = (struct scorer_said){ SCORER_PREDICTION, number(scores[0]) };
	}
	if (m->outputs > 1)
		said[n++] = (struct scorer_said){ SCORER_PROBABILITIES, { .value = object(r, s->label_names, scores, m->outputs) } };
	said[n++] = (struct scorer_said){ SCORER_MODEL, s->id };
	if (s->options->contributions)
		said[n++] = (struct scorer_said){ SCORER_CONTRIBUTIONS,
			{ .value = contributions(s, r, b->x + i * m->schema.n, output) } };
	if (s->options->contributions && m->kind == MODEL_TREE)
		said[n++] = (struct scorer_said){ SCORER_PATH, { .value = path(s, r, b->x + i * m->schema.n) } };
	return n;
}
