"""A running target, and the board on which it counts its rounds."""
import json
import mmap
import os
import select
import shutil
import signal
import struct
import subprocess
import sys
import time

from bench import machine

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "tests", "lib"))
import harness  # noqa: E402  (interpreters, and how to enter the sid root)

QUIET = 0.98  # of its core that an undisturbed target has
READY = 60  # seconds that a target may take to begin


class Failed(Exception):
    """Why a figure could not be had: a sentence."""


def pythons():
    """{(3, 13): Python, ...}: one of each version; one that needs no root
    folder of its own rather than one that does, since peers see that."""
    found = {}
    order = {"pyenv": 0, "PATH": 1, "Debian's own": 2}
    for python in harness.find_pythons()[0]:
        if not python.root:
            python.path = python.executable
        rank = order.get(python.kind, 3)
        if python.minor not in found or rank < found[python.minor][0]:
            found[python.minor] = (rank, python)
    return {minor: found[minor][1] for minor in sorted(found)}


def enter(root, folder, argv):
    """The command that runs another one in a root folder, with `folder` as
    its /mnt. It replaces itself, so the process id stays."""
    return ["unshare", "--mount", "--propagation", "private", "sh", "-c",
            harness.ENTER, root, folder] + list(argv)


def beside(pid, argv):
    """The command that runs another one in the same root folder and mount
    namespace as a process, and replaces itself."""
    return ["nsenter", "-t", str(pid), "--mount", "--root",
            "--wd"] + list(argv)


class Board:
    """Numbers that a target tells, with one sequence number at each end."""

    def __init__(self, path, numbers):
        self.layout = struct.Struct("=Q%ddQ" % numbers)
        with open(path, "wb") as f:
            f.write(bytes(4096))
        with open(path, "r+b") as f:
            self.map = mmap.mmap(f.fileno(), 4096)

    def turn(self):
        return self.layout.unpack_from(self.map)[0]

    def get(self):
        while True:
            numbers = self.layout.unpack_from(self.map)
            if numbers[0] == numbers[-1]:
                return numbers[1:-1]


class Target:
    """bench/targets/NAME.py under an interpreter, on the target's core."""

    def __init__(self, python, folder, name, *args, numbers=2):
        self.python, self.folder = python, folder
        self.had = []  # shares of the core, in the windows
        self.board = Board(os.path.join(folder, "board"), numbers)
        scripts = os.path.join(folder, "targets")
        if not os.path.isdir(scripts):
            shutil.copytree(os.path.join(HERE, "targets"), scripts)
        seen = "/mnt" if python.root else folder
        argv = [python.path, "-B", "%s/targets/%s.py" % (seen, name),
                seen + "/board"] + [str(arg) for arg in args]
        if python.root:
            argv = enter(python.root, folder, argv)
        environment = dict(os.environ, PYTHONHASHSEED="0")
        for unwanted in ("PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP"):
            environment.pop(unwanted, None)
        self.errors = open(os.path.join(folder, "target-errors"), "w+")
        self.process = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=self.errors, env=environment,
            preexec_fn=machine.pin_to(machine.TARGET_CPU))
        self.pid = self.process.pid
        self.facts = self.first_line()

    def first_line(self):
        if not select.select([self.process.stdout], [], [], READY)[0]:
            self.stop()
            raise Failed("the target has not begun")
        line = self.process.stdout.readline()
        if not line:
            self.process.wait()
            self.errors.seek(0)
            said = self.errors.read().strip().split("\n")[-1]
            raise Failed("the target ended: " + said)
        facts = json.loads(line.decode())
        if facts["pid"] != self.pid:
            self.stop()
            raise Failed("the target has another process id than we see")
        return facts

    def settle(self):
        """Waits until it has gone around twice: what it measures of itself
        does not begin in the time of another profiler."""
        first, until = self.board.turn(), time.monotonic() + READY
        while self.board.turn() < first + 2:
            if time.monotonic() > until or not self.running():
                raise Failed("the target stands still")
            time.sleep(0.002)

    def window(self, seconds):
        """Rounds per second of the board, by the target's own clock, over a
        window that begins now and in which nothing profiles."""
        before, began = self.board.get(), time.monotonic()
        cpu = machine.times(self.pid)[0]
        machine.sleep_until(began + seconds)
        used = machine.times(self.pid)[0] - cpu
        self.had.append(used / (time.monotonic() - began))
        return self.rate(before, self.board.get())

    def disturbed(self):
        """What share of its core the target had while nothing profiled; a
        sentence when that is not all of it."""
        if self.had and min(self.had) < QUIET:
            return ["The machine was not quiet: without a profiler the target "
                    "had %.0f to %.0f %% of its core." % (
                        100 * min(self.had), 100 * max(self.had))]
        return []

    @staticmethod
    def rate(before, after):
        took = after[1] - before[1]
        return (after[0] - before[0]) / took if took > 0 else 0.0

    def running(self):
        return self.process.poll() is None

    def stop(self):
        if self.running():
            self.process.kill()
            self.process.send_signal(signal.SIGCONT)
        self.process.wait()
        self.process.stdout.close()
        self.errors.close()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.stop()
