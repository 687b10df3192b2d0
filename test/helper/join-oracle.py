#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""join-oracle SEED EVENTS MILLISECONDS WITHIN HOLD - events, their partners and rows of a table, and what must leave.

Events may arrive so many milliseconds late; WITHIN and HOLD are in ms.  Writes join.features, join.jsonl and join.expected: per
line the number of an event, of its partner and of the table's row (null: none).  The oracle keeps all that came in lists.
"""
import json
import random
import sys

seed, count, most, within, hold = (int(a) for a in sys.argv[1:6])
rng = random.Random(seed)
now, stream = 1720000000000, []
for _ in range(count):
    now += rng.choice([0, 1, rng.randrange(200), rng.randrange(2000), 5000 if rng.random() < 0.05 else 0])
    kind = rng.choice(["main", "main", "main", "outcome", "outcome", "item"])
    key = rng.choice([1, 2, 3, 4.0, "4", "a", None] if kind == "main" else [1, 2, 3, 4, "4", "a"])
    record = {"kind": kind, "t": now, "item": rng.choice([7, 8, 9])}
    record["order" if kind != "outcome" else "of"] = key
    if kind == "item" and rng.random() < 0.3:
        del record["t"]
    stream.append((now + (rng.randrange(most) if most and rng.random() < 0.5 else 0), record))
stream.sort(key=lambda pair: pair[0])
stream = [record for _, record in stream]
for i, record in enumerate(stream):
    record["i"] = i
    if record["kind"] == "item":
        record["text"] = "row %d of item" % i

with open("join.features", "w", encoding="utf-8") as out:
    print("time t\n" + ("hold %dms\n" % hold if hold else "") +
          "join outcome on order = of within %dms where kind == \"outcome\"\n" % within +
          "lookup thing from rows where kind == \"item\" on item\n" +
          "event = i\npartner = outcome.i\nrow = thing.i\ntext = thing.text", file=out)
with open("join.jsonl", "w", encoding="utf-8") as out:
    for record in stream:
        print(json.dumps(record), file=out)

lines, partners, waiting, held, rows = [], [], [], [], {}


def same(a, b):
    return type(a) is type(b) and a == b or isinstance(a, (int, float)) and isinstance(b, (int, float)) and a == b


def leave(main, partner):
    lines.append([main["i"], partner["i"] if partner else None, rows.get(main["item"])])


def expire(mark):
    for main in sorted((w for w in waiting if w["t"] + within < mark), key=lambda w: w["t"]):
        waiting.remove(main)
        leave(main, None)


def process(record, mark):
    expire(mark)
    if record["kind"] == "outcome":
        for main in [w for w in waiting if same(w["order"], record["of"]) and abs(w["t"] - record["t"]) <= within]:
            waiting.remove(main)
            leave(main, record)
        partners.append(record)
    elif record["kind"] == "item":
        rows[record["item"]] = record["i"]
    elif record["order"] is None:
        leave(record, None)
    else:
        near = [p for p in partners if same(p["of"], record["order"]) and abs(p["t"] - record["t"]) <= within and p["t"] >= mark - within]
        if near:
            leave(record, max(reversed(near), key=lambda p: p["t"]))
        else:
            waiting.append(record)


mark = -10**18
for record in stream:
    if "t" not in record:
        rows[record["item"]] = record["i"]
        continue
    late = record["t"] < mark
    mark = max(mark, record["t"] - hold)
    if hold and not late:
        held.append(record)
        ready = sorted((h for h in held if h["t"] <= mark), key=lambda h: h["t"])
        held = [h for h in held if h["t"] > mark]
        for h in ready:
            process(h, h["t"])
        expire(mark)
        continue
    process(record, mark)
    if late:
        expire(mark)
for h in sorted(held, key=lambda h: h["t"]):
    process(h, h["t"])
expire(10**18)
with open("join.expected", "w", encoding="utf-8") as out:
    for line in lines:
        print(json.dumps(line), file=out)
