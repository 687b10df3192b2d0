/* SPDX-License-Identifier: MIT */
/*
 * expr.h - the expression language (sml-expr(7)): compile, evaluate, show.
 *
 * Compiled once into const trees that live in the caller's arena; evaluated per record without allocation but for texts
 * and arrays, which go into the scope's arena.  Knows no JSON, no files, no clock and no state: paths are resolved to
 * places by the caller, and a call of an aggregate (or of prev, delta, elapsed) is described to the caller, who keeps
 * its state and hands its value in through the scope.
 */
#ifndef EXPR_EXPR_H
#define EXPR_EXPR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/eventtime.h"
#include "base/fieldpath.h"
#include "base/value.h"

struct expr;

/* Where a path leads: a slot of the record, or a value computed earlier (a feature by name). */
enum expr_where { EXPR_SLOT, EXPR_LOCAL };

struct expr_ref {
	enum expr_where where;
	int index;
	size_t steps;		/* of the path that the index stands for; further steps look into its value */
	bool uses_calls;	/* EXPR_LOCAL: the value depends on a call.  All zero when resolve is called */
};

/* What an aggregate takes and gives, told by the layer that keeps state. */
enum {
	EXPR_CALL_WINDOW = 1,	/* may stand with `over` */
	EXPR_CALL_DECAY = 2,	/* may stand with `decay` */
	EXPR_CALL_EXCLUDE = 4,	/* may stand with `exclude current` */
	EXPR_CALL_WHERE = 8,
	EXPR_CALL_BY = 16,
	EXPR_CALL_NUMBERS = 32,	/* first argument: numbers (or arrays of them); else any value */
	EXPR_CALL_DURATION = 64,	/* argument number max_args is a duration: a constant integer, ns */
	EXPR_CALL_IS_NUMBER = 128,	/* its value is a number or null; else any value */
	EXPR_CALL_SCALARS = 256,	/* first argument: numbers, strings or booleans */
	EXPR_CALL_COUNT = 512,	/* argument number max_args is how many: a constant integer from 1 to EXPR_COUNT_MAX */
	EXPR_CALL_IS_ARRAY = 1024,	/* its value is an array or null */
	EXPR_CALL_CONSTANT = 2048,	/* argument number max_args is a constant number */
};

#define EXPR_COUNT_MAX 1024

struct expr_call_kind {
	const char *name;
	int min_args, max_args;
	unsigned flags;
};

enum window_kind { WINDOW_ALL, WINDOW_LAST, WINDOW_SLIDING, WINDOW_PANES, WINDOW_TUMBLING, WINDOW_SESSION };

/* A call whose value depends on other records; the parser fills it in, the caller keeps the state. */
struct expr_call {
	const struct expr_call_kind *kind;
	const struct expr *const *args;
	size_t n_args;
	enum window_kind window;
	int64_t width, every, offset;		/* ns: duration or session gap; panes; shift of the grid */
	uint32_t last;				/* WINDOW_LAST: events */
	int64_t half_life;			/* ns; 0: no decay */
	bool exclude_current;
	const struct expr *const *by;		/* paths */
	size_t n_by;
	const struct expr *where;		/* NULL: every record */
	unsigned line, column;			/* of its name, for messages */
	int64_t late;				/* ns; not of the text: how much longer the caller keeps the past of a window in time */
};

/* What the text may name.  All functions may be NULL: then there is nothing of that sort. */
struct expr_names {
	void *self;
	/* 0, or -1: no such thing (why may suggest).  Called once per path, before any data. */
	int (*resolve)(void *self, const struct fieldpath *, struct expr_ref *, struct error *why);
	/*
	 * A call's index into the scope's `calls`; -1: refused, with a sentence; -1 - i: for its argument i, from 1.  Of nested
	 * calls the inner one comes first; two calls of one text may share an index.  The call lives in the arena.
	 */
	int (*call)(void *self, const struct expr_call *, struct error *why);
	const struct expr_call_kind *calls;	/* ends with a NULL name */
	enum time_unit unit;			/* of times that name no unit: hour(timestamp) */
};

/* Where the text stands, for messages: "purchases.features:3:14: unknown function ..." and the line with a caret. */
struct expr_place {
	const char *source;	/* file or option; NULL: "expression" */
	const char *line_text;	/* the whole line that holds the expression; NULL: the expression itself */
	unsigned line;		/* from 1; 0: not shown */
	unsigned column;	/* of the expression's first byte in line_text, in bytes from 1 (messages count characters) */
};

/*
 * Compiles all of `text` (len bytes).  NULL with "SOURCE:LINE:COLUMN: what (did you mean ...)", newline, the line, newline,
 * spaces and a caret: the one message of several lines.  Without a line number: "SOURCE: what ...".
 *
 * The text may be any bytes.  Nesting is limited to EXPR_NESTING and operators in a row to EXPR_CHAIN, so that recursion
 * over a tree is bounded.
 */
#define EXPR_NESTING 200
#define EXPR_CHAIN 1000

const struct expr *expr_compile(struct arena *, const char *text, size_t len, const struct expr_place *,
    const struct expr_names *, struct error *why);

/* The same for a text that must be a condition: refused when its value can never be a boolean. */
const struct expr *expr_compile_condition(struct arena *, const char *text, size_t len, const struct expr_place *,
    const struct expr_names *, struct error *why);

/* A path alone ("user.id"), resolved: for keys and `by`. */
const struct expr *expr_compile_path(struct arena *, const char *text, size_t len, const struct expr_place *,
    const struct expr_names *, struct error *why);

/* The times that hour() and the like were given; what is far too early for all of them may be in another unit. */
struct expr_dates { uint64_t n; int64_t newest; };	/* newest: seconds since the epoch; only where n > 0 */

struct expr_scope {
	const struct value *slots;	/* of the record */
	const struct value *locals;	/* computed earlier */
	const struct value *calls;	/* of the aggregates */
	struct arena *arena;		/* for texts and arrays made on the way */
	struct expr_dates *dates;	/* NULL: nobody asks */
};

/* 0 and a value (texts and arrays borrowed from the scope, its arena or the tree); -1: the data have a wrong type:
 * "totalValue is a string (\"abc\"), + needs a number". */
int expr_eval(const struct expr *, const struct expr_scope *, struct value *, struct error *why);

/* The value as a condition: true 1, false and null 0, -1: no boolean, or as expr_eval. */
int expr_test(const struct expr *, const struct expr_scope *, struct error *why);

/*
 * Canonical text: spaces, needless parentheses, quotes, clauses in any order and defaults written out make no difference;
 * compiling it gives the same text again.  Where `local` is given and returns an expression for a local's index, that
 * stands in the local's place (earlier features inlined); for NULL, the path as written.
 */
void expr_show(const struct expr *, struct buf *, const struct expr *(*local)(void *self, int index), void *self);
void expr_show_call(const struct expr_call *, struct buf *, const struct expr *(*local)(void *self, int index), void *self);

/* Whether it is one constant (and which), one path, or one call: the value at this index of the scope's. */
bool expr_is_constant(const struct expr *, struct value *);
bool expr_is_path(const struct expr *, const struct fieldpath **);
bool expr_is_call(const struct expr *, int *index);
bool expr_uses_calls(const struct expr *);		/* a call, or a local that uses one (as told by its own mark) */

/* What a value follows from: slots, locals and calls, but nothing inside the calls. */
enum expr_source { EXPR_OF_SLOT, EXPR_OF_LOCAL, EXPR_OF_CALL };
void expr_sources(const struct expr *, void (*see)(void *self, enum expr_source, int index), void *self);

/* The functions, one row each, for help and for the test that holds sml-expr(7) to them. */
struct expr_function_row { const char *name, *signature, *help; };
const struct expr_function_row *expr_functions(void);	/* ends with a NULL name */

/*
 * Whether a text is an expression rather than a bare word: it has an operator, a call or parentheses, or is quoted.
 * For rules: HIGH_VALUE is a label, probability > 0.9 is not.
 */
bool expr_is_bare_word(const char *text, size_t len);

/* Whether a name can't begin a path (and, or, not, in, true, false, null): no name for a feature. */
bool expr_is_reserved(const char *name, size_t len);

/* Where a comment begins in a line: at the first '#' outside quotes; len: none. */
size_t expr_comment(const char *line, size_t len);

#endif
