"""Targets that pretend to be a Python and serve garbage (tests/lib/pretend.h):
bounded work, counted losses, escaped output in every format, and they are left
as they were."""
import glob
import gzip
import json
import os
import re

from harness import (ROOT, Skip, equal, expect, expect_untouched,
                     need, parse_folded, total, wait_until)

MEGABYTES = 100  # that pystrobe may use
OF_THREADS = 160  # and of ten thousand threads, each with three copies of a page
CPU_SECONDS = 10  # and in how much time it must come to an end
TICK = os.sysconf("SC_CLK_TCK")

# Whether the thread that is whole is seen in each mode, and whether stacks of
# the others are lost (None: that depends on the version).
MODES = {
    "plain": (True, False), "names": (True, False), "values": (True, False),
    "cycle 0": (True, True), "cycle 1": (True, True),
    "cycle 2": (False, True), "cycle 3": (True, False),
    "cycle 4": (True, False), "cycle 5": (True, None), "counts": (True, True),
    "unmapped": (True, True), "gigabyte": (True, True),
    "threads": (True, False), "deep": (True, True),
}
HOSTILE = 21  # functions in the one stack of "names"

# The name of the process itself; a mark that can be looked for.
COMMAND = "evil\n;<b>&\"\x1b[2J\u009b1m]]>\u202e\x7f 7"


def images():
    return sorted(glob.glob(os.path.join(ROOT, "tests", "images", "*.image")))


def kinds(t, mode):
    """Some images, others for each mode; in a long run all."""
    every = images()
    at = 3 * list(MODES).index(mode) if mode in MODES else 0
    return t.rounds([every[(at + i) % len(every)] for i in (0, 7)],
                    quick=[every[at % len(every)]], long=every)


def pretend(t, image, mode):
    minor = os.path.basename(image).split(".")[:2]
    tool = "pretend2" if minor in (["2", "7"], ["3", "6"]) else "pretend"
    built = t.tool(tool)
    if not os.path.exists(built):
        raise Skip("'%s' was not built (make tests)" % built)
    target = t.start([COMMAND, image] + mode.split(), executable=built)
    equal(target.line(), "ready", "%s %s" % (image, mode))
    return target


def used(pid):
    """Megabytes at most, and CPU seconds, of a process by now."""
    try:
        with open("/proc/%d/status" % pid) as f:
            found = re.search(r"VmHWM:\s+(\d+) kB", f.read())
        with open("/proc/%d/stat" % pid) as f:
            times = f.read().rpartition(")")[2].split()[11:13]
    except (FileNotFoundError, ProcessLookupError):
        return 0, 0
    return (int(found.group(1)) / 1024.0 if found else 0,
            sum(map(int, times)) / TICK)


def bounded(t, what, *args):
    """Runs pystrobe to its end, which it comes to with little of anything;
    what it printed, and its errors."""
    run = t.begin(*args)
    most = [0, 0]

    def look():
        for i, value in enumerate(used(run.pid)):
            most[i] = max(most[i], value)
        return not run.running()

    wait_until(look, "the end of %s: %s" % (args[0], what))
    out, err = run.output.rest(), run.stderr()
    equal(run.wait(), 0, "%s: status of %s: %s" % (what, args[0], err[-2000:]))
    limit = OF_THREADS if what.startswith("threads") else MEGABYTES
    expect(t.sanitized or most[0] < limit, "%s: %s takes %.0f MB", what,
           args[0], most[0])
    expect(t.sanitized or most[1] < CPU_SECONDS, "%s: %s takes %.1f s", what,
           args[0], most[1])
    return out, err


UNSAFE = re.compile("[\0-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069"
                    "\u200e\u200f\ud800-\udfff]")


def clean(text, what):
    """Nothing that a terminal, or a reader, takes for more than text."""
    found = UNSAFE.search(text)
    expect(not found, "%s has %r", what, found and text[
        max(0, found.start() - 40):found.end() + 40])


# ---- formats ----

def check_svg(t, what, saved):
    path = t.path("out.svg")
    bounded(t, what, "report", saved, "-i", "-t", "-o", path)
    t.run([need("xmllint"), "--noout", "--nonet", "--huge", path])
    with open(path, encoding="utf-8") as f:
        clean(f.read().replace("\t", " "), what + " as svg")


def check_folded(t, what, saved):
    out, _ = bounded(t, what, "report", saved, "-i", "-t", "-f", "collapsed")
    clean(out, what + " as collapsed")
    for frames, _ in parse_folded(out):
        expect(all(frames), "%s: a frame without name: %r", what, frames)
    return parse_folded(out)


def check_speedscope(t, what, saved):
    out, _ = bounded(t, what, "report", saved, "-i", "-t", "-f", "speedscope")
    found = json.loads(out)
    n = len(found["shared"]["frames"])
    for frame in found["shared"]["frames"]:
        clean(frame["name"] + frame.get("file", ""), what + " as speedscope")
    for profile in found["profiles"]:
        clean(profile["name"], what + " as speedscope")
        expect(all(0 <= i < n for stack in profile["samples"]
                   for i in stack), "%s: no such frame", what)
        equal(len(profile["weights"]), len(profile["samples"]), "weights")


def fields_of(data):
    """(number, value) of each field of a protobuf message."""
    at = 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while at < len(data):
        key = varint()
        expect(key & 7 in (0, 2), "wire type %d", key & 7)
        value = varint()
        if key & 7 == 2:
            value, at = data[at:at + value], at + value
        yield key >> 3, value
    equal(at, len(data), "end of the message")


def check_pprof(t, what, saved):
    path = t.path("out.pprof")
    bounded(t, what, "report", saved, "-i", "-t", "-o", path)
    with gzip.open(path) as f:
        found = list(fields_of(f.read()))
    for number, value in found:
        if number == 6:
            clean(value.decode("utf-8"), what + " as pprof")
    expect([1 for number, _ in found if number == 2], "%s: no samples", what)


def check_table(t, what, saved):
    out, _ = bounded(t, what, "report", saved, "-i", "-t", "--limit", "100")
    clean(out, what + " as table")


# ---- what is looked at ----

def texts_of(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from texts_of(item)
    elif isinstance(value, list):
        for item in value:
            yield from texts_of(item)


def check_dump(t, what, target, mode):
    witness, _ = MODES[mode]
    out, _ = bounded(t, what, "dump", "-ll", str(target.pid))
    clean(out, what + " dumped")
    expect(("    witness (" in out) == witness, "%s: %s", what, out[:500])
    for line in out.split("\n"):
        # A name with a line break in it would begin one.
        expect(re.match(r"$|    |(Process|CPython|Thread) ", line), "%s: %r",
               what, line)
    out, _ = bounded(t, what, "dump", "-l", "--json", str(target.pid))
    for text in texts_of(json.loads(out)):
        clean(text, what + " as json")


def record(t, what, target, saved):
    """What the summary says. A busy machine needs longer for one sample."""
    for duration in ("300ms", "2s", "20s"):
        _, err = bounded(t, what, "record", "-p", str(target.pid), "-d",
                         duration, "-r", "100", "-o", saved)
        if "there was nothing to sample" not in err:
            break
    return err


def check_record(t, what, target, mode):
    witness, lost = MODES[mode]
    saved = t.path("run.strobe")
    err = record(t, what, target, saved)
    clean(err, what + ": what record says")
    told = re.search(r"(\d+) samples in .* (\d+) lost \(", err)
    expect(lost is None or bool(told) == lost, "%s: %s", what, err)
    stacks = check_folded(t, what, saved)
    if told:
        equal(total(stacks), int(told.group(1)) - int(told.group(2)),
              "%s: samples with a stack" % what)
    expect(bool(total(stacks, "witness (pretend.py")) == witness, "%s: %s",
           what, stacks[:5])
    check_svg(t, what, saved)
    check_speedscope(t, what, saved)
    check_pprof(t, what, saved)
    check_table(t, what, saved)
    return stacks


def check(t, mode):
    need("xmllint")
    stacks = {}
    for image in kinds(t, mode):
        what = "%s of %s" % (mode, os.path.basename(image))
        target = pretend(t, image, mode)
        check_dump(t, what, target, mode)
        stacks[what] = check_record(t, what, target, mode)
        expect_untouched(target.pid)
        expect(target.running(), "%s: it has ended", what)
        equal(target.stop(), "", "%s: what it says" % what)
        equal(target.wait(), 0, "%s: its status" % what)
    return stacks


def test_pretend_plain(t):
    """It can pass for a Python: the others fail by what they serve."""
    for what, stacks in check(t, "plain").items():
        expect(total(stacks, "plain (pretend.py"), "%s: %r", what, stacks)


def test_pretend_names(t):
    """No name ends a frame, a line or an element, nor looks like a count."""
    for what, stacks in check(t, "names").items():
        deepest = max((frames for frames, _ in stacks), key=len)
        equal(len(deepest), 1 + HOSTILE, "%s: frames of %r" % (what, deepest))


def test_pretend_values(t):
    check(t, "values")


def test_pretend_cycles(t):
    for number in range(6):
        check(t, "cycle %d" % number)


def test_pretend_counts(t):
    check(t, "counts")


def test_pretend_unmapped(t):
    check(t, "unmapped")


def test_pretend_gigabyte(t):
    check(t, "gigabyte")


def test_pretend_threads(t):
    """Ten thousand, of which every one has its stack."""
    for what, stacks in check(t, "threads").items():
        expect(total(stacks, "three (pretend.py") >= 10000, "%s: %d samples",
               what, total(stacks))


def test_pretend_deep(t):
    check(t, "deep")
