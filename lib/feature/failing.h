/* SPDX-License-Identifier: MIT */
/*
 * failing.h - what is said of a record whose features cannot be computed.
 */
#ifndef FEATURE_FAILING_H
#define FEATURE_FAILING_H

#include <stdbool.h>

#include "base/error.h"
#include "base/value.h"
#include "expr/expr.h"
#include "feature/spec.h"
#include "stream/record.h"

/* An aggregate cannot take a value: -1. */
int failing_value(const char *name, struct value, const char *aggregate, const struct error *what, struct error *why);

/* The record becomes an error record: false. */
bool failing_step(struct record *, const struct spec_step *, const struct error *why);
bool failing_require(struct record *, const struct spec_step *, const struct expr_scope *);

#endif
