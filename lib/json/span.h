/* SPDX-License-Identifier: MIT */
/*
 * span.h - byte ranges of an object's members, for replacing one in place.
 *
 * Only for text that json_parse has accepted.  Escaped spellings of a name count ("\u0061" is "a").
 */
#ifndef JSON_SPAN_H
#define JSON_SPAN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

struct span {
	size_t start, end;		/* the member: from its name's quote to behind its value */
	size_t value;			/* where the value begins */
	size_t name, name_end;		/* the name between its quotes, escapes as they stand */
};

struct span_walk { const char *text; size_t len, at; };

/* The members of the object that the text is, in order.  False at the end. */
void span_walk(struct span_walk *, const char *text, size_t len);
bool span_walk_next(struct span_walk *, struct span *);

/* Whether a member's name, unescaped, is this. */
bool span_is(const char *text, const struct span *, const char *name, size_t len);

/* The text without the members for which `drop` is true, every other byte as it came but for the commas beside them. */
void span_cut(struct buf *, const char *text, size_t len, bool (*drop)(void *, const char *text, const struct span *), void *);

#endif
