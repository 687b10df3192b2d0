/* SPDX-License-Identifier: MIT */
/*
 * Recursive descent, a function per level of precedence:
 *
 *	or:         and { "or" and }
 *	and:        not { "and" not }
 *	not:        "not" not | comparison
 *	comparison: sum [ ("<" | "<=" | ">" | ">=" | "==" | "!=") sum | ["not"] "in" list ]
 *	sum:        product { ("+" | "-") product }
 *	product:    unary { ("*" | "/" | "%") unary }
 *	unary:      "-" unary | primary
 *	primary:    number | string | "true" | "false" | "null" | path | ("(" or ")" | call) steps | aggregate
 *	aggregate:  call { clause } [ "where" or ]
 *
 * The words of clauses are words only behind the call of an aggregate: elsewhere they are names like any other.
 */
#include "expr/parse.h"

#include <stdio.h>
#include <string.h>

#include "base/number.h"
#include "base/suggest.h"
#include "expr/builtin.h"
#include "expr/token.h"

struct parser {
	struct tokens lex;
	struct token tok;		/* the next one, not yet taken */
	struct arena *arena;
	const struct origin *origin;
	const struct expr_call_kind *calls;
	unsigned depth;
	bool in_list;			/* a comma ends what is being parsed */
	struct error *why;
};

/* Kids while their number is not known. */
struct kids {
	struct expr **v;
	size_t n, room;
};

static const char *const clauses[] = { "over", "offset", "every", "decay", "exclude", "by", "where", NULL };

static struct expr *parse_or(struct parser *);

#define FAIL(p, at, ...) (caret_set((p)->why, (p)->origin, (at), __VA_ARGS__), NULL)

/* As base/fieldpath.h reads them: nine digits. */
#define INDEX_MAX 999999999

/* A token's text for a message, cut to a bearable length. */
#define SHOWN(p) (int)((p)->tok.len > 40 ? 40 : (p)->tok.len), (p)->origin->text + (p)->tok.at

static int take(struct parser *p)
{
	return token_next(&p->lex, &p->tok, p->why);
}

static bool at_word(const struct parser *p, const char *word)
{
	return token_is(&p->lex, &p->tok, word);
}

static bool at_clause(const struct parser *p)
{
	for (size_t i = 0; clauses[i]; i++)
		if (at_word(p, clauses[i]))
			return true;
	return false;
}

static void kids_add(struct parser *p, struct kids *k, struct expr *e)
{
	if (k->n == k->room) {
		size_t room = k->room ? k->room * 2 : 4;

		k->v = k->v ? arena_resize(p->arena, k->v, k->room * sizeof *k->v, room * sizeof *k->v) :
		    arena_get(p->arena, room * sizeof *k->v);
		k->room = room;
	}
	k->v[k->n++] = e;
}

static struct expr *node(struct parser *p, enum op form, size_t at, struct expr *const *kids, size_t n)
{
	struct expr *e = arena_get(p->arena, sizeof *e + n * sizeof *e->kids);
	unsigned height = 0;

	memset(e, 0, sizeof *e);
	e->op = e->form = (unsigned char)form;
	e->at = at;
	e->n = (unsigned)n;
	e->kids = (struct expr **)(e + 1);
	for (size_t i = 0; i < n; i++) {
		e->kids[i] = kids[i];
		if (kids[i]->height > height)
			height = kids[i]->height;
	}
	if (height >= EXPR_CHAIN)
		return FAIL(p, at, "more than %d operators stand in one another here", EXPR_CHAIN);
	e->height = (unsigned short)(height + 1);
	return e;
}

static struct expr *constant(struct parser *p, enum op form, size_t at, struct value v)
{
	struct expr *e = node(p, form, at, NULL, 0);

	e->op = OP_CONSTANT;
	e->value = v;
	return e;
}

static bool enter(struct parser *p)
{
	if (p->depth == EXPR_NESTING) {
		caret_set(p->why, p->origin, p->tok.at, "nested more than %d deep", EXPR_NESTING);
		return false;
	}
	p->depth++;
	return true;
}

/* What can't stand where a value should. */
static struct expr *no_value(struct parser *p)
{
	struct tokens ahead = p->lex;
	struct token next;
	struct error ignored;

	switch (p->tok.kind) {
	case TOKEN_END:
		if (p->tok.at == 0)
			return FAIL(p, 0, "the expression is empty");
		return FAIL(p, p->tok.at, "the expression ends where a value should stand");
	case TOKEN_DURATION:
		return FAIL(p, p->tok.at, "\"%.*s\" is no number (a duration follows over, every, offset and decay alone)",
		    SHOWN(p));
	case TOKEN_BRACKET:
		return FAIL(p, p->tok.at, "a list stands only after in, and in bucket() and onehot()");
	case TOKEN_DOT:
		if (token_next(&ahead, &next, &ignored) == 0 && next.kind == TOKEN_NUMBER)
			return FAIL(p, p->tok.at, "a digit must stand before the point of a number");
		return FAIL(p, p->tok.at, "a path begins with a name, without a dot before it");
	case TOKEN_NAME:
		if (at_word(p, "not"))
			return FAIL(p, p->tok.at, "not binds weaker than what stands before it: parentheses are needed");
		break;
	default:
		break;
	}
	return FAIL(p, p->tok.at, "a value should stand here, not \"%.*s\"", SHOWN(p));
}

/* What can't stand behind a value.  `closing`: what could have, "" at the top. */
static struct expr *no_end(struct parser *p, const char *closing)
{
	static const char *const words[] = { "and", "or", "not", "in", "over", "offset", "every", "decay", "exclude", "by",
		"where", NULL };
	const char *near;

	if (p->tok.kind == TOKEN_NAME && at_clause(p))
		return FAIL(p, p->tok.at, "%.*s can't stand here: clauses follow an aggregate's \")\", and where is "
		    "the last of them", SHOWN(p));
	if (p->tok.kind == TOKEN_NAME) {
		near = at_word(p, "is") ? "== null" : at_word(p, "if") || at_word(p, "filter") ? "where" :
		    suggest_nearest(p->origin->text + p->tok.at, p->tok.len, words);
		if (near)
			return FAIL(p, p->tok.at, "unexpected \"%.*s\" (did you mean \"%s\"?)", SHOWN(p), near);
	}
	if (p->tok.kind == TOKEN_CLOSE && !*closing)
		return FAIL(p, p->tok.at, "this \")\" closes nothing");
	if (p->tok.kind == TOKEN_UNBRACKET && !strchr(closing, ']'))
		return FAIL(p, p->tok.at, "this \"]\" closes nothing");
	if (*closing && p->tok.kind == TOKEN_END)
		return FAIL(p, p->tok.at, "%s is missing", closing);
	if (*closing)
		return FAIL(p, p->tok.at, "%s is missing before \"%.*s\"", closing, SHOWN(p));
	if (p->tok.kind >= TOKEN_NUMBER && p->tok.kind <= TOKEN_OPEN)
		return FAIL(p, p->tok.at, "an operator is missing before \"%.*s\"", SHOWN(p));
	return FAIL(p, p->tok.at, "unexpected \"%.*s\"", SHOWN(p));
}

/* ---- paths ---- */

struct steps {
	struct step v[FIELDPATH_STEPS];
	size_t n;
};

static int add_step(struct parser *p, struct steps *s, struct step step, size_t at)
{
	if (s->n == FIELDPATH_STEPS)
		return caret_set(p->why, p->origin, at, "a path has at most %d steps", FIELDPATH_STEPS);
	s->v[s->n++] = step;
	return 0;
}

static struct step name_step(struct parser *p)
{
	struct step s = { .kind = STEP_NAME };

	if (p->tok.kind == TOKEN_STRING) {
		s.name = p->tok.value.text;
		s.len = p->tok.value.len;
	} else {
		s.name = arena_copy(p->arena, p->origin->text + p->tok.at, p->tok.len);
		s.len = (uint32_t)p->tok.len;
	}
	return s;
}

static bool all_digits(const struct parser *p)
{
	for (size_t i = 0; i < p->tok.len; i++)
		if (p->origin->text[p->tok.at + i] < '0' || p->origin->text[p->tok.at + i] > '9')
			return false;
	return true;
}

/* "[" is the next token: [0], [*], ["any name"]. */
static int bracket_step(struct parser *p, struct steps *s)
{
	struct step step = { .kind = STEP_ALL };
	size_t at = p->tok.at;

	if (take(p) < 0)
		return -1;
	if (p->tok.kind == TOKEN_STRING) {
		step = name_step(p);
	} else if (p->tok.kind == TOKEN_NUMBER && p->tok.value.type == VALUE_INTEGER &&
	    p->tok.value.integer <= INDEX_MAX && all_digits(p)) {
		step.kind = STEP_INDEX;
		step.index = (uint32_t)p->tok.value.integer;
	} else if (p->tok.kind != TOKEN_STAR) {
		return caret_set(p->why, p->origin, p->tok.at, "brackets hold a number from 0, * or a name in quotes");
	}
	if (add_step(p, s, step, at) < 0 || take(p) < 0)
		return -1;
	if (p->tok.kind != TOKEN_UNBRACKET)
		return caret_set(p->why, p->origin, p->tok.at, "\"]\" is missing");
	return take(p);
}

static int more_steps(struct parser *p, struct steps *s)
{
	for (;;) {
		if (p->tok.kind == TOKEN_BRACKET) {
			if (bracket_step(p, s) < 0)
				return -1;
		} else if (p->tok.kind == TOKEN_DOT) {
			if (take(p) < 0)
				return -1;
			if (p->tok.kind != TOKEN_NAME)
				return caret_set(p->why, p->origin, p->tok.at,
				    "\".\" is followed by a name (others are quoted: [\"any name\"])");
			if (add_step(p, s, name_step(p), p->tok.at) < 0 || take(p) < 0)
				return -1;
		} else {
			return 0;
		}
	}
}

static void set_path(struct parser *p, struct expr *e, const struct steps *s)
{
	struct step *v = arena_get(p->arena, s->n * sizeof *v);

	memcpy(v, s->v, s->n * sizeof *v);
	e->path = (struct fieldpath){ v, s->n };
}

static struct expr *path(struct parser *p)
{
	size_t at = p->tok.at;
	struct steps s = { .n = 0 };
	struct expr *e;

	if (p->tok.kind == TOKEN_NAME && !token_is_reserved(p->origin->text + p->tok.at, p->tok.len)) {
		if (add_step(p, &s, name_step(p), at) < 0 || take(p) < 0)
			return NULL;
	} else if (p->tok.kind == TOKEN_BRACKET) {
		if (bracket_step(p, &s) < 0)
			return NULL;
		if (s.v[0].kind != STEP_NAME)
			return FAIL(p, at, "a path begins with a name");
	} else {
		return FAIL(p, at, "a path should stand here%s", p->tok.kind == TOKEN_NAME ? ": this word is reserved, as a name "
		    "it is quoted: [\"...\"]" : p->tok.kind == TOKEN_STRING ? ": a quoted name stands in brackets: [\"...\"]" :
		    p->tok.kind == TOKEN_DOT ? ", without a dot before it" : "");
	}
	if (more_steps(p, &s) < 0)
		return NULL;
	e = node(p, OP_PATH, at, NULL, 0);
	set_path(p, e, &s);
	return e;
}

/* Steps behind a call or parentheses; those of a path are one path. */
static struct expr *look(struct parser *p, struct expr *e)
{
	struct steps s = { .n = 0 };
	size_t at = p->tok.at;

	if (p->tok.kind != TOKEN_BRACKET && p->tok.kind != TOKEN_DOT)
		return e;
	if (e->form == OP_PATH || e->form == OP_LOOK) {
		s.n = e->path.n;
		memcpy(s.v, e->path.steps, s.n * sizeof *s.v);
	}
	if (more_steps(p, &s) < 0)
		return NULL;
	if (e->form != OP_PATH && e->form != OP_LOOK) {
		for (size_t i = 0; i < s.n; i++)
			if (s.v[i].kind == STEP_ALL)
				return FAIL(p, at, "[*] stands only in paths");
		e = node(p, OP_LOOK, at, &e, 1);
	}
	if (e)
		set_path(p, e, &s);
	return e;
}

/* ---- calls ---- */

/* The items of a list, whose "[" is the next token, behind what `k` holds already. */
static int list(struct parser *p, struct kids *k)
{
	bool outer = p->in_list;
	struct expr *e;

	if (take(p) < 0)
		return -1;
	p->in_list = true;
	if (p->tok.kind == TOKEN_UNBRACKET)
		return caret_set(p->why, p->origin, p->tok.at, "this list is empty");
	for (;;) {
		e = parse_or(p);
		if (!e)
			return -1;
		kids_add(p, k, e);
		if (p->tok.kind == TOKEN_UNBRACKET)
			break;
		if (p->tok.kind != TOKEN_COMMA)
			return no_end(p, "\",\" or \"]\""), -1;
		if (take(p) < 0)
			return -1;
	}
	p->in_list = outer;
	return take(p);
}

static int wrong_count(struct parser *p, size_t at, const char *name, const char *signature, int least, int most, size_t n)
{
	char hint[160] = "";

	if (signature)
		snprintf(hint, sizeof hint, ": %s", signature);
	if (most == 0)
		return caret_set(p->why, p->origin, at, "%s() takes no argument", name);
	if (most < 0)
		return caret_set(p->why, p->origin, at, "%s() takes at least %d argument%s, not %zu%s", name, least,
		    number_s((uint64_t)least), n, hint);
	if (least == most)
		return caret_set(p->why, p->origin, at, "%s() takes %d argument%s, not %zu%s", name, least,
		    number_s((uint64_t)least), n, hint);
	return caret_set(p->why, p->origin, at, "%s() takes %d to %d arguments, not %zu%s", name, least, most, n, hint);
}

/* One argument: of a function its parameter's letter says whether a list must stand there. */
static struct expr *argument(struct parser *p, const struct builtin *f, const struct expr_call_kind *kind, size_t i)
{
	size_t at = p->tok.at;
	struct kids items = { NULL, 0, 0 };
	struct expr *e;
	int64_t ns;

	if (f && builtin_param(f, i) == 'l') {
		if (p->tok.kind != TOKEN_BRACKET)
			return FAIL(p, at, "a list of constants should stand here: %s", f->row.signature);
		if (!enter(p) || list(p, &items) < 0)
			return NULL;
		p->depth--;
		return node(p, OP_LIST, at, items.v, items.n);
	}
	if (kind && kind->flags & EXPR_CALL_DURATION && (int)i == kind->max_args - 1) {
		char text[EVENTTIME_SHOW_MAX] = "";
		struct error why;

		if (p->tok.kind == TOKEN_DURATION && p->tok.len < sizeof text)
			memcpy(text, p->origin->text + at, p->tok.len);
		if (!*text || eventtime_duration_parse(text, &ns, &why) < 0 || ns <= 0)
			return FAIL(p, at, "a duration should stand here, such as 10m");
		if (take(p) < 0)
			return NULL;
		e = constant(p, OP_DURATION, at, value_integer(ns));
		return e;
	}
	return parse_or(p);
}

/* An aggregate is of one value of many events; what is of many values of one. */
static const char *of_several(const char *aggregate)
{
	return !strcmp(aggregate, "min") ? "least(a, b, ...) is of several" :
	    !strcmp(aggregate, "max") ? "greatest(a, b, ...) is of several" : NULL;
}

/* "(" is the next token. */
static int arguments(struct parser *p, const struct builtin *f, const struct expr_call_kind *kind, struct kids *k)
{
	const char *name = f ? f->row.name : kind->name;
	const char *signature = f ? f->row.signature : NULL, *several = f ? signature : of_several(name);
	int least = f ? f->min_args : kind->min_args, most = f ? f->max_args : kind->max_args;
	bool outer = p->in_list;
	struct expr *e;

	if (take(p) < 0)
		return -1;
	p->in_list = true;
	while (p->tok.kind != TOKEN_CLOSE || k->n) {
		if (most >= 0 && (int)k->n >= most && p->tok.kind != TOKEN_END)
			return wrong_count(p, p->tok.at, name, several, least, most, k->n + 1);
		e = argument(p, f, kind, k->n);
		if (!e)
			return -1;
		kids_add(p, k, e);
		if (p->tok.kind == TOKEN_CLOSE)
			break;
		if (p->tok.kind != TOKEN_COMMA)
			return no_end(p, "\",\" or \")\""), -1;
		if (take(p) < 0)
			return -1;
	}
	if ((int)k->n < least)
		return wrong_count(p, p->tok.at, name, signature, least, most, k->n);
	p->in_list = outer;
	return take(p);
}

/* What others call it, of names too far apart for a misspelling. */
static const char *also_called(const char *name, size_t len)
{
	static const char *const names[][2] = {
		{ "avg", "mean" }, { "average", "mean" }, { "count_distinct", "distinct" }, { "nunique", "distinct" },
		{ "cardinality", "distinct" }, { "lag", "prev" }, { "diff", "delta" }, { "std", "stddev" }, { "stdev", "stddev" },
		{ "variance", "var" }, { "percentile", "quantile" }, { "median", "quantile" }, { "mode", "topk" },
		{ "ifnull", "coalesce" }, { "nvl", "coalesce" },
		{ "strlen", "length" }, { "tolower", "lower" }, { "toupper", "upper" }, { "ln", "log" }, { "log10", "log" },
		{ "log2", "log" }, { "power", "pow" }, { "clamp", "clip" }, { "case", "if" }, { "iif", "if" },
		{ "dayofweek", "weekday" }, { "first_value", "first" }, { "last_value", "last" }, { "array_agg", "sequence" },
		{ "row_number", "count" }, { "approx_count_distinct", "distinct" }, { "ceiling", "ceil" }, { "ema", "ewma" },
	};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (strlen(names[i][0]) == len && !strncasecmp(names[i][0], name, len))
			return names[i][1];
	return NULL;
}

static bool makes_number(const char *name, size_t len)
{
	static const char *const names[] = { "number", "tonumber", "to_number", "float", "double", "int", "integer", "cast", "parse" };

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (strlen(names[i]) == len && !strncasecmp(names[i], name, len))
			return true;
	return false;
}

static struct expr *unknown_function(struct parser *p)
{
	const struct builtin *rows = builtin_rows();
	size_t n = 0, n_calls = 0, n_rows = 0;
	const char **names, *near;

	while (p->calls && p->calls[n_calls].name)
		n_calls++;
	while (rows[n_rows].row.name)
		n_rows++;
	names = arena_get(p->arena, (n_calls + n_rows + 1) * sizeof *names);
	for (size_t i = 0; i < n_calls; i++)
		names[n++] = p->calls[i].name;
	for (size_t i = 0; i < n_rows; i++)
		names[n++] = rows[i].row.name;
	names[n] = NULL;
	if (makes_number(p->origin->text + p->tok.at, p->tok.len))
		return FAIL(p, p->tok.at, "unknown function \"%.*s\": a text stays a text; jq's tonumber or mlr, before, make a number of it", SHOWN(p));
	near = also_called(p->origin->text + p->tok.at, p->tok.len);
	for (n = 0; near && names[n] && strcmp(names[n], near); n++)
		;
	if (!near || !names[n])
		near = suggest_nearest(p->origin->text + p->tok.at, p->tok.len, names);
	if (near)
		return FAIL(p, p->tok.at, "unknown function \"%.*s\" (did you mean \"%s\"?)", SHOWN(p), near);
	return FAIL(p, p->tok.at, "unknown function \"%.*s\": see sml-expr(7)", SHOWN(p));
}

/* ---- clauses ---- */

/* A duration above 0 behind `word`. */
static int duration(struct parser *p, const char *word, int64_t *ns)
{
	char text[EVENTTIME_SHOW_MAX] = "";
	struct error why;

	if (p->tok.kind == TOKEN_NUMBER && strcmp(word, "offset") == 0 && p->tok.len == 1 &&
	    p->tok.value.type == VALUE_INTEGER && p->tok.value.integer == 0) {
		*ns = 0;
		return take(p);
	}
	if (p->tok.kind == TOKEN_NUMBER)
		return caret_set(p->why, p->origin, p->tok.at, "a duration has a unit, such as %.*ss or %.*sm", SHOWN(p), SHOWN(p));
	if (p->tok.kind != TOKEN_DURATION)
		return caret_set(p->why, p->origin, p->tok.at, "%s is followed by a duration, such as 10m or 1h30m", word);
	if (p->tok.len < sizeof text)
		memcpy(text, p->origin->text + p->tok.at, p->tok.len);
	if (!*text)
		return caret_set(p->why, p->origin, p->tok.at, "\"%.*s\" is too long a duration", SHOWN(p));
	if (eventtime_duration_parse(text, ns, &why) < 0)
		return caret_set(p->why, p->origin, p->tok.at, "%s", why.text);
	if (*ns <= 0)
		return caret_set(p->why, p->origin, p->tok.at, "this duration must be above 0");
	return take(p);
}

static int offset(struct parser *p, struct expr_call *call, int64_t grid)
{
	if (!at_word(p, "offset"))
		return 0;
	if (take(p) < 0 || duration(p, "offset", &call->offset) < 0)
		return -1;
	call->offset %= grid;
	return 0;
}

static int over(struct parser *p, struct expr_call *call)
{
	size_t at;

	if (at_word(p, "all")) {
		call->window = WINDOW_ALL;
		return take(p);
	}
	if (at_word(p, "last")) {
		call->window = WINDOW_LAST;
		if (take(p) < 0)
			return -1;
		if (p->tok.kind != TOKEN_NUMBER || p->tok.value.type != VALUE_INTEGER || p->tok.value.integer < 1 ||
		    p->tok.value.integer > UINT32_MAX)
			return caret_set(p->why, p->origin, p->tok.at, "last is followed by a whole number of events from 1");
		call->last = (uint32_t)p->tok.value.integer;
		return take(p);
	}
	if (at_word(p, "tumbling")) {
		call->window = WINDOW_TUMBLING;
		if (take(p) < 0 || duration(p, "tumbling", &call->width) < 0)
			return -1;
		return offset(p, call, call->width);
	}
	if (at_word(p, "session")) {
		call->window = WINDOW_SESSION;
		if (take(p) < 0)
			return -1;
		return duration(p, "session", &call->width);
	}
	if (p->tok.kind == TOKEN_NUMBER)
		return caret_set(p->why, p->origin, p->tok.at,
		    "a duration has a unit (%.*sm), and a number of events is \"last %.*s\"", SHOWN(p), SHOWN(p));
	if (p->tok.kind != TOKEN_DURATION)
		return caret_set(p->why, p->origin, p->tok.at,
		    "over is followed by a window: all, last 10, 10m, 10m every 1m, tumbling 1h or session 30m");
	call->window = WINDOW_SLIDING;
	if (duration(p, "over", &call->width) < 0)
		return -1;
	if (at_word(p, "every")) {
		call->window = WINDOW_PANES;
		if (take(p) < 0)
			return -1;
		at = p->tok.at;
		if (duration(p, "every", &call->every) < 0)
			return -1;
		if (call->width % call->every)
			return caret_set(p->why, p->origin, at, "the window must be a whole number of panes");
		return offset(p, call, call->every);
	}
	if (at_word(p, "offset"))
		return caret_set(p->why, p->origin, p->tok.at,
		    "offset shifts a grid, and this window has none: it follows tumbling and every");
	return 0;
}

static struct expr *parenthesised(struct parser *p);

static int by(struct parser *p, struct expr_call *call)
{
	struct kids k = { NULL, 0, 0 };
	struct expr *e;

	for (;;) {
		/* In parentheses: what an earlier feature stands for, where texts show features inlined. */
		e = p->tok.kind == TOKEN_OPEN ? parenthesised(p) : path(p);
		if (!e)
			return -1;
		kids_add(p, &k, e);
		if (p->tok.kind == TOKEN_OPEN)
			return caret_set(p->why, p->origin, p->tok.at, "by takes paths, not calls");
		if (p->in_list || p->tok.kind != TOKEN_COMMA)
			break;
		if (take(p) < 0)
			return -1;
	}
	call->by = (const struct expr *const *)k.v;
	call->n_by = k.n;
	return 0;
}

/* Stands at a clause's word. */
static int clause(struct parser *p, struct expr_call *call, unsigned *seen)
{
	static const struct { const char *word; unsigned flag; } rows[] = {
		{ "over", EXPR_CALL_WINDOW }, { "decay", EXPR_CALL_DECAY }, { "exclude", EXPR_CALL_EXCLUDE },
		{ "by", EXPR_CALL_BY }, { "where", EXPR_CALL_WHERE },
	};
	size_t at = p->tok.at, i;
	struct expr *e;

	for (i = 0; i < sizeof rows / sizeof *rows && !at_word(p, rows[i].word); i++)
		;
	if (i == sizeof rows / sizeof *rows)
		return caret_set(p->why, p->origin, at, at_word(p, "every") ? "every follows a window's duration: over 10m every 1m" :
		    "offset follows a window with a grid: over tumbling 1h offset 6h");
	if (!(call->kind->flags & rows[i].flag))
		return caret_set(p->why, p->origin, at, "%s() takes no %s", call->kind->name, rows[i].word);
	if (*seen & rows[i].flag)
		return caret_set(p->why, p->origin, at, "%s stands here a second time", rows[i].word);
	*seen |= rows[i].flag;
	if (take(p) < 0)
		return -1;
	switch (rows[i].flag) {
	case EXPR_CALL_WINDOW:
		return over(p, call);
	case EXPR_CALL_DECAY:
		return duration(p, "decay", &call->half_life);
	case EXPR_CALL_EXCLUDE:
		if (!at_word(p, "current"))
			return caret_set(p->why, p->origin, p->tok.at, "exclude is followed by \"current\"");
		call->exclude_current = true;
		return take(p);
	case EXPR_CALL_BY:
		return by(p, call);
	default:
		e = parse_or(p);
		call->where = e;
		return e ? 0 : -1;
	}
}

static struct expr *aggregate(struct parser *p, const struct expr_call_kind *kind)
{
	struct expr_call *call = arena_get(p->arena, sizeof *call);
	size_t at = p->tok.at, decay_at = 0;
	struct kids k = { NULL, 0, 0 };
	unsigned seen = 0;
	struct expr *e;

	memset(call, 0, sizeof *call);
	call->kind = kind;
	if (take(p) < 0 || arguments(p, NULL, kind, &k) < 0)
		return NULL;
	if (p->tok.kind == TOKEN_BRACKET || p->tok.kind == TOKEN_DOT) {
		e = node(p, OP_CALL, at, k.v, k.n);
		if (!e)
			return NULL;
		e->call = call;
		call->args = (const struct expr *const *)e->kids;
		call->n_args = k.n;
		return look(p, e);
	}
	while (at_clause(p) && !(seen & EXPR_CALL_WHERE)) {
		if (at_word(p, "decay"))
			decay_at = p->tok.at;
		if (clause(p, call, &seen) < 0)
			return NULL;
	}
	if (call->half_life && call->window != WINDOW_ALL)
		return FAIL(p, decay_at, "decay weighs every event so far: it can't stand with a window");
	/* The paths of `by` and the condition are kids as well, so that the checker walks them all. */
	call->n_args = k.n;
	for (size_t i = 0; i < call->n_by; i++)
		kids_add(p, &k, (struct expr *)call->by[i]);
	if (call->where)
		kids_add(p, &k, (struct expr *)call->where);
	e = node(p, OP_CALL, at, k.v, k.n);
	if (!e)
		return NULL;
	e->call = call;
	call->args = (const struct expr *const *)e->kids;
	return e;
}

static struct expr *function(struct parser *p, const struct builtin *f)
{
	struct kids k = { NULL, 0, 0 };
	size_t at = p->tok.at;
	struct expr *e;

	if (take(p) < 0 || arguments(p, f, NULL, &k) < 0)
		return NULL;
	e = node(p, OP_FUNCTION, at, k.v, k.n);
	if (!e)
		return NULL;
	e->function = f;
	return look(p, e);
}

/* A name with "(" behind it. */
static struct expr *call(struct parser *p)
{
	const char *name = p->origin->text + p->tok.at;
	const struct builtin *f = builtin_find(name, p->tok.len);

	if (f)
		return function(p, f);
	for (const struct expr_call_kind *kind = p->calls; kind && kind->name; kind++)
		if (at_word(p, kind->name))
			return aggregate(p, kind);
	return unknown_function(p);
}

/* ---- levels of precedence ---- */

static struct expr *parenthesised(struct parser *p)
{
	bool outer = p->in_list;
	struct expr *e;

	if (take(p) < 0)
		return NULL;
	p->in_list = false;
	e = parse_or(p);
	if (!e)
		return NULL;
	if (p->tok.kind != TOKEN_CLOSE)
		return no_end(p, "\")\"");
	p->in_list = outer;
	return take(p) < 0 ? NULL : look(p, e);
}

static struct expr *literal(struct parser *p, struct value v)
{
	size_t at = p->tok.at;

	return take(p) < 0 ? NULL : constant(p, OP_CONSTANT, at, v);
}

static struct expr *primary(struct parser *p)
{
	struct tokens ahead = p->lex;
	struct token next, behind;
	struct error ignored;

	switch (p->tok.kind) {
	case TOKEN_NUMBER:
	case TOKEN_STRING:
		return literal(p, p->tok.value);
	case TOKEN_OPEN:
		return parenthesised(p);
	case TOKEN_BRACKET:
		if (token_next(&ahead, &next, &ignored) < 0 || next.kind != TOKEN_STRING ||
		    token_next(&ahead, &behind, &ignored) < 0 || behind.kind != TOKEN_UNBRACKET)
			return no_value(p);
		return path(p);
	case TOKEN_NAME:
		if (at_word(p, "null"))
			return literal(p, value_null());
		if (at_word(p, "true") || at_word(p, "false"))
			return literal(p, value_bool(at_word(p, "true")));
		if (token_is_reserved(p->origin->text + p->tok.at, p->tok.len))
			return no_value(p);
		if (token_next(&ahead, &next, &ignored) == 0 && next.kind == TOKEN_OPEN)
			return call(p);
		return path(p);
	default:
		return no_value(p);
	}
}

/* A minus before a literal is part of it: exact, and -9223372036854775808 has an integer. */
static struct value negated(struct value v)
{
	if (v.type == VALUE_INTEGER && v.integer == INT64_MIN)
		return (struct value){ .type = VALUE_UNSIGNED, .uinteger = (uint64_t)1 << 63 };
	if (v.type == VALUE_INTEGER)
		return value_integer(-v.integer);
	if (v.type == VALUE_UNSIGNED && v.uinteger == (uint64_t)1 << 63)
		return value_integer(INT64_MIN);
	return value_number(-value_double(v));
}

static struct expr *unary(struct parser *p)
{
	size_t at = p->tok.at;
	struct expr *e;

	if (p->tok.kind != TOKEN_MINUS)
		return primary(p);
	if (!enter(p) || take(p) < 0)
		return NULL;
	e = unary(p);
	if (!e)
		return NULL;
	p->depth--;
	if (e->form == OP_CONSTANT && value_is_number(e->value))
		return constant(p, OP_CONSTANT, at, negated(e->value));
	return node(p, OP_NEGATE, at, &e, 1);
}

static struct expr *product(struct parser *p)
{
	struct expr *e = unary(p);

	while (e && (p->tok.kind == TOKEN_STAR || p->tok.kind == TOKEN_SLASH || p->tok.kind == TOKEN_PERCENT)) {
		enum op op = p->tok.kind == TOKEN_STAR ? OP_MULTIPLY : p->tok.kind == TOKEN_SLASH ? OP_DIVIDE : OP_REMAINDER;
		size_t at = p->tok.at;
		struct expr *kids[2] = { e, NULL };

		if (take(p) < 0 || !(kids[1] = unary(p)))
			return NULL;
		e = node(p, op, at, kids, 2);
	}
	return e;
}

static struct expr *sum(struct parser *p)
{
	struct expr *e = product(p);

	while (e && (p->tok.kind == TOKEN_PLUS || p->tok.kind == TOKEN_MINUS)) {
		enum op op = p->tok.kind == TOKEN_PLUS ? OP_ADD : OP_SUBTRACT;
		size_t at = p->tok.at;
		struct expr *kids[2] = { e, NULL };

		if (take(p) < 0 || !(kids[1] = product(p)))
			return NULL;
		e = node(p, op, at, kids, 2);
	}
	return e;
}

static struct expr *membership(struct parser *p, struct expr *e)
{
	struct kids k = { NULL, 0, 0 };
	size_t at = p->tok.at;

	if (take(p) < 0)
		return NULL;
	if (p->tok.kind != TOKEN_BRACKET)
		return FAIL(p, p->tok.at, "in is followed by a list: in [1, 2] (an array of the record: contains(array, value))");
	kids_add(p, &k, e);
	if (!enter(p) || list(p, &k) < 0)
		return NULL;
	p->depth--;
	return node(p, OP_IN, at, k.v, k.n);
}

static bool at_comparison(const struct parser *p)
{
	return (p->tok.kind >= TOKEN_LESS && p->tok.kind <= TOKEN_NOT_EQUAL) || at_word(p, "in");
}

static struct expr *comparison(struct parser *p)
{
	static const unsigned char ops[] = { OP_LESS, OP_LESS_EQUAL, OP_GREATER, OP_GREATER_EQUAL, OP_EQUAL, OP_NOT_EQUAL };
	struct expr *e = sum(p), *kids[2];
	size_t at = p->tok.at;

	if (!e)
		return NULL;
	if (at_word(p, "not")) {
		if (take(p) < 0)
			return NULL;
		if (!at_word(p, "in"))
			return FAIL(p, at, "unexpected \"not\" (did you mean \"not in\"?)");
		e = membership(p, e);
		if (e)
			e = node(p, OP_NOT, at, &e, 1);
	} else if (at_word(p, "in")) {
		e = membership(p, e);
	} else if (at_comparison(p)) {
		kids[0] = e;
		enum op op = ops[p->tok.kind - TOKEN_LESS];
		if (take(p) < 0 || !(kids[1] = sum(p)))
			return NULL;
		e = node(p, op, at, kids, 2);
	}
	if (e && at_comparison(p))
		return FAIL(p, p->tok.at, "comparisons don't chain: a < b and b < c, or parentheses");
	return e;
}

static struct expr *parse_not(struct parser *p)
{
	size_t at = p->tok.at;
	struct expr *e;

	if (!at_word(p, "not"))
		return comparison(p);
	if (!enter(p) || take(p) < 0)
		return NULL;
	e = parse_not(p);
	p->depth--;
	return e ? node(p, OP_NOT, at, &e, 1) : NULL;
}

/* `and` and `or` are associative, also with null: one node for all operands, parenthesised ones too. */
static void operand(struct parser *p, struct kids *k, enum op op, struct expr *e)
{
	if (e->form != op) {
		kids_add(p, k, e);
		return;
	}
	for (unsigned i = 0; i < e->n; i++)
		kids_add(p, k, e->kids[i]);
}

static struct expr *junction(struct parser *p, enum op op, const char *word, struct expr *(*below)(struct parser *))
{
	struct expr *e = below(p);
	struct kids k = { NULL, 0, 0 };
	size_t at = p->tok.at;

	if (!e || !at_word(p, word))
		return e;
	operand(p, &k, op, e);
	while (at_word(p, word)) {
		if (take(p) < 0 || !(e = below(p)))
			return NULL;
		operand(p, &k, op, e);
	}
	return node(p, op, at, k.v, k.n);
}

static struct expr *parse_and(struct parser *p)
{
	return junction(p, OP_AND, "and", parse_not);
}

static struct expr *parse_or(struct parser *p)
{
	struct expr *e;

	if (!enter(p))
		return NULL;
	e = junction(p, OP_OR, "or", parse_and);
	p->depth--;
	return e;
}

static int begin(struct parser *p, struct arena *arena, const struct origin *origin, struct error *why)
{
	*p = (struct parser){ .lex = { origin, arena, 0 }, .arena = arena, .origin = origin, .why = why };
	return take(p);
}

struct expr *parse_expression(struct arena *arena, const struct origin *origin, const struct expr_call_kind *calls,
    struct error *why)
{
	struct parser p;
	struct expr *e;

	if (begin(&p, arena, origin, why) < 0)
		return NULL;
	p.calls = calls;
	e = parse_or(&p);
	return e && p.tok.kind != TOKEN_END ? no_end(&p, "") : e;
}

struct expr *parse_path(struct arena *arena, const struct origin *origin, struct error *why)
{
	struct parser p;
	struct expr *e;

	if (begin(&p, arena, origin, why) < 0)
		return NULL;
	e = path(&p);
	if (e && p.tok.kind == TOKEN_OPEN)
		return FAIL(&p, p.tok.at, "a path should stand here, not a call");
	return e && p.tok.kind != TOKEN_END ? no_end(&p, "") : e;
}
