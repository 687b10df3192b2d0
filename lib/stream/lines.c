/* SPDX-License-Identifier: MIT */
/*
 * One block of memory: what has been read and not been given lies between start and end.  Records borrow their lines from
 * it until the next call, so bytes are only moved then.  A line that is too long is not gathered: its first bytes are
 * kept aside and the rest is counted and dropped.
 */
#include "stream/lines.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "stream/record.h"

#define WANT (128 * 1024)	/* bytes that a read asks for */
#define SLACK 16
#define READS 16		/* in which no record was found: an endless line must not keep signals waiting */
#define KEEP (4 * 1024 * 1024)	/* a block larger than this shrinks again */

struct lines {
	struct source source;
	struct reader *reader;
	struct lines_options o;
	const char *name;
	char *block;
	size_t start, end, size, scanned;	/* scanned: bytes from start known to hold no LF */
	uint64_t number;			/* of the last line, blank ones counted */
	uint64_t fetched;			/* bytes that the reader has given */
	struct lines_place before;		/* the last batch */
	bool at_eof, begun;
	bool dropping;				/* inside a line that is too long */
	int32_t partition;			/* of what comes, as a `from` line has told */
	size_t dropped;				/* its bytes so far */
	struct arena arena;
	struct buf aside;			/* the start of a line that is too long */
	struct record record[BATCH_MAX];
	struct control control;
	struct record control_record;
};

static bool has_prefix(const char *p, size_t n, const char *prefix)
{
	const size_t len = strlen(prefix);
	return n >= len && !memcmp(p, prefix, len);
}

#define CONTROL INTAKE_CONTROL

/* Bytes of a line that is too long: the first INTAKE_KEPT of it are kept. */
static void drop(struct lines *l, const char *p, size_t n)
{
	const size_t room = INTAKE_KEPT - l->aside.len;

	buf_add(&l->aside, p, n < room ? n : room);
	l->dropped += n;
}

/* 1 more bytes, else SOURCE_END, SOURCE_FAILED, SOURCE_WAIT. */
static int fill(struct lines *l, struct error *why)
{
	if (l->at_eof)
		return SOURCE_END;
	if (l->start) {
		memmove(l->block, l->block + l->start, l->end - l->start);
		l->end -= l->start;
		l->start = 0;
	}
	if (l->end && !l->dropping && l->end > intake_limit(&l->o.intake, l->block, l->end)) {
		buf_clear(&l->aside);
		l->dropping = true;
		l->dropped = 0;
	}
	if (l->dropping) {
		drop(l, l->block, l->end);
		l->end = l->scanned = 0;
	}
	if (l->size - l->end < WANT)
		l->block = alloc_again(l->block, (l->size = l->size * 2 + WANT) + SLACK, 1);
	else if (l->size > KEEP && l->end < WANT)
		l->block = alloc_again(l->block, (l->size = 2 * WANT) + SLACK, 1);
	const ssize_t got = l->reader->read(l->reader, l->block + l->end, l->size - l->end < KEEP ? WANT : l->size - l->end, why);
	if (got < 0)
		return (int)got;
	l->at_eof = got == 0;
	l->source.done = l->reader->done;
	l->end += (size_t)got;
	l->fetched += (uint64_t)got;
	if (!l->begun && (l->end >= 3 || memchr(l->block, '\n', l->end))) {
		l->begun = true;
		if (l->end >= 3 && !memcmp(l->block, "\xef\xbb\xbf", 3)) {
			l->start = 3;
			l->scanned = 0;
		}
	}
	return got || l->end > l->start || l->dropping ? 1 : SOURCE_END;
}

static bool is_blank(const char *p, const char *end)
{
	while (p < end && (*p == ' ' || *p == '\t' || *p == '\r'))
		p++;
	return p == end;
}

static void give(struct lines *l, int i, const char *line, size_t len)
{
	struct record *r = &l->record[i];

	record_init(r, line, len, l->o.fields, &l->arena);
	r->at = (struct place){ .source = l->name, .line = l->number };
	intake_record(r, &l->o.intake);
	r->partition = l->partition;
}

/* The end of a line that was too long: what was kept of it. */
static void give_dropped(struct lines *l, int i)
{
	struct record *r = &l->record[i];

	record_init(r, "", 0, l->o.fields, &l->arena);
	r->at = (struct place){ .source = l->name, .line = l->number };
	intake_too_long(r, l->aside.data, l->aside.len, l->dropped);
	r->partition = l->partition;
	l->dropping = false;
}

static void see_control(struct lines *l, const char *line, size_t len)
{
	static const struct { const char *text; enum control_kind kind; } kinds[] = {
		{ CONTROL "\"begin\"", CONTROL_BEGIN }, { CONTROL "\"barrier\"", CONTROL_BARRIER },
		{ CONTROL "\"end\"", CONTROL_END }, { CONTROL "\"abort\"", CONTROL_ABORT },
	};
	struct record *r = &l->control_record;

	record_init(r, line, len, l->o.fields, &l->arena);
	r->at = (struct place){ .source = l->name, .line = l->number };
	l->control = (struct control){ CONTROL_OTHER, r };
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (has_prefix(line, len, kinds[i].text))
			l->control.kind = kinds[i].kind;
	l->source.control = &l->control;
}

/* They may stand before every record, so they are none of the loop's: a batch goes on behind one. */
static bool hear_partition(struct lines *l, const char *line, size_t len)
{
	char number[12] = "";

	if (!has_prefix(line, len, CONTROL "\"from\""))
		return false;
	const char *p = memmem(line, len, "\"p\":", 4);
	if (p)
		memcpy(number, p + 4, (size_t)(line + len - p) - 4 < sizeof number ? (size_t)(line + len - p) - 4 : sizeof number - 1);
	l->partition = *number >= '0' && *number <= '9' ? (int32_t)strtol(number, NULL, 10) : PARTITION_NONE;
	return true;
}

size_t lines_torn(const struct source *source)
{
	const struct lines *l = (const struct lines *)source;

	return l->at_eof && l->o.whole ? l->end - l->start + (l->dropping ? l->dropped : 0) : 0;
}

struct lines_place lines_tell(const struct source *source, bool before_last)
{
	const struct lines *l = (const struct lines *)source;

	if (before_last)
		return l->before;
	return (struct lines_place){ l->fetched - (l->end - l->start) - (l->dropping ? l->dropped : 0), l->number };
}

static int lines_next(struct source *source, struct record **out, struct error *why)
{
	struct lines *l = (struct lines *)source;
	const int most = source->most ? (int)source->most : BATCH_MAX;
	int n = 0;

	arena_clear(&l->arena);
	source->until = INT64_MAX;
	l->before = lines_tell(source, false);
	for (int reads = 0;; reads++) {
		char *p = l->block + l->start, *end = l->block + l->end, *lf;
		while (n < most && (p < end || (l->dropping && l->at_eof))) {
			if (!(lf = memchr(p + l->scanned, '\n', (size_t)(end - p) - l->scanned))) {
				l->scanned = (size_t)(end - p);
				if (!l->at_eof || l->o.whole)
					break;
				lf = end;	/* the last line has no LF */
			}
			const size_t len = (size_t)(lf - p);
			const bool control = !l->dropping && !l->o.intake.refuses_control && len >= 8 &&
			    (len <= l->o.intake.max_line || l->o.intake.takes_control) && p[2] == '_' && has_prefix(p, len, CONTROL);
			const bool tells = control && l->o.intake.takes_control && hear_partition(l, p, len);
			if (control && !tells && n)
				goto out;	/* what came before it goes first */
			bool given = !tells;
			l->scanned = 0;
			l->number += !(control && l->o.intake.takes_control);
			if (l->dropping) {
				drop(l, p, len);
				give_dropped(l, n);
			} else if (tells)
				;
			else if (control)
				see_control(l, p, len);
			else if (len > l->o.intake.max_line && len > intake_limit(&l->o.intake, p, len)) {
				buf_clear(&l->aside);
				l->dropped = 0;
				drop(l, p, len);
				give_dropped(l, n);
			} else if (len && !((unsigned char)*p <= ' ' && is_blank(p, lf)))
				give(l, n, p, len);
			else
				given = false;
			p = lf < end ? lf + 1 : end;
			if (control && !tells) {
				l->start = (size_t)(p - l->block);
				return SOURCE_CONTROL;
			}
			if (given) {
				out[n] = &l->record[n];
				n++;
			}
		}
out:
		l->start = (size_t)(p - l->block);
		if (n)
			return n;
		if (reads == READS) {	/* at hand, but the loop has more to see to */
			source->until = 0;
			return SOURCE_WAIT;
		}
		const int got = fill(l, why);
		if (got != 1)
			return got;
	}
}

static void lines_close(struct source *source)
{
	struct lines *l = (struct lines *)source;

	l->reader->close(l->reader);
	arena_release(&l->arena);
	buf_release(&l->aside);
	free(l->block);
	free(l);
}

struct source *lines_new(struct reader *reader, const char *name, const struct lines_options *o)
{
	struct lines *l = alloc_zeroed(1, sizeof *l);

	l->source = (struct source){ .next = lines_next, .close = lines_close, .fd = reader->fd, .until = INT64_MAX,
	    .total = reader->total, .lag = -1, .drains = reader->is_pipe };
	l->reader = reader;
	l->name = name;
	l->o = *o;
	if (!l->o.intake.max_line)
		l->o.intake.max_line = INTAKE_MAX_LINE;
	l->partition = PARTITION_NONE;
	l->size = 2 * WANT;
	l->block = alloc_bytes(l->size + SLACK);
	return &l->source;
}

int lines_seek(struct source *source, struct lines_place place, struct error *why)
{
	struct lines *l = (struct lines *)source;

	if (l->reader->skip) {
		if (l->reader->skip(l->reader, place.bytes, why))
			return -1;
		l->fetched = place.bytes;
	}
	while (l->fetched < place.bytes) {
		const uint64_t left = place.bytes - l->fetched;
		const ssize_t got = l->reader->read(l->reader, l->block, left < l->size ? (size_t)left : l->size, why);
		if (got == SOURCE_FAILED)
			return -1;
		if (got <= 0)
			return error_set(why, "%s: ends before byte %llu, up to which it has been read", l->name, (unsigned long long)place.bytes);
		l->fetched += (uint64_t)got;
	}
	l->begun = place.bytes > 0;
	l->number = place.number;
	l->source.done = l->reader->done;
	return 0;
}
