"""What other profilers wrote, as recordings and pictures."""
import json
import os
import re
import subprocess

from harness import EXIT_FAILED, EXIT_USAGE, ROOT, Skip, equal, expect

VIEWS = [(), ("-t", "-i"), ("-F",), ("--nolineno",),
         ("--full-filenames", "-t"), ("-i", "--state-frames")]


def write(t, name, text):
    with open(t.path(name), "w") as f:
        f.write(text)
    return t.path(name)


def folded(t, path, *args):
    """The collapsed stacks of a recording, as they are written."""
    return t.pystrobe("report", path, "-q", "-f", "collapsed", *args).out


def counts(text):
    return sum(int(line.rsplit(" ", 1)[1]) for line in text.splitlines())


def converted(t, path, *args):
    """The same of a file, by way of a recording; and what was said."""
    saved = t.path("converted.strobe")
    said = t.pystrobe("convert", path, "-o", saved).err
    equal(os.listdir(t.folder).count("converted.strobe"), 1, "outputs")
    return folded(t, saved, *args), said


def test_round_trip(t):
    """Our own collapsed stacks come back byte for byte, in every view."""
    saved = t.path("run.strobe")
    t.pystrobe("record", "-r", "200", "-d", "2", "--kill-after", "-o", saved,
               "--", *t.python.argv(t.python.script("demo.py")))
    for view in VIEWS:
        text = folded(t, saved, *view)
        expect(text.count("\n") > 1, "little to convert: %r", text)
        path = write(t, "run.folded", text)
        again = [o for o in view if o in ("-t", "--full-filenames")]
        equal(converted(t, path, *again)[0], text, "round trip of %s" %
              (view,))
        equal(t.pystrobe("convert", "-q", path, "-f", "collapsed",
                         *again).out, text, "straight, of %s" % (view,))


def test_huge_counts(t):
    """10^9 samples are no 10^9 ticks, and not one is lost."""
    path = write(t, "huge.folded", "".join(
        "main (a.py:1);work (b.py:%d) %d\n" % (i + 1, 10 ** 9 + i)
        for i in range(10)))
    text, said = converted(t, path)
    equal(counts(text), 10 ** 10 + 45, "samples")
    expect(os.path.getsize(t.path("converted.strobe")) < 1000, "size")
    expect("each count is a tick" in said, "%s", said)
    table = t.pystrobe("report", t.path("converted.strobe"), "--to", "115d")
    expect("993,600,000 samples" in table.out, "%s", table)


def test_in_the_order_of_time(t):
    """Counts have an order at least: that of the lines."""
    path = write(t, "counts.folded", "main;a 3\nmain;b 70000\n")
    trace, saved = t.path("x.trace.json"), t.path("x.strobe")
    t.pystrobe("convert", path, "-o", trace)
    with open(trace) as f:
        slices = [(e["ts"], round(e["dur"]), e["name"]) for e in
                  json.load(f)["traceEvents"] if e["ph"] == "X"]
    equal(slices, [(0, 700030000, "main"), (0, 30000, "a"),
                   (30000, 700000000, "b")], "slices")
    t.pystrobe("convert", path, "-o", saved)
    rows = t.path("x.firefox.json")
    for way in (("convert", path), ("report", saved)):
        t.pystrobe(*way, "-o", rows)
        with open(rows) as f:
            weights = json.load(f)["threads"][0]["samples"]["weight"]
        equal(sum(weights), 70003, "weights by '%s'" % way[0])


def test_bad_lines(t):
    """They are counted and told; what is right is used."""
    path = write(t, "bad.folded", "a;b 3\na;b 1.5\na;b 3 4\nnothing\nc 2\n")
    text, said = converted(t, path)
    equal(text, "a;b 3\nc 2\n", "stacks")
    expect("3 lines could not be used; the first is line 2: its count is not "
           "a whole number" in said, "%s", said)


def test_ids_used_again(t):
    """Two threads with one id are two; when it was is not known."""
    text = "A (thread 5);f 1\nB (thread 5);g 1\n"
    path = write(t, "again.folded", text)
    found, _ = converted(t, path, "-t")
    equal([line.split(" ")[0] for line in found.splitlines()], ["A", "B"],
          "threads of %r" % found)
    said = t.pystrobe("report", t.path("converted.strobe"), "--header",
                      "--json").out
    run, = json.loads(said)["recording"]["runs"]
    equal(run["started"], None, "the time of day")
    result = t.pystrobe("convert", path, "--reverse", "-f", "folded",
                        status=EXIT_USAGE)
    expect("--reverse" in result.err, "%s", result)


def test_nothing_is_left_behind(t):
    """A file that is none of ours: a sentence, and the old output stays."""
    kept = write(t, "kept.strobe", "kept")
    before = sorted(os.listdir(t.folder)) + ["bad"]
    path = write(t, "bad", "hello\nworld\n")
    for args in (("-o", kept), ("-o", t.path("new.strobe")),
                 ("-o", t.path("new.svg")), ("-f", "table")):
        result = t.pystrobe("convert", path, *args, status=EXIT_FAILED)
        equal(result.err.count("\n"), 1, "sentences")
        expect("no count at its end" in result.err, "%s", result)
    with open(kept) as f:
        equal(f.read(), "kept", "the old output")
    equal(sorted(os.listdir(t.folder)), sorted(before), "files")
    result = t.pystrobe("convert", write(t, "good", "a 1\n"), "-f", "strobe",
                        "-o", "/dev/full", status=EXIT_FAILED)
    expect("No space left" in result.err, "%s", result)


def test_pipes(t):
    """From standard input to standard output, in every format."""
    for args in (("-f", "table"), ("-f", "svg"), ("-f", "speedscope"),
                 ("-f", "strobe", "-o", "-")):
        with open(write(t, "x.folded", "a;b 3\n")) as f:
            result = subprocess.run(
                [t.program, "convert", "-q", "-", *args], stdin=f,
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=True)
        equal(result.stderr, b"", "what is said with -q")
        expect(len(result.stdout) > 100, "%s: %r", args, result.stdout)


# ---- the others themselves, where they are ----


def peer(name):
    found = subprocess.run([os.path.join(ROOT, "scripts", "peers"), "--find"],
                           stdout=subprocess.PIPE, text=True)
    if found.returncode:
        raise Skip("scripts/peers has not installed %s" % name)
    return os.path.join(found.stdout.strip(), "bin", name)


def loader():
    """What runs a program that wants a newer C library than ours."""
    found = subprocess.run([os.path.join(ROOT, "scripts", "sid-root"),
                            "--find"], stdout=subprocess.PIPE, text=True)
    root = found.stdout.strip()
    parts = [root + "/lib64/ld-linux-x86-64.so.2",
             root + "/usr/lib/x86_64-linux-gnu"]
    if found.returncode or not all(map(os.path.exists, parts)):
        return []
    return [parts[0], "--library-path", parts[1]]


def test_py_spy(t):
    """Its raw stacks: the same total, and its threads by name."""
    spy = peer("py-spy")
    target = t.ready("busy.py")
    raw = t.path("spy.raw")
    t.run([spy, "record", "-t", "-i", "-f", "raw", "-d", "1", "-p",
           str(target.pid), "-o", raw], status=None)
    target.stop()
    if not os.path.exists(raw):
        raise Skip("py-spy cannot sample here")
    with open(raw) as f:
        raw_text = f.read()
    lines, wanted = raw_text.splitlines(), counts(raw_text)
    text, said = converted(t, raw, "-i", "-t")
    equal(counts(text), wanted, "samples")
    names = {re.match(r"thread \((\d+)\): ([^;]*);", line).groups()
             for line in lines}
    equal({re.match(r"(.*?) \(thread (\d+)\);", line).groups()[::-1]
           for line in text.splitlines()}, names, "threads")
    expect("%d samples of %d lines" % (wanted, len(lines)) in said, "%s",
           said)


def test_austin(t):
    """Its binary form and its text say the same, and all of it."""
    austin, texts = peer("austin"), peer("mojo2austin")
    target = t.ready("busy.py")
    mojo, text = t.path("run.mojo"), t.path("run.austin")
    t.run(loader() + [austin, "-i", "10ms", "-x", "1", "-o", mojo, "-p",
                      str(target.pid)], status=None)
    target.stop()
    if not os.path.exists(mojo) or not os.path.getsize(mojo):
        raise Skip("Austin does not run here (it wants glibc 2.38)")
    t.run([texts, mojo, text])
    with open(text) as f:
        lines = [line for line in f.read().splitlines()
                 if line and line[0] != "#"]
    binary, said = converted(t, mojo, "-i", "-t")
    expect("%d samples, read as mojo" % len(lines) in said, "%s", said)
    plain, said = converted(t, text, "-i", "-t")
    expect("%d lines, read as austin" % len(lines) in said, "%s", said)
    equal(plain, binary, "the two forms")
    equal(counts(binary), len(lines), "samples")


def test_tachyon(t):
    """The collapsed stacks of Python's own profiler, as its code says."""
    path = write(t, "t.folded",
                 "tid:7;app.py:<module>:1;app.py:work:12 60\n"
                 "tid:7;app.py:<module>:1;<GC> 2\n"
                 "tid:140000000000000;threading.py:Thread.run:982 5\n")
    text, _ = converted(t, path, "-t")
    equal(text, "thread (thread 0x7f544a44c000);"
          "Thread.run (threading.py:982) 5\n"
          "thread (thread 7);<module> (app.py:1);<GC> 2\n"
          "thread (thread 7);<module> (app.py:1);work (app.py:12) 60\n",
          "stacks")
