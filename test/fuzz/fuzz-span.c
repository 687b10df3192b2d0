/* SPDX-License-Identifier: MIT */
/*
 * The span scanner against yyjson: the same members, in order, name by name and value by value; and a text with members
 * cut out is the object without them, the rest byte for byte.
 */
#include "fuzz.h"

#include <yyjson.h>

#include "base/arena.h"
#include "json/parse.h"
#include "json/span.h"

/* Members are dropped by a bit of their hash and of the input's. */
struct dropping { uint32_t seed; size_t kept; };

static uint32_t mix(const void *bytes, size_t n, uint32_t h)
{
	const unsigned char *p = bytes;

	while (n--)
		h = (h ^ *p++) * 16777619u;
	return h ^ h >> 15;
}

static bool drop(void *self, const char *text, const struct span *s)
{
	struct dropping *d = self;
	const bool goes = mix(text + s->name, s->name_end - s->name, d->seed) & 1;

	d->kept += !goes;
	return goes;
}

static yyjson_doc *read_text(const char *text, size_t n)
{
	return yyjson_read_opts((char *)text, n, YYJSON_READ_BIGNUM_AS_RAW, NULL, NULL);
}

/* Canonical text of a value; free it. */
static char *written(yyjson_val *v)
{
	char *text = yyjson_val_write(v, 0, NULL);

	CHECK(text);
	return text;
}

static void same_value(yyjson_val *v, const char *text, size_t n)
{
	yyjson_doc *doc = read_text(text, n);

	CHECK(doc);
	char *a = written(v), *b = written(yyjson_doc_get_root(doc));
	CHECK(!strcmp(a, b));
	free(a);
	free(b);
	yyjson_doc_free(doc);
}

static void walk(const char *text, size_t n, yyjson_val *object)
{
	struct span_walk w;
	struct span s;
	yyjson_obj_iter members = yyjson_obj_iter_with(object);
	size_t before = 0;

	span_walk(&w, text, n);
	while (span_walk_next(&w, &s)) {
		yyjson_val *name = yyjson_obj_iter_next(&members);
		CHECK(name);
		CHECK(s.start >= before && s.start < s.name && s.name <= s.name_end && s.name_end < s.value && s.value < s.end && s.end <= n);
		CHECK(text[s.start] == '"' && text[s.name_end] == '"');
		CHECK(span_is(text, &s, yyjson_get_str(name), yyjson_get_len(name)));
		char *longer = fuzz_copy(yyjson_get_str(name), yyjson_get_len(name) + 1);
		longer[yyjson_get_len(name)] = 'x';
		CHECK(!span_is(text, &s, longer, yyjson_get_len(name) + 1));
		if (yyjson_get_len(name))
			CHECK(!span_is(text, &s, longer, yyjson_get_len(name) - 1));
		free(longer);
		same_value(yyjson_obj_iter_get_val(name), text + s.value, s.end - s.value);
		before = s.end;
	}
	CHECK(!yyjson_obj_iter_next(&members));
}

static void cut(const char *text, size_t n, uint32_t seed)
{
	struct dropping d = { seed, 0 }, again = { seed, 0 };
	struct buf out = BUF_INIT;
	struct span_walk was, is;
	struct span a, b;

	span_cut(&out, text, n, drop, &d);
	yyjson_doc *doc = read_text(out.data, out.len);
	CHECK(doc && yyjson_is_obj(yyjson_doc_get_root(doc)));
	CHECK(yyjson_obj_size(yyjson_doc_get_root(doc)) == d.kept);
	span_walk(&was, text, n);
	span_walk(&is, out.data, out.len);
	while (span_walk_next(&was, &a)) {
		if (drop(&again, text, &a))
			continue;
		CHECK(span_walk_next(&is, &b));
		CHECK(a.end - a.start == b.end - b.start && !memcmp(text + a.start, out.data + b.start, a.end - a.start));
	}
	CHECK(!span_walk_next(&is, &b));
	yyjson_doc_free(doc);
	buf_release(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct arena arena = ARENA_INIT;
	struct json_error e;
	const void *root = json_parse(&arena, (const char *)bytes, n, &e);
	yyjson_doc *doc = read_text((const char *)bytes, n);

	CHECK(!root == !(doc && yyjson_is_obj(yyjson_doc_get_root(doc))));
	if (root) {
		walk((const char *)bytes, n, yyjson_doc_get_root(doc));
		for (uint32_t seed = 0; seed < 4; seed++)
			cut((const char *)bytes, n, mix(bytes, n, seed));
	} else
		CHECK(e.byte >= 1 && e.byte <= n + 1 && e.what && *e.what);
	yyjson_doc_free(doc);
	arena_release(&arena);
	return 0;
}
