/* SPDX-License-Identifier: MIT */
#include "kafka/seam.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/wallclock.h"
#include "kafka/reading.h"

/* ---- looking ---- */

static struct glimpse *glimpse_of(struct glimpse *g, size_t n, const rd_kafka_message_t *m)
{
	const char *topic = m->rkt ? rd_kafka_topic_name(m->rkt) : NULL;

	for (size_t i = 0; topic && i < n; i++)
		if (!g[i].over && g[i].part->id == m->partition && !strcmp(g[i].part->topic, topic))
			return &g[i];
	return NULL;
}

/* Whether a time may be that of a message whose event stands in the files' last two overlaps. */
static bool is_near(const struct handover *h, int64_t ms)
{
	const int64_t end = eventtime_floor(handover_time(h), NS_PER_MS, 0) / NS_PER_MS;
	const int64_t begin = eventtime_floor(handover_begin(h), NS_PER_MS, 0) / NS_PER_MS;

	return ms <= end && ms >= begin - (end - begin);
}

static void see(struct glimpse *g, const rd_kafka_message_t *m, size_t want, struct handover *h)
{
	if (m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
		g->over = true;
	if (m->err || m->offset < g->from)
		return;
	const int64_t ms = rd_kafka_message_timestamp(m, NULL);
	const bool held = h && m->payload && (ms == -1 || is_near(h, ms)) && handover_holds(h, m->payload, m->len);
	g->seen[g->n].offset = m->offset;
	g->seen[g->n].ms = ms;
	g->seen[g->n++].held = held;
	g->over = g->n == want || m->offset + 1 >= g->part->high;
}

int seam_look(rd_kafka_t *rk, struct glimpse *g, size_t n, size_t want, struct handover *h, struct error *why)
{
	struct consumer *c = rd_kafka_opaque(rk);
	const int64_t until = wallclock_monotonic() + KAFKA_CONNECT_MS * NS_PER_MS;
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)n);
	size_t left = 0;
	rd_kafka_resp_err_t e;

	for (size_t i = 0; i < n; i++) {
		g[i].n = 0;
		g[i].over = g[i].from >= g[i].part->high;
		if (g[i].over)
			continue;
		left++;
		rd_kafka_topic_partition_list_add(list, g[i].part->topic, g[i].part->id)->offset = g[i].from;
	}
	e = left ? rd_kafka_assign(rk, list) : RD_KAFKA_RESP_ERR_NO_ERROR;
	while (!e && left && !c->cut && wallclock_monotonic() < until) {
		rd_kafka_message_t *m = rd_kafka_consumer_poll(rk, 100);
		struct glimpse *one = m ? glimpse_of(g, n, m) : NULL;
		if (one)
			see(one, m, want, h);
		left -= one && one->over;
		if (m)
			rd_kafka_message_destroy(m);
		if (left && consumer_may_wait(c) && loop_look(c->o->loop))
			c->cut = true;
	}
	if (list->cnt)
		rd_kafka_assign(rk, NULL);
	rd_kafka_topic_partition_list_destroy(list);
	if (!e && !left)
		return 0;
	for (size_t i = 0; i < n; i++)
		if (!g[i].over)
			return error_set(why, "%s: its messages from offset %lld on could not be read: %s", g[i].part->place,
			    (long long)g[i].from, e ? rd_kafka_err2str(e) : "no answer");
	return 0;
}

size_t seam_count_from(const struct glimpse *g, int64_t ms)
{
	size_t n = 0;

	for (size_t i = 0; i < g->n; i++)
		n += g->seen[i].ms == -1 || g->seen[i].ms >= ms;
	return n;
}

/* ---- the seam ---- */

/* One partition, while the message is looked for before which all is older than the files' end. */
struct search { struct partition *part; int64_t before, behind; };	/* before: most there is older; behind: not, or the end */

/* A message that the files' end holds, the first of that time or later, else the first; SIZE_MAX: there is none. */
static size_t find_held(const struct glimpse *g, int64_t begin_ms)
{
	size_t found = SIZE_MAX;

	for (size_t i = g->n; i-- > 0;)
		if (g->seen[i].held && (found == SIZE_MAX || g->seen[i].ms >= begin_ms || g->seen[found].ms < begin_ms))
			found = i;
	return found;
}

/* Goes by what has been seen; true: the search goes on. */
static bool narrow(struct search *s, const struct glimpse *g, int64_t begin_ms)
{
	const size_t held = find_held(g, begin_ms);

	if (held != SIZE_MAX && g->seen[held].offset > s->part->start) {
		s->part->watch.skip_before_ms = begin_ms;
		s->part->skip_to = g->seen[held].offset;
	}
	if (held != SIZE_MAX && g->seen[held].ms >= begin_ms)
		return false;
	/* Single messages may have any time: most of them decide. */
	if (2 * seam_count_from(g, begin_ms) < g->n)
		s->before = g->from;
	else
		s->behind = g->from;
	return s->behind - s->before > 1;
}

int seam_find(rd_kafka_t *rk, struct partition *const *p, size_t n, struct handover *h, struct error *why)
{
	const int64_t begin_ms = eventtime_floor(handover_begin(h), NS_PER_MS, 0) / NS_PER_MS;
	struct search *s = alloc_zeroed(n + 1, sizeof *s);
	struct glimpse *g = alloc_zeroed(n + 1, sizeof *g);
	int result = 0;

	/* The first look is at where reading would begin; what is not behind a message ahead of time shows at once. */
	for (size_t i = 0; i < n; i++) {
		s[i] = (struct search){ p[i], p[i]->start - 1, p[i]->high };
		g[i].part = p[i];
		g[i].from = p[i]->start;
	}
	while (n && !(result = seam_look(rk, g, n, GLIMPSE_MAX, h, why))) {
		size_t left = 0;
		for (size_t i = 0; i < n; i++)
			if (narrow(&s[i], &g[i], begin_ms)) {
				s[left] = s[i];
				g[left].part = s[i].part;
				g[left++].from = s[i].before + (s[i].behind - s[i].before) / 2;
			}
		n = left;
	}
	free(s);
	free(g);
	return result;
}
