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
#include "feature/panel.h"
#include "json/write.h"
#include "model/kept.h"
#include "stream/nest.h"
#include "stream/stats.h"

#define LOOK_NS (200 * NS_PER_MS)	/* between two looks at the models' files */
#define MISSING_FROM 100		/* records: of a few, each may well lack an input */
#define MISSING_SERIES 100		/* inputs: a model of more has one sum among its metrics */
#define NAMES_MAX 300			/* bytes of names in one message */

struct classify {
	struct common common;
	struct opt_list models, shadows;
	const char *bands_text, *nest_name, *split_text, *inputs_text, *labels_text;
	double threshold;			/* below 0: the model's */
	bool contributions, verify, check, explain;

	struct arena arena;
	struct bands bands;			/* n 0: none */
	struct naming names;
	struct nest nest;
	struct panel panel;
	struct panel_part own, *parts;		/* what scoring changes: the tool's own; with -j, of each part of the work */
	bool *misfit_told;			/* per role */

	struct loop *loop;
	int64_t next_look;
	struct buf kept;			/* ids of the models that the checkpoint has; empty: none's */
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
}

static int suits(void *tool, const struct model *m, struct error *why)
{
	return scorer_suits(&((struct classify *)tool)->panel.options, m, why);
}

static void explain(const struct classify *c)
{
	struct buf b = BUF_INIT;
	char p[NUMBER_SHOW_MAX];

	for (size_t i = 0; i < c->panel.n; i++) {
		const struct scorer *s = &c->panel.roles[i].scorer;
		if (*s->name)
			buf_format(&b, "%s%s %s\n", i ? "\n" : "", i < c->panel.n_scoring ? "variant" : "shadow", s->name);
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
static int take_name(struct classify *c, const char *option, const char *form, const char *text, struct panel_role *role, const char **rest,
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
	for (const struct panel_role *other = c->panel.roles; other < role; other++)
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

	for (size_t i = 0; i < c->panel.n_scoring; i++) {
		if (isnan(shares[i]) ? !none : none)
			return command_misuse(&c->common, why, "-m: \"%s\" has no share, and others have: NAME=FILE:SHARE",
			    c->models.items[isnan(shares[i]) ? i : 0]);
		if (shares[i] < 0)
			return command_misuse(&c->common, why, "-m: \"%s\": a share is 0 or greater", c->models.items[i]);
		names[i] = c->panel.roles[i].scorer.name;
		sum += shares[i] = isnan(shares[i]) ? 1 : shares[i];
	}
	if (!(sum > 0) || !isfinite(sum))
		return command_misuse(&c->common, why, "-m: the shares add up to %s", sum > 0 ? "no finite number" : "0");
	split_init(&c->panel.split, names, shares, c->panel.n_scoring);
	return 0;
}

static int open_role(struct classify *c, struct panel_role *role, const char *path, struct error *why)
{
	const struct live_use use = { suits, c, &c->names, c->common.checkpoint != NULL };

	role->scorer.options = &c->panel.options;
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
	const bool split = c->panel.n_scoring > 1;
	double *shares = arena_get(&c->arena, c->panel.n_scoring * sizeof *shares);
	const char **names = arena_get(&c->arena, c->panel.n_scoring * sizeof *names), *path;

	for (size_t i = 0; i < c->panel.n_scoring; i++) {
		path = c->models.items[i];
		c->panel.roles[i].scorer.name = "";
		if (split && take_name(c, "-m", "NAME=FILE:SHARE, as each of several", path, &c->panel.roles[i], &path, why))
			return -1;
		shares[i] = split ? take_share(c, &path) : 1;
		if (open_role(c, &c->panel.roles[i], path, why))
			return -1;
	}
	for (size_t i = c->panel.n_scoring; i < c->panel.n; i++)
		if (take_name(c, "--shadow", "NAME=FILE", c->shadows.items[i - c->panel.n_scoring], &c->panel.roles[i], &path, why) ||
		    open_role(c, &c->panel.roles[i], path, why))
			return -1;
	return split ? share_out(c, shares, names, why) : 0;
}

/* A mistake, or names for models that are yet to come. */
static void note_idle_names(const struct classify *c)
{
	const struct { const char *option; const struct naming_list *list; } given[] = {
		{ "--inputs", &c->names.inputs }, { "--labels", &c->names.labels }
	};

	for (size_t i = 0; i < 2; i++)
		if (given[i].list->n && !given[i].list->taken)
			command_note(&c->common, "%s: no model needs such names so far", given[i].option);
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
	if (c->split_text && fieldpath_parse(&c->panel.split_by, c->split_text, &c->arena, why))
		return error_prefix(why, "--split-by");
	if (c->inputs_text && naming_parse_list(&c->names.inputs, c->inputs_text, why))
		return error_prefix(why, "--inputs");
	if (c->labels_text && naming_parse_list(&c->names.labels, c->labels_text, why))
		return error_prefix(why, "--labels");
	if (c->nest_name && nest_init(&c->nest, c->nest_name, &c->arena, why))
		return error_prefix(why, "--nest");
	c->panel.options = (struct scorer_options){ &c->bands, c->threshold, c->contributions };
	return 0;
}

static int classify_setup(void *tool, struct setup *setup, struct error *why)
{
	struct classify *c = tool;

	if (parse_options(c, why))
		return -1;
	c->panel.n_scoring = c->models.n;
	c->panel.n = c->panel.n_scoring + c->shadows.n;
	c->panel.roles = alloc_zeroed(c->panel.n, sizeof *c->panel.roles);
	c->misfit_told = alloc_zeroed(c->panel.n, sizeof *c->misfit_told);
	c->panel.split_text = c->split_text;
	c->panel.verifies = c->verify;
	c->panel.nest = c->nest_name ? &c->nest : NULL;
	if (open_models(c, why))
		return -1;
	note_idle_names(c);
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
static void tell_misfit(struct classify *c, struct panel_role *role, uint64_t n)
{
	const struct scorer *s = &role->scorer;
	struct names wanted = { .more = 0 };
	char shown[NUMBER_SHOW_MAX], records[64] = "the only record";

	if (c->misfit_told[role - c->panel.roles])
		return;
	c->misfit_told[role - c->panel.roles] = true;
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

static const struct encode_missing *missing_of(const struct classify *c, const struct panel_role *role)
{
	return encode_missing(c->own.benches[role - c->panel.roles].encoder);
}

/* What the records that the model has scored lacked. */
static void tell_missing(struct classify *c, struct panel_role *role)
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
static void use_model(struct classify *c, struct panel_role *role)
{
	const size_t i = (size_t)(role - c->panel.roles);
	struct scorer_bench *bench = &c->own.benches[i];

	if (bench->encoder)
		tell_missing(c, role);
	scorer_use(&role->scorer);
	scorer_bench_start(bench, &role->scorer, encode_new(&role->scorer.model->schema, &c->loop->fields));
	for (struct panel_part *p = c->parts; p; p = p->next)
		scorer_bench_start(&p->benches[i], &role->scorer, encode_split(bench->encoder));
	c->misfit_told[i] = false;
}

static void take(struct classify *c, struct panel_role *role)
{
	if (!live_take(role->scorer.live))
		return;
	use_model(c, role);
	tell_model(c, &role->scorer);
}

static void take_all(struct classify *c)
{
	for (size_t i = 0; i < c->panel.n; i++)
		take(c, &c->panel.roles[i]);
}

static void look_at(struct classify *c, struct panel_role *role)
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
	for (size_t i = 0; i < c->panel.n; i++)
		look_at(c, &c->panel.roles[i]);
	if (!c->loop->protocol)
		take_all(c);
}

static int classify_start(void *tool, struct loop *loop, struct error *why)
{
	struct classify *c = tool;

	c->loop = loop;
	if (panel_start(&c->panel, &loop->fields))
		return error_set(why, "too many different members are added in one chain");
	panel_part_init(&c->own, &c->panel);
	for (size_t i = 0; i < c->panel.n; i++)
		use_model(c, &c->panel.roles[i]);
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
	for (size_t i = 0; i < c->panel.n; i++)
		buf_format(b, "%s %s\n", c->panel.roles[i].scorer.name, c->panel.roles[i].scorer.model->id);
}

/* The checkpoint's file has all the models, or stays the one it has. */
static int keep(struct classify *c, struct error *why)
{
	struct protocol *p = c->loop->protocol;
	struct buf ids = BUF_INIT, text = BUF_INIT;
	int result = 0;

	list_ids(c, &ids);
	if (ids.len != c->kept.len || memcmp(ids.data, c->kept.data, ids.len)) {
		for (size_t i = 0; i < c->panel.n; i++)
			kept_add(&text, c->panel.roles[i].scorer.name, c->panel.roles[i].scorer.live);
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
	for (size_t i = 0; i < c->panel.n; i++) {
		const struct scorer *s = &c->panel.roles[i].scorer;
		snapshot_row(w, s->name, strlen(s->name), s->model->id, MODEL_ID_LEN);
	}
	return 0;
}

static struct panel_role *find_role(struct classify *c, const char *name, size_t len)
{
	for (size_t i = 0; i < c->panel.n; i++)
		if (strlen(c->panel.roles[i].scorer.name) == len && !memcmp(c->panel.roles[i].scorer.name, name, len))
			return &c->panel.roles[i];
	return NULL;
}

/* Another model than -m's goes on until the next barrier. */
static int resume(struct classify *c, struct panel_role *role, struct kept *k, const char *path, struct error *why)
{
	struct live *live = role->scorer.live;

	if (live_resume(live, path, k->text, k->len, &k->names, why))
		return error_prefix(why, "model %s", k->id);
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
		struct panel_role *role = find_role(c, k.name, strlen(k.name));
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
		const struct panel_role *role = find_role(c, reader->key, reader->key_len);
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

static void see_misfits(struct classify *c)
{
	for (size_t i = 0; i < c->panel.n; i++)
		if (missing_of(c, &c->panel.roles[i])->blank >= MISSING_FROM)
			tell_misfit(c, &c->panel.roles[i], MISSING_FROM);
}

static int classify_records(void *tool, struct record **r, size_t n, struct next *next, struct error *why)
{
	struct classify *c = tool;

	panel_work(&c->own, r, n);
	see_misfits(c);
	return next_pass(next, r, n, why);
}

/* ---- -j ---- */

static void *classify_split(void *tool)
{
	struct classify *c = tool;
	struct panel_part *p = alloc_zeroed(1, sizeof *p);

	panel_part_init(p, &c->panel);
	for (size_t i = 0; i < c->panel.n; i++)
		scorer_bench_start(&p->benches[i], &c->panel.roles[i].scorer, encode_split(c->own.benches[i].encoder));
	p->next = c->parts;
	return c->parts = p;
}

static void classify_join(void *tool, void *part)
{
	struct classify *c = tool;

	panel_part_join(&c->own, part);
	see_misfits(c);
}

static int classify_finish(void *tool, enum end how, struct next *next, struct error *why)
{
	struct classify *c = tool;
	const struct panel_verified *v = &c->own.verified;
	char n[NUMBER_SHOW_MAX], m[NUMBER_SHOW_MAX], tolerance[NUMBER_SHOW_MAX], text[512];

	(void)how;
	(void)next;
	(void)why;
	for (size_t i = 0; i < c->panel.n; i++)
		tell_missing(c, &c->panel.roles[i]);
	if (!c->verify)
		return 0;
	number_show(panel_tolerance(&c->panel), tolerance);
	if (v->n && v->absent)
		command_note(&c->common, "--verify: records that came without a score: %s", number_group(v->absent, n));
	if (!v->n && v->absent) {
		warn(c, "--verify: no record has brought a score: nothing was compared", "");
		c->loop->verdict = EXIT_STOPPED;
		return 0;
	}
	if (!v->different) {
		command_note(&c->common, "--verify: scores that agree to %s: %s", tolerance, number_group(v->n, n));
		return 0;
	}
	snprintf(text, sizeof text, "--verify: scores that differ by more than %s: %s of %s (the worst: %s)", tolerance, number_group(v->different, n),
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
static void missing_metrics(const struct classify *c, const struct panel_role *role, struct metrics *m, struct buf *label)
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

	for (size_t i = 0; i < c->panel.n; i++) {
		const struct scorer *s = &c->panel.roles[i].scorer;
		label_of(&label, s);
		stats_add(m, "model", "gauge", "The model in use.", add_label(&label, "id", s->model->id), 1);
	}
	for (size_t i = 0; i < c->panel.n; i++)
		stats_add(m, "models_loaded_total", "counter", "Models taken into use.", label_of(&label, &c->panel.roles[i].scorer),
		    (double)live_loaded(c->panel.roles[i].scorer.live));
	for (size_t i = 0; i < c->panel.n; i++)
		stats_add(m, "models_refused_total", "counter", "Models that were not valid.", label_of(&label, &c->panel.roles[i].scorer),
		    (double)live_refused(c->panel.roles[i].scorer.live));
	for (size_t i = 0; i < c->panel.n; i++)
		missing_metrics(c, &c->panel.roles[i], m, &label);
	buf_release(&label);
}

static void classify_release(void *tool)
{
	struct classify *c = tool;

	for (struct panel_part *p; (p = c->parts); free(p)) {
		c->parts = p->next;
		panel_part_release(p);
	}
	panel_part_release(&c->own);
	panel_release(&c->panel);
	free(c->misfit_told);
	naming_release(&c->names);
	nest_release(&c->nest);
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
	OPT_FLAG(0, "verify", struct classify, verify, "exit 3 when a score that a record brings is another, or none brings one"),
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
		.name = "classify", .start = classify_start, .records = classify_records, .split = classify_split, .work = panel_work,
		.join = classify_join, .deadline = classify_deadline, .tick = classify_tick, .reload = classify_reload, .save = classify_save, .restore = classify_restore,
		.finish = classify_finish, .metrics = classify_metrics,
	},
	.release = classify_release,
};
