/* SPDX-License-Identifier: MIT */
#include "base/savefile.h"

#include <dirent.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tap.h"

static char folder[] = "/tmp/test-savefile.XXXXXX";
static char home[4096];

static void is_content(const char *path, const char *expected, const char *what)
{
	struct error why = { "" };
	size_t n = 0;
	char *bytes = savefile_read(path, 1 << 20, &n, &why);

	ok(bytes && n == strlen(expected) && !strcmp(bytes, expected), "%s %s", what, bytes ? bytes : why.text);
	free(bytes);
}

static int files(const char *path)
{
	DIR *d = opendir(path);
	int n = 0;

	while (d && readdir(d))
		n++;
	if (d)
		closedir(d);
	return n - 2;
}

static void test_write(void)
{
	struct error why = { "" };
	struct stat st;

	ok(!savefile_write("new", "first", 5, &why), "a new file %s", why.text);
	is_content("new", "first", "its bytes");
	stat("new", &st);
	is_int(st.st_mode & 0777, 0640, "mode: 0666 less the umask");
	chmod("new", 0604);
	const ino_t old = st.st_ino;
	ok(!savefile_write("new", "second", 6, &why), "replaced %s", why.text);
	is_content("new", "second", "its bytes");
	stat("new", &st);
	is_int(st.st_mode & 0777, 0604, "the mode of the old one");
	ok(st.st_ino != old, "it is another file");
	ok(!savefile_write("empty", NULL, 0, &why), "nothing");
	is_content("empty", "", "is in an empty file");
	is_int(files("."), 2, "no temporaries");
}

static void fails(const char *path, const char *message)
{
	struct error why = { "" };

	ok(savefile_write(path, "x", 1, &why) == -1, "can't write %s", path);
	is_str(why.text, message, "message");
}

static void test_refused(void)
{
	mkdir("folder", 0777);
	fails("folder", "folder: is a directory");
	fails("none/file", "none/file: cannot be written: No such file or directory");
	fails("new/file", "new/file: cannot be written: Not a directory");
	fails("", ": cannot be written: No such file or directory");
	mkfifo("fifo", 0666);
	fails("fifo", "fifo: is not a regular file");
	ok(symlink("loop", "loop") == 0, "a link to itself");
	fails("loop", "loop: Too many levels of symbolic links");

	if (geteuid() == 0)
		skip_check("root may write everywhere");
	else {
		mkdir("closed", 0555);
		fails("closed/file", "closed/file: cannot be written: Permission denied");
		chmod("new", 0444);
		fails("new", "new: cannot be written: Permission denied");
		chmod("new", 0644);
	}

	/* A full disk, as a limit on the size of files. */
	char *large = calloc(1, 1 << 20);
	struct rlimit old, small;
	struct error why = { "" };
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &old);
	small = old;
	small.rlim_cur = 100000;
	setrlimit(RLIMIT_FSIZE, &small);
	const int before = files(".");
	ok(savefile_write("new", large, 1 << 20, &why) == -1, "no room");
	setrlimit(RLIMIT_FSIZE, &old);
	is_str(why.text, "new: cannot be written: File too large", "message");
	is_content("new", "second", "the old file is as it was");
	is_int(files("."), before, "no temporary is left");
	free(large);
}

static void test_links(void)
{
	struct error why = { "" };
	struct stat st;

	mkdir("sub", 0777);
	ok(symlink("sub/target", "link") == 0 && symlink("link", "second") == 0, "links");
	ok(!savefile_write("second", "made", 4, &why), "through two links that lead to nothing %s", why.text);
	is_content("sub/target", "made", "what they name is made");
	ok(!savefile_write("link", "again", 5, &why), "through a link");
	is_content("sub/target", "again", "what it names is replaced");
	ok(!lstat("link", &st) && S_ISLNK(st.st_mode) && !lstat("second", &st) && S_ISLNK(st.st_mode), "the links stay links");
	snprintf(home + strlen(home), 32, "/sub/absolute");
	ok(symlink(home, "sub/up") == 0 && !savefile_write("sub/up", "far", 3, &why), "through an absolute link %s", why.text);
	is_content("sub/absolute", "far", "what it names");
	ok(symlink("../new", "sub/new") == 0 && !savefile_write("sub/new", "up", 2, &why), "a link is relative to its folder");
	is_content("new", "up", "what it names");
	is_int(files("sub"), 4, "no temporaries");
}

static void test_read(void)
{
	struct error why = { "" };
	size_t n = 99;
	char *bytes, *large;

	ok(!savefile_read("none", 100, &n, &why), "missing");
	is_str(why.text, "none: No such file or directory", "message");
	ok(!savefile_read("folder", 100, &n, &why), "a folder");
	is_str(why.text, "folder: is a directory", "message");
	savefile_write("ten", "0123456789", 10, &why);
	ok(!savefile_read("ten", 9, &n, &why), "over the limit");
	is_str(why.text, "ten: is larger than 9 bytes", "message");
	bytes = savefile_read("ten", 10, &n, &why);
	ok(bytes && n == 10 && !bytes[10], "at the limit, terminated");
	free(bytes);
	savefile_write("nul", "a\0b", 3, &why);
	bytes = savefile_read("nul", 10, &n, &why);
	ok(bytes && n == 3 && !memcmp(bytes, "a\0b", 4), "a NUL inside");
	free(bytes);
	large = malloc(3000000);
	for (size_t i = 0; i < 3000000; i++)
		large[i] = (char)(i * 7);
	ok(!savefile_write("large", large, 3000000, &why), "a large file");
	bytes = savefile_read("large", SIZE_MAX, &n, &why);
	ok(bytes && n == 3000000 && !memcmp(bytes, large, n), "is read whole");
	free(bytes);
	free(large);
	/* Files that do not know their size. */
	bytes = savefile_read("/proc/self/status", 1 << 20, &n, &why);
	ok(bytes && n > 100 && !strncmp(bytes, "Name:", 5), "a file of no stated size");
	free(bytes);
}

static void test_lock(void)
{
	struct error why = { "" };
	char expected[64];
	int from[2], status;

	const int fd = savefile_lock("state", &why);
	ok(fd >= 0, "locked %s", why.text);
	snprintf(expected, sizeof expected, "%ld\n", (long)getpid());
	is_content("state.lock", expected, "who holds it is inside");
	snprintf(expected, sizeof expected, "state is in use by process %ld", (long)getpid());
	fflush(stdout);
	const pid_t second = fork();
	if (!second)
		_exit(savefile_lock("state", &why) == -1 && !strcmp(why.text, expected) ? 0 : 1);
	waitpid(second, &status, 0);
	is_int(status, 0, "a second process is told by whom it is held");
	ok(savefile_lock("state", &why) == -1, "not twice in one process");
	close(fd);

	/* The lock of a process that was killed is free. */
	ok(!pipe(from), "a pipe");
	const pid_t victim = fork();
	if (!victim) {
		const int held = savefile_lock("state", &why);
		if (held < 0 || write(from[1], "x", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	char byte;
	ok(read(from[0], &byte, 1) == 1, "another process holds it");
	ok(savefile_lock("state", &why) == -1, "it is held");
	kill(victim, SIGKILL);
	waitpid(victim, &status, 0);
	const int again = savefile_lock("state", &why);
	ok(again >= 0, "and free when that was killed");
	close(again);
	ok(savefile_lock("none/state", &why) == -1 && !strcmp(why.text, "none/state: cannot be locked by none/state.lock: No such file or directory"), "no folder");
}

int main(void)
{
	if (!mkdtemp(folder) || chdir(folder) || !getcwd(home, sizeof home - 32)) {
		perror(folder);
		return 1;
	}
	umask(027);
	test_write();
	test_refused();
	test_links();
	test_read();
	test_lock();
	if (chdir("/") == 0) {
		char command[64];
		snprintf(command, sizeof command, "rm -rf %s", folder);
		ok(system(command) == 0, "cleaned up");
	}
	return done();
}
