/* SPDX-License-Identifier: MIT */
#include "base/suggest.h"

#include "tap.h"

static const char *const names[] = { "average", "count", "mean", "min", "max", "distinct", "first", "last", "day_of_week", NULL };

static void near(const char *text, const char *name)
{
	is_str(suggest_nearest(text, strlen(text), names), name, "%s", text);
}

int main(void)
{
	char longer[100];

	near("avrage", "average");
	near("averaeg", "average");
	near("coutn", "count");
	near("cnt", NULL);
	near("couunt", "count");
	near("meen", "mean");
	near("distnict", "distinct");
	near("dayofweek", "day_of_week");
	near("MEAN", "mean");
	near("Frist", "first");
	near("mix", "min");
	near("xyzzy", NULL);
	near("", NULL);
	near("m", NULL);
	near("zz", NULL);
	is_str(suggest_nearest("meanest", 4, names), "mean", "as many bytes as are given");
	is_str(suggest_nearest("mean", 4, (const char *const[]){ NULL }), NULL, "no names");
	memset(longer, 'a', sizeof longer);
	is_str(suggest_nearest(longer, sizeof longer, names), NULL, "a long text");
	longer[99] = '\0';
	is_str(suggest_nearest("aaaa", 4, (const char *const[]){ longer, "aaab", NULL }), "aaab", "a long name");
	return done();
}
