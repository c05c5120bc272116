"""Interpreters in unusual places: embedded, stripped, deleted, replaced by
exec, in executables with odd names. (Another root folder and mount namespace:
every test that runs on the sid root.)"""
import json
import os
import shutil
import signal

from harness import (ROOT, Skip, each_python, equal, expect, need, total,
                     wait_until)
from test_stacks import SHORT, chain, compare

EMBED = os.path.join(ROOT, "tests", "targets", "embed", "build.sh")


def own(t):
    """Skips interpreters that cannot be copied: those of another root."""
    if t.python.root:
        raise Skip("lives in a root folder of its own")
    return t.python


def embed(t):
    python = own(t)
    host = t.path("host")
    built = t.run(["sh", EMBED, python.path, host], status=None)
    if built.status == 77:
        raise Skip(built.err.strip())
    expect(built.status == 0, "the host program does not build: %s", built)
    return host


def prefix_of(t):
    return t.run([t.python.path, "-c",
                  "import sys; print(sys.prefix)"]).out.strip()


def mapped_library(pid):
    with open("/proc/%d/maps" % pid) as maps:
        for line in maps:
            path = line.rstrip("\n").partition("/")[2]
            if os.path.basename(path).startswith("libpython"):
                return "/" + path
    return None


def copy_of(t, name="python"):
    """A copy of the interpreter, with its library beside it if it has one;
    (argv, environment, the copied files)."""
    python = own(t)
    folder = t.path("copy")
    os.mkdir(folder)
    probe = t.ready("alternate.py")
    library = mapped_library(probe.pid)
    probe.stop()
    files = [shutil.copy(python.path, os.path.join(folder, name))]
    if library:
        files.append(shutil.copy(library, folder))
    environment = dict(t.environment, PYTHONHOME=prefix_of(t),
                       LD_LIBRARY_PATH=folder)
    return files[0], environment, files


def chain_of_copy(t, program, environment, files):
    """chain.py on a copied interpreter that is really the one at work."""
    python = t.python
    target = t.start([program, python.script("chain.py")],
                     env=environment)
    target.facts = target.said()
    reporter = "/proc/%d/task/%d" % (target.pid, target.facts["reporter"])
    wait_until(lambda: not os.path.exists(reporter), "the reporter's end")
    library = mapped_library(target.pid)
    if library and library not in files:
        raise Skip("the loader does not take the copied library")
    return target


def check_truth(t, target):
    stacks = t.folded("record", "-p", str(target.pid), "-t", "-i",
                      "--full-filenames", *SHORT)
    compare(t.python, stacks, target.facts, "full")


@each_python()
def test_embedded(t):
    """A C program that runs Python in two threads and two interpreters."""
    host = embed(t)
    target = t.start([host, "-t", "-s", t.python.script("places.py")])
    arrived = sorted(target.line() for _ in range(3))
    expect(arrived == ["__main__", "__sub__", "__thread__"], "%r", arrived)
    stacks = t.folded("record", "-p", str(target.pid), "-i", *SHORT)
    for place in ("in_main", "in_thread", "in_sub"):
        expect(total(stacks, place + " (places.py:"), "no sample %s: %r",
               place, stacks)


@each_python(minimum=(3, 12))
def test_own_gil(t):
    """An interpreter with a GIL of its own."""
    host = embed(t)
    target = t.start([host, "-g", t.python.script("places.py")])
    sorted(target.line() for _ in range(2))
    stacks = t.folded("record", "-p", str(target.pid), "-i", *SHORT)
    for place in ("in_main", "in_sub"):
        expect(total(stacks, place + " (places.py:"), "no sample %s: %r",
               place, stacks)


@each_python(quick=False)
def test_embedded_truth(t):
    """Every frame is true there, too."""
    host = embed(t)
    target = t.start([host, t.python.script("chain.py")])
    target.facts = target.said()
    reporter = "/proc/%d/task/%d" % (target.pid, target.facts["reporter"])
    wait_until(lambda: not os.path.exists(reporter), "the reporter's end")
    check_truth(t, target)


@each_python()
def test_stripped(t):
    """Neither the program nor its library has a symbol table."""
    strip = need("strip")
    program, environment, files = copy_of(t)
    for path in files:
        os.chmod(path, 0o755)
        t.run([strip, "--strip-all", path])
    check_truth(t, chain_of_copy(t, program, environment, files))


@each_python(quick=False)
def test_deleted(t):
    """The program's files are gone, as after an upgrade of the package."""
    if os.geteuid():
        raise Skip("only root can open files that are deleted")
    program, environment, files = copy_of(t)
    target = chain_of_copy(t, program, environment, files)
    for path in files:
        os.unlink(path)
    check_truth(t, target)


@each_python(quick=False)
def test_odd_name(t):
    """The name of the program has what separates fields in /proc."""
    program, environment, files = copy_of(t, "py) R 1 (\n th;on 7")
    check_truth(t, chain_of_copy(t, program, environment, files))


def test_static_not_pie(t):
    """libpython inside of an executable at fixed addresses."""
    for python in t.pythons:
        if python.kind == "Debian's own":
            break
    else:
        raise Skip("there is no Python of Debian's own")
    t.python = python
    config = os.path.join(os.path.dirname(python.path),
                          "python%s-config" % python.short)
    archive = t.run([python.path, "-c", "import sysconfig; print(sysconfig."
                     "get_config_var('LIBPL') + '/libpython%s.a')" %
                     python.short]).out.strip()
    if not os.path.exists(archive):
        raise Skip("there is no '%s'" % archive)
    if not os.path.exists(config):
        raise Skip("there is no '%s'" % config)
    includes = t.run([config, "--includes"]).out.split()
    libraries = [word for word in t.run(
        [config, "--ldflags", "--embed"]).out.split()
        if word.startswith("-l") and not word.startswith("-lpython")]
    host = t.path("host")
    source = os.path.join(ROOT, "tests", "targets", "embed", "embed.c")
    built = t.run(["cc", "-std=gnu11", "-w", "-no-pie", "-o", host, source] +
                  includes + [archive, "-Wl,--export-dynamic", "-lexpat",
                              "-lz", "-lm", "-pthread"] + libraries,
                  status=None)
    if built.status:
        raise Skip("cannot link it: " + built.err.strip().split("\n")[-1])
    target = t.start([host, python.script("chain.py")])
    target.facts = target.said()
    reporter = "/proc/%d/task/%d" % (target.pid, target.facts["reporter"])
    wait_until(lambda: not os.path.exists(reporter), "the reporter's end")
    check_truth(t, target)


@each_python(quick=False)
def test_exec(t):
    """The target becomes another program: the recording goes on with it."""
    target = t.ready("pair.py", "before")
    saved = t.path("run.strobe")
    recorder = t.begin("record", "-p", str(target.pid), "-o", saved)

    def seen(name):
        """Also: a recording can be read while it is being written."""
        if not os.path.exists(saved):
            return False
        return total(t.folded("report", saved), name + " (pair.py:")

    wait_until(lambda: seen("before"), "samples before exec")
    target.tell("\n")
    expect(target.line() == "after", "the target did not exec")
    wait_until(lambda: seen("after"), "samples after exec")
    recorder.signal(2)
    expect(recorder.wait() == 0, "record ended badly: %s", recorder.stderr())
    expect(seen("before") and seen("after"), "both are in the recording")


@each_python()
def test_exec_at_the_same_addresses(t):
    """Without random addresses the new program looks like the old one."""
    fixed = [need("setarch"), "-R"]
    if t.run(fixed + ["true"], status=None).status:
        raise Skip("addresses cannot be kept from being random")
    target = t.start(fixed + t.python.argv(t.python.script("pair.py"),
                                           "before"))
    equal(target.line(), "before", "what it says")
    saved = t.path("run.strobe")
    recorder = t.begin("record", "-p", str(target.pid), "-o", saved, "-r",
                       "500")

    def seen(name):
        return os.path.exists(saved) and total(
            t.folded("report", saved), name + " (pair.py:")

    wait_until(lambda: seen("before"), "samples before exec")
    target.tell("\n")
    equal(target.line(), "after", "what it says")
    wait_until(lambda: seen("after"), "samples after exec")
    recorder.signal(signal.SIGINT)
    equal(recorder.wait(), 0, "status")
    report = json.loads(t.pystrobe("report", saved, "--json").out)["recording"]
    equal([p["command"].split()[-1] for p in report["processes"]],
          ["before", "after"], "programs")
    for row in report["threads"]:
        expect(row["name"], "a thread without a name: %r", row)
    # That it is another one may be noticed 100 ms late. Interrupts see it at once,
    # but what it does while it becomes another one is not always known.
    late = 30 if "in interrupts" in recorder.stderr() else 55
    first = sum(row["samples"] for row in report["threads"]
                if row["main"] and not row["process"])
    expect(0 <= first - seen("before") <= late, "%d samples of the first "
           "program, %d of what it did", first, seen("before"))


def test_library_of_another_user(t):
    """A root user's pystrobe reads a target of another user."""
    if os.geteuid():
        raise Skip("only root can start a program as another user")
    need("setpriv")
    for python in reversed(t.pythons):
        if python.kind == "Debian's own":
            break
    else:
        raise Skip("there is no Python that every user can run")
    code = ("import sys, time\ndef waiting():\n    print('ready', flush=True)\n"
            "    sys.stdin.read()\nwaiting()\n")
    target = t.start(["setpriv", "--reuid", "nobody", "--regid", "nogroup",
                      "--clear-groups", python.path, "-c", code])
    target.line()
    stacks = t.folded("record", "-p", str(target.pid), "-i", *SHORT)
    expect(total(stacks, "waiting ("), "no sample: %r", stacks)
