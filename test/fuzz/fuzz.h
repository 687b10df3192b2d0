/* SPDX-License-Identifier: MIT */
/*
 * fuzz.h - what the targets of fuzzing share.
 *
 * A target takes any bytes and checks promises on them; a broken one aborts.  clang's libFuzzer drives it (`make fuzz`), or
 * replay.c, which gives it the files of its corpus and of test/bugs (`make check`).
 */
#ifndef TEST_FUZZ_H
#define TEST_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);
int LLVMFuzzerInitialize(int *argc, char ***argv);	/* once, before; a target may do without */

#define CHECK(holds) ((holds) ? (void)0 : fuzz_broken(__FILE__, __LINE__, #holds))

static inline void fuzz_broken(const char *file, int line, const char *what)
{
	dprintf(STDERR_FILENO, "%s:%d: does not hold: %s\n", file, line, what);
	abort();
}

static inline void fuzz_same(const char *file, int line, const struct buf *a, const struct buf *b)
{
	if (a->len == b->len && (!a->len || !memcmp(a->data, b->data, a->len)))
		return;
	dprintf(STDERR_FILENO, "%s:%d: not the same:\n<%.*s>\n<%.*s>\n", file, line, (int)a->len, a->data, (int)b->len, b->data);
	abort();
}

#define CHECK_SAME(a, b) fuzz_same(__FILE__, __LINE__, a, b)

/* A heap copy of exactly n bytes, so that a sanitizer sees the first byte read too many; free it. */
static inline char *fuzz_copy(const void *bytes, size_t n)
{
	char *copy = malloc(n ? n : 1);

	CHECK(copy);
	if (n)
		memcpy(copy, bytes, n);
	return copy;
}

/* The same with a NUL behind it, and NULs inside made spaces. */
static inline char *fuzz_text(const void *bytes, size_t n)
{
	char *copy = malloc(n + 1);

	CHECK(copy);
	if (n)
		memcpy(copy, bytes, n);
	copy[n] = 0;
	for (size_t i = 0; i < n; i++)
		if (!copy[i])
			copy[i] = ' ';
	return copy;
}

/* The next piece of a text that `mark` cuts; false: no more.  *at: 0 at first. */
static inline int fuzz_piece(const uint8_t *bytes, size_t n, char mark, size_t *at, const uint8_t **piece, size_t *len)
{
	if (*at > n)
		return 0;
	const uint8_t *from = bytes + *at, *end = n > *at ? memchr(from, mark, n - *at) : NULL;
	*piece = from;
	*len = end ? (size_t)(end - from) : n - *at;
	*at += *len + 1;
	return 1;
}

#endif
