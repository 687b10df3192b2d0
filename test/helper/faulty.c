/* SPDX-License-Identifier: MIT */
/*
 * faulty KIND - does what a checker has to report: leak, uninitialised, overrun, overflow, cast.
 *
 * The runner starts it before it takes a checker's silence for a good sign.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static volatile int sink;

int main(int argc, char **argv)
{
	const char *kind = argc > 1 ? argv[1] : "";
	volatile double large = 1e300;
	volatile int most = INT_MAX, ten = 10;
	char *volatile p = malloc((size_t)ten);

	if (!p)
		return 1;
	if (!strcmp(kind, "uninitialised")) {
		if (p[3])
			puts("");
	} else if (!strcmp(kind, "overrun"))
		sink = p[ten];
	else if (!strcmp(kind, "overflow"))
		sink = most + ten;
	else if (!strcmp(kind, "cast"))
		sink = (int)large;
	if (strcmp(kind, "leak"))
		free(p);
	p = NULL;
	return 0;
}
