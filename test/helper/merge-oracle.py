#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""merge-oracle SEED KIND FILE SIZE [FILE SIZE]... - random inputs for sml-replay --merge, and what must come of them.

KIND is "sorted" (by time, with many ties) or "rough": among lines in order are some that go back, are far ahead, have no time,
are no JSON, blank, or end in CR; some files begin with a BOM or end without LF.  Writes the files and merge.expected: of sorted
ones a stable sort of them all, of others the plain rule, one record at a time.
merge-oracle --compare OUTPUT: line by line; what is no JSON is the raw data of a PARSE_ERROR of its file and line.
merge-oracle --feed SEED FILE PIPE...: writes the files to the pipes in pieces of any size, side by side.
"""
import json
import random
import sys
import threading


def rough_line(dice, t, name, i):
    kind = dice.randrange(12)
    if kind == 0:
        return t - dice.randrange(1, 50), None
    if kind == 1 and dice.random() < 0.2:
        return t + 1000, None
    if kind == 2:
        return None, dice.choice(['{"f":"%s","i":%d}', '{"timestamp":null,"f":"%s","i":%d}', '{"timestamp":"x","f":"%s","i":%d}']) % (name, i)
    if kind == 3:
        return None, dice.choice(["no json %s %d", '{"timestamp":3,"f":"%s","i":%d', "[%r,%d]"]) % (name, i)
    return t, None


def make(dice, kind, name, size):
    """(time or None, number of its line, its text)..., and the file's bytes."""
    records, lines, t = [], [], dice.randrange(-20, 20)
    for i in range(size):
        t += dice.choice([0, 0, 0, 1, 1, 2, dice.randrange(60)])
        if kind == "rough" and dice.random() < 0.05:
            lines.append(dice.choice(["", " ", "\t \r"]))
        time, text = (t, None) if kind == "sorted" else rough_line(dice, t, name, i)
        text = text or '{"f":"%s","i":%d,"timestamp":%s}' % (name, i, dice.choice([f"{time}", f"{time}.0"]))
        text += "\r" if kind == "rough" and dice.random() < 0.1 else ""
        lines.append(text)
        records.append((time, len(lines), text))
    body = "".join(line + "\n" for line in lines)
    if kind == "rough" and dice.random() < 0.5:
        body = ("\ufeff" + body).rstrip("\n") if body and lines[-1].strip() else body
    with open(name, "w", newline="") as out:
        out.write(body)
    return records


def main(seed, kind, operands):
    dice = random.Random(int(seed))
    inputs = [(name, make(dice, kind, name, int(size))) for name, size in zip(operands[::2], operands[1::2])]
    everything = [(time, name, *rest) for name, records in inputs for time, *rest in records]
    if kind == "sorted":
        merged = sorted(everything, key=lambda r: r[0])
    else:
        merged, left = [], [[r for r in everything if r[1] == name] for name, _ in inputs]
        while any(left):
            firsts = [records[0] for records in left if records]
            least = min(float("-inf") if r[0] is None else r[0] for r in firsts)
            chosen = next(r for r in firsts if (float("-inf") if r[0] is None else r[0]) == least)
            merged.append(next(records for records in left if records and records[0] is chosen).pop(0))
    with open("merge.expected", "w") as out:
        for _, name, number, text in merged:
            try:
                bad = not isinstance(json.loads(text), dict)
            except ValueError:
                bad = True
            out.write(json.dumps({"raw": text, "at": [name, number]} if bad else {"line": text}) + "\n")


def compare(path):
    with open(path, newline="\n") as output, open("merge.expected") as expected:
        got, want = output.read().split("\n")[:-1], [json.loads(line) for line in expected]
    for i, (g, w) in enumerate(zip(got, want), 1):
        if "raw" in w:
            record = json.loads(g)
            g = {"raw": record.get("rawData"), "at": [record.get("source"), record.get("line")]}
        else:
            g = {"line": g}
        if g != w:
            sys.exit(f"line {i}: {g}, expected {w}")
    if len(got) != len(want):
        sys.exit(f"{len(got)} lines, expected {len(want)}")
    print(f"{len(got)} lines")


def feed(seed, operands):
    def write(i, path, pipe):
        dice = random.Random(seed + i)
        with open(path, "rb") as source, open(pipe, "wb", buffering=0) as out:
            while piece := source.read(dice.choice([1, 7, 100, 5000])):
                out.write(piece)
    threads = [threading.Thread(target=write, args=(i, *pair)) for i, pair in enumerate(zip(operands[::2], operands[1::2]))]
    for t in threads:
        t.start()
    for t in threads:
        t.join()


if sys.argv[1] == "--compare":
    compare(sys.argv[2])
elif sys.argv[1] == "--feed":
    feed(int(sys.argv[2]), sys.argv[3:])
else:
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
