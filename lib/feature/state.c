/* SPDX-License-Identifier: MIT */
#include "feature/state.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/hash.h"
#include "feature/bundle-row.h"
#include "feature/hold.h"
#include "feature/join.h"
#include "feature/rows.h"
#include "feature/watermark.h"
#include "json/write.h"

/* ---- set up ---- */

/* What the states of an evicted row hold. */
static void release_row(void *self, void *row)
{
	const struct state_table *t = self;
	const struct spec *spec = t->state->spec;

	for (size_t i = 0; i < spec->n_states; i++) {
		const struct spec_state *st = &spec->states[i];
		if (st->keys == t->index && st->keeper->release && !st->bundle)
			st->keeper->release(st->aggregate, st->call, (char *)row + st->offset, &t->state->pool);
	}
	for (size_t i = 0; i < spec->n_bundles; i++)
		if (spec->bundles[i]->keys == t->index)
			bundle_row_release(spec->bundles[i], (char *)row + spec->bundles[i]->offset, &t->state->pool);
}

struct state *state_new(const struct spec *s, uint64_t max_keys)
{
	struct state *state = alloc_zeroed(1, sizeof *state);

	state->spec = s;
	state->tables = alloc_zeroed(s->n_keys, sizeof *state->tables);
	for (unsigned i = 0; i < s->n_keys; i++) {
		state->tables[i] = (struct state_table){ state, i, NULL };
		if (s->keys[i].n_states)
			state->tables[i].keyed = keyed_new(s->keys[i].state_size, max_keys, release_row, &state->tables[i]);
	}
	return state;
}

void state_free(struct state *state)
{
	if (!state)
		return;
	for (size_t i = 0; i < state->spec->n_keys; i++)
		keyed_free(state->tables[i].keyed);
	pool_release(&state->pool);
	free(state->parts);
	free(state->tables);
	free(state);
}

void state_add_part(struct state *state, const struct state_part *part)
{
	state->parts = alloc_again(state->parts, state->n_parts + 1, sizeof *state->parts);
	state->parts[state->n_parts++] = *part;
}

bool state_is_elsewhere(struct state *state, const struct key *key, int32_t at, int32_t here)
{
	if (at == here)
		return false;
	if (!state->is_astray)
		error_set(&state->astray, "the key %.*s came in partition %d, and its state is of partition %d: under --shard all records of a key "
		    "are in partitions of one number (produce them by this key)", (int)(key->len < 60 ? key->len : 60), key->bytes, (int)here, (int)at);
	return state->is_astray = true;
}

void state_figures(const struct state *state, struct state_figures *f)
{
	*f = (struct state_figures){ .bytes = state->pool.bytes };
	for (size_t i = 0; i < state->spec->n_keys; i++)
		if (state->tables[i].keyed) {
			f->keys += keyed_count(state->tables[i].keyed);
			f->evicted += keyed_evicted(state->tables[i].keyed);
			f->expired += keyed_expired(state->tables[i].keyed);
			f->bytes += keyed_bytes(state->tables[i].keyed);
		}
}

/* ---- saved and restored ---- */

#define PARTITION 0	/* rows of a stream that is divided have theirs in the snapshot's form */

static void put_key(struct buf *b, const char *key, size_t len)
{
	buf_clear(b);
	snapshot_put_varint(b, PARTITION);
	buf_add(b, key, len);
}

/* The section with the newest time of each key. */
static void name_keys(const struct spec *s, size_t keys, struct buf *b)
{
	buf_clear(b);
	buf_format(b, "keys %s\ntime %s:%s", s->keys[keys].text, s->time.text, eventtime_unit_show(s->unit));
}

/* Of something besides keys: it stays what it is as long as the time does. */
static void name_part(const struct spec *s, const char *part, struct buf *b)
{
	buf_clear(b);
	buf_format(b, "%s\ntime %s:%s", part, s->time.text, eventtime_unit_show(s->unit));
}

static bool is_empty(const char *kept, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (kept[i])
			return false;
	return true;
}

/* False: it has nothing to save. */
static bool save_row(const struct spec_state *st, const struct keyed_row *row, struct pool *scratch, struct buf *value)
{
	const char *kept = (const char *)keyed_state((struct keyed_row *)(uintptr_t)row) + st->offset;

	buf_clear(value);
	if (st->bundle)
		return bundle_row_save(st->bundle, st->member, kept, scratch, value);
	if (is_empty(kept, st->keeper->size))
		return false;
	st->keeper->save(st->aggregate, st->call, kept, value);
	return true;
}

static int32_t partition_of(const struct spec *s, const struct keyed_row *r)
{
	return s->by_partition ? *state_partition((struct keyed_row *)(uintptr_t)r) : PARTITION_NONE;
}

/* The rows of a key set that are saved: all of them, or those that have changed or gone. */
struct saving {
	struct keyed_changes changes;	/* `rows` are the rows in both cases */
	bool is_whole;
	const struct spec *spec;
	struct snapshot_writer *to;
	struct buf key, value;
	struct pool scratch;
};

/* Behind a section's rows: of the keys that have gone, too. */
static void save_gone(struct saving *to)
{
	const char *key;
	size_t at = 0, len;

	while ((key = keyed_next_gone(&to->changes, &at, &len))) {
		put_key(&to->key, key, len);
		snapshot_gone(to->to, to->key.data, to->key.len);
	}
}

static void save_state(const struct spec_state *st, struct saving *to)
{
	snapshot_section(to->to, st->identity, strlen(st->identity));
	for (size_t i = 0; i < to->changes.n; i++) {
		const struct keyed_row *row = to->changes.rows[i];
		const bool has = save_row(st, row, &to->scratch, &to->value);
		if (!has && to->is_whole)
			continue;
		put_key(&to->key, keyed_key(row), row->len);
		if (has)
			snapshot_row_of(to->to, partition_of(to->spec, row), to->key.data, to->key.len, to->value.data, to->value.len);
		else
			snapshot_gone(to->to, to->key.data, to->key.len);
	}
	save_gone(to);
}

static void save_times(const struct spec *s, size_t keys, struct saving *to)
{
	name_keys(s, keys, &to->key);
	snapshot_section(to->to, to->key.data, to->key.len);
	for (size_t i = 0; i < to->changes.n; i++) {
		const struct keyed_row *row = to->changes.rows[i];
		put_key(&to->key, keyed_key(row), row->len);
		buf_clear(&to->value);
		snapshot_put_signed(&to->value, row->time);
		snapshot_row_of(to->to, partition_of(s, row), to->key.data, to->key.len, to->value.data, to->value.len);
	}
	save_gone(to);
}

static void save_keys(const struct spec *s, size_t keys, struct saving *to)
{
	/* Without times the rows are known from the states alone. */
	if (s->needs_time)
		save_times(s, keys, to);
	for (size_t j = 0; j < s->n_states; j++)
		if (s->states[j].keys == keys && !s->states[j].bundle)
			save_state(&s->states[j], to);
	/* In the order in which they are loaded. */
	for (size_t i = 0; i < s->n_bundles; i++)
		for (size_t j = 0; s->bundles[i]->keys == keys && j < s->bundles[i]->n; j++)
			save_state(&s->states[s->bundles[i]->members[j].state], to);
	buf_release(&to->key);
	buf_release(&to->value);
	pool_release(&to->scratch);
}

void state_save(const struct state *state, struct snapshot_writer *w)
{
	struct buf name = BUF_INIT;

	for (size_t i = 0; i < state->n_parts; i++) {
		const struct state_part *p = &state->parts[i];
		if (p->is_empty(p->self))
			continue;
		name_part(state->spec, p->name, &name);
		snapshot_section(w, name.data, name.len);
		p->save(p->self, w);
	}
	buf_release(&name);
	for (size_t i = 0; i < state->spec->n_keys; i++) {
		struct saving to = { .is_whole = true, .spec = state->spec, .to = w };
		if (!state->tables[i].keyed)
			continue;
		to.changes.rows = keyed_sorted(state->tables[i].keyed, &to.changes.n);
		save_keys(state->spec, i, &to);
		free(to.changes.rows);
	}
}

void state_track(struct state *state)
{
	for (size_t i = 0; i < state->n_parts; i++)
		if (state->parts[i].track)
			state->parts[i].track(state->parts[i].self);
	for (size_t i = 0; i < state->spec->n_keys; i++)
		if (state->tables[i].keyed)
			keyed_track(state->tables[i].keyed);
}

void state_save_changes(struct state *state, struct snapshot_writer *w)
{
	struct buf name = BUF_INIT;

	for (size_t i = 0; i < state->n_parts; i++) {
		const struct state_part *p = &state->parts[i];
		name_part(state->spec, p->name, &name);
		if (p->save_changes) {
			snapshot_section(w, name.data, name.len);
			p->save_changes(p->self, w);
			continue;
		}
		snapshot_section_anew(w, name.data, name.len);
		if (!p->is_empty(p->self))
			p->save(p->self, w);
	}
	buf_release(&name);
	for (size_t i = 0; i < state->spec->n_keys; i++)
		if (state->tables[i].keyed)
			save_keys(state->spec, i, &(struct saving){ .changes = keyed_changes(state->tables[i].keyed), .spec = state->spec, .to = w });
}

/* What a section is of: a state, the times of a key set, something besides, or nothing here. */
struct section { const struct spec_state *state; int keys; const struct state_part *part; };

static bool is_text(const struct snapshot_reader *in, const char *text, size_t len)
{
	return in->section_len == len && !memcmp(in->section, text, len);
}

static struct section section_of(const struct spec *s, const struct snapshot_reader *in)
{
	struct section found = { NULL, -1, NULL };
	struct buf name = BUF_INIT;

	for (size_t i = 0; i < s->n_states; i++)
		if (is_text(in, s->states[i].identity, strlen(s->states[i].identity)))
			found = (struct section){ &s->states[i], (int)s->states[i].keys, NULL };
	for (size_t i = 0; i < s->n_keys && found.keys < 0; i++) {
		name_keys(s, i, &name);
		if (s->keys[i].n_states && is_text(in, name.data, name.len))
			found.keys = (int)i;
	}
	buf_release(&name);
	return found;
}

static size_t first_line(const struct snapshot_reader *in)
{
	const char *lf = memchr(in->section, '\n', in->section_len);

	return lf ? (size_t)(lf - in->section) : in->section_len;
}

/* The lines of key and time, which stand behind the definition and its lookups. */
static const char *key_and_time(const char *identity, const char *end)
{
	do {
		const char *lf = memchr(identity, '\n', (size_t)(end - identity));
		identity = lf ? lf + 1 : end;
	} while (end - identity >= 7 && !memcmp(identity, "lookup ", 7));
	return identity;
}

/* Whether some state of the spec has the same key and time. */
static bool is_related(const struct spec *s, const struct snapshot_reader *in)
{
	const char *rest = key_and_time(in->section, in->section + in->section_len);
	const size_t len = (size_t)(in->section + in->section_len - rest);

	for (size_t i = 0; i < s->n_states; i++) {
		const char *identity = s->states[i].identity;
		const char *own = key_and_time(identity, identity + strlen(identity));
		if (strlen(own) == len && !memcmp(own, rest, len))
			return true;
	}
	return false;
}

static bool begins(const struct snapshot_reader *in, const char *with)
{
	return in->section_len >= strlen(with) && !memcmp(in->section, with, strlen(with));
}

static bool is_keys_section(const struct snapshot_reader *in)
{
	return begins(in, "keys ");
}

static bool is_part(const struct snapshot_reader *in, const char *name)
{
	return first_line(in) == strlen(name) && !memcmp(in->section, name, first_line(in));
}

static const struct state_part *part_of(const struct state *state, const struct snapshot_reader *in)
{
	const struct state_part *found = NULL;
	struct buf name = BUF_INIT;

	for (size_t i = 0; i < state->n_parts; i++) {
		name_part(state->spec, state->parts[i].name, &name);
		if (is_text(in, name.data, name.len))
			found = &state->parts[i];
	}
	buf_release(&name);
	return found;
}

/* The key behind the partition. 0 or -1. */
static int get_key(const struct snapshot_reader *in, const char **key, size_t *len, struct error *why)
{
	struct snapshot_bytes bytes = { (const unsigned char *)in->key, (const unsigned char *)in->key + in->key_len, false };

	if (snapshot_get_varint(&bytes) != PARTITION || bytes.torn)
		return error_set(why, "state of %.*s: a row of another partition", (int)first_line(in), in->section);
	*key = (const char *)bytes.p;
	*len = (size_t)(bytes.end - bytes.p);
	return 0;
}

static int restore_row(struct state *state, const struct snapshot_reader *in, const struct section *section, struct error *why)
{
	struct snapshot_bytes bytes = { (const unsigned char *)in->value, (const unsigned char *)in->value + in->value_len, false };
	struct keyed *keyed = state->tables[section->keys].keyed;
	const struct spec_state *st = section->state;
	const char *key;
	size_t len;

	if (get_key(in, &key, &len, why) < 0)
		return -1;
	const uint64_t hash = hash_bytes(key, len);
	struct keyed_row *row = keyed_find(keyed, key, len, hash);
	if (!row)
		row = keyed_add(keyed, key, len, hash, EVENTTIME_NONE);
	if (state->spec->by_partition)
		*state_partition(row) = in->partition;
	if (st) {
		char *kept = (char *)keyed_state(row) + st->offset;
		if (st->bundle ? bundle_row_has(st->bundle, st->member, kept) : !is_empty(kept, st->keeper->size))
			return error_set(why, "state of %s: %.*s stands twice", st->text, (int)(len < 60 ? len : 60), key);
		if (st->bundle)
			bundle_row_load(st->bundle, st->member, kept, &bytes, &state->pool);
		else
			st->keeper->load(st->aggregate, st->call, kept, &bytes, &state->pool);
	} else
		row->time = snapshot_get_signed(&bytes);
	if (bytes.torn || bytes.p != bytes.end)
		return error_set(why, "state of %.*s: damaged for key %.*s", (int)first_line(in), in->section, (int)(len < 60 ? len : 60), key);
	return 0;
}

/* "key user, time ts:ms" */
static void note_theirs(struct buf *b, const struct snapshot_reader *in)
{
	const char *end = in->section + in->section_len;

	buf_clear(b);
	for (const char *at = key_and_time(in->section, end); at < end; at++)
		buf_add(b, *at == '\n' ? ", " : at, *at == '\n' ? 2 : 1);
}

static void list(struct buf *b, size_t *n, const char *text, size_t len)
{
	if ((*n)++)
		buf_add_text(b, ", ");
	buf_add(b, text, len);
}

struct settling { const struct bundle *bundle; struct pool *pool; };

static void settle_row(void *self, struct keyed_row *row)
{
	const struct settling *s = self;

	bundle_row_settle(s->bundle, (char *)keyed_state(row) + s->bundle->offset, s->pool);
}

int state_restore(struct state *state, struct snapshot_reader *in, struct state_news *news, struct error *why)
{
	const struct spec *s = state->spec;
	bool *met = alloc_zeroed(s->n_states + 1, sizeof *met);
	struct section section = { NULL, -1, NULL };
	int item, result = 0;

	while (!result && (item = snapshot_next(in, why)) != SNAPSHOT_END)
		if (item < 0)
			result = -1;
		else if (item == SNAPSHOT_SECTION) {
			section = section_of(s, in);
			section.part = part_of(state, in);
			if (section.state)
				met[section.state - s->states] = true;
			else if (news && section.keys < 0 && !section.part && !is_keys_section(in) && !is_part(in, "watermark")) {
				list(&news->dropped, &news->n_dropped, in->section, first_line(in));
				note_theirs(&news->theirs, in);
			}
			if (news && !is_keys_section(in) && is_related(s, in))
				news->is_related = true;
		} else if (section.part)
			result = section.part->load(section.part->self, in, why);
		else if (section.keys >= 0)
			result = restore_row(state, in, &section, why);
	for (size_t i = 0; !result && news && i < s->n_states; i++)
		if (!met[i])
			list(&news->fresh, &news->n_fresh, s->states[i].text, strlen(s->states[i].text));
	for (size_t i = 0; i < s->n_bundles; i++)
		keyed_each(state->tables[s->bundles[i]->keys].keyed, settle_row, &(struct settling){ s->bundles[i], &state->pool });
	for (size_t i = 0; i < s->n_keys; i++)
		if (state->tables[i].keyed)
			keyed_trim(state->tables[i].keyed, false);
	free(met);
	return result;
}

/* ---- shown ---- */

struct found { const struct aggregate *aggregate; const struct expr_call *call; };

static int find_call(void *self, const struct expr_call *call, struct error *why)
{
	struct found *f = self;

	f->aggregate = aggregate_find(call->kind->name, strlen(call->kind->name));
	f->call = call;		/* of nested calls the outer comes last */
	return aggregate_check(f->aggregate, call, why);
}

static int find_path(void *self, const struct fieldpath *path, struct expr_ref *ref, struct error *why)
{
	(void)self, (void)why;
	*ref = (struct expr_ref){ EXPR_SLOT, 0, path->n, false };
	return 0;
}

/* The call that a section's name says: what its rows hold depends on it. */
static int parse_section(const struct snapshot_reader *in, struct arena *arena, struct found *f, struct error *why)
{
	size_t n = 0;

	while (aggregate_rows[n].kind.name)
		n++;
	struct expr_call_kind *kinds = arena_get(arena, (n + 1) * sizeof *kinds);
	for (size_t i = 0; i <= n; i++) {
		kinds[i] = aggregate_rows[i].kind;
		kinds[i].min_args -= kinds[i].flags & EXPR_CALL_CONSTANT ? 1 : 0;
	}
	const struct expr_names names = { f, find_path, find_call, kinds, TIME_MS };
	struct error what;
	*f = (struct found){ NULL, NULL };
	if (!expr_compile(arena, in->section, first_line(in), NULL, &names, &what) || !f->call)
		return error_set(why, "state of %.*s: of a definition that this version does not know", (int)first_line(in), in->section);
	return 0;
}

/* Names of the features that read a state. */
static void dump_features(const struct spec *s, const struct spec_state *st, struct buf *out)
{
	json_write_name(out, "features");
	buf_add_byte(out, '[');
	for (size_t i = 0; i < s->n_steps; i++)
		for (size_t j = 0; j < s->steps[i].n_states; j++)
			if (&s->states[s->steps[i].states[j]] == st && !s->steps[i].is_require) {
				json_write_comma(out);
				json_write_string(out, s->steps[i].text, strlen(s->steps[i].text));
			}
	buf_add_byte(out, ']');
}

static int dump_row(const struct snapshot_reader *in, const struct found *f, const struct spec *s, const struct section *section,
    struct buf *out, struct error *why)
{
	struct snapshot_bytes bytes = { (const unsigned char *)in->value, (const unsigned char *)in->value + in->value_len, false };
	char time[EVENTTIME_SHOW_MAX];
	const char *key;
	struct pool pool = POOL_INIT;
	size_t len;

	if (get_key(in, &key, &len, why) < 0)
		return -1;
	buf_add_byte(out, '{');
	json_write_name(out, f->call ? "definition" : "keys");
	json_write_string(out, in->section + (f->call ? 0 : 5), first_line(in) - (f->call ? 0 : 5));
	if (s && section->state)
		dump_features(s, section->state, out);
	json_write_name(out, "key");
	buf_add(out, len ? key : "null", len ? len : 4);
	if (f->call) {
		const struct keeper *k = aggregate_keeper(f->aggregate, f->call);
		void *kept = alloc_zeroed(1, k->size);
		k->load(f->aggregate, f->call, kept, &bytes, &pool);
		json_write_name(out, "state");
		buf_add_byte(out, '{');
		if (!bytes.torn)
			k->dump(f->aggregate, f->call, kept, out);
		buf_add_byte(out, '}');
		pool_release(&pool);
		free(kept);
	} else {
		const int64_t ns = snapshot_get_signed(&bytes);
		json_write_name(out, "time");
		if (ns == EVENTTIME_NONE)
			buf_add_text(out, "null");
		else {
			eventtime_show(ns, time);
			json_write_string(out, time, strlen(time));
		}
	}
	buf_add_text(out, "}\n");
	if (bytes.torn || bytes.p != bytes.end)
		return error_set(why, "state of %.*s: damaged", (int)first_line(in), in->section);
	return 0;
}

static int dump_watermark(const struct snapshot_reader *in, struct buf *out, struct error *why)
{
	struct watermark w = WATERMARK_INIT;
	const int result = watermark_load(&w, in, why);

	if (!result)
		watermark_dump(&w, out);
	watermark_release(&w);
	return result;
}

typedef int dump_part(const struct snapshot_reader *, struct buf *, struct error *);

static dump_part *part_dumper(const struct snapshot_reader *in)
{
	return is_part(in, "watermark") ? dump_watermark : is_part(in, "held") ? hold_dump : begins(in, "rows ") ? rows_dump :
	    begins(in, "join ") ? join_dump : NULL;
}

int state_dump(struct snapshot_reader *in, const struct spec *s, struct buf *out, struct error *why)
{
	struct arena arena = ARENA_INIT;
	struct found found = { NULL, NULL };
	struct section section = { NULL, -1, NULL };
	dump_part *part = NULL;
	int item, result = 0;

	while (!result && (item = snapshot_next(in, why)) != SNAPSHOT_END)
		if (item < 0)
			result = -1;
		else if (item == SNAPSHOT_SECTION) {
			found = (struct found){ NULL, NULL };
			part = part_dumper(in);
			if (s)
				section = section_of(s, in);
			if (!part && !is_keys_section(in))
				result = parse_section(in, &arena, &found, why);
		} else if (part)
			result = part(in, out, why);
		else if (!s || section.keys >= 0)
			result = dump_row(in, &found, s, &section, out, why);
	arena_release(&arena);
	return result;
}
