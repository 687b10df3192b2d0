/* SPDX-License-Identifier: MIT */
#include "feature/spec-state.h"

#include <string.h>

#include "feature/spec-lookup.h"

/* The keys that a call's states are found by. */
static int keys_of(struct compiler *c, const struct expr_call *call, struct error *why)
{
	struct spec *s = c->spec;

	if (!call->n_by)
		return 0;
	struct spec_part *parts = arena_get(&s->arena, call->n_by * sizeof *parts);
	bool is_early = true;
	for (size_t i = 0; i < call->n_by; i++) {
		const struct fieldpath *path;
		if (!expr_is_path(call->by[i], &path))
			return error_set(why, "by takes paths and earlier features: give (%s) a name and say by NAME", compiler_show(c, call->by[i], true));
		if (compiler_is_many(path))
			return error_set(why, "by: [*] stands for many values, here must be one");
		parts[i] = (struct spec_part){ compiler_show(c, call->by[i], true), *path, call->by[i], compiler_slot(c, call->by[i]) };
		is_early &= parts[i].slot >= 0;
	}
	const char *text = compiler_list(c, parts, call->n_by, "by ");
	for (size_t i = 1; i < s->n_keys; i++)
		if (!strcmp(s->keys[i].text, text))
			return (int)i;
	GROW(c, s->keys, s->n_keys);
	s->keys[s->n_keys] = (struct spec_keys){ .parts = parts, .n = call->n_by, .text = text, .is_by = true, .is_early = is_early };
	return (int)s->n_keys++;
}

/* A canonical text in the making, and the lookups that stand in it. */
struct identifying { const struct spec *spec; struct buf text, lookups; };

static const struct expr *note_local(void *self, int index)
{
	struct identifying *in = self;
	const struct spec_lookup *lk = spec_lookup_owning(in->spec, index);

	if (!lk)
		return compiler_feature((void *)in->spec, index);
	const size_t from = in->lookups.len;
	buf_format(&in->lookups, "\nlookup %s", lk->text);
	if (memmem(in->lookups.data, from, in->lookups.data + from, in->lookups.len - from))
		in->lookups.len = from;
	return NULL;
}

/* What makes it the same state in another spec. */
static const char *identity_of(struct compiler *c, const char *text, const struct buf *lookups)
{
	const struct spec *s = c->spec;
	struct buf b = BUF_INIT;

	buf_add_text(&b, text);
	buf_add(&b, lookups->data, lookups->len);
	if (s->keys[0].n)
		buf_format(&b, "\nkey %s", s->keys[0].text);
	buf_format(&b, "\ntime %s:%s", s->time.text, eventtime_unit_show(s->unit));
	const char *identity = arena_copy(&c->spec->arena, b.data, b.len);
	buf_release(&b);
	return identity;
}

/* How far behind the newest event of its key one may come and still count. */
static int64_t lateness(const struct spec *s)
{
	int64_t within = 0;

	/* Windows wait for the records that wait for a partner, while others go by. */
	for (size_t i = 0; s->emit == EMIT_WINDOWS && i < s->n_joins; i++)
		within = s->joins[i].within > within ? s->joins[i].within : within;
	return eventtime_plus(s->timing.late, within);
}

unsigned spec_state_of(struct compiler *c, const struct aggregate *a, const struct expr_call *call, unsigned keys)
{
	struct spec *s = c->spec;
	const struct aggregate *owner = a->shares ? aggregate_find(a->shares, strlen(a->shares)) : a;
	struct expr_call *plain = arena_get(&s->arena, sizeof *plain);
	struct identifying in = { s, BUF_INIT, BUF_INIT };

	*plain = *call;
	plain->kind = &owner->kind;
	plain->n_args = aggregate_state_args(owner, call);
	plain->exclude_current = false;
	plain->late = lateness(s);
	expr_show_call(plain, &in.text, note_local, &in);
	const char *text = arena_copy(&s->arena, in.text.data, in.text.len);
	const char *identity = identity_of(c, text, &in.lookups);
	buf_release(&in.text);
	buf_release(&in.lookups);
	for (size_t i = 0; i < s->n_states; i++)
		if (s->states[i].keys == keys && !strcmp(s->states[i].identity, identity))
			return (unsigned)i;
	GROW(c, s->states, s->n_states);
	struct spec_state *state = &s->states[s->n_states];
	*state = (struct spec_state){ .aggregate = owner, .keeper = aggregate_keeper(owner, call), .call = plain, .text = text,
		.identity = identity, .keys = keys, .window = -1, .arg_slot = -1 };
	if (call->n_args) {
		state->arg = call->args[0];
		state->arg_slot = compiler_slot(c, state->arg);
		state->arg_text = compiler_show(c, state->arg, false);
	}
	s->keys[keys].n_states++;
	return (unsigned)s->n_states++;
}

static void note_use(struct compiler *c, unsigned state)
{
	for (size_t i = 0; i < c->n_used; i++)
		if (c->used[i] == state)
			return;
	GROW(c, c->used, c->n_used);
	c->used[c->n_used++] = state;
}

/* Of calls that share a state. */
static bool reads_alike(const struct aggregate *a, const struct expr_call *x, const struct expr_call *y)
{
	struct value v, w;

	if (x->exclude_current != y->exclude_current)
		return false;
	for (size_t i = aggregate_state_args(a, x); i < x->n_args; i++)
		if (!expr_is_constant(x->args[i], &v) || !expr_is_constant(y->args[i], &w) || !value_equal(v, w))
			return false;
	return true;
}

int spec_state_call(void *self, const struct expr_call *call, struct error *why)
{
	struct compiler *c = self;
	struct spec *s = c->spec;
	const struct aggregate *a = aggregate_find(call->kind->name, strlen(call->kind->name));

	const int refused = aggregate_check(a, call, why);
	if (refused)
		return refused;
	const int keys = keys_of(c, call, why);
	if (keys < 0)
		return -1;
	const size_t n_states = s->n_states;
	const unsigned state = spec_state_of(c, a, call, (unsigned)keys);
	note_use(c, state);
	for (size_t i = 0; i < s->n_calls; i++)
		if (s->calls[i].state == state && s->calls[i].aggregate == a && reads_alike(a, s->calls[i].call, call))
			return (int)i;
	s->looks_back |= aggregate_needs_time(a, call);
	if (aggregate_needs_time(a, call) && !s->needs_time) {
		s->needs_time = true;
		s->time_user = a->signature;
	}
	GROW(c, s->calls, s->n_calls);
	s->calls[s->n_calls] = (struct spec_call){ a, call, state, s->n_states > n_states, WINDOW_NONE, -1 };
	return (int)s->n_calls++;
}

/* ---- bundles, and where states stand in a row ---- */

static void bundle_states(struct compiler *c, struct bundle_member *members, size_t n, unsigned keys)
{
	struct spec *s = c->spec;
	struct bundle *b = bundle_new(&s->arena, members, n);

	b->number = (unsigned)s->n_bundles;
	b->keys = keys;
	for (size_t i = 0; i < n; i++) {
		s->states[members[i].state].bundle = b;
		s->states[members[i].state].member = &members[i];
	}
	GROW(c, s->bundles, s->n_bundles);
	s->bundles[s->n_bundles++] = b;
}

static void find_bundles(struct compiler *c, unsigned keys)
{
	struct spec *s = c->spec;
	struct bundle_member *members = NULL;
	size_t n = 0;

	for (unsigned i = 0; i < s->n_states; i++) {
		const struct spec_state *st = &s->states[i];
		if (st->keys != keys || st->window >= 0 || !bundle_takes(st->aggregate, st->call))
			continue;
		if (!n)
			members = arena_get(&s->arena, BUNDLE_MAX * sizeof *members);
		members[n++] = (struct bundle_member){ .aggregate = st->aggregate, .call = st->call, .name = st->identity,
			.source = st->arg_slot, .takes = st->arg, .state = i };
		if (n == BUNDLE_MAX) {
			bundle_states(c, members, n, keys);
			n = 0;
		}
	}
	if (n > 1)
		bundle_states(c, members, n, keys);
}

/* Of the state of a call; NULL: it is in none that is plain. */
static const struct bundle *plain_bundle(const struct spec *s, const struct spec_call *c)
{
	const struct bundle *b = s->states[c->state].bundle;

	return b && b->is_plain ? b : NULL;
}

/* The calls of bundles, and the features that are no more than one of these. */
static void find_given(struct spec *s)
{
	s->given = arena_get(&s->arena, (s->n_bundles + 1) * sizeof *s->given);
	s->n_given = arena_get(&s->arena, (s->n_bundles + 1) * sizeof *s->n_given);
	for (size_t i = 0; i < s->n_bundles; i++) {
		size_t n = 0;
		for (size_t j = 0; j < s->n_calls; j++)
			n += plain_bundle(s, &s->calls[j]) == s->bundles[i];
		s->given[i] = arena_get(&s->arena, (n + 1) * sizeof **s->given);
		s->n_given[i] = 0;
		for (size_t j = 0; j < s->n_calls; j++)
			if (plain_bundle(s, &s->calls[j]) == s->bundles[i])
				s->given[i][s->n_given[i]++] = (struct spec_given){ s->states[s->calls[j].state].member, &s->calls[j] };
	}
	for (size_t i = 0, calls = 0; i < s->n_steps; calls = s->steps[i++].calls_end) {
		struct spec_step *step = &s->steps[i];
		const struct spec_call *call = &s->calls[calls];
		if (step->is_call && step->calls_end == calls + 1 && call->local == step->local)
			step->bundle = plain_bundle(s, call);
	}
}

void spec_state_arrange(struct compiler *c)
{
	struct spec *s = c->spec;

	/* What windows give out is kept as the watermark says. */
	for (unsigned k = 0; k < s->n_keys && s->emit != EMIT_WINDOWS; k++)
		find_bundles(c, k);
	for (unsigned k = 0; k < s->n_keys && s->by_partition; k++)
		s->keys[k].state_size = STATE_PARTITION_BYTES;
	for (size_t i = 0; i < s->n_bundles; i++) {
		struct bundle *b = s->bundles[i];
		b->offset = s->keys[b->keys].state_size;
		s->keys[b->keys].state_size += bundle_size(b);
		for (size_t j = 0; j < b->n; j++)
			s->states[b->members[j].state].offset = b->offset;
	}
	s->alone = arena_get(&s->arena, (s->n_states + 1) * sizeof *s->alone);
	for (unsigned i = 0; i < s->n_states; i++) {
		struct spec_state *st = &s->states[i];
		if (st->bundle)
			continue;
		s->alone[s->n_alone++] = i;
		st->offset = s->keys[st->keys].state_size;
		s->keys[st->keys].state_size += (st->keeper->size + 7) / 8 * 8;
	}
	find_given(s);
}
