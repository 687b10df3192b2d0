/* SPDX-License-Identifier: MIT */
/*
 * live.h - the model in use, and its replacement while it is used.
 *
 * A path names a file, or a folder that is a registry: its *.json, *.ubj and *.txt files are versions, the newest by name that is a
 * valid model is used (names compare as people count: 9.json before 10.json), so removing it rolls back.  Symbolic links are followed at
 * every look: swapping one replaces the model.  A new model is read whole and checked beside the old one; one that is
 * refused is reported once, and the old one stays.  Knows no clock and no records: who uses it says when to look, and when
 * what was found takes the place of the old one.
 */
#ifndef MODEL_LIVE_H
#define MODEL_LIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "model/model.h"
#include "model/modelfile.h"

struct live;

/* What the user of the model demands of it besides: 0, or -1 and why. */
typedef int live_check(void *self, const struct model *, struct error *why);

/* For all models of a path. */
struct live_use {
	live_check *check;		/* NULL: any will do */
	void *self;
	struct naming *names;	/* NULL: none are given */
	bool keeps_text;		/* live_text will be asked for */
};

/*
 * The first model must be there and valid: NULL and why (of a registry: of its newest version).  Where a registry's newest version
 * is refused and an older one taken, `why` says so; else its text is empty.
 */
struct live *live_open(const char *path, const struct live_use *, struct error *why);
void live_close(struct live *);

/*
 * Looks again.  1: another model has been read, to be taken; 0: none has.  In both cases why->text is what has to be told, once: a
 * model that is refused, a path that can no longer be read; or empty.
 */
int live_look(struct live *, struct error *why);
/* Whether a model was waiting: it is in use now, and the old one is gone. */
bool live_take(struct live *);
/* Uses the model of a text, which is what `from` holds, with these names; that in use, or that which waits for its place, waits behind
 * it.  -1. */
int live_resume(struct live *, const char *from, const char *text, size_t len, struct naming *, struct error *why);

const struct model *live_model(const struct live *);
const struct model *live_next(const struct live *);	/* that which waits to be taken; NULL: none */
const char *live_text(const struct live *, size_t *len);	/* the bytes of that in use, where they are kept */
const char *live_path(const struct live *);		/* of the file it was read from */
const char *live_stated(const struct live *);		/* the id its file states where that is another; else "" */
uint64_t live_loaded(const struct live *);		/* models that have been in use so far, the first included */
uint64_t live_refused(const struct live *);

#endif
