#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""counted-oracle SEED LATE - distinct and topk around and beyond 1,024 different values, in windows of every kind.

Writes counted.features and counted.jsonl: events up to LATE ms out of order, many of them of one time, which have now fewer and now
more different values.  counted-oracle --compare OUTPUT computes what must come of every eleventh event from a list of all that came
before it.  Exact sliding windows: equal, and null beyond 1,024.  Elsewhere distinct is within 2 % beyond 1,024; what topk
says of a value is at most 1/1,024 of the window's events away, and no more frequent value is missing.
"""
import json
import random
import sys

WIDTH = 20000
LIMIT = 1024
SPEC = f"""time t
d   = distinct(s) over {WIDTH}ms
k   = topk(s, 3) over {WIDTH}ms
dx  = distinct(s) over {WIDTH}ms exclude current
kx  = topk(s, 100) over {WIDTH}ms exclude current
dw  = distinct(s) over {WIDTH}ms where c
kw  = topk(s, 9) over {WIDTH}ms where c
dp  = distinct(s) over {WIDTH}ms every 500ms
kp  = topk(s, 4) over {WIDTH}ms every 2s
dt  = distinct(s) over tumbling {WIDTH}ms
kt  = topk(s, 5) over tumbling {WIDTH}ms
ds  = distinct(s) over session 1s
ks  = topk(s, 5) over session 1s
da  = distinct(s)
ka  = topk(s, 3)
"""


def generate(seed, late):
    dice = random.Random(seed)
    t, mode = 1700000000000, 0
    with open("counted.features", "w") as out:
        out.write(SPEC)
    with open("counted.jsonl", "w") as out:
        for _ in range(5000):
            if dice.random() < 0.001:
                mode = dice.randrange(3)
            t += dice.choice([0, 0, 0, 5, 10, 20, 15 * mode])
            if dice.random() < 0.0005:
                t += dice.choice([3000, 15000, 30000])
            value = dice.choice([dice.randrange(5), f"v{dice.randrange(1150)}", f"v{dice.randrange(1150)}", f"w{dice.randrange(1150)}",
                                 f"w{dice.randrange(1150)}"]) if mode != 1 else f"v{dice.randrange(700)}"
            out.write(json.dumps({"t": t - (dice.randrange(late) if late and dice.random() < 0.3 else 0), "s": value, "c": dice.random() < 0.5}) + "\n")


def count(events):
    counts = {}
    for e in events:
        counts[e["s"]] = counts.get(e["s"], 0) + 1
    return counts


def top(counts, k):
    return [[v, n] for v, n in sorted(counts.items(), key=lambda both: -both[1])[:k]] or None


def session(events):
    """Of events in order those back to the last gap of more than a second."""
    first = len(events) - 1
    while first and events[first]["t"] - events[first - 1]["t"] <= 1000:
        first -= 1
    return events[first:]


def near(got, counts, k, n):
    """Estimates of the most frequent values."""
    if len(got) != min(k, len(counts)) or len({v for v, _ in got}) != len(got):
        return False
    slack = n / LIMIT
    return all(abs(c - counts.get(v, 0)) <= slack for v, c in got) and \
        all(c <= got[-1][1] + slack for v, c in counts.items() if v not in [v for v, _ in got])


def wrong_ones(f, past, own):
    """past: in order of arrival, own the last; each with its place in the order of time."""
    t, newest = own["t"], max(e["t"] for e in past)
    line = sorted(past, key=lambda e: (e["t"], e["i"]))
    reach = [e for e in line if newest - WIDTH < e["t"] <= t]
    cases = {"d": reach, "dx": [e for e in reach if e is not own], "k": reach, "kx": [e for e in reach if e is not own]}
    met = [e for e in past if e["c"]]
    if met:
        gone = max(t, max(e["t"] for e in met)) - WIDTH
        cases["dw"] = cases["kw"] = [e for e in line if e["c"] and gone < e["t"] <= t]
    for name, events in cases.items():
        counts = count(events)
        want = (len(counts) if name[0] == "d" else top(counts, {"k": 3, "kx": 100, "kw": 9}[name])) if len(counts) <= LIMIT else None
        if f[name] != want:
            yield name, f[name], want
    panes = {"dp": 500, "kp": 2000, "dt": WIDTH, "kt": WIDTH}
    loose = {}
    for name, pane in panes.items():
        begin = newest // pane * pane - (WIDTH - pane)
        loose[name] = [e for e in line if begin <= e["t"] // pane * pane <= t // pane * pane] or [own]
    if line == past:
        loose["ds"] = loose["ks"] = session(past)
    loose["da"] = loose["ka"] = past
    for name, events in loose.items():
        counts = count(events)
        if name[0] == "d":
            ok = f[name] == len(counts) if len(counts) <= LIMIT else abs(f[name] / len(counts) - 1) < 0.02
        elif len(counts) <= LIMIT or name == "kp":
            ok = f[name] == top(counts, len(f[name]))
        else:
            ok = near(f[name], counts, len(f[name]), len(events))
        if not ok:
            yield name, f[name], len(counts) if name[0] == "d" else top(counts, 5)


def compare(path):
    events = [dict(json.loads(line), i=i) for i, line in enumerate(open("counted.jsonl"))]
    got = [json.loads(line)["features"] for line in open(path)]
    wrong = nulls = 0
    if len(got) != len(events):
        sys.exit(f"{len(got)} lines, expected {len(events)}")
    for i in range(0, len(events), 11):
        nulls += got[i]["d"] is None
        for name, is_, want in wrong_ones(got[i], events[:i + 1], events[i]):
            wrong += 1
            if wrong < 20:
                print(f"line {i + 1}: {name} is {str(is_)[:200]}, expected {str(want)[:200]}")
    print(f"{nulls} windows beyond the limit, {wrong} values wrong")
    sys.exit(wrong > 0)


if sys.argv[1] == "--compare":
    compare(sys.argv[2])
else:
    generate(int(sys.argv[1]), int(sys.argv[2]))
