/* SPDX-License-Identifier: MIT */
/*
 * fence.h - the transaction by which a sink commits, begun where the last one of its name has ended.
 *
 * Whoever went by the name before can commit nothing more, and what was committed last is COMMIT in the directory.
 */
#ifndef CHECKPOINT_FENCE_H
#define CHECKPOINT_FENCE_H

#include "checkpoint/checkpoint.h"

/* What is known of it beforehand. */
struct fence_known {
	const char *suffix;		/* behind the pipeline's name; "": it runs once */
	bool is_known;			/* the rest is */
	struct transaction_place by;	/* name NULL: commits are renames */
};

/* *out NULL: the sink has none, and had none.  0, -1, -2: a retry cannot help. */
int fence_begin(const struct checkpoint_options *, const char *dir, struct loop *, const struct fence_known *, struct transaction **out,
    struct error *why);

#endif
