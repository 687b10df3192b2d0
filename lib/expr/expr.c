/* SPDX-License-Identifier: MIT */
#include "expr/expr.h"

#include "expr/builtin.h"
#include "expr/caret.h"
#include "expr/check.h"
#include "expr/eval.h"
#include "expr/parse.h"
#include "expr/show.h"
#include "expr/token.h"
#include "expr/tree.h"

/* An array of an input's record can be as long; a text as long is a mistake. */
#define TEXT_MAX ((size_t)1 << 20)

static int too_long(const struct origin *o, struct error *why)
{
	if (o->len <= TEXT_MAX)
		return 0;
	return caret_set(why, o, 0, "an expression has at most %zu bytes, this one %zu", TEXT_MAX, o->len);
}

static struct expr *compile(struct arena *arena, const struct origin *o, const struct expr_names *names, struct error *why)
{
	struct expr *e;

	if (too_long(o, why) < 0)
		return NULL;
	e = parse_expression(arena, o, names ? names->calls : NULL, why);
	return e && check_tree(e, arena, o, names, why) == 0 ? e : NULL;
}

const struct expr *expr_compile(struct arena *arena, const char *text, size_t len, const struct expr_place *place,
    const struct expr_names *names, struct error *why)
{
	struct origin o = { text, len, place };

	return compile(arena, &o, names, why);
}

const struct expr *expr_compile_condition(struct arena *arena, const char *text, size_t len, const struct expr_place *place,
    const struct expr_names *names, struct error *why)
{
	struct origin o = { text, len, place };
	struct expr *e = compile(arena, &o, names, why);

	if (e && !(e->types & TYPE_BOOL) && e->types != TYPE_NULL) {
		caret_set(why, &o, e->at, "this is %s, a condition is true or false",
		    (e->types | TYPE_NULL) == (TYPE_NUMBER | TYPE_NULL) ? "a number" :
		    (e->types | TYPE_NULL) == (TYPE_STRING | TYPE_NULL) ? "a string" : "never a boolean");
		return NULL;
	}
	return e;
}

const struct expr *expr_compile_path(struct arena *arena, const char *text, size_t len, const struct expr_place *place,
    const struct expr_names *names, struct error *why)
{
	struct origin o = { text, len, place };
	struct expr *e;

	if (too_long(&o, why) < 0)
		return NULL;
	e = parse_path(arena, &o, why);
	return e && check_tree(e, arena, &o, names, why) == 0 ? e : NULL;
}

int expr_eval(const struct expr *e, const struct expr_scope *scope, struct value *out, struct error *why)
{
	return eval_tree(e, scope, out, why);
}

int expr_test(const struct expr *e, const struct expr_scope *scope, struct error *why)
{
	char name[SHOW_SHORT], text[SHOW_SHORT];
	struct value v;

	if (eval_tree(e, scope, &v, why) < 0)
		return -1;
	if (v.type == VALUE_BOOL)
		return v.truth;
	if (value_is_null(v))
		return 0;
	return error_set(why, "%s is %s%s, a condition needs a boolean", show_short(e, name), value_kind(v),
	    show_value(v, text));
}

void expr_show(const struct expr *e, struct buf *out, const struct expr *(*local)(void *self, int index), void *self)
{
	show_tree(e, out, local, self);
}

void expr_show_call(const struct expr_call *call, struct buf *out, const struct expr *(*local)(void *self, int index),
    void *self)
{
	show_call(call, out, local, self);
}

bool expr_is_constant(const struct expr *e, struct value *out)
{
	if (e->op == OP_CONSTANT)
		*out = e->value;
	return e->op == OP_CONSTANT;
}

bool expr_is_path(const struct expr *e, const struct fieldpath **out)
{
	if (e->form == OP_PATH)
		*out = &e->path;
	return e->form == OP_PATH;
}

bool expr_is_call(const struct expr *e, int *index)
{
	if (e->op == OP_CALL)
		*index = e->index;
	return e->op == OP_CALL;
}

bool expr_uses_calls(const struct expr *e)
{
	return e->uses_calls;
}

void expr_sources(const struct expr *e, void (*see)(void *self, enum expr_source, int index), void *self)
{
	switch (e->op) {
	case OP_SLOT:
		see(self, EXPR_OF_SLOT, e->index);
		return;
	case OP_LOCAL:
		see(self, EXPR_OF_LOCAL, e->index);
		return;
	case OP_DEEP:
		see(self, e->in_local ? EXPR_OF_LOCAL : EXPR_OF_SLOT, e->index);
		return;
	case OP_CALL:
		see(self, EXPR_OF_CALL, e->index);
		return;
	default:
		for (unsigned i = 0; i < e->n; i++)
			expr_sources(e->kids[i], see, self);
	}
}

const struct expr_function_row *expr_functions(void)
{
	static struct expr_function_row table[64];
	size_t n = 0;

	for (const struct builtin *f = builtin_rows(); f->row.name && n + 1 < sizeof table / sizeof *table; f++)
		table[n++] = f->row;
	return table;
}

bool expr_is_bare_word(const char *text, size_t len)
{
	return token_is_bare_word(text, len);
}

bool expr_is_reserved(const char *name, size_t len)
{
	return token_is_reserved(name, len);
}

size_t expr_comment(const char *line, size_t len)
{
	return token_comment(line, len);
}
