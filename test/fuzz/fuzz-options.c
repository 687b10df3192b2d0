/* SPDX-License-Identifier: MIT */
/*
 * Command lines: LF cuts the input into arguments, the first byte chooses the tool.  A mistake ends with 2, an answer
 * with 0, anything else leaves the operands in order.  And the small texts that options take: times, durations, sizes,
 * numbers and paths, against their own way back.
 *
 * Built with --wrap=exit: what would end the process comes back here.
 */
#include "fuzz.h"

#include <fcntl.h>
#include <setjmp.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/eventtime.h"
#include "base/fieldpath.h"
#include "base/number.h"
#include "cli/command.h"

#define ARGS_MAX 32

extern const struct command replay_command, features_command, classify_command, route_command, train_command;

static const struct command *const commands[] = {
	&replay_command, &features_command, &classify_command, &route_command, &train_command,
};

static jmp_buf out;
static int is_inside, status, null;

_Noreturn void __real_exit(int);
_Noreturn void __wrap_exit(int);

_Noreturn void __wrap_exit(int code)
{
	if (!is_inside)
		__real_exit(code);
	status = code;
	longjmp(out, 1);
}

/* What ends the process leaves its memory to it. */
int __lsan_is_turned_off(void);

int __lsan_is_turned_off(void)
{
	return 1;
}

/* Help and mistakes are many and nobody reads them here. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	(void)argc, (void)argv;
	CHECK(null >= 0 && dup2(null, STDOUT_FILENO) == STDOUT_FILENO);
	stderr = fopen("/dev/null", "w");
	CHECK(stderr);
	return 0;
}

static void parse(const struct command *c, int argc, char **argv)
{
	static void *tool;	/* outlives the jump */
	static int operands;

	tool = calloc(1, c->size);
	CHECK(tool);
	if (c->defaults)
		c->defaults(tool);
	if (!setjmp(out)) {
		is_inside = 1;
		options_parse(c, tool, argc, argv, &operands);
		CHECK(operands >= 1 && operands <= argc);
	} else
		CHECK(status == 0 || status == 2);
	is_inside = 0;
	dup2(null, STDOUT_FILENO);	/* help closes it */
	options_release(c, tool);
	free(tool);
}

static void try_time(const char *text)
{
	static const enum time_unit units[] = { TIME_S, TIME_MS, TIME_US, TIME_NS, TIME_RFC3339 };
	char shown[EVENTTIME_SHOW_MAX];
	struct error why;
	enum time_unit unit;
	int64_t ns, again;
	size_t len;

	eventtime_split(text, &len, &unit, &why);
	if (!eventtime_duration_parse(text, &ns, &why)) {
		CHECK(ns >= 0);
		eventtime_duration_show(ns, shown);
		CHECK(!eventtime_duration_parse(shown, &again, &why) && again == ns);
	}
	for (size_t i = 0; i < sizeof units / sizeof *units; i++)
		if (!eventtime_parse(text, units[i], INT64_C(1700000000000000000), &ns, &why)) {
			eventtime_show(ns, shown);
			CHECK(!eventtime_parse(shown, TIME_RFC3339, 0, &again, &why) && again == ns);
			const struct value v = eventtime_to(ns, units[i], shown);
			if (units[i] == TIME_NS || units[i] == TIME_RFC3339)
				CHECK(!eventtime_from(v, units[i], &again, &why) && again == ns);
		}
}

static void try_number(const char *text)
{
	char shown[NUMBER_SHOW_MAX];
	struct error why;
	uint64_t bytes;
	int64_t n;
	double x, again;

	if (!number_parse_double(text, &x, &why)) {
		CHECK(x - x == 0 && x == strtod(text, NULL));
		CHECK(number_show(x, shown) == strlen(shown));
		CHECK(!number_parse_double(shown, &again, &why) && again == x);
	}
	if (!number_parse_integer(text, &n, &why))
		CHECK(n == strtoll(text, NULL, 10));
	number_parse_bytes(text, &bytes, &why);
}

static void try_path(const char *text)
{
	struct arena arena = ARENA_INIT;
	struct fieldpath path, again;
	struct buf shown = BUF_INIT;
	struct error why;

	if (!fieldpath_parse(&path, text, &arena, &why)) {
		CHECK(path.n >= 1 && path.n <= FIELDPATH_STEPS);
		fieldpath_show(&path, &shown);
		CHECK(!fieldpath_parse(&again, buf_text(&shown), &arena, &why) && fieldpath_equal(&path, &again));
	}
	buf_release(&shown);
	arena_release(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	char *argv[ARGS_MAX + 1], *given[ARGS_MAX];
	const uint8_t *piece;
	size_t at = 0, len;
	int argc = 1;

	if (!n)
		return 0;
	const struct command *c = commands[bytes[0] % (sizeof commands / sizeof *commands)];
	argv[0] = (char *)c->name;
	while (argc < ARGS_MAX && fuzz_piece(bytes + 1, n - 1, '\n', &at, &piece, &len)) {
		given[argc] = argv[argc] = fuzz_text(piece, len);
		try_time(argv[argc]);
		try_number(argv[argc]);
		try_path(argv[argc++]);
	}
	argv[argc] = NULL;
	parse(c, argc, argv);
	while (--argc)
		free(given[argc]);
	return 0;
}
