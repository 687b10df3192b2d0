/* SPDX-License-Identifier: MIT */
/*
 * spec-join.h - the joins of a spec while it is compiled: their lines.
 *
 *	join NAME on PATH [= PATH] within DURATION where CONDITION
 */
#ifndef FEATURE_SPEC_JOIN_H
#define FEATURE_SPEC_JOIN_H

#include "base/buf.h"
#include "feature/line.h"
#include "feature/reading.h"
#include "feature/spec.h"

/* Where in the line the record's path and the condition stand, for whoever resolves them. */
struct spec_join_parts { struct reading_part on, where; };

/* A line of the directive, into a join that is all zero but for `where`; its partner's path becomes the caller's slot.  0 or -1. */
int spec_join_parse(struct spec_join *, const struct line *, struct arena *, struct spec_join_parts *, struct error *why);

/* As it would be written, without the directive; only once its paths and its condition are resolved. */
void spec_join_show(const struct spec_join *, struct buf *);

#endif
