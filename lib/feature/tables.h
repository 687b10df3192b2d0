/* SPDX-License-Identifier: MIT */
/*
 * tables.h - the lookups of a spec at work: for each record of a batch the rows that it finds.
 *
 * Rows of files are set from outside, between batches; rows of the stream come as records, in their turn, and are part of the
 * state.  A batch first seeks, then fetches twice (so that memory comes while other records are looked at), then reads record by
 * record.
 */
#ifndef FEATURE_TABLES_H
#define FEATURE_TABLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "expr/expr.h"
#include "feature/key.h"
#include "feature/rows.h"
#include "feature/spec.h"
#include "feature/state.h"
#include "stream/record.h"

struct tables;

/* Borrows the spec; rows of the stream become parts of the state. */
struct tables *tables_new(const struct spec *, struct state *);
void tables_free(struct tables *);

/* The rows of the spec's lookup k, with its values: borrowed until others take their place.  NULL, as at first: there are none. */
void tables_set(struct tables *, size_t k, const struct rows *);
const struct rows *tables_rows(const struct tables *, size_t k);

/* For record i of the batch.  `own`: the spec's key, where that is one path (mostly it is a lookup's as well); NULL. */
void tables_seek(struct tables *, size_t i, const struct record *, const struct value *values, const struct key *own);
void tables_fetch(struct tables *, size_t i, int pass);

/* All that expressions read of the rows goes into locals; false: the record has become an error record. */
bool tables_read(struct tables *, size_t i, struct record *, const struct value *values, struct value *locals);

/* A record that is a row of the stream; false: it has become an error record. */
bool tables_put(struct tables *, struct record *, const struct expr_scope *);

/* Of how many records a lookup found the row or did not, and what the first one was that it did not find ("userId is 42"). */
struct tables_found { uint64_t hits, misses; const char *missed; };
const struct tables_found *tables_found(const struct tables *, size_t k);

#endif
