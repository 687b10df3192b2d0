/* SPDX-License-Identifier: MIT */
#include "feature/keyed.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "feature/pool.h"

#define CHUNK_BYTES (8 * 1024 * 1024)	/* at least: large pages but for its end */
#define FIRST_PLACES 1024
#define LARGE_PLACES (128 * 1024)
#define FETCHED 512			/* of a row, in bytes */

struct place { uint32_t tag, row; };	/* the hash's upper half; the row's number from 1, 0: free */

/* A row that may be the oldest: its time when it was put here, at most its time now. */
struct candidate { int64_t time; uint32_t row; };

struct keyed {
	struct place *places;
	uint64_t mask;
	char **chunks;			/* of 1 << shift rows, behind as many hashes */
	size_t row_size, n_chunks;
	unsigned shift;
	uint32_t rows;			/* numbers given out */
	uint32_t *spare;		/* numbers of evicted rows */
	size_t n_spare, spare_room;
	uint64_t count, max_keys, evicted, expired;
	size_t long_keys;		/* bytes of heap */
	struct candidate *heap;		/* by time; only once a row had to go */
	size_t n_heap, heap_room;
	bool has_heap;
	bool tracks;
	struct keyed_row **changed;	/* a row that has gone meanwhile may stand there, or twice */
	size_t n_changed, changed_room;
	struct buf gone;
	void (*release)(void *, void *);
	void *self;
};

/* ---- rows by number ---- */

static inline char *chunk_of(const struct keyed *k, uint32_t n)
{
	return k->chunks[(n - 1) >> k->shift];
}

static inline uint64_t *hash_at(const struct keyed *k, uint32_t n)
{
	return (uint64_t *)(void *)chunk_of(k, n) + ((n - 1) & ((1u << k->shift) - 1));
}

static inline struct keyed_row *row_at(const struct keyed *k, uint32_t n)
{
	char *rows = chunk_of(k, n) + (sizeof(uint64_t) << k->shift);

	return (struct keyed_row *)(void *)(rows + ((n - 1) & ((1u << k->shift) - 1)) * k->row_size);
}

const char *keyed_key(const struct keyed_row *r)
{
	const char *far;

	if (r->len <= KEYED_INLINE)
		return r->key;
	memcpy(&far, r->key, sizeof far);
	return far;
}

static void set_key(struct keyed *k, struct keyed_row *r, const char *key, size_t len)
{
	r->len = (uint32_t)len;
	if (len <= KEYED_INLINE) {
		memcpy(r->key, key, len);
		return;
	}
	char *far = memcpy(alloc_bytes(len), key, len);
	memcpy(r->key, &far, sizeof far);
	k->long_keys += len;
}

static void free_key(struct keyed *k, struct keyed_row *r)
{
	if (r->len > KEYED_INLINE) {
		free((char *)keyed_key(r));
		k->long_keys -= r->len;
	}
	r->len = 0;
}

static size_t chunk_bytes(const struct keyed *k)
{
	return (k->row_size + sizeof(uint64_t)) << k->shift;
}

/* ---- the table ---- */

struct keyed *keyed_new(size_t state_size, uint64_t max_keys, void (*release)(void *, void *), void *self)
{
	struct keyed *k = alloc_zeroed(1, sizeof *k);

	k->row_size = sizeof(struct keyed_row) + (state_size + 7) / 8 * 8;
	while (chunk_bytes(k) < CHUNK_BYTES)
		k->shift++;
	k->max_keys = max_keys;
	k->release = release;
	k->self = self;
	k->places = pool_pages(FIRST_PLACES * sizeof *k->places, false);
	k->mask = FIRST_PLACES - 1;
	return k;
}

void keyed_free(struct keyed *k)
{
	if (!k)
		return;
	for (uint32_t n = 1; k->long_keys && n <= k->rows; n++)
		free_key(k, row_at(k, n));
	for (size_t i = 0; i < k->n_chunks; i++)
		pool_pages_free(k->chunks[i], chunk_bytes(k));
	free(k->chunks);
	pool_pages_free(k->places, (k->mask + 1) * sizeof *k->places);
	free(k->spare);
	free(k->heap);
	free(k->changed);
	buf_release(&k->gone);
	free(k);
}

void keyed_prefetch(const struct keyed *k, uint64_t hash)
{
	__builtin_prefetch(&k->places[hash & k->mask]);
}

void keyed_prefetch_row(const struct keyed *k, uint64_t hash)
{
	const uint32_t tag = (uint32_t)(hash >> 32);
	uint64_t i = hash & k->mask;

	while (k->places[i].row && k->places[i].tag != tag)
		i = (i + 1) & k->mask;
	if (k->places[i].row)
		pool_fetch(row_at(k, k->places[i].row), k->row_size < FETCHED ? k->row_size : FETCHED);
}

struct keyed_row *keyed_find(const struct keyed *k, const char *key, size_t len, uint64_t hash)
{
	const uint32_t tag = (uint32_t)(hash >> 32);

	for (uint64_t i = hash & k->mask; k->places[i].row; i = (i + 1) & k->mask)
		if (k->places[i].tag == tag) {
			struct keyed_row *r = row_at(k, k->places[i].row);
			if (r->len == len && !memcmp(keyed_key(r), key, len))
				return r;
		}
	return NULL;
}

static void put(struct keyed *k, uint64_t hash, uint32_t n)
{
	uint64_t i = hash & k->mask;

	while (k->places[i].row)
		i = (i + 1) & k->mask;
	k->places[i] = (struct place){ (uint32_t)(hash >> 32), n };
}

static void grow(struct keyed *k)
{
	struct place *old = k->places;
	const uint64_t size = k->mask + 1;

	k->places = pool_pages(size * 2 * sizeof *k->places, size >= LARGE_PLACES);
	k->mask = size * 2 - 1;
	for (uint64_t i = 0; i < size; i++)
		if (old[i].row)
			put(k, *hash_at(k, old[i].row), old[i].row);
	pool_pages_free(old, size * sizeof *old);
}

/* Frees a place and closes the gap (Knuth, TAOCP 3, 6.4, algorithm R). */
static void take_out(struct keyed *k, uint32_t n)
{
	uint64_t hole = *hash_at(k, n) & k->mask;

	while (k->places[hole].row != n)
		hole = (hole + 1) & k->mask;
	for (uint64_t i = (hole + 1) & k->mask; k->places[i].row; i = (i + 1) & k->mask) {
		const uint64_t home = *hash_at(k, k->places[i].row) & k->mask;
		if (((i - home) & k->mask) >= ((i - hole) & k->mask)) {
			k->places[hole] = k->places[i];
			hole = i;
		}
	}
	k->places[hole] = (struct place){ 0, 0 };
}

/* ---- what changes ---- */

void keyed_note(struct keyed *k, struct keyed_row *r)
{
	if (k->n_changed == k->changed_room)
		k->changed = alloc_again(k->changed, k->changed_room = k->changed_room ? k->changed_room * 2 : 64, sizeof *k->changed);
	k->changed[k->n_changed++] = r;
	r->is_noted = true;
}

static void note_gone(struct keyed *k, const struct keyed_row *r)
{
	const uint32_t len = r->len;

	buf_add(&k->gone, &len, sizeof len);
	buf_add(&k->gone, keyed_key(r), len);
}

struct keyed_changes keyed_changes(struct keyed *k)
{
	struct keyed_changes changes = { k->changed, 0, k->gone.data, k->gone.len };

	for (size_t i = 0; i < k->n_changed; i++)
		if (k->changed[i]->is_noted) {
			k->changed[i]->is_noted = false;
			k->changed[changes.n++] = k->changed[i];
		}
	k->n_changed = 0;
	buf_clear(&k->gone);
	return changes;
}

const char *keyed_next_gone(const struct keyed_changes *changes, size_t *at, size_t *len)
{
	uint32_t n;

	if (*at == changes->gone_len)
		return NULL;
	memcpy(&n, changes->gone + *at, sizeof n);
	const char *key = changes->gone + *at + sizeof n;
	*len = n;
	*at += sizeof n + n;
	return key;
}

static void is_as_saved(void *self, struct keyed_row *r)
{
	(void)self;
	r->is_noted = false;
}

void keyed_track(struct keyed *k)
{
	if (k->tracks) {
		keyed_changes(k);
		return;
	}
	k->tracks = true;
	keyed_each(k, is_as_saved, NULL);
}

/* ---- the oldest row goes ---- */

/*
 * The heap is lazy: a row's time grows with each of its events and its candidate stays behind; whoever comes out on top
 * with an old time is put back with the new one.  So events cost nothing, and an eviction little.
 */
static bool goes_before(const struct keyed *k, struct candidate a, struct candidate b)
{
	if (a.time != b.time)
		return a.time < b.time;
	const uint64_t x = *hash_at(k, a.row), y = *hash_at(k, b.row);
	if (x != y)
		return x < y;
	const struct keyed_row *r = row_at(k, a.row), *s = row_at(k, b.row);
	const int order = memcmp(keyed_key(r), keyed_key(s), r->len < s->len ? r->len : s->len);
	return order ? order < 0 : r->len < s->len;
}

static void sift_down(struct keyed *k, size_t i)
{
	const struct candidate c = k->heap[i];

	for (size_t kid; (kid = 2 * i + 1) < k->n_heap; i = kid) {
		if (kid + 1 < k->n_heap && goes_before(k, k->heap[kid + 1], k->heap[kid]))
			kid++;
		if (!goes_before(k, k->heap[kid], c))
			break;
		k->heap[i] = k->heap[kid];
	}
	k->heap[i] = c;
}

static void heap_push(struct keyed *k, struct candidate c)
{
	size_t i = k->n_heap++;

	if (i == k->heap_room)
		k->heap = alloc_again(k->heap, k->heap_room = k->heap_room ? k->heap_room * 2 : 64, sizeof *k->heap);
	for (; i && goes_before(k, c, k->heap[(i - 1) / 2]); i = (i - 1) / 2)
		k->heap[i] = k->heap[(i - 1) / 2];
	k->heap[i] = c;
}

static void heap_build(struct keyed *k)
{
	k->heap = alloc_again(k->heap, k->heap_room = k->count + 1, sizeof *k->heap);
	for (uint64_t i = 0; i <= k->mask; i++)
		if (k->places[i].row)
			k->heap[k->n_heap++] = (struct candidate){ row_at(k, k->places[i].row)->time, k->places[i].row };
	for (size_t i = k->n_heap / 2; i--;)
		sift_down(k, i);
	k->has_heap = true;
}

/* The oldest row's candidate comes to the top. */
static void find_oldest(struct keyed *k)
{
	if (!k->has_heap)
		heap_build(k);
	while (row_at(k, k->heap[0].row)->time != k->heap[0].time) {
		k->heap[0].time = row_at(k, k->heap[0].row)->time;
		sift_down(k, 0);
	}
}

static void drop_oldest(struct keyed *k)
{
	const uint32_t n = k->heap[0].row;

	k->heap[0] = k->heap[--k->n_heap];
	if (k->n_heap)
		sift_down(k, 0);
	take_out(k, n);
	struct keyed_row *r = row_at(k, n);
	if (k->tracks)
		note_gone(k, r);
	if (k->release)
		k->release(k->self, keyed_state(r));
	free_key(k, r);
	memset(r, 0, k->row_size);
	if (k->n_spare == k->spare_room)
		k->spare = alloc_again(k->spare, k->spare_room = k->spare_room ? k->spare_room * 2 : 16, sizeof *k->spare);
	k->spare[k->n_spare++] = n;
	k->count--;
}

void keyed_trim(struct keyed *k, bool for_one_more)
{
	while (k->max_keys && k->count + for_one_more > k->max_keys) {
		find_oldest(k);
		drop_oldest(k);
		k->evicted++;
	}
}

void keyed_expire(struct keyed *k, int64_t before)
{
	/* A candidate's time is at most its row's. */
	while (k->count && (!k->has_heap || k->heap[0].time < before)) {
		find_oldest(k);
		if (k->heap[0].time >= before)
			break;
		drop_oldest(k);
		k->expired++;
	}
}

struct keyed_row *keyed_add(struct keyed *k, const char *key, size_t len, uint64_t hash, int64_t time)
{
	if ((k->count + 1) * 3 > (k->mask + 1) * 2)
		grow(k);
	uint32_t n;
	if (k->n_spare)
		n = k->spare[--k->n_spare];
	else {
		n = ++k->rows;
		if ((n - 1) >> k->shift == k->n_chunks) {
			if (!(k->n_chunks & (k->n_chunks - 1)))
				k->chunks = alloc_again(k->chunks, k->n_chunks ? k->n_chunks * 2 : 1, sizeof *k->chunks);
			/* The first begins with small pages: a few keys cost a few. */
			k->chunks[k->n_chunks] = pool_pages(chunk_bytes(k), k->n_chunks > 0);
			k->n_chunks++;
		}
	}
	struct keyed_row *r = row_at(k, n);
	r->time = time;
	set_key(k, r, key, len);
	if (k->tracks)
		keyed_note(k, r);
	else
		r->is_noted = true;
	*hash_at(k, n) = hash;
	put(k, hash, n);
	k->count++;
	if (k->has_heap)
		heap_push(k, (struct candidate){ time, n });
	return r;
}

/* ---- the whole ---- */

uint64_t keyed_count(const struct keyed *k)
{
	return k->count;
}

uint64_t keyed_evicted(const struct keyed *k)
{
	return k->evicted;
}

uint64_t keyed_expired(const struct keyed *k)
{
	return k->expired;
}

size_t keyed_bytes(const struct keyed *k)
{
	return (k->mask + 1) * sizeof *k->places + k->rows * (k->row_size + sizeof(uint64_t)) + k->long_keys +
	    k->heap_room * sizeof *k->heap + k->spare_room * sizeof *k->spare + k->changed_room * sizeof(void *) + k->gone.size;
}

void keyed_each(const struct keyed *k, void (*see)(void *, struct keyed_row *), void *self)
{
	for (uint64_t i = 0; i <= k->mask; i++)
		if (k->places[i].row)
			see(self, row_at(k, k->places[i].row));
}

/* Most keys differ in their first eight bytes. */
struct ordered { uint64_t head; struct keyed_row *row; };

static int by_key(const void *a, const void *b)
{
	const struct ordered *x = a, *y = b;

	if (x->head != y->head)
		return x->head < y->head ? -1 : 1;
	const struct keyed_row *r = x->row, *s = y->row;
	const int order = memcmp(keyed_key(r), keyed_key(s), r->len < s->len ? r->len : s->len);
	return order ? order : (r->len > s->len) - (r->len < s->len);
}

static uint64_t head_of(const struct keyed_row *r)
{
	const unsigned char *key = (const unsigned char *)keyed_key(r);
	uint64_t head = 0;

	for (uint32_t i = 0; i < 8; i++)
		head = head << 8 | (i < r->len ? key[i] : 0);
	return head;
}

struct keyed_row **keyed_sorted(const struct keyed *k, size_t *n)
{
	struct ordered *all = alloc_bytes((k->count + 1) * sizeof *all);
	struct keyed_row **rows = alloc_bytes((k->count + 1) * sizeof *rows);

	*n = 0;
	for (uint64_t i = 0; i <= k->mask; i++)
		if (k->places[i].row) {
			struct keyed_row *r = row_at(k, k->places[i].row);
			all[(*n)++] = (struct ordered){ head_of(r), r };
		}
	qsort(all, *n, sizeof *all, by_key);
	for (size_t i = 0; i < *n; i++)
		rows[i] = all[i].row;
	free(all);
	return rows;
}
