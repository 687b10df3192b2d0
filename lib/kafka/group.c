/* SPDX-License-Identifier: MIT */
#include "kafka/reading.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/number.h"

#define COMMIT_MS 10000

/* ---- commits ---- */

static bool all_written(const struct consumer *c)
{
	const struct loop *l = c->o->loop;

	for (size_t i = 0; i < l->n_outputs; i++)
		if (output_left(l->outputs[i]))
			return false;
	return true;
}

/* In a chain an output that is empty does not say that a later stage has sent what it was given: there the caller knows. */
static void note_written(struct consumer *c, bool settled)
{
	if (!all_written(c) || (!settled && c->o->loop->n_stages > 1))
		return;
	for (size_t i = 0; i < c->n_parts; i++)
		c->parts[i]->written = c->parts[i]->passed;
}

/* What is to be committed of these partitions; NULL: nothing. */
static rd_kafka_topic_partition_list_t *uncommitted(struct consumer *c, bool settled)
{
	rd_kafka_topic_partition_list_t *list = NULL;

	if (!c->o->group)
		return NULL;
	note_written(c, settled);
	for (size_t i = 0; i < c->n_parts; i++) {
		const struct partition *p = c->parts[i];
		if (!p->assigned || p->written <= p->committed)
			continue;
		if (!list)
			list = rd_kafka_topic_partition_list_new(1);
		rd_kafka_topic_partition_list_add(list, p->topic, p->id)->offset = p->written;
	}
	return list;
}

static void note_committed(struct consumer *c, const rd_kafka_topic_partition_list_t *list)
{
	for (int i = 0; i < list->cnt; i++) {
		struct partition *p = consumer_find(c, list->elems[i].topic, list->elems[i].partition);
		if (p && !list->elems[i].err)
			p->committed = list->elems[i].offset;
	}
	c->counts.commits++;
}

void group_on_commit(rd_kafka_t *rk, rd_kafka_resp_err_t e, rd_kafka_topic_partition_list_t *list, void *opaque)
{
	struct consumer *c = opaque;

	(void)rk;
	if (!e)
		note_committed(c, list);
	else if (e != RD_KAFKA_RESP_ERR__NO_OFFSET && !c->closing)
		consumer_tell(c, true, "offsets of group %s were not committed: %s", c->o->group, rd_kafka_err2str(e));
}

void group_commit(struct consumer *c)
{
	rd_kafka_topic_partition_list_t *list = uncommitted(c, true);

	if (!list)
		return;
	if (rd_kafka_commit(c->rk, list, 1))
		consumer_tell(c, true, "offsets of group %s were not committed", c->o->group);
	rd_kafka_topic_partition_list_destroy(list);
}

/* Waits for the answer, but not for ever, as a plain rd_kafka_commit would without a coordinator. */
int group_commit_now(struct consumer *c, bool settled, struct error *why)
{
	rd_kafka_topic_partition_list_t *list = uncommitted(c, settled);
	rd_kafka_queue_t *answers;
	rd_kafka_event_t *event;
	rd_kafka_resp_err_t e;

	if (!list)
		return 0;
	answers = rd_kafka_queue_new(c->rk);
	e = rd_kafka_commit_queue(c->rk, list, answers, NULL, NULL);
	event = e ? NULL : rd_kafka_queue_poll(answers, COMMIT_MS);
	if (!e)
		e = event ? rd_kafka_event_error(event) : RD_KAFKA_RESP_ERR__TIMED_OUT;
	if (!e)
		note_committed(c, rd_kafka_event_topic_partition_list(event));
	if (event)
		rd_kafka_event_destroy(event);
	rd_kafka_queue_destroy(answers);
	rd_kafka_topic_partition_list_destroy(list);
	return e && e != RD_KAFKA_RESP_ERR__NO_OFFSET ?
	    error_set(why, "offsets of group %s were not committed: %s", c->o->group, rd_kafka_err2str(e)) : 0;
}

/* ---- what the group hands out and takes back ---- */

/* Where partitions begin that the group hands out. */
static int find_starts(struct consumer *c, struct partition *const *p, size_t n, struct error *why)
{
	if (offsets_stored(c->rk, p, n, why) || offsets_range(c->rk, p, n, why))
		return -1;
	for (size_t i = 0; i < n; i++) {
		struct partition *q = p[i];
		const bool as_resolved = !q->started && !q->is_new && q->start != OFFSETS_NONE;
		if (as_resolved && (c->o->from_given || q->stored == OFFSETS_NONE))
			continue;
		/* Nobody else has come any further: what has been taken is on its way already, and is not to come twice. */
		q->resumes = q->started && q->taken >= q->stored;
		q->start = q->resumes ? q->taken : q->stored != OFFSETS_NONE ? q->stored : q->low;
		q->committed = q->stored;
		q->watch.skip_before_ms = INT64_MIN;
		if (start_inside(c, q, "the group's offset", why))
			return -1;
	}
	return 0;
}

static void hand_out(struct consumer *c, rd_kafka_topic_partition_list_t *list)
{
	struct partition **p = alloc_zeroed((size_t)list->cnt + 1, sizeof *p);
	size_t n = 0;
	struct error why;

	for (int i = 0; i < list->cnt; i++)
		if ((p[n] = consumer_find_or_new(c, list->elems[i].topic, list->elems[i].partition)) && !p[n]->assigned)
			n++;
	if (find_starts(c, p, n, &why) || start_take_over(c, p, n, &why))
		consumer_fail(c, &why);
	for (int i = 0; i < list->cnt; i++) {
		const struct partition *q = consumer_find(c, list->elems[i].topic, list->elems[i].partition);
		list->elems[i].offset = q ? q->taken : RD_KAFKA_OFFSET_STORED;
	}
	free(p);
}

static void take_back(struct consumer *c, const rd_kafka_topic_partition_list_t *list)
{
	struct error why;

	if (!c->closing && !rd_kafka_assignment_lost(c->rk) && group_commit_now(c, false, &why))
		consumer_tell(c, true, "%s", why.text);
	for (int i = 0; i < list->cnt; i++) {
		struct partition *p = consumer_find(c, list->elems[i].topic, list->elems[i].partition);
		if (p)
			start_give_back(c, p);
	}
}

void group_on_rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t what, rd_kafka_topic_partition_list_t *list, void *opaque)
{
	struct consumer *c = opaque;
	const bool by_steps = !strcmp(rd_kafka_rebalance_protocol(rk), "COOPERATIVE");
	rd_kafka_error_t *e = NULL;

	if (what == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
		hand_out(c, list);
		if (by_steps)
			e = rd_kafka_incremental_assign(rk, list);
		else
			rd_kafka_assign(rk, list);
		start_finish_empty(c);
		consumer_tell(c, false, "group %s: %d partition%s handed out, %zu in all", c->o->group, list->cnt, number_s((uint64_t)list->cnt),
		    c->n_assigned);
	} else {
		take_back(c, list);
		if (by_steps)
			e = rd_kafka_incremental_unassign(rk, list);
		else
			rd_kafka_assign(rk, NULL);
		if (!c->closing)
			consumer_tell(c, false, "group %s: %d partition%s taken back%s", c->o->group, list->cnt, number_s((uint64_t)list->cnt),
			    rd_kafka_assignment_lost(rk) ? ", the membership was lost" : "");
	}
	if (e) {
		consumer_tell(c, true, "group %s: %s", c->o->group, rd_kafka_error_string(e));
		rd_kafka_error_destroy(e);
	}
}
