/* SPDX-License-Identifier: MIT */
/*
 * stats.h - counters of a stage as a Prometheus textfile.
 *
 * Format: Prometheus text exposition 0.0.4, no timestamps; written to a temporary in the same folder and renamed.  Names:
 * sml_<tool>_<name>.  Labels: pipeline, stage, shard where set.
 */
#ifndef STREAM_STATS_H
#define STREAM_STATS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"

struct loop;
struct stage;

/* What a tool's `metrics` hook writes to. */
struct metrics {
	struct buf text;
	const char *tool;		/* "features" */
	const char *labels;		/* 'stage="features"', never empty */
};

/* kind: "counter" or "gauge".  `extra`: further labels ('rule="vip"') or NULL.  HELP and TYPE come once per name. */
void stats_add(struct metrics *, const char *name, const char *kind, const char *help, const char *extra, double value);

/* name="value" with what a label must escape; a comma before it unless it is the first. */
void stats_label(struct buf *, const char *name, const char *value);

/* The common samples of a stage and the tool's own. */
void stats_render(struct metrics *, const struct loop *, const struct stage *);

/* Replaces FILE whole, without fsync: it is rewritten every second.  A failure to write is the caller's to report, once. */
int stats_write(const char *path, const struct loop *, const struct stage *, struct error *why);

#endif
