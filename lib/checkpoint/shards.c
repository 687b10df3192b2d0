/* SPDX-License-Identifier: MIT */
#include "checkpoint/shards.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/savefile.h"
#include "checkpoint/directory.h"
#include "json/parse.h"
#include "json/write.h"

#define FILE_MAX (16u << 20)
#define SHARDS_MAX 100000

/* ---- the file ---- */

static char *path_of(const char *dir)
{
	return alloc_format("%s/SHARDS", dir);
}

bool shards_exist(const char *dir)
{
	char *path = path_of(dir);
	const bool there = !access(path, F_OK);

	free(path);
	return there;
}

char *shards_folder(const char *dir, unsigned generation, unsigned index)
{
	return alloc_format("%s/%u.%u", dir, generation, index);
}

static bool read_count(struct value object, const char *name, struct arena *arena, unsigned *n)
{
	const struct value v = json_get(object, name, arena);

	*n = v.type == VALUE_INTEGER && v.integer > 0 && v.integer <= UINT32_MAX ? (unsigned)v.integer : 0;
	return *n;
}

static bool read_generation(struct shards_generation *g, struct value object, struct arena *arena)
{
	const struct value by = json_get(object, "transaction", arena), name = json_get(by, "name", arena), topic = json_get(by, "topic", arena);

	*g = (struct shards_generation){0};
	if (name.type == VALUE_STRING && topic.type == VALUE_STRING)
		g->by = (struct transaction_place){ arena_copy(arena, name.text, name.len), arena_copy(arena, topic.text, topic.len) };
	return read_count(object, "generation", arena, &g->number) && read_count(object, "shards", arena, &g->n) && g->n <= SHARDS_MAX;
}

int shards_read(const char *dir, struct shards *s, struct arena *arena, struct error *why)
{
	char *path = path_of(dir), *text = NULL;
	struct value all;
	size_t n;
	int result = 0;

	*s = (struct shards){0};
	if (shards_exist(dir)) {
		text = savefile_read(path, FILE_MAX, &n, why);
		result = !text ? -1 : json_document(arena, arena_copy(arena, text, n), n, &all, why) ? error_prefix(why, "%s", path) : 0;
		if (text && !result) {
			all = json_items(all, arena);
			s->n = all.type == VALUE_ARRAY ? all.len : 0;
			s->all = arena_get(arena, (s->n + 1) * sizeof *s->all);
			bool is_whole = s->n;
			for (size_t i = 0; i < s->n; i++)
				is_whole &= read_generation(&s->all[i], all.items[i], arena);
			if (!is_whole)
				result = error_set(why, "%s: says nothing of shards that can be understood", path);
		}
	}
	free(text);
	free(path);
	return result;
}

int shards_write(const char *dir, const struct shards *s, struct error *why)
{
	char *path = path_of(dir);
	struct buf b = BUF_INIT;

	buf_add_byte(&b, '[');
	for (size_t i = 0; i < s->n; i++) {
		const struct shards_generation *g = &s->all[i];
		buf_format(&b, "%s{\"generation\":%u,\"shards\":%u", i ? "," : "", g->number, g->n);
		if (g->by.name) {
			buf_add_text(&b, ",\"transaction\":{\"name\":");
			json_write_string(&b, g->by.name, strlen(g->by.name));
			buf_add_text(&b, ",\"topic\":");
			json_write_string(&b, g->by.topic, strlen(g->by.topic));
			buf_add_byte(&b, '}');
		}
		buf_add_byte(&b, '}');
	}
	buf_add_text(&b, "]\n");
	const int result = savefile_write(path, b.data, b.len, why);
	buf_release(&b);
	free(path);
	return result;
}

/* ---- where a shard goes on ---- */

/* Generations that a shard may have to look into, and which of their shards have committed. */
struct past { const struct shards *shards; bool **committed; };

struct composing {
	const char *dir;
	struct past past;
	struct checkpoint_shard shard;
	struct buf *src, *parts;
};

/* Whether a partition that this generation had has gone on in a newer one. */
static bool has_moved_on(const struct past *p, size_t generation, int64_t partition)
{
	for (size_t g = generation + 1; g < p->shards->n; g++)
		if (p->committed[g][partition % p->shards->all[g].n])
			return true;
	return false;
}

/* A number stands there once for each topic. */
static bool is_first(struct value all, uint32_t i, int64_t partition, struct arena *arena)
{
	for (uint32_t k = 0; k < i; k++) {
		const struct value p = json_get(all.items[k], "p", arena);
		if (p.type == VALUE_INTEGER && p.integer == partition)
			return false;
	}
	return true;
}

/* The places that come from one shard, and the list of their partitions. */
static void take_places(const struct composing *c, size_t generation, struct value src, struct arena *arena, struct buf *list)
{
	for (uint32_t i = 0; src.type == VALUE_ARRAY && i < src.len; i++) {
		const struct value p = json_get(src.items[i], "p", arena);
		if (p.type != VALUE_INTEGER || p.integer < 0 || p.integer % c->shard.of != c->shard.index ||
		    has_moved_on(&c->past, generation, p.integer))
			continue;
		json_write_comma(c->src);
		json_write_value(c->src, src.items[i]);
		if (is_first(src, i, p.integer, arena)) {
			json_write_comma(list);
			json_write_integer(list, p.integer);
		}
	}
}

static void write_part(const struct composing *c, const struct shards_generation *g, unsigned index, const struct buf *list,
    const struct control_line *barrier)
{
	struct buf *b = c->parts;

	json_write_comma(b);
	buf_format(b, "\"%u.%u\":{\"p\":[%.*s],\"via\":", g->number, index, (int)list->len, list->data);
	json_write_string(b, barrier->via.text, barrier->via.len);
	buf_add_text(b, ",\"st\":");
	buf_add(b, barrier->st.text, barrier->st.len);
	buf_add_byte(b, '}');
}

static int compose_from(const struct composing *c, size_t generation, unsigned index, struct error *why)
{
	const struct shards_generation *g = &c->past.shards->all[generation];
	char *folder = shards_folder(c->dir, g->number, index);
	struct directory_commit commit;
	struct control_line barrier;
	struct arena arena = ARENA_INIT;
	struct buf list = BUF_INIT;
	struct value src;
	int result = directory_read(folder, &commit, &arena, why);

	if (!result && commit.barrier.text) {
		c->past.committed[generation][index] = true;
		result = control_read(&barrier, commit.barrier.text, commit.barrier.len, &arena, why);
		if (!result)
			result = json_document(&arena, barrier.src.text, barrier.src.len, &src, why);
		if (!result && (!barrier.via.text || !barrier.st.text))
			result = error_set(why, "it is no barrier");
		if (result)
			error_prefix(why, "%s/COMMIT", folder);
		else {
			take_places(c, generation, json_items(src, &arena), &arena, &list);
			if (list.len)
				write_part(c, g, index, &list, &barrier);
			json_write_comma(c->src);
			buf_format(c->src, "{\"shard\":%u,\"of\":%u}", index, g->n);
		}
	}
	buf_release(&list);
	arena_release(&arena);
	free(folder);
	return result;
}

static int compose(const struct composing *c, struct error *why)
{
	const struct shards *s = c->past.shards;
	int result = 0;

	for (size_t g = 0; g < s->n; g++)
		c->past.committed[g] = alloc_zeroed(s->all[g].n, sizeof(bool));
	/* Of the newest no other shard has had what is this one's. */
	for (size_t g = s->n ? s->n - 1 : 0; !result && g-- > 0;)
		for (unsigned i = 0; !result && i < s->all[g].n; i++)
			result = compose_from(c, g, i, why);
	for (size_t g = 0; g < s->n; g++)
		free(c->past.committed[g]);
	return result;
}

int shards_compose(const char *dir, struct checkpoint_shard shard, struct buf *src, struct buf *parts, struct error *why)
{
	struct shards s;
	struct arena arena = ARENA_INIT;
	int result = shards_read(dir, &s, &arena, why);

	buf_add_byte(src, '[');
	if (!result) {
		const struct composing c = { dir, { &s, alloc_zeroed(s.n + 1, sizeof(bool *)) }, shard, src, parts };
		result = compose(&c, why);
		free(c.past.committed);
	}
	buf_add_byte(src, ']');
	arena_release(&arena);
	return result;
}

/* ---- what is over ---- */

static bool have_all_committed(const char *dir, const struct shards_generation *g)
{
	bool all = true;

	for (unsigned i = 0; all && i < g->n; i++) {
		char *folder = shards_folder(dir, g->number, i);
		all = directory_mark(folder) != 0;
		free(folder);
	}
	return all;
}

/* Folders first: those that SHARDS has forgotten would stay for ever. */
static bool forget_older(const char *dir, const struct shards *s)
{
	struct error ignored;

	for (size_t g = 0; g + 1 < s->n; g++)
		for (unsigned i = 0; i < s->all[g].n; i++) {
			char *folder = shards_folder(dir, s->all[g].number, i);
			directory_remove(folder);
			free(folder);
		}
	return !shards_write(dir, &(struct shards){ &s->all[s->n - 1], 1 }, &ignored);
}

bool shards_tidy(const char *dir)
{
	struct shards s;
	struct arena arena = ARENA_INIT;
	struct error ignored;
	bool is_done = false;
	int lock = -1;

	if (!shards_read(dir, &s, &arena, &ignored) && s.n && !(is_done = s.n == 1) && have_all_committed(dir, shards_newest(&s)) &&
	    (lock = directory_lock(dir, "SHARDS", 0, &ignored)) >= 0 && !shards_read(dir, &s, &arena, &ignored))
		is_done = have_all_committed(dir, shards_newest(&s)) && forget_older(dir, &s);
	if (lock >= 0)
		close(lock);
	arena_release(&arena);
	return is_done;
}

/* ---- files ---- */

static bool has_file(const char *folder, uint64_t ino)
{
	struct directory_commit c;
	struct arena arena = ARENA_INIT;
	struct error ignored;
	bool has = false;

	if (!directory_read(folder, &c, &arena, &ignored))
		for (size_t i = 0; i < c.n_files; i++)
			has |= c.files[i].ino == ino;
	arena_release(&arena);
	return has;
}

int shards_claim(const char *dir, unsigned generation, struct checkpoint_shard shard, int fd, const char *name, struct error *why)
{
	struct stat st;
	int result = 0;

	if (fstat(fd, &st) || !S_ISREG(st.st_mode))
		return 0;
	if (flock(fd, LOCK_EX | LOCK_NB) && errno == EWOULDBLOCK)
		return error_set(why, "%s: is written to by another process: each shard has files of its own", name);
	for (unsigned i = 0; !result && i < shard.of; i++) {
		char *folder = shards_folder(dir, generation, i);
		if (i != shard.index && has_file(folder, (uint64_t)st.st_ino))
			result = error_set(why, "%s: is written to by shard %u/%u: each shard has files of its own", name, i, shard.of);
		free(folder);
	}
	return result;
}
