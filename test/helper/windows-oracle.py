#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""windows-oracle SEED EVENTS ORDER - a spec of every aggregate over every window in time, events, and what must come of them.
Of sequence() also over the windows in order of arrival.

ORDER is "sorted" (ties and gaps among them) or "shuffled" (within 20 seconds).  Writes windows.features, windows.jsonl and
windows.expected.  Of each state the oracle keeps the list of its events, and computes every value anew from it.
windows-oracle --compare OUTPUT compares: counts, least, greatest, first, last, sequences and topk are equal, sums are to 1e-12 of
what was added up, quantiles to 1 %, others to 1e-9.
"""
import json
import math
import random
import sys

DAY = 86400
# Text of the window; kind; width, pane, offset in seconds.
WINDOWS = [
    ("over 7s", "sliding", 7, 0, 0),
    ("over 1m", "sliding", 60, 0, 0),
    ("over 10s every 2s", "panes", 10, 2, 0),
    ("over 1m every 15s offset 4s", "panes", 60, 15, 4),
    ("over tumbling 13s", "tumbling", 13, 13, 0),
    ("over tumbling 1m offset 30s", "tumbling", 60, 60, 30),
    ("over session 3s", "session", 3, 0, 0),
    ("over session 20s", "session", 20, 0, 0),
]
IN_ARRIVAL = [
    ("over all", "all", 0, 0, 0),
    ("over last 1", "last", 1, 0, 0),
    ("over last 5", "last", 5, 0, 0),
    ("over last 40", "last", 40, 0, 0),
]
AGGREGATES = ["count()", "count(x)", "sum(x)", "mean(x)", "min(x)", "max(x)", "range(x)", "var(x)", "stddev(x)", "first(s)", "last(s)", "first(x)", "last(x)",
              "min(s)", "rate()", "ewma(x, 5s)", "sum(v)", "mean(v)", "distinct(s)", "distinct(x)", "distinct(v)", "topk(s, 3)", "topk(x, 2)",
              "topk(s, 100)", "quantile(x, 0.5)", "quantile(x, 0)", "quantile(x, 0.9)", "quantile(x, 1)"]
EVERY_CLAUSE = ["count()", "sum(x)", "min(x)", "last(s)", "distinct(s)", "topk(s, 3)", "quantile(x, 0.5)"]
SEQUENCES = ["sequence(x, 1)", "sequence(b, 3)", "sequence(s, 10)", "sequence(x, 1024)"]
CLAUSES = ["", " exclude current", " where x > 2", " exclude current where x > 2", " by g"]


def number(x):
    if x is None or not math.isfinite(x):
        return None
    return int(x) if x == int(x) and abs(x) < 2**63 else x


def constant(aggregate):
    return json.loads(aggregate.split(", ")[1].rstrip(")"))


def value_of(aggregate, events, window):
    """Of events (time, arrival, x) in order."""
    name = aggregate.split("(")[0]
    # Events without a value are there for the sessions alone.
    events = [e for e in events if e[2] is not None]
    values = [x for _, _, x in events]
    if name == "count":
        return len(values)
    if name == "sequence":
        return values[-int(aggregate.split(", ")[1][:-1]):] or None
    if name == "rate":
        if window[1] != "session":
            return number(len(values) / window[2])
        span = round(max(t for t, _, _ in events) - min(t for t, _, _ in events), 1) if events else 0
        return number((len(values) - 1) / span) if span else None
    if aggregate in ("sum(v)", "mean(v)"):
        if not values:
            return 0 if name == "sum" else None
        return [number(math.fsum(c) / (len(values) if name == "mean" else 1)) for c in zip(*values)]
    if name == "sum":
        return number(math.fsum(values)) if values else 0
    if name == "distinct":
        return len({json.dumps(number(v) if isinstance(v, (int, float)) else v) for v in values})
    if not values:
        return None
    if name == "mean":
        return number(math.fsum(values) / len(values))
    if name in ("min", "max"):
        return (min if name == "min" else max)(values)
    if name == "range":
        return number(max(values) - min(values))
    if name in ("var", "stddev"):
        middle = math.fsum(values) / len(values)
        var = math.fsum((x - middle) ** 2 for x in values) / len(values)
        return number(var if name == "var" else math.sqrt(var))
    if name == "quantile":
        return sorted(values)[math.floor(constant(aggregate) * (len(values) - 1))]
    if name == "topk":
        counts = {}
        for v in values:    # sorted() keeps the order of those that are as frequent: as they were seen
            counts[v] = counts.get(v, 0) + 1
        return [[v, n] for v, n in sorted(counts.items(), key=lambda both: -both[1])[:constant(aggregate)]]
    if name == "first":
        return values[0]
    if name == "last":
        return values[-1]
    if name == "ewma":
        y, last = values[0], events[0][0]
        for t, _, x in events:
            y += (1 - 2 ** (-round(t - last, 1) / 5)) * (x - y)
            last = t
        return number(y)
    raise AssertionError(name)


class State:
    """The events of one key that may still count, by the rules of sml-features(1)."""

    def __init__(self, window):
        self.window = window
        self.kept = []
        self.newest = None

    def pane(self, t):
        _, _, _, pane, offset = self.window
        return math.floor((t - offset) / pane) * pane + offset

    def gone(self, newest):
        """Times (of panes: starts) up to this one count for nobody."""
        _, kind, width, pane, _ = self.window
        return newest - width if kind == "sliding" else self.pane(newest) - (width - pane) - 1e-6

    def session(self, t, newest):
        """What one at t would be together with."""
        gap, together, groups = self.window[2], [], []
        for e in sorted(self.kept):
            if groups and e[0] - groups[-1][-1][0] <= gap:
                groups[-1].append(e)
            else:
                groups.append([e])
        for g in groups:
            if g[0][0] - gap <= t <= g[-1][0] + gap and g[-1][0] >= newest - gap:
                together += g
        return together

    def value(self, aggregate, t, own):
        newest = t if self.newest is None else max(self.newest, t)
        _, kind, width, pane, _ = self.window
        if kind in ("all", "last"):
            return value_of(aggregate, (self.kept + ([own] if own else []))[-width:], self.window)
        if kind == "session":
            events = self.session(t, newest)
        elif kind == "sliding":
            after = max(t - width, self.gone(newest))
            events = [e for e in self.kept if after < e[0] <= t]
        else:
            after = max(self.pane(t) - (width - pane) - 1e-6, self.gone(newest))
            events = [e for e in self.kept if after < self.pane(e[0]) <= self.pane(t)]
        return value_of(aggregate, sorted(events + ([own] if own else []), key=lambda e: e[:2]), self.window)

    def add(self, own):
        t = own[0]
        newest = t if self.newest is None else max(self.newest, t)
        _, kind, width, _, _ = self.window
        if kind in ("all", "last"):
            self.kept.append(own)
        elif kind == "session":
            if t >= newest - width or self.session(t, newest):
                self.kept.append(own)
            groups = []
            for e in sorted(self.kept):
                if groups and e[0] - groups[-1][-1][0] <= width:
                    groups[-1].append(e)
                else:
                    groups.append([e])
            self.kept = [e for g in groups if g[-1][0] >= newest - width for e in g]
        elif (t if kind == "sliding" else self.pane(t)) > self.gone(newest):
            self.kept.append(own)
        if self.kept:
            self.newest = newest


def main(seed, count, order):
    dice = random.Random(seed)
    definitions = []
    for w in WINDOWS + IN_ARRIVAL:
        for a in (AGGREGATES if w in WINDOWS else []) + SEQUENCES:
            # Out of order within a pane or a session, ewma depends on what came when.
            if order == "shuffled" and a.startswith("ewma") and w[1] != "sliding":
                continue
            for c in CLAUSES if a in (*EVERY_CLAUSE, *SEQUENCES) else [dice.choice(CLAUSES)]:
                definitions.append((f"f{len(definitions)}", a, w, c))
    with open("windows.features", "w") as out:
        out.write("key k\ntime t:s\n")
        out.writelines(f"{n} = {a} {w[0]}{c}\n" for n, a, w, c in definitions)
    states, events, t = {}, [], dice.choice([-3 * DAY, 0, 1719991234, 2**32])
    for _ in range(count):
        t += dice.choice([0, 0, 0.5, 1, 1, 2, 3, 5, 8, 30 if dice.random() < 0.1 else 1])
        late = dice.uniform(0, 20) if order == "shuffled" and dice.random() < 0.3 else 0
        events.append({
            "k": dice.randrange(4), "g": dice.choice(["p", "q", None]), "t": round(t - late, 1),
            "x": dice.choice([None, dice.randrange(-5, 9), round(dice.uniform(-9, 9), 3), dice.choice([1e16, -1e16]) if dice.random() < 0.05 else 1]),
            "s": dice.choice([None, "a", "b", "\u00e9", "zz"]), "v": dice.choice([None, [1, 2.5], [0.1, -3]]),
            "b": dice.choice([None, True, False, "", "\u00e9\n", 7, -0.5, 2**64 - 1]),
        })
    with open("windows.jsonl", "w") as out, open("windows.expected", "w") as expected:
        for i, e in enumerate(events):
            out.write(json.dumps(e) + "\n")
            want, adds = {}, []
            for name, a, w, c in definitions:
                plain = c.replace(" exclude current", "")
                key = e["g"] if " by g" in c else e["k"]
                if key is None:
                    want[name] = None
                    continue
                s = states.setdefault((a, w, plain, key), State(w))
                arg = a.split("(")[1][0]
                x = 1 if arg == ")" else e[arg]
                counts = (x is not None or w[1] == "session") and (" where" not in c or (e["x"] is not None and e["x"] > 2))
                own = (e["t"], i, x) if counts else None
                want[name] = s.value(a, e["t"], None if "exclude" in c else own)
                if own and not any(s is other for other, _ in adds):
                    adds.append((s, own))
            for s, own in adds:
                s.add(own)
            expected.write(json.dumps(want) + "\n")
    with open("windows.kinds", "w") as out:
        json.dump({n: a.split("(")[0] for n, a, _, _ in definitions}, out)
    print(f"{count} events, {len(definitions)} features", file=sys.stderr)


def same(got, want, name):
    if isinstance(got, bool) or isinstance(want, bool):
        return got is want
    if isinstance(want, list) and isinstance(got, list):
        return len(got) == len(want) and all(same(g, w, name) for g, w in zip(got, want))
    if isinstance(got, (int, float)) and isinstance(want, (int, float)):
        if got == want:
            return True
        if name in ("count", "min", "max", "first", "last", "sequence", "distinct", "topk"):
            return False
        # A variance around 1e16 has no more digits than its squares.
        return abs(got - want) <= {"sum": 1e-12, "mean": 1e-12, "rate": 1e-12, "quantile": 0.01 + 1e-11}.get(name, 1e-9) * max(abs(want), abs(got), 1e-3 if name == "ewma" else 0)
    return type(got) is type(want) and got == want


def compare(path):
    kinds = json.load(open("windows.kinds"))
    wrong = compared = 0
    with open(path) as output, open("windows.expected") as oracle:
        got, want = output.readlines(), oracle.readlines()
    if len(got) != len(want):
        sys.exit(f"{len(got)} lines, expected {len(want)}")
    definitions = dict(line.strip().split(" = ", 1) for line in open("windows.features") if " = " in line)
    for i, (g, w) in enumerate(zip(got, want), 1):
        g, w = json.loads(g), json.loads(w)
        for name, value in w.items():
            compared += 1
            if "features" not in g or not same(g["features"][name], value, kinds[name]):
                print(f"line {i}: {definitions[name]} is {g.get('features', g).get(name, g)!r}, expected {value!r}")
                wrong += 1
        if wrong > 20:
            break
    print(f"{compared} values compared, {wrong} wrong")
    sys.exit(wrong > 0)


if sys.argv[1] == "--compare":
    compare(sys.argv[2])
else:
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
