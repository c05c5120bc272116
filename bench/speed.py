"""How fast it can go: a stack that stands still, and the bare reads."""
import collections
import re
import subprocess

from bench import machine, run, table, tools
from bench.run import Row
from bench.target import Failed, Target

FIGURES = [
    table.Figure("rate", "samples/s", 0, "more", True),
    table.Figure("lost share", "lost %", 2),
    table.Figure("partial share", "partial %", 2),
    table.Figure("slowdown", "slowdown %", 1, spread=True),
    table.Figure("cpu", "CPU %", 0),
    table.Figure("seconds", "in s", 2),
]
RANGES = (1, 3, 6)
FIRST, OTHER, APART = 4096, 256, 8192  # bytes; each range in pages of its own
BARE_SECONDS = 1.0
RANGE = re.compile(r"iov_base=(0x[0-9a-f]+), iov_len=(\d+)")


def quiet_ranges(address, count):
    """One range of 4 KiB of memory that nobody writes, and some small ones."""
    return ["%d:%d" % (address + at * APART, OTHER if at else FIRST)
            for at in range(count)]


def same_ranges(options, target):
    """What pystrobe reads of this stack when it stands still, each range once:
    strace tells it of a short run."""
    with run.scratch() as folder:
        log = folder + "/calls"
        tools.output_of([
            "strace", "-o", log, "-e", "trace=process_vm_readv",
            options.program, "record", "-p", str(target.pid), "-d", "0.5",
            "-r", "1000", "--nonblocking", "-o", folder + "/x.strobe"])
        calls = []
        for line in machine.read(log).split("\n"):
            ranges = ["%s:%s" % one for one in RANGE.findall(line)]
            if len(set(ranges)) < len(ranges):  # some twice: a whole look
                calls.append(tuple(dict.fromkeys(ranges)))
    if not calls:
        raise Failed("strace saw no read of two copies")
    return list(collections.Counter(calls).most_common(1)[0][0])


def compile_c(options, name, *libraries):
    """Builds bench/NAME.c; its path."""
    path = options.build + "/bench-" + name
    done = subprocess.run(
        ["cc", "-O2", "-std=c11", "-D_GNU_SOURCE", "-iquote",
         tools.ROOT + "/include", "-o", path,
         "%s/bench/%s.c" % (tools.ROOT, name)] + list(libraries),
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode:
        lines = done.stdout.decode("utf-8", "replace").strip().split("\n")
        raise Failed("cannot build %s.c: %s" % (name, ([
            line for line in lines if "error" in line] or lines)[0]))
    return path


def compiled(options, kind):
    try:
        return kind(compile_c(options, kind.source))
    except Failed:
        return kind("")


def rows_at_a_rate(options, python, *kinds):
    """A row for each tool, and one for the wake-ups alone, and for `kinds`."""
    alone = [compiled(options, kind) for kind in (tools.BareTick,) + kinds]
    return [Row(tool, python) for tool in options.tools + alone]


class Bare:
    """Rows of what the kernel gives when nothing but reading is done."""

    def __init__(self, options, target):
        self.target, self.why = target, ""
        self.seconds = min(BARE_SECONDS, options.seconds)
        address = (target.facts["address"] + 4095) & ~4095
        self.ranges = {
            "bare read, %d range%s" % (count, "s" * (count > 1)):
            quiet_ranges(address, count) for count in RANGES}
        self.rates = {}
        try:
            self.program = compile_c(options, "bare")
            self.ranges["bare read, ours"] = same_ranges(options, target)
        except Failed as why:
            self.why = str(why)

    def measure(self):
        for name, ranges in () if self.why else self.ranges.items():
            done = subprocess.run(
                [self.program, str(self.target.pid), str(self.seconds)] +
                ranges, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                preexec_fn=machine.pin_to(machine.PROFILER_CPU))
            if done.returncode:
                self.why = done.stderr.decode().strip()
                return
            calls, took = done.stdout.split()
            self.rates.setdefault(name, []).append(
                {"rate": int(calls) / float(took), "seconds": float(took)})

    def rows(self):
        return [{"tool": name, "peer": False,
                 "status": "failed: " + self.why if self.why else "measured",
                 "rounds": [] if self.why else self.rates[name]}
                for name in self.ranges]


def compare(rows):
    """What part of each bare rate each way of pystrobe reaches."""
    for row in rows:
        mine = table.median(row, "rate")
        if not row["tool"].startswith("pystrobe") or mine is None:
            continue
        parts = []
        for other in rows:
            bare = table.median(other, "rate")
            if other["tool"].startswith("bare") and bare:
                parts.append("%.2f (%s)" % (mine / bare, other["tool"][11:]))
        if parts:
            yield "%s of bare reads: %s" % (row["tool"], ", ".join(parts))


def one_version(options, python, scenario, wanted):
    rows = [Row(tool, python) for tool in options.tools]
    with run.scratch() as folder, Target(python, folder, "steady") as target:
        bare = Bare(options, target)
        ended = run.rounds_of(
            options, rows, target,
            lambda row: run.measure(row.tool, target, folder, tools.FAST,
                                    options.seconds), bare.measure)
        data = [row.data() for row in rows] + bare.rows()
    notes = list(compare(data)) + ended
    return {"scenario": scenario, "python": str(python), "rows": data,
            "what": "30 deep, as fast as it can", "wanted": wanted,
            "figures": [figure.data() for figure in FIGURES], "notes": notes}


def steady(options):
    for minor in options.versions((3, 11), (3, 15)):
        yield lambda python=options.pythons[minor]: one_version(
            options, python, "steady",
            "3 x Austin, 5 x Tachyon, 100 x py-spy; 0.8 of the bare reads")


def steady_heap(options):
    for minor in options.versions((3, 6), (3, 10)):
        yield lambda python=options.pythons[minor]: one_version(
            options, python, "steady-heap", "2 x Austin, 30 x py-spy")
