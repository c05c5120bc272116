"""A million different stacks: bounded memory, exact totals."""
import os
import re
import subprocess

from harness import equal, expect

MEGABYTES = 500


def make(t, stacks):
    """A recording of so many stacks; its samples."""
    path = t.path("many.strobe")
    tool = t.tool("many_stacks")
    made = t.run([tool, path, stacks]).out
    found = re.match(r"(\d+) samples (\d+) stacks", made)
    expect(found, "many_stacks says %r", made)
    equal(int(found.group(2)), stacks, "stacks made")
    return path, int(found.group(1))


def measured(t, *args):
    """Runs pystrobe report; its peak of resident memory in MB."""
    process = subprocess.Popen([t.program, "report", "-q"] + list(args),
                               env=t.environment, stdin=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    equal(process.returncode, 0, "exit status of report %s" % (args,))
    return usage.ru_maxrss / 1024


class Cell:
    def __init__(self, match):
        self.hidden = match.group(1) is not None
        self.start, self.total, self.depth = map(int, match.group(2, 3, 4))
        self.label, self.facts = match.group(5), match.group(6)
        self.own = 0
        own = re.search(r"([\d,]+) (self|outermost)$", self.facts)
        if own:
            self.own = int(own.group(1).replace(",", ""))
        self.below = 0


def cells_of(path):
    with open(path, encoding="utf-8") as f:
        return [Cell(m) for m in re.finditer(
            r'<g( class="h")? data-c="(\d+) (\d+) (\d+)"><title>([^\n]*)\n'
            r'([^<]*)</title>', f.read())]


def check_totals(path, samples):
    """Each sample is in a child, in a hidden cell, or the cell's own; the
    number of hidden cells."""
    cells, way = cells_of(path), []
    equal(cells[0].total, samples, "samples of the root")
    for c in cells:
        del way[c.depth:]
        if way:
            expect(not way[-1].hidden, "a cell on a hidden one: %s", c.label)
            equal(c.start, way[-1].start + way[-1].below, "where %s begins" %
                  c.label)
            way[-1].below += c.total
        way.append(c)
    for c in cells:
        expect(c.hidden or c.below + c.own == c.total,
               "%s: %d below and %d own of %d", c.label, c.below, c.own,
               c.total)
        expect(not c.hidden or re.match(r"\([\d,]+ hidden\)$", c.label),
               "a hidden cell called %r", c.label)
    return sum(c.hidden for c in cells)


def check_graph(t, path, samples, options):
    out = t.path("out.svg")
    peak = measured(t, path, "-o", out, *options)
    expect(t.sanitized or peak < MEGABYTES, "%.0f MB resident with %s", peak,
           options)
    expect(os.path.getsize(out) < 20 << 20, "a file of %d bytes",
           os.path.getsize(out))
    expect(check_totals(out, samples), "nothing is hidden with %s", options)
    t.run(["xmllint", "--noout", "--nonet", "--huge", out])


def test_many_stacks(t):
    some = t.sanitized or t.size == "quick"
    path, samples = make(t, 20000 if some else 1000000)
    for options in ([], ["--reverse"]):
        check_graph(t, path, samples, options)


def test_thousands_of_stacks(t):
    """Other views; and the stacks are as different as they claim."""
    path, samples = make(t, 20000)
    for options in (["--threads"], ["-F"], ["--threads", "--reverse"],
                    ["--width", "20000"]):
        check_graph(t, path, samples, options)
    lines = t.folded("report", path)
    equal(len(lines), 20000, "different stacks")
    equal(sum(count for _, count in lines), samples, "samples of all stacks")
