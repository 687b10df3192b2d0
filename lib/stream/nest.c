/* SPDX-License-Identifier: MIT */
#include "stream/nest.h"

#include <stdbool.h>
#include <string.h>

#include "json/span.h"
#include "json/write.h"
#include "stream/record.h"

/* What the toolkit adds, in the order in which it stands outside (sml-record(5)). */
static const char *const outside[] = {
	"classification", "probability", "probabilities", "prediction", "model", "variant", "shadow", "contributions", "decision_path", "features", NULL
};

int nest_init(struct nest *n, const char *name, struct arena *arena, struct error *why)
{
	*n = (struct nest){0};
	if (!*name)
		return error_set(why, "the name is empty");
	if (!strcmp(name, "_sml"))
		return error_set(why, "\"_sml\" begins a control record");
	if (!json_is_utf8(name, strlen(name)))
		return error_set(why, "the name is not UTF-8");
	for (size_t i = 0; outside[i]; i++)
		if (!strcmp(name, outside[i]))
			return error_set(why, "\"%s\" is a member that stands beside the event", name);
	n->name = json_name(arena, name, strlen(name));
	return 0;
}

void nest_release(struct nest *n)
{
	buf_release(&n->text);
	buf_release(&n->nested);
}

static bool is_outside(void *self, const char *text, const struct span *s)
{
	(void)self;
	for (size_t i = 0; outside[i]; i++)
		if (span_is(text, s, outside[i], strlen(outside[i])))
			return true;
	return false;
}

/* The last member of that name, with a comma before it. */
static void add_member(struct buf *b, const char *text, size_t len, const char *name)
{
	struct span_walk w;
	struct span s, last = {0};

	span_walk(&w, text, len);
	while (span_walk_next(&w, &s))
		if (span_is(text, &s, name, strlen(name)))
			last = s;
	if (last.end) {
		buf_add_byte(b, ',');
		buf_add(b, text + last.start, last.end - last.start);
	}
}

void nest_record(struct nest *n, struct record *r)
{
	buf_clear(&n->text);
	buf_clear(&n->nested);
	record_write(r, &n->text);
	n->text.len--;				/* its LF */
	buf_add_byte(&n->nested, '{');
	buf_add(&n->nested, n->name.json, n->name.json_len);
	span_cut(&n->nested, n->text.data, n->text.len, is_outside, NULL);
	size_t behind = 0;			/* bytes behind the object: CR, white space */
	for (; n->nested.data[n->nested.len - 1] != '}'; n->nested.len--)
		behind++;
	for (size_t i = 0; outside[i]; i++)
		add_member(&n->nested, n->text.data, n->text.len, outside[i]);
	buf_add_byte(&n->nested, '}');
	buf_add(&n->nested, n->text.data + n->text.len - behind, behind);
	char *line = record_space(r, n->nested.len);
	memcpy(line, n->nested.data, n->nested.len);
	record_reline(r, line, n->nested.len);
}
