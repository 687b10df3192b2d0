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

/* The file that a path leads to through symbolic links, whether it exists or not; free it.  NULL: they go in circles. */
static char *follow(const char *path)
{
	char target[PATH_MAX], *at = alloc_text(path);

	for (int hops = 0; hops < 40; hops++) {
		const ssize_t n = readlink(at, target, sizeof target - 1);
		if (n < 0)
			return at;
		target[n] = '\0';
		const char *slash = *target == '/' ? NULL : strrchr(at, '/');
		char *next = slash ? alloc_format("%.*s/%s", (int)(slash - at), at, target) : alloc_text(target);
		free(at);
		at = next;
	}
	free(at);
	errno = ELOOP;
	return NULL;
}

/* The rename is durable once the folder is.  A folder that can't be opened or synced has the new name all the same. */
static int sync_folder(const char *path)
{
	char *folder = alloc_text(path), *slash = strrchr(folder, '/');
	int result = 0;

	if (slash)
		slash[slash == folder] = '\0';
	const int fd = open(slash ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	free(folder);
	if (fd < 0)
		return 0;
	if (fsync(fd) && errno != EINVAL && errno != ENOTSUP)
		result = errno;
	close(fd);
	errno = result;
	return result ? -1 : 0;
}

static int fill(int fd, const struct stat *old, const void *bytes, size_t n)
{
	/* The owner before the mode: a change of owner takes set-user-id away. */
	if (old && (old->st_uid != geteuid() || old->st_gid != getegid()) && fchown(fd, old->st_uid, old->st_gid))
		errno = 0;	/* only root may; the content counts more */
	if (old && fchmod(fd, old->st_mode & 07777))
		return -1;
	return write_all(fd, bytes, n) || fsync(fd) ? -1 : 0;
}

/* Replaces `path`, which is no link.  0, or -1 and errno. */
static int replace(const char *path, const struct stat *old, const void *bytes, size_t n)
{
	char *temporary = alloc_format("%s.%ld.tmp", path, (long)getpid());
	int failed = 0;

	unlink(temporary);		/* left by a process of this number that was killed */
	const int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (fd < 0)
		failed = errno;
	else {
		if (fill(fd, old, bytes, n))
			failed = errno;
		if (close(fd) && !failed)
			failed = errno;
		if (!failed && rename(temporary, path))
			failed = errno;
		if (failed)
			unlink(temporary);
	}
	free(temporary);
	if (!failed && sync_folder(path))
		failed = errno;
	errno = failed;
	return failed ? -1 : 0;
}

int savefile_write(const char *path, const void *bytes, size_t n, struct error *why)
{
	char *real = follow(path);
	struct stat old;
	int result;

	if (!real)
		return error_set(why, "%s: %s", path, strerror(errno));
	const bool existed = !stat(real, &old);
	if (existed && !S_ISREG(old.st_mode))
		result = error_set(why, "%s: is %s", path, S_ISDIR(old.st_mode) ? "a directory" : "not a regular file");
	else if ((existed && faccessat(AT_FDCWD, real, W_OK, AT_EACCESS)) || replace(real, existed ? &old : NULL, bytes, n))
		result = error_set(why, "%s: cannot be written: %s", path, strerror(errno));
	else
		result = 0;
	free(real);
	return result;
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
	bytes[size] = '\0';
	*n = size;
	return bytes;
fail:
	close(fd);
	free(bytes);
	return NULL;
}

int savefile_lock(const char *path, struct error *why)
{
	char *real = follow(path), *lock = alloc_format("%s.lock", real ? real : path);
	char pid[24] = {0};
	const int fd = real ? open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0666) : -1;
	int result = fd;

	if (fd < 0)
		result = error_set(why, "%s: %s", lock, strerror(errno));
	else if (flock(fd, LOCK_EX | LOCK_NB)) {
		if (errno != EWOULDBLOCK)
			result = error_set(why, "%s: cannot be locked: %s", lock, strerror(errno));
		else {
			const ssize_t n = pread(fd, pid, sizeof pid - 1, 0);
			pid[n > 0 ? strcspn(pid, "\n") : 0] = '\0';
			result = *pid ? error_set(why, "%s is in use by process %s", path, pid)
			    : error_set(why, "%s is in use by another process", path);
		}
		close(fd);
	} else {
		const int len = snprintf(pid, sizeof pid, "%ld\n", (long)getpid());
		if (ftruncate(fd, 0) || pwrite(fd, pid, (size_t)len, 0) != len) {
			result = error_set(why, "%s: %s", lock, strerror(errno));
			close(fd);
		}
	}
	free(lock);
	free(real);
	return result;
}
