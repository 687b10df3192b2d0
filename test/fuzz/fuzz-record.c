/* SPDX-License-Identifier: MIT */
/*
 * Lines as records: values by path against a walk of yyjson's own tree, members added and replaced, error records and
 * their way back, what sml-replay refuses.  LF cuts the input into lines; they share a batch.
 */
#include "fuzz.h"

#include <yyjson.h>

#include "base/wallclock.h"
#include "json/parse.h"
#include "json/write.h"
#include "stream/intake.h"
#include "stream/record.h"

static const char *const paths[] = {
	"a", "b", "b.c", "b.c.a", "timestamp", "user.id", "features", "features.total", "items[0]", "items[2].x", "items[*].x", "items[*]",
	"[\"\\u00e9\"]", "[\"\"]", "a[0][1]", "a[*][0]", "x.y.z.w", "classification",
};
static const char *const adds[] = { "a", "features", "classification", "é", "b", "probability" };
static const char *const drops[] = { "a", "timestamp", NULL };

#define PATHS (sizeof paths / sizeof *paths)
#define ADDS (sizeof adds / sizeof *adds)

static struct fields fields;
static struct fieldpath parsed[PATHS];
static int slots[PATHS];
static const struct added *handles[ADDS];
static struct arena arena;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static struct arena forever;
	struct error why;

	(void)argc, (void)argv;
	setenv("SOURCE_DATE_EPOCH", "1700000000", 1);
	fields_init(&fields);
	for (size_t i = 0; i < PATHS; i++) {
		CHECK(!fieldpath_parse(&parsed[i], paths[i], &forever, &why));
		slots[i] = fields_read(&fields, &parsed[i]);
	}
	for (size_t i = 0; i < ADDS; i++)
		handles[i] = fields_add(&fields, adds[i]);
	return 0;
}

/* ---- the oracle ---- */

static yyjson_doc *read_text(const char *text, size_t n)
{
	return yyjson_read_opts((char *)text, n, YYJSON_READ_BIGNUM_AS_RAW, NULL, NULL);
}

static yyjson_val *last_named(yyjson_val *object, const char *name, size_t len)
{
	yyjson_val *found = NULL, *key, *v;
	size_t i, n;

	yyjson_obj_foreach(object, i, n, key, v)
		if (yyjson_equals_strn(key, name, len))
			found = v;
	return found;
}

/* Where a path without [*] leads; NULL: nowhere. */
static yyjson_val *led(yyjson_val *v, const struct fieldpath *path)
{
	for (size_t i = 0; v && i < path->n; i++)
		v = path->steps[i].kind == STEP_INDEX ? yyjson_arr_get(v, path->steps[i].index)
		    : last_named(v, path->steps[i].name, path->steps[i].len);
	return v;
}

static void same_value(struct value got, yyjson_val *want)
{
	if (!want) {
		CHECK(got.type == VALUE_MISSING);
		return;
	}
	switch (yyjson_get_type(want)) {
	case YYJSON_TYPE_NULL:
		CHECK(got.type == VALUE_NULL);
		break;
	case YYJSON_TYPE_BOOL:
		CHECK(got.type == VALUE_BOOL && got.truth == yyjson_get_bool(want));
		break;
	case YYJSON_TYPE_NUM:
		CHECK(value_is_number(got) && value_double(got) == yyjson_get_num(want));
		if (yyjson_is_sint(want) || (yyjson_is_uint(want) && yyjson_get_uint(want) <= INT64_MAX))
			CHECK(got.type == VALUE_INTEGER && got.integer == yyjson_get_sint(want));
		else if (yyjson_is_uint(want))
			CHECK(got.type == VALUE_UNSIGNED && got.uinteger == yyjson_get_uint(want));
		break;
	case YYJSON_TYPE_RAW:
		CHECK(value_is_number(got) || got.type == VALUE_HUGE);
		break;
	case YYJSON_TYPE_STR:
		CHECK(got.type == VALUE_STRING && got.len == yyjson_get_len(want) && !memcmp(got.text, yyjson_get_str(want), got.len));
		break;
	case YYJSON_TYPE_ARR:
		CHECK(json_is_array(got));
		got = json_items(got, &arena);
		CHECK(got.type == VALUE_ARRAY && got.len == yyjson_arr_size(want));
		for (uint32_t i = 0; i < got.len && i < 4; i++)
			same_value(got.items[i], yyjson_arr_get(want, i));
		break;
	default:
		CHECK(got.type == VALUE_TREE && !json_is_array(got));
	}
}

static bool is_plain(const struct fieldpath *path)
{
	for (size_t i = 0; i < path->n; i++)
		if (path->steps[i].kind == STEP_ALL)
			return false;
	return true;
}

/* ---- members added ---- */

static struct value some_value(uint32_t bits)
{
	static const struct name names[] = { NAME("total"), NAME("n") };
	static const struct member members[] = { { &names[0], { .type = VALUE_INTEGER, .integer = 7 } }, { &names[1], { .type = VALUE_NULL } } };
	static const struct value items[] = { { .type = VALUE_BOOL, .truth = true }, { .type = VALUE_DOUBLE, .number = 0.1 } };

	switch (bits % 8) {
	case 0: return value_null();
	case 1: return value_bool(bits & 8);
	case 2: return value_integer((int64_t)bits << 24);
	case 3: return value_number((double)bits / 3);
	case 4: return value_text("\"\\\n\x01 é", 7);
	case 5: return (struct value){ .type = VALUE_ARRAY, .len = 2, .items = items };
	case 6: return (struct value){ .type = VALUE_OBJECT, .len = 2, .members = members };
	default: return (struct value){ .type = VALUE_MISSING };
	}
}

static bool is_added(const size_t *order, size_t n, const char *name, size_t len)
{
	for (size_t i = 0; i < n; i++)
		if (strlen(adds[order[i]]) == len && !memcmp(adds[order[i]], name, len))
			return true;
	return false;
}

static void add_some(struct record *r, yyjson_val *before, uint32_t bits)
{
	size_t order[ADDS], n = 0;
	struct value last[ADDS];
	struct buf out = BUF_INIT, text = BUF_INIT;

	for (int times = (int)(bits & 7); times--; bits = bits * 1664525u + 1013904223u) {
		const size_t which = (bits >> 8) % ADDS;
		const struct value v = some_value(bits >> 16);
		record_add(r, handles[which], v);
		for (size_t i = 0; i < n; i++)
			if (order[i] == which) {
				memmove(order + i, order + i + 1, (--n - i) * sizeof *order);
				memmove(last + i, last + i + 1, (n - i) * sizeof *last);
				break;
			}
		order[n] = which;
		last[n++] = v;
	}
	record_write(r, &out);
	CHECK(out.len && out.data[out.len - 1] == '\n' && !memchr(out.data, '\n', out.len - 1));
	yyjson_doc *doc = read_text(out.data, out.len - 1);
	CHECK(doc && yyjson_is_obj(yyjson_doc_get_root(doc)));
	yyjson_obj_iter got = yyjson_obj_iter_with(yyjson_doc_get_root(doc));
	yyjson_val *key, *v, *name;
	size_t i, max, replaced = 0;
	yyjson_obj_foreach(before, i, max, key, v) {
		if (is_added(order, n, yyjson_get_str(key), yyjson_get_len(key))) {
			replaced++;
			continue;
		}
		CHECK((name = yyjson_obj_iter_next(&got)) && yyjson_equals_strn(name, yyjson_get_str(key), yyjson_get_len(key)));
		char *a = yyjson_val_write(v, 0, NULL), *b = yyjson_val_write(yyjson_obj_iter_get_val(name), 0, NULL);
		CHECK(a && b && !strcmp(a, b));
		free(a);
		free(b);
	}
	for (i = 0; i < n; i++) {
		CHECK((name = yyjson_obj_iter_next(&got)) && yyjson_equals_str(name, adds[order[i]]));
		buf_clear(&text);
		json_write_value(&text, last[i]);
		yyjson_doc *want = read_text(text.data, text.len);
		char *a = yyjson_val_write(yyjson_doc_get_root(want), 0, NULL), *b = yyjson_val_write(yyjson_obj_iter_get_val(name), 0, NULL);
		CHECK(a && b && !strcmp(a, b));
		free(a);
		free(b);
		yyjson_doc_free(want);
	}
	CHECK(!yyjson_obj_iter_next(&got));
	if (!n)
		CHECK(out.len - 1 == r->len && !memcmp(out.data, r->line, r->len));
	else if (!replaced) {
		const char *brace = memrchr(r->line, '}', r->len);
		const size_t head = (size_t)(brace - r->line), tail = r->len - head;
		CHECK(!memcmp(out.data, r->line, head) && !memcmp(out.data + out.len - 1 - tail, brace, tail));
	}
	/* The chain sees what a pipe would read. */
	for (i = 0; i < PATHS; i++)
		if (is_plain(&parsed[i])) {
			yyjson_val *want = led(yyjson_doc_get_root(doc), &parsed[i]);
			struct value have = r->values[slots[i]];
			if (have.type == VALUE_OBJECT)
				CHECK(want && yyjson_is_obj(want));
			else
				same_value(have, want);
		}
	yyjson_doc_free(doc);
	buf_release(&text);
	buf_release(&out);
}

/* ---- error records ---- */

static void original_is(const struct record *error, const struct buf *want)
{
	struct buf out = BUF_INIT;
	struct error why;
	struct arena own = ARENA_INIT;

	CHECK(record_looks_like_error(error->line, error->len));
	CHECK(record_is_error(error->line, error->len, &own));
	CHECK(!memchr(error->line, '\n', error->len));
	CHECK(record_original(error->line, error->len, &out, &why) == 1);
	CHECK_SAME(want, &out);
	arena_release(&own);
	buf_release(&out);
}

static void fail(struct record *r, uint32_t bits)
{
	const enum error_type type = bits & 1 ? INVALID_DATA : LATE_DATA;
	struct buf before = BUF_INIT;

	record_write(r, &before);
	before.len--;
	if (bits & 2)
		record_fail_with(r, type, "latenessMs", bits, "feature %.*s: wrong", (int)(r->len < 40 ? r->len : 40), r->line);
	else
		record_fail(r, type, "%.*s", (int)(r->len < 40 ? r->len : 40), r->line);
	CHECK(r->kind == RECORD_ERROR && r->error == type);
	original_is(r, &before);
	buf_release(&before);
}

static void keep(struct record *r)
{
	struct buf a = BUF_INIT, b = BUF_INIT;
	struct record *kept = record_keep(r);

	record_write(r, &a);
	record_wake(kept, &arena);
	record_values(kept);
	record_write(kept, &b);
	CHECK_SAME(&a, &b);
	record_free(kept);
	buf_clear(&b);
	if (r->kind == RECORD_DATA) {
		record_write_without(r, &b, drops);
		yyjson_doc *doc = read_text(b.data, b.len);
		CHECK(doc && !last_named(yyjson_doc_get_root(doc), "a", 1) && !last_named(yyjson_doc_get_root(doc), "timestamp", 9));
		yyjson_doc_free(doc);
	}
	buf_release(&a);
	buf_release(&b);
}

static void as_source(const char *line, size_t n, const struct intake *in, struct tally *tally)
{
	struct record r;

	record_init(&r, line, n, &fields, &arena);
	r.at = (struct place){ "replay", "stdin", 1, tally };
	intake_record(&r, in);
	if (r.kind == RECORD_REFUSED)
		CHECK(r.refusal && r.refusal->type == RESERVED && r.refusal->message);
	else if (in->refuses_control)
		CHECK(r.len < 8 || memcmp(r.line, "{\"_sml\":", 8));
	else if (!in->retries)
		CHECK(r.len == n && !memcmp(r.line, line, n));
}

static void try_line(const char *line, size_t n)
{
	struct tally tally = {0};
	struct record r;
	uint32_t bits = 2166136261u;

	for (size_t i = 0; i < n; i++)
		bits = (bits ^ (unsigned char)line[i]) * 16777619u;
	bits ^= bits >> 16;
	for (int i = 0; i < 4; i++)
		as_source(line, n, &(struct intake){ .max_line = 1000, .refuses_control = i & 1, .retries = i & 2 }, &tally);
	record_init(&r, line, n, &fields, &arena);
	r.at = (struct place){ "features", "st\xff" "din", 17, &tally };
	const bool is_error = r.kind == RECORD_ERROR;
	const struct value *values = record_values(&r);
	yyjson_doc *doc = read_text(line, n);
	yyjson_val *root = yyjson_doc_get_root(doc);
	if (is_error)
		CHECK(!values && r.len == n && !memcmp(r.line, line, n));
	else if (!values) {
		struct buf raw = BUF_INIT;
		CHECK(!yyjson_is_obj(root) && r.kind == RECORD_ERROR && r.error == PARSE_ERROR && tally.errors[PARSE_ERROR] == 1);
		buf_add(&raw, line, n);
		original_is(&r, &raw);
		buf_release(&raw);
	} else {
		CHECK(yyjson_is_obj(root));
		for (size_t i = 0; i < PATHS; i++)
			if (is_plain(&parsed[i]))
				same_value(values[slots[i]], led(root, &parsed[i]));
			else
				CHECK(values[slots[i]].type == VALUE_MISSING || values[slots[i]].type == VALUE_ARRAY);
		add_some(&r, root, bits);
		keep(&r);
		fail(&r, bits >> 3);
	}
	keep(&r);
	yyjson_doc_free(doc);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	const uint8_t *piece;
	size_t at = 0, len;
	char *copies[64];
	size_t n_copies = 0;

	while (n_copies < 64 && fuzz_piece(bytes, n, '\n', &at, &piece, &len)) {
		copies[n_copies] = fuzz_copy(piece, len);
		try_line(copies[n_copies++], len);
	}
	arena_clear(&arena);
	while (n_copies)
		free(copies[--n_copies]);
	return 0;
}
