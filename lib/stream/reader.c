/* SPDX-License-Identifier: MIT */
#include "stream/reader.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#ifdef HAVE_ZLIB
#include <zlib.h>
#endif
#ifdef HAVE_ZSTD
#include <zstd.h>
#include <zstd_errors.h>
#endif

#include "base/alloc.h"
#include "base/fd.h"
#include "stream/output.h"
#include "stream/source.h"

#define PIPE_BYTES (256 * 1024)
#define PACKED_BYTES (128 * 1024)

/* ---- a descriptor ---- */

struct plain {
	struct reader reader;
	int fd;
	const char *name;
	bool asks_first;	/* a read may block, so poll before */
	unsigned char head[4];	/* the first bytes of what is no regular file */
	size_t n_head;
};

static enum reader_packing packing_of(const unsigned char magic[4])
{
	if (magic[0] == 0x1f && magic[1] == 0x8b)
		return READER_GZIP;
	return memcmp(magic, "\x28\xb5\x2f\xfd", 4) ? READER_PLAIN : READER_ZSTD;
}

/* Packed bytes on a pipe are one mistake, and not as many bad lines as there happen to be LFs in them. */
static int refuse_packed(struct plain *p, const unsigned char *bytes, size_t n, struct error *why)
{
	while (n-- && p->n_head < sizeof p->head)
		p->head[p->n_head++] = *bytes++;
	const enum reader_packing packing = packing_of(p->head);
	if (packing == READER_PLAIN)
		return 0;
	return error_set(why, "%s: a pipe of %s data: put %s before it, or give the file itself", p->name,
	    packing == READER_GZIP ? "gzip" : "Zstandard", packing == READER_GZIP ? "zcat" : "zstdcat");
}

static ssize_t plain_read(struct reader *r, void *bytes, size_t n, struct error *why)
{
	struct plain *p = (struct plain *)r;

	if (p->asks_first && TEMP_FAILURE_RETRY(poll(&(struct pollfd){ p->fd, POLLIN, 0 }, 1, 0)) <= 0)
		return SOURCE_WAIT;
	ssize_t got;
	do
		got = read(p->fd, bytes, n);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return errno == EAGAIN ? SOURCE_WAIT : error_set(why, "%s: %s", p->name, strerror(errno));
	if (r->is_pipe && p->n_head < sizeof p->head && refuse_packed(p, bytes, (size_t)got, why))
		return -1;
	r->done += (uint64_t)got;
	return got;
}

static int plain_skip(struct reader *r, uint64_t n, struct error *why)
{
	struct plain *p = (struct plain *)r;
	struct stat st;
	const off_t at = lseek(p->fd, 0, SEEK_CUR);

	if (at < 0 || fstat(p->fd, &st) || (uint64_t)(st.st_size - at) < n || lseek(p->fd, (off_t)n, SEEK_CUR) < 0)
		return error_set(why, "%s: is shorter than it was when it was read", p->name);
	r->done += n;
	return 0;
}

static void plain_close(struct reader *r)
{
	struct plain *p = (struct plain *)r;

	if (p->fd > 2)
		close(p->fd);
	free(p);
}

/* ---- decompressors: pull packed bytes from a reader of a regular file ---- */

#if defined HAVE_ZLIB || defined HAVE_ZSTD
struct packed {
	struct reader reader;
	struct reader *from;
	const char *name;
	bool at_eof, inside;	/* inside: a member has begun and not ended */
	bool another, padding;	/* a member has ended; only NUL bytes may follow */
	unsigned char *in;
	size_t at, end;
#ifdef HAVE_ZLIB
	z_stream z;
#endif
#ifdef HAVE_ZSTD
	ZSTD_DStream *zstd;
#endif
};

/* More packed bytes; 0 at the end of the file. */
static ssize_t packed_fill(struct packed *p, struct error *why)
{
	const ssize_t got = p->from->read(p->from, p->in, PACKED_BYTES, why);

	p->reader.done = p->from->done;
	p->at = 0;
	p->end = got > 0 ? (size_t)got : 0;
	p->at_eof = got == 0;
	return got;
}

static struct reader *packed_new(struct reader *from, const char *name, ssize_t (*read)(struct reader *, void *, size_t, struct error *),
    void (*close)(struct reader *))
{
	struct packed *p = alloc_zeroed(1, sizeof *p);

	p->reader = (struct reader){ .read = read, .close = close, .fd = -1, .total = from->total };
	p->from = from;
	p->name = name;
	p->in = alloc_bytes(PACKED_BYTES);
	return &p->reader;
}

static void packed_close(struct packed *p)
{
	p->from->close(p->from);
	free(p->in);
	free(p);
}
#endif

#ifdef HAVE_ZLIB
/* As gzip(1): a tape's or a block device's NUL bytes behind the last member are no data.  True: all that is here was that. */
static bool is_padding(struct packed *p)
{
	while (p->at < p->end && !p->in[p->at]) {
		p->padding = true;
		p->at++;
	}
	return p->at == p->end;
}

static ssize_t gzip_read(struct reader *r, void *bytes, size_t n, struct error *why)
{
	struct packed *p = (struct packed *)r;

	p->z.next_out = bytes;
	p->z.avail_out = (uInt)n;
	while (p->z.avail_out == n) {
		if (p->at == p->end && !p->at_eof) {
			const ssize_t got = packed_fill(p, why);
			if (got < 0)
				return got;
		}
		if (p->at < p->end && p->another && !p->inside && is_padding(p))
			continue;
		if (p->at == p->end)
			return p->inside ? error_set(why, "%s: the gzip data are cut short", p->name) : 0;
		if (p->padding || (p->another && !p->inside && p->in[p->at] != 0x1f))
			return error_set(why, "%s: behind the gzip data stands something else", p->name);
		p->z.next_in = p->in + p->at;
		p->z.avail_in = (uInt)(p->end - p->at);
		p->inside = true;
		const int result = inflate(&p->z, Z_NO_FLUSH);
		p->at = p->end - p->z.avail_in;
		if (result == Z_STREAM_END) {		/* another member may follow, as after cat a.gz b.gz */
			inflateReset(&p->z);
			p->inside = false;
			p->another = true;
		} else if (result != Z_OK && result != Z_BUF_ERROR)
			return result == Z_MEM_ERROR ? error_set(why, "%s: out of memory", p->name)
			    : error_set(why, "%s: not gzip data: %s", p->name, p->z.msg ? p->z.msg : "damaged");
	}
	return (ssize_t)(n - p->z.avail_out);
}

static void gzip_close(struct reader *r)
{
	struct packed *p = (struct packed *)r;

	inflateEnd(&p->z);
	packed_close(p);
}
#endif

#ifdef HAVE_ZSTD
static ssize_t zstd_read(struct reader *r, void *bytes, size_t n, struct error *why)
{
	struct packed *p = (struct packed *)r;
	ZSTD_outBuffer out = { bytes, n, 0 };

	while (!out.pos) {
		if (p->at == p->end && !p->at_eof) {
			const ssize_t got = packed_fill(p, why);
			if (got < 0)
				return got;
		}
		if (p->at == p->end && !p->inside)
			return 0;
		ZSTD_inBuffer in = { p->in, p->end, p->at };
		const size_t left = ZSTD_decompressStream(p->zstd, &out, &in);
		if (ZSTD_isError(left))
			return ZSTD_getErrorCode(left) == ZSTD_error_memory_allocation ? error_set(why, "%s: out of memory", p->name)
			    : error_set(why, "%s: not Zstandard data: %s", p->name, ZSTD_getErrorName(left));
		p->inside = left != 0;
		if (p->at_eof && in.pos == p->at && !out.pos && left)
			return error_set(why, "%s: the Zstandard data are cut short", p->name);
		p->at = in.pos;
	}
	return (ssize_t)out.pos;
}

static void zstd_close(struct reader *r)
{
	struct packed *p = (struct packed *)r;

	ZSTD_freeDStream(p->zstd);
	packed_close(p);
}
#endif

/* ---- opening ---- */

const char *reader_name(const char *path)
{
	return strcmp(path, "-") ? path : "stdin";
}

const char *reader_codecs(void)
{
	return ""
#ifdef HAVE_ZLIB
	    " zlib"
#endif
#ifdef HAVE_ZSTD
	    " zstd"
#endif
	    ;
}

/* The descriptor, checked to be something that can be read as a stream. */
static int open_fd(const char *path, struct stat *st, struct error *why)
{
	/* Non-blocking: to open a named pipe waits for no writer; the loop does. */
	const int fd = strcmp(path, "-") ? TEMP_FAILURE_RETRY(open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)) : 0;

	if (fd < 0 || fstat(fd, st))
		return error_set(why, "%s: %s", reader_name(path), strerror(errno));
	if (S_ISDIR(st->st_mode)) {
		if (fd > 0)
			close(fd);
		return error_set(why, "%s: is a directory", reader_name(path));
	}
	if (fd_same_file(fd, STDOUT_FILENO)) {
		if (fd > 0)
			close(fd);
		return error_set(why, "%s: the input is the output as well", reader_name(path));
	}
	return fd;
}

int reader_check(const char *path, struct error *why)
{
	struct stat st;

	/* Opening a named pipe would wait for, or disturb, its writer. */
	if (strcmp(path, "-") && !stat(path, &st) && S_ISFIFO(st.st_mode))
		return access(path, R_OK) ? error_set(why, "%s: %s", path, strerror(errno)) : 0;
	const int fd = open_fd(path, &st, why);
	if (fd < 0)
		return -1;
	if (fd > 0)
		close(fd);
	return 0;
}

uint64_t reader_size(const char *const *paths, size_t n)
{
	uint64_t sum = 0;
	struct stat st;

	for (size_t i = 0; i < n; i++) {
		if ((strcmp(paths[i], "-") ? stat(paths[i], &st) : fstat(0, &st)) || !S_ISREG(st.st_mode))
			return 0;
		sum += (uint64_t)st.st_size;
	}
	return sum;
}

int reader_packing(int fd, const char *name, struct error *why)
{
	unsigned char magic[4] = {0};
	const off_t at = lseek(fd, 0, SEEK_CUR);

	for (size_t n = 0; n < sizeof magic;) {
		const ssize_t got = at < 0 ? -1 : pread(fd, magic + n, sizeof magic - n, at + (off_t)n);
		if (got == 0 || (got < 0 && errno == ESPIPE))	/* a file of the kernel's may have no positions */
			break;
		if (got < 0 && errno != EINTR)
			return error_set(why, "%s: %s", name, strerror(errno));
		n += got > 0 ? (size_t)got : 0;
	}
	return packing_of(magic);
}

/* What a regular file's first bytes say; `from` is taken over in any case. */
static struct reader *unpack(struct reader *from, int fd, const char *name, struct error *why)
{
	const int packing = reader_packing(fd, name, why);

	if (packing < 0) {
		from->close(from);
		return NULL;
	}
	if (packing == READER_GZIP) {
#ifdef HAVE_ZLIB
		struct reader *r = packed_new(from, name, gzip_read, gzip_close);
		if (inflateInit2(&((struct packed *)r)->z, 15 + 16) == Z_OK)
			return r;
		packed_close((struct packed *)r);
		error_set(why, "%s: zlib does not start: out of memory", name);
		return NULL;
#else
		from->close(from);
		error_set(why, "%s: is gzip data, and this build is without zlib", name);
		return NULL;
#endif
	}
	if (packing == READER_ZSTD) {
#ifdef HAVE_ZSTD
		struct reader *r = packed_new(from, name, zstd_read, zstd_close);
		if ((((struct packed *)r)->zstd = ZSTD_createDStream()))
			return r;
		packed_close((struct packed *)r);
		error_set(why, "%s: zstd does not start: out of memory", name);
		return NULL;
#else
		from->close(from);
		error_set(why, "%s: is Zstandard data, and this build is without zstd", name);
		return NULL;
#endif
	}
	return from;
}

struct reader *reader_open(const char *path, struct error *why)
{
	struct stat st;
	const int fd = open_fd(path, &st, why);

	if (fd < 0)
		return NULL;
	struct plain *p = alloc_zeroed(1, sizeof *p);
	const bool regular = S_ISREG(st.st_mode);
	p->reader = (struct reader){ .read = plain_read, .close = plain_close, .skip = regular ? plain_skip : NULL,
	    .fd = regular ? -1 : fd, .is_pipe = !regular,
	    .total = regular ? (uint64_t)st.st_size : 0 };
	p->fd = fd;
	p->name = reader_name(path);
	if (regular)
		return unpack(&p->reader, fd, p->name, why);
	if (S_ISFIFO(st.st_mode))
		fcntl(fd, F_SETPIPE_SZ, PIPE_BYTES);	/* where it is allowed */
	/* A named pipe without a writer reads as ended, but is not ready. */
	p->asks_first = fd > 0 || !output_private(fd, O_RDONLY);
	return &p->reader;
}
