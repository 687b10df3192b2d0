/* SPDX-License-Identifier: MIT */
#include "feature/tables.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "json/parse.h"
#include "stream/source.h"

/* A lookup's row for a record. */
struct sought {
	bool is_key;			/* else there is no row for it */
	struct key key;
	const struct row *row;		/* NULL: not there */
};

/* Rows of the stream, and the name of their part of the state. */
struct stream_rows { struct rows *rows; struct buf name; };

struct tables {
	const struct spec *spec;
	struct state *state;
	struct sought *sought;		/* n_lookups per record of the batch */
	const struct rows **rows;	/* of each lookup */
	struct stream_rows *own;	/* of each lookup; NULL: its rows are of a file */
	struct tables_found *found;
	struct buf scratch;
	struct arena arena;
};

/* ---- a batch ---- */

void tables_seek(struct tables *t, size_t i, const struct record *r, const struct value *values, const struct key *own)
{
	const struct spec *s = t->spec;

	for (size_t k = 0; k < s->n_lookups; k++) {
		const int slot = s->lookups[k].on.slot;
		struct sought *sought = &t->sought[i * s->n_lookups + k];
		const struct value v = values[slot];
		*sought = (struct sought){ .is_key = t->rows[k] && key_is(v) };
		if (!sought->is_key)
			continue;
		sought->key = own && s->keys[0].parts[0].slot == slot ? *own : key_of(&v, 1, r->arena, &t->scratch);
		rows_prefetch(t->rows[k], &sought->key);
	}
}

void tables_fetch(struct tables *t, size_t i, int pass)
{
	const size_t n = t->spec->n_lookups;

	for (size_t k = 0; k < n; k++) {
		struct sought *sought = &t->sought[i * n + k];
		if (!sought->is_key)
			continue;
		if (!pass)
			rows_prefetch_row(t->rows[k], &sought->key);
		else if (!t->own[k].rows)	/* else it may change up to this record's turn */
			sought->row = rows_find(t->rows[k], &sought->key);
	}
}

/* Counted; false: the record has become an error record. */
static bool miss(struct tables *t, size_t k, struct record *r, struct value v)
{
	const struct spec_lookup *lk = &t->spec->lookups[k];
	struct tables_found *found = &t->found[k];
	struct buf b = BUF_INIT;

	if (found->misses++ && !lk->is_required)
		return true;
	buf_format(&b, "%s is ", lk->on.text);
	const size_t named = b.len;
	value_show_short(v, &b);
	if (b.len == named)
		buf_add_text(&b, value_kind(v));
	if (!found->missed)
		found->missed = arena_copy(&t->arena, b.data, b.len);
	if (lk->is_required)
		record_fail(r, MISSING_FEATURE, "lookup %s: no row in %s: %s", lk->name, lk->file ? lk->file : "the stream", buf_text(&b));
	buf_release(&b);
	return !lk->is_required;
}

bool tables_read(struct tables *t, size_t i, struct record *r, const struct value *values, struct value *locals)
{
	const struct spec *s = t->spec;

	for (size_t k = 0; k < s->n_lookups; k++) {
		const struct spec_lookup *lk = &s->lookups[k];
		const struct sought *sought = &t->sought[i * s->n_lookups + k];
		const struct row *row = t->own[k].rows && sought->is_key ? rows_find(t->rows[k], &sought->key) : sought->row;
		if (row) {
			if (t->own[k].rows && s->by_partition)
				state_is_elsewhere(t->state, &sought->key, rows_partition(t->rows[k], &sought->key), r->partition);
			t->found[k].hits++;
			rows_read(t->rows[k], row, r->arena, locals, lk->locals);
			/* A later record of the batch may replace the row. */
			for (size_t j = 0; t->own[k].rows && j < lk->n_values; j++)
				locals[lk->locals[j]] = value_copy(locals[lk->locals[j]], r->arena);
			continue;
		}
		for (size_t j = 0; j < lk->n_values; j++)
			locals[lk->locals[j]] = value_null();
		if (!miss(t, k, r, values[lk->on.slot]))
			return false;
	}
	return true;
}

/* The row of one lookup; false: it has become an error record. */
static bool put_row(struct tables *t, size_t k, struct record *r)
{
	const struct spec_lookup *lk = &t->spec->lookups[k];
	struct value *slots = arena_get(r->arena, (lk->fields.n_slots + 1) * sizeof *slots);
	struct json_error ignored;
	uint64_t present;

	buf_clear(&t->scratch);
	record_write(r, &t->scratch);	/* with what earlier stages have added */
	json_read(json_parse(r->arena, t->scratch.data, t->scratch.len - 1, &ignored), &lk->fields, r->arena, slots, &present);
	const struct value v = slots[lk->key_slot];
	if (!key_is(v)) {
		record_fail(r, INVALID_DATA, "lookup %s: %s is %s: a row's key is a string, a number or a boolean", lk->name, lk->row_text,
		    value_kind(v));
		return false;
	}
	const struct key key = key_of(&v, 1, r->arena, &t->scratch);
	if (!t->spec->by_partition) {
		rows_put(t->own[k].rows, &key, slots);
		return true;
	}
	const int32_t at = rows_partition(t->own[k].rows, &key);
	if (at == PARTITION_NONE || !state_is_elsewhere(t->state, &key, at, r->partition)) {
		rows_put(t->own[k].rows, &key, slots);
		rows_set_partition(t->own[k].rows, &key, r->partition);
	}
	return true;
}

bool tables_put(struct tables *t, struct record *r, const struct expr_scope *scope)
{
	struct error ignored;

	for (size_t k = 0; k < t->spec->n_lookups; k++)
		if (t->own[k].rows && expr_test(t->spec->lookups[k].rows, scope, &ignored) > 0 && !put_row(t, k, r))
			return false;
	return true;
}

/* ---- set up ---- */

static bool has_no_rows(const void *self)
{
	return !rows_count(self);
}

static void save_rows(void *self, struct snapshot_writer *w)
{
	rows_save(self, w);
}

static void track_rows(void *self)
{
	rows_track(self);
}

static void save_row_changes(void *self, struct snapshot_writer *w)
{
	rows_save_changes(self, w);
}

static int load_rows(void *self, const struct snapshot_reader *in, struct error *why)
{
	return rows_load(self, in, why);
}

/* Rows of the stream are part of the state, named by all that what is kept of them depends on. */
static void own_rows(struct tables *t, size_t k)
{
	const struct spec_lookup *lk = &t->spec->lookups[k];
	struct stream_rows *own = &t->own[k];

	own->rows = rows_new(lk->n_values);
	if (t->spec->by_partition)
		rows_divide(own->rows);
	t->rows[k] = own->rows;
	buf_format(&own->name, "rows %s", lk->text);
	for (size_t i = 0; i < lk->n_values; i++)
		buf_format(&own->name, "%s%s", i ? ", " : ": ", lk->paths[i]);
	state_add_part(t->state, &(struct state_part){ .name = buf_text(&own->name), .self = own->rows, .is_empty = has_no_rows,
		.save = save_rows, .track = track_rows, .save_changes = save_row_changes, .load = load_rows });
}

struct tables *tables_new(const struct spec *s, struct state *state)
{
	struct tables *t = alloc_zeroed(1, sizeof *t);

	t->spec = s;
	t->state = state;
	t->sought = alloc_zeroed(BATCH_MAX * s->n_lookups + 1, sizeof *t->sought);
	t->rows = alloc_zeroed(s->n_lookups + 1, sizeof *t->rows);
	t->found = alloc_zeroed(s->n_lookups + 1, sizeof *t->found);
	t->own = alloc_zeroed(s->n_lookups + 1, sizeof *t->own);
	for (size_t k = 0; k < s->n_lookups; k++)
		if (!s->lookups[k].file)
			own_rows(t, k);
	return t;
}

void tables_free(struct tables *t)
{
	if (!t)
		return;
	for (size_t k = 0; k < t->spec->n_lookups; k++) {
		rows_free(t->own[k].rows);
		buf_release(&t->own[k].name);
	}
	free(t->own);
	free(t->sought);
	free(t->rows);
	free(t->found);
	buf_release(&t->scratch);
	arena_release(&t->arena);
	free(t);
}

void tables_set(struct tables *t, size_t k, const struct rows *rows)
{
	t->rows[k] = rows;
}

const struct rows *tables_rows(const struct tables *t, size_t k)
{
	return t->rows[k];
}

const struct tables_found *tables_found(const struct tables *t, size_t k)
{
	return &t->found[k];
}
