/* SPDX-License-Identifier: MIT */
/* inputs.h - operands in order as one source, as cat reads them. */
#ifndef STREAM_INPUTS_H
#define STREAM_INPUTS_H

#include "stream/lines.h"

/*
 * Paths are borrowed; n = 0 is stdin.  All are checked at once, each is opened when its turn comes.  NULL: one cannot be
 * read.
 */
struct source *inputs_new(const char *const *paths, size_t n, const struct lines_options *, struct error *why);

/* For what has followed them: a position that says that they are done with, and of no file any more where it was. */
void inputs_tell_done(const char *const *paths, size_t n, struct buf *);

/* What a position is about. */
struct inputs_position {
	size_t n_files, n_others;	/* items of files, and of something else behind them, which the seek of files leaves alone */
	bool done;
};
int inputs_position(const char *json, size_t n, struct inputs_position *, struct error *why);

/* Bytes at the end of the last input that are no whole line and have not been given. */
size_t inputs_torn(const struct source *);

#endif
