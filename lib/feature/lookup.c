/* SPDX-License-Identifier: MIT */
#include "feature/lookup.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/fileid.h"
#include "base/number.h"
#include "json/parse.h"
#include "stream/reader.h"

#define PIECE (256 * 1024)	/* bytes that a look reads: some milliseconds */

/* A file being read. */
struct load {
	struct fileid id;
	struct reader *reader;
	struct rows *rows;
	struct buf text;		/* read and not taken: from `at` on */
	size_t at, scanned;		/* scanned: bytes from `at` known to hold no LF */
	uint64_t line, repeated;
	char *first_key;
};

struct lookup {
	const struct spec_lookup *spec;
	uint64_t max_line;
	struct rows *rows;
	struct fileid id;		/* of the file that they are from */
	struct lookup_figures figures;
	struct load *load;		/* NULL: none is being read */
	struct fileid refused;		/* the last file that was, and */
	bool has_refused, was_read;	/* whether it could be read: if so it is not read again until it changes */
	bool is_lost;			/* it has been told that there is none */
	struct value *slots;
	struct arena arena;
	struct buf scratch;
};

/* ---- a line ---- */

static int refuse_line(const struct lookup *l, const struct load *load, struct error *why)
{
	return error_prefix(why, "%s:%llu", l->spec->file, (unsigned long long)load->line);
}

static int take_row(struct lookup *l, struct load *load, const char *text, size_t len, struct error *why)
{
	const struct spec_lookup *spec = l->spec;
	struct json_error e;
	uint64_t present;
	const void *object = json_parse(&l->arena, text, len, &e);

	if (!object)
		return error_set(why, "not JSON at byte %zu: %s", e.byte, e.what);
	json_read(object, &spec->fields, &l->arena, l->slots, &present);
	fields_meet(&spec->fields, l->slots);
	const struct value v = l->slots[spec->key_slot];
	if (!key_is(v))
		return error_set(why, "%s is %s: a row's key is a string, a number or a boolean", spec->row_text, value_kind(v));
	const struct key key = key_of(&v, 1, &l->arena, &l->scratch);
	load->repeated += rows_put(load->rows, &key, l->slots);
	if (!load->first_key)
		load->first_key = alloc_span(key.bytes, key.len);
	return 0;
}

static bool is_blank(const char *text, size_t len)
{
	while (len && (text[len - 1] == ' ' || text[len - 1] == '\t' || text[len - 1] == '\r'))
		len--;
	return !len;
}

static int take_line(struct lookup *l, struct load *load, const char *text, size_t len, struct error *why)
{
	char shown[NUMBER_SHOW_MAX];

	if (!load->line++ && len >= 3 && !memcmp(text, "\xef\xbb\xbf", 3)) {
		text += 3;
		len -= 3;
	}
	if (len > l->max_line) {
		error_set(why, "longer than %s bytes (--max-line)", number_group(l->max_line, shown));
		return refuse_line(l, load, why);
	}
	if (is_blank(text, len))
		return 0;
	arena_clear(&l->arena);
	return take_row(l, load, text, len, why) < 0 ? refuse_line(l, load, why) : 0;
}

/* ---- a file ---- */

static void load_free(struct load *load)
{
	if (!load)
		return;
	if (load->reader)
		load->reader->close(load->reader);
	rows_free(load->rows);
	buf_release(&load->text);
	free(load->first_key);
	free(load);
}

/* NULL: there is nothing to read. */
static struct load *load_open(const struct lookup *l, const struct fileid *id, struct error *why)
{
	struct reader *reader = reader_open(l->spec->file, why);

	if (reader && reader->is_pipe) {
		reader->close(reader);
		error_set(why, "%s: is no regular file", l->spec->file);
		return NULL;
	}
	if (!reader)
		return NULL;
	struct load *load = alloc_zeroed(1, sizeof *load);
	load->id = *id;
	load->reader = reader;
	load->rows = rows_new(l->spec->n_values);
	return load;
}

/* All whole lines of the text, and at the end of the file the rest. */
static int take_lines(struct lookup *l, struct load *load, bool at_eof, struct error *why)
{
	struct buf *b = &load->text;
	const char *lf;

	while ((lf = memchr(b->data + load->at + load->scanned, '\n', b->len - load->at - load->scanned))) {
		const char *line = b->data + load->at;
		load->at = (size_t)(lf + 1 - b->data);
		load->scanned = 0;
		if (take_line(l, load, line, (size_t)(lf - line), why) < 0)
			return -1;
	}
	load->scanned = b->len - load->at;
	if (at_eof && load->scanned && take_line(l, load, b->data + load->at, load->scanned, why) < 0)
		return -1;
	/* What is too long need not be read to its end. */
	return load->scanned > l->max_line + 3 && !at_eof ? take_line(l, load, b->data + load->at, load->scanned, why) : 0;
}

/* 1 more is to come, 0 the end, -1. */
static int load_piece(struct lookup *l, struct load *load, struct error *why)
{
	struct buf *b = &load->text;

	if (load->at)
		memmove(b->data, b->data + load->at, load->scanned);
	b->len = load->scanned;
	load->at = 0;
	const ssize_t got = load->reader->read(load->reader, buf_reserve(b, PIECE), PIECE, why);
	if (got < 0)
		return -1;
	b->len += (size_t)got;
	return take_lines(l, load, !got, why) < 0 ? -1 : got > 0;
}

static void use(struct lookup *l, struct load *load)
{
	rows_free(l->rows);
	free(l->figures.first_key);
	l->rows = load->rows;
	l->id = load->id;
	l->figures.first_key = load->first_key;
	l->figures.repeated = load->repeated;
	l->figures.loaded++;
	load->rows = NULL;
	load->first_key = NULL;
}

/* ---- looking ---- */

/* Told once for each file. */
static enum lookup_news refuse(struct lookup *l, const struct fileid *id, bool was_read, struct error *why)
{
	if (l->has_refused && fileid_equal(&l->refused, id)) {
		why->text[0] = '\0';
	} else {
		l->figures.refused++;
		error_prefix(why, "lookup %s", l->spec->name);
	}
	l->refused = *id;
	l->has_refused = true;
	l->was_read = was_read;
	return LOOKUP_SAME;
}

/* Begins to read a file that is another one. */
static enum lookup_news begin(struct lookup *l, struct error *why)
{
	struct fileid id;

	if (fileid_get(&id, l->spec->file, why) < 0) {
		if (l->is_lost)
			why->text[0] = '\0';
		else
			error_prefix(why, "lookup %s", l->spec->name);
		l->is_lost = true;
		return LOOKUP_SAME;
	}
	l->is_lost = false;
	if ((l->rows && fileid_equal(&id, &l->id)) || (l->has_refused && l->was_read && fileid_equal(&id, &l->refused)))
		return LOOKUP_SAME;
	l->load = load_open(l, &id, why);
	return l->load ? LOOKUP_READING : refuse(l, &id, false, why);
}

enum lookup_news lookup_look(struct lookup *l, struct error *why)
{
	enum lookup_news news;

	why->text[0] = '\0';
	if (!l->load && (news = begin(l, why)) != LOOKUP_READING)
		return news;
	const int got = load_piece(l, l->load, why);
	if (got > 0)
		return LOOKUP_READING;
	if (got == 0) {
		use(l, l->load);
		l->has_refused = false;
		news = LOOKUP_REPLACED;
	} else
		news = refuse(l, &l->load->id, true, why);
	load_free(l->load);
	l->load = NULL;
	return news;
}

struct lookup *lookup_open(const struct spec_lookup *spec, uint64_t max_line, struct error *why)
{
	struct lookup *l = alloc_zeroed(1, sizeof *l);

	l->spec = spec;
	l->max_line = max_line;
	l->slots = alloc_zeroed(spec->fields.n_slots, sizeof *l->slots);
	while (lookup_look(l, why) == LOOKUP_READING)
		;
	if (l->rows)
		return l;
	lookup_close(l);
	return NULL;
}

void lookup_close(struct lookup *l)
{
	if (!l)
		return;
	load_free(l->load);
	rows_free(l->rows);
	free(l->figures.first_key);
	free(l->slots);
	arena_release(&l->arena);
	buf_release(&l->scratch);
	free(l);
}

const struct rows *lookup_rows(const struct lookup *l)
{
	return l->rows;
}

const struct lookup_figures *lookup_figures(const struct lookup *l)
{
	return &l->figures;
}

void lookup_unmet(const struct lookup *l, struct buf *b)
{
	for (const struct expectation *e = l->spec->fields.expects->first; e && b->len < 300; e = e->next)
		if (!e->met)
			buf_format(b, "%s\"%s\"", b->len ? ", " : "", e->path);
}
