/* SPDX-License-Identifier: MIT */
#include "model/kept.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "json/parse.h"
#include "json/write.h"

static void add_text(struct buf *b, const char *text)
{
	json_write_comma(b);
	json_write_string(b, text, strlen(text));
}

void kept_add(struct buf *b, const char *name, const struct live *l)
{
	const struct model *m = live_model(l);
	size_t len;
	const char *text = live_text(l, &len);

	buf_add_byte(b, '{');
	json_write_name(b, "name");
	json_write_string(b, name, strlen(name));
	json_write_name(b, "id");
	json_write_string(b, m->id, strlen(m->id));
	json_write_name(b, "bytes");
	json_write_integer(b, (int64_t)len);
	json_write_name(b, "inputs");
	buf_add_byte(b, '[');
	for (size_t j = 0; j < m->schema.n; j++)
		add_text(b, m->schema.inputs[j].name);
	buf_add_byte(b, ']');
	json_write_name(b, "labels");
	buf_add_byte(b, '[');
	for (size_t i = 0; i < m->n_labels; i++)
		add_text(b, m->labels[i]);
	buf_add_text(b, "]}\n");
	buf_add(b, text, len);
	buf_add_byte(b, '\n');
}

static int read_texts(struct value v, struct naming_list *l, struct arena *arena)
{
	v = json_items(v, arena);
	if (v.type != VALUE_ARRAY)
		return -1;
	l->items = alloc_zeroed(v.len + 1, sizeof *l->items);
	for (; l->n < v.len; l->n++) {
		if (v.items[l->n].type != VALUE_STRING)
			return -1;
		l->items[l->n] = alloc_span(v.items[l->n].text, v.items[l->n].len);
	}
	return 0;
}

static int read_line(struct kept *k, const char *line, size_t len, struct arena *arena)
{
	struct error ignored;
	struct value root;

	if (json_document(arena, line, len, &root, &ignored))
		return -1;
	const struct value name = json_get(root, "name", arena), id = json_get(root, "id", arena), bytes = json_get(root, "bytes", arena);
	if (name.type != VALUE_STRING || id.type != VALUE_STRING || id.len != MODEL_ID_LEN || bytes.type != VALUE_INTEGER || bytes.integer < 0)
		return -1;
	k->name = alloc_span(name.text, name.len);
	memcpy(k->id, id.text, MODEL_ID_LEN);
	k->len = (size_t)bytes.integer;
	return read_texts(json_get(root, "inputs", arena), &k->names.inputs, arena) ||
	    read_texts(json_get(root, "labels", arena), &k->names.labels, arena) ? -1 : 0;
}

int kept_next(const char *text, size_t len, size_t *at, struct kept *k, struct error *why)
{
	struct arena arena = ARENA_INIT;
	const char *from = text + *at, *end = *at < len ? memchr(from, '\n', len - *at) : NULL;

	*k = (struct kept){0};
	if (*at == len)
		return 0;
	const int result = end ? read_line(k, from, (size_t)(end - from), &arena) : -1;
	arena_release(&arena);
	const size_t start = end ? (size_t)(end + 1 - text) : len;
	if (result || k->len >= len - start || text[start + k->len] != '\n')
		return error_set(why, "is not what sml-classify has written, at byte %zu", *at + 1);
	k->text = text + start;
	*at = start + k->len + 1;
	return 1;
}

void kept_release(struct kept *k)
{
	free(k->name);
	naming_release(&k->names);
	*k = (struct kept){0};
}
