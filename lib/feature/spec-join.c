/* SPDX-License-Identifier: MIT */
#include "feature/spec-join.h"

#include <string.h>

#include "base/eventtime.h"

#define FORM "join NAME on PATH [= PATH] within DURATION where CONDITION"

int spec_join_parse(struct spec_join *j, const struct line *l, struct arena *arena, struct spec_join_parts *parts, struct error *why)
{
	struct reading r = { l, FORM, arena, l->body, why };
	const char *text;

	j->name = reading_name(&r, "join");
	if (!j->name)
		return -1;
	if (!strcmp(j->name, "features") || !strcmp(j->name, "_sml"))
		return LINE_REFUSE(l, l->body, why, "\"%s\" is a member of its own: give the join another name", j->name);
	if (!reading_word(&r, "on"))
		return reading_expected(&r, "on PATH");
	if (reading_paths(&r, &parts->on, &j->partner_path, &text) < 0)
		return -1;
	if (!reading_word(&r, "within"))
		return reading_expected(&r, "within DURATION");
	if (reading_duration(&r, &j->within) < 0)
		return -1;
	if (!reading_word(&r, "where"))
		return reading_expected(&r, "where CONDITION");
	return reading_condition(&r, NULL, &parts->where);
}

void spec_join_show(const struct spec_join *j, struct buf *b)
{
	char within[EVENTTIME_SHOW_MAX];
	struct buf other = BUF_INIT;

	eventtime_duration_show(j->within, within);
	fieldpath_show(&j->partner_path, &other);
	buf_format(b, "%s on %s", j->name, j->on.text);
	if (strcmp(j->on.text, buf_text(&other)) != 0)
		buf_format(b, " = %s", buf_text(&other));
	buf_format(b, " within %s where ", within);
	expr_show(j->partners, b, NULL, NULL);
	buf_release(&other);
}
