"""Threads that run for a moment, and sleep. Prints {"pid"} once they do.

    bursts.py THREADS BURST NAP

BURST and NAP in microseconds.
"""
from __future__ import print_function

import json
import os
import random
import sys
import threading
import time

CLOCK = getattr(time, "perf_counter", time.time)


def burst(seconds):
    end = CLOCK() + seconds
    while CLOCK() < end:
        pass


def run(seconds, nap):
    """Not in step with any timer: who sleeps until just after another one
    expires is woken with that, and so would keep its distance from our ticks."""
    while True:
        burst(seconds)
        time.sleep(nap * random.uniform(0.5, 1.5))


def main():
    times = [int(text) * 1e-6 for text in sys.argv[2:]]
    for _ in range(int(sys.argv[1])):
        thread = threading.Thread(target=run, args=times)
        thread.daemon = True
        thread.start()
    print(json.dumps({"pid": os.getpid()}))
    sys.stdout.flush()
    sys.stdin.read()


main()
