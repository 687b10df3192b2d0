/* SPDX-License-Identifier: MIT */
#include "sink/sink-replace.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/savefile.h"

static int replace_open(struct sink *s, const char *dest, const struct sink_options *o, struct error *why)
{
	struct stat st;

	(void)o;
	if (!*dest)
		return error_set(why, "%s: no file is named", s->dest), -2;
	if (!stat(dest, &st) && S_ISDIR(st.st_mode))
		return error_set(why, "%s: is a directory", dest), -2;
	s->self = (void *)dest;
	snprintf(s->leads_to, sizeof s->leads_to, "%s, replaced by each record", dest);
	return 0;
}

static int replace_put(struct sink *s, const struct parcel *p, struct error *why)
{
	struct buf whole = BUF_INIT;

	buf_add(&whole, p->line, p->len);
	buf_add_byte(&whole, '\n');
	const int result = savefile_write(s->self, whole.data, whole.len, why);
	buf_release(&whole);
	return result;
}

static int replace_close(struct sink *s, bool clean, struct error *why)
{
	(void)s;
	(void)clean;
	(void)why;
	return 0;
}

const struct sink_kind sink_replace = {
	.scheme = "replace:", .help = "replace:FILE: each record becomes the file, by rename",
	.open = replace_open, .put = replace_put, .close = replace_close,
};
