/* SPDX-License-Identifier: MIT */
/*
 * sessions.h - stretches of event time with no gap in them longer than the window's, in order, and what each comes to.
 *
 * One that no event which is still in time can join is dropped: window.h says what is in time.  Knows sizes and times, not
 * what the sessions come to.  All zero is empty.  Reading changes nothing.
 */
#ifndef FEATURE_SESSIONS_H
#define FEATURE_SESSIONS_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/snapshot.h"
#include "expr/expr.h"
#include "feature/aggregate.h"
#include "feature/pool.h"

/* What sessions come to; the same in every call on them. */
struct sessions_kind {
	const void *self;	/* handed to the functions */
	uint32_t size;		/* bytes of what one comes to, a multiple of 8; all zero at first */
	void (*add)(const void *self, void *one, const struct moment *m, struct pool *);
	void (*join)(const void *self, void *one, void *later, struct pool *);	/* what `later` owned is gone then */
	void (*drop)(const void *self, void *one, struct pool *);
	void (*save)(const void *self, const void *one, struct buf *);
	void (*load)(const void *self, void *one, struct snapshot_bytes *, struct pool *);
};

struct session { int64_t first, last; uint64_t comes_to[]; };

#define SESSIONS_INLINE 24

struct sessions {
	uint32_t n, room;	/* room 0: there is no list */
	union {
		char *list;
		/* The one of nearly every key, where it comes to no more. */
		uint64_t only[(sizeof(struct session) + SESSIONS_INLINE) / 8];
	};
};

struct session *sessions_at(const struct sessions *, const struct sessions_kind *, size_t i);

/* What an event belongs to: sessions [from, to) of those that it can still join, two at most. */
struct sessions_span { size_t from, to; };
struct sessions_span sessions_span(const struct sessions *, const struct sessions_kind *, const struct expr_call *, const struct moment *);

/* The present event; without a value (m->x NULL) it is one of the session all the same. */
void sessions_add(struct sessions *, const struct sessions_kind *, const struct expr_call *, const struct moment *, struct pool *);

/* Another kind for sessions that have come to nothing so far. */
void sessions_turn(struct sessions *, const struct sessions_kind *from, const struct sessions_kind *to, struct pool *);
void sessions_release(struct sessions *, const struct sessions_kind *, struct pool *);

void sessions_save(const struct sessions *, const struct sessions_kind *, struct buf *);
/* Into empty ones; what does not fit is torn, and releasing what came of it is the caller's. */
void sessions_load(struct sessions *, const struct sessions_kind *, struct snapshot_bytes *, struct pool *);

size_t sessions_bound(const struct sessions_kind *);	/* bytes in the pool of one session */

/* Prefetches the list. */
void sessions_fetch(const struct sessions *);

#endif
