/* SPDX-License-Identifier: MIT */
/*
 * keyed.h - a row of state per key: found by hash, bounded, the oldest evicted.
 *
 * Rows lie in chunks and never move; a table of 8-byte places beside them holds part of the hash and the row's number, and
 * the hashes are kept apart, so that growing reads no row.  Whoever looks up many keys first prefetches their
 * places, then, a few keys ahead, the rows.
 *
 * With a bound, a new key's owner first makes room by evicting the row with the oldest event time (of equal times the lower hash, then
 * the lesser key: the same whatever was saved and loaded in between).
 *
 * Where it is asked to, it notes which rows have been touched or have gone since it was asked last, so that what is saved can be
 * the changes alone.
 *
 * Knows bytes of keys and sizes of rows, not what they mean.
 */
#ifndef FEATURE_KEYED_H
#define FEATURE_KEYED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KEYED_INLINE 20

struct keyed_row {
	int64_t time;		/* the newest event time of its events */
	uint32_t len : 31;
	uint32_t is_noted : 1;	/* as changed, or nobody asks */
	char key[KEYED_INLINE];	/* longer ones: a pointer to heap */
};				/* behind it: the state, zero at first, 8-byte aligned */

struct keyed;

/* max_keys 0: no bound.  `release` is called with the state of each row that is evicted; it may be NULL. */
struct keyed *keyed_new(size_t state_size, uint64_t max_keys, void (*release)(void *self, void *state), void *self);
void keyed_free(struct keyed *);		/* what states hold is their owner's to drop */

void keyed_prefetch(const struct keyed *, uint64_t hash);	/* its place in the table */
void keyed_prefetch_row(const struct keyed *, uint64_t hash);	/* the row that the place names */

/* NULL: not there. */
struct keyed_row *keyed_find(const struct keyed *, const char *key, size_t len, uint64_t hash);

/* A row for a key that is not there. */
struct keyed_row *keyed_add(struct keyed *, const char *key, size_t len, uint64_t hash, int64_t time);

/* Evicts down to the bound, or to one less. */
void keyed_trim(struct keyed *, bool for_one_more);

/* Lets go of all rows whose time is before this. */
void keyed_expire(struct keyed *, int64_t before);

/* From here on changes are noted; what was noted before is forgotten. */
void keyed_track(struct keyed *);

void keyed_note(struct keyed *, struct keyed_row *);

/* To be called whenever a row, or what its state holds, is changed. */
static inline void keyed_touch(struct keyed *k, struct keyed_row *r)
{
	if (!r->is_noted)
		keyed_note(k, r);
}

/* What has changed since keyed_track or the last call: good until the next change. */
struct keyed_changes {
	struct keyed_row **rows;	/* each once, in no order */
	size_t n;
	const char *gone;		/* keys, each behind its length (uint32_t) */
	size_t gone_len;
};
struct keyed_changes keyed_changes(struct keyed *);

/* The keys that have gone, one after the other from *at = 0 on; NULL: no more.  Some may have come back: they are among the rows. */
const char *keyed_next_gone(const struct keyed_changes *, size_t *at, size_t *len);

static inline void *keyed_state(struct keyed_row *r)
{
	return r + 1;
}

static inline struct keyed_row *keyed_row_of(void *state)
{
	return (struct keyed_row *)state - 1;
}

const char *keyed_key(const struct keyed_row *);

uint64_t keyed_count(const struct keyed *);
uint64_t keyed_evicted(const struct keyed *);		/* since keyed_new */
uint64_t keyed_expired(const struct keyed *);		/* since keyed_new */
size_t keyed_bytes(const struct keyed *);		/* of table and rows, not of what states hold on the heap */

/* Each row, in no order. */
void keyed_each(const struct keyed *, void (*see)(void *self, struct keyed_row *), void *self);

/* All rows in order of their keys' bytes (heap, free(3) it): the same rows whatever happened before. */
struct keyed_row **keyed_sorted(const struct keyed *, size_t *n);

#endif
