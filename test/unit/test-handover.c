/* SPDX-License-Identifier: MIT */
#include "kafka/handover.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/snapshot.h"
#include "tap.h"

#define S INT64_C(1000000000)

static struct arena arena;
static char path[64];

static struct handover *make(int64_t overlap_s, const char *same_by)
{
	static struct fieldpath time, same;
	struct handover_options o = { .time = &time, .unit = TIME_S, .overlap_ns = overlap_s * S, .max_line = 16u << 20 };
	struct error why;

	if (fieldpath_parse(&time, "t", &arena, &why) || (same_by && fieldpath_parse(&same, same_by, &arena, &why)))
		abort();
	o.same_by = same_by ? &same : NULL;
	return handover_new(&o);
}

static void write_file(const char *text, size_t len)
{
	FILE *f = fopen(path, "w");

	if (!f || fwrite(text, 1, len, f) != len || fclose(f))
		abort();
}

/* A hand-over that has read the text from a file. */
static struct handover *after(const char *text, int64_t overlap_s, const char *same_by)
{
	struct handover *h = make(overlap_s, same_by);
	struct error why;

	write_file(text, strlen(text));
	if (handover_read(h, path, &why)) {
		printf("# %s\n", why.text);
		abort();
	}
	handover_settle(h);
	return h;
}

/* The same lines noted one by one. */
static struct handover *noted(const char *text, int64_t overlap_s, const char *same_by)
{
	struct handover *h = make(overlap_s, same_by);
	const char *lf;

	for (; *text; text = lf + (*lf == '\n')) {
		lf = strchrnul(text, '\n');
		if (lf > text)
			handover_note(h, text, (size_t)(lf - text));
	}
	handover_settle(h);
	return h;
}

static bool drops(struct handover *h, const char *line)
{
	return handover_drops(h, line, strlen(line));
}

static bool holds(struct handover *h, const char *line)
{
	return handover_holds(h, line, strlen(line));
}

typedef struct handover *maker(const char *, int64_t, const char *);

static void common(maker *from, const char *how)
{
	struct handover *h = from("{\"t\":9}\n{\"t\":10}\n{\"t\":100,\"a\":1}\n{\"t\":130}\n{\"t\":100,\"a\":1}\n{\"t\":125}\n", 60, NULL);

	is_int(handover_time(h), 130 * S, "%s: the greatest time of the last window, not the last", how);
	is_int(handover_begin(h), 70 * S, "%s: begins an overlap before", how);
	is_int(handover_end(h), 190 * S, "%s: ends an overlap behind", how);
	ok(drops(h, "{\"t\":100,\"a\":1}") && drops(h, "{\"t\":100,\"a\":1}"), "%s: a line that stands twice is dropped twice", how);
	ok(!drops(h, "{\"t\":100,\"a\":1}"), "%s: and no third time", how);
	ok(holds(h, "{\"t\":10}") && drops(h, "{\"t\":10}"), "%s: two overlaps are remembered, for messages out of order", how);
	ok(!holds(h, "{\"t\":10}") && !drops(h, "{\"t\":10}"), "%s: what has been dropped is no longer held", how);
	ok(!holds(h, "{\"t\":9}") && !drops(h, "{\"t\":9}"), "%s: what is older is not remembered", how);
	ok(!drops(h, "{\"t\":130 }") && drops(h, " {\"t\":130}\r"), "%s: bytes count, blanks around them don't", how);
	handover_forget(h);
	ok(!drops(h, "{\"t\":125}"), "%s: nothing is dropped once it is forgotten", how);
	handover_free(h);

	h = from("{\"t\":100}\n{\"no\":1}\nnot json\n{\"t\":\"x\"}\n\n", 60, NULL);
	is_int(handover_time(h), 100 * S, "%s: lines without a time are passed over", how);
	handover_free(h);

	h = from("{\"no\":1}\n", 60, NULL);
	ok(handover_time(h) == EVENTTIME_NONE && !handover_is_empty(h), "%s: no time at all", how);
	handover_free(h);

	h = from("", 60, NULL);
	ok(handover_time(h) == EVENTTIME_NONE && handover_is_empty(h), "%s: nothing at all", how);
	handover_free(h);

	h = from("{\"t\":100,\"id\":1}\n{\"t\":101,\"id\":\"1\"}\n{\"t\":102}\n{\"t\":103,\"id\":{\"a\":1}}\n", 60, "id");
	ok(drops(h, "{\"id\":1,\"other\":true}") && !drops(h, "{\"id\":1}"), "%s: --same-by compares one value", how);
	ok(drops(h, "{\"id\":\"1\"}"), "%s: ... with its type", how);
	ok(!drops(h, "{\"t\":102}") && !drops(h, "{\"id\":{\"a\":1}}") && !drops(h, "x"), "%s: ... and only where there is one", how);
	handover_free(h);

	h = from("{\"t\":0}\n{\"t\":100}\n{\"t\":100}\n", 0, NULL);
	ok(drops(h, "{\"t\":100}") && drops(h, "{\"t\":100}") && !drops(h, "{\"t\":0}"), "%s: an overlap of 0 holds the last moment", how);
	handover_free(h);
}

/* A line a second from 1000 to 1299, with another one before line `at` (300: behind the last). */
static struct handover *with(maker *from, int at, const char *other)
{
	struct buf text = BUF_INIT;
	struct handover *h;

	for (int i = 0; i <= 300; i++) {
		if (i == at)
			buf_format(&text, "%s\n", other);
		if (i < 300)
			buf_format(&text, "{\"t\":%d}\n", 1000 + i);
	}
	h = from(buf_text(&text), 60, NULL);
	buf_release(&text);
	return h;
}

static void wrong_times(maker *from, const char *how)
{
	static const char *const wrong[] = { "{\"t\":4102444800}", "{\"t\":4899}", "{\"t\":0}", "{\"no\":1}" };
	struct handover *h;
	int64_t time;

	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		for (int at = 240; at <= 300; at += 4) {
			const bool is_last = at == 300 && i == 1;	/* nothing says that it is wrong */
			bool all = true;
			h = with(from, at, wrong[i]);
			const bool ends = handover_time(h) == (is_last ? 4899 : 1299) * S, begins = handover_begin(h) == 1239 * S;
			const uint64_t n = handover_ahead(h, &time);
			ok(ends && begins && n == (i < 2 && !is_last), "%s: %s before line %d does not move the end", how, wrong[i], at);
			if (n)
				is_int(time, (i ? 4899 : 4102444800) * S, "%s: and is told of", how);
			for (int k = 1179; k < 1300; k++) {
				char line[32];
				snprintf(line, sizeof line, "{\"t\":%d}", k);
				all = all && drops(h, line) && !drops(h, line);
			}
			ok(all && !drops(h, "{\"t\":1178}"), "%s: nor what is held", how);
			handover_free(h);
		}

	h = from("{\"t\":1000}\n{\"t\":2000}\n{\"t\":3000}\n", 60, NULL);
	is_int(handover_time(h), 3000 * S, "%s: the end of a few lines far from each other", how);
	is_int(handover_begin(h), 1940 * S, "%s: begins before the last but one", how);
	ok(drops(h, "{\"t\":3000}") && drops(h, "{\"t\":2000}"), "%s: and holds both", how);
	handover_free(h);

	h = from("{\"t\":1000}\n", 60, NULL);
	is_int(handover_begin(h), 940 * S, "%s: one line has nothing to be held against", how);
	handover_free(h);

	h = from("{\"t\":5000000000}\n{\"t\":5000000001}\n{\"t\":5000000002}\n", 60, NULL);
	is_int(handover_time(h), 5000000002 * S, "%s: all ahead of the clock is a clock of its own", how);
	handover_free(h);
}

/* A pipe of a day, noted as it passes: no more than its end is kept. */
static void long_pipe(void)
{
	struct handover *h = make(60, NULL);
	char line[32];

	for (int i = 0; i < 86400; i++) {
		snprintf(line, sizeof line, i % 1000 == 500 ? "{\"t\":4102444800}" : "{\"t\":%d}", i);
		handover_note(h, line, strlen(line));
	}
	handover_settle(h);
	is_int(handover_time(h), 86399 * S, "a long pipe ends with its last line");
	ok(drops(h, "{\"t\":86279}") && !drops(h, "{\"t\":86278}"), "and holds two overlaps");
	handover_free(h);
}

#define DUMPED(p, o, ts) "{\"t\":1,\"_kafka\":{\"topic\":\"x\",\"partition\":" #p ",\"offset\":" #o ",\"timestamp\":" #ts "}}\n"

static struct handover *dumped(bool by_file, const char *text)
{
	struct handover *h = make(60, NULL);
	struct error why;

	handover_expect(h, "x", 3);
	write_file(text, strlen(text));
	if (by_file && handover_read(h, path, &why))
		abort();
	for (const char *lf; !by_file && *text; text = lf + 1) {
		lf = strchr(text, '\n');
		handover_note(h, text, (size_t)(lf - text));
	}
	handover_settle(h);
	return h;
}

static void by_offset(bool by_file, const char *how)
{
	struct handover *h = dumped(by_file, DUMPED(2, 7, 1000) DUMPED(0, 40, 2000) DUMPED(0, 41, 3000));

	ok(handover_by_offset(h), "%s: a dump is known by its last line", how);
	is_int(handover_offset(h, "x", 0), 42, "%s: the offset behind the last", how);
	is_int(handover_offset(h, "x", 2), 8, "%s: of a partition that comes early, too", how);
	is_int(handover_offset(h, "x", 1), -1, "%s: none of a partition that does not come", how);
	is_int(handover_offset(h, "y", 0), -1, "%s: none of another topic", how);
	is_int(handover_time(h), 3 * S, "%s: the time is the messages'", how);
	ok(!drops(h, "{\"t\":1}"), "%s: no records are compared", how);
	handover_free(h);

	h = dumped(by_file, DUMPED(0, 1, 1000) "{\"t\":5}\n");
	ok(!handover_by_offset(h) && handover_time(h) == 5 * S, "%s: with another last line it goes by time", how);
	handover_free(h);

	h = dumped(by_file, "{\"t\":5,\"_kafka\":{\"topic\":\"y\",\"partition\":0,\"offset\":1}}\n");
	ok(!handover_by_offset(h), "%s: another topic's dump is no dump", how);
	handover_free(h);
}

static void blocks(void)
{
	struct buf text = BUF_INIT;
	struct handover *h;
	struct error why;

	/* Lines that do not fit into the blocks in which a file is read from its end. */
	for (int i = 0; i < 100000; i++)
		buf_format(&text, "{\"t\":%d,\"pad\":\"%0*d\"}\n", i, i % 97, i);
	buf_add_text(&text, "{\"t\":100000,\"pad\":\"");
	for (int i = 0; i < 3 << 20; i++)
		buf_add_byte(&text, 'x');
	buf_add_text(&text, "\"}\n{\"t\":99990}");
	write_file(text.data, text.len);
	h = make(25000, NULL);
	ok(!handover_read(h, path, &why), "a file of many blocks is read");
	handover_settle(h);
	is_int(handover_time(h), 100000 * S, "a line of three blocks counts");
	bool all = true;
	for (int i = 50000; i < 100000; i++) {
		char line[256];
		snprintf(line, sizeof line, "{\"t\":%d,\"pad\":\"%0*d\"}", i, i % 97, i);
		all = all && drops(h, line) && !drops(h, line);
	}
	ok(all, "every line of two overlaps is remembered once");
	ok(drops(h, "{\"t\":99990}"), "the last line without LF, too");
	char line[256];
	snprintf(line, sizeof line, "{\"t\":49999,\"pad\":\"%0*d\"}", 49999 % 97, 49999);
	ok(!drops(h, line), "and none before them");
	handover_free(h);

	/* A line over the limit is passed over. */
	struct fieldpath time = fieldpath_of(&arena, "t", NULL);
	h = handover_new(&(struct handover_options){ .time = &time, .unit = TIME_S, .overlap_ns = 5 * S, .max_line = 4096 });
	ok(!handover_read(h, path, &why), "with a line over the limit");
	handover_settle(h);
	is_int(handover_time(h), 99999 * S, "its time does not count");
	handover_free(h);
	buf_release(&text);
}

/* What a hand-over still holds, in another one that has read nothing; -1: it was refused. */
static int saved(const struct handover *from, struct handover *to, size_t drop_row)
{
	struct snapshot_writer w;
	struct snapshot_reader r;
	struct error why;
	int item, result = 0;
	size_t n = 0;

	snapshot_begin(&w, "test");
	handover_save(from, &w);
	snapshot_end(&w);
	if (snapshot_open(&r, w.bytes.data, w.bytes.len, &why) < 0)
		abort();
	while (!result && (item = snapshot_next(&r, &why)) != SNAPSHOT_END)
		if (item == SNAPSHOT_ROW && ++n != drop_row)
			result = handover_restore(to, &r, &why);
	buf_release(&w.bytes);
	return result;
}

static void kept(const char *same_by)
{
	const char *text = "{\"t\":100,\"id\":1}\n{\"t\":101,\"id\":2}\n{\"t\":101,\"id\":2}\n{\"t\":102,\"id\":3}\n";
	struct handover *h = after(text, 60, same_by), *other = make(60, same_by), *third = make(60, same_by);

	ok(drops(h, "{\"t\":101,\"id\":2}") && drops(h, "{\"t\":102,\"id\":3}"), "some are dropped");
	ok(!saved(h, other, 0) && !saved(other, third, 0), "what is left is saved, and restored, and saved again");
	ok(drops(third, "{\"t\":101,\"id\":2}") && !drops(third, "{\"t\":101,\"id\":2}"), "one of two equal ones is left");
	ok(!holds(third, "{\"t\":102,\"id\":3}") && drops(third, "{\"t\":100,\"id\":1}"), "and what has not come yet, and nothing else");
	is_int(saved(h, other, 0), -1, "not into one that holds something");
	handover_free(other);
	other = make(60, same_by);
	is_int(saved(h, other, 1), -1, "not without the row that says how many");
	handover_free(h);
	handover_free(other);
	handover_free(third);
	h = after("", 60, same_by);
	other = make(60, same_by);
	ok(!saved(h, other, 0) && !holds(other, "{}"), "nothing at all");
	handover_free(h);
	handover_free(other);
}

int main(void)
{
	struct handover *h;
	struct error why;
	int fd;

	snprintf(path, sizeof path, "/tmp/test-handover.XXXXXX");
	if ((fd = mkstemp(path)) < 0)
		return 1;
	close(fd);
	common(after, "file");
	common(noted, "noted");
	wrong_times(after, "file");
	wrong_times(noted, "noted");
	long_pipe();
	by_offset(true, "file");
	by_offset(false, "noted");
	blocks();
	kept(NULL);
	kept("id");

	write_file("\xef\xbb\xbf{\"t\":7}\n", 11);
	h = make(60, NULL);
	ok(!handover_read(h, path, &why) && handover_time(h) == 7 * S, "a BOM is no part of the first line");
	handover_free(h);

	unlink(path);
	h = make(60, NULL);
	is_int(handover_read(h, path, &why), -1, "a file that is not there");
	ok(strstr(why.text, path) != NULL, "is named");
	is_int(handover_read(h, "/dev/null", &why), 1, "what is no regular file can't be read ahead");
	handover_free(h);
	arena_release(&arena);
	return done();
}
