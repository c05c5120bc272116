"""The texts and the JSON of a report, of live recordings: they agree with each
other, and what cannot be meant is told."""
import json
import os
import re
import shutil
import signal

from harness import (EXIT_FAILED, EXIT_USAGE, each_python, equal, expect,
                     parse_folded)
from test_errors import sentence

TARGET = "waits.py"


class Recording:
    """A second of a program with several threads that do known things."""

    def __init__(self, t, target=TARGET):
        self.t = t
        self.process = t.ready(target)
        self.path = t.path("run.strobe")
        t.pystrobe("record", "-p", str(self.process.pid), "-d", "1s", "-r",
                   "200", "-o", self.path)

    def text(self, *more, **options):
        return self.t.pystrobe("report", self.path, *more, **options).out

    def json(self, *more):
        text = self.text("--json", *more)
        equal(text.count("\n"), 1, "lines of JSON")
        report = json.loads(text)
        equal(report["pystrobe_report"], 1, "version of the schema")
        return report

    def stacks(self, *more):
        return parse_folded(self.text("-f", "collapsed", *more))

    def refused(self, *more):
        return sentence(self.t.pystrobe("report", self.path, *more,
                                        status=EXIT_USAGE))


def number(text):
    return int(text.replace(",", ""))


def rows_of(table):
    """[(self, total)] of the rows of a table."""
    found = re.findall(r"^ *[\d.]+ +[\d.]+ +([\d,]+) +([\d,]+)  .*\S$", table,
                       re.M)
    return [(number(own), number(whole)) for own, whole in found]


# ---- tables ----

@each_python(quick=False)
def test_json_and_table_agree(t):
    """The rows, their numbers and their sums, whatever a row is."""
    run = Recording(t)
    for by in ("line", "function", "file", "module", "thread", "process"):
        report = run.json("--by", by, "-i")
        equal(report["view"]["by"], by, "rows")
        part, = report["tables"]
        samples = report["recording"]["samples"]
        equal(sum(row["self"] for row in part["rows"]), samples,
              "self of all rows by " + by)
        equal(report["view"]["samples"], samples, "samples with -i")
        for row in part["rows"]:
            expect(row["self"] <= row["total"] <= samples, "%r", row)
            expect(row["self_ns"] <= row["total_ns"], "%r", row)
        table = run.text("--by", by, "-i", "--limit", "1000", "-o",
                         t.path("table.txt"))
        equal(table, "", "what goes to a file")
        with open(t.path("table.txt"), encoding="utf-8") as f:
            equal(rows_of(f.read()), [(row["self"], row["total"])
                                      for row in part["rows"]], "rows by " + by)
    threads = run.json("--by", "thread", "-i")
    for row in threads["tables"][0]["rows"]:
        equal(row["self"],
              threads["recording"]["threads"][row["thread"]]["samples"],
              "samples of " + row["label"])


@each_python(quick=False)
def test_files_and_functions_of_json(t):
    run = Recording(t)
    rows = run.json("-i", "-F")["tables"][0]["rows"]
    own = {row["function"].split(".")[-1] for row in rows
           if row["kind"] == "own"}
    expect({"in_sleep", "in_lock", "burn"} <= own, "functions: %r", own)
    modules = run.json("-i", "--by", "module")["tables"][0]["rows"]
    expect("waits" in {row["label"].split(".")[-1] for row in modules},
           "modules: %r", modules)
    expect(all(row["file"].endswith(TARGET) for row in modules
               if row["label"].split(".")[-1] == "waits"), "%r", modules)


def test_threads_apart(t):
    """The parts of -t are the threads, and each has its own rows."""
    run = Recording(t)
    report = run.json("-t", "-i")
    threads = report["recording"]["threads"]
    parts = report["tables"]
    equal(sorted(part["thread"] for part in parts),
          sorted(i for i, thread in enumerate(threads) if thread["samples"]),
          "threads")
    for part in parts:
        equal(sum(row["self"] for row in part["rows"]), part["samples"],
              "samples of a part")
        equal(part["samples"], threads[part["thread"]]["samples"], "samples")
    text = run.text("-t", "-i", "-F", "--limit", "2")
    for thread in threads:
        expect("%s (thread %d)\n" % (thread["name"], thread["tid"]) in text,
               "no part for %r in:\n%s", thread, text)


def test_sorted_and_cut(t):
    """Each order, and what is left out: told, and the sums stay the same."""
    run = Recording(t)
    for key, of in (("self", lambda row: -row["self"]),
                    ("total", lambda row: -row["total"]),
                    ("name", lambda row: row["label"].encode()),
                    ("file", lambda row: row.get("file", "").encode())):
        rows = run.json("-i", "--sort", key)["tables"][0]["rows"]
        equal([of(row) for row in rows], sorted(map(of, rows)), "by " + key)
    whole = run.json("-i", "-F")
    for more in (["--limit", "2"], ["--min-percent", "20"],
                 ["--min-percent", "20%", "--limit", "1"]):
        part, = run.json("-i", "-F", *more)["tables"]
        left = part["left_out"]
        equal(len(part["rows"]) + left["rows"],
              len(whole["tables"][0]["rows"]), "rows with %r" % more)
        equal(sum(row["self"] for row in part["rows"]) + left["self"],
              whole["view"]["samples"], "samples with %r" % more)
        if "--limit" not in more:
            expect(all(row["total"] * 5 >= part["samples"]
                       for row in part["rows"]), "%r", part)
            expect(left["rows"] > 0, "nothing below 20 %%: %r", part)
            expect(" below 20 %" in run.text("-i", "-F", *more), "%r", more)


# ---- trees ----

def check_tree(nodes, samples):
    """Each node after its parent, and with the total of all that is its."""
    below = [node["self"] for node in nodes]
    for i in reversed(range(len(nodes))):
        parent = nodes[i]["parent"]
        expect(parent is None or parent < i, "node %d is before %r", i, parent)
        equal(below[i], nodes[i]["total"], "total of %r" % nodes[i])
        if parent is not None:
            below[parent] += below[i]
    equal(sum(node["total"] for node in nodes if node["parent"] is None),
          samples, "samples of the roots")


@each_python(quick=False)
def test_tree(t):
    """As collapsed stacks have it, whole as JSON, its hot path as text."""
    run = Recording(t)
    report = run.json("--tree", "-F", "-i")
    nodes = report["tree"]["nodes"]
    check_tree(nodes, report["recording"]["samples"])
    stacks = {}
    for node in nodes:
        frames = [node["label"]]
        at = node
        while at["parent"] is not None:
            at = nodes[at["parent"]]
            frames.insert(0, at["label"])
        if node["self"]:
            stacks[tuple(frames)] = node["self"]
    equal(stacks, {tuple(frames): n for frames, n in run.stacks("-F", "-i")},
          "stacks")
    hot = max((node for node in nodes if node["parent"] is None),
              key=lambda node: node["total"])
    text = run.text("--tree", "-F", "-i")
    first = next(line for line in text.split("\n") if "\u25b8" in line)
    expect(hot["label"].split(" (")[0] in first, "%r begins at %s", hot, first)
    check_tree(run.json("--tree", "-t", "-i", "--by", "module")["tree"]["nodes"],
               report["recording"]["samples"])


@each_python(quick=False)
def test_callers_and_callees(t):
    """Of each sample with such a frame the outermost one is the root."""
    run = Recording(t)
    stacks = run.stacks("-F", "-i")
    word = re.compile(r"(burn|in_\w+) \(")
    of = {}
    for frames, n in stacks:
        at = next((i for i, f in enumerate(frames) if word.search(f)), None)
        if at is not None:
            below = tuple(frames[at:])
            above = tuple(reversed(frames[:at + 1]))
            of.setdefault("--callees", {}).setdefault(below, 0)
            of["--callees"][below] += n
            of.setdefault("--callers", {}).setdefault(above, 0)
            of["--callers"][above] += n
    regex = r"^(.*\.)?(burn|in_[a-z_]+) \("
    for option, wanted in sorted(of.items()):
        found = {tuple(frames): n for frames, n in run.stacks(
            "-F", "-i", option, regex)}
        equal(found, wanted, "stacks of " + option)
        report = run.json(option, regex, "-F", "-i")
        view = report["view"]
        equal(view["samples"], sum(wanted.values()), "samples")
        equal(view["samples"] + view["out_of_focus"],
              report["recording"]["samples"], "in focus, and out of it")
        equal(option == "--callees", "self" in report["tree"]["nodes"][0],
              "self with " + option)
    text = run.text("--callers", "burn", "-F")
    expect("callers of 'burn'" in text and "out of focus" in text, "%s", text)
    result = t.pystrobe("report", run.path, "--callees", "nowhere")
    expect("no samples" in result.out and "focus" in result.err, "%s", result)


# ---- source ----

@each_python(quick=False)
def test_source(t):
    """The lines of a function, from the file that its process has."""
    run = Recording(t)
    report = run.json("--source", TARGET + ":burn")
    source = report["source"]
    equal(source["function"].split(".")[-1], "burn", "function")
    equal((source["found"], source["changed"], source["note"]),
          (True, False, ""), "file")
    equal(sum(line["self"] for line in source["lines"]), source["self"],
          "self of all lines")
    table = {row["line"]: (row["self"], row["total"])
             for row in run.json()["tables"][0]["rows"]
             if row.get("function") == source["function"] and "line" in row}
    equal({line["line"]: (line["self"], line["total"])
           for line in source["lines"] if line["total"]}, table, "lines")
    with open("/proc/%d/root%s" % (run.process.pid, source["file"]),
              encoding="utf-8") as f:
        text = f.read().split("\n")
    for line in source["lines"]:
        equal(line.get("text", ""), text[line["line"] - 1].rstrip(), "text")
    expect(text[source["lines"][0]["line"] - 1].startswith("def burn"),
           "it begins with %r", source["lines"][0])
    plain = run.text("--source", "burn")
    equal(plain, run.text("--source", source["file"] + ":burn"),
          "the whole path")
    equal(plain, run.text("--source", "%s:%d" % (TARGET, source["first_line"])),
          "its first line")
    for line in source["lines"]:
        expect(re.search(r"%d(  %s)?\n" % (line["line"], re.escape(
            line.get("text", "").rstrip())), plain), "no line %r in:\n%s",
            line, plain)


def test_source_that_changed_or_went(t):
    """Both are told; the numbers of the lines are shown all the same."""
    script = t.path("mine.py")
    shutil.copy(os.path.join(os.path.dirname(os.path.dirname(
        os.path.abspath(__file__))), "targets", "busy.py"), script)
    target = t.start(t.python.argv(script))
    target.line()
    path = t.path("run.strobe")
    t.pystrobe("record", "-p", str(target.pid), "-d", "500ms", "-o", path)
    rows = json.loads(t.pystrobe("report", path, "-i", "-F",
                                 "--json").out)["tables"][0]["rows"]
    name = next(row["function"] for row in rows
                if row.get("file", "").endswith("mine.py") and
                row["function"] != "<module>")
    where = "mine.py:" + name
    expect("was changed" not in t.pystrobe("report", path, "-i", "--source",
                                           where).out, "it did not change")
    os.utime(script, (2 ** 31 - 1, 2 ** 31 - 1))
    for living in (True, False):
        if not living:
            target.signal(signal.SIGKILL)
            target.wait()
        text = t.pystrobe("report", path, "-i", "--source", where).out
        expect("was changed after" in text and "def " in text, "%s", text)
    os.unlink(script)
    text = t.pystrobe("report", path, "-i", "--source", where).out
    expect("cannot be read: No such file" in text, "%s", text)
    expect("def " not in text and re.search(r" \d+\n", text), "%s", text)


def test_source_that_is_not_there(t):
    """What was not sampled, or may be several, is a sentence with the next."""
    run = Recording(t)
    for where, words in (
            ("waits.py:burm", ["'burm'", "did you mean 'burn'?"]),
            ("wait.py:burn", ["'wait.py'", "did you mean 'waits.py'?"]),
            ("burm", ["'burm'", "did you mean 'burn'?"]),
            ("waits.py:99999", ["line 99999 of 'waits.py'"]),
            ("waits.py", ["'waits.py'", "write FILE:FUNCTION"])):
        said = sentence(t.pystrobe("report", run.path, "-i", "--source", where,
                                   status=EXIT_FAILED))
        for word in words:
            expect(word in said, "no %r in: %s", word, said)


# ---- header ----

@each_python(quick=False)
def test_header(t):
    """All that was recorded, as text and as JSON."""
    run = Recording(t)
    report = run.json("--header")
    recording = report["recording"]
    equal(sorted(report), ["pystrobe_report", "recording", "title", "view"],
          "members")
    process, = recording["processes"]
    equal(process["pid"], run.process.pid, "pid")
    equal(process["cwd"], os.readlink("/proc/%d/cwd" % run.process.pid), "cwd")
    expect(process["python"].startswith("CPython "), "%r", process)
    made, = recording["runs"]
    equal((made["host"], process["host"]), 2 * (os.uname().nodename,), "host")
    equal(made["period_ns"], 5000000, "period")
    for key in ("duration_ns", "ticks", "missed"):
        equal(made[key], recording[key], key)
    states = recording["states"]
    equal(sum(states[key] for key in ("cpu", "runnable", "waiting", "stopped",
                                      "unknown")),
          recording["samples"], "states")
    for key in ("samples", "idle"):
        equal(sum(thread[key] for thread in recording["threads"]),
              recording[key], key + " of all threads")
    text = run.text("--header")
    for word in (process["command"], process["cwd"], process["python"],
                 made["host"], made["kernel"], "200 Hz wanted",
                 made["program"], " UTC\n"):
        expect(word in text, "no %r in:\n%s", word, text)
    for thread in recording["threads"]:
        expect(re.search(r"^ *%s .*  %s \(thread %d\)" % (
            re.escape(format(thread["samples"], ",")),
            re.escape(thread["name"]), thread["tid"]), text, re.M),
            "no %r in:\n%s", thread, text)


# ---- what cannot be ----

REFUSED = (
    (["--sort", "size"], ["'size'", "self, total, name or file"]),
    (["--by", "class"], ["'class'", "module, thread or process"]),
    (["--min-percent", "101"], ["'101'", "0 to 100"]),
    (["--min-percent", "-1"], ["'-1'"]),
    (["--min-percent", "much"], ["'much'", "percent"]),
    (["--limit", "0"], ["--limit", "'0'"]),
    (["--callers", "("], ["'('", "regular expression"]),
    (["--callees", "["], ["'['", "regular expression"]),
    (["--source", "app.py:"], ["app.py:", "FILE:FUNCTION"]),
    (["--source", ""], ["FILE:FUNCTION"]),
    (["--tree", "--by", "thread"], ["--by thread", "-t"]),
    (["--callers", "a", "--by", "process"], ["--by thread", "-t"]),
    (["--tree", "--source", "a"], ["--source", "tree"]),
    (["--callers", "a", "--callees", "a"], ["--callers", "--callees"]),
    (["--callers", "a", "--state-frames"], ["--state-frames", "caller"]),
    (["--source", "a", "--by", "file"], ["--source", "--by"]),
    (["--source", "a", "--sort", "name"], ["--source", "--sort"]),
    (["--source", "a", "-t"], ["--source", "-t"]),
    (["--header", "--tree"], ["--header"]),
    (["--header", "--sort", "name"], ["--header", "--sort"]),
    (["--by", "file", "-F"], ["-F", "--by file"]),
    (["--by", "line", "--nolineno"], ["--nolineno", "--by line"]),
    (["--by", "thread", "-t"], ["--by thread", "-t"]),
    (["--by", "process", "-F"], ["--by process", "-F"]),
    (["--json", "-f", "svg"], ["--json", "-f svg"]),
    (["-f", "svg", "--sort", "name"], ["--sort", "svg", "text and JSON"]),
    (["-f", "svg", "--limit", "3"], ["--limit", "svg"]),
    (["-f", "collapsed", "--min-percent", "3"], ["--min-percent",
                                                 "collapsed"]),
    (["-o", "x.svg", "--tree"], ["--tree", "svg"]),
    (["-o", "x.svg", "--header"], ["--header", "svg"]),
    (["-o", "x.pprof", "--source", "a"], ["--source", "pprof"]),
    (["-f", "svg", "--by", "thread"], ["--by thread", "svg"]),
    (["-f", "pprof", "--by", "file"], ["--by file", "pprof"]),
    (["-f", "speedscope", "--callers", "a"], ["--callers", "speedscope"]),
)


def test_what_cannot_be_meant(t):
    """One sentence each, before anything is read."""
    for options, words in REFUSED:
        said = sentence(t.pystrobe("report", t.path("none.strobe"), *options,
                                   status=EXIT_USAGE))
        for word in words:
            expect(word in said, "no %r in: %s", word, said)


@each_python(quick=False)
def test_hostile_names(t):
    """Names of any bytes: one line of text is one row, and JSON stays JSON."""
    target = t.ready("chain.py")
    path = t.path("run.strobe")
    t.pystrobe("record", "-p", str(target.pid), "-d", "200ms", "-o", path)
    for view in (["--by", "function"], ["--by", "file"], ["--by", "module"],
                 ["--tree"], ["--callees", "odd_file"], ["--header"], ["-t"]):
        more = ["report", path, "-i"] + view
        report = json.loads(t.pystrobe(*(more + ["--json"])).out)
        text = t.pystrobe(*(more + ["--limit", "5000"])).out
        expect(report["view"]["samples"] > 0, "no samples: %r", report["view"])
        bad = re.findall("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]", text)
        equal(bad, [], "characters of the text")
    by = {row["function"] for row in json.loads(t.pystrobe(
        "report", path, "-i", "--json").out)["tables"][0]["rows"]
        if "function" in row}
    for name in ("quote\"'&amp;", "</title><script>alert(1)</script>", "a;b"):
        expect(name in by, "no %r in %r", name, sorted(by))


def test_what_goes_together(t):
    """Choices of samples and of labels hold for every view."""
    run = Recording(t)
    views = ([], ["--tree"], ["--callers", "burn"], ["--callees", "burn"],
             ["--source", "burn"], ["--by", "module"], ["-t"], ["--header"])
    for view in views:
        for more in (["--mode", "cpu"], ["-g"], ["-i"], ["--to", "500ms"],
                     ["--focus", "burn"], ["--ignore", "in_sleep"],
                     ["--full-filenames"], ["--title", "A title"]):
            report = run.json(*(view + more))
            text = run.text(*(view + more))
            first = text.partition("\n")[0].rstrip("\u2026")
            expect(report["title"].startswith(first), "%s", text)
            expect("--title" not in more or first == "A title", "%s", text)
    one = run.json("-i")
    two = json.loads(t.pystrobe("report", run.path, run.path, "-i",
                                "--json").out)
    equal([2 * row["self"] for row in one["tables"][0]["rows"]],
          [row["self"] for row in two["tables"][0]["rows"]], "the same twice")
    svg = t.path("callees.svg")
    t.pystrobe("report", run.path, "--callees", "burn", "--by", "module", "-o",
               svg)
    with open(svg, encoding="utf-8") as f:
        expect("waits" in f.read(), "no module in a flame graph")
