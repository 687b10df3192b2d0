/* SPDX-License-Identifier: MIT */
/*
 * labels.h - the labels of an answer, found in the data: two, or many.
 *
 * A label is a string, a number or a boolean and is known by its text: 1, "1" and 1.0 are one label.  Knows no records.
 */
#ifndef MODEL_LABELS_H
#define MODEL_LABELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/value.h"

struct labels {
	struct label {
		char *text;
		size_t len;
		bool is_integer;
		int64_t integer;
		uint64_t rows;
	} *label;
	int n, room;
	bool many;			/* more than two are no error; set by the caller */
};

#define LABELS_MOST 1000

void labels_release(struct labels *);

/* The index of the label (counted as a row), or -1: no label by its type, or one too many; `why` names it. */
int labels_add(struct labels *, struct value, struct error *why);

/* The index without counting, -1: not one of them. */
int labels_find(const struct labels *, struct value);

/*
 * Which of the two is positive: `wanted` (NULL: 1 or true, else the rarer, of a tie the last in order of bytes).  -1: not
 * two labels, or `wanted` is none of them.
 */
int labels_positive(const struct labels *, const char *wanted, struct error *why);

/* place[i]: where label i stands in order of values, if all texts are numbers, else of bytes. */
void labels_sort(const struct labels *, int *place);

#endif
