"""Where an output cannot be written: one sentence, and the old file whole."""
import os
import re
import shutil
import subprocess

from harness import (EXIT_FAILED, EXIT_USAGE, Skip, contains, each_python,
                     equal, expect, need)

OLD = b"what was there before\n"


def recording(t):
    """A short one of the real thing."""
    target = t.ready("busy.py")
    path = t.path("run.strobe")
    t.pystrobe("record", "-p", str(target.pid), "-d", "200ms", "-o", path)
    target.stop()
    return path


def formats(t):
    """What report can write, as it says itself."""
    said = t.pystrobe("report", "-f", "?", "x", status=EXIT_USAGE).err
    names = re.search(r"the formats are (.*)", said).group(1).split(", ")
    expect(len(names) > 4, "formats are %s", names)
    return [name for name in names if name != "strobe"]


def one_sentence(result, *words):
    lines = result.err.rstrip("\n").split("\n")
    expect(len(lines) == 1 and lines[0].startswith("pystrobe: "),
           "not one sentence: %s", result)
    for word in words:
        contains(lines[0], word, "the sentence")


def closed_pipe():
    """The writing end of a pipe that nobody will read."""
    reading, writing = os.pipe()
    os.close(reading)
    return writing


def into(t, where, argv):
    """Runs it with this as its standard output; the result."""
    errors = t.path("errors")
    with open(errors, "wb") as f:
        status = subprocess.call([t.program] + argv, stdout=where, stderr=f,
                                 stdin=subprocess.DEVNULL, env=t.environment,
                                 close_fds=True)
    with open(errors, encoding="utf-8") as f:
        said = f.read()
    return t.run(["sh", "-c", 'printf %s "$1" >&2; exit "$2"', "sh", said,
                  str(status)], status=None)


def test_standard_output(t):
    """Nobody reads it, it is full, or it is closed; for every format, and
    every command that writes there."""
    saved = recording(t)
    target = t.ready("busy.py")
    runs = [["report", "-f", name, saved] for name in formats(t)]
    runs += [["dump", str(target.pid)], ["dump", "--json", str(target.pid)],
             ["record", "-q", "-p", str(target.pid), "-d", "20ms", "-f",
              "collapsed", "-o", "-"], ["--version"], ["report", "--help"]]
    for argv in runs:
        pipe = closed_pipe()
        result = into(t, pipe, argv)
        os.close(pipe)
        equal(result.status, EXIT_FAILED, "status of %s" % argv)
        one_sentence(result, "Broken pipe")
        with open("/dev/full", "wb") as full:
            result = into(t, full, argv)
        equal(result.status, EXIT_FAILED, "status of %s" % argv)
        one_sentence(result, "No space left")
        result = t.run(["sh", "-c", 'exec "$@" >&-', "sh", t.program] + argv,
                       status=EXIT_FAILED)
        one_sentence(result, "standard output")


def expect_kept(path, folder, names):
    """The old file is whole, and nothing was left beside it."""
    with open(path, "rb") as f:
        equal(f.read(), OLD, "the old file")
    equal(sorted(os.listdir(folder)), sorted(names), "files in the folder")


def test_what_is_no_file(t):
    saved = recording(t)
    folder = t.path("folder.svg")
    os.mkdir(folder)
    for command in (["report", saved], ["record", "-p", str(os.getpid())]):
        result = t.pystrobe(*(command + ["-o", folder]), status=EXIT_FAILED)
        one_sentence(result, folder, "directory")
        result = t.pystrobe(*(command + ["-o", t.path("no/such.svg")]),
                            status=EXIT_FAILED)
        one_sentence(result, t.path("no/such.svg"), "No such file")
        below = os.path.join(saved, "x.svg")
        result = t.pystrobe(*(command + ["-o", below]), status=EXIT_FAILED)
        one_sentence(result, below, "Not a directory")
    equal(os.listdir(folder), [], "files in the folder")


def test_links(t):
    """What a link names is written; the link stays one."""
    saved = recording(t)
    target = t.ready("busy.py")
    real = t.path("real")
    os.mkdir(real)
    for name, old in (("old.svg", OLD), ("new.svg", None),
                      ("old.strobe", OLD), ("new.strobe", None)):
        link, file = t.path("link-" + name), os.path.join(real, name)
        if old:
            with open(file, "wb") as f:
                f.write(old)
        os.symlink(os.path.join("real", name), link)
        if name.endswith(".svg"):
            t.pystrobe("report", saved, "-o", link)
        else:
            t.pystrobe("record", "-p", str(target.pid), "-d", "50ms", "-o",
                       link)
        expect(os.path.islink(link), "%s is no link any more", link)
        expect(os.path.getsize(file) > 100, "%s was not written", file)
    equal(sorted(os.listdir(real)), ["new.strobe", "new.svg", "old.strobe",
                                     "old.svg"], "files")
    loop = t.path("loop.svg")
    os.symlink("loop.svg", loop)
    result = t.pystrobe("report", saved, "-o", loop, status=EXIT_FAILED)
    one_sentence(result, loop, "symbolic links")
    expect(os.path.islink(loop), "the loop is gone")


# ---- other file systems, in a mount namespace of their own ----

# Fills a small one, then runs the rest in it; what is in it is shown.
FULL = ('mount -t tmpfs -o size=128k none "$1" && cd "$1" && '
        'printf "%s" "$2" >x.svg && cp x.svg x.strobe && shift 2 && '
        '{ cat /dev/zero >filler 2>&1 || :; } && "$@"; status=$?; '
        'cat x.svg x.strobe; ls; exit $status')
READ_ONLY = ('mount -t tmpfs none "$1" && cd "$1" && printf "%s" "$2" >x.svg '
             '&& cp x.svg x.strobe && mount -o remount,ro none "$1" && '
             'cd "$1" && shift 2 && "$@"; status=$?; cat x.svg x.strobe; ls; '
             'exit $status')


def in_mount(t, script, argv):
    """Runs pystrobe in a file system that cannot take its output, in which
    x.svg and x.strobe are; these are the same afterwards."""
    need("unshare")
    enter = ["unshare", "--mount", "--propagation", "private"]
    if os.geteuid():
        enter += ["--map-root-user"]
    place = t.path("mount")
    os.makedirs(place, exist_ok=True)
    tried = subprocess.run(enter + ["mount", "-t", "tmpfs", "none", place],
                           stderr=subprocess.PIPE)
    if tried.returncode:
        raise Skip("no file system can be mounted: %s" %
                   tried.stderr.decode().strip())
    result = t.run(enter + ["sh", "-c", script, "sh", place, OLD.decode(),
                            t.program] + argv, status=EXIT_FAILED)
    kept, names = result.out[:2 * len(OLD)], result.out[2 * len(OLD):].split()
    equal(kept.encode(), 2 * OLD, "the old files")
    equal([name for name in names if name != "filler"],
          ["x.strobe", "x.svg"], "files afterwards")
    return result


def test_full_disk(t):
    saved = recording(t)
    for name in formats(t):
        one_sentence(in_mount(t, FULL, ["report", saved, "-f", name, "-o",
                                        "x.svg"]), "x.svg", "No space left")


def test_read_only(t):
    saved = recording(t)
    for name in formats(t):
        one_sentence(in_mount(t, READ_ONLY, ["report", saved, "-f", name, "-o",
                                             "x.svg"]), "x.svg", "Read-only")


def test_recorder_without_a_place(t):
    """Of record: a picture, and the recording itself."""
    target = t.ready("busy.py")
    common = ["record", "-p", str(target.pid), "-d", "100ms", "-o"]
    for script, why in ((FULL, "No space left"), (READ_ONLY, "Read-only")):
        for name in ("x.svg", "x.strobe"):
            result = in_mount(t, script, common + [name])
            one_sentence(result, name, why)
            kept = re.search(r"what was recorded is in '(.*?)'", result.err)
            equal(bool(kept), (script, name) == (FULL, "x.svg"), "kept")
            if kept:
                expect(t.pystrobe("report", kept.group(1), "-q").out,
                       "nothing is in what was kept")
                shutil.rmtree(os.path.dirname(kept.group(1)))


@each_python(quick=False)
def test_folder_of_others(t):
    """A folder in which one may not write."""
    if os.geteuid():
        raise Skip("only root can become another user")
    need("setpriv")
    saved = recording(t)
    os.chmod(t.folder, 0o755)
    os.chmod(saved, 0o644)
    program = shutil.copy(t.program, t.path("pystrobe"))
    os.chmod(program, 0o755)
    folder = t.path("theirs")
    os.mkdir(folder, 0o755)
    out = os.path.join(folder, "x.svg")
    with open(out, "wb") as f:
        f.write(OLD)
    result = t.run(["setpriv", "--reuid", "nobody", "--regid", "nogroup",
                    "--clear-groups", program, "report", saved, "-o", out],
                   status=EXIT_FAILED)
    one_sentence(result, out, "Permission denied")
    # The picture that a recorder makes when nothing else is said.
    result = t.run(["setpriv", "--reuid", "nobody", "--regid", "nogroup",
                    "--clear-groups", program, "record", "true"],
                   status=EXIT_FAILED, cwd=folder)
    one_sentence(result, "pystrobe.svg", "-o names another place")
    expect_kept(out, folder, ["x.svg"])
