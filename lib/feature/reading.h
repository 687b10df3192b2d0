/* SPDX-License-Identifier: MIT */
/*
 * reading.h - a directive of several words, read from left to right: names, words, paths and conditions.
 *
 * Refusals point at the place and show the directive's form.  Knows lines and the grammar of paths, not what is named.
 */
#ifndef FEATURE_READING_H
#define FEATURE_READING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/fieldpath.h"
#include "feature/line.h"

struct reading {
	const struct line *line;
	const char *form;		/* "lookup NAME from FILE on PATH [= PATH] [required]" */
	struct arena *arena;
	size_t at;			/* the next byte */
	struct error *why;
};

/* A stretch of the line; from == to: there is none. */
struct reading_part { size_t from, to; };

/* "a file should stand here: FORM".  -1. */
int reading_expected(struct reading *, const char *what);

bool reading_at_end(struct reading *);

/* Whether this word comes next, which is then behind. */
bool reading_word(struct reading *, const char *word);

/* A name of letters, digits and _ that is no word of the language; `of` says what has it.  NULL: refused. */
const char *reading_name(struct reading *, const char *of);

/* A duration above 0, ns.  0 or -1. */
int reading_duration(struct reading *, int64_t *ns);

/* PATH [= PATH]: where the first stands, and the second (or the first again) as a path of what has no features, with its text. */
int reading_paths(struct reading *, struct reading_part *on, struct fieldpath *other, const char **text);

/* All up to the last place where this word stands outside quotes and brackets, or without a word up to the end. */
int reading_condition(struct reading *, const char *word, struct reading_part *);

#endif
