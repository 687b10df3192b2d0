/* SPDX-License-Identifier: MIT */
/*
 * compaction.h - a chain put together to one snapshot, by a thread beside the stage's work.
 *
 * Done when the logs have become longer than the snapshot they begin with, so that a barrier takes what the changes take, and a
 * restart about twice what the state does.  After O'Neil et al., "The log-structured merge-tree", 1996, with two levels.
 */
#ifndef CHECKPOINT_COMPACTION_H
#define CHECKPOINT_COMPACTION_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "checkpoint/chain.h"

struct compaction;

/* Begins: the chain is copied, the result goes to the file `name`, durably.  NULL with `why`. */
struct compaction *compaction_start(const char *dir, const struct chain *, const char *name, struct error *why);

bool compaction_is_done(const struct compaction *);
size_t compaction_covers(const struct compaction *);	/* so many files of the chain */

/* Waits for it and frees it: the length of what it has written.  0 or -1. */
int compaction_finish(struct compaction *, size_t *len, struct error *why);

void compaction_cancel(struct compaction *);		/* waits a little; NULL: nothing */

#endif
