"""Many threads that wait, and one that works. Prints {"pid", "threads"} once
they do.

    crowd.py THREADS
"""
from __future__ import print_function

import json
import os
import sys
import threading
import time

DONE = threading.Event()


def wait_for_end():
    sys.stdin.read()
    DONE.set()


def waiter(number):
    DONE.wait()


def worker():
    total = 0
    while not DONE.is_set():
        for i in range(1000):
            total += i
    return total


def asleep():
    """How many threads of this process are."""
    states = []
    for tid in os.listdir("/proc/self/task"):
        with open("/proc/self/task/%s/stat" % tid) as stat:
            states.append(stat.read().rpartition(")")[2].split()[0])
    return states.count("S")


def main():
    count = int(sys.argv[1])
    threading.stack_size(64 << 10 if sys.version_info < (3, 12) else 256 << 10)
    started = 0
    for number in range(count):
        thread = threading.Thread(target=waiter, args=(number,),
                                  name="waiter-%d" % number)
        thread.daemon = True
        thread.start()
        started += 1
    thread = threading.Thread(target=wait_for_end)
    thread.daemon = True
    thread.start()
    seen = 0  # one that waits for the GIL sleeps as well, but not for long
    while seen < 3:
        time.sleep(0.005)
        seen = seen + 1 if asleep() > count else 0
    print(json.dumps({"pid": os.getpid(), "threads": started}))
    sys.stdout.flush()
    worker()


if __name__ == "__main__":
    main()
