/* SPDX-License-Identifier: MIT */
#include "model/bands.h"

#include <string.h>

#include "base/number.h"
#include "json/write.h"

int bands_parse(struct bands *bs, const char *text, struct arena *arena, struct error *why)
{
	size_t most = 1;
	struct error ignored;

	for (const char *p = text; *p; p++)
		most += *p == ',';
	*bs = (struct bands){ .bands = arena_get(arena, most * sizeof *bs->bands) };
	for (const char *from = text; from;) {
		const size_t len = strcspn(from, ",");
		char *item = arena_copy(arena, from, len), *equals = strrchr(item, '=');
		struct band *b = &bs->bands[bs->n];
		if (!equals || equals == item || number_parse_double(equals + 1, &b->from, &ignored) || !(b->from >= 0 && b->from <= 1))
			return error_set(why, "\"%s\" is not NAME=P with P from 0 to 1", item);
		b->name = value_text(item, (size_t)(equals - item));
		if (!json_is_utf8(b->name.text, b->name.len))
			return error_set(why, "a name is not UTF-8");
		for (size_t i = 0; i < bs->n; i++)
			if (value_equal(bs->bands[i].name, b->name))
				return error_set(why, "\"%.*s\" is there twice", (int)b->name.len, b->name.text);
		if (bs->n && b->from >= b[-1].from)
			return error_set(why, "\"%s\" does not begin below the one before it: the highest comes first", item);
		bs->n++;
		from = from[len] ? from + len + 1 : NULL;
	}
	if (bs->bands[bs->n - 1].from > 0)
		return error_set(why, "the last one must begin at 0: what lies below has no name");
	return 0;
}

size_t bands_find(const struct bands *bs, double p)
{
	size_t i = 0;

	while (i + 1 < bs->n && !(p >= bs->bands[i].from))
		i++;
	return i;
}
