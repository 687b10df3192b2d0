/* SPDX-License-Identifier: MIT */
#include "sink/sink-null.h"

#include <stdio.h>
#include <string.h>

static bool null_is(const char *dest)
{
	return !strcmp(dest, "null");
}

static int null_open(struct sink *s, const char *dest, const struct sink_options *o, struct error *why)
{
	(void)dest;
	(void)o;
	(void)why;
	s->self = s;
	snprintf(s->leads_to, sizeof s->leads_to, "nowhere");
	return 0;
}

static int null_put(struct sink *s, const struct parcel *p, struct error *why)
{
	(void)p;
	(void)why;
	s->dropped++;
	return 0;
}

static int null_close(struct sink *s, bool clean, struct error *why)
{
	(void)s;
	(void)clean;
	(void)why;
	return 0;
}

const struct sink_kind sink_null = {
	.scheme = "", .help = "null: nowhere", .is = null_is, .open = null_open, .put = null_put, .close = null_close,
};
