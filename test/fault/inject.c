/* SPDX-License-Identifier: MIT */
/*
 * inject.so - system calls of a program that fail, do less than they are asked, or are its last.
 *
 *	LD_PRELOAD=inject.so INJECT='CALLS FAULT [WHEN [PATH]]' INJECT_TRACE=FILE program...
 *
 * CALLS  names of the functions below, joined by commas, or "all".
 * FAULT  an error (EIO ENOSPC EMFILE ENOMEM EINTR EAGAIN ENOLCK EACCES): the call is not made and fails with it; a close
 *        that fails has closed;
 *        short: read, pread, write and pwrite take one byte at most, short:SEED one to seven bytes;
 *        late:MS: the call is made, and returns that much later;
 *        before, after: SIGKILL before the call, or when it has been made; torn: when a write has written a half;
 *        none: nothing, for the trace.
 * WHEN   K: the K-th of these calls alone; K+: that and all after it; /N: every N-th; 1+ if not given.
 * PATH   of calls on paths and descriptors only those whose path this pattern matches (fnmatch), as /proc/self/fd
 *        spells it for a descriptor: 'pipe:*', '*state'.
 *
 * INJECT_TRACE appends a line "CALL PATH" for each of these calls that is made or failed ("rename FROM TO"), so the
 * number of lines is the number of WHENs there are to try.  Calls are counted from the start of main.
 *
 * fsync and fdatasync do nothing else.  All this stands between the program and its C library.  Calls inside the library are not
 * seen, stdio's writes among them: stdout is replaced by a stream that writes through here.  As the kernel restarts a
 * call that a handler of SA_RESTART has interrupted, and stdio relies on it, stdout sees no EINTR.  Memory: memory.c.
 */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define PATH_SIZE 4096
#define TRACE_FD 900		/* and above: out of the program's way */

enum fault { NONE, FAIL, SHORT, LATE, BEFORE, AFTER, TORN };

static struct {
	bool armed;
	const char *calls, *pattern;
	enum fault fault;
	int error;
	unsigned long seed, late_ms, from, until, every, n;	/* n: calls so far that CALLS and PATH name */
	int trace;
} rule = { .trace = -1 };

static const struct { const char *name; int number; } errors[] = {
	{ "EIO", EIO }, { "ENOSPC", ENOSPC }, { "EMFILE", EMFILE }, { "ENOMEM", ENOMEM }, { "EINTR", EINTR }, { "EAGAIN", EAGAIN },
	{ "ENOLCK", ENOLCK }, { "EACCES", EACCES }, { NULL, 0 }
};

static void die(const char *what, const char *word)
{
	fprintf(stderr, "inject: %s: %s\n", what, word ? word : "missing");
	_exit(99);
}

/* ---- the rule ---- */

static void parse_fault(const char *word)
{
	static const char *const names[] = { [NONE] = "none", [BEFORE] = "before", [AFTER] = "after", [TORN] = "torn" };

	for (int i = 0; errors[i].name; i++)
		if (word && !strcmp(word, errors[i].name)) {
			rule.fault = FAIL;
			rule.error = errors[i].number;
			return;
		}
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (word && names[i] && !strcmp(word, names[i])) {
			rule.fault = (enum fault)i;
			return;
		}
	if (word && !strncmp(word, "late:", 5)) {
		rule.fault = LATE;
		rule.late_ms = strtoul(word + 5, NULL, 10);
		return;
	}
	if (!word || strncmp(word, "short", 5))
		die("what fault", word);
	rule.fault = SHORT;
	rule.seed = word[5] == ':' ? strtoul(word + 6, NULL, 10) : 0;
}

static void parse_when(const char *word)
{
	char *end = NULL;

	rule.from = 1;
	rule.until = (unsigned long)-1;
	rule.every = 1;
	if (!word)
		return;
	const unsigned long n = strtoul(word + (*word == '/'), &end, 10);
	if (!n || (*end && strcmp(end, "+")))
		die("when", word);
	if (*word == '/')
		rule.every = n;
	else {
		rule.from = n;
		rule.until = *end ? rule.until : n;
	}
}

static void parse(void)
{
	static char text[1024];
	char *rest = text;

	snprintf(text, sizeof text, "%s", getenv("INJECT") ? getenv("INJECT") : "");
	rule.calls = strsep(&rest, " ");
	parse_fault(strsep(&rest, " "));
	parse_when(strsep(&rest, " "));
	rule.pattern = rest;
}

static bool names(const char *list, const char *call)
{
	const size_t n = strlen(call);

	if (!strcmp(list, "all"))
		return true;
	for (const char *p = list; p; p = strchr(p, ',')) {
		p += *p == ',';
		if (!strncmp(p, call, n) && (p[n] == ',' || !p[n]))
			return true;
	}
	return false;
}

static void path_of(int fd, char *out)
{
	char name[32];

	snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
	const long n = syscall(SYS_readlinkat, AT_FDCWD, name, out, PATH_SIZE - 1);
	out[n > 0 ? n : 0] = '\0';
}

static void trace(const char *call, const char *path, const char *to)
{
	char line[2 * PATH_SIZE + 64];

	const int n = snprintf(line, sizeof line, "%s %s%s%s\n", call, path, to ? " " : "", to ? to : "");
	syscall(SYS_write, rule.trace, line, (size_t)n);
}

/* What becomes of this call.  FAIL: errno is set.  fd -1: none; path NULL: that of fd. */
static enum fault begin(const char *call, int fd, const char *path, const char *to)
{
	char own[PATH_SIZE] = "";

	if (!rule.armed || !names(rule.calls, call))
		return NONE;
	if (!path) {
		if (fd >= 0)
			path_of(fd, own);
		path = own;
	}
	if (rule.pattern && fnmatch(rule.pattern, path, 0))
		return NONE;
	const unsigned long k = __atomic_add_fetch(&rule.n, 1, __ATOMIC_RELAXED);	/* librdkafka has threads */
	const bool now = k >= rule.from && k <= rule.until && k % rule.every == 0;
	if (now && rule.fault == BEFORE)
		syscall(SYS_kill, getpid(), SIGKILL);
	if (rule.trace >= 0)
		trace(call, path, to);
	if (now && rule.fault == FAIL)
		errno = rule.error;
	return now ? rule.fault : NONE;
}

/* Behind the call that has been made; errno is still its own. */
static void end(enum fault f)
{
	const int error = errno;

	if (f == LATE)
		nanosleep(&(struct timespec){ (time_t)(rule.late_ms / 1000), (long)(rule.late_ms % 1000) * 1000000 }, NULL);
	errno = error;
	if (f == AFTER || f == TORN)
		syscall(SYS_kill, getpid(), SIGKILL);
}

static size_t shorter(enum fault f, size_t n)
{
	if (f == TORN)
		return n / 2;
	if (f != SHORT || !n)
		return n;
	if (!rule.seed)
		return 1;
	rule.seed = rule.seed * 6364136223846793005ul + 1442695040888963407ul;
	const size_t most = 1 + (rule.seed >> 33) % 7;
	return n < most ? n : most;
}

/* ---- the calls ---- */

#define REAL(name) \
	static __typeof__(&name) real; \
	if (!real) \
		*(void **)&real = dlsym(RTLD_NEXT, #name)

/* A call that is made as it is: RESULT name(PARAMETERS), its arguments, what begin() is to know of it. */
#define CALL(type, name, parameters, arguments, failed, fd, path, to) \
type name parameters \
{ \
	REAL(name); \
	const enum fault f = begin(#name, fd, path, to); \
	if (f == FAIL) \
		return failed; \
	type result = real arguments; \
	end(f); \
	return result; \
}

CALL(int, ftruncate, (int fd, off_t n), (fd, n), -1, fd, NULL, NULL)
CALL(int, truncate, (const char *path, off_t n), (path, n), -1, -1, path, NULL)
CALL(int, mkdir, (const char *path, mode_t mode), (path, mode), -1, -1, path, NULL)
CALL(int, fchmod, (int fd, mode_t mode), (fd, mode), -1, fd, NULL, NULL)
CALL(int, fchown, (int fd, uid_t user, gid_t group), (fd, user, group), -1, fd, NULL, NULL)
CALL(int, fstat, (int fd, struct stat *st), (fd, st), -1, fd, NULL, NULL)
CALL(int, flock, (int fd, int how), (fd, how), -1, fd, NULL, NULL)
CALL(int, dup2, (int fd, int as), (fd, as), -1, fd, NULL, NULL)
CALL(off_t, lseek, (int fd, off_t to, int whence), (fd, to, whence), -1, fd, NULL, NULL)
CALL(int, rename, (const char *from, const char *to), (from, to), -1, -1, from, to)
CALL(int, unlink, (const char *path), (path), -1, -1, path, NULL)
CALL(int, stat, (const char *path, struct stat *st), (path, st), -1, -1, path, NULL)
CALL(int, lstat, (const char *path, struct stat *st), (path, st), -1, -1, path, NULL)
CALL(int, access, (const char *path, int mode), (path, mode), -1, -1, path, NULL)
CALL(int, faccessat, (int at, const char *path, int mode, int flags), (at, path, mode, flags), -1, -1, path, NULL)
CALL(ssize_t, readlink, (const char *path, char *out, size_t n), (path, out, n), -1, -1, path, NULL)
CALL(DIR *, opendir, (const char *path), (path), NULL, -1, path, NULL)
CALL(struct dirent *, readdir, (DIR *dir), (dir), NULL, dirfd(dir), NULL, NULL)
CALL(int, poll, (struct pollfd *p, nfds_t n, int limit), (p, n, limit), -1, -1, NULL, NULL)
CALL(int, ppoll, (struct pollfd *p, nfds_t n, const struct timespec *limit, const sigset_t *open), (p, n, limit, open), -1, -1, NULL, NULL)

CALL(ssize_t, sendmsg, (int fd, const struct msghdr *m, int flags), (fd, m, flags), -1, fd, NULL, NULL)
CALL(ssize_t, recvmsg, (int fd, struct msghdr *m, int flags), (fd, m, flags), -1, fd, NULL, NULL)

/* One that transfers n bytes. */
#define TRANSFER(name, parameters, fd, ...) \
ssize_t name parameters \
{ \
	REAL(name); \
	const enum fault f = begin(#name, fd, NULL, NULL); \
	if (f == FAIL) \
		return -1; \
	n = shorter(f, n); \
	const ssize_t result = real(__VA_ARGS__); \
	end(f); \
	return result; \
}

TRANSFER(read, (int fd, void *bytes, size_t n), fd, fd, bytes, n)
TRANSFER(pread, (int fd, void *bytes, size_t n, off_t at), fd, fd, bytes, n, at)
TRANSFER(write, (int fd, const void *bytes, size_t n), fd, fd, bytes, n)
TRANSFER(pwrite, (int fd, const void *bytes, size_t n, off_t at), fd, fd, bytes, n, at)

/* No machine stops here, and thousands of runs need not wait for a disk. */
int fsync(int fd)
{
	const enum fault f = begin("fsync", fd, NULL, NULL);

	end(f);
	return f == FAIL ? -1 : 0;
}

int fdatasync(int fd)
{
	const enum fault f = begin("fdatasync", fd, NULL, NULL);

	end(f);
	return f == FAIL ? -1 : 0;
}

/* The descriptor is gone, whatever close says. */
int close(int fd)
{
	REAL(close);
	const enum fault f = begin("close", fd, NULL, NULL);
	const int error = errno, result = real(fd);

	end(f);
	if (f != FAIL)
		return result;
	errno = error;
	return -1;
}

int open(const char *path, int flags, ...)
{
	REAL(open);
	mode_t mode = 0;
	va_list ap;

	if (flags & (O_CREAT | (O_TMPFILE & ~O_DIRECTORY))) {
		va_start(ap, flags);
		mode = va_arg(ap, mode_t);
		va_end(ap);
	}
	const enum fault f = begin("open", -1, path, NULL);
	if (f == FAIL)
		return -1;
	const int result = real(path, flags, mode);
	end(f);
	return result;
}

/* Only what makes a descriptor can run out of them. */
int fcntl(int fd, int command, ...)
{
	REAL(fcntl);
	va_list ap;

	va_start(ap, command);
	void *argument = va_arg(ap, void *);
	va_end(ap);
	const enum fault f = command == F_DUPFD || command == F_DUPFD_CLOEXEC ? begin("fcntl", fd, NULL, NULL) : NONE;
	if (f == FAIL)
		return -1;
	const int result = real(fd, command, argument);
	end(f);
	return result;
}

/* What a compiler makes of some of these with _FORTIFY_SOURCE. */
ssize_t __read_chk(int fd, void *bytes, size_t n, size_t room);
ssize_t __pread_chk(int fd, void *bytes, size_t n, off_t at, size_t room);
ssize_t __readlink_chk(const char *path, char *out, size_t n, size_t room);
int __poll_chk(struct pollfd *p, nfds_t n, int limit, size_t room);
int __ppoll_chk(struct pollfd *p, nfds_t n, const struct timespec *limit, const sigset_t *open, size_t room);
int __open_2(const char *path, int flags);

ssize_t __read_chk(int fd, void *bytes, size_t n, size_t room)
{
	return n > room ? abort(), -1 : read(fd, bytes, n);
}

ssize_t __pread_chk(int fd, void *bytes, size_t n, off_t at, size_t room)
{
	return n > room ? abort(), -1 : pread(fd, bytes, n, at);
}

ssize_t __readlink_chk(const char *path, char *out, size_t n, size_t room)
{
	return n > room ? abort(), -1 : readlink(path, out, n);
}

int __poll_chk(struct pollfd *p, nfds_t n, int limit, size_t room)
{
	return n * sizeof *p > room ? abort(), -1 : poll(p, n, limit);
}

int __ppoll_chk(struct pollfd *p, nfds_t n, const struct timespec *limit, const sigset_t *open, size_t room)
{
	return n * sizeof *p > room ? abort(), -1 : ppoll(p, n, limit, open);
}

int __open_2(const char *path, int flags)
{
	return open(path, flags);
}

/* ---- stdout ---- */

/* As stdio does it: on after a short write, never after an error. */
static ssize_t stdout_write(void *cookie, const char *bytes, size_t n)
{
	size_t done = 0;

	(void)cookie;
	while (done < n) {
		const ssize_t written = write(STDOUT_FILENO, bytes + done, n - done);
		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			break;
		done += (size_t)written;
	}
	return (ssize_t)done;
}

/* ---- from the start of main ---- */

static int (*real_main)(int, char **, char **);

static int begin_main(int argc, char **argv, char **environment)
{
	const char *file = getenv("INJECT_TRACE");

	/* What the program starts is not concerned. */
	unsetenv("LD_PRELOAD");
	parse();
	if (file) {
		const long fd = syscall(SYS_openat, AT_FDCWD, file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
		if (fd < 0)
			die("cannot be written", file);
		rule.trace = (int)syscall(SYS_fcntl, (int)fd, F_DUPFD_CLOEXEC, TRACE_FD);
		syscall(SYS_close, (int)fd);
	}
	stdout = fopencookie(NULL, "w", (cookie_io_functions_t){ .write = stdout_write });
	rule.armed = true;
	return real_main(argc, argv, environment);
}

int __libc_start_main(int (*program)(int, char **, char **), int argc, char **argv, void (*init)(void), void (*fini)(void),
    void (*rtld_fini)(void), void *stack_end);

int __libc_start_main(int (*program)(int, char **, char **), int argc, char **argv, void (*init)(void), void (*fini)(void),
    void (*rtld_fini)(void), void *stack_end)
{
	REAL(__libc_start_main);

	real_main = program;
	return real(begin_main, argc, argv, init, fini, rtld_fini, stack_end);
}
