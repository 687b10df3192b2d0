/* SPDX-License-Identifier: MIT */
/* Model files: what is accepted is written back to the same model, with the same id and the same bytes, and scores. */
#include "events.h"

#include "base/alloc.h"
#include "feature/encode.h"
#include "model/modelfile.h"

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
	for (int one_line = 0; one_line < 2; one_line++) {
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
	score(m);
	release(m);
	return 0;
}
