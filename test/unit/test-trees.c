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

/* "n0", "n1"...: what files do not name has these names. */
static void number(struct naming_list *l, size_t n)
{
	l->items = alloc_bytes((n + 1) * sizeof *l->items);
	for (l->n = 0; l->n < n; l->n++)
		l->items[l->n] = alloc_format("n%zu", l->n);
}

static struct model *load(const char *name, size_t inputs, size_t labels)
{
	char *path = alloc_format("%s/%s", folder, name), *text;
	struct naming names = {0};
	size_t len;

	number(&names.inputs, inputs);
	number(&names.labels, labels);
	struct model *m = modelfile_load(path, &names, stated, &text, &len, &why);
	free(text);
	free(path);
	naming_release(&names);
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
	struct model *m = load(file, a->inputs, a->outputs > 1 ? a->outputs : 2);

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

int main(int argc, char **argv)
{
	const char *root = getenv("SML_ROOT");
	char *made = alloc_format("%s/test/fixtures/trees", root ? root : ".");

	(void)argc;
	(void)argv;
	folder = made;
	compare_all("new.expected");
	compare_all("old.expected");
	free(made);
	return done();
}
