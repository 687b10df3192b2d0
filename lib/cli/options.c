/* SPDX-License-Identifier: MIT */
#include "cli/options.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/eventtime.h"
#include "base/number.h"
#include "base/suggest.h"
#include "cli/command.h"
#include "cli/version.h"

#define LONG_BASE 256		/* getopt's value of row 0: letters are below */
#define OPEN_END 1e15		/* a bound from here on is none worth showing */
#define TEXT_COLUMN 30		/* where help texts begin, unless an option is longer */

/* What every table ends with.  Their kind is of no matter: options_parse answers them itself. */
enum builtin { BUILTIN_HELP, BUILTIN_VERSION, BUILTIN_LIST, BUILTINS };

static const struct opt builtins[BUILTINS + 1] = {
	[BUILTIN_HELP] = { 'h', "help", "[=all]", OPT_KIND_FLAG, 0, "a screen of help, or every option", 0, 0, NULL },
	[BUILTIN_VERSION] = { 'V', "version", NULL, OPT_KIND_FLAG, 0, "the version, and what is built in", 0, 0, NULL },
	[BUILTIN_LIST] = { 0, "list-options", NULL, OPT_KIND_FLAG, 0, "every option, for completion", 0, 0, NULL },
	OPT_END
};

/* The table and the builtins as one. */
struct rows {
	size_t own, n;
	const struct opt *options;
};

static struct rows rows_of(const struct command *c)
{
	struct rows r = { .options = c->options };

	while (c->options && c->options[r.own].name)
		r.own++;
	r.n = r.own + BUILTINS;
	return r;
}

static const struct opt *row(const struct rows *r, size_t i)
{
	return i < r->own ? &r->options[i] : &builtins[i - r->own];
}

static const struct opt *row_named(const struct rows *r, const char *name)
{
	for (size_t i = 0; i < r->n; i++)
		if (!strcmp(row(r, i)->name, name))
			return row(r, i);
	return NULL;
}

_Noreturn static void mistake(const struct command *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

_Noreturn static void mistake(const struct command *c, const char *fmt, ...)
{
	struct error e;
	va_list ap;

	va_start(ap, fmt);
	error_setv(&e, fmt, ap);
	va_end(ap);
	/* One line, whatever bytes the shell handed over. */
	for (char *p = e.text; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = '?';
	fprintf(stderr, "%s: %s (see %s --help)\n", c->name, e.text, c->name);
	exit(EXIT_USAGE);
}

/* Whatever was printed has arrived, or the status says that it has not. */
_Noreturn static void leave(const struct command *c)
{
	if (fflush(stdout) || ferror(stdout) || close(STDOUT_FILENO)) {
		fprintf(stderr, "%s: stdout: cannot write: %m\n", c->name);
		exit(EXIT_FAILED);
	}
	exit(EXIT_DONE);
}

/* ---- values ---- */

static void show_number(double x, char out[NUMBER_SHOW_MAX])
{
	number_show(x, out);
}

static int wrong_range(const struct opt *o, const char *what, const char *text, struct error *why)
{
	char low[NUMBER_SHOW_MAX], high[NUMBER_SHOW_MAX];

	show_number(o->low, low);
	show_number(o->high, high);
	if (o->low > -OPEN_END && o->high < OPEN_END)
		return error_set(why, "\"%s\" is not a %s from %s to %s", text, what, low, high);
	if (o->low > -OPEN_END)
		return error_set(why, "\"%s\" is not a %s of at least %s", text, what, low);
	if (o->high < OPEN_END)
		return error_set(why, "\"%s\" is not a %s of at most %s", text, what, high);
	return error_set(why, "\"%s\" is not a %s", text, what);
}

static int set_integer(const struct opt *o, int64_t *out, const char *text, struct error *why)
{
	struct error ignored;
	double x;

	if (number_parse_integer(text, out, &ignored)) {
		if (!number_parse_double(text, &x, &ignored) && (x >= 0x1p63 || x < -0x1p63))
			return error_set(why, "\"%s\" is beyond what 64 bits hold", text);
		return wrong_range(o, "whole number", text, why);
	}
	if ((double)*out < o->low || (double)*out > o->high)
		return wrong_range(o, "whole number", text, why);
	return 0;
}

static int set_number(const struct opt *o, double *out, const char *text, struct error *why)
{
	struct error ignored;
	char *end;

	/* As people type it: ".5" and "5." are numbers here, though not in JSON. */
	if (number_parse_double(text, out, &ignored)) {
		if (!*text || strspn(text, "0123456789.") != strlen(text) || !strpbrk(text, "0123456789"))
			return wrong_range(o, "number", text, why);
		*out = strtod(text, &end);
		if (*end)
			return wrong_range(o, "number", text, why);
	}
	if (!(*out >= o->low && *out <= o->high))
		return wrong_range(o, "number", text, why);
	return 0;
}

static int set_bytes(uint64_t *out, const char *text, struct error *why)
{
	struct error ignored;

	if (number_parse_bytes(text, out, &ignored) || !*out)
		return error_set(why, "\"%s\" is not a number of bytes (as 4096, 64K, 16M, 1G)", text);
	return 0;
}

static int set_choice(const struct opt *o, int *out, const char *text, struct error *why)
{
	char *words = alloc_text(o->argument), *listed = NULL;
	const char *names[32], *near;
	size_t n = 0;
	int found = -1;

	for (char *w = words, *bar; w && n < 31; w = bar) {
		bar = strchr(w, '|');
		if (bar)
			*bar++ = 0;
		if (!strcmp(w, text))
			found = (int)n;
		names[n++] = w;
	}
	names[n] = NULL;
	if (found < 0) {
		near = suggest_nearest(text, strlen(text), names);
		for (size_t i = 0; i < n; i++) {
			char *longer = alloc_format("%s%s%s", listed ? listed : "", listed ? i + 1 < n ? ", " : " or " : "", names[i]);

			free(listed);
			listed = longer;
		}
		if (near)
			error_set(why, "\"%s\" is not %s (did you mean \"%s\"?)", text, listed, near);
		else
			error_set(why, "\"%s\" is not %s", text, listed);
		free(listed);
	} else {
		*out = found;
	}
	free(words);
	return found < 0 ? -1 : 0;
}

static int set(const struct opt *o, void *tool, const char *text, struct error *why)
{
	void *at = (char *)tool + o->offset;
	struct opt_list *list;

	switch (o->kind) {
	case OPT_KIND_FLAG:
		*(bool *)at = true;
		return 0;
	case OPT_KIND_TEXT:
		*(const char **)at = text;
		return 0;
	case OPT_KIND_LIST:
		list = at;
		list->items = alloc_again(list->items, list->n + 1, sizeof *list->items);
		list->items[list->n++] = text;
		return 0;
	case OPT_KIND_INTEGER:
		return set_integer(o, at, text, why);
	case OPT_KIND_NUMBER:
		return set_number(o, at, text, why);
	case OPT_KIND_BYTES:
		return set_bytes(at, text, why);
	case OPT_KIND_DURATION:
		return eventtime_duration_parse(text, at, why);
	case OPT_KIND_CHOICE:
		return set_choice(o, at, text, why);
	case OPT_KIND_CALL:
		return o->parse(tool, text, why);
	}
	return -1;
}

/* ---- parsing ---- */

/* `text` is "--name" or "--name=value" as typed. */
_Noreturn static void unknown(const struct command *c, const struct rows *r, const char *text)
{
	const char **names = alloc_zeroed(r->n + 1, sizeof *names), *near = NULL;
	size_t len = strcspn(text, "="), n = 0, begins = 0;

	for (size_t i = 0; i < r->n; i++)
		names[n++] = row(r, i)->name;
	/* An abbreviation means exactly one name: nearer than any distance. */
	for (size_t i = 0; i < n && len > 2; i++)
		if (!strncmp(names[i], text + 2, len - 2)) {
			near = names[i];
			begins++;
		}
	if (begins != 1)
		near = len > 2 ? suggest_nearest(text + 2, len - 2, names) : NULL;
	if (near)
		mistake(c, "unknown option \"%.*s\" (did you mean \"--%s\"?)", (int)len, text, near);
	mistake(c, "unknown option \"%.*s\"", (int)len, text);
}

/* getopt_long takes any unique beginning of a name; here a name is a name, or a script breaks on the day that an option is
 * added.  `typed` is the argument that getopt_long has just taken. */
static void check_name(const struct command *c, const struct rows *r, const struct opt *o, const char *typed)
{
	size_t len = strcspn(typed, "=");

	if (len != strlen(o->name) + 2 || strncmp(typed + 2, o->name, len - 2))
		unknown(c, r, typed);
}

static const struct opt *lettered(const struct rows *r, int letter)
{
	for (size_t i = 0; i < r->n; i++)
		if (row(r, i)->letter && row(r, i)->letter == letter)
			return row(r, i);
	return NULL;
}

static void answer(const struct command *c, const struct opt *o, const char *argument)
{
	struct buf parts = BUF_INIT;

	switch ((enum builtin)(o - builtins)) {
	case BUILTIN_HELP:
		if (argument && strcmp(argument, "all"))
			mistake(c, "--help: \"%s\" is not all", argument);
		options_help(c, argument != NULL);
		break;
	case BUILTIN_VERSION:
		printf("%s %s\n", c->name, SML_VERSION);
		command_parts(c, &parts);
		fwrite(parts.data, 1, parts.len, stdout);
		buf_release(&parts);
		break;
	case BUILTIN_LIST:
		options_list(c);
		break;
	case BUILTINS:
		break;
	}
	leave(c);
}

void options_parse(const struct command *c, void *tool, int argc, char **argv, int *operands)
{
	/* Static, so that they are not lost where a mistake or an answer ends the process. */
	static struct option *longs;
	static char *letters;
	struct rows r = rows_of(c);
	struct error why;
	char *p;
	int got;

	longs = alloc_zeroed(r.n + 1, sizeof *longs);
	p = letters = alloc_zeroed(2 * r.n + 2, 1);
	*p++ = ':';	/* a missing argument is told from an unknown option */
	for (size_t i = 0; i < r.n; i++) {
		const struct opt *o = row(&r, i);
		bool optional = o == &builtins[BUILTIN_HELP];

		longs[i] = (struct option){ o->name, optional ? optional_argument : o->argument ? required_argument : no_argument,
			NULL, LONG_BASE + (int)i };
		if (o->letter) {
			*p++ = o->letter;
			if (o->argument && !optional)
				*p++ = ':';
		}
	}
	opterr = 0;
	optind = 0;	/* glibc: start anew, an earlier stage may have been parsed */
	while ((got = getopt_long(argc, argv, letters, longs, NULL)) != -1) {
		const struct opt *o = NULL;
		const char *last = argv[optind - 1];

		if (got == '?' && optopt == 0)
			unknown(c, &r, last);
		if (got == '?' && optopt < LONG_BASE) {
			unsigned char bad = (unsigned char)optopt;

			/* kcat's letters for what is said otherwise here. */
			if (memchr("tCPGL", bad, 5) && row_named(&r, "brokers"))
				mistake(c, "unknown option \"-%c\" (a topic is written kafka:TOPIC)", bad);
			if (bad > ' ' && bad < 0x7f)
				mistake(c, "unknown option \"-%c\"", bad);
			mistake(c, "unknown option \"-\\x%02x\"", bad);
		}
		if (got == '?') {
			o = row(&r, (size_t)(optopt - LONG_BASE));
			check_name(c, &r, o, last);
			mistake(c, "--%s takes no argument", o->name);
		}
		if (got == ':') {
			if (optopt >= LONG_BASE) {
				o = row(&r, (size_t)(optopt - LONG_BASE));
				check_name(c, &r, o, last);
				mistake(c, "--%s needs its argument, %s", o->name, o->argument);
			}
			o = lettered(&r, optopt);
			mistake(c, "-%c needs its argument, %s", optopt, o->argument);
		}
		if (got >= LONG_BASE) {
			o = row(&r, (size_t)(got - LONG_BASE));
			check_name(c, &r, o, optarg && optarg == last ? argv[optind - 2] : last);
		} else {
			o = lettered(&r, got);
		}
		if (o >= builtins && o < builtins + BUILTINS)
			answer(c, o, optarg);
		else if (set(o, tool, optarg, &why))
			mistake(c, "--%s: %s", o->name, why.text);
	}
	*operands = optind;
	free(longs);
	free(letters);
}

void options_release(const struct command *c, void *tool)
{
	struct rows r = rows_of(c);

	for (size_t i = 0; i < r.own; i++)
		if (r.options[i].kind == OPT_KIND_LIST)
			free(((struct opt_list *)((char *)tool + r.options[i].offset))->items);
}

/* ---- showing ---- */

void options_list(const struct command *c)
{
	struct rows r = rows_of(c);

	for (size_t i = 0; i < r.n; i++) {
		const struct opt *o = row(&r, i);
		char letter[2] = { o->letter ? o->letter : '-', 0 };

		printf("%s\t%s\t%s\t%s\n", letter, o->name, o->argument ? o->argument : "-", o->help);
	}
}

static void show(const struct opt *o)
{
	char left[128], letter[5] = "    ";
	/* "[=all]" brings its own sign */
	const char *space = o->argument && *o->argument != '[' ? " " : "";

	if (o->letter)
		snprintf(letter, sizeof letter, "-%c, ", o->letter);
	snprintf(left, sizeof left, "%s--%s%s%s", letter, o->name, space, o->argument ? o->argument : "");
	printf("  %-*s  %s\n", TEXT_COLUMN - 4, left, o->help);
}

static void show_usage(const struct command *c)
{
	const char *form = c->usage;
	bool first = true;

	do {
		size_t len = strcspn(form, "\n");

		printf("%s%s %.*s\n", first ? "usage: " : "       ", c->name, (int)len, form);
		first = false;
		form += len;
	} while (*form++);
}

void options_help(const struct command *c, bool all)
{
	struct rows r = rows_of(c);

	show_usage(c);
	printf("\n%s\n\n", c->purpose);
	if (all) {
		for (size_t i = 0; i < r.n; i++)
			show(row(&r, i));
	} else {
		for (const char *const *name = c->daily; name && *name; name++) {
			const struct opt *o = row_named(&r, *name);

			if (o)
				show(o);
		}
	}
	if (c->examples && c->examples[0]) {
		printf("\nexamples:\n");
		for (const char *const *example = c->examples; *example; example++)
			printf("  %s\n", *example);
	}
	if (all)
		printf("\nThe manual: man %s\n", c->name);
	else
		printf("\nEvery option: %s --help=all   The manual: man %s\n", c->name, c->name);
}
