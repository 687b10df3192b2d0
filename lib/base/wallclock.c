/* SPDX-License-Identifier: MIT */
#include "base/wallclock.h"

#include <stdlib.h>
#include <time.h>

#include "base/error.h"
#include "base/number.h"

static int64_t read_clock(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return t.tv_sec * NS_PER_S + t.tv_nsec;
}

int64_t wallclock_monotonic(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

int64_t wallclock_now(void)
{
	return read_clock(CLOCK_REALTIME);
}

int64_t wallclock_stamp_ms(void)
{
	const char *fixed = getenv("SOURCE_DATE_EPOCH");
	struct error ignored;
	int64_t seconds, ms;

	if (fixed && !number_parse_integer(fixed, &seconds, &ignored) && !__builtin_mul_overflow(seconds, 1000, &ms))
		return ms;
	return wallclock_now() / NS_PER_MS;
}

void wallclock_sleep_until(int64_t monotonic_ns)
{
	const struct timespec t = { monotonic_ns / NS_PER_S, monotonic_ns % NS_PER_S };

	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
}
