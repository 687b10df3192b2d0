/* SPDX-License-Identifier: MIT */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O3")
#endif

#include "model/trees-slice.h"

#if defined(__x86_64__) && defined(__GNUC__)

#include <immintrin.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline))

/*
 * A way: of which instructions, what tells the rows whose key is below a limit, and what makes codes of the levels' words, from the last
 * one on.  name##_k is the i-th test, of rows `here`, and all below it down to the last of k levels; all of it is written out, the way of
 * `yes` first, so that few words wait in registers.
 */
#define LAST(name, target, below) \
target INLINE void name##_1(const struct slice_node *nodes, const int8_t *keys, uint32_t i, uint64_t here, uint64_t levels[SLICE_LEVELS]) \
{ \
	levels[0] |= here & ~below(keys + nodes[i].column, nodes[i].limit); \
}

#define LEVEL(name, target, below, k, less) \
target INLINE void name##_##k(const struct slice_node *nodes, const int8_t *keys, uint32_t i, uint64_t here, uint64_t levels[SLICE_LEVELS]) \
{ \
	const uint64_t yes = here & below(keys + nodes[i].column, nodes[i].limit); \
\
	levels[(k) - 1] |= here ^ yes; \
	name##_##less(nodes, keys, 2 * i + 1, yes, levels); \
	name##_##less(nodes, keys, 2 * i + 2, here ^ yes, levels); \
}

#define LEVELS(name, target, below) \
LAST(name, target, below) \
LEVEL(name, target, below, 2, 1) \
LEVEL(name, target, below, 3, 2) \
LEVEL(name, target, below, 4, 3) \
LEVEL(name, target, below, 5, 4) \
LEVEL(name, target, below, 6, 5)

#define CODES(name, target, spread) \
target static void name(const struct slice *s, const int8_t *keys, uint8_t codes[SLICE_ROWS]) \
{ \
	uint64_t levels[SLICE_LEVELS] = {0}; \
\
	switch (s->levels) { \
	case 1: name##_1(s->nodes, keys, 0, UINT64_MAX, levels); break; \
	case 2: name##_2(s->nodes, keys, 0, UINT64_MAX, levels); break; \
	case 3: name##_3(s->nodes, keys, 0, UINT64_MAX, levels); break; \
	case 4: name##_4(s->nodes, keys, 0, UINT64_MAX, levels); break; \
	case 5: name##_5(s->nodes, keys, 0, UINT64_MAX, levels); break; \
	case 6: name##_6(s->nodes, keys, 0, UINT64_MAX, levels); break; \
	} \
	spread(levels, codes); \
}

/* ---- AVX2 ---- */

#define AVX2 __attribute__((target("avx2")))

AVX2 INLINE uint64_t half_avx2(const int8_t *keys, __m256i limit)
{
	return (uint32_t)_mm256_movemask_epi8(_mm256_cmpgt_epi8(limit, _mm256_loadu_si256((const void *)keys)));
}

AVX2 INLINE uint64_t below_avx2(const int8_t *keys, int8_t limit)
{
	const __m256i l = _mm256_set1_epi8(limit);

	return half_avx2(keys, l) | half_avx2(keys + 32, l) << 32;
}

AVX2 INLINE void spread_avx2(const uint64_t levels[SLICE_LEVELS], uint8_t codes[SLICE_ROWS])
{
	const __m256i byte = _mm256_setr_epi8(0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3);
	const __m256i bit = _mm256_set1_epi64x((long long)0x8040201008040201);

	for (int half = 0; half < 2; half++) {
		__m256i c = _mm256_setzero_si256();
		for (int l = 0; l < SLICE_LEVELS; l++) {
			const __m256i word = _mm256_set1_epi32((int)(uint32_t)(levels[l] >> 32 * half));
			const __m256i bits = _mm256_and_si256(_mm256_shuffle_epi8(word, byte), bit);
			c = _mm256_or_si256(c, _mm256_and_si256(_mm256_cmpeq_epi8(bits, bit), _mm256_set1_epi8((char)(1 << l))));
		}
		_mm256_storeu_si256((void *)(codes + 32 * half), c);
	}
}

LEVELS(codes_avx2, AVX2, below_avx2)
CODES(codes_avx2, AVX2, spread_avx2)

/* ---- SSE2: every x86-64 ---- */

INLINE uint64_t quarter(const int8_t *keys, __m128i limit)
{
	return (uint32_t)_mm_movemask_epi8(_mm_cmpgt_epi8(limit, _mm_loadu_si128((const void *)keys)));
}

INLINE uint64_t below_sse2(const int8_t *keys, int8_t limit)
{
	const __m128i l = _mm_set1_epi8(limit);

	return quarter(keys, l) | quarter(keys + 16, l) << 16 | quarter(keys + 32, l) << 32 | quarter(keys + 48, l) << 48;
}

/* Eight bits to the lowest ones of eight bytes. */
INLINE uint64_t bytes_of(uint64_t bits)
{
	const uint64_t at = (bits & 0xff) * UINT64_C(0x0101010101010101) & UINT64_C(0x8040201008040201);

	return (at + UINT64_C(0x7f7f7f7f7f7f7f7f)) >> 7 & UINT64_C(0x0101010101010101);
}

INLINE void spread_words(const uint64_t levels[SLICE_LEVELS], uint8_t codes[SLICE_ROWS])
{
	for (int r = 0; r < SLICE_ROWS; r += 8) {
		uint64_t eight = 0;
		for (int l = 0; l < SLICE_LEVELS; l++)
			eight |= bytes_of(levels[l] >> r) << l;
		memcpy(codes + r, &eight, sizeof eight);
	}
}

LEVELS(codes_sse2, , below_sse2)
CODES(codes_sse2, , spread_words)

/* ---- which ---- */

static const struct slice_way ways[] = { { "AVX2", codes_avx2 }, { "SSE2", codes_sse2 } };

const struct slice_way *trees_slice_ways(size_t *n)
{
	const size_t first = __builtin_cpu_supports("avx2") ? 0 : 1;

	*n = sizeof ways / sizeof *ways - first;
	return ways + first;
}

#else

const struct slice_way *trees_slice_ways(size_t *n)
{
	*n = 0;
	return NULL;
}

#endif
