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

/* Bytes at the end of the last input that are no whole line and have not been given. */
size_t inputs_torn(const struct source *);

#endif
