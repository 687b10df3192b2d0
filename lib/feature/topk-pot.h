/* SPDX-License-Identifier: MIT */
/*
 * topk-pot.h - of topk: how often each value is there, of values that only come (topk.h).
 *
 * Up to COUNTED_MAX values are counted exactly; then a new one takes the place of the least (Space-Saving).  Knows values by their names
 * (names.h), which it does not hold: who puts one in or takes one out does.  All zero is empty.
 */
#ifndef FEATURE_TOPK_POT_H
#define FEATURE_TOPK_POT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "feature/pool.h"
#include "feature/topk-best.h"

/* So many more of it; `one` may have been seen earlier. */
void topk_pot_add(struct topk_item *to, const struct topk_item *one);

struct topk_pot {
	struct topk_item *items;	/* in no order that is told */
	uint16_t *index;		/* by name, 2 * room: places + 1; 0: free.  NULL: there are few */
	uint32_t n, room;		/* room: a power of two */
	uint32_t hand;			/* of a full one: those before it have more than `least`, the others no less */
	uint64_t least;
	struct topk_best *best;		/* NULL: nobody has asked, or much has changed */
};

struct topk_item *topk_pot_find(const struct topk_pot *, uint32_t name);	/* NULL: it is not there */
void topk_pot_count(struct topk_pot *, struct topk_item *at, const struct topk_item *);	/* one that is there */
void topk_pot_append(struct topk_pot *, const struct topk_item *, struct pool *);	/* one that is not */

/* Of a full pot: the one whose place a new value takes, and its count. */
uint32_t topk_pot_least(const struct topk_pot *, uint64_t *least);
/* The new value goes on from that count. */
void topk_pot_replace(struct topk_pot *, struct topk_item *one);

/* The first k or more, or all that there are; kept up to date from now on. */
const struct topk_best *topk_pot_best(struct topk_pot *, size_t k, struct pool *);

void topk_pot_sort(struct topk_pot *);		/* by how they go before one another */
void topk_pot_cut(struct topk_pot *, uint32_t n, struct pool *);	/* the first n stay; then a new value may go anywhere */
void topk_pot_release(struct topk_pot *, struct pool *);

#endif
