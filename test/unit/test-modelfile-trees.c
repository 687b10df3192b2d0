/* SPDX-License-Identifier: MIT */
#include "model/modelfile-trees.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "model/modelfile.h"
#include "model/trees.h"
#include "tap.h"

#define TREE "{\"format\":1,\"kind\":\"tree\",\"labels\":[\"no\",\"yes\"],\"positive\":\"yes\",\"threshold\":0.5," \
	"\"features\":[{\"name\":\"total\"},{\"name\":\"colour\",\"categories\":[\"red\",\"blue\",\"green\"]},{\"name\":\"age\",\"missing\":3}]," \
	"\"trees\":[[{\"feature\":\"total\",\"at_most\":120.5,\"yes\":1,\"no\":4,\"missing\":\"yes\",\"rows\":100}," \
	"{\"feature\":\"colour\",\"one_of\":[\"red\",\"green\"],\"yes\":2,\"no\":3,\"rows\":60}," \
	"{\"rows\":40,\"value\":0.875},{\"rows\":20,\"value\":0.125}," \
	"{\"feature\":\"age\",\"present\":true,\"yes\":5,\"no\":6,\"rows\":40},{\"rows\":30,\"value\":0.25},{\"rows\":10,\"value\":0.5}]]}"

#define FOREST "{\"format\":1,\"kind\":\"forest\",\"labels\":[\"a\",\"b\",\"c\"],\"features\":[{\"name\":\"x\"}]," \
	"\"trees\":[[{\"feature\":\"x\",\"at_most\":0,\"yes\":2,\"no\":1,\"rows\":4},{\"rows\":1,\"value\":[0.5,0.25,0.25]}," \
	"{\"rows\":3,\"value\":[0,0,1]}],[{\"rows\":4,\"value\":[1,0,0]}]]}"

#define NUMBERS "{\"format\":1,\"kind\":\"tree\",\"features\":[{\"name\":\"x\",\"missing\":\"error\"}]," \
	"\"trees\":[[{\"feature\":\"x\",\"at_most\":0,\"yes\":1,\"no\":2},{\"value\":-7},{\"value\":1e300}]]}"

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

static double score(const struct model *m, const double *x)
{
	double z;

	model_margins(m, x, 1, &z);
	model_scores(m, &z, 1);
	return z;
}

static void rows(void)
{
	static const struct { double x[3], score; const char *path; } cases[] = {
		{ { 120.5, 0, 3 }, 0.875, "total <= 120.5; colour is one of red, green; " },
		{ { 120, 1, 3 }, 0.125, "total <= 120.5; colour is none of red, green; " },
		{ { NAN, NAN, 3 }, 0.125, "total is missing; colour is missing; " },
		{ { 121, 1, -1e308 }, 0.25, "total > 120.5; age is present; " },
		{ { 121, 1, NAN }, 0.5, "total > 120.5; age is missing; " },
	};
	struct model *m = parse(TREE);

	if (!ok(m != NULL, "a tree: %s", why.text))
		return;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct buf text = BUF_INIT;
		double parts[3], bias;
		uint32_t at = 0;
		while (model_path(m, cases[i].x, &at, &text))
			buf_add_text(&text, "; ");
		is_str(buf_text(&text), cases[i].path, "the path of row %zu", i);
		buf_release(&text);
		is_double(score(m, cases[i].x), cases[i].score, "... its score");
		model_contributions(m, cases[i].x, 0, parts, &bias);
		is_near(bias + parts[0] + parts[1] + parts[2], cases[i].score, 1e-15, "... of which the inputs have their parts");
		is_near(bias, 0.4 * 0.875 + 0.2 * 0.125 + 0.3 * 0.25 + 0.1 * 0.5, 1e-15, "... beside the mean of the leaves");
	}
	drop(m);
}

static void forests(void)
{
	struct model *m = parse(FOREST);
	const double x[] = { 0, 1 };
	double z[6];
	uint32_t at = 0;
	struct buf text = BUF_INIT;

	if (!ok(m != NULL, "a forest: %s", why.text))
		return;
	model_margins(m, x, 2, z);
	model_scores(m, z, 2);
	is_double(z[0], 0.5, "the mean of the trees' shares");
	is_double(z[2], 0.5, "... of each label");
	is_double(z[3], 0.75, "... of the next row");
	is_int(model_label(m, z), 0, "of equal shares the first label's");
	ok(!model_path(m, x, &at, &text), "a forest has no single path");
	buf_release(&text);
	drop(m);
	m = parse(NUMBERS);
	ok(m && m->n_labels == 0 && score(m, x) == -7 && score(m, x + 1) == 1e300, "without labels it predicts numbers");
	drop(m);
}

static void round_trips(void)
{
	static const char *const texts[] = { TREE, FOREST, NUMBERS };

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		for (int one_line = 0; one_line < 2; one_line++) {
			struct model *m = parse(texts[i]);
			struct buf a = BUF_INIT, b = BUF_INIT;
			modelfile_show(m, &a, one_line);
			struct model *again = modelfile_parse(a.data, a.len, NULL, stated, &why);
			ok(again && !strcmp(again->id, m->id), "written and read, it is the same model");
			modelfile_show(again, &b, one_line);
			is_bytes(b.data, b.len, buf_text(&a), "... and the same text");
			buf_release(&a);
			buf_release(&b);
			drop(m);
			drop(again);
		}
}

static void refusals(void)
{
	static const struct { const char *from, *to, *message; } edits[] = {
		{ "\"trees\":", "\"leaves\":", "trees: is missing" }, { "\"trees\":[[", "\"trees\":[],\"x\":[[", "trees: must be an array of trees (not empty)" },
		{ "\"trees\":[[", "\"trees\":[[],[", "trees: there are 2; a tree has one, a forest has more" },
		{ "\"kind\":\"tree\"", "\"kind\":\"forest\"", NULL }, { "\"trees\":[[", "\"trees\":[[]],\"x\":[[", "trees[0]: must be an array of nodes (not empty)" },
		{ "[[{", "[[4,{", "trees[0][0]: must be an object" }, { "\"feature\":\"total\",", "", "trees[0][0].feature: is missing, and so is value" },
		{ "\"feature\":\"total\"", "\"feature\":\"sum\"", "trees[0][0].feature: is none of the features" },
		{ "\"feature\":\"total\"", "\"feature\":7", "trees[0][0].feature: must be a string" },
		{ "\"feature\":\"total\"", "\"feature\":\"total\",\"value\":1", "trees[0][0].value: stands beside feature: a node is a leaf or a split" },
		{ "\"at_most\":120.5,", "", "trees[0][0].at_most: is missing" }, { "120.5", "\"120.5\"", "trees[0][0].at_most: must be a finite number" },
		{ "120.5", "120.5,\"one_of\":[]", "trees[0][0].at_most: one of at_most, one_of and present can be asked" },
		{ "\"at_most\":120.5", "\"one_of\":[]", "trees[0][0].one_of: \"total\" has no categories" },
		{ "\"one_of\":[\"red\",\"green\"]", "\"at_most\":1", "trees[0][1].at_most: \"colour\" has categories, of which one_of asks" },
		{ "\"one_of\":[\"red\",\"green\"]", "\"one_of\":\"red\"", "trees[0][1].one_of: must be an array of strings" },
		{ "\"one_of\":[\"red\",\"green\"]", "\"one_of\":[\"red\",\"brown\"]", "trees[0][1].one_of[1]: is none of the categories of \"colour\"" },
		{ "\"present\":true", "\"present\":false", "trees[0][4].present: must be true" },
		{ "\"present\":true", "\"present\":true,\"missing\":\"yes\"", "trees[0][4].missing: what is missing is not present: it goes to \"no\"" },
		{ "\"yes\":1", "\"yes\":7", "trees[0][0].yes: must be the place of a node in this tree, from 0 to 6" },
		{ "\"yes\":1", "\"yes\":-1", "trees[0][0].yes: must be the place of a node in this tree, from 0 to 6" },
		{ "\"yes\":1", "\"yes\":1.5", "trees[0][0].yes: must be the place of a node in this tree, from 0 to 6" },
		{ "\"yes\":1,", "", "trees[0][0].yes: is missing" }, { "\"no\":4,", "", "trees[0][0].no: is missing" },
		{ "\"yes\":1", "\"yes\":0", "trees: tree 0, node 0: is reached twice" }, { "\"no\":6", "\"no\":5", "trees: tree 0, node 5: is reached twice" },
		{ "\"missing\":\"yes\"", "\"missing\":\"left\"", "trees[0][0].missing: must be \"yes\" or \"no\"" },
		{ "\"rows\":100", "\"rows\":-1", "trees[0][0].rows: must be a finite number, 0 or greater" },
		{ "0.875", "1.5", "trees[0][2].value: must be a share of rows, from 0 to 1" }, { "0.875", "[1]", "trees[0][2].value: must be a finite number" },
		{ "\"missing\":3", "\"missing\":\"mean\"", "features[2].missing: must be \"branch\", \"error\" or a finite number" },
		{ "\"green\"]}", "\"green\"],\"missing\":3}", "features[1].missing: must be \"branch\", \"error\"" },
		{ "\"blue\"", "\"red\"", "features[1].categories[1]: \"red\" is categories[0] too" }, { "\"blue\"", "2", "features[1].categories[1]: must be a string (without NUL)" },
		{ "[\"red\",\"blue\",\"green\"]", "[]", "features[1].categories: must be an array of strings (not empty)" },
		{ "[\"no\",\"yes\"]", "[\"no\",\"yes\",\"3\"]", "trees[0][2].value: must be an array of a number per label" },
		{ "[\"no\",\"yes\"]", "[\"yes\"]", "labels: must be an array of two strings or more" },
	};

	for (size_t i = 0; i < sizeof edits / sizeof *edits; i++) {
		const char *at = strstr(TREE, edits[i].from);
		char *text = alloc_format("%.*s%s%s", (int)(at - TREE), TREE, edits[i].to, at + strlen(edits[i].from));
		struct model *m = parse(text);
		ok(!m == !!edits[i].message, "%s for %s is %s", edits[i].to, edits[i].from, edits[i].message ? "refused" : "taken");
		if (!m && edits[i].message)
			is_str(why.text, edits[i].message, "... with its place");
		if (m)
			drop(m);
		free(text);
	}
}

int main(void)
{
	rows();
	forests();
	round_trips();
	refusals();
	return done();
}
