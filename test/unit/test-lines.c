/* SPDX-License-Identifier: MIT */
#include "stream/lines.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/prng.h"
#include "stream/record.h"
#include "tap.h"

/* A reader that gives a text in pieces of random size, with nothing at hand now and then. */
struct pieces {
	struct reader reader;
	const char *text;
	size_t len, at, most;
	struct prng random;
};

static ssize_t pieces_read(struct reader *r, void *bytes, size_t n, struct error *why)
{
	struct pieces *p = (struct pieces *)r;
	size_t k = p->most == SIZE_MAX ? n : 1 + prng_below(&p->random, p->most);

	(void)why;
	if (p->most != SIZE_MAX && prng_below(&p->random, 4) == 0)
		return SOURCE_WAIT;
	k = k < n ? k : n;
	k = k < p->len - p->at ? k : p->len - p->at;
	memcpy(bytes, p->text + p->at, k);
	p->at += k;
	return (ssize_t)k;
}

static void pieces_close(struct reader *r)
{
	(void)r;
}

/* "number:line|" of every record, controls and refusals marked. */
static const char *cut(const char *text, size_t len, size_t most, struct lines_options o)
{
	static struct buf out;
	struct fields fields;
	struct pieces p = { { .read = pieces_read, .close = pieces_close, .fd = -1, .is_pipe = true }, text, len, 0, most, { { 0 } } };
	struct record *r[BATCH_MAX];
	struct error why;
	int n;

	prng_init(&p.random, most);
	fields_init(&fields);
	o.fields = &fields;
	struct source *s = lines_new(&p.reader, "stdin", &o);
	buf_clear(&out);
	while ((n = s->next(s, r, &why)) != SOURCE_END) {
		if (n == SOURCE_CONTROL) {
			r[0] = s->control->record;
			buf_format(&out, "control %d ", (int)s->control->kind);
			n = 1;
		}
		for (int i = 0; i < n; i++) {
			if (r[i]->kind == RECORD_REFUSED)
				buf_format(&out, "%s %zu of %zu ", record_error_types[r[i]->refusal->type], r[i]->len, r[i]->refusal->full_len);
			if (r[i]->kind == RECORD_ERROR)
				buf_add_text(&out, "error ");
			if (r[i]->partition != PARTITION_NONE)
				buf_format(&out, "of %d ", (int)r[i]->partition);
			buf_format(&out, "%llu:%.*s|", (unsigned long long)r[i]->at.line, r[i]->len < 40 ? (int)r[i]->len : 40, r[i]->line);
		}
	}
	s->close(s);
	fields_release(&fields);
	return buf_text(&out);
}

static void same_in_pieces(const char *text, struct lines_options o, const char *expected, const char *what)
{
	static const size_t sizes[] = { SIZE_MAX, 1, 2, 3, 7, 64, 5000 };

	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
		is_str(cut(text, strlen(text), sizes[i], o), expected, "%s, read %zd at a time", what, (ssize_t)sizes[i]);
}

#define ERROR_RECORD "{\"errorType\":\"PARSE_ERROR\",\"errorMessage\":\"m\",\"rawData\":\"x\",\"timestamp\":1,\"stage\":\"s\",\"source\":\"i\",\"line\":1,\"_sml\":\"error\"}"

int main(void)
{
	const struct lines_options plain = {0}, data = { .intake.refuses_control = true }, small = { .intake.max_line = 10 };
	const struct lines_options retry = { .intake = { .refuses_control = true, .retries = true } };
	const struct lines_options under = { .intake.takes_control = true };

	same_in_pieces("", plain, "", "nothing");
	same_in_pieces("a\nbb\n", plain, "1:a|2:bb|", "two lines");
	same_in_pieces("a\nbb", plain, "1:a|2:bb|", "the last line without LF");
	same_in_pieces("\n\na\n  \n\t\r\nb\r\n\n", plain, "3:a|6:b\r|", "blank lines are counted and skipped, a CR stays");
	same_in_pieces("\xef\xbb\xbf" "a\nb\n", plain, "1:a|2:b|", "a byte order mark goes");
	same_in_pieces("\xef\xbb\xbf", plain, "", "a byte order mark alone");
	same_in_pieces("a\n\xef\xbb\xbf" "b\n", plain, "1:a|2:\xef\xbb\xbf" "b|", "and stays elsewhere");
	same_in_pieces("0123456789\n", small, "1:0123456789|", "a line of the limit");
	same_in_pieces("01234567890\nx\n0123456789012345678901234567890\n", small,
	    "TOO_LONG 11 of 11 1:01234567890|2:x|TOO_LONG 31 of 31 3:0123456789012345678901234567890|", "lines over the limit");
	same_in_pieces("x\n01234567890", small, "1:x|TOO_LONG 11 of 11 2:01234567890|", "a last line over the limit");
	same_in_pieces("a\n{\"_sml\":\"begin\"}\nb\n{\"_sml\":\"x\"}", plain, "1:a|control 0 2:{\"_sml\":\"begin\"}|3:b|control 4 4:{\"_sml\":\"x\"}|",
	    "control lines stand where they stand");
	same_in_pieces("a\n{\"_sml\":\"from\",\"p\":3}\nb\nc\n{\"_sml\":\"from\",\"t\":\"x\",\"p\":2147483647}\nd\n{\"_sml\":\"x\"}\ne\n"
	    "{\"_sml\":\"from\",\"p\":-1}\nf\n{\"_sml\":\"from\",\"p\":", under, "1:a|of 3 2:b|of 3 3:c|of 2147483647 4:d|control 4 4:{\"_sml\":\"x\"}|"
	    "of 2147483647 5:e|6:f|", "under a checkpoint partitions are told beside the records");
	same_in_pieces("{\"_sml\":\"begin\"}\n{\"a\":1,\"_sml\":\"error\"}\n", data,
	    "RESERVED 16 of 0 1:{\"_sml\":\"begin\"}|RESERVED 22 of 0 2:{\"a\":1,\"_sml\":\"error\"}|", "where the input is data they are refused");
	same_in_pieces(ERROR_RECORD "\n", data, "error 1:{\"errorType\":\"PARSE_ERROR\",\"errorMessage|", "a true error record passes");
	same_in_pieces(ERROR_RECORD "\n{\"a\":1}\n", retry, "1:x|2:{\"a\":1}|", "with --retry its original does");

	/* Far over the block: only the first bytes are kept, the length is right, what follows is not touched. */
	struct buf long_line = BUF_INIT;
	for (int i = 0; i < 3000000; i++)
		buf_add_byte(&long_line, "0123456789"[i % 10]);
	buf_add_text(&long_line, "\n{}\n");
	const struct lines_options limit = { .intake.max_line = 100000 };
	is_str(cut(long_line.data, long_line.len, SIZE_MAX, limit), "TOO_LONG 4096 of 3000000 1:0123456789012345678901234567890123456789|2:{}|",
	    "3 MB against a limit of 100 kB");
	const struct lines_options large = { .intake.max_line = 4000000 };
	is_str(cut(long_line.data, long_line.len, 100000, large), "1:0123456789012345678901234567890123456789|2:{}|", "3 MB are a line where they are allowed");
	buf_release(&long_line);
	return done();
}
