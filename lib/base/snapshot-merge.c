/* SPDX-License-Identifier: MIT */
#include "base/snapshot.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/hash.h"
#include "base/table.h"

#define LOOK_ROWS 4096		/* between looks whether to stop */

/* A section of a part: its rows, behind its name. */
struct stretch {
	size_t section, part;
	struct snapshot_reader rows;
};

struct seen { const char *key; uint32_t len, tag; };

/* The keys of a section of which something newer is known. */
struct seen_keys { struct seen *places; size_t n, room; };

struct merge {
	const struct snapshot_part *parts;
	struct table names;		/* of sections: their numbers */
	struct stretch *stretches;	/* by section, the newest first */
	size_t n, room;
	struct seen_keys seen;
	const atomic_bool *stop;
	unsigned rows;
	struct snapshot_writer *out;
};

/* ---- what is where ---- */

static void add_stretch(struct merge *m, size_t part, const struct snapshot_reader *at)
{
	const size_t before = m->names.n;
	struct table_row *name = table_add(&m->names, at->section, at->section_len);

	if (m->names.n > before)
		name->number = before;
	if (m->n == m->room)
		m->stretches = alloc_again(m->stretches, m->room = m->room ? m->room * 2 : 64, sizeof *m->stretches);
	m->stretches[m->n++] = (struct stretch){ name->number, part, *at };
}

static int must_stop(struct merge *m, struct error *why)
{
	if (++m->rows % LOOK_ROWS || !m->stop || !atomic_load_explicit(m->stop, memory_order_relaxed))
		return 0;
	return error_set(why, "was stopped");
}

/* Each stretch ends where the next one of its part begins. */
static int find_stretches(struct merge *m, size_t part, struct error *why)
{
	const size_t first = m->n;
	struct snapshot_reader in;
	int item;

	if (snapshot_open(&in, m->parts[part].bytes, m->parts[part].len, why) < 0)
		return -1;
	if (!part) {
		char *made_by = alloc_span(in.made_by, in.made_by_len);
		snapshot_begin(m->out, made_by);
		free(made_by);
	}
	in.is_changes = true;
	for (const unsigned char *at = in.rest.p; (item = snapshot_next(&in, why)) != SNAPSHOT_END; at = in.rest.p) {
		if (item < 0 || must_stop(m, why))
			return -1;
		if (item != SNAPSHOT_SECTION)
			continue;
		if (m->n > first)
			m->stretches[m->n - 1].rows.rest.end = at;
		add_stretch(m, part, &in);
	}
	return 0;
}

static int by_section(const void *a, const void *b)
{
	const struct stretch *x = a, *y = b;

	if (x->section != y->section)
		return x->section < y->section ? -1 : 1;
	return x->part > y->part ? -1 : x->part < y->part;
}

/* ---- which is the newest ---- */

static struct seen *place_of(const struct seen_keys *s, const char *key, size_t len, uint64_t hash)
{
	size_t i = hash & (s->room - 1);

	while (s->places[i].key &&
	    (s->places[i].tag != (uint32_t)(hash >> 32) || s->places[i].len != len || memcmp(s->places[i].key, key, len) != 0))
		i = (i + 1) & (s->room - 1);
	return &s->places[i];
}

static void grow(struct seen_keys *s)
{
	struct seen_keys old = *s;

	s->room = old.room ? old.room * 2 : 1024;
	s->places = alloc_zeroed(s->room, sizeof *s->places);
	for (size_t i = 0; i < old.room; i++)
		if (old.places[i].key)
			*place_of(s, old.places[i].key, old.places[i].len, hash_bytes(old.places[i].key, old.places[i].len)) = old.places[i];
	free(old.places);
}

/* Whether it is the first time; from now on it is not, where it is to be kept. */
static bool is_news(struct seen_keys *s, const char *key, size_t len, bool is_kept)
{
	if (is_kept && (s->n + 1) * 3 > s->room * 2)
		grow(s);
	if (!s->n && !is_kept)
		return true;
	const uint64_t hash = hash_bytes(key, len);
	struct seen *place = place_of(s, key, len, hash);
	if (place->key)
		return false;
	if (is_kept) {
		*place = (struct seen){ key, (uint32_t)len, (uint32_t)(hash >> 32) };
		s->n++;
	}
	return true;
}

static void forget(struct seen_keys *s)
{
	if (s->n)
		memset(s->places, 0, s->room * sizeof *s->places);
	s->n = 0;
}

/* ---- together ---- */

/* The oldest stretch of a section needs not be remembered; where nothing is newer it is taken as it stands. */
static int take_rows(struct merge *m, const struct stretch *s, bool is_oldest, struct error *why)
{
	struct snapshot_reader in = s->rows;
	int item;

	if (is_oldest && !m->seen.n && !s->part) {
		buf_add(&m->out->bytes, (const char *)in.rest.p, (size_t)(in.rest.end - in.rest.p));
		return 0;
	}
	for (const unsigned char *at = in.rest.p; (item = snapshot_next(&in, why)) != SNAPSHOT_END; at = in.rest.p) {
		if (item < 0 || must_stop(m, why))
			return -1;
		if (is_news(&m->seen, in.key, in.key_len, !is_oldest) && item == SNAPSHOT_ROW)
			buf_add(&m->out->bytes, (const char *)at, (size_t)(in.rest.p - at));
	}
	return 0;
}

static int take_section(struct merge *m, size_t first, size_t *next, struct error *why)
{
	const struct stretch *s = m->stretches;
	size_t i = first, end = first;
	int result = 0;

	while (end < m->n && s[end].section == s[first].section)
		end++;
	*next = end;
	snapshot_section(m->out, s[first].rows.section, s[first].rows.section_len);
	for (bool is_oldest = false; i < end && !is_oldest && !result; i++) {
		is_oldest = i + 1 == end || s[i].rows.is_anew;
		result = take_rows(m, &s[i], is_oldest, why);
	}
	forget(&m->seen);
	return result;
}

int snapshot_merge(const struct snapshot_part *parts, size_t n, const atomic_bool *stop, struct snapshot_writer *out, struct error *why)
{
	struct merge m = { .parts = parts, .names = TABLE_INIT, .stop = stop, .out = out };
	int result = 0;

	out->bytes = BUF_INIT;
	for (size_t i = 0; i < n && !result; i++)
		result = find_stretches(&m, i, why);
	if (m.n)
		qsort(m.stretches, m.n, sizeof *m.stretches, by_section);
	for (size_t i = 0; i < m.n && !result;)
		result = take_section(&m, i, &i, why);
	if (!result)
		snapshot_end(out);
	free(m.seen.places);
	free(m.stretches);
	table_release(&m.names);
	return result;
}
