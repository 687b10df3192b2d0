/* SPDX-License-Identifier: MIT */
#include "base/prng.h"

static uint64_t rotate(uint64_t x, int n)
{
	return x << n | x >> (64 - n);
}

void prng_init(struct prng *p, uint64_t seed)
{
	for (int i = 0; i < 4; i++) {
		uint64_t z = seed += UINT64_C(0x9e3779b97f4a7c15);
		z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
		z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
		p->s[i] = z ^ z >> 31;
	}
}

uint64_t prng_next(struct prng *p)
{
	uint64_t *s = p->s;
	const uint64_t result = rotate(s[1] * 5, 7) * 9, t = s[1] << 17;

	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = rotate(s[3], 45);
	return result;
}

double prng_unit(struct prng *p)
{
	return (double)(prng_next(p) >> 11) * 0x1p-53;
}

uint64_t prng_below(struct prng *p, uint64_t n)
{
	const uint64_t uneven = -n % n;		/* 2^64 mod n */
	uint64_t x;

	do
		x = prng_next(p);
	while (x < uneven);
	return x % n;
}
