/* SPDX-License-Identifier: MIT */
/*
 * line.h - a line of a spec cut into its parts: the word it begins with, what stands behind that, and where words and paths
 * end.  Knows no directive and no expression.
 *
 * White space is space, tab and CR; places are bytes of the line's text from 0.
 */
#ifndef FEATURE_LINE_H
#define FEATURE_LINE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "expr/caret.h"
#include "expr/expr.h"

struct line {
	struct expr_place place;
	const char *text;		/* all of it, without comment */
	size_t len;
	size_t word, word_len;		/* the first word: a name or a directive */
	size_t body;			/* behind "=", or behind the word */
	bool is_definition;
	bool is_apart;			/* a blank or nothing stands behind the word */
	const struct directive *directive;	/* NULL: none; set by whoever knows them */
};

/* Borrows the text, a line without LF.  `source` and `number` are for messages; number 0: it stands alone. */
struct line line_of(const char *text, size_t len, const char *source, unsigned number);

bool line_is_space(char);
bool line_is_word(char);		/* of words: letters, digits and _ */

/* The first byte from `at` that is no white space, the first that is of no word; at most `end`. */
size_t line_skip(const struct line *, size_t at, size_t end);
size_t line_word_end(const struct line *, size_t at);

/* Where a path ends that begins at `at`: at one of `ends` outside quotes and brackets, or at the end. */
size_t line_path_end(const struct line *, size_t at, const char *ends);

/* The same line as the place of an expression that begins at `at`. */
struct expr_place line_place(const struct line *, size_t at);

/* A message with the line and a caret under byte `at` of it.  -1. */
#define LINE_REFUSE(l, at, why, ...) caret_set((why), &(struct origin){ (l)->text, (l)->len, &(l)->place }, (at), __VA_ARGS__)

#endif
