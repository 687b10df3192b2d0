#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
#
# lookup-oracle.py SEED ROWS EVENTS	writes lookup.features, rows.jsonl and lookup.jsonl
# lookup-oracle.py --compare OUT		holds what came of them to a join by a Python dict
#
# Keys are spelt in many ways, are of every type, and come again; values are of every type, at places of every sort.
import json
import random
import sys

SPEC = """lookup row from rows.jsonl on k = id.k
a    = row.a
bc   = row.b.c
p    = row.items[*].p
one  = row.items[1]
odd  = row["odd name"]
m    = row.m
who  = row.id.k
plus = coalesce(row.a, 0) == row.a
"""
KEYS = ['0', '-0', '0.0', '42', '42.0', '4.2e1', '"42"', '42.5', '9007199254740993', '9007199254740992', '9007199254740992.0',
        '1e20', '100000000000000000000', 'true', 'false', '"true"', '""', '"a\\"b"', '"a\\u0022b"', '"\u00e9"', '"\\u00e9"',
        '"e\u0301"', '"a\\nb"', '18446744073709551615', '"a key that is too long to stand in its row"']
NO_KEYS = ['null', '{}', '[1]', '{"k":42}']
SCALARS = ['0', '-1', '1.5', '-0.0', '9223372036854775807', '18446744073709551615', '1e-7', '"x"', '""', '"\u00e9\\n\\u0000"', 'true',
           'false', 'null', '3.0']
ARRAYS = ['[]', '[1,2.5,"x",null,true]', '[[1],[2,[3]]]', '[{"p":1,"q":{"r":[]}},{"p":"x"},7,null,{"q":2}]', '[{"p":[1]},{"p":2}]', '{"p":1}']


def key_of(v):
    if isinstance(v, bool):
        return ('bool', v)
    if isinstance(v, (int, float)):
        return ('number', v)
    return ('string', v) if isinstance(v, str) else None


def follow(v, *path):
    for name in path:
        v = v.get(name) if isinstance(v, dict) else None
    return v


def features(row):
    items = follow(row, 'items')
    is_list = isinstance(items, list)
    return {
        'a': follow(row, 'a'), 'bc': follow(row, 'b', 'c'),
        'p': [follow(i, 'p') for i in items] if is_list else None,
        'one': items[1] if is_list and len(items) > 1 else None,
        'odd': follow(row, 'odd name'), 'm': follow(row, 'm'), 'who': follow(row, 'id', 'k'),
        'plus': None if follow(row, 'a') is None else True,
    }


def member(name, texts):
    return '"%s":%s' % (name, random.choice(texts))


def make_row(key):
    parts = ['"id":{"k":%s}' % key]
    for name, texts in (('a', SCALARS), ('b', ['{"c":%s}' % s for s in SCALARS] + ['7', '[1]', '{"d":1}']), ('items', ARRAYS + SCALARS),
                        ('odd name', SCALARS), ('m', ARRAYS[:5] + SCALARS), ('a', SCALARS)):
        if random.random() < 0.8:
            parts.append(member(name, texts))
    random.shuffle(parts)
    return '{' + ','.join(parts) + '}'


def generate(seed, n_rows, n_events):
    random.seed(seed)
    keys = KEYS + ['"u%d"' % i for i in range(n_rows)]
    known = random.sample(keys, len(keys) * 3 // 4)
    with open('lookup.features', 'w') as f:
        f.write(SPEC)
    with open('rows.jsonl', 'w') as f:
        for _ in range(n_rows):
            f.write(make_row(random.choice(known)) + '\n')
            if random.random() < 0.02:
                f.write(' \t\n')
    with open('lookup.jsonl', 'w') as f:
        for i in range(n_events):
            key = random.choice(keys if random.random() < 0.9 else NO_KEYS)
            f.write('{"i":%d%s}\n' % (i, '' if random.random() < 0.05 else ',"k":' + key))


def same(a, b):
    """Equal, and of one type, but for integers written as doubles."""
    if isinstance(a, (list, dict)) or isinstance(b, (list, dict)):
        if isinstance(a, list) and isinstance(b, list):
            return len(a) == len(b) and all(map(same, a, b))
        return isinstance(a, dict) and isinstance(b, dict) and a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    return isinstance(a, bool) == isinstance(b, bool) and a == b


def compare(out):
    table = {}
    for line in open('rows.jsonl'):
        if line.strip():
            row = json.loads(line)
            table[key_of(row['id']['k'])] = row
    hits = misses = refused = 0
    for number, (line, got) in enumerate(zip(open('lookup.jsonl'), open(out), strict=True), 1):
        event, got = json.loads(line), json.loads(got)
        key = key_of(event.get('k'))
        row = table.get(key) if key else None
        want = features(row)
        hits += row is not None
        misses += row is None
        if any(isinstance(v, dict) for v in want.values()):
            refused += 1
            if got.get('errorType') != 'INVALID_DATA' or 'its value is an object' not in got['errorMessage']:
                sys.exit('line %d: %s, wanted an error record' % (number, got))
        elif 'features' not in got or not same(want, got['features']):
            sys.exit('line %d: got %s\nwanted %s' % (number, got, want))
    print('%d hits, %d misses' % (hits, misses))
    if not (hits and misses and refused):
        sys.exit('nothing is tested')


if sys.argv[1] == '--compare':
    compare(sys.argv[2])
else:
    generate(*map(int, sys.argv[1:]))
