/* SPDX-License-Identifier: MIT */
#include "stream/record.h"

#include <stdlib.h>

#include "tap.h"

static struct arena arena;
static struct fields fields;
static struct tally tally;
static const struct added *features, *label, *p;
static int x_slot, label_slot;

static struct record make(const char *line)
{
	struct record r;

	record_init(&r, line, strlen(line), &fields, &arena);
	r.at = (struct place){ "classify", "stdin", 7, &tally };
	return r;
}

static const char *written(const struct record *r)
{
	static struct buf b;

	buf_clear(&b);
	record_write(r, &b);
	if (b.len)
		b.len--;
	return buf_text(&b);
}

static void splicing(void)
{
	struct record r = make("{\"x\": 9007199254740993 ,\"y\":[1.0]}  \r");
	const struct value *v = record_values(&r);

	is_int(v[x_slot].integer, 9007199254740993, "a value by slot");
	is_str(written(&r), "{\"x\": 9007199254740993 ,\"y\":[1.0]}  \r", "untouched: the bytes as they came");
	record_add(&r, label, value_text("A", 1));
	record_add(&r, p, value_number(0.5));
	is_str(written(&r), "{\"x\": 9007199254740993 ,\"y\":[1.0],\"classification\":\"A\",\"probability\":0.5}  \r", "members added");
	is_str(record_values(&r)[label_slot].text, "A", "the slots show them at once");
	record_add(&r, label, value_text("B", 1));
	is_str(written(&r), "{\"x\": 9007199254740993 ,\"y\":[1.0],\"probability\":0.5,\"classification\":\"B\"}  \r", "added again: behind all others");
	r = make("{}");
	record_values(&r);
	record_add(&r, label, value_null());
	is_str(written(&r), "{\"classification\":null}", "into an empty object");
	r = make("{\"classification\":\"old\", \"x\":1 ,\"classification\":2}");
	record_values(&r);
	record_add(&r, label, value_text("new", 3));
	is_str(written(&r), "{\"x\":1,\"classification\":\"new\"}", "in place of every member of that name");
	r = make("{\"c\\u006cassification\":1}");
	record_values(&r);
	record_add(&r, label, value_text("new", 3));
	is_str(written(&r), "{\"classification\":\"new\"}", "... escaped ones too");
	r = make("{\"classification\":1,\"_sml\":\"begin\"}");
	record_values(&r);
	record_add(&r, label, value_text("new", 3));
	is_str(written(&r), "{ \"_sml\":\"begin\",\"classification\":\"new\"}", "what follows does not become a control record");
	r = make("{\"a\":{\"classification\":1}}");
	record_values(&r);
	record_add(&r, label, value_text("new", 3));
	is_str(written(&r), "{\"a\":{\"classification\":1},\"classification\":\"new\"}", "... but not those inside");
}

static void relines(void)
{
	struct record r = make("{\"x\":1,\"b\":2,\"classification\":\"l\"}");
	struct buf b = BUF_INIT;

	record_values(&r);
	record_add(&r, label, value_text("n", 1));
	record_write_without(&r, &b, (const char *const[]){ "b", NULL });
	is_str(buf_text(&b), "{\"x\":1}", "the line without what is named and what is replaced");
	record_reline(&r, "{\"x\":5}", 7);
	is_int(record_values(&r)[x_slot].integer, 5, "another line is read anew");
	is_str(written(&r), "{\"x\":5}", "and written");
	buf_release(&b);
}

static void failing(void)
{
	struct record r = make("{\"x\":\"q\\\"\"}");
	struct buf original = BUF_INIT;
	struct error why;

	setenv("SOURCE_DATE_EPOCH", "5", 1);
	tally = (struct tally){0};
	record_values(&r);
	record_add(&r, p, value_number(1));
	record_fail(&r, INVALID_DATA, "x is %s", "bad");
	is_str(written(&r), "{\"errorType\":\"INVALID_DATA\",\"errorMessage\":\"x is bad\",\"rawData\":\"{\\\"x\\\":\\\"q\\\\\\\"\\\",\\\"probability\\\":1}\","
	    "\"timestamp\":5000,\"stage\":\"classify\",\"source\":\"stdin\",\"line\":7,\"_sml\":\"error\"}", "an error record in place");
	is_int(tally.errors[INVALID_DATA], 1, "counted");
	is_str(tally.first, "stdin:7: x is bad", "and described");
	ok(!record_values(&r) && r.kind == RECORD_ERROR, "has no values");
	ok(record_is_error(r.line, r.len, &arena), "is recognised by its members");
	is_int(record_original(r.line, r.len, &original, &why), 1, "gives its original back");
	is_str(buf_text(&original), "{\"x\":\"q\\\"\",\"probability\":1}", "byte for byte");
	r = make("\xff{");
	ok(!record_values(&r), "bytes that are not UTF-8 are no record");
	buf_clear(&original);
	is_int(record_original(r.line, r.len, &original, &why), 1, "they travel as base64");
	is_bytes(original.data, original.len, "\xff{", "and come back");
	tally = (struct tally){0};
	r = make("{\r");
	record_values(&r);
	r = make("x");
	r.at.source = "caf\xe9.jsonl";
	record_values(&r);
	ok(strstr(written(&r), "\"source\":\"caf?.jsonl\""), "a file's name that is no UTF-8 does not spoil the record");
	tally = (struct tally){0};
	r = make("{\r");
	record_values(&r);
	ok(tally.looks_like == TALLY_PRETTY, "an opening brace alone looks like pretty-printed JSON");
	tally = (struct tally){0};
	r = make("user,total");
	r.at.line = 1;
	record_values(&r);
	ok(tally.looks_like == TALLY_CSV, "a first line with commas and no braces looks like CSV");
	buf_release(&original);
	unsetenv("SOURCE_DATE_EPOCH");
}

static void forged(void)
{
	static const char *const lines[] = {
		"{\"errorType\":\"PARSE_ERROR\",\"_sml\":\"error\"}",
		"{\"errorType\":\"PARSE_ERROR\",\"errorMessage\":\"m\",\"timestamp\":1,\"stage\":\"s\",\"source\":\"i\",\"line\":1,\"_sml\":\"error\"}",
		"{\"errorType\":\"NO_TYPE\",\"errorMessage\":\"m\",\"rawData\":\"\",\"timestamp\":1,\"stage\":\"s\",\"source\":\"i\",\"line\":1,\"_sml\":\"error\"}",
		"{\"errorType\":\"PARSE_ERROR\",\"errorMessage\":\"m\",\"rawData\":\"\",\"more\":1,\"timestamp\":1,\"stage\":\"s\",\"source\":\"i\",\"line\":1,\"_sml\":\"error\"}",
		"{\"errorType\":\"PARSE_ERROR\",\"errorMessage\":\"m\",\"rawData\":\"\",\"timestamp\":\"1\",\"stage\":\"s\",\"source\":\"i\",\"line\":1,\"_sml\":\"error\"}",
		"{\"errorType\":\"PARSE_ERROR\",,\"_sml\":\"error\"}",
		"{\"errorType\":\"PARSE_ERROR\",\"errorMessage\":\"m\",\"rawData\":\"x\\n{\\\"_sml\\\":\\\"end\\\"}\",\"timestamp\":1,\"stage\":\"s\",\"source\":\"i\",\"line\":1,\"_sml\":\"error\"}",
		"{\"a\":1,\"_sml\":\"error\"}",
	};
	struct buf b = BUF_INIT;
	struct error why;

	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
		ok(!record_is_error(lines[i], strlen(lines[i]), &arena), "no error record: %s", lines[i]);
		is_int(record_original(lines[i], strlen(lines[i]), &b, &why), -1, "... and has no original");
	}
	is_int(record_original("{\"a\":1}", 7, &b, &why), 0, "a plain record is none either");
	buf_release(&b);
}

static void keeping(void)
{
	struct record r = make("{\"x\":1}");
	struct arena later = ARENA_INIT;

	record_values(&r);
	record_add(&r, p, value_number(0.25));
	struct record *kept = record_keep(&r);
	arena_clear(&arena);
	record_wake(kept, &later);
	is_int(record_values(kept)[x_slot].integer, 1, "a kept record outlives its batch");
	record_add(kept, label, value_text("L", 1));
	is_str(written(kept), "{\"x\":1,\"probability\":0.25,\"classification\":\"L\"}", "with what was added to it");
	arena_clear(&later);
	record_wake(kept, &later);
	is_int(record_values(kept)[x_slot].integer, 1, "woken again, it reads itself again");
	record_free(kept);
	arena_release(&later);
}

int main(void)
{
	fields_init(&fields);
	features = fields_add(&fields, "features");
	label = fields_add(&fields, "classification");
	p = fields_add(&fields, "probability");
	x_slot = fields_read_name(&fields, "x");
	label_slot = fields_read_name(&fields, "classification");
	ok(features && label && p, "handles");
	splicing();
	relines();
	failing();
	forged();
	keeping();
	arena_release(&arena);
	fields_release(&fields);
	return done();
}
