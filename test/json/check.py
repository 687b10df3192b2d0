# SPDX-License-Identifier: MIT
"""check.py PART - hold the JSON module and the tools to the texts in this folder.  Prints what is wrong; status 1 where something is.

module    the texts through json-cases (test/helper): whole, as a member by its path, and by the span scanner
mutated   the same for texts cut short at every byte, with bytes changed, doubled, dropped; grammar.py is the judge
tools     the texts as lines and as members, through the tools in $PATH; refused ones back through --retry
open      what RFC 8259 leaves open: what the tools make of it
page      its list is that of sml-record(5)

records   writes the accepted texts as members of records, for other tests
rubbish   writes lines that are no JSON
"""

import json
import os
import random
import re
import subprocess
import sys

from grammar import fault

HERE = os.path.dirname(os.path.abspath(__file__))
wrong = 0


def complain(text, what):
    global wrong
    wrong += 1
    if wrong <= 20:
        print("%r: %s" % (text if len(text) < 200 else text[:200] + b"...", what))


# ---- the texts ----


def decoded(text):
    """%XX is a byte, %(N*TEXT) is TEXT N times."""
    out, at = b"", 0
    for m in re.finditer(r"%\((\d+)\*((?:[^%)]|%[0-9a-f]{2})*)\)|%([0-9a-f]{2})", text):
        out += text[at : m.start()].encode("ascii")
        out += bytes([int(m[3], 16)]) if m[3] else int(m[1]) * decoded(m[2])
        at = m.end()
    rest = text[at:]
    assert "%" not in rest, rest
    return out + rest.encode("ascii")


def lines_of(name):
    with open(os.path.join(HERE, name), encoding="ascii") as f:
        for line in f:
            if line.strip() and not line.startswith("# "):
                yield line.rstrip("\n").split("\t")


def accepted():
    return [decoded(columns[0]) for columns in lines_of("accepted")]


def refused():
    """Byte and text."""
    return [(int(columns[0]), decoded(columns[1])) for columns in lines_of("refused")]


def left_open():
    """Section, expression, line, result."""
    section = None
    for columns in lines_of("implementation-defined"):
        if len(columns) == 1:
            section = columns[0]
        else:
            yield section, columns[0], decoded(columns[1]), decoded(columns[2]).decode("utf-8")


# ---- what a value is: Python's json, where it is as strict as RFC 8259 ----


class Number(str):
    """A number's text."""


def nothing(word):
    raise ValueError(word)


def python_reads(text):
    """The value with its numbers as texts; ValueError."""
    return json.loads(text.decode("utf-8"), parse_int=Number, parse_float=Number, parse_constant=nothing)


def python_accepts(text):
    try:
        value = python_reads(text)
        json.dumps(value, ensure_ascii=False).encode("utf-8")  # a lone surrogate
    except RecursionError:
        return None
    except ValueError:
        return False
    return True


def same_number(a, b):
    """Integers that 64 bits hold exactly, others as doubles; what no double holds is its text."""
    if float(a) in (float("inf"), float("-inf")):
        return a == b
    if re.fullmatch("-?[0-9]+", a) and -(2**63) <= int(a) < 2**64:
        return int(a) == int(b)
    return float(a) == float(b)


def same_value(a, b):
    if isinstance(a, Number):
        return isinstance(b, Number) and same_number(a, b)
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same_value(a[k], b[k]) for k in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(map(same_value, a, b))
    return a == b


# ---- the module ----


def module_says(texts):
    given = "".join(text.hex() + "\n" for text in texts).encode()
    out = subprocess.run(["json-cases"], input=given, stdout=subprocess.PIPE, check=True).stdout
    lines = out.split(b"\n")[:-1]
    assert len(lines) == len(texts), (len(lines), len(texts))
    return [line.split(b"\t") for line in lines]


def begins_object(text):
    return text.lstrip(b" \t\r\n")[:1] == b"{"


def look_at(text, at, columns):
    """at: where it stops being JSON, None where it does not."""
    as_record, as_document, wrapped = int(columns[0]), columns[1], int(columns[2])
    if at is None:
        no_object = len(text) - len(text.lstrip(b" \t\r\n")) + 1
        if as_record != (0 if begins_object(text) else no_object):
            complain(text, "is JSON; as a record: byte %d" % as_record)
        if as_document != b"yes":
            complain(text, "is JSON, and no document")
    else:
        if as_record != at:
            complain(text, "is none from byte %d on; as a record: byte %d" % (at, as_record))
        if as_document != b"no":
            complain(text, "is none from byte %d on, and a document" % at)
    at = fault(b'{"id":1,"v":%s,"z":[%s]}' % (text, text)) or 0
    if wrapped != at:
        complain(text, "as a member: byte %d expected, %d got" % (at, wrapped))
    if at or wrapped:
        return
    read, same, span = columns[3:]
    if same != b"same":
        complain(text, "read in different ways: %r" % same)
    if span != b"whole":
        complain(text, "the scanner leaves %r" % span)
    try:
        if not same_value(python_reads(text), python_reads(read)):
            complain(text, "is read as %r" % read)
    except RecursionError:
        pass


def module():
    texts = accepted()
    for text, columns in zip(texts, module_says(texts)):
        if python_accepts(text) is False:
            complain(text, "Python takes it for no JSON")
        if fault(text) is not None:
            complain(text, "grammar.py takes it for no JSON")
        look_at(text, None, columns)
    cases = refused()
    for (at, text), columns in zip(cases, module_says([text for _, text in cases])):
        if python_accepts(text):
            complain(text, "Python takes it for JSON")
        if fault(text) != at:
            complain(text, "grammar.py: byte %s" % fault(text))
        look_at(text, at, columns)
    return len(texts) + len(cases)


# ---- changed texts ----


def changed(random_, text):
    """The text with a byte or two changed, dropped, doubled, or moved."""
    out = bytearray(text)
    for _ in range(random_.choice((1, 1, 1, 2, 3))):
        at = random_.randrange(len(out) + 1)
        kind = random_.randrange(5)
        byte = random_.choice(b'{}[]:,"\\ \t0123456789+-.eEtrufalsn/bu\x00\x1f\x7f\x80\xbf\xc3\xe2\xed\xf0\xff')
        if kind == 0:
            out[at:at] = bytes([byte])
        elif kind == 1 and at < len(out):
            out[at] = byte
        elif kind == 2:
            del out[at : at + random_.choice((1, 1, 2, 3))]
        elif kind == 3:
            out[at:at] = out[at : at + random_.choice((1, 2, 4))]
        else:
            rest = out[at:]
            del out[at:]
            out[:0] = rest
    return bytes(out)


def mutated():
    random_ = random.Random(8259)
    short = [text for text in accepted() + [text for _, text in refused()] if len(text) <= 120]
    texts = {text[:n] for text in short for n in range(len(text))}
    texts |= {changed(random_, random_.choice(short)) for _ in range(20000)}
    texts = sorted(text for text in texts if text)
    good = 0
    for text, columns in zip(texts, module_says(texts)):
        at = fault(text)
        good += at is None
        look_at(text, at, columns)
        accepts = python_accepts(text)
        if accepts is not None and accepts != (at is None):
            complain(text, "Python and grammar.py differ")
    assert len(texts) > 15000 and good > 1000
    return len(texts)


# ---- the tools ----

MODEL = os.environ["SML_ROOT"] + "/data/model.json"
INPUTS = b'"basket_size":1,"total_value":3,"user_history":2'  # of the model
TOOLS = {  # each parses its records; what it adds
    "replay": (["sml-replay", "-q", "--arrival"], rb',"_in":[0-9]+'),
    "features": (["sml-features", "-q", "-d", "n = count()"], rb',"features":\{"n":[0-9]+\}'),
    "classify": (["sml-classify", "-q", "-m", MODEL], rb',"classification":.*'),
    "route": (["sml-route", "-q", "nobody == 1=null", "*=-"], rb""),
    "chain": (["sml", "features", "-q", "-d", "n = count()", "then", "route", "-q", "nobody == 1=null", "*=-"],
              rb',"features":\{"n":[0-9]+\}'),
}  # fmt: skip
BLIND = {  # none of these looks into a record
    "replay": ["sml-replay", "-q"],
    "route": ["sml-route", "-q", "error=null", "*=-"],
    "chain": ["sml", "replay", "-q", "then", "route", "-q", "error=null", "*=-"],
}


def run(command, given):
    return subprocess.run(command, input=given, stdout=subprocess.PIPE, check=True).stdout


def records_of(texts, before, behind):
    """Lines with the texts in them; a text with a line feed is no line."""
    lines = [before.replace(b"%d", b"%d" % n) + text + behind for n, text in enumerate(texts) if b"\n" not in text]
    return [line for line in lines if line.strip(b" \t\r")]


def check_line(tool, added, came, went):
    """A record as a tool lets it out: the bytes as they came, but for what is added before the last brace."""
    at = came.rstrip(b" \t\r").rindex(b"}")
    if not went.startswith(came[:at]) or not went.endswith(came[at:]):
        complain(came, "%s: came out as %r" % (tool, went[:300]))
        return
    between = went[at : len(went) - len(came[at:])]
    # Into an empty object a member goes without a comma.
    if not re.fullmatch(added, between) and not re.fullmatch(added, b"," + between):
        complain(came, "%s: %r was added" % (tool, between[:300]))


def check_error(tool, came, at, went):
    try:
        e = json.loads(went.decode("utf-8"))
    except ValueError:
        complain(came, "%s: %r is no error record" % (tool, went[:300]))
        return
    if e["errorType"] != "PARSE_ERROR" or e["byte"] != at:
        complain(came, "%s: %s at byte %s; byte %d expected" % (tool, e["errorType"], e.get("byte"), at))
    if ("rawBase64" in e) != (came != came.decode("utf-8", "replace").encode("utf-8", "replace")):
        complain(came, "%s: rawBase64 is for what is no UTF-8" % tool)


def tools():
    good, bad = accepted(), [text for _, text in refused()]
    lines = records_of(good, b'{"id":%d,"v":', b"," + INPUTS + b"}")
    lines += records_of(good, b'{"id":%d,' + INPUTS + b',"v":[', b"] } \r")
    lines += records_of(bad, b'{"id":%d,"v":', b"," + INPUTS + b"}")
    lines += records_of(bad, b'{"id":%d,' + INPUTS + b',"v":[', b"]}\r")
    lines += records_of(good + bad, b"", b"")
    faults = [fault(line) for line in lines]
    for n, line in enumerate(lines):
        if faults[n] is None and not begins_object(line):
            faults[n] = len(line) - len(line.lstrip(b" \t\r")) + 1
    given = b'{"id":0,' + INPUTS + b"}\n" + b"\n".join(lines) + b"\n"
    for tool, command in BLIND.items():
        if run(command, given) != given:
            complain(b"", "%s does not look into records, and changed some" % tool)
    for tool, (command, added) in TOOLS.items():
        out = run(command, given).split(b"\n")[1:-1]
        if len(out) != len(lines):
            complain(b"", "%s: %d lines came, %d went" % (tool, len(lines), len(out)))
            continue
        failed = []
        for came, at, went in zip(lines, faults, out):
            if at is None and tool == "classify" and INPUTS not in came:
                if b'"MISSING_FEATURE"' not in went:
                    complain(came, "classify: came out as %r" % went[:300])
                failed.append((came, went))
            elif at is None:
                check_line(tool, added, came, went)
            else:
                check_error(tool, came, at, went)
                failed.append((came, went))
        back = run(["sml-replay", "-q", "--retry"], b"\n".join(went for _, went in failed) + b"\n")
        if back != b"".join(came + b"\n" for came, _ in failed):
            complain(b"", "%s: the originals differ" % tool)
    return len(lines)


# ---- what is left open ----


def show(record):
    m = re.match(rb'\{"errorType":"([A-Z_]+)",.*,"_sml":"error"\}$', record)
    m = m or re.search(rb'"features":\{"x":(.*)\}\}\s*$', record)
    return m[1].decode("utf-8")


def open_():
    cases = list(left_open())
    by_expression = {}
    for section, expression, line, result in cases:
        by_expression.setdefault(expression, []).append((line, result))
    for expression, lines in by_expression.items():
        given = b"{}\n" + b"".join(line + b"\n" for line, _ in lines)
        command = ["sml-features", "-q", "-d", "x = " + expression]
        out = run(command, given)
        for (line, result), went in zip(lines, out.split(b"\n")[1:]):
            if show(went) != result:
                complain(line, "%s is %s, not %s" % (expression, show(went), result))
        # A stage behind another in a chain reads the same record.
        chain = ["sml", "replay", "-q", "then", "features"] + command[1:]
        for (line, result), went in zip(lines, run(chain, given).split(b"\n")[1:]):
            if show(went) != result:
                complain(line, "in a chain %s is %s, not %s" % (expression, show(went), result))
    return len(cases)


def page():
    """Names and order of the items of "RFC 8259 leaves open" in the page, and of the sections of the data."""
    with open(os.environ["SML_ROOT"] + "/man/sml-record.5", encoding="utf-8") as f:
        part = f.read().split(".Ss What RFC 8259 leaves open\n")[1].split("\n.Ss ")[0].split("\n.Sh ")[0]
    items = re.findall(r"^\.It (.*)$", part, re.M)
    sections = []
    for section, *_ in left_open():
        if section not in sections:
            sections.append(section)
    if items != sections:
        complain(b"", "the page lists\n  %s\nand implementation-defined\n  %s" % ("\n  ".join(items), "\n  ".join(sections)))
    return len(items)


def records():
    for line in records_of(accepted(), b'{"id":%d,"v":', b"}"):
        sys.stdout.buffer.write(line + b"\n")


def rubbish():
    for line in records_of([text for _, text in refused()], b"", b""):
        sys.stdout.buffer.write(line + b"\n")


if sys.argv[1] in ("records", "rubbish"):
    {"records": records, "rubbish": rubbish}[sys.argv[1]]()
    sys.exit(0)
parts = {"module": module, "mutated": mutated, "tools": tools, "open": open_, "page": page}
count = parts[sys.argv[1]]()
print("%d looked at, %d wrong" % (count, wrong))
sys.exit(wrong != 0)
