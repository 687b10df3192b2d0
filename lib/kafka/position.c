/* SPDX-License-Identifier: MIT */
/*
 * The place in topics as a checkpoint keeps it: an item for each partition that is read, also where it has had no message yet,
 * with the next offset behind what has been passed on.  "only":true where -p names them: then others of the topic are not new.
 * A shard of others has also {"shard":0,"of":3} for each whose commit the place is made of: partitions of these that are not in it
 * are new, and those of none have never been read.
 *
 * The cluster is for a sink on the same one (transaction.h); it is not asked for again.
 *
 * While a hand-over compares, what it compares by belongs to the place: it is the state of the stage, all as of what has been passed on.
 */
#include <string.h>

#include "base/number.h"
#include "json/parse.h"
#include "json/write.h"
#include "kafka/reading.h"

int position_tell(struct source *source, struct buf *b, struct error *why)
{
	const struct consumer *c = (const struct consumer *)source;

	char *cluster = rd_kafka_clusterid(c->rk, 0);	/* known since the topics were found */

	(void)why;
	for (size_t i = 0; i < c->n_parts; i++) {
		const struct partition *p = c->parts[i];
		const int64_t next = c->begun ? p->passed : p->start;
		if (next == OFFSETS_NONE || (!c->begun && p->is_new))
			continue;
		json_write_comma(b);
		buf_add_text(b, "{\"k\":");
		json_write_string(b, p->topic, strlen(p->topic));
		buf_format(b, ",\"p\":%d,\"o\":\"%lld\"%s", (int)p->id, (long long)next, c->o->partitions ? ",\"only\":true" : "");
		if (cluster) {
			buf_add_text(b, ",\"cluster\":");
			json_write_string(b, cluster, strlen(cluster));
		}
		buf_add_byte(b, '}');
	}
	if (cluster)
		rd_kafka_mem_free(c->rk, cluster);
	return 0;
}

/* -2, and nothing is to be tried again. */
static int other(struct error *why, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static int other(struct error *why, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	error_setv(why, fmt, ap);
	va_end(ap);
	error_prefix(why, "the inputs are not those of the checkpoint");
	return -2;
}

static bool is_read(const struct consumer *c, const char *topic)
{
	for (size_t i = 0; i < c->o->n_topics; i++)
		if (!strcmp(c->topics[i].name, topic))
			return true;
	return false;
}

/* -p is the same as it was, as far as this partition shows. */
static int check_choice(const struct consumer *c, const char *topic, int32_t id, bool was_chosen, struct error *why)
{
	if (was_chosen && !c->o->partitions)
		return other(why, "of kafka:%s single partitions were read (--partition)", topic);
	if (!was_chosen && c->o->partitions)
		return other(why, "all partitions of kafka:%s were read, and --partition chooses some", topic);
	if (was_chosen && !consumer_find(c, topic, id))
		return other(why, "partition %d of kafka:%s was read, and --partition leaves it out", (int)id, topic);
	return 0;
}

static int seek_item(struct consumer *c, struct value item, struct arena *arena, struct error *why)
{
	const struct value topic = json_get(item, "k", arena), id = json_get(item, "p", arena), next = json_get(item, "o", arena),
		only = json_get(item, "only", arena);
	struct partition *p;
	struct error ignored;
	int64_t offset;

	if (topic.type != VALUE_STRING)		/* a file's */
		return 0;
	const char *name = arena_copy(arena, topic.text, topic.len);
	if (id.type != VALUE_INTEGER || id.integer < 0 || id.integer > INT32_MAX || next.type != VALUE_STRING ||
	    number_parse_integer(arena_copy(arena, next.text, next.len), &offset, &ignored) || offset < 0)
		return error_set(why, "the checkpoint says nothing of kafka:%s that can be understood", name), -2;
	if (!is_read(c, name))
		return other(why, "kafka:%s was read", name);
	if (check_choice(c, name, (int32_t)id.integer, only.type == VALUE_BOOL && only.truth, why))
		return -2;
	if (!(p = consumer_find(c, name, (int32_t)id.integer)))
		return other(why, "kafka:%s has no partition %lld any more: is it the same topic?", name, (long long)id.integer);
	p->start = offset;
	p->restored = true;
	return 0;
}

/* Who has read a partition that is not in the position: this shard, so that it is new; another one, likewise; or nobody. */
enum history { HISTORY_OWN, HISTORY_READ, HISTORY_NONE };

static enum history history_of(int32_t id, struct value all, struct arena *arena)
{
	enum history found = HISTORY_OWN;

	for (uint32_t i = 0; i < all.len && found != HISTORY_READ; i++) {
		const struct value shard = json_get(all.items[i], "shard", arena), of = json_get(all.items[i], "of", arena);
		if (shard.type == VALUE_INTEGER && of.type == VALUE_INTEGER && of.integer > 0)
			found = id % of.integer == shard.integer ? HISTORY_READ : HISTORY_NONE;
	}
	return found;
}

/* What the topics have and the position has not: partitions that are new, or that no shard has read yet. */
static int begin_new(struct consumer *c, struct value all, struct arena *arena, struct error *why)
{
	for (size_t i = 0; i < c->o->n_topics; i++) {
		const struct topic *t = &c->topics[i];
		size_t n = 0, n_left = 0;
		for (int32_t k = 0; k < t->n; k++) {
			n += t->parts[k] && t->parts[k]->restored;
			n_left += t->parts[k] && !t->parts[k]->restored;
		}
		if (!n && n_left && history_of(0, all, arena) == HISTORY_OWN)
			return other(why, "kafka:%s was not read", t->name);
		for (int32_t k = 0; k < t->n; k++) {
			if (!t->parts[k] || t->parts[k]->restored || history_of(k, all, arena) == HISTORY_NONE)
				continue;
			if (c->o->partitions)
				return other(why, "partition %d of kafka:%s was not read, and --partition names it", (int)k, t->name);
			t->parts[k]->start = 0;
			t->parts[k]->is_new = true;
			consumer_tell(c, true, "%s is new: it is read from its beginning", t->parts[k]->place);
		}
	}
	return 0;
}

int position_seek(struct source *source, const char *json, size_t n, struct error *why)
{
	struct consumer *c = (struct consumer *)source;
	struct arena arena = ARENA_INIT;
	struct value all;
	int result = json_document(&arena, json, n, &all, why);

	if (!result) {
		all = json_items(all, &arena);
		if (all.type != VALUE_ARRAY)
			result = error_set(why, "the checkpoint's positions are no array");
	}
	for (uint32_t i = 0; !result && i < all.len; i++)
		result = seek_item(c, all.items[i], &arena, why);
	if (!result)
		result = begin_new(c, all, &arena, why);
	if (!result) {
		c->sought = c->resolved = true;
		for (size_t i = 0; i < c->n_parts; i++)
			c->resolved &= c->parts[i]->start != OFFSETS_NONE;
	}
	arena_release(&arena);
	return result;
}

/* ---- what the hand-over goes by ---- */

static void put_stray(struct buf *b, const struct stray *s)
{
	snapshot_put_varint(b, s->n);
	if (!s->n)
		return;
	snapshot_put_text(b, s->part->topic, strlen(s->part->topic));
	snapshot_put_varint(b, (uint64_t)s->part->id);
	snapshot_put_signed(b, s->offset);
	snapshot_put_signed(b, s->ms);
}

static void save_partition(struct snapshot_writer *w, struct buf *b, const struct partition *p, const struct watching *s)
{
	buf_clear(b);
	snapshot_put_varint(b, (uint64_t)p->id);
	snapshot_put_varint(b, s->watched | s->compares << 1 | s->was_ahead << 2);
	snapshot_put_signed(b, s->skip_before_ms);
	snapshot_put_signed(b, p->skip_to);
	snapshot_put_signed(b, p->watched_to);
	snapshot_put_varint(b, s->n_ahead);
	snapshot_put_signed(b, s->ahead_offset);
	snapshot_put_signed(b, s->ahead_ms);
	snapshot_row(w, p->topic, strlen(p->topic), b->data, b->len);
}

static const struct watching *watching_of(const struct consumer *c, const struct partition *p)
{
	return c->begun ? &p->watch_passed : &p->watch;
}

bool position_save(const struct consumer *c, struct snapshot_writer *w)
{
	struct buf b = BUF_INIT;
	bool any = c->watches || c->handover;

	for (size_t i = 0; !any && i < c->n_parts; i++)
		any = watching_of(c, c->parts[i])->skip_before_ms != INT64_MIN;
	if (!any)
		return false;
	snapshot_section(w, "topics", 6);
	snapshot_put_varint(&b, c->watches | c->by_offset << 1 | c->files_ahead << 2 | (c->handover != NULL) << 3);
	snapshot_put_signed(&b, c->watched_from_ms);
	snapshot_put_signed(&b, c->watched_until_ms);
	snapshot_put_text(&b, c->gap, strlen(c->gap));
	snapshot_put_varint(&b, c->found_passed.n_dropped);
	snapshot_put_varint(&b, c->found_passed.n_skipped);
	put_stray(&b, &c->found_passed.ahead);
	put_stray(&b, &c->found_passed.old);
	snapshot_row(w, "", 0, b.data, b.len);
	for (size_t i = 0; i < c->n_parts; i++)
		save_partition(w, &b, c->parts[i], watching_of(c, c->parts[i]));
	buf_release(&b);
	if (c->handover)
		handover_save(c->handover, w);
	return true;
}

/* NULL: it is not one of those that are read. */
static struct partition *find(const struct consumer *c, const char *topic, size_t n, uint64_t id)
{
	for (size_t i = 0; i < c->n_parts; i++)
		if ((uint64_t)c->parts[i]->id == id && strlen(c->parts[i]->topic) == n && !memcmp(c->parts[i]->topic, topic, n))
			return c->parts[i];
	return NULL;
}

static void get_stray(const struct consumer *c, struct snapshot_bytes *in, struct stray *s)
{
	size_t n;

	*s = (struct stray){ .n = snapshot_get_varint(in) };
	if (!s->n)
		return;
	const char *topic = snapshot_get_text(in, &n);
	s->part = find(c, topic, n, snapshot_get_varint(in));
	s->offset = snapshot_get_signed(in);
	s->ms = snapshot_get_signed(in);
	if (!s->part)
		in->torn = true;
}

static void restore_all(struct consumer *c, struct handover *h, struct snapshot_bytes *in)
{
	const uint64_t flags = snapshot_get_varint(in);
	size_t n;

	c->watches = flags & 1;
	c->by_offset = flags & 2;
	c->files_ahead = flags & 4;
	c->handover = flags & 8 ? h : NULL;
	c->watched_from_ms = snapshot_get_signed(in);
	c->watched_until_ms = snapshot_get_signed(in);
	const char *gap = snapshot_get_text(in, &n);
	if (n < sizeof c->gap) {
		memcpy(c->gap, gap, n);
		c->gap[n] = '\0';
	}
	c->found.n_dropped = snapshot_get_varint(in);
	c->found.n_skipped = snapshot_get_varint(in);
	get_stray(c, in, &c->found.ahead);
	get_stray(c, in, &c->found.old);
	c->found_passed = c->found;
}

static void restore_partition(struct consumer *c, const char *topic, size_t len, struct snapshot_bytes *in)
{
	const uint64_t id = snapshot_get_varint(in), flags = snapshot_get_varint(in);
	struct partition *p = find(c, topic, len, id);

	if (!p)
		return;
	p->watch.watched = flags & 1;
	p->watch.compares = flags & 2;
	p->watch.was_ahead = flags & 4;
	p->watch.skip_before_ms = snapshot_get_signed(in);
	p->skip_to = snapshot_get_signed(in);
	p->watched_to = snapshot_get_signed(in);
	p->watch.n_ahead = snapshot_get_varint(in);
	p->watch.ahead_offset = snapshot_get_signed(in);
	p->watch.ahead_ms = snapshot_get_signed(in);
}

int position_restore(struct consumer *c, struct handover *h, const struct snapshot_reader *row, struct error *why)
{
	struct snapshot_bytes in = { (const unsigned char *)row->value, (const unsigned char *)row->value + row->value_len, false };

	if (h && row->section_len == 4 && !memcmp(row->section, "held", 4))
		return handover_restore(h, row, why);
	if (row->section_len != 6 || memcmp(row->section, "topics", 6))
		return 0;
	if (row->key_len)
		restore_partition(c, row->key, row->key_len, &in);
	else
		restore_all(c, h, &in);
	return in.torn ? error_set(why, "what the hand-over goes by cannot be read") : 0;
}
