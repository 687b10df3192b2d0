# SPDX-License-Identifier: MIT
"""repeat.py: NDJSON to NDJSON that says the same: before each member, at any depth, stand others of its name, which do not count.

Their values are of other kinds, and names are spelt with escapes now and then, also the last one's.  Lines that are no objects
go as they came.
"""

import json
import random
import sys

random_ = random.Random(3)
OTHER = ["null", "0", "-7.5", "1e400", "true", '"x"', '""', "[]", "[1,2]", "{}", '{"a":{"b":1}}', '[{"category":"x"}]']


def name(text):
    plain = json.dumps(text)
    if not text or random_.random() < 0.5:
        return plain
    at = random_.randrange(len(text))
    return json.dumps(text[:at])[:-1] + "\\u%04x" % ord(text[at]) + json.dumps(text[at + 1 :])[1:]


def shown(value):
    if isinstance(value, list):
        return "[" + ",".join(map(shown, value)) + "]"
    if not isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False)
    members = []
    for key in value:
        for _ in range(random_.choice((0, 1, 1, 2))):
            members.append((key, random_.choice(OTHER)))
    random_.shuffle(members)
    members += [(key, shown(value[key])) for key in value]
    return "{" + ",".join(name(key) + ":" + text for key, text in members) + "}"


for line in sys.stdin:
    try:
        record = json.loads(line)
    except ValueError:
        record = None
    print(shown(record) if isinstance(record, dict) else line.rstrip("\n"))
