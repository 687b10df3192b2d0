/* SPDX-License-Identifier: MIT */
#include "feature/split.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/hash.h"

/* The last of the first `share` of all places. */
static uint64_t end_of(double share)
{
	const double places = share * 0x1p64;

	return places >= 0x1p64 ? UINT64_MAX : places >= 1 ? (uint64_t)places - 1 : 0;
}

void split_init(struct split *s, const char *const *names, const double *weights, size_t n)
{
	double sum = 0, upto = 0;
	size_t last = 0;

	*s = (struct split){ .n = n, .ends = alloc_zeroed(n, sizeof *s->ends) };
	for (size_t i = 0; i < n; i++) {
		buf_format(&s->names, "%s%s", i ? "," : "", names[i]);
		sum += weights[i];
		last = weights[i] > 0 ? i : last;
	}
	buf_add_byte(&s->names, '\n');
	for (size_t i = 0; i < n; i++) {
		upto += weights[i];
		s->ends[i] = i >= last ? UINT64_MAX : end_of(upto / sum);
	}
}

void split_release(struct split *s)
{
	buf_release(&s->names);
	free(s->ends);
	*s = (struct split){0};
}

size_t split_find(const struct split *s, struct value key, struct buf *scratch)
{
	size_t i = 0;

	buf_clear(scratch);
	buf_add(scratch, s->names.data, s->names.len);
	value_show(key, scratch);
	const uint64_t at = hash_bytes(scratch->data, scratch->len);
	while (at > s->ends[i])
		i++;
	return i;
}
