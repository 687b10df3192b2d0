/* SPDX-License-Identifier: MIT */
#include "checkpoint/chain.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/snapshot.h"
#include "checkpoint/directory.h"
#include "json/parse.h"
#include "json/write.h"

/* ---- the list ---- */

void chain_add(struct chain *c, const char *name, size_t len)
{
	c->files = alloc_again(c->files, c->n + 1, sizeof *c->files);
	c->files[c->n++] = (struct chain_file){ alloc_text(name), len };
}

void chain_clear(struct chain *c)
{
	for (size_t i = 0; i < c->n; i++)
		free(c->files[i].name);
	free(c->files);
	*c = (struct chain){0};
}

size_t chain_logged(const struct chain *c)
{
	size_t bytes = 0;

	for (size_t i = 1; i < c->n; i++)
		bytes += c->files[i].len;
	return bytes;
}

void chain_write(const struct chain *c, struct buf *b)
{
	buf_add_byte(b, '[');
	for (size_t i = 0; i < c->n; i++) {
		json_write_comma(b);
		buf_add_byte(b, '{');
		json_write_name(b, "f");
		json_write_string(b, c->files[i].name, strlen(c->files[i].name));
		json_write_name(b, "len");
		json_write_integer(b, (int64_t)c->files[i].len);
		buf_add_byte(b, '}');
	}
	buf_add_byte(b, ']');
}

bool chain_read(struct chain *c, struct value json, struct arena *arena)
{
	const struct value list = json_items(json, arena);

	*c = (struct chain){0};
	for (uint32_t i = 0; list.type == VALUE_ARRAY && i < list.len; i++) {
		const struct value name = json_get(list.items[i], "f", arena), len = json_get(list.items[i], "len", arena);
		if (name.type != VALUE_STRING || memchr(name.text, '/', name.len) || len.type != VALUE_INTEGER || len.integer < 0) {
			chain_clear(c);
			return false;
		}
		char *text = alloc_span(name.text, name.len);
		chain_add(c, text, (size_t)len.integer);
		free(text);
	}
	return c->n > 0;
}

/* ---- the state ---- */

struct parts { struct snapshot_part *list; size_t n, room; };

static void add_part(struct parts *p, const void *bytes, size_t len)
{
	if (p->n == p->room)
		p->list = alloc_again(p->list, p->room = p->room ? p->room * 2 : 64, sizeof *p->list);
	p->list[p->n++] = (struct snapshot_part){ bytes, len };
}

/* The entries of a log. */
static bool split(struct parts *p, const char *bytes, size_t n)
{
	for (size_t at = 0; at < n;) {
		uint64_t len;
		if (n - at < sizeof len)
			return false;
		memcpy(&len, bytes + at, sizeof len);
		len = le64toh(len);
		at += sizeof len;
		if (len > n - at)
			return false;
		add_part(p, bytes + at, len);
		at += len;
	}
	return true;
}

/* The bytes of a file that count; free(3). */
static char *load_file(const char *dir, const struct chain_file *f, struct error *why)
{
	size_t n;
	char *bytes = directory_get_state(dir, f->name, strlen(f->name), &n, why);

	if (bytes && n < f->len) {
		error_set(why, "%s/%s: is cut short: %zu bytes, of %zu", dir, f->name, n, f->len);
		free(bytes);
		return NULL;
	}
	return bytes;
}

int chain_load(const char *dir, const struct chain *c, const atomic_bool *stop, struct buf *snapshot, struct error *why)
{
	char **bytes = alloc_zeroed(c->n, sizeof *bytes);
	struct snapshot_writer out = { BUF_INIT };
	struct parts parts = {0};
	int result = 0;

	for (size_t i = 0; i < c->n && !result; i++) {
		const struct chain_file *f = &c->files[i];
		if (!(bytes[i] = load_file(dir, f, why)))
			result = -1;
		else if (!i)
			add_part(&parts, bytes[i], f->len);
		else if (!split(&parts, bytes[i], f->len))
			result = error_set(why, "%s/%s: is damaged", dir, f->name);
	}
	if (!result && parts.n == 1) {
		out.bytes = (struct buf){ bytes[0], c->files[0].len, c->files[0].len };
		bytes[0] = NULL;
	} else if (!result && (result = snapshot_merge(parts.list, parts.n, stop, &out, why)) < 0)
		error_prefix(why, "%s/%s", dir, c->files[0].name);
	for (size_t i = 0; i < c->n; i++)
		free(bytes[i]);
	free(bytes);
	free(parts.list);
	*snapshot = out.bytes;
	return result;
}
