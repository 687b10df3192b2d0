/* SPDX-License-Identifier: MIT */
#include "kafka/offsets.h"

#include <librdkafka/rdkafka.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/number.h"
#include "base/wallclock.h"
#include "kafka/kafka.h"
#include "kafka/reading.h"
#include "kafka/seam.h"

#define RETRY_NS (100 * NS_PER_MS)
#define GROUP_STEP_MS 500
#define NONE_SEEN INT64_MIN

/* ---- questions ---- */

static rd_kafka_topic_partition_list_t *list_of(struct partition *const *p, size_t n, int64_t offset)
{
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)n);

	for (size_t i = 0; i < n; i++)
		rd_kafka_topic_partition_list_add(list, p[i]->topic, p[i]->id)->offset = offset;
	return list;
}

static rd_kafka_resp_err_t first_error(const rd_kafka_topic_partition_list_t *list)
{
	for (int i = 0; i < list->cnt; i++)
		if (list->elems[i].err)
			return list->elems[i].err;
	return RD_KAFKA_RESP_ERR_NO_ERROR;
}

/* What librdkafka asks, and waits for in one piece. */
struct question {
	rd_kafka_t *rk;
	rd_kafka_topic_partition_list_t *list;	/* offsets, and answers in their place */
	bool about_group;
	int timeout;				/* ms */
	rd_kafka_resp_err_t e;
	int answered;				/* an eventfd; -1 */
	atomic_bool one_left;			/* of two threads that hold it: who leaves last frees it */
};

static void put_to_brokers(struct question *q)
{
	q->e = q->about_group ? rd_kafka_committed(q->rk, q->list, q->timeout) : rd_kafka_offsets_for_times(q->rk, q->list, q->timeout);
	if (!q->e)
		q->e = first_error(q->list);
}

static void question_free(struct question *q)
{
	rd_kafka_topic_partition_list_destroy(q->list);
	if (q->answered >= 0)
		close(q->answered);
	free(q);
}

static void *run_question(void *self)
{
	struct question *q = self;
	const uint64_t one = 1;

	put_to_brokers(q);
	while (write(q->answered, &one, sizeof one) < 0)
		;
	if (atomic_exchange(&q->one_left, true))
		question_free(q);
	return NULL;
}

/*
 * In the middle of a run the wait is the loop's: outputs are flushed, and a stop cuts it short.  The thread is then left to the end of
 * the process, with the client that it uses.  0: answered; 1: could not begin; -1.
 */
static int put_in_thread(struct consumer *c, struct question *q, struct error *why)
{
	struct loop *l = c->o->loop;
	sigset_t all, before;
	pthread_t thread;
	uint64_t one;
	int result = 0;

	if ((q->answered = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) < 0)
		return 1;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	const bool failed = pthread_create(&thread, NULL, run_question, q) != 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (failed)
		return 1;
	pthread_detach(thread);
	while (!result && !l->stopping && read(q->answered, &one, sizeof one) < 0)
		result = loop_wait(l, &(struct wait_for){ .fd = q->answered }, INT64_MAX, why);
	if (!result && !l->stopping) {
		while (!atomic_load(&q->one_left))	/* it is about to leave */
			sched_yield();
		return 0;
	}
	c->busy = true;
	c->cut = !result;
	if (atomic_exchange(&q->one_left, true))
		question_free(q);
	return result ? result : error_set(why, "stopped");
}

/* That a group is not this user's to read is no answer: its coordinator is looked for until the time is up.  It is an event. */
static rd_kafka_resp_err_t heard_refusal(const struct consumer *c, rd_kafka_resp_err_t e)
{
	rd_kafka_message_t *event;

	while (!c->begun && (event = rd_kafka_consumer_poll(c->rk, 0))) {
		if (kafka_is_refusal(event->err))
			e = event->err;
		rd_kafka_message_destroy(event);
	}
	return e;
}

/* A leader may be changing, a coordinator starting: asked again until the time is up, or the answer is no. */
static int ask(rd_kafka_t *rk, struct partition *const *p, size_t n, int64_t offset, int64_t *offsets, bool about_group,
    struct error *why)
{
	struct consumer *c = rd_kafka_opaque(rk);
	const int64_t until = wallclock_monotonic() + KAFKA_CONNECT_MS * NS_PER_MS;
	rd_kafka_resp_err_t e;

	if (!n)
		return 0;
	for (;;) {
		const int64_t all = (until - wallclock_monotonic()) / NS_PER_MS, left = about_group && all > GROUP_STEP_MS ? GROUP_STEP_MS : all;
		struct question *q = alloc_zeroed(1, sizeof *q);
		*q = (struct question){ .rk = rk, .list = list_of(p, n, offset), .about_group = about_group,
		    .timeout = left > 100 ? (int)left : 100, .answered = -1 };
		const int beside = consumer_may_wait(c) ? put_in_thread(c, q, why) : 1;
		if (beside < 0)
			return -1;
		if (beside)
			put_to_brokers(q);
		e = q->e && about_group ? heard_refusal(c, q->e) : q->e;
		/* The list keeps its order, and the offsets of partitions that have none are below 0. */
		for (size_t i = 0; !e && i < n; i++)
			offsets[i] = q->list->elems[i].offset >= 0 ? q->list->elems[i].offset : OFFSETS_NONE;
		question_free(q);
		if (!e)
			return 0;
		if (kafka_is_refusal(e))
			consumer_refuse(c);
		if (kafka_is_refusal(e) || wallclock_monotonic() + RETRY_NS > until)
			return error_set(why, "kafka:%s: the brokers do not tell %s: %s%s", p[0]->topic,
			    about_group ? "the group's offsets" : "its offsets", rd_kafka_err2str(e), kafka_missing_right(e, KAFKA_READ));
		wallclock_sleep_until(wallclock_monotonic() + RETRY_NS);
	}
}

int offsets_range(rd_kafka_t *rk, struct partition *const *p, size_t n, struct error *why)
{
	int64_t *offsets = alloc_zeroed(n + 1, sizeof *offsets);
	int result;

	/* Two "times" of the protocol stand for the first offset and the one behind the last. */
	if (!(result = ask(rk, p, n, RD_KAFKA_OFFSET_BEGINNING, offsets, false, why))) {
		for (size_t i = 0; i < n; i++)
			p[i]->low = offsets[i];
		result = ask(rk, p, n, RD_KAFKA_OFFSET_END, offsets, false, why);
	}
	for (size_t i = 0; !result && i < n; i++)
		p[i]->high = offsets[i] > p[i]->low ? offsets[i] : p[i]->low;
	free(offsets);
	return result;
}

int offsets_at(rd_kafka_t *rk, struct partition *const *p, size_t n, int64_t ms, int64_t *offsets, struct error *why)
{
	/* Times below 0 would be taken for the protocol's own. */
	return ask(rk, p, n, ms > 0 ? ms : 0, offsets, false, why);
}

int offsets_stored(rd_kafka_t *rk, struct partition *const *p, size_t n, struct error *why)
{
	int64_t *offsets = alloc_zeroed(n + 1, sizeof *offsets);
	const int result = ask(rk, p, n, RD_KAFKA_OFFSET_INVALID, offsets, true, why);

	for (size_t i = 0; !result && i < n; i++)
		p[i]->stored = offsets[i];
	free(offsets);
	return result;
}

/* ---- times ---- */

/*
 * What a partition's first messages say; `times` NONE_SEEN: it has none (markers, what a compaction has left).  The first one counts,
 * unless most are not later than `end_ms`: then that one is ahead of time, and the first of those counts.
 */
static int first_times(rd_kafka_t *rk, struct partition *const *p, size_t n, int64_t end_ms, int64_t *times, struct error *why)
{
	struct glimpse *g = alloc_zeroed(n + 1, sizeof *g);
	int result;

	for (size_t i = 0; i < n; i++) {
		g[i].part = p[i];
		g[i].from = p[i]->low;
		times[i] = NONE_SEEN;
	}
	if (!(result = seam_look(rk, g, n, GLIMPSE_MAX, NULL, why)))
		for (size_t i = 0; i < n; i++) {
			const bool reaches = 2 * seam_count_from(&g[i], end_ms + 1) < g[i].n;
			for (size_t k = 0; k < g[i].n && (!k || (reaches && times[i] > end_ms)); k++)
				times[i] = g[i].seen[k].ms;
		}
	free(g);
	return result;
}

int offsets_start_at(rd_kafka_t *rk, struct partition *const *p, size_t n, int64_t ms, struct error *why)
{
	int64_t *at = alloc_zeroed(n + 1, sizeof *at), *any = alloc_zeroed(n + 1, sizeof *any);
	int result = -1;

	/* Who finds nothing of the year 1970 or later where there is something can't look up times. */
	if (offsets_at(rk, p, n, ms, at, why) || offsets_at(rk, p, n, 0, any, why))
		goto out;
	for (size_t i = 0; i < n; i++) {
		const bool tells = any[i] != OFFSETS_NONE;
		p[i]->watch.skip_before_ms = tells ? INT64_MIN : ms;
		p[i]->skip_to = OFFSETS_NONE;
		p[i]->start = !tells ? p[i]->low : at[i] != OFFSETS_NONE ? at[i] : p[i]->high;
		if (p[i]->start < p[i]->low)
			p[i]->start = p[i]->low;
	}
	result = 0;
out:
	free(at);
	free(any);
	return result;
}

/* ---- the hand-over ---- */

int offsets_outside(const struct partition *p, int64_t offset, const char *whose, struct error *why)
{
	if (offset < p->low)
		return error_set(why, "%s: %s %lld is gone: the topic begins at offset %lld, a gap of %lld message%s.  --allow-gap "
		    "goes on there%s", p->place, whose, (long long)offset, (long long)p->low, (long long)(p->low - offset),
		    number_s((uint64_t)(p->low - offset)), p->restored ? "" : ", -o end with what comes from now on");
	return error_set(why, "%s: %s %lld is beyond its end at %lld: is it the same topic?  %s", p->place, whose, (long long)offset,
	    (long long)p->high, p->restored ? "--allow-gap begins anew with all that it has" : "-o beginning and -o end begin elsewhere");
}

int64_t offsets_ns(int64_t ms)
{
	return ms > INT64_MAX / NS_PER_MS ? INT64_MAX : ms * NS_PER_MS;
}

static int64_t to_ms(int64_t ns)
{
	return eventtime_floor(ns, NS_PER_MS, 0) / NS_PER_MS;
}

static int by_offset(struct partition *const *p, size_t n, const struct handover *h, bool allows_gap, struct partition **others,
    size_t *n_others, char gap[64], struct error *why)
{
	int64_t missing = 0;

	*n_others = 0;
	for (size_t i = 0; i < n; i++) {
		const int64_t next = handover_offset(h, p[i]->topic, p[i]->id);
		p[i]->watch.skip_before_ms = INT64_MIN;
		p[i]->start = next < p[i]->low ? p[i]->low : next;
		if (next < 0)
			others[(*n_others)++] = p[i];
		else if (next > p[i]->high || (next < p[i]->low && !allows_gap))
			return offsets_outside(p[i], next, "the files end before offset", why);
		else if (next < p[i]->low)
			missing += p[i]->low - next;
	}
	if (missing)
		snprintf(gap, 64, "%lld message%s", (long long)missing, number_s((uint64_t)missing));
	return 0;
}

static int refuse_gap(const struct partition *p, int64_t first_ms, int64_t end, struct error *why)
{
	char first[EVENTTIME_SHOW_MAX], last[EVENTTIME_SHOW_MAX], length[EVENTTIME_SHOW_MAX];

	eventtime_show(end, last);
	if (first_ms == NONE_SEEN)
		return error_set(why, "%s no longer reaches back to where the files end (%s): all its messages have been deleted.  "
		    "--allow-gap goes on nevertheless, -o end begins with what comes from now on", p->place, last);
	eventtime_show(offsets_ns(first_ms), first);
	eventtime_duration_show(offsets_ns(first_ms) - end, length);
	return error_set(why, "%s does not reach back to where the files end: they end at %s, its first message (offset %lld) is of "
	    "%s, a gap of %s.  --allow-gap goes on behind it, -o end begins with what comes from now on", p->place, last,
	    (long long)p->low, first, length);
}

/* Of partitions whose first message may be later than `end`: the one that shows the gap; NULL: there is none. */
static const struct partition *find_gap(struct partition *const *p, const int64_t *times, size_t n, int64_t end_ms,
    bool one_reaches, int64_t *ms)
{
	const struct partition *worst = NULL;

	/* From these something has been deleted that may be missing in the files. */
	for (size_t i = 0; i < n; i++)
		if (times[i] > end_ms && p[i]->low > 0 && (!worst || times[i] > *ms)) {
			worst = p[i];
			*ms = times[i];
		}
	if (worst || one_reaches)
		return worst;
	/* Nothing has been deleted: then the topic as a whole begins later, with the first message of all. */
	for (size_t i = 0; i < n; i++)
		if (times[i] > end_ms && (!worst || times[i] < *ms)) {
			worst = p[i];
			*ms = times[i];
		}
	return worst;
}

/*
 * Whether a topic's partitions reach back to the files' end.  One from which nothing has ever been deleted has lost nothing,
 * as long as another one shows that the topic is older than that.
 */
static int check_reach(rd_kafka_t *rk, struct partition *const *p, size_t n, int64_t end, bool allows_gap, char gap[64],
    struct error *why)
{
	int64_t *after = alloc_zeroed(n + 1, sizeof *after), *any = alloc_zeroed(n + 1, sizeof *any);
	int64_t *times = alloc_zeroed(n + 1, sizeof *times), ms = NONE_SEEN;
	struct partition **unclear = alloc_zeroed(n + 1, sizeof *unclear);
	const struct partition *worst, *used = NULL;
	bool one_reaches = false;
	size_t n_unclear = 0;
	int result = -1;

	if (offsets_at(rk, p, n, to_ms(end) + 1, after, why) || offsets_at(rk, p, n, 0, any, why))
		goto out;
	for (size_t i = 0; i < n; i++) {
		if (p[i]->high)
			used = p[i];
		if (p[i]->high == p[i]->low)
			continue;
		if (any[i] != OFFSETS_NONE && after[i] != any[i])
			one_reaches = true;
		else
			unclear[n_unclear++] = p[i];
	}
	/* The first message is later, or the broker can't tell. */
	if (first_times(rk, unclear, n_unclear, to_ms(end), times, why))
		goto out;
	for (size_t i = 0; i < n_unclear; i++)
		one_reaches = one_reaches || (times[i] != NONE_SEEN && times[i] <= to_ms(end));
	worst = find_gap(unclear, times, n_unclear, to_ms(end), one_reaches, &ms);
	/* No message at all: a new topic has lost nothing, one that was used has lost everything. */
	if (!worst && !one_reaches)
		worst = used;
	result = 0;
	if (worst && !allows_gap) {
		consumer_refuse(rd_kafka_opaque(rk));
		result = refuse_gap(worst, ms, end, why);
	} else if (worst && ms != NONE_SEEN) {
		char seconds[NUMBER_SHOW_MAX];
		number_show((double)(ms - to_ms(end)) / 1000, seconds);
		snprintf(gap, 64, "%s s", seconds);
	} else if (worst)
		snprintf(gap, 64, "unknown (all was deleted)");
out:
	free(after);
	free(any);
	free(times);
	free(unclear);
	return result;
}

int offsets_hand_over(rd_kafka_t *rk, struct partition *const *p, size_t n, struct handover *h, bool allows_gap,
    char gap[64], struct error *why)
{
	struct partition **others = alloc_zeroed(n + 1, sizeof *others);
	size_t n_others = n;
	int result = -1;

	gap[0] = '\0';
	memcpy(others, p, n * sizeof *others);
	if (offsets_range(rk, p, n, why))
		goto out;
	if (handover_by_offset(h) && by_offset(p, n, h, allows_gap, others, &n_others, gap, why)) {
		consumer_refuse(rd_kafka_opaque(rk));
		goto out;
	}
	if (handover_time(h) == EVENTTIME_NONE) {	/* no files to speak of */
		for (size_t i = 0; i < n_others; i++) {
			others[i]->start = others[i]->low;
			others[i]->watch.skip_before_ms = INT64_MIN;
		}
		result = 0;
		goto out;
	}
	/* What lies beside dumped partitions has its first message where it has: the dump says that there was nothing before. */
	for (size_t from = 0, to; from < n && !handover_by_offset(h); from = to) {
		for (to = from; to < n && p[to]->topic == p[from]->topic; to++)
			;
		if (check_reach(rk, p + from, to - from, handover_time(h), allows_gap, gap, why))
			goto out;
	}
	if (!(result = offsets_start_at(rk, others, n_others, to_ms(handover_begin(h)), why)) && !handover_by_offset(h))
		result = seam_find(rk, others, n_others, h, why);
out:
	free(others);
	return result;
}
