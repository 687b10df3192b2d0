/* SPDX-License-Identifier: MIT */
/*
 * lookup.h - the file of a lookup: its rows, and their replacement while they are used.
 *
 * The file is NDJSON, an object a line, as the tools read it (byte order mark, blank lines, gzip, Zstandard).  Of equal keys
 * the last line wins.  A new file is read beside the rows in use, a piece at a look, and takes their place as a whole; one
 * that is refused is reported once, and the rows in use stay.
 *
 * Knows no clock and no records: who uses it says when to look.
 */
#ifndef FEATURE_LOOKUP_H
#define FEATURE_LOOKUP_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "feature/rows.h"
#include "feature/spec.h"

struct lookup;

/*
 * The whole file.  NULL and why: "lookup account: accounts.jsonl:3: ...".  Borrows the lookup, whose paths are all known.
 * A line may have max_line bytes.
 */
struct lookup *lookup_open(const struct spec_lookup *, uint64_t max_line, struct error *why);
void lookup_close(struct lookup *);

/* Looks again.  In all cases why->text is what has to be told, once, or empty. */
enum lookup_news {
	LOOKUP_SAME,
	LOOKUP_READING,		/* a new file has been read in part: look again soon */
	LOOKUP_REPLACED,	/* the rows are others, those before are gone */
};
enum lookup_news lookup_look(struct lookup *, struct error *why);

const struct rows *lookup_rows(const struct lookup *);

struct lookup_figures {
	uint64_t repeated;		/* lines whose row a later one has replaced */
	uint64_t loaded, refused;	/* files so far */
	char *first_key;		/* canonical text, of the first line; NULL: there is none */
};
const struct lookup_figures *lookup_figures(const struct lookup *);

/* Members of rows that somebody has typed and no row has: "\"age\", \"tags[0]\"". */
void lookup_unmet(const struct lookup *, struct buf *);

#endif
