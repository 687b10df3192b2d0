/* SPDX-License-Identifier: MIT */
/*
 * parallel.h - the work of a chain's first stage, divided among threads (-j); order out is order in.
 *
 * Knows records and three hooks of the tool (split, work, join; filter.h), and no tool.  The loop's thread reads, hands batches over
 * in blocks, and passes finished blocks on in their order; it works as well where it would have to wait.  Every batch is that
 * of the source, so that what is counted, and where a policy ends the run, is what one thread would have made of it.
 *
 * The loop brings threads to rest before hooks other than records, flush, watch and metrics, and before it waits: nothing that can
 * leave is kept back.
 */
#ifndef STREAM_PARALLEL_H
#define STREAM_PARALLEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct parallel;
struct record;
struct stage;
struct tally;

/*
 * Starts jobs - 1 threads, which hear no signals; after the tool's start.  `renders`: nobody behind the stage asks for values, and
 * the threads write the lines as well.  NULL with `why`: there is no such number of threads.
 */
struct parallel *parallel_new(struct stage *, unsigned jobs, bool renders, struct error *why);

/* Ends the threads; what has been taken and not passed on is dropped. */
void parallel_free(struct parallel *);

/* Where errors of the next batch are counted until it is passed on; *before: records of this run that come before it. */
struct tally *parallel_tally(struct parallel *, uint64_t *before);

/* Takes a copy of a batch, and passes on what is ready.  0, 1 or -1 as records in filter.h; after another value than 0 all that is
 * left is dropped. */
int parallel_take(struct parallel *, struct record **, size_t n, struct error *why);

/* Whether there is anything to be passed on. */
bool parallel_holds(const struct parallel *);

/* Passes on the oldest of what has been taken, a block at most, as soon as it is ready. */
int parallel_step(struct parallel *, struct error *why);

/* Passes on all of it. */
int parallel_rest(struct parallel *, struct error *why);

#endif
