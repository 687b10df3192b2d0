/* SPDX-License-Identifier: MIT */
#include "feature/topk-best.h"

#include <string.h>

#include "feature/names.h"

/* To where it belongs among those before it, and those behind it. */
static void settle(struct topk_item *items, size_t n, size_t i)
{
	const struct topk_item one = items[i];

	for (; i && topk_best_goes_before(&one, &items[i - 1]); i--)
		items[i] = items[i - 1];
	for (; i + 1 < n && topk_best_goes_before(&items[i + 1], &one); i++)
		items[i] = items[i + 1];
	items[i] = one;
}

void topk_best_insert(struct topk_item *items, size_t *n, size_t most, const struct topk_item *one)
{
	if (*n < most)
		items[(*n)++] = *one;
	else if (topk_best_goes_before(one, &items[*n - 1]))
		items[*n - 1] = *one;
	else
		return;
	settle(items, *n, *n - 1);
}

static size_t size_of(size_t most)
{
	return sizeof(struct topk_best) + most * sizeof(struct topk_item);
}

static size_t most_for(size_t k)
{
	return 2 * k + 16;
}

struct topk_best *topk_best_new(size_t k, struct pool *pool)
{
	struct topk_best *b = pool_get(pool, size_of(most_for(k)));

	*b = (struct topk_best){ .most = most_for(k) };
	return b;
}

void topk_best_free(struct topk_best *b, struct pool *pool)
{
	if (b)
		pool_put(pool, b, size_of(b->most));
}

bool topk_best_serves(const struct topk_best *b, size_t k)
{
	return b && b->most >= most_for(k);
}

size_t topk_best_bytes(size_t k)
{
	return pool_size(size_of(most_for(k)));
}

void topk_best_begin(struct topk_best *b)
{
	b->n = 0;
	b->bound = 0;
	b->is_valid = b->is_exact = true;
}

static void raise_bound(struct topk_best *b, uint64_t count)
{
	b->bound = b->bound > count ? b->bound : count;
}

void topk_best_tell(struct topk_best *b, const struct topk_item *one)
{
	if (b->n == b->most)
		raise_bound(b, topk_best_goes_before(one, &b->items[b->n - 1]) ? b->items[b->n - 1].count : one->count);
	topk_best_insert(b->items, &b->n, b->most, one);
}

bool topk_best_knows(const struct topk_best *b, size_t k, size_t all)
{
	return b->is_valid && (b->is_exact || b->n == all || (b->n >= k && b->items[k - 1].count > b->bound));
}

size_t topk_best_find(const struct topk_best *b, uint32_t name)
{
	size_t i = 0;

	while (i < b->n && b->items[i].name != name)
		i++;
	return i;
}

void topk_best_change(struct topk_best *b, size_t i, const struct topk_item *one)
{
	if (topk_best_goes_before(&b->items[i], one))
		b->is_exact = false;
	if (one->count) {
		b->items[i] = *one;
		settle(b->items, b->n, i);
		return;
	}
	b->n--;
	memmove(&b->items[i], &b->items[i + 1], (b->n - i) * sizeof *b->items);
}

int topk_best_raise(struct topk_best *b, const struct topk_item *one, bool is_known, uint32_t *dropped)
{
	*dropped = NAMES_NONE;
	if (one->count < b->bound || (one->count == b->bound && !b->is_exact))
		return 0;
	if (b->n == b->most) {
		const struct topk_item *last = &b->items[b->n - 1];
		if (!is_known && one->count == last->count)
			b->is_exact = false;
		else if (topk_best_goes_before(one, last))
			*dropped = last->name;
		raise_bound(b, *dropped == NAMES_NONE ? one->count : last->count);
		if (*dropped == NAMES_NONE)
			return 0;
	}
	b->is_exact &= is_known;
	topk_best_insert(b->items, &b->n, b->most, one);
	return 1;
}
