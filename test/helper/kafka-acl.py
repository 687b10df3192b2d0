#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""kafka-acl.py HOST:PORT - what users may do: a right a line of standard input, for tests.

    allow USER OPERATION TYPE NAME      OPERATION: read, write, describe, all; TYPE: topic, group, transaction
    deny USER OPERATION TYPE NAME       counts for more; NAME*: all that begin so

All of them in one request, CreateAcls of version 1 (https://kafka.apache.org/protocol), as librdkafka has no names of
transactions before 2.5 and the command of Kafka takes two seconds for each.  Ends with 1 at an answer that is no yes.
"""

import socket
import struct
import sys

CREATE_ACLS = 30
PERMISSIONS = {"deny": 2, "allow": 3}
OPERATIONS = {"all": 2, "read": 3, "write": 4, "describe": 8}
TYPES = {"topic": 2, "group": 3, "transaction": 5}
LITERAL, PREFIXED = 3, 4


def string(text):
    return struct.pack(">h", len(text)) + text.encode()


def binding(line):
    permission, user, operation, kind, name = line.split()
    pattern = PREFIXED if name.endswith("*") else LITERAL
    return (struct.pack(">b", TYPES[kind]) + string(name.rstrip("*")) + struct.pack(">b", pattern) + string(f"User:{user}") + string("*") +
        struct.pack(">bb", OPERATIONS[operation], PERMISSIONS[permission]))


def ask(address, body):
    host, port = address.rsplit(":", 1)
    request = struct.pack(">hhi", CREATE_ACLS, 1, 0) + string("kafka-acl") + body
    with socket.create_connection((host, int(port)), 30) as peer:
        peer.sendall(struct.pack(">i", len(request)) + request)
        with peer.makefile("rb") as answer:
            return answer.read(struct.unpack(">i", answer.read(4))[0])


def main():
    bindings = [binding(line) for line in sys.stdin if line.strip()]
    answer = ask(sys.argv[1], struct.pack(">i", len(bindings)) + b"".join(bindings))
    at = 12                                 # behind the number of the request, the throttle and the length of the list
    for _ in bindings:
        code, length = struct.unpack_from(">hh", answer, at)
        at += 4 + max(length, 0)
        if code:
            sys.exit(f"kafka-acl: error {code}: {answer[at - length:at].decode()}")


main()
