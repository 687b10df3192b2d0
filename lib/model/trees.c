/* SPDX-License-Identifier: MIT */
#include "model/trees.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/hash.h"
#include "base/number.h"
#include "model/trees-store.h"
#include "model/trees-walk.h"

#define NODES_MAX (UINT32_C(1) << 28)	/* so that places in a block of keys are 32 bits */
#define WORDS_MAX (UINT32_C(1) << 26)	/* of a set: category numbers are below 2^31 */

static double rounded(const struct trees *t, double x)
{
	return t->arithmetic == TREES_FLOAT ? (double)(float)x : x;
}

struct trees *trees_new(enum trees_arithmetic arithmetic, size_t inputs, size_t outputs, const double *base)
{
	struct trees *t = alloc_zeroed(1, sizeof *t);

	t->arithmetic = arithmetic;
	t->inputs = inputs;
	t->outputs = outputs;
	t->divisor = 1;
	t->base = alloc_bytes((outputs + 1) * sizeof *t->base);
	for (size_t k = 0; k < outputs; k++)
		t->base[k] = rounded(t, base[k]);
	t->used = alloc_zeroed(inputs + 1, sizeof *t->used);
	return t;
}

void trees_free(struct trees *t)
{
	if (!t)
		return;
	trees_walk_free(t->walk);
	free(t->base);
	free(t->trees);
	free(t->nodes);
	free(t->words);
	free(t->values);
	free(t->expected);
	free(t->used);
	free(t);
}

/* ---- adding: nodes as a file has them to preorder ---- */

struct adding {
	struct trees *t;
	struct trees_tree *tree;
	const struct trees_node *nodes;
	size_t n;
	struct visit { uint32_t node, depth, parent; } *stack;	/* parent: kept, whose `no` this is; NO_PARENT */
	size_t waiting;
	bool *seen;
	struct error *why;
};

#define NO_PARENT UINT32_MAX

static int complain(const struct adding *a, uint32_t node, const char *what)
{
	return error_set(a->why, "tree %zu, node %u: %s", a->t->n, node, what);
}

static int check(const struct adding *a, uint32_t i)
{
	const struct trees_node *n = &a->nodes[i];

	if (a->seen[i])
		return complain(a, i, "is reached twice");
	if (n->test == TREES_LEAF) {
		const size_t width = trees_width(a->t, a->tree);
		for (size_t k = 0; k < width; k++)
			if (!isfinite(rounded(a->t, n->values[k])))
				return complain(a, i, "its value is not finite");
		return 0;
	}
	if (n->yes >= a->n || n->no >= a->n)
		return complain(a, i, "leads to a node that is not there");
	if (n->input >= a->t->inputs)
		return complain(a, i, "asks for an input that is not there");
	if (n->test == TREES_ONE_OF && n->n_words > WORDS_MAX)
		return complain(a, i, "its categories are too many");
	if (n->test != TREES_ONE_OF && !isfinite(rounded(a->t, n->threshold)))
		return complain(a, i, "its threshold is not finite");
	return 0;
}

static void *more(void *array, size_t *room, size_t n, size_t wanted, size_t size)
{
	if (n + wanted <= *room)
		return array;
	*room = n + wanted > *room * 2 ? n + wanted : *room * 2;
	return alloc_again(array, *room, size);
}

static uint32_t keep_values(struct trees *t, const double *values, size_t n)
{
	const size_t at = t->n_values;

	t->values = more(t->values, &t->values_room, at, n, sizeof *t->values);
	for (size_t k = 0; k < n; k++)
		t->values[t->n_values++] = rounded(t, values[k]);
	return (uint32_t)at;
}

static uint32_t keep_words(struct trees *t, const uint32_t *words, size_t n)
{
	const size_t at = t->n_words;

	t->words = more(t->words, &t->words_room, at, n + 1, sizeof *t->words);
	if (n)
		memcpy(t->words + at, words, n * sizeof *words);
	t->n_words += n;
	return (uint32_t)at;
}

static void keep(struct adding *a, uint32_t i)
{
	struct trees *t = a->t;
	const struct trees_node *n = &a->nodes[i];
	struct trees_kept k = { .test = (uint8_t)n->test, .missing = (uint8_t)n->missing, .cover = n->cover > 0 && isfinite(n->cover) ? n->cover : 0 };

	if (n->test == TREES_LEAF) {
		k.at = keep_values(t, n->values, trees_width(t, a->tree));
	} else {
		k.input = n->input;
		t->used[n->input] = true;
		if (n->test == TREES_ONE_OF) {
			size_t words = n->n_words;
			while (words && !n->categories[words - 1])
				words--;
			k.at = keep_words(t, n->categories, words);
			k.n_words = (uint32_t)words;
			a->tree->has_sets = true;
		} else
			k.threshold = rounded(t, n->threshold);
	}
	t->nodes = more(t->nodes, &t->nodes_room, t->n_nodes, 1, sizeof *t->nodes);
	t->nodes[t->n_nodes++] = k;
}

static int visit_all(struct adding *a)
{
	struct trees *t = a->t;

	a->stack[a->waiting++] = (struct visit){ 0, 0, NO_PARENT };
	while (a->waiting) {
		const struct visit v = a->stack[--a->waiting];
		if (check(a, v.node))
			return -1;
		a->seen[v.node] = true;
		const uint32_t at = a->tree->n++;
		keep(a, v.node);
		if (v.parent != NO_PARENT)
			t->nodes[a->tree->first + v.parent].no = at;
		a->tree->depth = v.depth > a->tree->depth ? v.depth : a->tree->depth;
		if (a->nodes[v.node].test == TREES_LEAF)
			continue;
		a->stack[a->waiting++] = (struct visit){ a->nodes[v.node].no, v.depth + 1, at };
		a->stack[a->waiting++] = (struct visit){ a->nodes[v.node].yes, v.depth + 1, NO_PARENT };
	}
	return 0;
}

int trees_add(struct trees *t, size_t output, const struct trees_node *nodes, size_t n, struct error *why)
{
	struct adding a = { .t = t, .nodes = nodes, .n = n, .why = why };

	if (!n)
		return error_set(why, "tree %zu: has no node", t->n);
	if (output >= t->outputs && output != TREES_EACH_OUTPUT)
		return error_set(why, "tree %zu: is for output %zu of %zu", t->n, output, t->outputs);
	if (n > NODES_MAX - t->n_nodes)
		return error_set(why, "tree %zu: there are more than %u nodes", t->n, NODES_MAX);
	t->trees = more(t->trees, &t->room, t->n, 1, sizeof *t->trees);
	a.tree = &t->trees[t->n];
	*a.tree = (struct trees_tree){ .first = t->n_nodes, .output = output };
	a.stack = alloc_bytes((n + 2) * sizeof *a.stack);
	a.seen = alloc_zeroed(n, sizeof *a.seen);
	const int result = visit_all(&a);
	free(a.stack);
	free(a.seen);
	if (!result)
		t->n++;
	return result;
}

/* ---- expected values ---- */

/* Children stand behind their parents, so the last node comes first. */
static void expect(struct trees *t, const struct trees_tree *tree)
{
	const size_t width = trees_width(t, tree);
	const struct trees_kept *nodes = t->nodes + tree->first;
	double *expected = t->expected + tree->expected;

	for (uint32_t i = tree->n; i-- > 0;) {
		const struct trees_kept *k = &nodes[i];
		if (k->test == TREES_LEAF) {
			memcpy(expected + i * width, t->values + k->at, width * sizeof *expected);
			continue;
		}
		const double yes = nodes[i + 1].cover, no = nodes[k->no].cover, sum = yes + no;
		const double share = sum > 0 && isfinite(sum) ? yes / sum : 0.5;
		for (size_t j = 0; j < width; j++)
			expected[i * width + j] = share * expected[(i + 1) * width + j] + (1 - share) * expected[k->no * width + j];
	}
}

void trees_finish(struct trees *t, double divisor)
{
	size_t n = 0;

	t->divisor = divisor;
	for (size_t i = 0; i < t->n; i++) {
		t->trees[i].expected = n;
		n += t->trees[i].n * trees_width(t, &t->trees[i]);
	}
	t->expected = alloc_bytes((n + 1) * sizeof *t->expected);
	for (size_t i = 0; i < t->n; i++)
		expect(t, &t->trees[i]);
	t->walk = trees_walk_new(t);
}

void trees_margins(const struct trees *t, const double *x, size_t rows, double *z)
{
	trees_walk_margins(t, x, rows, z);
}

/* ---- one split after the other ---- */

static bool is_missing(enum trees_missing missing, double x)
{
	return isnan(x) || ((missing == TREES_ZERO_YES || missing == TREES_ZERO_NO) && fabs(x) <= TREES_ZERO);
}

static bool has_category(const struct trees *t, const struct trees_kept *k, double x)
{
	if (!(t->arithmetic == TREES_FLOAT ? x >= 0 : x > -1) || !(x < 32.0 * k->n_words))
		return false;
	const uint32_t category = (uint32_t)(int64_t)x;
	return category / 32 < k->n_words && t->words[k->at + category / 32] >> category % 32 & 1;
}

static bool says_yes(const struct trees *t, const struct trees_kept *k, double x, bool *missing)
{
	x = rounded(t, x);
	if (isnan(x) && k->missing == TREES_NAN_ZERO)
		x = 0;
	*missing = k->test == TREES_ONE_OF ? isnan(x) : k->missing != TREES_NAN_ZERO && is_missing(k->missing, x);
	if (*missing)
		return k->missing == TREES_NAN_YES || k->missing == TREES_ZERO_YES;
	return k->test == TREES_ONE_OF ? has_category(t, k, x) : k->test == TREES_BELOW ? x < k->threshold : x <= k->threshold;
}

bool trees_path(const struct trees *t, const double *x, size_t i, uint32_t *at, struct trees_step *step)
{
	const struct trees_kept *k = &t->nodes[t->trees[i].first + *at];

	if (k->test == TREES_LEAF)
		return false;
	*step = (struct trees_step){ .input = k->input, .test = k->test, .threshold = k->threshold };
	step->yes = says_yes(t, k, x[k->input], &step->missing);
	*at = step->yes ? *at + 1 : k->no;
	return true;
}

void trees_contributions(const struct trees *t, const double *x, size_t output, double *parts, double *bias)
{
	memset(parts, 0, t->inputs * sizeof *parts);
	*bias = t->base[output];
	for (size_t i = 0; i < t->n; i++) {
		const struct trees_tree *tree = &t->trees[i];
		const size_t width = trees_width(t, tree);
		if (width == 1 && tree->output != TREES_EACH_OUTPUT && tree->output != output)
			continue;
		const double *expected = t->expected + tree->expected + (width > 1 ? output : 0);
		struct trees_step step;
		uint32_t at = 0, from = 0;
		*bias += expected[0];
		for (; trees_path(t, x, i, &at, &step); from = at)
			parts[step.input] += expected[at * width] - expected[from * width];
	}
	*bias /= t->divisor;
	for (size_t j = 0; t->divisor != 1 && j < t->inputs; j++)
		parts[j] /= t->divisor;
}

/* ---- about them ---- */

size_t trees_nodes(const struct trees *t, size_t i)
{
	return t->trees[i].n;
}

void trees_node(const struct trees *t, size_t i, size_t node, struct trees_node *out)
{
	const struct trees_kept *k = &t->nodes[t->trees[i].first + node];

	*out = (struct trees_node){ .test = k->test, .missing = k->missing, .cover = k->cover };
	if (k->test == TREES_LEAF) {
		out->values = t->values + k->at;
		return;
	}
	out->input = k->input;
	out->yes = (uint32_t)node + 1;
	out->no = k->no;
	out->threshold = k->threshold;
	if (k->test == TREES_ONE_OF) {
		out->categories = t->words + k->at;
		out->n_words = k->n_words;
	}
}

bool trees_uses(const struct trees *t, size_t input)
{
	return t->used[input];
}

size_t trees_count(const struct trees *t)
{
	return t->n;
}

size_t trees_depth(const struct trees *t)
{
	uint32_t depth = 0;

	for (size_t i = 0; i < t->n; i++)
		depth = t->trees[i].depth > depth ? t->trees[i].depth : depth;
	return depth;
}

static void add_double(struct buf *b, double x)
{
	uint64_t u;

	x += 0.0;	/* -0 decides as 0 does */
	memcpy(&u, &x, sizeof u);
	buf_format(b, " %llx", (unsigned long long)u);
}

static void tree_text(const struct trees *t, const struct trees_tree *tree, struct buf *b)
{
	const size_t width = trees_width(t, tree);

	for (uint32_t i = 0; i < tree->n; i++) {
		const struct trees_kept *k = &t->nodes[tree->first + i];
		buf_format(b, "%u", k->test);
		if (k->test == TREES_LEAF) {
			for (size_t j = 0; j < width; j++)
				add_double(b, t->values[k->at + j]);
		} else {
			buf_format(b, " %u %u %u", k->missing, k->input, k->no);
			if (k->test == TREES_ONE_OF)
				for (uint32_t w = 0; w < k->n_words; w++)
					buf_format(b, " %x", t->words[k->at + w]);
			else
				add_double(b, k->threshold);
		}
		buf_add_byte(b, '\n');
	}
}

/* A line per tree, of its hash: a forest has as many nodes as memory holds. */
void trees_identify(const struct trees *t, struct buf *b)
{
	struct buf text = BUF_INIT;

	buf_format(b, "%d", t->arithmetic);
	add_double(b, t->divisor);
	for (size_t k = 0; k < t->outputs; k++)
		add_double(b, t->base[k]);
	buf_add_byte(b, '\n');
	for (size_t i = 0; i < t->n; i++) {
		const struct trees_tree *tree = &t->trees[i];
		buf_clear(&text);
		tree_text(t, tree, &text);
		if (tree->output == TREES_EACH_OUTPUT)
			buf_add_text(b, "each");
		else
			buf_format(b, "%zu", tree->output);
		buf_format(b, " %016llx\n", (unsigned long long)hash_bytes(text.data, text.len));
	}
	buf_release(&text);
}
