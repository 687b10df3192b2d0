/* SPDX-License-Identifier: MIT */
/*
 * written.h - the regular files that a sink writes to, so that what has not been committed can be taken back.
 *
 * A file's length is noted, durably, before its first byte in an epoch, and recorded with each commit; a run that comes after
 * one that died cuts it back.  Functions return 0, -1 (a retry may help) or -2 (it cannot), with a sentence.
 */
#ifndef CHECKPOINT_WRITTEN_H
#define CHECKPOINT_WRITTEN_H

#include "base/error.h"
#include "checkpoint/directory.h"
#include "stream/output.h"

struct written;

/* The directory is borrowed.  by_path: another process may have to take files back, so that descriptors of files are refused. */
struct written *written_new(const char *dir, bool by_path);
void written_free(struct written *);

/* Before any output is opened: takes back what was not committed, but of descriptors, which are seen when they are opened. */
int written_take_back(struct written *, struct error *why);

/* An output is a regular file; its first bytes come; it is about to be closed, all of it written. */
int written_opened(struct written *, struct output *, struct error *why);
int written_begins(struct written *, struct output *, struct error *why);
int written_closes(struct written *, struct output *, struct error *why);

/* All outputs have been flushed: makes them durable, and them and the barrier the commit, by the transaction where there is one. */
int written_commit(struct written *, struct transaction *, const struct control_line *, const char *barrier, size_t len, struct error *why);

#endif
