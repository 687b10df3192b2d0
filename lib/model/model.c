/* SPDX-License-Identifier: MIT */
#include "model/model.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/number.h"
#include "json/write.h"

const char *const model_kind_names[MODEL_KINDS + 1] = { "logistic", "linear", NULL };

void model_release(struct model *m)
{
	if (!m)
		return;
	schema_release(&m->schema);
	free(m->weights);
	free(m->labels[0]);
	free(m->labels[1]);
	free(m->bins);
	free(m->score_bins);
	free(m->has_bins);
	*m = (struct model){0};
}

static void add_number(struct buf *b, double x)
{
	json_write_double(b, x);
	buf_add_byte(b, '\n');
}

static void add_text(struct buf *b, const char *text)
{
	json_write_string(b, text, strlen(text));
	buf_add_byte(b, '\n');
}

/* A line per value, in a fixed order: no two models that score differently have the same text. */
void model_identify(struct model *m)
{
	struct buf b = BUF_INIT;

	add_text(&b, model_kind_names[m->kind]);
	if (m->kind == MODEL_LOGISTIC) {
		add_text(&b, m->labels[!m->positive]);
		add_text(&b, m->labels[m->positive]);
		add_number(&b, m->threshold);
	}
	for (size_t i = 0; i < m->schema.n; i++) {
		const struct input *in = &m->schema.inputs[i];
		add_text(&b, in->name);
		add_number(&b, in->mean);
		add_number(&b, in->scale);
		add_number(&b, m->weights[i]);
		if (in->missing == MISSING_NUMBER)
			add_number(&b, in->number);
		else
			add_text(&b, in->missing == MISSING_MEAN ? "mean" : "error");
	}
	add_number(&b, m->bias);
	snprintf(m->id, sizeof m->id, "%016llx", (unsigned long long)hash_bytes(b.data, b.len));
	buf_release(&b);
}

static const char *number(double x, char out[NUMBER_SHOW_MAX])
{
	number_show(x, out);
	return out;
}

void model_show(const struct model *m, struct buf *b)
{
	char x[NUMBER_SHOW_MAX], mean[NUMBER_SHOW_MAX], scale[NUMBER_SHOW_MAX];
	size_t width = 0;

	buf_format(b, "%s model %s\n", model_kind_names[m->kind], m->id);
	if (m->kind == MODEL_LOGISTIC) {
		buf_format(b, "probability = P(%s) = 1 / (1 + exp(-z))\n", m->labels[m->positive]);
		buf_format(b, "classification = %s if probability >= %s, else %s\n", m->labels[m->positive],
		    number(m->threshold, x), m->labels[!m->positive]);
	} else {
		buf_add_text(b, "prediction = z\n");
	}
	buf_format(b, "z = %s", number(m->bias, x));
	for (size_t i = 0; i < m->schema.n; i++)
		if (strlen(m->schema.inputs[i].name) > width)
			width = strlen(m->schema.inputs[i].name);
	for (size_t i = 0; i < m->schema.n; i++) {
		const struct input *in = &m->schema.inputs[i];
		if (in->scale > 0)
			buf_format(b, "\n  + %s * (%s - %s) / %s", number(m->weights[i], x), in->name, number(in->mean, mean),
			    number(in->scale, scale));
		else
			buf_format(b, "\n  + 0 * %s", in->name);
	}
	buf_add_text(b, "\nmissing\n");
	for (size_t i = 0; i < m->schema.n; i++) {
		const struct input *in = &m->schema.inputs[i];
		buf_format(b, "  %-*s  %s\n", (int)width, in->name, in->missing == MISSING_NUMBER ? number(in->number, x) :
		    in->missing == MISSING_MEAN ? "the mean" : "MISSING_FEATURE");
	}
}
