/* SPDX-License-Identifier: MIT */
#include "base/fd.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

int fd_write(int fd, const void *bytes, size_t n)
{
	for (const char *p = bytes; n;) {
		const ssize_t written = write(fd, p, n);
		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			return -1;
		p += written;
		n -= (size_t)written;
	}
	return 0;
}

bool fd_same_file(int a, int b)
{
	struct stat x, y;

	return !fstat(a, &x) && !fstat(b, &y) && S_ISREG(x.st_mode) && S_ISREG(y.st_mode) && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

bool fd_same_pipe(int a, int b)
{
	struct stat x, y;

	return !fstat(a, &x) && !fstat(b, &y) && (S_ISFIFO(x.st_mode) || S_ISSOCK(x.st_mode)) && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}
