/* SPDX-License-Identifier: MIT */
#include "checkpoint/directory.h"

#include <dirent.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/number.h"
#include "base/savefile.h"
#include "base/wallclock.h"
#include "json/parse.h"
#include "json/write.h"

#define SMALL_FILE (64u << 20)
#define TRY_NS (20 * NS_PER_MS)
#define PREPARED ".ckpt"
#define UNFINISHED ".sml.tmp"		/* savefile's */

static char *path_in(const char *dir, const char *name, size_t len)
{
	return alloc_format("%s/%.*s", dir, (int)len, name);
}

static char *path_of(const char *dir, const char *name)
{
	return path_in(dir, name, strlen(name));
}

int directory_make(const char *dir, struct error *why)
{
	struct stat st;

	if (mkdir(dir, 0777) && errno != EEXIST)
		return error_set(why, "%s: %s", dir, strerror(errno));
	if (stat(dir, &st))
		return error_set(why, "%s: %s", dir, strerror(errno));
	if (!S_ISDIR(st.st_mode))
		return error_set(why, "%s: is no directory", dir);
	return access(dir, R_OK | W_OK | X_OK) ? error_set(why, "%s: %s", dir, strerror(errno)) : 0;
}

/* ---- who commits ---- */

int directory_lock(const char *dir, const char *name, int64_t wait_ns, struct error *why)
{
	char *path = path_of(dir, name);
	const int64_t until = wallclock_monotonic() + wait_ns;
	int fd;

	while ((fd = savefile_lock(path, why)) == -1 && strstr(why->text, "is in use") && wallclock_monotonic() < until)
		nanosleep(&(struct timespec){ 0, TRY_NS }, NULL);
	free(path);
	if (fd >= 0)
		return fd;
	return fd == -1 && strstr(why->text, "is in use") ? -2 : -1;
}

int directory_say_authority(const char *dir, struct error *why)
{
	char *path = path_of(dir, "AUTHORITY"), *text = alloc_format("{\"kind\":\"file\",\"pid\":%ld}\n", (long)getpid());
	const int result = savefile_write(path, text, strlen(text), why);

	free(text);
	free(path);
	return result;
}

int64_t directory_holder(const char *dir, const char *name)
{
	char *path = alloc_format("%s/%s.lock", dir, name), text[24] = {0};
	const int fd = TEMP_FAILURE_RETRY(open(path, O_RDONLY | O_CLOEXEC));
	int64_t pid = 0;

	free(path);
	if (fd < 0)
		return 0;
	if (flock(fd, LOCK_SH | LOCK_NB) && errno == EWOULDBLOCK && read(fd, text, sizeof text - 1) > 0)
		pid = strtol(text, NULL, 10);
	close(fd);
	return pid;
}

int directory_authority(const char *dir, struct error *why)
{
	char *path = path_of(dir, "AUTHORITY");
	struct arena arena = ARENA_INIT;
	struct value object;
	struct error ignored;
	const int64_t holder = directory_holder(dir, "COMMIT");
	size_t n;
	int result = holder ? 2 : 0;

	if (holder && access(path, F_OK) == 0) {
		char *text = savefile_read(path, SMALL_FILE, &n, why);
		if (!text)
			result = -1;
		else if (!json_document(&arena, text, n, &object, &ignored)) {
			const struct value pid = json_get(object, "pid", &arena);
			if (pid.type == VALUE_INTEGER && pid.integer == holder)
				result = 1;
		}
		free(text);
	}
	arena_release(&arena);
	free(path);
	return result;
}

/* ---- what has been committed ---- */

static uint64_t number_of(struct value v)
{
	char text[24];

	if (v.type != VALUE_STRING || v.len >= sizeof text)
		return 0;
	memcpy(text, v.text, v.len);
	text[v.len] = '\0';
	return strtoull(text, NULL, 10);
}

static void add_file(struct directory_commit *c, struct value object, bool unless_there, struct arena *arena)
{
	const struct value name = json_get(object, "name", arena);

	if (name.type != VALUE_STRING)
		return;
	const char *text = arena_copy(arena, name.text, name.len);
	for (size_t i = 0; unless_there && i < c->n_files; i++)
		if (!strcmp(c->files[i].name, text))
			return;
	struct directory_file *files = arena_get(arena, (c->n_files + 1) * sizeof *files);
	memcpy(files, c->files ? c->files : files, c->n_files * sizeof *files);
	files[c->n_files++] = (struct directory_file){ text, number_of(json_get(object, "ino", arena)), number_of(json_get(object, "len", arena)) };
	c->files = files;
}

static struct commit_point point_of(struct value object, struct arena *arena)
{
	const struct value epoch = json_get(object, "e", arena), run = json_get(object, "run", arena);

	return control_point(&(struct control_line){
		.epoch = epoch.type == VALUE_INTEGER ? (uint64_t)epoch.integer : UINT64_MAX,
		.run = { run.type == VALUE_STRING ? run.text : NULL, run.type == VALUE_STRING ? run.len : 0 } });
}

/* There may be lines of nothing, and of which only the beginning was written. */
static void read_opened(const char *text, size_t n, struct directory_commit *c, struct arena *arena)
{
	struct value object;
	struct error ignored;

	/* What follows another commit than the present one has been left by a run that died behind its own. */
	for (const char *lf, *end = text + n; (lf = memchr(text, '\n', (size_t)(end - text))); text = lf + 1)
		if (!json_document(arena, text, (size_t)(lf - text), &object, &ignored) && commit_point_same(point_of(object, arena), c->at))
			add_file(c, object, true, arena);
}

static int read_commit(const char *path, const char *text, size_t n, struct directory_commit *c, struct arena *arena, struct error *why)
{
	struct control_line line;
	struct value object;

	if (json_document(arena, text, n, &object, why))
		return error_prefix(why, "%s", path);
	const char *barrier = memmem(text, n, "\"barrier\":", 10);
	const struct value by = json_get(object, "transaction", arena), name = json_get(by, "name", arena), topic = json_get(by, "topic", arena);
	const struct value out = json_items(json_get(object, "out", arena), arena);
	if (!barrier || out.type != VALUE_ARRAY)
		return error_set(why, "%s: is no commit of a checkpoint", path);
	if (name.type == VALUE_STRING && topic.type == VALUE_STRING)
		c->by = (struct transaction_place){ arena_copy(arena, name.text, name.len), arena_copy(arena, topic.text, topic.len) };
	for (uint32_t i = 0; i < out.len; i++)
		add_file(c, out.items[i], false, arena);
	barrier += 10;
	const char *end = text + n;
	while (end > barrier && (end[-1] == '\n' || end[-1] == ' '))
		end--;
	c->barrier = (struct control_text){ barrier, (size_t)(end - barrier) - 1 };	/* the last brace is COMMIT's own */
	if (control_read(&line, c->barrier.text, c->barrier.len, arena, why))
		return error_prefix(why, "%s", path);
	c->at = control_point(&line);
	return 0;
}

int directory_read(const char *dir, struct directory_commit *c, struct arena *arena, struct error *why)
{
	char *path = path_of(dir, "COMMIT"), *opened = path_of(dir, "OPENED"), *text = NULL;
	int result = 0;
	size_t n;

	*c = (struct directory_commit){0};
	if (!access(path, F_OK)) {
		text = savefile_read(path, SMALL_FILE, &n, why);
		result = text ? read_commit(path, arena_copy(arena, text, n), n, c, arena, why) : -1;
		free(text);
	}
	if (!result && !access(opened, F_OK)) {
		text = savefile_read(opened, SMALL_FILE, &n, why);
		if (text)
			read_opened(arena_copy(arena, text, n), n, c, arena);
		result = text ? 0 : -1;
		free(text);
	}
	free(opened);
	free(path);
	return result;
}

/* ---- committing ---- */

/* Without its last brace. */
static void write_file(struct buf *b, const struct directory_file *f)
{
	buf_add_text(b, "{\"name\":");
	json_write_string(b, f->name, strlen(f->name));
	buf_format(b, ",\"ino\":\"%llu\",\"len\":\"%llu\"", (unsigned long long)f->ino, (unsigned long long)f->len);
}

static int sync_directory(const char *dir, struct error *why)
{
	const int fd = TEMP_FAILURE_RETRY(open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	const int result = fd < 0 || fsync(fd) ? error_set(why, "%s: %s", dir, strerror(errno)) : 0;

	if (fd >= 0)
		close(fd);
	return result;
}

int directory_note_opened(const char *dir, const struct directory_file *f, const struct commit_point *behind, struct error *why)
{
	char *path = path_of(dir, "OPENED");
	struct buf line = BUF_INIT;
	const bool is_new = access(path, F_OK) != 0;
	const int fd = TEMP_FAILURE_RETRY(open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666));
	int result = 0;

	buf_add_byte(&line, '\n');	/* a run that died may have left the beginning of a line */
	write_file(&line, f);
	buf_format(&line, ",\"e\":%llu,\"run\":\"%s\"}\n", (unsigned long long)behind->epoch, behind->run);
	if (fd < 0 || fd_write(fd, line.data, line.len) || fdatasync(fd))
		result = error_set(why, "%s: %s", path, strerror(errno));
	else if (is_new)
		result = sync_directory(dir, why);
	if (fd >= 0)
		close(fd);
	buf_release(&line);
	free(path);
	return result;
}

static void write_commit(struct buf *b, const struct transaction_place *by, const struct directory_file *files, size_t n, const char *barrier,
    size_t len)
{
	buf_add_byte(b, '{');
	if (by) {
		buf_add_text(b, "\"transaction\":{\"name\":");
		json_write_string(b, by->name, strlen(by->name));
		buf_add_text(b, ",\"topic\":");
		json_write_string(b, by->topic, strlen(by->topic));
		buf_add_text(b, "},");
	}
	buf_add_text(b, "\"out\":[");
	for (size_t i = 0; i < n; i++) {
		if (i)
			buf_add_byte(b, ',');
		write_file(b, &files[i]);
		buf_add_byte(b, '}');
	}
	buf_add_text(b, "],\"barrier\":");
	buf_add(b, barrier, len);
	buf_add_text(b, "}\n");
}

/* What OPENED says holds no more behind this commit. */
static void clear_opened(const char *dir)
{
	char *opened = path_of(dir, "OPENED");

	if (!access(opened, F_OK) && truncate(opened, 0))
		unlink(opened);
	free(opened);
}

static int save(const char *dir, const char *name, const struct buf *b, struct error *why)
{
	char *path = path_of(dir, name);
	const int result = savefile_write(path, b->data, b->len, why);

	free(path);
	return result;
}

int directory_commit(const char *dir, const struct directory_file *files, size_t n, const char *barrier, size_t len, struct error *why)
{
	struct buf b = BUF_INIT;

	write_commit(&b, NULL, files, n, barrier, len);
	const int result = save(dir, "COMMIT", &b, why);
	if (!result)
		clear_opened(dir);
	buf_release(&b);
	return result;
}

static char *prepared_name(const struct commit_point *at)
{
	return alloc_format("%llu-%s" PREPARED, (unsigned long long)at->epoch, at->run);
}

int directory_prepare(const char *dir, const struct commit_point *at, const struct transaction_place *by, const struct directory_file *files,
    size_t n, const char *barrier, size_t len, struct error *why)
{
	struct buf b = BUF_INIT;
	char *name = prepared_name(at);

	write_commit(&b, by, files, n, barrier, len);
	const int result = save(dir, name, &b, why);
	free(name);
	buf_release(&b);
	return result;
}

bool directory_is_prepared(const char *dir, const struct commit_point *at)
{
	char *name = prepared_name(at), *path = path_of(dir, name);
	const bool there = !access(path, F_OK);

	free(path);
	free(name);
	return there;
}

int directory_committed(const char *dir, const struct commit_point *at, struct error *why)
{
	char *name = prepared_name(at), *from = path_of(dir, name), *to = path_of(dir, "COMMIT");
	int result = 0;

	/* It need not last: a start behind a lost rename does it again. */
	if (!rename(from, to))
		clear_opened(dir);
	else
		result = errno == ENOENT ? 1 : error_set(why, "%s: %s", to, strerror(errno));
	free(to);
	free(from);
	free(name);
	return result;
}

uint64_t directory_mark(const char *dir)
{
	char *path = path_of(dir, "COMMIT");
	struct stat st;
	const bool there = !stat(path, &st);

	free(path);
	return there ? (uint64_t)st.st_ino * 31 + (uint64_t)st.st_mtim.tv_sec * NS_PER_S + (uint64_t)st.st_mtim.tv_nsec : 0;
}

/* ---- states beside the line ---- */

int directory_put_state(const char *dir, const char *name, const void *bytes, size_t n, struct error *why)
{
	char *path = path_of(dir, name);
	const int result = savefile_write(path, bytes, n, why);

	free(path);
	return result;
}

char *directory_get_state(const char *dir, const char *name, size_t name_len, size_t *n, struct error *why)
{
	char *path = path_in(dir, name, name_len);
	char *bytes = memchr(name, '/', name_len) ? NULL : savefile_read(path, SIZE_MAX / 2, n, why);

	if (!bytes && memchr(name, '/', name_len))
		error_set(why, "%s: is no name of a state", path);
	free(path);
	return bytes;
}

int directory_rename_state(const char *dir, const char *from, const char *to, struct error *why)
{
	char *old = path_of(dir, from), *new = path_of(dir, to);
	const int result = rename(old, new) ? error_set(why, "%s: %s", old, strerror(errno)) : sync_directory(dir, why);

	free(new);
	free(old);
	return result;
}

int directory_begin_log(const char *dir, const char *name, struct error *why)
{
	char *path = path_of(dir, name);
	int fd = TEMP_FAILURE_RETRY(open(path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0666));

	if (fd < 0)
		error_set(why, "%s: %s", path, strerror(errno));
	else if (sync_directory(dir, why)) {
		close(fd);
		fd = -1;
	}
	free(path);
	return fd;
}

int directory_add_to_log(const char *dir, const char *name, int log, const struct buf *entry, size_t *len, struct error *why)
{
	const uint64_t size = htole64(entry->len);

	if (fd_write(log, &size, sizeof size) || fd_write(log, entry->data, entry->len) || fdatasync(log))
		return error_set(why, "%s/%s: %s", dir, name, strerror(errno));
	*len += sizeof size + entry->len;
	return 0;
}

/* Of STAGE.EPOCH-RUN.KIND, and of one that is being written; NULL: it is no such name. */
static const char *point_in(const char *name, const char *kind)
{
	const size_t unfinished = sizeof UNFINISHED - 1, n = strlen(kind);
	size_t len = strlen(name);

	if (len > unfinished && !strcmp(name + len - unfinished, UNFINISHED))
		len -= unfinished;
	const char *dash = memrchr(name, '-', len), *dot = dash;
	if (!dash || len < n || memcmp(name + len - n, kind, n) != 0)
		return NULL;
	while (dot > name && *dot != '.')
		dot--;
	return dot + 1;
}

static bool is_left(const char *name, const struct commit_point *at, const char *barrier, size_t len)
{
	const char *point = point_in(name, ".compact");

	if (point)
		return !strstr(point, at->run);
	if (!(point = point_in(name, ".snap")) && !(point = point_in(name, ".log")) && !(point = point_in(name, ".model")))
		return false;
	return strtoull(point, NULL, 10) <= at->epoch && !memmem(barrier, len, name, strlen(name));
}

static bool is_prepared(const char *name)
{
	const char *end = strstr(name, PREPARED);

	return end && *name >= '0' && *name <= '9' && (!strcmp(end, PREPARED) || !strcmp(end, PREPARED UNFINISHED));
}

void directory_prune(const char *dir, const struct commit_point *at, const char *barrier, size_t len)
{
	DIR *all = opendir(dir);

	for (struct dirent *entry; all && (entry = readdir(all));) {
		if (is_prepared(entry->d_name) || is_left(entry->d_name, at, barrier, len))
			unlinkat(dirfd(all), entry->d_name, 0);
	}
	if (all)
		closedir(all);
}

void directory_remove(const char *dir)
{
	DIR *all = opendir(dir);

	for (struct dirent *entry; all && (entry = readdir(all));)
		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
			unlinkat(dirfd(all), entry->d_name, 0);
	if (all)
		closedir(all);
	rmdir(dir);
}
