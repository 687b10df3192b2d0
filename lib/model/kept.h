/* SPDX-License-Identifier: MIT */
/*
 * kept.h - models as a checkpoint keeps them: several files in one text, each behind a line that says what it is.
 *
 *	{"name":"A","id":"c8ef0add65bf158d","bytes":812,"inputs":[...],"labels":[...]} LF, the bytes of the file, LF
 *
 * Inputs and labels are those that the file itself does not name.  Knows no records and no checkpoint.
 */
#ifndef MODEL_KEPT_H
#define MODEL_KEPT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/error.h"
#include "model/live.h"

/* Appends the model in use, whose text is kept (live_use). */
void kept_add(struct buf *, const char *name, const struct live *);

struct kept {
	char *name, id[MODEL_ID_LEN + 1];
	const char *text;		/* in what was read */
	size_t len;
	struct naming names;
};

/* The next one from *at on, which moves behind it.  1; 0: no more; -1: it is none. Release it in any case. */
int kept_next(const char *text, size_t len, size_t *at, struct kept *, struct error *why);
void kept_release(struct kept *);

#endif
