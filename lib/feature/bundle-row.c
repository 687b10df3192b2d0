/* SPDX-License-Identifier: MIT */
#include "feature/bundle-row.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "feature/window.h"

/*
 * What a row is: shared where the mark is 0; being loaded, with as many members as the mark's lower bits say; or apart.
 */
#define LOADING (1u << 20)
#define APART (1u << 21)

#define COMMON_MAX (1u << 30)
#define FEW 16

/* Of a row that is apart, in the pool: how many events in a row have counted for all members, and what each has. */
struct parts {
	uint64_t common;
	struct timeline each[];		/* as stretches, which are no more than that */
};

static size_t parts_bytes(const struct bundle *b)
{
	return sizeof(struct parts) + b->n * sizeof(struct timeline);
}

static struct parts **parts_at(const void *row)
{
	return (struct parts **)(void *)((struct timeline *)(uintptr_t)row)->only;
}

static inline size_t number_of(const struct bundle *b, const struct bundle_member *m)
{
	return (size_t)(m - b->members);
}

struct timeline *bundle_row_part(const struct bundle *b, const struct bundle_member *m, const void *row)
{
	return &(*parts_at(row))->each[number_of(b, m)];
}

/* How the entries of a member's own timeline are walked. */
static struct timeline_kind walked_kind(const struct bundle_member *m)
{
	return (struct timeline_kind){ .entry = (uint32_t)fold_entry_size(&m->shape) };
}

/* ---- apart ---- */

struct parting { const struct bundle_member *member; void *part; struct pool *pool; };

static struct value value_in(const struct bundle_member *m, const void *entry)
{
	const char *at = (const char *)entry + m->entry;

	if (!m->has_value)
		return value_null();
	if (m->is_whole)
		return *(const struct value *)(const void *)at;
	return (struct value){ .type = VALUE_DOUBLE, .number = *(const double *)(const void *)at };
}

static bool add_to_part(void *self, int64_t time, void *entry)
{
	const struct parting *p = self;
	const struct value x = value_in(p->member, entry);
	const struct moment m = { .x = &x, .time = time, .watermark = INT64_MIN, .call = p->member->call };

	stretch_keeper.add(p->member->aggregate, p->member->call, p->part, &m, p->pool);
	return true;
}

/* What a member's own timeline would hold. */
static void part_out(const struct bundle *b, const struct bundle_member *m, const struct timeline *t, void *part, struct pool *pool)
{
	struct parting p = { m, part, pool };

	if (t->n)
		timeline_walk(t, &b->kind, stretch_gone(m->call, t->newest), INT64_MAX, false, add_to_part, &p);
}

/* The first n members get what there is; the others begin empty. */
static void take_apart(const struct bundle *b, void *row, size_t n, struct pool *pool)
{
	struct timeline *t = row;
	struct parts *parts = memset(pool_get(pool, parts_bytes(b)), 0, parts_bytes(b));

	for (size_t i = 0; i < n; i++)
		part_out(b, &b->members[i], t, &parts->each[i], pool);
	timeline_release(t, &b->kind, pool);
	memset(row, 0, bundle_size(b));
	t->mark = APART;
	*parts_at(row) = parts;
}

void bundle_row_release(const struct bundle *b, void *row, struct pool *pool)
{
	struct timeline *t = row;

	if (t->mark & APART) {
		struct parts *parts = *parts_at(row);
		for (size_t i = 0; i < b->n; i++)
			stretch_keeper.release(b->members[i].aggregate, b->members[i].call, &parts->each[i], pool);
		pool_put(pool, parts, parts_bytes(b));
	} else
		timeline_release(t, &b->kind, pool);
	memset(row, 0, bundle_size(b));
}

void bundle_row_fetch(const struct bundle *b, const void *row, int64_t time, int step)
{
	if (!step)
		pool_fetch(*parts_at(row), parts_bytes(b));
	for (size_t i = 0; step && i < b->n; i++)
		stretch_keeper.fetch(b->members[i].aggregate, b->members[i].call, &(*parts_at(row))->each[i], time, 0);
}

/* ---- joined ---- */

struct given { int64_t time; struct value value; };

/* What a member's own timeline holds, from the newest on: taken one by one as the shared one is walked alike. */
struct filling {
	const struct bundle_member *member;
	struct given *given;
	size_t n, at;
	int64_t gone;			/* what is not later need not be there */
	bool fits;
};

static bool note_given(void *self, int64_t time, void *entry)
{
	struct filling *f = self;
	struct given *g = &f->given[f->n++];

	g->time = time;
	if (f->member->shape.fold->entry == FOLD_VALUE)
		g->value = *(struct value *)entry;
	else if (f->member->has_value)
		g->value = (struct value){ .type = VALUE_DOUBLE, .number = *(double *)entry };
	return true;
}

static bool fill_entry(void *self, int64_t time, void *entry)
{
	struct filling *f = self;
	const struct bundle_member *m = f->member;

	if (f->at == f->n) {
		f->fits = time <= f->gone;
		return false;
	}
	const struct given *g = &f->given[f->at++];
	f->fits = g->time == time;
	/* Another has put there what the value really is. */
	const bool is_there = m->is_whole && m->shape.fold->entry != FOLD_VALUE && value_in(m, entry).type != VALUE_MISSING;
	if (f->fits && m->has_value && !is_there)
		bundle_row_put(m, entry, g->value);
	return f->fits;
}

/* The values of a member's own timeline into the shared one, which has the same events as far as its window reaches; false: it has not. */
static bool fill(const struct bundle *b, const struct bundle_member *m, const struct timeline *part, struct timeline *t)
{
	struct given few[FEW];
	struct filling f = { .member = m, .fits = true };
	const struct timeline_kind kind = walked_kind(m);

	if (!part->n || part->mark || !t->n || part->newest != t->newest)
		return false;
	f.gone = stretch_gone(m->call, t->newest);
	f.given = part->n <= FEW ? few : alloc_bytes(part->n * sizeof *f.given);
	timeline_walk(part, &kind, f.gone, INT64_MAX, true, note_given, &f);
	timeline_walk(t, &b->kind, INT64_MIN, INT64_MAX, true, fill_entry, &f);
	if (f.given != few)
		free(f.given);
	return f.fits && f.at == f.n;
}

void bundle_row_save_entry(const void *bundle, const void *entry, struct buf *b)
{
	const struct bundle_member *m = ((const struct bundle *)bundle)->members;
	const struct value x = value_in(m, entry);
	const double number = m->has_value ? value_double(x) : 0;

	fold_save(&m->shape, m->shape.fold->entry == FOLD_VALUE ? (const void *)&x : (const void *)&number, b);
}

void bundle_row_load_entry(const void *bundle, void *entry, struct snapshot_bytes *in, struct pool *pool)
{
	const struct bundle_member *m = ((const struct bundle *)bundle)->members;
	struct value x = { .type = VALUE_DOUBLE };

	if (m->shape.fold->entry == FOLD_VALUE) {
		x = (struct value){0};
		fold_load(&m->shape, &x, in, pool);
		if (!value_is_number(x)) {
			fold_drop(&m->shape, &x, pool);
			x = value_integer(0);
			in->torn = true;
		}
	} else
		fold_load(&m->shape, &x.number, in, pool);
	if (m->has_value)
		bundle_row_put(m, entry, x);
}

/* The timeline of the first member, shaped as it is, with room for the others' values. */
static void adopt(const struct bundle *b, const void *part, void *row, struct pool *pool)
{
	struct buf saved = BUF_INIT;

	stretch_keeper.save(b->members->aggregate, b->members->call, part, &saved);
	struct snapshot_bytes in = { (const unsigned char *)saved.data, (const unsigned char *)saved.data + saved.len, false };
	snapshot_get_varint(&in);
	snapshot_get_signed(&in);
	timeline_load(row, &b->kind, &in, pool);
	buf_release(&saved);
}

/* True: the row is shared again. */
static bool join(const struct bundle *b, void *row, struct pool *pool)
{
	struct parts *parts = *parts_at(row);
	uint64_t room[(sizeof(struct timeline) + BUNDLE_MAX * sizeof(struct value)) / sizeof(uint64_t)] = {0};
	struct timeline *t = (struct timeline *)(void *)room;
	const struct timeline *first = parts->each;
	bool fits = first->n && !first->mark;

	if (fits)
		adopt(b, first, t, pool);
	for (size_t i = 1; i < b->n && fits; i++)
		fits = fill(b, &b->members[i], &parts->each[i], t);
	if (!fits) {
		timeline_release(t, &b->kind, pool);
		return false;
	}
	timeline_refresh(t, &b->kind);
	bundle_row_release(b, row, pool);
	memcpy(row, room, bundle_size(b));
	return true;
}

void bundle_row_add(const struct bundle *b, void *row, const struct value *const *values, const struct moment *now, bool is_common,
    struct pool *pool)
{
	struct moment m = *now;

	if (!((struct timeline *)row)->mark)
		take_apart(b, row, b->n, pool);
	struct parts *parts = *parts_at(row);
	for (size_t i = 0; i < b->n; i++) {
		m.x = values[i];
		m.call = b->members[i].call;
		if (m.x)
			stretch_keeper.add(b->members[i].aggregate, b->members[i].call, &parts->each[i], &m, pool);
	}
	parts->common = is_common ? parts->common + (parts->common < COMMON_MAX) : 0;
	if (is_common && parts->common >= parts->each[0].n && !join(b, row, pool))
		parts->common = 0;
}

/* ---- saved: as stretches, each with what it has in common with the others ---- */

bool bundle_row_save(const struct bundle *b, const struct bundle_member *m, const void *row, struct pool *scratch, struct buf *out)
{
	const struct timeline *t = row;
	struct timeline part = {0};

	if (t->mark & APART) {
		if (bundle_row_part(b, m, row)->n == 0)
			return false;
		stretch_save_as(m->aggregate, m->call, bundle_row_part(b, m, row), STRETCH_COMMON + (*parts_at(row))->common, out);
		return true;
	}
	if (!t->n)
		return false;
	if (m == b->members) {
		snapshot_put_varint(out, STRETCH_SHARED);
		snapshot_put_signed(out, t->newest);
		timeline_save(t, &b->kind, out);
		return true;
	}
	part_out(b, m, t, &part, scratch);
	stretch_save_as(m->aggregate, m->call, &part, STRETCH_SHARED, out);
	stretch_keeper.release(m->aggregate, m->call, &part, scratch);
	return true;
}

bool bundle_row_has(const struct bundle *b, const struct bundle_member *m, const void *row)
{
	const struct timeline *t = row;

	if (t->mark & APART)
		return bundle_row_part(b, m, row)->n > 0;
	return (t->mark & ~LOADING) > number_of(b, m);
}

/* Of a row that was shared: the first member's timeline is that of all, the others' values join it.  False: not so here. */
static bool load_shared(const struct bundle *b, const struct bundle_member *m, void *row, struct snapshot_bytes *in, struct pool *pool)
{
	struct timeline *t = row;
	const size_t i = number_of(b, m);
	struct timeline part = {0};

	if ((t->mark & ~LOADING) != i)
		return false;
	if (i) {
		struct snapshot_bytes again = *in;
		stretch_keeper.load(m->aggregate, m->call, &part, &again, pool);
		const bool fits = !again.torn && fill(b, m, &part, t);
		stretch_keeper.release(m->aggregate, m->call, &part, pool);
		if (!fits)
			return false;
		*in = again;
	} else {
		snapshot_get_varint(in);
		const int64_t newest = snapshot_get_signed(in);
		timeline_load(t, &b->kind, in, pool);
		if (!t->n || t->newest != newest)
			in->torn = true;
	}
	t->mark = LOADING + (uint32_t)i + 1;
	return true;
}

void bundle_row_load(const struct bundle *b, const struct bundle_member *m, void *row, struct snapshot_bytes *in, struct pool *pool)
{
	struct timeline *t = row;
	struct snapshot_bytes ahead = *in;
	const uint64_t code = snapshot_get_varint(&ahead);

	if (code == STRETCH_SHARED && !(t->mark & APART) && load_shared(b, m, row, in, pool))
		return;
	const bool is_first = !t->mark;
	if (!(t->mark & APART))
		take_apart(b, row, t->mark & ~LOADING, pool);
	struct parts *parts = *parts_at(row);
	const uint64_t common = code >= STRETCH_COMMON && code - STRETCH_COMMON <= COMMON_MAX ? code - STRETCH_COMMON : 0;
	parts->common = is_first || common < parts->common ? common : parts->common;
	stretch_keeper.load(m->aggregate, m->call, &parts->each[number_of(b, m)], in, pool);
}

void bundle_row_settle(const struct bundle *b, void *row, struct pool *pool)
{
	struct timeline *t = row;
	const size_t n = t->mark & ~LOADING;

	if (!(t->mark & LOADING))
		return;
	if (n < b->n) {
		take_apart(b, row, n, pool);
		return;
	}
	t->mark = 0;
	timeline_refresh(t, &b->kind);
}
