/* SPDX-License-Identifier: MIT */
/* prng.h - seeded random numbers: xoshiro256** by Blackman and Vigna (2018), seeded by SplitMix64. */
#ifndef BASE_PRNG_H
#define BASE_PRNG_H

#include <stdint.h>

struct prng { uint64_t s[4]; };

void prng_init(struct prng *, uint64_t seed);
uint64_t prng_next(struct prng *);
double prng_unit(struct prng *);			/* [0, 1), 53 bits */
uint64_t prng_below(struct prng *, uint64_t n);		/* 0 .. n-1 without bias; n > 0 */

#endif
