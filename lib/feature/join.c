/* SPDX-License-Identifier: MIT */
#include "feature/join.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/eventtime.h"
#include "base/hash.h"
#include "feature/keyed.h"
#include "feature/pool.h"
#include "json/write.h"

struct candidate {			/* a partner */
	struct candidate *next;		/* in order of time, the newest first; of equal times the last to come */
	int64_t time;
	uint32_t len;
	char line[];
};

struct waiting {
	struct waiting *next;		/* in order of arrival */
	struct group *group;
	int64_t time;
	uint64_t number;		/* in order of arrival over all keys */
	struct record *record;		/* NULL: it has left */
};

/* What a key's row keeps. */
struct group { struct candidate *partners; struct waiting *first, *last; int32_t partition; };

struct join {
	int64_t within, late;
	int64_t watermark;
	struct keyed *groups;		/* a row goes when it can neither match nor be matched */
	struct pool pool;
	struct waiting **heap;		/* by time, then number */
	size_t n, room;
	uint64_t numbers;
	uint64_t matched, unmatched, waits;
	size_t bytes;			/* of waiting records */
	char **sources;			/* names that restored records have as theirs */
	size_t n_sources;
};

static void free_partners(struct join *j, struct candidate *p)
{
	while (p) {
		struct candidate *next = p->next;
		pool_put(&j->pool, p, sizeof *p + p->len);
		p = next;
	}
}

static void release_group(void *self, void *state)
{
	struct group *g = state;

	free_partners(self, g->partners);
}

struct join *join_new(int64_t within, int64_t late)
{
	struct join *j = alloc_zeroed(1, sizeof *j);

	*j = (struct join){ .within = within, .late = late, .watermark = EVENTTIME_NONE };
	j->groups = keyed_new(sizeof(struct group), 0, release_group, j);
	return j;
}

void join_free(struct join *j)
{
	if (!j)
		return;
	for (size_t i = 0; i < j->n; i++)
		record_free(j->heap[i]->record);
	for (size_t i = 0; i < j->n_sources; i++)
		free(j->sources[i]);
	free(j->sources);
	free(j->heap);
	keyed_free(j->groups);
	pool_release(&j->pool);
	free(j);
}

/* ---- who waits, by time ---- */

static bool goes_before(const struct waiting *a, const struct waiting *b)
{
	return a->time != b->time ? a->time < b->time : a->number < b->number;
}

static void push(struct join *j, struct waiting *w)
{
	size_t i = j->n++;

	if (i == j->room)
		j->heap = alloc_again(j->heap, j->room = j->room ? j->room * 2 : 64, sizeof *j->heap);
	for (; i && goes_before(w, j->heap[(i - 1) / 2]); i = (i - 1) / 2)
		j->heap[i] = j->heap[(i - 1) / 2];
	j->heap[i] = w;
}

static struct waiting *pop(struct join *j)
{
	struct waiting *first = j->heap[0], *last = j->heap[--j->n];
	size_t i = 0;

	for (size_t kid; (kid = 2 * i + 1) < j->n; i = kid) {
		if (kid + 1 < j->n && goes_before(j->heap[kid + 1], j->heap[kid]))
			kid++;
		if (!goes_before(j->heap[kid], last))
			break;
		j->heap[i] = j->heap[kid];
	}
	if (j->n)
		j->heap[i] = last;
	return first;
}

/* Those that have left are on top no longer. */
static void drop_left(struct join *j)
{
	while (j->n && !j->heap[0]->record)
		pool_put(&j->pool, pop(j), sizeof(struct waiting));
}

/* ---- groups ---- */

static struct group *group_of(struct join *j, const struct key *key, int64_t time)
{
	struct keyed_row *row = keyed_find(j->groups, key->bytes, key->len, key->hash);

	if (!row)
		row = keyed_add(j->groups, key->bytes, key->len, key->hash, time);
	if (row->time < time)
		row->time = time;
	keyed_touch(j->groups, row);
	return keyed_state(row);
}

int32_t join_partition(const struct join *j, const struct key *key)
{
	struct keyed_row *row = keyed_find(j->groups, key->bytes, key->len, key->hash);

	return row ? ((const struct group *)keyed_state(row))->partition : PARTITION_NONE;
}

/* What no record that is in time can match: times before this. */
static int64_t gone_before(const struct join *j)
{
	return j->watermark == EVENTTIME_NONE ? INT64_MIN : eventtime_minus(eventtime_minus(j->watermark, j->within), j->late);
}

static bool is_near(const struct join *j, int64_t a, int64_t b)
{
	return (a > b ? eventtime_minus(a, b) : eventtime_minus(b, a)) <= j->within;
}

static void add_partner(struct join *j, struct group *g, int64_t time, const char *line, size_t len)
{
	struct candidate **at = &g->partners, *p = pool_get(&j->pool, sizeof *p + len);

	while (*at && (*at)->time > time)
		at = &(*at)->next;
	p->next = *at;
	p->time = time;
	p->len = (uint32_t)len;
	memcpy(p->line, line, len);
	*at = p;
	/* The oldest go. */
	while (*at && (*at)->time >= gone_before(j))
		at = &(*at)->next;
	free_partners(j, *at);
	*at = NULL;
}

static void add_waiting(struct join *j, struct group *g, int64_t time, uint64_t number, struct record *r)
{
	struct waiting *w = pool_get(&j->pool, sizeof *w);

	*w = (struct waiting){ NULL, g, time, number, r };
	if (g->last)
		g->last->next = w;
	else
		g->first = w;
	g->last = w;
	push(j, w);
	j->waits++;
	j->bytes += sizeof *r + r->len;
}

static int leave(struct join *j, struct waiting *w, const struct partner *p, join_out *out, void *self)
{
	struct record *r = w->record;

	w->record = NULL;
	j->waits--;
	j->bytes -= sizeof *r + r->len;
	if (p->line)
		j->matched++;
	else
		j->unmatched++;
	return out(self, r, w->time, p);
}

/* ---- records and partners come ---- */

bool join_record(struct join *j, const struct key *key, int64_t time, const struct record *r, struct partner *partner)
{
	struct group *g = group_of(j, key, time);

	g->partition = r->partition;
	for (const struct candidate *p = g->partners; p; p = p->next)
		if (p->time >= gone_before(j) && is_near(j, p->time, time)) {
			*partner = (struct partner){ p->line, p->len };
			j->matched++;
			return true;
		}
	add_waiting(j, g, time, j->numbers++, record_keep(r));
	return false;
}

int join_partner(struct join *j, const struct key *key, int64_t time, const struct record *r, join_out *out, void *self)
{
	struct group *g = group_of(j, key, time);
	struct buf line = BUF_INIT;
	int result = 0;

	g->partition = r->partition;
	record_write(r, &line);
	line.len--;		/* LF */
	const struct partner partner = { line.data, line.len };
	struct waiting **at = &g->first, *last = NULL;
	while (*at && !result) {
		struct waiting *w = *at;
		if (is_near(j, w->time, time)) {
			*at = w->next;
			result = leave(j, w, &partner, out, self);
		} else {
			last = w;
			at = &w->next;
		}
	}
	if (!result)
		g->last = last;
	add_partner(j, g, time, line.data, line.len);
	buf_release(&line);
	drop_left(j);
	return result;
}

static void unlink_waiting(struct join *j, const struct waiting *w)
{
	struct group *g = w->group;
	struct waiting **at = &g->first, *before = NULL;

	for (; *at != w; at = &before->next)
		before = *at;
	*at = w->next;
	if (g->last == w)
		g->last = before;
	keyed_touch(j->groups, keyed_row_of(g));
}

int join_expire(struct join *j, int64_t watermark, join_out *out, void *self)
{
	const struct partner none = { NULL, 0 };
	int result = 0;

	drop_left(j);
	while (j->n && !result && (watermark == INT64_MAX || eventtime_plus(j->heap[0]->time, j->within) < watermark)) {
		struct waiting *w = pop(j);
		unlink_waiting(j, w);
		result = leave(j, w, &none, out, self);
		pool_put(&j->pool, w, sizeof *w);
		drop_left(j);
	}
	if (watermark > j->watermark && watermark != INT64_MAX) {
		j->watermark = watermark;
		keyed_expire(j->groups, gone_before(j));
	}
	return result;
}

int64_t join_due(const struct join *j)
{
	return j->n ? eventtime_plus(eventtime_plus(j->heap[0]->time, j->within), 1) : INT64_MAX;
}

void join_miss(struct join *j)
{
	j->unmatched++;
}

void join_figures(const struct join *j, struct join_figures *f)
{
	*f = (struct join_figures){ j->matched, j->unmatched, j->waits, j->bytes + j->pool.bytes + keyed_bytes(j->groups) };
}

struct join_costs join_costs(void)
{
	/* The heap has half its room to spare; pieces end on a multiple of 16. */
	return (struct join_costs){ sizeof(struct group),
		RECORD_KEPT_BYTES + pool_size(sizeof(struct waiting)) + sizeof(struct waiting *) * 3 / 2, sizeof(struct candidate) + 8 };
}

/* ---- saved and restored ---- */

void join_resume(struct join *j, int64_t watermark)
{
	j->watermark = watermark;
}

bool join_is_empty(const struct join *j)
{
	return !keyed_count(j->groups);
}

static int by_order(const void *a, const void *b)
{
	const struct waiting *const *x = a, *const *y = b;

	return goes_before(*x, *y) ? -1 : 1;
}

/* Numbers from 0 on, so that the same is saved whatever came and went before. */
static void number_anew(struct join *j)
{
	struct waiting **sorted = alloc_bytes((j->n + 1) * sizeof *sorted);
	uint64_t n = 0;

	if (j->n)
		memcpy(sorted, j->heap, j->n * sizeof *sorted);
	qsort(sorted, j->n, sizeof *sorted, by_order);
	for (size_t i = 0; i < j->n; i++)
		if (sorted[i]->record)
			sorted[i]->number = n++;
	j->numbers = n;
	free(sorted);
}

static void save_group(const struct group *g, int64_t newest, struct buf *b)
{
	uint64_t n = 0;

	snapshot_put_signed(b, newest);
	for (const struct candidate *p = g->partners; p; p = p->next)
		n++;
	snapshot_put_varint(b, n);
	for (const struct candidate *p = g->partners; p; p = p->next) {
		snapshot_put_signed(b, p->time);
		snapshot_put_text(b, p->line, p->len);
	}
	for (const struct waiting *w = g->first; w; w = w->next) {
		snapshot_put_signed(b, w->time);
		snapshot_put_varint(b, w->number);
		snapshot_put_text(b, w->record->at.source, strlen(w->record->at.source));
		snapshot_put_varint(b, w->record->at.line);
		snapshot_put_text(b, w->record->line, w->record->len);
	}
}

static void save_groups(struct keyed_row *const *rows, size_t n, struct snapshot_writer *w)
{
	struct buf value = BUF_INIT;

	for (size_t i = 0; i < n; i++) {
		buf_clear(&value);
		const struct group *g = keyed_state(rows[i]);
		save_group(g, rows[i]->time, &value);
		snapshot_row_of(w, g->partition, keyed_key(rows[i]), rows[i]->len, value.data, value.len);
	}
	buf_release(&value);
}

void join_save(const struct join *j, struct snapshot_writer *w)
{
	size_t n;
	struct keyed_row **rows = keyed_sorted(j->groups, &n);

	number_anew((struct join *)j);
	save_groups(rows, n, w);
	free(rows);
}

void join_track(struct join *j)
{
	keyed_track(j->groups);
}

void join_save_changes(struct join *j, struct snapshot_writer *w)
{
	const struct keyed_changes changes = keyed_changes(j->groups);
	size_t at = 0, len;
	const char *key;

	save_groups(changes.rows, changes.n, w);
	while ((key = keyed_next_gone(&changes, &at, &len)))
		snapshot_gone(w, key, len);
}

/* Few names, for many records. */
static const char *source_named(struct join *j, const char *name, size_t len)
{
	for (size_t i = 0; i < j->n_sources; i++)
		if (strlen(j->sources[i]) == len && !memcmp(j->sources[i], name, len))
			return j->sources[i];
	j->sources = alloc_again(j->sources, j->n_sources + 1, sizeof *j->sources);
	return j->sources[j->n_sources++] = alloc_span(name, len);
}

static bool is_line(const char *line, size_t len)
{
	return line && len && !memchr(line, '\n', len);
}

static void load_waiting(struct join *j, struct group *g, struct snapshot_bytes *in, const struct place *at, const struct fields *fields)
{
	size_t len, source_len;
	struct record r;
	const int64_t time = snapshot_get_signed(in);
	const uint64_t number = snapshot_get_varint(in);
	const char *source = snapshot_get_text(in, &source_len);
	const uint64_t line_number = snapshot_get_varint(in);
	const char *line = snapshot_get_text(in, &len);

	if (in->torn || !is_line(line, len)) {
		in->torn = true;
		return;
	}
	record_init(&r, line, len, fields, NULL);
	if (r.kind != RECORD_DATA) {
		in->torn = true;
		return;
	}
	r.at = *at;
	r.at.source = source_named(j, source, source_len);
	r.at.line = line_number;
	r.partition = g->partition;
	add_waiting(j, g, time, number, record_keep(&r));
	if (number >= j->numbers)
		j->numbers = number + 1;
}

int join_load(struct join *j, const struct snapshot_reader *in, const struct place *at, const struct fields *fields, struct error *why)
{
	struct snapshot_bytes bytes = { (const unsigned char *)in->value, (const unsigned char *)in->value + in->value_len, false };
	const struct key key = { in->key, hash_bytes(in->key, in->key_len), (uint32_t)in->key_len };
	const int64_t newest = snapshot_get_signed(&bytes);
	const uint64_t n = snapshot_get_varint(&bytes);
	struct group *g = bytes.torn ? NULL : group_of(j, &key, newest);
	struct candidate **end = g ? &g->partners : NULL;

	if (g)
		g->partition = in->partition;
	if (g && (g->partners || g->first))
		bytes.torn = true;
	for (uint64_t i = 0; i < n && !bytes.torn; i++) {
		size_t len;
		const int64_t time = snapshot_get_signed(&bytes);
		const char *line = snapshot_get_text(&bytes, &len);
		if (bytes.torn || !is_line(line, len) || time > newest) {
			bytes.torn = true;
			break;
		}
		struct candidate *p = pool_get(&j->pool, sizeof *p + len);
		*p = (struct candidate){ NULL, time, (uint32_t)len };
		memcpy(p->line, line, len);
		*end = p;
		end = &p->next;
	}
	while (!bytes.torn && bytes.p < bytes.end)
		load_waiting(j, g, &bytes, at, fields);
	return bytes.torn ? error_set(why, "join: damaged for key %.*s", (int)(in->key_len < 60 ? in->key_len : 60), in->key) : 0;
}

int join_dump(const struct snapshot_reader *in, struct buf *out, struct error *why)
{
	struct snapshot_bytes bytes = { (const unsigned char *)in->value, (const unsigned char *)in->value + in->value_len, false };
	const char *lf = memchr(in->section, '\n', in->section_len);
	size_t len;

	snapshot_get_signed(&bytes);
	const uint64_t n = snapshot_get_varint(&bytes);
	buf_add_byte(out, '{');
	json_write_name(out, "join");
	json_write_string(out, in->section + 5, (lf ? (size_t)(lf - in->section) : in->section_len) - 5);
	json_write_name(out, "key");
	buf_add(out, in->key, in->key_len);
	json_write_name(out, "partners");
	buf_add_byte(out, '[');
	for (uint64_t i = 0; i < n && !bytes.torn; i++) {
		snapshot_get_signed(&bytes);
		const char *line = snapshot_get_text(&bytes, &len);
		if (!bytes.torn) {
			json_write_comma(out);
			buf_add(out, line, len);
		}
	}
	buf_add_byte(out, ']');
	json_write_name(out, "waiting");
	buf_add_byte(out, '[');
	while (!bytes.torn && bytes.p < bytes.end) {
		snapshot_get_signed(&bytes);
		snapshot_get_varint(&bytes);
		snapshot_get_text(&bytes, &len);
		snapshot_get_varint(&bytes);
		const char *line = snapshot_get_text(&bytes, &len);
		if (!bytes.torn) {
			json_write_comma(out);
			buf_add(out, line, len);
		}
	}
	buf_add_text(out, "]}\n");
	return bytes.torn ? error_set(why, "join: damaged") : 0;
}
