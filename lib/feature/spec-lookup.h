/* SPDX-License-Identifier: MIT */
/*
 * spec-lookup.h - the lookups of a spec while it is compiled: their lines, and the paths that lead into their rows.
 *
 *	lookup NAME from FILE on PATH [= PATH] [required]
 *	lookup NAME from rows where CONDITION on PATH [= PATH] [required]
 *
 * Knows the spec and its lines; opens no file.
 */
#ifndef FEATURE_SPEC_LOOKUP_H
#define FEATURE_SPEC_LOOKUP_H

#include "base/buf.h"
#include "feature/line.h"
#include "feature/reading.h"
#include "feature/spec.h"

/* Where in the line the event's path stands, and of rows of the stream their condition, for whoever resolves them. */
struct spec_lookup_parts { struct reading_part on, where; };

/* A line of the directive, into a lookup that is all zero but for `where`.  0 or -1. */
int spec_lookup_parse(struct spec_lookup *, const struct line *, struct arena *, struct spec_lookup_parts *, struct error *why);

/* The first of the spec's lookups of that name, or NULL. */
struct spec_lookup *spec_lookup_named(const struct spec *, const char *name, size_t len);

/* The one that a path leads into, or NULL. */
struct spec_lookup *spec_lookup_of(const struct spec *, const struct fieldpath *);

/* The local that a path into a row is, a new one where no path before was the same.  0 or -1. */
int spec_lookup_resolve(struct spec *, struct spec_lookup *, const struct fieldpath *, struct expr_ref *, struct error *why);

/* The one whose value a local is, or NULL. */
const struct spec_lookup *spec_lookup_owning(const struct spec *, int local);

/* Behind all expressions: the rows' keys get their slots.  Then nothing is resolved any more. */
void spec_lookup_finish(struct spec *);

/* "account on userId": what it is whatever file it comes from.  In the arena; only once `on` is resolved. */
const char *spec_lookup_relation(const struct spec_lookup *, struct arena *);

#endif
