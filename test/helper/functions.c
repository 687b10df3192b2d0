/* SPDX-License-Identifier: MIT */
/* functions - the functions and aggregates of the expression language, a signature a line. */
#include <stdio.h>

#include "expr/expr.h"
#include "feature/aggregate.h"

int main(void)
{
	for (const struct expr_function_row *f = expr_functions(); f->name; f++)
		printf("%s\n", f->signature);
	for (const struct aggregate *a = aggregate_rows; a->kind.name; a++)
		if (a->signature)		/* else no function, or a later version's */
			printf("%s\n", a->signature);
	return 0;
}
