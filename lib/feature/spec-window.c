/* SPDX-License-Identifier: MIT */
#include "feature/spec-window.h"

#include "feature/spec-lookup.h"
#include "feature/spec-state.h"

/* What a call has to be to be given out with a window. */
static int check_closing(const struct spec_call *sc, struct error *why)
{
	const struct expr_call *call = sc->call;

	if (call->half_life)
		return error_set(why, "decay knows no windows that close: see emit events");
	if (call->exclude_current)
		return error_set(why, "exclude current is of an event: a window is given out when all its events are there");
	if (call->window == WINDOW_SLIDING)
		return error_set(why, "a sliding window never closes: emit windows takes over D every P, over tumbling D, over session G, over all");
	if (call->window == WINDOW_LAST)
		return error_set(why, "over last N never closes: emit windows takes over D every P, over tumbling D, over session G, over all");
	return 0;
}

static int window_of_call(struct compiler *c, struct spec_call *sc)
{
	struct spec *s = c->spec;
	const unsigned keys = s->states[sc->state].keys;
	const struct aggregate *row = aggregate_opened();
	struct expr_call *clauses = arena_get(&s->arena, sizeof *clauses);
	const size_t n_states = s->n_states;

	*clauses = *sc->call;
	clauses->kind = &row->kind;
	clauses->args = NULL;
	clauses->n_args = 0;
	/* A grid is a grid; where sessions end follows from which events count. */
	if (clauses->window != WINDOW_SESSION)
		clauses->where = NULL;
	const unsigned state = spec_state_of(c, row, clauses, keys);
	if (s->n_states == n_states)
		return s->states[state].window;
	GROW(c, s->windows, s->n_windows);
	s->windows[s->n_windows] = (struct spec_window){ s->states[state].call, keys, state };
	s->states[state].window = (int)s->n_windows;
	GROW(c, s->calls, s->n_calls);
	s->calls[s->n_calls++] = (struct spec_call){ row, s->states[state].call, state, true, WINDOW_NONE, -1 };
	return (int)s->n_windows++;
}

struct window_of { struct compiler *c; int window; int failed; struct error why; };

static void join_window(struct window_of *w, int window)
{
	if (window == WINDOW_NONE || w->window == window || w->failed)
		return;
	if (w->window != WINDOW_NONE) {
		w->failed = error_set(&w->why, window == WINDOW_RECORD || w->window == WINDOW_RECORD ?
		    "it is of a window and of a record: what is of records stands inside aggregates" :
		    "it is of two different windows, and a record is given out for each");
		return;
	}
	w->window = window;
}

static void see_source(void *self, enum expr_source source, int index)
{
	struct window_of *w = self;
	struct spec *s = w->c->spec;

	/* What prev() and the like give is of the event. */
	if (source == EXPR_OF_SLOT || (source == EXPR_OF_CALL && !(s->calls[index].aggregate->kind.flags & EXPR_CALL_WINDOW)))
		join_window(w, WINDOW_RECORD);
	else if (source == EXPR_OF_CALL) {
		if (!w->failed && !(w->failed = check_closing(&s->calls[index], &w->why))) {
			const int window = window_of_call(w->c, &s->calls[index]);
			s->calls[index].window = window;
			join_window(w, window);
		}
	} else if (spec_lookup_owning(s, index))
		join_window(w, WINDOW_RECORD);
	else
		for (size_t i = 0; i < s->n_steps; i++)
			if (!s->steps[i].is_require && s->steps[i].local == index)
				join_window(w, s->steps[i].window);
}

int spec_window_find(struct compiler *c, const struct line *l, struct spec_step *step)
{
	struct window_of w = { c, WINDOW_NONE, 0, { "" } };

	step->window = WINDOW_NONE;
	if (c->spec->emit != EMIT_WINDOWS || step->is_require)
		return 0;
	expr_sources(step->expr, see_source, &w);
	step->window = w.window;
	return w.failed ? REFUSE(c, l, l->body, "%s", w.why.text) : 0;
}

/* How long a key matters whose windows close. */
int64_t spec_window_lasts(const struct spec *s)
{
	int64_t most = 0;

	if (s->emit != EMIT_WINDOWS)
		return 0;
	for (size_t i = 0; i < s->n_states; i++) {
		const struct expr_call *call = s->states[i].call;
		if (call->window != WINDOW_PANES && call->window != WINDOW_TUMBLING && call->window != WINDOW_SESSION)
			return 0;
		most = call->width > most ? call->width : most;
	}
	return eventtime_plus(most, eventtime_plus(s->timing.late, 1));
}
