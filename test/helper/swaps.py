#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
#
# swaps N FILE... -- COMMAND...: starts the command, whose -m is the file `model` here, and replaces that N times with the files in turn
# while records go through.  Each record must come out once, in order, and be scored by the model before the last replacement or by
# the one after it; once by that one, never again by the one before.  A hundred records are always under way.
import json, os, signal, subprocess, sys, threading

n = int(sys.argv[1])
cut = sys.argv.index("--")
files, command = sys.argv[2:cut], sys.argv[cut + 1:]


def place(path):
    with open(path, "rb") as f, open("model.new", "wb") as g:
        g.write(f.read())
    os.rename("model.new", "model")


def id_of(path):
    place(path)
    return json.loads(subprocess.run(command, input=b'{"x":1,"y":2}\n', stdout=subprocess.PIPE, check=True).stdout)["model"]


ids = [id_of(path) for path in files]
assert len(set(ids)) == len(ids), ids
place(files[0])
run = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
over = threading.Event()
room = threading.Semaphore(5)
fed = 0


def feed():
    global fed
    while room.acquire() and not over.is_set():
        lines = "".join('{"i":%d,"x":%d,"y":%d}\n' % (i, i % 7, i % 11) for i in range(fed, fed + 20))
        run.stdin.write(lines.encode())
        run.stdin.flush()
        fed += 20
    run.stdin.close()


feeder = threading.Thread(target=feed)
feeder.start()
seen = 0


def next_model():
    global seen
    line = run.stdout.readline()
    if not line:
        return None
    record = json.loads(line)
    assert record["i"] == seen, (record, seen)
    seen += 1
    if seen % 20 == 0:
        room.release()
    return record["model"]


try:
    assert next_model() == ids[0]
    for k in range(1, n + 1):
        old, new = ids[(k - 1) % len(ids)], ids[k % len(ids)]
        place(files[k % len(files)])
        run.send_signal(signal.SIGHUP)
        while (model := next_model()) == old:
            pass
        assert model == new, (k, model, old, new)
finally:
    over.set()
    room.release()
while (model := next_model()) is not None:
    assert model == new, (model, new)
feeder.join()
assert run.wait() == 0
assert seen == fed, (seen, fed)
print(n, "replacements,", seen, "records")
