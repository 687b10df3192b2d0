/* SPDX-License-Identifier: MIT */
#include "feature/topk-pot.h"

#include <stdlib.h>
#include <string.h>

#include "feature/names.h"

#define FEW 8

static uint32_t home_of(const struct topk_pot *p, uint32_t name)
{
	return (uint32_t)(name * UINT64_C(0x9e3779b97f4a7c15) >> 40) & (p->room * 2 - 1);
}

static uint32_t index_of(const struct topk_pot *p, uint32_t name)
{
	const uint32_t mask = p->room * 2 - 1;
	uint32_t i = home_of(p, name);

	while (p->index[i] && p->items[p->index[i] - 1].name != name)
		i = (i + 1) & mask;
	return i;
}

struct topk_item *topk_pot_find(const struct topk_pot *p, uint32_t name)
{
	if (name == NAMES_NONE)
		return NULL;
	if (p->index) {
		const uint32_t place = p->index[index_of(p, name)];
		return place ? &p->items[place - 1] : NULL;
	}
	for (uint32_t i = 0; i < p->n; i++)
		if (p->items[i].name == name)
			return &p->items[i];
	return NULL;
}

static void make_index(struct topk_pot *p)
{
	if (!p->index)
		return;
	memset(p->index, 0, p->room * 2 * sizeof *p->index);
	for (uint32_t i = 0; i < p->n; i++)
		p->index[index_of(p, p->items[i].name)] = (uint16_t)(i + 1);
}

static void free_room(const struct topk_pot *p, struct pool *pool)
{
	pool_put(pool, p->items, p->room * sizeof *p->items);
	pool_put(pool, p->index, p->index ? p->room * 2 * sizeof *p->index : 0);
}

static void make_room(struct topk_pot *p, struct pool *pool)
{
	struct topk_pot more = *p;

	more.room = p->room ? p->room * 2 : 4;
	more.items = pool_get(pool, more.room * sizeof *more.items);
	more.index = more.room > FEW ? pool_get(pool, more.room * 2 * sizeof *more.index) : NULL;
	if (p->n)
		memcpy(more.items, p->items, p->n * sizeof *more.items);
	free_room(p, pool);
	*p = more;
	make_index(p);
}

void topk_pot_add(struct topk_item *to, const struct topk_item *one)
{
	to->count += one->count;
	if (topk_best_is_earlier(one, to)) {
		to->time = one->time;
		to->arrival = one->arrival;
	}
}

/* Counts go up alone: what is listed is not below the bound. */
static void update_best(struct topk_pot *p, const struct topk_item *one)
{
	struct topk_best *b = p->best;
	uint32_t dropped;

	if (!b || !b->is_valid || (one->count && one->count < b->bound))
		return;
	const size_t i = topk_best_find(b, one->name);
	if (i < b->n)
		topk_best_change(b, i, one);
	else if (one->count)
		topk_best_raise(b, one, true, &dropped);
}

void topk_pot_count(struct topk_pot *p, struct topk_item *at, const struct topk_item *one)
{
	topk_pot_add(at, one);
	update_best(p, at);
}

void topk_pot_append(struct topk_pot *p, const struct topk_item *one, struct pool *pool)
{
	if (p->n == p->room)
		make_room(p, pool);
	p->items[p->n++] = *one;
	if (p->index)
		p->index[index_of(p, one->name)] = (uint16_t)p->n;
	update_best(p, one);
}

/* Another name at place i; closes the gap that the old one leaves (Knuth, TAOCP 3, 6.4, algorithm R). */
static void rename_item(struct topk_pot *p, uint32_t i, const struct topk_item *one)
{
	const uint32_t mask = p->room * 2 - 1;
	uint32_t hole = index_of(p, p->items[i].name);

	for (uint32_t k = (hole + 1) & mask; p->index[k]; k = (k + 1) & mask) {
		const uint32_t home = home_of(p, p->items[p->index[k] - 1].name);
		if (((k - home) & mask) >= ((k - hole) & mask)) {
			p->index[hole] = p->index[k];
			hole = k;
		}
	}
	p->index[hole] = 0;
	p->items[i] = *one;
	p->index[index_of(p, one->name)] = (uint16_t)(i + 1);
}

uint32_t topk_pot_least(const struct topk_pot *p, uint64_t *least)
{
	uint32_t hand = p->hand;

	for (*least = p->least;; hand = 0) {
		for (; hand < p->n; hand++)
			if (p->items[hand].count == *least)
				return hand;
		*least = UINT64_MAX;
		for (uint32_t i = 0; i < p->n; i++)
			*least = p->items[i].count < *least ? p->items[i].count : *least;
	}
}

void topk_pot_replace(struct topk_pot *p, struct topk_item *one)
{
	const uint32_t i = topk_pot_least(p, &p->least);
	const struct topk_item old = p->items[i];

	one->count += old.count;
	rename_item(p, i, one);
	p->hand = i + 1;
	update_best(p, &(struct topk_item){ .name = old.name });
	update_best(p, one);
}

const struct topk_best *topk_pot_best(struct topk_pot *p, size_t k, struct pool *pool)
{
	if (!topk_best_serves(p->best, k)) {
		topk_best_free(p->best, pool);
		p->best = topk_best_new(k, pool);
	}
	if (!topk_best_knows(p->best, k, p->n)) {
		topk_best_begin(p->best);
		for (uint32_t i = 0; i < p->n; i++)
			topk_best_tell(p->best, &p->items[i]);
	}
	return p->best;
}

static int by_order(const void *a, const void *b)
{
	return topk_best_goes_before(a, b) ? -1 : topk_best_goes_before(b, a);
}

void topk_pot_sort(struct topk_pot *p)
{
	qsort(p->items, p->n, sizeof *p->items, by_order);
	make_index(p);
}

void topk_pot_cut(struct topk_pot *p, uint32_t n, struct pool *pool)
{
	const struct topk_pot all = *p;

	*p = (struct topk_pot){0};
	for (uint32_t i = 0; i < n; i++)
		topk_pot_append(p, &all.items[i], pool);
	free_room(&all, pool);
	topk_best_free(all.best, pool);
}

void topk_pot_release(struct topk_pot *p, struct pool *pool)
{
	free_room(p, pool);
	topk_best_free(p->best, pool);
	*p = (struct topk_pot){0};
}
