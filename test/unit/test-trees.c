/* SPDX-License-Identifier: MIT */
/*
 * Trees against a walk that does what trees.h says word by word, and the files of XGBoost and LightGBM against the libraries' answers
 * (test/fixtures/trees.py).
 */
#include "model/trees.h"

#include <math.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/number.h"
#include "base/prng.h"
#include "base/savefile.h"
#include "json/parse.h"
#include "model/modelfile.h"
#include "tap.h"

static struct error why;
static char stated[64];

/* ---- the libraries' answers ---- */

static const char *folder;

static struct model *load(const char *name)
{
	char *path = alloc_format("%s/%s", folder, name), *text;
	size_t len;
	struct model *m = modelfile_load(path, NULL, stated, &text, &len, &why);

	free(text);
	free(path);
	return m;
}

static void drop(struct model *m)
{
	model_release(m);
	free(m);
}

static double number_of(struct value v)
{
	return v.type == VALUE_STRING ? strtod(v.text, NULL) : value_is_number(v) ? value_double(v) : NAN;
}

/* An array of arrays, one behind the other. */
static double *table_of(struct value v, struct arena *arena, size_t *rows, size_t *columns)
{
	double *out = NULL;

	*rows = v.len;
	for (uint32_t i = 0; i < v.len; i++) {
		const struct value row = json_items(v.items[i], arena);
		*columns = row.len;
		out = out ? out : alloc_bytes(v.len * row.len * sizeof *out);
		for (uint32_t j = 0; j < row.len; j++)
			out[i * row.len + j] = number_of(row.items[j]);
	}
	return out;
}

struct answers { double *x, *margins, *scores, *contributions; size_t rows, inputs, outputs, parts; };

static size_t differing(const double *a, const double *b, size_t n, double tolerance)
{
	size_t count = 0;

	for (size_t i = 0; i < n; i++)
		count += tolerance > 0 ? !(fabs(a[i] - b[i]) <= tolerance * fmax(1, fabs(b[i]))) : !tap_same_double(a[i] + 0.0, b[i] + 0.0);
	return count;
}

static double *in_batches(const struct model *m, const struct answers *a, size_t batch)
{
	double *z = alloc_bytes(a->rows * m->outputs * sizeof *z);

	for (size_t i = 0; i < a->rows; i += batch)
		model_margins(m, a->x + i * a->inputs, a->rows - i < batch ? a->rows - i : batch, z + i * m->outputs);
	return z;
}

static void compare_contributions(const struct model *m, const struct answers *a, const char *file)
{
	const size_t n = a->inputs + 1;
	double *got = alloc_bytes(a->rows * a->outputs * n * sizeof *got);

	for (size_t i = 0; i < a->rows; i++)
		for (size_t k = 0; k < a->outputs; k++) {
			double *to = got + (i * a->outputs + k) * n;
			model_contributions(m, a->x + i * a->inputs, k, to, to + a->inputs);
		}
	if (a->contributions)
		is_int(differing(got, a->contributions, a->rows * a->outputs * n, 2e-5), 0, "%s: contributions", file);
	size_t apart = 0;
	for (size_t i = 0; i < a->rows * a->outputs; i++) {
		double sum = 0;
		for (size_t j = 0; j < n; j++)
			sum += got[i * n + j];
		apart += !(fabs(sum - a->margins[i]) <= 1e-4 * fmax(1, fabs(a->margins[i])));
	}
	is_int(apart, 0, "%s: contributions add up to margins", file);
	free(got);
}

static void compare(const char *file, const struct answers *a)
{
	struct model *m = load(file);

	if (!ok(m != NULL, "%s: is read", file)) {
		printf("# %s\n", why.text);
		return;
	}
	is_int(m->schema.n, a->inputs, "%s: inputs", file);
	if (is_int(m->outputs, a->outputs, "%s: outputs", file)) {
		for (size_t batch = 1; batch <= 81; batch += 16) {
			double *z = in_batches(m, a, batch);
			is_int(differing(z, a->margins, a->rows * a->outputs, 0), 0, "%s: margins, %zu at once, to the last bit", file, batch);
			free(z);
		}
		double *z = in_batches(m, a, 1000);
		model_scores(m, z, a->rows);
		if (strstr(file, "softmax"))	/* predict() says which is the largest */
			for (size_t i = 0; i < a->rows; i++)
				z[i] = (double)model_label(m, z + i * a->outputs);
		is_int(differing(z, a->scores, a->rows * (strstr(file, "softmax") ? 1 : a->outputs), 1e-6), 0, "%s: scores", file);
		free(z);
		compare_contributions(m, a, file);
	}
	drop(m);
}

static void compare_all(const char *name)
{
	char *path = alloc_format("%s/%s", folder, name);
	struct arena arena = ARENA_INIT;
	size_t len, columns;
	char *text = savefile_read(path, 10u << 20, &len, &why);
	struct value root;

	free(path);
	if (!ok(text && !json_document(&arena, text, len, &root, &why), "%s is there", name))
		return;
	const struct value models = json_items(json_get(root, "models", &arena), &arena);
	for (uint32_t i = 0; i < models.len; i++) {
		struct answers a = {0};
		const struct value files = json_items(json_get(models.items[i], "files", &arena), &arena);
		char *first = alloc_span(files.items[0].text, files.items[0].len);
		a.x = table_of(json_items(json_get(json_get(root, "rows", &arena), first, &arena), &arena), &arena, &a.rows, &a.inputs);
		a.margins = table_of(json_items(json_get(models.items[i], "margins", &arena), &arena), &arena, &a.rows, &a.outputs);
		a.scores = table_of(json_items(json_get(models.items[i], "scores", &arena), &arena), &arena, &a.rows, &columns);
		a.contributions = table_of(json_items(json_get(models.items[i], "contributions", &arena), &arena), &arena, &columns, &a.parts);
		for (uint32_t k = 0; k < files.len; k++) {
			char *file = alloc_span(files.items[k].text, files.items[k].len);
			compare(file, &a);
			free(file);
		}
		free(first);
		free(a.x);
		free(a.margins);
		free(a.scores);
		free(a.contributions);
	}
	arena_release(&arena);
	free(text);
}

/* ---- what a caller gives ---- */

static const struct trees_node stump[] = {
	{ .test = TREES_BELOW, .missing = TREES_NAN_NO, .input = 1, .yes = 1, .no = 2, .threshold = 0.5 },
	{ .values = &(double){ -1 }, .cover = 3 }, { .values = &(double){ 2 }, .cover = 1 },
};

static struct trees *add_one(const struct trees_node *nodes, size_t n, int expected, const char *message, const char *name)
{
	struct trees *t = trees_new(TREES_DOUBLE, 2, 1, &(double){ 0.5 });
	const int result = trees_add(t, 0, nodes, n, &why);

	is_int(result, expected, "%s", name);
	if (result)
		is_str(why.text, message, "%s: the message", name);
	return t;
}

static void adding(void)
{
	struct trees_node n[4];
	struct trees_step step;
	struct buf text = BUF_INIT;
	double z[2], parts[2], bias;
	uint32_t at = 0;

	struct trees *t = add_one(stump, 3, 0, NULL, "a stump");
	trees_finish(t, 2);
	trees_margins(t, (const double[]){ 0, 0.4, 0, NAN }, 2, z);
	ok(z[0] == -0.25 && z[1] == 1.25, "its margins: base and leaf, divided");
	trees_contributions(t, (const double[]){ 0, 0.4 }, 0, parts, &bias);
	ok(bias == 0.125 && parts[0] == 0 && parts[1] == -0.375, "its contributions: %g %g %g", bias, parts[0], parts[1]);
	ok(!trees_uses(t, 0) && trees_uses(t, 1) && trees_count(t) == 1 && trees_depth(t) == 1, "about it");
	ok(trees_path(t, (const double[]){ 0, NAN }, 0, &at, &step) && step.input == 1 && step.threshold == 0.5 && !step.yes && step.missing, "its path");
	ok(!trees_path(t, (const double[]){ 0, NAN }, 0, &at, &step), "which ends in a leaf");
	trees_identify(t, &text);
	ok(text.len > 0, "its identity");
	buf_release(&text);
	trees_free(t);
	trees_free(NULL);

	trees_free(add_one(stump, 0, -1, "tree 0: has no node", "no node"));
	memcpy(n, stump, sizeof stump);
	n[0].no = 3;
	trees_free(add_one(n, 3, -1, "tree 0, node 0: leads to a node that is not there", "a child out of range"));
	n[0].no = 1;
	trees_free(add_one(n, 3, -1, "tree 0, node 1: is reached twice", "two ways to a node"));
	n[0].no = 0;
	trees_free(add_one(n, 3, -1, "tree 0, node 0: is reached twice", "a circle"));
	n[0].no = 2;
	n[0].input = 2;
	trees_free(add_one(n, 3, -1, "tree 0, node 0: asks for an input that is not there", "an input out of range"));
	n[0].input = 0;
	n[0].threshold = NAN;
	trees_free(add_one(n, 3, -1, "tree 0, node 0: its threshold is not finite", "a threshold that is not finite"));
	n[0].threshold = 0;
	n[2].values = &(double){ INFINITY };
	trees_free(add_one(n, 3, -1, "tree 0, node 2: its value is not finite", "a leaf that is not finite"));
	n[0].no = n[0].yes;
	memcpy(n, stump, sizeof stump);
	n[3] = n[0];	/* a circle that nothing leads to */
	n[3].yes = n[3].no = 3;
	t = add_one(n, 4, 0, NULL, "a node that is never reached");
	trees_free(t);
	t = trees_new(TREES_DOUBLE, 2, 1, &(double){ 0 });
	ok(trees_add(t, 1, stump, 3, &why) && !strcmp(why.text, "tree 0: is for output 1 of 1"), "an output out of range: %s", why.text);
	trees_free(t);
}

/* ---- random trees, against the words of trees.h ---- */

enum { INPUTS = 5, MOST = 400, SAMPLE = 205, WORDS = 2 };

struct drawn {
	struct trees_node nodes[MOST];
	double values[MOST][3];
	uint32_t sets[MOST][WORDS];
	size_t n, output;
};

static double draw_number(struct prng *p)
{
	static const double few[] = { 0, -0.0, NAN, 1e-35, -1e-35, 1.2e-35, 1, 2.5, -1, -0.5, 33, 63, 64, 1e300, -1e300, 4e9 };
	const double x = prng_unit(p);

	return x < 0.3 ? few[prng_below(p, sizeof few / sizeof *few)] : x < 0.6 ? (double)prng_below(p, 70) : (prng_unit(p) - 0.5) * 8;
}

static double draw_finite(struct prng *p)
{
	double x;

	do
		x = draw_number(p);
	while (isnan(x) || fabs(x) > 1e30);
	return x;
}

/* Splits a leaf at random, as often as is asked for: trees from a lone leaf to deep and crooked ones. */
static void draw_tree(struct prng *p, struct drawn *d, bool sets, size_t splits)
{
	d->n = 1;
	d->nodes[0] = (struct trees_node){ .test = TREES_LEAF };
	for (size_t s = 0; s < splits; s++) {
		size_t i = prng_below(p, 3) ? d->n - 1 : prng_below(p, d->n);
		while (d->nodes[i].test != TREES_LEAF)
			i = (i + 1) % d->n;
		struct trees_node *n = &d->nodes[i];
		*n = (struct trees_node){ .test = prng_below(p, 2) ? TREES_BELOW : TREES_AT_MOST, .missing = (enum trees_missing)prng_below(p, 5),
		    .input = (uint32_t)prng_below(p, INPUTS), .yes = (uint32_t)d->n + 1, .no = (uint32_t)d->n, .threshold = draw_finite(p) };
		if (sets && prng_below(p, 2)) {
			n->test = TREES_ONE_OF;
			n->categories = d->sets[i];
			n->n_words = prng_below(p, WORDS + 1);
			for (size_t w = 0; w < WORDS; w++)
				d->sets[i][w] = (uint32_t)prng_next(p);
		}
		d->nodes[d->n++] = (struct trees_node){ .test = TREES_LEAF };
		d->nodes[d->n++] = (struct trees_node){ .test = TREES_LEAF };
	}
	for (size_t i = 0; i < d->n; i++) {
		d->nodes[i].cover = (double)prng_below(p, 9);
		d->nodes[i].values = d->values[i];
		for (size_t k = 0; k < 3; k++)
			d->values[i][k] = draw_finite(p);
	}
}

static bool naive_yes(enum trees_arithmetic arithmetic, const struct trees_node *n, double x)
{
	const bool zero = n->missing == TREES_ZERO_YES || n->missing == TREES_ZERO_NO, yes = n->missing == TREES_NAN_YES || n->missing == TREES_ZERO_YES;
	const double threshold = arithmetic == TREES_FLOAT ? (double)(float)n->threshold : n->threshold;

	x = arithmetic == TREES_FLOAT ? (double)(float)x : x;
	if (isnan(x) && n->missing == TREES_NAN_ZERO)
		x = 0;
	if (n->test == TREES_ONE_OF) {
		if (isnan(x))
			return yes;
		if (arithmetic == TREES_FLOAT && x < 0)
			return false;
		x = trunc(x);
		return x >= 0 && x < 32.0 * (double)n->n_words && (n->categories[(size_t)x / 32] >> (size_t)x % 32 & 1);
	}
	if (isnan(x) || (zero && fabs(x) <= (double)1e-35f))
		return yes;
	return n->test == TREES_BELOW ? x < threshold : x <= threshold;
}

static void naive(enum trees_arithmetic arithmetic, const struct drawn *d, size_t trees, size_t outputs, const double *x, double divisor, double *z)
{
	for (size_t k = 0; k < outputs; k++)
		z[k] = 0.25 * (double)k;
	for (size_t t = 0; t < trees; t++) {
		size_t i = 0;
		while (d[t].nodes[i].test != TREES_LEAF)
			i = naive_yes(arithmetic, &d[t].nodes[i], x[d[t].nodes[i].input]) ? d[t].nodes[i].yes : d[t].nodes[i].no;
		for (size_t k = 0; k < outputs; k++)
			if (d[t].output == TREES_EACH_OUTPUT || d[t].output == k) {
				const double value = d[t].values[i][d[t].output == TREES_EACH_OUTPUT ? k : 0];
				z[k] = arithmetic == TREES_FLOAT ? (double)((float)z[k] + (float)value) : z[k] + value;
			}
	}
	for (size_t k = 0; k < outputs; k++)
		z[k] = arithmetic == TREES_FLOAT ? (double)(float)(z[k] / divisor) : z[k] / divisor;
}

/* Where the path ends, and whether contributions and bias are the margin. */
static size_t wrong_paths(const struct trees *t, const double *x, const double *z, size_t outputs)
{
	size_t wrong = 0;

	for (size_t i = 0; i < SAMPLE; i++, x += INPUTS)
		for (size_t k = 0; k < outputs; k++) {
			double parts[INPUTS], sum;
			trees_contributions(t, x, k, parts, &sum);
			for (size_t j = 0; j < INPUTS; j++)
				sum += parts[j];
			wrong += !(fabs(sum - z[i * outputs + k]) <= 1e-4 * fmax(1, fabs(sum)) + 1e-3);
		}
	return wrong;
}

static void random_trees(struct prng *p, int round)
{
	const enum trees_arithmetic arithmetic = round % 2 ? TREES_FLOAT : TREES_DOUBLE;
	const size_t outputs = 1 + (size_t)round % 3, trees = prng_below(p, 20), splits = prng_below(p, 3) ? prng_below(p, 12) : prng_below(p, MOST / 2 - 1);
	const double divisor = round % 5 ? 1 : 3;
	struct trees *t = trees_new(arithmetic, INPUTS, outputs, (const double[]){ 0, 0.25, 0.5 });
	struct drawn *d = alloc_zeroed(trees + 1, sizeof *d);
	double *x = alloc_bytes(SAMPLE * INPUTS * sizeof *x), *z = alloc_bytes(SAMPLE * 3 * sizeof *z), *expected = alloc_bytes(SAMPLE * 3 * sizeof *expected);
	bool added = true;

	for (size_t i = 0; i < trees; i++) {
		draw_tree(p, &d[i], round % 4 > 1, splits);
		d[i].output = prng_below(p, 4) ? prng_below(p, outputs) : TREES_EACH_OUTPUT;
		added = added && !trees_add(t, d[i].output, d[i].nodes, d[i].n, &why);
	}
	trees_finish(t, divisor);
	for (size_t i = 0; i < SAMPLE * INPUTS; i++)
		x[i] = draw_number(p);
	for (size_t i = 0; i < SAMPLE; i++)
		naive(arithmetic, d, trees, outputs, x + i * INPUTS, divisor, expected + i * outputs);
	size_t wrong = 0;
	for (size_t batch = 1; batch <= SAMPLE; batch = batch * 2 + 1)
		for (size_t i = 0; i < SAMPLE; i += batch) {
			const size_t n = SAMPLE - i < batch ? SAMPLE - i : batch;
			trees_margins(t, x + i * INPUTS, n, z);
			wrong += differing(z, expected + i * outputs, n * outputs, 0);
		}
	ok(added && !wrong, "random trees %d: %zu trees, %zu splits, %zu outputs: as the naive walk", round, trees, splits, outputs);
	is_int(wrong_paths(t, x, expected, outputs), 0, "random trees %d: contributions add up", round);
	trees_free(t);
	free(d);
	free(x);
	free(z);
	free(expected);
}

/* More inputs than a block of 64 rows has room for. */
static void many_inputs(void)
{
	enum { N = 3000, R = 20 };
	struct trees *t = trees_new(TREES_FLOAT, N, 1, &(double){ 0 });
	double *x = alloc_zeroed((size_t)N * R, sizeof *x), z[R];
	size_t wrong = 0;

	for (uint32_t j = 0; j < N; j++) {
		struct trees_node n[3];
		memcpy(n, stump, sizeof stump);
		n[0].input = j;
		trees_add(t, 0, n, 3, &why);
	}
	trees_finish(t, 1);
	for (size_t i = 0; i < R; i++)
		for (size_t j = 0; j < i * 100; j++)
			x[i * N + j] = 1;
	trees_margins(t, x, R, z);
	for (size_t i = 0; i < R; i++)
		wrong += z[i] != (double)(i * 100) * 2 - (double)(N - i * 100);
	is_int(wrong, 0, "3,000 inputs");
	trees_free(t);
	free(x);
}

/* As deep as a file may make it: nothing recurs. */
static void deep(void)
{
	enum { DEEP = 50000 };
	static const double values[] = { 1, 2 };
	struct trees_node *nodes = alloc_zeroed(2 * DEEP + 1, sizeof *nodes);
	struct trees *t = trees_new(TREES_DOUBLE, 1, 1, &(double){ 0 });
	double z[10], parts, bias;

	for (uint32_t i = 0; i < DEEP; i++) {
		nodes[2 * i] = (struct trees_node){ .test = TREES_AT_MOST, .yes = 2 * i + 1, .no = 2 * i + 2, .threshold = i };
		nodes[2 * i + 1] = (struct trees_node){ .values = &values[0] };
	}
	nodes[2 * DEEP] = (struct trees_node){ .values = &values[1] };
	is_int(trees_add(t, 0, nodes, 2 * DEEP + 1, &why), 0, "a tree of %d levels", DEEP);
	trees_finish(t, 1);
	is_int(trees_depth(t), DEEP, "its depth");
	trees_margins(t, (const double[]){ 1, 2, 1e9, 40000, 3, 4, 5, 6, 1e6, 9 }, 10, z);
	ok(z[0] == 1 && z[2] == 2 && z[3] == 1 && z[8] == 2 && z[9] == 1, "its margins");
	trees_contributions(t, &(double){ 1e9 }, 0, &parts, &bias);
	ok(fabs(parts + bias - 2) < 1e-9, "its contributions");
	trees_free(t);
	free(nodes);
}

/* ---- files that are wrong ---- */

static void refused(const char *text, size_t len, const char *message, const char *name)
{
	struct model *m = modelfile_parse(text, len, NULL, stated, &why);

	if (ok(!m, "%s: is refused", name))
		ok(strstr(why.text, message) != NULL, "%s: %s", name, why.text);
	else
		drop(m);
}

static char *replaced(const char *text, size_t len, const char *from, const char *to)
{
	const char *at = memmem(text, len, from, strlen(from));

	return at ? alloc_format("%.*s%s%s", (int)(at - text), text, to, at + strlen(from)) : NULL;
}

struct change { const char *from, *to, *message; };

static void refuse_changes(const char *file, const struct change *changes, size_t n)
{
	char *path = alloc_format("%s/%s", folder, file);
	size_t len;
	char *text = savefile_read(path, 1u << 20, &len, &why);

	for (size_t i = 0; i < n; i++) {
		char *changed = replaced(text, len, changes[i].from, changes[i].to);
		if (ok(changed != NULL, "%s has what is changed, %zu", file, i))
			refused(changed, strlen(changed), changes[i].message, changes[i].from);
		free(changed);
	}
	size_t taken = 0;
	for (size_t cut = 0; cut < len - 40; cut += 97) {
		struct model *m = modelfile_parse(text, cut, NULL, stated, &why);
		taken += m != NULL;
		if (m)
			drop(m);
	}
	is_int(taken, 0, "%s: cut off anywhere it is refused", file);
	free(text);
	free(path);
}

/* Behind the trees a file may end where LightGBM's own do, before what its Python package adds, and nowhere else. */
static void cut_behind_trees(const char *file, size_t whole)
{
	char *path = alloc_format("%s/%s", folder, file);
	size_t len, taken = 0;
	char *text = savefile_read(path, 1u << 20, &len, &why);
	const char *trees = memmem(text, len, "end of trees", 12), *end = memmem(text, len, "end of parameters", 17);

	for (size_t cut = (size_t)(trees - text); cut < len - 1; cut++) {
		struct model *m = modelfile_parse(text, cut, NULL, stated, &why);
		const bool ends = end && cut >= (size_t)(end - text) + 17 && cut <= (size_t)(end - text) + 19;
		if (!m && ends)
			printf("# %s: %zu bytes: %s\n", file, cut, why.text);
		taken += m && ends ? 1 : m ? len : 0;
		if (m)
			drop(m);
	}
	is_int(taken, whole, "%s: cut off behind the trees", file);
	free(text);
	free(path);
}

static void wrong_files(void)
{
	static const struct change xgboost[] = {
		{ "\"reg:squarederror\"", "\"reg:own\"", "learner.objective.name: \"reg:own\" is not an objective that this version knows" },
		{ "\"num_feature\":\"3\",\"num_target\"", "\"num_feature\":\"-3\",\"num_target\"", "num_feature: must be a number as a string, 0 or greater" },
		{ "\"num_feature\":\"3\",\"num_target\"", "\"num_feature\":\"4000000000\",\"num_target\"", "num_feature: is 4000000000, more than this version reads (65536)" },
		{ "\"num_class\":\"0\"", "\"num_class\":\"3\"", "num_class: is 3, which does not fit the objective reg:squarederror" },
		{ "\"base_score\":\"[", "\"base_score\":\"[1,", "base_score: has 2 numbers for 1 output" },
		{ "\"base_score\":\"[", "\"base_score\":\"{", "base_score: must be a number, or numbers in brackets, as a string" },
		{ "\"left_children\":[", "\"left_children\":[1,", "must be an array of a number per node" },
		{ "\"left_children\":[1,", "\"left_children\":[0,", "tree 0, node 0: is reached twice" },
		{ "\"left_children\":[1,", "\"left_children\":[99,", "tree 0, node 0: leads to a node that is not there" },
		{ "\"split_conditions\":[", "\"split_conditions\":[null,", "must be an array of a number per node" },
		{ "\"split_indices\":[", "\"split_indices\":\"", "not JSON" },
		{ "\"tree_info\":[0", "\"tree_info\":[7", "tree_info[0]: is no output of the model" },
		{ "\"tree_info\":[0", "\"tree_info\":[0,0", "tree_info: must be an array with the output of each tree" },
		{ "\"name\":\"gbtree\"", "\"name\":\"dart\"", "is \"dart\", and only gbtree is read" },
		{ "\"size_leaf_vector\":\"1\"", "\"size_leaf_vector\":\"3\"", "trees with vectors in their leaves are not read" },
	};
	static const struct change categories[] = {
		{ "\"categories\":[", "\"categories\":[16777216,", "must be integers from 0 to 16777215" },
		{ "\"categories\":[", "\"categories\":[-1,", "must be integers from 0 to 16777215" },
		{ "\"categories_nodes\":[", "\"categories_nodes\":[9999,", "must be an array, as long as categories_nodes" },
		{ "\"categories_segments\":[0", "\"categories_segments\":[900", "names a node, or categories of it, that are not there" },
		{ "\"categories_sizes\":[", "\"categories_sizes\":[99999999", "names a node, or categories of it, that are not there" },
		{ "\"feature_names\":[\"age\"", "\"feature_names\":[\"color\"", "feature_names[3]: \"color\" is there twice" },
		{ "\"feature_names\":[\"age\"", "\"feature_names\":[\"more\",\"age\"", "has 6 names for 5 inputs" },
	};
	static const struct change lightgbm[] = {
		{ "version=v4", "version=v9", "version: is none that this version reads (v2, v3, v4)" },
		{ "objective=binary sigmoid:1", "objective=own", "objective: \"own\" is not one that this version knows" },
		{ "objective=binary sigmoid:1", "objective=binary sigmoid:-1", "objective: \"sigmoid:-1\" is no number above 0" },
		{ "num_tree_per_iteration=1", "num_tree_per_iteration=2", "num_tree_per_iteration: is 2, which does not fit the objective binary" },
		{ "num_tree_per_iteration=1", "num_tree_per_iteration=1e9", "num_tree_per_iteration: must be an integer from 1 to 65536" },
		{ "max_feature_idx=4", "max_feature_idx=4000000000", "max_feature_idx: must be an integer from 0 to 65535" },
		{ "feature_names=age", "feature_names=more age", "feature_names: must be 5 names" },
		{ "feature_names=age", "feature_names=\xff", "feature_names: is not UTF-8" },
		{ "feature_names=age", "feature_names=color", "feature_names: \"color\" is there twice" },
		{ "\nnum_leaves=", "\nnum_leaves=2000000000", "Tree=0: num_leaves: must be an integer, 1 or greater" },
		{ "\nnum_leaves=", "\nnum_leaves=1", "Tree=0: leaf_value: must be a number per leaf" },
		{ "\nleaf_value=", "\nleaf_value=1 ", "Tree=0: leaf_value: must be a number per leaf" },
		{ "\nleaf_value=", "\nleaf_value=nan", "Tree=0: leaf_value: has a word that is no number" },
		{ "\nleft_child=", "\nleft_child=77", "tree 0, node 0: leads to a node that is not there" },
		{ "\nleft_child=1", "\nleft_child=0", "tree 0, node 0: is reached twice" },
		{ "\ndecision_type=", "\ndecision_type=9", "Tree=0: decision_type: must be integers from 0 to 11" },
		{ "\ncat_boundaries=0 ", "\ncat_boundaries=9999 ", "Tree=0: cat_boundaries: lie outside of cat_threshold" },
		{ "\ncat_threshold=", "\ncat_threshold=99999999999", "Tree=0: cat_threshold: must be integers of 32 bits" },
		{ "\ncat_boundaries=", "\ncat_bound=", "names a set of categories that is not there" },
		{ "is_linear=0", "is_linear=1", "Tree=0: is_linear: trees with linear models in their leaves are not read" },
		{ "\nend of trees", "\nend", "the file ends before \"end of trees\"" },
	};

	static const struct change infinite[] = {
		{ " -inf ", " nan ", "Tree=0: threshold: has a word that is no number" },
		{ " -inf ", " +inf ", "Tree=0: threshold: has a word that is no number" },
		{ "\nleft_child=1 ", "\nleft_child=inf ", "Tree=0: left_child: has a word that is no number" },
		{ "\nleaf_value=-0.85765326443186418 ", "\nleaf_value=inf ", "Tree=0: leaf_value: has a word that is no number" },
	};
	static const struct change parameters[] = {
		{ "\nend of parameters", "\nend", "the file ends before \"end of parameters\"" },
		{ "\"gr\\u00fcn\"", "1", "pandas_categorical[0]: the categories of \"color\" must be all strings (without NUL), all numbers, or [false,true]" },
		{ "[100,", "[true,", "pandas_categorical[1]: the categories of \"region\" must be all strings" },
		{ "\npandas_categorical:[[", "\npandas_categorical:[\"", "pandas_categorical: not JSON" },
	};
	static const struct change booleans[] = {
		{ "[false, true]", "[true, false]", "pandas_categorical[0]: the categories of \"red\" must be all strings" },
		{ "[false, true]", "[true]", "pandas_categorical[0]: the categories of \"red\" must be all strings" },
		{ "[false, true]", "[false, true, 2]", "pandas_categorical[0]: the categories of \"red\" must be all strings" },
		{ "\npandas_categorical:[[false, true]]", "\n", "the file ends before \"end of parameters\"" },
	};

	refuse_changes("squares.json", xgboost, sizeof xgboost / sizeof *xgboost);
	refuse_changes("categories.json", categories, sizeof categories / sizeof *categories);
	refuse_changes("lgb-categories.txt", lightgbm, sizeof lightgbm / sizeof *lightgbm);
	refuse_changes("lgb-infinite.txt", infinite, sizeof infinite / sizeof *infinite);
	refuse_changes("lgb-pandas.txt", parameters, sizeof parameters / sizeof *parameters);
	refuse_changes("lgb-booleans.txt", booleans, sizeof booleans / sizeof *booleans);
	cut_behind_trees("lgb-pandas.txt", 3);
	cut_behind_trees("lgb-booleans.txt", 0);
	refuse_changes("softprob.ubj", NULL, 0);
	refused("{L\0\0\0\0\0\0\0\1a[$d#L\x7f\xff\xff\xff\xff\xff\xff\xff", 24, "a container claims more than the file has", "a length beyond the file");
	refused("{i\1aZ}", 6, "is no model: it has no member format", "UBJSON of something else");
}

/* ---- the labels and names that files may have ---- */

static void names(void)
{
	struct model *m = load("labelled.json");

	if (ok(m != NULL, "labelled.json: is read")) {
		ok(m->n_labels == 2 && !strcmp(m->labels[0], "no") && !strcmp(m->labels[1], "yes") && m->positive == 1, "labels of the attribute sml_labels");
		ok(!strcmp(m->schema.inputs[2].name, "visits") && m->schema.inputs[2].missing == MISSING_KEEP, "names of inputs");
		drop(m);
	}
	m = load("hinge.json");
	if (ok(m != NULL, "hinge.json: is read")) {
		ok(m->n_labels == 2 && !m->labels[0] && !m->labels[1] && !*m->schema.inputs[0].name, "no labels, no names");
		drop(m);
	}
	static const char *const files[] = { "pandas.json", "pandas.ubj", "lgb-pandas.txt", "lgb-pandas-short.txt" };
	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		m = load(files[i]);
		if (!ok(m != NULL, "%s: is read", files[i]))
			continue;
		const size_t color = schema_find(&m->schema, "color", 5), region = schema_find(&m->schema, "region", 6);
		const struct input *c = &m->schema.inputs[color], *g = &m->schema.inputs[region];
		ok(c->n_categories == 3 && !c->numbers && !strcmp(c->categories[1], i < 2 ? "gruen" : "grün"), "%s: categories that are texts", files[i]);
		ok(g->n_categories == 40 && g->numbers && g->numbers[3] == 103 && !strcmp(g->categories[3], "103"), "%s: categories that are numbers", files[i]);
		ok(i > 1 || !m->schema.inputs[3].categories, "%s: categories beyond ASCII are not believed", files[i]);
		ok(!m->schema.inputs[0].categories, "%s: a number has none", files[i]);
		drop(m);
	}
	m = load("lgb-booleans.txt");
	if (ok(m != NULL, "lgb-booleans.txt: is read")) {
		const struct input *red = &m->schema.inputs[1];
		ok(red->n_categories == 2 && !red->numbers && !strcmp(red->categories[0], "false") && !strcmp(red->categories[1], "true"),
		    "categories that are booleans");
		drop(m);
	}
}

int main(void)
{
	const char *root = getenv("SML_ROOT");
	char *made = alloc_format("%s/test/fixtures/trees", root ? root : ".");

	folder = made;
	struct prng random;
	prng_init(&random, 7);
	adding();
	for (int round = 0; round < 60; round++)
		random_trees(&random, round);
	many_inputs();
	deep();
	names();
	wrong_files();
	compare_all("new.expected");
	compare_all("old.expected");
	free(made);
	return done();
}
