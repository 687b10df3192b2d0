/* SPDX-License-Identifier: MIT */
#include "feature/plan.h"

#include <string.h>

#include "base/number.h"
#include "feature/hold.h"
#include "feature/join.h"
#include "feature/keyed.h"

#define ROW_PACKED 12	/* of a row's packed values: their length, and the end of the piece */
#define ROW_BYTES 64	/* of a key besides its states: the row's head, hash, its share of the table */

static size_t heap_bound(const struct spec_state *st)
{
	return st->keeper->bound(st->aggregate, st->call);
}

/* The features and rules that read a state. */
static void list_users(const struct spec *s, size_t state, struct buf *b)
{
	size_t n = 0;

	if (s->states[state].window >= 0)
		buf_add_text(b, "emit windows");
	for (size_t i = 0; i < s->n_steps; i++)
		for (size_t j = 0; j < s->steps[i].n_states; j++)
			if (s->steps[i].states[j] == state)
				buf_format(b, "%s%s%s", n++ ? ", " : "", s->steps[i].is_require ? "require " : "", s->steps[i].text);
	if (n > 1)
		buf_add_text(b, " (shared)");
}

/* It grows by pieces of memory, which no number of bytes an event tells. */
static void show_grown(const struct spec_state *st, struct buf *b)
{
	const size_t bound = heap_bound(st);
	const char *what = st->call->window == WINDOW_SLIDING ? " event in the window" : st->call->window == WINDOW_PANES ?
	    " different value a pane" : st->aggregate->counted ? " different value" : " value";

	if (!st->keeper->grown || (st->bundle && st->member != st->bundle->members))
		return;
	for (size_t n = 1, last = SIZE_MAX; n <= 1000; n *= 10) {
		const size_t now = st->bundle ? bundle_grown(st->bundle, n) : st->keeper->grown(st->aggregate, st->call, n);
		if (now == last || (bound && now == bound))
			break;
		buf_format(b, "%s%zu with %zu%s", n > 1 ? ", " : bound ? " (" : " + ", now, n, n > 1 ? "" : what);
		last = now;
	}
	if (bound)
		buf_add_byte(b, ')');
}

static void explain_keys(const struct spec *s, size_t keys, struct buf *b)
{
	const struct spec_keys *k = &s->keys[keys];
	size_t heap = 0;
	int widest = 0;

	if (!k->n_states)
		return;
	for (size_t i = 0; i < s->n_states; i++)
		if (s->states[i].keys == keys) {
			heap += heap_bound(&s->states[i]);
			if ((int)strlen(s->states[i].text) > widest)
				widest = (int)strlen(s->states[i].text);
		}
	buf_format(b, "\nstate %s%s: %zu bytes a key%s", k->n ? k->is_by ? "" : "by " : "of one key for all", k->text,
	    ROW_BYTES + k->state_size, heap ? "" : "\n");
	if (heap)
		buf_format(b, ", and at most %zu beside the row\n", heap);
	for (size_t i = 0; i < s->n_states; i++) {
		const struct spec_state *st = &s->states[i];
		if (st->keys != keys)
			continue;
		const struct bundle_member *first = st->bundle ? st->bundle->members : NULL;
		buf_format(b, "  %-*s  %4zu bytes", widest, st->text, !first ? st->keeper->size : st->member == first ? bundle_size(st->bundle) : 0);
		if (heap_bound(st))
			buf_format(b, " + %zu", heap_bound(st));
		show_grown(st, b);
		if (first && st->member != first)
			buf_format(b, ": in the timeline of %s; for ", s->states[first->state].text);
		else
			buf_format(b, ": %s; for ", first ? "the values of all windows that share it, and partials of them" : st->keeper->what);
		list_users(s, i, b);
		buf_add_byte(b, '\n');
	}
}

static void show_duration(struct buf *b, const char *word, int64_t ns)
{
	char text[EVENTTIME_SHOW_MAX];

	if (!ns)
		return;
	eventtime_duration_show(ns, text);
	buf_format(b, "%-8s %s\n", word, text);
}

static void show_hold(struct buf *b, int64_t hold)
{
	char text[EVENTTIME_SHOW_MAX];

	if (!hold)
		return;
	eventtime_duration_show(hold, text);
	buf_format(b, "hold     %s: the line and %zu bytes an event that waits\n", text, hold_cost());
}

static void show_join(struct buf *b, const struct spec_join *j)
{
	const struct join_costs costs = join_costs();
	char span[EVENTTIME_SHOW_MAX];

	eventtime_duration_show(j->within, span);
	buf_format(b, "join     %s: records and partners of %s, %zu bytes a key, the line and %zu a record that waits, the line and %zu a partner\n",
	    j->text, span, ROW_BYTES + costs.key, costs.waiting, costs.partner);
}

static void show_timing(const struct spec *s, struct buf *b)
{
	static const char *const policies[] = { "", " drop", " error" };
	const struct timing *t = &s->timing;
	char every[EVENTTIME_SHOW_MAX];

	if (t->late || t->policy != LATE_UPDATE) {
		eventtime_duration_show(t->late, every);
		buf_format(b, "late     %s%s\n", every, policies[t->policy]);
	}
	show_hold(b, t->hold);
	show_duration(b, "ahead", t->ahead);
	show_duration(b, "idle", t->idle);
	show_duration(b, "ttl", t->ttl);
	buf_format(b, "emit     %s", s->emit == EMIT_FEATURES ? "features" : s->emit == EMIT_WINDOWS ? "windows" : "events");
	if (t->every) {
		eventtime_duration_show(t->every, every);
		buf_format(b, " every %s", every);
	}
	if (t->every_events)
		buf_format(b, " every %llu event%s", (unsigned long long)t->every_events, t->every_events == 1 ? "" : "s");
	buf_add_byte(b, '\n');
}

/* Features that are of records, where windows are given out. */
static void show_kept_back(const struct spec *s, struct buf *b)
{
	size_t n = 0;

	for (size_t i = 0; s->emit == EMIT_WINDOWS && i < s->n_steps; i++)
		if (!s->steps[i].is_require && s->steps[i].window < 0)
			buf_format(b, "%s%s", n++ ? ", " : "\nnot given out, for they are of no window: ", s->steps[i].text);
	if (n)
		buf_add_byte(b, '\n');
}

static void explain_lookup(const struct spec_lookup *lk, const struct lookup *l, struct buf *b)
{
	char number[NUMBER_SHOW_MAX];

	buf_add_text(b, "lookup   ");
	spec_lookup_show(lk, b);
	if (lk->rows)
		buf_format(b, ": %zu bytes a row and the values that are read of it", ROW_BYTES + sizeof(void *) + ROW_PACKED);
	if (l) {
		const uint64_t n = rows_count(lookup_rows(l));
		buf_format(b, ": %s row%s", number_group(n, number), number_s(n));
		buf_format(b, " in %s bytes", number_group(rows_bytes(lookup_rows(l)), number));
	}
	buf_add_byte(b, '\n');
}

static void show_besides(const struct spec *s, struct buf *b)
{
	bool grows = false;

	for (size_t i = 0; i < s->n_states; i++)
		grows |= heap_bound(&s->states[i]) || s->states[i].keeper->grown;
	if (s->n_states)
		buf_format(b, "\nA key of more than %d bytes takes its length and 16 besides, a text or an array that is kept its length.\n", KEYED_INLINE);
	if (grows)
		buf_add_text(b, "What a key outgrows serves others; where all keys grow at once, what is beside the rows may double.\n");
}

void plan_show(const struct spec *s, struct lookup *const *lookups, struct buf *b)
{
	int widest = 0;

	buf_format(b, "key      %s\n", s->keys[0].n ? s->keys[0].text : "(one for all)");
	buf_format(b, "time     %s %s (%s%s)\n", s->time.text, eventtime_unit_show(s->unit), s->needs_time ? "for " :
	    "nothing needs it", s->needs_time ? s->time_user : "");
	show_timing(s, b);
	for (size_t i = 0; i < s->n_joins; i++)
		show_join(b, &s->joins[i]);
	for (size_t i = 0; i < s->n_lookups; i++)
		explain_lookup(&s->lookups[i], lookups ? lookups[i] : NULL, b);
	for (size_t i = 0; i < s->n_features; i++)
		if ((int)s->features[i].name.len > widest)
			widest = (int)s->features[i].name.len;
	buf_add_byte(b, '\n');
	for (size_t i = 0; i < s->n_steps; i++) {
		const struct spec_step *step = &s->steps[i];
		if (step->is_require)
			buf_add_text(b, "require  ");
		else
			buf_format(b, "%-*s = ", widest, step->text);
		expr_show(step->expr, b, NULL, NULL);
		buf_add_byte(b, '\n');
	}
	show_kept_back(s, b);
	for (size_t i = 0; i < s->n_keys; i++)
		explain_keys(s, i, b);
	show_besides(s, b);
}
