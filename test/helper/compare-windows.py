#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""compare-windows EXPECTED SPEC OUTPUT - whether OUTPUT, of sml-features by SPEC, is what EXPECTED (windows.expected.json) holds.

Events come in the order of the columns; windows in order of their ends and keys, or with --last in any, where the last record of a
window holds, and windows that OUTPUT knows nothing of are left out.  A value is as near as `within` says, as a share of `scale` or
else of the value: 0 is equal.
"""
import json
import sys


def near(got, want, within, scale):
    if isinstance(got, bool) or not isinstance(got, (int, float)) or not isinstance(want, (int, float)):
        return type(got) is type(want) and got == want
    return got == want or abs(got - want) <= within * (abs(want) if scale is None else scale)


def events(columns, records):
    """(what, got, want, within, scale) of each value."""
    for name, column in columns.items():
        scale = column.get("scale")
        if len(records) != len(column["values"]):
            sys.exit(f"{len(records)} records, expected {len(column['values'])}")
        for place, (record, want) in enumerate(zip(records, column["values"])):
            yield (f"event {record['i']}: {name} = {column['definition']}", record["features"][name], want, column["within"],
                   scale[place] if isinstance(scale, list) else scale)


def windows(groups, records, last):
    """(what, got, want, within, scale) of each value, and of the order."""
    for group in groups.values():
        names = list(group["definitions"])
        mine = [r for r in records if names[0] in r["features"]]
        if last and not mine:
            continue
        bounds = [(r["key"], r["window"]["start"], r["window"]["end"]) for r in mine]
        wanted = [(w["key"], w["start"], w["end"]) for w in group["windows"]]
        yield f"windows of {names[0]}", sorted(set(bounds)) if last else bounds, sorted(wanted) if last else wanted, 0, None
        newest = dict(zip(bounds, mine))
        for window, where in zip(group["windows"], wanted):
            for name, want, within, scale in zip(names, window["values"], group["within"], window["scale"]):
                got = newest[where]["features"].get(name) if where in newest else None
                yield f"{where}: {name} = {group['definitions'][name]}", got, want, within, scale


def main(arguments):
    last = "--last" in arguments
    path, spec, output = (a for a in arguments if a != "--last")
    with open(path, encoding="utf-8") as f:
        expected = json.load(f)[spec]
    with open(output, encoding="utf-8") as f:
        records = [json.loads(line) for line in f]
    values = windows(expected, records, last) if "definitions" in next(iter(expected.values())) else events(expected, records)
    compared = wrong = 0
    for what, got, want, within, scale in values:
        compared += 1
        if not near(got, want, within, scale):
            wrong += 1
            if wrong <= 20:
                print(f"{what}: {got!r}, expected {want!r}")
    print(f"{compared} values compared, {wrong} wrong")
    sys.exit(wrong > 0 or compared == 0)


main(sys.argv[1:])
