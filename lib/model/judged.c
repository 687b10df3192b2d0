/* SPDX-License-Identifier: MIT */
#include "model/judged.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

struct judged_row {
	double score, answer, weight;
	signed char label, classified;		/* indexes into labels; -1: none of them */
};

void judged_release(struct judged *j)
{
	labels_release(&j->labels);
	free(j->rows);
	*j = (struct judged){0};
}

static void push(struct judged *j, struct judged_row row)
{
	if (j->n == j->room)
		j->rows = alloc_again(j->rows, j->room = j->room ? j->room * 2 : 1024, sizeof *j->rows);
	j->rows[j->n++] = row;
}

int judged_add(struct judged *j, double probability, struct value label, struct value classification, double weight, struct error *why)
{
	const int i = labels_add(&j->labels, label, why);

	if (i < 0)
		return -1;
	push(j, (struct judged_row){ probability, 0, weight, (signed char)i, (signed char)labels_find(&j->labels, classification) });
	return 0;
}

void judged_add_value(struct judged *j, double prediction, double answer, double weight)
{
	push(j, (struct judged_row){ prediction, answer, weight, -1, -1 });
}

static bool is_one_of(const char *text, const char *const *words)
{
	while (*words && strcmp(text, *words))
		words++;
	return *words != NULL;
}

/* Where there is one label alone: by its name.  The other, unseen, has index 1. */
static int lone_positive(const struct labels *l, struct error *why)
{
	static const char *const yes[] = { "1", "true", NULL }, *const no[] = { "0", "-1", "false", NULL };

	if (is_one_of(l->label[0].text, yes))
		return 0;
	if (is_one_of(l->label[0].text, no))
		return 1;
	return error_set(why, "every label is \"%.200s\": say which is positive (--positive LABEL)", l->label[0].text);
}

static int positive_of(const struct judged *j, const char *wanted, struct error *why)
{
	double sum[2] = {0}, n[2] = {0};

	if (wanted && j->labels.n == 1)
		return strcmp(j->labels.label[0].text, wanted) != 0;
	if (wanted)
		return labels_positive(&j->labels, wanted, why);
	for (size_t i = 0; i < j->n; i++)
		if (j->rows[i].classified >= 0) {
			sum[j->rows[i].classified] += j->rows[i].score;
			n[j->rows[i].classified]++;
		}
	if (n[0] > 0 && n[1] > 0)
		return sum[1] / n[1] > sum[0] / n[0];
	if (j->labels.n == 2)
		return labels_positive(&j->labels, NULL, why);
	if (n[0] > 0)
		return sum[0] / n[0] < 0.5;
	return lone_positive(&j->labels, why);
}

static double accuracy(const struct judged *j, int positive)
{
	double right = 0, all = 0;

	for (size_t i = 0; i < j->n; i++) {
		const struct judged_row *r = &j->rows[i];
		if (r->classified >= 0 ? r->classified == r->label : (r->score >= 0.5) == (r->label == positive))
			right += r->weight;
		all += r->weight;
	}
	return right / all;
}

int judged_quality(const struct judged *j, const char *wanted, struct quality *q, const char **name, struct error *why)
{
	struct scored *rows;
	int positive = -1;

	*name = NULL;
	if (!j->n)
		return error_set(why, "no rows");
	if (j->regression && wanted)
		return error_set(why, "--positive %s: the records carry predictions of numbers", wanted);
	if (!j->regression && (positive = positive_of(j, wanted, why)) < 0)
		return -1;
	rows = alloc_bytes(j->n * sizeof *rows);
	for (size_t i = 0; i < j->n; i++) {
		const struct judged_row *r = &j->rows[i];
		rows[i] = (struct scored){ r->score, j->regression ? r->answer : r->label == positive, r->weight };
	}
	if (j->regression) {
		metrics_regression(rows, j->n, q);
	} else {
		metrics_binary(rows, j->n, 0.5, q);
		q->accuracy = accuracy(j, positive);
		*name = positive < j->labels.n ? j->labels.label[positive].text : wanted;
	}
	free(rows);
	return 0;
}
