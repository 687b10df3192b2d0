/* SPDX-License-Identifier: MIT */
/*
 * modelfile.h - a model to its documented JSON and back (sml-model(5)).
 *
 * Reading is strict: what decides scores must be there and be right, and a message names its place
 * ("features[1].scale: must be a finite number, 0 or greater").  Members it does not know are left alone.  Knows no maths.
 */
#ifndef MODEL_MODELFILE_H
#define MODEL_MODELFILE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/error.h"
#include "model/model.h"

#define MODELFILE_FORMAT 1
#define MODELFILE_MAX (64u << 20)	/* bytes */

/* A new model (model_release and free it).  NULL: empty, no JSON ("is no model: not JSON at 1:17: ..."), or not a model.
 * Its id is computed; the one that the text states, where it is another, is given in stated (NUL-terminated, cut off), else "". */
struct model *modelfile_parse(const char *text, size_t len, char stated[64], struct error *why);

/* The same from a file; *read: it was read whole, so trying again is of no use before it changes. */
struct model *modelfile_load(const char *path, char stated[64], bool *read, struct error *why);

/* Lines: one per feature; or all on one line, as a record. */
void modelfile_show(const struct model *, struct buf *, bool one_line);
int modelfile_save(const struct model *, const char *path, struct error *why);

#endif
