"""Works outside and inside of an except block in turn, a millisecond each.

Prints {"pid"} once it does.
"""
from __future__ import print_function

import json
import os
import sys
import time

CLOCK = getattr(time, "perf_counter", time.time)


def work():
    end = CLOCK() + 0.001
    while CLOCK() < end:
        pass


def plain():
    work()


def inside():
    work()


def handle():
    try:
        raise ValueError
    except ValueError:
        inside()


def main():
    print(json.dumps({"pid": os.getpid()}))
    sys.stdout.flush()
    while True:
        plain()
        handle()


main()
