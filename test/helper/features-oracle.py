#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""features-oracle SEED EVENTS USERS - a spec, random events and what sml-features must say of them.

Writes oracle.features, oracle.jsonl and oracle.expected (one JSON value a line: the features, or "error").  Everything is
computed anew for each event from the list of the key's events so far: slow, and with nothing to get out of step.
features-oracle --compare OUTPUT compares a run's output with oracle.expected: integers, texts and nulls must be equal,
other numbers to 1e-12.
"""
import json
import math
import random
import sys

SPEC = """\
# every aggregate and clause
key userId
time ts
require amount == null or amount != 13

n         = count()
n_before  = count() exclude current
n_amount  = count(amount)
n_last    = count() over last 3
n_last_x  = count() over last 3 exclude current
total     = sum(amount)
mean5     = mean(amount) over last 5
mean5_x   = mean(amount) over last 5 exclude current
sum20     = sum(amount) over last 20
sum300    = sum(amount) over last 300
sum20_x   = sum(amount) over last 20 exclude current
low7      = min(amount) over last 7
low7_x    = min(amount) over last 7 exclude current
high      = max(amount)
high_page = max(text) over last 4
first3    = first(page) over last 3
first3_x  = first(page) over last 3 exclude current
first_all = first(page)
last_page = last(page)
last_x    = last(page) exclude current
pages     = distinct(page)
pages4    = distinct(page) over last 4
pages4_x  = distinct(page) over last 4 exclude current
before    = prev(page)
change    = delta(amount)
since     = elapsed()
big       = count() where amount > 10
big3      = sum(amount) over last 3 where amount > 10
since_big = elapsed() where amount > 10
page_big  = prev(page) where amount > 10
diff_big  = delta(amount) where amount > 10
shop      = count() by merchant
shop_page = mean(amount) over last 3 by merchant, page
ratio     = amount / mean5
nested    = sum(n_before) over last 3
vec_mean  = mean(vec)
vec_sum4  = sum(vec) over last 4
sign      = if(amount > 0, "pos", "neg")
by_sign   = count() by sign
calm      = count() where mean5 < 3
mixed     = sum(amount) over last 5 + count() * 2
"""


class Bad(Exception):
    pass


def is_number(x):
    return isinstance(x, (int, float)) and not isinstance(x, bool)


def number(x):
    """As JSON prints it: 3.0 is 3; what is not finite is null."""
    if x is None or not math.isfinite(x):
        return None
    return int(x) if x == int(x) and abs(x) < 2**63 else x


def key_of(x):
    if isinstance(x, bool):
        return ("bool", x)
    if is_number(x):
        return ("number", x)
    if isinstance(x, str):
        return ("string", x)
    raise Bad


def seen(events, name, last=None, where=None):
    """The values of the events that count, null ones left out."""
    values = [e[name] for e in events if (where is None or where(e)) and e[name] is not None]
    return values[-last:] if last else values


def total(values):
    if not values:
        return 0
    if isinstance(values[0], list):
        return [number(math.fsum(column)) for column in zip(*values)]
    return number(math.fsum(values))


def mean(values):
    if not values:
        return None
    if isinstance(values[0], list):
        return [number(math.fsum(column) / len(values)) for column in zip(*values)]
    return number(math.fsum(values) / len(values))


def distinct(values):
    return len({key_of(v) for v in values})


def last_count(events, n):
    return min(len(events), n)


def check(events, e):
    """What has no place in an aggregate makes the event an error."""
    if e["amount"] is not None and not is_number(e["amount"]):
        raise Bad
    if e["text"] is not None and not isinstance(e["text"], str):
        raise Bad
    if isinstance(e["page"], (dict, list)) or isinstance(e["merchant"], (dict, list)):
        raise Bad
    if e["vec"] is not None:
        if not isinstance(e["vec"], list) or not all(is_number(x) for x in e["vec"]):
            raise Bad
        earlier = [x["vec"] for x in events if x["vec"] is not None]
        if earlier and len(earlier[0]) != len(e["vec"]):
            raise Bad


def features(events, e, shop, shop_page, by_sign):
    """Of an event, from the key's events before it; then it becomes one of them."""
    now = events + [e]
    amount = e["amount"]
    f = {}
    f["n"] = len(now)
    f["n_before"] = len(events)
    f["n_amount"] = len(seen(now, "amount"))
    f["n_last"] = last_count(now, 3)
    f["n_last_x"] = last_count(events, 3)
    f["total"] = total(seen(now, "amount"))
    f["mean5"] = mean(seen(now, "amount", 5))
    f["mean5_x"] = mean(seen(events, "amount", 5))
    f["sum20"] = total(seen(now, "amount", 20))
    f["sum300"] = total(seen(now, "amount", 300))
    f["sum20_x"] = total(seen(events, "amount", 20))
    f["low7"] = min(seen(now, "amount", 7), default=None)
    f["low7_x"] = min(seen(events, "amount", 7), default=None)
    f["high"] = max(seen(now, "amount"), default=None)
    f["high_page"] = max(seen(now, "text", 4), default=None, key=lambda s: s.encode() if s else b"")
    f["first3"] = next(iter(seen(now, "page", 3)), None)
    f["first3_x"] = next(iter(seen(events, "page", 3)), None)
    f["first_all"] = next(iter(seen(now, "page")), None)
    f["last_page"] = next(iter(seen(now, "page")[-1:]), None)
    f["last_x"] = next(iter(seen(events, "page")[-1:]), None)
    f["pages"] = distinct(seen(now, "page"))
    f["pages4"] = distinct(seen(now, "page", 4))
    f["pages4_x"] = distinct(seen(events, "page", 4))
    f["before"] = events[-1]["page"] if events else None
    earlier = events[-1]["amount"] if events else None
    f["change"] = None if amount is None or earlier is None else number(amount - earlier)
    f["since"] = number((e["ts"] - events[-1]["ts"]) / 1000) if events else None

    def is_big(x):
        return x["amount"] is not None and x["amount"] > 10

    f["big"] = sum(is_big(x) for x in now)
    f["big3"] = total(seen(now, "amount", 3, is_big))
    big = [x for x in events if is_big(x)]
    f["since_big"] = number((e["ts"] - big[-1]["ts"]) / 1000) if big else None
    f["page_big"] = big[-1]["page"] if big else None
    f["diff_big"] = number(amount - big[-1]["amount"]) if big and is_big(e) else None
    f["shop"] = None if shop is None else len(shop) + 1
    f["shop_page"] = None if shop_page is None else mean(seen(shop_page + [e], "amount", 3))
    f["ratio"] = None if amount is None or not f["mean5"] else number(amount / f["mean5"])
    e["n_before"] = f["n_before"]
    f["nested"] = total(seen(now, "n_before", 3))
    f["vec_mean"] = mean(seen(now, "vec"))
    f["vec_sum4"] = total(seen(now, "vec", 4))
    f["sign"] = "pos" if amount is not None and amount > 0 else "neg"
    f["by_sign"] = len(by_sign[f["sign"]]) + 1
    e["calm"] = f["mean5"] is not None and f["mean5"] < 3
    f["calm"] = sum(x["calm"] for x in now)
    f["mixed"] = number(math.fsum(seen(now, "amount", 5)) + 2 * len(now))
    return f


def random_event(dice, users, now):
    e = {}
    if dice.random() > 0.01:
        e["userId"] = dice.choice([dice.randrange(users), str(dice.randrange(users)), float(dice.randrange(users)), True]) \
            if dice.random() < 0.2 else dice.choice([None, {}, [1]]) if dice.random() < 0.01 else dice.randrange(users)
    if dice.random() > 0.1:
        e["amount"] = dice.choice([dice.randrange(-20, 40), round(dice.uniform(-5, 30), 2), 13 if dice.random() < 0.1 else 1,
                                   dice.choice([1e16, -1e16]) if dice.random() < 0.05 else 0.1, None,
                                   "12" if dice.random() < 0.05 else 2, True if dice.random() < 0.05 else 3])
    if dice.random() > 0.2:
        e["page"] = dice.choice(["home", "cart", "\u00e9t\u00e9", 'quote "', 7, 7.5, True, None, {"a": 1} if dice.random() < 0.02 else 8])
    if dice.random() > 0.2:
        e["text"] = dice.choice(["a", "b", "ab", "", "\u00e9", None, 5 if dice.random() < 0.02 else "c"])
    if dice.random() > 0.2:
        e["merchant"] = dice.choice(["m1", "m2", 3, None, [] if dice.random() < 0.02 else "m3"])
    if dice.random() > 0.5:
        e["vec"] = dice.choice([[dice.randrange(9), 0.5], [1, 2.25], None, [1, 2, 3] if dice.random() < 0.1 else [0, 1],
                                [1, "x"] if dice.random() < 0.05 else [5, 5]])
    if dice.random() > 0.01:
        e["ts"] = now + dice.randrange(-5000, 5000)
    return e


def generate(seed, count, users):
    dice = random.Random(seed)
    history, shops, shop_pages, signs = {}, {}, {}, {"pos": [], "neg": []}
    lines, expected = [], []
    for i in range(count):
        if lines and dice.random() < 0.03:
            line = dice.choice(lines)       # again
        elif dice.random() < 0.01:
            line = dice.choice(["{", "[]", "nonsense", '{"userId":1', '"text"'])
        else:
            line = json.dumps(random_event(dice, users, 1719991234567 + i * 700), ensure_ascii=dice.random() < 0.5)
        lines.append(line)
        try:
            event = json.loads(line)
            if not isinstance(event, dict):
                raise Bad
            e = {name: event.get(name) for name in ("userId", "amount", "page", "text", "merchant", "vec", "ts")}
            if e["userId"] is None or e["ts"] is None:
                raise Bad
            events = history.setdefault(key_of(e["userId"]), [])
            if e["amount"] == 13 and is_number(e["amount"]):
                raise Bad
            check(events, e)
            # No row is made for what fails: setdefault above only makes an empty list, which is the same as none.
            shop = None if e["merchant"] is None else shops.setdefault(key_of(e["merchant"]), [])
            shop_page = None if e["merchant"] is None or e["page"] is None else \
                shop_pages.setdefault((key_of(e["merchant"]), key_of(e["page"])), [])
            f = features(events, e, shop, shop_page, signs)
            events.append(e)
            if shop is not None:
                shop.append(e)
            if shop_page is not None:
                shop_page.append(e)
            signs[f["sign"]].append(e)
            expected.append(f)
        except (Bad, ValueError):
            expected.append("error")
    with open("oracle.features", "w") as out:
        out.write(SPEC)
    with open("oracle.jsonl", "w") as out:
        out.writelines(line + "\n" for line in lines)
    with open("oracle.expected", "w") as out:
        out.writelines(json.dumps(f) + "\n" for f in expected)
    errors = sum(f == "error" for f in expected)
    print(f"{count} events, {errors} of them errors, {len(history)} keys", file=sys.stderr)


def same(got, want):
    if isinstance(got, bool) or isinstance(want, bool):
        return got is want
    if is_number(got) and is_number(want):
        return got == want or (not (isinstance(got, int) and isinstance(want, int) and abs(want) < 2**53) and
                               abs(got - want) <= 1e-12 * abs(want))
    if isinstance(got, list) and isinstance(want, list):
        return len(got) == len(want) and all(same(a, b) for a, b in zip(got, want))
    return type(got) is type(want) and got == want


def compare(path):
    wrong = compared = 0
    with open(path) as output, open("oracle.expected") as oracle:
        got, want = output.readlines(), oracle.readlines()
    if len(got) != len(want):
        sys.exit(f"{len(got)} lines, expected {len(want)}")
    for i, (g, w) in enumerate(zip(got, want), 1):
        g, w = json.loads(g), json.loads(w)
        if w == "error" or "errorType" in g:
            if not (w == "error" and "errorType" in g):
                print(f"line {i}: got {json.dumps(g)[:300]}, expected {str(w)[:100]}")
                wrong += 1
            continue
        if list(g["features"]) != list(w):
            sys.exit(f"line {i}: other features, or in another order")
        for name, value in w.items():
            compared += 1
            if not same(g["features"][name], value):
                print(f"line {i}: {name} is {g['features'][name]!r}, expected {value!r}")
                wrong += 1
        if wrong > 20:
            break
    print(f"{compared} values compared, {wrong} wrong")
    sys.exit(wrong > 0)


if sys.argv[1] == "--compare":
    compare(sys.argv[2])
else:
    generate(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
