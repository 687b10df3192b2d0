/* SPDX-License-Identifier: MIT */
#include "feature/distinct.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "json/write.h"

/* ---- the sketch ---- */

#define BITS 14
#define REGISTERS (1u << BITS)
#define RANKS (64 - BITS)		/* a rank is 1 to RANKS + 1, 0: no value yet */

struct sketch {
	uint64_t estimate;		/* follows from the registers, kept because most values change none */
	uint32_t with_rank[RANKS + 2];
	unsigned char rank[REGISTERS];
};

static uint32_t register_of(uint64_t hash)
{
	return (uint32_t)(hash >> (64 - BITS));
}

static unsigned char rank_of(uint64_t hash)
{
	const uint64_t rest = hash << BITS;

	return (unsigned char)(rest ? __builtin_clzll(rest) + 1 : RANKS + 1);
}

static double sigma(double x)
{
	double y = 1, z = x, before;

	if (x == 1)
		return INFINITY;
	do {
		x *= x;
		before = z;
		z += x * y;
		y += y;
	} while (z != before);
	return z;
}

static double tau(double x)
{
	double y = 1, z = 1 - x, before;

	if (x == 0 || x == 1)
		return 0;
	do {
		x = sqrt(x);
		before = z;
		y *= 0.5;
		z -= (1 - x) * (1 - x) * y;
	} while (z != before);
	return z / 3;
}

static uint64_t estimate(const uint32_t with_rank[RANKS + 2])
{
	const double m = REGISTERS;
	double z = m * tau(1 - with_rank[RANKS + 1] / m);

	for (int k = RANKS; k >= 1; k--)
		z = 0.5 * (z + with_rank[k]);
	z += m * sigma(with_rank[0] / m);
	return (uint64_t)(m * m / (2 * M_LN2 * z) + 0.5);
}

static uint64_t sketch_read(const struct sketch *s, uint64_t hash)
{
	const unsigned char old = s->rank[register_of(hash)], new = rank_of(hash);
	uint32_t with_rank[RANKS + 2];

	if (new <= old)
		return s->estimate;
	memcpy(with_rank, s->with_rank, sizeof with_rank);
	with_rank[old]--;
	with_rank[new]++;
	return estimate(with_rank);
}

static void sketch_put(struct sketch *s, uint64_t hash)
{
	unsigned char *rank = &s->rank[register_of(hash)];
	const unsigned char new = rank_of(hash);

	if (new <= *rank)
		return;
	s->with_rank[*rank]--;
	s->with_rank[new]++;
	*rank = new;
}

static struct sketch *sketch_new(struct pool *pool)
{
	struct sketch *s = memset(pool_get(pool, sizeof *s), 0, sizeof *s);

	s->with_rank[0] = REGISTERS;
	return s;
}

/* ---- hashes of everything ---- */

static bool is_sketch(const struct distinct *d)
{
	return !d->room && d->sketch;
}

/* 0 marks a free place. */
static uint64_t unzero(uint64_t hash)
{
	return hash ? hash : 1;
}

/* Its place, or the free one where it belongs. */
static uint32_t place_of(const uint64_t *hashes, uint32_t room, uint64_t hash)
{
	uint32_t i = (uint32_t)hash & (room - 1);

	while (hashes[i] && hashes[i] != hash)
		i = (i + 1) & (room - 1);
	return i;
}

/* What the sketch will say that one value more makes of a full set. */
static uint64_t first_estimate(const struct distinct *d, uint64_t hash)
{
	struct sketch s = { .with_rank[0] = REGISTERS };

	for (uint32_t i = 0; i < d->room; i++)
		if (d->hashes[i])
			sketch_put(&s, d->hashes[i]);
	sketch_put(&s, hash);
	return estimate(s.with_rank);
}

uint64_t distinct_read(const struct distinct *d, const uint64_t *hash)
{
	if (is_sketch(d))
		return hash ? sketch_read(d->sketch, unzero(*hash)) : d->sketch->estimate;
	if (!hash || (d->room && d->hashes[place_of(d->hashes, d->room, unzero(*hash))]))
		return d->n;
	return d->n < DISTINCT_EXACT ? d->n + 1 : first_estimate(d, unzero(*hash));
}

static void become_sketch(struct distinct *d, struct pool *pool)
{
	struct sketch *s = sketch_new(pool);

	for (uint32_t i = 0; i < d->room; i++)
		if (d->hashes[i])
			sketch_put(s, d->hashes[i]);
	pool_put(pool, d->hashes, d->room * sizeof *d->hashes);
	d->sketch = s;
	d->room = 0;
}

static void hashes_grow(struct distinct *d, struct pool *pool)
{
	const uint32_t room = d->room ? d->room * 2 : 4;
	uint64_t *hashes = memset(pool_get(pool, room * sizeof *hashes), 0, room * sizeof *hashes);

	for (uint32_t i = 0; i < d->room; i++)
		if (d->hashes[i])
			hashes[place_of(hashes, room, d->hashes[i])] = d->hashes[i];
	pool_put(pool, d->hashes, d->room * sizeof *hashes);
	d->hashes = hashes;
	d->room = room;
}

void distinct_add(struct distinct *d, uint64_t hash, struct pool *pool)
{
	hash = unzero(hash);
	if (!is_sketch(d)) {
		if (d->room && d->hashes[place_of(d->hashes, d->room, hash)])
			return;
		if (d->n < DISTINCT_EXACT) {
			if (d->n * 2 >= d->room)
				hashes_grow(d, pool);
			d->hashes[place_of(d->hashes, d->room, hash)] = hash;
			d->n++;
			return;
		}
		become_sketch(d, pool);
	}
	sketch_put(d->sketch, hash);
	d->sketch->estimate = estimate(d->sketch->with_rank);
}

void distinct_release(struct distinct *d, struct pool *pool)
{
	pool_put(pool, d->hashes, is_sketch(d) ? sizeof *d->sketch : d->room * sizeof *d->hashes);
	*d = (struct distinct){0};
}

static int by_number(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* The hashes in order, so that equal sets are equal bytes; or DISTINCT_EXACT + 1 and the registers. */
void distinct_save(const struct distinct *d, struct buf *b)
{
	uint64_t sorted[DISTINCT_EXACT];
	size_t n = 0;

	if (is_sketch(d)) {
		snapshot_put_varint(b, DISTINCT_EXACT + 1);
		buf_add(b, d->sketch->rank, REGISTERS);
		return;
	}
	for (uint32_t i = 0; i < d->room; i++)
		if (d->hashes[i])
			sorted[n++] = d->hashes[i];
	qsort(sorted, n, sizeof *sorted, by_number);
	snapshot_put_varint(b, n);
	for (size_t i = 0; i < n; i++)
		snapshot_put_varint(b, sorted[i]);
}

void distinct_load(struct distinct *d, struct snapshot_bytes *in, struct pool *pool)
{
	const uint64_t n = snapshot_get_varint(in);

	if (n > DISTINCT_EXACT) {
		if ((size_t)(in->end - in->p) != REGISTERS) {
			in->torn = true;
			return;
		}
		struct sketch *s = d->sketch = sketch_new(pool);
		for (uint32_t i = 0; i < REGISTERS; i++) {
			const unsigned char rank = *in->p++;
			if (rank > RANKS + 1) {
				in->torn = true;
				return;
			}
			s->rank[i] = rank;
			s->with_rank[0]--;
			s->with_rank[rank]++;
		}
		s->estimate = estimate(s->with_rank);
		return;
	}
	for (uint64_t i = 0; i < n && !in->torn; i++)
		distinct_add(d, snapshot_get_varint(in), pool);
}

void distinct_dump(const struct distinct *d, struct buf *b)
{
	json_write_name(b, "distinct");
	json_write_integer(b, (int64_t)distinct_read(d, NULL));
	json_write_name(b, "exact");
	json_write_value(b, value_bool(!is_sketch(d)));
}

/* ---- the last N ---- */

static uint32_t last_used(const struct distinct_last *d, uint32_t last)
{
	return d->n < last ? (uint32_t)d->n : last;
}

static uint32_t table_room(uint32_t ring_room)
{
	uint32_t room = 8;

	while (room < ring_room * 2)
		room *= 2;
	return room;
}

static struct counted *entry_of(struct counted *table, uint32_t mask, uint64_t hash)
{
	uint32_t i = (uint32_t)hash & mask;

	while (table[i].count && table[i].hash != hash)
		i = (i + 1) & mask;
	return &table[i];
}

uint64_t distinct_last_read(const struct distinct_last *d, uint32_t last, const uint64_t *hash)
{
	if (!hash || !d->n)
		return d->different + (hash ? 1 : 0);
	const uint32_t mask = table_room(d->room) - 1;
	const bool is_full = d->n >= last;
	const uint64_t leaving = is_full ? d->ring[d->n % last] : 0;
	const bool known = entry_of(d->table, mask, *hash)->count;

	if (is_full && leaving == *hash)
		return d->different;
	return d->different + !known - (is_full && entry_of(d->table, mask, leaving)->count == 1);
}

/* Puts a count in; the table has room. */
static void count_up(struct distinct_last *d, uint64_t hash)
{
	struct counted *e = entry_of(d->table, table_room(d->room) - 1, hash);

	e->hash = hash;
	d->different += !e->count++;
}

/* Takes a count out and closes the gap (Knuth, TAOCP 3, 6.4, algorithm R). */
static void count_down(struct distinct_last *d, uint64_t hash)
{
	const uint32_t mask = table_room(d->room) - 1;
	struct counted *e = entry_of(d->table, mask, hash);
	uint32_t hole = (uint32_t)(e - d->table);

	if (--e->count)
		return;
	d->different--;
	for (uint32_t i = (hole + 1) & mask; d->table[i].count; i = (i + 1) & mask) {
		const uint32_t home = (uint32_t)d->table[i].hash & mask;
		if (((i - home) & mask) >= ((i - hole) & mask)) {
			d->table[hole] = d->table[i];
			hole = i;
		}
	}
	d->table[hole] = (struct counted){0};
}

static void last_grow(struct distinct_last *d, uint32_t last, struct pool *pool)
{
	const uint32_t used = d->room;
	uint32_t room = used ? used * 2 : 4;

	if (room > last)
		room = last;
	const size_t table_bytes = table_room(room) * sizeof *d->table;
	d->ring = pool_resize(pool, d->ring, used * sizeof *d->ring, room * sizeof *d->ring);
	pool_put(pool, d->table, used ? table_room(used) * sizeof *d->table : 0);
	d->table = memset(pool_get(pool, table_bytes), 0, table_bytes);
	d->room = room;
	d->different = 0;
	for (uint32_t i = 0; i < used; i++)
		count_up(d, d->ring[i]);
}

void distinct_last_add(struct distinct_last *d, uint32_t last, uint64_t hash, struct pool *pool)
{
	if (last_used(d, last) == d->room && d->room < last)
		last_grow(d, last, pool);
	uint64_t *place = &d->ring[d->n % last];
	if (d->n >= last)
		count_down(d, *place);
	*place = hash;
	count_up(d, hash);
	d->n++;
}

void distinct_last_release(struct distinct_last *d, struct pool *pool)
{
	if (d->room) {
		pool_put(pool, d->ring, d->room * sizeof *d->ring);
		pool_put(pool, d->table, table_room(d->room) * sizeof *d->table);
	}
	*d = (struct distinct_last){0};
}

void distinct_last_save(const struct distinct_last *d, uint32_t last, struct buf *b)
{
	snapshot_put_varint(b, d->n);
	for (uint32_t i = 0; i < last_used(d, last); i++)
		snapshot_put_varint(b, d->ring[i]);
}

void distinct_last_load(struct distinct_last *d, uint32_t last, struct snapshot_bytes *in, struct pool *pool)
{
	const uint64_t n = snapshot_get_varint(in);

	for (uint64_t i = 0; i < (n < last ? n : last) && !in->torn; i++)
		distinct_last_add(d, last, snapshot_get_varint(in), pool);
	d->n = n;
}

void distinct_last_dump(const struct distinct_last *d, struct buf *b)
{
	json_write_name(b, "n");
	json_write_integer(b, (int64_t)d->n);
	json_write_name(b, "distinct");
	json_write_integer(b, d->different);
}

size_t distinct_bound(uint32_t last)
{
	if (!last)
		return pool_size(sizeof(struct sketch));
	return pool_size(last * sizeof(uint64_t)) + pool_size(table_room(last) * sizeof(struct counted));
}
