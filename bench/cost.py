"""What it costs: many idle threads, attaching, dumping, bytes, memory of long
runs, building."""
import os
import shutil
import statistics
import subprocess
import tempfile
import time

from bench import machine, run, speed, table, tools
from bench.run import Row
from bench.target import Failed, Target

# ---- many threads that wait ----

THREADS = 160
IDLE = [
    table.Figure("held", "held Hz", 0, "more"),
    table.Figure("threads", "threads a tick", 1),
    table.Figure("least share", "least seen thread %", 1),
    table.Figure("lost share", "lost %", 2),
    table.Figure("slowdown", "slowdown %", 1, spread=True),
    table.Figure("cpu", "CPU %", 2, "less", True),
]


def judge_threads(_, reading):
    """How many threads each look saw. A look is what the most often seen
    thread has; a lost sample is accounted for, too."""
    seen = {}
    for thread, _, count in reading.stacks():
        seen[thread] = seen.get(thread, 0) + count
    looks = most = max(seen.values(), default=0)
    # What a tool says of its ticks is rounded, or all that there is.
    if reading.ticks and abs(most - reading.ticks) > 0.02 * reading.ticks:
        looks = reading.ticks
    if not looks:
        return {}
    return {"held": looks / reading.seconds, "threads seen": len(seen),
            "threads": (sum(seen.values()) + reading.lost) / looks,
            "least share": 100 * min(seen.values(), default=0) / looks
            if len(seen) >= THREADS else 0.0}


def many_threads(options, python):
    rows = speed.rows_at_a_rate(options, python)
    with run.scratch() as folder, Target(python, folder, "idle",
                                         THREADS) as target:
        ended = run.rounds_of(
            options, rows, target,
            lambda row: run.measure(row.tool, target, folder, 100,
                                    options.seconds, judge_threads,
                                    natural=True, threads=True))
    return {"scenario": "idle", "variant": "100 Hz", "python": str(python),
            "what": "160 threads, 158 idle",
            "wanted": "at most 2 %% of a core; 10 x less than py-spy; all %d "
                      "at each tick" % THREADS,
            "rows": [row.data() for row in rows],
            "figures": [figure.data() for figure in IDLE],
            "notes": ["Least seen thread: how many ticks have the thread that "
                      "has the fewest; 0 when not all of them were seen."] +
            ended}


def idle(options):
    for minor in options.versions((3, 13), (3, 13), (3, 15), (3, 15)):
        yield lambda python=options.pythons[minor]: many_threads(
            options, python)


# ---- attaching and dumping ----

ATTACH = [
    table.Figure("ms", "ms", 1, "less", True),
    table.Figure("least", "least ms", 1),
    table.Figure("mb", "resident MB", 1, "less"),
]
REPEATS = 9


def timed(argv):
    """Its wall time in ms. Started as directly as can be: by posix_spawn, on
    our own processor; a copy of ourselves first would cost more than it."""
    with tempfile.TemporaryFile() as said:
        files = [(os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                 (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
                 (os.POSIX_SPAWN_DUP2, said.fileno(), 2)]
        began = time.monotonic()
        pid = os.posix_spawnp(argv[0], argv, os.environ, file_actions=files)
        status = os.waitpid(pid, 0)[1]
        took = 1000 * (time.monotonic() - began)
        if status:
            said.seek(0)
            raise Failed(run.telling(tools.ANSI.sub(
                "", said.read().decode("utf-8", "replace")).split("\n")))
    return took


def resident_of(argv):
    """Its peak resident MB, watched from outside."""
    process = subprocess.Popen(argv, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL,
                               stdin=subprocess.DEVNULL)
    peak = 0
    while process.poll() is None:
        peak = max(peak, machine.peak_resident(process.pid))
        time.sleep(0.0005)
    return peak


def figures_of(walls, argv, slow=False):
    peak = max(resident_of(argv) for _ in range(1 if slow else 3))
    return {"ms": statistics.median(walls), "least": min(walls), "mb": peak,
            "all": walls}


def repeated(argv, slow=False):
    """Figures of a command that is run several times."""
    return figures_of([timed(argv) for _ in range(REPEATS)], argv, slow)


def taking_turns(rows, command):
    """The same for each row, one run of each after the other."""
    walls = {row: [] for row in rows if not row.status}
    for _ in range(REPEATS):
        for row in list(walls):
            try:
                walls[row].append(timed(command(row)))
            except Failed as why:
                row.failures.append(str(why))
                del walls[row]
    for row in walls:
        row.add(lambda: figures_of(walls[row], command(row), True))


class Named:
    """A row that is no tool's."""

    def __init__(self, name, why=""):
        self.name, self.status, self.rounds = name, why, []

    def add(self, options, function):
        """All rounds, up to one that fails."""
        try:
            while not self.status and len(self.rounds) < options.rounds:
                self.rounds.append(function())
        except Failed as why:
            self.status = "failed: %s" % why

    def data(self):
        return {"tool": self.name, "peer": False, "rounds": self.rounds,
                "status": self.status or "measured"}


def attaching(options, python):
    with run.scratch() as folder, Target(python, folder, "libraries",
                                         200) as target:
        common = [options.program, "record", "-q", "-p", str(target.pid),
                  "-f", "collapsed", "-o", "/dev/null"]
        one = Named("pystrobe: start to end, one tick")
        one.add(options, lambda: repeated(common + ["-d", "1ms", "-r", "1k"]))
        long = Named("pystrobe: 300 ms, rendered")
        long.add(options, lambda: repeated(common + ["-d", "300ms"], True))
        count = target.facts["libraries"]
    return {"scenario": "attach", "variant": "%d libraries" % count,
            "python": str(python), "what": "to the first sample",
            "wanted": "10 ms; 10 MB", "rows": [one.data(), long.data()],
            "figures": [figure.data() for figure in ATTACH], "notes": []}


def dumping(options, python):
    rows = [Row(tool, python) for tool in options.tools
            if tool.name != "none (noise)" and not getattr(
                tool, "flags", None)]
    with run.scratch() as folder, Target(python, folder, "dozen") as target:
        for row in rows:
            argv = None if row.status else row.tool.dump(target.pid)
            if not row.status and not argv:
                row.status = "absent: it has no dump yet"
        for _ in range(options.rounds):
            taking_turns(rows, lambda row: row.tool.dump(target.pid))
    return {"scenario": "attach", "variant": "dump", "python": str(python),
            "what": "dump of 12 threads",
            "wanted": "below austin -w; a third of py-spy dump; 10 MB",
            "rows": [row.data() for row in rows],
            "figures": [figure.data() for figure in ATTACH], "notes": []}


def attach(options):
    for minor in options.versions((3, 11), (3, 11)):
        yield lambda python=options.pythons[minor]: attaching(options, python)
    for minor in options.versions((3, 13), (3, 13), (3, 15), (3, 15)):
        yield lambda python=options.pythons[minor]: dumping(options, python)


# ---- bytes of a recording ----

SIZE = [
    table.Figure("bytes", "bytes a sample", 2, "less", True),
    table.Figure("file", "bytes", 0),
    table.Figure("samples", "samples", 0),
    table.Figure("held", "held Hz", 0),
    table.Figure("mb", "resident MB", 1, "less"),
]
FILES = {"py": "x.raw", "Au": "x.mojo", "Ta": "x.tachyon"}


def sizes(options, python, name, rate):
    rows = [Row(tool, python) for tool in options.tools
            if tool.name == "pystrobe" or tool.name.startswith("Austin") or
            tool.name == "Tachyon"]

    def once(row):
        def judge(job, reading):
            path = job.path("x.strobe" if row.name.startswith("pystrobe")
                            else FILES[row.name[:2]])
            size = os.path.getsize(path)
            return {"file": size, "mb": job.peak,
                    "bytes": size / max(1, reading.samples)}
        return run.measure(row.tool, target, folder, rate, options.seconds,
                           judge, binary=True)

    with run.scratch() as folder, Target(python, folder, name) as target:
        ended = run.turns(options, rows, target, once)
    return {"scenario": "size", "variant": "%s, %d Hz" % (name, rate),
            "python": str(python), "what": "the recording",
            "wanted": "1.5 bytes a sample; smaller than MOJO and Tachyon's "
                      "binary", "rows": [row.data() for row in rows],
            "figures": [figure.data() for figure in SIZE],
            "notes": ended}


def size(options):
    for minor in options.versions((3, 13), (3, 13), (3, 15), (3, 15)):
        for name in ("steady", "load"):
            for rate in (1000, 10000):
                yield lambda a=(options.pythons[minor], name, rate): sizes(
                    options, *a)


# ---- hours ----

HOURS = 8
HOURS_FIGURES = [
    table.Figure("samples", "samples", 0),
    table.Figure("mb", "peak resident MB", 1),
    table.Figure("file", "bytes of the file", 0),
    table.Figure("bytes", "bytes a sample", 2),
    table.Figure("rate", "samples/s", 0),
]


def replay(options):
    program = speed.compile_c(options, "hours",
                              options.build + "/libpystrobe.a", "-lelf", "-lz")
    with run.scratch() as folder:
        done = subprocess.run(
            [program, os.path.join(folder, "x.strobe"), str(HOURS)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            preexec_fn=machine.pin_to(machine.PROFILER_CPU))
    if done.returncode:
        raise Failed(done.stderr.decode().strip() or "hours ended early")
    for line in done.stdout.decode().splitlines():
        hour, samples, kib, file, took = line.split()
        yield int(hour), {
            "samples": int(samples), "mb": int(kib) / 1024,
            "file": int(file), "bytes": int(file) / int(samples),
            "rate": int(samples) / float(took)}


def through_writer(options):
    rows, why = [], ""
    try:
        rows = [{"tool": "after %d h" % hour, "peer": False,
                 "status": "measured", "rounds": [figures]}
                for hour, figures in replay(options)]
    except Failed as reason:
        why = "failed: %s" % reason
    if not rows:
        rows = [{"tool": "hours", "peer": False, "rounds": [],
                 "status": why or "failed: it said nothing"}]
    return {"scenario": "hours", "variant": "8 threads, 100 Hz",
            "what": "through the writer",
            "wanted": "flat, below 32 MB", "rows": rows,
            "figures": [figure.data() for figure in HOURS_FIGURES],
            "notes": []}


def hours(options):
    yield lambda: through_writer(options)


# ---- many stacks ----

STACKS = 1000000
STACKS_FIGURES = [
    table.Figure("s", "s", 2, spread=True),
    table.Figure("cpu", "CPU s", 2, spread=True),
    table.Figure("mb", "peak resident MB", 0),
]


def rendered(options, recording, *args):
    """One rendering of it; what it took."""
    began = time.monotonic()
    process = subprocess.Popen(
        [options.program, "report", "-q", recording] + list(args),
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        preexec_fn=machine.pin_to(machine.PROFILER_CPU))
    _, status, usage = os.wait4(process.pid, 0)
    took = time.monotonic() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise Failed("report ended with status %d" % process.returncode)
    return {"s": took, "cpu": usage.ru_utime + usage.ru_stime,
            "mb": usage.ru_maxrss / 1024}


def many_stacks(options):
    program = options.build + "/tests/many_stacks"
    absent = "" if os.access(program, os.X_OK) else \
        "absent: 'make tests' builds many_stacks"
    with run.scratch() as folder:
        recording = os.path.join(folder, "x.strobe")
        if not absent:
            subprocess.run([program, recording, str(STACKS)], check=True,
                           stdout=subprocess.DEVNULL)
        rows = []
        for name, args in (("flame graph", ["-f", "svg"]),
                           ("--reverse", ["-f", "svg", "--reverse"]),
                           ("--threads", ["-f", "svg", "--threads"]),
                           ("table", ["-f", "table"])):
            row = Named(name, absent)
            row.add(options, lambda: rendered(options, recording, *args))
            rows.append(row.data())
    return {"scenario": "stacks", "variant": "a million", "what": "report",
            "wanted": "2 s, 500 MB", "rows": rows,
            "figures": [figure.data() for figure in STACKS_FIGURES],
            "notes": []}


def stacks(options):
    yield lambda: many_stacks(options)


# ---- building ----

def from_nothing(options):
    def once():
        with run.scratch() as folder:
            began = time.monotonic()
            done = subprocess.run(
                ["make", "-s", "-j%d" % (os.cpu_count() or 1),
                 "BUILD=" + folder], cwd=tools.ROOT,
                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                env=dict(os.environ, MAKEFLAGS="", MFLAGS=""))
            took = time.monotonic() - began
        if done.returncode:
            raise Failed(done.stderr.decode().strip().split("\n")[-1])
        return {"s": took}
    row = Named("make, from nothing",
                "" if shutil.which("make") else "absent: there is no make")
    row.add(options, once)
    return {"scenario": "build", "what": "build", "wanted": "30 s",
            "rows": [row.data()],
            "figures": [table.Figure("s", "s", 1, spread=True).data()],
            "notes": []}


def build(options):
    yield lambda: from_nothing(options)
