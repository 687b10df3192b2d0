/* SPDX-License-Identifier: MIT */
#include "feature/engine.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "feature/emit.h"
#include "feature/failing.h"
#include "feature/firing.h"
#include "feature/key.h"
#include "feature/keyed.h"
#include "feature/tables.h"
#include "json/parse.h"
#include "stream/source.h"

/* A record's key in one key set. */
struct key_ref {
	enum { KEY_READY, KEY_NULL, KEY_LATE } kind;	/* LATE: it needs a feature that is not computed yet */
	bool is_found;					/* it has been looked for; row NULL: a new key */
	struct key key;					/* in the record's arena */
	struct keyed_row *row;
};

/* What a state will take in when the record has come through. */
struct taken { bool counts, passes; struct value x; const void *state; };	/* passes: without a value */

struct engine {
	const struct spec *spec;
	const struct fields *fields;
	const struct added *features;
	struct state *state;
	struct key_ref *refs;		/* n_keys per record of the batch */
	struct tables *tables;		/* of lookups */
	const struct value *values[BATCH_MAX];
	struct value *locals, *calls;
	struct taken *taken;
	struct bundle_event **met;	/* of each bundle */
	bool *over, *over_told;		/* calls that were null for too many different values, and those that were asked about */
	void *zeros;			/* the state of a key not met yet */
	bool evicts;
	struct expr_dates dates;	/* that expressions looked at */
	struct emit_part emitted;	/* for `emit features` */
	struct firing *firing;		/* for `emit windows`; NULL */
	uint64_t windows;		/* given out */
	const struct engine_peer *peer;	/* while events are taken */
	int64_t mark;			/* of moments: the watermark under `emit windows` */
	int64_t alive;			/* rows before this time are as good as gone */
	int32_t partition;		/* of the record at hand */
	struct buf line;
	struct arena arena;
};

/* ---- keys ---- */

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
		if (key_is(parts[i]))
			continue;
		if (k->is_by && value_is_null(parts[i]))
			return 0;
		if (value_is_null(parts[i]) || parts[i].type == VALUE_HUGE)
			return error_set(why, "%s %s is %s", k->is_by ? "by" : "key", p->text, value_kind(parts[i]));
		return error_set(why, "%s %s is %s: a key is a string, a number or a boolean", k->is_by ? "by" : "key", p->text,
		    value_kind(parts[i]));
	}
	ref->key = key_of(parts, k->n, scope->arena, &e->line);
	ref->kind = KEY_READY;
	return 0;
}

/* ---- one record ---- */

static inline int take_value(const struct spec_state *st, struct taken *in, struct arena *arena, struct error *why)
{
	if (st->bundle)
		return bundle_take(st->bundle, st->member, in->state, &in->x, arena, why);
	return st->keeper->take ? st->keeper->take(st->aggregate, st->call, in->state, &in->x, arena, why) : 0;
}

/* What a row holds there; of a key that is not met yet nothing. */
static inline const void *state_of(struct engine *e, size_t keys, struct key_ref *ref, size_t offset)
{
	if (!ref->is_found) {
		ref->row = keyed_find(e->state->tables[keys].keyed, ref->key.bytes, ref->key.len, ref->key.hash);
		ref->is_found = true;
		if (ref->row && e->spec->by_partition)
			state_is_elsewhere(e->state, &ref->key, *state_partition(ref->row), e->partition);
		/* It goes when the event has come through. */
		if (ref->row && ref->row->time < e->alive)
			ref->row = NULL;
	}
	return ref->row ? (char *)keyed_state(ref->row) + offset : e->zeros;
}

/* The row of the key of a call's state, and the value that the state will take in. */
static int take_in(struct engine *e, const struct spec_call *c, struct key_ref *refs, const struct expr_scope *scope,
    struct error *why)
{
	const struct spec_state *st = &e->spec->states[c->state];
	struct taken *in = &e->taken[c->state];
	struct key_ref *ref = &refs[st->keys];
	struct error what;

	in->counts = in->passes = false;
	in->state = NULL;
	if (ref->kind == KEY_LATE && read_key(e, st->keys, scope, ref, why) < 0)
		return -1;
	if (ref->kind == KEY_NULL)
		return 0;
	in->state = state_of(e, st->keys, ref, st->offset);
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
			if (!st->aggregate->sees_null) {
				in->passes = st->call->window == WINDOW_SESSION;
				return 0;
			}
			in->x = value_null();
		} else if (in->x.type == VALUE_HUGE)
			return error_set(why, "%.200s is %s", st->arg_text, value_kind(in->x));
		if (in->x.type == VALUE_TREE)
			in->x = json_items(in->x, scope->arena);
		const struct value given = in->x;
		if (take_value(st, in, scope->arena, &what) < 0)
			return failing_value(st->arg_text, given, c->aggregate->kind.name, &what, why);
	} else
		in->x = value_null();
	in->counts = true;
	return 0;
}

/* The event as a bundle sees it, where it counts for all members without more ado; NULL: each is asked. */
static inline struct bundle_event *met_by(struct engine *e, const struct bundle *b, struct key_ref *ref, const struct expr_scope *scope)
{
	struct bundle_event *met = e->met[b->number];

	if (!met->is_met && ref->kind == KEY_READY)
		bundle_meet(b, state_of(e, b->keys, ref, b->offset), scope->slots, met);
	return met->is_common ? met : NULL;
}

/* What a call gives.  0 or -1. */
static inline int read_call(struct engine *e, const struct spec_call *c, struct key_ref *refs, const struct expr_scope *scope, struct moment *m,
    struct value *v, struct error *why)
{
	const struct spec_state *st = &e->spec->states[c->state];
	struct bundle_event *met = st->bundle ? met_by(e, st->bundle, &refs[st->keys], scope) : NULL;

	*v = value_null();
	if (met) {
		*v = bundle_value(st->member, c->aggregate, m, !c->call->exclude_current, met);
		return 0;
	}
	const struct taken *in = &e->taken[c->state];
	if (c->is_first && take_in(e, c, refs, scope, why) < 0)
		return -1;
	if (!in->state)
		return 0;
	m->x = in->counts && !c->call->exclude_current ? &in->x : NULL;
	m->call = c->call;
	m->over = &e->over[c - e->spec->calls];
	*v = st->bundle ? bundle_read(st->bundle, st->member, c->aggregate, in->state, m, e->met[st->bundle->number]) :
	    st->keeper->read(c->aggregate, st->call, in->state, m);
	return 0;
}

static inline void keep_value(struct engine *e, const struct spec_call *c, struct value v)
{
	if (v.type == VALUE_MISSING)
		v = value_null();
	e->calls[c - e->spec->calls] = v;
	/* Read again at once it would be waited for. */
	if (c->local >= 0)
		e->locals[c->local] = v;
}

/* All that a step's calls give. */
static inline int read_calls(struct engine *e, size_t from, size_t to, struct key_ref *refs, const struct expr_scope *scope,
    struct moment *m, struct error *why)
{
	const struct spec_call *calls = e->spec->calls;

	for (size_t i = from; i < to; i++) {
		struct value v;
		if (read_call(e, &calls[i], refs, scope, m, &v, why) < 0)
			return -1;
		keep_value(e, &calls[i], v);
	}
	return 0;
}

/* What all calls of a bundle give, where that needs no more than the record: before its features have their turn. */
static inline void read_bundle(struct engine *e, const struct bundle *b, struct key_ref *ref, const struct expr_scope *scope,
    const struct moment *m)
{
	struct bundle_event *met = met_by(e, b, ref, scope);
	const struct spec_given *given = e->spec->given[b->number], *end = given + e->spec->n_given[b->number];

	e->met[b->number]->is_given = met;
	for (; met && given < end; given++)
		keep_value(e, given->call, bundle_value(given->member, given->call->aggregate, m, !given->call->call->exclude_current, met));
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
	struct moment m = { .time = time, .arena = scope->arena, .watermark = e->mark, .pool = &e->state->pool };
	struct error why;
	size_t calls = 0;

	for (size_t i = 0; i < e->spec->n_bundles; i++)
		read_bundle(e, e->spec->bundles[i], &refs[e->spec->bundles[i]->keys], scope, &m);
	for (size_t i = 0; i < e->spec->n_steps; i++) {
		const struct spec_step *step = &e->spec->steps[i];
		if (step->bundle && e->met[step->bundle->number]->is_given) {
			calls = step->calls_end;
			continue;
		}
		if (read_calls(e, calls, step->calls_end, refs, scope, &m, &why) < 0)
			return failing_step(r, step, &why);
		calls = step->calls_end;
		if (step->is_require) {
			const int holds = expr_test(step->expr, scope, &why);
			if (holds < 0)
				return failing_step(r, step, &why);
			if (!holds)
				return failing_require(r, step, scope);
			continue;
		}
		struct value *v = &e->locals[step->local];
		if (step->slot >= 0)
			*v = scope->slots[step->slot];
		else if (!step->is_call && expr_eval(step->expr, scope, v, &why) < 0)
			return failing_step(r, step, &why);
		if (v->type >= VALUE_OBJECT && check_feature(*v, &why) < 0)
			return failing_step(r, step, &why);
	}
	return true;
}

/* The row of a key, which is made now if there is none. */
static inline struct keyed_row *row_of(struct engine *e, size_t keys, struct key_ref *ref, int64_t time)
{
	if (!ref->row) {
		keyed_trim(e->state->tables[keys].keyed, true);
		ref->row = keyed_add(e->state->tables[keys].keyed, ref->key.bytes, ref->key.len, ref->key.hash, time);
		if (e->spec->by_partition)
			*state_partition(ref->row) = e->partition;
	}
	return ref->row;
}

/* Of the states that share a timeline. */
static void commit_bundle(struct engine *e, const struct bundle *b, struct key_ref *ref, struct moment *m)
{
	const struct bundle_event *met = e->met[b->number];
	const struct value *values[BUNDLE_MAX];
	bool any = met->is_common;

	for (size_t i = 0; i < b->n && !met->is_common; i++) {
		struct taken *in = &e->taken[b->members[i].state];
		values[i] = in->counts ? &in->x : NULL;
		any |= in->counts;
	}
	if (!any)
		return;
	void *row = (char *)keyed_state(row_of(e, b->keys, ref, m->time)) + b->offset;
	if (met->is_common)
		bundle_add_met(b, row, m, met, &e->state->pool);
	else
		bundle_add(b, row, values, m, &e->state->pool);
}

/* Nothing can fail from here on. */
static void commit(struct engine *e, struct key_ref *refs, int64_t time, struct arena *arena)
{
	const struct spec *s = e->spec;
	struct moment m = { .time = time, .arena = arena, .watermark = e->mark, .pool = &e->state->pool };

	for (size_t i = 0; i < s->n_alone; i++) {
		const struct spec_state *st = &s->states[s->alone[i]];
		const struct taken *in = &e->taken[s->alone[i]];
		if (!in->counts && !in->passes)
			continue;
		struct keyed_row *row = row_of(e, st->keys, &refs[st->keys], time);
		if (st->window >= 0)
			continue;
		m.x = in->counts ? &in->x : NULL;
		m.call = st->call;
		st->keeper->add(st->aggregate, st->call, (char *)keyed_state(row) + st->offset, &m, &e->state->pool);
	}
	for (size_t i = 0; i < s->n_bundles; i++)
		commit_bundle(e, s->bundles[i], &refs[s->bundles[i]->keys], &m);
	for (size_t i = 0; i < s->n_keys; i++) {
		struct keyed_row *row = refs[i].is_found ? refs[i].row : NULL;
		if (!row)
			continue;
		keyed_touch(e->state->tables[i].keyed, row);
		if (row->time < time)
			row->time = time;
	}
}

/* ---- what goes out ---- */

/* The features, and for `emit features` a line of the key's and the time's members to put them in. */
static void add_features(struct engine *e, struct record *r, const struct value *values)
{
	const size_t n = e->spec->n_features;
	struct member *members = record_space(r, n * sizeof *members);

	for (size_t i = 0; i < n; i++)
		members[i] = (struct member){ &e->spec->features[i].name, e->locals[e->spec->features[i].local] };
	const struct value object = { .type = VALUE_OBJECT, .len = (uint32_t)n, .members = members };
	if (e->spec->emit == EMIT_EVENTS) {
		record_add(r, e->features, object);
		return;
	}
	buf_clear(&e->line);
	emit_write(&e->emitted, values, &e->features->name, object, &e->line);
	char *line = record_space(r, e->line.len);
	record_reline(r, memcpy(line, e->line.data, e->line.len), e->line.len);
}

/* ---- the batch ---- */

/* The keys of a record; false: it is, or has become, an error record. */
static bool look_at(struct engine *e, struct record *r, size_t i)
{
	const struct spec *s = e->spec;
	const struct value *values = e->values[i] = record_values(r);
	struct expr_scope scope = { .slots = values };
	struct error why;

	if (!values)
		return false;
	scope.arena = r->arena;
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
			keyed_prefetch(e->state->tables[k].keyed, ref->key.hash);
	}
	if (s->n_lookups)
		tables_seek(e->tables, i, r, e->values[i], s->keys[0].n == 1 ? &e->refs[i * s->n_keys].key : NULL);
	return true;
}

/* What the states of a row hold in the pool. */
static void fetch(const struct engine *e, size_t keys, const struct keyed_row *row, int64_t time, int step)
{
	const struct spec *s = e->spec;

	for (size_t i = 0; i < s->n_alone; i++) {
		const struct spec_state *st = &s->states[s->alone[i]];
		if (st->keys == keys && st->keeper->fetch)
			st->keeper->fetch(st->aggregate, st->call, (char *)keyed_state((struct keyed_row *)row) + st->offset, time, step);
	}
	for (size_t i = 0; i < s->n_bundles; i++)
		if (s->bundles[i]->keys == keys)
			bundle_fetch(s->bundles[i], (char *)keyed_state((struct keyed_row *)row) + s->bundles[i]->offset, time, step);
}

enum { LOOK_AT_ROW, LOOK_UP, LOOK_DEEPER, LOOKS };

#define LEAD 2			/* events from one look to the next: memory answers within one, and what is near stays so */

/*
 * A key ahead of its turn, step by step, so that what its states hold comes near in time.  A row that is there stays where it
 * is unless rows are evicted; one that is not may be added by an earlier record of the batch.
 */
static void look_ahead(struct engine *e, size_t keys, struct key_ref *ref, int64_t time, int look)
{
	const struct keyed *keyed = e->state->tables[keys].keyed;

	if (look == LOOK_AT_ROW)
		keyed_prefetch_row(keyed, ref->key.hash);
	else if (look == LOOK_UP) {
		ref->row = keyed_find(keyed, ref->key.bytes, ref->key.len, ref->key.hash);
		ref->is_found = ref->row && !e->evicts && !e->spec->by_partition;
	}
	if (look != LOOK_AT_ROW && ref->row)
		fetch(e, keys, ref->row, time, look - LOOK_UP);
}

/* After how much silence a key goes, ns; 0: never. */
static int64_t key_lasts(const struct spec *s)
{
	return s->timing.ttl && (!s->lasts || s->timing.ttl < s->lasts) ? s->timing.ttl : s->lasts;
}

static void expire(struct engine *e)
{
	for (size_t k = 0; k < e->spec->n_keys; k++)
		if (e->spec->keys[k].n_states)
			keyed_expire(e->state->tables[k].keyed, e->alive);
}

/* The event in the windows that hold it; then some may fire. */
static int note_windows(struct engine *e, const struct event *event, struct key_ref *refs)
{
	const struct spec *s = e->spec;
	int result = 0;

	for (size_t i = 0; i < s->n_windows && !result; i++)
		if (e->taken[s->windows[i].state].counts)
			result = firing_note(e->firing, &s->windows[i], refs[s->windows[i].keys].row, event->time, event->watermark);
	return result;
}

static int take_event(struct engine *e, struct event *events, size_t i)
{
	struct event *event = &events[i];
	struct record *r = event->record;
	struct key_ref *refs = &e->refs[i * e->spec->n_keys];
	const struct value *values = e->values[i];
	const struct expr_scope scope = { values, e->locals, e->calls, r->arena, &e->dates };
	const int64_t lasts = key_lasts(e->spec);
	int result = 0;

	for (size_t b = 0; b < e->spec->n_bundles; b++)
		e->met[b]->is_met = e->met[b]->is_common = false, e->met[b]->before = 0;
	if (!event->is_met && !e->peer->meet(e->peer->self, event))
		return e->firing ? e->peer->put(e->peer->self, r) : 0;
	e->mark = e->firing ? event->watermark : INT64_MIN;
	e->alive = lasts ? eventtime_minus(event->watermark, lasts) : INT64_MIN;
	e->partition = r->partition;
	const bool is_fine = tables_read(e->tables, i, r, values, e->locals) && compute(e, r, &scope, refs, event->time);
	if (e->state->is_astray)
		return -1;
	if (!is_fine)
		return e->firing ? e->peer->put(e->peer->self, r) : 0;
	if (!event->is_met)
		e->peer->taken(e->peer->self, event);
	/* Windows close before an event that came after them is added to anything. */
	if (e->firing && (result = firing_advance(e->firing, event->watermark)))
		return result;
	if (lasts)
		expire(e);
	if (!event->is_apart)
		commit(e, refs, event->time, r->arena);
	if (!e->firing)
		add_features(e, r, values);
	else if (!event->is_apart)
		result = note_windows(e, event, refs);
	return result;
}

/* A record that is no event: it goes, or leaves as an error record. */
static int take_row(struct engine *e, struct event *event)
{
	struct record *r = event->record;
	const struct expr_scope scope = { .slots = record_values(r), .arena = r->arena, .dates = &e->dates };

	if (event->is_met || e->peer->meet(e->peer->self, event)) {
		event->is_gone = event->is_apart || tables_put(e->tables, r, &scope);
		if (e->state->is_astray)
			return -1;
		if (event->is_gone && !event->is_met) {
			e->peer->taken(e->peer->self, event);
			/* It has moved the watermark, and nothing else will say so. */
			return e->firing && event->watermark != EVENTTIME_NONE ? firing_advance(e->firing, event->watermark) : 0;
		}
	}
	return event->is_gone || !e->firing ? 0 : e->peer->put(e->peer->self, r);
}

static int take(struct engine *e, struct event *events, size_t i)
{
	if (e->values[i])
		return take_event(e, events, i);
	if (events[i].is_row)
		return take_row(e, &events[i]);
	if (!e->firing)
		return 0;
	return events[i].record ? e->peer->put(e->peer->self, events[i].record) : firing_advance(e->firing, events[i].watermark);
}

/* One look ahead at all the keys of an event. */
static void prepare(struct engine *e, const struct event *events, size_t i, int look)
{
	const struct spec *s = e->spec;

	if (!e->values[i])
		return;
	for (size_t k = 0; k < s->n_keys; k++)
		if (e->refs[i * s->n_keys + k].kind == KEY_READY && s->keys[k].n_states)
			look_ahead(e, k, &e->refs[i * s->n_keys + k], events[i].time, look);
	if (s->n_lookups)
		tables_fetch(e->tables, i, look);
}

int engine_events(struct engine *e, struct event *events, size_t n, const struct engine_peer *peer)
{
	int result = 0;

	e->peer = peer;
	for (size_t i = 0; i < n; i++)
		if (!events[i].record || events[i].is_row || !look_at(e, events[i].record, i))
			e->values[i] = NULL;
	/* Each event is looked at LOOKS times before its turn, LEAD events apart. */
	for (size_t at = 0; at < n + LOOKS * LEAD && !result; at++) {
		for (size_t look = 0; look < LOOKS && at >= look * LEAD; look++)
			if (at - look * LEAD < n)
				prepare(e, events, at - look * LEAD, (int)look);
		if (at >= LOOKS * LEAD)
			result = take(e, events, at - LOOKS * LEAD);
	}
	return result;
}

/* ---- emit windows ---- */

int engine_close(struct engine *e, const struct engine_peer *peer)
{
	e->peer = peer;
	return e->firing ? firing_advance(e->firing, INT64_MAX) : 0;
}

int64_t engine_due(const struct engine *e)
{
	return e->firing ? firing_due(e->firing) : INT64_MAX;
}

int64_t engine_closed(const struct engine *e)
{
	return e->firing ? firing_last(e->firing) : EVENTTIME_NONE;
}

uint64_t engine_windows(const struct engine *e)
{
	return e->windows;
}

void engine_resume(struct engine *e, int64_t watermark)
{
	if (e->firing)
		firing_restore(e->firing, watermark);
}

/* The features of a window, as of its newest event, into locals. */
static void compute_window(struct engine *e, int window, const struct keyed_row *row, int64_t time, struct arena *arena)
{
	const struct spec *s = e->spec;
	const struct expr_scope scope = { NULL, e->locals, e->calls, arena, &e->dates };
	struct error why;

	for (size_t i = 0; i < s->n_calls; i++) {
		const struct spec_call *c = &s->calls[i];
		const struct spec_state *st = &s->states[c->state];
		if (c->window != window)
			continue;
		const struct moment m = { NULL, time, arena, INT64_MIN, c->call, &e->state->pool, &e->over[i] };
		e->calls[i] = st->keeper->read(c->aggregate, st->call, (const char *)keyed_state((struct keyed_row *)row) + st->offset, &m);
		if (e->calls[i].type == VALUE_MISSING)
			e->calls[i] = value_null();
	}
	for (size_t i = 0; i < s->n_steps; i++) {
		const struct spec_step *step = &s->steps[i];
		if (step->is_require || (step->window != window && step->window != WINDOW_NONE))
			continue;
		struct value *v = &e->locals[step->local];
		/* What is no number now was none at the last event, which was then refused. */
		if (expr_eval(step->expr, &scope, v, &why) < 0 || (v->type >= VALUE_OBJECT && check_feature(*v, &why) < 0))
			*v = value_null();
	}
}

/* firing_out. */
static int give_window(void *self, const struct spec_window *w, struct keyed_row *row, const struct open_window *o, bool is_open)
{
	struct engine *e = self;
	const struct engine_peer *out = e->peer;
	const int64_t time = w->call->window == WINDOW_SESSION || w->call->window == WINDOW_ALL ? o->newest : o->end - 1;
	struct record *r = arena_get(out->arena, sizeof *r);

	e->windows++;
	compute_window(e, (int)(w - e->spec->windows), row, time, out->arena);
	firing_write(e->spec, w, row, o, is_open, e->locals, &e->line);
	const char *line = arena_copy(out->arena, e->line.data, e->line.len);
	record_init(r, line, e->line.len, e->fields, out->arena);
	r->added = NULL;
	r->at = *out->at;
	if (e->spec->by_partition)
		r->partition = *state_partition(row);
	return out->put(out->self, r);
}

/* ---- set up ---- */

struct engine *engine_new(const struct spec *s, struct fields *fields, uint64_t max_keys, struct error *why)
{
	struct engine *e = alloc_zeroed(1, sizeof *e);
	size_t largest = 8;

	*e = (struct engine){ .spec = s, .state = state_new(s, max_keys), .evicts = max_keys || key_lasts(s) };
	e->refs = alloc_zeroed(BATCH_MAX * s->n_keys, sizeof *e->refs);
	e->tables = tables_new(s, e->state);
	e->locals = alloc_zeroed(s->n_locals, sizeof *e->locals);
	e->calls = alloc_zeroed(s->n_calls + 1, sizeof *e->calls);
	e->taken = alloc_zeroed(s->n_states + 1, sizeof *e->taken);
	e->over = alloc_zeroed(s->n_calls + 1, sizeof *e->over);
	e->over_told = alloc_zeroed(s->n_calls + 1, sizeof *e->over_told);
	for (size_t i = 0; i < s->n_states; i++)
		if (s->states[i].keeper->size > largest)
			largest = s->states[i].keeper->size;
	e->met = alloc_zeroed(s->n_bundles + 1, sizeof *e->met);
	for (size_t i = 0; i < s->n_bundles; i++) {
		e->met[i] = alloc_zeroed(1, bundle_event_size(s->bundles[i]));
		if (bundle_size(s->bundles[i]) > largest)
			largest = bundle_size(s->bundles[i]);
	}
	e->zeros = alloc_zeroed(1, largest);
	e->features = fields_add(fields, "features");
	if (!e->features) {
		error_set(why, "more than %d different members are added", FIELDS_ADDED_MAX);
		goto fail;
	}
	e->fields = fields;
	if (s->emit == EMIT_WINDOWS)
		e->firing = firing_new(s, e->state, give_window, e);
	if (s->emit == EMIT_FEATURES && emit_plan(&e->emitted, s, &e->arena, why) < 0)
		goto fail;
	return e;
fail:
	engine_free(e);
	return NULL;
}

void engine_free(struct engine *e)
{
	if (!e)
		return;
	firing_free(e->firing);
	state_free(e->state);
	free(e->refs);
	tables_free(e->tables);
	free(e->locals);
	free(e->calls);
	free(e->taken);
	for (size_t i = 0; e->met && i < e->spec->n_bundles; i++)
		free(e->met[i]);
	free(e->met);
	free(e->over);
	free(e->over_told);
	free(e->zeros);
	buf_release(&e->line);
	arena_release(&e->arena);
	free(e);
}

struct tables *engine_tables(struct engine *e)
{
	return e->tables;
}

struct state *engine_state(struct engine *e)
{
	return e->state;
}

const struct spec_step *engine_over(struct engine *e)
{
	const struct spec *s = e->spec;

	for (size_t i = 0; i < s->n_calls; i++)
		if (e->over[i] && !e->over_told[i]) {
			const struct spec_step *step = s->steps;
			e->over_told[i] = true;
			while (step->calls_end <= i)
				step++;
			return step;
		}
	return NULL;
}

const struct expr_dates *engine_dates(const struct engine *e)
{
	return &e->dates;
}
