/* SPDX-License-Identifier: MIT */
/*
 * attempts.h - runs that die at the same place of the input again and again, and the search for the record that kills them.
 *
 *	DIR/attempts	{"records":1000,"deaths":0,"run":"18f3...","suspects":[{"source":"in.jsonl","from":"1012","to":"1012","deaths":2},...],
 *			"sent":[{"source":"in.jsonl","from":"1012","to":"1012"}]}: replaced whole, by the source, before what it tells of is sent
 *
 * `records` of the input had been committed when `deaths` runs, which had sent records from there on, died without a word; `run` is at
 * it now, and has died too where the next one still finds it.  After so many deaths as are allowed a run is careful: it sends small
 * epochs, and a record behind one only when that is committed.  So what kills is among the lines (of a topic: offsets) of the epoch
 * that is open, `sent`.  They become suspects, which the next run sends in epochs of a 32nd of them, and so on down to single
 * records: group testing by narrowing, after Dorfman, "The detection of defective members of large populations", 1943.  A record that
 * has been the only one under way at as many deaths as are allowed is a poison record.  What has been committed has shown that it is
 * harmless, and when no suspect is left all is as before.
 *
 * No run counts that could say why it failed: a disk was full, a broker away.  Whoever hears of the reason, sink or source, takes it
 * out (attempts_explain).  And before a careful run sends its first record, an epoch without any has to come through.
 *
 * Knows places of records and this file; no records and no barriers.
 */
#ifndef CHECKPOINT_ATTEMPTS_H
#define CHECKPOINT_ATTEMPTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct attempts;

/* `most` deaths are allowed; 0: any number, and nothing is noted.  The directory is borrowed. */
struct attempts *attempts_new(const char *dir, uint64_t most);
void attempts_free(struct attempts *);

/* So many records are committed, and a run begins: learns from what the last one has left.  -1. */
int attempts_begin(struct attempts *, uint64_t records, const char *run, struct error *why);

/* Whether each record has to be judged, alone in its batch and with no barrier under way. */
bool attempts_is_careful(const struct attempts *);

enum attempts_verdict {
	ATTEMPTS_SEND,
	ATTEMPTS_BARRIER,	/* the open epoch has to be committed first */
	ATTEMPTS_POISON,	/* this record kills */
	ATTEMPTS_DEADLY,	/* ... also as the error record that it became */
};
enum attempts_verdict attempts_judge(const struct attempts *, const char *source, uint64_t line);

/* How many runs have died with this record alone under way. */
uint64_t attempts_deaths(const struct attempts *, const char *source, uint64_t line);

/* A record leaves now; what has to be known of it should the run die is durable when this returns.  0 or -1. */
int attempts_send(struct attempts *, const char *source, uint64_t line, struct error *why);

/* All that was sent before the last barrier has been committed, so many records in all. */
void attempts_committed(struct attempts *, uint64_t records);

/* The input has ended: suspects that have not come are none.  0 or -1. */
int attempts_exhaust(struct attempts *, struct error *why);

/* By sink or source: their run ends for a reason that is no record; by the sink: it has committed all of it.  The reason may be a full
 * disk: these never fail. */
void attempts_explain(const char *dir, const char *run);
void attempts_end(const char *dir, const char *run);

#endif
