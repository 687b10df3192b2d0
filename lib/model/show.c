/* SPDX-License-Identifier: MIT */
#include "model/model.h"

#include <string.h>

#include "base/number.h"
#include "model/trees.h"

static const char *number(double x, char out[NUMBER_SHOW_MAX])
{
	number_show(x, out);
	return out;
}

static const char *formula(enum model_link link)
{
	static const char *const formulas[] = {
		[LINK_IDENTITY] = "z", [LINK_SIGMOID] = "1 / (1 + exp(-z))", [LINK_SIGMOIDS] = "1 / (1 + exp(-z))",
		[LINK_SHARED_SIGMOIDS] = "s / (the sum of s over the labels), s = 1 / (1 + exp(-z))",
		[LINK_SOFTMAX] = "exp(z) / (the sum of exp(z) over the labels)", [LINK_EXP] = "exp(z)", [LINK_LOG1P_EXP] = "log(1 + exp(z))",
		[LINK_SIGNED_SQUARE] = "z * |z|", [LINK_STEP] = "1 if z > 0, else 0",
	};
	return formulas[link];
}

static void show_answer(const struct model *m, struct buf *b)
{
	char x[NUMBER_SHOW_MAX];

	if (!m->n_labels) {
		buf_format(b, "prediction = %s\n", formula(m->link));
	} else if (m->outputs == 1) {
		buf_format(b, "probability = P(%s) = %s\n", m->labels[m->positive], formula(m->link));
		buf_format(b, "classification = %s if probability >= %s, else %s\n", m->labels[m->positive],
		    number(m->threshold, x), m->labels[!m->positive]);
	} else {
		buf_format(b, "probabilities = %s, for each label\nclassification = the label of the largest, probability = that\n",
		    formula(m->link));
	}
	if (m->link_scale != 1)
		buf_format(b, "each z is multiplied by %s first\n", number(m->link_scale, x));
}

static void show_sum(const struct model *m, size_t output, struct buf *b)
{
	char x[NUMBER_SHOW_MAX], mean[NUMBER_SHOW_MAX], scale[NUMBER_SHOW_MAX];

	if (m->outputs > 1)
		buf_format(b, "z(%s)", m->labels[output]);
	else
		buf_add_byte(b, 'z');
	buf_format(b, " = %s", number(m->bias[output], x));
	for (size_t j = 0; j < m->schema.n; j++) {
		const struct input *in = &m->schema.inputs[j];
		if (in->scale > 0)
			buf_format(b, "\n  + %s * (%s - %s) / %s", number(m->weights[output * m->schema.n + j], x), in->name,
			    number(in->mean, mean), number(in->scale, scale));
		else
			buf_format(b, "\n  + 0 * %s", in->name);
	}
	buf_add_byte(b, '\n');
}

static void show_missing(const struct model *m, struct buf *b)
{
	static const char *const words[] = {
		[MISSING_ERROR] = "MISSING_FEATURE", [MISSING_MEAN] = "the mean", [MISSING_KEEP] = "each split says"
	};
	char x[NUMBER_SHOW_MAX];
	size_t width = 0;

	for (size_t j = 0; j < m->schema.n; j++)
		if (strlen(m->schema.inputs[j].name) > width)
			width = strlen(m->schema.inputs[j].name);
	buf_add_text(b, "missing\n");
	for (size_t j = 0; j < m->schema.n; j++) {
		const struct input *in = &m->schema.inputs[j];
		buf_format(b, "  %-*s  %s\n", (int)width, in->name, in->missing == MISSING_NUMBER ? number(in->number, x) : words[in->missing]);
	}
}

void model_show(const struct model *m, struct buf *b)
{
	buf_format(b, "%s model %s\n", model_kind_names[m->kind], m->id);
	show_answer(m, b);
	if (m->trees)
		trees_show(m->trees, &m->schema, b);
	for (size_t k = 0; m->weights && k < m->outputs; k++)
		show_sum(m, k, b);
	show_missing(m, b);
}
