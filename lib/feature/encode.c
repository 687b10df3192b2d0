/* SPDX-License-Identifier: MIT */
/*
 * A schema that is known is read through slots.  One that grows is not: the members of each record are walked, and the
 * k-th is expected to be the k-th of the record before, so that a name is compared once and looked up seldom.  Both
 * end in the same conversion of a value to a number.
 *
 * A record that turns out to be faulty must not have taught the schema anything: what it changed is noted and taken back.
 */
#include "feature/encode.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/table.h"
#include "json/parse.h"

enum { IN_FEATURES, IN_RECORD, SIDES };

/* ---- an input of a known schema: its slots ---- */

enum kind { PLAIN, ITEM, CATEGORY };

struct place {
	enum kind kind;
	int own[SIDES];			/* the member of that name */
	int base[SIDES];		/* the array or string that it may be a part of */
	size_t base_len;		/* bytes of the name that are the base */
	uint32_t index;			/* of ITEM */
	const char *category;		/* of CATEGORY; in the schema's name */
	size_t category_len;
};

/* ---- a member that a growing schema has met ---- */

enum what { UNDECIDED, NUMBER, ITEMS, LEFT_OUT };

struct met {
	enum what what;
	const char *name;
	size_t len;
	size_t column, *columns, n;	/* of NUMBER; of ITEMS, by index */
	const char *reason;		/* of LEFT_OUT; NULL: not to be told */
	bool seen;			/* of LEFT_OUT and UNDECIDED: in a record that was taken */
	uint64_t turn;			/* the walk that last met it, and the last value it had there */
	struct value value;
};

/* A met member as it was before this record. */
struct undo { struct met *met; enum what what; size_t n; bool seen; };

/* Which member stood where in the record before. */
struct expected { struct met *met; const char *name; size_t len; };

struct walk { struct expected *at; size_t room; };

struct encoder {
	const struct schema *schema;
	double *x;
	size_t room;
	int features_slot;
	/* known schema */
	struct place *places;
	int (*numbers)[SIDES];		/* per input: its own slots, where nothing but a number may be in them; else none (-1) */
	bool borrows;			/* places, numbers: of the encoder it was split from */
	struct encode_missing missed;
	size_t *absent;			/* the inputs that this record lacks */
	/* growing schema */
	struct schema *grows;
	enum missing missing;
	double number;
	int record_slot;
	bool started, top_level, frozen;
	struct table met;
	struct walk walks[SIDES];
	uint64_t *from_features;	/* per column: the row that last had it there */
	uint64_t row, turn;
	struct met **walked;		/* what this walk has met, once each */
	size_t n_walked, walked_room;
	struct undo *undo;		/* of this record */
	size_t n_undo, undo_room;
	struct arena arena;		/* of a record's walk */
};

/* ---- values to numbers ---- */

static inline enum encode_result convert(struct value v, double *x)
{
	switch (v.type) {
	case VALUE_INTEGER:
		*x = (double)v.integer;
		return ENCODE_DONE;
	case VALUE_DOUBLE:
		*x = v.number;
		return ENCODE_DONE;
	case VALUE_UNSIGNED:
		*x = (double)v.uinteger;
		return ENCODE_DONE;
	case VALUE_BOOL:
		*x = v.truth;
		return ENCODE_DONE;
	case VALUE_MISSING:
	case VALUE_NULL:
		return ENCODE_MISSING;
	default:
		return ENCODE_WRONG;
	}
}

/* ---- a known schema ---- */

/* "f[3]" is item 3 of f, "f=VALUE" the category VALUE of f; the name as a whole comes first, whatever it looks like. */
static void understand(struct place *p, const char *name)
{
	const size_t len = strlen(name);
	const char *equals = strchr(name, '='), *open = strrchr(name, '[');

	p->kind = PLAIN;
	if (open && open > name && name[len - 1] == ']' && open + 2 < name + len &&
	    strspn(open + 1, "0123456789") == len - 2 - (size_t)(open - name) && len - 2 - (size_t)(open - name) < 10) {
		p->kind = ITEM;
		p->index = (uint32_t)strtoul(open + 1, NULL, 10);
		p->base_len = (size_t)(open - name);
	} else if (equals && equals > name) {
		p->kind = CATEGORY;
		p->base_len = (size_t)(equals - name);
		p->category = equals + 1;
		p->category_len = len - p->base_len - 1;
	}
}

static int slot_of(struct fields *fields, int side, const char *name)
{
	struct arena arena = ARENA_INIT;
	const struct fieldpath path = side == IN_FEATURES ? fieldpath_of(&arena, "features", name, NULL)
	    : fieldpath_of(&arena, name, NULL);
	const int slot = fields_read(fields, &path);

	arena_release(&arena);
	return slot;
}

static struct encoder *known_new(const struct schema *schema)
{
	struct encoder *e = alloc_zeroed(1, sizeof *e);

	e->schema = schema;
	e->room = schema->n + 1;
	e->x = alloc_bytes(e->room * sizeof *e->x);
	e->missed.inputs = alloc_zeroed(schema->n + 1, sizeof *e->missed.inputs);
	e->absent = alloc_bytes(e->room * sizeof *e->absent);
	return e;
}

struct encoder *encode_new(const struct schema *schema, struct fields *fields)
{
	struct encoder *e = known_new(schema);

	e->places = alloc_zeroed(schema->n + 1, sizeof *e->places);
	e->numbers = alloc_zeroed(schema->n + 1, sizeof *e->numbers);
	e->features_slot = fields_read_name(fields, "features");
	for (size_t i = 0; i < schema->n; i++) {
		struct place *p = &e->places[i];
		const char *name = schema->inputs[i].name;
		understand(p, name);
		char *base = p->kind == PLAIN ? NULL : alloc_span(name, p->base_len);
		for (int side = 0; side < SIDES; side++) {
			p->own[side] = slot_of(fields, side, name);
			e->numbers[i][side] = schema->inputs[i].categories ? -1 : p->own[side];
			if (base)
				p->base[side] = slot_of(fields, side, base);
		}
		free(base);
	}
	return e;
}

struct encoder *encode_split(const struct encoder *of)
{
	struct encoder *e = known_new(of->schema);

	e->places = of->places;
	e->numbers = of->numbers;
	e->features_slot = of->features_slot;
	e->borrows = true;
	return e;
}

static void blame(struct encode_fault *fault, const char *name, const char *path, size_t len, int side, const char *expected,
    struct value v)
{
	*fault = (struct encode_fault){ name, path, len, side == IN_FEATURES, expected, v };
}

/* An input that is part of an array or string. *found: that is there. */
static enum encode_result part(const struct place *p, struct value base, int side, const char *name, double *x, bool *found,
    struct encode_fault *fault)
{
	const enum value_type wanted = p->kind == ITEM ? VALUE_ARRAY : VALUE_STRING;

	*found = base.type != VALUE_MISSING;
	if (value_is_null(base))
		return ENCODE_MISSING;
	if (base.type != wanted) {
		blame(fault, name, name, p->base_len, side, p->kind == ITEM ? "an array" : "a string", base);
		return ENCODE_WRONG;
	}
	if (p->kind == CATEGORY) {
		*x = base.len == p->category_len && !memcmp(base.text, p->category, base.len);
		return ENCODE_DONE;
	}
	if (p->index >= base.len)
		return ENCODE_MISSING;
	const enum encode_result result = convert(base.items[p->index], x);
	if (result == ENCODE_WRONG)
		blame(fault, name, name, strlen(name), side, "a number", base.items[p->index]);
	return result;
}

/* The index of a string or number among the input's categories; another one is missing. */
static enum encode_result category(const struct input *in, struct value v, double *x)
{
	for (size_t i = 0; i < in->n_categories; i++)
		if (v.type != VALUE_STRING ? in->numbers[i] == value_double(v) :
		    strlen(in->categories[i]) == v.len && !memcmp(in->categories[i], v.text, v.len)) {
			*x = (double)i;
			return ENCODE_DONE;
		}
	return ENCODE_MISSING;
}

static enum encode_result read_input(const struct encoder *e, size_t i, const struct value *slots, double *x,
    struct encode_fault *fault)
{
	const struct place *p = &e->places[i];
	const struct input *in = &e->schema->inputs[i];
	const char *name = in->name;

	for (int side = 0; side < SIDES; side++) {
		const struct value v = slots[p->own[side]];
		if (in->categories && (v.type == VALUE_STRING || (in->numbers && value_is_number(v))))
			return category(in, v, x);
		if (v.type != VALUE_MISSING) {
			const enum encode_result result = convert(v, x);
			if (result == ENCODE_WRONG)
				blame(fault, name, name, strlen(name), side, in->categories ? "a number or a string" : "a number", v);
			return result;
		}
		if (p->kind != PLAIN) {
			bool found;
			const enum encode_result result = part(p, slots[p->base[side]], side, name, x, &found, fault);
			if (found)
				return result;
		}
	}
	return ENCODE_MISSING;
}

static void count_missing(struct encoder *e, size_t n)
{
	struct encode_missing *m = &e->missed;

	for (size_t k = 0; k < n; k++)
		m->inputs[e->absent[k]]++;
	m->values += n;
	m->blank += n == e->schema->n && m->blank == m->rows;
}

static enum encode_result fixed_row(struct encoder *e, const struct value *slots, struct encode_fault *fault)
{
	const int side = slots[e->features_slot].type == VALUE_MISSING ? IN_RECORD : IN_FEATURES;
	size_t n_absent = 0;

	for (size_t i = 0; i < e->schema->n; i++) {
		const int slot = e->numbers[i][side];
		if (slot >= 0 && slots[slot].type == VALUE_DOUBLE) {	/* the commonest by far */
			e->x[i] = slots[slot].number;
			continue;
		}
		enum encode_result result = read_input(e, i, slots, &e->x[i], fault);
		if (result == ENCODE_DONE)
			continue;
		const struct input *in = &e->schema->inputs[i];
		if (result == ENCODE_WRONG)
			return result;
		e->absent[n_absent++] = i;
		switch (in->missing) {
		case MISSING_MEAN:
			e->x[i] = in->mean;
			break;
		case MISSING_NUMBER:
			e->x[i] = in->number;
			break;
		case MISSING_KEEP:
			e->x[i] = NAN;
			break;
		case MISSING_ERROR:
			blame(fault, in->name, in->name, strlen(in->name), IN_FEATURES, "a number", value_null());
			return ENCODE_MISSING;
		}
	}
	if (n_absent)
		count_missing(e, n_absent);
	e->missed.rows++;
	return ENCODE_DONE;
}

const struct encode_missing *encode_missing(const struct encoder *e)
{
	return &e->missed;
}

void encode_join(struct encoder *e, struct encoder *from)
{
	struct encode_missing *to = &e->missed, *more = &from->missed;

	to->blank += to->blank == to->rows ? more->blank : 0;
	to->rows += more->rows;
	to->values += more->values;
	for (size_t i = 0; more->values && i < e->schema->n; i++)
		to->inputs[i] += more->inputs[i];
	if (more->values)
		memset(more->inputs, 0, e->schema->n * sizeof *more->inputs);
	more->rows = more->blank = more->values = 0;
}

/* ---- a schema that grows ---- */

struct encoder *encode_new_growing(struct schema *schema, enum missing missing, double number, struct fields *fields,
    const struct encode_leave *leave, size_t n)
{
	struct encoder *e = alloc_zeroed(1, sizeof *e);

	e->schema = e->grows = schema;
	e->missing = missing;
	e->number = number;
	e->features_slot = fields_read_name(fields, "features");
	e->record_slot = fields_read(fields, &(struct fieldpath){ NULL, 0 });
	for (size_t i = 0; i < n; i++) {
		struct met *m = alloc_zeroed(1, sizeof *m);
		struct table_row *row = table_add(&e->met, leave[i].name, strlen(leave[i].name));
		free(row->pointer);
		*m = (struct met){ .what = LEFT_OUT, .name = row->key, .len = row->len, .reason = leave[i].reason };
		row->pointer = m;
	}
	return e;
}

/* Before a met member changes. */
static void note(struct encoder *e, struct met *m)
{
	if (e->n_undo == e->undo_room)
		e->undo = alloc_again(e->undo, e->undo_room = e->undo_room * 2 + 16, sizeof *e->undo);
	e->undo[e->n_undo++] = (struct undo){ m, m->what, m->n, m->seen };
}

/* The record is faulty: members and columns are as they were before it. */
static void take_back(struct encoder *e, size_t columns)
{
	while (e->n_undo) {
		const struct undo *u = &e->undo[--e->n_undo];
		u->met->what = u->what;
		u->met->n = u->n;
		u->met->seen = u->seen;
	}
	while (e->schema->n > columns)
		schema_drop(e->grows, e->schema->n - 1);
}

static size_t add_column(struct encoder *e, const char *name, size_t len)
{
	/* A member may be called as the item of an array is: they are one input. */
	const size_t same = schema_find(e->schema, name, len);
	if (same < e->schema->n)
		return same;
	const size_t column = schema_add(e->grows, name, len, e->missing, e->number);

	if (column >= e->room) {
		e->room = e->room ? e->room * 2 : 16;
		e->x = alloc_again(e->x, e->room, sizeof *e->x);
		e->from_features = alloc_again(e->from_features, e->room, sizeof *e->from_features);
	}
	e->x[column] = NAN;
	e->from_features[column] = 0;
	return column;
}

/* The k-th item of an array that is an input. */
static void add_item(struct encoder *e, struct met *m)
{
	char *item = alloc_format("%s[%zu]", m->name, m->n);

	note(e, m);
	m->columns = alloc_again(m->columns, m->n + 1, sizeof *m->columns);
	m->columns[m->n] = add_column(e, item, strlen(item));
	m->n++;
	free(item);
}

/* What a member is, by its first value that tells: null and empty arrays do not. */
static void decide(struct encoder *e, struct met *m, int side)
{
	const struct value v = m->value;
	const char *reason = NULL;
	enum what what = NUMBER;
	double x;

	if (v.type == VALUE_ARRAY && side == IN_FEATURES) {
		size_t i = 0;
		while (i < v.len && value_is_null(v.items[i]))
			i++;
		if (i == v.len)
			return;
		what = ITEMS;
		if (convert(v.items[i], &x) != ENCODE_DONE)
			reason = "an array, but not of numbers";
	} else {
		const enum encode_result result = convert(v, &x);
		if (result == ENCODE_MISSING)
			return;
		if (result == ENCODE_WRONG)
			reason = value_kind(v);
	}
	if (!m->len || memchr(m->name, 0, m->len))
		reason = "not a name that a model can hold";
	if (!reason && e->frozen)
		reason = "not in the first record";
	if (!reason && e->schema->n >= ENCODE_INPUTS_MAX)
		reason = "too many inputs";
	note(e, m);
	m->what = reason ? LEFT_OUT : what;
	m->reason = reason;
	if (m->what == NUMBER)
		m->column = add_column(e, m->name, m->len);
}

static struct met *meet(struct encoder *e, struct value name)
{
	struct table_row *row = table_add(&e->met, name.text, name.len);
	struct met *m = alloc_zeroed(1, sizeof *m);

	*m = (struct met){ .what = UNDECIDED, .name = row->key, .len = row->len };
	return row->pointer = m;
}

static struct met *known(struct encoder *e, struct value name, size_t k, int side)
{
	struct walk *w = &e->walks[side];
	struct table_row *row;

	if (k < w->room && w->at[k].met && w->at[k].len == name.len && !memcmp(w->at[k].name, name.text, name.len))
		return w->at[k].met;
	row = table_find(&e->met, name.text, name.len);
	if (!row)
		return NULL;
	if (k < 4096) {
		if (k >= w->room) {
			const size_t room = k * 2 + 16;
			w->at = alloc_again(w->at, room, sizeof *w->at);
			memset(w->at + w->room, 0, (room - w->room) * sizeof *w->at);
			w->room = room;
		}
		/* The table keeps a key where it is. */
		w->at[k] = (struct expected){ row->pointer, row->key, row->len };
	}
	return row->pointer;
}

static enum encode_result take(struct encoder *e, struct met *m, int side, struct encode_fault *fault)
{
	const struct value v = m->value;

	if (m->what == NUMBER) {
		if (side == IN_RECORD && e->from_features[m->column] == e->row)
			return ENCODE_DONE;
		if (side == IN_FEATURES)
			e->from_features[m->column] = e->row;
		const enum encode_result result = convert(v, &e->x[m->column]);
		if (result == ENCODE_MISSING)
			e->x[m->column] = NAN;
		else if (result == ENCODE_WRONG)
			blame(fault, m->name, m->name, m->len, side, "a number", v);
		return result == ENCODE_WRONG ? result : ENCODE_DONE;
	}
	if (!value_is_null(v) && v.type != VALUE_ARRAY) {
		blame(fault, m->name, m->name, m->len, side, "an array", v);
		return ENCODE_WRONG;
	}
	const size_t len = v.type == VALUE_ARRAY ? v.len : 0;
	for (size_t i = 0; i < len || i < m->n; i++) {
		if (i == m->n && (e->frozen || e->schema->n >= ENCODE_INPUTS_MAX))
			break;
		if (i == m->n)
			add_item(e, m);
		const size_t column = m->columns[i];
		if (side == IN_RECORD && e->from_features[column] == e->row)
			continue;
		if (side == IN_FEATURES)
			e->from_features[column] = e->row;
		e->x[column] = NAN;
		if (i < len && convert(v.items[i], &e->x[column]) == ENCODE_WRONG) {
			/* The columns may be taken back: the name that stays is the member's. */
			char *item = arena_get(&e->arena, m->len + 32);
			snprintf(item, m->len + 32, "%s[%zu]", m->name, i);
			blame(fault, item, m->name, m->len, side, "an array of numbers", v.items[i]);
			return ENCODE_WRONG;
		}
	}
	return ENCODE_DONE;
}

/* The members of an object, each name once, with the last of its values. `discover`: new names too. */
static void meet_all(struct encoder *e, struct value object, int side, bool discover)
{
	struct json_walk w;
	struct value name, v;

	e->turn++;
	e->n_walked = 0;
	json_walk(&w, object);
	for (size_t k = 0; json_walk_next(&w, &e->arena, &name, &v); k++) {
		struct met *m = known(e, name, k, side);
		if (!m && discover && !(side == IN_RECORD && name.len == 8 && !memcmp(name.text, "features", 8)))
			m = meet(e, name);
		if (!m || (m->what == LEFT_OUT && m->seen))
			continue;
		m->value = v;
		if (m->turn == e->turn)
			continue;
		m->turn = e->turn;
		if (e->n_walked == e->walked_room)
			e->walked = alloc_again(e->walked, e->walked_room = e->walked_room * 2 + 16, sizeof(struct met *));
		e->walked[e->n_walked++] = m;
	}
}

/* Takes what the members of an object give; `discover`: new names become inputs. */
static enum encode_result walk_object(struct encoder *e, struct value object, int side, bool discover, struct encode_fault *fault)
{
	meet_all(e, object, side, discover);
	for (size_t i = 0; i < e->n_walked; i++) {
		struct met *m = e->walked[i];
		if (m->what == UNDECIDED && discover)
			decide(e, m, side);
		if (m->what == UNDECIDED || m->what == LEFT_OUT) {
			if (!m->seen)
				note(e, m);
			m->seen = true;
			continue;
		}
		const enum encode_result result = take(e, m, side, fault);
		if (result != ENCODE_DONE)
			return result;
	}
	return ENCODE_DONE;
}

static bool is_object(struct value v)
{
	return v.type == VALUE_OBJECT || (v.type == VALUE_TREE && !json_is_array(v));
}

static enum encode_result growing_values(struct encoder *e, const struct value *slots, struct encode_fault *fault)
{
	const struct value features = slots[e->features_slot];
	enum encode_result result = ENCODE_DONE;
	size_t found = 0;

	if (!e->started)
		e->top_level = !is_object(features);
	if (is_object(features))
		result = walk_object(e, features, IN_FEATURES, !e->top_level, fault);
	for (size_t j = 0; j < e->schema->n; j++)
		found += e->from_features[j] == e->row;
	if (result == ENCODE_DONE && (e->top_level || found < e->schema->n))
		result = walk_object(e, slots[e->record_slot], IN_RECORD, e->top_level, fault);
	for (size_t j = 0; result == ENCODE_DONE && e->missing == MISSING_ERROR && j < e->schema->n; j++)
		if (isnan(e->x[j])) {
			const char *name = e->schema->inputs[j].name;
			name = arena_copy(&e->arena, name, strlen(name));	/* the column may be taken back */
			blame(fault, name, name, strlen(name), !e->top_level, "a number", value_null());
			result = ENCODE_MISSING;
		}
	return result;
}

static enum encode_result growing_row(struct encoder *e, const struct value *slots, struct encode_fault *fault)
{
	const size_t columns = e->schema->n;

	arena_clear(&e->arena);
	e->row++;
	e->n_undo = 0;
	for (size_t j = 0; j < columns; j++)
		e->x[j] = NAN;
	const enum encode_result result = growing_values(e, slots, fault);
	if (result == ENCODE_DONE) {
		e->started = true;
		e->frozen = e->missing == MISSING_ERROR;
	} else
		take_back(e, columns);
	return result;
}

/* ---- both ---- */

enum encode_result encode_row(struct encoder *e, const struct value *slots, const double **x, struct encode_fault *fault)
{
	const enum encode_result result = e->grows ? growing_row(e, slots, fault) : fixed_row(e, slots, fault);

	*x = e->x;
	return result;
}

void encode_explain(const struct encode_fault *f, enum encode_result result, struct buf *b)
{
	buf_format(b, "feature %s", f->name);
	if (result == ENCODE_MISSING) {
		buf_add_text(b, " is missing");
		return;
	}
	buf_format(b, ": %s%.*s is %s", f->in_features ? "features." : "", (int)f->path_len, f->path, value_kind(f->value));
	if (f->value.type == VALUE_STRING || f->value.type == VALUE_HUGE || value_is_number(f->value) || f->value.type == VALUE_BOOL) {
		struct buf text = BUF_INIT;
		value_show(f->value, &text);
		buf_format(b, " (%.*s%s)", (int)(text.len < 100 ? text.len : 100), text.data, text.len < 100 ? "" : "...");
		buf_release(&text);
	}
	buf_format(b, ", not %s", f->expected);
}

bool encode_left_out(const struct encoder *e, size_t *at, struct encode_leave *out)
{
	while (*at < e->met.n) {
		const struct met *m = e->met.rows[(*at)++].pointer;
		const char *reason = m->what == LEFT_OUT ? m->reason : m->what != UNDECIDED ? NULL :
		    m->value.type == VALUE_ARRAY ? "empty in every record" : "null in every record";
		if (m->seen && reason) {
			*out = (struct encode_leave){ m->name, reason };
			return true;
		}
	}
	return false;
}

bool encode_is_top_level(const struct encoder *e)
{
	return e->top_level;
}

void encode_free(struct encoder *e)
{
	if (!e)
		return;
	for (size_t i = 0; i < e->met.n; i++) {
		struct met *m = e->met.rows[i].pointer;
		free(m->columns);
		free(m);
	}
	table_release(&e->met);
	for (int side = 0; side < SIDES; side++)
		free(e->walks[side].at);
	free(e->from_features);
	free(e->walked);
	free(e->undo);
	if (!e->borrows) {
		free(e->places);
		free(e->numbers);
	}
	free(e->missed.inputs);
	free(e->absent);
	free(e->x);
	arena_release(&e->arena);
	free(e);
}
