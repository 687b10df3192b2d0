/* SPDX-License-Identifier: MIT */
#include "feature/flow.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/wallclock.h"
#include "feature/engine.h"
#include "feature/hold.h"
#include "feature/join.h"
#include "feature/watermark.h"
#include "json/parse.h"
#include "json/write.h"

/* A join of the spec at work. */
struct joining {
	struct flow *flow;
	const struct spec_join *spec;
	struct join *join;
	const struct added *added;	/* the member that a partner becomes */
	struct buf name;		/* in the state */
};

struct flow {
	const struct spec *spec;
	const struct fields *fields;
	struct engine *engine;
	struct watermark watermark;
	int64_t processed;		/* the watermark as of the last event that went into the engine */
	struct hold hold;
	struct joining *joins;
	bool has_rows;			/* of the stream */
	int64_t within;			/* the longest of them, ns: time goes on so much later behind them */
	struct buf scratch;
	struct place at;		/* of restored records */
	struct event ready[BATCH_MAX];	/* in the order in which they go in and leave */
	size_t n_ready;
	struct record *woken[BATCH_MAX];	/* of these, those that were held */
	size_t n_woken;
	struct arena arena;		/* of woken records */
	struct arena hand;		/* of one that is not ready yet: others may be sent before it */
	struct record *out[BATCH_MAX];
	size_t n_out;
	struct arena out_arena;		/* of records of windows */
	struct next *next;		/* while a call lasts */
	struct error *why;
	uint64_t timed, untimed;
	int64_t newest;
	int64_t heard_at;		/* monotonic ns of the last event; only for `idle` */
};

/* ---- out ---- */

static int pass_on(struct flow *f)
{
	const size_t n = f->n_out;

	f->n_out = 0;
	const int result = next_pass(f->next, f->out, n, f->why);
	arena_clear(&f->out_arena);
	return result;
}

static int put_out(void *self, struct record *r)
{
	struct flow *f = self;

	f->out[f->n_out++] = r;
	return f->n_out == BATCH_MAX ? pass_on(f) : 0;
}

static void process_to(struct flow *f, int64_t time)
{
	f->processed = time > f->processed ? time : f->processed;
}

static void fail_early(struct flow *f, struct record *r, int64_t time)
{
	char by[EVENTTIME_SHOW_MAX], limit[EVENTTIME_SHOW_MAX];

	eventtime_duration_show(eventtime_minus(time, f->watermark.newest), by);
	eventtime_duration_show(f->spec->timing.ahead, limit);
	record_fail(r, INVALID_DATA, "time %s is %s ahead of the newest event (ahead %s)", f->spec->time.text, by, limit);
}

static void fail_late(struct flow *f, struct record *r, int64_t time)
{
	const struct timing *t = &f->spec->timing;
	const int64_t behind = eventtime_minus(watermark_of_event(&f->watermark), time);
	char by[EVENTTIME_SHOW_MAX], limit[EVENTTIME_SHOW_MAX];

	eventtime_duration_show(behind, by);
	eventtime_duration_show(t->hold ? t->hold : t->late, limit);
	record_fail_with(r, LATE_DATA, "latenessMs", behind / NS_PER_MS, "time %s is %s behind the watermark (%s %s)", f->spec->time.text,
	    by, t->hold ? "hold" : "late", limit);
}

/* Whether it may go on. */
static bool judge(struct flow *f, struct event *event, bool *is_late)
{
	watermark_turn_to(&f->watermark, event->record->partition);
	const enum watermark_verdict verdict = watermark_judge(&f->watermark, &f->spec->timing, event->time);

	*is_late = verdict == WATERMARK_LATE;
	event->is_apart = *is_late && f->spec->timing.policy == LATE_DROP;
	if (verdict == WATERMARK_AHEAD)
		fail_early(f, event->record, event->time);
	else if (*is_late && f->spec->timing.policy == LATE_ERROR)
		fail_late(f, event->record, event->time);
	else
		return true;
	return false;
}

static bool meet(void *self, struct event *event)
{
	struct flow *f = self;
	bool is_late;

	if (!f->spec->needs_time)
		return true;
	event->watermark = event->time > f->processed ? event->time : f->processed;
	return judge(f, event, &is_late);
}

static void taken(void *self, const struct event *event)
{
	struct flow *f = self;

	watermark_move(&f->watermark, &f->spec->timing, event->time);
	process_to(f, event->watermark);
}

static struct engine_peer peer_of(struct flow *f)
{
	return (struct engine_peer){ f, meet, taken, put_out, &f->out_arena, &f->at };
}

/* What is ready goes through the engine, and what comes of it to the neighbour. */
static int send(struct flow *f)
{
	const struct engine_peer peer = peer_of(f);
	int result = engine_events(f->engine, f->ready, f->n_ready, &peer);
	if (flow_state(f)->is_astray)
		*f->why = flow_state(f)->astray;

	for (size_t i = 0; i < f->n_ready && f->spec->emit != EMIT_WINDOWS; i++)
		if (f->ready[i].record && !f->ready[i].is_gone)
			f->out[f->n_out++] = f->ready[i].record;
	f->n_ready = 0;
	if (!result)
		result = pass_on(f);
	while (f->n_woken)
		record_free(f->woken[--f->n_woken]);
	arena_clear(&f->arena);
	return result;
}

static int put(struct flow *f, const struct event *event)
{
	f->ready[f->n_ready++] = *event;
	return f->n_ready == BATCH_MAX ? send(f) : 0;
}

/* ---- joins ---- */

static struct event event_of(const struct flow *f, struct record *r, int64_t time)
{
	return (struct event){ .record = r, .time = time, .watermark = f->processed, .is_met = true };
}

/* The partner's members under the join's name, or null. */
static void attach(const struct joining *j, struct record *r, const struct partner *p)
{
	struct error ignored;
	struct value v;

	if (!record_values(r))
		return;
	if (!p->line) {
		record_add(r, j->added, value_null());
		return;
	}
	const char *line = arena_copy(r->arena, p->line, p->len);
	if (json_document(r->arena, line, p->len, &v, &ignored) < 0)
		v = value_null();
	record_add_rendered(r, j->added, v, line, p->len);
	fields_meet(r->fields, r->values);
}

static bool key_in(struct flow *f, const struct record *r, struct value v, struct key *key)
{
	if (!key_is(v))
		return false;
	*key = key_of(&v, 1, r->arena, &f->scratch);
	return true;
}

static bool is_elsewhere(struct flow *f, const struct joining *j, const struct key *key, const struct record *r)
{
	const int32_t at = f->spec->by_partition ? join_partition(j->join, key) : PARTITION_NONE;

	if (at == PARTITION_NONE || !state_is_elsewhere(engine_state(f->engine), key, at, r->partition))
		return false;
	*f->why = engine_state(f->engine)->astray;
	return true;
}

/* An event goes through the joins from number i on, and into the engine if none holds it. */
static int meet_partners(struct flow *f, size_t i, struct event *event, bool is_woken)
{
	struct record *r = event->record;

	for (; i < f->spec->n_joins; i++) {
		struct joining *j = &f->joins[i];
		const struct value *values = record_values(r);
		struct partner partner = { NULL, 0 };
		struct key key;
		if (!values)
			break;
		if (!key_in(f, r, values[j->spec->on.slot], &key))
			join_miss(j->join);
		else if (is_elsewhere(f, j, &key, r))
			return -1;
		else if (!join_record(j->join, &key, event->time, r, &partner)) {
			if (is_woken)
				record_free(r);
			return 0;
		}
		attach(j, r, &partner);
	}
	if (is_woken)
		f->woken[f->n_woken++] = r;
	return put(f, event);
}

/* join_out: it has found its partner, or has waited long enough. */
static int settle(void *self, struct record *r, int64_t time, const struct partner *partner)
{
	struct joining *j = self;
	struct flow *f = j->flow;

	record_wake(r, &f->arena);
	attach(j, r, partner);
	struct event event = event_of(f, r, time);
	return meet_partners(f, (size_t)(j - f->joins) + 1, &event, true);
}

/* In vain: then time has come as far as they are, if it was not farther. */
static int settle_late(void *self, struct record *r, int64_t time, const struct partner *partner)
{
	process_to(((struct joining *)self)->flow, time);
	return settle(self, r, time, partner);
}

static int expire(struct flow *f, int64_t watermark)
{
	int result = 0;

	for (size_t i = 0; i < f->spec->n_joins && !result; i++)
		result = join_expire(f->joins[i].join, watermark, settle_late, &f->joins[i]);
	return result;
}

/* ---- what a record is ---- */

enum role { ROLE_EVENT, ROLE_ROW = 1, ROLE_PARTNER = 2, ROLE_FAILED = 4 };

static bool is_one(struct record *r, const struct expr *condition, const char *what, const char *name, unsigned *role, unsigned as)
{
	const struct expr_scope scope = { .slots = record_values(r), .arena = r->arena };
	struct error why;
	const int holds = expr_test(condition, &scope, &why);

	if (holds > 0)
		*role |= as;
	if (holds >= 0)
		return true;
	record_fail(r, INVALID_DATA, "%s %.100s: %s", what, name, why.text);
	*role = ROLE_FAILED;
	return false;
}

static unsigned role_of(const struct flow *f, struct record *r)
{
	const struct spec *s = f->spec;
	unsigned role = ROLE_EVENT;

	if ((!f->has_rows && !s->n_joins) || !record_values(r))
		return role;
	for (size_t i = 0; i < s->n_lookups; i++)
		if (s->lookups[i].rows && !is_one(r, s->lookups[i].rows, "lookup", s->lookups[i].name, &role, ROLE_ROW))
			return role;
	for (size_t i = 0; i < s->n_joins; i++)
		if (!is_one(r, s->joins[i].partners, "join", s->joins[i].name, &role, ROLE_PARTNER))
			return role;
	return role;
}

static int meet_records(struct flow *f, struct event *event)
{
	struct record *r = event->record;
	int result = 0;

	for (size_t i = 0; i < f->spec->n_joins && !result; i++) {
		struct joining *j = &f->joins[i];
		unsigned role = ROLE_EVENT;
		struct key key;
		is_one(r, j->spec->partners, "join", j->spec->name, &role, ROLE_PARTNER);
		if (!role)
			continue;
		if (!key_in(f, r, record_values(r)[j->spec->partner_slot], &key)) {
			record_fail(r, INVALID_DATA, "join %.100s: the partner's key is %s: a key is a string, a number or a boolean", j->spec->name,
			    value_kind(record_values(r)[j->spec->partner_slot]));
			return 0;
		}
		if (is_elsewhere(f, j, &key, r))
			return -1;
		result = join_partner(j->join, &key, event->time, r, settle, j);
	}
	return result;
}

/* A record whose turn in time it is.  Woken: it is this function's to free. */
static int arrive(struct flow *f, struct event *event, unsigned role, bool is_woken)
{
	const struct partner none = { NULL, 0 };
	struct record *r = event->record;
	int result = 0;

	if (role == ROLE_EVENT && is_woken)
		record_wake(r, &f->arena);
	if (role == ROLE_EVENT && !event->is_apart)
		return meet_partners(f, 0, event, is_woken);
	for (size_t i = 0; role == ROLE_EVENT && i < f->spec->n_joins; i++)
		attach(&f->joins[i], r, &none);
	if (role & ROLE_PARTNER && !event->is_apart)
		result = meet_records(f, event);
	/* A partner goes, if it is no row besides and no error record. */
	event->is_row = role & ROLE_ROW && r->kind == RECORD_DATA;
	if (result || (role == ROLE_PARTNER && r->kind == RECORD_DATA)) {
		if (is_woken)
			record_free(r);
		return result;
	}
	if (!is_woken)
		return put(f, event);
	const bool is_error = r->kind == RECORD_ERROR;
	f->woken[f->n_woken++] = r;
	if (!is_error)
		record_wake(r, &f->arena);
	result = put(f, event);
	/* What an error record is made of lies in the hand. */
	return result || !is_error ? result : send(f);
}

/* ---- time goes on ---- */

/* Held records up to a time. */
static int let_go(struct flow *f, int64_t until)
{
	int result = 0;

	while (!result && f->hold.n && hold_oldest(&f->hold) <= until) {
		const struct held_event held = hold_take(&f->hold);
		arena_clear(&f->hand);
		record_wake(held.record, f->spec->n_joins || f->has_rows ? &f->hand : &f->arena);
		result = expire(f, held.time);
		process_to(f, eventtime_minus(held.time, f->within));
		struct event event = event_of(f, held.record, held.time);
		if (!result)
			result = arrive(f, &event, role_of(f, held.record), true);
	}
	return result;
}

/* What the watermark has reached goes, and time with it. */
static int follow(struct flow *f)
{
	const int64_t before = f->processed;
	int result = let_go(f, f->watermark.at);

	if (!result && f->watermark.at != EVENTTIME_NONE)
		result = expire(f, f->watermark.at);
	process_to(f, eventtime_minus(f->watermark.at, f->within));
	if (!result && f->spec->emit == EMIT_WINDOWS && f->processed > before)
		result = put(f, &(struct event){ .time = EVENTTIME_NONE, .watermark = f->processed, .is_met = true });
	return result;
}

/* ---- in ---- */

/* Rows may be without: they hold from where they come. */
static bool has_time(const struct flow *f, struct record *r)
{
	return !value_is_null(record_values(r)[f->spec->time.slot]);
}

static bool read_time(struct flow *f, struct record *r, int64_t *time)
{
	const struct spec *s = f->spec;
	const struct value *values = record_values(r);
	struct error why;

	if (!values)
		return false;
	if (eventtime_from(values[s->time.slot], s->unit, time, &why) < 0) {
		record_fail(r, INVALID_DATA, "time %s %s", s->time.text, why.text);
		f->untimed++;
		return false;
	}
	f->timed++;
	f->newest = *time > f->newest ? *time : f->newest;
	return true;
}

static int take(struct flow *f, struct record *r)
{
	const struct timing *t = &f->spec->timing;
	struct event event = { .record = r, .time = EVENTTIME_NONE, .watermark = EVENTTIME_NONE };
	const unsigned role = role_of(f, r);
	bool is_late;

	event.is_row = role & ROLE_ROW;
	if (!f->spec->needs_time || role == ROLE_FAILED || (role == ROLE_ROW && !has_time(f, r))) {
		event.is_met = event.is_row;
		return put(f, &event);
	}
	if (!read_time(f, r, &event.time)) {
		event.is_row = false;
		return put(f, &event);
	}
	if (!t->hold && !f->spec->n_joins)
		return put(f, &event);
	/* What waits, or others wait for, moves the watermark when it comes, whatever becomes of it. */
	event.is_met = true;
	if (!judge(f, &event, &is_late)) {
		event.is_row = false;
		return put(f, &event);
	}
	watermark_move(&f->watermark, t, event.time);
	if (t->hold && !is_late) {
		hold_put(&f->hold, event.time, r);
		return follow(f);
	}
	/* Those who wait in vain leave before it. */
	int result = follow(f);
	event.watermark = f->processed;
	if (!result)
		result = arrive(f, &event, role, false);
	return result || !is_late ? result : expire(f, f->watermark.at);
}

/* Something has dropped the line that told. */
static bool is_lost(struct flow *f, const struct record *r)
{
	struct state *state = engine_state(f->engine);

	if (!f->spec->by_partition || r->partition != PARTITION_NONE)
		return false;
	state->is_astray = true;
	error_set(f->why, "a record came without its partition: something between the stages drops control records");
	return true;
}

int flow_records(struct flow *f, struct record **r, size_t n, struct next *next, struct error *why)
{
	int result = 0;

	f->next = next;
	f->why = why;
	/* The state of a spec that held events may hold some still. */
	if (!f->spec->timing.hold && f->hold.n)
		result = let_go(f, INT64_MAX);
	for (size_t i = 0; i < n && !result; i++)
		result = is_lost(f, r[i]) ? -1 : take(f, r[i]);
	if (f->spec->timing.idle)
		f->heard_at = wallclock_monotonic();
	return result ? result : send(f);
}

/* ---- silence and the end ---- */

/* The watermark that the clock allows: as far beyond the data as the silence is long. */
static int64_t clock_watermark(const struct flow *f, int64_t now)
{
	return eventtime_plus(eventtime_minus(f->watermark.newest, f->spec->timing.hold), now - f->heard_at);
}

/* The watermark at which something happens. */
static int64_t next_due(const struct flow *f)
{
	const int64_t held = hold_oldest(&f->hold), end = engine_due(f->engine);
	int64_t due = end == INT64_MAX ? held : eventtime_plus(end, f->within) < held ? eventtime_plus(end, f->within) : held;

	for (size_t i = 0; i < f->spec->n_joins; i++)
		if (join_due(f->joins[i].join) < due)
			due = join_due(f->joins[i].join);
	return due;
}

int64_t flow_deadline(const struct flow *f)
{
	const int64_t oldest = next_due(f);

	if (!f->spec->timing.idle || f->watermark.newest == EVENTTIME_NONE || oldest == INT64_MAX)
		return INT64_MAX;
	const int64_t silence = eventtime_minus(oldest, clock_watermark(f, f->heard_at));
	return f->heard_at + (silence > f->spec->timing.idle ? silence : f->spec->timing.idle);
}

int flow_tick(struct flow *f, int64_t now, struct next *next, struct error *why)
{
	f->next = next;
	f->why = why;
	watermark_advance(&f->watermark, clock_watermark(f, now));
	const int result = follow(f);
	return result ? result : send(f);
}

int flow_close(struct flow *f, struct next *next, struct error *why)
{
	f->next = next;
	f->why = why;
	const struct engine_peer peer = peer_of(f);
	int result = let_go(f, INT64_MAX);
	if (!result)
		result = expire(f, INT64_MAX);
	if (!result && !(result = send(f)) && !(result = engine_close(f->engine, &peer)))
		result = pass_on(f);
	/* What is older than what has left, or of windows that have, is late. */
	watermark_advance(&f->watermark, f->watermark.newest);
	watermark_advance(&f->watermark, engine_closed(f->engine));
	process_to(f, f->watermark.at);
	return result;
}

/* ---- set up ---- */

static bool no_watermark(const void *self)
{
	return ((const struct flow *)self)->watermark.newest == EVENTTIME_NONE;
}

static void save_watermark(void *self, struct snapshot_writer *w)
{
	watermark_save(&((const struct flow *)self)->watermark, w);
}

static int load_watermark(void *self, const struct snapshot_reader *in, struct error *why)
{
	struct flow *f = self;
	const int result = watermark_load(&f->watermark, in, why);

	f->processed = eventtime_minus(f->watermark.at, f->within);
	for (size_t i = 0; i < f->spec->n_joins; i++)
		join_resume(f->joins[i].join, f->watermark.at);
	return result;
}

static bool nothing_held(const void *self)
{
	return !((const struct flow *)self)->hold.n;
}

static void save_held(void *self, struct snapshot_writer *w)
{
	hold_save(&((struct flow *)self)->hold, w);
}

static void track_held(void *self)
{
	hold_track(&((struct flow *)self)->hold);
}

static void save_held_changes(void *self, struct snapshot_writer *w)
{
	hold_save_changes(&((struct flow *)self)->hold, w);
}

static int load_held(void *self, const struct snapshot_reader *in, struct error *why)
{
	struct flow *f = self;

	return hold_load(&f->hold, in, &f->at, f->fields, why);
}

static bool no_join(const void *self)
{
	return join_is_empty(((const struct joining *)self)->join);
}

static void save_join(void *self, struct snapshot_writer *w)
{
	join_save(((const struct joining *)self)->join, w);
}

static void track_join(void *self)
{
	join_track(((const struct joining *)self)->join);
}

static void save_join_changes(void *self, struct snapshot_writer *w)
{
	join_save_changes(((const struct joining *)self)->join, w);
}

static int load_join(void *self, const struct snapshot_reader *in, struct error *why)
{
	const struct joining *j = self;

	return join_load(j->join, in, &j->flow->at, j->flow->fields, why);
}

static int begin_joins(struct flow *f, struct fields *fields, struct error *why)
{
	f->joins = alloc_zeroed(f->spec->n_joins + 1, sizeof *f->joins);
	for (size_t i = 0; i < f->spec->n_joins; i++) {
		const struct spec_join *spec = &f->spec->joins[i];
		struct joining *j = &f->joins[i];
		*j = (struct joining){ f, spec, join_new(spec->within, f->spec->timing.late), fields_add(fields, spec->name), BUF_INIT };
		if (!j->added)
			return error_set(why, "more than %d different members are added", FIELDS_ADDED_MAX);
		f->within = spec->within > f->within ? spec->within : f->within;
		buf_format(&j->name, "join %s", spec->text);
		state_add_part(engine_state(f->engine), &(struct state_part){ .name = buf_text(&j->name), .self = j, .is_empty = no_join,
			.save = save_join, .track = track_join, .save_changes = save_join_changes, .load = load_join });
	}
	return 0;
}

struct flow *flow_new(const struct spec *s, struct fields *fields, uint64_t max_keys, struct error *why)
{
	struct flow *f = alloc_zeroed(1, sizeof *f);

	f->spec = s;
	f->fields = fields;
	f->watermark = (struct watermark)WATERMARK_INIT;
	f->processed = f->newest = EVENTTIME_NONE;
	f->heard_at = s->timing.idle ? wallclock_monotonic() : 0;
	f->at = (struct place){ .stage = "features", .source = "windows" };
	f->engine = engine_new(s, fields, max_keys, why);
	if (!f->engine || begin_joins(f, fields, why) < 0) {
		flow_free(f);
		return NULL;
	}
	for (size_t i = 0; i < s->n_lookups; i++)
		f->has_rows |= s->lookups[i].rows != NULL;
	if (s->needs_time) {
		state_add_part(engine_state(f->engine), &(struct state_part){ .name = "watermark", .self = f, .is_empty = no_watermark,
			.save = save_watermark, .load = load_watermark });
		state_add_part(engine_state(f->engine), &(struct state_part){ .name = "held", .self = f, .is_empty = nothing_held,
			.save = save_held, .track = track_held, .save_changes = save_held_changes, .load = load_held });
	}
	return f;
}

void flow_free(struct flow *f)
{
	if (!f)
		return;
	engine_free(f->engine);
	for (size_t i = 0; f->joins && i < f->spec->n_joins; i++) {
		join_free(f->joins[i].join);
		buf_release(&f->joins[i].name);
	}
	free(f->joins);
	watermark_release(&f->watermark);
	buf_release(&f->scratch);
	hold_release(&f->hold);
	arena_release(&f->arena);
	arena_release(&f->hand);
	arena_release(&f->out_arena);
	free(f);
}

struct state *flow_state(struct flow *f)
{
	return engine_state(f->engine);
}

void flow_place(struct flow *f, const struct place *at)
{
	f->at = *at;
}

int flow_restore(struct flow *f, struct snapshot_reader *in, struct state_news *news, struct error *why)
{
	const int result = state_restore(engine_state(f->engine), in, news, why);

	if (!result)
		engine_resume(f->engine, f->processed);
	return result;
}

struct tables *flow_tables(const struct flow *f)
{
	return engine_tables(f->engine);
}

const struct spec_step *flow_over(struct flow *f)
{
	return engine_over(f->engine);
}

const struct expr_dates *flow_dates(const struct flow *f)
{
	return engine_dates(f->engine);
}

void flow_figures(const struct flow *f, struct flow_figures *out)
{
	*out = (struct flow_figures){ f->timed, f->untimed, f->newest, f->watermark.at, f->watermark.late, f->watermark.latest,
		engine_windows(f->engine), f->hold.n, f->hold.bytes };
}

void flow_join_figures(const struct flow *f, size_t i, struct join_figures *out)
{
	join_figures(f->joins[i].join, out);
}
