"""Views by what threads were doing: --mode, --state-frames, -g, -i."""
import gzip
import json
import os
import re
import signal
import subprocess
import sys
import time

from harness import (EXIT_USAGE, alone, apart, each_python, equal, expect,
                     mostly, parse_folded, ran_and_waited, state_of, suspend,
                     total, wait_until)

MODES = ("wall", "cpu", "gil", "offcpu", "gc", "exception")
WAITING = ("in_recv", "in_sleep", "in_lock")
COMPUTING = ("burn", "collect", "handle")
MARKER = re.compile(r"\[(GC|idle|runnable|disk|stopped|wait: .+)\]$")


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


class Recording:
    """Some time of waits.py, and reports of it."""

    def __init__(self, t, *more):
        self.t = t
        target = t.ready("waits.py")
        self.facts = target.facts
        self.path = t.path("run.strobe")
        t.pystrobe("record", "-p", str(target.pid), "-d", "1500ms", "-r",
                   "200", "-o", self.path, *more)
        self.all = self.folded("-i")
        self.ticks = total(self.all, "in_sleep (waits.py:")
        expect(self.ticks > 50, "%d ticks", self.ticks)

    def folded(self, *more):
        return self.t.folded("report", self.path, *more)

    def table(self, *more):
        return self.t.pystrobe("report", self.path, "-F", *more).out


def of(stacks, function):
    return total(stacks, function + " (waits.py:")


def count(stacks):
    return sum(n for _, n in stacks)


def leaves(stacks, function):
    """{marker on top of the stacks with this function, or "": samples}."""
    found = {}
    for frames, n in stacks:
        if any(frame.startswith(function + " (waits.py:") for frame in frames):
            leaf = frames[-1] if MARKER.match(frames[-1]) else ""
            found[leaf] = found.get(leaf, 0) + n
    return found


# ---- idle and busy ----

def expect_divided(t):
    run = Recording(t)
    views = {mode: run.folded("--mode", mode) for mode in MODES}
    equal(views["wall"], run.all, "--mode wall and -i")
    busy = dict((tuple(frames), n) for frames, n in run.folded())
    for frames, n in views["cpu"]:
        expect(n <= busy.get(tuple(frames), 0), "on CPU, yet not busy: %r",
               frames)
    equal(views["gil"], run.folded("-g"), "--mode gil and -g")
    equal(views["gil"], run.folded("-g", "-i"), "-g and -g -i")
    equal(count(views["cpu"]) + count(views["offcpu"]), count(run.all),
          "on and off CPU")
    for name in WAITING:
        equal(of(views["offcpu"], name), run.ticks, "off CPU in " + name)
        for mode in ("cpu", "gil", "gc"):
            equal(of(views[mode], name), 0, "%s in %s" % (mode, name))
    for name in COMPUTING:
        expect(of(views["cpu"], name), "%s never computes", name)
    for mode in ("gil", "gc", "exception"):
        expect(count(views[mode]) <= count(run.all), "more than all")


@each_python(quick=False)
def test_modes_divide_the_samples(t):
    """On CPU or off it: each sample is in one of them; the others choose. Of
    2.7, whoever collects garbage leaves the others 2 % of the time: 6 ticks."""
    mostly(expect_divided, t)


def test_totals_are_those_of_the_view(t):
    """The head says how many of how many; self adds up to them."""
    run = Recording(t)
    everything = count(run.all)
    for args, words in ((("-i",), ""), (("--mode", "wall"), ""),
                        (("--mode", "cpu"), " on CPU"),
                        (("--mode", "offcpu"), " off CPU"),
                        (("-g",), " holding the GIL"),
                        (("--mode", "gc", "-i"), " in garbage collection"),
                        (("--mode", "exception"), " handling an exception")):
        for more in ((), ("--state-frames",)):
            shown = count(run.folded(*args + more))
            head = "%d of %d samples%s \u00b7 " % (shown, everything, words)
            if not words:
                equal(shown, everything, "samples in wall time")
                head = "%d samples \u00b7 " % everything
            table = run.table("--limit", "1000", *args + more)
            expect(head in table.replace(",", ""), "no '%s' in %s", head, table)
            rows = re.findall(r"^ *([\d.]+) +([\d.]+) +([\d,]+) +([\d,]+) ",
                              table, re.M)
            equal(sum(int(row[2].replace(",", "")) for row in rows), shown,
                  "the sum of self with %r" % (args,))
            svg = t.path("out.svg")
            said = t.pystrobe("report", run.path, "-o", svg, *args + more).err
            expect(head in read(svg).replace(",", ""), "no '%s' in the graph",
                   head)
            expect(head.replace(" \u00b7 ", "") in said, "%s", said)
    for args, idle in (((), False), (("-i",), True), (("-g",), True),
                       (("--mode", "cpu"), False), (("--mode", "gc"), True),
                       (("--mode", "exception"), True)):
        view = json.loads(t.pystrobe("report", run.path, "--json", *args).out)[
            "view"]
        equal((view["idle"], view["idle_left_out"] > 0),
              (idle, not args), "of the view with %r" % (args,))
    table = run.table()
    busy = count(run.folded())
    expect("%d idle left out" % (everything - busy) in table.replace(",", ""),
           "idle samples are in the totals: %s", table)
    expect("%d of %d samples \u00b7 " % (busy, everything) in
           table.replace(",", ""), "%s", table)


def test_state_frames_are_leaves(t):
    """What waits has one marker on top, whatever shows it; the rest does not
    change."""
    run = Recording(t)
    stacks = run.folded("-i", "--state-frames")
    equal(count(stacks), count(run.all), "samples")
    bare = {}
    for frames, n in stacks:
        for frame in frames[:-1]:
            expect(not MARKER.match(frame), "not a leaf: %r", frames)
        if MARKER.match(frames[-1]):
            frames = frames[:-1]
        key = ";".join(frames)
        bare[key] = bare.get(key, 0) + n
    equal(bare, {";".join(frames): n for frames, n in run.all},
          "stacks without their markers")
    for name in WAITING:
        found = leaves(stacks, name)
        equal(found.get("", 0), 0, "samples of %s without a marker" % name)
        equal(len(found), 1, "kinds of waiting of %s: %r" % (name, found))
    marker = list(leaves(stacks, "in_sleep"))[0]
    expect(marker in run.table("-i", "--state-frames"), "not in the table")
    svg = t.path("out.svg")
    t.pystrobe("report", run.path, "-i", "--state-frames", "-o", svg)
    expect("<title>%s\n" % marker in read(svg), "not in the graph")


def test_record_has_the_same_views(t):
    """record -o renders as report does; a recording has everything."""
    target = t.ready("waits.py")
    for args in (("--mode", "offcpu", "--state-frames"), ("-g",), ()):
        saved, out = t.path("kept.strobe"), t.path("out.folded")
        result = t.pystrobe("record", "-p", str(target.pid), "-d", "300ms",
                            "-o", out, "--save", saved, *args)
        again = t.pystrobe("report", saved, "-f", "collapsed", *args).out
        equal(again, read(out), "report and record with %r" % (args,))
        if "offcpu" in args:
            shown = count(parse_folded(again))
            expect("wrote '%s' of the %d off CPU" % (out, shown) in result.err,
                   "%s", result)
    saved = t.path("all.strobe")
    t.pystrobe("record", "-p", str(target.pid), "-d", "300ms", "-o", saved,
               "--mode", "cpu")
    for name in WAITING + COMPUTING:
        expect(of(t.folded("report", saved, "-i"), name),
               "%s is not in the recording", name)


def test_empty_views_say_why(t):
    """A view that shows nothing is no riddle."""
    sleeper = t.start(t.python.argv(
        "-c", "import time; print('ready', flush=True); time.sleep(1000)"))
    sleeper.line()
    wait_until(lambda: state_of(sleeper.pid) == "S", "sleep")
    saved = t.path("run.strobe")
    t.pystrobe("record", "-p", str(sleeper.pid), "-d", "200ms", "-o", saved)
    result = t.pystrobe("report", saved, "-o", t.path("out.folded"))
    expect(re.search(r"0 of \d+ samples, (\d+) idle left out\n.*all \1 samples "
                     "are idle ones; -i includes them", result.err), "%s",
           result)
    result = t.pystrobe("report", saved, "--mode", "gc")
    expect("no samples to show" in result.out, "%s", result)
    expect("samples is in garbage collection" in result.err, "%s", result)
    result = t.pystrobe("record", "-p", str(sleeper.pid), "-d", "200ms", "-o",
                        t.path("out.svg"))
    expect("which is empty: all" in result.err, "%s", result)


def test_contradictions(t):
    """One sentence each, and status 2, before anything is read."""
    for args, words in ((("-g", "--mode", "cpu"), "--mode cpu"),
                        (("--mode", "offcpu", "-g"), "--mode offcpu"),
                        (("--mode", "cpu", "-i"), "-i asks for idle"),
                        (("--mode", "fast"), "wall, cpu, gil, offcpu, gc, "
                                             "exception")):
        for command in (("report", "none.strobe"),
                        ("record", "-p", "4194304", "-o", "x.svg")):
            result = t.pystrobe(*command + args, status=EXIT_USAGE)
            lines = result.err.rstrip("\n").split("\n")
            expect(len(lines) == 2 and words in lines[0], "%s", result)


def told(text):
    """{"partial": N, "lost": N} as a text says; 0 for what it does not."""
    return {what: sum(int(n.replace(",", "")) for n in re.findall(
        r"([\d,]+) %s \(" % what, text)) for what in ("partial", "lost")}


@alone
@each_python(minimum=(3, 6), quick=False)
def test_losses_are_told(t):
    """By cause, in every report; not a word when there are none."""
    target = t.ready("alternate.py")
    saved, svg = t.path("run.strobe"), t.path("out.svg")
    said = t.pystrobe("record", "-p", str(target.pid), "-d", "1s", "-r", "1k",
                      "-o", saved).err
    wanted = told(said)
    table = t.pystrobe("report", saved, "--limit", "1000")
    equal(told(table.out), wanted, "in the table")
    equal(table.err, "", "what a table leaves to be said")
    equal(told(t.pystrobe("report", saved, "-o", svg).err), wanted, "of an SVG")
    details = re.search(r'"details"><title>(.*?)</title>', read(svg)).group(1)
    equal(told(details), wanted, "in the SVG")
    for name, at in (("x.speedscope.json", "name"), ("x.trace.json", "otherData")):
        t.pystrobe("report", saved, "-o", t.path(name))
        said = json.loads(read(t.path(name)))[at]
        equal(told(said if at == "name" else said["run"]), wanted, name)
    t.pystrobe("report", saved, "-o", t.path("x.pb.gz"))
    with gzip.open(t.path("x.pb.gz")) as f:
        equal(told(f.read().decode(errors="replace")), wanted, "as pprof")
    text = t.pystrobe("report", saved, "-i", "-f", "collapsed")
    equal(told(text.err), wanted, "beside collapsed stacks")
    equal(bool(text.err), any(wanted.values()), "a word")
    equal(total(parse_folded(text.out), "<moving>"), wanted["partial"],
          "stacks that end in <moving>")


# ---- all of the states ----

@alone
@each_python()
def test_state_wait(t):
    """What a thread is blocked on stands on top of its stack."""
    run = Recording(t)
    stacks = run.folded("--mode", "offcpu", "--state-frames")
    for name, wanted in (
            ("in_recv", r"\[wait: socket 127\.0\.0\.1:%d\]$" %
             run.facts["port"]),
            ("in_sleep", r"\[wait: timer\]$"),
            ("in_lock", r"\[wait: lock 0x[0-9a-f]+\]$")):
        found = leaves(stacks, name)
        equal(sum(found.values()), run.ticks, "samples of " + name)
        equal(len(found), 1, "reasons of %s: %r" % (name, found))
        expect(re.match(wanted, list(found)[0]), "%s: %r", name, found)
    expect(any(leaf.startswith("[wait: ") for leaf in leaves(stacks, "main")),
           "standard input: %r", leaves(stacks, "main"))


@alone
@each_python(minimum=(3, 6))
def test_state_gil(t):
    """One thread holds it, those that want it wait for it."""
    run = Recording(t)
    held = run.folded("-g")
    for name in WAITING:
        equal(of(held, name), 0, "samples of %s with the GIL" % name)
    expect(0.7 * run.ticks <= count(held) <= 1.02 * run.ticks,
           "held in %d of %d ticks", count(held), run.ticks)
    wanted = woken = 0
    for name in COMPUTING:
        expect(of(held, name) > 0.05 * run.ticks, "%s has it in %d of %d",
               name, of(held, name), run.ticks)
        found = leaves(run.folded("--mode", "offcpu", "--state-frames"), name)
        wanted += found.get("[wait: GIL]", 0)
        woken += found.get("[runnable]", 0)
    # Of three threads that compute, two wait; on a busy machine one of them is
    # often just woken.
    expect(1.4 * run.ticks <= wanted + woken and wanted <= 2.1 * run.ticks,
           "wanted by %d, woken %d, in %d ticks", wanted, woken, run.ticks)
    for name in WAITING:
        found = leaves(run.folded("-i", "--state-frames"), name)
        equal(found.get("[wait: GIL]", 0), 0, "%s waits for the GIL" % name)


@alone
@each_python(minimum=(3, 6))
def test_state_gil_for_a_moment(t):
    """Who had the GIL for a moment between two samples, and sleeps, sleeps."""
    target, saved = t.ready("beside.py"), t.path("run.strobe")
    with apart(target):
        t.pystrobe("record", "-p", str(target.pid), "-d", "1500ms", "-r", "1k",
                   "-o", saved)
    stacks = t.folded("report", saved, "-i", "--state-frames")
    naps = total(stacks, "nap (beside.py")
    wanted = total([(frames, n) for frames, n in stacks
                    if frames[-1] == "[wait: GIL]"], "nap (beside.py")
    expect(naps > 1000, "only %d samples", naps)
    # Of each 55 ms it is 5, or up to twice as much.
    expect(wanted < 0.2 * naps, "%d of %d want the GIL", wanted, naps)


@alone
@each_python(minimum=(3, 6))
def test_state_gc(t):
    """The collector is seen, in the thread that runs it."""
    run = Recording(t)
    stacks = run.folded("--mode", "gc", "--state-frames")
    equal(of(stacks, "collect"), count(stacks), "samples of collect")
    equal(leaves(stacks, "collect"), {"[GC]": count(stacks)}, "leaves")
    running = of(run.folded("--mode", "cpu"), "collect")
    expect(count(stacks) > 0.6 * running, "%d samples of GC, %d of its thread",
           count(stacks), running)


@alone
@each_python()
def test_state_exception(t):
    """Inside of an except block, and only there, also while it waits."""
    run = Recording(t)
    stacks = run.folded("--mode", "exception")
    equal(of(stacks, "handle"), count(stacks), "samples of handle")
    expect(count(stacks) >= 0.98 * of(run.all, "handle"), "%d of %d",
           count(stacks), of(run.all, "handle"))
    expect(count(stacks) > of(run.folded(), "handle"), "none that waits")
    equal(run.folded("--mode", "exception", "-i"), stacks, "with -i")


def test_state_stopped(t):
    """A program that is stopped is no one that waits: all say so."""
    target = t.ready("waits.py")
    suspend(target.pid)
    try:
        saved = t.path("run.strobe")
        said = t.pystrobe("record", "-p", str(target.pid), "-d", "300ms",
                          "-o", saved).err
    finally:
        os.kill(target.pid, signal.SIGCONT)
    expect(", 100 % stopped; recording in" in said, "%s", said)
    for frames, _ in t.folded("report", saved, "-i", "--state-frames"):
        equal(frames[-1], "[stopped]", "the leaf")
    head = t.pystrobe("report", saved, "--header").out
    expect(re.search(r"^states +all samples: 100 % stopped", head, re.M), "%s",
           head)
    expect(re.search(r"^ +\d+( +0 %){4} +100 % .*MainThread", head, re.M), "%s",
           head)


@alone
def test_state_header(t):
    """The head of a table tells the time by state."""
    run = Recording(t)
    table = run.table()
    found = re.search(r"all samples: (\d+) % on CPU, (?:(?:<1|(\d+)) % runnable, )?"
                      r"(\d+) % waiting \((\d+) % for the GIL\)", table)
    expect(found, "%s", table)
    cpu, runnable, waiting, gil = (int(n or 0) for n in found.groups())
    share = 100.0 * count(run.folded("--mode", "offcpu")) / count(run.all)
    expect(abs(runnable + waiting - share) <= 1 and
           98 <= cpu + runnable + waiting <= 102, "%r, %g off CPU",
           found.groups(), share)
    expect(0 < gil < waiting, "%r", found.groups())
    expect(re.search(r"\d+ % in GC", table), "%s", table)
    expect(re.search(r"\d+ % handling an exception", table), "%s", table)


@alone
@each_python()
def test_state_runnable(t):
    """Two programs on one processor: one waits for it as long as the kernel
    says, which is half of the time if there are no others."""
    target = t.ready("busy.py")
    processor = min(os.sched_getaffinity(0))
    other = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        for task in os.listdir("/proc/%d/task" % target.pid):
            os.sched_setaffinity(int(task), {processor})
        os.sched_setaffinity(other.pid, {processor})
        saved = t.path("run.strobe")
        ran, waited = ran_and_waited(target.pid)
        t.pystrobe("record", "-p", str(target.pid), "-d", "1500ms", "-r",
                   "250", "-o", saved)
        now_ran, now_waited = ran_and_waited(target.pid)
    finally:
        other.kill()
        other.wait()
    stacks = t.folded("report", saved, "--state-frames")
    hot = total(stacks, "hot (busy.py")
    waiting = sum(count for frames, count in stacks
                  if frames[-1] == "[runnable]")
    expect(hot > 60, "only %d samples", hot)
    share = (now_waited - waited) / (now_waited - waited + now_ran - ran)
    expect(share > 0.3, "it had the processor: it waited for %.2f", share)
    expect((share - 0.2) * hot < waiting < (share + 0.2) * hot,
           "%d of %d waited for the processor, %.2f of the time", waiting, hot,
           share)


@alone
@each_python()
def test_state_of_one_that_runs(t):
    """What waits for nobody but pystrobe, for less than a hundredth of the time,
    does not wait."""
    target, saved = t.ready("busy.py"), t.path("run.strobe")
    with apart(target):
        waited = ran_and_waited(target.pid)[1]
        t.pystrobe("record", "-p", str(target.pid), "-d", "2500ms", "-r",
                   "100", "-o", saved)
        waited = (ran_and_waited(target.pid)[1] - waited) / 2.5e9
    stacks = t.folded("report", saved, "--state-frames")
    hot = total(stacks, "hot (busy.py")
    waiting = sum(count for frames, count in stacks
                  if frames[-1] == "[runnable]")
    expect(hot > 200, "only %d samples", hot)
    expect(waiting < (waited + 0.05) * hot,
           "%d of %d waited for the processor, %.3f of the time", waiting, hot,
           waited)


@each_python(minimum=(3, 12))
def test_state_of_another_interpreter(t):
    """A thread that is in a second interpreter waits in the first one."""
    target = t.ready("interpreters.py")
    saved = t.path("run.strobe")
    t.pystrobe("record", "-p", str(target.pid), "-d", "500ms", "-r", "200",
               "-o", saved)
    report = json.loads(t.pystrobe("report", saved, "--json").out)["recording"]
    equal(report["states"]["unknown"], 0, "samples of an unknown state")
    stacks = t.folded("report", saved)
    expect(total(stacks, "inside (") > 20, "%r", stacks)
    equal(total(stacks, "run (interpreters.py:"), 0, "busy where it waits")
    expect(total(t.folded("report", saved, "-i"), "run (interpreters.py:") > 20,
           "it waits there")


def times_on_processors(pid):
    """s that all threads of a process ran."""
    return 1e-9 * sum(ran_and_waited(int(task))[0]
                      for task in os.listdir("/proc/%d/task" % pid))


def expect_time_on_processors(t, target, rate, least):
    """Seen on a processor in as many ticks as the kernel says it was."""
    saved = t.path("run.strobe")
    ran, began = times_on_processors(target.pid), time.monotonic()
    with apart(target):
        t.pystrobe("record", "-p", str(target.pid), "-d", "1500ms", "-r",
                   str(rate), "-o", saved)
    ran = times_on_processors(target.pid) - ran
    share = ran / (time.monotonic() - began)
    report = json.loads(t.pystrobe("report", saved, "--json").out)["recording"]
    ticks, seen = report["ticks"], report["states"]["cpu"]
    expect(ticks > rate // 5, "only %d ticks", ticks)
    expect(share > least, "it ran only for %.4f of the time", share)
    # Four standard deviations of that many ticks, and a tenth.
    bound = 4 * (share * (1 - min(share, 0.9)) / ticks) ** 0.5 + 0.1 * share
    expect(abs(seen / ticks - share) < bound,
           "%d of %d ticks on a processor, where it had one for %.3f", seen,
           ticks, share)


@alone
@each_python()
def test_state_of_short_bursts(t):
    """What runs for a moment only is seen as often as it does."""
    expect_time_on_processors(t, t.ready("bursts.py", 20, 100, 5000), 500, 0.1)


@alone
@each_python()
def test_state_of_short_sleeps(t):
    """To fall asleep and to wake up is CPU time, too, of who does nothing else."""
    expect_time_on_processors(t, t.ready("bursts.py", 1, 0, 1000), 3000, 0.001)


def expect_share(t, function, *target):
    """As much CPU time as its clock says, however it is made to stand."""
    expect_share_with(t, ["--blocking"], target, function)
    for way in ["--no-bpf", "--pause-budget=100"], []:
        mostly(expect_share_with, t, way, target, function)


def expect_share_with(t, way, target, function):
    target, saved = t.ready(*target), t.path("run.strobe")
    with apart(target):
        t.pystrobe("record", "-p", str(target.pid), "-d", "2s", "-r", "1k",
                   *way, "-o", saved)
    share = json.loads(target.stop())["share"]
    report = json.loads(t.pystrobe("report", saved, "--json").out)["recording"]
    seen = total(t.folded("report", saved, "--mode", "cpu"), function + " (")
    # Four standard deviations of that many ticks, and a tenth.
    ticks = report["ticks"]
    bound = 4 * (share / ticks) ** 0.5 + 0.1 * share
    expect(abs(seen / ticks - share) < bound,
           "%d of %d ticks in '%s', which had a processor for %.4f; %s", seen,
           ticks, function, share, " ".join(way))


@alone
@each_python(minimum=(3, 7))
def test_state_beside_stops(t):
    """Who only gets a processor because another thread is stopped has none."""
    expect_share(t, "nap", "turns.py")


@alone
@each_python(minimum=(3, 7))
def test_state_among_stops(t):
    """What is looked at before others are is stopped while it still is so."""
    expect_share(t, "work", "among.py", 40)


@alone
@each_python()
def test_state_of_each_stack(t):
    """An exception is handled in the very stack that was read, however it was."""
    target = t.ready("handles.py")
    for way in "--blocking -r 1k", "--blocking -r 50k", "--nonblocking -r 50k":
        expect_handled_inside(t, target, way.split())


def expect_handled_inside(t, target, way):
    saved = t.path("run.strobe")
    with apart(target):
        t.pystrobe("record", "-p", str(target.pid), "-d", "500ms", *way, "-o",
                   saved)
    stacks = t.folded("report", saved, "--mode", "exception")
    inside = total(t.folded("report", saved), "inside (")
    expect(inside > 100, "only %d samples", inside)
    equal(total(stacks, "plain ("), 0, "where nothing is handled")
    expect(total(stacks, "inside (") >= 0.98 * inside, "%d of %d handle one",
           total(stacks, "inside ("), inside)
