/* SPDX-License-Identifier: MIT */
#include "model/trees.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/number.h"
#include "model/trees-store.h"

#define FEW 100			/* nodes that are all shown */
#define FEW_CATEGORIES 20

static void number(struct buf *b, double x)
{
	char text[NUMBER_SHOW_MAX];

	number_show(x, text);
	buf_add_text(b, text);
}

static void show_categories(const struct trees *t, const struct trees_kept *k, const struct input *in, struct buf *b)
{
	size_t shown = 0;

	for (uint32_t c = 0; c < 32 * k->n_words; c++) {
		if (!(t->words[k->at + c / 32] >> c % 32 & 1))
			continue;
		if (shown++ == FEW_CATEGORIES) {
			buf_add_text(b, ", ...");
			return;
		}
		buf_add_text(b, shown > 1 ? ", " : " ");
		if (c < in->n_categories)
			buf_add_text(b, in->categories[c]);
		else
			buf_format(b, "%u", c);
	}
	if (!shown)
		buf_add_text(b, " nothing");
}

static void show_split(const struct trees *t, const struct trees_kept *k, const struct schema *schema, struct buf *b)
{
	static const char *const missing[] = {
		[TREES_NAN_YES] = ", or missing", [TREES_NAN_NO] = "", [TREES_ZERO_YES] = ", or 0 or missing",
		[TREES_ZERO_NO] = ", and neither 0 nor missing", [TREES_NAN_ZERO] = " (missing is 0)"
	};
	const struct input *in = &schema->inputs[k->input];

	buf_add_text(b, in->name);
	if (k->test == TREES_ONE_OF) {
		buf_add_text(b, " is one of");
		show_categories(t, k, in, b);
	} else if (k->test == TREES_AT_MOST && k->threshold == TREES_PRESENT) {
		buf_add_text(b, " is present");
	} else {
		buf_add_text(b, k->test == TREES_BELOW ? " < " : " <= ");
		number(b, k->threshold);
	}
	buf_add_text(b, missing[k->missing]);
}

static void show_leaf(const struct trees *t, const struct trees_tree *tree, const struct trees_kept *k, struct buf *b)
{
	for (size_t j = 0; j < trees_width(t, tree); j++) {
		if (j)
			buf_add_byte(b, ' ');
		number(b, t->values[k->at + j]);
	}
}

/* "else" stands before what is not the first child. */
static void show_tree(const struct trees *t, const struct trees_tree *tree, const struct schema *schema, struct buf *b)
{
	const struct trees_kept *nodes = t->nodes + tree->first;
	int *indent = alloc_zeroed(tree->n, sizeof *indent);
	bool *otherwise = alloc_zeroed(tree->n, sizeof *otherwise);

	indent[0] = 1;
	for (uint32_t i = 0; i < tree->n; i++) {
		const struct trees_kept *k = &nodes[i];
		if (otherwise[i])
			buf_format(b, "%*selse\n", 2 * (indent[i] - 1), "");
		buf_format(b, "%*s", 2 * indent[i], "");
		if (k->test == TREES_LEAF) {
			show_leaf(t, tree, k, b);
		} else {
			show_split(t, k, schema, b);
			indent[i + 1] = indent[k->no] = indent[i] + 1;
			otherwise[k->no] = true;
		}
		buf_add_byte(b, '\n');
	}
	free(indent);
	free(otherwise);
}

static void show_all(const struct trees *t, const struct schema *schema, struct buf *b)
{
	for (size_t i = 0; i < t->n; i++) {
		const struct trees_tree *tree = &t->trees[i];
		buf_format(b, "tree %zu", i + 1);
		if (t->outputs > 1 && tree->output != TREES_EACH_OUTPUT)
			buf_format(b, ", output %zu", tree->output + 1);
		buf_add_byte(b, '\n');
		show_tree(t, tree, schema, b);
	}
}

void trees_show(const struct trees *t, const struct schema *schema, struct buf *b)
{
	char nodes[NUMBER_SHOW_MAX];

	number_group(t->n_nodes, nodes);
	buf_format(b, "z = ");
	for (size_t k = 0; k < t->outputs; k++) {
		if (k)
			buf_add_text(b, ", ");
		number(b, t->base[k]);
	}
	buf_format(b, " + what the leaves of %zu tree%s say", t->n, number_s(t->n));
	if (t->divisor != 1) {
		buf_add_text(b, ", divided by ");
		number(b, t->divisor);
	}
	buf_format(b, "\nat most %zu split%s deep, %s node%s, sums in %s\n", trees_depth(t), number_s(trees_depth(t)), nodes, number_s(t->n_nodes),
	    t->arithmetic == TREES_FLOAT ? "float" : "double");
	if (t->n_nodes <= FEW)
		show_all(t, schema, b);
}
