"""Many threads that wait, and a few that work. Prints {"pid", "threads"}.

    crowd.py THREADS
"""
from __future__ import print_function

import json
import os
import sys
import threading

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
    print(json.dumps({"pid": os.getpid(), "threads": started}))
    sys.stdout.flush()
    worker()


if __name__ == "__main__":
    main()
