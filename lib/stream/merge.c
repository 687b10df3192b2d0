/* SPDX-License-Identifier: MIT */
/*
 * A binary heap of inputs by the time of their first record.  Records borrow from their input until it is asked for more, so a
 * batch ends where one has given all it had; that one is asked again at the next call.
 */
#include "stream/merge.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "stream/record.h"

#define TIMELESS 100	/* records without an event time are told of */

struct input {
	struct source *lines;		/* NULL: at its end */
	const char *name;
	struct record *batch[BATCH_MAX];
	int n, at;			/* batch[at] is the first that has not left; at == n: none is at hand */
	int64_t time;			/* its time */
	uint64_t n_timeless;
	bool met_time;
};

struct merge {
	struct source source;
	struct merge_options o;
	struct input *inputs;
	size_t n;
	size_t *heap, n_heap;		/* inputs with a record at hand; heap[0] is the one to leave next */
	size_t *empty, n_empty;		/* inputs to be asked for more, the last one first */
};

/* ---- event time ---- */

static void tell_timeless(const struct merge *m, const struct input *in)
{
	if (m->o.tell && !in->met_time && in->n_timeless)
		m->o.tell(m->o.self, in->name, in->n_timeless);
}

static int64_t time_of(const struct merge *m, struct input *in, struct record *r)
{
	const struct value *v = record_peek(r);
	struct error ignored;
	int64_t ns;

	if (!v)
		return EVENTTIME_NONE;
	if (value_is_null(v[m->o.time_slot]) || eventtime_from(v[m->o.time_slot], m->o.unit, &ns, &ignored)) {
		if (!in->met_time && ++in->n_timeless == TIMELESS)
			tell_timeless(m, in);
		return EVENTTIME_NONE;
	}
	in->met_time = true;
	return ns;
}

/* ---- the heap ---- */

static bool is_before(const struct merge *m, size_t a, size_t b)
{
	const int64_t x = m->inputs[a].time, y = m->inputs[b].time;

	return x < y || (x == y && a < b);
}

static void sift_down(struct merge *m)
{
	const size_t input = m->heap[0];
	size_t i = 0;

	for (size_t child; (child = 2 * i + 1) < m->n_heap; i = child) {
		if (child + 1 < m->n_heap && is_before(m, m->heap[child + 1], m->heap[child]))
			child++;
		if (!is_before(m, m->heap[child], input))
			break;
		m->heap[i] = m->heap[child];
	}
	m->heap[i] = input;
}

static void push(struct merge *m, size_t input)
{
	size_t i = m->n_heap++;

	for (; i && is_before(m, input, m->heap[(i - 1) / 2]); i = (i - 1) / 2)
		m->heap[i] = m->heap[(i - 1) / 2];
	m->heap[i] = input;
}

/* ---- the source ---- */

/* A pipe is read to its end at a stop, but not for the sake of files that would be read along with it. */
static void look_for_drains(struct merge *m)
{
	m->source.drains = true;
	for (size_t i = 0; i < m->n; i++)
		m->source.drains &= !m->inputs[i].lines || m->inputs[i].lines->drains;
}

/* More of an input: 1 where it has some, SOURCE_END, SOURCE_FAILED, SOURCE_WAIT. */
static int refill(struct merge *m, size_t i, struct error *why)
{
	struct input *in = &m->inputs[i];
	const uint64_t done = in->lines->done;
	const int got = in->lines->next(in->lines, in->batch, why);

	m->source.done += in->lines->done - done;
	if (got == SOURCE_WAIT) {
		m->source.fd = in->lines->fd;
		m->source.until = in->lines->until;
	} else if (got == SOURCE_END) {
		if (in->n_timeless < TIMELESS)
			tell_timeless(m, in);
		in->lines->close(in->lines);
		in->lines = NULL;
		look_for_drains(m);
	} else if (got > 0) {
		in->n = got;
		in->at = 0;
		in->time = time_of(m, in, in->batch[0]);
		push(m, i);
		return 1;
	}
	return got;
}

static int merge_next(struct source *source, struct record **out, struct error *why)
{
	struct merge *m = (struct merge *)source;
	int n = 0;

	for (; m->n_empty; m->n_empty--) {
		const int got = refill(m, m->empty[m->n_empty - 1], why);
		if (got == SOURCE_WAIT || got == SOURCE_FAILED)
			return got;
	}
	while (m->n_heap && n < BATCH_MAX) {
		struct input *in = &m->inputs[m->heap[0]];
		out[n++] = in->batch[in->at++];
		if (in->at < in->n) {
			in->time = time_of(m, in, in->batch[in->at]);
			sift_down(m);
			continue;
		}
		m->empty[m->n_empty++] = m->heap[0];
		m->heap[0] = m->heap[--m->n_heap];
		if (m->n_heap)
			sift_down(m);
		break;
	}
	return n ? n : SOURCE_END;
}

static void merge_close(struct source *source)
{
	struct merge *m = (struct merge *)source;

	for (size_t i = 0; i < m->n; i++)
		if (m->inputs[i].lines)
			m->inputs[i].lines->close(m->inputs[i].lines);
	free(m->inputs);
	free(m->heap);
	free(m->empty);
	free(m);
}

/* Two readers of one pipe would tear its lines apart. */
static int check_same(const struct merge *m, size_t last, struct error *why)
{
	for (size_t i = 0; i < last; i++) {
		const int a = m->inputs[i].lines->fd, b = m->inputs[last].lines->fd;
		if (a >= 0 && b >= 0 && fd_same_pipe(a, b))
			return error_set(why, "%s: is the same pipe as %s, which can be read only once", m->inputs[last].name, m->inputs[i].name);
	}
	return 0;
}

static int open_input(struct merge *m, size_t i, const char *path, struct error *why)
{
	struct reader *reader = reader_open(path, why);

	if (!reader)
		return -1;
	m->inputs[i].name = reader_name(path);
	m->inputs[i].lines = lines_new(reader, m->inputs[i].name, &m->o.lines);
	return check_same(m, i, why);
}

struct source *merge_new(const char *const *paths, size_t n, const struct merge_options *o, struct error *why)
{
	struct merge *m = alloc_zeroed(1, sizeof *m);

	m->source = (struct source){ .next = merge_next, .close = merge_close, .fd = -1, .until = INT64_MAX, .lag = -1 };
	m->o = *o;
	m->n = n;
	m->inputs = alloc_zeroed(n, sizeof *m->inputs);
	m->heap = alloc_zeroed(n, sizeof *m->heap);
	m->empty = alloc_zeroed(n, sizeof *m->empty);
	for (size_t i = 0; i < n; i++)
		if (open_input(m, i, paths[i], why)) {
			merge_close(&m->source);
			return NULL;
		}
	while (m->n_empty < n) {
		m->empty[m->n_empty] = n - 1 - m->n_empty;
		m->n_empty++;
	}
	m->source.total = reader_size(paths, n);
	look_for_drains(m);
	return &m->source;
}
