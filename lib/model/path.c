/* SPDX-License-Identifier: MIT */
#include "base/number.h"
#include "model/model.h"
#include "model/trees.h"

static void add_categories(struct buf *b, const struct trees_node *node, const struct input *in)
{
	const char *comma = " ";

	for (size_t c = 0; c < in->n_categories && c < 32 * node->n_words; c++)
		if (node->categories[c / 32] >> c % 32 & 1) {
			buf_format(b, "%s%s", comma, in->categories[c]);
			comma = ", ";
		}
}

static void add_answer(struct buf *b, const struct trees_step *step, const struct trees_node *node, const struct input *in)
{
	char threshold[NUMBER_SHOW_MAX];

	buf_add_text(b, in->name);
	if (step->missing) {
		buf_add_text(b, " is missing");
	} else if (step->test == TREES_ONE_OF) {
		buf_add_text(b, step->yes ? " is one of" : " is none of");
		add_categories(b, node, in);
	} else if (step->threshold == TREES_PRESENT) {
		buf_add_text(b, " is present");
	} else {
		number_show(step->threshold, threshold);
		buf_format(b, " %s%s %s", step->yes ? "<" : ">", step->yes == (step->test == TREES_AT_MOST) ? "=" : "", threshold);
	}
}

bool model_path(const struct model *m, const double *x, uint32_t *at, struct buf *text)
{
	struct trees_step step;
	struct trees_node node;

	if (!m->trees || trees_count(m->trees) != 1)
		return false;
	trees_node(m->trees, 0, *at, &node);
	if (!trees_path(m->trees, x, 0, at, &step))
		return false;
	add_answer(text, &step, &node, &m->schema.inputs[step.input]);
	return true;
}
