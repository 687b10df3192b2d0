/* SPDX-License-Identifier: MIT */
/* spec-state.h - calls of aggregates become states in the row of a key: which calls share one, and how each is known. */
#ifndef FEATURE_SPEC_STATE_H
#define FEATURE_SPEC_STATE_H

#include "feature/compiler.h"

/* As expr_names.call: the call's index in the spec's calls, its state noted as used by the present expression. */
int spec_state_call(void *self, const struct expr_call *, struct error *why);

/* The state of a call of these keys, a new one where none says the same. */
unsigned spec_state_of(struct compiler *, const struct aggregate *, const struct expr_call *, unsigned keys);

/* When all calls are known: which states share timelines, and where each stands in its key's row. */
void spec_state_arrange(struct compiler *);

#endif
