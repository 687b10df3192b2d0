/* SPDX-License-Identifier: MIT */
/*
 * rules.h - CONDITION=DEST, compiled: which of a record's destinations hold.
 *
 * CONDITION is a classification label, `error` (any error record), an errorType, `*`, or an expression over the record
 * (sml-expr(7)).  A word that looks like a path is refused: as a label it would most likely never hold, and nothing else
 * would show it.  Knows no sinks: a destination is text here.
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
	const char *near;		/* RULE_LABEL: the word for error records that it nearly is; NULL: none */
	uint64_t matched;		/* counted by the caller */
};

#define RULES_LABELS 16
#define RULES_LABEL_LEN 40
#define RULES_UNHELD_FROM 100	/* classified records: in a few, a label may well be missing */

/* The labels of the records seen, as far as rules_unheld tells of them. */
struct rules_met {
	uint64_t n_classified;
	size_t n_label_rules, n_unmet;	/* unmet: no record has had their label */
	bool met[RULES_MAX];		/* by rule */
	char label[RULES_LABELS][RULES_LABEL_LEN + 1];	/* some of those met while n_unmet was not 0 */
	size_t n_labels;
};

struct rules {
	struct rule *rule;
	size_t n;
	bool reads;			/* some rule looks inside records */
	int label_slot;			/* of `classification` */
	struct rules_met *met;		/* in the arena: all that changes once records have come */
	enum time_unit unit;		/* of times in expressions */
	struct arena arena;
};

/* Cuts and checks the texts, compiles expressions to see that they are well-formed.  -1 with a sentence. */
int rules_parse(struct rules *, char *const *texts, size_t n, enum time_unit, struct error *why);

/* Whether each rule can be reached where the first that holds takes a record.  -1 with a sentence that names both rules. */
int rules_reachable(const struct rules *, struct error *why);

/* Registers what the rules read.  Once, before the first record. */
int rules_bind(struct rules *, struct fields *, struct error *why);

/*
 * The rules that hold, a bit each: the first that does, or with `all` every one; 0: none.  A value of the wrong type in an
 * expression turns the record into an error record (INVALID_DATA), and the answer is that record's.
 */
uint64_t rules_match(const struct rules *, struct record *, bool all);

/*
 * Why a label rule has taken none of the records so far: false where it has, or RULES_UNHELD_FROM classified ones have not come;
 * else a part of a sentence in `why`, "matched none of 7,989 records (did you mean "yes"?)".
 */
bool rules_unheld(const struct rules *, const struct rule *, struct error *why);

void rules_release(struct rules *);

#endif
