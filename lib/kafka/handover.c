/* SPDX-License-Identifier: MIT */
/*
 * What is remembered of a line is its event time and a 64-bit hash; what has become older than the window goes when room is
 * needed.  At the end the rest becomes a multiset: hash -> how many.
 *
 * Single event times may be wrong, and one in the year 2100 must not put the files' end there: what the topic holds until then
 * would be lost.  So an input's last times are held against each other (end_of).
 */
#include "kafka/handover.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/hash.h"
#include "base/snapshot.h"
#include "base/wallclock.h"
#include "json/fields.h"
#include "json/parse.h"
#include "stream/lines.h"
#include "stream/reader.h"
#include "stream/record.h"

#define BLOCK (1024 * 1024)
#define ENDING 16			/* times that say where an input ends */
#define FAR_LINES 10000			/* in a row from before the window: what stands before them is older as well */
/* The times of lines without one where none has come yet: of a file from its end, and from its front. */
#define AT_THE_END INT64_MAX
#define AT_THE_FRONT (INT64_MIN + 1)

struct noted { int64_t time; uint64_t hash; };

/* The last times of an input; as it is read from its front, a ring. */
struct ending { int64_t time[ENDING]; size_t n; };	/* n: how many there have been */

/* Where inputs end; `sure`: not by a single line.  EVENTTIME_NONE: no line has a time. */
struct end { int64_t time, sure; };
#define NO_END { EVENTTIME_NONE, EVENTTIME_NONE }

/* hash 0: a free slot (a hash of 0 is taken for 1). */
struct held { uint64_t hash; uint32_t n; };

struct topic { char *name; int32_t n; int64_t *next; int32_t unseen; };	/* next: -1: no line of that partition */

struct handover {
	struct handover_options o;
	struct fields fields;
	int time_slot, same_slot, topic_slot, partition_slot, offset_slot, stamp_slot;
	struct arena arena;
	struct buf key;
	struct topic *topics;
	size_t n_topics;
	struct noted *noted;
	size_t n, room;
	struct ending passing;		/* of the lines that are noted one by one */
	struct end end;			/* of the inputs that have been read */
	uint64_t n_ahead;		/* remembered lines that are later by more than an overlap */
	int64_t ahead;			/* the time of one of these */
	bool any, last_is_ours;
	struct held *held;
	size_t n_held;			/* a power of two */
	size_t n_rows;			/* of these that a checkpoint has given */
	size_t left;			/* records that may still be dropped */
};

/* What a line says. */
struct seen { int64_t time; uint64_t hash; struct topic *topic; int32_t partition; int64_t offset, stamp; };

/* ---- setting up ---- */

static struct fieldpath path_of(struct handover *h, const char *text)
{
	struct fieldpath path;
	struct error ignored;

	fieldpath_parse(&path, text, &h->fields.arena, &ignored);
	return path;
}

static int slot_of(struct handover *h, const char *text)
{
	const struct fieldpath path = path_of(h, text);

	return fields_read(&h->fields, &path);
}

struct handover *handover_new(const struct handover_options *o)
{
	struct handover *h = alloc_zeroed(1, sizeof *h);

	h->o = *o;
	fields_init(&h->fields);
	h->time_slot = fields_read(&h->fields, o->time);
	h->same_slot = o->same_by ? fields_read(&h->fields, o->same_by) : -1;
	h->topic_slot = slot_of(h, "_kafka.topic");
	h->partition_slot = slot_of(h, "_kafka.partition");
	h->offset_slot = slot_of(h, "_kafka.offset");
	h->stamp_slot = slot_of(h, "_kafka.timestamp");
	h->end = (struct end)NO_END;
	return h;
}

void handover_free(struct handover *h)
{
	if (!h)
		return;
	handover_forget(h);
	for (size_t i = 0; i < h->n_topics; i++) {
		free(h->topics[i].name);
		free(h->topics[i].next);
	}
	free(h->topics);
	buf_release(&h->key);
	arena_release(&h->arena);
	fields_release(&h->fields);
	free(h);
}

void handover_expect(struct handover *h, const char *topic, int32_t partitions)
{
	struct topic *t;

	h->topics = alloc_again(h->topics, h->n_topics + 1, sizeof *h->topics);
	t = &h->topics[h->n_topics++];
	*t = (struct topic){ alloc_text(topic), partitions, alloc_zeroed((size_t)partitions + 1, sizeof *t->next), partitions };
	for (int32_t i = 0; i < partitions; i++)
		t->next[i] = -1;
}

static struct topic *find(const struct handover *h, const char *name, size_t len)
{
	for (size_t i = 0; i < h->n_topics; i++)
		if (strlen(h->topics[i].name) == len && !memcmp(h->topics[i].name, name, len))
			return &h->topics[i];
	return NULL;
}

/* ---- a line ---- */

/* Line ends and blanks around it don't count: a message has none, and what it has inside has become spaces. */
static const char *trim(const char *line, size_t *len)
{
	while (*len && (line[*len - 1] == ' ' || line[*len - 1] == '\r' || line[*len - 1] == '\t'))
		--*len;
	for (; *len && (*line == ' ' || *line == '\t' || *line == '\r'); --*len)
		line++;
	return line;
}

static uint64_t hash_line(const char *line, size_t len)
{
	line = trim(line, &len);
	const uint64_t hash = hash_bytes(line, len);
	return hash ? hash : 1;
}

/* 0: nothing to compare by. */
static uint64_t hash_value(struct handover *h, struct value v)
{
	if (value_is_null(v) || v.type == VALUE_TREE)
		return 0;
	buf_clear(&h->key);
	value_show(v, &h->key);
	const uint64_t hash = hash_bytes(h->key.data, h->key.len);
	return hash ? hash : 1;
}

static const struct value *parse(struct handover *h, const char *line, size_t len)
{
	struct json_error e;
	const void *root;
	struct value *v;
	uint64_t present;

	arena_clear(&h->arena);
	if (!(root = json_parse(&h->arena, line, len, &e)))
		return NULL;
	v = arena_get(&h->arena, h->fields.n_slots * sizeof *v);
	json_read(root, &h->fields, &h->arena, v, &present);
	return v;
}

static uint64_t hash_of(struct handover *h, const char *line, size_t len, const struct value *v)
{
	if (h->same_slot >= 0)
		return v ? hash_value(h, v[h->same_slot]) : 0;
	return hash_line(line, len);
}

static void see(struct handover *h, const char *line, size_t len, struct seen *s)
{
	const struct value *v = parse(h, line, len);
	struct error ignored;

	*s = (struct seen){ .time = EVENTTIME_NONE, .stamp = EVENTTIME_NONE };
	if (!v) {
		/* No JSON: a live record all the same, which may come again. */
		s->hash = h->same_slot < 0 ? hash_line(line, len) : 0;
		return;
	}
	if (value_is_null(v[h->time_slot]) || eventtime_from(v[h->time_slot], h->o.unit, &s->time, &ignored))
		s->time = EVENTTIME_NONE;
	s->hash = hash_of(h, line, len, v);
	const struct value topic = v[h->topic_slot], partition = v[h->partition_slot], offset = v[h->offset_slot];
	if (topic.type != VALUE_STRING || partition.type != VALUE_INTEGER || offset.type != VALUE_INTEGER || offset.integer < 0)
		return;
	struct topic *t = find(h, topic.text, topic.len);
	if (!t || partition.integer < 0 || partition.integer >= t->n)
		return;
	s->topic = t;
	s->partition = (int32_t)partition.integer;
	s->offset = offset.integer;
	if (value_is_null(v[h->stamp_slot]) || eventtime_from(v[h->stamp_slot], TIME_MS, &s->stamp, &ignored))
		s->stamp = EVENTTIME_NONE;
}

/* The time that counts: of a dumped message its own. */
static int64_t time_of(const struct seen *s)
{
	return s->topic && s->stamp != EVENTTIME_NONE ? s->stamp : s->time;
}

/* ---- where an input ends ---- */

static int64_t greater(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* `span` before t, in the range of event times. */
static int64_t before(int64_t t, int64_t span)
{
	return t < INT64_MIN + 1 + span ? INT64_MIN + 1 : t - span;
}

static void end_add(struct ending *e, int64_t time)
{
	if (time != EVENTTIME_NONE)
		e->time[e->n++ % ENDING] = time;
}

/*
 * Of the last times those count that most of the ones behind do not contradict (such a one would be ahead of time), and most of
 * the ones before neither (it would be late), by more than `span`.  The clock stands behind the last.  The greatest of these is
 * the end; the greatest that another one bears out is one that reading may begin by.
 */
static struct end end_of(const struct ending *e, int64_t span)
{
	const size_t n = e->n < ENDING ? e->n : ENDING;
	struct end end = NO_END;
	int64_t t[ENDING + 1];

	for (size_t i = 0; i < n; i++)
		t[i] = e->time[(e->n - n + i) % ENDING];
	t[n] = wallclock_now();
	for (size_t i = 0; i < n; i++) {
		size_t earlier = 0, later = 0, near = 0;
		for (size_t k = 0; k < n; k++)
			near += k != i && t[k] >= before(t[i], span);
		for (size_t k = 0; k < i; k++)
			later += before(t[k], span) > t[i];
		for (size_t k = i + 1; k <= n; k++)
			earlier += t[k] < before(t[i], span);
		if (2 * later > i || 2 * earlier > n - i)
			continue;
		end.time = greater(end.time, t[i]);
		end.sure = greater(end.sure, near ? t[i] : EVENTTIME_NONE);
	}
	if (n && end.time == EVENTTIME_NONE)
		end.time = t[n - 1];
	if (end.sure == EVENTTIME_NONE)
		end.sure = end.time;
	return end;
}

static void end_input(struct handover *h, struct end end)
{
	h->end.time = greater(h->end.time, end.time);
	h->end.sure = greater(h->end.sure, end.sure);
}

/* What is older is not remembered: a message may be stamped by so much later than its event. */
static int64_t oldest_of(const struct handover *h, int64_t sure)
{
	return before(before(sure, h->o.overlap_ns), h->o.overlap_ns);
}

/* ---- what is remembered ---- */

/* Without what is too old by the inputs so far. */
static void make_room(struct handover *h)
{
	const int64_t sure = greater(h->end.sure, end_of(&h->passing, h->o.overlap_ns).sure);
	const int64_t oldest = sure == EVENTTIME_NONE ? AT_THE_FRONT + 1 : oldest_of(h, sure);
	size_t kept = 0;

	for (size_t i = 0; i < h->n; i++)
		if (h->noted[i].time >= oldest)
			h->noted[kept++] = h->noted[i];
	h->n = kept;
	if (kept >= h->room / 2)
		h->noted = alloc_again(h->noted, h->room = h->room * 2 + 1024, sizeof *h->noted);
}

/* A line without a time has that of the line noted before it, the first one `at_first`. */
static void remember(struct handover *h, const struct seen *s, int64_t at_first)
{
	if (!s->hash)
		return;
	if (h->n == h->room)
		make_room(h);
	const int64_t time = s->time != EVENTTIME_NONE ? s->time : h->n ? h->noted[h->n - 1].time : at_first;
	h->noted[h->n++] = (struct noted){ time, s->hash };
}

static void note_offset(const struct seen *s)
{
	int64_t *next = s->topic ? &s->topic->next[s->partition] : NULL;

	if (!next)
		return;
	s->topic->unseen -= *next < 0;
	if (s->offset >= *next)
		*next = s->offset + 1;
}

static void note(struct handover *h, struct ending *e, const char *line, size_t len)
{
	struct seen s;

	see(h, line, len, &s);
	h->any = true;
	h->last_is_ours = s.topic != NULL;
	note_offset(&s);
	end_add(e, time_of(&s));
	remember(h, &s, AT_THE_FRONT);
}

void handover_note(struct handover *h, const char *line, size_t len)
{
	note(h, &h->passing, line, len);
}

/* ---- a file from its end ---- */

struct tail {
	struct handover *h;
	struct ending ending;	/* the last time first, and no more than its room */
	struct end end;		/* of this file, once it is known */
	size_t n_far;		/* lines in a row that are not of the window */
	bool is_far;		/* the last line with a time was not */
	bool any;
	bool by_offset;		/* its last line is one of the topics' */
};

static void end_file(struct tail *t)
{
	struct ending in_order = { .n = t->ending.n };

	for (size_t i = 0; i < t->ending.n; i++)
		in_order.time[i] = t->ending.time[t->ending.n - 1 - i];
	t->end = end_of(&in_order, t->h->o.overlap_ns);
	end_input(t->h, t->end);
}

/* A line, from the last to the first.  False: enough. */
static bool tail_line(struct tail *t, const char *line, size_t len)
{
	struct handover *h = t->h;
	struct seen s;

	line = trim(line, &len);
	if (!len)
		return true;
	see(h, line, len, &s);
	if (!t->any) {
		t->any = h->any = true;
		t->by_offset = h->last_is_ours = s.topic != NULL;
	}
	note_offset(&s);
	if (t->ending.n < ENDING) {
		end_add(&t->ending, time_of(&s));
		if (t->ending.n == ENDING)
			end_file(t);
	}
	if (t->by_offset) {
		/* The last line of every partition has to be found, however far back it stands. */
		bool all_seen = t->ending.n == ENDING;
		for (size_t i = 0; i < h->n_topics; i++)
			all_seen = all_seen && !h->topics[i].unseen;
		return !all_seen;
	}
	if (s.time != EVENTTIME_NONE)
		t->is_far = t->end.sure != EVENTTIME_NONE && s.time < oldest_of(h, t->end.sure);
	if (!t->is_far)
		remember(h, &s, AT_THE_END);
	t->n_far = t->is_far || s.time == EVENTTIME_NONE ? t->n_far + 1 : 0;
	return t->n_far < FAR_LINES;
}

/*
 * Lines of bytes [from, size) of a plain file.  What stands before the first LF of a block is the end of a line that
 * begins in an earlier one: it is carried there.
 */
static int read_back(struct tail *t, int fd, off_t from, off_t size, const char *name, struct error *why)
{
	struct buf text = BUF_INIT, carried = BUF_INIT;
	size_t block = BLOCK;
	bool goes_on = true, too_long = false;
	int result = 0;

	for (off_t at = size; goes_on && at > from;) {
		const size_t n = (off_t)block < at - from ? block : (size_t)(at - from);
		const char *end, *lf;
		buf_clear(&text);
		char *bytes = buf_reserve(&text, n + carried.len + 1);
		for (size_t done = 0; done < n;) {
			const ssize_t got = pread(fd, bytes + done, n - done, at - (off_t)n + (off_t)done);
			if (got == 0 || (got < 0 && errno != EINTR)) {
				result = error_set(why, "%s: %s", name, got ? strerror(errno) : "became shorter while it was read");
				goto out;
			}
			done += got > 0 ? (size_t)got : 0;
		}
		at -= (off_t)n;
		text.len = n;
		buf_add(&text, carried.data, carried.len);
		end = text.data + text.len;
		while (goes_on && (lf = memrchr(text.data, '\n', (size_t)(end - text.data)))) {
			if (!too_long)
				goes_on = tail_line(t, lf + 1, (size_t)(end - lf - 1));
			too_long = false;
			end = lf;
		}
		buf_clear(&carried);
		if (!too_long)
			buf_add(&carried, text.data, (size_t)(end - text.data));
		if (carried.len > t->h->o.max_line) {
			too_long = true;
			buf_clear(&carried);
		}
		/* A line of many blocks is not to be copied once a block. */
		block = carried.len > block / 2 ? block * 2 : BLOCK;
	}
	if (goes_on && !too_long) {
		const size_t bom = carried.len >= 3 && !memcmp(carried.data, "\xef\xbb\xbf", 3) ? 3 : 0;
		tail_line(t, carried.data + bom, carried.len - bom);
	}
out:
	buf_release(&text);
	buf_release(&carried);
	return result;
}

static int read_through(struct handover *h, const char *path, struct error *why)
{
	struct lines_options o = { .fields = &h->fields, .intake = { .max_line = h->o.max_line, .refuses_control = true } };
	struct reader *reader = reader_open(path, why);
	struct ending ending = {0};
	struct source *lines;
	struct record *batch[BATCH_MAX];
	int n;

	if (!reader)
		return -1;
	lines = lines_new(reader, path, &o);
	while ((n = lines->next(lines, batch, why)) > 0)
		for (int i = 0; i < n; i++)
			note(h, &ending, batch[i]->line, batch[i]->len);
	end_input(h, end_of(&ending, h->o.overlap_ns));
	lines->close(lines);
	return n == SOURCE_FAILED ? -1 : 0;
}

int handover_read(struct handover *h, const char *path, struct error *why)
{
	const bool is_stdin = !strcmp(path, "-");
	const char *name = reader_name(path);
	struct tail t = { .h = h, .end = NO_END };
	struct stat st;
	int fd, packing, result;
	off_t from;

	if ((is_stdin ? fstat(0, &st) : stat(path, &st)))
		return error_set(why, "%s: %s", name, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return 1;
	fd = is_stdin ? 0 : TEMP_FAILURE_RETRY(open(path, O_RDONLY | O_CLOEXEC));
	if (fd < 0)
		return error_set(why, "%s: %s", name, strerror(errno));
	from = is_stdin && h->o.stdin_from > 0 ? (off_t)h->o.stdin_from : 0;
	if ((packing = reader_packing(fd, name, why)) < 0)
		result = -1;
	else if (packing)
		/* A reader of its own would move the position that the shell has given. */
		result = is_stdin ? 1 : read_through(h, path, why);
	else {
		result = read_back(&t, fd, from, st.st_size, name, why);
		if (t.ending.n < ENDING)
			end_file(&t);
	}
	if (fd > 0)
		close(fd);
	return result;
}

/* ---- afterwards ---- */

static struct held *slot(const struct handover *h, uint64_t hash)
{
	size_t i = (size_t)hash & (h->n_held - 1);

	while (h->held[i].hash && h->held[i].hash != hash)
		i = (i + 1) & (h->n_held - 1);
	return &h->held[i];
}

/* Disorder of less than an overlap reaches further back than the last times; what is later still is ahead of time. */
static void find_end(struct handover *h)
{
	end_input(h, end_of(&h->passing, h->o.overlap_ns));
	const int64_t found = h->end.time;
	for (size_t i = 0; found != EVENTTIME_NONE && !h->last_is_ours && i < h->n; i++) {
		const int64_t time = h->noted[i].time;
		if (time == AT_THE_END)
			continue;
		if (before(time, h->o.overlap_ns) > found) {
			h->n_ahead++;
			h->ahead = time;
		} else
			h->end.time = greater(h->end.time, time);
	}
}

static void make_held(struct handover *h, size_t n)
{
	for (h->n_held = 16; h->n_held < 2 * n;)
		h->n_held *= 2;
	h->held = alloc_zeroed(h->n_held, sizeof *h->held);
}

void handover_settle(struct handover *h)
{
	find_end(h);
	if (h->end.time != EVENTTIME_NONE && !h->last_is_ours) {
		make_held(h, h->n);
		for (size_t i = 0; i < h->n; i++)
			if (h->noted[i].time >= oldest_of(h, h->end.sure)) {
				struct held *s = slot(h, h->noted[i].hash);
				s->hash = h->noted[i].hash;
				s->n++;
				h->left++;
			}
	}
	free(h->noted);
	h->noted = NULL;
	h->n = h->room = 0;
}

/* NULL: none that is left. */
static struct held *find_held(struct handover *h, const char *line, size_t len)
{
	const uint64_t hash = h->left ? hash_of(h, line, len, h->same_slot >= 0 ? parse(h, line, len) : NULL) : 0;
	struct held *s = hash ? slot(h, hash) : NULL;

	return s && s->n ? s : NULL;
}

bool handover_holds(struct handover *h, const char *line, size_t len)
{
	return find_held(h, line, len) != NULL;
}

bool handover_drops(struct handover *h, const char *line, size_t len)
{
	struct held *s = find_held(h, line, len);

	if (!s)
		return false;
	s->n--;
	h->left--;
	return true;
}

/* A row for each hash, behind one that says how many there are. */
void handover_save(const struct handover *h, struct snapshot_writer *w)
{
	struct buf value = BUF_INIT;
	size_t n = 0;

	for (size_t i = 0; i < h->n_held; i++)
		n += h->held[i].n > 0;
	snapshot_section(w, "held", 4);
	snapshot_put_varint(&value, n);
	snapshot_row(w, "", 0, value.data, value.len);
	for (size_t i = 0; i < h->n_held; i++) {
		if (!h->held[i].n)
			continue;
		buf_clear(&value);
		snapshot_put_varint(&value, h->held[i].n);
		snapshot_row(w, &h->held[i].hash, sizeof h->held[i].hash, value.data, value.len);
	}
	buf_release(&value);
}

int handover_restore(struct handover *h, const struct snapshot_reader *row, struct error *why)
{
	struct snapshot_bytes in = { (const unsigned char *)row->value, (const unsigned char *)row->value + row->value_len, false };
	const uint64_t n = snapshot_get_varint(&in);
	uint64_t hash;

	if (!row->key_len) {
		if (in.torn || h->held || n > (uint64_t)(row->rest.end - row->rest.p))
			return error_set(why, "what the files held cannot be read");
		make_held(h, (size_t)n);
		return 0;
	}
	if (in.torn || !n || n > UINT32_MAX || row->key_len != sizeof hash || !h->held || 2 * (h->n_rows + 1) > h->n_held)
		return error_set(why, "what the files held cannot be read");
	memcpy(&hash, row->key, sizeof hash);
	struct held *s = slot(h, hash);
	if (!hash || s->hash)
		return error_set(why, "what the files held cannot be read");
	*s = (struct held){ hash, (uint32_t)n };
	h->n_rows++;
	h->left += n;
	return 0;
}

void handover_forget(struct handover *h)
{
	free(h->held);
	free(h->noted);
	h->held = NULL;
	h->noted = NULL;
	h->left = h->n_held = h->n = h->room = 0;
}

bool handover_is_empty(const struct handover *h)
{
	return !h->any;
}

int64_t handover_time(const struct handover *h)
{
	return h->end.time;
}

uint64_t handover_ahead(const struct handover *h, int64_t *time)
{
	*time = h->ahead;
	return h->n_ahead;
}

int64_t handover_begin(const struct handover *h)
{
	return before(h->end.sure, h->o.overlap_ns);
}

int64_t handover_end(const struct handover *h)
{
	const int64_t t = handover_time(h);

	return t > INT64_MAX - h->o.overlap_ns ? INT64_MAX : t + h->o.overlap_ns;
}

bool handover_by_offset(const struct handover *h)
{
	return h->last_is_ours;
}

int64_t handover_offset(const struct handover *h, const char *topic, int32_t partition)
{
	const struct topic *t = find(h, topic, strlen(topic));

	return t && partition < t->n ? t->next[partition] : -1;
}
