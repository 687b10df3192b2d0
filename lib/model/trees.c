/* SPDX-License-Identifier: MIT */
#include "model/trees.h"

#include <stdlib.h>

void trees_free(struct trees *t) { free(t); }
void trees_margins(const struct trees *t, const double *x, size_t rows, double *z) { (void)t; (void)x; (void)rows; (void)z; abort(); }
void trees_contributions(const struct trees *t, const double *x, size_t output, double *parts, double *bias) { (void)t; (void)x; (void)output; (void)parts; (void)bias; abort(); }
bool trees_uses(const struct trees *t, size_t input) { (void)t; (void)input; abort(); }
void trees_identify(const struct trees *t, struct buf *b) { (void)t; (void)b; abort(); }
void trees_show(const struct trees *t, const struct schema *s, struct buf *b) { (void)t; (void)s; (void)b; abort(); }
