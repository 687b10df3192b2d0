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
#include "base/fd.h"

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

/* The rename is durable once the folder is.  One that may not be read can't be synced, and has the new name all the same. */
static int sync_folder(const char *path)
{
	char *folder = alloc_text(path), *slash = strrchr(folder, '/');
	int result = 0;

	if (slash)
		slash[slash == folder] = '\0';
	const int fd = TEMP_FAILURE_RETRY(open(slash ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	free(folder);
	if (fd < 0)
		return errno == EACCES ? 0 : -1;
	if (TEMP_FAILURE_RETRY(fsync(fd)) && errno != EINVAL && errno != ENOTSUP)
		result = errno;
	close(fd);
	errno = result;
	return result ? -1 : 0;
}

static bool is_named(int fd, const char *name)
{
	struct stat ours, there;

	return !fstat(fd, &ours) && !lstat(name, &there) && ours.st_dev == there.st_dev && ours.st_ino == there.st_ino;
}

static int create(const char *name)
{
	return TEMP_FAILURE_RETRY(open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
}

/*
 * An empty file beside `path` and its name: PATH.sml.tmp.  Who writes it holds a lock on it until it is renamed, so one
 * without a lock was left by a process that was killed: it goes, and they do not pile up.  Where somebody is writing, or
 * the file system has no locks, the name says whose it is.
 */
static int open_temporary(const char *path, char **name)
{
	*name = alloc_format("%s.sml.tmp", path);
	for (int tries = 0; tries < 3; tries++) {
		int fd = create(*name);
		const bool made = fd >= 0;
		if (!made && errno != EEXIST)
			return -1;
		if (!made)
			fd = TEMP_FAILURE_RETRY(open(*name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
		if (fd < 0)
			break;
		const bool locked = !TEMP_FAILURE_RETRY(flock(fd, LOCK_EX | LOCK_NB));
		/* Between the making and the lock it may have been taken for left behind. */
		const bool ours = locked && is_named(fd, *name);
		if (made && ours)
			return fd;
		if (ours || (made && !locked && errno != EWOULDBLOCK))
			unlink(*name);
		close(fd);
		if (!locked)
			break;
	}
	free(*name);
	*name = alloc_format("%s.%ld.sml.tmp", path, (long)getpid());
	unlink(*name);		/* left by a process of this number that was killed */
	return create(*name);
}

static int fill(int fd, const struct stat *old, const void *bytes, size_t n)
{
	/* The owner before the mode: a change of owner takes set-user-id away. */
	if (old && (old->st_uid != geteuid() || old->st_gid != getegid()) && fchown(fd, old->st_uid, old->st_gid))
		errno = 0;	/* only root may; the content counts more */
	if (old && fchmod(fd, old->st_mode & 07777))
		return -1;
	return fd_write(fd, bytes, n);
}

/* Replaces `path`, which is no link.  0, or -1 and errno. */
static int replace(const char *path, const struct stat *old, const void *bytes, size_t n, bool durable)
{
	char *temporary;
	int failed = 0;
	const int fd = open_temporary(path, &temporary);

	if (fd < 0 || fill(fd, old, bytes, n) || (durable && TEMP_FAILURE_RETRY(fsync(fd))) || rename(temporary, path)) {
		failed = errno;
		if (fd >= 0)
			unlink(temporary);
	}
	if (fd >= 0)
		close(fd);	/* and gives the lock back; synced, there is nothing that it could still lose */
	free(temporary);
	if (!failed && durable && sync_folder(path))
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
	if (!existed && errno != ENOENT)
		result = error_set(why, "%s: cannot be written: %s", path, strerror(errno));
	else if (existed && !S_ISREG(old.st_mode))
		result = error_set(why, "%s: is %s", path, S_ISDIR(old.st_mode) ? "a directory" : "not a regular file");
	else if ((existed && faccessat(AT_FDCWD, real, W_OK, AT_EACCESS)) || replace(real, existed ? &old : NULL, bytes, n, true))
		result = error_set(why, "%s: cannot be written: %s", path, strerror(errno));
	else
		result = 0;
	free(real);
	return result;
}

int savefile_refresh(const char *path, const void *bytes, size_t n, struct error *why)
{
	return replace(path, NULL, bytes, n, false) ? error_set(why, "%s: cannot be written: %s", path, strerror(errno)) : 0;
}

char *savefile_read(const char *path, size_t max, size_t *n, struct error *why)
{
	const int fd = TEMP_FAILURE_RETRY(open(path, O_RDONLY | O_CLOEXEC));
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

/* A full disk may have room again; a folder that is not there needs somebody who makes it. */
static int no_lock(const char *path, const char *lock, struct error *why)
{
	const bool may_pass = errno == ENOSPC || errno == EDQUOT || errno == EIO || errno == EMFILE || errno == ENFILE || errno == ENOMEM ||
	    errno == ENOLCK || errno == EINTR;

	error_set(why, "%s: cannot be locked by %s: %s", path, lock, strerror(errno));
	return may_pass ? -2 : -1;
}

int savefile_lock(const char *path, struct error *why)
{
	char *real = follow(path), *lock = alloc_format("%s.lock", real ? real : path);
	char pid[24] = {0};
	const int fd = real ? TEMP_FAILURE_RETRY(open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0666)) : -1;
	int result = fd;

	if (fd < 0)
		result = no_lock(path, lock, why);
	else if (TEMP_FAILURE_RETRY(flock(fd, LOCK_EX | LOCK_NB))) {
		if (errno != EWOULDBLOCK)
			result = no_lock(path, lock, why);
		else {
			const ssize_t n = pread(fd, pid, sizeof pid - 1, 0);
			pid[n > 0 ? strcspn(pid, "\n") : 0] = '\0';
			result = *pid ? error_set(why, "%s is in use by process %s", path, pid)
			    : error_set(why, "%s is in use by another process", path);
		}
		close(fd);
	} else {
		const int len = snprintf(pid, sizeof pid, "%ld\n", (long)getpid());
		if (TEMP_FAILURE_RETRY(ftruncate(fd, 0)) || fd_write(fd, pid, (size_t)len)) {
			result = no_lock(path, lock, why);
			close(fd);
		}
	}
	free(lock);
	free(real);
	return result;
}
