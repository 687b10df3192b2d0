/* SPDX-License-Identifier: MIT */
/*
 * naming.h - names of inputs and labels for models whose files have none.
 *
 * Knows no options, no records and no file but the one beside a model.
 */
#ifndef MODEL_NAMING_H
#define MODEL_NAMING_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "model/model.h"

#define NAMING_BESIDE ".inputs.json"

/* In the model's order; n 0: none are given.  `taken`: a model needed them.  Of two labels the positive one is the last. */
struct naming_list { char **items; size_t n; bool taken; };
struct naming { struct naming_list inputs, labels; };

/* "a, b,c": without the blanks around them.  -1: an empty name, or one that is there twice. */
int naming_parse_list(struct naming_list *, const char *text, struct error *why);
void naming_release(struct naming *);

/* Gives a model the names that it lacks.  -1: there are none, or not as many as it has. */
int naming_apply(struct naming *, struct model *, struct error *why);

/* What the file beside a model says, {"inputs":[...],"labels":[...]}: fraud.inputs.json of fraud.ubj; where there is none, nothing. */
int naming_beside(const char *model, struct naming *, struct error *why);

#endif
