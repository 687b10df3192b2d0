/* SPDX-License-Identifier: MIT */
/*
 * intake.h - what a line from outside becomes: a record, its original (--retry), or a refusal.
 *
 * Shared by whatever reads lines or messages.  Refusals live in the record's arena; the first stage makes error records of
 * them.
 */
#ifndef STREAM_INTAKE_H
#define STREAM_INTAKE_H

#include <stdbool.h>
#include <stddef.h>

#include "stream/record.h"

#define INTAKE_KEPT 4096	/* bytes kept of a line that is too long */
#define INTAKE_MAX_LINE (16u << 20)

struct intake {
	size_t max_line;		/* bytes without LF; an error record may have eight times as many */
	bool refuses_control;		/* {"_sml": is data: RESERVED; so is what ends like an error record without being one */
	bool takes_control;		/* under a checkpoint: control records are as long as they like */
	bool retries;			/* error records become their originals */
};

#define INTAKE_CONTROL "{\"_sml\":"

/* How long a line that begins so may be.  What begins as a control record has the limit of any other line: without a checkpoint it
 * is data, and RESERVED at most. */
size_t intake_limit(const struct intake *, const char *start, size_t n);

/* After record_init, with its place set. */
void intake_record(struct record *, const struct intake *);

/* A line of `full_len` bytes that is too long; `start` are its first INTAKE_KEPT, copied. */
void intake_too_long(struct record *, const char *start, size_t n, size_t full_len);

#endif
