/* SPDX-License-Identifier: MIT */
/*
 * sequence.h - sequence(x, n): the newest n values of a window, the oldest of them first.
 *
 * `over all` and `over last N` keep a ring of n, in order of arrival.  A sliding window keeps all its values in a timeline,
 * for an event out of order sees another stretch of them; panes, tumbling windows and sessions keep the newest n of each, with
 * their times.  An event costs the n values that are read, whatever the window.
 */
#ifndef FEATURE_SEQUENCE_H
#define FEATURE_SEQUENCE_H

#include "feature/aggregate.h"

/* Of `over all` and `over last N`; and the keeper of any window. */
extern const struct keeper sequence_keeper;
const struct keeper *sequence_keeper_of(const struct expr_call *);

#endif
