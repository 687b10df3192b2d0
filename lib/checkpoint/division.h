/* SPDX-License-Identifier: MIT */
/*
 * division.h - a sink that begins as one of several shards: in the generation that runs now, or, where that has another number
 * of shards, in a new one, which it makes.
 *
 * A new generation is made when no shard of the one before it lives any more: each of these is cut off from its
 * transaction, and what it has written and not committed is taken back.  SHARDS says so only then: whoever is killed before has done
 * nothing that is not done again.
 */
#ifndef CHECKPOINT_DIVISION_H
#define CHECKPOINT_DIVISION_H

#include "checkpoint/checkpoint.h"

struct division {
	char *folder;			/* free(3) */
	unsigned generation;
	int lock;			/* of the folder; held */
	struct transaction *transaction;
};

/* 0, -1, -2: a retry cannot help. */
int division_begin(const struct checkpoint_options *, struct loop *, struct division *, struct error *why);

/*
 * For the source, which waits for its sink: the shard's folder, as it is divided now, and the generation; folder NULL: the shard is none of
 * this division.  As directory_authority; 2 also while somebody is about to divide.
 */
int division_find(const char *dir, struct checkpoint_shard, struct division *, struct error *why);

/* Whether the stream that begins is of this shard, or of none.  0 or -1. */
int division_check(struct checkpoint_shard, const struct control_line *begin, struct error *why);

#endif
