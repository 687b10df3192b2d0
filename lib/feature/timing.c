/* SPDX-License-Identifier: MIT */
#include "feature/timing.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/eventtime.h"

/* A text cut at blanks. */
struct words { const char *text; size_t len, at, end; };	/* the present word is [at, end) */

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* False: there are no more. */
static bool next_word(struct words *w)
{
	w->at = w->end;
	while (w->at < w->len && is_blank(w->text[w->at]))
		w->at++;
	w->end = w->at;
	while (w->end < w->len && !is_blank(w->text[w->end]))
		w->end++;
	return w->at < w->end;
}

static bool is_word(const struct words *w, const char *word)
{
	return w->end - w->at == strlen(word) && !memcmp(w->text + w->at, word, w->end - w->at);
}

static int read_duration(struct words *w, const char *what, int64_t *ns, struct error *why)
{
	struct error wrong;
	char text[32];

	if (!next_word(w))
		return error_set(why, "a duration should stand here: %s", what);
	const size_t n = w->end - w->at < sizeof text ? w->end - w->at : sizeof text - 1;
	memcpy(text, w->text + w->at, n);
	text[n] = '\0';
	return eventtime_duration_parse(text, ns, &wrong) < 0 ? error_set(why, "%s (%s)", wrong.text, what) : 0;
}

static int expect_end(struct words *w, const char *what, struct error *why)
{
	return next_word(w) ? error_set(why, "nothing more can stand here: %s", what) : 0;
}

static int read_late(struct timing *t, struct words *w, const char *what, struct error *why)
{
	if (read_duration(w, what, &t->late, why) < 0)
		return -1;
	if (!next_word(w) || is_word(w, "update"))
		t->policy = LATE_UPDATE;
	else if (is_word(w, "drop"))
		t->policy = LATE_DROP;
	else if (is_word(w, "error"))
		t->policy = LATE_ERROR;
	else
		return error_set(why, "behind the duration stands update, drop or error");
	return expect_end(w, what, why);
}

static const struct row { const char *word, *what; size_t offset; } rows[] = {
	{ "hold", "hold DURATION", offsetof(struct timing, hold) },
	{ "ahead", "ahead DURATION", offsetof(struct timing, ahead) },
	{ "idle", "idle DURATION", offsetof(struct timing, idle) },
	{ "ttl", "ttl DURATION", offsetof(struct timing, ttl) },
};

int timing_read(struct timing *t, const char *word, const char *text, size_t len, size_t *at, struct error *why)
{
	struct words w = { text, len, 0, 0 };
	const struct row *row = rows;
	int result;

	if (!strcmp(word, "late"))
		result = read_late(t, &w, "late DURATION [update|drop|error]", why);
	else {
		while (strcmp(row->word, word) != 0)
			row++;
		int64_t *ns = (int64_t *)(void *)((char *)t + row->offset);
		result = read_duration(&w, row->what, ns, why);
		if (!result && !*ns)
			result = error_set(why, "%s takes a duration above 0", word);
		if (!result)
			result = expect_end(&w, row->what, why);
	}
	*at = w.at;
	return result;
}

#define TRIGGER "emit windows [every DURATION | every N events]"

static int read_trigger(struct timing *t, struct words *w, struct error *why)
{
	if (!next_word(w))
		return 0;
	if (!is_word(w, "every"))
		return error_set(why, "nothing else can stand here: " TRIGGER);
	struct words number = *w;
	if (!next_word(&number))
		return error_set(why, "a duration or a number of events should stand here: " TRIGGER);
	const size_t n = number.end - number.at;
	if (strspn(number.text + number.at, "0123456789") >= n && n < 10) {
		t->every_events = strtoull(number.text + number.at, NULL, 10);
		*w = number;
		if (!t->every_events)
			return error_set(why, "every takes at least 1 event");
		if (!next_word(w) || !(is_word(w, "events") || (t->every_events == 1 && is_word(w, "event"))))
			return error_set(why, "a number of events needs its word, a duration its unit: " TRIGGER);
	} else if (read_duration(w, TRIGGER, &t->every, why) < 0)
		return -1;
	else if (!t->every)
		return error_set(why, "every takes a duration above 0");
	return expect_end(w, TRIGGER, why);
}

int timing_read_trigger(struct timing *t, const char *text, size_t len, size_t *at, struct error *why)
{
	struct words w = { text, len, 0, 0 };
	const int result = read_trigger(t, &w, why);

	*at = w.at;
	return result;
}
