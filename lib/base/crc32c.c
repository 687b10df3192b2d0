/* SPDX-License-Identifier: MIT */
#include "base/crc32c.h"

/* The reflected polynomial, a byte at a time by a table that the first call fills. */
uint32_t crc32c_add(uint32_t crc, const void *bytes, size_t n)
{
	static uint32_t table[256];
	const unsigned char *p = bytes;

	if (!table[1])
		for (uint32_t i = 256; i--;) {
			uint32_t x = i;
			for (int bit = 0; bit < 8; bit++)
				x = x >> 1 ^ (x & 1 ? 0x82f63b78 : 0);
			table[i] = x;
		}
	crc = ~crc;
	while (n--)
		crc = crc >> 8 ^ table[(crc ^ *p++) & 0xff];
	return ~crc;
}
