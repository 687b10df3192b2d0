/* SPDX-License-Identifier: MIT */
/* A spec compiled: order, sharing, identities, rows; and, record by record, the engine that runs it. */
#include <stdlib.h>

#include "base/alloc.h"
#include "base/prng.h"
#include "feature/flow.h"
#include "feature/plan.h"
#include "feature/spec.h"
#include "stream/source.h"
#include "tap.h"

static const struct spec_options plain = { .time_path = "timestamp", .time_unit = TIME_MS };

static struct spec *compile(const char *text, struct fields *fields, struct error *why)
{
	const struct spec_text one = { "x", text, strlen(text), false };

	fields_init(fields);
	return spec_compile(&one, 1, &plain, fields, why);
}

static void test_plan(void)
{
	struct error why;
	struct fields fields;
	struct spec *s = compile("key user.id, region\n"
	    "require total > 0\n"
	    "a = sum(total)\n"
	    "b = mean( total ) exclude current   # shares\n"
	    "c = a / b + sum(total)\n"
	    "d = count() by region\n"
	    "e = sum(a) over last 3\n"
	    "f = sum(sum(total)) over last 3\n"
	    "g = prev(d)\n", &fields, &why);

	ok(s != NULL, "compiled");
	is_int(s->n_features, 7, "features");
	is_int(s->n_steps, 8, "steps");
	ok(s->steps[0].is_require && !strcmp(s->steps[0].text, "total > 0"), "rules keep their text");
	is_int(s->n_states, 4, "sum and mean share a state, and a feature's name stands for its definition");
	is_int(s->n_keys, 2, "two sets of keys");
	is_str(s->keys[0].text, "user.id, region", "the spec's");
	is_str(s->keys[1].text, "by region", "and by");
	is_str(s->states[0].identity, "sum(total)\nkey user.id, region\ntime timestamp:ms", "an identity");
	is_str(s->states[2].text, "sum(sum(total)) over last 3", "earlier features are inlined");
	is_str(s->states[3].text, "prev(count() by region)", "with their clauses");
	ok(!s->needs_time, "nothing needs the time");
	ok(s->states[0].offset == 0 && s->states[2].offset == s->states[0].keeper->size, "states lie in their key's row one by one");
	spec_free(s);
	fields_release(&fields);
}

static void test_lookups(void)
{
	struct error why;
	struct fields fields;
	struct spec *s = compile("key u\n"
	    "a = sum(t.x + r.x) by t.c\n"
	    "b = t.x + total(t.items[*].p)\n"
	    "c = count() where b > t.x\n"
	    "d = t.c\n"
	    "lookup t from t.jsonl on u\n"
	    "lookup r from \"a b\" on v.w = [\"x y\"] required\n", &fields, &why);

	ok(s != NULL, "compiled");
	is_int(s->n_lookups, 2, "lookups");
	is_int(s->lookups[0].n_values, 3, "a path has one value");
	is_int(s->n_locals, 8, "and stands among the features'");
	is_str(s->states[0].identity, "sum(t.x + r.x) by t.c\nlookup t on u\nlookup r on v.w = [\"x y\"]\nkey u\ntime timestamp:ms",
	    "an identity names the lookups, not their files");
	is_str(s->states[1].text, "count() where t.x + total(t.items[*].p) > t.x", "features are inlined, what lookups give has its path");
	is_str(s->states[1].identity, "count() where t.x + total(t.items[*].p) > t.x\nlookup t on u\nkey u\ntime timestamp:ms", "each is named once");
	ok(s->steps[3].slot < 0, "what a row holds is no member of the record");
	struct buf b = BUF_INIT;
	plan_show(s, NULL, &b);
	ok(strstr(buf_text(&b), "\nlookup   t from t.jsonl on u\nlookup   r from \"a b\" on v.w = [\"x y\"] required\n") != NULL, "explained");
	buf_release(&b);
	spec_free(s);
	fields_release(&fields);
}

static void test_names(void)
{
	struct error why;
	struct fields fields;
	struct spec *s = compile("x = x\ny = x + z\nz = 3\n", &fields, &why);

	ok(s != NULL, "compiled");
	ok(s->steps[0].slot >= 0, "a feature's own name is the member");
	ok(s->steps[1].slot < 0, "not a path");
	struct buf b = BUF_INIT;
	plan_show(s, NULL, &b);
	ok(strstr(buf_text(&b), "\nx = x\ny = x + z\nz = 3\n") != NULL, "explained in canonical form");
	buf_release(&b);
	spec_free(s);
	fields_release(&fields);
}

static void test_limits(void)
{
	struct buf b = BUF_INIT;
	struct error why;
	struct fields fields;

	for (int i = 0; i <= SPEC_FEATURES_MAX; i++)
		buf_format(&b, "f%d = count() where x > %d\n", i, i);
	struct spec *s = compile(buf_text(&b), &fields, &why);
	ok(!s, "more features than there may be");
	ok(!strncmp(why.text, "x:4097:1: more than 4096 features\n", 34), "are refused");
	fields_release(&fields);
	buf_clear(&b);
	for (int i = 0; i < 200; i++)
		buf_format(&b, "f%d = sum(a + %d) over last 5 by b%d\n", i, i, i % 10);
	s = compile(buf_text(&b), &fields, &why);
	ok(s && s->n_states == 200 && s->n_keys == 11, "many are taken");
	spec_free(s);
	fields_release(&fields);
	buf_release(&b);
	const struct spec_text nul = { "x", "x = 1\ny = \0", 11, false };
	fields_init(&fields);
	ok(!spec_compile(&nul, 1, &plain, &fields, &why), "a NUL byte is refused");
	is_str(why.text, "x:2: a NUL byte: this is no text", "with a sentence");
	fields_release(&fields);
}

/* Random bytes are refused with a sentence, or they are a spec. */
static void test_noise(void)
{
	static const char letters[] = "abk =()+,.#\"\\\n\t[]*1%<>rdeftimuy\xc3\xa9";
	struct prng dice;
	bool sound = true;

	prng_init(&dice, 3);
	for (int i = 0; i < 20000; i++) {
		char text[64];
		const size_t n = prng_below(&dice, sizeof text);
		for (size_t j = 0; j < n; j++)
			text[j] = letters[prng_below(&dice, sizeof letters - 1)];
		static const char *const heads[] = { "", "key ", "time ", "x = ", "require ", "emit ", "x = sum(",
			"lookup ", "lookup a from b on ", "lookup a from \"" };
		const char *head = heads[prng_below(&dice, sizeof heads / sizeof *heads)];
		char *both = alloc_bytes(strlen(head) + n);
		memcpy(both, head, strlen(head));
		memcpy(both + strlen(head), text, n);
		const struct spec_text one = { "x", both, strlen(head) + n, false };
		struct error why = { "" };
		struct fields fields;
		fields_init(&fields);
		struct spec *s = spec_compile(&one, 1, &plain, &fields, &why);
		sound &= s || *why.text;
		spec_free(s);
		fields_release(&fields);
		free(both);
	}
	ok(sound, "noise is a spec, or refused with a sentence");
}

/* ---- the engine ---- */

static int drop(struct next *next, struct record **r, size_t n, struct error *why)
{
	(void)next, (void)r, (void)n, (void)why;
	return 0;
}

static struct next nowhere = { drop, NULL };

struct bench { struct fields fields; struct spec *spec; struct flow *flow; struct arena arena; struct tally tally; };

static void bench_init(struct bench *b, const char *text, uint64_t max_keys)
{
	struct error why;

	*b = (struct bench){ .tally = {0} };
	b->spec = compile(text, &b->fields, &why);
	b->flow = b->spec ? flow_new(b->spec, &b->fields, max_keys, &why) : NULL;
	ok(b->flow != NULL, "ready");
}

static void bench_release(struct bench *b)
{
	flow_free(b->flow);
	spec_free(b->spec);
	fields_release(&b->fields);
	arena_release(&b->arena);
}

/* The features of lines that come as one batch. */
static void bench_is(struct bench *b, const char *const *lines, size_t n, const char *expected)
{
	struct record records[BATCH_MAX], *batch[BATCH_MAX];
	struct buf out = BUF_INIT;

	for (size_t i = 0; i < n; i++) {
		const size_t len = strlen(lines[i]);
		batch[i] = &records[i];
		record_init(batch[i], arena_copy(&b->arena, lines[i], len), len, &b->fields, &b->arena);
		batch[i]->at = (struct place){ "features", "test", i + 1, &b->tally };
	}
	flow_records(b->flow, batch, n, &nowhere, &(struct error){ "" });
	for (size_t i = 0; i < n; i++) {
		struct buf line = BUF_INIT;
		record_write(batch[i], &line);
		const char *text = buf_text(&line), *from = strstr(text, "\"features\":");
		if (batch[i]->kind == RECORD_DATA && from)
			buf_add(&out, from + 11, strlen(from) - 13);
		else
			buf_add_text(&out, "error");
		buf_add_byte(&out, ' ');
		buf_release(&line);
	}
	is_str(buf_text(&out), expected, "%d records at once", (int)n);
	buf_release(&out);
	arena_clear(&b->arena);
}

static void test_batch(void)
{
	static const char *const lines[] = {
		"{\"k\":1,\"x\":1}", "{\"k\":1,\"x\":2}", "{\"k\":2,\"x\":3}", "{\"k\":1,\"x\":\"a\"}", "{\"k\":1,\"x\":4}", "{",
		"{\"k\":1,\"x\":null}",
	};
	struct bench b;

	bench_init(&b, "key k\nn = count()\ns = sum(x)\n", 0);
	bench_is(&b, lines, 7, "{\"n\":1,\"s\":1} {\"n\":2,\"s\":3} {\"n\":1,\"s\":3} error {\"n\":3,\"s\":7} error {\"n\":4,\"s\":7} ");
	is_int(b.tally.n_errors, 2, "errors are counted");
	ok(!strncmp(b.tally.first, "test:4: feature s: x is a string", 32), "the first in order of lines: %s", b.tally.first);
	struct state_figures f;
	state_figures(flow_state(b.flow), &f);
	is_int(f.keys, 2, "keys");
	bench_release(&b);

	/* A row that an earlier record of the batch evicts. */
	bench_init(&b, "key k\ntime t\nn = count()\ns = sum(n) over last 4\n", 1);
	static const char *const turns[] = {
		"{\"k\":1,\"t\":1}", "{\"k\":1,\"t\":2}", "{\"k\":2,\"t\":3}", "{\"k\":1,\"t\":4}", "{\"k\":1,\"t\":5}", "{\"k\":2,\"t\":6}",
	};
	for (int i = 0; i < 3; i++)
		bench_is(&b, turns, 6, "{\"n\":1,\"s\":1} {\"n\":2,\"s\":3} {\"n\":1,\"s\":1} {\"n\":1,\"s\":1} {\"n\":2,\"s\":3} "
		    "{\"n\":1,\"s\":1} ");
	bench_release(&b);
}

/* A snapshot with one byte changed, its checksum made right again: refused or taken, never read beyond. */
static void test_forged(void)
{
	static const char *const lines[] = { "{\"k\":1,\"x\":1.5,\"p\":\"a\"}", "{\"k\":\"two\",\"x\":2,\"p\":[1,\"b\"]}", "{\"k\":1,\"x\":7,\"p\":null}" };
	static const char text[] = "key k\nn = count()\ns = sum(x) over last 2\nm = max(x) over last 3\nd = distinct(p)\nq = prev(p)\n"
	    "e = distinct(p) over last 2\nf = first(p) over last 2\n";
	struct snapshot_writer w;
	struct bench b;
	struct error why;
	size_t refused = 0, taken = 0;

	bench_init(&b, text, 0);
	struct record records[3], *batch[3];
	for (size_t i = 0; i < 3; i++) {
		batch[i] = &records[i];
		record_init(batch[i], arena_copy(&b.arena, lines[i], strlen(lines[i])), strlen(lines[i]), &b.fields, &b.arena);
		batch[i]->at = (struct place){ "features", "test", i + 1, &b.tally };
	}
	flow_records(b.flow, batch, 3, &nowhere, &(struct error){ "" });
	snapshot_begin(&w, "test");
	state_save(flow_state(b.flow), &w);
	const size_t len = w.bytes.len;
	for (size_t at = 0; at < len; at++)
		for (int bit = 0; bit < 8; bit += 3) {
			struct snapshot_writer forged = { BUF_INIT };
			struct snapshot_reader in;
			buf_add(&forged.bytes, w.bytes.data, len);
			forged.bytes.data[at] ^= (char)(1 << bit);
			snapshot_end(&forged);
			struct flow *e = flow_new(b.spec, &b.fields, 0, &why);
			struct buf out = BUF_INIT;
			if (snapshot_open(&in, forged.bytes.data, forged.bytes.len, &why) < 0 || flow_restore(e, &in, NULL, &why) < 0)
				refused++;
			else
				taken++;
			if (snapshot_open(&in, forged.bytes.data, forged.bytes.len, &why) == 0)
				state_dump(&in, NULL, &out, &why);
			buf_release(&out);
			flow_free(e);
			buf_release(&forged.bytes);
		}
	ok(refused > 0 && taken > 0, "%zu forged states refused, %zu taken", refused, taken);
	buf_release(&w.bytes);
	bench_release(&b);
}

int main(void)
{
	test_plan();
	test_lookups();
	test_names();
	test_limits();
	test_noise();
	test_batch();
	test_forged();
	return done();
}
