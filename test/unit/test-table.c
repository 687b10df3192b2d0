/* SPDX-License-Identifier: MIT */
#include "base/table.h"

#include "base/prng.h"
#include "tap.h"

int main(void)
{
	enum { KEYS = 5000 };
	static uint64_t expected[KEYS];
	struct table t = TABLE_INIT;
	struct prng p;
	struct table_row *r;
	size_t distinct = 0;
	int wrong = 0;
	char key[32];

	ok(!table_find(&t, "x", 1), "nothing is in an empty table");
	r = table_add(&t, "x", 1);
	ok(r && !r->number && !strcmp(r->key, "x") && r->len == 1, "a new row");
	r->number = 7;
	ok(table_find(&t, "x", 1) == table_add(&t, "x", 1) && table_find(&t, "x", 1)->number == 7, "found again");
	ok(!table_find(&t, "x", 0) && !table_find(&t, "xy", 2), "others are not there");
	table_add(&t, NULL, 0)->number = 1;
	table_add(&t, "\0", 1)->number = 2;
	table_add(&t, "\0\0", 2)->number = 3;
	ok(table_find(&t, "", 0)->number == 1 && table_find(&t, "\0", 1)->number == 2 && table_find(&t, "\0\0", 2)->number == 3,
	    "the empty key and NULs");
	is_int(t.n, 4, "rows");
	table_clear(&t);
	ok(!t.n && !table_find(&t, "x", 1), "clear");

	/* Counting by table and by array. */
	prng_init(&p, 11);
	for (int i = 0; i < 50000; i++) {
		const uint64_t k = prng_below(&p, KEYS);
		const int len = snprintf(key, sizeof key, "key-%llu", (unsigned long long)k);
		distinct += !expected[k]++;
		table_add(&t, key, (size_t)len)->number++;
	}
	is_int(t.n, distinct, "a row for each key");
	for (uint64_t k = 0; k < KEYS; k++) {
		const int len = snprintf(key, sizeof key, "key-%llu", (unsigned long long)k);
		r = table_find(&t, key, (size_t)len);
		wrong += r ? r->number != expected[k] || strcmp(r->key, key) : expected[k] != 0;
	}
	is_int(wrong, 0, "with its count");
	table_clear(&t);
	for (int i = 0; i < 100; i++)
		table_add(&t, &i, sizeof i);
	wrong = 0;
	for (int i = 0; i < 100; i++)
		wrong += memcmp(t.rows[i].key, &i, sizeof i) != 0;
	is_int(wrong, 0, "rows are in order of insertion");
	table_release(&t);
	ok(!t.rows && !t.slots && !t.n, "release leaves it empty");
	return done();
}
