/* SPDX-License-Identifier: MIT */
/* Rows per key beside a plain list: found, added, evicted by oldest event time, sorted; nothing leaks. */
#include <stdlib.h>

#include "base/alloc.h"
#include "base/hash.h"
#include "base/prng.h"
#include "feature/keyed.h"
#include "tap.h"

struct state { uint64_t number; char *heap; };

struct plain { char key[64]; int64_t time; uint64_t number; bool is_there; };

static struct prng dice;
static int64_t live;		/* states that hold heap */

static void release(void *self, void *state)
{
	struct state *s = state;

	(void)self;
	if (s->heap)
		live--;
	free(s->heap);
	s->heap = NULL;
}

static struct keyed_row *add(struct keyed *k, const char *key, int64_t time)
{
	struct keyed_row *r = keyed_add(k, key, strlen(key), hash_bytes(key, strlen(key)), time);
	struct state *s = keyed_state(r);

	s->heap = alloc_bytes(8);
	live++;
	return r;
}

/* The owner's part: what states hold. */
static void drop(struct keyed *k)
{
	size_t n;
	struct keyed_row **rows = keyed_sorted(k, &n);

	for (size_t i = 0; i < n; i++)
		release(NULL, keyed_state(rows[i]));
	free(rows);
	keyed_free(k);
}

static struct keyed_row *find(const struct keyed *k, const char *key)
{
	return keyed_find(k, key, strlen(key), hash_bytes(key, strlen(key)));
}

/* Short ones lie in the row, long ones on the heap. */
static void make_key(char key[64], uint64_t i)
{
	snprintf(key, 64, i % 3 ? "\"u%llu\"" : "\"a-key-that-is-longer-than-its-row-%llu\"", (unsigned long long)i);
}

static void test_many(void)
{
	const uint64_t n = 200000;
	struct keyed *k = keyed_new(sizeof(struct state), 0, release, NULL);
	bool fresh = true, zero = true, kept = true, absent = true;
	char key[64];
	size_t sorted_n;

	for (uint64_t i = 0; i < n; i++) {
		make_key(key, i);
		fresh &= !find(k, key);
		struct state *s = keyed_state(add(k, key, (int64_t)i));
		zero &= s->number == 0;
		s->number = i;
	}
	for (uint64_t i = 0; i < n; i++) {
		make_key(key, i);
		struct keyed_row *r = find(k, key);
		kept &= r && ((struct state *)keyed_state(r))->number == i && r->time == (int64_t)i;
		make_key(key, n + i);
		absent &= !find(k, key);
	}
	ok(fresh && absent, "what was not added is not there");
	ok(zero, "a new state is zero");
	ok(kept, "rows keep their key, state and time while the table grows");
	is_int(keyed_count(k), n, "%d rows", (int)n);
	struct keyed_row **rows = keyed_sorted(k, &sorted_n);
	bool ordered = sorted_n == n;
	for (size_t i = 1; i < sorted_n; i++) {
		const uint32_t less = rows[i - 1]->len < rows[i]->len ? rows[i - 1]->len : rows[i]->len;
		const int order = memcmp(keyed_key(rows[i - 1]), keyed_key(rows[i]), less);
		ordered &= order < 0 || (order == 0 && rows[i - 1]->len < rows[i]->len);
	}
	ok(ordered, "sorted by key");
	free(rows);
	/* The figure of --explain is 64 and the state; long keys apart. */
	ok((double)keyed_bytes(k) / (double)n < 64 + sizeof(struct state) + 16, "%.1f bytes a key", (double)keyed_bytes(k) / (double)n);
	drop(k);
	is_int(live, 0, "all states are released");
}

/* Of the plain list the row that must go: oldest time, then lower hash. */
static size_t oldest(const struct plain *p, size_t n)
{
	size_t worst = SIZE_MAX;

	for (size_t i = 0; i < n; i++)
		if (p[i].is_there && (worst == SIZE_MAX || p[i].time < p[worst].time || (p[i].time == p[worst].time &&
		    hash_bytes(p[i].key, strlen(p[i].key)) < hash_bytes(p[worst].key, strlen(p[worst].key)))))
			worst = i;
	return worst;
}

static void test_eviction(uint64_t max)
{
	enum { KEYS = 60 };
	struct plain plain[KEYS] = {0};
	struct keyed *k = keyed_new(sizeof(struct state), max, release, NULL);
	bool same = true, right_state = true;
	uint64_t count = 0, evicted = 0;

	for (int i = 0; i < KEYS; i++)
		make_key(plain[i].key, (uint64_t)i);
	for (uint64_t step = 0; step < 20000; step++) {
		struct plain *p = &plain[prng_below(&dice, KEYS)];
		/* Nearly in order, with ties. */
		const int64_t time = (int64_t)(step / 4) - (int64_t)prng_below(&dice, 20);
		struct keyed_row *r = find(k, p->key);
		same &= !r == !p->is_there;
		if (r) {
			right_state &= ((struct state *)keyed_state(r))->number == p->number;
			if (time > r->time)
				r->time = p->time = time;
			continue;
		}
		if (count == max) {
			plain[oldest(plain, KEYS)].is_there = false;
			evicted++;
			count--;
		}
		keyed_trim(k, true);
		r = add(k, p->key, time);
		right_state &= ((struct state *)keyed_state(r))->number == 0;
		((struct state *)keyed_state(r))->number = p->number = step + 1;
		p->time = time;
		p->is_there = true;
		count++;
		if (step % 1000 == 0)
			for (int i = 0; i < KEYS; i++)
				same &= !find(k, plain[i].key) == !plain[i].is_there;
	}
	ok(same, "at most %d: the oldest go", (int)max);
	ok(right_state, "at most %d: states stay with their keys, new ones begin empty", (int)max);
	is_int(keyed_count(k), count, "at most %d: count", (int)max);
	is_int(keyed_evicted(k), evicted, "at most %d: evicted", (int)max);
	drop(k);
	is_int(live, 0, "at most %d: all states are released", (int)max);
}

static void test_bounded(void)
{
	struct keyed *k = keyed_new(64, 1000, NULL, NULL);
	char key[64];
	size_t at_first = 0;

	for (uint64_t i = 0; i < 300000; i++) {
		make_key(key, i);
		keyed_trim(k, true);
		keyed_add(k, key, strlen(key), hash_bytes(key, strlen(key)), (int64_t)i);
		if (i == 5000)
			at_first = keyed_bytes(k);
	}
	is_int(keyed_count(k), 1000, "a bound is kept");
	ok(keyed_bytes(k) < at_first + at_first / 8, "memory does not grow: %zu bytes, then %zu", at_first, keyed_bytes(k));
	keyed_free(k);
}

static void test_trim(void)
{
	struct keyed *k = keyed_new(8, 3, NULL, NULL);
	char key[64];

	for (uint64_t i = 0; i < 10; i++) {
		make_key(key, i);
		keyed_add(k, key, strlen(key), hash_bytes(key, strlen(key)), (int64_t)(i * 7 % 10));
	}
	keyed_trim(k, false);
	is_int(keyed_count(k), 3, "trimmed");
	for (uint64_t i = 0; i < 10; i++) {
		make_key(key, i);
		ok(!find(k, key) == (i * 7 % 10 < 7), "key of time %d", (int)(i * 7 % 10));
	}
	keyed_free(k);
	keyed_free(NULL);
}

int main(void)
{
	prng_init(&dice, 7);
	test_many();
	test_eviction(1);
	test_eviction(2);
	test_eviction(10);
	test_eviction(59);
	test_bounded();
	test_trim();
	return done();
}
