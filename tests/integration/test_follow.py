"""Recordings that are read while they are being written."""
import os
import re
import signal

from harness import (EXIT_FAILED, EXIT_USAGE, contains, equal, expect,
                     wait_until)


def begin(t, *options):
    """A recorder at work, its first block written; it and its file."""
    target = t.ready("busy.py")
    saved = t.path("run.strobe")
    recorder = t.begin("record", "-q", "-p", str(target.pid), "-r", "200",
                       "-o", saved, *options)
    wait_until(lambda: os.path.exists(saved), "the first block")
    return recorder, saved


def samples_of(path):
    """Of the root of a flame graph; 0 as long as there is none."""
    try:
        with open(path, encoding="utf-8") as f:
            text = f.read()
    except FileNotFoundError:
        return 0
    expect(text.endswith("</svg>\n"), "half a picture: %r", text[-80:])
    return int(re.search(r'data-c="0 (\d+) 0"', text).group(1))


def test_any_instant(t):
    """Whenever it is read: whole, no complaint, and never less than before."""
    recorder, saved = begin(t)
    out, last, grown = t.path("x.svg"), 0, 0
    while grown < 2:
        result = t.pystrobe("report", "-q", "-i", saved, "-o", out)
        equal(result.err, "", "complaints")
        now = samples_of(out)
        expect(now >= last > 0 or not last, "%d samples after %d", now, last)
        grown += now > last > 0
        last = now
        expect(recorder.running(), "the recorder has ended")


def follow_to_the_end(t, number):
    recorder, saved = begin(t)
    out = t.path("x.svg")
    reader = t.begin("report", "-q", "-i", "--watch", "50ms", saved, "-o", out)
    first = wait_until(lambda: samples_of(out), "the first picture")
    second = wait_until(lambda: max(0, samples_of(out) - first), "a second one")
    expect(second > 0 and reader.running(), "it does not go on")
    recorder.signal(number)
    recorder.wait()
    equal(reader.wait(), 0, "exit status of the reader")
    equal(reader.stderr(), "", "what the reader says")
    last = t.path("last.svg")
    t.pystrobe("report", "-q", "-i", saved, "-o", last)
    with open(out, "rb") as a, open(last, "rb") as b:
        expect(a.read() == b.read(), "the last picture is not of the whole")


def test_follow_until_interrupted(t):
    follow_to_the_end(t, signal.SIGINT)


def test_follow_until_killed(t):
    follow_to_the_end(t, signal.SIGKILL)


def test_follow_on_a_terminal(t):
    """The table, each time below a line that says when."""
    recorder, saved = begin(t)
    reader = t.begin("report", "-i", "--watch", "50ms", saved)
    lines = iter(reader.line, None)
    for _ in range(2):
        for line in lines:
            if line.startswith("--- "):
                break
        expect(re.match(r"--- \d{4}-\d\d-\d\d \d\d:\d\d:\d\d$", line), "%s",
               line)
    reader.signal(signal.SIGINT)
    equal(reader.wait(), 0, "exit status of the reader")
    expect(recorder.running(), "the recorder has ended, too")


def test_nobody_writes(t):
    """One look, and the end."""
    recorder, saved = begin(t)
    recorder.signal(signal.SIGINT)
    recorder.wait()
    out = t.pystrobe("report", "-i", "--watch", "1d", saved).out
    equal(out.count("--- "), 1, "looks")
    equal(out.split("\n", 1)[1], t.pystrobe("report", "-i", saved).out,
          "the table")


def waiting(t, *options):
    """A reader of a file that is not there, which says so."""
    reader = t.begin("report", "-i", "--watch", "50ms", *options,
                     t.path("run.strobe"))
    if "-q" not in options:
        wait_until(lambda: "run.strobe" in reader.stderr(), "what it says")
    return reader


def test_not_there_yet(t):
    """It is waited for; a signal ends that."""
    first = waiting(t)
    other = waiting(t)
    other.signal(signal.SIGTERM)
    equal(other.wait(), 0, "exit status of one that is ended")
    quiet = waiting(t, "-q")
    recorder, saved = begin(t)
    for reader in (first, quiet):
        expect(reader.line().startswith("--- "), "no table")
    recorder.signal(signal.SIGINT)
    recorder.wait()
    for reader, said in ((first, "pystrobe: waiting for '%s'\n" % saved),
                         (quiet, ""), (other, first.stderr())):
        equal(reader.wait(), 0, "exit status")
        equal(reader.stderr(), said, "what is said")
    result = t.pystrobe("report", t.path("missing"), status=EXIT_FAILED)
    contains(result.err, "missing")


def test_usage(t):
    for words, said in ((["--watch", "1ms", "x"], "10ms"),
                        (["--watch", "often", "x"], "'often'"),
                        (["--watch", "1s", "-f", "svg", "x"], "-o"),
                        (["--watch", "1s", "-"], "standard input")):
        contains(t.pystrobe("report", *words, status=EXIT_USAGE).err, said)
