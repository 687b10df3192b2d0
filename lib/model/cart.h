/* SPDX-License-Identifier: MIT */
/*
 * cart.h - a data set to a decision tree: CART.
 *
 * L. Breiman, J. Friedman, R. Olshen, C. Stone, "Classification and Regression Trees", 1984, chapters 2 and 8: greedy binary splits
 * x <= t with the greatest decrease of impurity: Gini's index of labels, the squared error of numbers, rows by their weight.
 * Choices where the book leaves them open are those of scikit-learn's DecisionTreeClassifier and -Regressor (1.3 and later): t lies midway
 * between neighbouring values; rows without a value (NaN) go to the side where they lower the impurity more, and where no row of a node
 * lacked it, to the side with more rows; a split that lowers nothing is made too (it may open the way to one that does).  Of equally
 * good splits the first input's is taken, and of these that with the lowest t.  A split whose leaves say the same is taken back.
 */
#ifndef MODEL_CART_H
#define MODEL_CART_H

#include <stddef.h>

#include "base/error.h"
#include "model/dataset.h"
#include "model/trees.h"

struct cart {
	unsigned max_depth;		/* splits from the root to a leaf, at most */
	size_t min_leaf;		/* rows in a leaf, at least; 1 or greater */
	size_t labels;			/* answers are indices of as many labels; 0: numbers */
};

/*
 * Leaves hold the mean of the answers, of two labels the share of label 1, of more the share of each; covers are the weight of rows.  Rows of
 * weight 0 are as if they were not there.  The data set has a column and is sealed; it stays as it is, and 8 bytes per value are needed
 * beside it.  Ready for scoring, to be freed with trees_free; NULL: no row has a weight, or there are too many rows.
 */
struct trees *cart_learn(const struct dataset *, const struct cart *, struct error *why);

#endif
