/* SPDX-License-Identifier: MIT */
/*
 * eventtime.h - the time an event carries: int64 nanoseconds since the epoch, UTC.
 *
 * Range: 1677-09-21 to 2262-04-11; what lies outside is an error.  Knows no clock: relative times are
 * resolved against a `now` that the caller gives.
 */
#ifndef BASE_EVENTTIME_H
#define BASE_EVENTTIME_H

#include <stdint.h>

#include "base/error.h"
#include "base/value.h"

enum time_unit { TIME_S, TIME_MS, TIME_US, TIME_NS, TIME_RFC3339 };

#define EVENTTIME_NONE INT64_MIN
#define EVENTTIME_SHOW_MAX 48

/* "s" "ms" "us" "ns" "rfc3339". */
int eventtime_unit_parse(const char *text, enum time_unit *, struct error *why);
const char *eventtime_unit_show(enum time_unit);

/* "timestamp:ms", "meta.at": PATH[:UNIT]; the unit is TIME_MS when absent.  *path_len: bytes of text that are the path. */
int eventtime_split(const char *text, size_t *path_len, enum time_unit *, struct error *why);

/*
 * A value of that unit as ns.  Numbers may have fractions: to the nearest ns of what the shortest decimal says
 * (1719991234.567 s is exact).  Text has its offset from UTC: a local time is no point in time.
 * -1: "is a string, not a time in ms"...
 */
int eventtime_from(struct value, enum time_unit, int64_t *ns, struct error *why);
struct value eventtime_to(int64_t ns, enum time_unit, char out[EVENTTIME_SHOW_MAX]);	/* rfc3339: text in out */

/* "250ms" "30s" "10m" "1h30m" "7d" "2w"; a bare 0; no sign.  In ns. */
int eventtime_duration_parse(const char *text, int64_t *ns, struct error *why);
void eventtime_duration_show(int64_t ns, char out[EVENTTIME_SHOW_MAX]);		/* "1h30m"; parse gives it back (a negative one has a '-') */

/*
 * A point in time as a person types it: RFC 3339 ("2024-07-03", "2024-07-03T07:20:34Z", "+02:00"; UTC where no offset is
 * given), a number in `unit` (TIME_RFC3339: ms), "now", or "-1h" (before now).  In ns.
 */
int eventtime_parse(const char *text, enum time_unit unit, int64_t now_ns, int64_t *ns, struct error *why);
void eventtime_show(int64_t ns, char out[EVENTTIME_SHOW_MAX]);	/* RFC 3339, UTC, as many decimals as needed */

/* a - b for times and durations; what lies beyond the range is its end. */
static inline int64_t eventtime_minus(int64_t a, int64_t b)
{
	int64_t c;

	return __builtin_sub_overflow(a, b, &c) ? b > 0 ? INT64_MIN : INT64_MAX : c;
}

static inline int64_t eventtime_plus(int64_t a, int64_t b)
{
	int64_t c;

	return __builtin_add_overflow(a, b, &c) ? b < 0 ? INT64_MIN : INT64_MAX : c;
}

/* Start of the pane of `width` ns on the epoch grid shifted by `offset` that holds t (floor, also before 1970). */
int64_t eventtime_floor(int64_t t, int64_t width, int64_t offset);

#endif
