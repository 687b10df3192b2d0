/* SPDX-License-Identifier: MIT */
/*
 * sml-features - run a feature spec over events: `features` is added to each record.
 *
 * The same spec serves training from a file and scoring a live topic; --state makes yesterday's run and today's one
 * stream.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/number.h"
#include "base/savefile.h"
#include "base/wallclock.h"
#include "checkpoint/states.h"
#include "cli/command.h"
#include "feature/flow.h"
#include "feature/lookup.h"
#include "feature/plan.h"
#include "feature/spec.h"
#include "feature/state.h"
#include "stream/stats.h"

#define SPEC_BYTES_MAX (16u << 20)
#define DOUBTED_FROM 100		/* records before their times are found odd */
#define YEAR_1971 (365 * 86400 * NS_PER_S)
#define LATE_BY_A_JUMP (7 * 86400 * NS_PER_S)	/* no stream is so much out of order: one time was wrong */
#define LOOK_NS NS_PER_S		/* between two looks at the files of lookups */

struct features {
	struct common common;
	const char *spec_path, *key, *state, *state_out;
	struct opt_list defines;
	int64_t max_keys;
	bool check, explain, dump, final;

	struct spec_text *texts;	/* the spec's, then those of -d */
	size_t n_texts;
	struct spec_options options;
	struct spec *trial;		/* compiled in setup; what lookups are of */
	struct spec *spec;		/* the same for the chain's fields */
	struct lookup **lookups;
	int64_t next_look;
	struct flow *flow;
	struct loop *loop;
	bool eviction_told;
};

/* ---- setting up ---- */

static int read_texts(struct features *t, struct error *why)
{
	t->texts = alloc_zeroed(t->defines.n + 1, sizeof *t->texts);
	if (t->spec_path) {
		struct spec_text *spec = &t->texts[t->n_texts];
		const bool is_stdin = !strcmp(t->spec_path, "-");
		spec->source = is_stdin ? "stdin" : t->spec_path;
		spec->text = savefile_read(is_stdin ? "/dev/stdin" : t->spec_path, SPEC_BYTES_MAX, &spec->len, why);
		if (!spec->text)
			return error_prefix(why, "spec");
		t->n_texts++;
	}
	for (size_t i = 0; i < t->defines.n; i++)
		t->texts[t->n_texts++] = (struct spec_text){ "-d", t->defines.items[i], strlen(t->defines.items[i]), true };
	return 0;
}

static int read_snapshot(const char *path, char **bytes, struct snapshot_reader *reader, struct error *why)
{
	size_t n;

	*bytes = savefile_read(path, SIZE_MAX / 2, &n, why);
	if (!*bytes)
		return -1;
	return snapshot_open(reader, *bytes, n, why) < 0 ? error_prefix(why, "%s", path) : 0;
}

/* The file of --state, or what has been committed of a checkpoint. */
static int read_saved(struct features *t, char **bytes, struct snapshot_reader *reader, struct error *why)
{
	const char *stage = t->common.stage ? t->common.stage : "features";
	struct buf snapshot;

	if (t->state)
		return read_snapshot(t->state, bytes, reader, why);
	const int result = states_look(t->common.checkpoint, stage, &snapshot, why);
	*bytes = snapshot.data;
	return result > 0 ? error_set(why, "%s: no state of %s has been committed there", t->common.checkpoint, stage)
	    : result < 0 ? -1 : snapshot_open(reader, snapshot.data, snapshot.len, why);
}

static int dump_state(struct features *t, struct error *why)
{
	struct buf out = BUF_INIT;
	struct snapshot_reader reader;
	char *bytes;
	int result = read_saved(t, &bytes, &reader, why);

	if (!result && (result = state_dump(&reader, t->trial, &out, why)) < 0)
		error_prefix(why, "%s", t->state ? t->state : t->common.checkpoint);
	if (!result && out.len)
		fwrite(out.data, 1, out.len, stdout);	/* command.c looks at stdout's state */
	buf_release(&out);
	free(bytes);
	return result;
}

static void print_plan(const struct features *t)
{
	struct buf out = BUF_INIT;

	plan_show(t->trial, t->lookups, &out);
	fwrite(out.data, 1, out.len, stdout);
	buf_release(&out);
}

/* For its mistakes; records need one that is compiled for the chain's fields. */
static int try_spec(struct features *t, struct error *why)
{
	struct flow *flow = NULL;
	struct fields fields;

	fields_init(&fields);
	t->trial = spec_compile(t->texts, t->n_texts, &t->options, &fields, why);
	if (t->trial)
		flow = flow_new(t->trial, &fields, 0, why);
	flow_free(flow);
	fields_release(&fields);
	return flow ? 0 : -1;
}

static void tell_rows(const struct features *t, size_t i)
{
	const struct spec_lookup *lk = &t->trial->lookups[i];
	const struct rows *rows = lookup_rows(t->lookups[i]);
	const uint64_t repeated = lookup_figures(t->lookups[i])->repeated;
	char n[NUMBER_SHOW_MAX], bytes[NUMBER_SHOW_MAX], more[NUMBER_SHOW_MAX];

	command_tell(&t->common, "lookup %s: %s row%s of %s in %s bytes", lk->name, number_group(rows_count(rows), n),
	    number_s(rows_count(rows)), lk->file, number_group(rows_bytes(rows), bytes));
	if (repeated)
		command_tell(&t->common, "lookup %s: %s line%s replaced by a later one with the same %s", lk->name,
		    number_group(repeated, more), repeated == 1 ? " is" : "s are", lk->row_text);
}

/* Read here and not at the start: a signal still ends the process at once. */
static int open_lookups(struct features *t, struct error *why)
{
	t->lookups = alloc_zeroed(t->trial->n_lookups + 1, sizeof *t->lookups);
	for (size_t i = 0; i < t->trial->n_lookups; i++) {
		struct buf unmet = BUF_INIT;
		if (!t->trial->lookups[i].file)
			continue;
		t->lookups[i] = lookup_open(&t->trial->lookups[i], t->common.policy.max_line, why);
		if (!t->lookups[i])
			return -1;
		tell_rows(t, i);
		lookup_unmet(t->lookups[i], &unmet);
		if (!rows_count(lookup_rows(t->lookups[i])))
			command_note(&t->common, "lookup %s: %s has no rows", t->trial->lookups[i].name, t->trial->lookups[i].file);
		else if (unmet.len)
			command_note(&t->common, "lookup %s: no row of %s has %s", t->trial->lookups[i].name, t->trial->lookups[i].file,
			    buf_text(&unmet));
		buf_release(&unmet);
	}
	return 0;
}

static bool ends_in(const char *path, const char *end)
{
	const size_t n = strlen(path), m = strlen(end);

	return n > m && !strcmp(path + n - m, end);
}

static bool reads_stdin(const struct setup *setup)
{
	for (size_t i = 0; i < setup->n_inputs; i++)
		if (!strcmp(setup->inputs[i], "-"))
			return true;
	return !setup->n_inputs;
}

static int features_setup(void *tool, struct setup *setup, struct error *why)
{
	struct features *t = tool;

	t->options = (struct spec_options){ .key = t->key, .time_path = t->common.time_path, .time_unit = t->common.time_unit,
		.by_partition = t->common.shard.of, .time_user = t->max_keys ? "--max-keys" : NULL };
	if (!t->spec_path && !t->defines.n && setup->n_inputs) {
		t->spec_path = setup->inputs[0];
		setup->inputs++;
		setup->n_inputs--;
	}
	if (!t->spec_path && setup->n_inputs && ends_in(setup->inputs[0], ".features"))
		return command_misuse(&t->common, why, "%s is a spec by its name, and with -d all operands are input: give it with -f",
		    setup->inputs[0]);
	if (t->common.checkpoint && (t->state || t->state_out) && !(t->check || t->explain || t->dump))
		return command_misuse(&t->common, why, "--state: under a checkpoint the state is in the checkpoint");
	if (t->dump && !t->state && !t->common.checkpoint)
		return command_misuse(&t->common, why, "--dump-state prints the file of --state FILE, or the state in --checkpoint DIR");
	if (!t->spec_path && !t->defines.n && !t->dump)
		return command_misuse(&t->common, why, "a spec is missing: SPEC, -f SPEC or -d 'NAME = EXPRESSION'");
	if (t->spec_path && !strcmp(t->spec_path, "-") && !(t->check || t->explain || t->dump) && reads_stdin(setup))
		return command_misuse(&t->common, why, "the spec comes from stdin, so the events cannot: name their files");
	if (read_texts(t, why) < 0)
		return -1;
	if (t->n_texts && (try_spec(t, why) < 0 || (!t->dump && open_lookups(t, why) < 0)))
		return -1;
	setup->status = EXIT_DONE;
	if (t->explain)
		print_plan(t);
	if (t->dump && dump_state(t, why) < 0)
		return -1;
	return t->check || t->explain || t->dump;
}

/* ---- state ---- */

/*
 * A state as `from`: what of it the spec does not know, or misses, is said.  `remove`: what stands in the way of a new beginning.
 * 0, 1: not all of it is there now, or more, -1.
 */
static int restore(struct features *t, struct snapshot_reader *reader, const char *from, const char *remove, struct error *why)
{
	struct state_news news = { .n_fresh = 0 };
	struct state_figures figures;
	char keys[NUMBER_SHOW_MAX];
	int result = flow_restore(t->flow, reader, &news, why);

	/* Saved over it, the state of another spec would be gone. */
	if (!result && news.n_dropped && !news.is_related)
		result = error_set(why, "holds the state of another spec: %.160s (%.80s); to begin anew, remove %s",
		    buf_text(&news.dropped), buf_text(&news.theirs), remove);
	if (!result) {
		state_figures(flow_state(t->flow), &figures);
		command_tell(&t->common, "%s: state of %s key%s loaded", from, number_group(figures.keys, keys), number_s(figures.keys));
		if (news.n_fresh)
			command_note(&t->common, "%s: no state of %s: begins empty", from, buf_text(&news.fresh));
		if (news.n_dropped)
			command_note(&t->common, "%s: state of %s is dropped: the spec no longer uses it", from, buf_text(&news.dropped));
		result = news.n_fresh || news.n_dropped || figures.evicted;
	}
	buf_release(&news.fresh);
	buf_release(&news.dropped);
	buf_release(&news.theirs);
	return result;
}

static int load_state(struct features *t, struct error *why)
{
	struct snapshot_reader reader;
	char *bytes;
	int result;

	if (access(t->state, F_OK) && errno == ENOENT) {
		command_tell(&t->common, "%s does not exist yet: every state begins empty", t->state);
		return 0;
	}
	result = read_snapshot(t->state, &bytes, &reader, why);
	if (!result && restore(t, &reader, t->state, "it", why) < 0)
		result = error_prefix(why, "%s", t->state);
	free(bytes);
	return result;
}

static int save_state(struct features *t, struct error *why)
{
	const char *path = t->state_out ? t->state_out : t->state;
	struct snapshot_writer w;

	snapshot_begin(&w, "sml-features");
	state_save(flow_state(t->flow), &w);
	snapshot_end(&w);
	const int result = savefile_write(path, w.bytes.data, w.bytes.len, why);
	buf_release(&w.bytes);
	return result;
}

/* ---- lookups ---- */

/* Whether a new file has been read in part. */
static bool look(struct features *t)
{
	struct error why;
	bool goes_on = false;

	for (size_t i = 0; i < t->spec->n_lookups; i++) {
		if (!t->lookups[i])
			continue;
		const enum lookup_news news = lookup_look(t->lookups[i], &why);
		if (why.text[0])
			dprintf(STDERR_FILENO, "%s: %s; the rows from before go on\n", t->common.command->name, why.text);
		if (news == LOOKUP_REPLACED) {
			tables_set(flow_tables(t->flow), i, lookup_rows(t->lookups[i]));
			tell_rows(t, i);
		}
		goes_on |= news == LOOKUP_READING;
	}
	return goes_on;
}

static bool has_files(const struct features *t)
{
	for (size_t i = 0; i < t->spec->n_lookups; i++)
		if (t->lookups[i])
			return true;
	return false;
}

static int features_reload(void *tool, struct error *why)
{
	struct features *t = tool;

	(void)why;
	if (has_files(t))
		t->next_look = 0;
	return 0;
}

/* Keys of another type, or the wrong file: every value is null, and the results look like any others. */
static void tell_misses(const struct features *t)
{
	for (size_t i = 0; i < t->spec->n_lookups; i++) {
		const struct spec_lookup *lk = &t->spec->lookups[i];
		const struct tables_found *found = tables_found(flow_tables(t->flow), i);
		if (!lk->file)
			continue;
		const char *first = lookup_figures(t->lookups[i])->first_key;
		char n[NUMBER_SHOW_MAX];
		if (first && !found->hits && found->misses >= DOUBTED_FROM)
			command_note(&t->common, "lookup %s: none of %s records has a row in %s: %s in the first one, the file begins with %.100s",
			    lk->name, number_group(found->misses, n), lk->file, found->missed, first);
	}
}

/* ---- hooks ---- */

/* 0; -1: a retry can't help; -2: it may. */
static int start(struct features *t, struct error *why)
{
	t->spec = spec_compile(t->texts, t->n_texts, &t->options, &t->loop->fields, why);
	if (!t->spec)
		return -1;
	t->flow = flow_new(t->spec, &t->loop->fields, (uint64_t)t->max_keys, why);
	if (!t->flow)
		return -1;
	flow_place(t->flow, &(struct place){ "features", "windows", 0, &loop_stage(t->loop, t)->tally });
	for (size_t i = 0; i < t->spec->n_lookups; i++)
		if (t->lookups[i])
			tables_set(flow_tables(t->flow), i, lookup_rows(t->lookups[i]));
	t->next_look = has_files(t) ? wallclock_monotonic() + LOOK_NS : INT64_MAX;
	/* The lock comes before the look at the file, and is held as long as the process lives. */
	const int lock = t->state || t->state_out ? savefile_lock(t->state ? t->state : t->state_out, why) : 0;
	if (lock < 0)
		return lock;
	return t->state ? load_state(t, why) : 0;
}

static int features_start(void *tool, struct loop *loop, struct error *why)
{
	struct features *t = tool;

	t->loop = loop;
	const int result = start(t, why);
	if (result == -1)
		loop->verdict = EXIT_USAGE;
	return result ? -1 : 0;
}

static int features_records(void *tool, struct record **r, size_t n, struct next *next, struct error *why)
{
	struct features *t = tool;
	struct state_figures figures;
	char keys[NUMBER_SHOW_MAX];
	const int result = flow_records(t->flow, r, n, next, why);

	if (flow_state(t->flow)->is_astray)
		t->loop->verdict = EXIT_USAGE;
	for (const struct spec_step *step; (step = flow_over(t->flow));)
		command_note(&t->common, "%s %.300s: more than 1,024 different values in a window: null", step->is_require ? "require" : "feature", step->text);
	if (t->max_keys && !t->eviction_told) {
		state_figures(flow_state(t->flow), &figures);
		if (figures.evicted) {
			t->eviction_told = true;
			command_note(&t->common, "more than %s keys (--max-keys): the state of those with the oldest events is dropped",
			    number_group((uint64_t)t->max_keys, keys));
		}
	}
	return result;
}

static int64_t features_deadline(void *tool)
{
	const struct features *t = tool;
	const int64_t due = flow_deadline(t->flow);

	return due < t->next_look ? due : t->next_look;
}

static int features_tick(void *tool, int64_t now, struct next *next, struct error *why)
{
	struct features *t = tool;

	if (t->next_look <= now)
		t->next_look = look(t) ? now : now + LOOK_NS;
	return flow_deadline(t->flow) <= now ? flow_tick(t->flow, now, next, why) : 0;
}

/* ---- the end ---- */

static void tell_late(const struct features *t, const struct flow_figures *f)
{
	static const char *const done[] = { "counted in windows that still hold their time", "kept out of the state", "made error records" };
	char n[NUMBER_SHOW_MAX], by[EVENTTIME_SHOW_MAX];

	if (!f->late || !t->spec->looks_back)
		return;
	const struct timing *timing = &t->spec->timing;
	/* Behind an event of the year 2100 nobody waits. */
	const bool is_jump = f->latest >= LATE_BY_A_JUMP && !timing->ahead;
	eventtime_duration_show(f->latest, by);
	command_note(&t->common, "%s late event%s, by up to %s: %s%s%s", number_group(f->late, n), number_s(f->late), by,
	    done[timing->policy], is_jump ? "; against events that are ahead of time: ahead 1d" : timing->hold ? "" :
	    "; to take events in order: hold ", is_jump || timing->hold ? "" : by);
}

/* Seconds taken for milliseconds give times, too: of January 1970; a wrong name, or a text where a number should be, none. */
static void tell_odd_times(const struct features *t, const struct flow_figures *f)
{
	char shown[EVENTTIME_SHOW_MAX];

	if (f->timed >= DOUBTED_FROM && f->newest < YEAR_1971 && t->spec->unit != TIME_RFC3339) {
		eventtime_show(f->newest, shown);
		command_note(&t->common, "every event time lies before 1971, the newest is %s: is %s not in %s?", shown, t->spec->time.text,
		    eventtime_unit_show(t->spec->unit));
		return;
	}
	if (!f->timed && f->untimed)
		command_note(&t->common, "no record has an event time at \"%s\" in %s: the line \"time PATH [s|ms|us|ns|rfc3339]\", or -T, says "
		    "where it is", t->spec->time.text, eventtime_unit_show(t->spec->unit));
	const struct expr_dates *dates = flow_dates(t->flow);
	if (dates->n >= DOUBTED_FROM && dates->newest < YEAR_1971 / NS_PER_S) {
		eventtime_show(dates->newest > -YEAR_1971 / NS_PER_S ? dates->newest * NS_PER_S : -YEAR_1971, shown);
		command_note(&t->common, "every time that hour(), day() and the like were given lies before 1971, the newest is %s: is it in another "
		    "unit than %s, as in hour(x, s)?", shown, eventtime_unit_show(t->spec->unit));
	}
}

/* What waits goes into the state where one is kept. */
static int features_finish(void *tool, enum end how, struct next *next, struct error *why)
{
	struct features *t = tool;
	const bool keeps = t->state || t->state_out || t->loop->protocol;
	struct flow_figures f;
	int result = 0;

	if (how != END_LOST && (!keeps || (t->final && !t->loop->protocol)))
		result = flow_close(t->flow, next, why);
	flow_figures(t->flow, &f);
	tell_odd_times(t, &f);
	tell_late(t, &f);
	tell_misses(t);
	if (f.held)
		command_tell(&t->common, "%llu held event%s in the state (--final lets them go)", (unsigned long long)f.held, number_s(f.held));
	return result;
}

/* A state may be saved only when what was computed from it has left. */
static int features_commit(void *tool, enum end how, struct error *why)
{
	struct features *t = tool;

	return (!t->state && !t->state_out) || how == END_LOST ? 0 : save_state(t, why);
}

/* Under a checkpoint nothing comes behind the last barrier. */
static int features_drain(void *tool, bool last, struct next *next, struct error *why)
{
	struct features *t = tool;

	return last && t->final ? flow_close(t->flow, next, why) : 0;
}

static int features_save(void *tool, struct snapshot_writer *w, struct error *why)
{
	struct features *t = tool;

	(void)why;
	state_save(flow_state(t->flow), w);
	state_track(flow_state(t->flow));
	return 0;
}

static int features_save_changes(void *tool, struct snapshot_writer *w, struct error *why)
{
	struct features *t = tool;

	(void)why;
	state_save_changes(flow_state(t->flow), w);
	return 0;
}

static int features_restore(void *tool, struct snapshot_reader *reader, struct error *why)
{
	struct features *t = tool;
	char *remove = alloc_format("%s and the outputs", t->common.checkpoint);
	const int result = restore(t, reader, t->common.checkpoint, remove, why);

	free(remove);
	state_track(flow_state(t->flow));
	return result;
}

/* Each sample of all lookups together, as the format wants it. */
static void lookup_metrics(const struct features *t, struct metrics *m)
{
	static const struct { const char *name, *kind, *help; } rows[] = {
		{ "lookup_hits_total", "counter", "Records for which a lookup had a row." },
		{ "lookup_misses_total", "counter", "Records for which a lookup had none." },
		{ "lookup_rows", "gauge", "Rows of a lookup." },
		{ "lookup_bytes", "gauge", "Memory of a lookup's rows." },
		{ "lookup_files_loaded_total", "counter", "Files of a lookup taken into use." },
		{ "lookup_files_refused_total", "counter", "Files of a lookup that were not valid." },
	};
	struct buf label = BUF_INIT;

	for (size_t j = 0; j < sizeof rows / sizeof *rows; j++)
		for (size_t i = 0; i < t->spec->n_lookups; i++) {
			const struct tables_found *found = tables_found(flow_tables(t->flow), i);
			const struct rows *all = tables_rows(flow_tables(t->flow), i);
			const struct lookup_figures none = { 0 }, *f = t->lookups[i] ? lookup_figures(t->lookups[i]) : &none;
			const double values[] = { (double)found->hits, (double)found->misses, (double)rows_count(all), (double)rows_bytes(all),
				(double)f->loaded, (double)f->refused };
			buf_clear(&label);
			stats_label(&label, "lookup", t->spec->lookups[i].name);
			stats_add(m, rows[j].name, rows[j].kind, rows[j].help, buf_text(&label), values[j]);
		}
	buf_release(&label);
}

static void join_metrics(const struct features *t, struct metrics *m)
{
	static const struct { const char *name, *kind, *help; } rows[] = {
		{ "join_matched_total", "counter", "Records that left with their partner." },
		{ "join_unmatched_total", "counter", "Records that left without one." },
		{ "join_waiting", "gauge", "Records that wait for one." },
		{ "join_bytes", "gauge", "Memory of records that wait, and of partners." },
	};
	struct buf label = BUF_INIT;

	for (size_t j = 0; j < sizeof rows / sizeof *rows; j++)
		for (size_t i = 0; i < t->spec->n_joins; i++) {
			struct join_figures f;
			flow_join_figures(t->flow, i, &f);
			const double values[] = { (double)f.matched, (double)f.unmatched, (double)f.waiting, (double)f.bytes };
			buf_clear(&label);
			stats_label(&label, "join", t->spec->joins[i].name);
			stats_add(m, rows[j].name, rows[j].kind, rows[j].help, buf_text(&label), values[j]);
		}
	buf_release(&label);
}

static void features_metrics(void *tool, struct metrics *m)
{
	struct features *t = tool;
	struct state_figures f;

	struct flow_figures flow;

	if (!t->flow)
		return;
	state_figures(flow_state(t->flow), &f);
	flow_figures(t->flow, &flow);
	stats_add(m, "keys", "gauge", "Keys with state.", NULL, (double)f.keys);
	stats_add(m, "state_bytes", "gauge", "Memory of the state.", NULL, (double)f.bytes);
	stats_add(m, "evicted_total", "counter", "Keys whose state was dropped for --max-keys.", NULL, (double)f.evicted);
	stats_add(m, "expired_total", "counter", "Keys let go of: for ttl, or because their windows have closed.", NULL, (double)f.expired);
	stats_add(m, "late_total", "counter", "Events behind the watermark.", NULL, (double)flow.late);
	stats_add(m, "windows_total", "counter", "Windows given out.", NULL, (double)flow.windows);
	stats_add(m, "held_records", "gauge", "Events that wait for those before them.", NULL, (double)flow.held);
	stats_add(m, "watermark_seconds", "gauge", "Event time that has been reached.", NULL,
	    flow.watermark == EVENTTIME_NONE ? NAN : (double)flow.watermark / (double)NS_PER_S);
	lookup_metrics(t, m);
	join_metrics(t, m);
}

static void features_summary(void *tool, struct buf *out)
{
	struct features *t = tool;
	struct state_figures f;
	char number[NUMBER_SHOW_MAX];

	if (!t->flow)
		return;
	state_figures(flow_state(t->flow), &f);
	buf_format(out, "%14s  keys\n", number_group(f.keys, number));
	buf_format(out, "%14s  bytes of state\n", number_group(f.bytes, number));
	if (f.evicted)
		buf_format(out, "%14s  keys dropped (--max-keys)\n", number_group(f.evicted, number));
	if (f.expired)
		buf_format(out, "%14s  keys let go of (ttl, closed windows)\n", number_group(f.expired, number));
	for (size_t i = 0; i < t->spec->n_lookups; i++) {
		const struct tables_found *found = tables_found(flow_tables(t->flow), i);
		buf_format(out, "%14s  rows found by lookup %s\n", number_group(found->hits, number), t->spec->lookups[i].name);
		buf_format(out, "%14s  rows missed by lookup %s\n", number_group(found->misses, number), t->spec->lookups[i].name);
	}
	for (size_t i = 0; i < t->spec->n_joins; i++) {
		struct join_figures join;
		flow_join_figures(t->flow, i, &join);
		buf_format(out, "%14s  records with a partner (join %s)\n", number_group(join.matched, number), t->spec->joins[i].name);
		buf_format(out, "%14s  records without (join %s)\n", number_group(join.unmatched, number), t->spec->joins[i].name);
	}
}

static void features_release(void *tool)
{
	struct features *t = tool;

	flow_free(t->flow);
	for (size_t i = 0; t->lookups && i < t->trial->n_lookups; i++)
		if (t->lookups[i])
			lookup_close(t->lookups[i]);
	free(t->lookups);
	spec_free(t->spec);
	spec_free(t->trial);
	if (t->spec_path && t->n_texts)
		free((char *)t->texts[0].text);
	free(t->texts);
}

static const struct opt features_options[] = {
	OPT_TEXT('f', "spec", "FILE", struct features, spec_path, "the spec; all operands are then input"),
	OPT_LIST('d', "define", "'NAME = EXPR'", struct features, defines, "a definition; all operands are then input"),
	OPT_TEXT('k', "key", "PATH", struct features, key, "the key, where the spec has no key line; several: a,b"),
	OPT_TEXT(0, "state", "FILE", struct features, state, "load the state at the start if FILE exists, save it at the end"),
	OPT_TEXT(0, "state-out", "FILE", struct features, state_out, "save the state here instead"),
	OPT_FLAG(0, "final", struct features, final, "at the end close windows and let go of held events, although a state is kept"),
	OPT_FLAG(0, "dump-state", struct features, dump, "print the state of --state or --checkpoint as NDJSON and stop"),
	OPT_INTEGER(0, "max-keys", "N", struct features, max_keys, 1, 4000000000, "keep N keys at most; the oldest event time goes first"),
	OPT_CHECK(struct features, check),
	OPT_EXPLAIN(struct features, explain),
	CHECKPOINT_OPTIONS(struct features),
	COMMON_OPTIONS(struct features),
	OPT_END
};

const struct command features_command = {
	.name = "sml-features",
	.purpose = "compute features of events and of their key's history",
	.usage = "[options] SPEC [FILE...]",
	.examples = (const char *const[]){
		"sml-features purchases.features history.jsonl | sml-train -y label -m model.json",
		"sml-features -k userId -d 'orders = count()' -d 'spend = sum(totalValue)' history.jsonl",
		"sml-features --state purchases.state purchases.features today.jsonl >features.jsonl", NULL },
	.daily = (const char *const[]){ "spec", "define", "key", "state", "max-keys", "check", "explain", "verbose", NULL },
	.options = features_options,
	.size = sizeof(struct features),
	.checkpoints = true,
	.setup = features_setup,
	.tool = { .name = "features", .start = features_start, .records = features_records, .deadline = features_deadline,
	    .tick = features_tick, .reload = features_reload, .drain = features_drain, .save = features_save, .save_changes = features_save_changes, .restore = features_restore, .divides = true, .finish = features_finish,
	    .commit = features_commit, .metrics = features_metrics, .summary = features_summary },
	.release = features_release,
};
