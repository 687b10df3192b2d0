/* SPDX-License-Identifier: MIT */
/*
 * Expressions: what compiles has one canonical text, which compiles to the same, and both give the same value or the same
 * complaint on every record.  The first byte says as what it is compiled.
 */
#include "events.h"

#include "expr/expr.h"
#include "json/parse.h"
#include "json/write.h"

#define CALLS_MAX 16

static const struct expr_call_kind kinds[] = {
	{ "count", 0, 0, EXPR_CALL_WINDOW | EXPR_CALL_EXCLUDE | EXPR_CALL_WHERE | EXPR_CALL_BY | EXPR_CALL_DECAY },
	{ "sum", 1, 1, EXPR_CALL_WINDOW | EXPR_CALL_EXCLUDE | EXPR_CALL_WHERE | EXPR_CALL_BY | EXPR_CALL_DECAY | EXPR_CALL_NUMBERS },
	{ "last", 1, 1, EXPR_CALL_WINDOW | EXPR_CALL_EXCLUDE | EXPR_CALL_WHERE | EXPR_CALL_BY },
	{ "quantile", 2, 2, EXPR_CALL_WINDOW | EXPR_CALL_NUMBERS | EXPR_CALL_BY },
	{ "ewma", 2, 2, EXPR_CALL_WHERE | EXPR_CALL_BY | EXPR_CALL_NUMBERS | EXPR_CALL_DURATION },
	{ "sequence", 2, 2, EXPR_CALL_WINDOW | EXPR_CALL_WHERE | EXPR_CALL_SCALARS | EXPR_CALL_COUNT | EXPR_CALL_IS_ARRAY },
	{ "prev", 1, 1, EXPR_CALL_BY | EXPR_CALL_WHERE },
	{ "elapsed", 0, 0, EXPR_CALL_BY | EXPR_CALL_WHERE },
	{ NULL, 0, 0, 0 },
};

struct compiled {
	struct arena arena;
	struct fields fields;
	const struct expr *expr;
	struct error why;
	size_t n_calls;
};

/* A path that begins with "f" is an earlier feature. */
static int resolve(void *self, const struct fieldpath *path, struct expr_ref *ref, struct error *why)
{
	struct compiled *c = self;

	if (!strcmp(path->steps[0].name, "nosuch"))
		return error_set(why, "unknown name \"nosuch\"");
	if (!strcmp(path->steps[0].name, "f"))
		*ref = (struct expr_ref){ EXPR_LOCAL, 0, 1, true };
	else
		*ref = (struct expr_ref){ EXPR_SLOT, fields_read(&c->fields, path), path->n, false };
	return 0;
}

static int announce(void *self, const struct expr_call *call, struct error *why)
{
	struct compiled *c = self;
	struct buf shown = BUF_INIT;

	expr_show_call(call, &shown, NULL, NULL);
	CHECK(shown.len);
	buf_release(&shown);
	return c->n_calls < CALLS_MAX ? (int)c->n_calls++ : error_set(why, "too many calls");
}

static void compile(struct compiled *c, int form, const char *text, size_t n)
{
	const struct expr_names names = { c, resolve, announce, kinds, form & 4 ? TIME_S : TIME_MS };
	const struct expr_place place = { "x.features", NULL, 3, 1 };

	*c = (struct compiled){ .arena = ARENA_INIT };
	c->why.text[0] = 0;
	fields_init(&c->fields);
	c->expr = (form & 3) == 0 ? expr_compile_condition(&c->arena, text, n, &place, &names, &c->why)
	    : (form & 3) == 1 ? expr_compile_path(&c->arena, text, n, &place, &names, &c->why)
	    : expr_compile(&c->arena, text, n, &place, &names, &c->why);
	CHECK(!c->expr == (c->why.text[0] != 0));
}

static void release(struct compiled *c)
{
	fields_release(&c->fields);
	arena_release(&c->arena);
}

/* The value, or the complaint behind a '!'. */
static void result(const struct compiled *c, const char *line, size_t n, struct buf *out)
{
	static const struct value items[] = { { .type = VALUE_INTEGER, .integer = 2 }, { .type = VALUE_NULL } };
	static const struct value locals[] = { { .type = VALUE_ARRAY, .len = 2, .items = items } };
	struct value calls[CALLS_MAX], v;
	struct arena arena = ARENA_INIT;
	struct record r;
	struct error why;

	for (int i = 0; i < CALLS_MAX; i++)
		calls[i] = i % 3 == 0 ? value_integer(i) : i % 3 == 1 ? value_null() : value_text("one", 3);
	record_init(&r, line, n, &c->fields, &arena);
	r.at = (struct place){ "features", "stdin", 1, NULL };
	const struct value *values = record_values(&r);
	if (values) {
		const struct expr_scope scope = { values, locals, calls, &arena, NULL };
		if (expr_eval(c->expr, &scope, &v, &why)) {
			CHECK(*why.text);
			buf_format(out, "!%s", why.text);
		} else {
			json_write_value(out, v);
			/* What a next stage reads is what was written. */
			struct json_error e;
			struct buf object = BUF_INIT;
			buf_format(&object, "{\"v\":%s}", buf_text(out));
			CHECK(json_parse(&arena, object.data, object.len, &e));
			buf_release(&object);
		}
		if (expr_test(c->expr, &scope, &why) < 0)
			CHECK(*why.text);
	}
	arena_release(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct compiled a, b;
	struct buf shown = BUF_INIT, again = BUF_INIT, x = BUF_INIT, y = BUF_INIT;

	if (!n)
		return 0;
	const int form = bytes[0];
	const char *text = (const char *)bytes + 1;
	n--;
	expr_comment(text, n);
	expr_is_bare_word(text, n);
	expr_is_reserved(text, n);
	compile(&a, form, text, n);
	if (a.expr) {
		struct value constant;
		const struct fieldpath *path;
		expr_show(a.expr, &shown, NULL, NULL);
		compile(&b, form, shown.data, shown.len);
		if (!b.expr)
			fprintf(stderr, "%s\n", b.why.text);
		CHECK(b.expr);
		expr_show(b.expr, &again, NULL, NULL);
		CHECK_SAME(&shown, &again);
		CHECK(expr_is_constant(a.expr, &constant) == expr_is_constant(b.expr, &constant));
		CHECK(expr_is_path(a.expr, &path) == expr_is_path(b.expr, &path));
		CHECK(expr_uses_calls(a.expr) == expr_uses_calls(b.expr));
		for (size_t i = 0; i < EVENTS; i++) {
			buf_clear(&x);
			buf_clear(&y);
			result(&a, events[i], strlen(events[i]), &x);
			result(&b, events[i], strlen(events[i]), &y);
			CHECK_SAME(&x, &y);
		}
		release(&b);
	}
	release(&a);
	buf_release(&shown);
	buf_release(&again);
	buf_release(&x);
	buf_release(&y);
	return 0;
}
