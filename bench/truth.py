"""Whether what is seen is true and whole: two chains that alternate, ordinary
work, and functions whose shares are known."""
import math
import re

from bench import run, table, tools
from bench.run import Row
from bench.speed import rows_at_a_rate
from bench.target import Failed, Target

DEPTH = 20  # of each chain of targets/alternate.py
CELL = re.compile(r"(left|right)_(\d+)$")


# ---- two chains ----

def judge_stack(frames, lines):
    """"mixed", "order", "line" or "": what shows that a stack of the target
    was put together from several instants."""
    chain = [(at, CELL.match(name)) for at, (name, _) in enumerate(frames)
             if CELL.match(name)]
    if not chain:
        return ""
    if len({match.group(1) for _, match in chain}) > 1:
        return "mixed"
    first = chain[0][0]
    if first == 0 or frames[first - 1][0] != "main":
        return "order"
    for step, (at, match) in enumerate(chain):
        if int(match.group(2)) != DEPTH - step or at != first + step:
            return "order"
    line, side = frames[first - 1][1], chain[0][1].group(1)
    other = "left" if side == "right" else "right"
    return "line" if line == lines[other] else ""


def judge_alternate(target):
    lines = {side: target.facts[side + "_line"] for side in ("left", "right")}

    def judge(_, reading):
        counts = {"mixed": 0, "order": 0, "line": 0, "": 0}
        for _, frames, count in reading.stacks():
            counts[judge_stack(frames, lines)] += count
        total = sum(counts.values()) or 1
        return {"mixed": counts["mixed"], "order": counts["order"],
                "line": counts["line"],
                "mixed share": 100 * (counts["mixed"] + counts["order"]) /
                total, "line share": 100 * counts["line"] / total}
    return judge


CHAINS = [
    table.Figure("held", "held Hz", 0, "more"),
    table.Figure("mixed share", "mixed %", 3, spread=True),
    table.Figure("line share", "wrong line %", 2),
    table.Figure("lost share", "lost %", 2),
    table.Figure("partial share", "partial %", 2),
    table.Figure("taken share", "taken %", 2),
    table.Figure("stopped share", "stopped %", 2),
    table.Figure("slowdown", "slowdown %", 1, spread=True),
    table.Figure("cpu", "CPU %", 1, "less"),
]
CHAINS_WANTED = {
    1000: "0 mixed of 1 000 000; 0 lost; at most 3 % slower; less CPU than "
          "Tachyon; --nonblocking: 0 mixed, no slowdown",
    10000: "0 mixed; 0 lost; within the pause budget; 10 kHz held"}


def total_of(rows):
    """How many stacks each tool had judged, since 0 of few says little."""
    for row in rows:
        count = sum(one.get("samples", 0) for one in row["rounds"])
        if count and row["tool"].startswith("pystrobe"):
            yield "%s: %s of %s stacks mixed or out of order" % (
                row["tool"], table.number(sum(
                    one["mixed"] + one["order"] for one in row["rounds"]), 0),
                table.number(count, 0))


def chains(options, python, kind, rate):
    rows = rows_at_a_rate(options, python)
    with run.scratch() as folder, Target(python, folder, "alternate",
                                         kind) as target:
        judge = judge_alternate(target)
        ended = run.rounds_of(
            options, rows, target,
            lambda row: run.measure(row.tool, target, folder, rate,
                                    options.seconds, judge))
    data = [row.data() for row in rows]
    return {"scenario": "alternate-" + kind, "variant": "%d Hz" % rate,
            "python": str(python), "what": "two chains, 20 deep",
            "wanted": CHAINS_WANTED[rate], "rows": data,
            "figures": [figure.data() for figure in CHAINS],
            "notes": list(total_of(data)) + ended}


def alternate(options, kind):
    for minor in options.versions((3, 13), (3, 13), (3, 15), (3, 15)):
        for rate in (1000, 10000):
            yield lambda python=options.pythons[minor], rate=rate: chains(
                options, python, kind, rate)


def alternate_equal(options):
    return alternate(options, "equal")


def alternate_unequal(options):
    return alternate(options, "unequal")


# ---- ordinary work ----

LOAD = [
    table.Figure("held", "held Hz", 0, "more"),
    table.Figure("full share", "full %", 3),
    table.Figure("lost share", "lost %", 3),
    table.Figure("partial share", "partial %", 3),
    table.Figure("taken share", "taken %", 2),
    table.Figure("taken ms", "taken ms", 1),
    table.Figure("stopped share", "stopped %", 2),
    table.Figure("stopped ms", "stopped ms", 1),
    table.Figure("slowdown", "slowdown %", 2, spread=True),
    table.Figure("cpu", "CPU %", 2, "less"),
]
LOAD_WANTED = {
    100: "at most 0.3 % of a core; less slowdown than every peer",
    1000: "99.9 % full; at most 1 % stopped; slowdown below 0.5 %",
    10000: "less CPU and less slowdown than every peer"}


def working(options, python, rate, name, *args):
    """What it costs a target to be looked at, and what comes of it."""
    rows = rows_at_a_rate(options, python, tools.BareInterrupt)
    with run.scratch() as folder, Target(python, folder, name,
                                         *args) as target:
        ended = run.rounds_of(
            options, rows, target,
            lambda row: run.measure(row.tool, target, folder, rate,
                                    options.seconds))
    return {"scenario": name, "python": str(python),
            "rows": [row.data() for row in rows],
            "figures": [figure.data() for figure in LOAD], "notes": ended}


def ordinary(options, python, rate):
    return dict(working(options, python, rate, "load"),
                variant="%d Hz" % rate, what="tokenize, ast, json, difflib",
                wanted=LOAD_WANTED[rate])


def load(options):
    for minor in options.versions((3, 13), (3, 13), (3, 15), (3, 15)):
        for rate in (100, 1000, 10000):
            yield lambda python=options.pythons[minor], rate=rate: ordinary(
                options, python, rate)


# ---- how long it stands ----

def standing(options, python, rate):
    return dict(working(options, python, rate, "stands"),
                variant="%d Hz" % rate,
                what="looks at the clock: gaps above 5 us",
                wanted="below 0.5 %")


def stands(options):
    for minor in options.versions((3, 13), (3, 13)):
        for rate in (100, 1000):
            yield lambda python=options.pythons[minor], rate=rate: standing(
                options, python, rate)


# ---- switches ----

SWITCHES = {"1 ms": 25000, "0.1 ms": 2500}  # turns of the loop


def handing_over(options, python, turn):
    return dict(working(options, python, 100, "switches", SWITCHES[turn]),
                variant="%s, 100 Hz" % turn,
                what="two threads in turn, some %s each" % turn,
                wanted="less slowdown than every peer")


def switches(options):
    for minor in options.versions((3, 13), (3, 13)):
        for turn in SWITCHES:
            yield lambda python=options.pythons[minor], turn=turn: \
                handing_over(options, python, turn)


# ---- known shares ----

SAMPLES = 10000
Z99 = 2.576
LEAST = 0.002  # shares nearer to 0 or 1 have the interval of this one

SPLIT = [
    table.Figure("worst wall", "wall: worst/interval", 2, "less", True),
    table.Figure("error wall", "points", 2),
    table.Figure("worst cpu", "CPU: worst/interval", 2, "less", True),
    table.Figure("error cpu", "points", 2),
    table.Figure("count wall", "samples, wall", 0),
    table.Figure("count cpu", "samples, CPU", 0),
    table.Figure("target waited", "target waited %", 1),
]


def half_width(share, count):
    share = min(max(share, LEAST), 1 - LEAST)
    return Z99 * math.sqrt(share * (1 - share) / count)


def shares_of(weights, names):
    total = sum(weights.get(name, 0) for name in names)
    return {name: weights.get(name, 0) / total for name in names} \
        if total else {}


class Split:
    """Compares shares of functions with what the target itself measured."""

    def __init__(self, target):
        self.target = target
        self.groups = [group for group in (
            target.facts["names"], target.facts["other"]) if group]
        self.names = [name for group in self.groups for name in group]

    def truth(self, before, after, view):
        offset = 1 if view == "wall" else 2
        return {name: after[offset + 2 * at] - before[offset + 2 * at]
                for at, name in enumerate(self.names)}

    def seen(self, reading):
        weights = {}
        for _, frames, count in reading.stacks():
            for name, _ in reversed(frames):
                if name in self.names:
                    weights[name] = weights.get(name, 0) + count
                    break
        return weights

    def compare(self, truth, reading, view):
        seen = self.seen(reading)
        weight = sum(seen.values())
        kept = reading.samples
        out = {"worst " + view: 0.0, "error " + view: 0.0}
        count = 0
        for names in self.groups:
            true, found = shares_of(truth, names), shares_of(seen, names)
            part = sum(seen.get(name, 0) for name in names) / max(weight, 1)
            n = min(SAMPLES, max(1, round(part * kept)))
            count += n
            for name in names:
                off = found.get(name, 0.0) - true.get(name, 0.0)
                ratio = abs(off) / half_width(true.get(name, 0.0), n)
                out["%s %s" % (view, name)] = [true.get(name), found.get(name)]
                if ratio >= out["worst " + view]:
                    out["worst " + view] = ratio
                    out["error " + view] = 100 * off
                    out["which " + view] = name
        out["count " + view] = count
        return out


def one_split(row, target, folder, options, rate):
    """A run for wall time and one for CPU time, each beside the truth."""
    split, figures = Split(target), {}
    for view in ("wall", "cpu"):
        def judge(job, reading, view=view):
            return split.compare(split.truth(*job.boards, view), reading,
                                 view)
        one = run.measure(row.tool, target, folder, rate, options.seconds,
                          judge, threads=True, view=view, weigh=True)
        if one["count " + view] <= 2:  # it saw none of the functions
            one = {"count " + view: 0}
        figures.update(one)
    if not figures["count wall"] and not figures["count cpu"]:
        raise Failed("it saw none of the functions")
    figures.pop("rounds", None)  # this board has no count of rounds
    return figures


def known_shares(options, python, name, numbers, rate, what):
    rows = [Row(tool, python) for tool in options.tools
            if tool.name != "none (noise)"]
    with run.scratch() as folder, Target(python, folder, name,
                                         numbers=numbers) as target:
        notes = run.turns(
            options, rows, target,
            lambda row: one_split(row, target, folder, options, rate))
    return {"scenario": name, "python": str(python), "what": what,
            "wanted": "worst error within the binomial 99 % interval: at most "
                      "1.00", "rows": [row.data() for row in rows],
            "figures": [figure.data() for figure in SPLIT],
            "notes": notes}


def split(options):
    rate = math.ceil(SAMPLES / options.seconds / 100) * 100
    for minor in options.versions((2, 7), (3, 15)):
        yield lambda python=options.pythons[minor]: known_shares(
            options, python, "split", 13, rate, "known shares")


def moments(options):
    for minor in options.versions((2, 7), (3, 15)):
        yield lambda python=options.pythons[minor]: known_shares(
            options, python, "moments", 5, 1000,
            "a loop that calls and returns all the time, and one call")
