/* SPDX-License-Identifier: MIT */
/*
 * Rules, one a line, on a stream: the first that holds is the first of all that hold, whatever was asked for before.
 * Behind a NUL stand lines of data.
 */
#include "events.h"

#include "sink/rules.h"

#define TEXTS_MAX (RULES_MAX + 2)

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	setenv("SOURCE_DATE_EPOCH", "1700000000", 1);
	return 0;
}

static void match(const struct rules *rules, const struct fields *fields, const char *line, size_t len)
{
	struct arena arena = ARENA_INIT;
	struct tally tally = {0};
	struct record r;
	uint64_t found[2];
	struct buf out[2] = { BUF_INIT, BUF_INIT };

	for (int all = 0; all < 2; all++) {
		record_init(&r, line, len, fields, &arena);
		r.at = (struct place){ "route", "stdin", 1, &tally };
		found[all] = rules_match(rules, &r, all);
		CHECK(rules->n == 64 || !(found[all] >> rules->n));
		record_write(&r, &out[all]);
	}
	CHECK(!(found[0] & (found[0] - 1)));
	/* Asked for all of them, a later rule may find a fault that the first one alone does not come to. */
	if (out[0].len == out[1].len && !memcmp(out[0].data, out[1].data, out[0].len))
		CHECK(found[0] == (found[1] & -found[1]));
	else
		CHECK(tally.n_errors == 1);
	buf_release(&out[0]);
	buf_release(&out[1]);
	arena_release(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	const uint8_t *nul = n ? memchr(bytes, 0, n) : NULL, *piece;
	const size_t rules_len = nul ? (size_t)(nul - bytes) : n;
	char *texts[TEXTS_MAX], *line[EVENTS_MAX];
	size_t len[EVENTS_MAX], n_texts = 0, at = 0, got, count;
	struct error why = { "" };
	struct fields fields;
	struct rules rules = {0};

	while (n_texts < TEXTS_MAX && fuzz_piece(bytes, rules_len, '\n', &at, &piece, &got))
		texts[n_texts++] = fuzz_text(piece, got);
	if (rules_parse(&rules, texts, n_texts, TIME_MS, &why))
		CHECK(*why.text);
	else {
		fields_init(&fields);
		for (size_t i = 0; i < rules.n; i++) {
			CHECK(*rules.rule[i].dest);
			CHECK(strstr(texts[i], rules.rule[i].dest) && !strncmp(texts[i], rules.rule[i].condition, rules.rule[i].condition_len));
		}
		CHECK(!rules_bind(&rules, &fields, &why));
		count = nul ? events_lines(nul + 1, n - rules_len - 1, line, len) : events_lines(NULL, 0, line, len);
		for (size_t i = 0; i < count; i++)
			match(&rules, &fields, line[i], len[i]);
		while (count > EVENTS)
			free(line[--count]);
		fields_release(&fields);
	}
	rules_release(&rules);
	while (n_texts)
		free(texts[--n_texts]);
	return 0;
}
