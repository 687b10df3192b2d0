/* SPDX-License-Identifier: MIT */
#include "stream/reader.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#ifdef HAVE_ZLIB
#include <zlib.h>
#endif
#ifdef HAVE_ZSTD
#include <zstd.h>
#endif

#include "base/buf.h"
#include "base/prng.h"
#include "stream/inputs.h"
#include "stream/source.h"
#include "tap.h"

static char folder[] = "/tmp/sml-reader-XXXXXX";
static struct error why;

static const char *path(const char *name)
{
	static char text[16][128];
	static int turn;

	turn = (turn + 1) % 16;
	snprintf(text[turn], sizeof *text, "%s/%s", folder, name);
	return text[turn];
}

static void save(const char *name, const void *bytes, size_t n)
{
	const int fd = open(path(name), O_WRONLY | O_CREAT | O_TRUNC, 0600);

	if (fd < 0 || write(fd, bytes, n) != (ssize_t)n || close(fd))
		abort();
}

/* All of it, in reads of n bytes.  0, or -1 and what was read before. */
static int slurp(const char *name, size_t n, struct buf *out)
{
	struct reader *r = reader_open(path(name), &why);
	ssize_t got = -1;

	buf_clear(out);
	if (!r)
		return -1;
	while ((got = r->read(r, buf_reserve(out, n), n, &why)) > 0)
		out->len += (size_t)got;
	r->close(r);
	return got < 0 ? -1 : 0;
}

static bool is(const struct buf *b, const char *bytes, size_t n)
{
	return b->len == n && (!n || !memcmp(b->data, bytes, n));
}

struct packed { char *bytes; size_t len; };

#ifdef HAVE_ZLIB
static struct packed gzip(const char *bytes, size_t n)
{
	struct packed p = { malloc(n + 1000), 0 };
	z_stream z = { 0 };

	deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
	z.next_in = (unsigned char *)bytes;
	z.avail_in = (uInt)n;
	z.next_out = (unsigned char *)p.bytes;
	z.avail_out = (uInt)(n + 1000);
	deflate(&z, Z_FINISH);
	p.len = z.total_out;
	deflateEnd(&z);
	return p;
}
#endif

#ifdef HAVE_ZSTD
static struct packed zstandard(const char *bytes, size_t n)
{
	struct packed p = { malloc(ZSTD_compressBound(n)), 0 };

	ZSTD_CCtx *c = ZSTD_createCCtx();

	ZSTD_CCtx_setParameter(c, ZSTD_c_checksumFlag, 1);
	p.len = ZSTD_compress2(c, p.bytes, ZSTD_compressBound(n), bytes, n);
	ZSTD_freeCCtx(c);
	return p;
}
#endif

#if defined HAVE_ZLIB || defined HAVE_ZSTD
static void packed(const char *what, struct packed (*pack)(const char *, size_t))
{
	static const size_t sizes[] = { 1, 100, 131072 };
	const size_t n = 400000;
	char *text = malloc(n);
	struct buf all = BUF_INIT, got = BUF_INIT;
	struct prng random;
	int wrong = 0;

	prng_init(&random, 5);
	for (size_t i = 0; i < n; i++)
		text[i] = "abcdefgh01234567\n"[prng_below(&random, 17)];
	struct packed large = pack(text, n), none = pack("", 0), small = pack("x\n", 2);
	save("p", large.bytes, large.len);
	ok(!slurp("p", 131072, &got) && is(&got, text, n), "%s is unpacked by its first bytes", what);
	for (int i = 0; i < 3; i++) {
		buf_clear(&all);
		buf_add(&all, none.bytes, none.len);
		buf_add(&all, small.bytes, small.len);
		buf_add(&all, none.bytes, none.len);
		buf_add(&all, small.bytes, small.len);
		save("p", all.data, all.len);
		ok(!slurp("p", sizes[i], &got) && is(&got, "x\nx\n", 4), "%s: several members, empty ones too, %zu bytes at a time", what, sizes[i]);
	}
	/* Wherever it is cut: what is there comes, then a failure. */
	for (size_t cut = 5; cut < small.len; cut++) {
		save("p", small.bytes, cut);
		wrong += slurp("p", 100, &got) != -1 || !strstr(why.text, "cut short");
	}
	for (size_t cut = 100; cut < large.len; cut += large.len / 50) {
		save("p", large.bytes, cut);
		wrong += slurp("p", 131072, &got) != -1 || !strstr(why.text, "cut short") || memcmp(got.data, text, got.len) != 0;
	}
	is_int(wrong, 0, "%s: a file that is cut short is a failure at its end", what);
	/* The second member is cut. */
	buf_clear(&all);
	buf_add(&all, small.bytes, small.len);
	buf_add(&all, small.bytes, small.len - 1);
	save("p", all.data, all.len);
	ok(slurp("p", 100, &got) == -1 && got.len >= 2 && !memcmp(got.data, "x\n", 2), "%s: also in the last of several", what);
	memset(large.bytes + large.len / 2, 0, 100);
	save("p", large.bytes, large.len);
	ok(slurp("p", 131072, &got) == -1, "%s: damage is a failure: %s", what, why.text);
	free(text);
	free(large.bytes);
	free(none.bytes);
	free(small.bytes);
	buf_release(&all);
	buf_release(&got);
}
#endif

static void plain(void)
{
	struct buf got = BUF_INIT;

	save("a", "one\n", 4);
	ok(!slurp("a", 2, &got) && is(&got, "one\n", 4), "a file");
	save("e", "", 0);
	ok(!slurp("e", 2, &got) && !got.len, "an empty one");
	save("s", "\x1f", 1);
	ok(!slurp("s", 2, &got) && got.len == 1, "one byte of a magic number is data");
	ok(!reader_open(path("none"), &why) && strstr(why.text, "none: No such file"), "none: %s", why.text);
	ok(!reader_open(folder, &why) && strstr(why.text, "is a directory"), "a directory: %s", why.text);
	ok(reader_check(path("none"), &why) < 0 && !reader_check(path("a"), &why), "seen before anything is read");
	const char *const both[] = { path("a"), path("e"), path("a") }, *const odd[] = { path("a"), "/dev/null" };
	is_int(reader_size(both, 3), 8, "the size of files");
	is_int(reader_size(odd, 2), 0, "... is not known where one is none");
	buf_release(&got);
}

static void pipes(void)
{
	const char *name = path("fifo");
	struct reader *r;
	char bytes[10];

	ok(!mkfifo(name, 0600), "a named pipe");
	ok(!reader_check(name, &why), "is checked without its writer");
	r = reader_open(name, &why);
	ok(r && r->is_pipe, "and opened without it");
	if (!r)
		return;
	is_int(r->read(r, bytes, 10, &why), SOURCE_WAIT, "nothing is there");
	const int to = open(name, O_WRONLY);
	is_int(r->read(r, bytes, 10, &why), SOURCE_WAIT, "nor with a writer");
	ok(write(to, "abc", 3) == 3, "it writes");
	is_int(r->read(r, bytes, 10, &why), 3, "that is there");
	is_int(r->read(r, bytes, 10, &why), SOURCE_WAIT, "and no more");
	close(to);
	is_int(r->read(r, bytes, 10, &why), 0, "its end");
	r->close(r);

	int ends[2];
	const int saved = dup(0);
	ok(!pipe(ends) && dup2(ends[0], 0) == 0, "a pipe as stdin");
	r = reader_open("-", &why);
	is_int(r->read(r, bytes, 10, &why), SOURCE_WAIT, "does not block");
	ok(!(fcntl(ends[0], F_GETFL) & O_NONBLOCK), "and is as it was for others");
	r->close(r);
	dup2(saved, 0);
	close(saved);
	close(ends[0]);
	close(ends[1]);
	unlink(name);
}

static void several(void)
{
	const char *const names[] = { path("a"), path("e"), path("b"), path("a") };
	struct fields fields;
	struct record *r[BATCH_MAX];
	struct buf seen = BUF_INIT;
	int n;

	save("b", "\xef\xbb\xbf" "two\n\nthree", 13);
	fields_init(&fields);
	struct lines_options o = { .fields = &fields };
	struct source *s = inputs_new(names, 4, &o, &why);
	while (s && (n = s->next(s, r, &why)) > 0)
		for (int i = 0; i < n; i++)
			buf_format(&seen, "%llu:%.*s|", (unsigned long long)r[i]->at.line, (int)r[i]->len, r[i]->line);
	is_str(buf_text(&seen), "1:one|1:two|3:three|1:one|", "files in order, each with its own lines, mark and end");
	s->close(s);
	const char *const missing[] = { path("a"), path("none") };
	ok(!inputs_new(missing, 2, &o, &why) && strstr(why.text, "none"), "one that is missing is found before the first is read");
	fields_release(&fields);
	buf_release(&seen);
}

/* A line without end must not keep the loop from its signals. */
static void endless(void)
{
	const char *const zero[] = { "/dev/zero" };
	struct fields fields;
	struct record *r[BATCH_MAX];

	fields_init(&fields);
	struct lines_options o = { .fields = &fields };
	struct source *s = inputs_new(zero, 1, &o, &why);
	for (int i = 0; i < 20; i++)
		if (s->next(s, r, &why) != SOURCE_WAIT || s->until != 0) {
			ok(false, "an endless line lets the loop look");
			return;
		}
	ok(true, "an endless line lets the loop look");
	s->close(s);
	fields_release(&fields);
}

int main(void)
{
	if (!mkdtemp(folder))
		return 1;
	plain();
	pipes();
#ifdef HAVE_ZLIB
	packed("gzip", gzip);
#endif
#ifdef HAVE_ZSTD
	packed("Zstandard", zstandard);
#endif
	several();
	endless();
	for (const char *const *name = (const char *const[]){ "a", "b", "e", "s", "p", NULL }; *name; name++)
		unlink(path(*name));
	rmdir(folder);
	return done();
}
