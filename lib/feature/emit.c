/* SPDX-License-Identifier: MIT */
#include "feature/emit.h"

#include <string.h>

#include "json/write.h"

#define INDEX_MAX 1000

static bool begins_with(const struct spec_part *path, const char *name)
{
	const struct step *s = path->path.steps;

	return s->kind == STEP_NAME && s->len == strlen(name) && !memcmp(s->name, name, s->len);
}

/* Adds a path to the tree; items of an array stand in order. */
static int add_path(struct emit_part *root, const struct spec_part *path, struct arena *arena, struct error *why)
{
	struct emit_part *at = root;

	if (path->path.n && begins_with(path, "features"))
		return error_set(why, "emit features: %s: the member features is there already", path->text);
	if (path->path.n && begins_with(path, "_sml"))
		return error_set(why, "emit features: %s: a record that begins with _sml is a control record", path->text);
	for (size_t i = 0; i < path->path.n; i++) {
		const struct step *s = &path->path.steps[i];
		struct emit_part **p = &at->below;
		for (; *p; p = &(*p)->next) {
			if (((*p)->step.kind == STEP_NAME) != (s->kind == STEP_NAME))
				return error_set(why, "emit features: %s would make one thing an object and an array", path->text);
			if (s->kind == STEP_NAME ? (*p)->step.len == s->len && !memcmp((*p)->step.name, s->name, s->len) :
			    (*p)->step.index >= s->index)
				break;
		}
		if (s->kind == STEP_INDEX && s->index > INDEX_MAX)
			return error_set(why, "emit features: %s: an index above %d cannot be rebuilt", path->text, INDEX_MAX);
		if (!*p || (s->kind == STEP_INDEX && (*p)->step.index != s->index)) {
			struct emit_part *new = arena_get(arena, sizeof *new);
			*new = (struct emit_part){ .step = *s, .slot = -1, .next = *p };
			if (s->kind == STEP_NAME) {
				struct name *name = arena_get(arena, sizeof *name);
				*name = json_name(arena, s->name, s->len);
				new->name = name;
			}
			if (at->slot >= 0)
				return error_set(why, "emit features: %s lies in another path of key or time", path->text);
			*p = new;
		}
		at = *p;
	}
	if (at->below)
		return error_set(why, "emit features: another path of key or time lies in %s", path->text);
	at->slot = path->slot;
	return 0;
}

int emit_plan(struct emit_part *root, const struct spec *s, struct arena *arena, struct error *why)
{
	*root = (struct emit_part){ .slot = -1 };
	for (size_t i = 0; i < s->keys[0].n; i++)
		if (add_path(root, &s->keys[0].parts[i], arena, why) < 0)
			return -1;
	return add_path(root, &s->time, arena, why);
}

static void write_part(struct buf *b, const struct emit_part *p, const struct value *slots);

static bool is_there(const struct emit_part *p, const struct value *slots)
{
	if (p->slot >= 0)
		return slots[p->slot].type != VALUE_MISSING;
	for (const struct emit_part *q = p->below; q; q = q->next)
		if (is_there(q, slots))
			return true;
	return false;
}

/* Members or items, those that are there. */
static void write_below(struct buf *b, const struct emit_part *p, const struct value *slots)
{
	uint32_t index = 0;

	for (const struct emit_part *q = p->below; q; q = q->next) {
		if (!is_there(q, slots))
			continue;
		if (q->name) {
			json_write_comma(b);
			buf_add(b, q->name->json, q->name->json_len);
		} else
			for (; index <= q->step.index; index++) {
				json_write_comma(b);
				if (index < q->step.index)
					buf_add_text(b, "null");
			}
		write_part(b, q, slots);
	}
}

static void write_part(struct buf *b, const struct emit_part *p, const struct value *slots)
{
	if (p->slot >= 0) {
		json_write_value(b, slots[p->slot]);
		return;
	}
	buf_add_byte(b, p->below->name ? '{' : '[');
	write_below(b, p, slots);
	buf_add_byte(b, p->below->name ? '}' : ']');
}

void emit_write(const struct emit_part *root, const struct value *slots, const struct name *name, struct value object, struct buf *b)
{
	buf_add_byte(b, '{');
	write_below(b, root, slots);
	json_write_comma(b);
	buf_add(b, name->json, name->json_len);
	json_write_value(b, object);
	buf_add_byte(b, '}');
}
