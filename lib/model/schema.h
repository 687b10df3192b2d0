/* SPDX-License-Identifier: MIT */
/*
 * schema.h - what a model takes in: names, order, scaling, and what stands for a missing value.
 *
 * Names are literal, not paths.  Knows no records: feature/encode finds the values.
 */
#ifndef MODEL_SCHEMA_H
#define MODEL_SCHEMA_H

#include <stddef.h>

#include "base/error.h"
#include "base/value.h"

enum missing {
	MISSING_ERROR,		/* refused: MISSING_FEATURE */
	MISSING_MEAN,		/* contributes nothing */
	MISSING_NUMBER,		/* this number stands for it */
	MISSING_KEEP,		/* stays missing (NaN): training decides later */
};

struct input {
	char *name;		/* NUL-terminated; owned */
	double mean, scale;	/* z-score (x - mean) / scale; scale 0: contributes 0 */
	enum missing missing;
	double number;		/* of MISSING_NUMBER */
	char **categories;	/* a string is the index of its like here, and missing where it has none; NULL: a number; owned */
	size_t n_categories;
	double *numbers;	/* of categories that are numbers: a number is the index of its like, too; NULL: a number is the index; owned */
};

struct schema {
	struct input *inputs;
	size_t n, room;
};

#define SCHEMA_INIT ((struct schema){0})

void schema_release(struct schema *);

/* One more input, mean 0, scale 1; its index.  The name is copied. */
size_t schema_add(struct schema *, const char *name, size_t len, enum missing, double number);

/* The categories of input i, so far none: `n` texts, or `n` numbers, copied. */
void schema_set_categories(struct schema *, size_t i, const struct value *values, size_t n);

/* Takes input i out. */
void schema_drop(struct schema *, size_t i);

/* The index of a name, or n. */
size_t schema_find(const struct schema *, const char *name, size_t len);

/* "a, b[0], color=red": adds each, without the blanks around it. -1: an empty name, or one that is there already. */
int schema_parse_list(struct schema *, const char *list, enum missing, double number, struct error *why);

/* "mean", "error", "branch" (MISSING_KEEP) or a number. */
int schema_parse_missing(const char *text, enum missing *, double *number, struct error *why);

/* Orders names as people count (f[2] before f[10]); order[new place] = old place. */
void schema_sort(struct schema *, size_t *order);

#endif
