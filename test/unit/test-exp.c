/* SPDX-License-Identifier: MIT */
/* Against long double, which on x86 has 11 more digits of the binary kind; elsewhere it may be no better than double. */
#include "model/exp.h"

#include "base/prng.h"
#include "model/kernel.h"
#include "tap.h"

#define POINTS 2000000

static struct prng prng;

/* The distance in units of the last place of a double beside t. */
static double ulps(double y, long double t)
{
	int e;

	if (isnan(y))
		return INFINITY;
	frexpl(fabsl(t), &e);
	const long double unit = ldexpl(1, e - 53 > -1074 ? e - 53 : -1074);
	return (double)(fabsl((long double)y - t) / unit);
}

static double between(double a, double b)
{
	return a + prng_unit(&prng) * (b - a);
}

static void measure(void)
{
	double near = 0, normal = 0, low = 0, log1p_worst = 0, any = 0, sigmoid = 0;

	if (!has_wide_double()) {
		skip_check("long double is no wider than double here");
		return;
	}
	for (int i = 0; i < POINTS; i++) {
		double x = between(-1, 1);
		near = fmax(near, ulps(exp_of(x), expl(x)));
		x = between(-708, 709.7);
		normal = fmax(normal, ulps(exp_of(x), expl(x)));
		x = between(-745.1, -708);
		low = fmax(low, ulps(exp_of(x), expl(x)));
		x = i & 1 ? between(0, 1) : exp_of(between(-50, 0));
		log1p_worst = fmax(log1p_worst, ulps(exp_log1p(x), log1pl(x)));
		x = i & 1 ? between(0, 3) : exp_of(between(-50, 7));
		any = fmax(any, ulps(exp_log1p_any(x), log1pl(x)));
		x = between(-60, 60);
		sigmoid = fmax(sigmoid, ulps(exp_sigmoid(x), x > 0 ? 1 / (1 + expl(-x)) : expl(x) / (1 + expl(x))));
	}
	printf("# worst in ulp: exp %.3f near 0, %.3f, %.3f subnormal; log1p %.3f, above 1 too %.3f; sigmoid %.3f\n",
	    near, normal, low, log1p_worst, any, sigmoid);
	ok(near <= 1, "exp near 0 is within 1 ulp");
	ok(normal <= 1, "exp over the range of results is within 1 ulp");
	ok(low <= 1, "exp where results are subnormal is within 1 ulp");
	ok(log1p_worst <= 2.5, "log(1 + x) is within 2.5 ulp");
	ok(any <= 2.5, "also where x is above 1");
	ok(sigmoid <= 3, "the logistic function is within 3 ulp");
}

static void edges(void)
{
	is_double(exp_of(0), 1, "e^0");
	is_double(exp_of(-0.0), 1, "e^-0");
	is_double(exp_of(INFINITY), INFINITY, "e^inf");
	is_double(exp_of(-INFINITY), 0, "e^-inf");
	is_double(exp_of(NAN), NAN, "e^NaN");
	is_double(exp_of(709.79), INFINITY, "overflow");
	ok(isfinite(exp_of(709.78)), "just below it");
	is_double(exp_of(-745.2), 0, "underflow");
	is_double(exp_of(-745.1), 0x1p-1074, "the smallest number");
	is_double(exp_of(1e300), INFINITY, "far above");
	is_double(exp_of(-1e300), 0, "far below");
	is_double(exp_log1p(0), 0, "log 1");
	is_double(exp_log1p(1), log(2), "log 2");
	is_double(exp_log1p(0x1p-1000), 0x1p-1000, "log1p of a tiny number");
	is_double(exp_log1p_any(0), 0, "of any x, log 1");
	is_double(exp_log1p_any(3), log(4), "log 4");
	is_near(exp_log1p_any(1 - 0x1p-53), log(2), 1e-15, "just below log 2");
	is_double(exp_sigmoid(0), 0.5, "a half at 0");
	is_double(exp_sigmoid(1000), 1, "1 far above");
	is_double(exp_sigmoid(-1000), 0, "0 far below");
	is_double(exp_sigmoid(INFINITY), 1, "1 at infinity");
	is_double(exp_sigmoid(-INFINITY), 0, "0 at minus infinity");
	is_double(exp_sigmoid(NAN), NAN, "NaN stays");
	ok(exp_sigmoid(-700) > 0, "still a number in the lower tail");
	is_near(exp_sigmoid(4), 0.98201379003790844, 1e-16, "the example of sml-model(5)");
}

/* The rest is compiled for vectors of any width: each element must be what the scalar code gives. */
static void vectors(void)
{
	static double z[KERNEL_ROWS] __attribute__((aligned(64))), p[KERNEL_ROWS] __attribute__((aligned(64)));
	bool same = true, ordered = true;
	double before = 0;

	for (int i = 0; i < KERNEL_ROWS; i++)
		z[i] = p[i] = i < 8 ? (const double[]){ 0, -0.0, INFINITY, -INFINITY, 800, -800, 1e-310, -36 }[i] : between(-50, 50);
	kernel_sigmoid(p, KERNEL_ROWS);
	for (int i = 0; i < KERNEL_ROWS; i++)
		same &= p[i] == exp_sigmoid(z[i]);
	ok(same, "the vector loop gives the bits of the scalar function");
	for (double x = -40; x < 30; x += 0.01) {
		ordered &= exp_sigmoid(x) > before;
		before = exp_sigmoid(x);
	}
	ok(ordered, "the logistic function rises");
}

int main(void)
{
	prng_init(&prng, 1);
	measure();
	edges();
	vectors();
	return done();
}
