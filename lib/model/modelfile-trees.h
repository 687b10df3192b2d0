/* SPDX-License-Identifier: MIT */
/*
 * modelfile-trees.h - the members `features` and `trees` of kinds tree and forest in sml-model(5), to a model and back.
 */
#ifndef MODEL_MODELFILE_TREES_H
#define MODEL_MODELFILE_TREES_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/value.h"
#include "model/model.h"

/* Whether a kind has them. */
bool modelfile_trees_are(enum model_kind);

/* What stands beside an input's name: missing and categories.  `prefix` is its place, as "features[2].". */
int modelfile_trees_read_input(struct schema *, size_t input, struct value feature, const char *prefix, struct arena *, struct error *why);

/* The trees of a model whose kind, labels and schema are there. */
int modelfile_trees_read(struct model *, struct value root, struct arena *, struct error *why);

/* The same as text, `lf` between lines: an input's members behind its name; ,"trees":[...]. */
void modelfile_trees_show_input(const struct input *, struct buf *);
void modelfile_trees_show(const struct model *, struct buf *, const char *lf);

#endif
