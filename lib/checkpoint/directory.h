/* SPDX-License-Identifier: MIT */
/*
 * directory.h - the directory of a checkpoint on a local disk: who commits there, what has been committed, what is being written.
 *
 *	COMMIT		{"out":[{"name":"vip.jsonl","ino":"81","len":"123456"},...],"barrier":{...}}: replaced by rename, the commit itself;
 *			with "transaction":{"name":...,"topic":...} where the commit is a transaction that is known there
 *	E-RUN.ckpt	what becomes COMMIT once its transaction has been committed
 *	COMMIT.lock	held (flock) by the sink for as long as it lives
 *	AUTHORITY	{"kind":"file","pid":123}: written by the sink once it holds the lock
 *	OPENED		a line {"name":...,"ino":...,"len":...,"e":...,"run":...} for each file that an open epoch writes to, before its
 *			first byte; e and run say what had been committed then: behind another commit it counts no more
 *	STAGE.E-RUN.snap, .log	a stage's state that is too large for the barrier's line (chain.h)
 *	STAGE.E-RUN.compact	what becomes such a file
 *	STAGE.E-RUN.model	what stands beside a stage's state (beside.h)
 *
 * Whoever reads COMMIT sees a whole commit.  Knows these files; no stages and no records.
 */
#ifndef CHECKPOINT_DIRECTORY_H
#define CHECKPOINT_DIRECTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "checkpoint/control.h"

/* A file that is written to: how long it is without what is not committed. */
struct directory_file { const char *name; uint64_t ino, len; };

struct directory_commit {
	struct control_text barrier;		/* text NULL: nothing has been committed */
	struct commit_point at;
	struct transaction_place by;		/* name NULL: commits are renames here; in the arena, as all of it */
	struct directory_file *files;
	size_t n_files;
};

/* Makes it where it is not there.  -1. */
int directory_make(const char *dir, struct error *why);

/* A lock, "COMMIT" the sink's, waiting for one that is about to end; a descriptor that holds it, -1: failed, -2: another one goes on. */
int directory_lock(const char *dir, const char *name, int64_t wait_ns, struct error *why);
int64_t directory_holder(const char *dir, const char *name);	/* the process that holds it; 0: none */
int directory_say_authority(const char *dir, struct error *why);

/* 1: a sink that lives has said that it commits here; 2: one has the lock and has not said so yet; 0: none; -1. */
int directory_authority(const char *dir, struct error *why);

/* What has been committed, and what a run that died had begun: files of OPENED that are not in COMMIT come with the rest. */
int directory_read(const char *dir, struct directory_commit *, struct arena *, struct error *why);

/* Durable before it returns; what has been committed by then. */
int directory_note_opened(const char *dir, const struct directory_file *, const struct commit_point *, struct error *why);
/* Durable and atomic; then OPENED begins anew. */
int directory_commit(const char *dir, const struct directory_file *, size_t n, const char *barrier, size_t len, struct error *why);

/*
 * The same of a commit that is a transaction: what is to become COMMIT, durable, before it; whether that is there; and behind the
 * transaction.  1: there is no such checkpoint.
 */
int directory_prepare(const char *dir, const struct commit_point *, const struct transaction_place *, const struct directory_file *, size_t n,
    const char *barrier, size_t len, struct error *why);
bool directory_is_prepared(const char *dir, const struct commit_point *);
int directory_committed(const char *dir, const struct commit_point *, struct error *why);

/* Tells one commit from the next, without reading it; 0: there is none. */
uint64_t directory_mark(const char *dir);

/* A stage's state beside the barrier; `name` of the file, in the arena. */
int directory_put_state(const char *dir, const char *name, const void *bytes, size_t n, struct error *why);
char *directory_get_state(const char *dir, const char *name, size_t name_len, size_t *n, struct error *why);
int directory_rename_state(const char *dir, const char *from, const char *to, struct error *why);	/* durable */

/* A log of changes: a descriptor of an empty file that is there to stay, -1; an entry at its end, durable, which makes it longer. */
int directory_begin_log(const char *dir, const char *name, struct error *why);
int directory_add_to_log(const char *dir, const char *name, int log, const struct buf *entry, size_t *len, struct error *why);

/*
 * Behind a commit: removes states, and files beside them, of epochs up to this that its barrier does not name, checkpoints that have
 * not been committed, and what other runs have left half done.
 */
void directory_prune(const char *dir, const struct commit_point *, const char *barrier, size_t len);

/* All of it, as far as it goes. */
void directory_remove(const char *dir);

#endif
