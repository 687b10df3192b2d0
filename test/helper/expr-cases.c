/* SPDX-License-Identifier: MIT */
/*
 * expr-cases [-u] FILE... - holds the expression language to cases that are data; -u writes what it does into them.
 *
 * A case is three lines or more, an empty one behind it; # begins a comment line:
 *
 *	1 + a				the expression
 *	{"a":2}				the record
 *	3				the value as JSON
 *
 * Instead of the value, or before it: "= text", how the expression is shown; "! text", a line of the error message.
 * In the record, "locals" holds values computed earlier, by name, and "calls" those of the aggregates, in the order in
 * which they are announced.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/savefile.h"
#include "expr/expr.h"
#include "json/fields.h"
#include "json/parse.h"
#include "json/write.h"

#define CALLS_MAX 16
#define SOME (EXPR_CALL_WINDOW | EXPR_CALL_EXCLUDE | EXPR_CALL_WHERE | EXPR_CALL_BY)

static const struct expr_call_kind kinds[] = {
	{ "count", 0, 0, SOME | EXPR_CALL_DECAY },
	{ "sum", 1, 1, SOME | EXPR_CALL_DECAY | EXPR_CALL_NUMBERS },
	{ "mean", 1, 1, SOME | EXPR_CALL_DECAY | EXPR_CALL_NUMBERS },
	{ "last", 1, 1, SOME },
	{ "quantile", 2, 2, SOME | EXPR_CALL_NUMBERS },
	{ "sequence", 2, 2, SOME | EXPR_CALL_SCALARS | EXPR_CALL_COUNT | EXPR_CALL_IS_ARRAY },
	{ "ewma", 2, 2, EXPR_CALL_WHERE | EXPR_CALL_BY | EXPR_CALL_NUMBERS | EXPR_CALL_DURATION },
	{ "prev", 1, 1, EXPR_CALL_BY | EXPR_CALL_WHERE },
	{ "elapsed", 0, 0, EXPR_CALL_BY | EXPR_CALL_WHERE },
	{ NULL, 0, 0, 0 },
};

struct bench {
	struct arena arena;
	struct fields fields;
	struct value locals[CALLS_MAX], calls[CALLS_MAX];
	const char *local_names[CALLS_MAX];
	size_t n_locals, n_calls;
};

static int resolve(void *self, const struct fieldpath *path, struct expr_ref *ref, struct error *why)
{
	struct bench *b = self;

	if (strncmp(path->steps[0].name, "nosuch", 6) == 0)
		return error_set(why, "unknown name \"%s\"", path->steps[0].name);
	for (size_t i = 0; i < b->n_locals; i++) {
		if (strcmp(path->steps[0].name, b->local_names[i]) == 0) {
			*ref = (struct expr_ref){ .where = EXPR_LOCAL, .index = (int)i, .steps = 1 };
			return 0;
		}
	}
	*ref = (struct expr_ref){ .where = EXPR_SLOT, .index = fields_read(&b->fields, path), .steps = path->n };
	return 0;
}

static int announce(void *self, const struct expr_call *call, struct error *why)
{
	struct bench *b = self;

	if (call->window == WINDOW_SESSION)
		return error_set(why, "%s() has no sessions here", call->kind->name);
	return b->n_calls < CALLS_MAX ? (int)b->n_calls++ : error_set(why, "too many calls");
}

/* "! " before each line. */
static void put_error(struct buf *out, const struct error *why)
{
	for (const char *line = why->text; line; ) {
		size_t n = strcspn(line, "\n");

		buf_add_text(out, "! ");
		buf_add(out, line, n);
		buf_add_byte(out, '\n');
		line = line[n] ? line + n + 1 : NULL;
	}
}

static void read_locals(struct bench *b, struct value object)
{
	struct value name, v, list;
	struct json_walk walk;

	list = json_get(object, "locals", &b->arena);
	if (!value_is_null(list)) {
		json_walk(&walk, list);
		while (b->n_locals < CALLS_MAX && json_walk_next(&walk, &b->arena, &name, &v)) {
			b->local_names[b->n_locals] = arena_copy(&b->arena, name.text, name.len);
			b->locals[b->n_locals++] = json_items(v, &b->arena);
		}
	}
	list = json_get(object, "calls", &b->arena);
	for (uint32_t i = 0; list.type == VALUE_ARRAY && i < list.len && i < CALLS_MAX; i++)
		b->calls[i] = json_items(list.items[i], &b->arena);
}

/* What a case gives, as lines. */
static void run(const char *text, const char *input, bool shown, struct buf *out)
{
	struct bench b = { .arena = ARENA_INIT };
	struct expr_names names = { &b, resolve, announce, kinds, TIME_MS };
	struct expr_place place = { .line = 1, .column = 1 };
	const struct expr *e;
	const void *object;
	struct value document, v;
	struct json_error bad;
	struct error why;
	uint64_t present;

	fields_init(&b.fields);
	if (json_document(&b.arena, input, strlen(input), &document, &why) < 0 ||
	    !(object = json_parse(&b.arena, input, strlen(input), &bad))) {
		buf_format(out, "no JSON object: %s\n", input);
		goto done;
	}
	read_locals(&b, document);
	e = expr_compile(&b.arena, text, strlen(text), &place, &names, &why);
	if (!e) {
		put_error(out, &why);
		goto done;
	}
	if (shown) {
		buf_add_text(out, "= ");
		expr_show(e, out, NULL, NULL);
		buf_add_byte(out, '\n');
	}
	struct value *slots = alloc_zeroed(b.fields.n_slots + 1, sizeof *slots);
	struct expr_scope scope = { slots, b.locals, b.calls, &b.arena, NULL };
	json_read(object, &b.fields, &b.arena, slots, &present);
	if (expr_eval(e, &scope, &v, &why) < 0) {
		put_error(out, &why);
	} else {
		json_write_value(out, v);
		buf_add_byte(out, '\n');
	}
	free(slots);
done:
	fields_release(&b.fields);
	arena_release(&b.arena);
}

static char *next_line(char **rest)
{
	char *line = strsep(rest, "\n");

	return line;
}

/* One file: the number of cases that failed; what it should say goes to `now`. */
static int check_file(const char *path, char *text, struct buf *now, int *n_cases)
{
	char *rest = text, *line;
	int number = 0, failures = 0;
	struct buf expected = BUF_INIT, got = BUF_INIT;

	while ((line = next_line(&rest))) {
		char *expression = line, *input;
		int at = ++number;

		/* The last line ends with a newline: nothing stands behind it. */
		if (!*line || *line == '#') {
			if (rest)
				buf_format(now, "%s\n", line);
			continue;
		}
		input = next_line(&rest);
		number++;
		if (!input || !*input) {
			printf("%s:%d: a case has three lines\n", path, at);
			failures++;
			break;
		}
		buf_clear(&expected);
		buf_clear(&got);
		bool shown = false;
		while ((line = next_line(&rest)) && ++number && *line) {
			shown |= line[0] == '=' && line[1] == ' ';
			buf_format(&expected, "%s\n", line);
		}
		++*n_cases;
		run(expression, input, shown, &got);
		buf_format(now, "%s\n%s\n%s", expression, input, buf_text(&got));
		if (rest)
			buf_add_byte(now, '\n');
		if (strcmp(buf_text(&expected), buf_text(&got)) != 0) {
			printf("%s:%d: %s\n%s--- but\n%s", path, at, expression, buf_text(&expected), buf_text(&got));
			failures++;
		}
	}
	buf_release(&expected);
	buf_release(&got);
	return failures;
}

int main(int argc, char **argv)
{
	bool update = argc > 1 && strcmp(argv[1], "-u") == 0;
	int failures = 0, n_cases = 0;

	for (int i = 1 + update; i < argc; i++) {
		struct error why;
		struct buf now = BUF_INIT;
		size_t len;
		char *text = savefile_read(argv[i], 1 << 24, &len, &why);

		if (!text) {
			printf("%s\n", why.text);
			return 1;
		}
		text = alloc_again(text, len + 1, 1);
		text[len] = '\0';
		failures += check_file(argv[i], text, &now, &n_cases);
		if (update && savefile_write(argv[i], now.data, now.len, &why) < 0) {
			printf("%s\n", why.text);
			return 1;
		}
		free(text);
		buf_release(&now);
	}
	printf("%d cases, %d failed\n", n_cases, failures);
	return failures || !n_cases ? 1 : 0;
}
