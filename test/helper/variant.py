#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
#
# variant NAME=SHARE... < keys: of each key, a JSON text a line, the variant that sml-classify(1), Variants and shadows, promises:
# XXH64 of "NAME,NAME" LF key as a share of 2^64.  XXH64: Y. Collet's specification, for short texts and long ones.
import sys

M = (1 << 64) - 1
P1, P2, P3, P4, P5 = (11400714785074694791, 14029467366897019727, 1609587929392839161, 9650029242287828579, 2870177450012600261)


def rotate(x, n):
    return (x << n | x >> (64 - n)) & M


def lane(acc, x):
    return rotate((acc + x * P2) & M, 31) * P1 & M


def xxh64(b):
    n, at = len(b), 0
    if n >= 32:
        acc = [(P1 + P2) & M, P2, 0, -P1 & M]
        while n - at >= 32:
            acc = [lane(a, int.from_bytes(b[at + 8 * i:at + 8 * i + 8], "little")) for i, a in enumerate(acc)]
            at += 32
        h = sum(rotate(a, r) for a, r in zip(acc, (1, 7, 12, 18))) & M
        for a in acc:
            h = ((h ^ lane(0, a)) * P1 + P4) & M
    else:
        h = P5
    h = (h + n) & M
    for size, prime, turn, plus in ((8, None, 27, P4), (4, P1, 23, P3), (1, P5, 11, 0)):
        while n - at >= size:
            x = int.from_bytes(b[at:at + size], "little")
            h ^= lane(0, x) if size == 8 else x * prime & M
            h = (rotate(h, turn) * (P1 if size != 4 else P2) + plus) & M
            at += size
    h = (h ^ h >> 33) * P2 & M
    h = (h ^ h >> 29) * P3 & M
    return h ^ h >> 32


names = [a.split("=")[0] for a in sys.argv[1:]]
shares = [float(a.split("=")[1]) for a in sys.argv[1:]]
for line in sys.stdin.buffer:
    place = xxh64(",".join(names).encode() + b"\n" + line.rstrip(b"\n")) / 2 ** 64 * sum(shares)
    i = 0
    while i + 1 < len(names) and place >= sum(shares[:i + 1]):
        i += 1
    print(names[i])
