/* SPDX-License-Identifier: MIT */
#include "expr/eval.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>

#include "expr/builtin.h"
#include "expr/show.h"

#define rare(x) __builtin_expect(!!(x), 0)

static const struct value failed = { .type = EVAL_FAILED };

/* ---- failing ---- */

struct value eval_failure(struct eval *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	error_setv(c->why, fmt, ap);
	va_end(ap);
	return failed;
}

static __attribute__((noinline, cold)) struct value too_large(struct eval *c, const struct expr *e, struct value v)
{
	char name[SHOW_SHORT], text[SHOW_SHORT];

	return eval_failure(c, "%s is %s%s", show_short(e, name), value_kind(v), show_value(v, text));
}

__attribute__((noinline, cold)) struct value eval_wrong(struct eval *c, const struct expr *parent, const struct expr *kid,
    struct value v, const char *need)
{
	char name[SHOW_SHORT], text[SHOW_SHORT], operator[SHOW_SHORT];

	if (v.type == VALUE_HUGE)
		return too_large(c, kid, v);
	return eval_failure(c, "%s is %s%s, %s needs %s", show_short(kid, name), value_kind(v), show_value(v, text),
	    show_operator(parent, operator), need);
}

__attribute__((noinline, cold)) int eval_wrong_number(struct eval *c, const struct expr *parent)
{
	eval_wrong(c, parent, c->blamed, c->seen, "a number");
	return EVAL_ERROR;
}

/* The operand to blame is the one that is of neither kind, else the one that is no constant. */
static __attribute__((noinline, cold)) bool wrong_order(struct eval *c, const struct expr *e, struct value a,
    struct value b)
{
	const struct expr *left = e->kids[0], *right = e->n > 1 ? e->kids[1] : left;
	char name[SHOW_SHORT], other[SHOW_SHORT], value[SHOW_SHORT], other_value[SHOW_SHORT], op[SHOW_SHORT];

	show_operator(e, op);
	if (!value_is_number(a) && a.type != VALUE_STRING) {
		eval_wrong(c, e, left, a, "a number or a string");
	} else if (!value_is_number(b) && b.type != VALUE_STRING) {
		eval_wrong(c, e, right, b, "a number or a string");
	} else if (right->op == OP_CONSTANT) {
		eval_failure(c, "%s is %s%s, %s %s needs %s", show_short(left, name), value_kind(a), show_value(a, value), op,
		    show_short(right, other), value_kind(b));
	} else if (left->op == OP_CONSTANT) {
		eval_failure(c, "%s is %s%s, %s %s needs %s", show_short(right, name), value_kind(b), show_value(b, value),
		    show_short(left, other), op, value_kind(a));
	} else {
		eval_failure(c, "%s is %s%s and %s is %s%s: %s compares two of a kind", show_short(left, name), value_kind(a),
		    show_value(a, value), show_short(right, other), value_kind(b), show_value(b, other_value), op);
	}
	return false;
}

/* ---- numbers ---- */

static inline int number_of(struct eval *c, const struct expr *e, struct value v, double *x)
{
	if (v.type == VALUE_INTEGER) {
		*x = (double)v.integer;
		return EVAL_NUMBER;
	}
	if (v.type == VALUE_DOUBLE) {
		*x = v.number;
		return EVAL_NUMBER;
	}
	if (value_is_null(v))
		return EVAL_NULL;
	if (v.type == VALUE_UNSIGNED) {
		*x = (double)v.uinteger;
		return EVAL_NUMBER;
	}
	if (eval_failed(v))
		return EVAL_ERROR;
	c->blamed = e;
	c->seen = v;
	return EVAL_OTHER;
}

/* Infinities and NaN are null. */
static inline int finite_result(double y, double *x)
{
	*x = y;
	return y - y == 0 ? EVAL_NUMBER : EVAL_NULL;
}

/* Both operands are computed, null or not: so a wrong type is found whichever side it stands on. */
static inline int operands(struct eval *c, const struct expr *e, double *a, double *b)
{
	int s = eval_operand(c, e, e->kids[0], a), t;

	if (rare(s == EVAL_ERROR))
		return s;
	t = eval_operand(c, e, e->kids[1], b);
	return rare(t == EVAL_ERROR) ? t : s | t;
}

int eval_number(struct eval *c, const struct expr *e, double *x)
{
	double a, b;
	int s;

	switch (e->op) {
	case OP_CONSTANT:
		if (e->types == TYPE_NUMBER) {
			*x = e->number;
			return EVAL_NUMBER;
		}
		return number_of(c, e, e->value, x);
	case OP_SLOT:
		return number_of(c, e, c->scope->slots[e->index], x);
	case OP_LOCAL:
		return number_of(c, e, c->scope->locals[e->index], x);
	case OP_CALL:
		return number_of(c, e, c->scope->calls[e->index], x);
	case OP_NEGATE:
		s = eval_operand(c, e, e->kids[0], &a);
		*x = s == EVAL_NUMBER ? -a : 0;
		return s;
	case OP_ADD:
		s = operands(c, e, &a, &b);
		return rare(s) ? s : finite_result(a + b, x);
	case OP_SUBTRACT:
		s = operands(c, e, &a, &b);
		return rare(s) ? s : finite_result(a - b, x);
	case OP_MULTIPLY:
		s = operands(c, e, &a, &b);
		return rare(s) ? s : finite_result(a * b, x);
	case OP_DIVIDE:
		s = operands(c, e, &a, &b);
		if (rare(s))
			return s;
		return b == 0 ? EVAL_NULL : finite_result(a / b, x);
	case OP_REMAINDER:
		s = operands(c, e, &a, &b);
		if (rare(s))
			return s;
		return b == 0 ? EVAL_NULL : finite_result(fmod(a, b), x);
	case OP_MATH:
		s = eval_operand(c, e, e->kids[0], &a);
		return rare(s) ? s : finite_result(e->function->math(a), x);
	default:
		return number_of(c, e, eval_value(c, e), x);
	}
}

static struct value computed(struct eval *c, const struct expr *e)
{
	double x;
	int s = eval_number(c, e, &x);

	return s == EVAL_NUMBER ? value_number(x) : s == EVAL_NULL ? value_null() : failed;
}

/* ---- comparisons ---- */

static inline bool equal(struct value a, struct value b)
{
	if (a.type == VALUE_INTEGER && b.type == VALUE_INTEGER)
		return a.integer == b.integer;
	if (a.type == VALUE_STRING && b.type == VALUE_STRING)
		return a.len == b.len && (a.len == 0 || memcmp(a.text, b.text, a.len) == 0);
	return value_equal(a, b);
}

bool eval_order(struct eval *c, const struct expr *e, struct value a, struct value b, int *order)
{
	if (a.type == VALUE_INTEGER && b.type == VALUE_INTEGER)
		*order = (a.integer > b.integer) - (a.integer < b.integer);
	else if (a.type == VALUE_DOUBLE && b.type == VALUE_DOUBLE)
		*order = (a.number > b.number) - (a.number < b.number);
	else if ((value_is_number(a) && value_is_number(b)) || (a.type == VALUE_STRING && b.type == VALUE_STRING))
		*order = value_compare(a, b);
	else {
		wrong_order(c, e, a, b);
		return false;
	}
	return true;
}

static struct value ordered(struct eval *c, const struct expr *e)
{
	struct value a = eval_value(c, e->kids[0]), b;
	int order;

	if (rare(eval_failed(a)))
		return failed;
	b = eval_value(c, e->kids[1]);
	if (rare(eval_failed(b)))
		return failed;
	if (rare(value_is_null(a) || value_is_null(b))) {
		/* Nothing to compare, but a boolean or an array would be wrong beside anything. */
		struct value other = value_is_null(a) ? b : a;

		if (!value_is_null(other) && !value_is_number(other) && other.type != VALUE_STRING)
			return eval_wrong(c, e, e->kids[value_is_null(a)], other, "a number or a string");
		return value_null();
	}
	if (rare(!eval_order(c, e, a, b, &order)))
		return failed;
	switch (e->op) {
	case OP_LESS:
		return value_bool(order < 0);
	case OP_LESS_EQUAL:
		return value_bool(order <= 0);
	case OP_GREATER:
		return value_bool(order > 0);
	default:
		return value_bool(order >= 0);
	}
}

static struct value compared(struct eval *c, const struct expr *e)
{
	struct value a = eval_value(c, e->kids[0]), b;

	if (rare(eval_failed(a)))
		return failed;
	b = eval_value(c, e->kids[1]);
	if (rare(eval_failed(b)))
		return failed;
	if (value_is_null(a) || value_is_null(b))
		return value_null();
	return value_bool(equal(a, b) == (e->op == OP_EQUAL));
}

/* x == a or x == b ...: an element that is written null is found by null, one that turns out to be null is unknown. */
static struct value membership(struct eval *c, const struct expr *e)
{
	struct value x = eval_value(c, e->kids[0]), found = value_bool(false);

	if (rare(eval_failed(x)))
		return failed;
	for (unsigned i = 1; i < e->n; i++) {
		const struct expr *kid = e->kids[i];
		struct value v = eval_value(c, kid);

		if (rare(eval_failed(v)))
			return failed;
		if (kid->form == OP_CONSTANT && value_is_null(kid->value)) {
			if (value_is_null(x))
				return value_bool(true);
		} else if (value_is_null(x) || value_is_null(v)) {
			found = value_null();
		} else if (equal(x, v)) {
			return value_bool(true);
		}
	}
	return found;
}

static int set_class(struct value v)
{
	return v.type == VALUE_BOOL ? 0 : value_is_number(v) ? 1 : v.type == VALUE_STRING ? 2 : 3;
}

int eval_set_order(struct value a, struct value b)
{
	int x = set_class(a), y = set_class(b);

	if (x != y)
		return x < y ? -1 : 1;
	return x == 0 ? a.truth - b.truth : x == 3 ? 0 : value_compare(a, b);
}

static struct value set_membership(struct eval *c, const struct expr *e)
{
	const struct in_set *set = e->data;
	struct value x = eval_value(c, e->kids[0]);
	size_t low = 0, high = set->n;

	if (rare(eval_failed(x)))
		return failed;
	if (value_is_null(x))
		return set->has_null ? value_bool(true) : value_null();
	if (set->n <= 8) {
		for (size_t i = 0; i < set->n; i++)
			if (equal(x, set->values[i]))
				return value_bool(true);
	} else if (set_class(x) != 3) {
		while (low < high) {
			size_t middle = low + (high - low) / 2;
			int order = eval_set_order(x, set->values[middle]);

			if (order == 0)
				return value_bool(true);
			if (order < 0)
				high = middle;
			else
				low = middle + 1;
		}
	}
	return set->has_unknown ? value_null() : value_bool(false);
}

/* ---- logic ---- */

/* A kid as a condition: 1, 0, -1 for null, -2 after a failure. */
static inline int condition(struct eval *c, const struct expr *parent, const struct expr *kid)
{
	struct value v = eval_value(c, kid);

	if (v.type == VALUE_BOOL)
		return v.truth;
	if (value_is_null(v))
		return -1;
	if (!eval_failed(v))
		eval_wrong(c, parent, kid, v, "a boolean");
	return -2;
}

/* Three-valued: what settles the answer ends it, null leaves it open. */
static struct value junction(struct eval *c, const struct expr *e)
{
	int settles = e->op == OP_OR;
	bool open = false;

	for (unsigned i = 0; i < e->n; i++) {
		int truth = condition(c, e, e->kids[i]);

		if (truth == settles)
			return value_bool(settles);
		if (rare(truth == -2))
			return failed;
		open |= truth == -1;
	}
	return open ? value_null() : value_bool(!settles);
}

static struct value negation(struct eval *c, const struct expr *e)
{
	int truth = condition(c, e, e->kids[0]);

	return truth >= 0 ? value_bool(!truth) : truth == -1 ? value_null() : failed;
}

/* ---- looking into values ---- */

static struct value look(struct eval *c, const struct expr *e, struct value v, size_t from)
{
	for (size_t i = from; i < e->path.n && !eval_failed(v); i++) {
		const struct step *s = &e->path.steps[i];
		struct value inner = { .type = VALUE_MISSING };

		if (v.type == VALUE_TREE && s->kind == STEP_NAME) {
			char text[SHOW_SHORT];

			return eval_failure(c, "%s: an object that an earlier value carries can't be looked into",
			    show_short(e, text));
		}
		if (v.type == VALUE_ARRAY && s->kind == STEP_INDEX && s->index < v.len)
			inner = v.items[s->index];
		for (uint32_t k = v.type == VALUE_OBJECT && s->kind == STEP_NAME ? v.len : 0; k-- > 0;) {
			const struct name *name = v.members[k].name;

			if (name->len == s->len && memcmp(name->text, s->name, s->len) == 0) {
				inner = v.members[k].value;
				break;
			}
		}
		v = inner;
	}
	return rare(v.type == VALUE_HUGE) ? too_large(c, e, v) : v;
}

static struct value choice(struct eval *c, const struct expr *e)
{
	int truth = condition(c, e, e->kids[0]);

	return truth == -2 ? failed : eval_value(c, e->kids[truth == 1 ? 1 : 2]);
}

static struct value coalesce(struct eval *c, const struct expr *e)
{
	struct value v = value_null();

	for (unsigned i = 0; i < e->n && value_is_null(v); i++)
		v = eval_value(c, e->kids[i]);
	return v;
}

static inline struct value carried(struct eval *c, const struct expr *e, struct value v)
{
	return rare(v.type == VALUE_HUGE) ? too_large(c, e, v) : v;
}

struct value eval_value(struct eval *c, const struct expr *e)
{
	struct value v;

	switch (e->op) {
	case OP_CONSTANT:
		return e->value;
	case OP_SLOT:
		return carried(c, e, c->scope->slots[e->index]);
	case OP_LOCAL:
		return carried(c, e, c->scope->locals[e->index]);
	case OP_CALL:
		return carried(c, e, c->scope->calls[e->index]);
	case OP_DEEP:
		return look(c, e, (e->in_local ? c->scope->locals : c->scope->slots)[e->index], e->resolved);
	case OP_LOOK:
		return look(c, e, eval_value(c, e->kids[0]), 0);
	case OP_LESS:
	case OP_LESS_EQUAL:
	case OP_GREATER:
	case OP_GREATER_EQUAL:
		return ordered(c, e);
	case OP_EQUAL:
	case OP_NOT_EQUAL:
		return compared(c, e);
	case OP_IS_NULL:
	case OP_NOT_NULL:
		v = eval_value(c, e->kids[e->index]);
		return rare(eval_failed(v)) ? failed : value_bool(value_is_null(v) == (e->op == OP_IS_NULL));
	case OP_IN:
		return membership(c, e);
	case OP_IN_SET:
		return set_membership(c, e);
	case OP_NOT:
		return negation(c, e);
	case OP_AND:
	case OP_OR:
		return junction(c, e);
	case OP_IF:
		return choice(c, e);
	case OP_COALESCE:
		return coalesce(c, e);
	case OP_FUNCTION:
		return e->function->run(c, e);
	default:
		return computed(c, e);
	}
}

int eval_tree(const struct expr *e, const struct expr_scope *scope, struct value *out, struct error *why)
{
	struct eval c = { .scope = scope, .why = why };
	struct value v = eval_value(&c, e);

	if (rare(eval_failed(v)))
		return -1;
	*out = v;
	return 0;
}
