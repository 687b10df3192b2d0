/* SPDX-License-Identifier: MIT */
#include "base/savefile.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"

static int write_all(int fd, const char *p, size_t n)
{
	while (n) {
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

/* The rename is durable once the folder is. */
static int sync_folder(const char *path)
{
	char *folder = alloc_text(path), *slash = strrchr(folder, '/');

	if (slash)
		slash[slash == folder] = '\0';
	const int fd = open(slash ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const int result = fd < 0 ? -1 : fsync(fd);
	if (fd >= 0)
		close(fd);
	free(folder);
	/* Some file systems cannot sync a folder; the rename has happened all the same. */
	return result && errno != EINVAL ? -1 : 0;
}

static int save(const char *path, const void *bytes, size_t n, struct error *why)
{
	char *temporary = alloc_format("%s.%ld.tmp", path, (long)getpid());
	struct stat old;
	const bool existed = !stat(path, &old);
	int fd, result = -1;

	if (existed && !S_ISREG(old.st_mode)) {
		free(temporary);
		return error_set(why, "%s: is %s", path, S_ISDIR(old.st_mode) ? "a directory" : "no regular file");
	}
	unlink(temporary);		/* left by a process of this number that was killed */
	fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (fd < 0)
		error_set(why, "%s: %s", temporary, strerror(errno));
	else if ((existed && fchmod(fd, old.st_mode & 07777)) || write_all(fd, bytes, n) || fsync(fd)) {
		error_set(why, "%s: %s", temporary, strerror(errno));
		close(fd);
		unlink(temporary);
	} else if (close(fd) || rename(temporary, path) || sync_folder(path)) {
		error_set(why, "%s: %s", path, strerror(errno));
		unlink(temporary);
	} else
		result = 0;
	free(temporary);
	return result;
}

int savefile_write(const char *path, const void *bytes, size_t n, struct error *why)
{
	char real[PATH_MAX];

	/* Through symbolic links: the file they name is replaced, not the link. */
	return save(realpath(path, real) ? real : path, bytes, n, why);
}

char *savefile_read(const char *path, size_t max, size_t *n, struct error *why)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t size = 0, room = 64 * 1024;
	struct stat st;
	char *bytes;
	ssize_t got;

	if (fd < 0) {
		error_set(why, "%s: %s", path, strerror(errno));
		return NULL;
	}
	if (!fstat(fd, &st) && S_ISREG(st.st_mode) && (uint64_t)st.st_size < max)
		room = (size_t)st.st_size + 1;
	bytes = alloc_bytes(room);
	while ((got = read(fd, bytes + size, room - size)) != 0) {
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			error_set(why, "%s: %s", path, errno == EISDIR ? "is a directory" : strerror(errno));
			goto fail;
		}
		size += (size_t)got;
		if (size > max) {
			error_set(why, "%s: is larger than %zu bytes", path, max);
			goto fail;
		}
		if (size == room)
			bytes = alloc_again(bytes, room *= 2, 1);
	}
	close(fd);
	bytes[size < room ? size : room - 1] = '\0';
	*n = size;
	return bytes;
fail:
	close(fd);
	free(bytes);
	return NULL;
}

int savefile_lock(const char *path, struct error *why)
{
	char *lock = alloc_format("%s.lock", path);
	char pid[24] = {0};
	const int fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
	int result = fd;

	if (fd < 0)
		result = error_set(why, "%s: %s", lock, strerror(errno));
	else if (flock(fd, LOCK_EX | LOCK_NB)) {
		const ssize_t n = errno == EWOULDBLOCK ? pread(fd, pid, sizeof pid - 1, 0) : 0;
		pid[n > 0 ? strcspn(pid, "\n") : 0] = '\0';
		result = error_set(why, "%s is in use by process %s", path, *pid ? pid : "(unknown)");
		close(fd);
	} else {
		const int len = snprintf(pid, sizeof pid, "%ld\n", (long)getpid());
		if (ftruncate(fd, 0) || pwrite(fd, pid, (size_t)len, 0) != len) {
			result = error_set(why, "%s: %s", lock, strerror(errno));
			close(fd);
		}
	}
	free(lock);
	return result;
}
