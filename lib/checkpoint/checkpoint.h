/* SPDX-License-Identifier: MIT */
/*
 * checkpoint.h - a process's part in a checkpoint: exactly-once through pipes, sml-checkpoint(7).
 *
 * The first process makes barriers of what it has read; every stage adds its state as one passes; at the last process all
 * that has been written is made durable together with the barrier, in one rename.  After Carbone et al., "Lightweight
 * asynchronous snapshots for distributed dataflows", 2015: on a pipe there is one channel, so nothing has to be aligned.
 *
 * A chain (`sml A then B`) has several stages in one process, which may be the first and the last one at once.
 */
#ifndef CHECKPOINT_CHECKPOINT_H
#define CHECKPOINT_CHECKPOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "checkpoint/control.h"
#include "stream/filter.h"
#include "stream/transaction.h"

/*
 * A sink's: *out the transaction that its commits are, NULL where all it writes are files.  It is called as the pipeline is, with the
 * suffix; its points stand on the topic, NULL: where the sink likes.  Another call gives up the one before.  0, -1, -2: usage.
 */
typedef int checkpoint_transaction(void *sink, struct loop *, const char *suffix, const char *topic, struct transaction **out,
    struct error *why);

struct checkpoint_options {
	const char *dir;			/* borrowed, as all of it */
	struct checkpoint_shard shard;
	const char *const *stages;		/* the names of the loop's stages */
	struct output *output;			/* where control records go on to; not of a sink */
	int64_t interval_ns;			/* between barriers, of a source */
	uint64_t attempts;			/* of a source: attempts.h */
	bool routes_poison;			/* ... and a record that kills becomes an error record; false: it stops the pipeline */
	bool is_source, is_sink;
	checkpoint_transaction *transaction;	/* NULL: none */
	void *sink;
};

struct checkpoint;

/* The loop's protocol; it begins with prepare, when outputs have not been opened. */
struct checkpoint *checkpoint_new(const struct checkpoint_options *);
void checkpoint_free(struct checkpoint *);
struct protocol *checkpoint_protocol(struct checkpoint *);

#endif
