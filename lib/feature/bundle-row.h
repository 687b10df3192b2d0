/* SPDX-License-Identifier: MIT */
/*
 * bundle-row.h - rows of bundles: taken apart and joined again, released, saved and loaded.
 *
 * A row begins with its timeline, whose mark says what it is: 0: shared.  It is saved member by member; a row that was shared
 * when it was saved is so again when it has been loaded, with the shape that its timeline had, and one that was apart is apart.
 */
#ifndef FEATURE_BUNDLE_ROW_H
#define FEATURE_BUNDLE_ROW_H

#include "feature/bundle.h"

void bundle_row_release(const struct bundle *, void *row, struct pool *);

/* Of a member; false: it has nothing to save.  `scratch`: for work, empty again behind it. */
bool bundle_row_save(const struct bundle *, const struct bundle_member *, const void *row, struct pool *scratch, struct buf *);

/* From a row in which this member is empty, the members in order as far as they are there; then bundle_row_settle, once. */
bool bundle_row_has(const struct bundle *, const struct bundle_member *, const void *row);
void bundle_row_load(const struct bundle *, const struct bundle_member *, void *row, struct snapshot_bytes *, struct pool *);
void bundle_row_settle(const struct bundle *, void *row, struct pool *);

/* ---- for bundle.c ---- */

/* The value of an event for a member, into an entry. */
static inline void bundle_row_put(const struct bundle_member *m, char *entry, struct value x)
{
	if (m->is_whole)
		*(struct value *)(void *)(entry + m->entry) = x;
	else
		*(double *)(void *)(entry + m->entry) = value_double(x);
}

/* Of a row that is apart, or becomes so by this event: a member's stretch. */
struct timeline *bundle_row_part(const struct bundle *, const struct bundle_member *, const void *row);
void bundle_row_add(const struct bundle *, void *row, const struct value *const *values, const struct moment *, bool is_common,
    struct pool *);
void bundle_row_fetch(const struct bundle *, const void *row, int64_t time, int step);

/* As timeline_entries have them: the first member's values alone. */
void bundle_row_save_entry(const void *bundle, const void *entry, struct buf *);
void bundle_row_load_entry(const void *bundle, void *entry, struct snapshot_bytes *, struct pool *);

#endif
