/* SPDX-License-Identifier: MIT */
/*
 * scorer.h - a model at work on records: from their values to the members that say what it makes of them.
 *
 * What all records have in common (the model in use, texts rendered once) is in the scorer; what changes with every record is in a
 * bench, of which each thread has its own.  A bench takes in the records of a batch one by one, scores them together, and then says what
 * it has found of each.  Knows no options, no files but through model/live, and no other model beside its own.
 */
#ifndef FEATURE_SCORER_H
#define FEATURE_SCORER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "feature/encode.h"
#include "model/bands.h"
#include "model/live.h"
#include "stream/record.h"
#include "stream/source.h"

/* What a scorer says of a record, in this order. */
enum scorer_member {
	SCORER_CLASSIFICATION, SCORER_PROBABILITY, SCORER_PROBABILITIES, SCORER_PREDICTION, SCORER_MODEL, SCORER_CONTRIBUTIONS, SCORER_PATH,
	SCORER_MEMBERS
};

extern const char *const scorer_member_names[SCORER_MEMBERS];

/* For all models alike. */
struct scorer_options {
	const struct bands *bands;	/* n 0: the model's labels */
	double threshold;		/* below 0: the model's */
	bool contributions;
};

/* A text that many records get, rendered once. */
struct scorer_text { struct value value; const char *json; size_t len; };

/* An input in messages; what is weighed with 0 does not count: nobody need give it. */
struct scorer_input { const char *name; bool counts; };

struct scorer {
	const struct scorer_options *options;
	const char *name;		/* of a variant or a shadow; "": the only model */
	struct live *live;
	const struct model *model;	/* in use */
	struct scorer_text id, *labels;	/* labels: of the bands, or of the model */
	struct name *label_names, *terms;	/* of probabilities; of contributions */
	struct scorer_input *inputs;	/* they outlive the model */
	size_t n_inputs;
	struct arena rendered;
};

/* The model in use is another one, or the first.  Benches begin again, too. */
void scorer_use(struct scorer *);
void scorer_release(struct scorer *);

/* 0, or -1 and why the options cannot be used with a model. */
int scorer_suits(const struct scorer_options *, const struct model *, struct error *why);

struct scorer_bench {
	struct encoder *encoder;
	double *x, *scores;		/* of the records taken in, row by row; margins are not kept */
	size_t n;
	struct record *records[BATCH_MAX];
};

/* For the model in use; the encoder is for its schema, and becomes the bench's. */
void scorer_bench_start(struct scorer_bench *, const struct scorer *, struct encoder *);
void scorer_bench_release(struct scorer_bench *);

/* Takes in a record whose inputs are there; else says what is wrong. */
enum encode_result scorer_take(struct scorer_bench *, const struct scorer *, struct record *, const struct value *slots, struct encode_fault *);

/* Scores what has been taken in. */
void scorer_score(struct scorer_bench *, const struct scorer *);

/* Whether all scores of the i-th record are finite. */
bool scorer_is_finite(const struct scorer_bench *, const struct scorer *, size_t i);

/* Its probability (of the positive label, or of the one that it is given) or prediction. */
double scorer_value(const struct scorer_bench *, const struct scorer *, size_t i);

/* What is said of it, in order: values that live as long as the record, with their texts where these are rendered (json NULL: not).
 * How many. */
struct scorer_said { enum scorer_member member; struct scorer_text text; };
size_t scorer_say(const struct scorer_bench *, const struct scorer *, size_t i, struct scorer_said said[SCORER_MEMBERS]);

#endif
