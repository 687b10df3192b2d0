/* SPDX-License-Identifier: MIT */
/* What windows leave as. */
#include "feature/firing.h"

#include "base/wallclock.h"
#include "json/write.h"

/* A time in ms since the epoch. */
static void put_ms(struct buf *b, const char *name, int64_t ns)
{
	json_write_name(b, name);
	if (ns == INT64_MIN || ns == INT64_MAX)
		buf_add_text(b, "null");
	else if (ns % NS_PER_MS == 0)
		json_write_integer(b, ns / NS_PER_MS);
	else
		json_write_double(b, (double)ns / (double)NS_PER_MS);
}

static const struct name *feature_name(const struct spec *s, int local)
{
	const struct spec_feature *f = s->features;

	while (f->local != local)
		f++;
	return &f->name;
}

void firing_write(const struct spec *s, const struct spec_window *w, const struct keyed_row *row, const struct open_window *o, bool is_open,
    const struct value *locals, struct buf *b)
{
	buf_clear(b);
	buf_add_text(b, "{\"key\":");
	buf_add(b, row->len ? keyed_key(row) : "null", row->len ? row->len : 4);
	json_write_name(b, "window");
	buf_add_byte(b, '{');
	put_ms(b, "start", o->start);
	put_ms(b, "end", opened_end(w->call, o));
	buf_add_byte(b, '}');
	json_write_name(b, "features");
	buf_add_byte(b, '{');
	for (size_t i = 0; i < s->n_steps; i++)
		if (!s->steps[i].is_require && s->steps[i].window == (int)(w - s->windows)) {
			json_write_comma(b);
			const struct name *name = feature_name(s, s->steps[i].local);
			buf_add(b, name->json, name->json_len);
			json_write_value(b, locals[s->steps[i].local]);
		}
	buf_add_byte(b, '}');
	if (o->revision && !is_open) {
		json_write_name(b, "revision");
		json_write_integer(b, o->revision);
	}
	if (is_open) {
		json_write_name(b, "open");
		buf_add_text(b, "true");
	}
	buf_add_byte(b, '}');
}
