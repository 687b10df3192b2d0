#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""closing-oracle SEED EVENTS MILLISECONDS LATE [TRIGGER] - a spec of `emit windows`, events up to so late, and all that must leave.

Writes closing.features, closing.jsonl and closing.expected.  The oracle keeps every event that is not too late and computes
each window anew from these when the watermark passes its end, when an event comes behind that, and at each trigger.
"""
import json
import math
import random
import sys

seed, count, most, late = (int(a) for a in sys.argv[1:5])
trigger = sys.argv[5] if len(sys.argv) > 5 else ""
every = int(trigger[:-1]) * 1000 if trigger.endswith("s") else 0
each = int(trigger) if trigger and not every else 0
rng = random.Random(seed)

# Name, text, kind, width, step, offset in ms, by, only x > 40.
DEFINITIONS = [
    ("t", "over tumbling 7s", "fixed", 7000, 7000, 0, "k", False),
    ("h", "over 12s every 3s offset 1s", "fixed", 12000, 3000, 1000, "k", False),
    ("s", "over session 4s", "session", 4000, 0, 0, "k", False),
    ("g", "over tumbling 10s by g", "fixed", 10000, 10000, 0, "g", False),
    ("q", "over session 9s where x > 40", "session", 9000, 0, 0, "k", True),
    ("a", "", "all", 0, 0, 0, "k", False),
]

with open("closing.features", "w", encoding="utf-8") as out:
    print("key k\ntime t", file=out)
    print(f"late {late}ms" if late else "late 0s", file=out)
    windows = "every " + trigger if every else f"every {each} events" if each else ""
    print("emit windows", windows, "\nhelp = x + 1", file=out)
    for name, text, _, _, _, _, _, only in DEFINITIONS:
        text = text.replace(" by g", "").replace(" where x > 40", "")
        by = " by g" if name == "g" else ""
        where = " where x > 40" if only else ""
        print(f"{name}_n = count() {text}{by}{where}", file=out)
        print(f"{name}_s = sum(help) {text}{by}{where}", file=out)
        print(f"{name}_m = {name}_s / {name}_n", file=out)
        print(f"{name}_l = last(i) {text}{by}{where}", file=out)
        print(f"{name}_q = sequence(i, 3) {text}{by}{where}", file=out)
        print(f"{name}_d = distinct(x) {text}{by}{where}", file=out)
        print(f"{name}_k = topk(x, 2) {text}{by}{where}", file=out)

now, events = 1720000000000 + rng.randrange(100000), []
for i in range(count):
    now += rng.choice([0, 1, rng.randrange(1500), rng.randrange(300), 4000 if rng.random() < 0.1 else 9001 if rng.random() < 0.1 else 0])
    events.append({"k": rng.choice(["b", "a", 10, "a long key of many bytes", 9]), "g": rng.choice([1, None, "x"]),
                   "t": now, "x": rng.choice([None, None, None, *range(0, 100, 7)]), "arrives": now + (rng.randrange(most) if rng.random() < 0.5 else 0)})
events.sort(key=lambda e: e["arrives"])
with open("closing.jsonl", "w", encoding="utf-8") as out:
    for i, e in enumerate(events):
        e["i"] = i
        del e["arrives"]
        print(json.dumps(e), file=out)

MAX = 10**18
kept = []       # events that count, with the windows' names that they still could change
given = {}      # (name, key, window) -> times it has been given out after its end
stale = set()   # such that have changed since they were given out
lines = []


def key_of(definition, e):
    return None if e[definition[6]] is None else json.dumps(e[definition[6]])


def members(definition, key):
    return [e for e, names in kept if definition[0] in names and key_of(definition, e) == key]


def windows_of(definition, key):
    """(start, end, shown end) of the windows of a key, with their events in order of time, then arrival."""
    mine = sorted(members(definition, key), key=lambda e: (e["t"], e["i"]))
    _, _, kind, width, step, offset, _, _ = definition
    found = {}
    if kind == "all":
        return {(-MAX, MAX, None): mine} if mine else {}
    if kind == "fixed":
        for e in mine:
            pane = (e["t"] - offset) // step * step + offset
            for past in range(0, width, step):
                end = pane + step + past
                if end <= e["closed"]:
                    continue
                found.setdefault((end - width, end, end), []).append(e)
        return found
    session = []
    for e in mine:
        if definition[0] in e["sealed"]:
            continue
        if session and e["t"] - session[-1]["t"] > width:
            found[(session[0]["t"], session[-1]["t"] + width + 0.001, session[-1]["t"] + width)] = session
            session = []
        session.append(e)
    if session:
        found[(session[0]["t"], session[-1]["t"] + width + 0.001, session[-1]["t"] + width)] = session
    return found


def most_frequent(inside):
    counts = {}
    for e in inside:
        if e["x"] is not None:
            counts[e["x"]] = counts.get(e["x"], 0) + 1
    return [[x, n] for x, n in sorted(counts.items(), key=lambda c: -c[1])[:2]] or None


def give(definition, key, window, inside, is_open, revision):
    name, kind = definition[0], definition[2]
    if kind == "all":
        inside = sorted(inside, key=lambda e: e["i"])
    total = sum(e["x"] + 1 for e in inside if e["x"] is not None)
    mean = total / len(inside)
    out = {"key": json.loads(key), "window": {"start": window[0] if kind != "all" else None, "end": window[2]},
           "features": {name + "_n": len(inside), name + "_s": total, name + "_m": int(mean) if mean == int(mean) else mean,
                        name + "_l": inside[-1]["i"], name + "_q": [e["i"] for e in inside[-3:]],
                        name + "_d": len({e["x"] for e in inside} - {None}), name + "_k": most_frequent(inside)}}
    if revision and not is_open:
        out["revision"] = revision
    if is_open:
        out["open"] = True
    lines.append(out)


def all_windows():
    for number, definition in enumerate(DEFINITIONS):
        keys = {key_of(definition, e) for e, _ in kept} - {None}
        for key in keys:
            for window, inside in windows_of(definition, key).items():
                yield window[1], key.encode(), number, key, window, inside


def identity(definition, key, window, inside):
    # A session is known by what is in it: grown by late events, it is the same one.
    if definition[2] == "session":
        return [(definition[0], key, e["i"]) for e in inside]
    return [(definition[0], key, window)]


def close_until(mark):
    for end, _, number, key, window, inside in sorted(all_windows(), key=lambda w: w[:3]):
        names = identity(DEFINITIONS[number], key, window, inside)
        if end <= mark and (not any(n in given for n in names) or any(n in stale for n in names)):
            revision = max(given.get(n, 0) for n in names)
            give(DEFINITIONS[number], key, window, inside, False, revision)
            for n in names:
                given[n] = revision + 1
                stale.discard(n)


def fire(mark, names):
    for end, _, number, key, window, inside in sorted(all_windows(), key=lambda w: w[:3]):
        mine = identity(DEFINITIONS[number], key, window, inside)
        if end > mark and any(n in names for n in mine):
            give(DEFINITIONS[number], key, window, inside, True, 0)


mark, changed, counts = None, set(), {}
for e in events:
    before = mark
    mark = e["t"] if mark is None else max(mark, e["t"])
    if every and before is not None and changed:
        tick = before // every * every + every
        if tick <= mark:
            close_until(tick)
            fire(tick, changed)
            changed = set()
    close_until(mark)
    e["closed"], e["sealed"] = mark - late, set()      # what ended before this is gone for good
    for definition in DEFINITIONS:
        if definition[2] == "session":
            for key in {key_of(definition, old) for old, _ in kept}:
                for window, inside in windows_of(definition, key).items():
                    if window[1] <= mark - late:
                        for old in inside:
                            old["sealed"].add(definition[0])
    names = set()
    for definition in DEFINITIONS:
        if definition[7] and not (e["x"] is not None and e["x"] > 40):
            continue
        if definition[2] == "fixed":
            pane = (e["t"] - definition[5]) // definition[4] * definition[4] + definition[5]
            if pane + definition[3] > mark - late:      # its last window is open, or can be given out again
                names.add(definition[0])
        elif definition[2] == "session":
            # It opens a session that has not closed for good, or joins one.
            joins = [w for w, inside in windows_of(definition, key_of(definition, e)).items()
                     if w[0] - definition[3] <= e["t"] <= w[2] and w[1] > mark - late]
            if e["t"] + definition[3] + 0.001 > mark - late or joins:
                names.add(definition[0])
        else:
            names.add(definition[0])
    kept.append((e, names))
    for definition in DEFINITIONS:
        key = key_of(definition, e)
        if key is None or definition[0] not in names:
            continue
        for window, inside in sorted(windows_of(definition, key).items(), key=lambda w: w[0][1]):
            if e not in inside or window[1] <= mark - late:
                continue
            mine = identity(definition, key, window, inside)
            if window[1] <= mark:
                revision = max(given.get(n, 0) for n in mine)
                give(definition, key, window, inside, False, revision)
                for n in mine:
                    given[n] = revision + 1
                continue
            for n in mine:
                changed.add(n)
            if any(n in given for n in mine):
                stale.update(mine)
            if each and len(inside) % each == 0:
                give(definition, key, window, inside, True, 0)
                changed -= set(mine)
# At the end everything closes, in order.
close_until(MAX)

with open("closing.expected", "w", encoding="utf-8") as out:
    for line in lines:
        print(json.dumps(line, separators=(",", ":")), file=out)
