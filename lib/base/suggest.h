/* SPDX-License-Identifier: MIT */
/*
 * suggest.h - "did you mean": the nearest of some names, by restricted edit distance (at most a third of the length, or
 * one).  ASCII letters of either case count as the same.
 */
#ifndef BASE_SUGGEST_H
#define BASE_SUGGEST_H

#include <stddef.h>

/* The nearest name, or NULL when none is near.  `names` ends with NULL. */
const char *suggest_nearest(const char *text, size_t len, const char *const *names);

#endif
