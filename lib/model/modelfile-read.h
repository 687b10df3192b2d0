/* SPDX-License-Identifier: MIT */
/*
 * modelfile-read.h - the JSON of sml-model(5) to a model.  Strict: what decides scores must be there and be right.
 */
#ifndef MODEL_MODELFILE_READ_H
#define MODEL_MODELFILE_READ_H

#include "base/arena.h"
#include "base/error.h"
#include "base/value.h"
#include "model/model.h"

/* Fills an empty model from a JSON object.  0, or -1 with the place in the message; the caller releases the model then, too. */
int modelfile_read(struct model *, struct value root, struct arena *, struct error *why);

#endif
