/* SPDX-License-Identifier: MIT */
/*
 * encode.h - a record and a schema to a vector: the only door from records to numbers, for training and scoring alike.
 *
 * An input is looked for by its literal name in `features`, then among the record's own members.  A number is itself, true is 1,
 * false 0.  Of an array f, f[0], f[1]... are inputs; of a string f, f=VALUE is 1 when it is VALUE and else 0.  Where the input has
 * categories, a string is the index of its like, and so is a number where they are numbers.  Absent, null and no category are missing: the schema says what stands for them.  A
 * value of another kind is a fault.
 */
#ifndef FEATURE_ENCODE_H
#define FEATURE_ENCODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/value.h"
#include "json/fields.h"
#include "model/schema.h"

struct encoder;

/* For a schema that stays as it is; borrowed.  Registers what it reads. */
struct encoder *encode_new(const struct schema *, struct fields *);

/* A member that is never an input, and why, for people; NULL: not worth telling. */
struct encode_leave { const char *name, *reason; };

#define ENCODE_INPUTS_MAX 65536		/* a schema does not grow beyond */

/*
 * For a schema that grows: every number, boolean and (in `features`) array of numbers that is met becomes an input, from
 * `features` if the first record has it, else from the record's own members.  What a member is, its first value that
 * is not null decides.  Missing values are NaN; under MISSING_ERROR only the first record adds inputs, and what
 * a later one lacks is missing.
 */
struct encoder *encode_new_growing(struct schema *, enum missing, double number, struct fields *,
    const struct encode_leave *, size_t n);

/* Another one for the schema that the first is for, which stays longer: for a thread of its own.  It counts for itself. */
struct encoder *encode_split(const struct encoder *);

void encode_free(struct encoder *);

enum encode_result { ENCODE_DONE, ENCODE_MISSING, ENCODE_WRONG };

/*
 * What a known schema did not find in the records whose vectors it gave: absent or null.  `blank`: how many of them, from
 * the first on, lacked every input (0 if there is none).
 */
struct encode_missing {
	uint64_t rows, blank, values;	/* values: the sum of inputs[] */
	uint64_t *inputs;		/* per input; the encoder's own */
};

const struct encode_missing *encode_missing(const struct encoder *);

/* What `from` has counted is added, of records behind those counted so far; `from` begins anew. */
void encode_join(struct encoder *, struct encoder *from);

/* What is wrong with a record; good as long as its values. */
struct encode_fault {
	const char *name;		/* of the input */
	const char *path;		/* of the value: a member of `features` or of the record */
	size_t path_len;
	bool in_features;
	const char *expected;		/* "a number" */
	struct value value;		/* of ENCODE_WRONG */
};

/* The vector of a record (schema.n doubles), good until the next call, or a fault. */
enum encode_result encode_row(struct encoder *, const struct value *slots, const double **x, struct encode_fault *);

/* "feature total: features.total is a string (\"abc\"), not a number": for error records. */
void encode_explain(const struct encode_fault *, enum encode_result, struct buf *);

/* A member that a growing schema met and did not take, and why ("a string"); false: no more.  *at: 0 at first. */
bool encode_left_out(const struct encoder *, size_t *at, struct encode_leave *);

/* Whether a growing schema takes the record's own members, and not `features`. */
bool encode_is_top_level(const struct encoder *);

#endif
