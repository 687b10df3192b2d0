/* SPDX-License-Identifier: MIT */
/*
 * The format: https://xgboost.readthedocs.io/en/stable/tutorials/saving_model.html and the schema it refers to.  What splits, missing values
 * and categories do is compared with the library's answers (test/fixtures/trees.py).
 */
#include "model/xgboost.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/number.h"
#include "base/table.h"
#include "json/parse.h"
#include "model/trees.h"

#define INPUTS_MAX 65536
#define OUTPUTS_MAX 65536
#define CATEGORIES_MAX 16777216		/* XGBoost takes larger ones for invalid: a float does not hold them exactly */
#define WORDS_MAX (1u << 26)		/* of all sets of categories: 256 MB, however small the file */

/* What base_score says becomes the margin that sums begin with. */
enum base { BASE_MARGIN, BASE_PROBABILITY, BASE_MEAN };

enum answer { ANSWER_NUMBER, ANSWER_LABEL, ANSWER_LABELS };

static const struct objective {
	const char *name;
	enum model_link link;
	enum base base;
	enum answer answer;
} objectives[] = {
	{ "binary:logistic", LINK_SIGMOID, BASE_PROBABILITY, ANSWER_LABEL },
	{ "binary:hinge", LINK_STEP, BASE_MARGIN, ANSWER_LABEL },
	{ "binary:logitraw", LINK_IDENTITY, BASE_MARGIN, ANSWER_NUMBER },
	{ "multi:softprob", LINK_SOFTMAX, BASE_MARGIN, ANSWER_LABELS },
	{ "multi:softmax", LINK_SOFTMAX, BASE_MARGIN, ANSWER_LABELS },
	{ "reg:logistic", LINK_SIGMOID, BASE_PROBABILITY, ANSWER_NUMBER },
	{ "reg:squarederror", LINK_IDENTITY, BASE_MARGIN, ANSWER_NUMBER },
	{ "reg:linear", LINK_IDENTITY, BASE_MARGIN, ANSWER_NUMBER },
	{ "reg:squaredlogerror", LINK_IDENTITY, BASE_MARGIN, ANSWER_NUMBER },
	{ "reg:pseudohubererror", LINK_IDENTITY, BASE_MARGIN, ANSWER_NUMBER },
	{ "reg:absoluteerror", LINK_IDENTITY, BASE_MARGIN, ANSWER_NUMBER },
	{ "reg:quantileerror", LINK_IDENTITY, BASE_MARGIN, ANSWER_NUMBER },
	{ "reg:gamma", LINK_EXP, BASE_MEAN, ANSWER_NUMBER },
	{ "reg:tweedie", LINK_EXP, BASE_MEAN, ANSWER_NUMBER },
	{ "count:poisson", LINK_EXP, BASE_MEAN, ANSWER_NUMBER },
	{ "survival:cox", LINK_EXP, BASE_MEAN, ANSWER_NUMBER },
	{ "survival:aft", LINK_EXP, BASE_MEAN, ANSWER_NUMBER },
	{ "rank:pairwise", LINK_IDENTITY, BASE_MARGIN, ANSWER_NUMBER },
	{ "rank:ndcg", LINK_IDENTITY, BASE_MARGIN, ANSWER_NUMBER },
	{ "rank:map", LINK_IDENTITY, BASE_MARGIN, ANSWER_NUMBER },
};

struct reading {
	struct model *m;
	struct arena *arena, scratch;	/* scratch: of one tree */
	struct error *why;
	const struct objective *objective;
	size_t inputs, words;
	double *base;
};

static bool is_text(struct value v, const char *text)
{
	return v.type == VALUE_STRING && v.len == strlen(text) && !memcmp(v.text, text, v.len);
}

/* A text for a message, cut off. */
#define QUOTED(v) (int)((v).len < 100 ? (v).len : 100), (v).text

/* ---- what stands above the trees ---- */

/* XGBoost writes its parameters as texts. */
static int read_count(struct reading *r, struct value params, const char *name, size_t absent, size_t most, size_t *out)
{
	const struct value v = json_get(params, name, r->arena);
	int64_t n;

	if (v.type == VALUE_MISSING) {
		*out = absent;
		return 0;
	}
	struct error ignored;
	if (v.type != VALUE_STRING || number_parse_integer(arena_copy(r->arena, v.text, v.len), &n, &ignored) || n < 0)
		return error_set(r->why, "learner.learner_model_param.%s: must be a number as a string, 0 or greater", name);
	if ((uint64_t)n > most)
		return error_set(r->why, "learner.learner_model_param.%s: is %lld, more than this version reads (%zu)", name, (long long)n, most);
	*out = (size_t)n;
	return 0;
}

static int read_objective(struct reading *r, struct value learner)
{
	const struct value name = json_get(json_get(learner, "objective", r->arena), "name", r->arena);

	if (name.type != VALUE_STRING)
		return error_set(r->why, "learner.objective.name: %s", name.type == VALUE_MISSING ? "is missing" : "must be a string");
	for (size_t i = 0; i < sizeof objectives / sizeof *objectives; i++)
		if (is_text(name, objectives[i].name)) {
			r->objective = &objectives[i];
			return 0;
		}
	return error_set(r->why, "learner.objective.name: \"%.*s\" is not an objective that this version knows", QUOTED(name));
}

static int read_shape(struct reading *r, struct value params)
{
	struct model *m = r->m;
	size_t classes, targets;

	if (read_count(r, params, "num_feature", 0, INPUTS_MAX, &r->inputs) || read_count(r, params, "num_class", 0, OUTPUTS_MAX, &classes) ||
	    read_count(r, params, "num_target", 1, OUTPUTS_MAX, &targets))
		return -1;
	if (targets > 1)
		return error_set(r->why, "learner.learner_model_param.num_target: is %zu, and a model of more than one target is not read", targets);
	const bool labels = r->objective->answer == ANSWER_LABELS;
	if (labels != (classes > 1))
		return error_set(r->why, "learner.learner_model_param.num_class: is %zu, which does not fit the objective %s", classes, r->objective->name);
	m->kind = MODEL_XGBOOST;
	m->outputs = labels ? classes : 1;
	m->n_labels = labels ? classes : r->objective->answer == ANSWER_LABEL ? 2 : 0;
	m->labels = alloc_zeroed(m->n_labels + 1, sizeof *m->labels);
	m->positive = 1;
	m->threshold = 0.5;
	m->link = r->objective->link;
	m->link_scale = 1;
	return 0;
}

/*
 * In float, with the C library's logf, as XGBoost does: so the sums begin with the same bits.  base_score is "5E-1", or since 3.1
 * "[5E-1]", one number or one per output.
 */
static int base_of(struct reading *r, struct value v, double *out)
{
	const float x = value_is_number(v) ? (float)value_double(v) : NAN;

	switch (r->objective->base) {
	case BASE_PROBABILITY:
		*out = (double)-logf(1.0f / x - 1.0f);
		break;
	case BASE_MEAN:
		*out = (double)logf(x);
		break;
	case BASE_MARGIN:
		*out = (double)x;
	}
	if (isfinite(*out))
		return 0;
	return error_set(r->why, "learner.learner_model_param.base_score: is no base of %s", r->objective->name);
}

static int read_base(struct reading *r, struct value params)
{
	const struct value text = json_get(params, "base_score", r->arena);
	struct value v;
	struct error ignored;

	if (text.type != VALUE_STRING || json_document(r->arena, text.text, text.len, &v, &ignored))
		return error_set(r->why, "learner.learner_model_param.base_score: %s", text.type == VALUE_MISSING ? "is missing" :
		    "must be a number, or numbers in brackets, as a string");
	if (v.type == VALUE_ARRAY && v.len != 1 && v.len != r->m->outputs)
		return error_set(r->why, "learner.learner_model_param.base_score: has %u numbers for %zu output%s", v.len, r->m->outputs, number_s(r->m->outputs));
	r->base = arena_get(r->arena, r->m->outputs * sizeof *r->base);
	for (size_t k = 0; k < r->m->outputs; k++)
		if (base_of(r, v.type != VALUE_ARRAY ? v : v.items[v.len == 1 ? 0 : k], &r->base[k]))
			return -1;
	return 0;
}

static int add_input(struct reading *r, struct table *names, struct value name, uint32_t i)
{
	if (name.type != VALUE_STRING || !name.len || memchr(name.text, 0, name.len))
		return error_set(r->why, "learner.feature_names[%u]: must be a string (not empty, without NUL)", i);
	struct table_row *row = table_add(names, name.text, name.len);
	if (row->number)
		return error_set(r->why, "learner.feature_names[%u]: \"%.*s\" is there twice", i, QUOTED(name));
	row->number = 1;
	schema_add(&r->m->schema, name.text, name.len, MISSING_KEEP, 0);
	return 0;
}

static int read_inputs(struct reading *r, struct value learner)
{
	const struct value names = json_items(json_get(learner, "feature_names", r->arena), r->arena);
	struct table known = TABLE_INIT;
	int result = 0;

	if (names.type != VALUE_ARRAY || !names.len) {
		for (size_t i = 0; i < r->inputs; i++)
			schema_add(&r->m->schema, "", 0, MISSING_KEEP, 0);
		return 0;
	}
	if (names.len != r->inputs)
		return error_set(r->why, "learner.feature_names: has %u names for %zu inputs", names.len, r->inputs);
	for (uint32_t i = 0; !result && i < names.len; i++)
		result = add_input(r, &known, names.items[i], i);
	table_release(&known);
	return result;
}

static int read_labels(struct reading *r, struct value learner)
{
	static const char place[] = "learner.attributes.sml_labels";
	const struct value text = json_get(json_get(learner, "attributes", r->arena), "sml_labels", r->arena);
	struct model *m = r->m;
	struct error ignored;
	struct value labels;

	if (text.type == VALUE_MISSING || !m->n_labels)
		return 0;
	if (text.type != VALUE_STRING || json_document(r->arena, text.text, text.len, &labels, &ignored) || labels.type != VALUE_ARRAY ||
	    labels.len != m->n_labels)
		return error_set(r->why, "%s: must be a JSON array of %zu strings, as a string", place, m->n_labels);
	for (uint32_t i = 0; i < labels.len; i++) {
		const struct value label = labels.items[i];
		if (label.type != VALUE_STRING || memchr(label.text, 0, label.len))
			return error_set(r->why, "%s: must be a JSON array of strings (without NUL), as a string", place);
		m->labels[i] = alloc_span(label.text, label.len);
	}
	return 0;
}

/* ---- categories ---- */

/*
 * Texts stand one behind the other, byte by byte, with the places where they begin and end.  Of pandas XGBoost 3.2 counts these in characters and not
 * in bytes, so that texts beyond ASCII are not to be trusted: the input then has no categories but their numbers.
 */
static int read_texts(struct reading *r, struct value offsets, struct value bytes, size_t input)
{
	struct value *texts = arena_get(r->arena, offsets.len * sizeof *texts);
	char *all = arena_get(r->arena, bytes.len);

	for (uint32_t i = 0; i < bytes.len; i++) {
		if (bytes.items[i].type != VALUE_INTEGER)
			return -1;
		all[i] = (char)(unsigned char)bytes.items[i].integer;
		if (all[i] & 0x80)
			return 0;
	}
	for (uint32_t i = 0; i + 1 < offsets.len; i++) {
		const struct value from = offsets.items[i], to = offsets.items[i + 1];
		if (from.type != VALUE_INTEGER || to.type != VALUE_INTEGER || from.integer < 0 || from.integer > to.integer || to.integer > bytes.len ||
		    memchr(all + from.integer, 0, (size_t)(to.integer - from.integer)))
			return -1;
		texts[i] = value_text(all + from.integer, (size_t)(to.integer - from.integer));
	}
	schema_set_categories(&r->m->schema, input, texts, offsets.len - 1);
	return 0;
}

/* Since 3.1: of each input its categories, in the order of their codes; without values: none. */
static int read_encoding(struct reading *r, struct value of, size_t input)
{
	const struct value offsets = json_items(json_get(of, "offsets", r->arena), r->arena);
	const struct value values = json_items(json_get(of, "values", r->arena), r->arena);

	if (values.type != VALUE_ARRAY || (offsets.type != VALUE_ARRAY && offsets.type != VALUE_MISSING))
		return -1;
	if (offsets.type == VALUE_ARRAY)
		return offsets.len > 1 ? read_texts(r, offsets, values, input) : 0;
	for (uint32_t i = 0; i < values.len; i++)
		if (!value_is_number(values.items[i]))
			return -1;
	if (values.len)
		schema_set_categories(&r->m->schema, input, values.items, values.len);
	return 0;
}

static int read_all_categories(struct reading *r, struct value model)
{
	const struct value of = json_items(json_get(json_get(model, "cats", r->arena), "enc", r->arena), r->arena);

	if (of.type != VALUE_ARRAY)
		return 0;
	for (uint32_t i = 0; i < of.len; i++)
		if (i >= r->inputs || read_encoding(r, of.items[i], i))
			return error_set(r->why, "learner.gradient_booster.model.cats.enc[%u]: are no categories of an input", i);
	return 0;
}

/* ---- trees ---- */

struct raw {
	size_t at;			/* trees[at] */
	struct value left, right, input, condition, defaults, types, covers;
	struct trees_node *nodes;
	double *values;
	uint32_t n;
};

static int complain(const struct reading *r, const struct raw *t, const char *name, const char *what)
{
	return error_set(r->why, "learner.gradient_booster.model.trees[%zu].%s: %s", t->at, name, what);
}

/* A member with as many numbers as there are nodes. */
static int read_column(struct reading *r, const struct raw *t, struct value tree, const char *name, bool needed, struct value *out)
{
	*out = json_items(json_get(tree, name, &r->scratch), &r->scratch);
	if (out->type == VALUE_MISSING && !needed)
		return 0;
	if (out->type != VALUE_ARRAY || out->len != t->n)
		return complain(r, t, name, out->type == VALUE_MISSING ? "is missing" : "must be an array of a number per node");
	/* The condition of a split by a set is NaN: in JSON a number that no double holds, of UBJSON null. */
	for (uint32_t i = 0; i < t->n; i++)
		if (out->items[i].type >= VALUE_STRING && out->items[i].type != VALUE_HUGE)
			return complain(r, t, name, "must be an array of a number per node");
	return 0;
}

static bool is_set(struct value v)
{
	return v.type == VALUE_BOOL ? v.truth : value_is_number(v) && value_double(v) != 0;
}

/* What is no index becomes one that is not there. */
static uint32_t index_of(struct value v)
{
	return v.type == VALUE_INTEGER && v.integer >= 0 && v.integer < UINT32_MAX ? (uint32_t)v.integer : UINT32_MAX;
}

static int read_columns(struct reading *r, struct raw *t, struct value tree)
{
	const struct value left = json_items(json_get(tree, "left_children", &r->scratch), &r->scratch);

	t->n = left.type == VALUE_ARRAY ? left.len : 0;
	return read_column(r, t, tree, "left_children", true, &t->left) || read_column(r, t, tree, "right_children", true, &t->right) ||
	    read_column(r, t, tree, "split_indices", true, &t->input) || read_column(r, t, tree, "split_conditions", true, &t->condition) ||
	    read_column(r, t, tree, "default_left", true, &t->defaults) || read_column(r, t, tree, "split_type", false, &t->types) ||
	    read_column(r, t, tree, "sum_hessian", false, &t->covers) ? -1 : 0;
}

/* A leaf's value is its condition; base_weights is what it would be without shrinkage. */
static void make_node(const struct raw *t, uint32_t i)
{
	const bool left = is_set(t->defaults.items[i]), set = t->types.type == VALUE_ARRAY && is_set(t->types.items[i]);
	struct trees_node *n = &t->nodes[i];

	t->values[i] = value_is_number(t->condition.items[i]) ? value_double(t->condition.items[i]) : NAN;
	*n = (struct trees_node){ .values = &t->values[i], .threshold = t->values[i], .input = index_of(t->input.items[i]) };
	if (t->covers.type == VALUE_ARRAY && value_is_number(t->covers.items[i]))
		n->cover = value_double(t->covers.items[i]);
	if (t->left.items[i].type == VALUE_INTEGER && t->left.items[i].integer == -1)
		return;
	n->test = set ? TREES_ONE_OF : TREES_BELOW;
	n->missing = left != set ? TREES_NAN_YES : TREES_NAN_NO;
	n->yes = index_of(set ? t->right.items[i] : t->left.items[i]);	/* what is in the set goes right */
	n->no = index_of(set ? t->left.items[i] : t->right.items[i]);
}

static int set_of(struct reading *r, const struct raw *t, struct trees_node *n, const struct value *categories, size_t count)
{
	int64_t largest = -1;

	for (size_t i = 0; i < count; i++) {
		const struct value v = categories[i];
		if (v.type != VALUE_INTEGER || v.integer < 0 || v.integer >= CATEGORIES_MAX)
			return complain(r, t, "categories", "must be integers from 0 to 16777215");
		largest = v.integer > largest ? v.integer : largest;
	}
	n->n_words = (size_t)(largest + 32) / 32;
	r->words += n->n_words;
	if (r->words > WORDS_MAX)
		return complain(r, t, "categories", "with those of the trees before are more than this version reads");
	uint32_t *words = arena_get(&r->scratch, n->n_words * sizeof *words);
	memset(words, 0, n->n_words * sizeof *words);
	for (size_t i = 0; i < count; i++)
		words[categories[i].integer / 32] |= UINT32_C(1) << categories[i].integer % 32;
	n->categories = words;
	return 0;
}

static int read_sets(struct reading *r, const struct raw *t, struct value tree)
{
	static const char *const names[] = { "categories", "categories_nodes", "categories_segments", "categories_sizes" };
	struct value v[4];

	for (size_t k = 0; k < 4; k++) {
		v[k] = json_items(json_get(tree, names[k], &r->scratch), &r->scratch);
		if (v[k].type == VALUE_MISSING && k == 0)
			return 0;
		if (v[k].type != VALUE_ARRAY || (k > 1 && v[k].len != v[1].len))
			return complain(r, t, names[k], k > 1 ? "must be an array, as long as categories_nodes" : "must be an array");
	}
	for (uint32_t i = 0; i < v[1].len; i++) {
		const uint32_t node = index_of(v[1].items[i]), from = index_of(v[2].items[i]), count = index_of(v[3].items[i]);
		if (node >= t->n || from > v[0].len || count > v[0].len - from)
			return complain(r, t, "categories_nodes", "names a node, or categories of it, that are not there");
		if (t->nodes[node].test == TREES_ONE_OF && set_of(r, t, &t->nodes[node], v[0].items + from, count))
			return -1;
	}
	return 0;
}

static int read_tree(struct reading *r, struct value tree, size_t at, size_t output)
{
	const struct value params = json_get(tree, "tree_param", &r->scratch), size = json_get(params, "size_leaf_vector", &r->scratch);
	struct raw t = { .at = at };

	if (size.type == VALUE_STRING && !is_text(size, "0") && !is_text(size, "1"))
		return complain(r, &t, "tree_param.size_leaf_vector", "is more than 1, and trees with vectors in their leaves are not read");
	if (read_columns(r, &t, tree))
		return -1;
	t.nodes = arena_get(&r->scratch, t.n * sizeof *t.nodes);
	t.values = arena_get(&r->scratch, t.n * sizeof *t.values);
	for (uint32_t i = 0; i < t.n; i++)
		make_node(&t, i);
	if (read_sets(r, &t, tree))
		return -1;
	return trees_add(r->m->trees, output, t.nodes, t.n, r->why);
}

static int read_trees(struct reading *r, struct value model)
{
	const struct value trees = json_items(json_get(model, "trees", r->arena), r->arena);
	const struct value groups = json_items(json_get(model, "tree_info", r->arena), r->arena);
	int result = 0;

	if (trees.type != VALUE_ARRAY)
		return error_set(r->why, "learner.gradient_booster.model.trees: %s", trees.type == VALUE_MISSING ? "is missing" : "must be an array");
	if (groups.type != VALUE_ARRAY || groups.len != trees.len)
		return error_set(r->why, "learner.gradient_booster.model.tree_info: must be an array with the output of each tree");
	r->m->trees = trees_new(TREES_FLOAT, r->inputs, r->m->outputs, r->base);
	for (uint32_t i = 0; !result && i < trees.len; i++) {
		const uint32_t group = index_of(groups.items[i]);
		if (group >= r->m->outputs)
			result = error_set(r->why, "learner.gradient_booster.model.tree_info[%u]: is no output of the model", i);
		else
			result = read_tree(r, trees.items[i], i, group);
		arena_clear(&r->scratch);
	}
	arena_release(&r->scratch);
	if (!result)
		trees_finish(r->m->trees, 1);
	return result;
}

static int read_booster(struct reading *r, struct value booster)
{
	const struct value name = json_get(booster, "name", r->arena);

	if (name.type != VALUE_STRING)
		return error_set(r->why, "learner.gradient_booster.name: %s", name.type == VALUE_MISSING ? "is missing" : "must be a string");
	if (!is_text(name, "gbtree"))
		return error_set(r->why, "learner.gradient_booster.name: is \"%.*s\", and only gbtree is read", QUOTED(name));
	const struct value model = json_get(booster, "model", r->arena);
	return read_all_categories(r, model) ? -1 : read_trees(r, model);
}

int xgboost_read(struct model *m, struct value root, struct arena *arena, struct error *why)
{
	struct reading r = { .m = m, .arena = arena, .scratch = ARENA_INIT, .why = why };
	const struct value learner = json_get(root, "learner", arena), params = json_get(learner, "learner_model_param", arena);

	if (read_objective(&r, learner) || read_shape(&r, params) || read_base(&r, params) || read_inputs(&r, learner) || read_labels(&r, learner))
		return -1;
	return read_booster(&r, json_get(learner, "gradient_booster", arena));
}
