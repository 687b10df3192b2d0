/* SPDX-License-Identifier: MIT */
/*
 * transaction.h - an act of a system outside by which all that was sent to it since the last one becomes visible, or none of it.
 *
 * Under a checkpoint it is the commit itself: with what was sent the transaction keeps which point that is, and whoever begins it
 * anew learns from there what has been committed.  Functions return 0, -1 (a retry may help) or -2 (it cannot), with a sentence.
 */
#ifndef STREAM_TRANSACTION_H
#define STREAM_TRANSACTION_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/error.h"

/* A commit is named by both: runs that died have used the same epochs. */
#define COMMIT_RUN 17		/* bytes, terminated */
struct commit_point { uint64_t epoch; char run[COMMIT_RUN]; };	/* epoch 0, run "": before the first one */

static inline int commit_point_same(struct commit_point a, struct commit_point b)
{
	return a.epoch == b.epoch && !strcmp(a.run, b.run);
}

/* Where its points are kept; terminated, owned by who has it. */
struct transaction_place { char *name, *topic; };

struct transaction {
	struct transaction_place at;
	/*
	 * What stands as committed, before anything is changed by asking: another process may be at work under the same name.  Then
	 * ends what such a process, or one that died, has left open, so that it can commit no more, and asks again.
	 */
	int (*look)(struct transaction *, struct commit_point *, struct error *why);
	int (*fence)(struct transaction *, struct commit_point *, struct error *why);
	/* `src`: where the input has been read up to, as a barrier has it: what the system knows of that may go with the commit. */
	int (*commit)(struct transaction *, const struct commit_point *, const char *src, size_t len, struct error *why);
};

#endif
