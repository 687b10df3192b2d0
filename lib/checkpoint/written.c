/* SPDX-License-Identifier: MIT */
#include "checkpoint/written.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"

/* A regular file. */
struct file {
	char *name;
	uint64_t ino, len;
	bool is_noted;			/* it is written to */
	struct output *output;		/* NULL: closed since */
	struct file *next;
};

struct written {
	const char *dir;
	bool by_path;
	struct arena arena;
	struct directory_commit committed;	/* as it was at the start */
	struct commit_point at;		/* of the last commit */
	struct file *files;
};

static bool is_descriptor(const char *name)
{
	return !strcmp(name, "stdout") || !strncmp(name, "descriptor ", 11);
}

/* A retry cannot help. */
static int usage(int result)
{
	return result ? -2 : 0;
}

static struct file *find_file(struct written *w, const char *name)
{
	for (struct file *f = w->files; f; f = f->next)
		if (!strcmp(f->name, name))
			return f;
	return NULL;
}

/* A path that is called as a descriptor is has a folder before it. */
static char *recorded_name(const struct output *o)
{
	char own[24];

	snprintf(own, sizeof own, "descriptor %d", o->fd);
	return alloc_format(is_descriptor(o->name) && !o->is_stdout && strcmp(o->name, own) ? "./%s" : "%s", o->name);
}

static struct file *add_file(struct written *w, const char *name)
{
	struct file *f = alloc_zeroed(1, sizeof *f);

	f->name = alloc_text(name);
	f->next = w->files;
	return w->files = f;
}

static void drop_closed(struct written *w)
{
	for (struct file **at = &w->files; *at;) {
		struct file *f = *at;
		if (f->output) {
			at = &f->next;
			continue;
		}
		*at = f->next;
		free(f->name);
		free(f);
	}
}

/* What a run that died has written and not committed goes. */
static int cut_back(struct written *w, const struct directory_file *f, int fd, struct stat *st, struct error *why)
{
	if ((uint64_t)st->st_ino != f->ino)
		return usage(error_set(why, "%s: is another file than the one that the checkpoint has written to (%s)", f->name, w->dir));
	if ((uint64_t)st->st_size < f->len)
		return usage(error_set(why, "%s: has lost bytes that had been committed: it has %llu of %llu (%s)", f->name,
		    (unsigned long long)st->st_size, (unsigned long long)f->len, w->dir));
	if ((uint64_t)st->st_size > f->len && (TEMP_FAILURE_RETRY(ftruncate(fd, (off_t)f->len)) || fdatasync(fd)))
		return error_set(why, "%s: %s", f->name, strerror(errno));
	st->st_size = (off_t)f->len;
	return 0;
}

static int cut_back_path(struct written *w, const struct directory_file *f, struct error *why)
{
	const int fd = TEMP_FAILURE_RETRY(open(f->name, O_WRONLY | O_CLOEXEC));
	struct stat st;
	int result;

	if (fd < 0 && errno == ENOENT && !f->len)
		result = 0;	/* nothing of it was committed */
	else if (fd < 0 || fstat(fd, &st))
		result = usage(error_set(why, "%s: %s, and the checkpoint has written to it (%s)", f->name, strerror(errno), w->dir));
	else
		result = cut_back(w, f, fd, &st, why);
	if (fd >= 0)
		close(fd);
	return result;
}

static int sync_folder(const char *path, struct error *why)
{
	const char *slash = strrchr(path, '/');
	char *folder = slash == path ? alloc_text("/") : slash ? alloc_span(path, (size_t)(slash - path)) : alloc_text(".");
	const int fd = TEMP_FAILURE_RETRY(open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	const int result = fd < 0 || fsync(fd) ? error_set(why, "%s: %s", folder, strerror(errno)) : 0;

	if (fd >= 0)
		close(fd);
	free(folder);
	return result;
}

static int open_file(struct written *w, const char *name, struct output *o, struct error *why)
{
	struct file *f = find_file(w, name);
	struct stat st;
	int result = 0;

	if (fstat(o->fd, &st))
		return error_set(why, "%s: %s", name, strerror(errno));
	for (size_t i = 0; !f && !result && is_descriptor(name) && i < w->committed.n_files; i++)
		if (!strcmp(w->committed.files[i].name, name))
			result = cut_back(w, &w->committed.files[i], o->fd, &st, why);
	if (result)
		return result;
	if (!f)
		f = add_file(w, name);
	f->output = o;
	f->ino = (uint64_t)st.st_ino;
	f->len = (uint64_t)st.st_size;
	return !is_descriptor(name) ? sync_folder(name, why) : 0;
}

int written_opened(struct written *w, struct output *o, struct error *why)
{
	char *name = recorded_name(o);
	const int result = open_file(w, name, o, why);

	free(name);
	return result;
}

int written_begins(struct written *w, struct output *o, struct error *why)
{
	struct file *f = w->files;

	while (f && f->output != o)
		f = f->next;
	if (!f || f->is_noted)
		return 0;
	if (w->by_path && is_descriptor(f->name))
		return usage(error_set(why, "%s: is a file: under --shard a rule names files by their paths, so that they are found again when "
		    "the shards are others", f->name));
	if (!(fcntl(o->fd, F_GETFL) & O_APPEND))
		return usage(error_set(why, "%s: is a file that is not open for append: it would be emptied at every restart; "
		    "the shell appends with >>", o->name));
	f->is_noted = true;
	return directory_note_opened(w->dir, &(struct directory_file){ f->name, f->ino, f->len }, &w->at, why);
}

static int sync_file(struct file *f, struct error *why)
{
	struct stat st;

	if (fdatasync(f->output->fd) || fstat(f->output->fd, &st))
		return error_set(why, "%s: %s", f->name, strerror(errno));
	f->len = (uint64_t)st.st_size;
	return 0;
}

int written_closes(struct written *w, struct output *o, struct error *why)
{
	for (struct file *f = w->files; f; f = f->next)
		if (f->output == o) {
			if (sync_file(f, why))
				return -1;
			f->output = NULL;
		}
	return 0;
}

static bool was_committed(const struct written *w, const char *name)
{
	for (size_t i = 0; i < w->committed.n_files; i++)
		if (!strcmp(w->committed.files[i].name, name))
			return true;
	return false;
}


/* ---- commits ---- */

int written_take_back(struct written *w, struct error *why)
{
	int result = usage(directory_read(w->dir, &w->committed, &w->arena, why));

	w->at = w->committed.at;
	for (size_t i = 0; !result && i < w->committed.n_files; i++)
		if (!is_descriptor(w->committed.files[i].name))
			result = cut_back_path(w, &w->committed.files[i], why);
	return result;
}

/* What is on the disk before a transaction has been committed becomes what was committed behind it; either may be the last act. */
static int commit_by(struct written *w, struct transaction *t, const struct control_line *l, const struct directory_file *files, size_t n,
    const char *barrier, size_t len, struct error *why)
{
	const struct commit_point at = control_point(l);
	int result = directory_prepare(w->dir, &at, &t->at, files, n, barrier, len, why);

	if (!result)
		result = t->commit(t, &at, l->src.text, l->src.len, why);
	if (!result && directory_committed(w->dir, &at, why))
		result = -1;
	return result;
}

int written_commit(struct written *w, struct transaction *t, const struct control_line *l, const char *barrier, size_t len, struct error *why)
{
	size_t n = 0;

	for (struct file *f = w->files; f; f = f->next, n++)
		if (f->is_noted && f->output && sync_file(f, why))
			return -1;
	struct directory_file *files = alloc_zeroed(n + 1, sizeof *files);
	n = 0;
	for (struct file *f = w->files; f; f = f->next)
		if (f->is_noted || was_committed(w, f->name))
			files[n++] = (struct directory_file){ f->name, f->ino, f->len };
	const int result = t ? commit_by(w, t, l, files, n, barrier, len, why) : directory_commit(w->dir, files, n, barrier, len, why);
	free(files);
	if (result)
		return result;
	w->at = control_point(l);
	drop_closed(w);
	return 0;
}

/* ---- life ---- */

struct written *written_new(const char *dir, bool by_path)
{
	struct written *w = alloc_zeroed(1, sizeof *w);

	w->dir = dir;
	w->by_path = by_path;
	return w;
}

void written_free(struct written *w)
{
	if (!w)
		return;
	for (struct file *f = w->files; f; f = f->next)
		f->output = NULL;
	drop_closed(w);
	arena_release(&w->arena);
	free(w);
}
