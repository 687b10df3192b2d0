/* SPDX-License-Identifier: MIT */
#include "model/forest.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/number.h"
#include "json/write.h"

struct forest *forest_new(size_t outputs)
{
	struct forest *f = alloc_zeroed(1, sizeof *f);

	f->outputs = outputs;
	return f;
}

void forest_free(struct forest *f)
{
	if (!f)
		return;
	for (size_t t = 0; t < f->n; t++)
		free(f->trees[t].nodes);
	free(f->trees);
	arena_release(&f->arena);
	free(f);
}

struct forest_tree *forest_add_tree(struct forest *f)
{
	f->trees = alloc_again(f->trees, f->n + 1, sizeof *f->trees);
	f->trees[f->n] = (struct forest_tree){0};
	return &f->trees[f->n++];
}

static const void *copy(struct forest *f, const void *from, size_t bytes)
{
	return from ? memcpy(arena_get(&f->arena, bytes), from, bytes) : NULL;
}

uint32_t forest_add_node(struct forest *f, struct forest_tree *t, const struct trees_node *node)
{
	struct trees_node *own;

	if (t->n == t->room)
		t->nodes = alloc_again(t->nodes, t->room = t->room ? t->room * 2 : 16, sizeof *t->nodes);
	own = &t->nodes[t->n];
	*own = *node;
	own->categories = copy(f, node->categories, node->n_words * sizeof *node->categories);
	own->values = copy(f, node->values, f->outputs * sizeof *node->values);
	return (uint32_t)t->n++;
}

void forest_cut(struct forest_tree *t, size_t n)
{
	t->n = n;
}

bool forest_asks_presence(const struct trees_node *node)
{
	return node->test == TREES_AT_MOST && node->missing == TREES_NAN_NO && node->threshold >= DBL_MAX;
}

struct trees *forest_compile(const struct forest *f, size_t inputs, struct error *why)
{
	double *base = alloc_zeroed(f->outputs, sizeof *base);
	struct trees *trees = trees_new(TREES_DOUBLE, inputs, f->outputs, base);

	free(base);
	for (size_t t = 0; t < f->n; t++)
		if (trees_add(trees, TREES_EACH_OUTPUT, f->trees[t].nodes, f->trees[t].n, why)) {
			error_prefix(why, "trees[%zu]", t);
			trees_free(trees);
			return NULL;
		}
	trees_finish(trees, 1 / (double)f->n);
	return trees;
}

/* ---- paths ---- */

static bool has_category(const struct trees_node *node, size_t category)
{
	return category / 32 < node->n_words && node->categories[category / 32] >> category % 32 & 1;
}

static bool goes_yes(const struct trees_node *node, double x)
{
	if (isnan(x))
		return node->missing == TREES_NAN_YES;
	return node->test == TREES_AT_MOST ? x <= node->threshold : has_category(node, (size_t)x);
}

static void add_categories(struct buf *b, const struct trees_node *node, const struct input *in)
{
	const char *comma = " ";

	for (size_t c = 0; c < in->n_categories; c++)
		if (has_category(node, c)) {
			buf_format(b, "%s%s", comma, in->categories[c]);
			comma = ", ";
		}
}

static void add_question(struct buf *b, const struct trees_node *node, const struct input *in, double x)
{
	const bool yes = goes_yes(node, x);
	char threshold[NUMBER_SHOW_MAX];

	buf_add_text(b, in->name);
	if (isnan(x)) {
		buf_add_text(b, " is missing");
	} else if (forest_asks_presence(node)) {
		buf_add_text(b, " is present");
	} else if (node->test == TREES_ONE_OF) {
		buf_add_text(b, yes ? " is one of" : " is none of");
		add_categories(b, node, in);
	} else {
		number_show(node->threshold, threshold);
		buf_format(b, " %s %s", yes ? "<=" : ">", threshold);
	}
}

void forest_path(const struct forest *f, const struct schema *s, const double *x, struct buf *out)
{
	const struct trees_node *nodes = f->trees[0].nodes, *node = nodes;
	struct buf text = BUF_INIT;

	buf_add_byte(out, '[');
	for (; node->test != TREES_LEAF; node = &nodes[goes_yes(node, x[node->input]) ? node->yes : node->no]) {
		buf_clear(&text);
		add_question(&text, node, &s->inputs[node->input], x[node->input]);
		json_write_comma(out);
		json_write_string(out, text.data, text.len);
	}
	buf_add_byte(out, ']');
	buf_release(&text);
}
