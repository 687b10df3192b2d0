/* SPDX-License-Identifier: MIT */
/*
 * The expression language from outside: what the cases in test/expr can't say.  Random trees against the same arithmetic in
 * C, canonical text as a property, arbitrary bytes, limits, and the interface that the layers above rely on.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/hash.h"
#include "base/number.h"
#include "base/prng.h"
#include "expr/expr.h"
#include "tap.h"

#define N_NAMES 6

static const char *const letters[N_NAMES] = { "a", "b", "c", "d", "s", "t" };

#define ALL_CLAUSES (EXPR_CALL_WINDOW | EXPR_CALL_DECAY | EXPR_CALL_EXCLUDE | EXPR_CALL_WHERE | EXPR_CALL_BY)

static const struct expr_call_kind kinds[] = {
	{ "count", 0, 0, ALL_CLAUSES },
	{ "sum", 1, 1, ALL_CLAUSES | EXPR_CALL_NUMBERS },
	{ "quantile", 2, 2, ALL_CLAUSES },
	{ "ewma", 2, 2, EXPR_CALL_BY | EXPR_CALL_WHERE | EXPR_CALL_DURATION },
	{ "prev", 1, 1, 0 },
	{ NULL, 0, 0, 0 },
};

struct world {
	size_t n_calls;
	char calls[8][64];	/* as announced */
	size_t resolved;
};

static int resolve(void *self, const struct fieldpath *path, struct expr_ref *ref, struct error *why)
{
	struct world *w = self;

	w->resolved++;
	if (path->steps[0].len == 5 && memcmp(path->steps[0].name, "local", 5) == 0) {
		*ref = (struct expr_ref){ .where = EXPR_LOCAL, .index = 0, .steps = 1 };
		return 0;
	}
	if (strcmp(path->steps[0].name, "stateful") == 0) {
		*ref = (struct expr_ref){ .where = EXPR_LOCAL, .index = 1, .steps = 1, .uses_calls = true };
		return 0;
	}
	ref->steps = path->n;
	for (int i = 0; i < N_NAMES; i++) {
		if (strcmp(path->steps[0].name, letters[i]) == 0) {
			ref->index = i;
			return 0;
		}
	}
	if (strcmp(path->steps[0].name, "unknown") == 0)
		return error_set(why, "unknown name \"unknown\"");
	ref->index = N_NAMES;	/* missing */
	return 0;
}

static int announce(void *self, const struct expr_call *call, struct error *why)
{
	struct world *w = self;
	struct buf b = BUF_INIT;

	(void)why;
	expr_show_call(call, &b, NULL, NULL);
	if (w->n_calls < 8)
		snprintf(w->calls[w->n_calls], sizeof w->calls[0], "%s", buf_text(&b));
	buf_release(&b);
	return (int)w->n_calls++;
}

static struct world world;
static const struct expr_names names = { &world, resolve, announce, kinds, TIME_MS };

static const struct expr *compile(struct arena *arena, const char *text, struct error *why)
{
	world = (struct world){ .n_calls = 0 };
	return expr_compile(arena, text, strlen(text), NULL, &names, why);
}

static char *shown(const struct expr *e, struct buf *b)
{
	buf_clear(b);
	expr_show(e, b, NULL, NULL);
	return (char *)buf_text(b);
}

/* ---- random arithmetic against C ---- */

static struct prng dice;

static struct value random_value(void)
{
	static const double odd[] = { 0, 1, -1, 0.5, 1e308, -1e308, 1e-308, 3, 1e15, 9007199254740993.0 };

	switch (prng_below(&dice, 8)) {
	case 0:
		return value_null();
	case 1:
		return (struct value){ .type = VALUE_MISSING };
	case 2:
		return value_number(odd[prng_below(&dice, sizeof odd / sizeof *odd)]);
	case 3:
		return value_integer((int64_t)prng_next(&dice));
	case 4:
		return (struct value){ .type = VALUE_UNSIGNED, .uinteger = prng_next(&dice) | (uint64_t)1 << 63 };
	default:
		return value_number((prng_unit(&dice) - 0.5) * pow(10, (double)prng_below(&dice, 12)));
	}
}

/* NaN stands for null: what is not finite is null, whatever is done to it. */
static double finite_or_null(double x)
{
	return isfinite(x) ? x : NAN;
}

/* Writes a tree and computes it. */
static double random_arithmetic(struct buf *b, const struct value *slots, int depth)
{
	double x, y;
	int k;

	if (depth == 0 || prng_below(&dice, 6) == 0) {
		k = (int)prng_below(&dice, 5);
		if (k < 4) {
			buf_add_text(b, letters[k]);
			return value_is_null(slots[k]) ? NAN : value_double(slots[k]);
		}
		struct value v;
		do
			v = random_value();
		while (value_is_null(v));
		char text[NUMBER_SHOW_MAX];
		number_show(value_double(v), text);
		buf_format(b, "(%s)", text);
		return value_double(v);
	}
	buf_add_byte(b, '(');
	k = (int)prng_below(&dice, 9);
	if (k < 5) {
		x = random_arithmetic(b, slots, depth - 1);
		buf_format(b, " %c ", "+-*/%"[k]);
		y = random_arithmetic(b, slots, depth - 1);
		x = k == 0 ? x + y : k == 1 ? x - y : k == 2 ? x * y : y == 0 ? NAN : k == 3 ? x / y : fmod(x, y);
	} else if (k == 5) {
		buf_add_byte(b, '-');
		x = -random_arithmetic(b, slots, depth - 1);
	} else if (k == 6) {
		buf_add_text(b, "sqrt(");
		x = sqrt(random_arithmetic(b, slots, depth - 1));
		buf_add_byte(b, ')');
	} else if (k == 7) {
		buf_add_text(b, "floor(");
		x = floor(random_arithmetic(b, slots, depth - 1));
		buf_add_byte(b, ')');
	} else {
		buf_add_text(b, "if(true, ");
		x = random_arithmetic(b, slots, depth - 1);
		buf_add_text(b, ", null)");
	}
	buf_add_byte(b, ')');
	return finite_or_null(x);
}

static void test_arithmetic(void)
{
	struct buf text = BUF_INIT;
	struct arena arena = ARENA_INIT;
	int wrong = 0, n_null = 0;

	prng_init(&dice, 1);
	for (int i = 0; i < 20000; i++) {
		struct value slots[N_NAMES + 1] = { { .type = VALUE_MISSING } }, got, expected;
		struct expr_scope scope = { slots, NULL, NULL, &arena, NULL };
		struct error why;
		double x;

		for (int k = 0; k < 4; k++)
			slots[k] = random_value();
		buf_clear(&text);
		x = random_arithmetic(&text, slots, 1 + (int)prng_below(&dice, 5));
		expected = value_number(x);
		arena_clear(&arena);
		const struct expr *e = compile(&arena, buf_text(&text), &why);
		if (!e || expr_eval(e, &scope, &got, &why) < 0) {
			printf("# %s: %s\n", buf_text(&text), why.text);
			wrong++;
			continue;
		}
		n_null += value_is_null(got);
		/* A path alone is carried: the integers of the record, exactly. */
		const struct fieldpath *path;
		if (expr_is_path(e, &path))
			continue;
		if (value_is_null(got) != value_is_null(expected) ||
		    (!value_is_null(got) && (!value_is_number(got) || value_double(got) != value_double(expected)))) {
			printf("# %s: got %.17g, expected %.17g\n", buf_text(&text), value_is_null(got) ? NAN : value_double(got), x);
			wrong++;
		}
	}
	is_int(wrong, 0, "20,000 random trees give what C gives");
	ok(n_null > 1000 && n_null < 19000, "some of them null, some not");
	arena_release(&arena);
	buf_release(&text);
}

/* ---- canonical text ---- */

static void random_expression(struct buf *b, int depth, int kind);

static void random_list(struct buf *b, int depth)
{
	buf_add_byte(b, '[');
	for (int i = (int)prng_below(&dice, 3); i >= 0; i--) {
		random_expression(b, depth - 1, 'n');
		if (i)
			buf_add_text(b, ",");
	}
	buf_add_byte(b, ']');
}

static void random_clauses(struct buf *b, int depth)
{
	static const char *const windows[] = { "over all", "over last 10", "over 10m", "over 60m every 5m",
		"over 1h every 30m offset 7m", "over tumbling 90m", "over tumbling 1d offset 6h", "over session 30m", "decay 1h" };
	int order = (int)prng_below(&dice, 6);

	for (int i = 0; i < 3; i++) {
		int which = (order + i * (order & 1 ? 1 : 2)) % 3;

		if (prng_below(&dice, 2))
			continue;
		if (which == 0)
			buf_format(b, " %s", windows[prng_below(&dice, sizeof windows / sizeof *windows)]);
		else if (which == 1)
			buf_add_text(b, " exclude  current");
		else
			buf_add_text(b, prng_below(&dice, 2) ? " by a" : " by a.b , [\"in\"]");
	}
	if (prng_below(&dice, 3) == 0) {
		buf_add_text(b, " where ");
		random_expression(b, depth - 1, 'b');
	}
}

/* Text of an expression for a number ('n'), a boolean ('b') or a string ('s'); sometimes with a comma too many. */
static void random_expression(struct buf *b, int depth, int kind)
{
	static const char *const leaves[] = { "a", "b.c[0]", "[\"x y\"]", "c", "1", "2.50", "1e3", "-4", "9007199254740993",
		"local", "null", "stateful" };
	static const char *const ops[] = { "+", "-", "*", "/", "%" }, *const compare[] = { "<", "<=", ">", ">=", "==", "!=" };
	bool paren = prng_below(&dice, 4) == 0;
	int k;

	if (paren)
		buf_add_byte(b, '(');
	if (kind == 's') {
		buf_add_text(b, prng_below(&dice, 2) ? "lower( s )" : "'it\\'s \\u00e9 \"x\"'");
	} else if (kind == 'b') {
		k = depth <= 0 ? (int)prng_below(&dice, 3) : (int)prng_below(&dice, 9);
		if (k < 2) {
			random_expression(b, depth - 1, 'n');
			buf_format(b, " %s ", compare[prng_below(&dice, 6)]);
			random_expression(b, depth - 1, 'n');
		} else if (k == 2) {
			buf_add_text(b, prng_below(&dice, 2) ? "t" : "true");
		} else if (k < 5) {
			random_expression(b, depth - 1, 'b');
			buf_add_text(b, k == 3 ? " and " : " or ");
			random_expression(b, depth - 1, 'b');
		} else if (k == 5) {
			buf_add_text(b, "not ");
			random_expression(b, depth - 1, 'b');
		} else if (k == 6) {
			random_expression(b, depth - 1, 'n');
			buf_add_text(b, prng_below(&dice, 2) ? " in " : " not in ");
			random_list(b, depth);
		} else if (k == 7) {
			buf_add_text(b, "contains(");
			random_expression(b, depth - 1, 's');
			buf_add_text(b, ", 'x')");
		} else {
			random_expression(b, depth - 1, 'n');
			buf_add_text(b, prng_below(&dice, 2) ? "==null" : "!= null");
		}
	} else {
		k = depth <= 0 ? 0 : (int)prng_below(&dice, 10);
		if (k < 2) {
			buf_add_text(b, leaves[prng_below(&dice, sizeof leaves / sizeof *leaves)]);
		} else if (k < 5) {
			random_expression(b, depth - 1, 'n');
			buf_format(b, "%s%s ", prng_below(&dice, 2) ? " " : "", ops[prng_below(&dice, 5)]);
			random_expression(b, depth - 1, 'n');
		} else if (k == 5) {
			buf_add_text(b, "- ");
			random_expression(b, depth - 1, 'n');
		} else if (k == 6) {
			static const char *const calls[] = { "if(t,", "coalesce( null,", "clip(1," };
			int which = (int)prng_below(&dice, 3);

			buf_add_text(b, calls[which]);
			random_expression(b, depth - 1, 'n');
			buf_add_text(b, ",");
			random_expression(b, depth - 1, 'n');
			buf_add_text(b, ")");
		} else if (k == 7) {
			static const char *const some[] = { "hour(a)", "hour(a, s, '+02:00')", "bucket(a,[1,2.0])",
				"onehot(s,[\"x\",1])[0]", "split(s, ',')[1]", "hash(s,10)", "length(s)", "ewma(a, 90m)",
				"(sum(a) over last 3)[0]", "sum(prev(a))[1]" };

			buf_add_text(b, some[prng_below(&dice, sizeof some / sizeof *some)]);
		} else if (k == 8) {
			buf_add_text(b, "sum(");
			random_expression(b, depth - 1, 'n');
			buf_add_byte(b, ')');
			random_clauses(b, depth);
		} else {
			buf_add_text(b, "count()");
			random_clauses(b, depth);
		}
	}
	if (paren)
		buf_add_byte(b, ')');
}

/* Equal values, nulls included. */
static bool same_outcome(const struct expr *a, const struct expr *b, const struct expr_scope *scope)
{
	struct value x, y;
	struct error why, other;
	int left = expr_eval(a, scope, &x, &why), right = expr_eval(b, scope, &y, &other);

	if (left < 0 || right < 0)
		return left == right && strcmp(why.text, other.text) == 0;
	return value_equal(x, y);
}

static void test_show(void)
{
	struct buf text = BUF_INIT, first = BUF_INIT, second = BUF_INIT;
	struct arena arena = ARENA_INIT, work = ARENA_INIT;
	int refused = 0, wrong = 0, n_where = 0, longest = 0;

	prng_init(&dice, 2);
	for (int i = 0; i < 30000; i++) {
		struct value slots[N_NAMES + 1] = { { .type = VALUE_MISSING } }, locals[2], calls[400];
		struct expr_scope scope = { slots, locals, calls, &work, NULL };
		struct error why;

		buf_clear(&text);
		random_expression(&text, (int)prng_below(&dice, 6), prng_below(&dice, 2) ? 'n' : 'b');
		arena_clear(&arena);
		arena_clear(&work);
		const struct expr *e = compile(&arena, buf_text(&text), &why);
		if (!e) {
			refused++;
			continue;
		}
		if (world.n_calls > 400)
			continue;
		shown(e, &first);
		const struct expr *again = compile(&arena, buf_text(&first), &why);
		if (!again) {
			printf("# %s\n# shown as %s\n# %s\n", buf_text(&text), buf_text(&first), why.text);
			wrong++;
			continue;
		}
		for (int k = 0; k < N_NAMES; k++)
			slots[k] = random_value();
		slots[4] = value_text("x,Y", 3);
		slots[5] = value_bool(i % 2);
		locals[0] = random_value();
		locals[1] = random_value();
		for (int k = 0; k < 400; k++)
			calls[k] = random_value();
		if (strcmp(shown(again, &second), buf_text(&first)) != 0 || !same_outcome(e, again, &scope)) {
			printf("# %s\n# %s\n# %s\n", buf_text(&text), buf_text(&first), buf_text(&second));
			wrong++;
		}
		n_where += strstr(buf_text(&first), "where") != NULL;
		if ((int)first.len > longest)
			longest = (int)first.len;
	}
	is_int(wrong, 0, "what is shown compiles to the same, shown and computed");
	ok(refused < 15000 && n_where > 1000 && longest > 300, "on enough expressions (%d refused, %d with where, up to %d bytes)",
	    refused, n_where, longest);
	arena_release(&arena);
	arena_release(&work);
	buf_release(&text);
	buf_release(&first);
	buf_release(&second);
}

/* ---- any bytes ---- */

/* Two newlines and a caret at the end, all within the bound. */
static bool well_formed(const struct error *why)
{
	size_t n = strnlen(why->text, sizeof why->text);
	const char *lf = memchr(why->text, '\n', n);

	return n < sizeof why->text && n > 2 && why->text[n - 1] == '^' && lf && strchr(lf + 1, '\n') &&
	    !strchr(strchr(lf + 1, '\n') + 1, '\n');
}

static void test_bytes(void)
{
	static const char *const seeds[] = {
		"if(a > 1 and not b in [1, 2, \"x\"], sum(c) over last 10 by d, [\"e f\"] where s == 'x\\u00e9', null)",
		"haversine(a, b, c, d) % 1000 / -2.5e-3 + hour(t, s, \"+02:00\") * coalesce(a.b[0].c[*], 7)",
		"(count() over 10m every 1m offset 5s exclude current)[0] != null or onehot(s, [\"a\", \"b\"])[1] == 1",
		"\"\xc3\xa4\xe6\x97\xa5\xf0\x9f\x98\x80\" == lower(s) or contains(s, '\t\\ud83d\\ude00')",
	};
	static const char alphabet[] = "ab()[]\"'\\,.*+-%<=>!& \t\n\0" "019eEm_#\xc3\xa9\xff";
	struct arena arena = ARENA_INIT, work = ARENA_INIT;
	struct buf b = BUF_INIT;
	int compiled = 0, wrong = 0;

	prng_init(&dice, 3);
	for (int i = 0; i < 60000; i++) {
		const char *seed = seeds[prng_below(&dice, sizeof seeds / sizeof *seeds)];
		struct error why;
		size_t n;
		char *text;

		if (i % 3 == 0) {
			n = prng_below(&dice, 40);
			text = malloc(n + 1);
			for (size_t k = 0; k < n; k++)
				text[k] = i % 2 ? (char)prng_next(&dice) : alphabet[prng_below(&dice, sizeof alphabet - 1)];
		} else {
			n = strlen(seed);
			text = malloc(n + 1);
			memcpy(text, seed, n);
			for (size_t k = prng_below(&dice, 4); k-- > 0;)
				text[prng_below(&dice, n)] = alphabet[prng_below(&dice, sizeof alphabet - 1)];
			if (i % 3 == 1)
				n = prng_below(&dice, n + 1);
		}
		/* Exactly as long as it says, so that a sanitizer sees a byte too many. */
		char *exact = malloc(n ? n : 1);
		memcpy(exact, text, n);
		free(text);
		arena_clear(&arena);
		arena_clear(&work);
		world = (struct world){ .n_calls = 0 };
		memset(&why, 'x', sizeof why);
		const struct expr *e = expr_compile(&arena, exact, n, NULL, &names, &why);
		expr_comment(exact, n);
		expr_is_bare_word(exact, n);
		if (!e) {
			if (!well_formed(&why)) {
				printf("# %s\n", why.text);
				wrong++;
			}
		} else {
			struct value slots[N_NAMES + 1] = { value_integer(1), value_integer(2) }, locals[2] = { value_null(), value_null() };
			struct value calls[64] = { value_null() }, v;
			struct expr_scope scope = { slots, locals, calls, &work, NULL };

			compiled++;
			if (expr_eval(e, &scope, &v, &why) < 0 && strchr(why.text, '\n'))
				wrong++;
			shown(e, &b);
			if (!expr_compile(&arena, b.data, b.len, NULL, &names, &why)) {
				printf("# %s\n# %s\n", buf_text(&b), why.text);
				wrong++;
			}
		}
		free(exact);
	}
	is_int(wrong, 0, "arbitrary bytes: a tree, or a message with a line and a caret");
	ok(compiled > 1000, "%d of them compile", compiled);
	arena_release(&arena);
	arena_release(&work);
	buf_release(&b);
}

/* ---- limits ---- */

static void repeat(struct buf *b, const char *text, int times)
{
	while (times-- > 0)
		buf_add_text(b, text);
}

/* before * n, middle, after * n: whether it compiles; the message has `part`. */
static bool deep(const char *before, const char *middle, const char *after, int n, const char *part)
{
	struct arena arena = ARENA_INIT;
	struct buf b = BUF_INIT, out = BUF_INIT;
	struct error why = { "" };
	const struct expr *e;
	bool fine;

	repeat(&b, before, n);
	buf_add_text(&b, middle);
	repeat(&b, after, n);
	e = compile(&arena, buf_text(&b), &why);
	fine = part ? !e && strstr(why.text, part) : e != NULL;
	if (e) {
		struct value slots[N_NAMES + 1] = { value_integer(1) }, v;
		struct expr_scope scope = { slots, NULL, NULL, &arena, NULL };

		expr_eval(e, &scope, &v, &why);
		shown(e, &out);
	}
	if (!fine)
		printf("# %.100s\n", why.text);
	buf_release(&b);
	buf_release(&out);
	arena_release(&arena);
	return fine;
}

static void test_limits(void)
{
	ok(deep("(", "a", ")", 150, NULL), "150 parentheses");
	ok(deep("(", "a", ")", 250, "nested more than 200 deep"), "250 parentheses are too many");
	ok(deep("(", "a", "", 1000000, "nested more than 200 deep"), "so is a million");
	ok(deep("abs(", "a", ")", 250, "nested more than 200 deep"), "250 calls");
	ok(deep("not ", "t", "", 100000, "nested more than 200 deep"), "100,000 not");
	ok(deep("- ", "a", "", 100000, "nested more than 200 deep"), "100,000 signs");
	ok(deep("a in [", "a", "]", 100000, "nested more than 200 deep"), "100,000 lists");
	ok(deep("sum(", "a", ")", 250, "nested more than 200 deep"), "250 aggregates");
	ok(deep("count() where ", "t", "", 250, "nested more than 200 deep"), "250 conditions");
	ok(deep("a", "", "[0]", 17, "at most 16 steps"), "17 steps");
	ok(deep("a + ", "a", "", 900, NULL), "900 operators in a row");
	ok(deep("a + ", "a", "", 5000, "more than 1000 operators"), "5,000 operators in a row are too many");
	ok(deep("t and ", "t", "", 50000, NULL), "but and takes any number of operands");
	ok(deep("a == 1 or ", "t", "", 50000, NULL), "and so does or");
	ok(deep("((((((((((a + ", "a", "))))))))))", 90, "nested more than"), "mixed");
	ok(deep("a + ", "a", "", 300000, "at most 1048576 bytes"), "a text of more than a MiB");
}

/* ---- messages ---- */

static void test_place(void)
{
	struct arena arena = ARENA_INIT;
	struct error why;
	struct expr_place place = { "purchases.features", "spend = sum(x) + unknown * 2  # note", 3, 9 };

	expr_compile(&arena, place.line_text + 8, 20, &place, &names, &why);
	is_str(why.text, "purchases.features:3:18: unknown name \"unknown\"\nspend = sum(x) + unknown * 2  # note\n                 ^",
	    "a line of a file");
	place = (struct expr_place){ "-d", "größe = unknown", 0, 11 };
	expr_compile(&arena, "unknown", 7, &place, &names, &why);
	is_str(why.text, "-d: unknown name \"unknown\"\ngröße = unknown\n        ^", "an option: no line, no column");
	place = (struct expr_place){ "f", "größe = unknown\n", 7, 11 };
	expr_compile(&arena, "unknown", 7, &place, &names, &why);
	is_str(why.text, "f:7:9: unknown name \"unknown\"\ngröße = unknown\n        ^", "columns are characters");
	place = (struct expr_place){ "f", "\tx =\tunknown", 1, 6 };
	expr_compile(&arena, "unknown", 7, &place, &names, &why);
	is_str(why.text, "f:1:6: unknown name \"unknown\"\n\tx =\tunknown\n\t   \t^", "tabs stay tabs under the line");
	place = (struct expr_place){ "f", "x = ", 1, 5 };
	expr_compile(&arena, "", 0, &place, &names, &why);
	is_str(why.text, "f:1:5: the expression is empty\nx = \n    ^", "nothing there");
	expr_compile(&arena, "1 +\n 2 +\n unknown", 17, NULL, &names, &why);
	is_str(why.text, "expression: unknown name \"unknown\"\n unknown\n ^", "of several lines the one that is meant");
	place = (struct expr_place){ NULL, NULL, 1, 1 };
	expr_compile(&arena, "1 +\n 2 +\n unknown", 17, &place, &names, &why);
	is_str(why.text, "expression:3:2: unknown name \"unknown\"\n unknown\n ^", "with its number");
	expr_compile(&arena, "a \x1b[31m", 7, NULL, &names, &why);
	is_str(why.text, "expression: unexpected control character (0x1b)\na ?[31m\n  ^", "no escape reaches the terminal");
	expr_compile(&arena, "a \xff b", 5, NULL, &names, &why);
	is_str(why.text, "expression: not UTF-8: byte 0xff\na ? b\n  ^", "nor what is not UTF-8");

	char longer[300];
	memset(longer, 's', sizeof longer);
	place = (struct expr_place){ longer, NULL, 1, 1 };
	longer[sizeof longer - 1] = '\0';
	expr_compile(&arena, longer, sizeof longer - 1, &place, &names, &why);
	struct buf b = BUF_INIT;
	repeat(&b, "\"\xf0\x9f\x98\x80\xf0\x9f\x98\x80\xf0\x9f\x98\x80\" == s or ", 100);
	buf_add_text(&b, "unknown");
	repeat(&b, " or \"\xf0\x9f\x98\x80\xf0\x9f\x98\x80\xf0\x9f\x98\x80\" == s", 100);
	expr_compile(&arena, b.data, b.len, &place, &names, &why);
	ok(well_formed(&why), "a long source and a long line leave room for the caret");
	buf_release(&b);

	ok(!expr_compile(&arena, "a", 1, NULL, NULL, &why), "no names at all");
	is_str(why.text, "expression: unknown name \"a\": only constants can stand here\na\n^", "says so");
	ok(!expr_compile(&arena, "count()", 7, NULL, NULL, &why) && strstr(why.text, "unknown function"), "no calls either");
	arena_release(&arena);
}

/* ---- the interface ---- */

static const struct expr *inlined(void *self, int index)
{
	return ((const struct expr *const *)self)[index];
}

static void test_interface(void)
{
	struct arena arena = ARENA_INIT;
	struct buf b = BUF_INIT;
	struct error why;
	struct value v, slots[N_NAMES + 1] = { value_integer(5), value_null(), { .type = VALUE_HUGE, .len = 5, .text = "1e999" } };
	struct expr_scope scope = { slots, NULL, NULL, &arena, NULL };
	const struct fieldpath *path;
	const struct expr *e, *locals[2];

	e = compile(&arena, "2 * 3", &why);
	ok(expr_is_constant(e, &v) && v.integer == 6, "2 * 3 is a constant");
	ok(!expr_is_path(e, &path), "and no path");
	e = compile(&arena, "(b.c)", &why);
	ok(expr_is_path(e, &path) && path->n == 2 && !expr_is_constant(e, &v), "(b.c) is a path");
	ok(!expr_uses_calls(e), "that uses no call");
	ok(expr_uses_calls(compile(&arena, "1 + abs(count())", &why)), "a call deep inside is one");
	ok(expr_uses_calls(compile(&arena, "1 + stateful", &why)), "a local may use one");
	ok(!expr_uses_calls(compile(&arena, "1 + local", &why)), "or none");

	compile(&arena, "sum(prev(a) + count()) by b where prev(c) > 1", &why);
	is_int(world.n_calls, 4, "calls are announced");
	is_str(world.calls[0], "prev(a)", "what is inside first");
	is_str(world.calls[1], "count()", "in order");
	is_str(world.calls[2], "prev(c)", "the condition too");
	is_str(world.calls[3], "sum(prev(a) + count()) by b where prev(c) > 1", "what is outside last");

	e = expr_compile_path(&arena, "b.c[0]", 6, NULL, &names, &why);
	ok(e && expr_is_path(e, &path) && path->n == 3, "a path alone");
	ok(!expr_compile_path(&arena, "a + b", 5, NULL, &names, &why) && strstr(why.text, "unexpected \"+\""), "no expression");
	ok(!expr_compile_path(&arena, "abs(a)", 6, NULL, &names, &why), "no call");
	ok(!expr_compile_path(&arena, "\"a\"", 3, NULL, &names, &why), "no string");
	ok(!expr_compile_path(&arena, "not", 3, NULL, &names, &why) && strstr(why.text, "reserved"), "no reserved word");

	ok(expr_compile_condition(&arena, "a > 1", 5, NULL, &names, &why) != NULL, "a > 1 is a condition");
	ok(expr_compile_condition(&arena, "t", 1, NULL, &names, &why) != NULL, "t may be one");
	ok(expr_compile_condition(&arena, "null", 4, NULL, &names, &why) != NULL, "so is null");
	ok(!expr_compile_condition(&arena, "a * 2", 5, NULL, &names, &why), "a * 2 is none");
	is_str(why.text, "expression: this is a number, a condition is true or false\na * 2\n  ^", "says so");

	is_int(expr_test(compile(&arena, "a > 1", &why), &scope, &why), 1, "true");
	is_int(expr_test(compile(&arena, "a > 9", &why), &scope, &why), 0, "false");
	is_int(expr_test(compile(&arena, "b > 9", &why), &scope, &why), 0, "null is false");
	is_int(expr_test(compile(&arena, "a", &why), &scope, &why), -1, "a number is wrong");
	is_str(why.text, "a is a number (5), a condition needs a boolean", "says so");
	is_int(expr_test(compile(&arena, "c == 1", &why), &scope, &why), -1, "a number that no double holds");
	ok(strncmp(why.text, "c is a number", 13) == 0 && strstr(why.text, "1e999"), "is named");

	/* Earlier features inlined: parentheses where they are needed. */
	locals[0] = compile(&arena, "a + b", &why);
	locals[1] = compile(&arena, "count() where t", &why);
	e = compile(&arena, "local * 2 - stateful", &why);
	expr_show(e, &b, inlined, locals);
	is_str(buf_text(&b), "(a + b) * 2 - count() where t", "earlier features inlined");
	e = compile(&arena, "stateful + local", &why);
	buf_clear(&b);
	expr_show(e, &b, inlined, locals);
	is_str(buf_text(&b), "(count() where t) + (a + b)", "with parentheses");
	e = compile(&arena, "local[0] + coalesce(local, 1)", &why);
	buf_clear(&b);
	expr_show(e, &b, inlined, locals);
	is_str(buf_text(&b), "(a + b)[0] + coalesce(a + b, 1)", "and looked into");
	is_str(shown(e, &b), "local[0] + coalesce(local, 1)", "or by name");

	/* Objects made by a stage can be looked into. */
	static const struct name x = NAME("x"), y = NAME("y");
	const struct member members[] = { { &x, value_integer(1) }, { &y, value_integer(2) }, { &x, value_integer(3) } };
	struct value object = { .type = VALUE_OBJECT, .len = 3, .members = members };
	scope.locals = &object;
	ok(expr_eval(compile(&arena, "local.x", &why), &scope, &v, &why) == 0 && v.integer == 3, "the last member of a name");
	ok(expr_eval(compile(&arena, "local.z", &why), &scope, &v, &why) == 0 && value_is_null(v), "no such member");
	object = (struct value){ .type = VALUE_TREE };
	is_int(expr_eval(compile(&arena, "local.x", &why), &scope, &v, &why), -1, "an object of the input can't");

	/* The hash is that of hash.h, of the canonical text. */
	slots[0] = value_text("a\"b", 3);
	expr_eval(compile(&arena, "hash(a, 1000000)", &why), &scope, &v, &why);
	is_int(v.integer, hash_bytes("\"a\\\"b\"", 6) % 1000000, "hash of a string");
	slots[0] = value_integer(42);
	expr_eval(compile(&arena, "hash(a, 1000000)", &why), &scope, &v, &why);
	is_int(v.integer, hash_bytes("42", 2) % 1000000, "hash of a number");
	char long_text[2000];
	memset(long_text, '\n', sizeof long_text);
	slots[0] = value_text(long_text, sizeof long_text);
	value_show(slots[0], (buf_clear(&b), &b));
	expr_eval(compile(&arena, "hash(a, 1000000)", &why), &scope, &v, &why);
	is_int(v.integer, hash_bytes(b.data, b.len) % 1000000, "hash of a long string");

	buf_release(&b);
	arena_release(&arena);
}

static size_t comment(const char *line)
{
	return expr_comment(line, strlen(line));
}

static bool bare(const char *text)
{
	return expr_is_bare_word(text, strlen(text));
}

static void test_words(void)
{
	is_int(comment("a = 1 # note"), 6, "a comment");
	is_int(comment("# note \""), 0, "the whole line");
	is_int(comment("a == \"#\" # x"), 9, "not in a string");
	is_int(comment("a == '#'"), 8, "nor in the other quotes");
	is_int(comment("a == \"x\\\"#\""), 11, "nor behind an escaped quote");
	is_int(comment("a == \"x#"), 8, "a string without an end has none");
	is_int(comment("a == \"x\\"), 8, "nor one that ends in a backslash");
	is_int(comment(""), 0, "an empty line");

	static const char *const labels[] = { "HIGH_VALUE", "high-risk", "n/a", "3", "a.b", "gold", "*", "C++", "high value",
		"notable", "won't", "50%", "order", "true", "not", "" };
	static const char *const expressions[] = { "probability > 0.9", "a==1", "f(x)", "(a)", "not fraud", "a and b", "a or b",
		"x in [1]", "\"quoted\"", "'quoted'", "a * 2", "a <b", "!a", "[\"a b\"]" };
	for (size_t i = 0; i < sizeof labels / sizeof *labels; i++)
		ok(bare(labels[i]), "a label: %s", labels[i]);
	for (size_t i = 0; i < sizeof expressions / sizeof *expressions; i++)
		ok(!bare(expressions[i]), "an expression: %s", expressions[i]);

	ok(expr_is_reserved("and", 3) && expr_is_reserved("null", 4) && !expr_is_reserved("an", 2) && !expr_is_reserved("over", 4),
	    "reserved words");
}

static void test_functions(void)
{
	const struct expr_function_row *rows = expr_functions();
	struct arena arena = ARENA_INIT;
	struct error why;
	int n = 0, complete = 1;

	for (; rows[n].name; n++) {
		char text[64];

		complete &= rows[n].signature && rows[n].help && strncmp(rows[n].signature, rows[n].name, strlen(rows[n].name)) == 0;
		for (int i = 0; i < n; i++)
			complete &= strcmp(rows[i].name, rows[n].name) != 0;
		/* Known: the message is not about the name. */
		snprintf(text, sizeof text, "%s()", rows[n].name);
		complete &= !compile(&arena, text, &why) && strstr(why.text, "takes") != NULL;
	}
	is_int(n, 31, "functions");
	ok(complete, "each has a signature and a help line, and is known");
	arena_release(&arena);
}

/* ---- texts and arrays go to the arena, and nothing else is allocated ---- */

static void test_memory(void)
{
	struct arena arena = ARENA_INIT, work = ARENA_INIT;
	struct error why;
	struct value slots[N_NAMES + 1] = { value_integer(3) }, v;
	struct expr_scope scope = { slots, NULL, NULL, &work, NULL };
	const struct expr *e = compile(&arena, "if(a > 1 and a in [1, 2, 3], a * 2 + abs(a), hour(a))", &why);
	const struct expr *f = compile(&arena, "hash(a, 10) + bucket(a, [1, 2]) + len(onehot(a, [1, 3]))", &why);
	size_t used;

	slots[4] = value_text("Shop", 4);
	expr_eval(e, &scope, &v, &why);
	is_int(v.integer, 9, "a value");
	is_int(work.used, 0, "nothing was taken from the arena");
	expr_eval(f, &scope, &v, &why);
	is_int(work.used, 0, "nor by hash, bucket and onehot");
	e = compile(&arena, "upper(s)", &why);
	expr_eval(e, &scope, &v, &why);
	ok(v.len == 4 && memcmp(v.text, "SHOP", 4) == 0 && v.text >= work.block && v.text < work.block + work.used, "a text is");
	used = work.used;
	e = compile(&arena, "unique(a)", &why);
	struct value items[40];
	for (int i = 0; i < 40; i++)
		items[i] = value_integer(i % 25);
	slots[0] = (struct value){ .type = VALUE_ARRAY, .len = 40, .items = items };
	expr_eval(e, &scope, &v, &why);
	is_int(v.integer, 25, "unique of a long array");
	is_int(work.used, used, "gives back what it took");
	arena_release(&arena);
	arena_release(&work);
}

int main(void)
{
	test_arithmetic();
	test_show();
	test_bytes();
	test_limits();
	test_place();
	test_interface();
	test_words();
	test_functions();
	test_memory();
	return done();
}
