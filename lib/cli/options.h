/* SPDX-License-Identifier: MIT */
/*
 * options.h - one option table per tool: parses, prints --help, answers --list-options.
 *
 * getopt_long underneath.  Rows point into the tool's context by offset, so that a chain can hold a tool twice.  May print
 * and exit: --help, --version and --list-options on stdout with 0; a mistake is one line and "see sml-x --help" with 2.
 * A long name is typed whole: what would be a unique beginning of one today may not be tomorrow.
 */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum opt_kind {
	OPT_KIND_FLAG,		/* bool */
	OPT_KIND_TEXT,		/* const char *, borrowed from argv */
	OPT_KIND_LIST,		/* struct opt_list: may be given again */
	OPT_KIND_INTEGER,	/* int64_t in [low, high] */
	OPT_KIND_NUMBER,	/* double in [low, high] */
	OPT_KIND_BYTES,		/* uint64_t: 16M */
	OPT_KIND_DURATION,	/* int64_t ns: 1h30m */
	OPT_KIND_CHOICE,	/* int: index into the words of `argument`, "stop|route" */
	OPT_KIND_CALL,		/* parse() decides */
};

struct opt_list { const char **items; size_t n; };

struct opt {
	char letter;			/* 0: none */
	const char *name;		/* long name; NULL: end of the table */
	const char *argument;		/* "FILE", as in the man page; NULL: none */
	enum opt_kind kind;
	size_t offset;			/* into the tool's context */
	const char *help;		/* one line, no full stop */
	double low, high;
	int (*parse)(void *tool, const char *argument, struct error *why);
};

#define OPT_AT(type, member, T) \
	(offsetof(type, member) + 0 * sizeof((T *)0 == &((type *)0)->member))

#define OPT_FLAG(c, name, S, m, help)		{ c, name, NULL, OPT_KIND_FLAG, OPT_AT(S, m, bool), help, 0, 0, NULL }
#define OPT_TEXT(c, name, arg, S, m, help)	{ c, name, arg, OPT_KIND_TEXT, OPT_AT(S, m, const char *), help, 0, 0, NULL }
#define OPT_LIST(c, name, arg, S, m, help)	{ c, name, arg, OPT_KIND_LIST, OPT_AT(S, m, struct opt_list), help, 0, 0, NULL }
#define OPT_INTEGER(c, name, arg, S, m, lo, hi, help) { c, name, arg, OPT_KIND_INTEGER, OPT_AT(S, m, int64_t), help, lo, hi, NULL }
#define OPT_NUMBER(c, name, arg, S, m, lo, hi, help) { c, name, arg, OPT_KIND_NUMBER, OPT_AT(S, m, double), help, lo, hi, NULL }
#define OPT_BYTES(c, name, arg, S, m, help)	{ c, name, arg, OPT_KIND_BYTES, OPT_AT(S, m, uint64_t), help, 0, 0, NULL }
#define OPT_DURATION(c, name, arg, S, m, help)	{ c, name, arg, OPT_KIND_DURATION, OPT_AT(S, m, int64_t), help, 0, 0, NULL }
#define OPT_CHOICE(c, name, words, S, m, help)	{ c, name, words, OPT_KIND_CHOICE, OPT_AT(S, m, int), help, 0, 0, NULL }
#define OPT_CALL(c, name, arg, fn, help)	{ c, name, arg, OPT_KIND_CALL, 0, help, 0, 0, fn }
#define OPT_END { 0, NULL, NULL, OPT_KIND_FLAG, 0, NULL, 0, 0, NULL }

struct command;

/*
 * Parses argv (argv[0] is the tool) into the context; what is not an option is left in argv from *operands on (options may
 * stand between operands; "--" ends them).  Answers -h, -V, --list-options itself.  On a mistake prints and exits 2.
 */
void options_parse(const struct command *, void *tool, int argc, char **argv, int *operands);

/* Frees what OPT_LIST rows have gathered. */
void options_release(const struct command *, void *tool);

/*
 * --list-options: a line per option, tab-separated: letter or "-", long name, argument or "-" ("[=all]": may stay away),
 * help.  Completions, the man page test and the test of equal meaning read it.
 */
void options_list(const struct command *);
void options_help(const struct command *, bool all);

#endif
