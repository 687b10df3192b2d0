/* SPDX-License-Identifier: MIT */
#include "stream/inputs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/crc32c.h"
#include "json/parse.h"
#include "json/write.h"

#define PRINT_BYTES 4096	/* of a file's beginning, which tells whether it is the same */

struct inputs {
	struct source source;
	const char *const *paths;
	size_t n, at;		/* at: behind the one that is read now */
	struct lines_options o;
	struct source *now;	/* NULL: the next one is to be opened */
	uint64_t done_before;	/* bytes of inputs that have ended */
	uint64_t *sizes;	/* of each that has ended */
};

static const char *const standard_input[] = { "-" };

static int open_next(struct inputs *in, struct error *why)
{
	struct reader *reader = reader_open(in->paths[in->at], why);

	if (!reader)
		return -1;
	struct lines_options o = in->o;
	o.whole &= in->at + 1 == in->n;		/* nothing can be appended to the others */
	in->now = lines_new(reader, reader_name(in->paths[in->at]), &o);
	in->at++;
	in->source.fd = in->now->fd;
	in->source.drains = in->now->drains;
	return 0;
}

static int inputs_next(struct source *source, struct record **out, struct error *why)
{
	struct inputs *in = (struct inputs *)source;

	for (;;) {
		if (!in->now && open_next(in, why))
			return SOURCE_FAILED;
		in->now->most = source->most;
		const int got = in->now->next(in->now, out, why);
		source->control = in->now->control;
		source->until = in->now->until;
		source->done = in->done_before + in->now->done;
		if (got != SOURCE_END || in->at == in->n)
			return got;
		in->sizes[in->at - 1] = in->now->done;
		in->done_before = source->done;
		in->now->close(in->now);
		in->now = NULL;
	}
}

/* ---- under a checkpoint ---- */

/* A file as it is found again: its number, and what it begins with. */
struct print { uint64_t ino, size; uint32_t crc, len; };

/* -2: it is no regular file, of which nothing can be found again. */
static int take_print(const char *path, uint32_t len, struct print *p, struct error *why)
{
	const bool is_stdin = !strcmp(path, "-");
	const int fd = is_stdin ? STDIN_FILENO : TEMP_FAILURE_RETRY(open(path, O_RDONLY | O_CLOEXEC));
	char bytes[PRINT_BYTES];
	struct stat st;
	int result = 0;

	if (fd < 0 || fstat(fd, &st))
		result = error_set(why, "%s: %s", reader_name(path), strerror(errno));
	else if (!S_ISREG(st.st_mode)) {
		error_set(why, "%s: is no regular file: under a checkpoint nothing could be read again", reader_name(path));
		result = -2;
	} else {
		const ssize_t got = pread(fd, bytes, len, 0);
		if (got < 0)
			result = error_set(why, "%s: %s", reader_name(path), strerror(errno));
		else
			*p = (struct print){ (uint64_t)st.st_ino, (uint64_t)st.st_size, crc32c_add(0, bytes, (size_t)got), (uint32_t)got };
	}
	if (fd > 2)
		close(fd);
	return result;
}

/* The name is noted in JSON. */
static int check_names(const struct inputs *in, struct error *why)
{
	for (size_t i = 0; i < in->n; i++)
		if (!json_is_utf8(in->paths[i], strlen(in->paths[i])))
			return error_set(why, "%s: the name is not UTF-8: a checkpoint could not find it again", in->paths[i]), -2;
	return 0;
}

static int inputs_tell(struct source *source, struct buf *b, struct error *why)
{
	const struct inputs *in = (struct inputs *)source;

	if (check_names(in, why))
		return -2;
	for (size_t i = 0; i < in->at; i++) {
		struct print p;
		const int result = take_print(in->paths[i], PRINT_BYTES, &p, why);
		if (result)
			return result;
		json_write_comma(b);
		buf_add_text(b, "{\"f\":");
		json_write_string(b, in->paths[i], strlen(in->paths[i]));
		buf_format(b, ",\"ino\":\"%llu\",\"fp\":\"%u:%08x\"", (unsigned long long)p.ino, p.len, p.crc);
		if (i + 1 == in->at && in->now) {
			const struct lines_place place = lines_tell(in->now, in->source.holds);
			buf_format(b, ",\"off\":\"%llu\",\"line\":\"%llu\"", (unsigned long long)place.bytes, (unsigned long long)place.number);
		} else
			buf_format(b, ",\"len\":\"%llu\"", (unsigned long long)in->sizes[i]);
		buf_add_byte(b, '}');
	}
	return 0;
}

static uint64_t number_at(struct value object, const char *name, struct arena *arena)
{
	const struct value v = json_get(object, name, arena);
	char text[24] = {0};

	if (v.type == VALUE_STRING && v.len < sizeof text)
		memcpy(text, v.text, v.len);
	return strtoull(text, NULL, 10);
}

static int same_name(const struct inputs *in, size_t i, struct value item, struct arena *arena, struct error *why)
{
	const struct value name = json_get(item, "f", arena);

	if (name.type != VALUE_STRING || i >= in->n)
		return error_set(why, "the inputs are not those of the checkpoint: %zu were begun, %zu are given", i + 1, in->n), -2;
	if (strlen(in->paths[i]) != name.len || memcmp(in->paths[i], name.text, name.len))
		return error_set(why, "the inputs are not those of the checkpoint: input %zu was %.*s, not %s", i + 1, (int)name.len, name.text,
		    in->paths[i]), -2;
	return 0;
}

/* Whether input i is the file that was read. */
static int same_file(const struct inputs *in, size_t i, struct value item, struct arena *arena, struct error *why)
{
	const struct value print = json_get(item, "fp", arena);
	unsigned len = 0, crc = 0;
	char text[24] = {0};
	struct print p;

	if (same_name(in, i, item, arena, why))
		return -2;
	if (print.type == VALUE_STRING && print.len < sizeof text)
		memcpy(text, print.text, print.len);
	if (sscanf(text, "%u:%x", &len, &crc) != 2 || len > PRINT_BYTES)
		return error_set(why, "the checkpoint says nothing of %s that can be understood", in->paths[i]), -2;
	const int result = take_print(in->paths[i], len, &p, why);
	if (result)
		return result;
	const uint64_t size = number_at(item, "len", arena);
	if (size && p.size != size)
		return error_set(why, "%s: has changed since it was read to its end; only the last input may grow", in->paths[i]), -2;
	in->sizes[i] = size;
	if (p.len != len || p.crc != crc)
		return error_set(why, "%s: is another file than the one that the checkpoint has read", in->paths[i]), -2;
	return 0;
}

void inputs_tell_done(const char *const *paths, size_t n, struct buf *b)
{
	for (size_t i = 0; i < n; i++) {
		json_write_comma(b);
		buf_add_text(b, "{\"f\":");
		json_write_string(b, paths[i], strlen(paths[i]));
		buf_add_text(b, ",\"done\":true}");
	}
}

static int read_positions(const char *json, size_t n, struct value *all, struct arena *arena, struct error *why)
{
	if (json_document(arena, json, n, all, why))
		return -1;
	*all = json_items(*all, arena);
	return all->type == VALUE_ARRAY ? 0 : error_set(why, "the checkpoint's positions are no array");
}

static bool is_file(struct value item, struct arena *arena)
{
	return json_get(item, "f", arena).type != VALUE_MISSING;
}

static bool is_done(struct value item, struct arena *arena)
{
	const struct value done = json_get(item, "done", arena);

	return done.type == VALUE_BOOL && done.truth;
}

int inputs_position(const char *json, size_t n, struct inputs_position *p, struct error *why)
{
	struct arena arena = ARENA_INIT;
	struct value all;
	const int result = read_positions(json, n, &all, &arena, why);

	*p = (struct inputs_position){0};
	for (uint32_t i = 0; !result && i < all.len; i++) {
		const bool file = is_file(all.items[i], &arena);
		p->n_files += file;
		p->n_others += !file;
		p->done |= file && is_done(all.items[i], &arena);
	}
	arena_release(&arena);
	return result;
}

/* Nothing of them is read any more, whatever has become of them. */
static int seek_done(struct inputs *in, struct value all, size_t n, struct arena *arena, struct error *why)
{
	for (size_t i = 0; i < n; i++)
		if (same_name(in, i, all.items[i], arena, why))
			return -2;
	if (in->n > n)
		return error_set(why, "the inputs are not those of the checkpoint: what follows has been begun, and %s is a file more", in->paths[n]), -2;
	return 0;
}

static int inputs_seek(struct source *source, const char *json, size_t n, struct error *why)
{
	struct inputs *in = (struct inputs *)source;
	struct arena arena = ARENA_INIT;
	struct value all;
	int result = read_positions(json, n, &all, &arena, why);
	uint32_t n_files = 0;

	while (!result && n_files < all.len && is_file(all.items[n_files], &arena))
		n_files++;
	if (n_files && is_done(all.items[0], &arena)) {
		result = seek_done(in, all, n_files, &arena, why);
		n_files = 0;
	}
	for (uint32_t i = 0; !result && i < n_files; i++) {
		result = same_file(in, i, all.items[i], &arena, why);
		if (result || json_get(all.items[i], "off", &arena).type != VALUE_STRING)
			continue;
		while (!result && in->at < i + 1) {
			in->now->close(in->now);
			in->now = NULL;
			result = open_next(in, why);
		}
		const struct lines_place place = { number_at(all.items[i], "off", &arena), number_at(all.items[i], "line", &arena) };
		if (!result && lines_seek(in->now, place, why))
			result = -2;
	}
	arena_release(&arena);
	return result;
}

size_t inputs_torn(const struct source *source)
{
	const struct inputs *in = (const struct inputs *)source;

	return in->now ? lines_torn(in->now) : 0;
}

static void inputs_close(struct source *source)
{
	struct inputs *in = (struct inputs *)source;

	if (in->now)
		in->now->close(in->now);
	free(in->sizes);
	free(in);
}

struct source *inputs_new(const char *const *paths, size_t n, const struct lines_options *o, struct error *why)
{
	struct inputs *in = alloc_zeroed(1, sizeof *in);

	in->source = (struct source){ .next = inputs_next, .close = inputs_close, .tell = inputs_tell, .seek = inputs_seek,
		.fd = -1, .until = INT64_MAX, .lag = -1 };
	in->paths = n ? paths : standard_input;
	in->n = n ? n : 1;
	in->sizes = alloc_zeroed(in->n, sizeof *in->sizes);
	in->o = *o;
	for (size_t i = 0; i < in->n; i++)
		if (reader_check(in->paths[i], why)) {
			free(in->sizes);
			free(in);
			return NULL;
		}
	in->source.total = reader_size(in->paths, in->n);
	if (open_next(in, why)) {
		free(in->sizes);
		free(in);
		return NULL;
	}
	return &in->source;
}
