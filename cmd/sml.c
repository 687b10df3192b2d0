/* SPDX-License-Identifier: MIT */
/* sml.c - `sml A ... then B ...`: the same stages in one process.  Knows of them that they exist. */
#include "cli/command.h"

extern const struct command replay_command, features_command, classify_command, route_command, train_command;

int main(int argc, char **argv)
{
	static const struct command *const commands[] = {
		&replay_command, &features_command, &classify_command, &route_command, &train_command, NULL
	};

	return command_chain(commands, argc, argv);
}
