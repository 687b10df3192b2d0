/* SPDX-License-Identifier: MIT */
/*
 * Model files: what is accepted scores.  Own files are written back to the same model, with the same id and the same bytes; of trees,
 * which other libraries wrote, rows score alike alone and together, and each comes to a leaf.
 */
#include "events.h"

#include <math.h>

#include "base/alloc.h"
#include "feature/encode.h"
#include "model/modelfile.h"
#include "model/trees.h"

static void score(struct model *m)
{
	struct fields fields;
	struct arena arena = ARENA_INIT;
	struct encode_fault fault;
	const double *x;

	fields_init(&fields);
	struct encoder *e = encode_new(&m->schema, &fields);
	for (size_t i = 0; i < EVENTS; i++) {
		struct record r;
		record_init(&r, events[i], strlen(events[i]), &fields, &arena);
		r.at = (struct place){ "classify", "stdin", 1, NULL };
		const struct value *slots = record_values(&r);
		if (!slots)
			continue;
		const enum encode_result got = encode_row(e, slots, &x, &fault);
		if (got == ENCODE_DONE) {
			double *z = alloc_bytes(m->outputs * sizeof *z);
			model_margins(m, x, 1, z);
			model_scores(m, z, 1);
			CHECK(!m->n_labels || model_label(m, z) < m->n_labels);
			free(z);
		} else {
			struct buf text = BUF_INIT;
			encode_explain(&fault, got, &text);
			CHECK(text.len);
			buf_release(&text);
		}
	}
	encode_free(e);
	fields_release(&fields);
	arena_release(&arena);
}

#define ROWS 11

/* NaN, infinite or the same. */
static bool alike(double a, double b)
{
	return a == b || (isnan(a) && isnan(b));
}

static void walk_trees(const struct model *m)
{
	static const double values[] = { 0, NAN, -0.0, 1, -1, 1e-36, 2.5, 31, 32, 1e300, -1e300, -0.5, 1e9, 0.5 };
	const size_t n = m->schema.n, outputs = m->outputs;
	double *x = alloc_bytes((ROWS * n + 1) * sizeof *x), *z = alloc_bytes(ROWS * outputs * sizeof *z), *one = alloc_bytes(outputs * sizeof *one);
	double *parts = alloc_bytes((n + 1) * sizeof *parts), bias;

	for (size_t i = 0; i < ROWS * n; i++)
		x[i] = values[(i * 7 + i / n) % (sizeof values / sizeof *values)];
	model_margins(m, x, ROWS, z);
	for (size_t i = 0; i < ROWS; i++) {
		model_margins(m, x + i * n, 1, one);
		for (size_t k = 0; k < outputs; k++)
			CHECK(alike(one[k], z[i * outputs + k]));
		for (size_t t = 0; t < trees_count(m->trees); t++) {
			struct trees_step step;
			uint32_t at = 0;
			size_t depth = 0;
			while (trees_path(m->trees, x + i * n, t, &at, &step)) {
				CHECK(step.input < n && trees_uses(m->trees, step.input));
				depth++;
			}
			CHECK(depth <= trees_depth(m->trees));
		}
		model_contributions(m, x + i * n, outputs - 1, parts, &bias);
	}
	model_scores(m, z, ROWS);
	for (size_t i = 0; i < ROWS; i++)
		CHECK(!m->n_labels || model_label(m, z + i * outputs) < m->n_labels);
	free(x);
	free(z);
	free(one);
	free(parts);
}

/* What such a file does not say. */
static void name_labels(struct model *m)
{
	for (size_t i = 0; i < m->n_labels; i++)
		if (!m->labels[i])
			m->labels[i] = alloc_format("label %zu", i);
}

static void release(struct model *m)
{
	model_release(m);
	free(m);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct error why = { "" };
	char stated[64];
	struct model *m = modelfile_parse((const char *)bytes, n, NULL, stated, &why);

	if (!m) {
		CHECK(*why.text);
		return 0;
	}
	if (m->trees) {
		name_labels(m);
		walk_trees(m);
	}
	for (int one_line = 0; !m->trees && one_line < 2; one_line++) {
		struct buf a = BUF_INIT, b = BUF_INIT;
		modelfile_show(m, &a, one_line);
		CHECK(a.len && a.data[a.len - 1] == '\n' && (!one_line || !memchr(a.data, '\n', a.len - 1)));
		struct model *again = modelfile_parse(a.data, a.len, NULL, stated, &why);
		if (!again)
			fprintf(stderr, "%s\n%.*s\n", why.text, (int)a.len, a.data);
		CHECK(again);
		CHECK(!strcmp(again->id, m->id) && !strcmp(stated, ""));
		modelfile_show(again, &b, one_line);
		CHECK_SAME(&a, &b);
		release(again);
		buf_release(&a);
		buf_release(&b);
	}
	struct buf text = BUF_INIT;
	model_show(m, &text);
	buf_release(&text);
	if (!m->schema.n || *m->schema.inputs[0].name)
		score(m);
	release(m);
	return 0;
}
