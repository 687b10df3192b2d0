/* SPDX-License-Identifier: MIT */
/*
 * sink.h - where records go: a descriptor, a file, a topic, a file that is replaced, nowhere.
 *
 * Knows bytes and what a record offers for a key and a time, no rules.  One kind a row (sink_kinds), one file a kind.
 * A sink that stops reading blocks (backpressure); one that fails ends the run unless sink_options say otherwise.
 */
#ifndef SINK_SINK_H
#define SINK_SINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/value.h"
#include "stream/filter.h"
#include "stream/transaction.h"

/* What one record's delivery may need beside its bytes. */
struct parcel {
	const char *line;		/* without LF */
	size_t len;
	int64_t event_time;		/* ns; EVENTTIME_NONE: not known */
	struct value key;		/* VALUE_MISSING: none */
	bool is_error;			/* an error record */
};

struct sink_options {
	struct loop *loop;
	bool truncates;			/* --truncate: a path starts anew */
	bool drops_on_close;		/* --on-closed=drop */
	bool oversize_is_error;		/* --oversize=error */
	const struct kafka_options *kafka;
	struct sink_pool *pool;		/* producers, shared by the topics of one cluster */
};

struct kafka_options;
struct producer;
struct sink;

#define SINK_PRODUCERS 8

struct sink_pool {
	struct producer *producers[SINK_PRODUCERS];
	size_t n;
	struct transaction *transaction;	/* all topics' records are of it, on one cluster; NULL: none */
};

/* After all sinks are closed. */
void sink_pool_release(struct sink_pool *);

struct sink_kind {
	const char *scheme;		/* "kafka:"; the first whose scheme or test fits takes the destination */
	const char *help;
	bool (*is)(const char *dest);	/* where there is no scheme; NULL */
	int (*check)(const char *dest, struct error *why);	/* of its text alone, without its scheme; NULL: nothing to tell */
	/* The destination without its scheme.  Opens it, checks all that can be told before data.  -1: failed, -2: wrong usage. */
	int (*open)(struct sink *, const char *dest, const struct sink_options *, struct error *why);
	int (*put)(struct sink *, const struct parcel *, struct error *why);
	int (*flush)(struct sink *, struct error *why);		/* before a wait; must not wait.  NULL: nothing to do */
	int (*settle)(struct sink *, struct error *why);	/* waits until all is delivered.  NULL: close does it */
	int (*close)(struct sink *, bool clean, struct error *why);	/* everything out; then frees.  Not clean: drops */
	bool wants_time, wants_key;
};

struct sink {
	const struct sink_kind *kind;
	const char *dest;		/* whole, as the user wrote it; borrowed */
	struct loop *loop;
	void *self;			/* the kind's own */
	uint64_t records, dropped;
	uint64_t ahead;			/* records whose event time was ahead of the clock, so that they went with another one */
	int fd;				/* to watch: readable when flush has something to do; -1: none */
	/*
	 * Lines that came back as too large (--oversize=error), to be routed anew when no record is under way: pairs of a
	 * message and a line, each behind its length (size_t).
	 */
	struct buf returned;
	bool wants_time, wants_key;	/* what parcels must carry */
	char leads_to[160];		/* for -v */
};

extern const struct sink_kind *const sink_kinds[];	/* ends with NULL */

/*
 * Whether two destinations lead to the same place: "3" and "fd:3", two descriptors of one pipe, two names of one file.
 * They need one sink: two would write into each other's lines.
 */
bool sink_same(const char *a, const char *b);

/* `dest` is standard output ("-", "1", "fd:1", another descriptor of it), which is the caller's. */
bool sink_is_stdout(const char *dest);

/* What can be told from the text: an unknown field in a path, a scheme that is nearly one or none.  Opens nothing.  -1 with
 * a sentence that need not name the destination. */
int sink_check(const char *dest, struct error *why);

/* -1 with a sentence; the status is 2 where a retry cannot help (*usage). */
int sink_open(struct sink *, const char *dest, const struct sink_options *, bool *usage, struct error *why);

static inline int sink_put(struct sink *s, const struct parcel *p, struct error *why)
{
	s->records++;
	return s->kind->put(s, p, why);
}

int sink_flush(struct sink *, struct error *why);
int sink_settle(struct sink *, struct error *why);

/* Takes the lines that came back, one by one: 1 and a line, 0 none left.  Both are borrowed until the next call on the sink. */
struct sink_return { const char *message, *line; size_t message_len, len, at; };
int sink_returned(struct sink *, struct sink_return *);
void sink_return_add(struct sink *, const char *message, const void *line, size_t len);

int sink_close(struct sink *, bool clean, struct error *why);

#endif
