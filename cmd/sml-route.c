/* SPDX-License-Identifier: MIT */
/*
 * sml-route - send a record's original bytes to every destination whose rule holds.
 *
 * What no rule takes goes on to stdout, so nothing is dropped unless `null` says so.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fieldpath.h"
#include "base/number.h"
#include "cli/command.h"
#include "json/write.h"
#include "kafka/kafka.h"
#include "sink/rules.h"
#include "sink/sink.h"
#include "sink/sink-kafka.h"
#include "stream/intake.h"
#include "stream/stats.h"

struct selected { struct name name; struct fieldpath path; int slot; };

struct route {
	struct common common;
	bool check, explain, all, truncates, stamps;
	bool given;			/* the rules; else they are the default ones */
	int on_closed, oversize;
	const char *select, *message_key, *brokers, *config, *pipeline;
	struct opt_list properties;

	struct arena arena;
	struct rules rules;
	struct sink *sinks;		/* one a destination; rules that name the same share it */
	size_t n_sinks;
	struct sink **sink_of;		/* by rule; NULL: stdout */
	struct selected *selected;
	size_t n_selected;
	struct fieldpath key_path, time_path;
	int key_slot, time_slot;	/* -1: nobody wants it */
	struct loop *loop;
	const struct added *stamp;	/* "_e" of --stamp */
	uint64_t stamped, stamped_epoch;
	struct kafka_options kafka;
	struct sink_pool pool;
	bool reads;			/* records are parsed */
	uint64_t unmatched, unmatched_errors;
	struct buf line;
	struct arena again;		/* of records that come back from a topic */
};

static char *const default_rules[] = { "HIGH_VALUE=3", "error=4", "*=-" };

/* ---- setting up ---- */

/* "a,b,score=probability": members by path, renamed where a name stands before the path. */
static int parse_select(struct route *t, struct error *why)
{
	char *text = arena_copy(&t->arena, t->select, strlen(t->select)), *item;

	while ((item = strsep(&text, ","))) {
		char *eq = strchr(item, '=');
		const char *path = eq ? eq + 1 : item;
		t->selected = alloc_again(t->selected, t->n_selected + 1, sizeof *t->selected);
		struct selected *s = &t->selected[t->n_selected++];
		if (fieldpath_parse(&s->path, path, &t->arena, why))
			return error_prefix(why, "--select");
		const struct step *last = &s->path.steps[s->path.n - 1];
		if (!eq && last->kind != STEP_NAME)
			return error_set(why, "--select: \"%s\" needs a name: NAME=%s", path, path);
		s->name = eq ? json_name(&t->arena, item, (size_t)(eq - item)) : json_name(&t->arena, last->name, last->len);
		if (!json_is_utf8(s->name.text, s->name.len))
			return error_set(why, "--select: a name is not UTF-8");
		if (s->name.len == 4 && !memcmp(s->name.text, "_sml", 4))
			return error_set(why, "--select: \"%s\": the name _sml is of control and error records", item);
		for (size_t i = 0; i + 1 < t->n_selected; i++)
			if (t->selected[i].name.len == s->name.len && !memcmp(t->selected[i].name.text, s->name.text, s->name.len))
				return error_set(why, "--select: \"%s\": a second member of that name; NAME=PATH renames one", item);
	}
	return 0;
}

static int route_explain(struct route *t, struct setup *setup)
{
	for (size_t i = 0; t->explain && i < t->rules.n; i++) {
		static const char *const kinds[] = { "label", "any error record", "error records of type", "any record", "expression" };
		const struct rule *r = &t->rules.rule[i];
		printf("%zu  %s%s%s  ->  %s\n", i + 1, kinds[r->kind], r->kind == RULE_ANY || r->kind == RULE_ERROR ? "" : " ",
		    r->kind == RULE_ANY || r->kind == RULE_ERROR ? "" : r->condition, sink_is_stdout(r->dest) ? "stdout" : r->dest);
	}
	setup->status = EXIT_DONE;
	return 1;
}

/* What the rules themselves let pass, and is most likely a mistake. */
static int check_rules(const struct route *t, struct error *why)
{
	if (!t->all && rules_reachable(&t->rules, why))
		return -1;
	for (size_t i = 0; i < t->rules.n; i++) {
		const struct rule *r = &t->rules.rule[i];
		if (t->common.checkpoint && !strncmp(r->dest, "replace:", 8))
			return error_set(why, "rule \"%s=%s\": under a checkpoint records go to topics, files and descriptors", r->condition, r->dest);
		if (t->common.checkpoint && !json_is_utf8(r->dest, strlen(r->dest)))
			return error_set(why, "rule \"%s=%s\": the name is not UTF-8: a checkpoint could not find it again", r->condition, r->dest);
		if (sink_check(r->dest, why))
			return error_prefix(why, "rule \"%s=%s\"", r->condition, r->dest);
		if (r->near)
			command_note(&t->common, "rule %s=%s: taken for the label \"%s\"; error records%s are %s", r->condition, r->dest,
			    r->condition, strcmp(r->near, "error") ? " of that type" : "", r->near);
	}
	return 0;
}

/* Files are the operands of the other tools. */
static int refuse_inputs(const struct setup *setup, struct error *why)
{
	for (int i = 0; i < setup->argc; i++) {
		const char *operand = setup->argv[i];
		if (*operand && !strchr(operand, '=') && !access(operand, F_OK))
			return setup->inner ? error_set(why, "rule \"%s\": a rule is CONDITION=DEST; the input is the stage before", operand)
			    : error_set(why, "rule \"%s\": a rule is CONDITION=DEST; sml-route reads stdin: <%s", operand, operand);
	}
	return 0;
}

/* The destination of the first rule whose destination is a topic; NULL: none is. */
static const char *first_topic(const struct route *t)
{
	for (size_t i = 0; i < t->rules.n; i++)
		if (sink_kafka_is(t->rules.rule[i].dest))
			return t->rules.rule[i].dest;
	return NULL;
}

/* Of what names of groups and transactions are good to be. */
static int check_pipeline(struct route *t, struct error *why)
{
	const char *set = getenv("SML_PIPELINE");

	if (t->pipeline && !t->common.checkpoint)
		return command_misuse(&t->common, why, "--pipeline: names the transactions of a checkpoint, and there is none (--checkpoint DIR)");
	if (t->pipeline && !first_topic(t))
		return command_misuse(&t->common, why, "--pipeline: names transactions, and no destination is a topic");
	if (!t->common.checkpoint || !first_topic(t))
		return 0;
	if (!t->pipeline && set && *set)
		t->pipeline = set;
	if (t->pipeline && (!*t->pipeline || strlen(t->pipeline) > 200 ||
	    t->pipeline[strspn(t->pipeline, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")]))
		return error_set(why, "--pipeline: \"%s\" is no name: letters, digits, . _ and -, 200 at most", t->pipeline);
	return 0;
}

static int route_setup(void *tool, struct setup *setup, struct error *why)
{
	struct route *t = tool;
	const bool given = t->given = setup->argc > 0;

	if (refuse_inputs(setup, why))
		return -1;
	if (rules_parse(&t->rules, given ? setup->argv : default_rules, given ? (size_t)setup->argc : 3, t->common.time_unit, why))
		return -1;
	if (check_rules(t, why))
		return -1;
	if (t->common.checkpoint && t->truncates)
		return command_misuse(&t->common, why, "--truncate: under a checkpoint files are appended to, and cut back to what was committed");
	if (t->stamps && !t->common.checkpoint)
		return command_misuse(&t->common, why, "--stamp: says which epoch of a checkpoint a record is of, and there is none (--checkpoint DIR)");
	if (check_pipeline(t, why))
		return -1;
	if (t->select && parse_select(t, why))
		return -1;
	if (t->message_key && fieldpath_parse(&t->key_path, t->message_key, &t->arena, why))
		return error_prefix(why, "--message-key");
	if (fieldpath_parse(&t->time_path, t->common.time_path, &t->arena, why))
		return error_prefix(why, "--time");
	/* The operands were rules: records come from stdin. */
	setup->n_inputs = 0;
	return t->check || t->explain ? route_explain(t, setup) : 0;
}

/* ---- delivering ---- */

static int deliver(struct route *t, struct record *r, struct sink *sink, struct error *why)
{
	struct parcel p = { .line = r->line, .len = r->len, .event_time = EVENTTIME_NONE, .is_error = r->kind == RECORD_ERROR };
	struct error ignored;

	if (r->n_added) {	/* in a chain: members of earlier stages wait to be spliced in */
		buf_clear(&t->line);
		record_write(r, &t->line);
		p.line = t->line.data;
		p.len = t->line.len - 1;
	}
	if (sink->wants_time && r->values)
		if (eventtime_from(r->values[t->time_slot], t->common.time_unit, &p.event_time, &ignored))
			p.event_time = EVENTTIME_NONE;
	if (sink->wants_key && r->values && t->key_slot >= 0)
		p.key = r->values[t->key_slot];
	return sink_put(sink, &p, why);
}

/* The members of --select in place of the line; the values that a sink wants stay at hand. */
static void select_members(struct route *t, struct record *r)
{
	const struct value *v = record_values(r);
	struct buf line = BUF_INIT;

	if (!v)
		return;
	buf_add_byte(&line, '{');
	for (size_t i = 0; i < t->n_selected; i++) {
		json_write_comma(&line);
		buf_add(&line, t->selected[i].name.json, t->selected[i].name.json_len);
		json_write_value(&line, v[t->selected[i].slot]);
	}
	buf_add_byte(&line, '}');
	struct value *values = r->values;
	record_reline(r, arena_copy(r->arena, line.data, line.len), line.len);
	r->values = values;
	buf_release(&line);
}

/* "_e":[run, epoch, n]: what a reader of a pipe tells a repeated record by. */
static void stamp(struct route *t, struct record *r)
{
	const struct protocol *p = t->loop->protocol;
	struct value *items = record_space(r, 3 * sizeof *items);

	if (t->stamped_epoch != p->epoch)
		t->stamped = 0;
	t->stamped_epoch = p->epoch;
	items[0] = value_text(p->run, (uint32_t)strlen(p->run));
	items[1] = value_integer((int64_t)p->epoch);
	items[2] = value_integer((int64_t)++t->stamped);
	record_add(r, t->stamp, (struct value){ .type = VALUE_ARRAY, .len = 3, .items = items });
}

/* One record to the sinks of its rules. 1: (also) to stdout. */
static int route_one(struct route *t, struct record *r, uint64_t matched, struct error *why)
{
	bool to_stdout = !matched;

	r->partition = PARTITION_NONE;		/* behind this stage nobody asks */
	if (to_stdout) {
		t->unmatched++;
		if (r->kind == RECORD_ERROR && !t->unmatched_errors++)
			command_note(&t->common, "error records go to stdout: no rule takes them (error=4 would)");
	}
	if (t->n_selected)
		select_members(t, r);
	if (t->stamps && r->kind != RECORD_ERROR)
		stamp(t, r);
	for (; matched; matched &= matched - 1) {
		const int i = __builtin_ctzll(matched);
		t->rules.rule[i].matched++;
		if (!t->sink_of[i])
			to_stdout = true;
		else if (deliver(t, r, t->sink_of[i], why))
			return -1;
	}
	if (t->n_selected)
		r->values = NULL;	/* a stage behind reads what was selected, not what was there */
	return to_stdout;
}

static int route_records(void *tool, struct record **r, size_t n, struct next *next, struct error *why)
{
	struct route *t = tool;
	uint64_t matched[BATCH_MAX];
	size_t kept = 0;

	/* All rules are asked before anything is delivered: a record that fails here may end the run. */
	for (size_t i = 0; i < n; i++) {
		if (t->reads)
			record_values(r[i]);
		matched[i] = rules_match(&t->rules, r[i], t->all);
	}
	const size_t allowed = loop_allow(loop_stage(t->loop, t), r, n);
	for (size_t i = 0; i < allowed; i++) {
		const int to_stdout = route_one(t, r[i], matched[i], why);
		if (to_stdout < 0)
			return -1;
		if (to_stdout)
			r[kept++] = r[i];
	}
	const int result = next_pass(next, r, kept, why);
	return result ? result : allowed < n;
}

/*
 * A record that a topic refused for its size becomes an error record with all of it.  An error record that is refused is made
 * again with the beginning of its original alone; -1: that is refused too, or there is no more to leave out.
 */
static int refuse_oversize(struct route *t, struct record *r, const struct sink *sink, const struct sink_return *back, struct error *why)
{
	struct stage *stage = loop_stage(t->loop, t);
	struct buf original = BUF_INIT;
	struct error ignored;
	size_t len = back->len;

	record_init(r, arena_copy(&t->again, back->line, len), len, &t->loop->fields, &t->again);
	r->at = (struct place){ stage->tool->name, "stdin", stage->tally.records, &stage->tally };
	if (record_is_error(r->line, len, &t->again)) {
		r->at.tally = NULL;	/* it has been counted */
		if (record_original(r->line, len, &original, &ignored) == 1)
			len = original.len;
		if (original.len > INTAKE_KEPT)
			intake_too_long(r, original.data, INTAKE_KEPT, len);
		const bool is_less = original.len > INTAKE_KEPT;
		buf_release(&original);
		if (!is_less)
			return error_set(why, "%s: an error record of %zu bytes: %.*s", sink->dest, back->len, (int)back->message_len,
			    back->message);
		r->kind = RECORD_DATA;
	}
	record_fail_with(r, TOO_LONG, "length", (int64_t)len, "%s: %.*s", sink->dest, (int)back->message_len, back->message);
	return 0;
}

/* Records that a topic refused for their size are routed anew, as error records (--oversize=error). */
static int route_returned(struct route *t, struct sink *sink, struct error *why)
{
	struct stage *stage = loop_stage(t->loop, t);
	struct sink_return back = {0};

	while (sink_returned(sink, &back)) {
		struct record record, *r = &record;
		arena_clear(&t->again);
		if (refuse_oversize(t, r, sink, &back, why))
			return -1;
		const uint64_t matched = rules_match(&t->rules, r, t->all);
		if (!loop_allow(stage, &r, 1))
			return 1;
		const int to_stdout = route_one(t, r, matched, why);
		if (to_stdout < 0 || (to_stdout && next_pass(stage->behind, &r, 1, why) < 0))
			return -1;
	}
	return 0;
}

static int64_t route_deadline(void *tool)
{
	struct route *t = tool;

	for (size_t i = 0; i < t->n_sinks; i++)
		if (t->sinks[i].returned.len)
			return 0;
	return INT64_MAX;
}

static int route_tick(void *tool, int64_t now, struct next *next, struct error *why)
{
	struct route *t = tool;
	int result = 0;

	(void)now;
	(void)next;
	for (size_t i = 0; !result && i < t->n_sinks; i++)
		if (t->sinks[i].returned.len)
			result = route_returned(t, &t->sinks[i], why);
	return result;
}

static size_t route_watch(void *tool, struct pollfd *fds, size_t max)
{
	struct route *t = tool;
	size_t n = 0;

	for (size_t i = 0; i < t->n_sinks && n < max; i++)
		if (t->sinks[i].fd >= 0)
			fds[n++] = (struct pollfd){ t->sinks[i].fd, POLLIN, 0 };
	return n;
}

static int route_flush(void *tool, struct error *why)
{
	struct route *t = tool;

	for (size_t i = 0; i < t->n_sinks; i++)
		if (sink_flush(&t->sinks[i], why))
			return -1;
	return 0;
}

static int route_ready(void *tool, struct next *next, struct error *why)
{
	(void)next;
	return route_flush(tool, why);
}

/* ---- start and end ---- */

static struct sink_options sink_options(struct route *t, struct loop *loop)
{
	t->kafka = (struct kafka_options){ t->brokers, t->config, t->properties.items, t->properties.n };
	return (struct sink_options){
		.loop = loop, .truncates = t->truncates, .drops_on_close = t->on_closed == 1, .oversize_is_error = t->oversize == 1,
		.kafka = &t->kafka, .pool = &t->pool,
	};
}

/* "sml-NAME": as given, else by the directory. */
static char *pipeline_name(const struct route *t)
{
	char *path = realpath(t->common.checkpoint, NULL);
	const char *slash = path ? strrchr(path, '/') : NULL;
	char *name = alloc_format("sml-%s", t->pipeline ? t->pipeline : slash ? slash + 1 : "");

	free(path);
	return name;
}

/* All that goes to topics is one transaction, called as the pipeline is; its points stand on the first of the topics, or where they have stood. */
static int route_transaction(void *tool, struct loop *loop, const char *suffix, const char *topic, struct transaction **out, struct error *why)
{
	struct route *t = tool;
	const struct sink_options o = sink_options(t, loop);
	const char *dest = first_topic(t);
	char *pipeline;

	sink_pool_release(&t->pool);
	if (!dest)
		return 0;
	pipeline = pipeline_name(t);
	struct transaction_place at = { alloc_format("%s%s", pipeline, suffix), topic ? alloc_text(topic) : sink_kafka_topic(dest) };
	const int result = at.topic ? sink_kafka_transact(dest, &o, &at, pipeline, why) : -2;
	*out = t->pool.transaction;
	free(at.name);
	free(at.topic);
	free(pipeline);
	return result;
}

static int open_sinks(struct route *t, struct loop *loop, struct error *why)
{
	const struct sink_options o = sink_options(t, loop);

	t->sinks = alloc_zeroed(t->rules.n + 1, sizeof *t->sinks);
	t->sink_of = alloc_zeroed(t->rules.n + 1, sizeof *t->sink_of);
	for (size_t i = 0; i < t->rules.n; i++) {
		const char *dest = t->rules.rule[i].dest;
		bool usage = false;
		if (sink_is_stdout(dest)) {
			command_tell(&t->common, "%s -> stdout", t->rules.rule[i].condition);
			continue;
		}
		for (size_t k = 0; k < t->n_sinks; k++)
			if (sink_same(t->sinks[k].dest, dest))
				t->sink_of[i] = &t->sinks[k];
		if (!t->sink_of[i]) {
			struct sink *s = t->sink_of[i] = &t->sinks[t->n_sinks];
			if (sink_open(s, dest, &o, &usage, why)) {
				if (usage)
					loop->verdict = EXIT_USAGE;
				return t->given ? -1 : error_prefix(why, "default rule %s=%s", t->rules.rule[i].condition, dest);
			}
			t->n_sinks++;
		}
		command_tell(&t->common, "%s -> %s", t->rules.rule[i].condition, t->sink_of[i]->leads_to);
	}
	return 0;
}

static int route_start(void *tool, struct loop *loop, struct error *why)
{
	struct route *t = tool;
	bool wants_time = false, wants_key = false;

	t->loop = loop;
	if (t->stamps && !(t->stamp = fields_add(&loop->fields, "_e")))
		return error_set(why, "too many added members");
	if (rules_bind(&t->rules, &loop->fields, why))
		return -1;
	if (open_sinks(t, loop, why))
		return -1;
	for (size_t i = 0; i < t->n_sinks; i++) {
		wants_time |= t->sinks[i].wants_time;
		wants_key |= t->sinks[i].wants_key;
	}
	t->key_slot = wants_key && t->message_key ? fields_read(&loop->fields, &t->key_path) : -1;
	t->time_slot = wants_time ? fields_read(&loop->fields, &t->time_path) : -1;
	fields_expect(&loop->fields, t->key_slot, &t->key_path);
	fields_expect(&loop->fields, t->time_slot, &t->time_path);
	for (size_t i = 0; i < t->n_selected; i++) {
		t->selected[i].slot = fields_read(&loop->fields, &t->selected[i].path);
		fields_expect(&loop->fields, t->selected[i].slot, &t->selected[i].path);
	}
	t->reads = t->rules.reads || t->stamps || wants_time || t->key_slot >= 0 || t->n_selected;
	return 0;
}

static void tell_dropped(const struct route *t)
{
	char number[NUMBER_SHOW_MAX];

	for (size_t i = 0; i < t->n_sinks; i++)
		if (t->sinks[i].dropped && strcmp(t->sinks[i].dest, "null"))
			command_note(&t->common, "%s record%s dropped: %s was closed by its reader",
			    number_group(t->sinks[i].dropped, number), number_s(t->sinks[i].dropped), t->sinks[i].dest);
}

static void tell_ahead(const struct route *t)
{
	char number[NUMBER_SHOW_MAX];

	for (size_t i = 0; i < t->n_sinks; i++)
		if (t->sinks[i].ahead)
			command_note(&t->common, "%s: %s record%s with an event time ahead of the clock, stamped as the record before",
			    t->sinks[i].dest, number_group(t->sinks[i].ahead, number), number_s(t->sinks[i].ahead));
}

static void tell_unheld(const struct route *t)
{
	struct error how;

	for (size_t i = 0; i < t->rules.n; i++)
		if (rules_unheld(&t->rules, &t->rules.rule[i], &how))
			command_note(&t->common, "rule %s=%s %s", t->rules.rule[i].condition, t->rules.rule[i].dest, how.text);
}

static int route_settle(void *tool, struct error *why)
{
	struct route *t = tool;

	for (size_t i = 0; i < t->n_sinks; i++)
		if (sink_settle(&t->sinks[i], why))
			return -1;
	return 0;
}

/* A record that came back is none that was written: it goes where it belongs before the epoch ends. */
static int route_drain(void *tool, bool last, struct next *next, struct error *why)
{
	int result = 0;

	(void)last;
	while (!result && route_deadline(tool) == 0)
		result = route_tick(tool, 0, next, why);
	return result;
}

static int route_finish(void *tool, enum end how, struct next *next, struct error *why)
{
	struct route *t = tool;
	struct error later;
	int result = 0;

	(void)how;
	/* What topics send back may go to a file, or to a topic again. */
	do {
		if (route_settle(tool, why))
			return -1;
		const int ticked = route_tick(tool, 0, next, why);
		if (ticked)
			return ticked;
	} while (route_deadline(tool) == 0);
	for (size_t i = 0; i < t->n_sinks; i++)
		if (sink_close(&t->sinks[i], true, result ? &later : why))
			result = -1;
	tell_dropped(t);
	tell_ahead(t);
	tell_unheld(t);
	return result;
}

static void route_metrics(void *tool, struct metrics *m)
{
	struct route *t = tool;
	struct buf label = BUF_INIT;

	for (size_t i = 0; i < t->rules.n; i++) {
		buf_clear(&label);
		stats_label(&label, "rule", t->rules.rule[i].condition);
		stats_add(m, "routed_total", "counter", "Records that a rule took.", buf_text(&label), (double)t->rules.rule[i].matched);
	}
	stats_add(m, "unmatched_total", "counter", "Records that no rule took.", NULL, (double)t->unmatched);
	buf_release(&label);
}

static void route_summary(void *tool, struct buf *out)
{
	struct route *t = tool;
	char number[NUMBER_SHOW_MAX];

	for (size_t i = 0; i < t->rules.n; i++)
		buf_format(out, "%14s  %s -> %s\n", number_group(t->rules.rule[i].matched, number), t->rules.rule[i].condition,
		    !(t->sink_of && t->sink_of[i]) && sink_is_stdout(t->rules.rule[i].dest) ? "stdout" : t->rules.rule[i].dest);
	if (t->unmatched)
		buf_format(out, "%14s  (no rule) -> stdout\n", number_group(t->unmatched, number));
}

static void route_release(void *tool)
{
	struct route *t = tool;
	struct error ignored;

	for (size_t i = 0; t->sinks && i < t->n_sinks; i++)
		sink_close(&t->sinks[i], false, &ignored);
	sink_pool_release(&t->pool);
	free(t->sinks);
	free(t->sink_of);
	free(t->selected);
	buf_release(&t->line);
	rules_release(&t->rules);
	arena_release(&t->arena);
	arena_release(&t->again);
}

static const struct opt route_options[] = {
	OPT_FLAG(0, "all", struct route, all, "send a record to every rule that holds, not only the first"),
	OPT_TEXT(0, "select", "LIST", struct route, select, "write only these members: a,b,NAME=PATH"),
	OPT_FLAG(0, "truncate", struct route, truncates, "paths start anew instead of being appended to"),
	OPT_CHOICE(0, "on-closed", "stop|drop", struct route, on_closed, "when a destination's reader has gone: stop (1), or drop and count"),
	OPT_FLAG(0, "stamp", struct route, stamps, "under a checkpoint add _e: run, epoch, number, for readers of pipes"),
	OPT_TEXT(0, "message-key", "PATH", struct route, message_key, "Kafka message key: a string's bytes, else canonical text"),
	OPT_CHOICE(0, "oversize", "stop|error", struct route, oversize, "a record too large for the broker: stop (1), or an error record"),
	OPT_BROKERS(struct route, brokers),
	OPT_PROPERTY(struct route, properties),
	OPT_CONFIG(struct route, config),
	OPT_CHECK(struct route, check),
	OPT_EXPLAIN(struct route, explain),
	CHECKPOINT_OPTIONS(struct route),
	OPT_TEXT(0, "pipeline", "NAME", struct route, pipeline, "what its Kafka transactions are called ($SML_PIPELINE, else as DIR)"),
	COMMON_OPTIONS(struct route),
	OPT_END
};

const struct command route_command = {
	.name = "sml-route",
	.purpose = "send each record to the output its rule names",
	.usage = "[options] [CONDITION=DEST]...",
	.examples = (const char *const[]){
		"sml-route HIGH_VALUE=3 error=4 3>>vip.jsonl 4>>dead-letter.jsonl >>standard.jsonl",
		"sml-route 'probability > 0.9=kafka:alerts' error=kafka:dlq '*=null'",
		"sml-route --select id,score=probability '*=scores/{date}.jsonl'", NULL },
	.daily = (const char *const[]){ "all", "select", "truncate", "message-key", "brokers", "property", "check", "verbose", NULL },
	.options = route_options,
	.size = sizeof(struct route),
	.checkpoints = true,
	.is_sink = true,
	.transaction = route_transaction,
	.setup = route_setup,
	.tool = { .name = "route", .start = route_start, .records = route_records, .deadline = route_deadline, .tick = route_tick,
	    .watch = route_watch, .ready = route_ready, .flush = route_flush, .drain = route_drain, .finish = route_finish, .settle = route_settle,
	    .metrics = route_metrics, .summary = route_summary },
	.release = route_release,
	.parts = kafka_parts,
};
