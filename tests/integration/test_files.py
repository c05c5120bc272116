"""Recordings: killed, cut, damaged, joined."""
import os
import re
import signal
import time

from harness import (EXIT_FAILED, alone, contains, equal, expect, total,
                     wait_until)

RATE = 200


def record(t, seconds, name="run.strobe"):
    target = t.ready("busy.py")
    saved = t.path(name)
    t.pystrobe("record", "-p", str(target.pid), "-d", seconds, "-r", str(RATE),
               "-o", saved)
    target.stop()
    return saved


def samples(t, path, **options):
    return total(t.folded("report", path, "-i", **options), "idle (busy.py")


@alone
def test_killed(t):
    """kill -9: the recording is readable and a second at most is lost."""
    target = t.ready("busy.py")
    saved = t.path("run.strobe")
    recorder = t.begin("record", "-p", str(target.pid), "-r", str(RATE), "-o",
                       saved)
    # From the first block on, which may itself come late.
    wait_until(lambda: os.path.exists(saved), "the first block")
    had = samples(t, saved)
    began = time.monotonic()
    wait_until(lambda: time.monotonic() - began > 2.5, "two and a half seconds")
    recorder.signal(signal.SIGKILL)
    lasted = time.monotonic() - began
    recorder.wait()
    kept = samples(t, saved) - had
    expect(kept >= (lasted - 1.0) * RATE * 0.8, "%d samples of %.2f s at %d Hz",
           kept, lasted, RATE)
    expect('"rounds"' in target.stop(), "the target did not go on")


def test_cut_and_damaged(t):
    """What is whole is shown, and what is not is told."""
    saved = record(t, "2500ms")
    whole = samples(t, saved)
    with open(saved, "rb") as f:
        data = f.read()
    cut, bad = t.path("cut.strobe"), t.path("bad.strobe")
    with open(cut, "wb") as f:
        f.write(data[:data.rindex(b"\x93STROBE\n") + 40])
    some = samples(t, cut)
    expect(0 < some < whole, "%d of %d samples of a cut file", some, whole)
    with open(bad, "wb") as f:  # in the last block: what is before stays
        f.write(data[:-10] + bytes([data[-10] ^ 0x55]) + data[-9:])
    result = t.pystrobe("report", bad, "-i", "-f", "collapsed", "-o", "-")
    expect("damaged" in result.err and bad in result.err, "%s", result)
    some = samples(t, bad)
    expect(0 < some < whole, "%d of %d samples of a bad file", some, whole)
    with open(bad, "wb") as f:
        f.write(data[:20])
    result = t.pystrobe("report", bad, status=EXIT_FAILED)
    expect(bad in result.err, "%s", result)


def test_joined(t):
    """Two recordings are added up: given together, or one after the other."""
    one, two = record(t, "300ms", "a.strobe"), record(t, "400ms", "b.strobe")
    both = samples(t, one) + samples(t, two)
    stacks = t.folded("report", one, two, "-i")
    equal(total(stacks, "idle (busy.py"), both, "samples of two files")
    joined = t.path("both.strobe")
    with open(joined, "wb") as f:
        for path in (one, two):
            with open(path, "rb") as part:
                f.write(part.read())
    equal(samples(t, joined), both, "samples of a joined file")
    for files in ([one, two], [joined]):
        head = t.pystrobe("report", "-i", *files).out.split("\n")[1]
        contains(head, "2 recordings of " + os.uname().nodename)
        contains(head, "2 processes")


def test_same_process_twice(t):
    """Recorded twice, at different rates: one process, its threads once, and
    the time between the two is not counted."""
    target = t.ready("busy.py")
    files = [t.path("slow.strobe"), t.path("fast.strobe")]
    for path, rate in zip(files, ("50", "500")):
        t.pystrobe("record", "-p", str(target.pid), "-d", "400ms", "-r", rate,
                   "-o", path)
    head = t.pystrobe("report", "-i", *files).out.split("\n")
    alone = t.pystrobe("report", "-i", files[0]).out.split("\n")
    contains(head[1], "2 recordings")
    contains(head[1], alone[1])  # pid, version, threads
    contains(head[2], "50 Hz to 500 Hz")
    def covered(lines):
        return int(re.search(r"(\d+) ms \S", lines[2]).group(1))

    both = covered(alone) + covered(t.pystrobe(
        "report", "-i", files[1]).out.split("\n"))
    expect(abs(covered(head) - both) <= 1, "%d ms, not %d", covered(head),
           both)
