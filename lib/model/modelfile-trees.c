/* SPDX-License-Identifier: MIT */
#include "model/modelfile-trees.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/table.h"
#include "json/parse.h"
#include "json/write.h"
#include "model/trees.h"

bool modelfile_trees_are(enum model_kind kind)
{
	return kind == MODEL_TREE || kind == MODEL_FOREST;
}

static bool is_text(struct value v, const char *text)
{
	return v.type == VALUE_STRING && v.len == strlen(text) && !memcmp(v.text, text, v.len);
}

/* ---- reading inputs ---- */

static int read_missing(struct value v, const char *prefix, struct input *in, struct error *why)
{
	if (value_is_number(v) && !in->categories) {
		in->missing = MISSING_NUMBER;
		in->number = value_double(v);
		return 0;
	}
	in->missing = v.type == VALUE_MISSING || is_text(v, "branch") ? MISSING_KEEP : MISSING_ERROR;
	return in->missing == MISSING_KEEP || is_text(v, "error") ? 0 :
	    error_set(why, "%smissing: must be \"branch\", \"error\"%s", prefix, in->categories ? "" : " or a finite number");
}

static int read_categories(struct schema *s, size_t input, struct value v, const char *prefix, struct error *why)
{
	if (v.type != VALUE_ARRAY || !v.len)
		return error_set(why, "%scategories: must be an array of strings (not empty)", prefix);
	for (uint32_t i = 0; i < v.len; i++)
		if (v.items[i].type != VALUE_STRING || memchr(v.items[i].text, 0, v.items[i].len))
			return error_set(why, "%scategories[%u]: must be a string (without NUL)", prefix, i);
	schema_set_categories(s, input, v.items, v.len);
	for (size_t i = 0; i < v.len; i++)
		for (size_t k = 0; k < i; k++)
			if (!strcmp(s->inputs[input].categories[i], s->inputs[input].categories[k]))
				return error_set(why, "%scategories[%zu]: \"%.100s\" is categories[%zu] too", prefix, i,
				    s->inputs[input].categories[i], k);
	return 0;
}

int modelfile_trees_read_input(struct schema *s, size_t input, struct value feature, const char *prefix, struct arena *arena,
    struct error *why)
{
	const struct value categories = json_items(json_get(feature, "categories", arena), arena);

	if (categories.type != VALUE_MISSING && read_categories(s, input, categories, prefix, why))
		return -1;
	return read_missing(json_get(feature, "missing", arena), prefix, &s->inputs[input], why);
}

/* ---- reading nodes ---- */

struct reading {
	struct model *m;
	struct table inputs;		/* by name */
	struct arena *arena;
	struct error *why;
	struct trees_node *nodes;
	size_t n;
	char place[64];			/* "trees[0][3]." */
};

static int complain(const struct reading *r, const char *member, const char *what)
{
	return error_set(r->why, "%s%s: %s", r->place, member, what);
}

static struct value member(const struct reading *r, struct value node, const char *name)
{
	return json_get(node, name, r->arena);
}

/* What a leaf says to one output: shares from 0 to 1, or a prediction. */
static int read_value(const struct reading *r, struct value v, double *out)
{
	const bool share = r->m->n_labels > 0;

	if (!value_is_number(v))
		return complain(r, "value", r->m->outputs > 1 ? "must be an array of a number per label" : "must be a finite number");
	*out = value_double(v);
	return !share || (*out >= 0 && *out <= 1) ? 0 : complain(r, "value", "must be a share of rows, from 0 to 1");
}

static int read_leaf(const struct reading *r, struct value node, struct trees_node *out)
{
	const size_t n = r->m->outputs;
	double *values = arena_get(r->arena, n * sizeof *values);
	const struct value v = json_items(member(r, node, "value"), r->arena);

	out->test = TREES_LEAF;
	out->values = values;
	if (n == 1)
		return read_value(r, v, values);
	if (v.type != VALUE_ARRAY || v.len != n)
		return complain(r, "value", "must be an array of a number per label");
	for (size_t k = 0; k < n; k++)
		if (read_value(r, v.items[k], &values[k]))
			return -1;
	return 0;
}

static size_t category_of(const struct input *in, struct value v)
{
	size_t c = 0;

	while (c < in->n_categories && !is_text(v, in->categories[c]))
		c++;
	return c;
}

static int read_one_of(const struct reading *r, struct value v, const struct input *in, struct trees_node *out)
{
	uint32_t *set = arena_get(r->arena, (in->n_categories / 32 + 1) * sizeof *set);

	memset(set, 0, (in->n_categories / 32 + 1) * sizeof *set);
	if (v.type != VALUE_ARRAY)
		return complain(r, "one_of", "must be an array of strings");
	for (uint32_t i = 0; i < v.len; i++) {
		const size_t c = category_of(in, v.items[i]);
		if (c == in->n_categories)
			return error_set(r->why, "%sone_of[%u]: is none of the categories of \"%.100s\"", r->place, i, in->name);
		set[c / 32] |= UINT32_C(1) << c % 32;
	}
	out->test = TREES_ONE_OF;
	out->categories = set;
	out->n_words = in->n_categories / 32 + 1;
	return 0;
}

/* What is asked of the input: one of three members. */
static int read_question(const struct reading *r, struct value node, struct trees_node *out)
{
	const struct input *in = &r->m->schema.inputs[out->input];
	const struct value at_most = member(r, node, "at_most"), one_of = json_items(member(r, node, "one_of"), r->arena),
	    present = member(r, node, "present");
	const int n = (at_most.type != VALUE_MISSING) + (one_of.type != VALUE_MISSING) + (present.type != VALUE_MISSING);

	if (n != 1)
		return complain(r, in->categories ? "one_of" : "at_most", n ? "one of at_most, one_of and present can be asked" : "is missing");
	if (present.type != VALUE_MISSING) {
		out->test = TREES_AT_MOST;
		out->threshold = TREES_PRESENT;
		return present.type == VALUE_BOOL && present.truth ? 0 : complain(r, "present", "must be true");
	}
	if (one_of.type != VALUE_MISSING)
		return in->categories ? read_one_of(r, one_of, in, out) :
		    error_set(r->why, "%sone_of: \"%.100s\" has no categories", r->place, in->name);
	if (in->categories)
		return error_set(r->why, "%sat_most: \"%.100s\" has categories, of which one_of asks", r->place, in->name);
	if (!value_is_number(at_most))
		return complain(r, "at_most", "must be a finite number");
	out->test = TREES_AT_MOST;
	out->threshold = value_double(at_most);
	return 0;
}

static int read_child(const struct reading *r, struct value node, const char *name, uint32_t *out)
{
	const struct value v = member(r, node, name);

	if (v.type == VALUE_MISSING)
		return complain(r, name, "is missing");
	if (v.type != VALUE_INTEGER || v.integer < 0 || (uint64_t)v.integer >= r->n)
		return error_set(r->why, "%s%s: must be the place of a node in this tree, from 0 to %zu", r->place, name, r->n - 1);
	*out = (uint32_t)v.integer;
	return 0;
}

static int read_side(const struct reading *r, struct value node, struct trees_node *out)
{
	const struct value v = member(r, node, "missing");

	out->missing = is_text(v, "yes") ? TREES_NAN_YES : TREES_NAN_NO;
	if (v.type != VALUE_MISSING && !is_text(v, "yes") && !is_text(v, "no"))
		return complain(r, "missing", "must be \"yes\" or \"no\"");
	return out->missing == TREES_NAN_YES && out->threshold == TREES_PRESENT && out->test == TREES_AT_MOST ?
	    complain(r, "missing", "what is missing is not present: it goes to \"no\"") : 0;
}

static int read_split(const struct reading *r, struct value node, struct value feature, struct trees_node *out)
{
	const struct table_row *row = feature.type == VALUE_STRING ? table_find(&r->inputs, feature.text, feature.len) : NULL;

	if (!row)
		return complain(r, "feature", feature.type == VALUE_STRING ? "is none of the features" : "must be a string");
	out->input = (uint32_t)row->number;
	return read_question(r, node, out) || read_child(r, node, "yes", &out->yes) || read_child(r, node, "no", &out->no) ||
	    read_side(r, node, out) ? -1 : 0;
}

static int read_node(const struct reading *r, struct value node, struct trees_node *out)
{
	if (node.type != VALUE_TREE || json_is_array(node))
		return error_set(r->why, "%.*s: must be an object", (int)strlen(r->place) - 1, r->place);
	const struct value feature = member(r, node, "feature"), value = member(r, node, "value"), rows = member(r, node, "rows");
	const bool is_split = feature.type != VALUE_MISSING, is_leaf = value.type != VALUE_MISSING;

	if (is_split == is_leaf)
		return complain(r, is_leaf ? "value" : "feature", is_leaf ? "stands beside feature: a node is a leaf or a split" : "is missing, and so is value");
	if (rows.type != VALUE_MISSING && (!value_is_number(rows) || value_double(rows) < 0))
		return complain(r, "rows", "must be a finite number, 0 or greater");
	out->cover = rows.type == VALUE_MISSING ? 0 : value_double(rows);
	return is_leaf ? read_leaf(r, node, out) : read_split(r, node, feature, out);
}

static int read_tree(struct reading *r, struct value v, size_t t, struct trees *trees)
{
	int result = 0;

	if (v.type != VALUE_ARRAY || !v.len)
		return error_set(r->why, "trees[%zu]: must be an array of nodes (not empty)", t);
	r->n = v.len;
	r->nodes = alloc_zeroed(v.len, sizeof *r->nodes);
	for (uint32_t i = 0; i < v.len && !result; i++) {
		snprintf(r->place, sizeof r->place, "trees[%zu][%u].", t, i);
		result = read_node(r, v.items[i], &r->nodes[i]);
	}
	if (!result && trees_add(trees, TREES_EACH_OUTPUT, r->nodes, v.len, r->why))
		result = error_prefix(r->why, "trees");
	free(r->nodes);
	return result;
}

static void index_inputs(struct table *inputs, const struct schema *s)
{
	for (size_t i = 0; i < s->n; i++)
		table_add(inputs, s->inputs[i].name, strlen(s->inputs[i].name))->number = i;
}

int modelfile_trees_read(struct model *m, struct value root, struct arena *arena, struct error *why)
{
	struct reading r = { .m = m, .arena = arena, .why = why };
	const struct value v = json_items(json_get(root, "trees", arena), arena);
	double *base;
	int result = 0;

	if (v.type != VALUE_ARRAY || !v.len)
		return error_set(why, "trees: %s", v.type == VALUE_MISSING ? "is missing" : "must be an array of trees (not empty)");
	if (m->kind == MODEL_TREE && v.len > 1)
		return error_set(why, "trees: there are %u; a tree has one, a forest has more", v.len);
	index_inputs(&r.inputs, &m->schema);
	base = alloc_zeroed(m->outputs, sizeof *base);
	m->trees = trees_new(TREES_DOUBLE, m->schema.n, m->outputs, base);
	free(base);
	for (uint32_t t = 0; t < v.len && !result; t++)
		result = read_tree(&r, json_items(v.items[t], arena), t, m->trees);
	table_release(&r.inputs);
	if (!result)
		trees_finish(m->trees, v.len);
	return result;
}

/* ---- writing ---- */

static void member_text(struct buf *b, const char *name, const char *text)
{
	json_write_name(b, name);
	json_write_string(b, text, strlen(text));
}

static void member_number(struct buf *b, const char *name, double x)
{
	json_write_name(b, name);
	json_write_double(b, x);
}

void modelfile_trees_show_input(const struct input *in, struct buf *b)
{
	if (in->categories) {
		json_write_name(b, "categories");
		buf_add_byte(b, '[');
		for (size_t c = 0; c < in->n_categories; c++) {
			json_write_comma(b);
			json_write_string(b, in->categories[c], strlen(in->categories[c]));
		}
		buf_add_byte(b, ']');
	}
	if (in->missing == MISSING_NUMBER)
		member_number(b, "missing", in->number);
	else
		member_text(b, "missing", in->missing == MISSING_KEEP ? "branch" : "error");
}

static void show_one_of(const struct trees_node *node, const struct input *in, struct buf *b)
{
	json_write_name(b, "one_of");
	buf_add_byte(b, '[');
	for (size_t c = 0; c < in->n_categories && c < 32 * node->n_words; c++)
		if (node->categories[c / 32] >> c % 32 & 1) {
			json_write_comma(b);
			json_write_string(b, in->categories[c], strlen(in->categories[c]));
		}
	buf_add_byte(b, ']');
}

static void show_split(const struct trees_node *node, const struct input *in, struct buf *b)
{
	member_text(b, "feature", in->name);
	if (node->test == TREES_ONE_OF)
		show_one_of(node, in, b);
	else if (node->threshold == TREES_PRESENT)
		buf_add_text(b, ",\"present\":true");
	else
		member_number(b, "at_most", node->threshold);
	member_number(b, "yes", node->yes);
	member_number(b, "no", node->no);
	member_text(b, "missing", node->missing == TREES_NAN_YES ? "yes" : "no");
}

static void show_value(const struct trees_node *node, size_t n, struct buf *b)
{
	json_write_name(b, "value");
	if (n > 1)
		buf_add_byte(b, '[');
	for (size_t k = 0; k < n; k++) {
		if (k)
			buf_add_byte(b, ',');
		json_write_double(b, node->values[k]);
	}
	if (n > 1)
		buf_add_byte(b, ']');
}

static void show_tree(const struct model *m, size_t t, struct buf *b, const char *lf)
{
	struct trees_node node;

	for (size_t i = 0; i < trees_nodes(m->trees, t); i++) {
		trees_node(m->trees, t, i, &node);
		json_write_comma(b);
		buf_format(b, "%s%s{", lf, *lf ? " " : "");
		if (node.test != TREES_LEAF)
			show_split(&node, &m->schema.inputs[node.input], b);
		member_number(b, "rows", node.cover);
		if (node.test == TREES_LEAF)
			show_value(&node, m->outputs, b);
		buf_add_byte(b, '}');
	}
}

void modelfile_trees_show(const struct model *m, struct buf *b, const char *lf)
{
	buf_format(b, ",%s\"trees\":[", lf);
	for (size_t t = 0; t < trees_count(m->trees); t++) {
		json_write_comma(b);
		buf_add_byte(b, '[');
		show_tree(m, t, b, lf);
		buf_add_byte(b, ']');
	}
	buf_add_byte(b, ']');
}
