"""Computes on known lines, until standard input ends.

Prints {"pid", "hot_line", "cool_line", "idle_tid"}, and at the end, as it ends
itself, {"rounds": N}: how often it went around. Two thirds or more of its time
goes to the hot line. A second thread waits all the while.
"""
from __future__ import print_function

import json
import os
import sys
import threading
import time

DONE = threading.Event()
START = threading.Event()


def hot(rounds):
    total = 0
    for i in range(rounds):
        total = (total * 31 + i * i - (total >> 3) + (i ^ total)) % 1000003  # hot
    return total


def cool(rounds):
    total = 0
    for i in range(rounds):
        total = (total * 31 + i * i - (total >> 3) + (i ^ total)) % 1000003  # cool
    return total


def wait_for_end():
    sys.stdin.read()
    DONE.set()


def work():
    rounds = 0
    while not DONE.is_set():
        hot(9000)
        cool(1000)
        rounds += 1
    return rounds


def idle(tids):
    tids.append(int(os.readlink("/proc/thread-self").rpartition("/")[2]))
    START.set()
    DONE.wait()


def wait_for_sleep(tid):
    """Until the idle thread has come to where it waits."""
    seen = 0
    while seen < 3:
        time.sleep(0.005)
        with open("/proc/self/task/%d/stat" % tid) as stat:
            asleep = stat.read().rpartition(")")[2].split()[0] == "S"
        seen = seen + 1 if asleep else 0


def line_of(mark):
    with open(os.path.abspath(__file__)) as source:
        for number, line in enumerate(source, 1):
            if line.endswith("# %s\n" % mark):
                return number


def main():
    tids = []
    for target, args in ((wait_for_end, ()), (idle, (tids,))):
        thread = threading.Thread(target=target, args=args,
                                  name=target.__name__)
        thread.daemon = True
        thread.start()
    START.wait()
    wait_for_sleep(tids[0])
    print(json.dumps({"pid": os.getpid(), "hot_line": line_of("hot"),
                      "cool_line": line_of("cool"), "idle_tid": tids[0]}))
    sys.stdout.flush()
    rounds = work()
    print(json.dumps({"rounds": rounds}))
    sys.stdout.flush()


if __name__ == "__main__":
    main()
