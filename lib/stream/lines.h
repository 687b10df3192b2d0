/* SPDX-License-Identifier: MIT */
/*
 * lines.h - bytes cut into records, without copying and without waiting.
 *
 * Knows newlines, not JSON.  Batches end where the input at hand ends.  Blank lines are skipped and counted, a BOM at the
 * start goes, a last line without LF counts, a line over the limit becomes a refusal (TOO_LONG) of which INTAKE_KEPT bytes are
 * kept; error records may be eight times as long, control records as long as they like.
 */
#ifndef STREAM_LINES_H
#define STREAM_LINES_H

#include <stdbool.h>
#include <stddef.h>

#include "json/fields.h"
#include "stream/intake.h"
#include "stream/reader.h"
#include "stream/source.h"

struct lines_options {
	const struct fields *fields;
	struct intake intake;		/* max_line 0: INTAKE_MAX_LINE */
	bool whole;			/* a last line without LF is not given */
};

/* Takes over the reader.  The name is borrowed: "stdin", a path. */
struct source *lines_new(struct reader *, const char *name, const struct lines_options *);

/* Up to where the input has been given, or had been before the last batch: bytes (unpacked) and lines.  A line that is too long is
 * given at its end. */
struct lines_place { uint64_t bytes, number; };
struct lines_place lines_tell(const struct source *, bool before_last);

/* Bytes at the end that are no whole line and have not been given. */
size_t lines_torn(const struct source *);

/* Before the first record: goes on from there.  -1: the input ends before, or cannot be read. */
int lines_seek(struct source *, struct lines_place, struct error *why);

#endif
