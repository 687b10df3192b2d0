/* SPDX-License-Identifier: MIT */
/*
 * trees MODEL ROWS BATCH - margins of all rows, BATCH at a time, from arrays in memory.
 *
 * ROWS: doubles, row behind row.  Prints the CPU seconds of a second pass, and the sum of the margins for comparison.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/alloc.h"
#include "base/savefile.h"
#include "model/modelfile.h"

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

int main(int argc, char **argv)
{
	struct error why = { "" };
	char stated[64];
	char *text = NULL;
	size_t len;
	struct model *m = argc == 4 ? modelfile_load(argv[1], NULL, stated, &text, &len, &why) : NULL;
	double *x = m ? (double *)(void *)savefile_read(argv[2], 1u << 30, &len, &why) : NULL;

	if (!x) {
		fprintf(stderr, "trees: %s\n", m || argc == 4 ? why.text : "MODEL ROWS BATCH");
		return 1;
	}
	const size_t n = m->schema.n, rows = len / sizeof *x / n, batch = strtoul(argv[3], NULL, 10);
	free(text);
	double *z = alloc_bytes((rows + 1) * m->outputs * sizeof *z), from = 0, sum = 0;
	for (int pass = 0; pass < 2; pass++) {
		from = seconds();
		for (size_t i = 0; i < rows; i += batch)
			model_margins(m, x + i * n, rows - i < batch ? rows - i : batch, z + i * m->outputs);
	}
	from = seconds() - from;
	for (size_t i = 0; i < rows * m->outputs; i++)
		sum += z[i];
	printf("%.9f %.9g\n", from, sum);
	model_release(m);
	free(m);
	free(x);
	free(z);
	return 0;
}
