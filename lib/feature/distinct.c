/* SPDX-License-Identifier: MIT */
#include "feature/distinct.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "feature/held.h"

#define UNUSED(x) ((void)(x))

/* ---- the sketch ---- */

#define BITS 14
#define REGISTERS (1u << BITS)
#define RANKS (64 - BITS)		/* a rank is 1 to RANKS + 1, 0: no value yet */

/* What follows from the registers is made when it is asked for, and kept because most values change none. */
struct sketch {
	uint64_t estimate;		/* 0: not made yet */
	uint32_t with_rank[RANKS + 2];	/* registers of each rank; of a sketch that others were put into not counted yet: */
	bool is_uncounted;
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

static void count_ranks(struct sketch *s)
{
	if (!s->is_uncounted)
		return;
	memset(s->with_rank, 0, sizeof s->with_rank);
	for (uint32_t i = 0; i < REGISTERS; i++)
		s->with_rank[s->rank[i]]++;
	s->is_uncounted = false;
}

static uint64_t sketch_read(struct sketch *s, const uint64_t *hash)
{
	uint32_t with_rank[RANKS + 2];

	count_ranks(s);
	if (!s->estimate)
		s->estimate = estimate(s->with_rank);
	if (!hash || rank_of(*hash) <= s->rank[register_of(*hash)])
		return s->estimate;
	memcpy(with_rank, s->with_rank, sizeof with_rank);
	with_rank[s->rank[register_of(*hash)]]--;
	with_rank[rank_of(*hash)]++;
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
	s->estimate = 0;
}

static void sketch_join(struct sketch *s, const struct sketch *other)
{
	for (uint32_t i = 0; i < REGISTERS; i++)
		s->rank[i] = s->rank[i] > other->rank[i] ? s->rank[i] : other->rank[i];
	s->is_uncounted = true;
	s->estimate = 0;
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
	const uint64_t one = hash ? unzero(*hash) : 0;

	if (is_sketch(d))
		return sketch_read(d->sketch, hash ? &one : NULL);
	if (!hash || (d->room && d->hashes[place_of(d->hashes, d->room, one)]))
		return d->n;
	return d->n < DISTINCT_EXACT ? d->n + 1 : first_estimate(d, one);
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
}

void distinct_join(struct distinct *d, const struct distinct *other, struct pool *pool)
{
	if (is_sketch(other)) {
		if (!is_sketch(d))
			become_sketch(d, pool);
		sketch_join(d->sketch, other->sketch);
		return;
	}
	for (uint32_t i = 0; i < other->room; i++)
		if (other->hashes[i])
			distinct_add(d, other->hashes[i], pool);
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
		if (n > DISTINCT_EXACT + 1 || (size_t)(in->end - in->p) < REGISTERS) {
			in->torn = true;
			return;
		}
		struct sketch *s = d->sketch = sketch_new(pool);
		memcpy(s->rank, in->p, REGISTERS);
		in->p += REGISTERS;
		for (uint32_t i = 0; i < REGISTERS; i++)
			in->torn |= s->rank[i] > RANKS + 1;
		s->is_uncounted = true;
		return;
	}
	for (uint64_t i = 0; i < n && !in->torn; i++)
		distinct_add(d, snapshot_get_varint(in), pool);
}

/* ---- counted hashes ---- */

static struct distinct_count *place_in(const struct distinct_counts *c, uint64_t hash)
{
	uint32_t i = (uint32_t)hash & (c->room - 1);

	while (c->table[i].count && c->table[i].hash != hash)
		i = (i + 1) & (c->room - 1);
	return &c->table[i];
}

bool distinct_counts_has(const struct distinct_counts *c, uint64_t hash)
{
	return c->room && place_in(c, hash)->count;
}

static void counts_grow(struct distinct_counts *c, struct pool *pool)
{
	const struct distinct_counts old = *c;

	c->room = old.room ? old.room * 2 : 8;
	c->table = memset(pool_get(pool, c->room * sizeof *c->table), 0, c->room * sizeof *c->table);
	for (uint32_t i = 0; i < old.room; i++)
		if (old.table[i].count)
			*place_in(c, old.table[i].hash) = old.table[i];
	pool_put(pool, old.table, old.room * sizeof *old.table);
}

void distinct_counts_up(struct distinct_counts *c, uint64_t hash, struct pool *pool)
{
	if (c->different * 2 >= c->room)
		counts_grow(c, pool);
	struct distinct_count *at = place_in(c, hash);
	at->hash = hash;
	c->different += !at->count++;
}

/* Takes a count out and closes the gap (Knuth, TAOCP 3, 6.4, algorithm R). */
void distinct_counts_down(struct distinct_counts *c, uint64_t hash)
{
	const uint32_t mask = c->room - 1;
	struct distinct_count *at = place_in(c, hash);
	uint32_t hole = (uint32_t)(at - c->table);

	if (--at->count)
		return;
	c->different--;
	for (uint32_t i = (hole + 1) & mask; c->table[i].count; i = (i + 1) & mask) {
		const uint32_t home = (uint32_t)c->table[i].hash & mask;
		if (((i - home) & mask) >= ((i - hole) & mask)) {
			c->table[hole] = c->table[i];
			hole = i;
		}
	}
	c->table[hole] = (struct distinct_count){0};
}

void distinct_counts_release(struct distinct_counts *c, struct pool *pool)
{
	pool_put(pool, c->table, c->room * sizeof *c->table);
	*c = (struct distinct_counts){0};
}

/* ---- the row: a value stands as the hash of its canonical text ---- */

static int take(struct value *x, struct arena *arena, struct error *why)
{
	struct buf text = BUF_INIT;

	UNUSED(arena);
	if (!held_fits(*x))
		return error_set(why, "needs numbers, strings, booleans or arrays of these");
	value_show(*x, &text);
	*x = (struct value){ .type = VALUE_UNSIGNED, .uinteger = hash_bytes(text.data, text.len) };
	buf_release(&text);
	return 0;
}

static uint64_t make(const struct counted_in *in, struct value x)
{
	UNUSED(in);
	return x.uinteger;
}

static void save_one(const struct counted_in *in, uint64_t entry, struct buf *b)
{
	UNUSED(in);
	snapshot_put_varint(b, entry);
}

static uint64_t load_one(const struct counted_in *in, struct snapshot_bytes *bytes)
{
	UNUSED(in);
	return snapshot_get_varint(bytes);
}

static void move(const struct counted_in *in, void *sum, const int64_t *times, const uint64_t *entries, size_t n, int sign, enum counted_end end)
{
	UNUSED(times), UNUSED(end);
	for (size_t i = 0; i < n; i++)
		if (sign > 0)
			distinct_counts_up(sum, entries[i], in->pool);
		else
			distinct_counts_down(sum, entries[i]);
}

static bool is_over(const void *sum)
{
	return ((const struct distinct_counts *)sum)->different > DISTINCT_EXACT;
}

static struct value read_sum(const struct counted_in *in, void *sum, const struct counted_stretch *stretch, const struct counted_question *q)
{
	const struct distinct_counts *c = sum;
	const uint32_t n = c->different + (q->x && !distinct_counts_has(c, q->x->uinteger));

	UNUSED(in), UNUSED(stretch);
	if (n <= DISTINCT_EXACT)
		return value_integer(n);
	if (q->over)
		*q->over = true;
	return value_null();
}

static void release_sum(const struct counted_in *in, void *sum)
{
	distinct_counts_release(sum, in->pool);
}

static void add_to_pot(const struct counted_in *in, void *pot, struct value x, int64_t time, void *const sums[], size_t n_sums)
{
	UNUSED(time);
	distinct_add(pot, x.uinteger, in->pool);
	for (size_t i = 0; i < n_sums; i++)
		distinct_add(sums[i], x.uinteger, in->pool);
}

static void join(const struct counted_in *in, void *pot, const void *other)
{
	distinct_join(pot, other, in->pool);
}

static struct value read_pot(const struct counted_in *in, void *pot, const struct counted_question *q)
{
	UNUSED(in);
	return value_integer((int64_t)distinct_read(pot, q->x ? &q->x->uinteger : NULL));
}

static void save_pot(const struct counted_in *in, const void *pot, struct buf *b)
{
	UNUSED(in);
	distinct_save(pot, b);
}

static void load_pot(const struct counted_in *in, void *pot, struct snapshot_bytes *bytes)
{
	distinct_load(pot, bytes, in->pool);
}

static void release_pot(const struct counted_in *in, void *pot)
{
	distinct_release(pot, in->pool);
}

static size_t pot_bytes(size_t n)
{
	size_t room = 4;

	while (room < n * 2)
		room *= 2;
	return pool_size(n < DISTINCT_EXACT ? room * sizeof(uint64_t) : sizeof(struct sketch));
}

static size_t sum_bytes(size_t n)
{
	size_t room = 8;

	while (room <= n * 2)
		room *= 2;
	return pool_size(room * sizeof(struct distinct_count));
}

const struct counted distinct_counted = {
	.pot = sizeof(struct distinct), .sum = sizeof(struct distinct_counts), .last_max = DISTINCT_EXACT, .take = take, .make = make, .save = save_one, .load = load_one,
	.move = move, .is_over = is_over, .read = read_sum, .release = release_sum, .pot_add = add_to_pot, .pot_join = join, .pot_read = read_pot,
	.pot_save = save_pot, .pot_load = load_pot, .pot_release = release_pot, .pot_bytes = pot_bytes, .sum_bytes = sum_bytes,
	.usual_values = DISTINCT_EXACT,
};
