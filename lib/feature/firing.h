/* SPDX-License-Identifier: MIT */
/*
 * firing.h - `emit windows`: when windows are given out, and in which order.
 *
 * A window fires when the watermark reaches its end; again, as a revision, with each event that comes after that and is not
 * late; and while it is open at the triggers that the spec names, of event time or of its events.  (Windowing as in Akidau
 * et al., "The Dataflow model", VLDB 2015.)  Windows leave in order of their ends, of equal ends in order of the keys'
 * bytes, then of the definitions.  A queue of what is due next lies beside the keys' states; it follows from them.
 */
#ifndef FEATURE_FIRING_H
#define FEATURE_FIRING_H

#include <stdbool.h>
#include <stdint.h>

#include "feature/keyed.h"
#include "feature/opened.h"
#include "feature/spec.h"
#include "feature/state.h"

struct firing;

/* A window to be given out: 0, or what ends the run. */
typedef int firing_out(void *self, const struct spec_window *, struct keyed_row *, const struct open_window *, bool is_open);

/* Borrows the spec and its state. */
struct firing *firing_new(const struct spec *, struct state *, firing_out *out, void *self);
void firing_free(struct firing *);

/* An event of the row at that time has been added to the windows' other states. */
int firing_note(struct firing *, const struct spec_window *, struct keyed_row *, int64_t time, int64_t watermark);

/* The watermark moves.  INT64_MAX: every window closes. */
int firing_advance(struct firing *, int64_t watermark);

/* The end of the next window, ns; INT64_MAX: none is open. */
int64_t firing_due(const struct firing *);

/* The greatest end of windows that have closed, `over all` apart; EVENTTIME_NONE: none has. */
int64_t firing_last(const struct firing *);

/* After a restore: what is open is due. */
void firing_restore(struct firing *, int64_t watermark);

/* The record of a window whose features stand in locals: {"key":...,"window":{"start":...,"end":...},"features":{...}}. */
void firing_write(const struct spec *, const struct spec_window *, const struct keyed_row *, const struct open_window *, bool is_open,
    const struct value *locals, struct buf *);

#endif
