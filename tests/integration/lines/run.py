#!/usr/bin/env python3
"""Checks that line_of says of every instruction of the standard library what
the interpreter itself says.

    run.py [--tool FILE] PYTHON...

PYTHON is an interpreter, or the words that start one ("chroot DIR python3").
Prints a line for each; exit status 1 when one is wrong, slow or does not run.
"""
import argparse
import os
import resource
import shlex
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(HERE)))
DUMP = os.path.join(HERE, "dump_lines.py")

DEADLINE = 240   # seconds, for one interpreter on a busy machine
CPU_SECONDS = 60  # what it may really take
LEAST = 5000      # code objects: fewer is not a standard library
ASK = "import sys; print('%d.%d.%d' % sys.version_info[:3])"


class Wrong(Exception):
    """What is not as it should be."""


def version_of(argv):
    asked = subprocess.run(argv + ["-c", ASK], stdout=subprocess.PIPE,
                           stderr=subprocess.PIPE, universal_newlines=True)
    if asked.returncode:
        raise Wrong("it does not run: " + asked.stderr.strip()[-500:])
    return asked.stdout.strip()


def cpu_seconds():
    """Of all programs that were started and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def finish(dump, reader):
    """What both said, in time; neither is left behind."""
    try:
        out, err = reader.communicate(timeout=DEADLINE)
        return out, err, dump.communicate(timeout=DEADLINE)[1]
    except subprocess.TimeoutExpired:
        raise Wrong("not done after %d s" % DEADLINE)
    finally:
        for process in dump, reader:
            if process.poll() is None:
                process.kill()
                process.wait()


def check(argv, tool):
    """The summary of one interpreter, or Wrong."""
    with open(DUMP, "rb") as script:
        dump = subprocess.Popen(argv + ["-"], stdin=script,
                                stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE)
    reader = subprocess.Popen([tool], stdin=dump.stdout,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    dump.stdout.close()
    out, err, dump_err = finish(dump, reader)
    text = out.decode().strip()
    if dump.returncode:
        raise Wrong("dump_lines.py ended with status %d: %s" % (
            dump.returncode, dump_err.decode(errors="replace")[-1000:]))
    if reader.returncode:
        raise Wrong("line_of ended with status %d:\n%s%s" % (
            reader.returncode, text, err.decode(errors="replace")))
    summary = text.split("\n")[-1]
    if int(summary.split()[0]) < LEAST:
        raise Wrong("only %s" % summary)
    return summary


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--tool", default=os.path.join(
        ROOT, "build", "tests", "line_of"))
    parser.add_argument("pythons", nargs="+", metavar="PYTHON")
    args = parser.parse_args()
    failed = 0
    for python in args.pythons:
        argv = shlex.split(python)
        began, cpu = time.monotonic(), cpu_seconds()
        try:
            version = version_of(argv)
            summary = check(argv, os.path.abspath(args.tool))
            if cpu_seconds() - cpu > CPU_SECONDS:
                raise Wrong("it took %.0f s of CPU time" % (
                    cpu_seconds() - cpu))
        except (OSError, Wrong) as error:
            failed += 1
            print("not ok lines %s: %s" % (python, error), flush=True)
        else:
            print("ok lines %s: %s, %.1f s" % (
                version, summary, time.monotonic() - began), flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
