/* SPDX-License-Identifier: MIT */
/* wallclock.h - the machine's clocks: the only file that asks the time.  Knows no event time. */
#ifndef BASE_WALLCLOCK_H
#define BASE_WALLCLOCK_H

#include <stdint.h>

#define NS_PER_S INT64_C(1000000000)
#define NS_PER_MS INT64_C(1000000)

int64_t wallclock_monotonic(void);	/* ns; for waits and durations */
int64_t wallclock_now(void);		/* ns since the epoch */

/* ms since the epoch for error records: $SOURCE_DATE_EPOCH (seconds) if set, else now. */
int64_t wallclock_stamp_ms(void);

void wallclock_sleep_until(int64_t monotonic_ns);	/* returns early on a signal */

#endif
