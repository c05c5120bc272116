"""What cannot be sampled, and what cannot be meant: one sentence each."""
import os
import shutil
import struct

from harness import (EXIT_DENIED, EXIT_FAILED, EXIT_USAGE, Skip, each_python,
                     equal, expect, need, state_of, wait_until)


def sentence(result):
    """The one sentence of an error, checked for its form."""
    lines = result.err.rstrip("\n").split("\n")
    expect(result.out == "", "an error goes to stderr: %s", result)
    expect(lines[0].startswith("pystrobe: "), "who says so: %s", result)
    if result.status == EXIT_USAGE:
        expect(len(lines) == 2 and "--help" in lines[1], "%s", result)
    else:
        expect(len(lines) == 1, "more than one sentence: %s", result)
    expect(not lines[0].endswith(".") or lines[0].endswith("..."),
           "a full stop: %s", result)
    return lines[0]


def refused(t, pid, *words, **options):
    """record -p fails with a sentence that has these words; no file is left."""
    out = t.path("out.svg")
    result = t.pystrobe("record", "-p", str(pid), "-d", "5s", "-o", out,
                        status=options.get("status", EXIT_FAILED))
    said = sentence(result)
    for word in words:
        expect(word in said, "no %r in: %s", word, said)
    expect(not os.path.exists(out), "an output in spite of: %s", said)
    return said


def test_not_python(t):
    other = t.start(["sleep", "1000"])
    wait_until(lambda: os.path.basename(os.readlink(
        "/proc/%d/exe" % other.pid)) in ("sleep", "coreutils", "busybox"),
        "exec of sleep")
    refused(t, other.pid, "not Python", "sleep", str(other.pid))


def test_gone(t):
    ended = t.start(["true"])
    ended.wait()
    refused(t, ended.pid, str(ended.pid), "no process")
    refused(t, 4194304, "4194304")


def test_zombie(t):
    ended = t.start(["true"])
    wait_until(lambda: state_of(ended.pid) == "Z", "a zombie")
    refused(t, ended.pid, "zombie", str(os.getpid()))


def test_kernel_thread(t):
    try:
        with open("/proc/2/status") as f:
            if "Name:\tkthreadd" not in f.read():
                raise Skip("process 2 is not the kernel's")
    except OSError:
        raise Skip("no kernel threads are seen here")
    refused(t, 2, "kernel thread")


def test_thread_id(t):
    target = t.ready("busy.py")
    refused(t, target.facts["idle_tid"], "thread", str(target.pid))


def tiny_32_bit_program():
    """An ELF file for i386 that calls pause for ever."""
    code = b"\xb8\x1d\x00\x00\x00\xcd\x80\xeb\xf7"
    base, start = 0x8048000, 52 + 32
    header = struct.pack(
        "<4sBBBBB7xHHIIIIIHHHHHH", b"\x7fELF", 1, 1, 1, 0, 0, 2, 3, 1,
        base + start, 52, 0, 0, 52, 32, 1, 0, 0, 0)
    segment = struct.pack("<IIIIIIII", 1, 0, base, base, start + len(code),
                          start + len(code), 5, 4096)
    return header + segment + code


def test_32_bit(t):
    program = t.path("small")
    with open(program, "wb") as f:
        f.write(tiny_32_bit_program())
    os.chmod(program, 0o755)
    try:
        other = t.start([program])
    except OSError as error:
        raise Skip("32-bit programs do not run here: %s" % error)
    wait_until(lambda: state_of(other.pid) in ("S", None, "Z"), "pause")
    if state_of(other.pid) != "S":
        raise Skip("32-bit programs do not run here")
    refused(t, other.pid, "32-bit")


@each_python(quick=False)
def test_not_permitted(t):
    """Another user may not look: status 77, the cause and the remedy."""
    if os.geteuid():
        raise Skip("only root can become another user")
    need("setpriv")
    folder = t.path("for-all")
    os.chmod(t.folder, 0o755)
    os.mkdir(folder)
    os.chmod(folder, 0o777)
    program = shutil.copy(t.program, os.path.join(folder, "pystrobe"))
    os.chmod(program, 0o755)
    target = t.ready("busy.py")
    out = os.path.join(folder, "out.svg")
    result = t.run(["setpriv", "--reuid", "nobody", "--regid", "nogroup",
                    "--clear-groups", program, "record", "-p",
                    str(target.pid), "-d", "1s", "-o", out],
                   status=EXIT_DENIED, cwd="/")
    said = sentence(result)
    expect("sudo pystrobe" in said and "root" in said, "%s", said)
    expect(not os.path.exists(out), "an output in spite of: %s", said)


USAGE = (
    (["record"], "-p"),
    (["record", "-p"], "--pid"),
    (["record", "-p", "x"], "'x'"),
    (["record", "-p", "0"], "'0'"),
    (["record", "-p", "-5"], "'-5'"),
    (["record", "-p", "99999999999"], "99999999999"),
    (["record", "-p", "1", "-d", "soon"], "'soon'"),
    (["record", "-p", "1", "-d", "-1"], "'-1'"),
    (["record", "-p", "1", "-d", "1e9"], "'1e9'"),
    (["record", "-p", "1", "-r", "fast"], "'fast'"),
    (["record", "-p", "1", "-r", "0"], "'0'"),
    (["record", "-p", "1", "-r", "5G"], "'5G'"),
    (["record", "-p", "1", "-o", "x.xyz"], "x.xyz"),
    (["record", "-p", "1", "-o", "noextension"], "noextension"),
    (["record", "-p", "1", "-o", "-"], "-f"),
    (["record", "-p", "1", "-f", "pdf"], "'pdf'"),
    (["record", "-p", "1", "--seed", "x"], "'x'"),
    (["record", "-p", "1", "--", "program"], "program"),
    (["record", "-p", "1", "--kill-after"], "--kill-after"),
    (["record", "--durration", "3"], "--duration"),
    (["record", "-Z"], "-Z"),
    (["report"], "recording"),
    (["report", "--limit", "0", "x"], "--limit"),
    (["report", "-o", "x.xyz", "y"], "x.xyz"),
    (["report", "-o", "x.strobe", "y"], "recording"),
    (["reprot", "x"], "report"),
    (["1234"], "1234"),
    (["-x"], "-x"),
)


def test_usage(t):
    """Each mistake is exit status 2 and a sentence that names it."""
    for args, word in USAGE:
        result = t.pystrobe(*args, status=EXIT_USAGE, cwd=t.folder)
        expect(word in sentence(result), "no %r in: %s", word, result)
    equal(os.listdir(t.folder), [name for name in os.listdir(t.folder)
                                 if name.startswith("err-")], "files left")


def test_durations_and_rates(t):
    """The ways to write them that the manual names."""
    target = t.ready("busy.py")
    for duration in ("0.05", "0.05s", "50ms", "0.001m"):
        for rate in ("100", "0.5k", "1khz", "1K", "200Hz"):
            t.pystrobe("record", "-q", "-p", str(target.pid), "-d", duration,
                       "-r", rate, "-f", "collapsed", "-o", "/dev/null")


def test_not_a_recording(t):
    """Other files, missing ones, folders: each its own sentence."""
    texts = {"empty": b"", "text": b"hello\n" * 1000, "zeros": bytes(100000)}
    for name, data in texts.items():
        with open(t.path(name), "wb") as f:
            f.write(data)
    for name in sorted(texts) + ["missing", "."]:
        result = t.pystrobe("report", t.path(name), status=EXIT_FAILED)
        expect(t.path(name) in sentence(result), "which file? %s", result)
        equal("pystrobe convert" in result.err, name in ("text", "zeros"),
              "the advice to convert %s" % name)


def test_exec_into_no_python(t):
    """The target becomes another kind of program: the recording ends well."""
    target = t.ready("end.py", "0.3", "exec", "/bin/sleep", "1000")
    out = t.path("out.folded")
    t.pystrobe("record", "-p", str(target.pid), "-o", out)
    expect(os.path.getsize(out) > 0, "what was before is lost")
    expect(state_of(target.pid) == "S", "the target did not go on")
