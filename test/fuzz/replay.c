/* SPDX-License-Identifier: MIT */
/*
 * replay.c - fuzz-x FILE...: gives a target the bytes of each file, once, in place of a fuzzer.
 *
 * A file is named before it is tried, so that a crash has a name: on descriptor 3 where that is open (a target may have
 * closed stdout), else on stdout.
 */
#include "fuzz.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

__attribute__((weak)) int LLVMFuzzerInitialize(int *argc, char ***argv);

static int replay(const char *path)
{
	struct buf bytes = BUF_INIT;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got;

	if (fd < 0) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		return -1;
	}
	while ((got = read(fd, buf_reserve(&bytes, 65536), 65536)) > 0)
		bytes.len += (size_t)got;
	close(fd);
	char *exact = fuzz_copy(bytes.data, bytes.len);
	LLVMFuzzerTestOneInput((const uint8_t *)exact, bytes.len);
	free(exact);
	buf_release(&bytes);
	return 0;
}

int main(int argc, char **argv)
{
	const int names = fcntl(3, F_GETFD) < 0 ? dup(STDOUT_FILENO) : 3;
	int status = 0;

	if (LLVMFuzzerInitialize)
		LLVMFuzzerInitialize(&argc, &argv);
	for (int i = 1; i < argc; i++) {
		dprintf(names, "%s\n", argv[i]);
		if (replay(argv[i]))
			status = 1;
	}
	return status;
}
