/* SPDX-License-Identifier: MIT */
#include "stream/inputs.h"

#include <stdlib.h>

#include "base/alloc.h"

struct inputs {
	struct source source;
	const char *const *paths;
	size_t n, at;
	struct lines_options o;
	struct source *now;	/* NULL: the next one is to be opened */
	uint64_t done_before;	/* bytes of inputs that have ended */
};

static const char *const standard_input[] = { "-" };

static int open_next(struct inputs *in, struct error *why)
{
	struct reader *reader = reader_open(in->paths[in->at], why);

	if (!reader)
		return -1;
	in->now = lines_new(reader, reader_name(in->paths[in->at]), &in->o);
	in->at++;
	in->source.fd = in->now->fd;
	in->source.drains = in->now->drains;
	return 0;
}

static int inputs_next(struct source *source, struct record **out, struct error *why)
{
	struct inputs *in = (struct inputs *)source;

	for (;;) {
		if (!in->now && open_next(in, why))
			return SOURCE_FAILED;
		const int got = in->now->next(in->now, out, why);
		source->control = in->now->control;
		source->until = in->now->until;
		source->done = in->done_before + in->now->done;
		if (got != SOURCE_END || in->at == in->n)
			return got;
		in->done_before = source->done;
		in->now->close(in->now);
		in->now = NULL;
	}
}

static void inputs_close(struct source *source)
{
	struct inputs *in = (struct inputs *)source;

	if (in->now)
		in->now->close(in->now);
	free(in);
}

struct source *inputs_new(const char *const *paths, size_t n, const struct lines_options *o, struct error *why)
{
	struct inputs *in = alloc_zeroed(1, sizeof *in);

	in->source = (struct source){ .next = inputs_next, .close = inputs_close, .fd = -1, .until = INT64_MAX, .lag = -1 };
	in->paths = n ? paths : standard_input;
	in->n = n ? n : 1;
	in->o = *o;
	for (size_t i = 0; i < in->n; i++)
		if (reader_check(in->paths[i], why)) {
			free(in);
			return NULL;
		}
	in->source.total = reader_size(in->paths, in->n);
	if (open_next(in, why)) {
		free(in);
		return NULL;
	}
	return &in->source;
}
