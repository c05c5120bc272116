"""pystrobe dump: what each thread is doing now."""
import json
import os
import re
import signal
import subprocess
import sys
import time

from harness import (EXIT_FAILED, EXIT_USAGE, alone, apart, contains,
                     each_python, equal, expect, expect_untouched, wait_until)

THREAD = re.compile(r'Thread (\d+) \((.*?)\): "(.*)"$')


def threads_of(text):
    """{name: (id, what it does, [frame])} of the text of one process."""
    found = {}
    for part in text.strip().split("\n\n")[1:]:
        lines = part.split("\n")
        match = THREAD.match(lines[0])
        expect(match, "no thread: %r", lines[0])
        found[match.group(3)] = (int(match.group(1)), match.group(2),
                                 [line.strip() for line in lines[1:]])
    return found


@each_python()
def test_every_thread(t):
    """With its id, name, stack, and what it waits for."""
    target = t.ready("waits.py")
    text = t.pystrobe("dump", str(target.pid)).out
    head = text.split("\n")[:2]
    contains(head[0], "Process %d: " % target.pid)
    contains(head[0], "waits.py")
    equal(head[1], "CPython %s" % ".".join(map(str, t.python.version)),
          "version")
    found = threads_of(text)
    equal(sorted(found), sorted(list(target.facts["tids"]) + ["MainThread"]),
          "names")
    for name, tid in target.facts["tids"].items():
        equal(found[name][0], tid, "id of " + name)
        expect(any(frame.startswith(name + " (") and "waits.py:" in frame
                   for frame in found[name][2]), "%r", found[name])
    for name, wanted in (("in_recv", "idle, wait: socket 127.0.0.1:%d" %
                          target.facts["port"]),
                         ("in_sleep", "idle, wait: timer")):
        equal(found[name][1], wanted, name)
    expect(found["in_lock"][1].startswith("idle, wait: lock 0x"), "%r",
           found["in_lock"])
    expect(found["MainThread"][2][-1].startswith("<module> ("), "%r", found)
    expect_untouched(target.pid)


def test_several_processes(t):
    """Those that are there are shown, and what is wrong with the others is
    said; the first failure is the status."""
    one, other = t.ready("busy.py"), t.ready("busy.py")
    both = t.pystrobe("dump", str(one.pid), "-p", str(other.pid)).out
    for target in (one, other):
        contains(both, "Process %d: " % target.pid)
    result = t.pystrobe("dump", "4194304", str(one.pid), status=EXIT_FAILED)
    contains(result.out, "Process %d: " % one.pid)
    contains(result.err, "4194304")
    equal(t.pystrobe("dump", status=EXIT_USAGE).out, "", "without a PID")


def test_of_a_restless_thread(t):
    """It is stopped for it, or its part is marked."""
    target = t.ready("alternate.py")
    for _ in range(20):
        found = threads_of(t.pystrobe("dump", str(target.pid)).out)
        sides = {frame.partition("_")[0] for frame in found["MainThread"][2]
                 if re.match(r"(left|right)_", frame)}
        expect(len(sides) < 2, "two chains: %r", found["MainThread"])
    for _ in range(20):
        frames = threads_of(t.pystrobe("dump", "--nonblocking", str(
            target.pid)).out)["MainThread"][2]
        expect(frames[-1].startswith("<module>"), "%r", frames)
    expect_untouched(target.pid)


@each_python()
def test_json(t):
    """One object on one line, with the same threads as the text."""
    target = t.ready("waits.py")
    out = t.pystrobe("dump", "--json", str(target.pid)).out
    equal(out.count("\n"), 1, "lines")
    found = json.loads(out)
    equal(found["pystrobe_dump"], 1, "version of the schema")
    equal(found["pid"], target.pid, "pid")
    expect(abs(found["time"] - time.time()) < 60, "time %r", found["time"])
    threads = {thread["name"]: thread for thread in found["threads"]}
    equal(sorted(threads), sorted(list(target.facts["tids"]) + ["MainThread"]),
          "names")
    for name, tid in target.facts["tids"].items():
        equal(threads[name]["tid"], tid, "id of " + name)
        expect(any(frame["name"] == name and frame["line"] and
                   os.path.basename(frame["file"]) == "waits.py"
                   for frame in threads[name]["frames"]), "%r", threads[name])
    waits = threads["in_recv"]
    equal((waits["idle"], waits["run"], waits["wait"], waits["stack"]),
          (True, "sleeping", "socket 127.0.0.1:%d" % target.facts["port"],
           "whole"), "what in_recv does")
    equal([thread["main"] for thread in found["threads"]],
          [True] + [False] * (len(threads) - 1), "the main one is first")


@each_python()
def test_source(t):
    """The line of each frame, as the target sees its files."""
    target = t.ready("waits.py")
    text = t.pystrobe("dump", "--source", str(target.pid)).out
    for line in ("time.sleep(1000)", "while connection.recv(1):",
                 "HELD.acquire()"):
        contains(text, "\n        %s\n" % line)
    found = json.loads(t.pystrobe("dump", "--source", "--json",
                                  str(target.pid)).out)
    expect(any(frame.get("source") == "time.sleep(1000)"
               for thread in found["threads"]
               for frame in thread["frames"]), "%r", found)


def test_source_is_a_regular_file(t):
    """Neither a device, nor a pipe that nobody writes to, nor a link out of
    the root."""
    pipe = t.path("pipe")
    os.mkfifo(pipe)
    files = [pipe, "/dev/zero", "/proc/self/mem", t.path("absent")]
    program = "\n".join(
        ["import time, sys", "def wait():", "    print('{}', flush=True)",
         "    sys.stdin.read()", "f = wait"] +
        ["f = eval(compile('lambda f: f()', %r, 'eval')).__get__(f)" % name
         for name in files] + ["f()"])
    target = t.start(t.python.argv("-c", program))
    equal(target.line(), "{}", "first line")
    text = t.pystrobe("dump", "--source", "--full-filenames",
                      str(target.pid)).out
    for name in files:
        contains(text, "(%s:1)\n    " % name)


def test_group(t):
    """Twenty threads that wait for the same are one."""
    target = t.ready("crowd.py", 20)

    def one_group():
        """They come to where they wait one after the other."""
        text = t.pystrobe("dump", "--group", str(target.pid)).out
        return text if re.search(r"^20 threads \(idle[^)]*\): \"", text,
                                 re.M) else None
    text = wait_until(one_group, "one group of 20 threads")
    equal(len(re.findall(r"^(?:Thread|\d+ threads) ", text, re.M)), 3, "groups")
    result = t.pystrobe("dump", "--group", "--json", str(target.pid),
                        status=EXIT_USAGE)
    contains(result.err, "--group")


def test_watch(t):
    """Again and again, until the process has ended or Ctrl-C."""
    target = t.ready("busy.py")
    watch = t.begin("dump", "--json", "--watch", "50ms", str(target.pid))
    looks = [json.loads(watch.line()) for _ in range(5)]
    times = [look["time"] for look in looks]
    equal(times, sorted(set(times)), "times")
    watch.signal(signal.SIGINT)
    equal(watch.wait(), 0, "status after Ctrl-C")
    watch = t.begin("dump", "--watch", "50ms", str(target.pid))
    expect(re.match(r"--- \d{4}-\d\d-\d\d \d\d:\d\d:\d\d$", watch.line()),
           "no time")
    target.stop()
    equal(watch.wait(), 0, "status after the end of the target")
    for wrong in ("0", "1ms", "soon"):
        result = t.pystrobe("dump", "--watch", wrong, "1", status=EXIT_USAGE)
        expect(result.err, "nothing said about %s", wrong)


@alone
def test_watch_beside_others(t):
    """A thread that stops late, as it waits for a processor, ends nothing."""
    target = t.ready("busy.py")
    other = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        with apart(target):
            os.sched_setaffinity(other.pid, os.sched_getaffinity(target.pid))
            watch = t.begin("dump", "--json", "--watch", "10ms",
                            str(target.pid))
        looks = [json.loads(watch.line()) for _ in range(100)]
    finally:
        other.kill()
        other.wait()
    expect(all(look["threads"] for look in looks), "nothing seen")
    watch.signal(signal.SIGTERM)
    equal(watch.wait(), 0, "status after SIGTERM")


def variables_of(text, function):
    """{"Arguments" or "Locals": {name: value}} of a frame in the text."""
    found, head, inside = {}, None, False
    for line in text.split("\n"):
        if re.match(r"    \S", line):
            inside = re.match(r"    (\S*\.)?%s \(" % function, line)
        elif inside and re.match(r"        \S+:$", line):
            head = line.strip()[:-1]
        elif inside and line.startswith("            "):
            name, _, value = line.strip().partition(": ")
            found.setdefault(head, {})[name] = value
    return found


@each_python()
def test_locals(t):
    """They are what repr() says, and bounded where that is long."""
    target = t.ready("locals.py")
    text = t.pystrobe("dump", "-ll", str(target.pid)).out
    found = variables_of(text, "variables")
    values = target.facts["values"]
    arguments = {"first", "second", "rest", "named"}
    equal(set(found["Arguments"]), arguments, "arguments")
    together = dict(found["Arguments"], **found["Locals"])
    for name, value in sorted(values.items()):
        equal(together.get(name), value, name)
    prefix = "u" if t.python.version[0] == 2 else ""
    equal(together["umlaut"], prefix + "'\u00e4\u20ac'", "umlaut")
    equal(together["snake"], prefix + "'\U0001f40d!'", "snake")
    expect(re.match("<Thing at 0x[0-9a-f]+>$", together["thing"]), "%s",
           together["thing"])
    equal(together["numeric"], "Numbers([1])", "a subclass")
    equal(together["kind"], "<class 'Thing'>", "a class")
    equal(together["shared"], "{'name': 'value'}", "a dict with shared keys")
    expect(together["thousand"].startswith("[0, 1, 2, ") and
           together["thousand"].endswith("199, ...]"), "%s",
           together["thousand"])
    expect(4000 < len(together["long_text"]) < 4200, "%d of long_text",
           len(together["long_text"]))
    inner = variables_of(text, r"(<locals>\.)?inner")
    equal(inner["Arguments"], {"argument": "'inner argument'"}, "inner")
    equal(inner["Locals"]["enclosed"], "['cell']", "a free variable")
    equal(inner["Locals"]["first"], "'first'", "an argument in a cell")
    expect("unset" not in inner["Locals"], "%r", inner)
    expect("it ran while" not in text, "%s", text)
    short = variables_of(t.pystrobe("dump", "--locals", str(target.pid)).out,
                         "variables")["Locals"]
    expect(len(short["long_text"]) < 150 and len(short["huge"]) < 150, "%r",
           short)
    expect_untouched(target.pid)


@each_python(quick=False)
def test_locals_without_end(t):
    """There is a time for those of a thread; what it left out is told."""
    target = t.start(t.python.argv(t.python.script("locals.py"), "deep"))
    equal(target.line(), "{}", "first line")
    thread, = json.loads(t.pystrobe("dump", "-ll", "--json",
                                    str(target.pid)).out)["threads"]
    equal((thread["locals_whole"], thread["stack"]), (False, "whole"),
          "a part of the variables, all of the stack")
    expect(thread["frames"][0]["locals"] and
           not thread["frames"][-1]["locals"], "the innermost ones are there")
    text = t.pystrobe("dump", "-ll", str(target.pid)).out
    contains(text, "time was over before all variables were read")
    expect_untouched(target.pid)


@each_python(quick=False)
def test_locals_of_one_that_runs(t):
    """It is stopped for them, unless that is not wanted."""
    target = t.start(t.python.argv(t.python.script("locals.py"), "busy"))
    equal(target.line(), "{}", "first line")

    def held():
        """On a busy machine it may wait for a processor instead."""
        thread, = json.loads(t.pystrobe("dump", "-l", "--json",
                                        str(target.pid)).out)["threads"]
        return thread if thread["locals_hold"] else None
    thread = wait_until(held, "variables of a thread that was stopped")
    count, = thread["frames"][0]["locals"]
    equal((count["name"], count["argument"]), ("count", False), "the variable")
    expect(int(count["value"]) >= 0, "%r", count)

    def torn():
        text = t.pystrobe("dump", "-l", "--nonblocking", str(target.pid)).out
        told = "it ran while its variables were read" in text
        expect(told or "runnable" in text, "%s", text)
        return told
    wait_until(torn, "variables of a thread that runs")
    expect_untouched(target.pid)
