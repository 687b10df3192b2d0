/* SPDX-License-Identifier: MIT */
/*
 * exp.h - e^x, log(1 + e^-a) and the logistic function, equal to the last bit on every machine.
 *
 * libm's exp differs between processors with and without fused multiply-add; these use IEEE 754 additions,
 * multiplications and divisions alone (compile with -ffp-contract=off), in a fixed order and without branches, so that
 * the compiler may compute several at a time without changing one.
 *
 * Error: exp_of at most 1 ulp (0.78 met), exp_log1p and exp_log1p_any at most 2.5 ulp, exp_sigmoid at most 3 ulp (relative); the
 * unit test holds them to it.
 */
#ifndef MODEL_EXP_H
#define MODEL_EXP_H

#include <stdint.h>
#include <string.h>

static inline double exp_from_bits(uint64_t u)
{
	double x;
	memcpy(&x, &u, sizeof x);
	return x;
}

static inline uint64_t exp_to_bits(double x)
{
	uint64_t u;
	memcpy(&u, &x, sizeof u);
	return u;
}

/*
 * e^x.  Overflow gives infinity, underflow 0 through the subnormal numbers, NaN stays NaN.
 *
 * Reduction x = k ln 2 + r, |r| <= ln 2 / 2, with ln 2 in two parts (Cody and Waite, "Software Manual for the Elementary
 * Functions", 1980): k times the upper part is exact.  What rounding takes from r and from 1 + r is kept and added to
 * the small terms (Dekker's fast two-sum, Numerische Mathematik 18, 1971), which leaves little but the last
 * rounding.  e^r - 1 - r is its Taylor series to r^13: what is cut off is below 2^-57 of e^r.  2^k goes in two
 * factors, so that a subnormal result is rounded once more only.
 */
static inline double exp_of(double x)
{
	const double shift = 0x1.8p52;		/* adding it rounds to an integer, held in the low bits */
	const double log2_e = 0x1.71547652b82fep0, ln2_hi = 0x1.62e42feep-1, ln2_lo = 0x1.a39ef35793c76p-33;

	x = x > 710 ? 710 : x;
	x = x < -746 ? -746 : x;
	const double k = (x * log2_e + shift) - shift;
	const double hi = x - k * ln2_hi, lo = k * ln2_lo;
	const double r = hi - lo, r_rest = (hi - r) - lo;

	const double r2 = r * r, r4 = r2 * r2, r8 = r4 * r4;
	const double a = 0x1p-1 + r * 0x1.5555555555555p-3;			/* 1/2! 1/3! */
	const double b = 0x1.5555555555555p-5 + r * 0x1.1111111111111p-7;	/* 1/4! 1/5! */
	const double c = 0x1.6c16c16c16c17p-10 + r * 0x1.a01a01a01a01ap-13;	/* 1/6! 1/7! */
	const double d = 0x1.a01a01a01a01ap-16 + r * 0x1.71de3a556c734p-19;	/* 1/8! 1/9! */
	const double e = 0x1.27e4fb7789f5cp-22 + r * 0x1.ae64567f544e4p-26;	/* 1/10! 1/11! */
	const double f = 0x1.1eed8eff8d898p-29 + r * 0x1.6124613a86d09p-33;	/* 1/12! 1/13! */
	const double tail = r2 * ((a + r2 * b) + (r4 * (c + r2 * d) + r8 * (e + r2 * f)));

	const double sum = 1 + r, sum_rest = (1 - sum) + r;
	const double y = sum + (sum_rest + (r_rest + tail));

	const double half = k * 0.5 + shift, other = (k - (half - shift)) + shift;
	const uint64_t one = UINT64_C(0x3ff) << 52;
	return y * exp_from_bits((exp_to_bits(half) << 52) + one) * exp_from_bits((exp_to_bits(other) << 52) + one);
}

/*
 * log(1 + x) for 0 <= x <= 1.
 *
 * log(1 + x) = 2 artanh(x / (2 + x)); above 0.41 the argument is halved first: log 2 + log(1 + (x - 1) / 2), so that the
 * series in s = (x - 1) / (x + 3) has |s| < 0.18.  Abramowitz and Stegun, 4.1.27, to s^23.
 */
static inline double exp_log1p(double x)
{
	const double ln2 = 0x1.62e42fefa39efp-1;
	const double up = x > 0.41 ? 1 : 0;
	const double top = x - up, s = top / (2 + x + up), s2 = s * s, s4 = s2 * s2;
	const double series = s2 * ((1.0 / 3 + s2 * (1.0 / 5)) + s4 * ((1.0 / 7 + s2 * (1.0 / 9)) +
	    s4 * ((1.0 / 11 + s2 * (1.0 / 13)) + s4 * ((1.0 / 15 + s2 * (1.0 / 17)) +
	    s4 * ((1.0 / 19 + s2 * (1.0 / 21)) + s4 * (1.0 / 23))))));
	return up * ln2 + (2 * s + 2 * s * series);
}

/* log(1 + x) for x >= 0, finite: where x is 1 or greater, 1 + x = 2^k m, 1 <= m < 2. */
static inline double exp_log1p_any(double x)
{
	const double shift = 0x1p52, ln2 = 0x1.62e42fefa39efp-1;
	const uint64_t u = exp_to_bits(x < 1 ? 1 : 1 + x);
	const double k = (exp_from_bits(u >> 52 | exp_to_bits(shift)) - shift) - 1023;
	const double m = exp_from_bits((u & ~(UINT64_C(0xfff) << 52)) | UINT64_C(0x3ff) << 52);
	return k * ln2 + exp_log1p(x < 1 ? x : m - 1);
}

/* 1 / (1 + e^-z), accurate at both ends. */
static inline double exp_sigmoid(double z)
{
	const double e = exp_of(z > 0 ? -z : z);
	return (z > 0 ? 1 : e) / (1 + e);
}

#endif
