/* SPDX-License-Identifier: MIT */
/* directive.h - the lines of a spec that define no feature: key, time, require, emit, late, lookup, join and the like. */
#ifndef FEATURE_DIRECTIVE_H
#define FEATURE_DIRECTIVE_H

#include <stdbool.h>
#include <stddef.h>

#include "feature/compiler.h"

struct directive;

/* NULL: no directive has that name. */
const struct directive *directive_named(const char *name, size_t len);
const char *directive_name(const struct directive *);

/* Rules are compiled in order with the definitions. */
bool directive_is_require(const struct line *);

/* All lines that are no definitions, and what the options say in their place.  0 or -1. */
int directive_read(struct compiler *);

#endif
