/* SPDX-License-Identifier: MIT */
#include "feature/engine.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/hash.h"
#include "feature/keyed.h"
#include "feature/pool.h"
#include "json/parse.h"
#include "json/write.h"
#include "stream/source.h"

/* A record's key in one key set. */
struct key_ref {
	enum { KEY_READY, KEY_NULL, KEY_LATE } kind;	/* LATE: it needs a feature that is not computed yet */
	bool is_found;					/* it has been looked for; row NULL: a new key */
	uint32_t len;
	const char *bytes;				/* canonical text, in the record's arena */
	uint64_t hash;
	struct keyed_row *row;
};

/* What a state will take in when the record has come through. */
struct intake { bool counts; struct value x; const void *state; };

struct table { struct engine *engine; unsigned index; struct keyed *keyed; };

/* A member of the record that `emit features` builds: an object, an array, or at a leaf a slot. */
struct part {
	struct step step;
	const struct name *name;
	int slot;		/* -1: parts below */
	struct part *below, *next;
};

struct engine {
	const struct spec *spec;
	const struct fields *fields;
	const struct added *features;
	struct table *tables;
	struct key_ref *refs;		/* n_keys per record of the batch */
	int64_t times[BATCH_MAX];
	const struct value *values[BATCH_MAX];
	struct value *locals, *calls;
	struct intake *intakes;
	void *zeros;			/* the state of a key not met yet */
	uint64_t max_keys;
	struct pool pool;		/* what states hold besides their rows */
	struct part emitted;
	struct buf line;
	struct arena arena;
};

/* ---- keys ---- */

/* As value_show writes it; strings without escapes and integers, that is nearly all, in one go. */
static const char *canonical(struct value v, struct arena *arena, struct buf *scratch, uint32_t *len)
{
	if (v.type == VALUE_STRING) {
		char *text = arena_get(arena, v.len + 2);
		bool is_plain = true;
		text[0] = '"';
		for (uint32_t i = 0; i < v.len; i++) {
			const unsigned char c = (unsigned char)v.text[i];
			is_plain &= (c >= 0x20) & (c != '"') & (c != '\\');
			text[i + 1] = (char)c;
		}
		text[v.len + 1] = '"';
		*len = v.len + 2;
		if (is_plain)
			return text;
	}
	buf_clear(scratch);
	if (v.type == VALUE_INTEGER)
		json_write_integer(scratch, v.integer);
	else
		value_show(v, scratch);
	*len = (uint32_t)scratch->len;
	return arena_copy(arena, scratch->data, scratch->len);
}

static bool is_key(struct value v)
{
	return v.type == VALUE_STRING || v.type == VALUE_BOOL || value_is_number(v);
}

/* Of several parts the JSON array of them. */
static void set_key(struct engine *e, struct key_ref *ref, const struct value *parts, size_t n, struct arena *arena)
{
	if (n == 1)
		ref->bytes = canonical(parts[0], arena, &e->line, &ref->len);
	else if (n) {
		buf_clear(&e->line);
		for (size_t i = 0; i < n; i++) {
			buf_add_byte(&e->line, i ? ',' : '[');
			value_show(parts[i], &e->line);
		}
		buf_add_byte(&e->line, ']');
		ref->len = (uint32_t)e->line.len;
		ref->bytes = arena_copy(arena, e->line.data, e->line.len);
	} else {
		ref->len = 0;
		ref->bytes = "";
	}
	ref->hash = hash_bytes(ref->bytes, ref->len);
	ref->kind = KEY_READY;
}

#define PARTS_MAX 16

/* 0 or -1: a part is no key; of `by` a null part makes the whole null. */
static int read_key(struct engine *e, unsigned keys, const struct expr_scope *scope, struct key_ref *ref, struct error *why)
{
	const struct spec_keys *k = &e->spec->keys[keys];
	struct value few[PARTS_MAX], *parts = k->n <= PARTS_MAX ? few : arena_get(scope->arena, k->n * sizeof *parts);

	*ref = (struct key_ref){ .kind = KEY_NULL };
	for (size_t i = 0; i < k->n; i++) {
		const struct spec_part *p = &k->parts[i];
		if (p->slot >= 0)
			parts[i] = scope->slots[p->slot];
		else if (expr_eval(p->expr, scope, &parts[i], why) < 0)
			return -1;
		if (is_key(parts[i]))
			continue;
		if (k->is_by && value_is_null(parts[i]))
			return 0;
		if (value_is_null(parts[i]) || parts[i].type == VALUE_HUGE)
			return error_set(why, "%s %s is %s", k->is_by ? "by" : "key", p->text, value_kind(parts[i]));
		return error_set(why, "%s %s is %s: a key is a string, a number or a boolean", k->is_by ? "by" : "key", p->text,
		    value_kind(parts[i]));
	}
	set_key(e, ref, parts, k->n, scope->arena);
	return 0;
}

/* ---- messages ---- */

/* "totalValue is a string (\"abc\"), sum needs a number". */
static int refuse_value(const char *name, struct value v, const char *aggregate, const struct error *what, struct error *why)
{
	struct buf b = BUF_INIT;

	if (v.type == VALUE_STRING && v.len > 60) {
		v.len = 60;
		while (v.len && ((unsigned char)v.text[v.len] & 0xc0) == 0x80)
			v.len--;
		value_show(v, &b);
		buf_add_text(&b, "...");
	} else if (v.type >= VALUE_BOOL && v.type <= VALUE_STRING)
		value_show(v, &b);
	error_set(why, "%.200s is %s%s%s%s, %s %s", name, value_kind(v), b.len ? " (" : "", b.len ? buf_text(&b) : "", b.len ? ")" : "",
	    aggregate, what->text);
	buf_release(&b);
	return -1;
}

static bool fail_step(struct record *r, const struct spec_step *step, const struct error *why)
{
	record_fail(r, INVALID_DATA, "%s %.300s: %s", step->is_require ? "require" : "feature", step->text, why->text);
	return false;
}

/* "require totalValue > 0 failed: totalValue is -3". */
static bool fail_require(struct record *r, const struct spec_step *step, const struct expr_scope *scope)
{
	struct buf b = BUF_INIT;

	for (size_t i = 0; i < step->n_shown && b.len < 300; i++) {
		const struct expr_ref *ref = &step->shown[i].ref;
		struct value v = (ref->where == EXPR_LOCAL ? scope->locals : scope->slots)[ref->index];
		buf_format(&b, "%s%s is ", i ? ", " : ": ", step->shown[i].text);
		if (v.type == VALUE_STRING && v.len > 60)
			v.len = 60;
		if (v.type == VALUE_MISSING || v.type > VALUE_STRING)
			buf_add_text(&b, value_kind(v));
		else
			value_show(v, &b);
	}
	record_fail(r, INVALID_DATA, "require %.300s failed%s", step->text, b.len ? buf_text(&b) : "");
	buf_release(&b);
	return false;
}

/* ---- one record ---- */

/* The row of the key of a call's state, and the value that the state will take in. */
static int take_in(struct engine *e, const struct spec_call *c, struct key_ref *refs, const struct expr_scope *scope,
    struct error *why)
{
	const struct spec_state *st = &e->spec->states[c->state];
	struct intake *in = &e->intakes[c->state];
	struct key_ref *ref = &refs[st->keys];
	struct error what;

	in->counts = false;
	in->state = NULL;
	if (ref->kind == KEY_LATE && read_key(e, st->keys, scope, ref, why) < 0)
		return -1;
	if (ref->kind == KEY_NULL)
		return 0;
	if (!ref->is_found) {
		ref->row = keyed_find(e->tables[st->keys].keyed, ref->bytes, ref->len, ref->hash);
		ref->is_found = true;
	}
	in->state = ref->row ? (char *)keyed_state(ref->row) + st->offset : e->zeros;
	if (st->call->where) {
		const int holds = expr_test(st->call->where, scope, why);
		if (holds <= 0)
			return holds;
	}
	if (st->arg) {
		if (st->arg_slot >= 0)
			in->x = scope->slots[st->arg_slot];
		else if (expr_eval(st->arg, scope, &in->x, why) < 0)
			return -1;
		if (value_is_null(in->x)) {
			if (!st->aggregate->sees_null)
				return 0;
			in->x = value_null();
		} else if (in->x.type == VALUE_HUGE)
			return error_set(why, "%.200s is %s", st->arg_text, value_kind(in->x));
		if (in->x.type == VALUE_TREE)
			in->x = json_items(in->x, scope->arena);
		const struct value given = in->x;
		if (st->keeper->take && st->keeper->take(st->aggregate, st->call, in->state, &in->x, scope->arena, &what) < 0)
			return refuse_value(st->arg_text, given, c->aggregate->kind.name, &what, why);
	} else
		in->x = value_null();
	in->counts = true;
	return 0;
}

/* All that a step's calls give. */
static int read_calls(struct engine *e, size_t from, size_t to, struct key_ref *refs, const struct expr_scope *scope,
    int64_t time, struct error *why)
{
	for (size_t i = from; i < to; i++) {
		const struct spec_call *c = &e->spec->calls[i];
		const struct spec_state *st = &e->spec->states[c->state];
		const struct intake *in = &e->intakes[c->state];
		if (c->is_first && take_in(e, c, refs, scope, why) < 0)
			return -1;
		if (!in->state) {
			e->calls[i] = value_null();
			continue;
		}
		const struct moment m = { in->counts && !c->call->exclude_current ? &in->x : NULL, time, scope->arena };
		e->calls[i] = st->keeper->read(c->aggregate, st->call, in->state, &m);
		if (e->calls[i].type == VALUE_MISSING)
			e->calls[i] = value_null();
	}
	return 0;
}

static int check_feature(struct value v, struct error *why)
{
	if (v.type == VALUE_HUGE)
		return error_set(why, "its value is %s", value_kind(v));
	if (v.type == VALUE_OBJECT || (v.type == VALUE_TREE && !json_is_array(v)))
		return error_set(why, "its value is an object: a feature is a number, a string, a boolean, an array or null");
	return 0;
}

/* True: all features stand in locals; false: the record has become an error record. */
static bool compute(struct engine *e, struct record *r, const struct expr_scope *scope, struct key_ref *refs, int64_t time)
{
	struct error why;
	size_t calls = 0;

	for (size_t i = 0; i < e->spec->n_steps; i++) {
		const struct spec_step *step = &e->spec->steps[i];
		if (read_calls(e, calls, step->calls_end, refs, scope, time, &why) < 0)
			return fail_step(r, step, &why);
		calls = step->calls_end;
		if (step->is_require) {
			const int holds = expr_test(step->expr, scope, &why);
			if (holds < 0)
				return fail_step(r, step, &why);
			if (!holds)
				return fail_require(r, step, scope);
			continue;
		}
		struct value *v = &e->locals[step->local];
		if (step->slot >= 0)
			*v = scope->slots[step->slot];
		else if (expr_eval(step->expr, scope, v, &why) < 0)
			return fail_step(r, step, &why);
		if (v->type >= VALUE_OBJECT && check_feature(*v, &why) < 0)
			return fail_step(r, step, &why);
	}
	return true;
}

/* Nothing can fail from here on. */
static void commit(struct engine *e, struct key_ref *refs, int64_t time, struct arena *arena)
{
	const struct spec *s = e->spec;

	for (size_t i = 0; i < s->n_states; i++) {
		const struct spec_state *st = &s->states[i];
		const struct intake *in = &e->intakes[i];
		struct key_ref *ref = &refs[st->keys];
		if (!in->counts)
			continue;
		if (!ref->row) {
			keyed_trim(e->tables[st->keys].keyed, true);
			ref->row = keyed_add(e->tables[st->keys].keyed, ref->bytes, ref->len, ref->hash, time);
		}
		const struct moment m = { &in->x, time, arena };
		st->keeper->add(st->aggregate, st->call, (char *)keyed_state(ref->row) + st->offset, &m, &e->pool);
	}
	for (size_t i = 0; i < s->n_keys; i++)
		if (refs[i].row && refs[i].row->time < time)
			refs[i].row->time = time;
}

/* ---- what goes out ---- */

static void write_part(struct engine *e, const struct part *p, const struct value *values);

static bool is_there(const struct part *p, const struct value *values)
{
	if (p->slot >= 0)
		return values[p->slot].type != VALUE_MISSING;
	for (const struct part *q = p->below; q; q = q->next)
		if (is_there(q, values))
			return true;
	return false;
}

/* Members or items, those that are there. */
static void write_below(struct engine *e, const struct part *p, const struct value *values)
{
	uint32_t index = 0;

	for (const struct part *q = p->below; q; q = q->next) {
		if (!is_there(q, values))
			continue;
		if (q->name) {
			json_write_comma(&e->line);
			buf_add(&e->line, q->name->json, q->name->json_len);
		} else
			for (; index <= q->step.index; index++) {
				json_write_comma(&e->line);
				if (index < q->step.index)
					buf_add_text(&e->line, "null");
			}
		write_part(e, q, values);
	}
}

static void write_part(struct engine *e, const struct part *p, const struct value *values)
{
	if (p->slot >= 0) {
		json_write_value(&e->line, values[p->slot]);
		return;
	}
	buf_add_byte(&e->line, p->below->name ? '{' : '[');
	write_below(e, p, values);
	buf_add_byte(&e->line, p->below->name ? '}' : ']');
}

/* The features, and for `emit features` a line of the key's and the time's members to put them in. */
static void emit(struct engine *e, struct record *r, const struct value *values)
{
	const size_t n = e->spec->n_features;
	struct member *members = record_space(r, n * sizeof *members);

	for (size_t i = 0; i < n; i++)
		members[i] = (struct member){ &e->spec->names[i], e->locals[i] };
	const struct value object = { .type = VALUE_OBJECT, .len = (uint32_t)n, .members = members };
	if (e->spec->emit == EMIT_EVENTS) {
		record_add(r, e->features, object);
		return;
	}
	buf_clear(&e->line);
	buf_add_byte(&e->line, '{');
	write_below(e, &e->emitted, values);
	json_write_comma(&e->line);
	buf_add(&e->line, e->features->name.json, e->features->name.json_len);
	json_write_value(&e->line, object);
	buf_add_byte(&e->line, '}');
	char *line = record_space(r, e->line.len);
	record_reline(r, memcpy(line, e->line.data, e->line.len), e->line.len);
}

/* ---- the batch ---- */

/* Time and keys of a record; false: it is, or has become, an error record. */
static bool look_at(struct engine *e, struct record *r, size_t i)
{
	const struct spec *s = e->spec;
	const struct value *values = e->values[i] = record_values(r);
	struct expr_scope scope = { .slots = values };
	struct error why;

	if (!values)
		return false;
	scope.arena = r->arena;
	e->times[i] = EVENTTIME_NONE;
	if (s->needs_time && eventtime_from(values[s->time.slot], s->unit, &e->times[i], &why) < 0) {
		record_fail(r, INVALID_DATA, "time %s %s", s->time.text, why.text);
		return false;
	}
	for (unsigned k = 0; k < s->n_keys; k++) {
		struct key_ref *ref = &e->refs[i * s->n_keys + k];
		if (!s->keys[k].is_early) {
			*ref = (struct key_ref){ .kind = KEY_LATE };
			continue;
		}
		if (read_key(e, k, &scope, ref, &why) < 0) {
			record_fail(r, INVALID_DATA, "%s", why.text);
			return false;
		}
		if (ref->kind == KEY_READY && s->keys[k].n_states)
			keyed_prefetch(e->tables[k].keyed, ref->hash);
	}
	return true;
}

/*
 * Looks a key up ahead of its turn for the sake of what its states have on the heap.  A row that is there stays where it
 * is unless rows are evicted; one that is not may be added by an earlier record of the batch.
 */
static void find_early(struct engine *e, size_t keys, struct key_ref *ref)
{
	const struct spec *s = e->spec;

	ref->row = keyed_find(e->tables[keys].keyed, ref->bytes, ref->len, ref->hash);
	ref->is_found = ref->row && !e->max_keys;
	for (size_t i = 0; ref->row && i < s->n_states; i++) {
		const struct spec_state *st = &s->states[i];
		if (st->keys == keys && st->keeper->heap) {
			const char *heap = st->keeper->heap(st->call, (char *)keyed_state(ref->row) + st->offset);
			__builtin_prefetch(heap, 1);
			__builtin_prefetch(heap + 64, 1);
		}
	}
}

void engine_records(struct engine *e, struct record **r, size_t n)
{
	const struct spec *s = e->spec;

	for (size_t i = 0; i < n; i++)
		if (!look_at(e, r[i], i))
			e->values[i] = NULL;
	for (int pass = 0; pass < 2; pass++)
		for (size_t i = 0; i < n; i++)
			for (size_t k = 0; e->values[i] && k < s->n_keys; k++) {
				struct key_ref *ref = &e->refs[i * s->n_keys + k];
				if (ref->kind != KEY_READY || !s->keys[k].n_states)
					continue;
				if (!pass)
					keyed_prefetch_row(e->tables[k].keyed, ref->hash);
				else
					find_early(e, k, ref);
			}
	for (size_t i = 0; i < n; i++) {
		if (!e->values[i])
			continue;
		const struct expr_scope scope = { e->values[i], e->locals, e->calls, r[i]->arena };
		struct key_ref *refs = &e->refs[i * s->n_keys];
		if (compute(e, r[i], &scope, refs, e->times[i])) {
			commit(e, refs, e->times[i], r[i]->arena);
			emit(e, r[i], e->values[i]);
		}
	}
}

/* ---- set up ---- */

static void release_row(void *self, void *state)
{
	const struct table *t = self;
	struct engine *e = t->engine;

	for (size_t i = 0; i < e->spec->n_states; i++) {
		const struct spec_state *st = &e->spec->states[i];
		if (st->keys == t->index && st->keeper->release)
			st->keeper->release(st->call, (char *)state + st->offset, &e->pool);
	}
}

#define EMITTED_INDEX_MAX 1000

/* Adds a path to the tree of what `emit features` writes; items of an array stand in order. */
static int add_emitted(struct engine *e, const struct spec_part *path, int slot, struct error *why)
{
	struct part *at = &e->emitted;

	for (size_t i = 0; i < path->path.n; i++) {
		const struct step *s = &path->path.steps[i];
		struct part **p = &at->below;
		for (; *p; p = &(*p)->next) {
			if (((*p)->step.kind == STEP_NAME) != (s->kind == STEP_NAME))
				return error_set(why, "emit features: %s would make one thing an object and an array", path->text);
			if (s->kind == STEP_NAME ? (*p)->step.len == s->len && !memcmp((*p)->step.name, s->name, s->len) :
			    (*p)->step.index >= s->index)
				break;
		}
		if (s->kind == STEP_INDEX && s->index > EMITTED_INDEX_MAX)
			return error_set(why, "emit features: %s: an index above %d cannot be rebuilt", path->text, EMITTED_INDEX_MAX);
		if (!*p || (s->kind == STEP_INDEX && (*p)->step.index != s->index)) {
			struct part *new = arena_get(&e->arena, sizeof *new);
			*new = (struct part){ .step = *s, .slot = -1, .next = *p };
			if (s->kind == STEP_NAME) {
				struct name *name = arena_get(&e->arena, sizeof *name);
				*name = json_name(&e->arena, s->name, s->len);
				new->name = name;
			}
			if (at->slot >= 0)
				return error_set(why, "emit features: %s lies in another path of key or time", path->text);
			*p = new;
		}
		at = *p;
	}
	if (at->below)
		return error_set(why, "emit features: another path of key or time lies in %s", path->text);
	at->slot = slot;
	return 0;
}

struct engine *engine_new(const struct spec *s, struct fields *fields, uint64_t max_keys, struct error *why)
{
	struct engine *e = alloc_zeroed(1, sizeof *e);
	size_t largest = 8;

	*e = (struct engine){ .spec = s, .fields = fields, .max_keys = max_keys, .emitted = { .slot = -1 } };
	e->tables = alloc_zeroed(s->n_keys, sizeof *e->tables);
	e->refs = alloc_zeroed(BATCH_MAX * s->n_keys, sizeof *e->refs);
	e->locals = alloc_zeroed(s->n_features, sizeof *e->locals);
	e->calls = alloc_zeroed(s->n_calls + 1, sizeof *e->calls);
	e->intakes = alloc_zeroed(s->n_states + 1, sizeof *e->intakes);
	for (unsigned i = 0; i < s->n_keys; i++) {
		e->tables[i] = (struct table){ e, i, NULL };
		if (s->keys[i].n_states)
			e->tables[i].keyed = keyed_new(s->keys[i].state_size, max_keys, release_row, &e->tables[i]);
	}
	for (size_t i = 0; i < s->n_states; i++)
		if (s->states[i].keeper->size > largest)
			largest = s->states[i].keeper->size;
	e->zeros = alloc_zeroed(1, largest);
	e->features = fields_add(fields, "features");
	if (!e->features) {
		error_set(why, "more than %d different members are added", FIELDS_ADDED_MAX);
		goto fail;
	}
	if (s->emit == EMIT_FEATURES) {
		for (size_t i = 0; i < s->keys[0].n; i++)
			if (add_emitted(e, &s->keys[0].parts[i], s->keys[0].parts[i].slot, why) < 0)
				goto fail;
		if (add_emitted(e, &s->time, s->time.slot, why) < 0)
			goto fail;
	}
	return e;
fail:
	engine_free(e);
	return NULL;
}

void engine_free(struct engine *e)
{
	if (!e)
		return;
	for (size_t i = 0; i < e->spec->n_keys; i++)
		keyed_free(e->tables[i].keyed);
	pool_release(&e->pool);
	free(e->tables);
	free(e->refs);
	free(e->locals);
	free(e->calls);
	free(e->intakes);
	free(e->zeros);
	buf_release(&e->line);
	arena_release(&e->arena);
	free(e);
}

void engine_figures(const struct engine *e, struct engine_figures *f)
{
	*f = (struct engine_figures){ .bytes = e->pool.bytes };
	for (size_t i = 0; i < e->spec->n_keys; i++)
		if (e->tables[i].keyed) {
			f->keys += keyed_count(e->tables[i].keyed);
			f->evicted += keyed_evicted(e->tables[i].keyed);
			f->bytes += keyed_bytes(e->tables[i].keyed);
		}
}

/* ---- saved and restored ---- */

#define PARTITION 0	/* of the source; others come with shards */

static void put_key(struct buf *b, const struct keyed_row *r)
{
	buf_clear(b);
	snapshot_put_varint(b, PARTITION);
	buf_add(b, keyed_key(r), r->len);
}

/* The section with the newest time of each key. */
static void name_keys(const struct spec *s, size_t keys, struct buf *b)
{
	buf_clear(b);
	buf_format(b, "keys %s\ntime %s:%s", s->keys[keys].text, s->time.text, eventtime_unit_show(s->unit));
}

static bool is_empty(const char *state, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (state[i])
			return false;
	return true;
}

static void save_keys(struct engine *e, size_t keys, struct snapshot_writer *w)
{
	const struct spec *s = e->spec;
	struct buf key = BUF_INIT, value = BUF_INIT;
	size_t n;
	struct keyed_row **rows = keyed_sorted(e->tables[keys].keyed, &n);

	/* Without times the rows are known from the states alone. */
	if (s->needs_time) {
		name_keys(s, keys, &key);
		snapshot_section(w, key.data, key.len);
		for (size_t i = 0; i < n; i++) {
			put_key(&key, rows[i]);
			buf_clear(&value);
			snapshot_put_signed(&value, rows[i]->time);
			snapshot_row(w, key.data, key.len, value.data, value.len);
		}
	}
	for (size_t j = 0; j < s->n_states; j++) {
		const struct spec_state *st = &s->states[j];
		if (st->keys != keys)
			continue;
		snapshot_section(w, st->identity, strlen(st->identity));
		for (size_t i = 0; i < n; i++) {
			const char *state = (char *)keyed_state(rows[i]) + st->offset;
			if (is_empty(state, st->keeper->size))
				continue;
			put_key(&key, rows[i]);
			buf_clear(&value);
			st->keeper->save(st->call, state, &value);
			snapshot_row(w, key.data, key.len, value.data, value.len);
		}
	}
	free(rows);
	buf_release(&key);
	buf_release(&value);
}

void engine_save(struct engine *e, struct snapshot_writer *w)
{
	for (size_t i = 0; i < e->spec->n_keys; i++)
		if (e->tables[i].keyed)
			save_keys(e, i, w);
}

/* What a section is of: a state, the times of a key set, or nothing here. */
struct section { const struct spec_state *state; int keys; };

static bool is_text(const struct snapshot_reader *in, const char *text, size_t len)
{
	return in->section_len == len && !memcmp(in->section, text, len);
}

static struct section section_of(const struct spec *s, const struct snapshot_reader *in)
{
	struct section found = { NULL, -1 };
	struct buf name = BUF_INIT;

	for (size_t i = 0; i < s->n_states; i++)
		if (is_text(in, s->states[i].identity, strlen(s->states[i].identity)))
			found = (struct section){ &s->states[i], (int)s->states[i].keys };
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

static bool is_keys_section(const struct snapshot_reader *in)
{
	return in->section_len >= 5 && !memcmp(in->section, "keys ", 5);
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

static int restore_row(struct engine *e, const struct snapshot_reader *in, const struct section *section, struct error *why)
{
	struct snapshot_bytes bytes = { (const unsigned char *)in->value, (const unsigned char *)in->value + in->value_len, false };
	struct keyed *keyed = e->tables[section->keys].keyed;
	const struct spec_state *st = section->state;
	const char *key;
	size_t len;

	if (get_key(in, &key, &len, why) < 0)
		return -1;
	const uint64_t hash = hash_bytes(key, len);
	struct keyed_row *row = keyed_find(keyed, key, len, hash);
	if (!row)
		row = keyed_add(keyed, key, len, hash, EVENTTIME_NONE);
	if (st) {
		char *state = (char *)keyed_state(row) + st->offset;
		if (!is_empty(state, st->keeper->size))
			return error_set(why, "state of %s: %.*s stands twice", st->text, (int)(len < 60 ? len : 60), key);
		st->keeper->load(st->call, state, &bytes, &e->pool);
	} else
		row->time = snapshot_get_signed(&bytes);
	if (bytes.torn || bytes.p != bytes.end)
		return error_set(why, "state of %.*s: damaged for key %.*s", (int)first_line(in), in->section, (int)(len < 60 ? len : 60), key);
	return 0;
}

static void list(struct buf *b, size_t *n, const char *text, size_t len)
{
	if ((*n)++)
		buf_add_text(b, ", ");
	buf_add(b, text, len);
}

int engine_restore(struct engine *e, struct snapshot_reader *in, struct engine_news *news, struct error *why)
{
	const struct spec *s = e->spec;
	bool *met = alloc_zeroed(s->n_states + 1, sizeof *met);
	struct section section = { NULL, -1 };
	int item, result = 0;

	while (!result && (item = snapshot_next(in, why)) != SNAPSHOT_END)
		if (item < 0)
			result = -1;
		else if (item == SNAPSHOT_SECTION) {
			section = section_of(s, in);
			if (section.state)
				met[section.state - s->states] = true;
			else if (news && section.keys < 0 && !is_keys_section(in))
				list(&news->dropped, &news->n_dropped, in->section, first_line(in));
		} else if (section.keys >= 0)
			result = restore_row(e, in, &section, why);
	for (size_t i = 0; !result && news && i < s->n_states; i++)
		if (!met[i])
			list(&news->fresh, &news->n_fresh, s->states[i].text, strlen(s->states[i].text));
	for (size_t i = 0; i < s->n_keys; i++)
		if (e->tables[i].keyed)
			keyed_trim(e->tables[i].keyed, false);
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
	for (size_t i = 0; i <= n; i++)
		kinds[i] = aggregate_rows[i].kind;
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
		void *state = alloc_zeroed(1, k->size);
		k->load(f->call, state, &bytes, &pool);
		json_write_name(out, "state");
		buf_add_byte(out, '{');
		if (!bytes.torn)
			k->dump(f->call, state, out);
		buf_add_byte(out, '}');
		pool_release(&pool);
		free(state);
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

int engine_dump(struct snapshot_reader *in, const struct spec *s, struct buf *out, struct error *why)
{
	struct arena arena = ARENA_INIT;
	struct found found = { NULL, NULL };
	struct section section = { NULL, -1 };
	int item, result = 0;

	while (!result && (item = snapshot_next(in, why)) != SNAPSHOT_END)
		if (item < 0)
			result = -1;
		else if (item == SNAPSHOT_SECTION) {
			found = (struct found){ NULL, NULL };
			if (s)
				section = section_of(s, in);
			if (!is_keys_section(in))
				result = parse_section(in, &arena, &found, why);
		} else if (!s || section.keys >= 0)
			result = dump_row(in, &found, s, &section, out, why);
	arena_release(&arena);
	return result;
}
