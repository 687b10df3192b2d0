/* SPDX-License-Identifier: MIT */
#include "checkpoint/states.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/crc32c.h"
#include "base/snapshot.h"
#include "checkpoint/beside.h"
#include "checkpoint/chain.h"
#include "checkpoint/compaction.h"
#include "checkpoint/directory.h"
#include "json/parse.h"
#include "json/write.h"

#define INLINE_MAX (256u * 1024)	/* bytes of a state that travels in the barrier */
#define CHAIN_MAX 16			/* files of a state, of which each run begins one: more are put together */

struct kept {
	const char *name;		/* of the stage */
	struct chain chain;		/* empty: the state has stood in the line */
	bool is_whole_next;		/* what stands there is not what the stage can tell changes of */
	int log;			/* the last file of the chain, which this run adds to; -1: it has none */
	uint32_t crc;			/* of the one file, which this run has saved whole */
	bool has_crc;
	struct compaction *compaction;
	char *compacted;		/* the file it writes */
	struct beside beside;
};

struct states {
	const char *dir;
	size_t n;
	struct arena arena;		/* of what is read */
	struct kept kept[];
};

/* ---- restored ---- */

/* A small state as it stands in the line, a large one from its files. */
static int load(const char *dir, struct value v, struct arena *arena, struct chain *chain, struct buf *snapshot, struct error *why)
{
	const struct value ref = json_get(v, "$ref", arena), text = json_get(v, "bytes", arena);

	if (ref.type != VALUE_MISSING)
		return chain_read(chain, ref, arena) ? chain_load(dir, chain, NULL, snapshot, why) : error_set(why, "names no files of a state");
	if (text.type != VALUE_STRING || json_read_base64(snapshot, text.text, text.len) < 0)
		return error_set(why, "is no state of a stage");
	return 0;
}

int states_restore(struct states *s, size_t i, struct stage *stage, struct control_text json, struct error *why)
{
	struct buf snapshot = BUF_INIT;
	struct snapshot_reader reader;
	struct value v;
	int result;

	arena_clear(&s->arena);
	result = json_document(&s->arena, json.text, json.len, &v, why) ? -1 : 0;
	if (!result) {
		const struct value n = json_get(v, "n", &s->arena);
		stage->before = n.type == VALUE_INTEGER && n.integer > 0 ? (uint64_t)n.integer : 0;
		beside_read(&s->kept[i].beside, s->dir, v, &s->arena);
	}
	if (!result && stage->tool->restore) {
		result = load(s->dir, v, &s->arena, &s->kept[i].chain, &snapshot, why);
		if (!result)
			result = snapshot_open(&reader, snapshot.data, snapshot.len, why) < 0 ? -1 : stage->tool->restore(stage->self, &reader, why);
		s->kept[i].is_whole_next = result > 0;
	}
	buf_release(&snapshot);
	return result < 0 ? error_prefix(why, "the checkpoint's state of %s", s->kept[i].name) : 0;
}

static int32_t *read_partitions(struct control_text json, size_t *n, struct arena *arena)
{
	struct value all;
	struct error ignored;

	*n = 0;
	if (json_document(arena, json.text, json.len, &all, &ignored))
		return NULL;
	all = json_items(all, arena);
	int32_t *ids = arena_get(arena, (all.len + 1) * sizeof *ids);
	for (uint32_t i = 0; all.type == VALUE_ARRAY && i < all.len; i++)
		if (all.items[i].type == VALUE_INTEGER)
			ids[(*n)++] = (int32_t)all.items[i].integer;
	return ids;
}

static int take_part(struct states *s, const char *stage, const char *root, const struct control_part *part, struct snapshot_writer *w,
    struct error *why)
{
	const struct control_text json = control_state(&part->states, stage);
	char *folder = alloc_format("%s/%.*s", root, (int)part->folder.len, part->folder.text);
	struct buf snapshot = BUF_INIT;
	struct chain chain = {0};
	struct value v;
	size_t n = 0;
	int result = 0;

	const int32_t *ids = read_partitions(part->partitions, &n, &s->arena);
	if (json.text)
		result = json_document(&s->arena, json.text, json.len, &v, why) ? -1 : load(folder, v, &s->arena, &chain, &snapshot, why);
	if (json.text && !result)
		result = snapshot_take(w, snapshot.data, snapshot.len, ids, n, why);
	chain_clear(&chain);
	buf_release(&snapshot);
	free(folder);
	return result;
}

int states_restore_parts(struct states *s, size_t i, struct stage *stage, const char *root, const struct control_line *begin, struct error *why)
{
	struct control_part part;
	struct snapshot_writer w;
	struct snapshot_reader reader;
	int result = 0;

	if (!stage->tool->divides)
		return 0;
	arena_clear(&s->arena);
	snapshot_begin(&w, stage->tool->name);
	for (size_t k = 0; !result && control_part(begin, k, &part, &s->arena); k++)
		result = take_part(s, s->kept[i].name, root, &part, &w, why);
	snapshot_end(&w);
	if (!result)
		result = snapshot_open(&reader, w.bytes.data, w.bytes.len, why) < 0 ? -1 : stage->tool->restore(stage->self, &reader, why);
	buf_release(&w.bytes);
	return result < 0 ? error_prefix(why, "the checkpoint's state of %s", s->kept[i].name) : 0;
}

int states_look(const char *dir, const char *stage, struct buf *snapshot, struct error *why)
{
	struct directory_commit committed;
	struct control_line barrier;
	struct arena arena = ARENA_INIT;
	struct chain chain = {0};
	struct control_text json = {0};
	struct value v;
	int result = directory_read(dir, &committed, &arena, why);

	*snapshot = BUF_INIT;
	if (!result && committed.barrier.text)
		result = control_read(&barrier, committed.barrier.text, committed.barrier.len, &arena, why);
	if (!result && committed.barrier.text)
		json = control_state(&barrier, stage);
	if (!result && !json.text)
		result = 1;
	if (!result && !(result = json_document(&arena, json.text, json.len, &v, why)))
		result = load(dir, v, &arena, &chain, snapshot, why);
	chain_clear(&chain);
	arena_release(&arena);
	return result;
}

/* ---- saved ---- */

static char *file_name(const struct kept *k, const struct commit_point *at, const char *kind)
{
	return alloc_format("%s.%llu-%s.%s", k->name, (unsigned long long)at->epoch, at->run, kind);
}

static void begin_chain(struct kept *k)
{
	if (k->log >= 0)
		close(k->log);
	k->log = -1;
	compaction_cancel(k->compaction);
	k->compaction = NULL;
	chain_clear(&k->chain);
	k->has_crc = false;
}

/* In the line where it is small; else a file, which is named again as long as the state is the same. */
static int put_whole(struct states *s, struct kept *k, const struct commit_point *at, const struct buf *bytes, struct buf *json, struct error *why)
{
	int result = 0;

	if (bytes->len <= INLINE_MAX) {
		begin_chain(k);
		json_write_name(json, "bytes");
		buf_add_byte(json, '"');
		json_write_base64(json, bytes->data, bytes->len);
		buf_add_byte(json, '"');
		return 0;
	}
	const uint32_t crc = crc32c_add(0, bytes->data, bytes->len);
	if (!k->has_crc || k->crc != crc || k->chain.files[0].len != bytes->len) {
		char *name = file_name(k, at, "snap");
		begin_chain(k);
		chain_add(&k->chain, name, bytes->len);
		k->crc = crc;
		k->has_crc = true;
		result = directory_put_state(s->dir, name, bytes->data, bytes->len, why);
		free(name);
	}
	json_write_name(json, "$ref");
	chain_write(&k->chain, json);
	return result;
}

static int begin_log(struct states *s, struct kept *k, const struct commit_point *at, struct error *why)
{
	char *name = file_name(k, at, "log");

	k->log = directory_begin_log(s->dir, name, why);
	if (k->log >= 0)
		chain_add(&k->chain, name, 0);
	free(name);
	return k->log < 0 ? -1 : 0;
}

/* A thread puts together what there is by now; what comes goes to another log. */
static int begin_compaction(struct states *s, struct kept *k, const struct commit_point *at, struct error *why)
{
	free(k->compacted);
	k->compacted = file_name(k, at, "compact");
	k->compaction = compaction_start(s->dir, &k->chain, k->compacted, why);
	close(k->log);
	k->log = -1;
	return k->compaction ? 0 : -1;
}

/* What the thread has written stands for the files that it was made of. */
static int end_compaction(struct states *s, struct kept *k, const struct commit_point *at, struct error *why)
{
	const size_t covers = compaction_covers(k->compaction);
	struct chain was = k->chain;
	size_t len;
	const int failed = compaction_finish(k->compaction, &len, why);

	k->compaction = NULL;
	if (failed)
		return -1;
	char *name = file_name(k, at, "snap");
	const int result = directory_rename_state(s->dir, k->compacted, name, why);
	k->chain = (struct chain){0};
	chain_add(&k->chain, name, len);
	for (size_t i = covers; i < was.n; i++)
		chain_add(&k->chain, was.files[i].name, was.files[i].len);
	chain_clear(&was);
	free(name);
	/* It has become small enough for the line, with some room so that it does not go to and fro. */
	k->is_whole_next = len < INLINE_MAX / 2;
	return result;
}

static bool is_long(const struct kept *k, size_t times)
{
	return chain_logged(&k->chain) > times * k->chain.files[0].len || k->chain.n > times * CHAIN_MAX;
}

static int put_changes(struct states *s, struct kept *k, const struct commit_point *at, const struct buf *bytes, struct buf *json, struct error *why)
{
	k->has_crc = false;
	if (k->log < 0 && begin_log(s, k, at, why))
		return -1;
	struct chain_file *log = &k->chain.files[k->chain.n - 1];
	if (directory_add_to_log(s->dir, log->name, k->log, bytes, &log->len, why))
		return -1;
	json_write_name(json, "$ref");
	chain_write(&k->chain, json);
	if (!k->compaction && is_long(k, 1))
		return begin_compaction(s, k, at, why);
	return 0;
}

/* Runs that end before a thread does. */
static bool is_overdue(const struct kept *k)
{
	return !k->compaction && is_long(k, 2);
}

static int save_state(struct states *s, struct kept *k, struct stage *stage, const struct commit_point *at, struct buf *json, struct error *why)
{
	const struct filter_tool *tool = stage->tool;
	struct snapshot_writer w;
	int result;

	if (k->compaction && compaction_is_done(k->compaction) && end_compaction(s, k, at, why))
		return -1;
	const bool is_whole = !tool->save_changes || !k->chain.n || k->is_whole_next || is_overdue(k);
	snapshot_begin(&w, tool->name);
	result = (is_whole ? tool->save : tool->save_changes)(stage->self, &w, why);
	snapshot_end(&w);
	if (!result)
		result = (is_whole ? put_whole : put_changes)(s, k, at, &w.bytes, json, why);
	if (is_whole)
		k->is_whole_next = false;
	buf_release(&w.bytes);
	return result;
}

int states_save(struct states *s, size_t i, struct stage *stage, const struct commit_point *at, struct buf *json, struct error *why)
{
	const uint64_t records = stage->before + stage->tally.records;

	buf_format(json, "{\"n\":%llu", (unsigned long long)records);
	const int result = stage->tool->save ? save_state(s, &s->kept[i], stage, at, json, why) : 0;
	beside_write(&s->kept[i].beside, json);
	buf_add_byte(json, '}');
	return result;
}

/* ---- beside them ---- */

int states_put(struct states *s, size_t i, const struct commit_point *at, const void *bytes, size_t n, struct error *why)
{
	char *name = file_name(&s->kept[i], at, "model");
	const int result = beside_put(&s->kept[i].beside, s->dir, name, bytes, n, why);

	free(name);
	return result;
}

char *states_get(const struct states *s, size_t i, const char **path, size_t *n, struct error *why)
{
	*path = s->kept[i].beside.path;
	return beside_get(&s->kept[i].beside, n, why);
}

/* ---- life ---- */

struct states *states_new(const char *dir, const char *const *names, size_t n)
{
	struct states *s = alloc_zeroed(1, sizeof *s + n * sizeof *s->kept);

	s->dir = dir;
	s->n = n;
	for (size_t i = 0; i < n; i++)
		s->kept[i] = (struct kept){ .name = names[i], .log = -1 };
	return s;
}

void states_stand_in(struct states *s, const char *dir)
{
	s->dir = dir;
}

void states_free(struct states *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->n; i++) {
		begin_chain(&s->kept[i]);
		free(s->kept[i].compacted);
		beside_release(&s->kept[i].beside);
	}
	arena_release(&s->arena);
	free(s);
}
