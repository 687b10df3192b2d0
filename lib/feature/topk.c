/* SPDX-License-Identifier: MIT */
#include "feature/topk.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "feature/names.h"
#include "feature/topk-pot.h"

#define UNUSED(x) ((void)(x))

/* So few values are gone through each time; of more a list is kept.  Those of a sum may have to be looked for in the window. */
#define SUM_FEW 8
#define POT_FEW 32

/* What a state's values have in common. */
struct common {
	struct names names;
	uint32_t arrivals;		/* values that came, modulo 2^32 */
	uint32_t before;		/* while it is loaded: the arrival of the entry before */
};

/* ---- a value stands as itself and its hash ---- */

static int take(struct value *x, struct arena *arena, struct error *why)
{
	if (x->type < VALUE_BOOL || x->type > VALUE_STRING)
		return error_set(why, "needs numbers, strings or booleans");
	struct value *both = arena_get(arena, 2 * sizeof *both);
	both[0] = x->type == VALUE_DOUBLE ? value_number(x->number) : *x;
	both[1] = (struct value){ .type = VALUE_UNSIGNED, .uinteger = names_hash(*x) };
	*x = (struct value){ .type = VALUE_ARRAY, .len = 2, .items = both };
	return 0;
}

static uint64_t hash_of(const struct value *x)
{
	return x->items[1].uinteger;
}

static struct value answer(const struct counted_in *in, const struct topk_item *items, size_t n, const struct counted_question *q)
{
	const struct names *names = &((struct common *)in->common)->names;
	struct value *rows = arena_get(q->arena, 3 * (n ? n : 1) * sizeof *rows), *cells = rows + n;

	for (size_t i = 0; i < n; i++) {
		const struct value v = items[i].name == NAMES_NONE ? q->x->items[0] : names->kept[items[i].name].value;
		cells[2 * i] = v.type == VALUE_STRING ? value_copy(v, q->arena) : v;
		cells[2 * i + 1] = value_integer((int64_t)items[i].count);
		rows[i] = (struct value){ .type = VALUE_ARRAY, .len = 2, .items = &cells[2 * i] };
	}
	return n ? (struct value){ .type = VALUE_ARRAY, .len = (uint32_t)n, .items = rows } : value_null();
}

/* ---- entries: a name and its arrival ---- */

static uint64_t make(const struct counted_in *in, struct value x)
{
	struct common *c = in->common;

	return names_hold(&c->names, x.items[0], hash_of(&x), in->pool) | (uint64_t)c->arrivals++ << 32;
}

static void unmake(const struct counted_in *in, uint64_t entry)
{
	if ((uint32_t)entry != NAMES_NONE)
		names_drop(&((struct common *)in->common)->names, (uint32_t)entry, in->pool);
}

/* ---- saved: names by their places in the file, of arrivals the difference to the one before ---- */

struct saving { uint32_t before; uint32_t order[]; };

static void *save_common(const struct counted_in *in, struct buf *b)
{
	const struct common *c = in->common;
	struct saving *s = alloc_zeroed(1, sizeof *s + c->names.n * sizeof *s->order);

	names_save(&c->names, b, s->order);
	snapshot_put_varint(b, c->arrivals);
	return s;
}

static uint32_t get_arrival(struct snapshot_bytes *bytes)
{
	const uint64_t n = snapshot_get_varint(bytes);

	if (n > UINT32_MAX)
		bytes->torn = true;
	return (uint32_t)n;
}

static void load_common(const struct counted_in *in, struct snapshot_bytes *bytes)
{
	struct common *c = in->common;

	names_load(&c->names, bytes, in->pool);
	c->arrivals = get_arrival(bytes);
}

static bool is_whole(const struct counted_in *in)
{
	return names_are_held(&((const struct common *)in->common)->names);
}

static void release_common(const struct counted_in *in)
{
	names_release(&((struct common *)in->common)->names, in->pool);
}

static void save_name(const struct counted_in *in, uint32_t name, uint32_t arrival, struct buf *b)
{
	struct saving *s = in->saving;

	snapshot_put_varint(b, s->order[name]);
	snapshot_put_signed(b, (int32_t)(arrival - s->before));
	s->before = arrival;
}

static uint32_t load_name(const struct counted_in *in, uint32_t *arrival, struct snapshot_bytes *bytes)
{
	struct common *c = in->common;
	const uint64_t name = snapshot_get_varint(bytes);
	const int64_t step = snapshot_get_signed(bytes);

	if (step < INT32_MIN || step > INT32_MAX)
		bytes->torn = true;
	if (bytes->torn || !names_hold_number(&c->names, name)) {
		bytes->torn = true;
		return NAMES_NONE;
	}
	*arrival = c->before += (uint32_t)step;
	return (uint32_t)name;
}

static void save_one(const struct counted_in *in, uint64_t entry, struct buf *b)
{
	save_name(in, (uint32_t)entry, (uint32_t)(entry >> 32), b);
}

static uint64_t load_one(const struct counted_in *in, struct snapshot_bytes *bytes)
{
	uint32_t arrival = 0;
	const uint32_t name = load_name(in, &arrival, bytes);

	return name | (uint64_t)arrival << 32;
}

/* ---- sums ---- */

/* Of a name, by its number.  is_stale: it is now seen first further back than it says. */
struct tally {
	uint64_t count;
	int64_t time;
	uint32_t arrival;
	uint32_t place : 29;		/* in `there` */
	uint32_t is_stale : 1, is_listed : 1;
	uint32_t is_wanted : 1;		/* while stale ones are looked for */
};

struct sum {
	struct tally *tallies;
	uint32_t *there;		/* names whose count is not 0, in no order that is told */
	uint32_t room;			/* of both */
	uint32_t n;
	uint32_t moved;			/* entries since the list was read */
	struct topk_best *best;		/* the list; NULL until it is asked for, and as long as there are few */
};

static struct topk_item item_of(const struct sum *s, uint32_t name)
{
	const struct tally *t = &s->tallies[name];

	return (struct topk_item){ t->count, t->time, t->arrival, name };
}

static void forget_best(struct sum *s)
{
	for (size_t i = 0; s->best && s->best->is_valid && i < s->best->n; i++)
		s->tallies[s->best->items[i].name].is_listed = false;
	if (s->best)
		s->best->is_valid = false;
}

/* After a change of its count or first place. */
static void update_best(struct sum *s, uint32_t name)
{
	const struct topk_item one = item_of(s, name);
	struct tally *t = &s->tallies[name];
	uint32_t dropped;

	if (!s->best || !s->best->is_valid)
		return;
	if (t->is_listed) {
		topk_best_change(s->best, topk_best_find(s->best, name), &one);
		t->is_listed = t->count > 0;
	} else if (t->count && topk_best_raise(s->best, &one, !t->is_stale, &dropped)) {
		t->is_listed = true;
		if (dropped != NAMES_NONE)
			s->tallies[dropped].is_listed = false;
	}
}

/* The sum of a damaged state's counts can come to 0, too. */
static bool is_there(const struct sum *s, uint32_t name)
{
	const struct tally *t = &s->tallies[name];

	return t->count || (t->place < s->n && s->there[t->place] == name);
}

static void make_tally(struct sum *s, uint32_t name, struct pool *pool)
{
	uint32_t room = s->room ? s->room : 4;

	while (room <= name)
		room *= 2;
	if (room == s->room)
		return;
	s->tallies = pool_resize(pool, s->tallies, s->room * sizeof *s->tallies, room * sizeof *s->tallies);
	s->there = pool_resize(pool, s->there, s->room * sizeof *s->there, room * sizeof *s->there);
	memset(s->tallies + s->room, 0, (room - s->room) * sizeof *s->tallies);
	s->room = room;
}

static void set_first(struct tally *t, const struct topk_item *one)
{
	t->is_stale = false;
	t->time = one->time;
	t->arrival = one->arrival;
}

static void put(const struct counted_in *in, struct sum *s, const struct topk_item *one, enum counted_end end)
{
	make_tally(s, one->name, in->pool);
	struct tally *t = &s->tallies[one->name];
	const struct topk_item before = item_of(s, one->name);
	const bool is_new = !is_there(s, one->name);

	if (is_new) {
		t->place = s->n & 0x1fffffff;
		s->there[s->n++] = one->name;
	}
	if (is_new || end == COUNTED_FRONT || (end == COUNTED_WITHIN && !t->is_stale && topk_best_is_earlier(one, &before)))
		set_first(t, one);
	t->count += one->count;
	update_best(s, one->name);
}

static void take_away(struct sum *s, const struct topk_item *one, enum counted_end end)
{
	struct tally *t = &s->tallies[one->name];
	const struct topk_item before = item_of(s, one->name);

	if (!is_there(s, one->name))
		return;
	t->count -= one->count;
	if (!t->count) {
		t->is_stale = false;
		const uint32_t last = s->there[--s->n];
		s->there[t->place] = last;
		s->tallies[last].place = t->place;
	} else if (end != COUNTED_BACK && !topk_best_is_earlier(&before, one))
		t->is_stale = true;
	if (t->is_listed)
		update_best(s, one->name);
}

static struct topk_item item_once(int64_t time, uint64_t entry)
{
	return (struct topk_item){ 1, time, (uint32_t)(entry >> 32), (uint32_t)entry };
}

/* More entries than there are values cost the list more than making it anew does. */
static void count_moved(struct sum *s, size_t n)
{
	s->moved += (uint32_t)n;
	if (s->moved > s->n)
		forget_best(s);
}

static void move(const struct counted_in *in, void *sum, const int64_t *times, const uint64_t *entries, size_t n, int sign, enum counted_end end)
{
	struct sum *s = sum;

	count_moved(s, n);
	/* At the front the oldest comes last. */
	for (size_t j = 0; j < n; j++) {
		const size_t i = sign > 0 && end == COUNTED_FRONT ? n - 1 - j : j;
		const struct topk_item one = item_once(times[i], entries[i]);
		if (sign > 0)
			put(in, s, &one, end);
		else
			take_away(s, &one, end);
	}
}

static void move_pot(const struct counted_in *in, void *sum, const void *pot, int sign, enum counted_end end)
{
	const struct topk_pot *p = pot;

	count_moved(sum, p->n);
	for (uint32_t i = 0; i < p->n; i++)
		if (sign > 0)
			put(in, sum, &p->items[i], end);
		else
			take_away(sum, &p->items[i], end);
}

static bool is_over(const void *sum)
{
	return ((const struct sum *)sum)->n > COUNTED_MAX;
}

static void release_sum(const struct counted_in *in, void *sum)
{
	struct sum *s = sum;

	pool_put(in->pool, s->tallies, s->room * sizeof *s->tallies);
	pool_put(in->pool, s->there, s->room * sizeof *s->there);
	topk_best_free(s->best, in->pool);
	*s = (struct sum){0};
}

/* ---- where stale ones are seen first ---- */

struct search { struct sum *sum; size_t wanted; };

static void see_first(struct search *s, const struct topk_item *one)
{
	struct tally *t = &s->sum->tallies[one->name];

	if (!t->is_stale)
		return;
	set_first(t, one);
	s->wanted -= t->is_wanted;
	t->is_wanted = false;
	if (t->is_listed)
		update_best(s->sum, one->name);
}

static bool see_entries(void *self, const int64_t *times, void *entries, size_t n)
{
	struct search *s = self;
	const uint64_t *e = entries;

	for (size_t i = 0; i < n && s->wanted; i++)
		if (s->sum->tallies[(uint32_t)e[i]].is_stale) {
			const struct topk_item one = item_once(times[i], e[i]);
			see_first(s, &one);
		}
	return s->wanted;
}

static bool see_pots(void *self, const int64_t *times, void *entries, size_t n)
{
	const struct topk_pot *pots = entries;
	struct search *s = self;

	UNUSED(times);
	for (size_t j = 0; j < n; j++)
		for (uint32_t i = 0; i < pots[j].n && s->wanted; i++)
			see_first(s, &pots[j].items[i]);
	return s->wanted;
}

static void want(struct search *s, uint32_t name)
{
	struct tally *t = &s->sum->tallies[name];

	s->wanted += t->is_stale && !t->is_wanted;
	t->is_wanted = t->is_stale;
}

static void search(struct search *s, const struct counted_stretch *of)
{
	if (s->wanted)
		timeline_runs(of->line, of->kind, of->after, of->until, false, of->has_pots ? see_pots : see_entries, s);
}

/* ---- the most frequent ones ---- */

/* The first `most`, or all that there are, into items; the count that none of the others exceeds. */
static uint64_t list_first(struct sum *s, const struct counted_stretch *of, size_t most, struct topk_item *items, size_t *n)
{
	struct search stale = { s, 0 };
	size_t counted = 0;

	for (uint32_t i = 0; i < s->n && s->n > most; i++) {
		const struct topk_item one = { .count = s->tallies[s->there[i]].count };
		topk_best_insert(items, &counted, most, &one);
	}
	const uint64_t least = counted ? items[most - 1].count : 0;
	for (uint32_t i = 0; i < s->n; i++)
		if (s->tallies[s->there[i]].count >= least)
			want(&stale, s->there[i]);
	search(&stale, of);
	*n = 0;
	for (uint32_t i = 0; i < s->n; i++)
		if (s->tallies[s->there[i]].count >= least) {
			const struct topk_item one = item_of(s, s->there[i]);
			topk_best_insert(items, n, most, &one);
		}
	return least;
}

static void make_best(struct sum *s, const struct counted_stretch *of)
{
	forget_best(s);
	topk_best_begin(s->best);
	s->best->bound = list_first(s, of, s->best->most, s->best->items, &s->best->n);
	for (size_t i = 0; i < s->best->n; i++)
		s->tallies[s->best->items[i].name].is_listed = true;
}

/* The first k or more, or all that there are; *n of them. */
static const struct topk_item *first_of(const struct counted_in *in, struct sum *s, const struct counted_stretch *of, size_t k,
    struct arena *arena, size_t *n)
{
	struct search stale = { s, 0 };

	if (!s->best && s->n <= SUM_FEW) {
		const size_t most = k < SUM_FEW ? k : SUM_FEW;
		struct topk_item *items = arena_get(arena, most * sizeof *items);
		list_first(s, of, most, items, n);
		return items;
	}
	if (!topk_best_serves(s->best, k)) {
		forget_best(s);
		topk_best_free(s->best, in->pool);
		s->best = topk_best_new(k, in->pool);
	}
	if (!topk_best_knows(s->best, k, s->n))
		make_best(s, of);
	const uint64_t least = s->best->n > k ? s->best->items[k - 1].count : 0;
	for (size_t i = 0; i < s->best->n && s->best->items[i].count >= least; i++)
		want(&stale, s->best->items[i].name);
	search(&stale, of);
	s->moved = 0;
	*n = s->best->n;
	return s->best->items;
}

static struct topk_item present(const struct counted_in *in, const struct counted_question *q)
{
	return (struct topk_item){ 1, q->time, ((const struct common *)in->common)->arrivals, NAMES_NONE };
}

/* The first k, and the present value among them, which may be one of them. */
static struct value answer_with(const struct counted_in *in, const struct topk_item *first, size_t n, const struct topk_item *one,
    const struct counted_question *q)
{
	const size_t k = (size_t)q->constant;
	struct topk_item *items = arena_get(q->arena, k * sizeof *items);
	size_t kept = 0;

	for (size_t i = 0; i < n && kept < k; i++)
		if (!one || one->name == NAMES_NONE || first[i].name != one->name)
			items[kept++] = first[i];
	if (one)
		topk_best_insert(items, &kept, k, one);
	return answer(in, items, kept, q);
}

static struct value read_sum(const struct counted_in *in, void *sum, const struct counted_stretch *of, const struct counted_question *q)
{
	struct sum *s = sum;
	const uint32_t name = q->x ? names_find(&((struct common *)in->common)->names, hash_of(q->x)) : NAMES_NONE;
	const bool is_known = name < s->room && is_there(s, name);
	struct topk_item one = present(in, q);

	if (!of->has_pots && s->n + (q->x && !is_known) > COUNTED_MAX) {
		if (q->over)
			*q->over = true;
		return value_null();
	}
	size_t n;
	const struct topk_item *first = first_of(in, s, of, (size_t)q->constant, q->arena, &n);
	if (is_known) {
		struct search stale = { s, 0 };
		want(&stale, name);
		search(&stale, of);
		const struct topk_item others = item_of(s, name);
		one.name = name;
		topk_pot_add(&one, &others);
	}
	return answer_with(in, first, n, q->x ? &one : NULL, q);
}

static struct value read_pot(const struct counted_in *in, void *pot, const struct counted_question *q)
{
	struct topk_pot *p = pot;
	const size_t k = (size_t)q->constant;
	const struct topk_item *own = q->x ? topk_pot_find(p, names_find(&((struct common *)in->common)->names, hash_of(q->x))) : NULL;
	struct topk_item one = present(in, q);
	uint32_t gone = NAMES_NONE;
	uint64_t least;
	size_t n = 0;

	if (own) {
		one.name = own->name;
		topk_pot_add(&one, own);
	} else if (q->x && p->n == COUNTED_MAX) {
		gone = p->items[topk_pot_least(p, &least)].name;
		one.count += least;
	}
	/* One more than is asked for: one may go. */
	const struct topk_best *best = in->pool && p->n > POT_FEW ? topk_pot_best(p, k + 1, in->pool) : NULL;
	const struct topk_item *all = best ? best->items : p->items;
	struct topk_item *items = arena_get(q->arena, (k + 1) * sizeof *items);
	for (size_t i = 0; i < (best ? best->n : p->n); i++)
		if (all[i].name != gone)
			topk_best_insert(items, &n, k + 1, &all[i]);
	return answer_with(in, items, n, q->x ? &one : NULL, q);
}

/* ---- a value into a pot, and pots into one ---- */

static void add_to_pot(const struct counted_in *in, void *pot, struct value x, int64_t time, void *const sums[], size_t n_sums)
{
	struct common *c = in->common;
	struct topk_pot *p = pot;
	struct topk_item one = { 1, time, c->arrivals++, names_find(&c->names, hash_of(&x)) }, old = {0};
	struct topk_item *own = topk_pot_find(p, one.name);
	const bool is_full = !own && p->n == COUNTED_MAX;
	uint64_t least;

	if (is_full) {
		old = p->items[topk_pot_least(p, &least)];
		names_drop(&c->names, old.name, in->pool);	/* the new value may get its number */
	}
	if (own)
		topk_pot_count(p, own, &one);
	else
		one.name = names_hold(&c->names, x.items[0], hash_of(&x), in->pool);
	if (is_full)
		topk_pot_replace(p, &one);
	else if (!own)
		topk_pot_append(p, &one, in->pool);
	for (size_t i = 0; i < n_sums; i++) {
		if (is_full)
			take_away(sums[i], &old, COUNTED_WITHIN);
		put(in, sums[i], &one, COUNTED_WITHIN);
	}
}

static void join(const struct counted_in *in, void *pot, const void *other)
{
	const struct topk_pot *from = other;
	struct topk_pot *p = pot;

	for (uint32_t i = 0; i < from->n; i++) {
		struct topk_item *own = topk_pot_find(p, from->items[i].name);
		if (own) {
			topk_pot_count(p, own, &from->items[i]);
			continue;
		}
		names_hold_number(&((struct common *)in->common)->names, from->items[i].name);
		topk_pot_append(p, &from->items[i], in->pool);
	}
	if (p->n <= COUNTED_MAX)
		return;
	topk_pot_sort(p);
	for (uint32_t i = COUNTED_MAX; i < p->n; i++)
		names_drop(&((struct common *)in->common)->names, p->items[i].name, in->pool);
	topk_pot_cut(p, COUNTED_MAX, in->pool);
}

static void release_pot(const struct counted_in *in, void *pot)
{
	struct topk_pot *p = pot;

	for (uint32_t i = 0; i < p->n; i++)
		names_drop(&((struct common *)in->common)->names, p->items[i].name, in->pool);
	topk_pot_release(p, in->pool);
}

/* How many values, then of each its count, time, name and arrival; of a full pot where the next one goes. */
static void save_pot(const struct counted_in *in, const void *pot, struct buf *b)
{
	const struct topk_pot *p = pot;

	snapshot_put_varint(b, p->n);
	for (uint32_t i = 0; i < p->n; i++) {
		snapshot_put_varint(b, p->items[i].count);
		snapshot_put_signed(b, p->items[i].time);
		save_name(in, p->items[i].name, p->items[i].arrival, b);
	}
	if (p->n == COUNTED_MAX) {
		snapshot_put_varint(b, p->hand);
		snapshot_put_varint(b, p->least);
	}
}

#define COUNT_MAX (UINT64_C(1) << 48)	/* in a saved state: sums have room */

static void load_pot(const struct counted_in *in, void *pot, struct snapshot_bytes *bytes)
{
	const uint64_t n = snapshot_get_varint(bytes);
	struct topk_pot *p = pot;

	for (uint64_t i = 0; i < n && !bytes->torn; i++) {
		struct topk_item one = { .count = snapshot_get_varint(bytes) };
		one.time = snapshot_get_signed(bytes);
		one.name = load_name(in, &one.arrival, bytes);
		if (i == COUNTED_MAX || !one.count || one.count > COUNT_MAX || topk_pot_find(p, one.name))
			bytes->torn = true;
		if (!bytes->torn)
			topk_pot_append(p, &one, in->pool);
	}
	if (p->n == COUNTED_MAX && !bytes->torn) {
		const uint64_t hand = snapshot_get_varint(bytes);
		p->least = snapshot_get_varint(bytes);
		p->hand = (uint32_t)hand;
		bytes->torn |= hand > COUNTED_MAX;
	}
}

/* ---- bytes ---- */

static size_t room_for(size_t n)
{
	size_t room = 4;

	while (room < n)
		room *= 2;
	return room;
}

static size_t pot_bytes(size_t n)
{
	return pool_size(room_for(n) * sizeof(struct topk_item)) + pool_size(room_for(n) * 2 * sizeof(uint16_t));
}

static size_t sum_bytes(size_t n)
{
	return pool_size(room_for(n) * sizeof(struct tally)) + pool_size(room_for(n) * sizeof(uint32_t)) +
	    (n > SUM_FEW ? topk_best_bytes(10) : 0);
}

static size_t sum_now(const struct counted_in *in)
{
	return ((const struct common *)in->common)->names.n * (sizeof(struct tally) + sizeof(uint32_t));
}

const struct counted topk_counted = {
	.common = sizeof(struct common), .pot = sizeof(struct topk_pot), .sum = sizeof(struct sum), .least = 1, .most = TOPK_MAX, .usual = 10, .takes_whole = true,
	.range = "k is a whole number from 1 to 100", .last_max = COUNTED_MAX, .take = take,
	.save_common = save_common, .load_common = load_common, .is_whole = is_whole, .release_common = release_common,
	.make = make, .unmake = unmake, .save = save_one, .load = load_one,
	.move = move, .move_pot = move_pot, .is_over = is_over, .read = read_sum, .release = release_sum,
	.pot_add = add_to_pot, .pot_join = join, .pot_read = read_pot, .pot_save = save_pot, .pot_load = load_pot, .pot_release = release_pot,
	.common_bytes = names_bytes, .pot_bytes = pot_bytes, .sum_bytes = sum_bytes, .sum_now = sum_now,
	.usual_values = COUNTED_MAX,
};

_Static_assert(TOPK_WHOLE == sizeof(struct common) + sizeof(struct topk_pot), "of the keeper of over all");
