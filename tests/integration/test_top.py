"""pystrobe top: batch text, JSON, and the screen in a real terminal (tmux)."""
import json
import os
import re
import shlex
import signal
import subprocess

from harness import (EXIT_FAILED, EXIT_USAGE, Fail, Skip, contains, each_python,
                     equal, expect, expect_untouched, need, state_of,
                     total, wait_until)

# The least and the usual size, and a large one.
USUAL = (80, 24)


class Screen:
    """A terminal with a shell in it that does nothing by itself."""

    def __init__(self, t, size=USUAL, **variables):
        need("tmux")
        self.t = t
        self.socket = t.path("tmux")
        environment = dict(t.environment, TERM="screen-256color", SHELL="/bin/sh",
                           PS1="$ ", **variables)
        environment.pop("TMUX", None)
        environment.pop("NO_COLOR", None)
        environment.update(variables)
        self.environment = environment
        self.tmux("-f", "/dev/null", "new-session", "-d", "-s", "t",
                  "-x", size[0], "-y", size[1], "exec /bin/sh")
        t.started.append(self)  # ends with the test

    def tmux(self, *args):
        done = subprocess.run(
            ["tmux", "-S", self.socket] + [str(word) for word in args],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env=self.environment, timeout=60)
        if done.returncode:
            raise Fail("tmux %s: %s" % (args, done.stderr.decode()))
        return done.stdout.decode("utf-8", "replace")

    argv = ["tmux"]

    def stderr(self):
        return ""

    def kill(self):
        subprocess.run(["tmux", "-S", self.socket, "kill-server"],
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def text(self, *args):
        return self.tmux("capture-pane", "-p", "-t", "t", *args)

    def shows(self, *parts):
        """Waits for all of these; the screen."""
        def look():
            text = self.text()
            return text if all(re.search(part, text, re.M)
                               for part in parts) else None
        try:
            return wait_until(look, "screen with %r" % (parts,))
        except Fail as why:
            raise Fail("%s\n%s" % (why, self.text()))

    def says(self, sentence):
        """Waits for one that may be longer than a line of the screen (-J)."""
        wait_until(lambda: sentence in self.text("-J"), sentence)

    def keys(self, *keys):
        self.tmux("send-keys", "-t", "t", *keys)

    def type(self, text):
        self.tmux("send-keys", "-t", "t", "-l", text)

    def run(self, command):
        self.type(command)
        self.keys("Enter")

    def top(self, *args):
        """pystrobe top in it; what its exit status was is then on screen."""
        self.run("%s; echo status $? end" % " ".join(
            shlex.quote(str(word)) for word in
            (self.t.program, "top") + args))

    def settings(self, name):
        """stty -a, by way of a file; and whether it is the usual screen."""
        path = self.t.path(name)
        self.run("stty -a >%s.new; mv %s.new %s" % (path, path, path))
        wait_until(lambda: os.path.exists(path), "stty")
        with open(path) as f:
            lines = f.read()
        flags = self.tmux("display-message", "-p", "-t", "t",
                          "#{alternate_on} #{mouse_any_flag} #{cursor_flag} "
                          "#{keypad_cursor_flag}")
        return lines, flags.strip()

    def pid(self):
        """Of the pystrobe that runs in it."""
        shell = int(self.tmux("display-message", "-p", "-t", "t",
                              "#{pane_pid}"))

        def look():
            with open("/proc/%d/task/%d/children" % (shell, shell)) as f:
                found = f.read().split()
            return int(found[0]) if found else None
        return wait_until(look, "pystrobe in the terminal")


def under_strace(t, *options):
    """What to put before a command whose calls are to be tampered with."""
    argv = [need("strace"), "-o", t.path("strace.log")] + list(options)
    if subprocess.run(argv + ["true"], stdout=subprocess.DEVNULL,
                      stderr=subprocess.DEVNULL).returncode:
        raise Skip("strace may not trace here")
    # Leaks are looked for by ptrace, which strace has.
    t.environment["ASAN_OPTIONS"] += ":detect_leaks=0"
    return argv


# ---- batch ----

@each_python()
def test_batch(t):
    """Text blocks that name what runs and what waits."""
    target = t.ready("waits.py")
    out = t.pystrobe("top", "-b", "-n", "2", "--interval", "200ms", "-i",
                     "-p", target.pid).out
    blocks = out.split("\n\n")
    equal(len(blocks), 6, "two blocks of three parts: %s" % out)
    contains(blocks[0], "%d " % target.pid)
    contains(blocks[0], "waits.py")
    contains(blocks[0], "samples")
    contains(blocks[1], "self %")
    contains(blocks[1], "in_sleep (")
    for name, what in (("in_sleep", "timer"), ("in_lock", "lock 0x"),
                       ("in_recv", "socket 127.0.0.1:%d" %
                        target.facts["port"])):
        expect(re.search(r"sleeping .* %s +%s" % (name, what), blocks[2]),
               "no %s that waits for %s:\n%s", name, what, blocks[2])
    expect_untouched(target.pid)


def test_json(t):
    """An object for each interval, with what the screen has."""
    target = t.ready("busy.py")
    out = t.pystrobe("top", "--json", "-n", "3", "--interval", "300ms",
                     "-p", target.pid).out
    found = [json.loads(line) for line in out.splitlines()]
    equal(len(found), 3, "objects")
    for one in found:
        equal(one["pystrobe_top"], 1, "schema")
        equal([p["pid"] for p in one["processes"]], [target.pid], "pids")
        expect(one["processes"][0]["python"].startswith("CPython "), "%r", one)
        expect(one["samples"] > 0, "%r", one)
        expect(one["functions"] and one["threads"], "%r", one)
    expect(found[2]["all_samples"] > found[0]["all_samples"], "%r", found)
    main = [th for th in found[2]["threads"] if th["tid"] == target.pid]
    equal(len(main), 1, "main thread")
    top = max(found[2]["functions"], key=lambda f: f["total"])
    expect(top["total"] > 0.5, "where time goes: %r", top)
    equal(os.path.basename(top["file"]), "busy.py", "file of %r" % top)


def test_several(t):
    """Two processes side by side; one that is not there is told of."""
    one, other = t.ready("busy.py"), t.ready("busy.py")
    result = t.pystrobe("top", "-b", "-n", "1", "--interval", "300ms", "-p",
                        one.pid, "-p", other.pid, "-p", "4194304",
                        status=EXIT_FAILED)
    contains(result.err, "4194304")
    contains(result.out, "2 processes: %d %d" % (one.pid, other.pid))
    for target in (one, other):
        expect(re.search(r"^ +\d+\.\d +\d+\.\d +%d " % target.pid, result.out,
                         re.M), "no row of %d:\n%s", target.pid, result.out)
        expect_untouched(target.pid)


def test_a_program(t):
    """Its output is no data, and its status becomes ours."""
    script = t.path("app.py")
    with open(script, "w") as f:
        f.write("import sys, time\nprint('to stdout')\n"
                "sys.stderr.write('to stderr\\n')\nsys.stdout.flush()\n"
                "end = time.time() + 1\nwhile time.time() < end: pass\n"
                "sys.exit(7)\n")
    result = t.pystrobe("top", "--json", "--interval", "200ms", "--",
                        t.python.path, script, status=7)
    lines = [json.loads(line) for line in result.out.splitlines()]
    expect(lines, "no object: %s", result)
    contains(result.err, "to stdout\nto stderr\n")
    written = t.path("written")
    result = t.pystrobe("top", "-b", "-o", written, "--", t.python.path,
                        script, status=7)
    with open(written) as f:
        equal(sorted(f.read().split("\n")), ["", "to stderr", "to stdout"],
              "its output")
    expect("to std" not in result.out + result.err, "%s", result)
    contains(result.err, "has ended with status 7")
    result = t.pystrobe("top", "-b", "--", "/bin/sh", "-c", "exit 2", status=2)
    contains(result.err, "has ended with status 2 before Python ran in it")
    result = t.pystrobe("top", "--json", "--", "/bin/sh", "-c", "exit 2",
                        status=2)
    equal(result.out, "", "objects of nothing")
    contains(result.err, "has ended with status 2 before Python ran in it")


def test_usage(t):
    for args, part in (([], "what is to be seen?"),
                       (["-p", "1", "--", "x"], "one of them"),
                       (["-p", "1", "-o", "x"], "-o is for the output"),
                       (["--view", "x", "-p", "1"], "is not a view"),
                       (["--interval", "1us", "-p", "1"], "100ms to 60s"),
                       (["-n", "0", "-p", "1"], "-n is 1 to"),
                       (["--json", "--view", "calls", "-p", "1"],
                        "leave out '--view calls'"),
                       (["-g", "--mode", "cpu", "-p", "1"], "-g means")):
        result = t.pystrobe("top", *args, status=EXIT_USAGE)
        contains(result.err, part)
        equal(result.out, "", "output of a wrong command line")


def test_all_end(t):
    """One is marked, and counts no more; the last notice is of all."""
    one, other = t.ready("busy.py"), t.ready("busy.py")
    run = t.begin("top", "-b", "--interval", "100ms", "-p", str(one.pid), "-p",
                  str(other.pid))
    contains(run.line(), "2 processes: %d %d" % (one.pid, other.pid))
    one.kill()
    ended = re.compile(r" +0\.0 +0\.0 +%d +0 .* \[ended\] " % one.pid)
    wait_until(lambda: ended.match(run.line() or ""), "a row of one that ended")
    other.kill()
    run.output.rest()
    equal(run.wait(), 0, "status")
    contains(run.stderr(), "all 2 processes have ended\n")


def test_the_end_of_a_target(t):
    """Text goes on until it ends, and says so."""
    target = t.ready("busy.py")
    run = t.begin("top", "-b", "--interval", "100ms", "-p", str(target.pid))
    expect(run.line().startswith("%d " % target.pid), "first line")
    target.kill()
    run.output.rest()
    equal(run.wait(), 0, "status")
    contains(run.stderr(), "process %d has ended" % target.pid)


def test_no_thread(t):
    """Where no thread can be started: one sentence; a program that was
    started goes on, and is waited for."""
    program = [t.program, "top", "-b"]
    argv = under_strace(t, "-e", "inject=clone3:error=EAGAIN") + program
    target = t.ready("busy.py")
    said = ("pystrobe: cannot start the thread that samples: Resource "
            "temporarily unavailable; perhaps a limit of threads or memory is "
            "reached, see 'ulimit -a'\n")
    result = t.run(argv + ["-p", str(target.pid)], status=EXIT_FAILED)
    equal((result.out, result.err), ("", said), "what is said")
    # The C library starts a program by the same call.
    argv = under_strace(t, "-e", "inject=clone3:error=EAGAIN:when=2")
    argv += program
    for status in (0, 3):
        result = t.run(argv + ["--", "sh", "-c", "echo on >&2; exit %d" %
                               status], status=status or EXIT_FAILED)
        equal(result.out, "", "blocks")
        contains(result.err, said, "what is said")
        contains(result.err, "on\n", "what the program says")


def test_a_closed_pipe(t):
    """Whoever reads may stop reading."""
    target = t.ready("busy.py")
    run = t.run(["sh", "-c", "%s top --json --interval 100ms -p %d | head -n 1"
                 % (t.program, target.pid)])
    equal(json.loads(run.out)["pystrobe_top"], 1, "first object")
    equal(run.err, "", "what is said")
    status = t.path("status")
    t.run(["sh", "-c", "{ %s top -b --interval 100ms -p %d; echo $? >%s; } "
           "| head -n 2" % (t.program, target.pid, status)])
    with open(status) as f:
        equal(f.read(), "0\n", "its status")
    full = t.run(["sh", "-c", "%s top -b -n 1 --interval 100ms -p %d >/dev/full"
                  % (t.program, target.pid)], status=EXIT_FAILED)
    contains(full.err, "cannot write to standard output: No space left")


# ---- the screen ----

def test_views(t):
    """Each view, by its key, of a real program."""
    target = t.ready("waits.py")
    screen = Screen(t)
    screen.top("--interval", "200ms", "-p", target.pid)
    text = screen.shows(r"^pystrobe %d .*CPython %s" % (
        target.pid, t.python.short), "minute +.", "^self %", "h help")
    equal(len(text.split("\n")[0]), 80, "the first line is full")
    screen.keys("w")
    screen.shows(r"in_sleep \(", " wall$")
    screen.keys("l")
    screen.shows(r"self +total line$", "waits.py:")
    screen.keys("c")
    screen.shows(" call$", "▾ ")
    screen.keys("t")
    screen.shows("sleeping  in_sleep +timer", "sleeping  in_lock +lock 0x")
    screen.keys("P")
    screen.shows("PID threads", "^ +[0-9.]+ +[0-9.]+ +%d " % target.pid)
    screen.keys("h")
    screen.shows("this help|keys|functions   l lines")
    screen.keys("q")
    screen.shows("status 0 end")
    expect_untouched(target.pid)


def test_source_and_filter(t):
    """A text that rows must have; Enter opens the file at its line."""
    target = t.ready("waits.py")
    screen = Screen(t, (100, 30))
    screen.top("--interval", "200ms", "-i", "-p", target.pid)
    screen.shows("^self %", "in_sleep")
    screen.keys("/")
    screen.type("in_slee")
    screen.shows("^filter: in_slee")
    wait_until(lambda: "in_lock" not in screen.text(), "the filter to hold")
    screen.keys("Enter")
    screen.shows("/in_slee$")
    screen.keys("Enter")
    screen.shows("now %  all %   line  .*waits.py", "def in_sleep")
    screen.keys("Escape")
    screen.shows("^self %", "/in_slee$")
    screen.keys("Escape")
    screen.shows("^self %", "in_lock")


def marked(text, code):
    """What is drawn with an attribute; the lines stay where they are."""
    found, on = "", False
    for part in re.split("(\x1b\\[[0-9;]*m|\n)", text):
        if part.startswith("\x1b["):
            for one in part[2:-1].split(";"):
                on = one == code or (on and one not in ("0", "", "2" + code))
        elif part == "\n" or on:
            found += part
    return found


def test_mouse(t):
    """A click on the head of a column sorts by it, the wheel moves."""
    target = t.ready("busy.py")
    screen = Screen(t)
    screen.top("-i", "--interval", "100ms", "-p", target.pid)
    screen.shows("^self %", "busy.py")

    def sorted_by(name):
        return name in marked(screen.text("-e"), "4").strip()

    def chosen():
        """The row of the cursor: the last one in reverse."""
        return marked(screen.text("-e"), "7").rstrip("\n").count("\n")
    wait_until(lambda: sorted_by("self %"), "the first column underlined")
    wait_until(lambda: chosen() == 7, "the cursor")
    # What a terminal says: button, column and row, from 32 and 33 on.
    screen.keys("-H", "1b", "5b", "4d", "20", "2a", "27")
    wait_until(lambda: sorted_by("total %"), "the column of the click")
    screen.keys("-H", "1b", "5b", "4d", "61", "2a", "2a")
    wait_until(lambda: chosen() > 7, "the cursor further down")


def test_pause_reset_resize(t):
    """Sampling goes on while the screen does not; any size is drawn."""
    target = t.ready("busy.py")
    screen = Screen(t)
    screen.top("--interval", "100ms", "-p", target.pid)

    def samples(text=None):
        found = re.search(r"([\d,]+) samples?", text or screen.text())
        return int(found.group(1).replace(",", "")) if found else -1
    wait_until(lambda: samples() > 10, "samples")
    screen.keys("p")
    before = samples(screen.shows("PAUSED"))
    screen.keys("l")
    equal(samples(screen.shows("total line$", "PAUSED")), before,
          "samples of a paused screen")
    screen.keys("p")
    wait_until(lambda: samples() > before, "samples after the pause")
    wait_until(lambda: samples() > 100, "more of them")
    screen.keys("+")
    screen.shows("^refreshes every 0.1 s, which is the limit")
    screen.keys("r")
    wait_until(lambda: 0 <= samples() < 100, "a reset")
    for width, height, part in ((39, 24, "too small: 39x24 of 40x10"),
                                (40, 10, "^self %"), (160, 50, "^self %"),
                                (80, 24, "minute")):
        screen.tmux("resize-window", "-t", "t", "-x", width, "-y", height)
        text = screen.shows(part)
        expect(max(map(len, text.split("\n"))) <= width, "%s", text)
    screen.keys("q")
    screen.shows("status 0 end")


def test_export(t):
    """What is shown, as files that others can read, while it goes on."""
    target = t.ready("busy.py")
    screen = Screen(t)
    screen.top("--interval", "100ms", "-p", target.pid)
    screen.shows("busy.py")
    for name in ("out.svg", "out.strobe", "out.folded"):
        screen.keys("e")
        screen.shows("^export to")
        screen.type(t.path(name))
        screen.keys("Enter")
        screen.shows("wrote '.*%s|wrote" % name)
        wait_until(lambda: os.path.exists(t.path(name)), name)
    screen.keys("/")
    screen.type("HOT (busy.py")
    screen.keys("Enter")
    screen.keys("e")
    screen.shows("^export to")
    screen.type(t.path("hot.strobe"))
    screen.keys("Enter")
    wait_until(lambda: os.path.exists(t.path("hot.strobe")), "hot.strobe")
    screen.keys("e")
    screen.shows("^export to")
    screen.type("/nonexistent/x.svg")
    screen.keys("Enter")
    screen.shows("/nonexistent")
    screen.keys("q")
    screen.shows("status 0 end")
    with open(t.path("out.svg")) as f:
        contains(f.read(), "busy.py")
    contains(t.pystrobe("report", t.path("out.strobe")).out, "busy.py")
    hot = t.folded("report", t.path("hot.strobe"))
    expect(hot and total(hot, "hot (busy.py") == total(hot), "%r", hot)
    with open(t.path("out.folded")) as f:
        contains(f.read(), "busy.py")


def test_two_signals_during_an_export(t):
    """It is written, and the second one ends the rest: nothing half done is
    left."""
    target, folder = t.ready("busy.py"), t.path("out")
    os.mkdir(folder)
    # The new file gets its name so late that the signals come before.
    late = under_strace(t, "-f", "-e", "inject=?rename,?renameat,?renameat2:"
                        "delay_enter=3000000")
    screen = Screen(t)
    screen.run("%s; echo status $? end" % " ".join(
        shlex.quote(str(word)) for word in late + [
            t.program, "top", "--nonblocking", "--interval", "100ms", "-p",
            target.pid]))
    screen.shows("busy.py")
    strace = screen.pid()
    with open("/proc/%d/task/%d/children" % (strace, strace)) as f:
        pid = int(f.read().split()[0])
    screen.keys("e")
    screen.shows("^export to")
    screen.type(os.path.join(folder, "x.svg"))
    screen.keys("Enter")
    name = wait_until(lambda: os.listdir(folder), "the temporary file")[0]
    expect(name.startswith("x.svg."), "it is '%s'", name)
    os.kill(pid, signal.SIGTERM)
    os.kill(pid, signal.SIGHUP)
    screen.shows("status 1(43|29) end")
    equal(os.listdir(folder), ["x.svg"], "what is left")
    with open(os.path.join(folder, "x.svg")) as f:
        expect(f.read().endswith("</svg>\n"), "half a picture")


def test_colour(t):
    """Colours unless NO_COLOR is set; the screen is the same."""
    target = t.ready("busy.py")
    colour = re.compile("\x1b\\[[0-9;]*3[0-7]")
    for variables, wanted in (({}, True), ({"NO_COLOR": "1"}, False)):
        folder = t.folder
        t.folder = t.path("colour" if wanted else "none")
        os.mkdir(t.folder)
        screen = Screen(t, **variables)
        t.folder = folder
        screen.top("--interval", "100ms", "-p", target.pid)
        screen.shows("busy.py", "^self %")
        equal(bool(colour.search(screen.text("-e"))), wanted, "colours")
        screen.keys("q")
        screen.shows("status 0 end")


def test_ascii(t):
    """Nothing beyond ASCII where the locale has no more, or when asked."""
    target = t.ready("busy.py")
    screen = Screen(t)
    screen.run("LC_ALL=C %s top -p %d" % (t.program, target.pid))
    text = screen.shows("busy.py", r"\[#+ *\]")
    expect(all(ord(c) < 128 for c in text), "%s", text)


def test_the_last_screen(t):
    """It stays when the target ends, with a notice."""
    target = t.ready("busy.py")
    screen = Screen(t)
    screen.top("--interval", "100ms", "-p", target.pid)
    screen.shows("busy.py", "^self %")
    target.kill()
    screen.shows("process %d has ended; q quits" % target.pid, "busy.py",
                 "^self %")
    screen.keys("t")
    screen.shows("process %d has ended" % target.pid, "waits for")
    screen.keys("q")
    screen.shows("status 0 end")


def test_what_is_wrong(t):
    """That it is stopped is told, and how to let it go on, while it lasts."""
    target = t.ready("alternate.py")
    screen = Screen(t)
    screen.top("-r", "500", "--interval", "100ms", "--no-bpf", "-p",
               target.pid)
    screen.shows("alternate.py", "^h help")
    os.kill(target.pid, signal.SIGSTOP)
    screen.shows("^process %d is stopped; 'kill -CONT %d'" % (
        target.pid, target.pid))
    os.kill(target.pid, signal.SIGCONT)
    screen.shows("^h help")
    strace = t.start(under_strace(t) + ["-f", "-p", str(target.pid)])
    screen.shows("^%d is traced by process %d " % (target.pid, strace.pid))
    strace.kill()
    screen.shows("^h help")


def test_no_python_any_more(t):
    """What becomes something else by exec is told of, and not shown as it
    was."""
    script = t.path("exec.py")
    with open(script, "w") as f:
        f.write("import os, time\nend = time.time() + 1\n"
                "while time.time() < end: pass\n"
                "os.execvp('sleep', ['sleep', '600'])\n")
    screen = Screen(t)
    screen.top("--interval", "100ms", "--", t.python.path, script)
    screen.shows("exec.py", r"GIL +\[.*\] +[1-9]\d* %")
    screen.shows(r"^process \d+ \('sleep 600'\) is no Python now; waiting",
                 r"GIL +\[ *\] +0 %")
    pid = int(re.search(r"^pystrobe (\d+)", screen.text()).group(1))
    os.kill(pid, signal.SIGTERM)
    screen.shows("was ended by signal 15; q quits")


NOISY = """import sys, time
print("\\x1b[2Jnoise on stdout")
sys.stderr.write("noise on stderr\\n")
sys.stdout.flush()
end = time.time() + 600
while time.time() < end:
    for i in range(1000): pass
"""


def test_output_of_a_program(t):
    """In a pane, not on the screen; afterwards where ours goes."""
    script = t.path("noisy.py")
    with open(script, "w") as f:
        f.write(NOISY)
    screen = Screen(t)
    screen.top("--interval", "100ms", "--", t.python.path, script)
    text = screen.shows("^self %", "noisy.py")
    expect("noise on" not in text, "noise on the screen:\n%s", text)
    screen.keys("o")
    screen.shows("^noise on stdout", "^noise on stderr")
    pid = screen.pid()
    screen.keys("q")
    screen.says("goes on; waiting for its end")
    screen.keys("C-c")
    wait_until(lambda: state_of(pid) is None, "its end")


LONG = """import os, sys, time
print("ready", flush=True)
end = time.time() + 120
while not os.path.exists(sys.argv[1]) and time.time() < end: time.sleep(0.01)
for i in range(5000): print("more than a pipe takes " * 5, flush=True)
with open(sys.argv[2], "w") as f: f.write(str(os.getpid()))
"""


def helpers():
    """Processes of the name that keeps the output of a program."""
    found = set()
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/comm" % name) as f:
                if f.read() == "top-output\n":
                    found.add(int(name))
        except OSError:
            pass
    return found


def helper_of(pid):
    """The one whose pipe is the standard output of the program."""
    pipe = os.readlink("/proc/%d/fd/1" % pid)
    for helper in helpers():
        try:
            if os.readlink("/proc/%d/fd/0" % helper) == pipe:
                return helper
        except OSError:
            pass
    return None


def goes_on(t, how):
    """The program prints, and ends by itself, though we have ended."""
    script, go, done = t.path("long.py"), t.path("go"), t.path("done")
    with open(script, "w") as f:
        f.write(LONG)
    screen = Screen(t)
    screen.top("--interval", "100ms", "--", t.python.path, script, go, done)
    screen.keys("o")
    screen.shows("^ready")
    pid = int(re.search(r"^pystrobe (\d+)", screen.text()).group(1))
    top = screen.pid()
    helper = wait_until(lambda: helper_of(pid), "who keeps the output")
    wait_until(lambda: os.listdir("/proc/%d/fd" % helper) == ["0", "1"],
               "it to hold two pipes alone")
    equal(os.getsid(helper), helper, "its session")
    how(screen, top)
    with open(go, "w"):
        pass
    wait_until(lambda: os.path.exists(done), "the end of the program")
    for one in (top, helper):
        wait_until(lambda: state_of(one) is None, "the end of %d" % one)


def test_killed(t):
    """Nobody reads any more what the program writes, and it goes on."""
    def kill(_, top):
        os.kill(top, signal.SIGKILL)
        wait_until(lambda: state_of(top) is None, "the end of pystrobe")
    goes_on(t, kill)


def test_quit(t):
    """What it still writes is ours to pass on."""
    def leave(screen, _):
        screen.keys("q")
        screen.says("goes on; waiting for its end")
    goes_on(t, leave)


def test_a_program_that_ends(t):
    """Its status is told on the last screen, and becomes ours."""
    script = t.path("short.py")
    with open(script, "w") as f:
        f.write("import sys, time\nend = time.time() + 1\n"
                "while time.time() < end: pass\nsys.exit(5)\n")
    screen = Screen(t)
    screen.top("--interval", "100ms", "--", t.python.path, script)
    screen.shows("has ended with status 5; q quits", "short.py")
    screen.keys("q")
    screen.shows("status 5 end")


def test_a_wrapper(t):
    """What is Python only later is waited for; its output is seen until
    then, and an exec makes it another target."""
    script, noisy = t.path("wrap.sh"), t.path("noisy.py")
    with open(noisy, "w") as f:
        f.write(NOISY)
    with open(script, "w") as f:
        f.write("echo from the shell\nread line <%s\nexec '%s' '%s'\n" % (
            t.path("fifo"), t.python.path, noisy))
    os.mkfifo(t.path("fifo"))
    screen = Screen(t)
    screen.top("--interval", "100ms", "--", "/bin/sh", script)
    screen.shows("^waiting until '/bin/sh' runs Python", "no samples yet")
    screen.keys("o")
    screen.shows("^from the shell")
    screen.keys("f")
    with open(t.path("fifo"), "w") as f:
        f.write("go\n")
    text = screen.shows("noisy.py", r"^ +[1-9]\d*\.\d +")
    expect("waiting until" not in text, "%s", text)
    screen.keys("q")
    screen.says("goes on; waiting for its end")
    screen.keys("C-c")


SIGNALS = ["TERM", "INT", "HUP", "QUIT", "SEGV", "ABRT", "USR1", "ALRM",
           "BUS", "FPE", "ILL", "XCPU"]


def test_the_terminal_is_restored(t):
    """After q, and after each signal that ends us."""
    target = t.ready("busy.py")
    screen = Screen(t)
    screen.run("ulimit -c 0")
    before = screen.settings("before")
    equal(before[1].split()[:3], ["0", "0", "1"], "flags of a fresh terminal")
    for number, name in enumerate(["q"] + SIGNALS):
        screen.run("clear")
        screen.top("--interval", "100ms", "-p", target.pid)
        screen.shows("^self %", "busy.py")
        wait_until(lambda: screen.tmux(
            "display-message", "-p", "-t", "t", "#{alternate_on}").strip() ==
            "1", "the other screen")
        if name == "q":
            screen.keys("q")
        else:
            os.kill(screen.pid(), getattr(signal, "SIG" + name))
        screen.shows("status [0-9]+ end")
        equal(screen.settings("after-%d" % number), before,
              "terminal after %s" % name)
    expect_untouched(target.pid)


def test_ctrl_z(t):
    """The terminal is the shell's meanwhile, and the target is not held."""
    target = t.ready("busy.py")
    screen = Screen(t)
    screen.run("set -m")
    before = screen.settings("before")
    screen.run("%s top --interval 100ms -p %d" % (t.program, target.pid))
    screen.shows("^self %", "busy.py")
    pid = screen.pid()
    screen.keys("C-z")
    wait_until(lambda: state_of(pid) == "T", "pystrobe to be stopped")
    equal(screen.settings("after"), before, "terminal while it is stopped")
    expect_untouched(target.pid)
    screen.run("clear; fg")
    screen.shows("^self %", "busy.py", "h help")
    screen.keys("q")
    wait_until(lambda: state_of(pid) is None, "its end")
    equal(screen.settings("end"), before, "terminal at the end")


def test_an_unknown_terminal(t):
    """A sentence, not a blank screen."""
    target = t.ready("busy.py")
    screen = Screen(t)
    # ncurses leaves memory of its own behind when it fails.
    screen.run("ASAN_OPTIONS=detect_leaks=0 TERM=nonesuch %s top -p %d; "
               "echo status $? end" % (t.program, target.pid))
    screen.shows("the terminal 'nonesuch' is not known", "use -b",
                 "status 1 end")
    screen.run("clear; stty -a >%s; TERM=dumb %s top -p %d; echo status $? "
               "end; stty -a | cmp - %s && echo the same" % (
                   t.path("stty"), t.program, target.pid, t.path("stty")))
    screen.shows("the terminal 'dumb' cannot place", "use -b", "status 1 end",
                 "^the same")
