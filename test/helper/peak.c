/* SPDX-License-Identifier: MIT */
/*
 * peak - the most memory that a command has had resident, in KiB, to file descriptor 9; its status is the command's.
 *
 *	peak COMMAND [ARGUMENT ...] 9>FILE
 *
 * Without large pages where the system can do without: with them memory comes in steps of 2 MiB, whatever is used of it.
 */
#include <err.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct rusage usage;
	int status;

	if (argc < 2)
		errx(2, "usage: peak COMMAND [ARGUMENT ...] 9>FILE");
	prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
	const pid_t child = fork();
	if (child < 0)
		err(1, "fork");
	if (!child) {
		execvp(argv[1], argv + 1);
		err(127, "%s", argv[1]);
	}
	if (wait4(child, &status, 0, &usage) < 0)
		err(1, "wait4");
	dprintf(9, "%ld\n", usage.ru_maxrss);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
