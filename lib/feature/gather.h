/* SPDX-License-Identifier: MIT */
/*
 * gather.h - labelled records to what is learned from (data sets) or judged (predictions beside labels).
 *
 * Knows records, labels, weights and which rows are held out; no solver, no files, no options.  A record without a label is counted
 * and skipped; one whose label, weight or value is wrong becomes an error record.
 */
#ifndef FEATURE_GATHER_H
#define FEATURE_GATHER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/eventtime.h"
#include "base/fieldpath.h"
#include "feature/predictions.h"
#include "json/fields.h"
#include "model/dataset.h"
#include "model/labels.h"
#include "model/model.h"

struct encoder;
struct record;

struct gather {
	/* set by the caller */
	struct fieldpath label, weight, time;	/* weight: no steps, every record counts 1 */
	const char *label_text, *weight_text;	/* the paths as typed, for messages */
	enum time_unit time_unit;
	bool regression;			/* answers are numbers, not labels */
	bool grows;				/* inputs are the numbers that are met; else the model's schema names them */
	enum missing missing;
	double missing_number, holdout;		/* percent of rows held out; 0: none */

	/* found */
	struct model *model;			/* its schema and labels; borrowed */
	struct labels labels;			/* `many` is set by the caller */
	struct dataset rows, held_out;
	struct predictions predictions;		/* judged; `by` is set by the caller */
	uint64_t used, labelled, unlabelled;	/* records */
	int64_t from, to;			/* event times of the rows; EVENTTIME_NONE: none */

	struct encoder *encoder;
	int label_slot, weight_slot, time_slot, features_slot, record_slot;
	struct buf line;
	const char **names;			/* of the first record, for hints; ends with NULL, in the arena */
	size_t n_of_features;			/* the first of them: members of `features` */
	struct arena arena;
};

/* Registers what is read: for training (the model is filled), or with no model for judging. */
void gather_start(struct gather *, struct model *, struct fields *);
void gather_release(struct gather *);

/* One record, with its values. -1: a label too many (`why` names it); no other record can make up for it. */
int gather_record(struct gather *, struct record *, const struct value *, struct error *why);

/* Whether a value is a label: a string, a number or a boolean, for regression no string.  False: the record has become an error record;
 * `what` (label, by) and the path as typed are in its message. */
bool gather_is_label(struct record *, const char *what, const char *path, struct value, bool regression);

/* -1 and why no record could be learned from or judged: they lack the label, or what --evaluate judges. */
int gather_nothing(const struct gather *, struct error *why);

/*
 * After the last record of training: the positive label is chosen (`wanted` or NULL, see labels.h), inputs without values go, and of a
 * record's own members those that look like ids; data sets are sealed.  Appends "name (reason), ..." of what was left
 * out.  -1: nothing to learn from.
 */
int gather_finish(struct gather *, const char *wanted, struct buf *left_out, struct error *why);

#endif
