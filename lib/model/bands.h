/* SPDX-License-Identifier: MIT */
/*
 * bands.h - ranges of probability with names: HIGH=0.9,MEDIUM=0.5,LOW=0.
 *
 * Written with the highest first; each reaches up to the one before; the last begins at 0, so that every probability
 * has a name.
 */
#ifndef MODEL_BANDS_H
#define MODEL_BANDS_H

#include <stddef.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/value.h"

struct bands {
	struct band { struct value name; double from; } *bands;
	size_t n;
};

/* In the arena. -1: not of this form. */
int bands_parse(struct bands *, const char *text, struct arena *, struct error *why);

/* The index of the band that a probability is in. */
size_t bands_find(const struct bands *, double p);

#endif
