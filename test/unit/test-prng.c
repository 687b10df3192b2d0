/* SPDX-License-Identifier: MIT */
#include "base/prng.h"

#include "tap.h"

int main(void)
{
	/* The reference implementations' first numbers. */
	static const uint64_t from_1234[] = { 11520, 0, 1509978240, UINT64_C(1215971899390074240), UINT64_C(1216172134540287360) };
	static const uint64_t from_42[] = { UINT64_C(0x15780b2e0c2ec716), UINT64_C(0x6104d9866d113a7e), UINT64_C(0xae17533239e499a1) };
	struct prng p = { { 1, 2, 3, 4 } }, q;
	int counts[7] = {0};
	double sum = 0, least = 1, most = 0;
	bool even = true, below = true;

	for (size_t i = 0; i < sizeof from_1234 / sizeof *from_1234; i++)
		ok(prng_next(&p) == from_1234[i], "number %zu of 1 2 3 4", i);
	prng_init(&p, 0);
	ok(p.s[0] == UINT64_C(0xe220a8397b1dcdaf) && p.s[3] == UINT64_C(0xf88bb8a8724c81ec), "SplitMix64 of 0");
	prng_init(&p, 42);
	for (size_t i = 0; i < sizeof from_42 / sizeof *from_42; i++)
		ok(prng_next(&p) == from_42[i], "number %zu of seed 42", i);

	prng_init(&p, 1);
	prng_init(&q, 1);
	ok(prng_next(&p) == prng_next(&q), "a seed gives the same numbers again");
	prng_init(&q, 2);
	ok(prng_next(&p) != prng_next(&q), "another seed gives others");
	for (int i = 0; i < 100000; i++) {
		const double x = prng_unit(&p);
		sum += x;
		least = x < least ? x : least;
		most = x > most ? x : most;
	}
	ok(least >= 0 && most < 1 && fabs(sum / 100000 - 0.5) < 0.01, "the unit interval");
	for (int i = 0; i < 70000; i++) {
		const uint64_t x = prng_below(&p, 7);
		if (x < 7)
			counts[x]++;
		else
			below = false;
	}
	for (int i = 0; i < 7; i++)
		even = even && counts[i] > 9500 && counts[i] < 10500;
	ok(below && even, "below 7, each as often");
	is_int(prng_below(&p, 1), 0, "below 1");
	ok(prng_below(&p, UINT64_MAX) < UINT64_MAX, "below 2^64-1");
	return done();
}
