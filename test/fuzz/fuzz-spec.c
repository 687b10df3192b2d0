/* SPDX-License-Identifier: MIT */
/*
 * Specs of features at work.  The input is a spec, and behind a NUL lines of data.  For a spec that compiles, the same
 * records and the same state come out whether they go in one by one, in batches, or with a save and a restore on the way.
 * The rows of every lookup are the events themselves.
 */
#include "events.h"

#include "feature/flow.h"
#include "feature/plan.h"
#include "json/parse.h"
#include "stream/source.h"

struct run {
	struct fields fields;
	struct spec *spec;
	struct flow *flow;
	struct rows **rows;
	struct arena arena;
	struct tally tally;
	struct next next;
	struct buf out;
};

/* What leaves, written down. */
static int write_down(struct next *next, struct record **r, size_t n, struct error *why)
{
	struct run *run = (struct run *)(void *)((char *)next - offsetof(struct run, next));

	(void)why;
	for (size_t i = 0; i < n; i++)
		record_write(r[i], &run->out);
	return 0;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	setenv("SOURCE_DATE_EPOCH", "1700000000", 1);
	return 0;
}

static const struct spec_options options = { .key = NULL, .time_path = "timestamp", .time_unit = TIME_MS };

static struct rows *rows_of(const struct spec_lookup *lk, struct arena *arena)
{
	struct value *slots = arena_get(arena, lk->fields.n_slots * sizeof *slots);
	struct rows *rows = rows_new(lk->n_values);
	struct buf scratch = BUF_INIT;

	for (size_t i = 0; i < EVENTS; i++) {
		struct json_error e;
		uint64_t present;
		const void *object = json_parse(arena, events[i], strlen(events[i]), &e);
		if (!object)
			continue;
		json_read(object, &lk->fields, arena, slots, &present);
		if (!key_is(slots[lk->key_slot]))
			continue;
		const struct key key = key_of(&slots[lk->key_slot], 1, arena, &scratch);
		rows_put(rows, &key, slots);
	}
	buf_release(&scratch);
	return rows;
}

static void add_rows(struct run *r)
{
	r->rows = calloc(r->spec->n_lookups + 1, sizeof *r->rows);
	CHECK(r->rows);
	for (size_t i = 0; i < r->spec->n_lookups; i++) {
		r->rows[i] = rows_of(&r->spec->lookups[i], &r->arena);
		if (r->spec->lookups[i].file)
			tables_set(flow_tables(r->flow), i, r->rows[i]);
	}
	arena_clear(&r->arena);
}

static int begin(struct run *r, const struct spec_text *text)
{
	struct error why = { "" };

	*r = (struct run){ .arena = ARENA_INIT, .next = { write_down, NULL }, .out = BUF_INIT };
	fields_init(&r->fields);
	r->spec = spec_compile(text, 1, &options, &r->fields, &why);
	if (!r->spec) {
		CHECK(*why.text);
		fields_release(&r->fields);
		return -1;
	}
	r->flow = flow_new(r->spec, &r->fields, 0, &why);
	if (!r->flow) {
		CHECK(*why.text);
		spec_free(r->spec);
		fields_release(&r->fields);
		return -1;
	}
	flow_place(r->flow, &(struct place){ "features", "windows", 0, &r->tally });
	add_rows(r);
	return 0;
}

static void end(struct run *r)
{
	flow_free(r->flow);
	for (size_t i = 0; i < r->spec->n_lookups; i++)
		rows_free(r->rows[i]);
	free(r->rows);
	spec_free(r->spec);
	fields_release(&r->fields);
	arena_release(&r->arena);
	buf_release(&r->out);
}

static void take(struct run *r, char *const *line, const size_t *len, size_t first, size_t n)
{
	struct record record[BATCH_MAX], *all[BATCH_MAX];

	for (size_t i = 0; i < n; i++) {
		all[i] = &record[i];
		record_init(&record[i], line[first + i], len[first + i], &r->fields, &r->arena);
		record[i].at = (struct place){ "features", "stdin", first + i + 1, &r->tally };
	}
	CHECK(!flow_records(r->flow, all, n, &r->next, &(struct error){ "" }));
	arena_clear(&r->arena);
}

static void close_all(struct run *r)
{
	CHECK(!flow_close(r->flow, &r->next, &(struct error){ "" }));
}

static void save(const struct run *r, struct snapshot_writer *w)
{
	snapshot_begin(w, "fuzz");
	state_save(flow_state(r->flow), w);
	snapshot_end(w);
}

static void restore(struct run *r, const struct snapshot_writer *w)
{
	struct snapshot_reader in;
	struct error why;

	CHECK(!snapshot_open(&in, w->bytes.data, w->bytes.len, &why));
	if (flow_restore(r->flow, &in, NULL, &why)) {
		fprintf(stderr, "%s\n", why.text);
		abort();
	}
}

static void show(const struct run *r, const struct snapshot_writer *w)
{
	struct buf text = BUF_INIT;
	struct snapshot_reader in;
	struct error why;

	plan_show(r->spec, NULL, &text);
	for (int i = 0; i < 2; i++) {
		CHECK(!snapshot_open(&in, w->bytes.data, w->bytes.len, &why));
		CHECK(!state_dump(&in, i ? r->spec : NULL, &text, &why));
	}
	buf_release(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	const uint8_t *nul = n ? memchr(bytes, 0, n) : NULL;
	const size_t spec_len = nul ? (size_t)(nul - bytes) : n;
	char *text = fuzz_copy(bytes, spec_len), *line[EVENTS_MAX];
	const struct spec_text spec = { "x.features", text, spec_len, false };
	struct snapshot_writer w[3], middle;
	struct run one, many, stopped, resumed;
	size_t len[EVENTS_MAX], count, half;

	if (begin(&one, &spec) < 0) {
		free(text);
		return 0;
	}
	CHECK(!begin(&many, &spec) && !begin(&stopped, &spec) && !begin(&resumed, &spec));
	count = nul ? events_lines(nul + 1, n - spec_len - 1, line, len) : events_lines(NULL, 0, line, len);
	half = count / 2;
	for (size_t i = 0; i < count; i++)
		take(&one, line, len, i, 1);
	for (size_t i = 0; i < count; i += 13)
		take(&many, line, len, i, count - i < 13 ? count - i : 13);
	save(&one, &w[0]);
	save(&many, &w[1]);
	close_all(&one);
	close_all(&many);
	CHECK_SAME(&one.out, &many.out);
	for (size_t i = 0; i < half; i++)
		take(&stopped, line, len, i, 1);
	save(&stopped, &middle);
	restore(&resumed, &middle);
	for (size_t i = half; i < count; i++)
		take(&resumed, line, len, i, 1);
	save(&resumed, &w[2]);
	close_all(&resumed);
	buf_add(&stopped.out, resumed.out.data, resumed.out.len);
	CHECK_SAME(&one.out, &stopped.out);
	CHECK_SAME(&w[0].bytes, &w[1].bytes);
	CHECK_SAME(&w[0].bytes, &w[2].bytes);
	show(&one, &w[0]);
	for (int i = 0; i < 3; i++)
		buf_release(&w[i].bytes);
	buf_release(&middle.bytes);
	end(&one);
	end(&many);
	end(&stopped);
	end(&resumed);
	while (count > EVENTS)
		free(line[--count]);
	free(text);
	return 0;
}
