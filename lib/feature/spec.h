/* SPDX-License-Identifier: MIT */
/*
 * spec.h - a feature spec (sml-features(1)) compiled: what is computed, in which order, from what state.
 *
 * One definition or directive a line.  A feature may use those above it, and what lookups find wherever they stand.  Calls of
 * aggregates become states in the row of a key: calls that say the same share one, and all states of the same key share the
 * row.  A state's identity is its canonical text with earlier features inlined, the lookups that it uses, the key and the
 * time: what keeps its state when a spec changes.
 *
 * Knows expressions, aggregates and the paths of records; no stream and no data.  Everything lives in the spec's arena.
 */
#ifndef FEATURE_SPEC_H
#define FEATURE_SPEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/eventtime.h"
#include "expr/expr.h"
#include "feature/aggregate.h"
#include "feature/bundle.h"
#include "feature/timing.h"
#include "json/fields.h"

#define SPEC_FEATURES_MAX 4096
#define STATE_PARTITION_BYTES 8		/* of a row, what is behind them is aligned */

enum spec_emit { EMIT_EVENTS, EMIT_FEATURES, EMIT_WINDOWS };

/* A path of the record as a key part, or of `by` (which may be an earlier feature: slot -1). */
struct spec_part {
	const char *text;
	struct fieldpath path;
	const struct expr *expr;
	int slot;
};

/* What rows of state are found by. */
struct spec_keys {
	const struct spec_part *parts;
	size_t n;		/* 0: one key serves all */
	const char *text;	/* "userId, region"; with `by` before it where it is not the spec's key; "" */
	bool is_by;
	bool is_early;		/* all parts are read from the record: the key is known before any feature */
	size_t n_states, state_size;
};

/* A table of rows beside the stream: the values of the row that a record finds are locals, there before the first step. */
struct spec_lookup {
	const char *name, *file;	/* file NULL: rows of the stream */
	const struct expr *rows;	/* of the stream: which records are such; of members alone */
	const char *where;		/* "purchases.features:3" */
	struct spec_part on;		/* the record's member that a row is found by */
	struct fieldpath row_path;	/* the row's */
	const char *row_text;
	const char *text;		/* "account on userId": for identities */
	bool is_required;		/* a record without a row is an error record */
	struct fields fields;		/* what is read of a row: value i has slot i */
	size_t n_values;
	const char **paths;		/* of each value, in the row */
	int *locals;			/* of each value */
	int key_slot;			/* of row_path */
};

/* As it would be written, without the directive: "account from accounts.jsonl on userId". */
void spec_lookup_show(const struct spec_lookup *, struct buf *);

/* Records that wait for a partner: another record with the same value of a path. */
struct spec_join {
	const char *name;		/* of the member that the partner becomes */
	const char *where;		/* "purchases.features:3" */
	struct spec_part on;		/* of the record */
	struct fieldpath partner_path;
	int partner_slot;		/* of the partner */
	int64_t within;			/* ns */
	const struct expr *partners;	/* which records are partners; of members alone */
	const char *text;		/* "outcome on orderId within 1h where kind == \"outcome\"" */
};

struct spec_state {
	const struct aggregate *aggregate;	/* the row whose state it is */
	const struct keeper *keeper;
	const struct expr_call *call;		/* without `exclude current` */
	const char *text, *identity;		/* of the call; the same, a line each for lookups, key and time */
	unsigned keys;
	size_t offset;				/* in the row's state */
	int window;				/* it says which windows of spec.windows[window] are open; -1 */
	const struct expr *arg;			/* NULL: none */
	int arg_slot;				/* it is this slot; -1: to be evaluated */
	const char *arg_text;
	const struct bundle *bundle;		/* in which it is kept; NULL: by the keeper */
	const struct bundle_member *member;
};

struct spec_call {
	const struct aggregate *aggregate;
	const struct expr_call *call;
	unsigned state;
	bool is_first;				/* of its state: the state's argument is evaluated here */
	int window;				/* whose windows give its value out; -1 */
	int local;				/* of the feature that is this call and no more; -1 */
};

/* What windows `emit windows` gives out: a record for each, with the features that are of it. */
struct spec_window {
	const struct expr_call *call;		/* its clauses */
	unsigned keys, state;
};

/* A call whose state is in a bundle. */
struct spec_given { const struct bundle_member *member; const struct spec_call *call; };

enum { WINDOW_NONE = -1, WINDOW_RECORD = -2 };

/* What a failed `require` shows. */
struct spec_shown { const char *text; struct expr_ref ref; };

struct spec_step {
	bool is_require;
	const char *text;			/* the feature's name, or the rule as written */
	const struct expr *expr;
	int slot;				/* it is this slot; -1 */
	bool is_call;				/* it is a call and no more, which gives its value to the feature by itself */
	const struct bundle *bundle;		/* and its state is in this, which is plain; NULL: else */
	int local;				/* the feature's value */
	int window;				/* of `emit windows`; WINDOW_NONE: a constant; WINDOW_RECORD: of a record */
	size_t calls_end;			/* calls before this one are evaluated first */
	const unsigned *states;			/* what it reads, directly */
	size_t n_states;
	const struct spec_shown *shown;
	size_t n_shown;
	const char *where;			/* "purchases.features:3" */
};

struct spec {
	struct arena arena;
	struct spec_step *steps;
	size_t n_steps;
	struct spec_feature { struct name name; int local; } *features;	/* in order; names rendered once */
	size_t n_features;
	size_t n_locals;			/* of features and lookups */
	struct spec_lookup *lookups;
	size_t n_lookups;
	struct spec_join *joins;
	size_t n_joins;
	struct spec_call *calls;
	size_t n_calls;
	struct spec_state *states;
	size_t n_states;
	struct bundle **bundles;		/* members' `state` is the index */
	struct spec_given **given;		/* of each that is plain, its calls */
	size_t *n_given;
	unsigned *alone;			/* the states that are in none */
	size_t n_bundles, n_alone;
	struct spec_keys *keys;			/* the first is the spec's own */
	size_t n_keys;
	struct spec_window *windows;
	size_t n_windows;
	int64_t lasts;				/* ns of the watermark after which a key's events are in no window any more; 0: never so */
	struct spec_part time;
	enum time_unit unit;
	bool needs_time;			/* a record without a valid time is INVALID_DATA */
	const char *time_user;			/* why: "the time line", "elapsed()" */
	bool looks_back;			/* features depend on when events were: late ones are told of */
	struct timing timing;
	enum spec_emit emit;
	bool by_partition;			/* a row's state begins with the partition of its records (state.h), and what is found is found by the key */
};

/* A text of definitions: a file, or an option. */
struct spec_text {
	const char *source;		/* "purchases.features", "-d" */
	const char *text;
	size_t len;
	bool is_option;			/* one definition, no directives; no line numbers */
};

struct spec_options {
	const char *key;		/* of -k: PATH[,PATH...]; NULL */
	const char *time_path;		/* where the spec has no `time` line */
	enum time_unit time_unit;
	bool by_partition;
	const char *time_user;		/* what needs the time besides features: "--max-keys"; NULL: nothing */
};

/* NULL with a message, often of several lines: "purchases.features:3:14: ...", the line and a caret. */
struct spec *spec_compile(const struct spec_text *, size_t n, const struct spec_options *, struct fields *, struct error *why);
void spec_free(struct spec *);

#endif
