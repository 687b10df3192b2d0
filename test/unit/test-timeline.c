/* SPDX-License-Identifier: MIT */
/* Timelines against a plain list: random adds, in order and out of it, drops, folds, walks, saved and loaded. */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/prng.h"
#include "feature/timeline.h"
#include "test/unit/tap.h"

/* A partial that tells order: a sum, a count and a hash of the sequence; and how it was put together: a sum that rounds. */
struct sequence { uint64_t n, sum, first, last, hash, power; double rounded; };

#define BASE UINT64_C(0x9e3779b97f4a7c15)

static void join(struct sequence *a, const struct sequence *b)
{
	if (!b->n)
		return;
	if (!a->n) {
		*a = *b;
		return;
	}
	a->n += b->n;
	a->sum += b->sum;
	a->last = b->last;
	a->hash = a->hash * b->power + b->hash;
	a->power *= b->power;
	a->rounded += b->rounded;
}

static void combine(const void *self, void *into, const void *later, size_t n)
{
	(void)self;
	for (size_t i = 0; i < n; i++)
		join(into, (const struct sequence *)later + i);
}

static void add(const void *self, void *partial, const int64_t *times, const void *entries, size_t n)
{
	const uint64_t *x = entries;

	for (size_t i = 0; i < n; i++) {
		const struct sequence one = { 1, x[i], x[i], x[i], x[i] ^ (uint64_t)times[i] * 31, BASE, (double)x[i] };
		combine(self, partial, &one, 1);
	}
}

static void save(const void *self, const void *entry, struct buf *b)
{
	(void)self;
	snapshot_put_varint(b, *(const uint64_t *)entry);
}

static void load(const void *self, void *entry, struct snapshot_bytes *in, struct pool *pool)
{
	(void)self, (void)pool;
	*(uint64_t *)entry = snapshot_get_varint(in);
}

static const struct timeline_entries entries = { add, combine, NULL, save, load };
static const struct timeline_kind kind = { .of = &entries, .entry = sizeof(uint64_t), .partial = sizeof(struct sequence) };

struct item { int64_t time; uint64_t x; };

#define MAX 20000
static struct item list[MAX];
static size_t n_list;

static struct sequence slow(int64_t after, int64_t until)
{
	struct sequence s = {0};

	for (size_t i = 0; i < n_list; i++)
		if (list[i].time > after && list[i].time <= until)
			add(NULL, &s, &list[i].time, &list[i].x, 1);
	return s;
}

static bool same(const struct sequence *a, const struct sequence *b)
{
	return !memcmp(a, b, offsetof(struct sequence, rounded));
}

static bool collect(void *self, int64_t time, void *entry)
{
	add(NULL, self, &time, entry, 1);
	return true;
}

struct back { size_t at, left; bool ok; };

static bool backwards(void *self, int64_t time, void *entry)
{
	struct back *b = self;

	b->at--;
	b->ok &= list[b->at].time == time && list[b->at].x == *(uint64_t *)entry;
	return --b->left > 0;
}

/* A timeline that has just been loaded, without what an earlier fold has left behind, folds to the same bits. */
static bool folds_afresh(const struct timeline *t, int64_t after, int64_t until, struct pool *pool)
{
	struct buf saved = BUF_INIT;
	struct timeline fresh = {0};
	struct sequence a = {0}, b = {0};

	timeline_save(t, &kind, &saved);
	struct snapshot_bytes in = { (unsigned char *)saved.data, (unsigned char *)saved.data + saved.len, false };
	timeline_load(&fresh, &kind, &in, pool);
	timeline_fold(t, &kind, after, until, &a);
	timeline_fold(&fresh, &kind, after, until, &b);
	timeline_release(&fresh, &kind, pool);
	buf_release(&saved);
	return !memcmp(&a, &b, sizeof a);
}

static void one_run(uint64_t seed, int64_t spread, int64_t width, int disorder)
{
	struct prng r;
	struct pool pool = POOL_INIT;
	struct timeline t = {0};
	int64_t now = -1000, bound = INT64_MIN;
	bool folds = true, walks = true, backs = true, counts = true, finds = true, loads = true, again = true;

	prng_init(&r, seed);
	n_list = 0;
	for (int i = 0; i < MAX - 1; i++) {
		now += (int64_t)(prng_next(&r) % (uint64_t)(spread + 1));
		int64_t time = now;
		if (disorder && prng_next(&r) % 4 == 0)
			time -= (int64_t)(prng_next(&r) % (uint64_t)disorder);
		if (time <= bound)
			continue;
		const uint64_t x = prng_next(&r);
		timeline_add(&t, &kind, time, &x, &pool);
		size_t at = n_list++;
		for (; at && list[at - 1].time > time; at--)
			list[at] = list[at - 1];
		list[at] = (struct item){ time, x };
		if (prng_next(&r) % 64 < (seed % 2 ? 8 : 1)) {
			const int64_t some = list[prng_next(&r) % n_list].time;
			uint64_t *found = timeline_find(&t, &kind, some);
			size_t j = n_list;
			while (list[j - 1].time != some)
				j--;
			finds &= found && *found == list[j - 1].x;
			if (found) {
				*found = list[j - 1].x = prng_next(&r);
				timeline_touch(&t, &kind, some);
			}
		}
		if (width && prng_next(&r) % 3 == 0 && now - width > bound) {
			bound = now - width;
			timeline_drop(&t, &kind, bound, &pool);
			size_t gone = 0;
			while (gone < n_list && list[gone].time <= bound)
				gone++;
			memmove(list, list + gone, (n_list -= gone) * sizeof *list);
			/* The oldest leaf stays until all behind it have come. */
			counts &= t.n >= n_list && t.n <= n_list + 16;
		} else if (!width)
			counts &= t.n == n_list;
		if (i % 7 == 0) {
			int64_t after = bound, until = now;
			if (prng_next(&r) % 2 && n_list) {
				after = list[prng_next(&r) % n_list].time - (int64_t)(prng_next(&r) % 2);
				until = list[prng_next(&r) % n_list].time;
				after = after < bound ? bound : after;
			}
			const struct sequence want = slow(after, until);
			struct sequence got = {0}, walked = {0};
			timeline_fold(&t, &kind, after, until, &got);
			timeline_walk(&t, &kind, after, until, false, collect, &walked);
			folds &= same(&want, &got);
			if (i % 5 == 0)
				again &= folds_afresh(&t, after, until, &pool);
			walks &= same(&want, &walked);
			size_t end = 0;
			while (end < n_list && list[end].time <= until)
				end++;
			if (want.n) {
				struct back b = { end, want.n < 5 ? want.n : 5, true };
				timeline_walk(&t, &kind, after, until, true, backwards, &b);
				backs &= b.ok && b.left == 0;
			}
		}
		if (i % 997 == 0) {
			struct buf a = BUF_INIT, b = BUF_INIT;
			struct timeline u = {0};
			timeline_save(&t, &kind, &a);
			struct snapshot_bytes in = { (unsigned char *)a.data, (unsigned char *)a.data + a.len, false };
			timeline_load(&u, &kind, &in, &pool);
			timeline_save(&u, &kind, &b);
			loads &= !in.torn && in.p == in.end && a.len == b.len && !memcmp(a.data, b.data, a.len);
			timeline_release(&t, &kind, &pool);
			t = u;
			buf_release(&a);
			buf_release(&b);
		}
	}
	ok(folds, "seed %d: folds", (int)seed);
	ok(again, "seed %d: folds to the same bits as one that was loaded", (int)seed);
	ok(walks, "seed %d: walks", (int)seed);
	ok(backs, "seed %d: walks from the newest", (int)seed);
	ok(counts, "seed %d: counts", (int)seed);
	ok(finds, "seed %d: found and changed", (int)seed);
	ok(loads, "seed %d: saved and loaded", (int)seed);
	timeline_release(&t, &kind, &pool);
	ok(pool.bytes == 0, "seed %d: all memory comes back", (int)seed);
	pool_release(&pool);
}

/* ---- folded in two ways: of an entry of three numbers one looks at the first, the other at the last ---- */

#define WIDE (3 * sizeof(uint64_t))

struct way { size_t at; };

static void add_wide(const void *self, void *partial, const int64_t *times, const void *some, size_t n)
{
	const struct way *w = self;

	for (size_t i = 0; i < n; i++)
		add(NULL, partial, times + i, (const char *)some + i * WIDE + w->at, 1);
}

static void combine_wide(const void *self, void *partial, const void *later, size_t n)
{
	for (size_t i = 0; i < n; i++)
		combine(self, partial, (const char *)later + i * 2 * sizeof(struct sequence), 1);
}

static const struct way ways[] = { { 0 }, { 2 * sizeof(uint64_t) } };

static void add_both(const void *self, void *partial, const int64_t *times, const void *some, size_t n)
{
	(void)self;
	for (size_t i = 0; i < 2; i++)
		add_wide(&ways[i], (struct sequence *)partial + i, times, some, n);
}

static void combine_both(const void *self, void *partial, const void *later, size_t n)
{
	for (size_t i = 0; i < 2; i++)
		combine_wide(self, (struct sequence *)partial + i, (const struct sequence *)later + i, n);
}

static const struct timeline_entries wide = { add_wide, combine_wide, NULL, NULL, NULL }, both = { add_both, combine_both, NULL, NULL, NULL };

#define TWO_WAYS .entry = WIDE, .partial = 2 * sizeof(struct sequence), .has_room = true, .ways = 2
static const struct timeline_kind two = { .of = &both, TWO_WAYS };
static const struct timeline_kind each_way[] = {
	{ .of = &wide, .self = &ways[0], TWO_WAYS, .way = 0, .at = 0, .slice = sizeof(struct sequence) },
	{ .of = &wide, .self = &ways[1], TWO_WAYS, .way = 1, .at = sizeof(struct sequence), .slice = sizeof(struct sequence) },
};

static bool change_wide(void *self, int64_t time, void *entry)
{
	uint64_t *x = entry;

	(void)self, (void)time;
	x[2] = x[0] * 5;
	return true;
}

/* Two windows of different widths, as of each new entry. */
static void run_ways(uint64_t seed, int64_t spread, int64_t narrow, int64_t width, int disorder)
{
	struct prng r;
	struct pool pool = POOL_INIT;
	struct { struct timeline t; uint64_t room; } row = {0};
	int64_t now = 0, newest = 0;
	uint64_t factor = 3;
	bool folds = true;

	prng_init(&r, seed);
	n_list = 0;
	for (int i = 0; i < MAX - 1; i++) {
		now += (int64_t)(prng_next(&r) % (uint64_t)(spread + 1));
		const int64_t time = disorder && prng_next(&r) % 8 == 0 ? now - (int64_t)(prng_next(&r) % (uint64_t)disorder) : now;
		newest = time > newest ? time : newest;
		if (time <= newest - width)
			continue;
		if (i == MAX / 2) {
			factor = 5;
			timeline_walk(&row.t, &two, INT64_MIN, INT64_MAX, false, change_wide, NULL);
			timeline_refresh(&row.t, &two);
		}
		const uint64_t x = prng_next(&r) % 1000000, entry[] = { x, 0, x * factor };
		timeline_slide(&row.t, &two, time, entry, newest - width, &pool);
		size_t at = n_list++, gone = 0;
		for (; at && list[at - 1].time > time; at--)
			list[at] = list[at - 1];
		list[at] = (struct item){ time, x };
		while (list[gone].time <= newest - width)
			gone++;
		memmove(list, list + gone, (n_list -= gone) * sizeof *list);
		struct sequence a = {0}, b = {0};
		const struct sequence first = slow(time - narrow, time);
		timeline_fold(&row.t, &each_way[0], time - narrow, time, &a);
		timeline_fold(&row.t, &each_way[1], newest - width, newest, &b);
		const struct sequence last = slow(newest - width, newest);
		folds &= same(&a, &first) && b.n == last.n && b.sum == last.sum * factor;
	}
	ok(folds, "seed %d: folded in two ways", (int)seed);
	timeline_release(&row.t, &two, &pool);
	ok(pool.bytes == 0, "seed %d: all memory comes back", (int)seed);
	pool_release(&pool);
}

int main(void)
{
	run_ways(11, 2, 5, 60, 0);
	run_ways(12, 3, 100, 400, 50);
	run_ways(13, 40, 30, 60, 0);
	one_run(1, 1, 40, 0);
	one_run(2, 3, 3000, 0);
	one_run(3, 3, 3000, 100);
	one_run(4, 1, 5000, 5000);
	one_run(5, 0, 0, 3000);
	one_run(6, 10, 0, 200000);
	one_run(7, 2, 12, 8);
	return done();
}
