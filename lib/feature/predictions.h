/* SPDX-License-Identifier: MIT */
/*
 * predictions.h - what records say of their labels, as sml-classify adds it, to what is judged.
 *
 * The record's own `probability`, `probabilities` or `prediction`, and those of the members of `shadow`: each is judged by itself, and
 * also by the groups of a value of the record.
 */
#ifndef FEATURE_PREDICTIONS_H
#define FEATURE_PREDICTIONS_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/fieldpath.h"
#include "base/value.h"
#include "json/fields.h"
#include "model/judged.h"

struct record;

#define PREDICTIONS_MOST 100		/* shadows */

/* Of one model: the record's own (the first, without a name), or a shadow. */
struct prediction_source {
	char *name;
	struct judged judged;
	uint64_t absent;		/* labelled records that say nothing of that kind */
};

struct predictions {
	/* set by the caller */
	struct fieldpath by;		/* no steps: no groups */
	const char *by_text, *label_text;	/* as typed, for messages */

	/* found */
	struct prediction_source *sources;
	size_t n, room;
	struct labels groups;
	uint64_t ungrouped;		/* records without a value at the path */

	int by_slot, probability_slot, probabilities_slot, prediction_slot, classification_slot, shadow_slot;
	struct arena arena;		/* of a record */
};

void predictions_start(struct predictions *, struct fields *);
void predictions_release(struct predictions *);

/*
 * One record with a label.  1: it is judged; 0: it says nothing, or has become an error record; -1: a label or a group too many (`why`
 * names it), and no other record can make up for it.
 */
int predictions_add(struct predictions *, struct record *, const struct value *, struct value label, double weight, struct error *why);

/* The source of that name, NULL: the record's own; NULL where there is none. */
const struct prediction_source *predictions_find(const struct predictions *, const char *name);

#endif
