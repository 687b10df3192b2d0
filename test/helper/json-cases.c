/* SPDX-License-Identifier: MIT */
/*
 * json-cases - what the JSON module makes of texts: each line of stdin is one in hexadecimal, each line of stdout what became
 * of it, in columns with tabs between:
 *
 *	of the text as a record:	the byte where it stops being one object, or 0
 *	of the text as a document:	"yes" or "no"
 *	of {"id":1,"v":TEXT,"z":[TEXT]} as a record: the byte, or 0; nothing more where it is none
 *	v as it is read by its path, written again
 *	"same" where v, z[0], z[*], and v of the walk over all members are one; else the others
 *	"whole" where the span scanner finds TEXT as v and cuts it out; else what it left
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json/parse.h"
#include "json/span.h"
#include "json/write.h"

#define BEFORE "{\"id\":1,\"v\":"
#define MIDDLE ",\"z\":["
#define BEHIND "]}"

static struct arena arena;

static int digit(char c)
{
	return c <= '9' ? c - '0' : c - 'a' + 10;
}

static int slot(struct fields *fs, const char *text)
{
	struct fieldpath path;
	struct error why;

	if (fieldpath_parse(&path, text, &arena, &why)) {
		fprintf(stderr, "%s\n", why.text);
		exit(2);
	}
	return fields_read(fs, &path);
}

static bool is_named(void *name, const char *text, const struct span *s)
{
	return span_is(text, s, name, strlen(name));
}

static size_t verdict(const void **root, const struct buf *b)
{
	struct json_error e;

	*root = json_parse(&arena, b->data ? b->data : "", b->len, &e);
	return *root ? 0 : e.byte;
}

static bool same(const struct buf *a, struct value v)
{
	struct buf b = BUF_INIT;

	json_write_value(&b, v);
	const bool result = a->len == b.len && !memcmp(a->data, b.data, b.len);
	if (!result)
		printf("%s ", buf_text(&b));
	buf_release(&b);
	return result;
}

/* v by path, by [0], by [*], and as the walk finds it. */
static void read_members(const void *root)
{
	struct value slots[3], name, v, walked = {0};
	struct fields fs;
	struct json_walk w;
	struct buf text = BUF_INIT;
	uint64_t present;

	fields_init(&fs);
	const int by_path = slot(&fs, "v"), by_index = slot(&fs, "z[0]"), by_all = slot(&fs, "z[*]");
	json_read(root, &fs, &arena, slots, &present);
	json_walk(&w, (struct value){ .type = VALUE_TREE, .tree = root });
	while (json_walk_next(&w, &arena, &name, &v))
		if (name.len == 1 && *name.text == 'v')
			walked = v;
	json_write_value(&text, slots[by_path]);
	printf("\t%s\t", buf_text(&text));
	const struct value all = json_items(slots[by_all], &arena);
	bool is_same = same(&text, slots[by_index]);
	is_same &= same(&text, walked);
	is_same &= same(&text, json_get((struct value){ .type = VALUE_TREE, .tree = root }, "v", &arena));
	is_same &= all.type == VALUE_ARRAY && all.len == 1 && same(&text, all.items[0]);
	printf("%s", is_same ? "same" : "differ");
	buf_release(&text);
	fields_release(&fs);
}

static void scan(const struct buf *record, const struct buf *text)
{
	struct buf cut = BUF_INIT, expected = BUF_INIT;
	struct span_walk w;
	struct span s;
	bool found = false;

	span_walk(&w, record->data, record->len);
	while (span_walk_next(&w, &s))
		if (span_is(record->data, &s, "v", 1)) {
			/* From its first byte that is no white space to its last. */
			const char *from = text->data, *end = from + text->len;
			while (strchr(" \t\r\n", *from))
				from++;
			while (end > from && strchr(" \t\r\n", end[-1]))
				end--;
			found = s.end - s.value == (size_t)(end - from) && !memcmp(record->data + s.value, from, s.end - s.value);
		}
	span_cut(&cut, record->data, record->len, is_named, (void *)"v");
	buf_add_text(&expected, "{\"id\":1");
	/* White space behind the member stays. */
	const char *end = text->data + text->len;
	while (strchr(" \t\r\n", end[-1]))
		end--;
	buf_add(&expected, end, (size_t)(text->data + text->len - end));
	buf_add_text(&expected, MIDDLE);
	buf_add(&expected, text->data, text->len);
	buf_add_text(&expected, BEHIND);
	found &= cut.len == expected.len && !memcmp(cut.data, expected.data, cut.len);
	printf("\t%s", found ? "whole" : buf_text(&cut));
	buf_release(&cut);
	buf_release(&expected);
}

int main(void)
{
	struct buf text = BUF_INIT, record = BUF_INIT;
	char *line = NULL;
	size_t room = 0;
	ssize_t n;

	while ((n = getline(&line, &room, stdin)) > 0) {
		const void *root;
		struct value document;
		struct error why;
		arena_clear(&arena);
		buf_clear(&text);
		buf_clear(&record);
		for (ssize_t i = 0; i + 1 < n; i += 2)
			buf_add_byte(&text, (char)(digit(line[i]) << 4 | digit(line[i + 1])));
		printf("%zu", verdict(&root, &text));
		printf("\t%s", json_document(&arena, text.data ? text.data : "", text.len, &document, &why) ? "no" : "yes");
		buf_add_text(&record, BEFORE);
		buf_add(&record, text.data ? text.data : "", text.len);
		buf_add_text(&record, MIDDLE);
		buf_add(&record, text.data ? text.data : "", text.len);
		buf_add_text(&record, BEHIND);
		printf("\t%zu", verdict(&root, &record));
		if (root) {
			read_members(root);
			scan(&record, &text);
		}
		putchar('\n');
	}
	free(line);
	buf_release(&text);
	buf_release(&record);
	arena_release(&arena);
	return fflush(stdout) != 0;
}
