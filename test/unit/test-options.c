/* SPDX-License-Identifier: MIT */
/* One option of each kind: what is taken, what is refused and how. */
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "cli/command.h"
#include "cli/options.h"
#include "tap.h"

struct tool {
	struct common common;
	bool all;
	const char *model;
	struct opt_list define;
	int64_t top, any, interval;
	double threshold, rate;
	int missing;
	uint64_t called;
};

static int call(void *self, const char *argument, struct error *why)
{
	struct tool *t = self;

	if (!strcmp(argument, "bad"))
		return error_set(why, "\"bad\" is not wanted");
	t->called++;
	return 0;
}

static const struct opt options[] = {
	OPT_FLAG('a', "all", struct tool, all, "everything"),
	OPT_TEXT('m', "model", "FILE", struct tool, model, "the model"),
	OPT_LIST('d', "define", "'NAME = EXPR'", struct tool, define, "a definition"),
	OPT_INTEGER(0, "top", "N", struct tool, top, 1, 1000, "how many"),
	OPT_INTEGER(0, "any", "N", struct tool, any, (double)INT64_MIN, (double)INT64_MAX, "any number"),
	OPT_DURATION(0, "interval", "D", struct tool, interval, "how often"),
	OPT_NUMBER('t', "threshold", "P", struct tool, threshold, 0, 1, "positive at P or above"),
	OPT_NUMBER(0, "rate", "R", struct tool, rate, 0, 1e18, "how fast"),
	OPT_CHOICE(0, "missing", "mean|error|zero", struct tool, missing, "what to do"),
	OPT_CALL(0, "call", "X", call, "called"),
	COMMON_OPTIONS(struct tool),
	OPT_END
};

static const struct command command = {
	.name = "sml-test",
	.purpose = "test",
	.usage = "[options] [FILE...]",
	.options = options,
	.size = sizeof(struct tool),
	.tool = { .name = "test" },
};

#define MAX_WORDS 16

/* Words parted by '|': arguments may hold spaces. */
static int split(char *text, char **argv)
{
	int argc = 0;

	argv[argc++] = (char *)"sml-test";
	for (char *word; text && argc < MAX_WORDS && (word = strsep(&text, "|"));)
		argv[argc++] = word;
	argv[argc] = NULL;
	return argc;
}

static int parse(struct tool *t, char **argv, const char *words)
{
	static char *copy;
	int operands, argc;

	free(copy);
	copy = alloc_text(words);
	argc = split(*words ? copy : NULL, argv);
	memset(t, 0, sizeof *t);
	options_parse(&command, t, argc, argv, &operands);
	return operands;
}

/* In a child: what it prints on both outputs, and how it ends. */
static int run(const char *words, struct buf *out)
{
	char *argv[MAX_WORDS + 1], bytes[4096];
	struct tool t;
	int ends[2], status;
	ssize_t n;

	buf_clear(out);
	fflush(stdout);
	if (pipe(ends))
		exit(1);
	pid_t child = fork();
	if (child == 0) {
		dup2(ends[1], 1);
		dup2(ends[1], 2);
		close(ends[0]);
		parse(&t, argv, words);
		_exit(0);
	}
	close(ends[1]);
	while ((n = read(ends[0], bytes, sizeof bytes)) > 0)
		buf_add(out, bytes, (size_t)n);
	close(ends[0]);
	waitpid(child, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void refused(const char *words, const char *message)
{
	struct buf out = BUF_INIT;
	char *expected = alloc_format("sml-test: %s (see sml-test --help)\n", message);

	ok(run(words, &out) == 2, "exit 2: %s", message);
	is_str(buf_text(&out), expected, "%s", message);
	buf_release(&out);
	free(expected);
}

static void test_taken(void)
{
	char *argv[MAX_WORDS + 1];
	struct tool t;
	int at;

	at = parse(&t, argv, "one|-a|two|--model|m.json|--|-t");
	ok(t.all && !strcmp(t.model, "m.json"), "options may stand between operands");
	ok(!strcmp(argv[at], "one") && !strcmp(argv[at + 1], "two") && !strcmp(argv[at + 2], "-t") && !argv[at + 3],
	    "-- ends options");
	at = parse(&t, argv, "-am|x|-d|a = 1|--define=b = 2|-t.5|-");
	ok(t.all && !strcmp(t.model, "x") && t.threshold == 0.5, "letters in one word");
	ok(t.define.n == 2 && !strcmp(t.define.items[0], "a = 1") && !strcmp(t.define.items[1], "b = 2"), "a list");
	ok(!strcmp(argv[at], "-") && !argv[at + 1], "- is an operand");
	options_release(&command, &t);
	parse(&t, argv, "--top=7|--any|-9223372036854775808|--rate|2.5e3|--interval|1h30m|--missing=error|--call|x|--call|y");
	ok(t.top == 7 && t.any == INT64_MIN && t.rate == 2500, "numbers");
	ok(t.interval == 5400 * INT64_C(1000000000), "a duration");
	ok(t.missing == 1 && t.called == 2, "a choice, a call");
	parse(&t, argv, "--max-line=64K|--threshold=1|--threshold|0");
	ok(t.common.max_line == 65536 && t.threshold == 0, "bytes; the last one counts");
	parse(&t, argv, "--threshold=5e-1|-m|--all");
	ok(!strcmp(t.model, "--all") && !t.all, "an argument may look like an option");
}

static void test_refused(void)
{
	refused("--modle=x", "unknown option \"--modle\" (did you mean \"--model\"?)");
	refused("--thresh|0.5", "unknown option \"--thresh\" (did you mean \"--threshold\"?)");
	refused("--thresh", "unknown option \"--thresh\" (did you mean \"--threshold\"?)");
	refused("--a", "unknown option \"--a\"");
	refused("--xyzzy", "unknown option \"--xyzzy\"");
	refused("-z", "unknown option \"-z\"");
	refused("-a\n", "unknown option \"-\\x0a\"");
	refused("--x\ny", "unknown option \"--x?y\"");
	refused("-m", "-m needs its argument, FILE");
	refused("--model", "--model needs its argument, FILE");
	refused("--all=yes", "--all takes no argument");
	refused("-t|1.5", "--threshold: \"1.5\" is not a number from 0 to 1");
	refused("-t|0,5", "--threshold: \"0,5\" is not a number from 0 to 1");
	refused("-t|", "--threshold: \"\" is not a number from 0 to 1");
	refused("-t|nan", "--threshold: \"nan\" is not a number from 0 to 1");
	refused("--rate|-1", "--rate: \"-1\" is not a number of at least 0");
	refused("--top|0", "--top: \"0\" is not a whole number from 1 to 1000");
	refused("--top|1e2", "--top: \"1e2\" is not a whole number from 1 to 1000");
	refused("--any|99999999999999999999", "--any: \"99999999999999999999\" is beyond what 64 bits hold");
	refused("--any| 1", "--any: \" 1\" is not a whole number");
	refused("--max-line|12q", "--max-line: \"12q\" is not a number of bytes (as 4096, 64K, 16M, 1G)");
	refused("--max-line|0", "--max-line: \"0\" is not a number of bytes (as 4096, 64K, 16M, 1G)");
	refused("--missing|eror", "--missing: \"eror\" is not mean, error or zero (did you mean \"error\"?)");
	refused("--on-bad=", "--on-bad: \"\" is not route or stop");
	refused("--call|bad", "--call: \"bad\" is not wanted");
	refused("--help=some", "--help: \"some\" is not all");
}

static void test_answers(void)
{
	struct buf out = BUF_INIT;

	ok(run("--list-options|--xyzzy", &out) == 0, "--list-options ends well");
	ok(strstr(buf_text(&out), "t\tthreshold\tP\tpositive at P or above\n") != NULL, "a row with a letter");
	ok(strstr(buf_text(&out), "-\ttop\tN\thow many\n") != NULL, "a row without");
	ok(strstr(buf_text(&out), "h\thelp\t[=all]\t") != NULL, "the rows that every table has");
	ok(run("-h", &out) == 0 && !strncmp(buf_text(&out), "usage: sml-test [options] [FILE...]\n", 36), "-h");
	ok(run("--help=all", &out) == 0 && strstr(buf_text(&out), "  -t, --threshold P ") != NULL, "--help=all");
	ok(run("-V", &out) == 0 && !strncmp(buf_text(&out), "sml-test 0.", 11), "-V");
	buf_release(&out);
}

int main(void)
{
	test_taken();
	test_refused();
	test_answers();
	return done();
}
