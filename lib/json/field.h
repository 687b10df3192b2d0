/* SPDX-License-Identifier: MIT */
/*
 * field.h - the compiled set of fields, shared by fields.c and parse.c.
 *
 * Named steps form a tree of members; from the first [0] or [*] on, the rest of a path is a tail that is followed by a
 * general walk when the value before it has been met.
 */
#ifndef JSON_FIELD_H
#define JSON_FIELD_H

#include "json/fields.h"

struct tail {
	const struct step *steps;
	size_t n;
	int slot;
	struct tail *next;
};

struct field {
	const char *name;		/* with 16 readable bytes behind it: compared by words */
	uint32_t len;
	int slot;			/* -1: only what is below is wanted */
	int added;			/* index of the added member of that name, -1: none */
	struct tail *tails;
	struct field **below;
	size_t n_below;
	uint64_t lengths;		/* bit len % 64 set: a name of that length is wanted */
};

/* The part of `f` of that name; plain comparison. */
struct field *fields_named(const struct field *f, const char *name, size_t len);

#endif
