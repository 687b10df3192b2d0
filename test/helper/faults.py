#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""faults.py MODE [SCENARIO...] - the tools under every fault that test/fault/*.so can make, against runs without.

For faults.bats.  A scenario is one small run of a tool with all that it reads and writes.  Each is run without a fault
first: what it leaves is what has to be there whenever the status is 0.  Then once for each call and fault of the mode.

pieces   what is done in pieces or interrupted: the same bytes, the same messages, status 0
errors   calls that fail: status 0 and everything whole, or a message that names the error and status 1 or 2; what is
         replaced is old or new, and no temporary is left
memory   the same, for memory that runs out at the k-th allocation, and from it on
kills    a process that ends before, in and after each call of a save: what is replaced is old or new, and the next run
         is as if nothing had happened; nothing piles up

Prints each violation; the last line says how many runs there were.  0: none was a violation.
"""
import concurrent.futures
import os
import re
import shutil
import subprocess
import sys

BIN = os.environ["SML_BIN"]
DATA = os.path.join(os.environ["SML_ROOT"], "data")
SANITIZED = bool(os.environ.get("SML_SANITIZED"))
HERE = os.getcwd()
IN = os.path.join(HERE, "in")
LIMIT = 60  # seconds: a run that takes them hangs

SPEC = os.path.join(DATA, "purchases.features")
MODEL = os.path.join(DATA, "model.json")
PACKED = [IN + "/1.jsonl.gz", IN + "/2.jsonl.zst", IN + "/3.jsonl"]


class Scenario:
    """stdin: a file, or |FILE for a pipe, which stdout is as well then; fd3: the file behind descriptor 3;
    kept: what is replaced as a whole, and must be new after status 0; metrics: whether m.prom is kept."""

    def __init__(self, *argv, stdin=None, fd3=None, kept=(), metrics=False):
        self.pipes = stdin is not None and stdin[0] == "|"  # how often such a run reads and writes differs from time to time
        self.argv, self.stdin, self.fd3, self.kept, self.metrics = argv, stdin, fd3, kept, metrics


SCENARIOS = {
    "features": Scenario("sml-features", "--state", "state", "--metrics", "m.prom", SPEC, IN + "/events.jsonl",
                         kept=["state"], metrics=True),
    "features-pipe": Scenario("sml-features", "--state", "state", SPEC, stdin="|" + IN + "/events.jsonl", kept=["state"]),
    "explain": Scenario("sml-features", "--explain", SPEC),
    "dump": Scenario("sml-features", "--state", IN + "/state", "--dump-state"),
    "classify": Scenario("sml-classify", "-m", MODEL, "--metrics", "m.prom", IN + "/features.jsonl", metrics=True),
    "classify-registry": Scenario("sml-classify", "-m", IN + "/registry", stdin=IN + "/features.jsonl"),
    "route": Scenario("sml-route", "HIGH_VALUE=3", "totalValue > 60=replace:last", "error=bad", "basketSize > 4=day-{date}",
                      "*=-", stdin=IN + "/classified.jsonl", fd3="high", kept=["last"]),
    "route-pipe": Scenario("sml-route", "--metrics", "m.prom", "HIGH_VALUE=high", "*=-", stdin="|" + IN + "/classified.jsonl",
                           metrics=True),
    "train": Scenario("sml-train", "-y", "label", "-m", "model", "--metrics", "m.prom", IN + "/features.jsonl",
                      kept=["model"], metrics=True),
    "train-stdout": Scenario("sml-train", "-y", "label", "-m", "-", stdin="|" + IN + "/features.jsonl"),
    "evaluate": Scenario("sml-train", "-y", "label", "--evaluate", IN + "/classified.jsonl"),
    "replay": Scenario("sml-replay", "--metrics", "m.prom", *PACKED, metrics=True),
    "chain": Scenario("sml", "replay", *PACKED, "then", "features", "--state", "state", SPEC, "then", "classify", "-m", MODEL,
                      "then", "route", "HIGH_VALUE=3", "error=bad", "*=-", fd3="high", kept=["state"]),
    "learn": Scenario("sml", "features", "--state", "state", SPEC, IN + "/events.jsonl", "then", "train", "-y", "label",
                      "-m", "model", kept=["state", "model"]),
}

OLD = ("state", "model", "last", "m.prom")  # an earlier run has left them

ERRORS = {  # what the message has to say
    "EIO": "Input/output error", "ENOSPC": "No space left on device", "EMFILE": "Too many open files",
    "ENOMEM": "Cannot allocate memory", "ENOLCK": "No locks available",
}


# ---- a run ----

def read(path):
    try:
        with open(path, "rb") as f:
            return f.read()
    except FileNotFoundError:
        return None


def environment(preload, **more):
    env = dict(os.environ, SOURCE_DATE_EPOCH="1700000000", **more)
    if preload:
        env["LD_PRELOAD"] = os.path.join(BIN, "test", preload)
    if SANITIZED:
        env["ASAN_OPTIONS"] = env.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"
    return env


def run(s, folder, env):
    """Runs it in a folder; its status (-9: killed).  stdout and stderr are files in it."""
    out, err = os.path.join(folder, "out"), os.path.join(folder, "err")
    with open(out, "wb") as o, open(err, "wb") as e:
        argv = [os.path.join(BIN, s.argv[0]), *s.argv[1:]]
        if s.fd3:  # a shell opens it, and is not concerned
            argv = ["sh", "-c", 'LD_PRELOAD=$PRELOAD exec "$@" 3>>' + s.fd3, "sh", *argv]
            env = dict(env, PRELOAD=env.pop("LD_PRELOAD", ""))
        try:
            if s.pipes:
                done = subprocess.run(argv, cwd=folder, env=env, stderr=e, stdout=subprocess.PIPE, input=read(s.stdin[1:]),
                                      timeout=LIMIT, check=False)
                o.write(done.stdout)
            else:
                with open(s.stdin or "/dev/null", "rb") as i:
                    done = subprocess.run(argv, cwd=folder, env=env, stderr=e, stdout=o, stdin=i, timeout=LIMIT, check=False)
        except subprocess.TimeoutExpired:
            return "hangs"
    return done.returncode


def fresh(folder):
    """A folder as an earlier run has left it."""
    shutil.rmtree(folder, ignore_errors=True)
    os.mkdir(folder)
    for name in OLD:
        shutil.copy(os.path.join(IN, name), folder)
    return folder


class Trial:
    """One scenario: what it leaves without a fault, and the runs with one."""

    def __init__(self, name):
        self.name, self.s, self.killed_runs = name, SCENARIOS[name], 0
        self.base = os.path.join(HERE, name)
        os.makedirs(self.base, exist_ok=True)
        self.reference = fresh(self.base + "/reference")
        status = run(self.s, self.reference, environment(None))
        if status != 0:
            sys.exit("%s: status %s without a fault: %s" % (name, status, read(self.reference + "/err")))
        self.whole = {f: read(self.reference + "/" + f) for f in os.listdir(self.reference) if not f.endswith(".lock")}

    def folder(self, rule):
        return fresh(os.path.join(self.base, re.sub(r"[^A-Za-z0-9+]", "_", rule)))

    def calls(self, names, path="*"):
        """How many of these calls the run makes."""
        folder = fresh(self.base + "/count")
        trace = folder + "/trace"
        run(self.s, folder, environment("inject.so", INJECT="%s none 1+ %s" % (names, path), INJECT_TRACE=trace))
        return (read(trace) or b"").count(b"\n")

    def old_or_new(self, folder):
        wrong = []
        for name in self.s.kept:
            # Of a file that is replaced record by record any state between is a whole one.
            got = read(folder + "/" + name)
            if got not in (self.whole[name], read(IN + "/" + name)) and not (name == "last" and whole_records(got)):
                wrong.append(name + " is neither old nor new")
        if self.s.metrics and not whole_metrics(read(folder + "/m.prom")):
            wrong.append("m.prom is not whole")
        return wrong

    def all_whole(self, folder, err, quiet=True):
        wrong = []
        for name, content in self.whole.items():
            if name not in ("m.prom", "err") and read(folder + "/" + name) != content:
                wrong.append(name + " differs")
        if quiet and err != self.whole["err"]:
            wrong.append("stderr differs: %s" % err.decode()[-200:])
        if self.s.metrics:
            got = read(folder + "/m.prom")
            # The metrics are a service: a failure is told and no more.
            if not whole_metrics(got) or (got == read(IN + "/m.prom") and b"--metrics: m.prom: cannot be written" not in err):
                wrong.append("m.prom is not new, and nothing is said")
        return wrong

    def judge(self, folder, status, messages, quiet=False):
        """What is wrong with a run that had a fault; `messages`: one of them has to be said if it failed."""
        err = read(folder + "/err")
        if status == 0:
            wrong = self.all_whole(folder, err, quiet)
        elif status in (1, 2):
            wrong = self.old_or_new(folder)
            lines = [line for line in err.decode().splitlines() if re.match(r"sml(-[a-z]+)?: ", line)]
            if not any(m in line for m in messages for line in lines):
                wrong.append("no message says why: %s" % err.decode()[-200:])
        else:
            wrong = ["status %s: %s" % (status, err.decode(errors="replace")[-2000:])]
        return wrong + ["%s is left" % f for f in os.listdir(folder) if f.endswith(".tmp")]

    # ---- the modes: each yields (label, function) ----

    def fault(self, rule, messages, quiet=False):
        folder = self.folder(rule)
        wrong = self.judge(folder, run(self.s, folder, environment("inject.so", INJECT=rule)), messages, quiet)
        shutil.rmtree(folder)
        return wrong

    def pieces(self):
        interrupted = "open,read,pread,write,pwrite,fsync,ftruncate,flock,poll,ppoll,dup2"
        rules = ["read,pread,write,pwrite short", "read,pread,write,pwrite short:1", "read,pread,write,pwrite short:2",
                 interrupted + " EINTR /2", interrupted + " EINTR /3"]
        rules += ["%s EINTR %d" % (interrupted, k) for k in some(range(1, self.calls(interrupted) + 1))]
        if self.s.pipes and self.name != "train-stdout":  # stdio's stdout is left as it blocks
            rules += ["%s EAGAIN %s pipe:*" % (c, when) for c in ("read", "write") for when in ("1", "2", "/2", "/3")]
        for rule in rules:
            yield rule, lambda rule=rule: self.fails_nothing(rule)

    def fails_nothing(self, rule):
        folder = self.folder(rule)
        status = run(self.s, folder, environment("inject.so", INJECT=rule))
        err = read(folder + "/err")
        wrong = self.all_whole(folder, err) if status == 0 else ["status %s: %s" % (status, err.decode()[-300:])]
        shutil.rmtree(folder)
        return wrong

    def errors(self):
        table = [("read,pread", "EIO"), ("write,pwrite", "EIO"), ("write,pwrite", "ENOSPC"), ("close", "EIO"), ("close", "ENOSPC"),
                 ("fsync", "EIO"), ("rename", "ENOSPC"), ("ftruncate", "EIO"), ("open,opendir", "EMFILE"), ("open,opendir", "EIO"),
                 ("stat,lstat,fstat,access,faccessat,readlink,lseek,readdir", "EIO"), ("poll,ppoll", "ENOMEM"),
                 ("flock", "ENOLCK"), ("dup2,fcntl", "EMFILE"), ("fchmod,fchown,unlink", "EIO")]
        for calls, error in table:
            for k in some(range(1, self.calls(calls) + 1)):
                rule = "%s %s %d" % (calls, error, k)
                yield rule, lambda rule=rule, error=error: self.fault(rule, [ERRORS[error]])

    def memory(self):
        folder = fresh(self.base + "/count")
        run(self.s, folder, environment("memory.so", MEMORY_COUNT=folder + "/n"))
        for k in range(1, int(read(folder + "/n")) + 1):
            for when in [str(k)] + ([str(k) + "+"] if k % 10 == 0 else []):
                yield "allocation " + when, lambda when=when: self.out_of_memory(when)

    def out_of_memory(self, when):
        folder = self.folder("memory " + when)
        status = run(self.s, folder, environment("memory.so", MEMORY=when))
        wrong = self.judge(folder, status, ["out of memory", ERRORS["ENOMEM"]])
        shutil.rmtree(folder)
        return wrong

    def kills(self):
        calls = "open,write,pwrite,fsync,fchmod,fchown,ftruncate,flock,close,rename,unlink"
        n = self.calls(calls)
        rules = ["%s before %d" % (calls, k) for k in range(1, n + 1)]  # which is behind the one before it
        rules += ["%s after %d" % (calls, n)] + ["write,pwrite torn %d" % k for k in range(1, self.calls("write,pwrite") + 1)]
        for rule in some(rules):
            yield rule, lambda rule=rule: self.killed(rule)

    def killed(self, rule):
        folder = self.folder(rule)
        status = run(self.s, folder, environment("inject.so", INJECT=rule))
        wrong = self.old_or_new(folder)
        if status == -9:
            self.killed_runs += 1
        elif status != 0:  # 0: metrics are written by the clock, and this time there were fewer calls
            wrong.append("status %s" % status)
        if sum(f.endswith(".tmp") for f in os.listdir(folder)) > 1:
            wrong.append("more than one temporary")
        # Again: from the state that is there, as any run after another.
        before = read(folder + "/state")
        for f in os.listdir(folder):
            if f not in OLD and not f.endswith((".tmp", ".lock")):
                os.remove(folder + "/" + f)
        status = run(self.s, folder, environment(None))
        if status != 0:
            wrong.append("the next run: status %s: %s" % (status, read(folder + "/err").decode()[-300:]))
        if before == read(IN + "/state") or "state" not in self.s.kept:
            wrong += ["the next run: " + w for w in self.all_whole(folder, read(folder + "/err"))]
        wrong += ["%s is left after the next run" % f for f in os.listdir(folder) if f.endswith(".tmp")]
        shutil.rmtree(folder)
        return wrong


def some(which):
    """All of them; of a sanitized build, which is slow to start, every fifth."""
    return list(which)[::5] if SANITIZED else which


def whole_metrics(text):
    """The lines of each group are there to the last one, which is the count of the histogram or of the tool."""
    return text is not None and text.endswith(b"\n") and text.count(b"# HELP") == text.count(b"# TYPE") and \
        (b"_latency_seconds_count" in text or text == read(IN + "/m.prom"))


def whole_records(text):
    return text is not None and text.endswith(b"\n") and text in read(IN + "/classified.jsonl")


# ---- input ----

def tool(*argv, **more):
    return subprocess.run(argv, check=True, stdout=subprocess.PIPE, **more).stdout


def prepare():
    os.mkdir(IN)

    def write(name, content):
        with open(IN + "/" + name, "wb") as f:
            f.write(content)

    events = read(DATA + "/purchases.jsonl").splitlines(keepends=True)[:24]
    write("events.jsonl", b"".join(events))
    # Two members, two frames.
    write("1.jsonl.gz", b"".join(tool("gzip", "-n", input=b"".join(part)) for part in (events[:4], events[4:9])))
    write("2.jsonl.zst", b"".join(tool("zstd", "-q", input=b"".join(part)) for part in (events[9:11], events[11:16])))
    write("3.jsonl", b"".join(events[16:]))
    write("features.jsonl", tool("sml-features", "-q", SPEC, IN + "/events.jsonl"))
    write("classified.jsonl", tool("sml-classify", "-q", "-m", MODEL, IN + "/features.jsonl"))
    tool("sml-features", "-q", "--state-out", IN + "/state", SPEC, IN + "/3.jsonl")
    write("model", read(MODEL))
    write("last", b'{"old":1}\n')
    write("m.prom", b"old 1\n")
    os.mkdir(IN + "/registry")
    for name in ("1", "2"):
        shutil.copy(MODEL, IN + "/registry/%s.json" % name)
    for f in os.listdir(IN):
        if f.endswith(".lock"):
            os.remove(IN + "/" + f)


def main():
    mode = sys.argv[1]
    names = sys.argv[2:] or [
        n for n, s in SCENARIOS.items() if mode in ("pieces", "errors") or (not s.pipes and (mode == "memory" or s.kept or s.metrics))]
    prepare()
    n = bad = 0
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for name in names:
            trial = Trial(name)
            jobs = [(label, pool.submit(job)) for label, job in getattr(trial, mode)()]
            if not jobs:
                print("%s: no call to try" % name)
                bad += 1
            concurrent.futures.wait([job for _, job in jobs])
            if mode == "kills" and trial.killed_runs < len(jobs) / 2:
                print("%s: only %d of %d runs were killed" % (name, trial.killed_runs, len(jobs)))
                bad += 1
            for label, job in jobs:
                n += 1
                for wrong in job.result():
                    bad += 1
                    print("%s: %s: %s" % (name, label, wrong))
    print("%d runs, %d violations" % (n, bad))
    sys.exit(bad > 0)


if __name__ == "__main__":
    main()
