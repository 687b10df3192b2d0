/* SPDX-License-Identifier: MIT */
/*
 * token.h - text to tokens with positions.  Knows no grammar.
 *
 * White space is space, tab, CR and LF.  Numbers follow JSON; a number with letters behind it is a TOKEN_DURATION, whether it
 * means one or not.  Strings stand in double or single quotes, with JSON's escapes and \'.
 */
#ifndef EXPR_TOKEN_H
#define EXPR_TOKEN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/value.h"
#include "expr/caret.h"

enum token_kind {
	TOKEN_END,
	TOKEN_NUMBER,
	TOKEN_DURATION,
	TOKEN_STRING,
	TOKEN_NAME,
	TOKEN_OPEN,		/* ( */
	TOKEN_CLOSE,
	TOKEN_BRACKET,		/* [ */
	TOKEN_UNBRACKET,
	TOKEN_COMMA,
	TOKEN_DOT,
	TOKEN_PLUS,
	TOKEN_MINUS,
	TOKEN_STAR,
	TOKEN_SLASH,
	TOKEN_PERCENT,
	TOKEN_LESS,
	TOKEN_LESS_EQUAL,
	TOKEN_GREATER,
	TOKEN_GREATER_EQUAL,
	TOKEN_EQUAL,
	TOKEN_NOT_EQUAL,
};

struct token {
	enum token_kind kind;
	size_t at, len;		/* bytes of the text; TOKEN_END: where the last token ended */
	struct value value;	/* of a number or string; a string lives in the arena, with a NUL behind it */
};

/* A state to copy where the parser looks ahead. */
struct tokens {
	const struct origin *origin;
	struct arena *arena;
	size_t at;
};

/* 0 and the next token (TOKEN_END again and again at the end), or -1 with the whole message. */
int token_next(struct tokens *, struct token *, struct error *why);

bool token_is(const struct tokens *, const struct token *, const char *word);	/* a TOKEN_NAME of this text */
bool token_is_reserved(const char *name, size_t len);

size_t token_comment(const char *line, size_t len);		/* as expr_comment */
bool token_is_bare_word(const char *text, size_t len);		/* as expr_is_bare_word */

#endif
