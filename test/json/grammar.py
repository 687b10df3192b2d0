# SPDX-License-Identifier: MIT
"""RFC 8259 once more, to compare with: slow, plain, and written from the grammar alone.

fault(text) says where a text stops being JSON, in the terms of sml-record(5): None where it does not, else the byte, from 1.
"""

WHITE = b" \t\n\r"
HEX = b"0123456789abcdefABCDEF"
LITERALS = {b"t": b"true", b"f": b"false", b"n": b"null"}


class Fault(Exception):
    """At this byte, from 0."""


def utf8(t, i):
    """From the first byte of a character to behind its last: RFC 3629, table of section 4."""
    first = t[i]
    for low, high, second, more in (
        (0x00, 0x7F, None, 0),
        (0xC2, 0xDF, (0x80, 0xBF), 1),
        (0xE0, 0xE0, (0xA0, 0xBF), 2),
        (0xE1, 0xEC, (0x80, 0xBF), 2),
        (0xED, 0xED, (0x80, 0x9F), 2),
        (0xEE, 0xEF, (0x80, 0xBF), 2),
        (0xF0, 0xF0, (0x90, 0xBF), 3),
        (0xF1, 0xF3, (0x80, 0xBF), 3),
        (0xF4, 0xF4, (0x80, 0x8F), 3),
    ):
        if low <= first <= high:
            break
    else:
        raise Fault(i)
    for k in range(1, more + 1):
        least, most = second if k == 1 else (0x80, 0xBF)
        if i + k >= len(t):
            raise Fault(len(t))
        if not least <= t[i + k] <= most:
            raise Fault(i)
    return i + more + 1


def code_unit(t, i):
    """Of the escape whose backslash stands at i: its value; the text may end inside."""
    for k in range(2, 6):
        if i + k >= len(t):
            raise Fault(len(t))
        if t[i + k] not in HEX:
            raise Fault(i)
    return int(t[i + 2 : i + 6], 16)


def escape(t, i):
    if i + 1 >= len(t):
        raise Fault(len(t))
    if t[i + 1] in b'"\\/bfnrt':
        return i + 2
    if t[i + 1] != ord("u"):
        utf8(t, i + 1)  # the text may end inside the letter
        raise Fault(i + 1)
    unit = code_unit(t, i)
    if 0xDC00 <= unit < 0xE000:
        raise Fault(i)
    if not 0xD800 <= unit < 0xDC00:
        return i + 6
    i += 6
    if i >= len(t) or i + 1 >= len(t) and t[i] == ord("\\"):
        raise Fault(len(t))
    if t[i : i + 2] != b"\\u":
        if t[i] != ord("\\"):
            utf8(t, i)  # the text may end inside a character
        raise Fault(i)
    if not 0xDC00 <= code_unit(t, i) < 0xE000:
        raise Fault(i)
    return i + 6


def string(t, i):
    i += 1
    while i < len(t) and t[i] != ord('"'):
        if t[i] == ord("\\"):
            i = escape(t, i)
        elif t[i] < 0x20:
            raise Fault(i)
        else:
            i = utf8(t, i)
    if i >= len(t):
        raise Fault(i)
    return i + 1


def digits(t, i):
    if i >= len(t) or not 0x30 <= t[i] <= 0x39:
        raise Fault(i)
    while i < len(t) and 0x30 <= t[i] <= 0x39:
        i += 1
    return i


def number(t, i):
    if t[i] == ord("-"):
        i += 1
    if t[i : i + 1] == b"0":
        if t[i + 1 : i + 2].isdigit():
            raise Fault(i)
        i += 1
    else:
        i = digits(t, i)
    if t[i : i + 1] == b".":
        i = digits(t, i + 1)
    if t[i : i + 1] in (b"e", b"E"):
        i += 1
        if t[i : i + 1] in (b"+", b"-"):
            i += 1
        i = digits(t, i)
    return i


def literal(t, i):
    whole = LITERALS[t[i : i + 1]]
    if t[i : i + len(whole)] == whole:
        return i + len(whole)
    raise Fault(len(t) if whole.startswith(t[i:]) else i)


def white(t, i):
    while i < len(t) and t[i] in WHITE:
        i += 1
    return i


def name(t, i):
    """A member's name and colon, and the white space behind them."""
    if t[i : i + 1] != b'"':
        raise Fault(i)
    i = white(t, string(t, i))
    if t[i : i + 1] != b":":
        raise Fault(i)
    return white(t, i + 1)


def value(t, i):
    """Without recursion: what is open stands on a stack."""
    stack = []
    while True:
        c = t[i : i + 1]
        if c in (b"{", b"["):
            stack.append(b"}" if c == b"{" else b"]")
            i = white(t, i + 1)
            if t[i : i + 1] != stack[-1]:
                if c == b"{":
                    i = name(t, i)
                continue
            stack.pop()
            i += 1
        elif c == b'"':
            i = string(t, i)
        elif c in LITERALS:
            i = literal(t, i)
        elif c == b"-" or c.isdigit():
            i = number(t, i)
        else:
            raise Fault(i)
        while stack:
            i = white(t, i)
            if t[i : i + 1] == stack[-1]:
                stack.pop()
                i += 1
                continue
            if t[i : i + 1] != b",":
                raise Fault(i)
            comma, i = i, white(t, i + 1)
            if t[i : i + 1] in (b"}", b"]"):
                raise Fault(comma if t[i : i + 1] == stack[-1] else i)
            if stack[-1] == b"}":
                i = name(t, i)
            break
        else:
            return i


def fault(text):
    try:
        i = white(text, value(text, white(text, 0)))
    except Fault as f:
        return f.args[0] + 1
    return None if i == len(text) else i + 1
