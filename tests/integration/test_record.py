"""pystrobe record: programs, signals, ends, files."""
import json
import os
import pty
import re
import select
import signal
import stat
import subprocess

from harness import (EXIT_FAILED, Fail, Skip, alone, each_python, equal, expect,
                     expect_untouched, need, parse_folded, state_of, total,
                     wait_until)


def read(path):
    with open(path) as f:
        return f.read()


# ---- programs that pystrobe starts ----

@each_python()
def test_started_program(t):
    """It is sampled from its start, and its exit status is ours."""
    out = t.path("out.folded")
    argv = t.python.argv(t.python.script("end.py"), "0.4", "exit", "3")
    result = t.pystrobe("record", "-r", "250", "-o", out, "--", *argv, status=3)
    expect(result.out == "ready\n", "its output is its own: %s", result)
    stacks = parse_folded(read(out))
    expect(total(stacks, "work (end.py:") > 5, "samples of work: %r", stacks)
    for frames, _ in stacks:
        where = [frame for frame in frames if "(end.py:" in frame]
        if where and not any("importlib" in frame or "codecs" in frame or
                             "encodings" in frame for frame in frames):
            names = [re.sub(r" \(.*", "", frame) for frame in frames]
            if names[-1] == "<moving>":
                names.pop()
            expect(names == ["<module>", "main", "work"][:len(names)] or
                   names[:2] == ["<module>", "main"] and len(where) == 2,
                   "a stack that end.py never had: %r", frames)


def test_exit_statuses(t):
    """Whatever the program's end: it is pystrobe's own."""
    script = t.python.script("end.py")
    for end, wanted in ((("exit", "0"), 0), (("exit", "120"), 120),
                        (("raise",), 1), (("signal", "15"), -15),
                        (("signal", "11"), -11), (("signal", "9"), -9),
                        (("exec", "/bin/sh", "-c", "exit 7"), 7)):
        out = t.path("out.svg")
        t.pystrobe("record", "-o", out, "--", t.python.path, script, "0.15",
                   *end, status=wanted)
        expect(os.path.getsize(out) > 1000, "no flame graph after %s", end)
        os.unlink(out)


# By way of a shell: the same interpreter at the same addresses is no other one.
EXEC = """
import os, sys, time
end = time.time() + 0.4
while time.time() < end:
    pass
if sys.argv[1] == "first":
    os.execv("/bin/sh", ["sh", "-c", 'sleep 0.2; exec "$@"', "sh",
                         sys.executable, "-c", sys.argv[2], "second", ""])
"""


@each_python(quick=False)
def test_programs_of_one_process(t):
    """What became another program by exec is told as both."""
    saved = t.path("run.strobe")
    t.pystrobe("record", "-r", "250", "-o", saved, "--",
               *t.python.argv("-c", EXEC, "first", EXEC))
    report = json.loads(t.pystrobe("report", saved, "-i", "--json", "--by",
                                   "process").out)
    first, second = processes = report["recording"]["processes"]
    equal(first["pid"], second["pid"], "its id")
    equal([process["program"] for process in processes], [0, 1], "programs")
    for process, word in zip(processes, (" first ", " second")):
        expect(word in process["command"] and process["samples"] > 5, "%r",
               process)
    equal({row["process"]: row["total"] for row in report["tables"][0]["rows"]},
          {0: first["samples"], 1: second["samples"]}, "samples by process")
    equal({(thread["process"], thread["ended"]): thread["main"]
           for thread in report["recording"]["threads"] if thread["main"]},
          {(0, True): True, (1, False): True}, "main threads")
    head = t.pystrobe("report", saved, "--header").out
    for wanted in ("process +%d \u00b7 CPython .* \u00b7 %d samples" %
                   (first["pid"], first["samples"]),
                   "process +%d #2 \u00b7 CPython .* \u00b7 %d samples" %
                   (first["pid"], second["samples"])):
        expect(re.search(wanted, head), "no %r in %s", wanted, head)
    expect("pid %d \u00b7 2 programs" % first["pid"] in
           t.pystrobe("report", saved).out, "the head of a table")


def test_streams_are_the_programs(t):
    """stdin, stdout and stderr go through; options after it are its own."""
    out = t.path("out.folded")
    with open(t.path("in"), "w") as f:
        f.write("some\ntext\n")
    with open(t.path("in")) as given:
        result = t.pystrobe("record", "-q", "-o", out, t.python.path,
                            t.python.script("end.py"), "0.1", "echo", "-d",
                            "-o", stdin=given)
    equal(result.out, "ready\nsome\ntext\n", "standard output")
    equal(result.err, "echoed\n", "standard error")
    expect(os.path.exists(out), "no output")


def on_terminal(argv, seconds=60):
    """Runs a program on a terminal of its own: (status, what it showed)."""
    pid, fd = pty.fork()
    if pid == 0:
        try:
            os.execv(argv[0], argv)
        finally:
            os._exit(126)
    shown = b""
    try:
        while select.select([fd], [], [], seconds)[0]:
            try:
                data = os.read(fd, 65536)
            except OSError:  # the other side is closed
                break
            if not data:
                break
            shown += data
        else:
            os.kill(pid, signal.SIGKILL)
            raise Fail("no end after %g s: %r" % (seconds, shown))
    finally:
        os.close(fd)
        status = os.waitpid(pid, 0)[1]
    return status, shown.decode("utf-8", "replace")


def test_terminal(t):
    """The program has the terminal; progress is one line, drawn again."""
    code = ("import os, sys, time\n"
            "print([os.isatty(fd) for fd in (0, 1, 2)])\n"
            "until = time.time() + 1\n"
            "while time.time() < until: sum(range(1000))\n")
    status, shown = on_terminal(
        [t.program, "record", "-o", t.path("out.svg"), "--", t.python.path,
         "-c", code])
    equal(status, 0, "status")
    expect("[True, True, True]" in shown, "no terminal: %r", shown)
    drawn = re.findall(r"\r([^\r\n]*%[^\r\n]*)", shown)
    expect(len(drawn) >= 3, "progress was drawn %d times: %r", len(drawn),
           shown)
    expect(re.search(r"\d.*samples.*\d ?%", drawn[-1]), "time, samples and "
           "rate in percent: %r", drawn[-1])
    expect(shown.count("\n") <= 4, "progress is one line: %r", shown)


def test_no_progress_without_terminal(t):
    target = t.ready("busy.py")
    result = t.pystrobe("record", "-p", str(target.pid), "-d", "300ms", "-o",
                        t.path("out.svg"))
    expect("\r" not in result.err and "\033" not in result.err, "%s", result)
    quiet = t.pystrobe("record", "-q", "-p", str(target.pid), "-d", "100ms",
                       "-o", t.path("out.svg"))
    equal(quiet.err + quiet.out, "", "output of a quiet run")


def test_duration_does_not_end_the_program(t):
    """When -d is over the file is written, and the program goes on."""
    out = t.path("out.folded")
    run = t.begin("record", "-d", "200ms", "-o", out, "--", t.python.path,
                  t.python.script("busy.py"))
    facts = run.said()
    wait_until(lambda: os.path.exists(out), "the output")
    expect(state_of(facts["pid"]) in ("R", "S"), "the program has ended")
    expect(run.running(), "pystrobe did not stay with its program")
    expect_untouched(facts["pid"])
    expect('"rounds"' in run.stop(), "the program's own end")
    equal(run.wait(), 0, "status")


def test_kill_after(t):
    """--kill-after ends the program; only then."""
    run = t.begin("record", "-d", "200ms", "--kill-after", "-o",
                  t.path("out.svg"), "--", t.python.path,
                  t.python.script("busy.py"))
    facts = run.said()
    equal(run.wait(), 0, "status, since its end was wanted")
    equal(state_of(facts["pid"]), None, "state of the program")
    expect(os.path.getsize(t.path("out.svg")) > 1000, "no flame graph")


def test_what_is_no_python(t):
    """A program in which no Python runs is a failure, with its reason."""
    result = t.pystrobe("record", "-o", t.path("out.svg"), "--", "true",
                        status=EXIT_FAILED)
    expect("'true'" in result.err, "%s", result)
    result = t.pystrobe("record", "-o", t.path("out.svg"), "--",
                        "/nonexistent/program", status=EXIT_FAILED)
    expect("/nonexistent/program" in result.err, "%s", result)
    equal(os.path.exists(t.path("out.svg")), False, "there is an output")


# ---- ends ----

def recording(t, *more):
    """A recorder that runs, and its target."""
    target = t.ready("busy.py")
    saved = t.path("live.strobe")
    run = t.begin("record", "-p", str(target.pid), "--save", saved, *more)
    wait_until(lambda: os.path.exists(saved) and os.path.getsize(saved),
               "the recording's first block")
    return run, target


def test_first_signal_writes(t):
    """Ctrl-C, and SIGTERM like it: write and exit 0."""
    for number in (signal.SIGINT, signal.SIGTERM):
        out = t.path("out-%d.folded" % number)
        run, target = recording(t, "-o", out)
        expect(not os.path.exists(out), "output before the end")
        run.signal(number)
        equal(run.wait(), 0, "status after signal %d: %s" % (
            number, run.stderr()))
        expect(total(parse_folded(read(out)), "hot (busy.py:"), "no samples")
        expect_untouched(target.pid)
        os.unlink(t.path("live.strobe"))


def test_second_signal_abandons(t):
    """The output cannot be written: nobody reads the pipe. Ctrl-C again."""
    fifo, temporary = t.path("out.folded"), t.path("tmp")
    os.mkfifo(fifo)
    os.mkdir(temporary)
    target = t.ready("busy.py")
    run = t.begin("record", "-p", str(target.pid), "-o", fifo,
                  env=dict(t.environment, TMPDIR=temporary))
    wait_until(lambda: os.listdir(temporary), "the recording")

    def press():
        if run.running():
            run.signal(signal.SIGINT)
        return not run.running()

    wait_until(press, "an end by Ctrl-C")
    equal(run.wait(), -signal.SIGINT, "status")
    equal(os.listdir(temporary), [], "files that stay behind")
    expect_untouched(target.pid)


def test_interrupted_program(t):
    """Ctrl-C on a terminal reaches both; the program's end is ours."""
    code = ("import signal, sys\n"
            "def waiting():\n"
            "    print('ready', flush=True)\n"
            "    signal.pause()\n"
            "try:\n    waiting()\n"
            "except KeyboardInterrupt:\n    sys.exit(5)\n")
    out, temporary = t.path("out.folded"), t.path("tmp")
    os.mkdir(temporary)
    run = t.begin("record", "-i", "-o", out, "--", t.python.path, "-c", code,
                  start_new_session=True,
                  env=dict(t.environment, TMPDIR=temporary))
    run.line()

    def has_a_sample():
        """A block is written once it holds a second of them."""
        return any(os.path.getsize(os.path.join(folder, name))
                   for folder, _, names in os.walk(temporary)
                   for name in names)

    wait_until(has_a_sample, "the recording")
    os.killpg(run.pid, signal.SIGINT)
    equal(run.wait(), 5, "status: " + run.stderr())
    expect(total(parse_folded(read(out)), "waiting (<string>:"), "no sample")


@each_python(quick=False)
def test_targets_end(t):
    """When the target ends, so does the recording; that is no failure."""
    target = t.ready("end.py", "0.4", "exit", "0")
    out = t.path("out.folded")
    t.pystrobe("record", "-p", str(target.pid), "-d", "50s", "-o", out)
    expect(total(parse_folded(read(out)), "work (end.py:"), "no samples")


# ---- files ----

def test_output_appears_whole(t):
    """An older output stays until the new one is complete, and only that."""
    folder = t.path("outputs")
    os.mkdir(folder)
    out = os.path.join(folder, "out.svg")
    with open(out, "w") as f:
        f.write("old")
    run, _ = recording(t, "-o", out)
    equal(read(out), "old", "content while recording")
    run.popen.kill()
    run.wait()
    equal(read(out), "old", "content after kill -9")
    run, _ = recording(t, "-o", out, "-d", "200ms")
    equal(run.wait(), 0, "status")
    expect(read(out).startswith("<?xml") or "<svg" in read(out)[:200],
           "not an SVG: %r", read(out)[:100])
    equal(os.listdir(folder), ["out.svg"], "files beside the output")


def test_recording_is_kept(t):
    """--save keeps what is rendered; a report of it says the same."""
    target = t.ready("busy.py")
    saved, out = t.path("run.strobe"), t.path("out.folded")
    t.pystrobe("record", "-p", str(target.pid), "-d", "300ms", "-o", out,
               "--save", saved)
    again = t.pystrobe("report", saved, "-f", "collapsed", "-o", "-").out
    equal(again, read(out), "report and output")
    expect(again, "there is nothing in it")
    svg = t.path("out.svg")
    t.pystrobe("report", saved, "-o", svg)
    expect("hot" in read(svg), "the flame graph has no 'hot'")
    table = t.pystrobe("report", saved).out
    expect("hot" in table and "%" in table, "the table: %s", table)


def test_names_of_py_spy(t):
    """Its names for formats mean the same."""
    target = t.ready("busy.py")
    for given, sign in (("flamegraph", "<svg"), ("raw", ";"),
                        ("speedscope", "speedscope.app"),
                        ("chrometrace", "traceEvents")):
        out = t.path("out-" + given)
        t.pystrobe("record", "-p", str(target.pid), "-d", "100ms", "-f", given,
                   "-o", out)
        expect(sign in read(out), "format %s: %r", given, read(out)[:200])


def test_output_that_cannot_be_written(t):
    target = t.ready("busy.py")
    result = t.pystrobe("record", "-p", str(target.pid), "-d", "200ms", "-o",
                        "/nonexistent/out.svg", status=EXIT_FAILED)
    expect("/nonexistent/out.svg" in result.err, "no word about the path: %s",
           result)
    result = t.pystrobe("record", "-p", str(target.pid), "-d", "200ms", "-f",
                        "svg", "-o", "/dev/full", status=EXIT_FAILED)
    expect("/dev/full" in result.err, "no word about the disk: %s", result)


def test_output_keeps_to_the_umask(t):
    target = t.ready("busy.py")
    out = t.path("out.svg")
    t.pystrobe("record", "-p", str(target.pid), "-d", "100ms", "-o", out,
               preexec_fn=lambda: os.umask(0o027))
    equal(oct(stat.S_IMODE(os.stat(out).st_mode)), oct(0o640), "mode")


@alone
def test_rate(t):
    """The rate is held, or it is said how much of it was."""
    target = t.ready("busy.py")
    for rate, per_second in (("50", 50), ("1k", 1000), ("2khz", 2000)):
        result = t.pystrobe("record", "-p", str(target.pid), "-d", "1s", "-r",
                            rate, "-i", "-f", "collapsed", "-o", "-")
        found = total(parse_folded(result.out), "idle (busy.py")
        said = re.search(r"([\d.]+) % of ", result.err)
        expect(said, "no word about the rate: %s", result)
        held = float(said.group(1)) / 100 * per_second
        expect(held > 0.1 * per_second, "hardly any tick was taken: %s", result)
        # What was due while the end came late is not in the percentage.
        expect(0.85 * held - 2 <= found <= 1.02 * held + 2,
               "%d samples of a waiting thread, %g were said", found, held)


def test_low_rate(t):
    """A rate of which a tenth of a second has one tick is that of the file, too."""
    target = t.ready("busy.py")
    stacks = t.folded("record", "-p", str(target.pid), "-d", "3s", "-r", "10",
                      "-i")
    found = total(stacks, "idle (busy.py")
    expect(27 <= found <= 32, "%d samples of a thread in 3 s", found)


@each_python(quick=False)
def test_thread_that_comes_late(t):
    """The state of a thread is there, with the ids of the one that started it
    or none, before the thread runs; then it is known by its own."""
    late = [need("strace"), "-f", "-o", t.path("strace.log"), "-e",
            "trace=set_robust_list", "-e",
            "inject=set_robust_list:delay_enter=1000000"]
    if subprocess.run(late + ["true"], stdout=subprocess.DEVNULL,
                      stderr=subprocess.DEVNULL).returncode:
        raise Skip("strace may not trace here")
    target = t.start(late + t.python.argv(t.python.script("late.py")))
    pid, saved = target.said()["pid"], t.path("run.strobe")
    recorder = t.begin("record", "-q", "--nonblocking", "-p", str(pid), "-r",
                       "200", "-o", saved)
    wait_until(lambda: os.path.exists(saved), "the first block")
    target.tell("go\n")
    equal(target.line(), "runs", "the thread")

    def of_it():
        text = t.pystrobe("report", "-q", "--header", "--json", saved).out
        threads = json.loads(text)["recording"]["threads"]
        return [thread for thread in threads if thread["name"] == "late"]
    found = wait_until(of_it, "a thread called late")
    recorder.signal(signal.SIGINT)
    recorder.wait()
    equal((len(found), found[0]["main"], found[0]["states"]["unknown"]),
          (1, False, 0), "threads of that name, main, unknown states")
    expect(os.path.exists("/proc/%d/task/%d" % (pid, found[0]["tid"])),
           "it has the id %d", found[0]["tid"])
