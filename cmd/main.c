/* SPDX-License-Identifier: MIT */
/* main.c - of the tools: compiled once per tool, with -DCOMMAND=features_command. */
#include "cli/command.h"

extern const struct command COMMAND;

int main(int argc, char **argv)
{
	return command_main(&COMMAND, argc, argv);
}
