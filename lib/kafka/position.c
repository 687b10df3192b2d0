/* SPDX-License-Identifier: MIT */
/*
 * The place in topics as a checkpoint keeps it: an item for each partition that is read, also where it has had no message yet,
 * with the next offset behind what has been passed on.  "only":true where -p names them: then others of the topic are not new.
 */
#include <string.h>

#include "base/number.h"
#include "json/parse.h"
#include "json/write.h"
#include "kafka/reading.h"

int position_tell(struct source *source, struct buf *b, struct error *why)
{
	const struct consumer *c = (const struct consumer *)source;

	(void)why;
	for (size_t i = 0; i < c->n_parts; i++) {
		const struct partition *p = c->parts[i];
		const int64_t next = c->begun ? p->passed : p->start;
		if (next == OFFSETS_NONE || (!c->begun && p->is_new))
			continue;
		json_write_comma(b);
		buf_add_text(b, "{\"k\":");
		json_write_string(b, p->topic, strlen(p->topic));
		buf_format(b, ",\"p\":%d,\"o\":\"%lld\"%s}", (int)p->id, (long long)next, c->o->partitions ? ",\"only\":true" : "");
	}
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

/* What the topics have and the position has not: partitions that are new. */
static int begin_new(struct consumer *c, struct error *why)
{
	for (size_t i = 0; i < c->o->n_topics; i++) {
		const struct topic *t = &c->topics[i];
		size_t n = 0;
		for (int32_t k = 0; k < t->n; k++)
			n += t->parts[k] && t->parts[k]->restored;
		if (!n)
			return other(why, "kafka:%s was not read", t->name);
		for (int32_t k = 0; k < t->n; k++) {
			if (!t->parts[k] || t->parts[k]->restored)
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
		result = begin_new(c, why);
	if (!result)
		c->resolved = c->sought = true;
	arena_release(&arena);
	return result;
}
