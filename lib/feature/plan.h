/* SPDX-License-Identifier: MIT */
/* plan.h - a compiled spec for people (--explain): definitions in canonical form, what each keeps, bytes per key, what is shared. */
#ifndef FEATURE_PLAN_H
#define FEATURE_PLAN_H

#include "base/buf.h"
#include "feature/lookup.h"
#include "feature/spec.h"

/* `lookups`: the spec's, in order, each NULL where its file has not been read; NULL: none has. */
void plan_show(const struct spec *, struct lookup *const *lookups, struct buf *);

#endif
