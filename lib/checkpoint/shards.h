/* SPDX-License-Identifier: MIT */
/*
 * shards.h - the directory of a pipeline that runs several times: how it is divided now, and how it was before.
 *
 *	SHARDS		[{"generation":2,"shards":3,"transaction":{"name":"sml-fraud","topic":"alerts"}}]: newest last; the older ones for
 *			as long as some shard of the newest has committed nothing; `transaction` where topics are written
 *	SHARDS.lock	held (flock) while it is divided, and by each sink until it holds its own folder's
 *	2.0 2.1 2.2	a folder for each shard of generation 2: the files of directory.h
 *
 * Partition p of the topics belongs to shard p mod n.  Its state stands in the newest generation whose shard has committed.
 */
#ifndef CHECKPOINT_SHARDS_H
#define CHECKPOINT_SHARDS_H

#include "checkpoint/checkpoint.h"
#include "checkpoint/control.h"

struct shards_generation {
	unsigned number, n;			/* from 1; shards */
	struct transaction_place by;		/* the name without shard and generation; NULL: commits are renames */
};

struct shards { struct shards_generation *all; size_t n; };	/* in the arena; n 0: it has not been divided yet */

bool shards_exist(const char *dir);
int shards_read(const char *dir, struct shards *, struct arena *, struct error *why);
int shards_write(const char *dir, const struct shards *, struct error *why);

static inline const struct shards_generation *shards_newest(const struct shards *s)
{
	return s->n ? &s->all[s->n - 1] : NULL;
}

/* "DIR/2.0"; free(3). */
char *shards_folder(const char *dir, unsigned generation, unsigned index);

/*
 * Where a shard of the newest generation goes on that has not committed itself: src the places of its partitions, parts what
 * others had of these: {"1.2":{"p":[2,8],"via":"replay,features,route","st":{...}},...} without its brackets.  Where nobody has committed
 * src is [], and parts empty.
 */
int shards_compose(const char *dir, struct checkpoint_shard, struct buf *src, struct buf *parts, struct error *why);

/* Drops what is older than the newest generation if all shards of that have committed.  True: there is nothing older. */
bool shards_tidy(const char *dir);

/* Before a file is written to: no other shard does, or it would be cut back to the length that this one knows.  0 or -1. */
int shards_claim(const char *dir, unsigned generation, struct checkpoint_shard, int fd, const char *name, struct error *why);

#endif
