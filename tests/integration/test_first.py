"""The first ten minutes: what a new user types, and the one sentence that each
of it is answered with."""
import os
import re
import shutil

from harness import (EXIT_DENIED, EXIT_FAILED, EXIT_USAGE, ROOT, Skip,
                     contains, equal, expect, need, wait_until)
from test_errors import sentence


def answered(t, status, *words, **options):
    """The sentence with which pystrobe answers these words."""
    result = t.pystrobe(*words, status=status, cwd=options.get(
        "cwd", t.folder))
    return sentence(result)


def commands_of(t):
    return re.search(r"^commands: (.*)$", t.pystrobe("-V").out,
                     re.M).group(1).split()


def follow(t, said, status):
    """Types the command that a sentence ends with, cut of what is for the
    reader to fill in."""
    command = said.rpartition(": pystrobe ")[2]
    expect(command != said, "no command is named in: %s", said)
    return t.pystrobe(*command.split(), status=status, cwd=t.folder)


def test_no_arguments(t):
    """The help, which tells every command, and how to find a PID."""
    first = t.pystrobe()
    equal(first.err, "", "stderr")
    equal(first.out, t.pystrobe("--help").out, "the help")
    for command in commands_of(t):
        contains(first.out, "\n  %s " % command, "the help")
        help_text = t.pystrobe("help", command).out
        equal(help_text, t.pystrobe(command, "-h").out, "its help")
        for part in ("Usage: pystrobe %s" % command, "Options:", "Examples:"):
            contains(help_text, part, "the help of " + command)
    contains(first.out, "pgrep -a python", "how to find a PID")


def test_bare_commands(t):
    """Each command without a word says what it needs, and how to find it."""
    for command in commands_of(t):
        said = answered(t, EXIT_USAGE, command)
        expect("?" in said or "needs" in said, "no question in: %s", said)
    for command in ("record", "dump", "top"):
        contains(answered(t, EXIT_USAGE, command), "pgrep -a python", command)


def test_bare_pid(t):
    """Both that can be done with it are named, as they are to be typed."""
    target = t.ready("busy.py")
    said = answered(t, EXIT_USAGE, str(target.pid))
    dump, record = "dump %d" % target.pid, "record -p %d -d 10" % target.pid
    for command in (dump, record):
        contains(said, "pystrobe %s (" % command, "what is said")
    contains(t.pystrobe(*dump.split()).out, "busy.py", "the first of them")


MISSPELT = (
    (("reccord",), "record"), (("rec",), "record"), (("dupm",), "dump"),
    (("reports", "x"), "report"), (("hlep",), "help"),
    (("version",), "--version"), (("--verison",), "--version"),
    (("-v",), "--version"), (("--hepl",), "--help"), (("help", "dum"), "dump"),
    (("record", "--duraton", "3"), "--duration"),
    (("record", "-duration", "3"), "--duration"),
    (("record", "-pid", "3"), "--pid"), (("record", "-P", "3"), "-p"),
    (("report", "--flter"), None), (("dump", "--jsno", "1"), "--json"),
    (("dump", "--locls", "1"), "--locals"),
)


def test_misspelt(t):
    """The nearest command or option is named."""
    for words, meant in MISSPELT:
        said = answered(t, EXIT_USAGE, *words)
        if meant:
            contains(said, "did you mean '%s'" % meant, " ".join(words))
        else:
            expect("did you mean" not in said, "a guess: %s", said)


def test_not_a_command(t):
    """What is no command at all gets advice that can be typed."""
    for word in ("flame", "attach", "top-of-all"):
        said = answered(t, EXIT_USAGE, word)
        for command in commands_of(t):
            contains(said, command, "what there is instead of " + word)
    for word, advice in (
            ("app.py", "pystrobe record -- python3 app.py"),
            ("python3", "pystrobe record -- python3"),
            ("./server", "pystrobe record -- ./server"),
            ("run.strobe", "pystrobe report run.strobe"),
            ("-p", "pystrobe record -p"),
            ("--pid=3", "pystrobe record --pid=3")):
        contains(answered(t, EXIT_USAGE, word), advice, "advice for " + word)


def test_option_of_another_command(t):
    contains(answered(t, EXIT_USAGE, "report", "-p", "1"), "pystrobe record",
             "whose option it is")
    contains(answered(t, EXIT_USAGE, "report", "--duration", "1"),
             "pystrobe record", "whose option it is")


def test_shell(t):
    """The PID of a shell: which of its processes is the Python."""
    # The shell gives what it starts behind it no standard input.
    shell = t.start(["sh", "-c", 'exec 3<&0; "$@" <&3 & wait', "sh"] +
                    t.python.argv(t.python.script("busy.py")))
    shell.line()
    for words in (("record", "-d", "1", "-p"), ("dump",)):
        said = answered(t, EXIT_FAILED, *words, str(shell.pid))
        found = re.search(r" is not Python; process (\d+) \('.*busy\.py'\), "
                          r"which it started, is: give that PID$", said)
        expect(found, "not the child: %s", said)
    pid = found.group(1)
    contains(t.pystrobe("dump", pid).out, "busy.py", "what is advised")
    os.kill(int(pid), 9)
    # Without one, there is just the advice to look for it.
    lonely = t.start(["sh", "-c", "echo; read word"])
    lonely.line()
    contains(answered(t, EXIT_FAILED, "dump", str(lonely.pid)),
             "is not Python", "a shell alone")


def test_wrapper(t):
    """A program that starts Python as another process: while it is waited
    for, that one is named."""
    recorder = t.begin("record", "-o", t.path("out.svg"), "--", "sh", "-c",
                       '"$@"; true', "sh",
                       *t.python.argv(t.python.script("busy.py")))
    said = wait_until(lambda: recorder.stderr().strip(), "a sentence")
    found = re.search(r"which it started, is: pystrobe record -p (\d+)$", said)
    expect(found, "no command: %s", said)
    contains(t.pystrobe("dump", found.group(1)).out, "busy.py", "the advice")
    os.kill(int(found.group(1)), 9)
    equal(recorder.wait(), EXIT_FAILED, "exit status")


def test_script(t):
    """A script instead of a program: what is said can be typed."""
    shutil.copy(os.path.join(ROOT, "tests", "targets", "demo.py"),
                t.path("app.py"))
    with open(t.path("empty.py"), "w") as f:
        f.write("print('it runs')\n")
    for name, mode in (("empty.py", 0o644), ("./empty.py", 0o644),
                       ("./empty.py", 0o755)):
        os.chmod(t.path(name), mode)
        said = answered(t, EXIT_FAILED, "record", name)
        contains(said, "record -- python3 " + name, "advice")
        contains(follow(t, said, None).out, "it runs", "what is advised")
    with open(t.path("tool"), "w") as f:
        f.write("#!/bin/sh\necho it runs\n")
    os.chmod(t.path("tool"), 0o755)
    said = answered(t, EXIT_FAILED, "record", "tool")
    contains(follow(t, said, None).out, "it runs", "what is advised")
    contains(answered(t, EXIT_FAILED, "record", "missing.py"), "PATH",
             "no such program")


def test_pid_as_program(t):
    for command in ("record", "top"):
        said = answered(t, EXIT_FAILED, command, "4194304")
        contains(said, "no program is called '4194304'", "what is said")
        contains(said, "pystrobe %s -p" % command, "what is said")
        result = follow(t, said, EXIT_FAILED)
        contains(result.err, "no process has the PID 4194304",
                 "what is advised")


def test_two_pids(t):
    """A recording is of one; neither of them is silently left out."""
    said = answered(t, EXIT_USAGE, "record", "-p", "1", "-p", "2")
    contains(said, "both 1 and 2", "what is said")
    contains(said, "pystrobe report", "what helps")


def test_values(t):
    """An extension, a rate, a duration that cannot be: what may be."""
    for words, parts in (
            (("-o", "x.png"), (".svg", ".strobe", "-f")),
            (("-o", "x"), (".svg", ".strobe", "-f")),
            (("-r", "0"), ("0.001 to 10M",)),
            (("-r", "zero"), ("100", "1k")),
            (("-d", "ten seconds"), ("30s", "2m")),
            (("-d", "10 seconds"), ("30s", "2m")),
            (("-d", "0"), ("1us to 366d",)),
            (("-f", "png"), ("svg", "collapsed")),
            (("--mode", "fast"), ("cpu", "wall"))):
        said = answered(t, EXIT_USAGE, "record", "-p", "1", *words)
        for part in parts + (words[1],):
            contains(said, part, "what is said of " + " ".join(words))
    equal([name for name in os.listdir(t.folder) if name[:1] == "x"], [],
          "files that were left")


def test_no_permission(t):
    """Another user's process, by each command that takes a PID: the cause and
    the remedy, and exit status 77."""
    if os.geteuid():
        raise Skip("only root can become another user")
    need("setpriv")
    os.chmod(t.folder, 0o755)
    program = shutil.copy(t.program, t.path("pystrobe"))
    os.chmod(program, 0o755)
    target = t.ready("busy.py")
    other = t.start(["sh", "-c", "echo; read word"])
    other.line()
    for pid in (target.pid, other.pid, 1):
        for words in (("record", "-d", "1", "-f", "collapsed", "-p"),
                      ("dump",)):
            result = t.run(["setpriv", "--reuid", "nobody", "--regid",
                            "nogroup", "--clear-groups", program] +
                           list(words) + [str(pid)], status=EXIT_DENIED)
            said = sentence(result)
            contains(said, "belongs to another user, 'root'", "the cause")
            contains(said, "sudo pystrobe", "the remedy")
    offered = t.run(["setpriv", "--reuid", "nobody", "--regid", "nogroup",
                     "--clear-groups", program, "--completion", "pids"]).out
    expect(str(target.pid) not in offered.split(), "offered in vain")
