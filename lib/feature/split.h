/* SPDX-License-Identifier: MIT */
/*
 * split.h - which of several variants a record belongs to: the same for equal keys, in every process and on every host.
 *
 * A key's place is u = XXH64(names joined by commas, LF, the key's JSON text) / 2^64; the variants share [0, 1) in their order, each
 * by its weight.  So another weight moves only the keys that must move, and another experiment, with other names, divides them anew.
 * Knows values; no models and no records.
 */
#ifndef FEATURE_SPLIT_H
#define FEATURE_SPLIT_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/value.h"

struct split {
	struct buf names;		/* what each hashed text begins with */
	uint64_t *ends;			/* per variant: the last place that is its own; of no weight: that of the one before */
	size_t n;
};

/* Weights are 0 or greater, and one of them is above 0. */
void split_init(struct split *, const char *const *names, const double *weights, size_t n);
void split_release(struct split *);

/* The variant of a key: a string, a number or a boolean (key_is).  `scratch` is written over. */
size_t split_find(const struct split *, struct value key, struct buf *scratch);

#endif
