/* SPDX-License-Identifier: MIT */
/*
 * memory.so - memory that runs out.
 *
 *	LD_PRELOAD=memory.so MEMORY=WHEN MEMORY_COUNT=FILE program...
 *
 * WHEN   K: the K-th call of malloc, calloc, realloc, aligned_alloc, posix_memalign or anonymous mmap fails with ENOMEM;
 *        K+: that and all after it; 0 or not given: none.
 *
 * MEMORY_COUNT says how many there were, when the program ends by exit.  Calls are counted from the start of main;
 * those of the C library for the program's sake (strdup, vasprintf) come here too.  Not for sanitized builds: these
 * bring an allocator of their own.
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* What the C library calls its own, so that none has to be looked up before there is memory. */
extern void *__libc_malloc(size_t n);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *p, size_t n);
extern void *__libc_memalign(size_t alignment, size_t n);

static bool armed;
static unsigned long fails_from, fails_until, n;

static bool runs_out(void)
{
	if (!armed || ++n < fails_from || n > fails_until)
		return false;
	errno = ENOMEM;
	return true;
}

void *malloc(size_t size)
{
	return runs_out() ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
	return runs_out() ? NULL : __libc_calloc(count, size);
}

void *realloc(void *p, size_t size)
{
	return runs_out() ? NULL : __libc_realloc(p, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
	return runs_out() ? NULL : __libc_memalign(alignment, size);
}

int posix_memalign(void **out, size_t alignment, size_t size)
{
	void *p = runs_out() ? NULL : __libc_memalign(alignment, size);

	if (!p)
		return ENOMEM;
	*out = p;
	return 0;
}

void *mmap(void *at, size_t size, int protection, int flags, int fd, off_t offset)
{
	static __typeof__(&mmap) real;

	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "mmap");
	return flags & MAP_ANONYMOUS && runs_out() ? MAP_FAILED : real(at, size, protection, flags, fd, offset);
}

/* Not what is tried here, and slow. */
int fsync(int fd)
{
	(void)fd;
	return 0;
}

static void tell(void)
{
	const char *path = getenv("MEMORY_COUNT");

	armed = false;
	FILE *f = path ? fopen(path, "w") : NULL;
	if (f) {
		fprintf(f, "%lu\n", n);
		fclose(f);
	}
}

/* ---- from the start of main ---- */

static int (*real_main)(int, char **, char **);

static int begin_main(int argc, char **argv, char **environment)
{
	const char *when = getenv("MEMORY");
	char *end = NULL;

	unsetenv("LD_PRELOAD");
	atexit(tell);
	fails_from = when ? strtoul(when, &end, 10) : 0;
	fails_until = end && *end == '+' ? (unsigned long)-1 : fails_from;
	if (!fails_from)
		fails_from = (unsigned long)-1;
	armed = true;
	return real_main(argc, argv, environment);
}

int __libc_start_main(int (*program)(int, char **, char **), int argc, char **argv, void (*init)(void), void (*fini)(void),
    void (*rtld_fini)(void), void *stack_end);

int __libc_start_main(int (*program)(int, char **, char **), int argc, char **argv, void (*init)(void), void (*fini)(void),
    void (*rtld_fini)(void), void *stack_end)
{
	static __typeof__(&__libc_start_main) real;

	*(void **)&real = dlsym(RTLD_NEXT, "__libc_start_main");
	real_main = program;
	return real(begin_main, argc, argv, init, fini, rtld_fini, stack_end);
}
