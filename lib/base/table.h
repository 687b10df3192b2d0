/* SPDX-License-Identifier: MIT */
/*
 * table.h - a hash table from byte keys to pointers or small numbers.
 *
 * Open addressing with the hashes kept beside the slots: growing re-reads no keys.  Keys are copied in.  For set-up and
 * look-up by name; the per-key state of features has its own (feature/keyed.h).
 */
#ifndef BASE_TABLE_H
#define BASE_TABLE_H

#include <stddef.h>
#include <stdint.h>

struct table_row {
	uint64_t hash;
	char *key;		/* owned, NUL-terminated */
	size_t len;
	union { void *pointer; uint64_t number; };
};

struct table {
	struct table_row *rows;	/* in order of insertion; `n` of them */
	size_t n, room;
	uint32_t *slots;	/* index + 1 of a row, 0: free */
	size_t n_slots;
};

#define TABLE_INIT ((struct table){0})

struct table_row *table_find(const struct table *, const void *key, size_t len);	/* NULL: not there */
/* Finds or adds (number 0); good until the next add. */
struct table_row *table_add(struct table *, const void *key, size_t len);
void table_clear(struct table *);
void table_release(struct table *);

#endif
