/* SPDX-License-Identifier: MIT */
#include "model/schema.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/number.h"

static void release(struct input *in)
{
	for (size_t i = 0; i < in->n_categories; i++)
		free(in->categories[i]);
	free(in->categories);
	free(in->numbers);
	free(in->name);
}

void schema_release(struct schema *s)
{
	for (size_t i = 0; i < s->n; i++)
		release(&s->inputs[i]);
	free(s->inputs);
	*s = SCHEMA_INIT;
}

size_t schema_add(struct schema *s, const char *name, size_t len, enum missing missing, double number)
{
	if (s->n == s->room)
		s->inputs = alloc_again(s->inputs, s->room = s->room ? s->room * 2 : 8, sizeof *s->inputs);
	s->inputs[s->n] = (struct input){ .name = alloc_span(name, len), .scale = 1, .missing = missing, .number = number };
	return s->n++;
}

void schema_set_categories(struct schema *s, size_t i, const struct value *values, size_t n)
{
	struct input *in = &s->inputs[i];

	in->categories = alloc_bytes((n + 1) * sizeof *in->categories);
	in->numbers = n && value_is_number(values[0]) ? alloc_bytes(n * sizeof *in->numbers) : NULL;
	for (; in->n_categories < n; in->n_categories++) {
		const struct value v = values[in->n_categories];
		char text[NUMBER_SHOW_MAX];
		if (in->numbers) {
			in->numbers[in->n_categories] = value_double(v);
			in->categories[in->n_categories] = alloc_span(text, number_show(value_double(v), text));
		} else
			in->categories[in->n_categories] = alloc_span(v.text, v.len);
	}
}

void schema_drop(struct schema *s, size_t i)
{
	release(&s->inputs[i]);
	memmove(&s->inputs[i], &s->inputs[i + 1], (--s->n - i) * sizeof *s->inputs);
}

size_t schema_find(const struct schema *s, const char *name, size_t len)
{
	size_t i = 0;

	while (i < s->n && (strncmp(s->inputs[i].name, name, len) || s->inputs[i].name[len]))
		i++;
	return i;
}

int schema_parse_list(struct schema *s, const char *list, enum missing missing, double number, struct error *why)
{
	for (const char *from = list;; from++) {
		from += strspn(from, " \t\n");
		const char *end = from + strcspn(from, ",");
		size_t len = (size_t)(end - from);
		while (len && strchr(" \t\n", from[len - 1]))
			len--;
		if (!len)
			return error_set(why, "\"%s\" has an empty name", list);
		if (schema_find(s, from, len) < s->n)
			return error_set(why, "\"%.*s\" is there twice", (int)(len > 200 ? 200 : len), from);
		schema_add(s, from, len, missing, number);
		if (!*(from = end))
			return 0;
	}
}

int schema_parse_missing(const char *text, enum missing *missing, double *number, struct error *why)
{
	struct error ignored;

	*number = 0;
	if (!strcmp(text, "mean"))
		*missing = MISSING_MEAN;
	else if (!strcmp(text, "error"))
		*missing = MISSING_ERROR;
	else if (!strcmp(text, "branch"))
		*missing = MISSING_KEEP;
	else if (!number_parse_double(text, number, &ignored))
		*missing = MISSING_NUMBER;
	else
		return error_set(why, "\"%s\" is neither mean nor error nor branch nor a number", text);
	return 0;
}

static int compare(const void *a, const void *b, void *schema)
{
	const struct schema *s = schema;
	return strverscmp(s->inputs[*(const size_t *)a].name, s->inputs[*(const size_t *)b].name);
}

void schema_sort(struct schema *s, size_t *order)
{
	struct input *sorted = alloc_bytes((s->n + 1) * sizeof *sorted);

	for (size_t i = 0; i < s->n; i++)
		order[i] = i;
	qsort_r(order, s->n, sizeof *order, compare, s);
	for (size_t i = 0; i < s->n; i++)
		sorted[i] = s->inputs[order[i]];
	free(s->inputs);
	s->inputs = sorted;
	s->room = s->n + 1;
}
