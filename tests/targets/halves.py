"""Works for a moment, half of it in one function and half in another, and sleeps.

Prints {"pid"} once it does; ends when standard input does.
"""
import json
import os
import sys
import threading
import time

HALF = 0.000025  # seconds


def first(n):
    while n:
        n -= 1


def second(n):
    while n:
        n -= 1


def calibrate():
    """How many rounds take HALF: the best of several."""
    best = None
    for _ in range(20):
        began = time.perf_counter()
        first(10000)
        took = time.perf_counter() - began
        best = took if best is None else min(best, took)
    return max(1, int(10000 * HALF / best))


def work():
    n = calibrate()
    print(json.dumps({"pid": os.getpid()}), flush=True)
    while True:
        first(n)
        second(n)
        time.sleep(0.0002)


threading.Thread(target=work, daemon=True).start()
sys.stdin.read()
