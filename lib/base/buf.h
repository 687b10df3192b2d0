/* SPDX-License-Identifier: MIT */
/*
 * buf.h - growable bytes.
 *
 * Knows nothing of what the bytes mean.  All zero (BUF_INIT) is empty.  Growth is geometric; running out of memory ends
 * the process (alloc.h).  Who must bound a buffer compares len with the bound.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stddef.h>
#include <string.h>

struct buf {
	char *data;
	size_t len, size;
};

#define BUF_INIT ((struct buf){0})

void buf_grow(struct buf *, size_t n);		/* room for n more bytes */
void buf_release(struct buf *);
void buf_format(struct buf *, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* A NUL behind the bytes, not counted in len; the text is good until the next change. */
const char *buf_text(struct buf *);

/* Where the next n bytes may be written; the caller then adds to len. */
static inline char *buf_reserve(struct buf *b, size_t n)
{
	if (b->size - b->len < n)
		buf_grow(b, n);
	return b->data + b->len;
}

static inline void buf_add(struct buf *b, const void *bytes, size_t n)
{
	if (n) {
		memcpy(buf_reserve(b, n), bytes, n);
		b->len += n;
	}
}

static inline void buf_add_byte(struct buf *b, char c)
{
	*buf_reserve(b, 1) = c;
	b->len++;
}

static inline void buf_add_text(struct buf *b, const char *text)
{
	buf_add(b, text, strlen(text));
}

static inline void buf_clear(struct buf *b)
{
	b->len = 0;
}

#endif
