"""What the targets of the benchmark share: clocks, a counter, a first line.

For every Python from 2.7 on. A target has one thread unless its purpose is to
have more; it ends when its parent does, or by a signal.
"""
from __future__ import print_function

import json
import mmap
import os
import struct
import sys
import threading
import time

try:
    wall_clock = time.monotonic

    def cpu_clock():
        """CPU seconds of this thread."""
        return time.clock_gettime(time.CLOCK_THREAD_CPUTIME_ID)
except AttributeError:  # 2.7
    import ctypes

    class Timespec(ctypes.Structure):
        _fields_ = [("s", ctypes.c_long), ("ns", ctypes.c_long)]

    LIBC = ctypes.CDLL(None)

    def clock(number):
        value = Timespec()
        LIBC.clock_gettime(number, ctypes.byref(value))
        return value.s + value.ns * 1e-9

    def wall_clock():
        return clock(1)

    def cpu_clock():
        return clock(3)

PARENT = os.getppid()


class Board(object):
    """Numbers that the benchmark reads while the target runs: a file mapped
    by both, with a sequence number on either side of what it guards."""

    def __init__(self, path, numbers):
        with open(path, "r+b") as f:
            self.map = mmap.mmap(f.fileno(), 4096)
        self.layout = struct.Struct("=Q%ddQ" % numbers)
        self.turn = 0

    def put(self, *numbers):
        self.turn += 1
        if self.turn & 255 == 0 and os.getppid() != PARENT:
            os._exit(0)
        self.layout.pack_into(self.map, 0, self.turn,
                              *(numbers + (self.turn,)))


def ready(**facts):
    facts["pid"] = os.getpid()
    print(json.dumps(facts))
    sys.stdout.flush()


def line_of(path, mark):
    with open(path) as source:
        for number, line in enumerate(source, 1):
            if line.endswith("# %s\n" % mark):
                return number


# ---- threads that wait ----

LOCK = threading.Lock()


def at_lock(arrived):
    arrived.append(1)
    with LOCK:
        pass


def at_sleep(arrived):
    arrived.append(1)
    while True:
        time.sleep(3600)


def start_waiting(count):
    """Half of them wait for a lock, half in a long sleep, by now. Threads that
    are started later have small stacks, too."""
    arrived = []
    threading.stack_size(256 << 10)
    LOCK.acquire()
    for number in range(count):
        thread = threading.Thread(target=(at_lock, at_sleep)[number % 2],
                                  args=(arrived,), name="wait-%d" % number)
        thread.daemon = True
        thread.start()
    while len(arrived) < count:
        time.sleep(0.01)
