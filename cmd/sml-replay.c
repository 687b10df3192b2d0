/* SPDX-License-Identifier: MIT */
/*
 * sml-replay - history from files, then live records from Kafka, without a gap.
 *
 * Picks sources and a pace; emits each record when it is due.  Looks inside a line only where an option asks for it.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/fieldpath.h"
#include "base/number.h"
#include "base/snapshot.h"
#include "base/wallclock.h"
#include "cli/command.h"
#include "json/write.h"
#include "kafka/consumer.h"
#include "stream/inputs.h"
#include "stream/merge.h"
#include "stream/stats.h"

#define OVERLAP (60 * NS_PER_S)
#define COMMIT (10 * NS_PER_S)
#define INTERVAL (200 * NS_PER_MS)
#define ATTEMPTS 3
#define COMMIT_LEAST (100 * NS_PER_MS)
#define PARTITIONS_MAX 100000
#define TIMELESS 100		/* records without an event time are told of */
#define BEHIND_NS NS_PER_S	/* --rate does not make up for more than this */
#define NAP_NS NS_PER_MS	/* nor does it wake up more often */

struct replay;

/* The end of the run, also where the reader of stdout has gone and nothing else is called. */
struct farewell { struct service service; struct consumer *consumer; };

/* The files, then the topics. */
struct sequence {
	struct source source;
	struct replay *replay;
	struct source *files, *live;	/* NULL: none, or at its end */
	bool is_live;
	bool tells_both;		/* under a checkpoint: topics begin where no file says, so the place is kept while files are read */
};

struct replay {
	struct common common;
	const char *brokers, *group, *config, *partition_list, *until_text, *same_by_text, *rate_text;
	struct opt_list properties, offsets;
	bool exits, allows_gap, merges, meta, arrival, retries;
	int64_t count, overlap_ns, commit_ns;	/* count 0, the others -1: not given */
	double speed;				/* 0: not given */

	struct arena arena;
	struct fieldpath time_path, same_by;
	int64_t until;				/* event time, ns; INT64_MAX: none */
	double rate;				/* records a second; 0: any number */
	struct consumer_options kafka;
	struct kafka_address *addresses;
	size_t n_addresses;
	const char **topics;
	int32_t *partitions;
	const char *const *files;		/* the first operands */
	size_t n_files;
	int64_t stdin_from;			/* where the shell has left it, if it is a file */

	struct loop *loop;
	struct sequence sequence;
	struct consumer *consumer;		/* NULL: no topic */
	struct farewell farewell;
	struct handover *handover;
	bool notes;				/* an input can't be read ahead: its lines are noted as they pass */
	bool reads;				/* records are looked into */
	int time_slot;
	const struct added *meta_member, *arrival_member;
	bool met_time;				/* --until, --speed: some record has an event time */
	uint64_t n_timeless;			/* those before it that have none */
	uint64_t sent;
	int64_t due;				/* of the next record, monotonic ns; 0: at once */
	int64_t first_event, first_at;		/* --speed: event time and clock of the first record */
	int64_t commit_due;
};

/* ---- setting up ---- */

static int parse_partitions(struct replay *t, struct error *why)
{
	char *text = t->partition_list ? arena_copy(&t->arena, t->partition_list, strlen(t->partition_list)) : NULL, *item;
	struct error ignored;

	while (text && (item = strsep(&text, ","))) {
		char *dash = strchr(item, '-');
		int64_t first, last;
		if (dash)
			*dash = '\0';
		if (number_parse_integer(item, &first, &ignored) || number_parse_integer(dash ? dash + 1 : item, &last, &ignored) ||
		    first < 0 || last < first || last > PARTITIONS_MAX)
			return command_misuse(&t->common, why, "--partition: \"%s\" is not a list of partitions, 0,2-5", t->partition_list);
		for (int64_t i = first; i <= last; i++) {
			t->partitions = alloc_again(t->partitions, t->kafka.n_partitions + 1, sizeof *t->partitions);
			t->partitions[t->kafka.n_partitions++] = (int32_t)i;
		}
	}
	t->kafka.partitions = t->partitions;
	return 0;
}

/* A time of Kafka's: in ms, as typed. */
static int parse_ms(const char *text, int64_t *ms, struct error *why)
{
	int64_t ns;

	if (eventtime_parse(text, TIME_MS, wallclock_now(), &ns, why))
		return error_prefix(why, "--offset");
	*ms = eventtime_floor(ns, NS_PER_MS, 0) / NS_PER_MS;
	return 0;
}

/* One -o: where to begin, or with e@ where to end. */
static int parse_offset(struct replay *t, const char *text, struct error *why)
{
	static const struct { const char *word; enum consumer_from from; } words[] = {
		{ "beginning", CONSUMER_BEGINNING }, { "end", CONSUMER_END }, { "stored", CONSUMER_STORED },
		{ "handoff", CONSUMER_HANDOVER },
	};
	struct consumer_options *o = &t->kafka;
	struct error ignored;

	if (!strncmp(text, "e@", 2))
		return parse_ms(text + 2, &o->until_ms, why);
	if (o->from_given)
		return command_misuse(&t->common, why, "--offset: \"%s\" is a second place to begin at", text);
	o->from_given = true;
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (!strcmp(text, words[i].word)) {
			o->from = words[i].from;
			return 0;
		}
	if (*text == '@' || !strncmp(text, "s@", 2)) {
		o->from = CONSUMER_TIME;
		return parse_ms(strchr(text, '@') + 1, &o->time_ms, why);
	}
	if (number_parse_integer(text, &o->n, &ignored) || o->n == INT64_MIN)
		return command_misuse(&t->common, why, "--offset: \"%s\" is none of beginning, end, stored, handoff, N, -N, @TIME, s@MS, e@MS",
		    text);
	o->from = *text == '-' ? CONSUMER_LAST : CONSUMER_OFFSET;
	o->n = *text == '-' ? -o->n : o->n;
	return 0;
}

static int parse_offsets(struct replay *t, struct error *why)
{
	struct consumer_options *o = &t->kafka;

	o->until_ms = INT64_MAX;
	for (size_t i = 0; i < t->offsets.n; i++)
		if (parse_offset(t, t->offsets.items[i], why))
			return -1;
	if (!o->from_given)
		o->from = t->n_files ? CONSUMER_HANDOVER : t->group ? CONSUMER_STORED : CONSUMER_BEGINNING;
	else if (o->from == CONSUMER_STORED)
		o->from_given = false;		/* what the group would do anyway */
	if (o->from == CONSUMER_STORED && !t->group)
		return command_misuse(&t->common, why, "--offset: stored offsets are a group's: -G names it");
	if (o->from == CONSUMER_HANDOVER && !t->n_files)
		return command_misuse(&t->common, why, "--offset: handoff needs a file before the topic");
	/* Where the end has been, nothing may ever come that shows it. */
	o->exits = t->exits || o->until_ms <= wallclock_now() / NS_PER_MS;
	return 0;
}

/* "1000/s", "1000", "0.5/s". */
static int parse_rate(struct replay *t, struct error *why)
{
	const char *text = t->rate_text;
	const size_t len = text ? strlen(text) : 0;
	struct error ignored;
	char *digits;
	int result;

	if (!text)
		return 0;
	digits = alloc_span(text, len > 2 && !strcmp(text + len - 2, "/s") ? len - 2 : len);
	result = number_parse_double(digits, &t->rate, &ignored);
	free(digits);
	if (result || !(t->rate >= 1e-6 && t->rate <= 1e9))
		return command_misuse(&t->common, why, "--rate: \"%s\" is not a number of records a second, 1000/s", text);
	return 0;
}

static int parse_paths(struct replay *t, struct error *why)
{
	if (fieldpath_parse(&t->time_path, t->common.time_path, &t->arena, why))
		return error_prefix(why, "--time");
	if (t->same_by_text && fieldpath_parse(&t->same_by, t->same_by_text, &t->arena, why))
		return error_prefix(why, "--same-by");
	t->until = INT64_MAX;
	if (!t->until_text)
		return 0;
	const enum time_unit unit = t->common.time_unit == TIME_RFC3339 ? TIME_MS : t->common.time_unit;
	return eventtime_parse(t->until_text, unit, wallclock_now(), &t->until, why) ? error_prefix(why, "--until") : 0;
}

/* Files first, then topics of one cluster. */
static int parse_operands(struct replay *t, const struct setup *setup, struct error *why)
{
	size_t n_stdin = 0;

	t->addresses = alloc_zeroed((size_t)setup->argc + 1, sizeof *t->addresses);
	t->topics = alloc_zeroed((size_t)setup->argc + 1, sizeof *t->topics);
	for (int i = 0; i < setup->argc; i++) {
		const char *text = setup->argv[i];
		struct kafka_address *a = &t->addresses[t->n_addresses];
		if (strncmp(text, "kafka:", 6)) {
			if (t->n_addresses)
				return command_misuse(&t->common, why, "%s: stands behind a topic, which never ends: files first", text);
			t->n_files++;
			if (!strcmp(text, "-") && n_stdin++ && t->merges)
				return command_misuse(&t->common, why, "-: is named twice: standard input can be merged with others, not with itself");
			continue;
		}
		if (kafka_address_parse(a, text + 6, why))
			return -1;
		for (size_t k = 0; k < t->n_addresses; k++)
			if (!strcmp(t->topics[k], a->topic)) {
				kafka_address_release(a);
				return command_misuse(&t->common, why, "%s: is named twice", text);
			}
		t->topics[t->n_addresses++] = a->topic;
		if (strcmp(a->brokers ? a->brokers : "", t->addresses[0].brokers ? t->addresses[0].brokers : ""))
			return command_misuse(&t->common, why, "%s: other brokers than the topic before it: one sml-replay each", text);
	}
	t->kafka.brokers = t->addresses[0].brokers;
	t->kafka.topics = t->topics;
	t->kafka.n_topics = t->n_addresses;
	return 0;
}

/* An option that would change nothing is a mistake. */
static int check_use(const struct replay *t, const char *const *operands, struct error *why)
{
	const struct { bool given; const char *name; } live[] = {
		{ t->brokers, "brokers" }, { t->group, "group" }, { t->config, "config" }, { t->properties.n, "property" },
		{ t->offsets.n, "offset" }, { t->partition_list, "partition" }, { t->meta, "meta" }, { t->allows_gap, "allow-gap" },
		{ t->same_by_text, "same-by" }, { t->overlap_ns >= 0, "overlap" }, { t->commit_ns >= 0, "commit" },
	};

	if (t->merges && t->n_addresses)
		return command_misuse(&t->common, why, "--merge: is of files, and kafka:%s is a topic: sml-replay --merge FILE... | "
		    "sml-replay - kafka:%s", t->topics[0], t->topics[0]);
	if (t->common.checkpoint && t->merges)
		return command_misuse(&t->common, why, "--checkpoint: of files one after the other, not side by side (--merge)");
	if (t->common.checkpoint && t->group)
		return command_misuse(&t->common, why, "--group: under a checkpoint partitions are not shared, and it holds their offsets itself");
	if (t->common.shard.of && (t->n_files || !t->n_addresses))
		return command_misuse(&t->common, why, "--shard: divides the partitions of topics, and %s is no topic", t->n_files ? operands[0] : "standard input");
	if (t->common.shard.of && t->partition_list)
		return command_misuse(&t->common, why, "--partition: a shard reads the partitions that are its own (--shard)");
	if (t->merges && !t->n_files)
		return command_misuse(&t->common, why, "--merge: names no files");
	for (size_t i = 0; !t->n_addresses && i < sizeof live / sizeof *live; i++)
		if (live[i].given)
			return command_misuse(&t->common, why, "--%s: needs a topic, kafka:TOPIC", live[i].name);
	if (t->commit_ns >= 0 && !t->group)
		return command_misuse(&t->common, why, "--commit: offsets are committed for a group: -G names it");
	if (t->commit_ns >= 0 && t->commit_ns < COMMIT_LEAST)
		return command_misuse(&t->common, why, "--commit: at least 100ms");
	if ((t->same_by_text || t->overlap_ns >= 0) && t->kafka.from != CONSUMER_HANDOVER)
		return command_misuse(&t->common, why, "--%s: is about the hand-over from files to a topic",
		    t->same_by_text ? "same-by" : "overlap");
	return 0;
}

static int replay_setup(void *tool, struct setup *setup, struct error *why)
{
	struct replay *t = tool;
	char shown[EVENTTIME_SHOW_MAX];

	if (parse_operands(t, setup, why) || parse_partitions(t, why) || parse_offsets(t, why) || parse_rate(t, why) ||
	    parse_paths(t, why) || check_use(t, (const char *const *)setup->argv, why))
		return -1;
	if (t->overlap_ns < 0)
		t->overlap_ns = OVERLAP;
	if (t->commit_ns < 0)
		t->commit_ns = COMMIT;
	t->kafka.kafka = (struct kafka_options){ t->brokers, t->config, t->properties.items, t->properties.n };
	t->kafka.group = t->group;
	t->kafka.shard = t->common.shard.index;
	t->kafka.shards = t->common.shard.of;
	t->kafka.allows_gap = t->allows_gap;
	t->kafka.wants_origin = t->meta;
	t->kafka.checkpointed = t->common.checkpoint;
	t->kafka.intake = (struct intake){ .max_line = t->common.max_line, .refuses_control = true, .retries = t->retries };
	if (t->until != INT64_MAX) {
		eventtime_show(t->until, shown);
		command_tell(&t->common, "--until: event time %s", shown);
	}
	if (t->kafka.from == CONSUMER_TIME) {
		eventtime_show(t->kafka.time_ms * NS_PER_MS, shown);
		command_tell(&t->common, "--offset: messages from %s on", shown);
	}
	setup->n_inputs = 0;
	return t->n_addresses ? consumer_check(&t->kafka, why) : 0;
}

static void replay_defaults(void *tool)
{
	struct replay *t = tool;

	t->overlap_ns = t->commit_ns = -1;
	t->common.interval_ns = INTERVAL;
	t->common.attempts = ATTEMPTS;
}

/* ---- the source ---- */

static void copy_state(struct sequence *s, const struct source *from)
{
	s->source.fd = from->fd;
	s->source.until = from->until;
	s->source.control = from->control;
	s->source.done = from->done;
	s->source.total = from->total;
	s->source.lag = from->lag;
	s->source.drains = from->drains;
}

static void tell_ahead(const struct replay *t, const char *end)
{
	char number[NUMBER_SHOW_MAX], at[EVENTTIME_SHOW_MAX];
	int64_t time;
	const uint64_t n = handover_ahead(t->handover, &time);

	if (!n)
		return;
	eventtime_show(time, at);
	command_note(&t->common, "%s record%s of the files %s ahead of time (%s): the hand-over is where the others end, %s",
	    number_group(n, number), number_s(n), n == 1 ? "is" : "are", at, end);
}

/* After the last line that the hand-over goes by. */
static int resolve_handover(struct replay *t, struct error *why)
{
	char end[EVENTTIME_SHOW_MAX];

	handover_settle(t->handover);
	if (handover_time(t->handover) == EVENTTIME_NONE && !handover_is_empty(t->handover)) {
		t->loop->verdict = EXIT_USAGE;
		return error_set(why, "no line of the files' end has an event time at \"%s\" (-T PATH[:UNIT])", t->common.time_path);
	}
	if (handover_is_empty(t->handover))
		command_note(&t->common, "the files are empty: begins at the topic's beginning");
	else {
		eventtime_show(handover_time(t->handover), end);
		command_tell(&t->common, "the files end at %s%s", end, handover_by_offset(t->handover) ? ", and by their offsets" : "");
		tell_ahead(t, end);
	}
	return consumer_resolve(t->consumer, t->handover, why);
}

static struct handover *new_handover(const struct replay *t)
{
	const struct handover_options o = { .time = &t->time_path, .unit = t->common.time_unit, .overlap_ns = t->overlap_ns,
	    .same_by = t->same_by_text ? &t->same_by : NULL, .max_line = t->common.max_line, .stdin_from = t->stdin_from };
	struct handover *h = handover_new(&o);

	consumer_expect(t->consumer, h);
	return h;
}

/* Where the topics begin, and whether they reach back: before the first line of a file is sent, where that can be known. */
static int prepare_handover(struct replay *t, struct error *why)
{
	int got = 0;

	t->handover = new_handover(t);
	for (size_t i = 0; !got && i < t->n_files; i++)
		if ((got = handover_read(t->handover, t->files[i], why)) < 0)
			return -1;
		else if (got && t->common.checkpoint) {
			t->loop->verdict = EXIT_USAGE;
			return error_set(why, "%s: can't be read ahead: under a checkpoint a packed file before a topic is called by its name",
			    reader_name(t->files[i]));
		} else if (got)
			command_tell(&t->common, "%s can't be read ahead: whether the topic reaches back shows when it has ended",
			    reader_name(t->files[i]));
	if (!got)
		return resolve_handover(t, why);
	handover_free(t->handover);
	t->handover = new_handover(t);
	t->notes = true;
	return 0;
}

static int resolve_topics(struct replay *t, struct error *why)
{
	return t->kafka.from == CONSUMER_HANDOVER ? prepare_handover(t, why) : consumer_resolve(t->consumer, NULL, why);
}

/* Before the first record, where the topics begin; a stop ends the questions. */
static int begin_sequence(struct sequence *s, struct error *why)
{
	struct replay *t = s->replay;

	if (!t->consumer || consumer_is_resolved(t->consumer) || !resolve_topics(t, why))
		return 0;
	s->source.drains = false;
	return consumer_was_cut(t->consumer) ? SOURCE_WAIT : SOURCE_FAILED;
}

/* Not before live reading has begun: until then the place is the files'. */
static void leave_files(struct sequence *s)
{
	if (!s->is_live || !s->files || !consumer_has_begun(s->replay->consumer))
		return;
	s->files->close(s->files);
	s->files = NULL;
}

static int sequence_next(struct source *source, struct record **out, struct error *why)
{
	struct sequence *s = (struct sequence *)source;
	struct replay *t = s->replay;
	int got;

	if (t->common.checkpoint && t->count && t->sent >= (uint64_t)t->count)
		return SOURCE_END;
	if (t->common.checkpoint && (got = begin_sequence(s, why)))
		return got;
	for (;;) {
		struct source *now = s->is_live ? s->live : s->files;
		now->most = source->most;
		got = now->next(now, out, why);
		copy_state(s, now);
		leave_files(s);
		if (got != SOURCE_END || s->is_live || !s->live)
			return got;
		if (t->notes && resolve_handover(t, why)) {
			if (!consumer_was_cut(t->consumer))
				return SOURCE_FAILED;
			source->drains = false;		/* there is nothing more to be had */
			return SOURCE_WAIT;
		}
		s->is_live = true;
	}
}

static int sequence_alive(struct source *source, struct error *why)
{
	struct sequence *s = (struct sequence *)source;
	const int result = s->live->alive(s->live, why);

	if (s->is_live)
		copy_state(s, s->live);
	return result;
}

static int sequence_tell(struct source *source, struct buf *b, struct error *why)
{
	const struct sequence *s = (struct sequence *)source;
	const int result = s->files ? s->files->tell(s->files, b, why) : 0;

	if (result || (s->files && !s->tells_both))
		return result;
	if (!s->files)
		inputs_tell_done(s->replay->files, s->replay->n_files, b);
	return s->live ? s->live->tell(s->live, b, why) : 0;
}

/* Files and topics are there where the position has them. */
static int check_inputs(const struct sequence *s, const struct inputs_position *at, struct error *why)
{
	const char *what = NULL;

	if ((at->n_others || at->done) && !s->live)
		what = "topics were read, and none is given";
	else if (at->n_files && !s->files)
		what = "files were read, and none is given";
	else if (at->done && !at->n_others)
		what = "files are done with, and it has no place in a topic";
	else if (!at->n_files && at->n_others && s->files)
		what = "topics alone were read, and files are given";
	return what ? error_set(why, "the inputs are not those of the checkpoint: %s", what), -2 : 0;
}

static int sequence_seek(struct source *source, const char *json, size_t n, struct error *why)
{
	struct sequence *s = (struct sequence *)source;
	struct inputs_position at;
	int result = inputs_position(json, n, &at, why);

	if (!result)
		result = check_inputs(s, &at, why);
	if (!result && s->files)
		result = s->files->seek(s->files, json, n, why);
	if (!result && at.n_others)
		result = s->live->seek(s->live, json, n, why);
	if (result)
		return result;
	s->tells_both |= at.n_others > 0;
	s->is_live |= at.done;
	if (at.done) {
		s->files->close(s->files);
		s->files = NULL;
		copy_state(s, s->live);
	}
	return 0;
}

static void sequence_close(struct source *source)
{
	struct sequence *s = (struct sequence *)source;

	if (s->files)
		s->files->close(s->files);
	if (s->live)
		s->live->close(s->live);
	s->files = s->live = NULL;
}

static void say(void *tool, bool important, const char *text)
{
	struct replay *t = tool;

	(important ? command_note : command_tell)(&t->common, "%s", text);
}

static int prepare_topics(struct replay *t, bool *skips_files, struct error *why)
{
	int stored = 0;

	t->kafka.loop = t->loop;
	t->kafka.fields = &t->loop->fields;
	t->kafka.tell = say;
	t->kafka.self = t;
	if (!(t->consumer = consumer_new(&t->kafka, why)))
		return -1;
	t->sequence.live = consumer_source(t->consumer);
	if (t->kafka.from == CONSUMER_HANDOVER && !t->kafka.from_given && t->group &&
	    (stored = consumer_stored(t->consumer, why)) < 0)
		return -1;
	if (stored) {
		command_note(&t->common, "group %s has stored offsets: the files are skipped", t->group);
		t->kafka.from = CONSUMER_STORED;
		*skips_files = true;
	}
	t->sequence.tells_both = t->kafka.from != CONSUMER_HANDOVER;
	/* A checkpoint may know better where they begin. */
	return t->common.checkpoint ? 0 : resolve_topics(t, why);
}

static volatile sig_atomic_t leaves_with_summary;

static void leave(int sig)
{
	static const char summary[] = "sml-replay: 0 records, stopped while it waited for brokers\n";

	(void)sig;
	if (leaves_with_summary)
		fd_write(STDERR_FILENO, summary, sizeof summary - 1);
	_exit(EXIT_DONE);
}

/*
 * While brokers and the files' end are asked, nothing has been read, sent or joined, so that a stop has nothing to finish, and the
 * questions can't be cut short otherwise.  In a chain other stages may have; there it is a failure.
 */
static void leave_when_stopped(const struct replay *t)
{
	static const int signals[] = { SIGINT, SIGTERM };
	const struct sigaction action = { .sa_handler = leave };
	struct sigaction old;

	leaves_with_summary = t->common.verbose && !t->common.quiet;
	for (size_t i = 0; t->loop->n_stages == 1 && i < sizeof signals / sizeof *signals; i++)
		if (!sigaction(signals[i], NULL, &old) && old.sa_handler != SIG_IGN)
			sigaction(signals[i], &action, NULL);	/* until the loop begins, which has its own */
}

static void tell_merged(void *tool, const char *name, uint64_t n)
{
	const struct replay *t = tool;
	char number[NUMBER_SHOW_MAX];

	command_note(&t->common, "--merge: %s: %s record%s without an event time at \"%s\" in %s, and none with one: %s at once "
	    "(-T PATH[:UNIT])", name, number_group(n, number), number_s(n), t->common.time_path, eventtime_unit_show(t->common.time_unit),
	    n == 1 ? "it leaves" : "they leave");
}

static struct source *open_files(struct replay *t, struct error *why)
{
	/* A topic behind them says that nothing more comes to the last one. */
	const struct lines_options lines = { .fields = &t->loop->fields, .intake = t->kafka.intake,
		.whole = t->common.checkpoint && !t->n_addresses };

	if (!t->merges)
		return inputs_new(t->files, t->n_files, &lines, why);
	t->time_slot = fields_read(&t->loop->fields, &t->time_path);
	const struct merge_options o = { .lines = lines, .time_slot = t->time_slot, .unit = t->common.time_unit, .tell = tell_merged, .self = t };
	return merge_new(t->files, t->n_files, &o, why);
}

static struct source *replay_source(void *tool, struct loop *loop, const struct setup *setup, struct error *why)
{
	struct replay *t = tool;
	struct sequence *s = &t->sequence;
	bool skips_files = t->n_addresses && !t->n_files;

	t->loop = loop;
	t->files = (const char *const *)setup->argv;
	t->stdin_from = lseek(STDIN_FILENO, 0, SEEK_CUR);
	s->replay = t;
	s->source = (struct source){ .next = sequence_next, .close = sequence_close, .tell = sequence_tell, .seek = sequence_seek,
	    .fd = -1, .until = INT64_MAX, .lag = -1 };
	/* A barrier may come between any two records that are paced, and the last one behind any that is the last. */
	s->source.most = t->common.checkpoint && (t->rate > 0 || t->speed > 0 || t->count || t->until != INT64_MAX);
	/* Files that can't be read are found before brokers that can't be reached. */
	if (!skips_files && !(s->files = open_files(t, why)))
		return NULL;
	if (t->n_addresses)
		leave_when_stopped(t);
	if (t->n_addresses && prepare_topics(t, &skips_files, why)) {
		sequence_close(&s->source);
		return NULL;
	}
	if (skips_files && s->files) {
		s->files->close(s->files);
		s->files = NULL;
	}
	s->is_live = !s->files;
	if (s->live)
		s->source.alive = sequence_alive;
	copy_state(s, s->files ? s->files : s->live);
	return &s->source;
}

/* ---- members ---- */

static const struct name kafka_names[] = {
	NAME("topic"), NAME("partition"), NAME("offset"), NAME("timestamp"), NAME("key"), NAME("keyBase64"), NAME("headers"),
};

static const struct name base64_name = NAME("base64");

static struct value base64_of(struct record *r, const void *bytes, size_t n)
{
	struct buf text = BUF_INIT;
	char *copy;

	json_write_base64(&text, bytes, n);
	copy = record_space(r, text.len + 1);
	if (text.len)
		memcpy(copy, text.data, text.len);
	const struct value v = value_text(copy, text.len);
	buf_release(&text);
	return v;
}

/* A header's value: text; {"base64":...} where it is none; null. */
static struct value header_value(struct record *r, const struct origin_header *h)
{
	struct member *m;

	if (!h->value)
		return value_null();
	if (json_is_utf8(h->value, h->len))
		return value_text(h->value, h->len);
	m = record_space(r, sizeof *m);
	*m = (struct member){ &base64_name, base64_of(r, h->value, h->len) };
	return (struct value){ .type = VALUE_OBJECT, .len = 1, .members = m };
}

/* Headers by name; the values of a name that stands several times are an array. */
static struct value headers_of(struct record *r)
{
	const struct origin *o = r->origin;
	struct member *members = record_space(r, (o->n_headers + 1) * sizeof *members);
	uint32_t n = 0;

	for (size_t i = 0; i < o->n_headers; i++) {
		const char *text = o->headers[i].name;
		size_t before = 0, same = 0;
		for (size_t k = 0; k < o->n_headers; k++) {
			before += k < i && !strcmp(o->headers[k].name, text);
			same += !strcmp(o->headers[k].name, text);
		}
		if (before)
			continue;
		struct name *name = record_space(r, sizeof *name);
		struct value *values = record_space(r, same * sizeof *values);
		uint32_t n_values = 0;
		/* What is not UTF-8 would be no JSON. */
		*name = json_is_utf8(text, strlen(text)) ? json_name(r->arena, text, strlen(text)) : json_name(r->arena, "?", 1);
		for (size_t k = i; k < o->n_headers; k++)
			if (!strcmp(o->headers[k].name, text))
				values[n_values++] = header_value(r, &o->headers[k]);
		members[n++] = (struct member){ name, same == 1 ? values[0] :
		    (struct value){ .type = VALUE_ARRAY, .len = n_values, .items = values } };
	}
	return (struct value){ .type = VALUE_OBJECT, .len = n, .members = members };
}

static struct value meta_of(struct record *r)
{
	const struct origin *o = r->origin;
	struct member *m = record_space(r, 6 * sizeof *m);
	const bool is_text = o->key && json_is_utf8(o->key, o->key_len);

	m[0] = (struct member){ &kafka_names[0], value_text(o->topic, strlen(o->topic)) };
	m[1] = (struct member){ &kafka_names[1], value_integer(o->partition) };
	m[2] = (struct member){ &kafka_names[2], value_integer(o->offset) };
	m[3] = (struct member){ &kafka_names[3], o->timestamp_ms < 0 ? value_null() : value_integer(o->timestamp_ms) };
	m[4] = !o->key ? (struct member){ &kafka_names[4], value_null() } :
	    is_text ? (struct member){ &kafka_names[4], value_text(o->key, o->key_len) } :
	    (struct member){ &kafka_names[5], base64_of(r, o->key, o->key_len) };
	m[5] = (struct member){ &kafka_names[6], headers_of(r) };
	return (struct value){ .type = VALUE_OBJECT, .len = 6, .members = m };
}

static void add_members(struct replay *t, struct record *r, int64_t now_us)
{
	if ((!t->arrival && !(t->meta && r->origin)) || !record_values(r))
		return;
	if (t->meta && r->origin)
		record_add(r, t->meta_member, meta_of(r));
	if (t->arrival)
		record_add(r, t->arrival_member, value_integer(now_us));
}

/* ---- pace ---- */

/* Where no record has one, --until stops nothing and --speed waits for nothing. */
static void tell_timeless(const struct replay *t)
{
	char number[NUMBER_SHOW_MAX];

	command_note(&t->common, "--%s: %s record%s without an event time at \"%s\" in %s, and none with one (-T PATH[:UNIT])",
	    t->speed > 0 ? "speed" : "until", number_group(t->n_timeless, number), number_s(t->n_timeless), t->common.time_path,
	    eventtime_unit_show(t->common.time_unit));
}

static int64_t event_time(struct replay *t, struct record *r)
{
	const struct value *v = record_values(r);
	struct error ignored;
	int64_t ns;

	if (!v)
		return EVENTTIME_NONE;
	if (value_is_null(v[t->time_slot]) || eventtime_from(v[t->time_slot], t->common.time_unit, &ns, &ignored)) {
		if (!t->met_time && ++t->n_timeless == TIMELESS)
			tell_timeless(t);
		return EVENTTIME_NONE;
	}
	t->met_time = true;
	return ns;
}

/* When a record is to leave; a record without a time goes with the one before it. */
static int64_t due_at(struct replay *t, struct record *r, int64_t now)
{
	int64_t due = now, event;

	if (t->rate > 0) {
		if (t->due < now - BEHIND_NS)
			t->due = now;
		due = t->due;
		t->due += (int64_t)((double)NS_PER_S / t->rate);
	}
	if (t->speed > 0 && (event = event_time(t, r)) != EVENTTIME_NONE) {
		if (t->first_event == EVENTTIME_NONE) {
			t->first_event = event;
			t->first_at = now;
		}
		const double ns = ((double)event - (double)t->first_event) / t->speed;
		const int64_t at = ns > 9e18 ? INT64_MAX : ns < 0 ? t->first_at : t->first_at + (int64_t)ns;
		due = at > due ? at : due;
	}
	return due;
}

/* The record in hand is not of an epoch that ends while it waits. */
static void hold(struct replay *t, bool yes)
{
	if (t->sequence.files)
		t->sequence.files->holds = yes;
}

/* A checkpoint may have something to do before these leave. */
static int announce(struct replay *t, struct record *first, struct error *why)
{
	struct protocol *p = t->loop->protocol;

	if (!p)
		return 0;
	hold(t, true);
	const int result = p->sends(p, first, why);
	hold(t, result != 0);
	return result;
}

/* Records of the batch by their place in it, which is what the consumer counts by. */
struct batch { struct record *record[BATCH_MAX]; size_t place[BATCH_MAX], n, left; };	/* left: of these have gone on */

static int pass(struct replay *t, struct batch *b, size_t from, size_t to, struct next *next, struct error *why)
{
	const size_t behind = b->place[to - 1] + 1;
	int result = announce(t, b->record[from], why);

	if (result)
		return result;
	result = next_pass(next, b->record + from, to - from, why);
	t->sent += to - from;
	b->left = to;
	loop_stage(t->loop, t)->tally.records += to - from;
	if (!result && t->sequence.is_live)
		consumer_passed(t->consumer, behind);
	return result;
}

static int pass_paced(struct replay *t, struct batch *b, struct next *next, struct error *why)
{
	int64_t due[BATCH_MAX], now = wallclock_monotonic();
	int result = 0;

	for (size_t i = 0; i < b->n; i++)
		due[i] = due_at(t, b->record[i], now);
	for (size_t from = 0, to; !result && from < b->n; from = to) {
		now = wallclock_monotonic();
		for (to = from; to < b->n && due[to] <= now; to++)
			;
		if (to > from)
			result = pass(t, b, from, to, next, why);
		else {
			/* A stop ends the run here: what has not left is not sent. */
			hold(t, true);
			result = loop_sleep(t->loop, t->rate * NAP_NS > NS_PER_S && due[from] < now + NAP_NS ? now + NAP_NS : due[from], why);
			hold(t, result != 0);
		}
	}
	return result;
}

/* ---- records ---- */

static void report(struct replay *t, bool at_end)
{
	struct buf text = BUF_INIT;

	if (consumer_report(t->consumer, at_end, &text))
		command_note(&t->common, "%s", buf_text(&text));
	buf_release(&text);
}

static bool is_past(struct replay *t, struct record *r)
{
	const int64_t event = t->until == INT64_MAX ? EVENTTIME_NONE : event_time(t, r);

	return event != EVENTTIME_NONE && event >= t->until;
}

/* Which records of the batch go on.  True: enough after these. */
static bool pick(struct replay *t, struct record **r, size_t n, struct batch *b)
{
	const bool live = t->sequence.is_live;
	const int64_t now_us = t->arrival ? wallclock_now() / 1000 : 0;

	b->n = b->left = 0;
	for (size_t i = 0; i < n; i++) {
		if (live && (consumer_ended(t->consumer, i) || consumer_drops(t->consumer, i, r[i]->line, r[i]->len)))
			continue;
		if (is_past(t, r[i])) {
			hold(t, true);
			if (!live)
				return true;
			consumer_end_partition(t->consumer, i);
			continue;
		}
		if (t->merges)
			record_values(r[i]);	/* what is no JSON was left as it is */
		add_members(t, r[i], now_us);
		b->record[b->n] = r[i];
		b->place[b->n++] = i;
		if (t->count && t->sent + b->n == (uint64_t)t->count)
			return true;
	}
	return false;
}

/* What does not leave is not counted, and an error record that nobody sees is none. */
static void discount(struct tally *tally, struct record **r, size_t n, const struct batch *b)
{
	for (size_t i = 0, k = 0; i < n; i++) {
		if (k < b->left && b->place[k] == i) {
			k++;
			continue;
		}
		if (r[i]->kind != RECORD_ERROR)
			continue;
		if (r[i]->failed_by == tally) {
			tally->n_errors--;
			tally->errors[r[i]->error]--;
		} else
			tally->passed--;
	}
}

static int replay_records(void *tool, struct record **r, size_t n, struct next *next, struct error *why)
{
	struct replay *t = tool;
	const bool live = t->sequence.is_live;
	struct batch b;
	int result;

	if (!live && !t->reads && !(t->loop->protocol && t->loop->protocol->careful)) {
		t->sent += n;
		result = announce(t, r[0], why);
		return result ? result : next_pass(next, r, n, why);
	}
	for (size_t i = 0; t->notes && !live && i < n; i++)
		handover_note(t->handover, r[i]->line, r[i]->len);
	struct tally *tally = &loop_stage(t->loop, t)->tally;
	tally->records -= n;		/* counted when they leave */
	const bool enough = pick(t, r, n, &b);
	result = !b.n ? 0 : t->rate > 0 || t->speed > 0 ? pass_paced(t, &b, next, why) : pass(t, &b, 0, b.n, next, why);
	discount(tally, r, n, &b);
	if (result)
		return result;
	if (live) {
		if (!enough)
			consumer_passed(t->consumer, n);
		report(t, false);
	}
	return enough;
}

/* ---- start, commits, end ---- */

static void farewell_run(struct service *service, int64_t now)
{
	if (now == INT64_MAX)
		consumer_leave(((struct farewell *)service)->consumer);
}

static int replay_start(void *tool, struct loop *loop, struct error *why)
{
	struct replay *t = tool;

	t->reads = t->merges || t->notes || t->count || t->until != INT64_MAX || t->rate > 0 || t->speed > 0 || t->arrival;
	t->first_event = EVENTTIME_NONE;
	if (t->until != INT64_MAX || t->speed > 0)
		t->time_slot = fields_read(&loop->fields, &t->time_path);
	if ((t->meta && !(t->meta_member = fields_add(&loop->fields, "_kafka"))) ||
	    (t->arrival && !(t->arrival_member = fields_add(&loop->fields, "_in"))))
		return error_set(why, "too many added members");
	t->commit_due = wallclock_monotonic() + t->commit_ns;
	if (t->consumer) {
		t->farewell = (struct farewell){ { .run = farewell_run, .due = INT64_MAX }, t->consumer };
		loop_add_service(loop, &t->farewell.service);
	}
	return 0;
}

static int64_t replay_deadline(void *tool)
{
	const struct replay *t = tool;

	return t->group && t->sequence.is_live ? t->commit_due : INT64_MAX;
}

static int replay_tick(void *tool, int64_t now, struct next *next, struct error *why)
{
	struct replay *t = tool;

	(void)next;
	t->commit_due = now + t->commit_ns;
	if (loop_settle(t->loop, why))
		return -1;
	consumer_commit(t->consumer);
	return 0;
}

static int replay_finish(void *tool, enum end how, struct next *next, struct error *why)
{
	struct replay *t = tool;

	(void)how;
	(void)next;
	(void)why;
	if (t->consumer && t->sequence.is_live)
		report(t, true);
	if (t->common.checkpoint && t->sequence.files && inputs_torn(t->sequence.files))
		command_note(&t->common, "%zu bytes at the end of the last file are no whole line: they are left for the next run",
		    inputs_torn(t->sequence.files));
	if (!t->met_time && t->n_timeless && t->n_timeless < TIMELESS)
		tell_timeless(t);
	return 0;
}

static const char *same_by_of(const struct replay *t)
{
	return t->same_by_text ? t->same_by_text : "";
}

/* How many records have been sent: -c counts them over all runs of a checkpoint. */
static int replay_save(void *tool, struct snapshot_writer *w, struct error *why)
{
	const struct replay *t = tool;
	struct buf sent = BUF_INIT;

	(void)why;
	snapshot_put_varint(&sent, t->sent);
	snapshot_section(w, "sent", 4);
	snapshot_row(w, "", 0, sent.data, sent.len);
	buf_release(&sent);
	/* While the files are read their end is found again. */
	if (t->consumer && (!t->sequence.files || t->sequence.tells_both) && consumer_save(t->consumer, w)) {
		snapshot_section(w, "same-by", 7);
		snapshot_row(w, "", 0, same_by_of(t), strlen(same_by_of(t)));
	}
	return 0;
}

static bool is_section(const struct snapshot_reader *r, const char *name)
{
	return r->section_len == strlen(name) && !memcmp(r->section, name, r->section_len);
}

static int restore_row(struct replay *t, const struct snapshot_reader *row, struct error *why)
{
	struct snapshot_bytes in = { (const unsigned char *)row->value, (const unsigned char *)row->value + row->value_len, false };

	if (is_section(row, "sent"))
		t->sent = snapshot_get_varint(&in);
	if (is_section(row, "same-by") && (strlen(same_by_of(t)) != row->value_len || memcmp(same_by_of(t), row->value, row->value_len)))
		return error_set(why, "the hand-over goes on, with --same-by as it was: %.*s", row->value_len ? (int)row->value_len : 4,
		    row->value_len ? row->value : "none");
	if (!t->consumer)
		return 0;
	if (is_section(row, "topics") && !t->handover)
		t->handover = new_handover(t);
	return consumer_restore(t->consumer, t->handover, row, why);
}

static int replay_restore(void *tool, struct snapshot_reader *reader, struct error *why)
{
	struct replay *t = tool;
	int item;

	while ((item = snapshot_next(reader, why)) == SNAPSHOT_SECTION || item == SNAPSHOT_ROW)
		if (item == SNAPSHOT_ROW && restore_row(t, reader, why))
			return -1;
	return item == SNAPSHOT_END ? 0 : -1;
}

static int replay_commit(void *tool, enum end how, struct error *why)
{
	struct replay *t = tool;

	(void)how;
	return t->group && t->sequence.is_live ? consumer_commit_last(t->consumer, why) : 0;
}

static void replay_metrics(void *tool, struct metrics *m)
{
	struct replay *t = tool;
	struct consumer_counts c;

	if (!t->consumer)
		return;
	c = consumer_counts(t->consumer);
	stats_add(m, "messages_total", "counter", "Messages taken from topics.", NULL, (double)c.records);
	stats_add(m, "duplicates_total", "counter", "Messages dropped because the files held them.", NULL, (double)c.duplicates);
	stats_add(m, "tombstones_total", "counter", "Messages without a value.", NULL, (double)c.tombstones);
	stats_add(m, "blank_total", "counter", "Messages whose value is blank.", NULL, (double)c.blanks);
	stats_add(m, "commits_total", "counter", "Times that offsets were committed.", NULL, (double)c.commits);
}

static void replay_summary(void *tool, struct buf *out)
{
	struct replay *t = tool;
	struct consumer_counts c;
	char number[NUMBER_SHOW_MAX];

	if (!t->consumer)
		return;
	c = consumer_counts(t->consumer);
	const struct { uint64_t n; const char *what, *more; } rows[] = {
		{ c.records, "message", " from topics" }, { c.duplicates, "duplicate", " suppressed" }, { c.tombstones, "tombstone", "" },
		{ c.blanks, "blank message", "" }, { c.commits, "commit", " of offsets" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (rows[i].n || !i)
			buf_format(out, "%14s  %s%s%s\n", number_group(rows[i].n, number), rows[i].what, number_s(rows[i].n), rows[i].more);
}

static void replay_release(void *tool)
{
	struct replay *t = tool;

	sequence_close(&t->sequence.source);
	handover_free(t->handover);
	for (size_t i = 0; i < t->n_addresses; i++)
		kafka_address_release(&t->addresses[i]);
	free(t->addresses);
	free(t->topics);
	free(t->partitions);
	arena_release(&t->arena);
}

static const struct opt replay_options[] = {
	OPT_BROKERS(struct replay, brokers),
	OPT_TEXT('G', "group", "NAME", struct replay, group, "consumer group: offsets are stored, partitions shared"),
	OPT_LIST('o', "offset", "WHERE", struct replay, offsets, "beginning end stored handoff N -N @TIME s@MS e@MS"),
	OPT_FLAG('e', "exit", struct replay, exits, "stop at the end that topics have when live reading begins"),
	OPT_INTEGER('c', "count", "N", struct replay, count, 1, 9e15, "stop after N records, of files too"),
	OPT_TEXT('p', "partition", "LIST", struct replay, partition_list, "these partitions alone: 0,2-5"),
	OPT_PROPERTY(struct replay, properties),
	OPT_CONFIG(struct replay, config),
	OPT_TEXT(0, "until", "TIME", struct replay, until_text, "stop where event time reaches TIME"),
	OPT_DURATION(0, "overlap", "D", struct replay, overlap_ns, "how far a topic is read before the files' end (60s)"),
	OPT_TEXT(0, "same-by", "PATH", struct replay, same_by_text, "records with this value in common are the same (default: equal bytes)"),
	OPT_FLAG(0, "allow-gap", struct replay, allows_gap, "go on where a topic no longer reaches back"),
	OPT_DURATION(0, "commit", "D", struct replay, commit_ns, "how often a group's offsets are stored (10s)"),
	OPT_FLAG(0, "merge", struct replay, merges, "files side by side, in order of event time"),
	OPT_TEXT(0, "rate", "N/s", struct replay, rate_text, "at most N records a second"),
	OPT_NUMBER(0, "speed", "X", struct replay, speed, 1e-6, 1e9, "by event time, X times as fast as it happened"),
	OPT_FLAG(0, "meta", struct replay, meta, "add _kafka: topic, partition, offset, timestamp, key, headers"),
	OPT_FLAG(0, "arrival", struct replay, arrival, "add _in: when it was read, microseconds since the epoch"),
	OPT_FLAG(0, "retry", struct replay, retries, "error records become their originals again"),
	OPT_DURATION(0, "interval", "D", struct replay, common.interval_ns, "between two barriers of a checkpoint (200ms)"),
	OPT_INTEGER(0, "attempts", "N", struct replay, common.attempts, 0, 1000, "runs that may die at one place; then the record is found (3; 0: any)"),
	OPT_CHOICE(0, "on-poison", "stop|route", struct replay, common.on_poison, "a record that kills stops the pipeline (3), or becomes an error record"),
	CHECKPOINT_OPTIONS(struct replay),
	COMMON_OPTIONS(struct replay),
	OPT_END
};

const struct command replay_command = {
	.name = "sml-replay",
	.purpose = "replay files, then live records from Kafka, without a gap",
	.usage = "[options] [FILE | - | kafka:TOPIC]...",
	.examples = (const char *const[]){
		"sml-replay history.jsonl.gz kafka:purchases | sml-features purchases.features",
		"sml-replay -G scoring kafka://broker:9092/purchases | sml-classify -m model.json",
		"sml-replay --retry dead-letter.jsonl", NULL },
	.daily = (const char *const[]){ "brokers", "group", "offset", "exit", "count", "until", "merge", "rate", "speed", "meta", "retry", NULL },
	.options = replay_options,
	.size = sizeof(struct replay),
	.checkpoints = true,
	.defaults = replay_defaults,
	.setup = replay_setup,
	.source = replay_source,
	.tool = { .name = "replay", .start = replay_start, .records = replay_records, .deadline = replay_deadline, .tick = replay_tick,
	    .save = replay_save, .restore = replay_restore, .finish = replay_finish, .commit = replay_commit, .metrics = replay_metrics, .summary = replay_summary },
	.release = replay_release,
	.parts = kafka_parts,
};
