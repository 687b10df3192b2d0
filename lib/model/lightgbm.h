/* SPDX-License-Identifier: MIT */
/*
 * lightgbm.h - the text of LightGBM's Booster.save_model (versions v2, v3, v4 of the format) to a model.
 *
 * Labels are in no such file: they are NULL.  All trees are read; where training ended early save_model has left out those behind the
 * best iteration.  Reading is strict, and messages name the member.
 */
#ifndef MODEL_LIGHTGBM_H
#define MODEL_LIGHTGBM_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/error.h"
#include "model/model.h"

/* Whether a text begins as such files do. */
bool lightgbm_is(const char *text, size_t len);

/* Fills an empty model.  0, or -1; the caller releases the model then, too. */
int lightgbm_read(struct model *, const char *text, size_t len, struct arena *, struct error *why);

#endif
