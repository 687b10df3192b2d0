/* SPDX-License-Identifier: MIT */
#include "feature/evaluation.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "model/report.h"

#define LISTED 10	/* names in a message, at most */

static size_t place(const struct evaluation *e, size_t source, int group)
{
	return source * ((size_t)e->predictions->groups.n + 1) + (size_t)(group + 1);
}

/* ---- judging ---- */

static void sort_groups(struct evaluation *e)
{
	const struct labels *groups = &e->predictions->groups;
	int *places = alloc_bytes(((size_t)groups->n + 1) * sizeof *places);

	labels_sort(groups, places);
	for (int i = 0; i < groups->n; i++)
		e->order[places[i]] = i;
	free(places);
}

int evaluation_judge(struct evaluation *e, const struct predictions *p, const char *wanted, struct error *why)
{
	const size_t groups = (size_t)p->groups.n, n = p->n * (groups + 1);
	struct error ignored;

	*e = (struct evaluation){
		p, alloc_bytes((groups + 1) * sizeof *e->order), alloc_zeroed(n, sizeof *e->qualities), alloc_zeroed(n, sizeof *e->positive)
	};
	sort_groups(e);
	for (size_t i = 0; i < p->n; i++)
		for (int group = JUDGED_ALL; group < p->groups.n && p->sources[i].judged.n; group++) {
			const size_t at = place(e, i, group);
			const int result = judged_quality(&p->sources[i].judged, group, wanted, &e->qualities[at], &e->positive[at],
			    group == JUDGED_ALL ? why : &ignored);
			/* What is wrong with a source all records show; a group may have no rows of it. */
			if (result && group == JUDGED_ALL)
				return p->sources[i].name ? error_prefix(why, "shadow %s", p->sources[i].name) : -1;
		}
	return 0;
}

void evaluation_release(struct evaluation *e)
{
	free(e->order);
	free(e->qualities);
	free(e->positive);
	*e = (struct evaluation){0};
}

/* ---- telling ---- */

static void report_one(const struct evaluation *e, size_t source, int group, struct buf *b)
{
	const struct prediction_source *s = &e->predictions->sources[source];
	const struct quality *q = &e->qualities[place(e, source, group)];
	const struct report_subject subject = {
		.group = group == JUDGED_ALL ? NULL : e->predictions->groups.label[group].text, .shadow = s->name,
		.positive = e->positive[place(e, source, group)], .labels = &s->judged.labels,
	};

	if (q->rows)
		report_json(b, &subject, q);
}

void evaluation_report(const struct evaluation *e, struct buf *b)
{
	for (int k = JUDGED_ALL; k < e->predictions->groups.n; k++)
		for (size_t i = 0; i < e->predictions->n; i++)
			report_one(e, i, k == JUDGED_ALL ? k : e->order[k], b);
}

bool evaluation_seems_turned(const struct evaluation *e, size_t source, double *auc, const char **positive)
{
	const struct quality *q = &e->qualities[place(e, source, JUDGED_ALL)];

	*positive = e->positive[place(e, source, JUDGED_ALL)];
	*auc = q->auc;
	return q->rows && *positive && q->auc < 0.5;
}

/* ---- finding ---- */

/* "A", "B" and "C" */
static void list(struct buf *b, size_t i, size_t n, const char *name)
{
	buf_format(b, "%s\"%.100s\"", !i ? ": there is " : i + 1 < n ? ", " : " and ", name);
}

static int no_group(const struct evaluation *e, const char *group, struct error *why)
{
	const struct labels *groups = &e->predictions->groups;
	const size_t n = groups->n < LISTED ? (size_t)groups->n : LISTED;
	struct buf b = BUF_INIT;

	for (size_t i = 0; i < n; i++)
		list(&b, i, n, groups->label[e->order[i]].text);
	error_set(why, "no record has \"%.100s\" at %s%s", group, e->predictions->by_text, n ? buf_text(&b) : ", or anything");
	buf_release(&b);
	return -1;
}

static int no_shadow(const struct evaluation *e, const char *shadow, struct error *why)
{
	const size_t n = e->predictions->n - 1 < LISTED ? e->predictions->n - 1 : LISTED;
	struct buf b = BUF_INIT;

	for (size_t i = 0; i < n; i++)
		list(&b, i, n, e->predictions->sources[i + 1].name);
	error_set(why, "no record has a shadow \"%.100s\"%s", shadow, n ? buf_text(&b) : ", or any");
	buf_release(&b);
	return -1;
}

const struct quality *evaluation_find(void *self, const char *group, const char *shadow, struct error *why)
{
	const struct evaluation *e = self;
	const struct labels *groups = &e->predictions->groups;
	const struct prediction_source *source = predictions_find(e->predictions, shadow);
	int i = group ? 0 : JUDGED_ALL;

	while (group && i < groups->n && strcmp(groups->label[i].text, group) != 0)
		i++;
	if (!source || i == groups->n) {
		source ? no_group(e, group, why) : no_shadow(e, shadow, why);
		return NULL;
	}
	const struct quality *q = &e->qualities[place(e, (size_t)(source - e->predictions->sources), i)];
	if (!q->rows)
		error_set(why, "no record%s%s has %s%s", group ? " of " : "", group ? group : "", shadow ? "a score of the shadow " : "a prediction",
		    shadow ? shadow : "");
	return q->rows ? q : NULL;
}
