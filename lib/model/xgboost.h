/* SPDX-License-Identifier: MIT */
/*
 * xgboost.h - the JSON of XGBoost's Booster.save_model to a model.
 *
 * All trees are read, as Booster.predict uses them: best_iteration is a matter of its scikit-learn wrapper.  Inputs that the file does not
 * name have the name ""; labels come from the attribute sml_labels, a JSON array of strings; where there is none they are NULL.
 * Reading is strict, and messages name the place.  UBJSON becomes JSON first (json/ubjson.h).
 */
#ifndef MODEL_XGBOOST_H
#define MODEL_XGBOOST_H

#include "base/arena.h"
#include "base/error.h"
#include "base/value.h"
#include "model/model.h"

/* Fills an empty model from an object that has a member `learner`.  0, or -1; the caller releases the model then, too. */
int xgboost_read(struct model *, struct value root, struct arena *, struct error *why);

#endif
