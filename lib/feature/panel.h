/* SPDX-License-Identifier: MIT */
/*
 * panel.h - the models that judge a record: the only one, or that of its variant; and every shadow, which changes nothing.
 *
 * What all records have in common is in the panel; what scoring changes is in a part, of which each thread has its own.  Knows
 * no options and no checkpoint; who uses it opens the models and says when another one is in use.
 */
#ifndef FEATURE_PANEL_H
#define FEATURE_PANEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/fieldpath.h"
#include "feature/scorer.h"
#include "feature/split.h"
#include "json/fields.h"
#include "stream/nest.h"
#include "stream/record.h"

/* A model at its work. */
struct panel_role {
	struct scorer scorer;
	struct name name;		/* of a variant or shadow */
	struct scorer_text text;	/* the name as a value */
};

struct panel {
	/* set by its user before panel_start */
	struct panel_role *roles;	/* those that score, then the shadows; alloc_zeroed */
	size_t n_scoring, n;
	struct scorer_options options;
	struct split split;		/* n 0: one model scores all */
	struct fieldpath split_by;
	const char *split_text;		/* the path as typed */
	bool verifies;			/* compares with scores that records bring */
	const struct nest *nest;	/* NULL: results stand in the event */

	const struct added *members[SCORER_MEMBERS], *variant, *shadow;	/* NULL: never added */
	struct name names_said[SCORER_MEMBERS];	/* in what a shadow says */
	int probability_slot, prediction_slot, split_slot;
	struct arena arena;
};

/* Scores that differ from those that records bring. */
struct panel_verified {
	uint64_t n, absent, different;	/* compared; without a score; of those compared, by more than panel_tolerance */
	double worst;			/* difference, and where */
	char worst_place[256];
};

struct panel_part {
	const struct panel *panel;
	struct scorer_bench *benches;	/* per role; their user starts them */
	struct nest nest;
	struct panel_verified verified;
	struct buf scratch;
	struct panel_part *next;	/* its user's */
};

/* What two scores that are the same may differ by: 1e-9; of a model of XGBoost, which says floats itself, 1e-6. */
double panel_tolerance(const struct panel *);

/* Registers what is read and added.  -1: more members than a chain can add. */
int panel_start(struct panel *, struct fields *);
void panel_release(struct panel *);

void panel_part_init(struct panel_part *, const struct panel *);
void panel_part_release(struct panel_part *);

/* All there is to do with a batch, by a struct panel_part (void: it is a hook, stream/filter.h). */
void panel_work(void *part, struct record **, size_t n);

/* What `from` has counted is added, of records behind those counted so far; `from` begins anew. */
void panel_part_join(struct panel_part *, struct panel_part *from);

#endif
