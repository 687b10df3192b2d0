/* SPDX-License-Identifier: MIT */
/*
 * trees-slice.h - where each of 64 rows goes in the first levels of a tree: every test is made for all of them at once.
 *
 * A row's key in a column is a byte (trees-bins.h), and a test is key < limit.  What a test says of the rows is a word of 64 bits, and so
 * is which rows come to it at all; with these two the rows that go on to `yes` and to `no` are one operation each, and no step waits for
 * a row.  After C. Lucchese et al., "QuickScorer: a fast algorithm to rank documents with additive ensembles of regression trees" (2015),
 * with rows in place of leaves in the words.  Knows no trees beyond these levels, no values and no leaves.
 */
#ifndef MODEL_TREES_SLICE_H
#define MODEL_TREES_SLICE_H

#include <stddef.h>
#include <stdint.h>

enum { SLICE_ROWS = 64, SLICE_LEVELS = 6, SLICE_ENDS = 1 << SLICE_LEVELS, SLICE_NODES = SLICE_ENDS - 1 };

struct slice_node {
	uint32_t column;		/* bytes from the first key of the rows to that of the column */
	int8_t limit;			/* keys below it go to `yes` */
};

/* The tests of a tree that is whole down to its last level (below a leaf any test will do), level by level: those behind the i-th are number
 * 2 i + 1 for `yes` and 2 i + 2 for `no`. */
struct slice { const struct slice_node *nodes; uint32_t levels; };

/* keys: those of one column stand together.  A row's code: its place among the 1 << levels ends, in their order. */
typedef void slice_codes(const struct slice *, const int8_t *keys, uint8_t codes[SLICE_ROWS]);

/* The same in several ways: how many the processor has, the best first; 0: it has no vectors of bytes. */
struct slice_way { const char *name; slice_codes *codes; };
const struct slice_way *trees_slice_ways(size_t *n);

#endif
