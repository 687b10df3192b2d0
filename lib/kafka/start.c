/* SPDX-License-Identifier: MIT */
#include "kafka/reading.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/wallclock.h"

static bool begins_at_low(const struct consumer *c)
{
	char value[32];
	size_t n = sizeof value;

	return rd_kafka_conf_get(rd_kafka_conf(c->rk), "auto.offset.reset", value, &n) == RD_KAFKA_CONF_OK &&
	    (!strcmp(value, "earliest") || !strcmp(value, "beginning") || !strcmp(value, "smallest"));
}

int start_inside(const struct consumer *c, struct partition *p, const char *whose, struct error *why)
{
	if (p->start >= p->low && p->start <= p->high)
		return 0;
	if (!c->o->allows_gap) {
		consumer_refuse(c);
		return offsets_outside(p, p->start, whose, why);
	}
	p->start = p->low;
	return 0;
}

/* `start` of partitions where nothing but the group's offsets counts. */
static int from_stored(struct consumer *c, struct partition *const *p, size_t n, struct error *why)
{
	size_t n_stored = 0;

	if (offsets_stored(c->rk, p, n, why) || offsets_range(c->rk, p, n, why))
		return -1;
	for (size_t i = 0; i < n; i++)
		n_stored += p[i]->stored != OFFSETS_NONE;
	for (size_t i = 0; i < n; i++) {
		p[i]->watch.skip_before_ms = INT64_MIN;
		if (p[i]->stored != OFFSETS_NONE) {
			p[i]->start = p[i]->committed = p[i]->stored;
			if (start_inside(c, p[i], "the group's offset", why))
				return -1;
		} else
			/* Beside partitions with an offset this one is new: all of it is. */
			p[i]->start = n_stored || begins_at_low(c) ? p[i]->low : p[i]->high;
	}
	if (!n_stored)
		consumer_tell(c, true, "group %s has stored no offsets yet: begins at the %s%s", c->o->group, begins_at_low(c) ? "beginning" : "end",
		    begins_at_low(c) ? "" : " (-X auto.offset.reset=earliest: at the beginning)");
	return 0;
}

static void show_start(const struct consumer *c)
{
	for (size_t i = 0; i < c->n_parts; i++) {
		const struct partition *p = c->parts[i];
		char skip[EVENTTIME_SHOW_MAX] = "";
		if (p->watch.skip_before_ms != INT64_MIN && p->high > p->low)
			eventtime_show(p->watch.skip_before_ms * NS_PER_MS, skip);
		consumer_tell(c, false, "%s: offsets %lld to %lld, begins at %lld%s%s", p->place, (long long)p->low, (long long)p->high,
		    (long long)p->start, *skip ? ", skipping what is older than " : "", skip);
	}
}

/* Those whose `start` no checkpoint has said; free(3). */
static struct partition **unresolved(const struct consumer *c, size_t *n)
{
	struct partition **parts = alloc_bytes((c->n_parts + 1) * sizeof *parts);

	*n = 0;
	for (size_t i = 0; i < c->n_parts; i++)
		if (c->parts[i]->start == OFFSETS_NONE)
			parts[(*n)++] = c->parts[i];
	return parts;
}

int start_resolve(struct consumer *c, struct handover *h, struct error *why)
{
	const struct consumer_options *o = c->o;
	size_t n;
	struct partition **parts = unresolved(c, &n);
	int result = 0;

	switch (o->from) {
	case CONSUMER_STORED:
		result = from_stored(c, c->parts, c->n_parts, why);
		break;
	case CONSUMER_HANDOVER:
		result = offsets_hand_over(c->rk, c->parts, c->n_parts, h, o->allows_gap, c->gap, why);
		c->by_offset = handover_by_offset(h);
		if (handover_time(h) != EVENTTIME_NONE) {
			int64_t ignored;
			c->watches = true;
			c->files_ahead = handover_ahead(h, &ignored) > 0;
			c->handover = c->by_offset ? NULL : h;
			c->watched_from_ms = eventtime_floor(handover_begin(h), NS_PER_MS, 0) / NS_PER_MS;
			c->watched_until_ms = eventtime_floor(handover_end(h), NS_PER_MS, 0) / NS_PER_MS;
		}
		break;
	case CONSUMER_TIME:
		if (!(result = offsets_range(c->rk, parts, n, why)))
			result = offsets_start_at(c->rk, parts, n, o->time_ms, why);
		break;
	default:
		result = offsets_range(c->rk, parts, n, why);
		for (size_t i = 0; !result && i < n; i++) {
			struct partition *p = parts[i];
			p->start = o->from == CONSUMER_BEGINNING ? p->low : o->from == CONSUMER_END ? p->high :
			    o->from == CONSUMER_OFFSET ? o->n : p->high - o->n < p->low ? p->low : p->high - o->n;
			result = start_inside(c, p, "-o", why);
		}
	}
	if (!result)
		show_start(c);
	free(parts);
	return result;
}

static rd_kafka_topic_partition_list_t *list_of(struct partition *const *p, size_t n)
{
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)n);

	for (size_t i = 0; i < n; i++)
		rd_kafka_topic_partition_list_add(list, p[i]->topic, p[i]->id)->offset = p[i]->start;
	return list;
}

static void resume_fetching(const struct consumer *c, const struct partition *p)
{
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);

	rd_kafka_topic_partition_list_add(list, p->topic, p->id);
	rd_kafka_resume_partitions(c->rk, list);
	rd_kafka_topic_partition_list_destroy(list);
}

int start_take_over(struct consumer *c, struct partition *const *p, size_t n, struct error *why)
{
	if (offsets_range(c->rk, p, n, why))
		return -1;
	c->generation++;
	for (size_t i = 0; i < n; i++) {
		struct partition *q = p[i];
		/* Retention may have gone on since `start` was found. */
		if (q->start < q->low && (c->o->from == CONSUMER_BEGINNING || c->sought) && !q->started && !q->restored)
			q->start = q->low;
		if (start_inside(c, q, q->restored ? "the checkpoint's offset" : "offset", why))
			return -1;
		if (q->over)
			resume_fetching(c, q);
		q->assigned = true;
		q->over = false;
		if (!q->started)
			q->end = c->o->exits ? q->high : INT64_MAX;
		if (!q->started && !q->restored) {
			q->watched_to = q->high;
			q->watch.compares = c->watches;
			q->watch.watched = c->watches && !c->by_offset && q->watched_to > q->start;
		}
		q->started = true;
		if (!q->resumes) {
			q->generation = c->generation;
			q->taken = q->passed = q->written = q->start;
			q->watch_passed = q->watch;
		}
		q->resumes = false;
		q->queue = rd_kafka_queue_get_partition(c->rk, q->topic, q->id);
		rd_kafka_queue_forward(q->queue, c->queue);
		c->source.total += c->o->exits ? (uint64_t)(q->high - q->start) : 0;
		c->n_assigned++;
	}
	c->has_assignment = true;
	return 0;
}

void start_give_back(struct consumer *c, struct partition *p)
{
	if (!p->assigned)
		return;
	p->assigned = p->watch.watched = p->watch.compares = false;
	c->n_assigned--;
	c->n_over -= p->over;
	rd_kafka_queue_destroy(p->queue);
	p->queue = NULL;
}

void start_finish_empty(struct consumer *c)
{
	for (size_t i = 0; i < c->n_parts; i++)
		if (c->parts[i]->assigned && c->parts[i]->taken >= c->parts[i]->end)
			consumer_finish(c, c->parts[i], c->parts[i]->end);
}

int start_reading(struct consumer *c, struct error *why)
{
	rd_kafka_topic_partition_list_t *list;
	rd_kafka_resp_err_t e;

	if (c->o->group && !c->o->partitions) {
		c->begun = true;
		list = rd_kafka_topic_partition_list_new((int)c->o->n_topics);
		for (size_t i = 0; i < c->o->n_topics; i++)
			rd_kafka_topic_partition_list_add(list, c->topics[i].name, RD_KAFKA_PARTITION_UA);
		e = rd_kafka_subscribe(c->rk, list);
	} else {
		if (start_take_over(c, c->parts, c->n_parts, why))
			return -1;
		if (c->sought)
			show_start(c);
		c->begun = true;
		list = list_of(c->parts, c->n_parts);
		e = rd_kafka_assign(c->rk, list);
		start_finish_empty(c);
	}
	rd_kafka_topic_partition_list_destroy(list);
	return e ? error_set(why, "Kafka at %s: %s", c->brokers.shown, rd_kafka_err2str(e)) : 0;
}
