/* SPDX-License-Identifier: MIT */
#include "model/live.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/fileid.h"

/* Of a file, and of the one beside it that names what it leaves unnamed. */
struct identity { struct fileid file, beside; };

struct refusal { char *path; struct identity identity; bool read; };	/* !read: worth another try */

struct version {
	struct model *model;		/* NULL: there is none */
	char *file;			/* that it came from, */
	struct identity identity;	/* as it was then */
	char *text;			/* NULL: not kept */
	size_t len;
	char stated[64];
};

struct live {
	char *path;
	struct live_use use;
	struct version used, next;	/* next: the newest one, where it has not been taken yet */
	struct refusal *refused;	/* what has been told of; if read, not to be read again until it changes */
	size_t n_refused;
	bool lost;			/* it has been told that the path can't be read */
	uint64_t loads, refusals;
};

static void release_version(struct version *v)
{
	model_release(v->model);
	free(v->model);
	free(v->file);
	free(v->text);
	*v = (struct version){0};
}

static int identify(struct identity *id, const char *path, struct error *why)
{
	char *beside = naming_path(path);
	struct error ignored;

	*id = (struct identity){0};
	const int result = fileid_get(&id->file, path, why), error = errno;
	if (!result && fileid_get(&id->beside, beside, &ignored))
		id->beside = (struct fileid){0};
	free(beside);
	errno = error;
	return result;
}

static bool is_equal(const struct identity *a, const struct identity *b)
{
	return fileid_equal(&a->file, &b->file) && fileid_equal(&a->beside, &b->beside);
}

static bool is_from(const struct version *v, const char *path, const struct identity *id)
{
	return v->model && !strcmp(path, v->file) && is_equal(id, &v->identity);
}

/* That which this content has met, or NULL. */
static const struct refusal *find_refusal(const struct live *l, const char *path, const struct identity *id)
{
	for (size_t i = 0; i < l->n_refused; i++)
		if (!strcmp(l->refused[i].path, path) && is_equal(&l->refused[i].identity, id))
			return &l->refused[i];
	return NULL;
}

static void refuse(struct live *l, const char *path, const struct identity *id, bool read)
{
	size_t i = 0;

	l->refusals++;
	while (i < l->n_refused && strcmp(l->refused[i].path, path))
		i++;
	if (i == l->n_refused) {
		l->refused = alloc_again(l->refused, ++l->n_refused, sizeof *l->refused);
		l->refused[i].path = alloc_text(path);
	}
	l->refused[i].identity = *id;
	l->refused[i].read = read;
}

/* What is no longer there need not be remembered. */
static void forget_missing(struct live *l)
{
	struct stat st;

	for (size_t i = 0; i < l->n_refused;)
		if (stat(l->refused[i].path, &st)) {
			free(l->refused[i].path);
			l->refused[i] = l->refused[--l->n_refused];
		} else {
			i++;
		}
}

enum outcome { KNOWN, READ, REFUSED };	/* in use or waiting already; waiting now; neither, for reasons told now or before */

/* A model that its user will have; NULL: it goes. */
static struct model *accepted(const struct live *l, struct model *m, const char *path, struct error *why)
{
	if (!m || !l->use.check || !l->use.check(l->use.self, m, why))
		return m;
	error_prefix(why, "%s", path);
	model_release(m);
	free(m);
	return NULL;
}

/*
 * Tries one file; where it is refused and nobody has been told, and nothing else is to be told, `why` says so.  The file is looked at
 * before it is read: a change in between is seen at the next look.
 */
static enum outcome try_file(struct live *l, const char *path, struct error *why)
{
	struct identity id;
	struct version v = {0};
	struct error reason;

	if (identify(&id, path, &reason)) {
		if (errno != ENOENT && !why->text[0])	/* ENOENT: gone since the folder was read */
			*why = reason;
		return REFUSED;
	}
	if (is_from(&l->next, path, &id))
		return KNOWN;
	if (is_from(&l->used, path, &id)) {
		release_version(&l->next);	/* the old file is back before the new one was taken */
		return KNOWN;
	}
	const struct refusal *before = find_refusal(l, path, &id);
	if (before && before->read)
		return REFUSED;
	v.model = accepted(l, modelfile_load(path, l->use.names, v.stated, &v.text, &v.len, &reason), path, &reason);
	const bool read = v.text;
	if (!l->use.keeps_text || !v.model) {
		free(v.text);
		v.text = NULL;
	}
	if (!v.model && before && !read)
		return REFUSED;
	if (!v.model) {
		refuse(l, path, &id, read);
		if (!why->text[0])
			*why = reason;
		return REFUSED;
	}
	release_version(&l->next);
	v.file = alloc_text(path);
	v.identity = id;
	l->next = v;
	return READ;
}

static int newest_first(const void *a, const void *b)
{
	return strverscmp(*(char *const *)b, *(char *const *)a);
}

static void release(char **paths, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(paths[i]);
	free(paths);
}

/* Paths of the versions in a folder, newest first, to be released.  -1 and errno: it cannot be read, or not to its end. */
static int versions(const char *folder, char ***out, size_t *n)
{
	DIR *dir = opendir(folder);
	struct dirent *e;

	*out = NULL;
	*n = 0;
	if (!dir)
		return -1;
	while (errno = 0, (e = readdir(dir))) {
		if (!modelfile_is_named(e->d_name))
			continue;
		*out = alloc_again(*out, *n + 1, sizeof **out);
		(*out)[(*n)++] = alloc_format("%s/%s", folder, e->d_name);
	}
	const int failed = errno;
	closedir(dir);
	if (failed)
		release(*out, *n);
	else if (*n)
		qsort(*out, *n, sizeof **out, newest_first);
	errno = failed;
	return failed ? -1 : 0;
}

/* A path that gives no model any more is told once. */
static void lose(struct live *l, struct error *why, const char *reason)
{
	if (!l->lost && !why->text[0])
		error_set(why, "%s: %s", l->path, reason);
	l->lost = true;
}

/* The newest version that is valid. */
static int try_folder(struct live *l, struct error *why)
{
	enum outcome got = REFUSED;
	char **paths;
	size_t n;

	if (versions(l->path, &paths, &n)) {
		lose(l, why, strerror(errno));
		return 0;
	}
	for (size_t i = 0; i < n && got == REFUSED; i++)
		got = try_file(l, paths[i], why);
	release(paths, n);
	if (got == REFUSED)
		lose(l, why, n ? "none of its *.json, *.ubj and *.txt files is a valid model" :
		    "no *.json, *.ubj or *.txt file in this folder");
	else
		l->lost = false;
	return got == READ;
}

int live_look(struct live *l, struct error *why)
{
	struct stat st;

	why->text[0] = '\0';
	forget_missing(l);
	if (stat(l->path, &st)) {
		lose(l, why, strerror(errno));
		return 0;
	}
	if (S_ISDIR(st.st_mode))
		return try_folder(l, why);
	l->lost = false;
	return try_file(l, l->path, why) == READ;
}

bool live_take(struct live *l)
{
	if (!l->next.model)
		return false;
	release_version(&l->used);
	l->used = l->next;
	l->next = (struct version){0};
	l->loads++;
	return true;
}

int live_resume(struct live *l, const char *from, const char *text, size_t len, struct naming *names, struct error *why)
{
	struct version v = {0};
	struct model *m = modelfile_parse(text, len, names, v.stated, why);

	if (!m)
		return error_prefix(why, "%s", from);
	v.model = accepted(l, m, from, why);
	if (!v.model)
		return -1;
	v.file = alloc_text(from);
	if (l->use.keeps_text) {
		v.text = alloc_span(text, len);
		v.len = len;
	}
	if (l->next.model)
		release_version(&l->used);
	else
		l->next = l->used;
	l->used = v;
	return 0;
}

struct live *live_open(const char *path, const struct live_use *use, struct error *why)
{
	struct live *l = alloc_zeroed(1, sizeof *l);

	l->path = alloc_text(path);
	l->use = *use;
	if (live_look(l, why) && live_take(l))
		return l;
	if (!why->text[0])	/* it went in between */
		error_set(why, "%s: %s", path, strerror(ENOENT));
	live_close(l);
	return NULL;
}

void live_close(struct live *l)
{
	if (!l)
		return;
	for (size_t i = 0; i < l->n_refused; i++)
		free(l->refused[i].path);
	free(l->refused);
	release_version(&l->used);
	release_version(&l->next);
	free(l->path);
	free(l);
}

const struct model *live_model(const struct live *l)
{
	return l->used.model;
}

const struct model *live_next(const struct live *l)
{
	return l->next.model;
}

const char *live_text(const struct live *l, size_t *len)
{
	*len = l->used.len;
	return l->used.text;
}

const char *live_path(const struct live *l)
{
	return l->used.file;
}

const char *live_stated(const struct live *l)
{
	return l->used.stated;
}

uint64_t live_loaded(const struct live *l)
{
	return l->loads;
}

uint64_t live_refused(const struct live *l)
{
	return l->refusals;
}
