/* SPDX-License-Identifier: MIT */
#include "json/parse.h"

#include <stdint.h>
#include <string.h>
#include <yyjson.h>

#include "base/number.h"
#include "json/field.h"

/* ---- memory: yyjson allocates in the batch's arena and frees nothing ---- */

static void *pool_get(void *arena, size_t n)
{
	return arena_get(arena, n);
}

static void *pool_resize(void *arena, void *p, size_t old, size_t n)
{
	return arena_resize(arena, p, old, n);
}

static void pool_free(void *arena, void *p)
{
	(void)arena;
	(void)p;
}

/* ---- one value ---- */

static struct value convert(yyjson_val *, struct arena *);

static struct value convert_raw(yyjson_val *v, struct arena *arena)
{
	const char *text = unsafe_yyjson_get_raw(v);
	const size_t len = unsafe_yyjson_get_len(v);
	struct error ignored;
	double x;

	/* An integer beyond uint64 is a double like any other; what no double holds stays text. */
	if (!number_parse_double(arena_copy(arena, text, len), &x, &ignored))
		return value_number(x);
	return (struct value){ .type = VALUE_HUGE, .len = (uint32_t)len, .text = text };
}

static struct value convert_array(yyjson_val *v, struct arena *arena)
{
	const size_t n = unsafe_yyjson_get_len(v);
	struct value *items = arena_get(arena, (n ? n : 1) * sizeof *items);
	yyjson_val *item = unsafe_yyjson_get_first(v);

	for (size_t i = 0; i < n; i++, item = unsafe_yyjson_get_next(item))
		items[i] = unsafe_yyjson_is_ctn(item) && yyjson_is_arr(item)
		    ? (struct value){ .type = VALUE_TREE, .tree = item } : convert(item, arena);
	return (struct value){ .type = VALUE_ARRAY, .len = (uint32_t)n, .items = items };
}

/* An array inside an array stays a tree, so that depth costs no stack. */
static struct value convert(yyjson_val *v, struct arena *arena)
{
	switch (unsafe_yyjson_get_tag(v)) {
	case YYJSON_TYPE_NULL:
		return value_null();
	case YYJSON_TYPE_BOOL | YYJSON_SUBTYPE_TRUE:
		return value_bool(true);
	case YYJSON_TYPE_BOOL | YYJSON_SUBTYPE_FALSE:
		return value_bool(false);
	case YYJSON_TYPE_NUM | YYJSON_SUBTYPE_UINT:
		if (v->uni.u64 > INT64_MAX)
			return (struct value){ .type = VALUE_UNSIGNED, .uinteger = v->uni.u64 };
		/* fall through */
	case YYJSON_TYPE_NUM | YYJSON_SUBTYPE_SINT:
		return value_integer(v->uni.i64);
	case YYJSON_TYPE_NUM | YYJSON_SUBTYPE_REAL:
		return value_number(v->uni.f64);
	}
	switch (unsafe_yyjson_get_type(v)) {
	case YYJSON_TYPE_STR:
		return value_text(unsafe_yyjson_get_str(v), unsafe_yyjson_get_len(v));
	case YYJSON_TYPE_ARR:
		return convert_array(v, arena);
	case YYJSON_TYPE_RAW:
		return convert_raw(v, arena);
	default:
		return (struct value){ .type = VALUE_TREE, .tree = v };
	}
}

/* Items and members of a value, whatever made it. */
static struct value value_item(struct value v, size_t i, struct arena *arena)
{
	if (v.type == VALUE_TREE && yyjson_is_arr((yyjson_val *)v.tree))
		v = convert_array((yyjson_val *)v.tree, arena);
	return v.type == VALUE_ARRAY && i < v.len ? v.items[i] : (struct value){0};
}

static struct value tree_member(yyjson_val *object, const char *name, size_t len, struct arena *arena)
{
	yyjson_val *found = NULL, *key;
	size_t n;

	if (!yyjson_is_obj(object))
		return (struct value){0};
	key = unsafe_yyjson_get_first(object);
	for (n = unsafe_yyjson_get_len(object); n--; key = unsafe_yyjson_get_next(key + 1))
		if (unsafe_yyjson_get_len(key) == len && !memcmp(unsafe_yyjson_get_str(key), name, len))
			found = key + 1;
	return found ? convert(found, arena) : (struct value){0};
}

static struct value value_member(struct value v, const char *name, size_t len, struct arena *arena)
{
	struct value found = {0};

	if (v.type == VALUE_TREE)
		return tree_member((yyjson_val *)v.tree, name, len, arena);
	if (v.type == VALUE_OBJECT)
		for (uint32_t i = 0; i < v.len; i++)
			if (v.members[i].name->len == len && !memcmp(v.members[i].name->text, name, len))
				found = v.members[i].value;
	return found;
}

/* ---- tails: [0] and [*] ---- */

struct gathered { struct value *items; size_t n, room; struct arena *arena; };

static void gather(struct gathered *g, struct value v, const struct step *s, size_t n);

static void gather_add(struct gathered *g, struct value v)
{
	if (g->n == g->room) {
		size_t room = g->room ? g->room * 2 : 8;
		g->items = g->room ? arena_resize(g->arena, g->items, g->room * sizeof v, room * sizeof v)
		    : arena_get(g->arena, room * sizeof v);
		g->room = room;
	}
	if (v.type == VALUE_MISSING)
		v.type = VALUE_NULL;
	g->items[g->n++] = v;
}

/* Every value that the steps lead to, in order; more than one [*] gives one flat array. */
static void gather(struct gathered *g, struct value v, const struct step *s, size_t n)
{
	for (; n; s++, n--) {
		if (s->kind == STEP_ALL) {
			if (v.type == VALUE_TREE)
				v = yyjson_is_arr((yyjson_val *)v.tree) ? convert_array((yyjson_val *)v.tree, g->arena) : (struct value){0};
			for (uint32_t i = 0; v.type == VALUE_ARRAY && i < v.len; i++)
				gather(g, v.items[i], s + 1, n - 1);
			return;
		}
		v = s->kind == STEP_INDEX ? value_item(v, s->index, g->arena) : value_member(v, s->name, s->len, g->arena);
	}
	gather_add(g, v);
}

static struct value follow(struct value v, const struct tail *t, struct arena *arena)
{
	bool is_array = false;
	for (size_t i = 0; i < t->n; i++)
		is_array |= t->steps[i].kind == STEP_ALL;
	if (!is_array) {
		for (size_t i = 0; i < t->n; i++)
			v = t->steps[i].kind == STEP_INDEX ? value_item(v, t->steps[i].index, arena)
			    : value_member(v, t->steps[i].name, t->steps[i].len, arena);
		return json_items(v, arena);
	}
	/* Of something that is no array [*] is missing, not an empty array. */
	if (t->steps[0].kind == STEP_ALL && v.type != VALUE_ARRAY &&
	    !(v.type == VALUE_TREE && yyjson_is_arr((yyjson_val *)v.tree)))
		return (struct value){0};
	struct gathered g = { .arena = arena };
	gather(&g, v, t->steps, t->n);
	return (struct value){ .type = VALUE_ARRAY, .len = (uint32_t)g.n, .items = g.items };
}

/* ---- slots ---- */

static void forget(const struct field *f, struct value *slots)
{
	if (f->slot >= 0)
		slots[f->slot].type = VALUE_MISSING;
	for (const struct tail *t = f->tails; t; t = t->next)
		slots[t->slot].type = VALUE_MISSING;
	for (size_t i = 0; i < f->n_below; i++)
		forget(f->below[i], slots);
}

static inline bool is_named(const struct field *f, uint64_t head, uint64_t tail, const char *name, size_t len)
{
	return f->head == head && f->tail == tail && f->len == len && (len <= 16 || !memcmp(f->name + 16, name + 16, len - 16));
}

/* `next`: the index of the one that is expected.  Members mostly come in the order in which they were asked for. */
static inline const struct field *find(const struct field *f, size_t next, const char *name, size_t len)
{
	const uint64_t head = field_head(name, len), tail = field_tail(name, len);
	const size_t mask = SIZE_MAX >> f->shift;

	if (next < f->n_below && is_named(f->below[next], head, tail, name, len))
		return f->below[next];
	for (size_t i = field_hash(head, len, f->shift); f->rows[i].field; i = (i + 1) & mask) {
		if (f->rows[i].head == head && f->rows[i].tail == tail && is_named(f->rows[i].field, head, tail, name, len))
			return f->rows[i].field;
	}
	return NULL;
}

struct walk { struct arena *arena; struct value *slots; uint64_t present; };

static void read_object(struct walk *w, yyjson_val *object, const struct field *f)
{
	yyjson_val *key = unsafe_yyjson_get_first(object);
	size_t next = 0;

	if (!f->n_below)
		return;
	for (size_t n = unsafe_yyjson_get_len(object); n--; key = unsafe_yyjson_get_next(key + 1)) {
		const struct field *at = find(f, next, unsafe_yyjson_get_str(key), unsafe_yyjson_get_len(key));
		yyjson_val *v = key + 1;
		if (!at)
			continue;
		next = at->index + 1;
		if (at->added >= 0)
			w->present |= UINT64_C(1) << at->added;
		if (at->slot >= 0)
			w->slots[at->slot] = unsafe_yyjson_get_tag(v) == (YYJSON_TYPE_NUM | YYJSON_SUBTYPE_REAL) ? value_number(v->uni.f64) :
				convert(v, w->arena);
		for (const struct tail *t = at->tails; t; t = t->next)
			w->slots[t->slot] = follow(convert(v, w->arena), t, w->arena);
		if (at->n_below) {
			/* The last of equal names wins: nothing of an earlier one may stay. */
			for (size_t i = 0; i < at->n_below; i++)
				forget(at->below[i], w->slots);
			if (unsafe_yyjson_get_type(v) == YYJSON_TYPE_OBJ)
				read_object(w, v, at);
		}
	}
}

void json_read(const void *object, const struct fields *fs, struct arena *arena, struct value *slots, uint64_t *present)
{
	struct walk w = { arena, slots, 0 };

	memset(slots, 0, fs->n_slots * sizeof *slots);
	if (fs->root->slot >= 0)
		slots[fs->root->slot] = (struct value){ .type = VALUE_TREE, .tree = object };
	read_object(&w, (yyjson_val *)object, fs->root);
	*present = w.present;
}

static void read_members(const struct field *f, const struct value *object, struct arena *arena, struct value *slots);

static void read_value(const struct field *f, const struct value *v, struct arena *arena, struct value *slots)
{
	if (f->slot >= 0) {
		slots[f->slot] = *v;
		if (v->type == VALUE_MISSING)
			slots[f->slot].type = VALUE_NULL;	/* it prints as null */
	}
	for (const struct tail *t = f->tails; t; t = t->next)
		slots[t->slot] = follow(*v, t, arena);
	for (size_t i = 0; i < f->n_below; i++)
		forget(f->below[i], slots);
	if (f->n_below && v->type == VALUE_OBJECT)
		read_members(f, v, arena, slots);
	else if (f->n_below && v->type == VALUE_TREE && yyjson_is_obj((yyjson_val *)v->tree)) {
		struct walk w = { arena, slots, 0 };
		read_object(&w, (yyjson_val *)v->tree, f);
	}
}

static void read_members(const struct field *f, const struct value *object, struct arena *arena, struct value *slots)
{
	for (uint32_t i = 0; i < object->len; i++) {
		const struct member *m = &object->members[i];
		const struct field *at = fields_named(f, m->name->text, m->name->len);
		if (at)
			read_value(at, &m->value, arena, slots);
	}
}

void json_read_member(const struct added *added, struct value v, struct arena *arena, struct value *slots)
{
	const struct field *f = added->field;

	if (f->slot >= 0 || f->tails || f->n_below)
		read_value(f, &v, arena, slots);
}

/* ---- text ---- */

static bool is_white(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/*
 * Where yyjson stopped, from 1.  Of "[1,]," it takes the last comma for the one with nothing behind it; of a text that is
 * blank it gives no place.
 */
static size_t place_of(const yyjson_read_err *err, const char *text, size_t len)
{
	size_t i = err->pos;

	if (err->code == YYJSON_READ_ERROR_EMPTY_CONTENT)
		return len + 1;
	if (i > 1 && i < len && text[i] == ',' && (text[i - 1] == ']' || text[i - 1] == '}')) {
		for (i -= 2; i && is_white(text[i]);)
			i--;
		if (text[i] != ',')
			i = err->pos;
	}
	return i + 1;
}

static yyjson_val *parse(struct arena *arena, const char *text, size_t len, yyjson_read_flag more, struct json_error *e)
{
	const yyjson_alc alc = { pool_get, pool_resize, pool_free, arena };
	yyjson_read_err err;
	yyjson_doc *doc = yyjson_read_opts((char *)text, len, YYJSON_READ_BIGNUM_AS_RAW | more, &alc, &err);
	yyjson_val *root = yyjson_doc_get_root(doc);

	if (!root) {
		*e = (struct json_error){ place_of(&err, text, len), err.msg };
		return NULL;
	}
	/* yyjson allocates for the worst case; given back, a batch's parses stay in the cache. */
	arena_trim(arena, root + yyjson_doc_get_val_count(doc));
	return root;
}

const void *json_parse(struct arena *arena, const char *text, size_t len, struct json_error *e)
{
	yyjson_val *root = parse(arena, text, len, 0, e);

	if (root && !yyjson_is_obj(root)) {
		*e = (struct json_error){ 1, "not an object" };
		while (e->byte < len && is_white(text[e->byte - 1]))
			e->byte++;
		return NULL;
	}
	return root;
}

bool json_is_empty(const void *object)
{
	return !unsafe_yyjson_get_len((yyjson_val *)object);
}

/* ---- documents ---- */

static int document(struct arena *arena, const char *text, size_t len, yyjson_read_flag more, struct value *out, struct error *why)
{
	struct json_error e;
	yyjson_val *root = parse(arena, text, len, more, &e);

	if (!root) {
		size_t line = 1, column = 1;
		for (size_t i = 0; i + 1 < e.byte && i < len; i++)
			if (text[i] == '\n')
				line++, column = 1;
			else
				column++;
		return error_set(why, "%zu:%zu: %s", line, column, e.what);
	}
	*out = convert(root, arena);
	return 0;
}

int json_document(struct arena *arena, const char *text, size_t len, struct value *out, struct error *why)
{
	return document(arena, text, len, 0, out, why);
}

int json_document_nan(struct arena *arena, const char *text, size_t len, struct value *out, struct error *why)
{
	return document(arena, text, len, YYJSON_READ_ALLOW_INF_AND_NAN, out, why);
}

struct value json_get(struct value object, const char *name, struct arena *arena)
{
	return value_member(object, name, strlen(name), arena);
}

void json_walk(struct json_walk *w, struct value object)
{
	*w = (struct json_walk){0};
	if (object.type == VALUE_TREE && yyjson_is_obj((yyjson_val *)object.tree))
		*w = (struct json_walk){ unsafe_yyjson_get_first((yyjson_val *)object.tree),
		    unsafe_yyjson_get_len((yyjson_val *)object.tree), false };
	else if (object.type == VALUE_OBJECT)
		*w = (struct json_walk){ object.members, object.len, true };
}

bool json_walk_next(struct json_walk *w, struct arena *arena, struct value *name, struct value *v)
{
	if (!w->left)
		return false;
	w->left--;
	if (w->made) {
		const struct member *m = w->at;
		*name = value_text(m->name->text, m->name->len);
		*v = m->value;
		w->at = m + 1;
	} else {
		yyjson_val *key = (yyjson_val *)w->at;
		*name = convert(key, arena);
		*v = convert(key + 1, arena);
		w->at = unsafe_yyjson_get_next(key + 1);
	}
	return true;
}

struct value json_items(struct value v, struct arena *arena)
{
	if (v.type == VALUE_TREE && yyjson_is_arr((yyjson_val *)v.tree))
		return convert_array((yyjson_val *)v.tree, arena);
	return v;
}

bool json_is_array(struct value v)
{
	return v.type == VALUE_ARRAY || (v.type == VALUE_TREE && yyjson_is_arr((yyjson_val *)v.tree));
}
