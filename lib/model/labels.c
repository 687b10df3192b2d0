/* SPDX-License-Identifier: MIT */
#include "model/labels.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/number.h"

void labels_release(struct labels *l)
{
	for (int i = 0; i < l->n; i++)
		free(l->label[i].text);
	free(l->label);
	*l = (struct labels){0};
}

/* The text of a label; false: of this type is none. */
static bool text_of(struct value v, char own[NUMBER_SHOW_MAX], const char **text, size_t *len)
{
	*text = own;
	switch (v.type) {
	case VALUE_STRING:
		*text = v.text;
		*len = v.len;
		return true;
	case VALUE_BOOL:
		*text = v.truth ? "true" : "false";
		*len = strlen(*text);
		return true;
	case VALUE_INTEGER:
	case VALUE_UNSIGNED: {
		struct buf b = BUF_INIT;
		value_show(v, &b);
		*len = b.len < NUMBER_SHOW_MAX ? b.len : NUMBER_SHOW_MAX - 1;
		memcpy(own, b.data, *len);
		buf_release(&b);
		return true;
	}
	case VALUE_DOUBLE: {
		/* 1.0 and 1 are one label. */
		const struct value same = value_number(v.number);
		if (same.type == VALUE_INTEGER)
			return text_of(same, own, text, len);
		*len = number_show(v.number, own);
		return true;
	}
	default:
		return false;
	}
}

int labels_find(const struct labels *l, struct value v)
{
	char own[NUMBER_SHOW_MAX];
	const char *text;
	size_t len;

	if (v.type == VALUE_INTEGER)
		for (int i = 0; i < l->n; i++)
			if (l->label[i].is_integer && l->label[i].integer == v.integer)
				return i;
	if (!text_of(v, own, &text, &len))
		return -1;
	for (int i = 0; i < l->n; i++)
		if (l->label[i].len == len && !memcmp(l->label[i].text, text, len))
			return i;
	return -1;
}

int labels_add(struct labels *l, struct value v, struct error *why)
{
	char own[NUMBER_SHOW_MAX];
	const char *text;
	size_t len;
	int i = labels_find(l, v);

	if (i >= 0) {
		l->label[i].rows++;
		return i;
	}
	if (!text_of(v, own, &text, &len))
		return error_set(why, "is %s: a label is a string, a number or a boolean", value_kind(v));
	if (l->n == 2 && !l->many)
		return error_set(why, "a third label, \"%.*s\", beside \"%.100s\" and \"%.100s\": two are told apart",
		    (int)(len < 100 ? len : 100), text, l->label[0].text, l->label[1].text);
	if (l->n == LABELS_MOST)
		return error_set(why, "more than %d different labels, the last \"%.*s\": are these labels?", LABELS_MOST,
		    (int)(len < 100 ? len : 100), text);
	if (l->n == l->room)
		l->label = alloc_again(l->label, (size_t)(l->room = l->room ? l->room * 2 : 2), sizeof *l->label);
	l->label[l->n] = (struct label){ .text = alloc_span(text, len), .len = len, .rows = 1,
		.is_integer = v.type == VALUE_INTEGER, .integer = v.type == VALUE_INTEGER ? v.integer : 0 };
	return l->n++;
}

int labels_positive(const struct labels *l, const char *wanted, struct error *why)
{
	if (wanted) {
		for (int i = 0; i < l->n; i++)
			if (!strcmp(l->label[i].text, wanted))
				return l->n == 2 ? i : error_set(why, "one class only: every label is \"%.200s\"", wanted);
		return l->n == 2 ? error_set(why, "no label is \"%.100s\": they are \"%.100s\" and \"%.100s\"", wanted,
		    l->label[0].text, l->label[1].text) : l->n ?
		    error_set(why, "no label is \"%.100s\": every one is \"%.100s\"", wanted, l->label[0].text) :
		    error_set(why, "no record has a label");
	}
	if (!l->n)
		return error_set(why, "no record has a label");
	if (l->n == 1)
		return error_set(why, "one class only: every label is \"%.200s\"", l->label[0].text);
	for (int i = 0; i < 2; i++)
		if (!strcmp(l->label[i].text, "1") || !strcmp(l->label[i].text, "true"))
			return i;
	if (l->label[0].rows != l->label[1].rows)
		return l->label[0].rows > l->label[1].rows;
	return strcmp(l->label[0].text, l->label[1].text) < 0;
}

/* Whether every text is a number. */
static bool are_numbers(const struct labels *l)
{
	struct error ignored;
	double x;

	for (int i = 0; i < l->n; i++)
		if (number_parse_double(l->label[i].text, &x, &ignored))
			return false;
	return true;
}

static bool is_before(const struct label *a, const struct label *b, bool numbers)
{
	struct error ignored;
	double x, y;

	if (numbers && !number_parse_double(a->text, &x, &ignored) && !number_parse_double(b->text, &y, &ignored) && x != y)
		return x < y;
	return strcmp(a->text, b->text) < 0;
}

void labels_sort(const struct labels *l, int *place)
{
	const bool numbers = are_numbers(l);

	for (int i = 0; i < l->n; i++) {
		place[i] = 0;
		for (int k = 0; k < l->n; k++)
			place[i] += k != i && is_before(&l->label[k], &l->label[i], numbers);
	}
}
