"""Live views side by side: each in a terminal of its own, 80x24, at 1 kHz."""
import fcntl
import math
import os
import pty
import struct
import subprocess
import termios
import threading
import time

from bench import machine, run, table, tools
from bench.run import Row
from bench.target import Failed, Target

THREADS, RATE = 200, 1000
FIGURES = [
    table.Figure("cpu", "CPU %", 2, "less", True),
    table.Figure("draws", "of it drawing %", 2),
    table.Figure("mb", "resident MB", 1, "less"),
    table.Figure("slowdown", "slowdown %", 1, spread=True),
]


class Live(tools.Tool):
    def __init__(self, name, command, tool, peer):
        self.name, self.command, self.tool = name, command, tool
        self.peer = peer

    def absent(self):
        return self.tool.absent()

    def cannot(self, python):
        return self.tool.cannot(python)


def live_tools(options):
    found = []
    for tool in options.tools:
        if isinstance(tool, tools.Nothing):
            found.append(Live(tool.name, lambda pid: ["sleep", "600"], tool,
                              False))
        elif isinstance(tool, tools.Pystrobe) and not tool.flags:
            found.append(Live(
                "pystrobe", lambda pid, program=tool.program: [
                    program, "top", "-r", str(RATE), "-p", str(pid)],
                tool, False))
            found.append(Live(
                "pystrobe record", lambda pid, program=tool.program: [
                    program, "record", "-q", "-r", str(RATE), "-o",
                    "/dev/null", "-f", "strobe", "-p", str(pid)],
                tool, False))
        elif isinstance(tool, tools.PySpy) and not tool.flags:
            found.append(Live("py-spy top", lambda pid, tool=tool: [
                tool.program, "top", "-r", str(RATE), "-p", str(pid)],
                tool, True))
        elif isinstance(tool, tools.Tachyon) and not tool.flags:
            found.append(Live(
                "Tachyon --live", lambda pid, tool=tool: tool.command(
                    pid, "attach", "--live", "-a", "-r", str(RATE), str(pid)),
                tool, True))
    return found


class Terminal:
    """A program in a terminal that reads what it draws and shows nothing."""

    def __init__(self, argv):
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ,
                    struct.pack("HHHH", 24, 80, 0, 0))
        self.process = subprocess.Popen(
            argv, stdin=slave, stdout=slave, stderr=slave,
            env=dict(os.environ, TERM="xterm-256color", LC_ALL="C.UTF-8"),
            preexec_fn=self.begin)
        os.close(slave)
        self.said = b""
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    @staticmethod
    def begin():
        os.setsid()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        machine.pin_to(machine.PROFILER_CPU)()

    def read(self):
        try:
            while True:
                data = os.read(self.master, 65536)
                if not data:
                    return
                self.said = (self.said + data)[-4000:]
        except OSError:
            pass  # closed at the other end

    def close(self):
        self.process.terminate()
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        os.close(self.master)


def main_thread(pid):
    """CPU s of the main thread, which draws."""
    fields = machine.read("/proc/%d/task/%d/schedstat" % (pid, pid)).split()
    return int(fields[0]) * 1e-9 if fields else 0.0


def resident(pid):
    for line in machine.read("/proc/%d/status" % pid).split("\n"):
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return math.nan


def once(row, target, seconds):
    target.settle()
    terminal = Terminal(row.tool.command(target.pid))
    pid = terminal.process.pid
    try:
        began = time.monotonic()
        machine.sleep_until(began + 2 * run.WARM)

        def look():
            return (time.monotonic(), target.board.get(), machine.times(pid),
                    main_thread(pid))
        one = look()
        machine.sleep_until(began + 2 * run.WARM + seconds)
        two = look()
        if terminal.process.poll() is not None:
            raise Failed("it ended early: " + run.telling(
                tools.ANSI.sub("", terminal.said.decode(
                    "utf-8", "replace")).split("\n")))
        part = 100 / (two[0] - one[0])
        figures = {"rounds": target.rate(one[1], two[1]),
                   "cpu": part * (two[2][0] - one[2][0]),
                   "waited": part * (two[2][1] - one[2][1]),
                   "mb": resident(pid)}
        if row.name == "pystrobe":
            figures["draws"] = part * (two[3] - one[3])
        return figures
    finally:
        terminal.close()


def side_by_side(options, python):
    rows = [Row(tool, python) for tool in live_tools(options)]
    with run.scratch() as folder, Target(python, folder, "live",
                                         THREADS) as target:
        ended = run.rounds_of(options, rows, target,
                              lambda row: once(row, target, options.seconds))
    return {"scenario": "live", "variant": "1 kHz, 80x24",
            "python": str(python),
            "what": "1 000 functions, 200 threads, 4 of them busy",
            "wanted": "at most 3 % of a core, at most 24 MB",
            "rows": [row.data() for row in rows],
            "figures": [figure.data() for figure in FIGURES],
            "notes": ended}


def live(options):
    for minor in options.versions((3, 13), (3, 13), (3, 15), (3, 15)):
        yield lambda python=options.pythons[minor]: side_by_side(
            options, python)
