/* SPDX-License-Identifier: MIT */
/*
 * hash.h - the one 64-bit hash: of keys, splits, hold-outs, shards.
 *
 * XXH64 with seed 0, after its specification (Yann Collet, "xxHash fast digest algorithm", version 0.1.1): documented and
 * available in every language, so that other programs can tell which split a key is in.  Little- and big-endian
 * machines agree.  Test vectors: hash_bytes("", 0) = 0xef46db3751d8e999, hash_bytes("a", 1) = 0xd24ec4f1a98c6e5b,
 * hash_bytes("abc", 3) = 0x44bc2cf5ad770999.
 */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

uint64_t hash_bytes(const void *, size_t n);

#endif
