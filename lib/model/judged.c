/* SPDX-License-Identifier: MIT */
#include "model/judged.h"

#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

struct judged_row {
	double score, weight;
	union {
		double answer;		/* of values */
		size_t p;		/* of several labels: where its probabilities are */
	};
	/* Indices into labels, -1: none of them; the group, or JUDGED_ALL; the number of probabilities: labels from there on have 0. */
	short label, classified, group, n_p;
};

_Static_assert(LABELS_MOST <= SHRT_MAX, "labels and groups are counted in a short");

void judged_release(struct judged *j)
{
	labels_release(&j->labels);
	free(j->rows);
	free(j->p);
	*j = (struct judged){0};
}

static void push(struct judged *j, struct judged_row row)
{
	if (j->n == j->room)
		j->rows = alloc_again(j->rows, j->room = j->room ? j->room * 2 : 1024, sizeof *j->rows);
	j->rows[j->n++] = row;
}

int judged_add(struct judged *j, int group, double probability, struct value label, struct value classification, double weight,
    struct error *why)
{
	const int i = labels_add(&j->labels, label, why);

	if (i < 0)
		return -1;
	push(j, (struct judged_row){ .score = probability, .weight = weight, .label = (short)i,
		.classified = (short)labels_find(&j->labels, classification), .group = (short)group });
	return 0;
}

/* The index of a label that may be new; most often the k-th name is the k-th label. */
static int index_of(struct labels *l, struct value name, size_t k, struct error *why)
{
	if (k < (size_t)l->n && l->label[k].len == name.len && !memcmp(l->label[k].text, name.text, name.len))
		return (int)k;
	const int i = labels_find(l, name);
	return i >= 0 ? i : labels_add(l, name, why);
}

int judged_add_labels(struct judged *j, int group, const struct value *names, const double *p, size_t n, struct value label,
    struct value classification, double weight, struct error *why)
{
	const size_t at = j->n_p;
	size_t used = 0;
	int i;

	j->labels.many = true;
	while (j->room_p < at + LABELS_MOST)
		j->p = alloc_again(j->p, j->room_p = j->room_p ? j->room_p * 2 : 2 * LABELS_MOST, sizeof *j->p);
	for (size_t k = 0; k < n; k++) {
		if ((i = index_of(&j->labels, names[k], k, why)) < 0)
			return -1;
		for (; used <= (size_t)i; used++)
			j->p[at + used] = 0;
		j->p[at + (size_t)i] = p[k];
	}
	if ((i = labels_add(&j->labels, label, why)) < 0)
		return -1;
	j->n_p += used;
	push(j, (struct judged_row){ .p = at, .weight = weight, .label = (short)i,
		.classified = (short)labels_find(&j->labels, classification), .group = (short)group, .n_p = (short)used });
	return 0;
}

void judged_add_value(struct judged *j, int group, double prediction, double answer, double weight)
{
	push(j, (struct judged_row){ .score = prediction, .answer = answer, .weight = weight, .label = -1, .classified = -1,
		.group = (short)group });
}

/* ---- two labels: which one the probabilities are of ---- */

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

/* ---- figures ---- */

static bool is_of(const struct judged_row *r, int group)
{
	return group == JUDGED_ALL || r->group == group;
}

/* The label with the largest probability. */
static int likeliest(const struct judged *j, const struct judged_row *r, int positive)
{
	return j->kind == METRICS_LABELS ? (int)metrics_largest(j->p + r->p, (size_t)r->n_p) : r->score >= 0.5 ? positive : !positive;
}

static double accuracy(const struct judged *j, int group, int positive)
{
	double right = 0, all = 0;

	for (size_t i = 0; i < j->n; i++) {
		const struct judged_row *r = &j->rows[i];
		if (!is_of(r, group))
			continue;
		right += (r->classified >= 0 ? r->classified : likeliest(j, r, positive)) == r->label ? r->weight : 0;
		all += r->weight;
	}
	return right / all;
}

static void judge_one(const struct judged *j, int group, size_t n, int positive, struct quality *q)
{
	struct scored *rows = alloc_bytes(n * sizeof *rows), *out = rows;

	for (size_t i = 0; i < j->n; i++) {
		const struct judged_row *r = &j->rows[i];
		if (is_of(r, group))
			*out++ = (struct scored){ r->score, j->kind == METRICS_REGRESSION ? r->answer : r->label == positive, r->weight };
	}
	if (j->kind == METRICS_REGRESSION)
		metrics_regression(rows, n, q);
	else
		metrics_binary(rows, n, 0.5, q);
	free(rows);
}

static void judge_labels(const struct judged *j, int group, size_t n, struct quality *q)
{
	const size_t labels = (size_t)j->labels.n;
	struct scored_labels rows = {
		n, labels, alloc_zeroed(n * labels, sizeof(double)), alloc_bytes(n * sizeof(double)), alloc_bytes(n * sizeof(double))
	};
	size_t at = 0;

	for (size_t i = 0; i < j->n; i++) {
		const struct judged_row *r = &j->rows[i];
		if (!is_of(r, group))
			continue;
		memcpy(rows.p + at * labels, j->p + r->p, (size_t)r->n_p * sizeof *rows.p);
		rows.answer[at] = r->label;
		rows.weight[at++] = r->weight;
	}
	metrics_labels(&rows, q);
	metrics_labels_release(&rows);
}

int judged_quality(const struct judged *j, int group, const char *wanted, struct quality *q, const char **name, struct error *why)
{
	size_t n = 0;
	int positive = -1;

	*name = NULL;
	for (size_t i = 0; i < j->n; i++)
		n += is_of(&j->rows[i], group);
	if (!n)
		return error_set(why, "no rows");
	if (j->kind != METRICS_BINARY && wanted)
		return error_set(why, j->kind == METRICS_LABELS ? "--positive %s: the records carry the probability of each label" :
		    "--positive %s: the records carry predictions of numbers", wanted);
	if (j->kind == METRICS_BINARY && (positive = positive_of(j, wanted, why)) < 0)
		return -1;
	if (j->kind == METRICS_LABELS)
		judge_labels(j, group, n, q);
	else
		judge_one(j, group, n, positive, q);
	if (j->kind != METRICS_REGRESSION)
		q->accuracy = accuracy(j, group, positive);
	if (j->kind == METRICS_BINARY)
		*name = positive < j->labels.n ? j->labels.label[positive].text : wanted;
	return 0;
}
