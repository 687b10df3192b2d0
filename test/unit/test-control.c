/* SPDX-License-Identifier: MIT */
/* Control records: taken apart, passed on and written; whatever is no such record is refused. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "checkpoint/control.h"
#include "checkpoint/directory.h"
#include "test/unit/tap.h"

static struct arena arena;

static bool is(struct control_text t, const char *text)
{
	return t.text ? t.len == strlen(text) && !memcmp(t.text, text, t.len) : !*text;
}

static void test_round(void)
{
	struct control_line l;
	struct error why;
	struct buf b = BUF_INIT, positions = BUF_INIT, state = BUF_INIT, passed = BUF_INIT, again = BUF_INIT;

	buf_add_text(&positions, "[{\"f\":\"a \\\"b\\\"\",\"off\":\"12\"}]");
	control_write_barrier(&b, &(struct control_barrier){ "r1", 42, 1700, true, &positions });
	ok(!control_read(&l, b.data, b.len, &arena, &why) && control_is(&l, "barrier") && l.epoch == 42 && l.is_last, "a barrier");
	ok(is(l.run, "r1") && is(l.via, "") && is(l.st, "{}"), "its run, no stage yet");
	ok(l.src.len == positions.len && !memcmp(l.src.text, positions.data, positions.len), "its positions, as they stand");
	control_pass(&passed, b.data, b.len, "replay", &state);
	buf_add_text(&state, "{\"n\":1,\"bytes\":\"AA==\"}");
	control_pass(&again, passed.data, passed.len, "features", &state);
	ok(!control_read(&l, again.data, again.len, &arena, &why) && is(l.via, "replay,features"), "two stages have passed it on");
	ok(is(control_state(&l, "features"), "{\"n\":1,\"bytes\":\"AA==\"}"), "one with a state");
	ok(!control_state(&l, "replay").text && !control_state(&l, "feature").text, "the other without");
	buf_clear(&b);
	control_write_begin(&b, &(struct control_begin){ .run = "r2", .committed_run = "r1", .epoch = 42, .st = l.st });
	ok(!control_read(&l, b.data, b.len, &arena, &why) && control_is(&l, "begin") && is(l.erun, "r1") && l.epoch == 42 &&
	    is(control_state(&l, "features"), "{\"n\":1,\"bytes\":\"AA==\"}"), "a begin record takes the states over");
	struct control_part part;
	buf_clear(&b);
	buf_clear(&passed);
	buf_add_text(&passed, "\"1.0\":{\"p\":[0,4],\"via\":\"a,b\",\"st\":{\"b\":{\"n\":1}}},\"1.2\":{\"p\":[2],\"via\":\"a,b\",\"st\":{}}");
	control_write_begin(&b, &(struct control_begin){ .run = "r2", .shard = { 1, 3 }, .generation = 2, .parts = &passed });
	ok(!control_read(&l, b.data, b.len, &arena, &why) && is(l.shard, "1/3") && l.generation == 2, "a shard begins");
	ok(control_part(&l, 0, &part, &arena) && is(part.folder, "1.0") && is(part.partitions, "[0,4]") && is(part.via, "a,b") &&
	    is(control_state(&part.states, "b"), "{\"n\":1}"), "with what another one had");
	ok(control_part(&l, 1, &part, &arena) && is(part.folder, "1.2") && !control_state(&part.states, "b").text && !control_part(&l, 2, &part, &arena),
	    "and a second one, and no more");
	buf_clear(&b);
	control_write_abort(&b, 2, "replay", "a \"quoted\" cause");
	ok(!control_read(&l, b.data, b.len, &arena, &why) && control_is(&l, "abort") && l.exit == 2 && is(l.why, "a \"quoted\" cause"), "abort");
	buf_clear(&b);
	control_write_abort(&b, 1, "replay", "caf\xe9: no \xc3\xa9 in it, cut at \xc3");
	ok(!control_read(&l, b.data, b.len, &arena, &why) && is(l.why, "caf?: no \xc3\xa9 in it, cut at ?"), "a cause with any bytes: %s", buf_text(&b));
	buf_clear(&b);
	control_write_end(&b, "r2", 43);
	ok(!control_read(&l, b.data, b.len, &arena, &why) && control_is(&l, "end") && l.epoch == 43, "end");
	buf_release(&b), buf_release(&positions), buf_release(&state), buf_release(&passed), buf_release(&again);
}

/* Members that another version has, in any order, stay as they came. */
static void test_foreign(void)
{
	static const char line[] = "{\"_sml\":\"barrier\",\"st\":{\"a\":1},\"x\":[1,{\"via\":\"no\"}],\"v\":1,\"run\":\"r\",\"e\":7,\"via\":\"one\",\"y\":null}";
	struct buf out = BUF_INIT, state = BUF_INIT;

	buf_add_text(&state, "2");
	control_pass(&out, line, strlen(line), "two", &state);
	ok(!strcmp(buf_text(&out), "{\"_sml\":\"barrier\",\"st\":{\"a\":1,\"two\":2},\"x\":[1,{\"via\":\"no\"}],\"v\":1,\"run\":\"r\",\"e\":7,"
	    "\"via\":\"one,two\",\"y\":null}"), "unknown members are passed on: %s", buf_text(&out));
	buf_release(&out), buf_release(&state);
}

static void test_refused(void)
{
	static const char *const lines[] = { "", "{", "[]", "{\"_sml\":1}", "{\"_sml\":\"begin\",\"v\":2}", "{\"_sml\":\"begin\",\"v\":\"1\"}", "{}" };
	struct control_line l;
	struct error why;

	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
		ok(control_read(&l, lines[i], strlen(lines[i]), &arena, &why) == -1 && *why.text, "refused: %s", lines[i]);
}

static void test_directory(void)
{
	char name[] = "/tmp/test-control.XXXXXX", barrier[] = "{\"_sml\":\"barrier\",\"v\":1,\"run\":\"r\",\"e\":1,\"st\":{}}";
	struct directory_commit c;
	struct error why;
	char *dir = mkdtemp(name);
	const struct directory_file files[] = { { "a \"b\".jsonl", UINT64_MAX, 12 }, { "descriptor 3", 4, UINT64_C(1) << 60 } };
	const struct directory_file late = { "late.jsonl", 9, 77 }, known = { "descriptor 3", 4, 5 }, stale = { "stale.jsonl", 3, 1 };
	const struct commit_point none = {0}, first = { 1, "r" }, other = { 1, "s" };

	ok(dir && !directory_make(dir, &why) && !directory_read(dir, &c, &arena, &why) && !c.barrier.text && !c.n_files, "nothing yet");
	ok(!directory_note_opened(dir, &files[0], &none, &why) && !directory_read(dir, &c, &arena, &why) && c.n_files == 1 && c.files[0].len == 12, "opened");
	ok(!directory_commit(dir, files, 2, barrier, strlen(barrier), &why) && !directory_read(dir, &c, &arena, &why), "committed");
	ok(c.n_files == 2 && !strcmp(c.files[0].name, files[0].name) && c.files[0].ino == UINT64_MAX && c.files[1].len == UINT64_C(1) << 60,
	    "files, with numbers beyond 2^53");
	ok(is(c.barrier, barrier) && c.at.epoch == 1 && !strcmp(c.at.run, "r"), "the barrier, as it came");
	directory_note_opened(dir, &known, &first, &why);
	directory_note_opened(dir, &late, &first, &why);
	directory_note_opened(dir, &stale, &none, &why);
	directory_note_opened(dir, &stale, &other, &why);
	ok(!directory_read(dir, &c, &arena, &why) && c.n_files == 3 && c.files[1].len == UINT64_C(1) << 60 && c.files[2].len == 77,
	    "what has been committed goes before what has been opened since, and what was opened behind another commit counts no more");
	ok(directory_authority(dir, &why) == 0, "nobody commits");
	const int lock = directory_lock(dir, "COMMIT", 0, &why);
	ok(lock >= 0 && !directory_say_authority(dir, &why) && directory_authority(dir, &why) == 1, "now this process does");
	ok(directory_lock(dir, "COMMIT", 0, &why) == -2 && strstr(why.text, "in use"), "and no second one: %s", why.text);
	close(lock);
	ok(directory_authority(dir, &why) == 0, "until it ends");
	directory_put_state(dir, "features.1-r.snap", "xyz", 3, &why);
	directory_put_state(dir, "features.2-r.snap", "xyz", 3, &why);
	directory_put_state(dir, "my-stage.1-r.snap", "xyz", 3, &why);
	static const char names[] = "{\"$ref\":\"my-stage.1-r.snap\"}";
	size_t n = 0;
	directory_prune(dir, &first, names, strlen(names));
	char *gone = directory_get_state(dir, "features.1-r.snap", 17, &n, &why), *kept = directory_get_state(dir, "my-stage.1-r.snap", 17, &n, &why);
	char *next = directory_get_state(dir, "features.2-r.snap", 17, &n, &why), *outside = directory_get_state(dir, "../x", 4, &n, &why);
	ok(!gone && kept && next && !outside, "states of this epoch and before go, but for those that are named");
	free(kept), free(next);
	char *command = alloc_format("rm -r %s", dir);
	ok(!system(command), "cleaned up");
	free(command);
}

int main(void)
{
	test_round();
	test_foreign();
	test_refused();
	test_directory();
	arena_release(&arena);
	return done();
}
