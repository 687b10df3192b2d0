/* SPDX-License-Identifier: MIT */
#include "base/snapshot.h"

#include <stdlib.h>

#include "base/prng.h"
#include "tap.h"

/* A copy that ends where its memory ends, so that reading beyond it is found. */
static int open_copy(struct snapshot_reader *r, const void *bytes, size_t n, char **copy, struct error *why)
{
	*copy = malloc(n ? n : 1);
	memcpy(*copy, bytes, n);
	return snapshot_open(r, *copy, n, why);
}

static void test_numbers(void)
{
	static const uint64_t edges[] = { 0, 1, 127, 128, 255, 256, 16383, 16384, UINT32_MAX, INT64_MAX, (uint64_t)1 << 63, UINT64_MAX };
	static const double doubles[] = { 0, -0.0, 1.5, -1e300, 5e-324, INFINITY, -INFINITY };
	struct buf b = BUF_INIT;
	struct snapshot_bytes in;
	struct prng p;
	int wrong = 0;
	size_t n;

	for (size_t i = 0; i < sizeof edges / sizeof *edges; i++) {
		buf_clear(&b);
		snapshot_put_varint(&b, edges[i]);
		snapshot_put_signed(&b, (int64_t)edges[i]);
		in = (struct snapshot_bytes){ (unsigned char *)b.data, (unsigned char *)b.data + b.len, false };
		ok(snapshot_get_varint(&in) == edges[i] && snapshot_get_signed(&in) == (int64_t)edges[i] && !in.torn && in.p == in.end,
		    "integer %" PRIu64, edges[i]);
	}
	buf_clear(&b);
	snapshot_put_varint(&b, 300);
	is_bytes(b.data, b.len, "\xac\x02", "LEB128 of 300");
	buf_clear(&b);
	snapshot_put_signed(&b, -1);
	snapshot_put_signed(&b, 1);
	is_bytes(b.data, b.len, "\x01\x02", "zigzag of -1 and 1");

	buf_clear(&b);
	for (size_t i = 0; i < sizeof doubles / sizeof *doubles; i++)
		snapshot_put_double(&b, doubles[i]);
	in = (struct snapshot_bytes){ (unsigned char *)b.data, (unsigned char *)b.data + b.len, false };
	for (size_t i = 0; i < sizeof doubles / sizeof *doubles; i++)
		is_double(snapshot_get_double(&in), doubles[i], "double %g", doubles[i]);
	snapshot_get_double(&in);
	ok(in.torn, "torn behind the last");
	buf_clear(&b);
	snapshot_put_double(&b, 1);
	ok(b.len == 8 && b.data[7] == 0x3f && (unsigned char)b.data[6] == 0xf0, "doubles are little-endian");

	prng_init(&p, 2);
	buf_clear(&b);
	for (int i = 0; i < 100000; i++) {
		const uint64_t x = prng_next(&p) >> prng_below(&p, 64);
		snapshot_put_varint(&b, x);
		snapshot_put_signed(&b, -(int64_t)x);
		if (i % 16 == 0)
			snapshot_put_text(&b, &x, x % 9);
	}
	prng_init(&p, 2);
	in = (struct snapshot_bytes){ (unsigned char *)b.data, (unsigned char *)b.data + b.len, false };
	for (int i = 0; i < 100000; i++) {
		const uint64_t x = prng_next(&p) >> prng_below(&p, 64);
		wrong += snapshot_get_varint(&in) != x || snapshot_get_signed(&in) != -(int64_t)x;
		if (i % 16 == 0) {
			const char *text = snapshot_get_text(&in, &n);
			wrong += n != x % 9 || memcmp(text, &x, n);
		}
	}
	ok(!wrong && !in.torn && in.p == in.end, "random numbers and texts come back");

	for (const char *const *s = (const char *const[]){ "\x80", "\xff\xff", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02",
	    "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "", NULL }; *s; s++) {
		in = (struct snapshot_bytes){ (const unsigned char *)*s, (const unsigned char *)*s + strlen(*s), false };
		ok(snapshot_get_varint(&in) == 0 && in.torn, "torn or too large: %zu bytes", strlen(*s));
	}
	in = (struct snapshot_bytes){ (const unsigned char *)"\x05" "abcd", (const unsigned char *)"\x05" "abcd" + 5, false };
	in.end = in.p + 5;
	snapshot_get_text(&in, &n);
	ok(in.torn && n == 0, "a text longer than what is there");
	buf_release(&b);
}

static void write_example(struct snapshot_writer *w)
{
	snapshot_begin(w, "sml-features 1");
	snapshot_section(w, "spec", 4);
	snapshot_row(w, "key", 3, "value", 5);
	snapshot_row(w, "", 0, "", 0);
	snapshot_section(w, "empty", 5);
	snapshot_section(w, "a\0b", 3);
	snapshot_row(w, "\x02\x03", 2, "\0\0\0", 3);
	snapshot_end(w);
}

static void test_items(void)
{
	struct snapshot_writer w;
	struct snapshot_reader r;
	struct error why = { "" };
	char *copy;

	write_example(&w);
	ok(!open_copy(&r, w.bytes.data, w.bytes.len, &copy, &why), "open %s", why.text);
	is_bytes(r.made_by, r.made_by_len, "sml-features 1", "made by");
	ok(!r.section, "no section yet");
	is_int(snapshot_next(&r, &why), SNAPSHOT_SECTION, "a section");
	is_bytes(r.section, r.section_len, "spec", "its name");
	is_int(snapshot_next(&r, &why), SNAPSHOT_ROW, "a row");
	is_bytes(r.key, r.key_len, "key", "its key");
	is_bytes(r.value, r.value_len, "value", "its value");
	is_int(snapshot_next(&r, &why), SNAPSHOT_ROW, "an empty row");
	ok(r.key_len == 0 && r.value_len == 0, "is empty");
	is_int(snapshot_next(&r, &why), SNAPSHOT_SECTION, "a section");
	is_int(snapshot_next(&r, &why), SNAPSHOT_SECTION, "the next one at once");
	ok(r.section_len == 3 && !memcmp(r.section, "a\0b", 3), "any bytes are a name");
	is_int(snapshot_next(&r, &why), SNAPSHOT_ROW, "a row");
	ok(r.key_len == 2 && r.value_len == 3, "its lengths");
	is_int(snapshot_next(&r, &why), SNAPSHOT_END, "the end");
	is_int(snapshot_next(&r, &why), SNAPSHOT_END, "still the end");
	free(copy);

	/* The layout that other versions must be able to read. */
	ok(w.bytes.len > 60 && !memcmp(w.bytes.data, "sml-state\n\x02\0\0\0\x0esml-features 1\x01\x04spec\x02\x03key\x05value\x02\0\0\x01\x05" "empty", 53),
	    "the bytes are those of the format");
	buf_release(&w.bytes);

	snapshot_begin(&w, "");
	snapshot_end(&w);
	ok(!open_copy(&r, w.bytes.data, w.bytes.len, &copy, &why) && snapshot_next(&r, &why) == SNAPSHOT_END, "an empty snapshot");
	free(copy);
	buf_release(&w.bytes);
}

static void test_damage(void)
{
	struct snapshot_writer w;
	struct snapshot_reader r;
	struct error why;
	int taken = 0;
	char *copy;

	write_example(&w);
	for (size_t n = 0; n < w.bytes.len; n++) {
		taken += !open_copy(&r, w.bytes.data, n, &copy, &why);
		free(copy);
	}
	is_int(taken, 0, "cut short anywhere, it is refused");
	for (size_t i = 0; i < 8 * w.bytes.len; i++) {
		w.bytes.data[i / 8] ^= (char)(1 << i % 8);
		taken += !open_copy(&r, w.bytes.data, w.bytes.len, &copy, &why);
		free(copy);
		w.bytes.data[i / 8] ^= (char)(1 << i % 8);
	}
	is_int(taken, 0, "with any bit turned, it is refused");
	buf_add_byte(&w.bytes, 0);
	ok(open_copy(&r, w.bytes.data, w.bytes.len, &copy, &why) == -1, "with a byte behind its end, it is refused");
	free(copy);
	buf_release(&w.bytes);

	snapshot_open(&r, "{\"a\":1}\n", 8, &why);
	is_str(why.text, "is not a state file", "another file");
	snapshot_begin(&w, "later");
	w.bytes.data[10] = 3;
	snapshot_end(&w);
	snapshot_open(&r, w.bytes.data, w.bytes.len, &why);
	is_str(why.text, "has format version 3, this sml reads 1 to 2", "another version");
	buf_release(&w.bytes);

	/* What has a right sum and no sense. */
	static const struct { const char *bytes; size_t n; const char *what; } bodies[] = {
		{ "\x02\x01k\x01v", 5, "a row before any section" }, { "\x07", 1, "an unknown mark" }, { "\x01", 1, "a section without a name" },
		{ "\x01\x05" "ab", 4, "a name that is too long" }, { "\x01\x01s\x02\x01k", 6, "a row without a value" },
		{ "\x01\x01s\x02\x01k\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 16, "a value of 2^64-1 bytes" },
	};
	for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
		int item = 0;
		snapshot_begin(&w, "test");
		buf_add(&w.bytes, bodies[i].bytes, bodies[i].n);
		snapshot_end(&w);
		if (ok(!open_copy(&r, w.bytes.data, w.bytes.len, &copy, &why), "sum is right: %s", bodies[i].what))
			while ((item = snapshot_next(&r, &why)) >= 0 && item != SNAPSHOT_END)
				;
		is_int(item, -1, "refused: %s", bodies[i].what);
		is_int(snapshot_next(&r, &why), -1, "and again");
		free(copy);
		buf_release(&w.bytes);
	}
}

static void test_partitions(void)
{
	struct snapshot_writer w, taken;
	struct snapshot_reader r;
	struct error why;
	struct buf seen = BUF_INIT;
	const int32_t some[] = { 0, 300 };
	int item;

	snapshot_begin(&w, "test");
	snapshot_section(&w, "s", 1);
	snapshot_row_of(&w, 0, "a", 1, "1", 1);
	snapshot_row_of(&w, 300, "b", 1, "2", 1);
	snapshot_row_of(&w, 7, "c", 1, "3", 1);
	snapshot_section(&w, "t", 1);
	snapshot_row_of(&w, PARTITION_NONE, "d", 1, "4", 1);
	snapshot_end(&w);
	snapshot_begin(&taken, "test");
	ok(!snapshot_take(&taken, w.bytes.data, w.bytes.len, some, 2, &why), "rows of some partitions are taken");
	snapshot_end(&taken);
	ok(!snapshot_open(&r, taken.bytes.data, taken.bytes.len, &why), "and are a snapshot");
	while ((item = snapshot_next(&r, &why)) == SNAPSHOT_SECTION || item == SNAPSHOT_ROW)
		if (item == SNAPSHOT_SECTION)
			buf_format(&seen, "%.*s:", (int)r.section_len, r.section);
		else
			buf_format(&seen, "%d%.*s%.*s ", (int)r.partition, (int)r.key_len, r.key, (int)r.value_len, r.value);
	is_str(buf_text(&seen), "s:0a1 300b2 t:0d4 300d4 ", "what is of none is of each of them");
	ok(snapshot_take(&taken, w.bytes.data, w.bytes.len - 1, some, 2, &why) < 0, "of a damaged one nothing is: %s", why.text);
	buf_release(&w.bytes);
	buf_release(&taken.bytes);
	buf_release(&seen);
}

/* ---- changes ---- */

#define SECTIONS 3
#define KEYS 40

/* Each section as an array: the value of each key, 0: it has none. */
struct model { int values[SECTIONS][KEYS]; };

static void put(struct snapshot_writer *w, int key, int value)
{
	char text[16], name[16];
	const size_t n = (size_t)snprintf(text, sizeof text, "%d", value), m = (size_t)snprintf(name, sizeof name, "key %d", key);

	snapshot_row(w, name, m, text, n);
}

static void put_gone(struct snapshot_writer *w, int key)
{
	char name[16];

	snapshot_gone(w, name, (size_t)snprintf(name, sizeof name, "key %d", key));
}

/* The last section is written anew each time. */
static void change(struct snapshot_writer *w, struct model *m, struct prng *p, int value, bool is_first)
{
	snapshot_begin(w, "test");
	for (int s = 0; s < SECTIONS; s++) {
		const char name[2] = { (char)('a' + s), '\0' };
		const bool is_anew = !is_first && s == SECTIONS - 1;
		(is_anew ? snapshot_section_anew : snapshot_section)(w, name, 1);
		for (int k = 0; k < KEYS; k++) {
			const uint64_t what = prng_below(p, 4);
			const int before = m->values[s][k];
			if (is_anew)
				m->values[s][k] = 0;
			if (what == 0)
				put(w, k, m->values[s][k] = value);
			else if (what == 1 && before && !is_first && !is_anew) {
				put_gone(w, k);
				m->values[s][k] = 0;
			}
		}
	}
	snapshot_end(w);
}

/* Each key once, with the value it should have. */
static bool is_model(const struct buf *snapshot, struct model m)
{
	struct snapshot_reader r;
	struct error why;
	int item;

	if (snapshot_open(&r, snapshot->data, snapshot->len, &why))
		return false;
	while ((item = snapshot_next(&r, &why)) != SNAPSHOT_END) {
		if (item < 0)
			return false;
		if (item == SNAPSHOT_SECTION)
			continue;
		int *value = &m.values[*r.section - 'a'][atoi(r.key + 4)];
		if (item != SNAPSHOT_ROW || *value != atoi(r.value))
			return false;
		*value = 0;
	}
	for (int i = 0; i < SECTIONS * KEYS; i++)
		if (m.values[i / KEYS][i % KEYS])
			return false;
	return true;
}

static void test_changes(void)
{
	struct snapshot_writer w[12], merged;
	struct snapshot_part parts[12];
	const atomic_bool stop = true;
	struct snapshot_reader r;
	struct model model;
	struct error why;
	struct prng p;
	int wrong = 0;

	prng_init(&p, 9);
	for (int round = 0; round < 200; round++) {
		model = (struct model){ 0 };
		for (size_t n = 0; n < 12; n++) {
			change(&w[n], &model, &p, (int)n + 1, !n);
			parts[n] = (struct snapshot_part){ w[n].bytes.data, w[n].bytes.len };
			wrong += snapshot_merge(parts, n + 1, NULL, &merged, &why) || !is_model(&merged.bytes, model);
			buf_release(&merged.bytes);
		}
		for (size_t n = 0; round < 199 && n < 12; n++)
			buf_release(&w[n].bytes);
	}
	ok(!wrong, "a snapshot and changes of it, put together, are what was done to it");
	snapshot_open(&r, w[1].bytes.data, w[1].bytes.len, &why);
	while (snapshot_next(&r, &why) == SNAPSHOT_ROW || r.rest.p < r.rest.end)
		if (r.rest.torn)
			break;
	ok(r.rest.torn, "changes are no snapshot");
	w[11].bytes.data[30] ^= 1;
	ok(snapshot_merge(parts, 12, NULL, &merged, &why) == -1 && strstr(why.text, "damaged"), "a part that is damaged: %s", why.text);
	buf_release(&merged.bytes);
	for (size_t n = 0; n < 12; n++)
		buf_release(&w[n].bytes);

	snapshot_begin(&w[0], "test");
	snapshot_section(&w[0], "a", 1);
	for (int k = 0; k < 100000; k++)
		put(&w[0], k, k);
	snapshot_end(&w[0]);
	parts[0] = (struct snapshot_part){ w[0].bytes.data, w[0].bytes.len };
	ok(snapshot_merge(parts, 1, &stop, &merged, &why) == -1, "it can be stopped");
	buf_release(&merged.bytes);
	buf_release(&w[0].bytes);
}

int main(void)
{
	test_partitions();
	test_numbers();
	test_items();
	test_damage();
	test_changes();
	return done();
}
