/* SPDX-License-Identifier: MIT */
#include "base/crc32c.h"

#include "base/hash.h"
#include "tap.h"

/* Of the first n bytes of (131 i + 7) mod 256, by another implementation. */
static const struct { size_t n; uint32_t crc; } vectors[] = {
	{ 0, 0x00000000 }, { 1, 0x86b737ba }, { 3, 0xea2e826f }, { 4, 0xffea2e82 }, { 5, 0x3241c66b },
	{ 7, 0xf8078c71 }, { 8, 0x0e9db014 }, { 9, 0xcbfa65da }, { 12, 0x41bff713 }, { 15, 0xa939f375 },
	{ 16, 0x6332cf65 }, { 31, 0x1b063d5a }, { 32, 0x4c0b9882 }, { 33, 0x84f0e4cf }, { 39, 0x91e462e8 },
	{ 40, 0x8528e743 }, { 63, 0x768e33db }, { 64, 0x9eb01d51 }, { 65, 0xe6eaf8b3 }, { 100, 0x695c575b },
	{ 255, 0x1a776747 }, { 256, 0x82baf106 }, { 300, 0x297f2e1b },
};

int main(void)
{
	unsigned char bytes[300], all[301 * 4], ramp[32], zeros[32] = {0}, ones[32];
	bool parts = true;

	ok(crc32c_add(0, "123456789", 9) == 0xe3069283, "123456789");
	/* RFC 3720, appendix B.4 */
	memset(ones, 0xff, sizeof ones);
	for (size_t i = 0; i < sizeof ramp; i++)
		ramp[i] = (unsigned char)i;
	ok(crc32c_add(0, zeros, sizeof zeros) == 0x8a9136aa, "32 zeros");
	ok(crc32c_add(0, ones, sizeof ones) == 0x62a8ab43, "32 ones");
	ok(crc32c_add(0, ramp, sizeof ramp) == 0x46dd794e, "32 rising bytes");
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (unsigned char)(i * 131 + 7);
	for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++)
		ok(crc32c_add(0, bytes, vectors[i].n) == vectors[i].crc, "%zu bytes", vectors[i].n);
	for (size_t n = 0; n <= sizeof bytes; n++) {
		const uint32_t crc = crc32c_add(0, bytes, n);
		for (int k = 0; k < 4; k++)
			all[n * 4 + (size_t)k] = (unsigned char)(crc >> 8 * k);
		parts = parts && crc32c_add(crc, bytes + n, sizeof bytes - n) == crc32c_add(0, bytes, sizeof bytes);
	}
	ok(hash_bytes(all, sizeof all) == UINT64_C(0xdbe6515cd5232bb9), "every length up to 300");
	ok(parts, "in two parts, cut anywhere");
	return done();
}
