/* SPDX-License-Identifier: MIT */
/*
 * beside.h - a stage's file beside its state, for what is large and seldom another one: a model.
 *
 *	STAGE.EPOCH-RUN.model
 *
 * It is written once, durably, before the barrier EPOCH goes on, and every barrier from then on names it, in the stage's state:
 * "file":{"f":"classify.12-18f3.model","len":311,"crc":1234}; the CRC-32C is of the file.  directory_prune removes it when a barrier that
 * names another one has been committed.
 */
#ifndef CHECKPOINT_BESIDE_H
#define CHECKPOINT_BESIDE_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/value.h"

/* That which a stage's barriers name.  All zero: none. */
struct beside { char *path, *name; uint64_t len; uint32_t crc; };	/* name: the end of path */

void beside_release(struct beside *);

/* As the member of `st` of a stage says. */
void beside_read(struct beside *, const char *dir, struct value state, struct arena *);
/* The member, into an object under way; nothing where there is none. */
void beside_write(const struct beside *, struct buf *json);

/* In its place a new one, durable.  -1: it is as it was. */
int beside_put(struct beside *, const char *dir, const char *name, const void *bytes, size_t n, struct error *why);
/* free(3); NULL: there is none, it is gone, or damaged. */
char *beside_get(const struct beside *, size_t *n, struct error *why);

#endif
