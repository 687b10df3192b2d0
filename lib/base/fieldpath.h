/* SPDX-License-Identifier: MIT */
/*
 * fieldpath.h - "user.ids[0]", "items[*].category", 'features["a.b"]': a place in a document, compiled once.
 *
 * Grammar: step { "." name | "[" number "]" | "[*]" | "[" string "]" }.  The first step is a name or ["any name"].
 * A bare name is [A-Za-z_][A-Za-z0-9_]*; other names ("user-id") stand in brackets, quoted, with JSON's escapes.
 * Knows no documents.  At most FIELDPATH_STEPS steps.
 */
#ifndef BASE_FIELDPATH_H
#define BASE_FIELDPATH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define FIELDPATH_STEPS 16

struct arena;
struct buf;

enum step_kind { STEP_NAME, STEP_INDEX, STEP_ALL };

struct step {
	enum step_kind kind;
	uint32_t index;		/* STEP_INDEX; from 0 */
	uint32_t len;		/* STEP_NAME */
	const char *name;	/* STEP_NAME: NUL-terminated, borrowed from the arena */
};

struct fieldpath {
	const struct step *steps;
	size_t n;
};

/* 0, or -1 with a sentence quoting the text.  The steps live in the arena. */
int fieldpath_parse(struct fieldpath *, const char *text, struct arena *, struct error *why);

/* A path of the literal names given, ended by NULL: names of model inputs are not paths. */
struct fieldpath fieldpath_of(struct arena *, const char *name, ...) __attribute__((sentinel));

/* As it would be written; parse of it gives the same path. */
void fieldpath_show(const struct fieldpath *, struct buf *);

bool fieldpath_equal(const struct fieldpath *, const struct fieldpath *);

#endif
