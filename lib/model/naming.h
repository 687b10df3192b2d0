/* SPDX-License-Identifier: MIT */
/*
 * naming.h - names of inputs and labels for files of other libraries, which have none, or others than the records.
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

/* Names that are given go before those of a library's file; our own files keep theirs.  -1: one has none and none are given, or not as
 * many as it has. */
int naming_apply(struct naming *, struct model *, struct error *why);

/* Of the file beside a model: fraud.inputs.json of fraud.ubj.  free(3). */
char *naming_path(const char *model);

/* What the file beside a model says, {"inputs":[...],"labels":[...]}; where there is none, nothing. */
int naming_beside(const char *model, struct naming *, struct error *why);

#endif
