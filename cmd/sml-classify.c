/* SPDX-License-Identifier: MIT */
/*
 * sml-classify - load models; add score and label to each record; take new models while running.
 *
 * Knows neither how a record becomes a vector nor a model's maths.  A record is scored by one model: the only one, or that of its
 * variant; every shadow scores it as well, and changes nothing.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/number.h"
#include "base/snapshot.h"
#include "base/wallclock.h"
#include "cli/command.h"
#include "feature/key.h"
#include "feature/scorer.h"
#include "feature/split.h"
#include "json/write.h"
#include "model/kept.h"
#include "stream/nest.h"
#include "stream/stats.h"

#define LOOK_NS (200 * NS_PER_MS)	/* between two looks at the models' files */
#define TOLERANCE 1e-9			/* of --verify */
#define MISSING_FROM 100		/* records: of a few, each may well lack an input */
#define MISSING_SERIES 100		/* inputs: a model of more has one sum among its metrics */
#define NAMES_MAX 300			/* bytes of names in one message */

/* A model at its work: the only one, a variant, or a shadow. */
struct role {
	struct scorer scorer;
	struct name name;		/* of the variant or shadow */
	struct scorer_text text;	/* the name as a value */
	bool misfit_told;
};

/* What scores differ from those that records bring (--verify). */
struct verified {
	uint64_t n, absent, different;
	double worst;
	char worst_place[256];
};

/* What work on records changes: the tool's own, and with -j one for each part of the work, joined to it in the order of records. */
struct part {
	const struct classify *classify;
	struct scorer_bench *benches;	/* per role */
	struct nest nest;
	struct verified verified;
	struct buf scratch;
	struct part *next;
};

struct classify {
	struct common common;
	struct opt_list models, shadows;
	const char *bands_text, *nest_name, *split_text, *inputs_text, *labels_text;
	double threshold;			/* below 0: the model's */
	bool contributions, verify, check, explain;

	struct arena arena;
	struct bands bands;			/* n 0: none */
	struct scorer_options options;
	struct naming names;
	struct split split;			/* n 0: one model scores all */
	struct fieldpath split_by;

	struct name names_said[SCORER_MEMBERS];	/* of what a shadow says */

	struct role *roles;			/* those that score, then the shadows */
	size_t n_scoring, n_roles;
	struct part own, *parts;

	struct loop *loop;
	int64_t next_look;
	struct buf kept;			/* ids of the models that the checkpoint has; empty: none's */

	const struct added *members[SCORER_MEMBERS], *variant, *shadow;	/* NULL: never added */
	int probability_slot, prediction_slot, split_slot;
};

static void warn(const struct classify *c, const char *text, const char *rest)
{
	dprintf(STDERR_FILENO, "%s: %s%s\n", c->common.command->name, text, rest);
}

/* ---- setting up ---- */

static void classify_defaults(void *tool)
{
	struct classify *c = tool;

	c->threshold = -1;
	c->own.classify = c;
}

static int suits(void *tool, const struct model *m, struct error *why)
{
	return scorer_suits(&((struct classify *)tool)->options, m, why);
}

static void explain(const struct classify *c)
{
	struct buf b = BUF_INIT;
	char p[NUMBER_SHOW_MAX];

	for (size_t i = 0; i < c->n_roles; i++) {
		const struct scorer *s = &c->roles[i].scorer;
		if (*s->name)
			buf_format(&b, "%s%s %s\n", i ? "\n" : "", i < c->n_scoring ? "variant" : "shadow", s->name);
		model_show(live_model(s->live), &b);
	}
	if (c->bands.n || c->threshold >= 0)
		buf_add_text(&b, "options\n");
	for (size_t i = 0; i < c->bands.n; i++) {
		number_show(c->bands.bands[i].from, p);
		buf_format(&b, "  classification = %.*s if probability >= %s\n", (int)c->bands.bands[i].name.len, c->bands.bands[i].name.text, p);
	}
	if (c->threshold >= 0) {
		number_show(c->threshold, p);
		buf_format(&b, "  -t: the threshold is %s\n", p);
	}
	fwrite(b.data, 1, b.len, stdout);	/* command.c looks at stdout's state */
	buf_release(&b);
}

static void tell_model(const struct classify *c, const struct scorer *s)
{
	const struct model *m = live_model(s->live);

	command_tell(&c->common, "%s: model %s (%s, %zu input%s)", live_path(s->live), m->id, model_kind_names[m->kind], m->schema.n,
	    number_s(m->schema.n));
	if (*live_stated(s->live))
		command_tell(&c->common, "%s: its id says %s; what it holds is %s", live_path(s->live), live_stated(s->live), m->id);
}

/* NAME=REST: the name, and where the rest begins. */
static int take_name(struct classify *c, const char *option, const char *form, const char *text, struct role *role, const char **rest,
    struct error *why)
{
	const char *equals = strchr(text, '=');

	if (!equals || equals == text || !equals[1])
		return command_misuse(&c->common, why, "%s: \"%s\" is not %s", option, text, form);
	if (!json_is_utf8(text, (size_t)(equals - text)))
		return command_misuse(&c->common, why, "%s: \"%s\": the name is not UTF-8", option, text);
	role->scorer.name = arena_copy(&c->arena, text, (size_t)(equals - text));
	role->name = json_name(&c->arena, text, (size_t)(equals - text));
	role->text = (struct scorer_text){ value_text(role->name.text, role->name.len), role->name.json, role->name.json_len - 1 };
	for (const struct role *other = c->roles; other < role; other++)
		if (!strcmp(other->scorer.name, role->scorer.name))
			return command_misuse(&c->common, why, "%s: the name \"%s\" is there twice", option, role->scorer.name);
	*rest = equals + 1;
	return 0;
}

/* FILE[:SHARE]: the weight of a variant, NaN where none is given. */
static double take_share(struct classify *c, const char **path)
{
	const char *colon = strrchr(*path, ':');
	struct error ignored;
	double share;

	if (!colon || colon == *path || number_parse_double(colon + 1, &share, &ignored))
		return NAN;
	*path = arena_copy(&c->arena, *path, (size_t)(colon - *path));
	return share;
}

/* Equal shares where none says one. */
static int share_out(struct classify *c, double *shares, const char **names, struct error *why)
{
	const bool none = isnan(shares[0]);
	double sum = 0;

	for (size_t i = 0; i < c->n_scoring; i++) {
		if (isnan(shares[i]) ? !none : none)
			return command_misuse(&c->common, why, "-m: \"%s\" has no share, and others have: NAME=FILE:SHARE",
			    c->models.items[isnan(shares[i]) ? i : 0]);
		if (shares[i] < 0)
			return command_misuse(&c->common, why, "-m: \"%s\": a share is 0 or greater", c->models.items[i]);
		names[i] = c->roles[i].scorer.name;
		sum += shares[i] = isnan(shares[i]) ? 1 : shares[i];
	}
	if (!(sum > 0) || !isfinite(sum))
		return command_misuse(&c->common, why, "-m: the shares add up to %s", sum > 0 ? "no finite number" : "0");
	split_init(&c->split, names, shares, c->n_scoring);
	return 0;
}

static int open_role(struct classify *c, struct role *role, const char *path, struct error *why)
{
	const struct live_use use = { suits, c, &c->names, c->common.checkpoint != NULL };

	role->scorer.options = &c->options;
	role->scorer.live = live_open(path, &use, why);
	if (!role->scorer.live)
		return -1;
	if (why->text[0])
		warn(c, why->text, "; an older version is used");
	tell_model(c, &role->scorer);
	return 0;
}

static int open_models(struct classify *c, struct error *why)
{
	const bool split = c->n_scoring > 1;
	double *shares = arena_get(&c->arena, c->n_scoring * sizeof *shares);
	const char **names = arena_get(&c->arena, c->n_scoring * sizeof *names), *path;

	for (size_t i = 0; i < c->n_scoring; i++) {
		path = c->models.items[i];
		c->roles[i].scorer.name = "";
		if (split && take_name(c, "-m", "NAME=FILE:SHARE, as each of several", path, &c->roles[i], &path, why))
			return -1;
		shares[i] = split ? take_share(c, &path) : 1;
		if (open_role(c, &c->roles[i], path, why))
			return -1;
	}
	for (size_t i = c->n_scoring; i < c->n_roles; i++)
		if (take_name(c, "--shadow", "NAME=FILE", c->shadows.items[i - c->n_scoring], &c->roles[i], &path, why) ||
		    open_role(c, &c->roles[i], path, why))
			return -1;
	return split ? share_out(c, shares, names, why) : 0;
}

/* Names are given for files that have none; where all have, somebody is mistaken. */
static int check_names(struct classify *c, struct error *why)
{
	const char *idle = c->names.inputs.n && !c->names.inputs.taken ? "--inputs" : c->names.labels.n && !c->names.labels.taken ? "--labels" : NULL;

	return idle ? error_set(why, "%s: %s itself", idle, c->n_roles > 1 ? "each of the models names them" : "the model names them") : 0;
}

static int parse_options(struct classify *c, struct error *why)
{
	if (!c->models.n)
		return command_misuse(&c->common, why, "the model is missing: -m FILE");
	if (c->bands_text && c->threshold >= 0)
		return command_misuse(&c->common, why, "-t and --bands: one of them decides");
	if (c->models.n > 1 && !c->split_text)
		return command_misuse(&c->common, why, "several -m need --split-by PATH: the same key, the same model");
	if (c->models.n == 1 && c->split_text)
		return command_misuse(&c->common, why, "--split-by: there is one -m; variants are -m A=FILE:90 -m B=FILE:10");
	if (c->bands_text && bands_parse(&c->bands, c->bands_text, &c->arena, why))
		return error_prefix(why, "--bands");
	if (c->split_text && fieldpath_parse(&c->split_by, c->split_text, &c->arena, why))
		return error_prefix(why, "--split-by");
	if (c->inputs_text && naming_parse_list(&c->names.inputs, c->inputs_text, why))
		return error_prefix(why, "--inputs");
	if (c->labels_text && naming_parse_list(&c->names.labels, c->labels_text, why))
		return error_prefix(why, "--labels");
	if (c->nest_name && nest_init(&c->own.nest, c->nest_name, &c->arena, why))
		return error_prefix(why, "--nest");
	for (size_t i = 0; i < SCORER_MEMBERS; i++)
		c->names_said[i] = json_name(&c->arena, scorer_member_names[i], strlen(scorer_member_names[i]));
	c->options = (struct scorer_options){ &c->bands, c->threshold, c->contributions };
	return 0;
}

static int classify_setup(void *tool, struct setup *setup, struct error *why)
{
	struct classify *c = tool;

	if (parse_options(c, why))
		return -1;
	c->n_scoring = c->models.n;
	c->n_roles = c->n_scoring + c->shadows.n;
	c->roles = alloc_zeroed(c->n_roles, sizeof *c->roles);
	c->own.benches = alloc_zeroed(c->n_roles, sizeof *c->own.benches);
	if (open_models(c, why) || check_names(c, why))
		return -1;
	setup->status = EXIT_DONE;
	if (c->explain)
		explain(c);
	return c->check || c->explain;
}

/* ---- values that are missing ---- */

/* Names in one message, and how many are beyond what it holds. */
struct names { struct buf text; size_t more; };

static bool add_name(struct names *l, const char *quote, const char *name)
{
	if (l->text.len >= NAMES_MAX) {
		l->more++;
		return false;
	}
	buf_format(&l->text, "%s%s%.100s%s", l->text.len ? ", " : "", quote, name, quote);
	return true;
}

static const char *end_names(struct names *l)
{
	if (l->more)
		buf_format(&l->text, " and %zu more", l->more);
	return buf_text(&l->text);
}

/* A model that was made for other records scores all of them alike: of `n` records from the first on, told once. */
static void tell_misfit(struct classify *c, struct role *role, uint64_t n)
{
	const struct scorer *s = &role->scorer;
	struct names wanted = { .more = 0 };
	char shown[NUMBER_SHOW_MAX], records[64] = "the only record";

	if (role->misfit_told)
		return;
	role->misfit_told = true;
	for (size_t i = 0; i < s->n_inputs; i++)
		if (s->inputs[i].counts)
			add_name(&wanted, "\"", s->inputs[i].name);
	if (n > 1)
		snprintf(records, sizeof records, "any of the first %s records", number_group(n, shown));
	if (wanted.text.len)
		command_note(&c->common, "no input of %s%s (%s) is in %s: does sml-features come before, with the spec of the training?",
		    *s->name ? "model " : "the model", s->name, end_names(&wanted), records);
	buf_release(&wanted.text);
}

static const struct encode_missing *missing_of(const struct classify *c, const struct role *role)
{
	return encode_missing(c->own.benches[role - c->roles].encoder);
}

/* What the records that the model has scored lacked. */
static void tell_missing(struct classify *c, struct role *role)
{
	const struct scorer *s = &role->scorer;
	const struct encode_missing *m = missing_of(c, role);
	const char *sep = *s->name ? ": " : "";
	struct names never = { .more = 0 }, some = { .more = 0 };
	char n[NUMBER_SHOW_MAX];

	if (m->rows && m->blank == m->rows)
		tell_misfit(c, role, m->rows);
	for (size_t i = 0; i < s->n_inputs; i++) {
		if (!m->inputs[i])
			continue;
		if (m->rows >= MISSING_FROM && m->blank < m->rows && m->inputs[i] == m->rows && s->inputs[i].counts)
			add_name(&never, "\"", s->inputs[i].name);
		if (add_name(&some, "", s->inputs[i].name))
			buf_format(&some.text, " %s", number_group(m->inputs[i], n));
	}
	if (never.text.len)
		command_note(&c->common, "%s%snone of %s records has a value for %s", s->name, sep, number_group(m->rows, n), end_names(&never));
	if (some.text.len)
		command_tell(&c->common, "%s%smissing values in %s record%s: %s", s->name, sep, number_group(m->rows, n), number_s(m->rows),
		    end_names(&some));
	buf_release(&never.text);
	buf_release(&some.text);
}

/* ---- the models in use ---- */

/* Between batches: records of the next one find what the model reads. */
static void use_model(struct classify *c, struct role *role)
{
	const size_t i = (size_t)(role - c->roles);
	struct scorer_bench *bench = &c->own.benches[i];

	if (bench->encoder)
		tell_missing(c, role);
	scorer_use(&role->scorer);
	scorer_bench_start(bench, &role->scorer, encode_new(&role->scorer.model->schema, &c->loop->fields));
	for (struct part *p = c->parts; p; p = p->next)
		scorer_bench_start(&p->benches[i], &role->scorer, encode_split(bench->encoder));
	role->misfit_told = false;
}

static void take(struct classify *c, struct role *role)
{
	if (!live_take(role->scorer.live))
		return;
	use_model(c, role);
	tell_model(c, &role->scorer);
}

static void take_all(struct classify *c)
{
	for (size_t i = 0; i < c->n_roles; i++)
		take(c, &c->roles[i]);
}

static void look_at(struct classify *c, struct role *role)
{
	struct live *live = role->scorer.live;
	struct error why;
	char rest[64];

	live_look(live, &why);
	if (!why.text[0])
		return;
	snprintf(rest, sizeof rest, "; model %s goes on", (live_next(live) ? live_next(live) : live_model(live))->id);
	warn(c, why.text, rest);
}

/* Under a checkpoint what is found waits for the next barrier, so that an epoch is of one model. */
static void look(struct classify *c)
{
	for (size_t i = 0; i < c->n_roles; i++)
		look_at(c, &c->roles[i]);
	if (!c->loop->protocol)
		take_all(c);
}

static int add_members(struct classify *c, struct loop *loop)
{
	for (size_t i = 0; i < SCORER_MEMBERS; i++) {
		if ((i == SCORER_CONTRIBUTIONS || i == SCORER_PATH) && !c->contributions)
			continue;
		c->members[i] = fields_add(&loop->fields, scorer_member_names[i]);
		if (!c->members[i])
			return -1;
	}
	if (c->split.n && !(c->variant = fields_add(&loop->fields, "variant")))
		return -1;
	return c->shadows.n && !(c->shadow = fields_add(&loop->fields, "shadow")) ? -1 : 0;
}

static int classify_start(void *tool, struct loop *loop, struct error *why)
{
	struct classify *c = tool;

	c->loop = loop;
	if (add_members(c, loop))
		return error_set(why, "too many different members are added in one chain");
	if (c->verify) {
		c->probability_slot = fields_read_name(&loop->fields, "probability");
		c->prediction_slot = fields_read_name(&loop->fields, "prediction");
	}
	if (c->split.n) {
		c->split_slot = fields_read(&loop->fields, &c->split_by);
		fields_expect(&loop->fields, c->split_slot, &c->split_by);
	}
	for (size_t i = 0; i < c->n_roles; i++)
		use_model(c, &c->roles[i]);
	c->next_look = wallclock_monotonic() + LOOK_NS;
	return 0;
}

static int64_t classify_deadline(void *tool)
{
	return ((struct classify *)tool)->next_look;
}

static int classify_tick(void *tool, int64_t now, struct next *next, struct error *why)
{
	struct classify *c = tool;

	(void)next;
	(void)why;
	c->next_look = now + LOOK_NS;
	look(c);
	return 0;
}

static int classify_reload(void *tool, struct error *why)
{
	(void)why;
	look(tool);
	return 0;
}

/* ---- under a checkpoint ---- */

static void list_ids(const struct classify *c, struct buf *b)
{
	for (size_t i = 0; i < c->n_roles; i++)
		buf_format(b, "%s %s\n", c->roles[i].scorer.name, c->roles[i].scorer.model->id);
}

/* The checkpoint's file has all the models, or stays the one it has. */
static int keep(struct classify *c, struct error *why)
{
	struct protocol *p = c->loop->protocol;
	struct buf ids = BUF_INIT, text = BUF_INIT;
	int result = 0;

	list_ids(c, &ids);
	if (ids.len != c->kept.len || memcmp(ids.data, c->kept.data, ids.len)) {
		for (size_t i = 0; i < c->n_roles; i++)
			kept_add(&text, c->roles[i].scorer.name, c->roles[i].scorer.live);
		result = p->put(p, c, text.data, text.len, why);
		buf_release(&text);
	}
	buf_clear(&c->kept);
	if (!result)
		buf_add(&c->kept, ids.data, ids.len);
	buf_release(&ids);
	return result;
}

/* The state is which models score what follows: one that waited begins here. */
static int classify_save(void *tool, struct snapshot_writer *w, struct error *why)
{
	struct classify *c = tool;

	take_all(c);
	if (keep(c, why))
		return -1;
	snapshot_section(w, "model", 5);
	for (size_t i = 0; i < c->n_roles; i++) {
		const struct scorer *s = &c->roles[i].scorer;
		snapshot_row(w, s->name, strlen(s->name), s->model->id, MODEL_ID_LEN);
	}
	return 0;
}

static struct role *find_role(struct classify *c, const char *name, size_t len)
{
	for (size_t i = 0; i < c->n_roles; i++)
		if (strlen(c->roles[i].scorer.name) == len && !memcmp(c->roles[i].scorer.name, name, len))
			return &c->roles[i];
	return NULL;
}

/* Another model than -m's goes on until the next barrier. */
static int resume(struct classify *c, struct role *role, struct kept *k, const char *path, struct error *why)
{
	struct live *live = role->scorer.live;

	if (live_resume(live, path, k->text, k->len, &k->names, why))
		return error_set(why, "model %s: %s", k->id, why->text);
	use_model(c, role);
	tell_model(c, &role->scorer);
	if (strcmp(live_next(live)->id, k->id))
		command_note(&c->common, "goes on with model %s until the next commit, then with %s", k->id, live_next(live)->id);
	return 0;
}

static int resume_all(struct classify *c, const char *text, size_t len, const char *path, struct error *why)
{
	struct kept k;
	size_t at = 0;
	int got;

	while ((got = kept_next(text, len, &at, &k, why)) > 0) {
		struct role *role = find_role(c, k.name, strlen(k.name));
		buf_format(&c->kept, "%s %s\n", k.name, k.id);
		const int result = role && strcmp(role->scorer.model->id, k.id) ? resume(c, role, &k, path, why) : 0;
		kept_release(&k);
		if (result)
			return -1;
	}
	kept_release(&k);
	return got < 0 ? error_prefix(why, "%s", path) : 0;
}

/* Whether all models that the state names are those in use; -1: it cannot be read. */
static int is_same(struct classify *c, struct snapshot_reader *reader, char id[MODEL_ID_LEN + 1], struct error *why)
{
	int item, same = 1;

	id[0] = '\0';
	while ((item = snapshot_next(reader, why)) != SNAPSHOT_END) {
		if (item < 0)
			return -1;
		if (item != SNAPSHOT_ROW || reader->value_len != MODEL_ID_LEN)
			continue;
		const struct role *role = find_role(c, reader->key, reader->key_len);
		memcpy(id, reader->value, MODEL_ID_LEN);
		id[MODEL_ID_LEN] = '\0';
		if (role && strcmp(role->scorer.model->id, id))
			same = 0;
	}
	return *id ? same : error_set(why, "names no model");
}

/* Models that are the same need no file: where it cannot be read it is written again. */
static int classify_restore(void *tool, struct snapshot_reader *reader, struct error *why)
{
	struct classify *c = tool;
	struct protocol *p = c->loop->protocol;
	struct error reason;
	const char *path;
	char id[MODEL_ID_LEN + 1];
	size_t n;
	const int same = is_same(c, reader, id, why);

	if (same < 0)
		return -1;
	char *text = p->get(p, c, &path, &n, &reason);
	const int result = text ? resume_all(c, text, n, path, why) : 0;
	free(text);
	if (!text && !same)
		return error_set(why, "model %s: %s", id, reason.text);
	if (result && same)
		buf_clear(&c->kept);
	return same ? 0 : result;
}

/* ---- records ---- */

static void verify(struct verified *seen, const struct record *r, struct value came, double score)
{
	char a[NUMBER_SHOW_MAX] = "no number", b[NUMBER_SHOW_MAX];

	if (value_is_null(came)) {
		seen->absent++;
		return;
	}
	seen->n++;
	const double distance = value_is_number(came) ? fabs(value_double(came) - score) : INFINITY;
	if (!(distance > TOLERANCE))
		return;
	seen->different++;
	if (distance <= seen->worst)
		return;
	seen->worst = distance;
	if (value_is_number(came))
		number_show(value_double(came), a);
	number_show(score, b);
	snprintf(seen->worst_place, sizeof seen->worst_place, "%s:%llu: %s came, %s computed", r->at.source,
	    (unsigned long long)r->at.line, a, b);
}

static enum error_type type_of(enum encode_result result)
{
	return result == ENCODE_MISSING ? MISSING_FEATURE : INVALID_DATA;
}

static const char too_large[] = "the score is no finite number: the inputs are too large for the model";
enum { NOBODY = -1 };

/* The role that scores a record; NOBODY: its key is none, and it has become an error record. */
static long role_of(struct part *p, struct record *r, const struct value *v)
{
	const struct classify *c = p->classify;

	if (!c->split.n)
		return 0;
	const struct value key = v[c->split_slot];
	if (key_is(key))
		return (long)split_find(&c->split, key, &p->scratch);
	if (value_is_null(key))
		record_fail(r, MISSING_FEATURE, "--split-by %s: there is no value", c->split_text);
	else
		record_fail(r, INVALID_DATA, "--split-by %s: is %s, not a string, a number or a boolean", c->split_text, value_kind(key));
	return NOBODY;
}

static void take_in(struct part *p, struct record *r)
{
	const struct classify *c = p->classify;
	const struct value *v = record_values(r);
	const long i = v ? role_of(p, r, v) : NOBODY;
	struct encode_fault fault;

	if (i == NOBODY)
		return;
	const enum encode_result result = scorer_take(&p->benches[i], &c->roles[i].scorer, r, v, &fault);
	if (result == ENCODE_DONE)
		return;
	buf_clear(&p->scratch);
	encode_explain(&fault, result, &p->scratch);
	record_fail(r, type_of(result), "%s", buf_text(&p->scratch));
}

static void add(struct record *r, const struct added *member, const struct scorer_text *said)
{
	if (said->json)
		record_add_rendered(r, member, said->value, said->json, said->len);
	else
		record_add(r, member, said->value);
}

/* What a role has found of the i-th record on its bench. */
static void give_out(struct part *p, const struct scorer_bench *b, const struct role *role, size_t i)
{
	const struct classify *c = p->classify;
	const struct scorer *s = &role->scorer;
	struct scorer_said said[SCORER_MEMBERS];
	struct record *r = b->records[i];

	if (!scorer_is_finite(b, s, i)) {
		record_fail(r, INVALID_DATA, "%s", too_large);
		return;
	}
	if (c->verify)
		verify(&p->verified, r, record_values(r)[s->model->n_labels ? c->probability_slot : c->prediction_slot], scorer_value(b, s, i));
	const size_t n = scorer_say(b, s, i, said);
	for (size_t k = 0; k < n; k++)
		add(r, c->members[said[k].member], &said[k].text);
	if (c->split.n)
		add(r, c->variant, &role->text);
}

/* ---- shadows ---- */

static const struct name error_names[] = { NAME("errorType"), NAME("errorMessage") };

static struct value object_of(struct record *r, const struct member *members, size_t n)
{
	struct member *m = record_space(r, n * sizeof *m);

	memcpy(m, members, n * sizeof *m);
	return (struct value){ .type = VALUE_OBJECT, .len = (uint32_t)n, .members = m };
}

/* A shadow that cannot score says so, and the record is none the worse. */
static struct value shadow_error(struct record *r, enum error_type type, const char *text, size_t len)
{
	const char *name = record_error_types[type];
	char *copy = record_space(r, len + 1);
	const struct member members[] = {
		{ &error_names[0], value_text(name, strlen(name)) }, { &error_names[1], value_text(memcpy(copy, text, len), len) }
	};

	return object_of(r, members, 2);
}

static struct value shadow_verdict(const struct classify *c, const struct scorer_bench *b, const struct scorer *s, size_t i)
{
	struct scorer_said said[SCORER_MEMBERS];
	struct member members[SCORER_MEMBERS];

	if (!scorer_is_finite(b, s, i))
		return shadow_error(b->records[i], INVALID_DATA, too_large, strlen(too_large));
	const size_t n = scorer_say(b, s, i, said);
	for (size_t k = 0; k < n; k++)
		members[k] = (struct member){ &c->names_said[said[k].member], said[k].text.value };
	return object_of(b->records[i], members, n);
}

/* What the k-th role, a shadow, says of each of the records; `out` is as they are, `step` apart. */
static void shadow_batch(struct part *p, size_t k, struct record **r, size_t n, struct value *out, size_t step)
{
	const struct scorer *s = &p->classify->roles[k].scorer;
	struct scorer_bench *b = &p->benches[k];
	struct encode_fault fault;
	size_t place[BATCH_MAX];

	b->n = 0;
	for (size_t i = 0; i < n; i++) {
		const enum encode_result result = scorer_take(b, s, r[i], record_values(r[i]), &fault);
		if (result == ENCODE_DONE) {
			place[b->n - 1] = i;
			continue;
		}
		buf_clear(&p->scratch);
		encode_explain(&fault, result, &p->scratch);
		out[i * step] = shadow_error(r[i], type_of(result), p->scratch.data, p->scratch.len);
	}
	scorer_score(b, s);
	for (size_t i = 0; i < b->n; i++)
		out[place[i] * step] = shadow_verdict(p->classify, b, s, i);
}

/* They score the records that have been scored. */
static void cast_shadows(struct part *p, struct record **r, size_t n)
{
	const struct classify *c = p->classify;
	const size_t first = c->n_scoring, n_shadows = c->n_roles - first;
	struct record *scored[BATCH_MAX];
	size_t n_scored = 0;

	for (size_t i = 0; i < n; i++)
		if (r[i]->kind == RECORD_DATA)
			scored[n_scored++] = r[i];
	if (!n_scored)
		return;
	struct value *said = record_space(scored[0], n_scored * n_shadows * sizeof *said);
	for (size_t k = 0; k < n_shadows; k++)
		shadow_batch(p, first + k, scored, n_scored, said + k, n_shadows);
	for (size_t i = 0; i < n_scored; i++) {
		struct member *m = record_space(scored[i], n_shadows * sizeof *m);
		for (size_t k = 0; k < n_shadows; k++)
			m[k] = (struct member){ &c->roles[first + k].name, said[i * n_shadows + k] };
		record_add(scored[i], c->shadow, (struct value){ .type = VALUE_OBJECT, .len = (uint32_t)n_shadows, .members = m });
	}
}

/* All that there is to do with a batch. */
static void work(void *part, struct record **r, size_t n)
{
	struct part *p = part;
	const struct classify *c = p->classify;

	for (size_t k = 0; k < c->n_scoring; k++)
		p->benches[k].n = 0;
	for (size_t i = 0; i < n; i++)
		take_in(p, r[i]);
	for (size_t k = 0; k < c->n_scoring; k++) {
		scorer_score(&p->benches[k], &c->roles[k].scorer);
		for (size_t i = 0; i < p->benches[k].n; i++)
			give_out(p, &p->benches[k], &c->roles[k], i);
	}
	if (c->shadow)
		cast_shadows(p, r, n);
	for (size_t i = 0; c->nest_name && i < n; i++)
		if (r[i]->kind == RECORD_DATA)
			nest_record(&p->nest, r[i]);
}

static void see_misfits(struct classify *c)
{
	for (size_t i = 0; i < c->n_roles; i++)
		if (missing_of(c, &c->roles[i])->blank >= MISSING_FROM)
			tell_misfit(c, &c->roles[i], MISSING_FROM);
}

static int classify_records(void *tool, struct record **r, size_t n, struct next *next, struct error *why)
{
	struct classify *c = tool;

	work(&c->own, r, n);
	see_misfits(c);
	return next_pass(next, r, n, why);
}

/* ---- -j ---- */

static void *classify_split(void *tool)
{
	struct classify *c = tool;
	struct part *p = alloc_zeroed(1, sizeof *p);

	*p = (struct part){ .classify = c, .nest.name = c->own.nest.name, .next = c->parts };
	p->benches = alloc_zeroed(c->n_roles, sizeof *p->benches);
	for (size_t i = 0; i < c->n_roles; i++)
		scorer_bench_start(&p->benches[i], &c->roles[i].scorer, encode_split(c->own.benches[i].encoder));
	return c->parts = p;
}

static void join_verified(struct verified *to, struct verified *from)
{
	to->n += from->n;
	to->absent += from->absent;
	to->different += from->different;
	if (from->worst > to->worst) {
		to->worst = from->worst;
		memcpy(to->worst_place, from->worst_place, sizeof to->worst_place);
	}
	from->n = from->absent = from->different = 0;
	from->worst = 0;
}

static void classify_join(void *tool, void *part)
{
	struct classify *c = tool;
	struct part *p = part;

	for (size_t i = 0; i < c->n_roles; i++)
		encode_join(c->own.benches[i].encoder, p->benches[i].encoder);
	join_verified(&c->own.verified, &p->verified);
	see_misfits(c);
}

static int classify_finish(void *tool, enum end how, struct next *next, struct error *why)
{
	struct classify *c = tool;
	const struct verified *v = &c->own.verified;
	char n[NUMBER_SHOW_MAX], m[NUMBER_SHOW_MAX], text[512];

	(void)how;
	(void)next;
	(void)why;
	for (size_t i = 0; i < c->n_roles; i++)
		tell_missing(c, &c->roles[i]);
	if (!c->verify)
		return 0;
	if (v->absent)
		command_note(&c->common, "--verify: records that came without a score: %s", number_group(v->absent, n));
	if (!v->different) {
		command_note(&c->common, "--verify: scores that agree to 1e-9: %s", number_group(v->n, n));
		return 0;
	}
	snprintf(text, sizeof text, "--verify: scores that differ by more than 1e-9: %s of %s (the worst: %s)", number_group(v->different, n),
	    number_group(v->n, m), v->worst_place);
	warn(c, text, "");
	c->loop->verdict = EXIT_STOPPED;
	return 0;
}

/* ---- metrics ---- */

static const char *add_label(struct buf *b, const char *name, const char *value)
{
	stats_label(b, name, value);
	return buf_text(b);
}

/* 'name="A"' of a variant or shadow; NULL of the only model. */
static const char *label_of(struct buf *b, const struct scorer *s)
{
	buf_clear(b);
	return *s->name ? add_label(b, "name", s->name) : NULL;
}

/* Each input from 0 on, so that the first missing value is an increase; of very many, one sum. */
static void missing_metrics(const struct classify *c, const struct role *role, struct metrics *m, struct buf *label)
{
	static const char name[] = "missing_total", help[] = "Missing values of inputs, since the model in use began.";
	const struct encode_missing *missing = missing_of(c, role);
	const struct scorer *s = &role->scorer;

	if (!s->n_inputs || s->n_inputs > MISSING_SERIES)
		stats_add(m, name, "counter", help, label_of(label, s), (double)missing->values);
	else
		for (size_t i = 0; i < s->n_inputs; i++) {
			label_of(label, s);
			stats_add(m, name, "counter", help, add_label(label, "input", s->inputs[i].name), (double)missing->inputs[i]);
		}
}

static void classify_metrics(void *tool, struct metrics *m)
{
	const struct classify *c = tool;
	struct buf label = BUF_INIT;

	for (size_t i = 0; i < c->n_roles; i++) {
		const struct scorer *s = &c->roles[i].scorer;
		label_of(&label, s);
		stats_add(m, "model", "gauge", "The model in use.", add_label(&label, "id", s->model->id), 1);
	}
	for (size_t i = 0; i < c->n_roles; i++)
		stats_add(m, "models_loaded_total", "counter", "Models taken into use.", label_of(&label, &c->roles[i].scorer),
		    (double)live_loaded(c->roles[i].scorer.live));
	for (size_t i = 0; i < c->n_roles; i++)
		stats_add(m, "models_refused_total", "counter", "Models that were not valid.", label_of(&label, &c->roles[i].scorer),
		    (double)live_refused(c->roles[i].scorer.live));
	for (size_t i = 0; i < c->n_roles; i++)
		missing_metrics(c, &c->roles[i], m, &label);
	buf_release(&label);
}

static void release_part(const struct classify *c, struct part *p)
{
	for (size_t i = 0; p->benches && i < c->n_roles; i++)
		scorer_bench_release(&p->benches[i]);
	free(p->benches);
	nest_release(&p->nest);
	buf_release(&p->scratch);
}

static void classify_release(void *tool)
{
	struct classify *c = tool;

	for (struct part *p; (p = c->parts); free(p)) {
		c->parts = p->next;
		release_part(c, p);
	}
	release_part(c, &c->own);
	for (size_t i = 0; i < c->n_roles; i++)
		scorer_release(&c->roles[i].scorer);
	free(c->roles);
	split_release(&c->split);
	naming_release(&c->names);
	buf_release(&c->kept);
	arena_release(&c->arena);
}

static const char *const examples[] = {
	"sml-classify -m model.json features.jsonl",
	"sml-features purchases.features events.jsonl | sml-classify -m model.json | sml-route HIGH_VALUE=3 3>>vip.jsonl",
	"sml-classify -m A=old.json:90 -m B=new.json:10 --split-by userId --shadow next=next.ubj features.jsonl",
	NULL
};

static const char *const daily[] = {
	"model", "threshold", "bands", "split-by", "shadow", "nest", "contributions", "verify", "explain", "quiet", "help", NULL
};

static const struct opt options[] = {
	OPT_LIST('m', "model", "FILE", struct classify, models, OPT_MODEL_HELP),
	OPT_NUMBER('t', "threshold", "P", struct classify, threshold, 0, 1, "positive at probability P or above (the model's)"),
	OPT_TEXT(0, "bands", "NAME=P,...", struct classify, bands_text, "name ranges of probability instead: HIGH=0.9,LOW=0"),
	OPT_TEXT(0, "split-by", "PATH", struct classify, split_text, "which of several -m NAME=FILE:SHARE scores: by this key"),
	OPT_LIST(0, "shadow", "NAME=FILE", struct classify, shadows, "score with this model as well, into shadow.NAME"),
	OPT_TEXT(0, "inputs", "LIST", struct classify, inputs_text, "the inputs' names, where the model's file has none"),
	OPT_TEXT(0, "labels", "LIST", struct classify, labels_text, "the labels, where the file has none: NEGATIVE,POSITIVE"),
	OPT_TEXT(0, "nest", "NAME", struct classify, nest_name, "put the event into a member NAME, the results beside it"),
	OPT_FLAG(0, "contributions", struct classify, contributions, "add what each input contributes"),
	OPT_FLAG(0, "verify", struct classify, verify, "exit 3 when a score that a record brings is another"),
	OPT_CHECK(struct classify, check),
	OPT_EXPLAIN(struct classify, explain),
	OPT_INTEGER('j', "jobs", "N", struct classify, common.jobs, 1, JOBS_MAX, "score in N threads; the output is the same (1)"),
	CHECKPOINT_OPTIONS(struct classify),
	COMMON_OPTIONS(struct classify),
	OPT_END
};

extern const struct command classify_command;

const struct command classify_command = {
	.name = "sml-classify",
	.purpose = "score records with a model",
	.usage = "-m FILE [options] [FILE...]",
	.examples = examples,
	.daily = daily,
	.options = options,
	.size = sizeof(struct classify),
	.checkpoints = true,
	.defaults = classify_defaults,
	.setup = classify_setup,
	.tool = {
		.name = "classify", .start = classify_start, .records = classify_records, .split = classify_split, .work = work,
		.join = classify_join, .deadline = classify_deadline, .tick = classify_tick, .reload = classify_reload, .save = classify_save, .restore = classify_restore,
		.finish = classify_finish, .metrics = classify_metrics,
	},
	.release = classify_release,
};
