/* SPDX-License-Identifier: MIT */
/*
 * Bytes cut into lines: the same however they come, and those that a plain cut gives; the same bytes as a file, which may
 * be compressed or claim to be.  The first byte chooses the limit of a line and who reads.
 */
#include "events.h"

#include <sys/mman.h>

#include "stream/inputs.h"

/* A reader that gives the bytes `most` at a time, and now and then none. */
struct pieces {
	struct reader reader;
	const char *text;
	size_t len, at, most;
	unsigned calls;
};

static ssize_t pieces_read(struct reader *r, void *bytes, size_t n, struct error *why)
{
	struct pieces *p = (struct pieces *)r;
	size_t k = p->most < n ? p->most : n;

	(void)why;
	if (p->most != SIZE_MAX && ++p->calls % 3 == 0)
		return -2;	/* SOURCE_WAIT */
	k = k < p->len - p->at ? k : p->len - p->at;
	memcpy(bytes, p->text + p->at, k);
	p->at += k;
	return (ssize_t)k;
}

static void pieces_close(struct reader *r)
{
	(void)r;
}

static void put(const struct record *r, struct buf *out)
{
	if (r->kind == RECORD_REFUSED)
		buf_format(out, "%s of %zu ", record_error_types[r->refusal->type], r->refusal->full_len);
	buf_format(out, "%llu:", (unsigned long long)r->at.line);
	buf_add(out, r->line, r->len);
	buf_add_byte(out, '\n');
}

/* All that the source gives; -1: it failed. */
static int drain(struct source *s, struct buf *out)
{
	struct record *r[BATCH_MAX];
	struct error why = { "" };
	int n;

	while ((n = s->next(s, r, &why)) != SOURCE_END && n != SOURCE_FAILED) {
		if (n == SOURCE_CONTROL)
			put(s->control->record, out);
		for (int i = 0; i < n; i++)
			put(r[i], out);
	}
	if (n == SOURCE_FAILED)
		CHECK(*why.text);
	s->close(s);
	return n == SOURCE_FAILED ? -1 : 0;
}

static void in_pieces(const char *bytes, size_t n, size_t most, struct lines_options *o, struct buf *out)
{
	struct pieces p = { { .read = pieces_read, .close = pieces_close, .fd = -1, .is_pipe = true }, bytes, n, 0, most, 0 };

	CHECK(!drain(lines_new(&p.reader, "stdin", o), out));
}

static int as_file(const char *bytes, size_t n, struct lines_options *o, struct buf *out)
{
	const int fd = memfd_create("input", MFD_CLOEXEC);
	struct error why = { "" };
	char path[32];
	const char *const paths[] = { path };
	int result = -1;

	CHECK(fd >= 0 && write(fd, bytes, n) == (ssize_t)n);
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	struct source *s = inputs_new(paths, 1, o, &why);
	if (s)
		result = drain(s, out);
	else
		CHECK(*why.text);
	close(fd);
	return result;
}

/* The plain cut: which lines count, and which of them are too long. */
static void expect(const char *bytes, size_t n, const struct lines_options *o, struct buf *out)
{
	const uint8_t *piece;
	size_t at = 0, len, line = 0;

	while (fuzz_piece((const uint8_t *)bytes, n, '\n', &at, &piece, &len)) {
		if (!line++ && len >= 3 && !memcmp(piece, "\xef\xbb\xbf", 3))
			piece += 3, len -= 3;
		size_t blank = 0;
		while (blank < len && strchr(" \t\r", piece[blank]) && piece[blank])
			blank++;
		/* A blank line counts as long as it is, too: nobody waits for its end. */
		if (len > intake_limit(&o->intake, (const char *)piece, len))
			buf_format(out, "TOO_LONG of %zu %zu:", len, line);
		else if (blank < len)
			buf_format(out, "%zu:", line);
		else
			continue;
		buf_add(out, piece, len);
		buf_add_byte(out, '\n');
	}
}

static bool is_packed(const char *bytes, size_t n)
{
	return n >= 2 && (!memcmp(bytes, "\x1f\x8b", 2) || (n >= 4 && !memcmp(bytes + 1, "\xb5\x2f\xfd", 3)) ||
	    (n >= 4 && !memcmp(bytes + 1, "\x2a\x4d\x18", 3)));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	static const size_t limits[] = { 0, 8, 20, 300 };
	struct buf whole = BUF_INIT, pieces = BUF_INIT, file = BUF_INIT, plain = BUF_INIT;
	struct fields fields;

	if (!n)
		return 0;
	struct lines_options o = { .fields = &fields, .intake = { .max_line = limits[bytes[0] & 3], .refuses_control = bytes[0] & 4, .retries = bytes[0] & 8 } };
	const char *text = (const char *)bytes + 1;
	n--;
	fields_init(&fields);
	in_pieces(text, n, SIZE_MAX, &o, &whole);
	in_pieces(text, n, 1 + (bytes[0] >> 4), &o, &pieces);
	CHECK_SAME(&whole, &pieces);
	if (o.intake.max_line && !o.intake.refuses_control && !o.intake.retries) {
		expect(text, n, &o, &plain);
		CHECK_SAME(&plain, &whole);
	}
	const int failed = as_file(text, n, &o, &file);
	if (!is_packed(text, n)) {
		CHECK(!failed);
		CHECK_SAME(&whole, &file);
	}
	fields_release(&fields);
	buf_release(&whole);
	buf_release(&pieces);
	buf_release(&file);
	buf_release(&plain);
	return 0;
}
