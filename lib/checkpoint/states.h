/* SPDX-License-Identifier: MIT */
/*
 * states.h - what the stages of a process save at a barrier, and go on from: a member of `st` in the barrier's line each.
 *
 *	{"n":1024,"bytes":"<base64>"}			a state that is small: a snapshot (base/snapshot.h)
 *	{"n":1024,"$ref":[{"f":...,"len":...},...]}	a large one, in files (chain.h)
 *
 * n is how many records the stage has seen, over all runs.  A large state is written whole once; then what has changed is, as long as the
 * stage can tell what has.  Beside it there may be a file that the tool has put there, "file":{...} (beside.h).
 */
#ifndef CHECKPOINT_STATES_H
#define CHECKPOINT_STATES_H

#include <stddef.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "checkpoint/control.h"
#include "stream/filter.h"

struct states;

/* Of n stages with these names in the stream, both borrowed, as the directory is. */
struct states *states_new(const char *dir, const char *const *names, size_t n);
void states_free(struct states *);

/* Stage i from its member of `st`, JSON as it stands.  0 or -1: it cannot be gone on from. */
int states_restore(struct states *, size_t i, struct stage *, struct control_text json, struct error *why);

/* The folder in which all is that is saved from now on. */
void states_stand_in(struct states *, const char *dir);

/* Stage i of a shard that has committed nothing yet, from what others have had of its partitions, in folders of `root`. */
int states_restore_parts(struct states *, size_t i, struct stage *, const char *root, const struct control_line *begin, struct error *why);

/* Its member, as of the barrier `at`; what stands in files is durable.  0 or -1. */
int states_save(struct states *, size_t i, struct stage *, const struct commit_point *at, struct buf *json, struct error *why);

/* While a stage is saved: a file beside its state, which this barrier and all that follow name; -1: it could not be written. */
int states_put(struct states *, size_t i, const struct commit_point *at, const void *bytes, size_t n, struct error *why);
/* While it is restored: that which the checkpoint names; free(3), `path` is borrowed until the next put.  NULL: it cannot be had. */
char *states_get(const struct states *, size_t i, const char **path, size_t *n, struct error *why);

/* What a stage's state is in what has been committed, to look at: a snapshot, buf_release it.  1: there is none; -1. */
int states_look(const char *dir, const char *stage, struct buf *snapshot, struct error *why);

#endif
