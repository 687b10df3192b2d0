/* SPDX-License-Identifier: MIT */
/*
 * The format is what Tree::ToString and GBDT::SaveModelToString of LightGBM write: lines NAME=VALUES.  What splits, missing values and
 * categories do is compared with the library's answers (test/fixtures/trees.py).
 */
#include "model/lightgbm.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/number.h"
#include "base/table.h"
#include "json/parse.h"
#include "json/write.h"
#include "model/trees.h"

#define INPUTS_MAX 65536
#define OUTPUTS_MAX 65536

struct span { const char *at; size_t len; };	/* at NULL: not there */

struct reading {
	struct model *m;
	struct arena *arena;
	struct error *why;
	const char *at, *end;
	size_t inputs, trees;		/* trees: read so far */
	bool average;
	struct span infos, categorical, pandas;
};

/* ---- lines and words ---- */

static bool next_line(struct reading *r, struct span *line)
{
	if (r->at == r->end)
		return false;
	const char *lf = memchr(r->at, '\n', (size_t)(r->end - r->at)), *end = lf ? lf : r->end;
	*line = (struct span){ r->at, (size_t)(end - r->at) };
	if (line->len && end[-1] == '\r')
		line->len--;
	r->at = lf ? lf + 1 : r->end;
	return true;
}

static bool begins(struct span s, const char *text)
{
	const size_t n = strlen(text);

	return s.len >= n && !memcmp(s.at, text, n);
}

static bool is(struct span s, const char *text)
{
	return s.len == strlen(text) && begins(s, text);
}

/* "NAME=VALUE": the value; else at is NULL. */
static struct span value_of(struct span line, const char *name)
{
	const size_t n = strlen(name);

	if (!begins(line, name) || line.len == n || line.at[n] != '=')
		return (struct span){ NULL, 0 };
	return (struct span){ line.at + n + 1, line.len - n - 1 };
}

static bool next_word(struct span *rest, char separator, struct span *word)
{
	while (rest->len && *rest->at == separator) {
		rest->at++;
		rest->len--;
	}
	if (!rest->len)
		return false;
	const char *gap = memchr(rest->at, separator, rest->len);
	*word = (struct span){ rest->at, gap ? (size_t)(gap - rest->at) : rest->len };
	rest->at += word->len;
	rest->len -= word->len;
	return true;
}

static size_t count_words(struct span s)
{
	struct span word;
	size_t n = 0;

	while (next_word(&s, ' ', &word))
		n++;
	return n;
}

static bool to_number(struct span word, double *out)
{
	char text[64];
	struct error ignored;

	if (word.len >= sizeof text)
		return false;
	memcpy(text, word.at, word.len);
	text[word.len] = '\0';
	return !number_parse_double(text, out, &ignored);
}

static bool to_count(struct span word, size_t most, size_t *out)
{
	double x;

	if (!to_number(word, &x) || !(x >= 0 && x <= (double)most) || x != floor(x))
		return false;
	*out = (size_t)x;
	return true;
}

#define QUOTED(s) (int)((s).len < 100 ? (s).len : 100), (s).at

/* ---- what stands above the trees ---- */

static const struct objective {
	const char *name;
	enum model_link link;
	enum answer { ANSWER_NUMBER, ANSWER_LABEL, ANSWER_LABELS } answer;
} objectives[] = {
	{ "binary", LINK_SIGMOID, ANSWER_LABEL },
	{ "multiclass", LINK_SOFTMAX, ANSWER_LABELS },
	{ "multiclassova", LINK_SIGMOIDS, ANSWER_LABELS },
	{ "cross_entropy", LINK_SIGMOID, ANSWER_NUMBER },
	{ "cross_entropy_lambda", LINK_LOG1P_EXP, ANSWER_NUMBER },
	{ "poisson", LINK_EXP, ANSWER_NUMBER },
	{ "gamma", LINK_EXP, ANSWER_NUMBER },
	{ "tweedie", LINK_EXP, ANSWER_NUMBER },
	{ "regression", LINK_IDENTITY, ANSWER_NUMBER },
	{ "regression_l1", LINK_IDENTITY, ANSWER_NUMBER },
	{ "huber", LINK_IDENTITY, ANSWER_NUMBER },
	{ "fair", LINK_IDENTITY, ANSWER_NUMBER },
	{ "quantile", LINK_IDENTITY, ANSWER_NUMBER },
	{ "mape", LINK_IDENTITY, ANSWER_NUMBER },
	{ "lambdarank", LINK_IDENTITY, ANSWER_NUMBER },
	{ "rank_xendcg", LINK_IDENTITY, ANSWER_NUMBER },
	{ "custom", LINK_IDENTITY, ANSWER_NUMBER },
};

static const struct objective *find_objective(struct span name)
{
	for (size_t i = 0; i < sizeof objectives / sizeof *objectives; i++)
		if (is(name, objectives[i].name))
			return &objectives[i];
	return NULL;
}

/* "binary sigmoid:1", "regression sqrt"; without one, as a training with an own objective leaves it, predictions are margins. */
static int read_objective(struct reading *r, struct span text, size_t outputs)
{
	struct model *m = r->m;
	struct span word = { "custom", 6 };

	if (text.at)
		next_word(&text, ' ', &word);
	const struct objective *o = find_objective(word);
	if (!o)
		return error_set(r->why, "objective: \"%.*s\" is not one that this version knows", QUOTED(word));
	if ((o->answer == ANSWER_LABELS) != (outputs > 1))
		return error_set(r->why, "num_tree_per_iteration: is %zu, which does not fit the objective %s", outputs, o->name);
	m->kind = MODEL_LIGHTGBM;
	m->outputs = outputs;
	m->n_labels = o->answer == ANSWER_LABELS ? outputs : o->answer == ANSWER_LABEL ? 2 : 0;
	m->labels = alloc_zeroed(m->n_labels + 1, sizeof *m->labels);
	m->positive = 1;
	m->threshold = 0.5;
	m->link = o->link;
	m->link_scale = 1;
	while (text.at && next_word(&text, ' ', &word)) {
		const struct span scale = { word.at + 8, word.len - 8 };
		if (is(word, "sqrt"))
			m->link = LINK_SIGNED_SQUARE;
		else if (begins(word, "sigmoid:") && (!to_number(scale, &m->link_scale) || !(m->link_scale > 0)))
			return error_set(r->why, "objective: \"%.*s\" is no number above 0", QUOTED(word));
	}
	return 0;
}

static int add_inputs(struct reading *r, struct span names)
{
	struct table known = TABLE_INIT;
	struct span word;
	int result = 0;

	while (!result && next_word(&names, ' ', &word)) {
		struct table_row *row = table_add(&known, word.at, word.len);
		if (row->number)
			result = error_set(r->why, "feature_names: \"%.*s\" is there twice", QUOTED(word));
		else if (memchr(word.at, 0, word.len))
			result = error_set(r->why, "feature_names: a name has a NUL");
		else
			schema_add(&r->m->schema, word.at, word.len, MISSING_KEEP, 0);
		row->number = 1;
	}
	table_release(&known);
	return result;
}

static int read_inputs(struct reading *r, struct span last, struct span names)
{
	if (!last.at || !to_count(last, INPUTS_MAX - 1, &r->inputs))
		return error_set(r->why, "max_feature_idx: must be an integer from 0 to %d", INPUTS_MAX - 1);
	r->inputs++;
	if (!names.at || count_words(names) != r->inputs)
		return error_set(r->why, "feature_names: must be %zu names", r->inputs);
	if (!json_is_utf8(names.at, names.len))
		return error_set(r->why, "feature_names: is not UTF-8");
	return add_inputs(r, names);
}

/* Reads up to the first tree; *line is its first. */
static int read_head(struct reading *r, struct span *line)
{
	struct span version = {0}, outputs = {0}, last = {0}, objective = {0}, names = {0};
	const struct { const char *name; struct span *out; } wanted[] = {
		{ "version", &version }, { "num_tree_per_iteration", &outputs }, { "max_feature_idx", &last }, { "objective", &objective },
		{ "feature_names", &names }, { "feature_infos", &r->infos }
	};
	size_t n;

	*line = (struct span){0};
	while (next_line(r, line) && !begins(*line, "Tree=") && !is(*line, "end of trees")) {
		r->average = r->average || is(*line, "average_output");
		for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
			if (value_of(*line, wanted[i].name).at)
				*wanted[i].out = value_of(*line, wanted[i].name);
	}
	if (!is(version, "v4") && !is(version, "v3") && !is(version, "v2"))
		return error_set(r->why, "version: %s", version.at ? "is none that this version reads (v2, v3, v4)" : "is missing");
	if (!outputs.at || !to_count(outputs, OUTPUTS_MAX, &n) || !n)
		return error_set(r->why, "num_tree_per_iteration: must be an integer from 1 to %d", OUTPUTS_MAX);
	return read_objective(r, objective, n) || read_inputs(r, last, names) ? -1 : 0;
}

/* ---- trees ---- */

enum column {
	NUM_LEAVES, IS_LINEAR, LEAF_VALUE, LEAF_COUNT, SPLIT_FEATURE, THRESHOLD, DECISION_TYPE, LEFT_CHILD, RIGHT_CHILD, CAT_BOUNDARIES,
	CAT_THRESHOLD, COLUMNS
};

static const char *const column_names[COLUMNS] = {
	"num_leaves", "is_linear", "leaf_value", "leaf_count", "split_feature", "threshold", "decision_type", "left_child", "right_child",
	"cat_boundaries", "cat_threshold"
};

struct raw {
	struct span columns[COLUMNS];
	size_t leaves;
	struct trees_node *nodes;	/* the splits, then the leaves */
	double *values, *boundaries;
	uint32_t *words;
	size_t n_boundaries, n_words;
};

static int complain(const struct reading *r, enum column column, const char *what)
{
	return error_set(r->why, "Tree=%zu: %s: %s", r->trees, column_names[column], what);
}

/* Only thresholds may be infinite. */
static bool to_cell(struct span word, enum column column, double *out)
{
	if (column != THRESHOLD || !(is(word, "inf") || is(word, "-inf")))
		return to_number(word, out);
	*out = word.at[0] == '-' ? -INFINITY : INFINITY;
	return true;
}

/* n numbers of a column. */
static int read_numbers(const struct reading *r, const struct raw *t, enum column column, size_t n, double *out)
{
	struct span rest = t->columns[column], word;
	size_t i = 0;

	if (!rest.at)
		return complain(r, column, "is missing");
	while (i < n && next_word(&rest, ' ', &word))
		if (!to_cell(word, column, &out[i++]))
			return complain(r, column, "has a word that is no number");
	return i < n || next_word(&rest, ' ', &word) ? complain(r, column, "has not as many numbers as the tree needs") : 0;
}

/* A child is a split's index, or of a leaf -1 - its index. What is neither becomes a node that is not there. */
static uint32_t child_of(const struct raw *t, double x)
{
	if (x != floor(x))
		return UINT32_MAX;
	if (x >= 0 && x < (double)(t->leaves - 1))
		return (uint32_t)x;
	if (x < 0 && -1 - x < (double)t->leaves)
		return (uint32_t)(t->leaves - 1) + (uint32_t)(-1 - x);
	return UINT32_MAX;
}

static int read_sets(const struct reading *r, struct raw *t)
{
	t->n_boundaries = count_words(t->columns[CAT_BOUNDARIES]);
	t->n_words = count_words(t->columns[CAT_THRESHOLD]);
	if (!t->columns[CAT_BOUNDARIES].at)
		return 0;
	double *words = arena_get(r->arena, t->n_words * sizeof *words);
	t->boundaries = arena_get(r->arena, t->n_boundaries * sizeof *t->boundaries);
	t->words = arena_get(r->arena, t->n_words * sizeof *t->words);
	if (read_numbers(r, t, CAT_BOUNDARIES, t->n_boundaries, t->boundaries) || read_numbers(r, t, CAT_THRESHOLD, t->n_words, words))
		return -1;
	for (size_t i = 0; i < t->n_words; i++) {
		if (!(words[i] >= 0 && words[i] <= UINT32_MAX))
			return complain(r, CAT_THRESHOLD, "must be integers of 32 bits");
		t->words[i] = (uint32_t)words[i];
	}
	return 0;
}

/* The threshold of a categorical split is the number of its set, whose words lie between two boundaries. */
static int set_of(const struct reading *r, const struct raw *t, struct trees_node *n)
{
	const double i = n->threshold;

	if (!(i >= 0 && i + 1 < (double)t->n_boundaries))
		return complain(r, THRESHOLD, "names a set of categories that is not there");
	const double from = t->boundaries[(size_t)i], to = t->boundaries[(size_t)i + 1];
	if (!(from >= 0 && from <= to && to <= (double)t->n_words))
		return complain(r, CAT_BOUNDARIES, "lie outside of cat_threshold");
	n->test = TREES_ONE_OF;
	n->missing = TREES_NAN_NO;
	n->categories = t->words + (size_t)from;
	n->n_words = (size_t)to - (size_t)from;
	return 0;
}

/* A split that only asks whether there is a value has the threshold inf: each number is at most that, and none at most -inf. */
static void set_test(struct trees_node *n)
{
	n->test = n->threshold == -INFINITY ? TREES_BELOW : TREES_AT_MOST;
	if (isinf(n->threshold))
		n->threshold = n->threshold > 0 ? TREES_PRESENT : -DBL_MAX;
}

/* Bit 0: categorical; bit 1: what is missing goes left; bits 2 and 3: nothing is missing (NaN is 0), zero is, NaN is. */
static int decide(const struct reading *r, const struct raw *t, struct trees_node *n, double type)
{
	if (!(type >= 0 && type < 12) || type != floor(type))
		return complain(r, DECISION_TYPE, "must be integers from 0 to 11");
	const unsigned bits = (unsigned)type;
	const bool left = bits & 2;
	if (bits & 1)
		return set_of(r, t, n);
	set_test(n);
	switch (bits >> 2) {
	case 0:
		n->missing = TREES_NAN_ZERO;
		break;
	case 1:
		n->missing = left ? TREES_ZERO_YES : TREES_ZERO_NO;
		break;
	default:
		n->missing = left ? TREES_NAN_YES : TREES_NAN_NO;
	}
	return 0;
}

static int read_splits(const struct reading *r, struct raw *t)
{
	static const enum column columns[] = { SPLIT_FEATURE, THRESHOLD, DECISION_TYPE, LEFT_CHILD, RIGHT_CHILD };
	const size_t n = t->leaves - 1;
	double *of[5];

	for (size_t k = 0; k < 5; k++) {
		of[k] = arena_get(r->arena, n * sizeof **of);
		if (n && read_numbers(r, t, columns[k], n, of[k]))
			return -1;
	}
	if (read_sets(r, t))
		return -1;
	for (size_t i = 0; i < n; i++) {
		struct trees_node *node = &t->nodes[i];
		const double input = of[0][i];
		*node = (struct trees_node){ .threshold = of[1][i], .yes = child_of(t, of[3][i]), .no = child_of(t, of[4][i]) };
		node->input = input >= 0 && input < (double)r->inputs ? (uint32_t)input : UINT32_MAX;
		if (decide(r, t, node, of[2][i]))
			return -1;
	}
	return 0;
}

/* A split's cover is what its leaves' add up to, which is all that contributions need. */
static int read_leaves(const struct reading *r, struct raw *t)
{
	double *counts = arena_get(r->arena, t->leaves * sizeof *counts);
	const bool counted = count_words(t->columns[LEAF_COUNT]) == t->leaves;

	t->values = arena_get(r->arena, t->leaves * sizeof *t->values);
	if (read_numbers(r, t, LEAF_VALUE, t->leaves, t->values) || (counted && read_numbers(r, t, LEAF_COUNT, t->leaves, counts)))
		return -1;
	for (size_t i = 0; i < t->leaves; i++)
		t->nodes[t->leaves - 1 + i] = (struct trees_node){ .values = &t->values[i], .cover = counted ? counts[i] : 0 };
	return 0;
}

/* Covers of the splits: children are numbered after their parents by LightGBM, but what a file says is not believed. */
static void add_covers(struct raw *t)
{
	for (size_t i = t->leaves - 1; i-- > 0;) {
		struct trees_node *n = &t->nodes[i];
		if (n->yes > i && n->no > i && n->yes < 2 * t->leaves - 1 && n->no < 2 * t->leaves - 1)
			n->cover = t->nodes[n->yes].cover + t->nodes[n->no].cover;
	}
}

static int read_tree(struct reading *r, struct raw *t)
{
	const struct span linear = t->columns[IS_LINEAR];
	const size_t leaves = count_words(t->columns[LEAF_VALUE]);

	if (!t->columns[NUM_LEAVES].at || !to_count(t->columns[NUM_LEAVES], UINT32_MAX / 4, &t->leaves) || !t->leaves)
		return complain(r, NUM_LEAVES, "must be an integer, 1 or greater");
	if (leaves != t->leaves)
		return complain(r, LEAF_VALUE, "must be a number per leaf");
	if (linear.at && !is(linear, "0"))
		return complain(r, IS_LINEAR, "trees with linear models in their leaves are not read");
	t->nodes = arena_get(r->arena, 2 * t->leaves * sizeof *t->nodes);
	if (read_splits(r, t) || read_leaves(r, t))
		return -1;
	add_covers(t);
	return trees_add(r->m->trees, r->trees % r->m->outputs, t->nodes, 2 * t->leaves - 1, r->why);
}

/* The lines of a tree go up to the next one's, or to "end of trees". */
static int read_trees(struct reading *r, struct span line)
{
	const double *base = alloc_zeroed(r->m->outputs, sizeof *base);
	int result = 0;

	r->m->trees = trees_new(TREES_DOUBLE, r->inputs, r->m->outputs, base);
	free((void *)base);
	while (!result && begins(line, "Tree=")) {
		struct raw t = {0};
		bool more;
		while ((more = next_line(r, &line)) && !begins(line, "Tree=") && !is(line, "end of trees"))
			for (int c = 0; c < COLUMNS; c++)
				if (value_of(line, column_names[c]).at)
					t.columns[c] = value_of(line, column_names[c]);
		result = more ? read_tree(r, &t) : error_set(r->why, "Tree=%zu: the file ends before \"end of trees\"", r->trees);
		arena_clear(r->arena);
		r->trees++;
	}
	if (!result && !is(line, "end of trees"))
		return error_set(r->why, "has no \"end of trees\"");
	return result;
}

static int finish(struct reading *r)
{
	const size_t iterations = r->trees / r->m->outputs;

	if (r->trees % r->m->outputs)
		return error_set(r->why, "has %zu trees, which is no multiple of num_tree_per_iteration (%zu)", r->trees, r->m->outputs);
	trees_finish(r->m->trees, r->average && iterations ? (double)iterations : 1);
	return 0;
}

/* ---- categories ---- */

#define PANDAS "pandas_categorical:"

/*
 * LightGBM itself ends a file with the parameters, its Python package with the categories behind them, or behind the trees alone if the
 * parameters were taken out.  A file that stops before has been cut: without its categories it would be read as if it had none.
 */
static int read_tail(struct reading *r)
{
	struct span line = {0};
	bool begun = false, ended = false;

	while (next_line(r, &line)) {
		begun = begun || is(line, "parameters:");
		ended = ended || is(line, "end of parameters");
		if (begins(line, "[categorical_feature: ") && line.at[line.len - 1] == ']')
			r->categorical = (struct span){ line.at + 22, line.len - 23 };
		if (begins(line, PANDAS))
			r->pandas = (struct span){ line.at + strlen(PANDAS), line.len - strlen(PANDAS) };
	}
	if (!ended && (begun || !r->pandas.at))
		return error_set(r->why, "the file ends before \"end of parameters\"");
	if (!r->pandas.at && line.len && line.len < strlen(PANDAS) && !memcmp(line.at, PANDAS, line.len))
		return error_set(r->why, "the file ends before \"" PANDAS "\"");
	return 0;
}

/* The inputs with categories: those that the parameters name, else those whose values the file lists instead of their range. */
static size_t find_categorical(struct reading *r, size_t *out)
{
	struct span rest = r->categorical, word;
	size_t n = 0;

	for (; rest.at && next_word(&rest, ',', &word) && n < r->inputs; n++)
		if (!to_count(word, r->inputs - 1, &out[n]))
			break;
	if (n)
		return n;
	rest = r->infos;
	for (size_t i = 0; rest.at && i < r->inputs && next_word(&rest, ' ', &word); i++)
		if (word.at[0] != '[' && !is(word, "none"))
			out[n++] = i;
	return n;
}

/* Strings without NUL, or numbers. */
static bool are_categories(struct value of)
{
	if (of.type != VALUE_ARRAY)
		return false;
	for (uint32_t i = 0; i < of.len; i++) {
		const struct value v = of.items[i];
		if (v.type != VALUE_STRING ? !value_is_number(v) : memchr(v.text, 0, v.len) != NULL)
			return false;
		if (i && (v.type == VALUE_STRING) != (of.items[0].type == VALUE_STRING))
			return false;
	}
	return true;
}

/* A boolean in a record is the number 0 or 1, and so the index of its like if false comes first. */
static bool are_booleans(struct value of)
{
	if (of.type != VALUE_ARRAY || !of.len || of.len > 2)
		return false;
	for (uint32_t i = 0; i < of.len; i++)
		if (of.items[i].type != VALUE_BOOL || of.items[i].truth != (i == 1))
			return false;
	return true;
}

static int set_categories(struct reading *r, uint32_t i, size_t input, struct value list)
{
	const struct value words[] = { value_text("false", 5), value_text("true", 4) };
	const struct input *in = &r->m->schema.inputs[input];
	const bool booleans = are_booleans(list);

	if (!booleans && !are_categories(list))
		return error_set(r->why, "pandas_categorical[%u]: the categories of \"%.100s\" must be all strings (without NUL), "
		    "all numbers, or [false,true]", i, in->name);
	if (!in->categories)
		schema_set_categories(&r->m->schema, input, booleans ? words : list.items, list.len);
	return 0;
}

/* pandas_categorical:[["red","blue"],[1,2,3]]: of each input with categories, in this order; null where pandas was not used. */
static int read_categories(struct reading *r)
{
	struct value lists;
	struct error reason;

	if (!r->pandas.at)
		return 0;
	if (json_document(r->arena, r->pandas.at, r->pandas.len, &lists, &reason))
		return error_set(r->why, "pandas_categorical: not JSON at %s", reason.text);
	if (value_is_null(lists) || (lists.type == VALUE_ARRAY && !lists.len))
		return 0;
	size_t *categorical = arena_get(r->arena, r->inputs * sizeof *categorical);
	const size_t n = find_categorical(r, categorical);
	if (lists.type != VALUE_ARRAY || lists.len != n)
		return error_set(r->why, "pandas_categorical: must be an array of as many arrays as inputs have categories (%zu)", n);
	for (uint32_t i = 0; i < lists.len; i++)
		if (set_categories(r, i, categorical[i], json_items(lists.items[i], r->arena)))
			return -1;
	return 0;
}

bool lightgbm_is(const char *text, size_t len)
{
	return len > 5 && !memcmp(text, "tree", 4) && (text[4] == '\n' || text[4] == '\r');
}

int lightgbm_read(struct model *m, const char *text, size_t len, struct arena *arena, struct error *why)
{
	struct reading r = { .m = m, .arena = arena, .why = why, .at = text, .end = text + len };
	struct span line;

	if (read_head(&r, &line) || read_trees(&r, line) || finish(&r))
		return -1;
	return read_tail(&r) || read_categories(&r) ? -1 : 0;
}
