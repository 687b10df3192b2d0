/* SPDX-License-Identifier: MIT */
#include "model/boost.h"

#include <dlfcn.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/number.h"
#include "json/write.h"

/* Of xgboost/c_api.h, 1.6 and later: 0, or -1 and XGBGetLastError. */
typedef void *handle;
typedef uint64_t count;

static struct {
	const char *(*XGBGetLastError)(void);
	int (*XGBSetGlobalConfig)(const char *json);
	int (*XGDMatrixCreateFromMat)(const float *, count rows, count columns, float missing, handle *);
	int (*XGDMatrixSetFloatInfo)(handle, const char *field, const float *, count);
	int (*XGDMatrixFree)(handle);
	int (*XGBoosterCreate)(const handle matrices[], count, handle *);
	int (*XGBoosterSetParam)(handle, const char *name, const char *value);
	int (*XGBoosterUpdateOneIter)(handle, int round, handle matrix);
	int (*XGBoosterSetAttr)(handle, const char *name, const char *value);
	int (*XGBoosterSetStrFeatureInfo)(handle, const char *field, const char **, count);
	int (*XGBoosterSaveModelToBuffer)(handle, const char *config, count *, const char **);
	int (*XGBoosterFree)(handle);
} lib;

/* ---- the library ---- */

static const struct { const char *name; void *at; } symbols[] = {
	{ "XGBGetLastError", &lib.XGBGetLastError }, { "XGBSetGlobalConfig", &lib.XGBSetGlobalConfig },
	{ "XGDMatrixCreateFromMat", &lib.XGDMatrixCreateFromMat }, { "XGDMatrixSetFloatInfo", &lib.XGDMatrixSetFloatInfo },
	{ "XGDMatrixFree", &lib.XGDMatrixFree }, { "XGBoosterCreate", &lib.XGBoosterCreate },
	{ "XGBoosterSetParam", &lib.XGBoosterSetParam }, { "XGBoosterUpdateOneIter", &lib.XGBoosterUpdateOneIter },
	{ "XGBoosterSetAttr", &lib.XGBoosterSetAttr }, { "XGBoosterSetStrFeatureInfo", &lib.XGBoosterSetStrFeatureInfo },
	{ "XGBoosterSaveModelToBuffer", &lib.XGBoosterSaveModelToBuffer }, { "XGBoosterFree", &lib.XGBoosterFree },
};

static int load(const char *path, struct error *why)
{
	void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);

	if (!library)
		return error_set(why, "%s", dlerror());
	for (size_t i = 0; i < sizeof symbols / sizeof *symbols; i++) {
		void *found = dlsym(library, symbols[i].name);
		if (!found) {
			dlclose(library);
			return error_set(why, "%s has no %s: XGBoost 1.6 or later is needed", path, symbols[i].name);
		}
		memcpy(symbols[i].at, &found, sizeof found);	/* C has no cast from an object's pointer to a function's */
	}
	return 0;
}

int boost_check(struct error *why)
{
	static bool loaded;
	const char *path = getenv("SML_LIBXGBOOST");
	struct error ignored;

	if (loaded)
		return 0;
	if (path && *path) {
		if (load(path, why))
			return error_prefix(why, "SML_LIBXGBOOST");
	} else if (load("libxgboost.so.0", &ignored) && load("libxgboost.so", &ignored)) {
		return error_set(why, "needs XGBoost's library, which is not here: install libxgboost0 (so Debian calls it), "
		    "or name libxgboost.so in SML_LIBXGBOOST");
	}
	loaded = true;
	lib.XGBSetGlobalConfig("{\"verbosity\":0}");
	return 0;
}

/* What is wrong, of "[10:20:30] ./src/data.cc:1: Check failed: x: What is wrong\nStack trace:...". */
static int complain(struct error *why)
{
	const char *text = lib.XGBGetLastError(), *from = strstr(text, "Check failed: "), *end = text + strcspn(text, "\n");

	if (from && from < end)
		text = from;
	return error_set(why, "XGBoost: %.*s", (int)(end - text), text);
}

/* ---- the data ---- */

static int too_large(const struct schema *s, size_t input, double x, struct error *why)
{
	char number[NUMBER_SHOW_MAX];

	number_show(x, number);
	return error_set(why, "%s%s: %s is too large for XGBoost, which counts in float", input < s->n ? "feature " : "a label",
	    input < s->n ? s->inputs[input].name : "", number);
}

static int fill(const struct dataset *ds, const struct schema *s, float *x, float *answer, float *weight, struct error *why)
{
	for (size_t i = 0; i < ds->rows; i++) {
		const struct dataset_block *b = &ds->blocks[i / KERNEL_ROWS];
		const size_t at = i % KERNEL_ROWS;
		answer[i] = (float)b->answer[at];
		weight[i] = (float)b->weight[at];
		if (!isfinite(answer[i]))
			return too_large(s, s->n, b->answer[at], why);
		for (size_t j = 0; j < ds->columns; j++) {
			*x = (float)b->column[j][at];
			if (isinf(*x++))
				return too_large(s, j, b->column[j][at], why);
		}
	}
	return 0;
}

static int make_matrix(const struct dataset *ds, const struct schema *s, handle *matrix, struct error *why)
{
	float *x = alloc_bytes((ds->rows * ds->columns + 1) * sizeof *x), *answer = alloc_bytes((ds->rows + 1) * sizeof *answer),
	    *weight = alloc_bytes((ds->rows + 1) * sizeof *weight);
	int result = fill(ds, s, x, answer, weight, why);

	if (!result && (lib.XGDMatrixCreateFromMat(x, ds->rows, ds->columns, NAN, matrix) ||
	    lib.XGDMatrixSetFloatInfo(*matrix, "label", answer, ds->rows) || lib.XGDMatrixSetFloatInfo(*matrix, "weight", weight, ds->rows)))
		result = complain(why);
	free(x);
	free(answer);
	free(weight);
	return result;
}

static double mean_answer(const struct dataset *ds)
{
	double sum = 0, weight = 0;

	for (size_t b = 0; b < ds->n_blocks; b++)
		for (size_t i = 0; i < dataset_rows(ds, b); i++) {
			sum += ds->blocks[b].weight[i] * ds->blocks[b].answer[i];
			weight += ds->blocks[b].weight[i];
		}
	return sum / weight;
}

/* ---- learning ---- */

static int set(handle booster, const char *name, double value)
{
	char text[NUMBER_SHOW_MAX];

	number_show(value, text);
	return lib.XGBoosterSetParam(booster, name, text);
}

static int set_all(handle booster, const struct dataset *ds, size_t n_labels, const struct boost *o)
{
	return lib.XGBoosterSetParam(booster, "objective", n_labels > 2 ? "multi:softprob" : n_labels ? "binary:logistic" : "reg:squarederror") ||
	    (n_labels > 2 && set(booster, "num_class", (double)n_labels)) ||
	    set(booster, "base_score", n_labels > 2 ? 0.5 : mean_answer(ds)) || lib.XGBoosterSetParam(booster, "tree_method", "hist") ||
	    set(booster, "nthread", 1) || set(booster, "max_depth", o->max_depth) || set(booster, "eta", o->learning_rate) ||
	    set(booster, "lambda", o->l2) || set(booster, "alpha", o->l1) || set(booster, "min_child_weight", o->min_leaf) ||
	    set(booster, "subsample", o->subsample) || set(booster, "seed", o->seed) ? -1 : 0;
}

static int set_names(handle booster, const struct schema *s, char *const *labels, size_t n_labels)
{
	const char **names = alloc_bytes((s->n + 1) * sizeof *names);
	struct buf text = BUF_INIT;
	int result;

	for (size_t j = 0; j < s->n; j++)
		names[j] = s->inputs[j].name;
	result = lib.XGBoosterSetStrFeatureInfo(booster, "feature_name", names, s->n);
	free(names);
	buf_add_byte(&text, '[');
	for (size_t i = 0; i < n_labels; i++) {
		json_write_comma(&text);
		json_write_string(&text, labels[i], strlen(labels[i]));
	}
	buf_add_byte(&text, ']');
	if (!result && n_labels)
		result = lib.XGBoosterSetAttr(booster, "sml_labels", buf_text(&text));
	buf_release(&text);
	return result;
}

static int run(handle booster, handle matrix, const struct dataset *ds, const struct schema *s, char *const *labels, size_t n_labels,
    const struct boost *o, struct buf *text)
{
	const char *model;
	count len;
	int result = set_all(booster, ds, n_labels, o);

	for (unsigned round = 0; !result && round < o->rounds; round++)
		result = lib.XGBoosterUpdateOneIter(booster, (int)round, matrix);
	if (result || set_names(booster, s, labels, n_labels) || lib.XGBoosterSaveModelToBuffer(booster, "{\"format\":\"json\"}", &len, &model))
		return -1;
	buf_add(text, model, len);
	return 0;
}

int boost_learn(const struct dataset *ds, const struct schema *s, char *const *labels, size_t n_labels, const struct boost *o,
    struct buf *text, struct error *why)
{
	handle matrix = NULL, booster = NULL;

	if (isnan(mean_answer(ds)))
		return error_set(why, "no row has a weight above 0");
	int result = boost_check(why) || make_matrix(ds, s, &matrix, why) ? -1 : 0;

	if (!result && (lib.XGBoosterCreate(&matrix, 1, &booster) || run(booster, matrix, ds, s, labels, n_labels, o, text)))
		result = complain(why);
	if (booster)
		lib.XGBoosterFree(booster);
	if (matrix)
		lib.XGDMatrixFree(matrix);
	return result;
}
