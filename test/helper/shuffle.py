#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""shuffle SEED MILLISECONDS FILE - its lines as they might arrive: each late by up to so much, by its "t" in ms.

Lines of one time stay in order.
"""
import json
import random
import sys

seed, most, path = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
rng = random.Random(seed)
delays = {}
lines = []
for number, line in enumerate(open(path, encoding="utf-8")):
    t = json.loads(line)["t"]
    delay = delays.setdefault(t, rng.uniform(0, most))
    lines.append((t + delay, t, number, line))
sys.stdout.writelines(line for _, _, _, line in sorted(lines))
