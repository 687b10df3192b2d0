/* SPDX-License-Identifier: MIT */
#include "model/live.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/fileid.h"
#include "model/modelfile.h"

struct refusal { char *path; struct fileid identity; bool read; };	/* !read: worth another try */

struct live {
	char *path;
	live_check *check;
	void *self;
	struct model *model;
	char *file;			/* that `model` came from, */
	struct fileid identity;	/* as it was then */
	char stated[64];
	struct refusal *refused;	/* what has been told of; if read, not to be read again until it changes */
	size_t n_refused;
	bool lost;			/* it has been told that the path can't be read */
	uint64_t loads, refusals;
};

/* That which this content has met, or NULL. */
static const struct refusal *find_refusal(const struct live *l, const char *path, const struct fileid *id)
{
	for (size_t i = 0; i < l->n_refused; i++)
		if (!strcmp(l->refused[i].path, path) && fileid_equal(&l->refused[i].identity, id))
			return &l->refused[i];
	return NULL;
}

static void refuse(struct live *l, const char *path, const struct fileid *id, bool read)
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

enum outcome { USED, REPLACED, REFUSED };	/* in use already; in use now; not, for reasons told now or before */

/*
 * Tries one file; where it is refused and nobody has been told, and nothing else is to be told, `why` says so.  The file is looked at
 * before it is read: a change in between is seen at the next look.
 */
static enum outcome try_file(struct live *l, const char *path, struct error *why)
{
	struct fileid id;
	struct model *m;
	struct error reason;
	char stated[64];
	bool read;

	if (fileid_get(&id, path, &reason)) {
		if (errno != ENOENT && !why->text[0])	/* ENOENT: gone since the folder was read */
			*why = reason;
		return REFUSED;
	}
	if (l->model && !strcmp(path, l->file) && fileid_equal(&id, &l->identity))
		return USED;
	const struct refusal *before = find_refusal(l, path, &id);
	if (before && before->read)
		return REFUSED;
	m = modelfile_load(path, stated, &read, &reason);
	if (m && l->check && l->check(l->self, m, &reason)) {
		error_prefix(&reason, "%s", path);
		model_release(m);
		free(m);
		m = NULL;
	}
	if (!m && before && !read)
		return REFUSED;
	if (!m) {
		refuse(l, path, &id, read);
		if (!why->text[0])
			*why = reason;
		return REFUSED;
	}
	model_release(l->model);
	free(l->model);
	free(l->file);
	l->model = m;
	l->file = alloc_text(path);
	l->identity = id;
	memcpy(l->stated, stated, sizeof stated);
	l->loads++;
	return REPLACED;
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
		const size_t len = strlen(e->d_name);
		if (e->d_name[0] == '.' || len < 6 || strcmp(e->d_name + len - 5, ".json"))
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
		lose(l, why, n ? "none of its *.json files is a valid model" : "no *.json file in this folder");
	else
		l->lost = false;
	return got == REPLACED;
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
	return try_file(l, l->path, why) == REPLACED;
}

struct live *live_open(const char *path, live_check *check, void *self, struct error *why)
{
	struct live *l = alloc_zeroed(1, sizeof *l);

	l->path = alloc_text(path);
	l->check = check;
	l->self = self;
	if (live_look(l, why))
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
	model_release(l->model);
	free(l->model);
	free(l->path);
	free(l->file);
	free(l);
}

const struct model *live_model(const struct live *l)
{
	return l->model;
}

const char *live_path(const struct live *l)
{
	return l->file;
}

const char *live_stated(const struct live *l)
{
	return l->stated;
}

uint64_t live_loaded(const struct live *l)
{
	return l->loads;
}

uint64_t live_refused(const struct live *l)
{
	return l->refusals;
}
