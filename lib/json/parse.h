/* SPDX-License-Identifier: MIT */
/*
 * parse.h - JSON text to values by compiled path.  json/ alone includes yyjson.h.
 *
 * RFC 8259, UTF-8 checked, any depth (yyjson does not recurse).  A name that stands twice in an object: the last one wins,
 * also for the object around a path.  Numbers that no double holds become VALUE_HUGE.  Knows no lines and no I/O.
 */
#ifndef JSON_PARSE_H
#define JSON_PARSE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/value.h"
#include "json/fields.h"

/* Where JSON stops being one object; `what` is a constant. */
struct json_error { size_t byte; const char *what; };	/* byte: from 1 */

/*
 * The root object, in the arena's memory together with its strings; NULL: not one object (and nothing else but white
 * space).  The text is copied, not changed, and need not outlive the call.
 */
const void *json_parse(struct arena *, const char *text, size_t len, struct json_error *);
bool json_is_empty(const void *object);

/* Fills the slots of `fields` (all missing at first) in one walk, and the bits of members the line already has. */
void json_read(const void *object, const struct fields *, struct arena *, struct value *slots, uint64_t *present);

/* The same for a member that a stage adds: what the slots would hold had it been parsed. */
void json_read_member(const struct added *, struct value, struct arena *, struct value *slots);

/* ---- whole documents: model files, fixtures.  Everything in the arena. ---- */

/* Any JSON value; an array as VALUE_ARRAY, objects (and arrays inside arrays) as VALUE_TREE. -1: "line:column: what". */
int json_document(struct arena *, const char *text, size_t len, struct value *out, struct error *why);

/* The same; NaN, Infinity and -Infinity, which are not JSON though some libraries write them, are as numbers that no double holds. */
int json_document_nan(struct arena *, const char *text, size_t len, struct value *out, struct error *why);

/* The last member of that name of a VALUE_TREE or VALUE_OBJECT; VALUE_MISSING: not there, or no object. */
struct value json_get(struct value object, const char *name, struct arena *);

/* An object's members in order, repeated names as they come. False at the end, and at once for what is no object. */
struct json_walk { const void *at; size_t left; bool made; };
void json_walk(struct json_walk *, struct value object);
bool json_walk_next(struct json_walk *, struct arena *, struct value *name, struct value *value);

/*
 * An array inside an array is a VALUE_TREE until it is asked for, so that no depth costs stack: json_items gives it
 * as a VALUE_ARRAY; any other value comes back as it is.
 */
struct value json_items(struct value, struct arena *);
bool json_is_array(struct value);

#endif
