/* SPDX-License-Identifier: MIT */
/* Names as in the specification: five primes, four lanes of 64 bits over stripes of 32 bytes. */
#include "base/hash.h"

#include <string.h>

#define P1 UINT64_C(0x9e3779b185ebca87)
#define P2 UINT64_C(0xc2b2ae3d27d4eb4f)
#define P3 UINT64_C(0x165667b19e3779f9)
#define P4 UINT64_C(0x85ebca77c2b2ae63)
#define P5 UINT64_C(0x27d4eb2f165667c5)

static inline uint64_t rotate(uint64_t x, int n)
{
	return x << n | x >> (64 - n);
}

static inline uint64_t read64(const unsigned char *p)
{
	uint64_t x;

	memcpy(&x, p, 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	x = __builtin_bswap64(x);
#endif
	return x;
}

static inline uint32_t read32(const unsigned char *p)
{
	uint32_t x;

	memcpy(&x, p, 4);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	x = __builtin_bswap32(x);
#endif
	return x;
}

static inline uint64_t lane(uint64_t acc, uint64_t x)
{
	return rotate(acc + x * P2, 31) * P1;
}

static inline uint64_t merge(uint64_t acc, uint64_t v)
{
	return (acc ^ lane(0, v)) * P1 + P4;
}

uint64_t hash_bytes(const void *bytes, size_t n)
{
	const unsigned char *p = bytes, *end = p + n;
	uint64_t h = P5;

	if (n >= 32) {
		uint64_t a = P1 + P2, b = P2, c = 0, d = -P1;
		for (; end - p >= 32; p += 32) {
			a = lane(a, read64(p));
			b = lane(b, read64(p + 8));
			c = lane(c, read64(p + 16));
			d = lane(d, read64(p + 24));
		}
		h = rotate(a, 1) + rotate(b, 7) + rotate(c, 12) + rotate(d, 18);
		h = merge(merge(merge(merge(h, a), b), c), d);
	}
	h += n;
	for (; end - p >= 8; p += 8)
		h = rotate(h ^ lane(0, read64(p)), 27) * P1 + P4;
	for (; end - p >= 4; p += 4)
		h = rotate(h ^ read32(p) * P1, 23) * P2 + P3;
	for (; p < end; p++)
		h = rotate(h ^ *p * P5, 11) * P1;
	h = (h ^ h >> 33) * P2;
	h = (h ^ h >> 29) * P3;
	return h ^ h >> 32;
}
