/* SPDX-License-Identifier: MIT */
#include "base/hash.h"

#include "tap.h"

/* Of the first n bytes of (131 i + 7) mod 256, by the reference implementation. */
static const struct { size_t n; uint64_t hash; } vectors[] = {
	{ 0, UINT64_C(0xef46db3751d8e999) }, { 1, UINT64_C(0xa96c7f0ce858bbb7) }, { 3, UINT64_C(0xbed43740ee6332bb) },
	{ 4, UINT64_C(0xfa212ae44b3bb23d) }, { 5, UINT64_C(0xd339dcc9ac8e6776) }, { 7, UINT64_C(0x2744460dd675d2c0) },
	{ 8, UINT64_C(0x994b676b71ce94dd) }, { 9, UINT64_C(0x572b84c18b983af8) },
	{ 12, UINT64_C(0xb92f588ce720786e) }, { 15, UINT64_C(0x09e6451ed2ff8b1d) },
	{ 16, UINT64_C(0x94ad0095e72b24d5) }, { 31, UINT64_C(0x6711d55e306b5d8f) },
	{ 32, UINT64_C(0x07f7b8e3bc5d6e25) }, { 33, UINT64_C(0x09f85eeb4e1cbe9f) },
	{ 39, UINT64_C(0xb13c137a0fb701c3) }, { 40, UINT64_C(0xd25150177ba46490) },
	{ 63, UINT64_C(0xb7c9968c066cb6a5) }, { 64, UINT64_C(0x50d4159a0411632e) },
	{ 65, UINT64_C(0xd277176bff863efc) }, { 100, UINT64_C(0x9ddada11d3dc2d8f) },
	{ 255, UINT64_C(0x15a6db05d4e83df4) }, { 256, UINT64_C(0xa2dbe913965256fc) },
	{ 300, UINT64_C(0xc68e7ef39b5ca10e) },
};

int main(void)
{
	unsigned char bytes[300], all[301 * 8], shifted[301];

	ok(hash_bytes("", 0) == UINT64_C(0xef46db3751d8e999), "nothing");
	ok(hash_bytes("a", 1) == UINT64_C(0xd24ec4f1a98c6e5b), "a");
	ok(hash_bytes("abc", 3) == UINT64_C(0x44bc2cf5ad770999), "abc");
	ok(hash_bytes("\"42\"", 4) == UINT64_C(0xc3fce08549c5d115), "\"42\"");
	ok(hash_bytes("user-1", 6) == UINT64_C(0xa173746b114c6be8), "user-1");
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (unsigned char)(i * 131 + 7);
	for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++)
		ok(hash_bytes(bytes, vectors[i].n) == vectors[i].hash, "%zu bytes", vectors[i].n);
	for (size_t n = 0; n <= sizeof bytes; n++) {
		const uint64_t h = hash_bytes(bytes, n);
		for (int k = 0; k < 8; k++)
			all[n * 8 + (size_t)k] = (unsigned char)(h >> 8 * k);
	}
	ok(hash_bytes(all, sizeof all) == UINT64_C(0x19646339a2cf1a58), "every length up to 300");
	memcpy(shifted + 1, bytes, sizeof bytes);
	ok(hash_bytes(shifted + 1, sizeof bytes) == hash_bytes(bytes, sizeof bytes), "alignment does not matter");
	return done();
}
