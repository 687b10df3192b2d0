/* SPDX-License-Identifier: MIT */
/* spec-window.h - `emit windows`: which windows the features of a spec are of. */
#ifndef FEATURE_SPEC_WINDOW_H
#define FEATURE_SPEC_WINDOW_H

#include <stdint.h>

#include "feature/compiler.h"

/* The window of a step whose expression is compiled, and its state.  0 or -1. */
int spec_window_find(struct compiler *, const struct line *, struct spec_step *);

/* How long after its newest event a key matters, ns; 0: for ever. */
int64_t spec_window_lasts(const struct spec *);

#endif
