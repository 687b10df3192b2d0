/* SPDX-License-Identifier: MIT */
/*
 * fields.h - what the stages of one chain read and the members they add, compiled into one set.
 *
 * A path that is read has a slot in each record's array of values; a member that is added has a handle.  All stages
 * register before the first record; then the set does not change.  A member of the input and one added by an
 * earlier stage are read through the same slot.
 */
#ifndef JSON_FIELDS_H
#define JSON_FIELDS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/fieldpath.h"
#include "base/value.h"

#define FIELDS_ADDED_MAX 64	/* different members that one chain adds */

/* A member that a stage adds at the top level of a record. */
struct added {
	struct name name;
	const struct field *field;	/* where it is read, NULL: nobody reads it */
	unsigned index;			/* its bit in a record's `present` */
};

/*
 * A path that somebody has typed.  One that no record has is most likely mistyped, which nothing else would show: what is
 * missing is null.
 */
struct expectation { const char *path; const void *reader; int slot; atomic_bool met; struct expectation *next; };
struct expectations { struct expectation *first; atomic_size_t n_unmet; };

struct fields {
	struct arena arena;
	struct field *root;		/* the record itself */
	size_t n_slots;
	const struct added *added[FIELDS_ADDED_MAX];
	unsigned n_added;
	const void *reader;		/* the stage that registers at present; NULL: nobody is told */
	struct expectations *expects;	/* in the order of registration */
};

void fields_init(struct fields *);
void fields_release(struct fields *);

/* Its slot in record_values; the same path has the same slot.  A path of no steps: the record itself as it came, without
 * members added since. */
int fields_read(struct fields *, const struct fieldpath *);
int fields_read_name(struct fields *, const char *name);	/* a top-level member, by literal name */

/* The path of a slot is one that the reader's user has typed. */
void fields_expect(struct fields *, int slot, const struct fieldpath *);

/* Looks which of them a record has.  All that changes in a set once records have come; any thread may. */
void fields_meet_each(const struct fields *, const struct value *slots);

static inline void fields_meet(const struct fields *fs, const struct value *slots)
{
	if (atomic_load_explicit(&fs->expects->n_unmet, memory_order_relaxed))
		fields_meet_each(fs, slots);
}

/* A handle for record_add; the same name has the same handle.  NULL: more than FIELDS_ADDED_MAX. */
const struct added *fields_add(struct fields *, const char *name);

#endif
