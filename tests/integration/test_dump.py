"""pystrobe dump: what each thread is doing now."""
import re

from harness import (EXIT_FAILED, EXIT_USAGE, contains, each_python, equal,
                     expect, expect_untouched)

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
