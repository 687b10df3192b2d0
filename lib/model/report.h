/* SPDX-License-Identifier: MIT */
/*
 * report.h - what training and evaluation print: tables for people, one line of JSON for programs.
 */
#ifndef MODEL_REPORT_H
#define MODEL_REPORT_H

#include "base/buf.h"
#include "model/labels.h"
#include "model/metrics.h"
#include "model/solver.h"

/* The table of steps: its head, and a line per step; the objective is per unit of weight, penalties included. */
void report_head(struct buf *);
void report_part(struct buf *, const char *label);	/* of one-vs-rest: the steps that follow are this label's */
void report_step(struct buf *, const struct problem *, unsigned step, double objective, double gradient);

/* A row per figure, a column for the training rows and, not NULL, one for those held out. */
void report_quality(struct buf *, const struct quality *training, const struct quality *held_out);

/* What is judged: all of it borrowed, NULL: none. */
struct report_subject {
	const char *group, *shadow, *positive;
	const struct labels *labels;
};

/* {"by":"A","shadow":"new","rows":1000,"positive":"HIGH_VALUE","loss":...}, LF.  What is not defined is null. */
void report_json(struct buf *, const struct report_subject *, const struct quality *);

#endif
