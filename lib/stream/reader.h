/* SPDX-License-Identifier: MIT */
/*
 * reader.h - where bytes come from: a descriptor, or a decompressor on one.
 *
 * Never waits where the kernel lets it: a pipe is opened again, non-blocking, for this process alone.
 */
#ifndef STREAM_READER_H
#define STREAM_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

struct reader {
	/* Bytes read, 0 at the end, -1 failed, SOURCE_WAIT: none at hand before fd is readable. */
	ssize_t (*read)(struct reader *, void *, size_t n, struct error *why);
	void (*close)(struct reader *);
	/* Passes over n bytes, which are there; NULL: they have to be read. */
	int (*skip)(struct reader *, uint64_t n, struct error *why);
	int fd;				/* to poll; -1: something is always at hand */
	bool is_pipe;			/* or a socket or terminal: somebody else ends it */
	uint64_t done, total;		/* bytes of the file itself; total 0: not a file */
};

/*
 * Opens a path; "-" is stdin.  A regular file is decompressed by its magic bytes (gzip, also several members; Zstandard);
 * one cut short is a failure at its end.  On a pipe such bytes are a failure.  NULL: no such file, a directory, unreadable, or a codec that this build lacks.
 */
struct reader *reader_open(const char *path, struct error *why);

/* Whether reader_open would give one: fails before anything is read. */
int reader_check(const char *path, struct error *why);

/* How a regular file is packed, by the bytes at its position, which stays; -1 where they can't be read. */
enum reader_packing { READER_PLAIN, READER_GZIP, READER_ZSTD };
int reader_packing(int fd, const char *name, struct error *why);

/* Bytes of all of them together; 0: one is no regular file. */
uint64_t reader_size(const char *const *paths, size_t n);

/* "stdin" for "-". */
const char *reader_name(const char *path);

/* Which codecs this build has, a blank before each: " zlib zstd". */
const char *reader_codecs(void);

#endif
