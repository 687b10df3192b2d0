/* SPDX-License-Identifier: MIT */
/* Schema, labels, bands, model file, and a model that is replaced while in use. */
#include "model/model.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/savefile.h"
#include "model/bands.h"
#include "model/fit.h"
#include "model/labels.h"
#include "model/live.h"
#include "model/modelfile.h"
#include "model/report.h"
#include "tap.h"

#define MINIMAL "{\"format\":1,\"kind\":\"logistic\",\"labels\":[\"STANDARD\",\"HIGH_VALUE\"],\n" \
	"\"positive\":\"HIGH_VALUE\",\"threshold\":0.5,\n" \
	"\"features\":[{\"name\":\"basket_size\",\"mean\":3,\"scale\":2,\"weight\":1.8},\n" \
	"{\"name\":\"total_value\",\"mean\":150,\"scale\":100,\"weight\":3.2},\n" \
	"{\"name\":\"user_history\",\"mean\":5,\"scale\":3,\"weight\":0.9}],\"bias\":-2.5}\n"

static struct error why;
static char stated[64];

static struct model *parse(const char *text)
{
	return modelfile_parse(text, strlen(text), NULL, stated, &why);
}

static void drop(struct model *m)
{
	model_release(m);
	free(m);
}

static double margin(const struct model *m, const double *x)
{
	double z;

	model_margins(m, x, 1, &z);
	return z;
}

static double score(const struct model *m, const double *x)
{
	double z = margin(m, x);

	model_scores(m, &z, 1);
	return z;
}

static void schemas(void)
{
	struct schema s = SCHEMA_INIT;
	size_t order[8];
	enum missing missing;
	double number;

	is_int(schema_parse_list(&s, "f[10],total,f[2],color=red", MISSING_MEAN, 0, &why), 0, "a list of names");
	is_int(s.n, 4, "four of them");
	is_int(schema_find(&s, "total", 5), 1, "found by name");
	is_int(schema_find(&s, "tot", 3), 4, "a part of a name is no name");
	schema_sort(&s, order);
	is_str(s.inputs[1].name, "f[2]", "numbers in names count");
	is_str(s.inputs[2].name, "f[10]", "... up");
	is_int(order[1], 2, "and the order is told");
	schema_drop(&s, 1);
	is_str(s.inputs[1].name, "f[10]", "one is dropped");
	is_int(schema_parse_list(&s, "x,total", MISSING_MEAN, 0, &why), -1, "twice");
	is_str(why.text, "\"total\" is there twice", "it says so");
	is_int(schema_parse_list(&s, "y,", MISSING_MEAN, 0, &why), -1, "an empty name");
	is_str(why.text, "\"y,\" has an empty name", "it says so");
	schema_release(&s);
	is_int(schema_parse_list(&s, " a b ,\tc , d=x y", MISSING_MEAN, 0, &why), 0, "blanks around names");
	ok(s.n == 3 && schema_find(&s, "a b", 3) == 0 && schema_find(&s, "c", 1) == 1 && schema_find(&s, "d=x y", 5) == 2,
	    "are no part of them, those inside are");
	is_int(schema_parse_list(&s, "e, ,f", MISSING_MEAN, 0, &why), -1, "blanks alone");
	is_str(why.text, "\"e, ,f\" has an empty name", "are no name");
	is_int(schema_parse_list(&s, "g, c", MISSING_MEAN, 0, &why), -1, "twice");
	is_str(why.text, "\"c\" is there twice", "with or without blanks");
	schema_release(&s);
	ok(!schema_parse_missing("mean", &missing, &number, &why) && missing == MISSING_MEAN, "mean");
	ok(!schema_parse_missing("error", &missing, &number, &why) && missing == MISSING_ERROR, "error");
	ok(!schema_parse_missing("-1.5", &missing, &number, &why) && missing == MISSING_NUMBER && number == -1.5, "a number");
	is_int(schema_parse_missing("median", &missing, &number, &why), -1, "another word");
}

static int positive(struct value a, uint64_t n, struct value b, uint64_t m, const char *wanted)
{
	struct labels l = {0};
	int result;

	while (n--)
		labels_add(&l, a, &why);
	while (m--)
		labels_add(&l, b, &why);
	result = labels_positive(&l, wanted, &why);
	labels_release(&l);
	return result;
}

#define TEXT(s) value_text(s, sizeof s - 1)

static void label_rules(void)
{
	struct labels l = {0};

	is_int(labels_add(&l, value_integer(1), &why), 0, "the first label");
	is_int(labels_add(&l, TEXT("1"), &why), 0, "1 and \"1\" are one label");
	is_int(labels_add(&l, (struct value){ .type = VALUE_DOUBLE, .number = 1.0 }, &why), 0, "and 1.0");
	is_int(labels_add(&l, value_integer(-1), &why), 1, "-1 is another");
	is_int(labels_find(&l, TEXT("-1")), 1, "found by text");
	is_int(labels_find(&l, TEXT("x")), -1, "another is not");
	is_int(labels_add(&l, value_bool(true), &why), -1, "a third");
	is_str(why.text, "a third label, \"true\", beside \"1\" and \"-1\": two are told apart", "it is named");
	is_int(labels_add(&l, value_null(), &why), -1, "null is none");
	labels_release(&l);

	l = (struct labels){ .many = true };
	for (int i = 0; i < LABELS_MOST; i++)
		labels_add(&l, value_integer((i * 7 + 3) % LABELS_MOST), &why);
	int *place = alloc_bytes(LABELS_MOST * sizeof *place);
	labels_sort(&l, place);
	ok(l.n == LABELS_MOST && place[0] == 3 && place[1] == 10, "many labels; numbers stand in order of values");
	is_int(labels_add(&l, TEXT("x"), &why), -1, "one too many");
	is_str(why.text, "more than 1000 different labels, the last \"x\": are these labels?", "it says so");
	labels_release(&l);
	l = (struct labels){ .many = true };
	labels_add(&l, TEXT("10"), &why);
	labels_add(&l, TEXT("b"), &why);
	labels_add(&l, TEXT("9"), &why);
	labels_sort(&l, place);
	ok(place[0] == 0 && place[1] == 2 && place[2] == 1, "with a word among them, texts in order of bytes");
	labels_release(&l);
	free(place);

	is_int(positive(value_integer(0), 1, value_integer(1), 9, NULL), 1, "1 is positive, though not rarer");
	is_int(positive(value_integer(1), 9, value_integer(-1), 1, NULL), 0, "in any order");
	is_int(positive(value_bool(false), 1, value_bool(true), 2, NULL), 1, "true");
	is_int(positive(TEXT("a"), 2, TEXT("b"), 3, NULL), 0, "the rarer");
	is_int(positive(TEXT("b"), 3, TEXT("a"), 3, NULL), 0, "a tie: the last in order");
	is_int(positive(TEXT("a"), 2, TEXT("b"), 3, "b"), 1, "the one that is asked for");
	is_int(positive(TEXT("a"), 2, TEXT("b"), 3, "c"), -1, "none of that name");
	is_str(why.text, "no label is \"c\": they are \"a\" and \"b\"", "it says so");
	is_int(positive(TEXT("a"), 2, TEXT("a"), 3, NULL), -1, "one class");
	is_str(why.text, "one class only: every label is \"a\"", "it says so");
	is_int(positive(TEXT("a"), 0, TEXT("a"), 0, NULL), -1, "no label");
}

static void band_rules(void)
{
	static const struct { const char *text, *message; } wrong[] = {
		{ "HIGH", "\"HIGH\" is not NAME=P with P from 0 to 1" }, { "=0", "\"=0\" is not NAME=P with P from 0 to 1" },
		{ "A=2,B=0", "\"A=2\" is not NAME=P with P from 0 to 1" }, { "A=0.5,B=x", "\"B=x\" is not NAME=P with P from 0 to 1" },
		{ "A=0.5,B=0.5,C=0", "\"B=0.5\" does not begin below the one before it: the highest comes first" },
		{ "A=0.5,A=0", "\"A\" is there twice" }, { "A=0.5", "the last one must begin at 0: what lies below has no name" },
		{ "", "\"\" is not NAME=P with P from 0 to 1" }, { "A=0.5,,B=0", "\"\" is not NAME=P with P from 0 to 1" },
	};
	struct arena arena = ARENA_INIT;
	struct bands b;

	is_int(bands_parse(&b, "HIGH=0.9,A=B=0.5,LOW=0", &arena, &why), 0, "three bands");
	ok(value_equal(b.bands[bands_find(&b, 1)].name, TEXT("HIGH")), "1");
	ok(value_equal(b.bands[bands_find(&b, 0.9)].name, TEXT("HIGH")), "at the edge");
	ok(value_equal(b.bands[bands_find(&b, 0.89)].name, TEXT("A=B")), "below it; a name may hold =");
	ok(value_equal(b.bands[bands_find(&b, 0)].name, TEXT("LOW")), "0");
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		is_int(bands_parse(&b, wrong[i].text, &arena, &why), -1, "\"%s\" is refused", wrong[i].text);
		is_str(why.text, wrong[i].message, "with a sentence");
	}
	arena_release(&arena);
}

static void example(void)
{
	struct model *m = parse(MINIMAL);
	const double x[] = { 5, 250, 10 };
	struct buf b = BUF_INIT;

	if (!ok(m != NULL, "the model of sml-model(5)"))
		return;
	is_double(margin(m, x), 4, "its margin by hand: -2.5 + 1.8 + 3.2 + 1.5");
	is_near(score(m, x), 0.98201379003790844, 1e-16, "and probability");
	is_str(m->id, "c8ef0add65bf158d", "its id");
	is_str(stated, "", "none is stated");
	modelfile_show(m, &b, true);
	struct model *again = modelfile_parse(b.data, b.len, NULL, stated, &why);
	ok(again && !strcmp(again->id, m->id), "written and read again, it is the same model");
	is_str(stated, "", "the id that was written is right");
	ok(memchr(b.data, '\n', b.len) == b.data + b.len - 1, "on one line");
	drop(again);
	buf_clear(&b);
	modelfile_show(m, &b, false);
	again = modelfile_parse(b.data, b.len, NULL, stated, &why);
	ok(again && !strcmp(again->id, m->id), "on many lines too");
	drop(again);
	m->schema.inputs[0].scale = 0;
	is_double(margin(m, x), 2.2, "scale 0 contributes 0");
	drop(m);
	buf_release(&b);
}

/* An id says what decides scores and labels, and nothing else. */
static void identity(void)
{
	static const struct { const char *from, *to; bool same; } edits[] = {
		{ "{\"format\":1", "{\"format\":1.0,\"note\":[1,{}]", true }, { ",\"threshold\":0.5", "", true },
		{ "\"mean\":3,", "\"mean\":3.0,\"colour\":null,", true }, { "\"weight\":1.8", "\"weight\":1.8,\"missing\":\"error\"", true },
		{ "[\"STANDARD\",\"HIGH_VALUE\"]", "[\"HIGH_VALUE\",\"STANDARD\"]", true }, { "\"bias\":-2.5", "\"id\":\"7\",\"bias\":-2.5", true },
		{ "\"threshold\":0.5", "\"threshold\":0.6", false }, { "\"mean\":3,", "\"mean\":4,", false },
		{ "\"weight\":1.8", "\"weight\":1.8,\"missing\":\"mean\"", false }, { "\"weight\":1.8", "\"weight\":1.8,\"missing\":0", false },
		{ "\"positive\":\"HIGH_VALUE\"", "\"positive\":\"STANDARD\"", false }, { "basket_size", "basketsize", false },
	};
	struct model *first = parse(MINIMAL);

	for (size_t i = 0; i < sizeof edits / sizeof *edits; i++) {
		const char *at = strstr(MINIMAL, edits[i].from);
		char *text = alloc_format("%.*s%s%s", (int)(at - MINIMAL), MINIMAL, edits[i].to, at + strlen(edits[i].from));
		struct model *m = parse(text);
		ok(m && !strcmp(m->id, first->id) == edits[i].same, "%s for %s: %s id", edits[i].to, edits[i].from, edits[i].same ? "the same" : "another");
		if (m)
			drop(m);
		free(text);
	}
	struct model *m = parse("{\"format\":1,\"kind\":\"linear\",\"id\":\"old\",\"features\":[],\"bias\":1}");
	ok(m && m->kind == MODEL_LINEAR && margin(m, NULL) == 1, "a linear model of a bias alone");
	is_str(stated, "old", "an id that is stated is told");
	drop(m);
	drop(first);
}

static void refusals(void)
{
	static const struct { const char *from, *to, *message; } edits[] = {
		{ "{\"format\"", "{\"fromat\"", "is no model: it has no member format (see sml-model(5))" }, { "\"format\":1", "\"format\":2", "format: is 2, this version reads 1" },
		{ "\"format\":1", "\"format\":\"1\"", "format: is \"1\", this version reads 1" },
		{ "\"kind\":\"logistic\",", "", "kind: is missing (logistic, linear, softmax, one-vs-rest, tree, forest)" }, { "\"logistic\"", "3", "kind: must be a string (logistic, linear, softmax, one-vs-rest, tree, forest)" },
		{ "logistic", "soft", "kind: \"soft\" is none of logistic, linear, softmax, one-vs-rest, tree, forest" },
		{ "\"labels\":", "\"label\":", "labels: is missing" }, { "[\"STANDARD\",", "[", "labels: must be an array of two strings" },
		{ "\"STANDARD\",", "7,", "labels[0]: must be a string (without NUL)" },
		{ "\"STANDARD\",", "\"HIGH_VALUE\",", "labels[1]: \"HIGH_VALUE\" is labels[0] too" },
		{ "\"positive\":\"HIGH_VALUE\",", "", "positive: is missing" },
		{ "\"positive\":\"HIGH_VALUE\"", "\"positive\":\"HIGH\"", "positive: \"HIGH\" is none of the labels" },
		{ "0.5", "1.5", "threshold: must be a finite number from 0 to 1" }, { "0.5", "null", "threshold: must be a finite number from 0 to 1" },
		{ "\"features\":", "\"inputs\":", "features: is missing" }, { "[{\"name\"", "[7,{\"name\"", "features[0]: must be an object" },
		{ "{\"name\":\"total_value\",", "{", "features[1].name: is missing" },
		{ "\"total_value\"", "\"\"", "features[1].name: must be a string (not empty, without NUL)" },
		{ "\"total_value\"", "\"basket_size\"", "features[1].name: \"basket_size\" is features[0].name too" },
		{ "\"mean\":150,", "", "features[1].mean: is missing" }, { "\"mean\":150", "\"mean\":\"150\"", "features[1].mean: must be a finite number" },
		{ "\"mean\":150", "\"mean\":1e999", "features[1].mean: must be a finite number" },
		{ "\"scale\":100", "\"scale\":-1", "features[1].scale: must be a finite number, 0 or greater" },
		{ "\"scale\":100,", "", "features[1].scale: is missing" }, { ",\"weight\":3.2", "", "features[1].weight: is missing" },
		{ "\"weight\":3.2", "\"weight\":null", "features[1].weight: must be a finite number" },
		{ "\"weight\":3.2", "\"weight\":3.2,\"missing\":\"median\"", "features[1].missing: must be \"mean\", \"error\" or a finite number" },
		{ ",\"bias\":-2.5", "", "bias: is missing" }, { "-2.5", "[]", "bias: must be a finite number" },
	};
	for (size_t i = 0; i < sizeof edits / sizeof *edits; i++) {
		const char *at = strstr(MINIMAL, edits[i].from);
		char *text = alloc_format("%.*s%s%s", (int)(at - MINIMAL), MINIMAL, edits[i].to, at + strlen(edits[i].from));
		ok(parse(text) == NULL, "%s for %s is refused", edits[i].to, edits[i].from);
		is_str(why.text, edits[i].message, "with its place");
		free(text);
	}
	ok(!parse("[]") && !strcmp(why.text, "is no model: it is not a JSON object"), "an array: %s", why.text);
	ok(!parse("{\"format\":NaN}") && !strncmp(why.text, "is no model: not JSON at 1:11: ", 31), "no JSON, with line and column: %s", why.text);
	ok(!modelfile_parse("\0\n", 2, NULL, stated, &why) && !strncmp(why.text, "is no model: not JSON at 1:1: ", 30), "a NUL: %s", why.text);
	ok(!parse("") && !strcmp(why.text, "is no model: it is empty"), "empty: %s", why.text);
	ok(!parse(" \r\n") && !strcmp(why.text, "is no model: it is empty"), "blank: %s", why.text);
}

/* Any model that training makes comes back from its file with the same bits. */
static void round_trip(void)
{
	struct model m = { .kind = MODEL_LINEAR };
	struct dataset ds = DATASET_INIT;
	const struct fit fit = { .l2 = 0.1 };
	struct fit_report report = {0};
	struct buf a = BUF_INIT, b = BUF_INIT;

	schema_parse_list(&m.schema, "x,y,gone", MISSING_MEAN, 0, &why);
	for (int i = 0; i < 3; i++)
		dataset_add_column(&ds);
	for (int i = 0; i < 50; i++)
		dataset_add(&ds, (const double[]){ sin(i) * 1e-7, i % 7 ? cos(i) / 3 : NAN, 4 }, sin(i * 1.1), 1);
	dataset_seal(&ds);
	is_int(fit_model(&m, &ds, &fit, &report, &why), 0, "a model is learned");
	ok(report.columns[1].n == 42 && report.columns[2].deviation == 0, "missing values and constants are told");
	is_double(m.schema.inputs[2].scale, 0, "a constant has scale 0");
	is_double(m.weights[2], 0, "and no weight");
	modelfile_show(&m, &a, false);
	struct model *n = modelfile_parse(a.data, a.len, NULL, stated, &why);
	ok(n && !strcmp(n->id, m.id), "read back: the same id");
	bool same = n && n->bias[0] == m.bias[0];
	for (int j = 0; n && j < 3; j++)
		same &= n->weights[j] == m.weights[j] && n->schema.inputs[j].mean == m.schema.inputs[j].mean &&
		    n->schema.inputs[j].scale == m.schema.inputs[j].scale;
	ok(same, "and the same bits");
	/* The scores of training are those of scoring. */
	bool equal = n != NULL;
	for (int i = 0; n && i < 50; i++) {
		const double x[] = { sin(i) * 1e-7, i % 7 ? cos(i) / 3 : n->schema.inputs[1].mean, 4 };
		equal &= score(n, x) == report.scores.one[i].score;
	}
	ok(equal, "it scores its training data as training did");
	modelfile_show(&m, &b, false);
	ok(a.len == b.len && !memcmp(a.data, b.data, a.len), "the same text twice");
	drop(n);
	free(report.columns);
	fit_scores_release(&report.scores);
	model_release(&m);
	dataset_release(&ds);
	buf_release(&a);
	buf_release(&b);
}

/* The same of a model with an output per label; fills in the labels. */
static void round_trip_of_labels(enum model_kind kind)
{
	struct model m = { .kind = kind, .n_labels = 3, .labels = alloc_zeroed(3, sizeof *m.labels) };
	struct dataset ds = DATASET_INIT;
	const struct fit fit = { .l2 = 0.1, .balanced = true };
	struct fit_report report = {0};
	struct buf a = BUF_INIT;

	for (int k = 0; k < 3; k++)
		m.labels[k] = alloc_format("%d", k);
	schema_parse_list(&m.schema, "x,y", MISSING_MEAN, 0, &why);
	for (int i = 0; i < 2; i++)
		dataset_add_column(&ds);
	for (int i = 0; i < 1100; i++)
		dataset_add(&ds, (const double[]){ sin(i), cos(i * 1.3) }, (int)(4 + 2 * sin(i) + sin(i * 7.7)) % 3, 1 + i % 2);
	dataset_seal(&ds);
	is_int(fit_model(&m, &ds, &fit, &report, &why), 0, "%s: a model is learned", model_kind_names[kind]);
	modelfile_show(&m, &a, true);
	struct model *n = modelfile_parse(a.data, a.len, NULL, stated, &why);
	ok(n && !strcmp(n->id, m.id) && !memcmp(n->weights, m.weights, 6 * sizeof *m.weights) && !memcmp(n->bias, m.bias, 3 * sizeof *m.bias),
	    "read back: the same id and bits");
	bool equal = n != NULL, one = true;
	for (int i = 0; n && i < 1100; i++) {
		double x[] = { sin(i), cos(i * 1.3) }, z[3];
		model_margins(n, x, 1, z);
		model_scores(n, z, 1);
		equal &= !memcmp(z, report.scores.many.p + (size_t)i * 3, sizeof z);
		one &= fabs(z[0] + z[1] + z[2] - 1) < 1e-15;
	}
	ok(equal, "it scores its training data as training did");
	ok(one, "probabilities add up to 1");
	drop(n);
	free(report.columns);
	fit_scores_release(&report.scores);
	model_release(&m);
	dataset_release(&ds);
	buf_release(&a);
}

/* ---- replacement ---- */

static char folder[] = "/tmp/test-model-XXXXXX";

static const char *at(const char *name)
{
	static char path[4][256];
	static int i;

	snprintf(path[i = (i + 1) % 4], sizeof path[0], "%s/%s", folder, name);
	return path[i];
}

static void put(const char *name, double bias)
{
	char *text = alloc_format("{\"format\":1,\"kind\":\"linear\",\"features\":[],\"bias\":%g}", bias);

	savefile_write(at(name), text, strlen(text), &why);
	free(text);
}

static void put_text(const char *name, const char *text)
{
	savefile_write(at(name), text, strlen(text), &why);
}

static double bias(const struct live *l)
{
	return live_model(l)->bias[0];
}

static int no_sevens(void *self, const struct model *m, struct error *reason)
{
	(void)self;
	return m->bias[0] == 7 ? error_set(reason, "seven") : 0;
}

static bool replaced(struct live *l)
{
	return live_look(l, &why) == 1 && live_take(l);
}

static bool waits(const struct live *l, double bias)
{
	return live_next(l) && live_next(l)->bias[0] == bias;
}

static void replacement(void)
{
	put("m.json", 1);
	struct live *l = live_open(at("m.json"), &(struct live_use){ .check = no_sevens }, &why);
	if (!ok(l != NULL, "a file is opened"))
		return;
	ok(!live_look(l, &why) && !why.text[0], "nothing new");
	put("m.json", 2);
	ok(replaced(l) && bias(l) == 2, "replaced");
	put_text("m.json", "{\"format\":3}");
	ok(!live_look(l, &why) && strstr(why.text, "format: is 3"), "a bad one is refused: %s", why.text);
	ok(!live_look(l, &why) && !why.text[0], "and told once");
	ok(bias(l) == 2 && live_refused(l) == 1, "the old one goes on");
	put("m.json", 7);
	ok(!live_look(l, &why) && strstr(why.text, "m.json: seven"), "so is one that the user refuses: %s", why.text);
	unlink(at("m.json"));
	ok(!live_look(l, &why) && strstr(why.text, "No such file"), "a missing one is told: %s", why.text);
	ok(!live_look(l, &why) && !why.text[0], "once");
	put("m.json", 3);
	ok(replaced(l) && bias(l) == 3 && live_loaded(l) == 3, "and taken when it is back");
	live_close(l);

	/* As a ConfigMap is swapped: the path is a link to a file behind a link to a folder. */
	mkdir(at("v1"), 0777);
	mkdir(at("v2"), 0777);
	put("v1/m.json", 11);
	put("v2/m.json", 12);
	ok(!symlink("v1", at("data")) && !symlink("data/m.json", at("link.json")), "links");
	l = live_open(at("link.json"), &(struct live_use){0}, &why);
	ok(l && bias(l) == 11, "a link is followed");
	ok(!symlink("v2", at("new")) && !rename(at("new"), at("data")), "the folder is swapped");
	ok(replaced(l) && bias(l) == 12, "the new one is seen");
	live_close(l);
	ok(!live_open(at("none.json"), &(struct live_use){0}, &why) && strstr(why.text, "none.json: No such file"), "no file: %s", why.text);
}

static void registry(void)
{
	mkdir(at("models"), 0777);
	ok(!live_open(at("models"), &(struct live_use){0}, &why) && strstr(why.text, "no *.json, *.ubj or *.txt file"), "an empty folder: %s", why.text);
	put_text("models/0001.json", "{}");
	ok(!live_open(at("models"), &(struct live_use){0}, &why) && strstr(why.text, "0001.json: is no model: it has no member format"), "a bad one alone: %s", why.text);
	put("models/0001.json", 1);
	put("models/0002.json", 2);
	put("models/.0009.json", 9);
	put("models/notes.bak", 9);
	put_text("models/0003.json", "{}");
	struct live *l = live_open(at("models"), &(struct live_use){0}, &why);
	if (!ok(l != NULL, "a folder is opened"))
		return;
	is_double(bias(l), 2, "the newest valid version");
	ok(strstr(why.text, "0003.json: is no model: it has no member format"), "a newer bad one is told: %s", why.text);
	ok(!live_look(l, &why) && !why.text[0], "once");
	put("models/0003.json", 3);
	ok(replaced(l) && bias(l) == 3, "until it is mended");
	put("models/0010.json", 10);
	ok(replaced(l) && bias(l) == 10, "10 is newer than 3");
	unlink(at("models/0010.json"));
	ok(replaced(l) && bias(l) == 3, "removing it rolls back");
	put("models/0002.json", 22);
	ok(!live_look(l, &why) && bias(l) == 3, "an older one changes nothing");
	for (int i = 1; i <= 3; i++)
		unlink(at(i == 1 ? "models/0001.json" : i == 2 ? "models/0002.json" : "models/0003.json"));
	ok(!live_look(l, &why) && why.text[0] && bias(l) == 3, "all removed: the last one goes on: %s", why.text);
	put("models/v9.json", 9);
	put("models/v10.json", 10);
	ok(replaced(l), "names count as people do:");
	is_double(bias(l), 10, "v10 is newer than v9: %s", live_path(l));
	live_close(l);
}

static void waiting(void)
{
	mkdir(at("later"), 0777);
	put("later/1.json", 1);
	struct live *l = live_open(at("later"), &(struct live_use){ .check = no_sevens }, &why);
	if (!ok(l && !live_next(l), "nothing waits at first"))
		return;
	put("later/2.json", 2);
	ok(live_look(l, &why) == 1 && bias(l) == 1 && waits(l, 2) && live_loaded(l) == 1, "what was read waits");
	ok(!live_look(l, &why) && waits(l, 2), "and is not read again");
	put_text("later/3.json", "{}");
	ok(!live_look(l, &why) && why.text[0] && waits(l, 2), "a bad one changes nothing: %s", why.text);
	put("later/3.json", 3);
	ok(live_look(l, &why) == 1 && bias(l) == 1 && waits(l, 3), "a newer one waits in its place");
	unlink(at("later/3.json"));
	ok(live_look(l, &why) == 1 && waits(l, 2), "until it is removed");
	unlink(at("later/2.json"));
	ok(!live_look(l, &why) && !live_next(l) && !live_take(l) && bias(l) == 1, "and nothing where the one in use is the newest again");
	put("later/2.json", 2);
	ok(live_look(l, &why) == 1 && live_take(l) && bias(l) == 2 && !live_next(l) && live_loaded(l) == 2, "taken");

	static const char old[] = "{\"format\":1,\"kind\":\"linear\",\"features\":[],\"bias\":5}";
	ok(!live_resume(l, "kept", old, strlen(old), NULL, &why) && bias(l) == 5 && waits(l, 2), "an earlier one goes on, and the file's waits");
	ok(!strcmp(live_path(l), "kept") && live_loaded(l) == 2, "in its place");
	ok(!live_look(l, &why) && waits(l, 2), "it is not read again");
	put("later/4.json", 4);
	ok(live_look(l, &why) == 1 && !live_resume(l, "kept", old, strlen(old), NULL, &why) && bias(l) == 5 && waits(l, 4), "the newest one waits");
	ok(live_resume(l, "kept", "{\"format\":3}", 12, NULL, &why) && strstr(why.text, "kept: format: is 3"), "a bad one: %s", why.text);
	static const char seven[] = "{\"format\":1,\"kind\":\"linear\",\"features\":[],\"bias\":7}";
	ok(live_resume(l, "kept", seven, strlen(seven), NULL, &why) && strstr(why.text, "kept: seven"), "one that the user refuses: %s", why.text);
	ok(bias(l) == 5 && live_take(l) && bias(l) == 4 && live_loaded(l) == 3, "the file's is taken behind it");
	live_close(l);
}

int main(void)
{
	schemas();
	label_rules();
	band_rules();
	example();
	identity();
	refusals();
	round_trip();
	round_trip_of_labels(MODEL_SOFTMAX);
	round_trip_of_labels(MODEL_ONE_VS_REST);
	if (!mkdtemp(folder))
		return 1;
	replacement();
	registry();
	waiting();
	char *command = alloc_format("rm -rf %s", folder);
	ok(!system(command), "cleaned up");
	free(command);
	return done();
}
