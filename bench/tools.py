"""The profilers: pystrobe in each of its ways, and its peers.

A Tool knows whether it is here (`absent`), whether it can look at an
interpreter (`cannot`), its command line, and how to read what it wrote.
"""
import math
import os
import re
import signal
import subprocess

from bench import machine, mojo, target

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
FAST = 10000000  # Hz: as fast as it can

ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Reading:
    """What a tool says it saw.

    seconds: how long it sampled; samples: stacks that it kept; lost: those
    that it tried and did not keep; partial: kept and marked as not whole;
    ticks: how often it looked, or None; stops: how often it says that it
    stopped the target, and for how many ms; taken: the same of its processor;
    stacks: a function that gives (thread, frames, count), a frame being (name,
    line)."""

    def __init__(self, seconds, samples, lost=0, partial=0, ticks=None,
                 stops=None, taken=None, stacks=None):
        self.seconds, self.samples, self.lost = seconds, samples, lost
        self.partial, self.ticks = partial, ticks
        self.stops, self.taken = stops, taken
        self.stacks = stacks or (lambda: ())


class Tool:
    name = ""
    peer = True
    statuses = (0,)     # of an end that is no failure
    stop_signal = None  # sent when its time is over and it is still busy

    def absent(self):
        """Why it is not here, or None."""
        return None

    def cannot(self, python):
        """Why it cannot look at this interpreter, or None."""
        return None

    def record(self, run):
        """The command: samples run.pid at run.rate for run.duration s."""
        raise NotImplementedError

    def read(self, run):
        raise NotImplementedError

    def dump(self, pid):
        """The command that prints all stacks once, or None."""
        return None


def output_of(argv):
    """What a command prints, or None if it cannot be run."""
    try:
        done = subprocess.run(argv, stdout=subprocess.PIPE, timeout=60,
                              stderr=subprocess.STDOUT,
                              stdin=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return ANSI.sub("", done.stdout.decode("utf-8", "replace"))


def integer(text):
    return int(re.sub(r"[ ,\u202f\u00a0]", "", text))


# ---- nothing ----

class Nothing(Tool):
    """No profiler: what a slowdown looks like when there is none."""
    name = "none (noise)"
    peer = False

    def record(self, run):
        return ["sleep", str(run.duration)]

    def read(self, run):
        return None


class BareProgram(Nothing):
    """A program of ours that does one thing at each tick. `program` is built
    from bench/SOURCE.c; "" if that failed."""
    source = ""

    def __init__(self, program):
        self.program = program

    def absent(self):
        return None if self.program else "cannot build %s.c" % self.source


class BareTick(BareProgram):
    """Sleeps until each tick and does nothing then: what the wake-ups alone
    cost."""
    name, source = "bare tick", "tick"

    def record(self, run):
        return [self.program, str(run.rate), str(run.duration)]


class BareInterrupt(BareProgram):
    """Interrupts the target's processor at each tick, and does nothing then."""
    name, source = "bare interrupt", "interrupt"

    def record(self, run):
        return [self.program, str(machine.TARGET_CPU), str(run.rate),
                str(run.duration)]


# ---- pystrobe ----

class Pystrobe(Tool):
    peer = False

    def __init__(self, program, *flags):
        self.program, self.flags = program, list(flags)
        self.name = " ".join(("pystrobe",) + flags)
        self.helps = {}

    def has(self, option, command="record"):
        if command not in self.helps:
            self.helps[command] = output_of([self.program, command, "-h"])
        return re.search(r"(?<![\w-])%s(?![\w-])" % re.escape(option),
                         self.helps[command] or "")

    def absent(self):
        if not os.access(self.program, os.X_OK):
            return "not built"
        for flag in self.flags:
            if not self.has(flag):
                return "record has no %s yet" % flag
        return None

    def record(self, run):
        return [self.program, "record", "-p", str(run.pid), "-d",
                "%gs" % run.duration, "-r", str(run.rate), "-o",
                run.path("x.strobe")] + self.flags

    def report(self, run, *more):
        done = subprocess.run(
            [self.program, "report", run.path("x.strobe")] + list(more),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if done.returncode:
            raise target.Failed(done.stderr.decode().strip())
        return done.stdout.decode("utf-8", "replace")

    def view(self, run):
        """Options of report for all samples, or for those on a processor."""
        if run.view == "cpu":
            return ["--mode", "cpu"] if self.has("--mode", "report") else []
        return ["-i"]

    def read(self, run):
        head = self.report(run, "-f", "table", "-i", "--limit", "1")
        said = run.said + head
        folded = self.report(run, "-f", "collapsed",
                             *self.view(run) + ["-t"] * run.threads)
        stacks = [(frames[0] if run.threads else "",
                   [self.frame(cell) for cell in frames], count)
                  for frames, count in folded_lines(folded)]
        lost = re.search(r"(\d[\d,]*) lost", head)
        held = re.search(r"([\d.]+) % of", head)
        share = float(held.group(1)) / 100 if held else math.nan
        return Reading(
            run.duration, sum(count for _, _, count in stacks),
            integer(lost.group(1)) if lost else 0,
            sum(count for _, frames, count in stacks
                if frames[-1][0] == "<moving>"),
            run.rate * run.duration * share,
            pauses_of("stopped a thread", said),
            pauses_of("took the processor of a thread", said),
            lambda: stacks)

    @staticmethod
    def frame(cell):
        match = re.match(r"(.*) \((.*?)(?::(\d+))?\)$", cell)
        if not match:
            return cell, 0
        return match.group(1), int(match.group(3) or 0)

    def dump(self, pid):
        if not re.search(r"Usage: pystrobe dump", self.helps.setdefault(
                "dump", output_of([self.program, "dump", "-h"])) or ""):
            return None
        return [self.program, "dump", str(pid)]


def pauses_of(what, text):
    """(times, ms) of "stopped a thread 12 times for 3.4 ms in all", or None."""
    match = re.search(what + r" (\d[\d,]*) times?(?:[^\n;]*?([\d.,]+) "
                      "(ns|us|\u00b5s|ms|s)\\b)?", text)
    if not match:
        return None
    unit = {"ns": 1e-6, "us": 1e-3, "\u00b5s": 1e-3, "ms": 1, "s": 1000}
    return (integer(match.group(1)), float(match.group(2).replace(",", "")) *
            unit[match.group(3)] if match.group(2) else math.nan)


def folded_lines(text):
    for line in text.split("\n"):
        stack, _, count = line.rpartition(" ")
        if stack and count.isdigit():
            yield stack.split(";"), int(count)


def most_seen(stacks):
    """Samples of the thread that has most."""
    seen = {}
    for thread, _, count in stacks:
        seen[thread] = seen.get(thread, 0) + count
    return max(seen.values(), default=0)


# ---- py-spy ----

class PySpy(Tool):
    stop_signal = signal.SIGINT  # it counts periods, not seconds
    statuses = (0, -signal.SIGINT)

    def __init__(self, folder, *flags):
        self.program = os.path.join(folder or "", "bin", "py-spy")
        self.flags = list(flags)
        self.name = " ".join(("py-spy",) + flags)

    def absent(self):
        return None if os.access(self.program, os.X_OK) else \
            "scripts/peers installs it"

    def record(self, run):
        return [self.program, "record", "-p", str(run.pid), "-r",
                str(min(run.rate, 10000)), "-d",
                str(math.ceil(run.duration)), "-f", "raw", "-o",
                run.path("x.raw")] + self.flags + \
            ["-t"] * run.threads + ["-i"] * (run.view == "wall")

    def read(self, run):
        match = re.search(r"Samples: (\d+) Errors: (\d+)", run.said)
        if not match:
            raise target.Failed(run.last_words())
        samples, errors = int(match.group(1)), int(match.group(2))
        begun = run.when("Sampling process")
        ended = run.interrupted or run.when("Wrote") or run.ended
        with open(run.path("x.raw"), encoding="utf-8",
                  errors="replace") as f:
            stacks = [(frames[0] if run.threads else "",
                       [Pystrobe.frame(cell) for cell in frames], count)
                      for frames, count in folded_lines(f.read())]
        if not run.interrupted:
            ticks = min(run.rate, 10000) * math.ceil(run.duration)
        elif run.threads:  # it looked at least as often as at any of them
            ticks = most_seen(stacks)
        else:
            ticks = samples + errors
        return Reading(ended - (begun or run.began), samples, errors,
                       ticks=ticks, stacks=lambda: stacks)

    def dump(self, pid):
        return None if self.flags else [self.program, "dump", "-p", str(pid)]


# ---- Austin ----

class Austin(Tool):
    name = "Austin"
    statuses = (0, 254)  # 254: its time of sampling was over

    def __init__(self, folder, root):
        self.program = os.path.join(folder or "", "bin", "austin")
        self.command = None
        if not os.access(self.program, os.X_OK):
            self.why = "scripts/peers installs it"
            return
        # Its program may want a newer C library than this system's.
        ways = [[self.program]]
        if root:
            ways.append([
                root + "/lib64/ld-linux-x86-64.so.2", "--library-path",
                root + "/usr/lib/x86_64-linux-gnu", self.program])
        for way in ways:
            said = output_of(way + ["-V"]) or ""
            match = re.search(r"austin (\d[\d.]*)", said)
            if match:
                self.command, self.why = way, None
                self.name = "Austin " + match.group(1)
                return
        self.why = "it wants a newer C library: make check SID=1 brings one"

    def absent(self):
        return self.why

    def record(self, run):
        period = max(1, round(1e6 / run.rate))
        return self.command + [
            "-i", "%dus" % period, "-x", str(math.ceil(run.duration)), "-o",
            run.path("x.mojo"), "-p", str(run.pid)] + \
            ["-c"] * (run.view == "cpu")

    def read(self, run):
        tried = re.search(r"Error rate[ .]*([\d,]+)/([\d,]+)", run.said)
        took = re.search(r"Total duration[ .]*([\d.]+)\s*(ms|s)\b", run.said)
        if not tried or not took:
            raise target.Failed(run.last_words())
        errors, samples = map(integer, tried.groups())
        seconds = float(took.group(1)) / (1000 if took.group(2) == "ms" else 1)
        return Reading(seconds, samples - errors, errors,
                       stacks=lambda: self.stacks(run))

    def stacks(self, run):
        with open(run.path("x.mojo"), "rb") as f:
            data = f.read()
        try:
            for who, frames, time, whole in mojo.Reader(data).samples():
                names = [frame[:2] for frame in frames]
                if not whole:
                    names.append(("<invalid>", 0))
                # Shares of time are by its own weights; else count samples.
                yield who, names, time if run.weigh else 1
        except mojo.Damaged as error:
            raise target.Failed("its file cannot be read: %s" % error)

    def dump(self, pid):
        return self.command + ["-w", str(pid)]


# ---- Tachyon: profiling.sampling of CPython 3.15 ----

class Tachyon(Tool):
    """`python` is the 3.15 that has it, and the only one that it looks at."""

    FASTEST = 1000000  # Hz that it takes

    def __init__(self, python, *flags):
        self.python, self.flags = python, list(flags)
        self.name = " ".join(("Tachyon",) + flags)

    def absent(self):
        return None if self.python else \
            "there is no Python 3.15 (make check SID=1, as root, brings one)"

    def cannot(self, python):
        return None if python is self.python else \
            "attaches to its own version, 3.15, only"

    def command(self, pid, *args):
        argv = [self.python.path, "-m", "profiling.sampling"] + list(args)
        return target.beside(pid, argv) if self.python.root else argv

    def record(self, run):
        seen = "/mnt" if self.python.root else run.folder
        return self.command(
            run.pid, "attach", "-r", str(min(run.rate, self.FASTEST)),
            "-d", str(math.ceil(run.duration)),
            "--binary" if run.binary else "--collapsed", "-o",
            seen + "/x.tachyon", *self.flags + ["-a"] * run.threads +
            ["--mode", run.view or "wall", str(run.pid)])

    def read(self, run):
        took = re.search(r"Captured ([\d,.]+) samples? in ([\d,.]+) seconds",
                         run.said)
        errors = re.search(r"Error rate: ([\d.,]+)", run.said)
        if not took or not errors:
            raise target.Failed(run.last_words())
        ticks = int(re.sub(r"\D", "", took.group(1)))
        lost = round(ticks * float(errors.group(1).replace(",", "")) / 100)
        return Reading(float(took.group(2).replace(",", "")), ticks - lost,
                       lost, ticks=ticks, stacks=lambda: self.stacks(run))

    @staticmethod
    def stacks(run):
        with open(run.path("x.tachyon"), encoding="utf-8",
                  errors="replace") as f:
            for cells, count in folded_lines(f.read()):
                thread = cells.pop(0)
                frames = []
                for cell in cells:
                    parts = cell.rsplit(":", 2)
                    frames.append((parts[-2] if len(parts) > 2 else cell,
                                   int(parts[-1]) if parts[-1].isdigit()
                                   else 0))
                yield thread, frames, count

    def dump(self, pid):
        return self.command(pid, "dump", "-a", str(pid))


def all_tools(program, pythons):
    """Every profiler, here or not: pystrobe's ways first."""
    newest = pythons.get((3, 15))
    peers = subprocess.run(
        [os.path.join(ROOT, "scripts", "peers"), "--find"],
        stdout=subprocess.PIPE, universal_newlines=True).stdout.strip()
    root = target.harness.sid_root()[0]
    return [
        Nothing(), Pystrobe(program), Pystrobe(program, "--nonblocking"),
        Pystrobe(program, "--blocking"), PySpy(peers),
        PySpy(peers, "--nonblocking"), Austin(peers, root),
        Tachyon(newest), Tachyon(newest, "--blocking")]
