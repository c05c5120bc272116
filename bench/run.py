"""One run of a profiler beside a target, and rounds of such runs.

Each run stands between two windows in which nothing profiles; the slowdown is
against their mean. Tools take turns, in another order in each round.
"""
import os
import random
import re
import subprocess
import tempfile
import threading
import time

from bench import machine, tools
from bench.target import Failed

WARM = 1.0   # s that a profiler has to begin
AFTER = 0.5  # s that it goes on behind the window
PATIENCE = 90  # s that it may take to write what it saw


def telling(lines):
    """The line of what a program printed that says what went wrong."""
    lines = [line.strip() for line in lines if line.strip()]
    told = [line for line in lines if re.search("rror|ailed|annot", line)]
    return (told or lines[-1:] or ["it said nothing"])[0][:200]


class Options:
    def __init__(self, program, rounds, seconds, pythons, build):
        self.program, self.rounds, self.seconds = program, rounds, seconds
        self.pythons, self.build = pythons, build
        self.tools = tools.all_tools(program, pythons)


class Run:
    """A profiler at work. `view`: None, "wall" or "cpu"."""

    def __init__(self, tool, pid, folder, rate, seconds, threads=False,
                 view=None, weigh=False, binary=False):
        self.tool, self.pid, self.folder = tool, pid, folder
        self.rate, self.threads, self.view = rate, threads, view
        self.weigh, self.binary = weigh, binary
        self.duration = WARM + seconds + AFTER
        self.said, self.lines = "", []
        self.interrupted = self.ended = None
        self.peak = 0  # resident MB, in the window
        for name in ("x.strobe", "x.raw", "x.mojo", "x.tachyon"):
            if os.path.exists(self.path(name)):
                os.unlink(self.path(name))
        self.began = time.monotonic()
        self.process = subprocess.Popen(
            tool.record(self), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            preexec_fn=machine.pin_to(machine.PROFILER_CPU))
        self.listener = threading.Thread(target=self.listen, daemon=True)
        self.listener.start()

    def path(self, name):
        return os.path.join(self.folder, name)

    def listen(self):
        for line in self.process.stdout:
            text = tools.ANSI.sub("", line.decode("utf-8", "replace"))
            self.lines.append((time.monotonic(), text))

    def when(self, text):
        for moment, line in self.lines:
            if text in line:
                return moment
        return None

    def last_words(self):
        return telling(line for _, line in self.lines)

    def alive(self):
        return self.process.poll() is None

    def finish(self, natural=False):
        """Waits for its end, which some must be asked for."""
        limit = self.began + self.duration + (
            3 * self.duration if natural else 0.2)
        try:
            self.process.wait(timeout=max(0.01, limit - time.monotonic()))
        except subprocess.TimeoutExpired:
            if self.tool.stop_signal:
                self.interrupted = time.monotonic()
                self.process.send_signal(self.tool.stop_signal)
        try:
            self.process.wait(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise Failed("did not end within %d s" % PATIENCE)
        finally:
            self.ended = time.monotonic()
        self.listener.join()
        self.process.stdout.close()
        self.said = "".join(line for _, line in self.lines)
        if self.process.returncode not in self.tool.statuses:
            raise Failed(self.last_words())

    def kill(self):
        if self.alive():
            self.process.kill()
        self.process.wait()
        self.listener.join()


def measure(tool, target, folder, rate, seconds, judge=None, natural=False,
            **ways):
    """Figures of one run: a dict. `judge(run, reading)` adds to them; it may
    compare run.boards, of the target when it began and when it ended."""
    target.settle()
    first = target.board.get()
    run = Run(tool, target.pid, folder, rate, seconds, **ways)
    try:
        machine.sleep_until(run.began + WARM)
        figures = in_window(run, target, run.began + WARM + seconds)
        run.finish(natural)
        run.boards = first, target.board.get()
        if not target.running():
            raise Failed("the target ended")
        reading = tool.read(run)
        if reading:
            figures.update(figures_of(reading))
        if reading and judge:
            figures.update(judge(run, reading))
        return figures
    finally:
        run.kill()


def in_window(run, target, end):
    """What can be seen from outside while it is at work."""
    def look():
        return (time.monotonic(), target.board.get(),
                machine.times(run.process.pid), machine.times(target.pid))

    if not run.alive():
        run.finish()
        raise Failed(run.last_words())
    one = look()
    machine.sleep_until(end)
    two = look()
    run.peak = machine.peak_resident(run.process.pid)
    if two[0] > end + AFTER / 2:
        raise Failed("the machine was too busy to end the window in time")
    if not run.alive():
        run.finish()
        raise Failed("it ended early: " + run.last_words())
    part = 100 / (two[0] - one[0])
    return {"rounds": target.rate(one[1], two[1]),
            "cpu": part * (two[2][0] - one[2][0]),
            "waited": part * (two[2][1] - one[2][1]),
            "target waited": part * (two[3][1] - one[3][1])}


def figures_of(reading):
    """What a profiler saw, as numbers."""
    seconds = max(reading.seconds, 1e-9)
    tried = reading.samples + reading.lost
    figures = {
        "seconds": reading.seconds, "samples": reading.samples,
        "lost": reading.lost, "partial": reading.partial,
        "rate": reading.samples / seconds,
        "held": (tried if reading.ticks is None else reading.ticks) / seconds}
    if tried:
        whole = reading.samples - reading.partial
        figures["lost share"] = 100 * reading.lost / tried
        figures["full share"] = 100 * whole / tried
        figures["partial share"] = 100 * reading.partial / tried
    if tried and reading.stops:
        figures["stops"], figures["stopped ms"] = reading.stops
        figures["stopped share"] = 100 * reading.stops[0] / tried
    if tried and reading.taken:
        figures["taken"], figures["taken ms"] = reading.taken
        figures["taken share"] = 100 * reading.taken[0] / tried
    return figures


class Row:
    """A tool in a table: figures of each of its rounds, or why it has none."""

    def __init__(self, tool, python=None):
        self.tool, self.name = tool, tool.name
        self.rounds, self.failures = [], []
        why = tool.absent()
        self.status = "absent: " + why if why else ""
        if not why and python:
            why = tool.cannot(python)
            self.status = "cannot: " + why if why else ""

    def add(self, function):
        """The figures of one more round; None if there are none."""
        if self.status:
            return None
        try:
            self.rounds.append(function())
            return self.rounds[-1]
        except Failed as why:
            self.failures.append(str(why))
            return None

    def data(self):
        status = self.status or "measured"
        if self.failures and not self.rounds:
            status = "failed: " + self.failures[0]
        return {"tool": self.name, "peer": self.tool.peer, "status": status,
                "rounds": self.rounds, "failures": self.failures}


def rounds_of(options, rows, target, once, extra=None):
    """Takes turns; `once(row)` gives the figures of one run, `extra()` is
    called once in each round. Notes on how it went."""
    for number in range(options.rounds):
        turn = list(rows)
        random.Random(number).shuffle(turn)
        if extra:
            extra()
        if not number:
            target.window(WARM)
        before = target.window(options.seconds)
        for row in turn:
            if row.status:
                continue
            figures = row.add(lambda: once(row))
            if not target.running():
                return ["The target ended."]
            after = target.window(options.seconds)
            if figures:
                baseline = (before + after) / 2
                figures["before"], figures["after"] = before, after
                if baseline > 0:
                    figures["slowdown"] = 100 * (
                        1 - figures["rounds"] / baseline)
            before = after
    return target.disturbed()


def turns(options, rows, target, once):
    """The same without windows in between, where slowdown is no figure."""
    for number in range(options.rounds):
        turn = list(rows)
        random.Random(number).shuffle(turn)
        for row in turn:
            row.add(lambda: once(row))
            if not target.running():
                return ["The target ended."]
    return []


def scratch():
    return tempfile.TemporaryDirectory(prefix="pystrobe-bench-")
