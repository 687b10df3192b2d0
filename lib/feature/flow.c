/* SPDX-License-Identifier: MIT */
#include "feature/flow.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/wallclock.h"
#include "feature/engine.h"
#include "feature/hold.h"
#include "feature/watermark.h"

struct flow {
	const struct spec *spec;
	const struct fields *fields;
	struct engine *engine;
	struct watermark watermark;
	int64_t processed;		/* the watermark as of the last event that went into the engine */
	struct hold hold;
	struct place at;		/* of restored records */
	struct event ready[BATCH_MAX];	/* in the order in which they go in and leave */
	size_t n_ready;
	struct record *woken[BATCH_MAX];	/* of these, those that were held */
	size_t n_woken;
	struct arena arena;		/* of woken records */
	struct record *out[BATCH_MAX];
	size_t n_out;
	struct arena out_arena;		/* of records of windows */
	struct next *next;		/* while a call lasts */
	struct error *why;
	uint64_t timed;
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
	const int64_t behind = eventtime_minus(f->watermark.at, time);
	char by[EVENTTIME_SHOW_MAX], limit[EVENTTIME_SHOW_MAX];

	eventtime_duration_show(behind, by);
	eventtime_duration_show(t->hold ? t->hold : t->late, limit);
	record_fail_with(r, LATE_DATA, "latenessMs", behind / NS_PER_MS, "time %s is %s behind the watermark (%s %s)", f->spec->time.text,
	    by, t->hold ? "hold" : "late", limit);
}

/* Whether it may go on. */
static bool judge(struct flow *f, struct event *event, bool *is_late)
{
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

	for (size_t i = 0; i < f->n_ready && f->spec->emit != EMIT_WINDOWS; i++)
		if (f->ready[i].record)
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

/* Held events up to a time. */
static int let_go(struct flow *f, int64_t until)
{
	int result = 0;

	while (!result && f->hold.n && hold_oldest(&f->hold) <= until) {
		const struct held_event held = hold_take(&f->hold);
		f->woken[f->n_woken++] = held.record;
		record_wake(held.record, &f->arena);
		process_to(f, held.time);
		result = put(f, &(struct event){ held.record, held.time, f->processed, false, true });
	}
	return result;
}

/* And time with them. */
static int follow(struct flow *f)
{
	const int64_t before = f->processed;
	int result = let_go(f, f->watermark.at);

	process_to(f, f->watermark.at);
	if (!result && f->spec->emit == EMIT_WINDOWS && f->processed > before)
		result = put(f, &(struct event){ NULL, EVENTTIME_NONE, f->processed, false, true });
	return result;
}

/* ---- in ---- */

static bool read_time(struct flow *f, struct record *r, int64_t *time)
{
	const struct spec *s = f->spec;
	const struct value *values = record_values(r);
	struct error why;

	if (!values)
		return false;
	if (eventtime_from(values[s->time.slot], s->unit, time, &why) < 0) {
		record_fail(r, INVALID_DATA, "time %s %s", s->time.text, why.text);
		return false;
	}
	f->timed++;
	f->newest = *time > f->newest ? *time : f->newest;
	return true;
}

static int take(struct flow *f, struct record *r)
{
	struct event event = { .record = r, .time = EVENTTIME_NONE, .watermark = EVENTTIME_NONE };
	bool is_late;

	if (!f->spec->needs_time || !read_time(f, r, &event.time) || !f->spec->timing.hold)
		return put(f, &event);
	/* A held event moves the watermark when it comes, whatever becomes of it. */
	event.is_met = true;
	if (!judge(f, &event, &is_late))
		return put(f, &event);
	watermark_move(&f->watermark, &f->spec->timing, event.time);
	if (!is_late) {
		hold_put(&f->hold, event.time, r);
		return follow(f);
	}
	event.watermark = f->processed;
	return put(f, &event);
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
		result = take(f, r[i]);
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

int64_t flow_deadline(const struct flow *f)
{
	const int64_t held = hold_oldest(&f->hold), end = engine_due(f->engine), oldest = held < end ? held : end;

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

static void save_watermark(const void *self, struct snapshot_writer *w)
{
	const struct flow *f = self;
	struct buf value = BUF_INIT;

	watermark_save(&f->watermark, &value);
	snapshot_row(w, "", 0, value.data, value.len);
	buf_release(&value);
}

static int load_watermark(void *self, const struct snapshot_reader *in, struct error *why)
{
	struct snapshot_bytes bytes = { (const unsigned char *)in->value, (const unsigned char *)in->value + in->value_len, false };
	struct flow *f = self;

	watermark_load(&f->watermark, &bytes);
	f->processed = f->watermark.at;
	return bytes.torn || bytes.p != bytes.end ? error_set(why, "watermark: damaged") : 0;
}

static bool nothing_held(const void *self)
{
	return !((const struct flow *)self)->hold.n;
}

static void save_held(const void *self, struct snapshot_writer *w)
{
	hold_save(&((const struct flow *)self)->hold, w);
}

static int load_held(void *self, const struct snapshot_reader *in, struct error *why)
{
	struct flow *f = self;

	return hold_load(&f->hold, in, &f->at, f->fields, why);
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
	if (!f->engine) {
		flow_free(f);
		return NULL;
	}
	if (s->needs_time) {
		state_add_part(engine_state(f->engine), &(struct state_part){ "watermark", f, no_watermark, save_watermark, load_watermark });
		state_add_part(engine_state(f->engine), &(struct state_part){ "held", f, nothing_held, save_held, load_held });
	}
	return f;
}

void flow_free(struct flow *f)
{
	if (!f)
		return;
	engine_free(f->engine);
	hold_release(&f->hold);
	arena_release(&f->arena);
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

void flow_set_rows(struct flow *f, size_t i, const struct rows *rows)
{
	engine_set_rows(f->engine, i, rows);
}

const struct engine_found *flow_found(const struct flow *f, size_t i)
{
	return engine_found(f->engine, i);
}

const struct expr_dates *flow_dates(const struct flow *f)
{
	return engine_dates(f->engine);
}

void flow_figures(const struct flow *f, struct flow_figures *out)
{
	*out = (struct flow_figures){ f->timed, f->newest, f->watermark.at, f->watermark.late, f->watermark.latest,
		engine_windows(f->engine), f->hold.n, f->hold.bytes };
}
