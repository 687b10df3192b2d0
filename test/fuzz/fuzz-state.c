/* SPDX-License-Identifier: MIT */
/*
 * Saved state: damaged, hostile, of another spec.  What is accepted goes on taking records, and is saved and loaded
 * again without a change.
 *
 * The first byte's low bit says whether the rest stands as it is or gets the length and the checksum that it needs to
 * be looked at at all.
 */
#include "events.h"

#include "base/crc32c.h"
#include "feature/flow.h"

static const char spec_text[] =
	"key user\n"
	"n = count()\n"
	"s = sum(y)\n"
	"m = mean(y) over last 3\n"
	"a = sum(v)\n"
	"lo = min(x) over last 2\n"
	"hi = max(y)\n"
	"f = first(s) by ok\n"
	"l = last(v)\n"
	"d = distinct(s)\n"
	"d2 = distinct(x) over last 2\n"
	"p = prev(v)\n"
	"e = elapsed()\n"
	"c = count() where x > 1\n"
	"w1 = sum(v) over 10s\n"
	"w2 = min(x) over 1m by ok\n"
	"w3 = var(y) over 20s every 5s\n"
	"w4 = last(v) over tumbling 1m\n"
	"w5 = max(s) over session 5s\n"
	"w6 = mean(v) decay 1s\n"
	"w7 = ewma(y, 1s)\n"
	"w8 = rate() over last 5\n"
	"w9 = first(v) over 10s\n"
	"w10 = sum(v) over session 1s\n"
	"w11 = count() over 1m\n"
	"w12 = max(x) over 30s\n"
	"w13 = min(x) over 2m\n"
	"q1 = sequence(s, 3)\n"
	"q2 = sequence(x, 2) over last 5\n"
	"q3 = sequence(s, 4) over 10s\n"
	"q4 = sequence(y, 3) over 1m every 1s\n"
	"q5 = sequence(s, 2) over session 1s\n"
	"t1 = topk(s, 2)\n"
	"t2 = topk(x, 2) over 10s\n"
	"t3 = topk(y, 1) over 20s every 5s\n"
	"t4 = topk(s, 3) over session 5s\n"
	"t5 = topk(x, 3) over last 4\n"
	"u1 = quantile(y, 0.5)\n"
	"u2 = quantile(x, 0.9) over 1m\n"
	"u3 = quantile(y, 0) over tumbling 1m\n"
	"u4 = quantile(x, 1) over session 1s\n"
	"d3 = distinct(s) over 10s\n"
	"d4 = distinct(v) over 20s every 5s\n"
	"d5 = distinct(x) over session 5s\n"
	"hold 1s\n"
	"ttl 1h\n";

static int drop(struct next *next, struct record **r, size_t n, struct error *why)
{
	(void)next, (void)r, (void)n, (void)why;
	return 0;
}

static struct next nowhere = { drop, NULL };
static struct tally tally;		/* of restored records */

struct run {
	struct fields fields;
	struct spec *spec;
	struct flow *flow;
};

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	setenv("SOURCE_DATE_EPOCH", "1700000000", 1);
	return 0;
}

static void begin(struct run *r)
{
	const struct spec_text text = { "x.features", spec_text, sizeof spec_text - 1, false };
	const struct spec_options options = { .time_path = "timestamp", .time_unit = TIME_MS };
	struct error why = { "" };

	fields_init(&r->fields);
	r->spec = spec_compile(&text, 1, &options, &r->fields, &why);
	r->flow = r->spec ? flow_new(r->spec, &r->fields, 0, &why) : NULL;
	if (r->flow)
		flow_place(r->flow, &(struct place){ "features", "windows", 0, &tally });
	else
		fprintf(stderr, "%s\n", why.text);
	CHECK(r->flow);
}

static void end(struct run *r)
{
	flow_free(r->flow);
	spec_free(r->spec);
	fields_release(&r->fields);
}

static void take_events(struct run *r)
{
	struct arena arena = ARENA_INIT;

	for (size_t i = 0; i < EVENTS; i++) {
		struct record record, *all = &record;
		record_init(&record, events[i], strlen(events[i]), &r->fields, &arena);
		record.at = (struct place){ "features", "stdin", i + 1, &tally };
		flow_records(r->flow, &all, 1, &nowhere, &(struct error){ "" });
	}
	arena_release(&arena);
}

static struct buf saved(const struct run *r)
{
	struct snapshot_writer w;

	snapshot_begin(&w, "fuzz");
	state_save(flow_state(r->flow), &w);
	snapshot_end(&w);
	return w.bytes;
}

/* 0, or -1: refused with a sentence. */
static int restored(struct run *r, const struct buf *bytes)
{
	struct state_news news = {0};
	struct snapshot_reader in;
	struct error why = { "" };
	int result;

	begin(r);
	result = snapshot_open(&in, bytes->data, bytes->len, &why) ||
	    flow_restore(r->flow, &in, &news, &why) ? -1 : 0;
	CHECK(!result == !*why.text);
	buf_release(&news.fresh);
	buf_release(&news.dropped);
	buf_release(&news.theirs);
	return result;
}

static void dump(const struct buf *bytes, const struct spec *spec)
{
	struct buf text = BUF_INIT;
	struct snapshot_reader in;
	struct error why;

	if (!snapshot_open(&in, bytes->data, bytes->len, &why))
		state_dump(&in, spec, &text, &why);
	buf_release(&text);
}

/* The bytes as a file: with an end that fits them, if so asked. */
static struct buf file_of(const uint8_t *bytes, size_t n)
{
	struct buf b = BUF_INIT;

	buf_add(&b, bytes + 1, n - 1);
	if (bytes[0] & 1) {
		const uint32_t crc = crc32c_add(0, b.data, b.len);
		const uint64_t len = b.len;
		buf_add_byte(&b, 3);
		for (int i = 0; i < 8; i++)
			buf_add_byte(&b, (char)(len >> 8 * i));
		for (int i = 0; i < 4; i++)
			buf_add_byte(&b, (char)(crc >> 8 * i));
	}
	return b;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct run a, b;

	if (!n)
		return 0;
	struct buf file = file_of(bytes, n);
	const int refused = restored(&a, &file);
	dump(&file, NULL);
	dump(&file, a.spec);
	if (!refused) {
		struct buf first = saved(&a);
		CHECK(!restored(&b, &first));
		struct buf second = saved(&b);
		CHECK_SAME(&first, &second);
		take_events(&a);
		take_events(&b);
		buf_release(&first);
		buf_release(&second);
		first = saved(&a);
		second = saved(&b);
		CHECK_SAME(&first, &second);
		dump(&first, a.spec);
		buf_release(&first);
		buf_release(&second);
		end(&b);
	}
	end(&a);
	buf_release(&file);
	return 0;
}
