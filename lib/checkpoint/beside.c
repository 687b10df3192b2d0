/* SPDX-License-Identifier: MIT */
#include "checkpoint/beside.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/crc32c.h"
#include "base/savefile.h"
#include "json/parse.h"
#include "json/write.h"

static void set(struct beside *b, const char *dir, const char *name, size_t name_len, uint64_t len, uint32_t crc)
{
	beside_release(b);
	b->path = alloc_format("%s/%.*s", dir, (int)name_len, name);
	b->name = b->path + strlen(b->path) - name_len;
	b->len = len;
	b->crc = crc;
}

void beside_release(struct beside *b)
{
	free(b->path);
	*b = (struct beside){0};
}

void beside_read(struct beside *b, const char *dir, struct value state, struct arena *arena)
{
	const struct value file = json_get(state, "file", arena), name = json_get(file, "f", arena), len = json_get(file, "len", arena),
		crc = json_get(file, "crc", arena);

	beside_release(b);
	if (name.type == VALUE_STRING && !memchr(name.text, '/', name.len) && len.type == VALUE_INTEGER && crc.type == VALUE_INTEGER)
		set(b, dir, name.text, name.len, (uint64_t)len.integer, (uint32_t)crc.integer);
}

void beside_write(const struct beside *b, struct buf *json)
{
	if (!b->path)
		return;
	json_write_name(json, "file");
	buf_add_text(json, "{\"f\":");
	json_write_string(json, b->name, strlen(b->name));
	buf_format(json, ",\"len\":%llu,\"crc\":%lu}", (unsigned long long)b->len, (unsigned long)b->crc);
}

int beside_put(struct beside *b, const char *dir, const char *name, const void *bytes, size_t n, struct error *why)
{
	struct beside put = {0};

	set(&put, dir, name, strlen(name), n, crc32c_add(0, bytes, n));
	if (savefile_write(put.path, bytes, n, why)) {
		beside_release(&put);
		return -1;
	}
	beside_release(b);
	*b = put;
	return 0;
}

char *beside_get(const struct beside *b, size_t *n, struct error *why)
{
	char *bytes;

	if (!b->path) {
		error_set(why, "names no file");
		return NULL;
	}
	bytes = savefile_read(b->path, SIZE_MAX / 2, n, why);
	if (!bytes || (*n == b->len && crc32c_add(0, bytes, *n) == b->crc))
		return bytes;
	error_set(why, "%s: is damaged", b->path);
	free(bytes);
	return NULL;
}
