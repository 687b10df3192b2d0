/* SPDX-License-Identifier: MIT */
/*
 * merge.h - operands side by side as one source, in order of event time: a k-way merge of inputs that are each in order.
 *
 * The record that leaves is the one with the least time among the first of each input; of equal times that of the earlier operand,
 * so that sorted inputs give what a stable sort of all of them gives.  Within an input the order stays as it is: a record that is
 * older than the one before it, or has no time (no JSON, a refusal, an error record, no such member), leaves as soon as it is the first.
 *
 * What comes out depends on the inputs' bytes alone: while one of them has nothing at hand, the others wait.  Memory is that of
 * one lines source an input, whatever their lengths.  O(log k) a record.
 */
#ifndef STREAM_MERGE_H
#define STREAM_MERGE_H

#include "base/eventtime.h"
#include "stream/lines.h"

struct merge_options {
	struct lines_options lines;	/* intake.refuses_control: a control record has no place among several inputs */
	int time_slot;			/* of record_values */
	enum time_unit unit;
	/* Of an input of which so many records, or all there are, have no event time, and none has one.  NULL: nobody is told. */
	void (*tell)(void *self, const char *name, uint64_t n_timeless);
	void *self;
};

/* Paths are borrowed, n > 0; all are opened at once.  NULL: one cannot be read, or two are the same pipe. */
struct source *merge_new(const char *const *paths, size_t n, const struct merge_options *, struct error *why);

#endif
