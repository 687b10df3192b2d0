/* SPDX-License-Identifier: MIT */
#include "expr/check.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/number.h"
#include "expr/builtin.h"
#include "expr/eval.h"
#include "expr/show.h"

struct checker {
	struct arena *arena;
	const struct origin *origin;
	const struct expr_names *names;
	struct error *why;
};

static int check(struct checker *, struct expr *);

static unsigned char type_of(struct value v)
{
	switch (v.type) {
	case VALUE_MISSING:
	case VALUE_NULL:
		return TYPE_NULL;
	case VALUE_BOOL:
		return TYPE_BOOL;
	case VALUE_STRING:
		return TYPE_STRING;
	case VALUE_ARRAY:
		return TYPE_ARRAY;
	case VALUE_OBJECT:
	case VALUE_TREE:
		return TYPE_OBJECT;
	default:
		return TYPE_NUMBER;
	}
}

static const char *type_word(unsigned char types)
{
	switch (types & ~TYPE_NULL) {
	case 0:
		return "null";
	case TYPE_BOOL:
		return value_kind(value_bool(true));
	case TYPE_NUMBER:
		return value_kind(value_integer(0));
	case TYPE_STRING:
		return value_kind(value_text("", 0));
	case TYPE_ARRAY:
		return value_kind((struct value){ .type = VALUE_ARRAY });
	case TYPE_OBJECT:
		return value_kind((struct value){ .type = VALUE_OBJECT });
	case TYPE_NUMBER | TYPE_STRING:
		return "a number or a string";
	default:
		return "of another type";
	}
}

/* Whether its value can be of these types, or is always null, which may stand anywhere. */
static bool can_be(const struct expr *e, unsigned char types)
{
	return e->types & types || e->types == TYPE_NULL;
}

/* A kid that is of another type, or null at best. */
static int need(struct checker *c, const struct expr *e, const struct expr *kid, unsigned char types)
{
	char text[SHOW_SHORT], name[SHOW_SHORT];

	if (can_be(kid, types))
		return 0;
	return caret_set(c->why, c->origin, kid->at, "%s is %s, %s needs %s", show_short(kid, text), type_word(kid->types),
	    show_operator(e, name), type_word(types));
}

static void set_constant(struct expr *e, struct value v)
{
	e->op = OP_CONSTANT;
	e->value = v;
	e->types = type_of(v);
	if (value_is_number(v))
		e->number = value_double(v);
}

/* Computes what has constant operands alone. */
static int fold(struct checker *c, struct expr *e)
{
	struct expr_scope scope = { .arena = c->arena };
	struct error why;
	struct value v;

	for (unsigned i = 0; i < e->n; i++)
		if (e->kids[i]->op != OP_CONSTANT && e->kids[i]->op != OP_LIST && e->kids[i]->op != OP_WORD)
			return 0;
	if (eval_tree(e, &scope, &v, &why) < 0)
		return caret_set(c->why, c->origin, e->at, "%s", why.text);
	set_constant(e, v);
	return 0;
}

static int path(struct checker *c, struct expr *e)
{
	struct expr_ref ref = { .where = EXPR_SLOT };
	struct error why = { "" };

	if (!c->names || !c->names->resolve) {
		struct buf b = BUF_INIT;

		show_path(&e->path, &b);
		caret_set(c->why, c->origin, e->at, "unknown name \"%.*s\": only constants can stand here",
		    (int)(b.len > 60 ? 60 : b.len), b.data);
		buf_release(&b);
		return -1;
	}
	if (c->names->resolve(c->names->self, &e->path, &ref, &why) < 0)
		return caret_set(c->why, c->origin, e->at, "%s", why.text);
	e->op = ref.where == EXPR_LOCAL ? OP_LOCAL : OP_SLOT;
	e->index = ref.index;
	e->types = TYPE_ANY;
	e->uses_calls = ref.where == EXPR_LOCAL && ref.uses_calls;
	e->resolved = ref.steps < e->path.n ? ref.steps : e->path.n;
	for (size_t i = e->resolved; i < e->path.n; i++)
		if (e->path.steps[i].kind == STEP_ALL)
			return caret_set(c->why, c->origin, e->at, "[*] looks into the record alone, not into a computed value");
	for (size_t i = 0; i < e->resolved; i++)
		if (e->path.steps[i].kind == STEP_ALL)
			e->types = TYPE_ARRAY | TYPE_NULL;
	if (e->resolved < e->path.n) {
		e->in_local = e->op == OP_LOCAL;
		e->op = OP_DEEP;
		e->types = TYPE_ANY;
	}
	return 0;
}

/* The arguments of a call against what its kind takes. */
static int call_arguments(struct checker *c, const struct expr_call *call, struct expr *const *args)
{
	const unsigned flags = call->kind->flags;
	char text[SHOW_SHORT], most[NUMBER_SHOW_MAX];

	if (call->n_args && flags & EXPR_CALL_NUMBERS && !can_be(args[0], TYPE_NUMBER | TYPE_ARRAY))
		return caret_set(c->why, c->origin, args[0]->at, "%s is %s, %s() needs a number", show_short(args[0], text),
		    type_word(args[0]->types), call->kind->name);
	if (call->n_args && flags & EXPR_CALL_SCALARS && !can_be(args[0], TYPE_NUMBER | TYPE_STRING | TYPE_BOOL))
		return caret_set(c->why, c->origin, args[0]->at, "%s is %s, %s() needs a number, a string or a boolean",
		    show_short(args[0], text), type_word(args[0]->types), call->kind->name);
	if (flags & EXPR_CALL_COUNT && (int)call->n_args == call->kind->max_args) {
		const struct expr *n = args[call->n_args - 1];
		if (n->op != OP_CONSTANT || n->value.type != VALUE_INTEGER || n->value.integer < 1 || n->value.integer > EXPR_COUNT_MAX)
			return caret_set(c->why, c->origin, n->at, "how many %s() takes is a constant, a whole number from 1 to %s, not %s",
			    call->kind->name, number_group(EXPR_COUNT_MAX, most), show_short(n, text));
	}
	return 0;
}

static int call(struct checker *c, struct expr *e)
{
	struct expr_call *call = e->call;
	struct error why = { "" };
	char text[SHOW_SHORT];
	int index;

	if (call_arguments(c, call, e->kids) < 0)
		return -1;
	if (call->where && !can_be(call->where, TYPE_BOOL))
		return caret_set(c->why, c->origin, call->where->at, "%s is %s, where needs a boolean",
		    show_short(call->where, text), type_word(call->where->types));
	if (call->kind->flags & EXPR_CALL_CONSTANT && (int)call->n_args == call->kind->max_args) {
		const struct expr *last = e->kids[call->n_args - 1];
		if (last->op != OP_CONSTANT || last->types != TYPE_NUMBER)
			return caret_set(c->why, c->origin, last->at, "%s must be a constant number", show_short(last, text));
	}
	/* Where it stands, for messages of the caller. */
	const struct expr_place *place = c->origin->place;
	call->line = place ? place->line : 0;
	call->column = (unsigned)e->at + (place && place->column ? place->column : 1);
	if (!c->names || !c->names->call)
		return caret_set(c->why, c->origin, e->at, "%s() can't stand here", call->kind->name);
	index = c->names->call(c->names->self, call, &why);
	if (index < 0)
		return caret_set(c->why, c->origin, index < -1 ? e->kids[-2 - index]->at : e->at, "%s", why.text);
	e->index = index;
	e->types = call->kind->flags & EXPR_CALL_IS_NUMBER ? TYPE_NUMBER | TYPE_NULL :
	    call->kind->flags & EXPR_CALL_IS_ARRAY ? TYPE_ARRAY | TYPE_NULL : TYPE_ANY;
	e->uses_calls = true;
	return 0;
}

/* An argument against its parameter's letter. */
static int parameter(struct checker *c, const struct expr *e, const struct expr *kid, char letter)
{
	char text[SHOW_SHORT];

	switch (letter) {
	case 'n':
		return need(c, e, kid, TYPE_NUMBER);
	case 's':
		return need(c, e, kid, TYPE_STRING);
	case 'a':
		return need(c, e, kid, TYPE_ARRAY);
	case 'c':
		return need(c, e, kid, TYPE_BOOL);
	case 'o':
		return need(c, e, kid, TYPE_NUMBER | TYPE_STRING);
	case 'k':
		if (kid->op != OP_CONSTANT)
			return caret_set(c->why, c->origin, kid->at, "%s must be a constant: %s", show_short(kid, text),
			    e->function->row.signature);
		return 0;
	case 'l':
		for (unsigned i = 0; i < kid->n; i++)
			if (kid->kids[i]->op != OP_CONSTANT)
				return caret_set(c->why, c->origin, kid->kids[i]->at, "%s must be a constant: %s",
				    show_short(kid->kids[i], text), e->function->row.signature);
		return 0;
	default:
		return 0;
	}
}

static int function(struct checker *c, struct expr *e)
{
	const struct builtin *f = e->function;
	const struct expr *blamed = e;
	unsigned char passed = 0;
	struct error why;

	for (unsigned i = 0; i < e->n; i++) {
		char letter = builtin_param(f, i);

		if (parameter(c, e, e->kids[i], letter) < 0)
			return -1;
		if (letter != 'c')
			passed |= e->kids[i]->types;
	}
	if (f->prepare && f->prepare(e, c->arena, c->names ? c->names->unit : TIME_MS, &blamed, &why) < 0)
		return caret_set(c->why, c->origin, blamed->at, "%s", why.text);
	e->op = f->op;
	e->types = f->result ? f->result : passed;
	return fold(c, e);
}

/* A set that is looked up by bisection: sorted by kind, then value. */
static int in_order(const void *a, const void *b)
{
	return eval_set_order(*(const struct value *)a, *(const struct value *)b);
}

static int membership(struct checker *c, struct expr *e)
{
	struct in_set *set;
	struct value *v;

	for (unsigned i = 1; i < e->n; i++)
		if (e->kids[i]->op != OP_CONSTANT || e->kids[i]->types & (TYPE_ARRAY | TYPE_OBJECT))
			return 0;
	set = arena_get(c->arena, sizeof *set);
	*set = (struct in_set){ .n = 0 };
	v = arena_get(c->arena, e->n * sizeof *v);
	for (unsigned i = 1; i < e->n; i++) {
		const struct expr *kid = e->kids[i];

		if (kid->form == OP_CONSTANT && value_is_null(kid->value))
			set->has_null = true;
		else if (value_is_null(kid->value))
			set->has_unknown = true;
		else
			v[set->n++] = kid->value;
	}
	qsort(v, set->n, sizeof *v, in_order);
	set->values = v;
	e->data = set;
	e->op = OP_IN_SET;
	return 0;
}

static bool is_null_literal(const struct expr *e)
{
	return e->form == OP_CONSTANT && value_is_null(e->value);
}

static int operator(struct checker *c, struct expr *e)
{
	char text[SHOW_SHORT], other[SHOW_SHORT], name[SHOW_SHORT];

	switch (e->form) {
	case OP_NEGATE:
	case OP_ADD:
	case OP_SUBTRACT:
	case OP_MULTIPLY:
	case OP_DIVIDE:
	case OP_REMAINDER:
		for (unsigned i = 0; i < e->n; i++)
			if (need(c, e, e->kids[i], TYPE_NUMBER) < 0)
				return -1;
		e->types = TYPE_NUMBER | TYPE_NULL;
		break;
	case OP_LESS:
	case OP_LESS_EQUAL:
	case OP_GREATER:
	case OP_GREATER_EQUAL:
		for (unsigned i = 0; i < 2; i++)
			if (need(c, e, e->kids[i], TYPE_NUMBER | TYPE_STRING) < 0)
				return -1;
		if (e->kids[0]->types != TYPE_NULL && e->kids[1]->types != TYPE_NULL &&
		    !(e->kids[0]->types & e->kids[1]->types & (TYPE_NUMBER | TYPE_STRING)))
			return caret_set(c->why, c->origin, e->at, "%s is %s and %s is %s: %s compares two of a kind",
			    show_short(e->kids[0], text), type_word(e->kids[0]->types), show_short(e->kids[1], other),
			    type_word(e->kids[1]->types), show_operator(e, name));
		e->types = TYPE_BOOL | TYPE_NULL;
		break;
	case OP_EQUAL:
	case OP_NOT_EQUAL:
		e->types = TYPE_BOOL | TYPE_NULL;
		if (is_null_literal(e->kids[0]) || is_null_literal(e->kids[1])) {
			e->index = is_null_literal(e->kids[1]) ? 0 : 1;
			e->op = e->form == OP_EQUAL ? OP_IS_NULL : OP_NOT_NULL;
			e->types = TYPE_BOOL;
		}
		break;
	case OP_IN:
		e->types = TYPE_BOOL | TYPE_NULL;
		if (membership(c, e) < 0)
			return -1;
		break;
	default:	/* not, and, or */
		for (unsigned i = 0; i < e->n; i++)
			if (need(c, e, e->kids[i], TYPE_BOOL) < 0)
				return -1;
		e->types = TYPE_BOOL | TYPE_NULL;
		break;
	}
	return fold(c, e);
}

static int check(struct checker *c, struct expr *e)
{
	if (e->op == OP_CONSTANT) {
		set_constant(e, e->value);
		return 0;
	}
	if (e->op == OP_PATH)
		return path(c, e);
	for (unsigned i = 0; i < e->n; i++) {
		if (e->form == OP_FUNCTION && builtin_param(e->function, i) == 'u' &&
		    (e->kids[i]->form == OP_PATH || e->kids[i]->form == OP_WORD))
			continue;
		if (check(c, e->kids[i]) < 0)
			return -1;
		e->uses_calls |= e->kids[i]->uses_calls;
	}
	switch (e->form) {
	case OP_LIST:
		e->types = TYPE_ARRAY;
		return 0;
	case OP_CALL:
		return call(c, e);
	case OP_LOOK:
		if (need(c, e, e->kids[0], e->path.steps[0].kind == STEP_NAME ? TYPE_OBJECT : TYPE_ARRAY) < 0)
			return -1;
		e->types = TYPE_ANY;
		return fold(c, e);
	case OP_FUNCTION:
		return function(c, e);
	default:
		return operator(c, e);
	}
}

int check_tree(struct expr *e, struct arena *arena, const struct origin *origin, const struct expr_names *names,
    struct error *why)
{
	struct checker c = { arena, origin, names, why };

	return check(&c, e);
}
