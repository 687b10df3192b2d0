/* SPDX-License-Identifier: MIT */
/*
 * topk-best.h - of topk: the most frequent of many values, kept up to date while their counts go up and down.
 *
 * A list of a few more than are asked for, and a bound: no value that is not listed is there more often.  As long as those
 * that are asked for are above the bound, nobody else needs to be looked at; else the list is made anew.
 *
 * Knows values by their names (names.h), and not all of them.
 */
#ifndef FEATURE_TOPK_BEST_H
#define FEATURE_TOPK_BEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "feature/pool.h"

/* A value, how often it is there, and where it was seen first: at which time, and as which arrival (modulo 2^32). */
struct topk_item {
	uint64_t count;
	int64_t time;
	uint32_t arrival;
	uint32_t name;			/* NAMES_NONE: that of the present value, which has none */
};

static inline bool topk_best_is_earlier(const struct topk_item *a, const struct topk_item *b)
{
	return a->time != b->time ? a->time < b->time : (int32_t)(a->arrival - b->arrival) < 0;
}

/* Most frequent first, of equal counts the one seen first. */
static inline bool topk_best_goes_before(const struct topk_item *a, const struct topk_item *b)
{
	return a->count != b->count ? a->count > b->count : topk_best_is_earlier(a, b);
}

/* Into a list of at most `most` in their order; *n of them are there. */
void topk_best_insert(struct topk_item *items, size_t *n, size_t most, const struct topk_item *);

struct topk_best {
	size_t n, most;
	uint64_t bound;
	bool is_valid;			/* false: to be made anew */
	bool is_exact;			/* none that is not listed goes before one that is */
	struct topk_item items[];	/* in their order */
};

/* For what is asked for: k.  To be made: begun, then told of all values. */
struct topk_best *topk_best_new(size_t k, struct pool *);
void topk_best_free(struct topk_best *, struct pool *);		/* NULL is fine */
bool topk_best_serves(const struct topk_best *, size_t k);		/* NULL: no */
void topk_best_begin(struct topk_best *);
void topk_best_tell(struct topk_best *, const struct topk_item *);

/* Whether the first k are those of all values, of which there are so many. */
bool topk_best_knows(const struct topk_best *, size_t k, size_t all);

/* Where it is listed; n: it is not. */
size_t topk_best_find(const struct topk_best *, uint32_t name);

/* Of a listed one count or first place are others now; count 0: away with it. */
void topk_best_change(struct topk_best *, size_t i, const struct topk_item *);

/*
 * One that is not listed is there more often, or was seen earlier.  Where it is not known where it was seen first it is
 * listed for its count alone.  1: it is listed now; *dropped, if not NAMES_NONE, is no more.  0: it is not.
 */
int topk_best_raise(struct topk_best *, const struct topk_item *, bool is_known, uint32_t *dropped);

size_t topk_best_bytes(size_t k);

#endif
