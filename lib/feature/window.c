/* SPDX-License-Identifier: MIT */
#include "feature/window.h"

#include <stddef.h>

#include "base/eventtime.h"

struct window_row {
	enum window_kind kind;
	const char *refusal;	/* NULL: in this version; then the window as written */
	const char *words;
};

static const struct window_row rows[] = {
	{ WINDOW_ALL, NULL, "" },
	{ WINDOW_LAST, NULL, "" },
	{ WINDOW_SLIDING, "windows in time", "over" },
	{ WINDOW_PANES, "windows in time", "over" },
	{ WINDOW_TUMBLING, "tumbling windows", "over tumbling" },
	{ WINDOW_SESSION, "session windows", "over session" },
};

static const char instead[] = "over all and over last N are";

int window_check(const struct expr_call *c, struct error *why)
{
	char width[EVENTTIME_SHOW_MAX], every[EVENTTIME_SHOW_MAX] = "";

	if (c->every)
		eventtime_duration_show(c->every, every);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (rows[i].kind == c->window && rows[i].refusal) {
			eventtime_duration_show(c->width, width);
			return error_set(why, "%s (%s %s%s%s) are not in this version: %s", rows[i].refusal, rows[i].words, width,
			    *every ? " every " : "", every, instead);
		}
	if (c->half_life) {
		eventtime_duration_show(c->half_life, width);
		return error_set(why, "decay (decay %s) is not in this version: %s", width, instead);
	}
	if (c->window == WINDOW_LAST && (!c->last || c->last > WINDOW_LAST_MAX))
		return error_set(why, "over last takes 1 to %d events, not %u", WINDOW_LAST_MAX, c->last);
	return 0;
}
