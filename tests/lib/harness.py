"""What the integration tests stand on: interpreters, targets, pystrobe runs.

A test is a function test_*(t) of tests/integration/*.py; `t` is a Test. It
fails by raising, skips by raising Skip. Nothing here sleeps for luck: every
wait polls for its event and has a deadline.
"""
import contextlib
import functools
import inspect
import json
import os
import queue
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
TARGETS = os.path.join(ROOT, "tests", "targets")
DEADLINE = 60.0  # seconds, of any one wait

EXIT_FAILED, EXIT_USAGE, EXIT_DENIED = 1, 2, 77
SANITIZER_STATUS = 99

WANTED = [(2, 7)] + [(3, minor) for minor in range(6, 16)]


class Skip(Exception):
    """The reason why a test cannot be run here."""


class Fail(Exception):
    """What was wanted and what was found."""


def expect(condition, text, *args):
    if not condition:
        raise Fail(text % args if args else text)


def equal(found, wanted, what):
    if found != wanted:
        raise Fail("%s:\n  found  %r\n  wanted %r" % (what, found, wanted))


def contains(text, part, what="output"):
    if part not in text:
        raise Fail("%s has no %r:\n%s" % (what, part, text.rstrip()[-2000:]))


def wait_until(condition, what, seconds=DEADLINE):
    """Polls until the condition holds; its value."""
    until = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > until:
            raise Fail("waited %g s for this in vain: %s" % (seconds, what))
        time.sleep(0.002)


def mostly(check, *args):
    """Twice in three times: a shared machine may stand still for long."""
    failures = 0
    for turn in range(3):
        if turn - failures == 2:
            return
        try:
            check(*args)
        except Fail:
            failures += 1
            if failures == 2:
                raise


def ran_and_waited(tid):
    """ns that a thread was on a processor, and that it waited for one."""
    with open("/proc/%d/schedstat" % tid) as f:
        return tuple(map(int, f.read().split()[:2]))


@contextlib.contextmanager
def placed(target, its, ours):
    """The target is on one processor, and what is started meanwhile on ours."""
    usual = os.sched_getaffinity(0)
    for task in os.listdir("/proc/%d/task" % target.pid):
        os.sched_setaffinity(int(task), {its})
    os.sched_setaffinity(0, {ours})
    try:
        yield
    finally:
        os.sched_setaffinity(0, usual)


def apart(target):
    """What is started meanwhile runs on another processor than the target: a
    thread that waits for ours need not be stopped."""
    usual = os.sched_getaffinity(0)
    if len(usual) < 2:
        raise Skip("there is one processor only")
    return placed(target, max(usual), min(usual))


def together(target):
    one = max(os.sched_getaffinity(0))
    return placed(target, one, one)


def need(command):
    found = shutil.which(command)
    if not found:
        raise Skip("there is no '%s'" % command)
    return found


# ---- decorators of tests ----

def each_python(minimum=(0,), quick=True):
    """The test runs once for each interpreter, which is t.python; a quick run
    leaves it out when `quick` is false."""
    def mark(function):
        function.each_python = minimum
        function.quick = quick
        return function
    return mark


def alone(function):
    """The test measures time: nothing else runs beside it."""
    function.alone = True
    return function


# ---- interpreters ----

ASK = ("import sys, platform, struct, json; print(json.dumps([list("
       "sys.version_info[:3]), sys.version_info[3], platform."
       "python_implementation(), struct.calcsize('P'), sys.executable]))")

# Enters a root folder in a mount namespace of its own: nothing stays behind.
ENTER = ('mount --bind /proc "$0/proc" && mount --bind /dev "$0/dev" && '
         'mount --bind "$1" "$0/mnt" && root=$0 && shift && '
         'exec chroot "$root" "$@"')


class Python:
    """An interpreter; `root` when it lives in a root folder of its own."""

    def __init__(self, path, kind, root=None):
        self.path, self.kind, self.root = path, kind, root
        out = subprocess.run(
            self.argv("-c", ASK), stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, timeout=DEADLINE)
        if out.returncode:
            raise OSError(out.stderr.decode(errors="replace").strip())
        version, level, implementation, size, self.executable = json.loads(
            out.stdout.decode())
        self.version = tuple(version)
        self.minor = self.version[:2]
        self.level = level
        self.right_kind = implementation == "CPython" and size == 8

    def argv(self, *args):
        if not self.root:
            return [self.path] + list(args)
        return ["unshare", "--mount", "--propagation", "private", "sh", "-c",
                ENTER, self.root, TARGETS, self.path] + list(args)

    def script(self, name):
        """The path of a target as this interpreter sees it."""
        return os.path.join("/mnt" if self.root else TARGETS, name)

    @property
    def short(self):
        return "%d.%d" % self.minor

    def __str__(self):
        return "%s %s" % (".".join(map(str, self.version)), self.kind)


def is_program(path):
    """An ELF file: not a script that starts some other Python (a shim)."""
    try:
        with open(path, "rb") as f:
            return f.read(4) == b"\x7fELF" and os.access(path, os.X_OK)
    except OSError:
        return False


def named_python(folder, kind):
    try:
        names = os.listdir(folder)
    except OSError:
        return
    for name in sorted(names):
        if re.match(r"python(\d(\.\d+)?)?$", name):
            yield os.path.join(folder, name), kind


def candidates():
    for folder in os.environ.get("PATH", "").split(":"):
        kind = "Debian's own" if folder in ("/usr/bin", "/bin") else "PATH"
        yield from named_python(folder, kind)
    yield from named_python("/usr/bin", "Debian's own")
    versions = os.path.join(os.environ.get(
        "PYENV_ROOT", os.path.expanduser("~/.pyenv")), "versions")
    for name in sorted(os.listdir(versions)) if os.path.isdir(versions) else ():
        yield from named_python(os.path.join(versions, name, "bin"), "pyenv")


def sid_root():
    """The path of the root folder with the newest versions, or a reason."""
    found = subprocess.run(
        [os.path.join(ROOT, "scripts", "sid-root"), "--find"],
        stdout=subprocess.PIPE, universal_newlines=True)
    if found.returncode:
        return None, "there is no sid root (make check SID=1 makes one)"
    if os.geteuid():
        return None, "only root can enter the sid root"
    return found.stdout.strip(), ""


def find_pythons():
    """All interpreters, oldest first, and notes on what was passed over."""
    found, notes, seen = [], [], set()
    for path, kind in candidates():
        real = os.path.realpath(path)
        if real in seen or not is_program(real):
            continue
        seen.add(real)
        if "pyenv" in real:
            kind = "pyenv"
        try:
            python = Python(real, kind)
        except (OSError, ValueError, subprocess.TimeoutExpired) as error:
            notes.append("%s does not run: %s" % (path, error))
            continue
        if python.right_kind and python.minor in WANTED:
            found.append(python)
        else:
            notes.append("%s is %s, not one that pystrobe knows" % (
                path, python))
    root, why = sid_root()
    if why:
        notes.append(why)
    for minor in (13, 14, 15) if root else ():
        path = "/usr/bin/python3.%d" % minor
        if os.path.exists(root + path):
            try:
                found.append(Python(path, "sid root", root))
            except OSError as error:
                notes.append("%s of the sid root does not run: %s" % (
                    path, error))
    found.sort(key=lambda python: (python.version, python.kind))
    return found, notes


# ---- processes ----

class Output(threading.Thread):
    """Reads the lines of a pipe so that waiting for one can have an end."""

    def __init__(self, pipe):
        threading.Thread.__init__(self, daemon=True)
        self.pipe, self.lines = pipe, queue.Queue()
        self.start()

    def run(self):
        for line in self.pipe:
            self.lines.put(line.decode("utf-8", "surrogateescape"))
        self.lines.put(None)

    def line(self, seconds=DEADLINE):
        """The next line; None at the end of the output."""
        try:
            return self.lines.get(timeout=seconds)
        except queue.Empty:
            raise Fail("no line of output within %g s" % seconds)

    def rest(self):
        return "".join(iter(self.line, None))


class Process:
    """A program that was started, with its output and its errors."""

    def __init__(self, argv, folder, **options):
        self.argv = argv
        self.errors = tempfile.NamedTemporaryFile(dir=folder, prefix="err-")
        options.setdefault("stdin", subprocess.PIPE)
        self.popen = subprocess.Popen(argv, stdout=subprocess.PIPE,
                                      stderr=self.errors, **options)
        self.pid = self.popen.pid
        self.output = Output(self.popen.stdout)

    def stderr(self):
        with open(self.errors.name, encoding="utf-8", errors="replace") as f:
            return f.read()

    def line(self):
        """The next line that it prints; it must print one."""
        line = self.output.line()
        if line is None:
            raise Fail("%s ended (status %s) before it said anything:\n%s" % (
                self.argv[-3:], self.wait(), self.stderr()[-2000:]))
        return line.rstrip("\n")

    def said(self):
        return json.loads(self.line())

    def tell(self, text):
        self.popen.stdin.write(text.encode())
        self.popen.stdin.flush()

    def stop(self):
        """Ends its standard input; the rest of its output."""
        if self.popen.stdin and not self.popen.stdin.closed:
            try:
                self.popen.stdin.close()
            except BrokenPipeError:
                pass
        rest = self.output.rest()
        self.wait()
        return rest

    def wait(self, seconds=DEADLINE):
        try:
            return self.popen.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            raise Fail("%s is still running after %g s" % (
                self.argv[:2], seconds))

    def running(self):
        return self.popen.poll() is None

    def signal(self, number):
        self.popen.send_signal(number)

    def kill(self):
        if self.running():
            self.popen.kill()
        self.popen.wait()
        if self.popen.stdin and not self.popen.stdin.closed:
            try:
                self.popen.stdin.close()
            except BrokenPipeError:
                pass
        self.errors.close()


class Result:
    def __init__(self, argv, status, out, err):
        self.argv, self.status, self.out, self.err = argv, status, out, err

    def __str__(self):
        return "%s\nstatus %s\n%s%s" % (
            " ".join(self.argv), self.status, self.out[-2000:],
            self.err[-4000:])


def status_of_proc(pid):
    """Fields of /proc/PID/status."""
    with open("/proc/%d/status" % pid) as f:
        return dict(line.rstrip("\n").partition(":\t")[::2] for line in f)


def state_of(pid):
    """The letter of its state, or None when it is gone."""
    try:
        with open("/proc/%d/stat" % pid) as f:
            return f.read().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return None


def suspend(pid):
    """Stops it by SIGSTOP: the kernel stops each thread when it next runs."""
    os.kill(pid, signal.SIGSTOP)
    wait_until(lambda: all(state_of(int(tid)) == "T"
                           for tid in os.listdir("/proc/%d/task" % pid)),
               "the stop of %d" % pid)


def expect_untouched(pid):
    """No thread of it is traced or stopped."""
    for tid in os.listdir("/proc/%d/task" % pid):
        try:
            with open("/proc/%d/task/%s/status" % (pid, tid)) as f:
                text = f.read()
        except (FileNotFoundError, ProcessLookupError):
            continue
        expect("TracerPid:\t0\n" in text, "thread %s is traced", tid)
        expect(not re.search(r"State:\t[tT]", text), "thread %s is stopped",
               tid)


class Test:
    """One run of one test: what it started is gone when it ends."""

    def __init__(self, program, python, pythons, size="usual"):
        self.program = program
        self.size = size  # "quick", "usual" or "long"
        self.python = python
        self.pythons = pythons
        self.folder = tempfile.mkdtemp(prefix="pystrobe-test-")
        self.started = []
        self.last = None  # result of the last program that ran to its end
        self.environment = dict(
            os.environ, LC_ALL="C.UTF-8",
            ASAN_OPTIONS="exitcode=%d" % SANITIZER_STATUS,
            UBSAN_OPTIONS="exitcode=%d:print_stacktrace=1" % SANITIZER_STATUS)
        for name in ("PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP"):
            self.environment.pop(name, None)

    def close(self):
        for process in reversed(self.started):
            process.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def rounds(self, usual, **others):
        """How often to do what is done many times, by the test's size."""
        return others.get(self.size, usual)

    def tool(self, name):
        """A program of tests/tools, built with the one that is tested."""
        return os.path.join(os.path.dirname(self.program), "tests", name)

    @property
    def sanitized(self):
        return "/san-" in self.program

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    def start(self, argv, **options):
        options.setdefault("env", self.environment)
        options.setdefault("cwd", "/")  # names of files are not shortened by it
        process = Process([str(word) for word in argv], self.folder, **options)
        self.started.append(process)
        return process

    def target(self, name, *args, **options):
        """Starts a program of tests/targets; it has said nothing yet."""
        python = options.pop("python", self.python)
        return self.start(python.argv(python.script(name), *map(str, args)),
                          **options)

    def ready(self, name, *args, **options):
        """The same, once it has said that it is ready."""
        process = self.target(name, *args, **options)
        first = process.line()
        process.facts = json.loads(first) if first[0] == "{" else first
        return process

    def begin(self, *args, **options):
        """Starts pystrobe and does not wait for it."""
        return self.start([self.program] + list(args), **options)

    def run(self, argv, status=0, seconds=DEADLINE, **options):
        """Runs a program to its end, which must have this exit status (None:
        any)."""
        argv = [str(word) for word in argv]
        options.setdefault("env", self.environment)
        options.setdefault("stdin", subprocess.DEVNULL)
        options.setdefault("cwd", "/")
        try:
            done = subprocess.run(argv, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, timeout=seconds,
                                  **options)
        except subprocess.TimeoutExpired as late:
            raise Fail("still running after %g s: %s\n%s" % (
                seconds, " ".join(argv), (late.stderr or b"").decode()))
        result = Result(argv, done.returncode,
                        done.stdout.decode("utf-8", "surrogateescape"),
                        done.stderr.decode("utf-8", "surrogateescape"))
        self.last = result
        for sign in ("AddressSanitizer", "LeakSanitizer", "runtime error:"):
            expect(sign not in result.err, "a sanitizer spoke: %s", result)
        if status is not None and result.status != status:
            raise Fail("wanted exit status %s: %s" % (status, result))
        return result

    def pystrobe(self, *args, **options):
        return self.run([self.program] + list(args), **options)

    def folded(self, *args, **options):
        """Runs pystrobe with collapsed stacks to standard output: a list of
        ([frame, ...] root first, count)."""
        result = self.pystrobe(*(args + ("-f", "collapsed", "-o", "-")),
                               **options)
        return parse_folded(result.out)


def parse_folded(text):
    stacks = []
    for line in text.split("\n"):
        if line:
            match = re.match(r"(.+) ([0-9]+)$", line)
            expect(match, "not a collapsed stack: %r", line)
            stacks.append((match.group(1).split(";"), int(match.group(2))))
    return stacks


def total(stacks, having=""):
    """Samples of all stacks that have a frame with this text."""
    return sum(count for frames, count in stacks
               if any(having in frame for frame in frames))


# ---- running them ----

class Outcome:
    def __init__(self, name, python, kind, text=""):
        self.name, self.python, self.kind, self.text = name, python, kind, text


def run_one(name, function, python, pythons, program, size="usual"):
    test = Test(program, python, pythons, size)
    try:
        function(test)
        return Outcome(name, python, "passed")
    except Skip as reason:
        return Outcome(name, python, "skipped", str(reason))
    except Exception as error:  # whatever it is, it is this test's failure
        frames = inspect.trace()
        where = "; ".join("%s:%d" % (os.path.basename(f.filename), f.lineno)
                          for f in frames[1:])
        errors = "".join(
            "\n  stderr of %s: %s" % (p.argv[-2:], p.stderr()[-1500:])
            for p in test.started if p.stderr().strip())
        if test.last and test.last.err.strip():
            errors += "\n  last run: %s" % test.last.err[-1500:]
        return Outcome(name, python, "failed", "%s: %s (%s)%s" % (
            type(error).__name__, error, where, errors))
    finally:
        test.close()
