/* SPDX-License-Identifier: MIT */
#include "stream/intake.h"

#include <stdint.h>
#include <string.h>

#include "json/write.h"

#define ERROR_HEAD "{\"errorType\":\""

static bool has_prefix(const char *p, size_t n, const char *prefix)
{
	const size_t len = strlen(prefix);
	return n >= len && !memcmp(p, prefix, len);
}

size_t intake_limit(const struct intake *in, const char *start, size_t n)
{
	/* As far as it is known: what may yet become an error record has the limit of one, in however small pieces it comes. */
	const size_t head = sizeof ERROR_HEAD - 1, control = sizeof INTAKE_CONTROL - 1;

	if (in->takes_control && !memcmp(start, INTAKE_CONTROL, n < control ? n : control))
		return SIZE_MAX;
	return !memcmp(start, ERROR_HEAD, n < head ? n : head) ? 8 * in->max_line : in->max_line;
}

static void refuse(struct record *r, enum error_type type, const char *message, size_t full_len)
{
	struct refusal *why = arena_get(r->arena, sizeof *why);

	*why = (struct refusal){ type, message, full_len };
	r->kind = RECORD_REFUSED;
	r->refusal = why;
}

static void refuse_forged(struct record *r)
{
	refuse(r, RESERVED, "ends as an error record does, and is none", 0);
}

/* A line that nobody but this process and its kind may write. */
static void check_reserved(struct record *r)
{
	if (has_prefix(r->line, r->len, INTAKE_CONTROL))
		refuse(r, RESERVED, "begins as a control record does", 0);
	else if (record_ends_like_error(r->line, r->len) && !record_is_error(r->line, r->len, r->arena))
		refuse_forged(r);
}

static void retry(struct record *r)
{
	struct buf original = BUF_INIT;
	struct error why;
	const int is_error = record_original(r->line, r->len, &original, &why);

	if (is_error > 0) {
		const struct place at = r->at;
		const struct origin *origin = r->origin;
		record_init(r, arena_copy(r->arena, original.data, original.len), original.len, r->fields, r->arena);
		r->at = at;
		r->origin = origin;
	} else if (is_error < 0 && !record_is_error(r->line, r->len, r->arena))
		refuse_forged(r);
	buf_release(&original);
}

void intake_record(struct record *r, const struct intake *in)
{
	if (in->retries)
		retry(r);
	/* Few lines have either byte where these have it; the rest is not looked at. */
	if (in->refuses_control && r->kind != RECORD_REFUSED && r->len > 2 && (r->line[2] == '_' || r->line[r->len - 2] == '"'))
		check_reserved(r);
}

void intake_too_long(struct record *r, const char *start, size_t n, size_t full_len)
{
	const struct place at = r->at;
	const struct origin *origin = r->origin;
	size_t kept = n;

	/* Cut between characters, where these are characters. */
	for (int cut = 0; n < full_len && cut < 3 && kept && !json_is_utf8(start, kept); cut++)
		kept--;
	if (!json_is_utf8(start, kept))
		kept = n;
	record_init(r, arena_copy(r->arena, start, kept), kept, r->fields, r->arena);
	r->at = at;
	r->origin = origin;
	refuse(r, TOO_LONG, NULL, full_len);
}
