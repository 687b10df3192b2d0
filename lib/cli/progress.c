/* SPDX-License-Identifier: MIT */
#include "cli/progress.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/number.h"
#include "base/wallclock.h"

#define FIRST_NS NS_PER_S		/* work that is done sooner needs no bar */
#define EVERY_NS (200 * NS_PER_MS)
#define BAR_LEAST 10			/* columns; a narrower one says nothing */
#define WIDTH_MOST 400

/* What a line of progress is made of. */
struct figures {
	uint64_t records, errors, done, total, written;
	int64_t lag;
	bool in_records;		/* done and total, of a topic; else bytes */
};

struct progress {
	struct service service;
	struct loop *loop;
	const char *name;
	int64_t first_at;
	int terminal;			/* our own descriptor, locked while the bar is ours; -1 */
	bool shown;
	int64_t seen_at;		/* of what follows */
	uint64_t seen_records, seen_done;
	double records_per_second, done_per_second;	/* smoothed; below 0: not known yet */
};

/* ---- figures ---- */

static struct figures look(const struct loop *l)
{
	struct figures f = { .lag = -1, .written = l->bytes_out };

	if (l->n_stages)
		f.records = l->stages[0].tally.records;
	for (size_t i = 0; i < l->n_stages; i++)
		f.errors += l->stages[i].tally.n_errors;
	if (l->source) {
		f.done = l->source->done;
		f.total = l->source->total;
		f.lag = l->source->lag;
		f.in_records = f.lag >= 0;
	}
	return f;
}

static void add_group(struct buf *b, double n)
{
	char text[NUMBER_SHOW_MAX];

	buf_add_text(b, number_group((uint64_t)(n > 0 ? n + 0.5 : 0), text));
}

static void add_bytes(struct buf *b, double n)
{
	static const char *const units[] = { "B", "kB", "MB", "GB", "TB" };
	size_t unit = 0;

	for (; n >= 999.5 && unit < 4; unit++)
		n /= 1000;
	buf_format(b, unit ? "%.1f %s" : "%.0f %s", n, units[unit]);
}

static void add_seconds(struct buf *b, double s)
{
	const uint64_t n = (uint64_t)(s + 0.5);

	if (n >= 3600)
		buf_format(b, "%llu:%02llu:%02llu", (unsigned long long)(n / 3600), (unsigned long long)(n / 60 % 60),
		    (unsigned long long)(n % 60));
	else
		buf_format(b, "%llu:%02llu", (unsigned long long)(n / 60), (unsigned long long)(n % 60));
}

/* ", 12 errors"; nothing for none. */
static void add_errors(struct buf *b, const char *before, uint64_t n)
{
	if (n) {
		buf_add_text(b, before);
		add_group(b, (double)n);
		buf_format(b, " error%s", number_s(n));
	}
}

static void write_out(int fd, const struct buf *b)
{
	/* A terminal that is gone is no reason to stop. */
	if (write(fd, b->data, b->len) < 0)
		errno = 0;
}

void progress_line(struct loop *l)
{
	const struct figures f = look(l);
	const double seconds = (double)(wallclock_monotonic() - l->started_at) / 1e9;
	struct buf b = BUF_INIT;

	buf_format(&b, "sml%s%s: ", l->n_stages == 1 ? "-" : "", l->n_stages == 1 ? l->stages[0].tool->name : "");
	add_group(&b, (double)f.records);
	buf_format(&b, " record%s", number_s(f.records));
	add_errors(&b, ", ", f.errors);
	if (f.total && f.done <= f.total)
		buf_format(&b, ", %.0f%% of the input", 100 * (double)f.done / (double)f.total);
	if (f.lag >= 0) {
		buf_add_text(&b, ", lag ");
		add_group(&b, (double)f.lag);
	}
	buf_format(&b, ", %.1f s, ", seconds);
	add_group(&b, seconds > 0 ? (double)f.records / seconds : 0);
	buf_format(&b, "/s; waited %.1f s for input, %.1f s for output\n", (double)l->blocked_in / 1e9, (double)l->blocked_out / 1e9);
	write_out(STDERR_FILENO, &b);
	buf_release(&b);
}

/* ---- the bar ---- */

/* The stages of a pipe share a terminal, and one line of it holds one bar: the lock goes round by process.  A stage that
 * reads a pipe leaves the first second to the one that reads the files and knows the total. */
static bool owns_line(struct progress *p, int64_t now)
{
	if (p->terminal >= 0)
		return true;
	if (now < p->first_at + (p->loop->source && !p->loop->source->total && p->loop->source->lag < 0 ? NS_PER_S : 0))
		return false;
	const char *path = ttyname(STDERR_FILENO);
	const int fd = path ? open(path, O_WRONLY | O_NOCTTY | O_CLOEXEC) : -1;
	if (fd < 0)
		return false;
	if (flock(fd, LOCK_EX | LOCK_NB)) {
		close(fd);
		return false;
	}
	p->terminal = fd;
	return true;
}

static void measure(struct progress *p, const struct figures *f, int64_t now)
{
	const double seconds = (double)(now - p->seen_at) / 1e9;

	if (seconds <= 0)
		return;
	const double records = (double)(f->records - p->seen_records) / seconds, done = (double)(f->done - p->seen_done) / seconds;
	const double share = p->records_per_second < 0 ? 1 : 0.2;
	p->records_per_second += share * (records - p->records_per_second);
	p->done_per_second += share * (done - p->done_per_second);
	p->seen_at = now;
	p->seen_records = f->records;
	p->seen_done = f->done;
}

static void add_amount(struct buf *b, const struct figures *f, double n)
{
	if (f->in_records)
		add_group(b, n);
	else
		add_bytes(b, n);
}

static void draw(struct progress *p, const struct figures *f, size_t width)
{
	const bool known = f->total && f->done <= f->total;
	struct buf left = BUF_INIT, right = BUF_INIT, line = BUF_INIT;

	buf_format(&left, "%s ", p->name);
	if (known) {
		buf_format(&left, "%3.0f%% ", 100 * (double)f->done / (double)f->total);
		buf_add_byte(&right, ' ');
		add_amount(&right, f, (double)f->done);
		buf_add_text(&right, " of ");
		add_amount(&right, f, (double)f->total);
	} else {
		add_group(&right, (double)f->records);
		buf_add_text(&right, " records");
	}
	buf_add_text(&right, "  ");
	add_group(&right, p->records_per_second);
	buf_add_text(&right, "/s");
	if (!f->in_records) {
		buf_add_text(&right, "  ");
		add_bytes(&right, p->done_per_second > 0 ? p->done_per_second : 0);
		buf_add_text(&right, "/s");
	}
	if (known && p->done_per_second > 0) {
		buf_add_text(&right, "  ETA ");
		add_seconds(&right, (double)(f->total - f->done) / p->done_per_second);
	}
	if (f->lag >= 0) {
		buf_add_text(&right, "  lag ");
		add_group(&right, (double)f->lag);
	}
	add_errors(&right, "  ", f->errors);

	buf_add(&line, left.data, left.len);
	if (known && left.len + right.len + BAR_LEAST + 2 <= width) {
		size_t room = width - left.len - right.len - 2;
		room = room < 40 ? room : 40;
		const size_t full = (size_t)((double)room * (double)f->done / (double)f->total);
		buf_add_byte(&line, '[');
		for (size_t i = 0; i < room; i++)
			buf_add_byte(&line, i < full ? '=' : i == full ? '>' : ' ');
		buf_add_byte(&line, ']');
	}
	buf_add(&line, right.data, right.len);
	if (line.len > width)
		line.len = width;
	/* The cursor goes back, so that a message of whatever program begins at the left edge. */
	buf_add_text(&line, "\033[K\r");
	write_out(p->terminal, &line);
	p->shown = true;
	buf_release(&left);
	buf_release(&right);
	buf_release(&line);
}

static void clear(struct progress *p)
{
	struct buf b = BUF_INIT;

	if (!p->shown)
		return;
	buf_add_text(&b, "\r\033[K");
	write_out(p->terminal, &b);
	buf_release(&b);
	p->shown = false;
}

static void progress_run(struct service *service, int64_t now)
{
	struct progress *p = (struct progress *)service;
	struct winsize size;
	size_t width = 80;

	if (now == INT64_MAX) {		/* the last call */
		service->due = now;
		clear(p);
		return;
	}
	service->due = now + EVERY_NS;
	const struct figures f = look(p->loop);
	measure(p, &f, now);
	if (!owns_line(p, now))
		return;
	if (!ioctl(p->terminal, TIOCGWINSZ, &size) && size.ws_col)
		width = size.ws_col;
	width = width < WIDTH_MOST ? width : WIDTH_MOST;
	draw(p, &f, width > 1 ? width - 1 : 1);
}

struct progress *progress_new(struct loop *l, const struct common *c)
{
	const char *terminal = getenv("TERM");

	/* A bar among records on the same terminal would garble both. */
	if (c->quiet || c->no_progress || !isatty(STDERR_FILENO) || isatty(STDOUT_FILENO) || !terminal || !*terminal ||
	    !strcmp(terminal, "dumb"))
		return NULL;
	struct progress *p = alloc_zeroed(1, sizeof *p);
	p->loop = l;
	p->name = l->n_stages > 1 ? "sml" : c->command->name;
	p->terminal = -1;
	p->records_per_second = p->done_per_second = -1;
	p->seen_at = l->started_at;
	p->first_at = l->started_at + FIRST_NS;
	p->service.run = progress_run;
	p->service.due = l->started_at + FIRST_NS / 2;
	loop_add_service(l, &p->service);
	return p;
}

void progress_end(struct progress *p)
{
	if (!p)
		return;
	clear(p);
	if (p->terminal >= 0)
		close(p->terminal);
	free(p);
}

/* ---- the summary ---- */

static void summarise_errors(const struct stage *s, const struct common *c)
{
	const struct tally *t = &s->tally;
	char bad[NUMBER_SHOW_MAX], all[NUMBER_SHOW_MAX];

	command_note(c, "%s of %s line%s %s (first: %s)%s", number_group(t->n_errors, bad), number_group(t->records, all),
	    number_s(t->records), t->n_errors == 1 ? "is an error record" : "are error records", t->first,
	    t->looks_like == TALLY_PRETTY ? "; pretty-printed JSON? use jq -c" : t->looks_like == TALLY_CSV ?
	    "; CSV? \"mlr --icsv --ojsonl cat\" makes JSON lines of it" : "");
}

static void summarise_commits(const struct protocol *p, struct buf *out)
{
	char number[NUMBER_SHOW_MAX];

	buf_format(out, "%14s  commit%s, %.1f ms each, %.1f ms the longest\n", number_group(p->n_commits, number), number_s(p->n_commits),
	    (double)p->commit_ns / 1e6 / (double)p->n_commits, (double)p->longest_commit_ns / 1e6);
}

static void summarise(const struct loop *l, const struct stage *s, const struct common *c)
{
	const double seconds = (double)(wallclock_monotonic() - l->started_at) / 1e9;
	struct buf b = BUF_INIT;
	char passed[NUMBER_SHOW_MAX];

	add_group(&b, (double)s->tally.records);
	buf_format(&b, " record%s", number_s(s->tally.records));
	if (s->tally.passed)
		buf_format(&b, ", %s of them error records of earlier stages", number_group(s->tally.passed, passed));
	buf_format(&b, ", %.2f s, ", seconds);
	add_group(&b, seconds > 0 ? (double)s->tally.records / seconds : 0);
	buf_format(&b, "/s; waited %.2f s for input, %.2f s for output", (double)l->blocked_in / 1e9, (double)l->blocked_out / 1e9);
	command_tell(c, "%s", buf_text(&b));
	buf_clear(&b);
	if (l->protocol && l->protocol->n_commits && s == &l->stages[l->n_stages - 1])
		summarise_commits(l->protocol, &b);
	if (s->tool->summary)
		s->tool->summary(s->self, &b);
	for (size_t from = 0; from < b.len;) {
		const char *line = b.data + from, *end = memchr(line, '\n', b.len - from);
		const size_t len = end ? (size_t)(end - line) : b.len - from;

		command_tell(c, "%.*s", (int)len, line);
		from += len + 1;
	}
	buf_release(&b);
}

#define UNMET_FROM 100	/* records: of a few, one may well lack what others have */

/* What no record has is null all along, and the results look like any others. */
static void note_unmet(const struct loop *l, const struct stage *s, const struct common *c)
{
	const uint64_t data = s->tally.records - s->tally.n_errors - s->tally.passed;
	struct buf paths = BUF_INIT;
	char number[NUMBER_SHOW_MAX];

	if (data < UNMET_FROM)
		return;
	for (const struct expectation *e = l->fields.expects->first; e; e = e->next)
		if (!e->met && e->reader == s && paths.len < 300)
			buf_format(&paths, "%s\"%s\"", paths.len ? ", " : "", e->path);
	if (paths.len)
		command_note(c, "none of %s records has %s", number_group(data, number), buf_text(&paths));
	buf_release(&paths);
}

void progress_summary(const struct loop *l, const struct stage *s, const struct common *c)
{
	note_unmet(l, s, c);

	/* The line that says why the run was stopped has said this. */
	if (s->tally.n_errors && s != l->stopped_by)
		summarise_errors(s, c);
	if (c->verbose && !c->quiet)
		summarise(l, s, c);
}
