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
#include "model/naming.h"

#define MODELFILE_FORMAT 1
#define MODELFILE_MAX (1u << 30)	/* bytes */

/*
 * A new model (model_release and free it).  NULL: empty, no model, or names are missing or not as many as it has.  Without a naming what
 * the file does not name stays so: inputs are "", labels NULL.
 * Its id is computed; the one that the text states, where it is another, is given in stated (NUL-terminated, cut off), else "".
 */
struct model *modelfile_parse(const char *text, size_t len, struct naming *, char stated[64], struct error *why);

/*
 * The same from a file; names that are not given are looked for beside it (naming_beside).  *text: what was read, free(3), *len bytes; NULL where it could not
 * be read whole, so that trying again may be of use before it changes.
 */
struct model *modelfile_load(const char *path, struct naming *, char stated[64], char **text, size_t *len, struct error *why);

/* Whether a name in a folder of models is that of one: *.json, *.ubj, *.txt, and no *.inputs.json. */
bool modelfile_is_named(const char *name);

/* Lines: one per feature; or all on one line, as a record. */
void modelfile_show(const struct model *, struct buf *, bool one_line);

#endif
