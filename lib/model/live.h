/* SPDX-License-Identifier: MIT */
/*
 * live.h - the model in use, and its replacement while it is used.
 *
 * A path names a file, or a folder that is a registry: its *.json files are versions, the newest by name that is a valid
 * model is used (names compare as people count: 9.json before 10.json), so removing it rolls back.  Symbolic links are followed at
 * every look: swapping one replaces the model.  A new model is read whole and checked beside the old one; one that is
 * refused is reported once, and the old one stays.  Knows no clock and no records: who uses it says when to look.
 */
#ifndef MODEL_LIVE_H
#define MODEL_LIVE_H

#include <stdint.h>

#include "base/error.h"
#include "model/model.h"

struct live;

/* What the user of the model demands of it besides: 0, or -1 and why. */
typedef int live_check(void *self, const struct model *, struct error *why);

/*
 * The first model must be there and valid: NULL and why (of a registry: of its newest version).  Where a registry's newest version
 * is refused and an older one taken, `why` says so; else its text is empty.
 */
struct live *live_open(const char *path, live_check *, void *self, struct error *why);
void live_close(struct live *);

/*
 * Looks again.  1: there is a new model, and the old one is gone; 0: there is none.  In both cases why->text is what has to be told, once: a
 * model that is refused, a path that can no longer be read; or empty.
 */
int live_look(struct live *, struct error *why);

const struct model *live_model(const struct live *);
const char *live_path(const struct live *);		/* of the file it was read from */
const char *live_stated(const struct live *);		/* the id its file states where that is another; else "" */
uint64_t live_loaded(const struct live *);		/* models so far, the first included */
uint64_t live_refused(const struct live *);

#endif
