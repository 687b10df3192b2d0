/* SPDX-License-Identifier: MIT */
/*
 * rules.h - CONDITION=DEST, compiled: which of a record's destinations hold.
 *
 * CONDITION is a classification label, `error` (any error record), an errorType, `*`, or an expression over the record
 * (sml-expr(7)).  Knows no sinks: a destination is text here.
 *
 * DEST begins after the last '=' that is followed by a scheme (fd: file: kafka: replace:), else after the last '='.
 */
#ifndef SINK_RULES_H
#define SINK_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/eventtime.h"
#include "expr/expr.h"
#include "json/fields.h"
#include "stream/record.h"

#define RULES_MAX 64

enum rule_kind { RULE_LABEL, RULE_ERROR, RULE_ERROR_TYPE, RULE_ANY, RULE_EXPRESSION };

struct rule {
	enum rule_kind kind;
	const char *condition, *dest;	/* in the arena */
	size_t condition_len;
	const struct expr *expr;	/* RULE_EXPRESSION, after rules_bind */
	uint64_t matched;
};

struct rules {
	struct rule *rule;
	size_t n;
	bool reads;			/* some rule looks inside records */
	int label_slot;			/* of `classification` */
	enum time_unit unit;		/* of times in expressions */
	struct arena arena;
};

/* Cuts and checks the texts, compiles expressions to see that they are well-formed.  -1 with a sentence. */
int rules_parse(struct rules *, char *const *texts, size_t n, enum time_unit, struct error *why);

/* Registers what the rules read.  Once, before the first record. */
int rules_bind(struct rules *, struct fields *, struct error *why);

/*
 * The rules that hold, a bit each: the first that does, or with `all` every one; 0: none.  A value of the wrong type in an
 * expression turns the record into an error record (INVALID_DATA), and the answer is that record's.
 */
uint64_t rules_match(const struct rules *, struct record *, bool all);

void rules_release(struct rules *);

#endif
